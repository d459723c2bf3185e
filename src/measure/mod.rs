//! What is said of a trained network: its symmetry, its outcome, and intervals for fractions of many.

pub mod outcome;
pub mod statistics;
pub mod symmetry;

pub use outcome::{Outcome, Standstill, break_step, outcome, standstill};
pub use symmetry::{LayerSpread, Symmetry};
