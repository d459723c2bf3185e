//! What a directory holds already, and whether a sweep may go there.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::lock::{self, Lock};
use super::manifest::{self, Manifest, Options, RunsFile, Status};
use super::results::{FILES, LEFTOVERS, Results, remove};
use super::{OutputError, failed};
use crate::engine::Description;
use crate::spec::{Plan, Shard, first_few};

/// What the user said about a directory that holds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Nothing.
    None,
    /// `--resume`
    Resume,
    /// `--force`
    Force,
}

/// What is to be done in a directory.
#[derive(Debug)]
pub enum Decision {
    /// Start the sweep.
    Start,
    /// Go on with the sweep that this is the manifest of.
    Resume(Box<Manifest>),
    /// It is all there: show it.
    Show(Box<Manifest>),
}

/// A directory that has been entered.
#[derive(Debug)]
pub enum Entered<'p> {
    /// It holds what was wanted.
    Finished(Box<Manifest>),
    /// What is wanted is to be written.
    Open(Box<Results<'p>>),
}

/// Enters `directory` to write the sweep that `wanted` describes, the only one to do so. Under `--force` the files of an
/// earlier sweep are removed, and no others.
///
/// # Errors
/// Those of [`decide`]; [`OutputError::Busy`] while another process writes there.
pub fn enter<'p>(
    directory: &Path,
    plan: &'p Plan,
    wanted: Manifest,
    permission: Permission,
) -> Result<Entered<'p>, OutputError> {
    let first_look = decide(directory, plan, &wanted, permission);
    // A place that holds everything need not be writable.
    if let Ok(Decision::Show(held)) = first_look {
        tidy(directory);
        return Ok(Entered::Finished(held));
    }
    let made = !directory.exists();
    let lock = match (Lock::take(directory), first_look) {
        // While somebody writes there, that is what is wrong, not what the files look like.
        (Err(busy @ OutputError::Busy(_)), _) => return Err(busy),
        (Err(_), Err(refused)) => return Err(refused),
        (taken, _) => taken,
    };
    let entered = lock.and_then(|lock| {
        // Until now others may have written there.
        Ok(match decide(directory, plan, &wanted, permission)? {
            Decision::Show(held) => Entered::Finished(held),
            Decision::Start => Entered::Open(Box::new(Results::create_under(lock, directory, plan, wanted)?)),
            Decision::Resume(held) => {
                let changed = changed(&held, &wanted);
                let mut results = Results::resume_under(lock, directory, plan, *held)?;
                results.warn(changed);
                Entered::Open(Box::new(results))
            }
        })
    });
    if entered.is_err() && made {
        // As it was found, as far as it lets us.
        let _ = fs::remove_dir(directory);
    }
    entered
}

/// Removes what a process that was killed at its very end left in the directory of a finished sweep, as far as that is
/// possible: nothing is wrong with the sweep.
pub(super) fn tidy(directory: &Path) {
    if LEFTOVERS.iter().chain([&lock::FILE]).any(|name| directory.join(name).exists()) {
        // Not under the hands of whoever is at that end right now.
        let Ok(_lock) = Lock::take(directory) else { return };
        let _ = remove(directory, &LEFTOVERS);
    }
}

/// Decides by what `directory` holds what is to be done for the sweep that `wanted` describes.
///
/// # Errors
/// [`OutputError::Refused`] or [`OutputError::OtherEngine`] where it holds something else; the text says what, and which
/// flag changes it.
pub fn decide(
    directory: &Path,
    plan: &Plan,
    wanted: &Manifest,
    permission: Permission,
) -> Result<Decision, OutputError> {
    let place = directory.display();
    if permission == Permission::Force {
        return Ok(Decision::Start);
    }
    let held = Manifest::read(directory).map_err(|error| match error {
        OutputError::Damaged { path, problem } => OutputError::Refused(format!(
            "{} cannot be read ({problem}); use --force to start over or --out DIR for another place",
            path.display()
        )),
        other => other,
    })?;
    let Some(held) = held else {
        // Whatever a sweep writes, it writes after its manifest.
        let orphans: Vec<String> = FILES
            .iter()
            .filter(|name| **name != manifest::UNFINISHED && directory.join(name).exists())
            .map(ToString::to_string)
            .collect();
        if !orphans.is_empty() {
            return Err(OutputError::Refused(format!(
                "{place} holds {} but no {}, so it is not known of which sweep; use --force to remove {} and start over, \
                 or --out DIR for another place",
                orphans.join(", "),
                manifest::FILE,
                if orphans.len() == 1 { "it" } else { "them" },
            )));
        }
        if permission == Permission::None && holds_files(directory)? {
            return Err(OutputError::Refused(format!(
                "{place} holds files but no sweep; use --resume or --force to start one there, \
                 or --out DIR for another place"
            )));
        }
        return Ok(Decision::Start);
    };
    let what = match held.status {
        Status::Finished => "a finished sweep",
        Status::Unfinished => "an unfinished sweep",
        Status::Incomplete => "an incomplete merge",
    };
    if held.plan_hash != wanted.plan_hash {
        return Err(OutputError::Refused(format!(
            "{place} holds {what} of another plan ({}); use --out DIR for another place or --force to start over",
            differences(plan, &held)
        )));
    }
    if held.shard != wanted.shard || held.status == Status::Incomplete {
        let part = |shard: Option<Shard>| shard.map_or("all runs".into(), |shard| format!("shard {shard}"));
        let has = match held.status {
            Status::Incomplete => {
                format!("a merge that lacks {} of the runs", held.runs - held.counts.runs_finished)
            }
            Status::Finished | Status::Unfinished => part(held.shard),
        };
        return Err(OutputError::Refused(format!(
            "{place} holds {has} of this plan, not {}; use --out DIR for another place or --force to start over",
            part(wanted.shard)
        )));
    }
    let (there, here) = (&held.engine, &wanted.engine);
    // Under `--fallback` another engine may have gone on, or may be all that is left to go on.
    let stands_in = |engine: &Description| wanted.fallback.as_ref() == Some(&engine.backend);
    let same = (&there.backend, &there.adapter) == (&here.backend, &here.adapter);
    if !same && !stands_in(there) && !stands_in(here) {
        return Err(OutputError::OtherEngine(format!(
            "{place} holds {what} of this plan by another engine ({} through {}, now {} through {}); \
             use --out DIR for another place, --force to start over, --backend and --adapter to choose \
             that engine, or --fallback if this one stands in for it",
            there.adapter, there.backend, here.adapter, here.backend
        )));
    }
    if held.status == Status::Finished {
        let missing = missing(&held.options, &wanted.options);
        if missing.is_empty() {
            return Ok(Decision::Show(Box::new(held)));
        }
        return Err(OutputError::Refused(format!(
            "{place} holds a finished sweep of this plan, but not what {} asks for; \
             use --force to start over or --out DIR for another place",
            missing.join(" and ")
        )));
    }
    if permission != Permission::Resume {
        return Err(OutputError::Refused(format!(
            "{place} holds an unfinished sweep of this plan; use --resume to go on with it, \
             --force to start over, or --out DIR for another place"
        )));
    }
    if held.options != wanted.options {
        return Err(OutputError::Refused(format!(
            "the sweep in {place} was started with {}; --resume needs the same",
            match flags(&held.options) {
                none if none.is_empty() => {
                    "none of --runs parquet or none, --trace, --save-params, --verify".to_string()
                }
                flags => flags.join(" "),
            }
        )));
    }
    if held.program_version != wanted.program_version {
        return Err(OutputError::Refused(format!(
            "the sweep in {place} was started by version {}, this is {}; \
             go on with that version or use --force to start over",
            held.program_version, wanted.program_version
        )));
    }
    Ok(Decision::Resume(Box::new(Manifest { fallback: wanted.fallback.clone(), ..held })))
}

/// What is another one than when the sweep was started, though it may go on: results may differ from those of an undisturbed
/// sweep.
fn changed(held: &Manifest, wanted: &Manifest) -> Vec<String> {
    let mut warnings = Vec::new();
    if held.git_hash != wanted.git_hash {
        let commit = |manifest: &Manifest| manifest.git_hash.clone().unwrap_or_else(|| "unknown".into());
        warnings.push(format!(
            "the sweep was started by a build of this version from commit {}, this one is from {}; trained_by in {} will \
             tell which runs are whose",
            commit(held),
            commit(wanted),
            manifest::FILE
        ));
    }
    let (there, here) = (&held.engine, &wanted.engine);
    if there.adapter == here.adapter && there.driver != here.driver {
        warnings.push(format!(
            "the sweep was started with the driver {}, this is {}; trained_by in {} will tell which runs are whose",
            there.driver,
            here.driver,
            manifest::FILE
        ));
    }
    warnings
}

/// What tells two plans apart, the first few keys of it.
fn differences(plan: &Plan, held: &Manifest) -> String {
    let mut keys = plan.differences(&held.spec);
    if keys.is_empty() {
        keys.push("the specs are the same, their plan_hash is not".into());
    }
    first_few(keys).join("; ")
}

/// Whether there is anything in a directory but a lock.
pub fn holds_files(directory: &Path) -> Result<bool, OutputError> {
    Ok(names_in(directory)?.iter().any(|name| name != lock::FILE))
}

/// The names of what is in a directory; none where there is no directory.
pub(super) fn names_in(directory: &Path) -> Result<Vec<OsString>, OutputError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("read", directory)(error)),
    };
    entries.map(|entry| Ok(entry.map_err(failed("read", directory))?.file_name())).collect()
}

/// The flags of `wanted` that the files made with `held` do not answer.
fn missing(held: &Options, wanted: &Options) -> Vec<String> {
    let mut flags = Vec::new();
    if wanted.runs != RunsFile::None && held.runs != wanted.runs {
        flags.push(format!("--runs {}", wanted.runs.word()));
    }
    if wanted.trace > held.trace {
        flags.push(format!("--trace {}", wanted.trace));
    }
    if wanted.save_params && !held.save_params {
        flags.push("--save-params".to_string());
    }
    if wanted.verify > held.verify {
        flags.push(format!("--verify {}", wanted.verify));
    }
    flags
}

/// The options as the user would type them.
pub fn flags(options: &Options) -> Vec<String> {
    let mut flags = Vec::new();
    if options.runs != RunsFile::Csv {
        flags.push(format!("--runs {}", options.runs.word()));
    }
    if options.trace > 0 {
        flags.push(format!("--trace {}", options.trace));
    }
    if options.save_params {
        flags.push("--save-params".to_string());
    }
    if options.verify > 0.0 {
        flags.push(format!("--verify {}", options.verify));
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::engine::mock::MockEngine;
    use crate::spec::{Overrides, parse};

    #[test]
    fn a_lock_is_no_file_and_what_is_no_directory_an_error() {
        let place = tempfile::tempdir().unwrap();
        assert!(!holds_files(place.path()).unwrap());
        assert!(!holds_files(&place.path().join("none")).unwrap());
        fs::write(place.path().join(lock::FILE), "").unwrap();
        assert!(!holds_files(place.path()).unwrap());
        assert!(holds_files(&place.path().join(lock::FILE)).is_err());
        fs::write(place.path().join("notes.txt"), "").unwrap();
        assert!(holds_files(place.path()).unwrap());
    }

    #[test]
    fn flags_that_files_do_not_answer_are_named() {
        let held = Options { trace: 2, verify: 0.5, ..Options::default() };
        assert!(missing(&held, &held).is_empty() && missing(&held, &Options::default()).is_empty());
        let more = Options { trace: 3, verify: 0.75, save_params: true, runs: RunsFile::Parquet };
        assert_eq!(missing(&held, &more), ["--runs parquet", "--trace 3", "--save-params", "--verify 0.75"]);
        assert!(missing(&more, &held).iter().eq(["--runs csv"]));
        let less = Options { trace: 1, verify: 0.25, runs: RunsFile::None, ..held };
        assert!(missing(&held, &less).is_empty());
    }

    /// An engine that gave way to another is one of the session, not of the sweep.
    #[test]
    fn a_resumed_sweep_tells_of_the_engine_that_is_lacking_now() {
        let place = tempfile::tempdir().unwrap();
        let (plan, _) = parse("[task]\ndataset = \"xor\"\n", "x.toml", &Overrides::default()).unwrap();
        let held = Manifest::new(&plan, MockEngine::default().description(), Options::default(), &[]);
        held.write(place.path()).unwrap();
        let wanted = Manifest { fallback: Some("no adapter".into()), started_at: 0, ..held.clone() };
        match decide(place.path(), &plan, &wanted, Permission::Resume).unwrap() {
            Decision::Resume(on) => {
                assert_eq!((on.fallback.as_deref(), on.started_at), (Some("no adapter"), held.started_at));
            }
            _ => panic!("it is unfinished"),
        }
    }
}
