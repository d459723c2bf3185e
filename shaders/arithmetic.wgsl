// What the adapter makes of single operations, for the host to compare with exact ones. Host: src/engine/gpu/arithmetic.rs.
//
// Bindings: 0 how many · 1 arguments · 2 results, one an invocation.

struct Arguments {
    a: f32,
    b: f32,
    // Minus the product of a and b, rounded: a * b + c is 0 if rounded twice, the rounding error of a * b if once.
    c: f32,
    // Of exp.
    x: f32,
}

struct Results {
    sum: f32,
    product: f32,
    quotient: f32,
    root: f32,
    exponential: f32,
    fma: f32,
    // Written as two operations, which a compiler may make one of.
    product_and_sum: f32,
    reserved: f32,
}

@group(0) @binding(0) var<uniform> count: vec4u;
@group(0) @binding(1) var<storage, read> arguments: array<Arguments>;
@group(0) @binding(2) var<storage, read_write> results: array<Results>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= count.x {
        return;
    }
    let given = arguments[id.x];
    results[id.x] = Results(
        given.a + given.b,
        given.a * given.b,
        given.a / given.b,
        sqrt(abs(given.a)),
        exp(given.x),
        fma(given.a, given.b, given.c),
        given.a * given.b + given.c,
        0.0,
    );
}
