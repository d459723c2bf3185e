#![no_main]

#[allow(dead_code, reason = "each target uses its part")]
#[path = "../../tests/made_up/mod.rs"]
mod made_up;
#[allow(dead_code, reason = "each target uses its part")]
#[path = "../../tests/fuzz/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::range(bytes));
