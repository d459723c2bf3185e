//! The system says no at every point: nothing more fits, nothing may be changed any more, or a single thing fails.

use symbreak::output::Manifest;

use crate::crashes::{SMALL, disturbed};
use crate::preloaded::build;
use crate::subject::{Sweep, run_to, symbreak, windows, workplace};

/// How many runs a message says are kept.
fn kept(said: &str) -> Option<u64> {
    let (before, _) = said.split_once(" runs are kept in ")?;
    before.rsplit(' ').nth(2)?.parse().ok()
}

/// At every point: the program ends with status 1 and one message, which names a file and says what is kept; that is
/// kept; and it goes on from there to the same bytes. Where what fails does not matter, it does not fail.
fn failing_at_every_point(words: &str, again: &str, how: &str, answer: &str) {
    let (shim, whole) = (build("crash"), Sweep::undisturbed(again));
    let (mut failed, mut with_runs) = (0, 0);
    for at in 0.. {
        let tried = disturbed(&shim, words, None, how, at);
        if !tried.reached {
            assert!(failed > 50 && with_runs > 20, "{failed} {with_runs}");
            return;
        }
        let (said, after) = (&tried.ended.said, format!("{how} from {at}"));
        match tried.ended.status.code() {
            Some(0) => {}
            Some(1) => {
                failed += 1;
                assert_eq!(said.matches("error: ").count(), 1, "{after}: {said}");
                let names = said.contains("error: cannot ")
                    && said.contains(tried.out.parent().unwrap().to_str().unwrap());
                assert!(names && said.contains(answer), "{after}: {said}");
                let directory = workplace(&tried.out);
                let start = Manifest::read(&directory).unwrap().map_or(0, |manifest| manifest.range().start);
                let there = windows(&directory).last().map_or(0, |end| end - start);
                match kept(said) {
                    Some(kept) => {
                        assert!(kept <= there || tried.out.join("manifest.json").exists(), "{after}: {said}");
                        // What was written but not known to be on the disk is not counted on.
                        assert!(there <= kept + 4, "{after}: {there} {said}");
                        assert!(said.trim_end().ends_with(" --resume"), "{after}: {said}");
                        with_runs += usize::from(kept > 0);
                    }
                    None => assert_eq!(there, 0, "{after}: {said}"),
                }
            }
            other => panic!("{after}: {other:?} {said}"),
        }
        run_to(0, &mut symbreak(&format!("{again} --resume"), &tried.out));
        whole.assert_is_in(&tried.out, &after);
    }
}

#[test]
fn a_disk_that_is_full_from_any_point_on() {
    failing_at_every_point(
        SMALL,
        SMALL,
        "full",
        "No space left on device (os error 28); free some space there",
    );
}

#[test]
fn a_place_that_cannot_be_changed_from_any_point_on() {
    let answer =
        "Read-only file system (os error 30); make it writable or choose another place with --out DIR";
    failing_at_every_point(SMALL, SMALL, "readonly", answer);
    let words = format!("{SMALL} --shard 2/3");
    failing_at_every_point(&words, &words, "readonly", answer);
}

#[test]
fn an_error_at_any_point() {
    failing_at_every_point(SMALL, SMALL, "once", "Input/output error (os error 5)");
    let words = format!("{SMALL} --shard 2/3");
    failing_at_every_point(&words, &words, "once", "Input/output error (os error 5)");
}
