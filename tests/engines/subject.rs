//! Engines and the nets that they are tried on.

use std::sync::Arc;

use symbreak::engine::cpu::CpuEngine;
use symbreak::engine::reference::ReferenceEngine;
use symbreak::engine::{Batch, Engine, EngineError, Program, Run, Start, Trained};
#[cfg(feature = "gpu")]
use symbreak::net::NoiseKinds;
use symbreak::net::philox::{Stream, words};
use symbreak::net::{Activation, Loss, Optimizer, Readout, init};
use symbreak::task::{Boolean, Data, Encoding};
use symbreak::verify::{nets, unwatched};

pub const START: Start<'_> = Start::Drawn;

/// The f64 engine.
pub fn reference() -> ReferenceEngine {
    ReferenceEngine::new(Some(2)).expect("threads")
}

/// The f32 engine.
pub fn cpu() -> CpuEngine {
    CpuEngine::new(Some(2)).expect("threads")
}

/// The engines in f32 that are here, by name; without a GPU the tests on it say that they are skipped.
pub fn single_precision() -> Vec<(&'static str, Box<dyn Engine>)> {
    let cpu: (&str, Box<dyn Engine>) = ("cpu", Box::new(cpu()));
    #[cfg(feature = "gpu")]
    match crate::adapter::gpu() {
        Some(gpu) => return vec![cpu, ("gpu", Box::new(gpu))],
        None => eprintln!("SKIPPED: gpu, no such device here"),
    }
    vec![cpu]
}

/// What an engine makes of these runs, parameters kept.
pub fn try_train(engine: &mut dyn Engine, program: &Program, runs: &[Run]) -> Result<Trained, EngineError> {
    engine.train(&Batch { program, runs, start: START, keep_parameters: true }, &unwatched())
}

/// The same where it must not fail.
pub fn train(engine: &mut dyn Engine, program: &Program, runs: &[Run]) -> Trained {
    let trained = try_train(engine, program, runs).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(trained.runs.len(), runs.len());
    trained
}

/// 2-2-1 on XOR.
pub fn xor(steps: u32) -> Program {
    nets::boolean(Boolean::Xor, &[2], Activation::Logistic, steps)
}

/// XOR by a net with a layer too wide for the kernel that keeps a net in registers.
pub fn wide_xor(steps: u32) -> Program {
    nets::boolean(Boolean::Xor, &[33], Activation::Tanh, steps)
}

/// Parity of six bits by two units: 64 samples, which the register kernel sees in a loop.
pub fn looped(steps: u32) -> Program {
    let mut program = xor(steps);
    program.data = Arc::new(Data::boolean(Boolean::Parity, 6, Encoding::ZeroOne, Encoding::ZeroOne));
    program.shape.inputs = 6;
    program
}

/// The same with one sample an update, noise on the inputs, and units that drop out.
#[cfg(feature = "gpu")]
pub fn stochastic(program: Program) -> Program {
    let noise = NoiseKinds { dropout: true, input: true, ..NoiseKinds::default() };
    Program { batch: Some(1), noise, ..program }
}

/// Nets of every structure, on tasks of one and several outputs, few and many samples, by each optimizer and loss.
pub fn zoo(steps: u32) -> Vec<(&'static str, Program)> {
    let xor = xor(steps);
    let shaped = |change: fn(&mut Program)| {
        let mut program = xor.clone();
        change(&mut program);
        program
    };
    vec![
        ("no hidden layer", shaped(|p| p.shape.hidden = Vec::new())),
        ("no biases", shaped(|p| p.shape.bias = false)),
        (
            "summed readout",
            shaped(|p| {
                p.shape.hidden = vec![3];
                p.shape.activation = Activation::Tanh;
                p.shape.readout = Readout::Sum;
            }),
        ),
        (
            "skip weights, momentum",
            shaped(|p| {
                p.shape.skip = true;
                p.optimizer = Optimizer::Momentum;
            }),
        ),
        ("two layers, bce", shaped(|p| (p.shape.hidden, p.loss) = (vec![4, 3], Loss::Bce))),
        ("two outputs", multi_output(&[3], steps)),
        ("64 samples", looped(steps)),
        (
            "64 samples, momentum, skip weights",
            Program { optimizer: Optimizer::Momentum, ..with_skip(looped(steps)) },
        ),
        ("33 units", wide_xor(steps)),
        ("33 units, momentum", Program { optimizer: Optimizer::Momentum, ..wide_xor(steps) }),
        (
            "35 units, two outputs, half-sse",
            Program { loss: Loss::HalfSse, ..with_skip(multi_output(&[35, 2], steps)) },
        ),
    ]
}

fn with_skip(mut program: Program) -> Program {
    program.shape.skip = true;
    program
}

/// 21 samples of three numbers with two boolean targets: whether the first is the largest, and whether the sum is
/// positive.
fn multi_output(hidden: &[usize], steps: u32) -> Program {
    let x: Vec<f32> = (0..63).map(|i| init::uniform(words(14, 0, Stream::Noise, i)[0])).collect();
    let targets = |x: &[f32]| {
        [x[0] > x[1].max(x[2]), x.iter().sum::<f32>() > 0.0].map(|holds| f32::from(u8::from(holds)))
    };
    let y = x.chunks(3).flat_map(targets).collect();
    let mut program = nets::boolean(Boolean::Xor, hidden, Activation::Tanh, steps);
    (program.shape.inputs, program.shape.outputs) = (3, 2);
    program.data = Arc::new(Data { inputs: 3, outputs: 2, x, y });
    program
}
