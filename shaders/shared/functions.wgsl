// The activation functions, each with its slope, and what losses and optimizers need. CPU twin: src/engine/cpu/functions.rs, same names, same
// formulas. Arguments of exp are bounded, so nothing overflows; NaN goes in and comes out, because every choice
// is a select on a comparison, not a min, max or clamp. tanh, log, sin and cos are our own: the built-ins may
// be off by 2⁻¹¹ or return NaN.

// One number of each network that an invocation trains, and bits of such numbers.
alias Real = {{ real }};
alias Word = {{ word }};

// φ(z) and φ'(z).
struct Unit {
    h: Real,
    slope: Real,
}

// Greater magnitudes have greater bits, infinities and NaN included.
fn magnitude(value: Real) -> Word {
    return bitcast<Word>(value) & Word(0x7fffffffu);
}

// ln(1 + e) for e in [0, 1], by 2 artanh(e / (2 + e)); precise relative to e, however small.
fn log1p_unit(e: Real) -> Real {
    let s = e / (e + 2.0);
    let u = s * s;
    var series = fma(Real(0.116195254), u, Real(0.108516574));
    series = fma(series, u, Real(0.14296292));
    series = fma(series, u, Real(0.19999851));
    series = fma(series, u, Real(0.33333334));
    return fma(2.0 * s * u, series, 2.0 * s);
}

// ln(1 + e) for e ≥ 0: beyond 1 the exponent and the mantissa of 1 + e apart, in [√½, √2) the same series. Other
// comparisons would make a number of NaN.
fn log1p_sum(e: Real) -> Real {
    let shifted = bitcast<Word>(1.0 + e) - Word(0x3F3504F3u);
    let mantissa = bitcast<Real>((shifted & Word(0x007FFFFFu)) + Word(0x3F3504F3u));
    let far = fma(Real(shifted >> Word(23u)), Real(0.6931472), log1p_unit(mantissa - 1.0));
    return select(log1p_unit(e), far, e > Real(1.0));
}

// 1 − eˣ for x ≤ 0, good to a few ulp: near 0, where the difference would cancel, by its Taylor series.
fn one_minus_exp(x: Real) -> Real {
    var series = fma(Real(2.4801587e-5), x, Real(1.984127e-4));
    series = fma(series, x, Real(0.0013888889));
    series = fma(series, x, Real(0.008333334));
    series = fma(series, x, Real(0.041666668));
    series = fma(series, x, Real(0.16666667));
    series = fma(series, x, Real(0.5));
    series = fma(series, x, Real(1.0));
    let far = 1.0 - exp(select(x, Real(-100.0), x < Real(-100.0)));
    return select(-x * series, far, x < Real(-0.5));
}

// erfc |x|, for |x| ≥ 0.7: e^(−x²) times a polynomial in 1 / (1 + |x|/2).
fn erfc_tail(x: Real) -> Real {
    let t = 1.0 / fma(abs(x), Real(0.5), Real(1.0));
    var series = fma(Real(-0.074041605), t, Real(0.35010633));
    series = fma(series, t, Real(-0.6096021));
    series = fma(series, t, Real(0.4056397));
    series = fma(series, t, Real(-0.108053885));
    series = fma(series, t, Real(0.23555844));
    series = fma(series, t, Real(0.23474483));
    series = fma(series, t, Real(0.28366193));
    series = fma(series, t, Real(0.28197795));
    series = fma(series, t, Real(3.809827e-6));
    return exp(-(x * x)) * series;
}

// erf x for |x| ≤ 0.75.
fn erf_near(x: Real) -> Real {
    let u = x * x;
    var series = fma(Real(9.4729985e-5), u, Real(-8.3573564e-4));
    series = fma(series, u, Real(0.0052168164));
    series = fma(series, u, Real(-0.02686478));
    series = fma(series, u, Real(0.112837784));
    series = fma(series, u, Real(-0.37612638));
    series = fma(series, u, Real(1.1283792));
    return x * series;
}

fn with_sign(value: Real, sign: Real) -> Real {
    return select(value, -value, sign < Real(0.0));
}

// 1 / (1 + e⁻ᶻ) and its slope h (1 − h), of which e·h is 1 − h without cancellation: saturated units keep their
// slope. e stays under 2¹²⁶, or its product with h would be infinity times zero.
fn logistic(z: Real) -> Unit {
    let t = z * -1.442695;
    let e = exp2(select(t, Real(126.0), t > Real(126.0)));
    let h = 1.0 / (1.0 + e);
    return Unit(h, (e * h) * h);
}

// A polynomial near 0, where the exponential form would lose all relative precision.
fn tanh_(z: Real) -> Unit {
    let e = exp(-2.0 * abs(z));
    let r = 1.0 / (1.0 + e);
    let far = with_sign((1.0 - e) * r, z);
    let u = z * z;
    var series = fma(Real(-0.006104942), u, Real(0.021003636));
    series = fma(series, u, Real(-0.053852495));
    series = fma(series, u, Real(0.13332783));
    series = fma(series, u, Real(-0.33333328));
    let near = fma(z * u, series, z);
    return Unit(select(far, near, abs(z) < Real(0.625)), 4.0 * e * r * r);
}

// ln(1 + eᶻ).
fn softplus(z: Real) -> Unit {
    let positive = select(z, Real(0.0), z < Real(0.0));
    return Unit(positive + log1p_unit(exp(-abs(z))), logistic(z).h);
}

// softplus(z) − y·z, a term of the loss bce. The difference comes first: for y = 1 and a large z it is exactly 0, where
// that of softplus(z) and z would lose the small rest.
fn bce_term(z: Real, y: Real) -> Real {
    let positive = select(z, Real(0.0), z < Real(0.0));
    return fma(-y, z, positive) + log1p_unit(exp(-abs(z)));
}

fn relu(z: Real) -> Unit {
    return Unit(select(z, Real(0.0), z < Real(0.0)), select(Real(0.0), Real(1.0), z > Real(0.0)));
}

fn leaky_relu(z: Real) -> Unit {
    let slope = select(Real(0.01), Real(1.0), z > Real(0.0));
    return Unit(slope * z, slope);
}

// eᶻ − 1 = 2 tanh(z/2) / (1 − tanh(z/2)), which keeps its relative precision near 0.
fn elu(z: Real) -> Unit {
    // Kept off the positive side, where the quotient would divide by nearly nothing.
    let t = tanh_(0.5 * select(z, Real(0.0), z > Real(0.0))).h;
    let e = exp(-abs(z));
    return Unit(select((t + t) / (1.0 - t), z, z > Real(0.0)), select(e, Real(1.0), z > Real(0.0)));
}

// Φ(z), the normal distribution function; its lower tail keeps its relative precision.
fn normal_cdf(z: Real) -> Real {
    let x = z * 0.70710677;
    let tail = 0.5 * erfc_tail(x);
    let far = select(1.0 - tail, tail, z < Real(0.0));
    return select(far, fma(Real(0.5), erf_near(x), Real(0.5)), abs(x) < Real(0.75));
}

fn gelu(z: Real) -> Unit {
    let cdf = normal_cdf(z);
    let density = 0.3989423 * exp(-0.5 * z * z);
    return Unit(z * cdf, fma(z, density, cdf));
}

fn silu(z: Real) -> Unit {
    let s = logistic(z);
    return Unit(z * s.h, fma(z, s.slope, s.h));
}

fn erf(z: Real) -> Unit {
    let far = with_sign(1.0 - erfc_tail(z), z);
    return Unit(select(far, erf_near(z), abs(z) < Real(0.75)), 1.1283792 * exp(-(z * z)));
}

// Reduction by multiples of π/2 in three parts, polynomials on ±π/4. Good to 1e-6 for |z| up to 1e4; beyond
// that f32 no longer resolves the angle, and only |sin| ≤ 1 is kept.
fn sin_(z: Real) -> Unit {
    let n = round(z * 0.63661977);
    var r = fma(n, Real(-1.5703125), z);
    r = fma(n, Real(-4.837513e-4), r);
    r = fma(n, Real(-7.54979e-8), r);
    r = select(select(r, Real(-0.8), r < Real(-0.8)), Real(0.8), r > Real(0.8));
    let u = r * r;
    var series = fma(Real(2.7249965e-6), u, Real(-0.00019840087));
    series = fma(series, u, Real(0.008333332));
    series = fma(series, u, Real(-0.16666667));
    let s = fma(r * u, series, r);
    series = fma(Real(-2.7300945e-7), u, Real(2.48006e-5));
    series = fma(series, u, Real(-0.0013888888));
    series = fma(series, u, Real(0.041666668));
    let c = fma(u * u, series, fma(u, Real(-0.5), Real(1.0)));
    // n modulo 4, exact for whole numbers: their quarters end in .0, .25, .5 or .75.
    let quadrant = n - round(n * 0.25 - 0.375) * 4.0;
    let from_two = abs(quadrant - 2.0);
    let odd = (from_two > Real(0.5)) & (from_two < Real(1.5));
    let value = select(s, c, odd);
    let slope = select(c, s, odd);
    let falling = (quadrant > Real(0.5)) & (quadrant < Real(2.5));
    return Unit(select(value, -value, quadrant > Real(1.5)), select(slope, -slope, falling));
}

fn abs_(z: Real) -> Unit {
    return Unit(abs(z), select(select(Real(0.0), Real(-1.0), z < Real(0.0)), Real(1.0), z > Real(0.0)));
}

fn linear(z: Real) -> Unit {
    return Unit(z, Real(1.0));
}
