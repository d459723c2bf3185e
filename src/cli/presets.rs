//! `symbreak presets`: the specs that come with the program.

use std::ffi::OsString;

use clap::{Args, Subcommand};

use super::{BAD_ARGUMENTS, DONE, Failure, print};
use crate::spec::{near_presets, nearest, presets, suggestion};

/// Arguments of `symbreak presets`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symbreak presets                                list them
  symbreak presets show xor-scale > mine.toml     a spec to start from")]
pub struct PresetsArgs {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the TOML of a preset
    Show {
        /// Its name
        #[arg(value_name = "PRESET")]
        name: String,
    },
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

/// Lists presets or prints one.
pub fn run(args: &PresetsArgs) -> Result<u8, Failure> {
    match &args.command {
        None => {
            let width = presets().iter().map(|preset| preset.name.len()).max().unwrap_or(0);
            let lines = presets().iter().map(|preset| format!("{:width$}  {}\n", preset.name, preset.about));
            print(&lines.collect::<String>())?;
        }
        Some(Command::Show { name }) => {
            let Some(preset) = presets().iter().find(|preset| preset.name == name) else {
                let names: Vec<&str> = presets().iter().map(|preset| preset.name).collect();
                let (names, near) = (names.join(", "), near_presets(name));
                let message = format!("no preset is called {name}; there are {names}{near}");
                return Err(Failure::new(BAD_ARGUMENTS, message));
            };
            print(preset.text)?;
        }
        Some(Command::Other(words)) => {
            let word = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
            let message = if presets().iter().any(|preset| preset.name == word) {
                format!("presets takes no name; symbreak presets show {word} prints that one")
            } else {
                let show = nearest(&word, ["show"]);
                let near = if show.is_some() { suggestion(show) } else { near_presets(&word) };
                format!(
                    "presets has no subcommand {word}; symbreak presets show PRESET prints a preset{near}"
                )
            };
            return Err(Failure::new(BAD_ARGUMENTS, message));
        }
    }
    Ok(DONE)
}
