//! The real engines under conditions that the ladder and the physics do not make: very long runs, broken kernels, sweeps
//! that are cut up, runs that rest or diverge, large nets, small limits.
//! Every comparison takes a twin, the same comparison with something perturbed, which must fail.

#[cfg(feature = "gpu")]
mod adapter;

mod engines {
    pub mod agreement;
    #[cfg(feature = "gpu")]
    pub mod arithmetic;
    pub mod cut;
    pub mod diverging;
    #[cfg(feature = "gpu")]
    pub mod guard;
    #[cfg(feature = "gpu")]
    pub mod limits;
    #[cfg(feature = "gpu")]
    pub mod loop_trap;
    #[cfg(feature = "gpu")]
    pub mod mutants;
    pub mod solved;
    pub mod stochastic;
    pub mod subject;
}
