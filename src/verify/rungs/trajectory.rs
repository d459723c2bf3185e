//! A few steps of every optimizer, and a hundred: where the parameters end.

use crate::engine::reference::Disturbance;
use crate::engine::{EngineError, Program, Run, Start};
use crate::net::{Activation, Loss, NoiseKinds, Optimizer};
use crate::task::Boolean;
use crate::verify::compare::Comparison;
use crate::verify::rounding::F32;
use crate::verify::{Pair, nets, unwatched};

/// Nudged reruns that measure how far rounding carries a trajectory.
const RERUNS: u32 = 8;

/// Three steps of each optimizer with weight decay, so that every slot is used once it holds something. Bound: as
/// [`trajectories`]. Control: 10 % more decay.
pub fn optimizers(pair: &mut Pair<'_>, perturbed: bool) -> Result<Comparison, EngineError> {
    let run = Run { lr: 0.25, momentum: 0.75, weight_decay: 0.125, ..nets::run(0) };
    let expected = Run { weight_decay: if perturbed { 0.1375 } else { run.weight_decay }, ..run };
    let mut comparison = Comparison::default();
    for program in programs(3) {
        trajectories(pair, &mut comparison, &program, run, expected)?;
    }
    Ok(comparison)
}

/// A hundred steps of each optimizer. Bound: as [`trajectories`]. Control: lr 1e-3 larger.
pub fn steps(pair: &mut Pair<'_>, perturbed: bool) -> Result<Comparison, EngineError> {
    let run = Run { lr: 0.25, momentum: 0.75, ..nets::run(0) };
    let expected = Run { lr: if perturbed { 0.25 * 1.001 } else { run.lr }, ..run };
    let mut comparison = Comparison::default();
    for program in programs(100) {
        // Updates that are as large as the rate, however small the gradient: at a large rate, and near a minimum with a
        // small epsilon, rounding decides where a hundred of them lead.
        let adaptive = matches!(program.optimizer, Optimizer::Rmsprop | Optimizer::Adam);
        let (part, epsilon) = if adaptive { (1.0 / 16.0, 1e-3) } else { (1.0, run.epsilon) };
        let [run, expected] = [run, expected].map(|run| Run { lr: part * run.lr, epsilon, ..run });
        trajectories(pair, &mut comparison, &program, run, expected)?;
    }
    Ok(comparison)
}

/// XOR nets over all optimizers, hidden activations and depths. Tanh nets without biases would do for the
/// arithmetic; with logistic outputs nothing grows, so the comparison stays meaningful.
fn programs(steps: u32) -> Vec<Program> {
    let mut all = Vec::new();
    for &optimizer in Optimizer::ALL {
        for (i, &activation) in Activation::ALL.iter().enumerate() {
            // The last is too wide for a kernel that keeps a net in registers.
            let hidden = [&[2][..], &[8], &[3, 2], &[], &[33]][i % 5];
            let program = nets::boolean(Boolean::Xor, hidden, activation, steps);
            all.push(Program { optimizer, loss: Loss::ALL[i % 3], ..program });
        }
    }
    all
}

/// Final parameters and final loss of four runs with the settings `run`, held against those of the reference with
/// `expected`. Bound: 64 times the largest deviation that eight reruns of the reference show when
/// after every step each parameter is nudged by half an ulp of f32 (an engine's step may be off by some ulp,
/// and the reruns sample the directions), plus 8 ulp of max(1, |parameter|) a step, up to ten steps, for what a nudge
/// relative to a small parameter does not show.
///
/// # Errors
/// What the engine fails with.
pub fn trajectories(
    pair: &mut Pair<'_>,
    comparison: &mut Comparison,
    program: &Program,
    run: Run,
    expected: Run,
) -> Result<(), EngineError> {
    let count = program.shape.parameters();
    let names = program.shape.parameter_names();
    let (runs, wanted) = (nets::seeds(4, run), nets::seeds(4, expected));
    let start: Vec<f32> = (0..4).flat_map(|seed| nets::parameters(&program.shape, 1.0, seed)).collect();
    let got = pair.engine(program, &runs, Start::Given(&start))?;
    let want = pair.reference(program, &wanted, Start::Given(&start))?;
    for (r, run) in wanted.iter().enumerate() {
        let range = r * count..(r + 1) * count;
        let given = Start::Given(&start[range.clone()]);
        let nudged = pair.reference.nudged(program, run, given, Disturbance::Nudged, RERUNS, &unwatched())?;
        let last = nudged.parameters.map(|p| p.last).unwrap_or_default();
        let want_last: Vec<f64> = want.parameters.last[range.clone()].iter().map(|&p| p.into()).collect();
        let floor = 8.0 * 2.0 * F32 * f64::from(program.steps.min(10));
        let bound = |p: usize| {
            let deviations = last.iter().skip(p).step_by(count).map(|&n| (f64::from(n) - want_last[p]).abs());
            64.0 * deviations.fold(0.0, f64::max) + floor * want_last[p].abs().max(1.0)
        };
        let got_last: Vec<f64> = got.parameters.last[range].iter().map(|&p| p.into()).collect();
        let place = |what: &str| {
            let Program { shape, loss, optimizer, steps, batch, noise, .. } = program;
            let batch = batch.map_or(String::new(), |batch| format!(" by {batch} samples"));
            let noise = if *noise == NoiseKinds::default() { String::new() } else { format!(", {noise:?}") };
            let net = format!("{shape} {} {loss}", shape.activation);
            format!("{what}, {steps} steps of {optimizer}{batch}, {net}{noise}, run {r}")
        };
        comparison.numbers(&got_last, &want_last, bound, |p| place(&names[p]));
        let loss = want.runs[r].last.loss;
        let deviations = nudged.runs.iter().map(|n| (n.last.loss - loss).abs());
        let bound = 64.0 * deviations.fold(0.0, f64::max) + floor * loss.max(1.0);
        comparison.number(got.runs[r].last.loss, loss, bound, || place("loss"));
        comparison.holds(got.runs[r].steps == program.steps, || place("number of steps"));
    }
    Ok(())
}
