//! The random numbers of training, for all lanes at once. Mirrors `net/noise.rs`, by whose functions they are computed:
//! the same bits as everywhere.

#![allow(
    clippy::needless_range_loop,
    reason = "loops of fixed length over several arrays at once, to be unrolled"
)]

use super::lanes::{Lanes, MAX_LANES};
use crate::engine::Run;
use crate::net::init;
use crate::net::noise::{self, run_key};
use crate::net::philox::Stream;

/// A word for each lane.
pub type Words = [u32; MAX_LANES];

/// The keys of one stream: the first word of each lane's, and the second.
#[derive(Clone, Copy, Debug)]
pub struct Keys([Words; 2]);

impl Keys {
    /// Of `runs`, one a lane; lanes without one repeat the last.
    pub fn new(runs: &[Run], stream: Stream) -> Keys {
        let mut keys = Keys([[0; MAX_LANES]; 2]);
        for lane in 0..MAX_LANES {
            let run = &runs[lane.min(runs.len() - 1)];
            let [first, second] = run_key(run.master, run.seed, stream);
            (keys.0[0][lane], keys.0[1][lane]) = (first, second);
        }
        keys
    }
}

/// The four words of block `index` of step (or epoch) `step`. One loop of independent lanes, so that the compiler makes
/// vectors of it.
#[inline(always)]
pub fn block<V: Lanes>(keys: &Keys, step: u32, index: &Words) -> [Words; 4] {
    let mut block = [[0; MAX_LANES]; 4];
    let Keys([first, second]) = keys;
    for lane in 0..V::LANES {
        let words = noise::block([first[lane], second[lane]], step, index[lane]);
        (block[0][lane], block[1][lane], block[2][lane], block[3][lane]) =
            (words[0], words[1], words[2], words[3]);
    }
    block
}

/// The words of a step from number `from` of each lane on, as if its blocks were one row of words.
#[inline(always)]
pub fn stretch<V: Lanes>(keys: &Keys, step: u32, from: &Words, words: &mut [Words]) {
    let (mut index, mut offset) = ([0; MAX_LANES], [0; MAX_LANES]);
    let (mut nearest, mut farthest) = (4, 0);
    for lane in 0..V::LANES {
        (index[lane], offset[lane]) = (from[lane] / 4, from[lane] % 4);
        nearest = offset[lane].min(nearest);
        farthest = offset[lane].max(farthest);
    }
    let mut first = 0;
    while first < words.len() + farthest as usize {
        let block = block::<V>(keys, step, &index);
        // A word before the first one asked for is taken for one far beyond the last.
        for (j, numbers) in block.iter().enumerate() {
            if nearest == farthest {
                if let Some(words) = words.get_mut((first + j).wrapping_sub(farthest as usize)) {
                    *words = *numbers;
                }
                continue;
            }
            for lane in 0..V::LANES {
                if let Some(words) = words.get_mut((first + j).wrapping_sub(offset[lane] as usize)) {
                    words[lane] = numbers[lane];
                }
            }
        }
        for lane in 0..V::LANES {
            index[lane] += 1;
        }
        first += 4;
    }
}

/// Standard normal numbers, each from two words.
#[inline(always)]
pub fn normal<V: Lanes>(radius: &Words, angle: &Words) -> V {
    let mut numbers = [0.0; MAX_LANES];
    for lane in 0..V::LANES {
        numbers[lane] = init::normal(radius[lane], angle[lane]);
    }
    V::load(&numbers[..V::LANES])
}

/// Numbers in [0, 1), each from a word.
#[inline(always)]
pub fn unit<V: Lanes>(words: &Words) -> V {
    let mut numbers = [0.0; MAX_LANES];
    for lane in 0..V::LANES {
        numbers[lane] = noise::unit(words[lane]);
    }
    V::load(&numbers[..V::LANES])
}
