//! What the targets of libFuzzer call: the same code as `tests/fuzz.rs`, which replays what they found.

#[path = "../../tests/made_up/mod.rs"]
pub mod made_up;
#[path = "../../tests/fuzz/targets.rs"]
pub mod targets;
