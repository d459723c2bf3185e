//! Shards put together are the whole sweep, byte for byte; what is not a part of it is refused.

#[allow(dead_code, reason = "each test file uses its part")]
mod made_up;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use made_up::{MadeUp, all_files, engine, mixed_plan, plan, refusal, shard_into, sweep_into};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde_json::Value as Json;
use symbreak::output::directory::{Decision, Permission, decide};
use symbreak::output::merge::{Allowed, Merged, PLACE, merge};
use symbreak::output::{Manifest, Options, OutputError, RunsFile, Status, Stint};
use symbreak::spec::{Plan, Shard};
use tempfile::{TempDir, tempdir};

/// Every file of a directory by name; of the manifest what does not depend on clocks.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .map(|(name, bytes)| if name == "manifest.json" { (name, timeless(&bytes)) } else { (name, bytes) })
        .collect()
}

fn timeless(manifest: &[u8]) -> Vec<u8> {
    let mut content: Json = serde_json::from_slice(manifest).unwrap();
    for key in ["started_at", "training_seconds", "total_seconds", "checksum"] {
        assert!(content.as_object_mut().unwrap().shift_remove(key).is_some(), "{key}");
    }
    serde_json::to_vec_pretty(&content).unwrap()
}

/// The shards `I/N` of a plan, each in a directory of its own.
fn shards(place: &Path, plan: &Plan, options: Options, names: &[(u64, u64)]) -> Vec<PathBuf> {
    let train = |&(index, of): &(u64, u64)| {
        let directory = place.join(format!("{index}-of-{of}"));
        // Windows of all sizes.
        let mut engine = engine(1 + (index * 7 + of) as usize % 11);
        shard_into(&directory, plan, &mut engine, options, Shard { index, of }).unwrap();
        directory
    };
    names.iter().map(train).collect()
}

fn all_of(of: u64) -> Vec<(u64, u64)> {
    (1..=of).map(|index| (index, of)).collect()
}

fn whole(place: &Path, plan: &Plan, options: Options) -> PathBuf {
    let directory = place.join("whole");
    sweep_into(&directory, plan, &mut engine(1000), options, false).unwrap();
    directory
}

fn merged(directories: &[PathBuf], out: &Path) -> Result<Merged, OutputError> {
    merge(directories, out, Allowed::default())
}

const MISSING: Allowed = Allowed { missing: true, force: false };
const FORCE: Allowed = Allowed { missing: false, force: true };

/// What went wrong.
fn error<T>(result: Result<T, OutputError>) -> OutputError {
    result.err().expect("it went well")
}

/// A disagreement, as it is told.
fn disagreement(directories: &[PathBuf], out: &Path) -> String {
    match error(merged(directories, out)) {
        OutputError::Disagreement(message) => message,
        other => panic!("no disagreement: {other}"),
    }
}

/// Changes a file of a finished directory, and gives it a manifest that knows nothing of it.
fn forge(directory: &Path, name: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let path = directory.join(name);
    let before = fs::read(&path).unwrap();
    let after = change(before.clone());
    assert_ne!(before, after, "something is changed");
    fs::write(&path, &after).unwrap();
    let mut manifest = Manifest::read(directory).unwrap().unwrap();
    let content = manifest.files.get_mut(name).unwrap();
    content.bytes = after.len() as u64;
    content.blake3 = blake3::hash(&after).to_hex().to_string();
    manifest.write(directory).unwrap();
}

/// One field of the row of a CSV file that starts with these words.
fn change_field(
    column: &'static str,
    row: &'static str,
    to: &'static str,
) -> impl FnOnce(Vec<u8>) -> Vec<u8> {
    move |bytes| {
        let text = String::from_utf8(bytes).unwrap();
        let at = text.lines().next().unwrap().split(',').position(|name| name == column).unwrap();
        let lines = text.lines().map(|line| {
            let mut fields: Vec<&str> = line.split(',').collect();
            if line.starts_with(row) {
                fields[at] = to;
            }
            fields.join(",") + "\n"
        });
        lines.collect::<String>().into_bytes()
    }
}

/// One shape of net, of which parameters can be saved.
fn one_shape() -> Plan {
    plan("[train]\nsteps = 40\n[sweep]\n\"init.scale\" = \"0.1,1e-3,2\"\n[runs]\nseeds = 13")
}

/// Cells with several values of `train.steps`, which are measured at other steps.
fn other_steps() -> Plan {
    plan("[sweep]\n\"net.activation\" = \"tanh,relu\"\n\"train.steps\" = \"3,40\"\n[runs]\nseeds = 13")
}

#[test]
fn uneven_shards_in_any_order_and_repeated_are_the_whole_sweep() {
    let none = Options { runs: RunsFile::None, ..Options::default() };
    let parameters = Options { save_params: true, trace: 20, ..Options::default() };
    // Of cells with 13 runs, borders between 7 shards cut some in two; of 30 shards four share a cell; one run each.
    let cases = [
        (mixed_plan(), all_files(), vec![7, 30, 78]),
        (mixed_plan(), none, vec![7, 30]),
        (one_shape(), parameters, vec![7, 17]),
        (mixed_plan(), Options { runs: RunsFile::Parquet, ..all_files() }, vec![7, 30]),
        (other_steps(), Options::default(), vec![7]),
    ];
    let mut random = StdRng::seed_from_u64(5);
    for (plan, options, numbers) in cases {
        let place = tempdir().unwrap();
        let expected = files(&whole(place.path(), &plan, options));
        for of in numbers {
            let mut directories = shards(place.path(), &plan, options, &all_of(of));
            // Two of them once more.
            directories.extend(shards(&place.path().join("again"), &plan, options, &[(2, of), (of, of)]));
            directories.shuffle(&mut random);
            let out = place.path().join(format!("merged-{of}"));
            let merged = merged(&directories, &out).unwrap();
            assert_eq!((merged.taken as u64, merged.repeated), (of, 2));
            assert_eq!(merged.manifest.status, Status::Finished);
            assert!(merged.warnings.is_empty() && merged.notes.is_empty());
            assert_eq!(files(&out), expected, "{of}");
        }
    }
}

/// Another engine's answers are another sweep: the comparison above can fail.
#[test]
fn the_merge_of_other_runs_is_another() {
    let place = tempdir().unwrap();
    let expected = files(&whole(place.path(), &mixed_plan(), all_files()));
    let directories = shards(place.path(), &mixed_plan(), all_files(), &all_of(3));
    let mut other = MadeUp { wrong_every: Some(12), ..engine(9) };
    fs::remove_dir_all(&directories[1]).unwrap();
    shard_into(&directories[1], &mixed_plan(), &mut other, all_files(), Shard { index: 2, of: 3 }).unwrap();
    let out = place.path().join("merged");
    merged(&directories, &out).unwrap();
    let found = files(&out);
    for name in ["runs.csv", "cells.csv", "curves.csv", "manifest.json"] {
        assert_ne!(found[name], expected[name], "{name}");
    }
}

#[test]
fn shards_of_different_cuts_and_whole_sweeps_go_together() {
    let plan = mixed_plan();
    let place = tempdir().unwrap();
    let whole = whole(place.path(), &plan, all_files());
    let expected = files(&whole);
    // Halves, quarters and sixths that fit together.
    let mut directories = shards(place.path(), &plan, all_files(), &[(1, 2), (3, 4), (4, 4)]);
    merged(&directories, &place.path().join("a")).unwrap();
    assert_eq!(files(&place.path().join("a")), expected);
    // Others that overlap these, and the whole.
    directories.extend(shards(place.path(), &plan, all_files(), &[(2, 5), (3, 5), (2, 2), (9, 10)]));
    let all = merged(&directories, &place.path().join("b")).unwrap();
    assert_eq!((all.taken, all.repeated), (2, 5), "two halves do");
    assert_eq!(files(&place.path().join("b")), expected);
    directories.push(whole);
    let all = merged(&directories, &place.path().join("c")).unwrap();
    assert_eq!((all.taken, all.repeated), (1, 7));
    assert_eq!(files(&place.path().join("c")), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_cut_merges_to_the_whole(
        seeds in 1..9u64,
        of in 1..9u64,
        finer in prop::collection::vec(1..4u64, 9),
        batch in 1..20usize,
        order: u64,
        runs in 0..3usize,
    ) {
        let plan = plan(&format!(
            "[train]\nsteps = 5\n[sweep]\n\"init.scale\" = \"0.1,2\"\n\"net.hidden\" = \"2,1\"\n[runs]\nseeds = {seeds}"
        ));
        let runs = [RunsFile::Csv, RunsFile::Parquet, RunsFile::None][runs];
        let options = Options { trace: 1, runs, ..Options::default() };
        let of = of.min(plan.runs());
        let place = tempdir().unwrap();
        let mut directories = Vec::new();
        // Each shard as it is, or as some of a cut that is finer by a factor.
        for (index, finer) in (1..=of).zip(finer) {
            let finer = if of * finer > plan.runs() { 1 } else { finer };
            for part in 1..=finer {
                let shard = Shard { index: (index - 1) * finer + part, of: of * finer };
                let directory = place.path().join(shard.to_string().replace('/', "-"));
                shard_into(&directory, &plan, &mut engine(batch), options, shard).unwrap();
                directories.push(directory);
            }
        }
        directories.shuffle(&mut StdRng::seed_from_u64(order));
        let out = place.path().join("out");
        merged(&directories, &out).unwrap();
        prop_assert_eq!(files(&out), files(&whole(place.path(), &plan, options)));
    }
}

/// Cells of more values than are kept one by one, in shards that lie inside them; rows in several groups of Parquet.
#[test]
fn large_cells_are_merged_from_their_rounded_values() {
    let plan = plan("[train]\nsteps = 1\n[sweep]\n\"init.scale\" = \"0.1,2\"\n[runs]\nseeds = 150000");
    let options = Options { runs: RunsFile::Parquet, ..Options::default() };
    let place = tempdir().unwrap();
    let mut directories: Vec<PathBuf> = (1..=5)
        .map(|index| {
            let directory = place.path().join(index.to_string());
            shard_into(&directory, &plan, &mut engine(40_000), options, Shard { index, of: 5 }).unwrap();
            directory
        })
        .collect();
    let whole = place.path().join("whole");
    sweep_into(&whole, &plan, &mut engine(usize::MAX), options, false).unwrap();
    let out = place.path().join("out");
    merged(&directories, &out).unwrap();
    assert!(files(&out) == files(&whole));
    directories.push(whole);
    assert_eq!(merged(&directories, &place.path().join("again")).unwrap().repeated, 5);
    // One run of one shard, 240000 to 299999, is another.
    fs::remove_dir_all(&directories[4]).unwrap();
    let mut faulty = MadeUp { wrong_every: Some(99_999), ..engine(40_000) };
    shard_into(&directories[4], &plan, &mut faulty, options, Shard { index: 5, of: 5 }).unwrap();
    let message = disagreement(&directories, &place.path().join("other"));
    assert!(
        message.contains("run 249999 is not the same in ") && message.contains("in runs.parquet "),
        "{message}"
    );
}

/// Rows of text and typed rows tell the same.
#[test]
fn the_first_difference_is_the_same_in_parquet() {
    let plan = one_shape();
    let place = tempdir().unwrap();
    // Of 39 runs, 13 of each cell, seed 6 of cell 1 is run 19; 18 to 20 are in a second shard.
    let said = |runs: RunsFile| {
        let options = Options { runs, ..Options::default() };
        let place = place.path().join(runs.word());
        let mut directories = shards(&place, &plan, options, &[(1, 2), (2, 2), (1, 13)]);
        let mut faulty = MadeUp { wrong_every: Some(6), ..engine(9) };
        directories.push(place.join("faulty"));
        shard_into(&directories[3], &plan, &mut faulty, options, Shard { index: 7, of: 13 }).unwrap();
        let message = disagreement(&directories, &place.join("out"));
        message.replace(runs.word(), "…")
    };
    let text = said(RunsFile::Csv);
    assert!(text.contains("run 19 is not the same in ") && text.contains("outcome is "), "{text}");
    assert_eq!(said(RunsFile::Parquet), text);
}

#[test]
fn repeated_runs_that_disagree_are_named_with_their_column() {
    let plan = one_shape();
    let options = Options { trace: 2, save_params: true, ..Options::default() };
    // Of 39 runs the shard 2/3 has 13 to 25, which are cell 1, and 4/7 has 16 to 21.
    let check =
        |name: &str, change: Box<dyn FnOnce(Vec<u8>) -> Vec<u8>>, expected: &[&str], against: (u64, u64)| {
            let place = tempdir().unwrap();
            let mut directories = shards(place.path(), &plan, options, &all_of(3));
            directories.extend(shards(&place.path().join("again"), &plan, options, &[against]));
            let out = place.path().join("out");
            merged(&directories, &out).unwrap();
            fs::remove_dir_all(&out).unwrap();
            forge(&directories[1], name, change);
            let message = disagreement(&directories, &out);
            for expected in expected.iter().chain(&["2-of-3", name, "name only one of them"]) {
                assert!(message.contains(expected), "{expected}: {message}");
            }
            assert!(!out.exists());
        };
    for against in [(2, 3), (4, 7)] {
        check("runs.csv", Box::new(change_field("steps", "17,", "7")), &["run 17 is", "steps is "], against);
        let float = |mut bytes: Vec<u8>| {
            // Of run 17, the fifth of the shard, the first of nine parameters.
            let at = bytes.len() - (13 - 4) * 9 * 4;
            bytes[at] ^= 1;
            bytes
        };
        check("params_final.npy", Box::new(float), &["run 17 is", "parameter 0 is another"], against);
    }
    let trace = change_field("gap", "13,1,0,8,", "0.5");
    check("traces.csv", Box::new(trace), &["run 13 is", "gap is "], (2, 3));
    let row = |bytes: Vec<u8>| bytes.into_iter().chain(*b"14,1,1,41,0,,,,0.0\n").collect();
    check("traces.csv", Box::new(row), &["run 14 is", "one has a row more"], (2, 3));
    // In the middle, where other rows come after it.
    let row = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).unwrap();
        text.replacen("\n14,1,1,0,", "\n13,1,0,41,0,,,,0.0\n14,1,1,0,", 1).into_bytes()
    };
    check("traces.csv", Box::new(row), &["run 13 is", "one has a row more"], (2, 3));
    // What counts the same runs is compared as well.
    check("cells.csv", Box::new(change_field("stuck", "1,", "1")), &["cell 1 is", "stuck is"], (2, 3));
    check(
        "curves.csv",
        Box::new(change_field("broken", "1,0.001,3,", "1")),
        &["cell 1 is", "broken is"],
        (2, 3),
    );
}

/// Runs 24 to 26 are the end of cell 1 and the start of cell 2, and all that both have.
#[test]
fn cells_that_are_cut_alike_are_compared() {
    let plan = one_shape();
    let place = tempdir().unwrap();
    let mut directories = shards(place.path(), &plan, Options::default(), &all_of(13));
    directories.extend(shards(&place.path().join("again"), &plan, Options::default(), &[(9, 13)]));
    let out = place.path().join("out");
    for (cell, row) in [("cell 1", "1,"), ("cell 2", "2,")] {
        let kept = fs::read(directories[8].join("cells.csv")).unwrap();
        forge(&directories[8], "cells.csv", change_field("solved", row, "13"));
        let message = disagreement(&directories, &out);
        assert!(message.contains(&format!("{cell} is not the same")), "{message}");
        forge(&directories[8], "cells.csv", |_| kept);
    }
    merged(&directories, &out).unwrap();
}

#[test]
fn without_rows_of_runs_cells_are_compared_and_what_is_not_is_told() {
    let plan = mixed_plan();
    let options = Options { runs: RunsFile::None, ..Options::default() };
    let place = tempdir().unwrap();
    let mut directories = shards(place.path(), &plan, options, &all_of(2));
    // Runs 19 to 38: of cell 1 the half, of cell 2, 26 to 38, all.
    directories.extend(shards(place.path(), &plan, options, &[(2, 4)]));
    let out = place.path().join("out");
    let agreed = merged(&directories, &out).unwrap();
    assert_eq!(agreed.notes.len(), 1);
    assert!(agreed.notes[0].contains("7 repeated runs could not be compared"), "{}", agreed.notes[0]);
    // Runs 19 to 28, of two cells less than all; and 26 to 38, all of cell 2.
    for (others, silent) in [(vec![(3, 8)], Some(10)), (vec![(2, 6)], None), (vec![(2, 6), (3, 6)], None)] {
        let mut directories = directories[..2].to_vec();
        directories.extend(shards(place.path(), &plan, options, &others));
        let agreed = merged(&directories, &place.path().join(format!("{others:?}"))).unwrap();
        let told = silent.map(|runs| format!("{runs} repeated runs could not be compared"));
        assert_eq!(agreed.notes.len(), usize::from(told.is_some()), "{:?}", agreed.notes);
        assert!(told.is_none_or(|told| agreed.notes[0].starts_with(&told)), "{:?}", agreed.notes);
    }
    forge(&directories[2], "cells.csv", change_field("solved", "2,", "13"));
    let message = disagreement(&directories, &place.path().join("other"));
    assert!(message.contains("cell 2 is not the same") && message.contains("solved is"), "{message}");
}

#[test]
fn files_that_are_the_same_are_not_of_the_same_runs_for_that() {
    let plan = plan("[train]\nsteps = 40\n[runs]\nseeds = 10");
    let options = Options { runs: RunsFile::None, ..Options::default() };
    let place = tempdir().unwrap();
    // Runs 0 to 2, 3 to 5, 6 to 9; and 2 to 4.
    let shards = [(1, 3), (2, 3), (3, 3), (2, 4)].map(|(index, of)| {
        let directory = place.path().join(format!("{index}-of-{of}"));
        let mut alike = MadeUp { alike: true, ..engine(9) };
        let shard = shard_into(&directory, &plan, &mut alike, options, Shard { index, of }).unwrap();
        (directory, shard.files)
    });
    assert_eq!(shards[1].1, shards[3].1);
    let agreed = merged(&shards.map(|(directory, _)| directory), &place.path().join("out")).unwrap();
    assert_eq!(agreed.notes.len(), 1, "{:?}", agreed.notes);
    assert!(agreed.notes[0].starts_with("3 repeated runs could not be compared"), "{:?}", agreed.notes);
}

#[test]
fn the_likely_cause_of_a_disagreement_is_told() {
    let plan = mixed_plan();
    let place = tempdir().unwrap();
    let options = Options::default();
    let mut directories = shards(place.path(), &plan, options, &all_of(2));
    let other = place.path().join("other");
    let mut elsewhere = MadeUp { adapter: "elsewhere", wrong_every: Some(12), ..engine(9) };
    shard_into(&other, &plan, &mut elsewhere, options, Shard { index: 1, of: 2 }).unwrap();
    directories.push(other.clone());
    let out = place.path().join("out");
    let message = disagreement(&directories, &out);
    let cause =
        "different engines, none (processor) through made-up and elsewhere (processor) through made-up";
    assert!(message.contains("run 0 is not the same") && message.contains(cause), "{message}");
    // On the same machine.
    fs::remove_dir_all(&other).unwrap();
    let mut faulty = MadeUp { wrong_every: Some(12), ..engine(9) };
    shard_into(&other, &plan, &mut faulty, options, Shard { index: 1, of: 2 }).unwrap();
    let message = disagreement(&directories, &out);
    assert!(message.contains("is faulty"), "{message}");
    let mut manifest = Manifest::read(&other).unwrap().unwrap();
    manifest.git_hash = Some("abc".into());
    manifest.write(&other).unwrap();
    let message = disagreement(&directories, &out);
    assert!(message.contains("builds from different commits"), "{message}");

    // Trained on two machines, the first few runs on the one.
    fs::remove_dir_all(&other).unwrap();
    let mut broken = MadeUp { fail_at: Some(2), ..engine(9) };
    shard_into(&other, &plan, &mut broken, options, Shard { index: 1, of: 2 }).unwrap_err();
    let mut elsewhere = MadeUp { adapter: "elsewhere", ..engine(9) };
    sweep_into(&other, &plan, &mut elsewhere, options, true).unwrap();
    let causes = |name: &str, row: &'static str| {
        let kept = fs::read(other.join(name)).unwrap();
        forge(&other, name, change_field("steps", row, "7"));
        let message = disagreement(&directories, &out);
        forge(&other, name, |_| kept);
        message
    };
    let message = causes("runs.csv", "2,");
    assert!(message.contains("run 2 is not the same") && message.contains("is faulty"), "{message}");
    let message = causes("runs.csv", "20,");
    assert!(message.contains("run 20 is not the same") && message.contains(" and elsewhere "), "{message}");
}

#[test]
fn cells_are_said_to_be_trained_by_whoever_trained_their_first_run() {
    let plan = mixed_plan();
    let place = tempdir().unwrap();
    let options = Options { runs: RunsFile::None, ..Options::default() };
    let mut directories = shards(place.path(), &plan, options, &all_of(2));
    let other = place.path().join("other");
    let mut broken = MadeUp { fail_at: Some(2), ..engine(9) };
    shard_into(&other, &plan, &mut broken, options, Shard { index: 1, of: 2 }).unwrap_err();
    let mut elsewhere = MadeUp { adapter: "elsewhere", ..engine(9) };
    sweep_into(&other, &plan, &mut elsewhere, options, true).unwrap();
    directories.push(other.clone());
    // Run 0, and runs from 26 on.
    for (row, cause) in [("0,", "is faulty"), ("2,", " and elsewhere ")] {
        let kept = fs::read(other.join("cells.csv")).unwrap();
        forge(&other, "cells.csv", change_field("solved", row, "13"));
        let message = disagreement(&directories, &place.path().join("out"));
        assert!(message.contains(cause), "{message}");
        forge(&other, "cells.csv", |_| kept);
    }
}

#[test]
fn missing_runs_are_listed_with_what_trains_them() {
    let plan = mixed_plan();
    let place = tempdir().unwrap();
    let mut directories = shards(place.path(), &plan, all_files(), &all_of(7));
    let out = place.path().join("out");
    // Runs 11 to 21, and 44 to 65.
    for at in [5, 4, 1] {
        directories.remove(at);
    }
    let OutputError::Missing(message) = error(merged(&directories, &out)) else {
        panic!("nothing is missing")
    };
    assert!(message.contains("33 of 78 runs (11 to 21, 44 to 65) are missing"), "{message}");
    assert!(message.contains("train shards 2, 5-6 of 7"), "{message}");
    let command = "symbreak run SPEC --shard 2/7 --trace 2 --verify 0.5 --backend made-up";
    assert!(message.contains(command) && message.contains("--allow-missing"), "{message}");
    assert!(!out.exists());

    // Shards that overlap: what lies between is part of a third cut.
    let directories = shards(place.path(), &plan, all_files(), &[(1, 2), (2, 3), (3, 3)]);
    let OutputError::Missing(message) = error(merged(&directories, &out)) else {
        panic!("nothing is missing")
    };
    assert!(message.contains("13 of 78 runs (39 to 51) are missing; train shard 4 of 6"), "{message}");
    assert!(message.contains("2-of-3 has some of them"), "{message}");
    // Of two that are not taken, one ends where the missing runs begin, one begins where they end.
    let directories = shards(place.path(), &plan, all_files(), &[(1, 3), (2, 6), (3, 3), (5, 6)]);
    let OutputError::Missing(message) = error(merged(&directories, &out)) else {
        panic!("nothing is missing")
    };
    assert!(message.contains("26 of 78 runs (26 to 51) are missing"), "{message}");
    assert!(!message.contains("has some of them"), "{message}");
    let OutputError::Missing(message) = error(merged(&[], &out)) else { panic!("nothing is missing") };
    assert!(message.contains("no directory"), "{message}");
}

#[test]
fn an_unfinished_shard_is_missing_and_its_command_goes_on() {
    let plan = mixed_plan();
    let place = tempdir().unwrap();
    let mut directories = shards(place.path(), &plan, Options::default(), &[(1, 2)]);
    let begun = place.path().join("2-of-2.part");
    let mut ill = MadeUp { fail_at: Some(3), ..engine(5) };
    shard_into(&begun, &plan, &mut ill, Options::default(), Shard { index: 2, of: 2 }).unwrap_err();
    directories.push(begun.clone());
    let out = place.path().join("out");
    let OutputError::Missing(message) = error(merged(&directories, &out)) else {
        panic!("nothing is missing")
    };
    let done = Manifest::read(&begun).unwrap().unwrap().counts.runs_finished;
    assert!(
        done > 0 && message.contains(&format!("2-of-2.part has {done} of 39 runs, go on with it")),
        "{message}"
    );
    assert!(message.contains("--shard 2/2 --backend made-up --out "), "{message}");
    assert!(message.contains("2-of-2 --resume"), "{message}");
    // Alone.
    let OutputError::Missing(message) = error(merge(&directories[1..], &out, MISSING)) else { panic!() };
    assert!(
        message.contains("no shard that was named is finished") && message.contains("--resume"),
        "{message}"
    );

    // Beside its finished shard it is left over; and so is a place where nothing was begun.
    directories.extend(shards(place.path(), &plan, Options::default(), &[(2, 2)]));
    fs::create_dir(place.path().join("2-of-2.part-2")).unwrap();
    fs::create_dir(place.path().join("9-of-9.part")).unwrap();
    fs::create_dir(place.path().join("2-of-2.replaced")).unwrap();
    directories
        .extend(["2-of-2.part-2", "9-of-9.part", "2-of-2.replaced"].map(|name| place.path().join(name)));
    let all = merged(&directories, &out).unwrap();
    assert_eq!((all.taken, all.notes.len()), (2, 4), "{:?}", all.notes);
    let left =
        all.notes.iter().filter(|note| note.contains("left of an attempt at a shard that is finished"));
    assert_eq!(left.count(), 2, "{:?}", all.notes);
    assert_eq!(files(&out), files(&whole(place.path(), &plan, Options::default())));
}

#[test]
fn a_sweep_that_only_has_the_name_of_an_attempt_is_merged() {
    let (plan, place) = (mixed_plan(), tempdir().unwrap());
    let mut directories = shards(place.path(), &plan, Options::default(), &[(1, 2)]);
    let named = place.path().join("1-of-2.part");
    sweep_into(&named, &plan, &mut engine(9), Options::default(), false).unwrap();
    directories.push(named);
    let out = place.path().join("out");
    merged(&directories, &out).unwrap();
    assert_eq!(files(&out), files(&whole(place.path(), &plan, Options::default())));
}

#[test]
fn with_runs_missing_cells_count_those_that_are_there() {
    let plan = one_shape();
    let options = Options { trace: 2, save_params: true, ..Options::default() };
    let place = tempdir().unwrap();
    let whole = whole(place.path(), &plan, options);
    // Of 39 runs 0 to 4, 11 to 15 and 22 to 26.
    let directories = shards(place.path(), &plan, options, &[(1, 7), (3, 7), (5, 7)]);
    let out = place.path().join("out");
    let some = merge(&directories, &out, MISSING).unwrap();
    assert_eq!(some.manifest.status, Status::Incomplete);
    assert_eq!(some.manifest.missing, [(5, 11), (16, 22), (27, 39)]);
    assert_eq!(some.manifest.counts.runs_finished, 15);
    assert_eq!(Manifest::read(&out).unwrap().unwrap(), some.manifest);
    let text = |directory: &Path, name: &str| fs::read_to_string(directory.join(name)).unwrap();
    let there = |run: u64| [0..5, 11..16, 22..27].iter().any(|range| range.contains(&run));
    for name in ["runs.csv", "traces.csv"] {
        let expected = text(&whole, name);
        let (head, rows) = expected.split_once('\n').unwrap();
        let rows = rows.lines().filter(|row| there(row.split(',').next().unwrap().parse().unwrap()));
        let expected: String = [head].into_iter().chain(rows).map(|row| row.to_string() + "\n").collect();
        assert_eq!(text(&out, name), expected, "{name}");
    }
    // 13 runs a cell: 0 to 4, 11 and 12; 13 to 15 and 22 to 25; 26.
    let cells = text(&out, "cells.csv");
    let runs: Vec<&str> = cells.lines().skip(1).map(|row| row.split(',').nth(2).unwrap()).collect();
    assert_eq!(runs, ["7", "7", "1"]);
    let curves = text(&out, "curves.csv");
    assert!(curves.lines().any(|row| row.starts_with("1,0.001,40,7,")), "{curves}");
    // What the parameters are of is told by the rows beside them.
    let bytes = fs::read(out.join("params_final.npy")).unwrap();
    let array = npyz::NpyFile::new(&bytes[..]).unwrap();
    assert_eq!(array.shape(), [15, 9]);
    let values: Vec<f32> = array.into_vec().unwrap();
    let seeds = (0..39).filter(|&run| there(run)).map(|run| 1000.0 + (run % 13) as f32);
    assert!(values.iter().step_by(9).copied().eq(seeds));

    // Shown again, replaced by what has more, refused by what has others.
    assert!(merge(&directories, &out, MISSING).unwrap().was_there);
    let message = refusal(merge(&directories[..2], &out, MISSING).map(|_| ()));
    assert!(message.contains("an incomplete merge that has runs which are missing now"), "{message}");
    // What was missing is missing less: at its end, and at its start.
    for (name, with, missing) in
        [("end", (12, 13), [(27, 33), (36, 39)]), ("start", (10, 13), [(30, 39), (39, 39)])]
    {
        let out = place.path().join(name);
        let five = [&directories[..], &shards(place.path(), &plan, options, &[(2, 7), (4, 7)])].concat();
        merge(&five, &out, MISSING).unwrap();
        let six = [five, shards(place.path(), &plan, options, &[with])].concat();
        let less = merge(&six, &out, MISSING).unwrap();
        assert!(!less.was_there);
        let missing: Vec<(u64, u64)> = missing.into_iter().filter(|gap| gap.0 < gap.1).collect();
        assert_eq!(less.manifest.missing, missing, "{name}");
    }
    let more = shards(place.path(), &plan, options, &[(2, 7), (4, 7), (6, 7), (7, 7)]);
    let all = merged(&[directories, more].concat(), &out).unwrap();
    assert!(!all.was_there);
    assert_eq!(files(&out), files(&whole));
    let message = refusal(merged(&[place.path().join("1-of-7")], &place.path().join("1-of-7")).map(|_| ()));
    assert!(message.contains("is to be merged and is --out as well"), "{message}");
}

#[test]
fn an_incomplete_merge_is_no_shard() {
    let plan = mixed_plan();
    let place = tempdir().unwrap();
    let mut directories = shards(place.path(), &plan, Options::default(), &all_of(3));
    let out = place.path().join("out");
    merge(&directories[..2], &out, MISSING).unwrap();
    directories.push(out);
    let message = refusal(merged(&directories, &place.path().join("other")).map(|_| ()));
    assert!(message.contains("is an incomplete merge"), "{message}");
}

#[test]
fn parts_of_other_sweeps_are_refused() {
    let place = tempdir().unwrap();
    let first = shards(place.path(), &mixed_plan(), all_files(), &[(1, 2)]).remove(0);
    let out = place.path().join("out");
    let refused = |other: &Path| refusal(merged(&[first.clone(), other.to_path_buf()], &out).map(|_| ()));
    let other = plan(
        "[train]\nsteps = 41\n[sweep]\n\"init.scale\" = \"0.1,1e-3,2\"\n\"net.hidden\" = \"2,1\"\n[runs]\nseeds = 13",
    );
    let message = refused(&shards(&place.path().join("plan"), &other, all_files(), &[(2, 2)])[0]);
    assert!(message.contains("different plans") && message.contains("train.steps: 40 in "), "{message}");
    let options = Options { verify: 0.25, runs: RunsFile::None, ..all_files() };
    let second = shards(&place.path().join("options"), &mixed_plan(), options, &[(2, 2)]).remove(0);
    let message = refused(&second);
    assert!(message.contains("different options") && message.contains("--runs csv in "), "{message}");
    assert!(
        message.contains("none in ") && message.contains("--verify 0.5 in ") && !message.contains("--trace"),
        "{message}"
    );

    let second = shards(place.path(), &mixed_plan(), all_files(), &[(2, 2)]).remove(0);
    let sealed = Manifest::read(&second).unwrap().unwrap();
    let with = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = sealed.clone();
        change(&mut manifest);
        manifest.write(&second).unwrap();
        error(merged(&[first.clone(), second.clone()], &out)).to_string()
    };
    let message = with(&|manifest| manifest.program_version = "0.0.1".into());
    assert!(message.contains("written by version 0.0.1"), "{message}");
    let message = with(&|manifest| manifest.schema_version = 1);
    assert!(message.contains("its schema_version is 1"), "{message}");
    let message = with(&|manifest| manifest.plan_hash = "another".into());
    assert!(message.contains("its plan_hash is not that of its spec"), "{message}");
    let message = with(&|manifest| manifest.counts.runs_finished -= 1);
    assert!(message.contains("not all runs are counted"), "{message}");
    let message = with(&|manifest| manifest.shard = Some(Shard { index: 0, of: 2 }));
    assert!(message.contains("its numbers of runs cannot be"), "{message}");
    for change in [
        (|manifest| manifest.runs += 13) as fn(&mut Manifest),
        |manifest| manifest.seeds += 1,
        |manifest| (manifest.runs, manifest.cell_count) = (0, 0),
    ] {
        let message = with(&change);
        assert!(message.contains("its numbers of runs cannot be"), "{message}");
    }
    let message = with(&|manifest| manifest.files.clear());
    assert!(message.contains("does not tell what was written"), "{message}");
    sealed.write(&second).unwrap();

    fs::write(place.path().join("file"), "").unwrap();
    fs::create_dir(place.path().join("empty")).unwrap();
    for (name, expected) in
        [("nowhere", "cannot be merged"), ("file", "not a directory"), ("empty", "holds no manifest.json")]
    {
        let message = refused(&place.path().join(name));
        assert!(message.contains(expected), "{message}");
    }
    assert!(!out.exists());
    merged(&[first, second], &out).unwrap();
}

#[test]
fn a_merge_that_fails_leaves_the_place_as_it_was() {
    let place = tempdir().unwrap();
    let directories = shards(place.path(), &mixed_plan(), all_files(), &all_of(4));
    let (made, there) = (place.path().join("made"), place.path().join("there"));
    fs::create_dir(&there).unwrap();
    let fails = || {
        let [_, message] = [&made, &there].map(|out| {
            let message = error(merged(&directories, out)).to_string();
            // But for the place where files are made, which is empty.
            assert!(fs::read_dir(&there).unwrap().all(|entry| entry.unwrap().file_name() == PLACE));
            assert!(fs::read_dir(there.join(PLACE)).map_or(true, |mut entries| entries.next().is_none()));
            assert!(!made.exists());
            message
        });
        message
    };
    let kept = |name: &str| fs::read(directories[1].join(name)).unwrap();
    // Files that are what the manifest tells, and not what they should be.
    let head = kept("cells.csv");
    forge(&directories[1], "cells.csv", |bytes| [b"x", &bytes[..]].concat());
    assert!(fails().contains("cells.csv: its columns are not those of "));
    forge(&directories[1], "cells.csv", |_| head);
    let cells = kept("partial_cells.jsonl");
    forge(&directories[1], "partial_cells.jsonl", |bytes| [&bytes[..], &bytes[..]].concat());
    assert!(fails().contains("its cells are not those at the borders"));
    forge(&directories[1], "partial_cells.jsonl", |_| cells);
    // Something else in the place of a file.
    fs::remove_file(directories[1].join("runs.csv")).unwrap();
    assert!(fails().contains("it is not there any more"));
    fs::create_dir(directories[1].join("runs.csv")).unwrap();
    let message = fails();
    assert!(message.contains("runs.csv") && message.contains("no regular file"), "{message}");
}

/// The files that a spec names need not be there: their hashes are in the plan.
#[test]
fn the_data_of_a_sweep_need_not_be_there_any_more() {
    let place = tempdir().unwrap();
    let data = place.path().join("a.csv");
    fs::write(&data, "a,b,y\n1,2,u\n3,4,v\n5,6,u\n").unwrap();
    let text = format!(
        "name = \"t\"\n[task]\ndataset = \"csv\"\npath = '{}'\ntarget_columns = [\"y\"]\n[train]\nsteps = 4\n\
         [sweep]\n\"init.scale\" = \"0.1,2\"\n[runs]\nseeds = 5",
        data.display()
    );
    let (plan, _) = symbreak::spec::parse(&text, "t.toml", &Default::default()).unwrap();
    let directories = shards(place.path(), &plan, Options::default(), &all_of(3));
    let whole = whole(place.path(), &plan, Options::default());
    fs::remove_file(&data).unwrap();
    merged(&directories, &place.path().join("out")).unwrap();
    assert_eq!(files(&place.path().join("out")), files(&whole));
}

#[test]
fn a_changed_byte_in_any_file_is_refused() {
    let plan = one_shape();
    for runs in [RunsFile::Csv, RunsFile::Parquet] {
        a_changed_byte_is_refused(&plan, Options { runs, trace: 2, save_params: true, ..Options::default() });
    }
}

fn a_changed_byte_is_refused(plan: &Plan, options: Options) {
    let place = tempdir().unwrap();
    let expected = files(&whole(place.path(), plan, options));
    let directories = shards(place.path(), plan, options, &all_of(3));
    let out = place.path().join("out");
    let names: Vec<String> = files(&directories[1]).into_keys().collect();
    assert_eq!(names.len(), 9, "{names:?}");
    let mut random = StdRng::seed_from_u64(9);
    for name in names {
        let path = directories[1].join(&name);
        let bytes = fs::read(&path).unwrap();
        for trial in 0..12 {
            let mut changed = bytes.clone();
            let at = random.random_range(0..bytes.len().max(1));
            match trial {
                0 => changed.truncate(at),
                1 => changed.push(b'\n'),
                _ if bytes.is_empty() => changed.push(0),
                _ => changed[at] ^= 1 << random.random_range(0..8),
            }
            if changed == bytes {
                continue;
            }
            fs::write(&path, &changed).unwrap();
            match merged(&directories, &out) {
                // Spaces of the manifest mean nothing, and the data package is made anew.
                Ok(_) => {
                    assert!(["manifest.json", "datapackage.json"].contains(&name.as_str()), "{name}");
                    assert_eq!(files(&out), expected);
                    fs::remove_dir_all(&out).unwrap();
                }
                Err(error) => {
                    assert!(matches!(error, OutputError::Damaged { .. }), "{name}: {error}");
                    let said = error.to_string();
                    assert!(said.contains("2-of-3"), "{said}");
                    if name != "manifest.json" {
                        let again = "train the shard again, with the SPEC and flags as before: symbreak run SPEC --shard 2/3 ";
                        let flags = "--trace 2 --save-params --backend made-up --out ";
                        assert!(
                            said.contains(&name) && said.contains(again) && said.contains(flags),
                            "{said}"
                        );
                    }
                    assert!(!out.exists());
                }
            }
        }
        fs::write(&path, &bytes).unwrap();
    }
    // Two of them, one gone.
    fs::remove_file(directories[0].join("curves.csv")).unwrap();
    fs::write(directories[2].join("traces.csv"), "").unwrap();
    let said = error(merged(&directories, &out)).to_string();
    assert!(
        said.contains("curves.csv: it is not there any more") && said.contains("and the same with "),
        "{said}"
    );
}

#[test]
fn engines_are_told_apart_and_threads_are_not() {
    let plan = mixed_plan();
    let place = tempdir().unwrap();
    let machines = [("", 1), ("", 16), ("elsewhere", 2), ("elsewhere", 3)];
    let directories: Vec<PathBuf> = (1..)
        .zip(machines)
        .map(|(index, (adapter, threads))| {
            let directory = place.path().join(index.to_string());
            let mut engine = MadeUp { adapter, threads, ..engine(9) };
            shard_into(&directory, &plan, &mut engine, Options::default(), Shard { index, of: 4 }).unwrap();
            directory
        })
        .collect();
    let out = place.path().join("out");
    let all = merged(&directories, &out).unwrap();
    assert_eq!(all.warnings.len(), 1);
    let both = "elsewhere (processor) through made-up; none (processor) through made-up";
    assert!(
        all.warnings[0].contains("different engines") && all.warnings[0].contains(both),
        "{}",
        all.warnings[0]
    );
    let stint = |from, to, adapter: &str, threads| Stint {
        from,
        to,
        engine: symbreak::engine::Description {
            adapter: adapter.into(),
            threads,
            ..all.manifest.engine.clone()
        },
        git_hash: symbreak::output::manifest::git_hash(),
    };
    assert_eq!(all.manifest.trained_by, [stint(0, 39, "none", 1), stint(39, 78, "elsewhere", 2)]);
    assert_eq!((all.manifest.engine.adapter.as_str(), all.manifest.engine.threads), ("none", 1));
    let same = merge(&directories[..2], &place.path().join("same"), MISSING).unwrap();
    assert!(same.warnings.is_empty());
    assert_eq!(same.manifest.trained_by, [stint(0, 39, "none", 1)]);
    // Builds of one version.
    let mut manifest = Manifest::read(&directories[0]).unwrap().unwrap();
    manifest.git_hash = Some("abc".into());
    manifest.write(&directories[0]).unwrap();
    let other = merge(&directories[..2], &place.path().join("builds"), MISSING).unwrap();
    let warning = &other.warnings[0];
    assert!(warning.contains("different commits: ") && warning.contains("abc"), "{warning}");
    // Of one shard.
    manifest.git_hash = Manifest::read(&directories[1]).unwrap().unwrap().git_hash;
    manifest.trained_by[0].git_hash = Some("def".into());
    manifest.write(&directories[0]).unwrap();
    let other = merge(&directories[..2], &place.path().join("stints"), MISSING).unwrap();
    let warning = &other.warnings[0];
    assert!(warning.contains("different commits: ") && warning.contains("def"), "{warning}");
}

#[test]
fn sums_are_of_the_shards_that_were_taken() {
    let plan = mixed_plan();
    let place = tempdir().unwrap();
    let directories = shards(place.path(), &plan, all_files(), &all_of(3));
    for (at, directory) in directories.iter().enumerate() {
        let mut manifest = Manifest::read(directory).unwrap().unwrap();
        manifest.training_seconds = [1.0, 2.0, 4.0][at];
        manifest.total_seconds = [8.0, 16.0, 32.0][at];
        manifest.started_at = [50, 40, 60][at];
        manifest.verification.as_mut().unwrap().engine = ["cpu", "reference", "cpu"][at].into();
        manifest.write(directory).unwrap();
    }
    let found = merged(&directories, &place.path().join("out")).unwrap().manifest;
    assert_eq!((found.training_seconds, found.total_seconds, found.started_at), (7.0, 56.0, 40));
    let whole = Manifest::read(&whole(place.path(), &plan, all_files())).unwrap().unwrap();
    let (found, whole) = (found.verification.unwrap(), whole.verification.unwrap());
    assert_eq!(found.engine, "cpu, reference");
    assert_eq!((found.sampled, found.unexplained), (whole.sampled, whole.unexplained));
    assert_eq!(found.unexplained_runs, whole.unexplained_runs);
}

#[test]
fn what_a_killed_merge_left_is_replaced() {
    let plan = mixed_plan();
    let place = tempdir().unwrap();
    let expected = files(&whole(place.path(), &plan, all_files()));
    let directories = shards(place.path(), &plan, all_files(), &all_of(3));
    let out = place.path().join("out");
    // While files were made.
    fs::create_dir_all(out.join(PLACE)).unwrap();
    fs::write(out.join(PLACE).join("runs.csv"), "half a r").unwrap();
    fs::write(out.join("sweep.lock"), r#"{"pid":1,"host":"elsewhere"}"#).unwrap();
    merged(&directories, &out).unwrap();
    assert_eq!(files(&out), expected);
    // While they got their places.
    fs::create_dir(out.join(PLACE)).unwrap();
    fs::rename(out.join("cells.csv"), out.join(PLACE).join("cells.csv")).unwrap();
    fs::remove_file(out.join("manifest.json")).unwrap();
    merged(&directories, &out).unwrap();
    assert_eq!(files(&out), expected);
    // At the very end.
    fs::create_dir(out.join(PLACE)).unwrap();
    assert!(merged(&directories, &out).unwrap().was_there);
}

#[test]
fn a_directory_that_holds_something_else_is_refused_or_forced() {
    let plan = mixed_plan();
    let place = tempdir().unwrap();
    let expected = files(&whole(place.path(), &plan, Options::default()));
    let directories = shards(place.path(), &plan, Options::default(), &all_of(3));
    let refused = |out: &Path| refusal(merged(&directories, out).map(|_| ()));
    let out = place.path().join("out");
    let forced = |out: &Path| {
        merge(&directories, out, FORCE).unwrap();
        assert_eq!(files(out), expected);
        fs::remove_dir_all(out).unwrap();
    };
    // An empty one is as none.
    fs::create_dir(&out).unwrap();
    merged(&directories, &out).unwrap();
    assert!(merged(&directories, &out).unwrap().was_there);
    fs::write(out.join("cells.csv"), "cell\n").unwrap();
    let said = error(merged(&directories, &out)).to_string();
    assert!(said.contains("cells.csv: it has 5 bytes") && said.contains("--force merges again"), "{said}");
    forced(&out);

    fs::create_dir(&out).unwrap();
    fs::write(out.join("notes.txt"), "mine").unwrap();
    assert!(refused(&out).contains("holds files but no sweep"));
    merge(&directories, &out, FORCE).unwrap();
    assert_eq!(fs::read(out.join("notes.txt")).unwrap(), b"mine");
    fs::remove_file(out.join("notes.txt")).unwrap();
    assert_eq!(files(&out), expected);
    fs::remove_dir_all(&out).unwrap();

    sweep_into(&out, &one_shape(), &mut engine(9), Options::default(), false).unwrap();
    let message = refused(&out);
    assert!(message.contains("another plan") && message.contains("net.hidden"), "{message}");
    forced(&out);
    shard_into(&out, &plan, &mut engine(9), Options::default(), Shard { index: 1, of: 5 }).unwrap();
    assert!(refused(&out).contains("shard 1/5 of this plan"));
    forced(&out);
    let mut ill = MadeUp { fail_at: Some(2), ..engine(9) };
    sweep_into(&out, &plan, &mut ill, Options::default(), false).unwrap_err();
    assert!(refused(&out).contains("an unfinished sweep"));
    forced(&out);
    let mut elsewhere = MadeUp { adapter: "elsewhere", ..engine(9) };
    sweep_into(&out, &plan, &mut elsewhere, Options::default(), false).unwrap();
    assert!(
        refused(&out).contains("by another engine (elsewhere through made-up, now none through made-up)")
    );
    forced(&out);
    sweep_into(&out, &plan, &mut engine(9), all_files(), false).unwrap();
    let message = refused(&out);
    assert!(
        message.contains("other options (--trace 2 there, 0 here; --verify 0.5 there, 0 here)"),
        "{message}"
    );
    forced(&out);

    // Inside a shard; and around them.
    let message = refused(&directories[0].join("out"));
    assert!(message.contains("lies in") && message.contains("1-of-3"), "{message}");
    let around = place.path();
    assert!(refused(around).contains("holds files but no sweep"));
    merge(&directories, around, FORCE).unwrap();
    assert_eq!(fs::read(around.join("cells.csv")).unwrap(), expected["cells.csv"]);
    // The result among the directories, as a glob finds it.
    let again = [&directories[..], &[around.to_path_buf()]].concat();
    let shown = merged(&again, around).unwrap();
    assert!(shown.was_there && shown.notes[0].contains("is where the merge goes"), "{:?}", shown.notes);
}

#[test]
fn a_merge_is_the_sweep_to_whoever_runs_it() {
    let plan = mixed_plan();
    let place = tempdir().unwrap();
    let directories = shards(place.path(), &plan, all_files(), &all_of(3));
    let out = place.path().join("out");
    merged(&directories, &out).unwrap();
    let wanted = Manifest::new(&plan, symbreak::engine::Engine::description(&engine(1)), all_files(), &[]);
    for permission in [Permission::None, Permission::Resume] {
        assert!(matches!(decide(&out, &plan, &wanted, permission), Ok(Decision::Show(_))));
    }
    let some = place.path().join("some");
    merge(&directories[1..], &some, MISSING).unwrap();
    let message = refusal(decide(&some, &plan, &wanted, Permission::Resume));
    assert!(message.contains("a merge that lacks 26 of the runs"), "{message}");
}

mod by_command {
    use std::process::{Command as Process, Stdio};
    use std::time::Duration;

    use assert_cmd::Command;
    use predicates::prelude::*;
    use predicates::str::contains;

    use super::*;

    fn symbreak(place: &TempDir, words: &str) -> Command {
        let mut command = Command::cargo_bin("symbreak").unwrap();
        command.current_dir(place.path()).args(words.split_whitespace());
        command
    }

    /// A sweep that is trained in earnest: 10 cells of 5 runs.
    const SWEEP: &str = "run xor-scale --backend cpu --set train.steps=200 --sweep init.scale=0,log:0.01:10:4 \
                         --seeds 5 --trace 1 --verify 0.2";

    #[test]
    fn real_shards_merge_to_the_real_sweep_which_is_then_not_run_again() {
        let place = tempdir().unwrap();
        let table =
            symbreak(&place, &format!("{SWEEP} --out whole")).assert().success().get_output().stdout.clone();
        for index in [3, 1, 7, 2, 6, 5, 4] {
            symbreak(&place, &format!("{SWEEP} --threads {index} --shard {index}/7")).assert().success();
        }
        symbreak(&place, &format!("{SWEEP} --shard 4/7 --out again")).assert().success();
        let merge = |more: &str| {
            let mut command = symbreak(&place, "merge again --out results/xor-scale");
            // As a shell would.
            for index in [7, 1, 2, 3, 4, 5, 6] {
                command.arg(format!("results/xor-scale-shards/{index}-of-7"));
            }
            command.args(more.split_whitespace());
            command
        };
        let shown = merge("").assert().success().stderr("").get_output().stdout.clone();
        // Of the manifest, threads are those of the first shard, and clocks differ.
        let comparable = |directory: &str| {
            let mut files = files(&place.path().join(directory));
            let mut manifest: Json = serde_json::from_slice(&files["manifest.json"]).unwrap();
            manifest["threads"] = 0.into();
            manifest["trained_by"][0]["threads"] = 0.into();
            files.insert("manifest.json".into(), serde_json::to_vec(&manifest).unwrap());
            files
        };
        assert_eq!(comparable("results/xor-scale"), comparable("whole"));
        let table =
            String::from_utf8(table).unwrap().replace("results in whole", "results in results/xor-scale");
        let account = "merged from 7 directories; 1 more with runs that these have, too, agree\n";
        assert_eq!(String::from_utf8(shown).unwrap(), table.clone() + account);
        merge("").assert().success().stderr(contains("holds this merge already"));
        merge("--quiet").assert().success().stderr("");

        symbreak(&place, SWEEP).assert().success().stdout(table).stderr(contains("showing it again"));
        let json = |words: &str| -> Json {
            let output = symbreak(&place, words).assert().success().get_output().stdout.clone();
            serde_json::from_slice(&output).unwrap()
        };
        let document = json(&format!("{SWEEP} --json"));
        let again: Json =
            serde_json::from_slice(&merge("--json").assert().success().get_output().stdout.clone()).unwrap();
        assert_eq!(document, again);
        assert_eq!(document["cells"], json(&format!("{SWEEP} --out whole --json"))["cells"]);
    }

    #[test]
    fn what_is_missing_and_what_is_wrong_have_their_statuses() {
        let place = tempdir().unwrap();
        for shard in [
            "2 --shard 1/3 --out a",
            "2 --shard 3/3 --out c",
            "2 --shard 1/3 --out d",
            "3 --shard 2/3 --out e",
        ] {
            symbreak(&place, &format!("run xor-scale --backend mock --seeds {shard}")).assert().success();
        }
        symbreak(&place, "merge a c --out out")
            .assert()
            .code(1)
            .stdout("")
            .stderr(contains("error: ").count(1).and(contains("(22 to 44) are missing; train shard 2 of 3")));
        symbreak(&place, "merge a c --out out --allow-missing").assert().success().stdout(contains(
            "merged from 2 directories\nincomplete: 23 of 68 runs (22 to 44) are missing\n",
        ));
        symbreak(&place, "merge a e --out other")
            .assert()
            .code(2)
            .stderr(contains("runs.seeds: 2 in a, 3 in e"));
        symbreak(&place, "merge a").assert().code(2).stderr(contains("--out"));
        symbreak(&place, "merge --out a").assert().code(2).stderr(contains("<DIR>..."));
        forge(&place.path().join("d"), "runs.csv", change_field("steps", "5,", "1"));
        symbreak(&place, "merge a c d --allow-missing --out other")
            .assert()
            .code(1)
            .stderr(contains("run 5 is not the same in a and d: in runs.csv steps is"));
        fs::write(place.path().join("d/runs.csv"), "").unwrap();
        symbreak(&place, "merge a c d --allow-missing --out other")
            .assert()
            .code(1)
            .stderr(contains("error: d/runs.csv: it is not what was written; train the shard again"));
        assert!(!place.path().join("other").exists());
        let mut manifest = Manifest::read(&place.path().join("a")).unwrap().unwrap();
        manifest.verification = Some(symbreak::output::Verification {
            engine: "cpu".into(),
            sampled: 2,
            unexplained: 2,
            unexplained_runs: vec![3, 17],
            ..Default::default()
        });
        manifest.write(&place.path().join("a")).unwrap();
        symbreak(&place, "merge a c --out out --allow-missing --force")
            .assert()
            .code(3)
            .stdout(contains("incomplete: "))
            .stderr(contains("verification failed: 2 of 2"));
    }

    /// Shards with rows enough that a merge takes a while.
    fn large(place: &TempDir) -> Vec<PathBuf> {
        let of = |index: u64| {
            let words = "run xor-scale --backend mock --seeds 3000 --sweep net.activation=tanh --set train.steps=2 --shard";
            symbreak(place, &format!("{words} {index}/3 --out {index}")).assert().success();
            place.path().join(index.to_string())
        };
        (1..=3).map(of).collect()
    }

    #[test]
    fn a_merge_that_is_killed_at_any_moment_is_done_again() {
        let place = tempdir().unwrap();
        let directories = large(&place);
        let words = ["merge", "1", "2", "3", "--out", "out"];
        let expected = place.path().join("expected");
        let started = std::time::Instant::now();
        merged(&directories, &expected).unwrap();
        let takes = started.elapsed();
        let (mut random, mut killed) = (StdRng::seed_from_u64(3), 0);
        for _ in 0..30 {
            let mut child = Process::new(assert_cmd::cargo::cargo_bin("symbreak"))
                .current_dir(place.path())
                .args(words)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_secs_f64(takes.as_secs_f64() * random.random_range(0.0..1.5)));
            child.kill().unwrap();
            killed += usize::from(!child.wait().unwrap().success());
            let out = place.path().join("out");
            // Whoever finds a manifest finds everything.
            if let Some(manifest) = Manifest::read(&out).unwrap_or_default() {
                manifest.check(&out).unwrap();
                fs::remove_dir_all(&out).unwrap();
            }
        }
        assert!(killed > 0, "none was killed in time");
        symbreak(&place, &words.join(" ")).assert().success();
        assert_eq!(files(&place.path().join("out")), files(&expected));
    }

    #[cfg(unix)]
    #[test]
    fn a_full_disk_leaves_the_shards_and_no_result() {
        let place = tempdir().unwrap();
        let directories = large(&place);
        let before: Vec<_> = directories.iter().map(|directory| files(directory)).collect();
        // A limit on the size of files stands in for a disk that fills up after a while.
        let on_a_full_disk = || {
            Command::new("sh")
                .current_dir(place.path())
                .args(["-c", "ulimit -f 1024; trap '' XFSZ; exec \"$0\" \"$@\""])
                .arg(assert_cmd::cargo::cargo_bin("symbreak"))
                .args(["merge", "1", "2", "3", "--out", "out"])
                .assert()
                .code(1)
                .stdout("")
                .stderr(contains("error: cannot write out/merge.part/runs.csv"));
        };
        on_a_full_disk();
        let out = place.path().join("out");
        assert!(!out.exists());
        assert!(before.into_iter().eq(directories.iter().map(|directory| files(directory))));
        merged(&directories, &out).unwrap();
        let expected = files(&out);
        // A merge that was killed on its last steps stays one, whatever comes of the next.
        fs::remove_file(out.join("manifest.json")).unwrap();
        let elsewhere = place.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("kept"), "").unwrap();
        std::os::unix::fs::symlink(&elsewhere, out.join(PLACE)).unwrap();
        on_a_full_disk();
        assert!(fs::read_dir(out.join(PLACE)).unwrap().next().is_none(), "it leaves no room for others");
        assert!(elsewhere.join("kept").exists());
        merged(&directories, &out).unwrap();
        assert_eq!(files(&out), expected);
    }

    #[test]
    fn two_merges_at_once_do_not_mix() {
        let place = tempdir().unwrap();
        let directories = large(&place);
        let out = place.path().join("out");
        let lock = symbreak::output::lock::Lock::take(&out).unwrap();
        symbreak(&place, "merge 1 2 3 --out out --force")
            .assert()
            .code(2)
            .stderr(contains("another process").and(contains("is writing")));
        drop(lock);
        merged(&directories, &out).unwrap();
    }
}
