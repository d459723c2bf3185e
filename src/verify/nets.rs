//! The programs and parameters that the rungs run.

use std::sync::Arc;

use crate::engine::{Program, Run};
use crate::net::philox::{Stream, words};
use crate::net::{Activation, Loss, Readout, Shape, init};
use crate::task::{Boolean, Data, Encoding};

/// How many of the combinations of activations, losses and structures to go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Each activation and each structure once: some 60.
    Quick,
    /// Each pair of activations with each loss, and each structure with each loss: some 400.
    Pairs,
    /// All: some 8000.
    All,
}

/// Depth, bias, skip and readout of a net.
#[derive(Clone, Copy)]
struct Structure {
    hidden: &'static [usize],
    bias: bool,
    skip: bool,
    readout: Readout,
}

fn structures() -> Vec<Structure> {
    let mut all = Vec::new();
    for hidden in [&[][..], &[3], &[4, 2], &[2, 3, 2]] {
        for &readout in Readout::ALL {
            for (bias, skip) in [(true, false), (false, false), (true, true), (false, true)] {
                // A fixed readout needs a hidden layer.
                if readout == Readout::Trained || !hidden.is_empty() {
                    all.push(Structure { hidden, bias, skip, readout });
                }
            }
        }
    }
    // Too wide for a kernel that keeps a net in registers.
    all.push(Structure { hidden: &[40], bias: true, skip: false, readout: Readout::Trained });
    all.push(Structure { hidden: &[17, 20], bias: true, skip: true, readout: Readout::Trained });
    all
}

/// Losses that an output activation allows.
fn losses(output: Activation) -> &'static [Loss] {
    if output == Activation::Logistic {
        &[Loss::Mse, Loss::HalfSse, Loss::Bce]
    } else {
        &[Loss::Mse, Loss::HalfSse]
    }
}

/// Programs of no steps over activations, losses and structures, on a small made-up task.
pub fn programs(coverage: Coverage) -> Vec<Program> {
    let structures = structures();
    let mut chosen: Vec<(Activation, Activation, Loss, Structure)> = Vec::new();
    let pairs = Activation::ALL.iter().flat_map(|&a| Activation::ALL.iter().map(move |&b| (a, b)));
    match coverage {
        Coverage::All => {
            for (hidden, output) in pairs {
                for &loss in losses(output) {
                    chosen.extend(structures.iter().map(|&s| (hidden, output, loss, s)));
                }
            }
        }
        Coverage::Pairs => {
            for (hidden, output) in pairs {
                for &loss in losses(output) {
                    // 7 and the number of structures have no common factor, so all structures take turns.
                    chosen.push((hidden, output, loss, structures[chosen.len() * 7 % structures.len()]));
                }
            }
            for &structure in &structures {
                for &loss in losses(Activation::Logistic) {
                    chosen.push((Activation::Tanh, Activation::Logistic, loss, structure));
                }
            }
        }
        Coverage::Quick => {
            for (i, &hidden) in Activation::ALL.iter().enumerate() {
                let output = Activation::ALL[(i + 5) % Activation::ALL.len()];
                for &loss in losses(output) {
                    chosen.push((
                        hidden,
                        output,
                        loss,
                        structures[4 + chosen.len() * 7 % (structures.len() - 4)],
                    ));
                }
            }
            for (i, &structure) in structures.iter().enumerate() {
                let loss = losses(Activation::Logistic)[i % 3];
                chosen.push((Activation::Tanh, Activation::Logistic, loss, structure));
            }
        }
    }
    let data = Arc::new(made_up_task());
    let program = |(activation, output, loss, structure): (_, _, _, Structure)| {
        let shape = Shape {
            inputs: data.inputs,
            hidden: structure.hidden.to_vec(),
            outputs: data.outputs,
            activation,
            output,
            readout: structure.readout,
            bias: structure.bias,
            skip: structure.skip,
        };
        Program { loss, steps: 0, ..Program::new(shape, data.clone()) }
    };
    chosen.into_iter().map(program).collect()
}

/// Five samples (no multiple of a tile), three inputs, two outputs that are 0 or 1.
pub fn made_up_task() -> Data {
    let (samples, inputs, outputs) = (5, 3, 2);
    let x = (0..samples * inputs).map(|i| init::uniform(words(11, 0, Stream::Noise, i as u32)[0]));
    let y = (0..samples * outputs).map(|i| (words(12, 0, Stream::Noise, i as u32)[0] >> 31) as f32);
    Data { inputs, outputs, x: x.collect(), y: y.collect() }
}

/// Parameters from U(−magnitude, magnitude), for the rungs that give them to the engine.
pub fn parameters(shape: &Shape, magnitude: f32, seed: u64) -> Vec<f32> {
    (0..shape.parameters() as u32)
        .map(|p| magnitude * init::uniform(words(13, seed, Stream::Noise, p)[0]))
        .collect()
}

/// The classic net on a boolean task of two inputs: 2-`hidden`-1, logistic output, mse, plain gradient descent
/// from zero plus uniform noise.
pub fn boolean(function: Boolean, hidden: &[usize], activation: Activation, steps: u32) -> Program {
    let shape = Shape {
        inputs: 2,
        hidden: hidden.to_vec(),
        outputs: 1,
        activation,
        output: Activation::Logistic,
        readout: Readout::Trained,
        bias: true,
        skip: false,
    };
    let data = Data::boolean(function, 2, Encoding::ZeroOne, Encoding::ZeroOne);
    Program { steps, ..Program::new(shape, Arc::new(data)) }
}

/// A run with the documented defaults.
pub fn run(seed: u64) -> Run {
    Run { seed, ..Run::default() }
}

/// Runs with seeds 0 to `count` − 1 and otherwise the same settings.
pub fn seeds(count: u64, settings: Run) -> Vec<Run> {
    (0..count).map(|seed| Run { seed, ..settings }).collect()
}
