//! An open result directory: windows of finished runs go in, in the order of run numbers; files come out.
//!
//! `cells.csv` and `curves.csv` grow under another name and get their own at the end, so that who reads them
//! reads whole ones. Memory is bounded by a window and by what is kept of the one cell that is not
//! complete, whatever the number of its runs.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::prelude::*;

use super::append::{Appended, settle};
use super::journal::{self, Entry, OpenCell, Totals};
use super::lock::Lock;
use super::manifest::{self, Manifest, Options, RunsFile, Status, Stint, Verification};
use super::parquet::{self, Format, Segments};
use super::partial::{self, PartialCell};
use super::piece::{Piece, RunRows};
use super::rows::Rows;
use super::{OutputError, cells, curves, failed, package, params, runs, traces};
use crate::engine::{Description, Parameters, RunResult, measured_steps};
use crate::measure::Score;
use crate::spec::Plan;

/// `cells.csv` while it grows.
const CELLS: &str = "cells.csv.unfinished";
/// `curves.csv` while it grows.
const CURVES: &str = "curves.csv.unfinished";

/// Parameters are handed to the operating system so many at a time.
const CHUNK: usize = 1 << 18;

/// Every file that a sweep writes into its directory, its lock apart.
pub const FILES: [&str; 17] = [
    manifest::FILE,
    manifest::UNFINISHED,
    journal::FILE,
    runs::FILE,
    traces::FILE,
    params::INITIAL,
    params::FINAL,
    cells::FILE,
    curves::FILE,
    partial::FILE,
    CELLS,
    CURVES,
    parquet::FILE,
    parquet::NEW,
    parquet::SEGMENTS,
    package::FILE,
    package::NEW,
];

/// Finished runs with consecutive numbers.
#[derive(Clone, Debug)]
pub struct Window {
    /// Number of the first.
    pub first: u64,
    /// One a run.
    pub results: Vec<RunResult>,
    /// Whether another engine gave the same labels; `None` where not sampled. One a run.
    pub verified: Vec<Option<bool>>,
    /// One a run; those of a diverged run count for nothing.
    pub scores: Vec<Score>,
    /// With `--save-params`, shape `[run][parameter]`.
    pub parameters: Option<Parameters>,
    /// With `--verify`, what was found in this window.
    pub verification: Option<Verification>,
    /// Who trained it.
    pub engine: Description,
    /// Seconds that the engine trained.
    pub training_seconds: f64,
}

/// The result directory of a sweep, or of a shard of one, that is under way.
#[derive(Debug)]
pub struct Results<'p> {
    plan: &'p Plan,
    directory: PathBuf,
    lock: Lock,
    manifest: Manifest,
    /// The growing files, by the names they have meanwhile.
    files: BTreeMap<&'static str, Appended>,
    journal: Appended,
    /// With `--runs parquet`
    format: Option<Format>,
    /// Measured steps of each program.
    measured: Vec<Vec<u32>>,
    /// The runs that are to be written.
    range: Range<u64>,
    /// Those before this one are.
    next: u64,
    /// The cell of run `next`, as far as it is done.
    open: OpenCell,
    totals: Totals,
    opened: Instant,
    /// Seconds of earlier sessions.
    seconds_before: f64,
    /// What the user should know of what was found here.
    warnings: Vec<String>,
}

impl<'p> Results<'p> {
    /// Starts a sweep in `directory`, which is made if it is missing: every file is opened, so that what can't be
    /// written is found out before anything is trained. `manifest` is that of [`Manifest::new`].
    pub fn create(directory: &Path, plan: &'p Plan, manifest: Manifest) -> Result<Self, OutputError> {
        let made = !directory.exists();
        let created =
            Lock::take(directory).and_then(|lock| Self::create_under(lock, directory, plan, manifest));
        if created.is_err() && made {
            // Nothing has been trained: leave the place as it was found, as far as it lets us.
            let _ = fs::remove_dir(directory);
        }
        created
    }

    /// The same in a directory that is locked already. Files of another sweep are removed.
    pub(super) fn create_under(
        lock: Lock,
        directory: &Path,
        plan: &'p Plan,
        manifest: Manifest,
    ) -> Result<Self, OutputError> {
        // The manifest first: whoever is killed meanwhile leaves no files that nobody knows the sweep of.
        let opened = manifest
            .write(directory)
            .and_then(|()| remove(directory, &FILES[1..]))
            .and_then(|()| create_files(directory, plan, &manifest));
        match opened {
            Ok((files, journal)) => Self::new(lock, directory, plan, manifest, files, journal),
            Err(error) => {
                let _ = clear(directory);
                Err(error)
            }
        }
    }

    /// Goes on with the unfinished sweep in `directory`: everything after its last whole window is cut off.
    /// `manifest` is the one found there.
    pub fn resume(directory: &Path, plan: &'p Plan, manifest: Manifest) -> Result<Self, OutputError> {
        Self::resume_under(Lock::take(directory)?, directory, plan, manifest)
    }

    /// The same in a directory that is locked already.
    pub(super) fn resume_under(
        lock: Lock,
        directory: &Path,
        plan: &'p Plan,
        manifest: Manifest,
    ) -> Result<Self, OutputError> {
        for (unfinished, whole) in [(CELLS, cells::FILE), (CURVES, curves::FILE)] {
            // An interrupted sweep gave them their names; they go on growing.
            let (unfinished, whole) = (directory.join(unfinished), directory.join(whole));
            if !unfinished.exists() && whole.exists() {
                fs::rename(&whole, &unfinished).map_err(failed("rename", &whole))?;
            }
        }
        // Written by a process that was killed before it could say so; it is written again.
        remove(directory, &[parquet::FILE, parquet::NEW])?;
        let start = manifest.range().start;
        // As it was put down.
        let counted = start + manifest.counts.runs_finished;
        let history = journal::read(directory, &names(&manifest), &manifest)?;
        let next = history.as_ref().map_or(start, |history| history.next);
        let damage = match &history {
            // Lines of the journal may be gone as if there had never been any.
            Ok(history) => history.damage.or((next < counted).then_some((journal::FILE, journal::CHANGED))),
            Err(missing) => Some((*missing, "is missing")),
        };
        let lost = damage.map(|(name, problem)| {
            // What the journal tells of, whether the files hold it or not.
            let told = journal::reached(directory, &manifest).map_or(counted, |told| told.max(counted));
            let again = match told.saturating_sub(next) {
                0 => "what it held is trained again".to_string(),
                1 => format!("run {next} is trained again"),
                lost => format!("{lost} runs, {next} to {}, are trained again", told - 1),
            };
            format!("{} {problem}: {again}", directory.join(name).display())
        });
        let Some(history) = history.ok().filter(|history| history.next > start) else {
            let mut results = Self::create_under(lock, directory, plan, manifest)?;
            results.warnings.extend(lost);
            return Ok(results);
        };
        let files: Result<_, OutputError> =
            history.files.into_iter().map(|(name, again)| Ok((name, Appended::reopen(again)?))).collect();
        let journal = Appended::reopen(history.journal)?;
        let mut results = Self::new(lock, directory, plan, manifest, files?, journal)?;
        results.warnings.extend(lost);
        results.next = history.next;
        results.open = history.open;
        // A session that was put down may have gone on for a while after its last window.
        results.seconds_before = history.totals.total_seconds.max(results.manifest.total_seconds);
        results.totals = history.totals;
        Ok(results)
    }

    fn new(
        lock: Lock,
        directory: &Path,
        plan: &'p Plan,
        manifest: Manifest,
        files: BTreeMap<&'static str, Appended>,
        journal: Appended,
    ) -> Result<Self, OutputError> {
        let range = manifest.range();
        let parquet = manifest.options.runs == RunsFile::Parquet;
        let format = parquet.then(|| Format::new(&manifest.spec)).transpose()?;
        Ok(Results {
            plan,
            directory: directory.to_path_buf(),
            lock,
            manifest,
            files,
            journal,
            format,
            measured: plan.programs.iter().map(|program| measured_steps(program.steps)).collect(),
            next: range.start,
            range,
            open: OpenCell::default(),
            totals: Totals::default(),
            opened: Instant::now(),
            seconds_before: 0.0,
            warnings: Vec::new(),
        })
    }

    /// Says what the user should know of what was found in the directory.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Adds to the [`warnings`](Self::warnings).
    pub(super) fn warn(&mut self, of: impl IntoIterator<Item = String>) {
        self.warnings.extend(of);
    }

    /// The runs that are not kept yet, for the journal does not tell of them.
    pub fn left(&self) -> Range<u64> {
        self.next..self.range.end
    }

    /// What came of the runs that are written.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// What the user wants to be written and checked.
    pub fn options(&self) -> &Options {
        &self.manifest.options
    }

    /// Writes the rows of a window that starts at the first run that is [`left`](Self::left), which has one entry a run in each of
    /// its lists, and in each result a symmetry at each measured step. After an error the directory holds the
    /// windows before this one, for [`salvage`](Self::salvage).
    pub fn append(&mut self, window: &Window) -> Result<(), OutputError> {
        debug_assert_eq!(window.first, self.next);
        let mut added = OpenCell::default();
        let mut first = window.first;
        let empty = match (&self.format, self.manifest.options.runs) {
            (Some(format), _) => RunRows::Parquet(format.empty()),
            (None, RunsFile::Csv) => RunRows::Csv(Rows::default()),
            (None, _) => RunRows::None,
        };
        let mut columns = self.format.as_ref().map(Format::empty);
        // Pieces are made on all cores, so many at a time.
        let length = Piece::length(self.plan);
        let block = 2 * rayon::current_num_threads() * length;
        let blocks = window.results.chunks(block).zip(window.verified.chunks(block));
        for ((results, verified), scores) in blocks.zip(window.scores.chunks(block)) {
            let (plan, measured, empty) = (self.plan, &self.measured, &empty);
            let numbers = (0..results.len()).into_par_iter().step_by(length).map(|at| first + at as u64);
            let pieces: Vec<Piece> = numbers
                .zip(results.par_chunks(length))
                .zip(verified.par_chunks(length))
                .zip(scores.par_chunks(length))
                .map(|(((first, results), verified), scores)| {
                    Piece::new(plan, measured, empty, first, results, verified, scores)
                })
                .collect();
            for mut piece in pieces {
                if let (Some(all), RunRows::Parquet(some)) = (&mut columns, &mut piece.runs) {
                    all.append(std::mem::take(some));
                }
                self.write(piece, first, &mut added)?;
                first += length as u64;
            }
        }
        if let (Some(format), Some(columns)) = (&self.format, columns) {
            let segment = format.segment(&columns)?;
            self.add(parquet::SEGMENTS, &segment)?;
        }
        if let Some(parameters) = &window.parameters {
            for (name, values) in [(params::INITIAL, &parameters.initial), (params::FINAL, &parameters.last)]
            {
                if let Some(file) = self.files.get_mut(name) {
                    append_floats(file, values)?;
                }
            }
        }
        // Where the directory has gone meanwhile, that is what is to be said of its files.
        self.enter(window, added).map_err(|error| self.lock.check().err().unwrap_or(error))
    }

    /// Writes a piece that starts at run `first`. `added` is what its window has added to the open cell.
    fn write(&mut self, piece: Piece, first: u64, added: &mut OpenCell) -> Result<(), OutputError> {
        if let RunRows::Csv(rows) = &piece.runs {
            self.add(runs::FILE, rows.as_bytes())?;
        }
        self.add(traces::FILE, piece.traces.as_bytes())?;
        self.totals.counts.merge(&piece.counts);
        if let Some(head) = piece.head {
            let ended = first + head.runs();
            added.merge(head);
            if ended.is_multiple_of(self.plan.seeds) {
                let mut complete = std::mem::take(&mut self.open);
                complete.merge(std::mem::take(added));
                self.write_cell((first / self.plan.seeds) as usize, complete)?;
            }
        }
        self.add(CELLS, piece.cells.as_bytes())?;
        self.add(CURVES, piece.curves.as_bytes())?;
        if let Some(tail) = piece.tail {
            *added = tail;
        }
        Ok(())
    }

    /// Appends to a file, if it is wanted.
    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), OutputError> {
        self.files.get_mut(name).map_or(Ok(()), |file| file.append(bytes))
    }

    /// Writes a cell that has all the runs that it will get here. In a shard it may have others elsewhere.
    fn write_cell(&mut self, cell: usize, mut tallies: OpenCell) -> Result<(), OutputError> {
        let (mut cells, mut curves) = (Rows::default(), Rows::default());
        let swept = Rows::of_values(&self.plan.grid.values(cell));
        let measured = &self.measured[self.plan.program(cell)];
        tallies.write(&mut cells, &mut curves, cell, &swept, measured);
        self.add(CELLS, cells.as_bytes())?;
        self.add(CURVES, curves.as_bytes())?;
        if tallies.runs() < self.plan.seeds && self.files.contains_key(partial::FILE) {
            let line = PartialCell { cell, tallies }
                .line()
                .map_err(|error| failed("write", &self.directory.join(partial::FILE))(error.into()))?;
            self.add(partial::FILE, &line)?;
        }
        Ok(())
    }

    /// The window's line of the journal, once its rows are written.
    fn enter(&mut self, window: &Window, added: OpenCell) -> Result<(), OutputError> {
        self.lock.check()?;
        let (from, to) = (self.next, self.next + window.results.len() as u64);
        self.totals.training_seconds += window.training_seconds;
        self.totals.total_seconds = self.seconds_before + self.opened.elapsed().as_secs_f64();
        let stint = Stint { from, to, engine: window.engine.clone(), git_hash: manifest::git_hash() };
        stint.add(&mut self.totals.trained_by);
        if let Some(found) = &window.verification {
            self.totals.verification.get_or_insert_default().merge(found);
        }
        let mut files = BTreeMap::new();
        for (name, file) in &mut self.files {
            files.insert((*name).to_string(), file.mark()?);
        }
        let entry =
            Entry { from, to, files, open: (added.runs() > 0).then_some(added), totals: self.totals.clone() };
        let path = self.directory.join(journal::FILE);
        self.journal
            .append(&entry.line(&self.manifest).map_err(|error| failed("write", &path)(error.into()))?)?;
        self.journal.mark()?;
        self.next = to;
        if let Some(open) = entry.open {
            self.open.merge(open);
        }
        Ok(())
    }

    /// All runs are in: gives the files their names and the manifest its status.
    pub fn finish(mut self) -> Result<Manifest, OutputError> {
        debug_assert_eq!(self.next, self.range.end);
        self.lock.check()?;
        self.write_open()?;
        self.manifest.status = Status::Finished;
        let directory = self.directory.clone();
        let (manifest, lock) = self.close()?;
        remove(&directory, &LEFTOVERS)?;
        drop(lock);
        Ok(manifest)
    }

    /// Leaves the sweep as it is, to be resumed: `cells.csv` and `curves.csv` cover the runs that are done, the
    /// incomplete cell among them, with as many `runs` as it has.
    pub fn put_down(mut self) -> Result<Manifest, OutputError> {
        self.lock.check()?;
        self.write_open()?;
        self.close().map(|(manifest, _)| manifest)
    }

    /// Puts the sweep down after [`append`](Self::append) has failed: the files hold a part of a window, and go back to the last
    /// whole one.
    pub fn salvage(self) -> Result<Manifest, OutputError> {
        let Results { plan, directory, lock, manifest, files, journal, .. } = self;
        drop((files, journal));
        lock.check()?;
        Self::resume_under(lock, &directory, plan, manifest)?.put_down()
    }

    /// Writes the cell that has runs left, if it has some already.
    fn write_open(&mut self) -> Result<(), OutputError> {
        if self.open.runs() == 0 {
            return Ok(());
        }
        let open = std::mem::take(&mut self.open);
        self.write_cell((self.next / self.plan.seeds) as usize, open)
    }

    fn close(self) -> Result<(Manifest, Lock), OutputError> {
        let Results { directory, lock, mut manifest, mut files, totals, .. } = self;
        manifest.counts = totals.counts;
        manifest.verification = totals.verification;
        manifest.training_seconds = totals.training_seconds;
        manifest.total_seconds = self.seconds_before + self.opened.elapsed().as_secs_f64();
        manifest.trained_by = totals.trained_by;
        if let Some(segments) = files.remove(parquet::SEGMENTS) {
            // Closed first: some systems don't remove open files.
            drop(segments);
            if manifest.status == Status::Finished {
                let rows = Segments::open(&directory.join(parquet::SEGMENTS))?;
                let content = parquet::write(&directory.join(parquet::FILE), &manifest, rows)?;
                manifest.files.insert(parquet::FILE.into(), content);
            }
        }
        for (name, file) in files {
            let name = match name {
                CELLS => cells::FILE,
                CURVES => curves::FILE,
                same => same,
            };
            manifest.files.insert(name.into(), file.content());
            file.publish(&directory.join(name))?;
        }
        match manifest.status {
            Status::Unfinished => manifest.files.clear(),
            _ => {
                let content = package::write(&directory, &manifest)?;
                manifest.files.insert(package::FILE.into(), content);
            }
        }
        settle(&directory)?;
        manifest.write(&directory)?;
        Ok((manifest, lock))
    }
}

/// Names of the growing files that a sweep has, the journal apart.
fn names(manifest: &Manifest) -> Vec<&'static str> {
    let options = &manifest.options;
    let mut names = vec![CELLS, CURVES];
    match options.runs {
        RunsFile::Csv => names.push(runs::FILE),
        RunsFile::Parquet => names.push(parquet::SEGMENTS),
        RunsFile::None => {}
    }
    names.extend((options.trace > 0).then_some(traces::FILE));
    names.extend(options.save_params.then_some(params::INITIAL));
    names.extend(options.save_params.then_some(params::FINAL));
    names.extend(manifest.shard.is_some().then_some(partial::FILE));
    names
}

/// New files, each with its head, and the journal.
fn create_files(
    directory: &Path,
    plan: &Plan,
    manifest: &Manifest,
) -> Result<(BTreeMap<&'static str, Appended>, Appended), OutputError> {
    let range = manifest.range();
    let npy = match manifest.options.save_params {
        true => params::head(range.end - range.start, params::width(plan)?),
        false => Vec::new(),
    };
    let create = |name: &'static str| {
        let path = directory.join(name);
        let head = match name {
            runs::FILE => runs::head(plan),
            traces::FILE => traces::head(),
            CELLS => cells::head(plan),
            CURVES => curves::head(plan),
            params::INITIAL | params::FINAL => return Appended::create(path, &npy),
            _ => Rows::default(),
        };
        Appended::create(path, head.as_bytes())
    };
    let files: Result<_, OutputError> =
        names(manifest).into_iter().map(|name| Ok((name, create(name)?))).collect();
    Ok((files?, create(journal::FILE)?))
}

/// What a finished sweep has no more use for.
pub(super) const LEFTOVERS: [&str; 5] =
    [journal::FILE, manifest::UNFINISHED, parquet::SEGMENTS, parquet::NEW, package::NEW];

/// Removes every file of a sweep from `directory`, and nothing else.
pub fn clear(directory: &Path) -> Result<(), OutputError> {
    remove(directory, &FILES)
}

/// Removes those of these files that are there.
pub(super) fn remove(directory: &Path, names: &[&str]) -> Result<(), OutputError> {
    for name in names {
        let path = directory.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed("remove", &path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Little-endian, whatever the machine is.
fn append_floats(file: &mut Appended, values: &[f32]) -> Result<(), OutputError> {
    for part in values.chunks(CHUNK) {
        let bytes: Vec<u8> = part.iter().flat_map(|value| value.to_le_bytes()).collect();
        file.append(&bytes)?;
    }
    Ok(())
}
