//! `src/mutant.rs` of the woven library: which mutant is on. The environment variable `MUTANT` holds its number; with
//! `MUTANTS_REACHED` set, the number of each one that is asked for is appended to that file instead.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

const UNKNOWN: u32 = u32::MAX;
const NONE: u32 = u32::MAX - 1;
const RECORDING: u32 = u32::MAX - 2;

static CHOSEN: AtomicU32 = AtomicU32::new(UNKNOWN);
static REACHED: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];
static RECORD: OnceLock<File> = OnceLock::new();

/// Whether mutant `number` is on.
#[inline(always)]
pub fn on(number: u32) -> bool {
    let chosen = CHOSEN.load(Relaxed);
    if chosen >= RECORDING && chosen != NONE { unusual(chosen, number) } else { chosen == number }
}

#[cold]
fn unusual(mut chosen: u32, number: u32) -> bool {
    if chosen == UNKNOWN {
        chosen = choose();
        CHOSEN.store(chosen, Relaxed);
    }
    if chosen == RECORDING && !REACHED[number as usize].swap(true, Relaxed) {
        if let Some(mut file) = RECORD.get() {
            let _ = file.write_all(format!("{number}\n").as_bytes());
        }
    }
    chosen == number
}

fn choose() -> u32 {
    if let Some(path) = std::env::var_os("MUTANTS_REACHED") {
        if let Ok(file) = OpenOptions::new().create(true).append(true).open(path) {
            let _ = RECORD.set(file);
            return RECORDING;
        }
    }
    std::env::var("MUTANT").ok().and_then(|number| number.parse().ok()).unwrap_or(NONE)
}
