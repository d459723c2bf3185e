//! The random numbers of training itself: what drops out, what is added to gradients and inputs, which connections are
//! missing, in which order samples come. Mirrors `shaders/shared/noise.wgsl`.
//!
//! Everything is a pure function of (master seed, seed index, step, place), as for initial parameters. A counter has
//! room for two of these beside the seed index, so what changes from step to step has a key of its own for each run and
//! stream: the first two words of the block that (seed index, stream) names under the master seed.

use super::init::normal;
use super::philox::{self, Stream, philox};

/// Which kinds of noise there are: what changes code. The amounts are per-run settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NoiseKinds {
    /// In every update each hidden unit is 0 for each sample with a probability p, and 1 / (1 − p) times itself
    /// otherwise: Srivastava et al. 2014, scaled during training ("inverted").
    pub dropout: bool,
    /// N(0, σ²) is added to every component of the gradient.
    pub gradient: bool,
    /// N(0, σ²) is added to every input of every sample, in every update anew.
    pub input: bool,
    /// Each weight is missing with a probability p throughout the run: it starts at 0, and its gradient is 0.
    pub mask: bool,
}

impl NoiseKinds {
    /// Whether updates see other activations than measures do.
    pub fn disturbs_forward(self) -> bool {
        self.dropout || self.input
    }
}

/// The key of one run's random numbers of a stream.
pub fn run_key(master: u64, seed: u64, stream: Stream) -> [u32; 2] {
    let [a, b, ..] = philox::words(master, seed, stream, 0);
    [a, b]
}

// Functions of words alone are always inlined: the CPU engine computes them for many runs in one loop, which becomes
// vectors only so.

/// Four words of step (or epoch) `step`, by the key of the run.
#[inline(always)]
pub fn block(key: [u32; 2], step: u32, index: u32) -> [u32; 4] {
    philox(key, [step, index, 0, 0])
}

/// A number in [0, 1) from the upper 24 bits of a word; exact, so equal on every device.
#[inline(always)]
pub fn unit(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / (1 << 24) as f32)
}

/// Whether weight `parameter` is missing from a run, with probability `p`.
pub fn is_missing(master: u64, seed: u64, parameter: u32, p: f32) -> bool {
    unit(philox::words(master, seed, Stream::Mask, parameter)[0]) < p
}

/// Whether the hidden unit of the number `place` = sample · hidden units + unit (of all hidden layers, in order) drops out
/// of update `step`, with probability `p`. The sample is that of the task, wherever in a batch it comes.
pub fn drops_out(key: [u32; 2], step: u32, place: u32, p: f32) -> bool {
    unit(block(key, step, place / 4)[place as usize % 4]) < p
}

/// The standard normal number `place` of update `step`: of gradients the place is that of the parameter, of inputs it is
/// sample · inputs + input.
pub fn normal_at(key: [u32; 2], step: u32, place: u32) -> f32 {
    let words = block(key, step, place / 2);
    let half = 2 * (place as usize % 2);
    normal(words[half], words[half + 1])
}

/// Shuffles `order`, which is 0, 1, 2, … before, into the order of samples in `epoch`, by Fisher & Yates.
pub fn shuffle(key: [u32; 2], epoch: u32, order: &mut [u32]) {
    let count = order.len();
    for j in (1..count).rev() {
        let draw = count - 1 - j;
        let word = block(key, epoch, draw as u32 / 4)[draw % 4];
        order.swap(j, partner(word, j));
    }
}

/// A whole number from 0 to j by a random word; uneven by less than j / 2³².
#[inline(always)]
pub fn partner(word: u32, j: usize) -> usize {
    ((u64::from(word) * (j as u64 + 1)) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_of_four_samples_is_as_likely() {
        let mut counts = std::collections::HashMap::new();
        let key = run_key(3, 5, Stream::Order);
        for epoch in 0..24_000 {
            let mut order = [0, 1, 2, 3];
            shuffle(key, epoch, &mut order);
            *counts.entry(order).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 24);
        // χ² with 23 degrees of freedom is over 49.7 once in a thousand times; the numbers are always these.
        let chi2: f64 = counts.values().map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi2 < 49.7, "{chi2}");
    }

    #[test]
    fn an_order_holds_every_sample_once_and_changes_with_run_and_epoch() {
        let shuffled = |seed, epoch| {
            let mut order: Vec<u32> = (0..37).collect();
            shuffle(run_key(0, seed, Stream::Order), epoch, &mut order);
            order
        };
        let mut sorted = shuffled(0, 0);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..37).collect::<Vec<_>>());
        assert_ne!(shuffled(0, 0), shuffled(0, 1));
        assert_ne!(shuffled(0, 0), shuffled(1, 0));
        assert_eq!(shuffled(1, 7), shuffled(1, 7));
    }

    #[test]
    fn shares_and_moments_are_those_asked_for() {
        let key = run_key(1, 2, Stream::Dropout);
        let dropped = (0..40_000).filter(|&place| drops_out(key, 9, place, 0.3)).count();
        assert!((11_500..12_500).contains(&dropped), "{dropped}");
        let missing = (0..40_000).filter(|&p| is_missing(1, 2, p, 0.3)).count();
        assert!((11_500..12_500).contains(&missing), "{missing}");
        assert!(!(0..1000).any(|place| drops_out(key, 9, place, 0.0)));
        let key = run_key(1, 2, Stream::Gradient);
        let squares = (0..40_000).map(|place| f64::from(normal_at(key, 3, place)).powi(2)).sum::<f64>();
        assert!((squares / 40_000.0 - 1.0).abs() < 0.03, "{squares}");
    }

    #[test]
    fn what_is_as_likely_as_a_number_is_large_leaves_that_number_out() {
        let key = run_key(1, 2, Stream::Dropout);
        let p = unit(block(key, 9, 3)[1]);
        assert!(!drops_out(key, 9, 13, p) && drops_out(key, 9, 13, p.next_up()));
        let p = unit(philox::words(1, 2, Stream::Mask, 13)[0]);
        assert!(!is_missing(1, 2, 13, p) && is_missing(1, 2, 13, p.next_up()));
    }

    #[test]
    fn two_normal_numbers_share_a_block() {
        let key = run_key(1, 2, Stream::Gradient);
        for pair in 0..5 {
            let [a, b, c, d] = block(key, 3, pair);
            assert_eq!(normal_at(key, 3, 2 * pair), normal(a, b));
            assert_eq!(normal_at(key, 3, 2 * pair + 1), normal(c, d));
        }
    }

    #[test]
    fn only_dropout_and_noise_of_inputs_disturb_activations() {
        let kinds = |dropout, gradient, input, mask| NoiseKinds { dropout, gradient, input, mask };
        assert!(!kinds(false, true, false, true).disturbs_forward());
        assert!(kinds(true, false, false, false).disturbs_forward());
        assert!(kinds(false, false, true, false).disturbs_forward());
    }
}
