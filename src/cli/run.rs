//! `symbreak run`: a sweep from spec to result directory.

use std::path::{Path, PathBuf};

use clap::Args;

use super::args::{EngineArgs, FaultArgs, OutputArgs, SpecArgs};
use super::interrupt::Interrupt;
use super::{BAD_ARGUMENTS, DONE, FAILED, Failure, VERIFICATION_FAILED};
use super::{dry_run, note, plot, print, print_json, progress, report};
use crate::engine::reference::ReferenceEngine;
use crate::engine::select;
use crate::engine::{Engine, EngineError, Watch};
use crate::output::directory::{self, Entered, Permission};
use crate::output::summary::{self, Cells};
use crate::output::{Manifest, OutputError, Results, params, shard};
use crate::shell::quoted;
use crate::spec::{Grid, Plan, Shard};
use crate::sweep::{self, Checker, Fallback, Policy, SweepError};

/// Arguments of `symbreak run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symbreak run xor-scale                           a preset
  symbreak run mine.toml --seeds 100 --dry-run     what it would take
  symbreak run mine.toml --resume                  go on after Ctrl-C
  symbreak run xor-scale --set net.hidden=4 --sweep train.lr=log:0.01:10:4
  symbreak run mine.toml --json | jq '.cells[].fraction_broken'

Ranges are comma-separated items: a value, lin:LO:HI:N or log:LO:HI:N, both
ends included. Results go to standard output and to the directory; progress
and notes go to standard error.")]
pub struct RunArgs {
    #[command(flatten)]
    spec: SpecArgs,

    #[command(flatten)]
    engine: EngineArgs,

    #[command(flatten)]
    faults: FaultArgs,

    #[command(flatten)]
    output: OutputArgs,

    /// Result directory [default: results/NAME, with the name of the spec; of a shard results/NAME-shards/I-of-N]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Go on with the unfinished sweep in the result directory; start it if there is none
    #[arg(long, conflicts_with = "force")]
    resume: bool,

    /// Start over: remove the files of the sweep that the result directory holds
    #[arg(long)]
    force: bool,

    /// Print what the sweep would take, and write nothing
    #[arg(long)]
    dry_run: bool,

    /// Run only the I-th of N parts of the sweep, for `symbreak merge` to put together
    #[arg(long, value_name = "I/N", allow_negative_numbers = true)]
    shard: Option<Shard>,

    /// Print no progress and no notes
    #[arg(long)]
    quiet: bool,

    /// Print one JSON document in place of the table
    #[arg(long)]
    json: bool,
}

impl RunArgs {
    fn permission(&self) -> Permission {
        match (self.resume, self.force) {
            (true, _) => Permission::Resume,
            (_, true) => Permission::Force,
            _ => Permission::None,
        }
    }

    fn note(&self, text: &str) {
        if !self.quiet {
            note(text);
        }
    }
}

/// Runs the sweep, or shows it again if it is there already.
pub fn run(args: &RunArgs) -> Result<u8, Failure> {
    let options = args.output.options();
    let plan = args.spec.plan()?;
    if let Some(shard) = args.shard.filter(|shard| shard.of > plan.runs()) {
        let message =
            format!("--shard {shard}: the sweep has {} runs, so at most as many shards", plan.runs());
        return Err(Failure::new(BAD_ARGUMENTS, message));
    }
    let mut engine = open(args)?;
    let on = engine.description();
    if options.save_params {
        params::width(&plan)?;
    }
    if args.dry_run {
        args.note(&format!("tried out on {} ({}) through {}", on.adapter, on.adapter_type, on.backend));
        dry_run::run(&plan, args.shard, engine.as_mut(), &options, args.json)?;
        return Ok(DONE);
    }
    // Whatever may fail without training fails before the directory is touched.
    let placements = sweep::placements(&plan, engine.as_ref())?;
    let first = Trainer::new(engine, args, &plan)?;
    // An engine does not stand in for itself.
    let second = match args.faults.fallback.filter(|backend| backend.word() != on.backend) {
        Some(backend) => {
            let engine = select::open(backend, None, args.engine.threads)?;
            sweep::placements(&plan, engine.as_ref())?;
            Some(Trainer::new(engine, args, &plan)?)
        }
        None => None,
    };
    let kernels: Vec<String> = placements.into_iter().map(|placement| placement.kernel).collect();
    let mut wanted = Manifest::new(&plan, on.clone(), options, &kernels);
    wanted.shard = args.shard;
    wanted.fallback = args.faults.fallback.map(|backend| backend.word().to_string());
    let mut out = args.out.clone().unwrap_or_else(|| default_directory(&plan, args.shard));
    let (place, entered) = match args.shard {
        None => (out.clone(), directory::enter(&out, &plan, wanted, args.permission())?),
        Some(_) => {
            out = shard::resolved(&out)?;
            shard::enter(&out, &plan, &wanted, args.permission(), |text| args.note(text))?
        }
    };
    let results = match entered {
        Entered::Finished(manifest) => {
            manifest.check(&place).map_err(|error| {
                Failure::new(FAILED, format!("{error}; --force would train the sweep again"))
            })?;
            publish(&place, &out, &manifest)?;
            args.note(&format!(
                "{} holds this sweep, finished; showing it again (--force would train it again)",
                out.display()
            ));
            return show(args, &manifest, &plan, &out);
        }
        Entered::Open(results) => *results,
    };
    results.warnings().iter().for_each(|text| note(&format!("warning: {text}")));
    let done = results.totals().counts.runs_finished;
    if done > 0 {
        args.note(&format!("going on after {done} of {} runs", done + results.left().count() as u64));
    }
    args.note(&format!("running on {} ({}) through {}", on.adapter, on.adapter_type, on.backend));
    let interrupt = Interrupt::watch();
    match train(args, &plan, first, second, results, &place, &interrupt)? {
        Some(manifest) => {
            publish(&place, &out, &manifest)?;
            warn_of_older_pictures(args, &out);
            show(args, &manifest, &plan, &out)
        }
        None => Ok(interrupt.status()),
    }
}

/// After `--force`, what `plot` and `report` made of the earlier results is still there: it is the user's, but it misleads.
fn warn_of_older_pictures(args: &RunArgs, out: &Path) {
    let made = [plot::PLACE, report::FILE].map(|name| out.join(name));
    let there: Vec<String> =
        made.iter().filter(|path| path.exists()).map(|path| path.display().to_string()).collect();
    if args.force && !there.is_empty() {
        note(&format!(
            "warning: still of the earlier results: {}; make them anew with symbreak plot and symbreak report",
            there.join(", ")
        ));
    }
}

/// Gives a finished shard its place; a whole sweep has it from the start.
fn publish(place: &Path, out: &Path, finished: &Manifest) -> Result<(), Failure> {
    if finished.shard.is_none() {
        return Ok(());
    }
    shard::publish(place, out, finished).map_err(|error| {
        let message = format!(
            "{error}; the finished shard is kept in {}; put it in its place with: {}",
            place.display(),
            resume_command(typed(), None)
        );
        Failure::new(FAILED, message)
    })
}

/// Opens the engine that was asked for, or the one that stands in for it.
fn open(args: &RunArgs) -> Result<Box<dyn Engine>, EngineError> {
    let opened = args.engine.open();
    match (opened, args.faults.fallback) {
        (Err(error @ (EngineError::Interrupted | EngineError::Unsupported(_))), _) => Err(error),
        (Err(error), Some(fallback)) => {
            args.note(&format!("{error}; --fallback {fallback} takes over"));
            select::open(fallback, None, args.engine.threads)
        }
        (opened, _) => opened,
    }
}

/// An engine, and another that repeats some of its runs, if `--verify` wants that.
struct Trainer {
    engine: Box<dyn Engine>,
    other: Option<(Box<dyn Engine>, ReferenceEngine)>,
}

impl Trainer {
    fn new(engine: Box<dyn Engine>, args: &RunArgs, plan: &Plan) -> Result<Trainer, EngineError> {
        let other = match args.output.verify > 0.0 {
            true => {
                let other = select::open_checker(&engine.description().backend, args.engine.threads)?;
                sweep::placements(plan, other.as_ref())?;
                Some((other, ReferenceEngine::new(args.engine.threads)?))
            }
            false => None,
        };
        Ok(Trainer { engine, other })
    }
}

/// What repeats a share of the runs.
fn checker(other: &mut Option<(Box<dyn Engine>, ReferenceEngine)>, fraction: f64) -> Option<Checker<'_>> {
    let (engine, reference) = other.as_mut()?;
    Some(Checker { engine: engine.as_mut(), reference, fraction })
}

/// `results/NAME`, or where the shards of that are.
fn default_directory(plan: &Plan, shard: Option<Shard>) -> PathBuf {
    let results = Path::new("results");
    match shard {
        None => results.join(&plan.name),
        Some(Shard { index, of }) => {
            results.join(format!("{}-shards", plan.name)).join(format!("{index}-of-{of}"))
        }
    }
}

/// Trains what `results` lacks. `None` if it was interrupted.
fn train(
    args: &RunArgs,
    plan: &Plan,
    mut first: Trainer,
    mut second: Option<Trainer>,
    mut results: Results<'_>,
    directory: &Path,
    interrupt: &Interrupt,
) -> Result<Option<Manifest>, Failure> {
    let (done, left) = (results.totals().counts.runs_finished, results.left());
    let all = done + (left.end - left.start);
    let bar = progress::bar(all, done, args.quiet);
    let watch = Watch { interrupted: interrupt.flag(), finished: &|runs| bar.inc(runs as u64) };
    let share = args.output.verify;
    let policy = Policy {
        checker: checker(&mut first.other, share),
        fallback: second.as_mut().map(|second| Fallback {
            engine: second.engine.as_mut(),
            checker: checker(&mut second.other, share),
        }),
        keep_going: args.faults.keep_going,
        note: Some(&|text| bar.suspend(|| args.note(text))),
    };
    let trained = sweep::run(plan, first.engine.as_mut(), policy, &mut results, &watch);
    bar.finish_and_clear();
    let kept = all - results.left().count() as u64;
    let (error, put_down) = match trained {
        Ok(()) => match results.finish() {
            Ok(manifest) => return Ok(Some(manifest)),
            Err(error) => (SweepError::Output(error), None),
        },
        Err(error @ SweepError::Output(_)) => (error, Some(results.salvage())),
        Err(error) => (error, Some(results.put_down())),
    };
    let unless = match &error {
        SweepError::AllDiverged(_) | SweepError::NotVerified(_) => Some("--keep-going"),
        _ => None,
    };
    let (place, command) = (directory.display(), resume_command(typed(), unless));
    let kept = match (&error, put_down) {
        (SweepError::Output(OutputError::Gone(_)), _) => format!("start again with: {command}"),
        (_, Some(Err(gone @ OutputError::Gone(_)))) => format!("{gone}; start again with: {command}"),
        (_, Some(Ok(manifest))) => format!(
            "{} of {all} runs are kept in {place}, where cells.csv covers them; go on with: {command}",
            manifest.counts.runs_finished
        ),
        (_, None) => format!("{kept} of {all} runs are kept in {place}; finish with: {command}"),
        (_, Some(Err(second))) => format!(
            "{kept} of {all} runs are kept in {place}, but cells.csv could not be written ({second}); \
             go on with: {command}"
        ),
    };
    let status = match &error {
        SweepError::Engine(EngineError::Interrupted) => {
            note(&format!("interrupted: {kept}"));
            return Ok(None);
        }
        SweepError::NotVerified(_) => VERIFICATION_FAILED,
        _ => FAILED,
    };
    Err(Failure::new(status, format!("{error}; {kept}")))
}

/// Prints a finished sweep.
fn show(args: &RunArgs, manifest: &Manifest, plan: &Plan, directory: &Path) -> Result<u8, Failure> {
    let again =
        |error: OutputError| Failure::new(FAILED, format!("{error}; --force would train the sweep again"));
    let cells = Cells::read(directory).map_err(again)?;
    let grid = Grid::of(&plan.resolved)?;
    if args.json {
        print_json(&summary::document(manifest, &cells, &grid))?;
    } else {
        print(&summary::text(manifest, &cells, &grid, directory))?;
    }
    verdict(manifest)
}

/// The exit status of a finished sweep by its verification.
pub(super) fn verdict(manifest: &Manifest) -> Result<u8, Failure> {
    match manifest.verification.as_ref().filter(|found| !found.passed()) {
        None => Ok(DONE),
        Some(found) => Err(Failure::new(
            VERIFICATION_FAILED,
            format!(
                "verification failed: {} of {} repeated runs have other labels on {} without an \
                     explanation (runs {}); all results are kept",
                found.unexplained,
                found.sampled,
                found.engine,
                found.examples()
            ),
        )),
    }
}

/// The words that were typed, those that are no Unicode as near as can be.
fn typed() -> impl Iterator<Item = String> {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned())
}

/// The command that was typed, with `--resume` and perhaps another flag, to be pasted into a shell.
fn resume_command(arguments: impl Iterator<Item = String>, flag: Option<&str>) -> String {
    let mut words: Vec<String> =
        arguments.filter(|word| word != "--force" && word != "--resume").map(|word| quoted(&word)).collect();
    words.extend(flag.map(String::from));
    words.push("--resume".into());
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resume_command_can_be_pasted() {
        let typed = ["symbreak", "run", "my spec.toml", "--force", "--set", "net.hidden=8x8", "it's"];
        assert_eq!(
            resume_command(typed.iter().map(ToString::to_string), None),
            r"symbreak run 'my spec.toml' --set net.hidden=8x8 'it'\''s' --resume"
        );
        let typed = ["symbreak", "run", "xor-scale"];
        assert_eq!(
            resume_command(typed.iter().map(ToString::to_string), Some("--keep-going")),
            "symbreak run xor-scale --keep-going --resume"
        );
    }
}
