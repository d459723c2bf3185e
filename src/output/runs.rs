//! `runs.csv`: one row a run, by run number.

use super::rows::{Rows, header};
use crate::engine::RunResult;
use crate::measure::{break_step, outcome};
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
    ];
    header(&["run", "cell", "seed"], &plan.swept, &after)
}

/// The row of run `number`; `measured` are the measured steps of its program.
pub fn row(
    rows: &mut Rows,
    plan: &Plan,
    number: u64,
    result: &RunResult,
    measured: &[u32],
    verified: Option<bool>,
) {
    let (cell, run) = plan.run(number);
    // The end of a diverged run measures nothing.
    let last = result.diverge_step.is_none().then_some(result.last);
    let units = last.and_then(|last| last.units);
    rows.put(number);
    rows.put(cell);
    rows.put(run.seed);
    rows.swept_values(plan, cell);
    rows.put(outcome(result));
    rows.put(result.initial.symmetry);
    rows.maybe(last.map(|last| last.symmetry));
    rows.maybe(result.solve_step);
    rows.maybe(break_step(result, measured));
    rows.maybe(result.diverge_step);
    rows.float(result.initial.loss);
    rows.maybe_float(last.map(|last| last.loss));
    rows.maybe_float(last.map(|last| last.error));
    rows.maybe_float(last.map(|last| last.gradient_norm));
    rows.maybe_float(result.initial.units.map(|units| units.spread));
    rows.maybe_float(units.map(|units| units.spread));
    rows.maybe_float(units.map(|units| units.gap));
    rows.maybe(units.map(|units| units.distinct));
    rows.put(result.steps);
    rows.maybe(verified);
    rows.end();
}
