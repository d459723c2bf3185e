//! What an update sees where that is not the task itself: a part of the samples, in random order, with noise on inputs
//! and units that drop out.

use super::network::Network;
use super::{Program, Run};
use crate::net::noise::{drops_out, normal_at, run_key, shuffle};
use crate::net::philox::Stream;
use crate::task::Data;

/// The samples of updates.
pub(super) struct Minibatches<'a> {
    program: &'a Program,
    run: &'a Run,
    /// Of a whole batch, and of the last of an epoch where that is shorter.
    networks: Vec<Network>,
    order: Vec<u32>,
    order_key: [u32; 2],
    input_key: [u32; 2],
    dropout_key: [u32; 2],
}

impl<'a> Minibatches<'a> {
    pub fn new(program: &'a Program, run: &'a Run) -> Minibatches<'a> {
        let Data { inputs, outputs, .. } = *program.data;
        let samples = program.data.samples();
        let batch = program.batch.map_or(samples, |batch| batch as usize);
        let network = |count: usize| {
            let data = Data { inputs, outputs, x: vec![0.0; count * inputs], y: vec![0.0; count * outputs] };
            Network::new(&program.shape, &data, program.loss)
        };
        let sizes = [batch, samples % batch];
        let key = |stream| run_key(run.master, run.seed, stream);
        Minibatches {
            program,
            run,
            networks: sizes.into_iter().filter(|&size| size > 0).map(network).collect(),
            order: (0..samples as u32).collect(),
            order_key: key(Stream::Order),
            input_key: key(Stream::Input),
            dropout_key: key(Stream::Dropout),
        }
    }

    /// The gradient by which update `step` goes on from `parameters`, in layout order, without noise of its own; `None` as soon
    /// as `go_on` says no.
    pub fn gradient(&mut self, step: u32, parameters: &[f64], go_on: impl Fn() -> bool) -> Option<&[f64]> {
        let Minibatches { program, run, .. } = *self;
        let data = &program.data;
        let samples = data.samples();
        let per_epoch = program.steps_per_epoch();
        let place = step % per_epoch;
        if program.batch.is_some() && place == 0 {
            self.order.iter_mut().enumerate().for_each(|(s, at)| *at = s as u32);
            shuffle(self.order_key, step / per_epoch, &mut self.order);
        }
        let size = program.batch.map_or(samples, |batch| batch as usize);
        let chosen = &self.order[place as usize * size..samples.min((place as usize + 1) * size)];
        // Only the last batch of an epoch is shorter.
        let network = &mut self.networks[usize::from(chosen.len() < size)];
        let units: usize = program.shape.hidden.iter().sum();
        for (at, &sample) in chosen.iter().enumerate() {
            if !go_on() {
                return None;
            }
            let s = sample as usize;
            for i in 0..data.inputs {
                let mut x = f64::from(data.x[s * data.inputs + i]);
                if program.noise.input {
                    let normal = normal_at(self.input_key, step, (s * data.inputs + i) as u32);
                    x += run.input_noise * f64::from(normal);
                }
                network.set_input(i, at, x);
            }
            for o in 0..data.outputs {
                network.set_target(o, at, f64::from(data.y[s * data.outputs + o]));
            }
            if program.noise.dropout {
                let mut unit = 0;
                for (l, &width) in program.shape.hidden.iter().enumerate() {
                    for u in 0..width {
                        let place = (s * units + unit) as u32;
                        let out = drops_out(self.dropout_key, step, place, run.dropout as f32);
                        network.set_keep(l, u, at, if out { 0.0 } else { 1.0 / (1.0 - run.dropout) });
                        unit += 1;
                    }
                }
            }
        }
        network.forward_while(parameters, &go_on)?;
        network.backward_while(parameters, &go_on)?;
        Some(network.gradient())
    }
}
