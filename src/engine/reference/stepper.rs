//! From a gradient to an update.

use super::{Program, Run};
use crate::net::Optimizer;
use crate::net::noise::{is_missing, normal_at, run_key};
use crate::net::philox::Stream;

/// The optimizer of one run, with what it keeps for each parameter.
pub(super) struct Stepper<'a> {
    program: &'a Program,
    run: &'a Run,
    is_weight: Vec<bool>,
    /// Learning rate of each parameter.
    rates: Vec<f64>,
    /// Whether each parameter is a connection that is not there.
    pub missing: Vec<bool>,
    slots: Vec<f64>,
    noise_key: [u32; 2],
}

impl<'a> Stepper<'a> {
    pub fn new(program: &'a Program, run: &'a Run) -> Stepper<'a> {
        let is_weight = program.shape.is_weight();
        let missing = |(p, &weight): (usize, &bool)| {
            program.noise.mask && weight && is_missing(run.master, run.seed, p as u32, run.mask as f32)
        };
        let rate = |output: bool| run.lr * if output { run.lr_output } else { run.lr_hidden };
        Stepper {
            program,
            run,
            rates: program.shape.feeds_output().into_iter().map(rate).collect(),
            missing: is_weight.iter().enumerate().map(missing).collect(),
            slots: vec![0.0; program.optimizer.slots() * is_weight.len()],
            noise_key: run_key(run.master, run.seed, Stream::Gradient),
            is_weight,
        }
    }

    /// Update `step` (the first is 0) along the gradient of the loss of its batch. Noise comes onto it first, then decay;
    /// the gradient of a missing connection is 0.
    pub fn update(&mut self, step: u32, gradient: &[f64], parameters: &mut [f64]) {
        let Run { momentum, beta1, beta2, rho, epsilon, weight_decay, gradient_noise, .. } = *self.run;
        let count = parameters.len();
        // Of Adam: what takes away that its averages begin at 0.
        let t = f64::from(step) + 1.0;
        let (first_bias, second_bias) = (1.0 - beta1.powf(t), 1.0 - beta2.powf(t));
        for (p, w) in parameters.iter_mut().enumerate() {
            let mut g = gradient[p];
            if self.program.noise.gradient {
                g += gradient_noise * f64::from(normal_at(self.noise_key, step, p as u32));
            }
            if self.is_weight[p] {
                g += weight_decay * *w;
            }
            if self.missing[p] {
                g = 0.0;
            }
            let lr = self.rates[p];
            match self.program.optimizer {
                Optimizer::Sgd => *w -= lr * g,
                Optimizer::Momentum => {
                    let velocity = &mut self.slots[p];
                    *velocity = -lr * g + momentum * *velocity;
                    *w += *velocity;
                }
                Optimizer::Nesterov => {
                    let buffer = &mut self.slots[p];
                    *buffer = momentum * *buffer + g;
                    *w -= lr * (g + momentum * *buffer);
                }
                Optimizer::Rmsprop => {
                    let square = &mut self.slots[p];
                    *square = rho * *square + (1.0 - rho) * g * g;
                    *w -= lr * g / (square.sqrt() + epsilon);
                }
                Optimizer::Adam => {
                    let (means, squares) = self.slots.split_at_mut(count);
                    let (mean, square) = (&mut means[p], &mut squares[p]);
                    *mean = beta1 * *mean + (1.0 - beta1) * g;
                    *square = beta2 * *square + (1.0 - beta2) * g * g;
                    *w -= lr * (*mean / first_bias) / ((*square / second_bias).sqrt() + epsilon);
                }
            }
        }
    }
}
