//! `symbreak man`: manual pages, made of the same words as `--help`.

use std::fs;
use std::path::PathBuf;

use clap::builder::Resettable;
use clap::{Args, Command, CommandFactory, ValueHint};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::output::page::write;

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
        write(&path, &page(command)?)?;
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
    let words = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let words = AfterHelp::read(&words);
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string);
    let description: Vec<&str> = about.iter().chain(&words.description).map(String::as_str).collect();
    let described = command.clone().long_about(description.join("\n\n")).after_help(Resettable::Reset);
    let mut page = Vec::new();
    let rendered = man(&described).render(&mut page).and_then(|()| words.sections().to_writer(&mut page));
    rendered.map_err(|error| Failure::new(FAILED, format!("cannot make the page: {error}")))?;
    Ok(page)
}

/// What `--help` says after the flags, by the sections of a manual page.
#[derive(Default)]
struct AfterHelp {
    /// Paragraphs, a line each.
    description: Vec<String>,
    exit_status: Option<String>,
    /// Paragraphs as they stand: lines of examples are indented.
    examples: Vec<String>,
}

impl AfterHelp {
    fn read(text: &str) -> AfterHelp {
        let mut words = AfterHelp::default();
        let paragraphs: Vec<&str> = text.split("\n\n").filter(|text| !text.is_empty()).collect();
        for (i, paragraph) in paragraphs.iter().enumerate() {
            let filled = || paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
            // What stands indented after the first examples is another one, and the words before it introduce it.
            let is_example = paragraph.starts_with("  ")
                || paragraphs.get(i + 1).is_some_and(|following| following.starts_with("  "));
            if let Some(lines) = paragraph.strip_prefix("Examples:\n") {
                words.examples.push(lines.to_string());
            } else if paragraph.starts_with("Exit status: ") {
                words.exit_status = filled().strip_prefix("Exit status: ").map(str::to_string);
            } else if is_example && !words.examples.is_empty() {
                words.examples.push((*paragraph).to_string());
            } else {
                words.description.push(filled());
            }
        }
        words
    }

    fn sections(&self) -> Roff {
        let mut roff = Roff::new();
        if let Some(status) = &self.exit_status {
            roff.control("SH", ["EXIT STATUS"]).text([roman(status)]);
        }
        for (i, paragraph) in self.examples.iter().enumerate() {
            if i == 0 {
                roff.control("SH", ["EXAMPLES"]);
            } else {
                roff.control("PP", []);
            }
            let is_filled = !paragraph.starts_with("  ");
            if !is_filled {
                roff.control("nf", []);
            }
            for line in paragraph.lines() {
                // Sections are indented themselves.
                roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
            }
            if !is_filled {
                roff.control("fi", []);
            }
        }
        roff
    }
}
