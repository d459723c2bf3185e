//! Every optimizer against optax over a hundred steps: nets, gradients (JAX, f64) and updates that are written apart from
//! this crate. `tests/optimizers/trajectories.py` makes the numbers. Its definitions of momentum, Nesterov and RMSprop (ε
//! outside the root, averages from 0) are PyTorch's, too.

#[cfg(feature = "gpu")]
mod adapter;

use std::sync::Arc;

use serde::Deserialize;
use symbreak::engine::cpu::CpuEngine;
use symbreak::engine::reference::ReferenceEngine;
use symbreak::engine::{Batch, Engine, Program, Run, Start};
use symbreak::net::{Activation, Loss, Optimizer, Readout, Shape};
use symbreak::task::Data;
use symbreak::verify::compare::Comparison;
use symbreak::verify::unwatched;

#[derive(Deserialize)]
struct Document {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    widths: Vec<usize>,
    x: Vec<Vec<f32>>,
    y: Vec<Vec<f32>>,
    loss: String,
    optimizer: String,
    lr: f64,
    start: Vec<f32>,
    after: Vec<After>,
}

/// Parameters after so many steps.
#[derive(Deserialize)]
struct After {
    step: u32,
    parameters: Vec<f64>,
}

fn program(case: &Case, steps: u32) -> Program {
    let loss = Loss::from_word(&case.loss).expect("a loss");
    let last = case.widths.len() - 1;
    let shape = Shape {
        inputs: case.widths[0],
        hidden: case.widths[1..last].to_vec(),
        outputs: case.widths[last],
        activation: Activation::Tanh,
        output: if loss == Loss::CrossEntropy { Activation::Linear } else { Activation::Logistic },
        readout: Readout::Trained,
        bias: true,
        skip: false,
    };
    let data = Data { inputs: shape.inputs, outputs: shape.outputs, x: case.x.concat(), y: case.y.concat() };
    let optimizer = Optimizer::from_word(&case.optimizer).expect("an optimizer");
    Program { loss, optimizer, steps, ..Program::new(shape, Arc::new(data)) }
}

/// Bound: `ulps(step)` ulp of max(1, |parameter|) in f32, in which parameters come back. The twin's rate is a thousandth
/// larger.
fn compare(engine: &mut dyn Engine, ulps: fn(u32) -> f64, perturbed: bool) -> Vec<Comparison> {
    let text = include_str!("optimizers/trajectories.json");
    let document: Document = serde_json::from_str(text).expect("the file of trajectories.py");
    let mut found = Vec::new();
    for case in &document.cases {
        let mut comparison = Comparison::default();
        let run = Run { lr: case.lr * if perturbed { 1.001 } else { 1.0 }, ..Run::default() };
        for After { step, parameters } in &case.after {
            let program = program(case, *step);
            let start = Start::Given(&case.start);
            let batch = Batch { program: &program, runs: &[run], start, keep_parameters: true };
            let trained = engine.train(&batch, &unwatched()).expect("training");
            let got: Vec<f64> =
                trained.parameters.expect("kept parameters").last.iter().map(|&p| p.into()).collect();
            let names = program.shape.parameter_names();
            let bound = |p: usize| ulps(*step) * f64::from(f32::EPSILON) * parameters[p].abs().max(1.0);
            let place =
                |p: usize| format!("{} after {step} steps of {}, {}", names[p], case.optimizer, case.loss);
            comparison.numbers(&got, parameters, bound, place);
        }
        found.push(comparison);
    }
    let optimizers = Optimizer::ALL.iter();
    for optimizer in optimizers {
        assert!(document.cases.iter().any(|case| case.optimizer == optimizer.word()), "{optimizer}");
    }
    found
}

fn agrees(mut engine: impl Engine, ulps: fn(u32) -> f64) {
    for found in compare(&mut engine, ulps, false) {
        println!("{found:?}");
        assert!(found.passed(), "{found:?}");
    }
    for twin in compare(&mut engine, ulps, true) {
        assert!(twin.failed(), "the perturbed twin passed: {twin:?}");
    }
}

#[test]
fn reference() {
    // The rounding of what comes back, however many the steps.
    agrees(ReferenceEngine::new(Some(1)).expect("threads"), |_| 0.51);
}

#[test]
fn cpu() {
    agrees(CpuEngine::new(Some(1)).expect("threads"), |step| 8.0 * f64::from(step.div_ceil(10)));
}

#[cfg(feature = "gpu")]
#[test]
fn gpu() {
    match adapter::gpu() {
        // Exponentials and divisions of a shading language may be off by some ulp each.
        Some(engine) => agrees(engine, |step| 16.0 * f64::from(step.div_ceil(10))),
        None => eprintln!("SKIPPED: no such device here"),
    }
}
