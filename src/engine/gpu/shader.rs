//! From a program to WGSL: which kernel, and its source.

use std::collections::HashSet;

use minijinja::{Environment, Value, context};

use crate::engine::{Criterion, EngineError, Program};
use crate::net::{Activation, Layer, Optimizer};

/// Units of a layer, one bit each in the register kernel's links.
const REGISTER_WIDTH: usize = 32;
/// Parameters × samples up to which samples are written out one by one.
const UNROLLED: usize = 640;
/// Different numbers in the data up to which samples are written out: a GPU keeps them in scalar registers, of
/// which it has about a hundred.
const LITERALS: usize = 64;
/// Floats that fit in the 16 KiB of workgroup memory that WebGPU promises, less a number per invocation and
/// what else lies there.
const WORKGROUP_FLOATS: usize = 4096 - 256 - 32;
/// Samples of a tile at most.
const TILE: usize = 16;
/// Invocations of a workgroup where each has a network of its own.
pub const WORKGROUP: u32 = 64;
/// Loop iterations of one invocation in one dispatch, nested ones included. One driver silently ends all
/// loops of an invocation after 65,535.
pub const LOOP_ITERATIONS: u64 = 60_000;

/// What a kernel is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Parameters that a network may have to live in registers.
    pub register_parameters: usize,
    /// Registers that an invocation has.
    pub registers: usize,
    /// Invocations that share a network which does not.
    pub lanes: usize,
}

impl Target {
    /// A GPU: few registers, wide workgroups.
    pub const HARDWARE: Target = Target { register_parameters: 64, registers: 256, lanes: 64 };
    /// A processor posing as one: registers spill cheaply, and a barrier costs nothing only where the
    /// workgroup is a single vector.
    pub const SOFTWARE: Target = Target { register_parameters: 160, registers: usize::MAX, lanes: 8 };
}

/// One of the two ways to train on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One network per invocation, straight-line code.
    Register,
    /// One network per workgroup.
    Workgroup,
}

/// The kernel of a program.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Which of the two.
    pub kind: Kind,
    /// Why.
    pub reason: String,
    /// WGSL that trains.
    pub train: String,
    /// WGSL that measures.
    pub measure: String,
    /// Words of scratch per network.
    pub scratch: usize,
    /// Loop iterations of one invocation in one step of training, at most.
    pub iterations_per_step: u64,
}

/// Chooses the kernel of a program and writes its source.
pub fn kernel(program: &Program, target: Target) -> Result<Kernel, EngineError> {
    let shape = &program.shape;
    let (parameters, samples) = (shape.parameters(), program.data.samples());
    let widest = shape.hidden.iter().copied().max().unwrap_or(0);
    // Seeing each sample, then comparing and grouping: loops of one invocation in one measurement.
    let pair_iterations: usize = shape.hidden.iter().map(|&units| units + pairs(units)).sum();
    let measure_iterations = (samples + 1) * (1 + pair_iterations) + widest * widest * (widest + 1);
    let fits = parameters <= target.register_parameters && registers(program) <= target.registers;
    if fits && widest <= REGISTER_WIDTH && measure_iterations as u64 <= LOOP_ITERATIONS {
        let unrolled = parameters * samples <= UNROLLED && literals(program) <= LITERALS;
        let reason = format!(
            "its {parameters} parameters fit in registers; {samples} samples {}",
            if unrolled { "written out" } else { "in a loop" }
        );
        let context = register_context(program, unrolled);
        return Ok(Kernel {
            kind: Kind::Register,
            reason,
            train: render("train_register.wgsl.jinja", &context),
            measure: render("measure_register.wgsl.jinja", &context),
            scratch: 0,
            iterations_per_step: if unrolled { 1 } else { 1 + samples as u64 },
        });
    }
    let units: usize = shape.layers().iter().map(|layer| layer.outputs).sum();
    let tile = (WORKGROUP_FLOATS / (2 * units + shape.outputs)).min(TILE).min(samples);
    if tile == 0 {
        return Err(too_large(format!(
            "its {units} units do not fit in the workgroup memory that WebGPU promises"
        )));
    }
    let link_row = widest.div_ceil(32).max(1);
    let hidden_units = units - shape.outputs;
    let links = parameters + hidden_units * samples;
    let scratch = links + widest * link_row;
    // Wider workgroups where narrow ones would loop too long.
    let candidates = [target.lanes, 64, 256].into_iter().filter(|&lanes| lanes >= target.lanes);
    let fits = candidates.map(|lanes| (lanes, workgroup_iterations(program, lanes, tile, link_row)));
    let found = fits.into_iter().find(|&(_, (train, measure))| train.max(measure) <= LOOP_ITERATIONS);
    let Some((lanes, (train_iterations, _))) = found else {
        return Err(too_large(format!(
            "its {parameters} parameters on {samples} samples take more work in one step than every driver does in one go"
        )));
    };
    let context = workgroup_context(program, lanes, tile, scratch, links, link_row);
    let why = if parameters > target.register_parameters {
        format!(
            "its {parameters} parameters are more than the {} that fit in registers",
            target.register_parameters
        )
    } else if registers(program) > target.registers {
        format!(
            "its {parameters} parameters and what comes with them are more than the {} registers of an invocation",
            target.registers
        )
    } else {
        format!("a layer of {widest} units on {samples} samples is too much for one invocation to compare")
    };
    Ok(Kernel {
        kind: Kind::Workgroup,
        reason: format!("{why}; {tile} samples a tile"),
        train: render("train_workgroup.wgsl.jinja", &context),
        measure: render("measure_workgroup.wgsl.jinja", &context),
        scratch,
        iterations_per_step: train_iterations,
    })
}

fn too_large(what: String) -> EngineError {
    EngineError::Unsupported(format!(
        "this network is too large for the gpu engine: {what}; try --backend cpu"
    ))
}

/// Registers of one invocation of the register kernel, about: every parameter with its gradient and what the
/// optimizer keeps, four or five numbers a unit, the inputs of a sample. As AMD's compiler has it:
/// `cargo run --example gpu_static`.
fn registers(program: &Program) -> usize {
    let shape = &program.shape;
    let units = shape.hidden.iter().sum::<usize>() + shape.outputs;
    (2 + program.optimizer.slots()) * shape.parameters() + 9 * units / 2 + shape.inputs
}

/// Loop iterations of the busiest invocation in one step of training and in one measurement, at most.
fn workgroup_iterations(program: &Program, lanes: usize, tile: usize, link_row: usize) -> (u64, u64) {
    let samples = program.data.samples();
    let tiles = samples.div_ceil(tile);
    let share = |items: usize| items.div_ceil(lanes);
    let mut per_tile = 1 + program.shape.outputs * (1 + tile);
    for layer in program.shape.layers() {
        let skip = if program.shape.skip { program.shape.inputs } else { 0 };
        per_tile += share(layer.outputs * tile) * (1 + layer.inputs + skip);
        per_tile += share(layer.inputs * tile) * (1 + layer.outputs);
        per_tile += share(layer.outputs * (layer.inputs + 1) + layer.outputs * skip) * (1 + tile) * 2;
    }
    let task = tiles * per_tile;
    let train = 1 + task + 2 * share(program.shape.parameters());
    let mut measure = task + share(program.shape.parameters()) + lanes;
    for &width in program.shape.hidden.iter().filter(|&&width| width > 1) {
        measure += share(width * samples);
        measure += share(width * link_row) * 32.min(width) * (1 + samples.div_ceil(4));
        measure += link_row + width * (2 + link_row);
    }
    (train as u64, measure as u64)
}

/// The function of `shaders/shared/functions.wgsl` that computes an activation.
fn function(activation: Activation) -> &'static str {
    match activation {
        Activation::Logistic => "logistic",
        Activation::Tanh => "tanh_",
        Activation::Relu => "relu",
        Activation::LeakyRelu => "leaky_relu",
        Activation::Elu => "elu",
        Activation::Softplus => "softplus",
        Activation::Gelu => "gelu",
        Activation::Silu => "silu",
        Activation::Erf => "erf",
        Activation::Sin => "sin_",
        Activation::Abs => "abs_",
        Activation::Linear => "linear",
    }
}

/// Pairs of different units.
fn pairs(units: usize) -> usize {
    units * units.saturating_sub(1) / 2
}

/// Different numbers in the data.
fn literals(program: &Program) -> usize {
    let numbers = program.data.x.iter().chain(&program.data.y);
    numbers.map(|number| number.to_bits()).collect::<HashSet<_>>().len()
}

/// A WGSL literal that reads back to the same f32.
fn literal(value: f32) -> String {
    format!("{value:?}")
}

fn layer_values(program: &Program) -> Vec<Value> {
    let (mut first, mut first_pair) = (0, 0);
    let describe = |(l, layer): (usize, Layer)| {
        let value = context! {
            index => l,
            inputs => layer.inputs,
            outputs => layer.outputs,
            activation => function(layer.activation),
            weights => layer.weights,
            biases => layer.biases,
            first => first,
            first_pair => first_pair,
        };
        first += layer.outputs;
        first_pair += pairs(layer.outputs);
        value
    };
    program.shape.layers().into_iter().enumerate().map(describe).collect()
}

fn common_context(program: &Program) -> Value {
    let (shape, data) = (&program.shape, &program.data);
    let layers = layer_values(program);
    context! {
        hidden => &layers[..layers.len() - 1],
        output => layers.len() - 1,
        layers => layers,
        skip => shape.skip_weights(),
        inputs => shape.inputs,
        outputs => shape.outputs,
        parameters => shape.parameters(),
        is_weight => shape.is_weight(),
        sample_count => data.samples(),
        loss => program.loss.word(),
        loss_norm => literal(program.loss.norm(data.y.len()) as f32),
        delta_norm => literal(program.loss.delta_norm(data.y.len()) as f32),
        momentum => program.optimizer == Optimizer::Momentum,
        criterion => if program.criterion == Criterion::Loss { "loss" } else { "error" },
        stop_when_solved => program.stop_when_solved,
    }
}

fn register_context(program: &Program, unrolled: bool) -> Value {
    let (shape, data) = (&program.shape, &program.data);
    let samples: Option<Vec<Value>> = unrolled.then(|| {
        let row = |values: &[f32]| values.iter().map(|&v| literal(v)).collect::<Vec<_>>();
        data.x
            .chunks(shape.inputs)
            .zip(data.y.chunks(shape.outputs))
            .map(|(x, y)| context! { x => row(x), y => row(y) })
            .collect()
    });
    let names = |letter: char, count: usize| (0..count).map(|i| format!("{letter}{i}")).collect::<Vec<_>>();
    context! {
        samples => samples,
        widest => shape.hidden.iter().max(),
        pairs => shape.hidden.iter().map(|&units| pairs(units)).sum::<usize>(),
        x_names => names('x', shape.inputs),
        y_names => names('y', shape.outputs),
        ..common_context(program)
    }
}

fn workgroup_context(
    program: &Program,
    lanes: usize,
    tile: usize,
    scratch: usize,
    links: usize,
    link_row: usize,
) -> Value {
    let units: usize = program.shape.layers().iter().map(|layer| layer.outputs).sum();
    context! { lanes, tile, scratch, links, link_row, units, ..common_context(program) }
}

/// WGSL that draws initial parameters.
pub fn init() -> String {
    render("init.wgsl", &Value::UNDEFINED)
}

/// WGSL that computes raw random words.
pub fn rng() -> String {
    render("rng.wgsl", &Value::UNDEFINED)
}

/// The structs of [`rng`] alone, for the test of layouts.
#[cfg(test)]
pub fn rng_structs() -> String {
    let source = rng();
    let start = source.find("struct Words").unwrap();
    let end = source[start..].find('}').unwrap();
    source[start..=start + end].to_string()
}

macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../shaders/", $name)))),+]
    };
}

const TEMPLATES: &[(&str, &str)] = templates![
    "shared/types.wgsl",
    "shared/philox.wgsl",
    "shared/functions.wgsl",
    "shared/register.wgsl.jinja",
    "shared/workgroup.wgsl.jinja",
    "init.wgsl",
    "rng.wgsl",
    "train_register.wgsl.jinja",
    "measure_register.wgsl.jinja",
    "train_workgroup.wgsl.jinja",
    "measure_workgroup.wgsl.jinja",
];

fn render(name: &str, context: &Value) -> String {
    let mut environment = Environment::new();
    let mut syntax = minijinja::syntax::SyntaxConfig::builder();
    // The delimiters are the default ones, which cannot collide.
    environment.set_syntax(syntax.trim_blocks(true).lstrip_blocks(true).build().expect("default delimiters"));
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    for (name, source) in TEMPLATES {
        // The templates are part of the program, and every permutation of them is rendered in the tests.
        environment.add_template(name, source).expect("shader templates parse");
    }
    let template = environment.get_template(name).expect("shader templates have these names");
    template.render(context).unwrap_or_else(|e| panic!("{name}: {e:#}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::net::{Base, Gain, Init, Loss, Noise, Readout, Shape};
    use crate::task::Data;

    fn program(samples: usize, hidden: &[usize]) -> Program {
        let data = Data {
            inputs: 3,
            outputs: 2,
            x: (0..3 * samples).map(|i| i as f32 % 3.0 - 1.0).collect(),
            y: (0..2 * samples).map(|i| i as f32 % 2.0).collect(),
        };
        Program {
            shape: Shape {
                inputs: 3,
                hidden: hidden.to_vec(),
                outputs: 2,
                activation: Activation::Tanh,
                output: Activation::Logistic,
                readout: Readout::Trained,
                bias: true,
                skip: false,
            },
            data: Arc::new(data),
            loss: Loss::Mse,
            optimizer: Optimizer::Sgd,
            init: Init { base: Base::Zero, noise: Noise::Uniform, gain: Gain::None },
            steps: 100,
            stop_when_solved: false,
            criterion: Criterion::Error,
        }
    }

    /// Every choice that changes a template, one list of programs.
    fn permutations() -> Vec<Program> {
        let mut programs = Vec::new();
        for (samples, hidden) in [
            (4, &[][..]),
            (4, &[2]),
            (4, &[1]),
            (4, &[2, 3]),
            (40, &[4]),
            (8, &[40]),
            (8, &[12, 9, 7]),
            (40, &[12, 1]),
        ] {
            let plain = program(samples, hidden);
            for &activation in Activation::ALL {
                let shape = Shape { activation, output: activation, ..plain.shape.clone() };
                programs.push(Program { shape, ..plain.clone() });
            }
            for bits in 0..64u32 {
                let on = |bit: u32| bits >> bit & 1 == 1;
                let sum = on(0) && !hidden.is_empty();
                let shape = Shape {
                    readout: if sum { Readout::Sum } else { Readout::Trained },
                    bias: on(1),
                    skip: on(2),
                    ..plain.shape.clone()
                };
                let optimizer = if on(3) { Optimizer::Momentum } else { Optimizer::Sgd };
                let criterion = if on(4) { Criterion::Loss } else { Criterion::Error };
                let loss = Loss::ALL[bits as usize % 3];
                programs.push(Program {
                    shape,
                    optimizer,
                    criterion,
                    loss,
                    stop_when_solved: on(5),
                    ..plain.clone()
                });
            }
        }
        programs
    }

    fn validate(source: &str) -> Result<(), String> {
        let module = naga::front::wgsl::parse_str(source).map_err(|e| e.emit_to_string(source))?;
        let mut validator = naga::valid::Validator::new(
            naga::valid::ValidationFlags::all(),
            // Nothing beyond what WebGPU promises.
            naga::valid::Capabilities::empty(),
        );
        validator.validate(&module).map(|_| ()).map_err(|e| format!("{e:?}"))
    }

    #[test]
    fn every_permutation_of_every_shader_is_valid() {
        for source in [init(), rng()] {
            validate(&source).unwrap();
        }
        let (mut registers, mut workgroups) = (0, 0);
        for program in permutations() {
            for target in [Target::HARDWARE, Target::SOFTWARE] {
                let kernel = kernel(&program, target).unwrap();
                match kernel.kind {
                    Kind::Register => registers += 1,
                    Kind::Workgroup => workgroups += 1,
                }
                for source in [&kernel.train, &kernel.measure] {
                    if let Err(e) = validate(source) {
                        panic!("{program:?} {:?}: {e}\n{source}", kernel.kind);
                    }
                }
            }
        }
        assert!(registers > 300 && workgroups > 300, "{registers} {workgroups}");
    }

    #[test]
    fn an_invalid_shader_is_found() {
        let kernel = kernel(&program(4, &[2]), Target::HARDWARE).unwrap();
        assert!(validate(&kernel.train.replacen("w0", "w0_missing", 1)).is_err());
    }

    #[test]
    fn workgroup_memory_stays_within_what_webgpu_promises() {
        let mut large = permutations();
        large.extend([&[1900][..], &[700, 3], &[60, 60]].map(|hidden| program(16, hidden)));
        for program in large {
            let Ok(kernel) = kernel(&program, Target::HARDWARE) else { continue };
            for source in [&kernel.train, &kernel.measure] {
                let module = naga::front::wgsl::parse_str(source).unwrap();
                let mut layouter = naga::proc::Layouter::default();
                layouter.update(module.to_ctx()).unwrap();
                let bytes: u32 = module
                    .global_variables
                    .iter()
                    .filter(|(_, variable)| variable.space == naga::AddressSpace::WorkGroup)
                    .map(|(_, variable)| layouter[variable.ty].size)
                    .sum();
                assert!(bytes <= 16 << 10, "{bytes}");
            }
        }
    }

    #[test]
    fn what_is_too_large_is_refused_with_a_way_out() {
        let error = kernel(&program(4, &[5000]), Target::HARDWARE).unwrap_err().to_string();
        assert!(error.contains("--backend cpu"), "{error}");
        assert_eq!(kernel(&program(4, &[60, 50]), Target::HARDWARE).unwrap().kind, Kind::Workgroup);
    }

    #[test]
    fn four_thousand_parameters_fit_whatever_the_shape() {
        for (samples, hidden) in [
            (4, &[680][..]),
            (16, &[680]),
            (64, &[500]),
            (64, &[60, 60]),
            (256, &[60, 60]),
            (1024, &[100]),
            (1024, &[32]),
            (1024, &[4]),
            (4, &[1, 800]),
            (16, &[20, 20, 20, 20, 20]),
        ] {
            let program = program(samples, hidden);
            for target in [Target::HARDWARE, Target::SOFTWARE] {
                let kernel = kernel(&program, target);
                assert!(kernel.is_ok(), "{hidden:?} on {samples}: {kernel:?}");
            }
        }
    }
}
