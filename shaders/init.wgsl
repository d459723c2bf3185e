// Draws initial parameters: base point + scale × noise, one invocation per parameter of a network, and
// clears the state of each run. CPU twin: src/net/init.rs.
//
// Bindings: 0 what to draw · 1 runs · 2 parameters, at network · network_stride + parameter · parameter_stride
// · 3 optimizer slots, laid out like the parameters · 4 states · 5 draws, one per parameter.

{% include "shared/types.wgsl" %}
{% include "shared/philox.wgsl" %}

struct Init {
    key: vec2u,
    networks: u32,
    parameters: u32,
    network_stride: u32,
    parameter_stride: u32,
    // 0 zero, 1 constant, 2 copies
    base: u32,
    // 0 uniform, 1 normal
    noise: u32,
    // 0: parameters are given, only the rest is cleared
    draw: u32,
    // Optimizer slots per parameter
    slots: u32,
    reserved: vec2u,
}

struct Draw {
    // The parameter whose base word is shared under copies.
    orbit: u32,
    // 1 for weights, 0 for biases
    weight: u32,
    factor: f32,
    // 1 for parameters that feed outputs
    output: u32,
}

@group(0) @binding(0) var<uniform> init: Init;
@group(0) @binding(1) var<storage, read> runs: array<Run>;
@group(0) @binding(2) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(3) var<storage, read_write> slots: array<f32>;
@group(0) @binding(4) var<storage, read_write> states: array<State>;
@group(0) @binding(5) var<storage, read> draws: array<Draw>;

// In (−1, 1) from the upper 24 bits; exact.
fn uniform_(word: u32) -> f32 {
    let odd = i32(2u * (word >> 8u) + 1u);
    return f32(odd - 16777216) * 5.9604645e-8;
}

// ln u for the odd multiple u of 2⁻²⁴ that the upper 23 bits name.
fn ln_unit(word: u32) -> f32 {
    let bits = bitcast<u32>(f32(2u * (word >> 9u) + 1u));
    let shifted = bits - 0x3F3504F3u;
    let exponent = (bitcast<i32>(shifted) >> 23u) - 24;
    let m = bitcast<f32>((shifted & 0x007FFFFFu) + 0x3F3504F3u);
    let s = (m - 1.0) / (m + 1.0);
    let u = s * s;
    let series = ((0.11665684 * u + 0.1427539) * u + 0.20000061) * u + 0.33333334;
    let ln_m = 2.0 * s + 2.0 * s * u * series;
    return f32(exponent) * 0.6931472 + ln_m;
}

// cos(2π · word / 2³²).
fn cos_turn(word: u32) -> f32 {
    let quadrant = (word + 0x20000000u) >> 30u;
    let rest = bitcast<i32>(word - (quadrant << 30u));
    let r = f32(rest) * 1.4629181e-9;
    let u = r * r;
    let sin_series = ((0.0000027249965 * u - 0.00019840087) * u + 0.008333332) * u - 0.16666667;
    let s = r + r * u * sin_series;
    let cos_series = ((-2.7300945e-7 * u + 2.48006e-5) * u - 0.0013888888) * u + 0.041666668;
    let c = 1.0 - 0.5 * u + u * u * cos_series;
    let value = select(c, s, (quadrant & 1u) == 1u);
    return select(value, -value, quadrant == 1u || quadrant == 2u);
}

// Box & Muller.
fn normal(radius: u32, angle: u32) -> f32 {
    return sqrt(-2.0 * ln_unit(radius)) * cos_turn(angle);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let index = id.x + id.y * groups.x * 64u;
    let n = index % init.networks;
    let p = index / init.networks;
    if p >= init.parameters {
        return;
    }
    let at = n * init.network_stride + p * init.parameter_stride;
    let run = runs[n];
    if init.draw == 1u {
        let draw = draws[p];
        var base = 0.0;
        if init.base == 1u && draw.weight == 1u {
            base = run.base_value;
        } else if init.base == 2u {
            base = run.base_value * uniform_(philox(init.key, vec4u(run.seed, 0u, draw.orbit)).x);
        }
        let words = philox(init.key, vec4u(run.seed, 1u, p));
        var noise = uniform_(words.x);
        if init.noise == 1u {
            noise = normal(words.x, words.y);
        }
        let scale = select(run.scale_hidden, run.scale_output, draw.output == 1u);
        let amount = select(run.bias_scale, scale * draw.factor, draw.weight == 1u);
        parameters[at] = base + amount * noise;
    }
    if init.slots == 1u {
        slots[at] = 0.0;
    }
    if p == 0u {
        states[n] = State(NONE, NONE, 0u, 0u);
    }
}
