//! Wrong shaders, each of which must be noticed by what is named here: a rung that finds a distance over its bound, or the
//! engine itself, which counts the steps and measurements of every run. One that does not compile is not noticed but broken.

use std::collections::BTreeSet;

use symbreak::engine::gpu::{GpuEngine, Options};
use symbreak::verify::{self, Rung, climb, rungs};

use crate::adapter;

/// An engine for a rung, with dispatches so short that what is lost between two of them shows: of one step, or, where 70,000
/// are counted, of seven.
fn engine(rung: &str, edit_shader: Option<fn(&str, String) -> String>) -> Option<GpuEngine> {
    let steps_per_dispatch = Some(if rung == "steps-counted" { 7 } else { 1 });
    let engine = adapter::gpu_with(Options { edit_shader, steps_per_dispatch, ..Options::default() });
    if engine.is_none() {
        eprintln!("SKIPPED: no such device here");
    }
    engine
}

fn climbed(engine: &mut GpuEngine, rung: &str) -> Rung {
    let options = verify::Options { quick: true, threads: Some(2), ..verify::Options::default() };
    climb(engine, rung, rungs::find(rung).expect("a rung of this name"), options)
}

/// Whether the rung found a distance over its bound, and not just an error.
fn by_a_distance(found: &Rung) -> bool {
    !found.passed && found.worst.is_finite() && found.worst > found.bound
}

/// Climbs with edited shaders: the rung must find a distance or, where the engine's guard is named, fail with its words.
fn notice(rung: &str, edit: fn(&str, String) -> String, guard: Option<&str>) {
    let Some(mut engine) = engine(rung, Some(edit)) else { return };
    let found = climbed(&mut engine, rung);
    println!("{found:?}");
    match guard {
        Some(words) => assert!(!found.passed && found.where_.contains(words), "not by the guard: {found:?}"),
        None => assert!(by_a_distance(&found), "rung {rung} does not notice: {found:?}"),
    }
}

/// One test per mutant: the file that is edited, how, the rung that must notice and, where the engine does before the rung
/// can, what its guard says.
macro_rules! mutants {
    ($($mutant:ident: $file:literal, $edit:expr, caught by $rung:literal $(whose engine says $guard:literal)?;)*) => {
        $(#[test] fn $mutant() {
            let edit: fn(&str, String) -> String = |name, source| {
                let edit: fn(String) -> String = $edit;
                if name.starts_with($file) { edit(source) } else { source }
            };
            notice($rung, edit, [$($guard)?].first().copied());
        })*

        /// The rungs that notice a mutant pass with dispatches as short where nothing is edited.
        #[test]
        fn unedited_shaders_pass() {
            for rung in BTreeSet::from([$($rung),*]) {
                let Some(mut engine) = engine(rung, None) else { return };
                let found = climbed(&mut engine, rung);
                println!("{found:?}");
                assert!(found.passed && found.control_failed, "{found:?}");
            }
        }
    };
}

#[test]
fn what_does_not_compile_is_not_noticed() {
    let Some(mut engine) = engine("rng", Some(|_, source| source.replace("fn main", "fn main fn"))) else {
        return;
    };
    let found = climbed(&mut engine, "rng");
    println!("{found:?}");
    assert!(!found.passed && !by_a_distance(&found), "{found:?}");
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
        |source| source.replace("dispatch.target_step), go)", "dispatch.target_step) + 1u, go)"), caught by "steps-counted"
        whose engine says "did 2 of 70000 steps";
    register_does_a_step_too_few: "train_register",
        |source| source.replace("dispatch.target_step", "(max(dispatch.target_step, 1u) - 1u)"), caught by "steps-counted"
        whose engine says "did 69999 of 70000 steps";
    register_skips_a_step_but_counts_it: "train_register",
        |source| source.replace("var go = true;", "var go = true; if t == 1u { t = 2u; }"), caught by "optimizers";
    register_solves_a_step_late: "train_register",
        |source| source.replace("solve_step = t;", "solve_step = t + 1u;").replace("Word(t))", "Word(t + 1u))"),
        caught by "steps-counted";
    register_counts_a_step_that_it_skips: "train_register.",
        |source| source.replace("var go = true;", "var go = true; if t == 7u { t = 8u; }"), caught by "steps-counted";
    register_counts_a_step_once_that_it_does_twice: "train_register.",
        |source| source.replace("var go = true;", "var go = true; var twice = t == 7u;")
            .replace("t = t + 1u;", "t = t + select(1u, 0u, twice); twice = false;"),
        caught by "steps-counted";

    register_forgets_adams_correction: "train_register",
        |source| source.replace("one_minus_exp(mean_fall * updates)", "Real(1.0)"), caught by "optimizers";
    register_forgets_its_mean_between_dispatches: "train_register",
        |source| source.replace("var m0 = Real(", "var m0 = 0.0 * Real("), caught by "optimizers";

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
        |source| source.replace(") & 1u) == 1u)", ") & 1u) == 2u)"), caught by "noise";
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
        caught by "steps-counted"
        whose engine says "did 201 of 200 steps";
    workgroup_does_a_step_too_few: "train_workgroup",
        |source| source.replace("t < end;", "t + 1u < end;"), caught by "steps-counted"
        whose engine says "did 200 of 200 steps and 2 of 46 measurements";
    workgroup_counts_a_step_that_it_skips: "train_workgroup",
        |source| source.replace("parameters[base + p] = updated;", "parameters[base + p] = select(updated, w, t == 1u);"),
        caught by "steps-counted";
    workgroup_counts_a_step_once_that_it_does_twice: "train_workgroup",
        |source| source.replace("let updated = w - rate * g;", "let updated = w - select(rate, 2.0 * rate, t == 5u) * g;"),
        caught by "steps-counted";
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

    register_measures_half_the_loss: "measure_register",
        |source| source.replace("Measured(loss * ", "Measured(0.5 * loss * "), caught by "forward";
    register_measures_half_the_error: "measure_register",
        |source| source.replace("bitcast<f32>(worst), ", "0.5 * bitcast<f32>(worst), "), caught by "forward";
    register_forgets_the_root_of_the_gradient_norm: "measure_register",
        |source| source.replace("sqrt(squares)", "squares"), caught by "gradient";
    register_compares_units_on_the_last_sample: "measure_register",
        |source| source.replace("select(far[pair], d, far[pair] < d)", "d"), caught by "units";
    register_forgets_the_scale_of_distances: "measure_register",
        |source| source.replace("far[pair] / largest", "far[pair]"), caught by "units";
    register_takes_the_spread_of_the_last_pair: "measure_register",
        |source| source.replace("select(result.spread, distance, result.spread < distance)", "distance"), caught by "units";
    register_takes_the_gap_of_the_first_pair: "measure_register",
        |source| source.replace("distance < result.gap)", "pair == first)"), caught by "units";
    register_takes_the_limit_for_apart: "measure_register",
        |source| source.replace("if distance <= tolerance", "if distance < tolerance"), caught by "units";
    register_links_one_way: "measure_register", |source| source.replace("links[j] |= 1u << i;", ""), caught by "units";
    register_does_not_link_through_a_third: "measure_register",
        |source| source.replace("if grown == group {", "if true {"), caught by "units";
    register_does_not_count_groups: "measure_register",
        |source| source.replace("result.distinct = count_groups(", "result.distinct = max(1u, "), caught by "units";
    register_reports_the_last_layer: "measure_register",
        |source| source.replace("|| spread < result.spread", "|| true"), caught by "units";
    register_reports_the_last_of_equal_layers: "measure_register",
        |source| source.replace("|| spread < result.spread", "|| spread <= result.spread"), caught by "units";
    register_knows_no_partial_symmetry: "measure_register",
        |source| source.replace("select(2u, 1u, alike)", "2u"), caught by "units";
    register_notes_no_partial_symmetry: "train_register.",
        |source| source.replace("select(Word(2u), Word(1u), ", "select(Word(2u), Word(2u), "), caught by "units";
    register_notes_the_symmetry_of_the_last_layer: "train_register.",
        |source| source.replace(" | (spread", " & (spread"), caught by "units";

    workgroup_measures_half_the_loss: "measure_workgroup",
        |source| source.replace("Measured(loss, ", "Measured(0.5 * loss, "), caught by "forward";
    workgroup_measures_half_the_error: "measure_workgroup",
        |source| source.replace("Measured(loss, error, ", "Measured(loss, 0.5 * error, "), caught by "forward";
    workgroup_takes_the_gradient_norm_of_the_last_lane: "measure_workgroup",
        |source| source.replace("squares = squares + partial[i]", "squares = partial[i]"), caught by "gradient";
    workgroup_compares_units_on_the_last_sample: "measure_workgroup",
        |source| source.replace("far = select(far, d, far < d)", "far = d"), caught by "units";
    workgroup_forgets_the_scale_of_distances: "measure_workgroup",
        |source| source.replace("far / scale", "far"), caught by "units";
    workgroup_compares_with_the_first_units_only: "measure_workgroup",
        |source| source.replace("(item % ROW) * 32u", "0u"), caught by "units";
    workgroup_takes_half_the_spread: "measure_workgroup",
        |source| source.replace("atomicMax(&spread_bits, bitcast<u32>(distance))", "atomicMax(&spread_bits, bitcast<u32>(0.5 * distance))"),
        caught by "units";
    workgroup_takes_twice_the_gap: "measure_workgroup",
        |source| source.replace("atomicMin(&gap_bits, bitcast<u32>(distance))", "atomicMin(&gap_bits, bitcast<u32>(2.0 * distance))"),
        caught by "units";
    workgroup_takes_the_limit_for_apart: "measure_workgroup",
        |source| source.replace("if distance <= tolerance", "if distance < tolerance"), caught by "units";
    workgroup_forgets_links_on_its_way: "measure_workgroup",
        |source| source.replace("todo[word] |= ", "todo[word] = "), caught by "units";
    workgroup_reports_the_last_layer: "measure_workgroup",
        |source| source.replace("|| spread < result.spread", "|| true"), caught by "units";
    workgroup_knows_no_partial_symmetry: "measure_workgroup",
        |source| source.replace("select(2u, 1u, alike)", "2u"), caught by "units";
}
