//! Exact copies stay exact copies.

use crate::engine::{EngineError, Program, Run, Start};
use crate::net::{Activation, Base, Gain, Init, Noise, Optimizer};
use crate::task::Boolean;
use crate::verify::compare::Comparison;
use crate::verify::{Pair, nets};

/// Bound: 0. From every base, under every optimizer, in every order of samples and with noise on inputs at scale 0 the units of a layer see the same numbers in the same order, so the spread is
/// exactly 0 at every measured step and their parameters agree bit for bit at the end. And it is no standstill:
/// what the reference moves by more than 1e-4 the engine moves too, what the reference leaves at zero stays at zero,
/// and no run diverges. Control: scale 1e-3.
pub fn check(pair: &mut Pair<'_>, perturbed: bool) -> Result<Comparison, EngineError> {
    let mut comparison = Comparison::default();
    let quick = pair.options.quick || perturbed;
    let steps = if quick { 100 } else { 500 };
    for (i, &activation) in Activation::ALL.iter().enumerate() {
        let all = [&[2][..], &[5], &[3, 2], &[2, 3, 5]];
        let turn = if quick { i % all.len()..i % all.len() + 1 } else { 0..all.len() };
        for &hidden in &all[turn] {
            for function in [Boolean::And, Boolean::Xor] {
                for &base in Base::ALL {
                    let mut program = nets::boolean(function, hidden, activation, steps);
                    program.init = Init { base, noise: Noise::Uniform, gain: Gain::None };
                    copies(pair, &mut comparison, &program, if perturbed { 1e-3 } else { 0.0 })?;
                }
            }
        }
    }
    for (i, &optimizer) in Optimizer::ALL.iter().enumerate() {
        for (j, batch) in [None, Some(1), Some(3)].into_iter().enumerate() {
            for input in [false, true] {
                let hidden = [&[2][..], &[5], &[33, 2]][(i + j) % 3];
                let activation = Activation::ALL[(3 * i + 2 * j) % Activation::ALL.len()];
                let mut program = nets::boolean(Boolean::And, hidden, activation, 60);
                program.init.base = Base::ALL[1 + (i + j) % 2];
                (program.optimizer, program.batch, program.noise.input) = (optimizer, batch, input);
                copies(pair, &mut comparison, &program, if perturbed { 1e-3 } else { 0.0 })?;
            }
        }
    }
    Ok(comparison)
}

fn copies(
    pair: &mut Pair<'_>,
    comparison: &mut Comparison,
    program: &Program,
    scale: f64,
) -> Result<(), EngineError> {
    let lr = if program.optimizer.slots() > 0 { 0.05 } else { 0.25 };
    let run = Run { scale, bias_scale: scale, lr, input_noise: 0.1, traced: true, ..nets::run(0) };
    let runs = nets::seeds(2, run);
    let got = pair.engine(program, &runs, Start::Drawn)?;
    let want = pair.reference(program, &runs, Start::Drawn)?;
    let count = program.shape.parameters();
    let names = program.shape.parameter_names();
    let copies = Init { base: Base::Copies, ..program.init };
    let draws = copies.draws(&program.shape);
    let place = |what: String, r: usize| {
        let shape = &program.shape;
        let samples = &program.data.y;
        format!(
            "{what} of run {r}, {shape} {}, targets {samples:?}, base {}",
            shape.activation, program.init.base
        )
    };
    for (r, result) in got.runs.iter().enumerate() {
        let measured = crate::engine::measured_steps(program.steps);
        comparison.holds(result.trace.len() == measured.len(), || place("length of the trace".into(), r));
        for (at, step) in result.trace.iter().zip(measured) {
            let spread = at.units.map_or(f64::NAN, |units| units.spread);
            comparison.number(spread, 0.0, 0.0, || place(format!("spread at step {step}"), r));
        }
        comparison.holds(result.diverge_step.is_none(), || place("divergence".into(), r));
        let initial = &got.parameters.initial[r * count..(r + 1) * count];
        let last = &got.parameters.last[r * count..(r + 1) * count];
        let wanted = &want.parameters.initial[r * count..(r + 1) * count];
        let moved = &want.parameters.last[r * count..(r + 1) * count];
        for p in 0..count {
            let same = last[p].to_bits() == last[draws[p].orbit as usize].to_bits();
            comparison.holds(same, || place(format!("{} unlike its copies", names[p]), r));
            let far = (moved[p] - wanted[p]).abs() > 1e-4;
            comparison.holds(!far || last[p] != initial[p], || place(format!("{} at rest", names[p]), r));
            comparison.holds(moved[p] != 0.0 || last[p] == 0.0, || place(format!("{} astir", names[p]), r));
        }
    }
    Ok(())
}
