//! Student and teacher: targets that a random network gives, so that what is to be learnt is known and can be learnt
//! (Saad & Solla, "On-line learning in soft committee machines", Physical Review E 52, 1995).

use super::random::{normal_of, normals};
use super::{Data, Fault};
use crate::net::Activation;
use crate::net::philox::Stream;

/// The most weights of a teacher.
const MAX_WEIGHTS: usize = 1_000_000;

impl Data {
    /// `samples` inputs from N(0, 1) with the outputs of a network of hidden layers `widths`: no biases, linear outputs,
    /// weights from N(0, 1 / fan-in), but where there is a hidden layer and one output, the output is the plain sum of the
    /// last hidden units: a soft committee machine. (Its g there is erf(z/√2), ours is erf(z): weights differ by √2.)
    ///
    /// The inputs are those of [`Data::random`]; a larger task holds every smaller one of the same teacher and seed.
    ///
    /// # Errors
    /// With the key at fault, where the teacher would have more than a million weights.
    pub fn teacher(
        samples: usize,
        inputs: usize,
        outputs: usize,
        widths: &[usize],
        activation: Activation,
        seed: u64,
    ) -> Result<Data, Fault> {
        let mut layers: Vec<(usize, usize)> = Vec::with_capacity(widths.len() + 1);
        let mut fan_in = inputs;
        for &width in widths.iter().chain([&outputs]) {
            layers.push((fan_in, width));
            fan_in = width;
        }
        let count = layers.iter().map(|(from, to)| from.saturating_mul(*to)).fold(0, usize::saturating_add);
        if count > MAX_WEIGHTS {
            let message = format!("the teacher has {count} weights, more than {MAX_WEIGHTS}");
            return Err(("task.teacher", message));
        }
        let weights: Vec<Vec<f64>> = (layers.iter().enumerate())
            .map(|(l, &(from, to))| {
                if l > 0 && l == widths.len() && outputs == 1 {
                    return vec![1.0; from];
                }
                let scale = (from as f64).sqrt().recip();
                let weight = |w: u32| scale * f64::from(normal_of(Stream::Teacher, l as u64, w, seed));
                (0..(from * to) as u32).map(weight).collect()
            })
            .collect();
        let x = normals(Stream::Inputs, samples, inputs, seed);
        let mut y = Vec::with_capacity(samples * outputs);
        for sample in x.chunks(inputs) {
            let mut h: Vec<f64> = sample.iter().map(|&x| f64::from(x)).collect();
            for (l, weights) in weights.iter().enumerate() {
                let z = weights.chunks(h.len()).map(|row| row.iter().zip(&h).map(|(w, h)| w * h).sum());
                h = z.map(|z: f64| if l == widths.len() { z } else { activation.value(z) }).collect();
            }
            y.extend(h.iter().map(|&y| y as f32));
        }
        Ok(Data { inputs, outputs, x, y })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_the_teachers_shape_has_no_loss_at_the_teachers_weights() {
        // The same numbers through the reference's own forward pass.
        use crate::engine::reference::Network;
        use crate::net::{Loss, Readout, Shape};
        let data = Data::teacher(20, 3, 2, &[4, 5], Activation::Tanh, 7).unwrap();
        let shape = Shape {
            inputs: 3,
            hidden: vec![4, 5],
            outputs: 2,
            activation: Activation::Tanh,
            output: Activation::Linear,
            readout: Readout::Trained,
            bias: false,
            skip: false,
        };
        let mut weights: Vec<f64> = Vec::new();
        for (l, (fan_in, count)) in [(3, 12), (4, 20), (5, 10)].into_iter().enumerate() {
            let weight = |w| f64::from(normal_of(Stream::Teacher, l as u64, w, 7)) / f64::from(fan_in).sqrt();
            weights.extend((0..count).map(weight));
        }
        let mut network = Network::new(&shape, &data, Loss::Mse);
        assert!(network.forward(&weights).error < 1e-6);
        weights[0] += 0.1;
        assert!(network.forward(&weights).error > 1e-3, "another teacher");
    }

    #[test]
    fn one_output_is_the_sum_of_a_committee() {
        let data = Data::teacher(500, 4, 1, &[3], Activation::Erf, 1).unwrap();
        assert!(data.y.iter().all(|y| y.abs() <= 3.0) && data.y.iter().any(|y| y.abs() > 1.5));
        // An odd activation, no bias: the mean is 0 within five standard errors.
        let mean = data.y.iter().map(|&y| f64::from(y)).sum::<f64>() / 500.0;
        assert!(mean.abs() < 0.4, "{mean}");
    }

    #[test]
    fn larger_tasks_hold_smaller_ones_and_seeds_differ() {
        let make = |samples, seed| Data::teacher(samples, 4, 1, &[3], Activation::Erf, seed).unwrap();
        let (large, small) = (make(30, 1), make(10, 1));
        assert_eq!((&large.x[..40], &large.y[..10]), (&small.x[..], &small.y[..]));
        assert_ne!(make(10, 2).y, small.y);
        assert_eq!(
            Data::teacher(1, 1000, 1, &[1_000_000], Activation::Erf, 0),
            Err(("task.teacher", "the teacher has 1001000000 weights, more than 1000000".to_string()))
        );
    }
}
