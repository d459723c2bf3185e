//! How far a correct engine may be from the reference: a running error analysis (Higham, Accuracy and Stability
//! of Numerical Algorithms, 2002, §3.3) of one forward and one backward pass. Every sum may be taken in any
//! order and with or without fused multiply-add; every product and sum may be off by the unit roundoff u.

use crate::net::{Activation, Loss, Shape};
use crate::task::Data;

/// Unit roundoff of f32.
pub const F32: f64 = 1.0 / (1 << 24) as f64;

/// The smallest normal number of f32: below it devices may flush to zero.
const FLUSHED: f64 = f32::MIN_POSITIVE as f64;

/// How much error one pass may make.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Of the loss.
    pub loss: f64,
    /// Of the largest |o − y|.
    pub error: f64,
    /// Of each parameter's gradient, in layout order.
    pub gradient: Vec<f64>,
    /// Of the distance of any two units of a hidden layer, which is at most 2: |h_i − h_j| is off by two errors of h,
    /// max(1, max |h|) by one, and the quotient by 2.5 ulp.
    pub distance: f64,
}

/// Error that an engine may make in φ(z) itself, z being exact. Relative, so that tanh z is right to a few ulp at
/// z = 1e-6 too, and (4|z| + 8) u because built-in exponentials (WGSL: 3 + 2|z| ulp) lose that much; where
/// φ is a selection or a product nothing of that is needed. gelu may take Φ from an erf that is good to an
/// absolute error; sin may lose the range reduction's error. Near the end of f32's range exponentials may be flushed
/// to zero or clamped, which gelu and silu multiply by z.
pub fn value_error(activation: Activation, z: f64, u: f64) -> f64 {
    let h = activation.value(z).abs();
    let exponential = (4.0 * z.abs().min(100.0) + 8.0) * u;
    let relative = match activation {
        Activation::Linear | Activation::Relu | Activation::Abs => 0.0,
        Activation::LeakyRelu => 2.0 * u * h,
        Activation::Sin => (4.0 * z.abs() + 8.0) * u * z.abs().min(1.0),
        Activation::Gelu => exponential * h + 4.0 * u * z.abs(),
        _ => exponential * h,
    };
    relative + 2.0 * FLUSHED * z.abs().max(1.0)
}

/// Error that an engine may make in φ'(z), z being exact. Absolute, because slopes are often taken from φ(z).
fn slope_error(activation: Activation, z: f64, u: f64) -> f64 {
    match activation {
        Activation::Linear | Activation::Relu | Activation::Abs => 0.0,
        Activation::LeakyRelu => 2.0 * u,
        Activation::Sin => (4.0 * z.abs() + 8.0) * u,
        _ => (4.0 * z.abs().min(100.0) + 8.0) * u,
    }
}

/// Largest change of φ or φ' when z moves by up to `dz`. The ends of the interval decide for monotone functions;
/// for the others the largest slope (gelu's: 1.13) does.
fn moved(activation: Activation, function: impl Fn(f64) -> f64, z: f64, dz: f64) -> f64 {
    let ends = (function(z + dz) - function(z)).abs().max((function(z - dz) - function(z)).abs());
    match activation {
        Activation::Sin | Activation::Abs | Activation::Gelu | Activation::Silu => ends.max(1.2 * dz),
        _ => ends,
    }
}

/// A number of one sample with the error it may carry.
#[derive(Clone, Copy, Default)]
struct Uncertain {
    value: f64,
    error: f64,
}

/// A sum of products with its error: that of the terms, and of summing them.
#[derive(Clone, Copy, Default)]
struct Sum {
    value: f64,
    error: f64,
    absolute: f64,
    terms: f64,
}

impl Sum {
    /// Adds a product of two numbers.
    fn add(&mut self, a: Uncertain, b: Uncertain) {
        self.value += a.value * b.value;
        self.error += a.error * b.value.abs() + a.value.abs() * b.error + a.error * b.error;
        self.absolute += (a.value * b.value).abs();
        self.terms += 1.0;
    }

    fn finish(self, u: f64) -> Uncertain {
        Uncertain { value: self.value, error: self.error + (self.terms + 1.0) * u * self.absolute + FLUSHED }
    }
}

fn exact(value: f64) -> Uncertain {
    Uncertain { value, error: 0.0 }
}

/// What an engine of unit roundoff `u` may be off by in one pass at `parameters`.
pub fn bounds(shape: &Shape, data: &Data, loss: Loss, parameters: &[f64], u: f64) -> Bounds {
    let layers = shape.layers();
    let terms = data.y.len();
    let mut gradient = vec![Sum::default(); parameters.len()];
    let (mut loss_sum, mut loss_absolute, mut error) = (0.0, 0.0, 0.0f64);
    // Of each layer: the largest |h|, and the largest error of an h.
    let mut largest = vec![(1.0f64, 0.0f64); layers.len()];
    for s in 0..data.samples() {
        let x: Vec<Uncertain> =
            data.x[s * data.inputs..(s + 1) * data.inputs].iter().map(|&x| exact(f64::from(x))).collect();
        // Forward: z and h of every layer.
        let (mut z, mut h): (Vec<Vec<Uncertain>>, _) = (Vec::new(), vec![x.clone()]);
        for (l, layer) in layers.iter().enumerate() {
            let sums = (0..layer.outputs).map(|o| {
                let mut sum = Sum::default();
                for (i, &input) in h[l].iter().enumerate() {
                    sum.add(
                        exact(layer.weights.map_or(1.0, |w| parameters[w + o * layer.inputs + i])),
                        input,
                    );
                }
                if let Some(b) = layer.biases {
                    sum.add(exact(parameters[b + o]), exact(1.0));
                }
                if let (true, Some(skip)) = (l + 1 == layers.len(), shape.skip_weights()) {
                    for (i, &input) in x.iter().enumerate() {
                        sum.add(exact(parameters[skip + o * shape.inputs + i]), input);
                    }
                }
                sum.finish(u)
            });
            let sums: Vec<Uncertain> = sums.collect();
            let phi = layer.activation;
            let outputs = sums.iter().map(|z| Uncertain {
                value: phi.value(z.value),
                error: moved(phi, |z| phi.value(z), z.value, z.error) + value_error(phi, z.value, u),
            });
            let outputs: Vec<Uncertain> = outputs.collect();
            largest[l] = outputs
                .iter()
                .fold(largest[l], |(h, error), output| (h.max(output.value.abs()), error.max(output.error)));
            h.push(outputs);
            z.push(sums);
        }
        let slope = |l: usize, i: usize| {
            let (phi, z) = (layers[l].activation, z[l][i]);
            Uncertain {
                value: phi.slope(z.value),
                error: moved(phi, |z| phi.slope(z), z.value, z.error) + slope_error(phi, z.value, u),
            }
        };
        // Outputs: loss, error, the first deltas.
        let last = layers.len() - 1;
        let mut delta: Vec<Uncertain> = Vec::new();
        for o in 0..data.outputs {
            let y = f64::from(data.y[s * data.outputs + o]);
            let (z, out) = (z[last][o], h[last + 1][o]);
            let mut e = Uncertain { value: out.value - y, error: out.error + u * (out.value - y).abs() };
            if layers[last].activation == Activation::Linear {
                // WGSL lets compilers take sums in another order ("Reassociation and Fusion"), and Mesa's does: of
                // a·b + c·d − y it may make fma(a, b, fma(c, d, −y)), which rounds at the size of y once a term.
                let terms = layers[last].inputs + 1 + if shape.skip { data.inputs } else { 0 };
                e.error += terms as f64 * u * y.abs();
            }
            error = error.max(e.error);
            let term = loss.term(z.value, out.value, y);
            loss_absolute += term.abs();
            loss_sum += match loss {
                Loss::Mse | Loss::HalfSse => (2.0 * e.value.abs() + e.error) * e.error,
                Loss::CrossEntropy => f64::NAN,
                // softplus(z) − y·z: its slope is o − y, each part rounds by itself.
                Loss::Bce => {
                    z.error
                        + value_error(Activation::Softplus, z.value, u)
                        + 2.0 * u * ((y * z.value).abs() + Activation::Softplus.value(z.value))
                }
            };
            let norm = Uncertain {
                value: loss.delta_norm(data.samples(), data.outputs),
                error: u * loss.delta_norm(data.samples(), data.outputs),
            };
            let mut product = Sum::default();
            product.add(e, if loss == Loss::Bce { exact(1.0) } else { slope(last, o) });
            let mut normed = Sum::default();
            normed.add(norm, product.finish(u));
            delta.push(normed.finish(u));
        }
        // Backward: gradients of this sample, and the deltas below.
        for (l, layer) in layers.iter().enumerate().rev() {
            for (o, &d) in delta.iter().enumerate() {
                if let Some(w) = layer.weights {
                    for (i, &input) in h[l].iter().enumerate() {
                        gradient[w + o * layer.inputs + i].add(d, input);
                    }
                }
                if let Some(b) = layer.biases {
                    gradient[b + o].add(d, exact(1.0));
                }
                if let (true, Some(skip)) = (l == last, shape.skip_weights()) {
                    for (i, &input) in x.iter().enumerate() {
                        gradient[skip + o * shape.inputs + i].add(d, input);
                    }
                }
            }
            if l > 0 {
                let below = (0..layer.inputs).map(|i| {
                    let mut sum = Sum::default();
                    for (o, &d) in delta.iter().enumerate() {
                        let weight = layer.weights.map_or(1.0, |w| parameters[w + o * layer.inputs + i]);
                        sum.add(exact(weight), d);
                    }
                    let mut product = Sum::default();
                    product.add(sum.finish(u), slope(l - 1, i));
                    product.finish(u)
                });
                delta = below.collect();
            }
        }
    }
    let norm = loss.norm(data.samples(), data.outputs);
    let hidden = &largest[..layers.len() - 1];
    let distance = hidden.iter().map(|(h, error)| 4.0 * error / (h - error).max(1.0)).fold(0.0, f64::max);
    Bounds {
        loss: norm * (loss_sum + (terms as f64 + 3.0) * u * loss_absolute) + FLUSHED,
        error: error + FLUSHED,
        gradient: gradient.into_iter().map(|sum| sum.finish(u).error).collect(),
        distance: distance + 16.0 * u,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::reference::gradient;
    use crate::verify::nets;

    /// Parameters rounded to 12 bits less, exact arithmetic: what changes is what errors of z alone may do, so the
    /// bounds must cover it, and not by orders of magnitude.
    #[test]
    fn bounds_cover_a_pass_with_perturbed_weights_and_are_not_slack() {
        let u = 1e-6;
        let mut tightest = f64::INFINITY;
        for program in nets::programs(nets::Coverage::Quick) {
            let parameters: Vec<f64> =
                nets::parameters(&program.shape, 1.0, 3).iter().map(|&p| f64::from(p)).collect();
            let perturbed: Vec<f64> =
                parameters.iter().enumerate().map(|(i, p)| p * (1.0 + u * (i as f64).sin())).collect();
            let (loss, g) = gradient(&program.shape, &program.data, program.loss, &parameters);
            let (other_loss, other_g) = gradient(&program.shape, &program.data, program.loss, &perturbed);
            let bounds = bounds(&program.shape, &program.data, program.loss, &parameters, u);
            assert!((loss - other_loss).abs() <= bounds.loss, "{program:?}");
            for p in 0..g.len() {
                let distance = (g[p] - other_g[p]).abs();
                assert!(distance <= bounds.gradient[p], "{} {program:?}", program.shape.parameter_names()[p]);
                tightest = tightest.min(bounds.gradient[p] / distance);
            }
        }
        assert!(tightest < 50.0, "{tightest}");
    }
}
