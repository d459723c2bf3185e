//! `symbreak slurm` on a cluster that is real but for its size: slurmctld, two slurmd and munge, started by the test.
//!
//! Skipped where they are not installed, unless `REQUIRE_SLURM` is set; see `scripts/test`.

#![cfg(target_os = "linux")]

#[path = "slurm/cluster.rs"]
mod cluster;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cluster::{Cluster, signal, touch, wait_for};
use serde_json::Value as Json;

/// One cluster at a time: together they would only be slower.
static ONE: Mutex<()> = Mutex::new(());

fn one_at_a_time() -> MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Two cells that take a processor some seconds for every third of a shard, and four that take it no time. Seven shards of
/// its 600 runs are uneven, and their borders lie within cells.
const LONG_AND_SHORT: &str = r#"
name = "long and short"
[task]
dataset = "parity"
bits = 6
[net]
hidden = [8]
[sweep]
"train.steps" = [100000, 90000, 1000, 1100, 1200, 1300]
[runs]
seeds = 100
"#;

/// One of the long cells, and a short one: two shards.
const LONG: &str = r#"
name = "long"
[task]
dataset = "parity"
bits = 6
[net]
hidden = [8]
[sweep]
"train.steps" = [100000, 1000]
[runs]
seeds = 96
"#;

/// Cells that take no time.
const SHORT: &str = r#"
name = "short"
[task]
dataset = "parity"
bits = 4
[sweep]
"init.scale" = "0.01,0.1,1,10"
"train.steps" = "1000,2000"
[runs]
seeds = 13
"#;

/// What the program says, which must go well.
fn symbreak(cluster: &Cluster, words: &[&str]) -> String {
    cluster.ask("symbreak", words)
}

/// What the program says on standard error, which must fail with this status.
fn refused(cluster: &Cluster, status: i32, words: &[&str]) -> String {
    fails(cluster.command("symbreak").args(words), status)
}

fn fails(command: &mut Command, status: i32) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(status), "{command:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// `symbreak slurm status --json`
struct Report(Json);

impl Report {
    fn of(cluster: &Cluster, directory: &str) -> Report {
        Report(serde_json::from_str(&symbreak(cluster, &["slurm", "status", directory, "--json"])).unwrap())
    }

    fn task(&self, number: usize) -> &Json {
        let task = &self.0["tasks"][number - 1];
        assert_eq!(task["task"], number);
        task
    }

    fn state(&self, number: usize) -> &str {
        self.task(number)["state"].as_str().unwrap()
    }

    /// Tasks by how they stand.
    fn states(&self) -> BTreeMap<&str, Vec<u64>> {
        let mut states = BTreeMap::new();
        for task in self.0["tasks"].as_array().unwrap() {
            let numbers: &mut Vec<u64> = states.entry(task["state"].as_str().unwrap()).or_default();
            numbers.push(task["task"].as_u64().unwrap());
        }
        states
    }

    /// Whether a task has a node, and has finished some of its runs there or before.
    fn is_under_way(&self, number: usize) -> bool {
        self.state(number) == "running" && self.task(number)["runs_finished"] != 0
    }

    fn merge(&self) -> &str {
        self.0["merge"]["state"].as_str().unwrap()
    }

    fn commands(&self) -> Vec<&str> {
        self.0["commands"].as_array().unwrap().iter().map(|command| command.as_str().unwrap()).collect()
    }
}

/// The node of a running task, of the array that `status` shows.
fn node(cluster: &Cluster, report: &Report, task: usize) -> String {
    let job = report.task(task)["job"].as_str().unwrap();
    let queue = cluster.ask("squeue", &["--noheader", "--array", "--format=%i %N"]);
    let line = queue.lines().find_map(|line| line.split_once(' ').filter(|(id, _)| *id == job));
    line.unwrap_or_else(|| panic!("{job} in {queue}")).1.to_string()
}

/// The files of a sweep, the manifest apart: it tells times.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let files = entries.map(|entry| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_str().unwrap().to_string(), fs::read(path).unwrap())
    });
    files.filter(|(name, _)| name != "manifest.json").collect()
}

/// The merged files are those of the same sweep that nothing disturbed; and none of them may be another.
fn assert_undisturbed(cluster: &Cluster, spec: &str, directory: &str) {
    fs::write(cluster.home().join("undisturbed.toml"), spec).unwrap();
    symbreak(cluster, &["run", "undisturbed.toml", "--backend", "cpu", "--out", "undisturbed", "--force"]);
    let (whole, mut merged) =
        (files(&cluster.home().join("undisturbed")), files(&cluster.home().join(directory).join("merged")));
    let names: Vec<&str> = whole.keys().map(String::as_str).collect();
    assert_eq!(names, ["cells.csv", "curves.csv", "datapackage.json", "runs.csv"]);
    assert!(merged == whole, "the merged files are others");
    // The comparison sees a change in each of them.
    for name in names {
        *merged.get_mut(name).unwrap().last_mut().unwrap() ^= 1;
        assert!(merged != whole, "{name}");
        *merged.get_mut(name).unwrap().last_mut().unwrap() ^= 1;
    }
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn log(cluster: &Cluster, directory: &str, name: &str) -> String {
    fs::read_to_string(cluster.home().join(directory).join("log").join(format!("{name}.log"))).unwrap()
}

#[test]
fn a_requeued_task_and_a_killed_node_change_no_byte() {
    let _one = one_at_a_time();
    let Some(mut cluster) = Cluster::start() else { return };
    let home = cluster.home();
    fs::write(home.join("grid.toml"), LONG_AND_SHORT).unwrap();
    let words = [
        "slurm",
        "grid.toml",
        "--tasks",
        "7",
        "--backend",
        "cpu",
        "--partition",
        "fast",
        "--out",
        "my sweep",
    ];
    let said = symbreak(&cluster, &words);
    assert!(said.contains("tasks 1-7 of 7 submitted as job "), "{said}");
    assert!(said.contains("how they stand: symbreak slurm status 'my sweep'"), "{said}");
    // An edit of the spec does not reach the tasks.
    fs::write(home.join("grid.toml"), LONG_AND_SHORT.replace("seeds = 100", "seeds = 101")).unwrap();
    let look = |cluster: &Cluster| Report::of(cluster, "my sweep");

    // A task that is under way is sent back into the queue.
    let report = wait_for("task 1 to be under way", || Some(look(&cluster)).filter(|r| r.is_under_way(1)));
    let states = report.states();
    assert!(states.contains_key("running") && states.contains_key("pending"), "{states:?}");
    assert_eq!(report.merge(), "pending");
    assert_eq!(report.commands(), [""; 0]);
    cluster.ask("scontrol", &["requeue", report.task(1)["job"].as_str().unwrap()]);
    wait_for("task 1 to be requeued", || (look(&cluster).state(1) == "requeued").then_some(()));

    // A node is lost with the task that is under way on it.
    let report = wait_for("task 2 to be under way", || Some(look(&cluster)).filter(|r| r.is_under_way(2)));
    let lost = node(&cluster, &report, 2);
    let task = wait_for("the process of task 2", || cluster.process(&["--shard", "2/7"]));
    cluster.kill_node(&lost, task);
    // The cluster finds out by and by, and starts the task again where there is a node.
    wait_for("task 2 to be started again", || {
        let report = look(&cluster);
        let again = report.task(2)["restarts"] == 1 && report.state(2) == "running";
        (again || report.state(2) == "done").then_some(())
    });
    cluster.start_node(&lost);

    let report = wait_for("the merge", || Some(look(&cluster)).filter(|r| r.merge() == "done"));
    assert_eq!(report.states(), BTreeMap::from([("done", (1..=7).collect())]));
    assert_eq!(report.commands(), [""; 0]);
    for task in ["1", "2"] {
        let log = log(&cluster, "my sweep", task);
        assert!(log.contains("going on after "), "task {task} was started again from its beginning: {log}");
        assert_eq!(log.matches(": job ").count(), 2, "{log}");
    }
    let of_2 = log(&cluster, "my sweep", "2");
    assert!(of_2.contains(" on n1\n") && of_2.contains(" on n2\n"), "{of_2}");
    assert_eq!(names(&home.join("my sweep/shards")), ["1", "2", "3", "4", "5", "6", "7"]);
    assert_undisturbed(&cluster, LONG_AND_SHORT, "my sweep");

    // What was submitted is neither mixed with another plan nor submitted twice.
    let error = refused(&cluster, 2, &words);
    assert!(error.contains("another plan (runs.seeds: 100 there, 101 here)"), "{error}");
    fs::write(home.join("grid.toml"), LONG_AND_SHORT).unwrap();
    let error = refused(&cluster, 2, &[&words[..3], &["6"], &words[4..]].concat());
    assert!(error.contains("was submitted with --tasks 7, not 6"), "{error}");
    let error = refused(&cluster, 2, &[&words[..], &["--trace", "1"]].concat());
    assert!(error.contains("to run with --backend cpu, not with --backend cpu --trace 1"), "{error}");
    let said = symbreak(&cluster, &words);
    assert!(said.contains("done: 7 (tasks 1-7)"), "{said}");
    assert_eq!(fs::read_to_string(home.join("my sweep/slurm.json")).unwrap().matches("\"array\"").count(), 1);

    // Without the controller the files still tell.
    cluster.kill_controller();
    fs::rename(home.join("my sweep/shards/5"), home.join("5")).unwrap();
    let said = symbreak(&cluster, &["slurm", "status", "my sweep"]);
    assert!(said.starts_with("The queue does not answer ("), "{said}");
    assert!(said.contains("done: 6 (tasks 1-4,6-7)") && said.contains("not done: 1 (task 5)"), "{said}");
    assert!(!said.contains("ubmit"), "{said}");
    let error = refused(&cluster, 1, &words);
    assert!(error.contains("what is still in it is not known"), "{error}");
}

#[test]
fn what_failed_is_named_with_the_commands_that_submit_it_again() {
    let _one = one_at_a_time();
    let Some(cluster) = Cluster::start() else { return };
    let home = cluster.home();
    fs::write(home.join("short.toml"), SHORT).unwrap();
    let submit = |tasks: &'static str| ["slurm", "short.toml", "--backend", "cpu", "--tasks", tasks];
    let directory = "results/short-slurm";
    let look = || Report::of(&cluster, directory);

    // More tasks than this cluster's arrays may have; then no task may start yet.
    let error = refused(&cluster, 1, &submit("100"));
    assert!(error.contains("sbatch refused: ") && error.contains("use fewer with --tasks N"), "{error}");
    cluster.ask("scontrol", &["update", "nodename=n1,n2", "state=drain", "reason=test"]);
    let comment = r#"two words, "one" in \ and #3"#;
    symbreak(&cluster, &[&submit("5")[..], &[&format!("--sbatch=--comment={comment}")]].concat());
    let report = look();
    assert_eq!(report.states(), BTreeMap::from([("pending", (1..=5).collect())]));
    let comments = cluster.ask("squeue", &["--noheader", "--format=%k"]);
    assert!(comments.lines().count() > 1 && comments.lines().all(|line| line == comment), "{comments}");
    let text = symbreak(&cluster, &["slurm", "status", directory]);
    assert!(text.contains("pending: 5 (tasks 1-5)") && text.contains("merge: pending"), "{text}");
    let said = symbreak(&cluster, &submit("5"));
    assert!(said.contains("pending: 5 (tasks 1-5)"), "what waits is submitted twice: {said}");

    // Two tasks will fail: where one shard is to be, and where another is to be trained, there is something else.
    let in_the_way = ["shards/2", "shards/4.part"].map(|name| home.join(directory).join(name));
    in_the_way.iter().for_each(|path| touch(path));
    cluster.ask("scontrol", &["update", "nodename=n1,n2", "state=resume"]);
    let report = wait_for("the merge to fail", || Some(look()).filter(|r| r.merge() == "failed"));
    assert_eq!(report.states(), BTreeMap::from([("done", vec![1, 3, 5]), ("failed", vec![2, 4])]));
    assert_eq!(report.0["submit_again"], "2,4");
    assert!(report.task(2)["problem"].as_str().unwrap().contains("shards/2"));
    for (task, path) in [(2, &in_the_way[0]), (4, &in_the_way[1])] {
        let log = report.task(task)["log"].as_str().unwrap();
        assert!(log.starts_with("error: ") && log.contains(path.to_str().unwrap()), "{log}");
    }
    let merge = report.0["merge"]["log"].as_str().unwrap();
    assert!(merge.contains("42 of 104 runs") && merge.contains("missing"), "{merge}");
    let text = symbreak(&cluster, &["slurm", "status", directory]);
    assert!(text.contains("failed: 2 (tasks 2,4)"), "{text}");
    assert!(text.contains("Remove what is in the way of task 2, task 4,"), "{text}");
    assert!(text.contains("submit tasks 2,4 again, and the merge after them:"), "{text}");
    assert!(report.commands().iter().all(|command| text.contains(command)), "{text}");

    // As it is asked for, by hand.
    let submitted = cluster.command("sh").args(["-euc", &report.commands().join("\n")]).output().unwrap();
    assert!(submitted.status.success(), "{submitted:?}");
    let report = look();
    assert!(!report.states().contains_key("failed"), "what was submitted by hand is not found");
    wait_for("the merge", || (look().merge() == "done").then_some(()));
    assert_eq!(names(&home.join(directory).join("shards")), ["1", "2", "3", "4", "5"]);
    assert_undisturbed(&cluster, SHORT, directory);

    // A shard that is lost is submitted by the same command as at first, and no other.
    fs::remove_dir_all(home.join(directory).join("shards/3")).unwrap();
    fs::remove_dir_all(home.join(directory).join("merged")).unwrap();
    let said = symbreak(&cluster, &submit("5"));
    assert!(said.contains("task 3 of 5 submitted as job "), "{said}");
    wait_for("the merge", || (look().merge() == "done").then_some(()));
    assert_undisturbed(&cluster, SHORT, directory);
}

#[test]
fn a_task_that_overlaps_its_own_rerun_is_harmless() {
    let _one = one_at_a_time();
    let Some(mut cluster) = Cluster::start() else { return };
    let home = cluster.home();
    fs::write(home.join("long.toml"), LONG).unwrap();
    symbreak(&cluster, &["slurm", "long.toml", "--tasks", "2", "--backend", "cpu", "--out", "sweep"]);
    let look = |cluster: &Cluster| Report::of(cluster, "sweep");

    // Its node is lost to the cluster, but the task lives on. While it is held its rerun starts, and a third by hand.
    let report = wait_for("task 1 to be under way", || Some(look(&cluster)).filter(|r| r.is_under_way(1)));
    let lost = node(&cluster, &report, 1);
    let orphan = wait_for("the process of task 1", || cluster.process(&["--shard", "1/2"]));
    cluster.orphan(&lost, orphan);
    signal("STOP", orphan);
    cluster.ask("scontrol", &["update", &format!("nodename={lost}"), "state=down", "reason=test"]);
    let shards = home.join("sweep/shards");
    wait_for("the rerun of task 1", || shards.join("1.part-2").exists().then_some(()));
    assert!(shards.join("1.part").exists() && !shards.join("1").exists(), "{:?}", names(&shards));
    let spec = home.join("sweep/spec.toml");
    let by_hand = cluster
        .command("symbreak")
        .args(["run", spec.to_str().unwrap(), "--shard", "1/2", "--backend", "cpu", "--threads", "1"])
        .args(["--resume", "--out", shards.join("1").to_str().unwrap()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    wait_for("the third", || shards.join("1.part-3").exists().then_some(()));
    signal("CONT", orphan);

    let Output { status, stderr, .. } = by_hand.wait_with_output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    wait_for("the merge", || (look(&cluster).merge() == "done").then_some(()));
    wait_for("the orphan to end", || cluster.process(&["--shard", "1/2"]).is_none().then_some(()));
    let log = log(&cluster, "sweep", "1");
    assert!(!log.contains("error: symbreak") && !log.contains("\nerror: "), "{log}");
    assert_eq!(names(&shards), ["1", "2"]);
    assert_undisturbed(&cluster, LONG, "sweep");
}

/// The program in a directory of its own, with nothing in PATH but what is given.
fn without_a_cluster(place: &Path, path: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("symbreak"));
    command.current_dir(place).env("PATH", path);
    command
}

/// A program of this name in `folder` that does as it is told.
fn program(folder: &Path, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn without_sbatch_nothing_is_written_and_a_dry_run_shows_all() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("short.toml"), SHORT).unwrap();
    let symbreak = || without_a_cluster(place.path(), Path::new("/nowhere"));
    let words = ["slurm", "short.toml", "--backend", "cpu", "--tasks", "5"];
    let error = fails(symbreak().args(words), 1);
    assert!(error.contains("there is no sbatch in PATH") && error.contains("--dry-run"), "{error}");
    let more = [
        "--gpus",
        "a100:1",
        "--time",
        "1-12",
        "--cpus-per-task",
        "4",
        "--mem",
        "4G",
        "--partition",
        "two words",
        "--fallback",
        "reference",
        "--keep-going",
    ];
    let output =
        symbreak().args(words).args(more).args(["--sbatch=--account=physics", "--dry-run"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(names(place.path()), ["short.toml"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let place_of = place.path().canonicalize().unwrap();
    let redacted = text
        .replace(assert_cmd::cargo::cargo_bin("symbreak").to_str().unwrap(), "/bin/symbreak")
        .replace(place_of.to_str().unwrap(), "/home/me");
    // The name depends on the directory.
    let after = |start: &str| text.lines().find_map(|line| line.strip_prefix(start)).unwrap();
    let redacted = redacted
        .replace(after("#SBATCH --job-name="), "short-01234567")
        .replace(after("# Plan "), "0123456789abcdef.")
        .replace(env!("CARGO_PKG_VERSION"), "VERSION");
    insta::assert_snapshot!("scripts", redacted);
    // Both are what a shell reads, whatever the names in them.
    let scripts: Vec<&str> = text.split("==> ").filter(|part| part.contains("#!/bin/bash")).collect();
    assert_eq!(scripts.len(), 2);
    for part in scripts {
        let (_, script) = part.split_once(" <==\n").unwrap();
        let checked = Command::new("bash").args(["-n", "-c", script]).output().unwrap();
        assert!(checked.status.success(), "{checked:?}\n{script}");
    }
}

#[test]
fn bad_flags_are_named() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("short.toml"), SHORT).unwrap();
    for (words, said) in [
        (&["--tasks", "0"][..], "--tasks"),
        (&["--tasks", "105"], "the sweep has 104 runs, so at most as many tasks"),
        (&[], "--tasks"),
        (&["--tasks", "5", "--time", "1\n2"], "--time: expected one line"),
        (&["--tasks", "5", "--sbatch=account=me"], "such as --sbatch=--account=NAME"),
        (&["--tasks", "5", "--sbatch=--array=1-9"], "their own --array"),
        (&["--tasks", "5", "--sbatch=--arr=1-9"], "their own --array, which --arr may be short for"),
        (&["--tasks", "5", "--sbatch=-Jname"], "their own --job-name"),
        (&["--tasks", "5", "--sbatch", "--account=me"], "equal sign is needed"),
        (&["--tasks", "5", "--json", "--dry-run"], "cannot be used with"),
        (&["--tasks", "5", "--cpus-per-task", "0"], "--cpus-per-task"),
    ] {
        let mut command = without_a_cluster(place.path(), Path::new("/nowhere"));
        let error = fails(command.args(["slurm", "short.toml", "--backend", "cpu"]).args(words), 2);
        assert!(error.contains(said), "{words:?}: {error}");
    }
    let error =
        fails(without_a_cluster(place.path(), Path::new("/nowhere")).args(["slurm", "status", "x"]), 2);
    assert!(error.contains("x holds nothing that was submitted"), "{error}");
    fs::create_dir(place.path().join("mine")).unwrap();
    touch(&place.path().join("mine/thesis.tex"));
    let mut command = without_a_cluster(place.path(), Path::new("/nowhere"));
    let error = fails(command.args(["slurm", "short.toml", "--tasks", "5", "--out", "mine", "--dry-run"]), 2);
    assert!(error.contains("mine holds files, but nothing that was submitted"), "{error}");
    assert_eq!(names(place.path()), ["mine", "short.toml"]);
}

#[test]
fn what_sbatch_says_is_passed_on() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("short.toml"), SHORT).unwrap();
    let tools = place.path().join("tools");
    let submit = || {
        let mut command = without_a_cluster(place.path(), &tools);
        command.args(["slurm", "short.toml", "--backend", "cpu", "--tasks", "5"]);
        command
    };
    let version = "[ \"$1\" = --version ] && exit 0";
    program(&tools, "sbatch", &format!("{version}; echo 'sbatch: error: Invalid account' >&2; exit 1"));
    let error = fails(&mut submit(), 1);
    assert_eq!(error, "error: sbatch refused: sbatch: error: Invalid account\n");
    program(&tools, "sbatch", &format!("{version}; echo Welcome to the cluster"));
    let error = fails(&mut submit(), 1);
    assert!(error.contains("sbatch answered \"Welcome to the cluster\""), "{error}");
    // Nothing was submitted, so it may be cut otherwise. The merge is refused alone: what is submitted is known.
    program(
        &tools,
        "sbatch",
        &format!(
            "{version}; case \"$*\" in *merge*) echo no more jobs >&2; exit 1;; *) echo '17;cluster';; esac"
        ),
    );
    let error = fails(submit().args(["--out", "other"]), 1);
    assert!(
        error.contains("the array is submitted as job 17, the merge is not: sbatch refused: no more jobs"),
        "{error}"
    );
    assert!(
        error.contains("submit it with: sbatch --parsable --dependency=afterany:17 other/merge.sbatch"),
        "{error}"
    );
    let held: Json =
        serde_json::from_slice(&fs::read(place.path().join("other/slurm.json")).unwrap()).unwrap();
    assert_eq!(held["submitted"][0]["array"], "17");
    assert_eq!(held["submitted"][0]["merge"], Json::Null);
    assert_eq!(held["submitted"][0]["tasks"], "1-5");
    // The same again cannot tell what is in the queue.
    let error = fails(submit().args(["--out", "other"]), 1);
    assert!(error.contains("the queue does not answer (there is no squeue in PATH)"), "{error}");
    let mut status = without_a_cluster(place.path(), &tools);
    let output = status.args(["slurm", "status", "other"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("The queue does not answer (there is no squeue in PATH)"), "{text}");
    assert!(text.contains("not done: 5 (tasks 1-5)"), "{text}");
    // With a queue that is empty everything is to be submitted again.
    program(&tools, "squeue", "exit 0");
    let mut status = without_a_cluster(place.path(), &tools);
    let output = status.args(["slurm", "status", "other"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("failed: 5 (tasks 1-5)") && text.contains("--array=1-5 other/array.sbatch"),
        "{text}"
    );
}
