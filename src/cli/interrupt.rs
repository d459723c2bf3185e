//! Ctrl-C and the polite request to end (SIGTERM, as a cluster or a shutdown sends it).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::note;

/// Exit statuses of an interrupted program are this plus the number of the signal.
const SIGNALLED: u8 = 128;

/// What follows the first signal within this time belongs to it: `timeout` signals its child and then the group that the child
/// is in, a terminal signals everybody at once.
const ONE_WISH: Duration = Duration::from_secs(1);

/// How often it is looked whether the first signal has come.
const LOOK: Duration = Duration::from_millis(50);

/// Whether the user, or the system, has had enough.
#[derive(Debug, Default)]
pub struct Interrupt {
    flag: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// From now on a signal sets [`flag`](Interrupt::flag); another one, a second later or more, ends the program at once,
    /// which loses nothing that is in the files.
    pub fn watch() -> Interrupt {
        let interrupt = Interrupt::default();
        let impatient = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            let status = i32::from(SIGNALLED) + signal;
            let registered = flag::register_conditional_shutdown(signal, status, Arc::clone(&impatient))
                .and_then(|_| flag::register_usize(signal, Arc::clone(&interrupt.signal), signal as usize))
                .and_then(|_| flag::register(signal, Arc::clone(&interrupt.flag)));
            if let Err(error) = registered {
                note(&format!("note: an interruption will end the program at once ({error})"));
            }
        }
        let signal = Arc::clone(&interrupt.signal);
        thread::spawn(move || {
            while signal.load(Ordering::Relaxed) == 0 {
                thread::sleep(LOOK);
            }
            thread::sleep(ONE_WISH);
            impatient.store(true, Ordering::Relaxed);
        });
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

/// A file that grows beyond what the user may write (`ulimit -f`) is an error like a full disk: by default it would end the
/// program without a word.
pub fn survive_file_limit() {
    #[cfg(unix)]
    // That nobody looks at the flag does not matter: a signal that is handled leaves the error to whoever writes. Where it
    // can't be handled, the program ends as others do.
    let _ = flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}
