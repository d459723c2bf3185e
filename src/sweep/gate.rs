//! The look at the beginning of a sweep: one whose runs all diverge, or whose engine is wrong, is stopped after its first window,
//! before it has cost hours; and where it is resumed, before anything more is trained.

use super::SweepError;
use crate::output::Window;
use crate::output::journal::Totals;
use crate::output::manifest::{Counts, Verification};

/// What the runs of a sweep so far were like.
#[derive(Clone, Debug, Default)]
pub struct SoFar {
    counts: Counts,
    verification: Option<Verification>,
    /// Whether they are the first of the plan: what lies further on, as a shard may, can be a corner of the grid where
    /// everything rightly diverges.
    from_start: bool,
}

impl SoFar {
    /// The runs of earlier sessions, after which run `next` is the next one.
    pub fn new(totals: &Totals, next: u64) -> SoFar {
        let Totals { counts, verification, .. } = totals.clone();
        SoFar { counts, verification, from_start: next == counts.runs_finished }
    }

    /// Adds the runs of a window.
    pub fn add(&mut self, window: &Window) {
        window.results.iter().for_each(|result| self.counts.add(result));
        if let Some(found) = &window.verification {
            self.verification.get_or_insert_default().merge(found);
        }
    }

    /// Whether it is worth going on.
    ///
    /// # Errors
    /// [`SweepError::AllDiverged`], [`SweepError::NotVerified`]
    pub fn look(&self) -> Result<(), SweepError> {
        if let Some(found) = self.verification.as_ref().filter(|found| !found.passed()) {
            return Err(SweepError::NotVerified(found.clone()));
        }
        let Counts { runs_finished, diverged, .. } = self.counts;
        if self.from_start && runs_finished > 0 && diverged == runs_finished {
            return Err(SweepError::AllDiverged(runs_finished));
        }
        Ok(())
    }
}
