// Philox4x32-10 (Salmon et al. 2011): four random words as a pure function of (key, counter).
// Integers only, so every device computes the same words. CPU twin: src/net/philox.rs.

// Upper word of a · b, from 16-bit halves: WGSL has no 64-bit product.
fn multiply_high(a: u32, b: u32) -> u32 {
    let a_low = a & 0xffffu;
    let a_high = a >> 16u;
    let b_low = b & 0xffffu;
    let b_high = b >> 16u;
    let low = a_low * b_low;
    let middle = a_high * b_low + (low >> 16u);
    let other = a_low * b_high + (middle & 0xffffu);
    return a_high * b_high + (middle >> 16u) + (other >> 16u);
}

fn philox_round(c: vec4u, key: vec2u) -> vec4u {
    let high_a = multiply_high(0xD2511F53u, c.x);
    let high_b = multiply_high(0xCD9E8D57u, c.z);
    return vec4u(high_b ^ c.y ^ key.x, 0xCD9E8D57u * c.z, high_a ^ c.w ^ key.y, 0xD2511F53u * c.x);
}

// Written out: some drivers count the iterations of all loops of an invocation.
fn philox(key: vec2u, counter: vec4u) -> vec4u {
    let weyl = vec2u(0x9E3779B9u, 0xBB67AE85u);
    var c = philox_round(counter, key);
    c = philox_round(c, key + weyl);
    c = philox_round(c, key + 2u * weyl);
    c = philox_round(c, key + 3u * weyl);
    c = philox_round(c, key + 4u * weyl);
    c = philox_round(c, key + 5u * weyl);
    c = philox_round(c, key + 6u * weyl);
    c = philox_round(c, key + 7u * weyl);
    c = philox_round(c, key + 8u * weyl);
    return philox_round(c, key + 9u * weyl);
}
