//! A comparator that NaN cannot pass: lengths, then finite-ness, then distance against a bound.

/// Pairs of numbers compared so far, and the worst of them.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Largest distance in units of its bound; infinite where no number could pass.
    ratio: f64,
    /// The distance there.
    pub worst: f64,
    /// The bound there.
    pub bound: f64,
    /// What was compared there: run, parameter, step.
    pub place: String,
    compared: usize,
}

impl Default for Comparison {
    fn default() -> Comparison {
        Comparison { ratio: -1.0, worst: 0.0, bound: 0.0, place: String::new(), compared: 0 }
    }
}

impl Comparison {
    /// Compares two numbers; a bound of 0 asks for equality, and a NaN on either side or as the bound fails.
    pub fn number(&mut self, got: f64, want: f64, bound: f64, place: impl FnOnce() -> String) {
        self.compared += 1;
        let distance = (got - want).abs();
        let passes = got.is_finite() && want.is_finite() && distance <= bound;
        let ratio = if passes {
            // 0 of 0 is no distance at all.
            if distance == 0.0 { 0.0 } else { distance / bound }
        } else if distance > bound {
            // At least 1, whatever the rounding of the quotient.
            (distance / bound).max(1.0 + f64::EPSILON)
        } else {
            f64::INFINITY
        };
        if ratio > self.ratio {
            *self = Comparison { ratio, worst: distance, bound, place: place(), compared: self.compared };
        }
    }

    /// Compares two lists of equal length, element by element.
    pub fn numbers(
        &mut self,
        got: &[f64],
        want: &[f64],
        bound: impl Fn(usize) -> f64,
        place: impl Fn(usize) -> String,
    ) {
        if got.len() != want.len() {
            self.number(got.len() as f64, want.len() as f64, 0.0, || "number of values".into());
            return;
        }
        for (i, (&g, &w)) in got.iter().zip(want).enumerate() {
            self.number(g, w, bound(i), || place(i));
        }
    }

    /// Fails where `holds` is false.
    pub fn holds(&mut self, holds: bool, place: impl FnOnce() -> String) {
        self.number(if holds { 0.0 } else { 1.0 }, 0.0, 0.0, place);
    }

    /// Takes over all that `other` has compared.
    pub fn merge(&mut self, other: Comparison) {
        let compared = self.compared + other.compared;
        if other.ratio > self.ratio {
            *self = other;
        }
        self.compared = compared;
    }

    /// Whether something was compared and everything passed.
    pub fn passed(&self) -> bool {
        self.compared > 0 && self.ratio <= 1.0
    }

    /// Whether something was compared and some of it exceeded its bound: not just the opposite of passing.
    pub fn failed(&self) -> bool {
        self.compared > 0 && self.ratio > 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::Comparison;

    fn compared(got: &[f64], want: &[f64], bound: f64) -> Comparison {
        let mut comparison = Comparison::default();
        comparison.numbers(got, want, |_| bound, |i| format!("element {i}"));
        comparison
    }

    #[test]
    fn names_the_worst_of_those_that_pass_and_of_those_that_fail() {
        let passes = compared(&[1.0, 2.5, 3.0], &[1.0, 2.0, 2.9], 1.0);
        assert!(passes.passed());
        assert_eq!((passes.worst, passes.place.as_str()), (0.5, "element 1"));
        let fails = compared(&[1.0, 2.5, 6.0], &[1.0, 2.0, 3.0], 0.25);
        assert!(!fails.passed());
        assert_eq!((fails.worst, fails.place.as_str()), (3.0, "element 2"));
    }

    #[test]
    fn nothing_nan_infinite_short_or_empty_passes() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        for (got, want, bound) in [
            (nan, 1.0, 1.0),
            (1.0, nan, 1.0),
            (nan, nan, 1.0),
            (1.0, 1.0, nan),
            (inf, inf, 1.0),
            (1.0, 2.0, nan),
        ] {
            assert!(!compared(&[got], &[want], bound).passed(), "{got} {want} {bound}");
            assert!(!compared(&[got, 1.0], &[want, 1.0], bound).passed(), "not hidden by a later one either");
        }
        assert!(!compared(&[1.0], &[1.0, 2.0], 9.0).passed());
        assert!(!compared(&[], &[], 9.0).passed());
        assert!(!compared(&[1.0], &[2.0], 0.0).passed());
        assert!(compared(&[2.0], &[2.0], 0.0).passed());
    }

    #[test]
    fn merging_keeps_a_failure() {
        let mut all = compared(&[1.0], &[1.0], 0.0);
        all.merge(compared(&[1.0], &[2.0], 0.5));
        all.merge(compared(&[1.0], &[1.0], 0.5));
        assert!(!all.passed());
        assert_eq!(all.worst, 1.0);
    }
}
