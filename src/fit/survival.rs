//! The share of runs to which something has not happened yet, from runs that were not all watched for as long: Kaplan &
//! Meier, "Nonparametric estimation from incomplete observations", JASA 53 (1958).

use serde::Serialize;

use super::Time;
use crate::measure::statistics::Z95;

/// The time by which it has happened to half of the runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Median {
    /// Runs.
    pub runs: usize,
    /// Runs that it happened to.
    pub events: usize,
    /// Runs that it had not happened to when they were last looked at.
    pub censored: usize,
    /// The first step by which the estimate is at or under one half; `None` if it never is.
    pub median: Option<f64>,
    /// Lower end of its 95 % interval (Brookmeyer & Crowley 1982, on the log(−log) scale).
    pub low: Option<f64>,
    /// Upper end; `None` if the data does not bound it.
    pub high: Option<f64>,
}

/// The estimate right after one time at which it happened to some run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The time.
    pub time: f64,
    /// Share that it has not happened to.
    pub survival: f64,
    /// Greenwood's sum Σ d / (n (n − d)): the variance of ln(survival). Infinite where nothing survives.
    pub greenwood: f64,
}

/// Kaplan & Meier's estimate at every time at which it happened to some run, ascending. What happened within an interval
/// counts as happening at its end, where it was seen; of events and last looks at one time the events come first.
pub fn curve(times: &[Time]) -> Vec<Point> {
    let mut seen: Vec<(f64, bool)> = times
        .iter()
        .map(|time| match *time {
            Time::Within { by, .. } => (by, true),
            Time::After(last) => (last, false),
        })
        .collect();
    seen.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut survival, mut greenwood, mut at_risk) = (1.0, 0.0, seen.len());
    let mut points = Vec::new();
    for stretch in seen.chunk_by(|a, b| a.0 == b.0) {
        let events = stretch.iter().filter(|(_, happened)| *happened).count();
        if events > 0 {
            let (d, n) = (events as f64, at_risk as f64);
            survival *= 1.0 - d / n;
            greenwood += d / (n * (n - d));
            points.push(Point { time: stretch[0].0, survival, greenwood });
        }
        at_risk -= stretch.len();
    }
    points
}

/// The median and its interval.
pub fn median(times: &[Time]) -> Median {
    let points = curve(times);
    let first =
        |keep: &dyn Fn(&Point) -> bool| points.iter().find(|point| keep(point)).map(|point| point.time);
    // Whether one half is within the 95 % interval of the estimate, or on which side of it the interval lies.
    let half = (2f64.ln()).ln();
    let score = |point: &Point| {
        let log = -point.survival.ln();
        // At survival 0 both are infinite: surely under one half.
        if point.survival <= 0.0 { f64::INFINITY } else { (log.ln() - half) / (point.greenwood.sqrt() / log) }
    };
    let events = times.iter().filter(|time| matches!(time, Time::Within { .. })).count();
    Median {
        runs: times.len(),
        events,
        censored: times.len() - events,
        median: first(&|point| point.survival <= 0.5),
        low: first(&|point| score(point) >= -Z95),
        high: first(&|point| score(point) > Z95),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weeks of remission under 6-MP; `true`: still in remission when last seen. Freireich et al., Blood 21 (1963).
    const FREIREICH: [(f64, bool); 21] = [
        (6.0, false),
        (6.0, false),
        (6.0, false),
        (6.0, true),
        (7.0, false),
        (9.0, true),
        (10.0, false),
        (10.0, true),
        (11.0, true),
        (13.0, false),
        (16.0, false),
        (17.0, true),
        (19.0, true),
        (20.0, true),
        (22.0, false),
        (23.0, false),
        (25.0, true),
        (32.0, true),
        (32.0, true),
        (34.0, true),
        (35.0, true),
    ];

    fn times(data: &[(f64, bool)]) -> Vec<Time> {
        let time =
            |&(t, censored)| if censored { Time::After(t) } else { Time::Within { after: t - 1.0, by: t } };
        data.iter().map(time).collect()
    }

    #[test]
    fn the_textbook_example_comes_out() {
        // Kalbfleisch & Prentice, and every textbook since: seven drops, median 23.
        let expected = [
            (6.0, 0.8571),
            (7.0, 0.8067),
            (10.0, 0.7529),
            (13.0, 0.6902),
            (16.0, 0.6275),
            (22.0, 0.5378),
            (23.0, 0.4482),
        ];
        let points = curve(&times(&FREIREICH));
        assert_eq!(points.len(), expected.len());
        for (point, (time, survival)) in points.iter().zip(expected) {
            assert!(point.time == time && (point.survival - survival).abs() < 5e-5, "{point:?}");
        }
        // Standard errors of 0.0764 at 6 weeks and 0.1346 at 23.
        let error = |point: &Point| point.survival * point.greenwood.sqrt();
        assert!((error(&points[0]) - 0.0764).abs() < 5e-5 && (error(&points[6]) - 0.1346).abs() < 5e-5);
        let found = median(&times(&FREIREICH));
        assert_eq!((found.runs, found.events, found.censored), (21, 9, 12));
        // The upper end is not reached.
        assert_eq!((found.median, found.low, found.high), (Some(23.0), Some(13.0), None));
        // The twin: taking those still in remission for relapsed halves the median.
        let naive = FREIREICH.map(|(t, _)| (t, false));
        assert_eq!(median(&times(&naive)).median, Some(16.0));
    }

    #[test]
    fn ends_are_handled() {
        let none = median(&[]);
        assert_eq!((none.runs, none.median, none.low, none.high), (0, None, None, None));
        assert_eq!(median(&[Time::After(5.0); 3]).median, None);
        let all = median(&times(&[(4.0, false); 50]));
        assert_eq!((all.median, all.low, all.high), (Some(4.0), Some(4.0), Some(4.0)));
    }
}
