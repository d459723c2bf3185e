//! `examples/plotting` against a fresh sweep: the tools that people use make the headline figure of its CSV files.
//!
//! Skipped where the tools are not there, unless `REQUIRE_PLOTTING` is set; see `scripts/test`. `PLOTTING_PYTHON` names the
//! Python that has the packages of `examples/plotting/requirements.txt`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use resvg::tiny_skia::Pixmap;
use serde_json::Value as Json;
use tempfile::{TempDir, tempdir};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/plotting").join(name)
}

/// `None` where it is not there and need not be.
fn tool(program: &str, asked: &[&str]) -> Option<Command> {
    let answer = Command::new(program).args(asked).output();
    if answer.as_ref().is_ok_and(|answer| answer.status.success()) {
        return Some(Command::new(program));
    }
    assert!(
        std::env::var_os("REQUIRE_PLOTTING").is_none(),
        "REQUIRE_PLOTTING is set, but {program} {asked:?} fails: {answer:?}"
    );
    println!("SKIPPED: {program} {} fails, so its example is not tested", asked.join(" "));
    None
}

fn gnuplot() -> Option<Command> {
    tool("gnuplot", &["--version"])
}

/// A Python that has these modules.
fn python(modules: &str) -> Option<Command> {
    let program = std::env::var("PLOTTING_PYTHON").unwrap_or_else(|_| "python3".into());
    let mut python = tool(&program, &["-c", &format!("import {modules}")])?;
    // Where matplotlib and others may put what they want to find again.
    python.env("MPLCONFIGDIR", std::env::temp_dir().join("symbreak-matplotlib"));
    Some(python)
}

fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A small sweep with every kind of file; each test works on a copy.
fn sweep() -> TempDir {
    static SWEPT: OnceLock<TempDir> = OnceLock::new();
    let swept = SWEPT.get_or_init(|| {
        let place = tempdir().unwrap();
        let small = ["--seeds", "20", "--set", "train.steps=1000", "--sweep", "init.scale=0,log:0.03:10:6"];
        let fixed = [
            "--backend",
            "cpu",
            "--threads",
            "1",
            "--quiet",
            "--trace",
            "1",
            "--save-params",
            "--verify",
            "0.1",
        ];
        let mut run = Command::new(env!("CARGO_BIN_EXE_symbreak"));
        done(
            run.args(["run", "xor-scale"])
                .args(small)
                .args(fixed)
                .arg("--out")
                .arg(place.path().join("xor-scale")),
        );
        place
    });
    let copy = tempdir().unwrap();
    for entry in fs::read_dir(swept.path().join("xor-scale")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

/// A smaller sweep of that preset with other flags.
fn other_sweep(flags: &[&str]) -> TempDir {
    let place = tempdir().unwrap();
    let small = ["--seeds", "5", "--set", "train.steps=50", "--backend", "cpu", "--threads", "1", "--quiet"];
    let mut run = Command::new(env!("CARGO_BIN_EXE_symbreak"));
    done(run.args(["run", "xor-scale"]).args(small).args(flags).arg("--out").arg(place.path()));
    place
}

/// Replaces text of a file that must be there.
fn change(path: &Path, change: impl Fn(&str) -> String) {
    let text = fs::read_to_string(path).unwrap();
    let changed = change(&text);
    assert_ne!(changed, text);
    fs::write(path, changed).unwrap();
}

/// A cells.csv in which half of the runs of one cell on the log axis have broken symmetry.
fn other_cell(text: &str) -> String {
    let columns: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let at = |name: &str| columns.iter().position(|column| *column == name).unwrap();
    let row = text.lines().nth(5).unwrap();
    let mut fields: Vec<&str> = row.split(',').collect();
    assert!(fields[at("fraction_broken")] == "1.0" && fields[at("init.scale")] != "0.0", "{row}");
    (fields[at("fraction_broken")], fields[at("fraction_broken_low")], fields[at("fraction_broken_high")]) =
        ("0.5", "0.3", "0.7");
    text.replacen(row, &fields.join(","), 1)
}

/// Draws twice, of a sweep and of another one, as PNG and SVG.
fn draws(script: &str, mut draw: impl FnMut(&mut dyn FnMut(&mut Command))) {
    let sweep = sweep();
    let mut figures = Vec::new();
    for other in [false, true] {
        if other {
            change(&sweep.path().join("cells.csv"), other_cell);
        }
        for end in ["png", "svg"] {
            let figure = sweep.path().join(format!("fraction.{end}"));
            draw(&mut |command| {
                done(command.arg(example(script)).arg(sweep.path()).arg(&figure));
            });
            figures.push(fs::read(&figure).unwrap());
        }
    }
    let pixels = |png: &[u8]| {
        let picture = Pixmap::decode_png(png).unwrap();
        assert!(
            picture.width() >= 480 && picture.height() >= 300,
            "{} × {}",
            picture.width(),
            picture.height()
        );
        picture.pixels().iter().map(|p| [p.red(), p.green(), p.blue()]).collect::<Vec<_>>()
    };
    let (before, after) = (pixels(&figures[0]), pixels(&figures[2]));
    let mut colors = before.clone();
    colors.sort_unstable();
    colors.dedup();
    assert!(colors.len() > 20, "{script}: the picture is nearly blank");
    let differ = before.iter().zip(&after).filter(|(a, b)| a != b).count();
    // A corner of a line and of a band, not a pixel and not another picture.
    assert!((100..before.len() / 4).contains(&differ), "{script}: {differ} pixels differ");
    let svg = String::from_utf8(figures[1].clone()).unwrap();
    assert!(svg.contains("<svg") && figures[1] != figures[3], "{script}");
}

/// Refuses sweeps of other keys in a sentence, and draws nothing; of as many activations as there are draws all.
fn judges_keys(script: &str, mut command: impl FnMut() -> Command) {
    for (flags, swept) in [
        (&["--sweep", "train.lr=0.5,1"][..], "net.activation, init.scale, train.lr"),
        (&["--set", "net.activation=tanh"], "init.scale"),
        (&["--set", "net.activation=tanh", "--set", "init.scale=1"], "no key"),
    ] {
        let sweep = other_sweep(flags);
        let figure = sweep.path().join("fraction.svg");
        let Output { status, stderr, .. } =
            command().arg(example(script)).arg(sweep.path()).arg(&figure).output().unwrap();
        let said = String::from_utf8(stderr).unwrap().replace(',', ", ").replace(",  ", ", ");
        assert!(status.code() == Some(1) && !figure.exists(), "{script} {flags:?}: {status}: {said}");
        let sentence = format!("sweeps {swept}, but this figure is of net.activation and init.scale alone: ");
        assert!(said.contains(&sentence), "{script}: {said}");
        assert!(said.trim().lines().count() == 1 && said.contains("symbreak run xor-scale makes"), "{said}");
    }
    let words = ["relu", "erf", "sin", "tanh", "gelu", "elu"];
    let sweep = other_sweep(&[
        "--sweep",
        &format!("net.activation={}", words.join(",")),
        "--sweep",
        "init.scale=0,log:0.1:10:3",
    ]);
    let figure = sweep.path().join("fraction.svg");
    done(command().arg(example(script)).arg(sweep.path()).arg(&figure));
    let svg = fs::read_to_string(figure).unwrap();
    for word in words {
        // matplotlib draws letters as paths and says in a comment what they are.
        assert!(
            svg.contains(&format!(">{word}<")) || svg.contains(&format!("<!-- {word} -->")),
            "{script}: {word}"
        );
    }
}

#[test]
fn gnuplot_draws_the_headline_figure() {
    if gnuplot().is_none() {
        return;
    }
    draws("fraction.gp", |run| run(gnuplot().unwrap().arg("-c")));
    judges_keys("fraction.gp", || {
        let mut gnuplot = gnuplot().unwrap();
        gnuplot.arg("-c");
        gnuplot
    });
}

#[test]
fn pandas_and_matplotlib_draw_the_headline_figure() {
    if python("pandas, matplotlib").is_none() {
        return;
    }
    draws("pandas_matplotlib.py", |run| run(&mut python("pandas, matplotlib").unwrap()));
    judges_keys("pandas_matplotlib.py", || python("pandas, matplotlib").unwrap());
}

#[test]
fn polars_and_altair_draw_the_headline_figure() {
    if python("polars, altair, vl_convert").is_none() {
        return;
    }
    draws("polars_altair.py", |run| run(&mut python("polars, altair, vl_convert").unwrap()));
    judges_keys("polars_altair.py", || python("polars, altair, vl_convert").unwrap());
}

#[test]
fn the_legend_of_altair_has_the_shapes_of_the_points() {
    let Some(mut python) = python("polars, altair, vl_convert") else { return };
    let sweep = sweep();
    let figure = sweep.path().join("fraction.svg");
    done(python.arg(example("polars_altair.py")).arg(sweep.path()).arg(&figure));
    let svg = fs::read_to_string(figure).unwrap();
    let attribute = |text: &str, name: &str| {
        let (_, after) = text.split_once(&format!(" {name}=\"")).unwrap();
        after.split_once('"').unwrap().0.to_string()
    };
    let symbols: Vec<(String, String)> = svg
        .split("role-legend-symbol")
        .skip(1)
        .map(|symbol| (attribute(symbol, "d"), attribute(symbol, "fill")))
        .collect();
    let [one, other] = symbols.as_slice() else { panic!("not one legend of two activations: {symbols:?}") };
    assert!(one.0 != other.0 && one.1 != other.1, "{symbols:?}");
}

#[test]
fn duckdb_counts_what_cells_csv_says() {
    let Some(python) = python("duckdb") else { return };
    let sweep = sweep();
    let query =
        "import duckdb, json, sys; print(json.dumps(duckdb.sql(open(sys.argv[1]).read()).fetchall()))";
    let ask = |directory: &Path| {
        let mut command = Command::new(python.get_program());
        command.args(["-c", query]).arg(example("fraction.sql")).current_dir(directory);
        command
    };
    let rows = || -> Vec<Vec<Json>> { serde_json::from_slice(&done(&mut ask(sweep.path())).stdout).unwrap() };
    let expected = || -> Vec<Vec<Json>> {
        let mut reader = csv::Reader::from_path(sweep.path().join("cells.csv")).unwrap();
        let names = [
            "net.activation",
            "init.scale",
            "runs",
            "broken",
            "fraction_broken",
            "fraction_broken_low",
            "fraction_broken_high",
        ];
        let columns = reader.headers().unwrap().clone();
        let at = names.map(|name| columns.iter().position(|column| column == name).unwrap());
        let field = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Json::from(text));
        reader.records().map(|row| at.iter().map(|&at| field(&row.as_ref().unwrap()[at])).collect()).collect()
    };
    let same = |rows: &[Vec<Json>]| {
        // To the six digits that are shown.
        let equal = |(ours, theirs): (&Json, &Json)| match (ours.as_f64(), theirs.as_f64()) {
            (Some(ours), Some(theirs)) => (ours - theirs).abs() <= 5.1e-7,
            _ => ours == theirs,
        };
        let expected = expected();
        assert_eq!(rows.len(), expected.len());
        rows.iter().zip(&expected).all(|(row, cell)| row.len() == 8 && row.iter().zip(cell).all(equal))
    };
    let counted = rows();
    assert_eq!(counted.len(), 14);
    assert!(same(&counted), "{counted:?}");
    assert!(counted.iter().any(|row| row[7].as_str().unwrap().contains('█')), "no bar");
    // A run that breaks symmetry no more.
    change(&sweep.path().join("runs.csv"), |text| text.replacen(",broken,", ",symmetric,", 1));
    assert!(!same(&rows()));
    for (flags, swept) in [
        (&["--sweep", "train.lr=0.5,1"][..], "net.activation, init.scale, train.lr"),
        (&["--set", "net.activation=tanh"], "init.scale"),
        (&["--set", "net.activation=tanh", "--set", "init.scale=1"], "no key"),
    ] {
        let Output { status, stderr, .. } = ask(other_sweep(flags).path()).output().unwrap();
        let said = String::from_utf8(stderr).unwrap();
        assert!(!status.success() && said.contains(&format!("The directory sweeps {swept}, but ")), "{said}");
        assert!(said.contains("symbreak run xor-scale makes such a sweep"), "{said}");
    }
}

#[test]
fn frictionless_finds_the_data_as_described() {
    let Some(python) = python("frictionless") else { return };
    let sweep = sweep();
    let problems_of = |directory: &Path| {
        let mut command = Command::new(python.get_program());
        command.args(["-m", "frictionless", "validate", "--json", "datapackage.json"]).current_dir(directory);
        let output = command.output().unwrap();
        let report: Json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let tasks = report["tasks"].as_array().unwrap();
        let of = |task: &Json| {
            (task["name"].as_str().unwrap().to_string(), task["errors"].as_array().unwrap().len())
        };
        tasks.iter().map(of).collect::<Vec<_>>()
    };
    let problems = || problems_of(sweep.path());
    let names = ["cells", "runs", "curves", "traces", "params_init", "params_final"];
    let sound: Vec<(String, usize)> = names.map(|name| (name.to_string(), 0)).to_vec();
    assert_eq!(problems(), sound);
    for (file, from, to) in [
        ("runs.csv", ",broken,", ",brokn,"),
        ("cells.csv", "fraction_broken,", "share_broken,"),
        ("curves.csv", "\n0,", "\n99,"),
        ("traces.csv", "\n0,", "\n-1,"),
    ] {
        let whole = fs::read_to_string(sweep.path().join(file)).unwrap();
        change(&sweep.path().join(file), |text| text.replacen(from, to, 1));
        let stem = file.trim_end_matches(".csv");
        assert!(problems().iter().any(|(name, errors)| name == stem && *errors > 0), "{file}: {to}");
        fs::write(sweep.path().join(file), whole).unwrap();
    }
    // Its reader of Parquet takes empty fields for NaN; the files beside it are sound all the same.
    let sweep = other_sweep(&["--runs", "parquet"]);
    let beside = problems_of(sweep.path());
    for name in ["cells", "curves"] {
        assert!(beside.contains(&(name.to_string(), 0)), "{beside:?}");
    }
}
