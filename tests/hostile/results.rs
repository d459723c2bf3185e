//! Result directories in which something is not what it should be, given to everything that reads one.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use tempfile::{TempDir, tempdir};

use crate::child::{BOUND, Ended, symbreak, watch, words};

const RUN: &str = "run xor-scale --seeds 3 --set train.steps=3 --backend mock --save-params --trace 1";

/// What reads results; `d` is the directory.
const READERS: [&str; 6] = [
    "report d --out page.html",
    "plot d --out pictures",
    "fit d",
    "inspect d --run 0",
    "merge d shard --out merged --force",
    "slurm status d",
];

/// What may be in place of a file, and what puts it there.
type Damage = (&'static str, fn(&Path));

const DAMAGE: [Damage; 7] = [
    ("garbage", |path| fs::write(path, b"\xff\0garbage\n").unwrap()),
    ("nothing", |path| fs::write(path, "").unwrap()),
    // 2^32 zeros in no space, as one line of a text.
    ("a huge file", |path| File::create(path).unwrap().set_len(1 << 32).unwrap()),
    ("a directory", |path| fs::create_dir(path).unwrap()),
    ("a pipe", |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success())),
    ("a device", |path| symlink("/dev/zero", path).unwrap()),
    ("a loop", |path| symlink(path, path).unwrap()),
];

fn sweep(more: &str) -> TempDir {
    let place = tempdir().unwrap();
    words(place.path(), &format!("{RUN} {more} --out d")).done();
    words(place.path(), &format!("{RUN} {more} --shard 1/2 --out shard")).done();
    place
}

/// Everything ends with a status and a message that names the file, or does without it.
fn is_read_or_refused(place: &Path, name: &str, commands: &[String]) {
    let (path, kept) = (place.join("d").join(name), place.join("kept"));
    fs::rename(&path, &kept).unwrap();
    for (damage, put) in DAMAGE {
        put(&path);
        for command in commands {
            let arguments: Vec<&str> = command.split_whitespace().collect();
            let ended: Ended = watch(&mut symbreak(place, &arguments), BOUND);
            let what = || format!("{damage} for {name}: {command}: {ended:?}");
            assert!(matches!(ended.status, Some(0..=2)) && !ended.said.contains("panicked"), "{}", what());
            if ended.status != Some(0) {
                assert!(ended.said.starts_with("error: ") && ended.said.len() < 1000, "{}", what());
                let is_named =
                    ended.said.contains(name) || ended.said.contains("d holds nothing that was submitted");
                // Of what is no manifest it is said that it is no sweep.
                assert!(is_named || ended.said.contains("result directory"), "{}", what());
            }
        }
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir(&path).unwrap()
        } else {
            fs::remove_file(&path).unwrap()
        }
    }
    fs::rename(&kept, &path).unwrap();
}

fn everything(place: &Path, names: &[&str], more: &str) {
    let again = format!("{RUN} {more} --out d");
    let commands: Vec<String> = READERS.iter().map(ToString::to_string).chain([again]).collect();
    // The control: undamaged, all is read, but for what no sweep on the mock engine has.
    for command in &commands {
        let ended = words(place, command);
        assert!(
            ended.status == Some(0) || command.contains("merge") || command.contains("status"),
            "{command}: {ended:?}"
        );
    }
    names.iter().for_each(|name| is_read_or_refused(place, name, &commands));
}

#[test]
fn manifests() {
    everything(sweep("").path(), &["manifest.json", "datapackage.json"], "");
}

#[test]
fn tables() {
    everything(sweep("").path(), &["cells.csv", "curves.csv", "runs.csv", "traces.csv"], "");
}

#[test]
fn arrays_and_columns() {
    let more = "--runs parquet";
    everything(sweep(more).path(), &["params_init.npy", "params_final.npy", "runs.parquet"], more);
}

/// An array whose header is not that of its content.
#[test]
fn parameters_of_another_shape() {
    let place = sweep("");
    let path = place.path().join("d/params_final.npy");
    let bytes = fs::read(&path).unwrap();
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap();
    let header = String::from_utf8_lossy(&bytes[10..end]).into_owned();
    let shape = &header[header.find("'shape'").unwrap()..header.find(')').unwrap() + 1];
    for other in ["'shape': (102, 1099511627776)", "'shape': (4294967296, 4294967296)", "'shape': (0, 0)"] {
        let changed = header.replace(shape, other);
        let changed = format!("{:width$}", changed.trim_end(), width = header.len());
        fs::write(&path, [&bytes[..10], changed.as_bytes(), &bytes[end..]].concat()).unwrap();
        for command in READERS {
            let ended = words(place.path(), command);
            assert!(
                matches!(ended.status, Some(0..=2)) && !ended.said.contains("panicked"),
                "{command}: {ended:?}"
            );
        }
    }
}

#[test]
fn what_was_submitted_is_what_can_have_been() {
    let place = tempdir().unwrap();
    fs::create_dir(place.path().join("d")).unwrap();
    let submitted = |tasks: &str| {
        let text = format!(
            "{{\"schema_version\": 1, \"program_version\": \"0.1.0\", \"name\": \"t\", \"spec\": {{}}, \"plan_hash\": \"\", \
             \"runs\": 1, \"tasks\": {tasks}, \"run_arguments\": [], \"job_name\": \"t\", \"submitted\": [], \"reads\": {{}}}}"
        );
        fs::write(place.path().join("d/slurm.json"), text).unwrap();
        words(place.path(), "slurm status d")
    };
    submitted("1000000000000").refused(1, &["d/slurm.json: it has 1000000000000 tasks, not 1 to 4000000"]);
    submitted("0").refused(1, &["it has 0 tasks, not 1 to 4000000"]);
    submitted("1e99").refused(1, &["d/slurm.json: "]);
}

/// Names that are no Unicode, among the files and of the directory.
#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_unicode_are_in_nobodys_way() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let odd = |text: &[u8]| OsString::from_vec(text.to_vec());
    let place = sweep("");
    fs::write(place.path().join("d").join(odd(b"\xff")), "").unwrap();
    for command in &READERS[..4] {
        words(place.path(), command).done();
    }
    fs::rename(place.path().join("d"), place.path().join(odd(b"d\xff"))).unwrap();
    for words in [
        &[&b"plot"[..], b"d\xff"][..],
        &[b"merge", b"d\xff", b"--out", b"o\xff"],
        &[b"fit", b"d\xff"],
        &[b"report", b"d\xff"],
    ] {
        let words: Vec<OsString> = words.iter().map(|word| odd(word)).collect();
        let ended = watch(&mut symbreak(place.path(), &words), BOUND);
        assert!(
            matches!(ended.status, Some(0 | 2)) && !ended.said.contains("panicked"),
            "{words:?}: {ended:?}"
        );
    }
}

/// Results that are not those which were written are shown, but not in silence.
#[test]
fn what_was_changed_is_warned_of_by_whoever_reads_it() {
    let place = sweep("");
    let changed = |name: &str| format!("warning: d/{name} is not the file that the sweep wrote");
    let commands = [
        ("report d --out page.html", "cells.csv"),
        ("plot d --out pictures", "cells.csv"),
        ("fit d", "runs.csv"),
        ("inspect d --run 0", "runs.csv"),
    ];
    for (command, name) in commands {
        let before = words(place.path(), command);
        before.done();
        assert!(!before.said.contains("warning: d/"), "{before:?}");
        let path = place.path().join("d").join(name);
        let text = fs::read_to_string(&path).unwrap();
        // As long as it was, and longer.
        let last = text.trim_end().rfind(|c: char| c.is_ascii_digit()).unwrap();
        let digit = if &text[last..=last] == "1" { "2" } else { "1" };
        let other = format!("{}{digit}{}", &text[..last], &text[last + 1..]);
        for damaged in [other, format!("{text}{}", text.lines().last().unwrap())] {
            fs::write(&path, damaged).unwrap();
            let ended = words(place.path(), command);
            ended.done();
            assert!(ended.said.contains(&changed(name)), "{command}: {ended:?}");
            if command.starts_with("report") {
                let page = fs::read_to_string(place.path().join("page.html")).unwrap();
                assert!(page.contains("cells.csv is not the file that the sweep wrote"));
            }
        }
        fs::write(&path, text).unwrap();
    }
    fs::write(place.path().join("d/manifest.json"), "{").unwrap();
    for command in ["report d --out page.html", "plot d --out pictures"] {
        let ended = words(place.path(), command);
        ended.done();
        assert!(ended.said.contains("warning: d/manifest.json: "), "{command}: {ended:?}");
    }
}

#[test]
fn what_is_no_result_directory_is_no_argument() {
    let place = sweep("");
    fs::write(place.path().join("file"), "").unwrap();
    for there in ["file", "nowhere"] {
        words(place.path(), &format!("fit {there}"))
            .refused(2, &[&format!("{there}: no manifest.json; expected the result directory of a sweep")]);
        words(place.path(), &format!("slurm status {there}"))
            .refused(2, &[&format!("{there} holds nothing that was submitted")]);
    }
    for (merged, why) in
        [("d", "d is the place of the result"), ("shard", "shard is to be merged and is --out as well")]
    {
        words(place.path(), &format!("merge {merged} --out {merged}")).refused(2, &[why]);
    }
}

/// A spec may be a pipe, so that `<(…)` does as one; a manifest is none, and nobody waits for what it might become.
#[test]
fn a_manifest_is_no_spec() {
    let place = tempdir().unwrap();
    fs::create_dir(place.path().join("d")).unwrap();
    let path = place.path().join("d/manifest.json");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    for command in ["inspect", "run --backend mock"] {
        words(place.path(), &format!("{command} d/manifest.json")).refused(
            2,
            &["d/manifest.json: a manifest is no spec", "symbreak inspect takes the result directory"],
        );
    }
}
