//! The rate of f32 multiply-adds that the processor reaches: what `symbreak bench` measures training against.

use std::hint::black_box;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::InstructionSet;
use super::lanes::{Kernel, Lanes, Portable};

/// Independent multiply-adds in flight: more than latency × units of any processor (4 or 5 × 2), and few enough for 16
/// registers.
const CHAINS: usize = 12;

/// Rounds of one look: some tenths of a millisecond, so that on a busy machine some looks are undisturbed.
const ROUNDS: u32 = 20_000;

/// Looks of one measurement.
const LOOKS: usize = 50;

/// f32 multiply-adds a second (lanes, not vectors) of all threads of `pool` together, in the widest vectors: the best look
/// of each. Looks start together, so on a quiet machine threads that share a core share it here as in training.
pub fn multiply_adds_per_second(pool: &rayon::ThreadPool) -> f64 {
    let instructions = InstructionSet::detect();
    let threads = pool.current_num_threads();
    let arrived = AtomicUsize::new(0);
    let best = pool.broadcast(|_| {
        let look = |number: usize| {
            arrived.fetch_add(1, Ordering::AcqRel);
            while arrived.load(Ordering::Acquire) < threads * (number + 1) {
                std::thread::yield_now();
            }
            let since = Instant::now();
            let lanes = black_box(instructions.chains(black_box(ROUNDS))).len();
            (lanes * CHAINS) as f64 * f64::from(ROUNDS) / since.elapsed().as_secs_f64()
        };
        (0..LOOKS).map(look).fold(0.0, f64::max)
    });
    best.into_iter().sum()
}

impl InstructionSet {
    /// The sum of all chains after `rounds` multiply-adds of each, a number per lane.
    fn chains(self, rounds: u32) -> Vec<f32> {
        match self {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => chains::<super::lanes::Avx512>(rounds),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => chains::<super::lanes::Avx2>(rounds),
            #[cfg(target_arch = "aarch64")]
            InstructionSet::Neon => chains::<super::lanes::Neon>(rounds),
            InstructionSet::Portable => chains::<Portable>(rounds),
        }
    }
}

fn chains<V: Lanes>(rounds: u32) -> Vec<f32> {
    assert!(V::is_there(), "a vector that the processor has not was chosen");
    let mut sums = vec![0.0; V::LANES];
    V::call(Chains::<V> { rounds, sums: &mut sums, vector: PhantomData });
    sums
}

/// Each chain goes on from its own last value, so nothing but its latency holds a multiply-add back. The factors keep
/// the values far from 0 and infinity.
struct Chains<'a, V> {
    rounds: u32,
    sums: &'a mut [f32],
    vector: PhantomData<V>,
}

impl<V: Lanes> Kernel for Chains<'_, V> {
    #[inline(always)]
    fn run(self) {
        let (a, b) = (V::splat(black_box(0.75)), V::splat(black_box(0.5)));
        let mut x = [b; CHAINS];
        for (i, x) in x.iter_mut().enumerate() {
            *x = V::splat(i as f32);
        }
        for _ in 0..self.rounds {
            for x in &mut x {
                *x = x.mul_add(a, b);
            }
        }
        let mut sum = x[0];
        for &x in &x[1..] {
            sum = sum + x;
        }
        sum.store(self.sums);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_of_every_chain_does_every_round() {
        let instructions = InstructionSet::detect();
        let expected = |rounds: u32| {
            let chain = |start: f32| (0..rounds).fold(start, |x, _| x.mul_add(0.75, 0.5));
            (0..CHAINS).map(|i| chain(i as f32)).reduce(|a, b| a + b).unwrap()
        };
        for rounds in [0, 1, 7] {
            let found = instructions.chains(rounds);
            assert_eq!(found, vec![expected(rounds); found.len()]);
        }
        assert_ne!(expected(7), expected(8));
    }

    #[test]
    fn the_rate_is_that_of_a_machine() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let rate = multiply_adds_per_second(&pool);
        assert!((1e5..1e14).contains(&rate), "{rate}");
    }
}
