//! Nets of every structure, held against the reference step by step of training.

use symbreak::engine::{Engine, Program, Run, measured_steps};
use symbreak::net::Loss;
use symbreak::verify::compare::Comparison;
use symbreak::verify::nets;

use super::subject::{reference, single_precision, train, zoo};

const STEPS: u32 = 60;

/// Parameters, loss, error and gradient norm at every measured step, within 2e-4 of max(1, value): rounding alone stays
/// under a tenth of it, and a step more or less, a wrong decay or momentum exceeds it. The twin's reference has 2 %
/// less decay.
fn agree(engine: &mut dyn Engine, name: &str, program: &Program, perturbed: bool) -> Comparison {
    // A sum over 42 terms is steeper than their mean.
    let lr = if program.loss == Loss::HalfSse { 0.02 } else { 1.0 };
    let run = Run { master: 40, lr, weight_decay: 0.01, momentum: 0.8, traced: true, ..nets::run(0) };
    let expected = Run { weight_decay: if perturbed { 0.0098 } else { run.weight_decay }, ..run };
    let got = train(engine, program, &nets::seeds(3, run));
    let want = train(&mut reference(), program, &nets::seeds(3, expected));
    let mut comparison = Comparison::default();
    let bound = |want: f64| 2e-4 * want.abs().max(1.0);
    let measured = measured_steps(program.steps);
    for (r, (got, want)) in got.runs.iter().zip(&want.runs).enumerate() {
        let place = |what: &str, step: u32| format!("{what} of run {r} at step {step}, {name}");
        comparison.holds(got.diverge_step.is_none() && got.steps == STEPS, || place("end", got.steps));
        comparison.holds(got.trace.len() == measured.len(), || place("trace", 0));
        for ((got, want), &step) in got.trace.iter().zip(&want.trace).zip(&measured) {
            for (what, got, want) in [
                ("loss", got.loss, want.loss),
                ("error", got.error, want.error),
                ("gradient norm", got.gradient_norm, want.gradient_norm),
            ] {
                comparison.number(got, want, bound(want), || place(what, step));
            }
            let spreads = [got, want].map(|at| at.units.map_or(-1.0, |units| units.spread));
            comparison.number(spreads[0], spreads[1], bound(spreads[1]), || place("spread", step));
        }
    }
    let last = |trained: &symbreak::engine::Trained| -> Vec<f64> {
        let kept = trained.parameters.as_ref().expect("kept parameters");
        kept.last.iter().map(|&p| p.into()).collect()
    };
    let (got, want) = (last(&got), last(&want));
    let names = program.shape.parameter_names();
    comparison.numbers(&got, &want, |p| bound(want[p]), |p| format!("{}, {name}", names[p % names.len()]));
    comparison
}

#[test]
fn every_structure_trains_as_the_reference_does() {
    for (on, mut engine) in single_precision() {
        for (name, program) in zoo(STEPS) {
            let found = agree(engine.as_mut(), name, &program, false);
            println!("{on}, {name}: {found:?}");
            assert!(found.passed(), "{on}, {name}: {found:?}");
            let twin = agree(engine.as_mut(), name, &program, true);
            assert!(twin.failed(), "{on}, {name}: the perturbed twin passed: {twin:?}");
        }
    }
}

/// The zoo holds both kernels and both of the ways in which the register kernel goes through samples.
#[cfg(feature = "gpu")]
#[test]
fn the_zoo_has_every_kernel() {
    use symbreak::engine::gpu::shader::{Target, kernel};
    for target in [Target::SOFTWARE, Target::HARDWARE] {
        let reasons: Vec<String> =
            zoo(1).iter().map(|(_, program)| kernel(program, target).expect("a kernel").reason).collect();
        for part in ["written out", "in a loop", "a tile"] {
            assert!(reasons.iter().any(|reason| reason.contains(part)), "no {part}: {reasons:?}");
        }
    }
}
