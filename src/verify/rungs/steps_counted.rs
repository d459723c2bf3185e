//! Long runs do all their steps: some devices silently end a loop after 65,535 iterations.

use std::sync::Arc;

use crate::engine::{Criterion, EngineError, Program, Start, measured_steps};
use crate::net::{Activation, Loss, Optimizer, Readout};
use crate::task::{Boolean, Data};
use crate::verify::compare::Comparison;
use crate::verify::{Pair, nets};

/// More than 2¹⁶.
const STEPS: u32 = 70_000;

/// Where the counting weight starts: 2¹⁷, far enough from 0 that the output is saturated to the end.
const COUNTER: f32 = (1 << 17) as f32;

/// The step that solves the task by [`Criterion::Loss`], in each net.
const SOLVED: u32 = 100;

/// Bound: 0. A saturated logistic output under bce has a gradient of exactly 1 (input 1, target 0), so with lr 1
/// each step takes 1 off the weight, which f32 holds exactly: the weight is a step counter that no kernel can fake.
/// Exact, too, are the reported steps and the step at which the loss, which is the sum of the weights, comes under a limit.
/// Control: weights that have done one step less.
pub fn check(pair: &mut Pair<'_>, perturbed: bool) -> Result<Comparison, EngineError> {
    let mut comparison = Comparison::default();
    // The last is too wide for a kernel that keeps a net in registers, and slow where that is slow.
    for (hidden, steps) in [(vec![], STEPS), (vec![2], STEPS), (vec![33], 2 * SOLVED)] {
        let done = f64::from(steps - u32::from(perturbed));
        let mut program = nets::boolean(Boolean::Xor, &hidden, Activation::Linear, steps);
        program.data = Arc::new(Data { inputs: 1, outputs: 1, x: vec![1.0], y: vec![0.0] });
        program.shape.inputs = 1;
        program.shape.bias = false;
        if !hidden.is_empty() {
            program.shape.readout = Readout::Sum;
        }
        let criterion = Criterion::Loss;
        let program = Program { loss: Loss::Bce, optimizer: Optimizer::Sgd, criterion, ..program };
        let weights = program.shape.parameters() as f64;
        let solved_limit = weights * (f64::from(COUNTER) - f64::from(SOLVED) + 0.5);
        let runs = nets::seeds(3, crate::engine::Run { lr: 1.0, solved_limit, ..nets::run(0) });
        let start = vec![COUNTER; runs.len() * program.shape.parameters()];
        let got = pair.engine(&program, &runs, Start::Given(&start))?;
        for (r, run) in got.runs.iter().enumerate() {
            let place = |what: &str| format!("{what} of run {r}");
            comparison.number(run.steps.into(), steps.into(), 0.0, || place("reported steps"));
            let solved = run.solve_step.map_or(f64::NAN, f64::from);
            comparison.number(solved, SOLVED.into(), 0.0, || place("solve step"));
            let measured = measured_steps(steps).len();
            comparison.number(run.symmetry.len() as f64, measured as f64, 0.0, || {
                place("number of measured steps")
            });
        }
        for (p, &weight) in got.parameters.last.iter().enumerate() {
            let counted = f64::from(COUNTER) - f64::from(weight);
            comparison
                .number(counted, done, 0.0, || format!("steps counted by weight {p} of {}", program.shape));
        }
    }
    Ok(comparison)
}
