//! One row per compiled kernel: what a GPU would be given.

use anyhow::{Context, Result, ensure};
use rayon::prelude::*;
use symbreak::engine::gpu::shader::{self, Kind, Target};

use crate::assembly;
use crate::cases::Case;
use crate::radv::{Compiler, Executable};

/// What the driver says of one kernel, in the order in which it is shown.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Figures {
    /// Name of the case.
    pub case: String,
    /// `train` or `measure`.
    pub shader: String,
    /// `register` or `workgroup`.
    pub kernel: String,
    /// Vector registers, each one number per invocation.
    pub vgprs: u64,
    /// Scalar registers.
    pub sgprs: u64,
    /// Vector and scalar registers that did not fit, kept in memory.
    pub spilled: u64,
    /// Memory of an invocation's own: spilled registers and arrays with computed indices. Bytes per wave.
    pub scratch_bytes: u64,
    /// Workgroup memory in bytes.
    pub shared_bytes: u64,
    /// Waves that share one SIMD unit: the more, the more latency is hidden.
    pub waves: u64,
    /// Instructions of the whole program.
    pub instructions: u64,
    /// Instructions of one pass through the loop over steps, all its conditions taken; `None` for kernels without
    /// such a loop and where passes of loops inside it are not known.
    pub instructions_per_net_step: Option<u64>,
    /// Size of the program in bytes.
    pub code_bytes: u64,
    /// The driver with its version.
    pub driver: String,
    /// Whose code it is.
    pub device: String,
}

/// A kernel's source and what became of it.
pub struct Compiled {
    /// The row.
    pub figures: Figures,
    /// What was compiled.
    pub wgsl: String,
    /// Disassembly, where the driver gives one.
    pub assembly: Option<String>,
}

/// Compiles both kernels of every case, as the engine would choose them on a GPU with this limit.
///
/// # Errors
/// Where the engine refuses a case or the driver a kernel.
pub fn compile(compiler: &Compiler, cases: &[Case], target: Target) -> Result<Vec<Compiled>> {
    let both: Result<Vec<_>> = cases.par_iter().map(|case| compile_case(compiler, case, target)).collect();
    Ok(both?.into_iter().flatten().collect())
}

fn compile_case(compiler: &Compiler, case: &Case, target: Target) -> Result<[Compiled; 2]> {
    let kernel = shader::kernel(&case.program, target).with_context(|| case.name.clone())?;
    let (name, inner) = match kernel.kind {
        // One pass over steps, and what is left of them over samples.
        Kind::Register => ("register", Some(kernel.iterations_per_step - 1)),
        Kind::Workgroup => ("workgroup", None),
    };
    let row = |shader: &str, wgsl: String, inner: Option<u64>| {
        let what = || format!("{} {shader}", case.name);
        let executable = compiler.compile(&wgsl).with_context(what)?;
        let figures = Figures {
            case: case.name.clone(),
            shader: shader.into(),
            kernel: name.into(),
            vgprs: statistic(&executable, "VGPRs")?,
            sgprs: statistic(&executable, "SGPRs")?,
            spilled: statistic(&executable, "Spilled VGPRs")? + statistic(&executable, "Spilled SGPRs")?,
            scratch_bytes: statistic(&executable, "Scratch size")?,
            shared_bytes: statistic(&executable, "LDS size")?,
            waves: statistic(&executable, "Subgroups per SIMD")?,
            instructions: statistic(&executable, "Instructions")?,
            instructions_per_net_step: match (&executable.assembly, inner) {
                (Some(text), Some(inner)) => per_net_step(&executable, text, inner).with_context(what)?,
                _ => None,
            },
            code_bytes: statistic(&executable, "Code size")?,
            driver: compiler.driver.clone(),
            device: compiler.device_name.clone(),
        };
        Ok::<_, anyhow::Error>(Compiled { figures, wgsl, assembly: executable.assembly })
    };
    Ok([row("train", kernel.train, inner)?, row("measure", kernel.measure, None)?])
}

fn per_net_step(executable: &Executable, text: &str, inner: u64) -> Result<Option<u64>> {
    let (instructions, loops) = assembly::read(text);
    let said = statistic(executable, "Instructions")?;
    ensure!(instructions as u64 == said, "read {instructions} instructions where the driver counts {said}");
    Ok(assembly::per_pass(&loops, inner))
}

fn statistic(executable: &Executable, name: &str) -> Result<u64> {
    let found = executable.statistics.iter().find(|(known, _)| known == name);
    let names = || executable.statistics.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    found
        .map(|(_, value)| *value as u64)
        .with_context(|| format!("the driver does not count {name:?}, only {}", names()))
}
