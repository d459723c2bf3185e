//! The look at the first window of a session: a sweep whose runs all diverge, or whose engine is wrong, is stopped before
//! it has cost hours.

use super::SweepError;
use crate::output::Window;
use crate::output::manifest::Counts;

/// Stops a sweep after the first window of a session, once that is written. `before` counts the runs of earlier sessions, and
/// `from_start` says whether they and this window are the first of the plan: what lies further on, as a shard may, can be a
/// corner of the grid where everything rightly diverges.
///
/// # Errors
/// [`SweepError::AllDiverged`], [`SweepError::NotVerified`]
pub fn look(window: &Window, before: &Counts, from_start: bool) -> Result<(), SweepError> {
    if let Some(found) = window.verification.as_ref().filter(|found| !found.passed()) {
        return Err(SweepError::NotVerified(found.clone()));
    }
    let diverged = window.results.iter().all(|run| run.diverge_step.is_some());
    if from_start && diverged && before.diverged == before.runs_finished {
        return Err(SweepError::AllDiverged(before.runs_finished + window.results.len() as u64));
    }
    Ok(())
}
