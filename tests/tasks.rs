//! Every data set from its word to the rows of a sweep, on the engines that need no device.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use symbreak::engine::cpu::CpuEngine;
use symbreak::engine::reference::ReferenceEngine;
use symbreak::engine::{Engine, Watch};
use symbreak::output::{Manifest, Options, Results};
use symbreak::spec::{Overrides, Plan, parse};
use symbreak::sweep::{self, Policy};
use symbreak::task::Dataset;

fn plan(flags: &[String]) -> Plan {
    let overrides = Overrides { set: flags.to_vec(), ..Overrides::default() };
    parse("name = \"t\"\n[task]\ndataset = \"xor\"\n", "t.toml", &overrides)
        .map_err(|error| format!("{flags:?}: {error}"))
        .unwrap()
        .0
}

/// The rows of a CSV file of the sweep that an engine makes of a plan.
fn rows(plan: &Plan, engine: &mut dyn Engine, file: &str) -> Vec<HashMap<String, String>> {
    let place = tempfile::tempdir().unwrap();
    let options = Options::default();
    let kernels = vec![String::new(); plan.programs.len()];
    let manifest = Manifest::new(plan, engine.description(), options, &kernels);
    let mut results = Results::create(place.path(), plan, manifest).unwrap();
    let interrupted = AtomicBool::new(false);
    let watch = Watch { interrupted: &interrupted, finished: &|_| {} };
    sweep::run(plan, engine, Policy::default(), &mut results, &watch).unwrap();
    results.finish().unwrap();
    let mut reader = csv::Reader::from_path(place.path().join(file)).unwrap();
    reader.deserialize().map(|row| row.unwrap()).collect()
}

fn number(row: &HashMap<String, String>, column: &str) -> Option<f64> {
    Some(&row[column]).filter(|text| !text.is_empty()).map(|text| text.parse().unwrap())
}

/// A csv and an npy file.
fn write_files(folder: &Path) {
    let rows: Vec<[f32; 3]> = (0..12).map(|i| [i as f32 / 6.0, (i * i % 7) as f32, (i % 2) as f32]).collect();
    let text: Vec<String> = rows.iter().map(|[a, b, y]| format!("{a},{b},{y}")).collect();
    std::fs::write(folder.join("a.csv"), format!("a,b,y\n{}\n", text.join("\n"))).unwrap();
    let mut npy =
        b"\x93NUMPY\x01\0\x76\0{'descr': '<f4', 'fortran_order': False, 'shape': (12, 3), }".to_vec();
    npy.resize(127, b' ');
    npy.push(b'\n');
    npy.extend(rows.iter().flatten().flat_map(|x| x.to_le_bytes()));
    std::fs::write(folder.join("a.npy"), npy).unwrap();
}

#[test]
fn every_data_set_is_trained_on_and_scored_alike_by_all_engines() {
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path());
    for &dataset in Dataset::ALL {
        let mut flags = vec![
            format!("task.dataset={}", dataset.word()),
            "task.test=0.3".into(),
            "task.standardize=true".into(),
            "net.output=linear".into(),
            "net.activation=tanh".into(),
            "train.lr=0.05".into(),
            "train.steps=30".into(),
            "runs.seeds=3".into(),
        ];
        if dataset.is_file() {
            let name = format!("a.{}", dataset.word());
            flags.push(format!("task.path={}", folder.path().join(name).display()));
        }
        if dataset.is_gaussian() {
            flags.push("task.outputs=3".into());
        }
        let plan = plan(&flags);
        let by_cpu = rows(&plan, &mut CpuEngine::new(Some(2)).unwrap(), "runs.csv");
        let by_reference = rows(&plan, &mut ReferenceEngine::new(Some(2)).unwrap(), "runs.csv");
        let has_classes = !dataset.is_gaussian();
        for (a, b) in by_cpu.iter().zip(&by_reference) {
            let near = |column: &str, bound: f64| {
                let (a, b) = (number(a, column).unwrap(), number(b, column).unwrap());
                assert!((a - b).abs() <= bound * b.abs().max(1e-3), "{dataset:?} {column}: {a} {b}");
            };
            near("loss_final", 1e-4);
            near("loss_test", 1e-4);
            assert!(number(a, "loss_test") != number(a, "loss_final"));
            for column in ["accuracy", "accuracy_test"] {
                let (a, b) = (number(a, column), number(b, column));
                assert_eq!((a.is_some(), b.is_some()), (has_classes, has_classes), "{dataset:?} {column}");
                assert!(a.is_none_or(|a| (0.0..=1.0).contains(&a)));
            }
        }
    }
}

#[test]
fn iris_is_learnt_and_its_held_out_plants_are_told_apart() {
    let flags = [
        "task.dataset=iris",
        "task.standardize=true",
        "task.test=0.2",
        "net.output=softmax",
        "net.activation=tanh",
        "net.hidden=4",
        "train.loss=cross-entropy",
        "train.lr=0.5",
        "train.steps=400",
        "runs.seeds=4",
    ];
    let plan = plan(&flags.map(String::from));
    let runs = rows(&plan, &mut ReferenceEngine::new(Some(2)).unwrap(), "runs.csv");
    for run in &runs {
        // Two of the species overlap, but linear methods already have 98 % right.
        assert!(number(run, "accuracy").unwrap() > 0.94, "{run:?}");
        assert!(number(run, "accuracy_test").unwrap() > 0.85, "{run:?}");
        assert!(number(run, "loss_test").unwrap() < 0.5, "{run:?}");
    }
    let cells = rows(&plan, &mut ReferenceEngine::new(Some(1)).unwrap(), "cells.csv");
    let mean = |column: &str| runs.iter().map(|run| number(run, column).unwrap()).sum::<f64>() / 4.0;
    for (of_cell, of_runs) in [("accuracy_mean", "accuracy"), ("accuracy_test_mean", "accuracy_test")] {
        assert!((number(&cells[0], of_cell).unwrap() - mean(of_runs)).abs() < 1e-12);
    }
    assert!(number(&cells[0], "loss_test_median").is_some());
}

#[test]
fn large_tasks_with_many_inputs_and_outputs_train() {
    let flags = [
        "task.dataset=teacher",
        "task.samples=1536",
        "task.features=80",
        "task.outputs=5",
        "task.teacher=6x4",
        "task.test=0.25",
        "net.hidden=8",
        "net.activation=erf",
        "net.output=linear",
        "train.lr=0.1",
        "train.steps=40",
        "runs.seeds=2",
    ];
    let plan = plan(&flags.map(String::from));
    assert_eq!(plan.programs[0].shape.to_string(), "80-8-5");
    let by_cpu = rows(&plan, &mut CpuEngine::new(Some(2)).unwrap(), "runs.csv");
    let by_reference = rows(&plan, &mut ReferenceEngine::new(Some(2)).unwrap(), "runs.csv");
    for (a, b) in by_cpu.iter().zip(&by_reference) {
        let (initial, last) = (number(b, "loss_initial").unwrap(), number(b, "loss_final").unwrap());
        assert!(last < initial, "{initial} {last}");
        for column in ["loss_final", "loss_test"] {
            let (a, b) = (number(a, column).unwrap(), number(b, column).unwrap());
            assert!((a / b - 1.0).abs() < 1e-4, "{column}: {a} {b}");
        }
    }
}

#[test]
fn the_loss_of_the_linear_map_is_that_of_its_singular_values() {
    // Zero weights: half the sum of their squares, and a saddle. From small ones all of it is learnt.
    let flags = [
        "task.dataset=linear",
        "task.samples=8",
        "task.features=4",
        "task.outputs=3",
        "task.singular_values=[3, 2, 1]",
        "net.hidden=3",
        "net.activation=linear",
        "net.output=linear",
        "net.bias=false",
        "init.scale=0",
        "train.loss=half-sse",
        "train.lr=0.02",
        "train.steps=600",
        "runs.seeds=1",
    ];
    let at_rest = plan(&flags.map(String::from));
    let run = &rows(&at_rest, &mut CpuEngine::new(Some(1)).unwrap(), "runs.csv")[0];
    assert!((number(run, "loss_initial").unwrap() - 7.0).abs() < 1e-5, "{run:?}");
    assert_eq!((run["loss_test"].as_str(), run["accuracy"].as_str()), ("", ""));
    let small = flags.map(|flag| flag.replace("scale=0", "scale=0.05"));
    let run = &rows(&plan(&small), &mut CpuEngine::new(Some(1)).unwrap(), "runs.csv")[0];
    assert!(number(run, "loss_final").unwrap() < 1e-4, "{run:?}");
}
