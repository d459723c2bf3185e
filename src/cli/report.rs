//! `symbreak report`: a page to read.

use std::path::PathBuf;

use clap::Args;

use super::{DONE, Failure, print};
use crate::output::append::write_whole;
use crate::report;

/// The page's name, in the result directory.
pub const FILE: &str = "report.html";

/// Arguments of `symbreak report`.
#[derive(Debug, Args)]
#[command(after_help = "\
Writes one HTML file that needs nothing but a browser: the conclusion in words, the pictures of symbreak plot, a table of the \
cells and their runs, what was run on what, what was verified, and how to cite and to repeat it. Reads the files of the \
directory; those that are not there make a shorter page.

Examples:
  symbreak run xor-scale && symbreak report results/xor-scale
  symbreak report results/mine --title 'Scale and depth' --out mine.html")]
pub struct ReportArgs {
    /// The result directory of a sweep
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// Where the page goes [default: DIR/report.html]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Title of the page [default: the name of the sweep]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
}

/// Writes the page and prints where it is.
pub fn run(args: &ReportArgs) -> Result<u8, Failure> {
    let page = report::page(&args.directory, args.title.as_deref())?;
    let path = args.out.clone().unwrap_or_else(|| args.directory.join(FILE));
    // A bare file name has no directory to be made durable in.
    write_whole(&std::path::absolute(&path).unwrap_or_else(|_| path.clone()), page.as_bytes())?;
    print(&format!("{}\n", path.display()))?;
    Ok(DONE)
}
