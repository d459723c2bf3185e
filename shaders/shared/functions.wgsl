// The activation functions, each with its slope: vec2(φ(z), φ'(z)). CPU twin: src/engine/cpu/functions.rs,
// same names, same formulas, same order. exp is only called with arguments ≤ 0, so nothing overflows; NaN
// goes in and comes out, because every choice is a select on a comparison, not a min, max or clamp.
// tanh, log, sin and cos are our own: the built-ins may be off by 2⁻¹¹ or return NaN.

// ln(1 + e) for e in [0, 1], by 2 artanh(e / (2 + e)); precise relative to e, however small.
fn log1p_unit(e: f32) -> f32 {
    let s = e / (e + 2.0);
    let u = s * s;
    var series = fma(0.116195254, u, 0.108516574);
    series = fma(series, u, 0.14296292);
    series = fma(series, u, 0.19999851);
    series = fma(series, u, 0.33333334);
    return fma(2.0 * s * u, series, 2.0 * s);
}

// erfc |x|, for |x| ≥ 0.7: e^(−x²) times a polynomial in 1 / (1 + |x|/2).
fn erfc_tail(x: f32) -> f32 {
    let t = 1.0 / fma(abs(x), 0.5, 1.0);
    var series = fma(-0.074041605, t, 0.35010633);
    series = fma(series, t, -0.6096021);
    series = fma(series, t, 0.4056397);
    series = fma(series, t, -0.108053885);
    series = fma(series, t, 0.23555844);
    series = fma(series, t, 0.23474483);
    series = fma(series, t, 0.28366193);
    series = fma(series, t, 0.28197795);
    series = fma(series, t, 3.809827e-6);
    return exp(-(x * x)) * series;
}

// erf x for |x| ≤ 0.75.
fn erf_near(x: f32) -> f32 {
    let u = x * x;
    var series = fma(9.4729985e-5, u, -8.3573564e-4);
    series = fma(series, u, 0.0052168164);
    series = fma(series, u, -0.02686478);
    series = fma(series, u, 0.112837784);
    series = fma(series, u, -0.37612638);
    series = fma(series, u, 1.1283792);
    return x * series;
}

fn with_sign(value: f32, sign: f32) -> f32 {
    return select(value, -value, sign < 0.0);
}

// 1 / (1 + e⁻ᶻ) from e^−|z|; the slope without h·(1 − h), which would lose it for saturated units.
fn logistic(z: f32) -> vec2f {
    let e = exp(-abs(z));
    let r = 1.0 / (1.0 + e);
    return vec2f(select(r, e * r, z < 0.0), e * r * r);
}

// A polynomial near 0, where the exponential form would lose all relative precision.
fn tanh_(z: f32) -> vec2f {
    let e = exp(-2.0 * abs(z));
    let r = 1.0 / (1.0 + e);
    let far = with_sign((1.0 - e) * r, z);
    let u = z * z;
    var series = fma(-0.006104942, u, 0.021003636);
    series = fma(series, u, -0.053852495);
    series = fma(series, u, 0.13332783);
    series = fma(series, u, -0.33333328);
    let near = fma(z * u, series, z);
    return vec2f(select(far, near, abs(z) < 0.625), 4.0 * e * r * r);
}

// ln(1 + eᶻ).
fn softplus_value(z: f32) -> f32 {
    let positive = select(z, 0.0, z < 0.0);
    return positive + log1p_unit(exp(-abs(z)));
}

fn softplus(z: f32) -> vec2f {
    return vec2f(softplus_value(z), logistic(z).x);
}

fn relu(z: f32) -> vec2f {
    return vec2f(select(z, 0.0, z < 0.0), select(0.0, 1.0, z > 0.0));
}

fn leaky_relu(z: f32) -> vec2f {
    let slope = select(0.01, 1.0, z > 0.0);
    return vec2f(slope * z, slope);
}

// eᶻ − 1 = 2 tanh(z/2) / (1 − tanh(z/2)), which keeps its relative precision near 0.
fn elu(z: f32) -> vec2f {
    // Kept off the positive side, where the quotient would divide by nearly nothing.
    let t = tanh_(0.5 * select(z, 0.0, z > 0.0)).x;
    let e = exp(-abs(z));
    return vec2f(select((t + t) / (1.0 - t), z, z > 0.0), select(e, 1.0, z > 0.0));
}

// Φ(z), the normal distribution function; its lower tail keeps its relative precision.
fn normal_cdf(z: f32) -> f32 {
    let x = z * 0.70710677;
    let tail = 0.5 * erfc_tail(x);
    let far = select(1.0 - tail, tail, z < 0.0);
    return select(far, fma(0.5, erf_near(x), 0.5), abs(x) < 0.75);
}

fn gelu(z: f32) -> vec2f {
    let cdf = normal_cdf(z);
    let density = 0.3989423 * exp(-0.5 * z * z);
    return vec2f(z * cdf, fma(z, density, cdf));
}

fn silu(z: f32) -> vec2f {
    let s = logistic(z);
    return vec2f(z * s.x, fma(z, s.y, s.x));
}

fn erf(z: f32) -> vec2f {
    let far = with_sign(1.0 - erfc_tail(z), z);
    return vec2f(select(far, erf_near(z), abs(z) < 0.75), 1.1283792 * exp(-(z * z)));
}

// Reduction by multiples of π/2 in three parts, polynomials on ±π/4. Good to 1e-6 for |z| up to 1e4; beyond
// that f32 no longer resolves the angle, and only |sin| ≤ 1 is kept.
fn sin_(z: f32) -> vec2f {
    let n = round(z * 0.63661977);
    var r = fma(n, -1.5703125, z);
    r = fma(n, -4.837513e-4, r);
    r = fma(n, -7.54979e-8, r);
    r = select(select(r, -0.8, r < -0.8), 0.8, r > 0.8);
    let u = r * r;
    var series = fma(2.7249965e-6, u, -0.00019840087);
    series = fma(series, u, 0.008333332);
    series = fma(series, u, -0.16666667);
    let s = fma(r * u, series, r);
    series = fma(-2.7300945e-7, u, 2.48006e-5);
    series = fma(series, u, -0.0013888888);
    series = fma(series, u, 0.041666668);
    let c = fma(u * u, series, fma(u, -0.5, 1.0));
    // n modulo 4, exact for whole numbers: their quarters end in .0, .25, .5 or .75.
    let quadrant = n - round(n * 0.25 - 0.375) * 4.0;
    let from_two = abs(quadrant - 2.0);
    let odd = from_two > 0.5 && from_two < 1.5;
    let value = select(s, c, odd);
    let slope = select(c, s, odd);
    return vec2f(select(value, -value, quadrant > 1.5), select(slope, -slope, quadrant > 0.5 && quadrant < 2.5));
}

fn abs_(z: f32) -> vec2f {
    return vec2f(abs(z), select(select(0.0, -1.0, z < 0.0), 1.0, z > 0.0));
}

fn linear(z: f32) -> vec2f {
    return vec2f(z, 1.0);
}
