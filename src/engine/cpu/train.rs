//! Trains one block of networks, one per lane. Mirrors `shaders/train_register.wgsl.jinja` and
//! `shaders/measure_register.wgsl.jinja`: same names, same formulas.
//!
//! All rows are `[unit][sample]` vectors. Vectorizing across networks keeps copies bit for bit: every unit of
//! every network goes through the same operations in the same order.

use std::sync::atomic::{AtomicBool, Ordering};

use super::functions::{activate, softplus};
use super::lanes::{Lanes, MAX_LANES};
use crate::engine::{Criterion, DIVERGED, EngineError, Measured, Program, Run, RunResult, measured_steps};
use crate::measure::symmetry::{LayerSpread, classify};
use crate::net::{Activation, Layer, Loss, Optimizer};

/// Samples that share one load of a weight.
const TILE: usize = 4;

/// Runs a block of code for every parameter with its index and gradient.
/// A macro because a
/// closure would be compiled for the baseline instruction set.
macro_rules! for_each_gradient {
    ($state:ident, |$p:ident, $gradient:ident| $body:block) => {
        let (samples, output) = ($state.samples, $state.layers.len() - 1);
        for l in 0..=output {
            let layer = $state.layers[l];
            for u in 0..layer.outputs {
                if let Some(w) = layer.weights {
                    for i in 0..layer.inputs {
                        let below = if l == 0 { &$state.x } else { &$state.activations[l - 1] };
                        let $gradient = dot(&$state.deltas[l], u, below, i, samples);
                        let $p = w + u * layer.inputs + i;
                        $body
                    }
                }
                if let Some(b) = layer.biases {
                    let $gradient = sum(&$state.deltas[l], u, samples);
                    let $p = b + u;
                    $body
                }
            }
        }
        if let Some(skip) = $state.skip {
            let inputs = $state.program.shape.inputs;
            for u in 0..$state.program.shape.outputs {
                for i in 0..inputs {
                    let $gradient = dot(&$state.deltas[output], u, &$state.x, i, samples);
                    let $p = skip + u * inputs + i;
                    $body
                }
            }
        }
    };
}

/// What the blocks of a batch have in common.
pub struct Block<'a> {
    pub program: &'a Program,
    pub interrupted: &'a AtomicBool,
}

/// A trained block: results and final parameters `[run][parameter]`.
pub struct Done {
    pub results: Vec<RunResult>,
    pub last: Vec<f32>,
}

struct State<'a, V> {
    program: &'a Program,
    layers: Vec<Layer>,
    skip: Option<usize>,
    samples: usize,
    is_weight: Vec<bool>,
    /// Inputs and targets, every lane the same: `[input][sample]`, `[output][sample]`.
    x: Vec<V>,
    y: Vec<V>,
    parameters: Vec<V>,
    /// Δ of momentum.
    velocity: Vec<V>,
    /// Per layer, `[unit][sample]`: h, φ'(z), ∂loss/∂z.
    activations: Vec<Vec<V>>,
    slopes: Vec<Vec<V>>,
    deltas: Vec<Vec<V>>,
    learning_rate: V,
    momentum: V,
    weight_decay: V,
    solved_limit: V,
    /// Lanes whose parameters are all finite and within bounds.
    parameters_ok: u32,
    /// Lanes that still train.
    active: u32,
    solve_step: [Option<u32>; MAX_LANES],
    diverge_step: [Option<u32>; MAX_LANES],
    steps: [u32; MAX_LANES],
}

/// What a forward pass over the whole task finds.
struct Forward<V> {
    loss: V,
    error: V,
    /// Lanes where every |o − y| is under the limit.
    near: u32,
}

/// Trains `runs` (at most one vector of them) from `initial` parameters `[run][parameter]`.
#[inline(always)]
pub fn train<V: Lanes>(block: &Block<'_>, runs: &[Run], initial: &[f32]) -> Result<Done, EngineError> {
    let program = block.program;
    let mut state = State::<V>::new(program, runs, initial);
    let measured = measured_steps(program.steps);
    let traced = runs.iter().any(|run| run.traced);
    let mut results: Vec<RunResult> = Vec::with_capacity(runs.len());
    for (m, &step) in measured.iter().enumerate() {
        let last = m + 1 == measured.len();
        if last {
            // The criterion and divergence are looked at in every step before its update; the state after
            // the last update is looked at here.
            state.check(step);
        }
        let measurement = state.measure(runs, m == 0 || last || traced);
        for (lane, run) in runs.iter().enumerate() {
            let measured_here = measurement.lane(lane);
            if m == 0 {
                results.push(RunResult {
                    initial: measured_here,
                    last: measured_here,
                    solve_step: None,
                    diverge_step: None,
                    steps: 0,
                    symmetry: Vec::with_capacity(measured.len()),
                    trace: Vec::new(),
                });
            }
            results[lane].symmetry.push(measured_here.symmetry);
            if run.traced {
                results[lane].trace.push(measured_here);
            }
            results[lane].last = measured_here;
        }
        let Some(&next) = measured.get(m + 1) else { break };
        for t in step..next {
            if t % 4096 == 0 && block.interrupted.load(Ordering::Relaxed) {
                return Err(EngineError::Interrupted);
            }
            state.check(t);
            if state.active == 0 {
                break;
            }
            state.update();
        }
    }
    for (lane, result) in results.iter_mut().enumerate() {
        result.solve_step = state.solve_step[lane];
        result.diverge_step = state.diverge_step[lane];
        result.steps = state.steps[lane];
    }
    Ok(Done { results, last: state.unload(runs.len()) })
}

impl<'a, V: Lanes> State<'a, V> {
    #[inline(always)]
    fn new(program: &'a Program, runs: &[Run], initial: &[f32]) -> Self {
        let shape = &program.shape;
        let (layers, count, samples) = (shape.layers(), shape.parameters(), program.data.samples());
        // Lanes without a run repeat the last one: they cost nothing and compute nothing unusual.
        let of_lane = |lane: usize| lane.min(runs.len() - 1);
        let setting =
            |get: fn(&Run) -> f64| V::load(std::array::from_fn(|lane| get(&runs[of_lane(lane)]) as f32));
        let parameters: Vec<V> = (0..count)
            .map(|p| V::load(std::array::from_fn(|lane| initial[of_lane(lane) * count + p])))
            .collect();
        let columns = |values: &[f32], width: usize| -> Vec<V> {
            (0..width * samples).map(|k| V::splat(values[k % samples * width + k / samples])).collect()
        };
        let rows = || -> Vec<Vec<V>> {
            layers.iter().map(|layer| vec![V::splat(0.0); layer.outputs * samples]).collect()
        };
        let slots = count * program.optimizer.slots();
        let mut state = State {
            program,
            skip: shape.skip_weights(),
            samples,
            is_weight: shape.is_weight(),
            x: columns(&program.data.x, shape.inputs),
            y: columns(&program.data.y, shape.outputs),
            velocity: vec![V::splat(0.0); slots],
            activations: rows(),
            slopes: rows(),
            deltas: rows(),
            learning_rate: setting(|run| run.lr),
            momentum: setting(|run| run.momentum),
            weight_decay: setting(|run| run.weight_decay),
            solved_limit: setting(|run| run.solved_limit),
            parameters_ok: V::ALL,
            active: V::ALL,
            solve_step: [None; MAX_LANES],
            diverge_step: [None; MAX_LANES],
            steps: [0; MAX_LANES],
            layers,
            parameters,
        };
        for &w in &state.parameters {
            state.parameters_ok &= w.abs().less_equal(V::splat(DIVERGED as f32));
        }
        state
    }

    #[inline(always)]
    fn unload(&self, runs: usize) -> Vec<f32> {
        let count = self.parameters.len();
        let mut last = vec![0.0; runs * count];
        for (p, w) in self.parameters.iter().enumerate() {
            for (lane, value) in w.store().into_iter().take(runs).enumerate() {
                last[lane * count + p] = value;
            }
        }
        last
    }

    /// Forward over the whole task; leaves activations and slopes, and in the last layer's deltas e = o − y.
    #[inline(always)]
    fn forward(&mut self) -> Forward<V> {
        let (samples, output) = (self.samples, self.layers.len() - 1);
        for (l, layer) in self.layers.iter().enumerate() {
            let (before, from_here) = self.activations.split_at_mut(l);
            let below: &[V] = if l == 0 { &self.x } else { &before[l - 1] };
            let here = &mut from_here[0];
            for u in 0..layer.outputs {
                let bias = match layer.biases {
                    Some(b) => self.parameters[b + u],
                    None => V::splat(0.0),
                };
                let row = &mut here[u * samples..(u + 1) * samples];
                row.fill(bias);
                match layer.weights {
                    Some(w) => {
                        let weights = &self.parameters[w + u * layer.inputs..][..layer.inputs];
                        weighted_sum(row, weights, below, samples);
                    }
                    None => {
                        for i in 0..layer.inputs {
                            for (z, &h) in row.iter_mut().zip(&below[i * samples..(i + 1) * samples]) {
                                *z = *z + h;
                            }
                        }
                    }
                }
                if l == output
                    && let Some(skip) = self.skip
                {
                    let inputs = self.program.shape.inputs;
                    let weights = &self.parameters[skip + u * inputs..][..inputs];
                    weighted_sum(row, weights, &self.x, samples);
                }
            }
            if l == output && self.program.loss == Loss::Bce {
                // The loss of a logit needs the logit; it waits in the deltas until it is used below.
                self.deltas[l].copy_from_slice(here);
            }
            activate_row(layer.activation, here, &mut self.slopes[l]);
        }
        let mut sum = V::splat(0.0);
        let mut error = V::splat(0.0);
        let mut near = V::ALL;
        for ((&o, &y), e) in self.activations[output].iter().zip(&self.y).zip(&mut self.deltas[output]) {
            let logit = *e;
            *e = o - y;
            sum = match self.program.loss {
                Loss::Mse | Loss::HalfSse => e.mul_add(*e, sum),
                Loss::Bce => sum + (softplus(logit) - y * logit),
            };
            near &= e.abs().less(self.solved_limit);
            error = V::select(error.less(e.abs()), e.abs(), error);
        }
        let loss = sum * V::splat(self.program.loss.norm(self.y.len()) as f32);
        Forward { loss, error, near }
    }

    /// From the errors that `forward` left to ∂loss/∂z of every unit.
    #[inline(always)]
    fn backward(&mut self) {
        let (samples, output) = (self.samples, self.layers.len() - 1);
        let norm = V::splat(self.program.loss.delta_norm(self.y.len()) as f32);
        for (delta, &slope) in self.deltas[output].iter_mut().zip(&self.slopes[output]) {
            *delta = match self.program.loss {
                Loss::Mse | Loss::HalfSse => norm * *delta * slope,
                Loss::Bce => norm * *delta,
            };
        }
        for l in (0..output).rev() {
            let above = &self.layers[l + 1];
            let (before, after) = self.deltas.split_at_mut(l + 1);
            let (here, above_deltas) = (&mut before[l], &after[0]);
            for i in 0..above.inputs {
                let row = &mut here[i * samples..(i + 1) * samples];
                row.fill(V::splat(0.0));
                for u in 0..above.outputs {
                    let weight =
                        above.weights.map_or(V::splat(1.0), |w| self.parameters[w + u * above.inputs + i]);
                    for (d, &up) in row.iter_mut().zip(&above_deltas[u * samples..(u + 1) * samples]) {
                        *d = weight.mul_add(up, *d);
                    }
                }
                for (d, &slope) in row.iter_mut().zip(&self.slopes[l][i * samples..(i + 1) * samples]) {
                    *d = *d * slope;
                }
            }
        }
    }

    /// Looks at the network at step `t`: forward, divergence, criterion.
    #[inline(always)]
    fn check(&mut self, t: u32) {
        let forward = self.forward();
        let ok = self.parameters_ok & forward.loss.abs().less_equal(V::splat(DIVERGED as f32));
        let diverged = self.active & !ok;
        if diverged != 0 {
            note(&mut self.diverge_step, diverged, t);
            self.rest(diverged, t);
        }
        let holds = match self.program.criterion {
            Criterion::Error => forward.near,
            Criterion::Loss => forward.loss.less(self.solved_limit),
        };
        let solved = self.active & holds;
        if solved != 0 {
            note(&mut self.solve_step, solved, t);
            if self.program.stop_when_solved {
                self.rest(solved, t);
            }
        }
        if t == self.program.steps {
            self.rest(self.active, t);
        }
    }

    /// Lanes of `mask` apply no more updates.
    #[inline(always)]
    fn rest(&mut self, mask: u32, t: u32) {
        for lane in 0..V::LANES {
            if mask >> lane & 1 == 1 {
                self.steps[lane] = t;
            }
        }
        self.active &= !mask;
    }

    /// One update of the active lanes, from what `check` left.
    #[inline(always)]
    fn update(&mut self) {
        self.backward();
        let limit = V::splat(DIVERGED as f32);
        let momentum = self.program.optimizer == Optimizer::Momentum;
        let mut ok = V::ALL;
        for_each_gradient!(self, |p, gradient| {
            let w = self.parameters[p];
            let g = if self.is_weight[p] { self.weight_decay.mul_add(w, gradient) } else { gradient };
            let mut step = -(self.learning_rate * g);
            if momentum {
                step = self.momentum.mul_add(self.velocity[p], step);
                self.velocity[p] = step;
            }
            let updated = V::select(self.active, w + step, w);
            ok &= updated.abs().less_equal(limit);
            self.parameters[p] = updated;
        });
        self.parameters_ok = ok;
    }

    /// The measures of the present network; `fully` also those that only the first and last step, and traces,
    /// report.
    #[inline(always)]
    fn measure(&mut self, runs: &[Run], fully: bool) -> Measurement {
        let forward = self.forward();
        let tolerance = runs.iter().map(|run| run.symmetry_tolerance as f32).collect();
        let mut layers = Vec::new();
        for l in 0..self.layers.len() - 1 {
            let units = self.layers[l].outputs;
            if units < 2 {
                continue;
            }
            let activations = &self.activations[l];
            let mut largest = V::splat(1.0);
            for h in activations {
                largest = V::select(largest.less(h.abs()), h.abs(), largest);
            }
            let (mut spread, mut gap) = (V::splat(0.0), V::splat(f32::INFINITY));
            for i in 0..units {
                for j in 0..i {
                    let a = &activations[i * self.samples..(i + 1) * self.samples];
                    let b = &activations[j * self.samples..(j + 1) * self.samples];
                    let mut far = V::splat(0.0);
                    for (&a, &b) in a.iter().zip(b) {
                        let d = (a - b).abs();
                        far = V::select(far.less(d), d, far);
                    }
                    let distance = far / largest;
                    spread = V::select(spread.less(distance), distance, spread);
                    gap = V::select(distance.less(gap), distance, gap);
                }
            }
            layers.push(Spread {
                units,
                spread: spread.store(),
                gap: gap.store(),
                activations: fully.then(|| activations.iter().map(|h| h.store()).collect()),
            });
        }
        let mut squares = V::splat(0.0);
        if fully {
            self.backward();
            for_each_gradient!(self, |_p, g| {
                squares = g.mul_add(g, squares);
            });
        }
        Measurement {
            loss: forward.loss.store(),
            error: forward.error.store(),
            gradient_norm: squares.sqrt().store(),
            tolerance,
            layers,
        }
    }
}

struct Spread {
    units: usize,
    spread: [f32; MAX_LANES],
    gap: [f32; MAX_LANES],
    /// `[unit][sample]` of all lanes, where groups of units are to be counted.
    activations: Option<Vec<[f32; MAX_LANES]>>,
}

struct Measurement {
    loss: [f32; MAX_LANES],
    error: [f32; MAX_LANES],
    gradient_norm: [f32; MAX_LANES],
    tolerance: Vec<f32>,
    layers: Vec<Spread>,
}

impl Measurement {
    fn lane(&self, lane: usize) -> Measured {
        let tolerance = f64::from(self.tolerance[lane]);
        let layers: Vec<LayerSpread> = self.layers.iter().map(|layer| layer.lane(lane, tolerance)).collect();
        let (symmetry, units) = classify(&layers, tolerance);
        Measured {
            loss: f64::from(self.loss[lane]),
            error: f64::from(self.error[lane]),
            gradient_norm: f64::from(self.gradient_norm[lane]),
            units,
            symmetry,
        }
    }
}

impl Spread {
    fn lane(&self, lane: usize, tolerance: f64) -> LayerSpread {
        let (spread, gap) = (f64::from(self.spread[lane]), f64::from(self.gap[lane]));
        let distinct = match &self.activations {
            _ if spread <= tolerance => 1,
            _ if gap > tolerance => self.units as u32,
            Some(rows) => {
                let of_lane: Vec<f64> = rows.iter().map(|h| f64::from(h[lane])).collect();
                LayerSpread::of(&of_lane, self.units, tolerance).distinct
            }
            // Nobody reads it.
            None => 0,
        };
        LayerSpread { spread, gap, distinct }
    }
}

/// Adds Σ_i `weights[i]` · `below[i][·]` to a row of z, sample by sample in the order of i.
#[inline(always)]
fn weighted_sum<V: Lanes>(row: &mut [V], weights: &[V], below: &[V], samples: usize) {
    let mut s = 0;
    while s + TILE <= samples {
        let mut z = [row[s], row[s + 1], row[s + 2], row[s + 3]];
        for (i, &w) in weights.iter().enumerate() {
            let h = &below[i * samples + s..][..TILE];
            for k in 0..TILE {
                z[k] = w.mul_add(h[k], z[k]);
            }
        }
        row[s..s + TILE].copy_from_slice(&z);
        s += TILE;
    }
    for s in s..samples {
        for (i, &w) in weights.iter().enumerate() {
            row[s] = w.mul_add(below[i * samples + s], row[s]);
        }
    }
}

/// Σ over samples of `deltas[unit]` · `below[input]`.
#[inline(always)]
fn dot<V: Lanes>(deltas: &[V], unit: usize, below: &[V], input: usize, samples: usize) -> V {
    let deltas = &deltas[unit * samples..(unit + 1) * samples];
    let below = &below[input * samples..(input + 1) * samples];
    let mut sum = V::splat(0.0);
    for (&d, &h) in deltas.iter().zip(below) {
        sum = d.mul_add(h, sum);
    }
    sum
}

/// Σ over samples of `deltas[unit]`.
#[inline(always)]
fn sum<V: Lanes>(deltas: &[V], unit: usize, samples: usize) -> V {
    let mut sum = V::splat(0.0);
    for &d in &deltas[unit * samples..(unit + 1) * samples] {
        sum = sum + d;
    }
    sum
}

/// z → h in place, φ'(z) beside it.
#[inline(always)]
fn activate_row<V: Lanes>(activation: Activation, row: &mut [V], slopes: &mut [V]) {
    // One loop per function, so that the choice is made once a row.
    macro_rules! rows {
        ($($variant:ident)+) => {
            match activation {
                $(Activation::$variant => {
                    for (z, slope) in row.iter_mut().zip(slopes) {
                        (*z, *slope) = activate(Activation::$variant, *z);
                    }
                })+
            }
        };
    }
    rows!(Logistic Tanh Relu LeakyRelu Elu Softplus Gelu Silu Erf Sin Abs Linear)
}

/// Notes step `t` in the lanes of `mask` that have none yet.
fn note(steps: &mut [Option<u32>; MAX_LANES], mask: u32, t: u32) {
    for (lane, step) in steps.iter_mut().enumerate() {
        if mask >> lane & 1 == 1 && step.is_none() {
            *step = Some(t);
        }
    }
}
