//! What is said of a trained network: its symmetry, its outcome and its scores; of many, intervals
//! for fractions, and medians.

pub mod outcome;
pub mod score;
pub mod sketch;
pub mod statistics;
pub mod symmetry;

pub use outcome::{Outcome, Standstill, break_step, outcome, standstill};
pub use score::{Score, Scorer, Share};
pub use sketch::Sketch;
pub use symmetry::{LayerSpread, Symmetry};
