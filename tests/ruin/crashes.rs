//! Killed at every point: before each single thing that a small sweep does to its files, and in the middle of each write.
//! Some of the time the power goes, too, and takes what was not on the disk yet.

use std::collections::HashMap;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use symbreak::output::{Manifest, Status};
use tempfile::TempDir;

use crate::chance::Chance;
use crate::preloaded::{Preload, build};
use crate::subject::{
    Ended, Sweep, all_files, copy, names, place, run, run_to, symbreak, windows, workplace,
};

/// 10 runs in two cells, in windows of 4; every kind of file.
pub const SMALL: &str = "run xor-scale --backend mock --adapter batch=4 --set net.activation=tanh --set train.steps=3 \
                         --sweep init.scale=0.1,1 --seeds 5 --trace 1 --save-params --verify 0.5";

/// The program with these words, disturbed at one point, in a place of its own.
pub struct Disturbed {
    _place: TempDir,
    pub out: PathBuf,
    pub ended: Ended,
    /// Whether the point was reached.
    pub reached: bool,
    /// Bytes of files, by their numbers, that were on the disk before.
    held: HashMap<String, u64>,
    log: String,
}

/// Runs the program on a copy of `before`, if there is one, and disturbs it at the point `at`. What `before` holds is
/// what is beside the result directory, too.
pub fn disturbed(shim: &Preload, words: &str, before: Option<&Path>, how: &str, at: usize) -> Disturbed {
    let place = place();
    if let Some(before) = before {
        for name in names(before) {
            copy(&before.join(&name), &place.path().join(&name));
        }
    }
    let held = each_file(place.path()).map(|(_, data)| (data.ino().to_string(), data.len())).collect();
    let (out, log) = (place.path().join("out"), tempfile::NamedTempFile::new().unwrap());
    let ended = disturb(shim, words, &out, how, at, log.path());
    let log = fs::read_to_string(log.path()).unwrap();
    let deeds = log.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).count();
    assert!(deeds > 0, "the library is not loaded: is the program linked statically?");
    Disturbed { _place: place, out, ended, reached: deeds > at, held, log }
}

fn disturb(shim: &Preload, words: &str, out: &Path, how: &str, at: usize, log: &Path) -> Ended {
    run(symbreak(words, out)
        .env("LD_PRELOAD", &shim.library)
        .env("RUIN_UNDER", out.parent().unwrap())
        .env("RUIN_HOW", how)
        .env("RUIN_AT", at.to_string())
        .env("RUIN_LOG", log))
}

/// The files in the directories of a directory.
fn each_file(above: &Path) -> impl Iterator<Item = (PathBuf, Metadata)> {
    let directories = names(above).into_iter().map(|name| above.join(name));
    let files =
        directories.flat_map(|directory| names(&directory).into_iter().map(move |name| directory.join(name)));
    files.map(|path| (path.clone(), fs::metadata(path).unwrap()))
}

impl Disturbed {
    fn assert_killed(&self, at: usize) {
        assert_eq!(self.ended.status.signal(), Some(9), "{at}: {}", self.ended.said);
    }

    /// Takes what no one waited for from every file: it is gone, or its place is full of zeros.
    fn lose_power(&self, zeros: bool) {
        let mut safe = self.held.clone();
        for line in self.log.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["safe", file, length] => safe.insert(file.to_string(), length.parse().unwrap()),
                ["forget", file] => safe.remove(file),
                _ => None,
            };
        }
        for (path, data) in each_file(self.out.parent().unwrap()) {
            let kept = safe.get(&data.ino().to_string()).copied().unwrap_or(0).min(data.len());
            let mut file = OpenOptions::new().write(true).open(&path).unwrap();
            file.set_len(kept).unwrap();
            if zeros {
                file.seek(SeekFrom::Start(kept)).unwrap();
                file.write_all(&vec![0; (data.len() - kept) as usize]).unwrap();
            }
        }
    }

    /// Resumes and ends as `whole`, with no run trained again that the journal told of, and with nothing left behind.
    pub fn assert_resumed_to(&self, whole: &Sweep, words: &str, after: &str) {
        let directory = workplace(&self.out);
        let unfinished = Manifest::read(&directory)
            .ok()
            .flatten()
            .filter(|manifest| manifest.status == Status::Unfinished);
        let start = unfinished.as_ref().map_or(0, |manifest| manifest.range().start);
        let kept = windows(&directory).last().map_or(0, |end| end - start);
        let said = run_to(0, &mut symbreak(&format!("{words} --resume"), &self.out));
        let going_on = said.split_once("going on after ").map(|(_, rest)| rest.split_once(' ').unwrap().0);
        let expected = unfinished.filter(|_| kept > 0).map(|_| kept.to_string());
        assert_eq!(going_on.map(str::to_string), expected, "{after}: {said}");
        whole.assert_is_in(&self.out, after);
        assert_eq!(names(self.out.parent().unwrap()), ["out"], "{after}");
    }
}

/// Kills the program with the words `words` at every point, and goes on with `again` and `--resume`.
fn killed_at_every_point(words: &str, again: &str, before: Option<&Path>) {
    let (shim, whole) = (build("crash"), Sweep::undisturbed(again));
    let (mut points, mut same_already) = (0, 0);
    loop {
        let killed = disturbed(&shim, words, before, "kill", points);
        if !killed.reached {
            break;
        }
        killed.assert_killed(points);
        same_already += usize::from(is_in(&whole, &killed.out));
        killed.assert_resumed_to(&whole, again, &format!("killed at {points}"));

        let half = disturbed(&shim, words, before, "half", points);
        half.assert_killed(points);
        half.assert_resumed_to(&whole, again, &format!("killed in {points}"));

        let dark = disturbed(&shim, words, before, "half", points);
        dark.lose_power(points % 2 == 0);
        dark.assert_resumed_to(&whole, again, &format!("without power at {points}"));
        points += 1;
    }
    println!("{points} points, at {same_already} of which all was done already");
    // The control: at other points the comparison fails without a resumption.
    assert!(points > 25 && same_already < points / 3, "{same_already} of {points}");
}

/// Whether a directory holds just this sweep, finished.
fn is_in(whole: &Sweep, directory: &Path) -> bool {
    let finished = |manifest: Manifest| manifest.status == Status::Finished;
    Manifest::read(directory).unwrap().is_some_and(finished)
        && names(directory).iter().filter(|name| *name != "manifest.json").eq(whole.files.keys())
        && whole.differences(&Sweep::of(directory)).is_empty()
}

#[test]
fn a_sweep_that_is_killed_at_any_point() {
    killed_at_every_point(SMALL, SMALL, None);
}

#[test]
fn a_sweep_that_is_killed_while_it_is_put_down() {
    // The device is lost in the third window.
    killed_at_every_point(&SMALL.replace("batch=4", "batch=4,broken=2"), SMALL, None);
}

#[test]
fn a_resumption_that_is_killed_at_any_point() {
    let before = place();
    run_to(1, &mut symbreak(&SMALL.replace("batch=4", "batch=4,broken=2"), &before.path().join("out")));
    killed_at_every_point(&format!("{SMALL} --resume"), SMALL, Some(before.path()));
}

#[test]
fn a_shard_that_is_killed_at_any_point() {
    let words = format!("{SMALL} --shard 2/3");
    killed_at_every_point(&words, &words, None);
}

/// Another attempt lies beside it, given up.
#[test]
fn a_shard_that_is_killed_beside_a_killed_attempt() {
    let (before, words) = (place(), format!("{SMALL} --shard 2/3"));
    let attempt = place();
    run_to(1, &mut symbreak(&words.replace("batch=4", "batch=2,broken=1"), &attempt.path().join("out")));
    copy(&attempt.path().join("out.part"), &before.path().join("out.part-2"));
    killed_at_every_point(&words, &words, Some(before.path()));
}

/// Under `--force` there is a time when the old sweep is still there, whole. It is never there in part.
#[test]
fn a_forced_sweep_that_is_killed_at_any_point() {
    for shard in ["", " --shard 2/3"] {
        let (shim, words) =
            (build("crash"), format!("{}{shard}", SMALL.replace("--trace 1 --save-params", "")));
        let (before, old_words) = (place(), format!("{SMALL}{shard} --seed 5"));
        let held = before.path().join("out");
        run_to(0, &mut symbreak(&old_words, &held));
        let (old, whole) = (all_files(&held), Sweep::undisturbed(&words));
        let (mut kept, mut points) = (0, 0);
        loop {
            let killed = disturbed(&shim, &format!("{words} --force"), Some(before.path()), "kill", points);
            if !killed.reached {
                break;
            }
            killed.assert_killed(points);
            points += 1;
            let after = format!("forced{shard}, killed at {points}");
            if killed.out.join("manifest.json").exists()
                && Manifest::read(&killed.out).unwrap().unwrap().spec["runs"]["seed"] == 5
            {
                let mut there = all_files(&killed.out);
                there.remove("sweep.lock");
                // The new one, not yet in its place; and the mark of a shard that is to be replaced.
                there.remove("manifest.json.new");
                there.remove(".replaced");
                assert!(there == old, "{after}: {:?}", there.keys());
                let said = run_to(2, &mut symbreak(&format!("{words} --resume"), &killed.out));
                assert!(
                    said.contains("holds a finished sweep of another plan (runs.seed: 5 there"),
                    "{said}"
                );
                run_to(0, &mut symbreak(&format!("{words} --force"), &killed.out));
                whole.assert_is_in(&killed.out, &after);
                kept += 1;
            } else {
                killed.assert_resumed_to(&whole, &words, &after);
            }
        }
        assert!(kept > 0 && kept < points / 2, "{kept} of {points}");
    }
}

/// One kill is survived; so are two, and what the first leaves is no undisturbed beginning.
#[test]
fn a_sweep_that_is_killed_twice() {
    let (shim, mut chance) = (build("crash"), Chance::new(2));
    for shard in ["", " --shard 2/3"] {
        let words = format!("{SMALL}{shard}");
        let whole = Sweep::undisturbed(&words);
        for _ in 0..40 {
            let (first, second) = (chance.below(66), chance.below(60));
            let killed = disturbed(&shim, &words, None, "half", first);
            killed.assert_killed(first);
            let log = tempfile::NamedTempFile::new().unwrap();
            disturb(&shim, &format!("{words} --resume"), &killed.out, "half", second, log.path());
            killed.assert_resumed_to(&whole, &words, &format!("killed at {first} and {second}"));
        }
    }
}
