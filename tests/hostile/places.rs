//! Places that are links, files or devices, or cannot be written to. What is outside the result directory stays as it is.
//! (Shards that go where a link leads are in `tests/ruin`, places without room in `tests/cli_run.rs`.)

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use symbreak::output::results::FILES;
use tempfile::{TempDir, tempdir};

use crate::child::{Ended, listing, words};

const RUN: &str = "run xor-scale --seeds 2 --set train.steps=3 --backend mock --out out";

/// A place with something outside the result directory that nobody may change.
fn place() -> TempDir {
    let place = tempdir().unwrap();
    fs::create_dir(place.path().join("outside")).unwrap();
    fs::write(place.path().join("outside/precious"), "precious\n").unwrap();
    place
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Runs it with `link` in the result directory, which leads outside: to a file, and to nothing yet. Neither changes.
fn with_link(link: &str, flags: &str, then: impl Fn(Ended)) {
    for target in ["precious", "missing"] {
        let place = place();
        fs::create_dir(place.path().join("out")).unwrap();
        symlink(Path::new("../outside").join(target), place.path().join("out").join(link)).unwrap();
        let before = listing(&place.path().join("outside"));
        then(words(place.path(), &format!("{RUN} {flags}")));
        assert_eq!(listing(&place.path().join("outside")), before, "{link} -> {target} {flags}");
    }
}

#[test]
fn files_that_are_links_are_not_followed() {
    for name in FILES.into_iter().chain(["manifest.json.new"]) {
        with_link(name, "", |ended| {
            assert_eq!(ended.status, Some(2), "{name}: {ended:?}");
            assert!(ended.said.contains("--force"), "{name}: {ended:?}");
        });
        // Links are removed as files are.
        with_link(name, "--force", |ended| {
            ended.done();
        });
        with_link(name, "--resume", |ended| {
            assert!(matches!(ended.status, Some(0 | 2)), "{name}: {ended:?}")
        });
    }
    for flags in ["", "--force", "--resume"] {
        with_link("sweep.lock", flags, |ended| {
            ended.refused(2, &["out/sweep.lock is a symbolic link, and what it leads to would be changed"]);
        });
    }
}

#[test]
fn a_sweep_does_not_go_on_in_a_file_elsewhere() {
    let place = place();
    let outside = place.path().join("outside/precious");
    let run = RUN.replace("--seeds 2", "--seeds 20");
    let ended = words(place.path(), &format!("{run} --adapter batch=70,fail=5"));
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(fs::metadata(place.path().join("out/journal.jsonl")).unwrap().len() > 0, "nothing to go on from");
    let rows = place.path().join("out/runs.csv");
    // One that holds the very rows, and more, which would be cut off.
    let content = fs::read_to_string(&rows).unwrap() + "precious\n";
    fs::write(&outside, &content).unwrap();
    fs::remove_file(&rows).unwrap();
    symlink("../outside/precious", &rows).unwrap();
    words(place.path(), &format!("{run} --resume"))
        .refused(2, &["out/runs.csv is a symbolic link", "--force"]);
    assert_eq!(fs::read_to_string(&outside).unwrap(), content);
    // One that holds something else: nothing is gone on with, and the link is not needed.
    fs::write(&outside, "precious\n").unwrap();
    let ended = words(place.path(), &format!("{run} --resume"));
    ended.done();
    assert!(ended.said.contains("out/runs.csv does not hold what was written"), "{ended:?}");
    assert_eq!(fs::read_to_string(&outside).unwrap(), "precious\n");
    assert!(!rows.is_symlink());
}

#[test]
fn a_result_directory_may_be_a_link_to_a_directory_and_to_nothing_else() {
    let results = |out: &str| {
        let place = place();
        if out == "empty" {
            fs::create_dir(place.path().join(out)).unwrap();
        }
        symlink(out, place.path().join("out")).unwrap();
        let before = listing(&place.path().join("outside"));
        let ended: Vec<Ended> =
            ["", "--resume", "--force"].map(|flags| words(place.path(), &format!("{RUN} {flags}"))).into();
        assert_eq!(listing(&place.path().join("outside")), before);
        assert!(place.path().join("out").is_symlink());
        if out == "empty" {
            assert!(place.path().join("empty/runs.csv").exists());
        } else {
            assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2, "nothing is written");
        }
        ended
    };
    for ended in results("empty") {
        ended.done();
    }
    for out in ["outside/precious", "nowhere", "out"] {
        // What leads round in a circle cannot even be looked at.
        let advice = if out == "out" { "" } else { "; choose another place with --out DIR" };
        for ended in results(out) {
            ended.refused(1, &["cannot ", " out", advice]);
        }
    }
    // Files that are no sweep's stay, and are in nobody's way.
    let place = place();
    symlink("outside", place.path().join("out")).unwrap();
    words(place.path(), RUN).refused(2, &["out holds files but no sweep; use --resume or --force"]);
    words(place.path(), &format!("{RUN} --force")).done();
    assert_eq!(fs::read_to_string(place.path().join("outside/precious")).unwrap(), "precious\n");
}

#[test]
fn what_is_in_the_way_is_named() {
    for name in ["manifest.json", "runs.csv", "journal.jsonl", "cells.csv.unfinished"] {
        let place = place();
        fs::create_dir_all(place.path().join("out").join(name)).unwrap();
        fs::write(place.path().join("out").join(name).join("kept"), "").unwrap();
        for flags in ["", "--resume", "--force"] {
            let ended = words(place.path(), &format!("{RUN} {flags}"));
            assert!(
                matches!(ended.status, Some(1 | 2)) && ended.said.contains(name),
                "{name} {flags}: {ended:?}"
            );
            assert!(place.path().join("out").join(name).join("kept").exists());
        }
    }
    let place = place();
    for (out, more) in
        [("", "a value is required for"), ("outside/precious/out", "choose another place with --out DIR")]
    {
        let ended = words(place.path(), &RUN.replace("--out out", &format!("--out={out}")));
        assert!(matches!(ended.status, Some(1 | 2)) && ended.said.contains(more), "{out}: {ended:?}");
    }
    let long = "x".repeat(300);
    words(place.path(), &RUN.replace("--out out", &format!("--out {long}")))
        .refused(1, &["cannot ", "name too long"]);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

/// Where a shard is trained and what it replaces have names of their own, which a sweep may have as well.
#[test]
fn a_sweep_leaves_its_neighbours_alone() {
    let place = place();
    for name in ["out.part", "out.part-2", "out.replaced"] {
        words(place.path(), &RUN.replace("--out out", &format!("--out {name} --seed 7"))).done();
    }
    let before = listing(place.path());
    for (flags, status) in
        [("", Some(0)), ("", Some(0)), ("--force", Some(0)), ("--force --shard 1/2", Some(2))]
    {
        let ended = words(place.path(), &format!("{RUN} {flags}"));
        assert_eq!(ended.status, status, "{flags}: {ended:?}");
        let mut after = listing(place.path());
        after.retain(|path, _| !path.starts_with(place.path().join("out")));
        assert_eq!(after, before, "{flags}");
    }
    // The longest name that a system takes has no room for an ending.
    let long = "x".repeat(255);
    for _ in 0..2 {
        words(place.path(), &RUN.replace("--out out", &format!("--out {long}"))).done();
    }
}

/// Root may write nearly everywhere, but not there.
#[cfg(target_os = "linux")]
#[test]
fn devices_and_systems_are_no_places() {
    let place = place();
    for out in ["/dev/full", "/dev/null", "/dev/zero"] {
        for flags in ["", "--force", "--resume", "--shard 1/2"] {
            let ended = words(place.path(), &RUN.replace("--out out", &format!("--out {out} {flags}")));
            ended.refused(1, &["cannot ", out, "; choose another place with --out DIR"]);
        }
    }
    for out in ["/proc", "/proc/self", "/proc/self/fd"] {
        for (flags, status) in [("", 2), ("--force", 1), ("--resume", 1)] {
            let ended = words(place.path(), &RUN.replace("--out out", &format!("--out {out} {flags}")));
            ended.refused(status, &[out]);
        }
    }
    // What is printed may have nowhere to go, too.
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = crate::child::symbreak(place.path(), &["presets"]);
    let output = command.stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("cannot write to standard output"),
        "{output:?}"
    );
}

#[test]
fn pages_and_pictures_take_no_place_but_that_of_a_file() {
    let place = place();
    words(place.path(), RUN).done();
    let report = place.path().join("out/report.html");
    for beside in ["", ".partial"] {
        let link = place.path().join(format!("out/report.html{beside}"));
        symlink("../outside/precious", &link).unwrap();
        let ended = words(place.path(), "report out");
        match beside {
            "" => ended.refused(
                2,
                &["out/report.html is there and is no regular file; choose another place with --out"],
            ),
            _ => {
                ended.done();
            }
        }
        if link.is_symlink() {
            fs::remove_file(link).unwrap();
        }
    }
    assert!(fs::metadata(&report).unwrap().len() > 1000);
    // Not that of the results, under no name.
    let cells = fs::read(place.path().join("out/cells.csv")).unwrap();
    let live = "report --live xor-scale --seeds 1 --set train.steps=3";
    for command in ["report out", if cfg!(feature = "gpu") { live } else { "report out" }] {
        for name in ["out/cells.csv", "out/manifest.json", "out/sweep.lock", "./out/../out/cells.csv"] {
            words(place.path(), &format!("{command} --out {name}"))
                .refused(2, &[name, "is a file of the sweep that is there", "--out"]);
        }
    }
    assert_eq!(fs::read(place.path().join("out/cells.csv")).unwrap(), cells);
    words(place.path(), "plot out").done();
    let picture = fs::read_dir(place.path().join("out/plots")).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(&picture).unwrap();
    symlink("../../outside/precious", &picture).unwrap();
    words(place.path(), "plot out")
        .refused(2, &[picture.file_name().unwrap().to_str().unwrap(), "is no regular file"]);
    words(place.path(), "man --out pages").done();
    fs::remove_file(place.path().join("pages/symbreak.1")).unwrap();
    symlink("../outside/precious", place.path().join("pages/symbreak.1")).unwrap();
    words(place.path(), "man --out pages").refused(2, &["pages/symbreak.1 is there and is no regular file"]);
    // As root it would take the place of a device. (A pipe stands for one: a test that failed would cost nobody's.)
    pipe(&place.path().join("device"));
    words(place.path(), "report out --out device").refused(2, &["device is there and is no regular file"]);
    assert!(!fs::metadata(place.path().join("device")).unwrap().is_file());
    assert_eq!(fs::read_to_string(place.path().join("outside/precious")).unwrap(), "precious\n");
    assert!(words(place.path(), "plot out --out outside/precious").status == Some(1));
}
