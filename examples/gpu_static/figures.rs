//! One row per compiled kernel: what a GPU would be given.

use std::collections::HashSet;
use std::path::Path;

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
    /// Waves that share one SIMD unit: the more, the more latency is hidden. On RDNA (navi10 and later) the driver
    /// counts a wave of 64 invocations as two.
    pub waves: u64,
    /// Instructions of the whole program.
    pub instructions: u64,
    /// Instructions of one pass through the loop over steps, all its conditions taken; `None` for kernels without
    /// such a loop inside another and where passes of loops inside it are not known.
    pub instructions_per_net_step: Option<u64>,
    /// Size of the program in bytes.
    pub code_bytes: u64,
    /// The driver with its version.
    pub driver: String,
    /// Whose code it is.
    pub device: String,
}

/// A kernel that is to be compiled.
struct Source<'a> {
    case: &'a str,
    shader: &'static str,
    kernel: &'static str,
    wgsl: String,
    /// Passes of the loop inside the loop over steps, where they are known.
    inner: Option<u64>,
}

/// Compiles both kernels of every case, as the engine would choose them on a GPU with this limit; what has the
/// same source as one before is left out. Sources and disassemblies are written into the folder `dump`.
///
/// # Errors
/// Where the engine refuses a case, the driver a kernel, or the system a file.
pub fn compile(
    compiler: &Compiler,
    cases: &[Case],
    target: Target,
    dump: Option<&Path>,
) -> Result<Vec<Figures>> {
    let mut sources = Vec::new();
    for case in cases {
        let kernel = shader::kernel(&case.program, target).with_context(|| case.name.clone())?;
        let (name, inner) = match kernel.kind {
            // Passes over batches and draws of noise come and go.
            Kind::Register(_) if case.program.has_passes_of_its_own() || case.program.noise.gradient => {
                ("register", None)
            }
            // Passes over groups of samples, none where they are written out.
            Kind::Register(_) => ("register", Some(kernel.iterations_per_step / 2 - 1)),
            Kind::Workgroup(_) => ("workgroup", None),
        };
        let source = |shader, wgsl, inner| Source { case: &case.name, shader, kernel: name, wgsl, inner };
        sources.push(source("train", kernel.train(&case.program, false), inner));
        sources.push(source("train with decay", kernel.train(&case.program, true), inner));
        sources.push(source("measure", kernel.measure(&case.program), None));
    }
    let mut seen = HashSet::new();
    sources.retain(|source| seen.insert(source.wgsl.clone()));
    sources
        .into_par_iter()
        .map(|source| {
            let what = format!("{}, {}", source.case, source.shader);
            compile_one(compiler, source, dump).context(what)
        })
        .collect()
}

fn compile_one(compiler: &Compiler, source: Source<'_>, dump: Option<&Path>) -> Result<Figures> {
    let executable = compiler.compile(&source.wgsl)?;
    if let Some(folder) = dump {
        let name = format!("{} {}", source.case, source.shader).replace(", ", " ").replace(' ', "_");
        let write = |ending: &str, text: &str| {
            let path = folder.join(format!("{name}.{ending}"));
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        write("wgsl", &source.wgsl)?;
        write("s", executable.assembly.as_deref().unwrap_or_default())?;
    }
    let count = |name| statistic(&executable, name);
    Ok(Figures {
        case: source.case.into(),
        shader: source.shader.into(),
        kernel: source.kernel.into(),
        vgprs: count("VGPRs")?,
        sgprs: count("SGPRs")?,
        spilled: count("Spilled VGPRs")? + count("Spilled SGPRs")?,
        scratch_bytes: count("Scratch size")?,
        shared_bytes: count("LDS size")?,
        waves: count("Subgroups per SIMD")?,
        instructions: count("Instructions")?,
        instructions_per_net_step: match (&executable.assembly, source.inner) {
            (Some(text), Some(inner)) => per_net_step(count("Instructions")?, text, inner)?,
            _ => None,
        },
        code_bytes: count("Code size")?,
        driver: compiler.driver.clone(),
        device: compiler.device_name.clone(),
    })
}

fn per_net_step(counted: u64, text: &str, inner: u64) -> Result<Option<u64>> {
    let (instructions, loops) = assembly::read(text);
    ensure!(
        instructions as u64 == counted,
        "the disassembly has {instructions} instructions, the driver counts {counted}"
    );
    Ok(assembly::per_step(&loops, inner))
}

fn statistic(executable: &Executable, name: &str) -> Result<u64> {
    let found = executable.statistics.iter().find(|(known, _)| known == name);
    let names = || executable.statistics.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    found
        .map(|&(_, value)| value as u64)
        .with_context(|| format!("the driver does not count {name:?}, only {}", names()))
}
