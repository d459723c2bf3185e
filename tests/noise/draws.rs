//! Random numbers with the places that they were drawn for, and the statistics of them.

use super::chance;
use super::findings::Findings;

/// The distribution that numbers claim.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law {
    /// U(−1, 1)
    Uniform,
    /// N(0, 1)
    Normal,
    /// 0 or 1, as often.
    Coin,
}

impl Law {
    /// Distribution function; of coins the middle of their half.
    pub fn rank(self, number: f64) -> f64 {
        match self {
            Law::Uniform => (number + 1.0) / 2.0,
            Law::Normal => 0.5 * libm::erfc(-number * std::f64::consts::FRAC_1_SQRT_2),
            Law::Coin => 0.25 + 0.5 * number,
        }
    }

    /// Expectation of the `power`th power, an even one.
    fn moment(self, power: i32) -> f64 {
        match self {
            Law::Uniform => 1.0 / f64::from(power + 1),
            Law::Normal => (1..power).step_by(2).map(f64::from).product(),
            Law::Coin => 0.5,
        }
    }

    /// Equally likely bins of two neighbours.
    fn bins(self) -> usize {
        if self == Law::Coin { 2 } else { 16 }
    }
}

/// Numbers, the last axis innermost.
#[derive(Clone, Debug)]
pub struct Draws {
    pub law: Law,
    /// What changes along each axis, and its length.
    pub axes: Vec<(&'static str, usize)>,
    pub numbers: Vec<f64>,
}

/// Columns of a correlation matrix at most.
const COLUMNS: usize = 64;

impl Draws {
    /// Numbers between neighbours along an axis.
    fn stride(&self, axis: usize) -> usize {
        self.axes[axis + 1..].iter().map(|(_, length)| length).product()
    }

    fn ranks(&self) -> Vec<f64> {
        self.numbers.iter().map(|&number| self.law.rank(number)).collect()
    }

    /// Every statistic: of the distribution, and of what neighbours along each axis have in common.
    pub fn examine(&self) -> Findings {
        assert_eq!(self.numbers.len(), self.axes.iter().map(|(_, length)| length).product::<usize>());
        let mut findings = Findings::default();
        if self.law == Law::Coin {
            let heads: f64 = self.numbers.iter().sum();
            let count = self.numbers.len() as f64;
            findings.add("share".into(), chance::normal((heads - count / 2.0) / (count / 4.0).sqrt()));
        } else {
            self.moments(&mut findings);
            self.distribution(&mut findings);
        }
        for axis in 0..self.axes.len() {
            self.neighbours(&mut findings, axis);
        }
        findings
    }

    /// The mean of each power, by its standard error.
    fn moments(&self, findings: &mut Findings) {
        for power in 1..=4 {
            let expected = if power % 2 == 0 { self.law.moment(power) } else { 0.0 };
            let variance = self.law.moment(2 * power) - expected * expected;
            let count = self.numbers.len() as f64;
            let mean = self.numbers.iter().map(|number| number.powi(power)).sum::<f64>() / count;
            let z = (mean - expected) * (count / variance).sqrt();
            findings.add(format!("moment {power}"), chance::normal(z));
        }
    }

    /// Kolmogorov & Smirnov's distance, and 256 equally likely bins.
    fn distribution(&self, findings: &mut Findings) {
        let mut ranks = self.ranks();
        ranks.sort_unstable_by(f64::total_cmp);
        let count = ranks.len();
        let distance = |(i, rank): (usize, &f64)| {
            (rank - i as f64 / count as f64).max((i + 1) as f64 / count as f64 - rank)
        };
        let largest = ranks.iter().enumerate().map(distance).fold(0.0, f64::max);
        findings.add("Kolmogorov-Smirnov".into(), chance::kolmogorov(largest, count));
        findings.add("bins".into(), even(256, ranks.iter().map(|&rank| bin(rank, 256))));
    }

    /// Correlation of all neighbours along an axis; bins of pairs of neighbours that have no number in common, once from the
    /// first on and once from the second.
    fn neighbours(&self, findings: &mut Findings, axis: usize) {
        let (name, length) = self.axes[axis];
        let stride = self.stride(axis);
        let along = |i: usize| i / stride % length;
        let ranks = self.ranks();
        let pairs: Vec<usize> = (0..ranks.len()).filter(|&i| along(i) + 1 < length).collect();
        let r = correlation(pairs.iter().map(|&i| (ranks[i], ranks[i + stride])));
        findings.add(
            format!("correlation of neighbouring {name}"),
            chance::normal(r * (pairs.len() as f64).sqrt()),
        );
        let bins = self.law.bins();
        for (first, from) in ["the first", "the second"].into_iter().enumerate() {
            let apart = pairs.iter().filter(|&&i| along(i) % 2 == first);
            let both = apart.map(|&i| bins * bin(ranks[i], bins) + bin(ranks[i + stride], bins));
            findings.add(format!("pairs of neighbouring {name} from {from} on"), even(bins * bins, both));
        }
        self.any_two(findings, axis);
    }

    /// The largest correlation of any two of up to 64 places along an axis.
    pub fn any_two(&self, findings: &mut Findings, axis: usize) {
        let (name, length) = self.axes[axis];
        let stride = self.stride(axis);
        let mut columns = vec![Vec::new(); length.min(COLUMNS)];
        for (i, rank) in self.ranks().into_iter().enumerate() {
            if let Some(column) = columns.get_mut(i / stride % length) {
                column.push(rank);
            }
        }
        let mut largest = 0.0f64;
        for (a, one) in columns.iter().enumerate() {
            for other in &columns[..a] {
                let r = correlation(one.iter().copied().zip(other.iter().copied()));
                // A NaN must not be passed over.
                largest = if r.abs() <= largest { largest } else { r.abs() };
            }
        }
        // Fisher's transformation, which few numbers need. A NaN becomes the worst.
        let z = largest.min(1.0).atanh() * (columns[0].len() as f64 - 3.0).sqrt();
        let count = columns.len() * (columns.len() - 1) / 2;
        findings.add(format!("correlations of any two {name}"), chance::largest_normal(z, count));
    }

    /// The same with another number in the place of each: that of the place which `from` gives for each along an axis.
    pub fn moved(&self, axis: usize, from: impl Fn(usize) -> usize) -> Draws {
        let (stride, length) = (self.stride(axis), self.axes[axis].1);
        let number = |i: usize| {
            let along = i / stride % length;
            self.numbers[i - along * stride + from(along) * stride]
        };
        Draws { numbers: (0..self.numbers.len()).map(number).collect(), ..self.clone() }
    }

    /// The same with each number changed.
    pub fn changed(&self, change: impl Fn(f64) -> f64) -> Draws {
        Draws { numbers: self.numbers.iter().map(|&number| change(number)).collect(), ..self.clone() }
    }

    /// Numbers spoilt in one way each, with the statistics that must notice.
    pub fn spoilt(&self) -> Vec<(Draws, Vec<String>)> {
        let mut spoilt = Vec::new();
        for (axis, (name, _)) in self.axes.iter().enumerate() {
            let pairs = |from: &str| format!("pairs of neighbouring {name} from the {from} on");
            // Every second place repeats the one before it.
            let names = vec![
                format!("correlation of neighbouring {name}"),
                pairs("first"),
                format!("correlations of any two {name}"),
            ];
            spoilt.push((self.moved(axis, |along| along - along % 2), names));
            let odd = |along: usize| if along.is_multiple_of(2) { along.saturating_sub(1) } else { along };
            spoilt.push((self.moved(axis, odd), vec![pairs("second")]));
        }
        if self.law == Law::Coin {
            // One in five shows tails.
            let tails = |(i, &number): (usize, &f64)| if i % 5 == 0 { 0.0 } else { number };
            let numbers = self.numbers.iter().enumerate().map(tails).collect();
            spoilt.push((Draws { numbers, ..self.clone() }, vec!["share".into()]));
            return spoilt;
        }
        let names = |names: &[&str]| names.iter().map(|&name| name.to_string()).collect();
        spoilt.push((self.changed(|x| x + 0.05), names(&["moment 1", "moment 3"])));
        spoilt.push((self.changed(|x| 1.05 * x), names(&["moment 2", "moment 4", "bins"])));
        // Few bits are left.
        spoilt.push((self.changed(|x| (x * 4.0).round() / 4.0), names(&["Kolmogorov-Smirnov", "bins"])));
        if self.law == Law::Uniform {
            // Too even to be random.
            let count = self.numbers.len() as f64;
            let numbers = (0..self.numbers.len()).map(|i| (2 * i + 1) as f64 / count - 1.0).collect();
            spoilt.push((Draws { numbers, ..self.clone() }, names(&["Kolmogorov-Smirnov", "bins"])));
        }
        spoilt
    }
}

/// Which of `bins` equal parts of [0, 1] holds a rank.
fn bin(rank: f64, bins: usize) -> usize {
    ((rank * bins as f64) as usize).min(bins - 1)
}

/// Of so many equally likely bins, by χ².
pub fn even(bins: usize, members: impl Iterator<Item = usize>) -> f64 {
    let mut counts = vec![0.0f64; bins];
    members.for_each(|member| counts[member] += 1.0);
    let expected = counts.iter().sum::<f64>() / bins as f64;
    let chi2 = counts.iter().map(|count| (count - expected).powi(2) / expected).sum();
    chance::chi_square(chi2, bins - 1)
}

/// Pearson's.
pub fn correlation(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (mut n, mut a, mut b, mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (x, y) in pairs {
        // About the middle of the ranks, so that nothing cancels.
        let (x, y) = (x - 0.5, y - 0.5);
        (n, a, b) = (n + 1.0, a + x, b + y);
        (aa, bb, ab) = (aa + x * x, bb + y * y, ab + x * y);
    }
    (ab - a * b / n) / ((aa - a * a / n) * (bb - b * b / n)).sqrt()
}
