//! Maps over two keys: what they share, and the two of published experiments.

use std::collections::HashMap;

use plotters::style::RGBColor;

use super::axis::{Scale, Slots, is_log, number};
use super::fraction::short;
use super::kind::Kind;
use super::palette::{NOTHING, converged, diverged, sequential};
use super::roles::{Roles, by_interest, said, slots};
use super::sheet::{Axis, Cells, ColorBar, Datum, Entry, Layer, Panel, Sheet, Symbol, in_rows};
use super::sweep::{Key, Row, Sweep};
use super::words::{capitalized, counted, grouped, label, meaning};
use super::{PlotError, Request};
use crate::measure::Outcome;
use crate::output::recorded;

/// Of more cells evenly spread ones have marks: a mark takes more room than its cell, and nobody points at a single pixel.
pub const MOST_MARKS: usize = 10_000;

/// A picture has no more columns and rows of pixels than this; of more values, evenly spread ones are drawn.
const MOST_SLOTS: usize = 640;

/// Different colours of a map: neighbours that differ by less look the same, and are one rectangle.
const SHADES: f64 = 63.0;

/// Two keys and the rest.
pub struct Map {
    x: usize,
    y: usize,
    roles: Roles,
    /// Slots of `x` and `y` that are drawn.
    drawn: [Vec<usize>; 2],
}

/// One panel of a map, before it has colours.
pub struct Grid {
    /// The values of the key that panels are of; empty if there is one panel.
    pub title: String,
    /// From the bottom row up, each from left to right: the place of the cell in [`Sweep::rows`].
    pub rows: Vec<Option<usize>>,
}

impl Map {
    /// Two keys for a map: those that were asked for, else the most interesting; the perturbation scale across, else the
    /// one that is swept faster.
    ///
    /// # Errors
    /// Where there are no two keys, or the two are one.
    pub fn of(kind: Kind, sweep: &Sweep, request: &Request) -> Result<Map, PlotError> {
        let asked = |flag, name: &Option<String>| name.as_ref().map(|name| sweep.key(flag, name)).transpose();
        let (x, y) = (asked("--x", &request.x)?, asked("--y", &request.y)?);
        let free = |other: Option<usize>| by_interest(sweep).into_iter().find(|at| Some(*at) != other);
        let (x, y) = match (x, y) {
            (Some(x), Some(y)) => (Some(x), Some(y)),
            (Some(x), None) => (Some(x), free(Some(x))),
            (None, Some(y)) => (free(Some(y)), Some(y)),
            (None, None) => {
                let first = free(None);
                let second = free(first);
                match first.filter(|at| sweep.keys[*at].name == "init.scale") {
                    Some(scale) => (Some(scale), second),
                    None => (first.max(second), second.and(first.min(second))),
                }
            }
        };
        let (Some(x), Some(y)) = (x, y) else {
            let values = |key: &Key| counted(key.names.len() as u64, "value");
            let swept: Vec<String> =
                sweep.keys.iter().map(|key| format!("{} of {}", key.name, values(key))).collect();
            let has = if swept.is_empty() { "none".into() } else { swept.join(", ") };
            return Err(
                kind.unsuited(format!("it needs two keys of two or more values each; there is {has}"))
            );
        };
        if x == y {
            return Err(kind.unsuited(format!("--x and --y are both {}", sweep.keys[x].name)));
        }
        let drawn = [x, y].map(|at| super::roles::spread(sweep.keys[at].names.len(), MOST_SLOTS));
        Ok(Map { x, y, roles: Roles::panels_only(sweep, &[x, y]), drawn })
    }

    /// Its panels.
    pub fn grids(&self, sweep: &Sweep) -> Vec<Grid> {
        let [columns, rows] = &self.drawn;
        let place = |slots: &[usize]| -> HashMap<usize, usize> {
            slots.iter().enumerate().map(|(place, slot)| (*slot, place)).collect()
        };
        let (across, up) = (place(columns), place(rows));
        let grid = |(title, lines): (String, Vec<super::roles::Line>)| {
            let mut places = vec![None; columns.len() * rows.len()];
            for at in lines.iter().flat_map(|line| &line.rows) {
                let values = &sweep.rows[*at].values;
                if let (Some(column), Some(row)) = (across.get(&values[self.x]), up.get(&values[self.y])) {
                    places[row * columns.len() + column] = Some(*at);
                }
            }
            Grid { title, rows: places }
        };
        self.roles.groups(sweep).into_iter().map(grid).collect()
    }

    /// The places in [`Sweep::rows`] of the cells of its panels.
    pub fn shown(&self, sweep: &Sweep) -> Vec<usize> {
        self.roles.places(sweep)
    }

    /// How many columns a panel has.
    pub fn columns(&self) -> usize {
        self.drawn[0].len()
    }

    /// How many rows a panel has.
    pub fn lines(&self) -> usize {
        self.drawn[1].len()
    }

    /// How many of the first columns and rows are of zero, apart from the others on a logarithmic axis.
    pub fn apart(&self, sweep: &Sweep) -> [usize; 2] {
        let gap = |at: usize, drawn: &[usize]| usize::from(self.axis(sweep, at, drawn).scale.gap().is_some());
        [gap(self.x, &self.drawn[0]), gap(self.y, &self.drawn[1])]
    }

    /// What stands along the axes, of a cell.
    pub fn place_in_words(&self, sweep: &Sweep, row: &Row) -> String {
        let said = |at: usize| said(&sweep.keys[at], row.values[at]);
        format!("{}, {}", said(self.x), said(self.y))
    }

    fn axis(&self, sweep: &Sweep, at: usize, drawn: &[usize]) -> Axis {
        let key = &sweep.keys[at];
        let scale = match slots(key) {
            Scale::Slots(all) if drawn.len() < key.names.len() => Scale::Slots(Slots {
                names: drawn.iter().map(|slot| all.names[*slot].clone()).collect(),
                values: if all.values.is_empty() {
                    all.values
                } else {
                    drawn.iter().map(|slot| all.values[*slot]).collect()
                },
            }),
            scale => scale,
        };
        Axis { scale, label: capitalized(&label(&key.name)) }
    }

    /// A panel of coloured cells; `color` and `text` are of the place of a cell in [`Sweep::rows`].
    pub fn panel(
        &self,
        sweep: &Sweep,
        grid: &Grid,
        color: impl Fn(usize) -> Option<RGBColor>,
        text: impl Fn(usize) -> String,
        contours: Vec<Layer>,
    ) -> Panel {
        let columns = self.columns();
        let colors: Vec<Option<RGBColor>> = grid.rows.iter().map(|at| at.and_then(&color)).collect();
        let mut data = Vec::new();
        let panels = self.roles.panel.as_ref().map_or(1, |(_, slots)| slots.len());
        let stride = ((panels * grid.rows.len()) as f64 / MOST_MARKS as f64).sqrt().ceil() as usize;
        for (place, at) in grid.rows.iter().enumerate() {
            let (column, line) = (place % columns, place / columns);
            let Some(at) = at.filter(|_| [column, line].iter().all(|at| at % stride == stride / 2)) else {
                continue;
            };
            let row = &sweep.rows[at];
            let of = if grid.title.is_empty() { String::new() } else { format!(", {}", grid.title) };
            let text = format!("{}{of}: {}", self.place_in_words(sweep, row), text(at));
            data.push((column, line, Datum { cell: Some(row.cell), text, ..Datum::default() }));
        }
        let mut layers = vec![Layer::Cells(Cells { columns, colors, data })];
        layers.extend(contours);
        let [across, up] = &self.drawn;
        Panel {
            title: grid.title.clone(),
            x: self.axis(sweep, self.x, across),
            y: self.axis(sweep, self.y, up),
            layers,
        }
    }

    /// The whole figure.
    pub fn sheet(&self, sweep: &Sweep, what: Described, panels: Vec<Panel>) -> Sheet {
        let short = |at: usize| meaning(&sweep.keys[at].name).unwrap_or_else(|| sweep.keys[at].name.clone());
        let (x, y) = (short(self.x), short(self.y));
        let title = format!("{}: {}, by {x} and {y}", sweep.name, what.title);
        let mut caption = vec![sweep.runs_in_words(self.roles.rows(sweep))];
        caption.extend(what.caption);
        for (at, drawn) in [self.x, self.y].into_iter().zip(&self.drawn) {
            let all = sweep.keys[at].names.len();
            if drawn.len() < all {
                let (drawn, all) = (grouped(drawn.len() as u64), grouped(all as u64));
                caption.push(format!("Drawn are {drawn} of the {all} values of {}.", sweep.keys[at].name));
            }
        }
        caption.extend(self.roles.in_words(sweep));
        caption.extend(sweep.settings_in_words());
        let count = panels.len();
        let panel_height = if count == 1 { 430.0 } else { 240.0 };
        let rows = in_rows(panels);
        let alt = format!(
            "{title}. {} of {} by {} cells. {}",
            counted(count as u64, "map"),
            self.columns(),
            self.lines(),
            what.alt
        );
        Sheet {
            name: what.name,
            title,
            caption,
            alt,
            legend_title: String::new(),
            legend: what.legend,
            bars: what.bars,
            rows,
            panel_height,
        }
    }
}

/// What is special to a map.
pub struct Described {
    /// Stem of the file's name.
    pub name: String,
    /// What is mapped.
    pub title: String,
    /// What the colours mean.
    pub caption: Vec<String>,
    /// What can be read off it.
    pub alt: String,
    /// Patches.
    pub legend: Vec<Entry>,
    /// Colour bars.
    pub bars: Vec<ColorBar>,
}

/// A scale for colours from the smallest to the largest value, without margins.
pub fn color_scale(values: &[f64]) -> Scale {
    let there = values.iter().copied().filter(|value| value.is_finite());
    let (low, high) =
        there.clone().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
    let log = low > 0.0 && is_log(&there.collect::<Vec<_>>());
    match low < high {
        true if log => Scale::Log { low, high, zero: false },
        true => Scale::Linear { low, high },
        // One value, or none: what counts or measures is not under 0.
        false => match Scale::of([low], false) {
            Scale::Linear { high, .. } if low == 0.0 => Scale::Linear { low, high },
            scale => scale,
        },
    }
}

/// One of a limited number of places.
pub fn shade(place: f64) -> f64 {
    (place * SHADES).round() / SHADES
}

fn patch(label: &str, color: RGBColor) -> Entry {
    Entry { label: label.into(), symbol: Symbol::Patch(color) }
}

/// The step at which each start is solved.
pub fn convergence(sweep: &Sweep, request: &Request) -> Result<Vec<Sheet>, PlotError> {
    let kind = Kind::Convergence;
    let map = Map::of(kind, sweep, request)?;
    let [steps, solved] = sweep.values(["solve_step_median", "solved"])?;
    let shown = map.shown(sweep);
    let drawn: Vec<f64> = shown.iter().map(|at| steps[*at]).collect();
    if drawn.iter().all(|step| !step.is_finite()) {
        return Err(kind.unsuited("no run was solved, so there is no time of convergence; --kind heatmap --color loss_final_median shows how near they came"));
    }
    // The reversed colours of other maps: late is dark, next to never, which is grey.
    let scale = color_scale(&drawn);
    let color = |at: usize| scale.position(steps[at]).map(|place| sequential(1.0 - shade(place)));
    let text =
        |at: usize| format!("solved {} of {}, at step {}", solved[at], sweep.rows[at].runs, short(steps[at]));
    let panels =
        map.grids(sweep).iter().map(|grid| map.panel(sweep, grid, color, text, Vec::new())).collect();
    let total = shown.iter().map(|at| solved[*at]).filter(|n| n.is_finite()).sum::<f64>();
    let runs = sweep.runs_in(shown.iter().map(|at| &sweep.rows[*at]));
    let mut caption = vec![format!("{} solved.", counted(total as u64, "run"))];
    if sweep.most_runs() > 1 {
        caption.push("Of several runs of a cell: the median of those that are solved.".into());
    }
    Ok(vec![map.sheet(
        sweep,
        Described {
            name: kind.word().into(),
            title: "convergence time".into(),
            alt: format!("{} of {} runs are solved.", grouped(total as u64), grouped(runs)),
            caption,
            legend: vec![patch("not solved", NOTHING)],
            bars: vec![ColorBar {
                label: "Step at which it is solved".into(),
                scale: Some(scale.clone()),
                ends: Default::default(),
                levels: Vec::new(),
                colors: |place| sequential(1.0 - place),
            }],
        },
        panels,
    )])
}

/// What converges and what diverges, in two hues, as in Sohl-Dickstein, "The boundary of neural network trainability is fractal"
/// (arXiv 2402.06184), where the shade is the rank of a measure of convergence among all runs of its hue.
pub fn trainability(sweep: &Sweep, request: &Request) -> Result<Vec<Sheet>, PlotError> {
    let kind = Kind::Trainability;
    let map = Map::of(kind, sweep, request)?;
    let places: HashMap<u64, usize> =
        map.shown(sweep).into_iter().map(|at| (sweep.rows[at].cell, at)).collect();
    // Of the first seed of each cell that is there.
    let mut found: Vec<Option<Found>> = vec![None; sweep.rows.len()];
    recorded::each(&sweep.directory, |run| {
        let Some(at) = places.get(&(run.cell as u64)) else { return };
        if sweep.seed.is_none_or(|seed| run.seed == seed) && found[*at].is_none() {
            found[*at] = Some(match run.outcome {
                Outcome::Diverged => Found::Diverged(run.diverge_step.map_or(f64::NAN, f64::from)),
                Outcome::Solved | Outcome::Stuck => Found::Converged(run.loss_final.unwrap_or(f64::NAN)),
            });
        }
    })?;
    let of = |wanted: fn(Found) -> Option<f64>| {
        found.iter().flatten().filter_map(|run| wanted(*run)).collect::<Vec<_>>()
    };
    let losses = sorted(of(|run| if let Found::Converged(loss) = run { Some(loss) } else { None }));
    let steps = sorted(of(|run| if let Found::Diverged(step) = run { Some(step) } else { None }));
    if losses.is_empty() && steps.is_empty() {
        return Err(kind.unsuited("there is no run of these cells and this seed"));
    }
    // Low losses are dark and late divergence is dark: towards the border both are paler or darker towards each other.
    let color = |at: usize| {
        Some(match found[at]? {
            Found::Converged(loss) => converged(shade(1.0 - rank(&losses, loss))),
            Found::Diverged(step) => diverged(shade(1.0 - rank(&steps, step))),
        })
    };
    let text = |at: usize| match found[at] {
        Some(Found::Converged(loss)) => format!("final loss {}", short(loss)),
        Some(Found::Diverged(step)) => format!("diverged at step {}", short(step)),
        None => "no run".into(),
    };
    let panels =
        map.grids(sweep).iter().map(|grid| map.panel(sweep, grid, color, text, Vec::new())).collect();
    let mut bars = Vec::new();
    if !losses.is_empty() {
        bars.push(ColorBar {
            label: "Trained: rank of the final loss".into(),
            scale: None,
            ends: [low(&losses), high(&losses)],
            levels: Vec::new(),
            colors: |place| converged(1.0 - place),
        });
    }
    if !steps.is_empty() {
        bars.push(ColorBar {
            label: "Diverged: rank of the step".into(),
            scale: None,
            ends: [low(&steps), high(&steps)],
            levels: Vec::new(),
            colors: |place| diverged(1.0 - place),
        });
    }
    let share = 100.0 * losses.len() as f64 / (losses.len() + steps.len()) as f64;
    let mut caption = vec![format!(
        "{} trained without diverging ({share:.1} %), blue; {} diverged, orange. The shade is the rank among runs of \
         the same colour.",
        counted(losses.len() as u64, "run"),
        counted(steps.len() as u64, "run")
    )];
    if sweep.most_runs() > 1 {
        caption.push("Of several runs of a cell one is shown; --where seed=N chooses.".into());
    }
    Ok(vec![map.sheet(
        sweep,
        Described {
            name: kind.word().into(),
            title: "what trains and what diverges".into(),
            alt: format!("{share:.1} % of the runs train without diverging."),
            caption,
            legend: Vec::new(),
            bars,
        },
        panels,
    )])
}

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Found {
    /// It has a final loss.
    Converged(f64),
    /// It has none, since this step.
    Diverged(f64),
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// The share of the values that are lower; equal values have the same.
fn rank(sorted: &[f64], value: f64) -> f64 {
    let below = sorted.partition_point(|other| other.total_cmp(&value).is_lt());
    if sorted.len() > 1 { below as f64 / (sorted.len() - 1) as f64 } else { 0.0 }
}

fn low(sorted: &[f64]) -> String {
    sorted.first().map_or_else(String::new, |x| number(*x))
}

fn high(sorted: &[f64]) -> String {
    sorted.last().map_or_else(String::new, |x| number(*x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_of_one_value_are_not_under_zero() {
        assert_eq!(color_scale(&[0.0, 0.0]), Scale::Linear { low: 0.0, high: 0.5 });
        assert_eq!(color_scale(&[0.25]), Scale::Linear { low: 0.125, high: 0.375 });
        assert_eq!(color_scale(&[300.0, f64::NAN]), Scale::Linear { low: 150.0, high: 450.0 });
        assert_eq!(color_scale(&[-3.0]), Scale::Linear { low: -4.5, high: -1.5 });
        assert_eq!(color_scale(&[-3.0, 2.0]), Scale::Linear { low: -3.0, high: 2.0 });
    }
}
