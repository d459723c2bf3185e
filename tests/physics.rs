//! Engines against what is known exactly of gradient descent: closed forms, conserved quantities, symmetries, floors.
//! Each check takes a twin, the same check on something perturbed, which must fail.

use symbreak::engine::reference::ReferenceEngine;

use physics::Subject;

#[cfg(feature = "gpu")]
mod adapter;

mod physics {
    pub mod bookkeeping;
    pub mod catapult;
    pub mod copies;
    pub mod gradients;
    pub mod linear;
    pub mod noise;
    pub mod subject;
    pub mod symmetry;
    pub mod xor_floor;
    pub mod zero;

    pub use subject::Subject;
}

/// One test per check for the engine that `$make` returns: `Some(engine)`, or `None` to skip where there is no device.
/// `$roundoff` is the unit roundoff of its arithmetic, `$steps` how long the long trainings are.
macro_rules! engine_tests {
    ($engine:ident, $make:expr, roundoff: $roundoff:expr, steps: $steps:expr) => {
        mod $engine {
            use super::*;
            engine_tests!(@checks $make, $roundoff, $steps;
                catapult_recursion physics::catapult::recursion,
                catapult_regimes physics::catapult::regimes,
                linear_modes_follow_saxe physics::linear::modes,
                linear_balance_is_conserved physics::linear::balance,
                relu_balance_is_conserved physics::linear::relu_balance,
                symmetric_nets_stay_over_the_xor_floor physics::xor_floor::floor,
                other_units_go_under_the_xor_floor physics::xor_floor::beaten,
                zero_nets_stay_where_the_outputs_balance physics::zero::stays,
                layers_start_from_the_output_down physics::zero::downwards,
                permuted_units_permute_the_trajectory physics::symmetry::permuted,
                flipped_tanh_units_stay_flipped physics::symmetry::flipped,
                copies_stay_copies physics::copies::stay,
                gradient_noise_is_a_random_walk physics::noise::gradient,
                input_noise_follows_its_recursion physics::noise::input,
                dropout_follows_its_recursion physics::noise::dropout,
                minibatches_are_steps_on_their_samples physics::noise::minibatches,
                missing_weights_stay_at_zero physics::noise::mask,
                rates_per_layer_are_factors physics::noise::rates,
                records_agree_with_shorter_runs physics::bookkeeping::records,
                runs_rest_where_they_should physics::bookkeeping::rest);
        }
    };
    (@checks $make:expr, $roundoff:expr, $steps:expr; $($test:ident $check:path),*) => {
        $(#[test] fn $test() {
            let Some(mut engine) = $make else {
                eprintln!("SKIPPED: no such device here");
                return;
            };
            let mut subject = Subject { engine: &mut engine, roundoff: $roundoff, steps: $steps };
            let found = $check(&mut subject, false);
            println!("{found:?}");
            assert!(found.passed(), "{found:?}");
            let twin = $check(&mut subject, true);
            println!("twin: {twin:?}");
            assert!(twin.failed(), "the perturbed twin passed: {twin:?}");
        })*
    };
}

engine_tests!(reference, Some(ReferenceEngine::new(Some(2)).expect("threads")), roundoff: f64::EPSILON / 2.0, steps: 10_000);

#[test]
fn reference_gradients_are_central_differences() {
    let found = physics::gradients::central_differences(false);
    assert!(found.passed(), "{found:?}");
    assert!(physics::gradients::central_differences(true).failed());
}
engine_tests!(cpu, Some(symbreak::engine::cpu::CpuEngine::new(Some(2)).expect("threads")), roundoff: f64::from(f32::EPSILON) / 2.0, steps: 10_000);
#[cfg(feature = "gpu")]
engine_tests!(gpu, adapter::gpu(), roundoff: f64::from(f32::EPSILON) / 2.0, steps: 10_000);
