//! How long a sweep would take, from training a little of it.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::engine::{Batch, Engine, EngineError, Program, Run, Start, Watch, measured_steps};
use crate::output::Options;
use crate::spec::Plan;

use super::{limits, placements};

/// A program is tried out for about so long.
const TRIAL: Duration = Duration::from_millis(300);

/// Steps that are tried out in any case, unless a trial takes as long as [`LONGEST`].
const FEW: u32 = 64;

const LONGEST: Duration = Duration::from_secs(1);

/// A trial that takes longer is given up.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// More programs are not tried out: that would take as long as many a sweep.
const MOST_PROGRAMS: usize = 1000;

/// What training one program would cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// `2-8x8-1`: inputs, hidden widths, outputs
    pub shape: String,
    /// φ of the hidden units.
    pub activation: String,
    /// Trained parameters of a net.
    pub parameters: usize,
    /// Updates per run.
    pub steps: u32,
    /// Name of the kernel.
    pub kernel: String,
    /// Why this one.
    pub reason: String,
    /// Memory a run needs while it trains, in bytes.
    pub bytes_per_run: u64,
    /// Runs of a full batch.
    pub runs_per_batch: u64,
    /// Memory of such a batch, in bytes.
    pub bytes_per_batch: u64,
    /// Runs of it that are to be trained.
    pub runs: u64,
    /// Updates of one network per second.
    pub net_steps_per_second: f64,
    /// Seconds for all its runs, if none of them rests early.
    pub seconds: f64,
    /// Whether a trial was given up after [`PATIENCE`], so that it is no more net-steps a second than that, and at least so
    /// many seconds.
    pub at_least: bool,
}

/// Trains a little of each program that the runs with these numbers have, and tells what all of them would take.
pub fn estimate(
    plan: &Plan,
    numbers: Range<u64>,
    engine: &mut dyn Engine,
    options: &Options,
) -> Result<Vec<Estimate>, EngineError> {
    let mut estimates = Vec::new();
    let placements = placements(plan, engine)?;
    let limits = limits(plan, &placements, options);
    let mut runs_of = vec![0; plan.programs.len()];
    let mut tried_of = vec![Vec::new(); plan.programs.len()];
    for (cell, seeds) in plan.stretches(numbers) {
        let program = plan.program(cell);
        let runs = seeds.end - seeds.start;
        // As many as a batch takes.
        if runs_of[program] < limits.of_program[program] {
            tried_of[program].push((cell, seeds));
        }
        runs_of[program] += runs;
    }
    let programs = runs_of.iter().filter(|&&runs| runs > 0).count();
    if programs > MOST_PROGRAMS {
        return Err(EngineError::Unsupported(format!(
            "--dry-run tries out each program, and this sweep has {programs}, more than {MOST_PROGRAMS}: each value of keys \
             such as train.steps, net.hidden or task.seed makes another; try it with fewer values, or for one --shard I/N"
        )));
    }
    for (index, (program, placement)) in plan.programs.iter().zip(placements).enumerate() {
        let runs = runs_of[index];
        if runs == 0 {
            continue;
        }
        let runs_per_batch = limits.of_program[index].min(runs);
        let sample: Vec<Run> = (tried_of[index].drain(..))
            .map(|(cell, seeds)| (plan.cell(cell), seeds))
            .flat_map(|(cell, seeds)| seeds.map(move |seed| cell.run(seed)))
            .take(runs_per_batch as usize)
            .collect();
        let (rate, at_least) = rate(engine, program, &sample)?;
        estimates.push(Estimate {
            shape: program.shape.to_string(),
            activation: program.shape.activation.to_string(),
            parameters: program.shape.parameters(),
            steps: program.steps,
            kernel: placement.kernel,
            reason: placement.reason,
            bytes_per_run: placement.bytes_per_run,
            runs_per_batch,
            bytes_per_batch: placement.bytes_per_run * runs_per_batch,
            runs,
            net_steps_per_second: rate,
            seconds: runs as f64 * f64::from(program.steps) / rate,
            at_least,
        });
    }
    Ok(estimates)
}

/// Net-steps per second of a batch of `runs`, were it trained to its last step. Measured steps are dense at first and rare
/// later, so that what they cost is told apart from what steps cost. Also whether a trial was given up, so that it is less.
fn rate(engine: &mut dyn Engine, program: &Program, runs: &[Run]) -> Result<(f64, bool), EngineError> {
    let mut seconds = |steps: u32| {
        let program = Program { steps, stop_when_solved: false, ..program.clone() };
        let start = Start::Drawn;
        within(PATIENCE, engine, &Batch { program: &program, runs, start, keep_parameters: false })
    };
    // The first call may compile; its time says nothing. The second tells what a batch costs without steps.
    let tried = match seconds(1)? {
        Some(_) => seconds(1)?,
        None => None,
    };
    let Some(fixed) = tried else { return Ok((runs.len() as f64 / PATIENCE.as_secs_f64(), true)) };
    let first = (1, fixed.as_secs_f64());
    let mut later = Vec::new();
    let (mut steps, mut elapsed, mut given_up) = (1, fixed, false);
    while steps < program.steps && (elapsed < TRIAL / 3 || steps < FEW && elapsed < LONGEST) {
        steps = steps.saturating_mul(4).min(program.steps);
        let took = seconds(steps)?;
        given_up = took.is_none();
        elapsed = took.unwrap_or(PATIENCE);
        later.push((steps, elapsed.as_secs_f64()));
    }
    let whole = predict(first, &later, program.steps);
    Ok((runs.len() as f64 * f64::from(program.steps) / whole.max(1e-9), given_up))
}

/// How long the engine takes for a batch; `None` if it was interrupted because that was too long.
fn within(
    patience: Duration,
    engine: &mut dyn Engine,
    batch: &Batch<'_>,
) -> Result<Option<Duration>, EngineError> {
    let interrupted = AtomicBool::new(false);
    let watch = Watch { interrupted: &interrupted, finished: &|_| {} };
    let trained = thread::scope(|scope| {
        let (done, waiting) = channel::<()>();
        let interrupted = &interrupted;
        scope.spawn(move || {
            if waiting.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                interrupted.store(true, Ordering::Relaxed);
            }
        });
        let started = Instant::now();
        let trained = engine.train(batch, &watch).map(|_| started.elapsed());
        // Its end is what is waited for.
        drop(done);
        trained
    });
    match trained {
        Ok(elapsed) => Ok(Some(elapsed)),
        Err(EngineError::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Seconds for `steps` steps, from those that trials took, a `first` and longer ones: what a batch costs in any case, plus a
/// cost for each step and one for each measured step. A single longer trial cannot tell these apart; then all of it counts as
/// steps, which may be too much.
fn predict(first: (u32, f64), later: &[(u32, f64)], steps: u32) -> f64 {
    let measures = |steps: u32| measured_steps(steps).len() as f64;
    let fixed = first.1;
    // Steps, measured steps and seconds beyond the first trial's.
    let beyond = |(steps, seconds): (u32, f64)| {
        (f64::from(steps - first.0), measures(steps) - measures(first.0), (seconds - fixed).max(0.0))
    };
    let (all_steps, all_measures, _) = beyond((steps, fixed));
    let alone = match *later {
        [] => fixed * all_steps,
        [only] => {
            let (steps, _, seconds) = beyond(only);
            seconds / steps * all_steps
        }
        [.., a, b] => {
            let ((s1, m1, t1), (s2, m2, t2)) = (beyond(a), beyond(b));
            let det = s1 * m2 - s2 * m1;
            let (step, measure) = ((t1 * m2 - t2 * m1) / det, (s1 * t2 - s2 * t1) / det);
            if step >= 0.0 && measure >= 0.0 {
                step * all_steps + measure * all_measures
            } else if step < 0.0 {
                t2 / m2 * all_measures
            } else {
                t2 / s2 * all_steps
            }
        }
    };
    fixed + alone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_of_measures_is_not_taken_for_that_of_steps() {
        let took = |steps: u32| 0.5 + 1e-4 * f64::from(steps) + 0.1 * measured_steps(steps).len() as f64;
        let [first, later @ ..] = [1, 4, 16, 64].map(|steps| (steps, took(steps)));
        assert!((predict(first, &later, 10_000) / took(10_000) - 1.0).abs() < 1e-9);
        // By the rate of the first 64 steps it would be a hundred times as much.
        assert!((took(64) - took(1)) / 63.0 * 10_000.0 > 20.0 * took(10_000));
        // Trials that contradict themselves still give something.
        for later in [&[][..], &[(4, 0.05)], &[(4, 0.1), (16, 0.1)]] {
            let found = predict((1, 0.1), later, 1000);
            assert!(found.is_finite() && found >= 0.0);
        }
    }

    #[test]
    fn a_single_longer_trial_counts_as_steps() {
        // 2 s a step: what a net takes whose trials end at once.
        let took = |steps: u32| 0.5 + 2.0 * f64::from(steps);
        let found = predict((1, took(1)), &[(4, took(4))], 10_000);
        assert!((found / took(10_000) - 1.0).abs() < 1e-9, "{found}");
    }
}
