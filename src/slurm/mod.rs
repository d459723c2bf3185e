//! A sweep as a job array of a Slurm cluster: one task a shard, and a job that merges them when they are done.
//!
//! Nothing is believed of the cluster that the files do not show. A task may be started again on another node while it goes
//! on where it was, and the controller may forget how one ended; so a shard counts as done when its directory is in its
//! place, and as lost when it is not and the queue has no task for it.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`script`] | the text of the two batch scripts |
//! | [`submit`] | what is to be submitted, and `sbatch` |
//! | [`queue`] | what `squeue` says |
//! | [`status`] | what became of each task, and what to submit again |
//! | [`indices`] | lists of task numbers, as Slurm writes them |

use std::io;
use std::process::{Command, Output};

use crate::output::OutputError;

pub mod indices;
pub mod queue;
pub mod script;
pub mod status;
pub mod submit;

/// Why a sweep was not submitted, or nothing is known of it.
#[derive(Debug, thiserror::Error)]
pub enum SlurmError {
    /// What was asked for cannot be submitted; the text says what and which flag changes it.
    #[error("{0}")]
    Refused(String),
    /// Slurm's own program is missing or said no; the text has its words.
    #[error("{0}")]
    Cluster(String),
    /// A file could not be read or written, or the directory holds something else.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// Runs one of Slurm's programs to its end: what it printed.
///
/// # Errors
/// Where it is missing or failed, in words.
fn ask(program: &str, arguments: &[String]) -> Result<String, String> {
    let Output { status, stdout, stderr } =
        Command::new(program).args(arguments).output().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("there is no {program} in PATH"),
            _ => format!("cannot start {program}: {error}"),
        })?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&stderr);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines.is_empty() {
        true => Err(format!("{program} failed without a word ({status})")),
        false => Err(lines.join(" / ")),
    }
}
