//! What engines draw, read out of the parameters of networks on which nothing else happens.

use std::sync::Arc;

use symbreak::engine::{Batch, Engine, Parameters, Program, Run, Start};
use symbreak::net::{Activation, Base, Gain, Init, Loss, Noise, NoiseKinds, Readout, Shape};
use symbreak::task::Data;
use symbreak::verify::{nets, unwatched};

use super::draws::{Draws, Law};

/// How many master seeds, from 0 on, and seeds of each.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    pub masters: usize,
    pub seeds: usize,
}

const SILENT: NoiseKinds = NoiseKinds { dropout: false, gradient: false, input: false, mask: false };

/// So small a rate that what a step changes has no effect on the next.
const LR: f64 = 1.0 / (1 << 24) as f64;

/// Linear units without biases under half-sse.
fn linear(inputs: usize, hidden: &[usize], outputs: usize, x: Vec<f32>, y: Vec<f32>) -> Program {
    let shape = Shape {
        inputs,
        hidden: hidden.to_vec(),
        outputs,
        activation: Activation::Linear,
        output: Activation::Linear,
        readout: Readout::Trained,
        bias: false,
        skip: false,
    };
    let data = Data { inputs, outputs, x, y };
    Program { loss: Loss::HalfSse, steps: 0, ..Program::new(shape, Arc::new(data)) }
}

/// Row i has a 1 in column i.
fn identity(size: usize) -> Vec<f32> {
    (0..size * size).map(|i| f32::from(u8::from(i % (size + 1) == 0))).collect()
}

/// Of the runs of one master seed, all parameters at the start and at the end.
fn trained(
    engine: &mut dyn Engine,
    program: &Program,
    settings: Run,
    seeds: usize,
    start: Option<&[f32]>,
) -> Parameters {
    let runs = nets::seeds(seeds as u64, settings);
    let given = start.map(|start| start.repeat(seeds));
    let start = given.as_deref().map_or(Start::Drawn, Start::Given);
    let batch = Batch { program, runs: &runs, start, keep_parameters: true };
    engine.train(&batch, &unwatched()).expect("training").parameters.expect("kept parameters")
}

/// Initial weights of a single layer: axes master seed, seed, parameter.
fn initial(
    engine: &mut dyn Engine,
    count: Count,
    widths: [usize; 2],
    init: Init,
    settings: Run,
    noise: NoiseKinds,
) -> Draws {
    let [inputs, outputs] = widths;
    let program =
        Program { init, noise, ..linear(inputs, &[], outputs, vec![0.0; inputs], vec![0.0; outputs]) };
    let mut numbers = Vec::new();
    for master in 0..count.masters as u64 {
        let drawn = trained(engine, &program, Run { master, ..settings }, count.seeds, None).initial;
        numbers.extend(drawn.into_iter().map(f64::from));
    }
    let axes = vec![
        ("master seeds", count.masters),
        ("seeds", count.seeds),
        ("parameters", program.shape.parameters()),
    ];
    Draws { law: Law::Uniform, axes, numbers }
}

/// The noise of initial parameters, alone.
pub fn perturbations(engine: &mut dyn Engine, count: Count, noise: Noise) -> Draws {
    let law = if noise == Noise::Uniform { Law::Uniform } else { Law::Normal };
    let init = Init { base: Base::Zero, noise, gain: Gain::None };
    Draws { law, ..initial(engine, count, [64, 1], init, nets::run(0), SILENT) }
}

/// The base points of copies; a single layer has no copies, so that all are drawn.
pub fn bases(engine: &mut dyn Engine, count: Count) -> Draws {
    let init = Init { base: Base::Copies, noise: Noise::Uniform, gain: Gain::None };
    let settings = Run { base_value: 1.0, scale: 0.0, bias_scale: 0.0, ..nets::run(0) };
    initial(engine, count, [64, 1], init, settings, SILENT)
}

/// Whether a connection is missing.
pub fn masks(engine: &mut dyn Engine, count: Count, p: f64) -> Draws {
    let init = Init { base: Base::Zero, noise: Noise::Uniform, gain: Gain::None };
    let settings = Run { mask: p, ..nets::run(0) };
    // U(−1, 1) has no 0 of its own.
    let drawn = initial(engine, count, [64, 1], init, settings, NoiseKinds { mask: true, ..SILENT });
    Draws { law: Law::Coin, ..drawn.changed(|weight| f64::from(u8::from(weight == 0.0))) }
}

/// Of orthogonal 3 × 3 matrices the first entry, which is U(−1, 1) as any coordinate of a point on the sphere (Archimedes);
/// and whether the determinant is 1, as half of them have it.
pub fn orthogonal(engine: &mut dyn Engine, count: Count) -> [Draws; 2] {
    let init = Init { base: Base::Zero, noise: Noise::Normal, gain: Gain::Orthogonal };
    let drawn = initial(engine, count, [3, 3], init, nets::run(0), SILENT);
    let axes = drawn.axes[..2].to_vec();
    let entries = drawn.numbers.iter().step_by(9).copied().collect();
    let turns = |m: &[f64]| {
        let determinant = m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6])
            + m[2] * (m[3] * m[7] - m[4] * m[6]);
        assert!((determinant.abs() - 1.0).abs() < 1e-6, "{m:?}");
        f64::from(u8::from(determinant > 0.0))
    };
    let determinants = drawn.numbers.chunks(9).map(turns).collect();
    [
        Draws { law: Law::Uniform, axes: axes.clone(), numbers: entries },
        Draws { law: Law::Coin, axes, numbers: determinants },
    ]
}

/// What each of `steps` updates adds to the parameters, over the rate: axes master seed, update, seed, parameter.
fn updates(
    engine: &mut dyn Engine,
    count: Count,
    steps: u32,
    program: &Program,
    settings: Run,
    start: &[f32],
) -> Draws {
    let mut numbers = Vec::new();
    for master in 0..count.masters as u64 {
        let mut before = start.repeat(count.seeds);
        for steps in 1..=steps {
            let program = Program { steps, ..program.clone() };
            let settings = Run { master, lr: LR, ..settings };
            let after = trained(engine, &program, settings, count.seeds, Some(start)).last;
            let added = |(after, before): (&f32, &f32)| (f64::from(*after) - f64::from(*before)) / LR;
            numbers.extend(after.iter().zip(&before).map(added));
            before = after;
        }
    }
    let axes = vec![
        ("master seeds", count.masters),
        ("updates", steps as usize),
        ("seeds", count.seeds),
        ("places", start.len()),
    ];
    Draws { law: Law::Normal, axes, numbers }
}

/// Noise on gradients that are 0, as all inputs are.
pub fn gradients(engine: &mut dyn Engine, count: Count, steps: u32) -> Draws {
    let program = linear(32, &[], 1, vec![0.0; 32], vec![0.0]);
    let program = Program { noise: NoiseKinds { gradient: true, ..SILENT }, ..program };
    let settings = Run { gradient_noise: 1.0, ..nets::run(0) };
    updates(engine, count, steps, &program, settings, &[0.0; 32])
}

/// Noise on inputs that are 0: from zero weights the gradient of the weight from input i to output o is −Σ y x over the
/// samples, and output o has a target of 1 for sample o and of 0 for others, so that this is the noise of input i of
/// sample o.
pub fn inputs(engine: &mut dyn Engine, count: Count, steps: u32) -> Draws {
    let program = linear(8, &[], 4, vec![0.0; 4 * 8], identity(4));
    let program = Program { noise: NoiseKinds { input: true, ..SILENT }, ..program };
    let settings = Run { input_noise: 1.0, ..nets::run(0) };
    updates(engine, count, steps, &program, settings, &[0.0; 32])
}

/// Whether hidden unit u is kept for sample o: the weight from it to output o, which starts at 0, moves only then.
pub fn dropouts(engine: &mut dyn Engine, count: Count, steps: u32, p: f64) -> Draws {
    let program = linear(1, &[8], 4, vec![1.0; 4], identity(4));
    let program = Program { noise: NoiseKinds { dropout: true, ..SILENT }, ..program };
    let settings = Run { dropout: p, ..nets::run(0) };
    let start = [[1.0f32; 8].as_slice(), &[0.0; 32]].concat();
    let updates = updates(engine, count, steps, &program, settings, &start);
    let moved = |&update: &f64| f64::from(u8::from(update > 0.5));
    let numbers = updates.numbers.chunks(40).flat_map(|update| update[8..].iter().map(moved)).collect();
    let mut axes = updates.axes;
    axes[3].1 = 32;
    Draws { law: Law::Coin, axes, numbers }
}

/// The orders of eight samples that are seen one by one: `[master seed][epoch][seed]`, each the samples first to last.
///
/// Each sample is alone in moving its weight, to 1 less half of what was there before; every update halves the
/// others by weight decay. So after an epoch the samples lie in the order of their weights.
pub fn orders(engine: &mut dyn Engine, count: Count, epochs: u32) -> Vec<[usize; 8]> {
    let program = Program { batch: Some(1), ..linear(8, &[], 1, identity(8), vec![1.0; 8]) };
    let settings = Run { lr: 1.0, weight_decay: 0.5, ..nets::run(0) };
    let mut orders = Vec::new();
    for master in 0..count.masters as u64 {
        for epoch in 1..=epochs {
            let program = Program { steps: 8 * epoch, ..program.clone() };
            let settings = Run { master, ..settings };
            let weights = trained(engine, &program, settings, count.seeds, Some(&[0.0; 8])).last;
            for weights in weights.chunks(8) {
                let mut order = std::array::from_fn(|sample| sample);
                order.sort_by(|&a, &b| weights[a].total_cmp(&weights[b]));
                assert!(order.windows(2).all(|pair| weights[pair[0]] < weights[pair[1]]), "{weights:?}");
                assert!(order.iter().enumerate().all(|(place, &sample)| {
                    // The update is of ½ to 1, and halved by those that follow.
                    let halved = weights[sample] * f32::powi(2.0, 7 - place as i32);
                    (0.5..=1.0).contains(&halved)
                }));
                orders.push(order);
            }
        }
    }
    orders
}
