//! NEON, which every 64-bit Arm processor has.
//!
//! Safety of every block below: NEON is part of the baseline of this target, and slices are checked for their
//! length before they are read or written.

use std::arch::aarch64::*;

use super::*;

/// 4 lanes.
#[derive(Clone, Copy)]
pub struct Neon(float32x4_t);

operators!(Neon:
    Add add (a, b) unsafe { vaddq_f32(a, b) };
    Sub sub (a, b) unsafe { vsubq_f32(a, b) };
    Mul mul (a, b) unsafe { vmulq_f32(a, b) };
    Div div (a, b) unsafe { vdivq_f32(a, b) };
);

impl Neg for Neon {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Neon(unsafe { vnegq_f32(self.0) })
    }
}

impl Lanes for Neon {
    type Mask = uint32x4_t;
    const LANES: usize = 4;
    // 16 sums, 4 numbers that are multiplied and a weight, of 32 registers.
    const UNITS: usize = 4;

    #[inline(never)]
    fn call(kernel: impl Kernel) {
        kernel.run();
    }
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Neon(unsafe { vdupq_n_f32(value) })
    }
    #[inline(always)]
    fn load(values: &[f32]) -> Self {
        let values = &values[..4];
        Neon(unsafe { vld1q_f32(values.as_ptr()) })
    }
    #[inline(always)]
    fn store(self, values: &mut [f32]) {
        let values = &mut values[..4];
        unsafe { vst1q_f32(values.as_mut_ptr(), self.0) };
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        Neon(unsafe { vfmaq_f32(c.0, self.0, b.0) })
    }
    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        Neon(unsafe { vfmsq_f32(c.0, self.0, b.0) })
    }
    #[inline(always)]
    fn reciprocal(self) -> Self {
        Self::splat(1.0) / self
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Neon(unsafe { vabsq_f32(self.0) })
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Neon(unsafe { vsqrtq_f32(self.0) })
    }
    #[inline(always)]
    fn at_least(self, floor: Self) -> Self {
        // A NaN in either operand gives a NaN.
        Neon(unsafe { vmaxq_f32(self.0, floor.0) })
    }
    #[inline(always)]
    fn at_most(self, ceiling: Self) -> Self {
        Neon(unsafe { vminq_f32(self.0, ceiling.0) })
    }
    #[inline(always)]
    fn magnitude(self, magnitude: Self) -> Self {
        // The bits of non-negative floats are ordered as the floats are, and those of a NaN come last.
        unsafe {
            let (a, b) = (vreinterpretq_u32_f32(vabsq_f32(self.0)), vreinterpretq_u32_f32(magnitude.0));
            Neon(vreinterpretq_f32_u32(vmaxq_u32(a, b)))
        }
    }
    #[inline(always)]
    fn with_sign(self, sign: Self) -> Self {
        Neon(unsafe { vbslq_f32(vdupq_n_u32(1 << 31), sign.0, self.0) })
    }
    #[inline(always)]
    fn less(self, other: Self) -> Self::Mask {
        unsafe { vcltq_f32(self.0, other.0) }
    }
    #[inline(always)]
    fn less_equal(self, other: Self) -> Self::Mask {
        unsafe { vcleq_f32(self.0, other.0) }
    }
    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Neon(unsafe { vbslq_f32(mask, yes.0, no.0) })
    }
    #[inline(always)]
    fn differ(a: Self::Mask, b: Self::Mask) -> Self::Mask {
        unsafe { veorq_u32(a, b) }
    }
    #[inline(always)]
    fn bits(mask: Self::Mask) -> u64 {
        u64::from(unsafe { vaddvq_u32(vandq_u32(mask, lane_bits())) })
    }
    #[inline(always)]
    fn mask(bits: u64) -> Self::Mask {
        unsafe { vtstq_u32(vdupq_n_u32(bits as u32), lane_bits()) }
    }
    #[inline(always)]
    fn round(self) -> Self {
        Neon(unsafe { vrndnq_f32(self.0) })
    }
    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        unsafe {
            // Adds n to the exponent. A NaN in n converts to 0, and self, from the same numbers, is a NaN then.
            let exponent = vshlq_n_s32::<23>(vcvtq_s32_f32(n.0));
            Neon(vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(self.0), exponent)))
        }
    }
}

/// 1, 2, 4, 8: the bit of each lane.
#[inline(always)]
fn lane_bits() -> uint32x4_t {
    let bits = [1u32, 2, 4, 8];
    unsafe { vld1q_u32(bits.as_ptr()) }
}
