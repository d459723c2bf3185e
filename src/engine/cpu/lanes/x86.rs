//! AVX2 with FMA, and AVX-512.
//!
//! Safety of every block below: the types are made only inside functions that the engine calls after it has seen
//! the instruction set at run time, and slices are checked for their length before they are read or written.

use std::arch::x86_64::*;

use super::*;

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
    type Mask = __m256;
    const LANES: usize = 8;
    // 8 sums, 4 numbers that are multiplied and a weight are most of the 16 registers.
    const UNITS: usize = 2;

    #[inline(always)]
    fn call(kernel: impl Kernel) {
        #[inline(never)]
        #[target_feature(enable = "avx2,fma")]
        fn run(kernel: impl Kernel) {
            kernel.run();
        }
        unsafe { run(kernel) }
    }
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Avx2(unsafe { _mm256_set1_ps(value) })
    }
    #[inline(always)]
    fn load(values: &[f32]) -> Self {
        let values = &values[..8];
        Avx2(unsafe { _mm256_loadu_ps(values.as_ptr()) })
    }
    #[inline(always)]
    fn store(self, values: &mut [f32]) {
        let values = &mut values[..8];
        unsafe { _mm256_storeu_ps(values.as_mut_ptr(), self.0) };
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        Avx2(unsafe { _mm256_fmadd_ps(self.0, b.0, c.0) })
    }
    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        Avx2(unsafe { _mm256_fnmadd_ps(self.0, b.0, c.0) })
    }
    #[inline(always)]
    fn reciprocal(self) -> Self {
        // The estimate of AVX2 has 11 bits and would need two Newton steps: no faster than the division.
        Self::splat(1.0) / self
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
    fn at_least(self, floor: Self) -> Self {
        // The instruction gives its second operand if either is a NaN.
        Avx2(unsafe { _mm256_max_ps(floor.0, self.0) })
    }
    #[inline(always)]
    fn at_most(self, ceiling: Self) -> Self {
        Avx2(unsafe { _mm256_min_ps(ceiling.0, self.0) })
    }
    #[inline(always)]
    fn magnitude(self, magnitude: Self) -> Self {
        // The bits of non-negative floats are ordered as the floats are, and those of a NaN come last.
        unsafe {
            let (a, b) = (_mm256_castps_si256(self.abs().0), _mm256_castps_si256(magnitude.0));
            Avx2(_mm256_castsi256_ps(_mm256_max_epu32(a, b)))
        }
    }
    #[inline(always)]
    fn with_sign(self, sign: Self) -> Self {
        unsafe {
            let bit = _mm256_set1_ps(-0.0);
            Avx2(_mm256_or_ps(_mm256_andnot_ps(bit, self.0), _mm256_and_ps(bit, sign.0)))
        }
    }
    #[inline(always)]
    fn less(self, other: Self) -> Self::Mask {
        unsafe { _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn less_equal(self, other: Self) -> Self::Mask {
        unsafe { _mm256_cmp_ps::<_CMP_LE_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Avx2(unsafe { _mm256_blendv_ps(no.0, yes.0, mask) })
    }
    #[inline(always)]
    fn differ(a: Self::Mask, b: Self::Mask) -> Self::Mask {
        unsafe { _mm256_xor_ps(a, b) }
    }
    #[inline(always)]
    fn bits(mask: Self::Mask) -> u64 {
        unsafe { _mm256_movemask_ps(mask) as u64 }
    }
    #[inline(always)]
    fn mask(bits: u64) -> Self::Mask {
        unsafe {
            let lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
            let set = _mm256_and_si256(_mm256_set1_epi32(bits as i32), lane);
            _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, lane))
        }
    }
    #[inline(always)]
    fn round(self) -> Self {
        Avx2(unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0) })
    }
    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        unsafe {
            // Adds n to the exponent. A NaN in n converts to a number whose lowest bits are 0: nothing is added, and
            // self, from the same numbers, is a NaN then.
            let exponent = _mm256_slli_epi32::<23>(_mm256_cvtps_epi32(n.0));
            Avx2(_mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(self.0), exponent)))
        }
    }
}

/// 16 lanes; needs AVX-512F and AVX-512DQ.
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
        Avx512(unsafe { _mm512_xor_ps(self.0, _mm512_set1_ps(-0.0)) })
    }
}

impl Lanes for Avx512 {
    type Mask = __mmask16;
    const LANES: usize = 16;
    // 16 sums, 4 numbers that are multiplied and a weight, of 32 registers.
    const UNITS: usize = 4;

    #[inline(always)]
    fn call(kernel: impl Kernel) {
        #[inline(never)]
        #[target_feature(enable = "avx512f,avx512dq")]
        fn run(kernel: impl Kernel) {
            kernel.run();
        }
        unsafe { run(kernel) }
    }
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Avx512(unsafe { _mm512_set1_ps(value) })
    }
    #[inline(always)]
    fn load(values: &[f32]) -> Self {
        let values = &values[..16];
        Avx512(unsafe { _mm512_loadu_ps(values.as_ptr()) })
    }
    #[inline(always)]
    fn store(self, values: &mut [f32]) {
        let values = &mut values[..16];
        unsafe { _mm512_storeu_ps(values.as_mut_ptr(), self.0) };
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        Avx512(unsafe { _mm512_fmadd_ps(self.0, b.0, c.0) })
    }
    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        Avx512(unsafe { _mm512_fnmadd_ps(self.0, b.0, c.0) })
    }
    #[inline(always)]
    fn reciprocal(self) -> Self {
        // An estimate to 2⁻¹⁴ and one Newton step: 2⁻²⁸, then the rounding of the last operation.
        unsafe {
            let estimate = _mm512_rcp14_ps(self.0);
            let error = _mm512_fnmadd_ps(self.0, estimate, _mm512_set1_ps(1.0));
            Avx512(_mm512_fmadd_ps(estimate, error, estimate))
        }
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
    fn at_least(self, floor: Self) -> Self {
        // The instruction gives its second operand if either is a NaN.
        Avx512(unsafe { _mm512_max_ps(floor.0, self.0) })
    }
    #[inline(always)]
    fn at_most(self, ceiling: Self) -> Self {
        Avx512(unsafe { _mm512_min_ps(ceiling.0, self.0) })
    }
    #[inline(always)]
    fn magnitude(self, magnitude: Self) -> Self {
        // The bits of non-negative floats are ordered as the floats are, and those of a NaN come last.
        unsafe {
            let (a, b) = (_mm512_castps_si512(self.abs().0), _mm512_castps_si512(magnitude.0));
            Avx512(_mm512_castsi512_ps(_mm512_max_epu32(a, b)))
        }
    }
    #[inline(always)]
    fn with_sign(self, sign: Self) -> Self {
        unsafe {
            let bit = _mm512_set1_ps(-0.0);
            Avx512(_mm512_or_ps(_mm512_andnot_ps(bit, self.0), _mm512_and_ps(bit, sign.0)))
        }
    }
    #[inline(always)]
    fn less(self, other: Self) -> Self::Mask {
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn less_equal(self, other: Self) -> Self::Mask {
        unsafe { _mm512_cmp_ps_mask::<_CMP_LE_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Avx512(unsafe { _mm512_mask_blend_ps(mask, no.0, yes.0) })
    }
    #[inline(always)]
    fn differ(a: Self::Mask, b: Self::Mask) -> Self::Mask {
        a ^ b
    }
    #[inline(always)]
    fn bits(mask: Self::Mask) -> u64 {
        u64::from(mask)
    }
    #[inline(always)]
    fn mask(bits: u64) -> Self::Mask {
        bits as __mmask16
    }
    #[inline(always)]
    fn round(self) -> Self {
        Avx512(unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0) })
    }
    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        Avx512(unsafe { _mm512_scalef_ps(self.0, n.0) })
    }
}
