//! Exact copies stay exact copies however long they train.

use symbreak::engine::reference::ReferenceEngine;
use symbreak::engine::{Engine, Program, Run, Start, measured_steps};
use symbreak::net::{Activation, Base, Gain, Init, Noise, Shape};
use symbreak::task::Boolean;
use symbreak::verify::compare::Comparison;
use symbreak::verify::nets;

use super::Subject;

const START: Start<'_> = Start::Drawn;

/// Steps of the reference that tell what should move.
const LOOK: u32 = 1000;

/// From every base at scale 0, over activations, depths 1 to 3, AND and XOR: spread exactly 0 at every measured step,
/// copies equal bit for bit at the end, no run diverges, and whatever the reference moves has moved. Twins: a start at
/// scale 1e-3, whose units part, and a learning rate of 0, at which nothing moves; each must fail.
pub fn stay(subject: &mut Subject<'_>, perturbed: bool) -> Comparison {
    let exact = Run { scale: 0.0, bias_scale: 0.0, lr: 0.25, traced: true, ..nets::run(0) };
    if !perturbed {
        return copies(subject, Activation::ALL, exact, subject.steps);
    }
    let apart = copies(subject, &Activation::ALL[..2], Run { scale: 1e-3, bias_scale: 1e-3, ..exact }, 100);
    let at_rest = copies(subject, &Activation::ALL[..2], Run { lr: 0.0, ..exact }, 100);
    if apart.failed() { at_rest } else { apart }
}

/// The nets, their base values and steps. A layer of 33 units is too wide for the kernel that keeps a net in registers; the
/// other one is too slow on a processor for the full length, and 33 weights of 0.5 would saturate the layer above.
fn shapes(steps: u32) -> [(&'static [usize], f64, u32); 4] {
    [(&[3], 0.5, steps), (&[5, 2], 0.5, steps), (&[2, 3, 2], 0.5, steps), (&[33, 2], 0.1, steps.min(100))]
}

fn copies(subject: &mut Subject<'_>, activations: &[Activation], run: Run, steps: u32) -> Comparison {
    let mut comparison = Comparison::default();
    for &activation in activations {
        for (hidden, base_value, steps) in shapes(steps) {
            let run = Run { base_value, ..run };
            for function in [Boolean::And, Boolean::Xor] {
                for &base in Base::ALL {
                    let mut program = nets::boolean(function, hidden, activation, steps);
                    program.init = Init { base, noise: Noise::Uniform, gain: Gain::None };
                    // Skip weights belong to no unit and must not tell any apart.
                    program.shape.skip = hidden == [5, 2];
                    // From zero, XOR may rest for ever: see `zero::stays`.
                    let may_rest = (base, function) == (Base::Zero, Boolean::Xor);
                    let name = format!("{function} {} {activation} {base}", program.shape);
                    one(subject, &mut comparison, &program, run, may_rest, &name);
                }
            }
        }
    }
    comparison
}

fn one(
    subject: &mut Subject<'_>,
    comparison: &mut Comparison,
    program: &Program,
    run: Run,
    may_rest: bool,
    name: &str,
) {
    let runs = nets::seeds(2, run);
    let measured = measured_steps(program.steps);
    let orbits = Init { base: Base::Copies, ..program.init }.draws(&program.shape);
    let names = program.shape.parameter_names();
    let moving = moving(program, &runs);
    let (results, parameters) = subject.train(program, &runs, START);
    for (r, result) in results.iter().enumerate() {
        let place = |what: String| format!("{what}, {name}, run {r}");
        comparison.holds(result.diverge_step.is_none(), || place("divergence".into()));
        comparison.holds(result.steps == program.steps, || place(format!("{} steps", result.steps)));
        comparison.holds(result.trace.len() == measured.len(), || place("length of the trace".into()));
        for (at, step) in result.trace.iter().zip(&measured) {
            let spread = at.units.map_or(f64::NAN, |units| units.spread);
            comparison.number(spread, 0.0, 0.0, || place(format!("spread at step {step}")));
        }
        let range = r * names.len()..(r + 1) * names.len();
        let (initial, last) = (&parameters.initial[range.clone()], &parameters.last[range.clone()]);
        for (p, parameter) in names.iter().enumerate() {
            let copy = last[orbits[p].orbit as usize];
            comparison.holds(last[p].to_bits() == copy.to_bits(), || {
                place(format!("{parameter} unlike its copies"))
            });
            comparison.holds(last[p].is_finite(), || place(format!("{parameter} not finite")));
            if moving[range.start + p] {
                comparison.holds(last[p] != initial[p], || place(format!("{parameter} at rest")));
            }
        }
        let moving = &moving[range];
        comparison.holds(may_rest || moving.contains(&true), || place("nothing should move".into()));
        // From a constant no unit is dead, so training reaches every layer, given the time.
        if program.init.base == Base::Constant && program.steps >= LOOK {
            for (l, weights) in hidden_weights(&program.shape).into_iter().enumerate() {
                comparison
                    .holds(moving[weights].contains(&true), || place(format!("layer {l} should not move")));
            }
        }
    }
}

/// Which parameters, of shape `[run][parameter]`, the reference moves by more than 1e-4 within [`LOOK`] steps.
fn moving(program: &Program, runs: &[Run]) -> Vec<bool> {
    let mut reference = ReferenceEngine::new(Some(1)).expect("threads");
    let program = Program { steps: program.steps.min(LOOK), ..program.clone() };
    let runs: Vec<Run> = runs.iter().map(|run| Run { lr: 0.25, ..*run }).collect();
    let batch =
        symbreak::engine::Batch { program: &program, runs: &runs, start: START, keep_parameters: true };
    let trained = reference.train(&batch, &symbreak::verify::unwatched()).expect("training");
    let kept = trained.parameters.expect("kept parameters");
    kept.initial.iter().zip(&kept.last).map(|(a, b)| (a - b).abs() > 1e-4).collect()
}

/// Where the weights of each hidden layer lie.
fn hidden_weights(shape: &Shape) -> Vec<std::ops::Range<usize>> {
    let layers = shape.layers();
    let hidden = &layers[..layers.len() - 1];
    hidden
        .iter()
        .filter_map(|layer| layer.weights.map(|first| first..first + layer.inputs * layer.outputs))
        .collect()
}
