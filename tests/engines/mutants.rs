//! Wrong shaders, each of which must fall off the ladder at a rung that is named here.

use symbreak::engine::gpu::Options;
use symbreak::verify::{self, Rung, climb, rungs};

use crate::adapter;

/// What the rung says of an engine whose shaders are edited.
fn climbed(rung: &str, edit: fn(&str, String) -> String) -> Option<Rung> {
    // Short dispatches, so that what is lost between two of them shows.
    let options = Options { edit_shader: Some(edit), steps_per_dispatch: Some(1), ..Options::default() };
    let mut engine = adapter::gpu_with(options)?;
    let options = verify::Options { quick: true, threads: Some(2), ..verify::Options::default() };
    let check = rungs::find(rung).expect("a rung of this name");
    Some(climb(&mut engine, rung, check, options))
}

/// One test per mutant: the file that is edited, how, and the rung at which it must fail. The honest shaders pass every
/// rung (tests/ladder.rs), so it is the edit that fails.
macro_rules! mutants {
    ($($mutant:ident: $file:literal, $edit:expr, caught by $rung:literal;)*) => {
        $(#[test] fn $mutant() {
            let edit: fn(&str, String) -> String = |name, source| {
                let edit: fn(String) -> String = $edit;
                if name.starts_with($file) { edit(source) } else { source }
            };
            let Some(found) = climbed($rung, edit) else {
                eprintln!("SKIPPED: no such device here");
                return;
            };
            println!("{found:?}");
            assert!(!found.passed, "rung {} does not notice: {found:?}", $rung);
        })*
    };
}

mutants! {
    register_drops_a_bias_gradient: "train_register", |source| source.replace("g = g + d1_0_1;", ""), caught by "gradient";
    register_swaps_a_weight_index: "train_register",
        |source| source.replace("var w0 = Real(parameters[0u *", "var w0 = Real(parameters[1u *"), caught by "gradient";
    register_forgets_momentum: "train_register",
        |source| source.replace("momentum * v", "0.0 * v"), caught by "optimizers";
    register_decays_biases_not_weights: "train_register",
        |source| source.replace("fma(decay, ", "fma(Real(0.0), "), caught by "optimizers";
    register_forgets_its_velocity_between_dispatches: "train_register",
        |source| source.replace("var v0 = Real(velocities[0u * stride + n0]", "var v0 = Real(0.0"), caught by "optimizers";
    register_does_a_step_too_many: "train_register",
        |source| source.replace("dispatch.target_step), go)", "dispatch.target_step) + 1u, go)"), caught by "steps-counted";
    register_does_a_step_too_few: "train_register",
        |source| source.replace("dispatch.target_step", "(max(dispatch.target_step, 1u) - 1u)"), caught by "steps-counted";
    register_skips_a_step_but_counts_it: "train_register",
        |source| source.replace("var go = true;", "var go = true; if t == 1u { t = 2u; }"), caught by "optimizers";
    register_solves_a_step_late: "train_register",
        |source| source.replace("solve_step = t;", "solve_step = t + 1u;").replace("Word(t))", "Word(t + 1u))"),
        caught by "steps-counted";

    register_forgets_adams_correction: "train_register",
        |source| source.replace("one_minus_exp(mean_fall * updates)", "Real(1.0)"), caught by "optimizers";
    register_forgets_its_mean_squares_between_dispatches: "train_register",
        |source| source.replace("var v0 = Real(velocities[0u * stride + n0]", "var v0 = Real(0.0"), caught by "optimizers";

    stochastic_starts_each_epoch_in_the_same_order: "train_register_stochastic",
        |source| source.replace("shuffle(order_key, t / EPOCH,", "shuffle(order_key, 0u,"), caught by "noise";
    stochastic_takes_a_short_batch_for_a_whole_one: "train_register_stochastic",
        |source| source.replace("count < BATCH)", "false)"), caught by "noise";
    stochastic_drops_other_units: "train_register_stochastic",
        |source| source.replace("(dropped0 >> 1u)", "(dropped0 >> 0u)"), caught by "noise";
    stochastic_keeps_the_slope_of_what_drops_out: "train_register_stochastic",
        |source| source.replace("select(whole.slope * kept, 0.0, out == 1u)", "whole.slope * kept"), caught by "noise";
    stochastic_has_the_same_noise_in_every_step: "train_register_stochastic",
        |source| source.replace("draw_normals(input_key, t,", "draw_normals(input_key, 0u,"), caught by "noise";
    stochastic_moves_a_missing_weight: "train_register_stochastic",
        |source| source.replace("(missing0 >> 0u) & 1u", "(missing0 >> 0u) & 2u"), caught by "noise";
    softmax_forgets_the_other_classes: "train_register",
        |source| source.replace("fma(-rest0, share0,", "fma(-rest0, 0.0 * share0,"), caught by "noise";

    workgroup_starts_each_epoch_in_the_same_order: "train_workgroup",
        |source| source.replace("ORDER), t / EPOCH,", "ORDER), 0u,"), caught by "noise";
    workgroup_drops_other_units: "train_workgroup",
        |source| source.replace("drops_out(dropout_key, t,", "drops_out(dropout_key, t + 1u,"), caught by "noise";
    workgroup_forgets_the_noise_of_gradients: "train_workgroup",
        |source| source.replace("fma(run.gradient_noise, ", "fma(0.0, "), caught by "noise";
    workgroup_forgets_a_rate: "train_workgroup",
        |source| source.replace("select(run.rate_hidden, run.rate_output,", "select(run.rate_hidden, run.rate_hidden,"),
        caught by "noise";

    workgroup_drops_a_bias_gradient: "train_workgroup",
        |source| source.replace("g = g + deltas", "g = g + 0.0 * deltas"), caught by "gradient";
    workgroup_swaps_a_weight_index: "train_workgroup",
        |source| source.replace("u + i], d, sum)", "u + (i ^ 1u)], d, sum)"), caught by "gradient";
    workgroup_forgets_momentum: "train_workgroup",
        |source| source.replace("fma(run.momentum, ", "fma(0.0, "), caught by "optimizers";
    workgroup_forgets_decay: "train_workgroup",
        |source| source.replace("fma(run.weight_decay, ", "fma(0.0, "), caught by "optimizers";
    workgroup_does_a_step_too_many: "train_workgroup",
        |source| source.replace("|| t == dispatch.target_step {", "|| t == dispatch.target_step + 1u {"),
        caught by "steps-counted";
    workgroup_does_a_step_too_few: "train_workgroup",
        |source| source.replace("t < end;", "t + 1u < end;"), caught by "steps-counted";
    workgroup_solves_a_step_late: "train_workgroup",
        |source| source.replace("state.solve_step = t;", "state.solve_step = t + 1u;"), caught by "steps-counted";

    init_reuses_a_seed: "init", |source| source.replace("run.seed, 1u, p)", "runs[0].seed, 1u, p)"), caught by "init";
    init_reuses_a_word: "init", |source| source.replace("run.seed, 1u, p)", "run.seed, 1u, p / 2u)"), caught by "init";
    init_reuses_a_stream: "init",
        |source| source.replace("run.seed, 0u, draw.orbit)", "run.seed, 1u, draw.orbit)"), caught by "init";
    init_does_not_write: "init", |source| source.replace("parameters[at] = base", "let unused = base"), caught by "init";
    init_ignores_the_master_seed: "init",
        |source| source.replace("philox(init.key, ", "philox(vec2u(0u, 0u), "), caught by "init";
    rng_does_nine_rounds: "rng",
        |source| source.replace("return philox_round(c, key + 9u * weyl);", "return c;"), caught by "rng";
}
