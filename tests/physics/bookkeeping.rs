//! What a run reports of itself, held against other runs of the same engine. No tolerance: an engine is deterministic.

use symbreak::engine::{Criterion, Program, Run, RunResult, Start, measured_steps};
use symbreak::net::{Activation, Loss};
use symbreak::task::{Boolean, Data};
use symbreak::verify::compare::Comparison;
use symbreak::verify::nets;

use super::Subject;
use super::subject::linear;

const START: Start<'_> = Start::Drawn;

fn xor(steps: u32) -> Program {
    nets::boolean(Boolean::Xor, &[2], Activation::Logistic, steps)
}

fn runs() -> Vec<Run> {
    nets::seeds(8, Run { lr: 8.0, scale: 2.0, traced: true, ..nets::run(0) })
}

/// The measurement of step s is the last one of a run of s steps; the first step at which that solves is `solve_step`.
/// The twin compares with a run of one step less.
pub fn records(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    for (criterion, limit) in [(Criterion::Error, 0.4), (Criterion::Loss, 0.02)] {
        let program = |steps| Program { criterion, ..xor(steps) };
        let runs: Vec<Run> = runs().iter().map(|run| Run { solved_limit: limit, ..*run }).collect();
        let steps = 600;
        let (long, _) = subject.train(&program(steps), &runs, START);
        let measured = measured_steps(steps);
        for (k, &step) in measured.iter().enumerate().filter(|(k, _)| k % 5 == 2) {
            let short = subject.train(&program(step - u32::from(perturbed)), &runs, START).0;
            for (r, (long, short)) in long.iter().zip(&short).enumerate() {
                let same = long.trace.get(k) == Some(&short.last)
                    && long.symmetry.get(k) == Some(&short.last.symmetry)
                    && long.initial == short.initial;
                comparison.holds(same, || format!("run {r}, step {step}"));
            }
        }
        let holds = |result: &RunResult| match criterion {
            Criterion::Error => result.last.error < limit,
            Criterion::Loss => result.last.loss < limit,
        };
        let solved: Vec<(usize, u32)> =
            long.iter().enumerate().filter_map(|(r, result)| Some((r, result.solve_step?))).collect();
        comparison.holds(solved.len() >= 3 && solved.len() < runs.len(), || {
            format!("{} of {} solve, {criterion:?}", solved.len(), runs.len())
        });
        for (r, step) in solved {
            let at = |subject: &mut Subject<'_>, steps| {
                subject.train(&program(steps), &runs[r..=r], START).0.swap_remove(0)
            };
            let before = at(subject, step - 1);
            comparison
                .holds(!holds(&before) && before.solve_step.is_none(), || format!("run {r} before {step}"));
            let then = at(subject, step);
            comparison.holds(holds(&then) && then.solve_step == Some(step), || format!("run {r} at {step}"));
        }
    }
    comparison
}

/// A solved run rests if it is told to and repeats its last measurement; a diverged run rests always. The twin expects
/// that of runs that do not rest.
pub fn rest(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let steps = 600;
    let measured = measured_steps(steps);
    let (free, _) = subject.train(&xor(steps), &runs(), START);
    let resting = Program { stop_when_solved: !perturbed, ..xor(steps) };
    let (rested, _) = subject.train(&resting, &runs(), START);
    let mut solved = 0;
    for (r, (free, rested)) in free.iter().zip(&rested).enumerate() {
        let place = |what: &'static str| move || format!("{what} of run {r}");
        comparison.holds(free.steps == steps, place("steps without rest"));
        comparison.holds(free.solve_step == rested.solve_step, place("solve step"));
        comparison.holds(rested.steps == rested.solve_step.unwrap_or(steps), place("steps"));
        comparison.holds(
            rested.trace.len() == measured.len() && rested.symmetry.len() == measured.len(),
            place("number of measurements"),
        );
        solved += usize::from(rested.solve_step.is_some());
        for (k, &step) in measured.iter().enumerate() {
            let want = if step < rested.steps { free.trace.get(k) } else { Some(&rested.last) };
            comparison.holds(rested.trace.get(k) == want, || format!("run {r}, measurement of step {step}"));
        }
    }
    comparison.holds(solved >= 3, || format!("{solved} solve"));

    // w ← w − η·w: factor −3 at lr 4, so |w| = 3ᵗ passes 1e30 at t = 63 (the loss ½w² at 32); and after
    // 31 steps it has not.
    let data = Data { inputs: 1, outputs: 1, x: vec![1.0], y: vec![0.0] };
    let line = Program { steps: 100, ..linear(&[], data) };
    let lr = if perturbed { 0.5 } else { 4.0 };
    let run = Run { lr, ..nets::run(0) };
    let (results, parameters) = subject.train(&line, &[run], Start::Given(&[1.0]));
    comparison
        .holds(results[0].diverge_step == Some(32), || format!("diverged {:?}", results[0].diverge_step));
    comparison.holds(results[0].steps == 32, || format!("rests after {} steps", results[0].steps));
    let expected = 3f64.powi(32);
    comparison.number(parameters.last[0].into(), expected, 1e-5 * expected, || "parameter at rest".into());
    // Solved at the start; kept although the run diverges later.
    let run = Run { solved_limit: 1.5, ..run };
    let (results, _) = subject.train(&line, &[run], Start::Given(&[1.0]));
    comparison.holds(results[0].solve_step == Some(0), || "solve step of a diverged run".into());

    // The parameter limit decides where the loss does not see the parameter: an input of 0, weight decay of
    // lr·decay = 4.
    let data = Data { inputs: 1, outputs: 1, x: vec![0.0], y: vec![1.0] };
    let unseen = Program { steps: 100, loss: Loss::Mse, ..linear(&[], data) };
    let run = Run { lr, weight_decay: 1.0, ..nets::run(0) };
    let (results, _) = subject.train(&unseen, &[run], Start::Given(&[1.0]));
    comparison
        .holds(results[0].diverge_step == Some(63), || format!("diverged {:?}", results[0].diverge_step));
    comparison
}
