//! A run's result does not depend on the company it keeps.

use crate::engine::{EngineError, Run, Start};
use crate::net::Activation;
use crate::task::Boolean;
use crate::verify::compare::Comparison;
use crate::verify::{Answer, Pair, nets};

const RUNS: usize = 100;

/// Bound: 0, on every bit of results and parameters: alone, among others, in another place, in reversed order.
/// Control: the batch is repeated with other seeds.
pub fn check(pair: &mut Pair<'_>, perturbed: bool) -> Result<Comparison, EngineError> {
    let mut comparison = Comparison::default();
    for (hidden, activation) in [(&[2][..], Activation::Logistic), (&[40, 3], Activation::Tanh)] {
        let program = nets::boolean(Boolean::Xor, hidden, activation, 200);
        let runs: Vec<Run> = (0..RUNS as u64)
            .map(|seed| Run {
                seed,
                lr: 0.5 + seed as f64 / 16.0,
                scale: [0.0, 1e-3, 1.0, 10.0][seed as usize % 4],
                traced: seed % 3 == 0,
                ..nets::run(seed)
            })
            .collect();
        let seed_shift = if perturbed { 1000 } else { 0 };
        let again: Vec<Run> = runs.iter().map(|run| Run { seed: run.seed + seed_shift, ..*run }).collect();
        let start = Start::Drawn;
        let together = rows(pair.engine(&program, &runs, start)?);
        let mut compare = |how: &str, indices: Vec<usize>, pair: &mut Pair<'_>| {
            let chosen: Vec<Run> = indices.iter().map(|&i| again[i]).collect();
            let rows = rows(pair.engine(&program, &chosen, start)?);
            for (row, &i) in rows.iter().zip(&indices) {
                comparison.holds(*row == together[i], || format!("{} run {i} {how}", program.shape));
            }
            Ok::<(), EngineError>(())
        };
        compare("again", (0..RUNS).collect(), pair)?;
        compare("in reversed order", (0..RUNS).rev().collect(), pair)?;
        compare("in a part of the batch", (37..70).collect(), pair)?;
        for i in [0, 1, 15, 16, 63, RUNS - 1] {
            compare("alone", vec![i], pair)?;
        }
    }
    Ok(comparison)
}

/// Every result with its parameters as text. Rust prints floats so that they read back to the same bits, and
/// unlike numbers two texts of NaN are equal.
fn rows(outcome: Answer) -> Vec<String> {
    let count = outcome.parameters.last.len() / outcome.runs.len();
    let parameters = outcome.parameters.initial.chunks(count).zip(outcome.parameters.last.chunks(count));
    outcome.runs.iter().zip(parameters).map(|(run, parameters)| format!("{run:?} {parameters:?}")).collect()
}
