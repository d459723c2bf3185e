//! Maximum likelihood by Newton's method, with standard errors that hold for paired runs.

use std::collections::HashMap;

use nalgebra::{DMatrix, DVector};

/// A log-likelihood and its first and second derivatives at one point.
pub(super) struct Likelihood {
    pub value: f64,
    pub gradient: DVector<f64>,
    pub hessian: DMatrix<f64>,
    /// The gradient of the terms of each seed.
    pub by_seed: HashMap<u64, DVector<f64>>,
}

impl Likelihood {
    /// Of no data.
    pub fn empty(parameters: usize) -> Likelihood {
        Likelihood {
            value: 0.0,
            gradient: DVector::zeros(parameters),
            hessian: DMatrix::zeros(parameters, parameters),
            by_seed: HashMap::new(),
        }
    }

    /// Adds the term of one run.
    pub fn add(&mut self, seed: u64, value: f64, gradient: &DVector<f64>, hessian: &DMatrix<f64>) {
        self.value += value;
        self.gradient += gradient;
        self.hessian += hessian;
        *self.by_seed.entry(seed).or_insert_with(|| DVector::zeros(gradient.len())) += gradient;
    }
}

/// Where a likelihood is largest.
#[derive(Debug)]
pub(super) struct Maximum {
    pub parameters: DVector<f64>,
    pub value: f64,
    /// Of the parameters: H⁻¹ (Σ uuᵀ) H⁻¹ over seeds with u the gradient of a seed's terms, times G/(G − 1) for G seeds.
    /// Unlike the inverse information it needs neither independent runs of a seed nor the right distribution (Liang & Zeger
    /// 1986; Lin & Wei 1989).
    pub covariance: DMatrix<f64>,
}

/// Climbs from `start`. `at` gives `None` where the parameters are not allowed.
///
/// # Errors
/// When it finds no maximum, in words.
pub(super) fn maximize(
    start: DVector<f64>,
    at: impl Fn(&DVector<f64>) -> Option<Likelihood>,
) -> Result<Maximum, String> {
    const ITERATIONS: usize = 200;
    let no_maximum = || "the likelihood has no maximum that can be found".to_string();
    let finite = |found: &Likelihood| found.value.is_finite() && found.hessian.iter().all(|h| h.is_finite());
    let mut here = start;
    let mut now = at(&here).filter(finite).ok_or_else(no_maximum)?;
    let mut damping = 0.0;
    for _ in 0..ITERATIONS {
        // Marquardt: the diagonal is enlarged until the matrix is definite and the step goes up.
        let mut information = -&now.hessian;
        for i in 0..here.len() {
            information[(i, i)] += damping * (information[(i, i)].abs() + 1e-12);
        }
        let step = information.cholesky().map(|decomposed| decomposed.solve(&now.gradient));
        let Some(step) = step.filter(|step| step.iter().all(|x| x.is_finite())) else {
            damping = (10.0 * damping).max(1e-6);
            if damping > 1e12 {
                return Err(no_maximum());
            }
            continue;
        };
        let gain = now.gradient.dot(&step);
        if damping < 1e-3 && gain.abs() <= 1e-10 * (1.0 + now.value.abs() * 1e-6) {
            let inverse = (-&now.hessian).try_inverse().ok_or_else(no_maximum)?;
            let seeds = now.by_seed.len() as f64;
            let mut meat = DMatrix::zeros(here.len(), here.len());
            for score in now.by_seed.values() {
                meat += score * score.transpose();
            }
            let covariance = &inverse * (meat * (seeds / (seeds - 1.0))) * &inverse;
            return Ok(Maximum { parameters: here, value: now.value, covariance });
        }
        let there = &here + &step;
        match at(&there).filter(finite) {
            Some(found) if found.value >= now.value - 1e-12 * now.value.abs() => {
                here = there;
                now = found;
                damping *= 0.1;
                if damping < 1e-6 {
                    damping = 0.0;
                }
            }
            _ => damping = (10.0 * damping).max(1e-3),
        }
        if damping > 1e12 {
            return Err(no_maximum());
        }
    }
    Err(no_maximum())
}
