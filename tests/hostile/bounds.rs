//! Networks that would take all memory or all time: refused with their size, warned of, and left when somebody has had enough.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value as Json;
use tempfile::tempdir;

use crate::child::{BOUND, SPEC, spec, symbreak, watch_while, words};

#[test]
fn networks_too_large_for_their_task_are_refused() {
    let place = tempdir().unwrap();
    for (task, hidden, message) in [
        (
            "dataset = \"random\"\nsamples = 65536\nfeatures = 10",
            3000,
            "3001 units, hidden and output, on 65536 samples are 196673536 activations, more than 67108864; choose up to 1024 \
             units or a smaller task.samples",
        ),
        (
            "dataset = \"parity\"\nbits = 16",
            50_000,
            "50001 units, hidden and output, on 65536 samples are 3276865536 activations, more than 67108864; choose up to \
             1024 units or a smaller task.bits",
        ),
    ] {
        let text =
            format!("[task]\n{task}\n[net]\nhidden = [{hidden}]\n[train]\nsteps = 1\n[runs]\nseeds = 1\n");
        std::fs::write(place.path().join("s.toml"), &text).unwrap();
        let line = 1 + text.lines().position(|line| line.starts_with("hidden")).unwrap();
        let place_of = format!("net.hidden (line {line} of s.toml): ");
        for flags in ["--backend cpu", "--backend cpu --dry-run", "--backend reference", "--backend mock"] {
            words(place.path(), &format!("run s.toml --out out {flags}")).refused(2, &[&place_of, message]);
        }
    }
    // The limit itself.
    let largest = "[task]\ndataset = \"random\"\nsamples = 65536\nfeatures = 2\n[net]\nhidden = [1023]\n[runs]\nseeds = 1\n";
    spec(place.path(), largest).done();
}

/// As wide as may be: comparing all pairs of its units takes far longer than a test waits.
const WIDE: &str = "net.hidden=[240000] train.steps=3 runs.seeds=1";

fn wide(backend: &str, more: &str) -> Vec<String> {
    let set = WIDE.split_whitespace().flat_map(|set| ["--set", set]);
    let rest = ["--backend", backend, "--threads", "1", "--out", "out"];
    let words = ["run", "s.toml"].into_iter().chain(set).chain(rest).chain(more.split_whitespace());
    words.map(String::from).collect()
}

/// What is done is kept, and it is said how to go on.
#[cfg(unix)]
#[test]
fn whoever_has_had_enough_of_a_wide_network_is_heard() {
    for backend in ["cpu", "reference"] {
        let place = tempdir().unwrap();
        std::fs::write(place.path().join("s.toml"), SPEC).unwrap();
        let (manifest, mut sent) = (place.path().join("out/manifest.json"), false);
        let mut command = symbreak(place.path(), &wide(backend, ""));
        let ended = watch_while(&mut command, 2 * BOUND, |child| {
            if !sent && manifest.exists() {
                // Signals are listened to soon after the manifest is there.
                sleep(Duration::from_secs(2));
                let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
                sent = kill.unwrap().success();
            }
        });
        assert_eq!(ended.status, Some(130), "{backend}: {ended:?}");
        assert!(ended.said.contains("0 of 1 runs are kept in out"), "{backend}: {ended:?}");
        assert!(ended.said.contains("--resume"), "{backend}: {ended:?}");
    }
}

#[test]
fn what_would_take_long_is_not_tried_out_for_long() {
    let place = tempdir().unwrap();
    std::fs::write(place.path().join("s.toml"), SPEC).unwrap();
    for backend in ["cpu", "reference"] {
        let mut command = symbreak(place.path(), &wide(backend, "--dry-run --json"));
        let ended = watch_while(&mut command, 2 * BOUND, |_| {});
        let report: Json = serde_json::from_str(ended.done()).unwrap();
        assert_eq!(report["at_least"], true, "{backend}: {ended:?}");
        assert!(report["seconds"].as_f64().unwrap() >= 20.0, "{backend}: {ended:?}");
        assert!(ended.said.contains("warning: net.hidden: in 1 of 1 cells looking for units that are alike"));
    }
    // The control.
    let quick = words(place.path(), "run s.toml --backend cpu --dry-run --json");
    let report: Json = serde_json::from_str(quick.done()).unwrap();
    assert_eq!((&report["at_least"], quick.said.contains("warning")), (&Json::Bool(false), false));
}
