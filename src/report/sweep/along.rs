//! What the cells along one key say, in sentences.

use std::fmt::Write;
use std::ops::RangeInclusive;

use super::counts::{Counted, Happened, Share, Trials};
use crate::fit::half::{self, Half};
use crate::measure::statistics::wilson;
use crate::plot::axis::number;
use crate::plot::words::{SURE, bare_percent, counted, grouped, percent, surely};

/// Values of a key without order that are all named.
pub const NAMED: usize = 8;

/// The cells along one key, at one value of every other.
pub struct Along<'a> {
    /// `perturbation scale`
    pub key: String,
    /// Its values, ascending if they have an order.
    pub names: Vec<&'a str>,
    /// If all values are.
    pub numbers: Vec<f64>,
    /// The places of the cells, in the same order.
    pub rows: Vec<usize>,
}

impl Along<'_> {
    /// How often something happens along the key.
    pub fn text(&self, what: Happened, counted_cells: &Counted, trials: Option<&Trials>) -> String {
        let shares = self.rows.iter().map(|at| counted_cells.share(*at, what)).collect();
        Shares { along: self, what, shares }.text(trials)
    }

    /// The mean accuracies along the key; `values` has one for each row of the sweep, NaN where there is none.
    pub fn accuracies(&self, values: &[f64]) -> String {
        let there: Vec<(f64, &str)> = self
            .rows
            .iter()
            .zip(&self.names)
            .map(|(at, name)| (values[*at], *name))
            .filter(|(value, _)| value.is_finite())
            .collect();
        let best = there.iter().copied().reduce(|best, one| if one.0 > best.0 { one } else { best });
        let (Some(first), Some(last), Some(best)) = (there.first(), there.last(), best) else {
            return "There is none.".into();
        };
        let key = &self.key;
        if there.len() == 1 {
            return format!("{} on average, at {key} {}.", percent(first.0), first.1);
        }
        if self.numbers.is_empty() && there.len() <= NAMED {
            let each: Vec<String> =
                there.iter().map(|(value, name)| format!("{name} {}", percent(*value))).collect();
            return format!("On average, by {key}: {}.", each.join("; "));
        }
        let ends = format!("{} at {key} {} and {} at {}", percent(first.0), first.1, percent(last.0), last.1);
        if best.0 > first.0.max(last.0) {
            return format!("On average {ends}; most, {}, at {}.", percent(best.0), best.1);
        }
        format!("On average {ends}.")
    }
}

/// How often one thing happens along a key.
struct Shares<'a> {
    along: &'a Along<'a>,
    what: Happened,
    shares: Vec<Share>,
}

impl Shares<'_> {
    fn text(&self, trials: Option<&Trials>) -> String {
        let all = self.shares.iter().fold(Share::default(), |sum, share| sum.plus(*share));
        let (what, key, values) = (self.what, &self.along.key, self.shares.len());
        if values == 1 {
            return format!(
                "{} of {} {} {}, at {key} {}, the only value there.",
                percent(all.value()),
                counted(all.of, "run"),
                what.plural(),
                all.interval(),
                self.along.names[0]
            );
        }
        if all.count == 0 || all.count == all.of {
            // The least of them bounds the least.
            let (low, high) = self.loosest(0..=values - 1).ends();
            let (who, bound) = match all.count {
                0 => (format!("No run {} at any", what.singular()), format!("under {}", percent(high))),
                _ => (format!("Every run {} at each", what.singular()), format!("over {}", percent(low))),
            };
            return format!(
                "{who} {key} ({values} values): {} of {} ({SURE} at each: {bound}).",
                grouped(all.count),
                grouped(all.of)
            );
        }
        if self.along.numbers.is_empty() { self.unordered() } else { self.ordered(trials) }
    }

    fn loosest(&self, range: RangeInclusive<usize>) -> Share {
        self.shares[range].iter().copied().min_by_key(|share| share.of).unwrap_or_default()
    }

    /// `0.5: 43.2 % (95 %: 40.2 to 46.3 %)` of one place
    fn figures(&self, at: usize) -> String {
        format!("{} {}", percent(self.shares[at].value()), self.shares[at].interval())
    }

    /// Places of the lowest and of the highest share; of equals the first.
    fn extremes(&self) -> [usize; 2] {
        let value = |at: usize| self.shares[at].value();
        let places = 1..self.shares.len();
        let lowest = places.clone().fold(0, |low, at| if value(at) < value(low) { at } else { low });
        let highest = places.fold(0, |high, at| if value(at) > value(high) { at } else { high });
        [lowest, highest]
    }

    /// Of a key whose values have no order: what it is at each, or at the ends.
    fn unordered(&self) -> String {
        let (what, key, names) = (self.what, &self.along.key, &self.along.names);
        if names.len() <= NAMED {
            let each: Vec<String> =
                (0..names.len()).map(|at| format!("{} {}", names[at], self.figures(at))).collect();
            return format!("The share that {}, by {key}: {}.", what.singular(), each.join("; "));
        }
        let [lowest, highest] = self.extremes();
        format!(
            "By {key}, most {} at {}, {}; fewest at {}, {}.",
            what.plural(),
            names[highest],
            self.figures(highest),
            names[lowest],
            self.figures(lowest)
        )
    }

    /// Of a key whose values are numbers: where nothing happens, where it is half, where it always happens.
    fn ordered(&self, trials: Option<&Trials>) -> String {
        let (key, names) = (&self.along.key, &self.along.names);
        let last = self.shares.len() - 1;
        let mut text = String::new();
        if let Some(certain) = self.shares[0].certain() {
            let end = self.shares.iter().take_while(|share| share.certain() == Some(certain)).count() - 1;
            let place = if end == 0 { "At" } else { "Up to" };
            self.certain(&mut text, format!("{place} {key} {}", names[end]), certain, 0..=end);
        }
        let crosses = self.half(&mut text, trials);
        if let Some(certain) = self.shares[last].certain() {
            let start = last + 1
                - self.shares.iter().rev().take_while(|share| share.certain() == Some(certain)).count();
            let place = if start == last {
                format!("At {key} {}", names[last])
            } else {
                format!("From {key} {} up", names[start])
            };
            self.certain(&mut text, place, certain, start..=last);
        } else if crosses {
            let share = self.shares[last];
            let (name, value) = (names[last], percent(share.value()));
            let _ = write!(text, "At the highest, {name}, {value} do {}.", share.interval());
        }
        text.trim_end().to_string()
    }

    /// Where all runs do, or none does.
    fn certain(&self, text: &mut String, place: String, all: bool, range: RangeInclusive<usize>) {
        let loosest = self.loosest(range.clone());
        let shares = &self.shares[range];
        let same = loosest.of > 1 && shares.iter().all(|share| share.of == loosest.of);
        let of = if same { format!(" of {}", grouped(loosest.of)) } else { String::new() };
        let each = if shares.len() > 1 { " at each" } else { "" };
        let (low, high) = loosest.ends();
        let (who, bound) = match all {
            false => ("no", format!("under {}", percent(high))),
            true => ("every", format!("over {}", percent(low))),
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "{place}, {who} run{of} {} ({SURE}{each}: {bound}). ", self.what.singular());
    }

    /// Says where half of the runs do, or how far from half they stay. Gives whether the share crosses one half.
    fn half(&self, text: &mut String, trials: Option<&Trials>) -> bool {
        let over: Vec<bool> = self.shares.iter().map(|share| 2 * share.count >= share.of).collect();
        let Some(first) = (1..over.len()).find(|at| over[*at] != over[at - 1]) else {
            *text += &self.without_half(over[0]);
            return false;
        };
        let rises = over[first];
        *text += &match self.fitted(trials, first, rises) {
            Some(half) => self.at_half(&half),
            None => self.between(first, rises),
        };
        *text += &self.peak();
        *text += &self.turns(first, rises);
        true
    }

    /// How far from half it stays.
    fn without_half(&self, over: bool) -> String {
        let (key, names, plural) = (&self.along.key, &self.along.names, self.what.plural());
        let [lowest, highest] = self.extremes();
        let value = |at: usize| self.shares[at].value();
        if value(lowest) == value(highest) {
            let same = self.shares.iter().all(|share| share.of == self.shares[0].of);
            let (low, high) = self.shares[0].ends();
            let interval = if same {
                format!(" ({SURE} at each: {} to {})", bare_percent(low), percent(high))
            } else {
                String::new()
            };
            return format!("At every {key} {} of the runs {plural}{interval}. ", percent(value(lowest)));
        }
        let place = |at: usize| {
            let others = self.shares.iter().filter(|share| share.value() == value(at)).count() - 1;
            let also = match others {
                0 => String::new(),
                1 => " and one other value".into(),
                more => format!(" and {more} other values"),
            };
            format!("{key} {}{also}", names[at])
        };
        match over {
            false => format!(
                "Nowhere do half of the runs {plural}: at most {} do, at {}. ",
                self.figures(highest),
                place(highest)
            ),
            true => format!(
                "Everywhere at least half of the runs {plural}: from {} at {} to {} at {}. ",
                self.figures(lowest),
                place(lowest),
                self.figures(highest),
                place(highest)
            ),
        }
    }

    /// The half-point of a fitted curve.
    fn at_half(&self, half: &Half) -> String {
        let numbers = &self.along.numbers;
        let (least, most) = (numbers[0], numbers[numbers.len() - 1]);
        // Beyond the values that were swept an interval is the curve's guess.
        let low = half.low.filter(|low| *low >= least).map(rough);
        let high = half.high.filter(|high| *high <= most).map(rough);
        let interval = match (low, high) {
            (Some(low), Some(high)) => format!("{SURE}: {low} to {high}"),
            (Some(low), None) => format!("{SURE}: from {low} to beyond the values that were swept"),
            (None, Some(high)) => format!("{SURE}: from below the values that were swept to {high}"),
            (None, None) => "too few runs for an interval".into(),
        };
        let still = if half.rises { "" } else { "still " };
        let (what, key) = (self.what.plural(), &self.along.key);
        format!("Half of the runs {still}{what} at {key} {} ({interval}). ", rough(half.scale))
    }

    /// The two values between which it crosses; what is certain at them is said by itself.
    fn between(&self, first: usize, rises: bool) -> String {
        let names = &self.along.names;
        let sides =
            [first - 1, first].map(|at| (self.shares[at].certain().is_none()).then(|| self.figures(at)));
        let ends = match sides {
            [None, None] => String::new(),
            [None, Some(to)] => format!(", to {to}"),
            [Some(from), None] => format!(", from {from}"),
            [Some(from), Some(to)] => format!(", from {from} to {to}"),
        };
        format!(
            "Between {} {} and {} the share that {} {} through one half{ends}. ",
            self.along.key,
            names[first - 1],
            names[first],
            self.what.singular(),
            if rises { "rises" } else { "falls" }
        )
    }

    /// The most and the fewest, where they are clearly not at the ends.
    fn peak(&self) -> String {
        let [lowest, highest] = self.extremes();
        let ends = [self.shares[0].ends(), self.shares[self.shares.len() - 1].ends()];
        if ends.iter().all(|(_, high)| self.shares[highest].ends().0 > *high) {
            return format!("Most do at {}: {}. ", self.along.names[highest], self.figures(highest));
        }
        if ends.iter().all(|(low, _)| self.shares[lowest].ends().1 < *low) {
            return format!("Fewest do at {}: {}. ", self.along.names[lowest], self.figures(lowest));
        }
        String::new()
    }

    /// Where it crosses one half again, as far as intervals are clear of it on both sides: the rest may be chance.
    fn turns(&self, first: usize, rises: bool) -> String {
        let (mut over, mut since) = (rises, first);
        let mut turns = Vec::new();
        for at in first..self.shares.len() {
            let (low, high) = self.shares[at].ends();
            if (over && high < 0.5) || (!over && low > 0.5) {
                let verb = if over { "falls" } else { "rises" };
                let names = &self.along.names;
                turns.push(format!("{verb} through one half between {} and {}", names[since], names[at]));
                over = !over;
            }
            if (over && low > 0.5) || (!over && high < 0.5) {
                since = at;
            }
        }
        match turns.len() {
            0 => String::new(),
            1..=3 => format!("It {}. ", turns.join(", then ")),
            more => format!("It {}, and turns {} times more. ", turns[..3].join(", then "), more - 3),
        }
    }

    /// The half-point of a logistic curve in the logarithm of the key, if it lies where the shares themselves cross, between the
    /// value `first` and that before: where they do not follow such a curve it may lie elsewhere. Of keys that have no
    /// logarithm, such as parameters of both signs, nothing is fitted.
    fn fitted(&self, trials: Option<&Trials>, first: usize, rises: bool) -> Option<Half> {
        let numbers = &self.along.numbers;
        if numbers[0] < 0.0 {
            return None;
        }
        let mut all = Vec::new();
        for (at, scale) in self.along.rows.iter().zip(numbers) {
            trials?.add(*at, self.what, *scale, &mut all);
        }
        // At 0 there is no logarithm; what crosses right after it is not seen by the fit.
        let crossing = numbers[first - 1]..=numbers[first];
        half::half(&all)
            .ok()
            .filter(|half| half.rises == rises && !half.jumps && crossing.contains(&half.scale))
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
