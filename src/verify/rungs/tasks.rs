//! Every data set under every optimizer, kind of noise and batch.

use std::sync::Arc;

use super::noise::{BATCHES, NOISES, noisy};
use super::trajectory::trajectories;
use crate::engine::{EngineError, Program, Run};
use crate::net::{Activation, Loss, Optimizer, Readout, Shape};
use crate::task::{Dataset, Settings};
use crate::verify::compare::Comparison;
use crate::verify::nets::Coverage;
use crate::verify::{Pair, nets};

/// Six steps of 3 tanh units on each data set that needs no file, as the others become samples like any: every
/// optimizer × noise × batch; on a GPU, where each is a pipeline to compile, nine of them for each data set, quickly two.
/// Bound: as [`trajectories`]. Control: 1 % more learning rate.
pub fn check(pair: &mut Pair<'_>, perturbed: bool) -> Result<Comparison, EngineError> {
    let run = Run { lr: 0.05, momentum: 0.75, weight_decay: 0.0625, ..noisy(nets::run(0)) };
    let expected = Run { lr: run.lr * if perturbed { 1.01 } else { 1.0 }, ..run };
    let all = Optimizer::ALL.len() * NOISES.len() * BATCHES.len();
    let mut comparison = Comparison::default();
    for (turn, dataset) in Dataset::ALL.iter().copied().filter(|dataset| !dataset.is_file()).enumerate() {
        let plain = program(dataset, turn);
        // 7, 41 and 37 have no factor in common with 90, so that all combinations take turns.
        let combinations: Vec<usize> = match pair.coverage(perturbed) {
            _ if !pair.is_of_gpu() => (0..all).collect(),
            Coverage::Quick => vec![turn * 7 % all, (turn * 7 + 41) % all],
            _ => (0..9).map(|n| (turn * 9 + n) * 37 % all).collect(),
        };
        for combination in combinations {
            let (kinds, optimizer) = (combination / Optimizer::ALL.len(), combination % Optimizer::ALL.len());
            let program = Program {
                optimizer: Optimizer::ALL[optimizer],
                noise: NOISES[kinds % NOISES.len()],
                batch: BATCHES[kinds / NOISES.len()],
                ..plain.clone()
            };
            trajectories(pair, &mut comparison, &program, run, expected)?;
        }
    }
    Ok(comparison)
}

/// A small version of a data set, standardized in turn; classes of several outputs under softmax.
fn program(dataset: Dataset, turn: usize) -> Program {
    let settings = Settings {
        samples: dataset.is_gaussian().then_some(20).or(dataset.is_plane().then_some(24)),
        features: 4,
        outputs: 3,
        standardize: turn.is_multiple_of(2),
        ..Settings::default()
    };
    let task = dataset.task(&settings).unwrap_or_else(|(key, why)| panic!("{dataset:?}: {key}: {why}"));
    let classes = matches!(dataset, Dataset::Iris | Dataset::Encoder);
    let shape = Shape {
        inputs: task.data.inputs,
        hidden: vec![3],
        outputs: task.data.outputs,
        activation: Activation::Tanh,
        output: Activation::Linear,
        readout: Readout::Trained,
        bias: true,
        skip: false,
    };
    let loss = if classes { Loss::CrossEntropy } else { Loss::Mse };
    Program { loss, steps: 6, ..Program::new(shape, Arc::new(task.data)) }
}
