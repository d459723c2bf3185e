//! `symbreak merge`: shards put together to the files of the whole sweep, byte for byte.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`inputs`] | the directories: what is finished, of one sweep, and unchanged |
//! | [`cover`] | which of them make up a whole, and what is missing |
//! | [`compare`] | what two of them have must be the same in both |
//! | [`mod@write`] | the files |
//! | [`table`] | a CSV file read row by row |
//!
//! Every input is read to its end and compared with its manifest before anything is written. The files are then made in
//! [`PLACE`] inside the result directory, and moved out of it when all are complete, the manifest last: whoever finds a manifest
//! finds everything, and a merge that was killed is simply done again.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::output::append::settle;
use crate::output::lock::Lock;
use crate::output::manifest::{Manifest, Status, Verification};
use crate::output::results::clear;
use crate::output::{OutputError, directory, failed};
use crate::spec::{Grid, Shard, first_few, plan};

pub mod compare;
pub mod cover;
pub mod inputs;
pub mod table;
pub mod write;

use cover::AsShards;
use inputs::{Inputs, Part};

/// Where a merge is made, inside its result directory.
pub const PLACE: &str = "merge.part";

/// What the user puts up with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// `--allow-missing`: some runs are not there.
    pub missing: bool,
    /// `--force`: what the result directory holds of a sweep goes.
    pub force: bool,
}

/// What has been put together.
pub struct Merged {
    /// The manifest in the result directory.
    pub manifest: Manifest,
    /// The cells of the sweep.
    pub grid: Grid,
    /// Whether the result directory held it before.
    pub was_there: bool,
    /// Directories whose files were taken.
    pub taken: usize,
    /// Other finished directories, all of whose runs are in these or agree with each other.
    pub repeated: usize,
    /// What the user may want to know.
    pub notes: Vec<String>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Merges the finished shards in `directories` into `out`. They may come in any order, more than once, of any numbers of shards;
/// a whole sweep counts as a shard 1/1. Shards are taken as they are, so the shards that are taken have no run in common; runs
/// that several directories have are compared. Unfinished shards count as missing.
///
/// # Errors
/// [`OutputError::Refused`] where they are not parts of one sweep, or `out` holds something else; [`OutputError::Missing`] where
/// runs are missing that may not; [`OutputError::Disagreement`] where two directories have different results for a run;
/// [`OutputError::Damaged`] where a file was changed; [`OutputError::File`] where one can't be read or written. `out` is then as
/// it was.
pub fn merge(directories: &[PathBuf], out: &Path, allowed: Allowed) -> Result<Merged, OutputError> {
    let inputs = Inputs::read(directories, out)?;
    let ranges: Vec<Range<u64>> = inputs.parts.iter().map(|part| part.range.clone()).collect();
    let chosen = cover::tile(&ranges);
    let taken: Vec<&Part> = chosen.iter().map(|&at| &inputs.parts[at]).collect();
    let Some(first) = taken.first() else { return Err(missing(&inputs, &taken, &[])) };
    let gaps = cover::gaps(taken.iter().map(|part| &part.range), first.manifest.runs);
    if !gaps.is_empty() && !allowed.missing {
        return Err(missing(&inputs, &taken, &gaps));
    }
    let wanted = manifest(&inputs, &taken, &gaps);
    let mut merged = Merged {
        manifest: wanted,
        was_there: false,
        taken: taken.len(),
        repeated: inputs.parts.len() - taken.len(),
        notes: inputs.notes.clone(),
        warnings: inputs.mixtures(),
        grid: inputs.grid,
    };
    merged.notes.extend(inputs.unfinished.iter().map(|shard| {
        format!("{} has {} of {} runs; it is left out", shard.directory.display(), shard.done, shard.runs)
    }));
    if let Some(held) = held(out, &merged.manifest, allowed.force)? {
        held.check(out).map_err(|error| with_advice(error, "--force merges again"))?;
        merged.manifest = held;
        merged.was_there = true;
        return Ok(merged);
    }
    inputs::check(&inputs.parts)?;
    let mut silent = 0;
    for pair in cover::shared(&ranges) {
        silent += compare::agree(&inputs.parts[pair.first], &inputs.parts[pair.second], &pair.runs)?;
    }
    if silent > 0 {
        merged.notes.push(format!(
            "{silent} repeated runs could not be compared: --runs none keeps no rows of runs, and these share a cell with \
             other runs"
        ));
    }
    let made = !out.exists();
    let written = Lock::take(out).and_then(|lock| {
        // Until now others may have written there.
        if held(out, &merged.manifest, allowed.force)?.is_some() {
            return Err(OutputError::Busy(format!("another process has just merged into {}", out.display())));
        }
        let place = out.join(PLACE);
        let written = write_files(&lock, &taken, &merged.grid, &mut merged.manifest, out);
        // Empty by now, or of no use. But what an earlier merge left beside it has to be known for that.
        if written.is_ok() || made {
            let _ = fs::remove_dir_all(place);
        } else {
            let _ = empty(&place);
        }
        written
    });
    if written.is_err() && made {
        // As it was found, as far as it lets us.
        let _ = fs::remove_dir(out);
    }
    written.map(|()| merged)
}

/// Makes all files in [`PLACE`], and gives them their places.
fn write_files(
    lock: &Lock,
    taken: &[&Part],
    grid: &Grid,
    manifest: &mut Manifest,
    out: &Path,
) -> Result<(), OutputError> {
    let place = out.join(PLACE);
    // It is there as long as files without a manifest are.
    empty(&place).map_err(failed("empty", &place))?;
    let files = write::files(taken, grid, manifest, &place)?;
    lock.check()?;
    clear(out)?;
    for (name, content) in files {
        let whole = out.join(name);
        fs::rename(place.join(name), &whole).map_err(failed("create", &whole))?;
        manifest.files.insert(name.into(), content);
    }
    settle(out)?;
    manifest.write(out)
}

/// Makes an empty directory of that name, or empties the one that is there.
fn empty(directory: &Path) -> std::io::Result<()> {
    if directory.is_symlink() {
        // What it leads to is not ours.
        fs::remove_file(directory)?;
    }
    fs::create_dir_all(directory)?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The manifest of a merge, its files apart.
fn manifest(inputs: &Inputs, taken: &[&Part], gaps: &[Range<u64>]) -> Manifest {
    let first = &taken[0].manifest;
    let mut all = Manifest {
        status: if gaps.is_empty() { Status::Finished } else { Status::Incomplete },
        spec: inputs.spec.clone(),
        shard: None,
        trained_by: Vec::new(),
        missing: gaps.iter().map(|gap| (gap.start, gap.end)).collect(),
        counts: Default::default(),
        verification: None,
        training_seconds: 0.0,
        total_seconds: 0.0,
        files: Default::default(),
        ..first.clone()
    };
    for Part { manifest, .. } in taken {
        all.counts.merge(&manifest.counts);
        for stint in &manifest.trained_by {
            stint.clone().add(&mut all.trained_by);
        }
        if let Some(found) = &manifest.verification {
            all.verification.get_or_insert_with(Verification::default).merge(found);
        }
        all.started_at = all.started_at.min(manifest.started_at);
        all.training_seconds += manifest.training_seconds;
        all.total_seconds += manifest.total_seconds;
    }
    all
}

/// What `out` holds, if that is what is wanted; `None` if it may be written to.
fn held(out: &Path, wanted: &Manifest, force: bool) -> Result<Option<Manifest>, OutputError> {
    let place = out.display();
    let advice = "use --out DIR for another place, or --force to replace it";
    if force {
        return Ok(None);
    }
    let refused = |what: String| Err(OutputError::Refused(format!("{place} holds {what}; {advice}")));
    let held = Manifest::read(out).map_err(|error| with_advice(error, advice))?;
    let Some(held) = held else {
        // Whatever lies beside an unfinished merge is a part of it.
        if directory::holds_files(out)? && !out.join(PLACE).is_dir() {
            return Err(OutputError::Refused(format!(
                "{place} holds files but no sweep; use --out DIR for another place, or --force to merge into it (files \
                 that are no sweep's stay)"
            )));
        }
        return Ok(None);
    };
    if held.plan_hash != wanted.plan_hash {
        let differences = plan::differences((&held.spec, "there"), (&wanted.spec, "here"));
        return refused(format!("results of another plan ({})", first_few(differences).join("; ")));
    }
    if let Some(shard) = held.shard {
        return refused(format!("shard {shard} of this plan, not all of it"));
    }
    if held.status == Status::Unfinished {
        return refused("an unfinished sweep of this plan".into());
    }
    let (there, here) = (&held.engine, &wanted.engine);
    if (&there.backend, &there.adapter) != (&here.backend, &here.adapter) {
        return refused(format!(
            "results of this plan by another engine ({} through {}, now {} through {})",
            there.adapter, there.backend, here.adapter, here.backend
        ));
    }
    let options = inputs::options(&held.options, "there", &wanted.options, "here");
    if !options.is_empty() {
        return refused(format!("results of this plan with other options ({})", options.join("; ")));
    }
    if held.program_version != wanted.program_version {
        return refused(format!("results of this plan by version {}", held.program_version));
    }
    if held.status == Status::Finished || held.missing == wanted.missing {
        return Ok(Some(held));
    }
    // Of an incomplete merge nothing is lost to one that has all its runs.
    let is_there = |gap: &(u64, u64)| held.missing.iter().any(|of| of.0 <= gap.0 && gap.1 <= of.1);
    if wanted.missing.iter().all(is_there) {
        return Ok(None);
    }
    refused("an incomplete merge that has runs which are missing now".into())
}

fn with_advice(error: OutputError, advice: &str) -> OutputError {
    match error {
        OutputError::Damaged { path, problem } => {
            OutputError::Damaged { path, problem: format!("{problem}; {advice}") }
        }
        other => other,
    }
}

/// Says which runs are missing and how to get them.
fn missing(inputs: &Inputs, taken: &[&Part], gaps: &[Range<u64>]) -> OutputError {
    let mut sentences = Vec::new();
    match taken.first() {
        None => sentences.push("no shard that was named is finished".to_string()),
        Some(first) => {
            let runs = first.manifest.runs;
            sentences.push(format!("{} are missing", in_words(gaps, runs)));
            let known: Vec<u64> =
                inputs.parts.iter().filter_map(|part| Some(part.manifest.shard?.of)).collect();
            if let Some(shards) = cover::as_shards(gaps, runs, &most_frequent(known)) {
                sentences.push(how_to_train(&shards, first));
            }
            let mut wider = Vec::new();
            for part in &inputs.parts {
                let lies_in = |gap: &Range<u64>| part.range.start < gap.end && gap.start < part.range.end;
                if gaps.iter().any(lies_in) && !taken.iter().any(|other| other.range == part.range) {
                    wider.push(format!(
                        "{} has some of them, but also runs of a shard that has more, and shards are taken whole",
                        part.directory.display()
                    ));
                }
            }
            sentences.extend(first_few(wider));
        }
    }
    let unfinished = inputs.unfinished.iter().map(|shard| {
        format!(
            "{} has {} of {} runs, go on with it, the SPEC and flags as before: {}",
            shard.directory.display(),
            shard.done,
            shard.runs,
            shard.command
        )
    });
    sentences.extend(first_few(unfinished.collect()));
    if !taken.is_empty() {
        sentences.push("merge what is there with --allow-missing".into());
    }
    OutputError::Missing(sentences.join("; "))
}

/// `34 of 238 runs (34 to 67)`
pub fn in_words(gaps: &[Range<u64>], runs: u64) -> String {
    let count: u64 = gaps.iter().map(|gap| gap.end - gap.start).sum();
    let ranges = gaps.iter().map(|gap| match gap.end - gap.start {
        1 => gap.start.to_string(),
        _ => format!("{} to {}", gap.start, gap.end - 1),
    });
    format!("{count} of {runs} runs ({})", first_few(ranges.collect()).join(", "))
}

/// Which shards, and the command for the first.
fn how_to_train(shards: &AsShards, like: &Part) -> String {
    let AsShards { of, stretches } = shards;
    let names = stretches.iter().map(|&(first, last)| match last - first {
        0 => first.to_string(),
        _ => format!("{first}-{last}"),
    });
    let names = first_few(names.collect());
    let command = like.other(Shard { index: stretches[0].0, of: *of });
    let (shards, so_on) = if names.len() == 1 && stretches[0].0 == stretches[0].1 {
        ("shard", "")
    } else {
        ("shards", ", and so on")
    };
    format!("train {shards} {} of {of}, the SPEC and flags as before: {command}{so_on}", names.join(", "))
}

/// Each number once, the most frequent first.
fn most_frequent(mut numbers: Vec<u64>) -> Vec<u64> {
    numbers.sort_unstable();
    let mut counted: Vec<(usize, u64)> =
        numbers.chunk_by(|a, b| a == b).map(|same| (same.len(), same[0])).collect();
    counted.sort_by_key(|&(count, number)| (std::cmp::Reverse(count), number));
    counted.into_iter().map(|(_, number)| number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_told_by_their_first_and_last_run() {
        assert_eq!(in_words(&[3..4, 7..9, 20..34], 40), "17 of 40 runs (3, 7 to 8, 20 to 33)");
    }

    #[test]
    fn the_number_of_shards_that_most_parts_are_of_comes_first() {
        assert_eq!(most_frequent(vec![3, 5, 5, 7, 3, 5]), [5, 3, 7]);
        assert_eq!(most_frequent(vec![9, 2]), [2, 9]);
        assert!(most_frequent(Vec::new()).is_empty());
    }
}
