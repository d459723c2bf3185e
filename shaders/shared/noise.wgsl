// The random numbers of training itself. CPU twin: src/net/noise.rs, same names. All of it is integers, but for the
// normal numbers, so every device drops the same units, misses the same weights and takes samples in the same order
// (shaders/shared/order.wgsl.jinja). Comes after shared/philox.wgsl and shared/normal.wgsl.

// The streams of src/net/philox.rs.
const DROPOUT = 6u;
const GRADIENT = 7u;
const INPUT = 8u;
const MASK = 9u;
const ORDER = 10u;

fn run_key(master: vec2u, seed: vec2u, stream: u32) -> vec2u {
    return philox(master, vec4u(seed, stream, 0u)).xy;
}

// Four words of step (or epoch) `step`, by the key of the run.
fn block(key: vec2u, step: u32, index: u32) -> vec4u {
    return philox(key, vec4u(step, index, 0u, 0u));
}

// In [0, 1), from the upper 24 bits; exact.
fn unit(word: u32) -> f32 {
    return f32(word >> 8u) * 5.9604645e-8;
}

fn is_missing(master: vec2u, seed: vec2u, parameter: u32, p: f32) -> bool {
    return unit(philox(master, vec4u(seed, MASK, parameter)).x) < p;
}

fn drops_out(key: vec2u, step: u32, place: u32, p: f32) -> bool {
    return unit(block(key, step, place / 4u)[place % 4u]) < p;
}

fn normal_at(key: vec2u, step: u32, place: u32) -> f32 {
    let words = block(key, step, place / 2u);
    let pair = select(words.xy, words.zw, place % 2u == 1u);
    return normal(pair.x, pair.y);
}

// `is_missing` of up to 32 parameters from `first` on, a bit each.
fn missing_of(master: vec2u, seed: vec2u, first: u32, count: u32, p: f32) -> u32 {
    var bits = 0u;
    for (var i = 0u; i < count; i++) {
        bits |= select(0u, 1u << i, is_missing(master, seed, first + i, p));
    }
    return bits;
}

// `drops_out` of up to 32 units from `place` on, a bit each.
fn dropped_of(key: vec2u, step: u32, place: u32, count: u32, p: f32) -> u32 {
    var bits = 0u;
    for (var index = place / 4u; index <= (place + count - 1u) / 4u; index++) {
        let words = block(key, step, index);
{% for i in range(4) %}
        {
            // Wraps to more than any count where the block begins before `place`.
            let at = 4u * index + {{ i }}u - place;
            bits |= select(0u, 1u << (at % 32u), at < count && unit(words[{{ i }}]) < p);
        }
{% endfor %}
    }
    return bits;
}
