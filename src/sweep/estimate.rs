//! How long a sweep would take, from training a little of it.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::engine::{Batch, Engine, EngineError, Program, Run, Start, Watch};
use crate::output::Options;
use crate::spec::Plan;

use super::{limits, placements};

/// A program is tried out for about so long.
const TRIAL: Duration = Duration::from_millis(300);

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
    /// Runs of the sweep.
    pub runs: u64,
    /// Updates of one network per second.
    pub net_steps_per_second: f64,
    /// Seconds for all its runs, if none of them rests early.
    pub seconds: f64,
}

/// Trains a little of each program and tells what all of it would take.
pub fn estimate(
    plan: &Plan,
    engine: &mut dyn Engine,
    options: &Options,
) -> Result<Vec<Estimate>, EngineError> {
    let mut estimates = Vec::new();
    let placements = placements(plan, engine)?;
    let limits = limits(plan, &placements, options);
    for (index, (program, placement)) in plan.programs.iter().zip(placements).enumerate() {
        let cells = plan.cells.iter().filter(|cell| cell.program == index);
        let runs = cells.clone().count() as u64 * plan.seeds;
        let runs_per_batch = limits.of_program[index].min(runs);
        let sample: Vec<Run> = cells
            .flat_map(|cell| (0..plan.seeds).map(|seed| cell.run(seed)))
            .take(runs_per_batch as usize)
            .collect();
        let rate = rate(engine, program, &sample)?;
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
        });
    }
    Ok(estimates)
}

/// Net-steps per second of a batch of `runs`.
fn rate(engine: &mut dyn Engine, program: &Program, runs: &[Run]) -> Result<f64, EngineError> {
    let interrupted = AtomicBool::new(false);
    let watch = Watch { interrupted: &interrupted, finished: &|_| {} };
    let mut seconds = |steps: u32| {
        let program = Program { steps, stop_when_solved: false, ..program.clone() };
        let start = Start::Drawn;
        let batch = Batch { program: &program, runs, start, keep_parameters: false };
        let started = Instant::now();
        engine.train(&batch, &watch).map(|_| started.elapsed())
    };
    // The first call may compile; its time says nothing. The second tells what a batch costs without steps.
    seconds(1)?;
    let fixed = seconds(1)?;
    let mut steps = 1;
    let mut elapsed = fixed;
    while steps < program.steps && elapsed < TRIAL / 3 {
        steps = steps.saturating_mul(4).min(program.steps);
        elapsed = seconds(steps)?;
    }
    let (steps, elapsed) = match elapsed.checked_sub(fixed) {
        Some(alone) if steps > 1 && !alone.is_zero() => (steps - 1, alone),
        _ => (steps, elapsed),
    };
    Ok(runs.len() as f64 * f64::from(steps) / elapsed.as_secs_f64().max(1e-9))
}
