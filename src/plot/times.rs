//! Median time to break and to solve, with the runs that were not watched for long enough.

use std::collections::HashMap;

use super::axis::{Scale, number};
use super::draw::{STRIP, strip};
use super::fraction::legend;
use super::kind::Kind;
use super::roles::{Line, Roles, across, axis, said, value, with_gaps};
use super::sheet::{Axis, Datum, Entry, Intervals, Layer, Panel, Sheet, Symbol};
use super::sweep::Sweep;
use super::words::{SURE, capitalized, counted, grouped, label, meaning};
use super::{PlotError, Request};
use crate::fit::{Time, survival};
use crate::measure::Symmetry;
use crate::output::recorded::{self, Recorded};

/// What is waited for.
const EVENTS: [(&str, &str); 2] =
    [("break", "Step at which half have broken"), ("solve", "Step at which half are solved")];

/// Height of a panel.
const HEIGHT: f64 = 280.0;
/// Arrows point so far out of the topmost points.
const ARROW: f64 = 16.0;

/// Cells of which fewer runs start symmetric have no time to break.
const ENOUGH: u64 = 10;

/// Of one cell, when what happened to its runs.
#[derive(Clone, Debug, Default)]
struct Times {
    /// By event.
    of: [Vec<Time>; 2],
}

impl Times {
    fn add(&mut self, run: &Recorded) {
        let last = Time::After(run.diverge_step.unwrap_or(run.steps).into());
        let seen = |step: u32| Time::Within { after: f64::from(step) - 1.0, by: step.into() };
        // What did not start symmetric has nothing to break.
        if run.symmetry_initial == Symmetry::Symmetric {
            self.of[0].push(run.break_step.map_or(last, seen));
        }
        self.of[1].push(run.solve_step.map_or(last, seen));
    }
}

/// Medians over a key.
pub fn sheets(sweep: &Sweep, request: &Request) -> Result<Vec<Sheet>, PlotError> {
    let kind = Kind::Times;
    let Some(x) = across(sweep, request.x.as_ref())? else {
        return Err(kind.unsuited("the sweep sweeps no key, so there is nothing to plot times against"));
    };
    let color = request.color.as_ref().map(|name| sweep.key("--color", name)).transpose()?;
    let roles = Roles::of(sweep, &[x], color, true);
    let groups = roles.groups(sweep);
    let mut times: HashMap<u64, Times> = roles.rows(sweep).map(|row| (row.cell, Times::default())).collect();
    recorded::each(&sweep.directory, |run| {
        if let Some(of) = times.get_mut(&(run.cell as u64)) {
            of.add(&run);
        }
    })?;
    let mut few = 0;
    for row in roles.rows(sweep) {
        if let Some(Times { of: [breaking, _] }) = times.get_mut(&row.cell) {
            // A median of a few runs is no median of the cell; where cells have no more runs, that is known.
            if !breaking.is_empty() && (breaking.len() as u64) < ENOUGH.min(row.runs) {
                breaking.clear();
                few += 1;
            }
        }
    }
    let events: Vec<usize> = (0..EVENTS.len())
        .filter(|event| times.values().any(|times| survival::median(&times.of[*event]).events > 0))
        .collect();
    if events.is_empty() {
        return Err(
            kind.unsuited("in no run did symmetry break or was the task solved, so there is no time to show")
        );
    }
    let mut rows: Vec<Vec<Panel>> = Vec::new();
    for (title, lines) in &groups {
        let drawn: Vec<Vec<Vec<Datum>>> = events
            .iter()
            .map(|event| lines.iter().map(|line| points(sweep, x, line, &times, *event)).collect())
            .collect();
        let y = Scale::of(
            all_of(&drawn).flat_map(|datum| [Some(datum.y), datum.interval.map(|ends| ends.0)]).flatten(),
            true,
        );
        let strip = if all_of(&drawn).any(|datum| datum.censored) { strip(lines.len()) } else { None };
        let panel = |(event, series): (&usize, Vec<Vec<Datum>>)| Panel {
            title: [EVENTS[*event].1, title]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(" · "),
            x: Axis { scale: axis(&sweep.keys[x]), label: capitalized(&label(&sweep.keys[x].name)) },
            y: Axis {
                scale: with_room_above(y.clone(), strip.unwrap_or(ARROW)),
                label: "Median time (steps)".into(),
            },
            layers: lines
                .iter()
                .zip(series)
                .map(|(line, points)| Layer::Series {
                    points,
                    style: line.style,
                    intervals: Intervals::Whisker,
                })
                .collect(),
        };
        rows.push(events.iter().zip(drawn).map(panel).collect());
    }
    let across = meaning(&sweep.keys[x].name).unwrap_or_else(|| sweep.keys[x].name.clone());
    let title = format!(
        "{}: median time to {}, by {across}",
        sweep.name,
        events.iter().map(|at| EVENTS[*at].0).collect::<Vec<_>>().join(" and to ")
    );
    let mut caption = vec![
        sweep.runs_in_words(roles.rows(sweep)),
        "Medians after Kaplan and Meier, with 95 % intervals: a run that had not got there by its last step is known to need \
         longer, and is not left out."
            .into(),
    ];
    let censored = rows.iter().flatten().flat_map(|panel| &panel.layers);
    let censored = censored
        .into_iter()
        .any(|layer| matches!(layer, Layer::Series { points, .. } if points.iter().any(|p| p.censored)));
    let rows_apart = strip(groups.first().map_or(0, |(_, lines)| lines.len())).is_some();
    if censored {
        let shown = if rows_apart { "Grey strip, a row for each line" } else { "Arrow" };
        caption.push(format!(
            "{shown}: fewer than half got there, so the median is above the last step that was looked at."
        ));
    }
    let open = |point: &Datum| point.interval.is_some_and(|(_, high)| high == f64::INFINITY);
    let all = rows.iter().flatten().flat_map(|panel| &panel.layers);
    if all.into_iter().any(|layer| matches!(layer, Layer::Series { points, .. } if points.iter().any(open))) {
        caption.push("Arrow out of a point: its interval has no upper end.".into());
    }
    if events.contains(&0) {
        let started =
            roles.rows(sweep).map(|row| times[&row.cell].of[0].len() as u64).filter(|runs| *runs > 0);
        let (least, most) = started.fold((u64::MAX, 0), |(least, most), n| (least.min(n), most.max(n)));
        let range =
            if least < most { format!("{} to {}", grouped(least), grouped(most)) } else { grouped(most) };
        caption.push(format!("Time to break: of the {range} runs of a cell that start symmetric."));
    }
    if few > 0 {
        let few = counted(few, "cell");
        caption.push(format!(
            "No time to break is shown of {few} of which fewer than {ENOUGH} runs start symmetric."
        ));
    }
    caption.extend(roles.in_words(sweep));
    caption.extend(sweep.settings_in_words());
    let mut entries = legend(&groups);
    if censored {
        let symbol = if rows_apart { Symbol::Patch(STRIP) } else { Symbol::Censored };
        entries.push(Entry { label: "not reached by half".into(), symbol });
    }
    Ok(vec![Sheet {
        name: kind.word().into(),
        alt: format!(
            "{title}. Plot with {}; where fewer than half got there, that is marked.",
            counted(rows.iter().map(Vec::len).sum::<usize>() as u64, "panel")
        ),
        title,
        caption,
        legend_title: roles.legend_title(sweep),
        legend: entries,
        bars: Vec::new(),
        rows,
        panel_height: HEIGHT,
    }])
}

fn all_of(drawn: &[Vec<Vec<Datum>>]) -> impl Iterator<Item = &Datum> {
    drawn.iter().flatten().flatten()
}

/// The same values in a panel that has `room` pixels over the topmost of them.
fn with_room_above(scale: Scale, room: f64) -> Scale {
    match scale {
        Scale::Log { low, high, zero } => {
            let more = room / (HEIGHT - room);
            Scale::Log { low, high: (high * (high / low).powf(more)).min(f64::MAX), zero }
        }
        other => other,
    }
}

fn points(sweep: &Sweep, x: usize, line: &Line, times: &HashMap<u64, Times>, event: usize) -> Vec<Datum> {
    let key = &sweep.keys[x];
    let datum = |at: &usize| {
        let row = &sweep.rows[*at];
        let times = &times[&row.cell].of[event];
        let found = survival::median(times);
        if found.runs == 0 {
            return None;
        }
        // The first of them is the earliest at which anybody stopped looking.
        let last =
            times.iter().filter_map(|time| if let Time::After(last) = time { Some(*last) } else { None });
        let last = last.fold(f64::NEG_INFINITY, f64::max);
        let y = found.median.unwrap_or(last);
        let of = if line.said.is_empty() { String::new() } else { format!(", {}", line.said) };
        let median = found.median.map_or_else(|| format!("over {}", number(last)), number);
        let text = format!(
            "{}{of}: median step to {}: {median} ({SURE}: {} to {}), {} of {} runs got there",
            said(key, row.values[x]),
            EVENTS[event].0,
            found.low.map_or("?".into(), number),
            found.high.map_or("?".into(), number),
            found.events,
            found.runs
        );
        // Without an upper end the interval goes out of the picture.
        let interval = found.median.and(found.low).map(|low| (low, found.high.unwrap_or(f64::INFINITY)));
        let censored = found.median.is_none();
        Some(Datum {
            x: value(key, row.values[x]),
            y,
            interval,
            censored,
            cell: Some(row.cell),
            text,
            ..Datum::default()
        })
    };
    with_gaps(key, line.rows.iter().filter_map(datum).collect())
}
