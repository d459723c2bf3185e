//! `symbreak fit`: scaling laws from a result directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::{BAD_ARGUMENTS, DONE, Failure, note, print, print_json};
use crate::engine::measured_steps;
use crate::fit::{self, Fit, NEAR_BASE, Range, Record, Time};
use crate::measure::outcome::MOVING;
use crate::measure::{Outcome, Symmetry};
use crate::output::recorded::{self, Recorded};
use crate::output::{Manifest, Status};
use crate::spec::{self, Plan};

/// Arguments of `symbreak fit`.
#[derive(Debug, Args)]
#[command(after_help = "\
Reads runs.csv or runs.parquet and says how the time to solve and the time to break go with a swept scale: the slope of ln T against ln \
scale with its interval, which of the laws T ~ r^-2, T ~ r^-1 and T = a + b ln(1/r) fits, the median of each scale \
(Kaplan & Meier), and the scale at which half of the runs are solved or broken.

A run that is not solved (or broken) by its last step is censored there: it is known to need longer. The model is ln T = \
law + sigma x logistic noise, by maximum likelihood; a run that broke between two measured steps enters as that interval. \
Where some runs \
clearly never do, however long one waits, their share is part of the model. Intervals of slopes take whole seeds as what varies, since a seed has the same random numbers at every scale.

The laws hold near the base point. By default they are fitted to the scales below the first at which under 99 % of the \
runs start symmetric; --from and --to choose others. Other swept keys make groups with a fit each.

Examples:
  symbreak run xor-scale && symbreak fit results/xor-scale
  symbreak fit results/mine --key init.scale_hidden --to 0.1 --json")]
pub struct FitArgs {
    /// The result directory of a sweep
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// The swept key that times are fitted against
    #[arg(long, value_name = "KEY", default_value = "init.scale")]
    key: String,

    /// Fit laws to scales from this one up
    #[arg(long, value_name = "SCALE", value_parser = scale)]
    from: Option<f64>,

    /// Fit laws to scales up to this one
    #[arg(long, value_name = "SCALE", value_parser = scale)]
    to: Option<f64>,

    /// Print one JSON document in place of the tables
    #[arg(long)]
    json: bool,
}

fn scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if scale > 0.0 && scale.is_finite() => Ok(scale),
        _ => Err("expected a number above 0".into()),
    }
}

/// The document of `--json`.
#[derive(Debug, Serialize)]
struct Document<'a> {
    name: &'a str,
    key: &'a str,
    near_base: f64,
    groups: Vec<Group>,
}

/// One value for every other swept key.
#[derive(Debug, Serialize)]
struct Group {
    swept: Map<String, Json>,
    #[serde(flatten)]
    fit: Fit,
}

/// The runs of a group.
struct Gathered {
    swept: Map<String, Json>,
    records: Vec<Record>,
}

/// Fits every group.
pub fn run(args: &FitArgs) -> Result<u8, Failure> {
    let directory = args.directory.as_path();
    let place = directory.display();
    let manifest = Manifest::read(directory)?.ok_or_else(|| {
        Failure::new(
            BAD_ARGUMENTS,
            format!("{place}: no manifest.json; expected the result directory of a sweep"),
        )
    })?;
    if manifest.status == Status::Unfinished {
        note(&format!("warning: {place} holds an unfinished sweep; the fit is of what is there"));
    }
    let plan = spec::from_resolved(&manifest.spec)?;
    let at = swept_key(&plan, &args.key)?;
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from >= to
    {
        return Err(Failure::new(BAD_ARGUMENTS, format!("--from {from} must be below --to {to}")));
    }
    let groups = groups(&plan, at, directory)?;
    let range = Range { from: args.from, to: args.to };
    let mut fitted = Vec::new();
    for Gathered { swept, records } in groups {
        let fit = fit::fit(&records, range)
            .map_err(|why| Failure::new(BAD_ARGUMENTS, format!("{place}{}: {why}", in_group(&swept))))?;
        fitted.push(Group { swept, fit });
    }
    if fitted.is_empty() {
        return Err(Failure::new(BAD_ARGUMENTS, format!("{place}: the sweep has no runs yet")));
    }
    let document = Document { name: &plan.name, key: &args.key, near_base: NEAR_BASE, groups: fitted };
    if args.json {
        print_json(&document)?;
    } else {
        let mut text = String::new();
        for (number, group) in document.groups.iter().enumerate() {
            let gap = if number > 0 { "\n" } else { "" };
            text += &format!(
                "{gap}{}{}, against {}\n{}",
                plan.name,
                in_group(&group.swept),
                args.key,
                fit::text::text(&group.fit)
            );
        }
        print(&text)?;
    }
    Ok(DONE)
}

fn in_group(values: &Map<String, Json>) -> String {
    let settings: Vec<String> = values
        .iter()
        .map(|(key, value)| match value {
            Json::String(word) => format!("{key} = {word}"),
            other => format!("{key} = {other}"),
        })
        .collect();
    if settings.is_empty() { String::new() } else { format!(" ({})", settings.join(", ")) }
}

/// The place of a key among the swept ones, if its values are numbers.
fn swept_key(plan: &Plan, key: &str) -> Result<usize, Failure> {
    let swept = plan.grid.swept();
    let is_scale =
        |at: &usize| plan.grid.range(*at).iter().all(|value| value.as_number().is_some_and(|x| x >= 0.0));
    let scales: Vec<&str> = (0..swept.len()).filter(is_scale).map(|at| swept[at].as_str()).collect();
    let advice = match scales.as_slice() {
        [] => "it sweeps no key whose values are numbers from 0 up".to_string(),
        some => format!("--key takes {}", some.join(" or ")),
    };
    match swept.iter().position(|swept| swept == key) {
        Some(at) if is_scale(&at) => Ok(at),
        Some(_) => {
            let message = format!("--key {key}: its values are not all numbers from 0 up; {advice}");
            Err(Failure::new(BAD_ARGUMENTS, message))
        }
        None => Err(Failure::new(BAD_ARGUMENTS, format!("the sweep does not sweep {key}; {advice}"))),
    }
}

/// The records of the directory, by the values of the other swept keys, in the order of the cells.
fn groups(plan: &Plan, at: usize, directory: &Path) -> Result<Vec<Gathered>, Failure> {
    let measured: BTreeMap<u32, Vec<u32>> =
        plan.programs.iter().map(|program| (program.steps, measured_steps(program.steps))).collect();
    let mut groups: Vec<Gathered> = Vec::new();
    for runs in recorded::read(directory)?.chunk_by(|one, next| one.cell == next.cell) {
        let (cell, cells) = (runs[0].cell, plan.grid.cells());
        if cell as u64 >= cells {
            let message = format!("its rows have a run of cell {cell}, the sweep has {cells} cells");
            return Err(Failure::new(BAD_ARGUMENTS, message));
        }
        let values = plan.grid.values(cell);
        let others = plan.grid.swept().iter().zip(&values).enumerate().filter(|(key, _)| *key != at);
        let swept: Map<String, Json> =
            others.map(|(_, (key, value))| (key.clone(), Json::from(value))).collect();
        let group = groups.iter().position(|other| other.swept == swept).unwrap_or_else(|| {
            groups.push(Gathered { swept, records: Vec::new() });
            groups.len() - 1
        });
        let program = &plan.programs[plan.program(cell)];
        // Proof of the key: every program's steps are in.
        let measured = &measured[&program.steps];
        // Checked by `swept_key`: a number.
        let scale = values[at].as_number().unwrap_or(0.0);
        let looks = program.steps_per_epoch();
        groups[group].records.extend(runs.iter().map(|run| record(run, scale, measured, looks)));
    }
    Ok(groups)
}

/// A run's times. `looks` is how many updates there are from one look at the criterion to the next.
fn record(run: &Recorded, scale: f64, measured: &[u32], looks: u32) -> Record {
    let last = f64::from(run.diverge_step.unwrap_or(run.steps));
    let seen = |step: u32, before: u32| Time::Within { after: f64::from(before), by: f64::from(step) };
    let solve = match run.solve_step {
        Some(0) => None,
        Some(step) => Some(seen(step, step.saturating_sub(1) / looks * looks)),
        None => Some(Time::After(last)),
    };
    let breaks = match run.break_step {
        _ if run.symmetry_initial != Symmetry::Symmetric => None,
        Some(step) => {
            let place = measured.partition_point(|&other| other < step);
            Some(seen(step, if place > 0 { measured[place - 1] } else { 0 }))
        }
        None => Some(Time::After(last)),
    };
    let still = run.gradient_norm_final.is_some_and(|norm| norm <= MOVING);
    Record {
        seed: run.seed,
        scale,
        solve,
        breaks,
        solved: run.outcome == Outcome::Solved,
        broken: run.symmetry == Some(Symmetry::Broken),
        diverged: run.outcome == Outcome::Diverged,
        at_rest: run.outcome == Outcome::Stuck && run.symmetry != Some(Symmetry::Symmetric) && still,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUCK: Recorded = Recorded {
        cell: 0,
        seed: 3,
        outcome: Outcome::Stuck,
        symmetry_initial: Symmetry::Symmetric,
        symmetry: Some(Symmetry::Symmetric),
        solve_step: None,
        break_step: None,
        diverge_step: None,
        loss_final: Some(0.25),
        gradient_norm_final: Some(1e-3),
        steps: 100,
    };

    #[test]
    fn times_are_intervals_between_looks_or_censored() {
        let measured = measured_steps(100);
        let of = |run: Recorded, looks| record(&run, 0.1, &measured, looks);
        let both = of(STUCK, 1);
        assert_eq!((both.solve, both.breaks), (Some(Time::After(100.0)), Some(Time::After(100.0))));
        assert!(!both.at_rest);
        let solved =
            Recorded { outcome: Outcome::Solved, solve_step: Some(42), break_step: Some(38), ..STUCK };
        let within = |after, by| Some(Time::Within { after, by });
        assert_eq!(of(solved, 1).solve, within(41.0, 42.0));
        // round(2^(k/8)) before 38 is 35.
        assert_eq!(of(solved, 1).breaks, within(35.0, 38.0));
        // Epochs of 4 updates: looked at after 40 and 44.
        let epoch = Recorded { solve_step: Some(44), ..solved };
        assert_eq!(of(epoch, 4).solve, within(40.0, 44.0));
        let diverged =
            Recorded { outcome: Outcome::Diverged, diverge_step: Some(7), symmetry: None, ..STUCK };
        assert_eq!(of(diverged, 1).solve, Some(Time::After(7.0)));
        assert!(of(diverged, 1).diverged);
        let started = Recorded { symmetry_initial: Symmetry::Broken, solve_step: Some(0), ..solved };
        assert_eq!((of(started, 1).solve, of(started, 1).breaks), (None, None));
        let rest = Recorded { symmetry: Some(Symmetry::Broken), gradient_norm_final: Some(1e-9), ..STUCK };
        assert!(of(rest, 1).at_rest && of(rest, 1).broken);
    }
}
