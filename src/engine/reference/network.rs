//! A network and its task in f64: the forward pass, the loss, and back-propagation (Rumelhart, Hinton,
//! Williams 1986), written as the formulas are. Nothing here allocates once a [`Network`] is made.

mod hessian;

pub use hessian::HessianProduct;

use crate::net::loss::log_softmax;
use crate::net::{Activation, Layer, Loss, Shape};
use crate::task::Data;

/// Samples of a unit between two looks at whether to go on.
const ASK: usize = 256;

/// A network with its task and room for one pass over all samples. Activations, weighted sums and deltas have
/// shape `[unit][sample]`.
#[derive(Clone, Debug)]
pub struct Network {
    layers: Vec<Layer>,
    skip: Option<usize>,
    loss: Loss,
    samples: usize,
    targets: Vec<f64>,
    /// Weighted sums z of layer l; ln p of the output under [`Loss::CrossEntropy`].
    z: Vec<Vec<f64>>,
    /// Inputs of layer l: `h[0]` is the task's x, `h[l + 1]` = φ(`z[l]`).
    h: Vec<Vec<f64>>,
    /// What h of hidden layer l is multiplied by, of the same shape; empty without dropout.
    keep: Vec<Vec<f64>>,
    /// ∂loss/∂z of layer l.
    delta: Vec<Vec<f64>>,
    gradient: Vec<f64>,
}

/// What a forward pass says of the outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outputs {
    /// Of the whole task, without weight decay.
    pub loss: f64,
    /// Largest |o − y|; NaN if any is.
    pub error: f64,
}

/// Loss and its gradient, without weight decay, at `parameters` (in layout order).
pub fn gradient(shape: &Shape, data: &Data, loss: Loss, parameters: &[f64]) -> (f64, Vec<f64>) {
    let mut network = Network::new(shape, data, loss);
    let outputs = network.forward(parameters);
    network.backward(parameters);
    (outputs.loss, network.gradient)
}

impl Network {
    /// Of a shape whose widths are those of the data.
    pub fn new(shape: &Shape, data: &Data, loss: Loss) -> Network {
        let (layers, samples) = (shape.layers(), data.samples());
        let room: Vec<Vec<f64>> = layers.iter().map(|layer| vec![0.0; layer.outputs * samples]).collect();
        let mut h = vec![transposed(&data.x, data.inputs)];
        h.extend(room.iter().cloned());
        Network {
            skip: shape.skip_weights(),
            loss,
            samples,
            targets: transposed(&data.y, data.outputs),
            z: room.clone(),
            h,
            keep: Vec::new(),
            delta: room,
            gradient: vec![0.0; shape.parameters()],
            layers,
        }
    }

    /// Puts other numbers in the place of input `i` of sample `s`.
    pub fn set_input(&mut self, i: usize, s: usize, x: f64) {
        self.h[0][i * self.samples + s] = x;
    }

    /// Puts other numbers in the place of target `o` of sample `s`.
    pub fn set_target(&mut self, o: usize, s: usize, y: f64) {
        self.targets[o * self.samples + s] = y;
    }

    /// Multiplies unit `u` of hidden layer `l` on sample `s` by `factor` from now on.
    pub fn set_keep(&mut self, l: usize, u: usize, s: usize, factor: f64) {
        if self.keep.is_empty() {
            let hidden = &self.z[..self.z.len() - 1];
            self.keep = hidden.iter().map(|z| vec![1.0; z.len()]).collect();
        }
        self.keep[l][u * self.samples + s] = factor;
    }

    /// z = b + Σ w·h, h = φ(z), layer by layer; then loss and error.
    pub fn forward(&mut self, parameters: &[f64]) -> Outputs {
        // Only a no of `go_on` ends it early.
        self.forward_while(parameters, || true).expect("a whole pass")
    }

    /// The same, or `None` as soon as `go_on` says no: a pass of a large network takes long.
    pub fn forward_while(&mut self, parameters: &[f64], go_on: impl Fn() -> bool) -> Option<Outputs> {
        let (last, samples) = (self.layers.len() - 1, self.samples);
        for (l, layer) in self.layers.iter().enumerate() {
            let (below, above) = self.h.split_at_mut(l + 1);
            let (x, input, output, z) = (&below[0], &below[l], &mut above[0], &mut self.z[l]);
            for u in 0..layer.outputs {
                let bias = layer.biases.map_or(0.0, |b| parameters[b + u]);
                for s in 0..samples {
                    if s % ASK == 0 && !go_on() {
                        return None;
                    }
                    let mut sum = bias;
                    for i in 0..layer.inputs {
                        let weight = layer.weights.map_or(1.0, |w| parameters[w + u * layer.inputs + i]);
                        sum += weight * input[i * samples + s];
                    }
                    if let (true, Some(skip)) = (l == last, self.skip) {
                        let inputs = self.layers[0].inputs;
                        for i in 0..inputs {
                            sum += parameters[skip + u * inputs + i] * x[i * samples + s];
                        }
                    }
                    z[u * samples + s] = sum;
                    let h = layer.activation.value(sum);
                    output[u * samples + s] = match self.keep.get(l).map(|keep| keep[u * samples + s]) {
                        // An infinite one, too.
                        Some(0.0) => 0.0,
                        Some(factor) => factor * h,
                        None => h,
                    };
                }
            }
        }
        if self.loss == Loss::CrossEntropy {
            self.softmax();
        }
        let (mut sum, mut error) = (0.0, 0.0f64);
        for ((&z, &o), &y) in self.z[last].iter().zip(&self.h[last + 1]).zip(&self.targets) {
            sum += self.loss.term(z, o, y);
            let e = (o - y).abs();
            // Once a NaN, always one.
            if e > error || e.is_nan() {
                error = e;
            }
        }
        Some(Outputs { loss: sum * self.loss.norm(samples, self.layers[last].outputs), error })
    }

    /// From the logits of the output to ln p and p.
    fn softmax(&mut self) {
        let (last, samples) = (self.layers.len() - 1, self.samples);
        let outputs = self.layers[last].outputs;
        let mut logits = vec![0.0; outputs];
        for s in 0..samples {
            for (o, logit) in logits.iter_mut().enumerate() {
                *logit = self.z[last][o * samples + s];
            }
            log_softmax(&mut logits);
            for (o, log) in logits.iter().enumerate() {
                self.z[last][o * samples + s] = *log;
                self.h[last + 1][o * samples + s] = log.exp();
            }
        }
    }

    /// The gradient of the loss at the parameters of the last forward pass, by back-propagation.
    pub fn backward(&mut self, parameters: &[f64]) {
        // Only a no of `go_on` ends it early.
        self.backward_while(parameters, || true).expect("a whole pass");
    }

    /// The same, or `None` as soon as `go_on` says no.
    pub fn backward_while(&mut self, parameters: &[f64], go_on: impl Fn() -> bool) -> Option<()> {
        let (last, samples) = (self.layers.len() - 1, self.samples);
        let norm = self.loss.delta_norm(samples, self.layers[last].outputs);
        let output = self.layers[last].activation;
        for (k, delta) in self.delta[last].iter_mut().enumerate() {
            let (z, o) = (self.z[last][k], self.h[last + 1][k]);
            let e = o - self.targets[k];
            // Of logits the slope of the output cancels.
            let slope = if self.loss.is_of_logits() { 1.0 } else { slope(output, z, o) };
            *delta = norm * e * slope;
        }
        for l in (0..=last).rev() {
            let layer = &self.layers[l];
            let (below, above) = self.delta.split_at_mut(l);
            let (delta, input) = (&above[0], &self.h[l]);
            for u in 0..layer.outputs {
                if !go_on() {
                    return None;
                }
                let delta = &delta[u * samples..(u + 1) * samples];
                if let Some(w) = layer.weights {
                    for i in 0..layer.inputs {
                        let input = &input[i * samples..(i + 1) * samples];
                        self.gradient[w + u * layer.inputs + i] = dot(delta, input);
                    }
                }
                if let Some(b) = layer.biases {
                    self.gradient[b + u] = delta.iter().sum();
                }
                if let (true, Some(skip)) = (l == last, self.skip) {
                    let inputs = self.layers[0].inputs;
                    for i in 0..inputs {
                        let x = &self.h[0][i * samples..(i + 1) * samples];
                        self.gradient[skip + u * inputs + i] = dot(delta, x);
                    }
                }
            }
            let Some(below) = below.last_mut() else { break };
            let activation = self.layers[l - 1].activation;
            for i in 0..layer.inputs {
                for s in 0..samples {
                    if s % ASK == 0 && !go_on() {
                        return None;
                    }
                    let mut sum = 0.0;
                    for u in 0..layer.outputs {
                        let weight = layer.weights.map_or(1.0, |w| parameters[w + u * layer.inputs + i]);
                        sum += weight * delta[u * samples + s];
                    }
                    let k = i * samples + s;
                    let z = self.z[l - 1][k];
                    below[k] = match self.keep.get(l - 1).map(|keep| keep[k]) {
                        Some(0.0) => 0.0,
                        Some(factor) => sum * (factor * activation.slope(z)),
                        None => sum * slope(activation, z, input[k]),
                    };
                }
            }
        }
        Some(())
    }

    /// What [`Network::backward`] found, in layout order.
    pub fn gradient(&self) -> &[f64] {
        &self.gradient
    }

    /// The outputs, shape `[output][sample]`, of the last forward pass.
    pub fn outputs(&self) -> &[f64] {
        &self.h[self.layers.len()]
    }

    /// Activations of hidden layer `l`, shape `[unit][sample]`, of the last forward pass.
    pub fn hidden(&self, l: usize) -> &[f64] {
        &self.h[l + 1]
    }
}

/// φ'(z); from h = φ(z) where that saves an exponential.
fn slope(activation: Activation, z: f64, h: f64) -> f64 {
    match activation {
        Activation::Logistic => h * (1.0 - h),
        Activation::Tanh => 1.0 - h * h,
        _ => activation.slope(z),
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `[sample][number]` in f32 to `[number][sample]` in f64.
fn transposed(rows: &[f32], width: usize) -> Vec<f64> {
    (0..width).flat_map(|i| rows.iter().skip(i).step_by(width).map(|&v| f64::from(v))).collect()
}
