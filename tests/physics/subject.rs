//! The engine under test.

use std::sync::Arc;

use symbreak::engine::{Batch, Engine, Parameters, Program, Run, RunResult, Start};
use symbreak::net::{Activation, Loss, Readout, Shape};
use symbreak::task::Data;
use symbreak::verify::unwatched;

/// An engine with what its arithmetic can do.
pub struct Subject<'a> {
    pub engine: &'a mut dyn Engine,
    /// Unit roundoff.
    pub roundoff: f64,
    /// Length of the long trainings.
    pub steps: u32,
}

impl Subject<'_> {
    /// Trains to the end and keeps parameters.
    pub fn train(
        &mut self,
        program: &Program,
        runs: &[Run],
        start: Start<'_>,
    ) -> (Vec<RunResult>, Parameters) {
        let batch = Batch { program, runs, start, keep_parameters: true };
        let trained = self.engine.train(&batch, &unwatched()).expect("training");
        assert_eq!(trained.runs.len(), runs.len());
        (trained.runs, trained.parameters.expect("kept parameters"))
    }

    /// The parameters of one run after `steps` steps from `start`.
    pub fn parameters(&mut self, program: &Program, run: Run, start: &[f32], steps: u32) -> Vec<f64> {
        let program = Program { steps, ..program.clone() };
        let (runs, parameters) = self.train(&program, &[run], Start::Given(start));
        assert_eq!(runs[0].steps, steps);
        parameters.last.iter().map(|&p| p.into()).collect()
    }
}

/// A net of linear units without biases, half-sse.
pub fn linear(hidden: &[usize], data: Data) -> Program {
    let shape = Shape {
        inputs: data.inputs,
        hidden: hidden.to_vec(),
        outputs: data.outputs,
        activation: Activation::Linear,
        output: Activation::Linear,
        readout: Readout::Trained,
        bias: false,
        skip: false,
    };
    Program { loss: Loss::HalfSse, steps: 0, ..Program::new(shape, Arc::new(data)) }
}
