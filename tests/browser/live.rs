//! The live page: what it trains is what the program trains.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::{ask, assert_fit_for_everybody, directory, symbreak};

/// What is trained: a name, an activation, a place of the slider for the learning rate, and where that is. The preset's own
/// activations at its own rate of 4. At that rate, with momentum, those with a kink or a dip are thrown about, and rounding
/// decides some runs on every engine (the program's own ones differ as much); at a tenth of it none.
const TRAININGS: [(&str, &str, i32, f64); 4] = [
    ("logistic", "logistic", 0, 4.0),
    ("tanh", "tanh", 0, 4.0),
    ("relu", "relu", -4, 0.4),
    ("gelu", "gelu", -4, 0.4),
];
/// Networks per scale: 2 to this power.
const SEEDS: u32 = 6;
/// Recorded networks per scale.
const RECORDED: &str = "8";

/// By activation, scale and seed: the columns of a run that are labels.
type Labels = BTreeMap<(String, String, u64), Vec<String>>;

const LABELS: [&str; 3] = ["outcome", "symmetry_initial", "symmetry"];

fn labels(file: &Path) -> Labels {
    let mut reader = csv::Reader::from_path(file).unwrap();
    let head = reader.headers().unwrap().clone();
    let place =
        |name: &str| head.iter().position(|column| column == name).unwrap_or_else(|| panic!("{name}"));
    let rows = reader.records().map(|row| {
        let row = row.unwrap();
        // Two texts may be the same number.
        let scale: f64 = row[place("init.scale")].parse().unwrap();
        let key = (
            row[place("net.activation")].to_string(),
            format!("{scale:?}"),
            row[place("seed")].parse().unwrap(),
        );
        (key, LABELS.map(|column| row[place(column)].to_string()).to_vec())
    });
    rows.collect()
}

/// The runs of the preset with this activation and learning rate, by the program itself.
fn by_program(activation: &str, rate: f64, seeds: u64, out: &str) -> Labels {
    let (sweep, rate) = (format!("net.activation={activation}"), format!("train.lr={rate}"));
    let seeds = seeds.to_string();
    let words =
        ["run", "xor-scale", "--sweep", &sweep, "--set", &rate, "--seeds", &seeds, "--backend", "cpu"];
    symbreak(&[&words[..], &["--quiet", "--out", out]].concat());
    labels(&Path::new(out).join("runs.csv"))
}

/// The share of the runs of `some`, all of which `all` has, that have the same labels in both.
fn agreement(some: &Labels, all: &Labels) -> f64 {
    assert!(!some.is_empty());
    let same =
        some.iter().filter(|(run, labels)| all.get(run).unwrap_or_else(|| panic!("{run:?}")) == *labels);
    same.count() as f64 / some.len() as f64
}

/// A share as the page's table has it, as a number.
fn percent(text: &Json) -> f64 {
    text.as_str().unwrap().trim_end_matches('%').parse().unwrap()
}

/// Shares of a cell in percent: asymmetric, solved, diverged.
fn shares<'a>(runs: impl Iterator<Item = &'a Vec<String>>) -> [f64; 3] {
    let (mut counts, mut all) = ([0.0; 3], 0.0);
    for run in runs {
        let (outcome, symmetry) = (run[0].as_str(), run[2].as_str());
        let is = [["broken", "partial"].contains(&symmetry), outcome == "solved", outcome == "diverged"];
        counts.iter_mut().zip(is).for_each(|(count, is)| *count += f64::from(u8::from(is)));
        all += 1.0;
    }
    counts.map(|count| 100.0 * count / all)
}

/// Holds a table of the page to the runs it must be of.
fn assert_table(table: &Json, runs: &Labels, activation: &str) {
    let mut scales: Vec<f64> = runs.keys().map(|(_, scale, _)| scale.parse().unwrap()).collect();
    scales.sort_by(f64::total_cmp);
    scales.dedup();
    let rows = table.as_array().unwrap();
    assert_eq!(rows.len(), scales.len(), "{activation}");
    for (row, scale) in rows.iter().zip(scales) {
        let cell = runs.iter().filter(|((of, at, _), _)| of == activation && *at == format!("{scale:?}"));
        for (shown, share) in (1..).zip(shares(cell.map(|(_, labels)| labels))) {
            let shown = percent(&row[shown]);
            assert!((shown - share).abs() <= 0.0501, "{activation}, scale {scale}: {row} for {share}");
        }
    }
}

#[test]
fn the_live_page_trains_what_the_program_trains_and_everybody_can_use_it() {
    let directory = directory("live");
    let file = |name: &str| directory.join(name).display().to_string();
    let (page, twin) = (file("live.html"), file("twin.html"));
    symbreak(&["report", "--live", "--seeds", RECORDED, "--out", &page]);
    symbreak(&["report", "--live", "--seeds", "1", "--seed", "1", "--out", &twin]);
    let trainings = TRAININGS
        .map(|(name, activation, lr, _)| json!({ "name": name, "activation": activation, "lr": lr }));
    let question =
        json!({ "page": page, "twin": twin, "trainings": trainings, "seeds": SEEDS, "directory": directory });
    let Some(found) = ask("live.mjs", question) else { return };

    assert_eq!(found["complaints"], json!([]));
    assert_eq!(found["ready"]["as"], "webgpu");
    let status = found["ready"]["status"].as_str().unwrap();
    assert!(
        status.contains("swiftshader") && status.contains("the processor") && !status.contains("GPU"),
        "{status}"
    );
    assert_eq!(found["notice"], false);

    // The same runs by the program.
    let seeds = 1u64 << SEEDS;
    let (mut program, mut trained) = (Labels::new(), Labels::new());
    for (name, activation, _, rate) in TRAININGS {
        let (out, runs) =
            (file(&format!("program-{name}")), labels(Path::new(found["runs"][name].as_str().unwrap())));
        let one = by_program(activation, rate, seeds, &out);
        assert_eq!((one.len() as u64, runs.len() as u64), (17 * seeds, 17 * seeds), "{name}");
        println!("{name}: {:.3} % of labels agree", 100.0 * agreement(&runs, &one));
        assert_table(&found["tables"][name], &runs, activation);
        trained.extend(runs);
        program.extend(one);
    }
    let agreed = agreement(&trained, &program);
    assert!(agreed >= 0.999, "{agreed} of {} labels", trained.len());
    // Labels of other random numbers must not pass.
    let other = agreement(&labels(Path::new(found["twin"].as_str().unwrap())), &program);
    assert!(other < 0.99, "{other} of the labels of another master seed");

    let (scale, lr) = (&found["scale"], &found["lr"]);
    assert_ne!(scale["before"], scale["after"]);
    assert!(
        scale["clicked"].as_str().unwrap().starts_with("At scale 0, after 40,000 steps, 0.0%"),
        "{scale}"
    );
    assert_eq!(scale["step"], 40_000);
    assert_eq!((lr["before"].as_str(), lr["after"].as_str()), (Some("0.4"), Some("0.225")));
    assert_eq!(lr["step"], 0, "another learning rate, another training");
    assert!(lr["source"].as_str().unwrap().contains("nothing has been trained"), "{lr}");
    let restarted = found["restarted"].as_str().unwrap();
    assert!(restarted.contains("4,096 networks per scale, logistic, learning rate 0.225"), "{restarted}");
    assert_eq!(found["drawn"], 17, "fractions are drawn while training goes on");
    let at = |key: &str| found["pause"][key].as_u64().unwrap();
    assert!(at("at") > 0 && at("still") == at("at") && at("on") > at("at"), "{}", found["pause"]);
    assert_eq!(found["reset"], json!({ "step": 0, "save": false }));

    let without = &found["without"];
    assert_eq!((&without["as"], &without["start"]), (&json!("recorded"), &json!(false)));
    assert!(without["notice"].as_str().is_some_and(|notice| notice.contains("WebGPU")), "{without}");
    assert!(without["source"].as_str().unwrap().contains("recorded: 8 networks per scale"), "{without}");
    assert!(found["unadapted"].as_str().unwrap().contains("no adapter"), "{}", found["unadapted"]);
    let recorded: u64 = RECORDED.parse().unwrap();
    for (name, activation, _, _) in TRAININGS {
        let runs = by_program(activation, 4.0, recorded, &file(&format!("recorded-{name}")));
        assert_table(&without["tables"][name], &runs, activation);
    }
    let unfit = &found["unfit"];
    assert!(unfit["violations"].to_string().contains("label"), "{unfit}");
    assert_eq!(unfit["overflows"], true);
    let complaints = unfit["complaints"].to_string();
    assert!(complaints.contains("a complaint") && complaints.contains("asked the network"), "{unfit}");
    assert_fit_for_everybody(&found["looks"], 8);
}
