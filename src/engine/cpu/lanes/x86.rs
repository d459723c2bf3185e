//! AVX2 with FMA, and AVX-512.

use std::arch::x86_64::*;

use super::*;

/// 8 lanes; needs AVX2 and FMA.
#[derive(Clone, Copy)]
pub struct Avx2(__m256);

impl Add for Avx2 {
    type Output = Self;
    compiled_for! { "avx2,fma":
        fn add(self = a: Avx2, b: Avx2) -> Avx2 { Avx2(_mm256_add_ps(a.0, b.0)) }
    }
}

impl Sub for Avx2 {
    type Output = Self;
    compiled_for! { "avx2,fma":
        fn sub(self = a: Avx2, b: Avx2) -> Avx2 { Avx2(_mm256_sub_ps(a.0, b.0)) }
    }
}

impl Mul for Avx2 {
    type Output = Self;
    compiled_for! { "avx2,fma":
        fn mul(self = a: Avx2, b: Avx2) -> Avx2 { Avx2(_mm256_mul_ps(a.0, b.0)) }
    }
}

impl Div for Avx2 {
    type Output = Self;
    compiled_for! { "avx2,fma":
        fn div(self = a: Avx2, b: Avx2) -> Avx2 { Avx2(_mm256_div_ps(a.0, b.0)) }
    }
}

impl Neg for Avx2 {
    type Output = Self;
    compiled_for! { "avx2,fma":
        fn neg(self = a: Avx2) -> Avx2 { Avx2(_mm256_xor_ps(a.0, _mm256_set1_ps(-0.0))) }
    }
}

impl Lanes for Avx2 {
    type Mask = __m256;
    const LANES: usize = 8;
    // 8 sums, 4 numbers that are multiplied and a weight are most of the 16 registers.
    const UNITS: usize = 2;

    fn is_there() -> bool {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
    }
    #[inline(always)]
    fn call(kernel: impl Kernel) {
        #[inline(never)]
        #[target_feature(enable = "avx2,fma")]
        fn run(kernel: impl Kernel) {
            kernel.run();
        }
        debug_assert!(Self::is_there());
        // SAFETY: the processor has the features, or nobody would call for this vector: see `Lanes::is_there`.
        unsafe { run(kernel) }
    }
    #[inline(always)]
    fn load(values: &[f32]) -> Self {
        let values = &values[..8];
        // SAFETY: 8 numbers lie there, which need not be aligned; the processor has the features, as in `call`.
        Avx2(unsafe { _mm256_loadu_ps(values.as_ptr()) })
    }
    #[inline(always)]
    fn store(self, values: &mut [f32]) {
        let values = &mut values[..8];
        // SAFETY: there is room for 8 numbers, which need not be aligned, and nobody else has it; the processor has the
        // features, as in `call`.
        unsafe { _mm256_storeu_ps(values.as_mut_ptr(), self.0) };
    }
    #[inline(always)]
    fn reciprocal(self) -> Self {
        // The estimate of AVX2 has 11 bits and would need two Newton steps: no faster than the division.
        Self::splat(1.0) / self
    }
    compiled_for! { "avx2,fma":
        fn splat(value: f32) -> Avx2 { Avx2(_mm256_set1_ps(value)) }
        fn mul_add(self = a: Avx2, b: Avx2, c: Avx2) -> Avx2 { Avx2(_mm256_fmadd_ps(a.0, b.0, c.0)) }
        fn neg_mul_add(self = a: Avx2, b: Avx2, c: Avx2) -> Avx2 { Avx2(_mm256_fnmadd_ps(a.0, b.0, c.0)) }
        fn abs(self = a: Avx2) -> Avx2 { Avx2(_mm256_andnot_ps(_mm256_set1_ps(-0.0), a.0)) }
        fn sqrt(self = a: Avx2) -> Avx2 { Avx2(_mm256_sqrt_ps(a.0)) }
        // The instruction gives its second operand if either is a NaN.
        fn at_least(self = a: Avx2, floor: Avx2) -> Avx2 { Avx2(_mm256_max_ps(floor.0, a.0)) }
        fn at_most(self = a: Avx2, ceiling: Avx2) -> Avx2 { Avx2(_mm256_min_ps(ceiling.0, a.0)) }
        fn magnitude(self = a: Avx2, magnitude: Avx2) -> Avx2 {
            // The bits of non-negative floats are ordered as the floats are, and those of a NaN come last.
            let (a, b) = (_mm256_castps_si256(a.abs().0), _mm256_castps_si256(magnitude.0));
            Avx2(_mm256_castsi256_ps(_mm256_max_epu32(a, b)))
        }
        fn with_sign(self = a: Avx2, sign: Avx2) -> Avx2 {
            let bit = _mm256_set1_ps(-0.0);
            Avx2(_mm256_or_ps(_mm256_andnot_ps(bit, a.0), _mm256_and_ps(bit, sign.0)))
        }
        fn less(self = a: Avx2, b: Avx2) -> __m256 { _mm256_cmp_ps::<_CMP_LT_OQ>(a.0, b.0) }
        fn less_equal(self = a: Avx2, b: Avx2) -> __m256 { _mm256_cmp_ps::<_CMP_LE_OQ>(a.0, b.0) }
        fn select(mask: __m256, yes: Avx2, no: Avx2) -> Avx2 { Avx2(_mm256_blendv_ps(no.0, yes.0, mask)) }
        fn differ(a: __m256, b: __m256) -> __m256 { _mm256_xor_ps(a, b) }
        fn bits(mask: __m256) -> u64 { _mm256_movemask_ps(mask) as u64 }
        fn mask(bits: u64) -> __m256 {
            let lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
            let set = _mm256_and_si256(_mm256_set1_epi32(bits as i32), lane);
            _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, lane))
        }
        fn round(self = a: Avx2) -> Avx2 {
            Avx2(_mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a.0))
        }
        fn scale(self = a: Avx2, n: Avx2) -> Avx2 {
            // Adds n to the exponent. A NaN in n converts to a number whose lowest bits are 0: nothing is added, and
            // a, from the same numbers, is a NaN then.
            let exponent = _mm256_slli_epi32::<23>(_mm256_cvtps_epi32(n.0));
            Avx2(_mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a.0), exponent)))
        }
    }
}

/// 16 lanes; needs AVX-512F and AVX-512DQ.
#[derive(Clone, Copy)]
pub struct Avx512(__m512);

impl Add for Avx512 {
    type Output = Self;
    compiled_for! { "avx512f,avx512dq":
        fn add(self = a: Avx512, b: Avx512) -> Avx512 { Avx512(_mm512_add_ps(a.0, b.0)) }
    }
}

impl Sub for Avx512 {
    type Output = Self;
    compiled_for! { "avx512f,avx512dq":
        fn sub(self = a: Avx512, b: Avx512) -> Avx512 { Avx512(_mm512_sub_ps(a.0, b.0)) }
    }
}

impl Mul for Avx512 {
    type Output = Self;
    compiled_for! { "avx512f,avx512dq":
        fn mul(self = a: Avx512, b: Avx512) -> Avx512 { Avx512(_mm512_mul_ps(a.0, b.0)) }
    }
}

impl Div for Avx512 {
    type Output = Self;
    compiled_for! { "avx512f,avx512dq":
        fn div(self = a: Avx512, b: Avx512) -> Avx512 { Avx512(_mm512_div_ps(a.0, b.0)) }
    }
}

impl Neg for Avx512 {
    type Output = Self;
    compiled_for! { "avx512f,avx512dq":
        fn neg(self = a: Avx512) -> Avx512 { Avx512(_mm512_xor_ps(a.0, _mm512_set1_ps(-0.0))) }
    }
}

impl Lanes for Avx512 {
    type Mask = __mmask16;
    const LANES: usize = 16;
    // 16 sums, 4 numbers that are multiplied and a weight, of 32 registers.
    const UNITS: usize = 4;

    fn is_there() -> bool {
        is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq")
    }
    #[inline(always)]
    fn call(kernel: impl Kernel) {
        #[inline(never)]
        #[target_feature(enable = "avx512f,avx512dq")]
        fn run(kernel: impl Kernel) {
            kernel.run();
        }
        debug_assert!(Self::is_there());
        // SAFETY: the processor has the features, or nobody would call for this vector: see `Lanes::is_there`.
        unsafe { run(kernel) }
    }
    #[inline(always)]
    fn load(values: &[f32]) -> Self {
        let values = &values[..16];
        // SAFETY: 16 numbers lie there, which need not be aligned; the processor has the features, as in `call`.
        Avx512(unsafe { _mm512_loadu_ps(values.as_ptr()) })
    }
    #[inline(always)]
    fn store(self, values: &mut [f32]) {
        let values = &mut values[..16];
        // SAFETY: there is room for 16 numbers, which need not be aligned, and nobody else has it; the processor has the
        // features, as in `call`.
        unsafe { _mm512_storeu_ps(values.as_mut_ptr(), self.0) };
    }
    #[inline(always)]
    fn differ(a: __mmask16, b: __mmask16) -> __mmask16 {
        a ^ b
    }
    #[inline(always)]
    fn bits(mask: __mmask16) -> u64 {
        u64::from(mask)
    }
    #[inline(always)]
    fn mask(bits: u64) -> __mmask16 {
        bits as __mmask16
    }
    compiled_for! { "avx512f,avx512dq":
        fn splat(value: f32) -> Avx512 { Avx512(_mm512_set1_ps(value)) }
        fn mul_add(self = a: Avx512, b: Avx512, c: Avx512) -> Avx512 { Avx512(_mm512_fmadd_ps(a.0, b.0, c.0)) }
        fn neg_mul_add(self = a: Avx512, b: Avx512, c: Avx512) -> Avx512 { Avx512(_mm512_fnmadd_ps(a.0, b.0, c.0)) }
        fn reciprocal(self = a: Avx512) -> Avx512 {
            // An estimate to 2⁻¹⁴ and one Newton step: 2⁻²⁸, then the rounding of the last operation.
            let estimate = _mm512_rcp14_ps(a.0);
            let error = _mm512_fnmadd_ps(a.0, estimate, _mm512_set1_ps(1.0));
            Avx512(_mm512_fmadd_ps(estimate, error, estimate))
        }
        fn abs(self = a: Avx512) -> Avx512 { Avx512(_mm512_abs_ps(a.0)) }
        fn sqrt(self = a: Avx512) -> Avx512 { Avx512(_mm512_sqrt_ps(a.0)) }
        // The instruction gives its second operand if either is a NaN.
        fn at_least(self = a: Avx512, floor: Avx512) -> Avx512 { Avx512(_mm512_max_ps(floor.0, a.0)) }
        fn at_most(self = a: Avx512, ceiling: Avx512) -> Avx512 { Avx512(_mm512_min_ps(ceiling.0, a.0)) }
        fn magnitude(self = a: Avx512, magnitude: Avx512) -> Avx512 {
            // The bits of non-negative floats are ordered as the floats are, and those of a NaN come last.
            let (a, b) = (_mm512_castps_si512(a.abs().0), _mm512_castps_si512(magnitude.0));
            Avx512(_mm512_castsi512_ps(_mm512_max_epu32(a, b)))
        }
        fn with_sign(self = a: Avx512, sign: Avx512) -> Avx512 {
            let bit = _mm512_set1_ps(-0.0);
            Avx512(_mm512_or_ps(_mm512_andnot_ps(bit, a.0), _mm512_and_ps(bit, sign.0)))
        }
        fn less(self = a: Avx512, b: Avx512) -> __mmask16 { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a.0, b.0) }
        fn less_equal(self = a: Avx512, b: Avx512) -> __mmask16 { _mm512_cmp_ps_mask::<_CMP_LE_OQ>(a.0, b.0) }
        fn select(mask: __mmask16, yes: Avx512, no: Avx512) -> Avx512 {
            Avx512(_mm512_mask_blend_ps(mask, no.0, yes.0))
        }
        fn round(self = a: Avx512) -> Avx512 {
            Avx512(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a.0))
        }
        fn scale(self = a: Avx512, n: Avx512) -> Avx512 { Avx512(_mm512_scalef_ps(a.0, n.0)) }
    }
}
