// Draws initial parameters: base point + scale × noise, one invocation per parameter of a network, and
// clears the state of each run. CPU twin: src/net/init.rs.
//
// Bindings: 0 what to draw · 1 runs · 2 parameters, at network · network_stride + parameter · parameter_stride
// · 3 states · 4 draws, one per parameter.

{% include "shared/types.wgsl" %}
{% include "shared/philox.wgsl" %}
{% include "shared/normal.wgsl" %}

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
    reserved: u32,
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
@group(0) @binding(3) var<storage, read_write> states: array<State>;
@group(0) @binding(4) var<storage, read> draws: array<Draw>;

// In (−1, 1) from the upper 24 bits; exact.
fn uniform_(word: u32) -> f32 {
    let odd = i32(2u * (word >> 8u) + 1u);
    return f32(odd - 16777216) * 5.9604645e-8;
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
    if p == 0u {
        states[n] = State(NONE, NONE, 0u, 0u);
    }
}
