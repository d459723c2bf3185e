//! `symbreak devices`: the machines that can train.

use clap::Args;
use comfy_table::{Table, presets};

use super::{DONE, Failure, print, print_json};
use crate::engine::select::{Device, devices};

/// Arguments of `symbreak devices`.
#[derive(Debug, Args)]
#[command(after_help = "\
A part of a name, given to `symbreak run --adapter`, chooses that device.
Software adapters run GPU code on the processor; they are used only when asked
for.

Examples:
  symbreak devices
  symbreak run xor-scale --backend gpu --adapter radeon
  symbreak devices --arithmetic
  symbreak devices --json | jq '.[] | {name, type, software}'")]
pub struct DevicesArgs {
    /// Let adapters calculate, and print the largest errors of their operations
    #[arg(long)]
    arithmetic: bool,

    /// Print one JSON document, with the limits of each device
    #[arg(long)]
    json: bool,
}

/// Lists devices.
pub fn run(args: &DevicesArgs) -> Result<u8, Failure> {
    let devices = devices(args.arithmetic)?;
    if args.json {
        print_json(&devices)?;
        return Ok(DONE);
    }
    let mut table = table(&["name", "type", "backend", "driver"]);
    for device in &devices {
        table.add_row([&device.name, &device.kind, &device.backend, &device.driver]);
    }
    print(&lines(&table))?;
    if args.arithmetic {
        print("\nlargest errors, in units of the last place; the share of multiply-adds that round once\n")?;
        print(&lines(&arithmetic(&devices)))?;
    }
    Ok(DONE)
}

fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(heads);
    table
}

fn lines(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn arithmetic(devices: &[Device]) -> Table {
    let mut table = table(&["name", "a + b", "a * b", "a / b", "sqrt", "exp", "fma", "a * b + c"]);
    for device in devices {
        let Some(found) = &device.arithmetic else { continue };
        let number = |name: &str, what: &str| match found[name][what].as_f64() {
            Some(value) => format!("{value:.3}"),
            None => "NaN".into(),
        };
        let rounding = ["sum", "product", "quotient", "root", "exponential"];
        let cells = rounding.map(|name| number(name, "worst_ulp")).into_iter();
        let cells = cells.chain(["fma", "product_and_sum"].map(|name| number(name, "rounds_once")));
        table.add_row(std::iter::once(device.name.clone()).chain(cells));
    }
    table
}
