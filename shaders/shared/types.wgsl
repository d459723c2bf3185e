// What host and device share. Host twins with the same layout: src/engine/gpu/layout.rs.

// "No such step"; also the slot of a run that is not traced.
const NONE = 0xffffffffu;
// Magnitude bits of the f32 nearest 1e30. Greater bits are greater magnitudes, infinities and NaN included:
// an integer comparison, because tests for NaN may be optimized away.
const DIVERGED = 0x7149F2CAu;
// Bits of 1e29: what is not negative and has no more is a sum of squares in which none can be beyond DIVERGED, nor
// infinite, nor NaN.
const SUSPECT = 0x6FA18F08u;

// The settings of one run.
struct Run {
    seed: vec2u,
    base_value: f32,
    scale_hidden: f32,
    scale_output: f32,
    bias_scale: f32,
    // Learning rates of parameters that feed hidden units and of those that feed outputs.
    rate_hidden: f32,
    rate_output: f32,
    momentum: f32,
    weight_decay: f32,
    // 1 − β₁, and 1 − β₂ or 1 − ρ: what a running mean takes of the new gradient or its square. From a rounded β of
    // 0.999 this would be off by 10⁻⁵.
    mean_share: f32,
    square_share: f32,
    // ln β₁ and ln β₂
    mean_fall: f32,
    square_fall: f32,
    epsilon: f32,
    // Probability that a unit drops out, and the factor 1 / (1 − p) on those that do not.
    dropout: f32,
    kept: f32,
    gradient_noise: f32,
    input_noise: f32,
    // Probability that a weight is missing.
    mask: f32,
    solved_limit: f32,
    symmetry_tolerance: f32,
    trace_slot: u32,
    reserved: u32,
}

// How far one run has come.
struct State {
    solve_step: u32,
    diverge_step: u32,
    // Updates applied, counted one by one.
    steps: u32,
    // Measurements made where the run had come to the measured step, or rests.
    measured: u32,
}

// The measures of one run at one step. `symmetry`: 0 symmetric, 1 partial, 2 broken, 3 none. `mark`: index of the
// measured step, plus one: a measurement that was never made has none.
struct Measured {
    loss: f32,
    error: f32,
    gradient_norm: f32,
    spread: f32,
    gap: f32,
    distinct: u32,
    symmetry: u32,
    mark: u32,
}

// What one dispatch does.
struct Dispatch {
    // The master seed of all its runs.
    key: vec2u,
    networks: u32,
    // Runs are taken to this step …
    target_step: u32,
    // … and where this is 1, the state there is checked too: the end of training. (Workgroup kernel)
    last: u32,
    // Index of the measured step that a measurement is for.
    measurement: u32,
    // How many runs are traced.
    traced: u32,
    // 1: only traced runs are measured.
    traced_only: u32,
    // Always 0, which no compiler knows.
    zero: u32,
    // Steps of the whole training.
    steps: u32,
}
