//! `symbreak completions`: what a shell needs to complete subcommands, flags and their values.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{Cli, DONE, Failure, print_bytes};

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
    generate(args.shell, &mut Cli::command(), "symbreak", &mut script);
    print_bytes(&script)?;
    Ok(DONE)
}
