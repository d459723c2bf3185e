//! One run under the glass, in f64: what it looks like at chosen steps, and the kind of point that its parameters are at.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`hessian`] | second derivatives of the loss, their eigenvalues, the kind of stationary point |
//! | [`snapshot`] | everything about a network at one step |
//! | [`text`] | snapshots as tables for people |

use std::sync::atomic::AtomicBool;

use serde::Serialize;

use crate::engine::reference::observe;
use crate::engine::{EngineError, Program, Run};

pub mod hessian;
pub mod snapshot;
pub mod text;

pub use snapshot::Snapshot;

/// A run at the steps that were asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// In the order of the steps. Where the run rests earlier than asked, the last is of the step at which it rests.
    pub snapshots: Vec<Snapshot>,
    /// First step at which the criterion held, among those trained.
    pub solve_step: Option<u32>,
    /// First step at which the run was found diverged.
    pub diverge_step: Option<u32>,
    /// Updates applied: up to the last step asked for, or until the run rests.
    pub steps: u32,
}

/// Trains a run by the reference engine's arithmetic from the start that all engines share, and looks at it after each of
/// `steps`, which are ascending and at most the program's. Training ends with the last of them.
///
/// # Errors
/// [`EngineError::Interrupted`]
pub fn inspect(
    program: &Program,
    run: &Run,
    steps: &[u32],
    interrupted: &AtomicBool,
) -> Result<Inspection, EngineError> {
    let program = Program { steps: steps.last().copied().unwrap_or(0), ..program.clone() };
    let (mut initial, mut first_moved) = (Vec::new(), Vec::new());
    let mut seen: Vec<(u32, Vec<f64>, Vec<Option<u32>>)> = Vec::new();
    let mut last = (0, Vec::new());
    let result = observe(&program, run, interrupted, &mut |step, parameters| {
        if step == 0 {
            initial = parameters.to_vec();
            first_moved = vec![None; parameters.len()];
        }
        for (moved, (now, before)) in first_moved.iter_mut().zip(parameters.iter().zip(&initial)) {
            if moved.is_none() && now.to_bits() != before.to_bits() {
                *moved = Some(step);
            }
        }
        if steps.binary_search(&step).is_ok() {
            seen.push((step, parameters.to_vec(), first_moved.clone()));
        }
        last.0 = step;
        last.1.clear();
        last.1.extend_from_slice(parameters);
    })?;
    if seen.last().is_none_or(|(step, ..)| *step < last.0) {
        seen.push((last.0, last.1, first_moved));
    }
    let snapshots = seen
        .iter()
        .map(|(step, parameters, first)| Snapshot::of(&program, run, *step, &initial, parameters, first))
        .collect();
    let crate::engine::RunResult { solve_step, diverge_step, steps, .. } = result;
    Ok(Inspection { snapshots, solve_step, diverge_step, steps })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::reference::ReferenceEngine;
    use crate::engine::{Batch, Engine, Start};
    use crate::net::{Activation, NoiseKinds, Optimizer};
    use crate::task::Boolean;
    use crate::verify::{nets, unwatched};

    fn look(program: &Program, run: &Run, steps: &[u32]) -> Inspection {
        inspect(program, run, steps, &AtomicBool::new(false)).unwrap()
    }

    fn zero() -> Run {
        Run { scale: 0.0, bias_scale: 0.0, ..nets::run(0) }
    }

    fn moved(snapshot: &Snapshot) -> Vec<(String, usize)> {
        snapshot.moved.iter().map(|group| (group.name.clone(), group.moved)).collect()
    }

    fn counts(words: [(&str, usize); 4]) -> Vec<(String, usize)> {
        words.map(|(name, count)| (name.to_string(), count)).to_vec()
    }

    #[test]
    fn it_ends_where_the_reference_engine_does_under_every_kind_of_training() {
        let plain = nets::boolean(Boolean::Xor, &[3], Activation::Tanh, 200);
        let noise = NoiseKinds { dropout: true, gradient: true, input: true, mask: true };
        for program in [
            plain.clone(),
            Program { optimizer: Optimizer::Adam, batch: Some(3), ..plain.clone() },
            Program { noise, optimizer: Optimizer::Nesterov, ..plain },
        ] {
            let run = Run { dropout: 0.3, gradient_noise: 0.1, input_noise: 0.1, mask: 0.2, ..nets::run(7) };
            let found = look(&program, &run, &[0, 5, 200]);
            let batch = Batch { program: &program, runs: &[run], start: Start::Drawn, keep_parameters: true };
            let trained = ReferenceEngine::new(Some(1)).unwrap().train(&batch, &unwatched()).unwrap();
            let ends = trained.parameters.unwrap();
            for (snapshot, theirs) in [(&found.snapshots[0], ends.initial), (&found.snapshots[2], ends.last)]
            {
                let ours: Vec<f32> = snapshot.parameters.iter().map(|p| p.value as f32).collect();
                assert_eq!(ours, theirs);
            }
            let (last, expected) = (&found.snapshots[2], trained.runs[0].last);
            assert_eq!((last.loss, last.error), (expected.loss, expected.error));
            assert_eq!(last.gradient_norm, expected.gradient_norm);
            assert_eq!(last.symmetry, Some(expected.symmetry.word()));
            assert_eq!(last.spread, expected.units.map(|units| units.spread));
            assert_eq!(last.distinct_units, expected.units.map(|units| units.distinct));
        }
    }

    /// The claims of the thread that `inspect` is to show: from zero on AND the output weights move first, then the layer
    /// below, all units alike bit for bit.
    #[test]
    fn from_zero_on_and_the_layers_move_one_after_the_other_and_the_units_stay_the_same() {
        let program = nets::boolean(Boolean::And, &[2], Activation::Logistic, 100);
        let found = look(&program, &zero(), &[0, 1, 2, 10]);
        let [start, one, two, ten] = &found.snapshots[..] else { panic!("{found:?}") };
        let names = ["hidden1.weight", "hidden1.bias", "output.weight", "output.bias"];
        let expect = |counts: [usize; 4]| self::counts(std::array::from_fn(|i| (names[i], counts[i])));
        assert_eq!(moved(start), expect([0, 0, 0, 0]));
        assert_eq!(moved(one), expect([0, 0, 2, 1]));
        assert_eq!(moved(two), expect([4, 2, 2, 1]));
        assert_eq!(two.moved[0].first_moved_step, Some(2));
        assert_eq!(two.moved[2].first_moved_step, Some(1));
        for snapshot in [start, one, two, ten] {
            assert_eq!(snapshot.units[1].same_as, Some(0), "at step {}", snapshot.step);
            assert_eq!((snapshot.spread, snapshot.distinct_units), (Some(0.0), Some(1)));
        }
        assert_eq!(found.steps, 10, "training ends with the last step asked for");
        // Its twins: a perturbed start, and tanh, of which no weight moves.
        let perturbed = look(&program, &Run { scale: 1e-3, ..zero() }, &[0, 1]);
        assert_eq!(perturbed.snapshots[1].units[1].same_as, None);
        assert_eq!(moved(&perturbed.snapshots[1])[0].1, 4);
        let tanh = nets::boolean(Boolean::And, &[2], Activation::Tanh, 100);
        assert_eq!(moved(&look(&tanh, &zero(), &[50]).snapshots[0]), expect([0, 0, 0, 1]));
    }

    #[test]
    fn a_run_that_rests_is_shown_where_it_rests() {
        let program = nets::boolean(Boolean::And, &[2], Activation::Tanh, 10_000);
        let program = Program { stop_when_solved: true, ..program };
        let found = look(&program, &nets::run(1), &[0, 10_000]);
        let solved = found.solve_step.unwrap();
        assert!(solved < 10_000);
        assert_eq!(found.snapshots.iter().map(|s| s.step).collect::<Vec<_>>(), [0, solved]);
        assert!(found.snapshots[1].error < 0.4);
    }

    #[test]
    fn a_diverged_run_has_no_symmetry_and_no_point() {
        let mut program = nets::boolean(Boolean::And, &[2], Activation::Linear, 1000);
        program.shape.output = Activation::Linear;
        let found = look(&program, &Run { lr: 50.0, ..nets::run(1) }, &[0, 1000]);
        let last = found.snapshots.last().unwrap();
        assert_eq!(found.diverge_step, Some(last.step));
        assert_eq!((last.symmetry, last.spread, last.distinct_units), (None, None, None));
        // Beyond the limit, if not beyond f64.
        assert!(last.loss > 1e30 || last.loss.is_nan());
    }
}
