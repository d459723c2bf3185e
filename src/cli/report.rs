//! `symbreak report`: pages to look at.

use std::path::PathBuf;

use clap::Args;

use super::args::whole;
use super::{BAD_ARGUMENTS, Failure};

/// Arguments of `symbreak report`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symbreak report --live                                 a page on xor-scale that trains in the browser
  symbreak report --live mine.toml --out page.html       on a spec of your own
  symbreak report --live xor-scale --set train.lr=1      with other settings
The live page is one HTML file that needs no network. It holds the shaders of the gpu engine for every activation; a browser \
with WebGPU trains with them, any other shows results recorded by the cpu engine as the page was made.")]
pub struct ReportArgs {
    /// With --live a preset or a TOML file [default: xor-scale]
    #[arg(value_name = "PRESET | SPEC.toml")]
    source: Option<String>,

    /// Make a page that trains networks in the browser, by WebGPU
    #[arg(long)]
    live: bool,

    /// Of the live page: fix a key of the spec, even one that it sweeps (may be repeated)
    #[arg(long, value_name = "KEY=VALUE", requires = "live")]
    set: Vec<String>,

    /// Of the live page: recorded runs per scale and activation [default: 100]
    #[arg(long, value_name = "N", requires = "live", value_parser = whole, allow_negative_numbers = true)]
    seeds: Option<u64>,

    /// Of the live page: master seed, which all random numbers are drawn from
    #[arg(long, value_name = "S", requires = "live", value_parser = whole, allow_negative_numbers = true)]
    seed: Option<u64>,

    /// File to write [default: results/NAME-live.html, with the name of the spec]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Makes the page.
pub fn run(args: &ReportArgs) -> Result<u8, Failure> {
    if !args.live {
        return Err(Failure::new(BAD_ARGUMENTS, "symbreak report is supported with --live only"));
    }
    live(args)
}

#[cfg(feature = "gpu")]
fn live(args: &ReportArgs) -> Result<u8, Failure> {
    use std::path::Path;

    use super::interrupt::Interrupt;
    use super::{DONE, note, print, progress};
    use crate::engine::Watch;
    use crate::engine::select::{self, Backend};
    use crate::output::page;
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
    page::write(&out, &text?)?;
    print(&format!("{}\n", out.display()))?;
    note("open it in a browser; one with WebGPU trains, any other shows recorded results");
    Ok(DONE)
}

#[cfg(not(feature = "gpu"))]
fn live(_: &ReportArgs) -> Result<u8, Failure> {
    let message = "this program was built without the gpu feature, whose shaders the live page is made of; \
                   build it with the default features";
    Err(Failure::new(BAD_ARGUMENTS, message))
}
