//! `traces.csv`: the measured steps of the runs that `--trace` asked for.

use super::rows::{Rows, header};
use super::runs::Place;
use crate::engine::RunResult;

/// The file's name.
pub const FILE: &str = "traces.csv";

/// The header row. The swept keys are not among the columns: `cell` leads to them.
pub fn head() -> Rows {
    let columns = ["run", "cell", "seed", "step", "loss", "spread", "gap", "distinct_units", "gradient_norm"];
    header(&columns, &[], &[])
}

/// One row for each measured step before the run diverged; none for a run that was not traced.
pub fn write(rows: &mut Rows, place: Place<'_>, result: &RunResult, measured: &[u32]) {
    let end = result.diverge_step.unwrap_or(u32::MAX);
    for (&step, at) in measured.iter().zip(&result.trace).take_while(|&(&step, _)| step < end) {
        rows.whole(place.number);
        rows.whole(place.cell as u64);
        rows.whole(place.seed);
        rows.whole(step.into());
        rows.float(at.loss);
        rows.maybe_float(at.units.map(|units| units.spread));
        rows.maybe_float(at.units.map(|units| units.gap));
        rows.maybe_whole(at.units.map(|units| units.distinct));
        rows.float(at.gradient_norm);
        rows.end();
    }
}
