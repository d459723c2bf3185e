//! The scale at which half of the runs do something: logistic regression of whether they do on ln(scale), by maximum
//! likelihood, with Fieller's interval for the point at which the fit is one half.

use nalgebra::{DMatrix, DVector};
use serde::Serialize;

use super::newton::{Likelihood, maximize};
use crate::measure::statistics::Z95;
use crate::net::activation::softplus;

/// One run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// Runs of one seed vary together.
    pub seed: u64,
    /// Above 0.
    pub scale: f64,
    /// Whether it did.
    pub happened: bool,
}

/// Where the share goes through one half.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Half {
    /// The scale.
    pub scale: f64,
    /// Lower end of its 95 % interval; `None` if the data does not bound it.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Whether the share rises with the scale there.
    pub rises: bool,
    /// The neighbouring scales of the data with less and with more than half, the lower first.
    pub between: [f64; 2],
    /// Whether the share jumps from 0 to 1 (or back) with at most one scale between, so that a curve has no slope: then the
    /// scale is the geometric mean of the neighbours, and they are the interval.
    pub jumps: bool,
    /// Whether the share goes through one half elsewhere, too, at higher scales.
    pub crosses_again: bool,
}

/// The runs of one scale.
struct Cell {
    scale: f64,
    runs: usize,
    happened: usize,
}

impl Cell {
    fn over_half(&self) -> bool {
        2 * self.happened >= self.runs
    }
}

/// The lowest scale at which the share of runs goes through one half. The curve is fitted to the scales around it on which
/// the share goes one way: from its last low (or high) before to its first high (or low) after.
///
/// # Errors
/// In words, where it does not go through one half.
pub fn half(trials: &[Trial]) -> Result<Half, String> {
    let mut sorted: Vec<&Trial> = trials.iter().filter(|trial| trial.scale > 0.0).collect();
    sorted.sort_by(|a, b| a.scale.total_cmp(&b.scale));
    let cells: Vec<Cell> = sorted
        .chunk_by(|a, b| a.scale == b.scale)
        .map(|runs| Cell {
            scale: runs[0].scale,
            runs: runs.len(),
            happened: runs.iter().filter(|trial| trial.happened).count(),
        })
        .collect();
    let crossings: Vec<usize> =
        (1..cells.len()).filter(|&i| cells[i].over_half() != cells[i - 1].over_half()).collect();
    let Some(&crossing) = crossings.first() else {
        return Err(match cells.first() {
            None => "there are no runs".to_string(),
            Some(first) if first.over_half() => "at every scale the share is one half or more".to_string(),
            Some(_) => "at every scale the share is under one half".to_string(),
        });
    };
    let rises = cells[crossing].over_half();
    let share = |i: usize| cells[i].happened as f64 / cells[i].runs as f64;
    // Up to the next crossing, and there only as far as the share goes on.
    let end = crossings.get(1).copied().unwrap_or(cells.len());
    let extreme = |a: &usize, b: &usize| {
        let order = share(*a).total_cmp(&share(*b));
        if rises { order } else { order.reverse() }
    };
    // Of equals the first before and the last after, so that whole plateaus of 0 and 1 are in.
    let first = (0..crossing).min_by(extreme).unwrap_or(0);
    let last = (crossing..end).max_by(extreme).unwrap_or(crossing);
    let between = [cells[crossing - 1].scale, cells[crossing].scale];
    let (from, to) = (cells[first].scale, cells[last].scale);
    let chosen: Vec<&Trial> = sorted.into_iter().filter(|trial| (from..=to).contains(&trial.scale)).collect();
    let crosses_again = crossings.len() > 1;

    // Some run that does on the side of those that do not, and the other way round: else the slope is infinite.
    let toward = |trial: &Trial| trial.happened == rises;
    let lowest_done = chosen.iter().find(|trial| toward(trial)).map(|trial| trial.scale);
    let highest_undone = chosen.iter().rev().find(|trial| !toward(trial)).map(|trial| trial.scale);
    let overlaps = matches!((lowest_done, highest_undone), (Some(done), Some(undone)) if done < undone);
    if !overlaps {
        return Ok(Half {
            scale: (between[0] * between[1]).sqrt(),
            low: Some(between[0]),
            high: Some(between[1]),
            rises,
            between,
            jumps: true,
            crosses_again,
        });
    }
    let middle = 0.5 * (between[0].ln() + between[1].ln());
    let at = |parameters: &DVector<f64>| {
        let mut sum = Likelihood::empty(2);
        for trial in &chosen {
            let x = trial.scale.ln() - middle;
            let z = parameters[0] + parameters[1] * x;
            let sign = if trial.happened { 1.0 } else { -1.0 };
            let p = (-softplus(-z)).exp();
            let residual = if trial.happened { 1.0 - p } else { -p };
            let gradient = DVector::from_vec(vec![residual, residual * x]);
            let weight = -p * (1.0 - p);
            let hessian = DMatrix::from_row_slice(2, 2, &[weight, weight * x, weight * x, weight * x * x]);
            sum.add(trial.seed, -softplus(-sign * z), &gradient, &hessian);
        }
        Some(sum)
    };
    let fit = maximize(DVector::from_vec(vec![0.0, 0.0]), at)?;
    let (a, b) = (fit.parameters[0], fit.parameters[1]);
    if b == 0.0 || (b > 0.0) != rises {
        return Err(
            "the share goes through one half by chance only: its trend goes the other way".to_string()
        );
    }
    let [low, high] = fieller(a, b, &fit.covariance);
    let scale = |x: f64| (x + middle).exp();
    Ok(Half {
        scale: scale(-a / b),
        low: low.map(scale),
        high: high.map(scale),
        rises,
        between,
        jumps: false,
        crosses_again,
    })
}

/// The x at which a + bx differs from 0 by at most 1.96 of its standard errors; unbounded where the slope itself may be 0
/// (Fieller 1954).
fn fieller(a: f64, b: f64, v: &DMatrix<f64>) -> [Option<f64>; 2] {
    let z2 = Z95 * Z95;
    let (aa, bb, ab) = (a * a - z2 * v[(0, 0)], b * b - z2 * v[(1, 1)], a * b - z2 * v[(0, 1)]);
    let root = ab * ab - aa * bb;
    if !(bb > 0.0 && root >= 0.0) {
        return [None, None];
    }
    [Some((-ab - root.sqrt()) / bb), Some((-ab + root.sqrt()) / bb)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::init::uniform;
    use crate::net::philox::{Stream, words};

    /// `seeds` runs at each scale, which happen with the probability `p`.
    fn made(scales: &[f64], seeds: u64, p: impl Fn(f64) -> f64) -> Vec<Trial> {
        let mut all = Vec::new();
        for (cell, &scale) in scales.iter().enumerate() {
            for seed in 0..seeds {
                let u = 0.5 + 0.5 * f64::from(uniform(words(9, seed, Stream::Noise, cell as u32)[0]));
                all.push(Trial { seed, scale, happened: u < p(scale) });
            }
        }
        all
    }

    fn logit(scale: f64, half: f64, slope: f64) -> f64 {
        1.0 / (1.0 + (-slope * (scale / half).ln()).exp())
    }

    const SCALES: [f64; 8] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0];

    #[test]
    fn the_half_point_is_found_within_its_interval() {
        for (half_at, slope) in [(0.05, 2.0), (0.2, 0.8), (0.01, -1.5)] {
            let found = half(&made(&SCALES, 500, |r| logit(r, half_at, slope))).unwrap();
            let (low, high) = (found.low.unwrap(), found.high.unwrap());
            assert!(low < half_at && half_at < high && high / low < 1.6, "{found:?}");
            assert!(low < found.scale && found.scale < high && found.rises == (slope > 0.0));
            assert!(!found.jumps && !found.crosses_again);
            // The twin: another half point is outside.
            assert!(!(low..high).contains(&(1.5 * half_at)) && !(low..high).contains(&(half_at / 1.5)));
        }
    }

    #[test]
    fn where_the_share_falls_again_the_rise_alone_is_fitted() {
        let p = |r: f64| if r > 0.5 { 0.1 } else { logit(r, 0.02, 2.0) };
        let found = half(&made(&SCALES, 500, p)).unwrap();
        assert!(found.rises && found.crosses_again, "{found:?}");
        assert!(found.low.unwrap() < 0.02 && 0.02 < found.high.unwrap(), "{found:?}");
    }

    #[test]
    fn a_jump_has_no_slope() {
        let found = half(&made(&SCALES, 20, |r| if r > 0.05 { 1.0 } else { 0.0 })).unwrap();
        assert!(found.jumps);
        assert_eq!((found.low, found.high, found.between), (Some(0.03), Some(0.1), [0.03, 0.1]));
    }

    #[test]
    fn what_never_crosses_says_so() {
        let why = |p: f64| half(&made(&SCALES, 20, |_| p)).unwrap_err();
        assert_eq!(why(0.0), "at every scale the share is under one half");
        assert_eq!(why(1.0), "at every scale the share is one half or more");
        assert_eq!(half(&[]).unwrap_err(), "there are no runs");
        let one = half(&made(&[0.1], 20, |_| 0.4)).unwrap_err();
        assert_eq!(one, "at every scale the share is under one half");
    }
}
