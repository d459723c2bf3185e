//! A directory, or a file in it, that goes away or is changed by others while a sweep writes there.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::subject::{Ended, Sweep, ended, names, place, run_to, symbreak, windows};

/// Far more runs than are done before the deed.
const SWEEP: &str = "run xor-scale --backend mock --adapter batch=100 --set net.activation=tanh --set train.steps=3 \
                     --sweep init.scale=0.1,1 --trace 2 --seeds";

/// Starts a sweep of so many seeds, and does something to its directory after the first window.
fn after_a_window(seeds: &str, out: &Path, deed: impl Fn(&Path)) -> Ended {
    let mut child: Child = symbreak(&format!("{SWEEP} {seeds}"), out)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while windows(out).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        sleep(Duration::from_millis(1));
    }
    deed(out);
    ended(child.wait_with_output().unwrap())
}

#[test]
fn a_directory_that_is_removed() {
    let (place, elsewhere) = (place(), place());
    let out = place.path().join("out");
    let Ended { status, said } = after_a_window("1000000", &out, |out| {
        // At once: file by file, a missing file might be noticed first.
        let aside = elsewhere.path().join("out");
        fs::rename(out, &aside).unwrap();
        fs::remove_dir_all(aside).unwrap();
    });
    assert_eq!(status.code(), Some(1), "{said}");
    let expected = format!(
        "error: {} was removed or replaced while the sweep was running, and its results with it; start again with: ",
        out.display()
    );
    assert!(said.contains(&expected) && said.trim_end().ends_with(" --resume"), "{said}");
    assert!(!said.contains("kept"), "{said}");
    assert_eq!(names(place.path()), [""; 0]);
}

#[test]
fn a_directory_that_is_replaced() {
    let place = place();
    let (out, aside) = (place.path().join("out"), place.path().join("aside"));
    let Ended { status, said } = after_a_window("1000000", &out, |out| {
        fs::rename(out, &aside).unwrap();
        fs::create_dir(out).unwrap();
        fs::write(out.join("runs.csv"), "mine").unwrap();
    });
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("out was removed or replaced while the sweep was running"), "{said}");
    assert!(!said.contains("kept"), "{said}");
    assert_eq!(names(&out), ["runs.csv"]);
    assert_eq!(fs::read_to_string(out.join("runs.csv")).unwrap(), "mine");
    // Nothing of the sweep is lost where it went. The seeds are too many to be run to the end, so to one more window.
    let windows_there = windows(&aside);
    let seeds = format!("{SWEEP} 1000000 --resume").replace("batch=100", "batch=100,broken=1");
    let said = run_to(1, &mut symbreak(&seeds, &aside));
    assert!(said.contains(&format!("going on after {} of", windows_there.last().unwrap())), "{said}");
}

/// Whoever writes into the files of a running sweep is noticed at the next window, and what was true before is kept.
#[test]
fn files_that_others_change() {
    let seeds = "1000000";
    type Deed = fn(&Path);
    let deeds: [(&str, Deed); 5] = [
        ("runs.csv", |file| fs::remove_file(file).unwrap()),
        ("runs.csv", |file| fs::write(file, "").unwrap()),
        ("cells.csv.unfinished", |file| {
            let mut bytes = fs::read(file).unwrap();
            bytes.extend(b"mine");
            fs::remove_file(file).unwrap();
            fs::write(file, bytes).unwrap();
        }),
        ("traces.csv", |file| fs::rename(file, file.with_extension("txt")).unwrap()),
        ("journal.jsonl", |file| fs::remove_file(file).unwrap()),
    ];
    for (name, deed) in deeds {
        let place = place();
        let out = place.path().join("out");
        let Ended { status, said } = after_a_window(seeds, &out, |out| deed(&out.join(name)));
        assert_eq!(status.code(), Some(1), "{name}: {said}");
        let expected =
            format!("{name}: something else changed, removed or replaced it while the sweep was running; ");
        assert!(said.contains(&expected), "{name}: {said}");
        let (kept, _) = said.split_once(" of 2000000 runs are kept in ").expect(&said);
        let kept = kept.rsplit(' ').next().unwrap();
        let going_on = run_to(
            1,
            &mut symbreak(
                &format!("{SWEEP} {seeds} --resume").replace("batch=100", "batch=100,broken=1"),
                &out,
            ),
        );
        assert_eq!(going_on.contains("going on after"), kept != "0", "{name}: {going_on}");
        assert!(kept == "0" || going_on.contains(&format!("going on after {kept} of")), "{name}: {going_on}");
    }
}

/// The same with few enough runs that the resumed sweep is compared; its file is emptied while it is put down.
#[test]
fn a_sweep_whose_file_was_emptied_ends_the_same() {
    let words = format!("{SWEEP} 500");
    let (whole, place) = (Sweep::undisturbed(&words), place());
    let out = place.path().join("out");
    run_to(1, &mut symbreak(&words.replace("batch=100", "batch=100,broken=4"), &out));
    for name in ["traces.csv", "runs.csv"] {
        fs::write(out.join(name), "").unwrap();
        run_to(
            1,
            &mut symbreak(&format!("{words} --resume").replace("batch=100", "batch=100,broken=4"), &out),
        );
    }
    fs::remove_file(out.join("curves.csv")).unwrap();
    let said = run_to(0, &mut symbreak(&format!("{words} --resume"), &out));
    assert!(!said.contains("going on after"), "{said}");
    whole.assert_is_in(&out, "emptied");
}
