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
    let step = *measured.get(first_other(&run.symmetry, Symmetry::Symmetric)?)?;
    run.diverge_step.is_none_or(|diverged| step < diverged).then_some(step)
}

/// The first place at which something else stands than `symmetry`.
pub fn first_other(symmetries: &[Symmetry], symmetry: Symmetry) -> Option<usize> {
    // Runs change rarely: chunks are passed over without a branch for each step.
    let (chunks, _) = symmetries.as_chunks::<16>();
    let differs = |chunk: &[Symmetry; 16]| chunk.iter().fold(false, |any, &other| any | (other != symmetry));
    let from = 16 * chunks.iter().take_while(|chunk| !differs(chunk)).count();
    symmetries[from..].iter().position(|&other| other != symmetry).map(|place| from + place)
}

/// Started symmetric, did not diverge, is not symmetric at the end.
pub fn escaped(run: &RunResult) -> bool {
    run.initial.symmetry == Symmetry::Symmetric
        && run.diverge_step.is_none()
        && run.last.symmetry != Symmetry::Symmetric
}

/// Gradient norm above which a stuck run was still moving when its steps ran out.
pub const MOVING: f64 = 1e-4;

words! {
    /// Where a stuck run stands when its steps run out: whether more of them might have changed the outcome.
    Standstill {
        /// Units identical on every sample (spread 0): exact copies, which can never part, or dead and saturated ones.
        Copies = "copies",
        /// Still symmetric, but its units differ: on the plateau around the copies, where the gradient is tiny.
        /// More steps may part them, or the copies may have attracted the run for good.
        Plateau = "plateau",
        /// Not symmetric, and its gradient norm is above [`MOVING`].
        Moving = "moving",
        /// Not symmetric, hardly moving: at or near a local minimum.
        Rest = "rest",
    }
}

/// Where a stuck run stands; `None` for other outcomes.
pub fn standstill(run: &RunResult) -> Option<Standstill> {
    if outcome(run) != Outcome::Stuck {
        return None;
    }
    let symmetric = run.last.symmetry == Symmetry::Symmetric;
    Some(match run.last.units {
        Some(units) if symmetric && units.spread == 0.0 => Standstill::Copies,
        _ if symmetric => Standstill::Plateau,
        _ if run.last.gradient_norm > MOVING => Standstill::Moving,
        _ => Standstill::Rest,
    })
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
    fn the_first_other_symmetry_is_found_wherever_it_stands() {
        for length in [0, 1, 15, 16, 17, 40] {
            let mut symmetries = vec![Symmetric; length];
            assert_eq!(first_other(&symmetries, Symmetric), None);
            assert_eq!(first_other(&symmetries, Broken), (length > 0).then_some(0));
            for place in (0..length).rev() {
                symmetries[place] = Partial;
                assert_eq!(first_other(&symmetries, Symmetric), Some(place), "of {length}");
            }
        }
    }

    #[test]
    fn a_stuck_run_says_whether_more_steps_might_help() {
        let stuck = |symmetry, spread, gradient_norm| {
            let mut run = RunResult { solve_step: None, ..run(&[symmetry], None) };
            run.last.units = Some(Units { spread, gap: spread, distinct: 1 });
            run.last.gradient_norm = gradient_norm;
            standstill(&run)
        };
        assert_eq!(stuck(Symmetric, 0.0, 1.0), Some(Standstill::Copies));
        assert_eq!(stuck(Symmetric, 1e-9, 1e-9), Some(Standstill::Plateau));
        assert_eq!(stuck(Broken, 0.5, 2e-4), Some(Standstill::Moving));
        assert_eq!(stuck(Partial, 0.5, 1e-4), Some(Standstill::Rest));
        assert_eq!(standstill(&run(&[Broken], None)), None, "solved");
    }

    #[test]
    fn nothing_counts_from_divergence_on() {
        let diverged = run(&[Symmetric, Symmetric, Broken, Broken], Some(2));
        assert_eq!(break_step(&diverged, &[0, 1, 2, 3]), None);
        assert!(!escaped(&diverged));
        assert_eq!(outcome(&diverged), Outcome::Diverged, "although it was solved before");
    }
}
