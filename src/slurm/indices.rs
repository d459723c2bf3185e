//! Lists of task numbers, as Slurm writes them: `1-3,7`.

/// Numbers in ascending order as a list of stretches.
pub fn list(numbers: &[u64]) -> String {
    let mut stretches: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match stretches.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => stretches.push((number, number)),
        }
    }
    let written = stretches.iter().map(|&(first, last)| match last - first {
        0 => first.to_string(),
        _ => format!("{first}-{last}"),
    });
    written.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::list;

    #[test]
    fn neighbours_are_joined() {
        for (numbers, written) in [
            (&[][..], ""),
            (&[4], "4"),
            (&[1, 2], "1-2"),
            (&[1, 3, 5, 6, 7, 9], "1,3,5-7,9"),
            (&[u64::MAX - 1, u64::MAX], "18446744073709551614-18446744073709551615"),
        ] {
            assert_eq!(list(numbers), written);
        }
    }
}
