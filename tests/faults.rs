//! Engines that fail on the way, first batches that went wrong, and signals: what is said, what is kept, and that the bytes
//! are those of an undisturbed sweep.

#[allow(dead_code, reason = "each test file uses its part")]
mod made_up;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use assert_cmd::Command;
use made_up::{MadeUp, all_files, engine, plan};
use predicates::prelude::*;
use predicates::str::contains;
use symbreak::engine::cpu::CpuEngine;
use symbreak::engine::reference::ReferenceEngine;
use symbreak::engine::{
    Batch, Description, Engine, EngineError, Placement, Program, Run, Start, Trained, Watch,
};
use symbreak::output::{Manifest, Results, Status};
use symbreak::spec::presets;
use symbreak::spec::{Overrides, Plan, parse};
use symbreak::sweep::{self, Checker, Fallback, Policy, SweepError};
use symbreak::verify::unwatched;
use tempfile::{TempDir, tempdir};

/// Every file of a directory but the manifest, which tells times.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .filter(|(name, _)| name != "manifest.json")
        .collect()
}

/// By the number of the call, from 0, and the runs of the batch: how it fails.
type Fault = fn(usize, usize) -> Option<EngineError>;

/// An engine that fails as it is told to, and whose device stays lost until it is opened again.
struct Faulty {
    inner: MadeUp,
    backend: &'static str,
    fault: Fault,
    /// Sizes of the batches that were asked for.
    batches: Vec<usize>,
    opened_again: usize,
    lost: bool,
    /// Added to every seed, so that rows tell who trained them.
    shift: u64,
    /// That once it has been opened again: the mistake to be caught.
    shift_again: u64,
}

fn faulty(runs_per_batch: usize, fault: Fault) -> Faulty {
    Faulty {
        inner: engine(runs_per_batch),
        backend: "faulty",
        fault,
        batches: Vec::new(),
        opened_again: 0,
        lost: false,
        shift: 0,
        shift_again: 0,
    }
}

impl Engine for Faulty {
    fn description(&self) -> Description {
        Description { backend: self.backend.into(), ..self.inner.description() }
    }

    fn placement(&self, program: &Program) -> Result<Placement, EngineError> {
        self.inner.placement(program)
    }

    fn train(&mut self, batch: &Batch<'_>, watch: &Watch<'_>) -> Result<Trained, EngineError> {
        let call = self.batches.len();
        self.batches.push(batch.runs.len());
        if let Some(error) = (self.fault)(call, batch.runs.len()) {
            // It had come half-way.
            (watch.finished)(batch.runs.len() / 2);
            self.lost = matches!(error, EngineError::Lost(_));
            return Err(error);
        }
        assert!(!self.lost, "a lost device was asked again");
        let shifted = |run: &Run| Run { seed: run.seed + self.shift, ..*run };
        let runs: Vec<Run> = batch.runs.iter().map(shifted).collect();
        self.inner.train(&Batch { runs: &runs, ..*batch }, watch)
    }

    fn reopen(&mut self) -> Result<(), EngineError> {
        self.opened_again += 1;
        self.lost = false;
        self.shift = self.shift_again;
        Ok(())
    }

    fn random_words(&mut self, _: [u32; 2], _: &[[u32; 4]]) -> Result<Vec<[u32; 4]>, EngineError> {
        Err(EngineError::Unsupported("none".into()))
    }
}

fn lost() -> EngineError {
    EngineError::Lost("the faulty device was lost".into())
}

/// Three cells of 400 runs.
fn plan_of_1200() -> Plan {
    plan("[train]\nsteps = 20\n[sweep]\n\"init.scale\" = \"0.1,1,2\"\n[runs]\nseeds = 400")
}

/// An engine that never fails and whose rows are other ones.
fn second() -> Faulty {
    Faulty { backend: "second", shift: 1, ..faulty(usize::MAX, |_, _| None) }
}

/// A sweep of `plan` into `directory` with every kind of file; and the notes that it made. Each engine's rows are checked by
/// one that agrees with it.
fn sweep_into<'a>(
    directory: &Path,
    plan: &Plan,
    engine: &'a mut dyn Engine,
    fallback: Option<&'a mut dyn Engine>,
) -> (Result<Manifest, SweepError>, Vec<String>) {
    let mut checker = Faulty { backend: "checker", ..faulty(usize::MAX, |_, _| None) };
    let mut second_checker = Faulty { backend: "second checker", ..second() };
    let reference = ReferenceEngine::new(Some(1)).unwrap();
    let fraction = all_files().verify;
    let manifest = Manifest::new(plan, engine.description(), all_files(), &["made-up".to_string()]);
    let mut results = Results::create(directory, plan, manifest).unwrap();
    let (interrupted, finished) = (AtomicBool::new(false), AtomicUsize::new(0));
    let report = |runs| {
        finished.fetch_add(runs, Ordering::Relaxed);
    };
    let watch = Watch { interrupted: &interrupted, finished: &report };
    let notes = RefCell::new(Vec::new());
    let note = |text: &str| notes.borrow_mut().push(text.to_string());
    let policy = Policy {
        checker: Some(Checker { engine: &mut checker, reference: &reference, fraction }),
        fallback: fallback.map(|engine| {
            let checker = Checker { engine: &mut second_checker, reference: &reference, fraction };
            Fallback { engine, checker: Some(checker) }
        }),
        keep_going: true,
        note: Some(&note),
    };
    let done = match sweep::run(plan, engine, policy, &mut results, &watch) {
        Ok(()) => {
            assert_eq!(finished.load(Ordering::Relaxed) as u64, plan.runs(), "a run is reported once");
            Ok(results.finish().unwrap())
        }
        Err(error) => {
            results.put_down().unwrap();
            Err(error)
        }
    };
    (done, notes.into_inner())
}

/// The files of the sweep that nothing disturbs, trained by this engine.
fn undisturbed(engine: &mut dyn Engine) -> BTreeMap<String, Vec<u8>> {
    let place = tempdir().unwrap();
    sweep_into(place.path(), &plan_of_1200(), engine, None).0.unwrap();
    files(place.path())
}

/// What becomes of the sweep on an engine with this fault, without a fallback.
fn disturbed(fault: Fault) -> (TempDir, Faulty, Result<Manifest, SweepError>, Vec<String>) {
    let place = tempdir().unwrap();
    let mut engine = faulty(300, fault);
    let (done, notes) = sweep_into(place.path(), &plan_of_1200(), &mut engine, None);
    (place, engine, done, notes)
}

/// The sweep in `place` was given up after `kept` runs, with this message.
fn given_up(place: &TempDir, done: Result<Manifest, SweepError>, kept: u64, message: &str) {
    let error = done.unwrap_err();
    assert!(matches!(error, SweepError::GaveUp { .. }), "{error:?}");
    assert_eq!(error.to_string(), message);
    let manifest = Manifest::read(place.path()).unwrap().unwrap();
    assert_eq!((manifest.status, manifest.counts.runs_finished), (Status::Unfinished, kept));
    let runs = fs::read_to_string(place.path().join("runs.csv")).unwrap();
    assert_eq!(runs.lines().count() as u64, kept + 1);
}

/// The twin makes something else of what it trains again.
#[test]
fn a_device_that_is_lost_now_and_then_leaves_the_same_bytes() {
    let fault: Fault = |call, _| [0, 3, 4].contains(&call).then(lost);
    let whole = undisturbed(&mut faulty(usize::MAX, |_, _| None));
    let (place, engine, done, notes) = disturbed(fault);
    done.unwrap();
    assert_eq!(files(place.path()), whole);
    assert_eq!(engine.opened_again, 3);
    // Once smaller, it stays smaller.
    assert_eq!(engine.batches[..8], [300, 150, 150, 150, 75, 64, 64, 64]);
    assert!(engine.batches[5..].iter().all(|&runs| runs <= 64));
    assert_eq!(notes[0], "the faulty device was lost; trying again with at most 150 runs at a time");
    assert_eq!(notes.len(), 3);

    let place = tempdir().unwrap();
    let mut twin = faulty(300, fault);
    twin.shift_again = 1;
    sweep_into(place.path(), &plan_of_1200(), &mut twin, None).0.unwrap();
    assert_ne!(files(place.path()), whole, "the perturbed twin passed");
}

#[test]
fn a_device_that_stays_lost_is_given_up_with_what_was_tried() {
    let (place, engine, done, _) = disturbed(|call, _| (call >= 2).then(lost));
    let message = "the faulty device was lost; tried again 3 times, with 150, 75 and 64 runs at a time; \
                   --fallback cpu would have gone on";
    given_up(&place, done, 600, message);
    assert_eq!(engine.batches, [300, 300, 300, 150, 75, 64]);
}

#[test]
fn out_of_memory_batches_shrink_until_they_fit() {
    let (place, engine, done, notes) = disturbed(|_, runs| {
        (runs > 100).then(|| EngineError::Memory("the faulty device is out of memory".into()))
    });
    done.unwrap();
    assert_eq!(files(place.path()), undisturbed(&mut faulty(usize::MAX, |_, _| None)));
    assert_eq!((&engine.batches[..4], engine.opened_again), (&[300, 150, 75, 75][..], 2));
    assert_eq!(notes[1], "the faulty device is out of memory; trying again with at most 75 runs at a time");

    let (place, _, done, _) =
        disturbed(|call, _| (call >= 1).then(|| EngineError::Memory("the faulty device is full".into())));
    let message = "the faulty device is full; tried again 3 times, with 150, 75 and 64 runs at a time; \
                   --fallback cpu would have gone on";
    given_up(&place, done, 300, message);
}

#[test]
fn wrong_results_are_tried_again_with_fewer_runs() {
    let (place, engine, done, notes) = disturbed(|_, runs| {
        (runs > 150).then(|| EngineError::Device("the faulty device did 9 of 20 steps".into()))
    });
    done.unwrap();
    assert_eq!(files(place.path()), undisturbed(&mut faulty(usize::MAX, |_, _| None)));
    assert_eq!((engine.batches[0], &engine.batches[1..]), (300, &[150; 8][..]));
    let (place, engine, done, _) = disturbed(|_, runs| {
        (runs > 75).then(|| EngineError::Device("the faulty device did 9 of 20 steps".into()))
    });
    done.unwrap();
    assert_eq!(files(place.path()), undisturbed(&mut faulty(usize::MAX, |_, _| None)));
    // After 16 windows it looks whether the full size does again, and then it does not look again.
    let expected = [&[300, 150][..], &[75; 16]].concat();
    assert_eq!(engine.batches[..18], expected);
    assert_eq!(notes, ["the faulty device did 9 of 20 steps; trying again with at most 150 runs at a time"]);

    let (place, engine, done, _) = disturbed(|_, _| Some(EngineError::Device("did nothing".into())));
    let message = "did nothing; tried again 3 times, with 150, 75 and 64 runs at a time; \
                   --fallback cpu would have gone on";
    given_up(&place, done, 0, message);
    assert_eq!(engine.batches, [300, 150, 75, 64]);
}

/// What the engine returns is looked at by the sweep, too.
#[test]
fn results_that_cannot_be_true_are_tried_again() {
    struct Short(Faulty);
    impl Engine for Short {
        fn description(&self) -> Description {
            self.0.description()
        }

        fn placement(&self, program: &Program) -> Result<Placement, EngineError> {
            self.0.placement(program)
        }

        fn train(&mut self, batch: &Batch<'_>, watch: &Watch<'_>) -> Result<Trained, EngineError> {
            let mut trained = self.0.train(batch, watch)?;
            if batch.runs.len() > 200 {
                trained.runs[17].steps = 21;
            }
            Ok(trained)
        }

        fn random_words(&mut self, _: [u32; 2], _: &[[u32; 4]]) -> Result<Vec<[u32; 4]>, EngineError> {
            Err(EngineError::Unsupported("none".into()))
        }
    }
    let place = tempdir().unwrap();
    let mut short = Short(faulty(300, |_, _| None));
    let (done, notes) = sweep_into(place.path(), &plan_of_1200(), &mut short, None);
    done.unwrap();
    assert_eq!(files(place.path()), undisturbed(&mut faulty(usize::MAX, |_, _| None)));
    assert!(notes[0].contains("cannot be true: steps beyond 20 for run 17; trying again with"), "{notes:?}");
}

#[test]
fn interruptions_and_what_is_not_supported_are_not_tried_again() {
    let (_place, engine, done, notes) = disturbed(|call, _| (call == 1).then_some(EngineError::Interrupted));
    assert!(matches!(done, Err(SweepError::Engine(EngineError::Interrupted))));
    assert_eq!((engine.batches.len(), notes.len()), (2, 0));
    let (_place, engine, done, notes) =
        disturbed(|call, _| (call == 1).then(|| EngineError::Unsupported("too large".into())));
    assert_eq!(done.unwrap_err().to_string(), "too large");
    assert_eq!((engine.batches.len(), notes.len()), (2, 0));
}

/// Rows before the failed window are the first engine's, the others are the second's, each checked by another engine than
/// itself.
#[test]
fn another_engine_takes_over_from_the_failed_window_on() {
    let place = tempdir().unwrap();
    let mut first = faulty(300, |call, _| (call >= 2).then(|| EngineError::Device("did nothing".into())));
    let mut other = second();
    let (done, notes) = sweep_into(place.path(), &plan_of_1200(), &mut first, Some(&mut other));
    let manifest = done.unwrap();
    assert_eq!(
        notes[3],
        "did nothing; tried again 3 times, with 150, 75 and 64 runs at a time; \
         from run 600 on by none (processor) through second"
    );
    let stints: Vec<_> =
        manifest.trained_by.iter().map(|s| (s.from, s.to, s.engine.backend.as_str())).collect();
    assert_eq!(stints, [(0, 600, "faulty"), (600, 1200, "second")]);
    assert_eq!(manifest.engine.backend, "faulty");
    let found = manifest.verification.unwrap();
    assert_eq!((found.engine.as_str(), found.unexplained), ("checker, second checker", 0));
    assert_eq!(found.agreed, found.sampled);

    let rows = |files: &BTreeMap<String, Vec<u8>>| -> Vec<String> {
        String::from_utf8(files["runs.csv"].clone()).unwrap().lines().map(String::from).collect()
    };
    let got = rows(&files(place.path()));
    let (of_first, of_second) =
        (rows(&undisturbed(&mut faulty(usize::MAX, |_, _| None))), rows(&undisturbed(&mut second())));
    assert_eq!(got[..601], of_first[..601]);
    // There the second engine's rows are checked by the first one's checker: what it said is not compared.
    let verified = got[0].split(',').position(|name| name == "verified").unwrap();
    let unchecked = |rows: &[String]| -> Vec<Vec<String>> {
        let without = |row: &String| {
            let fields = row.split(',').enumerate().filter(|&(at, _)| at != verified);
            fields.map(|(_, field)| field.to_string()).collect()
        };
        rows.iter().map(without).collect()
    };
    assert!(unchecked(&got[601..]) == unchecked(&of_second[601..]));
    assert!(unchecked(&got[601..]) != unchecked(&of_first[601..]));
}

#[test]
fn a_second_engine_that_fails_too_is_reported() {
    let place = tempdir().unwrap();
    let fault: Fault = |call, _| (call >= 1).then(|| EngineError::Device("did nothing".into()));
    let mut other = faulty(300, |call, _| (call >= 1).then(|| EngineError::Device("nor did this".into())));
    let (done, _) = sweep_into(place.path(), &plan_of_1200(), &mut faulty(300, fault), Some(&mut other));
    // A window of each is kept.
    let message = "nor did this; tried again 3 times, with 150, 75 and 64 runs at a time; --fallback cpu would have gone on";
    given_up(&place, done, 600, message);
}

/// `symbreak` with these words, in an empty directory of its own.
fn symbreak(place: &TempDir, words: &str) -> Command {
    let mut command = Command::cargo_bin("symbreak").unwrap();
    command.current_dir(place.path()).args(words.split_whitespace());
    command
}

/// 680 runs on the mock engine, of one program, so that a window is a batch.
const SMALL: &str = "run xor-scale --backend mock --set net.activation=tanh --seeds 40 --out out";

/// The bytes of a sweep on the mock that nothing disturbs.
fn whole(words: &str) -> BTreeMap<String, Vec<u8>> {
    let place = tempdir().unwrap();
    symbreak(&place, words).assert().success();
    files(&place.path().join("out"))
}

#[test]
fn the_user_is_told_what_is_tried() {
    let small = whole(SMALL);
    for (fault, note) in [
        ("batch=300,lose=1", "the mock device was lost; trying again with at most 150 runs at a time\n"),
        (
            "batch=300,memory=80",
            "the mock device is out of memory; trying again with at most 75 runs at a time\n",
        ),
        (
            "batch=300,early=200",
            "the mock device ended early; trying again with at most 150 runs at a time\n",
        ),
    ] {
        let place = tempdir().unwrap();
        symbreak(&place, SMALL).args(["--adapter", fault]).assert().success().stderr(contains(note));
        assert_eq!(files(&place.path().join("out")), small, "{fault}");
        let quiet = tempdir().unwrap();
        symbreak(&quiet, SMALL).args(["--adapter", fault, "--quiet"]).assert().success().stderr("");
    }
    let place = tempdir().unwrap();
    symbreak(&place, SMALL)
        .args(["--adapter", "batch=300,memory=10"])
        .assert()
        .code(1)
        .stdout("")
        .stderr(contains(
            "error: the mock device is out of memory; tried again 3 times, with 150, 75 and 64 runs",
        ))
        .stderr(contains("--fallback cpu would have gone on; 0 of 680 runs are kept in out"));
    symbreak(&place, SMALL).arg("--resume").assert().success();
    assert_eq!(files(&place.path().join("out")), small);
}

fn backends(place: &TempDir) -> Vec<(u64, u64, String)> {
    let manifest = Manifest::read(&place.path().join("out")).unwrap().unwrap();
    manifest.trained_by.into_iter().map(|stint| (stint.from, stint.to, stint.engine.backend)).collect()
}

/// The first lines of one file and the others of another.
fn spliced(first: &[u8], then: &[u8], rows: usize) -> String {
    let lines = |bytes: &[u8]| -> Vec<String> {
        String::from_utf8_lossy(bytes).split_inclusive('\n').map(String::from).collect()
    };
    [&lines(first)[..=rows], &lines(then)[rows + 1..]].concat().concat()
}

#[test]
fn a_fallback_goes_on_and_is_recorded() {
    let of_mock = whole(SMALL);
    let of_cpu = whole(&SMALL.replace("mock", "cpu"));
    let place = tempdir().unwrap();
    // No memory for anything: no row is the mock's.
    symbreak(&place, &format!("{SMALL} --adapter batch=70,memory=10 --fallback cpu"))
        .assert()
        .success()
        .stderr(
            contains("tried again once, with 64 runs at a time; from run 0 on by")
                .and(contains("through cpu")),
        );
    assert_eq!(backends(&place), [(0, 680, "cpu".into())]);
    assert_eq!(files(&place.path().join("out")), of_cpu);

    let place = tempdir().unwrap();
    let words = format!("{SMALL} --adapter batch=70,fail=5 --fallback cpu");
    symbreak(&place, &words).assert().success().stdout(contains("680 runs in 17 cells")).stderr(contains(
        "the mock device was lost; tried again 3 times, with 64 runs at a time; from run 350 on by",
    ));
    assert_eq!(backends(&place), [(0, 350, "mock".into()), (350, 680, "cpu".into())]);
    let got = files(&place.path().join("out"));
    assert_eq!(
        String::from_utf8_lossy(&got["runs.csv"]),
        spliced(&of_mock["runs.csv"], &of_cpu["runs.csv"], 350)
    );
    assert_ne!(got["runs.csv"], of_mock["runs.csv"]);
    // What is finished is shown again to whoever allows for the same.
    symbreak(&place, &words).assert().success().stderr(contains("showing it again"));
    symbreak(&place, SMALL).assert().success().stderr(contains("showing it again"));
    symbreak(&place, &SMALL.replace("mock", "cpu")).assert().code(2).stderr(contains("another engine"));
}

/// The engine is gone when the sweep is to go on, and comes back later.
#[test]
fn a_fallback_resumes_what_another_engine_began() {
    let of_mock = whole(SMALL);
    let of_cpu = whole(&SMALL.replace("mock", "cpu"));
    let place = tempdir().unwrap();
    symbreak(&place, SMALL).args(["--adapter", "batch=70,fail=5"]).assert().code(1);
    let no_device = SMALL.replace("mock", "gpu --adapter no-such-adapter");
    symbreak(&place, &no_device).arg("--resume").assert().code(1).stderr(contains("error: "));
    // Without the flag nobody stands in.
    symbreak(&place, &SMALL.replace("mock", "cpu"))
        .arg("--resume")
        .assert()
        .code(2)
        .stderr(contains("by another engine (none through mock, now ").and(contains("--fallback")));
    symbreak(&place, &no_device)
        .args(["--fallback", "cpu", "--resume"])
        .assert()
        .success()
        .stderr(contains("; --fallback cpu takes over").and(contains("going on after 350 of 680 runs")));
    assert_eq!(backends(&place), [(0, 350, "mock".into()), (350, 680, "cpu".into())]);
    let got = files(&place.path().join("out"));
    assert_eq!(
        String::from_utf8_lossy(&got["runs.csv"]),
        spliced(&of_mock["runs.csv"], &of_cpu["runs.csv"], 350)
    );
    // The other way round: begun by the one that stands in.
    let place = tempdir().unwrap();
    let began = symbreak(&place, &no_device).args(["--fallback", "cpu", "--shard", "1/2"]).assert().success();
    drop(began);
    assert_eq!(backends(&place), [(0, 340, "cpu".into())]);
    symbreak(&place, SMALL)
        .args(["--shard", "1/2", "--fallback", "cpu"])
        .assert()
        .success()
        .stderr(contains("showing it again"));
    symbreak(&place, SMALL).args(["--shard", "1/2"]).assert().code(2).stderr(contains("another engine"));
}

/// An engine that is checked by itself proves nothing: the processor's is checked by the reference.
#[test]
fn a_fallback_is_checked_by_another_engine_than_itself() {
    let place = tempdir().unwrap();
    symbreak(&place, SMALL)
        .args([
            "--set",
            "train.steps=50",
            "--adapter",
            "batch=70,fail=5",
            "--fallback",
            "cpu",
            "--verify",
            "0.5",
        ])
        .assert()
        .success();
    let manifest = Manifest::read(&place.path().join("out")).unwrap().unwrap();
    let found = manifest.verification.unwrap();
    assert_eq!(found.engine, "mock, reference");
    assert!(found.sampled > 250 && found.agreed > 250, "{found:?}");
}

/// Rates that the mock calls too high.
const HOT: &str = "run xor-scale --backend mock --set net.activation=tanh --seeds 40 --set train.lr=2000 --out out \
                   --adapter batch=70";

#[test]
fn a_first_batch_that_diverges_throughout_stops_the_sweep() {
    let place = tempdir().unwrap();
    let stopped = |command: &mut Command, runs: u64| {
        command
            .assert()
            .code(1)
            .stdout("")
            .stderr(contains(format!(
                "error: all of the first {runs} runs diverged: look at train.lr and init.scale"
            )))
            .stderr(contains(format!("{runs} of 680 runs are kept in out, where cells.csv covers them")))
            .stderr(contains("--adapter batch=70 --keep-going --resume\n"));
        let runs_csv = fs::read_to_string(place.path().join("out/runs.csv")).unwrap();
        assert_eq!(runs_csv.lines().count() as u64, runs + 1);
    };
    stopped(&mut symbreak(&place, HOT), 70);
    // It is not let through by being resumed, and nothing more is trained.
    stopped(symbreak(&place, HOT).arg("--resume"), 70);
    symbreak(&place, HOT).args(["--resume", "--keep-going"]).assert().success();
    assert_eq!(files(&place.path().join("out")), whole(&format!("{HOT} --keep-going")));
    // The twins: one run that does not diverge is enough; a sweep of one batch has nothing left to be stopped.
    let place = tempdir().unwrap();
    symbreak(&place, &HOT.replace("2000", "0.5")).assert().success();
    let place = tempdir().unwrap();
    symbreak(&place, &HOT.replace("batch=70", "batch=680"))
        .assert()
        .success()
        .stdout(contains("680 diverged"));
}

/// Further on in the grid everything may rightly diverge.
#[test]
fn of_the_shards_the_first_alone_is_stopped_where_all_diverges() {
    let place = tempdir().unwrap();
    symbreak(&place, HOT)
        .args(["--shard", "1/3"])
        .assert()
        .code(1)
        .stderr(contains("runs diverged: look at"));
    let second = HOT.replace("--out out", "--out second");
    symbreak(&place, &second).args(["--shard", "2/3"]).assert().success();
}

#[test]
fn a_first_batch_that_is_not_verified_stops_the_sweep() {
    let place = tempdir().unwrap();
    let words = format!("{SMALL} --set train.steps=20 --adapter batch=70,wrong=2 --verify 0.2");
    symbreak(&place, &words)
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("error: verification failed at the beginning: ").and(contains(" on mock without")))
        .stderr(contains("70 of 680 runs are kept in out").and(contains("--keep-going --resume\n")));
    symbreak(&place, &words).arg("--resume").assert().code(3).stderr(contains("70 of 680 runs are kept"));
    // The whole sweep fails for the same reason at its end, with everything in place.
    symbreak(&place, &words)
        .args(["--resume", "--keep-going"])
        .assert()
        .code(3)
        .stdout(contains("680 runs in 17 cells"))
        .stderr(contains("all results are kept"));
    // The twin: an engine that is right.
    let place = tempdir().unwrap();
    symbreak(&place, &words.replace(",wrong=2", "")).assert().success();
}

/// None of them begins in a corner where everything diverges: of the first few runs, which every first batch has, some do not.
#[test]
fn no_preset_is_stopped_by_its_first_batch() {
    let mut engine = CpuEngine::new(None).unwrap();
    for preset in presets() {
        let (plan, _) = parse(preset.text, preset.name, &Overrides::default()).unwrap();
        let last = plan.runs().min(16);
        let first_runs = plan.stretches(0..last).flat_map(|(cell, seeds)| {
            let cell = plan.cell(cell);
            seeds.map(move |seed| (cell.program, cell.run(seed)))
        });
        let goes_on = first_runs.into_iter().any(|(program, run)| {
            let program = &plan.programs[program];
            let batch = Batch { program, runs: &[run], start: Start::Drawn, keep_parameters: false };
            engine.train(&batch, &unwatched()).unwrap().runs[0].diverge_step.is_none()
        });
        assert!(goes_on, "{}", preset.name);
    }
}

#[cfg(unix)]
mod signals {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;

    fn start(place: &TempDir, words: &str) -> Child {
        Command::new(assert_cmd::cargo::cargo_bin("symbreak"))
            .current_dir(place.path())
            .args(words.split_whitespace())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn signal(child: &Child, name: &str) {
        let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Of one cell more seeds than anyone waits for.
    fn words(backend: &str) -> String {
        format!(
            "run xor-scale --backend {backend} --set net.activation=tanh --set init.scale=0.1 \
             --set train.steps=2000 --seeds 50000000 --out out"
        )
    }

    /// The sweep with a window in its journal.
    fn under_way(place: &TempDir, backend: &str) -> Child {
        let mut child = start(place, &words(backend));
        let journal = place.path().join("out/journal.jsonl");
        while fs::metadata(&journal).map_or(0, |data| data.len()) == 0 {
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            sleep(Duration::from_millis(1));
        }
        child
    }

    #[test]
    fn every_engine_that_is_asked_to_end_keeps_what_is_done() {
        for (backend, name, status) in
            [("cpu", "-TERM", 143), ("cpu", "-INT", 130), ("mock --adapter batch=500", "-TERM", 143)]
        {
            let place = tempdir().unwrap();
            let child = under_way(&place, backend);
            signal(&child, name);
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(status), "{backend}");
            assert!(output.stdout.is_empty());
            let said = String::from_utf8(output.stderr).unwrap();
            let last = said.lines().last().unwrap();
            assert!(last.starts_with("interrupted: ") && last.ends_with("--out out --resume"), "{said}");
            let runs = fs::read_to_string(place.path().join("out/runs.csv")).unwrap();
            let kept = runs.lines().count() - 1;
            assert!(kept > 0 && last.contains(&format!("{kept} of 50000000 runs are kept in out")), "{said}");
            assert!(!place.path().join("out/sweep.lock").exists(), "the next one may enter");
        }
    }

    /// As `timeout` sends them. Both arrive before the program can do anything about the first.
    #[test]
    fn signals_at_once_are_one_wish() {
        let place = tempdir().unwrap();
        let child = under_way(&place, "mock --adapter batch=500");
        for name in ["-STOP", "-INT", "-TERM", "-CONT"] {
            signal(&child, name);
        }
        let output = child.wait_with_output().unwrap();
        assert!([130, 143].contains(&output.status.code().unwrap()));
        let said = String::from_utf8(output.stderr).unwrap();
        let last = said.lines().last().unwrap();
        assert!(last.starts_with("interrupted: ") && last.ends_with("--out out --resume"), "{said}");
        assert!(place.path().join("out/cells.csv").exists(), "it was not put down");
    }

    /// The program can't say its last words, for nobody reads them, and would wait for ever.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_later_signal_ends_the_program_at_once() {
        use std::io::Write;

        /// What a pipe holds that nobody reads from.
        const PIPE: usize = 1 << 16;
        let place = tempdir().unwrap();
        let (_unread, mut stderr) = std::io::pipe().unwrap();
        stderr.write_all(&[b'x'; PIPE]).unwrap();
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("symbreak"))
            .current_dir(place.path())
            .args(words("mock --adapter batch=500").split_whitespace())
            .arg("--quiet")
            .stderr(stderr)
            .spawn()
            .unwrap();
        let journal = place.path().join("out/journal.jsonl");
        while fs::metadata(&journal).map_or(0, |data| data.len()) == 0 {
            sleep(Duration::from_millis(1));
        }
        signal(&child, "-INT");
        while !place.path().join("out/cells.csv").exists() {
            sleep(Duration::from_millis(1));
        }
        // As often as it takes: some may come too soon.
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            signal(&child, "-INT");
            sleep(Duration::from_millis(100));
        };
        assert_eq!(status.code(), Some(130));
        let manifest = Manifest::read(&place.path().join("out")).unwrap().unwrap();
        assert!(manifest.counts.runs_finished > 0, "what was finished is kept");
    }

    #[test]
    fn a_bench_that_is_asked_to_end_says_which_signal_it_was() {
        for (name, status) in [("-TERM", 143), ("-INT", 130)] {
            let place = tempdir().unwrap();
            let mut child =
                start(&place, "bench --backend cpu --shape 2-2-1 --repetitions 1000 --networks 100000");
            let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
            assert!(said.next().unwrap().unwrap().contains("checking and timing"));
            signal(&child, name);
            assert_eq!(child.wait().unwrap().code(), Some(status));
        }
    }
}
