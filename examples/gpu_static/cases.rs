//! The programs that are compiled: the shapes of `symbreak bench`, and a walk along the border of what the
//! register kernel accepts on hardware.

use std::sync::Arc;

use symbreak::engine::gpu::shader::{self, Kind, Target};
use symbreak::engine::{Criterion, Program};
use symbreak::net::{Activation, Base, Gain, Init, Loss, Noise, Optimizer, Readout, Shape};
use symbreak::task::{Boolean, Data, Encoding};

/// A program and what it is called.
#[derive(Clone)]
pub struct Case {
    /// Widths, and what departs from a logistic network under plain gradient descent.
    pub name: String,
    /// What is trained.
    pub program: Program,
}

impl Case {
    fn new(data: Data, hidden: &[usize]) -> Case {
        let shape = Shape {
            inputs: data.inputs,
            hidden: hidden.to_vec(),
            outputs: data.outputs,
            activation: Activation::Logistic,
            output: Activation::Logistic,
            readout: Readout::Trained,
            bias: true,
            skip: false,
        };
        let widths: Vec<_> =
            [shape.inputs].iter().chain(hidden).chain([&shape.outputs]).map(usize::to_string).collect();
        let program = Program {
            shape,
            data: Arc::new(data),
            loss: Loss::Mse,
            optimizer: Optimizer::Sgd,
            init: Init { base: Base::Zero, noise: Noise::Uniform, gain: Gain::None },
            steps: 1000,
            stop_when_solved: false,
            criterion: Criterion::Error,
        };
        Case { name: widths.join("-"), program }
    }

    /// The same with something changed.
    fn with(mut self, what: &str, change: impl FnOnce(&mut Program)) -> Case {
        change(&mut self.program);
        self.name = format!("{} {what}", self.name);
        self
    }

    fn activation(self, activation: Activation) -> Case {
        self.with(activation.word(), |program| program.shape.activation = activation)
    }

    fn momentum(self) -> Case {
        self.with("momentum", |program| program.optimizer = Optimizer::Momentum)
    }

    /// Whether the register kernel takes it on hardware, and if so whether it writes samples out.
    fn in_registers(&self) -> Option<bool> {
        let kernel = shader::kernel(&self.program, Target::HARDWARE).ok()?;
        (kernel.kind == Kind::Register).then_some(kernel.iterations_per_step == 1)
    }
}

fn parity(bits: usize) -> Data {
    Data::boolean(Boolean::Parity, bits, Encoding::ZeroOne, Encoding::ZeroOne)
}

/// Samples that no compiler can fold.
fn numbers(samples: usize, inputs: usize, outputs: usize) -> Data {
    // Odd multiples of an irrational step, wrapped into (−1, 1).
    let value = |i: usize| ((i as f32 + 0.5) * 0.618_034).fract() * 2.0 - 1.0;
    Data {
        inputs,
        outputs,
        x: (0..samples * inputs).map(value).collect(),
        y: (0..samples * outputs).map(|i| value(i + 7) * 0.5 + 0.5).collect(),
    }
}

/// The shapes of `symbreak bench`.
pub fn bench() -> Vec<Case> {
    let logistic = [2, 8, 32].map(|width| Case::new(parity(2), &[width]));
    let tanh = [Case::new(parity(2), &[16, 16]), Case::new(parity(4), &[16])]
        .map(|case| case.activation(Activation::Tanh));
    let fractal = Case::new(numbers(272, 16, 1), &[16]).activation(Activation::Tanh).with(
        "linear output, 272 samples",
        |program| {
            program.shape.output = Activation::Linear;
            program.shape.bias = false;
        },
    );
    logistic.into_iter().chain(tanh).chain([fractal]).collect()
}

/// The widest that the register kernel accepts of a family of networks, with samples written out and with samples in a loop.
fn widest(make: impl Fn(usize) -> Case) -> Vec<Case> {
    let border = |unrolled| (1..=64).rev().map(&make).find(|case| case.in_registers() == Some(unrolled));
    [border(true), border(false)].into_iter().flatten().collect()
}

/// The border of the register kernel, along every choice that changes its code.
pub fn border() -> Vec<Case> {
    use Activation::{Elu, Erf, Gelu, Logistic, Sin, Tanh};
    let mut cases = Vec::new();
    let xor = |hidden: &[usize]| Case::new(parity(2), hidden);
    for bits in [1, 3, 4, 5, 6] {
        cases.extend(widest(|width| Case::new(parity(bits), &[width])));
    }
    for &activation in Activation::ALL {
        cases.extend(widest(|width| xor(&[width]).activation(activation)));
        cases.extend(widest(|width| xor(&[width]).activation(activation).momentum()));
    }
    for activation in [Logistic, Tanh, Elu, Gelu, Erf, Sin] {
        let output = |case: Case| {
            case.activation(activation).with("throughout", |program| program.shape.output = activation)
        };
        cases.extend(widest(|width| output(xor(&[width, width]))));
        cases.extend(widest(|width| output(xor(&[width, width, width]).momentum())));
        cases.extend(widest(|width| output(Case::new(numbers(1000, 4, 1), &[width])).momentum()));
    }
    for (samples, inputs, outputs) in
        [(6, 2, 1), (10, 8, 1), (20, 3, 2), (40, 2, 8), (160, 1, 1), (272, 16, 1), (1000, 3, 3)]
    {
        let plain = |width: usize| Case::new(numbers(samples, inputs, outputs), &[width]);
        let named = |case: Case| case.with(&format!("{samples} samples"), |_| ());
        cases.extend(widest(|width| named(plain(width))));
        cases.extend(widest(|width| named(plain(width).momentum())));
    }
    cases.extend(widest(|width| xor(&[width, 2])));
    cases.extend(widest(|width| xor(&[2, width])));
    cases.extend(widest(|width| xor(&[width]).with("skip", |program| program.shape.skip = true)));
    cases.extend(widest(|width| xor(&[width]).with("no bias", |program| program.shape.bias = false)));
    cases.extend(widest(|width| xor(&[width]).with("sum", |program| program.shape.readout = Readout::Sum)));
    cases.extend(widest(|width| xor(&[width]).with("bce", |program| program.loss = Loss::Bce)));
    cases.extend(widest(|width| {
        xor(&[width]).with("solved by loss, resting", |program| {
            program.criterion = Criterion::Loss;
            program.stop_when_solved = true;
        })
    }));
    // Several ways lead to some of them.
    let mut seen = std::collections::HashSet::new();
    cases.retain(|case| seen.insert(case.name.clone()));
    cases
}
