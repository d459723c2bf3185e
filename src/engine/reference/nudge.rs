//! What stands for rounding in f32 when a run is repeated in f64.

use crate::net::philox::{Stream, philox};

/// How a rerun is disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// Every parameter is multiplied by 1 ± 2⁻²⁴ after every step: rounding as independent noise.
    Nudged,
    /// Every parameter is stored in f32 after every step, its update multiplied by 1 ± 2⁻²⁴ before: near a
    /// saddle updates of less than half an ulp are lost, step after step, which no independent noise imitates.
    Stored,
}

/// The disturbance of one rerun.
#[derive(Clone, Copy, Debug)]
pub struct Nudge {
    /// Which kind.
    pub disturbance: Disturbance,
    /// Keys the generator.
    pub rerun: u32,
    /// Seed index of the run.
    pub seed: u64,
}

/// Half an ulp of f32, relative.
const SIZE: f64 = 1.0 / (1 << 24) as f64;

impl Nudge {
    /// Disturbs `parameters` after the update from `before`; each sign is a random bit of (rerun, seed, step,
    /// parameter).
    pub fn apply(self, step: u32, before: &[f64], parameters: &mut [f64]) {
        // One block has 128 bits, so 128 signs.
        let blocks = parameters.len().div_ceil(128) as u32;
        for (block, (chunk, before)) in parameters.chunks_mut(128).zip(before.chunks(128)).enumerate() {
            let index = step.wrapping_mul(blocks).wrapping_add(block as u32);
            let counter = [self.seed as u32, (self.seed >> 32) as u32, Stream::Nudge as u32, index];
            let words = philox([self.rerun, 0], counter);
            for (bit, (parameter, before)) in chunk.iter_mut().zip(before).enumerate() {
                let up = words[bit / 32] >> (bit % 32) & 1 == 1;
                let factor = if up { 1.0 + SIZE } else { 1.0 - SIZE };
                *parameter = match self.disturbance {
                    Disturbance::Nudged => *parameter * factor,
                    Disturbance::Stored => f64::from((before + (*parameter - before) * factor) as f32),
                };
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
            Nudge { disturbance: Disturbance::Nudged, rerun, seed: 5 }.apply(
                step,
                &[1.0; 300],
                &mut parameters,
            );
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

    #[test]
    fn stored_parameters_lose_updates_under_half_an_ulp_and_keep_others() {
        let nudge = Nudge { disturbance: Disturbance::Stored, rerun: 0, seed: 5 };
        let mut parameters = [1.0 + 1e-9, 1.0 + 1e-3];
        nudge.apply(0, &[1.0, 1.0], &mut parameters);
        assert_eq!(parameters[0], 1.0);
        assert!((parameters[1] - 1.001).abs() < 1e-7 && parameters[1] == f64::from(parameters[1] as f32));
    }
}
