//! Whether an engine trains a workload right. The ladder of [`crate::verify`] is far more thorough; this is what every
//! timing pays for.

use super::Workload;
use crate::engine::{Engine, EngineError, Program};
use crate::verify::compare::Comparison;
use crate::verify::rungs::trajectories;
use crate::verify::{self, Pair};

/// Steps that are compared: enough that every part of an update has been used on what it made itself.
pub const STEPS: u32 = 20;

/// Final parameters and losses of a few runs of `workload`, beside those of the reference and within the bound of the
/// ladder's trajectories.
///
/// # Errors
/// What the engine fails with.
pub fn check(
    engine: &mut dyn Engine,
    workload: &Workload,
    options: verify::Options<'_>,
) -> Result<Comparison, EngineError> {
    // The specs of the workloads are part of the program, and a test parses each.
    let plan = workload.plan(1, STEPS).map_err(|error| EngineError::Unsupported(error.to_string()))?;
    let (program, run): (&Program, _) = (&plan.programs[0], plan.run(0));
    let mut comparison = Comparison::default();
    trajectories(&mut Pair::new(engine, options)?, &mut comparison, program, run, run)?;
    Ok(comparison)
}
