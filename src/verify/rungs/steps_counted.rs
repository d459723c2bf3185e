//! Long runs do all their steps: some devices silently end a loop after 65,535 iterations.

use std::sync::Arc;

use crate::engine::{EngineError, Program, Start, measured_steps};
use crate::net::{Activation, Loss, Optimizer, Readout};
use crate::task::{Boolean, Data};
use crate::verify::compare::Comparison;
use crate::verify::{Pair, nets};

/// More than 2¹⁶.
const STEPS: u32 = 70_000;

/// Where the counting weight starts: 2¹⁷, far enough from 0 that the output is saturated to the end.
const COUNTER: f32 = (1 << 17) as f32;

/// Bound: 1 step. A saturated logistic output under bce has a gradient of exactly 1 (input 1, target 0), so with lr 1
/// each step takes 1 off the weight, which f32 holds exactly: the weight is a step counter that no kernel can fake.
/// And the reported steps must be exact. Control: a weight that has done 65,535 steps.
pub fn check(pair: &mut Pair<'_>, perturbed: bool) -> Result<Comparison, EngineError> {
    let mut comparison = Comparison::default();
    let done = if perturbed { 65_535.0 } else { f64::from(STEPS) };
    for hidden in [vec![], vec![2]] {
        let mut program = nets::boolean(Boolean::Xor, &hidden, Activation::Linear, STEPS);
        program.data = Arc::new(Data { inputs: 1, outputs: 1, x: vec![1.0], y: vec![0.0] });
        program.shape.inputs = 1;
        program.shape.bias = false;
        if !hidden.is_empty() {
            program.shape.readout = Readout::Sum;
        }
        let program = Program { loss: Loss::Bce, optimizer: Optimizer::Sgd, ..program };
        let runs = nets::seeds(3, crate::engine::Run { lr: 1.0, ..nets::run(0) });
        let start = vec![COUNTER; runs.len() * program.shape.parameters()];
        let got = pair.engine(&program, &runs, Start::Given(&start))?;
        for (r, run) in got.runs.iter().enumerate() {
            let place = |what: &str| format!("{what} of run {r}");
            comparison.number(run.steps.into(), STEPS.into(), 0.0, || place("reported steps"));
            let measured = measured_steps(STEPS).len();
            comparison.number(run.symmetry.len() as f64, measured as f64, 0.0, || {
                place("number of measured steps")
            });
        }
        for (p, &weight) in got.parameters.last.iter().enumerate() {
            let counted = f64::from(COUNTER) - f64::from(weight);
            comparison
                .number(counted, done, 1.0, || format!("steps counted by weight {p} of {}", program.shape));
        }
    }
    Ok(comparison)
}
