//! What somebody may do to the program who means it no good, or does not know better: each ends with a status and a message that
//! help, in bounded time and memory, and nothing is written but what was asked for. (`tests/fuzz.rs` has inputs at random of
//! the library; `tests/ruin.rs` disks that fill up and processes that die.)

#[allow(dead_code, reason = "each test file uses its part")]
mod made_up;

#[path = "hostile/bounds.rs"]
mod bounds;
#[path = "hostile/child.rs"]
mod child;
#[path = "hostile/many.rs"]
mod many;
#[path = "hostile/names.rs"]
mod names;
#[path = "hostile/numbers.rs"]
mod numbers;
#[cfg(unix)]
#[path = "hostile/places.rs"]
mod places;
#[path = "hostile/random.rs"]
mod random;
#[cfg(unix)]
#[path = "hostile/results.rs"]
mod results;
#[path = "hostile/samples.rs"]
mod samples;
#[path = "hostile/texts.rs"]
mod texts;
