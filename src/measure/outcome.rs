//! The outcome of a run, and when it left the symmetric state.

use crate::engine::RunResult;
use crate::measure::Symmetry;
use crate::net::words;

words! {
    /// What became of a run.
    Outcome {
        /// The criterion held at some step.
        Solved = "solved",
        /// It never did.
        Stuck = "stuck",
        /// The loss or a parameter grew beyond bounds.
        Diverged = "diverged",
    }
}

/// The outcome of a run; divergence goes before a solution that came earlier.
pub fn outcome(run: &RunResult) -> Outcome {
    if run.diverge_step.is_some() {
        Outcome::Diverged
    } else if run.solve_step.is_some() {
        Outcome::Solved
    } else {
        Outcome::Stuck
    }
}

/// The first of `measured` steps at which a run that started symmetric no longer is.
pub fn break_step(run: &RunResult, measured: &[u32]) -> Option<u32> {
    if run.initial.symmetry != Symmetry::Symmetric {
        return None;
    }
    symmetry_by_step(run, measured)
        .find(|&(_, symmetry)| symmetry != Symmetry::Symmetric)
        .map(|(step, _)| step)
}

/// The symmetry at each measured step before the run diverged.
pub fn symmetry_by_step(run: &RunResult, measured: &[u32]) -> impl Iterator<Item = (u32, Symmetry)> {
    let end = run.diverge_step.unwrap_or(u32::MAX);
    measured.iter().copied().zip(run.symmetry.iter().copied()).take_while(move |&(step, _)| step < end)
}

/// Started symmetric, did not diverge, is not symmetric at the end.
pub fn escaped(run: &RunResult) -> bool {
    run.initial.symmetry == Symmetry::Symmetric
        && run.diverge_step.is_none()
        && run.last.symmetry != Symmetry::Symmetric
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Measured, Units};

    fn run(symmetry: &[Symmetry], diverge_step: Option<u32>) -> RunResult {
        let at = |symmetry| Measured {
            loss: 0.25,
            error: 0.5,
            gradient_norm: 0.0,
            units: Some(Units { spread: 0.0, gap: 0.0, distinct: 1 }),
            symmetry,
        };
        RunResult {
            initial: at(symmetry[0]),
            last: at(symmetry[symmetry.len() - 1]),
            solve_step: Some(1),
            diverge_step,
            steps: 3,
            symmetry: symmetry.to_vec(),
            trace: Vec::new(),
        }
    }

    use Symmetry::{Broken, Partial, Symmetric};

    #[test]
    fn break_step_is_the_first_departure_even_if_the_run_returns() {
        let back = run(&[Symmetric, Symmetric, Partial, Symmetric], None);
        assert_eq!(break_step(&back, &[0, 1, 2, 3]), Some(2));
        assert!(!escaped(&back));
        assert_eq!(break_step(&run(&[Broken, Broken], None), &[0, 1]), None, "never started symmetric");
    }

    #[test]
    fn nothing_counts_from_divergence_on() {
        let diverged = run(&[Symmetric, Symmetric, Broken, Broken], Some(2));
        assert_eq!(break_step(&diverged, &[0, 1, 2, 3]), None);
        assert!(!escaped(&diverged));
        assert_eq!(outcome(&diverged), Outcome::Diverged, "although it was solved before");
    }
}
