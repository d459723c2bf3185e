//! What AMD's compiler makes of the kernels, without the hardware:
//! `cargo run --release --example gpu_static [-- --family navi10] [--json] [--dump DIR]`.
//!
//! Compiles the training and the measuring kernel of the shapes of `symbreak bench` and of networks along the
//! border of what the register kernel accepts, and prints registers, spills, occupancy, instructions.

mod assembly;
mod cases;
mod figures;
mod radv;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use figures::Figures;
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

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if !radv::named() {
        let driver = arguments.driver.or_else(radv::find).context(radv::ABSENT)?;
        let status = radv::again(driver, &arguments.family)?.args(std::env::args_os().skip(1)).status()?;
        let family = &arguments.family;
        ensure!(
            status.code().is_some(),
            "the driver gave up ({status}): does it know {family:?} (--family)?"
        );
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let mut cases = cases::all();
    if let Some(text) = &arguments.only {
        cases.retain(|case| case.name.contains(text));
        ensure!(!cases.is_empty(), "no case has {text:?} in its name (--only)");
    }
    if let Some(folder) = &arguments.dump {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let compiler = radv::Compiler::open()?;
    let rows = figures::compile(&compiler, &cases, Target::HARDWARE, arguments.dump.as_deref())?;
    let mut out = std::io::stdout();
    if arguments.json {
        let lines: Result<Vec<_>, _> = rows.iter().map(serde_json::to_string).collect();
        writeln!(out, "[\n{}\n]", lines?.join(",\n"))?;
    } else {
        writeln!(out, "{}, {}", compiler.device_name, compiler.driver)?;
        for line in table(&rows).lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(rows: &[Figures]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let numbers =
        ["VGPRs", "SGPRs", "spilled", "scratch", "shared", "waves", "instructions", "a net-step", "bytes"];
    table.set_header(["case", "shader", "kernel"].into_iter().chain(numbers));
    for figures in rows {
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
