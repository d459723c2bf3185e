//! What is done to a task's samples as a whole: some are held out, inputs are standardized.

use super::Data;
use crate::net::noise::{run_key, shuffle};
use crate::net::philox::Stream;

impl Data {
    /// The samples of these numbers.
    fn part(&self, samples: &[u32]) -> Data {
        let of = |values: &[f32], width: usize| -> Vec<f32> {
            let rows = samples.iter().map(|&sample| &values[sample as usize * width..][..width]);
            rows.flatten().copied().collect()
        };
        Data { x: of(&self.x, self.inputs), y: of(&self.y, self.outputs), ..*self }
    }

    /// Splits off a share of the samples, rounded to a whole number of them but at least one, and at least one stays:
    /// those that stay, and those held out. Both keep their order; which is which is random by `seed`. `None` where
    /// there are not two samples.
    pub fn split(&self, fraction: f64, seed: u64) -> Option<(Data, Data)> {
        let count = self.samples();
        if count < 2 {
            return None;
        }
        let held_out = ((fraction * count as f64).round() as usize).clamp(1, count - 1);
        let mut order: Vec<u32> = (0..count as u32).collect();
        shuffle(run_key(seed, 0, Stream::Split), 0, &mut order);
        let (test, train) = order.split_at_mut(held_out);
        test.sort_unstable();
        train.sort_unstable();
        Some((self.part(train), self.part(test)))
    }

    /// Shifts and scales every input so that its mean over these samples is 0 and its variance (that of these samples, not
    /// an estimate) 1, and `others` by the same amounts. An input that is always the same becomes 0.
    pub fn standardize(&mut self, others: Option<&mut Data>) {
        let (inputs, samples) = (self.inputs, self.samples() as f64);
        let amounts: Vec<(f64, f64)> = (0..inputs)
            .map(|input| {
                let column = || self.x.iter().skip(input).step_by(inputs).map(|&x| f64::from(x));
                let mean = column().sum::<f64>() / samples;
                let deviation = (column().map(|x| (x - mean).powi(2)).sum::<f64>() / samples).sqrt();
                // Of equal numbers the mean may round: what is left is no deviation.
                let constant = column().all(|x| x == f64::from(self.x[input]));
                (
                    if constant { f64::from(self.x[input]) } else { mean },
                    if constant { 1.0 } else { deviation },
                )
            })
            .collect();
        for data in [Some(self), others].into_iter().flatten() {
            for row in data.x.chunks_mut(inputs) {
                for (x, (mean, deviation)) in row.iter_mut().zip(&amounts) {
                    *x = ((f64::from(*x) - mean) / deviation) as f32;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(samples: usize) -> Data {
        let x = (0..2 * samples).map(|x| x as f32).collect();
        Data { inputs: 2, outputs: 1, x, y: (0..samples).map(|y| y as f32).collect() }
    }

    #[test]
    fn a_split_is_a_partition_drawn_by_its_seed() {
        let data = numbered(100);
        let (train, test) = data.split(0.3, 5).unwrap();
        assert_eq!((train.samples(), test.samples()), (70, 30));
        let mut all: Vec<f32> = train.y.iter().chain(&test.y).copied().collect();
        all.sort_by(f32::total_cmp);
        assert_eq!(all, data.y);
        for part in [&train, &test] {
            assert!(part.y.is_sorted());
            assert!(part.x.chunks(2).zip(&part.y).all(|(x, &y)| x == [2.0 * y, 2.0 * y + 1.0]));
        }
        assert_eq!(data.split(0.3, 5).unwrap(), (train, test.clone()));
        assert_ne!(data.split(0.3, 6).unwrap().1, test);
    }

    #[test]
    fn each_side_has_a_sample() {
        let sizes = |samples, fraction| {
            numbered(samples).split(fraction, 0).map(|(train, test)| (train.samples(), test.samples()))
        };
        assert_eq!(sizes(2, 0.001), Some((1, 1)));
        assert_eq!(sizes(2, 0.999), Some((1, 1)));
        assert_eq!(sizes(10, 0.25), Some((7, 3)));
        assert_eq!(sizes(1, 0.5), None);
    }

    #[test]
    fn standardized_inputs_have_mean_0_and_variance_1_by_the_training_samples() {
        let mut train =
            Data { inputs: 2, outputs: 1, x: vec![1.0, 0.1, 3.0, 0.1, 5.0, 0.1], y: vec![0.0; 3] };
        let mut test = Data { inputs: 2, outputs: 1, x: vec![3.0, 1.1], y: vec![0.0] };
        train.standardize(Some(&mut test));
        let size = 1.5f32.sqrt();
        assert_eq!(train.x, [-size, 0.0, 0.0, 0.0, size, 0.0]);
        assert_eq!(test.x[0], 0.0);
        assert!((test.x[1] - 1.0).abs() < 1e-6);
        let mut data = Data::random(500, 3, 1, 1);
        data.x.iter_mut().for_each(|x| *x = 7.0 * *x - 100.0);
        data.standardize(None);
        for input in 0..3 {
            let moment = |power| {
                let column = data.x.iter().skip(input).step_by(3);
                column.map(|&x| f64::from(x).powi(power)).sum::<f64>() / 500.0
            };
            assert!(moment(1).abs() < 1e-5 && (moment(2) - 1.0).abs() < 1e-5);
        }
    }
}
