//! How alike hidden units are: spread, gap, distinct units and symmetry of nets whose activations are exact.

use std::sync::Arc;

use crate::engine::{EngineError, Program, Run, Start, measured_steps};
use crate::net::philox::{Stream, words};
use crate::net::{Activation, Readout, Shape};
use crate::task::Data;
use crate::verify::compare::Comparison;
use crate::verify::{Pair, nets};

/// The step of the grid on which activations, and so distances and tolerances, lie.
const GRID: f32 = 0.25;

/// Tolerances on the grid, so that many distances are at the limit itself, and one beside it.
const TOLERANCES: [f64; 5] = [0.0, 0.25, 0.5, 1.0, 0.1];

/// Runs of each net.
const RUNS: u64 = 40;

/// Bound: 8 units of roundoff, relative, for spread and gap, as WGSL lets a division be off by 2.5 ulp; 0 for the number of
/// distinct units and for the symmetry. Activations are small multiples of a quarter or of one, exact in any arithmetic, and
/// the largest of a layer is a power of two, which no known device divides by inexactly. So rounding decides neither whether
/// a distance is at a tolerance or over it, nor which of two layers is the tighter. Two steps at a rate of 0 change nothing, but
/// some engines tell the symmetry on the way by other code than that at the ends. Control: in the reference one weight is
/// a step of the grid larger.
pub fn check(pair: &mut Pair<'_>, perturbed: bool) -> Result<Comparison, EngineError> {
    let mut comparison = Comparison::default();
    let u = pair.roundoff();
    for program in programs() {
        let count = program.shape.parameters();
        let given: Vec<Vec<f32>> = (0..RUNS).map(|seed| parameters(&program.shape, seed)).collect();
        let tolerance = |seed: usize| TOLERANCES[seed % TOLERANCES.len()];
        let runs: Vec<Run> = (0..RUNS)
            .map(|seed| Run {
                symmetry_tolerance: tolerance(seed as usize),
                lr: 0.0,
                traced: true,
                ..nets::run(seed)
            })
            .collect();
        let start = given.concat();
        let mut wanted = start.clone();
        if perturbed {
            wanted.iter_mut().step_by(count).for_each(|weight| *weight += GRID);
        }
        let got = pair.engine(&program, &runs, Start::Given(&start))?;
        let want = pair.reference(&program, &runs, Start::Given(&wanted))?;
        for (r, (got, want)) in got.runs.iter().zip(&want.runs).enumerate() {
            let place = |what: &'static str| {
                let Program { shape, data, .. } = &program;
                let (phi, samples, tolerance) = (shape.activation, data.samples(), tolerance(r));
                move || format!("{what} of run {r}, {shape} {phi}, {samples} samples, tolerance {tolerance}")
            };
            comparison.holds(got.symmetry == want.symmetry, place("symmetry during training"));
            comparison
                .holds(got.trace.len() == measured_steps(program.steps).len(), place("length of the trace"));
            for at in got.trace.iter().chain([&got.initial, &got.last]) {
                comparison.holds(at.symmetry == want.last.symmetry, place("symmetry"));
                let (Some(got), Some(want)) = (at.units, want.last.units) else {
                    comparison.holds(at.units.is_none() && want.last.units.is_none(), place("any units"));
                    continue;
                };
                comparison.number(got.spread, want.spread, 8.0 * u * want.spread, place("spread"));
                comparison.number(got.gap, want.gap, 8.0 * u * want.gap, place("gap"));
                let distinct = [got, want].map(|units| f64::from(units.distinct));
                comparison.number(distinct[0], distinct[1], 0.0, place("distinct units"));
            }
        }
    }
    Ok(comparison)
}

/// Nets with and without a pair of units, over the kinds of kernels: samples written out, in a loop, and nets too wide for
/// a kernel that keeps them in registers.
fn programs() -> Vec<Program> {
    let nets: [(&[usize], usize); 10] = [
        (&[], 3),
        (&[1], 3),
        (&[2], 3),
        (&[3], 64),
        (&[6], 3),
        (&[1, 4], 64),
        (&[4, 3], 3),
        (&[3, 5], 64),
        (&[40], 3),
        (&[5, 40], 64),
    ];
    let exact = [Activation::Linear, Activation::Relu, Activation::Abs];
    let program = |(i, (hidden, samples)): (usize, (&[usize], usize))| {
        let shape = Shape {
            inputs: 3,
            hidden: hidden.to_vec(),
            outputs: 1,
            activation: exact[i % exact.len()],
            output: Activation::Linear,
            readout: Readout::Trained,
            bias: false,
            skip: false,
        };
        Program { steps: 2, ..Program::new(shape, Arc::new(task(samples))) }
    };
    nets.into_iter().enumerate().map(program).collect()
}

/// One input of three is 1 in each sample: the first layer's activations are its weights.
fn task(samples: usize) -> Data {
    let x = (0..samples).flat_map(|s| [0, 1, 2].map(|i| f32::from(u8::from(s % 3 == i))));
    Data { inputs: 3, outputs: 1, x: x.collect(), y: vec![0.0; samples] }
}

/// Parameters of one run. The first layer's weights are on the grid from −1 to 1, those of half of the units drawn as
/// another's; the first of them is 1, and all are four times as large in every other run. A unit of a later layer is one of
/// the layer before, its sign turned or not.
fn parameters(shape: &Shape, seed: u64) -> Vec<f32> {
    let mut parameters = vec![0.0; shape.parameters()];
    let largest = if seed.is_multiple_of(2) { 1.0 } else { 4.0 };
    for (l, layer) in shape.layers().iter().enumerate() {
        let Some(weights) = layer.weights else { continue };
        let drawn = |place: usize| words(15, seed, Stream::Noise, (1000 * l + place) as u32);
        for unit in 0..layer.outputs {
            let [like, ..] = drawn(4 * unit);
            let row = weights + unit * layer.inputs;
            if l > 0 {
                // The first one takes over the largest activation.
                let like = if unit == 0 { 0 } else { like };
                parameters[row + (like >> 1) as usize % layer.inputs] =
                    if like & 1 == 0 { 1.0 } else { -1.0 };
            } else {
                let as_unit = if like & 1 == 0 { unit } else { unit / 2 };
                for input in 0..layer.inputs {
                    let steps = (drawn(4 * as_unit + 1 + input)[0] % 9) as f32 - 4.0;
                    parameters[row + input] = largest * GRID * steps;
                }
            }
        }
        if l == 0 {
            parameters[weights] = largest;
        }
    }
    parameters
}
