//! The f64 engine: the plainest code that a reader can check against the formulas, and what every other
//! engine is checked against. Scalar within a run, its runs spread over threads.

mod minibatch;
mod network;
mod nudge;
mod stepper;
mod train;

pub use network::{HessianProduct, Network, gradient};

use rayon::prelude::*;

use super::*;
use crate::net::philox;
pub use nudge::Disturbance;
use nudge::Nudge;
pub use train::Observer;

/// Trains in f64, one run after the other on each thread.
#[derive(Debug)]
pub struct ReferenceEngine {
    pool: rayon::ThreadPool,
}

/// Trains one run on this thread, from the start that all engines share, as [`ReferenceEngine`] does.
///
/// # Errors
/// [`EngineError::Interrupted`]
pub fn observe(
    program: &Program,
    run: &Run,
    interrupted: &AtomicBool,
    observer: &mut Observer<'_>,
) -> Result<RunResult, EngineError> {
    let mut initial = Vec::with_capacity(program.shape.parameters());
    program.drawing().draw(run.amounts(), &mut initial);
    let measured = measured_steps(program.steps);
    let finished = train::train(program, run, initial, &measured, None, interrupted, Some(observer))?;
    Ok(finished.result)
}

/// One run to its end: its result and, in layout order, its first and last parameters.
struct Finished {
    result: RunResult,
    initial: Vec<f32>,
    last: Vec<f32>,
}

impl ReferenceEngine {
    /// An engine on `threads` threads, by default one per core.
    ///
    /// # Errors
    /// When the operating system refuses the threads.
    pub fn new(threads: Option<usize>) -> Result<ReferenceEngine, EngineError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.unwrap_or(0))
            .build()
            .map_err(|error| EngineError::Device(error.to_string()))?;
        Ok(ReferenceEngine { pool })
    }

    /// Trains one run `reruns` times, disturbed as rounding in f32 would, rerun k by other random signs than
    /// rerun j. Shows what rounding may decide. `start` holds this run's parameters alone, if they are given.
    ///
    /// # Errors
    /// [`EngineError::Interrupted`]
    pub fn nudged(
        &self,
        program: &Program,
        run: &Run,
        start: Start<'_>,
        disturbance: Disturbance,
        reruns: u32,
        watch: &Watch<'_>,
    ) -> Result<Trained, EngineError> {
        let runs = vec![*run; reruns as usize];
        let given = match start {
            Start::Drawn => Vec::new(),
            Start::Given(parameters) => parameters.repeat(reruns as usize),
        };
        let start = if let Start::Given(_) = start { Start::Given(&given) } else { start };
        let batch = Batch { program, runs: &runs, start, keep_parameters: true };
        self.train_all(&batch, watch, |index| {
            Some(Nudge { disturbance, rerun: index as u32, seed: run.seed })
        })
    }

    fn train_all(
        &self,
        batch: &Batch<'_>,
        watch: &Watch<'_>,
        nudge: impl Fn(usize) -> Option<Nudge> + Sync,
    ) -> Result<Trained, EngineError> {
        let Batch { program, runs, start, keep_parameters } = *batch;
        let count = program.shape.parameters();
        if let Start::Given(given) = start {
            assert_eq!(given.len(), runs.len() * count, "given parameters: [run][parameter]");
        }
        let drawing = program.drawing();
        let measured = measured_steps(program.steps);
        let train_one = |(index, run): (usize, &Run)| {
            let initial = match start {
                Start::Drawn => {
                    let mut initial = Vec::with_capacity(count);
                    drawing.draw(run.amounts(), &mut initial);
                    initial
                }
                Start::Given(given) => given[index * count..(index + 1) * count].to_vec(),
            };
            let finished =
                train::train(program, run, initial, &measured, nudge(index), watch.interrupted, None)?;
            (watch.finished)(1);
            Ok(finished)
        };
        // Where all threads would take too much memory, so many runs after so many.
        let threads = self.pool.current_num_threads();
        let at_once = at_once(bytes_per_run(program), threads);
        let together = if at_once < threads { at_once } else { runs.len().max(1) };
        let mut finished: Vec<Finished> = Vec::with_capacity(runs.len());
        for (part, runs) in runs.chunks(together).enumerate() {
            let first = part * together;
            let train_one = runs.par_iter().enumerate().map(|(index, run)| train_one((first + index, run)));
            finished.extend(self.pool.install(|| train_one.collect::<Result<Vec<_>, EngineError>>())?);
        }
        let parameters = keep_parameters.then(|| Parameters {
            initial: finished.iter().flat_map(|run| &run.initial).copied().collect(),
            last: finished.iter().flat_map(|run| &run.last).copied().collect(),
        });
        Ok(Trained { runs: finished.into_iter().map(|run| run.result).collect(), parameters })
    }
}

/// Memory of a run: parameters, gradients and what the optimizer keeps; a network's pass over the task, and over a batch of its
/// own where updates have one.
fn bytes_per_run(program: &Program) -> u64 {
    let shape = &program.shape;
    let samples = program.data.samples();
    let batch = if program.has_passes_of_its_own() {
        program.batch.map_or(samples, |batch| batch as usize)
    } else {
        0
    };
    let units = shape.hidden.iter().sum::<usize>() + shape.outputs;
    let numbers = (2 + program.optimizer.slots()) * shape.parameters()
        + (samples + batch) * (3 * units + shape.inputs + shape.outputs);
    (numbers * size_of::<f64>()) as u64
}

impl Engine for ReferenceEngine {
    fn description(&self) -> Description {
        Description {
            backend: "reference".into(),
            adapter: "scalar f64".into(),
            adapter_type: "processor".into(),
            driver: String::new(),
            threads: self.pool.current_num_threads(),
        }
    }

    fn placement(&self, program: &Program) -> Result<Placement, EngineError> {
        /// About what a parameter and an activation function cost per sample, in seconds.
        const PARAMETER: f64 = 4e-9;
        const FUNCTION: f64 = 15e-9;
        /// A batch should take about this long: long enough to keep threads busy, short enough to save often.
        const SECONDS: f64 = 4.0;

        let shape = &program.shape;
        let units = shape.hidden.iter().sum::<usize>() + shape.outputs;
        let per_sample = PARAMETER * shape.parameters() as f64 + FUNCTION * units as f64;
        let run = per_sample * program.data.samples() as f64 * f64::from(program.steps.max(1));
        let threads = self.pool.current_num_threads();
        let runs = (SECONDS * threads as f64 / run).clamp(threads as f64, 100_000.0) as usize;
        Ok(Placement {
            kernel: "scalar f64".into(),
            reason: "the reference has no other".into(),
            bytes_per_run: bytes_per_run(program),
            runs_per_batch: runs,
        })
    }

    fn train(&mut self, batch: &Batch<'_>, watch: &Watch<'_>) -> Result<Trained, EngineError> {
        self.train_all(batch, watch, |_| None)
    }

    fn peak(&mut self) -> Result<Option<f64>, EngineError> {
        Ok(Some(super::cpu::peak::multiply_adds_per_second(&self.pool)))
    }

    fn random_words(&mut self, key: [u32; 2], counters: &[[u32; 4]]) -> Result<Vec<[u32; 4]>, EngineError> {
        Ok(counters.iter().map(|&counter| philox::philox(key, counter)).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;
    use crate::net::Activation;
    use crate::task::Boolean;
    use crate::verify::nets;

    fn trained(threads: usize, interrupted: bool) -> (Result<Trained, EngineError>, usize) {
        let program = nets::boolean(Boolean::Xor, &[2], Activation::Tanh, 200);
        let runs = nets::seeds(50, nets::run(0));
        let (interrupted, finished) = (AtomicBool::new(interrupted), AtomicUsize::new(0));
        let count = |runs| {
            finished.fetch_add(runs, Ordering::Relaxed);
        };
        let watch = Watch { interrupted: &interrupted, finished: &count };
        let batch = Batch { program: &program, runs: &runs, start: Start::Drawn, keep_parameters: true };
        let trained = ReferenceEngine::new(Some(threads)).unwrap().train(&batch, &watch);
        (trained, finished.into_inner())
    }

    #[test]
    fn threads_change_nothing_and_every_run_is_reported() {
        let (one, reported) = trained(1, false);
        assert_eq!(reported, 50);
        assert_eq!(one.unwrap(), trained(3, false).0.unwrap());
    }

    #[test]
    fn an_interrupted_batch_has_no_result() {
        assert!(matches!(trained(2, true), (Err(EngineError::Interrupted), 0)));
    }

    #[test]
    fn nudges_change_every_rerun_in_its_own_way_and_given_starts_are_repeated() {
        let program = nets::boolean(Boolean::Xor, &[2], Activation::Tanh, 50);
        let start = nets::parameters(&program.shape, 1.0, 1);
        let nudged = ReferenceEngine::new(Some(2))
            .unwrap()
            .nudged(
                &program,
                &nets::run(0),
                Start::Given(&start),
                Disturbance::Nudged,
                3,
                &crate::verify::unwatched(),
            )
            .unwrap();
        assert_eq!(nudged.parameters.unwrap().initial, start.repeat(3));
        let [a, b, c] = [0, 1, 2].map(|i: usize| nudged.runs[i].last.loss);
        assert!(a != b && b != c && a != c);
        assert!((a - b).abs() < 1e-4 && (a - c).abs() < 1e-4);
    }
}
