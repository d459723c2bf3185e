//! Two processes at once on one directory, and a shard that is run twice.

use std::path::Path;
use std::process::{Child, Stdio};

use crate::subject::{Ended, Sweep, ended, names, place, run_to, symbreak};

/// 30,000 runs in windows of 500: enough for two processes to meet in.
const SWEEP: &str = "run xor-scale --backend mock --adapter batch=500 --set net.activation=tanh --set train.steps=3 \
                     --sweep init.scale=0,0.1,1 --seeds 10000 --trace 1";

fn start(words: &str, out: &Path) -> Child {
    symbreak(words, out).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Starts programs with these words together; how each ended, with its number.
fn at_once(all: &[String], out: &Path) -> Vec<(u32, Ended)> {
    let children: Vec<Child> = all.iter().map(|words| start(words, out)).collect();
    children.into_iter().map(|child| (child.id(), ended(child.wait_with_output().unwrap()))).collect()
}

/// One trains. The other is refused and told who does, unless it comes so late that the sweep is there.
#[test]
fn two_processes_on_one_directory() {
    let whole = Sweep::undisturbed(SWEEP);
    let mut refused = 0;
    for round in 0..30 {
        let place = place();
        let out = place.path().join("out");
        let words = format!("{SWEEP}{}", ["", " --resume", " --force"][round % 3]);
        let ended = at_once(&[words.clone(), words.clone()], &out);
        let (mut trained, mut busy) = (Vec::new(), Vec::new());
        for (number, Ended { status, said }) in &ended {
            match status.code() {
                Some(0) if said.contains("running on") => trained.push(*number),
                Some(0) => assert!(said.contains("showing it again"), "{said}"),
                Some(2) => busy.push(said),
                _ => panic!("{status} {said}"),
            }
        }
        // Forced, both may, one after the other.
        assert!(trained.len() == 1 || (trained.len() == 2 && words.ends_with("--force")), "{trained:?}");
        for said in busy {
            let who = format!("another process ({} on ", trained[0]);
            let advice = "is writing a sweep into ";
            assert!(
                said.contains(&who) && said.contains(advice) && said.contains("--out DIR"),
                "{who}: {said}"
            );
            refused += 1;
        }
        whole.assert_is_in(&out, "two at once");
    }
    assert!(refused > 0, "no two ever met");
}

/// Any number may run a shard at the same time: each ends well, and there is one.
#[test]
fn a_shard_that_is_run_many_times_at_once() {
    let words = format!("{SWEEP} --shard 2/3 --resume");
    let whole = Sweep::undisturbed(&words);
    let mut met = 0;
    for round in 0..12 {
        let place = place();
        let out = place.path().join("out");
        let all = vec![words.clone(); 2 + round % 2];
        for (_, Ended { status, said }) in at_once(&all, &out) {
            assert_eq!(status.code(), Some(0), "{said}");
            met += usize::from(said.contains("; starting the shard in "));
        }
        whole.assert_is_in(&out, "run at once");
        assert_eq!(names(place.path()), ["out"]);
        let said = run_to(0, &mut symbreak(&words, &out));
        assert!(said.contains("out holds this sweep, finished; showing it again"), "{said}");
    }
    assert!(met > 0, "no two ever met");
}

#[cfg(unix)]
mod stopped {
    use std::process::Command;
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;
    use crate::subject::{windows, workplace};

    fn signal(child: &Child, name: &str) {
        let number = child.id().to_string();
        assert!(Command::new("kill").args([name, &number]).status().unwrap().success());
    }

    /// A program that has done a window and then stands still.
    fn stopped(words: &str, out: &Path) -> Child {
        let mut child = start(words, out);
        while windows(&workplace(out)).is_empty() {
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            sleep(Duration::from_millis(1));
        }
        signal(&child, "-STOP");
        child
    }

    #[test]
    fn who_holds_a_directory_keeps_it_until_it_dies() {
        let (whole, place) = (Sweep::undisturbed(SWEEP), place());
        let out = place.path().join("out");
        let mut holder = stopped(SWEEP, &out);
        for flag in ["", " --resume", " --force"] {
            let said = run_to(2, &mut symbreak(&format!("{SWEEP}{flag}"), &out));
            assert!(said.contains(&format!("another process ({} on ", holder.id())), "{flag}: {said}");
        }
        // Another plan has no business there either, but that is not what is wrong now.
        let said = run_to(2, &mut symbreak(&format!("{SWEEP} --seed 3"), &out));
        assert!(said.contains("another process"), "{said}");
        holder.kill().unwrap();
        holder.wait().unwrap();
        let said = run_to(2, &mut symbreak(&format!("{SWEEP} --seed 3"), &out));
        assert!(said.contains("an unfinished sweep of another plan (runs.seed"), "{said}");
        let said = run_to(2, &mut symbreak(SWEEP, &out));
        assert!(said.contains("unfinished sweep of this plan; use --resume"), "{said}");
        let said = run_to(0, &mut symbreak(&format!("{SWEEP} --resume"), &out));
        assert!(said.contains("going on after "), "{said}");
        whole.assert_is_in(&out, "its holder killed");
    }

    #[test]
    fn a_shard_is_trained_beside_one_that_hangs() {
        let words = format!("{SWEEP} --shard 2/3");
        let (whole, place) = (Sweep::undisturbed(&words), place());
        let out = place.path().join("out");
        let hanging = stopped(&words, &out);
        // Without --resume two are not expected.
        let said = run_to(2, &mut symbreak(&words, &out));
        assert!(said.contains(&format!("another process ({} on ", hanging.id())), "{said}");
        let said = run_to(0, &mut symbreak(&format!("{words} --resume"), &out));
        let expected = format!("another process ({} on ", hanging.id());
        assert!(said.contains(&expected) && said.contains("out.part-2 as well"), "{said}");
        whole.assert_is_in(&out, "trained beside one that hangs");
        assert_eq!(names(place.path()), ["out", "out.part"], "what is being worked on stays");
        signal(&hanging, "-CONT");
        let late = ended(hanging.wait_with_output().unwrap());
        assert_eq!(late.status.code(), Some(0), "{}", late.said);
        whole.assert_is_in(&out, "trained twice");
        assert_eq!(names(place.path()), ["out"]);
    }

    #[test]
    fn a_shard_does_not_take_the_place_of_what_it_did_not_make() {
        let words = format!("{SWEEP} --shard 2/3");
        let (whole, place) = (Sweep::undisturbed(&words), place());
        let out = place.path().join("out");
        std::fs::create_dir(&out).unwrap();
        std::fs::write(out.join("notes.txt"), "mine").unwrap();
        for flag in ["", " --resume", " --force"] {
            let said = run_to(2, &mut symbreak(&format!("{words}{flag}"), &out));
            assert!(said.contains("holds files but no sweep") || said.contains("holds notes.txt"), "{said}");
        }
        assert_eq!(names(place.path()), ["out"], "before anything is trained");
        std::fs::remove_file(out.join("notes.txt")).unwrap();
        // An empty directory is no obstacle, nor is a slash after its name.
        run_to(0, &mut symbreak(&words, &out.join("")));
        whole.assert_is_in(&out, "into an empty directory");
        assert_eq!(names(place.path()), ["out"]);
    }
}
