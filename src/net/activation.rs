//! Activation functions of hidden and output units, in f64: the definitions that every engine is held to.

use super::words;

words! {
    /// φ, applied to a unit's weighted sum z.
    Activation {
        /// 1 / (1 + e⁻ᶻ)
        Logistic = "logistic",
        /// tanh z
        Tanh = "tanh",
        /// max(0, z), slope 0 at the kink
        Relu = "relu",
        /// z for z > 0, else 0.01·z
        LeakyRelu = "leaky-relu",
        /// z for z > 0, else eᶻ − 1
        Elu = "elu",
        /// ln(1 + eᶻ)
        Softplus = "softplus",
        /// z·Φ(z), Φ the normal distribution function (exact, not the tanh approximation)
        Gelu = "gelu",
        /// z / (1 + e⁻ᶻ)
        Silu = "silu",
        /// erf z
        Erf = "erf",
        /// sin z
        Sin = "sin",
        /// |z|, slope 0 at the kink
        Abs = "abs",
        /// z
        Linear = "linear",
    }
}

/// Slope of leaky-relu on the negative side.
pub const LEAK: f64 = 0.01;

impl Activation {
    /// φ(z).
    pub fn value(self, z: f64) -> f64 {
        match self {
            Activation::Logistic => logistic(z),
            Activation::Tanh => z.tanh(),
            // Not `z.max(0.0)`, which would turn a NaN into 0 and hide a divergence.
            Activation::Relu => {
                if z < 0.0 {
                    0.0
                } else {
                    z
                }
            }
            Activation::LeakyRelu => {
                if z > 0.0 {
                    z
                } else {
                    LEAK * z
                }
            }
            Activation::Elu => {
                if z > 0.0 {
                    z
                } else {
                    z.exp_m1()
                }
            }
            Activation::Softplus => softplus(z),
            Activation::Gelu => z * normal_cdf(z),
            Activation::Silu => z * logistic(z),
            Activation::Erf => libm::erf(z),
            Activation::Sin => z.sin(),
            Activation::Abs => z.abs(),
            Activation::Linear => z,
        }
    }

    /// φ'(z); at a kink the value that the contract names.
    pub fn slope(self, z: f64) -> f64 {
        match self {
            Activation::Logistic => {
                let h = logistic(z);
                h * (1.0 - h)
            }
            Activation::Tanh => {
                let h = z.tanh();
                1.0 - h * h
            }
            Activation::Relu => {
                if z > 0.0 {
                    1.0
                } else {
                    0.0
                }
            }
            Activation::LeakyRelu => {
                if z > 0.0 {
                    1.0
                } else {
                    LEAK
                }
            }
            Activation::Elu => {
                if z > 0.0 {
                    1.0
                } else {
                    z.exp()
                }
            }
            Activation::Softplus => logistic(z),
            Activation::Gelu => normal_cdf(z) + z * normal_density(z),
            Activation::Silu => {
                let s = logistic(z);
                s * (1.0 + z * (1.0 - s))
            }
            Activation::Erf => std::f64::consts::FRAC_2_SQRT_PI * (-z * z).exp(),
            Activation::Sin => z.cos(),
            Activation::Abs => {
                if z > 0.0 {
                    1.0
                } else if z < 0.0 {
                    -1.0
                } else {
                    0.0
                }
            }
            Activation::Linear => 1.0,
        }
    }

    /// φ''(z); at a kink that of the piece whose slope [`slope`](Activation::slope) gives.
    pub fn curvature(self, z: f64) -> f64 {
        match self {
            Activation::Logistic => {
                let h = logistic(z);
                h * (1.0 - h) * (1.0 - 2.0 * h)
            }
            Activation::Tanh => {
                let h = z.tanh();
                -2.0 * h * (1.0 - h * h)
            }
            Activation::Relu | Activation::LeakyRelu | Activation::Abs | Activation::Linear => 0.0,
            Activation::Elu => {
                if z > 0.0 {
                    0.0
                } else {
                    z.exp()
                }
            }
            Activation::Softplus => {
                let s = logistic(z);
                s * (1.0 - s)
            }
            Activation::Gelu => (2.0 - z * z) * normal_density(z),
            Activation::Silu => {
                let s = logistic(z);
                s * (1.0 - s) * (2.0 + z * (1.0 - 2.0 * s))
            }
            Activation::Erf => -2.0 * z * self.slope(z),
            Activation::Sin => -z.sin(),
        }
    }

    /// Whether φ'' jumps at 0, where a second derivative is that of one side only.
    pub fn has_kink(self) -> bool {
        matches!(self, Activation::Relu | Activation::LeakyRelu | Activation::Elu | Activation::Abs)
    }
}

/// 1 / (1 + e⁻ᶻ), from the exponential of −|z|, so that nothing overflows.
fn logistic(z: f64) -> f64 {
    let e = (-z.abs()).exp();
    if z < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
}

/// ln(1 + eᶻ), overflow-safe.
pub(crate) fn softplus(z: f64) -> f64 {
    let positive = if z < 0.0 { 0.0 } else { z };
    positive + (-z.abs()).exp().ln_1p()
}

/// Φ(z), by erfc so that the lower tail keeps its relative precision.
fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

fn normal_density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_agree_with_central_differences() {
        for &activation in Activation::ALL {
            for i in -40..=40 {
                // An offset keeps the points away from the kinks at 0.
                let z = i as f64 * 0.17 + 0.003;
                let d = 1e-6;
                let difference = (activation.value(z + d) - activation.value(z - d)) / (2.0 * d);
                let slope = activation.slope(z);
                assert!((slope - difference).abs() < 1e-8, "{activation} at {z}: {slope} {difference}");
            }
        }
    }

    #[test]
    fn at_a_kink_slope_and_curvature_are_of_the_same_piece() {
        let at_zero = |activation: Activation| (activation.slope(0.0), activation.curvature(0.0));
        assert_eq!(at_zero(Activation::Relu), (0.0, 0.0));
        assert_eq!(at_zero(Activation::LeakyRelu), (LEAK, 0.0));
        // Both pieces have slope 1; eˣ has the curvature 1, x has none.
        assert_eq!(at_zero(Activation::Elu), (1.0, 1.0));
        assert_eq!(at_zero(Activation::Abs), (0.0, 0.0));
    }

    #[test]
    fn curvatures_agree_with_central_differences_of_slopes() {
        for &activation in Activation::ALL {
            for i in -40..=40 {
                let z = i as f64 * 0.17 + 0.003;
                let d = 1e-6;
                let difference = (activation.slope(z + d) - activation.slope(z - d)) / (2.0 * d);
                let curvature = activation.curvature(z);
                assert!(
                    (curvature - difference).abs() < 1e-8,
                    "{activation} at {z}: {curvature} {difference}"
                );
            }
            let step = |z: f64| activation.curvature(z) - activation.curvature(-z);
            let jumps =
                step(1e-9).abs() > 0.5 || (activation.slope(1e-9) - activation.slope(-1e-9)).abs() > 0.5;
            assert_eq!(activation.has_kink(), jumps, "{activation}");
        }
    }

    #[test]
    fn nothing_overflows_and_nan_stays_nan() {
        for &activation in Activation::ALL {
            for z in [-1e30, -800.0, 800.0, 1e30] {
                assert!(
                    activation.value(z).is_finite() && activation.slope(z).is_finite(),
                    "{activation} {z}"
                );
            }
            assert!(activation.value(f64::NAN).is_nan(), "{activation}");
        }
    }

    #[test]
    fn kinks_take_the_stated_slope() {
        assert_eq!(Activation::Relu.slope(0.0), 0.0);
        assert_eq!(Activation::Abs.slope(0.0), 0.0);
        assert_eq!(Activation::LeakyRelu.slope(0.0), LEAK);
        assert_eq!(Activation::Logistic.value(0.0), 0.5);
    }
}
