//! Some drivers end every loop of an invocation after 65,535 iterations in all, and say nothing.

use symbreak::engine::gpu::{GpuEngine, Options};
use symbreak::engine::{Engine, EngineError, Program, Run};
use symbreak::verify::compare::Comparison;
use symbreak::verify::nets;

use super::subject::{cpu, looped, stochastic, train, try_train, wide_xor, xor};
use crate::adapter;

const STEPS: u32 = 200_000;

/// What the trap leaves of a loop.
const TRAP: u32 = 65_535;

/// 200,000 steps of XOR end as on the cpu: labels, steps, and the loss to 0.1 %. The twin's cpu is caught in the trap.
fn as_on_the_cpu(gpu: &mut GpuEngine, perturbed: bool) -> Comparison {
    let runs = nets::seeds(24, nets::run(0));
    let got = train(gpu, &xor(STEPS), &runs).runs;
    let want = train(&mut cpu(), &xor(if perturbed { TRAP } else { STEPS }), &runs).runs;
    let mut comparison = Comparison::default();
    for (r, (got, want)) in got.iter().zip(&want).enumerate() {
        let place = |what: &str| format!("{what} of run {r}");
        comparison.number(got.steps.into(), STEPS.into(), 0.0, || place("steps"));
        let (loss, bound) = (want.last.loss, 1e-3 * want.last.loss);
        comparison.number(got.last.loss, loss, bound, || place("loss"));
        comparison.holds(got.last.symmetry == want.last.symmetry, || place("symmetry"));
        let solve_steps = [got, want].map(|run| run.solve_step.map_or(-1.0, f64::from));
        comparison
            .number(solve_steps[0], solve_steps[1], solve_steps[1].abs() / 100.0, || place("solve step"));
    }
    comparison
}

#[test]
fn two_hundred_thousand_steps_equal_the_cpus() {
    let Some(mut gpu) = adapter::gpu() else {
        eprintln!("SKIPPED: no such device here");
        return;
    };
    let found = as_on_the_cpu(&mut gpu, false);
    println!("{found:?}");
    assert!(found.passed(), "{found:?}");
    assert!(as_on_the_cpu(&mut gpu, true).failed(), "the perturbed twin passed");
}

/// 70,000 updates of one sample each, as on the cpu: steps, and the loss to 1 %. The twin's cpu has other batches.
fn online_as_on_the_cpu(gpu: &mut GpuEngine, perturbed: bool) -> Comparison {
    let steps = 70_000;
    let program = |batch| Program { batch: Some(batch), ..xor(steps) };
    let runs = nets::seeds(8, Run { lr: 0.1, ..nets::run(0) });
    let got = train(gpu, &program(1), &runs).runs;
    let want = train(&mut cpu(), &program(if perturbed { 2 } else { 1 }), &runs).runs;
    let mut comparison = Comparison::default();
    for (r, (got, want)) in got.iter().zip(&want).enumerate() {
        comparison.number(got.steps.into(), steps.into(), 0.0, || format!("steps of run {r}"));
        let (loss, bound) = (want.last.loss, 1e-2 * want.last.loss);
        comparison.number(got.last.loss, loss, bound, || format!("loss of run {r}"));
    }
    comparison
}

#[test]
fn seventy_thousand_online_updates_equal_the_cpus() {
    let Some(mut gpu) = adapter::gpu() else {
        eprintln!("SKIPPED: no such device here");
        return;
    };
    let found = online_as_on_the_cpu(&mut gpu, false);
    println!("{found:?}");
    assert!(found.passed(), "{found:?}");
    assert!(online_as_on_the_cpu(&mut gpu, true).failed(), "the perturbed twin passed");
}

/// The major version of Mesa's llvmpipe, if that is the adapter.
fn llvmpipe(engine: &GpuEngine) -> Option<u32> {
    let on = engine.description();
    let version = on.driver.split("Mesa ").nth(1)?;
    on.adapter.contains("llvmpipe").then_some(version.split('.').next()?.parse().ok()?)
}

/// Programs of which some dispatch has more than 65,535 iterations if nothing bounds it: many samples a step; the same
/// with a way out of the loop that is never taken; so many steps between two measurements, of which later dispatches
/// make up for what is missing, so that only the measurements are late; the kernel for large nets; and updates with passes
/// of their own in both.
fn beyond_the_trap() -> [Program; 6] {
    let stopping = Program { stop_when_solved: true, ..looped(20_000) };
    [
        looped(20_000),
        stopping,
        xor(1_000_000),
        wide_xor(20_000),
        stochastic(xor(70_000)),
        stochastic(wide_xor(20_000)),
    ]
}

/// With all steps between two measurements in one dispatch the trap closes on llvmpipe as of Mesa 22 (25 is free of it),
/// and the guard must say so. A driver without the trap must do all steps.
#[test]
fn the_guard_fires_where_the_driver_has_the_trap() {
    let options = Options { steps_per_dispatch: Some(u32::MAX), ..Options::default() };
    let (Some(mut bounded), Some(mut unbounded)) = (adapter::gpu(), adapter::gpu_with(options)) else {
        eprintln!("SKIPPED: no such device here");
        return;
    };
    for program in beyond_the_trap() {
        let runs = nets::seeds(3, nets::run(0));
        match (llvmpipe(&unbounded), try_train(&mut unbounded, &program, &runs)) {
            (Some(..=22), Ok(_)) => panic!("{}: the trap is here, but the guard is silent", program.shape),
            (_, Ok(got)) => assert_eq!(got, train(&mut bounded, &program, &runs)),
            (_, Err(EngineError::Device(text))) => {
                println!("{text}");
                let steps = format!("of {} steps", program.steps);
                for part in [&steps, "run 0", "ends long loops early", "--backend cpu"] {
                    assert!(text.contains(part), "{}: {text}", program.shape);
                }
            }
            (_, Err(error)) => panic!("{}: not the guard: {error}", program.shape),
        }
    }
}
