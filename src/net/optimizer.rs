//! Optimizers: how a gradient becomes an update.

use super::words;

words! {
    /// g is the gradient of the loss plus weight_decay·w (weights only).
    Optimizer {
        /// w ← w − lr·g
        Sgd = "sgd",
        /// Δ ← −lr·g + momentum·Δ, w ← w + Δ
        Momentum = "momentum",
    }
}

impl Optimizer {
    /// How many numbers the optimizer keeps for each parameter.
    pub const fn slots(self) -> usize {
        match self {
            Optimizer::Sgd => 0,
            Optimizer::Momentum => 1,
        }
    }
}
