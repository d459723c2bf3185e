//! The live page: one HTML file in which a browser trains thousands of networks by WebGPU, with the shaders that the
//! gpu engine uses, while the fractions draw themselves. For browsers without WebGPU it holds recorded results.

use std::collections::BTreeMap;

use minijinja::{Environment, context};
use serde::Serialize;

use crate::engine::gpu::{Portable, layouts, portable};
use crate::engine::{Batch, Criterion, Engine, EngineError, Run, Start, Watch};
use crate::net::{Activation, Base};
use crate::output::curves::CurveTally;
use crate::shell::quoted;
use crate::spec::{self, Cell, Overrides, Plan, SpecError, Value, Warning};

const TEMPLATE: &str = include_str!("live/page.html");
const STYLE: &str = include_str!("live/style.css");
/// What the browser runs, in this order: later files use what earlier ones define.
const SCRIPTS: [&str; 4] = [
    include_str!("live/training.js"),
    include_str!("live/tally.js"),
    include_str!("live/chart.js"),
    include_str!("live/page.js"),
];

/// The keys that the page has on its axis and in its menu.
const SCALE: &str = "init.scale";
const ACTIVATION: &str = "net.activation";
/// Runs that are recorded; those of an activation are in memory at once.
const MAX_RECORDED: u64 = 1_000_000;
/// The scales of a spec that sweeps none.
const SCALES: &str = "0,log:0.03:10:16";

/// What the page trains: a spec over all its scales (or 0 and 16 from 0.03 to 10) and every activation there is, its own
/// (or the first one that it sweeps) first.
///
/// # Errors
/// Those of [`spec::load`], and where the spec sweeps something else, or would have more than a million runs recorded.
pub fn plan(source: &str, overrides: &Overrides) -> Result<(Plan, Vec<Warning>), SpecError> {
    let (own, warnings) = spec::load(source, overrides)?;
    // What no flag mends comes first.
    for (number, program) in own.programs.iter().enumerate() {
        let cell = (0..own.grid.cells() as usize).find(|cell| own.program(*cell) == number).unwrap_or(0);
        portable(program, &[own.cell(cell).run(0)])
            .map_err(|error| SpecError::new(format!("{source} is no spec for a live page: {error}")))?;
        if program.shape.hidden.iter().all(|width| *width < 2) {
            return Err(SpecError::new(format!(
                "{source} is no spec for a live page: no hidden layer has two units, so there is no symmetry to break; \
                 try --set net.hidden=2"
            )));
        }
    }
    let swept = own.grid.swept();
    let odd: Vec<usize> =
        (0..swept.len()).filter(|at| ![SCALE, ACTIVATION].contains(&swept[*at].as_str())).collect();
    if !odd.is_empty() {
        let names: Vec<&str> = odd.iter().map(|at| swept[*at].as_str()).collect();
        let fixed: Vec<String> = odd
            .iter()
            .map(|at| format!("--set {}={}", swept[*at], quoted(&own.grid.range(*at)[0].to_string())))
            .collect();
        return Err(SpecError::new(format!(
            "{source} sweeps {}, for which the live page has no axis: it sweeps {SCALE} and {ACTIVATION}; fix what else is \
             swept, for instance with {}",
            names.join(" and "),
            fixed.join(" ")
        )));
    }
    let first = own.programs[own.program(0)].shape.activation;
    let others = Activation::ALL.iter().copied().filter(|&activation| activation != first);
    let menu: Vec<&str> = std::iter::once(first).chain(others).map(Activation::word).collect();
    let mut overrides = overrides.clone();
    overrides.sweep.push(format!("{ACTIVATION}={}", menu.join(",")));
    if !swept.iter().any(|key| key == SCALE) {
        overrides.sweep.push(format!("{SCALE}={SCALES}"));
    }
    let (plan, _) = spec::load(source, &overrides)?;
    if plan.runs() > MAX_RECORDED {
        return Err(SpecError::new(format!(
            "the live page would record {} runs, {} of each scale and activation; at most {MAX_RECORDED} are recorded: use \
             fewer --seeds",
            plan.runs(),
            plan.seeds
        )));
    }
    Ok((plan, warnings))
}

/// Everything that the page knows, as its script reads it.
#[derive(Debug, Serialize)]
struct Knowledge<'a> {
    name: &'a str,
    version: &'static str,
    /// The words of the description: task, widths, base point, optimizer.
    dataset: String,
    widths: String,
    base: &'static str,
    optimizer: &'static str,
    steps: u32,
    lr: f64,
    /// Factors on it, of parameters that feed hidden units and of those that feed outputs.
    lr_hidden: f64,
    lr_output: f64,
    solved: String,
    symmetry_tolerance: f64,
    /// `runs.seed`
    seed: u64,
    scales: Vec<f64>,
    layouts: BTreeMap<&'static str, BTreeMap<&'static str, usize>>,
    activations: Vec<Entry>,
    recorded: Recorded,
}

/// One activation of the menu.
#[derive(Debug, Serialize)]
struct Entry {
    activation: &'static str,
    /// Its `runs` have the settings of each scale.
    kernels: Portable,
    /// Recorded counts of each scale.
    recorded: Vec<Counts>,
}

/// Runs of one cell that were found so, at every measured step. Asymmetric is broken or partial.
#[derive(Debug, Default, Serialize)]
struct Counts {
    asymmetric: Vec<u64>,
    solved: Vec<u64>,
    diverged: Vec<u64>,
}

/// Where recorded counts come from.
#[derive(Debug, Serialize)]
struct Recorded {
    /// Runs of each cell.
    seeds: u64,
    backend: String,
    adapter: String,
}

/// The page of a [`plan`], after its recorded results were trained by `engine`.
///
/// # Errors
/// Of the engine, and [`EngineError::Unsupported`] where the networks are not of a kind that the page can train.
pub fn page(plan: &Plan, engine: &mut dyn Engine, watch: &Watch<'_>) -> Result<String, EngineError> {
    let scale = plan.grid.swept().iter().position(|key| key == SCALE);
    let all: Vec<Cell> = (0..plan.grid.cells() as usize).map(|number| plan.cell(number)).collect();
    let mut activations = Vec::new();
    // What cannot be had is known before anything is trained.
    let kernels = plan.programs.iter().enumerate().map(|(index, program)| {
        let cells: Vec<&Cell> = all.iter().filter(|cell| cell.program == index).collect();
        let runs: Vec<Run> = cells.iter().map(|cell| cell.run(0)).collect();
        portable(program, &runs).map(|kernels| (cells, kernels))
    });
    let kernels: Vec<_> = kernels.collect::<Result<_, _>>()?;
    for ((cells, kernels), program) in kernels.into_iter().zip(&plan.programs) {
        let runs: Vec<Run> =
            cells.iter().flat_map(|cell| (0..plan.seeds).map(|seed| cell.run(seed))).collect();
        let batch = Batch { program, runs: &runs, start: Start::Drawn, keep_parameters: false };
        let trained = engine.train(&batch, watch)?;
        let recorded = trained.runs.chunks(plan.seeds as usize).map(|results| {
            let mut tally = CurveTally::default();
            results.iter().for_each(|result| tally.add(result, &kernels.measured));
            let mut counts = Counts::default();
            for [_, partial, broken, solved, diverged] in tally.counts() {
                counts.asymmetric.push(partial + broken);
                counts.solved.push(solved);
                counts.diverged.push(diverged);
            }
            counts
        });
        let recorded = recorded.collect();
        activations.push(Entry { activation: program.shape.activation.word(), kernels, recorded });
    }
    let (program, settings, on) = (&plan.programs[0], all[0].settings, engine.description());
    let resolved =
        |table: &str, key: &str| plan.resolved[table][key].as_str().unwrap_or_default().to_string();
    let widths: Vec<String> = std::iter::once(program.shape.inputs)
        .chain(program.shape.hidden.iter().copied())
        .chain([program.shape.outputs])
        .map(|width| width.to_string())
        .collect();
    let knowledge = Knowledge {
        name: &plan.name,
        version: env!("CARGO_PKG_VERSION"),
        dataset: resolved("task", "dataset"),
        widths: widths.join("-"),
        base: match program.init.base {
            Base::Zero => "all parameters zero",
            Base::Constant => "all weights equal",
            Base::Copies => "units that are copies of each other",
        },
        optimizer: program.optimizer.word(),
        steps: program.steps,
        lr: settings.lr,
        lr_hidden: settings.lr_hidden,
        lr_output: settings.lr_output,
        solved: match program.criterion {
            Criterion::Error => {
                format!("every output nearer than {} to its target", settings.solved_limit)
            }
            Criterion::Loss => format!("a loss under {}", settings.solved_limit),
        },
        symmetry_tolerance: settings.symmetry_tolerance,
        seed: plan.master,
        scales: scale.iter().flat_map(|&place| plan.grid.range(place)).filter_map(Value::as_number).collect(),
        layouts: layouts(),
        activations,
        recorded: Recorded { seeds: plan.seeds, backend: on.backend, adapter: on.adapter },
    };
    render(&knowledge)
}

fn render(knowledge: &Knowledge<'_>) -> Result<String, EngineError> {
    let failed = |error: String| EngineError::Unsupported(format!("the live page cannot be made: {error}"));
    // A `<` could end the script element that this stands in.
    let json = serde_json::to_string(knowledge).map_err(|error| failed(error.to_string()))?;
    let json = json.replace('<', "\\u003c");
    let context = context! {
        style => STYLE,
        scripts => SCRIPTS.join("\n"),
        json,
        name => knowledge.name,
        version => knowledge.version,
        dataset => knowledge.dataset.as_str(),
        widths => knowledge.widths.as_str(),
        base => knowledge.base,
        optimizer => knowledge.optimizer,
        steps => knowledge.steps,
        solved => knowledge.solved.as_str(),
        symmetry_tolerance => knowledge.symmetry_tolerance,
        seed => knowledge.seed,
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    let rendered = environment.render_named_str("page.html", TEMPLATE, context);
    rendered.map_err(|error| failed(format!("{error:#}")))
}
