//! Forward, backward and gradients of one vector of networks over one tile of samples. Mirrors
//! `shaders/shared/register.wgsl.jinja`: same names, same formulas.
//!
//! Every unit goes through the same operations in the same order, however units are taken together: copies stay
//! copies bit for bit. A weight is loaded once for all samples of a tile, a sample's number once for several units.

#![allow(
    clippy::needless_range_loop,
    reason = "loops of fixed length over several arrays at once, to be unrolled"
)]

use super::functions::{activate, bce_term, cross_entropy_term, exp_neg, ln_one_plus};
use super::lanes::{Double, Kernel, Lanes};
use crate::net::{Activation, Loss};
use crate::task::Data;

/// Samples of a tile.
pub const TILE: usize = 4;

/// One number of each sample of a tile.
pub type Row<V> = [V; TILE];

/// The task, cut into tiles.
#[derive(Debug)]
pub struct Tiles {
    /// Columns of inputs: `[tile][input]`.
    columns: Vec<Column>,
    /// Targets: `[tile][output]`.
    targets: Vec<[f32; TILE]>,
    inputs: usize,
    outputs: usize,
    /// What e·φ'(z) of each sample is multiplied by to give ∂loss/∂z; 0 for those that only fill a tile up.
    norms: Vec<[f32; TILE]>,
}

/// One input of each sample of a tile.
#[derive(Clone, Copy, Debug)]
struct Column {
    values: [f32; TILE],
    /// Where all values are 0 or 1: a bit per value. Products with them are additions or nothing at all.
    bits: Option<u8>,
}

impl Tiles {
    /// The last tile is filled up with its last sample, which then counts once.
    pub fn new(data: &Data, loss: Loss) -> Tiles {
        let samples = data.samples();
        let tiles = samples.div_ceil(TILE);
        let column = |values: &[f32], width: usize, tile: usize, i: usize| -> [f32; TILE] {
            std::array::from_fn(|s| values[(tile * TILE + s).min(samples - 1) * width + i])
        };
        let each = |width: usize| (0..tiles).flat_map(move |tile| (0..width).map(move |i| (tile, i)));
        let columns = each(data.inputs).map(|(tile, i)| {
            let values = column(&data.x, data.inputs, tile, i);
            let boolean = values.iter().all(|&x| x == 0.0 || x == 1.0);
            let bits = (0..TILE).fold(0, |bits, s| bits | u8::from(values[s] == 1.0) << s);
            Column { values, bits: boolean.then_some(bits) }
        });
        let delta_norm = loss.delta_norm(samples, data.outputs) as f32;
        let norm = |tile: usize| -> [f32; TILE] {
            std::array::from_fn(|s| if tile * TILE + s < samples { delta_norm } else { 0.0 })
        };
        Tiles {
            columns: columns.collect(),
            targets: each(data.outputs).map(|(tile, o)| column(&data.y, data.outputs, tile, o)).collect(),
            inputs: data.inputs,
            outputs: data.outputs,
            norms: (0..tiles).map(norm).collect(),
        }
    }

    /// Number of tiles.
    pub fn count(&self) -> usize {
        self.norms.len()
    }

    /// One of them.
    #[inline(always)]
    pub fn tile(&self, tile: usize) -> Tile<'_> {
        Tile {
            inputs: Inputs(&self.columns[tile * self.inputs..][..self.inputs]),
            targets: &self.targets[tile * self.outputs..][..self.outputs],
            norms: &self.norms[tile],
        }
    }
}

/// Samples that go through the networks together, as many as a tile has.
pub trait Samples<V: Lanes>: Copy {
    /// What feeds the first layer.
    type Inputs: Source<V>;
    /// Their inputs.
    fn inputs(&self) -> Self::Inputs;
    /// Their targets of one output.
    fn targets(&self, output: usize) -> Row<V>;
    /// What e·φ'(z) of each is multiplied by to give ∂loss/∂z; 0 for those that only fill a tile up.
    fn norms(&self) -> &[f32; TILE];
    /// What activations of hidden units are multiplied by, `[unit of any hidden layer]`, if by anything.
    fn keep(&self) -> Option<&[Row<V>]>;
}

/// A tile of the task: every network sees the same.
#[derive(Clone, Copy)]
pub struct Tile<'a> {
    pub inputs: Inputs<'a>,
    /// One row an output.
    pub targets: &'a [[f32; TILE]],
    pub norms: &'a [f32; TILE],
}

impl<'a, V: Lanes> Samples<V> for Tile<'a> {
    type Inputs = Inputs<'a>;
    #[inline(always)]
    fn inputs(&self) -> Inputs<'a> {
        self.inputs
    }
    #[inline(always)]
    fn targets(&self, output: usize) -> Row<V> {
        let (mut row, targets) = ([V::splat(0.0); TILE], &self.targets[output]);
        for s in 0..TILE {
            row[s] = V::splat(targets[s]);
        }
        row
    }
    #[inline(always)]
    fn norms(&self) -> &[f32; TILE] {
        self.norms
    }
    #[inline(always)]
    fn keep(&self) -> Option<&[Row<V>]> {
        None
    }
}

/// A tile of an update's own: each network sees other samples, or other noise on them.
#[derive(Clone, Copy)]
pub struct OwnTile<'a, V> {
    /// One row an input.
    pub inputs: &'a [Row<V>],
    /// One row an output.
    pub targets: &'a [Row<V>],
    pub norms: &'a [f32; TILE],
    /// One row a hidden unit, where units drop out.
    pub keep: Option<&'a [Row<V>]>,
}

impl<'a, V: Lanes> Samples<V> for OwnTile<'a, V> {
    type Inputs = Units<'a, V>;
    #[inline(always)]
    fn inputs(&self) -> Units<'a, V> {
        Units(self.inputs)
    }
    #[inline(always)]
    fn targets(&self, output: usize) -> Row<V> {
        self.targets[output]
    }
    #[inline(always)]
    fn norms(&self) -> &[f32; TILE] {
        self.norms
    }
    #[inline(always)]
    fn keep(&self) -> Option<&[Row<V>]> {
        self.keep
    }
}

/// What feeds a layer.
pub trait Source<V: Lanes>: Copy {
    /// How many numbers it has for each sample.
    fn count(self) -> usize;
    /// z\[u\]\[s\] += w\[u\] · x\[i\]\[s\]
    fn add_weighted<const U: usize>(self, i: usize, w: [V; U], z: &mut [Row<V>; U]);
    /// g\[u\] += Σ over samples of d\[u\]\[s\] · x\[i\]\[s\], one after the other
    fn add_products<const U: usize>(self, i: usize, d: &[Row<V>; U], g: &mut [V; U]);
}

/// The task's inputs for a tile.
#[derive(Clone, Copy)]
pub struct Inputs<'a>(&'a [Column]);

impl<V: Lanes> Source<V> for Inputs<'_> {
    #[inline(always)]
    fn count(self) -> usize {
        self.0.len()
    }
    #[inline(always)]
    fn add_weighted<const U: usize>(self, i: usize, w: [V; U], z: &mut [Row<V>; U]) {
        let column = &self.0[i];
        match column.bits {
            Some(bits) => {
                for s in 0..TILE {
                    if bits >> s & 1 == 1 {
                        for u in 0..U {
                            z[u][s] = z[u][s] + w[u];
                        }
                    }
                }
            }
            None => {
                for s in 0..TILE {
                    let x = V::splat(column.values[s]);
                    for u in 0..U {
                        z[u][s] = w[u].mul_add(x, z[u][s]);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn add_products<const U: usize>(self, i: usize, d: &[Row<V>; U], g: &mut [V; U]) {
        let column = &self.0[i];
        match column.bits {
            Some(bits) => {
                for s in 0..TILE {
                    if bits >> s & 1 == 1 {
                        for u in 0..U {
                            g[u] = g[u] + d[u][s];
                        }
                    }
                }
            }
            None => {
                for s in 0..TILE {
                    let x = V::splat(column.values[s]);
                    for u in 0..U {
                        g[u] = d[u][s].mul_add(x, g[u]);
                    }
                }
            }
        }
    }
}

/// The activations of the layer below.
#[derive(Clone, Copy)]
pub struct Units<'a, V>(pub &'a [Row<V>]);

impl<V: Lanes> Source<V> for Units<'_, V> {
    #[inline(always)]
    fn count(self) -> usize {
        self.0.len()
    }
    #[inline(always)]
    fn add_weighted<const U: usize>(self, i: usize, w: [V; U], z: &mut [Row<V>; U]) {
        let h = &self.0[i];
        for u in 0..U {
            for s in 0..TILE {
                z[u][s] = w[u].mul_add(h[s], z[u][s]);
            }
        }
    }

    #[inline(always)]
    fn add_products<const U: usize>(self, i: usize, d: &[Row<V>; U], g: &mut [V; U]) {
        let h = &self.0[i];
        for s in 0..TILE {
            for u in 0..U {
                g[u] = d[u][s].mul_add(h[s], g[u]);
            }
        }
    }
}

/// Evaluates `$block` for stretches of `$count` units that begin at `$first`, `$U` units each: as many as registers hold
/// together.
macro_rules! blocks {
    ($V:ident, $count:expr, |$first:ident, $U:ident| $block:expr) => {{
        let (mut $first, count) = (0, $count);
        if $V::UNITS >= 4 {
            const $U: usize = 4;
            while $first + $U <= count {
                $block;
                $first += $U;
            }
        }
        if $V::UNITS >= 2 {
            const $U: usize = 2;
            while $first + $U <= count {
                $block;
                $first += $U;
            }
        }
        const $U: usize = 1;
        while $first < count {
            $block;
            $first += $U;
        }
    }};
}

/// Vector by vector, from registers.
#[expect(clippy::manual_memcpy, reason = "copies of whole rows become calls")]
#[inline(always)]
fn write_rows<V: Lanes>(to: &mut [Row<V>], from: &[Row<V>]) {
    for (to, from) in to.iter_mut().zip(from) {
        for s in 0..TILE {
            to[s] = from[s];
        }
    }
}

/// z = b + Σ w·x of every unit of a layer.
pub struct Sums<'a, V, S, I> {
    /// `[unit][input]`
    pub weights: &'a [V],
    pub inputs: usize,
    pub source: S,
    pub biases: Option<&'a [V]>,
    /// Weights of connections that skip the layers between, `[unit][input]`, and what they come from.
    pub skip: Option<(&'a [V], I)>,
    /// Where they go.
    pub z: &'a mut [Row<V>],
}

impl<V: Lanes, S: Source<V>, I: Source<V>> Kernel for Sums<'_, V, S, I> {
    #[inline(always)]
    fn run(self) {
        blocks!(V, self.z.len(), |u, U| {
            let mut sums = [[V::splat(0.0); TILE]; U];
            self.block(u, &mut sums);
            write_rows(&mut self.z[u..u + U], &sums);
        });
    }
}

impl<V: Lanes, S: Source<V>, I: Source<V>> Sums<'_, V, S, I> {
    /// z of units `first` and those after it.
    #[inline(always)]
    fn block<const U: usize>(&self, first: usize, z: &mut [Row<V>; U]) {
        // Loops, here and below: a closure, as of `from_fn`, is compiled for the baseline instruction set.
        if let Some(biases) = self.biases {
            let biases = &biases[first..first + U];
            for u in 0..U {
                for s in 0..TILE {
                    z[u][s] = biases[u];
                }
            }
        }
        let mut rows = [self.weights; U];
        for u in 0..U {
            rows[u] = &self.weights[(first + u) * self.inputs..][..self.inputs];
        }
        for i in 0..self.inputs {
            let mut w = [V::splat(0.0); U];
            for u in 0..U {
                w[u] = rows[u][i];
            }
            self.source.add_weighted(i, w, z);
        }
        if let Some((weights, inputs)) = self.skip {
            let count = inputs.count();
            for i in 0..count {
                let mut w = [V::splat(0.0); U];
                for u in 0..U {
                    w[u] = weights[(first + u) * count + i];
                }
                inputs.add_weighted(i, w, z);
            }
        }
    }
}

/// z → h in place, φ'(z) beside it.
pub struct Activate<'a, V> {
    pub activation: Activation,
    pub rows: &'a mut [Row<V>],
    pub slopes: &'a mut [Row<V>],
}

impl<V: Lanes> Kernel for Activate<'_, V> {
    #[inline(always)]
    fn run(self) {
        activate_rows(self.activation, self.rows, self.slopes);
    }
}

/// z → h in place, φ'(z) beside it.
#[inline(always)]
pub fn activate_rows<V: Lanes>(activation: Activation, rows: &mut [Row<V>], slopes: &mut [Row<V>]) {
    // One loop per function, so that the choice is made once a layer.
    macro_rules! each {
        ($($variant:ident)+) => {
            match activation {
                $(Activation::$variant => {
                    for (row, slopes) in rows.iter_mut().zip(slopes) {
                        activate_row(Activation::$variant, row, slopes);
                    }
                })+
            }
        };
    }
    each!(Logistic Tanh Relu LeakyRelu Elu Softplus Gelu Silu Erf Sin Abs Linear)
}

/// φ and φ' of a row. As many registers as there are go in together: the samples are independent of each other, and a
/// processor that looks only so far ahead must meet them side by side.
#[inline(always)]
fn activate_row<V: Lanes>(activation: Activation, row: &mut Row<V>, slopes: &mut Row<V>) {
    let z = *row;
    if V::UNITS >= 4 {
        let (a, b) = activate(activation, Double(Double(z[0], z[1]), Double(z[2], z[3])));
        *row = [a.0.0, a.0.1, a.1.0, a.1.1];
        *slopes = [b.0.0, b.0.1, b.1.0, b.1.1];
    } else if V::UNITS >= 2 {
        for s in [0, 2] {
            let (a, b) = activate(activation, Double(z[s], z[s + 1]));
            (row[s], row[s + 1]) = (a.0, a.1);
            (slopes[s], slopes[s + 1]) = (b.0, b.1);
        }
    } else {
        for s in 0..TILE {
            (row[s], slopes[s]) = activate(activation, z[s]);
        }
    }
}

/// Hidden units drop out: h and φ' are 0 then, whatever they were, and a multiple of themselves otherwise.
pub struct DropOut<'a, V> {
    pub rows: &'a mut [Row<V>],
    pub slopes: &'a mut [Row<V>],
    /// The multiples, and 0.
    pub keep: &'a [Row<V>],
}

impl<V: Lanes> Kernel for DropOut<'_, V> {
    #[inline(always)]
    fn run(self) {
        let zero = V::splat(0.0);
        for ((row, slopes), keep) in self.rows.iter_mut().zip(self.slopes).zip(self.keep) {
            for s in 0..TILE {
                let kept = zero.less(keep[s]);
                row[s] = V::select(kept, keep[s] * row[s], zero);
                slopes[s] = V::select(kept, keep[s] * slopes[s], zero);
            }
        }
    }
}

/// From the logits of all outputs to p = eᶻ / Σ eᶻ in place, and ln p beside it. No logit overflows; one that is a NaN makes
/// all of its sample NaN.
pub struct Softmax<'a, V> {
    pub outputs: &'a mut [Row<V>],
    pub logs: &'a mut [Row<V>],
}

impl<V: Lanes> Kernel for Softmax<'_, V> {
    #[inline(always)]
    fn run(self) {
        let count = self.outputs.len();
        for s in 0..TILE {
            let (mut largest, mut at) = (V::splat(f32::NEG_INFINITY), V::splat(0.0));
            for o in 0..count {
                let z = self.outputs[o][s];
                let larger = largest.less(z);
                largest = V::select(larger, z, largest);
                at = V::select(larger, V::splat(o as f32), at);
            }
            // Without the largest, whose part is 1: of a confident output the others together are under an ulp of it.
            let mut others = V::splat(0.0);
            for o in 0..count {
                let (z, here) = (self.outputs[o][s], V::splat(o as f32));
                let part = exp_neg((largest - z).at_most(V::splat(87.0)));
                let other = V::differ(at.less(here), here.less(at));
                others = others + V::select(other, part, V::splat(0.0));
                self.logs[o][s] = z - largest;
                self.outputs[o][s] = part;
            }
            let (log, share) = (ln_one_plus(others, count - 1), V::splat(1.0) / (V::splat(1.0) + others));
            for o in 0..count {
                self.logs[o][s] = self.logs[o][s] - log;
                self.outputs[o][s] = self.outputs[o][s] * share;
            }
        }
    }
}

/// From outputs to their part of the loss, their errors and ∂loss/∂z.
pub struct Errors<'a, V, T> {
    pub samples: T,
    pub loss: Loss,
    /// o, and of a loss of logits z or ln p.
    pub outputs: &'a [Row<V>],
    pub logits: &'a [Row<V>],
    /// From φ'(z) to ∂loss/∂z, in place.
    pub deltas: &'a mut [Row<V>],
    /// Sum of the loss's terms.
    pub loss_sum: &'a mut V,
    /// Largest |o − y|.
    pub error: &'a mut V,
}

impl<V: Lanes, T: Samples<V>> Kernel for Errors<'_, V, T> {
    #[inline(always)]
    fn run(self) {
        let norms = self.samples.norms();
        let (mut sum, mut error) = (*self.loss_sum, *self.error);
        for (o, output) in self.outputs.iter().enumerate() {
            let (targets, delta) = (self.samples.targets(o), &mut self.deltas[o]);
            for s in 0..TILE {
                let y = targets[s];
                let e = output[s] - y;
                // A sample that only fills the tile up counts for nothing.
                if norms[s] != 0.0 {
                    sum = match self.loss {
                        Loss::Mse | Loss::HalfSse => e.mul_add(e, sum),
                        Loss::Bce => sum + bce_term(self.logits[o][s], y),
                        Loss::CrossEntropy => sum + cross_entropy_term(self.logits[o][s], y),
                    };
                    error = e.magnitude(error);
                }
                let scaled = e * V::splat(norms[s]);
                delta[s] = match self.loss {
                    Loss::Mse | Loss::HalfSse => scaled * delta[s],
                    Loss::Bce | Loss::CrossEntropy => scaled,
                };
            }
        }
        (*self.loss_sum, *self.error) = (sum, error);
    }
}

/// From φ'(z) to ∂loss/∂z of a layer, in place: times Σ over units above of w·∂loss/∂z.
pub struct PullBack<'a, V> {
    pub deltas: &'a mut [Row<V>],
    pub above: &'a [Row<V>],
    /// `[unit above][unit]`
    pub weights: &'a [V],
}

impl<V: Lanes> Kernel for PullBack<'_, V> {
    #[inline(always)]
    fn run(self) {
        let PullBack { deltas, above, weights } = self;
        let units = deltas.len();
        blocks!(V, units, |u, U| {
            let mut d = [[V::splat(0.0); TILE]; U];
            pull_back_block(u, units, &deltas[u..u + U], above, weights, &mut d);
            write_rows(&mut deltas[u..u + U], &d);
        });
    }
}

#[inline(always)]
fn pull_back_block<V: Lanes, const U: usize>(
    first: usize,
    units: usize,
    slopes: &[Row<V>],
    above: &[Row<V>],
    weights: &[V],
    sums: &mut [Row<V>; U],
) {
    for (k, d) in above.iter().enumerate() {
        let w = &weights[k * units + first..][..U];
        for u in 0..U {
            for s in 0..TILE {
                sums[u][s] = w[u].mul_add(d[s], sums[u][s]);
            }
        }
    }
    for u in 0..U {
        for s in 0..TILE {
            sums[u][s] = sums[u][s] * slopes[u][s];
        }
    }
}

/// Where gradients go.
pub trait Sink<V: Lanes> {
    /// Whether parameters change.
    const MOVES: bool;
    /// The parameters, in layout order, as far as they have changed.
    fn parameters(&self) -> &[V];
    /// What the sum over this tile begins with for parameter `p`: 0, or the sum over the tiles before.
    fn start(&self, p: usize) -> V;
    /// Takes the sum; gives the parameter as it now is.
    fn take(&mut self, p: usize, gradient: V) -> V;
}

/// Where a layer's parameters lie in the layout.
#[derive(Clone, Copy)]
pub struct Place {
    pub weights: Option<usize>,
    pub biases: Option<usize>,
    pub inputs: usize,
}

/// Σ over samples of ∂loss/∂z · x for every weight of a layer, of ∂loss/∂z for every bias.
pub struct Gradients<'a, V, S, K> {
    pub place: Place,
    /// ∂loss/∂z; φ'(z) where `above` is given.
    pub deltas: &'a [Row<V>],
    pub source: S,
    /// For the first layer its pull back is done in the same go: nothing else needs its ∂loss/∂z, which so never leave
    /// the registers.
    pub above: Option<Above<'a, V>>,
    pub sink: &'a mut K,
    /// The largest magnitude of all parameters that have changed so far.
    pub largest: &'a mut V,
}

/// The layer above the first, whose weights have not changed yet.
pub struct Above<'a, V> {
    pub deltas: &'a [Row<V>],
    /// Offset of its weights in the layout; `None` where all are 1.
    pub weights: Option<usize>,
    /// As many ones as there are weights that are 1.
    pub ones: &'a [V],
}

impl<V: Lanes, S: Source<V>, K: Sink<V>> Kernel for Gradients<'_, V, S, K> {
    #[inline(always)]
    fn run(self) {
        let Gradients { place, deltas, source, above, sink, largest: result } = self;
        let units = deltas.len();
        // On its own here it stays in a register; in the sink it would go through memory at every parameter.
        let mut largest = *result;
        blocks!(V, units, |u, U| {
            let mut d = [[V::splat(0.0); TILE]; U];
            match &above {
                Some(above) => {
                    let weights = match above.weights {
                        Some(w) => &sink.parameters()[w..][..above.deltas.len() * units],
                        None => above.ones,
                    };
                    pull_back_block(u, units, &deltas[u..u + U], above.deltas, weights, &mut d);
                }
                None => write_rows(&mut d, &deltas[u..u + U]),
            }
            gradients_block::<V, U, _, _>(u, &d, place, source, sink, &mut largest);
        });
        *result = largest;
    }
}

#[inline(always)]
fn gradients_block<V: Lanes, const U: usize, S: Source<V>, K: Sink<V>>(
    first: usize,
    d: &[Row<V>; U],
    place: Place,
    source: S,
    sink: &mut K,
    largest: &mut V,
) {
    let inputs = place.inputs;
    if let Some(w) = place.weights {
        let at = w + first * inputs;
        for i in 0..inputs {
            let mut g = [V::splat(0.0); U];
            for u in 0..U {
                g[u] = sink.start(at + u * inputs + i);
            }
            source.add_products(i, d, &mut g);
            for u in 0..U {
                let moved = sink.take(at + u * inputs + i, g[u]);
                if K::MOVES {
                    *largest = moved.magnitude(*largest);
                }
            }
        }
    }
    if let Some(b) = place.biases {
        for u in 0..U {
            let mut g = sink.start(b + first + u);
            for s in 0..TILE {
                g = g + d[u][s];
            }
            let moved = sink.take(b + first + u, g);
            if K::MOVES {
                *largest = moved.magnitude(*largest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::cpu::lanes::Portable;
    use crate::net::init::uniform;
    use crate::net::loss::log_softmax;
    use crate::net::philox::{Stream, words};

    const OUTPUTS: usize = 5;

    /// `[sample][output]`
    type Samples = Vec<[f32; OUTPUTS]>;

    /// ln p and p of samples, whose number is a multiple of that of a tile of 32 lanes.
    fn softmax<V: Lanes>(samples: &[[f32; OUTPUTS]]) -> (Samples, Samples) {
        let (mut logs, mut shares) = (samples.to_vec(), samples.to_vec());
        for first in (0..samples.len()).step_by(TILE * V::LANES) {
            let mut rows = [[V::splat(0.0); TILE]; OUTPUTS];
            for (o, row) in rows.iter_mut().enumerate() {
                for (s, z) in row.iter_mut().enumerate() {
                    let lane = |lane: usize| samples[first + s * V::LANES + lane][o];
                    *z = V::load(&(0..V::LANES).map(lane).collect::<Vec<f32>>());
                }
            }
            let mut log_rows = rows;
            V::call(Softmax { outputs: &mut rows, logs: &mut log_rows });
            for (rows, to) in [(rows, &mut shares), (log_rows, &mut logs)] {
                for (o, row) in rows.iter().enumerate() {
                    for (s, &number) in row.iter().enumerate() {
                        let mut numbers = vec![0.0; V::LANES];
                        number.store(&mut numbers);
                        for (lane, number) in numbers.into_iter().enumerate() {
                            to[first + s * V::LANES + lane][o] = number;
                        }
                    }
                }
            }
        }
        (logs, shares)
    }

    /// What each instruction set of this processor makes of it.
    fn everywhere(samples: &[[f32; OUTPUTS]]) -> Vec<(&'static str, Samples, Samples)> {
        let of = |name, (logs, shares)| (name, logs, shares);
        let mut results = vec![of("portable", softmax::<Portable>(samples))];
        #[cfg(target_arch = "x86_64")]
        {
            use crate::engine::cpu::lanes::{Avx2, Avx512};
            if Avx2::is_there() {
                results.push(of("AVX2", softmax::<Double<Avx2>>(samples)));
            }
            if Avx512::is_there() {
                results.push(of("AVX-512", softmax::<Double<Avx512>>(samples)));
            }
        }
        #[cfg(target_arch = "aarch64")]
        results.push(of("NEON", softmax::<Double<crate::engine::cpu::lanes::Neon>>(samples)));
        results
    }

    /// Distance in ulp of `want`; a NaN is infinitely far.
    fn ulps(got: f32, want: f64) -> f64 {
        let ulp = f64::from((want as f32).abs().next_up() - (want as f32).abs());
        let distance = (f64::from(got) - want).abs() / ulp;
        if distance.is_nan() { f64::INFINITY } else { distance }
    }

    /// For a logit x under the largest e^−x is good to (2.5 + x / 25) ulp, and its x to 2⁻²⁴ of itself, which may be x ulp
    /// of e^−x; some more for the sum and the logarithm. The ln p of the largest is as precise, relative to itself, as the
    /// part of the others: of the next. The twin's logits are a little off.
    #[test]
    fn softmax_is_within_its_bound() {
        let logit = |i: usize, scale: f32| scale * uniform(words(5, 0, Stream::Noise, i as u32)[0]);
        let sample = |s: usize| std::array::from_fn(|o| logit(s * OUTPUTS + o, [1.0, 8.0, 40.0][s % 3]));
        let samples: Samples = (0..128 * 90).map(sample).collect();
        for (on, logs, shares) in everywhere(&samples) {
            let worst = |off: f64| {
                let mut worst = 0f64;
                for ((z, log), share) in samples.iter().zip(&logs).zip(&shares) {
                    let mut exact = z.map(|z| f64::from(z) * (1.0 + off));
                    log_softmax(&mut exact);
                    for o in 0..OUTPUTS {
                        let others = (0..OUTPUTS).filter(|&other| other != o).map(|other| exact[other]);
                        let next = others.fold(f64::NEG_INFINITY, f64::max);
                        let far = if next < exact[o] { exact[o] - next } else { 0.0 };
                        worst = worst.max(ulps(share[o], exact[o].exp()) / (6.0 - 1.1 * exact[o]));
                        worst = worst.max(ulps(log[o], exact[o]) / (6.0 + 1.1 * far));
                    }
                }
                worst
            };
            assert!(worst(0.0) <= 1.0, "{on}: {} of the bound", worst(0.0));
            assert!(worst(1e-5) > 1.0, "{on}: the perturbed twin passed");
        }
    }

    #[test]
    fn no_logit_overflows_and_a_nan_stays_one() {
        let mut samples = vec![[0.0; OUTPUTS]; 128];
        samples[1] = [1e4, -1e4, 0.0, 0.0, 9e3];
        samples[2] = [-3e38, 3e38, 0.0, 1.0, 2.0];
        samples[3] = [0.0, 1.0, f32::NAN, 2.0, 0.5];
        samples[4] = [f32::NAN, 1.0, 1.0, 2.0, 0.5];
        for (on, logs, shares) in everywhere(&samples) {
            assert!(shares[0].iter().all(|&p| (p - 0.2).abs() < 1e-7), "{on}: {:?}", shares[0]);
            for (s, largest) in [(1, 0), (2, 1)] {
                for o in 0..OUTPUTS {
                    let want = f32::from(u8::from(o == largest));
                    assert!((shares[s][o] - want).abs() < 1e-30, "{on}: {:?}", shares[s]);
                    assert!(
                        logs[s][o] <= 0.0 && (o == largest) == (logs[s][o] > -1e-30),
                        "{on}: {:?}",
                        logs[s]
                    );
                }
            }
            for s in [3, 4] {
                assert!(logs[s].iter().chain(&shares[s]).all(|x| x.is_nan()), "{on}: {:?}", logs[s]);
            }
        }
    }

    #[test]
    fn what_drops_out_is_zero_whatever_it_was() {
        let [inf, nan] = [f32::INFINITY, f32::NAN].map(Portable::splat);
        let [zero, one, twice] = [0.0, 1.0, 2.0].map(Portable::splat);
        let (mut rows, mut slopes) = ([[inf, nan, one, one]], [[nan, inf, one, one]]);
        Portable::call(DropOut { rows: &mut rows, slopes: &mut slopes, keep: &[[zero, zero, zero, twice]] });
        for row in [rows[0], slopes[0]] {
            let mut numbers = [0.0; TILE * Portable::LANES];
            for (to, number) in numbers.chunks_exact_mut(Portable::LANES).zip(row) {
                number.store(to);
            }
            let first: Vec<f32> = numbers.iter().step_by(Portable::LANES).copied().collect();
            assert_eq!(first, [0.0, 0.0, 0.0, 2.0]);
        }
    }
}
