// The raw Philox words of a list of counters, for the first rung of the ladder.
//
// Bindings: 0 key · 1 counters · 2 words, one block a counter.

{% include "shared/philox.wgsl" %}

struct Words {
    key: vec2u,
    count: u32,
    reserved: u32,
}

@group(0) @binding(0) var<uniform> request: Words;
@group(0) @binding(1) var<storage, read> counters: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> words: array<vec4u>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x < request.count {
        words[id.x] = philox(request.key, counters[id.x]);
    }
}
