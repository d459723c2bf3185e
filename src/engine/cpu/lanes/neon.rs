//! NEON, which every 64-bit Arm processor has.

use std::arch::aarch64::*;

use super::*;

/// 4 lanes.
#[derive(Clone, Copy)]
pub struct Neon(float32x4_t);

impl Add for Neon {
    type Output = Self;
    compiled_for! { "neon":
        fn add(self = a: Neon, b: Neon) -> Neon { Neon(vaddq_f32(a.0, b.0)) }
    }
}

impl Sub for Neon {
    type Output = Self;
    compiled_for! { "neon":
        fn sub(self = a: Neon, b: Neon) -> Neon { Neon(vsubq_f32(a.0, b.0)) }
    }
}

impl Mul for Neon {
    type Output = Self;
    compiled_for! { "neon":
        fn mul(self = a: Neon, b: Neon) -> Neon { Neon(vmulq_f32(a.0, b.0)) }
    }
}

impl Div for Neon {
    type Output = Self;
    compiled_for! { "neon":
        fn div(self = a: Neon, b: Neon) -> Neon { Neon(vdivq_f32(a.0, b.0)) }
    }
}

impl Neg for Neon {
    type Output = Self;
    compiled_for! { "neon":
        fn neg(self = a: Neon) -> Neon { Neon(vnegq_f32(a.0)) }
    }
}

impl Lanes for Neon {
    type Mask = uint32x4_t;
    const LANES: usize = 4;
    // 16 sums, 4 numbers that are multiplied and a weight, of 32 registers.
    const UNITS: usize = 4;

    fn is_there() -> bool {
        true
    }
    #[inline(never)]
    fn call(kernel: impl Kernel) {
        kernel.run();
    }
    #[inline(always)]
    fn load(values: &[f32]) -> Self {
        let values = &values[..4];
        // SAFETY: 4 numbers lie there; every processor of this kind has NEON.
        Neon(unsafe { vld1q_f32(values.as_ptr()) })
    }
    #[inline(always)]
    fn store(self, values: &mut [f32]) {
        let values = &mut values[..4];
        // SAFETY: there is room for 4 numbers, and nobody else has it; every processor of this kind has NEON.
        unsafe { vst1q_f32(values.as_mut_ptr(), self.0) };
    }
    #[inline(always)]
    fn reciprocal(self) -> Self {
        Self::splat(1.0) / self
    }
    compiled_for! { "neon":
        fn splat(value: f32) -> Neon { Neon(vdupq_n_f32(value)) }
        fn mul_add(self = a: Neon, b: Neon, c: Neon) -> Neon { Neon(vfmaq_f32(c.0, a.0, b.0)) }
        fn neg_mul_add(self = a: Neon, b: Neon, c: Neon) -> Neon { Neon(vfmsq_f32(c.0, a.0, b.0)) }
        fn abs(self = a: Neon) -> Neon { Neon(vabsq_f32(a.0)) }
        fn sqrt(self = a: Neon) -> Neon { Neon(vsqrtq_f32(a.0)) }
        // A NaN in either operand gives a NaN.
        fn at_least(self = a: Neon, floor: Neon) -> Neon { Neon(vmaxq_f32(a.0, floor.0)) }
        fn at_most(self = a: Neon, ceiling: Neon) -> Neon { Neon(vminq_f32(a.0, ceiling.0)) }
        fn magnitude(self = a: Neon, magnitude: Neon) -> Neon {
            // The bits of non-negative floats are ordered as the floats are, and those of a NaN come last.
            let (a, b) = (vreinterpretq_u32_f32(vabsq_f32(a.0)), vreinterpretq_u32_f32(magnitude.0));
            Neon(vreinterpretq_f32_u32(vmaxq_u32(a, b)))
        }
        fn with_sign(self = a: Neon, sign: Neon) -> Neon { Neon(vbslq_f32(vdupq_n_u32(1 << 31), sign.0, a.0)) }
        fn less(self = a: Neon, b: Neon) -> uint32x4_t { vcltq_f32(a.0, b.0) }
        fn less_equal(self = a: Neon, b: Neon) -> uint32x4_t { vcleq_f32(a.0, b.0) }
        fn select(mask: uint32x4_t, yes: Neon, no: Neon) -> Neon { Neon(vbslq_f32(mask, yes.0, no.0)) }
        fn differ(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t { veorq_u32(a, b) }
        fn bits(mask: uint32x4_t) -> u64 { u64::from(vaddvq_u32(vandq_u32(mask, lane_bits()))) }
        fn mask(bits: u64) -> uint32x4_t { vtstq_u32(vdupq_n_u32(bits as u32), lane_bits()) }
        fn round(self = a: Neon) -> Neon { Neon(vrndnq_f32(a.0)) }
        fn scale(self = a: Neon, n: Neon) -> Neon {
            // Adds n to the exponent. A NaN in n converts to 0, and a, from the same numbers, is a NaN then.
            let exponent = vshlq_n_s32::<23>(vcvtq_s32_f32(n.0));
            Neon(vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(a.0), exponent)))
        }
    }
}

compiled_for! { "neon":
    // 1, 2, 4, 8: the bit of each lane.
    fn lane_bits() -> uint32x4_t { vcombine_u32(vcreate_u32(1 | 2 << 32), vcreate_u32(4 | 8 << 32)) }
}
