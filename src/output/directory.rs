//! What a directory holds already, and whether a sweep may go there.

use std::fs;
use std::path::Path;

use super::append::in_use;
use super::journal;
use super::manifest::{Manifest, Options, Status};
use super::results::clear;
use super::{OutputError, failed};
use crate::engine::Description;
use crate::spec::Plan;

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

/// Decides by what `directory` holds. Under `--force` the files of an earlier sweep are removed here, and no
/// others.
pub fn decide(
    directory: &Path,
    plan: &Plan,
    options: &Options,
    engine: &Description,
    permission: Permission,
) -> Result<Decision, OutputError> {
    let place = directory.display();
    if in_use(&directory.join(journal::FILE)) {
        return Err(OutputError::Refused(format!(
            "another process is writing a sweep into {place}; wait for it, or use --out DIR for another place"
        )));
    }
    if permission == Permission::Force {
        if directory.exists() {
            clear(directory)?;
        }
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
    };
    if held.plan_hash != plan.hash() {
        return Err(OutputError::Refused(format!(
            "{place} holds {what} of another plan ({}); use --out DIR for another place or --force to start over",
            differences(plan, &held)
        )));
    }
    if (&held.engine.backend, &held.engine.adapter) != (&engine.backend, &engine.adapter) {
        return Err(OutputError::Refused(format!(
            "{place} holds {what} of this plan by another engine ({} through {}, now {} through {}); \
             use --out DIR for another place, --force to start over, or --backend and --adapter to choose \
             that engine",
            held.engine.adapter, held.engine.backend, engine.adapter, engine.backend
        )));
    }
    match held.status {
        Status::Finished => {
            let missing = missing(&held.options, options);
            if missing.is_empty() {
                return Ok(Decision::Show(Box::new(held)));
            }
            Err(OutputError::Refused(format!(
                "{place} holds a finished sweep of this plan, but not what {} asks for; \
                 use --force to start over or --out DIR for another place",
                missing.join(" and ")
            )))
        }
        Status::Unfinished if permission != Permission::Resume => Err(OutputError::Refused(format!(
            "{place} holds an unfinished sweep of this plan; use --resume to go on with it, \
             --force to start over, or --out DIR for another place"
        ))),
        Status::Unfinished if held.options != *options => Err(OutputError::Refused(format!(
            "the sweep in {place} was started with {}; --resume needs the same",
            flags(&held.options)
        ))),
        Status::Unfinished if held.program_version != env!("CARGO_PKG_VERSION") => {
            Err(OutputError::Refused(format!(
                "the sweep in {place} was started by version {}, this is {}; \
                 go on with that version or use --force to start over",
                held.program_version,
                env!("CARGO_PKG_VERSION")
            )))
        }
        Status::Unfinished => Ok(Decision::Resume(Box::new(held))),
    }
}

/// What tells two plans apart, the first few keys of it.
fn differences(plan: &Plan, held: &Manifest) -> String {
    const NAMED: usize = 5;
    let mut keys = plan.differences(&held.spec);
    let more = keys.len().saturating_sub(NAMED);
    keys.truncate(NAMED);
    if keys.is_empty() {
        keys.push("the specs are the same, their plan_hash is not".into());
    }
    if more > 0 {
        keys.push(format!("and {more} more"));
    }
    keys.join("; ")
}

fn holds_files(directory: &Path) -> Result<bool, OutputError> {
    match fs::read_dir(directory) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed("read", directory)(error)),
    }
}

/// The flags of `wanted` that the files made with `held` do not answer.
fn missing(held: &Options, wanted: &Options) -> Vec<String> {
    let mut flags = Vec::new();
    if wanted.runs == super::RunsFile::Csv && held.runs != wanted.runs {
        flags.push("--runs csv".to_string());
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
fn flags(options: &Options) -> String {
    let mut flags = Vec::new();
    if options.runs == super::RunsFile::None {
        flags.push("--runs none".to_string());
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
    if flags.is_empty() {
        "none of --runs none, --trace, --save-params, --verify".into()
    } else {
        flags.join(" ")
    }
}
