//! Plain arrays, which the compiler vectorizes for the instruction set that it was told to build for.

use super::*;

/// 8 lanes; needs nothing.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub struct Portable([f32; 8]);

#[inline(always)]
fn each(a: Portable, b: Portable, op: impl Fn(f32, f32) -> f32) -> Portable {
    Portable(std::array::from_fn(|i| op(a.0[i], b.0[i])))
}

#[inline(always)]
fn compare(a: Portable, b: Portable, op: impl Fn(f32, f32) -> bool) -> [bool; 8] {
    std::array::from_fn(|i| op(a.0[i], b.0[i]))
}

macro_rules! operators {
    ($($trait:ident $method:ident $operator:tt;)+) => {
        $(impl $trait for Portable {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Portable(std::array::from_fn(|i| self.0[i] $operator other.0[i]))
            }
        })+
    };
}
operators!(Add add +; Sub sub -; Mul mul *; Div div /;);

impl Neg for Portable {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        each(self, self, |x, _| -x)
    }
}

impl Lanes for Portable {
    type Mask = [bool; 8];
    const LANES: usize = 8;
    const UNITS: usize = 1;

    fn is_there() -> bool {
        true
    }
    #[inline(never)]
    fn call(kernel: impl Kernel) {
        kernel.run();
    }
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Portable([value; 8])
    }
    #[inline(always)]
    fn load(values: &[f32]) -> Self {
        Portable(std::array::from_fn(|i| values[i]))
    }
    #[inline(always)]
    fn store(self, values: &mut [f32]) {
        values[..8].copy_from_slice(&self.0);
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        Portable(std::array::from_fn(|i| self.0[i].mul_add(b.0[i], c.0[i])))
    }
    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        (-self).mul_add(b, c)
    }
    #[inline(always)]
    fn reciprocal(self) -> Self {
        each(self, self, |x, _| 1.0 / x)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        each(self, self, |x, _| x.abs())
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        each(self, self, |x, _| x.sqrt())
    }
    #[inline(always)]
    fn at_least(self, floor: Self) -> Self {
        each(self, floor, |x, floor| if x < floor { floor } else { x })
    }
    #[inline(always)]
    fn at_most(self, ceiling: Self) -> Self {
        each(self, ceiling, |x, ceiling| if x > ceiling { ceiling } else { x })
    }
    #[inline(always)]
    fn magnitude(self, magnitude: Self) -> Self {
        // The bits of non-negative floats are ordered as the floats are, and those of a NaN come last.
        each(self, magnitude, |x, magnitude| f32::from_bits(x.abs().to_bits().max(magnitude.to_bits())))
    }
    #[inline(always)]
    fn with_sign(self, sign: Self) -> Self {
        each(self, sign, f32::copysign)
    }
    #[inline(always)]
    fn less(self, other: Self) -> Self::Mask {
        compare(self, other, |a, b| a < b)
    }
    #[inline(always)]
    fn less_equal(self, other: Self) -> Self::Mask {
        compare(self, other, |a, b| a <= b)
    }
    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Portable(std::array::from_fn(|i| if mask[i] { yes.0[i] } else { no.0[i] }))
    }
    #[inline(always)]
    fn differ(a: Self::Mask, b: Self::Mask) -> Self::Mask {
        std::array::from_fn(|i| a[i] != b[i])
    }
    #[inline(always)]
    fn bits(mask: Self::Mask) -> u64 {
        (0..8).fold(0, |bits, i| bits | u64::from(mask[i]) << i)
    }
    #[inline(always)]
    fn mask(bits: u64) -> Self::Mask {
        std::array::from_fn(|i| bits >> i & 1 == 1)
    }
    #[inline(always)]
    fn round(self) -> Self {
        each(self, self, |x, _| x.round_ties_even())
    }
    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        // A NaN in n becomes 0, and self, from the same numbers, is a NaN then.
        each(self, n, |x, n| x * f32::from_bits(((n as i32 + 127) << 23) as u32))
    }
}
