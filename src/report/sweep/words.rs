//! The conclusion of a sweep in words, computed from its counts.

use serde::Serialize;

use super::along::{Along, NAMED};
use super::counts::{Counted, Happened, Share, Trials};
use crate::plot::PlotError;
use crate::plot::axis::number;
use crate::plot::roles::{by_interest, spread};
use crate::plot::sweep::{Key, Sweep};
use crate::plot::words::{capitalized, counted, grouped, label, meaning, percent};
use crate::spec::Grid;

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

/// The whole sweep in a sentence or two.
pub fn lead(counted_cells: &Counted) -> String {
    let total = |what| counted_cells.total(what);
    let (runs, cells) = (counted_cells.runs(), counted_cells.cells.len() as u64);
    let (solved, diverged) = (total(Happened::Solved), total(Happened::Diverged));
    if runs == 0 {
        return "No run is there yet.".into();
    }
    if runs == 1 {
        let does = |what: Happened, share: Share, does_not: &str| {
            if share.count == 1 { what.singular().to_string() } else { does_not.to_string() }
        };
        let symmetry = counted_cells.headline.map(|what| {
            let does_not =
                if what == Happened::Broken { "does not break symmetry" } else { "ends symmetric" };
            does(what, total(what), does_not)
        });
        let parts = symmetry.into_iter().chain([does(Happened::Solved, solved, "does not solve the task")]);
        return match diverged.count {
            1 => "The one run diverges.".into(),
            _ => format!("The one run {}.", parts.collect::<Vec<_>>().join(" and ")),
        };
    }
    let among = if cells == 1 { String::new() } else { format!(" in {}", counted(cells, "cell")) };
    let part = |what: Happened| {
        let share = total(what);
        let interval = if cells == 1 { format!(" {}", share.interval()) } else { String::new() };
        format!("{} {}{interval}", percent(share.value()), what.plural())
    };
    let parts: Vec<String> = counted_cells.headline.into_iter().chain([Happened::Solved]).map(part).collect();
    let end = match diverged.count {
        0 => "none diverges".to_string(),
        1 => format!("{} diverges (one run)", percent(diverged.value())),
        _ => format!("{} diverge", percent(diverged.value())),
    };
    format!("Of {}{among}, {}; {end}.", counted(runs, "run"), parts.join(" and "))
}

/// What is swept, as a question: what the manifest says of the whole sweep, even if only a part of it is there.
pub fn question(sweep: &Sweep) -> String {
    let grid = sweep.manifest.as_ref().and_then(|manifest| Grid::of(&manifest.spec).ok());
    let keys: Vec<Key> = match &grid {
        Some(grid) => (0..grid.swept().len()).map(|at| key_of(grid, at)).collect(),
        None => sweep.keys.clone(),
    };
    let swept: Vec<String> = keys
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
    let seeds = sweep.manifest.as_ref().map_or(sweep.most_runs(), |manifest| manifest.seeds);
    if swept.is_empty() {
        return match seeds {
            1 => "Nothing is swept: one network.".into(),
            _ => format!("Nothing is swept: {} networks from the same setting.", grouped(seeds)),
        };
    }
    let runs = match seeds {
        1 => "One network is trained in each cell".to_string(),
        most => format!("{} networks are trained in each cell", grouped(most)),
    };
    format!("Swept: {}. {runs}, a cell being one combination of these.", swept.join("; "))
}

/// A swept key as a plan has it.
fn key_of(grid: &Grid, at: usize) -> Key {
    let texts: Vec<String> = grid.range(at).iter().map(ToString::to_string).collect();
    Key::of(&grid.swept()[at], &texts).0
}

/// What the counts say, for each thing that may happen.
///
/// # Errors
/// Where `cells.csv` cannot be read again.
pub fn findings(
    sweep: &Sweep,
    counted_cells: &Counted,
    trials: Option<&Trials>,
) -> Result<Vec<Finding>, PlotError> {
    let swept: Vec<usize> = by_interest(sweep);
    if swept.is_empty() || (sweep.most_runs() < 5 && sweep.rows.len() >= MAP) {
        return Ok(Vec::new());
    }
    let diverged = counted_cells.total(Happened::Diverged).count > 0;
    let diverges = diverged.then_some(Happened::Diverged);
    let all = counted_cells.headline.into_iter().chain([Happened::Solved]).chain(diverges);
    let mut findings: Vec<Finding> = all
        .map(|what| {
            let text = |along: &Along<'_>| along.text(what, counted_cells, trials);
            Finding { about: what.title(), lines: lines(sweep, &swept, text) }
        })
        .collect();
    if sweep.columns.iter().any(|column| column == ACCURACY) {
        let [accuracies] = sweep.values([ACCURACY])?;
        if accuracies.iter().any(|accuracy| accuracy.is_finite()) {
            let lines = lines(sweep, &swept, |along| along.accuracies(&accuracies));
            findings.push(Finding { about: "Accuracy on samples held out", lines });
        }
    }
    Ok(findings)
}

/// What says how a network generalizes, where samples with classes are held out.
const ACCURACY: &str = "accuracy_test_mean";

/// A line for each combination of all swept keys but the first, with what `text` says of the cells along that.
fn lines(sweep: &Sweep, swept: &[usize], text: impl Fn(&Along<'_>) -> String) -> Vec<Line> {
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
                names: slots().map(|slot| key.names[slot].as_str()).collect(),
                numbers: if key.is_ordered() {
                    slots().map(|slot| key.numbers[slot]).collect()
                } else {
                    Vec::new()
                },
                rows,
            };
            Line { of, text: text(&along) }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A sweep of these keys; each row holds their values, runs, and of those broken, solved and diverged.
    fn made(keys: &str, rows: &[(&str, u64, u64, u64, u64)]) -> (tempfile::TempDir, Sweep, Counted) {
        let place = tempfile::tempdir().unwrap();
        let comma = if keys.is_empty() { "" } else { "," };
        let mut text = format!(
            "cell{comma}{keys},runs,broken,partial,symmetric,solved,diverged,stuck_plateau,stuck_moving\n"
        );
        for (cell, (values, runs, broken, solved, diverged)) in rows.iter().enumerate() {
            let symmetric = runs - broken;
            text += &format!("{cell}{comma}{values},{runs},{broken},0,{symmetric},{solved},{diverged},0,0\n");
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
        let lines = findings(&sweep, &counted_cells, Some(&trials)).unwrap().remove(0).lines;
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
    fn a_curve_that_misses_the_crossing_is_not_told() {
        // Falls at once, then lingers: a logistic curve would put its half-point beyond 3.
        let text = said(
            "train.lr",
            &[
                ("2", 200, 200),
                ("2.5", 200, 196),
                ("3", 200, 53),
                ("3.5", 200, 66),
                ("4", 200, 35),
                ("5", 200, 0),
            ],
        );
        assert!(
            text.contains("Between learning rate 2.5 and 3 the share that breaks symmetry falls through one half, from 98.0 %"),
            "{text}"
        );
    }

    #[test]
    fn never_always_and_hardly() {
        assert_eq!(
            said("init.scale", &[("1e-6", 1000, 0), ("1e-3", 1000, 0)]),
            "No run breaks symmetry at any perturbation scale (2 values): 0 of 2,000 (95 % at each: under 0.4 %)."
        );
        assert_eq!(
            said("init.scale", &[("1", 3, 3), ("2", 3, 3)]),
            "Every run breaks symmetry at each perturbation scale (2 values): 6 of 6 (95 % at each: over 43.9 %)."
        );
        assert_eq!(
            said("init.scale", &[("1", 10, 1), ("2", 10, 4), ("3", 10, 2)]),
            "Nowhere do half of the runs break symmetry: at most 40.0 % (95 %: 16.8 to 68.7 %) do, at perturbation scale 2."
        );
        assert_eq!(
            said("init.scale", &[("1", 10, 9), ("2", 10, 6), ("3", 10, 8)]),
            "Everywhere at least half of the runs break symmetry: from 60.0 % (95 %: 31.3 to 83.2 %) at perturbation scale 2 to \
             90.0 % (95 %: 59.6 to 98.2 %) at perturbation scale 1."
        );
        assert_eq!(
            said("init.scale", &[("1", 20, 5), ("2", 20, 5), ("3", 20, 5)]),
            "At every perturbation scale 25.0 % of the runs break symmetry (95 % at each: 11.2 to 46.9 %)."
        );
        assert_eq!(
            said("init.scale", &[("0", 1, 0), ("1", 20, 4), ("2", 20, 5), ("3", 20, 5)]),
            "At perturbation scale 0, no run breaks symmetry (95 %: under 79.3 %). Nowhere do half of the runs break symmetry: \
             at most 25.0 % (95 %: 11.2 to 46.9 %) do, at perturbation scale 2 and one other value."
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
                "It falls through one half between 1 and 10, then rises through one half between 10 and 100, then falls \
                 through one half between 100 and 1000."
            ),
            "{text}"
        );
        // What may be chance is no turn.
        let noisy = said(
            "init.scale",
            &[("0.1", 5, 0), ("1", 5, 3), ("10", 5, 2), ("100", 5, 3), ("1000", 5, 2), ("10000", 5, 5)],
        );
        assert!(!noisy.contains("through one half between"), "{noisy}");
        let peaked =
            said("init.scale", &[("0.1", 100, 2), ("1", 100, 97), ("10", 100, 60), ("100", 100, 10)]);
        assert!(
            peaked.contains(
                "Most do at 1: 97.0 % (95 %: 91.5 to 99.0 %). It falls through one half between 10 and 100. At the highest"
            ),
            "{peaked}"
        );
    }

    #[test]
    fn words_and_hostile_names_and_other_keys() {
        assert_eq!(
            said("net.activation", &[("tanh", 10, 10), ("relu", 10, 6)]),
            "The share that breaks symmetry, by activation: tanh 100 % (95 %: 72.2 to 100 %); relu 60.0 % (95 %: 31.3 to \
             83.2 %)."
        );
        assert_eq!(
            said(
                "<b>,init.scale",
                &[("a&b,1", 10, 0), ("a&b,2", 10, 0), ("NaN,1", 10, 10), ("NaN,2", 10, 10)]
            ),
            "<b> a&b. No run breaks symmetry at any perturbation scale (2 values): 0 of 20 (95 % at each: under \
             27.8 %).\n<b> NaN. Every run breaks symmetry at each perturbation scale (2 values): 20 of 20 (95 % \
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
    fn wide_nets_end_asymmetric_and_without_units_there_is_no_symmetry() {
        let made = |partial: u64, symmetric: u64, accuracy: [&str; 3]| {
            let place = tempfile::tempdir().unwrap();
            let mut text =
                "cell,init.scale,runs,broken,partial,symmetric,solved,diverged,stuck_plateau,stuck_moving,\
                            accuracy_test_mean\n"
                    .to_string();
            for (cell, accuracy) in accuracy.iter().enumerate() {
                text += &format!("{cell},{cell},100,0,{partial},{symmetric},100,0,0,0,{accuracy}\n");
            }
            std::fs::write(place.path().join("cells.csv"), text).unwrap();
            let sweep = Sweep::open(place.path(), &[]).unwrap();
            let counted_cells = Counted::of(&sweep).unwrap();
            let found = findings(&sweep, &counted_cells, None).unwrap();
            let text = found.iter().map(|finding| format!("{}: {}", finding.about, finding.lines[0].text));
            let text: Vec<String> = text.map(|text| text.replace('\u{a0}', " ")).collect();
            (lead(&counted_cells).replace('\u{a0}', " "), text)
        };
        let (whole, found) = made(100, 0, ["0.9", "0.95", "0.5"]);
        assert_eq!(
            whole,
            "Of 300 runs in 3 cells, 100 % end asymmetric and 100 % solve the task; none diverges."
        );
        assert_eq!(
            found,
            [
                "Ending asymmetric: Every run ends asymmetric at each perturbation scale (3 values): 300 of 300 (95 % at each: \
                 over 96.3 %).",
                "Solving the task: Every run solves the task at each perturbation scale (3 values): 300 of 300 (95 % at each: \
                 over 96.3 %).",
                "Accuracy on samples held out: On average 90.0 % at perturbation scale 0 and 50.0 % at 2; most, 95.0 %, at 1."
            ]
        );
        let (whole, found) = made(0, 0, ["", "", ""]);
        assert_eq!(whole, "Of 300 runs in 3 cells, 100 % solve the task; none diverges.");
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn the_whole_sweep_in_a_sentence() {
        let lead_of = |keys: &str, rows: &[(&str, u64, u64, u64, u64)]| {
            let (_place, sweep, counted_cells) = made(keys, rows);
            (
                lead(&counted_cells).replace('\u{a0}', " "),
                question(&sweep),
                findings(&sweep, &counted_cells, None).unwrap().len(),
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
