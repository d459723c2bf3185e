//! The progress bar, shown on a terminal only.

use std::fmt::Write;
use std::io::{IsTerminal, stderr};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

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
        ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} runs, {rate}, {eta} left")
    {
        bar.set_style(style.with_key("rate", |state: &ProgressState, out: &mut dyn Write| {
            // A bar that cannot be written has nobody to tell.
            let _ = out.write_str(&rate(state.per_sec()));
        }));
    }
    // The time left is that of the runs that are left.
    bar.reset_eta();
    bar
}

/// Runs a second: whole ones, but where they are so few that a digit after the point matters.
fn rate(runs: f64) -> String {
    if runs < 9.95 { format!("{runs:.1}/s") } else { format!("{}/s", HumanCount(runs.round() as u64)) }
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn rates_are_whole_numbers_unless_they_are_small() {
        assert_eq!(rate(110_006.7), "110,007/s");
        assert_eq!(rate(999.5), "1,000/s");
        assert_eq!(rate(9.96), "10/s");
        assert_eq!(rate(0.314), "0.3/s");
        assert_eq!(rate(0.0), "0.0/s");
    }
}
