//! Which key goes across, which is told apart by colour, which by panel, and which is held fixed.

use super::PlotError;
use super::axis::{Scale, Slots, is_log};
use super::palette::{MOST_LINES, Style, ordered_style, style};
use super::sheet::Datum;
use super::sweep::{Key, Row, Sweep};
use super::words::{label, meaning};

/// Panels of one figure at most.
pub const MOST_PANELS: usize = 6;

/// What each key does.
#[derive(Clone, Debug, PartialEq)]
pub struct Roles {
    /// Told apart by colour, and the values that are shown.
    pub color: Option<(usize, Vec<usize>)>,
    /// Told apart by panel, and the values that are shown.
    pub panel: Option<(usize, Vec<usize>)>,
    /// The values that all other keys are held at, but for those that go along axes.
    fixed: Vec<(usize, usize)>,
}

/// Keys in the order in which they are most worth being seen: those of most values first, the perturbation scale before all.
pub fn by_interest(sweep: &Sweep) -> Vec<usize> {
    let mut keys: Vec<usize> = (0..sweep.keys.len()).filter(|at| sweep.keys[*at].names.len() > 1).collect();
    let rank = |at: &usize| {
        let key = &sweep.keys[*at];
        (key.name != "init.scale" || !key.is_ordered(), !key.is_ordered(), usize::MAX - key.names.len())
    };
    keys.sort_by_key(rank);
    keys
}

impl Roles {
    /// Gives roles to all keys but `axes`; `color` first, if it is given, then what is most interesting. `panels` says whether
    /// there may be one panel for each value of a key.
    pub fn of(sweep: &Sweep, axes: &[usize], color: Option<usize>, panels: bool) -> Roles {
        let mut free: Vec<usize> = by_interest(sweep).into_iter().filter(|at| !axes.contains(at)).collect();
        if let Some(color) = color {
            free.retain(|at| *at != color);
            if sweep.keys[color].names.len() > 1 {
                free.insert(0, color);
            }
        }
        let mut free = free.into_iter();
        let spread = |at: usize, most: usize| (at, spread(sweep.keys[at].names.len(), most));
        let color = free.next().map(|at| spread(at, MOST_LINES));
        let panel = if panels { free.next().map(|at| spread(at, MOST_PANELS)) } else { None };
        Roles { color, panel, fixed: free.map(|at| (at, 0)).collect() }
    }

    /// A panel for each value of one key, or one panel; all other keys are put together.
    pub fn pooled(sweep: &Sweep, panel: Option<usize>) -> Roles {
        let panel = panel.map(|at| (at, spread(sweep.keys[at].names.len(), MOST_PANELS)));
        Roles { color: None, panel, fixed: Vec::new() }
    }

    /// The same without colours: the first free key makes panels.
    pub fn panels_only(sweep: &Sweep, axes: &[usize]) -> Roles {
        let mut free = by_interest(sweep).into_iter().filter(|at| !axes.contains(at));
        let panel = free.next().map(|at| (at, spread(sweep.keys[at].names.len(), MOST_PANELS)));
        Roles { color: None, panel, fixed: free.map(|at| (at, 0)).collect() }
    }

    /// One panel after the other: its title, and its lines, each with the places of its rows.
    pub fn groups(&self, sweep: &Sweep) -> Vec<(String, Vec<Line>)> {
        let shown = self.places(sweep);
        let value = |at: &usize, key: usize| sweep.rows[*at].values[key];
        let panels: Vec<Option<(usize, usize)>> = match &self.panel {
            Some((key, slots)) => slots.iter().map(|slot| Some((*key, *slot))).collect(),
            None => vec![None],
        };
        let colors: Vec<Option<(usize, usize)>> = match &self.color {
            Some((key, slots)) => slots.iter().map(|slot| Some((*key, *slot))).collect(),
            None => vec![None],
        };
        let is =
            |row: &usize, of: Option<(usize, usize)>| of.is_none_or(|(key, slot)| value(row, key) == slot);
        let line = |panel, number: usize, color: Option<(usize, usize)>| {
            let rows = shown.iter().copied().filter(|row| is(row, panel) && is(row, color)).collect();
            let style = match &self.color {
                Some((key, slots)) if sweep.keys[*key].is_ordered() && slots.len() > 2 => {
                    ordered_style(number, slots.len())
                }
                _ => style(number),
            };
            let of = |key: Option<(usize, usize)>| key.map(|(key, slot)| said(&sweep.keys[key], slot));
            Line {
                said: of(color).into_iter().chain(of(panel)).collect::<Vec<_>>().join(", "),
                label: color.map_or_else(String::new, |(key, slot)| sweep.keys[key].names[slot].clone()),
                style,
                rows,
            }
        };
        let lines =
            |panel| colors.iter().enumerate().map(|(number, color)| line(panel, number, *color)).collect();
        let title = |panel: Option<(usize, usize)>| {
            panel.map_or_else(String::new, |(key, slot)| said(&sweep.keys[key], slot))
        };
        panels.into_iter().map(|panel| (title(panel), lines(panel))).collect()
    }

    fn keeps(&self, row: &Row) -> bool {
        let among = |of: &Option<(usize, Vec<usize>)>| {
            of.as_ref().is_none_or(|(key, slots)| slots.contains(&row.values[*key]))
        };
        among(&self.color)
            && among(&self.panel)
            && self.fixed.iter().all(|(key, slot)| row.values[*key] == *slot)
    }

    /// The places in [`Sweep::rows`] of those that are shown.
    pub fn places(&self, sweep: &Sweep) -> Vec<usize> {
        (0..sweep.rows.len()).filter(|at| self.keeps(&sweep.rows[*at])).collect()
    }

    /// The rows that are shown.
    pub fn rows<'a>(&'a self, sweep: &'a Sweep) -> impl Iterator<Item = &'a Row> {
        sweep.rows.iter().filter(|row| self.keeps(row))
    }

    /// What the colours tell apart: the start of a legend.
    pub fn legend_title(&self, sweep: &Sweep) -> String {
        self.color.as_ref().map_or_else(String::new, |(key, _)| label(&sweep.keys[*key].name))
    }

    /// What is left out and what is held fixed, as sentences.
    pub fn in_words(&self, sweep: &Sweep) -> Vec<String> {
        let mut sentences = Vec::new();
        for (key, slots) in self.color.iter().chain(&self.panel) {
            let key = &sweep.keys[*key];
            if slots.len() < key.names.len() {
                sentences.push(format!(
                    "Of {} values of {} {} are shown; choose with --where.",
                    key.names.len(),
                    key.name,
                    slots.len()
                ));
            }
        }
        if !self.fixed.is_empty() {
            let fixed = self.fixed.iter().map(|(key, slot)| {
                let key = &sweep.keys[*key];
                format!("{} = {}, one of {}", key.name, key.names[*slot], key.names.len())
            });
            let list = fixed.collect::<Vec<_>>().join("; ");
            sentences.push(format!("Held fixed: {list}; choose with --where."));
        }
        sentences
    }
}

/// A line of a panel.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its value of the key told apart by colour.
    pub label: String,
    /// That and the value of its panel, with their keys: `activation = tanh, learning rate = 4`.
    pub said: String,
    /// How it looks.
    pub style: Style,
    /// Places of its rows in [`Sweep::rows`].
    pub rows: Vec<usize>,
}

/// `perturbation scale = 0.1`
pub fn said(key: &Key, slot: usize) -> String {
    format!("{} = {}", meaning(&key.name).unwrap_or_else(|| key.name.clone()), key.names[slot])
}

/// Of `count` things `most` at most, evenly spread, both ends among them.
pub fn spread(count: usize, most: usize) -> Vec<usize> {
    if count <= most {
        return (0..count).collect();
    }
    (0..most).map(|i| (i * (count - 1) + (most - 1) / 2) / (most - 1).max(1)).collect()
}

/// The axis of a key across: numbers where they are, words each in a slot.
pub fn axis(key: &Key) -> Scale {
    if key.is_ordered() {
        Scale::of(key.numbers.iter().copied(), is_log(&key.numbers))
    } else {
        Scale::Slots(Slots { names: key.names.clone(), values: Vec::new() })
    }
}

/// A slot for each value of a key.
pub fn slots(key: &Key) -> Scale {
    Scale::Slots(Slots { names: key.names.clone(), values: key.numbers.clone() })
}

/// Where a value of a key stands on its [`axis`].
pub fn value(key: &Key, slot: usize) -> f64 {
    key.numbers.get(slot).copied().unwrap_or(slot as f64)
}

/// Puts the points of a line in order, with a gap where its key has a value of the grid that it has no cell of.
pub fn with_gaps(key: &Key, mut points: Vec<Datum>) -> Vec<Datum> {
    points.sort_by(|a, b| a.x.total_cmp(&b.x));
    let missing = |x: &f64| points.binary_search_by(|point| point.x.total_cmp(x)).is_err();
    let missing: Vec<f64> = key.grid().filter(missing).collect();
    points.extend(missing.into_iter().map(|x| Datum { x, y: f64::NAN, ..Datum::default() }));
    points.sort_by(|a, b| a.x.total_cmp(&b.x));
    points
}

/// The key across: the one asked for, else the most interesting.
///
/// # Errors
/// Where it is not there; `None` where nothing is swept.
pub fn across(sweep: &Sweep, asked: Option<&String>) -> Result<Option<usize>, PlotError> {
    if let Some(name) = asked {
        return sweep.key("--x", name).map(Some);
    }
    // Of a single cell all keys have one value.
    let scale = || sweep.keys.iter().position(|key| key.name == "init.scale");
    let first = || (!sweep.keys.is_empty()).then_some(0);
    Ok(by_interest(sweep).first().copied().or_else(scale).or_else(first))
}
