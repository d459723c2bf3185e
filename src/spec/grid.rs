//! The cells of a sweep by their values, and nothing of what is trained in them. Finished results are read with it: no file
//! that the spec names needs to be there any more.

use serde_json::Value as Json;

use super::document::Sweep;
use super::{SpecError, Value, build, resolved};

/// What distinguishes the cells of a sweep.
pub struct Grid {
    sweeps: Vec<Sweep>,
    swept: Vec<String>,
    /// `train.steps`, where it is not swept.
    steps: Option<u32>,
}

impl Grid {
    /// That of a resolved spec, as a manifest has it.
    ///
    /// # Errors
    /// Where it sweeps a key, or over a value, that this program does not know.
    pub fn of(resolved: &Json) -> Result<Grid, SpecError> {
        let sweeps = resolved::sweeps(resolved)?;
        let swept = sweeps.iter().map(|sweep| sweep.key.name.to_string()).collect();
        let steps = resolved["train"]["steps"].as_u64().and_then(|steps| steps.try_into().ok());
        Ok(Grid { sweeps, swept, steps })
    }

    /// Dotted names of the swept keys, slowest first.
    pub fn swept(&self) -> &[String] {
        &self.swept
    }

    /// How many cells there are.
    pub fn cells(&self) -> u64 {
        self.sweeps.iter().fold(1, |cells, sweep| cells.saturating_mul(sweep.values.len() as u64))
    }

    /// One value per swept key.
    pub fn values(&self, cell: usize) -> Vec<Value> {
        build::cell_values(&self.sweeps, cell)
    }

    /// Updates per run of a cell.
    pub fn steps(&self, cell: usize) -> Option<u32> {
        let Some(at) = self.swept.iter().position(|key| key == "train.steps") else { return self.steps };
        self.values(cell)[at].as_integer().and_then(|steps| steps.try_into().ok())
    }
}
