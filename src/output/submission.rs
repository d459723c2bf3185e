//! `slurm.json`: what was given to a cluster. Beside it lie the spec and the scripts that were submitted, and the
//! directories of what comes of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::append::{self, Content, read_whole, write_whole};
use super::directory::holds_files;
use super::lock::Lock;
use super::{OutputError, failed};
use crate::spec::{self, Plan, first_few, to_toml};

/// The file's name.
pub const FILE: &str = "slurm.json";
/// The spec that every task reads.
pub const SPEC: &str = "spec.toml";
/// The script of the array.
pub const ARRAY: &str = "array.sbatch";
/// The script of the merge.
pub const MERGE: &str = "merge.sbatch";
/// Most tasks of an array: Slurm's MaxArraySize is at most 4000001, one more than the largest number of a task.
pub const MOST_TASKS: u64 = 4_000_000;

/// Directory of what tasks and merge print.
pub const LOGS: &str = "log";
/// Directory of the shards, each under its number.
pub const SHARDS: &str = "shards";
/// Directory of the whole sweep, when it is put together.
pub const MERGED: &str = "merged";

/// Version of the layout of [`FILE`].
const SCHEMA_VERSION: u32 = 1;

/// Jobs that were submitted together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// When, in seconds since 1970.
    pub at: u64,
    /// Tasks of the array, as `1-3,7`.
    pub tasks: String,
    /// The array's job; null where only the merge was submitted.
    pub array: Option<String>,
    /// The merge's job; null where it was refused.
    pub merge: Option<String>,
}

/// The content of `slurm.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// Version of the layout.
    pub schema_version: u32,
    /// Of this program.
    pub program_version: String,
    /// `name` of the spec.
    pub name: String,
    /// The resolved spec.
    pub spec: Json,
    /// Hash of the plan.
    pub plan_hash: String,
    /// All runs of the plan.
    pub runs: u64,
    /// Tasks that they are cut into.
    pub tasks: u64,
    /// What each task gives to `symbreak run` besides the spec, its shard and its place.
    pub run_arguments: Vec<String>,
    /// Name of the array's job in the queue; no other sweep's and no other place's is called so.
    pub job_name: String,
    /// What was submitted, the oldest first.
    pub submitted: Vec<Submitted>,
    /// BLAKE3, in hex, of every file that decides what tasks train, by its path from the root: the spec and its data files.
    #[serde(default)]
    pub reads: BTreeMap<String, String>,
}

impl Submission {
    /// Of a plan that is about to be submitted to run in `directory`; paths of its data files begin in `working`. Both are
    /// given from the root.
    pub fn new(
        plan: &Plan,
        tasks: u64,
        run_arguments: Vec<String>,
        directory: &Path,
        working: &Path,
    ) -> Submission {
        let plan_hash = plan.hash();
        let mut reads = data_files(&plan.resolved, working);
        reads.insert(
            directory.join(SPEC).to_string_lossy().into_owned(),
            blake3::hash(spec(plan).as_bytes()).to_hex().to_string(),
        );
        let place = format!("{plan_hash} {}", directory.display());
        let mark = blake3::hash(place.as_bytes()).to_hex();
        // Slurm's own lists of names are cut at commas.
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        Submission {
            schema_version: SCHEMA_VERSION,
            program_version: env!("CARGO_PKG_VERSION").into(),
            name: plan.name.clone(),
            spec: plan.resolved.clone(),
            runs: plan.runs(),
            tasks,
            run_arguments,
            job_name: format!("{}-{}", plan.name.chars().map(plain).collect::<String>(), &mark[..8]),
            reads,
            plan_hash,
            submitted: Vec::new(),
        }
    }

    /// Name of the merge's job in the queue.
    pub fn merge_name(&self) -> String {
        format!("{}-merge", self.job_name)
    }

    /// Reads that of `directory`; `None` if there is none.
    pub fn read(directory: &Path) -> Result<Option<Submission>, OutputError> {
        let path = directory.join(FILE);
        let text = match read_whole(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        let damaged = |problem: String| OutputError::Damaged { path: path.clone(), problem };
        let content: Json = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        let version = &content["schema_version"];
        if *version != SCHEMA_VERSION {
            return Err(damaged(format!(
                "its schema_version is {version}, this program writes and reads {SCHEMA_VERSION}"
            )));
        }
        let held: Submission = serde_json::from_value(content).map_err(|error| damaged(error.to_string()))?;
        if !(1..=MOST_TASKS).contains(&held.tasks) {
            return Err(damaged(format!("it has {} tasks, not 1 to {MOST_TASKS}", held.tasks)));
        }
        Ok(Some(held))
    }

    /// Writes it into `directory`, whole.
    pub fn write(&self, directory: &Path) -> Result<(), OutputError> {
        let path = directory.join(FILE);
        let mut text = serde_json::to_string_pretty(self).map_err(|e| failed("write", &path)(e.into()))?;
        text.push('\n');
        write_whole(&path, text.as_bytes())
    }

    /// The files that tasks read, and that are not any more what was submitted, with what is wrong with each. Tasks would
    /// train another plan, or none.
    pub fn changed(&self) -> Vec<(&Path, String)> {
        let wrong = |(path, hash): (&'_ String, &String)| match Content::of(Path::new(path)) {
            Ok(content) if content.blake3 == *hash => None,
            Ok(_) => Some("has changed since".to_string()),
            Err(OutputError::File { source, .. }) => Some(format!("cannot be read ({source})")),
            Err(error) => Some(error.to_string()),
        };
        self.reads
            .iter()
            .filter_map(|entry| wrong(entry).map(|problem| (Path::new(entry.0.as_str()), problem)))
            .collect()
    }

    /// Adds jobs that the cluster has taken, and writes it.
    pub fn add(
        &mut self,
        directory: &Path,
        tasks: String,
        array: Option<String>,
        merge: Option<String>,
    ) -> Result<(), OutputError> {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.submitted.push(Submitted { at, tasks, array, merge });
        self.write(directory)
    }
}

/// A directory that is being submitted, by this process only.
#[derive(Debug)]
pub struct Place {
    directory: PathBuf,
    _lock: Lock,
}

impl Place {
    /// Enters `directory`, which is made if it is missing, to submit what `wanted` describes for `plan`. Gives what was
    /// submitted there before, if it is the same sweep in the same tasks; so long as nothing was, anything else may take
    /// its place.
    ///
    /// # Errors
    /// [`OutputError::Refused`] where the directory holds something else, [`OutputError::Busy`] while another process is
    /// at work there.
    pub fn enter(
        directory: &Path,
        plan: &Plan,
        wanted: &Submission,
    ) -> Result<(Place, Option<Submission>), OutputError> {
        let lock = Lock::take(directory)?;
        let held = held(directory, plan, wanted)?;
        Ok((Place { directory: directory.to_path_buf(), _lock: lock }, held))
    }

    /// Writes the spec and the scripts, each whole, and makes the directories that tasks write into.
    pub fn prepare(&self, plan: &Plan, scripts: &[(&str, &str)]) -> Result<(), OutputError> {
        let spec = spec(plan);
        within(spec::MOST_BYTES, &spec)?;
        for name in [LOGS, SHARDS] {
            let path = self.directory.join(name);
            fs::create_dir_all(&path).map_err(failed("create the directory", &path))?;
        }
        for (name, text) in [(SPEC, &*spec)].iter().chain(scripts) {
            write_whole(&self.directory.join(name), text.as_bytes())?;
        }
        Ok(())
    }
}

/// Makes sure that tasks would read a spec, which is given as text.
fn within(most: u64, spec: &str) -> Result<(), OutputError> {
    if spec.len() as u64 > most {
        return Err(OutputError::Refused(format!(
            "the spec with all swept values is larger than the {} MiB that tasks would read; sweep fewer values",
            most >> 20
        )));
    }
    Ok(())
}

/// `spec.toml`
fn spec(plan: &Plan) -> String {
    format!(
        "# What was submitted, with every default and flag resolved. All tasks read this file: an edit would make them\n\
         # shards of different plans, which no merge takes.\n\
         # Plan {}.\n\n{}",
        plan.hash(),
        to_toml(plan)
    )
}

/// The files that a resolved spec names, whose paths begin in `working`, and the BLAKE3 of each.
fn data_files(resolved: &Json, working: &Path) -> BTreeMap<String, String> {
    let tables = resolved.as_object().into_iter().flatten();
    let files = tables.filter_map(|(_, keys)| keys.get("content")?.as_object()).flatten();
    let files = files.filter_map(|(path, hash)| {
        Some((working.join(path).to_string_lossy().into_owned(), hash.as_str()?.to_string()))
    });
    files.collect()
}

/// What was submitted in `directory` before, if it is what is `wanted` for `plan`.
///
/// # Errors
/// [`OutputError::Refused`] where the directory holds something else.
pub fn held(directory: &Path, plan: &Plan, wanted: &Submission) -> Result<Option<Submission>, OutputError> {
    let place = directory.display();
    let Some(held) = Submission::read(directory)? else {
        if holds_files(directory)? {
            return Err(OutputError::Refused(format!(
                "{place} holds files, but nothing that was submitted; use --out DIR for another place"
            )));
        }
        return Ok(None);
    };
    let untouched = fs::read_dir(directory.join(SHARDS)).map_or(true, |mut shards| shards.next().is_none());
    if held.submitted.is_empty() && untouched {
        return Ok(None);
    }
    let refuse =
        |what: String| Err(OutputError::Refused(format!("{place} {what}; use --out DIR for another place")));
    if held.plan_hash != wanted.plan_hash {
        return refuse(format!(
            "was submitted for another plan ({})",
            first_few(plan.differences(&held.spec)).join("; ")
        ));
    }
    if held.tasks != wanted.tasks {
        return refuse(format!("was submitted with --tasks {}, not {}", held.tasks, wanted.tasks));
    }
    if held.run_arguments != wanted.run_arguments {
        let words = |arguments: &[String]| match arguments {
            [] => "nothing".to_string(),
            words => words.join(" "),
        };
        return refuse(format!(
            "was submitted to run with {}, not with {}",
            words(&held.run_arguments),
            words(&wanted.run_arguments)
        ));
    }
    Ok(Some(held))
}

/// The last line in the log of a task, or of the merge, that has anything on it, without what a terminal would act upon.
pub fn last_words(log: &Path) -> Option<String> {
    const READ: u64 = 4096;
    use std::io::{Read, Seek, SeekFrom};
    let mut file = append::open(log).ok()?;
    let length = file.seek(SeekFrom::End(0)).ok()?;
    file.seek(SeekFrom::Start(length.saturating_sub(READ))).ok()?;
    let mut tail = Vec::new();
    file.take(READ).read_to_end(&mut tail).ok()?;
    let text = String::from_utf8_lossy(&tail);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    Some(line.chars().filter(|c| !c.is_control()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Overrides, parse};

    fn plan(lines: &str) -> Plan {
        let text = format!("name = \"my sweep\"\n[task]\ndataset = \"xor\"\n{lines}");
        parse(&text, "x.toml", &Overrides::default()).unwrap().0
    }

    fn submission(plan: &Plan, directory: &Path) -> Submission {
        Submission::new(plan, 3, Vec::new(), directory, Path::new("/"))
    }

    #[test]
    fn the_merge_is_called_as_the_array_is() {
        let of = submission(&plan(""), Path::new("/a"));
        assert!(of.job_name.starts_with("my-sweep-"), "{}", of.job_name);
        assert_eq!(of.merge_name(), format!("{}-merge", of.job_name));
    }

    #[test]
    fn what_was_submitted_is_kept_and_anything_else_refused() {
        let place = tempfile::tempdir().unwrap();
        let here = place.path();
        let ours = plan("");
        let mut wanted = submission(&ours, here);
        assert_eq!(Submission::read(here).unwrap(), None);
        assert!(Submission::read(&here.join("none")).unwrap().is_none());
        assert_eq!(held(here, &ours, &wanted).unwrap(), None);
        fs::write(here.join("notes.txt"), "").unwrap();
        assert!(
            matches!(held(here, &ours, &wanted), Err(OutputError::Refused(why)) if why.contains("holds files"))
        );

        // Nothing was given to the cluster yet: another plan may take its place.
        let other = plan("[train]\nlr = 3\n");
        let of_other = submission(&other, here);
        wanted.write(here).unwrap();
        assert_eq!(Submission::read(here).unwrap().as_ref(), Some(&wanted));
        fs::create_dir(here.join(SHARDS)).unwrap();
        assert_eq!(held(here, &other, &of_other).unwrap(), None);
        // Not when a task has left something, nor when jobs are known.
        let refused = |what: &str| match held(here, &other, &of_other) {
            Err(OutputError::Refused(why)) => assert!(why.contains(what), "{why}"),
            other => panic!("{other:?}"),
        };
        fs::create_dir(here.join(SHARDS).join("1.part")).unwrap();
        refused("was submitted for another plan (train.lr: ");
        fs::remove_dir(here.join(SHARDS).join("1.part")).unwrap();
        wanted.add(here, "1-3".into(), Some("7".into()), None).unwrap();
        let kept = Submission::read(here).unwrap().unwrap();
        let [Submitted { tasks, array, merge, .. }] = &kept.submitted[..] else { panic!("{kept:?}") };
        assert_eq!((tasks.as_str(), array.as_deref(), merge.as_deref()), ("1-3", Some("7"), None));
        refused("was submitted for another plan (train.lr: ");
        assert_eq!(held(here, &ours, &wanted).unwrap(), Some(kept));

        // Something that is no file in its place.
        fs::remove_file(here.join(FILE)).unwrap();
        fs::create_dir(here.join(FILE)).unwrap();
        assert!(Submission::read(here).is_err());
    }

    #[test]
    fn what_tasks_read_is_written() {
        let place = tempfile::tempdir().unwrap();
        let here = place.path();
        let plan = plan("");
        let (entered, _) = Place::enter(here, &plan, &submission(&plan, here)).unwrap();
        entered.prepare(&plan, &[("run.sh", "true\n")]).unwrap();
        assert_eq!(fs::read_to_string(here.join("run.sh")).unwrap(), "true\n");
        assert_eq!(fs::read_to_string(here.join(SPEC)).unwrap(), spec(&plan));
        assert!(here.join(LOGS).is_dir() && here.join(SHARDS).is_dir());
        let most = "x".repeat(3 << 20);
        within(3 << 20, &most).unwrap();
        let error = within(3 << 20, &(most + "x")).unwrap_err().to_string();
        assert!(error.contains("3 MiB") && error.contains("sweep fewer values"), "{error}");
    }

    #[test]
    fn the_last_words_of_a_log_are_its_last_line_that_has_any() {
        let place = tempfile::tempdir().unwrap();
        let log = place.path().join("log");
        let words = |text: &str| {
            fs::write(&log, text).unwrap();
            last_words(&log)
        };
        assert_eq!(last_words(&place.path().join("none")), None);
        assert_eq!(words(""), None);
        assert_eq!(words("\n  \n"), None);
        assert_eq!(words("first\n  last \u{1b}[31mred\u{7}  \n\n \n").as_deref(), Some("last [31mred"));
        assert_eq!(words(&format!("{}\nend\n", "x".repeat(9000))).as_deref(), Some("end"));
    }
}
