// The rate of multiply-adds that an adapter reaches: 32 independent chains in each invocation, which nothing but their
// latency holds back. The factors keep the values far from 0 and infinity. Host: src/engine/gpu/peak.rs.
//
// Bindings: 0 request · 1 sums, one an invocation.

struct Request {
    factor: f32,
    addend: f32,
    // Multiply-adds of a chain are twice this.
    rounds: u32,
    reserved: u32,
}

@group(0) @binding(0) var<uniform> request: Request;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let a = vec4f(request.factor);
    let b = vec4f(request.addend);
    let start = vec4f(0.0, 1.0, 2.0, 3.0) + f32(id.x & 63u);
    var x0 = start;
    var x1 = start + 1.0;
    var x2 = start + 2.0;
    var x3 = start + 3.0;
    var x4 = start + 4.0;
    var x5 = start + 5.0;
    var x6 = start + 6.0;
    var x7 = start + 7.0;
    for (var i = 0u; i < request.rounds; i++) {
        x0 = fma(x0, a, b);
        x1 = fma(x1, a, b);
        x2 = fma(x2, a, b);
        x3 = fma(x3, a, b);
        x4 = fma(x4, a, b);
        x5 = fma(x5, a, b);
        x6 = fma(x6, a, b);
        x7 = fma(x7, a, b);
        x0 = fma(x0, a, b);
        x1 = fma(x1, a, b);
        x2 = fma(x2, a, b);
        x3 = fma(x3, a, b);
        x4 = fma(x4, a, b);
        x5 = fma(x5, a, b);
        x6 = fma(x6, a, b);
        x7 = fma(x7, a, b);
    }
    let sum = x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7;
    sums[id.x] = sum.x + sum.y + sum.z + sum.w;
}
