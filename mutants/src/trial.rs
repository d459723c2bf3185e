//! Runs tests with one mutant on: those tests that reach it, quick ones first, until one fails.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::list::Mutant;

/// One test of one executable.
#[derive(Clone)]
pub struct Test {
    executable: PathBuf,
    /// As the harness lists it.
    pub name: String,
    /// With no mutant on.
    pub took: Duration,
    /// Whether it makes files that have a length and no content, longer than a mutant may write.
    sparse: bool,
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
    /// So many passed, and there was no time for the others.
    Undecided(usize),
    /// No test reaches it.
    Unreached,
    /// It does not compile.
    Refused,
}

/// Lists the tests and runs each alone, with no mutant on; those that fail or take longer than `longest` are left out and named.
pub fn record(executables: &[PathBuf], tree: &Path, longest: Duration, workers: usize) -> Result<Vec<Test>> {
    let mut tests = Vec::new();
    for executable in executables {
        let listed =
            Command::new(executable).args(["--list", "--format", "terse"]).current_dir(tree).output()?;
        let listed = String::from_utf8(listed.stdout).context("a test's name is not UTF-8")?;
        let names = listed.lines().filter_map(|line| line.strip_suffix(": test"));
        tests.extend(names.map(|name| Test {
            executable: executable.clone(),
            name: name.into(),
            took: Duration::ZERO,
            sparse: false,
            reached: BTreeSet::new(),
        }));
    }
    let found = Mutex::new(Vec::new());
    fs::create_dir_all(tree.join("target"))?;
    each(tests.len(), workers, |at| {
        let mut test = tests[at].clone();
        let file = tree.join(format!("target/reached.{at}"));
        let mut run = |sparse| {
            test.sparse = sparse;
            let _ = fs::remove_file(&file);
            let started = Instant::now();
            let end = test.run(tree, longest, ("MUTANTS_REACHED", file.as_os_str()))?;
            Ok::<_, anyhow::Error>((end, started.elapsed()))
        };
        let (mut end, mut took) = run(false)?;
        if end == Some(false) {
            (end, took) = run(true)?;
        }
        if end != Some(true) {
            eprintln!("{}: {}, left out", if end.is_none() { "takes too long" } else { "fails" }, test.name);
            return Ok(());
        }
        let reached = fs::read_to_string(&file)
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect();
        found.lock().expect("no worker panics").push(Test { took, reached, ..test });
        Ok(())
    })?;
    let mut tests = found.into_inner().expect("no worker panics");
    tests.sort_by_key(|test| test.took);
    Ok(tests)
}

/// How mutants are tried.
pub struct Trials<'a> {
    pub mutants: &'a [Mutant],
    pub tests: &'a [Test],
    /// How many mutants of a file (by its path) a test (by its name) has caught, as far as it is known.
    pub kills: Mutex<BTreeMap<String, BTreeMap<String, usize>>>,
    pub tree: &'a Path,
    pub workers: usize,
    /// How long the tests of one mutant may take in all.
    pub patience: Duration,
    pub deadline: Instant,
}

impl Trials<'_> {
    /// Tries each of `chosen` that are woven and tells `told` of it as soon as it has ended, until the deadline.
    ///
    /// # Errors
    /// Where a test cannot be started.
    pub fn all(&self, chosen: &[usize], told: impl Fn(usize, Verdict) + Sync) -> Result<()> {
        let mut reaching = BTreeMap::<usize, Vec<&Test>>::new();
        for test in self.tests {
            for &number in &test.reached {
                reaching.entry(number).or_default().push(test);
            }
        }
        each(chosen.len(), self.workers, |at| {
            if Instant::now() < self.deadline {
                let number = chosen[at];
                let tests = reaching.get(&number).cloned().unwrap_or_default();
                told(number, self.attempt(number, tests)?);
            }
            Ok(())
        })
    }

    /// Tries a mutant that `executables` were built with: by any of their tests, for none says whether it reaches it.
    ///
    /// # Errors
    /// Where a test cannot be started.
    pub fn alone(&self, number: usize, executables: &[PathBuf]) -> Result<Verdict> {
        let tests = self.tests.iter().filter(|test| executables.contains(&test.executable));
        self.attempt(number, tests.collect())
    }

    fn attempt(&self, number: usize, mut tests: Vec<&Test>) -> Result<Verdict> {
        let file = &self.mutants[number].file;
        // The library's own tests of the folder, as the harness names them: `output::merge::`.
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let folder = format!("{}::", folder.trim_start_matches("src/").replace('/', "::"));
        let kills = self.kills.lock().expect("no worker panics").get(file).cloned().unwrap_or_default();
        // Those first that have caught most of this file's for their time, or may well; then quick ones.
        let cost = |test: &Test| {
            let kills =
                kills.get(&test.name).copied().unwrap_or(0) + usize::from(test.name.starts_with(&folder));
            (test.took.as_secs_f64() + 0.02) / (kills as f64 + 0.1)
        };
        tests.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
        let (mut taken, mut passed) = (Duration::ZERO, 0);
        for test in &tests {
            taken += test.took;
            if taken > self.patience && passed > 0 {
                return Ok(Verdict::Undecided(passed));
            }
            let longest = test.took * 10 + Duration::from_secs(10);
            let run = || test.run(self.tree, longest, ("MUTANT", number.to_string().as_ref()));
            let verdict = match run()? {
                None => Verdict::TimedOut(test.name.clone()),
                // Twice, since it may have been the machine.
                Some(false) if run()? != Some(true) => Verdict::Caught(test.name.clone()),
                _ => {
                    passed += 1;
                    continue;
                }
            };
            let mut kills = self.kills.lock().expect("no worker panics");
            *kills.entry(file.clone()).or_default().entry(test.name.clone()).or_default() += 1;
            return Ok(verdict);
        }
        Ok(if tests.is_empty() { Verdict::Unreached } else { Verdict::Missed(passed) })
    }
}

impl Test {
    /// Whether it passes; `None` if it has to be stopped.
    fn run(&self, tree: &Path, longest: Duration, set: (&str, &OsStr)) -> Result<Option<bool>> {
        let mut child = Command::new("prlimit")
            // A mutant may ask for all memory there is, or fill the disk.
            .arg("--as=8000000000")
            .args((!self.sparse).then_some("--fsize=2000000000"))
            .arg(&self.executable)
            .args(["--exact", &self.name])
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
            .spawn()
            .context("starting prlimit")?;
        let started = Instant::now();
        loop {
            match child.try_wait()? {
                Some(status) => return Ok(Some(status.success())),
                None if started.elapsed() < longest => thread::sleep(Duration::from_millis(5)),
                None => {
                    // The test and all that it started.
                    Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status()?;
                    child.wait()?;
                    return Ok(None);
                }
            }
        }
    }
}

/// Works on 0, 1, … `count` − 1 until one of them fails.
fn each(count: usize, workers: usize, work: impl Fn(usize) -> Result<()> + Sync) -> Result<()> {
    let next = AtomicUsize::new(0);
    let worker = || {
        loop {
            let at = next.fetch_add(1, Relaxed);
            if at >= count {
                return Ok(());
            }
            work(at).inspect_err(|_| next.store(count, Relaxed))?;
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
    })
}
