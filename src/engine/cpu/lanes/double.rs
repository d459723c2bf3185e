//! Two vectors as one: twice as many independent operations in flight, half as many loops.

use super::*;

/// Twice the lanes of `V`.
#[derive(Clone, Copy)]
pub struct Double<V>(pub V, pub V);

macro_rules! twice {
    ($($trait:ident $method:ident;)+) => {
        $(impl<V: Lanes> $trait for Double<V> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Double(self.0.$method(other.0), self.1.$method(other.1))
            }
        })+
    };
}
twice!(Add add; Sub sub; Mul mul; Div div;);

impl<V: Lanes> Neg for Double<V> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Double(-self.0, -self.1)
    }
}

impl<V: Lanes> Lanes for Double<V> {
    type Mask = (V::Mask, V::Mask);
    const LANES: usize = 2 * V::LANES;
    const UNITS: usize = if V::UNITS > 1 { V::UNITS / 2 } else { 1 };

    fn is_there() -> bool {
        V::is_there()
    }
    #[inline(always)]
    fn call(kernel: impl Kernel) {
        V::call(kernel);
    }
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Double(V::splat(value), V::splat(value))
    }
    #[inline(always)]
    fn load(values: &[f32]) -> Self {
        Double(V::load(&values[..V::LANES]), V::load(&values[V::LANES..]))
    }
    #[inline(always)]
    fn store(self, values: &mut [f32]) {
        let (low, high) = values.split_at_mut(V::LANES);
        self.0.store(low);
        self.1.store(high);
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        Double(self.0.mul_add(b.0, c.0), self.1.mul_add(b.1, c.1))
    }
    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        Double(self.0.neg_mul_add(b.0, c.0), self.1.neg_mul_add(b.1, c.1))
    }
    #[inline(always)]
    fn reciprocal(self) -> Self {
        Double(self.0.reciprocal(), self.1.reciprocal())
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Double(self.0.abs(), self.1.abs())
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Double(self.0.sqrt(), self.1.sqrt())
    }
    #[inline(always)]
    fn at_least(self, floor: Self) -> Self {
        Double(self.0.at_least(floor.0), self.1.at_least(floor.1))
    }
    #[inline(always)]
    fn at_most(self, ceiling: Self) -> Self {
        Double(self.0.at_most(ceiling.0), self.1.at_most(ceiling.1))
    }
    #[inline(always)]
    fn magnitude(self, magnitude: Self) -> Self {
        Double(self.0.magnitude(magnitude.0), self.1.magnitude(magnitude.1))
    }
    #[inline(always)]
    fn with_sign(self, sign: Self) -> Self {
        Double(self.0.with_sign(sign.0), self.1.with_sign(sign.1))
    }
    #[inline(always)]
    fn less(self, other: Self) -> Self::Mask {
        (self.0.less(other.0), self.1.less(other.1))
    }
    #[inline(always)]
    fn less_equal(self, other: Self) -> Self::Mask {
        (self.0.less_equal(other.0), self.1.less_equal(other.1))
    }
    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Double(V::select(mask.0, yes.0, no.0), V::select(mask.1, yes.1, no.1))
    }
    #[inline(always)]
    fn differ(a: Self::Mask, b: Self::Mask) -> Self::Mask {
        (V::differ(a.0, b.0), V::differ(a.1, b.1))
    }
    #[inline(always)]
    fn bits(mask: Self::Mask) -> u64 {
        V::bits(mask.0) | V::bits(mask.1) << V::LANES
    }
    #[inline(always)]
    fn mask(bits: u64) -> Self::Mask {
        (V::mask(bits & V::ALL), V::mask(bits >> V::LANES))
    }
    #[inline(always)]
    fn round(self) -> Self {
        Double(self.0.round(), self.1.round())
    }
    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        Double(self.0.scale(n.0), self.1.scale(n.1))
    }
}
