//! `symbreak bench`: what it prints, what it refuses, and that a wrong engine is not timed.

use std::collections::HashSet;
use std::sync::atomic::AtomicBool;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value as Json;
use symbreak::bench::{Contender, Options, Purpose, WORKLOADS, check::check, rows, timing::time};
use symbreak::engine::cpu::CpuEngine;
use symbreak::engine::{Batch, Description, Engine, EngineError, Placement, Program, Trained, Watch};
use symbreak::verify::{self, unwatched};
use tempfile::{TempDir, tempdir};

#[cfg(feature = "gpu")]
mod adapter;

/// The keys that the documentation promises, in its order.
const KEYS: [&str; 12] = [
    "shape",
    "backend",
    "adapter",
    "adapter_type",
    "threads",
    "networks",
    "steps",
    "seconds",
    "net_steps_per_second",
    "operations_per_net_step",
    "fraction_of_peak",
    "compile_seconds",
];

fn bench(place: &TempDir, words: &str) -> Command {
    let mut command = Command::cargo_bin("symbreak").unwrap();
    command.current_dir(place.path()).args(["bench", "--quick", "--repetitions", "1"]);
    command.args(words.split_whitespace());
    command
}

fn json(command: &mut Command) -> Vec<Json> {
    serde_json::from_slice(&command.assert().success().get_output().stdout).unwrap()
}

#[test]
fn rows_have_the_documented_keys_and_filters_choose_them() {
    let place = tempdir().unwrap();
    let words =
        "--networks 32,40 --steps 10 --threads 2 --shape 2-2-1,16-16-1 --backend cpu,reference --json";
    let rows = json(&mut bench(&place, words));
    for row in &rows {
        let keys: Vec<&String> = row.as_object().unwrap().keys().collect();
        assert_eq!(keys[..12], KEYS);
        let number = |key: &str| row[key].as_f64().unwrap_or_else(|| panic!("{key}: {row}"));
        let net_steps = number("networks") * number("steps");
        assert!((number("net_steps_per_second") * number("seconds") / net_steps - 1.0).abs() < 1e-9);
        assert!(number("fraction_of_peak") > 0.0 && number("seconds_low") <= number("seconds"));
        let share = number("net_steps_per_second") * number("operations_per_net_step");
        assert!(
            (share / number("peak_operations_per_second") / number("fraction_of_peak") - 1.0).abs() < 1e-9
        );
        assert!(row["compile_seconds"].is_null(), "nothing to compile");
        assert_eq!((&row["adapter_type"], &row["steps"]), (&"processor".into(), &10.into()));
    }
    let named = |row: &Json| {
        let text = |key: &str| row[key].to_string().replace('"', "");
        [text("shape"), text("backend"), text("threads"), text("networks")].join(" ")
    };
    let found: HashSet<String> = rows.iter().map(named).collect();
    let mut expected = HashSet::new();
    for shape in ["2-2-1", "16-16-1"] {
        for engine in ["reference 2", "cpu 1", "cpu 2"] {
            expected.extend(["32", "40"].map(|networks| format!("{shape} {engine} {networks}")));
        }
    }
    assert_eq!((found, rows.len()), (expected, 12));
}

#[test]
fn the_table_fits_a_terminal_and_is_exported() {
    let place = tempdir().unwrap();
    let words = "--networks 32 --steps 10 --threads 2 --backend cpu --export-markdown speed.md";
    let output = bench(&place, words)
        .assert()
        .success()
        .stdout(contains("cpu ×2").and(contains("2-2-1 (xor, logistic): 173 operations a net-step")))
        .stderr(contains("checking and timing 16-16-1").and(contains("written to speed.md")))
        .get_output()
        .clone();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let markdown = std::fs::read_to_string(place.path().join("speed.md")).unwrap();
    // A header, a rule, and two engines on each shape.
    let lines: Vec<&str> = markdown.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(lines.len(), 2 + 2 * WORKLOADS.len(), "{markdown}");
    assert!(lines.iter().all(|line| line.matches('|').count() == 9), "{markdown}");
}

#[test]
fn unknown_names_and_bad_numbers_are_refused_before_anything_is_timed() {
    let place = tempdir().unwrap();
    for (words, message) in [
        ("--shape 2-2-2", "'2-2-1'"),
        ("--shape 2-2-1,2-9-1", "[possible values: 2-2-1, 2-8-1, 2-32-1, 2-16-16-1, 4-16-1, 16-16-1]"),
        ("--backend refrence", "a similar value exists: 'reference'"),
        ("--networks 0", "--networks"),
        ("--steps -3", "--steps"),
        ("--threads 0", "expected a whole number from 1 to 1024"),
    ] {
        bench(&place, words).assert().code(2).stdout("").stderr(contains(message));
    }
    bench(&place, "--backend cpu --export-markdown no/such/place.md")
        .assert()
        .code(1)
        .stdout("")
        .stderr(contains("no/such/place.md").and(contains("--export-markdown")));
}

#[test]
fn a_wrong_engine_is_not_timed_and_the_status_says_so() {
    // The mock makes its answers up.
    let place = tempdir().unwrap();
    let output = bench(&place, "--shape 2-2-1 --networks 8 --steps 10 --backend cpu,mock --threads 1 --json")
        .assert()
        .code(3)
        .stderr(contains("WRONG, not timed: 2-2-1 on mock").and(contains("error: an engine is wrong")))
        .get_output()
        .clone();
    let rows: Vec<Json> = serde_json::from_slice(&output.stdout).unwrap();
    let backends: Vec<&str> = rows.iter().map(|row| row["backend"].as_str().unwrap()).collect();
    assert_eq!(backends, ["cpu"], "the right one is timed all the same");
}

/// The cpu engine with something wrong about it.
struct Altered {
    engine: CpuEngine,
    /// Factor on the last parameter of every run that it returns.
    factor: f32,
    supported: bool,
}

impl Altered {
    fn by(factor: f32) -> Altered {
        Altered { engine: CpuEngine::new(Some(1)).unwrap(), factor, supported: true }
    }
}

impl Engine for Altered {
    fn description(&self) -> Description {
        self.engine.description()
    }

    fn placement(&self, program: &Program) -> Result<Placement, EngineError> {
        if self.supported {
            return self.engine.placement(program);
        }
        Err(EngineError::Unsupported("too large".into()))
    }

    fn train(&mut self, batch: &Batch<'_>, watch: &Watch<'_>) -> Result<Trained, EngineError> {
        let mut trained = self.engine.train(batch, watch)?;
        let count = batch.program.shape.parameters();
        if let Some(parameters) = &mut trained.parameters {
            parameters.last.iter_mut().skip(count - 1).step_by(count).for_each(|p| *p *= self.factor);
        }
        Ok(trained)
    }

    fn random_words(&mut self, key: [u32; 2], counters: &[[u32; 4]]) -> Result<Vec<[u32; 4]>, EngineError> {
        self.engine.random_words(key, counters)
    }
}

#[test]
fn the_check_passes_a_right_engine_and_catches_one_that_is_off_by_a_ten_thousandth() {
    for workload in WORKLOADS {
        let found = |factor| {
            let options = verify::Options { threads: Some(2), ..verify::Options::default() };
            check(&mut Altered::by(factor), workload, options).unwrap()
        };
        let right = found(1.0);
        assert!(right.passed(), "{}: {} of {}: {}", workload.shape, right.worst, right.bound, right.place);
        assert!(found(1.0001).failed(), "{}", workload.shape);
    }
}

#[test]
fn sizes_are_found_and_what_cannot_be_trained_is_left_out() {
    let mut beyond = Altered::by(1.0);
    beyond.supported = false;
    let mut contenders = [Altered::by(1.0), beyond, Altered::by(2.0)].map(|e| Contender::new(Box::new(e)));
    let watch = unwatched();
    let options = Options {
        networks: &[],
        steps: &[20],
        repetitions: 2,
        seconds: 0.002,
        threads: Some(1),
        watch: &watch,
    };
    let timed = time(&WORKLOADS[0], &mut contenders, &options).unwrap();
    assert_eq!(
        timed.unsupported,
        ["2-2-1 on cpu (".to_string() + &contenders[1].on.adapter + "): too large"]
    );
    assert_eq!(timed.wrong.len(), 1);
    let rows = rows(&timed.timings, &contenders);
    assert_eq!(rows.len(), 1, "no crossover without an adapter");
    assert!(rows[0].networks.is_power_of_two(), "{}", rows[0].networks);
    assert_eq!((rows[0].steps, rows[0].purpose), (20, Purpose::Rate));
    assert_eq!(timed.timings[0].net_steps, 20 * rows[0].networks);
    assert_eq!(timed.timings[0].seconds.len(), 2, "the warm-up does not count");
}

#[test]
fn an_interruption_ends_it() {
    let interrupted = AtomicBool::new(true);
    let watch = Watch { interrupted: &interrupted, finished: &|_| () };
    let options = Options {
        networks: &[16],
        steps: &[20],
        repetitions: 1,
        seconds: 0.1,
        threads: Some(1),
        watch: &watch,
    };
    let mut contenders = [Contender::new(Box::new(CpuEngine::new(Some(1)).unwrap()))];
    assert!(matches!(time(&WORKLOADS[0], &mut contenders, &options), Err(EngineError::Interrupted)));
}

#[cfg(feature = "gpu")]
#[test]
fn adapters_are_timed_beside_the_processor_and_have_a_crossover() {
    let Some(mut gpu) = adapter::gpu() else {
        eprintln!("SKIPPED: no adapter here");
        return;
    };
    assert!(gpu.peak().unwrap().unwrap() > 1e6);
    let place = tempdir().unwrap();
    let words = "--networks 1,16 --steps 10 --shape 2-2-1 --backend cpu,gpu";
    bench(&place, words)
        .assert()
        .success()
        .stdout(contains("2-2-1, 10 steps: ").and(contains(" is faster than cpu")));
    let rows = json(bench(&place, words).arg("--json"));
    let on_adapter: Vec<&Json> = rows.iter().filter(|row| row["backend"] == "gpu").collect();
    assert!(on_adapter.len() >= 2);
    assert!(
        on_adapter.iter().all(|row| row["compile_seconds"].as_f64().is_some_and(|seconds| seconds >= 0.0))
    );
    let named = on_adapter.iter().all(|row| row["adapter_type"] != "processor");
    assert!(named && rows.iter().any(|row| row["backend"] == "cpu"));
}
