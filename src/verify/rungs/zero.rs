//! A zero logistic net on XOR stays where it is, because logistic(0) is exactly ½.

use crate::engine::{EngineError, Run, Start};
use crate::net::Activation;
use crate::task::Boolean;
use crate::verify::compare::Comparison;
use crate::verify::{Pair, nets};

/// Bound: 0. With all outputs at exactly ½ the deltas of XOR's samples cancel exactly, so the loss is exactly ¼ and
/// all parameters exactly 0 after 100 steps; were logistic(0) off by an ulp, the net would drift. Control: scale 1e-3.
pub fn check(pair: &mut Pair<'_>, perturbed: bool) -> Result<Comparison, EngineError> {
    let mut comparison = Comparison::default();
    let scale = if perturbed { 1e-3 } else { 0.0 };
    let run = Run { scale, bias_scale: scale, lr: 0.5, ..nets::run(0) };
    for hidden in [&[][..], &[2], &[3, 2]] {
        let program = nets::boolean(Boolean::Xor, hidden, Activation::Logistic, 100);
        let got = pair.engine(&program, &nets::seeds(5, run), Start::Drawn)?;
        let count = program.shape.parameters();
        let names = program.shape.parameter_names();
        for (r, result) in got.runs.iter().enumerate() {
            for (when, at) in [("first", result.initial), ("last", result.last)] {
                comparison.number(at.loss, 0.25, 0.0, || format!("{} run {r}, {when} loss", program.shape));
                comparison.number(at.error, 0.5, 0.0, || format!("{} run {r}, {when} error", program.shape));
            }
        }
        for (p, &value) in got.parameters.last.iter().enumerate() {
            let place = || format!("{} run {}, {}", program.shape, p / count, names[p % count]);
            comparison.number(value.into(), 0.0, 0.0, place);
        }
    }
    Ok(comparison)
}
