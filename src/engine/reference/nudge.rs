//! The nudges that stand for rounding in f32.

use crate::net::philox::{Stream, philox};

/// Which nudges a rerun gets.
#[derive(Clone, Copy, Debug)]
pub struct Nudge {
    /// Keys the generator.
    pub rerun: u32,
    /// Seed index of the run.
    pub seed: u64,
}

/// Half an ulp of f32, relative.
const SIZE: f64 = 1.0 / (1 << 24) as f64;

impl Nudge {
    /// Multiplies each parameter by 1 ± 2⁻²⁴, the sign a random bit of (rerun, seed, step, parameter).
    pub fn apply(self, step: u32, parameters: &mut [f64]) {
        // One block has 128 bits, so 128 signs.
        let blocks = parameters.len().div_ceil(128) as u32;
        for (block, chunk) in parameters.chunks_mut(128).enumerate() {
            let index = step.wrapping_mul(blocks).wrapping_add(block as u32);
            let counter = [self.seed as u32, (self.seed >> 32) as u32, Stream::Nudge as u32, index];
            let words = philox([self.rerun, 0], counter);
            for (bit, parameter) in chunk.iter_mut().enumerate() {
                let up = words[bit / 32] >> (bit % 32) & 1 == 1;
                *parameter *= if up { 1.0 + SIZE } else { 1.0 - SIZE };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nudges_are_of_the_stated_size_repeatable_and_of_both_signs() {
        let nudged = |rerun, step| {
            let mut parameters = vec![1.0; 300];
            Nudge { rerun, seed: 5 }.apply(step, &mut parameters);
            parameters
        };
        let first = nudged(0, 0);
        assert!(first.iter().all(|p| (p - 1.0).abs() == SIZE));
        let up = first.iter().filter(|p| **p > 1.0).count();
        assert!((100..200).contains(&up), "{up}");
        assert_eq!(first, nudged(0, 0));
        assert_ne!(first, nudged(0, 1));
        assert_ne!(first, nudged(1, 0));
    }
}
