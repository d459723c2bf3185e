//! What somebody may give the program, at random: every input that is kept in `fuzz/corpus`, and changes of these that are the
//! same every time. `scripts/fuzz` lets libFuzzer look for more; what it finds is kept as a corpus entry.

#[allow(dead_code, reason = "each test file uses its part")]
mod made_up;
#[path = "fuzz/targets.rs"]
mod targets;

use std::fs;
use std::path::Path;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

/// What means something in specs, ranges and files of numbers.
const SIGNS: &[u8] = b"0123456789,.:-+e\"'[]{}=\n";

/// Changed inputs of each target.
const CHANGED: u64 = 400;

/// The kept inputs of a target, by name; each is a file.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(&place)
        .unwrap_or_else(|error| panic!("{}: {error}", place.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// A few bytes changed, cut, put in or taken from another input.
fn changed(random: &mut StdRng, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = inputs[random.random_range(0..inputs.len())].clone();
    for _ in 0..random.random_range(1..5) {
        let at = random.random_range(0..=bytes.len());
        match random.random_range(0..5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.next_u32() as u8),
            2 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.random_range(0..8)),
            3 => {
                let new = SIGNS[random.random_range(0..SIGNS.len())];
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = new);
            }
            _ => {
                let other = &inputs[random.random_range(0..inputs.len())];
                let from = random.random_range(0..=other.len());
                let to = (from + random.random_range(0..40)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied()).for_each(drop);
            }
        }
    }
    bytes
}

fn endures(target: &str) {
    let (_, run) = targets::TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let inputs = corpus(target);
    inputs.iter().for_each(|input| run(input));
    for seed in 0..CHANGED {
        let input = changed(&mut StdRng::seed_from_u64(seed), &inputs);
        let caught = std::panic::catch_unwind(|| run(&input));
        assert!(caught.is_ok(), "{target} with changes number {seed}: {:?}", String::from_utf8_lossy(&input));
    }
}

#[test]
fn specs() {
    endures("spec");
}

#[test]
fn ranges() {
    endures("range");
}

#[test]
fn csv_files() {
    // Otherwise all would be refused for another reason than what is in them.
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/csv");
    for name in ["xor", "classes"] {
        let bytes = fs::read(place.join(name)).unwrap();
        for classes in ["auto", "one-hot"] {
            if let Err(error) = targets::plan_of_csv(&bytes, classes) {
                panic!("{name}, {classes}: {error}");
            }
        }
    }
    endures("csv");
}

#[test]
fn manifests() {
    endures("manifest");
}

#[test]
fn sweeps_to_resume() {
    endures("resume");
}

#[test]
fn shards_to_merge() {
    endures("merge");
}

#[test]
fn every_target_is_run_by_libfuzzer_too() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    for (name, _) in targets::TARGETS {
        assert!(place.join(format!("{name}.rs")).exists(), "fuzz/fuzz_targets/{name}.rs");
    }
}
