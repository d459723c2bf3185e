//! `symbreak bench`: how fast the engines train on this machine.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use comfy_table::{CellAlignment, Table, presets};

use super::interrupt::Interrupt;
use super::{DONE, FAILED, Failure, VERIFICATION_FAILED, note, print, print_json};
use crate::bench::crossover::crossovers;
use crate::bench::{Contender, Options, Purpose, Row, WORKLOADS, Workload, rows, timing};
use crate::engine::select::{self, Backend};
use crate::engine::{EngineError, Watch};

/// Arguments of `symbreak bench`.
#[derive(Debug, Args)]
#[command(after_help = "\
A net-step is one optimizer update of one network on its whole task, all measures on. Each engine is first checked \
against the reference; a wrong one is not timed. The figures are medians over repetitions in alternation, after a \
warm-up. `of peak` is the share of the f32 multiply-adds a second that the same threads or adapter were seen to do in \
the same run, an operation of the formulas counting as one.

Examples:
  symbreak bench                                  everything, some minutes
  symbreak bench --quick --shape 2-2-1,2-32-1     less of it
  symbreak bench --backend cpu,gpu --networks 1,64,4096 --steps 1000
  symbreak bench --export-markdown speed.md

Exit status: 0 done; 1 no such engine, or it failed; 2 bad arguments; 3 an engine is wrong; 130 or 143 \
interrupted.")]
pub struct BenchArgs {
    /// Networks to time, comma-separated [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = shape_parser())]
    shape: Vec<String>,

    /// Engines to time, comma-separated [default: all, with every adapter]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = backend_parser())]
    backend: Vec<String>,

    /// Of the adapters only those whose name contains TEXT
    #[arg(long, value_name = "TEXT")]
    adapter: Option<String>,

    /// Worker threads of the cpu engines, which are timed on one thread as well [default: one per core]
    #[arg(long, value_name = "N", value_parser = super::args::threads, allow_negative_numbers = true)]
    threads: Option<usize>,

    /// Networks of a batch, comma-separated [default: what takes some tenths of a second]
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_negative_numbers = true,
        value_parser = clap::value_parser!(u64).range(1..=MOST_NETWORKS))]
    networks: Vec<u64>,

    /// Steps of a run, comma-separated [default: 1000]
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_negative_numbers = true,
        value_parser = clap::value_parser!(u32).range(1..i64::from(u32::MAX)))]
    steps: Vec<u32>,

    /// How often each batch is timed [default: 7, with --quick 3]
    #[arg(long, value_name = "N", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    repetitions: Option<u32>,

    /// Smaller batches and fewer repetitions: a rougher answer in a fraction of the time
    #[arg(long)]
    quick: bool,

    /// Write the table as Markdown to FILE as well
    #[arg(long, value_name = "FILE")]
    export_markdown: Option<PathBuf>,

    /// Print one JSON document in place of the table
    #[arg(long)]
    json: bool,
}

/// A batch is held in memory with its results.
const MOST_NETWORKS: u64 = 1 << 24;

fn shape_parser() -> PossibleValuesParser {
    PossibleValuesParser::new(WORKLOADS.iter().map(|workload| workload.shape))
}

fn backend_parser() -> PossibleValuesParser {
    // The mock is for the program's own tests.
    let backends = [Backend::Reference, Backend::Cpu, Backend::Gpu, Backend::Mock];
    PossibleValuesParser::new(
        backends.map(|backend| PossibleValue::new(backend.word()).hide(backend == Backend::Mock)),
    )
}

/// Checks, times, prints.
pub fn run(args: &BenchArgs) -> Result<u8, Failure> {
    let interrupt = Interrupt::watch();
    if let Some(path) = &args.export_markdown {
        // A place that cannot be written to is found out before the minutes are spent; what is there stays till then.
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|error| cannot_write(path, &error))?;
    }
    let watch = Watch { interrupted: interrupt.flag(), finished: &|_| () };
    let options = Options {
        networks: &args.networks,
        steps: &args.steps,
        repetitions: args.repetitions.unwrap_or(if args.quick { 3 } else { 7 }) as usize,
        seconds: if args.quick { 0.1 } else { 0.3 },
        threads: args.threads,
        watch: &watch,
    };
    let wanted: Vec<&Workload> = (WORKLOADS.iter())
        .filter(|workload| args.shape.is_empty() || args.shape.iter().any(|shape| shape == workload.shape))
        .collect();
    let mut contenders = contenders(args)?;
    let (mut timings, mut wrong) = (Vec::new(), Vec::new());
    for workload in wanted {
        note(&format!("checking and timing {} ({})", workload.shape, workload.task));
        let timed = match timing::time(workload, &mut contenders, &options) {
            Err(error @ EngineError::Interrupted) => {
                return Err(Failure::new(interrupt.status(), error.to_string()));
            }
            timed => timed?,
        };
        timed.unsupported.iter().for_each(|what| note(&format!("note: not timed: {what}")));
        timed.wrong.iter().for_each(|what| note(&format!("WRONG, not timed: {what}")));
        timings.extend(timed.timings);
        wrong.extend(timed.wrong);
    }
    let rows = rows(&timings, &contenders);
    if args.json {
        print_json(&rows)?;
    } else {
        print(&report(&rows, presets::NOTHING, "", 100))?;
    }
    if let Some(path) = &args.export_markdown {
        let text = report(&rows, presets::ASCII_MARKDOWN, "- ", u16::MAX);
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(path)
            .map_err(|error| cannot_write(path, &error))?;
        file.write_all(text.as_bytes()).map_err(|error| cannot_write(path, &error))?;
        note(&format!("written to {}", path.display()));
    }
    match wrong.first() {
        None => Ok(DONE),
        Some(first) => {
            let more =
                if wrong.len() > 1 { format!(", and {} more", wrong.len() - 1) } else { String::new() };
            Err(Failure::new(VERIFICATION_FAILED, format!("an engine is wrong: {first}{more}")))
        }
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(FAILED, format!("cannot write {}: {error}; --export-markdown names it", path.display()))
}

/// The engines that were asked for: the processor's on all threads and, for cpu, on one; each adapter once.
fn contenders(args: &BenchArgs) -> Result<Vec<Contender>, Failure> {
    let asked = |backend: Backend| args.backend.iter().any(|word| word == backend.word());
    let wanted = |backend: Backend| args.backend.is_empty() || asked(backend);
    let mut engines = Vec::new();
    if wanted(Backend::Reference) {
        engines.push(select::open(Backend::Reference, None, args.threads)?);
    }
    if wanted(Backend::Cpu) {
        let all = select::open(Backend::Cpu, None, args.threads)?;
        if all.description().threads > 1 {
            engines.push(select::open(Backend::Cpu, None, Some(1))?);
        }
        engines.push(all);
    }
    if asked(Backend::Mock) {
        engines.push(select::open(Backend::Mock, None, None)?);
    }
    if wanted(Backend::Gpu) {
        match select::open_adapters(args.adapter.as_deref(), false) {
            // Its absence is a failure only where it was asked for.
            Err(EngineError::NoDevice(why)) if args.backend.is_empty() && args.adapter.is_none() => {
                note(&format!("no adapter to time: {why}"));
            }
            opened => engines.extend(opened?),
        }
    } else if args.adapter.is_some() {
        note("warning: --adapter is not used without --backend gpu");
    }
    Ok(engines.into_iter().map(Contender::new).collect())
}

/// What was timed on what, the table, and what follows from it; `item` stands before the lines around the table.
fn report(rows: &[Row], style: comfy_table::TableStyle, item: &str, width: u16) -> String {
    let commit = option_env!("SYMBREAK_GIT_HASH").map_or_else(String::new, |hash| format!(", commit {hash}"));
    let mut text = format!("symbreak {}{commit}\n", env!("CARGO_PKG_VERSION"));
    let mut engines: Vec<&Row> = Vec::new();
    for row in rows {
        if !engines.iter().any(|engine| name(engine, rows) == name(row, rows)) {
            engines.push(row);
        }
    }
    // Writing to a String cannot fail.
    for row in &engines {
        let peak = row.peak_operations_per_second.map_or_else(
            || "no peak measured".into(),
            |peak| format!("peak {} f32 multiply-adds/s", figure(peak)),
        );
        let _ = writeln!(text, "{item}{}: {} ({}), {peak}", name(row, rows), row.adapter, row.adapter_type);
    }
    let mut table = Table::new();
    table.load_style(style).set_width(width);
    table.set_header([
        "shape",
        "engine",
        "networks",
        "steps",
        "net-steps/s",
        "range",
        "of peak",
        "compile s",
    ]);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for row in rows.iter().filter(|row| row.purpose == Purpose::Rate) {
        let rate = |seconds: f64| figure(row.net_steps_per_second * row.seconds / seconds);
        table.add_row([
            row.shape.clone(),
            name(row, rows),
            row.networks.to_string(),
            row.steps.to_string(),
            figure(row.net_steps_per_second),
            format!("{}–{}", rate(row.seconds_high), rate(row.seconds_low)),
            row.fraction_of_peak.map_or_else(|| "-".into(), |share| format!("{:.2} %", 100.0 * share)),
            row.compile_seconds.map_or_else(|| "-".into(), |seconds| format!("{seconds:.2}")),
        ]);
    }
    text.push('\n');
    table.lines().for_each(|line| {
        let _ = writeln!(text, "{}", line.trim_end());
    });
    text.push('\n');
    let mut shapes: Vec<&Row> = Vec::new();
    for row in rows {
        if !shapes.iter().any(|shape| shape.shape == row.shape) {
            let _ = writeln!(
                text,
                "{item}{} ({}): {} operations a net-step",
                row.shape, row.task, row.operations_per_net_step
            );
            shapes.push(row);
        }
    }
    for crossover in crossovers(rows) {
        let _ = writeln!(text, "{item}{crossover}");
    }
    text
}

/// How the table calls an engine: its threads, or which of several adapters it is.
fn name(row: &Row, rows: &[Row]) -> String {
    if row.backend != "gpu" {
        return format!("{} ×{}", row.backend, row.threads);
    }
    let mut adapters: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|row| row.backend == "gpu") {
        if !adapters.contains(&row.adapter.as_str()) {
            adapters.push(&row.adapter);
        }
    }
    match adapters.iter().position(|adapter| *adapter == row.adapter) {
        Some(number) if adapters.len() > 1 => format!("gpu {}", number + 1),
        _ => "gpu".into(),
    }
}

/// Three digits are as many as a timing has.
fn figure(value: f64) -> String {
    format!("{value:.2e}")
}
