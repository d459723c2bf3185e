//! `--verify`: some runs are trained again on another engine, and their labels compared.

use std::sync::atomic::AtomicBool;

use crate::engine::reference::ReferenceEngine;
use crate::engine::{Batch, Engine, EngineError, Run, Start, Watch};
use crate::net::philox::{self, Stream};
use crate::output::{Verification, Window};
use crate::spec::Plan;
use crate::verify::{explain, label};

/// An engine other than that of the sweep, and the share of the runs that it repeats.
pub struct Checker<'a> {
    /// The other engine.
    pub engine: &'a mut dyn Engine,
    /// Tells which disagreements are a matter of rounding.
    pub reference: &'a ReferenceEngine,
    /// Share of the runs, 0 to 1.
    pub fraction: f64,
}

impl Checker<'_> {
    /// Repeats the sampled runs of `window`, and notes in it which had the same labels.
    pub(super) fn check(
        &mut self,
        plan: &Plan,
        window: &mut Window,
        interrupted: &AtomicBool,
    ) -> Result<(), EngineError> {
        let mut found = Verification { engine: self.engine.description().backend, ..Verification::default() };
        let watch = Watch { interrupted, finished: &|_| {} };
        // By program, the places in the window of the runs that are repeated, and the runs.
        let mut groups: Vec<(Vec<usize>, Vec<Run>)> = vec![Default::default(); plan.programs.len()];
        let numbers = window.first..window.first + window.results.len() as u64;
        let mut place = 0;
        for (cell, seeds) in plan.stretches(numbers) {
            let cell = plan.cell(cell);
            let (places, runs) = &mut groups[cell.program];
            for seed in seeds {
                if sampled(plan.master, window.first + place as u64, self.fraction) {
                    places.push(place);
                    runs.push(cell.run(seed));
                }
                place += 1;
            }
        }
        for (program, (places, runs)) in plan.programs.iter().zip(&groups) {
            if runs.is_empty() {
                continue;
            }
            let start = Start::Drawn;
            let batch = Batch { program, runs, start, keep_parameters: false };
            let again = self.engine.train(&batch, &watch)?;
            if again.runs.len() != runs.len() {
                return Err(super::impossible("not one result a run when they were repeated"));
            }
            for ((&place, run), second) in places.iter().zip(runs).zip(&again.runs) {
                let first = &window.results[place];
                let same = label(first) == label(second);
                window.verified[place] = Some(same);
                found.sampled += 1;
                if same {
                    found.agreed += 1;
                } else if explain(self.reference, program, run, start, first, second, &watch)? {
                    found.explained += 1;
                } else {
                    found.unexplained += 1;
                    found.unexplained_runs.push(window.first + place as u64);
                }
            }
        }
        found.unexplained_runs.sort_unstable();
        window.verification = Some(found);
        Ok(())
    }
}

/// Whether run `number` is one that is repeated: drawn by its number alone, so that it does not depend on how
/// the sweep is cut up.
pub fn sampled(master: u64, number: u64, fraction: f64) -> bool {
    let word = philox::words(master, number, Stream::Verify, 0)[0];
    f64::from(word) < fraction * 2f64.powi(32)
}
