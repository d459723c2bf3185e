//! From a program to WGSL: which kernel, and its source.

use std::collections::HashSet;
use std::sync::LazyLock;

use minijinja::{Environment, Value, context};

use crate::engine::{Criterion, EngineError, Program};
use crate::net::{Activation, Layer};

/// Units of a layer, one bit each in the register kernel's links.
const REGISTER_WIDTH: usize = 32;
/// Parameters × samples up to which samples are written out one by one.
const UNROLLED: usize = 640;
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
    /// Registers that its neighbours share with it, for data and truth values: a GPU has about a hundred, and needs
    /// some for itself.
    pub scalars: usize,
    /// Parameters up to which an invocation trains two networks: each waits for its own chain of sums, exponentials
    /// and divisions, and a processor has too few invocations in flight to hide that.
    pub paired_parameters: usize,
    /// Invocations that share a network which does not.
    pub lanes: usize,
}

impl Target {
    /// A GPU: few registers, wide workgroups.
    pub const HARDWARE: Target =
        Target { register_parameters: 64, registers: 256, scalars: 64, paired_parameters: 0, lanes: 64 };
    /// A processor posing as one: registers spill cheaply, and a barrier costs nothing only where the
    /// workgroup is a single vector.
    pub const SOFTWARE: Target = Target {
        register_parameters: 160,
        registers: usize::MAX,
        scalars: usize::MAX,
        paired_parameters: 20,
        lanes: 8,
    };
}

/// One of the two ways to train on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A network or two per invocation, straight-line code.
    Register(Registers),
    /// One network per workgroup.
    Workgroup(Workgroups),
}

/// Dimensions of a register kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registers {
    /// Samples that are taken at once: all of them where they are written out, else a divisor of their number.
    pub group: usize,
    /// Networks that an invocation trains.
    pub networks: usize,
}

/// Dimensions of a workgroup kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workgroups {
    /// Invocations of a workgroup.
    pub lanes: usize,
    /// Samples of a tile.
    tile: usize,
    /// Offset of the links in a network's scratch, and words of a row of them.
    links: usize,
    link_row: usize,
    /// Offsets of the order of samples and of a tile's inputs, where updates have passes of their own.
    ordered: usize,
    inputs_at: usize,
}

/// The kernel of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Which of the two, and its dimensions.
    pub kind: Kind,
    /// Why.
    pub reason: String,
    /// Words of scratch per network.
    pub scratch: usize,
    /// Loop iterations of one invocation in one step of training, at most; of an epoch that only its end has, its share.
    pub iterations_per_step: u64,
    /// Loop iterations of one invocation in one dispatch of training that do not come again with every step, at most.
    pub iterations_per_dispatch: u64,
    /// Loop iterations of one invocation from one measured step to the next that are not its training.
    pub iterations_per_measurement: u64,
}

impl Kernel {
    /// WGSL that trains runs of a program, with weight decay or without.
    pub fn train(&self, program: &Program, decay: bool) -> String {
        match self.kind {
            Kind::Register(dimensions) => {
                render(self.train_template(program), &register_context(program, dimensions, decay))
            }
            Kind::Workgroup(dimensions) => {
                render(self.train_template(program), &workgroup_context(program, self.scratch, dimensions))
            }
        }
    }

    /// File name of the shader that trains.
    pub fn train_template(&self, program: &Program) -> &'static str {
        match self.kind {
            Kind::Register(_) if program.has_passes_of_its_own() => "train_register_stochastic.wgsl.jinja",
            Kind::Register(_) => "train_register.wgsl.jinja",
            Kind::Workgroup(_) => "train_workgroup.wgsl.jinja",
        }
    }

    /// File name of the shader that measures.
    pub fn measure_template(&self) -> &'static str {
        match self.kind {
            Kind::Register(_) => "measure_register.wgsl.jinja",
            Kind::Workgroup(_) => "measure_workgroup.wgsl.jinja",
        }
    }

    /// Steps of one dispatch at most, of runs with so many measured steps; and whether every measured step must end a
    /// dispatch, because many measurements on many samples are too long for one.
    pub fn steps_per_dispatch(&self, measured: usize) -> (u32, bool) {
        let measurements = self.iterations_per_measurement * (measured as u64 + 1);
        let at_each_step = measurements > LOOP_ITERATIONS / 4;
        let measurements = if at_each_step { 2 * self.iterations_per_measurement } else { measurements };
        let bound = LOOP_ITERATIONS.saturating_sub(measurements + self.iterations_per_dispatch)
            / self.iterations_per_step;
        (bound.max(1) as u32, at_each_step)
    }

    /// WGSL that measures runs of a program.
    pub fn measure(&self, program: &Program) -> String {
        match self.kind {
            Kind::Register(dimensions) => {
                let dimensions = Registers { networks: 1, ..dimensions };
                render(self.measure_template(), &register_context(program, dimensions, false))
            }
            Kind::Workgroup(dimensions) => {
                render(self.measure_template(), &workgroup_context(program, self.scratch, dimensions))
            }
        }
    }
}

/// Chooses the kernel of a program.
pub fn kernel(program: &Program, target: Target) -> Result<Kernel, EngineError> {
    let shape = &program.shape;
    let (parameters, samples) = (shape.parameters(), program.data.samples());
    let widest = shape.hidden.iter().copied().max().unwrap_or(0);
    // Seeing each sample, then comparing and grouping: loops of one invocation in one measurement.
    let pair_iterations: usize = shape.hidden.iter().map(|&units| units + pairs(units)).sum();
    let measure_iterations = (samples + 1) * (1 + pair_iterations) + widest * widest * (widest + 1);
    let dimensions = registers(program, target);
    let trains = dimensions.map(|dimensions| register_iterations(program, dimensions));
    let countable = measure_iterations as u64 <= LOOP_ITERATIONS / 4 * 3
        && trains.is_some_and(|iterations| iterations.fit(1));
    if let Some(dimensions) = dimensions.filter(|_| widest <= REGISTER_WIDTH && countable) {
        let Registers { group, networks } = dimensions;
        let Iterations { step, dispatch, measurement } = register_iterations(program, dimensions);
        return Ok(Kernel {
            kind: Kind::Register(dimensions),
            reason: format!(
                "its {parameters} parameters fit in registers; {samples} samples {}{}",
                if is_written_out(program, group) { "written out" } else { "in a loop" },
                if networks == 2 { ", two networks at a time" } else { "" }
            ),
            scratch: 0,
            iterations_per_step: step,
            iterations_per_dispatch: dispatch,
            iterations_per_measurement: measurement,
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
    let ordered = links + widest * link_row;
    let inputs_at = ordered + if program.batch.is_some() { samples } else { 0 };
    let scratch = inputs_at + if program.has_passes_of_its_own() { shape.inputs * tile } else { 0 };
    // Wider workgroups where narrow ones would loop too long.
    let candidates = [target.lanes, 64, 256].into_iter().filter(|&lanes| lanes >= target.lanes);
    let fits = candidates.map(|lanes| (lanes, workgroup_iterations(program, lanes, tile, link_row)));
    let Some((lanes, iterations)) = fits.into_iter().find(|(_, iterations)| iterations.fit(0)) else {
        return Err(too_large(format!(
            "its {parameters} parameters on {samples} samples take more work in one step than every driver does in one go"
        )));
    };
    let why = if parameters > target.register_parameters {
        format!(
            "its {parameters} parameters are more than the {} that fit in registers",
            target.register_parameters
        )
    } else if dimensions.is_none() {
        format!(
            "its {parameters} parameters and what comes with them are more than the {} registers of an invocation",
            target.registers
        )
    } else {
        format!("a layer of {widest} units on {samples} samples is too much for one invocation")
    };
    Ok(Kernel {
        kind: Kind::Workgroup(Workgroups { lanes, tile, links, link_row, ordered, inputs_at }),
        reason: format!("{why}; {tile} samples a tile"),
        scratch,
        iterations_per_step: iterations.step,
        iterations_per_dispatch: iterations.dispatch,
        iterations_per_measurement: 0,
    })
}

fn too_large(what: String) -> EngineError {
    EngineError::Unsupported(format!(
        "this network is too large for the gpu engine: {what}; try --backend cpu"
    ))
}

/// How a register kernel would take a program, if its registers suffice: all samples at once, or the largest group of
/// them that leaves room. What is counted is what AMD's compiler keeps: every parameter with what the optimizer
/// keeps for it and the noise on it, h and the slope of every hidden unit on every sample of the group, and, with
/// samples in a loop, the sums of the gradients or the distances of pairs of units. Updates that have passes of their
/// own take one sample at a time. `cargo run --example gpu_static` shows how it fits.
fn registers(program: &Program, target: Target) -> Option<Registers> {
    let (shape, samples) = (&program.shape, program.data.samples());
    let parameters = shape.parameters();
    if parameters > target.register_parameters {
        return None;
    }
    let hidden: usize = shape.hidden.iter().sum();
    let own_passes = program.has_passes_of_its_own();
    let alone = own_passes || program.noise.gradient || program.noise.mask;
    let drawn = if program.noise.gradient { parameters } else { 0 };
    let drawn = drawn.max(if program.noise.input { shape.inputs } else { 0 });
    let noise = if alone { parameters.div_ceil(32) + drawn + 20 } else { 0 };
    let kept = (1 + program.optimizer.slots()) * parameters + noise + 40;
    let networks = if parameters <= target.paired_parameters && !alone { 2 } else { 1 };
    // Whether z > 0 is kept for the slope, in two scalar registers and some to work with.
    let truths = if shape.activation == Activation::Relu { 9 * hidden / 4 } else { 0 };
    let written_out = kept + 2 * samples * (hidden + shape.outputs);
    let fits = written_out <= target.registers && (samples * truths).max(literals(program)) <= target.scalars;
    if fits && parameters * samples <= UNROLLED && !own_passes {
        return Some(Registers { group: samples, networks });
    }
    let sums = parameters.max(shape.hidden.iter().map(|&units| pairs(units)).sum());
    let data = shape.inputs + shape.outputs;
    let fits = |group: &usize| {
        let vectors = kept + sums + group * (2 * (hidden + shape.outputs) + data);
        let scalars = group * truths.max(data);
        samples.is_multiple_of(*group)
            && !(own_passes && *group > 1)
            && vectors <= target.registers
            && (scalars <= target.scalars || *group == 1)
    };
    let group = [4, 2, 1].into_iter().find(fits)?;
    Some(Registers { group, networks })
}

/// Different numbers in the data.
fn literals(program: &Program) -> usize {
    let numbers = program.data.x.iter().chain(&program.data.y);
    numbers.map(|number| number.to_bits()).collect::<HashSet<_>>().len()
}

/// Whether a register kernel has the samples of this group written into its code.
fn is_written_out(program: &Program, group: usize) -> bool {
    group == program.data.samples() && !program.has_passes_of_its_own()
}

/// Loop iterations of the busiest invocation, at most.
#[derive(Clone, Copy, Debug)]
struct Iterations {
    /// In a step of training; of what only ends of epochs have, its share.
    step: u64,
    /// In a dispatch of training, beside its steps.
    dispatch: u64,
    /// In a measurement.
    measurement: u64,
}

impl Iterations {
    /// Of steps that take `each`, of epochs that begin with `begin` more and end with a look of `look`. Of k steps in a row
    /// k / epoch and one more begin an epoch, and the states before and after them hold k / epoch and one more ends of
    /// epochs, and the end of training.
    fn of(program: &Program, each: usize, begin: usize, look: usize, measurement: usize) -> Iterations {
        let share = (begin + look).div_ceil(program.steps_per_epoch() as usize);
        Iterations {
            step: (each + share) as u64,
            dispatch: (begin + 2 * look) as u64,
            measurement: measurement as u64,
        }
    }

    /// Whether a dispatch can hold a step and `measurements` that the kernel makes as it trains, and two more, and another
    /// a measurement.
    fn fit(self, measurements: u64) -> bool {
        (self.step + self.dispatch + 2 * measurements * self.measurement).max(self.measurement)
            <= LOOP_ITERATIONS
    }
}

/// Iterations to shuffle the samples of an epoch.
fn shuffle_iterations(program: &Program) -> usize {
    let samples = program.data.samples();
    if program.batch.is_some() { samples + samples.div_ceil(4) } else { 0 }
}

/// Samples of an update.
fn batch(program: &Program) -> usize {
    program.batch.map_or(program.data.samples(), |batch| batch as usize)
}

/// Of the kernel in registers, in whose training measurements are looks.
fn register_iterations(program: &Program, dimensions: Registers) -> Iterations {
    let (shape, noise, samples) = (&program.shape, program.noise, program.data.samples());
    let (parameters, units) = (shape.parameters(), shape.hidden.iter().sum::<usize>());
    let drawn = if noise.gradient { parameters.div_ceil(2) } else { 0 };
    let masked = if noise.mask { parameters } else { 0 };
    let task = if is_written_out(program, dimensions.group) { 0 } else { samples / dimensions.group };
    let mut iterations = if program.has_passes_of_its_own() {
        let inputs = if noise.input { shape.inputs / 2 + 1 } else { 0 };
        let dropped = if noise.dropout { units.div_ceil(4) + units.div_ceil(32) } else { 0 };
        let each = 1 + batch(program) * (1 + inputs + dropped) + drawn;
        Iterations::of(program, each, shuffle_iterations(program), task, 1 + task)
    } else {
        // A state that only a look can judge takes one iteration for the look and one for the step.
        let step = (2 * (1 + task) + drawn) as u64;
        Iterations { step, dispatch: 0, measurement: 1 + task as u64 }
    };
    iterations.dispatch += masked as u64;
    iterations
}

/// Of the kernel for large networks, whose measurements are dispatches of their own.
fn workgroup_iterations(program: &Program, lanes: usize, tile: usize, link_row: usize) -> Iterations {
    let (shape, samples) = (&program.shape, program.data.samples());
    let share = |items: usize| items.div_ceil(lanes);
    // Loops take four at a time; the rest is written out.
    let four = |items: usize| 1 + items / 4;
    let skip = if shape.skip { shape.inputs } else { 0 };
    let (mut forward, mut backward) = (1 + share(tile) * (1 + 2 * shape.outputs), 0);
    for (l, layer) in shape.layers().into_iter().enumerate() {
        forward += share(layer.outputs * tile) * (four(layer.inputs) + four(skip));
        if l > 0 {
            backward += share(layer.inputs * tile) * four(layer.outputs);
        }
        let gradients = [layer.outputs * layer.inputs, layer.outputs, layer.outputs * skip];
        backward += gradients.into_iter().map(share).sum::<usize>() * (1 + tile.div_ceil(4));
    }
    let looked = shape.outputs * (1 + tile.div_ceil(4));
    let chosen = share(tile) + share(shape.inputs * tile);
    let tiles = |samples: usize| samples.div_ceil(tile);
    let task = tiles(samples) * (forward + backward + looked);
    let update = 1 + 2 * share(shape.parameters());
    let mut measure = task + share(shape.parameters()) + lanes;
    for &width in shape.hidden.iter().filter(|&&width| width > 1) {
        measure += share(width * samples);
        measure += share(width * link_row) * 32.min(width) * (1 + samples.div_ceil(4));
        measure += link_row + width * (2 + link_row);
    }
    if program.has_passes_of_its_own() {
        let each = update + tiles(batch(program)) * (forward + backward + chosen);
        let look = tiles(samples) * (forward + looked);
        Iterations::of(program, each, shuffle_iterations(program), look, measure)
    } else {
        // At the end of training a look comes without its step.
        Iterations { step: (update + task) as u64, dispatch: 0, measurement: measure as u64 }
    }
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
    let (shape, data, noise) = (&program.shape, &program.data, program.noise);
    let (samples, batch) = (data.samples(), batch(program));
    let layers = layer_values(program);
    let feeds_output = shape.feeds_output();
    let delta_norm = |samples: usize| literal(program.loss.delta_norm(samples, data.outputs) as f32);
    // What comes after the last whole batch of an epoch, if anything.
    let last = if samples.is_multiple_of(batch) { batch } else { samples % batch };
    context! {
        hidden => &layers[..layers.len() - 1],
        output => layers.len() - 1,
        layers => layers,
        skip => shape.skip_weights(),
        inputs => shape.inputs,
        outputs => shape.outputs,
        parameters => shape.parameters(),
        units => shape.hidden.iter().sum::<usize>() + shape.outputs,
        is_weight => shape.is_weight(),
        feeds_output_from => feeds_output.iter().position(|&output| output).unwrap_or(feeds_output.len()),
        feeds_output => feeds_output,
        sample_count => samples,
        batch => batch,
        steps_per_epoch => program.steps_per_epoch(),
        own_passes => program.has_passes_of_its_own(),
        noise => context! {
            dropout => noise.dropout,
            gradient => noise.gradient,
            input => noise.input,
            mask => noise.mask,
        },
        // Normal numbers that are drawn at once.
        normals => [(noise.gradient, shape.parameters()), (noise.input, shape.inputs)]
            .into_iter().filter_map(|(drawn, count)| drawn.then_some(count)).max().unwrap_or(0),
        loss => program.loss.word(),
        of_logits => program.loss.is_of_logits(),
        loss_norm => literal(program.loss.norm(samples, data.outputs) as f32),
        delta_norm => delta_norm(samples),
        batch_norm => delta_norm(batch),
        last_norm => delta_norm(last),
        optimizer => program.optimizer.word(),
        slots => program.optimizer.slots(),
        criterion => if program.criterion == Criterion::Loss { "loss" } else { "error" },
        stop_when_solved => program.stop_when_solved,
    }
}

fn register_context(program: &Program, dimensions: Registers, decay: bool) -> Value {
    let (shape, data) = (&program.shape, &program.data);
    let written_out = is_written_out(program, dimensions.group);
    let row = |values: &[f32]| values.iter().map(|&v| literal(v)).collect::<Vec<_>>();
    let names = |letter: char, s: usize, count: usize| {
        (0..count).map(|i| format!("{letter}{s}_{i}")).collect::<Vec<_>>()
    };
    let group: Vec<Value> = (0..dimensions.group)
        .map(|s| match written_out {
            true => context! {
                index => s,
                x => row(&data.x[s * shape.inputs..(s + 1) * shape.inputs]),
                y => row(&data.y[s * shape.outputs..(s + 1) * shape.outputs]),
            },
            false => {
                context! { index => s, x => names('x', s, shape.inputs), y => names('y', s, shape.outputs) }
            }
        })
        .collect();
    let pairs: usize = shape.hidden.iter().map(|&units| pairs(units)).sum();
    context! {
        group => group,
        written_out => written_out,
        nets => dimensions.networks,
        decay => decay,
        widest => shape.hidden.iter().max(),
        pairs => pairs,
        real => if dimensions.networks == 2 { "vec2f" } else { "f32" },
        word => if dimensions.networks == 2 { "vec2u" } else { "u32" },
        ..common_context(program)
    }
}

fn workgroup_context(program: &Program, scratch: usize, dimensions: Workgroups) -> Value {
    let Workgroups { lanes, tile, links, link_row, ordered, inputs_at } = dimensions;
    context! {
        lanes, tile, scratch, links, link_row, ordered, inputs_at,
        real => "f32",
        word => "u32",
        ..common_context(program)
    }
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
    "shared/normal.wgsl",
    "shared/noise.wgsl",
    "shared/order.wgsl.jinja",
    "shared/functions.wgsl",
    "shared/networks.wgsl.jinja",
    "shared/optimizer.wgsl.jinja",
    "shared/register.wgsl.jinja",
    "shared/symmetry.wgsl.jinja",
    "shared/workgroup.wgsl.jinja",
    "init.wgsl",
    "rng.wgsl",
    "train_register.wgsl.jinja",
    "train_register_stochastic.wgsl.jinja",
    "measure_register.wgsl.jinja",
    "train_workgroup.wgsl.jinja",
    "measure_workgroup.wgsl.jinja",
];

/// The templates, parsed once.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
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
    environment
});

fn render(name: &str, context: &Value) -> String {
    let template = ENVIRONMENT.get_template(name).expect("shader templates have these names");
    template.render(context).unwrap_or_else(|e| panic!("{name}: {e:#}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rayon::prelude::*;

    use super::*;
    use crate::net::{Loss, NoiseKinds, Optimizer, Readout, Shape};
    use crate::task::Data;

    fn program(samples: usize, hidden: &[usize]) -> Program {
        let data = Data {
            inputs: 3,
            outputs: 2,
            x: (0..3 * samples).map(|i| i as f32 % 3.0 - 1.0).collect(),
            y: (0..2 * samples).map(|i| i as f32 % 2.0).collect(),
        };
        let shape = Shape {
            inputs: 3,
            hidden: hidden.to_vec(),
            outputs: 2,
            activation: Activation::Tanh,
            output: Activation::Logistic,
            readout: Readout::Trained,
            bias: true,
            skip: false,
        };
        Program { steps: 100, ..Program::new(shape, Arc::new(data)) }
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
            for bits in 0..64u32 {
                let on = |bit: u32| bits >> bit & 1 == 1;
                let noise = NoiseKinds { dropout: on(0), gradient: on(1), input: on(2), mask: on(3) };
                let at = bits as usize;
                let (loss, output) = match Loss::ALL[(at / 4 + at) % 4] {
                    Loss::CrossEntropy => (Loss::CrossEntropy, Activation::Linear),
                    loss => (loss, plain.shape.output),
                };
                programs.push(Program {
                    shape: Shape {
                        output,
                        skip: at.is_multiple_of(3),
                        bias: !at.is_multiple_of(7),
                        ..plain.shape.clone()
                    },
                    optimizer: Optimizer::ALL[at % Optimizer::ALL.len()],
                    noise,
                    batch: [None, Some(1), Some(2), Some(3)][at / 16],
                    loss,
                    stop_when_solved: at.is_multiple_of(5),
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
        let mut sources = HashSet::from([init(), rng()]);
        let (mut registers, mut workgroups) = (0, 0);
        for program in permutations() {
            for target in [Target::HARDWARE, Target::SOFTWARE] {
                let kernel = kernel(&program, target).unwrap();
                match kernel.kind {
                    Kind::Register(_) => registers += 1,
                    Kind::Workgroup(_) => workgroups += 1,
                }
                sources.extend([false, true].map(|decay| kernel.train(&program, decay)));
                sources.insert(kernel.measure(&program));
            }
        }
        sources.into_par_iter().for_each(|source| {
            if let Err(e) = validate(&source) {
                panic!("{e}\n{source}");
            }
        });
        assert!(registers > 300 && workgroups > 300, "{registers} {workgroups}");
    }

    #[test]
    fn an_invalid_shader_is_found() {
        let program = program(4, &[2]);
        let source = kernel(&program, Target::HARDWARE).unwrap().train(&program, false);
        assert!(validate(&source.replacen("w0", "w0_missing", 1)).is_err());
    }

    #[test]
    fn workgroup_memory_stays_within_what_webgpu_promises() {
        let mut large = permutations();
        large.extend([&[1900][..], &[700, 3], &[60, 60]].map(|hidden| program(16, hidden)));
        for program in large {
            let Ok(kernel) = kernel(&program, Target::HARDWARE) else { continue };
            for source in [kernel.train(&program, true), kernel.measure(&program)] {
                let module = naga::front::wgsl::parse_str(&source).unwrap();
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
        let kernel = kernel(&program(4, &[60, 50]), Target::HARDWARE).unwrap();
        assert!(matches!(kernel.kind, Kind::Workgroup(_)), "{kernel:?}");
    }

    /// A thousand samples of 64 numbers, ten classes, under everything that takes work.
    #[test]
    fn large_tasks_fit_under_all_noise() {
        let noise = NoiseKinds { dropout: true, gradient: true, input: true, mask: true };
        for hidden in [&[][..], &[2], &[32], &[64]] {
            let data = Data { inputs: 64, outputs: 10, x: vec![0.5; 64 * 1024], y: vec![0.5; 10 * 1024] };
            let shape = Shape { inputs: 64, outputs: 10, ..program(1, hidden).shape };
            for batch in [None, Some(1), Some(100)] {
                for noise in [NoiseKinds::default(), noise] {
                    let program = Program {
                        noise,
                        batch,
                        optimizer: Optimizer::Adam,
                        ..Program::new(shape.clone(), Arc::new(data.clone()))
                    };
                    for target in [Target::HARDWARE, Target::SOFTWARE] {
                        let kernel = kernel(&program, target);
                        assert!(kernel.is_ok(), "{hidden:?} by {batch:?}, {noise:?}: {kernel:?}");
                    }
                }
            }
        }
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
