//! An engine whose answers are made up, of every kind that there is: all outcomes, all symmetries, runs that return
//! to symmetry, measures that do not exist. They depend on the run alone, as those of every engine must.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use symbreak::engine::reference::ReferenceEngine;
use symbreak::engine::{
    Batch, Description, Engine, EngineError, Measured, Parameters, Placement, Program, Run, RunResult,
    Trained, Units, Watch, measured_steps,
};
use symbreak::measure::Symmetry;
use symbreak::net::philox::{Stream, words};
use symbreak::output::{Manifest, Options, OutputError, Results};
use symbreak::spec::{Overrides, Plan, Shard, parse};
use symbreak::sweep::{self, Checker, Policy, SweepError};

/// Makes up answers; fails or sets the flag of Ctrl-C when it is told to.
#[derive(Default)]
pub struct MadeUp {
    pub runs_per_batch: usize,
    /// The call of `train`, counted from 0, from which on the device fails.
    pub fail_at: Option<usize>,
    /// The call of `train` that is interrupted.
    pub interrupt_at: Option<usize>,
    /// Every how manieth seed gets another outcome than it should.
    pub wrong_every: Option<u64>,
    /// Whether every seed has the outcome of seed 0.
    pub alike: bool,
    /// The machine that it is on.
    pub adapter: &'static str,
    /// Threads of that.
    pub threads: usize,
    pub calls: AtomicUsize,
}

pub fn engine(runs_per_batch: usize) -> MadeUp {
    MadeUp { runs_per_batch, ..MadeUp::default() }
}

fn result(program: &Program, run: &Run) -> RunResult {
    let word = |n: u32| words(run.scale.to_bits() ^ run.lr.to_bits(), run.seed, Stream::Noise, n)[0];
    let measured = measured_steps(program.steps);
    let has_units = program.shape.hidden.iter().any(|&width| width > 1);
    let symmetry_at = |i: usize| match word(i as u32 / 2) % 4 {
        _ if !has_units => Symmetry::None,
        0 => Symmetry::Partial,
        1 => Symmetry::Broken,
        _ => Symmetry::Symmetric,
    };
    let at = |i: usize| {
        let x = f64::from(word(100 + i as u32)) / 3e9;
        Measured {
            loss: x / 3.0,
            error: x,
            gradient_norm: x * 1e-4,
            units: has_units.then_some(Units { spread: x / 7.0, gap: x / 11.0, distinct: 1 + word(1) % 2 }),
            symmetry: symmetry_at(i),
        }
    };
    let diverge_step = (word(90) % 5 == 0).then(|| word(91) % (program.steps + 1));
    let solve_step = (word(92) % 2 == 0).then(|| word(93) % (program.steps + 1));
    let mut initial = at(0);
    if diverge_step == Some(0) {
        initial.loss = f64::INFINITY;
    }
    RunResult {
        initial,
        last: at(measured.len() - 1),
        solve_step: solve_step.filter(|&solved| diverge_step.is_none_or(|diverged| solved < diverged)),
        diverge_step,
        steps: diverge_step.unwrap_or(program.steps),
        symmetry: (0..measured.len()).map(symmetry_at).collect(),
        trace: if run.traced { (0..measured.len()).map(at).collect() } else { Vec::new() },
    }
}

impl Engine for MadeUp {
    fn description(&self) -> Description {
        Description {
            backend: "made-up".into(),
            adapter: if self.adapter.is_empty() { "none" } else { self.adapter }.into(),
            adapter_type: "processor".into(),
            driver: String::new(),
            threads: self.threads.max(1),
        }
    }

    fn placement(&self, _: &Program) -> Result<Placement, EngineError> {
        Ok(Placement {
            kernel: "made-up".into(),
            reason: "there is no other".into(),
            bytes_per_run: 0,
            runs_per_batch: self.runs_per_batch,
        })
    }

    fn train(&mut self, batch: &Batch<'_>, watch: &Watch<'_>) -> Result<Trained, EngineError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        assert!(batch.runs.len() <= self.runs_per_batch, "a batch is no larger than the engine said");
        if self.interrupt_at == Some(call) {
            watch.interrupted.store(true, Ordering::Relaxed);
            return Err(EngineError::Interrupted);
        }
        if self.fail_at.is_some_and(|first| call >= first) {
            return Err(EngineError::Device("the made-up device was lost".into()));
        }
        let seed = |run: &Run| if self.alike { 0 } else { run.seed };
        let made_up = |run: &Run| result(batch.program, &Run { seed: seed(run), ..*run });
        let mut runs: Vec<RunResult> = batch.runs.iter().map(made_up).collect();
        for (run, result) in batch.runs.iter().zip(&mut runs) {
            if self.wrong_every.is_some_and(|every| run.seed % every == 0) {
                result.solve_step = if result.solve_step.is_some() { None } else { Some(0) };
                result.diverge_step = None;
            }
        }
        (watch.finished)(runs.len());
        let width = batch.program.shape.parameters();
        let values = |base: f64| -> Vec<f32> {
            let of =
                |run: &Run| (0..width).map(|p| (base + run.seed as f64 + p as f64 / 64.0) as f32).collect();
            batch.runs.iter().flat_map(|run| -> Vec<f32> { of(run) }).collect()
        };
        let parameters =
            batch.keep_parameters.then(|| Parameters { initial: values(0.0), last: values(1000.0) });
        Ok(Trained { runs, parameters })
    }

    fn random_words(&mut self, _: [u32; 2], _: &[[u32; 4]]) -> Result<Vec<[u32; 4]>, EngineError> {
        Err(EngineError::Unsupported("none".into()))
    }
}

/// The plan of a spec with these lines.
pub fn plan(lines: &str) -> Plan {
    let text = format!("name = \"t\"\n[task]\ndataset = \"xor\"\n{lines}");
    parse(&text, "t.toml", &Overrides::default()).map_err(|error| error.to_string()).unwrap().0
}

/// Two programs whose runs alternate cell by cell, one of them without units that could be alike.
pub fn mixed_plan() -> Plan {
    plan(
        "[train]\nsteps = 40\n[sweep]\n\"init.scale\" = \"0.1,1e-3,2\"\n\"net.hidden\" = \"2,1\"\n[runs]\nseeds = 13",
    )
}

/// Every kind of file.
pub fn all_files() -> Options {
    Options { trace: 2, verify: 0.5, ..Options::default() }
}

/// Starts or resumes a sweep in `directory`, and puts it down where it ends early.
pub fn sweep_into(
    directory: &Path,
    plan: &Plan,
    engine: &mut MadeUp,
    options: Options,
    resume: bool,
) -> Result<Manifest, SweepError> {
    let results = if resume {
        Results::resume(directory, plan, Manifest::read(directory)?.unwrap())?
    } else {
        Results::create(directory, plan, new_manifest(plan, engine, options))?
    };
    train(results, plan, engine, options)
}

/// Trains a shard of a sweep in `directory`.
pub fn shard_into(
    directory: &Path,
    plan: &Plan,
    engine: &mut MadeUp,
    options: Options,
    shard: Shard,
) -> Result<Manifest, SweepError> {
    let manifest = Manifest { shard: Some(shard), ..new_manifest(plan, engine, options) };
    train(Results::create(directory, plan, manifest)?, plan, engine, options)
}

fn new_manifest(plan: &Plan, engine: &MadeUp, options: Options) -> Manifest {
    let kernels = vec!["made-up".to_string(); plan.programs.len()];
    Manifest::new(plan, engine.description(), options, &kernels)
}

fn train(
    mut results: Results<'_>,
    plan: &Plan,
    engine: &mut MadeUp,
    options: Options,
) -> Result<Manifest, SweepError> {
    let interrupted = AtomicBool::new(false);
    let watch = Watch { interrupted: &interrupted, finished: &|_| {} };
    let mut other = MadeUp { runs_per_batch: usize::MAX, wrong_every: Some(5), ..MadeUp::default() };
    let reference = ReferenceEngine::new(Some(1)).unwrap();
    let checker = (options.verify > 0.0).then_some(Checker {
        engine: &mut other,
        fraction: options.verify,
        reference: &reference,
    });
    // Whatever is made up goes on: the other engine differs on purpose.
    let policy = Policy { checker, keep_going: true, ..Policy::default() };
    match sweep::run(plan, engine, policy, &mut results, &watch) {
        Ok(()) => Ok(results.finish()?),
        Err(error) => {
            results.put_down()?;
            Err(error)
        }
    }
}

/// Whether it was refused, and how.
pub fn refusal<T: std::fmt::Debug>(result: Result<T, OutputError>) -> String {
    match result {
        Err(OutputError::Refused(message)) => message,
        other => panic!("not refused: {other:?}"),
    }
}
