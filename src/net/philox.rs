//! Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as
//! easy as 1, 2, 3" (SC 2011). A random number is a pure function of (key, counter): no state, no order.
//! Mirrors `shaders/shared/philox.wgsl`, word for word.

/// What a random number is drawn for: the third word of the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Stream {
    /// The shared base point of `init.base = "copies"`.
    Base = 0,
    /// The noise on every parameter.
    Noise = 1,
    /// Which runs `--verify` repeats.
    Verify = 2,
    /// The independent nudges of the reruns that explain a differing label.
    Nudge = 3,
    /// The inputs of `task.dataset = "random"`: (sample, feature) under the task's own seed.
    Inputs = 4,
    /// Its targets: (sample, output).
    Targets = 5,
    /// Which units drop out.
    Dropout = 6,
    /// Noise on gradients.
    Gradient = 7,
    /// Noise on inputs during training.
    Input = 8,
    /// Which connections are missing.
    Mask = 9,
    /// The order of samples in each epoch.
    Order = 10,
    /// The weights of the teacher of `task.dataset = "teacher"`: (layer, weight) under the task's own seed.
    Teacher = 11,
    /// The frames of the map of `task.dataset = "linear"`: (which, number).
    Matrix = 12,
    /// Where on its curve a point of the plane lies: (sample).
    Place = 13,
    /// By how much it is off the curve: (sample, axis).
    Scatter = 14,
    /// Which samples are held out.
    Split = 15,
}

const ROUND_A: u32 = 0xD251_1F53;
const ROUND_B: u32 = 0xCD9E_8D57;
const WEYL_A: u32 = 0x9E37_79B9;
const WEYL_B: u32 = 0xBB67_AE85;

/// The four words of one block.
#[inline(always)]
pub fn philox(key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    let [mut a, mut b, mut c, mut d] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..10 {
        let product_a = u64::from(ROUND_A) * u64::from(a);
        let product_b = u64::from(ROUND_B) * u64::from(c);
        (a, b, c, d) = (
            (product_b >> 32) as u32 ^ b ^ k0,
            product_b as u32,
            (product_a >> 32) as u32 ^ d ^ k1,
            product_a as u32,
        );
        k0 = k0.wrapping_add(WEYL_A);
        k1 = k1.wrapping_add(WEYL_B);
    }
    [a, b, c, d]
}

/// The words for one parameter of one run: keyed by the master seed, indexed by (seed index, stream, parameter).
pub fn words(master: u64, seed: u64, stream: Stream, parameter: u32) -> [u32; 4] {
    philox(
        [master as u32, (master >> 32) as u32],
        [seed as u32, (seed >> 32) as u32, stream as u32, parameter],
    )
}

#[cfg(test)]
mod tests {
    use super::{Stream, philox, words};

    #[test]
    fn every_bit_of_seeds_counts() {
        let (master, seed) = (0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210);
        let expected = philox([0x89ab_cdef, 0x0123_4567], [0x7654_3210, 0xfedc_ba98, Stream::Mask as u32, 5]);
        assert_eq!(words(master, seed, Stream::Mask, 5), expected);
    }

    #[test]
    fn known_answers_of_random123() {
        // The three philox4x32-10 lines of Random123's kat_vectors file.
        let ones = u32::MAX;
        assert_eq!(philox([0; 2], [0; 4]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(philox([ones; 2], [ones; 4]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        assert_eq!(
            philox([0xa4093822, 0x299f31d0], [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344]),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    #[test]
    fn agrees_with_an_independent_implementation() {
        for i in 0..1000u64 {
            let [k0, k1, a, b] = philox([1, 2], [i as u32, 3, 4, 5]);
            let counter = u128::from(a) | u128::from(b) << 32 | u128::from(k0) << 64 | u128::from(k1) << 96;
            let mut other = rand_philox::Philox::new([k0, k1], counter);
            let expected: [u32; 4] = std::array::from_fn(|_| other.next_u32());
            assert_eq!(philox([k0, k1], [a, b, k0, k1]), expected);
        }
    }
}
