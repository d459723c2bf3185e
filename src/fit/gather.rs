//! The records of a sweep from its rows: what is known of the time at which each run was solved and broke.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::{Record, Time};
use crate::engine::measured_steps;
use crate::measure::outcome::MOVING;
use crate::measure::{Outcome, Symmetry};
use crate::output::recorded::Recorded;
use crate::spec::Plan;

/// The runs of one value for every swept key but the one that is fitted against.
#[derive(Clone, Debug, PartialEq)]
pub struct Gathered {
    /// Those values.
    pub swept: Map<String, Json>,
    /// In the order of the rows.
    pub records: Vec<Record>,
}

/// The records of all `runs`, by the values of the swept keys other than that of place `key`, whose values are numbers. Groups
/// are in the order of the cells.
///
/// # Errors
/// Where a row is of a cell that the sweep has not.
pub fn gather(plan: &Plan, key: usize, runs: &[Recorded]) -> Result<Vec<Gathered>, String> {
    let measured: BTreeMap<u32, Vec<u32>> =
        plan.programs.iter().map(|program| (program.steps, measured_steps(program.steps))).collect();
    let mut groups: Vec<Gathered> = Vec::new();
    for runs in runs.chunk_by(|one, next| one.cell == next.cell) {
        let (cell, cells) = (runs[0].cell, plan.grid.cells());
        if cell as u64 >= cells {
            return Err(format!("its rows have a run of cell {cell}, the sweep has {cells} cells"));
        }
        let values = plan.grid.values(cell);
        let others = plan.grid.swept().iter().zip(&values).enumerate().filter(|(place, _)| *place != key);
        let swept: Map<String, Json> =
            others.map(|(_, (key, value))| (key.clone(), Json::from(value))).collect();
        let group = groups.iter().position(|other| other.swept == swept).unwrap_or_else(|| {
            groups.push(Gathered { swept, records: Vec::new() });
            groups.len() - 1
        });
        let program = &plan.programs[plan.program(cell)];
        // Proof of the key: every program's steps are in.
        let measured = &measured[&program.steps];
        let scale = values[key].as_number().unwrap_or(0.0);
        let looks = program.steps_per_epoch();
        groups[group].records.extend(runs.iter().map(|run| record(run, scale, measured, looks)));
    }
    Ok(groups)
}

/// A run's times. `looks` is how many updates there are from one look at the criterion to the next.
fn record(run: &Recorded, scale: f64, measured: &[u32], looks: u32) -> Record {
    let last = f64::from(run.diverge_step.unwrap_or(run.steps));
    let seen = |step: u32, before: u32| Time::Within { after: f64::from(before), by: f64::from(step) };
    let solve = match run.solve_step {
        Some(0) => None,
        Some(step) => Some(seen(step, step.saturating_sub(1) / looks * looks)),
        None => Some(Time::After(last)),
    };
    let breaks = match run.break_step {
        _ if run.symmetry_initial != Symmetry::Symmetric => None,
        Some(step) => {
            let place = measured.partition_point(|&other| other < step);
            Some(seen(step, if place > 0 { measured[place - 1] } else { 0 }))
        }
        None => Some(Time::After(last)),
    };
    let still = run.gradient_norm_final.is_some_and(|norm| norm <= MOVING);
    Record {
        seed: run.seed,
        scale,
        solve,
        breaks,
        solved: run.outcome == Outcome::Solved,
        broken: run.symmetry == Some(Symmetry::Broken),
        diverged: run.outcome == Outcome::Diverged,
        at_rest: run.outcome == Outcome::Stuck && run.symmetry != Some(Symmetry::Symmetric) && still,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUCK: Recorded = Recorded {
        cell: 0,
        seed: 3,
        outcome: Outcome::Stuck,
        symmetry_initial: Symmetry::Symmetric,
        symmetry: Some(Symmetry::Symmetric),
        solve_step: None,
        break_step: None,
        diverge_step: None,
        loss_final: Some(0.25),
        gradient_norm_final: Some(1e-3),
        steps: 100,
    };

    #[test]
    fn times_are_intervals_between_looks_or_censored() {
        let measured = measured_steps(100);
        let of = |run: Recorded, looks| record(&run, 0.1, &measured, looks);
        let both = of(STUCK, 1);
        assert_eq!((both.solve, both.breaks), (Some(Time::After(100.0)), Some(Time::After(100.0))));
        assert!(!both.at_rest);
        let solved =
            Recorded { outcome: Outcome::Solved, solve_step: Some(42), break_step: Some(38), ..STUCK };
        let within = |after, by| Some(Time::Within { after, by });
        assert_eq!(of(solved, 1).solve, within(41.0, 42.0));
        // round(2^(k/8)) before 38 is 35.
        assert_eq!(of(solved, 1).breaks, within(35.0, 38.0));
        // Epochs of 4 updates: looked at after 40 and 44.
        let epoch = Recorded { solve_step: Some(44), ..solved };
        assert_eq!(of(epoch, 4).solve, within(40.0, 44.0));
        let diverged =
            Recorded { outcome: Outcome::Diverged, diverge_step: Some(7), symmetry: None, ..STUCK };
        assert_eq!(of(diverged, 1).solve, Some(Time::After(7.0)));
        assert!(of(diverged, 1).diverged);
        let started = Recorded { symmetry_initial: Symmetry::Broken, solve_step: Some(0), ..solved };
        assert_eq!((of(started, 1).solve, of(started, 1).breaks), (None, None));
        let rest = Recorded { symmetry: Some(Symmetry::Broken), gradient_norm_final: Some(1e-9), ..STUCK };
        assert!(of(rest, 1).at_rest && of(rest, 1).broken);
    }
}
