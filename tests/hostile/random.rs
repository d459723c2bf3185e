//! Specs at random, most of them nearly right: each is trained, or it is said why not; nothing panics, and nothing is written but
//! the result directory.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value as Json;
use symbreak::output::Options;
use symbreak::spec::{Overrides, Plan, SpecError, parse, schema};
use tempfile::{TempDir, tempdir, tempdir_in};

use crate::child::{listing, words};
use crate::made_up::{engine, sweep_into};

/// The keys that a spec may have: table, name in it, and what the schema says of its value.
fn keys() -> Vec<(String, String, Json)> {
    let schema = schema();
    let tables = schema["properties"].as_object().unwrap().iter().filter(|(table, _)| *table != "sweep");
    let keys = tables.flat_map(|(table, of)| {
        let keys = of["properties"].as_object().into_iter().flatten();
        keys.map(move |(key, of)| match (table.as_str(), key.as_str()) {
            ("init", "value") => ("init".into(), "value.3".into(), serde_json::json!({ "type": "number" })),
            _ => (table.clone(), key.clone(), of.clone()),
        })
    });
    let keys: Vec<_> = keys.collect();
    assert!(keys.len() > 50);
    keys
}

/// A value that the schema allows, as TOML; numbers are small.
fn allowed(of: &Json) -> BoxedStrategy<String> {
    if let Some(words) = of["enum"].as_array() {
        return select(words.iter().map(Json::to_string).collect::<Vec<_>>()).boxed();
    }
    if let Some(kinds) = of["anyOf"].as_array() {
        return select(kinds.clone()).prop_flat_map(|kind| allowed(&kind)).boxed();
    }
    match of["type"].as_str().unwrap_or_default() {
        "boolean" => any::<bool>().prop_map(|flag| flag.to_string()).boxed(),
        "integer" => (1..5u8).prop_map(|n| n.to_string()).boxed(),
        "number" => select(vec!["0", "0.1", "0.5", "1e-9", "0.999"]).prop_map(String::from).boxed(),
        "array" => prop::collection::vec(allowed(&of["items"]), 1..4)
            .prop_map(|items| format!("[{}]", items.join(", ")))
            .boxed(),
        _ => select(vec!["\"a.csv\"", "\"../a.csv\"", "\"x\""]).prop_map(String::from).boxed(),
    }
}

/// What nobody should write.
fn hostile() -> impl Strategy<Value = String> {
    let texts = [
        "nan",
        "-inf",
        "1e999",
        "-1",
        "0",
        "1000000000000",
        "18446744073709551616",
        "\"\"",
        "\"../../x\"",
        "\"/dev/null\"",
        "\"a/b\"",
        "\"..\"",
        "\"\\u0000\"",
        "[]",
        "[[1]]",
        "{}",
        "{ a = 1 }",
        "1979-05-27",
        "\"\u{202e}x\"",
        "[1e400]",
        "\"1000000x1000000\"",
        "[1000000]",
        "\"lin:0:1:3\"",
        "true",
        "'",
        "",
    ];
    select(texts.to_vec()).prop_map(String::from)
}

/// The values of a swept key.
fn range(of: &Json) -> BoxedStrategy<String> {
    let of = of.clone();
    prop_oneof![
        6 => prop::collection::btree_set(allowed(&of), 1..4)
            .prop_map(|items| format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))),
        2 => select(vec!["\"lin:0:0.5:3\"", "\"log:1e-3:0.1:4\"", "\"lin:1:4:4\""]).prop_map(String::from),
        1 => select(vec!["\"lin:0:1:100000000\"", "\"log:0:1:2\"", "\"lin:nan:1:3\"", "\"lin:1:1:2\"", "\",\""])
            .prop_map(String::from),
        1 => hostile(),
    ]
    .boxed()
}

/// Text of a spec: a few keys on top of what trains at once, a few swept, sometimes a few bytes changed.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let all = keys();
    let swept = all.clone();
    let set = select(all).prop_flat_map(|(table, key, of)| {
        let value = prop_oneof![9 => allowed(&of), 1 => hostile().boxed()];
        (Just(table), Just(key), value)
    });
    let sweep = select(swept).prop_flat_map(|(table, key, of)| (Just(format!("{table}.{key}")), range(&of)));
    let name = prop_oneof![9 => Just("\"plain\"".to_string()), 1 => hostile().boxed()];
    let signs = b"0123456789,.:-+e\"'[]{}=\n\r\0/\\\xff".to_vec();
    let edits = prop_oneof![
        2 => Just(Vec::new()).boxed(),
        1 => prop::collection::vec((any::<Index>(), select(signs), 0..3u8), 1..4).boxed(),
    ];
    (name, prop::collection::vec(set, 0..5), prop::collection::vec(sweep, 0..3), edits).prop_map(
        |(name, set, sweeps, edits)| {
            let mut tables: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
            let quick = [("task", "dataset", "\"xor\""), ("train", "steps", "3"), ("runs", "seeds", "2")];
            let quick =
                quick.map(|(table, key, value)| (table.to_string(), key.to_string(), value.to_string()));
            for (table, key, value) in quick.into_iter().chain(set) {
                tables.entry(table).or_default().insert(key, value);
            }
            let mut text = format!("name = {name}\n");
            for (table, keys) in tables {
                text += &format!("[{table}]\n");
                keys.iter().for_each(|(key, value)| text += &format!("{key} = {value}\n"));
            }
            text += "[sweep]\n";
            let sweeps: BTreeMap<_, _> = sweeps.into_iter().collect();
            sweeps.iter().for_each(|(key, range)| text += &format!("\"{key}\" = {range}\n"));
            let mut bytes = text.into_bytes();
            for (at, byte, how) in edits {
                let at = at.index(bytes.len());
                match how {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            bytes
        },
    )
}

/// The same texts every time.
fn for_each(cases: u32, then: impl Fn(&[u8])) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let ended = runner.run(&texts(), |text| {
        then(&text);
        Ok(())
    });
    ended.unwrap_or_else(|error| panic!("{error}"));
}

/// A directory beside which something is that nobody may change.
fn place() -> TempDir {
    // A thousand sweeps wait for the disk most of the time; in memory there is none.
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { tempdir_in(memory) } else { tempdir() }.unwrap();
    fs::create_dir(place.path().join("work")).unwrap();
    fs::write(place.path().join("precious"), "precious\n").unwrap();
    place
}

/// Nothing but what is under `out` has changed.
fn is_untouched(place: &Path, out: &Path, before: &BTreeMap<std::path::PathBuf, Vec<u8>>) {
    let above: Vec<&Path> = out.ancestors().collect();
    let mut after = listing(place);
    after.retain(|path, _| {
        !path.starts_with(out) && (before.contains_key(path) || !above.contains(&path.as_path()))
    });
    assert_eq!(&after, before);
}

fn planned(text: &[u8]) -> Option<Result<Plan, SpecError>> {
    let text = std::str::from_utf8(text).ok()?;
    Some(parse(text, "random.toml", &Overrides::default()).map(|(plan, _)| plan))
}

#[test]
fn any_spec_is_trained_or_refused_and_nothing_else_is_written() {
    let (trained, refused) = (Cell::new(0), Cell::new(0));
    for_each(1500, |text| match planned(text) {
        None => {}
        Some(Err(error)) => {
            let said = error.to_string();
            assert!(!error.message.is_empty() && said.lines().count() == 1 && said.len() < 1500, "{said}");
            refused.set(refused.get() + 1);
        }
        Some(Ok(plan)) if plan.runs() > 500 => {}
        Some(Ok(plan)) => {
            let place = place();
            let before = listing(place.path());
            let out = place.path().join("work/results").join(&plan.name);
            assert!(out.parent() == Some(&place.path().join("work/results")), "{}", plan.name);
            let manifest = sweep_into(&out, &plan, &mut engine(7), Options::default(), false).unwrap();
            assert_eq!(manifest.counts.runs_finished, plan.runs());
            is_untouched(place.path(), &out, &before);
            trained.set(trained.get() + 1);
        }
    });
    // Neither is all that ever happens.
    assert!(trained.get() > 200 && refused.get() > 200, "{} and {}", trained.get(), refused.get());
}

#[test]
fn the_program_trains_any_spec_or_refuses_it_and_writes_nothing_else() {
    let (trained, refused) = (Cell::new(0), Cell::new(0));
    for_each(100, |text| {
        let place = place();
        fs::write(place.path().join("work/s.toml"), text).unwrap();
        let before = listing(place.path());
        let large = matches!(planned(text), Some(Ok(plan)) if plan.runs() > 500);
        let flag = if large { "--dry-run" } else { "--quiet" };
        let ended = words(&place.path().join("work"), &format!("run s.toml --backend mock {flag}"));
        match ended.status {
            Some(0) => trained.set(trained.get() + 1),
            _ => {
                // Warnings may come first.
                let error = ended.said.lines().last().unwrap_or_default();
                assert!(matches!(ended.status, Some(1 | 2)) && error.starts_with("error: "), "{ended:?}");
                assert!(error.len() > "error: ".len() && ended.said.len() < 1500, "{ended:?}");
                refused.set(refused.get() + 1);
            }
        }
        is_untouched(place.path(), &place.path().join("work/results"), &before);
    });
    assert!(trained.get() > 10 && refused.get() > 10, "{} and {}", trained.get(), refused.get());
}
