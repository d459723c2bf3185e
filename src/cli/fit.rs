//! `symbreak fit`: scaling laws from a result directory.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::{BAD_ARGUMENTS, DONE, Failure, note, print, print_json, warn_of_changes_since};
use crate::fit::gather::{Gathered, gather};
use crate::fit::{self, Fit, NEAR_BASE, Range};
use crate::output::recorded;
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
    #[arg(long, value_name = "SCALE", value_parser = scale, allow_negative_numbers = true)]
    from: Option<f64>,

    /// Fit laws to scales up to this one
    #[arg(long, value_name = "SCALE", value_parser = scale, allow_negative_numbers = true)]
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

/// Fits every group.
pub fn run(args: &FitArgs) -> Result<u8, Failure> {
    let directory = args.directory.as_path();
    let place = directory.display();
    let manifest = if directory.is_dir() { Manifest::read(directory)? } else { None };
    let manifest = manifest.ok_or_else(|| {
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
    let runs = recorded::read(directory)?;
    warn_of_changes_since(&manifest, directory, &recorded::FILES);
    let groups =
        gather(&plan, at, &runs).map_err(|why| Failure::new(BAD_ARGUMENTS, format!("{place}: {why}")))?;
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
