//! Initial parameters: base + amount × noise.

use crate::engine::{EngineError, Program, Run, Start};
use crate::net::{Activation, Base, Gain, Init, Noise};
use crate::task::Boolean;
use crate::verify::compare::Comparison;
use crate::verify::{Pair, nets};

/// Bound, per parameter: 1e-6 × amount × max(1, |noise|) as the contract promises, amount being scale × gain (or
/// the bias scale), plus one f32 ulp of the base and of the value for the rounding of the sum. So at scale 0 a
/// base of zero must be exact. Control: the next seed.
pub fn check(pair: &mut Pair<'_>, perturbed: bool) -> Result<Comparison, EngineError> {
    let mut comparison = Comparison::default();
    let ulp = f64::from(f32::EPSILON);
    let settings = [
        (0.0, 0.0, 0.5),
        (0.0, 1.0, 0.5),
        (1e-6, 1e-6, 0.5),
        (1e-3, 0.0, 3.0),
        (1.0, 1.0, 0.0),
        (100.0, 7.0, 0.5),
    ];
    let runs: Vec<Run> = settings
        .iter()
        .flat_map(|&(scale, bias_scale, base_value)| {
            let master = 0x1234_5678_9abc_def0;
            let (scale_hidden, scale_output) = (2.0, 0.75);
            let settings =
                Run { master, scale, scale_hidden, scale_output, bias_scale, base_value, ..nets::run(0) };
            [0, 1, 77, 1 << 33].map(|seed| Run { seed, ..settings })
        })
        .collect();
    let asked: Vec<Run> =
        runs.iter().map(|run| Run { seed: run.seed + u64::from(perturbed), ..*run }).collect();
    for (hidden, skip) in [(&[][..], false), (&[2], false), (&[3, 5], true)] {
        let mut program = nets::boolean(Boolean::Xor, hidden, Activation::Tanh, 0);
        program.shape.skip = skip;
        for (&base, &noise, &gain) in kinds() {
            program.init = Init { base, noise, gain };
            let got = pair.engine(&program, &asked, Start::Drawn)?;
            let names = program.shape.parameter_names();
            for (r, (run, got)) in runs.iter().zip(got.parameters.initial.chunks(names.len())).enumerate() {
                let want = drawn(&program, run);
                let base = drawn(&program, &Run { scale: 0.0, bias_scale: 0.0, ..*run });
                let plain = Program { init: Init { base: Base::Zero, ..program.init }, ..program.clone() };
                let noise = drawn(
                    &plain,
                    &Run { scale: 1.0, scale_hidden: 1.0, scale_output: 1.0, bias_scale: 1.0, ..*run },
                );
                let draws = program.init.draws(&program.shape);
                let bound = |p: usize| {
                    // `noise` holds the factor already, so divide it out of the noise, not out of the amount.
                    let factor = f64::from(draws[p].factor);
                    let layer = if draws[p].output { run.scale_output } else { run.scale_hidden };
                    let amount = if draws[p].weight { run.scale * layer * factor } else { run.bias_scale };
                    1e-6 * amount * (noise[p] / factor).abs().max(1.0) + ulp * (base[p].abs() + want[p].abs())
                };
                let got: Vec<f64> = got.iter().map(|&p| p.into()).collect();
                let place = |p: usize| format!("{} {:?}, run {r}, {}", program.shape, program.init, names[p]);
                comparison.numbers(&got, &want, bound, place);
            }
        }
    }
    Ok(comparison)
}

fn kinds() -> impl Iterator<Item = (&'static Base, &'static Noise, &'static Gain)> {
    Base::ALL.iter().flat_map(|base| {
        Noise::ALL.iter().flat_map(move |noise| Gain::ALL.iter().map(move |gain| (base, noise, gain)))
    })
}

fn drawn(program: &Program, run: &Run) -> Vec<f64> {
    let mut drawn = Vec::new();
    program.drawing().draw(run.amounts(), &mut drawn);
    drawn.into_iter().map(f64::from).collect()
}
