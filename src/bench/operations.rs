//! How many operations one net-step takes by the formulas: the yardstick of `fraction_of_peak`. A pure function of the
//! program, whatever an engine makes of it: nothing is folded, skipped or shared between terms.
//!
//! Each fused multiply-add, addition, multiplication, comparison, exponential (so too ln, erf, sin, cos) and
//! reciprocal or division counts one. Signs, magnitudes, selections and copies are free. A sum of n products is n (with
//! or without a bias to start from), a sum of n numbers n − 1. Over S samples, for layers of I inputs and U units, P
//! parameters and O outputs:
//!
//! | term | operations |
//! | --- | --- |
//! | forward | S·U·I for the weighted sums z (a fixed readout S·U·(I − 1), skip weights S·O·inputs more) and S·U·φ |
//! | loss | S·O for e = o − y; mse, half-sse: S·O for Σ e²; bce: S·O·6 for softplus(z) − y·z and S·O − 1 for their sum; 1 for the norm |
//! | criterion | S·O comparisons of an error with its limit, or 1 of the loss |
//! | backward | outputs: 2·S·O for norm·e·φ' (bce: S·O); below: S·I·U for Σ w·δ (a fixed readout S·I·(U − 1)) and S·I for the product with φ' |
//! | gradient | S for every weight, S − 1 for every bias |
//! | divergence | 1 + P comparisons |
//! | update | sgd P; momentum 3·P; with weight decay 1 more for every weight |
//!
//! φ with its slope φ': logistic 3 + 2 (h(1 − h)); tanh 5 + 1 (2/(1 + e⁻²ᶻ) − 1, 1 − h²); relu 1 (the comparison serves
//! both); leaky-relu 2; elu 3; softplus 5 + 3; gelu 4 + 5; silu 4 + 3; erf 1 + 3; sin 1 + 1; abs 0 + 2; linear 0.

use crate::engine::{Criterion, Program};
use crate::net::{Activation, Loss, Optimizer};

/// Operations of one net-step: one update of one network on its whole task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// Weighted sums, and activations with their slopes.
    pub forward: u64,
    /// From outputs to the loss.
    pub loss: u64,
    /// Whether the task is solved.
    pub criterion: u64,
    /// ∂loss/∂z of every unit.
    pub backward: u64,
    /// ∂loss/∂w of every parameter.
    pub gradient: u64,
    /// Whether the run has diverged.
    pub divergence: u64,
    /// The optimizer's.
    pub update: u64,
}

impl Operations {
    /// Of a net-step of `program`; `decay` if any of its runs has weight decay.
    pub fn of(program: &Program, decay: bool) -> Operations {
        let shape = &program.shape;
        let count = |n: usize| n as u64;
        let (samples, outputs, parameters) =
            (count(program.data.samples()), count(shape.outputs), count(shape.parameters()));
        let weights = count(shape.is_weight().into_iter().filter(|&weight| weight).count());
        let layers = shape.layers();
        let mut of = Operations::default();
        for (l, layer) in layers.iter().enumerate() {
            let (inputs, units) = (count(layer.inputs), count(layer.outputs));
            let trained = layer.weights.is_some();
            // Fixed weights of 1 make sums of numbers, which start with the first.
            of.forward += samples * units * (inputs - u64::from(!trained) + activation(layer.activation));
            if l > 0 {
                of.backward += samples * inputs * (units - u64::from(!trained) + 1);
            }
        }
        if shape.skip {
            of.forward += samples * outputs * count(shape.inputs);
        }
        of.loss = samples * outputs + 1;
        match program.loss {
            Loss::Mse | Loss::HalfSse => {
                of.loss += samples * outputs;
                of.backward += 2 * samples * outputs;
            }
            Loss::Bce => {
                of.loss += samples * outputs * (SOFTPLUS + 1) + samples * outputs - 1;
                of.backward += samples * outputs;
            }
            // The largest logit, the distance of each from it, their exponentials, the sum of these and its logarithm;
            // ln p and p of each; and −y·ln p summed up.
            Loss::CrossEntropy => {
                of.loss += samples * (6 * outputs - 1) + samples * outputs;
                of.backward += samples * outputs;
            }
        }
        of.criterion = match program.criterion {
            Criterion::Error => samples * outputs,
            Criterion::Loss => 1,
        };
        of.gradient = weights * samples + (parameters - weights) * (samples - 1);
        of.divergence = 1 + parameters;
        of.update = match program.optimizer {
            Optimizer::Sgd => parameters,
            Optimizer::Momentum => 3 * parameters,
            Optimizer::Nesterov => 3 * parameters,
            Optimizer::Rmsprop => 9 * parameters,
            // What corrects the bias is the same for all parameters, and next to nothing.
            Optimizer::Adam => 10 * parameters,
        };
        if decay {
            of.update += weights;
        }
        of
    }

    /// All together.
    pub fn total(&self) -> u64 {
        let Operations { forward, loss, criterion, backward, gradient, divergence, update } = *self;
        forward + loss + criterion + backward + gradient + divergence + update
    }
}

/// max(z, 0) + ln(1 + e^−|z|)
const SOFTPLUS: u64 = 5;
/// 1 / (1 + e⁻ᶻ)
const LOGISTIC: u64 = 3;

/// φ and φ' of one unit on one sample.
fn activation(activation: Activation) -> u64 {
    match activation {
        Activation::Logistic => LOGISTIC + 2,
        Activation::Tanh => 5 + 1,
        Activation::Relu => 1,
        Activation::LeakyRelu => 2,
        Activation::Elu => 3,
        Activation::Softplus => SOFTPLUS + LOGISTIC,
        // z·(½ erf(z/√2) + ½); Φ + z·c·e^(−½z²)
        Activation::Gelu => 4 + 5,
        // z·s; s·(1 + z·(1 − s))
        Activation::Silu => LOGISTIC + 1 + 3,
        Activation::Erf => 1 + 3,
        Activation::Sin => 1 + 1,
        Activation::Abs => 2,
        Activation::Linear => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::ops::{Add, Mul, Sub};
    use std::sync::Arc;

    use super::*;
    use crate::engine::reference::{ReferenceEngine, gradient};
    use crate::engine::{Batch, Engine, Run, Start};
    use crate::net::Readout;
    use crate::task::Data;
    use crate::verify::{nets, unwatched};

    thread_local! {
        static COUNT: Cell<u64> = const { Cell::new(0) };
    }

    /// A number that counts what is done with it.
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Counted(f64);

    fn counted(value: f64) -> Counted {
        COUNT.set(COUNT.get() + 1);
        Counted(value)
    }

    impl Add for Counted {
        type Output = Counted;
        fn add(self, other: Counted) -> Counted {
            counted(self.0 + other.0)
        }
    }

    impl Sub for Counted {
        type Output = Counted;
        fn sub(self, other: Counted) -> Counted {
            counted(self.0 - other.0)
        }
    }

    impl Mul for Counted {
        type Output = Counted;
        fn mul(self, other: Counted) -> Counted {
            counted(self.0 * other.0)
        }
    }

    impl Counted {
        fn mul_add(self, b: Counted, c: Counted) -> Counted {
            counted(self.0 * b.0 + c.0)
        }

        fn exp(self) -> Counted {
            counted(self.0.exp())
        }

        fn sqrt(self) -> Counted {
            counted(self.0.sqrt())
        }

        fn reciprocal(self) -> Counted {
            counted(1.0 / self.0)
        }

        fn less(self, limit: f64) -> bool {
            COUNT.set(COUNT.get() + 1);
            self.0 < limit
        }

        fn negative(self) -> Counted {
            Counted(-self.0)
        }

        fn magnitude(self) -> Counted {
            Counted(self.0.abs())
        }
    }

    const ONE: Counted = Counted(1.0);

    /// Σ of products, onto a bias if there is one.
    fn products(pairs: impl Iterator<Item = (Counted, Counted)>, bias: Option<Counted>) -> Counted {
        let add = |sum: Option<Counted>, (a, b): (Counted, Counted)| {
            Some(sum.map_or_else(|| a * b, |sum| a.mul_add(b, sum)))
        };
        pairs.fold(bias, add).unwrap()
    }

    fn sum(numbers: impl Iterator<Item = Counted>) -> Counted {
        numbers.reduce(|a, b| a + b).unwrap()
    }

    fn logistic(z: Counted) -> Counted {
        (ONE + z.negative().exp()).reciprocal()
    }

    fn softplus(z: Counted) -> Counted {
        let positive = if z.less(0.0) { Counted(0.0) } else { z };
        let e = z.magnitude().negative().exp();
        positive + counted((ONE + e).0.ln())
    }

    /// ln p and p of logits z.
    fn softmax(z: &[Counted]) -> (Vec<Counted>, Vec<Counted>) {
        let larger = |a: Counted, b: Counted| if a.less(b.0) { b } else { a };
        let largest = z.iter().copied().reduce(larger).unwrap();
        let below: Vec<Counted> = z.iter().map(|&z| z - largest).collect();
        let exponentials: Vec<Counted> = below.iter().map(|z| z.exp()).collect();
        let log = counted(sum(exponentials.into_iter()).0.ln());
        let log_p: Vec<Counted> = below.into_iter().map(|z| z - log).collect();
        let p = log_p.iter().map(|z| z.exp()).collect();
        (log_p, p)
    }

    /// ρ·v + (1 − ρ)·g², from v = 0.
    fn averaged_square(rho: f64, g: Counted) -> Counted {
        Counted(rho).mul_add(Counted(0.0), Counted(1.0 - rho) * g * g)
    }

    /// φ(z) and φ'(z), as the documentation gives them.
    fn activate(activation: Activation, z: Counted) -> (Counted, Counted) {
        match activation {
            Activation::Logistic => {
                let h = logistic(z);
                (h, h * (ONE - h))
            }
            Activation::Tanh => {
                let r = (ONE + (Counted(-2.0) * z).exp()).reciprocal();
                let h = r.mul_add(Counted(2.0), Counted(-1.0));
                (h, h.negative().mul_add(h, ONE))
            }
            Activation::Relu if z.negative().less(0.0) => (z, ONE),
            Activation::Relu => (Counted(0.0), Counted(0.0)),
            Activation::LeakyRelu => {
                let slope = Counted(if z.negative().less(0.0) { 1.0 } else { 0.01 });
                (slope * z, slope)
            }
            Activation::Elu => {
                let e = z.exp();
                let below = e - ONE;
                if z.negative().less(0.0) { (z, ONE) } else { (below, e) }
            }
            Activation::Softplus => (softplus(z), logistic(z)),
            Activation::Gelu => {
                let half = Counted(0.5);
                let erf = counted(libm::erf((z * Counted(std::f64::consts::FRAC_1_SQRT_2)).0));
                let cdf = half.mul_add(erf, half);
                let c = Counted(1.0 / (2.0 * std::f64::consts::PI).sqrt());
                let density = c * (Counted(-0.5) * (z * z)).exp();
                (z * cdf, z.mul_add(density, cdf))
            }
            Activation::Silu => {
                let s = logistic(z);
                (z * s, s * z.mul_add(ONE - s, ONE))
            }
            Activation::Erf => {
                let slope = Counted(std::f64::consts::FRAC_2_SQRT_PI) * (z * z).negative().exp();
                (counted(libm::erf(z.0)), slope)
            }
            Activation::Sin => (counted(z.0.sin()), counted(z.0.cos())),
            Activation::Abs => {
                let (positive, negative) = (z.negative().less(0.0), z.less(0.0));
                let slope = f64::from(u8::from(positive)) - f64::from(u8::from(negative));
                (z.magnitude(), Counted(slope))
            }
            Activation::Linear => (z, ONE),
        }
    }

    /// What one net-step comes to.
    struct Step {
        loss: f64,
        gradient: Vec<f64>,
        solved: bool,
        diverged: bool,
        updated: Vec<f64>,
    }

    /// One net-step written as plainly as can be.
    fn step(program: &Program, run: &Run, start: &[f64], decay: bool) -> Step {
        let (shape, data) = (&program.shape, &program.data);
        let (layers, samples) = (shape.layers(), data.samples());
        let last = layers.len() - 1;
        let p: Vec<Counted> = start.iter().map(|&v| Counted(v)).collect();
        let number = |v: &f32| Counted(f64::from(*v));
        // Per sample and layer.
        let mut h: Vec<Vec<Vec<Counted>>> = Vec::new();
        let mut delta: Vec<Vec<Vec<Counted>>> = Vec::new();
        let mut terms = Vec::new();
        let mut solved = true;
        for s in 0..samples {
            let x: Vec<Counted> = data.x[s * data.inputs..][..data.inputs].iter().map(number).collect();
            let y: Vec<Counted> = data.y[s * data.outputs..][..data.outputs].iter().map(number).collect();
            let (mut hs, mut zs, mut slopes) = (vec![x.clone()], Vec::new(), Vec::new());
            for (l, layer) in layers.iter().enumerate() {
                let unit = |u: usize| {
                    let bias = layer.biases.map(|b| p[b + u]);
                    let z = match layer.weights {
                        Some(w) => {
                            let row = &p[w + u * layer.inputs..][..layer.inputs];
                            products(row.iter().copied().zip(hs[l].iter().copied()), bias)
                        }
                        None => sum(hs[l].iter().copied()),
                    };
                    match shape.skip_weights() {
                        Some(skip) if l == last => {
                            let row = &p[skip + u * shape.inputs..][..shape.inputs];
                            products(row.iter().copied().zip(x.iter().copied()), Some(z))
                        }
                        _ => z,
                    }
                };
                let z: Vec<Counted> = (0..layer.outputs).map(unit).collect();
                let (out, slope): (Vec<Counted>, Vec<Counted>) =
                    z.iter().map(|&z| activate(layer.activation, z)).unzip();
                hs.push(out);
                slopes.push(slope);
                zs.push(z);
            }
            if program.loss == Loss::CrossEntropy {
                let (log, p) = softmax(&zs[last]);
                (zs[last], hs[last + 1]) = (log, p);
            }
            let norm = Counted(program.loss.delta_norm(data.samples(), data.outputs));
            let mut ds = vec![Vec::new(); layers.len()];
            for o in 0..data.outputs {
                let e = hs[last + 1][o] - y[o];
                if program.criterion == Criterion::Error {
                    solved &= e.magnitude().less(run.solved_limit);
                }
                ds[last].push(match program.loss {
                    Loss::Mse | Loss::HalfSse => {
                        terms.push((e, e));
                        norm * e * slopes[last][o]
                    }
                    Loss::CrossEntropy => {
                        terms.push((y[o].negative(), zs[last][o]));
                        norm * e
                    }
                    Loss::Bce => {
                        let z = zs[last][o];
                        terms.push((y[o].negative().mul_add(z, softplus(z)), ONE));
                        norm * e
                    }
                });
            }
            for l in (1..=last).rev() {
                let layer = layers[l];
                let unit = |i: usize| {
                    let up = (0..layer.outputs).map(|u| ds[l][u]);
                    let back = match layer.weights {
                        Some(w) => {
                            products((0..layer.outputs).map(|u| p[w + u * layer.inputs + i]).zip(up), None)
                        }
                        None => sum(up),
                    };
                    back * slopes[l - 1][i]
                };
                ds[l - 1] = (0..layer.inputs).map(unit).collect();
            }
            h.push(hs);
            delta.push(ds);
        }
        let total = match program.loss {
            Loss::Mse | Loss::HalfSse | Loss::CrossEntropy => products(terms.iter().copied(), None),
            Loss::Bce => sum(terms.iter().map(|&(term, _)| term)),
        };
        let loss = total * Counted(program.loss.norm(data.samples(), data.outputs));
        if program.criterion == Criterion::Loss {
            solved = loss.less(run.solved_limit);
        }
        let mut g = vec![Counted(0.0); p.len()];
        for (l, layer) in layers.iter().enumerate() {
            for u in 0..layer.outputs {
                let deltas = || delta.iter().map(|ds| ds[l][u]);
                if let Some(w) = layer.weights {
                    for i in 0..layer.inputs {
                        g[w + u * layer.inputs + i] =
                            products(deltas().zip(h.iter().map(|hs| hs[l][i])), None);
                    }
                }
                if let Some(b) = layer.biases {
                    g[b + u] = sum(deltas());
                }
                if let (true, Some(skip)) = (l == last, shape.skip_weights()) {
                    for i in 0..shape.inputs {
                        g[skip + u * shape.inputs + i] =
                            products(deltas().zip(h.iter().map(|hs| hs[0][i])), None);
                    }
                }
            }
        }
        let gradient = g.iter().map(|g| g.0).collect();
        let mut diverged = !loss.magnitude().less(1e30);
        let (lr, velocity) = (Counted(-run.lr), Counted(0.0));
        let weight = shape.is_weight();
        let updated = p.iter().zip(&g).zip(&weight).map(|((&w, &g), &weight)| {
            let g = if decay && weight { Counted(run.weight_decay).mul_add(w, g) } else { g };
            let w = match program.optimizer {
                Optimizer::Sgd => lr.mul_add(g, w),
                Optimizer::Momentum => {
                    let step = Counted(run.momentum).mul_add(velocity, lr * g);
                    w + step
                }
                Optimizer::Nesterov => {
                    let momentum = Counted(run.momentum);
                    let buffer = momentum.mul_add(Counted(0.0), g);
                    lr.mul_add(momentum.mul_add(buffer, g), w)
                }
                Optimizer::Rmsprop => {
                    let square = averaged_square(run.rho, g);
                    let root = square.sqrt() + Counted(run.epsilon);
                    w + lr * g * root.reciprocal()
                }
                Optimizer::Adam => {
                    let mean = Counted(run.beta1).mul_add(Counted(0.0), Counted(1.0 - run.beta1) * g);
                    let square = averaged_square(run.beta2, g);
                    // After the first step.
                    let rate = Counted(-run.lr / (1.0 - run.beta1));
                    let root_of_bias = Counted((1.0 - run.beta2).sqrt().recip());
                    let root = square.sqrt().mul_add(root_of_bias, Counted(run.epsilon));
                    (rate * mean).mul_add(root.reciprocal(), w)
                }
            };
            diverged |= !w.magnitude().less(1e30);
            w.0
        });
        let updated = updated.collect();
        Step { loss: loss.0, gradient, solved, diverged, updated }
    }

    /// Counts one step of `program`, which must also be a step as the reference makes it.
    fn counts(program: &Program, decay: bool) {
        let program = Program { steps: 1, ..program.clone() };
        let run = Run { weight_decay: if decay { 0.125 } else { 0.0 }, lr: 0.25, ..nets::run(0) };
        let start = nets::parameters(&program.shape, 1.0, 3);
        let exact: Vec<f64> = start.iter().map(|&v| f64::from(v)).collect();
        COUNT.set(0);
        let found = step(&program, &run, &exact, decay);
        let counted = COUNT.get();
        assert_eq!(Operations::of(&program, decay).total(), counted, "{program:?}");
        assert_ne!(Operations::of(&program, !decay).total(), counted, "one term too many or too few is seen");
        let (want_loss, want) = gradient(&program.shape, &program.data, program.loss, &exact);
        assert!((found.loss - want_loss).abs() < 1e-12, "{program:?}");
        for (found, want) in found.gradient.iter().zip(&want) {
            assert!((found - want).abs() < 1e-12, "{found} {want} {program:?}");
        }
        let batch =
            Batch { program: &program, runs: &[run], start: Start::Given(&start), keep_parameters: true };
        let trained = ReferenceEngine::new(Some(1)).unwrap().train(&batch, &unwatched()).unwrap();
        assert_eq!(
            (found.diverged, found.solved),
            (false, trained.runs[0].solve_step == Some(0)),
            "{program:?}"
        );
        for (updated, want) in found.updated.iter().zip(trained.parameters.unwrap().last) {
            assert!((updated - f64::from(want)).abs() < 1e-6, "{updated} {want} {program:?}");
        }
    }

    #[test]
    fn counts_are_those_of_an_implementation_that_counts() {
        for program in nets::programs(nets::Coverage::Quick) {
            for &optimizer in Optimizer::ALL {
                for criterion in [Criterion::Error, Criterion::Loss] {
                    for decay in [false, true] {
                        counts(&Program { optimizer, criterion, ..program.clone() }, decay);
                    }
                }
            }
        }
    }

    #[test]
    fn the_quick_nets_reach_every_term() {
        let programs = nets::programs(nets::Coverage::Quick);
        for &activation in Activation::ALL {
            assert!(programs.iter().any(|p| p.shape.activation == activation), "{activation}");
            assert!(programs.iter().any(|p| p.shape.output == activation), "{activation}");
        }
        for loss in [Loss::Mse, Loss::HalfSse, Loss::Bce] {
            assert!(programs.iter().any(|p| p.loss == loss), "{loss}");
        }
        for skip in [false, true] {
            assert!(programs.iter().any(|p| p.shape.skip == skip && p.shape.readout == Readout::Sum));
        }
    }

    #[test]
    fn one_by_hand() {
        // 1-1-1, linear, no biases, two samples of mse: 2 × 2 products forward; e, e², norm: 5; 2 comparisons;
        // 2 × 2 at the output, 2 × 2 below; 2 × 2 gradients; 3 comparisons; 2 updates.
        let mut program = nets::boolean(crate::task::Boolean::Xor, &[1], Activation::Linear, 1);
        program.data = Arc::new(Data { inputs: 1, outputs: 1, x: vec![1.0, 2.0], y: vec![0.0, 3.0] });
        (program.shape.inputs, program.shape.bias) = (1, false);
        program.shape.output = Activation::Linear;
        let of = Operations::of(&program, false);
        let by_hand = Operations {
            forward: 4,
            loss: 5,
            criterion: 2,
            backward: 8,
            gradient: 4,
            divergence: 3,
            update: 2,
        };
        assert_eq!((of, of.total()), (by_hand, 28));
    }
}
