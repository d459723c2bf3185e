//! What an update sees where that is not the task itself: a part of the samples, in an order of each network's own, with
//! noise on inputs and units that drop out. The twin of `reference/minibatch.rs`.

#![allow(
    clippy::needless_range_loop,
    reason = "loops of fixed length over several arrays at once, to be unrolled"
)]

use super::lanes::{Kernel, Lanes, MAX_LANES};
use super::noise::{Keys, Words, normal, stretch, unit};
use super::pass::{OwnTile, Row, TILE};
use super::train::per_lane;
use crate::engine::{Program, Run};
use crate::net::noise::partner;
use crate::net::philox::Stream;

/// The samples of updates, tile by tile.
pub struct Minibatches<'a, V> {
    program: &'a Program,
    /// Samples of a batch but the last of an epoch, which may be shorter.
    size: usize,
    hidden: usize,
    /// `[place][lane]`: the order in which samples come in this epoch.
    order: Vec<Words>,
    order_keys: Keys,
    input_keys: Keys,
    dropout_keys: Keys,
    /// Standard deviation of the noise on inputs.
    input_noise: V,
    /// Probability that a unit drops out, and 1 / (1 − p).
    dropout: V,
    kept: V,
    /// The present batch: its step, its first place in the order and the number of its samples.
    step: u32,
    first: usize,
    count: usize,
    /// The present tile, as [`OwnTile`] has it.
    inputs: Vec<Row<V>>,
    targets: Vec<Row<V>>,
    norms: [f32; TILE],
    keep: Vec<Row<V>>,
    /// Room for random words.
    words: Vec<Words>,
}

impl<'a, V: Lanes> Minibatches<'a, V> {
    pub fn new(program: &'a Program, runs: &[Run]) -> Self {
        let samples = program.data.samples();
        let hidden = program.shape.hidden.iter().sum();
        let setting = |get: fn(&Run) -> f64| per_lane(|lane| get(&runs[lane.min(runs.len() - 1)]) as f32);
        let rows = |count: usize| vec![[V::splat(0.0); TILE]; count];
        let size = program.batch.map_or(samples, |batch| batch as usize);
        Minibatches {
            program,
            size,
            hidden,
            order: (0..samples as u32).map(|sample| [sample; MAX_LANES]).collect(),
            order_keys: Keys::new(runs, Stream::Order),
            input_keys: Keys::new(runs, Stream::Input),
            dropout_keys: Keys::new(runs, Stream::Dropout),
            input_noise: setting(|run| run.input_noise),
            dropout: setting(|run| run.dropout),
            kept: setting(|run| 1.0 / (1.0 - run.dropout)),
            step: 0,
            first: 0,
            count: size,
            inputs: rows(program.data.inputs),
            targets: rows(program.data.outputs),
            norms: [0.0; TILE],
            keep: rows(if program.noise.dropout { hidden } else { 0 }),
            words: vec![[0; MAX_LANES]; (samples - 1).max(2 * program.data.inputs).max(hidden)],
        }
    }

    /// Goes to the batch of update `step`. Steps come one after the other, from 0 on.
    #[inline(always)]
    pub fn go_to(&mut self, step: u32) {
        let samples = self.order.len();
        let per_epoch = self.program.steps_per_epoch();
        let place = (step % per_epoch) as usize;
        if self.program.batch.is_some() && place == 0 {
            V::call(Shuffle::<V> { minibatches: self, epoch: step / per_epoch });
        }
        (self.step, self.first) = (step, place * self.size);
        self.count = self.size.min(samples - self.first);
    }

    /// Tiles of the present batch.
    pub fn tiles(&self) -> usize {
        self.count.div_ceil(TILE)
    }

    /// One tile of the present batch.
    #[inline(always)]
    pub fn tile(&mut self, tile: usize) -> OwnTile<'_, V> {
        let norm = self.program.loss.delta_norm(self.count, self.program.data.outputs) as f32;
        for s in 0..TILE {
            self.norms[s] = if tile * TILE + s < self.count { norm } else { 0.0 };
        }
        V::call(Draw { minibatches: self, tile });
        let keep = if self.program.noise.dropout { Some(&self.keep[..]) } else { None };
        OwnTile { inputs: &self.inputs, targets: &self.targets, norms: &self.norms, keep }
    }
}

/// The order of an epoch.
struct Shuffle<'m, 'a, V> {
    minibatches: &'m mut Minibatches<'a, V>,
    epoch: u32,
}

impl<V: Lanes> Kernel for Shuffle<'_, '_, V> {
    #[inline(always)]
    fn run(self) {
        let Minibatches { order, order_keys, words, .. } = self.minibatches;
        for (sample, order) in order.iter_mut().enumerate() {
            *order = [sample as u32; MAX_LANES];
        }
        // One sample at least: a batch has fewer than there are.
        let last = order.len() - 1;
        let words = &mut words[..last];
        stretch::<V>(order_keys, self.epoch, &[0; MAX_LANES], words);
        for (draw, words) in words.iter().enumerate() {
            let j = last - draw;
            for lane in 0..V::LANES {
                let k = partner(words[lane], j);
                (order[j][lane], order[k][lane]) = (order[k][lane], order[j][lane]);
            }
        }
    }
}

/// Inputs, targets and dropout of a tile. Samples that only fill it up repeat the batch's last one.
struct Draw<'m, 'a, V> {
    minibatches: &'m mut Minibatches<'a, V>,
    tile: usize,
}

impl<V: Lanes> Kernel for Draw<'_, '_, V> {
    #[inline(always)]
    fn run(self) {
        let m = self.minibatches;
        let (data, noise, zero) = (&m.program.data, m.program.noise, V::splat(0.0));
        for s in 0..TILE {
            let place = self.tile * TILE + s;
            if place >= m.count {
                repeat(s, &mut m.inputs);
                repeat(s, &mut m.targets);
                repeat(s, &mut m.keep);
                continue;
            }
            let samples = m.order[m.first + place];
            gather(&data.x, data.inputs, &samples, s, &mut m.inputs);
            gather(&data.y, data.outputs, &samples, s, &mut m.targets);
            if noise.input {
                let words = &mut m.words[..2 * data.inputs];
                stretch::<V>(&m.input_keys, m.step, &times(&samples, words.len()), words);
                for i in 0..data.inputs {
                    let normal = normal::<V>(&words[2 * i], &words[2 * i + 1]);
                    m.inputs[i][s] = m.input_noise.mul_add(normal, m.inputs[i][s]);
                }
            }
            if noise.dropout {
                let words = &mut m.words[..m.hidden];
                stretch::<V>(&m.dropout_keys, m.step, &times(&samples, words.len()), words);
                for u in 0..m.hidden {
                    m.keep[u][s] = V::select(unit::<V>(&words[u]).less(m.dropout), zero, m.kept);
                }
            }
        }
    }
}

/// Each lane's first word of a sample that has `count` of them.
#[inline(always)]
fn times(samples: &Words, count: usize) -> Words {
    let mut first = [0; MAX_LANES];
    for lane in 0..MAX_LANES {
        first[lane] = samples[lane].wrapping_mul(count as u32);
    }
    first
}

/// Repeats in place `s` what is in the place before: the first place of a tile is never one to fill up.
#[inline(always)]
fn repeat<V: Lanes>(s: usize, rows: &mut [Row<V>]) {
    for row in rows {
        row[s] = row[s - 1];
    }
}

/// Takes the numbers of each lane's own sample, of `[sample][number]`, into place `s` of a row a number.
#[inline(always)]
fn gather<V: Lanes>(from: &[f32], width: usize, samples: &Words, s: usize, rows: &mut [Row<V>]) {
    for (i, row) in rows.iter_mut().enumerate() {
        let mut numbers = [0.0; MAX_LANES];
        for lane in 0..V::LANES {
            numbers[lane] = from[samples[lane] as usize * width + i];
        }
        row[s] = V::load(&numbers[..V::LANES]);
    }
}
