//! How likely it is that numbers which are as random as they claim come out so far off, on either side: p-values.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Of a statistic that is standard normal.
pub fn normal(z: f64) -> f64 {
    libm::erfc(z.abs() * FRAC_1_SQRT_2)
}

/// Of the largest magnitude among `count` of them that are as good as independent, as the entries of a large correlation
/// matrix are (Jiang, Annals of Applied Probability 14, 2004).
pub fn largest_normal(z: f64, count: usize) -> f64 {
    -(count as f64 * (-normal(z)).ln_1p()).exp_m1()
}

/// Of χ² with so many degrees of freedom. Too even is as suspicious as too uneven.
pub fn chi_square(chi2: f64, freedom: usize) -> f64 {
    let (a, x) = (freedom as f64 / 2.0, chi2 / 2.0);
    let scale = (a * x.ln() - x - libm::lgamma(a)).exp();
    // The smaller tail is computed, so that it keeps its precision; DLMF 8.11.4 and 8.9.2.
    let tail = if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > 1e-16 * sum {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        scale * sum
    } else {
        // From the inside out; so many terms suffice for any x above a + 1 here.
        let mut fraction = 0.0;
        for n in (1..2000).rev().map(f64::from) {
            fraction = n * (n - a) / (x + 2.0 * n + 1.0 - a - fraction);
        }
        scale / (x + 1.0 - a - fraction)
    };
    two_sided(tail)
}

/// Of the largest distance between the distribution function of `count` numbers and the one they claim: Kolmogorov's
/// limit, with Stephens's correction for the count (Journal of the Royal Statistical Society B 32, 1970).
pub fn kolmogorov(distance: f64, count: usize) -> f64 {
    let root = (count as f64).sqrt();
    let x = distance * (root + 0.12 + 0.11 / root);
    if x > 1.0 {
        let upper = |k: i32| f64::from(2 * (k % 2) - 1) * (-2.0 * f64::from(k * k) * x * x).exp();
        two_sided(2.0 * (1..20).map(upper).sum::<f64>())
    } else {
        let lower = |k: i32| (-f64::from((2 * k - 1) * (2 * k - 1)) * PI * PI / (8.0 * x * x)).exp();
        two_sided((2.0 * PI).sqrt() / x * (1..20).map(lower).sum::<f64>())
    }
}

fn two_sided(tail: f64) -> f64 {
    2.0 * tail.min(1.0 - tail)
}

#[test]
fn p_values_are_those_of_tables() {
    let near = |p: f64, expected: f64| assert!((p / expected - 1.0).abs() < 2e-3, "{p}, {expected}");
    near(normal(-1.959964), 0.05);
    near(normal(6.109410), 1e-9);
    near(largest_normal(3.290527, 100), 1.0 - 0.999f64.powi(100));
    // Upper and lower points of χ²: 0.001 and 0.999 for 23 degrees of freedom, 0.975 for 3, 0.025 for 100.
    near(chi_square(49.7282, 23), 0.002);
    near(chi_square(7.5292, 23), 0.002);
    near(chi_square(9.3484, 3), 0.05);
    near(chi_square(74.2219, 100), 0.05);
    // Far out, where 2 degrees of freedom are an exponential distribution.
    near(chi_square(50.0, 2), 2.0 * (-25f64).exp());
    // Upper points of Kolmogorov's distribution, 0.05 and 0.001; the lower one of 0.01.
    let many = 100_000_000;
    near(kolmogorov(1.358099e-4, many), 0.1);
    near(kolmogorov(1.949475e-4, many), 0.002);
    near(kolmogorov(0.441025e-4, many), 0.02);
}
