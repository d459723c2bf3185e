//! Drives an engine through a plan: cuts the plan into windows, trains each, hands its rows to the files.
//!
//! A *window* is a stretch of consecutive run numbers. Within it, runs of one program travel in one batch; its
//! rows are written in the order of run numbers. So files are always in order, memory is bounded by a window,
//! and where the cuts lie shows in no row, because an engine's result does not depend on the batch.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::engine::{
    Batch, Engine, EngineError, Parameters, Placement, Run, RunResult, Start, Watch, measured_steps,
};
use crate::measure::Symmetry;
use crate::output::{Options, OutputError, Results, Window};
use crate::spec::Plan;

pub mod check;
pub mod estimate;

pub use check::Checker;

/// The most runs in a window, whatever engines wish for.
const WINDOW: u64 = 1 << 20;

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

/// Trains all runs that `results` does not have yet. On an engine's error, an interruption among them, the
/// windows before it are in `results`.
pub fn run(
    plan: &Plan,
    engine: &mut dyn Engine,
    mut checker: Option<Checker<'_>>,
    results: &mut Results<'_>,
    watch: &Watch<'_>,
) -> Result<(), SweepError> {
    let limits: Vec<u64> =
        placements(plan, engine)?.iter().map(|placement| placement.runs_per_batch.max(1) as u64).collect();
    while results.next_run() < plan.runs() {
        if watch.interrupted.load(Ordering::Relaxed) {
            return Err(EngineError::Interrupted.into());
        }
        let window = window(plan, results.next_run(), &limits);
        let mut trained = train(plan, engine, window, results.options(), watch)?;
        if let Some(checker) = &mut checker {
            checker.check(plan, &mut trained, watch.interrupted)?;
        }
        results.append(&trained)?;
    }
    Ok(())
}

/// The number of windows that an undisturbed sweep takes, for batches of at most `limits` runs by program.
pub fn windows(plan: &Plan, limits: &[u64]) -> u64 {
    /// Windows that are counted one by one; of more, the number is told from these.
    const COUNTED: u64 = 10_000;
    let (mut first, mut count) = (0, 0);
    while first < plan.runs() {
        if count == COUNTED {
            return (count as f64 * plan.runs() as f64 / first as f64) as u64;
        }
        first = window(plan, first, limits).end;
        count += 1;
    }
    count
}

/// The longest window from run `first` on in which no program has more runs than its limit.
fn window(plan: &Plan, first: u64, limits: &[u64]) -> Range<u64> {
    let last = plan.runs().min(first + WINDOW);
    let mut room = limits.to_vec();
    let mut end = first;
    while end < last {
        let cell = end / plan.seeds;
        let room = &mut room[plan.cells[cell as usize].program];
        let rest_of_cell = last.min((cell + 1) * plan.seeds) - end;
        let taken = rest_of_cell.min(*room);
        *room -= taken;
        end += taken;
        if taken < rest_of_cell {
            break;
        }
    }
    first..end
}

/// Trains one window, program by program, and puts the results in the order of run numbers.
fn train(
    plan: &Plan,
    engine: &mut dyn Engine,
    window: Range<u64>,
    options: &Options,
    watch: &Watch<'_>,
) -> Result<Window, EngineError> {
    let count = (window.end - window.start) as usize;
    let mut results: Vec<Option<RunResult>> = vec![None; count];
    let width = if options.save_params { plan.programs[0].shape.parameters() } else { 0 };
    let mut parameters = Parameters { initial: vec![0.0; count * width], last: vec![0.0; count * width] };
    // By program, the places of its runs in the window, and the runs.
    let mut groups: Vec<(Vec<usize>, Vec<Run>)> = vec![Default::default(); plan.programs.len()];
    for (place, number) in window.clone().enumerate() {
        let (cell, run) = plan.run(number);
        let (places, runs) = &mut groups[plan.cells[cell].program];
        places.push(place);
        runs.push(Run { traced: run.seed < options.trace, ..run });
    }
    let started = Instant::now();
    for (program, (places, runs)) in plan.programs.iter().zip(groups) {
        if runs.is_empty() {
            continue;
        }
        let batch = Batch {
            program,
            runs: &runs,
            start: Start::Drawn { master: plan.master },
            keep_parameters: options.save_params,
        };
        let trained = engine.train(&batch, watch)?;
        if trained.runs.len() != runs.len() {
            return Err(impossible(&format!("{} results for {} runs", trained.runs.len(), runs.len())));
        }
        let measured = measured_steps(program.steps);
        for ((&place, run), result) in places.iter().zip(&runs).zip(trained.runs) {
            possible(&result, run, &measured).map_err(|problem| {
                impossible(&format!("{problem} for run {}", window.start + place as u64))
            })?;
            results[place] = Some(result);
        }
        if options.save_params {
            let kept = trained.parameters.filter(|kept| {
                kept.initial.len() == runs.len() * width && kept.last.len() == runs.len() * width
            });
            let Some(kept) = kept else {
                return Err(impossible("not the parameters that were asked for"));
            };
            for (from, &to) in places.iter().enumerate() {
                let (from, to) = (from * width..(from + 1) * width, to * width..(to + 1) * width);
                parameters.initial[to.clone()].copy_from_slice(&kept.initial[from.clone()]);
                parameters.last[to].copy_from_slice(&kept.last[from]);
            }
        }
    }
    // Every cell has one of the plan's programs, so every place has been filled.
    let results: Vec<RunResult> = results.into_iter().flatten().collect();
    if results.len() != count {
        return Err(impossible("a run without a program"));
    }
    Ok(Window {
        first: window.start,
        verified: vec![None; count],
        results,
        parameters: options.save_params.then_some(parameters),
        verification: None,
        training_seconds: started.elapsed().as_secs_f64(),
    })
}

fn impossible(what: &str) -> EngineError {
    EngineError::Device(format!("the engine returned what cannot be true: {what}"))
}

/// Whether a result can be what it says: a file that contradicts itself is worse than none.
fn possible(result: &RunResult, run: &Run, measured: &[u32]) -> Result<(), String> {
    let steps = measured.last().copied().unwrap_or(0);
    if result.symmetry.len() != measured.len() {
        return Err(format!("{} symmetries at {} measured steps", result.symmetry.len(), measured.len()));
    }
    let traced = if run.traced { measured.len() } else { 0 };
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
