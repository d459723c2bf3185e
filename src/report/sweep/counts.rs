//! How often what happened: cell by cell from `cells.csv`, run by run from the file of runs.

use std::collections::HashMap;

use crate::fit::half::Trial;
use crate::measure::{Outcome, Symmetry};
use crate::output::recorded;
use crate::output::{parquet, runs};
use crate::plot::PlotError;
use crate::plot::fraction::measures;
use crate::plot::sweep::Sweep;

/// What may happen to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// All its units are distinct at the end.
    Broken,
    /// Not all units of any layer are alike at the end: broken, or partly so.
    Asymmetric,
    /// It has solved the task.
    Solved,
    /// It has diverged.
    Diverged,
}

impl Happened {
    /// For a heading.
    pub fn title(self) -> &'static str {
        match self {
            Happened::Broken => "Breaking symmetry",
            Happened::Asymmetric => "Ending asymmetric",
            Happened::Solved => "Solving the task",
            Happened::Diverged => "Diverging",
        }
    }

    /// What one run does.
    pub fn singular(self) -> &'static str {
        match self {
            Happened::Broken => "breaks symmetry",
            Happened::Asymmetric => "ends asymmetric",
            Happened::Solved => "solves the task",
            Happened::Diverged => "diverges",
        }
    }

    /// What several runs do.
    pub fn plural(self) -> &'static str {
        match self {
            Happened::Broken => "break symmetry",
            Happened::Asymmetric => "end asymmetric",
            Happened::Solved => "solve the task",
            Happened::Diverged => "diverge",
        }
    }
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Of those that did.
    pub count: u64,
    /// Of all.
    pub of: u64,
}

impl Share {
    /// NaN of nothing.
    pub fn value(self) -> f64 {
        self.count as f64 / self.of as f64
    }

    /// The share of both together.
    pub fn plus(self, other: Share) -> Share {
        Share { count: self.count + other.count, of: self.of + other.of }
    }

    /// Whether all did, or none; `None` where some did.
    pub fn certain(self) -> Option<bool> {
        match self.count {
            0 => Some(false),
            count if count == self.of => Some(true),
            _ => None,
        }
    }
}

/// The counts of every cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// By place among the rows of the sweep: runs; of those broken, asymmetric, solved, diverged.
    pub cells: Vec<[u64; 5]>,
    /// What says most of the symmetry of these networks, as in the pictures; `None` where there is none to break.
    pub headline: Option<Happened>,
    /// Over all cells: unsolved at the last step and symmetric on a plateau, and unsolved and still moving.
    pub could_go_on: [u64; 2],
}

impl Counted {
    /// Of the cells of a sweep.
    ///
    /// # Errors
    /// Where a column is not there.
    pub fn of(sweep: &Sweep) -> Result<Counted, PlotError> {
        let columns = sweep.values([
            "runs",
            "broken",
            "partial",
            "solved",
            "diverged",
            "stuck_plateau",
            "stuck_moving",
        ])?;
        let sum = |at: usize| columns[at].iter().map(|x| *x as u64).sum();
        let cell = |at: usize| {
            let [runs, broken, partial, solved, diverged, ..] =
                [0, 1, 2, 3, 4].map(|column| columns[column][at] as u64);
            // A file that somebody edited may count more than there are.
            [runs, broken, broken.saturating_add(partial), solved, diverged].map(|count| count.min(runs))
        };
        let headline = match measures(sweep)?.first().map(String::as_str) {
            Some("fraction_broken") => Some(Happened::Broken),
            Some("fraction_asymmetric") => Some(Happened::Asymmetric),
            _ => None,
        };
        let cells = (0..sweep.rows.len()).map(cell).collect();
        Ok(Counted { cells, headline, could_go_on: [sum(5), sum(6)] })
    }

    /// Of the cell at a place.
    pub fn share(&self, at: usize, what: Happened) -> Share {
        let counts = &self.cells[at];
        Share { count: counts[1 + what as usize], of: counts[0] }
    }

    /// All runs.
    pub fn runs(&self) -> u64 {
        self.cells.iter().map(|counts| counts[0]).sum()
    }

    /// Of all cells.
    pub fn total(&self, what: Happened) -> Share {
        (0..self.cells.len()).fold(Share::default(), |sum, at| sum.plus(self.share(at, what)))
    }
}

/// Every run by its seed, for fits in which runs of one seed vary together.
#[derive(Clone, Debug, PartialEq)]
pub struct Trials {
    /// By place among the rows of the sweep: seed; whether it is broken, asymmetric, solved, diverged.
    cells: Vec<Vec<(u64, [bool; 4])>>,
    /// Whether seeds are known: else every run counts as a seed of its own.
    pub paired: bool,
}

/// Runs that a curve is fitted to at most; it takes seconds from there on.
const MOST_TRIALS: u64 = 1_000_000;

impl Trials {
    /// From the file of runs if there is one, else from the counts; `None` where they are too many.
    ///
    /// # Errors
    /// Where the file of runs is not what this program writes.
    pub fn of(sweep: &Sweep, counted: &Counted) -> Result<Option<Trials>, PlotError> {
        if sweep.total_runs() > MOST_TRIALS {
            return Ok(None);
        }
        let there = [runs::FILE, parquet::FILE].iter().any(|name| sweep.directory.join(name).exists());
        if !there {
            return Ok(Some(Trials::counted(counted)));
        }
        let places: HashMap<u64, usize> =
            sweep.rows.iter().enumerate().map(|(at, row)| (row.cell, at)).collect();
        let mut cells = vec![Vec::new(); sweep.rows.len()];
        recorded::each(&sweep.directory, |run| {
            if let Some(at) = places.get(&(run.cell as u64)) {
                let broken = run.symmetry == Some(Symmetry::Broken);
                let asymmetric = broken || run.symmetry == Some(Symmetry::Partial);
                let (solved, diverged) = (run.outcome == Outcome::Solved, run.outcome == Outcome::Diverged);
                let flags = [broken, asymmetric, solved, diverged];
                cells[*at].push((run.seed, flags));
            }
        })?;
        Ok(Some(Trials { cells, paired: true }))
    }

    /// From counts alone.
    pub fn counted(counted: &Counted) -> Trials {
        let mut next = 0;
        let cells = counted.cells.iter().map(|[of, happened @ ..]| {
            let run = |n: u64| {
                next += 1;
                (next, happened.map(|count| n < count))
            };
            (0..*of).map(run).collect()
        });
        Trials { cells: cells.collect(), paired: false }
    }

    /// Adds those of the cell at a place.
    pub fn add(&self, at: usize, what: Happened, scale: f64, to: &mut Vec<Trial>) {
        let which = what as usize;
        to.extend(self.cells[at].iter().map(|(seed, flags)| Trial {
            seed: *seed,
            scale,
            happened: flags[which],
        }));
    }
}
