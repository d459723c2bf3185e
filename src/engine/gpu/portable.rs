//! A program's kernels, and everything that this host does around them, as data: for another host of WebGPU, such as a
//! browser. Nothing in it needs more than WebGPU's core language and default limits.

use std::collections::BTreeMap;

use serde::Serialize;

use super::bindings::{self, Binding, Holds};
use super::layout::{self, NONE};
use super::shader::{self, Kind, Target, WORKGROUP};
use super::train::{device_draws, device_runs, init_settings};
use crate::engine::{EngineError, Program, Run, measured_steps};

/// What another host needs in order to train runs of a program. Buffers are given as 32-bit words, floats as their bits.
#[derive(Clone, Debug, Serialize)]
pub struct Portable {
    /// Draws initial parameters and clears states: one invocation a parameter of a network.
    pub init: Stage,
    /// Trains to `Dispatch.target_step`.
    pub train: Stage,
    /// Measures as measured step number `Dispatch.measurement`.
    pub measure: Stage,
    /// Every storage buffer but `draws`.
    pub buffers: Vec<Buffer>,
    /// Contents of the uniform buffer of `init`, for no networks.
    pub init_settings: Vec<u32>,
    /// Contents of the buffer `draws`.
    pub draws: Vec<u32>,
    /// Contents of the buffer `data`.
    pub data: Vec<u32>,
    /// Contents of the buffer `schedule`.
    pub schedule: Vec<u32>,
    /// The settings of each run that was asked for.
    pub runs: Vec<Vec<u32>>,
    /// Parameters of a network.
    pub parameters: usize,
    /// Updates of one network.
    pub steps: u32,
    /// The steps at which it is measured.
    pub measured: Vec<u32>,
    /// Steps of one dispatch at most, which ends at the next measured step at the latest: some drivers end long loops early.
    pub steps_per_dispatch: u32,
    /// Whether a run rests once it is solved.
    pub stop_when_solved: bool,
}

/// A shader and what it sees.
#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    /// WGSL with one entry point, `main`.
    pub shader: String,
    /// Storage buffers from binding 1 on; binding 0 is a uniform buffer.
    pub bindings: Vec<Bound>,
    /// Networks, or in `init` parameters of networks, of one workgroup.
    pub per_workgroup: usize,
}

/// A storage buffer that a shader sees.
#[derive(Clone, Debug, Serialize)]
pub struct Bound {
    /// Its name.
    pub buffer: &'static str,
    /// Whether the shader writes there.
    pub written: bool,
}

/// The size of a storage buffer: fixed bytes and bytes per network. A buffer of no bytes is bound all the same.
#[derive(Clone, Debug, Serialize)]
pub struct Buffer {
    /// Its name.
    pub name: &'static str,
    /// Bytes that do not depend on the number of networks.
    pub fixed: usize,
    /// Bytes per network.
    pub per_network: usize,
}

/// Offsets in bytes of the fields of every struct that host and device share, and under `size` its size, by its name.
pub fn layouts() -> BTreeMap<&'static str, BTreeMap<&'static str, usize>> {
    let fields =
        |(name, fields, size): layout::Struct| (name, fields.into_iter().chain([("size", size)]).collect());
    layout::structs().into_iter().map(fields).collect()
}

/// The kernels of a program, and the settings of some runs of it that have one master seed.
///
/// # Errors
/// [`EngineError::Unsupported`] where networks need more than their registers, or initial parameters that no device draws.
pub fn portable(program: &Program, runs: &[Run]) -> Result<Portable, EngineError> {
    let unsupported =
        |what: &str| Err(EngineError::Unsupported(format!("kernels for other hosts cannot be made: {what}")));
    let kernel = shader::kernel(program, Target::HARDWARE)?;
    let Kind::Register(dimensions) = kernel.kind else {
        let why = kernel.reason.split(';').next().unwrap_or_default();
        return unsupported(&format!(
            "they hold a network in registers, which is for up to {} parameters, and {why}; try a smaller net.hidden",
            Target::HARDWARE.register_parameters
        ));
    };
    let drawing = program.drawing();
    if drawing.needs_host() {
        return unsupported(
            "they draw initial parameters themselves, but not orthogonal matrices, given values or missing weights: \
             change init.gain, init.values or noise.mask",
        );
    }
    let decay = runs.iter().any(|run| run.weight_decay as f32 != 0.0);
    let master = runs.first().map_or(0, |run| run.master);
    let measured = measured_steps(program.steps);
    let (steps_per_dispatch, _) = kernel.steps_per_dispatch(measured.len());
    let stage = |shader, bindings: Vec<Bound>, networks| Stage {
        shader,
        bindings,
        per_workgroup: networks * WORKGROUP as usize,
    };
    let bound = |bindings: Vec<Binding>| {
        bindings.into_iter().map(|(holds, written)| Bound { buffer: holds.word(), written }).collect()
    };
    let size = |holds, networks| bindings::bytes(holds, program, &kernel, measured.len(), networks, 0);
    let buffer = |&holds: &Holds| {
        let fixed = size(holds, 0);
        Buffer { name: holds.word(), fixed, per_network: size(holds, 1) - fixed }
    };
    let key = [master as u32, (master >> 32) as u32];
    Ok(Portable {
        init: stage(
            shader::init(),
            bindings::INIT.map(|(buffer, written)| Bound { buffer, written }).to_vec(),
            1,
        ),
        train: stage(
            kernel.train(program, decay),
            bound(bindings::train(program, &kernel)),
            dimensions.networks,
        ),
        measure: stage(kernel.measure(program), bound(bindings::measure(&kernel)), 1),
        buffers: Holds::ALL.iter().map(buffer).collect(),
        init_settings: bytemuck::cast_slice(&[init_settings(program, &kernel, key, 0)]).to_vec(),
        draws: bytemuck::cast_slice(&device_draws(&drawing)).to_vec(),
        data: [&program.data.x[..], &program.data.y].concat().into_iter().map(f32::to_bits).collect(),
        schedule: [&measured[..], &[NONE]].concat(),
        runs: device_runs(program, runs)
            .iter()
            .map(|run| bytemuck::cast_slice(std::slice::from_ref(run)).to_vec())
            .collect(),
        parameters: program.shape.parameters(),
        steps: program.steps,
        measured,
        steps_per_dispatch,
        stop_when_solved: program.stop_when_solved,
    })
}
