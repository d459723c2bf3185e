//! From what was given to a plan: every cell is looked at, and what it needs is made once for all that need the same.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::engine::{Criterion, Program};
use crate::net::{Activation, Base, Init, Loss, NoiseKinds, Optimizer, Readout, Shape};
use crate::task::{Data, Task};

use super::document::{Given, Sweep};
use super::error::{Place, SpecError, Warning, first_few};
use super::key::{self, KEYS, Key, Kind, Spec};
use super::plan::Variant;
use super::range::MAX_CELLS;
use super::{Grid, Plan, Value, points};

/// What a sweep may have at most.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Programs; what is kept of so many takes half a GiB.
    pub programs: usize,
    /// Numbers of all data sets, and of all base points: 1 GiB of f32.
    pub numbers: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { programs: 1 << 20, numbers: 1 << 28 }
    }
}

/// Largest network; beyond this one run's memory is no longer small.
const MAX_PARAMETERS: usize = 1_000_000;

/// Most activations of a network on its task, units (hidden and output) × samples: engines keep a pass over all samples to
/// compare units, which takes the `cpu` engine up to 4 GiB for a vector of networks.
const MAX_ACTIVATIONS: usize = 1 << 26;

/// Comparisons of units in a run, over all looks at them, that take longer than most want to wait: a minute or so.
const MANY_COMPARISONS: f64 = 1e9;

/// The plan of what was given; `name` is its name unless the spec gives one.
pub(super) fn plan(given: Given, name: &str) -> Result<(Plan, Vec<Warning>), SpecError> {
    plan_within(Limits::default(), given, name)
}

/// The same within other limits.
pub(super) fn plan_within(
    limits: Limits,
    given: Given,
    name: &str,
) -> Result<(Plan, Vec<Warning>), SpecError> {
    let Given { fixed, sweeps } = given;
    let mut base = Spec::default();
    for (key, value, _) in fixed.values() {
        key.set(&mut base, value);
    }
    let name = resolve_name(&mut base, name)?;
    let swept = |name: &str| sweeps.iter().any(|sweep| sweep.key.name == name);
    if base.dataset.is_none() && !swept("task.dataset") {
        let expected = key::find("task.dataset").map_or_else(|why| why, |key| key.kind.expected());
        return Err(SpecError {
            key: Some("task.dataset".to_string()),
            place: None,
            message: format!("missing; every spec needs it: {expected}"),
        });
    }

    let count = count_cells(&sweeps, base.seeds)?;
    let grid = Grid::new(sweeps, Some(base.steps));
    let places: BTreeMap<&'static str, &Place> = (fixed.values())
        .map(|(key, _, place)| (key.name, place))
        .chain(grid.sweeps.iter().map(|sweep| (sweep.key.name, &sweep.place)))
        .collect();
    let mut unused: Vec<&Key> = KEYS.iter().filter(|key| places.contains_key(key.name)).collect();
    let mut rounded = [0; ROUNDED.len()];
    let (mut rounded_away, mut unreachable) = (0, 0);
    let (mut wide, mut comparisons) = (0, 0.0f64);
    let mut programs = Programs { limits, ..Programs::default() };
    let mut variants: Vec<Variant> = Vec::new();
    let mut spec = base.clone();
    for number in 0..count {
        // Whatever an earlier cell has set in it, this one sets, too.
        grid.set(&mut spec, number);
        let at = grid.variant(number);
        // Variants nest as cells do, so that they are met in order.
        if at == variants.len() {
            let error = |(key, message): (&str, String)| SpecError {
                key: Some(key.to_string()),
                place: places.get(key).map(|&place| place.clone()),
                message: message + &in_cell(&grid, number),
            };
            let program = programs.index_of(&spec, task_key(&grid, number, &spec)).map_err(error)?;
            if programs.all.len() > limits.programs {
                return Err(SpecError::new(format!(
                    "the sweep has more than {} programs, for each value of keys such as train.steps, net.hidden or \
                     task.seed makes another; sweep fewer values of these",
                    limits.programs
                )));
            }
            let point = programs.add_points(program, &spec).map_err(error)?;
            variants.push(Variant { program: program as u32, point });
        }
        unused.retain(|key| !(key.used)(&spec));
        for (cells, (_, _, is_rounded)) in rounded.iter_mut().zip(ROUNDED) {
            *cells += usize::from(is_rounded(&spec));
        }
        rounded_away += usize::from(is_rounded_away(&spec));
        let program = variants[at].program as usize;
        unreachable += usize::from(programs.negative[program] && is_never_negative(spec.output));
        let of_program = programs.comparisons[program];
        wide += usize::from(of_program > MANY_COMPARISONS);
        comparisons = comparisons.max(of_program);
    }

    let mut warnings: Vec<Warning> = unused
        .into_iter()
        .map(|key| Warning::Unused {
            key: key.name,
            place: places[key.name].clone(),
            why: key.unused_because,
        })
        .collect();
    for ((key, to, _), cells) in ROUNDED.into_iter().zip(rounded).filter(|(_, cells)| *cells > 0) {
        warnings.push(Warning::Rounded { key, to, cells, of: count });
    }
    if rounded_away > 0 {
        warnings.push(Warning::RoundedAway { cells: rounded_away, of: count });
    }
    if unreachable > 0 {
        warnings.push(Warning::Unreachable { cells: unreachable, of: count });
    }
    if wide > 0 {
        warnings.push(Warning::Wide { cells: wide, of: count, comparisons: comparisons as u64 });
    }
    let plan = Plan {
        resolved: resolved(&base, &grid.sweeps, &programs.files),
        point_a_seed: programs.point_a_seed(),
        programs: programs.finished(),
        seeds: base.seeds,
        master: base.seed,
        name,
        // The programs have them; a cell has no use for the million numbers that they may be.
        base: Spec { values: None, ..base },
        variants,
        grid,
    };
    Ok((plan, warnings))
}

/// The spec's own name, else the default, which must do as a name, too.
fn resolve_name(spec: &mut Spec, default: &str) -> Result<String, SpecError> {
    let name = match &spec.name {
        Some(name) => name.clone(),
        None => key::check_name(default).map(|()| default.to_string()).map_err(|why| SpecError {
            key: Some("name".to_string()),
            place: None,
            message: format!("the file's name does not do as a folder name: {why}; give a name"),
        })?,
    };
    spec.name = Some(name.clone());
    Ok(name)
}

/// The number of cells, if it and the number of runs are within limits.
fn count_cells(sweeps: &[Sweep], seeds: u64) -> Result<usize, SpecError> {
    let cells = sweeps
        .iter()
        .try_fold(1u64, |cells, sweep| cells.checked_mul(sweep.values.len() as u64))
        .filter(|&cells| cells <= MAX_CELLS);
    let Some(cells) = cells else {
        let sizes = sweeps.iter().map(|sweep| format!("{} of {}", sweep.values.len(), sweep.key.name));
        let sizes = first_few(sizes.collect()).join(" × ");
        return Err(SpecError::new(format!("the sweep has more than {MAX_CELLS} cells: {sizes}")));
    };
    if cells.checked_mul(seeds).is_none() {
        let message =
            format!("runs.seeds: {cells} cells × {seeds} seeds are more runs than 64 bits can count");
        return Err(SpecError::new(message));
    }
    Ok(cells as usize)
}

/// ` (in the cell net.output = tanh)`, or nothing without a sweep.
fn in_cell(grid: &Grid, number: usize) -> String {
    let settings: Vec<String> =
        grid.swept().iter().zip(grid.values(number)).map(|(key, value)| format!("{key} = {value}")).collect();
    if settings.is_empty() {
        String::new()
    } else {
        format!(" (in the cell {})", first_few(settings).join(", "))
    }
}

/// Whether noise of one of the scales falls through the f32 grid: under an ulp of the base, or under f32's own range.
fn is_rounded_away(spec: &Spec) -> bool {
    let ulp = |x: f64| f64::from((x.abs() as f32).next_up()) - f64::from(x.abs() as f32);
    let (weight_base, bias_base) = match spec.base {
        Base::Zero => (0.0, 0.0),
        Base::Constant => (spec.base_value, 0.0),
        Base::Copies => (spec.base_value, spec.base_value),
    };
    let lost = |scale: f64, base: f64| scale > 0.0 && scale < ulp(base).max(f64::from(f32::MIN_POSITIVE));
    lost(spec.scale, weight_base) || (spec.bias && lost(spec.resolved_bias_scale(), bias_base))
}

/// A key, what it is in single precision, and whether that of a cell is.
type Rounded = (&'static str, &'static str, fn(&Spec) -> bool);

/// Settings that mean something else in single precision. Of β and ρ engines keep what they lack of 1, which is never 0.
const ROUNDED: [Rounded; 3] = [
    ("train.lr", NOTHING, |s| {
        let rates = [s.lr_hidden, s.lr_output];
        s.lr > 0.0 && rates.iter().any(|&factor| factor > 0.0 && is_nothing(s.lr * factor))
    }),
    ("train.momentum", "1", |s| {
        matches!(s.optimizer, Optimizer::Momentum | Optimizer::Nesterov) && s.momentum as f32 == 1.0
    }),
    // Under which a gradient of 0 is 0/0.
    ("train.epsilon", NOTHING, |s| {
        matches!(s.optimizer, Optimizer::Adam | Optimizer::Rmsprop)
            && s.epsilon > 0.0
            && is_nothing(s.epsilon)
    }),
];

/// What [`is_nothing`], for devices may flush numbers that are not normal.
const NOTHING: &str = "0 or next to it";

fn is_nothing(x: f64) -> bool {
    (x as f32) < f32::MIN_POSITIVE
}

/// Whether no output of this φ is ever negative.
fn is_never_negative(output: Activation) -> bool {
    matches!(output, Activation::Logistic | Activation::Relu | Activation::Softplus | Activation::Abs)
}

/// What tells the task of one cell from that of another: the swept keys of the task that the cell uses.
fn task_key(grid: &Grid, number: usize, spec: &Spec) -> String {
    let settings = grid.sweeps.iter().zip(grid.values(number));
    let of_task = settings.filter(|(sweep, _)| sweep.key.table() == "task" && (sweep.key.used)(spec));
    of_task.map(|(sweep, value)| format!("{} = {value}\n", sweep.key.name)).collect()
}

/// Why the targets are not probabilities, if they are not; sums may be off by 1e-6.
fn improbable(data: &Data) -> Option<String> {
    let is_improbable = |row: &&[f32]| {
        let sum: f64 = row.iter().map(|&y| f64::from(y)).sum();
        row.iter().any(|&y| y < 0.0) || (sum - 1.0).abs() > 1e-6
    };
    let row = data.y.chunks(data.outputs).find(is_improbable)?;
    let shown: Vec<String> = row.iter().take(4).map(f32::to_string).collect();
    Some(format!("[{}{}]", shown.join(", "), if row.len() > 4 { ", …" } else { "" }))
}

/// Why a network is too large for its task, if it is.
fn too_many_activations(spec: &Spec, shape: &Shape, data: &Data, test: Option<&Data>) -> Option<String> {
    let units = shape.hidden.iter().sum::<usize>() + shape.outputs;
    let samples = data.samples().max(test.map_or(0, Data::samples));
    let activations = units * samples;
    if activations <= MAX_ACTIVATIONS {
        return None;
    }
    let is_used = |name: &&str| key::find(name).is_ok_and(|key| (key.used)(spec));
    let smaller = match ["task.samples", "task.bits", "task.features"].iter().find(|name| is_used(name)) {
        Some(name) => format!("a smaller {name}"),
        None => "a task of fewer samples or outputs".to_string(),
    };
    Some(format!(
        "{units} units, hidden and output, on {samples} samples are {activations} activations, more than \
         {MAX_ACTIVATIONS}; choose up to {} units or {smaller}",
        MAX_ACTIVATIONS / samples
    ))
}

/// How often a run compares two units on a sample: every pair of a layer, on every sample, at every measured step.
pub(super) fn comparisons(shape: &Shape, samples: usize, steps: u32) -> f64 {
    let pairs: f64 = shape.hidden.iter().map(|&units| units as f64 * (units as f64 - 1.0) / 2.0).sum();
    // About 8 measured steps a doubling.
    pairs * samples as f64 * (2.0 + 8.0 * f64::from(steps.max(1)).log2())
}

/// What tells one program from another; the first is the index of the task.
#[derive(Clone, PartialEq, Eq, Hash)]
struct ProgramKey {
    task: usize,
    shape: Shape,
    loss: Loss,
    optimizer: Optimizer,
    batch: Option<u32>,
    noise: NoiseKinds,
    init: Init,
    /// Whether base points are given.
    points: bool,
    steps: u32,
    stop_when_solved: bool,
    criterion: Criterion,
}

/// The distinct programs and tasks of the cells.
#[derive(Default)]
struct Programs {
    limits: Limits,
    all: Vec<Program>,
    /// The base points of each, `[point][parameter]`.
    points: Vec<Vec<f32>>,
    /// Numbers of all of them.
    point_numbers: usize,
    /// Those of `init.values`, once they are read.
    given: Option<Vec<Vec<f32>>>,
    by_key: HashMap<ProgramKey, usize>,
    /// Of each program, whether some targets are negative.
    negative: Vec<bool>,
    /// Of each program, the [comparisons] of a run.
    comparisons: Vec<f64>,
    tasks: Vec<(Arc<Data>, Option<Arc<Data>>)>,
    task_by_key: HashMap<String, usize>,
    /// Numbers of all tasks.
    numbers: usize,
    /// Every file that was read: the key of its content in the resolved spec, and BLAKE3 in hex by its path.
    files: BTreeMap<&'static str, BTreeMap<String, String>>,
}

impl Programs {
    /// The task of that [key](task_key).
    fn task(&mut self, spec: &Spec, key: String) -> Result<usize, (&'static str, String)> {
        if let Some(&index) = self.task_by_key.get(&key) {
            return Ok(index);
        }
        let Some(dataset) = spec.dataset else {
            return Err(("task.dataset", "missing".to_string()));
        };
        let Task { data, test, files } = dataset.task(&spec.task)?;
        let numbers = |data: &Data| data.x.len() + data.y.len();
        self.numbers += numbers(&data) + test.as_ref().map_or(0, numbers);
        if self.numbers > self.limits.numbers {
            let message = format!(
                "the {} data sets up to here have more than {} numbers together; sweep fewer values of task.seed and the \
                 like, or make them smaller with task.samples",
                self.tasks.len() + 1,
                self.limits.numbers
            );
            return Err(("task.dataset", message));
        }
        if !files.is_empty() {
            self.files.entry("task").or_default().extend(files);
        }
        self.tasks.push((Arc::new(data), test.map(Arc::new)));
        self.task_by_key.insert(key, self.tasks.len() - 1);
        Ok(self.tasks.len() - 1)
    }

    /// The program that a cell needs, whose task has that [key](task_key); else the key at fault and what is wrong.
    fn index_of(&mut self, spec: &Spec, task: String) -> Result<usize, (&'static str, String)> {
        if spec.loss == Loss::Bce && spec.output != Activation::Logistic {
            let output = spec.output;
            return Err((
                "train.loss",
                format!("\"bce\" needs net.output = \"logistic\", but that is \"{output}\""),
            ));
        }
        if (spec.loss == Loss::CrossEntropy) != spec.softmax {
            let message = "\"cross-entropy\" and net.output = \"softmax\" go together only";
            return Err((if spec.softmax { "net.output" } else { "train.loss" }, message.to_string()));
        }
        if spec.readout == Readout::Sum && spec.hidden.is_empty() {
            return Err(("net.readout", "\"sum\" needs a hidden layer, but net.hidden has none".to_string()));
        }
        let task = self.task(spec, task)?;
        let (data, test) = &self.tasks[task];
        let shape = Shape {
            inputs: data.inputs,
            hidden: spec.hidden.clone(),
            outputs: data.outputs,
            activation: spec.activation,
            output: spec.output,
            readout: spec.readout,
            bias: spec.bias,
            skip: spec.skip,
        };
        let init = Init { base: spec.base, noise: spec.noise, gain: spec.gain };
        let criterion = if spec.solved_loss.is_some() { Criterion::Loss } else { Criterion::Error };
        let noise = NoiseKinds {
            dropout: spec.dropout > 0.0 && !spec.hidden.is_empty(),
            gradient: spec.gradient_noise > 0.0,
            input: spec.input_noise > 0.0,
            mask: spec.mask > 0.0,
        };
        let key = ProgramKey {
            task,
            shape: shape.clone(),
            loss: spec.loss,
            optimizer: spec.optimizer,
            // A batch of all samples is the whole task.
            batch: spec.batch.filter(|&batch| (batch as usize) < data.samples()),
            noise,
            init,
            points: spec.values.is_some(),
            steps: spec.steps,
            stop_when_solved: spec.stop_when_solved,
            criterion,
        };
        if let Some(&index) = self.by_key.get(&key) {
            return Ok(index);
        }
        let parameters = shape.parameters();
        if parameters == 0 {
            return Err(("net.hidden", "the network has no parameters to train".to_string()));
        }
        if parameters > MAX_PARAMETERS {
            let message = format!("the network has {parameters} parameters, more than {MAX_PARAMETERS}");
            return Err(("net.hidden", message));
        }
        if let Some(message) = too_many_activations(spec, &shape, data, test.as_deref()) {
            return Err(("net.hidden", message));
        }
        if spec.loss == Loss::CrossEntropy
            && let Some(row) =
                [Some(data), test.as_ref()].into_iter().flatten().find_map(|data| improbable(data))
        {
            let dataset = spec.dataset.map_or("", |dataset| dataset.word());
            let message = format!(
                "\"cross-entropy\" needs targets that are probabilities, none negative and of the sum 1, but \
                 task.dataset = \"{dataset}\" has {row}; it is for one-hot classes with task.targets = \"01\", others \
                 have \"mse\""
            );
            return Err(("train.loss", message));
        }
        self.negative.push(data.y.iter().any(|&y| y < 0.0));
        self.comparisons.push(comparisons(&shape, data.samples(), spec.steps));
        self.all.push(Program {
            shape,
            data: Arc::clone(data),
            loss: spec.loss,
            optimizer: spec.optimizer,
            batch: key.batch,
            noise,
            init,
            points: None,
            test: test.clone(),
            steps: spec.steps,
            stop_when_solved: spec.stop_when_solved,
            criterion,
        });
        self.points.push(Vec::new());
        self.by_key.insert(key, self.all.len() - 1);
        Ok(self.all.len() - 1)
    }

    /// Adds the base points of cells to those of their program; gives the number of the first.
    fn add_points(&mut self, program: usize, spec: &Spec) -> Result<u32, (&'static str, String)> {
        let Some(values) = &spec.values else {
            return match spec.entries.keys().next() {
                None => Ok(0),
                Some(&entry) => Err((
                    key::entry(entry).name,
                    "changes a number of init.values, which is not given; --set init.values=[…] gives it"
                        .to_string(),
                )),
            };
        };
        let given = match self.given.take() {
            Some(given) => given,
            None => {
                let (points, file) = points::read(values).map_err(|why| ("init.values", why))?;
                if let Some(file) = file {
                    self.files.entry("init").or_default().extend([file]);
                }
                points
            }
        };
        let given = self.given.insert(given);
        let count = self.all[program].shape.parameters();
        if let Some(point) = given.iter().find(|point| point.len() != count) {
            let message = format!("{} values, but the network has {count} parameters", point.len());
            return Err(("init.values", message));
        }
        if given.len() > 1 && (given.len() as u64) < spec.seeds {
            let message =
                format!("{} points for {} seeds; give one for all or one a seed", given.len(), spec.seeds);
            return Err(("init.values", message));
        }
        if let Some(entry) = spec.entries.keys().find(|&&entry| entry >= count) {
            let message = format!("init.value.{entry} is beyond the {count} parameters of the network");
            return Err(("init.values", message));
        }
        let points = &mut self.points[program];
        let first = points.len() / count;
        self.point_numbers += given.len() * count;
        if self.point_numbers > self.limits.numbers {
            let message = format!(
                "the base points of the cells up to here have more than {} numbers together; sweep fewer values",
                self.limits.numbers
            );
            return Err(("init.values", message));
        }
        for point in given.iter() {
            let at = points.len();
            points.extend(point);
            for (&entry, &x) in &spec.entries {
                points[at + entry] = x as f32;
            }
        }
        // The limit is far below 2³².
        Ok(first as u32)
    }

    /// Whether each seed has a base point of its own.
    fn point_a_seed(&self) -> bool {
        self.given.as_ref().is_some_and(|given| given.len() > 1)
    }

    /// All programs, with their points.
    fn finished(self) -> Vec<Program> {
        let with_points = |(program, points): (Program, Vec<f32>)| Program {
            points: (!points.is_empty()).then(|| Arc::new(points)),
            ..program
        };
        self.all.into_iter().zip(self.points).map(with_points).collect()
    }
}

/// The value of a key as a resolved spec has it: widths are a list.
pub(super) fn to_json(key: &Key, value: &Value) -> Json {
    match (&key.kind, value.as_word().and_then(key::widths)) {
        (Kind::Widths, Some(widths)) => widths.into(),
        _ => Json::from(value),
    }
}

/// The whole spec as JSON, nested like the TOML. The content of files that it names is part of what it says: `content` of
/// `[task]` and `[init]` has the BLAKE3 of each.
fn resolved(base: &Spec, sweeps: &[Sweep], files: &BTreeMap<&'static str, BTreeMap<String, String>>) -> Json {
    let is_swept = |key: &Key| sweeps.iter().any(|sweep| sweep.key.name == key.name);
    let mut document = Map::new();
    for key in KEYS {
        if key.table() == "runs" && !document.contains_key("sweep") {
            let ranges = sweeps.iter().map(|sweep| {
                (sweep.key.name.to_string(), Json::Array(sweep.values.iter().map(Json::from).collect()))
            });
            document.insert("sweep".to_string(), Json::Object(ranges.collect()));
        }
        let Some(value) = key.get(base).filter(|_| !is_swept(key)) else { continue };
        let json = to_json(key, &value);
        if key.table().is_empty() {
            document.insert(key.name.to_string(), json);
        } else {
            let table = document.entry(key.table()).or_insert_with(|| Json::Object(Map::new()));
            table[key.leaf()] = json;
        }
    }
    if !base.entries.is_empty() {
        let entries = base.entries.iter().filter(|(entry, _)| !is_swept(key::entry(**entry)));
        let entries: Map<_, _> = entries.map(|(n, x)| (n.to_string(), Json::from(*x))).collect();
        document.entry("init").or_insert_with(|| Json::Object(Map::new()))["value"] = entries.into();
    }
    for (table, files) in files {
        let files: Map<_, _> =
            files.iter().map(|(path, hash)| (path.clone(), Json::from(hash.as_str()))).collect();
        document.entry(*table).or_insert_with(|| Json::Object(Map::new()))["content"] = files.into();
    }
    Json::Object(document)
}
