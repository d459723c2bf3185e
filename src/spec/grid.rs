//! The cells of a sweep by their values, and nothing of what is trained in them. Finished results are read with it: no file
//! that the spec names needs to be there any more.

use serde_json::Value as Json;

use super::document::Sweep;
use super::key::Spec;
use super::{SpecError, Value, resolved};

/// What distinguishes the cells of a sweep: each has one of the values of each swept key; the last key varies fastest.
#[derive(Clone, Debug)]
pub struct Grid {
    pub(super) sweeps: Vec<Sweep>,
    swept: Vec<String>,
    /// `train.steps`, where it is not swept.
    steps: Option<u32>,
}

impl Grid {
    pub(super) fn new(sweeps: Vec<Sweep>, steps: Option<u32>) -> Grid {
        let swept = sweeps.iter().map(|sweep| sweep.key.name.to_string()).collect();
        Grid { sweeps, swept, steps }
    }

    /// That of a resolved spec, as a manifest has it.
    ///
    /// # Errors
    /// Where it sweeps a key, or over a value, that this program does not know.
    pub fn of(resolved: &Json) -> Result<Grid, SpecError> {
        let steps = resolved["train"]["steps"].as_u64().and_then(|steps| steps.try_into().ok());
        Ok(Grid::new(resolved::sweeps(resolved)?, steps))
    }

    /// Dotted names of the swept keys, slowest first.
    pub fn swept(&self) -> &[String] {
        &self.swept
    }

    /// All values of the swept key of that place in [`swept`](Grid::swept).
    pub fn range(&self, key: usize) -> &[Value] {
        &self.sweeps[key].values
    }

    /// How many cells there are.
    pub fn cells(&self) -> u64 {
        self.sweeps.iter().fold(1, |cells, sweep| cells.saturating_mul(sweep.values.len() as u64))
    }

    /// The sweeps, fastest first, each with the place of the cell's value among its values.
    fn places(&self, cell: usize) -> impl Iterator<Item = (&Sweep, usize)> {
        let mut left = cell;
        self.sweeps.iter().rev().map(move |sweep| {
            let count = sweep.values.len();
            let place = left % count;
            left /= count;
            (sweep, place)
        })
    }

    /// One value per swept key.
    pub fn values(&self, cell: usize) -> Vec<Value> {
        let mut values: Vec<Value> =
            self.places(cell).map(|(sweep, place)| sweep.values[place].clone()).collect();
        values.reverse();
        values
    }

    /// Sets all swept keys to the values of a cell.
    pub(super) fn set(&self, spec: &mut Spec, cell: usize) {
        self.places(cell).for_each(|(sweep, place)| sweep.key.set(spec, &sweep.values[place]));
    }

    /// The number of a cell in the grid of those swept keys that decide more than settings of runs. Cells with the same have
    /// program and base points in common.
    pub(super) fn variant(&self, cell: usize) -> usize {
        let mut variants = 1;
        let deciding = self.places(cell).filter(|(sweep, _)| !sweep.key.only_runs);
        deciding.fold(0, |variant, (sweep, place)| {
            let of_slower = variants;
            variants *= sweep.values.len();
            variant + place * of_slower
        })
    }

    /// Updates per run of a cell.
    pub fn steps(&self, cell: usize) -> Option<u32> {
        let Some(at) = self.swept.iter().position(|key| key == "train.steps") else { return self.steps };
        self.values(cell)[at].as_integer().and_then(|steps| steps.try_into().ok())
    }
}
