//! Outcome and symmetry of whole trainings, run by run.

use crate::engine::{EngineError, Program, Run, Start, Watch};
use crate::net::Activation;
use crate::task::Boolean;
use crate::verify::compare::Comparison;
use crate::verify::{Pair, explain, label, labels, nets};

/// Bound: 1 run in 1000 whose label differs from the reference's without an explanation (see [`explain`]), rounded
/// down over the sweep. Control: the reference gets other seeds.
pub fn check(pair: &mut Pair<'_>, perturbed: bool) -> Result<Comparison, EngineError> {
    const MASTER: Start<'_> = Start::Drawn { master: 21 };
    let (seeds, steps) = if pair.options.quick || perturbed { (25, 2000) } else { (60, 5000) };
    let (mut total, mut unexplained) = (0, Vec::new());
    for activation in [Activation::Logistic, Activation::Tanh] {
        let program: Program = nets::boolean(Boolean::Xor, &[2], activation, steps);
        let runs: Vec<Run> = [1e-2, 0.1, 1.0, 4.0]
            .iter()
            .flat_map(|&scale| nets::seeds(seeds, Run { lr: 2.0, scale, bias_scale: scale, ..nets::run(0) }))
            .collect();
        let shifted = if perturbed { 1000 } else { 0 };
        let expected: Vec<Run> = runs.iter().map(|run| Run { seed: run.seed + shifted, ..*run }).collect();
        let got = pair.engine(&program, &runs, MASTER)?.runs;
        let want = pair.reference(&program, &expected, MASTER)?.runs;
        total += runs.len();
        let watch = Watch { interrupted: pair.options.interrupted, finished: &|_| () };
        for i in labels(&got, &want) {
            // Once there are far too many, the rest need not be looked into.
            if unexplained.len() > 5 {
                break;
            }
            if !explain(&pair.reference, &program, &runs[i], MASTER, &got[i], &want[i], &watch)? {
                let text =
                    format!("{activation} run {i}: {:?}, expected {:?}", label(&got[i]), label(&want[i]));
                unexplained.push(text);
            }
        }
    }
    let mut comparison = Comparison::default();
    let allowed = (total / 1000) as f64;
    comparison.number(unexplained.len() as f64, 0.0, allowed, || {
        if unexplained.is_empty() { format!("{total} runs") } else { unexplained.join("; ") }
    });
    Ok(comparison)
}
