//! Shares of runs over time.

use std::collections::HashMap;

use super::axis::Scale;
use super::fraction::{legend, meaning_of_columns, measures, share_scale};
use super::kind::Kind;
use super::roles::Roles;
use super::sheet::{Axis, Datum, Intervals, Layer, Panel, Sheet};
use super::sweep::{Sweep, each_row, places, reader};
use super::words::{capitalized, counted};
use super::{PlotError, Request};
use crate::measure::statistics::wilson;
use crate::output::curves;

/// The columns that can be drawn, and what they say.
const COLUMNS: [(&str, &str); 5] = [
    ("symmetric", "share that is symmetric"),
    ("partial", "share that is partly broken"),
    ("broken", "share that is broken"),
    ("solved", "share that has solved the task"),
    ("diverged", "share that has diverged"),
];

/// Counts of a cell at a step: step, runs, and those of [`COLUMNS`].
type Counts = [f64; 7];

/// The shares that are broken and solved, or one that was asked for, over the steps.
pub fn sheets(sweep: &Sweep, request: &Request) -> Result<Vec<Sheet>, PlotError> {
    let kind = Kind::Curves;
    let path = sweep.directory.join(curves::FILE);
    if !path.exists() {
        return Err(kind.unsuited(format!("{} is not there", path.display())));
    }
    let color = request.color.as_ref().map(|name| sweep.key("--color", name)).transpose()?;
    let columns = columns(sweep, request.y.as_deref())?;
    let roles = Roles::of(sweep, &[], color, true);
    let groups = roles.groups(sweep);
    let shown = groups.iter().flat_map(|(_, lines)| lines).flat_map(|line| &line.rows);
    let mut counts: HashMap<u64, Vec<Counts>> = shown.map(|at| (sweep.rows[*at].cell, Vec::new())).collect();
    let mut file = reader(&path)?;
    let [symmetric, partial, broken, solved, diverged] = COLUMNS.map(|(name, _)| name);
    let names = ["cell", "step", "runs", symmetric, partial, broken, solved, diverged];
    let at = places(&mut file, &path, names)?;
    each_row(file, &path, at, |[cell, rest @ ..]| {
        if let Some(of) = counts.get_mut(&(cell as u64)) {
            of.push(rest);
        }
    })?;
    let steps: Vec<f64> = counts.values().flatten().map(|counts| counts[0]).collect();
    if steps.is_empty() {
        return Err(kind.unsuited(format!("{} has no row of these cells", path.display())));
    }
    let x = Axis { scale: Scale::of(steps, true), label: "Training step".into() };
    let mut rows = Vec::new();
    for (title, lines) in &groups {
        let panel = |&column: &usize| {
            let layers = lines.iter().map(|line| {
                let cells = line.rows.iter().map(|at| sweep.rows[*at].cell);
                let points = cells
                    .flat_map(|cell| counts[&cell].iter().map(move |of| datum(cell, of, column, &line.said)));
                Layer::Series { points: points.collect(), style: line.style, intervals: Intervals::Band }
            });
            let title =
                [capitalized(COLUMNS[column].1), title.clone()].into_iter().filter(|part| !part.is_empty());
            Panel {
                title: title.collect::<Vec<_>>().join(" · "),
                x: x.clone(),
                y: Axis { scale: share_scale(), label: "Share of runs".into() },
                layers: layers.collect(),
            }
        };
        rows.push(columns.iter().map(panel).collect());
    }
    let what: Vec<&str> = columns.iter().map(|column| COLUMNS[*column].1).collect();
    let title = format!("{}: {}, over time", sweep.name, what.join(" and "));
    let mut caption = vec![sweep.runs_in_words(roles.rows(sweep)), "Bands: 95 % Wilson intervals.".into()];
    caption.push("Step 0, apart at the left, is the start.".into());
    caption.extend(meaning_of_columns(&[]));
    caption.extend(roles.in_words(sweep));
    caption.extend(sweep.settings_in_words());
    Ok(vec![Sheet {
        name: kind.word().into(),
        alt: format!("{title}. Line plot with {}.", counted((columns.len() * groups.len()) as u64, "panel")),
        title,
        caption,
        legend_title: roles.legend_title(sweep),
        legend: legend(&groups),
        bars: Vec::new(),
        rows,
        panel_height: 230.0,
    }])
}

/// Places in [`COLUMNS`] of what is drawn.
fn columns(sweep: &Sweep, asked: Option<&str>) -> Result<Vec<usize>, PlotError> {
    let place = |name: &str| COLUMNS.iter().position(|(column, _)| *column == name);
    // A column of cells.csv that is its share is as good a name; one that is neither belongs to another kind.
    if let Some(at) = asked.and_then(|name| place(name.trim_start_matches("fraction_"))) {
        return Ok(vec![at]);
    }
    if let Some(name) = asked {
        let all = COLUMNS.map(|(column, _)| column).join(", ");
        return Err(Kind::Curves.unsuited(format!("--y {name}: {} has {all}", curves::FILE)));
    }
    let measures = measures(sweep)?;
    Ok(measures
        .iter()
        .filter_map(|name| match name.as_str() {
            // Its complement, but for diverged runs.
            "fraction_asymmetric" => place("symmetric"),
            other => place(other.trim_start_matches("fraction_")),
        })
        .collect())
}

fn datum(cell: u64, counts: &Counts, column: usize, said: &str) -> Datum {
    let (step, runs, count) = (counts[0], counts[1], counts[2 + column]);
    let of = if said.is_empty() { String::new() } else { format!("{said}, ") };
    let text = format!("{of}step {step}: {count} of {runs} runs {}", COLUMNS[column].0);
    let interval = wilson(count as u64, runs as u64);
    Datum { x: step, y: count / runs, interval, cell: Some(cell), text, ..Datum::default() }
}
