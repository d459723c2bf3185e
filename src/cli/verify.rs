//! `symbreak verify`: the ladder, on every engine and adapter present.

use std::sync::atomic::Ordering;

use clap::Args;

use super::interrupt::Interrupt;
use super::{DONE, FAILED, Failure, VERIFICATION_FAILED, note, print, print_json};
use crate::engine::select::{self, Backend};
use crate::engine::{Engine, EngineError};
use crate::verify::{Options, RUNGS, Rung, climb};

/// Arguments of `symbreak verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Every rung compares an engine with the f64 reference (which is compared with central differences and closed \
forms) and states its bound. Beside it runs the same comparison with one side perturbed, which must fail: a check \
that cannot fail proves nothing. `control caught` says that it did.

Examples:
  symbreak verify                                 every engine and adapter
  symbreak verify --quick                         fewer and shorter runs
  symbreak verify --backend gpu --adapter radeon  one of them
  symbreak verify --default-limits                as in a browser

Exit status: 0 all passed; 3 a rung or its control did not; 1 no such engine.")]
pub struct VerifyArgs {
    /// Engines to verify, comma-separated [default: all, with every adapter]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = ["gpu", "cpu", "reference"])]
    backend: Vec<String>,

    /// Of the adapters only those whose name contains TEXT
    #[arg(long, value_name = "TEXT")]
    adapter: Option<String>,

    /// Ask adapters for no more than WebGPU's default limits, as a browser does
    #[arg(long)]
    default_limits: bool,

    /// Fewer combinations, runs and steps: seconds in place of minutes
    #[arg(long)]
    quick: bool,

    /// Worker threads on the host [default: one per core]
    #[arg(long, value_name = "N", value_parser = super::args::threads, allow_negative_numbers = true)]
    threads: Option<usize>,

    /// Print one JSON document in place of the table
    #[arg(long)]
    json: bool,
}

/// Climbs the ladder.
pub fn run(args: &VerifyArgs) -> Result<u8, Failure> {
    let threads = args.threads;
    let interrupt = Interrupt::watch();
    let options = Options { quick: args.quick, threads, interrupted: interrupt.flag() };
    let mut found: Vec<Rung> = Vec::new();
    for mut engine in engines(args, threads)? {
        let on = engine.description();
        if !args.json {
            let driver = if on.driver.is_empty() { String::new() } else { format!(", {}", on.driver) };
            print(&format!("\n{}: {} ({}{driver})\n", on.backend, on.adapter, on.adapter_type))?;
        }
        for &(name, check) in RUNGS {
            let rung = climb(engine.as_mut(), name, check, options);
            if interrupt.flag().load(Ordering::Relaxed) {
                note("interrupted");
                return Ok(interrupt.status());
            }
            if !args.json {
                print(&line(&rung))?;
            }
            found.push(rung);
        }
    }
    if args.json {
        print_json(&found)?;
    }
    let failed: Vec<String> = found
        .iter()
        .filter(|rung| !rung.passed || !rung.control_failed)
        .map(|rung| format!("{} on {}", rung.rung, rung.engine))
        .collect();
    if failed.is_empty() {
        if !args.json {
            print(&format!(
                "\nall {} rungs passed, and all their negative controls were caught\n",
                found.len()
            ))?;
        }
        return Ok(DONE);
    }
    Err(Failure::new(VERIFICATION_FAILED, format!("verification failed: {}", failed.join(", "))))
}

/// The engines that were asked for, each adapter once.
fn engines(args: &VerifyArgs, threads: Option<usize>) -> Result<Vec<Box<dyn Engine>>, Failure> {
    let wanted =
        |backend: Backend| args.backend.is_empty() || args.backend.iter().any(|b| b == backend.word());
    let mut engines = Vec::new();
    for backend in [Backend::Reference, Backend::Cpu] {
        if wanted(backend) && args.adapter.is_none() {
            engines.push(select::open(backend, None, threads)?);
        }
    }
    if wanted(Backend::Gpu) {
        let opened = select::open_adapters(args.adapter.as_deref(), args.default_limits);
        match opened {
            // Its absence is a failure only where it was asked for.
            Err(EngineError::NoDevice(why)) if args.backend.is_empty() && args.adapter.is_none() => {
                note(&format!("no adapter to verify: {why}"));
            }
            opened => engines.extend(opened?),
        }
    }
    if engines.is_empty() {
        return Err(Failure::new(FAILED, "nothing to verify: --adapter names adapters, --backend has none"));
    }
    Ok(engines)
}

/// One rung as a line: what it found against its bound, and where.
fn line(rung: &Rung) -> String {
    let verdict = if rung.passed { "ok    " } else { "FAILED" };
    let control = if rung.control_failed { "control caught" } else { "CONTROL MISSED" };
    format!(
        "  {verdict} {:13} {control}  worst {:<8} of {:<8} {}\n",
        rung.rung,
        number(rung.worst),
        number(rung.bound),
        rung.where_
    )
}

fn number(value: f64) -> String {
    if value == 0.0 || (0.01..10_000.0).contains(&value.abs()) {
        format!("{}", (value * 1e4).round() / 1e4)
    } else {
        format!("{value:.2e}")
    }
}
