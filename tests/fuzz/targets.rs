//! What must hold whatever somebody gives the program: no panic, an error or a result, and a result that is right. Each target
//! takes bytes; `tests/fuzz.rs` gives it a kept corpus and changes of that, the crate in `fuzz/` what libFuzzer thinks of.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use symbreak::output::merge::{Allowed, merge};
use symbreak::output::{Manifest, recorded};
use symbreak::plot::{Request, figures};
use symbreak::report::sweep::page;
use symbreak::spec::{Overrides, Plan, Shard, SpecError, parse, to_toml};
use tempfile::TempDir;

use crate::made_up::{all_files, engine, mixed_plan, shard_into, sweep_into};

/// A target by its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 6] = [
    ("spec", spec),
    ("range", range),
    ("csv", csv),
    ("manifest", manifest),
    ("resume", resume),
    ("merge", merged),
];

/// The text of a spec. One that is accepted is the same plan when it is written out and read again.
pub fn spec(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok((plan, _)) = parse(text, "fuzz.toml", &Overrides::default()) else { return };
    // The last cell is as good as the first.
    plan.cell(plan.grid.cells() as usize - 1);
    let whole = to_toml(&plan);
    match parse(&whole, "fuzz.toml", &Overrides::default()) {
        Ok((again, _)) => assert_eq!(again.hash(), plan.hash(), "{whole}"),
        Err(error) => panic!("{error} in what was written of an accepted spec:\n{whole}"),
    }
}

/// Overrides from the command line, one a line: `--set` before those that begin with a plus, which are `--sweep`.
pub fn range(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut overrides = Overrides::default();
    for line in text.lines() {
        match line.strip_prefix('+') {
            Some(sweep) => overrides.sweep.push(sweep.into()),
            None => overrides.set.push(line.into()),
        }
    }
    let Ok((plan, _)) = parse("[task]\ndataset = \"xor\"\n", "fuzz.toml", &overrides) else { return };
    let last = plan.grid.cells() as usize - 1;
    assert_eq!(plan.grid.values(last).len(), plan.grid.swept().len());
    plan.cell(last);
}

/// The content of a CSV file that is trained on. What is accepted are numbers.
pub fn csv(bytes: &[u8]) {
    for classes in ["auto", "one-hot"] {
        let Ok(plan) = plan_of_csv(bytes, classes) else { continue };
        for program in &plan.programs {
            assert!(program.data.x.iter().chain(&program.data.y).all(|x| x.is_finite()));
            assert!(program.data.samples() > 0);
        }
    }
}

/// The plan of a spec that trains on the content of a CSV file.
pub fn plan_of_csv(bytes: &[u8], classes: &str) -> Result<Plan, SpecError> {
    static PLACE: OnceLock<TempDir> = OnceLock::new();
    let path = PLACE.get_or_init(|| tempfile::tempdir().unwrap()).path().join("data.csv");
    fs::write(&path, bytes).unwrap();
    let text = format!(
        "[task]\ndataset = \"csv\"\npath = {:?}\ntarget_columns = 1\nclasses = \"{classes}\"\n",
        path.display().to_string()
    );
    parse(&text, "fuzz.toml", &Overrides::default()).map(|(plan, _)| plan)
}

/// The manifest of a finished sweep. Whatever it says, what reads results answers.
pub fn manifest(bytes: &[u8]) {
    static PLACE: OnceLock<TempDir> = OnceLock::new();
    let place = PLACE.get_or_init(|| {
        let place = tempfile::tempdir().unwrap();
        sweep_into(place.path(), &mixed_plan(), &mut engine(11), all_files(), false).unwrap();
        place
    });
    fs::write(place.path().join("manifest.json"), sealed(bytes)).unwrap();
    if let Ok(Some(manifest)) = Manifest::read(place.path()) {
        let _ = manifest.check(place.path());
        let _ = symbreak::spec::from_resolved(&manifest.spec);
    }
    let _ = page(place.path(), None);
    let _ = figures(place.path(), &Request::default());
    let _ = recorded::read(place.path());
}

/// With the checksum that its content has, if it is an object: without one nothing that is changed would be read at all.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let Ok(serde_json::Value::Object(mut content)) = serde_json::from_slice(bytes) else {
        return bytes.to_vec();
    };
    content.shift_remove("checksum");
    let text = serde_json::to_string(&content).unwrap();
    content.insert("checksum".into(), blake3::hash(text.as_bytes()).to_hex().as_str().into());
    serde_json::to_vec(&content).unwrap()
}

/// Files of a directory, by name.
type Files = BTreeMap<String, Vec<u8>>;

fn files(directory: &Path) -> Files {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_string();
    entries.filter(|path| path.is_file()).map(|path| (name(&path), fs::read(path).unwrap())).collect()
}

/// Results, but for the manifest, which tells times.
fn results(directory: &Path) -> Files {
    let mut files = files(directory);
    files.remove("manifest.json");
    files
}

fn undisturbed() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let place = tempfile::tempdir().unwrap();
        sweep_into(place.path(), &mixed_plan(), &mut engine(11), all_files(), false).unwrap();
        results(place.path())
    })
}

/// Changes files as the bytes say: which one, how, where, and with what.
fn disturb(files: &mut Files, bytes: &[u8]) {
    let names: Vec<String> = files.keys().cloned().collect();
    for change in bytes.chunks(6) {
        let [which, how, high, low, rest @ ..] = change else { return };
        let file = files.get_mut(&names[usize::from(*which) % names.len()]).unwrap();
        let at = usize::from(u16::from_be_bytes([*high, *low])) * (file.len() + 1) / (1 << 16);
        match how % 4 {
            0 => file.truncate(at),
            1 => file.splice(at..at, rest.iter().copied()).for_each(drop),
            2 => file.iter_mut().skip(at).zip(rest).for_each(|(byte, new)| *byte = *new),
            _ => {
                file.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= rest.first().copied().unwrap_or(1))
            }
        }
    }
}

fn write(directory: &Path, files: &Files) {
    fs::create_dir_all(directory).unwrap();
    files.iter().for_each(|(name, content)| fs::write(directory.join(name), content).unwrap());
}

/// The files of a sweep that was put down in its midst. Going on ends in the right results or says what is wrong.
pub fn resume(bytes: &[u8]) {
    static HALF: OnceLock<Files> = OnceLock::new();
    let half = HALF.get_or_init(|| {
        let place = tempfile::tempdir().unwrap();
        let mut ends_early = engine(11);
        ends_early.interrupt_at = Some(3);
        assert!(sweep_into(place.path(), &mixed_plan(), &mut ends_early, all_files(), false).is_err());
        files(place.path())
    });
    let mut changed = half.clone();
    disturb(&mut changed, bytes);
    let place = tempfile::tempdir().unwrap();
    write(place.path(), &changed);
    // A manifest that cannot be read is refused before anything is gone on with.
    if !matches!(Manifest::read(place.path()), Ok(Some(_))) {
        return;
    }
    if sweep_into(place.path(), &mixed_plan(), &mut engine(11), all_files(), true).is_ok() {
        assert!(results(place.path()) == *undisturbed(), "a sweep was gone on with to other results");
    }
}

/// The files of shards. Put together they are the right results, or it is said what is wrong.
pub fn merged(bytes: &[u8]) {
    static SHARDS: OnceLock<Vec<Files>> = OnceLock::new();
    let shards = SHARDS.get_or_init(|| {
        let shard = |index| {
            let place = tempfile::tempdir().unwrap();
            let shard = Shard { index, of: 3 };
            shard_into(place.path(), &mixed_plan(), &mut engine(11), all_files(), shard).unwrap();
            files(place.path())
        };
        (1..=3).map(shard).collect()
    });
    let Some((which, bytes)) = bytes.split_first() else { return };
    let place = tempfile::tempdir().unwrap();
    let directories: Vec<PathBuf> = (0..3).map(|shard| place.path().join(shard.to_string())).collect();
    for (shard, directory) in directories.iter().enumerate() {
        let mut files = shards[shard].clone();
        if shard == usize::from(*which) % 3 {
            disturb(&mut files, bytes);
        }
        write(directory, &files);
    }
    let out = place.path().join("out");
    if merge(&directories, &out, Allowed::default()).is_ok() {
        assert!(results(&out) == *undisturbed(), "shards were put together to other results");
    }
}
