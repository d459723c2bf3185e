//! Where wgpu panics, and this program goes on.
//!
//! wgpu 30 reports a device that is lost while the host waits for it by a panic of `Device::poll`, which no callback or
//! result can prevent. It holds no lock then.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether this thread is in a [`caught`] call.
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}

/// What `call` gives, or the message of its panic, which is not printed.
pub fn caught<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |panic| {
            if !CATCHING.get() {
                print(panic);
            }
        }));
    });
    CATCHING.set(true);
    // What the call leaves half done is the device's, of which nothing more is asked.
    let result = catch_unwind(AssertUnwindSafe(call));
    CATCHING.set(false);
    result.map_err(|panic| message(panic.as_ref()))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown");
    // One line: what there is beyond is the cause of the cause.
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::caught;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(caught(|| 7), Ok(7));
        let lost = caught(|| -> u32 { panic!("Error in poll:\n\n  Parent device is {}", "lost") });
        assert_eq!(lost, Err("Error in poll: Parent device is lost".into()));
        assert_eq!(caught(|| -> u32 { panic!("plain") }), Err("plain".into()));
    }
}
