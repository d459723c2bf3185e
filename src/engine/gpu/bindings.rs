//! Which buffers a kernel sees, in the order of its bindings, and how large they are: said once, for this program as
//! for any other host of the kernels.

use super::layout;
use super::shader::{Kernel, Kind};
use crate::engine::Program;
use crate::net::words;

words! {
    /// What a storage buffer holds. Binding 0 of every kernel is a uniform buffer that says what a dispatch does.
    Holds {
        /// The settings of each run.
        Runs = "runs",
        /// The parameters of each network.
        Parameters = "parameters",
        /// What the optimizer keeps for each of them.
        Slots = "slots",
        /// How far each run has come.
        States = "states",
        /// The task: all inputs, then all targets.
        Data = "data",
        /// The measured steps, then one that never comes.
        Schedule = "schedule",
        /// The first measurement of each run, then the last of each.
        Measured = "measured",
        /// The symmetry of each run at each measured step, 2 bits each: `[measured step / 16][run]`.
        Symmetry = "symmetry",
        /// Every measurement of traced runs.
        Traces = "traces",
        /// Activations and the like of networks that do not fit in registers.
        Scratch = "scratch",
        /// The order of samples of each run.
        Order = "order",
    }
}

/// A buffer that a kernel sees, and whether it writes there.
pub type Binding = (Holds, bool);

/// The bindings of the kernel that trains, from 1 on.
pub fn train(program: &Program, kernel: &Kernel) -> Vec<Binding> {
    use Holds::*;
    match kernel.kind {
        Kind::Register(_) => {
            let all = [
                (Runs, false),
                (Parameters, true),
                (Slots, true),
                (States, true),
                (Data, false),
                (Schedule, false),
                (Symmetry, true),
                (Order, true),
            ];
            all[..if program.has_passes_of_its_own() { 8 } else { 7 }].to_vec()
        }
        Kind::Workgroup(_) => vec![
            (Runs, false),
            (Parameters, true),
            (Slots, true),
            (States, true),
            (Data, false),
            (Scratch, true),
        ],
    }
}

/// The bindings of the kernel that measures, from 1 on.
pub fn measure(kernel: &Kernel) -> Vec<Binding> {
    use Holds::*;
    match kernel.kind {
        Kind::Register(_) => {
            vec![(Runs, false), (Parameters, false), (Measured, true), (Data, false), (Traces, true)]
        }
        Kind::Workgroup(_) => vec![
            (Runs, false),
            (Parameters, false),
            (Measured, true),
            (States, true),
            (Data, false),
            (Symmetry, true),
            (Traces, true),
            (Scratch, true),
        ],
    }
}

/// The bindings of the kernel that draws, from 1 on, by name: the last one is its own.
pub const INIT: [(&str, bool); 4] = [
    (Holds::Runs.word(), false),
    (Holds::Parameters.word(), true),
    (Holds::States.word(), true),
    ("draws", false),
];

/// Whether a kernel writes, binding by binding.
pub fn written(bindings: &[Binding]) -> Vec<bool> {
    bindings.iter().map(|&(_, written)| written).collect()
}

/// Bytes of a buffer for `networks` runs of a program with `measured` measured steps, of which `traced` are traced.
pub fn bytes(
    holds: Holds,
    program: &Program,
    kernel: &Kernel,
    measured: usize,
    networks: usize,
    traced: usize,
) -> usize {
    let parameters = networks * program.shape.parameters();
    match holds {
        Holds::Runs => networks * size_of::<layout::Run>(),
        Holds::Parameters => 4 * parameters,
        Holds::Slots => 4 * parameters * program.optimizer.slots(),
        Holds::States => networks * size_of::<layout::State>(),
        Holds::Data => 4 * (program.data.x.len() + program.data.y.len()),
        Holds::Schedule => 4 * (measured + 1),
        Holds::Measured => 2 * networks * size_of::<layout::Measured>(),
        Holds::Symmetry => 4 * measured.div_ceil(16) * networks,
        Holds::Traces => traced * measured * size_of::<layout::Measured>(),
        Holds::Scratch => 4 * kernel.scratch * networks,
        Holds::Order => match kernel.kind {
            Kind::Register(_) if program.batch.is_some() => 4 * program.data.samples() * networks,
            // Part of its scratch.
            Kind::Register(_) | Kind::Workgroup(_) => 0,
        },
    }
}
