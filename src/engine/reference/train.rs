//! One run from its initial parameters to its end.

use std::sync::atomic::{AtomicBool, Ordering};

use super::minibatch::Minibatches;
use super::network::{Network, Outputs};
use super::nudge::Nudge;
use super::stepper::Stepper;
use super::{Criterion, DIVERGED, EngineError, Finished, Measured, Program, Run, RunResult};
use crate::measure::symmetry::{LayerSpread, classify};

/// Sees the step and the parameters after every update, step 0 and the last included.
pub type Observer<'a> = dyn FnMut(u32, &[f64]) + 'a;

/// Trains one run. `measured` are the program's measured steps.
pub(super) fn train(
    program: &Program,
    run: &Run,
    initial: Vec<f32>,
    measured: &[u32],
    nudge: Option<Nudge>,
    interrupted: &AtomicBool,
    mut observer: Option<&mut Observer<'_>>,
) -> Result<Finished, EngineError> {
    let mut parameters: Vec<f64> = initial.iter().map(|&p| f64::from(p)).collect();
    let mut before = parameters.clone();
    let mut network = Network::new(&program.shape, &program.data, program.loss);
    let mut minibatches = program.has_passes_of_its_own().then(|| Minibatches::new(program, run));
    let mut optimizer = Stepper::new(program, run);
    let (mut solve_step, mut diverge_step) = (None, None);
    let (mut symmetry, mut trace) = (Vec::with_capacity(measured.len()), Vec::new());
    let mut first = None;
    let mut step = 0;
    let go_on = || !interrupted.load(Ordering::Relaxed);
    // Here `step` updates have been applied; the last time round leaves by `break`.
    let last = loop {
        if !go_on() {
            return Err(EngineError::Interrupted);
        }
        if let Some(observer) = &mut observer {
            observer(step, &parameters);
        }
        let is_measured = measured.get(symmetry.len()) == Some(&step);
        if program.looks_at(step) || is_measured {
            let outputs = network.forward_while(&parameters, go_on).ok_or(EngineError::Interrupted)?;
            if program.looks_at(step) {
                if beyond(outputs.loss) || parameters.iter().any(|&p| beyond(p)) {
                    diverge_step = Some(step);
                } else if solve_step.is_none() && holds(program.criterion, outputs, run.solved_limit) {
                    solve_step = Some(step);
                }
            }
            let rests = diverge_step.is_some()
                || (program.stop_when_solved && solve_step.is_some())
                || step == program.steps;
            if rests || is_measured || minibatches.is_none() {
                network.backward_while(&parameters, go_on).ok_or(EngineError::Interrupted)?;
            }
            if rests || is_measured {
                let tolerance = run.symmetry_tolerance;
                let now = measure(program, &network, &optimizer.missing, outputs, tolerance, go_on)
                    .ok_or(EngineError::Interrupted)?;
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
        }
        if nudge.is_some() {
            before.copy_from_slice(&parameters);
        }
        let gradient = match &mut minibatches {
            Some(minibatches) => {
                minibatches.gradient(step, &parameters, go_on).ok_or(EngineError::Interrupted)?
            }
            None => network.gradient(),
        };
        optimizer.update(step, gradient, &mut parameters);
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

/// After a forward and a backward pass; `None` as soon as `go_on` says no.
fn measure(
    program: &Program,
    network: &Network,
    missing: &[bool],
    outputs: Outputs,
    tolerance: f64,
    go_on: impl Fn() -> bool,
) -> Option<Measured> {
    let layers: Vec<LayerSpread> = (program.shape.hidden.iter().enumerate())
        .filter(|&(_, &width)| width >= 2)
        .map(|(l, &width)| LayerSpread::of_while(network.hidden(l), width, tolerance, &go_on))
        .collect::<Option<_>>()?;
    let (symmetry, units) = classify(&layers, tolerance);
    let present = network.gradient().iter().zip(missing).filter(|&(_, missing)| !missing);
    Some(Measured {
        loss: outputs.loss,
        error: outputs.error,
        gradient_norm: present.map(|(g, _)| g * g).sum::<f64>().sqrt(),
        units,
        symmetry,
    })
}
