//! What AMD's compiler makes of the kernels: nothing spills, nothing grows unnoticed. Compiled through Mesa's RADV
//! on null hardware; no GPU is needed.

#[path = "../examples/gpu_static/assembly.rs"]
mod assembly;
#[path = "../examples/gpu_static/cases.rs"]
mod cases;
#[path = "../examples/gpu_static/figures.rs"]
mod figures;
#[path = "../examples/gpu_static/radv.rs"]
mod radv;

use anyhow::{Context, Result, bail, ensure};
use figures::Figures;
use symbreak::engine::gpu::shader::Target;

/// What the counts below were recorded for.
const FAMILY: &str = "navi21";
/// Counts as they were when somebody last looked at them.
const RECORDED: &str = include_str!("gpu_static/navi21.json");
const RECORD: &str =
    "if that is meant: cargo run --release --example gpu_static -- --json > tests/gpu_static/navi21.json";

/// Gives the driver to a test, in a process of its own that runs this test alone.
fn with_compiler(test: &str, check: fn(&radv::Compiler) -> Result<()>) -> Result<()> {
    if radv::named() {
        return check(&radv::Compiler::open()?);
    }
    let Some(driver) = radv::find() else {
        let required = std::env::var_os("REQUIRE_GPU").is_some_and(|value| value == "1");
        // Elsewhere there is no such driver.
        ensure!(!(required && cfg!(target_os = "linux")), "REQUIRE_GPU=1: {}", radv::ABSENT);
        eprintln!("SKIPPED: {}", radv::ABSENT);
        return Ok(());
    };
    let output = radv::again(driver, FAMILY)?.args([test, "--exact", "--nocapture"]).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let notes = String::from_utf8_lossy(&output.stderr);
    eprint!("{notes}");
    ensure!(output.status.success() && said.contains("1 passed"), "{said}{notes}");
    Ok(())
}

#[test]
fn no_register_kernel_spills_and_none_grows() -> Result<()> {
    with_compiler("no_register_kernel_spills_and_none_grows", |compiler| {
        let found = figures::compile(compiler, &cases::all(), Target::HARDWARE, None)?;
        let (registers, workgroups): (Vec<_>, Vec<_>) =
            found.iter().partition(|one| one.kernel == "register");
        ensure!(registers.len() > 100 && workgroups.len() > 5, "{} {}", registers.len(), workgroups.len());
        let spilling: Vec<_> =
            registers.iter().filter(|one| one.spilled > 0).map(|one| describe(one)).collect();
        ensure!(spilling.is_empty(), "registers spill:\n{}", spilling.join("\n"));
        let recorded: Vec<Figures> = serde_json::from_str(RECORDED)?;
        let driver = &recorded.first().context("nothing is recorded")?.driver;
        if *driver != compiler.driver {
            eprintln!(
                "NOTE: instruction counts are not compared: recorded with {driver}, here is {}",
                compiler.driver
            );
            return Ok(());
        }
        match changes(&recorded, &found).as_slice() {
            [] => Ok(()),
            changed => bail!("instruction counts changed:\n{}\n{RECORD}", changed.join("\n")),
        }
    })
}

#[test]
fn a_network_too_large_for_registers_spills() -> Result<()> {
    with_compiler("a_network_too_large_for_registers_spills", |compiler| {
        let wide: Vec<_> = cases::all().into_iter().filter(|case| case.name == "2-32-1").collect();
        let everything =
            Target { register_parameters: usize::MAX, registers: usize::MAX, ..Target::HARDWARE };
        let found = figures::compile(compiler, &wide, everything, None)?;
        let train = found.iter().find(|one| one.shader == "train").context("no kernel trains")?;
        ensure!(train.kernel == "register" && train.spilled > 0, "{}", describe(train));
        Ok(())
    })
}

fn describe(one: &Figures) -> String {
    format!("{}, {}: {} spilled, {} VGPRs", one.case, one.shader, one.spilled, one.vgprs)
}

/// What is no longer as it was recorded: kernels that came or went, counts that left a margin of 3 %. Fewer count
/// too, so that the record stays the mark to be held.
fn changes(recorded: &[Figures], found: &[Figures]) -> Vec<String> {
    let same = |a: &Figures, b: &Figures| a.case == b.case && a.shader == b.shader;
    let mut changes = Vec::new();
    for was in recorded {
        let Some(is) = found.iter().find(|is| same(was, is)) else {
            changes.push(format!("{}, {}: is no longer compiled", was.case, was.shader));
            continue;
        };
        let counts = [
            ("instructions", Some(was.instructions), Some(is.instructions)),
            ("a net-step", was.instructions_per_net_step, is.instructions_per_net_step),
        ];
        for (what, was_count, is_count) in counts {
            let near = match (was_count, is_count) {
                (Some(was), Some(is)) => was.abs_diff(is) * 100 <= was * 3,
                (was, is) => was == is,
            };
            if !near {
                let [was_count, is_count] =
                    [was_count, is_count].map(|count| count.map_or("none".into(), |c| c.to_string()));
                changes.push(format!("{}, {}: {what}: {is_count}, recorded {was_count}", is.case, is.shader));
            }
        }
    }
    let new = found.iter().filter(|is| !recorded.iter().any(|was| same(was, is)));
    changes.extend(new.map(|is| format!("{}, {}: is not recorded", is.case, is.shader)));
    changes
}

#[test]
fn a_change_of_the_recorded_counts_is_found() {
    let recorded: Vec<Figures> = serde_json::from_str(RECORDED).unwrap();
    let changed = |change: fn(&mut Vec<Figures>)| {
        let mut found = recorded.clone();
        change(&mut found);
        changes(&recorded, &found).len()
    };
    assert_eq!(changed(|_| ()), 0);
    assert_eq!(changed(|found| found[0].instructions += found[0].instructions / 50), 0);
    assert_eq!(changed(|found| found[0].instructions += found[0].instructions / 20), 1);
    assert_eq!(changed(|found| found[0].instructions -= found[0].instructions / 20), 1);
    assert_eq!(changed(|found| found[0].instructions_per_net_step = None), 1);
    assert_eq!(changed(|found| found[0].case.push('0')), 2);
    assert_eq!(changed(|found| drop(found.pop())), 1);
}
