//! Vectors of f32 with one network per lane, for each instruction set that is told apart at run time.
//!
//! Every operation is IEEE-exact and the same in all of them (fused multiply-add included), so a run gives
//! the same bits on every processor.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// The widest vector of any instruction set.
pub const MAX_LANES: usize = 16;

/// A vector of f32, one network per lane. A mask is a bit per lane.
pub trait Lanes:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// Networks per vector, at most [`MAX_LANES`].
    const LANES: usize;
    /// The mask of all lanes.
    const ALL: u32 = ((1u64 << Self::LANES) - 1) as u32;

    /// The same number in every lane.
    fn splat(value: f32) -> Self;
    /// From one number per lane.
    fn load(values: [f32; MAX_LANES]) -> Self;
    /// To one number per lane; lanes beyond [`Lanes::LANES`] are 0.
    fn store(self) -> [f32; MAX_LANES];
    /// self · b + c, rounded once.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// |self|
    fn abs(self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// Lanes where self < other; a NaN is never less.
    fn less(self, other: Self) -> u32;
    /// Lanes where self ≤ other; a NaN never is.
    fn less_equal(self, other: Self) -> u32;
    /// `yes` where the mask has a bit, else `no`.
    fn select(mask: u32, yes: Self, no: Self) -> Self;
    /// The nearest whole number, ties to even.
    fn round(self) -> Self;
    /// self · 2ⁿ for a whole n in −126 ..= 127; a NaN in either stays one.
    fn scale(self, n: Self) -> Self;
}

/// Implements the arithmetic operators. Plain functions, not closures: a closure is compiled for the baseline
/// instruction set and is then not inlined into code for a wider one.
macro_rules! operators {
    ($type:ident: $($trait:ident $method:ident ($a:ident, $b:ident) $body:expr;)+) => {
        $(impl $trait for $type {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                let ($a, $b) = (self.0, other.0);
                $type($body)
            }
        })+
    };
}

/// Plain arrays, which the compiler vectorizes for the instruction set that it was told to build for.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub struct Portable([f32; 8]);

#[inline(always)]
fn each(a: Portable, b: Portable, op: impl Fn(f32, f32) -> f32) -> Portable {
    Portable(std::array::from_fn(|i| op(a.0[i], b.0[i])))
}

operators!(Portable:
    Add add (a, b) std::array::from_fn(|i| a[i] + b[i]);
    Sub sub (a, b) std::array::from_fn(|i| a[i] - b[i]);
    Mul mul (a, b) std::array::from_fn(|i| a[i] * b[i]);
    Div div (a, b) std::array::from_fn(|i| a[i] / b[i]);
);

impl Neg for Portable {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        each(self, self, |x, _| -x)
    }
}

impl Lanes for Portable {
    const LANES: usize = 8;
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Portable([value; 8])
    }
    #[inline(always)]
    fn load(values: [f32; MAX_LANES]) -> Self {
        Portable(std::array::from_fn(|i| values[i]))
    }
    #[inline(always)]
    fn store(self) -> [f32; MAX_LANES] {
        std::array::from_fn(|i| if i < 8 { self.0[i] } else { 0.0 })
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        Portable(std::array::from_fn(|i| self.0[i].mul_add(b.0[i], c.0[i])))
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
    fn less(self, other: Self) -> u32 {
        (0..8).fold(0, |mask, i| mask | u32::from(self.0[i] < other.0[i]) << i)
    }
    #[inline(always)]
    fn less_equal(self, other: Self) -> u32 {
        (0..8).fold(0, |mask, i| mask | u32::from(self.0[i] <= other.0[i]) << i)
    }
    #[inline(always)]
    fn select(mask: u32, yes: Self, no: Self) -> Self {
        Portable(std::array::from_fn(|i| if mask >> i & 1 == 1 { yes.0[i] } else { no.0[i] }))
    }
    #[inline(always)]
    fn round(self) -> Self {
        each(self, self, |x, _| x.round_ties_even())
    }
    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        each(self, n, |x, n| if n.is_nan() { n } else { x * f32::from_bits(((n as i32 + 127) << 23) as u32) })
    }
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

/// Safety of every block below: the types are made only inside functions that `super` calls after it has
/// seen the instruction set at run time.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::*;
    use std::arch::x86_64::*;

    /// 8 lanes; needs AVX2 and FMA.
    #[derive(Clone, Copy)]
    pub struct Avx2(__m256);

    operators!(Avx2:
        Add add (a, b) unsafe { _mm256_add_ps(a, b) };
        Sub sub (a, b) unsafe { _mm256_sub_ps(a, b) };
        Mul mul (a, b) unsafe { _mm256_mul_ps(a, b) };
        Div div (a, b) unsafe { _mm256_div_ps(a, b) };
    );

    impl Neg for Avx2 {
        type Output = Self;
        #[inline(always)]
        fn neg(self) -> Self {
            Avx2(unsafe { _mm256_xor_ps(self.0, _mm256_set1_ps(-0.0)) })
        }
    }

    impl Lanes for Avx2 {
        const LANES: usize = 8;
        #[inline(always)]
        fn splat(value: f32) -> Self {
            Avx2(unsafe { _mm256_set1_ps(value) })
        }
        #[inline(always)]
        fn load(values: [f32; MAX_LANES]) -> Self {
            Avx2(unsafe { _mm256_loadu_ps(values.as_ptr()) })
        }
        #[inline(always)]
        fn store(self) -> [f32; MAX_LANES] {
            let mut values = [0.0; MAX_LANES];
            unsafe { _mm256_storeu_ps(values.as_mut_ptr(), self.0) };
            values
        }
        #[inline(always)]
        fn mul_add(self, b: Self, c: Self) -> Self {
            Avx2(unsafe { _mm256_fmadd_ps(self.0, b.0, c.0) })
        }
        #[inline(always)]
        fn abs(self) -> Self {
            Avx2(unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0) })
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            Avx2(unsafe { _mm256_sqrt_ps(self.0) })
        }
        #[inline(always)]
        fn less(self, other: Self) -> u32 {
            unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0)) as u32 }
        }
        #[inline(always)]
        fn less_equal(self, other: Self) -> u32 {
            unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LE_OQ>(self.0, other.0)) as u32 }
        }
        #[inline(always)]
        fn select(mask: u32, yes: Self, no: Self) -> Self {
            unsafe {
                let bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
                let set = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(mask as i32), bits), bits);
                Avx2(_mm256_blendv_ps(no.0, yes.0, _mm256_castsi256_ps(set)))
            }
        }
        #[inline(always)]
        fn round(self) -> Self {
            Avx2(unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0) })
        }
        #[inline(always)]
        fn scale(self, n: Self) -> Self {
            unsafe {
                let biased = _mm256_add_epi32(_mm256_cvtps_epi32(n.0), _mm256_set1_epi32(127));
                let power = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased));
                // A NaN in n makes a meaningless power; adding 0·n brings the NaN back.
                let product = _mm256_mul_ps(self.0, power);
                let is_nan = _mm256_cmp_ps::<_CMP_UNORD_Q>(n.0, n.0);
                Avx2(_mm256_blendv_ps(product, n.0, is_nan))
            }
        }
    }

    /// 16 lanes; needs AVX-512F.
    #[derive(Clone, Copy)]
    pub struct Avx512(__m512);

    operators!(Avx512:
        Add add (a, b) unsafe { _mm512_add_ps(a, b) };
        Sub sub (a, b) unsafe { _mm512_sub_ps(a, b) };
        Mul mul (a, b) unsafe { _mm512_mul_ps(a, b) };
        Div div (a, b) unsafe { _mm512_div_ps(a, b) };
    );

    impl Neg for Avx512 {
        type Output = Self;
        #[inline(always)]
        fn neg(self) -> Self {
            // AVX-512F alone has no xor of floats.
            unsafe {
                let sign = _mm512_set1_epi32(i32::MIN);
                Avx512(_mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(self.0), sign)))
            }
        }
    }

    impl Lanes for Avx512 {
        const LANES: usize = 16;
        #[inline(always)]
        fn splat(value: f32) -> Self {
            Avx512(unsafe { _mm512_set1_ps(value) })
        }
        #[inline(always)]
        fn load(values: [f32; MAX_LANES]) -> Self {
            Avx512(unsafe { _mm512_loadu_ps(values.as_ptr()) })
        }
        #[inline(always)]
        fn store(self) -> [f32; MAX_LANES] {
            let mut values = [0.0; MAX_LANES];
            unsafe { _mm512_storeu_ps(values.as_mut_ptr(), self.0) };
            values
        }
        #[inline(always)]
        fn mul_add(self, b: Self, c: Self) -> Self {
            Avx512(unsafe { _mm512_fmadd_ps(self.0, b.0, c.0) })
        }
        #[inline(always)]
        fn abs(self) -> Self {
            Avx512(unsafe { _mm512_abs_ps(self.0) })
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            Avx512(unsafe { _mm512_sqrt_ps(self.0) })
        }
        #[inline(always)]
        fn less(self, other: Self) -> u32 {
            unsafe { u32::from(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0)) }
        }
        #[inline(always)]
        fn less_equal(self, other: Self) -> u32 {
            unsafe { u32::from(_mm512_cmp_ps_mask::<_CMP_LE_OQ>(self.0, other.0)) }
        }
        #[inline(always)]
        fn select(mask: u32, yes: Self, no: Self) -> Self {
            Avx512(unsafe { _mm512_mask_blend_ps(mask as u16, no.0, yes.0) })
        }
        #[inline(always)]
        fn round(self) -> Self {
            Avx512(unsafe {
                _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)
            })
        }
        #[inline(always)]
        fn scale(self, n: Self) -> Self {
            Avx512(unsafe { _mm512_scalef_ps(self.0, n.0) })
        }
    }
}
