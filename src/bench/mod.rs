//! `symbreak bench`: first whether an engine is right, then how fast it trains. What is timed is [`Engine::train`] from
//! drawn parameters to results, all measures on, as `symbreak run` does it; a *net-step* is one optimizer update of one
//! network on its whole task.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`workload`] | the networks and tasks that are timed |
//! | [`operations`] | how many operations a net-step takes by the formulas |
//! | [`check`] | a few runs against the reference: a wrong engine is not timed |
//! | [`timing`] | sizes, warm-up, repetitions in alternation over the engines |
//! | [`crossover`] | from how many networks on a GPU path is worth it |

pub mod check;
pub mod crossover;
pub mod operations;
pub mod timing;
pub mod workload;

use serde::Serialize;

use crate::engine::{Description, Engine, EngineError, Watch};
use crate::measure::statistics::median;
use operations::Operations;
use timing::Timing;
pub use workload::{WORKLOADS, Workload};

/// An engine that takes part.
pub struct Contender {
    /// It.
    pub engine: Box<dyn Engine>,
    /// What it says of itself.
    pub on: Description,
    /// The best multiply-add rate that its machine has shown so far, in lanes of f32 a second.
    pub peak: Option<f64>,
}

impl Contender {
    /// Of which no peak is known yet.
    pub fn new(engine: Box<dyn Engine>) -> Contender {
        Contender { on: engine.description(), engine, peak: None }
    }

    /// Measures its peak once more.
    fn look_for_peak(&mut self) -> Result<(), EngineError> {
        if let Some(rate) = self.engine.peak()? {
            self.peak = Some(self.peak.map_or(rate, |best| best.max(rate)));
        }
        Ok(())
    }
}

/// How to go about it.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Networks of a batch; none: as many as fill [`Options::seconds`], and the crossover is looked for.
    pub networks: &'a [u64],
    /// Steps of a run, one or more.
    pub steps: &'a [u32],
    /// How often each batch is timed, at least once.
    pub repetitions: usize,
    /// How long one repetition should take where its size is free, in seconds.
    pub seconds: f64,
    /// Threads of the reference that engines are checked against, by default one per core.
    pub threads: Option<usize>,
    /// How a batch learns that the user has had enough.
    pub watch: &'a Watch<'a>,
}

/// What a timing was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// How fast an engine is when it has enough to do, or with the sizes that were asked for.
    Rate,
    /// How fast it is with few networks.
    Crossover,
}

/// One timed batch, as `symbreak bench --json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The network, such as `2-8-1`.
    pub shape: String,
    /// `gpu`, `cpu` or `reference`
    pub backend: String,
    /// Name of the adapter, or of the processor's instruction set.
    pub adapter: String,
    /// `discrete GPU`, …, `software` or `processor`
    pub adapter_type: String,
    /// Worker threads on the host.
    pub threads: usize,
    /// Networks of the batch.
    pub networks: u64,
    /// Steps of each.
    pub steps: u32,
    /// Median over the repetitions.
    pub seconds: f64,
    /// Net-steps of the batch over the median.
    pub net_steps_per_second: f64,
    /// By the formulas: [`Operations::total`].
    pub operations_per_net_step: u64,
    /// Operations a second over the peak; null where none was measured.
    pub fraction_of_peak: Option<f64>,
    /// What the first batch took longer than a later one of the same size: compiling; null for engines that don't.
    pub compile_seconds: Option<f64>,
    /// The fastest repetition.
    pub seconds_low: f64,
    /// The slowest.
    pub seconds_high: f64,
    /// f32 multiply-adds a second that the same threads or adapter were seen to do in the same run, the best of several.
    pub peak_operations_per_second: Option<f64>,
    /// The task that the network learns.
    pub task: String,
    /// What the timing was made for.
    pub purpose: Purpose,
}

/// All timings as rows, in the order of the timings.
pub fn rows(timings: &[Timing], contenders: &[Contender]) -> Vec<Row> {
    timings
        .iter()
        .map(|timing| {
            let Contender { on, peak, .. } = &contenders[timing.contender];
            let mut seconds = timing.seconds.clone();
            // Sorts. Each batch is timed at least once.
            let middle = median(&mut seconds).unwrap_or(f64::NAN);
            let rate = timing.net_steps as f64 / middle;
            let operations = Operations::of(&timing.program, false).total();
            Row {
                shape: timing.workload.shape.into(),
                backend: on.backend.clone(),
                adapter: on.adapter.clone(),
                adapter_type: on.adapter_type.clone(),
                threads: on.threads,
                networks: timing.networks,
                steps: timing.program.steps,
                seconds: middle,
                net_steps_per_second: rate,
                operations_per_net_step: operations,
                fraction_of_peak: peak.map(|peak| rate * operations as f64 / peak),
                compile_seconds: timing.compile_seconds,
                seconds_low: seconds.first().copied().unwrap_or(f64::NAN),
                seconds_high: seconds.last().copied().unwrap_or(f64::NAN),
                peak_operations_per_second: *peak,
                task: timing.workload.task.into(),
                purpose: timing.purpose,
            }
        })
        .collect()
}
