//! Reads a disassembly of AMD machine code as RADV prints it: `BB7:` starts a block, every indented line is one
//! instruction, jumps name the block they go to.

use std::collections::BTreeMap;

/// A loop of a program: what lies between its head and the last jump back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loop {
    /// Instructions before its first.
    pub start: usize,
    /// Instructions up to and including its last.
    pub end: usize,
}

/// The number of instructions and the loops, outer ones before those they contain.
pub fn read(assembly: &str) -> (usize, Vec<Loop>) {
    let mut instructions = 0;
    let mut blocks = BTreeMap::new();
    let mut ends = BTreeMap::new();
    for line in assembly.lines() {
        if let Some(label) = line.strip_suffix(':') {
            blocks.insert(label, instructions);
        } else if line.starts_with('\t') {
            instructions += 1;
            let mut words = line.split_whitespace();
            let jumps = words
                .next()
                .is_some_and(|name| name.starts_with("s_branch") || name.starts_with("s_cbranch"));
            let target = words.next().and_then(|label| blocks.get(label));
            // A block that is known already lies before the jump: the jump closes a loop.
            if let (true, Some(&start)) = (jumps, target) {
                ends.insert(start, instructions);
            }
        }
    }
    let mut loops: Vec<_> = ends.into_iter().map(|(start, end)| Loop { start, end }).collect();
    loops.sort_by_key(|one| (one.start, std::cmp::Reverse(one.end)));
    (instructions, loops)
}

/// Instructions of one step: of one pass of the longest loop inside the outermost, both sides of its conditions
/// counted, where a loop inside it makes `inner` passes. `None` where there is no such loop, or more than one inside
/// it, whose passes are not known.
pub fn per_step(loops: &[Loop], inner: u64) -> Option<u64> {
    let length = |one: &Loop| (one.end - one.start) as u64;
    let inside = |outer: Loop| {
        loops
            .iter()
            .copied()
            .filter(move |one| *one != outer && one.start >= outer.start && one.end <= outer.end)
    };
    let outermost = loops.iter().copied().max_by_key(length)?;
    let step = inside(outermost).max_by_key(length)?;
    let mut inmost = inside(step);
    match (inmost.next(), inmost.next()) {
        (None, _) => Some(length(&step)),
        (Some(one), None) => Some(length(&step) - length(&one) + length(&one) * inner),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NESTED: &str = "BB0:\n\ts_mov_b32 s0, s3 ; be800303\n\ts_cbranch_execz BB4 ; bf880192\nBB1:\n\ts_nop 0 ; 00\n\
        BB2:\n\ts_nop 0 ; 00\n\tv_exp_f32_e64 v28, -v28 ; d5a5001c 2000011c\n\ts_cbranch_scc1 BB2 ; 00\n\
        BB3:\n\ts_cbranch_scc0 BB1 ; 00\n\ts_branch BB1 ; 00\nBB4:\n\ts_endpgm ; bf810000\n";

    #[test]
    fn loops_are_found_by_their_jumps_back() {
        let (instructions, loops) = read(NESTED);
        assert_eq!(instructions, 9);
        assert_eq!(loops, [Loop { start: 2, end: 8 }, Loop { start: 3, end: 6 }]);
        assert_eq!(
            read(&NESTED.replace("s_cbranch_scc1 BB2", "s_cbranch_scc1 BB3")).1,
            [Loop { start: 2, end: 8 }]
        );
    }

    #[test]
    fn a_step_is_the_loop_inside_the_outermost() {
        let nested = |ranges: &[(usize, usize)]| -> Vec<Loop> {
            ranges.iter().map(|&(start, end)| Loop { start, end }).collect()
        };
        assert_eq!(per_step(&nested(&[(1, 30), (10, 28)]), 1), Some(18));
        assert_eq!(per_step(&nested(&[(1, 30), (2, 8), (10, 28), (12, 16)]), 10), Some(14 + 40));
    }

    #[test]
    fn what_cannot_be_known_is_not_said() {
        assert_eq!(per_step(&[], 1), None);
        assert_eq!(per_step(&[Loop { start: 0, end: 9 }], 1), None);
        let two = [(0, 20), (1, 10), (2, 4), (5, 7)].map(|(start, end)| Loop { start, end });
        assert_eq!(per_step(&two, 1), None);
    }
}
