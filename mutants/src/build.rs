//! Builds the woven tree, and takes out the mutants that the compiler refuses until it refuses none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::list::Mutant;
use crate::weave::{self, Woven};

/// The executables of the tests, and the mutants that are not in them.
pub struct Built {
    pub executables: Vec<PathBuf>,
    /// Mutants that do not compile.
    pub refused: BTreeSet<usize>,
    /// Mutants that cannot be woven, and have to be built alone.
    pub left_out: BTreeSet<usize>,
}

/// Builds the tests `tests` of the project at `root`, woven with `mutants`, in `tree`.
pub fn build(root: &Path, tree: &Path, mutants: &[Mutant], tests: &[String]) -> Result<Built> {
    copy(root, tree)?;
    let chosen = include_str!("chosen.rs").replace("COUNT", &mutants.len().to_string());
    fs::write(tree.join("src/mutant.rs"), chosen)?;
    let library = fs::read_to_string(root.join("src/lib.rs"))?;
    fs::write(tree.join("src/lib.rs"), format!("{library}\npub mod mutant;\n"))?;
    let mut refused = BTreeSet::new();
    loop {
        let woven = weave_all(root, tree, mutants, &refused)?;
        let (executables, errors) = compile(tree, tests)?;
        if errors.is_empty() {
            let left_out = woven.values().flat_map(|woven| woven.left_out.clone()).collect();
            return Ok(Built { executables, refused, left_out });
        }
        let before = refused.len();
        for error in &errors {
            refused.extend(guilty(error, &woven));
        }
        eprintln!("the compiler refuses {} mutants", refused.len());
        if refused.len() == before {
            bail!(
                "the woven tree does not compile for another reason:\n{}",
                errors[0]["rendered"].as_str().unwrap_or("")
            );
        }
    }
}

/// Builds the library's tests and `tests` with one change and nothing woven, where the woven ones stood. Their executables, or
/// none if it does not compile.
pub fn build_alone(
    root: &Path,
    tree: &Path,
    mutant: &Mutant,
    tests: &[String],
) -> Result<Option<Vec<PathBuf>>> {
    copy(root, tree)?;
    let mut source = fs::read_to_string(root.join(&mutant.file))?;
    source.replace_range(mutant.bytes(&source), &mutant.replacement);
    fs::write(tree.join(&mutant.file), source)?;
    let (executables, errors) = compile(tree, tests)?;
    Ok(errors.is_empty().then_some(executables))
}

/// What git knows of, and what is new and not ignored.
fn copy(root: &Path, tree: &Path) -> Result<()> {
    let listed =
        Command::new("git").args(["ls-files", "-coz", "--exclude-standard"]).current_dir(root).output()?;
    let listed = String::from_utf8(listed.stdout).context("a file's name is not UTF-8")?;
    for name in listed.split('\0').filter(|name| !name.is_empty() && root.join(name).is_file()) {
        let (from, to) = (root.join(name), tree.join(name));
        let bytes = fs::read(&from).with_context(|| format!("reading {}", from.display()))?;
        // What has not changed keeps its time, so that cargo does not compile it again.
        if fs::read(&to).is_ok_and(|there| there == bytes) {
            continue;
        }
        fs::create_dir_all(to.parent().context("a file at the root of the file system")?)?;
        fs::copy(&from, &to)?;
    }
    Ok(())
}

fn weave_all(
    root: &Path,
    tree: &Path,
    mutants: &[Mutant],
    refused: &BTreeSet<usize>,
) -> Result<BTreeMap<String, Woven>> {
    let mut files = BTreeMap::<&str, Vec<(usize, &Mutant)>>::new();
    for (number, mutant) in mutants.iter().enumerate() {
        let of = files.entry(&mutant.file).or_default();
        if !refused.contains(&number) {
            of.push((number, mutant));
        }
    }
    let mut all = BTreeMap::new();
    for (file, of) in files {
        let source = fs::read_to_string(root.join(file)).with_context(|| format!("reading {file}"))?;
        let woven = weave::weave(&source, &of).with_context(|| format!("weaving {file}"))?;
        let to = tree.join(file);
        if fs::read_to_string(&to).is_ok_and(|there| there != woven.text) {
            fs::write(to, &woven.text)?;
        }
        all.insert(file.to_string(), woven);
    }
    Ok(all)
}

/// The executables, and the compiler's errors.
fn compile(tree: &Path, tests: &[String]) -> Result<(Vec<PathBuf>, Vec<Value>)> {
    let output = Command::new("cargo")
        .args(["test", "--no-run", "--no-default-features", "--lib", "--message-format=json"])
        .args((!tests.is_empty()).then_some("--bins"))
        .args(tests.iter().map(|test| format!("--test={test}")))
        .current_dir(tree)
        // Mutants are not code to be linted; training must not take for ever.
        .env("RUSTFLAGS", "--cap-lints=allow")
        .envs([("CARGO_PROFILE_DEV_DEBUG", "0"), ("CARGO_PROFILE_DEV_OPT_LEVEL", "2")])
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo")?;
    let (mut executables, mut errors) = (Vec::new(), Vec::new());
    for line in output.stdout.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"{")) {
        let message: Value = serde_json::from_slice(line)?;
        if message["reason"] == "compiler-message" && message["message"]["level"] == "error" {
            errors.push(message["message"].clone());
        }
        if message["reason"] == "compiler-artifact" && message["profile"]["test"] == true {
            executables.extend(message["executable"].as_str().map(PathBuf::from));
        }
    }
    // The last message of a failed crate only counts the others.
    errors.retain(|error| error["spans"].as_array().is_some_and(|spans| !spans.is_empty()));
    if errors.is_empty() && !output.status.success() {
        bail!("cargo failed without an error of the compiler");
    }
    Ok((executables, errors))
}

/// The mutants whose text an error points at: first at the place of the error, else at those that it mentions, else in the same lines.
fn guilty(error: &Value, woven: &BTreeMap<String, Woven>) -> BTreeSet<usize> {
    let spans: Vec<&Value> = error["spans"].as_array().into_iter().flatten().collect();
    let touching = |span: &Value, wider: bool| -> Vec<usize> {
        let Some(woven) = span["file_name"].as_str().and_then(|file| woven.get(file)) else {
            return Vec::new();
        };
        let (mut start, mut end) = (number(&span["byte_start"]), number(&span["byte_end"]));
        if wider {
            start = woven.text[..start].rfind('\n').map_or(0, |at| at + 1);
            end = woven.text[end..].find('\n').map_or(woven.text.len(), |at| end + at);
        }
        woven
            .places
            .iter()
            .filter(|(_, at)| at.start < end && start < at.end)
            .map(|&(number, _)| number)
            .collect()
    };
    for (primary, wider) in [(true, false), (false, false), (true, true)] {
        let found: BTreeSet<usize> = spans
            .iter()
            .filter(|span| !primary || span["is_primary"] == true)
            .flat_map(|span| touching(span, wider))
            .collect();
        if !found.is_empty() {
            return found;
        }
    }
    BTreeSet::new()
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap_or(0) as usize
}
