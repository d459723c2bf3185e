//! The programs that are compiled: the shapes of `symbreak bench`, and a walk along the border of what the
//! register kernel accepts on hardware.

use std::sync::Arc;

use symbreak::engine::gpu::shader::{self, Kind, Target};
use symbreak::engine::{Criterion, Program};
use symbreak::net::{Activation, Loss, NoiseKinds, Optimizer, Readout, Shape};
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
        let program = Program { steps: 1000, ..Program::new(shape, Arc::new(data)) };
        Case { name: widths.join("-"), program }
    }

    /// The same with something changed.
    fn with(mut self, what: &str, change: impl FnOnce(&mut Program)) -> Case {
        change(&mut self.program);
        self.name = format!("{}, {what}", self.name);
        self
    }

    fn activation(self, activation: Activation) -> Case {
        self.with(activation.word(), |program| program.shape.activation = activation)
    }

    fn momentum(self) -> Case {
        self.optimizer(Optimizer::Momentum)
    }

    fn optimizer(self, optimizer: Optimizer) -> Case {
        self.with(optimizer.word(), |program| program.optimizer = optimizer)
    }

    /// Minibatches, and noise of every kind.
    fn stochastic(self) -> Case {
        self.with("batches and noise", |program| {
            program.batch = Some(3);
            program.noise = NoiseKinds { dropout: true, gradient: true, input: true, mask: true };
        })
    }

    /// Whether the register kernel takes it on hardware, and if so whether it writes samples out.
    fn in_registers(&self) -> Option<bool> {
        let kernel = shader::kernel(&self.program, Target::HARDWARE).ok()?;
        match kernel.kind {
            Kind::Register(dimensions) => Some(dimensions.group == self.program.data.samples()),
            Kind::Workgroup(_) => None,
        }
    }
}

/// Samples of numbers that no compiler can fold, all different.
fn numbers(samples: usize, inputs: usize, outputs: usize, hidden: &[usize]) -> Case {
    // Multiples of an irrational step, wrapped into (−1, 1).
    let value = |i: usize| ((i as f32 + 0.5) * 0.618_034).fract() * 2.0 - 1.0;
    let data = Data {
        inputs,
        outputs,
        x: (0..samples * inputs).map(value).collect(),
        y: (0..samples * outputs).map(|i| value(samples * inputs + i)).collect(),
    };
    Case::new(data, hidden).with(&format!("{samples} samples"), |_| ())
}

fn parity(bits: usize, hidden: &[usize]) -> Case {
    Case::new(Data::boolean(Boolean::Parity, bits, Encoding::ZeroOne, Encoding::ZeroOne), hidden)
}

fn xor(hidden: &[usize]) -> Case {
    parity(2, hidden)
}

/// All cases, those of `symbreak bench` first.
pub fn all() -> Vec<Case> {
    bench().into_iter().chain(border()).collect()
}

/// The shapes of `symbreak bench`.
fn bench() -> Vec<Case> {
    let fractal = numbers(272, 16, 1, &[16]).activation(Activation::Tanh).with("linear output", |program| {
        program.shape.output = Activation::Linear;
        program.shape.bias = false;
    });
    vec![
        xor(&[2]),
        xor(&[8]),
        xor(&[32]),
        xor(&[16, 16]).activation(Activation::Tanh),
        parity(4, &[16]).activation(Activation::Tanh),
        fractal,
    ]
}

/// The widest that the register kernel accepts of a family of networks by width, with samples written out and
/// with samples in a loop.
fn widest(make: impl Fn(usize) -> Case) -> Vec<Case> {
    let border = |unrolled| (1..=64).rev().map(&make).find(|case| case.in_registers() == Some(unrolled));
    [border(true), border(false)].into_iter().flatten().collect()
}

/// The border of the register kernel, along every choice that changes its code.
fn border() -> Vec<Case> {
    use Activation::{Elu, Erf, Gelu, Logistic, Sin, Tanh};
    let mut cases = Vec::new();
    for bits in [1, 3, 4, 5, 6] {
        cases.extend(widest(|width| parity(bits, &[width])));
    }
    for &activation in Activation::ALL {
        cases.extend(widest(|width| xor(&[width]).activation(activation)));
        cases.extend(widest(|width| xor(&[width]).activation(activation).momentum()));
    }
    for activation in [Logistic, Tanh, Elu, Gelu, Erf, Sin] {
        let all = |case: Case| {
            case.with(&format!("{} throughout", activation.word()), |program| {
                program.shape.activation = activation;
                program.shape.output = activation;
            })
        };
        cases.extend(widest(|width| all(xor(&[width, width]))));
        cases.extend(widest(|width| all(xor(&[width, width, width]).momentum())));
        cases.extend(widest(|width| all(numbers(1000, 4, 1, &[width]).momentum())));
    }
    for (samples, inputs, outputs) in [
        (6, 2, 1),
        (9, 5, 1),
        (12, 4, 1),
        (21, 2, 1),
        (20, 3, 2),
        (40, 2, 8),
        (160, 1, 1),
        (272, 16, 1),
        (40, 55, 1),
    ] {
        cases.extend(widest(|width| numbers(samples, inputs, outputs, &[width])));
        cases.extend(widest(|width| numbers(samples, inputs, outputs, &[width]).momentum()));
    }
    for optimizer in [Optimizer::Nesterov, Optimizer::Rmsprop, Optimizer::Adam] {
        cases.extend(widest(|width| xor(&[width]).activation(Tanh).optimizer(optimizer)));
        cases.extend(widest(|width| numbers(40, 3, 2, &[width]).optimizer(optimizer)));
    }
    for optimizer in [Optimizer::Sgd, Optimizer::Adam] {
        cases.extend(widest(|width| numbers(40, 3, 2, &[width, 3]).optimizer(optimizer).stochastic()));
        cases.extend(widest(|width| {
            let noise = NoiseKinds { gradient: true, mask: true, ..NoiseKinds::default() };
            let noisy = |program: &mut Program| program.noise = noise;
            xor(&[width]).activation(Tanh).optimizer(optimizer).with("noise on gradients, a mask", noisy)
        }));
    }
    cases.extend(widest(|width| {
        numbers(6, 3, 3, &[width]).with("cross-entropy", |program| {
            (program.shape.output, program.loss) = (Activation::Linear, Loss::CrossEntropy);
        })
    }));
    cases.extend(widest(|width| xor(&[width, 2]).momentum()));
    cases.extend(widest(|width| xor(&[2, width]).momentum()));
    cases.extend(widest(|width| xor(&[width]).momentum().with("skip", |program| program.shape.skip = true)));
    cases.extend(widest(|width| {
        xor(&[width]).momentum().with("no bias", |program| program.shape.bias = false)
    }));
    cases.extend(widest(|width| {
        xor(&[width]).momentum().with("sum", |program| program.shape.readout = Readout::Sum)
    }));
    cases.extend(widest(|width| xor(&[width]).momentum().with("bce", |program| program.loss = Loss::Bce)));
    cases.extend(widest(|width| {
        xor(&[width]).momentum().with("solved by loss, resting", |program| {
            program.criterion = Criterion::Loss;
            program.stop_when_solved = true;
        })
    }));
    cases
}
