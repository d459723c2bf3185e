//! The conclusion of a sweep in words, computed from its counts.

use std::fmt::Write;

use serde::Serialize;

use super::counts::{Counted, Happened, Share, Trials};
use crate::fit::half::{self, Half};
use crate::measure::statistics::wilson;
use crate::plot::axis::number;
use crate::plot::roles::{by_interest, spread};
use crate::plot::sweep::Sweep;
use crate::plot::words::{
    SURE, bare_percent, capitalized, counted, grouped, label, meaning, percent, surely,
};

/// What is concluded of one thing that may happen to runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `Breaking symmetry`
    pub about: &'static str,
    /// One for each combination of the keys that are not the one across.
    pub lines: Vec<Line>,
}

/// A conclusion for one combination of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// `activation logistic`; empty where there is but one combination.
    pub of: String,
    /// Sentences.
    pub text: String,
}

/// Combinations of which something is said; the table tells of the rest.
pub const LINES: usize = 7;
/// Of so many cells with hardly a run each it is the picture that tells, not a sentence for each line of cells.
const MAP: usize = 100;
/// Values of a key without order that are all named.
const NAMED: usize = 8;

/// The whole sweep in a sentence or two.
pub fn lead(counted_cells: &Counted) -> String {
    let total = |what| counted_cells.total(what);
    let (runs, cells) = (total(Happened::Broken).of, counted_cells.cells.len() as u64);
    if runs == 0 {
        return "No run is there yet.".into();
    }
    let among = if cells == 1 { String::new() } else { format!(" in {}", counted(cells, "cell")) };
    let interval = |share: Share| {
        if cells == 1 { format!(" {}", share.interval()) } else { String::new() }
    };
    let (broken, solved, diverged) =
        (total(Happened::Broken), total(Happened::Solved), total(Happened::Diverged));
    if runs == 1 {
        return match (diverged.count, broken.count, solved.count) {
            (1, ..) => "The one run diverges.",
            (_, 0, 0) => "The one run neither breaks symmetry nor solves the task.",
            (_, 0, _) => "The one run does not break symmetry and solves the task.",
            (_, _, 0) => "The one run breaks symmetry and does not solve the task.",
            _ => "The one run breaks symmetry and solves the task.",
        }
        .into();
    }
    let end = match diverged.count {
        0 => "none diverges".to_string(),
        _ => format!(
            "{} {}",
            percent(diverged.value()),
            if diverged.count == 1 { "diverges (one run)" } else { "diverge" }
        ),
    };
    format!(
        "Of {}{among}, {} break symmetry{} and {} solve the task{}; {end}.",
        counted(runs, "run"),
        percent(broken.value()),
        interval(broken),
        percent(solved.value()),
        interval(solved),
    )
}

/// What is swept, as a question.
pub fn question(sweep: &Sweep) -> String {
    let keys: Vec<String> = sweep
        .keys
        .iter()
        .filter(|key| key.names.len() > 1)
        .map(|key| {
            let name = label(&key.name);
            match (key.numbers.first(), key.numbers.last()) {
                (Some(first), Some(last)) if key.numbers.len() > NAMED => {
                    let values = key.numbers.len();
                    format!("{name}: {values} values from {} to {}", number(*first), number(*last))
                }
                _ if key.names.len() > NAMED => format!("{name}: {} values", key.names.len()),
                _ => format!("{name}: {}", key.names.join(", ")),
            }
        })
        .collect();
    let runs = match sweep.most_runs() {
        1 => "One network is trained in each cell".to_string(),
        most => format!("{} networks are trained in each cell", grouped(most)),
    };
    match keys.len() {
        0 => format!("Nothing is swept: {} from the same setting.", counted(sweep.total_runs(), "network")),
        _ => format!("Swept: {}. {runs}, a cell being one combination of these.", keys.join("; ")),
    }
}

/// What the counts say, for each thing that may happen.
pub fn findings(sweep: &Sweep, counted_cells: &Counted, trials: Option<&Trials>) -> Vec<Finding> {
    let swept: Vec<usize> = by_interest(sweep);
    if swept.is_empty() || (sweep.most_runs() < 5 && sweep.rows.len() >= MAP) {
        return Vec::new();
    }
    let diverged = counted_cells.total(Happened::Diverged).count > 0;
    let all = [Happened::Broken, Happened::Solved, Happened::Diverged];
    all.into_iter()
        .filter(|what| *what != Happened::Diverged || diverged)
        .map(|what| Finding { about: what.title(), lines: lines(sweep, counted_cells, trials, what, &swept) })
        .collect()
}

/// The cells along one key, at one value of every other.
struct Along<'a> {
    /// `perturbation scale`
    key: String,
    what: Happened,
    /// By value, ascending if it has an order.
    shares: Vec<Share>,
    names: Vec<&'a str>,
    /// If all values are.
    numbers: Vec<f64>,
    /// The places of the cells, in the same order.
    rows: Vec<usize>,
}

fn lines(
    sweep: &Sweep,
    counted_cells: &Counted,
    trials: Option<&Trials>,
    what: Happened,
    swept: &[usize],
) -> Vec<Line> {
    let (across, others) = (swept[0], &swept[1..]);
    let mut groups: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (at, row) in sweep.rows.iter().enumerate().filter(|(_, row)| row.runs > 0) {
        let values: Vec<usize> = others.iter().map(|key| row.values[*key]).collect();
        let place = *places.entry(values.clone()).or_insert_with(|| {
            groups.push((values, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(at);
    }
    groups.sort();
    let left_out = groups.len().saturating_sub(LINES);
    let mut lines: Vec<Line> = spread(groups.len(), LINES)
        .into_iter()
        .map(|n| {
            let (values, rows) = &groups[n];
            let of = combination(others.iter().zip(values).map(|(key, value)| {
                let key = &sweep.keys[*key];
                (key.name.as_str(), key.names[*value].clone())
            }));
            let mut rows = rows.clone();
            rows.sort_by_key(|at| sweep.rows[*at].values[across]);
            let key = &sweep.keys[across];
            let slots = || rows.iter().map(|at| sweep.rows[*at].values[across]);
            let along = Along {
                key: short(&key.name),
                what,
                shares: rows.iter().map(|at| counted_cells.share(*at, what)).collect(),
                names: slots().map(|slot| key.names[slot].as_str()).collect(),
                numbers: if key.is_ordered() {
                    slots().map(|slot| key.numbers[slot]).collect()
                } else {
                    Vec::new()
                },
                rows,
            };
            Line { of, text: along.text(trials) }
        })
        .collect();
    if left_out > 0 {
        lines.push(Line {
            of: String::new(),
            text: format!("{} not spelled out here; the table has them.", further(left_out as u64)),
        });
    }
    lines
}

/// `Activation logistic, learning rate 0.5` of keys and values
pub fn combination<'a>(values: impl Iterator<Item = (&'a str, String)>) -> String {
    let each: Vec<String> = values.map(|(key, value)| format!("{} {value}", short(key))).collect();
    capitalized(&each.join(", "))
}

/// `2 further combinations are`
pub fn further(n: u64) -> String {
    if n == 1 {
        "One further combination is".into()
    } else {
        format!("{} further combinations are", grouped(n))
    }
}

/// A key without its table where nobody said what it means.
pub fn short(name: &str) -> String {
    meaning(name).unwrap_or_else(|| name.to_string())
}

impl Along<'_> {
    fn text(&self, trials: Option<&Trials>) -> String {
        let all = self.shares.iter().fold(Share::default(), |sum, share| sum.plus(*share));
        let (what, values) = (self.what, self.shares.len());
        if values == 1 {
            return format!(
                "{} of {} {} {}, at {} {}, the only value there.",
                percent(all.value()),
                counted(all.of, "run"),
                what.plural(),
                all.interval(),
                self.key,
                self.names[0]
            );
        }
        if all.count == 0 || all.count == all.of {
            // The least of them bounds the least.
            let loosest = self.shares.iter().copied().min_by_key(|share| share.of).unwrap_or_default();
            let (low, high) = loosest.ends();
            let (who, bound) = match all.count {
                0 => (format!("No run {} at any", what.singular()), format!("under {}", percent(high))),
                _ => (format!("Every run {} at each", what.singular()), format!("over {}", percent(low))),
            };
            return format!(
                "{who} of {values} values of the {}: {} of {} ({SURE} at each: {bound}).",
                self.key,
                grouped(all.count),
                grouped(all.of)
            );
        }
        if self.numbers.is_empty() { self.unordered() } else { self.ordered(trials) }
    }

    /// Of a key whose values have no order: what it is at each, or at the ends.
    fn unordered(&self) -> String {
        let mut order: Vec<usize> = (0..self.shares.len()).collect();
        order.sort_by(|a, b| self.shares[*b].value().total_cmp(&self.shares[*a].value()));
        let each = |at: &usize| {
            let share = self.shares[*at];
            format!("{}: {} {}", self.names[*at], percent(share.value()), share.interval())
        };
        let what = self.what.plural();
        if order.len() <= NAMED {
            let all: Vec<String> = (0..order.len()).map(|at| each(&at)).collect();
            return format!("By {}, of the runs {what}: {}.", self.key, all.join("; "));
        }
        format!(
            "By {}, most {what} at {}; fewest at {}.",
            self.key,
            each(&order[0]),
            each(&order[order.len() - 1])
        )
    }

    /// Of a key whose values are numbers: where nothing happens, where it is half, where it always happens.
    fn ordered(&self, trials: Option<&Trials>) -> String {
        let last = self.shares.len() - 1;
        let mut text = String::new();
        if let Some(certain) = self.shares[0].certain() {
            let end = self.shares.iter().take_while(|share| share.certain() == Some(certain)).count() - 1;
            let place = if end == 0 { "At" } else { "Up to" };
            self.certain(&mut text, format!("{place} {} {}", self.key, self.names[end]), certain, 0..=end);
        }
        let crosses = self.half(&mut text, trials);
        if let Some(certain) = self.shares[last].certain() {
            let start = last + 1
                - self.shares.iter().rev().take_while(|share| share.certain() == Some(certain)).count();
            let place = if start == last {
                format!("At {} {}", self.key, self.names[last])
            } else {
                format!("From {} {} up", self.key, self.names[start])
            };
            self.certain(&mut text, place, certain, start..=last);
        } else if crosses {
            let share = self.shares[last];
            let _ = write!(
                text,
                "At the highest, {}, {} do {}.",
                self.names[last],
                percent(share.value()),
                share.interval()
            );
        }
        text.trim_end().to_string()
    }

    /// Where all runs do, or none does.
    fn certain(&self, text: &mut String, place: String, all: bool, range: std::ops::RangeInclusive<usize>) {
        let shares = &self.shares[range];
        let loosest = shares.iter().copied().min_by_key(|share| share.of).unwrap_or_default();
        let same = shares.iter().all(|share| share.of == loosest.of);
        let of = if same { format!(" of {}", grouped(loosest.of)) } else { String::new() };
        let each = if shares.len() > 1 { " at each" } else { "" };
        let (low, high) = loosest.ends();
        // Writing to a String cannot fail.
        let _ = match all {
            false => write!(
                text,
                "{place}, no run{of} {} ({SURE}{each}: under {}). ",
                self.what.singular(),
                percent(high)
            ),
            true => write!(
                text,
                "{place}, every run{of} {} ({SURE}{each}: over {}). ",
                self.what.singular(),
                percent(low)
            ),
        };
    }

    /// Where half of the runs do, or how close it comes.
    /// Whether it crosses.
    fn half(&self, text: &mut String, trials: Option<&Trials>) -> bool {
        let over: Vec<bool> = self.shares.iter().map(|share| 2 * share.count >= share.of).collect();
        let crossings: Vec<usize> = (1..over.len()).filter(|at| over[*at] != over[at - 1]).collect();
        let Some(&first) = crossings.first() else {
            let by_value =
                |a: &&usize, b: &&usize| self.shares[**a].value().total_cmp(&self.shares[**b].value());
            let places: Vec<usize> = (0..over.len()).collect();
            let (at, most) = match over[0] {
                false => (places.iter().rev().max_by(by_value), "At most"),
                true => (places.iter().min_by(by_value), "At least"),
            };
            let Some(&at) = at else { return false };
            let share = self.shares[at];
            let _ = write!(
                text,
                "{most} {} of the runs {} {}, at {} {}. ",
                percent(share.value()),
                self.what.plural(),
                share.interval(),
                self.key,
                self.names[at]
            );
            return false;
        };
        let (before, after) = (self.names[first - 1], self.names[first]);
        let rises = over[first];
        match self.fitted(trials, rises) {
            Some(half) => {
                let (least, most) = (self.numbers[0], self.numbers[self.numbers.len() - 1]);
                // Beyond the values that were swept an interval is the curve's guess.
                let low = half.low.filter(|low| *low >= least).map(rough);
                let high = half.high.filter(|high| *high <= most).map(rough);
                let interval = match (low, high) {
                    (Some(low), Some(high)) => format!("{SURE}: {low} to {high}"),
                    (Some(low), None) => format!("{SURE}: {low} or more, the values end before"),
                    (None, Some(high)) => format!("{SURE}: {high} or less, the values begin after"),
                    (None, None) => "too few runs for an interval".into(),
                };
                let still = if rises { "" } else { "still " };
                let _ = write!(
                    text,
                    "Half of the runs {still}{} at {} {} ({interval}). ",
                    self.what.plural(),
                    self.key,
                    rough(half.scale)
                );
            }
            None => {
                let sides = [self.shares[first - 1], self.shares[first]];
                let verb = if rises { "rises" } else { "falls" };
                let _ = write!(
                    text,
                    "Between {} {before} and {after} the share that {} {verb} through one half",
                    self.key,
                    self.what.singular()
                );
                // What is certain is said by itself.
                let _ = match sides.map(Share::certain) {
                    [Some(_), Some(_)] => write!(text, ". "),
                    [Some(_), None] => {
                        write!(text, ", to {} {}. ", percent(sides[1].value()), sides[1].interval())
                    }
                    [None, Some(_)] => {
                        write!(text, ", from {} {}. ", percent(sides[0].value()), sides[0].interval())
                    }
                    [None, None] => write!(
                        text,
                        ", from {} {} to {} {}. ",
                        percent(sides[0].value()),
                        sides[0].interval(),
                        percent(sides[1].value()),
                        sides[1].interval()
                    ),
                };
            }
        }
        if crossings.len() > 1 {
            let again: Vec<String> = crossings[1..]
                .iter()
                .take(3)
                .map(|at| format!("{} and {}", self.names[at - 1], self.names[*at]))
                .collect();
            let more = if crossings.len() > 4 { ", and at further values" } else { "" };
            let _ = write!(text, "It goes through one half again between {}{more}. ", again.join(", then "));
        }
        true
    }

    /// The curve is one in the logarithm of the key: of keys that have none, such as parameters of both signs, nothing is
    /// fitted.
    fn fitted(&self, trials: Option<&Trials>, rises: bool) -> Option<Half> {
        if self.numbers[0] < 0.0 {
            return None;
        }
        let mut all = Vec::new();
        for (at, scale) in self.rows.iter().zip(&self.numbers) {
            trials?.add(*at, self.what, *scale, &mut all);
        }
        // At 0 there is no logarithm; what crosses right after it is not seen by the fit.
        let swept = self.numbers[0]..=self.numbers[self.numbers.len() - 1];
        half::half(&all).ok().filter(|half| half.rises == rises && !half.jumps && swept.contains(&half.scale))
    }
}

/// To three digits.
pub fn rough(x: f64) -> String {
    number(format!("{x:.2e}").parse().unwrap_or(x))
}

impl Share {
    /// `(95 %: 10.4 to 14.5 %)`
    pub fn interval(self) -> String {
        let (low, high) = self.ends();
        surely(low, high)
    }

    /// `10.4–14.5`
    pub fn ends_in_percent(self) -> String {
        let (low, high) = self.ends();
        format!("{}–{}", bare_percent(low), bare_percent(high))
    }

    fn ends(self) -> (f64, f64) {
        wilson(self.count, self.of).unwrap_or((0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sweep of these keys; each row holds their values, runs, and of those broken, solved and diverged.
    fn made(keys: &str, rows: &[(&str, u64, u64, u64, u64)]) -> (tempfile::TempDir, Sweep, Counted) {
        let place = tempfile::tempdir().unwrap();
        let comma = if keys.is_empty() { "" } else { "," };
        let mut text = format!("cell{comma}{keys},runs,broken,solved,diverged,stuck_plateau,stuck_moving\n");
        for (cell, (values, runs, broken, solved, diverged)) in rows.iter().enumerate() {
            text += &format!("{cell}{comma}{values},{runs},{broken},{solved},{diverged},0,0\n");
        }
        std::fs::write(place.path().join("cells.csv"), text).unwrap();
        let sweep = Sweep::open(place.path(), &[]).unwrap();
        let counted_cells = Counted::of(&sweep).unwrap();
        (place, sweep, counted_cells)
    }

    /// What is said of breaking, with spaces that do break; of several combinations a line each.
    fn said(keys: &str, rows: &[(&str, u64, u64)]) -> String {
        let rows: Vec<_> =
            rows.iter().map(|(values, runs, broken)| (*values, *runs, *broken, 0, 0)).collect();
        let (_place, sweep, counted_cells) = made(keys, &rows);
        let trials = Trials::counted(&counted_cells);
        let lines = findings(&sweep, &counted_cells, Some(&trials)).remove(0).lines;
        let line = |line: &Line| {
            if line.of.is_empty() { line.text.clone() } else { format!("{}. {}", line.of, line.text) }
        };
        lines.iter().map(line).collect::<Vec<_>>().join("\n").replace('\u{a0}', " ")
    }

    #[test]
    fn where_none_where_half_and_where_all() {
        assert_eq!(
            said(
                "init.scale",
                &[("0", 100, 0), ("0.01", 100, 0), ("0.1", 100, 30), ("1", 100, 80), ("10", 100, 100)]
            ),
            "Up to perturbation scale 0.01, no run of 100 breaks symmetry (95 % at each: under 3.7 %). Half of the runs \
             break symmetry at perturbation scale 0.25 (95 %: 0.188 to 0.334). At perturbation scale 10, every run of 100 \
             breaks symmetry (95 %: over 96.3 %)."
        );
        // The other way round.
        assert_eq!(
            said("train.lr", &[("0.5", 10, 10), ("1", 10, 8), ("2", 10, 3), ("4", 10, 1)]),
            "At learning rate 0.5, every run of 10 breaks symmetry (95 %: over 72.2 %). Half of the runs still break \
             symmetry at learning rate 1.63 (95 %: 1.19 to 2.53). At the highest, 4, 10.0 % do (95 %: 1.8 to 40.4 %)."
        );
    }

    #[test]
    fn jumps_are_between_and_nothing_is_fitted_at_zero_or_below() {
        assert_eq!(
            said("init.scale", &[("0", 50, 0), ("0.1", 50, 50)]),
            "At perturbation scale 0, no run of 50 breaks symmetry (95 %: under 7.1 %). Between perturbation scale 0 and \
             0.1 the share that breaks symmetry rises through one half. At perturbation scale 0.1, every run of 50 breaks \
             symmetry (95 %: over 92.9 %)."
        );
        let text = said("init.value.3", &[("-1", 20, 3), ("0", 20, 9), ("1", 20, 19)]);
        assert_eq!(
            text,
            "Between initial parameter 3 0 and 1 the share that breaks symmetry rises through one half, from 45.0 % (95 %: \
             25.8 to 65.8 %) to 95.0 % (95 %: 76.4 to 99.1 %). At the highest, 1, 95.0 % do (95 %: 76.4 to 99.1 %)."
        );
    }

    #[test]
    fn never_always_and_hardly() {
        assert_eq!(
            said("init.scale", &[("1e-6", 1000, 0), ("1e-3", 1000, 0)]),
            "No run breaks symmetry at any of 2 values of the perturbation scale: 0 of 2,000 (95 % at each: under 0.4 %)."
        );
        assert_eq!(
            said("init.scale", &[("1", 3, 3), ("2", 3, 3)]),
            "Every run breaks symmetry at each of 2 values of the perturbation scale: 6 of 6 (95 % at each: over 43.9 %)."
        );
        assert_eq!(
            said("init.scale", &[("1", 10, 1), ("2", 10, 4), ("3", 10, 2)]),
            "At most 40.0 % of the runs break symmetry (95 %: 16.8 to 68.7 %), at perturbation scale 2."
        );
        assert_eq!(
            said("init.scale", &[("1", 10, 9), ("2", 10, 6), ("3", 10, 8)]),
            "At least 60.0 % of the runs break symmetry (95 %: 31.3 to 83.2 %), at perturbation scale 2."
        );
    }

    #[test]
    fn a_share_that_turns_back_says_so() {
        let text = said(
            "init.scale",
            &[("0.1", 40, 0), ("1", 40, 39), ("10", 40, 2), ("100", 40, 40), ("1000", 40, 0)],
        );
        assert!(
            text.contains(
                "It goes through one half again between 1 and 10, then 10 and 100, then 100 and 1000."
            ),
            "{text}"
        );
    }

    #[test]
    fn words_and_hostile_names_and_other_keys() {
        assert_eq!(
            said("net.activation", &[("tanh", 10, 10), ("relu", 10, 6)]),
            "By activation, of the runs break symmetry: tanh: 100 % (95 %: 72.2 to 100 %); relu: 60.0 % (95 %: 31.3 to \
             83.2 %)."
        );
        assert_eq!(
            said(
                "<b>,init.scale",
                &[("a&b,1", 10, 0), ("a&b,2", 10, 0), ("NaN,1", 10, 10), ("NaN,2", 10, 10)]
            ),
            "<b> a&b. No run breaks symmetry at any of 2 values of the perturbation scale: 0 of 20 (95 % at each: under \
             27.8 %).\n<b> NaN. Every run breaks symmetry at each of 2 values of the perturbation scale: 20 of 20 (95 % \
             at each: over 72.2 %)."
        );
    }

    #[test]
    fn many_combinations_are_counted_not_told() {
        let rows: Vec<(String, u64, u64)> =
            (0..20).map(|n| (format!("{},{}", n / 2, 1 + n % 2), 10, 0)).collect();
        let rows: Vec<(&str, u64, u64)> =
            rows.iter().map(|(values, r, b)| (values.as_str(), *r, *b)).collect();
        let text = said("task.seed,init.scale", &rows);
        assert_eq!(text.lines().count(), LINES + 1);
        assert!(
            text.starts_with("Seed of the task 0. ") && text.contains("\nSeed of the task 9. "),
            "{text}"
        );
        assert!(
            text.ends_with("3 further combinations are not spelled out here; the table has them."),
            "{text}"
        );
    }

    #[test]
    fn the_whole_sweep_in_a_sentence() {
        let lead_of = |keys: &str, rows: &[(&str, u64, u64, u64, u64)]| {
            let (_place, sweep, counted_cells) = made(keys, rows);
            (
                lead(&counted_cells).replace('\u{a0}', " "),
                question(&sweep),
                findings(&sweep, &counted_cells, None).len(),
            )
        };
        let (one, nothing, found) = lead_of("", &[("", 1000, 432, 200, 1)]);
        assert_eq!(
            one,
            "Of 1,000 runs, 43.2 % break symmetry (95 %: 40.2 to 46.3 %) and 20.0 % solve the task (95 %: 17.6 to 22.6 %); \
             0.1 % diverges (one run)."
        );
        assert_eq!((nothing.as_str(), found), ("Nothing is swept: 1,000 networks from the same setting.", 0));
        let (single, ..) = lead_of("", &[("", 1, 0, 1, 0)]);
        assert_eq!(single, "The one run does not break symmetry and solves the task.");
        let (diverged, ..) = lead_of("", &[("", 1, 0, 0, 1)]);
        assert_eq!(diverged, "The one run diverges.");
        let (none, ..) = lead_of("init.scale", &[("1", 0, 0, 0, 0)]);
        assert_eq!(none, "No run is there yet.");
        let (two, question, found) = lead_of("init.scale", &[("1", 4, 4, 1, 2), ("2", 4, 4, 1, 2)]);
        assert_eq!(
            two,
            "Of 8 runs in 2 cells, 100 % break symmetry and 25.0 % solve the task; 50.0 % diverge."
        );
        assert_eq!(
            question,
            "Swept: perturbation scale (init.scale): 1, 2. 4 networks are trained in each cell, a cell being one \
             combination of these."
        );
        assert_eq!(found, 3, "diverging is a finding of its own");
    }
}
