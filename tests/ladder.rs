//! Every rung of the ladder, one test each, for every engine that is built in.

#[cfg(feature = "gpu")]
mod adapter;

use symbreak::engine::Engine;
use symbreak::engine::reference::ReferenceEngine;
use symbreak::verify::{Options, climb, rungs};

/// Climbs one rung; the rung must pass and its negative control must fail.
fn rung(engine: Option<impl Engine>, name: &str) {
    let Some(mut engine) = engine else {
        eprintln!("SKIPPED: rung {name}, no such device here");
        return;
    };
    let quick = std::env::var_os("LADDER_FULL").is_none();
    let options = Options { quick, threads: Some(2), ..Options::default() };
    let found = climb(&mut engine, name, rungs::find(name).expect("a rung of this name"), options);
    println!("{found:?}");
    assert!(found.passed, "{found:?}");
    assert!(found.control_failed, "the negative control passed: {found:?}");
}

/// One test per rung for the engine that `$make` returns: `Some(engine)`, or `None` to skip where there is no device.
macro_rules! engine_tests {
    ($engine:ident, $make:expr) => {
        mod $engine {
            use super::*;
            engine_tests!(@rungs $make; rng "rng", init "init", zero "zero", forward "forward",
                units "units", gradient "gradient", optimizers "optimizers", steps "steps", noise "noise", tasks "tasks", copies "copies",
                invariance "invariance", steps_counted "steps-counted", labels "labels", fractions "fractions");
        }
    };
    (@rungs $make:expr; $($test:ident $rung:literal),*) => {
        $(#[test] fn $test() { rung($make, $rung); })*
        /// A rung added to the ladder must be added here.
        #[test]
        fn every_rung_is_tested() {
            let tested = [$($rung),*];
            let all: Vec<&str> = rungs::RUNGS.iter().map(|(name, _)| *name).collect();
            assert_eq!(all, tested);
        }
    };
}

engine_tests!(reference, Some(ReferenceEngine::new(Some(2)).expect("threads")));
engine_tests!(cpu, Some(symbreak::engine::cpu::CpuEngine::new(Some(2)).expect("threads")));
#[cfg(feature = "gpu")]
engine_tests!(gpu, adapter::gpu());

/// The ladder must notice an engine that makes its answers up: the mock passes where it computes the very words that are
/// asked for, and where any repeatable answer will do.
#[test]
fn a_made_up_engine_falls_off() {
    let options = Options { quick: true, threads: Some(2), ..Options::default() };
    let mut mock = symbreak::engine::mock::MockEngine::default();
    let passed: Vec<&str> = (rungs::RUNGS.iter())
        .filter(|&&(name, check)| climb(&mut mock, name, check, options).passed)
        .map(|&(name, _)| name)
        .collect();
    assert_eq!(passed, ["rng", "invariance"]);
}
