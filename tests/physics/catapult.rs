//! Lewkowycz, Bahri, Dyer, Sohl-Dickstein, Gur-Ari 2020 (arXiv 2003.02218): a linear net with one sample x = 1,
//! y = 0 and half-sse. With f = a·b and Λ = |a|² + |b|² every step of size η is exactly
//! f' = (1 − ηΛ + η²f²)·f, Λ' = Λ + ηf²(ηΛ − 4).

use symbreak::engine::{Program, Run, Start};
use symbreak::task::Data;
use symbreak::verify::compare::Comparison;
use symbreak::verify::nets;

use super::Subject;
use super::subject::linear;

const WIDTH: usize = 4;

/// η·Λ₀ of the three regimes.
const LAZY: f64 = 1.0;
const CATAPULT: f64 = 3.0;
const DIVERGENT: f64 = 5.0;

/// Small f, so that the regimes part where they do in the limit of width.
const START: [f32; 2 * WIDTH] = [1.0, -0.75, 0.5, 0.25, 0.5, 1.0, 0.25, 0.625];

fn program() -> Program {
    linear(&[WIDTH], Data { inputs: 1, outputs: 1, x: vec![1.0], y: vec![0.0] })
}

/// f and Λ of parameters a (first layer), b (second).
fn state(parameters: &[f64]) -> (f64, f64) {
    let (a, b) = parameters.split_at(WIDTH);
    (a.iter().zip(b).map(|(a, b)| a * b).sum(), parameters.iter().map(|p| p * p).sum())
}

fn run(eta_lambda: f64) -> Run {
    let (_, lambda) = state(&START.map(f64::from));
    Run { lr: eta_lambda / lambda, ..nets::run(0) }
}

/// Each of twelve steps by itself, so that nothing is amplified. Bound: 30 roundoffs of the terms, and parameters are
/// handed over in f32. The twin expects a learning rate 1e-3 larger.
pub fn recursion(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let u = subject.roundoff.max(f64::from(f32::EPSILON) / 2.0);
    for eta_lambda in [LAZY, CATAPULT] {
        let run = run(eta_lambda);
        let eta = run.lr * if perturbed { 1.001 } else { 1.0 };
        let mut before = state(&START.map(f64::from));
        for step in 1..=12 {
            let (f, lambda) = before;
            let after = state(&subject.parameters(&program(), run, &START, step));
            let expected =
                ((1.0 - eta * lambda + eta * eta * f * f) * f, lambda + eta * f * f * (eta * lambda - 4.0));
            // f is a sum of products that are each up to Λ.
            let bound = 30.0 * u * lambda.max(after.1) * (1.0 + eta * lambda);
            comparison.number(after.0, expected.0, bound, || format!("f at step {step}, ηΛ₀ = {eta_lambda}"));
            comparison.number(after.1, expected.1, bound, || format!("Λ at step {step}, ηΛ₀ = {eta_lambda}"));
            before = after;
        }
    }
    comparison
}

/// Lazy under 2: the loss falls at every step and Λ hardly moves. Catapult from 2 to 4: the loss first grows, then
/// falls to 0 where Λ has come under 2/η. Divergent above 4. The twin takes each run for the next regime.
pub fn regimes(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let mut settings = [LAZY, CATAPULT, DIVERGENT];
    if perturbed {
        settings.rotate_left(1);
    }
    let program = Program { steps: 500, ..program() };
    let runs = settings.map(|eta_lambda| Run { traced: true, ..run(eta_lambda) });
    let (results, parameters) = subject.train(&program, &runs, Start::Given(&START.repeat(3)));
    let (_, lambda) = state(&START.map(f64::from));
    let last = |r: usize| {
        let last: Vec<f64> =
            parameters.last[r * 2 * WIDTH..(r + 1) * 2 * WIDTH].iter().map(|&p| p.into()).collect();
        state(&last).1
    };
    let losses = |r: usize| results[r].trace.iter().map(|at| at.loss);
    let peak = |r: usize| losses(r).fold(0.0, f64::max);
    let first = results[0].initial.loss;

    let falls = losses(0).zip(losses(0).skip(1)).all(|(before, after)| after <= before);
    comparison.holds(falls && results[0].last.loss < 1e-9, || "lazy: the loss falls to 0".into());
    comparison.number(last(0), lambda, 0.2 * lambda, || "lazy: Λ at the end".into());

    comparison.holds(peak(1) > 2.0 * first, || "catapult: the loss grows first".into());
    comparison.holds(results[1].last.loss < 1e-9, || "catapult: the loss falls to 0".into());
    comparison.holds(last(1) < 2.0 / runs[1].lr && last(1) < lambda, || "catapult: Λ ends flat".into());

    comparison.holds(results[2].diverge_step.is_some(), || "divergent".into());
    comparison.holds(results[0].diverge_step.or(results[1].diverge_step).is_none(), || "others".into());
    comparison
}
