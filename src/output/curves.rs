//! `curves.csv`: the counts over time, one row a cell and measured step.

use serde::{Deserialize, Serialize};

use super::columns::Kind;
use super::heading::{CELL, Heading, STEPS};
use super::rows::{Rows, header};
use crate::engine::RunResult;
use crate::measure::Symmetry;
use crate::measure::outcome::first_other;
use crate::spec::Plan;

/// The file's name.
pub const FILE: &str = "curves.csv";

/// The column before those of the swept keys.
pub const BEFORE: [Heading; 1] = [CELL];

/// The columns after them.
pub const AFTER: [Heading; 7] = [
    Heading::new("step", Kind::Count, "Measured step.").in_unit(STEPS),
    count("runs", "All runs of the cell."),
    count("symmetric", "Runs that are symmetric at this step and have not diverged."),
    count("partial", "Runs that are partly symmetric at this step and have not diverged."),
    count("broken", "Runs whose symmetry is broken at this step and that have not diverged."),
    count("solved", "Runs that have solved the task at or before this step and have not diverged."),
    count("diverged", "Runs that have diverged at or before this step."),
];

const fn count(name: &'static str, about: &'static str) -> Heading {
    Heading::new(name, Kind::Whole, about).in_unit("runs")
}

/// The header row.
pub fn head(plan: &Plan) -> Rows {
    header(&BEFORE, plan.grid.swept(), &AFTER)
}

/// What a run can be counted as at a step: its symmetry ([`Symmetry::None`] is in no column), and these two.
const SOLVED: usize = Symmetry::ALL.len();
const DIVERGED: usize = SOLVED + 1;

/// How many of a cell's runs change at each measured step from one kind to another: a run changes rarely, so
/// that costs less than counting it at every step. The counts are the sums of the changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurveTally {
    runs: u64,
    /// By measured step and kind.
    changes: Vec<[i64; DIVERGED + 1]>,
}

impl CurveTally {
    /// Counts one run: as diverged from its `diverge_step` on, until then by its symmetry and, from its
    /// `solve_step` on, as solved. At the last step these are the counts of `cells.csv`.
    pub fn add(&mut self, result: &RunResult, measured: &[u32]) {
        self.runs += 1;
        self.changes.resize(measured.len(), Default::default());
        // The first measured step at or after a step; their number, if there is none.
        let place = |step: Option<u32>| {
            step.map_or(measured.len(), |step| measured.partition_point(|&before| before < step))
        };
        let end = place(result.diverge_step);
        let mut count = |kind, from: usize, to: usize| {
            if from < to {
                self.changes[from][kind] += 1;
                if let Some(changes) = self.changes.get_mut(to) {
                    changes[kind] -= 1;
                }
            }
        };
        let mut from = 0;
        while from < end {
            let symmetry = result.symmetry[from];
            let to = first_other(&result.symmetry[from..end], symmetry).map_or(end, |ahead| from + ahead);
            count(symmetry as usize, from, to);
            from = to;
        }
        count(SOLVED, place(result.solve_step), end);
        count(DIVERGED, end, measured.len());
    }

    /// Adds the runs of `other`, further runs of the same cell.
    pub fn merge(&mut self, other: &CurveTally) {
        self.runs += other.runs;
        let steps = self.changes.len().max(other.changes.len());
        self.changes.resize(steps, Default::default());
        for (sums, changes) in self.changes.iter_mut().zip(&other.changes) {
            sums.iter_mut().zip(changes).for_each(|(sum, change)| *sum += change);
        }
    }

    /// The counts at every measured step, in the order of the columns: symmetric, partial, broken, solved, diverged.
    pub fn counts(&self) -> impl Iterator<Item = [u64; 5]> {
        let kinds = [
            Symmetry::Symmetric as usize,
            Symmetry::Partial as usize,
            Symmetry::Broken as usize,
            SOLVED,
            DIVERGED,
        ];
        self.changes.iter().scan([0; DIVERGED + 1], move |counts, changes| {
            counts.iter_mut().zip(changes).for_each(|(count, change)| *count += change);
            // Not negative: what ends has begun.
            Some(kinds.map(|kind| counts[kind] as u64))
        })
    }

    /// Writes the rows of cell `cell`, whose swept values are `swept`.
    pub fn write(&self, rows: &mut Rows, cell: usize, swept: &Rows, measured: &[u32]) {
        for (counts, &step) in self.counts().zip(measured) {
            rows.whole(cell as u64);
            rows.fields(swept);
            rows.whole(step.into());
            rows.whole(self.runs);
            counts.into_iter().for_each(|count| rows.whole(count));
            rows.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::Measured;

    /// A run of eight measured steps.
    const STEPS: [u32; 8] = [0, 1, 2, 3, 4, 6, 8, 10];

    fn run(symmetries: [usize; 8], solve_step: Option<u32>, diverge_step: Option<u32>) -> RunResult {
        let symmetry: Vec<Symmetry> = symmetries.iter().map(|&at| Symmetry::ALL[at]).collect();
        let at = |symmetry| Measured { loss: 0.0, error: 0.0, gradient_norm: 0.0, units: None, symmetry };
        RunResult {
            initial: at(symmetry[0]),
            last: at(symmetry[7]),
            solve_step,
            diverge_step,
            steps: 10,
            symmetry,
            trace: Vec::new(),
        }
    }

    fn rows(tally: &CurveTally) -> String {
        let mut rows = Rows::default();
        tally.write(&mut rows, 0, &Rows::default(), &STEPS);
        String::from_utf8(rows.as_bytes().to_vec()).unwrap()
    }

    /// The rows by counting every run at every step.
    fn counted(runs: &[RunResult]) -> String {
        let row = |(place, &step): (usize, &u32)| {
            let reached = |when: Option<u32>| when.is_some_and(|when| when <= step);
            let of = |kind: &dyn Fn(&RunResult) -> bool| runs.iter().filter(|run| kind(run)).count();
            let symmetry =
                |symmetry| of(&|run| !reached(run.diverge_step) && run.symmetry[place] == symmetry);
            let solved = of(&|run| !reached(run.diverge_step) && reached(run.solve_step));
            let (symmetric, partial) = (symmetry(Symmetry::Symmetric), symmetry(Symmetry::Partial));
            let (broken, diverged) = (symmetry(Symmetry::Broken), of(&|run| reached(run.diverge_step)));
            format!("0,{step},{},{symmetric},{partial},{broken},{solved},{diverged}\n", runs.len())
        };
        STEPS.iter().enumerate().map(row).collect()
    }

    proptest! {
        #[test]
        fn sums_of_changes_are_counts_at_every_step(
            kinds in prop::collection::vec(
                (prop::array::uniform8(0..4usize), prop::option::of(0..=10u32), prop::option::of(0..=10u32)),
                1..12,
            ),
            cut: prop::sample::Index,
        ) {
            let mut runs: Vec<RunResult> =
                kinds.iter().map(|&(symmetries, solved, diverged)| run(symmetries, solved, diverged)).collect();
            let (first, second) = runs.split_at(cut.index(runs.len()));
            let mut parts = [CurveTally::default(), CurveTally::default()];
            for (tally, part) in parts.iter_mut().zip([first, second]) {
                part.iter().for_each(|run| tally.add(run, &STEPS));
            }
            let [mut merged, other] = parts;
            merged.merge(&other);
            let text = serde_json::to_string(&merged).unwrap();
            prop_assert_eq!(&serde_json::from_str::<CurveTally>(&text).unwrap(), &merged);
            prop_assert_eq!(rows(&merged), counted(&runs));
            runs[0].symmetry[5] = if runs[0].symmetry[5] == Symmetry::Broken { Symmetry::Partial } else { Symmetry::Broken };
            if runs[0].diverge_step.is_none() {
                prop_assert_ne!(rows(&merged), counted(&runs), "one run another at one step");
            }
        }
    }
}
