//! Intervals for fractions and a test for two of them.

/// The 97.5 % point of the normal distribution, as the contract states it.
pub const Z95: f64 = 1.959964;

/// Wilson's 95 % score interval (1927) for `successes` of `trials`; `None` without trials.
pub fn wilson(successes: u64, trials: u64) -> Option<(f64, f64)> {
    if trials == 0 {
        return None;
    }
    let (n, p, z2) = (trials as f64, successes as f64 / trials as f64, Z95 * Z95);
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z95 / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    // At the ends the bound is exactly 0 or 1; rounding must not push it past.
    let low = if successes == 0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if successes == trials { 1.0 } else { (centre + half).min(1.0) };
    Some((low, high))
}

/// |z| of the pooled two-proportion test; 0 where both fractions are the same certainty.
pub fn two_proportions(a: u64, a_trials: u64, b: u64, b_trials: u64) -> f64 {
    let (n, m) = (a_trials as f64, b_trials as f64);
    let pooled = (a + b) as f64 / (n + m);
    let variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m);
    if variance == 0.0 {
        return 0.0;
    }
    (a as f64 / n - b as f64 / m).abs() / variance.sqrt()
}

/// Median, the mean of the middle two for an even count; `None` of nothing. Reorders its argument.
pub fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let odd = values.len() % 2 == 1;
    let (below, &mut high, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    match below.iter().copied().max_by(f64::total_cmp) {
        // Halves first: the sum of two finite numbers may overflow.
        Some(low) if !odd => Some(low / 2.0 + high / 2.0),
        _ => Some(high),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_matches_a_published_example() {
        // Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, 15 of 148, 0 of 20.
        let near = |got: Option<(f64, f64)>, low: f64, high: f64| {
            let (l, h) = got.unwrap();
            assert!((l - low).abs() < 5e-5 && (h - high).abs() < 5e-5, "{l} {h}");
        };
        near(wilson(81, 263), 0.2553, 0.3662);
        near(wilson(15, 148), 0.0624, 0.1605);
        near(wilson(0, 20), 0.0, 0.1611);
        near(wilson(20, 20), 1.0 - 0.1611, 1.0);
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn equal_fractions_do_not_differ_and_unequal_ones_do() {
        assert_eq!(two_proportions(10, 100, 10, 100), 0.0);
        assert_eq!(two_proportions(0, 100, 0, 50), 0.0);
        assert!((two_proportions(50, 100, 30, 100) - 2.8868).abs() < 1e-3);
    }

    #[test]
    fn medians() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
