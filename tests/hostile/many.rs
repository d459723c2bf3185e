//! More runs, cells, programs and tasks than anybody can train.

use std::fs;

use serde_json::Value as Json;
use tempfile::tempdir;

#[cfg(unix)]
use crate::child::watch_while;
use crate::child::{BOUND, run, symbreak, watch, words};

/// 10^12 runs in one cell.
const MANY: &str =
    "run xor-scale --set net.activation=tanh --set init.scale=1 --set train.steps=1 --seeds 1000000000000";

#[test]
fn a_million_million_runs_are_planned_and_cut_at_once() {
    let place = tempdir().unwrap();
    for backend in ["mock", "cpu"] {
        let more = |more: &str| words(place.path(), &format!("{MANY} --backend {backend} {more}"));
        let dry = more("--dry-run");
        assert!(dry.done().contains("1 cells x 1000000000000 seeds = 1000000000000 runs"), "{dry:?}");
        let document: Json = serde_json::from_str(more("--dry-run --json").done()).unwrap();
        assert_eq!(document["runs"], 1_000_000_000_000u64);
        let part = more("--dry-run --shard 7/1000000000000");
        assert!(
            part.done().contains("shard 7/1000000000000 of 1 cells x 1000000000000 seeds: 1 runs"),
            "{part:?}"
        );
        // The last of them is trained like any other.
        more(&format!("--shard 1000000000000/1000000000000 --out {backend}")).done();
        let rows = fs::read_to_string(place.path().join(backend).join("runs.csv")).unwrap();
        assert!(rows.lines().nth(1).unwrap().starts_with("999999999999,0,999999999999,"), "{rows}");
        for (shard, message) in [
            ("0/5", "numbered from 1 to N, so there is no 0/5"),
            ("1/1000000000001", "the sweep has 1000000000000 runs, so at most as many shards"),
            ("1/99999999999999999999999", "expected I/N"),
            ("1/0", "--shard"),
        ] {
            more(&format!("--shard {shard}")).refused(2, &[message]);
        }
    }
    let slurm = MANY.replace("run ", "slurm ") + " --backend cpu --tasks 4000000 --dry-run";
    assert!(words(place.path(), &slurm).done().contains("#SBATCH --array=1-4000000\n"));
    for tasks in ["4000001", "1000000000000", "0"] {
        let slurm = slurm.replace("4000000", tasks);
        words(place.path(), &slurm).refused(2, &["--tasks <N>", "is not in 1..=4000000"]);
    }
}

/// What is recorded for a page of an activation is in memory at once.
#[cfg(feature = "gpu")]
#[test]
fn a_page_records_no_more_than_it_can_hold() {
    let place = tempdir().unwrap();
    for seeds in [1_000_000_u64, 1_000_000_000_000] {
        let live = format!("report --live xor-scale --out live.html --seeds {seeds}");
        words(place.path(), &live).refused(2, &["at most 1000000 are recorded", "use fewer --seeds"]);
    }
}

/// Whoever wants them all gets them one by one, and ends it when he has waited enough.
#[cfg(unix)]
#[test]
fn a_million_million_runs_take_no_more_memory_than_a_few() {
    let place = tempdir().unwrap();
    let arguments =
        format!("{MANY} --backend cpu --threads 2 --trace 18446744073709551615 --save-params --out out");
    let journal = place.path().join("out/journal.jsonl");
    let mut interrupted = false;
    let words: Vec<&str> = arguments.split_whitespace().collect();
    let ended = watch_while(&mut symbreak(place.path(), &words), BOUND, |child| {
        if !interrupted && fs::metadata(&journal).is_ok_and(|data| data.len() > 0) {
            interrupted = true;
            let pid = child.id().to_string();
            assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        }
    });
    assert_eq!(ended.status, Some(130), "{ended:?}");
    assert!(ended.said.contains("of 1000000000000 runs are kept in out"), "{ended:?}");
    let runs = fs::read_to_string(place.path().join("out/runs.csv")).unwrap().lines().count();
    assert!(runs > 1, "{runs}");
}

#[test]
fn numbers_that_multiply_beyond_all_bounds_are_refused() {
    let place = tempdir().unwrap();
    let mock = |arguments: &[&str]| {
        run(place.path(), &[&["run", "xor-scale", "--backend", "mock"], arguments].concat())
    };
    mock(&["--seeds", "18446744073709551615"])
        .refused(2, &["34 cells × 18446744073709551615 seeds are more runs than 64 bits can count"]);
    mock(&["--seeds", "18446744073709551616"]).refused(2, &["--seeds", "expected a whole number"]);
    let keys = [
        "train.lr",
        "init.scale",
        "init.base_value",
        "train.weight_decay",
        "train.lr_hidden",
        "train.lr_output",
    ];
    let sweeps: Vec<String> = keys.iter().map(|key| format!("--sweep={key}=lin:0:1:10000")).collect();
    mock(&sweeps.iter().map(String::as_str).collect::<Vec<_>>())
        .refused(2, &["the sweep has more than 10000000 cells: "]);
    mock(&["--sweep", "train.lr=lin:0:1:10000001"])
        .refused(2, &["train.lr (--sweep): ", "expected for N a whole number from 1 to 10000000"]);
    // Each value makes a program, and each of those would be tried out.
    let alone = [
        "--set",
        "net.activation=tanh",
        "--set",
        "init.scale=1",
        "--sweep",
        "train.steps=lin:1:100000:100000",
    ];
    mock(&[&alone[..], &["--dry-run"]].concat())
        .refused(2, &["this sweep has 100000, more than 1000", "--shard I/N"]);
    mock(&[&alone[..], &["--dry-run", "--seeds", "1", "--shard", "1/1000"]].concat()).done();
    let steps = [
        "--set",
        "net.activation=tanh",
        "--set",
        "init.scale=1",
        "--sweep",
        "train.steps=lin:1:10000000:10000000",
    ];
    let mut command =
        symbreak(place.path(), &[&["run", "xor-scale", "--backend", "mock"], &steps[..]].concat());
    watch(&mut command, 3 << 30).refused(2, &["the sweep has more than 1048576 programs"]);
    // Each value of one number makes a base point.
    let values = format!("--set=init.values=[{}]", vec!["0"; 16001].join(","));
    let points = [&values[..], "--set", "net.hidden=4000", "--sweep", "init.value.0=lin:0:1:100000"];
    let mut command =
        symbreak(place.path(), &[&["run", "xor-scale", "--backend", "mock"], &points[..]].concat());
    watch(&mut command, 3 << 30).refused(
        2,
        &["init.values (--set): the base points of the cells up to here have more than 268435456 numbers"],
    );
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "nothing is written");
}
