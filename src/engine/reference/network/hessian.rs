//! Second derivatives: the Hessian times a vector, by differentiating both passes along it (Pearlmutter 1994, "Fast exact
//! multiplication by the Hessian"). Exact but for rounding.

use super::{Network, slope};
use crate::net::Loss;

/// The Hessian of the loss times a vector, in layout order.
#[derive(Clone, Debug, PartialEq)]
pub struct HessianProduct {
    /// Entry p is the derivative, along the vector, of ∂loss/∂(parameter p).
    pub product: Vec<f64>,
    /// The sum, for each entry, of the absolute values of the terms that it is the sum of: times ε it says how far
    /// rounding may have moved it.
    pub magnitude: Vec<f64>,
}

impl Network {
    /// The Hessian of the loss, without weight decay, times `v`, at the parameters of the last forward and backward pass.
    /// Without dropout. At a kink the derivatives are those of the piece whose slope the backward pass takes.
    pub fn hessian_times(&self, parameters: &[f64], v: &[f64]) -> HessianProduct {
        let (last, samples) = (self.layers.len() - 1, self.samples);
        // Derivatives along v of z, and of h but for the inputs, which do not change.
        let mut dz: Vec<Vec<f64>> = self.z.iter().map(|z| vec![0.0; z.len()]).collect();
        let mut dh: Vec<Vec<f64>> = self.h.iter().map(|h| vec![0.0; h.len()]).collect();
        for (l, layer) in self.layers.iter().enumerate() {
            for u in 0..layer.outputs {
                for s in 0..samples {
                    let mut sum = layer.biases.map_or(0.0, |b| v[b + u]);
                    for i in 0..layer.inputs {
                        let k = i * samples + s;
                        match layer.weights.map(|w| w + u * layer.inputs + i) {
                            Some(w) => sum += v[w] * self.h[l][k] + parameters[w] * dh[l][k],
                            None => sum += dh[l][k],
                        }
                    }
                    if let (true, Some(skip)) = (l == last, self.skip) {
                        let inputs = self.layers[0].inputs;
                        for i in 0..inputs {
                            sum += v[skip + u * inputs + i] * self.h[0][i * samples + s];
                        }
                    }
                    let k = u * samples + s;
                    dz[l][k] = sum;
                    // Of the output under cross-entropy this is not dp, which `output_delta` knows.
                    dh[l + 1][k] = slope(layer.activation, self.z[l][k], self.h[l + 1][k]) * sum;
                }
            }
        }
        let mut ddelta = self.output_delta(&dz[last], &dh[last + 1]);
        let mut found = HessianProduct { product: vec![0.0; v.len()], magnitude: vec![0.0; v.len()] };
        let mut add = |p: usize, terms: &mut dyn Iterator<Item = f64>| {
            for term in terms {
                found.product[p] += term;
                found.magnitude[p] += term.abs();
            }
        };
        for l in (0..=last).rev() {
            let layer = &self.layers[l];
            let delta = &self.delta[l];
            for u in 0..layer.outputs {
                let row = u * samples..(u + 1) * samples;
                if let Some(w) = layer.weights {
                    for i in 0..layer.inputs {
                        let input = i * samples..(i + 1) * samples;
                        let p = w + u * layer.inputs + i;
                        add(
                            p,
                            &mut ddelta[row.clone()]
                                .iter()
                                .zip(&self.h[l][input.clone()])
                                .map(|(d, h)| d * h),
                        );
                        add(p, &mut delta[row.clone()].iter().zip(&dh[l][input]).map(|(d, h)| d * h));
                    }
                }
                if let Some(b) = layer.biases {
                    add(b + u, &mut ddelta[row.clone()].iter().copied());
                }
                if let (true, Some(skip)) = (l == last, self.skip) {
                    let inputs = self.layers[0].inputs;
                    for i in 0..inputs {
                        let x = &self.h[0][i * samples..(i + 1) * samples];
                        add(
                            skip + u * inputs + i,
                            &mut ddelta[row.clone()].iter().zip(x).map(|(d, x)| d * x),
                        );
                    }
                }
            }
            if l == 0 {
                break;
            }
            let activation = self.layers[l - 1].activation;
            let mut below = vec![0.0; layer.inputs * samples];
            for i in 0..layer.inputs {
                for s in 0..samples {
                    let (mut sum, mut dsum) = (0.0, 0.0);
                    for u in 0..layer.outputs {
                        let k = u * samples + s;
                        match layer.weights.map(|w| w + u * layer.inputs + i) {
                            Some(w) => {
                                sum += parameters[w] * delta[k];
                                dsum += v[w] * delta[k] + parameters[w] * ddelta[k];
                            }
                            None => {
                                sum += delta[k];
                                dsum += ddelta[k];
                            }
                        }
                    }
                    let k = i * samples + s;
                    let z = self.z[l - 1][k];
                    below[k] = activation.curvature(z) * dz[l - 1][k] * sum
                        + slope(activation, z, self.h[l][k]) * dsum;
                }
            }
            ddelta = below;
        }
        found
    }

    /// The derivative along a direction of ∂loss/∂z of the output, from those of z and of h = φ(z) of the output.
    fn output_delta(&self, dz: &[f64], dh: &[f64]) -> Vec<f64> {
        let (last, samples) = (self.layers.len() - 1, self.samples);
        let (outputs, output) = (self.layers[last].outputs, self.layers[last].activation);
        let norm = self.loss.delta_norm(samples, outputs);
        let (z, h) = (&self.z[last], &self.h[last + 1]);
        let of = |k: usize| match self.loss {
            Loss::Mse | Loss::HalfSse => {
                let e = h[k] - self.targets[k];
                dh[k] * slope(output, z[k], h[k]) + e * output.curvature(z[k]) * dz[k]
            }
            Loss::Bce => dh[k],
            // ∂p/∂z = diag p − p pᵀ, of the outputs of one sample.
            Loss::CrossEntropy => {
                let mean: f64 = (k % samples..h.len()).step_by(samples).map(|j| h[j] * dz[j]).sum();
                h[k] * (dz[k] - mean)
            }
        };
        (0..h.len()).map(|k| norm * of(k)).collect()
    }

    /// How often a unit whose activation function has a kink stands exactly at it, over all samples.
    pub fn kinks_hit(&self) -> usize {
        let of_layer = |(layer, z): (&crate::net::Layer, &Vec<f64>)| {
            if layer.activation.has_kink() { z.iter().filter(|z| **z == 0.0).count() } else { 0 }
        };
        self.layers.iter().zip(&self.z).map(of_layer).sum()
    }
}
