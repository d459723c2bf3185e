//! Two classes of points in the plane. Samples alternate between them.

use std::f64::consts::{PI, TAU};

use super::random::normal_of;
use super::{Data, Encoding};
use crate::net::noise::unit;
use crate::net::philox::{self, Stream};

/// How many points, how much they are scattered, and by which numbers.
#[derive(Clone, Copy, Debug)]
pub struct Scatter {
    /// Points of both classes together.
    pub samples: usize,
    /// Standard deviation of what is added to each coordinate.
    pub noise: f64,
    /// Of all random numbers.
    pub seed: u64,
    /// What the classes' targets are.
    pub targets: Encoding,
}

impl Data {
    /// Two intertwined spirals of three turns each, radius 6.5 at their ends (Lang & Witbrock, "Learning to tell two spirals
    /// apart", 1988): 194 samples without noise are theirs, another number spreads as evenly over the same curves.
    /// The first sample is of the true class.
    pub fn spirals(scatter: Scatter) -> Data {
        let pairs = scatter.samples.div_ceil(2);
        let step = if pairs > 1 { 96.0 / (pairs - 1) as f64 } else { 0.0 };
        scatter.points(|sample| {
            let i = (sample / 2) as f64 * step;
            let (angle, radius) = (i * PI / 16.0, 6.5 * (104.0 - i) / 104.0);
            let side = if sample % 2 == 0 { 1.0 } else { -1.0 };
            ([side * radius * angle.sin(), side * radius * angle.cos()], sample % 2 == 0)
        })
    }

    /// A circle of radius ½, which is the true class, within one of radius 1, both around the origin. Where on its circle a
    /// sample lies is random; a larger task holds every smaller one of the same seed and noise.
    pub fn circles(scatter: Scatter) -> Data {
        scatter.points(|sample| {
            let angle = TAU * scatter.place(sample);
            let inner = sample % 2 == 1;
            let radius = if inner { 0.5 } else { 1.0 };
            ([radius * angle.cos(), radius * angle.sin()], inner)
        })
    }

    /// Two half circles of radius 1 that reach into each other: the upper half around the origin, and the lower half around
    /// (1, ½), which is the true class. Where on its half circle a sample lies is random; a larger task holds every smaller
    /// one of the same seed and noise.
    pub fn moons(scatter: Scatter) -> Data {
        scatter.points(|sample| {
            let angle = PI * scatter.place(sample);
            match sample % 2 {
                0 => ([angle.cos(), angle.sin()], false),
                _ => ([1.0 - angle.cos(), 0.5 - angle.sin()], true),
            }
        })
    }
}

impl Scatter {
    /// Where on its curve a sample lies, in [0, 1).
    fn place(&self, sample: usize) -> f64 {
        f64::from(unit(philox::words(self.seed, sample as u64, Stream::Place, 0)[0]))
    }

    /// The points, scattered, with their classes.
    fn points(&self, curve: impl Fn(usize) -> ([f64; 2], bool)) -> Data {
        let (mut x, mut y) = (Vec::with_capacity(2 * self.samples), Vec::with_capacity(self.samples));
        for sample in 0..self.samples {
            let (point, class) = curve(sample);
            for (axis, at) in point.into_iter().enumerate() {
                let noise = match self.noise {
                    0.0 => 0.0,
                    amount => {
                        amount * f64::from(normal_of(Stream::Scatter, sample as u64, axis as u32, self.seed))
                    }
                };
                x.push((at + noise) as f32);
            }
            y.push(self.targets.value(class));
        }
        Data { inputs: 2, outputs: 1, x, y }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scatter(samples: usize, noise: f64, seed: u64) -> Scatter {
        Scatter { samples, noise, seed, targets: Encoding::ZeroOne }
    }

    fn distance(a: &[f32], b: [f64; 2]) -> f64 {
        (f64::from(a[0]) - b[0]).hypot(f64::from(a[1]) - b[1])
    }

    #[test]
    fn the_spirals_of_lang_and_witbrock() {
        let data = Data::spirals(scatter(194, 0.0, 0));
        assert_eq!((data.samples(), data.y.iter().filter(|&&y| y == 1.0).count()), (194, 97));
        // Each point is turned by 1/32 of a circle, and nearer by 1/16: after a right angle the radius is 6.
        for (i, point) in [(0, [0.0, 6.5]), (1, [1.255_894, 6.313_805]), (8, [6.0, 0.0]), (96, [0.0, 0.5])] {
            assert!(distance(&data.x[4 * i..], point) < 1e-5, "{i}: {:?}", &data.x[4 * i..4 * i + 2]);
            assert_eq!((data.y[2 * i], data.y[2 * i + 1]), (1.0, 0.0));
        }
        // Each class is the other one turned by half a circle.
        assert!(data.x.chunks(4).all(|pair| pair[0] == -pair[2] && pair[1] == -pair[3]));
        let few = Data::spirals(scatter(7, 0.0, 0));
        assert_eq!((few.samples(), few.x[12].abs() < 1e-6, few.x[13]), (7, true, 0.5));
        assert_eq!(Data::spirals(scatter(1, 0.0, 0)).x[1], 6.5);
    }

    #[test]
    fn circles_and_moons_lie_on_their_curves() {
        let data = Data::circles(scatter(400, 0.0, 5));
        for (x, &y) in data.x.chunks(2).zip(&data.y) {
            assert!((distance(x, [0.0, 0.0]) - if y == 1.0 { 0.5 } else { 1.0 }).abs() < 1e-6);
        }
        let data = Data::moons(scatter(400, 0.0, 5));
        for (x, &y) in data.x.chunks(2).zip(&data.y) {
            let (centre, side) = if y == 1.0 { ([1.0, 0.5], -1.0) } else { ([0.0, 0.0], 1.0) };
            assert!((distance(x, centre) - 1.0).abs() < 1e-6);
            assert!(side * (f64::from(x[1]) - centre[1]) > -1e-6, "the right half");
        }
        assert_eq!(data.y.iter().filter(|&&y| y == 1.0).count(), 200);
        // All around the circle: the mean of points on it is 0 within five standard errors.
        let data = Data::circles(scatter(4000, 0.0, 5));
        let mean = data.x.iter().step_by(4).map(|&x| f64::from(x)).sum::<f64>() / 2000.0;
        assert!(mean.abs() < 5.0 * (0.5f64 / 2000.0).sqrt(), "{mean}");
    }

    #[test]
    fn noise_has_its_standard_deviation_and_larger_tasks_hold_smaller_ones() {
        for make in [Data::spirals, Data::circles, Data::moons] {
            let (plain, noisy) = (make(scatter(4000, 0.0, 2)), make(scatter(4000, 0.25, 2)));
            assert_eq!(plain.y, noisy.y);
            let squares = plain.x.iter().zip(&noisy.x).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
            assert!(((squares / 8000.0).sqrt() - 0.25).abs() < 0.01);
        }
        for make in [Data::circles, Data::moons] {
            let (large, small) = (make(scatter(50, 0.1, 2)), make(scatter(9, 0.1, 2)));
            assert_eq!((&large.x[..18], &large.y[..9]), (&small.x[..], &small.y[..]));
            assert_ne!(make(scatter(9, 0.1, 3)).x, small.x);
        }
        let signs = Data::moons(Scatter { targets: Encoding::PlusMinus, ..scatter(2, 0.0, 0) });
        assert_eq!(signs.y, [-1.0, 1.0]);
    }
}
