//! Specs that come with the program. Each is a commented TOML file to learn from and to start from.

use super::error::{nearest, suggestion};

/// A spec that is known by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// What `symbreak run` knows it by.
    pub name: &'static str,
    /// What it shows, on one line.
    pub about: &'static str,
    /// The spec.
    pub text: &'static str,
}

/// `; did you mean X or Y?` of the presets that a name was most likely meant to be: the nearest, or those that it is part of.
pub(crate) fn near_presets(name: &str) -> String {
    let names = || presets().iter().map(|preset| preset.name);
    if let Some(near) = nearest(name, names()) {
        return suggestion(Some(near));
    }
    // Less is part of too many.
    let given = name.to_lowercase();
    let parted: Vec<&str> = names().filter(|name| given.len() >= 3 && name.contains(&given)).collect();
    suggestion((!parted.is_empty()).then(|| parted.join(" or ")).as_deref())
}

/// Every preset.
pub fn presets() -> &'static [Preset] {
    &[
        Preset {
            name: "xor-scale",
            about: "XOR: how much random noise must initial weights have to break symmetry?",
            text: include_str!("presets/xor-scale.toml"),
        },
        Preset {
            name: "xor-copies",
            about: "XOR: hidden units that start as near copies of each other; do they part?",
            text: include_str!("presets/xor-copies.toml"),
        },
        Preset {
            name: "parity",
            about: "parity of 4 bits: how many hidden units does it take?",
            text: include_str!("presets/parity.toml"),
        },
        Preset {
            name: "escape",
            about: "XOR: how long does it take to leave the saddle at zero, by scale and activation?",
            text: include_str!("presets/escape.toml"),
        },
        Preset {
            name: "kolen-pollack",
            about: "XOR: how often it converges by the range of the weights (Kolen & Pollack 1990)",
            text: include_str!("presets/kolen-pollack.toml"),
        },
        Preset {
            name: "kolen-pollack-slice",
            about: "XOR: a 200 × 200 slice through weight space (Kolen & Pollack 1990)",
            text: include_str!("presets/kolen-pollack-slice.toml"),
        },
        Preset {
            name: "kolen-pollack-slice-2",
            about: "XOR: another slice",
            text: include_str!("presets/kolen-pollack-slice-2.toml"),
        },
        Preset {
            name: "fractal",
            about: "learning rate × learning rate: where training converges (Sohl-Dickstein 2024)",
            text: include_str!("presets/fractal.toml"),
        },
        Preset {
            name: "saxe",
            about: "deep linear net: modes learnt one after the other (Saxe et al. 2013)",
            text: include_str!("presets/saxe.toml"),
        },
        Preset {
            name: "catapult",
            about: "learning rates beyond the curvature that still converge (Lewkowycz et al. 2020)",
            text: include_str!("presets/catapult.toml"),
        },
        Preset {
            name: "omnigrok",
            about: "iris: initial scale × number of samples, and what it does to held-out accuracy (Liu et al. 2022)",
            text: include_str!("presets/omnigrok.toml"),
        },
    ]
}
