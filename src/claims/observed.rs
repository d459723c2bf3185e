//! The runs of a spec, trained and in memory.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::engine::{
    Batch, Description, Engine, EngineError, Measured, Parameters, Program, Run, RunResult, Start, Watch,
    measured_steps,
};
use crate::output::{Manifest, Options, OutputError, Results, Window, params};
use crate::spec::{Plan, Value};
use crate::sweep;

/// A plan and what came of its runs.
#[derive(Debug)]
pub struct Observed {
    /// What was run.
    pub plan: Plan,
    /// One a run, by run number.
    results: Vec<RunResult>,
    /// Initial and final parameters of each run, by run number.
    parameters: Vec<[Vec<f32>; 2]>,
    /// Kernels of the programs.
    kernels: Vec<String>,
    options: Options,
    training_seconds: f64,
}

/// The runs of one cell.
#[derive(Clone, Copy, Debug)]
pub struct Runs<'a> {
    /// The plan that it is of.
    pub plan: &'a Plan,
    /// Its number in the plan.
    pub cell: usize,
    /// What its runs have in common.
    pub program: &'a Program,
    /// One a seed.
    pub results: &'a [RunResult],
    /// Initial and final parameters, one pair a seed.
    pub parameters: &'a [[Vec<f32>; 2]],
}

/// A run with its first and last parameters.
type Found = (RunResult, [Vec<f32>; 2]);

impl Observed {
    /// What is kept and written of a plan's runs: their rows; where they are traced, every measured step of every one; and
    /// the parameters where all nets have the same.
    fn options(plan: &Plan, traced: bool) -> Options {
        let trace = if traced { plan.seeds } else { 0 };
        Options { trace, save_params: params::width(plan).is_ok(), ..Options::default() }
    }

    /// Trains all runs of a plan. Those of one program go to the engine together.
    ///
    /// # Errors
    /// Of the engine; [`EngineError::Device`] if it returns less than it was given.
    pub fn train(
        plan: Plan,
        traced: bool,
        engine: &mut dyn Engine,
        watch: &Watch<'_>,
    ) -> Result<Observed, EngineError> {
        let options = Observed::options(&plan, traced);
        let all_cells = 0..plan.grid.cells() as usize;
        let mut by_cell: Vec<Option<Vec<Found>>> = vec![None; all_cells.len()];
        let mut kernels = Vec::new();
        let started = Instant::now();
        for (index, program) in plan.programs.iter().enumerate() {
            kernels.push(engine.placement(program)?.kernel);
            let cells: Vec<usize> = all_cells.clone().filter(|&cell| plan.program(cell) == index).collect();
            let runs: Vec<Run> = cells
                .iter()
                .map(|&cell| plan.cell(cell))
                .flat_map(|cell| (0..plan.seeds).map(move |seed| Run { traced, ..cell.run(seed) }))
                .collect();
            let batch = Batch { program, runs: &runs, start: Start::Drawn, keep_parameters: true };
            let trained = engine.train(&batch, watch)?;
            let count = program.shape.parameters();
            let kept = trained
                .parameters
                .filter(|kept| [&kept.initial, &kept.last].iter().all(|all| all.len() == runs.len() * count));
            let measured = measured_steps(program.steps).len();
            let complete = |run: &RunResult| {
                run.symmetry.len() == measured && run.trace.len() == if traced { measured } else { 0 }
            };
            let (Some(kept), true) =
                (kept, trained.runs.len() == runs.len() && trained.runs.iter().all(complete))
            else {
                let lacks = "the engine returned less than it was asked for";
                return Err(EngineError::Device(lacks.into()));
            };
            let pairs = kept.initial.chunks(count).zip(kept.last.chunks(count));
            let mut found = trained.runs.into_iter().zip(pairs.map(|(a, b)| [a.to_vec(), b.to_vec()]));
            for cell in cells {
                by_cell[cell] = Some(found.by_ref().take(plan.seeds as usize).collect());
            }
        }
        // Every cell has a program.
        let (results, parameters) = by_cell.into_iter().flatten().flatten().unzip();
        let training_seconds = started.elapsed().as_secs_f64();
        Ok(Observed { plan, results, parameters, kernels, options, training_seconds })
    }

    /// The runs of the cells that have one of these values of each of these keys.
    pub fn cells<'a>(&'a self, values: &'a [(&str, &[&str])]) -> impl Iterator<Item = Runs<'a>> {
        let plan = &self.plan;
        selected(plan, values).map(move |cell| {
            let seeds = plan.seeds as usize;
            let runs = cell * seeds..(cell + 1) * seeds;
            Runs {
                plan,
                cell,
                program: &plan.programs[plan.program(cell)],
                results: &self.results[runs.clone()],
                parameters: &self.parameters[runs],
            }
        })
    }

    /// Writes a result directory, as if the spec had been run alone.
    ///
    /// # Errors
    /// Where files cannot be written.
    pub fn write(&self, directory: &Path, on: &Description) -> Result<(), OutputError> {
        let manifest = Manifest::new(&self.plan, on.clone(), self.options, &self.kernels);
        let mut results = Results::create(directory, &self.plan, manifest)?;
        let together = |which: usize| self.parameters.iter().flat_map(|pair| &pair[which]).copied().collect();
        let parameters =
            self.options.save_params.then(|| Parameters { initial: together(0), last: together(1) });
        let mut scores = Vec::with_capacity(self.results.len());
        for cells in self.cells(&[]) {
            let last: Vec<f32> = cells.parameters.iter().flat_map(|[_, last]| last).copied().collect();
            let of_cell = sweep::score(cells.program, cells.results, &last, &AtomicBool::new(false));
            // Nobody interrupts.
            scores.extend(of_cell.expect("scores"));
        }
        results.append(&Window {
            first: 0,
            scores,
            results: self.results.clone(),
            verified: vec![None; self.results.len()],
            parameters,
            verification: None,
            engine: on.clone(),
            training_seconds: self.training_seconds,
        })?;
        results.finish().map(|_| ())
    }
}

/// What a plan's directory is to hold, for who wants to know before anything is trained.
pub fn options(plan: &Plan, traced: bool) -> Options {
    Observed::options(plan, traced)
}

/// The cells of a plan that have one of these values of each of these keys, as columns print them.
pub fn selected(plan: &Plan, values: &[(&str, &[&str])]) -> impl Iterator<Item = usize> {
    (0..plan.grid.cells() as usize).filter(move |&cell| {
        values
            .iter()
            .all(|&(key, wanted)| setting(plan, cell, key).is_some_and(|is| wanted.contains(&is.as_str())))
    })
}

/// A key's value in a cell, as a column prints it; `None` where it has none.
fn setting(plan: &Plan, cell: usize, key: &str) -> Option<String> {
    match plan.grid.swept().iter().position(|swept| swept == key) {
        Some(place) => Some(plan.grid.values(cell)[place].to_string()),
        None => {
            let (table, leaf) = key.split_once('.')?;
            let value = plan.resolved.get(table)?.get(leaf)?;
            Some(value.as_str().map_or_else(|| value.to_string(), str::to_string))
        }
    }
}

impl<'a> Runs<'a> {
    /// Every measurement that means something, of a run by its seed: all of a traced run before it diverged, if it did,
    /// else the first and the last.
    pub fn measured(&self, seed: usize) -> Vec<&'a Measured> {
        let run = &self.results[seed];
        if run.trace.is_empty() {
            let last = run.diverge_step.is_none().then_some(&run.last);
            return std::iter::once(&run.initial).chain(last).collect();
        }
        let steps = measured_steps(self.program.steps);
        let before = |step: &u32| run.diverge_step.is_none_or(|diverged| *step < diverged);
        run.trace.iter().zip(steps).filter(|(_, step)| before(step)).map(|(measured, _)| measured).collect()
    }

    /// Whether a parameter of a run is not, bit for bit, what it was at the start.
    pub fn moved(&self, seed: usize, parameter: usize) -> bool {
        let [initial, last] = &self.parameters[seed];
        initial[parameter].to_bits() != last[parameter].to_bits()
    }

    /// What tells this cell from the other ones of `among` that are of its plan: its values of the keys in which they differ.
    pub fn label(&self, among: &[Runs<'_>]) -> String {
        let values = self.plan.grid.values(self.cell);
        let differs = |place: usize, value: &Value| {
            among
                .iter()
                .filter(|other| std::ptr::eq(other.plan, self.plan))
                .any(|other| other.plan.grid.values(other.cell)[place] != *value)
        };
        let shown: Vec<String> = values
            .iter()
            .enumerate()
            .filter(|(place, value)| differs(*place, value))
            .map(|(_, value)| value.to_string())
            .collect();
        shown.join(" ")
    }
}
