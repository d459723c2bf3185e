//! Loss, largest error and distances of hidden units of untrained nets.

use std::sync::Arc;

use crate::engine::{EngineError, Program, Start};
use crate::net::{Activation, Loss, Readout, Shape};
use crate::task::Data;
use crate::verify::compare::Comparison;
use crate::verify::rounding::{bounds, value_error};
use crate::verify::{Pair, nets};

/// Magnitudes of the parameters: pre-activations from about 1e-4 to some hundreds.
const MAGNITUDES: [f32; 5] = [1e-4, 1e-2, 1.0, 5.0, 30.0];

/// Relative perturbation of the control.
const PERTURBATION: f64 = 1e-4;

/// Bound: the running error analysis of [`bounds`] in the engine's arithmetic, over all kinds of nets; and for single
/// units of every activation [`value_error`] over a grid of z from ±1e-6 to ±100, where the target is 0, so that the
/// error is |φ(z)| to its last bit. The gap is compared in nets of one hidden layer, as rounding may decide which of two
/// layers is the tighter; the rung `units` has the others. Control: the expected values 1e-4 too large.
pub fn check(pair: &mut Pair<'_>, perturbed: bool) -> Result<Comparison, EngineError> {
    let mut comparison = Comparison::default();
    let twist = if perturbed { 1.0 + PERTURBATION } else { 1.0 };
    let u = pair.roundoff();
    for program in nets::programs(pair.coverage(perturbed)) {
        let given: Vec<Vec<f32>> = MAGNITUDES
            .iter()
            .flat_map(|&m| [1, 2].map(|seed| nets::parameters(&program.shape, m, seed)))
            .collect();
        let runs = nets::seeds(given.len() as u64, nets::run(0));
        let start = given.concat();
        let got = pair.engine(&program, &runs, Start::Given(&start))?;
        let want = pair.reference(&program, &runs, Start::Given(&start))?;
        for (r, parameters) in given.iter().enumerate() {
            let parameters: Vec<f64> = parameters.iter().map(|&p| p.into()).collect();
            let bounds = bounds(&program.shape, &program.data, program.loss, &parameters, u);
            let (got, want) = (&got.runs[r].initial, &want.runs[r].initial);
            let place = |what| name(&program, what, format!("magnitude {}", MAGNITUDES[r / 2]));
            comparison.number(got.loss, want.loss * twist, bounds.loss, || place("loss"));
            comparison.number(got.error, want.error * twist, bounds.error, || place("error"));
            let [got, want] = [got, want].map(|at| at.units.map(|units| (units.spread, units.gap)));
            comparison.holds(got.is_some() == want.is_some(), || place("any units"));
            if let (Some(got), Some(want)) = (got, want) {
                comparison.number(got.0, want.0 * twist, bounds.distance, || place("spread"));
                if program.shape.hidden.len() == 1 {
                    comparison.number(got.1, want.1 * twist, bounds.distance, || place("gap"));
                }
            }
        }
    }
    for &activation in Activation::ALL {
        for program in [single_output(activation), single_hidden(activation)] {
            probe(pair, &mut comparison, &program, activation, twist)?;
        }
    }
    Ok(comparison)
}

fn name(program: &Program, what: &str, with: String) -> String {
    let shape = &program.shape;
    let structure = format!("readout {}, bias {}, skip {}", shape.readout, shape.bias, shape.skip);
    format!("{what} of {shape} {} {} {}, {structure}, {with}", shape.activation, shape.output, program.loss)
}

/// One weight, input 1, target 0: the weight is z.
fn single_output(output: Activation) -> Program {
    let shape = Shape {
        inputs: 1,
        hidden: Vec::new(),
        outputs: 1,
        activation: Activation::Linear,
        output,
        readout: Readout::Trained,
        bias: false,
        skip: false,
    };
    let data = Arc::new(Data { inputs: 1, outputs: 1, x: vec![1.0], y: vec![0.0] });
    // With bce the loss is softplus(z).
    let loss = if output == Activation::Logistic { Loss::Bce } else { Loss::HalfSse };
    let any = nets::programs(nets::Coverage::Quick).swap_remove(0);
    Program { shape, data, loss, ..any }
}

/// The same unit as a hidden one, read out by a fixed weight of 1.
fn single_hidden(activation: Activation) -> Program {
    let mut program = single_output(Activation::Linear);
    program.shape = Shape { hidden: vec![1], activation, readout: Readout::Sum, ..program.shape.clone() };
    program
}

/// |φ(z)| over the grid.
fn probe(
    pair: &mut Pair<'_>,
    comparison: &mut Comparison,
    program: &Program,
    activation: Activation,
    twist: f64,
) -> Result<(), EngineError> {
    let u = pair.roundoff();
    // Eight magnitudes a decade.
    let grid: Vec<f32> =
        (0..=64).map(|k| 10f32.powf(k as f32 / 8.0 - 6.0)).flat_map(|z| [z, -z]).chain([0.0]).collect();
    let runs = nets::seeds(grid.len() as u64, nets::run(0));
    let got = pair.engine(program, &runs, Start::Given(&grid))?;
    for (&z, got) in grid.iter().zip(&got.runs) {
        let place = |what| name(program, what, format!("z = {z:e}"));
        let z = f64::from(z);
        let h = activation.value(z);
        let bound = value_error(activation, z, u);
        comparison.number(got.initial.error, h.abs() * twist, bound + u * h.abs(), || place("|φ|"));
        let (loss, bound) = match program.loss {
            Loss::Bce => {
                let loss = Activation::Softplus.value(z);
                (loss, value_error(Activation::Softplus, z, u) + u * loss)
            }
            _ => (
                0.5 * h * h,
                (h.abs() + bound) * bound + 2.0 * u * h * h + value_error(Activation::Linear, z, u),
            ),
        };
        comparison.number(got.initial.loss, loss * twist, bound, || place("loss"));
    }
    Ok(())
}
