//! What `runs.parquet` holds: the rows of `runs.csv`, with types, and the same bytes however the sweep was cut up.

#[allow(dead_code, reason = "each test file uses its part")]
mod made_up;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use made_up::{engine, plan, refusal, sweep_into};
use parquet::basic::{LogicalType, Type};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use symbreak::engine::{Engine, Watch};
use symbreak::output::columns::{Columns, heads};
use symbreak::output::directory::{Decision, Entered, Permission, decide, enter};
use symbreak::output::{
    Manifest, Options, OutputError, Results, RunsFile, Status, parquet as written, recorded,
};
use symbreak::spec::Plan;
use symbreak::sweep;
use tempfile::{TempDir, tempdir};

const PARQUET: Options = Options { runs: RunsFile::Parquet, trace: 0, save_params: false, verify: 0.5 };
const CSV: Options = Options { runs: RunsFile::Csv, ..PARQUET };

/// Runs of every kind, with scores, under swept keys of every type; `lr` perturbs them.
fn every_kind(lr: f64) -> Plan {
    every_kind_of(lr, 7)
}

fn every_kind_of(lr: f64, seeds: u64) -> Plan {
    plan(&format!(
        "test = 0.25\n[train]\nsteps = 8\nlr = {lr}\n[sweep]\n\"init.scale\" = \"0.1,1e-3\"\n\"net.hidden\" = \"2,1\"\n\
         \"net.skip\" = \"true,false\"\n\"train.batch\" = \"full,2\"\n\"task.bits\" = \"2,3\"\n\
         \"net.activation\" = \"tanh,relu\"\n[runs]\nseeds = {seeds}"
    ))
}

fn swept_into(plan: &Plan, runs_per_batch: usize, options: Options) -> TempDir {
    let place = tempdir().unwrap();
    sweep_into(place.path(), plan, &mut engine(runs_per_batch), options, false).unwrap();
    place
}

fn reader(directory: &Path) -> SerializedFileReader<fs::File> {
    SerializedFileReader::new(fs::File::open(directory.join("runs.parquet")).unwrap()).unwrap()
}

/// Every file of a directory but the manifest, by name.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .filter(|(name, _)| name != "manifest.json")
        .collect()
}

/// Whether a typed value is what a field of CSV says.
fn same(text: &str, typed: &Field) -> bool {
    match typed {
        Field::Null => text.is_empty(),
        Field::ULong(n) => text == n.to_string(),
        Field::UInt(n) => text == n.to_string(),
        Field::Double(x) => text.parse::<f64>().is_ok_and(|read| read.to_bits() == x.to_bits()),
        Field::Bool(flag) => text == flag.to_string(),
        Field::Str(word) => text == word,
        other => panic!("a type that no column has: {other:?}"),
    }
}

/// How many values are another one in the two files, of how many by type; the files have the same columns and rows.
fn differing(csv: &Path, parquet: &Path) -> (usize, BTreeMap<&'static str, usize>) {
    let mut text = csv::Reader::from_path(csv.join("runs.csv")).unwrap();
    let names = text.headers().unwrap().clone();
    let (mut differing, mut kinds) = (0, BTreeMap::new());
    let file = reader(parquet);
    let mut rows = file.get_row_iter(None).unwrap();
    for record in text.records() {
        let (record, row) = (record.unwrap(), rows.next().unwrap().unwrap());
        assert!(row.get_column_iter().map(|(name, _)| name.as_str()).eq(&names));
        for (text, (_, typed)) in record.iter().zip(row.get_column_iter()) {
            differing += usize::from(!same(text, typed));
            let kind = match typed {
                Field::Null => "null",
                Field::ULong(_) => "u64",
                Field::UInt(_) => "u32",
                Field::Double(x) if !x.is_finite() => "infinite",
                Field::Double(_) => "f64",
                Field::Bool(_) => "bool",
                _ => "text",
            };
            *kinds.entry(kind).or_insert(0) += 1;
        }
    }
    assert!(rows.next().is_none());
    (differing, kinds)
}

#[test]
fn values_are_those_of_csv() {
    let here = every_kind_of(0.5, 40);
    let (csv, parquet) = (swept_into(&here, 1000, CSV), swept_into(&here, 1000, PARQUET));
    assert!(!parquet.path().join("runs.csv").exists() && !csv.path().join("runs.parquet").exists());
    let (wrong, kinds) = differing(csv.path(), parquet.path());
    assert_eq!(wrong, 0);
    assert_eq!(kinds.len(), 7, "values of all types, and missing ones: {kinds:?}");
    let other = swept_into(&every_kind_of(0.25, 40), 1000, PARQUET);
    assert!(differing(csv.path(), other.path()).0 > 1000, "runs at another rate");
    // And what reads rows for other commands takes either.
    assert_eq!(recorded::read(csv.path()).unwrap(), recorded::read(parquet.path()).unwrap());
    assert_ne!(recorded::read(csv.path()).unwrap(), recorded::read(other.path()).unwrap());
}

#[test]
fn columns_have_types_and_the_file_its_manifest() {
    let here = every_kind(0.5);
    let place = swept_into(&here, 100, PARQUET);
    let manifest = Manifest::read(place.path()).unwrap().unwrap();
    let file = reader(place.path());
    let about = file.metadata().file_metadata();
    let (long, count) = (Some(LogicalType::integer(64, false)), Some(LogicalType::integer(32, false)));
    let column = |name: &str| match name {
        "run" | "cell" | "seed" | "task.bits" => (Type::INT64, long.clone(), false),
        "net.skip" => (Type::BOOLEAN, None, false),
        "init.scale" | "loss_initial" => (Type::DOUBLE, None, false),
        "outcome" | "symmetry_initial" | "net.hidden" | "train.batch" | "net.activation" => {
            (Type::BYTE_ARRAY, Some(LogicalType::String), false)
        }
        "symmetry" => (Type::BYTE_ARRAY, Some(LogicalType::String), true),
        "solve_step" | "break_step" | "diverge_step" | "distinct_units" => (Type::INT32, count.clone(), true),
        "steps" => (Type::INT32, count.clone(), false),
        "verified" => (Type::BOOLEAN, None, true),
        _ => (Type::DOUBLE, None, true),
    };
    for found in about.schema_descr().columns() {
        let (physical, logical, optional) = column(found.name());
        assert_eq!(found.physical_type(), physical, "{}", found.name());
        assert_eq!(found.logical_type_ref(), logical.as_ref(), "{}", found.name());
        assert_eq!(found.max_def_level(), i16::from(optional), "{}", found.name());
    }
    let [about] = &about.key_value_metadata().unwrap()[..] else { panic!("one key") };
    assert_eq!(about.key, "symbreak.manifest");
    let about: serde_json::Value = serde_json::from_str(about.value.as_ref().unwrap()).unwrap();
    assert_eq!(about, manifest.reproducible());
    assert_eq!(about["plan_hash"], here.hash());
    assert_eq!(about["counts"]["runs_finished"], here.runs());
    assert_eq!(about["verification"], serde_json::to_value(&manifest.verification).unwrap());
    for key in ["training_seconds", "total_seconds", "started_at", "threads", "trained_by", "status", "files"]
    {
        assert!(about.get(key).is_none(), "{key} differs from time to time");
    }
    // The manifest beside the file knows its content.
    let bytes = fs::read(place.path().join("runs.parquet")).unwrap();
    let content = &manifest.files["runs.parquet"];
    assert_eq!(content.bytes, bytes.len() as u64);
    assert_eq!(content.blake3, blake3::hash(&bytes).to_hex().as_str());
    assert!(manifest.check(place.path()).is_ok());
    fs::write(place.path().join("runs.parquet"), &bytes[1..]).unwrap();
    assert!(manifest.check(place.path()).is_err());
}

#[test]
fn a_row_group_has_a_fixed_number_of_runs_whatever_the_windows() {
    let lines = |lr: f64| {
        plan(&format!(
            "[train]\nsteps = 1\nlr = {lr}\n[sweep]\n\"init.scale\" = \"0,0.1\"\n[runs]\nseeds = 140000"
        ))
    };
    let here = lines(0.5);
    let options = Options { verify: 0.0, ..PARQUET };
    let whole = swept_into(&here, usize::MAX, options);
    let rows: Vec<i64> =
        reader(whole.path()).metadata().row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(rows, [131_072, 131_072, 17_856]);
    let cut = swept_into(&here, 50_001, options);
    assert_eq!(files(cut.path()), files(whole.path()));
    assert_ne!(files(swept_into(&lines(0.25), 50_001, options).path()), files(whole.path()));

    // From two parts, as a merge has them.
    let mut groups = written::read(&whole.path().join("runs.parquet")).unwrap();
    let names: Vec<String> = heads(&here.resolved).into_iter().map(|head| head.name).collect();
    assert_eq!(groups.names(), names);
    let mut first = groups.next().unwrap().unwrap();
    assert!(first.columns()[0].wholes().eq((0..131_072).map(Some)));
    let start = first.take(70_000);
    let sources = [start, first].into_iter().map(Ok).chain(groups);
    let manifest = Manifest::read(whole.path()).unwrap().unwrap();
    let path = cut.path().join("again.parquet");
    let content = written::write(&path, &manifest, sources).unwrap();
    assert_eq!(content, manifest.files["runs.parquet"]);
    assert!(fs::read(&path).unwrap() == fs::read(whole.path().join("runs.parquet")).unwrap());
    // As many runs as a group has: no empty one comes after it.
    let one = written::read(&whole.path().join("runs.parquet")).unwrap().take(1);
    written::write(&path, &manifest, one).unwrap();
    let again = SerializedFileReader::new(fs::File::open(&path).unwrap()).unwrap();
    assert_eq!(again.metadata().num_row_groups(), 1);
    // Rows of another plan, and a source that fails: no file.
    fs::remove_file(&path).unwrap();
    let other = Columns::new(&heads(&every_kind(0.5).resolved));
    let gone = OutputError::Refused("gone".into());
    for source in [Ok(other), Err(gone)] {
        assert!(written::write(&path, &manifest, [source].into_iter()).is_err());
        assert!(!path.exists() && !cut.path().join("runs.parquet.new").exists());
    }
}

#[test]
fn bytes_do_not_depend_on_windows_and_resumption() {
    let here = every_kind(0.5);
    let whole = swept_into(&here, 1000, PARQUET);
    assert_eq!(
        files(whole.path()).into_keys().collect::<Vec<_>>(),
        ["cells.csv", "curves.csv", "datapackage.json", "runs.parquet"]
    );
    for runs_per_batch in [3, 13, 64] {
        assert_eq!(
            files(swept_into(&here, runs_per_batch, PARQUET).path()),
            files(whole.path()),
            "{runs_per_batch}"
        );
    }
    for call in [0, 1, 3, 7, 20] {
        let place = tempdir().unwrap();
        let mut ill = engine(5);
        ill.fail_at = Some(call);
        sweep_into(place.path(), &here, &mut ill, PARQUET, false).unwrap_err();
        // A part of a Parquet file would be of no use.
        assert!(!place.path().join("runs.parquet").exists());
        assert!(place.path().join("runs.parquet.unfinished").exists());
        let mut again = engine(3);
        again.interrupt_at = Some(2);
        sweep_into(place.path(), &here, &mut again, PARQUET, true).unwrap_err();
        sweep_into(place.path(), &here, &mut engine(11), PARQUET, true).unwrap();
        assert_eq!(files(place.path()), files(whole.path()), "{call}");
    }
    assert_ne!(files(swept_into(&every_kind(0.25), 1000, PARQUET).path()), files(whole.path()));
}

/// A directory in which every run is in, and nothing is finished.
fn all_in(plan: &Plan) -> TempDir {
    let place = tempdir().unwrap();
    let mut engine = engine(40);
    let kernels = vec!["made-up".to_string(); plan.programs.len()];
    let options = Options { verify: 0.0, ..PARQUET };
    let manifest = Manifest::new(plan, engine.description(), options, &kernels);
    let mut results = Results::create(place.path(), plan, manifest).unwrap();
    let interrupted = AtomicBool::new(false);
    let watch = Watch { interrupted: &interrupted, finished: &|_| {} };
    sweep::run(plan, &mut engine, sweep::Policy::default(), &mut results, &watch).unwrap();
    assert!(results.left().is_empty());
    place
}

#[test]
fn a_sweep_killed_while_it_finishes_can_be_finished() {
    let here = every_kind(0.5);
    let options = Options { verify: 0.0, ..PARQUET };
    let whole = swept_into(&here, 1000, options);
    let rename = |place: &Path, from: &str, to: &str| fs::rename(place.join(from), place.join(to)).unwrap();
    type Killed<'a> = (&'a str, &'a dyn Fn(&Path));
    let moments: [Killed<'_>; 5] = [
        ("before", &|_| {}),
        ("half of it is written", &|place| {
            let bytes = fs::read(whole.path().join("runs.parquet")).unwrap();
            fs::write(place.join("runs.parquet.new"), &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("it has its name", &|place| {
            fs::copy(whole.path().join("runs.parquet"), place.join("runs.parquet")).unwrap();
        }),
        ("others have theirs", &|place| {
            fs::copy(whole.path().join("runs.parquet"), place.join("runs.parquet")).unwrap();
            rename(place, "cells.csv.unfinished", "cells.csv");
            rename(place, "curves.csv.unfinished", "curves.csv");
        }),
        ("something else has its name", &|place| fs::write(place.join("runs.parquet"), "PAR1").unwrap()),
    ];
    for (moment, kill) in moments {
        let place = all_in(&here);
        kill(place.path());
        let mut idle = engine(1);
        idle.fail_at = Some(0);
        let manifest = sweep_into(place.path(), &here, &mut idle, options, true).unwrap();
        assert_eq!(manifest.status, Status::Finished);
        assert_eq!(files(place.path()), files(whole.path()), "{moment}");
    }
    // The last moment: the manifest says that all is done, and what is of no more use is still there.
    let place = swept_into(&here, 1000, options);
    for name in ["journal.jsonl", "runs.parquet.unfinished"] {
        fs::copy(all_in(&here).path().join(name), place.path().join(name)).unwrap();
    }
    let wanted = Manifest::new(&here, engine(1).description(), options, &[]);
    assert!(matches!(enter(place.path(), &here, wanted, Permission::None), Ok(Entered::Finished(_))));
    assert_eq!(files(place.path()), files(whole.path()));
}

#[test]
fn segments_that_were_changed_are_written_again() {
    let here = every_kind(0.5);
    let whole = swept_into(&here, 1000, PARQUET);
    let damages: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.extend(b"half a segment"),
        |bytes| bytes[9] ^= 1,
        |bytes| {
            let last = bytes.len() - 100;
            bytes[last] ^= 1;
        },
    ];
    for (at, damage) in damages.into_iter().enumerate() {
        let place = tempdir().unwrap();
        let mut ill = engine(5);
        ill.fail_at = Some(30);
        sweep_into(place.path(), &here, &mut ill, PARQUET, false).unwrap_err();
        let path = place.path().join("runs.parquet.unfinished");
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        sweep_into(place.path(), &here, &mut engine(8), PARQUET, true).unwrap();
        assert_eq!(files(place.path()), files(whole.path()), "{at}");
    }
}

#[test]
fn a_damaged_file_is_an_error_that_names_it() {
    let here = every_kind(0.5);
    let place = swept_into(&here, 1000, PARQUET);
    let path = place.path().join("runs.parquet");
    let bytes = fs::read(&path).unwrap();
    for damaged in [&bytes[..bytes.len() / 2], b"", b"PAR1PAR1"] {
        fs::write(&path, damaged).unwrap();
        let error = recorded::read(place.path()).unwrap_err().to_string();
        assert!(error.contains("runs.parquet: "), "{error}");
    }
    fs::remove_file(&path).unwrap();
    let message = refusal(recorded::read(place.path()));
    assert!(message.contains("--runs csv") && message.contains("--runs parquet"), "{message}");
}

#[test]
fn what_a_finished_sweep_has_no_rows_for_is_refused() {
    let here = every_kind(0.5);
    let standing = |place: &Path, runs, permission| {
        let wanted = Manifest::new(&here, engine(1).description(), Options { runs, ..PARQUET }, &[]);
        decide(place, &here, &wanted, permission)
    };
    let place = swept_into(&here, 1000, PARQUET);
    let message = refusal(standing(place.path(), RunsFile::Csv, Permission::None));
    assert!(message.contains("not what --runs csv asks for"), "{message}");
    for runs in [RunsFile::Parquet, RunsFile::None] {
        assert!(matches!(standing(place.path(), runs, Permission::None), Ok(Decision::Show(_))));
    }
    let place = swept_into(&here, 1000, CSV);
    let message = refusal(standing(place.path(), RunsFile::Parquet, Permission::None));
    assert!(message.contains("not what --runs parquet asks for"), "{message}");

    let place = tempdir().unwrap();
    let mut ill = engine(5);
    ill.fail_at = Some(2);
    sweep_into(place.path(), &here, &mut ill, PARQUET, false).unwrap_err();
    let message = refusal(standing(place.path(), RunsFile::Csv, Permission::Resume));
    assert!(message.contains("--runs parquet --verify 0.5"), "{message}");
    assert!(matches!(standing(place.path(), RunsFile::Parquet, Permission::Resume), Ok(Decision::Resume(_))));
}
