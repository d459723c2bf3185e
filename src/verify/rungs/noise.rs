//! Every optimizer under every kind of noise and batch: where the parameters end.

use std::sync::Arc;

use super::trajectory::trajectories;
use crate::engine::{EngineError, Program, Run};
use crate::net::{Activation, Loss, NoiseKinds, Optimizer, Readout, Shape};
use crate::task::Boolean;
use crate::verify::compare::Comparison;
use crate::verify::{Pair, nets};

/// Several epochs of every batch, the shorter last ones among them.
const STEPS: u32 = 12;

/// Twelve steps of each optimizer under each kind of noise and all of them together, by the whole task, three samples at a
/// time and one; on XOR and on three classes under softmax; with rates and decay that differ by layer. Random numbers are the same
/// everywhere, so the trajectories must be. Bound: as [`trajectories`]. Control: the next master seed, from the same start.
pub fn check(pair: &mut Pair<'_>, perturbed: bool) -> Result<Comparison, EngineError> {
    let run = Run {
        lr: 0.25,
        lr_hidden: 0.75,
        lr_output: 0.5,
        momentum: 0.75,
        weight_decay: 0.0625,
        ..noisy(nets::run(0))
    };
    let expected = Run { master: run.master + u64::from(perturbed), ..run };
    let mut comparison = Comparison::default();
    for program in programs(pair.takes_turns(perturbed)) {
        trajectories(pair, &mut comparison, &program, run, expected)?;
    }
    Ok(comparison)
}

const NONE: NoiseKinds = NoiseKinds { dropout: false, gradient: false, input: false, mask: false };

/// No noise, each kind, and all together.
pub const NOISES: [NoiseKinds; 6] = [
    NONE,
    NoiseKinds { dropout: true, ..NONE },
    NoiseKinds { gradient: true, ..NONE },
    NoiseKinds { input: true, ..NONE },
    NoiseKinds { mask: true, ..NONE },
    NoiseKinds { dropout: true, gradient: true, input: true, mask: true },
];

/// One sample an update, some, all.
pub const BATCHES: [Option<u32>; 3] = [Some(1), Some(3), None];

/// Settings under which every kind of noise shows.
pub fn noisy(run: Run) -> Run {
    Run { epsilon: 1e-3, dropout: 0.3, gradient_noise: 0.1, input_noise: 0.2, mask: 0.25, ..run }
}

/// All of them, or, quickly, each optimizer with each kind of noise and the batches taking turns.
fn programs(quick: bool) -> Vec<Program> {
    let (noises, batches) = (NOISES, BATCHES);
    let mut all = Vec::new();
    for (i, &optimizer) in Optimizer::ALL.iter().enumerate() {
        for (j, &noise) in noises.iter().enumerate() {
            for (k, &batch) in batches.iter().enumerate() {
                if quick && k != (i + j) % batches.len() {
                    continue;
                }
                let net = if (i + j + k) % 2 == 0 { xor(all.len()) } else { classes(all.len()) };
                all.push(Program { optimizer, noise, batch, ..net });
            }
        }
    }
    // Too wide for a kernel that keeps a net in registers.
    let noise = noises[noises.len() - 1];
    for (i, &optimizer) in Optimizer::ALL.iter().enumerate() {
        for (k, &batch) in batches.iter().enumerate().filter(|&(k, _)| !quick || k == i % 3) {
            let net = if (i + k) % 2 == 0 { xor(0) } else { classes(0) };
            let shape = Shape { hidden: vec![33], ..net.shape };
            all.push(Program { shape, optimizer, noise, batch, ..net });
        }
    }
    all
}

/// Smooth units, whose trajectories rounding does not split.
const ACTIVATIONS: [Activation; 4] =
    [Activation::Tanh, Activation::Logistic, Activation::Softplus, Activation::Sin];

fn xor(turn: usize) -> Program {
    let hidden = [&[2][..], &[4], &[3, 2]][turn % 3];
    let program = nets::boolean(Boolean::Xor, hidden, ACTIVATIONS[turn % 4], STEPS);
    Program { loss: [Loss::Mse, Loss::HalfSse, Loss::Bce][turn % 3], ..program }
}

/// Five samples of three inputs, each of one of three classes.
fn classes(turn: usize) -> Program {
    let mut data = nets::made_up_task();
    data.outputs = 3;
    data.y = (0..data.x.len() / data.inputs)
        .flat_map(|s| [0, 1, 2].map(|o| f32::from(u8::from(s % 3 == o))))
        .collect();
    let shape = Shape {
        inputs: data.inputs,
        hidden: [&[2][..], &[], &[3, 2]][turn % 3].to_vec(),
        outputs: data.outputs,
        activation: ACTIVATIONS[turn % 4],
        output: Activation::Linear,
        readout: Readout::Trained,
        bias: true,
        skip: turn.is_multiple_of(2),
    };
    Program { loss: Loss::CrossEntropy, steps: STEPS, ..Program::new(shape, Arc::new(data)) }
}
