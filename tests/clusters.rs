//! What docs/clusters.md tells users to type does what it says: each recipe, as it stands there, gives the bytes of the whole
//! sweep.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::{TempDir, tempdir};

const DOCUMENT: &str = include_str!("../docs/clusters.md");

/// Seven shards of its 78 runs are uneven, and their borders lie within cells.
const SPEC: &str = "
[task]
dataset = \"parity\"
bits = 3
[sweep]
\"init.scale\" = \"0.01,0.1,1\"
\"train.steps\" = \"500,600\"
[runs]
seeds = 13
";

/// The code blocks of a section, without their fences.
fn blocks(section: &str) -> Vec<&'static str> {
    let start = DOCUMENT.find(&format!("\n## {section}")).unwrap() + 1;
    let rest = &DOCUMENT[start..];
    let section = &rest[..rest[1..].find("\n## ").map_or(rest.len(), |end| end + 1)];
    // Text and code take turns; the first line of code names its language.
    section.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap().1).collect()
}

/// A directory with the spec, as the recipes want it.
fn place() -> TempDir {
    let place = tempdir().unwrap();
    fs::write(place.path().join("sweep.toml"), SPEC).unwrap();
    place
}

fn shell(place: &TempDir, script: &str) -> Command {
    let program = assert_cmd::cargo::cargo_bin("symbreak");
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("/bin/sh");
    command.args(["-euc", script]).env("PATH", path).current_dir(place.path());
    command
}

fn runs_well(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// The files of a sweep, the manifest apart: it tells times.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(directory).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_str().unwrap().to_string(), fs::read(path).unwrap())
    });
    files.filter(|(name, _)| name != "manifest.json").collect()
}

fn assert_whole(place: &TempDir) {
    runs_well(&mut shell(place, "symbreak run sweep.toml --backend cpu --out whole"));
    runs_well(&mut shell(place, "symbreak run sweep.toml --backend cpu --seed 1 --out another"));
    let [merged, whole, another] = ["merged", "whole", "another"].map(|name| files(&place.path().join(name)));
    assert!(merged == whole, "the merged files are others");
    assert!(another != whole, "another seed makes no difference");
}

/// The merge that a section tells.
fn merge(section: &str) -> &'static str {
    blocks(section).into_iter().find(|block| block.starts_with("symbreak merge ")).unwrap()
}

#[test]
fn the_shards_of_the_introduction_are_a_sweep() {
    let intro = DOCUMENT.split("```").nth(1).unwrap();
    let [run, merge] = intro.trim().lines().collect::<Vec<_>>().try_into().unwrap();
    let place = place();
    for shard in (1..=7).rev() {
        let run = run.replace("3/7", &format!("{shard}/7")).replace("shards/3", &format!("shards/{shard}"));
        runs_well(&mut shell(&place, &run.replace("sweep.toml", "sweep.toml --backend cpu")));
    }
    runs_well(&mut shell(&place, merge));
    assert_whole(&place);
}

#[test]
fn the_indexed_job_of_kubernetes_is_a_sweep() {
    let manifest = blocks("Kubernetes")[0];
    let count = |key: &str| -> u64 {
        let line = manifest.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap();
        line.trim().parse().unwrap()
    };
    assert!(manifest.contains("completionMode: Indexed"));
    assert!(manifest.contains(r#"command: ["/bin/sh", "-euc"]"#));
    // The text under `- |`, as far as it is indented.
    let lines = manifest.lines().skip_while(|line| line.trim() != "- |").skip(1);
    let lines: Vec<&str> = lines.map_while(|line| line.strip_prefix("              ")).collect();
    assert!(lines.len() > 1, "{manifest}");
    let place = place();
    for index in 0..count("completions:") {
        runs_well(shell(&place, &lines.join("\n")).env("JOB_COMPLETION_INDEX", index.to_string()));
    }
    // A pod that is replaced while it goes on.
    runs_well(shell(&place, &lines.join("\n")).env("JOB_COMPLETION_INDEX", "3"));
    runs_well(&mut shell(&place, merge("Kubernetes")));
    assert_whole(&place);
}

#[test]
fn the_lines_of_gnu_parallel_and_xargs_are_sweeps() {
    for program in ["parallel", "xargs"] {
        let version = Command::new(program).arg("--version").output();
        if !version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("GNU")) {
            let required = std::env::var_os("REQUIRE_PARALLEL").is_some() && program == "parallel";
            assert!(!required, "REQUIRE_PARALLEL is set, but there is no GNU parallel");
            eprintln!("SKIPPED: no GNU {program}");
            continue;
        }
        let start = format!("seq 7 | {program} ");
        let lines = blocks("GNU parallel, or xargs");
        let line =
            lines.iter().find(|line| line.starts_with(&start) && !line.contains("--sshloginfile")).unwrap();
        let place = place();
        runs_well(&mut shell(&place, line));
        runs_well(&mut shell(&place, line));
        runs_well(&mut shell(&place, merge("GNU parallel, or xargs")));
        assert_whole(&place);
    }
}
