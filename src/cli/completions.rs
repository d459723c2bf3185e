//! `symbreak completions`: what a shell needs to complete subcommands, flags and their values.

use clap::builder::PossibleValuesParser;
use clap::{Arg, Args, Command, CommandFactory, ValueHint};
use clap_complete::{Shell, generate};

use super::{Cli, DONE, Failure, print_bytes};
use crate::spec::presets;

/// Arguments of `symbreak completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  source <(symbreak completions bash)               in ~/.bashrc
  symbreak completions zsh > ~/.zfunc/_symbreak     with ~/.zfunc in fpath
  symbreak completions fish > ~/.config/fish/completions/symbreak.fish
  symbreak completions powershell >> $PROFILE
  symbreak completions elvish >> ~/.config/elvish/rc.elv")]
pub struct CompletionsArgs {
    /// For which shell
    shell: Shell,
}

/// Prints the script.
pub fn run(args: &CompletionsArgs) -> Result<u8, Failure> {
    let mut script = Vec::new();
    generate(args.shell, &mut hinted(Cli::command(), args.shell), "symbreak", &mut script);
    print_bytes(&script)?;
    Ok(DONE)
}

/// A command and all below it, whose arguments say what a shell may offer for them. The program itself goes on to read
/// names of presets as texts, for its own messages name the nearest.
fn hinted(command: Command, shell: Shell) -> Command {
    command.mut_args(|arg| hinted_argument(arg, shell)).mut_subcommands(|command| hinted(command, shell))
}

fn hinted_argument(arg: Arg, shell: Shell) -> Arg {
    if !arg.get_action().takes_values() {
        return arg;
    }
    let value = arg.get_value_names().unwrap_or_default().join(" ");
    let may_be = |word: &str| value.split([' ', '|']).any(|name| name == word);
    // Where no word fits, bash goes on to names of files; the other shells don't.
    if may_be("PRESET") && (shell == Shell::Bash || !may_be("SPEC.toml")) {
        return arg.value_parser(PossibleValuesParser::new(presets().iter().map(|preset| preset.name)));
    }
    arg.value_hint(if may_be("SPEC.toml") {
        ValueHint::AnyPath
    } else if may_be("FILE") {
        ValueHint::FilePath
    } else if may_be("DIR") {
        ValueHint::DirPath
    } else {
        ValueHint::Other
    })
}
