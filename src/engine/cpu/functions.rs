//! exp, erf and the activation functions over lanes. Mirrors `shaders/shared/functions.wgsl`: same names,
//! same formulas, same order. NaN goes in and comes out.

use super::lanes::Lanes;
use crate::net::Activation;
use crate::net::activation::LEAK;

/// c₀ + c₁x + c₂x² + …
#[inline(always)]
fn polynomial<V: Lanes, const N: usize>(x: V, c: [f32; N]) -> V {
    let mut sum = V::splat(c[N - 1]);
    for i in (0..N - 1).rev() {
        sum = sum.mul_add(x, V::splat(c[i]));
    }
    sum
}

/// eˣ for x ≤ 0, to 1 ulp or so; under −87 as at −87. Only ever called with x ≤ 0, so nothing overflows.
#[inline(always)]
pub fn exp<V: Lanes>(x: V) -> V {
    let low = V::splat(-87.0);
    let x = V::select(x.less(low), low, x);
    let n = (x * V::splat(std::f32::consts::LOG2_E)).round();
    // ln 2 in two parts, the first with trailing zero bits, so that n·ln 2 loses nothing.
    let r = n.mul_add(V::splat(-0.693_359_4), x);
    let r = n.mul_add(V::splat(2.121_944_4e-4), r);
    let series = polynomial(r, [0.5, 0.166_665_76, 0.041_666_467, 0.008_363_175, 0.001_393_364_3]);
    (r * r).mul_add(series, r + V::splat(1.0)).scale(n)
}

/// ln(1 + e) for e in [0, 1], by 2 artanh(e / (2 + e)); precise relative to e, however small.
#[inline(always)]
fn log1p<V: Lanes>(e: V) -> V {
    let s = e / (e + V::splat(2.0));
    let u = s * s;
    let series = polynomial(u, [0.333_333_34, 0.199_998_51, 0.142_962_92, 0.108_516_574, 0.116_195_254]);
    let twice = s + s;
    (twice * u).mul_add(series, twice)
}

/// erfc |x|, for |x| ≥ 0.7: e^(−x²) times a polynomial in 1 / (1 + |x|/2).
#[inline(always)]
fn erfc_tail<V: Lanes>(x: V) -> V {
    let t = V::splat(1.0) / x.abs().mul_add(V::splat(0.5), V::splat(1.0));
    let series = polynomial(
        t,
        [
            3.809_827e-6,
            0.281_977_95,
            0.283_661_93,
            0.234_744_83,
            0.235_558_44,
            -0.108_053_885,
            0.405_639_7,
            -0.609_602_1,
            0.350_106_33,
            -0.074_041_605,
        ],
    );
    exp(-(x * x)) * series
}

/// erf x for |x| ≤ 0.75.
#[inline(always)]
fn erf_near<V: Lanes>(x: V) -> V {
    let c = [
        std::f32::consts::FRAC_2_SQRT_PI,
        -0.376_126_38,
        0.112_837_784,
        -0.026_864_78,
        0.005_216_816_4,
        -8.357_356_4e-4,
        9.472_998_5e-5,
    ];
    x * polynomial(x * x, c)
}

/// `value` with the sign of `sign`.
#[inline(always)]
fn with_sign<V: Lanes>(value: V, sign: V) -> V {
    V::select(sign.less(V::splat(0.0)), -value, value)
}

/// 1 / (1 + e⁻ᶻ) and its slope, both from e^−|z|: h·(1 − h) would lose the slope of saturated units, which
/// f64 still resolves.
#[inline(always)]
fn logistic<V: Lanes>(z: V) -> (V, V) {
    let one = V::splat(1.0);
    let e = exp(-z.abs());
    let r = one / (one + e);
    (V::select(z.less(V::splat(0.0)), e * r, r), e * r * r)
}

/// tanh z and its slope: a polynomial near 0, where the exponential form would lose all relative precision.
#[inline(always)]
fn tanh<V: Lanes>(z: V) -> (V, V) {
    let one = V::splat(1.0);
    let e = exp(V::splat(-2.0) * z.abs());
    let r = one / (one + e);
    let far = with_sign((one - e) * r, z);
    let u = z * z;
    let series = polynomial(u, [-0.333_333_28, 0.133_327_83, -0.053_852_495, 0.021_003_636, -0.006_104_942]);
    let near = (z * u).mul_add(series, z);
    (V::select(z.abs().less(V::splat(0.625)), near, far), V::splat(4.0) * e * r * r)
}

/// ln(1 + eᶻ).
#[inline(always)]
pub fn softplus<V: Lanes>(z: V) -> V {
    let positive = V::select(z.less(V::splat(0.0)), V::splat(0.0), z);
    positive + log1p(exp(-z.abs()))
}

/// erf z.
#[inline(always)]
fn erf<V: Lanes>(z: V) -> V {
    let far = with_sign(V::splat(1.0) - erfc_tail(z), z);
    V::select(z.abs().less(V::splat(0.75)), erf_near(z), far)
}

/// Φ(z), the normal distribution function; its lower tail keeps its relative precision.
#[inline(always)]
fn normal_cdf<V: Lanes>(z: V) -> V {
    let (half, one) = (V::splat(0.5), V::splat(1.0));
    let x = z * V::splat(std::f32::consts::FRAC_1_SQRT_2);
    let tail = half * erfc_tail(x);
    let far = V::select(z.less(V::splat(0.0)), tail, one - tail);
    V::select(x.abs().less(V::splat(0.75)), half.mul_add(erf_near(x), half), far)
}

/// sin z and cos z: reduction by multiples of π/2 in three parts, polynomials on ±π/4. Good to 1e-6 for
/// |z| up to 1e4; beyond that f32 no longer resolves the angle, and only |sin| ≤ 1 is kept.
#[inline(always)]
fn sin_cos<V: Lanes>(z: V) -> (V, V) {
    let n = (z * V::splat(std::f32::consts::FRAC_2_PI)).round();
    let r = n.mul_add(V::splat(-1.570_312_5), z);
    let r = n.mul_add(V::splat(-4.837_513e-4), r);
    let r = n.mul_add(V::splat(-7.549_79e-8), r);
    let limit = V::splat(0.8);
    let r = V::select(limit.less(r), limit, V::select(r.less(-limit), -limit, r));
    let u = r * r;
    let sin_series = polynomial(u, [-0.166_666_67, 0.008_333_332, -0.000_198_400_87, 2.724_996_5e-6]);
    let sin = (r * u).mul_add(sin_series, r);
    let cos_series = polynomial(u, [0.041_666_668, -0.001_388_888_8, 2.480_06e-5, -2.730_094_5e-7]);
    let cos = (u * u).mul_add(cos_series, u.mul_add(V::splat(-0.5), V::splat(1.0)));
    // n modulo 4, exact for whole numbers: their quarters end in .0, .25, .5 or .75.
    let quadrant = n - (n * V::splat(0.25) - V::splat(0.375)).round() * V::splat(4.0);
    let from_two = (quadrant - V::splat(2.0)).abs();
    let odd = V::splat(0.5).less(from_two) & from_two.less(V::splat(1.5));
    let (value, slope) = (V::select(odd, cos, sin), V::select(odd, sin, cos));
    let value_negative = V::splat(1.5).less(quadrant);
    let slope_negative = V::splat(0.5).less(quadrant) & quadrant.less(V::splat(2.5));
    (V::select(value_negative, -value, value), V::select(slope_negative, -slope, slope))
}

/// φ(z) and φ'(z).
#[inline(always)]
pub fn activate<V: Lanes>(activation: Activation, z: V) -> (V, V) {
    let (zero, one) = (V::splat(0.0), V::splat(1.0));
    match activation {
        Activation::Logistic => logistic(z),
        Activation::Tanh => tanh(z),
        Activation::Relu => (V::select(z.less(zero), zero, z), V::select(zero.less(z), one, zero)),
        Activation::LeakyRelu => {
            let slope = V::select(zero.less(z), one, V::splat(LEAK as f32));
            (slope * z, slope)
        }
        Activation::Elu => {
            // eᶻ − 1 = 2 tanh(z/2) / (1 − tanh(z/2)), which keeps its relative precision near 0.
            let positive = zero.less(z);
            let t = tanh(z * V::splat(0.5)).0;
            let e = exp(-z.abs());
            (V::select(positive, z, (t + t) / (one - t)), V::select(positive, one, e))
        }
        Activation::Softplus => (softplus(z), logistic(z).0),
        Activation::Gelu => {
            let cdf = normal_cdf(z);
            let density = V::splat(0.398_942_3) * exp(V::splat(-0.5) * z * z);
            (z * cdf, z.mul_add(density, cdf))
        }
        Activation::Silu => {
            let (s, slope) = logistic(z);
            (z * s, z.mul_add(slope, s))
        }
        Activation::Erf => (erf(z), V::splat(std::f32::consts::FRAC_2_SQRT_PI) * exp(-(z * z))),
        Activation::Sin => sin_cos(z),
        Activation::Abs => {
            let slope = V::select(zero.less(z), one, V::select(z.less(zero), -one, zero));
            (z.abs(), slope)
        }
        Activation::Linear => (z, one),
    }
}
