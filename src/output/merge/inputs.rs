//! The directories that are to be merged: which are finished, whether they are parts of one sweep, and whether their files
//! still hold what was written.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::Value as Json;

use crate::engine::Description;
use crate::output::append::Content;
use crate::output::manifest::{Manifest, Options, RunsFile, Status};
use crate::output::{
    OutputError, cells, curves, directory, journal, params, parquet, partial, runs, shard, traces,
};
use crate::spec::{Grid, Shard, first_few, plan};

/// A finished shard, or a whole finished sweep.
#[derive(Debug)]
pub struct Part {
    /// Where it is.
    pub directory: PathBuf,
    /// Its runs.
    pub range: Range<u64>,
    /// Its manifest, without the spec, which all have in common.
    pub manifest: Manifest,
}

/// A shard that was begun.
#[derive(Debug)]
pub struct Unfinished {
    /// Where it is.
    pub directory: PathBuf,
    /// How many runs it is to have.
    pub runs: u64,
    /// How many it has, by its manifest and journal.
    pub done: u64,
    /// What goes on with it.
    pub command: String,
}

/// Everything that is to be merged.
pub struct Inputs {
    /// The resolved spec.
    pub spec: Json,
    /// Its cells.
    pub grid: Grid,
    /// What is finished, by the first run, then longer ones first.
    pub parts: Vec<Part>,
    /// What is not.
    pub unfinished: Vec<Unfinished>,
    /// What the user may want to know.
    pub notes: Vec<String>,
}

impl Inputs {
    /// Reads the manifests of `directories`, of which each may be given more than once. `out`, where the result goes, may be
    /// among them if it is no shard, and counts for nothing.
    ///
    /// # Errors
    /// Where one is no result directory, or is no part of the sweep that the first is of.
    pub fn read(directories: &[PathBuf], out: &Path) -> Result<Inputs, OutputError> {
        let mut notes = Vec::new();
        let given = distinct(directories, &mut notes)?;
        let names: BTreeSet<&PathBuf> = given.iter().map(|(_, place)| place).collect();
        let out_place = settled(out);
        let mut first: Option<(PathBuf, Manifest)> = None;
        let (mut parts, mut unfinished) = (Vec::new(), Vec::new());
        for (directory, place) in &given {
            let shown = directory.display();
            if shard::is_replaced(place) {
                notes.push(format!("{shown} is left of a shard that was replaced; it is ignored"));
                continue;
            }
            if shard::goes_to(place).is_some_and(|whole| names.contains(&whole) && is_of(place, &whole)) {
                notes.push(format!(
                    "{shown} is left of an attempt at a shard that is finished; it is ignored"
                ));
                continue;
            }
            if out_place.starts_with(place) && out_place != *place {
                return Err(OutputError::Refused(format!(
                    "--out {} lies in {shown}, which is to be merged; choose another place with --out DIR",
                    out.display()
                )));
            }
            let Some(mut manifest) = Manifest::read(directory)? else {
                if shard::goes_to(place).is_some() {
                    notes.push(format!("{shown} holds nothing yet; it is ignored"));
                    continue;
                }
                return Err(OutputError::Refused(format!(
                    "{shown} holds no manifest.json, so no results; name directories that `symbreak run --shard` has \
                     written"
                )));
            };
            if *place == out_place {
                if manifest.shard.is_some() || manifest.status == Status::Unfinished {
                    return Err(OutputError::Refused(format!(
                        "{shown} is to be merged and is --out as well; choose another place with --out DIR"
                    )));
                }
                notes.push(format!("{shown} is where the merge goes; what it holds is not merged"));
                continue;
            }
            sound(directory, &manifest)?;
            match &first {
                None => first = Some((directory.clone(), manifest.clone())),
                Some((other, with)) => same_sweep((other, with), (directory, &manifest))?,
            }
            let range = manifest.range();
            match manifest.status {
                Status::Finished => {
                    // A sweep may have many values, and there may be many shards.
                    manifest.spec = Json::Null;
                    parts.push(Part { directory: directory.clone(), range, manifest });
                }
                Status::Unfinished => unfinished.push(Unfinished {
                    runs: range.end - range.start,
                    done: journal::reached(directory, &manifest)
                        .map_or(0, |next| next.saturating_sub(range.start)),
                    command: command(
                        &manifest,
                        manifest.shard,
                        &out_and("--resume", &shard::goes_to(directory).unwrap_or_else(|| directory.clone())),
                    ),
                    directory: directory.clone(),
                }),
                Status::Incomplete => {
                    return Err(OutputError::Refused(format!(
                        "{shown} is an incomplete merge; name the shards that it was made of, and those that it lacks"
                    )));
                }
            }
        }
        let Some((_, manifest)) = first else {
            return Err(match given.iter().any(|(_, place)| *place == out_place) {
                true => OutputError::Refused(format!(
                    "{} is the place of the result, and no shard; name the directories of shards besides it",
                    out.display()
                )),
                false => OutputError::Missing("no directory that was named holds a run".into()),
            });
        };
        let grid = Grid::of(&manifest.spec).map_err(|error| OutputError::Refused(error.to_string()))?;
        parts.sort_by(|a, b| key(a).cmp(&key(b)));
        unfinished.sort_by(|a, b| a.directory.cmp(&b.directory));
        Ok(Inputs { spec: manifest.spec, grid, parts, unfinished, notes })
    }

    /// Warns of parts that were trained by different engines, or builds of the program.
    pub fn mixtures(&self) -> Vec<String> {
        let mut engines: Vec<String> = Vec::new();
        let mut builds: Vec<&str> = Vec::new();
        for part in &self.parts {
            builds.push(part.manifest.git_hash.as_deref().unwrap_or("unknown"));
            for stint in &part.manifest.trained_by {
                engines.push(name(&stint.engine));
                builds.extend(stint.git_hash.as_deref());
            }
        }
        let distinct = |mut names: Vec<String>| {
            names.sort();
            names.dedup();
            (names.len() > 1).then(|| names.join("; "))
        };
        let engines = distinct(engines).map(|names| {
            format!(
                "the runs were trained by different engines, which may differ in the last bits: {names} \
                 (trained_by in manifest.json tells which)"
            )
        });
        let builds = distinct(builds.into_iter().map(str::to_string).collect());
        let builds = builds.map(|names| {
            format!("the runs were trained by builds of this version from different commits: {names}")
        });
        engines.into_iter().chain(builds).collect()
    }
}

impl Part {
    /// The command that trains it again.
    pub fn again(&self) -> String {
        command(&self.manifest, self.manifest.shard, &out_and("--force", &self.directory))
    }

    /// The command that trains another shard of the same sweep.
    pub fn other(&self, shard: Shard) -> String {
        command(&self.manifest, Some(shard), "")
    }
}

/// Parts with the same runs come in the order of their names, however they were given.
fn key(part: &Part) -> (u64, Reverse<u64>, &Path) {
    (part.range.start, Reverse(part.range.end), &part.directory)
}

/// An engine by name; threads do not count.
pub fn name(engine: &Description) -> String {
    let driver = if engine.driver.is_empty() { String::new() } else { format!(", {}", engine.driver) };
    format!("{} ({}{driver}) through {}", engine.adapter, engine.adapter_type, engine.backend)
}

/// The directories that were named and where they really are, each once.
fn distinct(
    directories: &[PathBuf],
    notes: &mut Vec<String>,
) -> Result<Vec<(PathBuf, PathBuf)>, OutputError> {
    let mut given: Vec<(PathBuf, PathBuf)> = Vec::new();
    let mut seen = BTreeSet::new();
    for directory in directories {
        let shown = directory.display();
        let place = fs::canonicalize(directory).map_err(|error| {
            OutputError::Refused(format!("{shown} cannot be merged: {error}; name result directories"))
        })?;
        if !place.is_dir() {
            return Err(OutputError::Refused(format!("{shown} is not a directory; name result directories")));
        }
        if seen.insert(place.clone()) {
            given.push((directory.clone(), place));
        } else {
            notes.push(format!("{shown} was named more than once"));
        }
    }
    Ok(given)
}

/// Where a path leads, even if its last parts are not there yet.
pub fn settled(path: &Path) -> PathBuf {
    if let Ok(place) = fs::canonicalize(path) {
        return place;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if parent.as_os_str().is_empty() => settled(Path::new(".")).join(name),
        (Some(parent), Some(name)) => settled(parent).join(name),
        _ => path.to_path_buf(),
    }
}

/// Whether an attempt is one at the shard that has its place, and not another sweep with such a name.
fn is_of(attempt: &Path, whole: &Path) -> bool {
    let held = |directory: &Path| Manifest::read(directory).ok().flatten();
    held(attempt).is_none_or(|attempt| held(whole).is_none_or(|whole| attempt.shard == whole.shard))
}

/// Whether a manifest does not contradict itself or this program.
fn sound(directory: &Path, manifest: &Manifest) -> Result<(), OutputError> {
    let here = env!("CARGO_PKG_VERSION");
    if manifest.program_version != here {
        return Err(OutputError::Refused(format!(
            "{} was written by version {}, this is {here}; merge with that version, or train it again with this one",
            directory.display(),
            manifest.program_version
        )));
    }
    let shard = manifest.shard.is_none_or(|shard| (1..=shard.of).contains(&shard.index));
    let counted = manifest.cell_count.checked_mul(manifest.seeds) == Some(manifest.runs) && manifest.runs > 0;
    let whole = |range: Range<u64>| manifest.counts.runs_finished == range.end - range.start;
    let problem = if plan::hash(&manifest.spec) != manifest.plan_hash {
        "its plan_hash is not that of its spec"
    } else if !shard || !counted {
        "its numbers of runs cannot be"
    } else if manifest.status == Status::Finished && !whole(manifest.range()) {
        "it says that the sweep is finished, but not all runs are counted"
    } else {
        return Ok(());
    };
    Err(OutputError::Damaged {
        path: directory.join(crate::output::manifest::FILE),
        problem: format!("{problem}; leave {} out or train it again", directory.display()),
    })
}

/// Whether two directories hold parts of one sweep.
fn same_sweep(
    (one, with): (&Path, &Manifest),
    (other, manifest): (&Path, &Manifest),
) -> Result<(), OutputError> {
    let (at_one, at_other) = (format!("in {}", one.display()), format!("in {}", other.display()));
    let differences = if with.plan_hash == manifest.plan_hash {
        options(&with.options, &at_one, &manifest.options, &at_other)
    } else {
        first_few(plan::differences((&with.spec, &at_one), (&manifest.spec, &at_other)))
    };
    if differences.is_empty() {
        return Ok(());
    }
    let what = if with.plan_hash == manifest.plan_hash { "options" } else { "plans" };
    Err(OutputError::Refused(format!(
        "{} and {} have different {what}, so they are not parts of one sweep: {}",
        one.display(),
        other.display(),
        differences.join("; ")
    )))
}

/// The flags that two lists of options differ in.
pub fn options(one: &Options, at_one: &str, other: &Options, at_other: &str) -> Vec<String> {
    let mut flags = Vec::new();
    let mut flag = |name: &str, one: String, other: String| {
        if one != other {
            flags.push(format!("{name} {one} {at_one}, {other} {at_other}"));
        }
    };
    flag("--runs", one.runs.word().into(), other.runs.word().into());
    flag("--trace", one.trace.to_string(), other.trace.to_string());
    let saved = |options: &Options| if options.save_params { "given" } else { "not given" }.to_string();
    flag("--save-params", saved(one), saved(other));
    flag("--verify", one.verify.to_string(), other.verify.to_string());
    flags
}

/// The command that trains a shard, or all, of the sweep that a manifest is of, as far as it tells; `more` comes last.
fn command(manifest: &Manifest, shard: Option<Shard>, more: &str) -> String {
    let mut words = vec!["symbreak run SPEC".to_string()];
    words.extend(shard.map(|shard| format!("--shard {shard}")));
    words.extend(directory::flags(&manifest.options));
    words.push(format!("--backend {}", manifest.engine.backend));
    words.extend((!more.is_empty()).then(|| more.to_string()));
    words.join(" ")
}

fn out_and(flag: &str, directory: &Path) -> String {
    format!("--out {} {flag}", directory.display())
}

/// The files that a finished part has beside its manifest.
pub fn files(options: &Options, is_shard: bool) -> Vec<&'static str> {
    let mut names = vec![cells::FILE, curves::FILE];
    match options.runs {
        RunsFile::Csv => names.push(runs::FILE),
        RunsFile::Parquet => names.push(parquet::FILE),
        RunsFile::None => {}
    }
    names.extend((options.trace > 0).then_some(traces::FILE));
    if options.save_params {
        names.extend([params::INITIAL, params::FINAL]);
    }
    names.extend(is_shard.then_some(partial::FILE));
    names
}

/// Reads every file of `parts`, and compares it with what its manifest says that was written. Gives those that are not that:
/// the part, the file and what is wrong with it.
///
/// # Errors
/// Where one cannot be read.
pub fn damaged(parts: &[Part]) -> Result<Vec<(&Part, &'static str, &'static str)>, OutputError> {
    let all = parts.iter().flat_map(|part| {
        let names = files(&part.manifest.options, part.manifest.shard.is_some());
        names.into_iter().map(move |name| (part, name))
    });
    let all: Vec<(&Part, &'static str)> = all.collect();
    let damaged: Vec<Option<_>> = all
        .into_par_iter()
        .map(|(part, name)| Ok(damage(part, name)?.map(|problem| (part, name, problem))))
        .collect::<Result<_, OutputError>>()?;
    Ok(damaged.into_iter().flatten().collect())
}

/// Makes sure that none of `parts` is [`damaged`].
///
/// # Errors
/// [`OutputError::Damaged`] where one is; the text says how to train the shard again.
pub fn check(parts: &[Part]) -> Result<(), OutputError> {
    let mut damaged = damaged(parts)?.into_iter();
    let Some((part, name, problem)) = damaged.next() else { return Ok(()) };
    let mut problem =
        format!("{problem}; train the shard again, with the SPEC and flags as before: {}", part.again());
    let others: BTreeSet<&Path> =
        damaged.map(|(other, ..)| &*other.directory).filter(|other| *other != part.directory).collect();
    if !others.is_empty() {
        let others: Vec<String> = others.into_iter().map(|other| other.display().to_string()).collect();
        problem += &format!("; and the same with {}", first_few(others).join(", "));
    }
    Err(OutputError::Damaged { path: part.directory.join(name), problem })
}

/// What is wrong with a file.
fn damage(part: &Part, name: &str) -> Result<Option<&'static str>, OutputError> {
    let Some(written) = part.manifest.files.get(name) else {
        return Ok(Some("its manifest does not tell what was written"));
    };
    match Content::of(&part.directory.join(name)) {
        Ok(found) if found == *written => Ok(None),
        Ok(_) => Ok(Some("it is not what was written")),
        Err(OutputError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(Some("it is not there any more"))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_are_not_there_yet_are_beside_what_is() {
        let here = fs::canonicalize(".").unwrap();
        assert_eq!(settled(Path::new("no-such/x")), here.join("no-such/x"));
        assert_eq!(settled(Path::new("no-such")), here.join("no-such"));
        let place = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(place.path()).unwrap();
        assert_eq!(settled(&place.path().join("a/../b")), settled(&place.path().join("a/../b")));
        assert_eq!(settled(&place.path().join("a/b/c")), real.join("a/b/c"));
        assert_eq!(settled(&place.path().join("a/..")), place.path().join("a/.."));
    }
}
