//! What host and device share. Device twins with the same layout: `shaders/shared/types.wgsl` and the
//! structs of `shaders/init.wgsl` and `shaders/rng.wgsl`; a test holds the two against each other.

use bytemuck::{Pod, Zeroable};

/// "No such step"; also the slot of a run that is not traced.
pub const NONE: u32 = u32::MAX;

/// What result buffers hold before anything is written: no valid step count, symmetry or measure.
pub const POISON: u32 = 0xA5A5_A5A5;

macro_rules! shared {
    ($(#[$meta:meta])* $name:ident, $size:literal { $($field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
        pub struct $name { $(pub $field: $type,)+ }
        const _: () = assert!(size_of::<$name>() == $size);
        impl $name {
            /// Name and offset in bytes of each field.
            pub fn offsets() -> Vec<(&'static str, usize)> {
                vec![$((stringify!($field), std::mem::offset_of!($name, $field)),)+]
            }
        }
    };
}

shared! {
    /// The settings of one run.
    Run, 96 {
        seed: [u32; 2],
        base_value: f32,
        scale_hidden: f32,
        scale_output: f32,
        bias_scale: f32,
        rate_hidden: f32,
        rate_output: f32,
        momentum: f32,
        weight_decay: f32,
        mean_share: f32,
        square_share: f32,
        mean_fall: f32,
        square_fall: f32,
        epsilon: f32,
        dropout: f32,
        kept: f32,
        gradient_noise: f32,
        input_noise: f32,
        mask: f32,
        solved_limit: f32,
        symmetry_tolerance: f32,
        trace_slot: u32,
        reserved: u32,
    }
}

shared! {
    /// How far one run has come.
    State, 16 {
        solve_step: u32,
        diverge_step: u32,
        steps: u32,
        measured: u32,
    }
}

shared! {
    /// The measures of one run at one step.
    Measured, 32 {
        loss: f32,
        error: f32,
        gradient_norm: f32,
        spread: f32,
        gap: f32,
        distinct: u32,
        symmetry: u32,
        mark: u32,
    }
}

shared! {
    /// What one dispatch of training or measuring does.
    Dispatch, 40 {
        key: [u32; 2],
        networks: u32,
        target_step: u32,
        last: u32,
        measurement: u32,
        traced: u32,
        traced_only: u32,
        zero: u32,
        steps: u32,
    }
}

shared! {
    /// What the dispatch that draws does.
    Init, 40 {
        key: [u32; 2],
        networks: u32,
        parameters: u32,
        network_stride: u32,
        parameter_stride: u32,
        base: u32,
        noise: u32,
        draw: u32,
        reserved: u32,
    }
}

shared! {
    /// How one parameter is drawn.
    Draw, 16 {
        orbit: u32,
        weight: u32,
        factor: f32,
        output: u32,
    }
}

shared! {
    /// A request for raw random words.
    Words, 16 {
        key: [u32; 2],
        count: u32,
        reserved: u32,
    }
}

/// A struct: name, name and offset in bytes of each field, size in bytes.
pub type Struct = (&'static str, Vec<(&'static str, usize)>, usize);

/// Every struct above.
pub fn structs() -> [Struct; 7] {
    [
        ("Run", Run::offsets(), size_of::<Run>()),
        ("State", State::offsets(), size_of::<State>()),
        ("Measured", Measured::offsets(), size_of::<Measured>()),
        ("Dispatch", Dispatch::offsets(), size_of::<Dispatch>()),
        ("Init", Init::offsets(), size_of::<Init>()),
        ("Draw", Draw::offsets(), size_of::<Draw>()),
        ("Words", Words::offsets(), size_of::<Words>()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_device_agree_on_every_offset() {
        let source = format!("{}\n{}", super::super::shader::init(), super::super::shader::rng_structs());
        let module = naga::front::wgsl::parse_str(&source).unwrap();
        let mut layouter = naga::proc::Layouter::default();
        layouter.update(module.to_ctx()).unwrap();
        for (name, offsets, size) in structs() {
            let (handle, kind) = module
                .types
                .iter()
                .find(|(_, kind)| kind.name.as_deref() == Some(name))
                .unwrap_or_else(|| panic!("{name} is missing in the shaders"));
            let naga::TypeInner::Struct { members, .. } = &kind.inner else { panic!("{name}") };
            let device: Vec<(&str, usize)> =
                members.iter().map(|m| (m.name.as_deref().unwrap(), m.offset as usize)).collect();
            assert_eq!(device, offsets, "{name}");
            assert_eq!(layouter[handle].size as usize, size, "{name}");
        }
    }
}
