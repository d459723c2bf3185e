//! The program, and what its sweeps come to.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};

use symbreak::output::manifest::Counts;
use symbreak::output::{Manifest, Status, Stint, Verification};
use tempfile::TempDir;

/// An empty directory, in memory if there is such a place.
pub fn place() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// `symbreak` with these words and this result directory.
pub fn symbreak(words: &str, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_symbreak"));
    command.args(words.split_whitespace()).arg("--out").arg(out).env("NODEVICE_SELECT", "1");
    command
}

/// How a program ended.
pub struct Ended {
    pub status: ExitStatus,
    /// What it said on standard error.
    pub said: String,
}

pub fn ended(output: Output) -> Ended {
    Ended { status: output.status, said: String::from_utf8(output.stderr).unwrap() }
}

/// Runs a program to its end.
pub fn run(command: &mut Command) -> Ended {
    ended(command.output().unwrap())
}

/// Runs a program that must have this status.
pub fn run_to(status: i32, command: &mut Command) -> String {
    let ended = run(command);
    assert_eq!(ended.status.code(), Some(status), "{command:?}: {}", ended.said);
    ended.said
}

/// What a finished sweep comes to, times apart.
#[derive(Clone)]
pub struct Sweep {
    pub files: BTreeMap<String, Vec<u8>>,
    counts: Counts,
    verification: Option<Verification>,
    trained_by: Vec<Stint>,
}

impl Sweep {
    /// That is in a directory, whose manifest must say that it is finished and what is there.
    pub fn of(directory: &Path) -> Sweep {
        let manifest = Manifest::read(directory).unwrap().unwrap();
        assert_eq!(manifest.status, Status::Finished);
        manifest.check(directory).unwrap();
        assert!(manifest.training_seconds >= 0.0 && manifest.total_seconds >= manifest.training_seconds);
        let files = files(directory);
        assert!(files.keys().eq(manifest.files.keys()), "{:?} {:?}", files.keys(), manifest.files);
        for (name, bytes) in &files {
            assert_eq!(blake3::hash(bytes).to_hex().as_str(), manifest.files[name].blake3, "{name}");
        }
        let Manifest { counts, verification, trained_by, .. } = manifest;
        Sweep { files, counts, verification, trained_by }
    }

    /// Of these words, if nothing befalls it.
    pub fn undisturbed(words: &str) -> Sweep {
        let place = place();
        run_to(0, &mut symbreak(words, &place.path().join("out")));
        Sweep::of(&place.path().join("out"))
    }

    /// What another one has not the same, by name.
    pub fn differences(&self, other: &Sweep) -> Vec<String> {
        let mut names: Vec<&String> = self.files.keys().chain(other.files.keys()).collect();
        names.sort();
        names.dedup();
        let differing = names.into_iter().filter(|&name| self.files.get(name) != other.files.get(name));
        let mut found: Vec<String> = differing.cloned().collect();
        let mut of_manifest = |name: &str, same: bool| found.extend((!same).then(|| name.to_string()));
        of_manifest("counts", self.counts == other.counts);
        of_manifest("verification", self.verification == other.verification);
        of_manifest("trained_by", self.trained_by == other.trained_by);
        found
    }

    /// Panics unless a directory holds the same.
    pub fn assert_is_in(&self, directory: &Path, after: &str) {
        let differences = self.differences(&Sweep::of(directory));
        assert!(differences.is_empty(), "{after}: {differences:?} differ");
    }
}

/// Every file of a directory but the manifest, which tells times.
pub fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = all_files(directory);
    all.remove("manifest.json");
    all
}

/// Every file of a directory.
pub fn all_files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    names(directory).into_iter().map(|name| (name.clone(), fs::read(directory.join(name)).unwrap())).collect()
}

/// The names in a directory, in order; none if it is not there.
pub fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Makes `to` a copy of a directory of files.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in names(from) {
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

/// Where a sweep, or a shard that is to be in `out`, is trained.
pub fn workplace(out: &Path) -> PathBuf {
    let part = out.with_file_name("out.part");
    if part.exists() { part } else { out.to_path_buf() }
}

/// Ends of the windows that the journal of a directory tells of, in whole lines.
pub fn windows(directory: &Path) -> Vec<u64> {
    let text = fs::read(directory.join("journal.jsonl")).unwrap_or_default();
    let lines = text.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let entry = |line: &[u8]| serde_json::from_slice::<serde_json::Value>(line).ok()?["entry"]["to"].as_u64();
    lines.map_while(entry).collect()
}
