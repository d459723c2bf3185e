//! One run from its initial parameters to its end.

use std::sync::atomic::{AtomicBool, Ordering};

use super::network::{Network, Outputs};
use super::nudge::Nudge;
use super::{Criterion, DIVERGED, EngineError, Finished, Measured, Program, Run, RunResult};
use crate::measure::symmetry::{LayerSpread, classify};
use crate::net::Optimizer;

/// Steps between two looks at `interrupted`.
const INTERRUPT_STEPS: u32 = 4096;

/// Trains one run. `measured` are the program's measured steps.
pub(super) fn train(
    program: &Program,
    run: &Run,
    initial: Vec<f32>,
    measured: &[u32],
    nudge: Option<Nudge>,
    interrupted: &AtomicBool,
) -> Result<Finished, EngineError> {
    let mut parameters: Vec<f64> = initial.iter().map(|&p| f64::from(p)).collect();
    let mut before = parameters.clone();
    let mut slots = vec![0.0; program.optimizer.slots() * parameters.len()];
    let weights = program.shape.is_weight();
    let mut network = Network::new(&program.shape, &program.data, program.loss);
    let (mut solve_step, mut diverge_step) = (None, None);
    let (mut symmetry, mut trace) = (Vec::with_capacity(measured.len()), Vec::new());
    let mut first = None;
    let mut step = 0;
    // Here `step` updates have been applied; the last time round leaves by `break`.
    let last = loop {
        if step % INTERRUPT_STEPS == 0 && interrupted.load(Ordering::Relaxed) {
            return Err(EngineError::Interrupted);
        }
        let outputs = network.forward(&parameters);
        if beyond(outputs.loss) || parameters.iter().any(|&p| beyond(p)) {
            diverge_step = Some(step);
        } else if solve_step.is_none() && holds(program.criterion, outputs, run.solved_limit) {
            solve_step = Some(step);
        }
        let rests = diverge_step.is_some()
            || (program.stop_when_solved && solve_step.is_some())
            || step == program.steps;
        network.backward(&parameters);
        if rests || measured.get(symmetry.len()) == Some(&step) {
            let now = measure(program, &network, outputs, run.symmetry_tolerance);
            first = first.or(Some(now));
            // At its end a run fills whatever measured steps are left.
            let count = if rests { measured.len() - symmetry.len() } else { 1 };
            symmetry.extend(std::iter::repeat_n(now.symmetry, count));
            if run.traced {
                trace.extend(std::iter::repeat_n(now, count));
            }
            if rests {
                break now;
            }
        }
        if nudge.is_some() {
            before.copy_from_slice(&parameters);
        }
        update(program.optimizer, run, &weights, network.gradient(), &mut parameters, &mut slots);
        if let Some(nudge) = nudge {
            nudge.apply(step, &before, &mut parameters);
        }
        step += 1;
    };
    let result = RunResult {
        initial: first.unwrap_or(last),
        last,
        solve_step,
        diverge_step,
        steps: step,
        symmetry,
        trace,
    };
    Ok(Finished { result, initial, last: parameters.iter().map(|&p| p as f32).collect() })
}

/// Not finite, or too large.
fn beyond(number: f64) -> bool {
    number.is_nan() || number.abs() > DIVERGED
}

fn holds(criterion: Criterion, outputs: Outputs, limit: f64) -> bool {
    match criterion {
        Criterion::Error => outputs.error < limit,
        Criterion::Loss => outputs.loss < limit,
    }
}

/// One update by the gradient of the loss plus decay·w.
fn update(
    optimizer: Optimizer,
    run: &Run,
    weights: &[bool],
    gradient: &[f64],
    parameters: &mut [f64],
    slots: &mut [f64],
) {
    for (p, w) in parameters.iter_mut().enumerate() {
        let decay = if weights[p] { run.weight_decay } else { 0.0 };
        let g = gradient[p] + decay * *w;
        match optimizer {
            Optimizer::Sgd => *w -= run.lr * g,
            Optimizer::Momentum => {
                slots[p] = -run.lr * g + run.momentum * slots[p];
                *w += slots[p];
            }
        }
    }
}

/// After a forward and a backward pass.
fn measure(program: &Program, network: &Network, outputs: Outputs, tolerance: f64) -> Measured {
    let layers: Vec<LayerSpread> = (program.shape.hidden.iter().enumerate())
        .filter(|&(_, &width)| width >= 2)
        .map(|(l, &width)| LayerSpread::of(network.hidden(l), width, tolerance))
        .collect();
    let (symmetry, units) = classify(&layers, tolerance);
    Measured {
        loss: outputs.loss,
        error: outputs.error,
        gradient_norm: network.gradient().iter().map(|g| g * g).sum::<f64>().sqrt(),
        units,
        symmetry,
    }
}
