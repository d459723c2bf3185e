//! The progress bar, shown on a terminal only.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that counts finished runs; hidden if nobody is there to watch it.
pub fn bar(runs: u64, finished: u64, quiet: bool) -> ProgressBar {
    let target = if quiet || !stderr().is_terminal() {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let bar = ProgressBar::with_draw_target(Some(runs), target).with_position(finished);
    // The template is a constant; were it wrong, the default style would do.
    if let Ok(style) =
        ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} runs, {per_sec}, {eta} left")
    {
        bar.set_style(style);
    }
    // The time left is that of the runs that are left.
    bar.reset_eta();
    bar
}
