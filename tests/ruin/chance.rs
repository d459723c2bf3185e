//! Random numbers that are the same each time the tests run.

use symbreak::net::philox::philox;

/// A sequence of its own for each seed.
pub struct Chance {
    seed: u32,
    drawn: u32,
}

impl Chance {
    pub fn new(seed: u32) -> Chance {
        Chance { seed, drawn: 0 }
    }

    /// A whole number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.drawn += 1;
        let [high, low, ..] = philox([self.seed, 0], [self.drawn, 0, 0, 0]);
        ((u64::from(high) << 32 | u64::from(low)) % bound as u64) as usize
    }

    /// From 0 to 1.
    pub fn share(&mut self) -> f64 {
        self.below(1 << 20) as f64 / f64::from(1 << 20)
    }
}
