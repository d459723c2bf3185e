//! Runs tests with one mutant on: those tests that reach it, quick ones first, until one fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// One test of one executable.
pub struct Test {
    executable: PathBuf,
    /// As the harness lists it.
    pub name: String,
    /// With no mutant on.
    pub took: Duration,
    /// Mutants that it asks for.
    reached: BTreeSet<usize>,
}

/// How a mutant ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This test failed.
    Caught(String),
    /// This test did not end.
    TimedOut(String),
    /// So many tests reach it, and all passed.
    Missed(usize),
    /// No test reaches it.
    Unreached,
    /// It does not compile.
    Refused,
}

/// Lists the tests and runs each alone, with no mutant on; those that fail or take longer than `longest` are left out and named.
pub fn record(executables: &[PathBuf], tree: &Path, longest: Duration, workers: usize) -> Result<Vec<Test>> {
    let mut names = Vec::new();
    for executable in executables {
        let listed =
            Command::new(executable).args(["--list", "--format", "terse"]).current_dir(tree).output()?;
        let listed = String::from_utf8(listed.stdout).context("a test's name is not UTF-8")?;
        names.extend(
            listed
                .lines()
                .filter_map(|line| line.strip_suffix(": test"))
                .map(|name| (executable, name.to_string())),
        );
    }
    let found = Mutex::new(Vec::new());
    fs::create_dir_all(tree.join("target"))?;
    each(names.len(), workers, |at| {
        let (executable, name) = &names[at];
        let file = tree.join(format!("target/reached.{at}"));
        let _ = fs::remove_file(&file);
        let started = Instant::now();
        let end = run(executable, name, tree, longest, ("MUTANTS_REACHED", file.as_os_str().to_owned()));
        let took = started.elapsed();
        if end != Some(true) {
            eprintln!("{}: {name}, left out", if end.is_none() { "takes too long" } else { "fails" });
            return;
        }
        let reached = fs::read_to_string(&file)
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect();
        let test = Test { executable: executable.to_path_buf(), name: name.clone(), took, reached };
        found.lock().expect("no worker panics").push(test);
    });
    let mut tests = found.into_inner().expect("no worker panics");
    tests.sort_by_key(|test| test.took);
    Ok(tests)
}

/// How mutants are tried.
pub struct Trials<'a> {
    /// Quick ones first.
    pub tests: &'a [Test],
    pub tree: &'a Path,
    pub workers: usize,
    /// How long the tests of one mutant may take in all.
    pub patience: Duration,
    pub deadline: Instant,
}

impl Trials<'_> {
    /// Tries each of `mutants` that are woven and tells `told` of it as soon as it has ended, until the deadline.
    pub fn all(&self, mutants: &[usize], told: impl Fn(usize, Verdict) + Sync) {
        let mut reaching = BTreeMap::<usize, Vec<&Test>>::new();
        for test in self.tests {
            for &number in &test.reached {
                reaching.entry(number).or_default().push(test);
            }
        }
        each(mutants.len(), self.workers, |at| {
            if Instant::now() < self.deadline {
                let number = mutants[at];
                told(number, self.attempt(number, reaching.get(&number).map_or(&[][..], Vec::as_slice)));
            }
        });
    }

    /// Tries the mutant that the executables were built with: by any test, for none says whether it reaches it.
    pub fn alone(&self) -> Verdict {
        self.attempt(0, &self.tests.iter().collect::<Vec<_>>())
    }

    fn attempt(&self, number: usize, tests: &[&Test]) -> Verdict {
        let mut taken = Duration::ZERO;
        let affordable = tests.iter().take_while(|test| {
            taken += test.took;
            taken <= self.patience
        });
        let mut passed = 0;
        for test in affordable {
            let longest = test.took * 10 + Duration::from_secs(10);
            match run(&test.executable, &test.name, self.tree, longest, ("MUTANT", number.to_string().into()))
            {
                Some(true) => passed += 1,
                Some(false) => return Verdict::Caught(test.name.clone()),
                None => return Verdict::TimedOut(test.name.clone()),
            }
        }
        if tests.is_empty() { Verdict::Unreached } else { Verdict::Missed(passed) }
    }
}

/// Whether a test passes; `None` if it has to be stopped.
fn run(
    executable: &Path,
    name: &str,
    tree: &Path,
    longest: Duration,
    set: (&str, std::ffi::OsString),
) -> Option<bool> {
    let child = Command::new("prlimit")
        // A mutant may ask for all memory there is, or fill the disk.
        .args(["--as=8000000000", "--fsize=2000000000"])
        .arg(executable)
        .args(["--exact", name])
        .current_dir(tree)
        .env("CARGO_MANIFEST_DIR", tree)
        .env("INSTA_UPDATE", "no")
        .env_remove("MUTANT")
        .env_remove("MUTANTS_REACHED")
        .env(set.0, set.1)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    let Ok(mut child) = child else { return Some(false) };
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) if started.elapsed() < longest => thread::sleep(Duration::from_millis(5)),
            _ => {
                // The test and all that it started.
                let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status();
                let _ = child.wait();
                return None;
            }
        }
    }
}

fn each(count: usize, workers: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Relaxed);
                    if at >= count {
                        return;
                    }
                    work(at);
                }
            });
        }
    });
}
