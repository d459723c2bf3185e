//! Networks that would take all memory or all time: refused with their size, warned of, and left when somebody has had enough.

use tempfile::tempdir;

use crate::child::{spec, words};

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
