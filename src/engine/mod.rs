//! The trait that every engine implements, and what goes in and comes out.
//!
//! A [`Batch`] is a list of runs of one [`Program`]. The program holds everything that changes code (shape,
//! data, loss, optimizer, kinds of init, step count); whatever is continuous is data of the run. An engine
//! is deterministic: a run's result does not depend on the batch that it travels in.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::measure::Symmetry;
use crate::net::init::{Amounts, Drawing};
use crate::net::{Base, Gain, Init, Loss, Noise, NoiseKinds, Optimizer, Shape};
use crate::task::Data;

pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;
#[forbid(unsafe_code)]
pub mod mock;
#[forbid(unsafe_code)]
pub mod reference;
#[forbid(unsafe_code)]
pub mod select;

/// Everything that changes code: what all runs of a batch have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// The network.
    pub shape: Shape,
    /// The task; its widths are those of the shape.
    pub data: Arc<Data>,
    /// Held-out samples of the task, on which final networks are scored.
    pub test: Option<Arc<Data>>,
    /// What is minimized.
    pub loss: Loss,
    /// How.
    pub optimizer: Optimizer,
    /// Samples of an update, fewer than the task has; `None`: all of them.
    pub batch: Option<u32>,
    /// Which kinds of noise training has.
    pub noise: NoiseKinds,
    /// How initial parameters are drawn.
    pub init: Init,
    /// Base points `[point][parameter]` in place of that of `init`; runs name theirs by [`Run::point`].
    pub points: Option<Arc<Vec<f32>>>,
    /// Updates per run; 0 measures the initial network only.
    pub steps: u32,
    /// Whether a run rests once it is solved (`train.stop = "solved"`).
    pub stop_when_solved: bool,
    /// What [`Run::solved_limit`] is compared with.
    pub criterion: Criterion,
}

impl Program {
    /// A net on a task with the documented defaults: mse, plain gradient descent on the whole task, from zero plus uniform
    /// noise.
    pub fn new(shape: Shape, data: Arc<Data>) -> Program {
        Program {
            shape,
            data,
            test: None,
            loss: Loss::Mse,
            optimizer: Optimizer::Sgd,
            batch: None,
            noise: NoiseKinds::default(),
            init: Init { base: Base::Zero, noise: Noise::Uniform, gain: Gain::None },
            points: None,
            steps: 10_000,
            stop_when_solved: false,
            criterion: Criterion::Error,
        }
    }

    /// Draws initial parameters.
    pub fn drawing(&self) -> Drawing {
        Drawing::new(self.init, &self.shape, self.points.clone(), self.noise.mask)
    }

    /// Updates from one look at criteria and divergence to the next: those of an epoch.
    pub fn steps_per_epoch(&self) -> u32 {
        self.batch.map_or(1, |batch| (self.data.samples() as u32).div_ceil(batch))
    }

    /// Whether criteria and divergence are looked at after `step` updates: at the ends of epochs, and at the end.
    pub fn looks_at(&self, step: u32) -> bool {
        step.is_multiple_of(self.steps_per_epoch()) || step == self.steps
    }

    /// Whether an update uses other activations than the whole task's own: of a minibatch, or under noise.
    pub fn has_passes_of_its_own(&self) -> bool {
        self.batch.is_some() || self.noise.disturbs_forward()
    }
}

/// When a run counts as solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Criterion {
    /// Every |output − target| strictly under the limit.
    Error,
    /// The loss strictly under the limit.
    Loss,
}

/// The per-run data. Engines that compute in f32 round these once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// `runs.seed`: the master seed of all random numbers.
    pub master: u64,
    /// Seed index: which random numbers.
    pub seed: u64,
    /// Which of [`Program::points`], if there are any.
    pub point: u32,
    /// `init.base_value`
    pub base_value: f64,
    /// `init.scale`
    pub scale: f64,
    /// `init.scale_hidden`: a factor on the scale of weights that feed hidden units
    pub scale_hidden: f64,
    /// `init.scale_output`: a factor on the scale of weights that feed outputs
    pub scale_output: f64,
    /// `init.bias_scale`, resolved
    pub bias_scale: f64,
    /// `train.lr`
    pub lr: f64,
    /// `train.lr_hidden`: a factor on the rate of parameters that feed hidden units
    pub lr_hidden: f64,
    /// `train.lr_output`: a factor on the rate of parameters that feed outputs
    pub lr_output: f64,
    /// `train.momentum`
    pub momentum: f64,
    /// `train.beta1`
    pub beta1: f64,
    /// `train.beta2`
    pub beta2: f64,
    /// `train.rho`
    pub rho: f64,
    /// `train.epsilon`
    pub epsilon: f64,
    /// `train.weight_decay`
    pub weight_decay: f64,
    /// `noise.dropout`: probability that a hidden unit drops out
    pub dropout: f64,
    /// `noise.gradient`: standard deviation
    pub gradient_noise: f64,
    /// `noise.input`: standard deviation
    pub input_noise: f64,
    /// `noise.mask`: probability that a weight is missing
    pub mask: f64,
    /// `criteria.solved_tolerance` or `criteria.solved_loss`, by [`Program::criterion`]
    pub solved_limit: f64,
    /// `criteria.symmetry_tolerance`
    pub symmetry_tolerance: f64,
    /// Whether to keep a measurement of every measured step.
    pub traced: bool,
}

/// Seed 0 with the documented defaults.
impl Default for Run {
    fn default() -> Run {
        Run {
            master: 0,
            seed: 0,
            point: 0,
            base_value: 0.5,
            scale: 1.0,
            scale_hidden: 1.0,
            scale_output: 1.0,
            bias_scale: 1.0,
            lr: 0.5,
            lr_hidden: 1.0,
            lr_output: 1.0,
            momentum: 0.9,
            beta1: 0.9,
            beta2: 0.999,
            rho: 0.9,
            epsilon: 1e-8,
            weight_decay: 0.0,
            dropout: 0.0,
            gradient_noise: 0.0,
            input_noise: 0.0,
            mask: 0.0,
            solved_limit: 0.4,
            symmetry_tolerance: 0.1,
            traced: false,
        }
    }
}

impl Run {
    /// What the initial parameters of this run are drawn with.
    pub fn amounts(&self) -> Amounts {
        Amounts {
            master: self.master,
            seed: self.seed,
            base_value: self.base_value as f32,
            scale_hidden: (self.scale * self.scale_hidden) as f32,
            scale_output: (self.scale * self.scale_output) as f32,
            bias_scale: self.bias_scale as f32,
            mask: self.mask as f32,
            point: self.point,
        }
    }
}

/// Where initial parameters come from.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// Drawn by the engine from each run's settings.
    Drawn,
    /// Given, shape `[run][parameter]`.
    Given(&'a [f32]),
}

/// Runs that go to an engine together.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// What they have in common.
    pub program: &'a Program,
    /// What they do not.
    pub runs: &'a [Run],
    /// Their initial parameters.
    pub start: Start<'a>,
    /// Whether initial and final parameters come back.
    pub keep_parameters: bool,
}

/// What comes back of a batch, in the order of its runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// One result a run.
    pub runs: Vec<RunResult>,
    /// With [`Batch::keep_parameters`].
    pub parameters: Option<Parameters>,
}

/// Parameters of all runs of a batch, each of shape `[run][parameter]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// At step 0.
    pub initial: Vec<f32>,
    /// Where the run ended or rests (for a diverged run: as they were found diverged).
    pub last: Vec<f32>,
}

/// What became of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunResult {
    /// At step 0.
    pub initial: Measured,
    /// At the end; meaningless for a diverged run.
    pub last: Measured,
    /// First step at which the criterion held.
    pub solve_step: Option<u32>,
    /// First step at which the loss or a parameter was not finite or beyond [`DIVERGED`].
    pub diverge_step: Option<u32>,
    /// Updates applied.
    pub steps: u32,
    /// Symmetry at each of [`measured_steps`]; where a run rests, its last. Meaningless from `diverge_step` on.
    pub symmetry: Vec<Symmetry>,
    /// For a traced run the measurement at each of [`measured_steps`], else empty.
    pub trace: Vec<Measured>,
}

/// The measures of a network at one step, over the whole task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Of the batch loss, without weight decay.
    pub loss: f64,
    /// Largest |output − target|.
    pub error: f64,
    /// L2 norm over all parameters, without weight decay.
    pub gradient_norm: f64,
    /// Of the hidden layer with the smallest spread; `None` without a hidden layer of two or more units.
    pub units: Option<Units>,
    /// Of the whole network.
    pub symmetry: Symmetry,
}

/// How alike the units of one hidden layer are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Units {
    /// Largest activation distance of any pair.
    pub spread: f64,
    /// Smallest activation distance of any pair.
    pub gap: f64,
    /// Groups of units linked by distances at or under the tolerance.
    pub distinct: u32,
}

/// A loss or parameter beyond this in magnitude, or not finite, is a divergence.
pub const DIVERGED: f64 = 1e30;

/// The steps at which symmetry is measured: 0, every distinct round(2^(k/8)) below `steps`, and `steps`.
pub fn measured_steps(steps: u32) -> Vec<u32> {
    let mut measured = vec![0];
    for k in 0.. {
        let step = 2f64.powf(f64::from(k) / 8.0).round();
        if step >= f64::from(steps) {
            break;
        }
        if measured.last() != Some(&(step as u32)) {
            measured.push(step as u32);
        }
    }
    if steps > 0 {
        measured.push(steps);
    }
    measured
}

/// Which machine does the work, as printed and as written to the manifest.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Description {
    /// `gpu`, `cpu`, `reference` or `mock`
    pub backend: String,
    /// Name of the adapter, or of the processor's instruction set
    pub adapter: String,
    /// `discrete GPU`, `integrated GPU`, `virtual GPU`, `software` or `processor`
    pub adapter_type: String,
    /// Driver and its version, if any
    pub driver: String,
    /// Worker threads on the host
    pub threads: usize,
}

/// How an engine would run a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Name of the kernel.
    pub kernel: String,
    /// Why this one.
    pub reason: String,
    /// Memory a run needs while it trains, in bytes.
    pub bytes_per_run: u64,
    /// Runs that make a good batch.
    pub runs_per_batch: usize,
}

/// How an engine reports progress and learns that the user has had enough.
pub struct Watch<'a> {
    /// Set by Ctrl-C; engines look at it several times a second.
    pub interrupted: &'a AtomicBool,
    /// Called with the number of runs of this batch that have newly finished; fractions of the work are
    /// reported as they come, so the sum over a batch is its number of runs.
    pub finished: &'a (dyn Fn(usize) + Sync),
}

/// Bytes that the runs which an engine trains on the processor at the same time may take together; where one takes more, it
/// is trained alone.
const BYTES_AT_ONCE: u64 = 4 << 30;

/// On how many of `threads` something that takes so many bytes on each may go on at the same time.
fn at_once(bytes: u64, threads: usize) -> usize {
    usize::try_from(BYTES_AT_ONCE / bytes.max(1)).unwrap_or(usize::MAX).clamp(1, threads.max(1))
}

/// Why a batch was not trained.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The user interrupted.
    #[error("interrupted")]
    Interrupted,
    /// The program is beyond what this engine can do; the text says what and which flag changes it.
    #[error("{0}")]
    Unsupported(String),
    /// No such device.
    #[error("{0}")]
    NoDevice(String),
    /// The device is gone: reset, unplugged, or it does not answer. Nothing can be asked of it until it is opened again.
    #[error("{0}")]
    Lost(String),
    /// The device has too little memory. A smaller batch may fit, once it has been opened again.
    #[error("{0}")]
    Memory(String),
    /// The device or its driver failed in another way, or returned what cannot be true.
    #[error("{0}")]
    Device(String),
}

/// Something that trains networks.
pub trait Engine {
    /// Which machine does the work.
    fn description(&self) -> Description;

    /// How a program would run, or why it can't.
    fn placement(&self, program: &Program) -> Result<Placement, EngineError>;

    /// Trains a batch to its end.
    fn train(&mut self, batch: &Batch<'_>, watch: &Watch<'_>) -> Result<Trained, EngineError>;

    /// Opens the same machine again after it failed; everything that it held is given up first. An engine whose machine
    /// cannot be lost has nothing to do.
    ///
    /// # Errors
    /// [`EngineError::NoDevice`] if it is not there (any more, or yet).
    fn reopen(&mut self) -> Result<(), EngineError> {
        Ok(())
    }

    /// f32 multiply-adds a second that the engine's machine reaches now, on as many threads as the engine uses: measured
    /// anew by every call, in some hundredths of a second. `None` where no machine does the work.
    fn peak(&mut self) -> Result<Option<f64>, EngineError> {
        Ok(None)
    }

    /// The raw Philox blocks of `counters` under `key`, computed where training would draw them.
    fn random_words(&mut self, key: [u32; 2], counters: &[[u32; 4]]) -> Result<Vec<[u32; 4]>, EngineError>;
}

#[cfg(test)]
mod tests {
    use super::{at_once, measured_steps};

    #[test]
    fn large_runs_are_trained_by_fewer_threads() {
        assert_eq!(at_once(0, 16), 16);
        assert_eq!(at_once(1 << 28, 16), 16);
        assert_eq!(at_once((1 << 28) + 1, 16), 15);
        assert_eq!(at_once(1 << 40, 16), 1);
    }

    #[test]
    fn measured_steps_are_distinct_and_end_at_steps() {
        assert_eq!(measured_steps(1), [0, 1]);
        assert_eq!(measured_steps(10), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(measured_steps(20), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 19, 20]);
        let long = measured_steps(200_000);
        assert!(long.windows(2).all(|w| w[0] < w[1]));
        assert_eq!(long.last(), Some(&200_000));
        assert_eq!(measured_steps(0), [0]);
    }
}
