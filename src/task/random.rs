//! Gaussian inputs and targets: nothing to be learnt but the samples themselves.

use super::Data;
use crate::net::init::normal;
use crate::net::philox::{self, Stream};

impl Data {
    /// `samples` samples of `inputs` numbers with `outputs` targets, all of them independent draws from N(0, 1), as in
    /// Sohl-Dickstein, "The boundary of neural network trainability is fractal" (arXiv 2402.06184). A number depends
    /// on the seed, its sample and its column only: a larger task holds every smaller one of the same seed.
    pub fn random(samples: usize, inputs: usize, outputs: usize, seed: u64) -> Data {
        Data {
            inputs,
            outputs,
            x: normals(Stream::Inputs, samples, inputs, seed),
            y: normals(Stream::Targets, samples, outputs, seed),
        }
    }
}

/// Independent draws from N(0, 1), shape `[rows][columns]`, each by the seed and its own place only.
pub(super) fn normals(stream: Stream, rows: usize, columns: usize, seed: u64) -> Vec<f32> {
    let places = (0..rows as u64).flat_map(|row| (0..columns as u32).map(move |column| (row, column)));
    places.map(|(row, column)| normal_of(stream, row, column, seed)).collect()
}

/// The number at one place of [`normals`].
pub(super) fn normal_of(stream: Stream, row: u64, column: u32, seed: u64) -> f32 {
    let [radius, angle, ..] = philox::words(seed, row, stream, column);
    normal(radius, angle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_are_standard_normal_and_independent_of_the_size() {
        let data = Data::random(4000, 5, 2, 9);
        assert_eq!((data.samples(), data.x.len(), data.y.len()), (4000, 20_000, 8000));
        for values in [&data.x, &data.y] {
            let mean = |power: i32| {
                values.iter().map(|&v| f64::from(v).powi(power)).sum::<f64>() / values.len() as f64
            };
            // Moments of N(0, 1): 0, 1, 0, 3; five standard errors at 8000 numbers.
            for (power, moment, error) in [(1, 0.0, 0.06), (2, 1.0, 0.08), (3, 0.0, 0.22), (4, 3.0, 0.55)] {
                assert!((mean(power) - moment).abs() < error, "{power}: {}", mean(power));
            }
        }
        let covariance = |column: usize| {
            data.x.chunks(5).zip(data.y.chunks(2)).map(|(x, y)| f64::from(x[column] * y[0])).sum::<f64>()
                / 4000.0
        };
        assert!((0..5).all(|column| covariance(column).abs() < 0.08));
        let small = Data::random(3, 2, 1, 9);
        for sample in 0..3 {
            assert_eq!(small.x[sample * 2..sample * 2 + 2], data.x[sample * 5..sample * 5 + 2]);
            assert_eq!(small.y[sample], data.y[sample * 2]);
        }
        assert_ne!(small, Data::random(3, 2, 1, 10));
    }
}
