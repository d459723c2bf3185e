//! `symbreak report`: what it refuses, and why.

use assert_cmd::Command;
use predicates::str::contains;

/// The program must say why not, with status 2, and write nothing.
fn refused(words: &[&str], why: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::cargo_bin("symbreak").unwrap();
    let said = command.current_dir(&directory).arg("report").args(words).assert().code(2);
    why.iter().fold(said, |said, part| said.stderr(contains(*part)));
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0, "{words:?}");
}

#[test]
fn flags_of_the_live_page_need_it() {
    refused(&["--seeds", "3"], &["--live"]);
}

#[cfg(feature = "gpu")]
#[test]
fn what_the_live_page_cannot_show_or_train_is_refused() {
    refused(&["--live", "catapult"], &["512 parameters", "up to 64"]);
    let all = "--set train.lr=1.0 --set train.momentum=0.0";
    refused(&["--live", "kolen-pollack"], &["kolen-pollack sweeps train.lr and train.momentum", all]);
    refused(&["--live", "--set", "net.hidden=[]"], &["no symmetry to break", "--set net.hidden=2"]);
    refused(&["--live", "--set", "net.hidden=80"], &["321 parameters", "net.hidden"]);
    refused(&["--live", "--set", "init.gain=orthogonal"], &["init.gain"]);
    refused(&["--live", "xor-scales"], &["did you mean", "xor-scale"]);
}

#[cfg(not(feature = "gpu"))]
#[test]
fn without_its_shaders_there_is_no_live_page() {
    refused(&["--live"], &["without the gpu feature"]);
}
