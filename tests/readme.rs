//! What the README says of specs and columns is true of the program, and what docs/repeatability.md names is there.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use symbreak::engine::cpu::CpuEngine;
use symbreak::engine::{Engine, Watch};
use symbreak::output::{Manifest, Options, Results};
use symbreak::spec::{Overrides, load, parse};
use symbreak::sweep::{self, Policy};
use symbreak::verify::rungs;

const README: &str = include_str!("../README.md");
const REPEATABILITY: &str = include_str!("../docs/repeatability.md");

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

/// Whether a source has a test of this name: a function, or one that a macro makes for every engine.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let function = |i: usize| {
        let heads = lines[..i].iter().rev().take_while(|line| line.starts_with(['#', '/']));
        lines[i].starts_with(&format!("fn {name}(")) && heads.into_iter().any(|line| *line == "#[test]")
    };
    let made = |from: &str, to: &str| {
        let list = source.split(from).nth(1).and_then(|rest| rest.split(to).next()).unwrap_or_default();
        list.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
    };
    let by_macro = made("engine_tests!(@", ");") || made("claims! {", "}");
    by_macro || (0..lines.len()).any(function)
}

/// Tests, rungs and scripts that a document names and that are not there, and rows of tables that name none.
fn unbacked(document: &str) -> Vec<String> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for line in document.lines() {
        // Every second part is between backticks.
        let parts: Vec<&str> = line.split('`').collect();
        let (mut named, mut rung) = (false, false);
        for (before, word) in parts.iter().zip(&parts[1..]).step_by(2) {
            rung = before.ends_with("rung ")
                || before.ends_with("rungs ")
                || (rung && [", ", " and "].contains(before) && !word.contains('/'));
            let there = if let Some((file, name)) = word.split_once("::") {
                std::fs::read_to_string(place.join(file)).is_ok_and(|source| has_test(&source, name))
            } else if rung {
                rungs::find(word).is_some()
            } else if word.starts_with("scripts/") || word.starts_with("tests/") {
                place.join(word).exists()
            } else {
                continue;
            };
            named = true;
            if !there {
                wrong.push(word.to_string());
            }
        }
        if line.starts_with("| ") && !named && !line.starts_with("| what ") && !line.starts_with("| --- ") {
            wrong.push(line.into());
        }
    }
    wrong
}

#[test]
fn every_statement_on_repeatability_is_backed_by_what_is_there() {
    assert_eq!(unbacked(REPEATABILITY), [""; 0]);
    for (name, other) in [
        ("rs::cpu_rows_do_not", "rs::cpu_rows_do"),
        ("rs::copies_stay_copies", "rs::copies_part"),
        ("tests/noise.rs::gradient_noise", "tests/nose.rs::gradient_noise"),
        ("rung `invariance`", "rung `invariants`"),
        ("and `steps`", "and `stairs`"),
        ("scripts/check-against-jax", "scripts/check"),
    ] {
        assert!(REPEATABILITY.contains(name), "{name}");
        assert!(!unbacked(&REPEATABILITY.replace(name, other)).is_empty(), "{other} is not missed");
    }
    assert!(!unbacked("| all is well | everywhere | believe me |").is_empty());
    // A function that is no test does not do.
    assert!(!has_test(&std::fs::read_to_string("tests/readme.rs").unwrap(), "has_test"));
}
