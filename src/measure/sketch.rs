//! The median of any number of values in bounded memory.
//!
//! Up to [`EXACT`] values are kept as they are. Beyond that each counts in one of the fixed buckets that cut every
//! power of two into 4096 equal parts, under the lower end of its bucket in magnitude: what is known of a value is
//! then its first 13 significant binary digits. Buckets of equal relative width give a quantile of a bounded
//! relative error and are merged without loss (Masson, Rim and Lee, "DDSketch", VLDB 2019); here they are read off
//! the bits of the float, with no logarithm.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::statistics::median;

/// The most values that are kept one by one.
pub const EXACT: u64 = 1 << 16;

/// Bits of a float that no bucket tells apart: all but sign, exponent and the first 12 of its 52 bits of fraction.
const DROPPED: u32 = 40;

/// Buckets of one sign and exponent, together a page.
const PAGE: usize = 1 << 12;

/// A multiset of floats that knows its median: exact for up to [`EXACT`] values; beyond that the exact median of
/// the values rounded towards zero to 13 significant binary digits, so too small in magnitude by less than 2⁻¹²
/// of itself (0.025 %). Whole numbers below 8192, zeros and infinities are exact all the same; a subnormal number is
/// off by less than 2⁻¹⁰³⁴. The order is that of [`f64::total_cmp`].
///
/// All it knows is a function of the multiset alone: it does not matter in which order values came, or from how
/// many sketches it was merged.
#[derive(Clone, Debug)]
pub struct Sketch {
    kept: Kept,
}

#[derive(Clone, Debug)]
enum Kept {
    /// At most [`EXACT`] values, in any order.
    Values(Vec<f64>),
    /// More.
    Counts(Counts),
}

/// Values per bucket. A page is empty until a value falls into it: of the values of a sweep's cell, few
/// exponents have any.
#[derive(Clone, Debug)]
struct Counts {
    total: u64,
    /// By sign and exponent, as they stand in the bits of the float.
    pages: Vec<Vec<u64>>,
}

impl Default for Sketch {
    fn default() -> Sketch {
        Sketch { kept: Kept::Values(Vec::new()) }
    }
}

impl Sketch {
    /// Adds one value.
    pub fn add(&mut self, value: f64) {
        match &mut self.kept {
            Kept::Values(values) if (values.len() as u64) < EXACT => values.push(value),
            Kept::Values(_) => self.counts().add(value, 1),
            Kept::Counts(counts) => counts.add(value, 1),
        }
    }

    /// Adds the values of `other`.
    pub fn merge(&mut self, other: Sketch) {
        match (&mut self.kept, other.kept) {
            (Kept::Values(ours), Kept::Values(theirs)) if (ours.len() + theirs.len()) as u64 <= EXACT => {
                ours.extend(theirs);
            }
            (_, Kept::Values(theirs)) => {
                let counts = self.counts();
                theirs.into_iter().for_each(|value| counts.add(value, 1));
            }
            (_, Kept::Counts(theirs)) => self.counts().merge(theirs),
        }
    }

    /// Values added.
    pub fn count(&self) -> u64 {
        match &self.kept {
            Kept::Values(values) => values.len() as u64,
            Kept::Counts(counts) => counts.total,
        }
    }

    /// The median, the mean of the middle two for an even count; `None` of nothing. Reorders what is kept.
    pub fn median(&mut self) -> Option<f64> {
        match &mut self.kept {
            Kept::Values(values) => median(values),
            Kept::Counts(counts) => {
                let (low, high) = (counts.at((counts.total - 1) / 2), counts.at(counts.total / 2));
                // An odd count has one middle, which halves might change.
                Some(if low.to_bits() == high.to_bits() { low } else { low / 2.0 + high / 2.0 })
            }
        }
    }

    /// The buckets, which from now on hold the values.
    fn counts(&mut self) -> &mut Counts {
        if let Kept::Values(values) = &mut self.kept {
            let mut counts =
                Counts { total: 0, pages: vec![Vec::new(); 1 << (64 - DROPPED) >> PAGE.ilog2()] };
            values.iter().for_each(|&value| counts.add(value, 1));
            self.kept = Kept::Counts(counts);
        }
        match &mut self.kept {
            Kept::Counts(counts) => counts,
            Kept::Values(_) => unreachable!("they have just been counted"),
        }
    }
}

impl Counts {
    fn add(&mut self, value: f64, count: u64) {
        let bucket = (value.to_bits() >> DROPPED) as usize;
        let page = &mut self.pages[bucket / PAGE];
        if page.is_empty() {
            page.resize(PAGE, 0);
        }
        page[bucket % PAGE] += count;
        self.total += count;
    }

    fn merge(&mut self, other: Counts) {
        self.total += other.total;
        for (ours, theirs) in self.pages.iter_mut().zip(other.pages) {
            if ours.is_empty() {
                *ours = theirs;
            } else {
                ours.iter_mut().zip(theirs).for_each(|(sum, count)| *sum += count);
            }
        }
    }

    /// Every bucket with a value, as the value it stands for and its count, by their bits.
    fn buckets(&self) -> impl DoubleEndedIterator<Item = (f64, u64)> {
        let pages = self.pages.iter().enumerate();
        pages.flat_map(|(at, page)| {
            let buckets = page.iter().enumerate().filter(|&(_, &count)| count > 0);
            buckets.map(move |(bucket, &count)| {
                (f64::from_bits(((at * PAGE + bucket) as u64) << DROPPED), count)
            })
        })
    }

    /// The value at a place of the sorted values, counted from 0.
    fn at(&self, place: u64) -> f64 {
        // By their bits floats are in order, but for those with a sign: they come last, and the wrong way round.
        let negative = self.buckets().rev().take_while(|(value, _)| value.is_sign_negative());
        let positive = self.buckets().take_while(|(value, _)| value.is_sign_positive());
        let mut before = 0;
        for (value, count) in negative.chain(positive) {
            before += count;
            if place < before {
                return value;
            }
        }
        unreachable!("a place is one of the values counted")
    }
}

/// The same multiset has the same parts, whichever order its values came in.
impl PartialEq for Sketch {
    fn eq(&self, other: &Sketch) -> bool {
        Packed::of(self) == Packed::of(other)
    }
}

/// A sketch as it is written down: its sorted bit patterns without the zeros at their ends (29 for every f32), as steps
/// from one to the next, each with the number of its values.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Packed {
    shift: u32,
    steps: Vec<(u64, u64)>,
}

impl Packed {
    fn of(sketch: &Sketch) -> Packed {
        let patterns: Vec<(u64, u64)> = match &sketch.kept {
            Kept::Values(values) => {
                let mut bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
                bits.sort_unstable();
                bits.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u64)).collect()
            }
            Kept::Counts(counts) => counts.buckets().map(|(value, count)| (value.to_bits(), count)).collect(),
        };
        let shift = patterns.iter().map(|(bits, _)| bits.trailing_zeros()).min().unwrap_or(0).min(63);
        let mut last = 0;
        let step = |(bits, count)| {
            let step = (bits >> shift) - last;
            last = bits >> shift;
            (step, count)
        };
        Packed { shift, steps: patterns.into_iter().map(step).collect() }
    }

    /// `None` if no sketch is written like this.
    fn unpacked(&self) -> Option<Sketch> {
        let total = self.steps.iter().try_fold(0u64, |sum, &(_, count)| sum.checked_add(count))?;
        let mut sketch = Sketch::default();
        if total > EXACT {
            sketch.counts();
        }
        let mut pattern = 0u64;
        for &(step, count) in &self.steps {
            pattern = pattern.checked_add(step)?;
            let bits = pattern.checked_shl(self.shift).filter(|bits| bits >> self.shift == pattern)?;
            match &mut sketch.kept {
                Kept::Values(values) => values.extend((0..count).map(|_| f64::from_bits(bits))),
                Kept::Counts(counts) => counts.add(f64::from_bits(bits), count),
            }
        }
        Some(sketch)
    }
}

impl Serialize for Sketch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Packed::of(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Sketch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sketch, D::Error> {
        let packed = Packed::deserialize(deserializer)?;
        packed.unpacked().ok_or_else(|| D::Error::custom("steps beyond 64 bits"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::Config;

    use super::*;
    use crate::net::philox::philox;

    fn of(values: &[f64]) -> Sketch {
        let mut sketch = Sketch::default();
        values.iter().for_each(|&value| sketch.add(value));
        sketch
    }

    /// Sketches of pieces of these lengths, over and over, merged.
    fn of_pieces(values: &[f64], lengths: &[usize]) -> Sketch {
        let (mut merged, mut rest) = (Sketch::default(), values);
        for &length in lengths.iter().cycle() {
            let (piece, more) = rest.split_at(length.min(rest.len()));
            merged.merge(of(piece));
            rest = more;
            if rest.is_empty() {
                break;
            }
        }
        merged
    }

    /// Bytes of memory that the values take.
    fn bytes(sketch: &Sketch) -> usize {
        match &sketch.kept {
            Kept::Values(values) => values.capacity() * size_of::<f64>(),
            Kept::Counts(counts) => {
                let pages = counts.pages.iter().map(|page| page.capacity() * size_of::<u64>());
                pages.sum::<usize>() + counts.pages.capacity() * size_of::<Vec<u64>>()
            }
        }
    }

    fn written(sketch: &Sketch) -> String {
        serde_json::to_string(sketch).unwrap()
    }

    /// All that a sketch shows of itself.
    fn shown(mut sketch: Sketch) -> (u64, Option<u64>, String) {
        (sketch.count(), sketch.median().map(f64::to_bits), written(&sketch))
    }

    /// `count` values spread over the powers of two from 2⁻²⁰ to 1, like losses.
    fn losses(seed: u32, count: usize) -> Vec<f64> {
        let value = |n| {
            let [exponent, fraction, ..] = philox([seed, 0], [n, 0, 0, 0]);
            f64::from((1.0 + fraction as f32 / 2f32.powi(32)) * 2f32.powi(-(exponent as i32 & 15) - 5))
        };
        (0..count as u32).map(value).collect()
    }

    const EXACT: usize = super::EXACT as usize;
    /// What is kept of a value of which only its bucket is known.
    fn rounded(value: f64) -> f64 {
        f64::from_bits(value.to_bits() & !((1 << DROPPED) - 1))
    }

    #[test]
    fn few_values_are_exact_and_more_are_rounded() {
        for count in [EXACT - 1, EXACT, EXACT + 1, EXACT + 2] {
            let mut values = losses(1, count);
            let mut read: Sketch = serde_json::from_str(&written(&of(&values))).unwrap();
            let found = read.median();
            assert_eq!(found, of(&values).median());
            if count <= EXACT {
                assert_eq!(found, median(&mut values));
            } else {
                let exact = median(&mut values).unwrap();
                values.iter_mut().for_each(|value| *value = rounded(*value));
                assert_eq!(found, median(&mut values));
                assert_ne!(found, Some(exact));
            }
        }
    }

    #[test]
    fn what_a_million_values_take_does_not_grow_with_them() {
        let values = losses(2, 1_000_000);
        let sketch = of(&values);
        assert_eq!(sketch.count(), 1_000_000);
        let once = bytes(&sketch);
        assert!(once < 1 << 20, "{once}");
        assert_eq!(bytes(&of_pieces(&values, &[1_000_000, 1_000_000])), once);
        let mut twice = sketch.clone();
        twice.merge(sketch);
        assert_eq!((twice.count(), bytes(&twice)), (2_000_000, once));
        assert!(written(&twice).len() < 1 << 20);
    }

    #[test]
    fn every_value_has_its_place() {
        let tiny = f64::from_bits(3);
        let ascending = [
            f64::NEG_INFINITY,
            -2.0,
            -1.0,
            -tiny,
            -0.0,
            0.0,
            tiny,
            1e-300,
            1.0,
            1.5,
            8191.0,
            f64::MAX,
            f64::INFINITY,
            f64::NAN,
        ];
        for (at, &middle) in ascending.iter().enumerate() {
            // As many values on each side of the middle one as make the sketch count, and one at most beside it.
            let beside = |values: &[f64]| -> Vec<f64> {
                (0..EXACT).map(|i| values.get(i % values.len().max(1)).copied().unwrap_or(middle)).collect()
            };
            let values = [beside(&ascending[..at]), vec![middle], beside(&ascending[at + 1..])].concat();
            let found = of(&values).median().unwrap();
            assert_eq!(found.to_bits(), rounded(middle).to_bits(), "{middle:?}");
            let read: Sketch = serde_json::from_str(&written(&of(&values))).unwrap();
            assert_eq!(shown(read), shown(of(&values)));
            let read: Sketch = serde_json::from_str(&written(&of(&ascending))).unwrap();
            assert_eq!(shown(read), shown(of(&ascending)));
        }
        assert_eq!(of(&[]).median(), None);
    }

    #[test]
    fn only_values_that_are_there_are_written() {
        for count in [2, EXACT + 1] {
            assert_eq!(Packed::of(&of(&vec![1.5; count])).steps, [(0b0111_1111_1111, count as u64)]);
        }
    }

    #[test]
    fn whole_numbers_are_exact() {
        for step in [0, 1, 2, 3, 1000, 4095, 4097, 8191] {
            assert_eq!(of(&vec![f64::from(step); EXACT + 1]).median(), Some(f64::from(step)));
        }
        assert_eq!(of(&vec![8193.0; EXACT + 1]).median(), Some(8192.0), "the first that is not");
    }

    #[test]
    fn what_no_sketch_wrote_is_no_sketch() {
        for text in [
            r#"{"shift":0,"steps":[[1,18446744073709551615],[1,1]]}"#,
            r#"{"shift":0,"steps":[[18446744073709551615,1],[1,1]]}"#,
            r#"{"shift":60,"steps":[[16,1]]}"#,
            r#"{"shift":64,"steps":[[1,1]]}"#,
        ] {
            let error = serde_json::from_str::<Sketch>(text).unwrap_err().to_string();
            assert!(error.contains("steps beyond 64 bits"), "{error}");
        }
        assert_eq!(serde_json::from_str::<Sketch>(r#"{"shift":63,"steps":[[1,2]]}"#).unwrap().count(), 2);
    }

    proptest! {
        #![proptest_config(Config::with_cases(24))]

        /// Neither order nor cuts show, whether the values are few or many.
        #[test]
        fn any_order_and_any_cuts_make_the_same_sketch(
            seed: u32,
            count in prop_oneof![0..300, 65_000..66_500, 130_000..140_000],
            lengths in prop::collection::vec(1..70_000usize, 1..5),
            turn: prop::sample::Index,
        ) {
            let mut values = losses(seed, count as usize);
            let whole = shown(of(&values));
            prop_assert_eq!(&shown(of_pieces(&values, &lengths)), &whole);
            if !values.is_empty() {
                let by = turn.index(values.len());
                values.rotate_left(by);
                values[by / 2..].reverse();
            }
            prop_assert_eq!(&shown(of_pieces(&values, &lengths)), &whole);
            let one = of(&values);
            prop_assert!(one == of_pieces(&values, &lengths));
            let read: Sketch = serde_json::from_str(&whole.2).unwrap();
            prop_assert_eq!(&shown(read), &whole);
            if let Some(last) = values.last_mut() {
                *last *= 4.0;
                prop_assert_ne!(&shown(of(&values)), &whole, "another multiset");
                prop_assert!(of(&values) != one);
            }
        }

        /// The median is off by less than the bound that is promised.
        #[test]
        fn the_error_is_within_its_bound(seed: u32, count in 65_530..90_000usize, scale in -1e3..1e3f64) {
            let mut values: Vec<f64> = losses(seed, count).iter().map(|value| value * scale).collect();
            let found = of(&values).median().unwrap();
            let exact = median(&mut values).unwrap();
            prop_assert!(found.abs() <= exact.abs(), "{found} {exact}");
            prop_assert!((exact - found).abs() <= exact.abs() * 2f64.powi(-12), "{found} {exact}");
        }
    }
}
