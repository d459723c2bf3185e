//! Run r's row is the same bytes whatever the batch size, the thread count or the order of cells.

use std::collections::BTreeMap;
use std::fs;

use symbreak::engine::cpu::CpuEngine;
use symbreak::engine::reference::ReferenceEngine;
use symbreak::engine::{Batch, Description, Engine, EngineError, Placement, Program, Run, Trained, Watch};
use symbreak::output::{Manifest, Options, Results};
use symbreak::spec::{Overrides, Plan, parse};
use symbreak::sweep::{self, Policy};
use symbreak::verify::unwatched;

/// An engine whose batches have another size than it wants.
pub struct Cut<'a> {
    pub engine: &'a mut dyn Engine,
    pub runs_per_batch: usize,
    /// Whether it draws by a run's place in the batch in place of its seed: the mistake to be caught.
    pub by_place: bool,
}

impl Engine for Cut<'_> {
    fn description(&self) -> Description {
        self.engine.description()
    }

    fn placement(&self, program: &Program) -> Result<Placement, EngineError> {
        Ok(Placement { runs_per_batch: self.runs_per_batch, ..self.engine.placement(program)? })
    }

    fn train(&mut self, batch: &Batch<'_>, watch: &Watch<'_>) -> Result<Trained, EngineError> {
        assert!(batch.runs.len() <= self.runs_per_batch);
        let mut runs = batch.runs.to_vec();
        if self.by_place {
            let renumber = |(place, run): (usize, &mut Run)| run.seed = place as u64;
            runs.iter_mut().enumerate().for_each(renumber);
        }
        self.engine.train(&Batch { runs: &runs, ..*batch }, watch)
    }

    fn random_words(&mut self, key: [u32; 2], counters: &[[u32; 4]]) -> Result<Vec<[u32; 4]>, EngineError> {
        self.engine.random_words(key, counters)
    }
}

/// The plan of a spec on XOR with these lines.
pub fn plan(lines: &str) -> Plan {
    let text = format!("name = \"cut\"\n[task]\ndataset = \"xor\"\n{lines}");
    parse(&text, "cut.toml", &Overrides::default()).map_err(|error| error.to_string()).unwrap().0
}

/// A sweep of two programs, runs that solve, break, diverge and rest among them; 84 runs.
pub fn two_programs() -> Plan {
    plan(
        "[net]\noutput = \"linear\"\n[train]\nsteps = 150\nlr = 0.3\n[sweep]\n\"init.scale\" = \"0.3,3,1\"\n\
         \"net.activation\" = \"tanh,relu\"\n[runs]\nseeds = 14",
    )
}

/// A sweep that needs the GPU's kernel for large nets; 20 runs.
pub fn wide() -> Plan {
    plan("[net]\nhidden = [33]\n[train]\nsteps = 40\n[sweep]\n\"train.lr\" = \"0.5,4\"\n[runs]\nseeds = 10")
}

/// A sweep whose updates see batches and noise of each run's own, with short last batches; 80 runs.
pub fn stochastic() -> Plan {
    plan(
        "[net]\nhidden = [3]\n[train]\nsteps = 50\nbatch = 3\nlr_hidden = 0.5\n[noise]\ndropout = 0.2\n\
         gradient = 0.01\ninput = 0.1\nmask = 0.2\n[sweep]\n\"train.lr\" = \"0.1,0.3\"\n\
         \"train.optimizer\" = \"sgd,adam\"\n[runs]\nseeds = 20",
    )
}

/// The same for the GPU's kernel for large nets; 20 runs.
#[cfg(feature = "gpu")]
fn wide_stochastic() -> Plan {
    plan(
        "[net]\nhidden = [33]\n[train]\nsteps = 25\nbatch = 3\nlr = 0.1\n[noise]\ndropout = 0.2\n\
         gradient = 0.01\ninput = 0.1\nmask = 0.2\n[sweep]\n\"train.optimizer\" = \"momentum,adam\"\n[runs]\nseeds = 10",
    )
}

/// A sweep in which some runs have rates and decay of the plainest kind and others do not; 72 runs.
pub fn rates() -> Plan {
    plan(
        "[train]\nsteps = 50\n[sweep]\n\"train.lr_hidden\" = \"1,0.5\"\n\"train.weight_decay\" = \"0,0.01\"\n\
         \"train.optimizer\" = \"sgd,momentum\"\n[runs]\nseeds = 9",
    )
}

/// Every file that a sweep writes, the manifest apart, which tells times.
pub fn files(plan: &Plan, engine: &mut dyn Engine) -> BTreeMap<String, Vec<u8>> {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { trace: 3, save_params: true, ..Options::default() };
    let kernels = vec!["any".to_string(); plan.programs.len()];
    let manifest = Manifest::new(plan, engine.description(), options, &kernels);
    let mut results = Results::create(directory.path(), plan, manifest).unwrap();
    sweep::run(plan, engine, Policy::default(), &mut results, &unwatched())
        .unwrap_or_else(|error| panic!("{error}"));
    results.finish().unwrap();
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name != "manifest.json" {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let all = [
        "cells.csv",
        "curves.csv",
        "datapackage.json",
        "params_final.npy",
        "params_init.npy",
        "runs.csv",
        "traces.csv",
    ];
    assert_eq!(names, all);
    files
}

/// The rows of `runs.csv` by column.
pub fn rows(files: &BTreeMap<String, Vec<u8>>) -> Vec<BTreeMap<String, String>> {
    let mut table = csv::Reader::from_reader(files["runs.csv"].as_slice());
    table.deserialize().collect::<Result<_, _>>().unwrap()
}

/// Names of the files that differ.
pub fn differing(a: &BTreeMap<String, Vec<u8>>, b: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    a.keys().filter(|name| a.get(*name) != b.get(*name)).cloned().collect()
}

/// Batches of these sizes write the same files as batches of the engine's own; the twin, which goes by the place in the
/// batch, does not.
fn cut_anywhere(engine: &mut dyn Engine, plan: &Plan, sizes: &[usize]) {
    let whole = files(plan, engine);
    for &runs_per_batch in sizes {
        let cut = files(plan, &mut Cut { engine, runs_per_batch, by_place: false });
        assert_eq!(differing(&whole, &cut), [""; 0], "batches of {runs_per_batch}");
    }
    let twin = files(plan, &mut Cut { engine, runs_per_batch: sizes[0], by_place: true });
    assert!(differing(&whole, &twin).contains(&"runs.csv".to_string()), "the perturbed twin passed");
}

/// Two engines, which differ in their threads, write the same files. The twin has another master seed.
fn any_threads(one: &mut dyn Engine, other: &mut dyn Engine, mut plan: Plan) {
    let want = files(&plan, one);
    assert_eq!(differing(&want, &files(&plan, other)), [""; 0]);
    plan.master += 1;
    assert!(!differing(&want, &files(&plan, other)).is_empty(), "the perturbed twin passed");
}

/// Another order of cells writes the same rows, but for the numbers of runs and cells. The twin has another value.
fn any_order(engine: &mut dyn Engine) {
    let ordered = |sweep: &str| format!("[train]\nsteps = 100\n[sweep]\n{sweep}\n[runs]\nseeds = 9");
    let mut sorted = |spec: String| {
        let mut rows = rows(&files(&plan(&spec), engine));
        for row in &mut rows {
            row.remove("run").unwrap();
            row.remove("cell").unwrap();
        }
        rows.sort();
        assert_eq!(rows.len(), 54);
        rows
    };
    let one = sorted(ordered("init.scale = [0.0, 0.5, 2.0]\nnet.activation = [\"logistic\", \"relu\"]"));
    let other = sorted(ordered("net.activation = [\"relu\", \"logistic\"]\ninit.scale = [2.0, 0.0, 0.5]"));
    assert_eq!(one, other);
    let twin = sorted(ordered("net.activation = [\"relu\", \"logistic\"]\ninit.scale = [2.0, 0.0, 0.25]"));
    assert_ne!(one, twin);
}

#[test]
fn cpu_rows_do_not_depend_on_batches_and_threads() {
    let engine = |threads| CpuEngine::new(Some(threads)).unwrap();
    cut_anywhere(&mut engine(2), &two_programs(), &[5, 1, 17, 64]);
    any_threads(&mut engine(1), &mut engine(2), two_programs());
    cut_anywhere(&mut engine(1), &wide(), &[3, 16]);
    cut_anywhere(&mut engine(1), &stochastic(), &[5, 1, 17, 64]);
    cut_anywhere(&mut engine(1), &rates(), &[5, 1, 17, 64]);
}

#[test]
fn reference_rows_do_not_depend_on_batches_and_threads() {
    let engine = |threads| ReferenceEngine::new(Some(threads)).unwrap();
    cut_anywhere(&mut engine(2), &two_programs(), &[5, 17]);
    any_threads(&mut engine(1), &mut engine(2), two_programs());
}

#[test]
fn rows_do_not_depend_on_the_order_of_cells() {
    any_order(&mut super::subject::cpu());
    any_order(&mut super::subject::reference());
}

#[cfg(feature = "gpu")]
#[test]
fn gpu_rows_do_not_depend_on_batches_and_the_order_of_cells() {
    let Some(mut engine) = crate::adapter::gpu() else {
        eprintln!("SKIPPED: no such device here");
        return;
    };
    cut_anywhere(&mut engine, &two_programs(), &[5, 17, 64]);
    cut_anywhere(&mut engine, &wide(), &[3, 16]);
    cut_anywhere(&mut engine, &stochastic(), &[5, 17]);
    cut_anywhere(&mut engine, &wide_stochastic(), &[3, 16]);
    cut_anywhere(&mut engine, &rates(), &[5, 17]);
    any_order(&mut engine);
}
