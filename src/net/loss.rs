//! Losses over a task of S samples and O outputs, in f64: the definitions that every engine is held to.

use super::activation::softplus;
use super::words;

words! {
    /// How far the outputs o are from the targets y, e = o − y.
    Loss {
        /// Mean of e² over samples and outputs.
        Mse = "mse",
        /// ½ Σ e² over samples and outputs.
        HalfSse = "half-sse",
        /// Mean of softplus(z) − y·z over samples and outputs, from the logit z; needs logistic outputs.
        Bce = "bce",
        /// Mean over samples of −Σ y·ln p over the outputs, p = eᶻ / Σ eᶻ from the logits z; targets sum to 1.
        CrossEntropy = "cross-entropy",
    }
}

impl Loss {
    /// The term of one output of one sample, before [`Loss::norm`] is applied. Under [`Loss::CrossEntropy`] z is
    /// ln p, from [`log_softmax`].
    pub fn term(self, z: f64, o: f64, y: f64) -> f64 {
        match self {
            Loss::Mse | Loss::HalfSse => (o - y) * (o - y),
            Loss::Bce => softplus(z) - y * z,
            // An output that is not wanted may be as unlikely as it likes.
            Loss::CrossEntropy => {
                if y == 0.0 {
                    0.0
                } else {
                    -y * z
                }
            }
        }
    }

    /// What the sum of the terms of all outputs of `samples` samples is multiplied by.
    pub fn norm(self, samples: usize, outputs: usize) -> f64 {
        match self {
            Loss::Mse | Loss::Bce => 1.0 / (samples * outputs) as f64,
            Loss::HalfSse => 0.5,
            Loss::CrossEntropy => 1.0 / samples as f64,
        }
    }

    /// What e·φ'(z) (where [`Loss::is_of_logits`]: e alone) is multiplied by to give ∂loss/∂z.
    pub fn delta_norm(self, samples: usize, outputs: usize) -> f64 {
        match self {
            Loss::Mse => 2.0 / (samples * outputs) as f64,
            Loss::HalfSse => 1.0,
            Loss::Bce => 1.0 / (samples * outputs) as f64,
            Loss::CrossEntropy => 1.0 / samples as f64,
        }
    }

    /// Whether the slope of the output cancels in ∂loss/∂z, which then is e times [`Loss::delta_norm`].
    pub fn is_of_logits(self) -> bool {
        matches!(self, Loss::Bce | Loss::CrossEntropy)
    }
}

/// ln p of every output of one sample, from its logits, in place: p = eᶻ / Σ eᶻ, without overflow. A NaN makes all
/// of them NaN, +∞ all finite ones −∞.
pub fn log_softmax(logits: &mut [f64]) {
    let first = |(at, best): (usize, f64), (i, &z): (usize, &f64)| if z > best { (i, z) } else { (at, best) };
    let (at, largest) = logits.iter().enumerate().fold((0, f64::NEG_INFINITY), first);
    // Without the largest, whose part is 1: of a confident output the others together are under an ulp of it.
    let others = logits.iter().enumerate().filter(|&(i, _)| i != at);
    let log = others.map(|(_, z)| (z - largest).exp()).sum::<f64>().ln_1p();
    for z in logits {
        *z = *z - largest - log;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the probability of a class, or the output, as textbooks write them.
    #[test]
    fn terms_are_those_of_the_definitions() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        let (z, y) = (0.7, 0.25);
        let o = 1.0 / (1.0 + f64::exp(-z));
        close(Loss::Mse.term(z, o, y), (o - y).powi(2));
        close(Loss::HalfSse.term(z, o, y), (o - y).powi(2));
        close(Loss::Bce.term(z, o, y), -(y * o.ln() + (1.0 - y) * (1.0 - o).ln()));
        close(Loss::CrossEntropy.term(o.ln(), o, y), -y * o.ln());
        // 0 · ln 0 is 0.
        assert_eq!(Loss::CrossEntropy.term(f64::NEG_INFINITY, 0.0, 0.0), 0.0);
        assert_eq!(Loss::CrossEntropy.term(f64::NEG_INFINITY, 0.0, 1.0), f64::INFINITY);
    }

    #[test]
    fn norms_average_or_halve() {
        let norms = |loss: Loss| (loss.norm(4, 3), loss.delta_norm(4, 3));
        assert_eq!(norms(Loss::Mse), (1.0 / 12.0, 2.0 / 12.0));
        assert_eq!(norms(Loss::HalfSse), (0.5, 1.0));
        assert_eq!(norms(Loss::Bce), (1.0 / 12.0, 1.0 / 12.0));
        assert_eq!(norms(Loss::CrossEntropy), (0.25, 0.25));
        let of_logits = [Loss::Mse, Loss::HalfSse, Loss::Bce, Loss::CrossEntropy].map(Loss::is_of_logits);
        assert_eq!(of_logits, [false, false, true, true]);
    }

    #[test]
    fn probabilities_of_logits_add_up_to_one_and_overflow_as_they_say() {
        for shift in [0.0, 800.0, -800.0] {
            let mut logits = [1.0, 2.0, 2.0, -3.0].map(|z: f64| z + shift);
            log_softmax(&mut logits);
            let sum: f64 = logits.iter().map(|z| z.exp()).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{sum}");
            assert!((logits[1] - logits[0] - 1.0).abs() < 1e-12);
        }
        // Under an ulp of 1, and not 0.
        let mut confident = [0.0, 50.0];
        log_softmax(&mut confident);
        assert_eq!(confident[1], -f64::exp(-50.0));
        let mut infinite = [1.0, f64::INFINITY, 2.0];
        log_softmax(&mut infinite);
        assert_eq!([infinite[0], infinite[2]], [f64::NEG_INFINITY; 2]);
        let mut broken = [1.0, f64::NAN, 2.0];
        log_softmax(&mut broken);
        assert!(broken.iter().all(|z| z.is_nan()));
    }
}
