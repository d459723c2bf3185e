//! Ctrl-C and the polite request to end (SIGTERM, as a cluster or a shutdown sends it).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::note;

/// Exit statuses of an interrupted program are this plus the number of the signal.
const SIGNALLED: u8 = 128;

/// Whether the user, or the system, has had enough.
#[derive(Debug, Default)]
pub struct Interrupt {
    flag: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// From now on a signal sets [`flag`](Interrupt::flag); a second one ends the program at once, which loses nothing that
    /// is in the files.
    pub fn watch() -> Interrupt {
        let interrupt = Interrupt::default();
        let seen = [Arc::default(), Arc::default()];
        for (signal, own, other) in [(SIGINT, &seen[0], &seen[1]), (SIGTERM, &seen[1], &seen[0])] {
            let status = i32::from(SIGNALLED) + signal;
            // Two threads may handle the two signals at the same moment. Each leaves its own mark before it looks for the
            // other's, so that one of them at least sees that it is not alone.
            let registered = flag::register_conditional_shutdown(signal, status, Arc::clone(own))
                .and_then(|_| flag::register(signal, Arc::clone(own)))
                .and_then(|_| flag::register_conditional_shutdown(signal, status, Arc::clone(other)))
                .and_then(|_| flag::register_usize(signal, Arc::clone(&interrupt.signal), signal as usize))
                .and_then(|_| flag::register(signal, Arc::clone(&interrupt.flag)));
            if let Err(error) = registered {
                note(&format!("note: an interruption will end the program at once ({error})"));
            }
        }
        interrupt
    }

    /// Set by the first signal, and by whatever else wants the work to end.
    pub fn flag(&self) -> &AtomicBool {
        &self.flag
    }

    /// The exit status: 130 after Ctrl-C, 143 after SIGTERM.
    pub fn status(&self) -> u8 {
        match self.signal.load(Ordering::Relaxed) {
            0 => SIGNALLED + SIGINT as u8,
            signal => SIGNALLED + signal as u8,
        }
    }
}
