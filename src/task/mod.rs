//! The data sets: samples, their inputs and targets.

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
}
