//! The claims of the discussion that this program comes from, each a list of statements, each statement decided by runs.
//!
//! Claim → spec → judgement: an [`Experiment`] is an ordinary spec; a [`Statement`] names the experiments and which
//! of their cells it speaks of, and a judge that looks at the runs of these cells. A verdict is computed from what the judges
//! say, and so is what it depends on. Nothing here knows what will come out.
//!
//! | module | what it is |
//! | --- | --- |
//! | `zero`, `equal`, `escape` | the claims: of zero weights, of equal units, of what parts them |
//! | [`judges`] | what runs must show |
//! | [`observed`] | an experiment's runs, trained and in memory |
//! | `verdict` | holds, fails, or depends, and on what |
//! | [`conclusion`] | what the verdicts come to |

pub mod conclusion;
mod equal;
mod escape;
pub mod judges;
pub mod observed;
mod verdict;
mod zero;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::engine::{Engine, EngineError, Watch};
use crate::spec::{self, Overrides, Plan, SpecError};

use judges::Judge;
use observed::Observed;
pub use verdict::Verdict;

/// A spec whose runs decide statements.
#[derive(Debug)]
pub struct Experiment {
    /// Of its spec, and of its result directory; no two have one name.
    pub name: &'static str,
    /// Whether statements ask for every measured step of every run (`--trace`).
    pub traced: bool,
    /// Its TOML.
    pub text: &'static str,
}

impl Experiment {
    /// The plan of its spec, with these changes.
    ///
    /// # Errors
    /// Where the changes do not fit.
    pub fn plan(&self, changes: &Overrides) -> Result<Plan, SpecError> {
        // Its warnings are of keys that a change made idle; the specs as they stand have none, which is tested.
        spec::parse(self.text, self.name, changes).map(|(plan, _)| plan)
    }
}

/// Something that is true or false of the runs of some cells.
#[derive(Debug)]
pub struct Statement {
    /// In words.
    pub text: &'static str,
    /// The circumstances, aspect and value, by which it differs from the other statements of its claim.
    pub given: &'static [(&'static str, &'static str)],
    /// The specs whose runs decide it.
    pub specs: &'static [&'static Experiment],
    /// The cells that it speaks of: those with one of these values of each of these keys, as columns print them.
    pub cells: &'static [(&'static str, &'static [&'static str])],
    /// Decides it.
    pub judge: Judge,
}

/// A claim.
#[derive(Debug)]
pub struct Claim {
    /// As in the documentation.
    pub number: u32,
    /// In words.
    pub text: &'static str,
    /// What it comes to.
    pub statements: &'static [Statement],
}

/// Every claim, by number.
pub static CLAIMS: [&Claim; 14] = [
    &zero::RESTARTS,
    &equal::SAME_FOR_EVER,
    &equal::NON_ZERO,
    &zero::DELTA_RULE,
    &zero::MULTIPLIED,
    &zero::LAYER_BY_LAYER,
    &zero::TANH_STOPS,
    &zero::NO_GRADIENT,
    &zero::SADDLE,
    &equal::ONE_UNIT,
    &equal::INPUTS,
    &escape::PERTURBATION,
    &escape::OTHER_MEANS,
    &escape::RANDOM_BIASES,
];

impl Claim {
    /// The specs of its statements, each once, in the order of the statements.
    pub fn experiments(&self) -> Vec<&'static Experiment> {
        let mut experiments: Vec<&'static Experiment> = Vec::new();
        for &experiment in self.statements.iter().flat_map(|statement| statement.specs) {
            if experiments.iter().all(|other| other.name != experiment.name) {
                experiments.push(experiment);
            }
        }
        experiments
    }
}

/// A statement and what its runs say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decided {
    /// In words.
    pub text: String,
    /// Whether it is true.
    pub holds: bool,
    /// The figures that decide it.
    pub evidence: String,
    /// Names of the specs that the runs are of.
    pub specs: Vec<String>,
    /// Its circumstances in a few words, for a list.
    #[serde(skip)]
    pub label: String,
}

/// A claim and what its runs say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its number.
    pub claim: u32,
    /// In words.
    pub text: String,
    /// Whether all its statements are true, none, or some.
    pub verdict: Verdict,
    /// What a verdict of "depends" depends on.
    pub on: Option<String>,
    /// One for one.
    pub statements: Vec<Decided>,
    /// Runs that it rests on. Claims may share runs.
    pub runs: u64,
}

/// Why a claim could not be tested.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Changes that do not fit a spec.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// Training failed or was interrupted.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Runs the specs of a claim, each with these changes, and judges what comes out.
///
/// # Errors
/// Where the changes do not fit, or the engine fails or is interrupted.
pub fn test(
    claim: &Claim,
    changes: &Overrides,
    engine: &mut dyn Engine,
    watch: &Watch<'_>,
) -> Result<Finding, ClaimError> {
    let mut all = BTreeMap::new();
    for experiment in claim.experiments() {
        let plan = experiment.plan(changes)?;
        all.insert(experiment.name, Observed::train(plan, experiment.traced, engine, watch)?);
    }
    Ok(judge(claim, &all))
}

/// Judges a claim by the runs of its specs, which `observed` holds by their names.
///
/// # Panics
/// If it lacks one.
pub fn judge(claim: &Claim, observed: &BTreeMap<&'static str, Observed>) -> Finding {
    let decide = |statement: &Statement| {
        let cells = statement.specs.iter().flat_map(|spec| observed[spec.name].cells(statement.cells));
        let judgement = (statement.judge)(&cells.collect::<Vec<_>>());
        let label: Vec<&str> = statement.given.iter().map(|&(_, value)| value).collect();
        Decided {
            text: statement.text.to_string(),
            holds: judgement.holds,
            evidence: judgement.evidence,
            specs: statement.specs.iter().map(|spec| spec.name.to_string()).collect(),
            label: label.join(" on "),
        }
    };
    let statements: Vec<Decided> = claim.statements.iter().map(decide).collect();
    let truths: Vec<bool> = statements.iter().map(|statement| statement.holds).collect();
    let verdict = Verdict::of(&truths);
    let given: Vec<_> = claim.statements.iter().map(|statement| statement.given).collect();
    Finding {
        claim: claim.number,
        text: claim.text.to_string(),
        verdict,
        on: (verdict == Verdict::Depends).then(|| verdict::depends_on(&given, &truths)),
        statements,
        runs: claim.experiments().iter().map(|experiment| observed[experiment.name].plan.runs()).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_numbered_and_no_two_specs_have_one_name() {
        let mut texts = BTreeMap::new();
        for (claim, number) in CLAIMS.iter().zip(1..) {
            assert_eq!(claim.number, number);
            for experiment in claim.experiments() {
                let text = texts.entry(experiment.name).or_insert(experiment.text);
                assert_eq!(*text, experiment.text, "{}", experiment.name);
            }
        }
    }

    #[test]
    fn every_spec_is_read_without_a_warning_and_every_statement_speaks_of_cells() {
        for claim in CLAIMS {
            for statement in claim.statements {
                for experiment in statement.specs {
                    let read = spec::parse(experiment.text, experiment.name, &Overrides::default());
                    let (plan, warnings) = read.unwrap_or_else(|error| panic!("{error}"));
                    assert_eq!(warnings, [], "{}", experiment.name);
                    let of = observed::selected(&plan, statement.cells).count();
                    assert!(of > 0, "{}: {} speaks of nothing", claim.number, statement.text);
                    for (key, values) in statement.cells {
                        for value in *values {
                            let single = [(*key, std::slice::from_ref(value))];
                            let some = observed::selected(&plan, &single).count();
                            assert!(some > 0, "{}: {key} = {value} is nowhere", experiment.name);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn statements_of_a_claim_differ_in_what_is_given() {
        for claim in CLAIMS {
            for (i, statement) in claim.statements.iter().enumerate() {
                assert!(!statement.given.is_empty());
                for other in &claim.statements[..i] {
                    assert_ne!(statement.given, other.given, "{}", claim.number);
                    let aspects =
                        |s: &Statement| s.given.iter().map(|&(aspect, _)| aspect).collect::<Vec<_>>();
                    assert_eq!(aspects(statement), aspects(other), "{}", claim.number);
                }
            }
        }
    }
}
