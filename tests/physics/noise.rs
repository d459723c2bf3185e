//! Training with noise where every step can be written down: nets of few linear weights, whose recursions are worked out
//! here, apart from the engines, with the random numbers of `net::noise`.

use std::sync::Arc;

use symbreak::engine::{Program, Run, Start};
use symbreak::net::noise::{drops_out, is_missing, normal_at, run_key, shuffle};
use symbreak::net::philox::Stream;
use symbreak::net::{Activation, NoiseKinds, Shape};
use symbreak::task::{Boolean, Data};
use symbreak::verify::compare::Comparison;
use symbreak::verify::nets;

use super::Subject;
use super::subject::linear;

const NONE: NoiseKinds = NoiseKinds { dropout: false, gradient: false, input: false, mask: false };

/// Settings of a run whose twin draws other numbers than the recursion expects.
fn run(perturbed: bool) -> (Run, Run) {
    let run = Run { master: 6, seed: 5, ..nets::run(0) };
    (Run { seed: run.seed + u64::from(perturbed), ..run }, run)
}

/// Bound: rounding of each of the steps, of numbers of the size of 1.
fn bound(subject: &Subject<'_>, steps: u32) -> f64 {
    // Parameters come back in f32.
    f64::from(f32::EPSILON) + 8.0 * f64::from(steps) * subject.roundoff
}

/// One weight, no samples but zeros: w is a random walk of steps −lr·σ·N(0, 1).
pub fn gradient(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let data = Data { inputs: 2, outputs: 1, x: vec![0.0, 0.0], y: vec![0.0] };
    let program = Program { noise: NoiseKinds { gradient: true, ..NONE }, ..linear(&[], data) };
    let (asked, run) = run(perturbed);
    let asked = Run { lr: 0.25, gradient_noise: 0.5, ..asked };
    let steps = 50;
    let got = subject.parameters(&program, asked, &[0.0, 0.0], steps);
    let key = run_key(run.master, run.seed, Stream::Gradient);
    for (p, got) in got.into_iter().enumerate() {
        let walk: f64 = (0..steps).map(|t| f64::from(normal_at(key, t, p as u32))).sum();
        let bound = bound(subject, steps) + 1e-6;
        comparison.number(got, -0.25 * 0.5 * walk, bound, || format!("weight {p} after {steps} steps"));
    }
    comparison
}

/// One weight on one sample (x, y) under half-sse: w ← w − lr·(w·x' − y)·x' with x' = x + σ·N(0, 1).
pub fn input(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let data = Data { inputs: 1, outputs: 1, x: vec![1.0], y: vec![0.5] };
    let program = Program { noise: NoiseKinds { input: true, ..NONE }, ..linear(&[], data) };
    let (asked, run) = run(perturbed);
    let asked = Run { lr: 0.125, input_noise: 0.25, ..asked };
    let steps = 40;
    let got = subject.parameters(&program, asked, &[-1.0], steps);
    let key = run_key(run.master, run.seed, Stream::Input);
    let mut w = -1.0;
    for t in 0..steps {
        let x = 1.0 + 0.25 * f64::from(normal_at(key, t, 0));
        w -= 0.125 * (w * x - 0.5) * x;
    }
    comparison.number(got[0], w, bound(subject, steps) + 1e-6, || format!("the weight after {steps} steps"));
    comparison
}

/// Three linear units between one input and one output: f = Σ v·k·w·x, k = 0 or 1 / (1 − p) for each unit, step and
/// sample.
pub fn dropout(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let (x, y) = ([1.0f32, -0.5], [0.25f32, 0.75]);
    let data = Data { inputs: 1, outputs: 1, x: x.to_vec(), y: y.to_vec() };
    let program = Program { noise: NoiseKinds { dropout: true, ..NONE }, ..linear(&[3], data) };
    let (asked, run) = run(perturbed);
    let (p, lr) = (0.375, 0.0625);
    let asked = Run { lr, dropout: p, ..asked };
    let start = [0.5, -0.25, 0.75, 1.0, 0.5, -0.75];
    let steps = 30;
    let got = subject.parameters(&program, asked, &start, steps);
    let key = run_key(run.master, run.seed, Stream::Dropout);
    let mut parameters = start.map(f64::from);
    for t in 0..steps {
        let (w, v) = parameters.split_at(3);
        let mut gradient = [0.0; 6];
        for (s, (x, y)) in x.into_iter().zip(y).enumerate() {
            let keep = |u: usize| {
                if drops_out(key, t, (3 * s + u) as u32, p as f32) { 0.0 } else { 1.0 / (1.0 - p) }
            };
            let x = f64::from(x);
            let f: f64 = (0..3).map(|u| v[u] * keep(u) * w[u] * x).sum();
            let e = f - f64::from(y);
            for u in 0..3 {
                gradient[u] += e * v[u] * keep(u) * x;
                gradient[3 + u] += e * keep(u) * w[u] * x;
            }
        }
        parameters.iter_mut().zip(gradient).for_each(|(p, g)| *p -= lr * g);
    }
    for (p, (got, want)) in got.into_iter().zip(parameters).enumerate() {
        comparison.number(got, want, bound(subject, steps), || format!("parameter {p} after {steps} steps"));
    }
    comparison
}

/// Steps of a minibatch are steps on a task of its samples alone, in the order that `shuffle` gives; the last batch of an
/// epoch is shorter. On XOR by three samples and by one, with every loss.
pub fn minibatches(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let (asked, run) = run(perturbed);
    for loss in [symbreak::net::Loss::Mse, symbreak::net::Loss::HalfSse, symbreak::net::Loss::Bce] {
        for batch in [1, 3] {
            let whole = Program { loss, ..nets::boolean(Boolean::Xor, &[2], Activation::Tanh, 0) };
            let start = nets::parameters(&whole.shape, 1.0, 3);
            let program = Program { batch: Some(batch), ..whole.clone() };
            let steps = 3 * program.steps_per_epoch() - 1;
            let got = subject.parameters(&program, asked, &start, steps);
            let key = run_key(run.master, run.seed, Stream::Order);
            let mut parameters = start;
            for t in 0..steps {
                let per_epoch = program.steps_per_epoch();
                let mut order = [0, 1, 2, 3];
                shuffle(key, t / per_epoch, &mut order);
                let first = (t % per_epoch * batch) as usize;
                let chosen = &order[first..4.min(first + batch as usize)];
                let mut data = Data { x: Vec::new(), y: Vec::new(), ..(*whole.data).clone() };
                for &s in chosen {
                    data.x.extend_from_slice(&whole.data.x[2 * s as usize..][..2]);
                    data.y.push(whole.data.y[s as usize]);
                }
                let part = Program { data: Arc::new(data), ..whole.clone() };
                let after = subject.parameters(&part, run, &parameters, 1);
                parameters = after.into_iter().map(|p| p as f32).collect();
            }
            let names = whole.shape.parameter_names();
            for (p, (got, want)) in got.into_iter().zip(parameters).enumerate() {
                // Between steps the chain of short trainings is rounded to f32.
                let bound = f64::from(steps) * 4.0 * f64::from(f32::EPSILON);
                comparison.number(got, want.into(), bound, || format!("{}, {loss} by {batch}", names[p]));
            }
        }
    }
    comparison
}

/// Missing weights start at 0 and stay there whatever the optimizer, the others move; the gradient norm is that of the
/// others. The twin expects the connections of another seed to be missing.
pub fn mask(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let (asked, run) = run(perturbed);
    let (p, lr) = (0.5, 0.5);
    for &optimizer in symbreak::net::Optimizer::ALL {
        let plain = nets::boolean(Boolean::And, &[4], Activation::Tanh, 1);
        let program = Program { optimizer, noise: NoiseKinds { mask: true, ..NONE }, ..plain };
        let asked = Run { mask: p, lr, momentum: 0.5, weight_decay: 0.125, ..asked };
        let (results, parameters) = subject.train(&program, &[asked], Start::Drawn);
        let missing =
            |i: usize| program.shape.is_weight()[i] && is_missing(run.master, run.seed, i as u32, p as f32);
        let mut squares = 0.0;
        for (i, name) in program.shape.parameter_names().iter().enumerate() {
            let (first, last) = (f64::from(parameters.initial[i]), f64::from(parameters.last[i]));
            if missing(i) {
                comparison.number(first, 0.0, 0.0, || format!("initial {name}, {optimizer}"));
                comparison.number(last, 0.0, 0.0, || format!("final {name}, {optimizer}"));
            } else {
                let decay = if program.shape.is_weight()[i] { 0.125 } else { 0.0 };
                squares += ((first - last) / lr - decay * first).powi(2);
            }
        }
        if optimizer == symbreak::net::Optimizer::Sgd {
            let norm = results[0].initial.gradient_norm;
            comparison.number(norm, squares.sqrt(), 1e-5, || "initial gradient norm".into());
        }
    }
    comparison
}

/// Rates per layer: `lr_hidden` and `lr_output` multiply the rate of what feeds hidden units and outputs. With one of them 0
/// that layer rests, and the first step of the other is that of a rate twice as large. The twin expects three times.
pub fn rates(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let mut program = nets::boolean(Boolean::Xor, &[3, 2], Activation::Tanh, 1);
    program.shape = Shape { skip: true, ..program.shape };
    let start = nets::parameters(&program.shape, 1.0, 3);
    let run = Run { lr: 0.25, ..nets::run(0) };
    let plain = subject.parameters(&program, run, &start, 1);
    let factor = if perturbed { 3.0 } else { 2.0 };
    for output in [false, true] {
        let (lr_hidden, lr_output) = if output { (0.0, 2.0) } else { (2.0, 0.0) };
        let got = subject.parameters(&program, Run { lr_hidden, lr_output, ..run }, &start, 1);
        for (p, feeds_output) in program.shape.feeds_output().into_iter().enumerate() {
            let first = f64::from(start[p]);
            let moved = if feeds_output == output { factor * (plain[p] - first) } else { 0.0 };
            let place =
                || format!("parameter {p}, rate of {}", if output { "the output" } else { "hidden layers" });
            comparison.number(got[p], first + moved, 1e-6, place);
        }
    }
    comparison
}
