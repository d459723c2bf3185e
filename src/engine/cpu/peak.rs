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

/// Spins before a thread that waits for the others yields its core: a millisecond or so.
const SPINS: u32 = 30_000;

/// Looks of one measurement, of which the best counts.
const LOOKS: usize = 50;

/// f32 multiply-adds a second (lanes, not vectors) on all threads of `pool` at once, in the widest vectors.
pub fn multiply_adds_per_second(pool: &rayon::ThreadPool) -> f64 {
    let instructions = InstructionSet::detect();
    let threads = pool.current_num_threads();
    let arrived = AtomicUsize::new(0);
    let looks = pool.broadcast(|_| {
        let look = |number: usize| {
            // All threads start together, or one would measure while another waits.
            arrived.fetch_add(1, Ordering::AcqRel);
            let mut spins = 0u32;
            while arrived.load(Ordering::Acquire) < threads * (number + 1) {
                // To yield at once would let the others start here, one after the other.
                if spins < SPINS {
                    std::hint::spin_loop();
                    spins += 1;
                } else {
                    std::thread::yield_now();
                }
            }
            let since = Instant::now();
            black_box(instructions.chains(black_box(ROUNDS)));
            (since, Instant::now())
        };
        (0..LOOKS).map(look).collect::<Vec<_>>()
    });
    let multiply_adds = threads as f64 * (instructions.lanes() * CHAINS) as f64 * f64::from(ROUNDS);
    let rate = |number: usize| {
        let start = looks.iter().map(|look| look[number].0).min();
        let end = looks.iter().map(|look| look[number].1).max();
        let seconds = start.zip(end).map_or(f64::INFINITY, |(start, end)| (end - start).as_secs_f64());
        multiply_adds / seconds
    };
    (0..LOOKS).map(rate).fold(0.0, f64::max)
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
