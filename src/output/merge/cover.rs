//! Which ranges of run numbers make up a whole, which share runs, and what is missing.

use std::cmp::Reverse;
use std::ops::Range;

use crate::spec::Shard;

/// Of ranges sorted by their start, places of some that have no run in common: those that have the most runs together; of
/// these the fewest. In the order of their runs.
pub fn tile(ranges: &[Range<u64>]) -> Vec<usize> {
    // Weighted interval scheduling: the best that can be had of the ranges that end first, one more range at a time.
    let mut by_end: Vec<usize> = (0..ranges.len()).filter(|&at| !ranges[at].is_empty()).collect();
    by_end.sort_by_key(|&at| (ranges[at].end, at));
    // Runs, ranges, and the last range taken.
    let mut best = vec![(0u64, Reverse(0usize), None)];
    for &at in &by_end {
        let range = &ranges[at];
        let before = by_end.partition_point(|&other| ranges[other].end <= range.start);
        let (runs, Reverse(count), _) = best[before];
        let with = (runs + (range.end - range.start), Reverse(count + 1));
        let without = best[best.len() - 1];
        best.push(if with > (without.0, without.1) { (with.0, with.1, Some((at, before))) } else { without });
    }
    let mut chosen = Vec::new();
    let mut last = best[best.len() - 1].2;
    while let Some((at, before)) = last {
        chosen.push(at);
        last = best[before].2;
    }
    chosen.reverse();
    chosen
}

/// What disjoint ranges, in order, leave of `0..runs`.
pub fn gaps<'a>(ranges: impl IntoIterator<Item = &'a Range<u64>>, runs: u64) -> Vec<Range<u64>> {
    let mut gaps = Vec::new();
    let mut next = 0;
    for range in ranges {
        gaps.push(next..range.start);
        next = range.end;
    }
    gaps.push(next..runs);
    gaps.retain(|gap| !gap.is_empty());
    gaps
}

/// Two ranges, by their places, and runs that both have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Starts first.
    pub first: usize,
    /// The other.
    pub second: usize,
    /// Runs of both.
    pub runs: Range<u64>,
}

/// Of ranges sorted by their start, which have runs in common: every run that several have is there once for each of them
/// but the first, together with that.
pub fn shared(ranges: &[Range<u64>]) -> Vec<Shared> {
    let mut all = Vec::new();
    // Those that reach into the range at hand.
    let mut open: Vec<usize> = Vec::new();
    for (second, range) in ranges.iter().enumerate() {
        open.retain(|&at| ranges[at].end > range.start);
        let mut from = range.start;
        while from < range.end {
            let Some(&first) = open.iter().find(|&&at| ranges[at].end > from) else { break };
            let to = range.end.min(ranges[first].end);
            all.push(Shared { first, second, runs: from..to });
            from = to;
        }
        open.push(second);
    }
    all
}

/// Ranges as shards of a common number of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsShards {
    /// How many shards there are.
    pub of: u64,
    /// The first and the last shard of each range.
    pub stretches: Vec<(u64, u64)>,
}

/// The non-empty `ranges` of `0..runs` as shards of one of the numbers `known`, else of the smallest number that does, if there
/// is one that is not huge.
pub fn as_shards(ranges: &[Range<u64>], runs: u64, known: &[u64]) -> Option<AsShards> {
    /// More shards than anybody makes.
    const MOST: u64 = 10_000;
    let numbers = known.iter().copied().chain(2..=MOST).filter(|&of| of <= runs);
    numbers.into_iter().find_map(|of| {
        // Shards before a border between shards, if it is one.
        let before = |border: u64| {
            let parts = (u128::from(border) * u128::from(of)).div_ceil(u128::from(runs)) as u64;
            let exact = parts == 0 || Shard { index: parts, of }.of_runs(runs).end == border;
            exact.then_some(parts)
        };
        let stretch = |range: &Range<u64>| Some((before(range.start)? + 1, before(range.end)?));
        Some(AsShards { of, stretches: ranges.iter().map(stretch).collect::<Option<_>>()? })
    })
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges, some of one")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(ranges: Vec<(u64, u64)>) -> Vec<Range<u64>> {
        let mut ranges: Vec<_> = ranges.into_iter().map(|(start, length)| start..start + length).collect();
        ranges.sort_by_key(|range| (range.start, Reverse(range.end)));
        ranges
    }

    proptest! {
        #[test]
        fn no_other_choice_has_more_runs_or_as_many_in_fewer_ranges(
            ranges in prop::collection::vec((0..12u64, 1..8u64), 0..9),
        ) {
            let ranges = sorted(ranges);
            let worth = |chosen: &[usize]| {
                let runs: u64 = chosen.iter().map(|&at| ranges[at].end - ranges[at].start).sum();
                (runs, Reverse(chosen.len()))
            };
            let disjoint =
                |chosen: &[usize]| chosen.windows(2).all(|pair| ranges[pair[0]].end <= ranges[pair[1]].start);
            let chosen = tile(&ranges);
            prop_assert!(disjoint(&chosen), "{chosen:?}");
            for set in 0..1u32 << ranges.len() {
                let other: Vec<usize> = (0..ranges.len()).filter(|at| set >> at & 1 == 1).collect();
                prop_assert!(!disjoint(&other) || worth(&other) <= worth(&chosen), "{other:?}");
            }
            let present: u64 = worth(&chosen).0;
            let missing: u64 = gaps(chosen.iter().map(|&at| &ranges[at]), 20).iter().map(|g| g.end - g.start).sum();
            prop_assert_eq!(present + missing, 20);
        }

        #[test]
        fn a_run_of_several_ranges_is_compared_with_the_first_by_each_other(
            ranges in prop::collection::vec((0..12u64, 1..8u64), 0..9),
        ) {
            let ranges = sorted(ranges);
            let all = shared(&ranges);
            for run in 0..20 {
                let holders: Vec<usize> = (0..ranges.len()).filter(|&at| ranges[at].contains(&run)).collect();
                let pairs: Vec<_> =
                    all.iter().filter(|s| s.runs.contains(&run)).map(|s| (s.first, s.second)).collect();
                let expected: Vec<_> = holders.iter().skip(1).map(|&at| (holders[0], at)).collect();
                prop_assert_eq!(pairs, expected);
            }
        }

        #[test]
        fn missing_shards_are_recognised(
            runs in 1..5000u64,
            of in 2..40u64,
            picked in prop::collection::vec(any::<bool>(), 40),
        ) {
            prop_assume!(of <= runs);
            let shards = (1..=of).map(|index| Shard { index, of });
            let kept: Vec<_> =
                shards.clone().filter(|s| picked[s.index as usize]).map(|s| s.of_runs(runs)).collect();
            let missing = gaps(&kept, runs);
            let found = as_shards(&missing, runs, &[of]).unwrap();
            prop_assert_eq!(found.of, of);
            let indices: Vec<u64> = found.stretches.iter().flat_map(|&(first, last)| first..=last).collect();
            let expected: Vec<u64> = (1..=of).filter(|&index| !picked[index as usize]).collect();
            prop_assert_eq!(indices, expected);
            // Told by nobody, another cut may do as well, but its shards have the same runs.
            let guessed = as_shards(&missing, runs, &[]).unwrap();
            for (range, (first, last)) in missing.iter().zip(guessed.stretches) {
                let of_runs = |index| Shard { index, of: guessed.of }.of_runs(runs);
                prop_assert_eq!(range, &(of_runs(first).start..of_runs(last).end));
            }
        }
    }

    #[test]
    fn what_is_no_shard_is_none() {
        assert_eq!(as_shards(&[5..6], 20_011, &[3, 7]), None);
        let shards = AsShards { of: 6, stretches: vec![(4, 4)] };
        assert_eq!(as_shards(&[50..66], 100, &[2, 3]), Some(shards));
    }
}
