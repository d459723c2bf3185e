//! What to run: TOML and flags become a [`Spec`], a spec and its sweep become a [`Plan`]. Pure: nothing here
//! touches a device or writes a file.

pub mod plan;

pub use plan::{Cell, Plan, Value};
