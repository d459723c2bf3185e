//! The rate of f32 multiply-adds that the processor reaches: what `symbreak bench` measures training against.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::InstructionSet;
use super::lanes::{Lanes, MAX_LANES, Portable};

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
            black_box(instructions.chains(black_box(ROUNDS)));
            since.elapsed().as_secs_f64()
        };
        (0..LOOKS).map(look).fold(f64::INFINITY, f64::min)
    });
    let a_look = (instructions.lanes() * CHAINS) as f64 * f64::from(ROUNDS);
    best.into_iter().map(|seconds| a_look / seconds).sum()
}

impl InstructionSet {
    fn chains(self, rounds: u32) -> [f32; MAX_LANES] {
        match self {
            // SAFETY: the sets are only made by `detect`, which saw the processor's features.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => unsafe { chains_avx512(rounds) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => unsafe { chains_avx2(rounds) },
            InstructionSet::Portable => chains::<Portable>(rounds),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn chains_avx512(rounds: u32) -> [f32; MAX_LANES] {
    chains::<super::lanes::Avx512>(rounds)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn chains_avx2(rounds: u32) -> [f32; MAX_LANES] {
    chains::<super::lanes::Avx2>(rounds)
}

/// Each chain goes on from its own last value, so nothing but its latency holds a multiply-add back. The factors keep
/// the values far from 0 and infinity.
#[inline(always)]
fn chains<V: Lanes>(rounds: u32) -> [f32; MAX_LANES] {
    let (a, b) = (V::splat(black_box(0.75)), V::splat(black_box(0.5)));
    let mut x = [b; CHAINS];
    for (i, x) in x.iter_mut().enumerate() {
        *x = V::splat(i as f32);
    }
    for _ in 0..rounds {
        for x in &mut x {
            *x = x.mul_add(a, b);
        }
    }
    let mut sum = x[0];
    for &x in &x[1..] {
        sum = sum + x;
    }
    sum.store()
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
            assert_eq!(&found[..instructions.lanes()], vec![expected(rounds); instructions.lanes()]);
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
