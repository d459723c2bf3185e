//! Times against scale. The model is an accelerated failure time: ln T = η(r) + σ·ε with ε from the standard logistic
//! distribution (T is log-logistic), by maximum likelihood; see Kalbfleisch & Prentice, "The statistical analysis of failure
//! time data". What happened between two looks enters as the probability of that interval, what had not happened by the
//! last look as the probability of later.
//!
//! To some runs it never happens, however long one waits: both relu units may be dead. Where the data say so clearly, the
//! model gets a share p of runs to which it ever happens, the same at all scales, and a censored run is one of the others or
//! is late: S(t) = 1 − p + p·S₀(t) (Boag 1949; Farewell 1982).

use nalgebra::{DMatrix, DVector};
use serde::Serialize;

use super::Time;
use super::newton::{Likelihood, Maximum, maximize};
use crate::measure::statistics::Z95;
use crate::net::activation::softplus;

/// The time of one run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// Runs of one seed vary together.
    pub seed: u64,
    /// r, above 0.
    pub scale: f64,
    /// When it happened.
    pub time: Time,
}

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The figure.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// What a law says of the data: of its median time at scale r.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Law {
    /// `r^-2`, `r^-1`, `a + b log(1/r)` or `r^slope`
    pub law: &'static str,
    /// C of C·r^slope, or a.
    pub constant: f64,
    /// The exponent, or b.
    pub coefficient: f64,
    /// ln of the likelihood; `None` where the law could not be fitted.
    pub log_likelihood: Option<f64>,
    /// 2·parameters − 2·ln likelihood, above that of the best law of the list.
    pub delta_aic: Option<f64>,
}

/// How time goes with scale.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Laws {
    /// Runs.
    pub runs: usize,
    /// Runs to which it had not happened when they were last looked at.
    pub censored: usize,
    /// Seeds: what the interval's variation is over.
    pub seeds: usize,
    /// Distinct scales.
    pub scales: usize,
    /// Lowest of them.
    pub from: f64,
    /// Highest of them.
    pub to: f64,
    /// d ln T / d ln r of the power law with any exponent; its interval takes whole seeds as what varies.
    pub slope: Interval,
    /// σ, the scale of ln T about the law.
    pub sigma: f64,
    /// Share of runs to which it ever happens, where the data show that it is not all of them; the laws are of these runs.
    pub ever: Option<Interval>,
    /// The three laws and the power law of any exponent.
    pub laws: Vec<Law>,
    /// Of the three laws that of the lowest AIC.
    pub best: &'static str,
    /// Whether its exponent is within the slope's interval; of a + b·log(1/r), which has none, whether it is better than the
    /// power law of any exponent.
    pub consistent: bool,
}

/// By how much the AIC must fall for the model to have runs to which it never happens. Twice the usual, and more: the
/// runs of a seed are alike, so there is less data than there are runs.
const NEVER_AIC: f64 = 10.0;

/// How the median time goes with x = ln r − its mean.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Model {
    /// η = a + slope·x
    Fixed(f64),
    /// η = a + b·x
    Power,
    /// η = ln(a − b·x)
    Logarithm,
}

impl Model {
    fn coefficients(self) -> usize {
        if let Model::Fixed(_) = self { 1 } else { 2 }
    }

    /// η and its gradient; `None` where the median is not positive. Second derivatives are 0, or −ggᵀ of
    /// [`Logarithm`](Model::Logarithm).
    fn eta(self, parameters: &DVector<f64>, x: f64) -> Option<(f64, [f64; 2])> {
        match self {
            Model::Fixed(slope) => Some((parameters[0] + slope * x, [1.0, 0.0])),
            Model::Power => Some((parameters[0] + parameters[1] * x, [1.0, x])),
            Model::Logarithm => {
                let median = parameters[0] - parameters[1] * x;
                (median > 0.0).then(|| (median.ln(), [1.0 / median, -x / median]))
            }
        }
    }
}

fn logistic(z: f64) -> f64 {
    if z < 0.0 { z.exp() / (1.0 + z.exp()) } else { 1.0 / (1.0 + (-z).exp()) }
}

/// ln of the probability of a time, with a = (ln of its first end − η)/σ and d = (width in ln)/σ: the value, its derivatives
/// in a (first and second), in d (times d), and in both.
struct Term {
    value: f64,
    a: f64,
    aa: f64,
    d_times_d: f64,
    dd_times_dd: f64,
    ad_times_d: f64,
    /// By q = logit p, and by q and a.
    q: f64,
    qq: f64,
    aq: f64,
}

impl Term {
    /// `ends` are those of ln T; one of them may be infinite. `q` is the logit of the share to which it ever happens, if that
    /// is not all. Gives a, too, which is that of the other end if the first is infinite.
    fn of(ends: (f64, f64), eta: f64, sigma: f64, q: Option<f64>) -> (f64, Term) {
        let slope = |p: f64| p * (1.0 - p);
        let none = Term {
            value: 0.0,
            a: 0.0,
            aa: 0.0,
            d_times_d: 0.0,
            dd_times_dd: 0.0,
            ad_times_d: 0.0,
            q: 0.0,
            qq: 0.0,
            aq: 0.0,
        };
        let (a, term) = match (ends, q) {
            ((low, f64::INFINITY), None) => {
                let a = (low - eta) / sigma;
                return (a, Term { value: -softplus(a), a: -logistic(a), aa: -slope(logistic(a)), ..none });
            }
            ((low, f64::INFINITY), Some(q)) => {
                // ln(1 − p + p·S) with S = 1/(1 + e^a), S' = −S(1 − S), S'' = S(1 − S)(1 − 2S).
                let a = (low - eta) / sigma;
                let (p, survival) = (logistic(q), logistic(-a));
                let all = logistic(-q) + p * survival;
                let by_a = -p * slope(survival) / all;
                let by_q = -slope(p) * (1.0 - survival) / all;
                let term = Term {
                    value: all.ln(),
                    a: by_a,
                    aa: p * slope(survival) * (1.0 - 2.0 * survival) / all - by_a * by_a,
                    q: by_q,
                    qq: by_q * (1.0 - 2.0 * p) - by_q * by_q,
                    aq: -slope(p) * slope(survival) / all - by_a * by_q,
                    ..none
                };
                return (a, term);
            }
            ((f64::NEG_INFINITY, high), _) => {
                let b = (high - eta) / sigma;
                (b, Term { value: -softplus(-b), a: logistic(-b), aa: -slope(logistic(b)), ..none })
            }
            ((low, high), _) => {
                let (a, d) = ((low - eta) / sigma, (high - low) / sigma);
                let b = a + d;
                let (pa, pb) = (logistic(a), logistic(b));
                // S(a) − S(b) = (e^b − e^a) / ((1 + e^a)(1 + e^b)), with e^b − e^a = e^b (1 − e^−d).
                let part = -(-d).exp_m1();
                let term = Term {
                    value: b + part.ln() - softplus(a) - softplus(b),
                    a: 1.0 - pa - pb,
                    aa: -slope(pa) - slope(pb),
                    d_times_d: d / part - d * pb,
                    dd_times_dd: -(d / part) * (d / part) * (-d).exp() - d * d * slope(pb),
                    ad_times_d: -d * slope(pb),
                    ..none
                };
                (a, term)
            }
        };
        // It happened, so it is among those to which it does: p.
        match q {
            None => (a, term),
            Some(q) => {
                let value = term.value - softplus(-q);
                (a, Term { value, q: logistic(-q), qq: -slope(logistic(q)), ..term })
            }
        }
    }
}

/// The data of a fit: x, the ends of ln T, the seed.
struct Point {
    x: f64,
    ends: (f64, f64),
    seed: u64,
}

/// Parameters: the coefficients, ln σ and, where it does not `always` happen, q.
fn likelihood(model: Model, always: bool, points: &[Point], parameters: &DVector<f64>) -> Option<Likelihood> {
    let count = model.coefficients();
    let sigma = parameters[count].exp();
    let q = (!always).then(|| parameters[count + 1]);
    let size = parameters.len();
    let mut sum = Likelihood::empty(size);
    let mut gradient = DVector::zeros(size);
    let mut hessian = DMatrix::zeros(size, size);
    for point in points {
        let (eta, g) = model.eta(parameters, point.x)?;
        let (a, term) = Term::of(point.ends, eta, sigma, q);
        // By η and s = ln σ: a falls by 1/σ with η and by a with s, d by d with s.
        let by_eta = -term.a / sigma;
        let by_eta_eta = term.aa / (sigma * sigma);
        let by_s = -a * term.a - term.d_times_d;
        let by_eta_s = (term.a + a * term.aa + term.ad_times_d) / sigma;
        let by_s_s =
            a * term.a + term.d_times_d + a * a * term.aa + 2.0 * a * term.ad_times_d + term.dd_times_dd;
        for i in 0..count {
            gradient[i] = by_eta * g[i];
            for j in 0..count {
                let bend = if model == Model::Logarithm { -g[i] * g[j] } else { 0.0 };
                hessian[(i, j)] = by_eta_eta * g[i] * g[j] + by_eta * bend;
            }
            hessian[(i, count)] = by_eta_s * g[i];
            hessian[(count, i)] = hessian[(i, count)];
        }
        gradient[count] = by_s;
        hessian[(count, count)] = by_s_s;
        if !always {
            let q = count + 1;
            gradient[q] = term.q;
            hessian[(q, q)] = term.qq;
            for i in 0..count {
                hessian[(i, q)] = -term.aq / sigma * g[i];
                hessian[(q, i)] = hessian[(i, q)];
            }
            hessian[(count, q)] = -a * term.aq;
            hessian[(q, count)] = hessian[(count, q)];
        }
        sum.add(point.seed, term.value, &gradient, &hessian);
    }
    Some(sum)
}

fn fitted(model: Model, always: bool, points: &[Point], start: Vec<f64>) -> Result<Maximum, String> {
    maximize(DVector::from_vec(start), |parameters| likelihood(model, always, points, parameters))
}

/// Fits the power law of any exponent and the three laws.
///
/// # Errors
/// In words, where the data says nothing of a law: no runs, one scale, one seed, all censored.
pub fn laws(observations: &[Observation]) -> Result<Laws, String> {
    let ends = |time: Time| match time {
        Time::Within { after, by } if by > 0.0 && by > after => {
            Some((if after > 0.0 { after.ln() } else { f64::NEG_INFINITY }, by.ln()))
        }
        Time::After(last) if last > 0.0 => Some((last.ln(), f64::INFINITY)),
        // Says nothing of a time above 0.
        _ => None,
    };
    let known: Vec<(&Observation, (f64, f64))> = observations
        .iter()
        .filter(|one| one.scale > 0.0)
        .filter_map(|one| Some((one, ends(one.time)?)))
        .collect();
    if known.is_empty() {
        let why = "no run in the range of scales has a time (by default that of the scales below the first at which under 99 % \
                   of the runs start symmetric); choose another range with --from and --to";
        return Err(why.to_string());
    }
    let mut scales: Vec<f64> = known.iter().map(|(one, _)| one.scale).collect();
    scales.sort_by(f64::total_cmp);
    scales.dedup();
    let mut seeds: Vec<u64> = known.iter().map(|(one, _)| one.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let censored = known.iter().filter(|(_, ends)| ends.1 == f64::INFINITY).count();
    let mut with_event: Vec<f64> =
        known.iter().filter(|(_, ends)| ends.1 < f64::INFINITY).map(|(one, _)| one.scale).collect();
    with_event.sort_by(f64::total_cmp);
    with_event.dedup();
    let [from, .., to] = scales[..] else {
        return Err(format!(
            "there is only one scale, {:?}, in the range; sweep more of them near the base point, or choose another \
             range with --from and --to",
            scales[0]
        ));
    };
    if with_event.is_empty() {
        return Err(format!(
            "all {} runs in the range are censored: it happened to none of them",
            known.len()
        ));
    }
    if with_event.len() == 1 {
        let only = with_event[0];
        return Err(format!("it happened at one scale of the range only, {only:?}; a slope needs two"));
    }
    if seeds.len() == 1 {
        return Err("there is one seed only; an interval needs several".to_string());
    }
    let mean = known.iter().map(|(one, _)| one.scale.ln()).sum::<f64>() / known.len() as f64;
    let points: Vec<Point> = known
        .iter()
        .map(|(one, ends)| Point { x: one.scale.ln() - mean, ends: *ends, seed: one.seed })
        .collect();
    // Where a time is known, about there; where it is not, at its known end.
    let middle = |(low, high): (f64, f64)| if low.is_finite() { low } else { high };
    let start = points.iter().map(|point| middle(point.ends)).sum::<f64>() / points.len() as f64;
    let all = fitted(Model::Power, true, &points, vec![start, 0.0, 0.0])?;
    // From the runs to which it did happen, as if they were nearly all to which it does.
    let happened: Vec<f64> =
        points.iter().filter(|point| point.ends.1 < f64::INFINITY).map(|point| middle(point.ends)).collect();
    let share = happened.len() as f64 / points.len() as f64;
    let typical = happened.iter().sum::<f64>() / happened.len() as f64;
    let logit = (share.min(0.999) / (1.0 - share.min(0.999))).ln();
    let some = fitted(Model::Power, false, &points, vec![typical, 0.0, 0.0, logit]);
    // One parameter more, so 2 to make up for.
    let some = some.ok().filter(|some| 2.0 * (some.value - all.value) - 2.0 > NEVER_AIC && censored > 0);
    let always = some.is_none();
    let free = some.unwrap_or(all);
    let end = |i: usize| Z95 * free.covariance[(i, i)].max(0.0).sqrt();
    let (a, slope, s) = (free.parameters[0], free.parameters[1], free.parameters[2]);
    let slope = Interval { value: slope, low: slope - end(1), high: slope + end(1) };
    let q = (!always).then(|| free.parameters[3]);
    let ever =
        q.map(|q| Interval { value: logistic(q), low: logistic(q - end(3)), high: logistic(q + end(3)) });

    let mut found: Vec<(Law, usize)> = Vec::new();
    for (name, model) in [
        ("r^-2", Model::Fixed(-2.0)),
        ("r^-1", Model::Fixed(-1.0)),
        ("a + b log(1/r)", Model::Logarithm),
        ("r^slope", Model::Power),
    ] {
        let mut start = match model {
            Model::Fixed(_) => vec![a, s],
            Model::Power => vec![a, slope.value, s],
            // Flat, so positive at every scale.
            Model::Logarithm => vec![a.exp(), 0.0, s],
        };
        start.extend(q);
        let fit = fitted(model, always, &points, start).ok();
        let at = |i: usize| fit.as_ref().map_or(f64::NAN, |fit| fit.parameters[i]);
        let (constant, coefficient) = match model {
            Model::Fixed(exponent) => ((at(0) - exponent * mean).exp(), exponent),
            Model::Power => ((at(0) - at(1) * mean).exp(), at(1)),
            Model::Logarithm => (at(0) + at(1) * mean, at(1)),
        };
        let log_likelihood = fit.map(|fit| fit.value);
        found.push((
            Law { law: name, constant, coefficient, log_likelihood, delta_aic: None },
            model.coefficients() + 1 + usize::from(!always),
        ));
    }
    let aic = |(law, parameters): &(Law, usize)| Some(2.0 * *parameters as f64 - 2.0 * law.log_likelihood?);
    let values: Vec<Option<f64>> = found.iter().map(aic).collect();
    let lowest = values.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let of_three = |i: &usize| values[*i].unwrap_or(f64::INFINITY);
    let best = (0..3).min_by(|a, b| of_three(a).total_cmp(&of_three(b))).unwrap_or(0);
    let consistent = match best {
        0 => (slope.low..=slope.high).contains(&-2.0),
        1 => (slope.low..=slope.high).contains(&-1.0),
        _ => of_three(&2) <= of_three(&3),
    };
    for ((law, _), value) in found.iter_mut().zip(&values) {
        law.delta_aic = value.map(|value| value - lowest);
    }
    let best = found[best].0.law;
    Ok(Laws {
        runs: known.len(),
        censored,
        seeds: seeds.len(),
        scales: scales.len(),
        from,
        to,
        slope,
        sigma: s.exp(),
        ever,
        laws: found.into_iter().map(|(law, _)| law).collect(),
        best,
        consistent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::init::{normal, uniform};
    use crate::net::philox::{Stream, words};

    const SCALES: [f64; 9] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

    /// Runs with medians `median(r)`, σ = ½ and some noise common to the runs of a seed, watched for `steps` steps at every
    /// `look`-th power of 2^(1/8). `shape`: quantile of the noise by (uniform, normal).
    fn made(
        median: impl Fn(f64) -> f64,
        steps: f64,
        seeds: u64,
        noise: fn(f64, f64) -> f64,
    ) -> Vec<Observation> {
        let mut all = Vec::new();
        for (cell, &scale) in SCALES.iter().enumerate() {
            for seed in 0..seeds {
                let [a, b, c, d] = words(5, seed, Stream::Noise, cell as u32);
                let [e, f, ..] = words(6, seed, Stream::Noise, 0);
                let u = 0.5 + 0.5 * f64::from(uniform(a));
                let own = noise(u.clamp(1e-6, 1.0 - 1e-6), f64::from(normal(c, d ^ b)));
                let common = 0.3 * f64::from(normal(e, f));
                let t = median(scale) * (0.5 * own + common).exp();
                // Measured steps are an eighth of an octave apart.
                let by = 2f64.powf((8.0 * t.log2()).ceil() / 8.0);
                let time = if by > steps {
                    Time::After(steps)
                } else {
                    Time::Within { after: by / 2f64.powf(0.125), by }
                };
                all.push(Observation { seed, scale, time });
            }
        }
        all
    }

    fn log_logistic(u: f64, _: f64) -> f64 {
        (u / (1.0 - u)).ln()
    }

    fn log_normal(_: f64, normal: f64) -> f64 {
        1.7 * normal
    }

    /// Gumbel's noise: T is Weibull.
    fn weibull(u: f64, _: f64) -> f64 {
        (-(1.0 - u).ln()).ln() + 0.3665
    }

    /// The slope that dropping censored runs gives.
    fn naive(data: &[Observation]) -> f64 {
        let seen = data.iter().filter(|one| matches!(one.time, Time::Within { .. })).copied();
        laws(&seen.collect::<Vec<_>>()).unwrap().slope.value
    }

    #[test]
    fn a_known_slope_is_recovered_under_heavy_censoring_and_not_by_dropping_the_censored() {
        for noise in [log_logistic, log_normal, weibull] {
            let data = made(|r| 10.0 * r.powi(-2), 20_000.0, 400, noise);
            let found = laws(&data).unwrap();
            assert!(found.censored * 3 > found.runs, "{} of {} censored", found.censored, found.runs);
            assert!((found.slope.value + 2.0).abs() < 0.06, "{:?}", found.slope);
            assert!(found.slope.high - found.slope.low < 0.15);
            assert!((naive(&data) + 2.0).abs() > 0.1, "the twin: {}", naive(&data));
        }
    }

    #[test]
    fn intervals_hold_as_often_as_they_say() {
        let covered = (0..200)
            .filter(|&part| {
                let all = made(|r| 10.0 / r, 2_000.0, 200 * 20, log_logistic);
                let own = all.iter().filter(|one| one.seed / 20 == part).copied().collect::<Vec<_>>();
                let slope = laws(&own).unwrap().slope;
                (slope.low..=slope.high).contains(&-1.0)
            })
            .count();
        // 20 clusters make intervals a little short; of 200 at 95 % fewer than 172 cover once in ten million times.
        assert!((172..=199).contains(&covered), "{covered}");
    }

    #[test]
    fn each_law_is_told_from_the_others() {
        for (median, law) in [
            ((|r: f64| 10.0 * r.powi(-2)) as fn(f64) -> f64, "r^-2"),
            (|r| 10.0 / r, "r^-1"),
            (|r| 50.0 + 40.0 * (1.0 / r).ln(), "a + b log(1/r)"),
        ] {
            let found = laws(&made(median, 50_000.0, 200, log_logistic)).unwrap();
            assert_eq!((found.best, found.consistent), (law, true), "{found:?}");
            for other in found.laws.iter().take(3).filter(|other| other.law != law) {
                assert!(other.delta_aic.is_none_or(|delta| delta > 50.0), "{other:?}");
            }
        }
        // None of the three: the nearest is named, and that it does not hold.
        let found = laws(&made(|r| 10.0 * r.powf(-1.5), 50_000.0, 200, log_logistic)).unwrap();
        assert!(!found.consistent, "{found:?}");
        let log = laws(&made(|r| 50.0 + 40.0 * (1.0 / r).ln(), 50_000.0, 200, log_logistic)).unwrap();
        assert!((log.laws[2].coefficient / 40.0 - 1.0).abs() < 0.1, "{log:?}");
    }

    #[test]
    fn runs_to_which_it_never_happens_are_told_from_late_ones() {
        let log = |r: f64| 50.0 + 40.0 * (1.0 / r).ln();
        let mut data = made(log, 50_000.0, 200, log_logistic);
        assert_eq!(laws(&data).unwrap().ever, None, "to all it happens");
        let heavily = made(|r| 10.0 * r.powi(-2), 20_000.0, 400, log_logistic);
        assert_eq!(laws(&heavily).unwrap().ever, None, "the censored are late");
        for one in data.iter_mut().filter(|one| one.seed % 10 < 4) {
            one.time = Time::After(50_000.0);
        }
        let found = laws(&data).unwrap();
        let ever = found.ever.unwrap();
        assert!(ever.low < 0.6 && 0.6 < ever.high && ever.high - ever.low < 0.2, "{ever:?}");
        assert_eq!((found.best, found.consistent), ("a + b log(1/r)", true), "{found:?}");
        assert!((found.laws[2].coefficient / 40.0 - 1.0).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn derivatives_agree_with_central_differences() {
        let data = made(|r| 10.0 / r, 2_000.0, 20, log_logistic);
        let point = |one: &Observation| {
            let ends = match one.time {
                // Narrow ones, and one from 0 on.
                Time::Within { by, .. } if one.seed == 0 => (f64::NEG_INFINITY, by.ln()),
                Time::Within { by, .. } if one.seed.is_multiple_of(2) => ((by - 1e-3).ln(), by.ln()),
                Time::Within { after, by } => (after.ln(), by.ln()),
                Time::After(last) => (last.ln(), f64::INFINITY),
            };
            Point { x: one.scale.ln() + 4.0, ends, seed: one.seed }
        };
        let points: Vec<Point> = data.iter().map(point).collect();
        for (model, always, parameters) in [
            (Model::Fixed(-1.5), true, vec![6.0, -0.3]),
            (Model::Power, true, vec![6.0, -0.8, 0.2]),
            (Model::Logarithm, true, vec![600.0, 90.0, 0.2]),
            (Model::Power, false, vec![6.0, -0.8, 0.2, 0.7]),
            (Model::Logarithm, false, vec![600.0, 90.0, 0.2, -1.5]),
        ] {
            let here = DVector::from_vec(parameters);
            let exact = likelihood(model, always, &points, &here).unwrap();
            for i in 0..here.len() {
                let h = 1e-5 * here[i].abs();
                let at = |by: f64| {
                    let mut moved = here.clone();
                    moved[i] += by;
                    likelihood(model, always, &points, &moved).unwrap()
                };
                let (up, down) = (at(h), at(-h));
                let slope = (up.value - down.value) / (2.0 * h);
                assert!((slope - exact.gradient[i]).abs() < 1e-5 * (1.0 + slope.abs()), "{model:?} {i}");
                let bend = (up.gradient - down.gradient) / (2.0 * h);
                for j in 0..here.len() {
                    let expected = exact.hessian[(i, j)];
                    assert!((bend[j] - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{model:?} {i} {j}");
                }
            }
        }
    }
}
