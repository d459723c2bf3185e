//! `symbreak run`: a sweep from spec to result directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::{BAD_ARGUMENTS, DONE, FAILED, Failure, INTERRUPTED, VERIFICATION_FAILED};
use super::{dry_run, note, print, print_json, progress};
use crate::engine::reference::ReferenceEngine;
use crate::engine::select::{self, Backend};
use crate::engine::{Engine, EngineError, Watch};
use crate::output::directory::{Decision, Permission, decide};
use crate::output::summary::{self, Cells};
use crate::output::{Manifest, Options, OutputError, Results, RunsFile, params};
use crate::spec::{self, Overrides, Plan};
use crate::sweep::{self, Checker, SweepError};

/// Arguments of `symbreak run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symbreak run xor-scale                                     a preset
  symbreak run mine.toml --seeds 100 --dry-run               what it would take
  symbreak run xor-scale --set net.hidden=4 --sweep train.lr=log:0.01:10:4 --out results/lr
  symbreak run mine.toml --resume                            go on after Ctrl-C
  symbreak run mine.toml --json | jq '.cells[].fraction_broken'
Ranges are comma-separated items: a value, lin:LO:HI:N or log:LO:HI:N, both ends included.
Results go to standard output and to the directory; progress and notes go to standard error.")]
pub struct RunArgs {
    /// What to run: the name of a preset, or a TOML file
    #[arg(value_name = "PRESET | SPEC.toml")]
    spec: String,

    /// Fix a key of the spec, even one that it sweeps (may be repeated)
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Sweep a key over a range, such as init.scale=0,log:1e-6:10:25 (may be repeated)
    #[arg(long, value_name = "KEY=RANGE")]
    sweep: Vec<String>,

    /// Runs per cell
    #[arg(long, value_name = "N", value_parser = whole, allow_negative_numbers = true)]
    seeds: Option<u64>,

    /// Master seed, which all random numbers are drawn from
    #[arg(long, value_name = "S", value_parser = whole, allow_negative_numbers = true)]
    seed: Option<u64>,

    /// Engine: auto takes a hardware GPU if there is one, else cpu; reference is f64 and slow
    #[arg(long, default_value = "auto", value_parser = backend())]
    backend: Backend,

    /// Use the adapter whose name contains TEXT (see `symbreak devices`)
    #[arg(long, value_name = "TEXT")]
    adapter: Option<String>,

    /// Worker threads on the host [default: one per core]
    #[arg(long, value_name = "N", value_parser = super::threads, allow_negative_numbers = true)]
    threads: Option<usize>,

    /// Result directory [default: results/NAME, with the name of the spec]
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

    /// Train this share of the runs again on another engine and compare outcome and symmetry
    #[arg(long, value_name = "FRACTION", default_value_t = 0.0, hide_default_value = true, value_parser = fraction)]
    verify: f64,

    /// Write traces.csv: the measures of the first N seeds of each cell at every measured step
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = whole, allow_negative_numbers = true)]
    trace: u64,

    /// Write params_init.npy and params_final.npy: the parameters of every run
    #[arg(long)]
    save_params: bool,

    /// Where the row of each run goes
    #[arg(long, value_name = "FORMAT", default_value = "csv", value_parser = ["csv", "parquet", "none"])]
    runs: String,

    /// Run only the I-th of N parts of the sweep
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,

    /// Print no progress and no notes
    #[arg(long)]
    quiet: bool,

    /// Print one JSON document in place of the table
    #[arg(long)]
    json: bool,
}

pub(super) fn backend() -> impl TypedValueParser<Value = Backend> {
    let values = Backend::ALL.iter().map(|backend| {
        // The mock is for the program's own tests.
        PossibleValue::new(backend.word()).hide(*backend == Backend::Mock)
    });
    PossibleValuesParser::new(values).try_map(|word| Backend::from_word(&word).ok_or("no such backend"))
}

fn whole(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "expected a whole number".into())
}

fn fraction(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(fraction) if (0.0..=1.0).contains(&fraction) => Ok(fraction),
        _ => Err("expected a number from 0 to 1".into()),
    }
}

impl RunArgs {
    fn options(&self) -> Result<Options, Failure> {
        let not_yet = |flag| Failure::new(BAD_ARGUMENTS, format!("{flag} is not supported yet"));
        if self.shard.is_some() {
            return Err(not_yet("--shard"));
        }
        let runs = match self.runs.as_str() {
            "csv" => RunsFile::Csv,
            "none" => RunsFile::None,
            _ => return Err(not_yet("--runs parquet")),
        };
        Ok(Options { runs, trace: self.trace, save_params: self.save_params, verify: self.verify })
    }

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
    let options = args.options()?;
    let overrides =
        Overrides { set: args.set.clone(), sweep: args.sweep.clone(), seeds: args.seeds, seed: args.seed };
    let (plan, warnings) = spec::load(&args.spec, &overrides)?;
    for warning in &warnings {
        note(&format!("warning: {warning}"));
    }
    let threads = args.threads;
    if args.adapter.is_some() && matches!(args.backend, Backend::Cpu | Backend::Reference) {
        note(&format!("warning: --adapter is not used by --backend {}", args.backend));
    }
    let mut engine = select::open(args.backend, args.adapter.as_deref(), threads)?;
    if let Some(threads) = threads {
        // Rows are made on rayon's own threads. If it has some already, they do it.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    }
    let on = engine.description();
    if options.save_params {
        params::width(&plan)?;
    }
    if args.dry_run {
        args.note(&format!("tried out on {} ({}) through {}", on.adapter, on.adapter_type, on.backend));
        dry_run::run(&plan, engine.as_mut(), &options, args.json)?;
        return Ok(DONE);
    }
    let directory = args.out.clone().unwrap_or_else(|| Path::new("results").join(&plan.name));
    // Whatever may fail without training fails before the directory is touched.
    let placements = sweep::placements(&plan, engine.as_ref())?;
    let mut other = match options.verify > 0.0 {
        true => Some(select::open_checker(&on.backend, threads)?),
        false => None,
    };
    if let Some(other) = &other {
        sweep::placements(&plan, other.as_ref())?;
    }
    let results = match decide(&directory, &plan, &options, &on, args.permission())? {
        Decision::Show(manifest) => {
            args.note(&format!(
                "{} holds this sweep, finished; showing it again (--force would train it again)",
                directory.display()
            ));
            return show(args, &manifest, &plan, &directory);
        }
        Decision::Start => {
            let kernels: Vec<String> = placements.into_iter().map(|placement| placement.kernel).collect();
            Results::create(&directory, &plan, Manifest::new(&plan, on.clone(), options, &kernels))?
        }
        Decision::Resume(manifest) => {
            let results = Results::resume(&directory, &plan, *manifest)?;
            args.note(&format!("going on after {} of {} runs", results.next_run(), plan.runs()));
            results
        }
    };
    args.note(&format!("running on {} ({}) through {}", on.adapter, on.adapter_type, on.backend));
    let checker = match &mut other {
        Some(other) => Some(Checker {
            engine: other.as_mut(),
            reference: ReferenceEngine::new(threads)?,
            fraction: options.verify,
        }),
        None => None,
    };
    match train(args, &plan, engine.as_mut(), checker, results, &directory)? {
        Some(manifest) => show(args, &manifest, &plan, &directory),
        None => Ok(INTERRUPTED),
    }
}

/// Trains what `results` lacks. `None` if it was interrupted.
fn train(
    args: &RunArgs,
    plan: &Plan,
    engine: &mut dyn Engine,
    checker: Option<Checker<'_>>,
    mut results: Results<'_>,
    directory: &Path,
) -> Result<Option<Manifest>, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    // A second Ctrl-C does not wait for the engine: what is in the files can be resumed all the same.
    let handled = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(INTERRUPTED));
        }
    });
    if let Err(error) = handled {
        args.note(&format!("note: Ctrl-C will end the program at once ({error})"));
    }
    let bar = progress::bar(plan.runs(), results.next_run(), args.quiet);
    let watch = Watch { interrupted: &interrupted, finished: &|runs| bar.inc(runs as u64) };
    let trained = sweep::run(plan, engine, checker, &mut results, &watch);
    bar.finish_and_clear();
    let error = match trained {
        Ok(()) => return Ok(Some(results.finish()?)),
        Err(error) => error,
    };
    let put_down = match &error {
        SweepError::Engine(_) => results.put_down(),
        // The files hold a part of a window: back to the last whole one.
        SweepError::Output(_) => {
            drop(results);
            back_to_whole_windows(plan, directory)
        }
    };
    let kept = match put_down {
        Ok(manifest) => format!(
            "{} of {} runs are kept in {}, where cells.csv covers them; go on with: {}",
            manifest.counts.runs_finished,
            plan.runs(),
            directory.display(),
            resume_command(typed())
        ),
        Err(second) => format!(
            "finished runs are kept in {}, but cells.csv could not be written ({second}); go on with: {}",
            directory.display(),
            resume_command(typed())
        ),
    };
    if matches!(error, SweepError::Engine(EngineError::Interrupted)) {
        note(&format!("interrupted: {kept}"));
        return Ok(None);
    }
    Err(Failure::new(FAILED, format!("{error}; {kept}")))
}

fn back_to_whole_windows(plan: &Plan, directory: &Path) -> Result<Manifest, OutputError> {
    match Manifest::read(directory)? {
        Some(manifest) => Results::resume(directory, plan, manifest)?.put_down(),
        None => Err(OutputError::Damaged {
            path: directory.to_path_buf(),
            problem: "the manifest is gone".into(),
        }),
    }
}

/// Prints a finished sweep; its exit status tells whether verification failed.
fn show(args: &RunArgs, manifest: &Manifest, plan: &Plan, directory: &Path) -> Result<u8, Failure> {
    let again =
        |error: OutputError| Failure::new(FAILED, format!("{error}; --force would train the sweep again"));
    let cells = Cells::read(directory).map_err(again)?;
    if args.json {
        print_json(&summary::document(manifest, &cells, plan))?;
    } else {
        print(&summary::text(manifest, &cells, plan, directory))?;
    }
    match manifest.verification.as_ref().filter(|found| !found.passed()) {
        None => Ok(DONE),
        Some(found) => {
            let runs: Vec<String> = found.unexplained_runs.iter().take(10).map(u64::to_string).collect();
            let more = if found.unexplained > 10 { ", …" } else { "" };
            Err(Failure::new(
                VERIFICATION_FAILED,
                format!(
                    "verification failed: {} of {} repeated runs have other labels on {} without an \
                     explanation (runs {}{more}); all results are kept",
                    found.unexplained,
                    found.sampled,
                    found.engine,
                    runs.join(", ")
                ),
            ))
        }
    }
}

/// The words that were typed, those that are no Unicode as near as can be.
fn typed() -> impl Iterator<Item = String> {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned())
}

/// The command that was typed, with `--resume`, to be pasted into a shell.
fn resume_command(arguments: impl Iterator<Item = String>) -> String {
    let mut words: Vec<String> =
        arguments.filter(|word| word != "--force" && word != "--resume").map(|word| quoted(&word)).collect();
    words.push("--resume".into());
    words.join(" ")
}

/// A word as a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resume_command_can_be_pasted() {
        let typed = ["symbreak", "run", "my spec.toml", "--force", "--set", "net.hidden=8x8", "it's"];
        assert_eq!(
            resume_command(typed.iter().map(ToString::to_string)),
            r"symbreak run 'my spec.toml' --set net.hidden=8x8 'it'\''s' --resume"
        );
    }

    #[test]
    fn a_fraction_is_a_share() {
        assert_eq!(fraction("0.01"), Ok(0.01));
        for bad in ["-0.1", "1.1", "NaN", "inf", "half"] {
            assert!(fraction(bad).is_err(), "{bad}");
        }
    }
}
