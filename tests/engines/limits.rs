//! What a device cannot hold: nets at the edge of the kernels and beyond, and WebGPU's default limits.

use symbreak::engine::gpu::Options;
use symbreak::engine::{Engine, EngineError, Program, Run};
use symbreak::net::Activation;
use symbreak::task::Boolean;
use symbreak::verify::compare::Comparison;
use symbreak::verify::nets;

use super::cut::{differing, files, plan, two_programs, wide};
use super::subject::{cpu, looped, reference, train, try_train};
use crate::adapter;

/// The default limits, which a browser grants, write the same files as all that the adapter offers. The twin has another
/// master seed.
#[test]
fn default_limits_change_no_result() {
    let options = Options { default_limits: true, ..Options::default() };
    let (Some(mut offered), Some(mut default)) = (adapter::gpu(), adapter::gpu_with(options)) else {
        eprintln!("SKIPPED: no such device here");
        return;
    };
    for plan in [two_programs(), wide()] {
        let want = files(&plan, &mut offered);
        assert_eq!(differing(&files(&plan, &mut default), &want), [""; 0]);
        let mut twin = plan;
        twin.master += 1;
        assert!(!differing(&files(&twin, &mut default), &want).is_empty(), "the perturbed twin passed");
    }
    let program = looped(20);
    let runs = nets::seeds(100, nets::run(0));
    let want = train(&mut offered, &program, &runs);
    assert_eq!(train(&mut default, &program, &runs), want);
    let twin: Vec<Run> = runs.iter().map(|run| Run { master: 1, ..*run }).collect();
    assert_ne!(train(&mut default, &program, &twin), want, "the perturbed twin passed");
    // No buffer of a batch is larger than the 128 MiB that WebGPU promises.
    for program in [large(5), looped(5), nets::boolean(Boolean::Xor, &[], Activation::Tanh, 5)] {
        let batch = default.placement(&program).unwrap().runs_per_batch as u64;
        assert!(batch * program.shape.parameters() as u64 * 4 <= 128 << 20, "{} × {batch}", program.shape);
    }
}

/// 2-64x64-1, 4417 parameters.
fn large(steps: u32) -> Program {
    nets::boolean(Boolean::Xor, &[64, 64], Activation::Tanh, steps)
}

/// Loss and parameters after eight steps, to 1e-4 of max(1, value). The twin's reference has 1 % less learning rate.
fn as_the_reference(engine: &mut dyn Engine, perturbed: bool) -> Comparison {
    let program = large(8);
    let run = Run { lr: 0.1, scale: 0.5, bias_scale: 0.5, ..nets::run(0) };
    let expected = Run { lr: if perturbed { 0.099 } else { run.lr }, ..run };
    let got = train(engine, &program, &nets::seeds(3, run));
    let want = train(&mut reference(), &program, &nets::seeds(3, expected));
    let mut comparison = Comparison::default();
    for (r, (got, want)) in got.runs.iter().zip(&want.runs).enumerate() {
        comparison.number(got.last.loss, want.last.loss, 1e-4, || format!("loss of run {r}"));
        comparison.number(got.steps.into(), 8.0, 0.0, || format!("steps of run {r}"));
    }
    let [got, want] = [got, want].map(|trained| -> Vec<f64> {
        trained.parameters.expect("kept parameters").last.iter().map(|&p| p.into()).collect()
    });
    let names = program.shape.parameter_names();
    comparison.numbers(&got, &want, |p| 1e-4 * want[p].abs().max(1.0), |p| names[p % names.len()].clone());
    comparison
}

#[test]
fn a_net_of_thousands_of_parameters_trains() {
    assert!(large(8).shape.parameters() >= 4096);
    let Some(mut gpu) = adapter::gpu() else {
        eprintln!("SKIPPED: no such device here");
        return;
    };
    assert!(gpu.placement(&large(8)).unwrap().kernel.starts_with("workgroup"));
    for engine in [&mut gpu as &mut dyn Engine, &mut cpu()] {
        let found = as_the_reference(engine, false);
        println!("{found:?}");
        assert!(found.passed(), "{found:?}");
        let twin = as_the_reference(engine, true);
        assert!(twin.failed(), "the perturbed twin passed: {twin:?}");
    }
}

/// Spread, gap and groups of units of wide layers, where the kernel compares them in words of 32 and in wider
/// workgroups. The twin's reference has another tolerance, so other groups.
fn groups_as_the_reference(engine: &mut dyn Engine, hidden: &[usize], perturbed: bool) -> Comparison {
    let program = nets::boolean(Boolean::Xor, hidden, Activation::Tanh, 1);
    let run = Run { lr: 1e-3, scale: 1.0, bias_scale: 1.0, symmetry_tolerance: 0.2, ..nets::run(0) };
    let tolerance = if perturbed { 0.02 } else { 0.2 };
    let got = train(engine, &program, &nets::seeds(2, run));
    let expected = Run { symmetry_tolerance: tolerance, ..run };
    let want = train(&mut reference(), &program, &nets::seeds(2, expected));
    let mut comparison = Comparison::default();
    for (got, want) in got.runs.iter().zip(&want.runs) {
        let (got, want) = (got.last.units.unwrap(), want.last.units.unwrap());
        let place = |what: &'static str| move || format!("{what}, {hidden:?}");
        comparison.number(got.spread, want.spread, 1e-4, place("spread"));
        comparison.number(got.gap, want.gap, 1e-4, place("gap"));
        comparison.number(got.distinct.into(), want.distinct.into(), 0.0, place("distinct units"));
    }
    comparison
}

#[test]
fn units_of_wide_layers_are_grouped_as_in_the_reference() {
    let Some(mut gpu) = adapter::gpu() else {
        eprintln!("SKIPPED: no such device here");
        return;
    };
    for hidden in [&[70][..], &[200], &[680], &[1, 300], &[40, 90]] {
        let found = groups_as_the_reference(&mut gpu, hidden, false);
        println!("{found:?}");
        assert!(found.passed(), "{found:?}");
        assert!(groups_as_the_reference(&mut gpu, hidden, true).failed(), "the twin of {hidden:?} passed");
    }
}

/// Too many units for a workgroup's memory, or too much work in one step: refused before anything is
/// trained, with the way out, which is one.
#[test]
fn a_net_too_large_is_refused_with_the_way_out() {
    let Some(mut gpu) = adapter::gpu() else {
        eprintln!("SKIPPED: no such device here");
        return;
    };
    for (hidden, why) in [(&[2000][..], "workgroup memory"), (&[900, 900], "more work in one step")] {
        let program = nets::boolean(Boolean::Xor, hidden, Activation::Tanh, 1);
        let runs = nets::seeds(1, nets::run(0));
        for refused in [gpu.placement(&program).map(|_| ()), try_train(&mut gpu, &program, &runs).map(|_| ())]
        {
            let Err(EngineError::Unsupported(text)) = refused else {
                panic!("{}: not refused: {refused:?}", program.shape)
            };
            for part in ["too large for the gpu engine", why, "try --backend cpu"] {
                assert!(text.contains(part), "{text}");
            }
        }
        assert_eq!(train(&mut cpu(), &program, &runs).runs[0].steps, 1);
    }
    // A whole sweep is refused at its start, also where only its last cell is too large.
    let plan = plan("[sweep]\n\"net.hidden\" = \"2,2000\"\n[runs]\nseeds = 2");
    let refused = symbreak::sweep::placements(&plan, &gpu);
    assert!(matches!(refused, Err(EngineError::Unsupported(_))), "{refused:?}");
}
