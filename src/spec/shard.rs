//! Parts of a sweep.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of several parts that a sweep is cut into, each a stretch of consecutive run numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Its number, from 1.
    pub index: u64,
    /// How many there are.
    pub of: u64,
}

impl Shard {
    /// Its runs, of `runs` in all. Parts differ by one run at most; with more parts than runs some are empty.
    pub fn of_runs(self, runs: u64) -> Range<u64> {
        let before = |parts: u64| (u128::from(runs) * u128::from(parts) / u128::from(self.of)) as u64;
        before(self.index - 1)..before(self.index)
    }
}

/// `3/7`
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let wanted = "expected I/N, the number of a shard, from 1, and how many there are, such as 3/7";
        let (index, of) = text.split_once('/').ok_or(wanted)?;
        let (Ok(index), Ok(of)) = (index.parse(), of.parse()) else { return Err(wanted.into()) };
        if of == 0 || !(1..=of).contains(&index) {
            return Err(format!("shards are numbered from 1 to N, so there is no {text}"));
        }
        Ok(Shard { index, of })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shards_are_all_runs_in_order_and_as_equal_as_can_be(runs: u64, of in 1..200u64) {
            let mut next = 0;
            for index in 1..=of {
                let part = Shard { index, of }.of_runs(runs);
                prop_assert_eq!(part.start, next);
                next = part.end;
                let length = part.end - part.start;
                prop_assert!(length == runs / of || length == runs.div_ceil(of));
            }
            prop_assert_eq!(next, runs);
        }
    }

    #[test]
    fn a_shard_is_written_as_it_is_read() {
        assert_eq!("3/7".parse(), Ok(Shard { index: 3, of: 7 }));
        assert_eq!(Shard { index: 3, of: 7 }.to_string(), "3/7");
        for bad in ["", "3", "0/7", "8/7", "1/0", "-1/7", "a/b", "1/2/3", "1/18446744073709551616"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }
}
