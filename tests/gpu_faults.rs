//! The GPU engine on devices that are lost, hang, or have little memory. Some are destroyed from within; others are what a
//! driver reports that goes wrong (`faulty_driver`), which stands between the program and a real one.

mod adapter;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use symbreak::engine::gpu::{GpuEngine, Options};
use symbreak::engine::{Batch, Engine, EngineError, Start, Trained};
use symbreak::net::Activation;
use symbreak::output::{Manifest, Results};
use symbreak::spec::{Overrides, Plan, parse};
use symbreak::sweep::{self, Policy};
use symbreak::task::Boolean;
use symbreak::verify::{nets, unwatched};
use tempfile::tempdir;

/// A sweep for the kernel that keeps a net in registers and for the one that does not; 400 runs.
fn plan() -> Plan {
    let text = "name = \"t\"\n[task]\ndataset = \"xor\"\n[train]\nsteps = 60\n[sweep]\n\"net.hidden\" = \"2,33\"\n[runs]\n\
                seeds = 200";
    parse(text, "t.toml", &Overrides::default()).map_err(|error| error.to_string()).unwrap().0
}

/// What a sweep writes, the manifest apart, and what it notes.
fn sweep_with(engine: &mut GpuEngine, plan: &Plan) -> (BTreeMap<String, Vec<u8>>, Vec<String>) {
    let place = tempdir().unwrap();
    let options = symbreak::output::Options { trace: 2, save_params: false, ..Default::default() };
    let kernels = vec!["any".to_string(); plan.programs.len()];
    let manifest = Manifest::new(plan, engine.description(), options, &kernels);
    let mut results = Results::create(place.path(), plan, manifest).unwrap();
    let notes = std::cell::RefCell::new(Vec::new());
    let note = |text: &str| notes.borrow_mut().push(text.to_string());
    let policy = Policy { note: Some(&note), ..Policy::default() };
    sweep::run(plan, engine, policy, &mut results, &unwatched()).unwrap_or_else(|error| panic!("{error}"));
    results.finish().unwrap();
    (files(place.path()), notes.into_inner())
}

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .filter(|(name, _)| name != "manifest.json")
        .collect()
}

/// The twin has another master seed.
#[test]
fn a_device_that_is_lost_at_several_batches_leaves_the_same_bytes() {
    let losing = Options { lose_at: vec![0, 2, 4], ..Options::default() };
    let (Some(mut steady), Some(mut losing)) = (adapter::gpu(), adapter::gpu_with(losing)) else {
        eprintln!("SKIPPED: no such device here");
        return;
    };
    let (whole, quiet) = sweep_with(&mut steady, &plan());
    assert!(quiet.is_empty(), "{quiet:?}");
    let (disturbed, notes) = sweep_with(&mut losing, &plan());
    println!("{notes:#?}");
    assert_eq!(notes.len(), 3);
    assert!(
        notes.iter().all(|note| note.contains(" was lost") && note.contains("; trying again with at most "))
    );
    assert!(disturbed == whole);
    let mut twin = plan();
    twin.master += 1;
    assert!(sweep_with(&mut steady, &twin).0 != whole, "the perturbed twin passed");
}

#[test]
fn a_lost_device_says_so_until_it_is_opened_again() {
    let options = Options { lose_at: vec![1], ..Options::default() };
    let Some(mut engine) = adapter::gpu_with(options) else {
        eprintln!("SKIPPED: no such device here");
        return;
    };
    let program = nets::boolean(Boolean::Xor, &[2], Activation::Tanh, 300);
    let runs = nets::seeds(100, nets::run(0));
    let batch = Batch { program: &program, runs: &runs, start: Start::Drawn, keep_parameters: true };
    let train =
        |engine: &mut GpuEngine| -> Result<Trained, EngineError> { engine.train(&batch, &unwatched()) };
    let on = engine.description();
    let first = train(&mut engine).unwrap();
    for _ in 0..2 {
        let lost = train(&mut engine);
        assert!(matches!(&lost, Err(EngineError::Lost(text)) if text.starts_with(&on.adapter)), "{lost:?}");
    }
    engine.reopen().unwrap();
    assert_eq!(engine.description(), on);
    assert_eq!(train(&mut engine).unwrap(), first);
}

#[cfg(target_os = "linux")]
mod driver {
    use std::path::PathBuf;
    use std::process::{Command, Output, Stdio};
    use std::sync::OnceLock;

    use tempfile::TempDir;

    use super::*;

    /// The faulty driver, compiled, with what the Vulkan loader reads about it; and the driver that it stands before.
    struct Driver {
        place: TempDir,
        real: PathBuf,
    }

    /// `None` where there is no software driver to stand before. `REQUIRE_GPU=1` turns that into a failure.
    fn driver() -> Option<&'static Driver> {
        static DRIVER: OnceLock<Option<Driver>> = OnceLock::new();
        let driver = DRIVER.get_or_init(|| {
            let real = software_driver()?;
            let place = tempdir().unwrap();
            let library = place.path().join("libfaulty.so");
            let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
            let compiled = Command::new(rustc)
                .args(["--edition=2024", "--crate-type=cdylib", "tests/faulty_driver/driver.rs"])
                // The loader unloads it with the last instance; but it is to remember its faults.
                .args(["-Clink-arg=-Wl,-z,nodelete", "-o"])
                .arg(&library)
                .output()
                .unwrap();
            assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
            let icd = serde_json::json!({
                "file_format_version": "1.0.0",
                "ICD": { "api_version": "1.3.0", "library_path": library },
            });
            fs::write(place.path().join("icd.json"), icd.to_string()).unwrap();
            Some(Driver { place, real })
        });
        if driver.is_none() {
            let required = std::env::var_os("REQUIRE_GPU").is_some_and(|value| value == "1");
            assert!(!required, "REQUIRE_GPU=1: there is no lavapipe (mesa-vulkan-drivers)");
            eprintln!("SKIPPED: there is no lavapipe (mesa-vulkan-drivers)");
        }
        driver.as_ref()
    }

    /// The library of Mesa's software driver.
    fn software_driver() -> Option<PathBuf> {
        let named = std::env::var_os("VK_DRIVER_FILES").or_else(|| std::env::var_os("VK_ICD_FILENAMES"));
        let listed: Vec<PathBuf> = match named {
            Some(paths) => std::env::split_paths(&paths).collect(),
            None => ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"]
                .iter()
                .filter_map(|directory| fs::read_dir(directory).ok())
                .flatten()
                .map(|entry| entry.unwrap().path())
                .collect(),
        };
        listed.iter().filter(|path| path.to_string_lossy().contains("lvp_icd")).find_map(|path| {
            let icd: serde_json::Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
            Some(PathBuf::from(icd["ICD"]["library_path"].as_str()?))
        })
    }

    impl Driver {
        /// `symbreak` with these words on this driver with these faults.
        fn symbreak(&self, place: &TempDir, faults: &str, words: &str) -> Command {
            let icd = self.place.path().join("icd.json");
            let mut command = Command::new(assert_cmd::cargo::cargo_bin("symbreak"));
            command
                .current_dir(place.path())
                .env("VK_DRIVER_FILES", &icd)
                // Older loaders know it by this name.
                .env("VK_ICD_FILENAMES", &icd)
                .env("FAULTY_DRIVER", &self.real)
                .env("FAULTS", faults)
                .args(words.split_whitespace())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            command
        }
    }

    const SMALL: &str =
        "run xor-scale --backend gpu --set net.activation=tanh --set train.steps=300 --seeds 200 --out out";

    /// Larger nets, whose buffers are too much for little memory.
    const LARGE: &str = "run xor-scale --backend gpu --set net.activation=tanh --set net.hidden=40x40 --set init.scale=1 \
                         --set train.steps=2 --seeds 3000 --out out";

    /// What a run said on standard error, and what it left; its status was `status`.
    fn said(output: Output, status: i32) -> String {
        let said = String::from_utf8(output.stderr).unwrap();
        println!("{said}");
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(!said.contains("panicked"), "{said}");
        said
    }

    /// The files of a sweep that nothing disturbs.
    fn whole(driver: &Driver, words: &str) -> BTreeMap<String, Vec<u8>> {
        let place = tempdir().unwrap();
        let said = said(driver.symbreak(&place, "", words).output().unwrap(), 0);
        assert_eq!(said.lines().count(), 1, "{said}");
        files(&place.path().join("out"))
    }

    #[test]
    fn what_the_driver_reports_is_told_apart_and_survived() {
        let Some(driver) = driver() else { return };
        let (small, large) = (whole(driver, SMALL), whole(driver, LARGE));
        let (lost, silent, full) = (
            "was lost: Device is lost; trying again with at most ",
            "did not answer for 600 s; trying again with at most ",
            "is out of memory; trying again with at most ",
        );
        for (faults, words, notes) in [
            ("lose=4", SMALL, vec![lost]),
            ("lose=4,hang=8", SMALL, vec![lost, silent]),
            ("hang=5", SMALL, vec![silent]),
            ("memory=100", LARGE, vec![full]),
        ] {
            let place = tempdir().unwrap();
            let said = said(driver.symbreak(&place, faults, words).output().unwrap(), 0);
            assert!(notes.iter().all(|note| said.contains(note)), "{faults}: {said}");
            let found = files(&place.path().join("out"));
            assert!(found == if words == SMALL { small.clone() } else { large.clone() }, "{faults}");
        }
        // The twin: other runs have other bytes.
        assert!(whole(driver, &SMALL.replace("300", "301")) != small);
    }

    /// Lost, and no device can be opened any more: given up, or handed over.
    #[test]
    fn a_device_that_is_gone_for_good_is_reported_or_replaced() {
        let Some(driver) = driver() else { return };
        // Six windows, of which the first is in the journal before the last is begun.
        let words = SMALL.replace("steps=300", "steps=20000").replace("--seeds 200", "--seeds 2000");
        let gone = "gone=out/journal.jsonl";
        let undisturbed = whole(driver, &words);
        let of_cpu = whole(driver, &words.replace("gpu", "cpu"));
        let place = tempdir().unwrap();
        let said_first = said(driver.symbreak(&place, gone, &words).output().unwrap(), 1);
        let last = said_first.lines().last().unwrap();
        assert!(
            last.contains("; tried again 3 times, with ")
                && last.contains("--fallback cpu would have gone on; ")
        );
        let manifest = Manifest::read(&place.path().join("out")).unwrap().unwrap();
        let kept = manifest.counts.runs_finished as usize;
        assert!(last.contains(&format!("; {kept} of 34000 runs are kept in out")), "{last}");
        assert!(last.ends_with("--out out --resume"), "{last}");
        assert!(kept > 0 && kept < 34_000, "{kept}");

        // It is still gone: the flag that the message named goes on.
        let fallback = format!("{words} --fallback cpu --resume");
        let said_second = said(driver.symbreak(&place, gone, &fallback).output().unwrap(), 0);
        assert!(said_second.contains("--fallback cpu takes over"), "{said_second}");
        let spliced = |name: &str, rows: usize, found: &BTreeMap<String, Vec<u8>>| {
            let lines = |files: &BTreeMap<String, Vec<u8>>| -> Vec<String> {
                String::from_utf8(files[name].clone()).unwrap().lines().map(String::from).collect()
            };
            let (first, second, found) = (lines(&undisturbed), lines(&of_cpu), lines(found));
            assert!(found[..=rows] == first[..=rows] && found[rows + 1..] == second[rows + 1..], "{rows}");
        };
        spliced("runs.csv", kept, &files(&place.path().join("out")));

        // The same at once.
        let place = tempdir().unwrap();
        let fallback = format!("{words} --fallback cpu");
        let said_third = said(driver.symbreak(&place, gone, &fallback).output().unwrap(), 0);
        let manifest = Manifest::read(&place.path().join("out")).unwrap().unwrap();
        let stints: Vec<_> = manifest.trained_by.iter().map(|stint| stint.engine.backend.as_str()).collect();
        assert_eq!(stints, ["gpu", "cpu"]);
        let from = manifest.trained_by[1].from as usize;
        assert!(said_third.contains(&format!("; from run {from} on by ")), "{said_third}");
        spliced("runs.csv", from, &files(&place.path().join("out")));
    }

    #[test]
    fn a_sweep_on_the_gpu_that_is_asked_to_end_keeps_what_is_done() {
        let Some(driver) = driver() else { return };
        let words = SMALL.replace("--seeds 200", "--seeds 2000000");
        let place = tempdir().unwrap();
        let mut child = driver.symbreak(&place, "", &words).spawn().unwrap();
        let journal = place.path().join("out/journal.jsonl");
        while fs::metadata(&journal).map_or(0, |data| data.len()) == 0 {
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        let said = said(child.wait_with_output().unwrap(), 143);
        let kept = fs::read_to_string(place.path().join("out/runs.csv")).unwrap().lines().count() - 1;
        assert!(said.contains(&format!("interrupted: {kept} of 34000000 runs are kept in out")), "{said}");
    }
}
