//! Optimizers: how a gradient becomes an update.

use super::words;

words! {
    /// g is the gradient of the loss plus weight_decay·w (weights only).
    Optimizer {
        /// w ← w − lr·g
        Sgd = "sgd",
        /// Δ ← −lr·g + momentum·Δ, w ← w + Δ
        Momentum = "momentum",
        /// b ← momentum·b + g, w ← w − lr·(g + momentum·b): Sutskever et al. 2013, in PyTorch's variables
        Nesterov = "nesterov",
        /// v ← ρv + (1 − ρ)g², w ← w − lr·g / (√v + ε): Tieleman & Hinton 2012
        Rmsprop = "rmsprop",
        /// m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², w ← w − lr·m̂ / (√v̂ + ε) with m̂ = m / (1 − β₁ᵗ) and
        /// v̂ = v / (1 − β₂ᵗ) at update t = 1, 2, …: Kingma & Ba 2015
        Adam = "adam",
    }
}

impl Optimizer {
    /// How many numbers the optimizer keeps for each parameter.
    pub fn slots(self) -> usize {
        match self {
            Optimizer::Sgd => 0,
            Optimizer::Momentum | Optimizer::Nesterov | Optimizer::Rmsprop => 1,
            // m, then v.
            Optimizer::Adam => 2,
        }
    }
}
