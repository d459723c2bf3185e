//! Every operation of every vector that the processor has, against the portable one. Small enough for Miri.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

/// A generic function for each vector that is there, the portable one first.
macro_rules! for_each {
    ($function:ident) => {{
        let mut all: Vec<(&str, fn(_) -> _)> =
            vec![("portable", $function::<Portable>), ("portable, twice", $function::<Double<Portable>>)];
        #[cfg(target_arch = "x86_64")]
        {
            if Avx2::is_there() {
                all.push(("AVX2", $function::<Avx2>));
                all.push(("AVX2, twice", $function::<Double<Avx2>>));
            }
            if Avx512::is_there() {
                all.push(("AVX-512", $function::<Avx512>));
                all.push(("AVX-512, twice", $function::<Double<Avx512>>));
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            all.push(("NEON", $function::<Neon>));
            all.push(("NEON, twice", $function::<Double<Neon>>));
        }
        all
    }};
}

/// Numbers at which something can go wrong, and some plain ones. Miri, which takes a thousand times as long, sees the first
/// eight.
const NUMBERS: &[f32] = {
    let all = &[
        0.0,
        -0.0,
        1.5,
        -2.5,
        f32::MAX,
        f32::INFINITY,
        f32::NAN,
        -f32::MIN_POSITIVE / 8.0,
        1.0,
        -1.0,
        0.5,
        2.5,
        f32::MIN,
        f32::MIN_POSITIVE,
        f32::NEG_INFINITY,
        1e-40,
        8_388_607.5,
        -4_194_303.5,
        std::f32::consts::PI,
        -std::f32::consts::E,
        1.000_000_1,
        0.999_999_94,
        -1e20,
        1e-20,
    ];
    if cfg!(miri) { all.split_at(8).0 } else { all }
};

/// All pairs of [`NUMBERS`], which fill vectors of any width, and a third number for each.
struct Operands {
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
}

impl Operands {
    /// `turn` shifts the first numbers against the others.
    fn new(turn: usize) -> Self {
        let count = NUMBERS.len() * NUMBERS.len();
        assert_eq!(count % MAX_LANES, 0);
        let pick = |i: usize| NUMBERS[i % NUMBERS.len()];
        Operands {
            a: (0..count).map(|i| pick(i + turn)).collect(),
            b: (0..count).map(|i| pick(i / NUMBERS.len())).collect(),
            c: (0..count).map(|i| pick(7 * i + i / NUMBERS.len() + turn)).collect(),
        }
    }
}

/// What each operation makes of operands, a number per lane; truth values are 1 and 0.
type Results = BTreeMap<&'static str, Vec<f32>>;

struct All<'a, V> {
    operands: &'a Operands,
    results: &'a mut Results,
    vector: PhantomData<V>,
}

impl<V: Lanes> Kernel for All<'_, V> {
    #[inline(always)]
    fn run(self) {
        let Operands { a, b, c } = self.operands;
        let numbers = a.chunks_exact(V::LANES).zip(b.chunks_exact(V::LANES)).zip(c.chunks_exact(V::LANES));
        let whole = |x: f32| if x.is_nan() { x } else { x.clamp(-126.0, 126.0).round_ties_even() };
        let near_one = |x: f32| if x.is_finite() { x % 0.5 + 0.75f32.copysign(x) } else { f32::NAN };
        for ((a, b), c) in numbers {
            let map =
                |x: &[f32], f: &dyn Fn(f32) -> f32| V::load(&x.iter().map(|&x| f(x)).collect::<Vec<_>>());
            // Not zero, whose sign is open, and no NaN.
            let bound = map(c, &|x| if x.is_nan() || x == 0.0 { 3.0 } else { x });
            let power = map(c, &|x| f32::from_bits(((whole(x.min(126.0)) as i32 + 127) << 23) as u32));
            let (small, n) = (
                map(a, &near_one),
                map(a, &|x| if x.is_finite() { whole(7.0 * x).max(-125.0) } else { f32::NAN }),
            );
            let (a, b, c) = (V::load(a), V::load(b), V::load(c));
            let truth = |mask| V::select(mask, V::splat(1.0), V::splat(0.0));
            let set = (V::bits(a.less(b)) ^ 0x5a5a_a5a5_1234_8765) & V::ALL;
            let results = [
                ("load", a),
                ("add", a + b),
                ("sub", a - b),
                ("mul", a * b),
                ("div", a / b),
                ("neg", -a),
                ("mul_add", a.mul_add(b, c)),
                ("neg_mul_add", a.neg_mul_add(b, c)),
                ("reciprocal", power.reciprocal()),
                ("abs", a.abs()),
                ("sqrt", a.sqrt()),
                ("at_least", a.at_least(bound)),
                ("at_most", a.at_most(bound)),
                ("magnitude", a.magnitude(b.abs())),
                ("with_sign", a.with_sign(bound)),
                ("less", truth(a.less(b))),
                ("less_equal", truth(a.less_equal(b))),
                ("differ", truth(V::differ(a.less(b), a.less_equal(c)))),
                ("select", V::select(a.less(b), c, a)),
                ("round", a.round()),
                ("scale", small.scale(n)),
            ];
            for (name, result) in results {
                let mut lanes = vec![0.0; V::LANES];
                result.store(&mut lanes);
                self.results.entry(name).or_default().extend(lanes);
            }
            // A mask from bits has those bits, and says so of each lane.
            assert_eq!(V::bits(V::mask(set)), set);
            assert_eq!(V::bits(V::mask(set | !V::ALL)), set, "bits beyond the lanes");
            let mut lanes = vec![0.0; V::LANES];
            truth(V::mask(set)).store(&mut lanes);
            assert!(lanes.iter().enumerate().all(|(i, &lane)| lane == (set >> i & 1) as f32));
        }
    }
}

fn results<V: Lanes>(operands: &Operands) -> Results {
    let mut results = Results::new();
    V::call(All::<V> { operands, results: &mut results, vector: PhantomData });
    results
}

/// Bits, of which those of a NaN are open.
fn bits(numbers: &[f32]) -> Vec<Option<u32>> {
    numbers.iter().map(|x| (!x.is_nan()).then(|| x.to_bits())).collect()
}

#[test]
fn every_operation_gives_the_same_bits_in_every_vector() {
    let (operands, others) = (Operands::new(0), Operands::new(1));
    let all = for_each!(results);
    let expected = all[0].1(&operands);
    assert_eq!(expected["load"].len(), operands.a.len());
    for (on, results) in all {
        let found = results(&operands);
        assert!(found.keys().eq(expected.keys()));
        let others = results(&others);
        for (operation, numbers) in &found {
            assert_eq!(bits(numbers), bits(&expected[operation]), "{on}: {operation}");
            assert_ne!(bits(&others[operation]), bits(&expected[operation]), "{on}: {operation} of others");
        }
    }
}

/// Loads and stores at both ends of a slice, given the number that all of it holds.
fn ends<V: Lanes>(value: f32) {
    let room = V::LANES + 3;
    for first in 0..=3 {
        let mut numbers = vec![value; room];
        (0..V::LANES).for_each(|i| numbers[first + i] = i as f32);
        let vector = V::load(&numbers[first..]);
        let mut copy = vec![value; room];
        vector.store(&mut copy[first..]);
        // Nothing beside it was written, and nothing else read.
        assert_eq!(bits(&copy), bits(&numbers));
    }
    for short in [0, V::LANES - 1] {
        let mut numbers = vec![value; short];
        assert!(catch_unwind(|| V::load(&numbers)).is_err(), "read {short}");
        let stored = catch_unwind(AssertUnwindSafe(|| V::splat(1.0).store(&mut numbers)));
        assert!(stored.is_err(), "wrote {short}");
    }
}

#[test]
fn reads_and_writes_are_of_just_the_lanes() {
    for (on, ends) in for_each!(ends) {
        for value in [7.0, f32::NAN] {
            println!("{on} among {value}");
            ends(value);
        }
    }
}
