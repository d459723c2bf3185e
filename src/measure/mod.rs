//! What is said of a trained network: its symmetry, its outcome, and intervals for fractions of many.

pub mod outcome;
pub mod statistics;
pub mod symmetry;

pub use outcome::{Outcome, break_step, outcome};
pub use symmetry::{LayerSpread, Symmetry};
