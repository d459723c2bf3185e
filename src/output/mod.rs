//! Every file that is written is written here, and read back here.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`results`] | an open result directory: windows of finished runs go in, files come out |
//! | [`directory`] | what a directory holds already, and whether a sweep may go there |
//! | [`shard`] | where a shard is trained, and how it takes its place |
//! | [`submission`] | what was given to a cluster |
//! | [`manifest`] | `manifest.json` |
//! | [`runs`], [`cells`], [`curves`], [`traces`], [`params`] | one file each of the result directory |
//! | [`partial`] | cells of which other shards have runs, too |
//! | [`merge`] | shards put together |
//! | [`piece`] | what a piece of a window adds to the files, made on one core |
//! | [`journal`] | what a resumed sweep goes on from |
//! | [`lock`] | one writer a directory |
//! | [`append`], [`rows`] | growing files, and the text of CSV rows |
//! | [`heading`] | what every column is called, holds and means |
//! | [`package`] | `datapackage.json`, which tells it to other programs |
//! | [`columns`], [`parquet`] | rows of runs with their types, and the files of them |
//! | [`recorded`] | the rows of runs read back |
//! | [`summary`] | the table on standard output and the cells as JSON |

use std::io;
use std::path::{Path, PathBuf};

pub mod append;
pub mod cells;
pub mod columns;
pub mod curves;
pub mod directory;
pub mod heading;
pub mod journal;
pub mod lock;
pub mod manifest;
pub mod merge;
pub mod package;
pub mod page;
pub mod params;
pub mod parquet;
pub mod partial;
pub mod piece;
pub mod recorded;
pub mod results;
pub mod rows;
pub mod runs;
pub mod shard;
pub mod submission;
pub mod summary;
pub mod traces;

pub use manifest::{Manifest, Options, RunsFile, Status, Stint, Verification};
pub use results::{Results, Window};
pub use submission::Submission;

/// Why results could not be written or may not be.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The operating system said no.
    #[error("cannot {action} {}: {source}{}", path.display(), advice(source))]
    File {
        /// What was tried: "write", "create".
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What it answered.
        source: io::Error,
    },
    /// The directory holds something else; the text says what and which flag changes it.
    #[error("{0}")]
    Refused(String),
    /// Somebody else is writing there.
    #[error("{0}")]
    Busy(String),
    /// The directory holds what another engine trained; the text says which.
    #[error("{0}")]
    OtherEngine(String),
    /// Runs are not there; the text says which, and how to train them.
    #[error("{0}")]
    Missing(String),
    /// Two directories tell different things of the same runs; the text says where.
    #[error("{0}")]
    Disagreement(String),
    /// The directory that is written to is not there any more.
    #[error("{} was removed or replaced while the sweep was running, and its results with it", .0.display())]
    Gone(PathBuf),
    /// A file does not hold what this program wrote.
    #[error("{}: {problem}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl OutputError {
    /// Whether what lies at a place is not what this program put there, so that it has to go; not where the place cannot be
    /// looked at, which says nothing of what is there.
    pub fn is_damage(&self) -> bool {
        use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
        match self {
            OutputError::Damaged { .. } => true,
            OutputError::File { source, .. } => {
                matches!(source.kind(), NotFound | NotADirectory | IsADirectory)
            }
            _ => false,
        }
    }
}

/// For use in `map_err`: what was tried on which file.
pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OutputError {
    move |source| OutputError::File { action, path: path.to_path_buf(), source }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "; free some space there",
        io::ErrorKind::QuotaExceeded => "; free some space of your quota there",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; make it writable or choose another place with --out DIR"
        }
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            "; choose another place with --out DIR"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A quota needs a file system that has one; what the system answers is all that is different.
    #[test]
    fn what_the_system_says_no_with_comes_with_advice() {
        let said = |kind: io::ErrorKind| failed("write", Path::new("out/runs.csv"))(kind.into()).to_string();
        assert_eq!(
            said(io::ErrorKind::QuotaExceeded),
            "cannot write out/runs.csv: quota exceeded; free some space of your quota there"
        );
        assert!(said(io::ErrorKind::StorageFull).ends_with("; free some space there"));
        assert!(said(io::ErrorKind::ReadOnlyFilesystem).contains("--out DIR"));
        assert_eq!(said(io::ErrorKind::TimedOut), "cannot write out/runs.csv: timed out");
    }
}
