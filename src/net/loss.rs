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
    }
}

impl Loss {
    /// The term of one output of one sample, before [`Loss::norm`] is applied.
    pub fn term(self, z: f64, o: f64, y: f64) -> f64 {
        match self {
            Loss::Mse | Loss::HalfSse => (o - y) * (o - y),
            Loss::Bce => softplus(z) - y * z,
        }
    }

    /// What the sum of all terms is multiplied by, for `terms` = samples × outputs.
    pub fn norm(self, terms: usize) -> f64 {
        match self {
            Loss::Mse | Loss::Bce => 1.0 / terms as f64,
            Loss::HalfSse => 0.5,
        }
    }

    /// What e·φ'(z) (for bce: e alone) is multiplied by to give ∂loss/∂z.
    pub fn delta_norm(self, terms: usize) -> f64 {
        match self {
            Loss::Mse => 2.0 / terms as f64,
            Loss::HalfSse => 1.0,
            Loss::Bce => 1.0 / terms as f64,
        }
    }
}
