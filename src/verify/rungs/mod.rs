//! The rungs, one a file, in the order of the ladder: each rests on those before it.

mod copies;
mod forward;
mod fractions;
mod gradient;
mod init;
mod invariance;
mod labels;
mod noise;
mod rng;
mod steps_counted;
mod tasks;
mod trajectory;
mod units;
mod zero;

use super::Check;
pub use trajectory::trajectories;

/// Name and check of every rung.
pub const RUNGS: &[(&str, Check)] = &[
    ("rng", rng::check),
    ("init", init::check),
    ("zero", zero::check),
    ("forward", forward::check),
    ("units", units::check),
    ("gradient", gradient::check),
    ("optimizers", trajectory::optimizers),
    ("steps", trajectory::steps),
    ("noise", noise::check),
    ("tasks", tasks::check),
    ("copies", copies::check),
    ("invariance", invariance::check),
    ("steps-counted", steps_counted::check),
    ("labels", labels::check),
    ("fractions", fractions::check),
];

/// The check of a rung, if there is one of this name.
pub fn find(name: &str) -> Option<Check> {
    RUNGS.iter().find(|(rung, _)| *rung == name).map(|&(_, check)| check)
}
