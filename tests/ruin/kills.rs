//! Killed fifty times in one sweep, at random moments, and resumed each time.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::chance::Chance;
use crate::subject::{Sweep, place, run_to, symbreak, windows};

const KILLS: usize = 50;

/// Windows that are done in no time on every engine: with every cell of few steps comes one of very many, which ask for small
/// batches, but whose runs all diverge in the first hundred or so.
const SPEC: &str = r#"
name = "kills"
[task]
dataset = "xor"
[net]
output = "linear"
[train]
lr = 1.2
optimizer = "sgd"
[sweep]
"init.scale" = "log:0.01:1:300"
"train.steps" = "20,400000"
[runs]
seeds = 800
"#;

/// How a program is to be killed.
enum Moment {
    /// After so long.
    After(Duration),
    /// So long after its journal has got so many lines.
    Lines(usize, Duration),
}

/// The lines of a sweep's journal that are whole.
fn lines(directory: &Path) -> usize {
    let journal = fs::read(directory.join("journal.jsonl")).unwrap_or_default();
    journal.iter().filter(|&&byte| byte == b'\n').count()
}

/// Waits until the journal has so many lines, or the program ends. How many there are.
fn wait_for_lines(child: &mut Child, directory: &Path, wanted: usize) -> usize {
    let (mut length, mut count) = (None, 0);
    while count < wanted && child.try_wait().unwrap().is_none() {
        sleep(Duration::from_millis(1));
        // The file is removed at the end, and may be long.
        let now = fs::metadata(directory.join("journal.jsonl")).ok().map(|data| data.len());
        if now.is_some() && now != length {
            (length, count) = (now, count.max(lines(directory)));
        }
    }
    count
}

/// Kills the program at its moment. Whether it was still running.
fn kill_at(child: &mut Child, out: &Path, moment: &Moment) -> bool {
    let pause = match *moment {
        Moment::After(pause) => pause,
        Moment::Lines(wanted, pause) => {
            wait_for_lines(child, out, wanted);
            pause
        }
    };
    sleep(pause);
    let running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    running
}

/// The sweep of these words is killed fifty times before it is done.
fn killed_fifty_times(words: &str, seed: u32) {
    let whole_place = place();
    let whole_out = whole_place.path().join("out");
    let started = Instant::now();
    let start = |words: &str, out: &Path| {
        symbreak(words, out).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
    };
    let mut child = start(words, &whole_out);
    wait_for_lines(&mut child, &whole_out, 1);
    let first_window = started.elapsed();
    let count = wait_for_lines(&mut child, &whole_out, usize::MAX);
    assert!(child.wait().unwrap().success());
    assert!(count > 2 * KILLS, "{count} windows are too few");
    // A window that trains while the journal is read and hashed again is no shorter than these.
    let window = started.elapsed().saturating_sub(first_window) / (count as u32).max(1);
    let whole = Sweep::of(&whole_out);

    let place = place();
    let out = place.path().join("out");
    let resumed = format!("{words} --resume");
    let (mut chance, mut kills, mut early) = (Chance::new(seed), 0, 0);
    while kills < KILLS {
        let before = lines(&out);
        // From the very start of the program to beyond its next window; but no faster than leaves windows for all kills.
        let ahead = before + 2 > (kills + 1) * (count - 5) / KILLS;
        let moment = if kills % 4 == 0 || ahead {
            Moment::After(first_window.mul_f64(chance.share()))
        } else {
            Moment::Lines(before + 1, window.mul_f64(6.0 * chance.share()))
        };
        let mut child = start(&resumed, &out);
        assert!(
            kill_at(&mut child, &out, &moment),
            "the sweep came to its end after {kills} kills: give it more runs"
        );
        kills += 1;
        early += usize::from(lines(&out) == before);
        assert!(windows(&out).len() >= before, "what was kept is lost");
    }
    let done = lines(&out);
    println!("{KILLS} kills in {done} of {count} windows, {early} before the next window was done");
    assert!(done > 20 && early > 0, "kills fall on all sides of a window's end");
    assert_ne!(fs::read(out.join("runs.csv")).unwrap(), whole.files["runs.csv"]);
    let said = run_to(0, &mut symbreak(&resumed, &out));
    assert!(said.contains("going on after "), "{said}");
    whole.assert_is_in(&out, "killed fifty times");
    // The twin has a byte less.
    let mut twin = whole.clone();
    twin.files.get_mut("runs.csv").unwrap().pop();
    assert_eq!(twin.differences(&Sweep::of(&out)), ["runs.csv"]);
}

/// [`SPEC`] with these flags, killed fifty times.
fn spec_killed_fifty_times(flags: &str, seed: u32) {
    let place = place();
    let path = place.path().join("kills.toml");
    fs::write(&path, SPEC).unwrap();
    killed_fifty_times(&format!("run {} {flags}", path.display()), seed);
}

#[test]
fn a_sweep_on_the_cpu() {
    spec_killed_fifty_times("--backend cpu --threads 2 --trace 1 --verify 0.001", 3);
}

#[cfg(feature = "gpu")]
#[test]
fn a_sweep_on_the_gpu() {
    if adapter::gpu().is_none() {
        eprintln!("SKIPPED: no such device here");
        return;
    }
    spec_killed_fifty_times("--backend gpu --threads 2 --trace 1", 4);
}

#[cfg(feature = "gpu")]
#[allow(dead_code, reason = "each test file uses its part")]
#[path = "../adapter/mod.rs"]
mod adapter;

/// Every kind of file, and windows so short that most of a program's time goes into its beginning and its files.
#[test]
fn a_sweep_that_writes_everything() {
    let words = "run xor-scale --backend mock --adapter batch=500 --set net.activation=tanh --seeds 40000 \
                 --sweep init.scale=0,0.1,1 --trace 5 --save-params --verify 0.1";
    killed_fifty_times(words, 5);
}
