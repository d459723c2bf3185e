//! Vectors of f32 with one network per lane, for each instruction set that is told apart at run time.
//!
//! A run's lane never sees another, so that where it lies in a vector does not show. Between instruction sets only
//! [`Lanes::reciprocal`] may differ, by its last bit; everything else is IEEE-exact in all of them, fused
//! multiply-add included.

#[forbid(unsafe_code)]
mod double;
#[allow(
    unsafe_code,
    reason = "calls what is compiled for NEON; reads and writes through pointers, lengths checked"
)]
#[cfg(target_arch = "aarch64")]
mod neon;
#[forbid(unsafe_code)]
mod portable;
#[cfg(test)]
#[forbid(unsafe_code)]
mod tests;
#[allow(unsafe_code, reason = "likewise, where the processor has the instruction set")]
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::{Add, Div, Mul, Neg, Sub};

pub use double::Double;
#[cfg(target_arch = "aarch64")]
pub use neon::Neon;
pub use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

/// The widest vector of any instruction set.
pub const MAX_LANES: usize = 32;

/// A loop that is worth a function of its own.
pub trait Kernel {
    /// Runs it; to be inlined always.
    fn run(self);
}

/// A vector of f32, one network per lane. Only [`Lanes::is_there`] may be asked of each: whoever names another vector than
/// [`Portable`] has asked it, or was called by somebody who had.
pub trait Lanes:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// A truth value per lane.
    type Mask: Copy;

    /// Networks per vector, at most [`MAX_LANES`].
    const LANES: usize;
    /// Units whose sums for a tile of samples fit in the registers together.
    const UNITS: usize;
    /// The bits of all lanes.
    const ALL: u64 = u64::MAX >> (64 - Self::LANES);

    /// Whether the processor has the instruction set.
    fn is_there() -> bool;
    /// Runs a kernel in a function of its own that is compiled for this instruction set. The compiler makes far better
    /// code, far faster, of some small functions than of one large one.
    fn call(kernel: impl Kernel);
    /// The same number in every lane.
    fn splat(value: f32) -> Self;
    /// From one number per lane; `values` has [`Lanes::LANES`] of them.
    fn load(values: &[f32]) -> Self;
    /// To one number per lane; `values` has room for [`Lanes::LANES`] of them.
    fn store(self, values: &mut [f32]);
    /// self · b + c, rounded once.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// c − self · b, rounded once.
    fn neg_mul_add(self, b: Self, c: Self) -> Self;
    /// 1 / self to 1 ulp, for |self| from 2⁻¹²⁶ to 2¹²⁶; exact where self is a power of two.
    fn reciprocal(self) -> Self;
    /// |self|
    fn abs(self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The greater of self and `floor`; a NaN in self stays one.
    fn at_least(self, floor: Self) -> Self;
    /// The lesser of self and `ceiling`; a NaN in self stays one.
    fn at_most(self, ceiling: Self) -> Self;
    /// The greater of |self| and `magnitude`, which is ≥ 0; a NaN in either is greater than all numbers.
    fn magnitude(self, magnitude: Self) -> Self;
    /// |self| with the sign of `sign`.
    fn with_sign(self, sign: Self) -> Self;
    /// Lanes where self < other; a NaN is never less.
    fn less(self, other: Self) -> Self::Mask;
    /// Lanes where self ≤ other; a NaN never is.
    fn less_equal(self, other: Self) -> Self::Mask;
    /// `yes` where the mask holds, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// Lanes where either mask holds but not both.
    fn differ(a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// A mask as a bit per lane.
    fn bits(mask: Self::Mask) -> u64;
    /// A bit per lane as a mask.
    fn mask(bits: u64) -> Self::Mask;
    /// The nearest whole number, ties to even.
    fn round(self) -> Self;
    /// self · 2ⁿ for a whole n in −126 ..= 126 and 2⁻¹ ≤ |self| < 2 whose product is at least 2⁻¹²⁶, or a NaN, which
    /// stays one.
    fn scale(self, n: Self) -> Self;
}

/// Functions and methods whose bodies are compiled for some features; the first argument of a method, `self = a: Type`, has
/// a name of its own in the body. Intrinsics are safe there, and bodies are safe code: the compiler sees to it that these
/// features are all that they need. What is unsafe is to go there.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! compiled_for {
    ($features:literal:) => {};
    ($features:literal: fn $name:ident($self:ident = $this:ident: $own:ty $(, $argument:ident: $type:ty)*) -> $result:ty $body:block
        $($rest:tt)*) => {
        #[inline(always)]
        fn $name($self $(, $argument: $type)*) -> $result {
            #[inline]
            #[target_feature(enable = $features)]
            fn compiled($this: $own $(, $argument: $type)*) -> $result $body
            // SAFETY: the processor has the features, or there would be no vector: see `Lanes::is_there`.
            unsafe { compiled($self $(, $argument)*) }
        }
        compiled_for! { $features: $($rest)* }
    };
    ($features:literal: fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty $body:block $($rest:tt)*) => {
        #[inline(always)]
        fn $name($($argument: $type),*) -> $result {
            #[inline]
            #[target_feature(enable = $features)]
            fn compiled($($argument: $type),*) -> $result $body
            // SAFETY: the processor has the features, or nobody would ask for a vector: see `Lanes::is_there`.
            unsafe { compiled($($argument),*) }
        }
        compiled_for! { $features: $($rest)* }
    };
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use compiled_for;
