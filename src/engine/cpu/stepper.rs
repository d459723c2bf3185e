//! From a gradient to an update, for what the gradients' own loop does not do at once: optimizers with more state, rates
//! per layer, noise on gradients, missing connections. The twin of `reference/stepper.rs`.

#![allow(
    clippy::needless_range_loop,
    reason = "loops of fixed length over several arrays at once, to be unrolled"
)]

use super::lanes::{Kernel, Lanes, MAX_LANES};
use super::noise::{Keys, block, normal};
use super::train::per_lane;
use crate::engine::{Program, Run};
use crate::net::Optimizer;
use crate::net::noise::is_missing;
use crate::net::philox::Stream;

/// The optimizer of a vector of networks, with what it keeps for each parameter.
pub struct Stepper<V> {
    optimizer: Optimizer,
    is_weight: Vec<bool>,
    feeds_output: Vec<bool>,
    /// Learning rate of parameters that feed hidden units, and of those that feed outputs.
    rates: [V; 2],
    weight_decay: V,
    momentum: V,
    /// 1 − β₁ of Adam.
    first: Average<V>,
    /// 1 − β₂ of Adam, 1 − ρ of RMSprop.
    second: Average<V>,
    epsilon: V,
    /// Keys and standard deviation of the noise on gradients, if there is any.
    noise: Option<(Keys, V)>,
    /// A bit per lane for each parameter: whether it is a connection that is not there. Empty where all are.
    missing: Vec<u64>,
    /// As [`Optimizer::slots`] says, `[slot][parameter]`.
    slots: Vec<V>,
}

/// An average ā ← βā + (1 − β)a that begins at 0.
struct Average<V> {
    /// 1 − β. The average is taken as ā − (1 − β)ā + (1 − β)a: f32 tells a β near 1 from 1, and from others, by 1 − β only.
    rest: V,
    /// β and βᵗ of each lane. 1 − βᵗ of the first steps would lose most of f32's digits.
    beta: [f64; MAX_LANES],
    power: [f64; MAX_LANES],
}

impl<V: Lanes> Average<V> {
    fn new(runs: &[Run], beta: fn(&Run) -> f64) -> Self {
        let of = |lane: usize| beta(&runs[lane.min(runs.len() - 1)]);
        Average {
            rest: per_lane(|lane| (1.0 - of(lane)) as f32),
            beta: std::array::from_fn(of),
            power: [1.0; MAX_LANES],
        }
    }

    /// ā with a in it.
    #[inline(always)]
    fn with(&self, average: V, number: V) -> V {
        self.rest.mul_add(number, self.rest.neg_mul_add(average, average))
    }

    /// One step on: 1 / (1 − βᵗ), which takes away that the average begins at 0, or the square root of that.
    #[inline(always)]
    fn next_bias<const ROOT: bool>(&mut self) -> V {
        let mut numbers = [0.0; MAX_LANES];
        for lane in 0..V::LANES {
            self.power[lane] *= self.beta[lane];
            let bias = 1.0 - self.power[lane];
            numbers[lane] = (1.0 / if ROOT { bias.sqrt() } else { bias }) as f32;
        }
        V::load(&numbers[..V::LANES])
    }
}

impl<V: Lanes> Stepper<V> {
    /// For these runs; `None` where the loop of the gradients does it all at once.
    pub fn new(program: &Program, runs: &[Run]) -> Option<Self> {
        let noise = program.noise;
        let at_once = matches!(program.optimizer, Optimizer::Sgd | Optimizer::Momentum)
            && !program.has_passes_of_its_own()
            && !noise.gradient
            && !noise.mask
            && runs.iter().all(|run| run.lr_hidden == 1.0 && run.lr_output == 1.0);
        if at_once {
            return None;
        }
        let (optimizer, is_weight) = (program.optimizer, program.shape.is_weight());
        let setting = |get: fn(&Run) -> f64| per_lane(|lane| get(&runs[lane.min(runs.len() - 1)]) as f32);
        let missing = |(p, &weight): (usize, &bool)| {
            let missing = |run: &Run| weight && is_missing(run.master, run.seed, p as u32, run.mask as f32);
            let lanes = (0..V::LANES).map(|lane| (lane, &runs[lane.min(runs.len() - 1)]));
            lanes.fold(0, |bits, (lane, run)| bits | u64::from(missing(run)) << lane)
        };
        Some(Stepper {
            optimizer,
            feeds_output: program.shape.feeds_output(),
            rates: [setting(|run| run.lr * run.lr_hidden), setting(|run| run.lr * run.lr_output)],
            weight_decay: setting(|run| run.weight_decay),
            momentum: setting(|run| run.momentum),
            first: Average::new(runs, |run| run.beta1),
            second: Average::new(
                runs,
                if optimizer == Optimizer::Rmsprop { |run| run.rho } else { |run| run.beta2 },
            ),
            epsilon: setting(|run| run.epsilon),
            noise: noise
                .gradient
                .then(|| (Keys::new(runs, Stream::Gradient), setting(|run| run.gradient_noise))),
            missing: is_weight.iter().enumerate().filter(|_| noise.mask).map(missing).collect(),
            slots: vec![V::splat(0.0); optimizer.slots() * is_weight.len()],
            is_weight,
        })
    }

    /// Sets the gradients of missing connections to 0.
    #[inline(always)]
    pub fn clear_missing(&self, gradients: &mut [V]) {
        for (g, &missing) in gradients.iter_mut().zip(&self.missing) {
            *g = V::select(V::mask(missing), V::splat(0.0), *g);
        }
    }
}

/// Update `step` (the first is 0) of the active lanes along the gradients of the loss of their batch.
pub struct Update<'a, V> {
    pub stepper: &'a mut Stepper<V>,
    pub step: u32,
    pub gradients: &'a mut [V],
    pub parameters: &'a mut [V],
    pub active: u64,
    /// The largest magnitude of any parameter, after the update.
    pub largest: &'a mut V,
}

impl<V: Lanes> Kernel for Update<'_, V> {
    #[inline(always)]
    fn run(self) {
        let Update { stepper, step, gradients, parameters, active, largest: result } = self;
        if let Some((keys, deviation)) = &stepper.noise {
            // A block has the words of two numbers.
            for (pair, gradients) in gradients.chunks_mut(2).enumerate() {
                let words = block::<V>(keys, step, &[pair as u32; MAX_LANES]);
                gradients[0] = deviation.mul_add(normal(&words[0], &words[1]), gradients[0]);
                if let Some(g) = gradients.get_mut(1) {
                    *g = deviation.mul_add(normal(&words[2], &words[3]), *g);
                }
            }
        }
        for ((g, &w), &is_weight) in gradients.iter_mut().zip(&*parameters).zip(&stepper.is_weight) {
            if is_weight {
                *g = stepper.weight_decay.mul_add(w, *g);
            }
        }
        stepper.clear_missing(gradients);
        let (mut unbias, mut unbias_root) = (V::splat(1.0), V::splat(1.0));
        if stepper.optimizer == Optimizer::Adam {
            unbias = stepper.first.next_bias::<false>();
            unbias_root = stepper.second.next_bias::<true>();
        }
        let (count, active) = (parameters.len(), V::mask(active));
        let Stepper { optimizer, rates, feeds_output, momentum, first, second, epsilon, slots, .. } = stepper;
        let (momentum, epsilon) = (*momentum, *epsilon);
        // Plain gradient descent keeps nothing.
        let kept = slots.len().min(count);
        let (slots, slots_after) = slots.split_at_mut(kept);
        let mut largest = V::splat(0.0);
        for p in 0..count {
            let (w, g, lr) = (parameters[p], gradients[p], rates[usize::from(feeds_output[p])]);
            let moved = match optimizer {
                Optimizer::Sgd => lr.neg_mul_add(g, w),
                Optimizer::Momentum => {
                    slots[p] = momentum.mul_add(slots[p], -(lr * g));
                    w + slots[p]
                }
                Optimizer::Nesterov => {
                    slots[p] = momentum.mul_add(slots[p], g);
                    lr.neg_mul_add(momentum.mul_add(slots[p], g), w)
                }
                Optimizer::Rmsprop => {
                    slots[p] = second.with(slots[p], g * g);
                    w - lr * g / (slots[p].sqrt() + epsilon)
                }
                Optimizer::Adam => {
                    slots[p] = first.with(slots[p], g);
                    slots_after[p] = second.with(slots_after[p], g * g);
                    let root = slots_after[p].sqrt() * unbias_root;
                    w - lr * (slots[p] * unbias) / (root + epsilon)
                }
            };
            let moved = V::select(active, moved, w);
            largest = moved.magnitude(largest);
            parameters[p] = moved;
        }
        *result = largest;
    }
}
