//! `symbreak report`: pages to look at.

use std::path::{Path, PathBuf};

use clap::Args;

use super::args::whole;
use super::{DONE, Failure, print, warn_of_changes};
use crate::output::page;
use crate::report::sweep;

/// The page on a sweep, in its directory.
pub const FILE: &str = "report.html";

/// Arguments of `symbreak report`.
#[derive(Debug, Args)]
#[command(after_help = "\
Of a result directory: the conclusion in words, the pictures of symbreak plot, a table of the cells and their runs, what was run on \
what, what was verified, and how to cite and to repeat it. Made from the files of the directory; those that are not there make \
a shorter page.

Examples:
  symbreak report results/xor-scale                  of a finished sweep
  symbreak report --live                             trains in the browser
  symbreak report --live mine.toml --out page.html   a spec of your own
  symbreak report --live xor-scale --set train.lr=1  other settings

The live page is one HTML file that needs no network. It is for networks of up to 64 parameters and sweeps init.scale and \
net.activation alone; other keys of a spec are fixed with --set. It holds the shaders of the gpu engine for every activation; a browser \
with WebGPU trains with them, any other shows results recorded by the cpu engine as the page was made.")]
pub struct ReportArgs {
    /// The result directory of a sweep; with --live a preset or a TOML file [default: xor-scale]
    #[arg(value_name = "DIR | PRESET | SPEC.toml", required_unless_present = "live")]
    source: Option<String>,

    /// Make a page that trains networks in the browser, by WebGPU
    #[arg(long)]
    live: bool,

    /// Of the live page: fix a key of the spec, even one that it sweeps (may be repeated)
    #[arg(long, value_name = "KEY=VALUE", requires = "live")]
    set: Vec<String>,

    /// Of the live page: recorded runs per scale and activation, in all at most a million [default: 100]
    #[arg(long, value_name = "N", requires = "live", value_parser = whole, allow_negative_numbers = true)]
    seeds: Option<u64>,

    /// Of the live page: master seed, which all random numbers are drawn from
    #[arg(long, value_name = "S", requires = "live", value_parser = whole, allow_negative_numbers = true)]
    seed: Option<u64>,

    /// Of the page on a sweep: its title [default: the name of the sweep]
    #[arg(long, value_name = "TEXT", conflicts_with = "live")]
    title: Option<String>,

    /// File to write [default: DIR/report.html; of the live page results/NAME-live.html, with the name of the spec]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Makes the page.
pub fn run(args: &ReportArgs) -> Result<u8, Failure> {
    if args.live { live(args) } else { of_sweep(args) }
}

fn of_sweep(args: &ReportArgs) -> Result<u8, Failure> {
    // The parser has seen to it that there is one.
    let directory = Path::new(args.source.as_deref().unwrap_or_default());
    let text = sweep::page(directory, args.title.as_deref())?;
    let out = args.out.clone().unwrap_or_else(|| directory.join(FILE));
    page::write(&out, text.as_bytes())?;
    warn_of_changes(directory, &crate::plot::FILES);
    print(&format!("{}\n", out.display()))?;
    Ok(DONE)
}

#[cfg(feature = "gpu")]
fn live(args: &ReportArgs) -> Result<u8, Failure> {
    use super::interrupt::Interrupt;
    use super::{note, progress};
    use crate::engine::Watch;
    use crate::engine::select::{self, Backend};
    use crate::report::live;
    use crate::spec::Overrides;

    let overrides = Overrides {
        set: args.set.clone(),
        sweep: Vec::new(),
        seeds: Some(args.seeds.unwrap_or(100)),
        seed: args.seed,
    };
    let (plan, warnings) = live::plan(args.source.as_deref().unwrap_or("xor-scale"), &overrides)?;
    warnings.iter().for_each(|warning| note(&format!("warning: {warning}")));
    let mut engine = select::open(Backend::Cpu, None, None)?;
    let interrupt = Interrupt::watch();
    let bar = progress::bar(plan.runs(), 0, false);
    let watch = Watch { interrupted: interrupt.flag(), finished: &|runs| bar.inc(runs as u64) };
    let text = live::page(&plan, engine.as_mut(), &watch);
    bar.finish_and_clear();
    let out =
        args.out.clone().unwrap_or_else(|| Path::new("results").join(format!("{}-live.html", plan.name)));
    page::write(&out, text?.as_bytes())?;
    print(&format!("{}\n", out.display()))?;
    note("open it in a browser; one with WebGPU trains, any other shows recorded results");
    Ok(DONE)
}

#[cfg(not(feature = "gpu"))]
fn live(_: &ReportArgs) -> Result<u8, Failure> {
    let message = "this program was built without the gpu feature, whose shaders the live page is made of; \
                   build it with the default features";
    Err(Failure::new(super::BAD_ARGUMENTS, message))
}
