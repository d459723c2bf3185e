//! `symbreak presets`: the specs that come with the program.

use clap::{Args, Subcommand};

use super::{BAD_ARGUMENTS, DONE, Failure, print};
use crate::spec::presets;

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
                let message = format!("no preset is called {name}; there are {}", names.join(", "));
                return Err(Failure::new(BAD_ARGUMENTS, message));
            };
            print(preset.text)?;
        }
    }
    Ok(DONE)
}
