//! Boolean functions: their truth tables.

use super::Data;
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
        /// x1 ∧ ¬x2: its inputs matter differently
        X1AndNotX2 = "x1-and-not-x2",
        /// x1 ⊕ … ⊕ xn for `task.bits` = n
        Parity = "parity",
        /// The data bit that the address bits name: `task.bits` = k + 2ᵏ inputs, of which the first k are the address,
        /// most significant first. 6 bits are the 6-multiplexer of Barto 1985 and Wilson 1987.
        Multiplexer = "multiplexer",
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
    pub(super) fn value(self, bit: bool) -> f32 {
        match (self, bit) {
            (_, true) => 1.0,
            (Encoding::ZeroOne, false) => 0.0,
            (Encoding::PlusMinus, false) => -1.0,
        }
    }
}

impl Boolean {
    /// Whether it has as many inputs as it is asked to have.
    pub const fn has_bits(self) -> bool {
        matches!(self, Boolean::Parity | Boolean::Multiplexer)
    }
}

/// Address bits of a multiplexer of `bits` inputs: the most that leave a data bit for each address.
pub(super) fn address_bits(bits: usize) -> usize {
    (1..=bits).take_while(|k| k + (1 << k) <= bits).last().unwrap_or(0)
}

impl Data {
    /// The truth table of a boolean function; `bits` counts where the function [has bits](Boolean::has_bits), the others
    /// have two inputs. Samples are in counting order, the first input the most significant bit.
    pub fn boolean(function: Boolean, bits: usize, inputs: Encoding, targets: Encoding) -> Data {
        let width = if function.has_bits() { bits } else { 2 };
        let address = address_bits(width);
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
                Boolean::X1AndNotX2 => bit(0) && !bit(1),
                Boolean::Parity => code.count_ones() % 2 == 1,
                Boolean::Multiplexer => bit(address + (code >> (width - address)) as usize),
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
        assert_eq!(table(Boolean::X1AndNotX2, Encoding::ZeroOne), [0.0, 0.0, 1.0, 0.0]);
        let xor = Data::boolean(Boolean::Xor, 2, Encoding::PlusMinus, Encoding::ZeroOne);
        assert_eq!(xor.x, [-1.0, -1.0, -1.0, 1.0, 1.0, -1.0, 1.0, 1.0]);
        let parity = Data::boolean(Boolean::Parity, 3, Encoding::ZeroOne, Encoding::ZeroOne);
        assert_eq!(parity.y, [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
        assert_eq!((parity.samples(), parity.inputs), (8, 3));
    }

    #[test]
    fn a_multiplexer_gives_the_data_bit_of_its_address() {
        let table = |bits| Data::boolean(Boolean::Multiplexer, bits, Encoding::ZeroOne, Encoding::ZeroOne);
        // Address a, data d0 and d1: a ? d1 : d0.
        assert_eq!(table(3).y, [0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
        let six = table(6);
        assert_eq!((six.samples(), six.inputs), (64, 6));
        // Address 10 (two) and only data bit 2 set, or only data bit 1.
        assert_eq!((six.y[0b10_0010], six.y[0b10_0100]), (1.0, 0.0));
        for bits in [3, 6, 11] {
            let ones = table(bits).y.iter().filter(|&&y| y == 1.0).count();
            assert_eq!(ones, 1 << (bits - 1), "true on half of all inputs");
        }
        assert_eq!([1, 2, 3, 5, 6, 10, 11].map(address_bits), [0, 0, 1, 1, 2, 2, 3]);
    }
}
