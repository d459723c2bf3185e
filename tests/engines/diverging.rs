//! Runs that diverge: the step, the rest there, and the rows.

use symbreak::engine::{Engine, Program, Run, RunResult};
use symbreak::net::Activation;
use symbreak::task::Boolean;
use symbreak::verify::nets;

use super::cut::{files, plan, rows};
use super::subject::{reference, single_precision, train};

/// Nets of unbounded units at learning rates that blow them up, some in few steps, some in dozens.
fn results(engine: &mut dyn Engine, activation: Activation, hidden: &[usize], lr: f64) -> Vec<RunResult> {
    let mut program: Program = nets::boolean(Boolean::Xor, hidden, activation, 200);
    program.shape.output = Activation::Linear;
    let rates = |run: Run| Run { lr: lr * (1.0 + run.seed as f64), ..run };
    let runs: Vec<Run> = nets::seeds(16, nets::run(0)).into_iter().map(rates).collect();
    train(engine, &program, &runs).runs
}

/// Every f32 engine diverges within one step of the reference (a loss may pass 1e30 by rounding), but for one run in 16
/// that rounding may keep; and rests where it does. The twin's reference has a tenth of the learning rate.
#[test]
fn engines_diverge_at_the_same_step() {
    for (on, mut engine) in single_precision() {
        for (activation, hidden) in
            [(Activation::Linear, &[2][..]), (Activation::Relu, &[4]), (Activation::Relu, &[33])]
        {
            let got = results(engine.as_mut(), activation, hidden, 0.5);
            let alike = |lr: f64| {
                let want = results(&mut reference(), activation, hidden, lr);
                let near = |(a, b): &(&RunResult, &RunResult)| match (a.diverge_step, b.diverge_step) {
                    (Some(a), Some(b)) => a.abs_diff(b) <= 1,
                    (a, b) => a == b,
                };
                got.iter().zip(&want).filter(near).count()
            };
            let name = format!("{on}, {activation}, {hidden:?}");
            let diverged = got.iter().filter(|run| run.diverge_step.is_some()).count();
            assert!(diverged >= 8, "{name}: only {diverged} diverge");
            assert!(alike(0.5) >= 15, "{name}: only {} alike", alike(0.5));
            assert!(alike(0.05) < 12, "{name}: the perturbed twin passed");
            for run in got.iter().filter(|run| run.diverge_step.is_some()) {
                assert_eq!(Some(run.steps), run.diverge_step, "{name}");
                assert!(run.initial.loss.is_finite(), "{name}");
            }
        }
    }
}

/// The row of a diverged run has no measures of its end, and that of any other has all.
#[test]
fn rows_of_diverged_runs_have_no_end() {
    let plan = plan(
        "[net]\noutput = \"linear\"\nactivation = \"relu\"\n[train]\nsteps = 100\n[sweep]\n\"train.lr\" = \"0.01,30\"\n\
         [runs]\nseeds = 20",
    );
    for (on, mut engine) in single_precision() {
        let rows = rows(&files(&plan, engine.as_mut()));
        let ends = [
            "symmetry",
            "loss_final",
            "error_final",
            "gradient_norm_final",
            "spread_final",
            "gap_final",
            "distinct_units",
        ];
        let mut diverged = 0;
        for row in &rows {
            let has_diverged = row["outcome"] == "diverged";
            diverged += usize::from(has_diverged);
            assert_eq!(row["diverge_step"].is_empty(), !has_diverged, "{on}: {row:?}");
            for end in ends {
                assert_eq!(row[end].is_empty(), has_diverged, "{on}: {end} of {row:?}");
            }
            assert!(row["loss_initial"].parse::<f64>().is_ok_and(f64::is_finite), "{on}: {row:?}");
            let steps = if has_diverged { &row["diverge_step"] } else { "100" };
            assert_eq!(row["steps"], steps, "{on}");
        }
        assert!((5..=20).contains(&diverged), "{on}: {diverged} diverge");
    }
}
