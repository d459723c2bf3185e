//! From a program to WGSL: which kernel, and its source.

use minijinja::{Environment, Value, context};

use crate::engine::{Criterion, EngineError, Program};
use crate::net::{Activation, Layer, Loss, Optimizer};

/// Parameters that a network may have to live in registers.
const REGISTER_PARAMETERS: usize = 64;
/// Units of a layer, one bit each in the register kernel's links.
const REGISTER_WIDTH: usize = 32;
/// Parameters × samples up to which samples are written out one by one.
const UNROLLED: usize = 640;
/// Floats that fit in the 16 KiB of workgroup memory that WebGPU promises, less what else lies there.
const WORKGROUP_FLOATS: usize = 4096 - 128;
/// Samples of a tile at most.
const TILE: usize = 16;
/// Invocations of a workgroup.
pub const WORKGROUP: u32 = 64;
/// Loop iterations of one invocation in one dispatch, nested ones included. One driver silently ends all
/// loops of an invocation after 65,535.
pub const LOOP_ITERATIONS: u64 = 60_000;

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
pub fn kernel(program: &Program) -> Result<Kernel, EngineError> {
    let shape = &program.shape;
    let (parameters, samples) = (shape.parameters(), program.data.samples());
    let widest = shape.hidden.iter().copied().max().unwrap_or(0);
    if parameters <= REGISTER_PARAMETERS && widest <= REGISTER_WIDTH {
        let unrolled = parameters * samples <= UNROLLED;
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
    let (train_iterations, measure_iterations) = workgroup_iterations(program, tile, link_row);
    if train_iterations.max(measure_iterations) > LOOP_ITERATIONS {
        return Err(too_large(format!(
            "one step of it would take {} loop iterations of an invocation, of {LOOP_ITERATIONS} that every driver runs",
            train_iterations.max(measure_iterations)
        )));
    }
    let context = workgroup_context(program, tile, scratch, links, link_row);
    let why = if parameters > REGISTER_PARAMETERS {
        format!("its {parameters} parameters are more than the {REGISTER_PARAMETERS} that fit in registers")
    } else {
        format!("its widest layer of {widest} units is over {REGISTER_WIDTH}")
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

/// Loop iterations of the busiest invocation in one step of training and in one measurement, at most.
fn workgroup_iterations(program: &Program, tile: usize, link_row: usize) -> (u64, u64) {
    let samples = program.data.samples();
    let tiles = samples.div_ceil(tile);
    let share = |items: usize| items.div_ceil(WORKGROUP as usize);
    let mut per_tile = 1 + program.shape.outputs * (1 + tile);
    for layer in program.shape.layers() {
        let skip = if program.shape.skip { program.shape.inputs } else { 0 };
        per_tile += share(layer.outputs * tile) * (1 + layer.inputs + skip);
        per_tile += share(layer.inputs * tile) * (1 + layer.outputs);
        per_tile += share(layer.outputs * (layer.inputs + 1) + layer.outputs * skip) * (1 + tile) * 2;
    }
    let task = tiles * per_tile;
    let train = 1 + task + 2 * share(program.shape.parameters());
    let mut measure = task + share(program.shape.parameters()) + WORKGROUP as usize;
    for &width in program.shape.hidden.iter().filter(|&&width| width > 1) {
        measure += share(width * samples);
        measure += share(width * link_row) * 32.min(width) * (1 + samples);
        measure += link_row + width * (1 + 3 * link_row);
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

/// A WGSL literal that reads back to the same f32.
fn literal(value: f32) -> String {
    format!("{value:?}")
}

fn layer_values(program: &Program) -> Vec<Value> {
    let mut first = 0;
    let describe = |(l, layer): (usize, Layer)| {
        let value = context! {
            index => l,
            inputs => layer.inputs,
            outputs => layer.outputs,
            activation => function(layer.activation),
            weights => layer.weights,
            biases => layer.biases,
            first => first,
        };
        first += layer.outputs;
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
        x_names => names('x', shape.inputs),
        y_names => names('y', shape.outputs),
        ..common_context(program)
    }
}

fn workgroup_context(program: &Program, tile: usize, scratch: usize, links: usize, link_row: usize) -> Value {
    let units: usize = program.shape.layers().iter().map(|layer| layer.outputs).sum();
    context! { tile, scratch, links, link_row, units, ..common_context(program) }
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
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    for (name, source) in TEMPLATES {
        // The templates are part of the program, and every permutation of them is rendered in the tests.
        environment.add_template(name, source).expect("shader templates parse");
    }
    let template = environment.get_template(name).expect("shader templates have these names");
    template.render(context).unwrap_or_else(|e| panic!("{name}: {e:#}"))
}
