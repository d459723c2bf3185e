//! `journal.jsonl`: what a resumed sweep goes on from. One line a finished window, written after the window's
//! rows are; removed when the sweep is finished.
//!
//! A line holds the lengths that the files had, so that whatever was written after it can be cut off, and what
//! the window added to the cell that it left incomplete, which no file shows yet.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::cells::CellTally;
use super::curves::CurveTally;
use super::manifest::{Counts, Verification};
use super::rows::Rows;
use super::{OutputError, failed};
use crate::spec::Plan;

/// The file's name.
pub const FILE: &str = "journal.jsonl";

/// The tallies of a cell of which some runs are not done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OpenCell {
    /// For its row of `cells.csv`.
    pub tally: CellTally,
    /// For its rows of `curves.csv`.
    pub curve: CurveTally,
}

impl OpenCell {
    /// Runs counted so far.
    pub fn runs(&self) -> u64 {
        self.tally.counts().runs_finished
    }

    /// Adds further runs of the same cell.
    pub fn merge(&mut self, other: OpenCell) {
        self.tally.merge(other.tally);
        self.curve.merge(&other.curve);
    }

    /// Writes the rows of cell `cell`, whose runs are measured at `measured`, in `cells.csv` and `curves.csv`.
    pub fn write(&mut self, cells: &mut Rows, curves: &mut Rows, plan: &Plan, cell: usize, measured: &[u32]) {
        let swept = Rows::of_values(&plan.cells[cell].values);
        self.tally.write(cells, cell, &swept);
        self.curve.write(curves, cell, &swept, measured);
    }
}

/// Sums over the sweep so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// What came of the runs.
    pub counts: Counts,
    /// What `--verify` found.
    pub verification: Option<Verification>,
    /// Seconds that the engine trained.
    pub training_seconds: f64,
    /// Seconds in all.
    pub total_seconds: f64,
}

/// One line: the window of runs `from..to` is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// First run of the window.
    pub from: u64,
    /// First run after it.
    pub to: u64,
    /// Length of every growing file, by name.
    pub lengths: BTreeMap<String, u64>,
    /// What the window's last runs add to their cell, if that has runs after the window.
    pub open: Option<OpenCell>,
    /// Sums over all runs before `to`.
    pub totals: Totals,
}

/// The usable lines of a journal.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The lines, in order, without gaps.
    pub entries: Vec<Entry>,
    /// Bytes of those lines.
    pub length: u64,
}

/// Reads the journal of `directory`, up to the last line that is whole and that every file lives up to, for
/// files whose lengths are now `lengths`. Without a journal there are no lines.
pub fn read(directory: &Path, lengths: &BTreeMap<String, u64>) -> Result<History, OutputError> {
    let path = directory.join(FILE);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(History::default()),
        Err(error) => return Err(failed("read", &path)(error)),
    };
    let mut history = History::default();
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let next = history.entries.last().map_or(0, |entry| entry.to);
        let entry: Entry = match serde_json::from_slice(line) {
            Ok(entry) if line.ends_with(b"\n") => entry,
            _ => break,
        };
        let covered = entry.lengths.len() == lengths.len()
            && entry.lengths.iter().all(|(name, length)| lengths.get(name).is_some_and(|now| now >= length));
        if entry.from != next || entry.to <= entry.from || !covered {
            break;
        }
        history.length += line.len() as u64;
        history.entries.push(entry);
    }
    Ok(history)
}
