//! `symbreak claims`: what is said of zero weights, tested by runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use super::args::EngineArgs;
use super::interrupt::Interrupt;
use super::{BAD_ARGUMENTS, DONE, FAILED, Failure, note, print, print_json, progress};
use crate::claims::conclusion::conclusion;
use crate::claims::observed::{Observed, options};
use crate::claims::{CLAIMS, Claim, Experiment, Finding, judge};
use crate::engine::{Description, EngineError, Watch};
use crate::output::Manifest;
use crate::output::append::write_whole;
use crate::output::directory::{Decision, Permission, decide};
use crate::spec::{Overrides, Plan};
use crate::sweep;

/// Width of the report.
const COLUMNS: usize = 100;

/// Arguments of `symbreak claims`.
#[derive(Debug, Args)]
#[command(after_help = "\
A claim holds if all its statements are true, fails if all are false, else depends, and says on what. Every statement is \
decided by the runs of ordinary specs; --show prints them.

Examples:
  symbreak claims                                       all of them
  symbreak claims --only 2,10 --out results/claims      two of them, with the CSVs of their runs
  symbreak claims --show 5                              its statements and specs
  symbreak claims --show claim-first-steps > mine.toml  a spec to start from
  symbreak claims --json | jq '.[] | {claim, verdict, on}'

Exit status: 0 whatever the verdicts are, for they are findings; 1 a run-time failure; 2 bad arguments; 130 interrupted.")]
pub struct ClaimsArgs {
    /// Only these claims, by number, comma-separated [default: all]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = number)]
    only: Vec<u32>,

    /// Print the statements and specs of claim N, or one spec by its name, and run nothing
    #[arg(long, value_name = "N | SPEC")]
    show: Option<String>,

    #[command(flatten)]
    engine: EngineArgs,

    /// Write claims.json and, in a folder each, the result directories of the specs
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Replace the results that DIR holds
    #[arg(long, requires = "out")]
    force: bool,

    /// Print no progress and no notes
    #[arg(long)]
    quiet: bool,

    /// Print one JSON document in place of the report
    #[arg(long)]
    json: bool,
}

fn number(text: &str) -> Result<u32, String> {
    let last = CLAIMS.len() as u32;
    match text.trim().parse() {
        Ok(number) if (1..=last).contains(&number) => Ok(number),
        _ => Err(format!("expected the number of a claim, from 1 to {last}")),
    }
}

/// Tests claims, or shows how they are tested.
pub fn run(args: &ClaimsArgs) -> Result<u8, Failure> {
    if let Some(what) = &args.show {
        print(&shown(what)?)?;
        return Ok(DONE);
    }
    let chosen = |claim: &&&Claim| args.only.is_empty() || args.only.contains(&claim.number);
    let claims: Vec<&Claim> = CLAIMS.iter().filter(chosen).copied().collect();
    let mut plans: BTreeMap<&'static str, Plan> = BTreeMap::new();
    for experiment in claims.iter().flat_map(|claim| claim.experiments()) {
        plans.insert(experiment.name, experiment.plan(&Overrides::default())?);
    }
    let mut engine = args.engine.open()?;
    let on = engine.description();
    // Whatever may fail without training fails before anything is written.
    for plan in plans.values() {
        sweep::placements(plan, engine.as_ref())?;
    }
    if let Some(out) = &args.out {
        for experiment in claims.iter().flat_map(|claim| claim.experiments()) {
            may_write(&out.join(experiment.name), experiment, &plans[experiment.name], &on, args.force)?;
        }
    }
    let interrupt = Interrupt::watch();
    let total: u64 = plans.values().map(Plan::runs).sum();
    if !args.quiet {
        note(&format!("running on {} ({}) through {}", on.adapter, on.adapter_type, on.backend));
    }
    let bar = progress::bar(total, 0, args.quiet);
    let watch = Watch { interrupted: interrupt.flag(), finished: &|runs| bar.inc(runs as u64) };
    let started = Instant::now();
    let mut observed: BTreeMap<&'static str, Observed> = BTreeMap::new();
    let mut findings = Vec::new();
    for claim in claims {
        for experiment in claim.experiments() {
            // Claims may share it.
            let Some(plan) = plans.remove(experiment.name) else { continue };
            let runs = match Observed::train(plan, experiment.traced, engine.as_mut(), &watch) {
                Err(EngineError::Interrupted) => {
                    bar.finish_and_clear();
                    note(&format!("interrupted while claim {} was tested", claim.number));
                    return Ok(interrupt.status());
                }
                trained => trained?,
            };
            if let Some(out) = &args.out {
                runs.write(&out.join(experiment.name), &on)?;
            }
            observed.insert(experiment.name, runs);
        }
        let finding = judge(claim, &observed);
        if !args.json {
            bar.suspend(|| print(&report(&finding)))?;
        }
        findings.push(finding);
    }
    bar.finish_and_clear();
    if let Some(out) = &args.out {
        write_findings(out, &findings)?;
    }
    if args.json {
        print_json(&findings)?;
    } else {
        print(&closing(&findings, &on, total, started.elapsed().as_secs_f64()))?;
        if let Some(out) = &args.out {
            print(&format!("results in {}\n", out.display()))?;
        }
    }
    Ok(DONE)
}

/// Whether a spec's results may go to its directory.
fn may_write(
    directory: &Path,
    experiment: &Experiment,
    plan: &Plan,
    on: &Description,
    force: bool,
) -> Result<(), Failure> {
    let permission = if force { Permission::Force } else { Permission::None };
    let wanted = Manifest::new(plan, on.clone(), options(plan, experiment.traced), &[]);
    match decide(directory, plan, &wanted, permission)? {
        Decision::Start => Ok(()),
        Decision::Show(_) | Decision::Resume(_) => {
            let place = directory.display();
            let message = format!(
                "{place} holds a finished sweep; use --force to replace it, or --out DIR for another place"
            );
            Err(Failure::new(BAD_ARGUMENTS, message))
        }
    }
}

fn write_findings(directory: &Path, findings: &[Finding]) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(findings)
        .map_err(|error| Failure::new(FAILED, format!("cannot write JSON: {error}")))?;
    Ok(write_whole(&directory.join("claims.json"), (text + "\n").as_bytes())?)
}

/// A claim with its statements and specs, or one spec alone.
fn shown(what: &str) -> Result<String, Failure> {
    let find = |claim: &&&Claim| number(what) == Ok(claim.number);
    if let Some(claim) = CLAIMS.iter().find(find) {
        let mut text = wrapped("# ", "# ", &format!("Claim {}. {}", claim.number, claim.text));
        for experiment in claim.experiments() {
            text += "#\n";
            for statement in claim.statements {
                if statement.specs.iter().any(|spec| spec.name == experiment.name) {
                    text += &wrapped("# - ", "#   ", statement.text);
                }
            }
            text += &spec_text(experiment);
        }
        return Ok(text);
    }
    let all = || CLAIMS.iter().flat_map(|claim| claim.experiments());
    match all().find(|experiment| experiment.name == what) {
        Some(experiment) => Ok(spec_text(experiment)),
        None => {
            let near = all().map(|spec| spec.name).min_by_key(|name| strsim::damerau_levenshtein(name, what));
            let near = near.map(|name| format!(", such as {name}")).unwrap_or_default();
            let message = format!(
                "--show {what}: expected the number of a claim, from 1 to {}, or the name of one of its specs{near}",
                CLAIMS.len()
            );
            Err(Failure::new(BAD_ARGUMENTS, message))
        }
    }
}

/// A spec as a file.
fn spec_text(experiment: &Experiment) -> String {
    let name = experiment.name;
    let trace = if experiment.traced { " --trace 1000" } else { "" };
    format!(
        "# symbreak claims --show {name} > {name}.toml\n# symbreak run {name}.toml --save-params{trace}\n{}\n",
        experiment.text.trim_start()
    )
}

/// A finding in words.
fn report(finding: &Finding) -> String {
    let verdict = finding.verdict.to_string().to_uppercase();
    let mut text = wrapped(&format!("{:2}  {verdict:7}  ", finding.claim), &" ".repeat(13), &finding.text);
    for statement in &finding.statements {
        let head = if statement.holds { "    true   " } else { "    false  " };
        text += &wrapped(head, &" ".repeat(11), &statement.text);
        text += &wrapped(&" ".repeat(13), &" ".repeat(13), &statement.evidence);
    }
    if let Some(on) = &finding.on {
        text += &wrapped("    depends on ", &" ".repeat(11), on);
    }
    let runs = if finding.runs == 1 { "run" } else { "runs" };
    text + &format!("    {} {runs}\n\n", finding.runs)
}

/// The end of the report: what the verdicts come to, and who did the work.
fn closing(findings: &[Finding], on: &Description, runs: u64, seconds: f64) -> String {
    let mut text = String::new();
    for paragraph in conclusion(findings) {
        text += &wrapped("", "", &paragraph);
    }
    let verdicts: Vec<String> = ["holds", "fails", "depends"]
        .iter()
        .map(|verdict| {
            let of = findings.iter().filter(|finding| finding.verdict.to_string() == *verdict);
            let numbers: Vec<String> = of.map(|finding| finding.claim.to_string()).collect();
            format!("{verdict}: {}", if numbers.is_empty() { "none".into() } else { numbers.join(", ") })
        })
        .collect();
    if !text.is_empty() {
        text.push('\n');
    }
    text += &wrapped("", "", &verdicts.join("; "));
    text + &format!(
        "{runs} runs on {} ({}) through {}, {seconds:.1} s\n",
        on.adapter, on.adapter_type, on.backend
    )
}

/// Text in lines of at most [`COLUMNS`] characters, the first after `head`, the others after `indent`.
fn wrapped(head: &str, indent: &str, text: &str) -> String {
    let mut lines = String::new();
    let mut line = head.to_string();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            lines += &line;
            lines.push('\n');
            line = indent.to_string();
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line += word;
        empty = false;
    }
    lines + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_the_last_column() {
        let text = wrapped("ab ", "  ", &"word ".repeat(50));
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS));
        assert_eq!(text.split_whitespace().count(), 51);
        assert!(text.lines().skip(1).all(|line| line.starts_with("  word")));
    }

    #[test]
    fn every_claim_and_every_spec_is_shown_and_read_back() {
        for claim in CLAIMS {
            assert!(shown(&claim.number.to_string()).unwrap().starts_with("# Claim"));
            for experiment in claim.experiments() {
                let text = shown(experiment.name).unwrap();
                let (read, _) = crate::spec::parse(&text, experiment.name, &Overrides::default()).unwrap();
                let wanted = experiment.plan(&Overrides::default()).unwrap();
                assert_eq!((&read.resolved, &read.programs), (&wanted.resolved, &wanted.programs));
            }
        }
        let unknown = shown("claim-first-step").unwrap_err();
        assert!(unknown.message.contains("such as claim-first-steps"), "{unknown}");
    }
}
