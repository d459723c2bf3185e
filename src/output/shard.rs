//! Where a shard is trained: beside its place, which it takes when it is finished.
//!
//! A cluster may start a task anew while the first one, cut off but alive, goes on. So a shard's directory `DIR` is there
//! whole or not at all: it is trained in `DIR.part`, or, while somebody else is at work there, in `DIR.part-2` and so on, and
//! renamed at the end. Whoever comes second finds it done, and throws its own away: the same runs are the same bytes.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::append::{fresh, settle};
use super::directory::{self, Decision, Entered, Permission, decide};
use super::lock::{self, Lock};
use super::manifest::{self, Manifest, Status};
use super::results::{self, FILES};
use super::{OutputError, failed, journal};
use crate::spec::{Plan, Shard};

/// What is added to the name of a finished shard that is to be replaced, while its files are removed; and the name of a file
/// that marks it as such, for a directory of that name may be somebody's sweep.
const REPLACED: &str = ".replaced";

/// The directory that a shard given to `out` takes the place of, or makes: where a symbolic link leads, and without what does not
/// belong to a name, as in `DIR/.`, for the shard is to be renamed to it.
///
/// # Errors
/// [`OutputError::Refused`] where there is no such directory.
pub fn resolved(out: &Path) -> Result<PathBuf, OutputError> {
    // Without a slash or a dot at the end.
    let out: PathBuf = out.components().collect();
    match fs::symlink_metadata(&out) {
        Ok(data) if data.is_symlink() => fs::canonicalize(&out).map_err(|error| {
            OutputError::Refused(format!(
                "{} is a symbolic link that leads nowhere ({error}); use --out DIR for another place",
                out.display()
            ))
        }),
        _ => Ok(out),
    }
}

/// Enters a place to train the shard that `wanted` describes and that is to be in `out`. Gives the directory that was
/// entered: `out` itself only where it holds the finished shard. Under [`Permission::Resume`] places that are taken or hold
/// another engine's work are passed over, after a call of `note`. Under [`Permission::Force`] the shard that `out` holds is
/// removed.
///
/// # Errors
/// Those of [`directory::enter`]; [`OutputError::Refused`] if `out` holds what would keep the shard from taking its place.
pub fn enter<'p>(
    out: &Path,
    plan: &'p Plan,
    wanted: &Manifest,
    permission: Permission,
    note: impl Fn(&str),
) -> Result<(PathBuf, Entered<'p>), OutputError> {
    if let Decision::Show(held) = decide(out, plan, wanted, permission)? {
        directory::tidy(out);
        return Ok((out.to_path_buf(), Entered::Finished(held)));
    }
    check_way(out, permission)?;
    let mut attempt = 1;
    loop {
        let place = part(out, attempt);
        // Not even --force gives up another sweep that only has such a name.
        if Manifest::read(&place).is_ok_and(|held| held.is_some_and(|held| held.shard != wanted.shard)) {
            return Err(OutputError::Refused(format!(
                "{} holds another sweep, in the way of this shard, which is trained there; move it, or use --out DIR for \
                 another place",
                place.display()
            )));
        }
        match directory::enter(&place, plan, wanted.clone(), permission) {
            Err(OutputError::Busy(why) | OutputError::OtherEngine(why))
                if permission == Permission::Resume =>
            {
                let (why, _) = why.split_once(';').unwrap_or((&why, ""));
                attempt += 1;
                note(&format!("{why}; starting the shard in {} as well", part(out, attempt).display()));
            }
            entered => {
                let entered = entered?;
                // Only now that it can be trained anew, and that nobody else gets to do so.
                if permission == Permission::Force {
                    remove_finished(out)?;
                }
                return Ok((place, entered));
            }
        }
    }
}

/// Makes sure that a directory can get the name `out`, before a shard is trained for it: under [`Permission::Force`] once the
/// finished one is removed.
fn check_way(out: &Path, permission: Permission) -> Result<(), OutputError> {
    if out.file_name().is_none() {
        return Err(OutputError::Refused(format!(
            "a shard is trained beside the place that it takes in the end, and {} is no such place; use --out DIR",
            out.display()
        )));
    }
    if permission == Permission::Force && out.exists() {
        // Nobody is at work there, and no lock of somebody who was killed stays.
        drop(Lock::take(out)?);
    }
    let names = directory::names_in(out)?;
    let ours = |name: &OsString| FILES.iter().chain([&REPLACED]).any(|file| name == file);
    let removable = |name: &OsString| permission == Permission::Force && ours(name);
    if let Some(name) = names.iter().find(|name| !removable(name)) {
        return Err(OutputError::Refused(format!(
            "{} holds {}, but no finished shard, and a shard takes its place whole; remove what is there, or use \
             --out DIR for another place",
            out.display(),
            name.display()
        )));
    }
    if !names.is_empty() {
        let replaced = with(out, REPLACED);
        remove_replaced(out)?;
        if fs::symlink_metadata(&replaced).is_ok() {
            return Err(OutputError::Refused(format!(
                "{} is in the way: a shard that is replaced gets that name while its files are removed; move it, or use \
                 --out DIR for another place",
                replaced.display()
            )));
        }
    }
    Ok(())
}

/// Removes the finished shard that `out` holds, as [`check_way`] has found it; under another name first: whoever is killed
/// meanwhile leaves no half of a shard under this one.
fn remove_finished(out: &Path) -> Result<(), OutputError> {
    if directory::names_in(out)?.is_empty() {
        return Ok(());
    }
    let mark = out.join(REPLACED);
    fresh(&mark).map_err(failed("write", &mark))?;
    if let Err(error) = fs::rename(out, with(out, REPLACED)) {
        let _ = fs::remove_file(&mark);
        return Err(failed("rename", out)(error));
    }
    remove_replaced(out)
}

/// Gives the finished shard in `place` its name, or throws it away if `out` holds it already; and removes what attempts at it
/// that are given up have left. `finished` is its manifest.
///
/// # Errors
/// Where the system does not let us.
pub fn publish(place: &Path, out: &Path, finished: &Manifest) -> Result<(), OutputError> {
    if place != out {
        // An empty directory in its place is none; not every system renames to that.
        let _ = fs::remove_dir(out);
        if let Err(error) = fs::rename(place, out) {
            let done = Manifest::read(out).ok().flatten().is_some_and(|held| {
                held.status == Status::Finished
                    && (held.plan_hash, held.shard) == (finished.plan_hash.clone(), finished.shard)
            });
            if !done {
                return Err(failed("create", out)(error));
            }
        }
        out.parent().map_or(Ok(()), settle)?;
    }
    remove_replaced(out)?;
    for attempt in attempts(out).unwrap_or_default() {
        let ours = || match Manifest::read(&attempt) {
            Ok(Some(held)) => (&held.plan_hash, held.shard) == (&finished.plan_hash, finished.shard),
            Ok(None) => holds_nothing(&attempt),
            Err(_) => false,
        };
        // Unless it only has such a name, or somebody is at work there; or was, until it was locked.
        if !attempt.is_symlink()
            && ours()
            && let Ok(_lock) = Lock::take(&attempt)
            && ours()
        {
            // The manifest last: it tells whose the other files are.
            let (manifest, others) = FILES.split_at(1);
            results::remove(&attempt, others)?;
            results::remove(&attempt, manifest)?;
        }
        let _ = fs::remove_dir(&attempt);
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
    let wrong =
        |problem: &str| Err(OutputError::Damaged { path: out.to_path_buf(), problem: problem.to_string() });
    match Manifest::read(out)? {
        Some(held) if held.status == Status::Finished => {
            held.check(out)?;
            Ok(Progress::Finished(Box::new(held)))
        }
        Some(_) => wrong("it holds a sweep that is not finished, where only a finished shard is put"),
        None if directory::holds_files(out)? => {
            wrong("it holds files but no sweep, where a shard is to be put")
        }
        None => {
            let attempts = attempts(out).unwrap_or_default();
            Ok(Progress::Runs(attempts.iter().filter_map(|place| runs_of(place)).max().unwrap_or(0)))
        }
    }
}

/// The attempts at the shard whose place is `out`, of the plan with this hash, that nobody can go on with or start over, and
/// why. A task meets them when it is started again.
pub fn stuck(out: &Path, plan_hash: &str, shard: Shard) -> Vec<(PathBuf, String)> {
    let problem = |place: &Path| match Manifest::read(place) {
        Err(error) => error.is_damage().then(|| error.to_string()),
        Ok(_) if !place.is_dir() => Some("it is not a directory".into()),
        Ok(None) => None,
        Ok(Some(held)) if held.plan_hash != plan_hash || held.shard != Some(shard) => {
            Some("it holds other runs, or runs of another plan".into())
        }
        Ok(Some(held)) if held.status == Status::Finished => {
            held.check(place).err().map(|error| error.to_string())
        }
        Ok(Some(held)) if held.program_version != env!("CARGO_PKG_VERSION") => {
            Some(format!("it was started by version {}", held.program_version))
        }
        Ok(Some(_)) => None,
    };
    let mut stuck: Vec<(PathBuf, String)> = attempts(out)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|place| problem(&place).map(|problem| (place, problem)))
        .collect();
    stuck.sort();
    stuck
}

/// Runs that an attempt has done.
fn runs_of(attempt: &Path) -> Option<u64> {
    let manifest = Manifest::read(attempt).ok()??;
    Some(journal::reached(attempt, &manifest)? - manifest.range().start)
}

/// Removes what is left of a shard that was in `out` and was replaced.
fn remove_replaced(out: &Path) -> Result<(), OutputError> {
    let replaced = with(out, REPLACED);
    if !replaced.is_symlink() && replaced.join(REPLACED).exists() {
        results::clear(&replaced)?;
        results::remove(&replaced, &[REPLACED])?;
    }
    // Unless it has something else.
    let _ = fs::remove_dir(&replaced);
    Ok(())
}

/// Whether nothing was begun in a directory: whatever a sweep writes, it writes after its manifest.
fn holds_nothing(directory: &Path) -> bool {
    let nothing = |name: OsString| name == lock::FILE || name == manifest::UNFINISHED;
    fs::read_dir(directory)
        .is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(|entry| nothing(entry.file_name()))))
}

/// The place of an attempt, counted from 1.
fn part(out: &Path, attempt: u32) -> PathBuf {
    with(out, &if attempt == 1 { ".part".to_string() } else { format!(".part-{attempt}") })
}

/// Of the place of an attempt, `DIR.part` or `DIR.part-2`, where the shard goes: `DIR`. `None` of any other.
pub(super) fn goes_to(place: &Path) -> Option<PathBuf> {
    let (out, attempt) = place.file_name()?.to_str()?.rsplit_once(".part")?;
    let counted = attempt.strip_prefix('-').is_some_and(|count| count.parse::<u32>().is_ok());
    (!out.is_empty() && (attempt.is_empty() || counted)).then(|| place.with_file_name(out))
}

/// Whether a directory is what is left of a shard that was replaced.
pub(super) fn is_replaced(place: &Path) -> bool {
    let named = place.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(REPLACED.as_bytes()));
    named && (place.join(REPLACED).exists() || holds_nothing(place))
}

/// All attempts that are there.
fn attempts(out: &Path) -> Result<Vec<PathBuf>, OutputError> {
    let above = out.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut found = Vec::new();
    for entry in fs::read_dir(above).map_err(failed("read", above))? {
        let path = out.with_file_name(entry.map_err(failed("read", above))?.file_name());
        let end =
            path.as_os_str().as_encoded_bytes().strip_prefix(part(out, 1).as_os_str().as_encoded_bytes());
        match end {
            Some([]) => found.push(path),
            Some([b'-', number @ ..]) if number.iter().all(u8::is_ascii_digit) => found.push(path),
            _ => {}
        }
    }
    Ok(found)
}

/// `out` with something added to its name, which may be written with a slash after it.
fn with(out: &Path, end: &str) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(end);
    out.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_cannot_be_looked_into_is_no_empty_one() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("2");
        fs::write(&file, "").unwrap();
        assert!(check_way(&file, Permission::None).is_err());
        assert!(check_way(&place.path().join("3"), Permission::None).is_ok());
    }

    #[test]
    fn attempts_lead_to_the_place_of_their_shard() {
        let of = |name: &str| goes_to(&Path::new("a").join(name));
        for (name, place) in [("2.part", "a/2"), ("2.part-17", "a/2"), ("x.part.part-3", "a/x.part")] {
            assert_eq!(of(name).as_deref(), Some(Path::new(place)), "{name}");
        }
        for name in
            ["2", ".part", ".part-2", "2.part-", "2.part-x", "2.partial", "2.part2", "2.part-99999999999"]
        {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
