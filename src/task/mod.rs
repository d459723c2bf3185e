//! The data sets: samples, their inputs and targets.

use crate::net::init::normal;
use crate::net::philox::{self, Stream};
use crate::net::words;

words! {
    /// A built-in boolean function.
    Boolean {
        /// x1 ∧ x2
        And = "and",
        /// x1 ∨ x2
        Or = "or",
        /// ¬(x1 ∧ x2)
        Nand = "nand",
        /// x1 ⊕ x2
        Xor = "xor",
        /// ¬(x1 ⊕ x2)
        Xnor = "xnor",
        /// x1 ⊕ … ⊕ xn for `task.bits` = n
        Parity = "parity",
    }
}

/// What a task is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dataset {
    /// The truth table of a boolean function.
    Boolean(Boolean),
    /// Gaussian inputs and targets: nothing to be learnt but the samples themselves.
    Random,
}

impl Dataset {
    /// What a spec may say, in the order of the documentation.
    pub const WORDS: &'static [&'static str] = &["and", "or", "nand", "xor", "xnor", "parity", "random"];

    /// The word that names it.
    pub const fn word(self) -> &'static str {
        match self {
            Dataset::Boolean(function) => function.word(),
            Dataset::Random => "random",
        }
    }

    /// The one that `word` names, if any.
    pub fn from_word(word: &str) -> Option<Dataset> {
        match word {
            "random" => Some(Dataset::Random),
            _ => Boolean::from_word(word).map(Dataset::Boolean),
        }
    }
}

words! {
    /// What stands for false and true.
    Encoding {
        /// {0, 1}
        ZeroOne = "01",
        /// {−1, +1}
        PlusMinus = "pm1",
    }
}

impl Encoding {
    fn value(self, bit: bool) -> f32 {
        match (self, bit) {
            (_, true) => 1.0,
            (Encoding::ZeroOne, false) => 0.0,
            (Encoding::PlusMinus, false) => -1.0,
        }
    }
}

/// Samples with their targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// Numbers per input.
    pub inputs: usize,
    /// Numbers per target.
    pub outputs: usize,
    /// Shape `[samples][inputs]`.
    pub x: Vec<f32>,
    /// Shape `[samples][outputs]`.
    pub y: Vec<f32>,
}

impl Data {
    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.y.len() / self.outputs
    }

    /// The truth table of a boolean function; `bits` counts for parity only, the others have two inputs.
    /// Samples are in counting order, the first input the most significant bit.
    pub fn boolean(function: Boolean, bits: usize, inputs: Encoding, targets: Encoding) -> Data {
        let width = if function == Boolean::Parity { bits } else { 2 };
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for code in 0u32..1 << width {
            let bit = |i: usize| code >> (width - 1 - i) & 1 == 1;
            x.extend((0..width).map(|i| inputs.value(bit(i))));
            let target = match function {
                Boolean::And => bit(0) && bit(1),
                Boolean::Or => bit(0) || bit(1),
                Boolean::Nand => !(bit(0) && bit(1)),
                Boolean::Xor => bit(0) != bit(1),
                Boolean::Xnor => bit(0) == bit(1),
                Boolean::Parity => code.count_ones() % 2 == 1,
            };
            y.push(targets.value(target));
        }
        Data { inputs: width, outputs: 1, x, y }
    }

    /// `samples` samples of `inputs` numbers with `outputs` targets, all of them independent draws from N(0, 1), as in
    /// Sohl-Dickstein, "The boundary of neural network trainability is fractal" (arXiv 2402.06184). A number depends
    /// on the seed, its sample and its column only: a larger task holds every smaller one of the same seed.
    pub fn random(samples: usize, inputs: usize, outputs: usize, seed: u64) -> Data {
        let draw = |stream: Stream, columns: usize| -> Vec<f32> {
            let numbers =
                (0..samples as u64).flat_map(|sample| (0..columns as u32).map(move |c| (sample, c)));
            numbers
                .map(|(sample, column)| {
                    let [radius, angle, ..] = philox::words(seed, sample, stream, column);
                    normal(radius, angle)
                })
                .collect()
        };
        Data { inputs, outputs, x: draw(Stream::Inputs, inputs), y: draw(Stream::Targets, outputs) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_tables() {
        let table = |f, e| Data::boolean(f, 2, Encoding::ZeroOne, e).y;
        assert_eq!(table(Boolean::And, Encoding::ZeroOne), [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(table(Boolean::Or, Encoding::ZeroOne), [0.0, 1.0, 1.0, 1.0]);
        assert_eq!(table(Boolean::Nand, Encoding::ZeroOne), [1.0, 1.0, 1.0, 0.0]);
        assert_eq!(table(Boolean::Xor, Encoding::PlusMinus), [-1.0, 1.0, 1.0, -1.0]);
        assert_eq!(table(Boolean::Xnor, Encoding::ZeroOne), [1.0, 0.0, 0.0, 1.0]);
        let xor = Data::boolean(Boolean::Xor, 2, Encoding::PlusMinus, Encoding::ZeroOne);
        assert_eq!(xor.x, [-1.0, -1.0, -1.0, 1.0, 1.0, -1.0, 1.0, 1.0]);
        let parity = Data::boolean(Boolean::Parity, 3, Encoding::ZeroOne, Encoding::ZeroOne);
        assert_eq!(parity.y, [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
        assert_eq!((parity.samples(), parity.inputs), (8, 3));
    }

    #[test]
    fn every_word_names_one_dataset() {
        for &word in Dataset::WORDS {
            assert_eq!(Dataset::from_word(word).map(Dataset::word), Some(word));
        }
        assert_eq!(Dataset::WORDS.len(), Boolean::ALL.len() + 1);
        assert_eq!(Dataset::from_word("csv"), None);
    }

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
