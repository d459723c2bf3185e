//! Scaling laws: how the time to solve and the time to break go with a scale, and at which scale half of the runs do.
//! Pure: records go in, figures come out.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`gather`] | the records of a sweep from the rows of its runs |
//! | [`survival`] | Kaplan & Meier's estimate, its median and interval |
//! | [`regression`] | times against scale by maximum likelihood, censored runs included; which law fits |
//! | [`half`] | the scale at which half of the runs do something |
//! | `newton` | maximum likelihood by Newton's method, errors clustered by seed |
//! | [`text`] | a fit as tables for people |
//!
//! A run that has not solved (or broken) by its last step is not dropped and not counted as one that took so long: it is
//! known to need *longer*, and enters the likelihood as that. Seeds are paired: a seed has the same random numbers at
//! every scale, so its runs are not independent, and intervals take whole seeds as the units that vary.

use std::collections::BTreeMap;

use serde::Serialize;

pub mod gather;
pub mod half;
mod newton;
pub mod regression;
pub mod survival;
pub mod text;

pub use half::Half;
pub use regression::Laws;

/// What is known of the step at which something happened to a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Time {
    /// After step `after`, by step `by`.
    Within {
        /// It had not happened yet.
        after: f64,
        /// It had.
        by: f64,
    },
    /// Not by this step, the last at which anybody looked: censored.
    After(f64),
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record {
    /// Seed index: runs of one seed at several scales have the same random numbers.
    pub seed: u64,
    /// The scale, 0 or more.
    pub scale: f64,
    /// When it was solved; `None` if it was from the start.
    pub solve: Option<Time>,
    /// When it broke; `None` if it did not start symmetric.
    pub breaks: Option<Time>,
    /// Whether its outcome is `solved`.
    pub solved: bool,
    /// Whether it is broken at the end.
    pub broken: bool,
    /// Whether it diverged; its times are censored there.
    pub diverged: bool,
    /// Whether it is neither solved nor symmetric at the end and hardly moves: it may never be solved.
    pub at_rest: bool,
}

/// Share of a cell's runs that must start symmetric for it to count as near the base point.
pub const NEAR_BASE: f64 = 0.99;

/// One scale.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CellFit {
    /// The scale.
    pub scale: f64,
    /// Runs.
    pub runs: usize,
    /// Of those, diverged.
    pub diverged: usize,
    /// Of those, started symmetric.
    pub started_symmetric: usize,
    /// Share whose outcome is solved.
    pub fraction_solved: f64,
    /// Share that is broken at the end.
    pub fraction_broken: f64,
    /// Time to solve.
    pub solve: survival::Median,
    /// Time to break, of those that started symmetric.
    #[serde(rename = "break")]
    pub breaks: survival::Median,
    /// Whether the laws are fitted to this cell, too.
    pub in_range: bool,
}

/// What the runs of one group say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fit {
    /// By scale, ascending; without scale 0.
    pub cells: Vec<CellFit>,
    /// Runs at scale 0, which has no logarithm.
    pub runs_at_zero: usize,
    /// How the time to solve goes with the scale.
    pub solve: Option<Laws>,
    /// How the time to break goes with the scale.
    #[serde(rename = "break")]
    pub breaks: Option<Laws>,
    /// Where half of the runs are solved.
    pub half_solved: Option<Half>,
    /// Where half of the runs are broken at the end.
    pub half_broken: Option<Half>,
    /// Why there is none of the above: `solve`, `break`, `half_solved`, `half_broken`.
    pub missing: BTreeMap<&'static str, String>,
    /// Runs in range that are neither solved nor symmetric and hardly move: they count as still to be solved.
    pub at_rest: usize,
}

/// The scales that laws are fitted to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range {
    /// From this one up; by default from the lowest.
    pub from: Option<f64>,
    /// Up to this one; by default up to the last before the first at which under [`NEAR_BASE`] of the runs start symmetric.
    pub to: Option<f64>,
}

/// Fits everything to the runs of one group.
///
/// # Errors
/// Without runs, or with none at a scale above 0.
pub fn fit(records: &[Record], range: Range) -> Result<Fit, String> {
    if records.is_empty() {
        return Err("there are no runs".to_string());
    }
    let mut sorted: Vec<&Record> = records.iter().filter(|record| record.scale > 0.0).collect();
    if sorted.is_empty() {
        return Err("every run is at scale 0, which has no logarithm".to_string());
    }
    sorted.sort_by(|a, b| a.scale.total_cmp(&b.scale));
    let mut cells: Vec<CellFit> = sorted.chunk_by(|a, b| a.scale == b.scale).map(cell).collect();
    let near = |cell: &CellFit| cell.started_symmetric as f64 >= NEAR_BASE * cell.runs as f64;
    let far = cells.iter().position(|cell| !near(cell)).unwrap_or(cells.len());
    for (at, cell) in cells.iter_mut().enumerate() {
        cell.in_range = range.from.is_none_or(|from| cell.scale >= from)
            && range.to.map_or(at < far, |to| cell.scale <= to);
    }
    let in_range = |scale: f64| cells.iter().any(|cell| cell.scale == scale && cell.in_range);
    let chosen: Vec<&Record> = sorted.iter().copied().filter(|record| in_range(record.scale)).collect();
    let law = |time: fn(&Record) -> Option<Time>| {
        let times: Vec<regression::Observation> = chosen
            .iter()
            .filter_map(|record| {
                let time = time(record)?;
                Some(regression::Observation { seed: record.seed, scale: record.scale, time })
            })
            .collect();
        regression::laws(&times)
    };
    let half = |happened: fn(&Record) -> bool| {
        let shares: Vec<half::Trial> = sorted
            .iter()
            .map(|record| half::Trial { seed: record.seed, scale: record.scale, happened: happened(record) })
            .collect();
        half::half(&shares)
    };
    let mut missing = BTreeMap::new();
    Ok(Fit {
        runs_at_zero: records.len() - sorted.len(),
        solve: or_why("solve", law(|record| record.solve), &mut missing),
        breaks: or_why("break", law(|record| record.breaks), &mut missing),
        half_solved: or_why("half_solved", half(|record| record.solved), &mut missing),
        half_broken: or_why("half_broken", half(|record| record.broken), &mut missing),
        missing,
        at_rest: chosen.iter().filter(|record| record.at_rest).count(),
        cells,
    })
}

/// The figure; if there is none, the reason goes under its name.
fn or_why<T>(
    name: &'static str,
    found: Result<T, String>,
    missing: &mut BTreeMap<&'static str, String>,
) -> Option<T> {
    found.map_err(|why| missing.insert(name, why)).ok()
}

/// Of the runs of one scale, one at least.
fn cell(records: &[&Record]) -> CellFit {
    let count = |keep: fn(&Record) -> bool| records.iter().filter(|record| keep(record)).count();
    let times = |time: fn(&Record) -> Option<Time>| -> Vec<Time> {
        records.iter().filter_map(|record| time(record)).collect()
    };
    let runs = records.len();
    CellFit {
        scale: records[0].scale,
        runs,
        diverged: count(|record| record.diverged),
        started_symmetric: count(|record| record.breaks.is_some()),
        fraction_solved: count(|record| record.solved) as f64 / runs as f64,
        fraction_broken: count(|record| record.broken) as f64 / runs as f64,
        solve: survival::median(&times(|record| record.solve)),
        breaks: survival::median(&times(|record| record.breaks)),
        in_range: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seed `seed` of 30 at `scale` needs 3·scale⁻² steps to break, times a quantile of the log-logistic distribution, and
    /// twice that to be solved.
    fn record(seed: u64, scale: f64, steps: f64) -> Record {
        let u = (seed as f64 + 0.5) / 30.0;
        let need = 3.0 * scale.powi(-2) * (u / (1.0 - u)).sqrt();
        let time = |need: f64| {
            if need > steps { Time::After(steps) } else { Time::Within { after: need - 1.0, by: need } }
        };
        Record {
            seed,
            scale,
            solve: Some(time(2.0 * need)),
            breaks: (scale < 0.5).then(|| time(need)),
            solved: 2.0 * need <= steps,
            broken: need <= steps,
            diverged: false,
            at_rest: false,
        }
    }

    fn grid(scales: &[f64], seeds: u64, steps: f64) -> Vec<Record> {
        scales.iter().flat_map(|&scale| (0..seeds).map(move |seed| record(seed, scale, steps))).collect()
    }

    #[test]
    fn a_law_is_found_in_the_default_range_and_scale_zero_is_set_apart() {
        let mut records = grid(&[0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.6, 1.0], 30, 50_000.0);
        // Far from the base everything is fast: outside the default range.
        for record in records.iter_mut().filter(|record| record.scale > 0.5) {
            record.solve = Some(Time::Within { after: 0.0, by: 1.0 });
        }
        let found = fit(&records, Range::default()).unwrap();
        assert_eq!(found.runs_at_zero, 30);
        let in_range: Vec<f64> =
            found.cells.iter().filter(|cell| cell.in_range).map(|cell| cell.scale).collect();
        assert_eq!(in_range, [0.01, 0.02, 0.05, 0.1, 0.2]);
        for laws in [&found.solve, &found.breaks] {
            let slope = laws.as_ref().unwrap().slope;
            assert!((slope.value + 2.0).abs() < 0.05, "{slope:?}");
        }
        let wide = fit(&records, Range { from: None, to: Some(1.0) }).unwrap();
        assert!(
            (wide.solve.unwrap().slope.value + 2.0).abs() > 0.2,
            "the twin: beyond it the law does not hold"
        );
        let narrow = fit(&records, Range { from: Some(0.02), to: Some(0.1) }).unwrap();
        assert_eq!(narrow.solve.unwrap().scales, 3);
    }

    #[test]
    fn what_cannot_be_fitted_says_why() {
        assert_eq!(fit(&[], Range::default()).unwrap_err(), "there are no runs");
        assert!(fit(&grid(&[0.0], 5, 10.0), Range::default()).unwrap_err().contains("scale 0"));
        let missing = |records: &[Record]| {
            let found = fit(records, Range::default()).unwrap();
            assert_eq!(found.solve, None);
            found.missing["solve"].clone()
        };
        assert!(missing(&grid(&[0.01, 0.02], 5, 10.0)).contains("censored"));
        assert!(missing(&grid(&[0.1], 5, 1e9)).contains("one scale"));
        assert!(missing(&grid(&[1.0, 2.0], 5, 1e9)).contains("no run"), "no cell is in range");
        assert!(missing(&grid(&[0.1, 0.2], 1, 1e9)).contains("one seed"));
    }
}
