//! Clocks that jump, forwards and backwards and to before 1970.

use symbreak::output::Manifest;

use crate::preloaded::build;
use crate::subject::{Sweep, place, run_to, symbreak};

const SWEEP: &str = "run xor-scale --backend mock --adapter batch=100 --set net.activation=tanh --set train.steps=3 \
                     --sweep init.scale=0.1,1 --seeds 500 --trace 1 --verify 0.5";

/// In seconds since 1970: the year 1938, 1970, 2300, 2001.
const TIMES: [&str; 4] = ["-1000000000", "0", "10413792000", "1000000000"];

#[test]
fn no_time_of_day_shows_in_what_a_sweep_comes_to() {
    let (shim, whole) = (build("clock"), Sweep::undisturbed(SWEEP));
    let mut started = Vec::new();
    for at in 0..TIMES.len() {
        let mut times = TIMES;
        times.rotate_left(at);
        let place = place();
        let out = place.path().join("out");
        let told = |words: &str, times: &[&str]| {
            let mut command = symbreak(words, &out);
            command.env("LD_PRELOAD", &shim.library).env("RUIN_CLOCK", times.join(","));
            command
        };
        run_to(1, &mut told(&SWEEP.replace("batch=100", "batch=100,broken=6"), &times));
        let begun = Manifest::read(&out).unwrap().unwrap();
        // Later sessions are earlier, or centuries later.
        times.rotate_left(3);
        run_to(0, &mut told(&format!("{SWEEP} --resume"), &times));
        whole.assert_is_in(&out, &format!("clocks {times:?}"));
        let ended = Manifest::read(&out).unwrap().unwrap();
        assert_eq!(ended.started_at, begun.started_at, "it was started once");
        let seconds =
            [begun.training_seconds, begun.total_seconds, ended.training_seconds, ended.total_seconds];
        assert!(seconds.iter().all(|&seconds| (0.0..1e6).contains(&seconds)), "{seconds:?}");
        assert!(
            ended.total_seconds >= begun.total_seconds && ended.training_seconds >= begun.training_seconds
        );
        started.push(ended.started_at);
    }
    // The control: the clocks that jump are those that the program reads. Before 1970 it knows no time.
    started.sort_unstable();
    started.dedup();
    assert_eq!(started, [0, 1_000_000_000, 10_413_792_000]);
}
