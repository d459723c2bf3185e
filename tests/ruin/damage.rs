//! Files cut short and bits flipped: what is not what was written is not gone on from, and not shown.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use crate::chance::Chance;
use crate::subject::{Sweep, all_files, copy, names, place, run, run_to, symbreak, workplace};

/// 120 runs in two cells, in windows of 20; every kind of file.
const SWEEP: &str = "run xor-scale --backend mock --adapter batch=20 --set net.activation=tanh --set train.steps=3 \
                     --sweep init.scale=0.1,1 --seeds 60 --trace 3 --save-params --verify 0.5";

/// Damages of each kind to each file.
const EACH: usize = 20;

/// A file that is not what it was.
#[derive(Clone, Copy, Debug)]
enum Damage {
    CutAt(usize),
    FlipIn(usize, u8),
}

impl Damage {
    fn of(cut: bool, length: usize, chance: &mut Chance) -> Damage {
        if cut {
            Damage::CutAt(chance.below(length))
        } else {
            Damage::FlipIn(chance.below(length), chance.below(8) as u8)
        }
    }

    /// So many bytes from the beginning are as they were.
    fn sound(self) -> u64 {
        let (Damage::CutAt(at) | Damage::FlipIn(at, _)) = self;
        at as u64
    }

    fn to(self, path: &Path) {
        let mut bytes = fs::read(path).unwrap();
        match self {
            Damage::CutAt(length) => bytes.truncate(length),
            Damage::FlipIn(at, bit) => bytes[at] ^= 1 << bit,
        }
        fs::write(path, bytes).unwrap();
    }
}

/// How long each file was when each window was done, and where that window ends.
fn history(directory: &Path) -> Vec<(u64, BTreeMap<String, u64>)> {
    let journal = fs::read_to_string(directory.join("journal.jsonl")).unwrap();
    let mut length = 0;
    let of_line = |line: &str| {
        length += line.len() as u64 + 1;
        let entry: Json = serde_json::from_str::<Json>(line).unwrap()["entry"].take();
        let files = entry["files"].as_object().unwrap().iter();
        let mut bytes: BTreeMap<String, u64> = files
            .map(|(name, content)| (name.replace(".unfinished", ""), content["bytes"].as_u64().unwrap()))
            .collect();
        bytes.insert("journal.jsonl".into(), length);
        (entry["to"].as_u64().unwrap(), bytes)
    };
    journal.lines().map(of_line).collect()
}

/// An unfinished sweep goes on after the last window that no damage has reached, and ends as if there had been none.
fn damaged_before_it_is_resumed(words: &str, killed: bool, seed: u32) {
    let (before, whole, mut chance) = (place(), Sweep::undisturbed(words), Chance::new(seed));
    let failing = words.replace("batch=20", "batch=20,broken=4").replace("batch=10", "batch=10,broken=4");
    run_to(1, &mut symbreak(&failing, &before.path().join("out")));
    let held = workplace(&before.path().join("out"));
    if killed {
        // A killed process gives no file its final name.
        for name in ["cells.csv", "curves.csv"] {
            fs::rename(held.join(name), held.join(format!("{name}.unfinished"))).unwrap();
        }
    }
    let (history, place_name) = (history(&held), held.file_name().unwrap());
    let first = history[0].0 - (history[1].0 - history[0].0);
    let last = history.last().unwrap().0;
    let (mut tried, mut started_earlier) = (0, 0);
    for name in names(&held) {
        let length = fs::metadata(held.join(&name)).unwrap().len() as usize;
        for try_number in 0..2 * EACH {
            let damage = Damage::of(try_number < EACH, length, &mut chance);
            let place = place();
            let (there, out) = (place.path().join(place_name), place.path().join("out"));
            copy(&held, &there);
            damage.to(&there.join(&name));
            let resumed = run(&mut symbreak(&format!("{words} --resume"), &out));
            let (said, what) = (&resumed.said, format!("{name} {damage:?}"));
            if name == "manifest.json" {
                // Cut off behind its last brace, or 1e-5 written as 1E-5, it says the same.
                if resumed.status.code() != Some(0) {
                    assert_eq!(resumed.status.code(), Some(2), "{what}: {said}");
                    let named =
                        said.contains("manifest.json cannot be read (") && said.contains("use --force");
                    assert!(named, "{what}: {said}");
                    tried += 1;
                    continue;
                }
            } else {
                let sound = name.replace(".unfinished", "");
                let kept = history.iter().rev().find(|(_, bytes)| bytes[&sound] <= damage.sound());
                let kept = kept.map_or(first, |(end, _)| *end);
                let going_on = format!("going on after {} of", kept - first);
                assert_eq!(said.contains("going on after"), kept > first, "{what}: {said}");
                assert!(kept == first || said.contains(&going_on), "{what}: {going_on}, not {said}");
                started_earlier += usize::from(kept < last);
                let again = match last - kept {
                    0 => false,
                    // A journal that is cut short looks like that of a process which was killed earlier.
                    _ if killed && name == "journal.jsonl" => said.contains("trained again"),
                    _ => true,
                };
                assert_eq!(said.contains("trained again"), again, "{what}: {said}");
                if again {
                    let lost = format!(" {} runs, {kept} to {}, are trained again", last - kept, last - 1);
                    let named =
                        said.lines().any(|line| line.starts_with("warning: ") && line.contains(&sound));
                    let counted = killed && name == "journal.jsonl" || said.contains(&lost);
                    assert!(named && counted, "{what}: {lost}, not {said}");
                }
                tried += 1;
            }
            assert_eq!(resumed.status.code(), Some(0), "{what}: {said}");
            whole.assert_is_in(&out, &what);
        }
    }
    println!("{tried} damages, {started_earlier} of them where it mattered");
    // The control: some reach only what is cut off anyway, and most do not.
    assert!(started_earlier > 100 && started_earlier < tried, "{started_earlier} of {tried}");
}

#[test]
fn an_unfinished_sweep() {
    damaged_before_it_is_resumed(SWEEP, false, 6);
}

#[test]
fn a_killed_sweep() {
    damaged_before_it_is_resumed(SWEEP, true, 7);
}

#[test]
fn an_unfinished_shard() {
    let words = format!("{} --shard 2/2", SWEEP.replace("batch=20", "batch=10"));
    damaged_before_it_is_resumed(&words, false, 8);
}

/// A finished sweep is shown as it is or not at all.
#[test]
fn a_finished_sweep() {
    let (before, mut chance) = (place(), Chance::new(9));
    let held = before.path().join("out");
    let show = |out: &Path| symbreak(&format!("{SWEEP} --json"), out).output().unwrap();
    assert!(show(&held).status.success());
    let sound = show(&held).stdout;
    for name in names(&held) {
        let length = fs::metadata(held.join(&name)).unwrap().len() as usize;
        for try_number in 0..2 * EACH {
            let cut = try_number < EACH;
            let damage = Damage::of(cut, length, &mut chance);
            let place = place();
            let out = place.path().join("out");
            copy(&held, &out);
            damage.to(&out.join(&name));
            let damaged = all_files(&out);
            let shown = show(&out);
            let (said, what) = (String::from_utf8(shown.stderr).unwrap(), format!("{name} {damage:?}"));
            let refused = match name.as_str() {
                "manifest.json" => {
                    if shown.status.code() == Some(0) {
                        // It says the same: see above.
                        assert!(shown.stdout == sound, "{what}");
                        continue;
                    }
                    Some((2, "manifest.json cannot be read ("))
                }
                // What is shown is read from here, so every byte counts.
                "cells.csv" if !cut => Some((1, "out/cells.csv: it holds other bytes than were written")),
                _ if cut => Some((1, "bytes, not the ")),
                // Of the others, which are only named, the length is looked at.
                _ => None,
            };
            match refused {
                Some((status, message)) => {
                    assert_eq!(shown.status.code(), Some(status), "{what}: {said}");
                    assert!(shown.stdout.is_empty() && said.contains(&name), "{what}: {said}");
                    assert!(said.contains(message) && said.contains("--force"), "{what}: {said}");
                }
                None => assert!(shown.status.success() && shown.stdout == sound, "{what}: {said}"),
            }
            assert!(all_files(&out) == damaged, "{what}: nothing is changed");
        }
    }
}
