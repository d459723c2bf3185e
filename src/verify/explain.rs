//! When two engines may label the same run differently: the rounding of f32 decides some runs, and this says
//! which.

use crate::engine::reference::{Disturbance, ReferenceEngine};
use crate::engine::{EngineError, Program, Run, RunResult, Start, Watch};
use crate::measure::{Outcome, Symmetry, outcome};

/// Nudged reruns that look for both labels.
pub const RERUNS: u32 = 32;

/// What a run is counted as: its outcome and its symmetry at the end, which a diverged run has none of.
pub fn label(run: &RunResult) -> (Outcome, Option<Symmetry>) {
    let outcome = outcome(run);
    (outcome, (outcome != Outcome::Diverged).then_some(run.last.symmetry))
}

/// Indices of the runs that two engines label differently. Lists of different lengths differ in every index
/// that only one of them has.
pub fn labels(a: &[RunResult], b: &[RunResult]) -> Vec<usize> {
    let differs = |&i: &usize| a.get(i).map(label) != b.get(i).map(label);
    (0..a.len().max(b.len())).filter(differs).collect()
}

/// Whether the difference between the labels of `a` and `b`, two engines' results of one run, is explained:
///
/// - the deciding quantity is near its limit: spread or gap within 20 % of the tolerance where the symmetries
///   differ, `solve_step` within 1 % of `steps` where solved and stuck differ; or
/// - both labels occur among f64 reruns from the same start that are disturbed as rounding in f32 would:
///   [`RERUNS`] whose parameters get an independent relative nudge of ±2⁻²⁴ after every step, and as many
///   whose parameters are stored in f32 after every step.
///
/// Equal labels need no explanation. `start` holds this run's parameters alone, if they are given.
///
/// # Errors
/// [`EngineError::Interrupted`]
pub fn explain(
    reference: &ReferenceEngine,
    program: &Program,
    run: &Run,
    start: Start<'_>,
    a: &RunResult,
    b: &RunResult,
    watch: &Watch<'_>,
) -> Result<bool, EngineError> {
    if label(a) == label(b) || near_limit(program, run, a, b) {
        return Ok(true);
    }
    let mut reruns = reference.nudged(program, run, start, Disturbance::Nudged, RERUNS, watch)?.runs;
    reruns.extend(reference.nudged(program, run, start, Disturbance::Stored, RERUNS, watch)?.runs);
    let occurs = |wanted: &RunResult| reruns.iter().any(|rerun| label(rerun) == label(wanted));
    Ok(occurs(a) && occurs(b))
}

/// Whether every part of the label that differs was decided near its limit.
fn near_limit(program: &Program, run: &Run, a: &RunResult, b: &RunResult) -> bool {
    let ((outcome_a, symmetry_a), (outcome_b, symmetry_b)) = (label(a), label(b));
    let late = |result: &RunResult| {
        result.solve_step.is_some_and(|step| f64::from(step) >= 0.99 * f64::from(program.steps))
    };
    let tolerance = run.symmetry_tolerance;
    let close = |result: &RunResult| {
        let near = |quantity: f64| (quantity - tolerance).abs() <= 0.2 * tolerance;
        result.last.units.is_some_and(|units| near(units.spread) || near(units.gap))
    };
    let diverged = [outcome_a, outcome_b].contains(&Outcome::Diverged);
    let outcome_explained = outcome_a == outcome_b || (!diverged && (late(a) || late(b)));
    let symmetry_explained = symmetry_a == symmetry_b || (!diverged && (close(a) || close(b)));
    outcome_explained && symmetry_explained
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Batch, Engine};
    use crate::net::{Activation, Base};
    use crate::task::Boolean;
    use crate::verify::{nets, unwatched};

    fn results() -> (Program, Vec<Run>, Vec<RunResult>) {
        let program = nets::boolean(Boolean::Xor, &[2], Activation::Logistic, 2000);
        let runs = nets::seeds(40, Run { lr: 4.0, ..nets::run(0) });
        let batch = Batch { program: &program, runs: &runs, start: Start::Drawn, keep_parameters: false };
        let trained = ReferenceEngine::new(Some(2)).unwrap().train(&batch, &unwatched()).unwrap();
        (program, runs, trained.runs)
    }

    #[test]
    fn a_wrong_label_of_a_clear_run_is_not_explained_and_a_late_or_close_one_is() {
        let (program, runs, results) = results();
        let reference = ReferenceEngine::new(Some(2)).unwrap();
        let explain = |i: usize, b: &RunResult| {
            let start = Start::Drawn;
            explain(&reference, &program, &runs[i], start, &results[i], b, &unwatched()).unwrap()
        };
        // Solved well before the end, with units far apart.
        let clear = (0..results.len())
            .find(|&i| {
                let units = results[i].last.units.unwrap();
                results[i].solve_step.is_some_and(|s| s < 1000) && units.gap > 0.2
            })
            .unwrap();
        let a = &results[clear];
        assert!(explain(clear, a), "equal labels");
        let stuck = RunResult { solve_step: None, ..a.clone() };
        assert!(labels(&results[..1], &results[..1]).is_empty());
        assert_eq!(labels(std::slice::from_ref(a), std::slice::from_ref(&stuck)), [0]);
        assert_eq!(labels(std::slice::from_ref(a), &[]), [0]);
        assert!(!explain(clear, &stuck));
        let mut symmetric = a.clone();
        symmetric.last.symmetry = Symmetry::Symmetric;
        assert!(!explain(clear, &symmetric));
        // The same wrong symmetry with a spread just under the tolerance.
        symmetric.last.units.as_mut().unwrap().spread = 0.09;
        assert!(explain(clear, &symmetric));
        // A spread near the limit does not excuse another outcome, nor does anything excuse divergence.
        let both = RunResult { solve_step: None, ..symmetric.clone() };
        assert!(!explain(clear, &both));
        let diverged = RunResult { diverge_step: Some(3), ..symmetric };
        assert!(!explain(clear, &diverged));
        // Solved in the last 1 % of the steps.
        let late = RunResult { solve_step: Some(1995), ..a.clone() };
        assert!(near_limit(&program, &runs[clear], &late, &stuck));
        assert!(!near_limit(&program, &runs[clear], a, &stuck));
    }

    #[test]
    fn a_run_that_rounding_decides_is_explained() {
        let mut program = nets::boolean(Boolean::Xor, &[2], Activation::Tanh, 3000);
        program.init.base = Base::Copies;
        let reference = ReferenceEngine::new(Some(2)).unwrap();
        let start = Start::Drawn;
        let explained = (0..20).find_map(|seed| {
            // Exact copies, which only the nudges tell apart.
            let run =
                Run { scale: 0.0, bias_scale: 0.0, lr: 2.0, base_value: 1.0, master: 33, ..nets::run(seed) };
            let reruns = reference
                .nudged(&program, &run, start, Disturbance::Nudged, RERUNS, &unwatched())
                .unwrap()
                .runs;
            let other = reruns.iter().find(|rerun| {
                label(rerun) != label(&reruns[0]) && !near_limit(&program, &run, &reruns[0], rerun)
            })?;
            Some(explain(&reference, &program, &run, start, &reruns[0], other, &unwatched()).unwrap())
        });
        assert_eq!(explained, Some(true));
    }
}
