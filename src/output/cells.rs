//! `cells.csv`: one row a cell.

use serde::{Deserialize, Serialize};

use super::columns::Kind;
use super::heading::{CELL, Heading, STEPS};
use super::manifest::Counts;
use super::rows::{Rows, header};
use crate::engine::RunResult;
use crate::measure::outcome::escaped;
use crate::measure::statistics::wilson;
use crate::measure::{Score, Share, Sketch, Symmetry};
use crate::spec::Plan;

/// The file's name.
pub const FILE: &str = "cells.csv";

/// The column before those of the swept keys.
pub const BEFORE: [Heading; 1] = [CELL];

/// The columns after them.
pub const AFTER: [Heading; 32] = [
    count("runs", "All runs of the cell."),
    count("solved", "Runs whose outcome is solved."),
    count("stuck", "Runs whose outcome is stuck."),
    count("diverged", "Runs whose outcome is diverged; they are neither broken, partial nor symmetric."),
    count("broken", "Runs whose symmetry is broken at the end: no two units of a hidden layer are copies."),
    count(
        "partial",
        "Runs that are partly symmetric at the end: some units are copies, but not all of any layer.",
    ),
    count("symmetric", "Runs that are symmetric at the end: all units of some hidden layer are copies."),
    count("started_symmetric", "Runs that are symmetric at step 0."),
    count("escaped", "Runs that started symmetric, did not diverge and are not symmetric at the end."),
    share("fraction_solved", "solved / runs."),
    share("fraction_solved_low", LOW),
    share("fraction_solved_high", HIGH),
    share("fraction_broken", "broken / runs."),
    share("fraction_broken_low", LOW),
    share("fraction_broken_high", HIGH),
    share("fraction_asymmetric", "(broken + partial) / runs."),
    share("fraction_asymmetric_low", LOW),
    share("fraction_asymmetric_high", HIGH),
    share("fraction_escaped", "escaped / started_symmetric.").optional(),
    share("fraction_escaped_low", LOW).optional(),
    share("fraction_escaped_high", HIGH).optional(),
    step("solve_step_median", "Median of solve_step over the runs that have one."),
    step("solve_step_mean", "Mean of solve_step over the runs that have one."),
    step("break_step_median", "Median of break_step over the runs that have one."),
    float("loss_final_median", "Median of loss_final over the runs that did not diverge."),
    float("distinct_units_mean", "Mean of distinct_units over the runs that have it.").in_unit("units"),
    count("stuck_copies", "Stuck runs whose units are copies of each other to the bit."),
    count("stuck_plateau", "Other stuck runs that are symmetric."),
    count(
        "stuck_moving",
        "Stuck runs that are not symmetric and whose gradient has not vanished: they may need longer.",
    ),
    float("loss_test_median", "Median of loss_test over the runs that have it."),
    float("accuracy_mean", "Mean of accuracy over the runs that have it.").share(),
    float("accuracy_test_mean", "Mean of accuracy_test over the runs that have it.").share(),
];

const LOW: &str = "Lower end of its Wilson interval, 95 % (z = 1.959964).";
const HIGH: &str = "Upper end of its Wilson interval, 95 % (z = 1.959964).";

const fn count(name: &'static str, about: &'static str) -> Heading {
    Heading::new(name, Kind::Whole, about).in_unit("runs")
}

const fn share(name: &'static str, about: &'static str) -> Heading {
    Heading::new(name, Kind::Float, about).share()
}

const fn float(name: &'static str, about: &'static str) -> Heading {
    Heading::new(name, Kind::Float, about).optional()
}

const fn step(name: &'static str, about: &'static str) -> Heading {
    float(name, about).in_unit(STEPS)
}

/// The header row.
pub fn head(plan: &Plan) -> Rows {
    header(&BEFORE, plan.grid.swept(), &AFTER)
}

/// What is kept of a cell's runs until all of them are done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CellTally {
    counts: Counts,
    started_symmetric: u64,
    escaped: u64,
    distinct_units: u64,
    distinct_units_runs: u64,
    solve_steps_sum: u64,
    solve_steps: Sketch,
    break_steps: Sketch,
    losses: Sketch,
    losses_test: Sketch,
    accuracy: Shares,
    accuracy_test: Shares,
}

/// Samples classified, over runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Shares {
    correct: u64,
    of: u64,
}

impl Shares {
    fn add(&mut self, share: Option<Share>) {
        if let Some(share) = share {
            self.correct += u64::from(share.correct);
            self.of += u64::from(share.of);
        }
    }

    fn merge(&mut self, other: Shares) {
        self.correct += other.correct;
        self.of += other.of;
    }

    /// Of runs with the same number of samples, as those of a cell, the mean of their shares.
    fn mean(&self) -> Option<f64> {
        mean(self.correct, self.of)
    }
}

impl CellTally {
    /// Counts one run.
    pub fn add(&mut self, result: &RunResult, break_step: Option<u32>, score: &Score) {
        self.counts.add(result);
        self.started_symmetric += u64::from(result.initial.symmetry == Symmetry::Symmetric);
        self.escaped += u64::from(escaped(result));
        if let Some(step) = result.solve_step {
            self.solve_steps_sum += u64::from(step);
            self.solve_steps.add(step.into());
        }
        if let Some(step) = break_step {
            self.break_steps.add(step.into());
        }
        if result.diverge_step.is_some() {
            return;
        }
        self.losses.add(result.last.loss);
        if let Some(loss) = score.loss_test {
            self.losses_test.add(loss);
        }
        self.accuracy.add(score.accuracy);
        self.accuracy_test.add(score.accuracy_test);
        if let Some(units) = result.last.units {
            self.distinct_units += u64::from(units.distinct);
            self.distinct_units_runs += 1;
        }
    }

    /// Adds the runs of `other`, further runs of the same cell.
    pub fn merge(&mut self, other: CellTally) {
        self.counts.merge(&other.counts);
        self.started_symmetric += other.started_symmetric;
        self.escaped += other.escaped;
        self.distinct_units += other.distinct_units;
        self.distinct_units_runs += other.distinct_units_runs;
        self.solve_steps_sum += other.solve_steps_sum;
        self.solve_steps.merge(other.solve_steps);
        self.break_steps.merge(other.break_steps);
        self.losses.merge(other.losses);
        self.losses_test.merge(other.losses_test);
        self.accuracy.merge(other.accuracy);
        self.accuracy_test.merge(other.accuracy_test);
    }

    /// What came of the runs counted so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Writes the row of cell `cell`, whose swept values are `swept`.
    pub fn write(&mut self, rows: &mut Rows, cell: usize, swept: &Rows) {
        let Counts { runs_finished: runs, solved, stuck, diverged, broken, partial, symmetric, .. } =
            self.counts;
        rows.whole(cell as u64);
        rows.fields(swept);
        for count in
            [runs, solved, stuck, diverged, broken, partial, symmetric, self.started_symmetric, self.escaped]
        {
            rows.whole(count);
        }
        for (part, whole) in
            [(solved, runs), (broken, runs), (broken + partial, runs), (self.escaped, self.started_symmetric)]
        {
            let interval = wilson(part, whole);
            rows.maybe_float(mean(part, whole));
            rows.maybe_float(interval.map(|(low, _)| low));
            rows.maybe_float(interval.map(|(_, high)| high));
        }
        rows.maybe_float(self.solve_steps.median());
        rows.maybe_float(mean(self.solve_steps_sum, self.solve_steps.count()));
        rows.maybe_float(self.break_steps.median());
        rows.maybe_float(self.losses.median());
        rows.maybe_float(mean(self.distinct_units, self.distinct_units_runs));
        for count in [self.counts.stuck_copies, self.counts.stuck_plateau, self.counts.stuck_moving] {
            rows.whole(count);
        }
        rows.maybe_float(self.losses_test.median());
        rows.maybe_float(self.accuracy.mean());
        rows.maybe_float(self.accuracy_test.mean());
        rows.end();
    }
}

/// `sum / count`, nothing of nothing. Sums are whole numbers, so the order of runs cannot show in the bits.
fn mean(sum: u64, count: u64) -> Option<f64> {
    (count > 0).then(|| sum as f64 / count as f64)
}
