//! `symbreak schema`: what a spec may hold, for editors.

use clap::Args;

use super::{DONE, Failure, print_json};
use crate::spec;

/// Arguments of `symbreak schema`.
#[derive(Debug, Args)]
#[command(after_help = "\
With it, an editor completes keys and words, shows what they mean and marks what
is wrong. Those that use taplo (Even Better TOML and others) look for a line

  #:schema ./spec.schema.json

at the top of a spec. Checks across keys are left to `symbreak run --dry-run`.

Examples:
  symbreak schema > spec.schema.json
  symbreak schema | jq '.properties.train.properties.optimizer.enum'")]
pub struct SchemaArgs {}

/// Prints it.
pub fn run(_: &SchemaArgs) -> Result<u8, Failure> {
    print_json(&spec::schema())?;
    Ok(DONE)
}
