//! A million runs on the `cpu` engine: complete files, in memory that grows neither with the number of runs nor of cells.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use symbreak::output::{Manifest, parquet};
use tempfile::tempdir;

const RUNS: u64 = 1_000_000;

/// The most memory that two threads may take for them, in bytes: a few windows of 2^17 runs and a row group, about half of
/// this, and as much to spare.
const BOUND: u64 = 400 << 20;

/// Shapes of the sweep: one cell, and many.
const SHAPES: [(&str, u64); 2] = [
    ("--set net.activation=tanh --set init.scale=1", 1),
    ("--sweep net.activation=tanh --sweep init.scale=lin:0.1:1:100 --sweep train.lr=lin:0.1:1:100", 10_000),
];

/// Runs the program to its end and gives the most memory that it had, as the operating system tells it every two
/// milliseconds; `None` where it doesn't.
fn peak(words: &str, directory: &Path) -> Option<u64> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_symbreak"))
        .current_dir(directory)
        .args(words.split_whitespace())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        // A process that has ended has no such line any more.
        if let Some(kilobytes) = line.and_then(|line| line.trim().strip_suffix(" kB")) {
            peak = Some(1024 * kilobytes.parse::<u64>().unwrap());
        }
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success(), "{words}");
            return peak;
        }
        sleep(Duration::from_millis(2));
    }
}

/// Whether there is a peak to compare; says so if not.
fn measured(peak: Option<u64>) -> Option<u64> {
    if peak.is_none() {
        assert!(
            std::env::var_os("REQUIRE_PEAK").is_none(),
            "REQUIRE_PEAK is set, but there is no /proc/PID/status"
        );
        eprintln!("NOTE: peak memory is not checked: this system has no /proc/PID/status");
    }
    peak
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_million_runs_take_no_more_memory_than_a_few_windows() {
    for (shape, cells) in SHAPES {
        let place = tempdir().unwrap();
        for runs in ["none", "parquet"] {
            let seeds = RUNS / cells;
            let words = format!(
                "run xor-scale --set train.steps=10 {shape} --seeds {seeds} --backend cpu --threads 2 --quiet \
                 --runs {runs} --out {runs}"
            );
            if let Some(peak) = measured(peak(&words, place.path())) {
                assert!(peak < BOUND, "{} MiB for {words}", peak >> 20);
            }
            let out = place.path().join(runs);
            let manifest = Manifest::read(&out).unwrap().unwrap();
            assert_eq!(manifest.counts.runs_finished, RUNS);
            manifest.check(&out).unwrap();
            let rows = |name: &str| fs::read_to_string(out.join(name)).unwrap().lines().count() as u64 - 1;
            assert_eq!(rows("cells.csv"), cells);
            assert_eq!(rows("curves.csv"), 11 * cells, "steps 0 to 10");
        }
        let (none, parquet) = (place.path().join("none"), place.path().join("parquet"));
        assert_eq!(names(&none), ["cells.csv", "curves.csv", "manifest.json"]);
        assert_eq!(names(&parquet), ["cells.csv", "curves.csv", "manifest.json", "runs.parquet"]);
        for name in ["cells.csv", "curves.csv"] {
            assert!(fs::read(none.join(name)).unwrap() == fs::read(parquet.join(name)).unwrap(), "{name}");
        }
        let mut next = 0;
        for group in parquet::read(&parquet.join("runs.parquet")).unwrap() {
            let group = group.unwrap();
            let numbers = next..next + group.rows() as u64;
            assert!(group.columns()[0].wholes().eq(numbers.clone().map(Some)));
            assert!(group.columns()[1].wholes().eq(numbers.map(|number| Some(number / (RUNS / cells)))));
            next += group.rows() as u64;
        }
        assert_eq!(next, RUNS);
    }
}

/// Cells of one run each: if the plan or the files had something in memory for every cell, it would be most of all.
#[test]
fn a_million_cells_take_no_more_memory_than_a_few_windows() {
    let place = tempdir().unwrap();
    let words = "run xor-scale --set train.steps=1 --set net.activation=tanh --sweep init.scale=lin:0.1:1:1000 \
                 --sweep train.lr=lin:0.1:1:1000 --seeds 1 --backend cpu --threads 2 --quiet --runs none --out cells";
    if let Some(peak) = measured(peak(words, place.path())) {
        assert!(peak < BOUND, "{} MiB for {words}", peak >> 20);
    }
    let out = place.path().join("cells");
    let manifest = Manifest::read(&out).unwrap().unwrap();
    assert_eq!((manifest.counts.runs_finished, manifest.cell_count), (RUNS, RUNS));
    manifest.check(&out).unwrap();
    // Each row has the values of its cell: the last key is the fastest.
    let text = fs::read_to_string(out.join("cells.csv")).unwrap();
    let rows: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(rows.len() as u64, RUNS);
    for (cell, start) in [(0, "0,0.1,0.1,1,"), (999, "999,0.1,1.0,1,"), (999_000, "999000,1.0,0.1,1,")] {
        assert!(rows[cell].starts_with(start), "{}", rows[cell]);
    }
}

/// A plan has the values of each key in memory, and that is seen: the measure of the tests above measures.
#[test]
fn a_dry_run_takes_memory_for_values_and_none_for_cells_and_runs() {
    let place = tempdir().unwrap();
    let dry = |sweep: &str| {
        let words =
            format!("run xor-scale --set net.activation=tanh --backend cpu --threads 2 --dry-run {sweep}");
        peak(&words, place.path())
    };
    let many_seeds = dry("--set init.scale=1 --seeds 18446744073709551615");
    let many_cells = dry("--sweep init.scale=lin:0.1:1:1000 --sweep train.lr=lin:0.1:1:10000 --seeds 1");
    let many_values = dry("--sweep init.scale=lin:0.1:1:1000000 --seeds 1");
    if let (Some(seeds), Some(cells), Some(values)) = (measured(many_seeds), many_cells, many_values) {
        assert!(seeds < BOUND && cells < seeds + (8 << 20), "{} and {} MiB", cells >> 20, seeds >> 20);
        assert!(values > seeds + (8 << 20), "{} and {} MiB", values >> 20, seeds >> 20);
    }
    assert!(names(place.path()).is_empty(), "nothing is written");
}
