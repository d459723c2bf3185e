//! `journal.jsonl`: what a resumed sweep goes on from. One line a finished window, written after the window's
//! rows are; removed when the sweep is finished.
//!
//! A line says what every file was given by the window, length and hash, so that whatever came after it can be cut off and
//! whatever was changed since is found; and what the window added to the cell that it left incomplete, which no file shows
//! yet. It is hashed together with what sweep it is of, so that no other sweep takes it for its own. Nothing is believed that
//! is not complete: the first line that does not hold, and all after it, count for nothing.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::append::{self, Again, Content};
use super::cells::CellTally;
use super::curves::CurveTally;
use super::manifest::{Counts, Manifest, Stint, Verification};
use super::rows::Rows;
use super::{OutputError, failed};

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

    /// Writes the rows of cell `cell`, whose swept values are `swept` and whose runs are measured at `measured`, in
    /// `cells.csv` and `curves.csv`.
    pub fn write(
        &mut self,
        cells: &mut Rows,
        curves: &mut Rows,
        cell: usize,
        swept: &Rows,
        measured: &[u32],
    ) {
        self.tally.write(cells, cell, swept);
        self.curve.write(curves, cell, swept, measured);
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
    /// Who trained them, in the order of run numbers.
    pub trained_by: Vec<Stint>,
}

/// The window of runs `from..to` is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// First run of the window.
    pub from: u64,
    /// First run after it.
    pub to: u64,
    /// What every growing file has been given since the entry before, by name.
    pub files: BTreeMap<String, Content>,
    /// What the window's last runs add to their cell, if that has runs after the window.
    pub open: Option<OpenCell>,
    /// Sums over all runs before `to`.
    pub totals: Totals,
}

/// A line: an entry and the BLAKE3 of its text, keyed with its sweep.
#[derive(Deserialize)]
struct Line<'a> {
    blake3: &'a str,
    #[serde(borrow)]
    entry: &'a RawValue,
}

impl Entry {
    /// The entry as a line of the journal of the sweep that `manifest` describes.
    pub fn line(&self, manifest: &Manifest) -> serde_json::Result<Vec<u8>> {
        let entry = serde_json::to_string(self)?;
        let blake3 = blake3::keyed_hash(&key(manifest), entry.as_bytes()).to_hex();
        Ok(format!("{{\"blake3\":\"{blake3}\",\"entry\":{entry}}}\n").into_bytes())
    }

    /// The entry of a whole, unchanged line of the sweep with this key.
    fn of_line(line: &[u8], key: &[u8; 32]) -> Option<Entry> {
        let line: Line<'_> = serde_json::from_slice(line.strip_suffix(b"\n")?).ok()?;
        let entry = line.entry.get();
        let same = blake3::keyed_hash(key, entry.as_bytes()).to_hex().as_str() == line.blake3;
        if same { serde_json::from_str(entry).ok() } else { None }
    }
}

/// What sweep a manifest describes, in 32 bytes.
fn key(manifest: &Manifest) -> [u8; 32] {
    let Manifest { plan_hash, shard, options, .. } = manifest;
    *blake3::hash(format!("{plan_hash} {shard:?} {options:?}").as_bytes()).as_bytes()
}

/// What a journal and the files beside it agree on.
#[derive(Debug)]
pub struct History {
    /// All runs before this one are done, if there are such.
    pub next: u64,
    /// What is known of the cell of run `next`.
    pub open: OpenCell,
    /// Sums over them.
    pub totals: Totals,
    /// The journal, up to the last entry that holds.
    pub journal: Again,
    /// The other files, by name, up to there.
    pub files: Vec<(&'static str, Again)>,
    /// The file that is not as it was left, where that ends what holds, and what is wrong with it. What a killed process was
    /// in the middle of is not wrong.
    pub damage: Option<(&'static str, &'static str)>,
}

/// What is wrong with a file that others have cut short or changed.
pub const CHANGED: &str = "does not hold what was written";

/// Reads the journal of `directory` and the files `names`, for the sweep that `manifest` describes, up to the last entry
/// that is whole and whose files hold what they were given; or says which of these files is not there.
///
/// # Errors
/// Where something is there and cannot be read.
pub fn read(
    directory: &Path,
    names: &[&'static str],
    manifest: &Manifest,
) -> Result<Result<History, &'static str>, OutputError> {
    let path = directory.join(FILE);
    let Some(journal) = Again::open(path.clone())? else { return Ok(Err(FILE)) };
    let mut files = Vec::new();
    for &name in names {
        let Some(file) = Again::open(directory.join(name))? else { return Ok(Err(name)) };
        files.push((name, file));
    }
    let (range, key) = (manifest.range(), key(manifest));
    let start = range.start;
    let (open, totals) = (OpenCell::default(), Totals::default());
    let mut history = History { next: start, open, totals, journal, files, damage: None };
    let mut lines = BufReader::new(append::open(&path).map_err(failed("read", &path))?);
    let mut line = Vec::new();
    loop {
        line.clear();
        lines.read_until(b'\n', &mut line).map_err(failed("read", &path))?;
        let follows =
            |entry: &Entry| entry.from == history.next && (entry.from + 1..=range.end).contains(&entry.to);
        let Some(entry) = Entry::of_line(&line, &key).filter(follows) else {
            history.damage = line.ends_with(b"\n").then_some((FILE, CHANGED));
            break;
        };
        if let Some(name) = history.take(entry, &line, manifest.seeds)? {
            history.damage = Some((name, CHANGED));
            break;
        }
    }
    Ok(Ok(history))
}

/// The first run after those of the last entry of the journal of `directory`, in which the sweep is that `manifest` describes,
/// whatever the files beside it hold; `None` without an entry. For messages.
pub fn reached(directory: &Path, manifest: &Manifest) -> Option<u64> {
    let lines = BufReader::new(append::open(&directory.join(FILE)).ok()?).split(b'\n');
    let key = key(manifest);
    let entries = lines.map_while(|line| Entry::of_line(&[line.ok()?.as_slice(), b"\n"].concat(), &key));
    entries.last().map(|entry| entry.to)
}

impl History {
    /// Adds an entry, if every file holds what it says; else names one that does not.
    fn take(&mut self, entry: Entry, line: &[u8], seeds: u64) -> Result<Option<&'static str>, OutputError> {
        if entry.files.len() != self.files.len() {
            return Ok(Some(FILE));
        }
        let mut read = Vec::new();
        for (name, file) in &mut self.files {
            let Some(mark) = entry.files.get(*name) else { return Ok(Some(FILE)) };
            let Some(whole) = file.matches(mark)? else { return Ok(Some(name)) };
            read.push((mark, whole));
        }
        for ((_, file), (mark, whole)) in self.files.iter_mut().zip(read) {
            file.accept(mark, whole);
        }
        self.journal.skip(line);
        // A cell that began in this window owes nothing to those before.
        if entry.from <= entry.to - entry.to % seeds {
            self.open = OpenCell::default();
        }
        if let Some(open) = entry.open {
            self.open.merge(open);
        }
        self.totals = entry.totals;
        self.next = entry.to;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::engine::Engine;
    use crate::engine::mock::MockEngine;
    use crate::output::Options;
    use crate::spec::{Overrides, Shard, parse};

    fn manifest() -> Manifest {
        let (plan, _) =
            parse("[task]\ndataset = \"xor\"\n[runs]\nseeds = 10\n", "x.toml", &Overrides::default())
                .unwrap();
        Manifest::new(&plan, MockEngine::default().description(), Options::default(), &[])
    }

    fn entry(from: u64, to: u64) -> Entry {
        Entry { from, to, files: BTreeMap::new(), open: None, totals: Totals::default() }
    }

    #[test]
    fn a_line_is_of_one_sweep() {
        let ours = manifest();
        let line = entry(0, 3).line(&ours).unwrap();
        assert_eq!(Entry::of_line(&line, &key(&ours)), Some(entry(0, 3)));
        for other in [
            Manifest { plan_hash: "another".into(), ..ours.clone() },
            Manifest { shard: Some(Shard { index: 1, of: 1 }), ..ours.clone() },
            Manifest { options: Options { trace: 1, ..ours.options }, ..ours.clone() },
        ] {
            assert_eq!(Entry::of_line(&line, &key(&other)), None);
        }
        // What else a manifest tells does not matter.
        assert_eq!(key(&Manifest { started_at: 0, ..ours.clone() }), key(&ours));
    }

    #[test]
    fn windows_follow_each_other_within_the_sweep() {
        let ours = manifest();
        let place = tempfile::tempdir().unwrap();
        for (windows, next) in [
            (vec![(0, 3), (3, 10)], 10),
            (vec![(0, 3), (3, 11)], 3),
            (vec![(0, 3), (3, 3)], 3),
            (vec![(0, 3), (4, 5)], 3),
            (vec![(0, 3), (2, 5)], 3),
            (vec![(0, 0), (0, 3)], 0),
            (vec![(1, 3)], 0),
        ] {
            let lines = windows.iter().flat_map(|&(from, to)| entry(from, to).line(&ours).unwrap());
            fs::write(place.path().join(FILE), lines.collect::<Vec<u8>>()).unwrap();
            let history = read(place.path(), &[], &ours).unwrap().unwrap();
            assert_eq!(history.next, next, "{windows:?}");
            assert_eq!(history.damage, (next < 10).then_some((FILE, CHANGED)), "{windows:?}");
        }
    }
}
