//! `runs.csv`: one row a run, by run number.

use super::rows::{Rows, header};
use crate::engine::RunResult;
use crate::measure::{Score, Share, outcome};
use crate::spec::Plan;

/// The file's name.
pub const FILE: &str = "runs.csv";

/// The header row.
pub fn head(plan: &Plan) -> Rows {
    let after = [
        "outcome",
        "symmetry_initial",
        "symmetry",
        "solve_step",
        "break_step",
        "diverge_step",
        "loss_initial",
        "loss_final",
        "error_final",
        "gradient_norm_final",
        "spread_initial",
        "spread_final",
        "gap_final",
        "distinct_units",
        "steps",
        "verified",
        "loss_test",
        "accuracy",
        "accuracy_test",
    ];
    header(&["run", "cell", "seed"], &plan.swept, &after)
}

/// Which run a row is of.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its number.
    pub number: u64,
    /// Its cell.
    pub cell: usize,
    /// Its seed index.
    pub seed: u64,
    /// The fields of the swept values of its cell.
    pub swept: &'a Rows,
}

/// The row of a run that left the symmetric state at `break_step`.
pub fn row(
    rows: &mut Rows,
    place: Place<'_>,
    result: &RunResult,
    break_step: Option<u32>,
    verified: Option<bool>,
    score: &Score,
) {
    // The end of a diverged run measures nothing.
    let last = result.diverge_step.is_none().then_some(&result.last);
    let units = last.and_then(|last| last.units);
    rows.whole(place.number);
    rows.whole(place.cell as u64);
    rows.whole(place.seed);
    rows.fields(place.swept);
    rows.plain(outcome(result).word());
    rows.plain(result.initial.symmetry.word());
    rows.plain(last.map_or("", |last| last.symmetry.word()));
    rows.maybe_whole(result.solve_step);
    rows.maybe_whole(break_step);
    rows.maybe_whole(result.diverge_step);
    rows.float(result.initial.loss);
    rows.maybe_float(last.map(|last| last.loss));
    rows.maybe_float(last.map(|last| last.error));
    rows.maybe_float(last.map(|last| last.gradient_norm));
    rows.maybe_float(result.initial.units.map(|units| units.spread));
    match units {
        // With two units there is one distance.
        Some(units) => rows.pair(units.spread, units.gap),
        None => {
            rows.plain("");
            rows.plain("");
        }
    }
    rows.maybe_whole(units.map(|units| units.distinct));
    rows.whole(result.steps.into());
    rows.plain(match verified {
        Some(true) => "true",
        Some(false) => "false",
        None => "",
    });
    let score = last.map(|_| score);
    rows.maybe_float(score.and_then(|score| score.loss_test));
    rows.maybe_float(score.and_then(|score| score.accuracy).map(Share::fraction));
    rows.maybe_float(score.and_then(|score| score.accuracy_test).map(Share::fraction));
    rows.end();
}
