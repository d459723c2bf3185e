//! `traces.csv`: the measured steps of the runs that `--trace` asked for.

use super::columns::Kind;
use super::heading::{CELL, Heading, RUN, SEED, STEPS};
use super::rows::{Rows, header};
use super::runs::{DISTINCT_UNITS, GAP, Place, SPREAD};
use crate::engine::RunResult;

/// The file's name.
pub const FILE: &str = "traces.csv";

/// The columns. The swept keys are not among them: `cell` leads to them.
pub const COLUMNS: [Heading; 9] = [
    RUN,
    CELL,
    SEED,
    Heading::new("step", Kind::Count, "Measured step.").in_unit(STEPS),
    Heading::new("loss", Kind::Float, "Loss over the whole task, without weight decay."),
    Heading::new("spread", Kind::Float, SPREAD).optional(),
    Heading::new("gap", Kind::Float, GAP).optional(),
    Heading::new("distinct_units", Kind::Count, DISTINCT_UNITS).in_unit("units").optional(),
    Heading::new(
        "gradient_norm",
        Kind::Float,
        "L2 norm of the gradient over all parameters, without weight decay.",
    ),
];

/// The header row.
pub fn head() -> Rows {
    header(&COLUMNS, &[], &[])
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Measured;
    use crate::measure::Symmetry;
    use crate::output::runs::Swept;

    #[test]
    fn a_trace_ends_before_the_step_at_which_the_run_diverges() {
        let at =
            Measured { loss: 0.25, error: 0.5, gradient_norm: 0.125, units: None, symmetry: Symmetry::None };
        let swept = Swept::new(&[]);
        let steps = |diverge_step: Option<u32>| {
            let run = RunResult {
                initial: at,
                last: at,
                solve_step: None,
                diverge_step,
                steps: 4,
                symmetry: vec![Symmetry::None; 4],
                trace: vec![at; 4],
            };
            let mut rows = Rows::default();
            write(&mut rows, Place { number: 7, cell: 3, seed: 1, swept: &swept }, &run, &[0, 1, 2, 4]);
            String::from_utf8(rows.as_bytes().to_vec()).unwrap()
        };
        let row = |step: u32| format!("7,3,1,{step},0.25,,,,0.125\n");
        assert_eq!(steps(None), [0, 1, 2, 4].map(row).concat());
        assert_eq!(steps(Some(2)), [0, 1].map(row).concat());
        assert_eq!(steps(Some(3)), [0, 1, 2].map(row).concat());
        assert_eq!(steps(Some(0)), "");
    }
}
