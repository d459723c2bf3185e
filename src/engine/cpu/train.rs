//! Trains one vector of networks, one per lane. Mirrors `shaders/train_register.wgsl.jinja`: same names, same formulas.
//!
//! Vectorizing across networks keeps copies bit for bit: every unit of every network goes through the same operations in
//! the same order.

use std::sync::atomic::AtomicBool;

use super::classic::{Classic, PARAMETERS, is_classic};
use super::lanes::{Lanes, MAX_LANES};
use super::measure::{Activations, Classes, go_on};
use super::minibatch::Minibatches;
use super::operations_per_step;
use super::pass::{
    Above, Activate, DropOut, Errors, Gradients, Place, PullBack, Row, Samples, Sink, Softmax, Source, Sums,
    TILE, Tile, Tiles, Units,
};
use super::stepper::{self, Stepper};
use crate::engine::{Criterion, DIVERGED, EngineError, Measured, Program, Run, RunResult, measured_steps};
use crate::net::{Layer, Loss, Optimizer};

/// Operations of the formulas between two looks at `interrupted`, per network: some tenths of a second for a block.
const INTERRUPT_OPERATIONS: f64 = 2e8;

/// What all vectors of a batch have in common.
#[derive(Debug)]
pub struct Common<'a> {
    pub program: &'a Program,
    pub interrupted: &'a AtomicBool,
    pub tiles: Tiles,
    pub measured: Vec<u32>,
    layers: Vec<Layer>,
    /// Index of the first row of each layer.
    first: Vec<usize>,
    rows: usize,
    skip: Option<usize>,
    is_weight: Vec<bool>,
    /// Steps between two looks at `interrupted`.
    interrupt_steps: u32,
    /// Whether there is a shorter way for most steps.
    classic: bool,
}

impl<'a> Common<'a> {
    pub fn new(program: &'a Program, interrupted: &'a AtomicBool) -> Self {
        let layers = program.shape.layers();
        let mut rows = 0;
        let first = layers.iter().map(|layer| {
            rows += layer.outputs;
            rows - layer.outputs
        });
        Common {
            program,
            interrupted,
            tiles: Tiles::new(&program.data, program.loss),
            measured: measured_steps(program.steps),
            first: first.collect(),
            rows,
            skip: program.shape.skip_weights(),
            is_weight: program.shape.is_weight(),
            interrupt_steps: (INTERRUPT_OPERATIONS / operations_per_step(program)).clamp(1.0, 4096.0) as u32,
            classic: is_classic(&program.shape, program.data.samples(), program.loss),
            layers,
        }
    }
}

/// What became of a vector of networks.
pub struct Done {
    /// One a run.
    pub results: Vec<RunResult>,
    /// Final parameters, `[run][parameter]`.
    pub last: Vec<f32>,
}

/// A vector of networks in training. Rows are those of one tile of samples: `[unit of any layer]`.
struct Networks<'a, V: Lanes> {
    common: &'a Common<'a>,
    parameters: Vec<V>,
    /// The weights of a fixed readout.
    ones: Vec<V>,
    /// What updates the parameters, where the loop of the gradients does not.
    stepper: Option<Stepper<V>>,
    /// Δ of momentum, where that loop does.
    velocities: Vec<V>,
    /// Sums over the tiles that have been seen.
    gradients: Vec<V>,
    /// h of every unit.
    activations: Vec<Row<V>>,
    /// φ'(z) of every unit, in time ∂loss/∂z.
    deltas: Vec<Row<V>>,
    /// z of every output, or ln p, where the loss needs it.
    logits: Vec<Row<V>>,
    loss: V,
    error: V,
    settings: Settings<V>,
    /// The largest magnitude of any parameter.
    largest: V,
    /// Lanes that still train.
    active: u64,
    /// Lanes that have not been solved.
    unsolved: u64,
    solve_step: [Option<u32>; MAX_LANES],
    diverge_step: [Option<u32>; MAX_LANES],
    steps: [u32; MAX_LANES],
}

/// The settings of the runs.
struct Settings<V> {
    learning_rate: V,
    momentum: V,
    weight_decay: V,
    /// Whether any run's weights decay. A decay of 0 changes no bit that matters, so the others may do without.
    decays: bool,
    solved_limit: V,
    symmetry_tolerance: V,
}

impl<V: Lanes> Settings<V> {
    #[inline(always)]
    fn new(runs: &[Run]) -> Self {
        let setting = |get: fn(&Run) -> f64| per_lane(|lane| get(&runs[lane.min(runs.len() - 1)]) as f32);
        Settings {
            learning_rate: setting(|run| run.lr),
            momentum: setting(|run| run.momentum),
            weight_decay: setting(|run| run.weight_decay),
            decays: runs.iter().any(|run| run.weight_decay != 0.0),
            solved_limit: setting(|run| run.solved_limit),
            symmetry_tolerance: setting(|run| run.symmetry_tolerance),
        }
    }
}

/// A vector from a number per lane.
#[inline(always)]
pub fn per_lane<V: Lanes>(number: impl Fn(usize) -> f32) -> V {
    let numbers: [f32; MAX_LANES] =
        std::array::from_fn(|lane| if lane < V::LANES { number(lane) } else { 0.0 });
    V::load(&numbers[..V::LANES])
}

/// A number per lane from a vector; lanes beyond the vector's are 0.
#[inline(always)]
pub fn numbers<V: Lanes>(vector: V) -> [f32; MAX_LANES] {
    let mut numbers = [0.0; MAX_LANES];
    vector.store(&mut numbers[..V::LANES]);
    numbers
}

/// Trains `runs`, at most one vector of them, from `initial` parameters `[run][parameter]`.
#[inline(always)]
pub fn train<V: Lanes>(common: &Common<'_>, runs: &[Run], initial: &[f32]) -> Result<Done, EngineError> {
    let program = common.program;
    let mut networks = Networks::<V>::new(common, runs, initial);
    let mut minibatches = program.has_passes_of_its_own().then(|| Minibatches::new(program, runs));
    let mut kept = Activations::new(&program.shape.hidden, common.tiles.count());
    let traced = runs.iter().any(|run| run.traced);
    // Of all measured steps if any run is traced, else of the first and the last.
    let mut measured: Vec<Vec<Measured>> = Vec::new();
    let mut classes: Vec<Classes> = Vec::with_capacity(common.measured.len());
    let tolerance = networks.settings.symmetry_tolerance;
    let mut t = 0;
    loop {
        if t % common.interrupt_steps == 0 {
            go_on(common.interrupted)?;
        }
        let look = common.measured.get(classes.len()) == Some(&t);
        if look && (t == 0 || traced) {
            measured.push(networks.measure(&mut kept, runs.len())?);
        }
        match &mut minibatches {
            None => networks.step(t, look.then_some(&mut kept))?,
            Some(minibatches) => {
                if look || program.looks_at(t) {
                    networks.look(t, look.then_some(&mut kept))?;
                }
                if networks.active != 0 {
                    networks.step_along(t, minibatches)?;
                }
            }
        }
        if look {
            classes.push(kept.classes(tolerance, common.interrupted)?);
        }
        if networks.active == 0 {
            break;
        }
        t += 1;
        if common.classic && !networks.settings.decays && networks.stepper.is_none() {
            // The last step is a measured one.
            let measured_next = common.measured[classes.len()];
            let interruptible = t.checked_next_multiple_of(common.interrupt_steps).unwrap_or(u32::MAX);
            t = networks.train_classic(t, measured_next.min(interruptible));
        }
    }
    let last = networks.measure(&mut kept, runs.len())?;
    // Where all runs rest before the end, their state at the measured steps to come is the present one.
    if classes.len() < common.measured.len() {
        classes.resize(common.measured.len(), kept.classes(tolerance, common.interrupted)?);
    }
    if traced {
        measured.resize(common.measured.len(), last.clone());
    }
    let result = |lane: usize| RunResult {
        initial: measured[0][lane],
        last: last[lane],
        solve_step: networks.solve_step[lane],
        diverge_step: networks.diverge_step[lane],
        steps: networks.steps[lane],
        symmetry: classes.iter().map(|classes| classes.lane(lane)).collect(),
        trace: if runs[lane].traced { measured.iter().map(|at| at[lane]).collect() } else { Vec::new() },
    };
    Ok(Done { results: (0..runs.len()).map(result).collect(), last: networks.unload(runs.len()) })
}

impl<'a, V: Lanes> Networks<'a, V> {
    #[inline(always)]
    fn new(common: &'a Common<'a>, runs: &[Run], initial: &[f32]) -> Self {
        let (count, zero) = (common.is_weight.len(), V::splat(0.0));
        let rows = |count: usize| vec![[zero; TILE]; count];
        let fixed = common.layers.iter().filter(|layer| layer.weights.is_none());
        let fixed = fixed.map(|layer| layer.outputs * layer.inputs).sum();
        // Lanes without a run repeat the last one: they cost nothing and compute nothing unusual.
        let parameters: Vec<V> =
            (0..count).map(|p| per_lane(|lane| initial[lane.min(runs.len() - 1) * count + p])).collect();
        let mut largest = zero;
        for &w in &parameters {
            largest = w.magnitude(largest);
        }
        let stepper = Stepper::new(common.program, runs);
        let slots = if stepper.is_some() { 0 } else { common.program.optimizer.slots() };
        Networks {
            common,
            stepper,
            ones: vec![V::splat(1.0); fixed],
            velocities: vec![zero; count * slots],
            gradients: vec![zero; count],
            activations: rows(common.rows),
            deltas: rows(common.rows),
            logits: rows(common.program.shape.outputs),
            loss: zero,
            error: zero,
            settings: Settings::new(runs),
            largest,
            active: V::ALL,
            unsolved: V::ALL,
            solve_step: [None; MAX_LANES],
            diverge_step: [None; MAX_LANES],
            steps: [0; MAX_LANES],
            parameters,
        }
    }

    #[inline(always)]
    fn unload(&self, runs: usize) -> Vec<f32> {
        let count = self.parameters.len();
        let mut last = vec![0.0; runs * count];
        for (p, &w) in self.parameters.iter().enumerate() {
            for (lane, value) in numbers(w).into_iter().take(runs).enumerate() {
                last[lane * count + p] = value;
            }
        }
        last
    }

    /// Looks at the networks at step `t`, notes what has come about, and applies one update to those that go on.
    /// Leaves the activations of hidden units in `kept`, if there is any.
    #[inline(always)]
    fn step(&mut self, t: u32, mut kept: Option<&mut Activations<V>>) -> Result<(), EngineError> {
        let tiles = &self.common.tiles;
        for tile in 0..tiles.count() {
            let (samples, first) = (tiles.tile(tile), tile == 0);
            self.forward(samples, first);
            if let Some(kept) = &mut kept {
                kept.keep(tile, &self.activations);
            }
            if tile + 1 < tiles.count() {
                self.backward();
                self.add_gradients(samples, first);
                go_on(self.common.interrupted)?;
            } else {
                self.check(t);
                if self.active != 0 {
                    self.backward();
                    self.update(t, samples, first);
                }
            }
        }
        Ok(())
    }

    /// Looks at the networks at step `t` where their update is not found by the way: notes what has come about, where it is
    /// time for that, and leaves the activations of hidden units in `kept`, if there is any.
    #[inline(always)]
    fn look(&mut self, t: u32, mut kept: Option<&mut Activations<V>>) -> Result<(), EngineError> {
        let Common { program, tiles, .. } = self.common;
        for tile in 0..tiles.count() {
            if tile > 0 {
                go_on(self.common.interrupted)?;
            }
            self.forward(tiles.tile(tile), tile == 0);
            if let Some(kept) = &mut kept {
                kept.keep(tile, &self.activations);
            }
        }
        if program.looks_at(t) {
            self.check(t);
        }
        Ok(())
    }

    /// Update `t` of the active lanes, from passes over a batch of its own.
    #[inline(always)]
    fn step_along(&mut self, t: u32, minibatches: &mut Minibatches<'_, V>) -> Result<(), EngineError> {
        minibatches.go_to(t);
        for tile in 0..minibatches.tiles() {
            if tile > 0 {
                go_on(self.common.interrupted)?;
            }
            let (samples, first) = (minibatches.tile(tile), tile == 0);
            self.forward(samples, first);
            self.backward();
            self.add_gradients(samples, first);
        }
        self.update_from_sums(t);
        Ok(())
    }

    /// Takes the classic net from step `from` to step `until`, or to the first that must be looked at; returns which.
    #[inline(always)]
    fn train_classic(&mut self, from: u32, until: u32) -> u32 {
        match self.common.program.optimizer {
            Optimizer::Sgd => self.train_classic_by::<false>(from, until),
            Optimizer::Momentum => self.train_classic_by::<true>(from, until),
            _ => from,
        }
    }

    #[inline(always)]
    fn train_classic_by<const MOMENTUM: bool>(&mut self, from: u32, until: u32) -> u32 {
        let Common { program, tiles, .. } = self.common;
        let mut at = from;
        let mut unused = [V::splat(0.0); PARAMETERS];
        let velocities = if MOMENTUM { &mut self.velocities[..] } else { &mut unused[..] };
        let (Ok(parameters), Ok(velocities)) = ((&mut self.parameters[..]).try_into(), velocities.try_into())
        else {
            return from;
        };
        let Tile { inputs, targets, norms } = tiles.tile(0);
        V::call(Classic::<V, MOMENTUM> {
            parameters,
            velocities,
            inputs,
            targets: &targets[0],
            norms,
            hidden: program.shape.activation,
            output: program.shape.output,
            loss_norm: program.loss.norm(program.data.samples(), program.data.outputs) as f32,
            learning_rate: self.settings.learning_rate,
            momentum: self.settings.momentum,
            active: self.active,
            unsolved: self.unsolved,
            solved_limit: self.settings.solved_limit,
            limits_loss: program.criterion == Criterion::Loss,
            largest: &mut self.largest,
            from,
            until,
            at: &mut at,
        });
        at
    }

    /// Forward over a tile; leaves activations, slopes and, of the output, ∂loss/∂z. Loss and error begin anew with the
    /// `first_tile`.
    #[inline(always)]
    fn forward<T: Samples<V>>(&mut self, samples: T, first_tile: bool) {
        let Common { program, layers, first, skip, .. } = self.common;
        let (inputs, output) = (samples.inputs(), layers.len() - 1);
        for (l, layer) in layers.iter().enumerate() {
            let (below, from_here) = self.activations.split_at_mut(first[l]);
            let (h, slopes) =
                (&mut from_here[..layer.outputs], &mut self.deltas[first[l]..][..layer.outputs]);
            let weights = weights(layer, &self.parameters, &self.ones);
            let biases = match layer.biases {
                Some(b) => Some(&self.parameters[b..][..layer.outputs]),
                None => None,
            };
            let skip = match skip {
                Some(skip) if l == output => Some((&self.parameters[*skip..], inputs)),
                _ => None,
            };
            if l == 0 {
                V::call(Sums { weights, inputs: layer.inputs, source: inputs, biases, skip, z: h });
            } else {
                let source = Units(&below[first[l - 1]..]);
                V::call(Sums { weights, inputs: layer.inputs, source, biases, skip, z: h });
            }
            if l == output && program.loss == Loss::Bce {
                // The loss of a logit needs the logit.
                self.logits.copy_from_slice(h);
            }
            V::call(Activate { activation: layer.activation, rows: &mut *h, slopes: &mut *slopes });
            if l < output {
                if let Some(keep) = samples.keep() {
                    V::call(DropOut { rows: h, slopes, keep: &keep[first[l]..] });
                }
            } else if program.loss == Loss::CrossEntropy {
                V::call(Softmax { outputs: h, logs: &mut self.logits });
            }
        }
        if first_tile {
            (self.loss, self.error) = (V::splat(0.0), V::splat(0.0));
        }
        V::call(Errors {
            samples,
            loss: program.loss,
            outputs: &self.activations[first[output]..],
            logits: &self.logits,
            deltas: &mut self.deltas[first[output]..],
            loss_sum: &mut self.loss,
            error: &mut self.error,
        });
    }

    /// The loss of the whole task, after forward passes over all tiles.
    #[inline(always)]
    fn loss(&self) -> V {
        let Program { data, loss, .. } = self.common.program;
        self.loss * V::splat(loss.norm(data.samples(), data.outputs) as f32)
    }

    /// From the slopes and the output's ∂loss/∂z that `forward` left to ∂loss/∂z of every unit but those of the first
    /// layer, which are found together with its gradients.
    #[inline(always)]
    fn backward(&mut self) {
        let Common { layers, first, .. } = self.common;
        for l in (1..layers.len() - 1).rev() {
            let above = &layers[l + 1];
            let weights = weights(above, &self.parameters, &self.ones);
            let (below, deltas) = self.deltas.split_at_mut(first[l + 1]);
            let (deltas, above) = (&mut below[first[l]..], &deltas[..above.outputs]);
            V::call(PullBack { deltas, above, weights });
        }
    }

    /// Adds the gradients of a tile to those of the tiles before.
    #[inline(always)]
    fn add_gradients<T: Samples<V>>(&mut self, samples: T, first: bool) {
        let mut sums = Total { parameters: &self.parameters, sums: &mut self.gradients, first };
        let inputs = samples.inputs();
        all_gradients(self.common, inputs, &self.activations, &self.deltas, &self.ones, &mut sums);
    }

    /// Looks at the networks at step `t`, after forward passes over all tiles: divergence, criterion, end.
    #[inline(always)]
    fn check(&mut self, t: u32) {
        let program = self.common.program;
        let loss = self.loss();
        let ok = V::bits(loss.magnitude(self.largest).less_equal(V::splat(DIVERGED as f32)));
        let diverged = self.active & !ok;
        if diverged != 0 {
            note(&mut self.diverge_step, diverged, t);
            self.rest(diverged, t);
        }
        let holds = match program.criterion {
            Criterion::Error => self.error.less(self.settings.solved_limit),
            Criterion::Loss => loss.less(self.settings.solved_limit),
        };
        let solved = self.active & self.unsolved & V::bits(holds);
        if solved != 0 {
            note(&mut self.solve_step, solved, t);
            self.unsolved &= !solved;
            if program.stop_when_solved {
                self.rest(solved, t);
            }
        }
        if t == program.steps {
            self.rest(self.active, t);
        }
    }

    /// Lanes of `mask` apply no more updates.
    #[inline(always)]
    fn rest(&mut self, mask: u64, t: u32) {
        for lane in 0..V::LANES {
            if mask >> lane & 1 == 1 {
                self.steps[lane] = t;
            }
        }
        self.active &= !mask;
    }

    /// Update `t` of the active lanes, from what passes over all tiles, `last` the last of them, have left.
    #[inline(always)]
    fn update(&mut self, t: u32, last: Tile<'_>, first: bool) {
        if self.stepper.is_some() {
            self.add_gradients(last, first);
            self.update_from_sums(t);
            return;
        }
        match (self.common.program.optimizer == Optimizer::Momentum, self.settings.decays) {
            (false, false) => self.update_by::<false, false>(last, first),
            (false, true) => self.update_by::<false, true>(last, first),
            (true, false) => self.update_by::<true, false>(last, first),
            (true, true) => self.update_by::<true, true>(last, first),
        }
    }

    /// Update `t` of the active lanes, from the gradients of all tiles.
    #[inline(always)]
    fn update_from_sums(&mut self, t: u32) {
        if let Some(stepper) = &mut self.stepper {
            V::call(stepper::Update {
                stepper,
                step: t,
                gradients: &mut self.gradients,
                parameters: &mut self.parameters,
                active: self.active,
                largest: &mut self.largest,
            });
        }
    }

    #[inline(always)]
    fn update_by<const MOMENTUM: bool, const DECAYS: bool>(&mut self, last: Tile<'_>, first: bool) {
        let mut update = Update::<V, MOMENTUM, DECAYS> {
            parameters: &mut self.parameters,
            velocities: &mut self.velocities,
            sums: &self.gradients,
            first,
            is_weight: &self.common.is_weight,
            settings: &self.settings,
            active: V::mask(self.active),
        };
        let Networks { common, activations, deltas, ones, .. } = self;
        self.largest = all_gradients(common, last.inputs, activations, deltas, ones, &mut update);
    }

    /// All measures of the present networks. Leaves the activations of hidden units in `kept`.
    #[inline(always)]
    fn measure(&mut self, kept: &mut Activations<V>, runs: usize) -> Result<Vec<Measured>, EngineError> {
        let tiles = &self.common.tiles;
        for tile in 0..tiles.count() {
            if tile > 0 {
                go_on(self.common.interrupted)?;
            }
            let (samples, first) = (tiles.tile(tile), tile == 0);
            self.forward(samples, first);
            kept.keep(tile, &self.activations);
            self.backward();
            self.add_gradients(samples, first);
        }
        if let Some(stepper) = &self.stepper {
            stepper.clear_missing(&mut self.gradients);
        }
        // In the order of the layout, whatever order the gradients were found in.
        let mut squares = V::splat(0.0);
        for &g in &self.gradients {
            squares = g.mul_add(g, squares);
        }
        let (loss, error, norm) = (self.loss(), self.error, squares.sqrt());
        kept.measure(self.settings.symmetry_tolerance, loss, error, norm, runs, self.common.interrupted)
    }
}

/// The weights of a layer; those of a fixed readout are all 1.
#[inline(always)]
fn weights<'a, V>(layer: &Layer, parameters: &'a [V], ones: &'a [V]) -> &'a [V] {
    match layer.weights {
        Some(w) => &parameters[w..][..layer.outputs * layer.inputs],
        None => ones,
    }
}

/// The gradients of a tile, parameter by parameter. A layer's weights may change as their gradients are taken, so the
/// layer below, whose gradients need them as they were, comes before it. Gives the largest magnitude of any parameter that
/// changed.
#[inline(always)]
fn all_gradients<V: Lanes, I: Source<V>, K: Sink<V>>(
    common: &Common<'_>,
    inputs: I,
    activations: &[Row<V>],
    deltas: &[Row<V>],
    ones: &[V],
    sink: &mut K,
) -> V {
    let mut largest = V::splat(0.0);
    let Common { layers, first, .. } = common;
    for (l, layer) in layers.iter().enumerate() {
        let here = &deltas[first[l]..][..layer.outputs];
        let place = Place { weights: layer.weights, biases: layer.biases, inputs: layer.inputs };
        if l == 0 {
            let above = match layers.get(1) {
                Some(above) => {
                    Some(Above { deltas: &deltas[first[1]..][..above.outputs], weights: above.weights, ones })
                }
                None => None,
            };
            V::call(Gradients {
                place,
                deltas: here,
                source: inputs,
                above,
                sink: &mut *sink,
                largest: &mut largest,
            });
        } else {
            let source = Units(&activations[first[l - 1]..]);
            V::call(Gradients {
                place,
                deltas: here,
                source,
                above: None,
                sink: &mut *sink,
                largest: &mut largest,
            });
        }
        if let (true, Some(skip)) = (l + 1 == layers.len(), common.skip) {
            let place = Place { weights: Some(skip), biases: None, inputs: common.program.shape.inputs };
            V::call(Gradients {
                place,
                deltas: here,
                source: inputs,
                above: None,
                sink: &mut *sink,
                largest: &mut largest,
            });
        }
    }
    largest
}

/// Gradients are added up, tile by tile.
struct Total<'a, V> {
    parameters: &'a [V],
    sums: &'a mut [V],
    /// Whether this is the first tile.
    first: bool,
}

impl<V: Lanes> Sink<V> for Total<'_, V> {
    const MOVES: bool = false;
    #[inline(always)]
    fn parameters(&self) -> &[V] {
        self.parameters
    }
    #[inline(always)]
    fn start(&self, p: usize) -> V {
        if self.first { V::splat(0.0) } else { self.sums[p] }
    }
    #[inline(always)]
    fn take(&mut self, p: usize, gradient: V) -> V {
        self.sums[p] = gradient;
        self.parameters[p]
    }
}

/// Gradients of the last tile, and so of the whole task, change their parameter at once.
struct Update<'a, V: Lanes, const MOMENTUM: bool, const DECAYS: bool> {
    parameters: &'a mut [V],
    velocities: &'a mut [V],
    sums: &'a [V],
    /// Whether the last tile is the first one too.
    first: bool,
    is_weight: &'a [bool],
    settings: &'a Settings<V>,
    active: V::Mask,
}

impl<V: Lanes, const MOMENTUM: bool, const DECAYS: bool> Sink<V> for Update<'_, V, MOMENTUM, DECAYS> {
    const MOVES: bool = true;
    #[inline(always)]
    fn parameters(&self) -> &[V] {
        self.parameters
    }
    #[inline(always)]
    fn start(&self, p: usize) -> V {
        if self.first { V::splat(0.0) } else { self.sums[p] }
    }
    #[inline(always)]
    fn take(&mut self, p: usize, gradient: V) -> V {
        let (w, lr) = (self.parameters[p], self.settings.learning_rate);
        let mut g = gradient;
        if DECAYS && self.is_weight[p] {
            g = self.settings.weight_decay.mul_add(w, g);
        }
        let moved = if MOMENTUM {
            let step = self.settings.momentum.mul_add(self.velocities[p], -(lr * g));
            self.velocities[p] = step;
            w + step
        } else {
            lr.neg_mul_add(g, w)
        };
        let moved = V::select(self.active, moved, w);
        self.parameters[p] = moved;
        moved
    }
}

/// Notes step `t` in the lanes of `mask`, which have none yet.
fn note(steps: &mut [Option<u32>; MAX_LANES], mask: u64, t: u32) {
    for (lane, step) in steps.iter_mut().enumerate() {
        if mask >> lane & 1 == 1 {
            *step = Some(t);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::cpu::lanes::Portable;
    use crate::net::Activation;
    use crate::task::Boolean;
    use crate::verify::nets;

    /// Results and final parameters of 8 runs, by the classic net's own way or the general one.
    fn trained(program: &Program, runs: &[Run], classic: bool) -> Done {
        let interrupted = AtomicBool::new(false);
        let mut common = Common::new(program, &interrupted);
        assert!(common.classic, "not the classic net");
        common.classic = classic;
        let initial: Vec<f32> =
            (0..runs.len() as u64).flat_map(|seed| nets::parameters(&program.shape, 2.0, seed)).collect();
        train::<Portable>(&common, runs, &initial).expect("nothing interrupts")
    }

    #[test]
    fn the_classic_net_is_the_same_by_either_way() {
        for &activation in Activation::ALL {
            for criterion in [Criterion::Error, Criterion::Loss] {
                for (loss, stop_when_solved, optimizer) in [
                    (Loss::Mse, false, Optimizer::Sgd),
                    (Loss::HalfSse, true, Optimizer::Sgd),
                    (Loss::Mse, true, Optimizer::Momentum),
                ] {
                    let program = Program {
                        loss,
                        optimizer,
                        criterion,
                        stop_when_solved,
                        ..nets::boolean(Boolean::Xor, &[2], activation, 300)
                    };
                    // Some diverge, some are solved, at different steps.
                    let runs: Vec<Run> = (0..8)
                        .map(|seed| Run {
                            lr: 0.1 * 4f64.powi(seed as i32),
                            solved_limit: 0.15,
                            ..nets::run(seed)
                        })
                        .collect();
                    let (own, general) = (trained(&program, &runs, true), trained(&program, &runs, false));
                    let bits = |done: &Done| done.last.iter().map(|p| p.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(&own), bits(&general), "{activation} {criterion:?} {loss}");
                    assert_eq!(
                        format!("{:?}", own.results),
                        format!("{:?}", general.results),
                        "{activation}"
                    );
                    let other: Vec<Run> = runs.iter().map(|run| Run { lr: run.lr * 1.01, ..*run }).collect();
                    assert_ne!(bits(&own), bits(&trained(&program, &other, false)), "the twin is the same");
                }
            }
        }
    }
}
