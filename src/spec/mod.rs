//! What to run: the TOML of a spec and the flags of the command line become a [`Plan`], or an error that names the
//! key, the line, what was expected and the nearest valid name. Reads specs; touches no device and writes no file.
//!
//! | module | what it is |
//! | --- | --- |
//! | `key` | the one table of all keys: what each accepts, its default, who uses it |
//! | `document` | TOML text and flags, key by key |
//! | `range` | the values of a swept key |
//! | `build` | checks across keys, programs |
//! | `grid` | cells by their numbers |
//! | `points` | given initial parameters |
//! | [`plan`] | the result |
//! | `shard` | parts of a plan |
//! | `resolved` | back from a manifest to the plan |
//! | `frozen` | from a plan to a TOML file that says everything |
//! | `schema` | what a spec may hold, as a JSON Schema for editors |
//! | `presets` | specs that come with the program |

mod build;
mod document;
mod error;
mod frozen;
mod grid;
mod key;
pub mod plan;
pub(crate) mod points;
mod presets;
mod range;
mod resolved;
mod schema;
mod shard;

use std::path::Path;

pub use error::{Place, SpecError, Warning};
pub use frozen::to_toml;
pub use grid::Grid;
pub use plan::{Cell, Plan, Value};
pub(crate) use presets::near_presets;
pub use presets::{Preset, presets};
pub use range::MAX_CELLS;
pub use resolved::from_resolved;
pub use schema::schema;
pub use shard::Shard;

use document::Given;
use error::{escaped, printable};
pub(crate) use error::{first_few, nearest, suggestion};

use crate::task::input;

/// Most bytes of a spec's file: what a million numbers take, each in full. Parsing takes up to 70 times as much memory.
pub(crate) const MOST_BYTES: u64 = 32 << 20;

/// What the command line changes in a spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `KEY=VALUE`; the value as in TOML, or a bare word. Fixes a key even if the spec sweeps it; the last one counts.
    pub set: Vec<String>,
    /// `KEY=RANGE`; replaces the spec's own sweep of that key, else becomes the fastest key.
    pub sweep: Vec<String>,
    /// `runs.seeds`
    pub seeds: Option<u64>,
    /// `runs.seed`
    pub seed: Option<u64>,
}

/// The plan of a preset or of a TOML file.
///
/// `source` is a preset if it names one; a file if it ends in `.toml`, has a path separator or is there. A file may be a pipe,
/// as `<(…)` of a shell is: it is waited for until somebody writes it.
pub fn load(source: &str, overrides: &Overrides) -> Result<(Plan, Vec<Warning>), SpecError> {
    if let Some(preset) = presets().iter().find(|preset| preset.name == source) {
        return parse(preset.text, preset.name, overrides);
    }
    let path = Path::new(source);
    if !source.ends_with(".toml") && !source.contains(['/', '\\']) && !path.exists() {
        let list = presets().iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ");
        return Err(SpecError::new(format!(
            "{}: neither a preset ({list}) nor a file{}",
            printable(source),
            near_presets(source)
        )));
    }
    let shown = escaped(source);
    // Not even looked into: what is there in its place may be a pipe that nobody writes.
    if path.file_name().is_some_and(|name| name == "manifest.json") {
        return Err(SpecError::new(format!(
            "{shown}: a manifest is no spec; symbreak inspect takes the result directory that it is in"
        )));
    }
    let bytes = input::read(path, MOST_BYTES)
        .map_err(|error| SpecError::new(format!("cannot read {shown}: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        SpecError::new(format!("cannot read {shown}: it is not UTF-8 (at byte {offset})"))
    })?;
    parse(&text, source, overrides)
}

/// The plan of a spec's text. `file` is what messages call it, and its stem is the plan's name unless the text gives one.
pub fn parse(text: &str, file: &str, overrides: &Overrides) -> Result<(Plan, Vec<Warning>), SpecError> {
    let mut given = Given::parse(text, file)?;
    given.apply(overrides)?;
    let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
    build::plan(given, stem)
}

/// What the key of that dotted name means, in a sentence; `None` if there is no such key.
pub fn about(name: &str) -> Option<&'static str> {
    key::find(name).ok().map(|key| key.about)
}

/// The dotted names of all keys that cells may differ in.
#[cfg(test)]
pub(crate) fn sweepable_keys() -> impl Iterator<Item = &'static str> {
    key::KEYS.iter().filter(|key| key.sweepable).map(|key| key.name)
}

#[cfg(test)]
mod tests;
