//! `symbreak devices`: the machines that can train.

use clap::Args;
use comfy_table::{Table, presets};

use super::{DONE, Failure, print, print_json};
use crate::engine::select::devices;

/// Arguments of `symbreak devices`.
#[derive(Debug, Args)]
#[command(after_help = "\
A part of a name, given to `symbreak run --adapter`, chooses that device.
Software adapters run GPU code on the processor; they are used only when asked
for.

Examples:
  symbreak devices
  symbreak run xor-scale --backend gpu --adapter radeon
  symbreak devices --json | jq '.[] | {name, type, software}'")]
pub struct DevicesArgs {
    /// Print one JSON document, with the limits of each device
    #[arg(long)]
    json: bool,
}

/// Lists devices.
pub fn run(args: &DevicesArgs) -> Result<u8, Failure> {
    let devices = devices()?;
    if args.json {
        print_json(&devices)?;
        return Ok(DONE);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["name", "type", "backend", "driver"]);
    for device in &devices {
        table.add_row([&device.name, &device.kind, &device.backend, &device.driver]);
    }
    let lines: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    print(&lines)?;
    Ok(DONE)
}
