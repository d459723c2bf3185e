//! The mathematics, once: the shape of a network and the layout of its parameters, activations, losses,
//! optimizers, initial parameters and the random numbers they are drawn from. Knows nothing of engines,
//! files or specs.

pub mod activation;
pub mod init;
pub mod loss;
pub mod noise;
pub mod optimizer;
pub mod philox;
pub mod shape;

pub use activation::Activation;
pub use init::{Base, Gain, Init, Noise};
pub use loss::Loss;
pub use noise::NoiseKinds;
pub use optimizer::Optimizer;
pub use shape::{Layer, Readout, Shape};

/// Declares an enum whose variants are words of the spec, with the conversions both ways.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vmeta])* $variant,)+ }
        impl $name {
            /// Every variant, in the order of the documentation.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];
            /// The words of the variants, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word,)+];
            /// The word that names this variant in specs and columns.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }
            /// The variant that `word` names, if any.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }
    };
}
pub(crate) use words;
