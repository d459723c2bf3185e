//! What is not as it was when a sweep is resumed: the program, its driver, the manifest. Whoever resumes it is told.

use std::fs;
use std::path::Path;

use symbreak::output::Manifest;
use symbreak::output::journal::Entry;

use crate::subject::{Sweep, names, place, run_to, symbreak};

/// 120 runs, in windows of 20.
const SWEEP: &str = "run xor-scale --backend mock --adapter batch=20 --set net.activation=tanh --set train.steps=3 \
                     --sweep init.scale=0.1,1 --seeds 60";

/// A sweep that is put down after 80 runs.
fn unfinished(out: &Path) -> Manifest {
    run_to(1, &mut symbreak(&SWEEP.replace("batch=20", "batch=20,broken=4"), out));
    Manifest::read(out).unwrap().unwrap()
}

/// Its journal as if all runs had been trained by another build.
fn by_another_build(out: &Path, manifest: &Manifest) {
    let path = out.join("journal.jsonl");
    let mut lines = Vec::new();
    for line in fs::read_to_string(&path).unwrap().lines() {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        let mut entry: Entry = serde_json::from_value(line["entry"].take()).unwrap();
        entry.totals.trained_by.iter_mut().for_each(|stint| stint.git_hash = Some("0ther".into()));
        lines.extend(entry.line(manifest).unwrap());
    }
    fs::write(path, lines).unwrap();
}

#[test]
fn another_build_of_this_version() {
    let (whole, place) = (Sweep::undisturbed(SWEEP), place());
    let out = place.path().join("out");
    let mut manifest = unfinished(&out);
    let here = manifest.git_hash.replace("0ther".into());
    manifest.write(&out).unwrap();
    by_another_build(&out, &manifest);
    // Told even to who wants to hear little.
    let said = run_to(0, &mut symbreak(&format!("{SWEEP} --resume --quiet"), &out));
    let expected = format!(
        "warning: the sweep was started by a build of this version from commit 0ther, this one is from {}",
        here.as_deref().unwrap_or("unknown")
    );
    assert!(said.contains(&expected), "{said}");
    let sweep = Sweep::of(&out);
    assert_eq!(whole.differences(&sweep), ["trained_by"]);
    let stints: Vec<_> = Manifest::read(&out).unwrap().unwrap().trained_by;
    let stints: Vec<_> = stints.into_iter().map(|stint| (stint.from, stint.to, stint.git_hash)).collect();
    assert_eq!(stints, [(0, 80, Some("0ther".into())), (80, 120, here)]);
}

#[test]
fn another_driver() {
    let (whole, place) = (Sweep::undisturbed(SWEEP), place());
    let out = place.path().join("out");
    let mut manifest = unfinished(&out);
    manifest.engine.driver = "an older one".into();
    manifest.write(&out).unwrap();
    let said = run_to(0, &mut symbreak(&format!("{SWEEP} --resume"), &out));
    assert!(said.contains("warning: the sweep was started with the driver an older one, this is "), "{said}");
    whole.assert_is_in(&out, "another driver");
}

#[test]
fn nothing_changed() {
    let (whole, place) = (Sweep::undisturbed(SWEEP), place());
    let out = place.path().join("out");
    unfinished(&out);
    let said = run_to(0, &mut symbreak(&format!("{SWEEP} --resume"), &out));
    assert!(!said.contains("warning"), "{said}");
    whole.assert_is_in(&out, "resumed");
}

/// Nobody knows any more what sweep the files are of.
#[test]
fn a_manifest_that_is_gone() {
    let place = place();
    let out = place.path().join("out");
    unfinished(&out);
    fs::remove_file(out.join("manifest.json")).unwrap();
    let before = names(&out);
    for flag in ["", " --resume"] {
        let said = run_to(2, &mut symbreak(&format!("{SWEEP}{flag}"), &out));
        let expected = "holds journal.jsonl, runs.csv, cells.csv, curves.csv but no manifest.json, so it is not known of \
                        which sweep; use --force to remove them and start over, or --out DIR for another place";
        assert!(said.contains(expected), "{said}");
        assert_eq!(names(&out), before, "nothing is removed");
    }
    run_to(0, &mut symbreak(&format!("{SWEEP} --force"), &out));
    Sweep::undisturbed(SWEEP).assert_is_in(&out, "forced");
}

/// Somebody else's file of the same name is not overwritten.
#[test]
fn a_file_that_is_no_sweeps() {
    let place = place();
    let out = place.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("runs.csv"), "mine").unwrap();
    let said = run_to(2, &mut symbreak(&format!("{SWEEP} --resume"), &out));
    assert!(
        said.contains("holds runs.csv but no manifest.json") && said.contains("remove it and start"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(out.join("runs.csv")).unwrap(), "mine");
}
