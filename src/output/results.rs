//! An open result directory: windows of finished runs go in, in the order of run numbers; files come out.
//!
//! `cells.csv` and `curves.csv` grow under another name and get their own at the end, so that who reads them
//! reads whole ones. Memory is bounded by a window and by what is kept of the one cell that is not
//! complete, whatever the number of its runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::prelude::*;

use super::append::Appended;
use super::journal::{self, Entry, OpenCell, Totals};
use super::manifest::{self, Manifest, Options, RunsFile, Status, Verification};
use super::piece::Piece;
use super::rows::Rows;
use super::{OutputError, cells, curves, failed, params, runs, traces};
use crate::engine::{Parameters, RunResult, measured_steps};
use crate::measure::Score;
use crate::spec::Plan;

/// `cells.csv` while it grows.
const CELLS: &str = "cells.csv.unfinished";
/// `curves.csv` while it grows.
const CURVES: &str = "curves.csv.unfinished";

/// Parameters are handed to the operating system so many at a time.
const CHUNK: usize = 1 << 18;

/// Every file that a sweep writes into its directory.
pub const FILES: [&str; 10] = [
    manifest::FILE,
    journal::FILE,
    runs::FILE,
    traces::FILE,
    params::INITIAL,
    params::FINAL,
    cells::FILE,
    curves::FILE,
    CELLS,
    CURVES,
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
    /// Seconds that the engine trained.
    pub training_seconds: f64,
}

/// The growing files.
#[derive(Debug)]
struct Files {
    runs: Option<Appended>,
    traces: Option<Appended>,
    initial: Option<Appended>,
    last: Option<Appended>,
    cells: Appended,
    curves: Appended,
    journal: Appended,
}

/// The result directory of a sweep that is under way.
#[derive(Debug)]
pub struct Results<'p> {
    plan: &'p Plan,
    directory: PathBuf,
    manifest: Manifest,
    files: Files,
    /// Measured steps of each program.
    measured: Vec<Vec<u32>>,
    /// Runs `0..next` are written.
    next: u64,
    /// The cell of run `next`, as far as it is done.
    open: OpenCell,
    totals: Totals,
    opened: Instant,
    /// Seconds of earlier sessions.
    seconds_before: f64,
}

impl<'p> Results<'p> {
    /// Starts a sweep in `directory`, which is made if it is missing: every file is opened, so that what can't be
    /// written is found out before anything is trained. `manifest` is that of [`Manifest::new`].
    pub fn create(directory: &Path, plan: &'p Plan, manifest: Manifest) -> Result<Self, OutputError> {
        let made = !directory.exists();
        fs::create_dir_all(directory).map_err(failed("create the directory", directory))?;
        let opened = Files::create(directory, plan, &manifest.options)
            .and_then(|files| manifest.write(directory).map(|()| files));
        match opened {
            Ok(files) => Ok(Self::new(directory, plan, manifest, files)),
            Err(error) => {
                // Nothing has been trained: leave the place as it was found, as far as it lets us.
                let _ = clear(directory);
                if made {
                    let _ = fs::remove_dir(directory);
                }
                Err(error)
            }
        }
    }

    /// Goes on with the unfinished sweep in `directory`: everything after its last whole window is cut off.
    /// `manifest` is the one found there.
    pub fn resume(directory: &Path, plan: &'p Plan, manifest: Manifest) -> Result<Self, OutputError> {
        for (unfinished, whole) in [(CELLS, cells::FILE), (CURVES, curves::FILE)] {
            // An interrupted sweep gave them their names; they go on growing.
            let (unfinished, whole) = (directory.join(unfinished), directory.join(whole));
            if !unfinished.exists() && whole.exists() {
                fs::rename(&whole, &unfinished).map_err(failed("rename", &whole))?;
            }
        }
        let names = Files::names(&manifest.options);
        let mut lengths = BTreeMap::new();
        for name in &names {
            let length = fs::metadata(directory.join(name)).map_or(0, |data| data.len());
            lengths.insert((*name).to_string(), length);
        }
        let history = journal::read(directory, &lengths)?;
        let Some(last) = history.entries.last() else {
            clear(directory)?;
            return Self::create(directory, plan, manifest);
        };
        if last.to > plan.runs() {
            let problem = format!("it has {} runs, the plan {}", last.to, plan.runs());
            return Err(OutputError::Damaged { path: directory.join(journal::FILE), problem });
        }
        let files = Files::reopen(directory, &manifest.options, &last.lengths, history.length)?;
        let mut results = Self::new(directory, plan, manifest, files);
        results.next = last.to;
        results.totals = last.totals.clone();
        results.seconds_before = last.totals.total_seconds;
        // The open cell is what the windows since its first run have added to it.
        let cell_start = last.to - last.to % plan.seeds;
        for entry in history.entries.into_iter().filter(|entry| entry.to > cell_start) {
            if let Some(open) = entry.open {
                results.open.merge(open);
            }
        }
        Ok(results)
    }

    fn new(directory: &Path, plan: &'p Plan, manifest: Manifest, files: Files) -> Self {
        Results {
            plan,
            directory: directory.to_path_buf(),
            manifest,
            files,
            measured: plan.programs.iter().map(|program| measured_steps(program.steps)).collect(),
            next: 0,
            open: OpenCell::default(),
            totals: Totals::default(),
            opened: Instant::now(),
            seconds_before: 0.0,
        }
    }

    /// The number of the first run that is not written; all before it are.
    pub fn next_run(&self) -> u64 {
        self.next
    }

    /// What the user wants to be written and checked.
    pub fn options(&self) -> &Options {
        &self.manifest.options
    }

    /// Writes the rows of a window that starts at [`next_run`](Self::next_run), which has one entry a run in each of
    /// its lists, and in each result a symmetry at each measured step. After an error the directory holds the
    /// windows before this one, for [`resume`](Self::resume); `self` is of no more use.
    pub fn append(&mut self, window: &Window) -> Result<(), OutputError> {
        debug_assert_eq!(window.first, self.next);
        let mut added = OpenCell::default();
        let mut first = window.first;
        // Pieces are made on all cores, so many at a time.
        let length = Piece::length(self.plan);
        let block = 2 * rayon::current_num_threads() * length;
        let blocks = window.results.chunks(block).zip(window.verified.chunks(block));
        for ((results, verified), scores) in blocks.zip(window.scores.chunks(block)) {
            let (plan, measured, options) = (self.plan, &self.measured, &self.manifest.options);
            let numbers = (0..results.len()).into_par_iter().step_by(length).map(|at| first + at as u64);
            let pieces: Vec<Piece> = numbers
                .zip(results.par_chunks(length))
                .zip(verified.par_chunks(length))
                .zip(scores.par_chunks(length))
                .map(|(((first, results), verified), scores)| {
                    Piece::new(plan, measured, options, first, results, verified, scores)
                })
                .collect();
            for piece in pieces {
                self.write(piece, first, &mut added)?;
                first += length as u64;
            }
        }
        if let Some(parameters) = &window.parameters {
            for (file, values) in
                [(&mut self.files.initial, &parameters.initial), (&mut self.files.last, &parameters.last)]
            {
                if let Some(file) = file {
                    append_floats(file, values)?;
                }
            }
        }
        self.enter(window, added)
    }

    /// Writes a piece that starts at run `first`. `added` is what its window has added to the open cell.
    fn write(&mut self, piece: Piece, first: u64, added: &mut OpenCell) -> Result<(), OutputError> {
        let Results { plan, files, open, totals, measured, .. } = self;
        if let Some(file) = &mut files.runs {
            file.append(piece.runs.as_bytes())?;
        }
        if let Some(file) = &mut files.traces {
            file.append(piece.traces.as_bytes())?;
        }
        totals.counts.merge(&piece.counts);
        if let Some(head) = piece.head {
            added.merge(head);
            if open.runs() + added.runs() == plan.seeds {
                let cell = (first / plan.seeds) as usize;
                open.merge(std::mem::take(added));
                let (mut cells, mut curves) = (Rows::default(), Rows::default());
                let mut complete = std::mem::take(open);
                complete.write(&mut cells, &mut curves, plan, cell, &measured[plan.cells[cell].program]);
                files.cells.append(cells.as_bytes())?;
                files.curves.append(curves.as_bytes())?;
            }
        }
        files.cells.append(piece.cells.as_bytes())?;
        files.curves.append(piece.curves.as_bytes())?;
        if let Some(tail) = piece.tail {
            *added = tail;
        }
        Ok(())
    }

    /// The window's line of the journal, once its rows are written.
    fn enter(&mut self, window: &Window, added: OpenCell) -> Result<(), OutputError> {
        let from = self.next;
        self.next += window.results.len() as u64;
        self.totals.training_seconds += window.training_seconds;
        self.totals.total_seconds = self.seconds_before + self.opened.elapsed().as_secs_f64();
        if let Some(found) = &window.verification {
            self.totals.verification.get_or_insert_default().merge(found);
        }
        let entry = Entry {
            from,
            to: self.next,
            lengths: self.files.lengths(),
            open: (added.runs() > 0).then_some(added),
            totals: self.totals.clone(),
        };
        let path = self.directory.join(journal::FILE);
        let mut line = serde_json::to_vec(&entry).map_err(|e| failed("write", &path)(e.into()))?;
        line.push(b'\n');
        self.files.journal.append(&line)?;
        if let Some(open) = entry.open {
            self.open.merge(open);
        }
        Ok(())
    }

    /// All runs are in: gives the files their names and the manifest its status.
    pub fn finish(mut self) -> Result<Manifest, OutputError> {
        debug_assert_eq!(self.next, self.plan.runs());
        self.manifest.status = Status::Finished;
        let directory = self.directory.clone();
        let manifest = self.close()?;
        let journal = directory.join(journal::FILE);
        fs::remove_file(&journal).map_err(failed("remove", &journal))?;
        Ok(manifest)
    }

    /// Leaves the sweep as it is, to be resumed: `cells.csv` and `curves.csv` cover the runs that are done, the
    /// incomplete cell among them, with as many `runs` as it has.
    pub fn put_down(mut self) -> Result<Manifest, OutputError> {
        if self.open.runs() > 0 {
            let cell = (self.next / self.plan.seeds) as usize;
            let measured = &self.measured[self.plan.cells[cell].program];
            let (mut cells, mut curves) = (Rows::default(), Rows::default());
            self.open.write(&mut cells, &mut curves, self.plan, cell, measured);
            self.files.cells.append(cells.as_bytes())?;
            self.files.curves.append(curves.as_bytes())?;
        }
        self.close()
    }

    fn close(mut self) -> Result<Manifest, OutputError> {
        self.totals.total_seconds = self.seconds_before + self.opened.elapsed().as_secs_f64();
        self.manifest.counts = self.totals.counts;
        self.manifest.verification = self.totals.verification;
        self.manifest.training_seconds = self.totals.training_seconds;
        self.manifest.total_seconds = self.totals.total_seconds;
        self.files.cells.publish(&self.directory.join(cells::FILE))?;
        self.files.curves.publish(&self.directory.join(curves::FILE))?;
        self.manifest.write(&self.directory)?;
        Ok(self.manifest)
    }
}

impl Files {
    /// Names of the growing files that these options ask for, the journal apart.
    fn names(options: &Options) -> Vec<&'static str> {
        let mut names = vec![CELLS, CURVES];
        names.extend((options.runs == RunsFile::Csv).then_some(runs::FILE));
        names.extend((options.trace > 0).then_some(traces::FILE));
        names.extend(options.save_params.then_some(params::INITIAL));
        names.extend(options.save_params.then_some(params::FINAL));
        names
    }

    /// New files, each with its head.
    fn create(directory: &Path, plan: &Plan, options: &Options) -> Result<Files, OutputError> {
        let npy = if options.save_params { params::head(plan, params::width(plan)?) } else { Vec::new() };
        Files::open(options, |name| {
            let path = directory.join(name);
            match name {
                runs::FILE => Appended::create(path, runs::head(plan).as_bytes()),
                traces::FILE => Appended::create(path, traces::head().as_bytes()),
                params::INITIAL | params::FINAL => Appended::create(path, &npy),
                CELLS => Appended::create(path, cells::head(plan).as_bytes()),
                CURVES => Appended::create(path, curves::head(plan).as_bytes()),
                _ => Appended::create(path, &[]),
            }
        })
    }

    /// Existing files, cut to these lengths.
    fn reopen(
        directory: &Path,
        options: &Options,
        lengths: &BTreeMap<String, u64>,
        journal: u64,
    ) -> Result<Files, OutputError> {
        Files::open(options, |name| {
            let length =
                if name == journal::FILE { journal } else { lengths.get(name).copied().unwrap_or(0) };
            Appended::reopen(directory.join(name), length)
        })
    }

    fn open(
        options: &Options,
        file: impl Fn(&'static str) -> Result<Appended, OutputError>,
    ) -> Result<Files, OutputError> {
        let wanted = Files::names(options);
        let maybe = |name| wanted.contains(&name).then(|| file(name)).transpose();
        let journal = file(journal::FILE)?;
        journal.mark();
        Ok(Files {
            runs: maybe(runs::FILE)?,
            traces: maybe(traces::FILE)?,
            initial: maybe(params::INITIAL)?,
            last: maybe(params::FINAL)?,
            cells: file(CELLS)?,
            curves: file(CURVES)?,
            journal,
        })
    }

    fn lengths(&self) -> BTreeMap<String, u64> {
        let growing = [
            (runs::FILE, self.runs.as_ref()),
            (traces::FILE, self.traces.as_ref()),
            (params::INITIAL, self.initial.as_ref()),
            (params::FINAL, self.last.as_ref()),
            (CELLS, Some(&self.cells)),
            (CURVES, Some(&self.curves)),
        ];
        let open = growing.into_iter().filter_map(|(name, file)| Some((name, file?.length())));
        open.map(|(name, length)| (name.to_string(), length)).collect()
    }
}

/// Removes every file of a sweep from `directory`, and nothing else.
pub fn clear(directory: &Path) -> Result<(), OutputError> {
    for name in FILES {
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
