//! Exact copies stay exact copies however long they train.

use symbreak::engine::reference::gradient;
use symbreak::engine::{Run, Start, measured_steps};
use symbreak::net::{Activation, Base, Gain, Init, Noise};
use symbreak::task::Boolean;
use symbreak::verify::compare::Comparison;
use symbreak::verify::nets;

use super::Subject;

/// From every base at scale 0, over activations, depths 1 to 3, AND and XOR: spread exactly 0 at every measured step,
/// copies equal bit for bit at the end, no run diverges, and every parameter with a gradient over 1e-4 at the start
/// has moved. The twin starts at scale 1e-3.
pub fn stay(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let scale = if perturbed { 1e-3 } else { 0.0 };
    let run = Run { scale, bias_scale: scale, lr: 0.25, traced: true, ..nets::run(0) };
    let steps = subject.steps;
    let measured = measured_steps(steps);
    for &activation in Activation::ALL {
        for (i, hidden) in [&[3][..], &[5, 2], &[2, 3, 5]].into_iter().enumerate() {
            for function in [Boolean::And, Boolean::Xor] {
                for &base in Base::ALL {
                    let mut program = nets::boolean(function, hidden, activation, steps);
                    program.init = Init { base, noise: Noise::Uniform, gain: Gain::None };
                    // Skip weights belong to no unit and must not tell any apart.
                    program.shape.skip = i == 1;
                    let orbits = Init { base: Base::Copies, ..program.init }.draws(&program.shape);
                    let names = program.shape.parameter_names();
                    let (results, parameters) =
                        subject.train(&program, &nets::seeds(2, run), Start::Drawn { master: 8 });
                    let mut moving = 0;
                    for (r, result) in results.iter().enumerate() {
                        let place = |what: String| {
                            format!("{what}, {function} {} {activation} {base}", program.shape)
                        };
                        comparison.holds(result.diverge_step.is_none(), || place("divergence".into()));
                        comparison.holds(result.trace.len() == measured.len(), || place("trace".into()));
                        for (at, step) in result.trace.iter().zip(&measured) {
                            let spread = at.units.map_or(f64::NAN, |units| units.spread);
                            comparison.number(spread, 0.0, 0.0, || place(format!("spread at step {step}")));
                        }
                        let range = r * names.len()..(r + 1) * names.len();
                        let (initial, last) = (&parameters.initial[range.clone()], &parameters.last[range]);
                        let start: Vec<f64> = initial.iter().map(|&p| p.into()).collect();
                        let (_, gradient) = gradient(&program.shape, &program.data, program.loss, &start);
                        for (p, name) in names.iter().enumerate() {
                            let copy = last[orbits[p].orbit as usize];
                            comparison.holds(last[p].to_bits() == copy.to_bits(), || {
                                place(format!("{name} unlike its copies"))
                            });
                            if gradient[p].abs() > 1e-4 {
                                moving += 1;
                                comparison.holds(last[p] != initial[p], || place(format!("{name} at rest")));
                            }
                        }
                    }
                    // At least the output bias has a gradient, but for zero nets on XOR.
                    comparison.holds(moving > 0 || (base, function) == (Base::Zero, Boolean::Xor), || {
                        format!("nothing moves: {function} {hidden:?} {activation} {base}")
                    });
                }
            }
        }
    }
    comparison
}
