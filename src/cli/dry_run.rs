//! `symbreak run --dry-run`: what a sweep would take. Writes nothing.

use std::fmt::Write;

use serde::Serialize;

use super::{Failure, print, print_json};
use crate::engine::{Description, Engine, measured_steps};
use crate::output::Options;
use crate::spec::{Plan, Shard};
use crate::sweep::estimate::{Estimate, PATIENCE, estimate};
use crate::sweep::{limits, placements, windows};

/// The document of `run --dry-run --json`.
#[derive(Debug, Serialize)]
struct Report<'a> {
    dry_run: bool,
    name: &'a str,
    plan_hash: String,
    #[serde(flatten)]
    engine: Description,
    shard: Option<Shard>,
    /// Of the shard, or of the whole sweep.
    runs: u64,
    cell_count: u64,
    seeds: u64,
    swept: &'a [String],
    windows: u64,
    batches: u64,
    programs: Vec<Program>,
    seconds: f64,
    /// Whether it is more: a trial was given up.
    at_least: bool,
    spec: &'a serde_json::Value,
}

#[derive(Debug, Serialize)]
struct Program {
    #[serde(flatten)]
    estimate: Estimate,
    measured_steps: Vec<u32>,
    batches: u64,
}

/// Tries out each program for a moment and prints what the sweep, or a shard of it, would take.
pub fn run(
    plan: &Plan,
    shard: Option<Shard>,
    engine: &mut dyn Engine,
    options: &Options,
    json: bool,
) -> Result<(), Failure> {
    let numbers = shard.map_or(0..plan.runs(), |shard| shard.of_runs(plan.runs()));
    let estimates = estimate(plan, numbers.clone(), engine, options)?;
    let limits = limits(plan, &placements(plan, engine)?, options);
    let programs: Vec<Program> = estimates
        .into_iter()
        .map(|estimate| Program {
            measured_steps: measured_steps(estimate.steps),
            batches: estimate.runs.div_ceil(estimate.runs_per_batch.max(1)),
            estimate,
        })
        .collect();
    let report = Report {
        dry_run: true,
        name: &plan.name,
        plan_hash: plan.hash(),
        engine: engine.description(),
        shard,
        runs: numbers.end - numbers.start,
        cell_count: plan.grid.cells(),
        seeds: plan.seeds,
        swept: plan.grid.swept(),
        windows: windows(plan, numbers, &limits),
        batches: programs.iter().map(|program| program.batches).sum(),
        seconds: programs.iter().map(|program| program.estimate.seconds).sum(),
        at_least: programs.iter().any(|program| program.estimate.at_least),
        programs,
        spec: &plan.resolved,
    };
    if json { print_json(&report) } else { print(&text(&report)) }
}

fn text(report: &Report<'_>) -> String {
    let mut text = String::new();
    let Report { name, cell_count, seeds, runs, batches, .. } = report;
    let what = match report.shard {
        Some(shard) => format!("shard {shard} of {cell_count} cells x {seeds} seeds: {runs} runs"),
        None => format!("{cell_count} cells x {seeds} seeds = {runs} runs"),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{name}: {what}, about {batches} batches");
    if !report.swept.is_empty() {
        let _ = writeln!(text, "swept: {}", report.swept.join(", "));
    }
    for program in &report.programs {
        let of = &program.estimate;
        let _ = writeln!(
            text,
            "\nnet {} {} ({} parameters), {} runs of {} steps",
            of.shape, of.activation, of.parameters, of.runs, of.steps
        );
        let _ = writeln!(text, "  measured at {}", listed(&program.measured_steps));
        let _ = writeln!(text, "  kernel {}: {}", of.kernel, of.reason);
        let _ = writeln!(
            text,
            "  memory {} a run, {} for a batch of {} runs",
            bytes(of.bytes_per_run),
            bytes(of.bytes_per_batch),
            of.runs_per_batch
        );
        let (speed, seconds) = (of.net_steps_per_second, duration(of.seconds));
        let _ = if of.at_least {
            let patience = PATIENCE.as_secs();
            writeln!(
                text,
                "  speed under {speed:.1e} net-steps/s, for a trial took over {patience} s: more than {seconds}"
            )
        } else {
            writeln!(text, "  speed {speed:.1e} net-steps/s tried out: {seconds}")
        };
    }
    let more = if report.at_least { "more than " } else { "" };
    let _ = writeln!(text, "\n{more}{} in all; nothing was written", duration(report.seconds));
    text
}

/// `0, 1, 2, 3, 4, 5, …, 9000, 10000 (91 steps)`
fn listed(steps: &[u32]) -> String {
    let words: Vec<String> = steps.iter().map(u32::to_string).collect();
    match words.as_slice() {
        [first @ .., before_last, last] if words.len() > 10 => {
            format!("{}, …, {before_last}, {last} ({} steps)", first[..6].join(", "), words.len())
        }
        few => few.join(", "),
    }
}

/// `512 B`, `1.5 MiB`
fn bytes(count: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut scaled = count as f64;
    let mut unit = "B";
    for larger in units {
        if scaled < 1024.0 {
            break;
        }
        scaled /= 1024.0;
        unit = larger;
    }
    if unit == "B" { format!("{count} B") } else { format!("{scaled:.1} {unit}") }
}

/// `about 0.3 s`, `about 12 min`, `about 4.5 h`
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.1 => "under 0.1 s".into(),
        s if s < 100.0 => format!("about {s:.1} s"),
        s if s < 6000.0 => format!("about {:.0} min", s / 60.0),
        s => format!("about {:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, duration, listed};

    #[test]
    fn amounts_are_short() {
        assert_eq!(listed(&[0, 1, 2]), "0, 1, 2");
        assert_eq!(listed(&(0..12).collect::<Vec<_>>()), "0, 1, 2, 3, 4, 5, …, 10, 11 (12 steps)");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(3 << 30), "3.0 GiB");
        assert_eq!(duration(0.01), "under 0.1 s");
        assert_eq!(duration(12.34), "about 12.3 s");
        assert_eq!(duration(600.0), "about 10 min");
        assert_eq!(duration(9000.0), "about 2.5 h");
    }
}
