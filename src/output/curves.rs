//! `curves.csv`: the counts over time, one row a cell and measured step.

use serde::{Deserialize, Serialize};

use super::rows::{Rows, header};
use crate::engine::RunResult;
use crate::measure::Symmetry;
use crate::spec::Plan;

/// The file's name.
pub const FILE: &str = "curves.csv";

/// The header row.
pub fn head(plan: &Plan) -> Rows {
    header(&["cell"], &plan.swept, &["step", "runs", "symmetric", "partial", "broken", "solved", "diverged"])
}

/// What is counted at one measured step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Moment {
    symmetric: u64,
    partial: u64,
    broken: u64,
    solved: u64,
    diverged: u64,
}

/// The counts of a cell's runs at each measured step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurveTally {
    runs: u64,
    moments: Vec<Moment>,
}

impl CurveTally {
    /// Counts one run: as diverged from its `diverge_step` on, until then by its symmetry and, from its
    /// `solve_step` on, as solved. At the last step these are the counts of `cells.csv`.
    pub fn add(&mut self, result: &RunResult, measured: &[u32]) {
        self.runs += 1;
        self.moments.resize(measured.len(), Moment::default());
        for ((moment, &step), symmetry) in self.moments.iter_mut().zip(measured).zip(&result.symmetry) {
            if result.diverge_step.is_some_and(|diverged| diverged <= step) {
                moment.diverged += 1;
                continue;
            }
            match symmetry {
                Symmetry::Symmetric => moment.symmetric += 1,
                Symmetry::Partial => moment.partial += 1,
                Symmetry::Broken => moment.broken += 1,
                Symmetry::None => {}
            }
            moment.solved += u64::from(result.solve_step.is_some_and(|solved| solved <= step));
        }
    }

    /// Adds the runs of `other`, further runs of the same cell.
    pub fn merge(&mut self, other: &CurveTally) {
        self.runs += other.runs;
        let steps = self.moments.len().max(other.moments.len());
        self.moments.resize(steps, Moment::default());
        for (sum, moment) in self.moments.iter_mut().zip(&other.moments) {
            sum.symmetric += moment.symmetric;
            sum.partial += moment.partial;
            sum.broken += moment.broken;
            sum.solved += moment.solved;
            sum.diverged += moment.diverged;
        }
    }

    /// Writes the rows of cell `cell`.
    pub fn write(&self, rows: &mut Rows, plan: &Plan, cell: usize, measured: &[u32]) {
        for (moment, step) in self.moments.iter().zip(measured) {
            rows.put(cell);
            rows.swept_values(plan, cell);
            rows.put(step);
            rows.put(self.runs);
            rows.put(moment.symmetric);
            rows.put(moment.partial);
            rows.put(moment.broken);
            rows.put(moment.solved);
            rows.put(moment.diverged);
            rows.end();
        }
    }
}
