//! Symmetries of the parametrization: what computes the same function at the start does so for ever.

use symbreak::engine::Program;
use symbreak::net::Activation;
use symbreak::task::Boolean;
use symbreak::verify::compare::Comparison;
use symbreak::verify::nets;

use super::Subject;

const UNITS: usize = 3;
const STEPS: u32 = 100;

/// Where the parameters of the 2-3-1 net lie.
const BIASES: usize = 2 * UNITS;
const OUTPUT: usize = 3 * UNITS;

/// Trains from `start` and from `change(start)`; the second end must be `expect` of the first. Bound: a thousand
/// roundoffs, as the order of sums changes and a hundred steps amplify that, and parameters are handed over in f32.
fn same(
    subject: &mut Subject<'_>,
    comparison: &mut Comparison,
    program: &Program,
    change: impl Fn(&mut [f32]),
    expect: impl Fn(&mut [f32]),
) {
    for seed in 0..5 {
        let run = symbreak::engine::Run { lr: 1.0, ..nets::run(seed) };
        let start = nets::parameters(&program.shape, 1.0, seed);
        let mut changed = start.clone();
        change(&mut changed);
        let mut want: Vec<f32> =
            subject.parameters(program, run, &start, STEPS).iter().map(|&p| p as f32).collect();
        expect(&mut want);
        let want: Vec<f64> = want.iter().map(|&p| p.into()).collect();
        let got = subject.parameters(program, run, &changed, STEPS);
        let bound =
            |p: usize| (1000.0 * subject.roundoff + f64::from(f32::EPSILON)) * f64::max(1.0, want[p].abs());
        let names = program.shape.parameter_names();
        let activation = program.shape.activation;
        comparison.numbers(&got, &want, bound, |p| format!("{}, {activation}, seed {seed}", names[p]));
    }
}

/// Rotates units: 0 ← 1 ← 2 ← 0.
fn rotate(p: &mut [f32], outputs_too: bool) {
    p[..BIASES].rotate_left(2);
    p[BIASES..OUTPUT].rotate_left(1);
    if outputs_too {
        p[OUTPUT..OUTPUT + UNITS].rotate_left(1);
    }
}

/// Permuting the units permutes the trajectory. The twin forgets to permute the output weights of the start.
pub fn permuted(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    for &activation in Activation::ALL {
        let program = nets::boolean(Boolean::Xor, &[UNITS], activation, STEPS);
        same(subject, &mut comparison, &program, |p| rotate(p, !perturbed), |p| rotate(p, true));
    }
    comparison
}

/// Negating every weight of a unit of an odd activation negates them for ever. The twin is a logistic unit.
pub fn flipped(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let flip = |p: &mut [f32]| {
        for i in [2, 3, BIASES + 1, OUTPUT + 1] {
            p[i] = -p[i];
        }
    };
    let odd = [Activation::Tanh, Activation::Erf, Activation::Sin, Activation::Linear];
    for activation in if perturbed { &[Activation::Logistic][..] } else { &odd } {
        let program = nets::boolean(Boolean::Xor, &[UNITS], *activation, STEPS);
        same(subject, &mut comparison, &program, flip, flip);
    }
    comparison
}
