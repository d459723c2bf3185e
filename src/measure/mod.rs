//! What is said of a trained network: its symmetry and its outcome; of many, intervals
//! for fractions, and medians.

pub mod outcome;
pub mod sketch;
pub mod statistics;
pub mod symmetry;

pub use outcome::{Outcome, Standstill, break_step, outcome, standstill};
pub use sketch::Sketch;
pub use symmetry::{LayerSpread, Symmetry};
