//! How long it takes near the base point, in words: the scaling law of [`fit`](crate::fit) as a conclusion.

use serde_json::Value as Json;

use super::along::rough;
use super::counts::Trials;
use super::words::{Finding, LINES, Line, combination, further, short};
use crate::fit::gather::{Gathered, gather};
use crate::fit::regression::{Interval, Laws};
use crate::fit::{CellFit, Fit, Range, fit, survival};
use crate::output::recorded;
use crate::plot::PlotError;
use crate::plot::axis::number;
use crate::plot::roles::{by_interest, spread};
use crate::plot::sweep::Sweep;
use crate::plot::words::{SURE, bare_percent, grouped, percent};
use crate::spec;

/// The keys of which laws are known.
const SCALES: [&str; 3] = ["init.scale", "init.scale_hidden", "init.scale_output"];

/// A law is told where so many scales have so many runs each to which it happened, and its exponent is known to less than this.
const SCALES_OF_A_LAW: usize = 3;
const EVENTS: usize = 5;
const WIDEST: f64 = 1.0;
/// An exponent this near that of a law is called close to it: laws are those of the limit of small scales.
const NEAR: f64 = 0.1;

/// What is timed.
#[derive(Clone, Copy)]
enum Timed {
    Breaking,
    Solving,
}

impl Timed {
    fn title(self) -> &'static str {
        match self {
            Timed::Breaking => "Time to break symmetry",
            Timed::Solving => "Time to solve the task",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Timed::Breaking => "broken symmetry",
            Timed::Solving => "solved the task",
        }
    }

    fn laws(self, of: &Fit) -> Option<&Laws> {
        match self {
            Timed::Breaking => of.breaks.as_ref(),
            Timed::Solving => of.solve.as_ref(),
        }
    }

    fn median(self, of: &CellFit) -> &survival::Median {
        match self {
            Timed::Breaking => &of.breaks,
            Timed::Solving => &of.solve,
        }
    }

    /// Whether a law of so few runs, or one that the runs leave so open, would be worth a sentence.
    fn is_worth(self, of: &Fit, laws: &Laws) -> bool {
        let cells = of.cells.iter().filter(|cell| cell.in_range);
        let events: Vec<usize> = cells.map(|cell| self.median(cell).events).collect();
        let scales = events.iter().filter(|events| **events >= EVENTS).count();
        scales >= SCALES_OF_A_LAW && laws.slope.high - laws.slope.low < WIDEST
    }
}

/// How the time to break and the time to solve go with the scale, for each combination of the other keys that has a law.
/// Empty where no scale is swept, or the manifest or the file of runs is missing, or there are too many of them.
///
/// # Errors
/// Where the file of runs is not what this program writes.
pub fn findings(sweep: &Sweep, trials: Option<&Trials>) -> Result<Vec<Finding>, PlotError> {
    let across = by_interest(sweep).first().map(|at| &sweep.keys[*at]);
    let (Some(manifest), Some(key)) = (sweep.manifest.as_ref(), across) else { return Ok(Vec::new()) };
    if !trials.is_some_and(|trials| trials.paired) || !SCALES.contains(&key.name.as_str()) {
        return Ok(Vec::new());
    }
    // A manifest of another version may name what this one does not know.
    let Ok(plan) = spec::from_resolved(&manifest.spec) else { return Ok(Vec::new()) };
    let Some(place) = plan.grid.swept().iter().position(|swept| *swept == key.name) else {
        return Ok(Vec::new());
    };
    let groups = gather(&plan, place, &recorded::read(&sweep.directory)?).map_err(PlotError::Refused)?;
    let fits: Vec<(String, Fit)> = groups
        .iter()
        .filter_map(|group| Some((of(sweep, group), fit(&group.records, Range::default()).ok()?)))
        .collect();
    let found = [Timed::Breaking, Timed::Solving]
        .map(|timed| Finding { about: timed.title(), lines: lines(&short(&key.name), timed, &fits) });
    Ok(found.into_iter().filter(|finding| !finding.lines.is_empty()).collect())
}

/// What tells a group from others: of keys with one value nothing does.
fn of(sweep: &Sweep, group: &Gathered) -> String {
    let differ = |key: &str| sweep.keys.iter().any(|other| other.name == key && other.names.len() > 1);
    let values = group.swept.iter().filter(|(key, _)| differ(key));
    combination(values.map(|(key, value)| {
        let text = match value {
            Json::String(word) => word.clone(),
            // As in tables and pictures.
            Json::Number(x) => number(x.as_f64().unwrap_or(f64::NAN)),
            other => other.to_string(),
        };
        (key.as_str(), text)
    }))
}

fn lines(key: &str, timed: Timed, fits: &[(String, Fit)]) -> Vec<Line> {
    let with_law: Vec<(&String, &Fit, &Laws)> = fits
        .iter()
        .filter_map(|(of, fit)| Some((of, fit, timed.laws(fit)?)))
        .filter(|(_, fit, laws)| timed.is_worth(fit, laws))
        .collect();
    let mut lines: Vec<Line> = spread(with_law.len(), LINES)
        .into_iter()
        .map(|at| {
            let (of, fit, laws) = with_law[at];
            Line { of: of.clone(), text: text(key, timed, fit, laws) }
        })
        .collect();
    if with_law.len() > LINES {
        let text = format!(
            "{} not spelled out here; symbreak fit tells of all.",
            further((with_law.len() - LINES) as u64)
        );
        lines.push(Line { of: String::new(), text });
    }
    lines
}

fn text(key: &str, timed: Timed, fit: &Fit, laws: &Laws) -> String {
    let mut cells = fit.cells.iter().filter(|cell| cell.in_range);
    let (lowest, highest) = (cells.next(), cells.next_back());
    let (from, to) = (rough(laws.from), rough(laws.to));
    let mut text = format!("From {key} {from} to {to} all runs, or nearly all, start symmetric. ");
    let medians = [lowest, highest].map(|cell| cell.and_then(|cell| timed.median(cell).median));
    let done = timed.done();
    text += &match medians.map(|median| median.map(steps)) {
        [Some(low), Some(high)] => {
            format!("Half of them have {done} after {low} at {from}, after {high} at {to}. ")
        }
        [None, Some(high)] => {
            format!(
                "Half of them have {done} after {high} at {to}; at {from} not that many have by the last step. "
            )
        }
        [Some(low), None] => {
            format!(
                "Half of them have {done} after {low} at {from}; at {to} not that many have by the last step. "
            )
        }
        [None, None] => String::new(),
    };
    text += &law(laws);
    if let Some(ever) = &laws.ever {
        let (share, least, most) = (1.0 - ever.value, 1.0 - ever.high, 1.0 - ever.low);
        text += &format!(
            " In this fit {} of the runs ({SURE}: {} to {}) never do, however long one waits; the law is of the others.",
            percent(share),
            bare_percent(least),
            percent(most)
        );
    }
    text
}

/// `a + b log(1/r)` where it is better than any power law, else the power law.
fn law(laws: &Laws) -> String {
    let named = |law: &str| match law {
        "r^-2" => "1/scale²",
        "r^-1" => "1/scale",
        _ => "a + b·ln(1/scale)",
    };
    let logarithm = laws.laws.iter().find(|law| law.law == laws.best && law.law.starts_with("a + b"));
    if let (Some(logarithm), true) = (logarithm, laws.consistent) {
        return format!(
            "The time grows with the logarithm of 1/scale, which fits better than any power: a tenth of the scale takes {} more.",
            steps(logarithm.coefficient * std::f64::consts::LN_10)
        );
    }
    let Interval { value, low, high } = laws.slope;
    let signed = |x: f64| format!("{x:.3}").replace('-', "−");
    let (power, best) =
        (format!("{} ({SURE}: {} to {})", signed(value), signed(low), signed(high)), named(laws.best));
    let law = match laws.best {
        "r^-2" => -2.0,
        "r^-1" => -1.0,
        _ => f64::NAN,
    };
    if laws.consistent {
        return format!("The time goes as the scale to the power of {power}, as the law {best} says.");
    }
    if (value - law).abs() <= NEAR {
        return format!(
            "The time goes as the scale to the power of {power}: close to the law {best}, whose exponent is outside that interval."
        );
    }
    format!(
        "The time goes as the scale to the power of {power}. None of the laws 1/scale², 1/scale and a + b·ln(1/scale) fits \
         within that; {best} comes nearest."
    )
}

/// `8,930 steps`, to three digits
fn steps(steps: f64) -> String {
    let round: f64 = format!("{steps:.2e}").parse().unwrap_or(steps);
    match round {
        1.0 => "1 step".into(),
        whole if whole >= 100.0 => format!("{} steps", grouped(whole as u64)),
        few => format!("{few} steps"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::{Record, Time};

    /// Seeds of which number `seed` needs `need(scale)` steps, times its own factor, to break; looked at for `last` steps.
    fn fitted(need: impl Fn(f64) -> f64, last: f64) -> Fit {
        let record = |seed: u64, scale: f64| {
            let u = (seed as f64 + 0.5) / 40.0;
            let step = need(scale) * (u / (1.0 - u)).powf(0.1);
            let breaks =
                if step > last { Time::After(last) } else { Time::Within { after: step * 0.99, by: step } };
            Record {
                seed,
                scale,
                solve: None,
                breaks: Some(breaks),
                solved: false,
                broken: true,
                diverged: false,
                at_rest: false,
            }
        };
        let scales = [1e-4, 1e-3, 1e-2, 1e-1];
        let records: Vec<Record> = scales
            .iter()
            .flat_map(|&scale| (0..40).map(move |seed| (seed, scale)))
            .map(|(seed, scale)| record(seed, scale))
            .collect();
        fit(&records, Range::default()).unwrap()
    }

    fn said(fit: Fit) -> String {
        let lines = lines("perturbation scale", Timed::Breaking, &[(String::new(), fit)]);
        assert_eq!(lines.len(), 1);
        lines[0].text.replace('\u{a0}', " ")
    }

    #[test]
    fn a_power_law_and_a_logarithm_are_told_apart() {
        let power = said(fitted(|scale| 5.0 / scale, 1e9));
        assert!(power.starts_with(
            "From perturbation scale 10⁻⁴ to 0.1 all runs, or nearly all, start symmetric. Half of them have broken symmetry \
             after 49,800 steps at 10⁻⁴, after 49.8 steps at 0.1. The time goes as the scale to the power of −1.00"
        ), "{power}");
        assert!(power.contains(" 1/scale"), "{power}");
        let logarithm = said(fitted(|scale| 100.0 + 200.0 * (1.0 / scale).ln(), 1e9));
        assert!(logarithm.contains(
            "grows with the logarithm of 1/scale, which fits better than any power: a tenth of the scale takes 458 steps more."
        ), "{logarithm}");
    }

    #[test]
    fn what_is_not_seen_to_the_end_says_so() {
        let text = said(fitted(|scale| 5.0 / scale, 20_000.0));
        assert!(
            text.contains("after 49.8 steps at 0.1; at 10⁻⁴ not that many have by the last step. "),
            "{text}"
        );
        let nothing = fitted(|_| 1e9, 1000.0);
        assert!(lines("scale", Timed::Breaking, &[(String::new(), nothing.clone())]).is_empty());
        assert!(lines("scale", Timed::Solving, &[(String::new(), nothing)]).is_empty());
    }

    #[test]
    fn many_combinations_are_counted() {
        let fit = fitted(|scale| 5.0 / scale, 1e9);
        let fits: Vec<(String, Fit)> = (0..9).map(|n| (format!("Seed {n}"), fit.clone())).collect();
        let lines = lines("scale", Timed::Breaking, &fits);
        assert_eq!((lines[0].of.as_str(), lines[LINES - 1].of.as_str()), ("Seed 0", "Seed 8"));
        assert_eq!(
            lines[LINES].text,
            "2 further combinations are not spelled out here; symbreak fit tells of all."
        );
    }
}
