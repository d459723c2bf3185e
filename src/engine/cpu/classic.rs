//! The classic net, 2-2-1 with biases on up to four samples: steps in which nothing is to be noted, one after the other in
//! one loop, all numbers in registers or next to them. The general way takes half as long again for so small a net, most
//! of it on its way around loops.
//!
//! Same operations in the same order as [`super::pass`], so the same bits: which steps come this way does not show.

#![allow(
    clippy::needless_range_loop,
    reason = "loops of fixed length over several arrays at once, to be unrolled"
)]

use super::lanes::{Kernel, Lanes};
use super::pass::{Inputs, Row, Source, TILE, Units, activate_rows};
use crate::engine::DIVERGED;
use crate::net::{Activation, Loss, Readout, Shape};

/// Parameters: two rows of two weights, two biases; two weights, a bias.
pub const PARAMETERS: usize = 9;

/// Whether a net is the classic one. Only then its parameters lie as this module takes them.
pub fn is_classic(shape: &Shape, samples: usize, loss: Loss) -> bool {
    let net = shape.inputs == 2 && shape.hidden == [2] && shape.outputs == 1 && shape.bias && !shape.skip;
    net && shape.readout == Readout::Trained && samples <= TILE && !loss.is_of_logits()
}

/// Updates from step `from` on, until step `until` or one at which there is something to note: that one is not taken.
pub struct Classic<'a, V: Lanes, const MOMENTUM: bool> {
    pub parameters: &'a mut [V; PARAMETERS],
    /// Δ of momentum; not used without.
    pub velocities: &'a mut [V; PARAMETERS],
    pub inputs: Inputs<'a>,
    pub targets: &'a [f32; TILE],
    pub norms: &'a [f32; TILE],
    pub hidden: Activation,
    pub output: Activation,
    pub loss_norm: f32,
    pub learning_rate: V,
    pub momentum: V,
    /// Lanes that train, and those of them that have not been solved, with the limit of the criterion: of the error, or of
    /// the loss.
    pub active: u64,
    pub unsolved: u64,
    pub solved_limit: V,
    pub limits_loss: bool,
    /// The largest magnitude of any parameter.
    pub largest: &'a mut V,
    pub from: u32,
    pub until: u32,
    /// The step that was come to.
    pub at: &'a mut u32,
}

impl<V: Lanes, const MOMENTUM: bool> Kernel for Classic<'_, V, MOMENTUM> {
    #[inline(always)]
    fn run(self) {
        let (mut p, mut v) = (*self.parameters, *self.velocities);
        let (mut largest, mut t, zero) = (*self.largest, self.from, V::splat(0.0));
        let (lr, momentum, active) = (self.learning_rate, self.momentum, V::mask(self.active));
        while t < self.until {
            let mut h = [[p[4]; TILE], [p[5]; TILE]];
            self.inputs.add_weighted(0, [p[0], p[2]], &mut h);
            self.inputs.add_weighted(1, [p[1], p[3]], &mut h);
            let mut slopes = [[zero; TILE]; 2];
            activate_rows(self.hidden, &mut h, &mut slopes);
            let (mut o, mut d) = ([[p[8]; TILE]], [[zero; TILE]]);
            Units(&h).add_weighted(0, [p[6]], &mut o);
            Units(&h).add_weighted(1, [p[7]], &mut o);
            activate_rows(self.output, &mut o, &mut d);

            let (mut sum, mut error) = (zero, zero);
            for s in 0..TILE {
                let e = o[0][s] - V::splat(self.targets[s]);
                if self.norms[s] != 0.0 {
                    sum = e.mul_add(e, sum);
                    error = e.magnitude(error);
                }
                d[0][s] = e * V::splat(self.norms[s]) * d[0][s];
            }
            let loss = sum * V::splat(self.loss_norm);
            let ok = V::bits(loss.magnitude(largest).less_equal(V::splat(DIVERGED as f32)));
            let measure = if self.limits_loss { loss } else { error };
            let solved = V::bits(measure.less(self.solved_limit)) & self.unsolved;
            if self.active & (!ok | solved) != 0 {
                break;
            }

            let mut deltas = [[zero; TILE]; 2];
            for u in 0..2 {
                for s in 0..TILE {
                    deltas[u][s] = p[6 + u].mul_add(d[0][s], zero) * slopes[u][s];
                }
            }
            largest = zero;
            let mut update =
                Update::<V, MOMENTUM> { p: &mut p, v: &mut v, lr, momentum, active, largest: &mut largest };
            for i in 0..2 {
                let mut g = [zero; 2];
                self.inputs.add_products(i, &deltas, &mut g);
                update.take(i, g[0]);
                update.take(2 + i, g[1]);
            }
            for u in 0..2 {
                update.take(4 + u, sum_of(&deltas[u]));
            }
            for u in 0..2 {
                let mut g = [zero];
                Units(&h).add_products(u, &d, &mut g);
                update.take(6 + u, g[0]);
            }
            update.take(8, sum_of(&d[0]));
            t += 1;
        }
        (*self.parameters, *self.velocities) = (p, v);
        (*self.largest, *self.at) = (largest, t);
    }
}

/// The parameters while they are updated.
struct Update<'a, V: Lanes, const MOMENTUM: bool> {
    p: &'a mut [V; PARAMETERS],
    v: &'a mut [V; PARAMETERS],
    lr: V,
    momentum: V,
    active: V::Mask,
    largest: &'a mut V,
}

impl<V: Lanes, const MOMENTUM: bool> Update<'_, V, MOMENTUM> {
    #[inline(always)]
    fn take(&mut self, p: usize, gradient: V) {
        let w = self.p[p];
        let moved = if MOMENTUM {
            self.v[p] = self.momentum.mul_add(self.v[p], -(self.lr * gradient));
            w + self.v[p]
        } else {
            self.lr.neg_mul_add(gradient, w)
        };
        let moved = V::select(self.active, moved, w);
        *self.largest = moved.magnitude(*self.largest);
        self.p[p] = moved;
    }
}

/// Σ over samples, one after the other.
#[inline(always)]
fn sum_of<V: Lanes>(row: &Row<V>) -> V {
    let mut sum = V::splat(0.0);
    for s in 0..TILE {
        sum = sum + row[s];
    }
    sum
}
