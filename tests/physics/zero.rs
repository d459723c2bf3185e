//! All parameters at zero.

use std::sync::Arc;

use symbreak::engine::{Program, Run, Start};
use symbreak::net::{Activation, Loss};
use symbreak::task::{Boolean, Data, Encoding};
use symbreak::verify::compare::Comparison;
use symbreak::verify::nets;

use super::Subject;

fn at_zero() -> Run {
    Run { scale: 0.0, bias_scale: 0.0, ..nets::run(0) }
}

/// On XOR a zero net stays put, every bit of it, exactly where Σ (o − y)·φ'(0) = 0 at o = φ(0); elsewhere its output
/// bias moves. The twin starts at scale 1e-3.
pub fn stays(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let scale = if perturbed { 1e-3 } else { 0.0 };
    let (mut staying, mut moving) = (0, 0);
    for &targets in Encoding::ALL {
        for &output in Activation::ALL {
            for loss in [Loss::Mse, Loss::HalfSse, Loss::Bce] {
                if loss == Loss::Bce && output != Activation::Logistic {
                    continue;
                }
                for hidden in [Activation::Tanh, Activation::Logistic] {
                    let mut program = nets::boolean(Boolean::Xor, &[2], hidden, 50);
                    program.shape.output = output;
                    program.data = Arc::new(Data::boolean(Boolean::Xor, 2, Encoding::ZeroOne, targets));
                    let program = Program { loss, ..program };
                    let slope = if loss == Loss::Bce { 1.0 } else { output.slope(0.0) };
                    let pull: f64 =
                        program.data.y.iter().map(|&y| (output.value(0.0) - f64::from(y)) * slope).sum();
                    let run = Run { scale, bias_scale: scale, lr: 0.1, ..at_zero() };
                    let (_, parameters) = subject.train(&program, &[run], Start::Drawn);
                    let place = || format!("hidden {hidden}, output {output}, {loss}, targets {targets}");
                    let names = program.shape.parameter_names();
                    if pull == 0.0 {
                        staying += 1;
                        for (&p, name) in parameters.last.iter().zip(&names) {
                            comparison.number(p.into(), 0.0, 0.0, || format!("{name}, {}", place()));
                        }
                    } else {
                        moving += 1;
                        let bias = parameters.last[names.len() - 1];
                        comparison.holds(bias != 0.0, || {
                            format!("{} at rest, {}", names[names.len() - 1], place())
                        });
                    }
                }
            }
        }
    }
    // Both kinds must have occurred; theory names five of the first kind, for each of two hidden activations.
    comparison.holds(staying >= 2 * 7 && moving >= 20, || format!("{staying} stay, {moving} move"));
    comparison
}

/// On AND, logistic: the output weights move at step 1, the layer below at step 2, the first of d hidden layers at step
/// d + 1. Tanh: no weight ever moves. The twin starts at 1e-3, where all move at once.
pub fn downwards(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let scale = if perturbed { 1e-3 } else { 0.0 };
    let run = Run { scale, bias_scale: scale, ..at_zero() };
    for activation in [Activation::Logistic, Activation::Tanh] {
        for depth in 1..=3usize {
            for step in 0..=depth as u32 + 2 {
                let program = nets::boolean(Boolean::And, &[2, 3, 2][..depth], activation, step);
                let (_, parameters) = subject.train(&program, &[run], Start::Drawn);
                for (l, layer) in program.shape.layers().iter().enumerate() {
                    let at = layer.weights.expect("a trained readout");
                    let weights = at..at + layer.inputs * layer.outputs;
                    let moved = parameters.last[weights].iter().any(|&w| w != 0.0);
                    // The output layer is number `depth`.
                    let due = activation == Activation::Logistic && step as usize > depth - l;
                    comparison.holds(moved == due, || {
                        format!("{activation}, depth {depth}, layer {l}, step {step}: moved {moved}")
                    });
                }
            }
        }
    }
    comparison
}
