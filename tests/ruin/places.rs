//! Names of directories that are more than a name: links, and a dot at the end. A shard takes its place by being renamed, so
//! what can't be renamed to must be known before anything is trained.

use std::fs;
use std::os::unix::fs::symlink;

use crate::subject::{Sweep, names, place, run, run_to, symbreak};

const SHARD: &str = "run xor-scale --backend mock --adapter batch=20 --set net.activation=tanh --set train.steps=3 \
                     --sweep init.scale=0.1,1 --seeds 60 --shard 2/3";

#[test]
fn a_shard_goes_where_a_link_leads() {
    let (whole, place) = (Sweep::undisturbed(SHARD), place());
    let (disk, link) = (place.path().join("disk"), place.path().join("link"));
    fs::create_dir(&disk).unwrap();
    symlink(&disk, &link).unwrap();
    run_to(0, &mut symbreak(SHARD, &link));
    whole.assert_is_in(&disk, "through a link");
    assert!(link.is_symlink());
    assert_eq!(names(place.path()), ["disk", "link"]);
    let said = run_to(0, &mut symbreak(SHARD, &link.join("")));
    assert!(said.contains("showing it again"), "{said}");
}

#[test]
fn a_link_that_leads_nowhere_is_refused_before_anything_is_trained() {
    let place = place();
    let link = place.path().join("link");
    symlink(place.path().join("gone"), &link).unwrap();
    let said = run_to(2, &mut symbreak(SHARD, &link));
    assert!(said.contains("link is a symbolic link that leads nowhere"), "{said}");
    assert_eq!(names(place.path()), ["link"]);
}

#[test]
fn a_dot_or_a_slash_at_the_end_means_nothing() {
    let whole = Sweep::undisturbed(SHARD);
    for end in [".", "", "./."] {
        let place = place();
        let out = place.path().join("out");
        run_to(0, &mut symbreak(SHARD, &out.join(end)));
        whole.assert_is_in(&out, end);
        assert_eq!(names(place.path()), ["out"]);
    }
}

/// `ulimit -f`: as if the disk were full there, not the end without a word.
#[test]
fn files_that_may_not_grow() {
    let words = SHARD.replace(" --shard 2/3", "");
    let (whole, place) = (Sweep::undisturbed(&words), place());
    let out = place.path().join("out");
    // In units of 512 or 1024 bytes; runs.csv needs more than ten times that.
    let limited = format!("ulimit -f 2 && exec \"$0\" {words} --out \"$1\"");
    let program = env!("CARGO_BIN_EXE_symbreak");
    let ended = run(std::process::Command::new("sh").args(["-c", &limited, program]).arg(&out));
    assert_eq!(ended.status.code(), Some(1), "{}", ended.said);
    assert!(
        ended.said.contains("error: cannot write ") && ended.said.contains("(os error 27)"),
        "{}",
        ended.said
    );
    run_to(0, &mut symbreak(&format!("{words} --resume"), &out));
    whole.assert_is_in(&out, "limited");
}
