//! When two engines may label the same run differently: the rounding of f32 decides some runs, and this says
//! which.

use crate::engine::reference::{Disturbance, ReferenceEngine};
use crate::engine::{EngineError, Program, Run, RunResult, Start, Units, Watch};
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
/// - the deciding quantity is near its limit: within 20 % of the tolerance the spread where one is symmetric and the other
///   partial, the gap where one is partial and the other broken, both where one is symmetric and the other broken;
///   `solve_step` within 1 % of `steps` where solved and stuck differ; or
/// - both labels occur among f64 reruns from the same start that are disturbed as rounding in f32 would:
///   [`RERUNS`] whose parameters get an independent relative nudge of ±2⁻²⁴ after every step, and as many
///   whose parameters are stored in f32 after every step. Nudges have a mean of 0, so they never hold a run where it
///   is; f32 does: on the plateau around copies it loses every update of less than half an ulp, and a run may rest there
///   for good. No more than this loss is excused: storing in f32 is what every correct engine does.
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
    let diverged = [outcome_a, outcome_b].contains(&Outcome::Diverged);
    let outcome_explained = outcome_a == outcome_b || (!diverged && (late(a) || late(b)));
    let symmetry_explained =
        symmetry_a == symmetry_b || (!diverged && symmetry_is_close(a, b, run.symmetry_tolerance));
    outcome_explained && symmetry_explained
}

/// Whether what makes two symmetries differ is near the tolerance in one of the runs: the spread if one run is symmetric,
/// the gap if one is broken.
fn symmetry_is_close(a: &RunResult, b: &RunResult, tolerance: f64) -> bool {
    let (Some(units_a), Some(units_b)) = (a.last.units, b.last.units) else { return false };
    let one_is = |symmetry| (a.last.symmetry == symmetry) != (b.last.symmetry == symmetry);
    let near = |quantity: f64| (quantity - tolerance).abs() <= 0.2 * tolerance;
    let decided = |units: Units| {
        (!one_is(Symmetry::Symmetric) || near(units.spread)) && (!one_is(Symmetry::Broken) || near(units.gap))
    };
    // The gap that is reported is that of the tightest layer: only where it changes sides it is the one that decides.
    let sides = (units_a.gap <= tolerance) != (units_b.gap <= tolerance);
    (sides || !one_is(Symmetry::Broken)) && (decided(units_a) || decided(units_b))
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
        // The same wrong symmetry with a spread, which with two units is the gap, just under the tolerance.
        symmetric.last.units = Some(Units { spread: 0.09, gap: 0.09, distinct: 1 });
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

    /// Of three units, say: symmetry, spread and gap on one engine and on the other, and whether that is close.
    #[test]
    fn only_the_quantity_that_decides_excuses_another_symmetry() {
        use Symmetry::{Broken, Partial, Symmetric};
        let (_, _, results) = results();
        let with = |(symmetry, spread, gap)| {
            let mut result = results[0].clone();
            (result.last.symmetry, result.last.units) = (symmetry, Some(Units { spread, gap, distinct: 2 }));
            result
        };
        for (a, b, close) in [
            ((Symmetric, 0.09, 0.01), (Partial, 0.11, 0.01), true),
            ((Symmetric, 0.01, 0.01), (Partial, 0.11, 0.01), true),
            ((Symmetric, 0.01, 0.01), (Partial, 0.9, 0.09), false),
            ((Symmetric, 0.07, 0.01), (Partial, 0.13, 0.01), false),
            ((Partial, 0.9, 0.09), (Broken, 0.9, 0.5), true),
            ((Partial, 0.9, 0.01), (Broken, 0.9, 0.11), true),
            ((Partial, 0.11, 0.01), (Broken, 0.11, 0.5), false),
            // In two layers, of which the other decides.
            ((Partial, 0.3, 0.11), (Broken, 0.3, 0.11), false),
            ((Symmetric, 0.09, 0.09), (Broken, 0.9, 0.9), true),
            ((Symmetric, 0.01, 0.01), (Broken, 0.11, 0.11), true),
            ((Symmetric, 0.09, 0.01), (Broken, 0.9, 0.9), false),
            ((Symmetric, 0.01, 0.01), (Broken, 0.9, 0.11), false),
            ((Symmetric, 0.09, 0.01), (Broken, 0.9, 0.11), false),
            ((Broken, f64::NAN, f64::NAN), (Symmetric, 0.01, 0.01), false),
        ] {
            for (a, b) in [(a, b), (b, a)] {
                assert_eq!(symmetry_is_close(&with(a), &with(b), 0.1), close, "{a:?} {b:?}");
            }
        }
        let mut none = with((Symmetry::None, 0.0, 0.0));
        none.last.units = None;
        assert!(!symmetry_is_close(&none, &with((Partial, 0.1, 0.1)), 0.1));
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
