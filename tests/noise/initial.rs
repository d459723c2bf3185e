//! Initial parameters by their definition, in f64 and apart from the crate: Philox as published, the stream and place of
//! each number, uniform and normal numbers, base points, gains and amounts.

use symbreak::engine::{Batch, Engine, Program, Run, Start};
use symbreak::net::{Activation, Base, Gain, Init, Noise};
use symbreak::task::Boolean;
use symbreak::verify::compare::Comparison;
use symbreak::verify::{nets, unwatched};

/// Philox4x32-10 of Salmon et al. (SC 2011), with the multipliers and Weyl constants of their Table 2.
fn philox(key: u64, counter: [u32; 4]) -> [u32; 4] {
    let mut c = counter.map(u128::from);
    for round in 0..10u128 {
        let low = |x: u128| x & 0xffff_ffff;
        let keys =
            [low(u128::from(key) + round * 0x9e37_79b9), low((u128::from(key) >> 32) + round * 0xbb67_ae85)];
        let (a, b) = (0xd251_1f53 * c[0], 0xcd9e_8d57 * c[2]);
        c = [(b >> 32) ^ c[1] ^ keys[0], low(b), (a >> 32) ^ c[3] ^ keys[1], low(a)];
    }
    c.map(|word| word as u32)
}

/// The words of one number: streams 0 of base points and 1 of noise.
fn words(run: &Run, stream: u32, place: usize) -> [u32; 4] {
    philox(run.master, [run.seed as u32, (run.seed >> 32) as u32, stream, place as u32])
}

/// The middle of one of 2²⁴ parts of (−1, 1).
fn uniform(word: u32) -> f64 {
    (f64::from(word >> 8) + 0.5) / f64::from(1 << 23) - 1.0
}

/// Box & Muller (1958), the radius from the middle of one of 2²³ parts of (0, 1).
fn normal([radius, angle, ..]: [u32; 4]) -> f64 {
    let u = (f64::from(radius >> 9) + 0.5) / f64::from(1 << 23);
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * f64::from(angle) / 2f64.powi(32)).cos()
}

/// The widths of the net: inputs, two hidden layers, outputs; with biases and skip weights.
const WIDTHS: [usize; 4] = [2, 4, 3, 1];

fn program(init: Init) -> Program {
    let mut program = nets::boolean(Boolean::Xor, &WIDTHS[1..3], Activation::Tanh, 0);
    (program.init, program.shape.skip) = (init, true);
    program
}

/// One parameter: where its base is drawn, whether it is a weight, whether it feeds an output, and the fans of its matrix.
struct Place {
    orbit: usize,
    weight: bool,
    output: bool,
    fans: [usize; 2],
}

/// All of them in order: per layer the weights `[out][in]`, then the biases; skip weights last.
fn places() -> Vec<Place> {
    let mut all: Vec<Place> = Vec::new();
    for l in 0..3 {
        let (inputs, outputs) = (WIDTHS[l], WIDTHS[l + 1]);
        let (first, output) = (all.len(), l == 2);
        // What a permutation of hidden units leaves where it is: inputs of the first layer, outputs of the last.
        let (row, column) = (|u| if output { u } else { 0 }, |i| if l == 0 { i } else { 0 });
        for (u, i) in (0..outputs).flat_map(|u| (0..inputs).map(move |i| (u, i))) {
            let orbit = first + row(u) * inputs + column(i);
            all.push(Place { orbit, weight: true, output, fans: [inputs, outputs] });
        }
        let first = all.len();
        all.extend((0..outputs).map(|u| Place {
            orbit: first + row(u),
            weight: false,
            output,
            fans: [1, 1],
        }));
    }
    let first = all.len();
    let skip = |i| Place { orbit: first + i, weight: true, output: true, fans: [WIDTHS[0], WIDTHS[3]] };
    all.extend((0..WIDTHS[0] * WIDTHS[3]).map(skip));
    all
}

/// A parameter by its definition, and how far from it an engine may be: 1e-6 of a normal number or of 1, where the noise is
/// normal; and 4 roundings of the perturbation and of the sum.
fn defined(init: Init, run: &Run, place: &Place, p: usize) -> (f64, f64) {
    let base = match init.base {
        Base::Zero => 0.0,
        Base::Constant => {
            if place.weight {
                run.base_value
            } else {
                0.0
            }
        }
        Base::Copies => run.base_value * uniform(words(run, 0, place.orbit)[0]),
    };
    let [fan_in, fan_out] = place.fans.map(|fan| fan as f64);
    let variance = match init.gain {
        Gain::Glorot => Some(2.0 / (fan_in + fan_out)),
        Gain::He => Some(2.0 / fan_in),
        Gain::Lecun => Some(1.0 / fan_in),
        _ => None,
    };
    // U(−1, 1) has a variance of 1/3.
    let plain = if init.noise == Noise::Uniform { 1.0 / 3.0 } else { 1.0 };
    let gain = variance.map_or(1.0, |variance| (variance / plain).sqrt());
    let layer = if place.output { run.scale_output } else { run.scale_hidden };
    let amount = if place.weight { run.scale * layer * gain } else { run.bias_scale };
    let words = words(run, 1, p);
    let (noise, error) = match init.noise {
        Noise::Uniform => (uniform(words[0]), 0.0),
        Noise::Normal => (normal(words), 1e-6 * normal(words).abs().max(1.0)),
    };
    let value = base + amount * noise;
    let rounding = 0.5 * f64::from(f32::EPSILON) * 4.0 * ((amount * noise).abs() + base.abs() + value.abs());
    (value, amount * error + rounding)
}

fn run(seed: u64) -> Run {
    Run {
        master: 0x1234_5678_9abc_def0,
        scale: 0.25,
        scale_hidden: 2.0,
        scale_output: 0.75,
        bias_scale: 0.5,
        base_value: 1.5,
        ..nets::run(seed)
    }
}

fn drawn(engine: &mut dyn Engine, init: Init, runs: &[Run]) -> Vec<f32> {
    let program = program(init);
    let batch = Batch { program: &program, runs, start: Start::Drawn, keep_parameters: true };
    engine.train(&batch, &unwatched()).expect("training").parameters.expect("kept").initial
}

/// What an engine draws, held against the definition. The twin draws for the next seed.
pub fn compare(engine: &mut dyn Engine, perturbed: bool) -> Comparison {
    let (mut comparison, places) = (Comparison::default(), places());
    let seeds = [0, 1, 77, (1 << 33) + 5];
    let runs = seeds.map(|seed| run(seed + u64::from(perturbed)));
    for &base in Base::ALL {
        for &noise in Noise::ALL {
            for &gain in Gain::ALL.iter().filter(|&&gain| gain != Gain::Orthogonal) {
                let init = Init { base, noise, gain };
                let got = drawn(engine, init, &runs);
                comparison.holds(got.len() == seeds.len() * places.len(), || "parameters".into());
                for (r, got) in got.chunks(places.len()).enumerate() {
                    for (p, (&got, place)) in got.iter().zip(&places).enumerate() {
                        let (want, bound) = defined(init, &run(seeds[r]), place, p);
                        let place = || format!("{init:?}, seed {}, parameter {p}", seeds[r]);
                        comparison.number(got.into(), want, bound, place);
                    }
                }
            }
        }
    }
    comparison
}

/// The bits of what an engine draws for one seed: perturbed copies under a gain.
pub fn bits(engine: &mut dyn Engine, noise: Noise, seed: u64) -> Vec<u32> {
    let init = Init { base: Base::Copies, noise, gain: Gain::He };
    drawn(engine, init, &[run(seed)]).into_iter().map(f32::to_bits).collect()
}
