//! What the README says of specs and columns is true of the program.

use std::sync::atomic::AtomicBool;

use symbreak::engine::cpu::CpuEngine;
use symbreak::engine::{Engine, Watch};
use symbreak::output::{Manifest, Options, Results};
use symbreak::spec::{Overrides, load, parse};
use symbreak::sweep::{self, Policy};

const README: &str = include_str!("../README.md");

#[test]
fn the_spec_of_the_readme_loads_and_says_the_defaults() {
    let start = README.find("```toml\n").unwrap() + "```toml\n".len();
    let spec = &README[start..start + README[start..].find("```").unwrap()];
    let (plan, warnings) = parse(spec, "README.md", &Overrides::default()).unwrap();
    assert_eq!(warnings, []);
    let swept = plan.grid.swept();
    // The same without any line that only repeats a default.
    let (bare, _) = parse("[task]\ndataset = \"xor\"\n", "bare.toml", &Overrides::default()).unwrap();
    assert!(!swept.is_empty());
    for (table, keys) in bare.resolved.as_object().unwrap() {
        for (key, default) in keys.as_object().into_iter().flatten() {
            let written = &plan.resolved[table][key];
            assert!(written.is_null() || written == default, "{table}.{key}: {written} is not {default}");
        }
    }
}

#[test]
fn every_column_of_the_files_is_in_the_readme() {
    let (plan, _) = load(
        "xor-scale",
        &Overrides { set: vec!["train.steps=5".into()], seeds: Some(2), ..Overrides::default() },
    )
    .unwrap();
    let place = tempfile::tempdir().unwrap();
    let mut engine = CpuEngine::new(Some(1)).unwrap();
    let options = Options { trace: 1, ..Options::default() };
    let kernels: Vec<String> =
        sweep::placements(&plan, &engine).unwrap().into_iter().map(|p| p.kernel).collect();
    let manifest = Manifest::new(&plan, engine.description(), options, &kernels);
    let mut results = Results::create(place.path(), &plan, manifest).unwrap();
    let interrupted = AtomicBool::new(false);
    let watch = Watch { interrupted: &interrupted, finished: &|_| {} };
    sweep::run(&plan, &mut engine, Policy::default(), &mut results, &watch).unwrap();
    results.finish().unwrap();
    for file in ["runs.csv", "cells.csv", "curves.csv"] {
        let text = std::fs::read_to_string(place.path().join(file)).unwrap();
        for column in text
            .lines()
            .next()
            .unwrap()
            .split(',')
            .filter(|column| !plan.grid.swept().contains(&column.to_string()))
        {
            // The fractions are listed by their pattern.
            let listed = column.starts_with("fraction_") || README.contains(&format!("`{column}`"));
            assert!(listed, "{column} of {file}");
        }
    }
}
