//! Real file systems that are full, or that nothing may be written to. They are mounted in a name space of their own, which
//! takes root or a system that lets users have such; `REQUIRE_MOUNT=1` turns their absence into a failure.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::subject::{Sweep, place, workplace};

/// 6,000 runs in two cells, in windows of 500; every kind of file, about 2 MB in all.
const SWEEP: &str = "run xor-scale --backend mock --adapter batch=500 --set net.activation=tanh --set train.steps=3 \
                     --sweep init.scale=0.1,1 --seeds 3000 --trace 20 --save-params --verify 0.1";

/// Functions of the scripts: `mounted SIZE` mounts a file system in memory; `sweep NAME FLAGS…` runs a sweep on it, and
/// leaves its status and what it said in NAME.status and NAME.said; `kept NAME` copies the files to NAME.
const FUNCTIONS: &str = r#"
set -u
mkdir mounted
mounted() { mount -t tmpfs -o "size=$1" none mounted || exit 70; }
sweep() { name=$1; shift; "$PROGRAM" $SWEEP --out "$PWD/mounted/out" "$@" >$name.shown 2>$name.said; echo $? >$name.status; }
kept() { cp -r mounted "$1"; }
"#;

/// Runs a script in `place`, with mounts of its own. Whether there can be such.
fn script(place: &Path, words: &str, text: &str) -> bool {
    let shell = |flags: &str, text: &str| {
        Command::new("unshare")
            .args([flags, "sh", "-c", text])
            .current_dir(place)
            .env("PROGRAM", env!("CARGO_BIN_EXE_symbreak"))
            .env("SWEEP", words)
            .output()
    };
    let works = |flags: &&str| {
        let tried = shell(flags, "mount -t tmpfs none /mnt");
        tried.is_ok_and(|output| output.status.success())
    };
    let Some(flags) = ["-m", "-rm"].into_iter().find(|flags| works(flags)) else {
        assert!(
            std::env::var_os("REQUIRE_MOUNT").is_none_or(|value| value != "1"),
            "REQUIRE_MOUNT=1: no mounts here"
        );
        eprintln!("SKIPPED: nothing can be mounted here");
        return false;
    };
    let output = shell(flags, &format!("{FUNCTIONS}{text}")).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

/// The status of a sweep of a script and what it said.
fn ended(place: &Path, name: &str) -> (i32, String) {
    let read = |end: &str| fs::read_to_string(place.join(format!("{name}.{end}"))).unwrap();
    (read("status").trim().parse().unwrap(), read("said"))
}

/// So many bytes hold only a part of the sweep: it says which file did not fit, and what is kept. With more room it goes on
/// from there.
#[test]
fn a_disk_that_fills_up() {
    let whole = Sweep::undisturbed(SWEEP);
    let bytes: usize = whole.files.values().map(Vec::len).sum();
    let shard = format!("{SWEEP} --shard 2/3");
    let (whole_shard, mut walls, mut with_runs) = (Sweep::undisturbed(&shard), BTreeSet::new(), 0);
    for part in 0..24 {
        let (words, whole, all) = match part % 4 {
            3 => (shard.as_str(), &whole_shard, bytes / 3),
            _ => (SWEEP, &whole, bytes),
        };
        // The journal comes on top, and every file takes whole pages. The last part is nearly enough.
        let size = 20_000 + all * part / 20;
        let place = place();
        let text = format!(
            "mounted {size}; sweep full; kept full; mount -o remount,size=100m mounted; sweep resumed --resume; kept all"
        );
        if !script(place.path(), words, &text) {
            return;
        }
        let (status, said) = ended(place.path(), "full");
        let what = format!("{size} bytes: {said}");
        if status != 0 {
            assert_eq!(status, 1, "{what}");
            assert!(said.contains("No space left on device (os error 28); free some space there"), "{what}");
            let (_, after) = said.split_once("error: cannot ").expect(&what);
            let (file, _) = after.split_once(": ").unwrap();
            walls.insert(file.rsplit('/').next().unwrap().to_string());
            let (_, resumed) = ended(place.path(), "resumed");
            match said.split_once(" runs are kept in ") {
                Some((before, _)) => {
                    let kept: u64 = before.rsplit(' ').nth(2).unwrap().parse().unwrap();
                    assert!(said.trim_end().ends_with(" --resume"), "{what}");
                    let going_on = format!("going on after {kept} of");
                    assert_eq!(resumed.contains(&going_on), kept > 0, "{what} {resumed}");
                    with_runs += usize::from(kept > 0);
                }
                None => assert!(!resumed.contains("going on after"), "{what} {resumed}"),
            }
        }
        assert_eq!(ended(place.path(), "resumed").0, 0, "{what}");
        whole.assert_is_in(&place.path().join("all/out"), &what);
    }
    println!("did not fit: {walls:?}; {with_runs} times with runs that were kept");
    assert!(walls.contains("runs.csv") && walls.len() > 2 && with_runs > 5, "{walls:?} {with_runs}");
}

/// A finished sweep is shown from where nothing can be written. Nothing is begun or gone on with there, and nothing lost.
#[test]
fn a_place_that_is_read_only() {
    let (whole, place) = (Sweep::undisturbed(SWEEP), place());
    let text = r#"
mounted 100m
mount -o remount,ro mounted; sweep begun
mount -o remount,rw mounted; sweep failed --adapter batch=500,broken=5
mount -o remount,ro mounted; kept before; sweep resumed --resume; sweep forced --force; kept after
mount -o remount,rw mounted; sweep finished --resume
mount -o remount,ro mounted; sweep shown; kept all
"#;
    // The flag that fails is given in place of the one that does not.
    let words = SWEEP.replace("--adapter batch=500 ", "");
    if !script(place.path(), &words, &text.replace("--resume", "--resume --adapter batch=500")) {
        return;
    }
    let readonly =
        "Read-only file system (os error 30); make it writable or choose another place with --out DIR";
    let out = place.path().join("mounted/out");
    for (name, action) in [
        ("begun", format!("cannot create the directory {}", out.display())),
        ("resumed", format!("cannot create {}/sweep.lock", out.display())),
        ("forced", format!("cannot create {}/sweep.lock", out.display())),
    ] {
        let (status, said) = ended(place.path(), name);
        assert_eq!(status, 1, "{name}: {said}");
        assert!(said.contains(&format!("error: {action}: {readonly}")), "{name}: {said}");
    }
    let held = |name: &str| crate::subject::all_files(&place.path().join(name).join("out"));
    assert!(held("before") == held("after") && held("before").contains_key("journal.jsonl"));
    let (status, said) = ended(place.path(), "finished");
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("going on after 2500 of 6000"), "{said}");
    let (status, said) = ended(place.path(), "shown");
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("showing it again"), "{said}");
    whole.assert_is_in(&workplace(&place.path().join("all/out")), "read-only for a while");
}
