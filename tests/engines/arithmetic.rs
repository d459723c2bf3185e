//! Single operations of the adapter against what WGSL promises of them ("Floating Point Accuracy").

use symbreak::engine::gpu::Options;

use crate::adapter;

/// The largest magnitude of an argument of exp.
const LARGEST_X: f64 = 80.0;

#[test]
fn operations_are_as_precise_as_wgsl_promises() {
    let Some(mut engine) = adapter::gpu_with(Options::default()) else {
        eprintln!("SKIPPED: no such device here");
        return;
    };
    let found = engine.arithmetic().unwrap();
    println!("{found:?}");
    assert!(found.sum.worst_ulp <= 0.5 && found.product.worst_ulp <= 0.5, "{found:?}");
    assert!(found.quotient.worst_ulp <= 2.5, "{found:?}");
    // 1 / inverseSqrt(x): 2.5 ulp of the division, 2 ulp of what is divided by.
    assert!(found.root.worst_ulp <= 4.5, "{found:?}");
    assert!(found.exponential.worst_ulp <= 3.0 + 2.0 * LARGEST_X, "{found:?}");
    assert_eq!(engine.arithmetic().unwrap(), found);
}

#[test]
fn a_wrong_exponential_is_noticed() {
    let edit: fn(&str, String) -> String =
        |_, source| source.replace("exp(given.x)", "(1.0001 * exp(given.x))");
    let Some(mut engine) = adapter::gpu_with(Options { edit_shader: Some(edit), ..Options::default() })
    else {
        eprintln!("SKIPPED: no such device here");
        return;
    };
    let found = engine.arithmetic().unwrap();
    assert!(found.exponential.worst_ulp > 3.0 + 2.0 * LARGEST_X, "{found:?}");
}
