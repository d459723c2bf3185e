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
use super::{OutputError, failed};
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
    let attempts = (1..).map(|attempt| part(out, attempt)).take_while(|place| place.exists());
    for place in attempts.collect::<Vec<_>>() {
        // Unless somebody is at work there.
        if let Ok(lock) = Lock::take(&place) {
            drop(lock);
            remove(&place)?;
        }
    }
    Ok(())
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
