//! Where every hidden layer has spread 0 the net is monotone along one direction of its input, and XOR's loss has a
//! floor: 1/6 for targets 0/1 and mse, 1/3 for half-sse, 2/3 for targets ±1.

use std::sync::Arc;

use symbreak::engine::{Program, Run, Start};
use symbreak::net::{Activation, Base, Gain, Init, Loss, Noise};
use symbreak::task::{Boolean, Data, Encoding};
use symbreak::verify::compare::Comparison;
use symbreak::verify::nets;

use super::Subject;

/// The monotone activations, for which the floor is a theorem.
const MONOTONE: [Activation; 8] = [
    Activation::Logistic,
    Activation::Tanh,
    Activation::Relu,
    Activation::LeakyRelu,
    Activation::Elu,
    Activation::Softplus,
    Activation::Erf,
    Activation::Linear,
];

/// Seeds per net.
const SEEDS: u64 = 10;

/// Smallest loss that any run reached while it was finite.
fn lowest(subject: &mut Subject<'_>, program: &Program, run: Run) -> f64 {
    let (results, _) = subject.train(program, &nets::seeds(SEEDS, run), Start::Drawn);
    results
        .iter()
        .filter(|result| result.diverge_step.is_none())
        .flat_map(|result| result.trace.iter().map(|at| at.loss))
        .fold(f64::INFINITY, f64::min)
}

/// The floor holds to 1e-6 from exact copies, and linear outputs of relu units reach it to 1e-3. The twin starts from
/// units that differ.
pub fn floor(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let init = Init { base: Base::Copies, noise: Noise::Uniform, gain: Gain::None };
    let scale = if perturbed { 1.0 } else { 0.0 };
    let run = Run { scale, bias_scale: scale, base_value: 1.5, lr: 0.1, traced: true, ..nets::run(0) };
    let mut relu_linear = f64::INFINITY;
    for (i, &activation) in MONOTONE.iter().enumerate() {
        for &output in &MONOTONE {
            for (loss, targets, floor) in [
                (Loss::Mse, Encoding::ZeroOne, 1.0 / 6.0),
                (Loss::HalfSse, Encoding::ZeroOne, 1.0 / 3.0),
                (Loss::Mse, Encoding::PlusMinus, 2.0 / 3.0),
            ] {
                let hidden = [&[2][..], &[3], &[2, 3]][i % 3];
                let mut program = nets::boolean(Boolean::Xor, hidden, activation, subject.steps);
                program.data = Arc::new(Data::boolean(Boolean::Xor, 2, Encoding::ZeroOne, targets));
                program.shape.output = output;
                let lowest = lowest(subject, &Program { init, loss, ..program }, run);
                // Infinite, and so a failure, where all runs diverge.
                let under = if lowest.is_finite() { (floor - lowest).max(0.0) } else { lowest };
                comparison.number(under, 0.0, 1e-6, || {
                    format!("lowest loss of {activation} {output} {loss}, targets {targets}: {lowest}")
                });
                if (activation, output, floor) == (Activation::Relu, Activation::Linear, 1.0 / 6.0) {
                    relu_linear = lowest;
                }
            }
        }
    }
    comparison.number(relu_linear, 1.0 / 6.0, 1e-3, || format!("relu reaches the floor: {relu_linear}"));
    comparison
}

/// One unit that is not monotone, or has skip weights, goes under the floor by 0.01. The twin is a logistic unit.
pub fn beaten(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let run = Run { scale: 2.0, bias_scale: 2.0, lr: 1.0, traced: true, ..nets::run(0) };
    let units = [
        (Activation::Gelu, false),
        (Activation::Silu, false),
        (Activation::Sin, false),
        (Activation::Abs, false),
        (Activation::Logistic, true),
        (Activation::Tanh, true),
    ];
    for (activation, skip) in if perturbed { &[(Activation::Logistic, false)][..] } else { &units } {
        let mut program = nets::boolean(Boolean::Xor, &[1], *activation, subject.steps);
        program.shape.skip = *skip;
        let lowest = lowest(subject, &program, run);
        comparison
            .holds(lowest < 1.0 / 6.0 - 0.01, || format!("one {activation} unit, skip {skip}: {lowest}"));
    }
    comparison
}
