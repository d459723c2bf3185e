//! Loss and spread of single runs over time: the plateau and how it ends.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::axis::{Scale, number};
use super::fraction::legend;
use super::kind::Kind;
use super::losses::known_levels;
use super::roles::Roles;
use super::sheet::{Axis, Datum, Intervals, Layer, Panel, Sheet};
use super::sweep::{Sweep, each_row, places, reader};
use super::words::capitalized;
use super::{PlotError, Request, words};
use crate::output::traces;

/// The columns that can be drawn.
pub const COLUMNS: [&str; 5] = ["loss", "spread", "gap", "distinct_units", "gradient_norm"];

/// Panels side by side at most.
const MOST_COLUMNS: usize = 2;

/// One run of each cell, its loss over its spread.
pub fn sheets(sweep: &Sweep, request: &Request) -> Result<Vec<Sheet>, PlotError> {
    let kind = Kind::Traces;
    let path = sweep.directory.join(traces::FILE);
    if !path.exists() {
        return Err(kind.unsuited(format!("{} is not there; run the sweep with --trace 1", path.display())));
    }
    let columns: Vec<usize> = match &request.y {
        None => vec![0, 1],
        Some(y) => match COLUMNS.iter().position(|column| column == y) {
            Some(at) => vec![at],
            None => {
                let message = format!("--y {y}: {} has {}", traces::FILE, COLUMNS.join(", "));
                return Err(kind.unsuited(message));
            }
        },
    };
    let color = request.color.as_ref().map(|name| sweep.key("--color", name)).transpose()?;
    let mut roles = Roles::of(sweep, &[], color, true);
    if let Some((_, slots)) = &mut roles.panel {
        slots.truncate(MOST_COLUMNS);
    }
    let groups = roles.groups(sweep);
    let shown = groups.iter().flat_map(|(_, lines)| lines).flat_map(|line| &line.rows);
    let mut found: HashMap<u64, (u64, Vec<[f64; 6]>)> =
        shown.map(|at| (sweep.rows[*at].cell, (u64::MAX, Vec::new()))).collect();
    let mut file = reader(&path)?;
    let [loss, spread, gap, distinct, norm] = COLUMNS;
    let names = ["run", "cell", "seed", "step", loss, spread, gap, distinct, norm];
    let at = places(&mut file, &path, names)?;
    each_row(file, &path, at, |[run, cell, seed, rest @ ..]| {
        let wanted = sweep.seed.is_none_or(|wanted| seed == wanted as f64)
            && sweep.run.is_none_or(|wanted| run == wanted as f64);
        // Of several the first one of a cell.
        if let (true, Some((of, points))) = (wanted, found.get_mut(&(cell as u64)))
            && (*of == u64::MAX || *of == run as u64)
        {
            *of = run as u64;
            points.push(rest);
        }
    })?;
    let steps: Vec<f64> = found.values().flat_map(|(_, points)| points).map(|point| point[0]).collect();
    if steps.is_empty() {
        return Err(kind.unsuited(format!(
            "{} has no run of these cells{}; run the sweep with a larger --trace N",
            path.display(),
            sweep.seed.map_or_else(String::new, |seed| format!(" and seed {seed}"))
        )));
    }
    let x = Axis { scale: Scale::of(steps, true), label: "Training step".into() };
    let mut tolerance = sweep.setting("criteria.symmetry_tolerance").and_then(Json::as_f64);
    let mut known = known_levels(sweep);
    let mut rows = Vec::new();
    let mut drawn: Vec<&str> = Vec::new();
    for &column in &columns {
        let values: Vec<f64> = found
            .values()
            .flat_map(|(_, points)| points)
            .map(|point| point[1 + column])
            .filter(|y| y.is_finite())
            .collect();
        if values.is_empty() {
            continue;
        }
        let scale = y_scale(column, &values);
        let on_axis = |at: f64| scale.position(at).is_some();
        match COLUMNS[column] {
            "loss" => known.retain(|(at, _)| on_axis(*at)),
            "spread" | "gap" => tolerance = tolerance.filter(|at| on_axis(*at)),
            _ => {}
        }
        drawn.push(COLUMNS[column]);
        let panel = |(title, lines): &(String, Vec<super::roles::Line>)| {
            let mut layers = Vec::new();
            match (COLUMNS[column], tolerance) {
                ("loss", _) => layers.extend(known.iter().map(|(at, _)| Layer::Level { at: *at })),
                ("spread" | "gap", Some(at)) => {
                    layers.push(Layer::Level { at });
                }
                _ => {}
            }
            layers.extend(lines.iter().map(|line| {
                let runs = line.rows.iter().map(|at| (sweep.rows[*at].cell, &found[&sweep.rows[*at].cell]));
                let points = runs.flat_map(|(cell, (run, points))| {
                    points.iter().map(move |point| datum(cell, *run, point, column, &line.said))
                });
                Layer::Series { points: points.collect(), style: line.style, intervals: Intervals::Band }
            }));
            Panel {
                title: title.clone(),
                x: x.clone(),
                y: Axis {
                    scale: scale.clone(),
                    label: capitalized(&words::meaning(COLUMNS[column]).unwrap_or_default()),
                },
                layers,
            }
        };
        rows.push(groups.iter().map(panel).collect::<Vec<_>>());
    }
    if rows.is_empty() {
        return Err(kind.unsuited("none of these runs has a value there"));
    }
    // Titles once, over the first row.
    rows.iter_mut().skip(1).flatten().for_each(|panel| panel.title.clear());
    let runs = found.values().filter(|(_, points)| !points.is_empty()).count() as u64;
    let title = format!("{}: {} of single runs over time", sweep.name, drawn.join(" and "));
    let mut caption = vec![format!("{}, one of each cell.", words::counted(runs, "run"))];
    if drawn.contains(&"spread") {
        caption.push(
            "Spread: the largest difference of two hidden units' activations; 0 is an exact copy.".into(),
        );
    }
    if drawn.contains(&"loss") && !known.is_empty() {
        let list: Vec<&str> = known.iter().map(|(_, label)| label.as_str()).collect();
        caption.push(format!("Dashed, plateaus of the loss: {}.", list.join("; ")));
    }
    if let Some(tolerance) = tolerance.filter(|_| drawn.iter().any(|name| ["spread", "gap"].contains(name))) {
        caption.push(format!("Dashed, up to which units count as copies: {}.", number(tolerance)));
    }
    caption.extend(roles.in_words(sweep));
    caption.extend(sweep.settings_in_words());
    Ok(vec![Sheet {
        name: kind.word().into(),
        alt: format!("{title}. Line plot of {}.", words::counted(runs, "run")),
        title,
        caption,
        legend_title: roles.legend_title(sweep),
        legend: legend(&groups),
        bars: Vec::new(),
        rows,
        panel_height: 210.0,
    }])
}

/// Losses and norms by their logarithms where they fall far; zeros stand apart.
fn y_scale(column: usize, values: &[f64]) -> Scale {
    let least = values.iter().copied().filter(|y| *y > 0.0).fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    let far = least.is_finite() && most / least > 30.0;
    Scale::of(values.iter().copied(), COLUMNS[column] != "distinct_units" && far)
}

fn datum(cell: u64, run: u64, point: &[f64; 6], column: usize, said: &str) -> Datum {
    let (step, y) = (point[0], point[1 + column]);
    let of = if said.is_empty() { String::new() } else { format!("{said}, ") };
    let text = format!("{of}run {run}, step {step}: {} {}", COLUMNS[column], super::fraction::short(y));
    Datum { x: step, y, cell: Some(cell), run: Some(run), text, ..Datum::default() }
}
