//! The encoder problem: n one-hot patterns that are to be reproduced through a narrow hidden layer, as 8-3-8 (Ackley, Hinton
//! & Sejnowski 1985; Rumelhart, Hinton & Williams 1986).

use super::{Data, Encoding};

impl Data {
    /// `n` samples of `n` inputs and `n` targets: of sample i the i-th of each is true, the others are false.
    pub fn encoder(n: usize, inputs: Encoding, targets: Encoding) -> Data {
        let patterns = |encoding: Encoding| -> Vec<f32> {
            (0..n).flat_map(|sample| (0..n).map(move |i| encoding.value(i == sample))).collect()
        };
        Data { inputs: n, outputs: n, x: patterns(inputs), y: patterns(targets) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_one_hot() {
        let data = Data::encoder(3, Encoding::PlusMinus, Encoding::ZeroOne);
        assert_eq!(data.x, [1.0, -1.0, -1.0, -1.0, 1.0, -1.0, -1.0, -1.0, 1.0]);
        assert_eq!(data.y, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!((data.samples(), data.inputs, data.outputs), (3, 3, 3));
    }
}
