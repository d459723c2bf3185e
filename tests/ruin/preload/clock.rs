//! Loaded before libc into a program: the time of day jumps each time it is asked for, to the times in `RUIN_CLOCK`, in
//! seconds since 1970 with commas between them, one after the other and from the start again.

use std::ffi::{c_char, c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

unsafe extern "C" {
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// The next library after this one.
const NEXT: *mut c_void = -1isize as *mut c_void;
const CLOCK_REALTIME: c_int = 0;

#[repr(C)]
pub struct Time {
    seconds: i64,
    nanoseconds: i64,
}

static TIMES: OnceLock<Vec<i64>> = OnceLock::new();
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// # Safety
/// As libc's: `time` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Time) -> c_int {
    // SAFETY: libc, which is loaded after this, has it with this signature.
    let real: extern "C" fn(c_int, *mut Time) -> c_int =
        unsafe { std::mem::transmute(dlsym(NEXT, c"clock_gettime".as_ptr())) };
    if clock != CLOCK_REALTIME {
        return real(clock, time);
    }
    let times = TIMES.get_or_init(|| {
        let text = std::env::var("RUIN_CLOCK").unwrap();
        text.split(',').map(|seconds| seconds.parse().unwrap()).collect()
    });
    let seconds = times[ASKED.fetch_add(1, Ordering::Relaxed) % times.len()];
    // SAFETY: the caller's promise.
    unsafe { *time = Time { seconds, nanoseconds: 999_999_999 } };
    0
}
