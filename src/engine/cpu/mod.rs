//! The CPU engine: f32, vectors of networks, all cores.

mod functions;
mod lanes;
pub mod peak;
mod train;

use rayon::prelude::*;

use super::{
    Batch, Description, Engine, EngineError, Parameters, Placement, Program, Run, Start, Trained, Watch,
};
use crate::net::init;
use lanes::{Lanes, Portable};
use train::{Block, Done};

/// The instruction sets that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InstructionSet {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl InstructionSet {
    fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                return InstructionSet::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return InstructionSet::Avx2;
            }
        }
        InstructionSet::Portable
    }

    const fn lanes(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => lanes::Avx512::LANES,
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => lanes::Avx2::LANES,
            InstructionSet::Portable => Portable::LANES,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => "AVX2",
            InstructionSet::Portable => "portable vectors",
        }
    }

    fn train(self, block: &Block<'_>, runs: &[Run], initial: &[f32]) -> Result<Done, EngineError> {
        match self {
            // SAFETY: the sets are only made by `detect`, which saw the processor's features.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => unsafe { train_avx512(block, runs, initial) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => unsafe { train_avx2(block, runs, initial) },
            InstructionSet::Portable => train::train::<Portable>(block, runs, initial),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn train_avx512(block: &Block<'_>, runs: &[Run], initial: &[f32]) -> Result<Done, EngineError> {
    train::train::<lanes::Avx512>(block, runs, initial)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn train_avx2(block: &Block<'_>, runs: &[Run], initial: &[f32]) -> Result<Done, EngineError> {
    train::train::<lanes::Avx2>(block, runs, initial)
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

/// Multiply-adds of one update, roughly: forward, backward and gradient over all samples.
fn operations_per_step(program: &Program) -> f64 {
    let units: usize = program.shape.layers().iter().map(|layer| layer.outputs).sum();
    (program.data.samples() * (3 * program.shape.parameters() + 25 * units)) as f64
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
        let slots = 1 + program.optimizer.slots();
        let vectors =
            shape.parameters() * slots + program.data.samples() * (3 * units + shape.inputs + shape.outputs);
        // A batch of some seconds: often enough for a bar, long enough that its end costs nothing.
        let seconds_per_run = f64::from(program.steps.max(1)) * operations_per_step(program) / 2e10;
        let threads = self.pool.current_num_threads();
        let wanted = (3.0 * threads as f64 / seconds_per_run) as usize;
        let least = self.instructions.lanes() * threads;
        Ok(Placement {
            kernel: format!("f32 × {}", self.instructions.lanes()),
            reason: format!(
                "{} networks a vector, the widest that this processor has",
                self.instructions.lanes()
            ),
            bytes_per_run: 4 * vectors as u64,
            runs_per_batch: wanted.clamp(least, 1 << 17).next_multiple_of(least),
        })
    }

    fn train(&mut self, batch: &Batch<'_>, watch: &Watch<'_>) -> Result<Trained, EngineError> {
        let program = batch.program;
        let count = program.shape.parameters();
        let draws = program.init.draws(&program.shape);
        let block = Block { program, interrupted: watch.interrupted };
        let instructions = self.instructions;
        let train_block = |(b, runs): (usize, &[Run])| {
            let first = b * instructions.lanes();
            let initial: Vec<f32> = match batch.start {
                Start::Drawn { master } => runs
                    .iter()
                    .flat_map(|run| init::draw(program.init, &draws, run.amounts(master)))
                    .collect(),
                Start::Given(values) => values[first * count..(first + runs.len()) * count].to_vec(),
            };
            let done = instructions.train(&block, runs, &initial)?;
            (watch.finished)(runs.len());
            Ok((initial, done))
        };
        let blocks: Result<Vec<(Vec<f32>, Done)>, EngineError> = self
            .pool
            .install(|| batch.runs.par_chunks(instructions.lanes()).enumerate().map(train_block).collect());
        let mut trained = Trained { runs: Vec::with_capacity(batch.runs.len()), parameters: None };
        let mut kept = Parameters { initial: Vec::new(), last: Vec::new() };
        for (initial, done) in blocks? {
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
