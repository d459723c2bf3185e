//! What is done about an engine that fails: its machine is opened again and is given fewer runs at a time, a few times; if
//! that does not help, another engine takes over, where there is one.
//!
//! That a window is trained again, in pieces, and by whom, shows in no row of the same engine: a run's result does not depend
//! on the batch.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::Checker;
use crate::engine::{Engine, EngineError};

/// Windows of no more runs than this are not made smaller: they are no burden to any device.
const FEWEST: u64 = 64;

/// After so many windows that went well a window may be as large again as before a fault, once.
const PATIENCE: u32 = 16;

/// Before a lost device is opened again: a driver that resets it may need seconds. It is lost for good after as many tries.
const PAUSES: [Duration; 3] = [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(4)];

/// Before a wrong result is believed to be wrong whatever the size of its window: an eighth of it is tried, too.
const FAILURES: usize = 3;

/// How many runs a window may have. A fault makes windows smaller; if all is well for a while, they are tried at their full size
/// once more, for a device may have been lost to something that is over. If that fails, they stay small: what failed twice
/// would fail again.
#[derive(Clone, Debug)]
pub struct Size {
    now: u64,
    full: u64,
    /// Windows that went well since the first fault.
    well: u32,
    tried_again: bool,
}

impl Size {
    /// Windows of at most `full` runs.
    pub fn new(full: u64) -> Size {
        Size { now: full, full, well: 0, tried_again: false }
    }

    /// The most runs that the next window may have.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// A window failed, and is tried again with at most so many runs.
    pub fn shrink(&mut self, fewer: u64) {
        self.now = self.now.min(fewer);
        self.well = 0;
    }

    /// A window went well.
    pub fn grow(&mut self) {
        if self.now == self.full || self.tried_again {
            return;
        }
        self.well += 1;
        if self.well == PATIENCE {
            (self.now, self.tried_again) = (self.full, true);
        }
    }
}

/// Who trains where the engine of a sweep has failed for good.
pub struct Fallback<'a> {
    /// The engine.
    pub engine: &'a mut dyn Engine,
    /// Repeats its runs, where runs are repeated. Not the same engine, either.
    pub checker: Option<Checker<'a>>,
}

/// How an engine was tried again since it last finished a window.
#[derive(Debug, Default)]
pub struct Tries {
    /// Largest number of runs at a time of each further try.
    sizes: Vec<u64>,
    losses: usize,
    failures: usize,
}

impl Tries {
    /// After `error` in a window of `runs` runs: gives the engine its machine back and says how many runs a window may have
    /// at most, or returns the error that is left where there is nothing more to try. `note` is told what was done.
    pub fn recover(
        &mut self,
        mut error: EngineError,
        mut runs: u64,
        engine: &mut dyn Engine,
        interrupted: &AtomicBool,
        note: &dyn Fn(&str),
    ) -> Result<u64, EngineError> {
        loop {
            let Some(pause) = self.pause(&error, runs) else { return Err(error) };
            if runs > FEWEST {
                runs = (runs / 2).max(FEWEST);
            }
            self.sizes.push(runs);
            note(&format!("{error}; trying again with at most {runs} runs at a time"));
            sleep(pause, interrupted)?;
            match engine.reopen() {
                Ok(()) => return Ok(runs),
                Err(second) => error = second,
            }
        }
    }

    /// How long to wait before the next try, if one is worth it.
    fn pause(&mut self, error: &EngineError, runs: u64) -> Option<Duration> {
        match error {
            EngineError::Interrupted | EngineError::Unsupported(_) => None,
            EngineError::Lost(_) | EngineError::NoDevice(_) => {
                self.losses += 1;
                PAUSES.get(self.losses - 1).copied()
            }
            EngineError::Memory(_) => (runs > FEWEST).then_some(Duration::ZERO),
            // A driver that ends long loops early may do shorter ones; whatever else it is will be the same again and again.
            EngineError::Device(_) => {
                self.failures += 1;
                (self.failures <= FAILURES).then_some(Duration::ZERO)
            }
        }
    }

    /// What was tried, to be put after the error that is left; empty if nothing was.
    pub fn described(&self) -> String {
        let mut sizes = self.sizes.clone();
        sizes.dedup();
        let mut text = match self.sizes.len() {
            0 => return String::new(),
            1 => "; tried again once, with ".to_string(),
            times => format!("; tried again {times} times, with "),
        };
        for (i, size) in sizes.iter().enumerate() {
            let before = match i {
                0 => "",
                _ if i + 1 == sizes.len() => " and ",
                _ => ", ",
            };
            // Writing to a String cannot fail.
            let _ = write!(text, "{before}{size}");
        }
        text + " runs at a time"
    }
}

/// Sleeps, unless the user has had enough.
fn sleep(pause: Duration, interrupted: &AtomicBool) -> Result<(), EngineError> {
    let started = Instant::now();
    loop {
        if interrupted.load(Ordering::Relaxed) {
            return Err(EngineError::Interrupted);
        }
        let left = pause.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(Duration::from_millis(50)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::mock::MockEngine;

    fn lost() -> EngineError {
        EngineError::Lost("gone".into())
    }

    fn memory() -> EngineError {
        EngineError::Memory("full".into())
    }

    fn recover(tries: &mut Tries, error: EngineError, runs: u64) -> Result<u64, EngineError> {
        tries.recover(error, runs, &mut MockEngine::default(), &AtomicBool::new(false), &|_| {})
    }

    #[test]
    fn memory_is_tried_down_to_the_floor_and_no_further() {
        let mut tries = Tries::default();
        let mut runs = 1000;
        for expected in [500, 250, 125, 64] {
            runs = recover(&mut tries, memory(), runs).unwrap();
            assert_eq!(runs, expected);
        }
        assert!(matches!(recover(&mut tries, memory(), runs), Err(EngineError::Memory(_))));
        assert_eq!(tries.described(), "; tried again 4 times, with 500, 250, 125 and 64 runs at a time");
    }

    #[test]
    fn windows_are_tried_at_full_size_once_more_when_all_is_well() {
        let mut size = Size::new(1000);
        size.grow();
        assert_eq!(size.now(), 1000);
        size.shrink(250);
        for _ in 0..PATIENCE - 1 {
            size.grow();
            assert_eq!(size.now(), 250);
        }
        size.grow();
        assert_eq!(size.now(), 1000);
        size.shrink(500);
        for _ in 0..10 * PATIENCE {
            size.grow();
        }
        assert_eq!(size.now(), 500);
    }

    #[test]
    fn a_wrong_result_is_tried_a_few_times_and_an_interruption_never() {
        let mut tries = Tries::default();
        let bad = || EngineError::Device("bad".into());
        for expected in [100, 64, 64] {
            assert_eq!(recover(&mut tries, bad(), 200.min(2 * expected)).unwrap(), expected);
        }
        assert_eq!(tries.described(), "; tried again 3 times, with 100 and 64 runs at a time");
        assert!(recover(&mut tries, bad(), 64).is_err());
        for error in [EngineError::Interrupted, EngineError::Unsupported("too large".into())] {
            let mut tries = Tries::default();
            assert!(recover(&mut tries, error, 1000).is_err());
            assert_eq!(tries.described(), "");
        }
    }

    #[test]
    fn an_interruption_ends_the_pause() {
        let interrupted = AtomicBool::new(true);
        let recovered =
            Tries::default().recover(lost(), 8, &mut MockEngine::default(), &interrupted, &|_| {});
        assert!(matches!(recovered, Err(EngineError::Interrupted)));
    }
}
