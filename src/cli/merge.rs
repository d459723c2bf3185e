//! `symbreak merge`: shards of a sweep put together.

use std::path::PathBuf;

use clap::Args;

use super::run::verdict;
use super::{FAILED, Failure, note, print, print_json};
use crate::output::merge::{self, Allowed, Merged, in_words};
use crate::output::summary::{self, Cells};

/// Arguments of `symbreak merge`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symbreak run xor-scale --shard 1/2; symbreak run xor-scale --shard 2/2
  symbreak merge results/xor-scale-shards/* --out results/xor-scale
  symbreak merge results/xor-scale-shards/* --out results/so-far --allow-missing

The files are those of the whole sweep, byte for byte; of the manifest, times
are sums over the shards. Directories may come in any order and be repeated;
runs that several have must be the same in all.")]
pub struct MergeArgs {
    /// Directories of finished shards, of any number of them; unfinished ones count as missing
    #[arg(value_name = "DIR", required = true)]
    directories: Vec<PathBuf>,

    /// Result directory of the whole sweep
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Merge what is there: cells count the runs that they have, and missing runs are listed
    #[arg(long)]
    allow_missing: bool,

    /// Replace the sweep that the result directory holds
    #[arg(long)]
    force: bool,

    /// Print no notes
    #[arg(long)]
    quiet: bool,

    /// Print one JSON document in place of the table
    #[arg(long)]
    json: bool,
}

/// Merges, or shows the merge again if it is there already.
pub fn run(args: &MergeArgs) -> Result<u8, Failure> {
    let allowed = Allowed { missing: args.allow_missing, force: args.force };
    let merged = merge::merge(&args.directories, &args.out, allowed)?;
    for warning in &merged.warnings {
        note(&format!("warning: {warning}"));
    }
    let place = args.out.display();
    if !args.quiet {
        merged.notes.iter().for_each(|text| note(text));
        if merged.was_there {
            note(&format!("{place} holds this merge already; showing it again (--force would merge again)"));
        }
    }
    let cells = Cells::read(&args.out)
        .map_err(|error| Failure::new(FAILED, format!("{error}; --force would merge again")))?;
    let Merged { manifest, grid, .. } = &merged;
    if args.json {
        print_json(&summary::document(manifest, &cells, grid))?;
    } else {
        print(&(summary::text(manifest, &cells, grid, &args.out) + &account(&merged)))?;
    }
    verdict(manifest)
}

/// What was put together, and what is missing.
fn account(merged: &Merged) -> String {
    let directories = |count| if count == 1 { "directory" } else { "directories" };
    let mut text = format!("merged from {} {}", merged.taken, directories(merged.taken));
    if merged.repeated > 0 {
        text += &format!("; {} more with runs that these have, too, agree", merged.repeated);
    }
    text.push('\n');
    let manifest = &merged.manifest;
    let gaps: Vec<_> = manifest.missing.iter().map(|&(from, to)| from..to).collect();
    if !gaps.is_empty() {
        text += &format!("incomplete: {} are missing\n", in_words(&gaps, manifest.runs));
    }
    text
}
