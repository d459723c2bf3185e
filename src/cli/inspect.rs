//! `symbreak inspect`: one run under the glass.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::{BAD_ARGUMENTS, DONE, FAILED, Failure, note, print, print_json, warn_of_changes_since};
use crate::engine::{Program, Run};
use crate::inspect::{Inspection, inspect, text};
use crate::net::Loss;
use crate::output::{Manifest, recorded};
use crate::spec::{self, Overrides, Plan};

/// Arguments of `symbreak inspect`.
#[derive(Debug, Args)]
#[command(after_help = "\
Trains one run in f64 (as --backend reference does, from the start that all engines share) and shows, after the chosen \
steps: loss, gradient norm and symmetry; every parameter with its gradient and whether it has moved since step 0, bit for \
bit; every unit with its weights, its activations and the units that it is a copy of; outputs beside targets; the \
eigenvalues of the Hessian, and whether the point is a minimum, a strict saddle, degenerate or not stationary at all.

Examples:
  symbreak inspect xor-scale --run 5000            a run of a preset
  symbreak inspect results/xor-scale --run 5000    the same of a finished sweep
  symbreak inspect mine.toml --seed-index 7 --steps 0,1,2,500 --json

What becomes of all-zero weights on AND: the output weights move at the first step, the layer below at the second, and the \
units stay the same bit for bit. With and.toml holding

  task.dataset = \"and\"
  init.scale = 0.0

  symbreak inspect and.toml --steps 0,1,2,10,10000

and with the output bias at its optimum, -ln 3, the same point is a saddle: no gradient, but two ways down

  symbreak inspect and.toml --steps 0 \\
      --set 'init.values=[0,0,0,0,0,0,0,0,-1.0986123]'")]
pub struct InspectArgs {
    /// A preset, a TOML file, or the result directory of a sweep
    #[arg(value_name = "PRESET | SPEC.toml | DIR")]
    source: String,

    /// Fix a key of the spec, even one that it sweeps (may be repeated)
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Of the first cell the run of seed index N [default: 0]
    #[arg(long, value_name = "N", conflicts_with = "run")]
    seed_index: Option<u64>,

    /// The run of this number, as in runs.csv and runs.parquet: cell × seeds + seed index
    #[arg(long, value_name = "N")]
    run: Option<u64>,

    /// Steps to look at, comma-separated [default: 0, 1, 2, 10 and the last]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    steps: Vec<u32>,

    /// Print one JSON document in place of the tables
    #[arg(long)]
    json: bool,
}

/// Parameters × samples × steps up to which the last step is looked at unasked: about a minute.
const UNASKED: f64 = 1e10;

/// The document of `--json`: what was run, and [`Inspection`].
#[derive(Debug, Serialize)]
struct Document<'a> {
    name: &'a str,
    run: u64,
    cell: u64,
    seed: u64,
    swept: Map<String, Json>,
    shape: String,
    activation: &'static str,
    output: &'static str,
    loss: &'static str,
    optimizer: &'static str,
    samples: usize,
    parameter_count: usize,
    /// What the sweep's engine came to, where a directory is inspected that has the run's row.
    recorded: Option<Row>,
    #[serde(flatten)]
    found: &'a Inspection,
}

/// A row of runs.csv or runs.parquet, for comparison: its engine may have rounded otherwise.
#[derive(Debug, Serialize)]
struct Row {
    backend: String,
    outcome: &'static str,
    solve_step: Option<u32>,
    diverge_step: Option<u32>,
}

/// The row of run `number`, if it is there. (A spec has none, and `--runs none` writes none.)
fn recorded(source: &str, plan: &Plan, number: u64) -> Option<Row> {
    let directory = Path::new(source);
    let manifest = Manifest::read(directory).ok()??;
    let row = *recorded::read(directory).ok()?.get(number as usize)?;
    let is_it = row.cell as u64 * plan.seeds + row.seed == number;
    is_it.then(|| Row {
        backend: manifest.engine.backend,
        outcome: row.outcome.word(),
        solve_step: row.solve_step,
        diverge_step: row.diverge_step,
    })
}

/// Inspects one run.
pub fn run(args: &InspectArgs) -> Result<u8, Failure> {
    let (plan, is_directory) = plan(args)?;
    let number = number(args, &plan)?;
    let cell = (number / plan.seeds) as usize;
    let (program, run) = (&plan.programs[plan.program(cell)], plan.run(number));
    let steps = steps(args, program)?;
    let found = inspect(program, &run, &steps, &AtomicBool::new(false))?;
    let values = plan.grid.values(cell);
    let swept = plan.grid.swept().iter().cloned().zip(values.iter().map(Json::from));
    let document = Document {
        name: &plan.name,
        run: number,
        cell: cell as u64,
        seed: run.seed,
        swept: swept.collect(),
        shape: program.shape.to_string(),
        activation: program.shape.activation.word(),
        output: match program.loss {
            // Softmax is part of this loss.
            Loss::CrossEntropy => "softmax",
            _ => program.shape.output.word(),
        },
        loss: program.loss.word(),
        optimizer: program.optimizer.word(),
        samples: program.data.samples(),
        parameter_count: program.shape.parameters(),
        recorded: if is_directory { recorded(&args.source, &plan, number) } else { None },
        found: &found,
    };
    if args.json {
        print_json(&document)?;
    } else {
        print(&(head(&document, &run) + &text::text(&found) + &end(&document, &steps)))?;
    }
    Ok(DONE)
}

fn bad(message: String) -> Failure {
    Failure::new(BAD_ARGUMENTS, message)
}

/// The plan, and whether it is that of a result directory.
fn plan(args: &InspectArgs) -> Result<(Plan, bool), Failure> {
    let source = args.source.as_str();
    let directory = Path::new(source);
    // A preset's name is a preset wherever it is typed; ./NAME is a directory.
    if !directory.is_dir() || spec::presets().iter().any(|preset| preset.name == source) {
        let overrides = Overrides { set: args.set.clone(), ..Overrides::default() };
        let (plan, warnings) = spec::load(source, &overrides)?;
        for warning in &warnings {
            note(&format!("warning: {warning}"));
        }
        return Ok((plan, false));
    }
    let manifest = Manifest::read(directory)?.ok_or_else(|| {
        bad(format!(
            "{source}: no manifest.json, so no sweep; expected a preset, a spec or a result directory"
        ))
    })?;
    if !args.set.is_empty() {
        return Err(bad(format!(
            "--set would make another run than {source} holds; give the spec in its place"
        )));
    }
    let plan = spec::from_resolved(&manifest.spec)?;
    if plan.hash() != manifest.plan_hash {
        return Err(Failure::new(
            FAILED,
            format!(
                "{source}: its spec makes another plan now than when it was run: it was edited, files that it reads have \
                 changed, or another version wrote it"
            ),
        ));
    }
    warn_of_changes_since(&manifest, directory, &recorded::FILES);
    Ok((plan, true))
}

fn number(args: &InspectArgs, plan: &Plan) -> Result<u64, Failure> {
    match (args.run, args.seed_index) {
        (Some(run), _) if run >= plan.runs() => {
            Err(bad(format!("--run {run}: there are runs 0 to {}", plan.runs() - 1)))
        }
        (Some(run), _) => Ok(run),
        (None, Some(seed)) if seed >= plan.seeds => Err(bad(format!(
            "--seed-index {seed}: there are seeds 0 to {}; --set runs.seeds=N makes more",
            plan.seeds - 1
        ))),
        (None, seed) => {
            if plan.grid.cells() > 1 {
                note(&format!(
                    "the first of {} cells; --run N picks a run of another (cell × {} + seed index), --set fixes a swept key",
                    plan.grid.cells(),
                    plan.seeds
                ));
            }
            Ok(seed.unwrap_or(0))
        }
    }
}

/// Ascending, each once.
fn steps(args: &InspectArgs, program: &Program) -> Result<Vec<u32>, Failure> {
    let mut steps = args.steps.clone();
    if let Some(step) = steps.iter().find(|step| **step > program.steps) {
        let last = program.steps;
        return Err(bad(format!(
            "--steps: {step} is beyond train.steps = {last}; --set train.steps={step} goes there"
        )));
    }
    if steps.is_empty() {
        steps = [0, 1, 2, 10].into_iter().filter(|step| *step < program.steps).collect();
        let work =
            program.shape.parameters() as f64 * program.data.samples() as f64 * f64::from(program.steps);
        if work <= UNASKED {
            steps.push(program.steps);
        } else {
            note(&format!(
                "the last step is minutes away in f64; --steps 0,1,2,10,{} goes there",
                program.steps
            ));
        }
    }
    steps.sort_unstable();
    steps.dedup();
    Ok(steps)
}

fn head(of: &Document<'_>, run: &Run) -> String {
    let swept: Vec<String> = of.swept.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    let swept = if swept.is_empty() { String::new() } else { format!(", {}", swept.join(", ")) };
    format!(
        "{}: run {} (cell {}, seed {}{swept})\n{} {}, output {}, {}, {} at rate {}; {} samples, {} parameters\n\
         in f64, from the f32 start that all engines share; gradient and Hessian are of the loss over the\n\
         whole task, without weight decay or noise\n",
        of.name,
        of.run,
        of.cell,
        of.seed,
        of.shape,
        of.activation,
        of.output,
        of.loss,
        of.optimizer,
        text::short(run.lr),
        of.samples,
        of.parameter_count,
    )
}

fn end(of: &Document<'_>, steps: &[u32]) -> String {
    let last = of.found.steps;
    let said = |diverged: Option<u32>, solved: Option<u32>| match (diverged, solved) {
        (Some(step), _) => Some(format!("diverged at step {step}")),
        (None, Some(step)) => Some(format!("solved at step {step}")),
        (None, None) => None,
    };
    let here = said(of.found.diverge_step, of.found.solve_step);
    let mut end = format!("\n{}", here.unwrap_or_else(|| format!("not solved by step {last}")));
    if steps.last().is_some_and(|&asked| asked > last) {
        end += &format!("; the run rests from step {last} on");
    }
    if let Some(row) = &of.recorded {
        let there = said(row.diverge_step, row.solve_step).unwrap_or_else(|| row.outcome.to_string());
        end += &format!("\nin the sweep, by the {} engine: {there}", row.backend);
    }
    end + "\n"
}
