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
    if let Some(finding) = of(5) {
        let [still, moved] = split(finding);
        let mut sentences = Vec::new();
        if !still.is_empty() {
            sentences.push(format!("From exactly zero no weight ever moves for {}.", still.join("; ")));
        }
        if !moved.is_empty() {
            sentences.push(format!("Weights do leave zero for {}.", moved.join("; ")));
        }
        paragraphs.push(sentences.join(" "));
    }
    if let Some(finding) = of(4) {
        let [harmless, fatal] = split(finding);
        if !harmless.is_empty() && !fatal.is_empty() {
            paragraphs.push(format!(
                "By hidden layer and task, zero is harmless for {}; it is fatal for {}.",
                harmless.join("; "),
                fatal.join("; ")
            ));
        }
    }
    let mut rescues = Vec::new();
    let mut does_not = Vec::new();
    for finding in [12, 13, 14].into_iter().filter_map(of) {
        let [yes, no] = split(finding);
        let verb = match finding.claim {
            12 => "solves most XOR runs",
            13 => "parts most copies",
            _ => "works from zero weights and random biases",
        };
        if !yes.is_empty() {
            rescues.push(format!("{verb}: {}", yes.join(", ")));
        }
        if !no.is_empty() {
            does_not.push(format!("{verb}: {}", no.join(", ")));
        }
    }
    if !rescues.is_empty() {
        paragraphs.push(format!("What rescues. {}.", rescues.join("; ")));
    }
    if !does_not.is_empty() {
        paragraphs.push(format!("What does not. {}.", does_not.join("; ")));
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
