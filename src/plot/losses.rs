//! How final losses are distributed, with the levels that are known.

use std::collections::{BTreeMap, HashMap};

use plotters::style::RGBColor;
use serde_json::Value as Json;

use super::axis::{Scale, number};
use super::kind::Kind;
use super::roles::Roles;
use super::sheet::{Axis, Bar, Entry, Layer, Panel, Sheet, Symbol};
use super::sweep::Sweep;
use super::words::{capitalized, counted, grouped, label};
use super::{PlotError, Request};
use crate::measure::Outcome;
use crate::net::Loss;
use crate::output::recorded;

/// Bars of a panel.
const BINS: usize = 72;
/// Nobody reads more decades off a picture: of more, those with most runs are shown, and what lies beyond in the bars at the ends.
const DECADES: i32 = 16;

/// Of runs that solved their task, and of those that did not: dark and pale, so that they differ without their hues.
const COLORS: [RGBColor; 2] = [RGBColor(0, 90, 150), RGBColor(230, 159, 0)];

/// Histograms, a panel for each value of a key of few values, over all others.
pub fn sheets(sweep: &Sweep, request: &Request) -> Result<Vec<Sheet>, PlotError> {
    let kind = Kind::Losses;
    let panel_key = match &request.color {
        Some(name) => Some(sweep.key("--color", name)?),
        // Words and counts make panels of their own; the steps of a range are put together.
        None => (0..sweep.keys.len()).find(|at| {
            let key = &sweep.keys[*at];
            (2..=4).contains(&key.names.len()) && !key.is_ordered()
        }),
    };
    let roles = Roles::pooled(sweep, panel_key);
    let groups = roles.groups(sweep);
    let mut group_of: HashMap<u64, usize> = HashMap::new();
    for (number, (_, lines)) in groups.iter().enumerate() {
        group_of.extend(lines.iter().flat_map(|line| &line.rows).map(|at| (sweep.rows[*at].cell, number)));
    }
    // The range first: there may be far too many losses to keep.
    let (mut low, mut high, mut zeros, mut missing, mut infinite) = (f64::INFINITY, 0.0f64, 0u64, 0u64, 0u64);
    let mut decades: BTreeMap<i32, u64> = BTreeMap::new();
    recorded::each(&sweep.directory, |run| {
        if !group_of.contains_key(&(run.cell as u64)) {
            return;
        }
        match run.loss_final {
            None => missing += 1,
            Some(0.0) => zeros += 1,
            Some(loss) if loss.is_finite() && loss > 0.0 => {
                (low, high) = (low.min(loss), high.max(loss));
                *decades.entry(loss.log10().floor() as i32).or_default() += 1;
            }
            Some(_) => infinite += 1,
        }
    })?;
    if low > high && zeros == 0 {
        return Err(kind.unsuited("no run has a final loss: all of them diverged, or there are none"));
    }
    let [under, over] = window(&decades).map(|decade| 10f64.powi(decade));
    let cut = [(low < under, "under", under, "first"), (high > over, "over", over, "last")];
    let (low, high) = if low > high { (0.1, 1.0) } else { (low.max(under), high.min(over)) };
    let edges = edges(low, high);
    let mut counts = vec![Counts::default(); groups.len()];
    recorded::each(&sweep.directory, |run| {
        let (Some(group), Some(loss)) = (group_of.get(&(run.cell as u64)), run.loss_final) else { return };
        let solved = usize::from(run.outcome != Outcome::Solved);
        if loss == 0.0 {
            counts[*group].zero[solved] += 1;
        } else if loss.is_finite() && loss > 0.0 {
            let bin = edges.partition_point(|edge| *edge <= loss).clamp(1, BINS) - 1;
            *counts[*group].bins.entry(bin).or_default().get_mut(solved).unwrap_or(&mut 0) += 1;
        }
    })?;
    let scale = Scale::of([edges[0], edges[BINS]].into_iter().chain((zeros > 0).then_some(0.0)), true);
    let most = counts.iter().map(Counts::most).max().unwrap_or(0).max(1);
    let mut known = known_levels(sweep);
    known.retain(|(at, _)| scale.position(*at).is_some());
    // Their labels stand over the bars.
    let room = 1.06 + 0.085 * known.len() as f64;
    let panel = |((title, _), counts): (&(String, Vec<super::roles::Line>), &Counts)| {
        let mut layers = counts.layers(&edges, title);
        layers.extend(known.iter().map(|(at, label)| Layer::Wall { at: *at, label: label.clone() }));
        vec![Panel {
            title: title.clone(),
            x: Axis { scale: scale.clone(), label: capitalized(&loss_name(sweep)) },
            y: Axis { scale: Scale::Linear { low: 0.0, high: most as f64 * room }, label: "Runs".into() },
            layers,
        }]
    };
    let rows: Vec<Vec<Panel>> = groups.iter().zip(&counts).map(panel).collect();
    let total: u64 = sweep.runs_in(roles.rows(sweep));
    let title = format!("{}: final losses of {}", sweep.name, counted(total, "run"));
    let mut caption = vec![sweep.runs_in_words(roles.rows(sweep))];
    let pooled: Vec<String> = sweep
        .keys
        .iter()
        .enumerate()
        .filter(|(at, key)| Some(*at) != panel_key && key.names.len() > 1)
        .map(|(_, key)| label(&key.name))
        .collect();
    if !pooled.is_empty() {
        caption.push(format!("All values of {} together.", pooled.join(", ")));
    }
    for (count, what) in [
        (missing, "diverged and has no final loss"),
        (infinite, "ended at a loss that is no finite number"),
        (zeros, "ended at a loss of exactly 0, at the left"),
    ] {
        if count > 0 {
            caption.push(format!(
                "{} {}.",
                counted(count, "run"),
                if count == 1 { what.to_string() } else { what.replace("has", "have") }
            ));
        }
    }
    for (_, side, loss, bar) in cut.iter().filter(|(is_cut, ..)| *is_cut) {
        caption.push(format!("Losses {side} {} are in the {bar} bar.", number(*loss)));
    }
    caption.extend(roles.in_words(sweep));
    caption.extend(sweep.settings_in_words());
    let height = if rows.len() > 2 { 170.0 } else { 250.0 };
    let entry = |label: &str, color| Entry { label: label.into(), symbol: Symbol::Patch(color) };
    Ok(vec![Sheet {
        name: kind.word().into(),
        alt: format!(
            "{title}. Histogram from {} to {}; known levels: {}.",
            number(low),
            number(high),
            if known.is_empty() {
                "none".into()
            } else {
                known.iter().map(|(_, label)| label.clone()).collect::<Vec<_>>().join("; ")
            }
        ),
        title,
        caption,
        legend_title: String::new(),
        legend: ["solved", "not solved"]
            .into_iter()
            .enumerate()
            .filter(|(at, _)| counts.iter().any(|counts| counts.total(*at) > 0))
            .map(|(at, label)| entry(label, COLORS[at]))
            .collect(),
        bars: Vec::new(),
        rows,
        panel_height: height,
    }])
}

/// Runs by bin, solved and not.
#[derive(Clone, Debug, Default)]
struct Counts {
    zero: [u64; 2],
    bins: BTreeMap<usize, [u64; 2]>,
}

impl Counts {
    fn most(&self) -> u64 {
        self.bins.values().chain([&self.zero]).map(|of| of.iter().sum()).max().unwrap_or(0)
    }

    /// Of solved runs, 0, or others, 1.
    fn total(&self, of: usize) -> u64 {
        self.bins.values().chain([&self.zero]).map(|runs| runs[of]).sum()
    }

    /// Those that are solved, and on top of them those that are not; `said` is what all have in common.
    fn layers(&self, edges: &[f64], said: &str) -> Vec<Layer> {
        let of_all = if said.is_empty() { String::new() } else { format!("{said}, ") };
        let mut bars: [Vec<Bar>; 2] = Default::default();
        let zero = self.zero.iter().any(|n| *n > 0).then_some(((0.0, 0.0), self.zero));
        let bins = self.bins.iter().map(|(bin, of)| ((edges[*bin], edges[bin + 1]), *of));
        for (x, of) in zero.into_iter().chain(bins) {
            let text = format!(
                "{of_all}final loss {} to {}: {} solved, {} not",
                number(x.0),
                number(x.1),
                grouped(of[0]),
                grouped(of[1])
            );
            let (first, both) = (of[0] as f64, (of[0] + of[1]) as f64);
            if of[0] > 0 {
                bars[0].push(Bar { x, y: (0.0, first), text: text.clone() });
            }
            if of[1] > 0 {
                bars[1].push(Bar { x, y: (first, both), text });
            }
        }
        bars.into_iter().zip(COLORS).map(|(bars, color)| Layer::Bars { bars, color }).collect()
    }
}

/// Ends of bins of equal ratio.
/// The powers of ten between which most runs lie, [`DECADES`] apart, of the counts of each decade.
fn window(decades: &BTreeMap<i32, u64>) -> [i32; 2] {
    let within = |from: i32| decades.range(from..from + DECADES).map(|(_, runs)| runs).sum::<u64>();
    // Of windows that are as good, the lowest.
    let from = decades.keys().copied().rev().max_by_key(|from| within(*from)).unwrap_or(0);
    [from, from + DECADES]
}

fn edges(low: f64, high: f64) -> Vec<f64> {
    let (mut from, mut to) = (low.ln(), high.ln());
    if to - from < 0.1 {
        (from, to) = (from - 0.5, to + 0.5);
    }
    (0..=BINS).map(|i| (from + (to - from) * i as f64 / BINS as f64).exp()).collect()
}

fn loss_name(sweep: &Sweep) -> String {
    let loss = sweep.setting("train.loss").and_then(Json::as_str).and_then(Loss::from_word);
    let name = match loss {
        Some(Loss::Mse) => "mean squared error",
        Some(Loss::HalfSse) => "half the sum of squared errors",
        Some(Loss::Bce) => "binary cross-entropy",
        Some(Loss::CrossEntropy) => "cross-entropy",
        None => "loss_final",
    };
    format!("final loss ({name})")
}

/// Losses at which nets of two units stay on XOR under a squared loss: the origin, where all outputs are the middle of the targets;
/// the best that units can do that are all the same; two units with two of four samples learnt. As mean squared error of
/// targets 0 and 1 they are 1/4, 1/6 and 1/8.
pub fn known_levels(sweep: &Sweep) -> Vec<(f64, String)> {
    let is = |key: &str, value: &str| sweep.setting(key).and_then(Json::as_str) == Some(value);
    if !is("task.dataset", "xor") {
        return Vec::new();
    }
    let targets: u32 = match () {
        () if is("task.targets", "01") => 1,
        // Twice as far apart: errors are twice as large.
        () if is("task.targets", "pm1") => 4,
        () => return Vec::new(),
    };
    let loss = match () {
        () if is("train.loss", "mse") => 1,
        // Half of the sum over four samples.
        () if is("train.loss", "half-sse") => 2,
        () => return Vec::new(),
    };
    let unit = targets * loss;
    let mut levels = vec![(4, "every output in the middle")];
    if some_layer_is_wide(sweep) {
        levels.push((6, "floor of units that are all alike"));
    }
    if sweep.setting("net.hidden").and_then(Json::as_array).is_some_and(|widths| *widths == [2]) {
        levels.push((8, "two units, stuck half-way"));
    }
    let level = |(parts, what): (u32, &str)| {
        (f64::from(unit) / f64::from(parts), format!("{}: {what}", ratio(unit, parts)))
    };
    levels.into_iter().map(level).collect()
}

/// Whether some net has a layer of two or more units, which could be alike.
fn some_layer_is_wide(sweep: &Sweep) -> bool {
    match sweep.setting("net.hidden").and_then(Json::as_array) {
        Some(widths) => widths.iter().any(|width| width.as_u64() > Some(1)),
        // Swept, as words such as 8x8.
        None => sweep.keys.iter().filter(|key| key.name == "net.hidden").any(|key| {
            let mut widths = key.names.iter().flat_map(|name| name.split('x'));
            widths.any(|width| !["none", "1"].contains(&width))
        }),
    }
}

/// `1/6`, in lowest terms.
fn ratio(above: u32, below: u32) -> String {
    let common = (1..=above.min(below))
        .rev()
        .find(|n| above.is_multiple_of(*n) && below.is_multiple_of(*n))
        .unwrap_or(1);
    match below / common {
        1 => (above / common).to_string(),
        below => format!("{}/{below}", above / common),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_fractions() {
        assert_eq!(
            [(1, 6), (2, 6), (4, 4), (8, 6), (2, 8)].map(|(a, b)| ratio(a, b)),
            ["1/6", "1/3", "1", "4/3", "1/4"]
        );
    }

    #[test]
    fn every_loss_has_a_bin() {
        let edges = edges(1e-7, 0.25);
        assert_eq!(edges.len(), BINS + 1);
        assert!(edges[0] <= 1e-7 * 1.000001 && edges[BINS] >= 0.25 * 0.999999);
        assert!(edges.windows(2).all(|pair| pair[0] < pair[1]));
        let one = super::edges(0.25, 0.25);
        assert!(one[0] < 0.25 && one[BINS] > 0.25);
    }

    #[test]
    fn the_decades_of_most_runs_are_shown() {
        assert_eq!(window(&[(-3, 5), (1, 2)].into()), [-3, 13]);
        assert_eq!(window(&[(-3, 50), (1, 20), (26, 3)].into()), [-3, 13]);
        assert_eq!(window(&[(-30, 1), (-3, 50), (1, 20)].into()), [-3, 13]);
        assert_eq!(window(&BTreeMap::new()), [0, DECADES]);
    }

    #[test]
    fn solved_runs_stand_under_the_others() {
        let counts = Counts { zero: [1, 0], bins: [(3, [2, 5])].into() };
        let layers = counts.layers(&edges(1e-3, 1.0), "");
        let [Layer::Bars { bars: solved, .. }, Layer::Bars { bars: not, .. }] = &layers[..] else {
            panic!("two layers")
        };
        assert_eq!(solved.iter().map(|bar| bar.y).collect::<Vec<_>>(), [(0.0, 1.0), (0.0, 2.0)]);
        assert_eq!(not.iter().map(|bar| bar.y).collect::<Vec<_>>(), [(2.0, 7.0)]);
        assert_eq!(counts.most(), 7);
    }
}
