//! Axes: where a value stands, and which values are marked.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged};

/// Where the log axis starts if zero stands apart before it, as a share of the length of the axis.
const AFTER_ZERO: f64 = 0.13;
/// Where zero stands then.
const ZERO: f64 = 0.04;

/// How values become places.
#[derive(Clone, Debug, PartialEq)]
pub enum Scale {
    /// Equal differences are equal distances.
    Linear {
        /// Value at the start.
        low: f64,
        /// Value at the end.
        high: f64,
    },
    /// Equal ratios are equal distances.
    Log {
        /// Value at the start, above 0.
        low: f64,
        /// Value at the end.
        high: f64,
        /// Whether 0, which has no logarithm, stands apart before the start.
        zero: bool,
    },
    /// One slot of the same width for each value: places are those of the slots' numbers.
    Slots(Slots),
}

/// The values of an axis on which each has a slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Slots {
    /// What to call them.
    pub names: Vec<String>,
    /// What they are, ascending; empty if they are words.
    pub values: Vec<f64>,
}

/// A marked place of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Which value; on slots which slot, with a fraction between two.
    pub at: f64,
    /// Empty for a minor one.
    pub label: String,
}

impl Scale {
    /// From the smallest to the largest of some values, with a margin; logarithmic if `log`, where values under 0 are left
    /// out and zeros stand apart.
    pub fn of(values: impl IntoIterator<Item = f64>, log: bool) -> Scale {
        let (mut low, mut high, mut zero) = (f64::INFINITY, f64::NEG_INFINITY, false);
        for value in values.into_iter().filter(|value| value.is_finite()) {
            zero |= value == 0.0;
            if !log || value > 0.0 {
                (low, high) = (low.min(value), high.max(value));
            }
        }
        match (low <= high, log) {
            (false, false) => Scale::Linear { low: 0.0, high: 1.0 },
            (false, true) => Scale::Log { low: 1e-3, high: 1.0, zero },
            (true, false) => {
                // Halves first: the difference of two finite numbers may overflow.
                let margin = 2.0 * 0.03 * (high / 2.0 - low / 2.0);
                let margin = if margin > 0.0 { margin } else { 0.5 * high.abs() };
                let margin = if margin > 0.0 { margin } else { 0.5 };
                Scale::Linear { low: (low - margin).max(f64::MIN), high: (high + margin).min(f64::MAX) }
            }
            (true, true) => {
                let margin = if low < high { (high.ln() - low.ln()) * 0.03 } else { 10f64.ln() / 2.0 };
                let low = (low.ln() - margin).exp().max(f64::MIN_POSITIVE);
                Scale::Log { low, high: (high.ln() + margin).exp().min(f64::MAX), zero }
            }
        }
    }

    /// The place of a value, from 0 to 1; `None` of one that has none on this axis.
    pub fn position(&self, value: f64) -> Option<f64> {
        let place = match self {
            Scale::Linear { low, high } => (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0),
            Scale::Log { zero: true, .. } if value == 0.0 => ZERO,
            Scale::Log { low, high, zero } => {
                let start = if *zero { AFTER_ZERO } else { 0.0 };
                let share = (value.ln() - low.ln()) / (high.ln() - low.ln());
                if share < -1e-9 {
                    return None;
                }
                start + (1.0 - start) * share
            }
            Scale::Slots(slots) => slots.place(value),
        };
        (-1e-9..=1.0 + 1e-9).contains(&place).then(|| place.clamp(0.0, 1.0))
    }

    /// Whether its values are words, which have no order and nothing between them.
    pub fn is_of_words(&self) -> bool {
        matches!(self, Scale::Slots(slots) if slots.values.is_empty())
    }

    /// Where the stretch of the axis without values lies, if it has one.
    pub fn gap(&self) -> Option<Range<f64>> {
        match self {
            Scale::Log { zero: true, .. } => Some(2.0 * ZERO..AFTER_ZERO),
            Scale::Slots(slots) if slots.has_gap() => {
                let slot = 1.0 / slots.length();
                Some(slot..slot * (1.0 + GAP))
            }
            _ => None,
        }
    }

    /// The places to mark, with at most `most` labels.
    pub fn ticks(&self, most: usize) -> Vec<Tick> {
        let most = most.max(2);
        match self {
            Scale::Linear { low, high } => linear_ticks(*low, *high, most),
            Scale::Log { low, high, zero } => {
                let mut ticks = log_ticks(*low, *high, most - usize::from(*zero));
                if *zero {
                    ticks.insert(0, Tick { at: 0.0, label: "0".into() });
                }
                ticks
            }
            Scale::Slots(slots) => slots.ticks(most),
        }
    }
}

/// The width of the gap after the slot of zero, in slots.
const GAP: f64 = 0.5;

impl Slots {
    /// Whether the first slot is that of 0 on an otherwise logarithmic axis.
    fn has_gap(&self) -> bool {
        self.values.first() == Some(&0.0) && is_log(&self.values)
    }

    /// In slots.
    fn length(&self) -> f64 {
        self.names.len().max(1) as f64 + if self.has_gap() { GAP } else { 0.0 }
    }

    /// The place of the middle of a slot.
    fn place(&self, slot: f64) -> f64 {
        let gap = if self.has_gap() && slot >= 0.5 { GAP } else { 0.0 };
        (slot + 0.5 + gap) / self.length()
    }

    /// The places of the two ends of a slot.
    pub fn ends(&self, slot: usize) -> (f64, f64) {
        let (middle, half) = (self.place(slot as f64), 0.5 / self.length());
        (middle - half, middle + half)
    }

    fn ticks(&self, most: usize) -> Vec<Tick> {
        let named = |slot: usize| Tick { at: slot as f64, label: self.names[slot].clone() };
        let count = self.names.len();
        // Of more than a few, round values in between are easier to read than all of theirs.
        if count <= most.min(8) || self.values.len() != count {
            return (0..count).step_by(count.div_ceil(most).max(1)).map(named).collect();
        }
        let log = is_log(&self.values);
        let first = usize::from(self.has_gap());
        let (low, high) = (self.values[first], self.values[count - 1]);
        let round =
            if log { log_ticks(low, high, most - first) } else { linear_ticks(low, high, most - first) };
        let labelled = round.into_iter().filter(|tick| !tick.label.is_empty());
        let mut ticks: Vec<Tick> = (0..first).map(named).collect();
        ticks.extend(labelled.filter_map(|tick| Some(Tick { at: self.slot(tick.at, log)?, ..tick })));
        ticks
    }

    /// Where between the slots a value would stand.
    fn slot(&self, value: f64, log: bool) -> Option<f64> {
        let after = self.values.partition_point(|other| *other < value);
        let next = *self.values.get(after)?;
        if next == value || after == 0 {
            return (next == value).then_some(after as f64);
        }
        let before = self.values[after - 1];
        let share = if log && before > 0.0 {
            (value / before).ln() / (next / before).ln()
        } else {
            (value - before) / (next - before)
        };
        share.is_finite().then_some((after - 1) as f64 + share)
    }
}

/// Whether values are better shown by their logarithms: all 0 or more, three or more above 0 that span a factor of 8, and
/// steps that grow with them.
pub fn is_log(values: &[f64]) -> bool {
    let mut positive: Vec<f64> = values.iter().copied().filter(|value| *value > 0.0).collect();
    if positive.len() < 3 || values.iter().any(|value| !value.is_finite() || *value < 0.0) {
        return false;
    }
    positive.sort_by(f64::total_cmp);
    let (low, high) = (positive[0], positive[positive.len() - 1]);
    let middle = (positive[(positive.len() - 1) / 2] + positive[positive.len() / 2]) / 2.0;
    // On equal steps the middle value is near the arithmetic mean, on equal ratios near the geometric one.
    high / low >= 8.0 && middle < 0.4 * high
}

fn linear_ticks(low: f64, high: f64, most: usize) -> Vec<Tick> {
    let span = high - low;
    if !(span > 0.0 && span.is_finite()) {
        return vec![Tick { at: low, label: number(low) }];
    }
    let raw = span / most as f64;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|step| *step >= raw);
    let step = step.unwrap_or(10.0 * power);
    let first = (low / step).ceil();
    let ticks = (0..=most).map(|i| (first + i as f64) * step).take_while(|at| *at <= high + 1e-9 * span);
    // Sums of steps miss 0 and round numbers by a rounding error.
    labelled(ticks.map(|at| if at.abs() < 1e-9 * step { 0.0 } else { at }).collect())
}

fn labelled(places: Vec<f64>) -> Vec<Tick> {
    let labels = numbers(&places);
    places.into_iter().zip(labels).map(|(at, label)| Tick { at, label }).collect()
}

fn log_ticks(low: f64, high: f64, most: usize) -> Vec<Tick> {
    let (first, last) = (low.log10() - 1e-9, high.log10() + 1e-9);
    let decades: Vec<i32> = (first.ceil() as i32..=last.floor() as i32).collect();
    let inside = |at: &f64| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(at);
    if decades.len() < 2 {
        let span = (first.floor() as i32)..=(last.ceil() as i32);
        let all = span.flat_map(|k| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(k))).filter(inside);
        let ticks: Vec<Tick> = all.map(|at| Tick { at, label: number(at) }).collect();
        if (2..=most).contains(&ticks.len()) {
            return ticks;
        }
        if ticks.len() < 2 {
            return linear_ticks(low, high, most);
        }
    }
    let stride = decades.len().div_ceil(most.max(1)).max(1);
    // Ends beyond a thousandth or a thousand are written as powers, and then all are.
    let plain = decades.iter().all(|k| (-3..=4).contains(k));
    let mut ticks = Vec::new();
    for k in (first.floor() as i32)..=(last.floor() as i32) {
        let at = 10f64.powi(k);
        if inside(&at) {
            let label = match k.rem_euclid(stride as i32) {
                0 if plain => number(at),
                0 => power_of_ten(k),
                _ => String::new(),
            };
            ticks.push(Tick { at, label });
        }
        if stride == 1 && decades.len() <= 7 {
            let minor = (2..10).map(|m| f64::from(m) * at).filter(inside);
            ticks.extend(minor.map(|at| Tick { at, label: String::new() }));
        }
    }
    ticks
}

/// `10⁻³`
fn power_of_ten(k: i32) -> String {
    match k {
        0 => "1".into(),
        1 => "10".into(),
        _ => format!("10{}", superscript(k)),
    }
}

fn superscript(k: i32) -> String {
    let raised = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        other => char::from_u32(other as u32 - '0' as u32 + '⁰' as u32).unwrap_or(other),
    };
    k.to_string().chars().map(raised).collect()
}

/// A number for people, to four digits: `0.03`, `2.5·10⁻⁷`.
pub fn number(x: f64) -> String {
    written(format!("{x:.3e}").parse().unwrap_or(x))
}

/// Numbers for people, to as few digits, four or more, as set different ones apart.
pub fn numbers(all: &[f64]) -> Vec<String> {
    let to = |digits: usize| all.iter().map(move |x| written(format!("{x:.digits$e}").parse().unwrap_or(*x)));
    let told_apart = |digits: &usize| {
        let mut pairs: Vec<(f64, String)> = all.iter().copied().zip(to(*digits)).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        pairs.windows(2).all(|pair| pair[0].0 == pair[1].0 || pair[0].1 != pair[1].1)
    };
    // 17 digits tell all numbers of 64 bits apart.
    to((3..16).find(told_apart).unwrap_or(16)).collect()
}

/// With all of its digits.
fn written(rounded: f64) -> String {
    if rounded == 0.0 {
        return "0".into();
    }
    if !rounded.is_finite() {
        return rounded.to_string();
    }
    if (1e-3..1e5).contains(&rounded.abs()) {
        return rounded.to_string().replace('-', "−");
    }
    let text = format!("{rounded:e}").replace('-', "−");
    match text.split_once('e') {
        Some((digits, power)) => {
            let power = superscript(power.replace('−', "-").parse().unwrap_or(0));
            match digits {
                "1" => format!("10{power}"),
                "−1" => format!("−10{power}"),
                _ => format!("{digits}·10{power}"),
            }
        }
        None => text,
    }
}

/// For plotters, which maps values to whole numbers of its own unit.
impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = self.position(*value).unwrap_or(0.0);
        limit.0 + (share * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        let ticks = self.ticks(hint.max_num_points()).into_iter();
        ticks.filter(|tick| !tick.label.is_empty()).map(|tick| tick.at).collect()
    }

    fn range(&self) -> Range<f64> {
        match self {
            Scale::Linear { low, high } | Scale::Log { low, high, .. } => *low..*high,
            Scale::Slots(slots) => 0.0..slots.names.len() as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale, most: usize) -> Vec<String> {
        scale.ticks(most).into_iter().map(|tick| tick.label).filter(|label| !label.is_empty()).collect()
    }

    #[test]
    fn zero_stands_apart_before_the_log_axis() {
        let scale = Scale::of([0.0, 0.01, 0.1, 1.0], true);
        let place = |x| scale.position(x).unwrap();
        let gap = scale.gap().unwrap();
        assert!(place(0.0) < gap.start && gap.end < place(0.01), "{gap:?}");
        assert!((place(0.1) - place(0.01) - (place(1.0) - place(0.1))).abs() < 1e-12);
        assert_eq!(labels(&scale, 8), ["0", "0.01", "0.1", "1"]);
        assert_eq!(Scale::of([0.01, 0.1, 1.0], true).gap(), None);
        assert_eq!(scale.position(-1.0), None);
        assert_eq!(scale.position(1e-9), None);
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(labels(&Scale::Linear { low: 0.0, high: 1.0 }, 5), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(labels(&Scale::Linear { low: -0.35, high: 0.31 }, 4), ["−0.2", "0", "0.2"]);
        let wide = Scale::Log { low: 1e-8, high: 1.0, zero: false };
        assert_eq!(labels(&wide, 5), ["10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²", "1"]);
        assert_eq!(labels(&Scale::Log { low: 1.5, high: 6.0, zero: false }, 5), ["2", "5"]);
        let narrow = Scale::Log { low: 2.1, high: 2.4, zero: false };
        assert!(labels(&narrow, 4).len() >= 2);
    }

    #[test]
    fn ranges_that_are_no_ranges_have_places_all_the_same() {
        for log in [false, true] {
            for values in
                [&[][..], &[3.0], &[0.0], &[f64::NAN], &[f64::MAX, f64::MIN_POSITIVE], &[f64::INFINITY]]
            {
                let scale = Scale::of(values.iter().copied(), log);
                assert!(!scale.ticks(5).is_empty(), "{values:?}");
                for value in values.iter().filter(|value| value.is_finite()) {
                    assert!(scale.position(*value).is_some(), "{value} on {scale:?}");
                }
            }
        }
        assert!(
            Scale::of([f64::MIN, f64::MAX], false).position(0.0).is_some_and(|at| (at - 0.5).abs() < 1e-9)
        );
    }

    #[test]
    fn slots_are_labelled_at_round_values_between_them() {
        let values: Vec<f64> = (0..31).map(|i| 10f64.powf(f64::from(i) / 10.0 - 1.0)).collect();
        let names = values.iter().map(|x| number(*x)).collect();
        let slots = Slots { names, values };
        let scale = Scale::Slots(slots);
        assert_eq!(labels(&scale, 6), ["0.1", "1", "10", "100"]);
        let middle = |slot: f64| scale.position(slot).unwrap();
        assert!((middle(0.0) - 0.5 / 31.0).abs() < 1e-12);
        assert_eq!(
            scale.ticks(6).iter().map(|tick| tick.at.round()).collect::<Vec<_>>(),
            [0.0, 10.0, 20.0, 30.0]
        );
    }

    #[test]
    fn ranges_are_told_apart() {
        assert!(is_log(&[0.0, 0.001, 0.01, 0.1]));
        assert!(is_log(&[1.0, 2.0, 4.0, 8.0]));
        assert!(!is_log(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]));
        assert!(!is_log(&[-1.0, 0.01, 1.0, 100.0]));
        assert!(!is_log(&[0.5, 0.8, 0.9]));
    }

    #[test]
    fn numbers_are_short() {
        for (x, text) in
            [(0.03, "0.03"), (1234.0, "1234"), (2.5e-7, "2.5·10⁻⁷"), (-1e6, "−10⁶"), (0.123456, "0.1235")]
        {
            assert_eq!(number(x), text);
        }
        assert_eq!(numbers(&[1.0, 1.0000001, 1.0000002, 1.0]), ["1", "1.0000001", "1.0000002", "1"]);
        assert_eq!(numbers(&[0.123456, 1234.5678]), ["0.1235", "1235"]);
        assert_eq!(numbers(&[-1e-9, -1.00001e-9, 0.0]), ["−10⁻⁹", "−1.00001·10⁻⁹", "0"]);
        let near = labels(&Scale::of([1.0, 1.0000001, 1.0000002], false), 4);
        assert!(near.len() > 1 && near.windows(2).all(|pair| pair[0] != pair[1]), "{near:?}");
    }
}
