//! `symbreak slurm`: a sweep as a job array of a Slurm cluster.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};

use super::args::{EngineArgs, FaultArgs, OutputArgs, SpecArgs};
use super::{DONE, FAILED, Failure, note, print, print_json};
use crate::engine::select::Backend;
use crate::output::params;
use crate::output::submission::{ARRAY, MERGE, MERGED, MOST_TASKS};
use crate::shell::quoted;
use crate::slurm::script::{Places, Resources};
use crate::slurm::status;
use crate::slurm::submit::{Outcome, Request};

const EXAMPLES: &str = "\
Examples:
  symbreak slurm mine.toml --tasks 100 --backend cpu --time 60 --dry-run
  symbreak slurm mine.toml --tasks 100 --backend cpu --time 60
  symbreak slurm fractal --tasks 8 --backend gpu --gpus 1 --partition gpu
  symbreak slurm status results/mine-slurm

Each task trains one shard; a job that waits for them merges the shards in
DIR/merged. The same command again submits the tasks that are neither done
nor in the queue; status tells how they stand, and what to submit again.";

/// Arguments of `symbreak slurm`: those of a submission, unless a subcommand of its own comes first. (An optional group of
/// arguments that has groups in it is beyond the derived parser.)
#[derive(Debug)]
pub enum SlurmArgs {
    /// Submit a sweep.
    Submit(Box<SubmitArgs>),
    /// Tell what became of one.
    Status(StatusArgs),
}

#[derive(Debug, Subcommand)]
enum SlurmCommand {
    /// Tell what is done, running and failed, and what to submit again
    Status(StatusArgs),
}

impl Args for SlurmArgs {
    fn augment_args(command: Command) -> Command {
        SlurmCommand::augment_subcommands(SubmitArgs::augment_args(command))
            .subcommand_required(false)
            .arg_required_else_help(false)
            .args_conflicts_with_subcommands(true)
            .subcommand_negates_reqs(true)
            .disable_help_subcommand(true)
            .after_help(EXAMPLES)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SlurmArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match matches.subcommand() {
            None => SubmitArgs::from_arg_matches(matches).map(|submit| SlurmArgs::Submit(Box::new(submit))),
            Some(_) => {
                let SlurmCommand::Status(status) = SlurmCommand::from_arg_matches(matches)?;
                Ok(SlurmArgs::Status(status))
            }
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Arguments of `symbreak slurm status`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symbreak slurm status results/mine-slurm
  symbreak slurm status results/mine-slurm --json")]
pub struct StatusArgs {
    /// The directory that was submitted
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// Print one JSON document in place of the table
    #[arg(long)]
    json: bool,
}

/// Arguments of a submission.
#[derive(Debug, Args)]
pub struct SubmitArgs {
    #[command(flatten)]
    spec: SpecArgs,

    #[command(flatten)]
    engine: EngineArgs,

    #[command(flatten)]
    faults: FaultArgs,

    #[command(flatten)]
    output: OutputArgs,

    /// Tasks of the array: shards that the sweep is cut into
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_TASKS))]
    tasks: u64,

    /// Directory of spec, scripts, logs, shards and the merged sweep; every node must see it [default:
    /// results/NAME-slurm, with the name of the spec]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Partition to run in
    #[arg(long, value_name = "P")]
    partition: Option<String>,

    /// Time limit of a task, as sbatch takes it (60, 1:30:00, 1-12); some minutes at least, for a task is told to put
    /// its work down one or two minutes before
    #[arg(long, value_name = "T")]
    time: Option<String>,

    /// GPUs of a task, as sbatch takes them (1, a100:1)
    #[arg(long, value_name = "G")]
    gpus: Option<String>,

    /// Processors of a task
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    cpus_per_task: Option<u32>,

    /// Memory of a task, as sbatch takes it (4G)
    #[arg(long, value_name = "MEM")]
    mem: Option<String>,

    /// Any other option of sbatch, for tasks and merge, such as --sbatch=--account=NAME (may be repeated)
    #[arg(long, value_name = "OPTION", require_equals = true, allow_hyphen_values = true)]
    sbatch: Vec<String>,

    /// Print the scripts and the commands, and write and submit nothing
    #[arg(long)]
    dry_run: bool,

    /// Print slurm.json in place of the text
    #[arg(long, conflicts_with = "dry_run")]
    json: bool,
}

/// Submits, or tells what became of a submission.
pub fn run(args: &SlurmArgs) -> Result<u8, Failure> {
    match args {
        SlurmArgs::Submit(submit) => self::submit(submit),
        SlurmArgs::Status(status) => show(status),
    }
}

fn show(args: &StatusArgs) -> Result<u8, Failure> {
    let report = status::look(&args.directory)?;
    match args.json {
        true => print_json(&report)?,
        false => print(&report.text())?,
    }
    Ok(DONE)
}

fn submit(args: &SubmitArgs) -> Result<u8, Failure> {
    let plan = args.spec.plan()?;
    if args.output.save_params {
        params::width(&plan)?;
    }
    if args.engine.backend == Backend::Auto {
        note(
            "note: with --backend auto each task takes a GPU where it finds one; --backend gpu or cpu makes all of them \
             the same",
        );
    }
    let shown = args.out.clone().unwrap_or_else(|| Path::new("results").join(format!("{}-slurm", plan.name)));
    let system = |what: &str| {
        let what = what.to_string();
        move |error: std::io::Error| Failure::new(FAILED, format!("cannot tell {what}: {error}"))
    };
    let mut run_arguments = args.engine.words();
    run_arguments.extend(args.faults.words());
    run_arguments.extend(args.output.words());
    let request = Request {
        plan: &plan,
        tasks: args.tasks,
        run_arguments,
        resources: Resources {
            partition: args.partition.clone(),
            time: args.time.clone(),
            gpus: args.gpus.clone(),
            cpus_per_task: args.cpus_per_task,
            mem: args.mem.clone(),
            options: args.sbatch.clone(),
        },
        places: Places {
            program: std::env::current_exe().map_err(system("where this program is"))?,
            directory: std::path::absolute(&shown).map_err(system("where --out is"))?,
            working: std::env::current_dir().map_err(system("the current directory"))?,
        },
        shown: &shown,
    };
    if args.dry_run {
        let preview = request.preview()?;
        let (array, merge) = (shown.join(ARRAY), shown.join(MERGE));
        let mut text = format!(
            "==> {} <==\n{}\n==> {} <==\n{}\n==> submitted with <==\n",
            array.display(),
            preview.array,
            merge.display(),
            preview.merge
        );
        for command in &preview.commands {
            text += &format!("{command}\n");
        }
        if preview.commands.is_empty() {
            text += "nothing: everything is done or in the queue\n";
        }
        print(&text)?;
        return Ok(DONE);
    }
    let place = quoted(&shown.to_string_lossy());
    match request.submit()? {
        Outcome::Submitted(submission) if args.json => print_json(&submission)?,
        Outcome::Submitted(submission) => {
            // It has just been added.
            let Some(jobs) = submission.submitted.last() else { return Ok(DONE) };
            if let Some(array) = &jobs.array {
                let s = if jobs.tasks.parse::<u64>().is_ok() { "" } else { "s" };
                print(&format!("task{s} {} of {} submitted as job {array}\n", jobs.tasks, submission.tasks))?;
            }
            if let Some(merge) = &jobs.merge {
                print(&format!(
                    "the merge after them as job {merge}, into {}\n",
                    shown.join(MERGED).display()
                ))?;
            }
            print(&format!("how they stand: symbreak slurm status {place}\n"))?;
        }
        Outcome::Nothing(report) if args.json => print_json(&report)?,
        Outcome::Nothing(report) => {
            note(&format!("nothing to submit: all tasks of {place} are done or in the queue"));
            print(&report.text())?;
        }
    }
    Ok(DONE)
}
