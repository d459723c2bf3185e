//! Two-layer linear nets: Saxe, McClelland, Ganguli 2013 (arXiv 1312.6120), and what gradient flow conserves. Gradient
//! descent errs in first order in the learning rate, so halving it must halve the error; no tolerance decides that.

use symbreak::engine::{Program, Run};
use symbreak::net::Activation;
use symbreak::task::{Boolean, Data};
use symbreak::verify::compare::Comparison;
use symbreak::verify::nets;

use super::Subject;
use super::subject::linear;

/// Singular values of the task's two decoupled modes.
const MODES: [f64; 2] = [3.0, 1.5];

/// Time t·lr that is trained for: both modes are on the rise.
const TIME: f64 = 1.0;

/// The coarser learning rate.
const LR: f64 = 1.0 / 128.0;

/// Σ x xᵀ = I, y = diag(s)·x.
fn program() -> Program {
    let [s, t] = MODES.map(|s| s as f32);
    linear(&[2], Data { inputs: 2, outputs: 2, x: vec![1.0, 0.0, 0.0, 1.0], y: vec![s, 0.0, 0.0, t] })
}

/// First layer diag(a), second diag(b): the modes stay decoupled.
fn start(a: [f32; 2], b: [f32; 2]) -> [f32; 8] {
    [a[0], 0.0, 0.0, a[1], b[0], 0.0, 0.0, b[1]]
}

/// (a, b) of both modes after `TIME`.
fn trained(subject: &mut Subject<'_>, start: &[f32], lr: f64) -> [(f64, f64); 2] {
    let steps = (TIME / lr).round() as u32;
    let p = subject.parameters(&program(), Run { lr, ..nets::run(0) }, start, steps);
    [(p[0], p[4]), (p[3], p[7])]
}

/// Checks that an error of first order halves with the learning rate: the ratio is 2 up to a tenth.
fn halves(comparison: &mut Comparison, coarse: f64, fine: f64, what: String) {
    comparison.number(coarse / fine, 2.0, 0.2, || format!("ratio of {what}: {coarse:e} / {fine:e}"));
}

/// u(t) = s·e^{2st} / (e^{2st} − 1 + s/u₀) from the balanced start a = b = √u₀. The twin expects singular values 1 % larger.
pub fn modes(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let root = [0.25f32, 0.375];
    let start = start(root, root);
    let coarse = trained(subject, &start, LR);
    let fine = trained(subject, &start, LR / 2.0);
    for (mode, root) in root.into_iter().enumerate() {
        let s = MODES[mode] * if perturbed { 1.01 } else { 1.0 };
        let (e, u0) = ((2.0 * s * TIME).exp(), f64::from(root * root));
        let u = s * e / (e - 1.0 + s / u0);
        let error = |(a, b): (f64, f64)| a * b - u;
        halves(&mut comparison, error(coarse[mode]), error(fine[mode]), format!("errors of mode {mode}"));
    }
    comparison
}

/// a² − b² drifts in first order only, from an unbalanced start. The twin takes a² + b², which is not conserved.
pub fn balance(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let start = start([0.75, 0.25], [0.25, 0.5]);
    let sign = if perturbed { 1.0 } else { -1.0 };
    let kept = |(a, b): (f64, f64)| a * a + sign * b * b;
    let coarse = trained(subject, &start, LR);
    let fine = trained(subject, &start, LR / 2.0);
    for mode in 0..2 {
        let initial = kept((f64::from(start[3 * mode]), f64::from(start[4 + 3 * mode])));
        let drift = |at: (f64, f64)| kept(at) - initial;
        halves(&mut comparison, drift(coarse[mode]), drift(fine[mode]), format!("drifts of mode {mode}"));
    }
    comparison
}

/// For a relu unit with incoming weights w, bias b and outgoing weight v, |w|² + b² − v² drifts in first order only. The
/// twin leaves the bias out.
pub fn relu_balance(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let program = nets::boolean(Boolean::Xor, &[2], Activation::Relu, 0);
    // Both units on and off somewhere, and away from their kinks for as long as this takes.
    let start: [f32; 9] = [0.9, 0.8, 0.7, -0.6, 0.35, 0.45, 0.8, -0.7, 0.1];
    let kept = |p: &[f64], unit: usize| {
        let (w, b, v) = (&p[2 * unit..2 * unit + 2], p[4 + unit], p[6 + unit]);
        w[0] * w[0] + w[1] * w[1] + if perturbed { 0.0 } else { b * b } - v * v
    };
    let initial = start.map(f64::from);
    let mut drifts = |lr: f64| {
        let p = subject.parameters(&program, Run { lr, ..nets::run(0) }, &start, (4.0 / lr) as u32);
        [0, 1].map(|unit| kept(&p, unit) - kept(&initial, unit))
    };
    let (coarse, fine) = (drifts(0.25), drifts(0.125));
    for unit in 0..2 {
        halves(&mut comparison, coarse[unit], fine[unit], format!("drifts of relu unit {unit}"));
    }
    comparison
}
