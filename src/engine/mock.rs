//! An engine that answers at once, so that planning, files and progress can be tested in microseconds. Its
//! answers are made up from the seed, the scale and the learning rate alone.

use super::*;

/// Answers without training.
#[derive(Debug, Default)]
pub struct MockEngine {
    /// From this call of `train` on, counted from 0, its device is lost, however often it is opened again.
    pub fail_at: Option<usize>,
    /// From this call of `train` on its results are of no use, and there is nothing to wait for.
    pub broken_at: Option<usize>,
    /// At this call of `train` its device is lost once.
    pub lose_at: Option<usize>,
    /// Batches of more runs than this do not fit into its memory.
    pub memory: Option<usize>,
    /// In batches of more runs than this some are not trained to their end.
    pub early: Option<usize>,
    /// Every how manieth seed gets another outcome than it should.
    pub wrong_every: Option<u64>,
    /// Runs per batch; 0 means 1000.
    pub runs_per_batch: usize,
    calls: usize,
    /// Whether the device has been lost and not opened since.
    lost: bool,
}

/// Learning rates beyond this diverge.
const STABLE: f64 = 1e3;

impl Engine for MockEngine {
    fn description(&self) -> Description {
        Description {
            backend: "mock".into(),
            adapter: "none".into(),
            adapter_type: "processor".into(),
            driver: String::new(),
            threads: 1,
        }
    }

    fn placement(&self, _: &Program) -> Result<Placement, EngineError> {
        let runs_per_batch = if self.runs_per_batch == 0 { 1000 } else { self.runs_per_batch };
        Ok(Placement {
            kernel: "mock".into(),
            reason: "it was asked for".into(),
            bytes_per_run: 0,
            runs_per_batch,
        })
    }

    fn train(&mut self, batch: &Batch<'_>, watch: &Watch<'_>) -> Result<Trained, EngineError> {
        if watch.interrupted.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(EngineError::Interrupted);
        }
        let call = self.calls;
        self.calls += 1;
        self.lost |= self.lose_at == Some(call) || self.fail_at.is_some_and(|first| call >= first);
        if self.lost {
            return Err(EngineError::Lost("the mock device was lost".into()));
        }
        if self.broken_at.is_some_and(|first| call >= first) {
            return Err(EngineError::Device("the mock device is broken".into()));
        }
        if self.memory.is_some_and(|most| batch.runs.len() > most) {
            return Err(EngineError::Memory("the mock device is out of memory".into()));
        }
        if self.early.is_some_and(|most| batch.runs.len() > most) {
            return Err(EngineError::Device("the mock device ended early".into()));
        }
        let measured = measured_steps(batch.program.steps);
        let at = |symmetry, spread: f64| Measured {
            loss: 0.25 - spread / 8.0,
            error: 0.5 - spread / 4.0,
            gradient_norm: spread / 100.0,
            units: Some(Units { spread, gap: spread, distinct: if spread > 0.1 { 2 } else { 1 } }),
            symmetry,
        };
        let runs = batch.runs.iter().map(|run| {
            let breaks = run.scale > 0.0 && run.seed % 3 != 0;
            let (symmetric, broken) = (at(Symmetry::Symmetric, 0.0), at(Symmetry::Broken, 0.75));
            let last = if breaks { broken } else { symmetric };
            let at_step = |i: usize| if i == 0 { symmetric } else { last };
            let diverges = run.seed % 10 == 7 || run.lr > STABLE;
            let wrong = self.wrong_every.is_some_and(|every| run.seed % every == 0);
            RunResult {
                initial: symmetric,
                last,
                solve_step: ((breaks && run.seed % 2 == 0) != wrong).then_some(batch.program.steps / 2),
                diverge_step: diverges.then_some(batch.program.steps),
                steps: batch.program.steps,
                symmetry: (0..measured.len()).map(|i| at_step(i).symmetry).collect(),
                trace: if run.traced { (0..measured.len()).map(at_step).collect() } else { Vec::new() },
            }
        });
        let runs: Vec<RunResult> = runs.collect();
        (watch.finished)(runs.len());
        let parameters = batch.keep_parameters.then(|| {
            let values: Vec<f32> = batch
                .runs
                .iter()
                .flat_map(|run| vec![run.seed as f32; batch.program.shape.parameters()])
                .collect();
            Parameters { initial: values.clone(), last: values }
        });
        Ok(Trained { runs, parameters })
    }

    fn reopen(&mut self) -> Result<(), EngineError> {
        self.lost = false;
        Ok(())
    }

    fn random_words(&mut self, key: [u32; 2], counters: &[[u32; 4]]) -> Result<Vec<[u32; 4]>, EngineError> {
        Ok(counters.iter().map(|&counter| crate::net::philox::philox(key, counter)).collect())
    }
}
