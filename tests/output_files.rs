//! What the result directory holds, byte by byte where it matters.

#[allow(dead_code, reason = "each test file uses its part")]
mod made_up;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use made_up::{all_files, engine, mixed_plan, plan, refusal, sweep_into};
use serde_json::Value as Json;
use symbreak::engine::EngineError;
use symbreak::engine::mock::MockEngine;
use symbreak::engine::{Engine, Watch};
use symbreak::output::directory::{Decision, Entered, Permission, decide, enter};
use symbreak::output::results::clear;
use symbreak::output::summary::{self, Cells};
use symbreak::output::{Manifest, Options, OutputError, Results, RunsFile, Status};
use symbreak::spec::{Grid, Plan};
use symbreak::sweep::{self, Limits, Policy, SweepError};
use tempfile::tempdir;

/// Every file of a directory but the manifest, by name.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .filter(|(name, _)| name != "manifest.json")
        .collect()
}

fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap()
}

fn limits(plan: &Plan, runs_per_batch: usize) -> Limits {
    let placements = sweep::placements(plan, &engine(runs_per_batch)).unwrap();
    sweep::limits(plan, &placements, &Options::default())
}

/// Rows of a CSV file as maps from column to field.
fn table(directory: &Path, name: &str) -> Vec<HashMap<String, String>> {
    let mut reader = csv::Reader::from_path(directory.join(name)).unwrap();
    reader.deserialize().map(|row| row.unwrap()).collect()
}

#[test]
fn the_files_of_a_tiny_sweep() {
    let plan = plan("[train]\nsteps = 3\n[sweep]\n\"init.scale\" = \"0,0.1\"\n[runs]\nseeds = 8");
    let place = tempdir().unwrap();
    let mut mock = MockEngine::default();
    let options = Options { trace: 1, ..Options::default() };
    let manifest = Manifest::new(&plan, mock.description(), options, &["mock".into()]);
    let mut results = Results::create(place.path(), &plan, manifest).unwrap();
    let interrupted = AtomicBool::new(false);
    let watch = Watch { interrupted: &interrupted, finished: &|_| {} };
    sweep::run(&plan, &mut mock, Policy::default(), &mut results, &watch).unwrap();
    let manifest = results.finish().unwrap();
    assert_eq!(manifest.status, Status::Finished);
    insta::assert_snapshot!("runs.csv", read(place.path(), "runs.csv"));
    insta::assert_snapshot!("cells.csv", read(place.path(), "cells.csv"));
    insta::assert_snapshot!("curves.csv", read(place.path(), "curves.csv"));
    insta::assert_snapshot!("traces.csv", read(place.path(), "traces.csv"));
    let cells = Cells::read(place.path()).unwrap();
    insta::assert_snapshot!(
        "table",
        summary::text(&manifest, &cells, &Grid::of(&plan.resolved).unwrap(), Path::new("results/t"))
    );
    assert_eq!(files(place.path()).len(), 5, "nothing else is left behind");
}

/// Of a field: what the schema says against it.
fn objection(field: &Json, text: &str) -> Option<String> {
    let constraints = &field["constraints"];
    let wrong = |what: &str| Some(format!("{}: {text:?} {what}", field["name"]));
    if text.is_empty() {
        return if constraints["required"] == true { wrong("is required") } else { None };
    }
    let number = match field["type"].as_str() {
        Some("integer") => text.parse::<i64>().ok().map(|n| n as f64),
        Some("number") => text.parse().ok(),
        Some("boolean") if ["true", "false"].contains(&text) => return None,
        Some("string") => {
            let words = constraints["enum"].as_array();
            let known = words.is_none_or(|words| words.iter().any(|word| word == text));
            return if known { None } else { wrong("is none of the words") };
        }
        _ => return wrong("is of another type"),
    };
    let Some(number) = number else { return wrong("is no number") };
    let within = |limit: &str, fits: fn(f64, f64) -> bool| {
        constraints[limit].as_f64().is_none_or(|limit| fits(number, limit))
    };
    if within("minimum", |n, limit| n >= limit) && within("maximum", |n, limit| n <= limit) {
        None
    } else {
        wrong("is out of range")
    }
}

#[test]
fn the_data_package_describes_every_file_and_every_column() {
    let of_parameters = plan(
        "[train]\nsteps = 40\n[sweep]\n\"net.activation\" = \"relu,tanh\"\n\"train.batch\" = \"full,2\"\n\"net.bias\" = \
         [true]\n[runs]\nseeds = 13",
    );
    let all = Options { save_params: true, ..all_files() };
    let mut optional = 0;
    for (plan, options) in [
        (mixed_plan(), all_files()),
        (of_parameters, all),
        (mixed_plan(), Options { runs: RunsFile::None, ..Options::default() }),
    ] {
        let place = tempdir().unwrap();
        sweep_into(place.path(), &plan, &mut engine(1000), options, false).unwrap();
        let package: Json = serde_json::from_str(&read(place.path(), "datapackage.json")).unwrap();
        let resources = package["resources"].as_array().unwrap();
        let mut described: Vec<&str> =
            resources.iter().map(|resource| resource["path"].as_str().unwrap()).collect();
        described.push("datapackage.json");
        described.sort_unstable();
        assert!(files(place.path()).keys().eq(&described), "{described:?}");
        for resource in resources.iter().filter(|resource| resource["format"] == "csv") {
            let path = resource["path"].as_str().unwrap();
            let fields = resource["schema"]["fields"].as_array().unwrap();
            let names: Vec<&str> = fields.iter().map(|field| field["name"].as_str().unwrap()).collect();
            let mut reader = csv::Reader::from_path(place.path().join(path)).unwrap();
            assert_eq!(reader.headers().unwrap(), names, "{path}");
            let keys: Vec<&str> = resource["schema"]["primaryKey"]
                .as_array()
                .unwrap()
                .iter()
                .map(|key| key.as_str().unwrap())
                .collect();
            let mut seen = std::collections::HashSet::new();
            for row in reader.records() {
                let row = row.unwrap();
                for (field, text) in fields.iter().zip(&row) {
                    assert_eq!(objection(field, text), None, "{path}: {row:?}");
                    optional += usize::from(text.is_empty());
                }
                let column = |key: &&str| names.iter().position(|name| name == key).unwrap();
                let key: Vec<String> = keys.iter().map(|key| row[column(key)].to_string()).collect();
                assert!(seen.insert(key), "{path}: two rows have the same key");
            }
            for field in fields {
                let about = field["description"].as_str().unwrap();
                assert!(about.len() > 5 && about.ends_with('.'), "{path}: {field}");
            }
        }
    }
    assert!(optional > 100, "hardly anything was missing");
}

#[test]
fn rows_do_not_depend_on_the_windows() {
    let plan = mixed_plan();
    let whole = tempdir().unwrap();
    sweep_into(whole.path(), &plan, &mut engine(1000), all_files(), false).unwrap();
    assert_eq!(sweep::windows(&plan, 0..plan.runs(), &limits(&plan, 1000)), 1);
    for runs_per_batch in [1, 2, 3, 7, 13, 14, 25, 39, 40] {
        let cut = tempdir().unwrap();
        sweep_into(cut.path(), &plan, &mut engine(runs_per_batch), all_files(), false).unwrap();
        assert_eq!(files(cut.path()), files(whole.path()), "{runs_per_batch}");
    }
}

/// Cells are cut by the pieces that cores make, and by windows.
#[test]
fn cells_do_not_depend_on_pieces() {
    let plan =
        plan("[train]\nsteps = 1\n[sweep]\n\"init.scale\" = \"0.1,0.2,0.3,0.4\"\n[runs]\nseeds = 30000");
    let (whole, cut) = (tempdir().unwrap(), tempdir().unwrap());
    let manifest = sweep_into(whole.path(), &plan, &mut engine(120_000), Options::default(), false).unwrap();
    let in_windows = sweep_into(cut.path(), &plan, &mut engine(7001), Options::default(), false).unwrap();
    assert!(files(whole.path()) == files(cut.path()));
    // Time adds up, whatever there is of it.
    for manifest in [manifest, in_windows] {
        assert!(manifest.training_seconds > 0.0 && manifest.total_seconds >= manifest.training_seconds);
    }
}

#[test]
fn rows_made_on_many_cores_are_in_the_order_of_run_numbers() {
    let plan = plan("[train]\nsteps = 1\n[runs]\nseeds = 140000");
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let place = tempdir().unwrap();
        let sweep = || sweep_into(place.path(), &plan, &mut engine(140_000), Options::default(), false);
        pool.install(sweep).unwrap();
        let text = read(place.path(), "runs.csv");
        let numbers = text.lines().skip(1).map(|row| row.split(',').next().unwrap().parse::<u64>().unwrap());
        assert!(numbers.eq(0..140_000), "{threads}");
    }
}

#[test]
fn windows_are_as_long_as_no_batch_is_too_large() {
    let plan = mixed_plan();
    let windows = |all, of_program: [u64; 2]| {
        sweep::windows(&plan, 0..plan.runs(), &Limits { all, of_program: of_program.to_vec() })
    };
    // Six cells of 13 runs; programs alternate.
    assert_eq!(windows(1000, [13, 13]), 3);
    assert_eq!(windows(1000, [39, 39]), 1);
    assert_eq!(windows(1000, [39, 13]), 3);
    assert_eq!(windows(1000, [1, 1]), 78 - 5, "two cells meet in a window");
    assert_eq!(windows(20, [39, 39]), 4);
}

#[test]
fn a_window_is_bounded_whatever_engines_and_users_wish_for() {
    // Values, not classes: no parameters are needed for a score.
    let lines = "[net]\nhidden = [64]\n[train]\nsteps = 1000\n[runs]\nseeds = 10000000";
    let classes = plan(lines);
    let plan = plan(&format!("{lines}\n[sweep]\n\"task.dataset\" = \"random\""));
    let all = limits(&plan, usize::MAX).all;
    assert!(limits(&classes, usize::MAX).all < all / 2);
    assert_eq!(all, 1 << 17);
    assert_eq!(
        sweep::windows(&plan, 0..plan.runs(), &limits(&plan, usize::MAX)),
        10_000_000u64.div_ceil(all)
    );
    assert_eq!(limits(&plan, 7), Limits { all, of_program: vec![7] });
    assert_eq!(limits(&plan, 0), Limits { all, of_program: vec![1] });
    let wide = sweep::placements(&plan, &engine(usize::MAX)).unwrap();
    let with = |options: Options| sweep::limits(&plan, &wide, &options);
    // Some traces cost little; traces of whole windows cost memory, as parameters do.
    let traced = |trace| with(Options { trace, ..Options::default() }).all;
    assert!(traced(100) > all / 2 && traced(10_000_000) < all / 8);
    let with_parameters = with(Options { save_params: true, ..Options::default() });
    assert!(with_parameters.all < all / 2);
    assert_eq!(with_parameters.of_program, [with_parameters.all]);
}

/// Held-out samples, two classes, a diverged run here and there: no cut and no resumption shows in the scores.
#[test]
fn scores_do_not_depend_on_windows_and_resumption() {
    let plan = made_up::plan(
        "test = 0.25\n[train]\nsteps = 4\n[sweep]\n\"init.scale\" = \"0.1,2\"\n\"net.hidden\" = \"2,1\"\n[runs]\nseeds = 13",
    );
    let whole = tempdir().unwrap();
    sweep_into(whole.path(), &plan, &mut engine(1000), all_files(), false).unwrap();
    let runs = table(whole.path(), "runs.csv");
    for run in &runs {
        for column in ["loss_test", "accuracy", "accuracy_test"] {
            assert_eq!(run[column].is_empty(), run["outcome"] == "diverged", "{column} {run:?}");
        }
    }
    let mut seen = 0;
    for cell in table(whole.path(), "cells.csv") {
        let of_cell =
            || runs.iter().filter(|run| run["cell"] == cell["cell"] && run["outcome"] != "diverged");
        // Of three samples.
        let correct =
            of_cell().map(|run| (3.0 * run["accuracy"].parse::<f64>().unwrap()).round()).sum::<f64>();
        let mean = correct / (3 * of_cell().count()) as f64;
        assert_eq!(cell["accuracy_mean"].parse::<f64>().unwrap(), mean);
        let mut losses: Vec<f64> = of_cell().map(|run| run["loss_test"].parse().unwrap()).collect();
        let median = symbreak::measure::statistics::median(&mut losses).unwrap();
        assert_eq!(cell["loss_test_median"].parse::<f64>().unwrap(), median);
        seen += of_cell().count();
    }
    assert!(seen > 26 && seen < runs.len());
    for runs_per_batch in [1, 5, 14] {
        let cut = tempdir().unwrap();
        let mut failing = engine(runs_per_batch);
        failing.fail_at = Some(2);
        sweep_into(cut.path(), &plan, &mut failing, all_files(), false).unwrap_err();
        sweep_into(cut.path(), &plan, &mut engine(runs_per_batch), all_files(), true).unwrap();
        assert_eq!(files(cut.path()), files(whole.path()), "{runs_per_batch}");
    }
}

/// Cells of more values than are kept one by one: their medians are rounded, and still no cut shows.
#[test]
fn a_large_cell_does_not_depend_on_windows_and_resumption() {
    let lines = |lr: f64| {
        format!("[train]\nsteps = 2\nlr = {lr}\n[sweep]\n\"init.scale\" = \"0.1,2\"\n[runs]\nseeds = 150000")
    };
    let (plan, other) = (plan(&lines(0.5)), plan(&lines(0.25)));
    let options = Options { runs: RunsFile::None, ..Options::default() };
    let whole = tempdir().unwrap();
    sweep_into(whole.path(), &plan, &mut engine(usize::MAX), options, false).unwrap();
    let cut = tempdir().unwrap();
    let mut failing = engine(41_000);
    failing.fail_at = Some(5);
    sweep_into(cut.path(), &plan, &mut failing, options, false).unwrap_err();
    let journal = fs::metadata(cut.path().join("journal.jsonl")).unwrap().len();
    assert!(journal < 31 * 205_000, "{journal} bytes");
    sweep_into(cut.path(), &plan, &mut engine(70_001), options, true).unwrap();
    assert_eq!(files(cut.path()), files(whole.path()));
    sweep_into(cut.path(), &other, &mut engine(70_001), options, false).unwrap();
    assert_ne!(files(cut.path()), files(whole.path()), "other runs");
}

#[test]
fn cells_and_curves_are_those_of_the_runs() {
    let plan = mixed_plan();
    let place = tempdir().unwrap();
    let manifest = sweep_into(place.path(), &plan, &mut engine(10), all_files(), false).unwrap();
    let (runs, cells) = (table(place.path(), "runs.csv"), table(place.path(), "cells.csv"));
    let curves = table(place.path(), "curves.csv");
    assert_eq!((runs.len(), cells.len()), (78, 6));
    let mut seen = BTreeMap::new();
    for cell in &cells {
        let of_cell: Vec<_> = runs.iter().filter(|run| run["cell"] == cell["cell"]).collect();
        let count = |column: &str, value: &str| of_cell.iter().filter(|run| run[column] == value).count();
        let end = curves.iter().rfind(|row| row["cell"] == cell["cell"]).unwrap();
        assert_eq!(end["step"], "40");
        let expected = [
            ("runs", of_cell.len()),
            ("solved", count("outcome", "solved")),
            ("stuck", count("outcome", "stuck")),
            ("diverged", count("outcome", "diverged")),
            ("broken", count("symmetry", "broken")),
            ("partial", count("symmetry", "partial")),
            ("symmetric", count("symmetry", "symmetric")),
            ("started_symmetric", count("symmetry_initial", "symmetric")),
        ];
        for (column, expected) in expected {
            assert_eq!(cell[column], expected.to_string(), "{column}");
            if let Some(at_end) = end.get(column) {
                assert_eq!(*at_end, cell[column], "{column}");
            }
            *seen.entry(column).or_insert(0) += expected;
        }
        let escaped = of_cell.iter().filter(|run| {
            run["symmetry_initial"] == "symmetric"
                && ["partial", "broken"].contains(&run["symmetry"].as_str())
        });
        assert_eq!(cell["escaped"], escaped.count().to_string());
        assert_eq!(cell["fraction_escaped"].is_empty(), cell["started_symmetric"] == "0");
        let mut losses: Vec<f64> = of_cell.iter().filter_map(|run| run["loss_final"].parse().ok()).collect();
        let median = symbreak::measure::statistics::median(&mut losses).unwrap();
        assert_eq!(cell["loss_final_median"].parse::<f64>().unwrap().to_bits(), median.to_bits());
    }
    assert!(seen.values().all(|&count| count > 0), "every kind occurs: {seen:?}");
    assert_eq!(manifest.counts.solved, seen["solved"] as u64);
    assert_eq!(manifest.counts.broken, seen["broken"] as u64);
    assert_eq!(manifest.counts.runs_finished, 78);
}

#[test]
fn what_does_not_exist_is_empty() {
    let plan = mixed_plan();
    let place = tempdir().unwrap();
    sweep_into(place.path(), &plan, &mut engine(10), all_files(), false).unwrap();
    let final_columns = [
        "symmetry",
        "loss_final",
        "error_final",
        "gradient_norm_final",
        "spread_final",
        "gap_final",
        "distinct_units",
    ];
    for run in table(place.path(), "runs.csv") {
        let diverged = run["outcome"] == "diverged";
        let one_unit = run["net.hidden"] == "1";
        for column in final_columns {
            let units = ["spread_final", "gap_final", "distinct_units"].contains(&column);
            assert_eq!(run[column].is_empty(), diverged || (units && one_unit), "{column} {run:?}");
        }
        assert_eq!(run["diverge_step"].is_empty(), !diverged);
        assert_eq!(run["spread_initial"].is_empty(), one_unit);
        assert!(!run["loss_initial"].is_empty() && !run["symmetry_initial"].is_empty());
        let (seed, every) = (run["seed"].parse::<u64>().unwrap(), 5);
        assert!(["", "true", "false"].contains(&run["verified"].as_str()));
        if !run["verified"].is_empty() && seed % every != 0 {
            assert_eq!(run["verified"], "true", "labels of that seed are the same");
        }
    }
    for row in table(place.path(), "traces.csv") {
        assert!(row["seed"].parse::<u64>().unwrap() < 2);
    }
}

#[test]
fn parameters_are_arrays_of_float32() {
    let plan = plan("[train]\nsteps = 4\n[sweep]\n\"net.activation\" = \"tanh,relu\"\n[runs]\nseeds = 5");
    assert_eq!(plan.programs.len(), 2);
    let place = tempdir().unwrap();
    let options = Options { save_params: true, runs: RunsFile::None, ..Options::default() };
    sweep_into(place.path(), &plan, &mut engine(3), options, false).unwrap();
    for (name, base) in [("params_init.npy", 0.0), ("params_final.npy", 1000.0)] {
        let bytes = fs::read(place.path().join(name)).unwrap();
        let array = npyz::NpyFile::new(&bytes[..]).unwrap();
        assert_eq!(array.shape(), [10, 9]);
        assert_eq!(array.order(), npyz::Order::C);
        let values: Vec<f32> = array.into_vec().unwrap();
        let expected = (0..10).flat_map(|run| (0..9).map(move |p| base + (run % 5) as f32 + p as f32 / 64.0));
        assert_eq!(values, expected.collect::<Vec<_>>());
    }
    assert!(!place.path().join("runs.csv").exists(), "--runs none");
}

#[test]
fn parameters_need_one_shape() {
    let place = tempdir().unwrap();
    let directory = place.path().join("new");
    let options = Options { save_params: true, ..Options::default() };
    let plan = mixed_plan();
    let manifest = Manifest::new(&plan, engine(1).description(), options, &["a".into(), "b".into()]);
    let message = refusal(Results::create(&directory, &plan, manifest));
    assert!(message.contains("2-2-1 and 2-1-1"), "{message}");
    assert!(!directory.exists());
}

#[test]
fn verification_counts_and_the_sample_does_not_depend_on_windows() {
    let plan = mixed_plan();
    let place = tempdir().unwrap();
    let manifest = sweep_into(place.path(), &plan, &mut engine(9), all_files(), false).unwrap();
    let found = manifest.verification.clone().unwrap();
    assert!((20..60).contains(&found.sampled), "half of 78, about");
    assert_eq!(found.sampled, found.agreed + found.explained + found.unexplained);
    assert!(found.unexplained > 0);
    assert!(found.unexplained_runs.iter().all(|run| run % 13 % 5 == 0), "labels of other seeds are the same");
    assert!(!found.passed());
    let runs = table(place.path(), "runs.csv");
    assert_eq!(runs.iter().filter(|run| run["verified"] == "true").count() as u64, found.agreed);
    assert_eq!(runs.iter().filter(|run| !run["verified"].is_empty()).count() as u64, found.sampled);
}

#[test]
fn one_unexplained_run_in_a_thousand_is_tolerated() {
    let passed = |sampled, unexplained| {
        symbreak::output::Verification { sampled, unexplained, ..Default::default() }.passed()
    };
    assert!(passed(0, 0) && passed(999, 0) && passed(1000, 1) && passed(2000, 2));
    assert!(!passed(999, 1) && !passed(1999, 2));
}

#[test]
fn json_has_the_manifest_and_the_cells() {
    let plan = mixed_plan();
    let place = tempdir().unwrap();
    let manifest = sweep_into(place.path(), &plan, &mut engine(9), all_files(), false).unwrap();
    let cells = Cells::read(place.path()).unwrap();
    let grid = Grid::of(&plan.resolved).unwrap();
    let document = serde_json::to_value(summary::document(&manifest, &cells, &grid)).unwrap();
    for key in [
        "schema_version",
        "name",
        "status",
        "program_version",
        "git_hash",
        "spec",
        "plan_hash",
        "options",
        "backend",
        "adapter",
        "adapter_type",
        "driver",
        "threads",
        "runs",
        "cell_count",
        "seeds",
        "counts",
        "programs",
        "measured_steps",
        "verification",
        "started_at",
        "training_seconds",
        "total_seconds",
        "shard",
        "trained_by",
        "missing",
        "files",
    ] {
        assert!(document.get(key).is_some(), "{key}");
    }
    let cells = document["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 6);
    assert_eq!(cells[2]["init.scale"], 1e-3);
    assert_eq!(cells[1]["net.hidden"], serde_json::to_value(&plan.grid.values(1)[1]).unwrap());
    assert!(cells[1]["fraction_escaped"].is_null(), "one hidden unit cannot start symmetric");
    assert_eq!(cells[0]["runs"], 13);
    let columns: Vec<String> = cells[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(columns.join(","), read(place.path(), "cells.csv").lines().next().unwrap());
}

fn wanted(plan: &Plan, options: Options) -> Manifest {
    Manifest::new(plan, engine(1).description(), options, &[])
}

fn standing(
    directory: &Path,
    plan: &Plan,
    options: &Options,
    permission: Permission,
) -> Result<Decision, symbreak::output::OutputError> {
    decide(directory, plan, &wanted(plan, *options), permission)
}

#[test]
fn a_finished_sweep_is_shown_and_others_are_refused() {
    let plan_here = mixed_plan();
    let place = tempdir().unwrap();
    let here = place.path();
    let none = Permission::None;
    let options = Options { trace: 1, ..Options::default() };
    sweep_into(here, &plan_here, &mut engine(9), options, false).unwrap();
    assert!(matches!(standing(here, &plan_here, &options, none), Ok(Decision::Show(_))));
    assert!(matches!(
        standing(here, &plan_here, &Options::default(), Permission::Resume),
        Ok(Decision::Show(_))
    ));

    let more = Options { save_params: true, trace: 3, ..options };
    let message = refusal(standing(here, &plan_here, &more, none));
    assert!(message.contains("--trace 3 and --save-params"), "{message}");

    let other = plan(
        "[train]\nsteps = 41\n[sweep]\n\"init.scale\" = \"0.1,1e-3,2\"\n\"net.hidden\" = \"2,1\"\n[runs]\nseeds = 13",
    );
    for permission in [none, Permission::Resume] {
        let message = refusal(standing(here, &other, &options, permission));
        assert!(message.contains("train.steps: 40 there, 41 here"), "{message}");
        assert!(message.contains("--out") && message.contains("--force"), "{message}");
    }

    let mock = Manifest::new(&plan_here, MockEngine::default().description(), options, &[]);
    let Err(OutputError::OtherEngine(message)) = decide(here, &plan_here, &mock, none) else { panic!() };
    assert!(message.contains("none through made-up, now none through mock"), "{message}");

    // Force removes what a sweep writes, and nothing else.
    fs::write(here.join("notes.txt"), "mine").unwrap();
    let entered = enter(here, &other, wanted(&other, options), Permission::Force).unwrap();
    assert!(matches!(&entered, Entered::Open(results) if results.left() == (0..78)));
    assert_eq!(fs::metadata(here.join("journal.jsonl")).unwrap().len(), 0);
    drop(entered);
    clear(here).unwrap();
    assert_eq!(files(here).into_keys().collect::<Vec<_>>(), ["notes.txt"]);
    assert!(!here.join("manifest.json").exists());
    let message = refusal(standing(here, &other, &options, none));
    assert!(message.contains("holds files but no sweep"), "{message}");
    assert!(matches!(standing(here, &other, &options, Permission::Resume), Ok(Decision::Start)));
}

#[test]
fn an_unfinished_sweep_is_refused_or_resumed_with_the_same_options() {
    let plan = mixed_plan();
    let place = tempdir().unwrap();
    let here = place.path();
    let mut failing = engine(9);
    failing.fail_at = Some(3);
    sweep_into(here, &plan, &mut failing, all_files(), false).unwrap_err();
    let message = refusal(standing(here, &plan, &all_files(), Permission::None));
    assert!(message.contains("unfinished") && message.contains("--resume"), "{message}");
    let message = refusal(standing(here, &plan, &Options::default(), Permission::Resume));
    assert!(message.contains("--trace 2 --verify 0.5"), "{message}");
    assert!(matches!(standing(here, &plan, &all_files(), Permission::Resume), Ok(Decision::Resume(_))));
}

#[test]
fn a_directory_that_is_being_written_to_is_refused() {
    let plan = mixed_plan();
    let place = tempdir().unwrap();
    let kernels = ["a".into(), "b".into()];
    let manifest = Manifest::new(&plan, engine(1).description(), Options::default(), &kernels);
    let results = Results::create(place.path(), &plan, manifest).unwrap();
    for permission in [Permission::Resume, Permission::Force] {
        let entered = enter(place.path(), &plan, wanted(&plan, Options::default()), permission);
        let Err(OutputError::Busy(message)) = entered else { panic!("entered twice") };
        assert!(message.contains("another process") && message.contains("is writing"), "{message}");
    }
    drop(results);
    let entered = enter(place.path(), &plan, wanted(&plan, Options::default()), Permission::Resume);
    assert!(matches!(entered, Ok(Entered::Open(_))));
}

#[test]
fn a_manifest_that_cannot_be_read_is_refused() {
    let place = tempdir().unwrap();
    for content in ["", "{}", "not json"] {
        fs::write(place.path().join("manifest.json"), content).unwrap();
        let message = refusal(standing(place.path(), &mixed_plan(), &Options::default(), Permission::Resume));
        assert!(message.contains("manifest.json cannot be read") && message.contains("--force"), "{message}");
    }
    let nowhere = place.path().join("missing");
    let decision = standing(&nowhere, &mixed_plan(), &Options::default(), Permission::None);
    assert!(matches!(decision, Ok(Decision::Start)));
}

#[test]
fn a_sweep_that_ends_early_can_be_resumed_to_the_same_bytes() {
    let plan = mixed_plan();
    let whole = tempdir().unwrap();
    sweep_into(whole.path(), &plan, &mut engine(1000), all_files(), false).unwrap();
    let whole_manifest = Manifest::read(whole.path()).unwrap().unwrap();
    for (runs_per_batch, interrupt) in [(1, true), (5, false), (5, true), (9, true), (13, false), (20, true)]
    {
        for call in 0.. {
            let place = tempdir().unwrap();
            let mut ill = engine(runs_per_batch);
            if interrupt {
                ill.interrupt_at = Some(call);
            } else {
                ill.fail_at = Some(call);
            }
            let ended = sweep_into(place.path(), &plan, &mut ill, all_files(), false);
            if ended.is_ok() {
                assert!(call > 3, "it was disturbed at several points");
                break;
            }
            match ended {
                Err(SweepError::Engine(EngineError::Interrupted)) => assert!(interrupt),
                Err(SweepError::GaveUp { error: EngineError::Device(_), .. }) => assert!(!interrupt),
                other => panic!("{other:?}"),
            }
            // What is there covers the finished runs.
            let manifest = Manifest::read(place.path()).unwrap().unwrap();
            assert_eq!(manifest.status, Status::Unfinished);
            let runs: u64 =
                table(place.path(), "cells.csv").iter().map(|c| c["runs"].parse::<u64>().unwrap()).sum();
            assert_eq!(runs, manifest.counts.runs_finished);
            assert_eq!(runs as usize, table(place.path(), "runs.csv").len());

            // Disturbed once more, with other windows, then to the end.
            let mut again = engine(7);
            again.fail_at = Some(1);
            if sweep_into(place.path(), &plan, &mut again, all_files(), true).is_err() {
                sweep_into(place.path(), &plan, &mut engine(4), all_files(), true).unwrap();
            }
            assert_eq!(files(place.path()), files(whole.path()), "{runs_per_batch} {call}");
            let manifest = Manifest::read(place.path()).unwrap().unwrap();
            assert_eq!(manifest.status, Status::Finished);
            assert_eq!(manifest.counts, whole_manifest.counts);
            assert_eq!(manifest.verification, whole_manifest.verification);
        }
    }
}

#[test]
fn a_killed_sweep_can_be_resumed_from_whatever_the_files_hold() {
    let plan = mixed_plan();
    let whole = tempdir().unwrap();
    sweep_into(whole.path(), &plan, &mut engine(1000), all_files(), false).unwrap();
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 7] = [
        ("runs.csv", |bytes| bytes.extend(b"half a r")),
        ("runs.csv", |bytes| bytes.truncate(bytes.len() / 2)),
        ("traces.csv", |bytes| bytes.truncate(3)),
        ("curves.csv.unfinished", |bytes| bytes.extend(b"more")),
        ("cells.csv.unfinished", |bytes| bytes.clear()),
        ("journal.jsonl", |bytes| bytes.truncate(bytes.len() - 5)),
        ("journal.jsonl", |bytes| bytes.clear()),
    ];
    for (name, damage) in damages {
        let place = tempdir().unwrap();
        let mut ill = engine(5);
        ill.fail_at = Some(9);
        sweep_into(place.path(), &plan, &mut ill, all_files(), false).unwrap_err();
        // A killed process gives no file its final name.
        for file in ["cells.csv", "curves.csv"] {
            let from = place.path().join(file);
            fs::rename(&from, place.path().join(format!("{file}.unfinished"))).unwrap();
        }
        let path = place.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        sweep_into(place.path(), &plan, &mut engine(8), all_files(), true).unwrap();
        assert_eq!(files(place.path()), files(whole.path()), "{name}");
    }
}

#[test]
fn results_that_cannot_be_true_are_errors() {
    struct Short(made_up::MadeUp);
    impl Engine for Short {
        fn description(&self) -> symbreak::engine::Description {
            self.0.description()
        }
        fn placement(
            &self,
            p: &symbreak::engine::Program,
        ) -> Result<symbreak::engine::Placement, symbreak::engine::EngineError> {
            self.0.placement(p)
        }
        fn train(
            &mut self,
            b: &symbreak::engine::Batch<'_>,
            w: &Watch<'_>,
        ) -> Result<symbreak::engine::Trained, symbreak::engine::EngineError> {
            let mut trained = self.0.train(b, w)?;
            if let Some(result) = trained.runs.iter_mut().find(|run| run.diverge_step.is_none()) {
                result.last.loss = f64::NAN;
            }
            Ok(trained)
        }
        fn random_words(
            &mut self,
            key: [u32; 2],
            c: &[[u32; 4]],
        ) -> Result<Vec<[u32; 4]>, symbreak::engine::EngineError> {
            self.0.random_words(key, c)
        }
    }
    let plan = mixed_plan();
    let place = tempdir().unwrap();
    let manifest =
        Manifest::new(&plan, engine(1).description(), Options::default(), &["a".into(), "b".into()]);
    let mut results = Results::create(place.path(), &plan, manifest).unwrap();
    let interrupted = AtomicBool::new(false);
    let watch = Watch { interrupted: &interrupted, finished: &|_| {} };
    let error = sweep::run(&plan, &mut Short(engine(9)), Policy::default(), &mut results, &watch)
        .unwrap_err()
        .to_string();
    assert!(error.contains("cannot be true") && error.contains("for run "), "{error}");
}
