//! Drives an engine through a plan: cuts the plan into windows, trains each, hands its rows to the files.
//!
//! A *window* is a stretch of consecutive run numbers. Within it, runs of one program travel in one batch; its
//! rows are written in the order of run numbers. So files are always in order, memory is bounded by a few windows,
//! and where the cuts lie shows in no row, because an engine's result does not depend on the batch. While a window
//! is trained, the one before it is written.

use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Instant;

use rayon::prelude::*;

use crate::engine::{
    Batch, Engine, EngineError, Measured, Parameters, Placement, Program, Run, RunResult, Start, Trained,
    Watch, measured_steps,
};
use crate::measure::{Score, Scorer, Symmetry};
use crate::output::{Options, OutputError, Results, Window};
use crate::spec::Plan;

pub mod check;
pub mod estimate;

pub use check::Checker;

/// The most runs in a window, whatever engines wish for.
const WINDOW_RUNS: u64 = 1 << 17;

/// The most bytes that the runs of a window and their results take, about: traced runs and kept parameters are large.
const WINDOW_BYTES: u64 = 1 << 26;

/// Why a sweep did not come to its end. What was finished is in the files.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// Training failed or was interrupted.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A file could not be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// How `engine` would run each program of the plan, or which it can't.
pub fn placements(plan: &Plan, engine: &dyn Engine) -> Result<Vec<Placement>, EngineError> {
    plan.programs.iter().map(|program| engine.placement(program)).collect()
}

/// Trains all runs that `results` does not have yet. On an error, an interruption among them, `results` has what was
/// trained before it; only if the error is one of output, no more than it could write.
pub fn run(
    plan: &Plan,
    engine: &mut dyn Engine,
    checker: Option<Checker<'_>>,
    results: &mut Results<'_>,
    watch: &Watch<'_>,
) -> Result<(), SweepError> {
    let placements = placements(plan, engine)?;
    let (left, options) = (results.left(), *results.options());
    thread::scope(|scope| {
        let (windows, trained) = sync_channel(1);
        let writer = scope.spawn(|| write(results, trained, watch.interrupted));
        let measured = plan.programs.iter().map(|program| measured_steps(program.steps)).collect();
        let limits = limits(plan, &placements, &options);
        let sweep = Sweep { plan, options, measured, limits, watch };
        let done = sweep.train_all(left, engine, checker, |window| windows.send(window).is_ok());
        // With it the writer learns that there are no more.
        drop(windows);
        // If the writer failed, the engine was interrupted for that reason: it goes first.
        writer.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        Ok(done?)
    })
}

/// Writes windows as they come. When it can't, it stops the engine.
fn write(
    results: &mut Results<'_>,
    windows: Receiver<Window>,
    interrupted: &AtomicBool,
) -> Result<(), OutputError> {
    for window in windows {
        if let Err(error) = results.append(&window) {
            interrupted.store(true, Ordering::Relaxed);
            return Err(error);
        }
    }
    Ok(())
}

/// How many runs a window may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of all programs together.
    pub all: u64,
    /// Of each program, in the order of the plan.
    pub of_program: Vec<u64>,
}

/// As many runs of a program as its engine wants in a batch; in all no more than 2^17, nor than take 64 MiB with their
/// results.
pub fn limits(plan: &Plan, placements: &[Placement], options: &Options) -> Limits {
    let bytes_per_run = |program: &Program| {
        let measured = measured_steps(program.steps).len() as u64;
        // Where a cell is larger than a window, a window may be traced through and through.
        let cell = plan.seeds.min(WINDOW_RUNS);
        let traces = measured * (options.trace.min(cell) * size_of::<Measured>() as u64).div_ceil(cell);
        let kept = options.save_params || Scorer::has_scores(program);
        let parameters = if kept { program.shape.parameters() } else { 0 };
        let fixed = size_of::<Run>()
            + size_of::<RunResult>()
            + size_of::<Score>()
            + 2 * parameters * size_of::<f32>();
        fixed as u64 + measured * size_of::<Symmetry>() as u64 + traces
    };
    let bytes = plan.programs.iter().map(bytes_per_run).max().unwrap_or(1);
    let all = (WINDOW_BYTES / bytes).clamp(1, WINDOW_RUNS);
    let of_program = placements.iter().map(|placement| (placement.runs_per_batch as u64).clamp(1, all));
    Limits { all, of_program: of_program.collect() }
}

/// The number of windows that an undisturbed sweep takes.
pub fn windows(plan: &Plan, runs: Range<u64>, limits: &Limits) -> u64 {
    /// Windows that are counted one by one; of more, the number is told from these.
    const COUNTED: u64 = 10_000;
    let (mut left, mut count) = (runs.clone(), 0);
    while !left.is_empty() {
        if count == COUNTED {
            let share = (left.start - runs.start) as f64 / (runs.end - runs.start) as f64;
            return (count as f64 / share) as u64;
        }
        left.start = window(plan, left.clone(), limits).end;
        count += 1;
    }
    count
}

/// The longest window within the limits that starts with the first of the runs that are left.
fn window(plan: &Plan, left: Range<u64>, limits: &Limits) -> Range<u64> {
    let first = left.start;
    let last = left.end.min(first.saturating_add(limits.all));
    let mut room = limits.of_program.clone();
    let mut end = first;
    for (cell, seeds) in plan.stretches(first..last) {
        let room = &mut room[plan.cells[cell].program];
        let wanted = seeds.end - seeds.start;
        let taken = wanted.min(*room);
        *room -= taken;
        end += taken;
        if taken < wanted {
            break;
        }
    }
    first..end
}

/// What is the same for every window.
struct Sweep<'a> {
    plan: &'a Plan,
    options: Options,
    /// Measured steps of each program.
    measured: Vec<Vec<u32>>,
    limits: Limits,
    watch: &'a Watch<'a>,
}

impl Sweep<'_> {
    /// Trains the runs that are left, window by window, until all are done or `hand_over` takes no more.
    fn train_all(
        &self,
        mut left: Range<u64>,
        engine: &mut dyn Engine,
        mut checker: Option<Checker<'_>>,
        hand_over: impl Fn(Window) -> bool,
    ) -> Result<(), EngineError> {
        while !left.is_empty() {
            if self.watch.interrupted.load(Ordering::Relaxed) {
                return Err(EngineError::Interrupted);
            }
            let numbers = window(self.plan, left.clone(), &self.limits);
            left.start = numbers.end;
            let mut window = self.train(engine, numbers)?;
            if let Some(checker) = &mut checker {
                checker.check(self.plan, &mut window, self.watch.interrupted)?;
            }
            if !hand_over(window) {
                break;
            }
        }
        Ok(())
    }

    /// Trains one window, program by program, and puts the results in the order of run numbers.
    fn train(&self, engine: &mut dyn Engine, window: Range<u64>) -> Result<Window, EngineError> {
        let Sweep { plan, options, .. } = self;
        let mut groups: Vec<Vec<Run>> = vec![Vec::new(); plan.programs.len()];
        for (cell, seeds) in plan.stretches(window.clone()) {
            let cell = &plan.cells[cell];
            let runs = seeds.map(|seed| Run { traced: seed < options.trace, ..cell.run(seed) });
            groups[cell.program].extend(runs);
        }
        let (mut results, mut scores) = (Vec::new(), Vec::new());
        let (mut initial, mut last) = (Vec::new(), Vec::new());
        let started = Instant::now();
        for (program, runs) in plan.programs.iter().zip(&groups) {
            let trained = if runs.is_empty() {
                Trained { runs: Vec::new(), parameters: None }
            } else {
                self.train_batch(engine, program, runs)?
            };
            scores.push(match &trained.parameters {
                Some(kept) => score(program, &trained.runs, &kept.last),
                None => vec![Score::default(); trained.runs.len()],
            });
            results.push(trained.runs);
            match trained.parameters.filter(|_| options.save_params) {
                Some(kept) => {
                    initial.push(kept.initial);
                    last.push(kept.last);
                }
                None => {
                    initial.push(Vec::new());
                    last.push(Vec::new());
                }
            }
        }
        let training_seconds = started.elapsed().as_secs_f64();
        let results = self.in_order(&window, results, 1);
        let scores = self.in_order(&window, scores, 1);
        self.check(&window, &results)?;
        let width = plan.programs[0].shape.parameters();
        let parameters = options.save_params.then(|| Parameters {
            initial: self.in_order(&window, initial, width),
            last: self.in_order(&window, last, width),
        });
        Ok(Window {
            first: window.start,
            verified: vec![None; results.len()],
            results,
            scores,
            parameters,
            verification: None,
            engine: engine.description(),
            training_seconds,
        })
    }

    /// Trains runs of one program, and keeps their parameters where they are saved or scored. There are as many results and
    /// parameters as there must be.
    fn train_batch(
        &self,
        engine: &mut dyn Engine,
        program: &Program,
        runs: &[Run],
    ) -> Result<Trained, EngineError> {
        let (start, keep) = (Start::Drawn, self.options.save_params || Scorer::has_scores(program));
        let trained = engine.train(&Batch { program, runs, start, keep_parameters: keep }, self.watch)?;
        if trained.runs.len() != runs.len() {
            return Err(impossible(&format!("{} results for {} runs", trained.runs.len(), runs.len())));
        }
        let count = runs.len() * program.shape.parameters();
        let complete = |kept: &Parameters| kept.initial.len() == count && kept.last.len() == count;
        if keep && !trained.parameters.as_ref().is_some_and(complete) {
            return Err(impossible("not the parameters that were asked for"));
        }
        Ok(trained)
    }

    /// What each program has for its runs of a window, `width` items a run, in the order of run numbers.
    fn in_order<T>(&self, window: &Range<u64>, mut by_program: Vec<Vec<T>>, width: usize) -> Vec<T> {
        let mut full = by_program.iter().enumerate().filter(|(_, items)| !items.is_empty());
        if let (Some((only, _)), None) = (full.next(), full.next()) {
            return by_program.swap_remove(only);
        }
        let mut ordered = Vec::with_capacity(by_program.iter().map(Vec::len).sum());
        let mut by_program: Vec<_> = by_program.into_iter().map(Vec::into_iter).collect();
        for (cell, seeds) in self.plan.stretches(window.clone()) {
            let items = &mut by_program[self.plan.cells[cell].program];
            ordered.extend(items.take((seeds.end - seeds.start) as usize * width));
        }
        ordered
    }

    /// Whether every result of a window can be what it says.
    fn check(&self, window: &Range<u64>, results: &[RunResult]) -> Result<(), EngineError> {
        let mut runs = window.clone().zip(results);
        for (cell, seeds) in self.plan.stretches(window.clone()) {
            let measured = &self.measured[self.plan.cells[cell].program];
            for (seed, (number, result)) in seeds.zip(&mut runs) {
                possible(result, seed < self.options.trace, measured)
                    .map_err(|problem| impossible(&format!("{problem} for run {number}")))?;
            }
        }
        Ok(())
    }
}

/// The scores of runs with these final parameters, on all cores. A diverged run has none.
pub(crate) fn score(program: &Program, results: &[RunResult], last: &[f32]) -> Vec<Score> {
    /// Runs that share the room of a scorer.
    const RUNS: usize = 1 << 10;
    let Some(scorer) = Scorer::new(program) else { return vec![Score::default(); results.len()] };
    let width = program.shape.parameters();
    let score_some = |(results, last): (&[RunResult], &[f32])| -> Vec<Score> {
        let mut scorer = scorer.clone();
        let runs = results.iter().zip(last.chunks(width));
        runs.map(|(result, last)| match result.diverge_step {
            None => scorer.score(last),
            Some(_) => Score::default(),
        })
        .collect()
    };
    let parts = results.par_chunks(RUNS).zip(last.par_chunks(RUNS * width));
    parts.flat_map_iter(score_some).collect()
}

fn impossible(what: &str) -> EngineError {
    EngineError::Device(format!("the engine returned what cannot be true: {what}"))
}

/// Whether a result can be what it says: a file that contradicts itself is worse than none.
fn possible(result: &RunResult, traced: bool, measured: &[u32]) -> Result<(), String> {
    let steps = measured.last().copied().unwrap_or(0);
    if result.symmetry.len() != measured.len() {
        return Err(format!("{} symmetries at {} measured steps", result.symmetry.len(), measured.len()));
    }
    let traced = if traced { measured.len() } else { 0 };
    if result.trace.len() != traced {
        return Err(format!("{} traced steps of {traced}", result.trace.len()));
    }
    for (name, step) in [
        ("steps", Some(result.steps)),
        ("solve_step", result.solve_step),
        ("diverge_step", result.diverge_step),
    ] {
        if step.is_some_and(|step| step > steps) {
            return Err(format!("{name} beyond {steps}"));
        }
    }
    if result.diverge_step.is_some() {
        return Ok(());
    }
    // Other measures may overflow without a divergence: spreads of huge activations, norms of huge gradients.
    if !result.initial.loss.is_finite() || !result.last.loss.is_finite() {
        return Err("a loss that is not finite, without a divergence".into());
    }
    if result.symmetry.first() != Some(&result.initial.symmetry)
        || result.symmetry.last() != Some(&result.last.symmetry)
    {
        return Err("a symmetry at the first or last measured step that is not that of the run".into());
    }
    if (result.last.symmetry == Symmetry::None) != result.last.units.is_none() {
        return Err("a symmetry without units, or units without a symmetry".into());
    }
    Ok(())
}
