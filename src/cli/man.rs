//! `symbreak man`: manual pages, made of the same words as `--help`.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Command, CommandFactory, ValueHint};
use clap_mangen::Man;

use super::{Cli, DONE, FAILED, Failure, print, print_bytes};

/// Arguments of `symbreak man`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symbreak man | man -l -                           read it
  symbreak man --out ~/.local/share/man/man1        and then: man symbreak-run")]
pub struct ManArgs {
    /// Write symbreak.1 and a page for each subcommand into DIR, and print their
    /// names [default: print symbreak.1 itself]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
}

/// Prints the page of the program, or writes all pages.
pub fn run(args: &ManArgs) -> Result<u8, Failure> {
    let mut command = Cli::command();
    // Gives every subcommand its whole name, as in `symbreak slurm status`.
    command.build();
    let Some(directory) = &args.out else {
        print_bytes(&page(&command)?)?;
        return Ok(DONE);
    };
    let cannot = |path: &PathBuf, error: &dyn std::fmt::Display| {
        Failure::new(FAILED, format!("cannot write {}: {error}", path.display()))
    };
    fs::create_dir_all(directory).map_err(|error| cannot(directory, &error))?;
    let mut names = String::new();
    for command in with_subcommands(&command) {
        let path = directory.join(man(command).get_filename());
        fs::write(&path, page(command)?).map_err(|error| cannot(&path, &error))?;
        names += &format!("{}\n", path.display());
    }
    print(&names)?;
    Ok(DONE)
}

/// The manual page of a command.
fn man(command: &Command) -> Man {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_string();
    Man::new(command.clone()).title(name).source(concat!("symbreak ", env!("CARGO_PKG_VERSION")))
}

/// A command and all below it, but for `help`, which has no page.
fn with_subcommands(command: &Command) -> Vec<&Command> {
    let below = command.get_subcommands().filter(|command| command.get_name() != "help");
    std::iter::once(command).chain(below.flat_map(with_subcommands)).collect()
}

fn page(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    let rendered = man(command).render(&mut page);
    rendered.map_err(|error| Failure::new(FAILED, format!("cannot make the page: {error}")))?;
    Ok(page)
}
