//! Something in a submission's directory is damaged: what `symbreak slurm` says of it is done word for word, and must help.
//!
//! `sbatch` is one that runs the scripts then and there, so the queue is always empty.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;
use tempfile::TempDir;

const SPEC: &str = r#"
name = "sweep"
[task]
dataset = "csv"
path = "data.csv"
target_columns = ["y"]
[sweep]
"init.scale" = [0.1, 1.0]
"train.steps" = [200, 300]
[runs]
seeds = 11
"#;

const DATA: &str = "a,b,y\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n";

/// Runs each task of an array, or the merge, to its end, whatever that is, and prints a number.
const SBATCH: &str = r##"#!/bin/bash
[ "$1" = --version ] && exit 0
here=$(dirname "$0")
echo "$*" >> "$here/calls"
for word; do
    case "$word" in
        --array=*) array=${word#--array=} ;;
        --*) ;;
        *) script=$word ;;
    esac
done
option() { sed -n "s/^#SBATCH --$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}$/\1/p" "$script"; }
log=$(option output)
export SLURM_JOB_ID=7 SLURMD_NODENAME=here SLURM_CPUS_ON_NODE=1
cp "$script" "$here/script"
for range in $(echo "${array:-$(option array)}" | tr , ' '); do
    for task in $(seq "${range%-*}" "${range#*-}"); do
        (cd "$(option chdir)" && SLURM_ARRAY_TASK_ID=$task bash "$here/script" >> "${log//%a/$task}" 2>&1)
    done
done
[ -n "${array:-$(option array)}" ] || (cd "$(option chdir)" && bash "$here/script" >> "$log" 2>&1)
echo 7
"##;

struct Cluster(TempDir);

impl Cluster {
    /// One with a sweep that is done, in `my sweep`, in three tasks.
    fn start() -> Cluster {
        let cluster = Cluster(tempfile::tempdir().unwrap());
        fs::create_dir(cluster.at("tools")).unwrap();
        for (name, script) in [("sbatch", SBATCH), ("squeue", "#!/bin/sh\n")] {
            fs::write(cluster.at("tools").join(name), script).unwrap();
            fs::set_permissions(cluster.at("tools").join(name), Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(cluster.at("sweep.toml"), SPEC).unwrap();
        fs::write(cluster.at("data.csv"), DATA).unwrap();
        let submitted = cluster.submit();
        assert!(submitted.status.success(), "{submitted:?}");
        assert!(cluster.status().contains("merge: done"), "{}", cluster.status());
        cluster
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        let path = std::env::var("PATH").unwrap_or_default();
        command.current_dir(self.0.path()).env("PATH", format!("{}:{path}", self.at("tools").display()));
        command
    }

    fn symbreak(&self, words: &[&str]) -> Output {
        self.command(assert_cmd::cargo::cargo_bin("symbreak")).args(words).output().unwrap()
    }

    fn submit(&self) -> Output {
        let words = ["slurm", "sweep.toml", "--tasks", "3", "--backend", "cpu", "--out", "my sweep"];
        self.symbreak(&words)
    }

    fn status(&self) -> String {
        let output = self.symbreak(&["slurm", "status", "my sweep"]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn report(&self) -> Json {
        let output = self.symbreak(&["slurm", "status", "my sweep", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What was submitted so far.
    fn calls(&self) -> usize {
        fs::read_to_string(self.at("tools/calls")).unwrap().lines().count()
    }

    fn shell(&self, commands: &str) {
        let output = self.command("/bin/sh").args(["-euc", commands]).output().unwrap();
        assert!(output.status.success(), "{commands}: {output:?}");
    }

    /// Submits something that must go wrong, as it would without any advice.
    fn submit_by_hand(&self, commands: &str) {
        self.shell(commands);
        assert!(!self.status().contains("merge: done"), "{commands}: {}", self.status());
    }

    /// Does what `status` prints.
    fn follow(&self, text: &str) {
        let commands: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("  "))
            .filter(|line| ["rm ", "sbatch ", "job="].iter().any(|start| line.starts_with(start)))
            .collect();
        let report = self.report();
        let listed: Vec<&str> =
            report["commands"].as_array().unwrap().iter().map(|command| command.as_str().unwrap()).collect();
        assert_eq!(commands, listed);
        self.shell(&commands.join("\n"));
    }

    /// The merged files, the manifest apart, which tells times.
    fn merged(&self) -> BTreeMap<String, Vec<u8>> {
        let files = fs::read_dir(self.at("my sweep/merged")).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_string(), fs::read(path).unwrap())
        });
        files.filter(|(name, _)| name != "manifest.json").collect()
    }
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn truncate(path: &Path) {
    edit(path, |bytes| bytes.truncate(bytes.len() - 9));
}

fn flip(path: &Path) {
    edit(path, |bytes| *bytes.last_mut().unwrap() ^= 2);
}

/// A shard is lost on the way, and there is no merge yet.
fn lose(cluster: &Cluster, what: &str) {
    fs::remove_dir_all(cluster.at(what)).unwrap();
    fs::remove_dir_all(cluster.at("my sweep/merged")).unwrap();
}

/// What is done to a submission that is complete, what status then removes, and a word of why.
type Damage = (fn(&Cluster), &'static str, &'static str);

const DAMAGES: [Damage; 11] = [
    (|c| truncate(&c.at("my sweep/shards/2/runs.csv")), "'my sweep/shards/2'", "runs.csv: it has"),
    (|c| flip(&c.at("my sweep/shards/2/manifest.json")), "'my sweep/shards/2'", "manifest.json: "),
    (|c| fs::remove_file(c.at("my sweep/shards/2/curves.csv")).unwrap(), "'my sweep/shards/2'", "curves.csv"),
    (
        // All tasks are done in the eyes of who does not read everything.
        |c| {
            fs::remove_dir_all(c.at("my sweep/merged")).unwrap();
            flip(&c.at("my sweep/shards/3/runs.csv"));
            c.submit_by_hand("sbatch 'my sweep/merge.sbatch'");
        },
        "'my sweep/shards/3'",
        "shards/3/runs.csv: it is not what was written",
    ),
    (
        // A file in the place of a directory.
        |c| {
            lose(c, "my sweep/shards/1");
            fs::write(c.at("my sweep/shards/1"), "").unwrap();
            c.submit_by_hand("sbatch --array=1 'my sweep/array.sbatch'");
        },
        "'my sweep/shards/1'",
        "shards/1",
    ),
    (
        |c| {
            lose(c, "my sweep/shards/1");
            fs::create_dir(c.at("my sweep/shards/1.part")).unwrap();
            fs::write(c.at("my sweep/shards/1.part/manifest.json"), "{").unwrap();
            c.submit_by_hand("sbatch --array=1 'my sweep/array.sbatch'");
        },
        "'my sweep/shards/1.part'",
        "1.part/manifest.json",
    ),
    (
        // The shard of another task.
        |c| {
            fs::remove_dir_all(c.at("my sweep/merged")).unwrap();
            fs::remove_dir_all(c.at("my sweep/shards/2")).unwrap();
            c.shell("cp -r 'my sweep/shards/3' 'my sweep/shards/2'");
            c.submit_by_hand("sbatch --array=2 'my sweep/array.sbatch'");
        },
        "'my sweep/shards/2'",
        "it holds other runs than it should",
    ),
    (|c| truncate(&c.at("my sweep/merged/runs.csv")), "'my sweep/merged'", "runs.csv: it has"),
    (|c| flip(&c.at("my sweep/merged/manifest.json")), "'my sweep/merged'", "manifest.json: "),
    (
        |c| {
            fs::remove_dir_all(c.at("my sweep/merged")).unwrap();
            fs::create_dir(c.at("my sweep/merged")).unwrap();
            fs::write(c.at("my sweep/merged/thesis.tex"), "").unwrap();
            c.submit_by_hand("sbatch 'my sweep/merge.sbatch'");
        },
        "'my sweep/merged'",
        "it holds files but no sweep",
    ),
    (
        // Both at once.
        |c| {
            truncate(&c.at("my sweep/shards/2/runs.csv"));
            truncate(&c.at("my sweep/merged/runs.csv"));
        },
        "'my sweep/shards/2' 'my sweep/merged'",
        "runs.csv: it has",
    ),
];

#[test]
fn the_commands_that_status_prints_help_whatever_is_damaged() {
    let cluster = Cluster::start();
    let whole = cluster.merged();
    assert_eq!(whole.keys().collect::<Vec<_>>(), ["cells.csv", "curves.csv", "runs.csv"]);
    for (damage, removed, why) in DAMAGES {
        damage(&cluster);
        let text = cluster.status();
        assert!(text.contains(&format!("\n  rm -r {removed}\n")), "{removed}: {text}");
        assert!(text.contains(why), "{text}");
        assert!(text.contains("Remove what is in the way of "), "{text}");
        cluster.follow(&text);
        let text = cluster.status();
        assert!(text.contains("done: 3 (tasks 1-3)") && text.contains("merge: done"), "{removed}: {text}");
        assert!(cluster.merged() == whole, "{removed}: the merged files are others");
    }
}

#[test]
fn what_cannot_succeed_is_not_submitted() {
    let cluster = Cluster::start();
    let whole = cluster.merged();
    for (damage, removed, why) in DAMAGES {
        damage(&cluster);
        let calls = cluster.calls();
        let refused = cluster.submit();
        assert_eq!(refused.status.code(), Some(1), "{removed}: {refused:?}");
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(text.starts_with("error: nothing is submitted, ") && text.contains(why), "{text}");
        let (_, command) = text.trim_end().split_once("give this command again: ").unwrap();
        assert_eq!(command, format!("rm -r {removed}"), "{text}");
        assert_eq!(cluster.calls(), calls, "something was submitted");
        cluster.shell(command);
        let submitted = cluster.submit();
        assert!(submitted.status.success(), "{submitted:?}");
        assert!(cluster.status().contains("merge: done"), "{removed}: {}", cluster.status());
        assert!(cluster.merged() == whole, "{removed}: the merged files are others");
    }
}

#[test]
fn nothing_is_removed_for_a_merge_that_was_only_killed() {
    let cluster = Cluster::start();
    let whole = cluster.merged();
    fs::remove_dir_all(cluster.at("my sweep/merged")).unwrap();
    // Killed on the way.
    fs::create_dir_all(cluster.at("my sweep/merged/merge.part")).unwrap();
    fs::write(cluster.at("my sweep/merged/runs.csv"), "half").unwrap();
    let text = cluster.status();
    assert!(text.contains("Submit the merge again:\n  sbatch 'my sweep/merge.sbatch'\n"), "{text}");
    cluster.follow(&text);
    assert!(cluster.status().contains("merge: done"), "{}", cluster.status());
    assert!(cluster.merged() == whole, "the merged files are others");
}

#[test]
fn where_tasks_would_train_another_plan_status_says_what_helps() {
    let cluster = Cluster::start();
    let whole = cluster.merged();
    let data = cluster.at("data.csv");
    // The data file changes, a task trains another plan, and another is put down on the way to one.
    lose(&cluster, "my sweep/shards/2");
    fs::write(&data, DATA.replace("1,1,0", "1,1,1")).unwrap();
    for again in 0..2 {
        let text = cluster.status();
        assert!(
            text.contains("data.csv has changed since, so tasks would train another plan; put it back"),
            "{text}"
        );
        assert!(text.contains("to another place with --out DIR") && !text.contains("anew"), "{text}");
        assert_eq!(cluster.report()["commands"].as_array().unwrap().len(), 0, "{text}");
        let refused = cluster.submit();
        let error = String::from_utf8(refused.stderr).unwrap();
        assert!(error.contains("was submitted for another plan") && error.contains("--out DIR"), "{error}");
        if again == 0 {
            cluster.submit_by_hand("sbatch --array=2 'my sweep/array.sbatch'");
            assert!(cluster.at("my sweep/shards/2").exists());
            cluster.shell("cp -r 'my sweep/shards/2' 'my sweep/shards/2.part'");
        } else {
            assert!(text.contains("it holds another plan than was submitted (task.content"), "{text}");
        }
    }
    // As it is advised: elsewhere, or what was there again.
    let elsewhere =
        cluster.symbreak(&["slurm", "sweep.toml", "--tasks", "3", "--backend", "cpu", "--out", "elsewhere"]);
    assert!(elsewhere.status.success(), "{elsewhere:?}");
    assert!(cluster.at("elsewhere/merged/manifest.json").exists());
    fs::write(&data, DATA).unwrap();
    let text = cluster.status();
    assert!(text.contains("\n  rm -r 'my sweep/shards/2' 'my sweep/shards/2.part'\n"), "{text}");
    cluster.follow(&text);
    assert!(cluster.status().contains("merge: done"), "{}", cluster.status());
    assert!(cluster.merged() == whole, "the merged files are others");

    // The spec that tasks read is edited; the first command writes it anew.
    lose(&cluster, "my sweep/shards/1");
    edit(&cluster.at("my sweep/spec.toml"), |bytes| {
        *bytes = String::from_utf8(bytes.clone()).unwrap().replace("300", "301").into_bytes();
    });
    let text = cluster.status();
    assert!(
        text.contains("spec.toml has changed since, so tasks would train another plan; give the first"),
        "{text}"
    );
    assert!(!text.contains("sbatch "), "{text}");
    let submitted = cluster.submit();
    assert!(submitted.status.success(), "{submitted:?}");
    assert!(cluster.status().contains("merge: done"), "{}", cluster.status());
    assert!(cluster.merged() == whole, "the merged files are others");
}

#[test]
fn what_cannot_be_read_is_neither_removed_nor_submitted_again() {
    let cluster = Cluster::start();
    let link = cluster.at("my sweep/shards/2");
    fs::remove_dir_all(&link).unwrap();
    // It says nothing of what is there that a link leads to itself.
    std::os::unix::fs::symlink("2", &link).unwrap();
    let text = cluster.status();
    assert!(
        text.contains("Submitting again would not help before this is seen to:\n  task 2: cannot read"),
        "{text}"
    );
    assert_eq!(cluster.report()["commands"].as_array().unwrap().len(), 0, "{text}");
    let calls = cluster.calls();
    let refused = cluster.submit();
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("task 2: cannot read") && error.contains("see to that first"), "{error}");
    assert_eq!(cluster.calls(), calls, "something was submitted");
}
