//! The ladder: an engine beside the f64 reference, rung by rung from random words to the fractions of a sweep.
//! Each rung states its tolerance and why, and has a negative control: the same comparison with one side
//! perturbed, which must fail.

pub mod compare;
pub mod explain;
pub mod nets;
pub mod rounding;
pub mod rungs;

use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use crate::engine::reference::ReferenceEngine;
use crate::engine::{Batch, Engine, EngineError, Parameters, Program, Run, RunResult, Start, Watch};
use compare::Comparison;
pub use explain::{explain, label, labels};
pub use rungs::RUNGS;

/// What one rung found, as `symbreak verify --json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// `gpu`, `cpu` or `reference`
    pub engine: String,
    /// Name of the adapter.
    pub adapter: String,
    /// Name of the rung, one of [`RUNGS`].
    pub rung: String,
    /// Whether everything compared was within its bound.
    pub passed: bool,
    /// The distance that comes nearest to its bound, or exceeds it most; null in JSON if it is no number.
    pub worst: f64,
    /// The bound of that distance.
    pub bound: f64,
    /// What was compared there; the error, if the engine failed.
    #[serde(rename = "where")]
    pub where_: String,
    /// Whether the negative control failed, as it must.
    pub control_failed: bool,
}

/// How to climb.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Fewer combinations, runs and steps: seconds in place of minutes.
    pub quick: bool,
    /// Threads of the reference, by default one per core.
    pub threads: Option<usize>,
    /// Set by Ctrl-C.
    pub interrupted: &'a AtomicBool,
}

/// A flag that nothing sets.
static NEVER: AtomicBool = AtomicBool::new(false);

impl Default for Options<'_> {
    fn default() -> Self {
        Options { quick: false, threads: None, interrupted: &NEVER }
    }
}

/// A watch that never interrupts and reports to no one.
pub fn unwatched() -> Watch<'static> {
    Watch { interrupted: &NEVER, finished: &|_| () }
}

/// Climbs every rung of [`RUNGS`], failing ones included.
pub fn ladder(engine: &mut dyn Engine, options: Options<'_>) -> Vec<Rung> {
    RUNGS.iter().map(|&(name, check)| climb(engine, name, check, options)).collect()
}

/// Compares an engine with the reference; with `perturbed` one side is changed, so that it must fail.
pub type Check = fn(pair: &mut Pair<'_>, perturbed: bool) -> Result<Comparison, EngineError>;

/// Climbs one rung: the check and its negative control.
pub fn climb(engine: &mut dyn Engine, name: &str, check: Check, options: Options<'_>) -> Rung {
    let description = engine.description();
    let found = Pair::new(engine, options).and_then(|mut pair| {
        let honest = check(&mut pair, false)?;
        Ok((honest, check(&mut pair, true)?))
    });
    let rung = Rung {
        engine: description.backend,
        adapter: description.adapter,
        rung: name.into(),
        passed: false,
        worst: f64::NAN,
        bound: f64::NAN,
        where_: String::new(),
        control_failed: false,
    };
    match found {
        Ok((honest, control)) => Rung {
            passed: honest.passed(),
            worst: honest.worst,
            bound: honest.bound,
            where_: honest.place,
            control_failed: control.failed(),
            ..rung
        },
        Err(error) => Rung { where_: error.to_string(), ..rung },
    }
}

/// An engine beside the reference.
pub struct Pair<'a> {
    engine: &'a mut dyn Engine,
    reference: ReferenceEngine,
    options: Options<'a>,
}

/// Results of a batch with its parameters, which the rungs always ask for.
pub struct Answer {
    /// One a run.
    pub runs: Vec<RunResult>,
    /// Of shape `[run][parameter]`.
    pub parameters: Parameters,
}

impl<'a> Pair<'a> {
    /// # Errors
    /// When the reference's threads cannot be had.
    pub fn new(engine: &'a mut dyn Engine, options: Options<'a>) -> Result<Pair<'a>, EngineError> {
        Ok(Pair { engine, reference: ReferenceEngine::new(options.threads)?, options })
    }

    /// What the engine makes of a batch; wrong counts in the answer are an error.
    fn engine(&mut self, program: &Program, runs: &[Run], start: Start<'_>) -> Result<Answer, EngineError> {
        train(self.engine, program, runs, start, &self.options)
    }

    /// What the reference makes of it.
    fn reference(
        &mut self,
        program: &Program,
        runs: &[Run],
        start: Start<'_>,
    ) -> Result<Answer, EngineError> {
        train(&mut self.reference, program, runs, start, &self.options)
    }

    /// Whether the engine is the reference itself.
    fn is_reference(&self) -> bool {
        self.engine.description().backend == "reference"
    }

    /// Unit roundoff of the engine's arithmetic: f64 in the reference, f32 elsewhere.
    fn roundoff(&self) -> f64 {
        if self.is_reference() { f64::EPSILON / 2.0 } else { rounding::F32 }
    }

    /// Whether to go through some combinations only, each choice in turn, where all of them are a second's work but for a GPU,
    /// which has a pipeline to compile for each.
    fn takes_turns(&self, perturbed: bool) -> bool {
        (self.options.quick || perturbed) && self.is_of_gpu()
    }

    fn is_of_gpu(&self) -> bool {
        self.engine.description().backend == "gpu"
    }

    /// How many combinations to go through. Each is a pipeline of its own on a GPU, which takes far longer to
    /// compile than to run.
    fn coverage(&self, perturbed: bool) -> nets::Coverage {
        if self.options.quick || perturbed {
            nets::Coverage::Quick
        } else if self.is_of_gpu() {
            nets::Coverage::Pairs
        } else {
            nets::Coverage::All
        }
    }
}

fn train(
    engine: &mut dyn Engine,
    program: &Program,
    runs: &[Run],
    start: Start<'_>,
    options: &Options<'_>,
) -> Result<Answer, EngineError> {
    let watch = Watch { interrupted: options.interrupted, finished: &|_| () };
    let trained = engine.train(&Batch { program, runs, start, keep_parameters: true }, &watch)?;
    let count = runs.len() * program.shape.parameters();
    match trained.parameters {
        Some(p) if trained.runs.len() == runs.len() && p.initial.len() == count && p.last.len() == count => {
            Ok(Answer { runs: trained.runs, parameters: p })
        }
        _ => Err(EngineError::Device(format!("{}: not one result a run", program.shape))),
    }
}
