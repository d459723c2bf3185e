//! Random words: bit-equal, as integer arithmetic must be.

use crate::engine::EngineError;
use crate::net::philox::philox;
use crate::verify::Pair;
use crate::verify::compare::Comparison;

/// Key, counter and words of the three philox4x32-10 lines of Random123's kat_vectors file.
const KNOWN: [([u32; 2], [u32; 4], [u32; 4]); 3] = [
    ([0; 2], [0; 4], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]),
    ([u32::MAX; 2], [u32::MAX; 4], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]),
    (
        [0xa4093822, 0x299f31d0],
        [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
        [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ),
];

/// Bound: 0. The known answers, and counters of all magnitudes under some keys. Control: the next key.
pub fn check(pair: &mut Pair<'_>, perturbed: bool) -> Result<Comparison, EngineError> {
    let mut comparison = Comparison::default();
    let mut compare = |key: [u32; 2], counters: &[[u32; 4]], expected: &[[u32; 4]]| {
        let asked = [key[0].wrapping_add(u32::from(perturbed)), key[1]];
        let got: Vec<f64> =
            pair.engine.random_words(asked, counters)?.as_flattened().iter().map(|&w| w.into()).collect();
        let want: Vec<f64> = expected.as_flattened().iter().map(|&w| w.into()).collect();
        let place = |i: usize| format!("key {key:08x?}, counter {:08x?}, word {}", counters[i / 4], i % 4);
        comparison.numbers(&got, &want, |_| 0.0, place);
        Ok::<(), EngineError>(())
    };
    for (key, counter, expected) in KNOWN {
        compare(key, &[counter], &[expected])?;
    }
    for key in [[0, 0], [1, 0], [0, 1], [0xdead_beef, 0x0bad_cafe]] {
        let counters: Vec<[u32; 4]> = (0..1000).map(|i| philox([i, 5], [i >> 4; 4])).collect();
        let expected: Vec<[u32; 4]> = counters.iter().map(|&counter| philox(key, counter)).collect();
        compare(key, &counters, &expected)?;
    }
    Ok(comparison)
}
