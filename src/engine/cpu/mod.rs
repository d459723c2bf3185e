//! The CPU engine: f32, vectors of networks, all cores.

#[forbid(unsafe_code)]
mod classic;
#[forbid(unsafe_code)]
mod functions;
mod lanes;
#[forbid(unsafe_code)]
mod measure;
#[forbid(unsafe_code)]
mod minibatch;
#[forbid(unsafe_code)]
mod noise;
#[forbid(unsafe_code)]
mod pass;
#[forbid(unsafe_code)]
pub mod peak;
#[forbid(unsafe_code)]
mod stepper;
#[forbid(unsafe_code)]
mod train;

use std::marker::PhantomData;

use rayon::prelude::*;

use super::{
    Batch, Description, Engine, EngineError, Parameters, Placement, Program, Run, Start, Trained, Watch,
    at_once,
};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use lanes::Double;
use lanes::{Kernel, Lanes, Portable};
use train::{Common, Done};

/// The instruction sets that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InstructionSet {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    // Where NEON is there always, nothing else is.
    #[cfg_attr(target_arch = "aarch64", allow(dead_code))]
    Portable,
}

impl InstructionSet {
    #[cfg(target_arch = "x86_64")]
    fn detect() -> Self {
        if lanes::Avx512::is_there() {
            InstructionSet::Avx512
        } else if lanes::Avx2::is_there() {
            InstructionSet::Avx2
        } else {
            InstructionSet::Portable
        }
    }

    #[cfg(target_arch = "aarch64")]
    fn detect() -> Self {
        InstructionSet::Neon
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn detect() -> Self {
        InstructionSet::Portable
    }

    const fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => "AVX2",
            #[cfg(target_arch = "aarch64")]
            InstructionSet::Neon => "NEON",
            InstructionSet::Portable => "portable vectors",
        }
    }

    /// How to train this program, `runs` of it on `threads` threads. Two vectors in a block share the work on loops and
    /// give the processor more to do at once, as long as their networks stay in the nearest caches: 2-32-1 (129
    /// parameters) is faster by two, 2-16-16-1 (337) is not.
    fn block(self, program: &Program, runs: usize, threads: usize) -> TrainBlock {
        let shape = &program.shape;
        // No thread should go without.
        let share = runs.div_ceil(threads);
        match self {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 if shape.parameters() <= 200 && share > 16 => {
                TrainBlock { lanes: 32, train: train_by::<Double<lanes::Avx512>> }
            }
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => TrainBlock { lanes: 16, train: train_by::<lanes::Avx512> },
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => TrainBlock { lanes: 16, train: train_by::<Double<lanes::Avx2>> },
            #[cfg(target_arch = "aarch64")]
            InstructionSet::Neon => TrainBlock { lanes: 8, train: train_by::<Double<lanes::Neon>> },
            InstructionSet::Portable => TrainBlock { lanes: Portable::LANES, train: train_by::<Portable> },
        }
    }
}

/// A function that trains up to `lanes` networks at once.
#[derive(Clone, Copy)]
struct TrainBlock {
    lanes: usize,
    train: Train,
}

/// Of what all blocks have in common, the runs of one, and their initial parameters `[run][parameter]`.
type Train = fn(&Common<'_>, &[Run], &[f32]) -> Result<Done, EngineError>;

/// [`train::train`], compiled for the instruction set of a vector.
fn train_by<V: Lanes>(common: &Common<'_>, runs: &[Run], initial: &[f32]) -> Result<Done, EngineError> {
    assert!(V::is_there(), "a vector that the processor has not was chosen");
    let mut done = None;
    V::call(Training::<V> { common, runs, initial, done: &mut done, vector: PhantomData });
    done.expect("a kernel runs")
}

struct Training<'a, V> {
    common: &'a Common<'a>,
    runs: &'a [Run],
    initial: &'a [f32],
    done: &'a mut Option<Result<Done, EngineError>>,
    vector: PhantomData<V>,
}

impl<V: Lanes> Kernel for Training<'_, V> {
    #[inline(always)]
    fn run(self) {
        *self.done = Some(train::train::<V>(self.common, self.runs, self.initial));
    }
}

/// f32, vectorized across networks, on all cores.
#[derive(Debug)]
pub struct CpuEngine {
    pool: rayon::ThreadPool,
    instructions: InstructionSet,
}

impl CpuEngine {
    /// With `threads` workers, or one per core.
    pub fn new(threads: Option<usize>) -> Result<Self, EngineError> {
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build().map_err(|e| {
                EngineError::Device(format!(
                    "cannot start the worker threads: {e}; --threads changes their number"
                ))
            })?;
        Ok(CpuEngine { pool, instructions: InstructionSet::detect() })
    }
}

/// Multiply-adds of one update, roughly: forward, backward and gradient over all samples; or over those of a batch, beside a
/// look at all of them at the end of each epoch. A random word costs about as much as its number is good for.
fn operations_per_step(program: &Program) -> f64 {
    const WORD: usize = 25;
    let (shape, noise, samples) = (&program.shape, program.noise, program.data.samples());
    let (parameters, hidden) = (shape.parameters(), shape.hidden.iter().sum::<usize>());
    let activations = 25 * (hidden + shape.outputs);
    let batch = program.batch.map_or(samples, |batch| batch as usize);
    let mut operations = (batch * (3 * parameters + activations)) as f64;
    if program.has_passes_of_its_own() {
        let words = if noise.dropout { hidden } else { 0 } + if noise.input { 2 * shape.inputs } else { 0 };
        operations += (batch * (shape.inputs + shape.outputs + WORD * words)) as f64;
        operations += (samples * (parameters + activations)) as f64 / f64::from(program.steps_per_epoch());
    }
    operations
        + (parameters * (5 * program.optimizer.slots() + if noise.gradient { 2 * WORD } else { 0 })) as f64
}

/// What the arrays of a block take that grow with the program: parameters, twice, their gradients and what the optimizer keeps,
/// the activations of hidden units on all samples, and the order of samples.
fn bytes_of_block(program: &Program, lanes: usize) -> u64 {
    let (parameters, hidden) = (program.shape.parameters(), program.shape.hidden.iter().sum::<usize>());
    let numbers = parameters * (3 + program.optimizer.slots())
        + program.data.samples() * (hidden + 2 * usize::from(program.has_passes_of_its_own()));
    (numbers * lanes * size_of::<f32>()) as u64
}

impl Engine for CpuEngine {
    fn description(&self) -> Description {
        Description {
            backend: "cpu".into(),
            adapter: self.instructions.name().into(),
            adapter_type: "processor".into(),
            driver: String::new(),
            threads: self.pool.current_num_threads(),
        }
    }

    fn placement(&self, program: &Program) -> Result<Placement, EngineError> {
        let shape = &program.shape;
        let units: usize = shape.layers().iter().map(|layer| layer.outputs).sum();
        // Parameters, gradients, what the optimizer keeps; activations, and the order of samples.
        let numbers = shape.parameters() * (2 + program.optimizer.slots())
            + program.data.samples() * (3 * units + shape.inputs + shape.outputs + 1);
        // A batch of some seconds: often enough for a bar, long enough that its end costs nothing.
        let seconds_per_run = f64::from(program.steps.max(1)) * operations_per_step(program) / 2e10;
        let threads = self.pool.current_num_threads();
        let wanted = (3.0 * threads as f64 / seconds_per_run) as usize;
        let lanes = self.instructions.block(program, usize::MAX, threads).lanes;
        let least = lanes * threads;
        Ok(Placement {
            kernel: format!("f32 × {lanes}"),
            reason: format!("{lanes} networks at once suit its {} parameters best", shape.parameters()),
            bytes_per_run: 4 * numbers as u64,
            runs_per_batch: wanted.clamp(least, 1 << 17).next_multiple_of(least),
        })
    }

    fn train(&mut self, batch: &Batch<'_>, watch: &Watch<'_>) -> Result<Trained, EngineError> {
        let program = batch.program;
        let count = program.shape.parameters();
        let drawing = program.drawing();
        let common = Common::new(program, watch.interrupted);
        let threads = self.pool.current_num_threads();
        let block = self.instructions.block(program, batch.runs.len(), threads);
        let train_block = |first: usize, runs: &[Run]| {
            let initial: Vec<f32> = match batch.start {
                Start::Drawn => {
                    let mut initial = Vec::with_capacity(runs.len() * count);
                    runs.iter().for_each(|run| drawing.draw(run.amounts(), &mut initial));
                    initial
                }
                Start::Given(values) => values[first * count..(first + runs.len()) * count].to_vec(),
            };
            let done = (block.train)(&common, runs, &initial)?;
            (watch.finished)(runs.len());
            Ok((initial, done))
        };
        // Where all threads would take too much memory, so many blocks after so many.
        let at_once = at_once(bytes_of_block(program, block.lanes), threads);
        let together = if at_once < threads { at_once * block.lanes } else { batch.runs.len().max(1) };
        let mut blocks: Vec<(Vec<f32>, Done)> = Vec::with_capacity(batch.runs.len().div_ceil(block.lanes));
        for (part, runs) in batch.runs.chunks(together).enumerate() {
            let of_part = runs.par_chunks(block.lanes).enumerate();
            let train_block = of_part.map(|(b, runs)| train_block(part * together + b * block.lanes, runs));
            blocks.extend(self.pool.install(|| train_block.collect::<Result<Vec<_>, EngineError>>())?);
        }
        let mut trained = Trained { runs: Vec::with_capacity(batch.runs.len()), parameters: None };
        let mut kept = Parameters { initial: Vec::new(), last: Vec::new() };
        for (initial, done) in blocks {
            trained.runs.extend(done.results);
            if batch.keep_parameters {
                kept.initial.extend(initial);
                kept.last.extend(done.last);
            }
        }
        trained.parameters = batch.keep_parameters.then_some(kept);
        Ok(trained)
    }

    fn peak(&mut self) -> Result<Option<f64>, EngineError> {
        Ok(Some(peak::multiply_adds_per_second(&self.pool)))
    }

    fn random_words(&mut self, key: [u32; 2], counters: &[[u32; 4]]) -> Result<Vec<[u32; 4]>, EngineError> {
        Ok(counters.iter().map(|&counter| crate::net::philox::philox(key, counter)).collect())
    }
}
