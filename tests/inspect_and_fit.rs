//! `symbreak inspect` and `symbreak fit` as a user meets them.

use std::fs;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value as Json;
use symbreak::output::Manifest;
use tempfile::{TempDir, tempdir};

/// `symbreak` with these words, in a directory that holds `spec.toml`.
fn symbreak(place: &TempDir, words: &str) -> Command {
    let mut command = Command::cargo_bin("symbreak").unwrap();
    command.current_dir(place.path()).args(words.split_whitespace());
    command
}

fn place(spec: &str) -> TempDir {
    let place = tempdir().unwrap();
    fs::write(place.path().join("spec.toml"), spec).unwrap();
    place
}

fn out(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

fn json(command: &mut Command) -> Json {
    serde_json::from_str(&out(command.arg("--json"))).unwrap()
}

const AND: &str = "task.dataset = \"and\"\ninit.scale = 0.0\n";

#[test]
fn zero_weights_on_and_are_shown_step_by_step() {
    let place = place(AND);
    let text = out(&mut symbreak(&place, "inspect spec.toml --steps 2,0,1"));
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    let first = text.find("step 0").unwrap();
    assert!(first < text.find("── step 1 ").unwrap(), "in order");
    for said in [
        "2-2-1 logistic, output logistic, mse, sgd at rate 0.5; 4 samples, 9 parameters",
        "hidden1: 2 units, all the same bit for bit",
        "output.weight 2 of 2, first at step 1, all equal",
        "hidden1.weight 4 of 4, first at step 2, all equal",
        " hidden1.weight  0 of 4  0 of 4  4 of 4",
    ] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
    let document = json(&mut symbreak(&place, "inspect spec.toml --steps 0,1"));
    let [start, one] = document["snapshots"].as_array().unwrap().as_slice() else { panic!("{document}") };
    assert_eq!(start["parameters"][6]["moved"], false);
    assert_eq!(start["parameters"][6]["first_moved_step"], Json::Null);
    assert_eq!(start["parameters"][6]["gradient"], 0.0625);
    assert_eq!(one["parameters"][6]["name"], "output.weight[0][0]");
    assert_eq!(one["parameters"][6]["moved"], true);
    assert_eq!(one["parameters"][0]["moved"], false);
    assert_eq!(one["units"][1]["same_as"], 0);
    assert_eq!(one["units"][0]["activations"].as_array().unwrap().len(), 4);
    assert_eq!(one["point"]["kind"], "none");
    assert_eq!(one["point"]["eigenvalues"].as_array().unwrap().len(), 9);
    assert_eq!(document["solve_step"], Json::Null);
}

#[test]
fn the_kind_of_point_is_told() {
    let place = place(AND);
    let optimum = "init.values=[0,0,0,0,0,0,0,0,-1.0986123]";
    let text = out(&mut symbreak(&place, &format!("inspect spec.toml --steps 0 --set {optimum}")));
    assert!(text.contains("point: strict saddle") && text.contains("2 negative: -0.01657"), "{text}");
    let xor = out(&mut symbreak(&place, "inspect spec.toml --steps 0 --set task.dataset=xor"));
    assert!(xor.contains("point: degenerate") && xor.contains("0 negative; 8 zero"), "{xor}");
    let relu = out(&mut symbreak(&place, "inspect spec.toml --steps 0 --set net.activation=relu"));
    assert!(relu.contains("kinks: units stand exactly at the kink"), "{relu}");
    let wide = out(&mut symbreak(&place, "inspect spec.toml --steps 0 --set net.hidden=1000"));
    assert!(wide.contains("point: unknown: 4001 parameters are more than the 1000"), "{wide}");
    assert!(wide.contains("… and 3961 more parameters; --json has them all"));
}

#[test]
fn a_run_of_a_finished_sweep_is_the_run_of_its_spec() {
    let place = place(
        "task.dataset = \"xor\"\ntrain.steps = 300\nruns.seeds = 5\n\
         [sweep]\n\"init.scale\" = \"0,0.5,1\"\n\"net.hidden\" = \"2,3x2\"\n",
    );
    symbreak(&place, "run spec.toml --backend reference --out out").assert().success();
    let of_sweep = out(&mut symbreak(&place, "inspect out --run 17 --json"));
    let document: Json = serde_json::from_str(&of_sweep).unwrap();
    let mut of_spec = json(&mut symbreak(&place, "inspect spec.toml --run 17"));
    assert_eq!(of_spec["recorded"], Json::Null);
    assert_eq!(document["recorded"]["outcome"], "stuck");
    of_spec["recorded"] = document["recorded"].clone();
    assert_eq!(of_spec, document);
    let text = out(&mut symbreak(&place, "inspect out --run 17"));
    assert!(
        text.ends_with("not solved by step 300\nin the sweep, by the reference engine: stuck\n"),
        "{text}"
    );
    assert_eq!((&document["cell"], &document["seed"]), (&Json::from(3), &Json::from(2)));
    assert_eq!(document["swept"], serde_json::json!({ "init.scale": 0.5, "net.hidden": "3x2" }));
    // The reference engine's row says the same.
    let rows = fs::read_to_string(place.path().join("out/runs.csv")).unwrap();
    let mut lines = rows.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row: Vec<&str> = lines.nth(17).unwrap().split(',').collect();
    let column = |name: &str| row[names.iter().position(|other| *other == name).unwrap()];
    let last = document["snapshots"].as_array().unwrap().last().unwrap();
    assert_eq!(column("loss_final").parse::<f64>().unwrap(), last["loss"].as_f64().unwrap());
    assert_eq!(column("spread_final").parse::<f64>().unwrap(), last["spread"].as_f64().unwrap());

    symbreak(&place, "inspect out --run 30").assert().code(2).stderr(contains("there are runs 0 to 29"));
    symbreak(&place, "inspect out --run 1 --set train.lr=1")
        .assert()
        .code(2)
        .stderr(contains("--set would make"));
    symbreak(&place, "inspect out --steps 301").assert().code(2).stderr(contains("beyond train.steps = 300"));
    symbreak(&place, "inspect spec.toml --seed-index 5").assert().code(2).stderr(contains("seeds 0 to 4"));
    symbreak(&place, "inspect spec.toml --run 1 --seed-index 1").assert().code(2);
    symbreak(&place, "inspect .").assert().code(2).stderr(contains("no manifest.json"));
    let mut manifest = Manifest::read(&place.path().join("out")).unwrap().unwrap();
    manifest.spec["train"]["lr"] = 0.25.into();
    manifest.write(&place.path().join("out")).unwrap();
    symbreak(&place, "inspect out").assert().code(1).stderr(contains("another plan"));
}

/// Half the inverse square of the scale away: the law of a fourth-order saddle.
const ESCAPE: &str = "task.dataset = \"xor\"\ntrain.optimizer = \"momentum\"\ntrain.lr = 4.0\ntrain.steps = 60000\n\
                      train.stop = \"solved\"\nruns.seeds = 100\n[sweep]\n\"init.scale\" = \"0,log:0.01:0.06:5\"\n";

#[test]
fn the_escape_law_of_a_logistic_net_comes_out_of_its_sweep() {
    let place = place(ESCAPE);
    symbreak(&place, "run spec.toml --backend cpu --out out").assert().success();
    let document = json(&mut symbreak(&place, "fit out"));
    let group = &document["groups"][0];
    assert_eq!(group["runs_at_zero"], 100);
    let broke = &group["break"];
    assert!(broke["censored"].as_u64().unwrap() > 20, "{broke}");
    let [low, high] = ["low", "high"].map(|end| broke["slope"][end].as_f64().unwrap());
    assert!(low < -1.95 && high > -2.1 && high - low < 0.2, "{broke}");
    assert_eq!(broke["best"], "r^-2");
    let text = out(&mut symbreak(&place, "fit out"));
    assert!(text.contains("of the three laws r^-2 fits best"), "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    // Its twin: softplus units leave a third-order saddle.
    symbreak(&place, "run spec.toml --backend cpu --out soft --set net.activation=softplus")
        .assert()
        .success();
    assert_eq!(json(&mut symbreak(&place, "fit soft"))["groups"][0]["break"]["best"], "r^-1");

    symbreak(&place, "fit out --from 0.05 --to 0.01").assert().code(2).stderr(contains("must be below"));
    symbreak(&place, "fit out --key train.lr").assert().code(2).stderr(contains("--key takes init.scale"));
    symbreak(&place, "fit out --to 0.001").assert().success().stdout(contains("no law: no run in the range"));
    symbreak(&place, "fit .").assert().code(2).stderr(contains("no manifest.json"));
}

#[test]
fn other_swept_keys_make_groups_and_what_is_missing_is_said() {
    let place = place(
        "task.dataset = \"xor\"\nruns.seeds = 20\ntrain.steps = 50\n\
         [sweep]\n\"net.activation\" = \"logistic,tanh\"\n\"init.scale\" = \"0,0.01,0.02\"\n",
    );
    symbreak(&place, "run spec.toml --backend cpu --out out").assert().success();
    let document = json(&mut symbreak(&place, "fit out"));
    assert_eq!(document["groups"][1]["swept"], serde_json::json!({ "net.activation": "tanh" }));
    assert_eq!(document["groups"][0]["solve"], Json::Null);
    let missing = document["groups"][0]["missing"]["solve"].as_str().unwrap();
    assert!(missing.contains("all 40 runs in the range are censored"), "{missing}");
    assert_eq!(document["groups"][0]["cells"][0]["solve"]["median"], Json::Null);
    symbreak(&place, "fit out").assert().success().stdout(
        contains("(net.activation = tanh), against init.scale")
            .and(contains("half are solved: at no scale, at every scale the share is under one half")),
    );
    symbreak(&place, "run spec.toml --backend cpu --out rowless --runs none").assert().success();
    symbreak(&place, "fit rowless").assert().code(2).stderr(contains("--runs csv"));
}
