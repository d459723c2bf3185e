//! What AMD's compiler makes of the kernels, without the hardware:
//! `cargo run --release --example gpu_static [-- --family navi10] [--json] [--dump DIR]`.
//!
//! Compiles the training and the measuring kernel of the shapes of `symbreak bench` and of networks along the
//! border of what the register kernel accepts, and prints registers, spills, occupancy, instructions.

mod assembly;
mod cases;
mod figures;
mod radv;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use figures::Compiled;
use symbreak::engine::gpu::shader::Target;

/// Compiles the kernels for AMD hardware through Mesa's RADV on null hardware; nothing runs.
#[derive(Parser)]
#[command(name = "gpu_static")]
struct Arguments {
    /// The GPU to compile for, as RADV names it: vega10, navi10, navi21, gfx1100, …
    #[arg(long, default_value = "navi21")]
    family: String,
    /// RADV's registration with the Vulkan loader (radeon_icd….json) [default: the installed one]
    #[arg(long, value_name = "FILE")]
    driver: Option<PathBuf>,
    /// Only cases whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Print a JSON list, one row a line
    #[arg(long)]
    json: bool,
    /// Also write source and disassembly of every kernel into this folder
    #[arg(long, value_name = "DIR")]
    dump: Option<PathBuf>,
}

/// Set in the process that compiles.
const MARK: &str = "SYMBREAK_GPU_STATIC";

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if std::env::var_os(MARK).is_none() {
        let driver = arguments.driver.or_else(radv::find).context(
            "RADV is not installed (Debian and Ubuntu: apt-get install mesa-vulkan-drivers libvulkan1), or name its \
            radeon_icd….json with --driver",
        )?;
        // The environment of a process is safe to set only before it starts.
        let mut command = Command::new(std::env::current_exe()?);
        command.args(std::env::args_os().skip(1)).env(MARK, "1");
        let status = command.envs(radv::environment(driver, &arguments.family)).status()?;
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let mut cases: Vec<_> = cases::bench().into_iter().chain(cases::border()).collect();
    if let Some(text) = &arguments.only {
        cases.retain(|case| case.name.contains(text));
        ensure!(!cases.is_empty(), "no case has {text:?} in its name");
    }
    let compiler = radv::Compiler::open()?;
    let compiled = figures::compile(&compiler, &cases, Target::HARDWARE)?;
    if let Some(folder) = &arguments.dump {
        dump(folder, &compiled)?;
    }
    if arguments.json {
        println!("{}", json(&compiled)?);
    } else {
        println!("{}, {}", compiler.device_name, compiler.driver);
        println!("{}", table(&compiled));
    }
    Ok(ExitCode::SUCCESS)
}

fn json(compiled: &[Compiled]) -> Result<String> {
    let rows: Result<Vec<_>, _> = compiled.iter().map(|one| serde_json::to_string(&one.figures)).collect();
    Ok(format!("[\n{}\n]", rows?.join(",\n")))
}

fn dump(folder: &std::path::Path, compiled: &[Compiled]) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for Compiled { figures, wgsl, assembly } in compiled {
        let name = format!("{} {}", figures.case, figures.shader).replace([' ', ','], "_");
        std::fs::write(folder.join(format!("{name}.wgsl")), wgsl)?;
        if let Some(text) = assembly {
            std::fs::write(folder.join(format!("{name}.s")), text)?;
        }
    }
    Ok(())
}

fn table(compiled: &[Compiled]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let numbers =
        ["VGPRs", "SGPRs", "spilled", "scratch", "shared", "waves", "instructions", "a net-step", "bytes"];
    table.set_header(["case", "shader", "kernel"].into_iter().chain(numbers));
    for Compiled { figures, .. } in compiled {
        let step = figures.instructions_per_net_step.map_or_else(|| "-".into(), |count| count.to_string());
        let numbers = [
            figures.vgprs,
            figures.sgprs,
            figures.spilled,
            figures.scratch_bytes,
            figures.shared_bytes,
            figures.waves,
            figures.instructions,
        ];
        let mut row = vec![figures.case.clone(), figures.shader.clone(), figures.kernel.clone()];
        row.extend(numbers.map(|number| number.to_string()));
        row.extend([step, figures.code_bytes.to_string()]);
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
