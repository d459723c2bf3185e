//! What can befall a sweep, and what is left of it: the same bytes as if nothing had happened, once it has been resumed.
//!
//! The program is the real one, killed, cut off and lied to from outside. Directories lie in memory where there is a file
//! system in memory: the tests are about order, not about disks.

#[path = "ruin/chance.rs"]
mod chance;
#[path = "ruin/subject.rs"]
mod subject;

#[path = "ruin/changed.rs"]
mod changed;
#[cfg(target_os = "linux")]
#[path = "ruin/clock.rs"]
mod clock;
#[cfg(target_os = "linux")]
#[path = "ruin/crashes.rs"]
mod crashes;
#[path = "ruin/damage.rs"]
mod damage;
#[cfg(target_os = "linux")]
#[path = "ruin/failures.rs"]
mod failures;
#[cfg(unix)]
#[path = "ruin/gone.rs"]
mod gone;
#[cfg(unix)]
#[path = "ruin/kills.rs"]
mod kills;
#[cfg(target_os = "linux")]
#[path = "ruin/mounts.rs"]
mod mounts;
#[cfg(unix)]
#[path = "ruin/places.rs"]
mod places;
#[cfg(target_os = "linux")]
#[path = "ruin/preloaded.rs"]
mod preloaded;
#[path = "ruin/together.rs"]
mod together;
