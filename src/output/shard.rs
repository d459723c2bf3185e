//! Where a shard is trained: beside its place, which it takes when it is finished.
//!
//! A cluster may start a task anew while the first one, cut off but alive, goes on. So a shard's directory `DIR` is there
//! whole or not at all: it is trained in `DIR.part`, or, while somebody else is at work there, in `DIR.part-2` and so on, and
//! renamed at the end. Whoever comes second finds it done, and throws its own away: the same runs are the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

use super::append::settle;
use super::directory::{self, Decision, Entered, Permission, decide};
use super::lock::Lock;
use super::manifest::{Manifest, Status};
use super::results::clear;
use super::{OutputError, failed, journal};
use crate::spec::Plan;

/// Enters a place to train the shard that `wanted` describes and that is to be in `out`. Gives the directory that was
/// entered: `out` itself only where it holds the finished shard. Under [`Permission::Resume`] places that are taken or hold
/// another engine's work are passed over, after a call of `note`.
///
/// # Errors
/// Those of [`directory::enter`].
pub fn enter<'p>(
    out: &Path,
    plan: &'p Plan,
    wanted: &Manifest,
    permission: Permission,
    note: impl Fn(&str),
) -> Result<(PathBuf, Entered<'p>), OutputError> {
    if let Decision::Show(held) = decide(out, plan, wanted, permission)? {
        return Ok((out.to_path_buf(), Entered::Finished(held)));
    }
    let mut attempt = 1;
    loop {
        let place = part(out, attempt);
        match directory::enter(&place, plan, wanted.clone(), permission) {
            Err(OutputError::Busy(why) | OutputError::OtherEngine(why))
                if permission == Permission::Resume =>
            {
                let (why, _) = why.split_once(';').unwrap_or((&why, ""));
                attempt += 1;
                note(&format!("{why}; starting the shard in {} as well", part(out, attempt).display()));
            }
            entered => return Ok((place, entered?)),
        }
    }
}

/// Gives the finished shard in `place` its name, or throws it away if `out` holds it already; and removes what attempts that
/// are given up have left. `replace`: what `out` holds is to go.
///
/// # Errors
/// Where the system does not let us.
pub fn publish(place: &Path, out: &Path, replace: bool) -> Result<(), OutputError> {
    if place == out {
        return Ok(());
    }
    if replace && out.exists() {
        remove(out)?;
    }
    if let Err(error) = fs::rename(place, out) {
        let done = Manifest::read(out).ok().flatten().is_some_and(|held| held.status == Status::Finished);
        if !done {
            return Err(failed("create", out)(error));
        }
    }
    out.parent().map_or(Ok(()), settle)?;
    for place in attempts(out) {
        // Unless somebody is at work there.
        if let Ok(lock) = Lock::take(&place) {
            drop(lock);
            remove(&place)?;
        }
    }
    Ok(())
}

/// How far a shard is.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// It has its place: finished, and as it was written.
    Finished(Box<Manifest>),
    /// So many of its runs are done in the attempt that is furthest; 0 if there is none.
    Runs(u64),
}

/// Looks how far the shard is whose place is `out`; who trains it is not disturbed.
///
/// # Errors
/// Where `out` holds something else than a finished sweep, or cannot be read.
pub fn progress(out: &Path) -> Result<Progress, OutputError> {
    match Manifest::read(out)? {
        Some(held) if held.status == Status::Finished => {
            held.check(out)?;
            Ok(Progress::Finished(Box::new(held)))
        }
        Some(_) => Err(OutputError::Damaged {
            path: out.to_path_buf(),
            problem: "it holds a sweep that is not finished, where only finished ones are put".into(),
        }),
        None if out.exists() => Err(OutputError::Damaged {
            path: out.to_path_buf(),
            problem: "it holds no sweep, but is where one is to be put".into(),
        }),
        None => Ok(Progress::Runs(
            attempts(out).iter().map(|place| journal::runs_finished(place)).max().unwrap_or(0),
        )),
    }
}

/// The places of attempts that are there. Of several the first may be gone before the others.
fn attempts(out: &Path) -> Vec<PathBuf> {
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(name) = out.file_name().map(|name| name.to_string_lossy()) else { return Vec::new() };
    let is_attempt = |place: &PathBuf| {
        let other = place.file_name().unwrap_or_default().to_string_lossy();
        other.strip_prefix(&*name).and_then(|rest| rest.strip_prefix(".part")).is_some_and(|number| {
            number.is_empty() || number.strip_prefix('-').is_some_and(|number| number.parse::<u32>().is_ok())
        })
    };
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(is_attempt).collect()
}

/// Removes a directory with the files of a sweep; if it has others, it stays with them.
fn remove(directory: &Path) -> Result<(), OutputError> {
    clear(directory)?;
    let _ = fs::remove_dir(directory);
    Ok(())
}

/// The place of an attempt, counted from 1.
fn part(out: &Path, attempt: u32) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(if attempt == 1 { ".part".to_string() } else { format!(".part-{attempt}") });
    PathBuf::from(name)
}
