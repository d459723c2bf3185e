//! Raw words as an engine computes them, and the statistics of their bits.

use symbreak::engine::Engine;

use super::chance;
use super::draws::{Draws, Law, even};
use super::findings::Findings;

/// Streams there are.
const STREAMS: u32 = 16;

/// Words of all streams, seeds and parameters, as places in (−1, 1): axes stream, seed, parameter, word of the block.
pub fn drawn(engine: &mut dyn Engine) -> Draws {
    let (seeds, parameters) = (64, 32);
    let counters: Vec<[u32; 4]> = (0..STREAMS)
        .flat_map(|stream| (0..seeds).map(move |seed| (stream, seed)))
        .flat_map(|(stream, seed)| (0..parameters).map(move |parameter| [seed, 0, stream, parameter]))
        .collect();
    let words = engine.random_words([0, 0], &counters).expect("words");
    let place = |&word: &u32| (f64::from(word) + 0.5) / f64::from(1u32 << 31) - 1.0;
    let axes = vec![
        ("streams", STREAMS as usize),
        ("seeds", seeds as usize),
        ("parameters", parameters as usize),
        ("words", 4),
    ];
    Draws { law: Law::Uniform, axes, numbers: words.as_flattened().iter().map(place).collect() }
}

/// The upper 24 bits of the words behind numbers in (−1, 1), as initial parameters use them: each is set as often as not, and
/// the lowest eight have every value as often.
pub fn bits(numbers: &[f64]) -> Findings {
    let words: Vec<u32> = numbers.iter().map(|x| ((x + 1.0) * f64::from(1 << 23)).floor() as u32).collect();
    let mut findings = Findings::default();
    let z = |bit: u32| {
        let ones = words.iter().filter(|&word| word >> bit & 1 == 1).count() as f64;
        (ones - words.len() as f64 / 2.0) / (words.len() as f64 / 4.0).sqrt()
    };
    let largest = (0..24).map(|bit| z(bit).abs()).fold(0.0, f64::max);
    findings.add("each bit".into(), chance::largest_normal(largest, 24));
    findings.add("lowest byte".into(), even(256, words.iter().map(|&word| word as usize % 256)));
    findings
}

/// The same of numbers with a shorter mantissa.
pub fn spoilt_bits(numbers: &[f64]) -> (Findings, Vec<String>) {
    let shorter: Vec<f64> =
        numbers.iter().map(|x| (x * f64::from(1 << 19)).floor() / f64::from(1 << 19)).collect();
    (bits(&shorter), vec!["each bit".into(), "lowest byte".into()])
}

/// Every bit of the counter and of the key changes every bit of the block half of the time.
pub fn avalanche(engine: &mut dyn Engine) -> (Findings, Findings) {
    let (seeds, parameters) = (32u32, 16u32);
    let counters: Vec<[u32; 4]> =
        (0..seeds).flat_map(|seed| (0..parameters).map(move |parameter| [seed, 0, 1, parameter])).collect();
    let key = [7, 0];
    let mut words = |key, counters: &[[u32; 4]]| engine.random_words(key, counters).expect("words");
    let plain = words(key, &counters);
    let mut largest = [0.0f64; 2];
    for flipped in 0..192 {
        let flip = |of: usize| if flipped / 32 == of { 1 << (flipped % 32) } else { 0 };
        let other: Vec<[u32; 4]> = counters.iter().map(|c| std::array::from_fn(|i| c[i] ^ flip(i))).collect();
        let changed = words([key[0] ^ flip(4), key[1] ^ flip(5)], &other);
        for bit in 0..128 {
            let at = |block: &[u32; 4]| block[bit / 32] >> (bit % 32) & 1;
            let flips = plain.iter().zip(&changed).filter(|(a, b)| at(a) != at(b)).count() as f64;
            let z = |flips: f64| (flips - plain.len() as f64 / 2.0) / (plain.len() as f64 / 4.0).sqrt();
            largest[0] = largest[0].max(z(flips).abs());
            // One flip in three is lost.
            largest[1] = largest[1].max(z(2.0 / 3.0 * flips).abs());
        }
    }
    let findings = |largest: f64| {
        let mut findings = Findings::default();
        findings.add("avalanche".into(), chance::largest_normal(largest, 192 * 128));
        findings
    };
    (findings(largest[0]), findings(largest[1]))
}
