//! Fractions of a sweep, where single runs may differ.

use crate::engine::{EngineError, Program, Run, RunResult, Start};
use crate::measure::statistics::two_proportions;
use crate::measure::{Outcome, Symmetry, outcome};
use crate::net::{Activation, Base, Gain, Init, Noise};
use crate::task::Boolean;
use crate::verify::compare::Comparison;
use crate::verify::{Pair, nets};

/// Bound: |z| ≤ 4 in the two-proportion test, which equal fractions exceed once in 16,000 tests. Both engines have the
/// same seeds, so that z is near 0; at scale 1e-7 from copies, though, f32's own grid decides single runs.
/// Control: the reference trains with an eighth of the learning rate.
pub fn check(pair: &mut Pair<'_>, perturbed: bool) -> Result<Comparison, EngineError> {
    let mut comparison = Comparison::default();
    let (seeds, steps) = if pair.options.quick || perturbed { (200, 2000) } else { (500, 10_000) };
    for (base, scale) in [(Base::Zero, 1.0), (Base::Copies, 1e-3), (Base::Copies, 1e-7)] {
        let init = Init { base, noise: Noise::Uniform, gain: Gain::None };
        let program = Program { init, ..nets::boolean(Boolean::Xor, &[2], Activation::Tanh, steps) };
        let run = Run { lr: 2.0, base_value: 1.0, scale, bias_scale: scale, ..nets::run(0) };
        let expected = Run { lr: if perturbed { 0.25 } else { run.lr }, ..run };
        let start = Start::Drawn;
        let got = pair.engine(&program, &nets::seeds(seeds, run), start)?.runs;
        let want = pair.reference(&program, &nets::seeds(seeds, expected), start)?.runs;
        let count = |runs: &[RunResult], which: fn(&RunResult) -> bool| {
            runs.iter().filter(|run| which(run)).count() as u64
        };
        let solved: fn(&RunResult) -> bool = |run| outcome(run) == Outcome::Solved;
        let symmetric: fn(&RunResult) -> bool = |run| run.last.symmetry == Symmetry::Symmetric;
        for (name, which) in [("solved", solved), ("symmetric", symmetric)] {
            let (a, b) = (count(&got, which), count(&want, which));
            let z = two_proportions(a, seeds, b, seeds);
            comparison.number(z, 0.0, 4.0, || {
                format!("{name}, base {base}, scale {scale:e}: {a} and {b} of {seeds}")
            });
        }
    }
    Ok(comparison)
}
