//! The text of the two batch scripts: the array, one task a shard, and the merge. They are written to be read, and to be
//! submitted again by hand.

use std::path::{Path, PathBuf};

use super::SlurmError;
use crate::output::Submission;
use crate::output::submission::{LOGS, MERGED, SHARDS, SPEC};
use crate::shell::quoted;

/// Seconds before its time limit at which a task is told to put its work down. Slurm may be up to a minute early.
const NOTICE: u32 = 60;

/// What the jobs ask the cluster for, in Slurm's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// `--partition`
    pub partition: Option<String>,
    /// `--time`
    pub time: Option<String>,
    /// `--gpus`, of a task of the array
    pub gpus: Option<String>,
    /// `--cpus-per-task`, of a task of the array
    pub cpus_per_task: Option<u32>,
    /// `--mem`
    pub mem: Option<String>,
    /// Further options, each with its value: `--account=NAME`, `-C VALUE`.
    pub options: Vec<String>,
}

/// Where the jobs run, all given from the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// This program.
    pub program: PathBuf,
    /// What was submitted, and what comes of it.
    pub directory: PathBuf,
    /// Where paths of data files in the spec begin.
    pub working: PathBuf,
}

/// Options that the scripts depend on, so that they are not the user's.
const OURS: [(&str, &str); 8] = [
    ("--job-name", "-J"),
    ("--array", "-a"),
    ("--output", "-o"),
    ("--error", "-e"),
    ("--open-mode", ""),
    ("--chdir", "-D"),
    ("--dependency", "-d"),
    ("--wrap", ""),
];

impl Resources {
    /// Whether they can stand in a script.
    ///
    /// # Errors
    /// [`SlurmError::Refused`] names the flag that cannot.
    pub fn check(&self) -> Result<(), SlurmError> {
        let refuse = |text: String| Err(SlurmError::Refused(text));
        let values = [
            ("--partition", &self.partition),
            ("--time", &self.time),
            ("--gpus", &self.gpus),
            ("--mem", &self.mem),
        ];
        for (flag, value) in values {
            if value.as_ref().is_some_and(|value| value.is_empty() || value.contains(char::is_control)) {
                return refuse(format!("{flag}: expected one line of text that sbatch understands"));
            }
        }
        for option in &self.options {
            let (name, _, _) = parts(option);
            if !option.starts_with('-') || ["-", "--"].contains(&name) || option.contains(char::is_control) {
                return refuse(format!(
                    "--sbatch={}: expected an option of sbatch, such as --sbatch=--account=NAME",
                    option.escape_default()
                ));
            }
            // Sbatch takes abbreviations of long options; none that it has abbreviates one of these.
            let is_ours = |(long, short): &&(&str, &str)| {
                long.starts_with(name) || (!short.is_empty() && name == *short)
            };
            if let Some((long, _)) = OURS.iter().find(is_ours) {
                let short_for = if name.starts_with("--") && name != *long {
                    format!(", which {name} may be short for")
                } else {
                    String::new()
                };
                return refuse(format!(
                    "--sbatch={option}: the scripts depend on their own {long}{short_for}; --tasks sets the number of \
                     tasks and --out the place of the files"
                ));
            }
        }
        Ok(())
    }
}

impl Places {
    /// A place in the directory, as a shell reads it.
    fn at(&self, name: &str) -> String {
        quoted(&self.directory.join(name).to_string_lossy())
    }
}

/// `array.sbatch`
pub fn array(submission: &Submission, resources: &Resources, places: &Places) -> String {
    let Submission { name, plan_hash, tasks, run_arguments, job_name, runs, .. } = submission;
    let mut lines = head(
        &format!("Trains the sweep {name}, {runs} runs, in {tasks} shards: one array task a shard."),
        plan_hash,
    );
    lines.push("# `symbreak slurm status` finds the tasks in the queue by this name.".into());
    lines.push(format!("#SBATCH --job-name={job_name}"));
    lines.push(format!("#SBATCH --array=1-{tasks}"));
    lines.push("# All attempts at a shard go on in one log.".into());
    lines.extend(log(places, "%a"));
    lines.push(format!(
        "# {NOTICE} seconds before its time limit a task is told to put its work down: it ends with exit status 143, and goes"
    ));
    lines.push("# on from there when it is submitted again.".into());
    lines.push(format!("#SBATCH --signal=B:TERM@{NOTICE}"));
    let Resources { partition, time, gpus, cpus_per_task, mem, .. } = resources;
    let cpus = cpus_per_task.map(|cpus| cpus.to_string());
    lines.extend(asked(
        &[("partition", partition), ("time", time), ("gpus", gpus), ("cpus-per-task", &cpus), ("mem", mem)],
        &resources.options,
    ));
    lines.extend(body());
    let mut command = vec![
        format!("exec {} run {}", quoted(&places.program.to_string_lossy()), places.at(SPEC)),
        format!("--shard \"$SLURM_ARRAY_TASK_ID/{tasks}\""),
        format!("--out {}/\"$SLURM_ARRAY_TASK_ID\"", places.at(SHARDS)),
        "--resume".to_string(),
    ];
    let is_threads = |word: &String| word == "--threads";
    let threads_are_given = run_arguments.iter().any(is_threads);
    if !threads_are_given {
        command.push("--threads \"$SLURM_CPUS_ON_NODE\"".into());
    }
    if !run_arguments.is_empty() {
        command.push(run_arguments.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "));
    }
    lines.push("# The shard is trained beside its place and takes it when it is finished, so a task may be started twice, even".into());
    lines.push("# at once; --resume goes on from what an earlier attempt has left. It takes as many threads as the task has".into());
    lines.push("# processors. `exec`, because Slurm signals the process that this shell is.".into());
    lines.push(command.join(" \\\n    "));
    finish(lines)
}

/// `merge.sbatch`
pub fn merge(submission: &Submission, resources: &Resources, places: &Places) -> String {
    let Submission { name, plan_hash, tasks, .. } = submission;
    let mut lines =
        head(&format!("Puts the shards of the sweep {name} together, when array.sbatch is done."), plan_hash);
    lines.push("# `symbreak slurm status` finds the job in the queue by this name.".into());
    lines.push(format!("#SBATCH --job-name={}", submission.merge_name()));
    lines.extend(log(places, "merge"));
    let Resources { partition, time, mem, .. } = resources;
    lines.extend(asked(&[("partition", partition), ("time", time), ("mem", mem)], &resources.options));
    lines.extend(body());
    lines.push("# All shards that are there. What is missing the merge says itself, run by run.".into());
    lines.push(format!("for task in {{1..{tasks}}}; do"));
    lines.push(format!("    shard={}/$task", places.at(SHARDS)));
    lines.push("    if [ -d \"$shard\" ]; then set -- \"$@\" \"$shard\"; fi".into());
    lines.push("done".into());
    lines.push("if [ \"$#\" = 0 ]; then echo \"error: no shard is finished\" >&2; exit 1; fi".into());
    let program = quoted(&places.program.to_string_lossy());
    lines.push(format!("exec {program} merge \"$@\" --out {}", places.at(MERGED)));
    finish(lines)
}

fn head(what: &str, plan_hash: &str) -> Vec<String> {
    vec![
        "#!/bin/bash".into(),
        format!("# {what}"),
        format!("# Plan {plan_hash}."),
        format!(
            "# Written by symbreak slurm {}, which writes it anew whenever it submits.",
            env!("CARGO_PKG_VERSION")
        ),
        "#".into(),
    ]
}

/// Where the job runs, and where its words go.
fn log(places: &Places, name: &str) -> Vec<String> {
    // In the name of an output file Slurm replaces what follows a %.
    let directory = places.directory.join(LOGS).to_string_lossy().replace('%', "%%");
    vec![
        "#SBATCH --open-mode=append".into(),
        format!("#SBATCH --output={}", for_sbatch(&format!("{directory}/{name}.log"))),
        "# Paths of data files begin here.".into(),
        format!("#SBATCH --chdir={}", for_sbatch(&places.working.to_string_lossy())),
        "# Slurm starts it again where its node is lost or it makes room for others.".into(),
        "#SBATCH --requeue".into(),
    ]
}

/// What the user asked for. Of two lines that say the same the later one counts.
fn asked(values: &[(&str, &Option<String>)], options: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = values
        .iter()
        .filter_map(|(flag, value)| {
            value.as_ref().map(|value| format!("#SBATCH --{flag}={}", for_sbatch(value)))
        })
        .collect();
    lines.extend(options.iter().map(|option| {
        let (name, between, value) = parts(option);
        format!("#SBATCH {name}{between}{}", for_sbatch(value))
    }));
    if !lines.is_empty() {
        lines.insert(0, "# Asked for when it was submitted.".into());
    }
    lines
}

/// An option of sbatch: its name, what stands between them, and its value, both empty if it has none.
fn parts(option: &str) -> (&str, &str, &str) {
    let is_short = option.starts_with('-') && !option.starts_with("--");
    let end = match is_short {
        // -C VALUE or -CVALUE
        true => option.char_indices().nth(2).map(|(at, _)| at),
        false => option.find(['=', ' ']),
    };
    let (name, rest) = option.split_at(end.unwrap_or(option.len()));
    let between = match rest.chars().next() {
        Some('=') if !is_short => 1,
        Some(' ') => 1,
        _ => 0,
    };
    let (between, value) = rest.split_at(between);
    (name, between, value)
}

fn body() -> Vec<String> {
    vec![
        String::new(),
        "set -eu".into(),
        "echo \"$(date '+%Y-%m-%dT%H:%M:%S'): job $SLURM_JOB_ID on ${SLURMD_NODENAME:-$(hostname)}\"".into(),
    ]
}

fn finish(lines: Vec<String>) -> String {
    lines.join("\n") + "\n"
}

/// A word of an `#SBATCH` line as sbatch reads it back: in quotes, too, a backslash takes the next character as it is.
fn for_sbatch(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if word.chars().all(plain) {
        word.into()
    } else {
        format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// Whether a path can stand in a script.
///
/// # Errors
/// [`SlurmError::Refused`] where it holds what no line can: another line, or bytes that are no text.
pub fn check_path(path: &Path) -> Result<(), SlurmError> {
    match path.to_str() {
        Some(text) if !text.contains(char::is_control) => Ok(()),
        _ => Err(SlurmError::Refused(format!(
            "{}: a path with control characters, or that is not UTF-8, cannot stand in a batch script; use --out DIR, and \
             submit from another directory",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(option: &str) -> Resources {
        Resources { options: vec![option.into()], ..Resources::default() }
    }

    #[test]
    fn values_of_further_options_are_quoted_where_sbatch_needs_it() {
        for (option, line) in [
            ("--account=physics", "--account=physics"),
            ("--exclusive", "--exclusive"),
            ("-n4", "-n4"),
            ("-Afew", "-Afew"),
            ("-A few", "-A few"),
            ("--comment=a b", r#"--comment="a b""#),
            ("--comment a b", r#"--comment "a b""#),
            ("--comment=a=b c", r#"--comment="a=b c""#),
            (r#"--comment=the "best" \ #1"#, r#"--comment="the \"best\" \\ #1""#),
            ("-C a|b", r#"-C "a|b""#),
            ("-Ca|b", r#"-C"a|b""#),
        ] {
            with(option).check().unwrap();
            assert_eq!(asked(&[], &with(option).options)[1..], [format!("#SBATCH {line}")]);
        }
    }

    #[test]
    fn options_of_the_scripts_are_refused_however_they_are_written() {
        for (option, long) in [
            ("--array=1-4", "--array"),
            ("--arr=1-4", "--array"),
            ("--arr 1-4", "--array"),
            ("--job-n=x", "--job-name"),
            ("--err=x", "--error"),
            ("--wr=x", "--wrap"),
            ("-a1-4", "--array"),
            ("-J x", "--job-name"),
        ] {
            let error = with(option).check().unwrap_err().to_string();
            assert!(error.contains(&format!("depend on their own {long}")), "{option}: {error}");
        }
        for option in ["--", "-", "account=x", "--comment=a\nb"] {
            let error = with(option).check().unwrap_err().to_string();
            assert!(error.contains("expected an option of sbatch"), "{option}: {error}");
        }
        // As long as one of these, or longer, or with the same beginning.
        for option in
            ["--exclude=n1", "--jobs-x=1", "--array-x=1", "--deadline=now+1hour", "--account=x", "-A x"]
        {
            with(option).check().unwrap();
        }
    }
}
