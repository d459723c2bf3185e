//! Places of shards: where one is trained, what it makes way for, what takes its place, and what is told of it meanwhile.

#[allow(dead_code, reason = "each test file uses its part")]
mod made_up;

use std::fs;
use std::path::{Path, PathBuf};

use made_up::{MadeUp, engine, mixed_plan, plan, refusal, shard_into, sweep_into};
use symbreak::engine::Engine;
use symbreak::output::directory::{Entered, Permission};
use symbreak::output::lock::Lock;
use symbreak::output::shard::{Progress, enter, progress, publish, resolved, stuck};
use symbreak::output::{Manifest, Options, OutputError, Results};
use symbreak::spec::{Plan, Shard};
use tempfile::tempdir;

const SECOND: Shard = Shard { index: 2, of: 3 };

fn options() -> Options {
    Options::default()
}

/// The manifest of a shard that is to be trained.
fn wanted(plan: &Plan, shard: Shard) -> Manifest {
    let kernels = vec!["made-up".to_string(); plan.programs.len()];
    Manifest { shard: Some(shard), ..Manifest::new(plan, engine(9).description(), options(), &kernels) }
}

fn trained(directory: &Path, plan: &Plan, shard: Shard) -> Manifest {
    shard_into(directory, plan, &mut engine(9), options(), shard).unwrap()
}

/// A shard of which so many batches of 5 runs are done.
fn begun(directory: &Path, plan: &Plan, shard: Shard, batches: usize) {
    let mut ill = MadeUp { fail_at: Some(batches), ..engine(5) };
    shard_into(directory, plan, &mut ill, options(), shard).unwrap_err();
}

fn entered<'p>(
    out: &Path,
    plan: &'p Plan,
    permission: Permission,
) -> Result<(PathBuf, Entered<'p>), OutputError> {
    enter(out, plan, &wanted(plan, SECOND), permission, |_| {})
}

#[test]
fn a_place_is_where_it_was_named_unless_it_is_a_link() {
    let place = tempdir().unwrap();
    let real = place.path().join("real");
    fs::create_dir_all(real.join("shard")).unwrap();
    assert_eq!(resolved(&real.join("shard/.")).unwrap(), real.join("shard"));
    assert_eq!(resolved(&real.join("none/")).unwrap(), real.join("none"));
    #[cfg(unix)]
    {
        let link = place.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(resolved(&link.join("shard")).unwrap(), link.join("shard"));
        assert_eq!(resolved(&link).unwrap(), fs::canonicalize(&real).unwrap());
    }
}

#[test]
fn a_shard_makes_its_own_way_and_no_other() {
    let (plan, place) = (mixed_plan(), tempdir().unwrap());
    let out = place.path().join("2");
    let part = place.path().join("2.part");
    for permission in [Permission::None, Permission::Resume, Permission::Force] {
        let (entered_at, _results) = entered(&out, &plan, permission).unwrap();
        assert_eq!(entered_at, part);
        assert!(!out.exists(), "{permission:?}");
        drop(_results);
        fs::remove_dir_all(&part).unwrap();
    }
    // A file, and files, are in the way.
    fs::write(&out, "").unwrap();
    for permission in [Permission::None, Permission::Force] {
        assert!(entered(&out, &plan, permission).is_err());
    }
    fs::remove_file(&out).unwrap();
    fs::create_dir(&out).unwrap();
    fs::write(out.join("notes.txt"), "mine").unwrap();
    for permission in [Permission::Resume, Permission::Force] {
        let message = refusal(entered(&out, &plan, permission).map(|_| ()));
        assert!(message.contains("holds notes.txt, but no finished shard"), "{message}");
    }
    assert!(out.join("notes.txt").exists() && !part.exists());
}

#[test]
fn force_replaces_a_finished_shard_that_nobody_holds() {
    let (plan, place) = (mixed_plan(), tempdir().unwrap());
    let out = place.path().join("2");
    trained(&out, &plan, Shard { index: 1, of: 3 });
    // What a killed process left.
    fs::write(out.join("sweep.lock"), r#"{"pid":1,"host":"elsewhere"}"#).unwrap();
    let lock = Lock::take(&out).unwrap();
    assert!(matches!(entered(&out, &plan, Permission::Force), Err(OutputError::Busy(_))));
    drop(lock);
    // Nor does it go while somebody trains another in its place.
    let part = place.path().join("2.part");
    fs::create_dir(&part).unwrap();
    let lock = Lock::take(&part).unwrap();
    assert!(matches!(entered(&out, &plan, Permission::Force), Err(OutputError::Busy(_))));
    drop(lock);
    // Nor where another cannot be trained.
    fs::create_dir_all(part.join("runs.csv/notes")).unwrap();
    assert!(entered(&out, &plan, Permission::Force).is_err());
    fs::remove_dir_all(&part).unwrap();
    let message = refusal(entered(&out, &plan, Permission::Resume).map(|_| ()));
    assert!(message.contains("shard 1/3"), "{message}");
    let (at, held) = entered(&out, &plan, Permission::Force).unwrap();
    assert!(matches!(held, Entered::Open(_)) && at == place.path().join("2.part"));
    drop(held);
    let left: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["2.part"]);
}

#[test]
fn who_comes_second_gives_way_to_the_same_shard_only() {
    let (plan, place) = (mixed_plan(), tempdir().unwrap());
    let (out, part) = (place.path().join("2"), place.path().join("2.part"));
    let other = Shard { index: 1, of: 3 };
    trained(&out, &plan, other);
    let finished = trained(&part, &plan, SECOND);
    assert!(publish(&part, &out, &finished).is_err(), "another shard is there");
    assert!(part.join("manifest.json").exists());
    fs::remove_dir_all(&out).unwrap();
    let longer = plan_of("41");
    trained(&out, &longer, SECOND);
    assert!(publish(&part, &out, &finished).is_err(), "the shard of another plan is there");
    fs::remove_dir_all(&out).unwrap();
    begun(&out, &plan, SECOND, 2);
    assert!(publish(&part, &out, &finished).is_err(), "it is not finished there");
    fs::remove_dir_all(&out).unwrap();
    trained(&out, &plan, SECOND);
    publish(&part, &out, &finished).unwrap();
    assert!(out.exists() && !part.exists());
}

fn plan_of(steps: &str) -> Plan {
    plan(&format!(
        "[train]\nsteps = {steps}\n[sweep]\n\"init.scale\" = \"0.1,1e-3,2\"\n\"net.hidden\" = \"2,1\"\n[runs]\nseeds = 13"
    ))
}

#[test]
fn a_sweep_that_only_has_such_a_name_stays() {
    let (plan, place) = (mixed_plan(), tempdir().unwrap());
    let at = |name: &str| place.path().join(name);
    let out = at("2");
    begun(&at("2.part-2"), &plan, SECOND, 2);
    begun(&at("2.part-3"), &plan_of("41"), SECOND, 2);
    begun(&at("2.part-4"), &plan, Shard { index: 1, of: 3 }, 2);
    sweep_into(&at("2.replaced"), &plan, &mut engine(9), options(), false).unwrap();
    // Killed before it began, or as it was removed.
    fs::create_dir(at("2.part-5")).unwrap();
    fs::write(at("2.part-5").join("sweep.lock"), r#"{"pid":1,"host":"elsewhere"}"#).unwrap();
    fs::write(at("2.part-5").join("manifest.json.new"), "{").unwrap();
    fs::create_dir(at("2.part-7")).unwrap();
    fs::write(at("2.part-7").join("runs.csv"), "mine").unwrap();
    let mut stay = vec!["2", "2.part-3", "2.part-4", "2.replaced"];
    #[cfg(unix)]
    {
        begun(&at("elsewhere"), &plan, SECOND, 2);
        std::os::unix::fs::symlink("elsewhere", at("2.part-6")).unwrap();
        stay = vec!["2", "2.part-3", "2.part-4", "2.part-6", "2.replaced", "elsewhere"];
    }
    let held = |name: &str| Manifest::read(&at(name)).unwrap().unwrap();
    let before: Vec<Manifest> = stay[1..].iter().map(|name| held(name)).collect();
    let finished = trained(&at("2.part"), &plan, SECOND);
    publish(&at("2.part"), &out, &finished).unwrap();
    let mut left: Vec<_> =
        fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.retain(|name| name != "2.part-7");
    left.sort();
    assert_eq!(left, stay);
    assert!(at("2.part-7").join("runs.csv").exists());
    assert_eq!(stay[1..].iter().map(|name| held(name)).collect::<Vec<_>>(), before);

    // The same where another shard is to be trained anew: it makes way for no one.
    let message = refusal(entered(&out, &plan, Permission::Force).map(|_| ()));
    assert!(message.contains("2.replaced is in the way"), "{message}");
    assert_eq!(held("2"), finished);
    fs::rename(at("2.replaced"), at("2.part")).unwrap();
    let message = refusal(entered(&out, &plan, Permission::Force).map(|_| ()));
    assert!(message.contains("2.part holds another sweep, in the way"), "{message}");
    assert_eq!((held("2"), held("2.part").shard), (finished, None));
}

#[test]
fn what_is_left_of_a_replaced_shard_goes_with_the_next_one() {
    let (plan, place) = (mixed_plan(), tempdir().unwrap());
    let (out, replaced) = (place.path().join("2"), place.path().join("2.replaced"));
    for permission in [Permission::None, Permission::Force] {
        // Killed as the files were removed, or as the shard got its mark.
        trained(&replaced, &plan, SECOND);
        fs::write(replaced.join(".replaced"), "").unwrap();
        if permission == Permission::Force {
            trained(&out, &plan, SECOND);
            fs::write(out.join(".replaced"), "").unwrap();
            drop(entered(&out, &plan, permission).unwrap());
            assert!(!out.exists());
        } else {
            publish(&out, &out, &trained(&out, &plan, SECOND)).unwrap();
            fs::remove_dir_all(&out).unwrap();
        }
        assert!(!replaced.exists(), "{permission:?}");
    }
}

#[test]
fn progress_is_that_of_the_attempt_that_is_furthest() {
    let (plan, place) = (mixed_plan(), tempdir().unwrap());
    let out = place.path().join("2");
    assert_eq!(progress(&out).unwrap(), Progress::Runs(0));
    begun(&place.path().join("2.part"), &plan, SECOND, 1);
    assert_eq!(progress(&out).unwrap(), Progress::Runs(5));
    begun(&place.path().join("2.part-2"), &plan, SECOND, 2);
    assert_eq!(progress(&out).unwrap(), Progress::Runs(10));
    // None of its attempts.
    for name in ["2.part-x", "2.part-3x", "22.part", "3.part"] {
        begun(&place.path().join(name), &plan, SECOND, 5);
        assert!(Manifest::read(&place.path().join(name)).unwrap().unwrap().counts.runs_finished > 10);
    }
    assert_eq!(progress(&out).unwrap(), Progress::Runs(10));
    fs::create_dir(&out).unwrap();
    assert_eq!(progress(&out).unwrap(), Progress::Runs(10));

    let wrong = |text: &str| match progress(&out) {
        Err(OutputError::Damaged { problem, .. }) => assert!(problem.contains(text), "{problem}"),
        other => panic!("{other:?}"),
    };
    fs::write(out.join("notes.txt"), "").unwrap();
    wrong("it holds files but no sweep");
    fs::remove_file(out.join("notes.txt")).unwrap();
    begun(&out, &plan, SECOND, 1);
    wrong("it holds a sweep that is not finished");
    fs::remove_dir_all(&out).unwrap();
    let finished = trained(&out, &plan, SECOND);
    assert_eq!(progress(&out).unwrap(), Progress::Finished(Box::new(finished)));
    fs::write(out.join("runs.csv"), "").unwrap();
    wrong("it has 0 bytes");
}

#[test]
fn attempts_that_nobody_can_go_on_with_are_told() {
    let (plan, place) = (mixed_plan(), tempdir().unwrap());
    let out = place.path().join("2");
    let told = || {
        let all = stuck(&out, &plan.hash(), SECOND).into_iter();
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_string();
        all.map(|(path, problem)| (name(path), problem)).collect::<Vec<_>>()
    };
    let part = place.path().join("2.part");
    assert_eq!(told(), []);
    fs::create_dir(&part).unwrap();
    assert_eq!(told(), []);
    begun(&part, &plan, SECOND, 1);
    assert_eq!(told(), []);
    let mut manifest = Manifest::read(&part).unwrap().unwrap();
    manifest.program_version = "0.0.1".into();
    manifest.write(&part).unwrap();
    let mut expected = vec![("2.part".to_string(), "it was started by version 0.0.1".to_string())];
    assert_eq!(told(), expected);

    let add = |number: usize, shard: Shard, plan: &Plan| {
        let attempt = place.path().join(format!("2.part-{number}"));
        trained(&attempt, plan, shard);
        attempt
    };
    let others = "it holds other runs, or runs of another plan";
    add(2, Shard { index: 1, of: 3 }, &plan);
    add(3, SECOND, &plan_of("41"));
    expected.extend(["2.part-2", "2.part-3"].map(|name| (name.to_string(), others.to_string())));
    // One that is finished, and one that was.
    add(4, SECOND, &plan);
    fs::remove_file(add(5, SECOND, &plan).join("cells.csv")).unwrap();
    fs::write(place.path().join("2.part-6"), "").unwrap();
    let found = told();
    assert_eq!(found[..3], expected);
    let names: Vec<&str> = found[3..].iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["2.part-5", "2.part-6"]);
    assert!(found[3].1.contains("cells.csv") && !found[4].1.is_empty(), "{found:?}");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere", place.path().join("2.part-7")).unwrap();
        assert_eq!(told()[5..], [("2.part-7".to_string(), "it is not a directory".to_string())]);
    }
}

#[test]
fn parameters_of_a_shard_are_as_many_as_its_runs() {
    let (plan, place) = (plan("[train]\nsteps = 40\n[runs]\nseeds = 26"), tempdir().unwrap());
    let options = Options { save_params: true, ..options() };
    shard_into(place.path(), &plan, &mut engine(9), options, Shard { index: 2, of: 2 }).unwrap();
    for name in ["params_init.npy", "params_final.npy"] {
        let bytes = fs::read(place.path().join(name)).unwrap();
        assert_eq!(npyz::NpyFile::new(&bytes[..]).unwrap().shape(), [13, 9], "{name}");
    }
}

#[test]
fn a_sweep_that_cannot_start_leaves_the_place_as_it_was() {
    let (plan, place) = (mixed_plan(), tempdir().unwrap());
    // Networks of several sizes have no array of parameters.
    let options = Options { save_params: true, ..options() };
    let (made, there) = (place.path().join("made"), place.path().join("there"));
    fs::create_dir(&there).unwrap();
    for directory in [&made, &there] {
        sweep_into(directory, &plan, &mut engine(9), options, false).unwrap_err();
    }
    assert!(!made.exists() && fs::read_dir(&there).unwrap().next().is_none());
    // Something else in the place of a file.
    fs::create_dir(there.join("runs.csv")).unwrap();
    let manifest = Manifest { shard: None, ..wanted(&plan, SECOND) };
    match Results::create(&there, &plan, manifest).map(|_| ()) {
        Err(OutputError::File { action, path, .. }) => {
            assert_eq!((action, path), ("remove", there.join("runs.csv")));
        }
        other => panic!("{other:?}"),
    }
}
