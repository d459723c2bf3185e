//! The plan: a fixed list of runs, each a pure function of its number.

use crate::engine::{Program, Run};

/// The value of one key, as a spec gives it and as a column shows it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number of the spec; keeps its f64 bits.
    Number(f64),
    /// A whole number.
    Integer(u64),
    /// true or false
    Flag(bool),
    /// A word: `logistic`, `8x8`, `full`.
    Word(String),
}

/// One point of the grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// One value per swept key, in the order of [`Plan::swept`].
    pub values: Vec<Value>,
    /// Index into [`Plan::programs`].
    pub program: usize,
    /// The settings of its runs; `seed` and `traced` are filled in per run.
    pub settings: Run,
}

/// What to run. Run number = cell × seeds + seed index.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// `name` of the spec; the result directory is `results/<name>`.
    pub name: String,
    /// The resolved spec, key by key in the order of the documentation, sweeps and runs included.
    pub resolved: serde_json::Value,
    /// Dotted names of the swept keys, slowest first.
    pub swept: Vec<String>,
    /// All cells; the last swept key varies fastest.
    pub cells: Vec<Cell>,
    /// The distinct programs of the cells.
    pub programs: Vec<Program>,
    /// Runs per cell.
    pub seeds: u64,
    /// Master seed.
    pub master: u64,
}

impl Plan {
    /// All runs of all cells.
    pub fn runs(&self) -> u64 {
        self.cells.len() as u64 * self.seeds
    }

    /// Cell and settings of run `number`.
    pub fn run(&self, number: u64) -> (usize, Run) {
        let cell = (number / self.seeds) as usize;
        (cell, Run { seed: number % self.seeds, ..self.cells[cell].settings })
    }
}
