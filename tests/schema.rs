//! The JSON Schema of specs says what the program says: what it takes and what it refuses.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use jsonschema::Validator;
use serde_json::Value as Json;
use symbreak::spec::{Overrides, parse, presets, schema};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn validator() -> Validator {
    let schema = schema();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

/// What is wrong with the text of a spec.
fn complaints(validator: &Validator, text: &str) -> Vec<String> {
    let spec: Json = toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    validator.iter_errors(&spec).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Documents of the repository.
fn documents(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "md") {
            found.push(path);
        } else if path.is_dir() {
            documents(&path, found);
        }
    }
}

#[test]
fn the_copy_in_the_documentation_is_what_the_program_prints() {
    let printed = Command::cargo_bin("symbreak").unwrap().arg("schema").assert().success();
    let printed = String::from_utf8(printed.get_output().stdout.clone()).unwrap();
    assert_eq!(serde_json::from_str::<Json>(&printed).unwrap(), schema());
    let copy = fs::read_to_string(root().join("docs/spec.schema.json")).unwrap();
    assert!(copy.replace("\r\n", "\n") == printed, "cargo run -- schema > docs/spec.schema.json");
}

#[test]
fn every_spec_that_is_shown_is_valid() {
    let validator = validator();
    let mut texts: Vec<(String, String)> =
        presets().iter().map(|preset| (preset.name.to_string(), preset.text.to_string())).collect();
    let mut paths = vec![root().join("README.md")];
    for directory in ["docs", "examples", "results"] {
        documents(&root().join(directory), &mut paths);
    }
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let blocks =
            text.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap().to_string());
        texts.extend(blocks.map(|block| (path.display().to_string(), block)));
    }
    assert!(texts.len() > presets().len(), "no document shows a spec");
    for (name, text) in texts {
        let complaints = complaints(&validator, &text);
        assert!(complaints.is_empty(), "{name}: {complaints:?}\n{text}");
    }
}

/// Every way to write a value or a range: taken by the program and by the schema.
#[test]
fn what_the_program_takes_is_valid() {
    let validator = validator();
    for lines in [
        "net.hidden = []",
        "net.hidden = 3",
        "net.hidden = \"8x8\"",
        "net.hidden = \"none\"",
        "train.batch = \"full\"",
        "train.batch = 2",
        "train.lr = 1",
        "init.values = [1, 2.5, 3, 4, 5, 6, 7, 8, 9]\ninit.value.3 = -0.25",
        "init.values = [1, 2.5, 3, 4, 5, 6, 7, 8, 9]\nsweep.\"init.value.3\" = \"lin:-1:1:5\"",
        "init.values = [1, 2.5, 3, 4, 5, 6, 7, 8, 9]\nsweep.init.value.3 = [-1, 1]",
        "task.test = 0.25",
        "runs.seed = 7",
        "sweep.\"init.scale\" = \"0,log:1e-6:10:25\"",
        "sweep.\"init.scale\" = 3",
        "sweep.\"init.scale\" = [0, 0.5, \"log:1:10:3\"]",
        "sweep.init.scale = \" .5 , 1e-3,2. \"",
        "sweep.\"net.hidden\" = \"none,2,8x8\"",
        "sweep.\"net.hidden\" = [[], 2, [8, 8], \"4x4,5\"]",
        "sweep.\"train.batch\" = [\"full\", 1]",
        "sweep.\"net.skip\" = [true, false]",
        "sweep.\"net.skip\" = \"true,false\"",
        "sweep.\"net.activation\" = [\"logistic\", \"tanh,relu\"]",
        "sweep.\"train.steps\" = \"log:10:1000:3\"",
        "sweep.\"train.steps\" = \"1e3,+20,30.0,2.5e1, lin:1.5:2.5:2\"",
        "sweep.\"task.seed\" = \"0,lin:1:5:2\"",
        "sweep.\"init.scale\" = \"-0.0,lin:1:2:05,lin:0.3:0.3:1,log:3:3:1\"",
        "sweep.\"init.scale\" = \"lin:0:1:3, log:.01 : 0.05 : +3 \"",
        "sweep.\"train.momentum\" = \"0,.5,9e-1,lin:0.1:0.4:3,log:0.01:0.05:3\"",
        "sweep.\"init.base_value\" = \"-1,lin:-3:-2:3,log:1:2:2\"",
        "sweep.\"task.test\" = [0.25, \"0.5\"]",
        "\"net.hidden\" = 4\n\"train.lr\" = 1",
        "init.values = [1, 2.5, 3, 4, 5, 6, 7, 8, 9]\n\"init.value.3\" = -0.25",
        "init.values = [1, 2.5, 3, 4, 5, 6, 7, 8, 9]\ninit.\"value.3\" = -0.25",
        "init.values = [1, 2.5, 3, 4, 5, 6, 7, 8, 9]\nsweep.init.\"value.3\" = \"-1,1\"",
        "\"task.dataset\" = \"xor\"",
        "sweep.\"task.dataset\" = \"xor,and\"",
        "sweep.task.dataset = [\"xor\", \"and\"]",
    ] {
        let dataset = if lines.contains("dataset") { "" } else { "task.dataset = \"xor\"\n" };
        let text = format!("name = \"a b\"\n{dataset}{lines}");
        assert_eq!(complaints(&validator, &text), [""; 0], "{lines}");
        if let Err(error) = parse(&text, "t.toml", &Overrides::default()) {
            panic!("{lines}: {error}");
        }
    }
}

/// Refused by the program and by the schema, which says where.
#[test]
fn what_the_program_refuses_is_invalid() {
    let validator = validator();
    for (lines, place) in [
        ("task.dataset = \"xorr\"", "/task/dataset"),
        ("task.dataset = 3", "/task/dataset"),
        ("task.bits = 0", "/task/bits"),
        ("net.hiden = [2]", "/net"),
        ("net.hidden = [0]", "/net/hidden"),
        ("net.hidden = \"8y8\"", "/net/hidden"),
        ("net.hidden = [2.5]", "/net/hidden"),
        ("net.bias = \"yes\"", "/net/bias"),
        ("init.scale = -1", "/init/scale"),
        ("init.scale = \"big\"", "/init/scale"),
        ("init.scale = 1e39", "/init/scale"),
        ("init.values = []", "/init/values"),
        ("init.value.x = 1", "/init/value"),
        ("init.value.01 = 1", "/init/value"),
        ("train.momentum = 1.0", "/train/momentum"),
        ("train.optimizer = \"Adam\"", "/train/optimizer"),
        ("train.batch = 0", "/train/batch"),
        ("train.batch = \"all\"", "/train/batch"),
        ("train.steps = 0", "/train/steps"),
        ("train.steps = 4294967295", "/train/steps"),
        ("runs.seeds = 0", "/runs/seeds"),
        ("runs.seed = -1", "/runs/seed"),
        ("lr = 0.5", ""),
        ("train = 3", "/train"),
        ("name = \"a/b\"", "/name"),
        ("name = \"..\"", "/name"),
        ("name = \"-x\"", "/name"),
        ("name = \"\"", "/name"),
        ("sweep.\"init.scales\" = [1]", "/sweep"),
        ("sweep.\"runs.seeds\" = [1]", "/sweep"),
        ("sweep.\"init.scale\" = []", "/sweep/init.scale"),
        ("sweep.\"init.scale\" = \"\"", "/sweep/init.scale"),
        ("sweep.\"init.scale\" = \"1,,2\"", "/sweep/init.scale"),
        ("sweep.\"init.scale\" = \"ln:1:2:3\"", "/sweep/init.scale"),
        ("sweep.\"init.scale\" = \"lin:1:2\"", "/sweep/init.scale"),
        ("sweep.\"init.scale\" = \"lin:1:2:0\"", "/sweep/init.scale"),
        ("sweep.\"init.scale\" = [-1]", "/sweep/init.scale"),
        ("sweep.\"net.activation\" = \"logistic,tahn\"", "/sweep/net.activation"),
        ("sweep.\"net.activation\" = \"lin:1:2:3\"", "/sweep/net.activation"),
        ("sweep.\"train.batch\" = \"0\"", "/sweep/train.batch"),
        ("sweep.\"init.scale\" = \"-1\"", "/sweep/init.scale"),
        ("sweep.\"init.scale\" = [1, \"-1\"]", "/sweep/init.scale"),
        ("sweep.\"init.scale\" = [1, 1.0]", "/sweep/init.scale"),
        ("sweep.\"init.scale\" = \"lin:-1:1:3\"", "/sweep/init.scale"),
        ("sweep.\"init.scale\" = \"lin:0:1:1\"", "/sweep/init.scale"),
        ("sweep.\"init.scale\" = \"log:0:1:5\"", "/sweep/init.scale"),
        ("sweep.\"init.scale\" = \"lin:0:1:10000001\"", "/sweep/init.scale"),
        ("sweep.\"init.scale\" = \"1,\"", "/sweep/init.scale"),
        ("sweep.\"init.base_value\" = \"log:-1:1:5\"", "/sweep/init.base_value"),
        ("sweep.\"train.momentum\" = \"1.5\"", "/sweep/train.momentum"),
        ("sweep.\"train.momentum\" = \"lin:0:1:3\"", "/sweep/train.momentum"),
        ("sweep.\"train.steps\" = \"1.5\"", "/sweep/train.steps"),
        ("sweep.\"train.steps\" = \"0\"", "/sweep/train.steps"),
        ("sweep.\"train.steps\" = \"lin:0:10:3\"", "/sweep/train.steps"),
        ("sweep.\"task.bits\" = \"-1\"", "/sweep/task.bits"),
        ("sweep.\"net.hidden\" = []", "/sweep/net.hidden"),
        ("sweep.\"net.hidden\" = [8, 8]", "/sweep/net.hidden"),
        ("sweep.\"task.target_columns\" = \"a,,b\"", "/sweep/task.target_columns"),
        ("sweep.\"task.target_columns\" = \"lin:1:2:2\"", "/sweep/task.target_columns"),
        ("sweep = 3", "/sweep"),
        ("\"net.hiden\" = 4", ""),
        ("\"net.hidden\" = 0", "/net.hidden"),
        ("\"init.value.x\" = 0", ""),
        ("no task.dataset", ""),
        ("no task.dataset\n[task]\nbits = 2", ""),
        ("no task.dataset\n[sweep]\n\"task.bits\" = [2, 3]", ""),
    ] {
        let dataset = if lines.contains("task.dataset") { "" } else { "task.dataset = \"xor\"\n" };
        let text = format!("{dataset}{}", lines.trim_start_matches("no task.dataset"));
        let complaints = complaints(&validator, &text);
        let there = |complaint: &String| complaint.split_once(": ").is_some_and(|(at, _)| at == place);
        assert!(complaints.iter().any(there), "{lines}: {complaints:?}");
        assert!(parse(&text, "t.toml", &Overrides::default()).is_err(), "{lines}");
    }
}
