//! `cells.csv`: one row a cell.

use serde::{Deserialize, Serialize};

use super::rows::{Rows, header};
use crate::engine::RunResult;
use crate::measure::statistics::{median, wilson};
use crate::measure::{Outcome, Standstill, Symmetry, break_step, outcome, outcome::escaped, standstill};
use crate::spec::Plan;

/// The file's name.
pub const FILE: &str = "cells.csv";

/// The header row.
pub fn head(plan: &Plan) -> Rows {
    let after = [
        "runs",
        "solved",
        "stuck",
        "diverged",
        "broken",
        "partial",
        "symmetric",
        "started_symmetric",
        "escaped",
        "fraction_solved",
        "fraction_solved_low",
        "fraction_solved_high",
        "fraction_broken",
        "fraction_broken_low",
        "fraction_broken_high",
        "fraction_asymmetric",
        "fraction_asymmetric_low",
        "fraction_asymmetric_high",
        "fraction_escaped",
        "fraction_escaped_low",
        "fraction_escaped_high",
        "solve_step_median",
        "solve_step_mean",
        "break_step_median",
        "loss_final_median",
        "distinct_units_mean",
        "stuck_copies",
        "stuck_plateau",
        "stuck_moving",
    ];
    header(&["cell"], &plan.swept, &after)
}

/// What is kept of a cell's runs until all of them are done. The values of medians are kept one by one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CellTally {
    runs: u64,
    solved: u64,
    stuck: u64,
    diverged: u64,
    broken: u64,
    partial: u64,
    symmetric: u64,
    started_symmetric: u64,
    escaped: u64,
    distinct_units: u64,
    distinct_units_runs: u64,
    stuck_copies: u64,
    stuck_plateau: u64,
    stuck_moving: u64,
    solve_steps: Vec<u32>,
    break_steps: Vec<u32>,
    losses: Vec<f64>,
}

impl CellTally {
    /// Counts one run.
    pub fn add(&mut self, result: &RunResult, measured: &[u32]) {
        self.runs += 1;
        match outcome(result) {
            Outcome::Solved => self.solved += 1,
            Outcome::Stuck => self.stuck += 1,
            Outcome::Diverged => self.diverged += 1,
        }
        self.started_symmetric += u64::from(result.initial.symmetry == Symmetry::Symmetric);
        self.escaped += u64::from(escaped(result));
        self.solve_steps.extend(result.solve_step);
        self.break_steps.extend(break_step(result, measured));
        if result.diverge_step.is_some() {
            return;
        }
        match result.last.symmetry {
            Symmetry::Symmetric => self.symmetric += 1,
            Symmetry::Partial => self.partial += 1,
            Symmetry::Broken => self.broken += 1,
            Symmetry::None => {}
        }
        match standstill(result) {
            Some(Standstill::Copies) => self.stuck_copies += 1,
            Some(Standstill::Plateau) => self.stuck_plateau += 1,
            Some(Standstill::Moving) => self.stuck_moving += 1,
            Some(Standstill::Rest) | None => {}
        }
        self.losses.push(result.last.loss);
        if let Some(units) = result.last.units {
            self.distinct_units += u64::from(units.distinct);
            self.distinct_units_runs += 1;
        }
    }

    /// Adds the runs of `other`, further runs of the same cell.
    pub fn merge(&mut self, other: CellTally) {
        self.runs += other.runs;
        self.solved += other.solved;
        self.stuck += other.stuck;
        self.diverged += other.diverged;
        self.broken += other.broken;
        self.partial += other.partial;
        self.symmetric += other.symmetric;
        self.started_symmetric += other.started_symmetric;
        self.escaped += other.escaped;
        self.distinct_units += other.distinct_units;
        self.distinct_units_runs += other.distinct_units_runs;
        self.stuck_copies += other.stuck_copies;
        self.stuck_plateau += other.stuck_plateau;
        self.stuck_moving += other.stuck_moving;
        self.solve_steps.extend(other.solve_steps);
        self.break_steps.extend(other.break_steps);
        self.losses.extend(other.losses);
    }

    /// Runs counted so far.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Writes the row of cell `cell`.
    pub fn write(&self, rows: &mut Rows, plan: &Plan, cell: usize) {
        rows.put(cell);
        rows.swept_values(plan, cell);
        for count in [
            self.runs,
            self.solved,
            self.stuck,
            self.diverged,
            self.broken,
            self.partial,
            self.symmetric,
            self.started_symmetric,
            self.escaped,
        ] {
            rows.put(count);
        }
        for (part, whole) in [
            (self.solved, self.runs),
            (self.broken, self.runs),
            (self.broken + self.partial, self.runs),
            (self.escaped, self.started_symmetric),
        ] {
            let interval = wilson(part, whole);
            rows.maybe_float(mean(part, whole));
            rows.maybe_float(interval.map(|(low, _)| low));
            rows.maybe_float(interval.map(|(_, high)| high));
        }
        let floats = |steps: &[u32]| steps.iter().map(|&step| f64::from(step)).collect::<Vec<_>>();
        let sum = self.solve_steps.iter().map(|&step| u64::from(step)).sum();
        rows.maybe_float(median(&mut floats(&self.solve_steps)));
        rows.maybe_float(mean(sum, self.solve_steps.len() as u64));
        rows.maybe_float(median(&mut floats(&self.break_steps)));
        rows.maybe_float(median(&mut self.losses.clone()));
        rows.maybe_float(mean(self.distinct_units, self.distinct_units_runs));
        for count in [self.stuck_copies, self.stuck_plateau, self.stuck_moving] {
            rows.put(count);
        }
        rows.end();
    }
}

/// `sum / count`, nothing of nothing. Sums are whole numbers, so the order of runs cannot show in the bits.
fn mean(sum: u64, count: u64) -> Option<f64> {
    (count > 0).then(|| sum as f64 / count as f64)
}
