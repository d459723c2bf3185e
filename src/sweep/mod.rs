//! Drives an engine through a plan: cuts the plan into windows, trains each, hands its rows to the files.
//!
//! A *window* is a stretch of consecutive run numbers. Within it, runs of one program travel in one batch; its
//! rows are written in the order of run numbers. So files are always in order, memory is bounded by a few windows,
//! and where the cuts lie shows in no row, because an engine's result does not depend on the batch. While a window
//! is trained, the one before it is written.

use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Instant;

use rayon::prelude::*;

use crate::engine::{
    Batch, Engine, EngineError, Measured, Parameters, Placement, Program, Run, RunResult, Start, Trained,
    Watch, measured_steps,
};
use crate::measure::{Score, Scorer, Symmetry};
use crate::output::{Options, OutputError, Results, Verification, Window};
use crate::spec::Plan;

pub mod check;
pub mod estimate;
pub mod gate;
pub mod recover;

pub use check::Checker;
use gate::SoFar;
pub use recover::Fallback;
use recover::{Size, Tries};

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
    /// Training failed, and failed again.
    #[error("{error}{tried}{advice}")]
    GaveUp {
        /// How it failed last.
        error: EngineError,
        /// What was tried.
        tried: String,
        /// Which flag helps, if one does.
        advice: &'static str,
    },
    /// All of the sweep's first runs, so many, diverged.
    #[error(
        "all of the first {0} runs diverged: look at train.lr and init.scale, or try another --backend; \
         --keep-going would go on all the same"
    )]
    AllDiverged(u64),
    /// Another engine came to other labels in the sweep's first runs.
    #[error(
        "verification failed at the beginning: {} of {} runs repeated so far have other labels on {} without an explanation \
         (runs {}); try another --backend; --keep-going would go on all the same",
        .0.unexplained, .0.sampled, .0.engine, .0.examples()
    )]
    NotVerified(Verification),
    /// A file could not be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// How `engine` would run each program of the plan, or which it can't.
pub fn placements(plan: &Plan, engine: &dyn Engine) -> Result<Vec<Placement>, EngineError> {
    plan.programs.iter().map(|program| engine.placement(program)).collect()
}

/// How a sweep is checked on its way, and what is done where something goes wrong.
#[derive(Default)]
pub struct Policy<'a> {
    /// Repeats some of the runs on another engine.
    pub checker: Option<Checker<'a>>,
    /// Takes over, from the window that failed on, if the engine fails for good.
    pub fallback: Option<Fallback<'a>>,
    /// Whether to go on where all of the sweep's first runs diverged, or their verification failed.
    pub keep_going: bool,
    /// Told, in words for the user, what is done about a fault.
    pub note: Option<&'a dyn Fn(&str)>,
}

/// Trains all runs that `results` does not have yet. On an error, an interruption among them, `results` has what was
/// trained before it; only if the error is one of output, no more than it could write.
pub fn run<'a>(
    plan: &Plan,
    engine: &'a mut dyn Engine,
    policy: Policy<'a>,
    results: &mut Results<'_>,
    watch: &Watch<'_>,
) -> Result<(), SweepError> {
    let placements = placements(plan, engine)?;
    let (left, options) = (results.left(), *results.options());
    let so_far = SoFar::new(results.totals(), left.start);
    thread::scope(|scope| {
        let (windows, trained) = sync_channel(1);
        let writer = scope.spawn(|| write(results, trained, watch.interrupted));
        let measured = plan.programs.iter().map(|program| measured_steps(program.steps)).collect();
        let limits = limits(plan, &placements, &options);
        let sweep = Sweep { plan, options, measured, watch };
        let done =
            sweep.train_all(left, limits, so_far, engine, policy, |window| windows.send(window).is_ok());
        // With it the writer learns that there are no more.
        drop(windows);
        // If the writer failed, the engine was interrupted for that reason: it goes first.
        writer.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        done
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
        let room = &mut room[plan.program(cell)];
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
    watch: &'a Watch<'a>,
}

impl Sweep<'_> {
    /// Trains the runs that are left, window by window, until all are done or `hand_over` takes no more.
    fn train_all<'a>(
        &self,
        mut left: Range<u64>,
        mut limits: Limits,
        mut so_far: SoFar,
        mut engine: &'a mut dyn Engine,
        policy: Policy<'a>,
        hand_over: impl Fn(Window) -> bool,
    ) -> Result<(), SweepError> {
        let Policy { mut checker, mut fallback, keep_going, note } = policy;
        let note = |text: &str| note.iter().for_each(|note| note(text));
        if !left.is_empty() && !keep_going {
            so_far.look()?;
        }
        let mut first = true;
        let mut tries = Tries::default();
        let mut size = Size::new(limits.all);
        // Runs that were reported as finished by a try that failed.
        let mut ahead = 0;
        while !left.is_empty() {
            if self.watch.interrupted.load(Ordering::Relaxed) {
                return Err(EngineError::Interrupted.into());
            }
            limits.all = size.now();
            let numbers = window(self.plan, left.clone(), &limits);
            let runs = numbers.end - numbers.start;
            let mut window = match self.train_reporting(engine, numbers.clone(), &mut ahead) {
                Ok(window) => window,
                Err(error) => match tries.recover(error, runs, engine, self.watch.interrupted, &note) {
                    Ok(fewer) => {
                        size.shrink(fewer);
                        continue;
                    }
                    Err(error @ (EngineError::Interrupted | EngineError::Unsupported(_))) => {
                        return Err(error.into());
                    }
                    Err(error) => {
                        let tried = std::mem::take(&mut tries).described();
                        let Some(other) = fallback.take() else {
                            let advice = match engine.description().backend.as_str() {
                                "cpu" => "",
                                _ => "; --fallback cpu would have gone on",
                            };
                            return Err(SweepError::GaveUp { error, tried, advice });
                        };
                        (engine, checker) = (other.engine, other.checker);
                        limits = self::limits(self.plan, &placements(self.plan, engine)?, &self.options);
                        size = Size::new(limits.all);
                        let on = engine.description();
                        note(&format!(
                            "{error}{tried}; from run {} on by {} ({}) through {}",
                            left.start, on.adapter, on.adapter_type, on.backend
                        ));
                        continue;
                    }
                },
            };
            tries = Tries::default();
            size.grow();
            left.start = numbers.end;
            if let Some(checker) = &mut checker {
                checker.check(self.plan, &mut window, self.watch.interrupted)?;
            }
            // Where nothing is left, the end of the sweep says what there is to say.
            let sane = match std::mem::take(&mut first) && !left.is_empty() && !keep_going {
                true => {
                    so_far.add(&window);
                    so_far.look()
                }
                false => Ok(()),
            };
            if !hand_over(window) {
                break;
            }
            sane?;
        }
        Ok(())
    }

    /// Trains one window, and reports its progress as far as it is new: `ahead` runs have been reported already.
    fn train_reporting(
        &self,
        engine: &mut dyn Engine,
        window: Range<u64>,
        ahead: &mut u64,
    ) -> Result<Window, EngineError> {
        let (reported, already) = (AtomicUsize::new(0), *ahead as usize);
        let finished = |runs: usize| {
            let before = reported.fetch_add(runs, Ordering::Relaxed);
            (self.watch.finished)((before + runs).saturating_sub(before.max(already)));
        };
        let watch = Watch { interrupted: self.watch.interrupted, finished: &finished };
        let trained = self.train(engine, window.clone(), &watch);
        let reported = already.max(reported.load(Ordering::Relaxed)) as u64;
        *ahead = match &trained {
            Ok(_) => reported.saturating_sub(window.end - window.start),
            Err(_) => reported,
        };
        trained
    }

    /// Trains one window, program by program, and puts the results in the order of run numbers.
    fn train(
        &self,
        engine: &mut dyn Engine,
        window: Range<u64>,
        watch: &Watch<'_>,
    ) -> Result<Window, EngineError> {
        let Sweep { plan, options, .. } = self;
        let mut groups: Vec<Vec<Run>> = vec![Vec::new(); plan.programs.len()];
        for (cell, seeds) in plan.stretches(window.clone()) {
            let cell = plan.cell(cell);
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
                self.train_batch(engine, program, runs, watch)?
            };
            scores.push(match &trained.parameters {
                Some(kept) => score(program, &trained.runs, &kept.last, watch.interrupted)?,
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
        watch: &Watch<'_>,
    ) -> Result<Trained, EngineError> {
        let (start, keep) = (Start::Drawn, self.options.save_params || Scorer::has_scores(program));
        let trained = engine.train(&Batch { program, runs, start, keep_parameters: keep }, watch)?;
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
            let items = &mut by_program[self.plan.program(cell)];
            ordered.extend(items.take((seeds.end - seeds.start) as usize * width));
        }
        ordered
    }

    /// Whether every result of a window can be what it says.
    fn check(&self, window: &Range<u64>, results: &[RunResult]) -> Result<(), EngineError> {
        let mut runs = window.clone().zip(results);
        for (cell, seeds) in self.plan.stretches(window.clone()) {
            let measured = &self.measured[self.plan.program(cell)];
            for (seed, (number, result)) in seeds.zip(&mut runs) {
                possible(result, seed < self.options.trace, measured)
                    .map_err(|problem| impossible(&format!("{problem} for run {number}")))?;
            }
        }
        Ok(())
    }
}

/// The scores of runs with these final parameters, on all cores. A diverged run has none.
///
/// # Errors
/// [`EngineError::Interrupted`]
pub(crate) fn score(
    program: &Program,
    results: &[RunResult],
    last: &[f32],
    interrupted: &AtomicBool,
) -> Result<Vec<Score>, EngineError> {
    /// Runs that share the room of a scorer.
    const RUNS: usize = 1 << 10;
    let Some(scorer) = Scorer::new(program) else { return Ok(vec![Score::default(); results.len()]) };
    let width = program.shape.parameters();
    let go_on = || !interrupted.load(Ordering::Relaxed);
    let score_some = |(results, last): (&[RunResult], &[f32])| -> Option<Vec<Score>> {
        let mut scorer = scorer.clone();
        let runs = results.iter().zip(last.chunks(width));
        runs.map(|(result, last)| match result.diverge_step {
            None => scorer.score_while(last, go_on),
            Some(_) => Some(Score::default()),
        })
        .collect()
    };
    let parts = results.par_chunks(RUNS).zip(last.par_chunks(RUNS * width));
    let scores: Option<Vec<Vec<Score>>> = parts.map(score_some).collect();
    scores.map(|parts| parts.concat()).ok_or(EngineError::Interrupted)
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
