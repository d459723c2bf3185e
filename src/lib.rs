//! symbreak trains thousands to millions of small neural networks at once and says what fraction of them
//! breaks symmetry. The way of the data through the crate, one direction only:
//!
//! | module | what it is |
//! | --- | --- |
//! | [`cli`] | one file per subcommand; arguments become typed options here and nowhere else |
//! | [`spec`] | what to run: TOML and flags -> Spec -> Plan. Pure; knows no engine's inside |
//! | [`task`] | the data sets |
//! | [`net`] | the mathematics, once: shapes, activations, losses, optimizers, init, random numbers |
//! | [`engine`] | the trait `Engine`, and `cpu`, `gpu`, `reference` and `mock` behind it |
//! | [`measure`] | symmetry, outcomes, scores, intervals |
//! | [`output`] | every file that is written is written here |
//! | [`sweep`] | drives an engine through a plan, window by window, into the files |
//! | [`verify`] | the ladder: engines against each other, rung by rung |
//! | [`inspect`] | one run step by step, and what kind of point its parameters are at |
//! | [`claims`] | what is said of zero weights, each statement decided by runs |
//! | [`fit`] | scaling laws from finished runs: survival statistics against a scale |
//! | [`plot`] | pictures of finished runs |
//! | [`report`] | results as pages that people can look at |
//! | [`slurm`] | a sweep as a job array of a Slurm cluster: scripts, submission, what became of it |
//! | [`mod@bench`] | how fast engines train, once they are seen to be right |
//! | [`shell`] | words that are pasted into a shell, or stand in a script |

#![warn(missing_docs)]

#[forbid(unsafe_code)]
pub mod bench;
#[forbid(unsafe_code)]
pub mod claims;
#[forbid(unsafe_code)]
pub mod cli;
pub mod engine;
#[forbid(unsafe_code)]
pub mod fit;
#[forbid(unsafe_code)]
pub mod inspect;
#[forbid(unsafe_code)]
pub mod measure;
#[forbid(unsafe_code)]
pub mod net;
#[forbid(unsafe_code)]
pub mod output;
#[forbid(unsafe_code)]
pub mod plot;
#[forbid(unsafe_code)]
pub mod report;
#[forbid(unsafe_code)]
pub mod shell;
#[forbid(unsafe_code)]
pub mod slurm;
#[forbid(unsafe_code)]
pub mod spec;
#[forbid(unsafe_code)]
pub mod sweep;
#[forbid(unsafe_code)]
pub mod task;
#[forbid(unsafe_code)]
pub mod verify;
