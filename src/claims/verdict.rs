//! Holds, fails or depends, and on what.

use std::fmt;

use serde::Serialize;

/// What the statements of a claim come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All are true.
    Holds,
    /// All are false.
    Fails,
    /// Some are true.
    Depends,
}

impl Verdict {
    /// Of statements that are true or false.
    pub fn of(truths: &[bool]) -> Verdict {
        match (truths.contains(&true), truths.contains(&false)) {
            (true, true) => Verdict::Depends,
            (true, false) => Verdict::Holds,
            (false, _) => Verdict::Fails,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Holds => "holds",
            Verdict::Fails => "fails",
            Verdict::Depends => "depends",
        })
    }
}

/// What tells the true statements from the false ones: the fewest aspects by which no true statement is given the
/// same as a false one. `given` holds aspect and value, the same aspects in each statement.
pub fn depends_on(given: &[&[(&str, &str)]], truths: &[bool]) -> String {
    let aspects = given.first().map_or(0, |first| first.len());
    let values = |statement: usize, chosen: u32| -> Vec<&str> {
        let of = given[statement].iter().enumerate();
        of.filter(|(aspect, _)| chosen >> aspect & 1 == 1).map(|(_, &(_, value))| value).collect()
    };
    let separates = |chosen: u32| {
        let all = 0..truths.len();
        all.clone()
            .all(|a| all.clone().all(|b| truths[a] == truths[b] || values(a, chosen) != values(b, chosen)))
    };
    // All of them do: statements of a claim differ in something that is given.
    let every = (1 << aspects) - 1;
    let chosen = (1..=every)
        .filter(|&chosen| separates(chosen))
        .min_by_key(|chosen| chosen.count_ones())
        .unwrap_or(every);
    let list = |truth: bool| {
        let mut list: Vec<String> = Vec::new();
        for statement in (0..truths.len()).filter(|&statement| truths[statement] == truth) {
            let value = values(statement, chosen).join(" on ");
            if !list.contains(&value) {
                list.push(value);
            }
        }
        list.join(", ")
    };
    let names: Vec<&str> = given[0]
        .iter()
        .enumerate()
        .filter(|(a, _)| chosen >> a & 1 == 1)
        .map(|(_, &(name, _))| name)
        .collect();
    format!("{}: true for {}; false for {}", names.join(" and "), list(true), list(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_follows_from_its_statements() {
        assert_eq!(Verdict::of(&[true, true]), Verdict::Holds);
        assert_eq!(Verdict::of(&[false]), Verdict::Fails);
        assert_eq!(Verdict::of(&[true, false]), Verdict::Depends);
    }

    const GIVEN: [&[(&str, &str)]; 3] = [
        &[("units", "tanh"), ("task", "AND")],
        &[("units", "logistic"), ("task", "AND")],
        &[("units", "logistic"), ("task", "XOR")],
    ];

    #[test]
    fn what_it_depends_on_is_the_least_that_tells_them_apart() {
        assert_eq!(depends_on(&GIVEN, &[true, false, false]), "units: true for tanh; false for logistic");
        assert_eq!(depends_on(&GIVEN, &[false, false, true]), "task: true for XOR; false for AND");
        assert_eq!(
            depends_on(&GIVEN, &[true, false, true]),
            "units and task: true for tanh on AND, logistic on XOR; false for logistic on AND"
        );
    }
}
