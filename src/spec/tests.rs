//! Whole specs, from text and flags to plans and messages.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::engine::{Criterion, Program, Run};
use crate::net::{Activation, Optimizer};

mod edges;

/// What `task.dataset` takes.
const DATASETS: &str = "one of \"and\", \"or\", \"nand\", \"xor\", \"xnor\", \"x1-and-not-x2\", \"parity\", \"multiplexer\", \
                        \"encoder\", \"spirals\", \"circles\", \"moons\", \"iris\", \"teacher\", \"linear\", \"random\", \
                        \"csv\", \"npy\"";

const XOR: &str = "[task]\ndataset = \"xor\"\n";

fn none() -> Overrides {
    Overrides::default()
}

fn set(flags: &[&str]) -> Overrides {
    Overrides { set: flags.iter().map(|flag| flag.to_string()).collect(), ..none() }
}

fn sweep(flags: &[&str]) -> Overrides {
    Overrides { sweep: flags.iter().map(|flag| flag.to_string()).collect(), ..none() }
}

/// The plan of XOR and `text`, with its warnings as text.
fn plan_with(text: &str, overrides: &Overrides) -> (Plan, Vec<String>) {
    let (plan, warnings) = parse(&format!("{XOR}{text}"), "x.toml", overrides).unwrap();
    (plan, warnings.iter().map(Warning::to_string).collect())
}

/// All cells of a plan.
fn cells(plan: &Plan) -> impl Iterator<Item = Cell> {
    (0..plan.grid.cells() as usize).map(|number| plan.cell(number))
}

/// Whether two plans are the same, wherever each was read.
pub(super) fn same(one: &Plan, other: &Plan) {
    assert_eq!((&one.name, one.seeds, one.master), (&other.name, other.seeds, other.master));
    assert_eq!(one.resolved, other.resolved);
    assert_eq!(one.programs, other.programs);
    assert!(cells(one).eq(cells(other)), "{}", one.name);
}

/// The error of a whole text.
fn error(text: &str) -> String {
    parse(text, "x.toml", &none()).unwrap_err().to_string()
}

/// The error of XOR and `text`, which starts on line 3.
fn xor_error(text: &str) -> String {
    error(&format!("{XOR}{text}"))
}

/// The error of XOR and flags.
fn flag_error(overrides: &Overrides) -> String {
    parse(XOR, "x.toml", overrides).unwrap_err().to_string()
}

/// The example of the documentation, word for word.
const DOCUMENTED: &str = r#"
name = "xor-scale"

[task]
dataset = "xor"              # and | or | nand | xor | xnor | parity (bits = n) | csv (path = "…", target_columns = k) | …
inputs = "01"                # "01" or "pm1": booleans as {0,1} or {-1,+1}
targets = "01"               # likewise

[net]
hidden = [2]                 # widths, first to last; [] = no hidden layer
activation = "logistic"      # hidden: logistic | tanh | relu | leaky-relu | elu | softplus | gelu | silu | erf | sin | abs | linear
output = "logistic"          # any of the same
readout = "trained"          # "trained" | "sum": output weights fixed at 1, no output bias (a committee machine; needs a hidden layer)
bias = true
skip = false                 # input -> output connections as well

[init]                       # initial parameter = base point + scale * noise
base = "zero"                # "zero" | "constant" | "copies": the symmetric point, described below
base_value = 0.5             # its c or r
noise = "uniform"            # "uniform" (-1,1) | "normal" (0,1)
gain = "none"                # "none" | "glorot" | "he" | "lecun": multiplies the weights' noise by its fan factor
scale = 1.0                  # 0 = exactly the symmetric base point
bias_scale = 1.0             # noise of the biases; default, per cell: scale if gain is "none", else 0

[train]
loss = "mse"                 # "mse": mean over samples and outputs of e² | "half-sse": ½ Σ e² | "bce"
optimizer = "sgd"            # sgd | momentum | nesterov | rmsprop | adam
lr = 0.5
momentum = 0.9               # momentum and nesterov only
beta1 = 0.9                  # adam
beta2 = 0.999                # adam
rho = 0.9                    # rmsprop
epsilon = 1e-8               # adam, rmsprop
weight_decay = 0.0
batch = "full"               # "full" | a number (1 = online)
steps = 10000
stop = "never"               # "never" | "solved": a run rests once it has solved its task

[criteria]
solved_tolerance = 0.4       # solved: every output of every sample strictly nearer than this to its target
# solved_loss = 1e-7         # if given, this instead: solved when the loss is under it
symmetry_tolerance = 0.1     # copies: activation distance at or under this (below)

[sweep]                      # any dotted key above -> a range
"init.scale" = "0,log:1e-6:10:25"
"net.activation" = "logistic,tanh"

[runs]
seeds = 1000                 # runs per cell
seed = 0                     # master seed
"#;

#[test]
fn the_documented_spec_is_valid_and_spells_out_the_defaults() {
    let (plan, warnings) = parse(DOCUMENTED, "spec.toml", &none()).unwrap();
    assert_eq!((plan.name.as_str(), plan.grid.cells(), plan.runs()), ("xor-scale", 52, 52_000));
    assert_eq!(plan.grid.swept(), ["init.scale", "net.activation"]);
    let warnings: Vec<String> = warnings.iter().map(Warning::to_string).collect();
    assert_eq!(
        warnings,
        [
            "init.base_value (line 19 of spec.toml): no cell uses it; only init.base = \"constant\" and \"copies\" without init.values do",
            "train.momentum (line 29 of spec.toml): no cell uses it; only train.optimizer = \"momentum\" and \"nesterov\" do",
            "train.beta1 (line 30 of spec.toml): no cell uses it; only train.optimizer = \"adam\" does",
            "train.beta2 (line 31 of spec.toml): no cell uses it; only train.optimizer = \"adam\" does",
            "train.rho (line 32 of spec.toml): no cell uses it; only train.optimizer = \"rmsprop\" does",
            "train.epsilon (line 33 of spec.toml): no cell uses it; only train.optimizer = \"adam\" and \"rmsprop\" do",
        ]
    );
    // All but bias_scale, whose default follows the cell, is what an all but empty spec means.
    let sweeps = "[sweep]\n\"init.scale\" = \"0,log:1e-6:10:25\"\n\"net.activation\" = \"logistic,tanh\"\n";
    let (short, _) = plan_with(sweeps, &none());
    assert_eq!(plan.differences(&short.resolved), ["init.bias_scale: nothing there, 1.0 here"]);
    assert_eq!(plan.programs, short.programs);
}

#[test]
fn cells_are_the_product_with_the_last_key_fastest() {
    let text = "[sweep]\n\"train.lr\" = [0.1, 1]\n\"init.scale\" = \"0,2\"\n";
    let (plan, warnings) = plan_with(text, &sweep(&["net.activation=relu,tanh"]));
    assert_eq!(warnings, [""; 0]);
    assert_eq!(plan.grid.swept(), ["train.lr", "init.scale", "net.activation"]);
    let cells: Vec<String> = (0..8)
        .map(|cell| plan.grid.values(cell).iter().map(Value::to_string).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        cells,
        [
            "0.1 0.0 relu",
            "0.1 0.0 tanh",
            "0.1 2.0 relu",
            "0.1 2.0 tanh",
            "1.0 0.0 relu",
            "1.0 0.0 tanh",
            "1.0 2.0 relu",
            "1.0 2.0 tanh"
        ]
    );
    // Two shapes, one task; what is continuous is in the settings.
    assert_eq!(plan.programs.len(), 2);
    assert!(Arc::ptr_eq(&plan.programs[0].data, &plan.programs[1].data));
    assert_eq!((plan.runs(), plan.variants.len()), (8 * 1000, 2));
    for number in 0..8 {
        let (cell, values) = (plan.cell(number), plan.grid.values(number));
        assert_eq!(cell.program, plan.program(number));
        let activation = plan.programs[cell.program].shape.activation;
        assert_eq!(Value::Word(activation.to_string()), values[2]);
        assert_eq!(Value::Number(cell.settings.lr), values[0]);
        assert_eq!(Value::Number(cell.settings.scale), values[1]);
        assert_eq!((cell.settings.seed, cell.settings.traced), (0, false));
    }
}

#[test]
fn every_setting_reaches_the_program_or_the_run() {
    let text = r#"
        [net]
        hidden = [3, 4]
        activation = "gelu"
        output = "tanh"
        readout = "sum"
        bias = false
        skip = true
        [init]
        base = "copies"
        base_value = 0.25
        noise = "normal"
        gain = "he"
        scale = 0.125
        [train]
        loss = "half-sse"
        optimizer = "momentum"
        lr = 0.01
        momentum = 0.8
        weight_decay = 0.001
        steps = 77
        stop = "solved"
        [criteria]
        solved_loss = 1e-7
        symmetry_tolerance = 0.2
        [runs]
        seeds = 5
        seed = 18446744073709551615
    "#;
    let (plan, warnings) = plan_with(&format!("inputs = \"pm1\"\n{text}"), &none());
    assert_eq!(warnings, [""; 0]);
    insta::assert_debug_snapshot!(plan.programs, @r#"
    [
        Program {
            shape: Shape {
                inputs: 2,
                hidden: [
                    3,
                    4,
                ],
                outputs: 1,
                activation: Gelu,
                output: Tanh,
                readout: Sum,
                bias: false,
                skip: true,
            },
            data: Data {
                inputs: 2,
                outputs: 1,
                x: [
                    -1.0,
                    -1.0,
                    -1.0,
                    1.0,
                    1.0,
                    -1.0,
                    1.0,
                    1.0,
                ],
                y: [
                    0.0,
                    1.0,
                    1.0,
                    0.0,
                ],
            },
            test: None,
            loss: HalfSse,
            optimizer: Momentum,
            batch: None,
            noise: NoiseKinds {
                dropout: false,
                gradient: false,
                input: false,
                mask: false,
            },
            init: Init {
                base: Copies,
                noise: Normal,
                gain: He,
            },
            points: None,
            steps: 77,
            stop_when_solved: true,
            criterion: Loss,
        },
    ]
    "#);
    insta::assert_debug_snapshot!(plan.cell(0).settings, @"
    Run {
        master: 18446744073709551615,
        seed: 0,
        point: 0,
        base_value: 0.25,
        scale: 0.125,
        scale_hidden: 1.0,
        scale_output: 1.0,
        bias_scale: 0.0,
        lr: 0.01,
        lr_hidden: 1.0,
        lr_output: 1.0,
        momentum: 0.8,
        beta1: 0.9,
        beta2: 0.999,
        rho: 0.9,
        epsilon: 1e-8,
        weight_decay: 0.001,
        dropout: 0.0,
        gradient_noise: 0.0,
        input_noise: 0.0,
        mask: 0.0,
        solved_limit: 1e-7,
        symmetry_tolerance: 0.2,
        traced: false,
    }
    ");
    assert_eq!((plan.seeds, plan.master, plan.name.as_str()), (5, u64::MAX, "x"));
}

#[test]
fn cells_that_differ_in_any_key_differ_in_program_or_settings() {
    for (range, programs) in [
        ("task.dataset=parity,xor", 2),
        ("task.bits=2,3", 2),
        ("task.inputs=01,pm1", 2),
        ("task.targets=01,pm1", 2),
        ("net.hidden=2,3", 2),
        ("net.activation=tanh,relu", 2),
        ("net.output=logistic,tanh", 2),
        ("net.readout=trained,sum", 2),
        ("net.bias=true,false", 2),
        ("net.skip=true,false", 2),
        ("init.base=zero,copies", 2),
        ("init.base_value=1,2", 1),
        ("init.noise=uniform,normal", 2),
        ("init.gain=none,he", 2),
        ("init.scale=1,2", 1),
        ("init.bias_scale=1,2", 1),
        ("train.loss=mse,bce", 2),
        ("train.optimizer=sgd,momentum", 2),
        ("train.lr=1,2", 1),
        ("train.momentum=0,0.5", 1),
        ("train.weight_decay=0,1", 1),
        ("train.steps=1,2", 2),
        ("train.stop=never,solved", 2),
        ("criteria.solved_tolerance=0,1", 1),
        ("criteria.solved_loss=0,1", 1),
        ("criteria.symmetry_tolerance=0,1", 1),
    ] {
        let overrides = Overrides { sweep: vec![range.to_string()], ..set(&["task.dataset=parity"]) };
        let overrides = if range.starts_with("task.dataset") { sweep(&[range]) } else { overrides };
        let (plan, _) = plan_with("", &overrides);
        assert_eq!(plan.programs.len(), programs, "{range}");
        assert_ne!(plan.programs.first(), plan.programs.get(1), "{range}");
        assert_eq!(
            plan.cell(0).settings == plan.cell(1).settings,
            programs == 2 && !range.contains("gain"),
            "{range}"
        );
    }
}

/// Whatever is swept, and in whatever order: what a cell is computed to be is what a plan of its values alone has.
#[test]
fn each_cell_is_that_of_a_spec_that_fixes_its_values() {
    let points = "[init]\nvalues = [1, 2, 3, 4, 5, 6, 7, 8, 9]\nvalue.1 = 0.5\n";
    let sweeps: [(&str, &[&str]); 6] = [
        ("", &["init.scale=1,2", "net.hidden=2,3x2,none", "train.lr=1,2,3", "train.optimizer=sgd,adam"]),
        ("", &["init.gain=none,he", "init.scale=0.25,2", "init.base=zero,copies", "init.base_value=0,1,2"]),
        ("", &["task.dataset=xor,moons", "train.momentum=0,0.5", "task.samples=10,20", "train.steps=9,8"]),
        ("", &["noise.dropout=0,0.1,0.2", "noise.input=0,1", "train.weight_decay=0,1", "noise.mask=0,0.5"]),
        ("", &["criteria.solved_loss=0,1", "criteria.symmetry_tolerance=0,1", "init.scale_output=1,2"]),
        (
            points,
            &[
                "train.lr=1,2",
                "init.value.8=-1,0,1",
                "init.scale=0,1",
                "init.value.0=3,4",
                "train.beta1=0,0.5",
            ],
        ),
    ];
    // One by one, with values in which no other key sees a difference.
    let numbers = ["0.25", "0.5", "0.75"].join(",");
    let single: Vec<String> =
        (key::KEYS.iter()).filter(|key| key.only_runs).map(|key| format!("{}={numbers}", key.name)).collect();
    assert!(single.len() > 10);
    let single: Vec<[&str; 1]> = single.iter().map(|range| [range.as_str()]).collect();
    for (text, ranges) in sweeps.into_iter().chain(single.iter().map(|range| ("", &range[..]))) {
        let (plan, _) = plan_with(text, &sweep(ranges));
        for (number, cell) in cells(&plan).enumerate() {
            let values = plan.grid.swept().iter().zip(plan.grid.values(number));
            let flags: Vec<String> = values.map(|(key, value)| format!("{key}={value}")).collect();
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            let (alone, _) = plan_with(text, &set(&flags));
            assert_eq!((alone.grid.cells(), alone.programs.len()), (1, 1));
            let (found, wanted) = (&plan.programs[cell.program], &alone.programs[0]);
            assert_eq!(plan.program(number), cell.program);
            assert_eq!(Program { points: None, ..found.clone() }, Program { points: None, ..wanted.clone() });
            let point = |of: &Program, run: Run| {
                let count = of.shape.parameters();
                of.points.as_ref().map(|points| points[run.point as usize * count..][..count].to_vec())
            };
            assert_eq!(point(found, cell.settings), point(wanted, alone.cell(0).settings), "{flags:?}");
            assert_eq!(
                Run { point: 0, ..cell.settings },
                Run { point: 0, ..alone.cell(0).settings },
                "{flags:?}"
            );
        }
    }
}

#[test]
fn cells_that_differ_in_settings_only_share_their_points() {
    let text = "[init]\nvalues = [1, 2, 3, 4, 5, 6, 7, 8, 9]\n";
    let (plan, _) =
        plan_with(text, &sweep(&["init.value.8=-1,1", "train.lr=lin:1:2:100", "net.activation=tanh"]));
    let points: Vec<u32> = cells(&plan).map(|cell| cell.settings.point).collect();
    assert_eq!(points, [[0; 100], [1; 100]].concat());
    assert_eq!(plan.programs[0].points.as_ref().unwrap().len(), 2 * 9);
}

#[test]
fn the_default_bias_scale_follows_scale_and_gain_of_the_cell() {
    let (plan, _) = plan_with("", &sweep(&["init.gain=none,he", "init.scale=0.25,2"]));
    let bias_scales =
        |plan: &Plan| -> Vec<f64> { cells(plan).map(|cell| cell.settings.bias_scale).collect() };
    assert_eq!(bias_scales(&plan), [0.25, 2.0, 0.0, 0.0]);
    let (plan, _) = plan_with("[init]\nbias_scale = 3\n", &sweep(&["init.gain=none,he"]));
    assert_eq!(bias_scales(&plan), [3.0, 3.0]);
}

#[test]
fn the_resolved_spec_is_in_the_order_of_the_documentation() {
    let overrides = Overrides {
        sweep: vec!["net.hidden=none,8x8".to_string(), "init.scale=0,0.1".to_string()],
        ..set(&["criteria.solved_loss=1e-7", "train.steps=5"])
    };
    let (plan, _) = plan_with("", &overrides);
    insta::assert_snapshot!(plan.resolved, @r#"{"name":"x","task":{"dataset":"xor","bits":3,"features":16,"outputs":1,"seed":0,"noise":0.0,"teacher":[2],"teacher_activation":"erf","singular_values":[1.0],"target_columns":1,"classes":"auto","inputs":"01","targets":"01","standardize":false,"test":0.0},"net":{"activation":"logistic","output":"logistic","readout":"trained","bias":true,"skip":false},"init":{"base":"zero","base_value":0.5,"noise":"uniform","gain":"none","scale_hidden":1.0,"scale_output":1.0},"train":{"loss":"mse","optimizer":"sgd","lr":0.5,"lr_hidden":1.0,"lr_output":1.0,"momentum":0.9,"beta1":0.9,"beta2":0.999,"rho":0.9,"epsilon":1e-8,"weight_decay":0.0,"batch":"full","steps":5,"stop":"never"},"noise":{"dropout":0.0,"gradient":0.0,"input":0.0,"mask":0.0},"criteria":{"solved_tolerance":0.4,"solved_loss":1e-7,"symmetry_tolerance":0.1},"sweep":{"net.hidden":["none","8x8"],"init.scale":[0.0,0.1]},"runs":{"seeds":1000,"seed":0}}"#);
    let (plan, _) = plan_with("", &set(&["net.hidden=8x4"]));
    assert_eq!(plan.resolved["net"]["hidden"], serde_json::json!([8, 4]));
}

#[test]
fn hash_and_differences_see_what_decides_results() {
    let (plan, _) = plan_with("", &none());
    let (renamed, _) = plan_with("", &set(&["name=other"]));
    assert_eq!(renamed.name, "other");
    assert_eq!(plan.hash(), renamed.hash());
    assert_eq!(plan.hash().len(), 64);
    assert!(plan.differences(&renamed.resolved).is_empty());

    for (change, line) in [
        (set(&["train.lr=0.25"]), "train.lr: 0.25 there, 0.5 here"),
        (set(&["criteria.solved_loss=0.25"]), "criteria.solved_loss: 0.25 there, nothing here"),
        (Overrides { seeds: Some(7), ..none() }, "runs.seeds: 7 there, 1000 here"),
        (Overrides { seed: Some(7), ..none() }, "runs.seed: 7 there, 0 here"),
        (sweep(&["train.lr=0.5"]), "train.lr: swept over 0.5 there, 0.5 here"),
        (
            sweep(&["train.lr=lin:0:1:11"]),
            "train.lr: swept over 0.0, 0.1, 0.2, 0.3, … (11 values) there, 0.5 here",
        ),
    ] {
        let (other, _) = plan_with("", &change);
        assert_ne!(plan.hash(), other.hash(), "{line}");
        assert_eq!(plan.differences(&other.resolved), [line]);
    }

    let (one, _) = plan_with("", &sweep(&["train.lr=0.1,0.3", "init.scale=0,1"]));
    let (other, _) = plan_with("", &sweep(&["init.scale=0,1", "train.lr=0.1,0.3"]));
    assert_ne!(one.hash(), other.hash());
    assert_eq!(
        one.differences(&other.resolved),
        ["order of the sweep: init.scale, train.lr there, train.lr, init.scale here"]
    );

    // A manifest is read back to the same bits and in the same order.
    let (awkward, _) = plan_with("", &sweep(&["train.lr=0.1,4.35,5e-324,3.1e38,log:1e-7:3:99"]));
    let read: serde_json::Value = serde_json::from_str(&awkward.resolved.to_string()).unwrap();
    assert!(awkward.differences(&read).is_empty());
    assert_eq!(read.to_string(), awkward.resolved.to_string());
    assert!(!plan.differences(&serde_json::json!("no spec")).is_empty());
}

#[test]
fn flags_replace_what_the_text_says() {
    let text = "[train]\nlr = 0.1\n[sweep]\n\"init.scale\" = \"0,1\"\n\"net.bias\" = [true, false]\n";
    let (plan, _) = plan_with(text, &sweep(&["init.scale=0,1,2"]));
    assert_eq!((plan.grid.swept().join(" ").as_str(), plan.grid.cells()), ("init.scale net.bias", 6));
    let (plan, _) = plan_with(text, &set(&["init.scale=0.5", "train.lr=1", "train.lr=2"]));
    assert_eq!((plan.grid.swept().join(" ").as_str(), plan.grid.cells()), ("net.bias", 2));
    assert_eq!((plan.cell(0).settings.scale, plan.cell(0).settings.lr), (0.5, 2.0));
    let overrides = Overrides { seeds: Some(3), seed: Some(9), ..set(&["runs.seeds=4"]) };
    let (plan, _) = plan_with(text, &overrides);
    assert_eq!((plan.seeds, plan.master), (3, 9));
}

#[test]
fn flags_take_toml_and_bare_words() {
    let value = |flag: &str| {
        let (plan, _) = plan_with("", &set(&[flag]));
        let (key, _) = flag.split_once('=').unwrap();
        let json = key.trim().split('.').fold(&plan.resolved, |json, part| &json[part]);
        json.to_string()
    };
    assert_eq!(value("net.activation=tanh"), "\"tanh\"");
    assert_eq!(value("net.activation=\"tanh\""), "\"tanh\"");
    assert_eq!(value("net.hidden=[8,8]"), "[8,8]");
    assert_eq!(value("net.hidden=8x8"), "[8,8]");
    assert_eq!(value("net.hidden=8"), "[8]");
    assert_eq!(value("net.hidden=[]"), "[]");
    assert_eq!(value("net.hidden=none"), "[]");
    assert_eq!(value("task.inputs=01"), "\"01\"");
    assert_eq!(value(" train.lr = .5 "), "0.5");
    assert_eq!(value("train.lr=-0"), "0.0");
    assert_eq!(value("train.steps=1e4"), "10000");
    assert_eq!(value("train.steps=1_000"), "1000");
    assert_eq!(value("net.bias=false"), "false");
    assert_eq!(value("name=2024-01-01"), "\"2024-01-01\"");
    assert_eq!(value("name='a=b'"), "\"a=b\"");
}

#[test]
fn sweeps_may_be_written_dotted_or_quoted_and_keep_their_order() {
    let (plan, _) = plan_with(
        "[sweep]\ntrain.lr = 1\n\"init.scale\" = \"1,2\"\nnet.bias = true\ntrain.steps = [1,2]\n",
        &none(),
    );
    assert_eq!(plan.grid.swept(), ["train.lr", "init.scale", "net.bias", "train.steps"]);
    let (plan, _) = plan_with("[sweep.net]\nhidden = [2, [8, 8], \"none\"]\n", &none());
    assert_eq!(plan.grid.swept(), ["net.hidden"]);
    let values: Vec<String> = (0..3).map(|cell| plan.grid.values(cell)[0].to_string()).collect();
    assert_eq!(values, ["2", "8x8", "none"]);
    // The data set, too, may come from the sweep alone.
    let (plan, _) = parse("", "x.toml", &sweep(&["task.dataset=and,xor"])).unwrap();
    assert_eq!(plan.programs.len(), 2);
}

#[test]
fn marks_and_line_ends_of_other_systems_are_fine() {
    let text = format!("\u{feff}{XOR}[train]\nlr = 2\n").replace('\n', "\r\n");
    let (plan, _) = parse(&text, "x.toml", &none()).unwrap();
    assert_eq!(plan.cell(0).settings.lr, 2.0);
    let text = format!("\u{feff}{XOR}[train]\nrl = 2\n").replace('\n', "\r\n");
    assert_eq!(error(&text), "train.rl (line 4 of x.toml): unknown key; did you mean train.lr?");
}

#[test]
fn unknown_names_are_met_with_the_nearest() {
    assert_eq!(
        xor_error("\n[net]\nactivaton = 1\n"),
        "net.activaton (line 5 of x.toml): unknown key; did you mean net.activation?"
    );
    assert_eq!(
        xor_error("[net]\nlr = 1\n"),
        "net.lr (line 4 of x.toml): unknown key; did you mean train.lr?"
    );
    assert_eq!(error("lr = 1\n"), "lr (line 1 of x.toml): unknown key; did you mean train.lr?");
    assert_eq!(
        xor_error("[train]\nlearning_rate = 1\n"),
        "train.learning_rate (line 4 of x.toml): unknown key; did you mean train.lr?"
    );
    assert_eq!(
        xor_error("[criteria]\nwhatever = 1\n"),
        "criteria.whatever (line 4 of x.toml): unknown key; [criteria] has solved_tolerance, solved_loss, symmetry_tolerance"
    );
    assert_eq!(
        error("whatever = 1\n"),
        "whatever (line 1 of x.toml): unknown key; keys are written TABLE.NAME, such as net.hidden, and symbreak schema lists all"
    );
    assert_eq!(xor_error("[trian]\n"), "[trian] (line 3 of x.toml): unknown table; did you mean [train]?");
    assert_eq!(xor_error("[swep]\n"), "[swep] (line 3 of x.toml): unknown table; did you mean [sweep]?");
    assert_eq!(xor_error("[whatever]\n"), "[whatever] (line 3 of x.toml): unknown table");
    assert_eq!(
        xor_error("[sweep]\n\"init.scael\" = \"1\"\n"),
        "init.scael (line 4 of x.toml): unknown key; did you mean init.scale?"
    );
    assert_eq!(
        flag_error(&set(&["train.momentun=1"])),
        "train.momentun (--set): unknown key; did you mean train.momentum?"
    );
    assert_eq!(
        flag_error(&sweep(&["train.momentun=1"])),
        "train.momentun (--sweep): unknown key; did you mean train.momentum?"
    );
    assert_eq!(
        error("[task]\ndataset = \"xro\"\n"),
        format!("task.dataset (line 2 of x.toml): expected {DATASETS}, found \"xro\"; did you mean xor?")
    );
    assert!(
        xor_error("[net]\nactivation = \"sigmoid\"\n").ends_with("found \"sigmoid\"; did you mean logistic?")
    );
    assert!(xor_error("[net]\nactivation = \"maxout\"\n").ends_with("found \"maxout\""));
}

#[test]
fn the_first_error_in_the_text_is_reported() {
    assert!(error("[train]\nzz = 1\n[net]\naa = 1\n").starts_with("train.zz (line 2 of x.toml)"));
    assert!(error("[net]\naa = 1\n[train]\nzz = 1\n").starts_with("net.aa (line 2 of x.toml)"));
}

#[test]
fn wrong_types_and_values_are_refused() {
    let amount = "expected a number from 0 to 3.4e38";
    for (text, message) in [
        ("train.lr = -1", format!("{amount}, found -1")),
        ("train.lr = -1.5", format!("{amount}, found -1.5")),
        ("train.lr = nan", format!("{amount}, found NaN")),
        ("train.lr = inf", format!("{amount}, found inf")),
        ("train.lr = 1e39", format!("{amount}, found 1e39")),
        ("train.lr = 1e999", format!("{amount}, found inf")),
        ("train.lr = \"0.1\"", format!("{amount}, found \"0.1\"")),
        (&format!("train.lr = 1{}", "0".repeat(39)), format!("{amount}, found inf")),
        ("train.lr = true", format!("{amount}, found true")),
        ("train.lr = [1, 2, 3, 4, 5]", format!("{amount}, found [1, 2, 3, 4, …]")),
        ("train.lr = {}", format!("{amount}, found a table")),
        ("train.lr = 2024-01-01", format!("{amount}, found a date or time")),
        ("init.scale = -1e-9", format!("{amount}, found -1e-9")),
        ("init.bias_scale = -1", format!("{amount}, found -1")),
        ("init.base_value = inf", "expected a number from -3.4e38 to 3.4e38, found inf".to_string()),
        ("train.weight_decay = -1", format!("{amount}, found -1")),
        ("train.epsilon = -1", format!("{amount}, found -1")),
        ("train.momentum = 1", "expected a number from 0 to under 1, found 1".to_string()),
        ("train.momentum = -0.1", "expected a number from 0 to under 1, found -0.1".to_string()),
        ("train.beta1 = 1.0", "expected a number from 0 to under 1, found 1.0".to_string()),
        ("train.beta2 = 1.0", "expected a number from 0 to under 1, found 1.0".to_string()),
        ("train.rho = 1.0", "expected a number from 0 to under 1, found 1.0".to_string()),
        ("criteria.solved_tolerance = -1", format!("{amount}, found -1")),
        ("criteria.solved_loss = -1", format!("{amount}, found -1")),
        ("criteria.symmetry_tolerance = nan", format!("{amount}, found NaN")),
        ("train.steps = 0", "expected a whole number from 1 to 4294967294, found 0".to_string()),
        (
            "train.steps = 4294967295",
            "expected a whole number from 1 to 4294967294, found 4294967295".to_string(),
        ),
        ("train.steps = 1.5", "expected a whole number from 1 to 4294967294, found 1.5".to_string()),
        ("train.steps = -1", "expected a whole number from 1 to 4294967294, found -1".to_string()),
        ("runs.seeds = 0", "expected a whole number from 1 up, found 0".to_string()),
        ("runs.seeds = \"10\"", "expected a whole number from 1 up, found \"10\"".to_string()),
        ("runs.seed = -1", "expected a whole number from 0 up, found -1".to_string()),
        ("task.bits = 17", "expected a whole number from 1 to 16, found 17".to_string()),
        ("task.bits = 0", "expected a whole number from 1 to 16, found 0".to_string()),
        ("net.bias = 1", "expected true or false, found 1".to_string()),
        ("net.bias = \"true\"", "expected true or false, found \"true\"".to_string()),
        ("net.readout = \"total\"", "expected \"trained\" or \"sum\", found \"total\"".to_string()),
        ("net.readout = 1", "expected \"trained\" or \"sum\", found 1".to_string()),
        ("train.batch = 0", "expected \"full\" or a whole number from 1 to 4294967295, found 0".to_string()),
        (
            "train.batch = \"half\"",
            "expected \"full\" or a whole number from 1 to 4294967295, found \"half\"".to_string(),
        ),
        ("name = 1", "expected a plain folder name, found 1".to_string()),
        ("name = \"\"", "expected a plain folder name, found \"\": it is empty".to_string()),
        ("name = \"a/b\"", "expected a plain folder name, found \"a/b\": it is a path".to_string()),
        (
            "name = \"-x\"",
            "expected a plain folder name, found \"-x\": it would be taken for a flag".to_string(),
        ),
    ] {
        let key = text.split(' ').next().unwrap();
        assert_eq!(error(text), format!("{key} (line 1 of x.toml): {message}"));
    }
    for hidden in ["[0]", "[2, -1]", "[1000001]", "[1.5]", "\"2x\"", "\"8,8\"", "true", "{}", "0", "[[2]]"] {
        let message = xor_error(&format!("[net]\nhidden = {hidden}\n"));
        assert!(
            message
                .starts_with("net.hidden (line 4 of x.toml): expected up to 1000 widths from 1 to 1000000"),
            "{message}"
        );
    }
    let deep = format!("[net]\nhidden = [{}]\n", "1,".repeat(1001));
    assert!(xor_error(&deep).starts_with("net.hidden (line 4 of x.toml): expected up to 1000 widths"));
    assert_eq!(
        flag_error(&set(&["train.lr=fast"])),
        "train.lr (--set): expected a number from 0 to 3.4e38, found \"fast\""
    );
    assert_eq!(
        flag_error(&set(&["train.steps=1.5"])),
        "train.steps (--set): expected a whole number from 1 to 4294967294, found 1.5"
    );
    assert_eq!(
        flag_error(&Overrides { seeds: Some(0), ..none() }),
        "runs.seeds (--seeds): expected a whole number from 1 up, found 0"
    );
    assert_eq!(error("train = 1\n"), "train (line 1 of x.toml): expected a table, found 1");
    assert_eq!(error("sweep = 1\n"), "sweep (line 1 of x.toml): expected a table, found 1");
    assert_eq!(error("[[train]]\nlr = 1\n"), "train (line 1 of x.toml): expected a table, found [a table]");
}

/// The words that the documentation gives each key, read from the comments of its example.
fn documented_words() -> Vec<(String, Vec<String>)> {
    let (mut table, mut words) = (String::new(), Vec::new());
    for line in DOCUMENTED.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            table = name.to_string();
        }
        let Some((key, comment)) =
            line.split_once(" = ").and_then(|(key, rest)| Some((key, rest.split_once('#')?.1)))
        else {
            continue;
        };
        // What stands in brackets explains.
        let outside: String =
            comment.split('(').map(|part| part.split_once(')').map_or(part, |(_, after)| after)).collect();
        let alternatives = outside.replace("\" or \"", "\" | \"");
        // A word is the first in quotes, or the first that no colon follows.
        let word = |text: &str| match text.split('"').nth(1) {
            Some(quoted) => quoted.to_string(),
            None => text.split_whitespace().find(|word| !word.ends_with(':')).unwrap_or_default().to_string(),
        };
        let alternatives: Vec<String> = match alternatives.contains(" | ") {
            true => alternatives.split(" | ").map(word).filter(|word| word != "…" && word != "a").collect(),
            false => continue,
        };
        words.push((format!("{table}.{key}"), alternatives));
    }
    words
}

#[test]
fn every_word_of_the_documentation_and_of_the_keys_makes_a_plan() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    std::fs::write(path("a.csv"), "a,b,y\n1,2,u\n3,4,v\n").unwrap();
    let mut npy =
        b"\x93NUMPY\x01\0\x76\0{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }".to_vec();
    npy.resize(127, b' ');
    npy.push(b'\n');
    npy.extend([1f32, 2.0].iter().flat_map(|x| x.to_le_bytes()));
    std::fs::write(path("a.npy"), npy).unwrap();
    let reads = |key: &str, word: &str| {
        // What has to go with it.
        let with: Vec<String> = match (key, word) {
            ("task.dataset", "csv" | "npy") => vec![format!("task.path={}", path(&format!("a.{word}")))],
            ("net.output", "softmax") => vec!["train.loss=cross-entropy".into(), "task.dataset=iris".into()],
            ("train.loss", "cross-entropy") => vec!["net.output=softmax".into(), "task.dataset=iris".into()],
            _ => Vec::new(),
        };
        let flags: Vec<String> = with.into_iter().chain([format!("{key}={word}")]).collect();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        match parse(XOR, "x.toml", &set(&flags)) {
            Ok((plan, _)) => assert!(plan.grid.cells() > 0),
            Err(error) => panic!("{key} = {word}: {error}"),
        }
    };
    let documented = documented_words();
    for (key, words) in &documented {
        words.iter().for_each(|word| reads(key, word));
    }
    let count =
        |key: &str| documented.iter().find(|(name, _)| name == key).map_or(0, |(_, words)| words.len());
    let counts = [
        ("task.dataset", 7),
        ("task.inputs", 2),
        ("net.activation", 12),
        ("net.readout", 2),
        ("init.base", 3),
        ("init.noise", 2),
        ("init.gain", 4),
        ("train.loss", 3),
        ("train.optimizer", 5),
        ("train.stop", 2),
    ];
    for (key, words) in counts {
        assert_eq!(count(key), words, "{key}: {documented:?}");
    }
    for key in key::KEYS {
        if let key::Kind::Word { words } = key.kind {
            words.iter().for_each(|word| reads(key.name, word));
        }
    }
    // Every key of the documentation, be it set or swept.
    let (plan, _) = parse(DOCUMENTED, "spec.toml", &none()).unwrap();
    for (table, keys) in plan.resolved.as_object().unwrap() {
        for (key, value) in keys.as_object().into_iter().flatten().filter(|_| table != "sweep") {
            assert!(set_reads(&format!("{table}.{key}"), value), "{table}.{key}");
        }
    }
}

/// Whether a key takes its own resolved value back.
fn set_reads(key: &str, value: &serde_json::Value) -> bool {
    parse(XOR, "x.toml", &set(&[&format!("{key}={value}")])).is_ok()
}

#[test]
fn files_are_part_of_what_a_plan_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv").to_str().unwrap().to_string();
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    let plan = |flags: &[&str]| {
        let path = format!("task.path={path}");
        parse(XOR, "x.toml", &set(&[&["task.dataset=csv", &path], flags].concat())).map(|(plan, _)| plan)
    };
    write("a,b,y\n1,2,0\n3,4,1\n5,6,1\n");
    let first = plan(&[]).unwrap();
    let content = &first.resolved["task"]["content"][&path];
    assert_eq!(content.as_str().unwrap(), blake3::hash(&std::fs::read(&path).unwrap()).to_hex().as_str());
    assert_eq!(first.programs[0].shape.to_string(), "2-2-1");
    assert_eq!(first.hash(), plan(&[]).unwrap().hash());
    let held_out = plan(&["task.test=0.4"]).unwrap();
    let samples =
        |plan: &Plan| (plan.programs[0].data.samples(), plan.programs[0].test.as_ref().unwrap().samples());
    assert_eq!(samples(&held_out), (2, 1));
    let named = plan(&["task.target_columns=[\"a\", \"y\"]"]).unwrap();
    assert_eq!(named.programs[0].shape.to_string(), "1-2-2");
    assert_eq!(named.resolved["task"]["target_columns"], serde_json::json!(["a", "y"]));
    let wrong = |flags: &[&str]| plan(flags).unwrap_err().to_string().replace(&path, "a.csv");
    assert_eq!(
        wrong(&["task.target_columns=x"]),
        "task.target_columns (--set): a.csv has no column \"x\"; did you mean a?"
    );
    write("a,b,y\n1,2,0\n3,4,1\n5,6,2\n");
    let changed = plan(&[]).unwrap();
    assert_ne!(changed.hash(), first.hash());
    assert!(changed.differences(&first.resolved)[0].starts_with("task.content: {"));
    write("a,b,y\n1,2,0\n3,x,1\n");
    assert_eq!(
        wrong(&[]),
        "task.path (--set): a.csv, line 3, column 2 (\"b\"): expected a number, found \"x\""
    );
    assert_eq!(
        xor_error("test = \"a.csv\"\n"),
        "task.test (line 3 of x.toml): expected a fraction, found \"a.csv\"; only task.dataset = \"csv\" and \"npy\" can \
         hold out a file"
    );
    assert_eq!(
        xor_error("test = 1\n"),
        "task.test (line 3 of x.toml): expected a number from 0 to under 1, or the path of a file, found 1"
    );
    assert_eq!(
        error("[task]\ndataset = \"csv\"\n"),
        "task.path: missing; task.dataset = \"csv\" reads a file"
    );
    assert_eq!(
        flag_error(&set(&["task.dataset=multiplexer", "task.bits=4"])),
        "task.bits (--set): a multiplexer has 3, 6 or 11 bits (k address bits and 2^k data bits), found 4"
    );
    assert!(flag_error(&set(&["task.dataset=two-spirals"])).ends_with("did you mean spirals?"));
    assert!(
        flag_error(&set(&["task.singular_values=[1,-1]"]))
            .contains("expected a list of numbers from 0 to 3.4e38")
    );
}

#[test]
fn cells_that_use_the_same_task_share_its_data() {
    let overrides = sweep(&["task.dataset=xor,moons", "task.samples=10,20", "train.lr=1,2"]);
    let (plan, warnings) = plan_with("", &overrides);
    assert_eq!(warnings, [""; 0]);
    assert_eq!(
        (plan.grid.cells(), plan.programs.len()),
        (8, 3),
        "xor has four samples, whatever is asked for"
    );
    let (plan, _) = plan_with("", &sweep(&["task.seed=1,2", "task.test=0,0.25"]));
    let parts: Vec<_> = plan.programs.iter().map(|p| (p.data.samples(), p.test.is_some())).collect();
    assert_eq!(parts, [(4, false), (3, true), (3, true)]);
}

/// A cell of each says so in its program and settings.
#[test]
fn minibatches_noise_and_given_points() {
    let (plan, warnings) = plan_with("[noise]\ndropout = 0.5\n", &sweep(&["train.batch=1,3,4,full"]));
    assert_eq!(warnings, [""; 0]);
    let batches: Vec<_> = cells(&plan).map(|cell| plan.programs[cell.program].batch).collect();
    assert_eq!(batches, [Some(1), Some(3), None, None]);
    assert!(plan.programs.iter().all(|program| program.noise.dropout && !program.noise.mask));
    assert_eq!(plan.cell(0).settings.dropout, 0.5);

    let text = "[init]\nvalues = [1, 2, 3, 4, 5, 6, 7, 8, 9]\nscale = 0\nvalue.1 = 0.5\n";
    let (plan, warnings) = plan_with(text, &sweep(&["init.value.8=-1,1"]));
    assert_eq!(warnings, [""; 0]);
    assert_eq!(plan.grid.swept(), ["init.value.8"]);
    assert_eq!(plan.resolved["init"]["value"], serde_json::json!({ "1": 0.5 }));
    let start = |number: u64| {
        let mut drawn = Vec::new();
        plan.programs[0].drawing().draw(plan.run(number).amounts(), &mut drawn);
        drawn
    };
    assert_eq!(start(999), [1.0, 0.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, -1.0]);
    assert_eq!(start(1000), [1.0, 0.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 1.0]);

    assert_eq!(
        flag_error(&sweep(&["init.value.3=1,2"])),
        "init.value.3 (--sweep): changes a number of init.values, which is not given; --set init.values=[…] gives it \
         (in the cell init.value.3 = 1.0)"
    );
    let message = xor_error("[init]\nvalues = [1, 2]\n");
    assert_eq!(message, "init.values (line 4 of x.toml): 2 values, but the network has 9 parameters");
    let message = xor_error("[init]\nvalues = [1, true]\n");
    assert!(message.contains("expected a list of numbers, or the path of an npy file"), "{message}");
    let message = xor_error("[init]\nvalues = \"/nowhere.npy\"\n");
    assert!(message.starts_with("init.values (line 4 of x.toml): cannot read /nowhere.npy: "), "{message}");
    let message = flag_error(&sweep(&["init.value.x=1"]));
    assert_eq!(
        message,
        "init.value.x (--sweep): expected init.value.N, N the number of a parameter, counted from 0"
    );
}

#[test]
fn softmax_and_cross_entropy_go_together() {
    let text = "[net]\noutput = \"softmax\"\n[train]\nloss = \"cross-entropy\"\n";
    let (plan, _) = plan_with(text, &set(&["task.dataset=encoder"]));
    assert_eq!(plan.programs[0].loss, crate::net::Loss::CrossEntropy);
    assert_eq!(plan.programs[0].shape.output, Activation::Linear);
    assert_eq!(plan.resolved["net"]["output"], "softmax");
    for text in ["[net]\noutput = \"softmax\"\n", "[train]\nloss = \"cross-entropy\"\n"] {
        assert!(xor_error(text).contains("go together only"));
    }
    assert_eq!(
        xor_error(text),
        "train.loss (line 6 of x.toml): \"cross-entropy\" needs targets that are probabilities, none negative and of the \
         sum 1, but task.dataset = \"xor\" has [0]; it is for one-hot classes with task.targets = \"01\", others have \"mse\""
    );
    let signs = parse(&format!("{XOR}{text}"), "x.toml", &set(&["task.dataset=iris", "task.targets=pm1"]));
    assert!(signs.unwrap_err().to_string().contains("task.dataset = \"iris\" has [1, -1, -1]; "));
}

#[test]
fn toml_must_be_toml() {
    assert_eq!(
        error("[task]\ndataset = \n"),
        "line 2 of x.toml: not valid TOML: string values must be quoted, expected literal string"
    );
    assert_eq!(error("a = 1\na = 2\n"), "line 2 of x.toml: not valid TOML: duplicate key");
    assert!(error("[task").starts_with("line 1 of x.toml: not valid TOML: "));
    assert!(error(&format!("a = {}", "[".repeat(10_000))).starts_with("line 1 of x.toml: not valid TOML: "));
    assert_eq!(
        error("\"train.lr\" = 1\n[train]\nlr = 2\n"),
        "train.lr (line 3 of x.toml): given twice; first on line 1 of x.toml"
    );
}

#[test]
fn a_data_set_is_needed() {
    let message = format!("task.dataset: missing; every spec needs it: {DATASETS}");
    assert_eq!(error(""), message);
    assert_eq!(error("[task]\nbits = 3\n"), message);
}

#[test]
fn sweeps_that_cannot_be() {
    assert_eq!(
        xor_error("[sweep]\n\"init.scale\" = \"0,1\"\ninit.scale = 1\n"),
        "init.scale (line 5 of x.toml): swept twice; first on line 4 of x.toml"
    );
    assert_eq!(
        flag_error(&sweep(&["init.scale=1", "init.scale=2"])),
        "init.scale (--sweep): swept twice; join the ranges with a comma"
    );
    let both = Overrides { sweep: vec!["init.scale=1".to_string()], ..set(&["init.scale=2"]) };
    assert_eq!(flag_error(&both), "init.scale (--sweep): given to --set, too; drop one of them");
    for key in ["name", "runs.seeds", "runs.seed", "task.path"] {
        assert_eq!(
            xor_error(&format!("[sweep]\n\"{key}\" = \"1,2\"\n")),
            format!("{key} (line 4 of x.toml): cannot be swept")
        );
    }
    assert_eq!(
        xor_error("[sweep]\n\"init.scale\" = \"\"\n"),
        "init.scale (line 4 of x.toml): the range is empty"
    );
    assert_eq!(
        xor_error("[sweep]\n\"init.scale\" = []\n"),
        "init.scale (line 4 of x.toml): the range is empty"
    );
    assert_eq!(
        xor_error("[sweep]\n\"init.scale\" = {}\n"),
        "init.scale (line 4 of x.toml): expected a range such as \"0,lin:1:2:5\", found a table"
    );
    assert_eq!(
        xor_error("[sweep]\n\"init.scale\" = \"0,1,-1\"\n"),
        "init.scale (line 4 of x.toml): expected a number from 0 to 3.4e38, found -1"
    );
    assert_eq!(
        flag_error(&sweep(&["init.scale"])),
        "init.scale (--sweep): expected KEY=RANGE, found no \"=\""
    );
    assert_eq!(flag_error(&set(&["init.scale"])), "init.scale (--set): expected KEY=VALUE, found no \"=\"");
    assert_eq!(
        flag_error(&set(&["sweep.init.scale=1"])),
        "sweep.init.scale (--set): use --sweep init.scale=1"
    );
}

#[test]
fn a_flag_may_give_a_list() {
    let (plan, _) = plan_with("", &sweep(&["net.hidden=[2, [8, 8]]"]));
    assert_eq!(plan.grid.values(1), [Value::Word("8x8".to_string())]);
}

#[test]
fn plans_beyond_all_bounds_are_refused_before_they_are_built() {
    assert_eq!(
        flag_error(&sweep(&["init.scale=lin:0:1:4000", "train.lr=lin:0:1:4000"])),
        "the sweep has more than 10000000 cells: 4000 of init.scale × 4000 of train.lr"
    );
    assert_eq!(
        flag_error(&Overrides { seeds: Some(u64::MAX), ..sweep(&["init.scale=0,1"]) }),
        "runs.seeds: 2 cells × 18446744073709551615 seeds are more runs than 64 bits can count"
    );
    let (plan, _) = plan_with("", &Overrides { seeds: Some(u64::MAX), ..none() });
    assert_eq!(plan.runs(), u64::MAX);
    assert_eq!(
        flag_error(&set(&["net.hidden=1000x1000"])),
        "net.hidden (--set): the network has 1005001 parameters, more than 1000000"
    );
}

#[test]
fn checks_across_keys_name_the_cell() {
    assert_eq!(
        xor_error("[train]\nloss = \"bce\"\n[sweep]\nnet.output = \"logistic,tanh\"\n"),
        "train.loss (line 4 of x.toml): \"bce\" needs net.output = \"logistic\", but that is \"tanh\" \
         (in the cell net.output = tanh)"
    );
    assert_eq!(
        flag_error(&set(&["net.readout=sum", "net.hidden=none"])),
        "net.readout (--set): \"sum\" needs a hidden layer, but net.hidden has none"
    );
}

#[test]
fn keys_that_no_cell_uses_are_warned_of() {
    let warnings = |flags: &[&str]| plan_with("", &set(flags)).1;
    assert_eq!(
        warnings(&["train.momentum=0.5"]),
        ["train.momentum (--set): no cell uses it; only train.optimizer = \"momentum\" and \"nesterov\" do"]
    );
    assert_eq!(warnings(&["train.momentum=0.5", "train.optimizer=momentum"]), [""; 0]);
    assert_eq!(
        warnings(&["task.bits=4"]),
        ["task.bits (--set): no cell uses it; only task.dataset = \"parity\" and \"multiplexer\" do"]
    );
    assert_eq!(warnings(&["task.bits=4", "task.dataset=parity"]), [""; 0]);
    assert_eq!(
        warnings(&["init.base_value=1"]),
        [
            "init.base_value (--set): no cell uses it; only init.base = \"constant\" and \"copies\" without init.values do"
        ]
    );
    assert_eq!(warnings(&["init.base_value=1", "init.base=copies"]), [""; 0]);
    assert_eq!(
        warnings(&["criteria.solved_tolerance=0.1", "criteria.solved_loss=0.1"]),
        ["criteria.solved_tolerance (--set): no cell uses it; criteria.solved_loss decides instead"]
    );
    assert_eq!(
        warnings(&["init.bias_scale=1", "net.bias=false"]),
        ["init.bias_scale (--set): no cell uses it; only net.bias = true does"]
    );
    assert_eq!(
        warnings(&["net.activation=tanh", "net.hidden=none"]),
        ["net.activation (--set): no cell uses it; only hidden layers do"]
    );
    assert_eq!(
        warnings(&["criteria.symmetry_tolerance=0.2", "net.hidden=1x1"]),
        ["criteria.symmetry_tolerance (--set): no cell uses it; only hidden layers of two or more units do"]
    );
    assert_eq!(
        warnings(&["task.path=a.csv", "task.target_columns=2"]),
        [
            "task.path (--set): no cell uses it; only task.dataset = \"csv\" and \"npy\" do",
            "task.target_columns (--set): no cell uses it; only task.dataset = \"csv\" and \"npy\" do"
        ]
    );
    // A swept key counts as given, and one cell that uses it is enough.
    let (_, warned) = plan_with("", &sweep(&["train.momentum=0,0.5"]));
    assert_eq!(
        warned,
        [
            "train.momentum (--sweep): no cell uses it; only train.optimizer = \"momentum\" and \"nesterov\" do"
        ]
    );
    let (_, warned) = plan_with("[train]\nmomentum = 0.1\n", &sweep(&["train.optimizer=sgd,momentum"]));
    assert_eq!(warned, [""; 0]);
}

#[test]
fn noise_under_the_grid_of_f32_is_warned_of() {
    let warnings = |base: &str, scales: &str| {
        let overrides =
            Overrides { sweep: vec![format!("init.scale={scales}")], ..set(&[&format!("init.base={base}")]) };
        plan_with("", &overrides).1
    };
    // One ulp of 0.5 is 2⁻²⁴ = 5.96e-8.
    let two = "init.scale: in 2 of 5 cells it is under one f32 ulp of the base point, so part of the perturbation \
               is rounded away";
    assert_eq!(warnings("copies", "0,1e-8,5.9e-8,6e-8,1e-7"), [two]);
    assert_eq!(warnings("constant", "0,1e-8,5.9e-8,6e-8,1e-7"), [two]);
    assert_eq!(warnings("zero", "0,1e-8,5.9e-8,6e-8,1e-7"), [""; 0]);
    assert_eq!(warnings("zero", "1e-40").len(), 1);
    // Biases of a constant base are 0, where the grid is as fine as can be; those of copies are not.
    let fine = |base: &str| plan_with("", &set(&[base, "init.scale=0", "init.bias_scale=1e-9"])).1.len();
    assert_eq!((fine("init.base=constant"), fine("init.base=copies")), (0, 1));
}

#[test]
fn settings_that_mean_something_else_in_single_precision_are_warned_of() {
    let told = |pairs: &[&str], swept: &[&str]| {
        let overrides = Overrides { sweep: sweep(swept).sweep, ..set(pairs) };
        plan_with("", &overrides).1
    };
    let told_of = |key: &str, cells: &str, to: &str| {
        [format!(
            "{key}: in {cells} cells it is {to} in single precision, in which all engines but reference train"
        )]
    };
    // Half a step of the grid under 1 is 2⁻²⁵ = 2.98e-8.
    for optimizer in ["momentum", "nesterov"] {
        let swept = ["train.momentum=0.999999971,0.99999997,0.9999999999"];
        let warnings = told(&[&format!("train.optimizer={optimizer}")], &swept);
        assert_eq!(warnings, told_of("train.momentum", "2 of 3", "1"));
    }
    let swept = ["train.optimizer=sgd,momentum", "train.momentum=0.9,0.999999971"];
    assert_eq!(told(&[], &swept), told_of("train.momentum", "1 of 4", "1"));
    assert_eq!(told(&["train.optimizer=adam", "train.beta2=0.999999971"], &[]), [""; 0]);

    let nothing = "0 or next to it";
    let least = "train.lr=0,1e-300,1.1754942e-38,1.1754943508222875e-38";
    assert_eq!(told(&[], &[least]), told_of("train.lr", "2 of 4", nothing));
    for layers in ["lr_hidden", "lr_output"] {
        let factors = format!("train.{layers}=0,1e-30,1");
        assert_eq!(told(&["train.lr=1e-30"], &[&factors]), told_of("train.lr", "1 of 3", nothing));
    }
    for optimizer in ["rmsprop", "adam"] {
        let optimizer = format!("train.optimizer={optimizer}");
        let warnings = told(&[&optimizer], &["train.epsilon=0,1e-50,1e-8"]);
        assert_eq!(warnings, told_of("train.epsilon", "1 of 3", nothing));
    }
    let swept = ["train.optimizer=sgd,adam", "train.epsilon=1e-50,1e-8"];
    assert_eq!(told(&[], &swept), told_of("train.epsilon", "1 of 4", nothing));
}

#[test]
fn targets_out_of_reach_are_warned_of() {
    let (_, warned) = plan_with("targets = \"pm1\"\n", &sweep(&["net.output=logistic,tanh,relu"]));
    assert_eq!(
        warned,
        [
            "net.output: in 2 of 3 cells the output units are never negative but some targets are, which puts those out of reach"
        ]
    );
}

#[test]
fn a_random_task_has_the_size_that_it_is_given() {
    let (plan, warned) = plan_with("", &set(&["task.dataset=random", "net.output=linear"]));
    assert_eq!(warned, [""; 0]);
    let program = &plan.programs[0];
    assert_eq!((program.data.samples(), program.shape.to_string().as_str()), (272, "16-2-1"));
    assert_eq!(*program.data, crate::task::Data::random(272, 16, 1, 0));
    let flags = ["task.dataset=random", "net.output=linear", "task.outputs=2", "task.features=3"];
    let (plan, warned) = plan_with("", &Overrides { sweep: vec!["task.samples=5,7".into()], ..set(&flags) });
    assert_eq!((warned.len(), plan.programs.len()), (0, 2));
    assert_eq!((plan.programs[1].data.samples(), plan.programs[1].shape.to_string().as_str()), (7, "3-2-2"));
    // Every seed of the task is another one, and the same for all runs of a cell.
    let (plan, _) = plan_with("", &Overrides { sweep: vec!["task.seed=0,1".into()], ..set(&flags) });
    assert_ne!(plan.programs[0].data, plan.programs[1].data);
}

#[test]
fn keys_of_other_tasks_are_warned_of() {
    let warned = |flags: &[&str]| plan_with("", &set(flags)).1;
    assert_eq!(
        warned(&["task.dataset=random", "net.output=tanh", "task.inputs=pm1", "task.bits=2"]),
        [
            "task.bits (--set): no cell uses it; only task.dataset = \"parity\" and \"multiplexer\" do",
            "task.inputs (--set): no cell uses it; only boolean functions and task.dataset = \"encoder\" do, others have numbers"
        ]
    );
    assert_eq!(
        warned(&["task.samples=9", "task.seed=1"]),
        [
            "task.samples (--set): no cell uses it; only task.dataset = \"spirals\", \"circles\", \"moons\", \"teacher\", \"linear\" and \"random\" do",
            "task.seed (--set): no cell uses it; only random tasks and a fraction in task.test do"
        ]
    );
    assert_eq!(
        warned(&["task.dataset=random"]),
        [
            "net.output: in 1 of 1 cells the output units are never negative but some targets are, which puts those out of reach"
        ]
    );
    let error = |flag: &str| flag_error(&set(&["task.dataset=random", flag]));
    assert!(error("task.samples=0").contains("expected a whole number from 1 to 65536, found 0"));
    assert!(error("task.features=1001").contains("expected a whole number from 1 to 1000"));
    assert!(error("task.feature=3").contains("did you mean task.features?"));
    assert!(error("task.dataset=randm").contains("did you mean random?"));
    assert!(error("seed=3").contains("did you mean runs.seed?"));
}

#[test]
fn the_solved_criterion_is_the_loss_if_a_loss_is_given() {
    let (plan, _) = plan_with("", &none());
    assert_eq!((plan.programs[0].criterion, plan.cell(0).settings.solved_limit), (Criterion::Error, 0.4));
    let (plan, _) = plan_with("", &sweep(&["criteria.solved_loss=1e-7,1e-3"]));
    assert_eq!((plan.programs[0].criterion, plan.cell(1).settings.solved_limit), (Criterion::Loss, 1e-3));
}

#[test]
fn presets_are_valid_named_after_themselves_and_documented() {
    for preset in presets() {
        let (plan, _) = load(preset.name, &none()).unwrap();
        assert_eq!(plan.name, preset.name);
        assert!(preset.text.starts_with("# "), "{} explains itself", preset.name);
        assert!(!preset.about.is_empty() && !preset.about.contains('\n'));
    }
    let (plan, warnings) = load("xor-scale", &none()).unwrap();
    assert_eq!((plan.grid.cells(), plan.seeds, warnings.len()), (34, 1000, 0));
    assert_eq!(plan.grid.swept(), ["net.activation", "init.scale"]);
    let shape = &plan.programs[1].shape;
    assert_eq!((shape.to_string().as_str(), shape.activation), ("2-2-1", Activation::Tanh));
    assert_eq!(plan.programs[0].optimizer, Optimizer::Momentum);
    let (_, warnings) = load("xor-copies", &none()).unwrap();
    assert_eq!(warnings, [Warning::RoundedAway { cells: 6, of: 36 }]);
    let (_, warnings) = load("parity", &none()).unwrap();
    assert_eq!(warnings, []);
}

#[test]
fn sources_are_presets_or_files() {
    let fails = |source: &str| load(source, &none()).unwrap_err().to_string();
    let names: Vec<&str> = presets().iter().map(|preset| preset.name).collect();
    let neither = format!("neither a preset ({}) nor a file", names.join(", "));
    assert_eq!(fails("xor-scal"), format!("xor-scal: {neither}; did you mean xor-scale?"));
    assert_eq!(fails("zzz"), format!("zzz: {neither}"));
    assert!(fails("no-such-file.toml").starts_with("cannot read no-such-file.toml: "));
    assert!(fails("no/such").starts_with("cannot read no/such: "));

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    std::fs::write(path("mine.toml"), XOR).unwrap();
    let (plan, _) = load(&path("mine.toml"), &none()).unwrap();
    assert_eq!(plan.name, "mine");
    std::fs::write(path("latin.toml"), b"# caf\xe9").unwrap();
    assert_eq!(
        fails(&path("latin.toml")),
        format!("cannot read {}: it is not UTF-8 (at byte 5)", path("latin.toml"))
    );
    let long = path(&format!("{}.toml", "long".repeat(30)));
    std::fs::write(&long, "x = 1").unwrap();
    assert_eq!(
        fails(&long),
        format!(
            "x (line 1 of {long}): unknown key; keys are written TABLE.NAME, such as net.hidden, and symbreak schema lists all"
        )
    );
    assert!(fails(folder.path().to_str().unwrap()).starts_with("cannot read "));
    std::fs::write(path("-x.toml"), XOR).unwrap();
    assert_eq!(
        fails(&path("-x.toml")),
        "name: the file's name does not do as a folder name: it would be taken for a flag; give a name"
    );
    assert!(load(&path("-x.toml"), &set(&["name=x"])).is_ok());
}

/// Texts that look like specs more often than chance would have it.
fn spec_like() -> impl Strategy<Value = String> {
    let names: Vec<String> = key::KEYS.iter().map(|key| key.name.to_string()).collect();
    let line = (
        prop::sample::select(names),
        prop::sample::select(vec!["", "[sweep]\n", "[net]\n", "[train]\n", "\"", "["]),
        "[-+0-9a-z.\"\\[\\]{}:,= ]{0,12}",
    );
    prop::collection::vec(line, 0..6).prop_map(|lines| {
        lines.iter().map(|(name, before, value)| format!("{before}{name} = {value}\n")).collect()
    })
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>(), like in spec_like()) {
        let _ = parse(&text, "x.toml", &none());
        let _ = parse(&format!("{XOR}{text}"), &text, &none());
        let _ = parse(&like, "x.toml", &none());
        let _ = parse(&format!("{XOR}{like}"), "x.toml", &none());
    }

    #[test]
    fn no_flag_panics_and_every_message_is_one_line(
        at in 0..key::KEYS.len(),
        value in any::<String>(),
        like in "[-+0-9a-z.\"\\[\\]:,=x]{0,12}",
    ) {
        for value in [value, like] {
            let flag = format!("{}={value}", key::KEYS[at].name);
            for overrides in [set(&[&flag]), sweep(&[&flag]), set(&[&value]), sweep(&[&value])] {
                if let Err(error) = parse(XOR, "x.toml", &overrides) {
                    prop_assert!(!error.to_string().contains('\n'));
                }
            }
        }
    }

    #[test]
    fn run_numbers_count_cells_slowest_and_seeds_fastest(cells in 2u64..20, seeds in 1u64..20, ends: (u64, u64)) {
        let overrides = Overrides { seeds: Some(seeds), ..sweep(&[&format!("init.scale=lin:1:2:{cells}")]) };
        let (plan, _) = plan_with("", &overrides);
        prop_assert_eq!(plan.runs(), cells * seeds);
        let (a, b) = (ends.0 % (plan.runs() + 1), ends.1 % (plan.runs() + 1));
        let numbers = a.min(b)..a.max(b);
        let mut next = numbers.start;
        for (cell, of_cell) in plan.stretches(numbers.clone()) {
            prop_assert!(of_cell.start < of_cell.end && of_cell.end <= seeds);
            prop_assert_eq!(cell as u64 * seeds + of_cell.start, next);
            let run = plan.run(next);
            prop_assert_eq!(run.seed, of_cell.start);
            prop_assert_eq!(Value::Number(run.scale), plan.grid.values(cell)[0].clone());
            next += of_cell.end - of_cell.start;
            prop_assert!(of_cell.end == seeds || next == numbers.end, "cut where nothing ends");
        }
        prop_assert_eq!(next, numbers.end);
    }
}

#[test]
fn keys_say_what_they_mean() {
    assert!(about("train.lr").is_some_and(|about| about.to_lowercase().contains("learning rate")));
    assert_eq!(about("train.tempo"), None);
}
