//! exp, erf and the activation functions over lanes. Mirrors `shaders/shared/functions.wgsl`: same names, same order, the
//! same formulas where the shading language has what they need. NaN goes in and comes out.

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

/// e^−x = 2ⁿ·(1 + q): n whole, |q| < 0.42, q from a polynomial in s = x + n·ln 2. One step of reduction is enough:
/// ln 2 in f32 is off by 1.9e-9, which for the largest n in question, 126, costs 2 ulp.
#[inline(always)]
fn reduce<V: Lanes>(x: V) -> (V, V) {
    let n = (x * V::splat(-std::f32::consts::LOG2_E)).round();
    (n, n.mul_add(V::splat(std::f32::consts::LN_2), x))
}

/// e^−x for |x| ≤ 87, to (2.5 + |x| / 25) ulp; exactly 1 at 0.
#[inline(always)]
pub fn exp_neg<V: Lanes>(x: V) -> V {
    let (n, s) = reduce(x);
    let series = [1.0, -0.999_999_7, 0.499_991_48, -0.166_676_52, 0.041_898_18, -0.008_289_363];
    polynomial(s, series).scale(n)
}

/// e^−x − 1, precise relative to itself however small, and e^−x, for 0 ≤ x ≤ 87.
#[inline(always)]
fn exp_neg_minus_one<V: Lanes>(x: V) -> (V, V) {
    let one = V::splat(1.0);
    let (n, s) = reduce(x);
    let series = [-1.0, 0.499_999_97, -0.166_665_46, 0.041_667_435, -0.008_366_262, 0.001_387_065_8];
    let q = s * polynomial(s, series);
    let power = one.scale(n);
    (power.mul_add(q, power - one), power.mul_add(q, power))
}

/// e^−x²
#[inline(always)]
fn exp_neg_square<V: Lanes>(x: V) -> V {
    exp_neg((x * x).at_most(V::splat(87.0)))
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

/// ln(1 + e) for 0 ≤ e ≤ `limit`, precise relative to itself: 1 + e is halved until it is no more than 2.
#[inline(always)]
pub fn ln_one_plus<V: Lanes>(e: V, limit: usize) -> V {
    let (one, half) = (V::splat(1.0), V::splat(0.5));
    let (mut e, mut halvings, mut reach) = (e, V::splat(0.0), 1);
    while reach < limit {
        let over = one.less(e);
        e = V::select(over, half * (e - one), e);
        halvings = V::select(over, halvings + one, halvings);
        reach = 2 * reach + 1;
    }
    halvings.mul_add(V::splat(std::f32::consts::LN_2), log1p(e))
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
    exp_neg_square(x) * series
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

/// h = 1 / (1 + e⁻ᶻ) and its slope (1 − h)·h, where 1 − h = e⁻ᶻ·h: the difference itself would lose the slope of
/// saturated units, which f64 still resolves.
#[inline(always)]
fn logistic<V: Lanes>(z: V) -> (V, V) {
    let limit = V::splat(87.0);
    let e = exp_neg(z.at_least(-limit).at_most(limit));
    let h = (V::splat(1.0) + e).reciprocal();
    (h, e * h * h)
}

/// tanh z = (1 − e^−2|z|) / (1 + e^−2|z|) with the sign of z, and its slope.
#[inline(always)]
fn tanh<V: Lanes>(z: V) -> (V, V) {
    let twice = z.abs() + z.abs();
    let (e_minus_one, e) = exp_neg_minus_one(twice.at_most(V::splat(87.0)));
    let r = (V::splat(2.0) + e_minus_one).reciprocal();
    ((e_minus_one * r).with_sign(z), V::splat(4.0) * e * r * r)
}

/// e^−|z|
#[inline(always)]
fn exp_neg_abs<V: Lanes>(z: V) -> V {
    exp_neg(z.abs().at_most(V::splat(87.0)))
}

/// ln(1 + eᶻ).
#[inline(always)]
fn softplus<V: Lanes>(z: V) -> V {
    z.at_least(V::splat(0.0)) + log1p(exp_neg_abs(z))
}

/// erf z.
#[inline(always)]
fn erf<V: Lanes>(z: V) -> V {
    let far = (V::splat(1.0) - erfc_tail(z)).with_sign(z);
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
    let r = r.at_least(V::splat(-0.8)).at_most(V::splat(0.8));
    let u = r * r;
    let sin_series = polynomial(u, [-0.166_666_67, 0.008_333_332, -0.000_198_400_87, 2.724_996_5e-6]);
    let sin = (r * u).mul_add(sin_series, r);
    let cos_series = polynomial(u, [0.041_666_668, -0.001_388_888_8, 2.480_06e-5, -2.730_094_5e-7]);
    let cos = (u * u).mul_add(cos_series, u.mul_add(V::splat(-0.5), V::splat(1.0)));
    // n modulo 4, exact for whole numbers: their quarters end in .0, .25, .5 or .75.
    let quadrant = n - (n * V::splat(0.25) - V::splat(0.375)).round() * V::splat(4.0);
    let from_two = (quadrant - V::splat(2.0)).abs();
    let odd = V::differ(from_two.less(V::splat(0.5)), from_two.less(V::splat(1.5)));
    let (value, slope) = (V::select(odd, cos, sin), V::select(odd, sin, cos));
    let value_negative = V::splat(1.5).less(quadrant);
    let slope_negative = V::differ(quadrant.less(V::splat(0.5)), quadrant.less(V::splat(2.5)));
    (V::select(value_negative, -value, value), V::select(slope_negative, -slope, slope))
}

/// softplus(z) − y·z, a term of the loss `bce`. The difference comes first: for y = 1 and a large z it is exactly 0, where
/// that of softplus(z) and z would lose the small rest.
#[inline(always)]
pub fn bce_term<V: Lanes>(z: V, y: V) -> V {
    (z.at_least(V::splat(0.0)) - y * z) + log1p(exp_neg_abs(z))
}

/// −y·ln p, a term of the loss `cross-entropy`. An output that is not wanted may be as unlikely as it likes.
#[inline(always)]
pub fn cross_entropy_term<V: Lanes>(log: V, y: V) -> V {
    let zero = V::splat(0.0);
    V::select(V::differ(y.less(zero), zero.less(y)), -(y * log), zero)
}

/// φ(z) and φ'(z).
#[inline(always)]
pub fn activate<V: Lanes>(activation: Activation, z: V) -> (V, V) {
    let (zero, one) = (V::splat(0.0), V::splat(1.0));
    match activation {
        Activation::Logistic => logistic(z),
        Activation::Tanh => tanh(z),
        Activation::Relu => (z.at_least(zero), V::select(zero.less(z), one, zero)),
        Activation::LeakyRelu => {
            let slope = V::select(zero.less(z), one, V::splat(LEAK as f32));
            (slope * z, slope)
        }
        Activation::Elu => {
            let positive = zero.less(z);
            let (e_minus_one, e) = exp_neg_minus_one(z.abs().at_most(V::splat(87.0)));
            (V::select(positive, z, e_minus_one), V::select(positive, one, e))
        }
        Activation::Softplus => (softplus(z), logistic(z).0),
        Activation::Gelu => {
            let cdf = normal_cdf(z);
            let density =
                V::splat(0.398_942_3) * exp_neg_square(z * V::splat(std::f32::consts::FRAC_1_SQRT_2));
            (z * cdf, z.mul_add(density, cdf))
        }
        Activation::Silu => {
            let (s, slope) = logistic(z);
            (z * s, z.mul_add(slope, s))
        }
        Activation::Erf => (erf(z), V::splat(std::f32::consts::FRAC_2_SQRT_PI) * exp_neg_square(z)),
        Activation::Sin => sin_cos(z),
        Activation::Abs => {
            let slope = V::select(zero.less(z), one, V::select(z.less(zero), -one, zero));
            (z.abs(), slope)
        }
        Activation::Linear => (z, one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::cpu::lanes::{Double, Kernel, Portable};

    /// A function of this module, or of the lanes.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Function {
        ExpNeg,
        ExpNegMinusOne,
        Reciprocal,
        /// With y = 1.
        BceTerm,
        /// Up to 63.
        LnOnePlus,
    }

    struct Apply<'a, V> {
        function: Function,
        numbers: &'a mut [f32],
        vector: std::marker::PhantomData<V>,
    }

    impl<V: Lanes> Kernel for Apply<'_, V> {
        #[inline(always)]
        fn run(self) {
            for numbers in self.numbers.chunks_exact_mut(V::LANES) {
                let x = V::load(numbers);
                let y = match self.function {
                    Function::ExpNeg => exp_neg(x),
                    Function::ExpNegMinusOne => exp_neg_minus_one(x).0,
                    Function::Reciprocal => x.reciprocal(),
                    Function::BceTerm => bce_term(x, V::splat(1.0)),
                    Function::LnOnePlus => ln_one_plus(x, 63),
                };
                y.store(numbers);
            }
        }
    }

    fn apply<V: Lanes>(function: Function, x: &[f32]) -> Vec<f32> {
        let mut numbers = x.to_vec();
        V::call(Apply::<V> { function, numbers: &mut numbers, vector: std::marker::PhantomData });
        numbers
    }

    /// What each instruction set of this processor makes of `x`, whose length is a multiple of 32.
    fn everywhere(function: Function, x: &[f32]) -> Vec<(&'static str, Vec<f32>)> {
        let mut results = vec![("portable", apply::<Portable>(function, x))];
        #[cfg(target_arch = "x86_64")]
        {
            use crate::engine::cpu::lanes::{Avx2, Avx512};
            if Avx2::is_there() {
                results.push(("AVX2", apply::<Double<Avx2>>(function, x)));
            }
            if Avx512::is_there() {
                results.push(("AVX-512", apply::<Double<Avx512>>(function, x)));
            }
        }
        #[cfg(target_arch = "aarch64")]
        results.push(("NEON", apply::<Double<crate::engine::cpu::lanes::Neon>>(function, x)));
        results
    }

    /// Numbers from `low` to `high`, both included.
    fn numbers(low: f32, high: f32) -> Vec<f32> {
        let count = 32 * 4000;
        (0..count).map(|i| low + (high - low) * (i as f32 / (count - 1) as f32)).collect()
    }

    /// The largest distance from the exact values, in ulp of these, over its bound.
    fn worst(x: &[f32], y: &[f32], exact: impl Fn(f64) -> f64, bound: impl Fn(f64) -> f64) -> f64 {
        assert_eq!(x.len(), y.len());
        x.iter().zip(y).fold(0.0, |worst, (&x, &y)| {
            let want = exact(f64::from(x));
            let ulp = f64::from((want as f32).abs().next_up() - (want as f32).abs());
            let distance = (f64::from(y) - want).abs() / ulp / bound(f64::from(x));
            // A NaN is infinitely far.
            if distance.is_nan() { f64::INFINITY } else { distance.max(worst) }
        })
    }

    #[test]
    fn exponentials_are_within_their_bounds() {
        let x = numbers(-87.0, 87.0);
        let bound = |x: f64| 2.5 + x.abs() / 25.0;
        for (on, y) in everywhere(Function::ExpNeg, &x) {
            let found = worst(&x, &y, |x| (-x).exp(), bound);
            assert!(found <= 1.0, "{on}: {found} of the bound");
            let twin = worst(&x, &y, |x| (-x * (1.0 + 1e-6)).exp(), bound);
            assert!(twin > 1.0, "{on}: the perturbed twin passed");
        }
        let x: Vec<f32> = numbers(0.0, 1.0).into_iter().map(|x| x * x * x * 87.0).collect();
        for (on, y) in everywhere(Function::ExpNegMinusOne, &x) {
            let found = worst(&x, &y, |x| (-x).exp_m1(), |_| 2.0);
            assert!(found <= 1.0, "{on}: {found} of the bound");
        }
    }

    #[test]
    fn a_small_loss_of_a_large_logit_is_not_lost() {
        let x = numbers(-20.0, 60.0);
        for (on, y) in everywhere(Function::BceTerm, &x) {
            let exact = |z: f64| (-z.abs()).exp().ln_1p() + (-z).max(0.0);
            let found = worst(&x, &y, exact, |z| 8.0 + z.abs() / 10.0);
            assert!(found <= 1.0, "{on}: {found} of the bound");
            let twin: Vec<f32> = x.iter().map(|&z| (z.max(0.0) + (-z.abs()).exp().ln_1p()) - z).collect();
            assert!(
                worst(&x, &twin, exact, |z| 8.0 + z.abs() / 10.0) > 1.0,
                "the difference taken last passed"
            );
        }
    }

    #[test]
    fn logarithms_are_within_their_bounds_however_small() {
        let x: Vec<f32> = numbers(0.0, 1.0).into_iter().map(|x| x.powi(8) * 63.0).collect();
        for (on, y) in everywhere(Function::LnOnePlus, &x) {
            let found = worst(&x, &y, f64::ln_1p, |_| 3.0);
            assert!(found <= 1.0, "{on}: {found} of the bound");
            let twin = worst(&x, &y, |x| x.ln_1p() * (1.0 + 1e-6), |_| 3.0);
            assert!(twin > 1.0, "{on}: the perturbed twin passed");
        }
    }

    #[test]
    fn reciprocals_are_within_an_ulp_and_exact_for_powers_of_two() {
        let x: Vec<f32> = numbers(1.0, 4.0).into_iter().chain(numbers(1e30, 8e37)).collect();
        for (on, y) in everywhere(Function::Reciprocal, &x) {
            let found = worst(&x, &y, |x| 1.0 / x, |_| 1.0);
            assert!(found <= 1.0, "{on}: {found} ulp");
            assert!(
                worst(&x, &y, |x| 1.0 / x * (1.0 + 3e-7), |_| 1.0) > 1.0,
                "{on}: the perturbed twin passed"
            );
        }
        let powers: Vec<f32> = (-126..=126).chain([0; 3]).map(|n| 2f32.powi(n)).collect();
        for (on, y) in everywhere(Function::Reciprocal, &powers) {
            for (x, y) in powers.iter().zip(y) {
                assert_eq!(y, 1.0 / x, "{on}");
            }
        }
    }

    #[test]
    fn zero_and_nan_come_out_as_they_must_and_instruction_sets_agree_to_the_bit() {
        let mut x = numbers(-87.0, 87.0);
        (x[0], x[1], x[2]) = (0.0, f32::NAN, -f32::NAN);
        let results = everywhere(Function::ExpNeg, &x);
        for (on, y) in &results {
            assert_eq!(y[0], 1.0, "{on}: the logistic of 0 must be exactly ½");
            assert!(y[1].is_nan() && y[2].is_nan(), "{on}");
            for (i, (y, portable)) in y.iter().zip(&results[0].1).enumerate().skip(3) {
                assert_eq!(y.to_bits(), portable.to_bits(), "{on} at {}", x[i]);
            }
        }
    }
}
