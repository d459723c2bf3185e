//! What the verdicts come to: why zero is fatal and what rescues it, in sentences that follow from the findings.

use super::{Decided, Finding, Verdict};

/// The conclusion, a sentence or two a paragraph. What claims that were not tested would say is left out.
pub fn conclusion(findings: &[Finding]) -> Vec<String> {
    let of = |claim: u32| findings.iter().find(|finding| finding.claim == claim);
    let mut paragraphs = Vec::new();
    if let Some(finding) = of(2) {
        paragraphs.push(match finding.verdict {
            Verdict::Holds => {
                let mut text =
                    "Why equal weights are fatal: units that start equal stayed equal to the bit, \
                                whatever the activation, loss, optimizer or depth."
                        .to_string();
                if of(10).is_some_and(|finding| finding.verdict == Verdict::Holds) {
                    text += " So a layer of them is one unit, and one monotone unit cannot compute XOR.";
                }
                text
            }
            _ => "Units that start equal did not always stay equal here.".to_string(),
        });
    }
    if let Some(finding) = of(3) {
        paragraphs.push(match finding.verdict {
            Verdict::Holds => "Zero is not special in this: equal non-zero weights are as bad.".into(),
            _ => "Equal non-zero weights are not as bad as zero here.".into(),
        });
    }
    for (claim, yes, no) in [
        (5, "From exactly zero, weights are still zero after training with", "They are not with"),
        (4, "By hidden layer, zero is harmless with", "It is fatal with"),
        (12, "What rescues it: most XOR runs break and are solved at", "Not within these steps at"),
        (13, "What else parts copies:", "What does not:"),
        (14, "With random biases on zero weights, these are true:", "These are not:"),
    ] {
        let Some(finding) = of(claim) else { continue };
        let [holds, fails] = split(finding);
        let sentence = |words: &str, list: Vec<&str>| format!("{words} {}.", list.join(", "));
        let sentences: Vec<String> = [(yes, holds), (no, fails)]
            .into_iter()
            .filter(|(_, list)| !list.is_empty())
            .map(|(words, list)| sentence(words, list))
            .collect();
        paragraphs.push(sentences.join(" "));
    }
    paragraphs
}

/// The circumstances of the true statements, and of the false ones.
fn split(finding: &Finding) -> [Vec<&str>; 2] {
    let labels = |holds: bool| {
        let statements = finding.statements.iter().filter(move |decided| decided.holds == holds);
        statements.map(|decided: &Decided| decided.label.as_str()).collect()
    };
    [labels(true), labels(false)]
}
