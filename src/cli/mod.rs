//! The command line: one file per subcommand. Arguments become typed options here and nowhere else.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use clap::{CommandFactory, Parser, Subcommand};

use crate::claims::ClaimError;
use crate::engine::EngineError;
use crate::output::{Manifest, OutputError};
use crate::slurm::SlurmError;
use crate::spec::{SpecError, nearest, suggestion};

pub mod args;
pub mod bench;
pub mod claims;
pub mod completions;
pub mod devices;
pub mod dry_run;
pub mod fit;
pub mod inspect;
pub mod interrupt;
pub mod man;
pub mod merge;
pub mod plot;
pub mod presets;
pub mod progress;
pub mod report;
pub mod run;
pub mod schema;
pub mod slurm;
pub mod verify;

/// All done.
pub const DONE: u8 = 0;
/// A run-time failure.
pub const FAILED: u8 = 1;
/// Bad arguments, a bad spec, or a directory that may not be written to.
pub const BAD_ARGUMENTS: u8 = 2;
/// Another engine came to other labels.
pub const VERIFICATION_FAILED: u8 = 3;
/// Interrupted; results are kept.
pub const INTERRUPTED: u8 = 130;

/// Trains thousands to millions of small neural networks at once and says what fraction of them breaks symmetry.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = AFTER)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Examples:
  symbreak run xor-scale                 a sweep that comes with the program
  symbreak plot results/xor-scale        its pictures
  symbreak presets                       what else comes with it
  symbreak presets show xor-scale > mine.toml
                                         a spec to start from
  symbreak run mine.toml --dry-run       what it would take
  symbreak run --help                    all flags of a subcommand

Exit status: 0 done; 1 a run-time failure; 2 bad arguments or spec;
3 verification failed; 130 or 143 interrupted by Ctrl-C or SIGTERM (results
kept).";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a sweep: train every seed of every cell and write what became of them
    Run(Box<run::RunArgs>),
    /// List the specs that come with the program, or show one
    Presets(presets::PresetsArgs),
    /// List the machines that can train
    Devices(devices::DevicesArgs),
    /// Check every engine and adapter against the f64 reference, rung by rung
    Verify(verify::VerifyArgs),
    /// Time every engine and adapter on networks of several sizes
    Bench(bench::BenchArgs),
    /// Test what is said of zero weights, claim by claim, each by runs
    Claims(claims::ClaimsArgs),
    /// Look at one run step by step: parameters, gradients, units, Hessian, kind of stationary point
    Inspect(inspect::InspectArgs),
    /// Fit scaling laws to a finished sweep: how the time to solve and to break goes with a scale
    Fit(fit::FitArgs),
    /// Draw the pictures of a sweep: fractions, maps, curves, times, losses
    Plot(plot::PlotArgs),
    /// Make a page to look at: of a finished sweep, or a live one that trains networks in the browser
    Report(report::ReportArgs),
    /// Put the shards of a sweep together: the same files as those of the whole sweep, to the byte
    Merge(merge::MergeArgs),
    /// Submit a sweep to a Slurm cluster as a job array, one task a shard, and tell how it stands
    Slurm(Box<slurm::SlurmArgs>),
    /// Print the JSON Schema of specs, with which editors complete and check them
    Schema(schema::SchemaArgs),
    /// Print the script with which a shell completes subcommands and flags
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write all of them
    Man(man::ManArgs),
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

/// What to say of a subcommand that there is not.
fn no_such(words: &[OsString]) -> Failure {
    let name = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    let program = Cli::command();
    let commands: Vec<&str> = program.get_subcommands().map(clap::Command::get_name).collect();
    let hint = suggestion(nearest(&name, commands.iter().copied()));
    let all = commands.join(", ");
    Failure::new(BAD_ARGUMENTS, format!("there is no subcommand {name}: expected one of {all}{hint}"))
}

impl Cli {
    /// Does what was asked; gives the exit status.
    pub fn run(self) -> Result<u8, Failure> {
        interrupt::survive_file_limit();
        match self.command {
            Command::Run(args) => run::run(&args),
            Command::Presets(args) => presets::run(&args),
            Command::Devices(args) => devices::run(&args),
            Command::Verify(args) => verify::run(&args),
            Command::Bench(args) => bench::run(&args),
            Command::Claims(args) => claims::run(&args),
            Command::Inspect(args) => inspect::run(&args),
            Command::Fit(args) => fit::run(&args),
            Command::Plot(args) => plot::run(&args),
            Command::Report(args) => report::run(&args),
            Command::Merge(args) => merge::run(&args),
            Command::Slurm(args) => slurm::run(&args),
            Command::Schema(args) => schema::run(&args),
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => man::run(&args),
            Command::Other(words) => Err(no_such(&words)),
        }
    }
}

/// Why the program did not do what was asked: one message and the exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Exit status.
    pub status: u8,
    /// For the user, without the `error:` in front.
    pub message: String,
}

impl Failure {
    fn new(status: u8, message: impl Into<String>) -> Failure {
        Failure { status, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<SpecError> for Failure {
    fn from(error: SpecError) -> Failure {
        Failure::new(BAD_ARGUMENTS, error.to_string())
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Failure {
        let status = match error {
            EngineError::Interrupted => INTERRUPTED,
            EngineError::Unsupported(_) => BAD_ARGUMENTS,
            EngineError::NoDevice(_)
            | EngineError::Lost(_)
            | EngineError::Memory(_)
            | EngineError::Device(_) => FAILED,
        };
        Failure::new(status, error.to_string())
    }
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Failure {
        let status = match error {
            OutputError::Refused(_) => BAD_ARGUMENTS,
            OutputError::Busy(_) | OutputError::OtherEngine(_) => BAD_ARGUMENTS,
            OutputError::Missing(_) | OutputError::Disagreement(_) => FAILED,
            OutputError::File { .. } | OutputError::Damaged { .. } | OutputError::Gone(_) => FAILED,
        };
        Failure::new(status, error.to_string())
    }
}

impl From<SlurmError> for Failure {
    fn from(error: SlurmError) -> Failure {
        match error {
            SlurmError::Refused(message) => Failure::new(BAD_ARGUMENTS, message),
            SlurmError::Cluster(message) => Failure::new(FAILED, message),
            SlurmError::Output(error) => error.into(),
        }
    }
}

impl From<ClaimError> for Failure {
    fn from(error: ClaimError) -> Failure {
        match error {
            ClaimError::Spec(error) => error.into(),
            ClaimError::Engine(error) => error.into(),
        }
    }
}

/// Results, to standard output. That a reader such as `head` has had enough is no failure.
fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// The same of text that others have made.
fn print_bytes(text: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(FAILED, format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// One JSON document, to standard output, as it is made: it may be longer than what fits in memory.
fn print_json(document: &impl serde::Serialize) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written =
        serde_json::to_writer_pretty(&mut out, document).map_err(|error| match error.io_error_kind() {
            Some(kind) => (kind, format!("cannot write to standard output: {error}")),
            None => (io::ErrorKind::Other, format!("cannot write JSON: {error}")),
        });
    let ended = written.and_then(|()| {
        let end = out.write_all(b"\n").and_then(|()| out.flush());
        end.map_err(|error| (error.kind(), format!("cannot write to standard output: {error}")))
    });
    match ended {
        Err((kind, problem)) if kind != io::ErrorKind::BrokenPipe => Err(Failure::new(FAILED, problem)),
        _ => Ok(()),
    }
}

/// Warns of `names` in a result directory that are not what the sweep wrote, and of a manifest that does not tell.
fn warn_of_changes(directory: &Path, names: &[&str]) {
    match Manifest::read(directory) {
        Ok(Some(manifest)) => warn_of_changes_since(&manifest, directory, names),
        // What is copied out of a result directory may do without.
        Ok(None) => {}
        Err(error) => note(&format!(
            "warning: {error}; what it told is left out, and whether files are those that the sweep wrote is not known"
        )),
    }
}

/// Warns of `names` in the result directory of this manifest that are not what the sweep wrote.
fn warn_of_changes_since(manifest: &Manifest, directory: &Path, names: &[&str]) {
    for text in manifest.changed(directory, names) {
        note(&format!("warning: {text}"));
    }
}

/// A note, to standard error. If that is closed there is nobody to tell.
fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn arguments_are_declared_consistently() {
        super::Cli::command().debug_assert();
    }
}
