//! Kernels that stop early or do not write must be caught by the engine itself, on any driver.

use symbreak::engine::gpu::Options;
use symbreak::engine::{EngineError, Program, Run};
use symbreak::verify::{self, climb, nets, rungs};

use super::subject::{stochastic, try_train, wide_xor, xor};
use crate::adapter;

/// The programs, one for each kernel and each way in which it trains.
fn programs() -> [Program; 4] {
    [xor(300), wide_xor(300), stochastic(xor(300)), stochastic(wide_xor(300))]
}

/// Whether both kernels with this edit end in an error of the device that says all of `parts`.
fn caught(edit: fn(&str, String) -> String, parts: &[&str]) {
    let Some(mut engine) = adapter::gpu_with(Options { edit_shader: Some(edit), ..Options::default() })
    else {
        eprintln!("SKIPPED: no such device here");
        return;
    };
    for program in programs() {
        let runs = nets::seeds(2, Run { traced: true, ..nets::run(0) });
        match try_train(&mut engine, &program, &runs) {
            Err(EngineError::Device(text)) => {
                println!("{text}");
                assert!(parts.iter().all(|part| text.contains(part)), "{}: {text}", program.shape);
            }
            Err(error) => panic!("{}: {error}", program.shape),
            Ok(_) => panic!("{}: not caught", program.shape),
        }
    }
}

/// `source` with `from` replaced, which must be there.
fn replaced(source: &str, from: &str, to: &str) -> String {
    assert!(source.contains(from), "the shader has no {from}");
    source.replace(from, to)
}

#[test]
fn the_unedited_kernels_pass() {
    let Some(mut engine) = adapter::gpu() else {
        eprintln!("SKIPPED: no such device here");
        return;
    };
    for program in programs() {
        let runs = nets::seeds(2, Run { traced: true, ..nets::run(0) });
        assert!(try_train(&mut engine, &program, &runs).is_ok(), "{}", program.shape);
    }
}

/// Dispatches of seven steps are those of `mutants`, of the engine's own choice those of the ladder.
#[test]
fn steps_are_counted_in_dispatches_of_any_length() {
    let check = rungs::find("steps-counted").expect("a rung of this name");
    for steps in [64, 4096] {
        let options = Options { steps_per_dispatch: Some(steps), ..Options::default() };
        let Some(mut engine) = adapter::gpu_with(options) else {
            eprintln!("SKIPPED: no such device here");
            return;
        };
        let found = climb(&mut engine, "steps-counted", check, verify::Options::default());
        println!("{found:?}");
        assert!(found.passed && found.control_failed, "dispatches of {steps}: {found:?}");
    }
}

#[test]
fn a_loop_that_ends_early_is_caught() {
    let edit: fn(&str, String) -> String = |name, source| match name.starts_with("train") {
        true => replaced(&source, "dispatch.target_step", "min(dispatch.target_step, 100u)"),
        false => source,
    };
    caught(edit, &["did 100 of 300 steps", "--backend cpu"]);
}

#[test]
fn steps_that_are_not_counted_are_caught() {
    let edit: fn(&str, String) -> String = |name, source| match name.starts_with("train") {
        true => {
            let last = if name.contains("workgroup") { "states[n] = state;" } else { "states[n0] = state0;" };
            replaced(&source, last, "")
        }
        false => source,
    };
    caught(edit, &["did 0 of 300 steps"]);
}

#[test]
fn a_measurement_that_is_not_made_is_caught() {
    let edit: fn(&str, String) -> String = |name, source| match name {
        "measure_workgroup.wgsl.jinja" => {
            replaced(&source, "= state.measured + 1u;", "= min(state.measured + 1u, 7u);")
        }
        "train_register.wgsl.jinja" | "train_register_stochastic.wgsl.jinja" => {
            replaced(&source, ".measured = m + 1u;", ".measured = min(m + 1u, 7u);")
        }
        _ => source,
    };
    caught(edit, &["7 of ", "measurements"]);
}

#[test]
fn results_that_are_not_written_are_caught() {
    let edit: fn(&str, String) -> String = |name, source| match name.starts_with("measure") {
        true => replaced(&source, "measured[n] = result;", ""),
        false => source,
    };
    caught(edit, &["returned no measurement for run 0"]);
}

#[test]
fn traces_that_are_not_written_are_caught() {
    let edit: fn(&str, String) -> String = |name, source| match name.starts_with("measure") {
        true => replaced(&source, "traces[m * dispatch.traced + run.trace_slot] = result;", ""),
        false => source,
    };
    caught(edit, &["returned no measurement for run 0"]);
}
