//! Killed fifty times in one sweep, at random moments, and resumed each time.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::chance::Chance;
use crate::subject::{Sweep, place, run_to, symbreak, windows};

const KILLS: usize = 50;

/// Small windows on every engine, so that there are many: nets with many parameters and few units, whose parameters are
/// wanted for a score. Some 1,900 runs each.
const SPEC: &str = r#"
name = "kills"
[task]
dataset = "xor"
test = 0.25
[net]
hidden = [64, 64]
[train]
steps = 1
[sweep]
"init.scale" = "0,0.1,1"
[runs]
seeds = 60000
"#;

/// How a program is to be killed.
enum Moment {
    /// After so long.
    After(Duration),
    /// So long after its journal has got so many lines.
    Lines(usize, Duration),
}

/// The journal's length in lines, whole or not.
fn lines(directory: &Path) -> usize {
    fs::read(directory.join("journal.jsonl"))
        .map_or(0, |text| text.iter().filter(|&&byte| byte == b'\n').count())
}

/// Kills the program at its moment. Whether it was still running.
fn kill_at(child: &mut Child, out: &Path, moment: &Moment) -> bool {
    let pause = match moment {
        Moment::After(pause) => *pause,
        Moment::Lines(wanted, pause) => {
            while lines(out) < *wanted {
                if child.try_wait().unwrap().is_some() {
                    return false;
                }
                sleep(Duration::from_millis(2));
            }
            *pause
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
    let mut child = symbreak(words, &whole_out).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    while lines(&whole_out) == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before its first window did");
        sleep(Duration::from_millis(2));
    }
    let first_window = started.elapsed();
    let mut count = 0;
    while child.try_wait().unwrap().is_none() {
        count = count.max(lines(&whole_out));
        sleep(Duration::from_millis(2));
    }
    assert!(child.wait().unwrap().success());
    // A window that trains while the journal is read and hashed again is no shorter than these.
    let window = started.elapsed().saturating_sub(first_window) / (count as u32).max(1);
    let whole = Sweep::of(&whole_out);

    let place = place();
    let out = place.path().join("out");
    let resumed = format!("{words} --resume");
    let (mut chance, mut kills, mut early) = (Chance::new(seed), 0, 0);
    while kills < KILLS {
        let before = lines(&out);
        // From the very start of the program to beyond its next window.
        let moment = match kills % 4 {
            0 => Moment::After(first_window.mul_f64(1.2 * chance.share())),
            _ => Moment::Lines(before + 1, window.mul_f64(1.5 * chance.share())),
        };
        let mut child = symbreak(&resumed, &out).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        assert!(
            kill_at(&mut child, &out, &moment),
            "the sweep came to its end after {kills} kills: give it more runs"
        );
        kills += 1;
        early += usize::from(lines(&out) == before);
        assert!(windows(&out).len() >= before, "what was kept is lost");
    }
    println!("{KILLS} kills in {count} windows, {early} before the next window was done");
    assert!(lines(&out) > 20 && early > 0, "kills fall on all sides of a window's end");
    // The twin: what was there before the last resumption is not the sweep, nor is another sweep.
    assert_ne!(fs::read(out.join("runs.csv")).unwrap(), whole.files["runs.csv"]);
    let said = run_to(0, &mut symbreak(&resumed, &out));
    assert!(said.contains("going on after "), "{said}");
    whole.assert_is_in(&out, "killed fifty times");
    let runs = fs::read(out.join("runs.csv")).unwrap();
    fs::write(out.join("runs.csv"), &runs[..runs.len() - 1]).unwrap();
    assert!(std::panic::catch_unwind(|| whole.assert_is_in(&out, "a byte less")).is_err());
}

/// The words of the sweep of [`SPEC`] with another line for its seeds.
fn spec(directory: &Path, seeds: usize, more: &str) -> String {
    let path = directory.join("kills.toml");
    fs::write(&path, SPEC.replace("60000", &seeds.to_string())).unwrap();
    format!("run {} {more}", path.display())
}

#[test]
fn a_sweep_on_the_cpu() {
    let specs = place();
    killed_fifty_times(&spec(specs.path(), 60_000, "--backend cpu --trace 3 --verify 0.001"), 3);
}

#[cfg(feature = "gpu")]
#[test]
fn a_sweep_on_the_gpu() {
    if adapter::gpu().is_none() {
        eprintln!("SKIPPED: no such device here");
        return;
    }
    let specs = place();
    killed_fifty_times(&spec(specs.path(), 60_000, "--backend gpu --trace 3"), 4);
}

#[cfg(feature = "gpu")]
#[allow(dead_code, reason = "each test file uses its part")]
#[path = "../adapter/mod.rs"]
mod adapter;

/// Every kind of file, and windows so short that most of a program's time goes into its beginning and its files.
#[test]
fn a_sweep_that_writes_everything() {
    let words = "run xor-scale --backend mock --adapter batch=500 --set net.activation=tanh --seeds 20000 \
                 --sweep init.scale=0,0.1,1 --trace 5 --save-params --verify 0.1";
    killed_fifty_times(words, 5);
}
