//! Orders of eight samples, and the statistics of them.

use super::chance;
use super::draws::{Draws, Law, correlation, even};
use super::findings::Findings;

const SAMPLES: usize = 8;

/// Orders, each the samples first to last; the last axis innermost.
#[derive(Clone, Debug)]
pub struct Orders {
    /// What changes along each axis, and its length.
    pub axes: Vec<(&'static str, usize)>,
    pub orders: Vec<[usize; SAMPLES]>,
}

impl Orders {
    /// Whether each order is an even permutation.
    fn parities(&self) -> Draws {
        let even = |order: &[usize; SAMPLES]| {
            let inversions = (0..SAMPLES).flat_map(|j| (0..j).map(move |i| (i, j)));
            let count = inversions.filter(|&(i, j)| order[i] > order[j]).count();
            f64::from(u8::from(count % 2 == 0))
        };
        let numbers = self.orders.iter().map(even).collect();
        Draws { law: Law::Coin, axes: self.axes.clone(), numbers }
    }

    /// Every statistic.
    pub fn examine(&self) -> Findings {
        let mut findings = Findings::default();
        let count = self.orders.len() as f64;
        let mut counts = [[0.0; SAMPLES]; SAMPLES];
        for order in &self.orders {
            order.iter().enumerate().for_each(|(place, &sample)| counts[place][sample] += 1.0);
        }
        // Rows and columns have the same sums, so that a matrix of permutations has covariances as those of independent
        // counts of (SAMPLES − 1)² degrees of freedom, but for this factor.
        let factor = (SAMPLES - 1) as f64 / count;
        let off = |n: &f64| (n - count / SAMPLES as f64).powi(2);
        let chi2 = factor * counts.as_flattened().iter().map(off).sum::<f64>();
        findings.add("places".into(), chance::chi_square(chi2, (SAMPLES - 1) * (SAMPLES - 1)));
        let first_two = |order: &[usize; SAMPLES]| {
            let [first, second] = [order[0], order[1]];
            (SAMPLES - 1) * first + second - usize::from(second > first)
        };
        let pairs = SAMPLES * (SAMPLES - 1);
        findings.add("first two samples".into(), even(pairs, self.orders.iter().map(first_two)));
        let places: Vec<[usize; SAMPLES]> = self.orders.iter().map(inverse).collect();
        for axis in 0..self.axes.len() {
            let (name, length) = self.axes[axis];
            let stride: usize = self.axes[axis + 1..].iter().map(|(_, length)| length).product();
            let neighbours = (0..places.len()).filter(|i| i / stride % length + 1 < length);
            let ranks = |i: usize| places[i].map(|place| (place as f64 + 0.5) / SAMPLES as f64);
            let correlations: Vec<f64> =
                neighbours.map(|i| correlation(ranks(i).into_iter().zip(ranks(i + stride)))).collect();
            // Of independent orders Spearman's correlation has a variance of 1 / (SAMPLES − 1), exactly.
            let z =
                correlations.iter().sum::<f64>() / (correlations.len() as f64 / (SAMPLES - 1) as f64).sqrt();
            findings.add(format!("rank correlation of neighbouring {name}"), chance::normal(z));
        }
        for (name, p) in self.parities().examine().all() {
            findings.add(format!("parity, {name}"), *p);
        }
        findings
    }

    /// Orders spoilt in one way each, with the statistics that must notice.
    pub fn spoilt(&self) -> Vec<(Findings, Vec<String>)> {
        let changed = |change: &dyn Fn(usize, [usize; SAMPLES]) -> [usize; SAMPLES]| {
            let orders = self.orders.iter().enumerate().map(|(i, &order)| change(i, order)).collect();
            Orders { orders, ..self.clone() }.examine()
        };
        // One in eight is not shuffled.
        let lazy = changed(&|i, order| if i % 8 == 0 { std::array::from_fn(|s| s) } else { order });
        let mut spoilt = vec![(lazy, vec!["places".into(), "first two samples".into()])];
        for (axis, (name, _)) in self.axes.iter().enumerate() {
            // Every second order repeats the one before it, along an axis.
            let stride: usize = self.axes[axis + 1..].iter().map(|(_, length)| length).product();
            let again = changed(&|i, _| self.orders[i - i / stride % 2 * stride]);
            spoilt.push((again, vec![format!("rank correlation of neighbouring {name}")]));
        }
        for (draws, names) in self.parities().spoilt() {
            let mut findings = Findings::default();
            draws.examine().all().iter().for_each(|(name, p)| findings.add(format!("parity, {name}"), *p));
            spoilt.push((findings, names.iter().map(|name| format!("parity, {name}")).collect()));
        }
        spoilt
    }
}

/// The place of each sample.
fn inverse(order: &[usize; SAMPLES]) -> [usize; SAMPLES] {
    let mut places = [0; SAMPLES];
    order.iter().enumerate().for_each(|(place, &sample)| places[sample] = place);
    places
}
