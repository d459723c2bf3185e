//! Where a rule begins and where it ends: the last value that is allowed, the one beyond, and which cells use a key.

use super::*;
use crate::spec::key::{self, Kind, Raw};
use crate::spec::range;

/// Whether a plan of these flags warns that no cell uses `key`.
fn unused(key: &str, flags: &[&str]) -> bool {
    let warnings = plan_with("", &set(flags)).1;
    warnings.iter().any(|warning| warning.starts_with(&format!("{key} (--set): no cell uses it")))
}

#[test]
fn keys_are_used_by_the_cells_that_they_change_and_by_no_others() {
    /// Flags, several times.
    type Flags = &'static [&'static [&'static str]];
    let uses: &[(&str, Flags, Flags)] = &[
        ("train.lr_hidden=2", &[&[]], &[&["net.hidden=none"]]),
        ("init.scale_hidden=2", &[&[]], &[&["net.hidden=none"]]),
        ("train.lr_output=2", &[&[], &["net.readout=sum", "net.skip=true"]], &[&["net.readout=sum"]]),
        ("init.scale_output=2", &[&[], &["net.readout=sum", "net.skip=true"]], &[&["net.readout=sum"]]),
        (
            "init.noise=normal",
            &[&[], &["init.gain=orthogonal", "init.bias_scale=1"]],
            &[
                &["init.gain=orthogonal"],
                &["init.gain=orthogonal", "init.bias_scale=0"],
                &["init.gain=orthogonal", "net.bias=false"],
            ],
        ),
        (
            "task.seed=3",
            &[
                &["task.dataset=moons"],
                &["task.dataset=random"],
                &["task.dataset=spirals", "task.noise=0.1"],
                &["task.dataset=iris", "task.test=0.2"],
            ],
            &[&[], &["task.dataset=spirals", "task.noise=0"], &["task.dataset=iris"]],
        ),
        (
            "task.features=4",
            &[&["task.dataset=encoder"], &["task.dataset=teacher"], &["task.dataset=random"]],
            &[&[], &["task.dataset=moons"]],
        ),
        ("task.teacher=3", &[&["task.dataset=teacher"]], &[&[], &["task.dataset=random"]]),
        (
            "task.teacher_activation=relu",
            &[&["task.dataset=teacher", "task.teacher=3"]],
            &[&[], &["task.dataset=random"], &["task.dataset=teacher", "task.teacher=none"]],
        ),
        ("task.singular_values=[2]", &[&["task.dataset=linear"]], &[&[], &["task.dataset=teacher"]]),
    ];
    for (flag, by, not_by) in uses {
        let key = flag.split('=').next().unwrap();
        for (flags, wanted) in
            by.iter().map(|flags| (flags, false)).chain(not_by.iter().map(|flags| (flags, true)))
        {
            let flags = [std::slice::from_ref(flag), *flags].concat();
            assert_eq!(unused(key, &flags), wanted, "{flags:?}");
        }
    }
}

#[test]
fn the_largest_network_is_allowed_and_no_larger_one() {
    let flags = |features: &str| {
        let size = format!("task.features={features}");
        let flags = [
            "task.dataset=random",
            "net.output=linear",
            "net.hidden=none",
            "task.samples=1",
            "task.outputs=1000",
        ];
        set(&[&flags[..], &[&size, if features == "1000" { "net.bias=false" } else { "net.bias=true" }]]
            .concat())
    };
    let (plan, _) = plan_with("", &flags("1000"));
    assert_eq!(plan.programs[0].shape.parameters(), 1_000_000);
    assert!(parse(XOR, "x.toml", &flags("999")).is_ok());
    let more = Overrides { set: [flags("1000").set, vec!["net.bias=true".into()]].concat(), ..none() };
    let more =
        Overrides { set: more.set.into_iter().filter(|flag| flag != "net.bias=false").collect(), ..more };
    assert!(flag_error(&more).contains("the network has 1001000 parameters, more than 1000000"));
}

#[test]
fn as_many_layers_as_are_allowed_and_no_more() {
    let hidden = |layers: usize| set(&[&format!("net.hidden={}", vec!["1"; layers].join("x"))]);
    assert_eq!(plan_with("", &hidden(1000)).0.programs[0].shape.hidden, [1; 1000]);
    assert!(flag_error(&hidden(1001)).starts_with("net.hidden (--set): expected "));
}

#[test]
fn empty_lists_and_paths_are_no_values() {
    for (text, expected) in [
        ("[init]\nvalues = []\n", "expected a list of numbers"),
        ("[task]\ndataset = \"linear\"\nsingular_values = []\n", "expected "),
        ("[task]\ndataset = \"csv\"\npath = \"x\"\ntarget_columns = []\n", "expected "),
        ("[task]\ndataset = \"csv\"\npath = \"x\"\ntest = \"\"\n", "expected "),
    ] {
        let message = if text.starts_with("[init]") { xor_error(text) } else { error(text) };
        assert!(message.contains(expected) && message.contains("found "), "{text}: {message}");
    }
}

#[test]
fn one_point_serves_all_seeds_or_each_has_its_own() {
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str, shape: &str, numbers: &[f64]| {
        let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
        let header = format!("{header:<117}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
        let path = place.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_string()
    };
    let numbers: Vec<f64> = (0..27).map(f64::from).collect();
    let three = file("three.npy", "(3, 9)", &numbers);
    let spec = |path: &str, seeds: u64| {
        format!("{XOR}[init]\nvalues = \"{path}\"\nscale = 0\n[runs]\nseeds = {seeds}\n")
    };
    let starts = |text: &str, overrides: &Overrides| {
        let (plan, _) = parse(text, "x.toml", overrides).unwrap();
        let drawn = |number| {
            let mut drawn = Vec::new();
            plan.programs[0].drawing().draw(plan.run(number).amounts(), &mut drawn);
            drawn
        };
        (0..plan.runs()).map(drawn).collect::<Vec<_>>()
    };
    let row = |n: usize| -> Vec<f32> { (9 * n..9 * n + 9).map(|x| x as f32).collect() };
    assert_eq!(starts(&spec(&three, 3), &none()), [row(0), row(1), row(2)]);
    assert_eq!(starts(&spec(&three, 2), &none()), [row(0), row(1)]);
    // Each value of an entry has points of its own.
    let changed = |n: usize, x: f32| [vec![x], row(n)[1..].to_vec()].concat();
    assert_eq!(
        starts(&spec(&three, 3), &sweep(&["init.value.0=-1,-2"])),
        [
            changed(0, -1.0),
            changed(1, -1.0),
            changed(2, -1.0),
            changed(0, -2.0),
            changed(1, -2.0),
            changed(2, -2.0)
        ]
    );
    let one = file("one.npy", "(9,)", &numbers[..9]);
    assert_eq!(starts(&spec(&one, 2), &none()), [row(0), row(0)]);

    let refused = |path: &str, seeds| error(&spec(path, seeds));
    assert!(refused(&three, 4).ends_with("3 points for 4 seeds; give one for all or one a seed"));
    let wide = file("wide.npy", "(3, 0)", &[]);
    let tall = file("tall.npy", "(0, 9)", &[]);
    let deep = file("deep.npy", "(1, 3, 9)", &numbers);
    for (path, shape) in [(wide, "[3, 0]"), (tall, "[0, 9]"), (deep, "[1, 3, 9]")] {
        let message = refused(&path, 3);
        assert!(
            message.ends_with(&format!("expected one point or rows of points, found the shape {shape}")),
            "{message}"
        );
    }
    // A matrix of more rows than a program may have points, of no content.
    let many = file("many.npy", "(16777217, 0)", &[]);
    assert!(refused(&many, 1).ends_with("16777217 points, more than 16777216"));
    let most = file("most.npy", "(16777216, 0)", &[]);
    assert!(refused(&most, 1).ends_with("found the shape [16777216, 0]"));
}

#[test]
fn entries_are_plain_numbers() {
    for name in ["init.value.", "init.value.01", "init.value.+1", "init.value.12345678", "init.value.a1"] {
        let found = key::find(name);
        assert_eq!(
            found.err().as_deref(),
            Some("expected init.value.N, N the number of a parameter, counted from 0"),
            "{name}"
        );
    }
    assert_eq!(key::find("init.value.1234567").unwrap().name, "init.value.1234567");
    assert_eq!(format!("{:?}", key::find("init.value.3").unwrap()), "init.value.3");
}

#[test]
fn words_are_listed_by_their_number() {
    let expected = |words| Kind::Word { words }.expected();
    assert_eq!(expected(&["a"]), "\"a\"");
    assert_eq!(expected(&["a", "b"]), "\"a\" or \"b\"");
    assert_eq!(expected(&["a", "b", "c"]), "one of \"a\", \"b\", \"c\"");
}

#[test]
fn names_of_sixty_bytes_are_still_guessed_at() {
    let long = "s".repeat(60);
    assert_eq!(error::nearest(&long[1..], [long.as_str()]), Some(long.as_str()));
    assert_eq!(error::nearest(&long, [long.as_str()]), Some(long.as_str()));
    let longer = "s".repeat(61);
    assert_eq!(error::nearest(&longer, [longer.as_str()]), None);
}

#[test]
fn whole_numbers_may_be_written_as_floats_where_those_are_exact() {
    let steps = |text: &str| parse(XOR, "x.toml", &set(&[&format!("runs.seeds={text}")]));
    assert_eq!(steps("1e4").unwrap().0.seeds, 10_000);
    assert!(steps("1.5").is_err());
    let seed = |text: &str| parse(XOR, "x.toml", &set(&[&format!("runs.seed={text}")]));
    assert_eq!(seed("8.999999999999999e15").unwrap().0.master, 8_999_999_999_999_999);
    assert!(seed("9e15").unwrap_err().to_string().contains("found 9000000000000000.0"));
}

#[test]
fn only_numbers_have_ranges_with_colons_and_a_zero_between_is_zero() {
    let values = |key: &str, text: &str| range::read(&key::find(key).unwrap().kind, &Raw::Bare(text.into()));
    let shown = |values: Vec<Value>| values.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(shown(values("task.path", "C:a.csv,b").unwrap()), ["C:a.csv", "b"]);
    assert!(values("train.lr", "x:1").unwrap_err().contains("expected lin:LO:HI:N or log:LO:HI:N"));
    // −300 · ⅔ + 600 · ⅓ is −3e-14 in f64.
    assert_eq!(shown(values("init.base_value", "lin:-300:600:10").unwrap())[3], "0.0");
}

#[test]
fn a_scale_of_one_ulp_of_the_base_is_not_rounded_away() {
    let warned = |scale: f64| {
        let flags = ["init.base=constant", "init.base_value=1", "net.bias=false"];
        let scale = format!("init.scale={scale:e}");
        plan_with("", &set(&[&flags[..], &[&scale]].concat())).1.len()
    };
    let ulp = f64::from(f32::EPSILON);
    assert_eq!((warned(ulp), warned(ulp.next_down())), (0, 1));
}

#[test]
fn what_stands_where_it_does_not_belong_is_named() {
    // A key in place of a table.
    assert!(!error("[name]\nx = 1\n").contains("unknown table"));
    assert!(xor_error("[sweep]\ninit.scale.a = 1\n").starts_with("init.scale (line 4 of x.toml): "));
    if cfg!(unix) {
        assert_eq!(key::check_name("a:b"), Ok(()));
    }
}

#[test]
fn targets_that_add_up_to_one_but_for_rounding_are_probabilities() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("t.csv");
    let plan = |third: &str| {
        std::fs::write(&path, format!("x,a,b\n0,0.5,0.5\n1,0.25,{third}\n")).unwrap();
        let text = format!(
            "[task]\ndataset = \"csv\"\npath = {:?}\ntarget_columns = 2\n[net]\noutput = \"softmax\"\n[train]\nloss = \"cross-entropy\"\n",
            path
        );
        parse(&text, "x.toml", &none()).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(plan("0.7500005"), Ok(()));
    assert!(plan("0.750002").unwrap_err().contains("[0.25, 0.750002]"));
    assert!(plan("0.7499980").is_err());
}

#[test]
fn settings_reach_runs_whole() {
    let (mut plan, _) = plan_with("[runs]\nseed = 77\nseeds = 3\n", &none());
    assert_eq!(plan.cell(0).settings.master, 77);
    assert_eq!((plan.run(2).master, plan.run(2).seed), (77, 2));
    plan.master = 78;
    assert_eq!(plan.cell(0).settings.master, 78);
    let noise = ["gradient_noise", "input_noise", "mask", "dropout"];
    for name in noise {
        let flag = format!("noise.{}", name.trim_end_matches("_noise"));
        let Ok((plan, _)) = parse(XOR, "x.toml", &set(&[&format!("{flag}=0.25")])) else {
            panic!("{flag}");
        };
        let kinds = plan.programs[0].noise;
        let on = [kinds.gradient, kinds.input, kinds.mask, kinds.dropout];
        assert_eq!(on, noise.map(|other| other == name), "{flag}");
    }
    let (plan, _) = plan_with("", &sweep(&["train.lr=1,2,3,4", "init.scale=1,2,3,4,5"]));
    let values = |key: usize| plan.grid.range(key).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(values(0), ["1.0", "2.0", "3.0", "4.0"]);
    assert_eq!(values(1).len(), 5);
    let (other, _) = plan_with("", &sweep(&["train.lr=1,2", "init.scale=1"]));
    assert_eq!(
        plan.differences(&other.resolved),
        [
            "init.scale: swept over 1.0 there, swept over 1.0, 2.0, 3.0, 4.0, … (5 values) here",
            "train.lr: swept over 1.0, 2.0 there, swept over 1.0, 2.0, 3.0, 4.0 here"
        ]
    );
}

#[test]
fn a_sweep_may_have_so_many_programs_and_numbers_and_no_more() {
    let within = |programs: usize, numbers: usize, text: &str| {
        let given = Given::parse(text, "x.toml").unwrap();
        let planned = build::plan_within(build::Limits { programs, numbers }, given, "x");
        planned.map(|(plan, _)| plan.programs.len()).map_err(|error| error.to_string())
    };
    let wide = format!("{XOR}[sweep]\n\"net.hidden\" = \"1,2,3\"\n");
    assert_eq!(within(3, 12, &wide), Ok(3));
    assert!(within(2, 12, &wide).unwrap_err().contains("more than 2 programs"));
    // Two inputs and an output, of 10 samples and 2 for the test, for each of 3 seeds.
    let tasks =
        "[task]\ndataset = \"moons\"\nsamples = 12\ntest = 0.17\n[sweep]\n\"task.seed\" = \"1,2,3\"\n";
    assert_eq!(within(3, 3 * 12 * 3, tasks), Ok(3));
    assert_eq!(
        within(3, 3 * 12 * 3 - 1, tasks).unwrap_err(),
        "task.dataset (line 2 of x.toml): the 3 data sets up to here have more than 107 numbers together; sweep fewer \
         values of task.seed and the like, or make them smaller with task.samples (in the cell task.seed = 3)"
    );
    // Nine parameters, a point for each of 4 values.
    let points = format!(
        "{XOR}[init]\nvalues = [{}]\nscale = 0\n[sweep]\n\"init.value.2\" = \"1,2,3,4\"\n",
        ["0.5"; 9].join(", ")
    );
    assert_eq!(within(1, 36, &points), Ok(1));
    assert!(within(1, 35, &points).unwrap_err().contains("more than 35 numbers together"));
}

#[test]
fn so_many_activations_are_allowed_and_no_more() {
    let flags = |units: usize, outputs: usize| {
        let flags = ["task.dataset=random", "task.samples=65536", "net.output=linear"];
        let sizes = [format!("task.outputs={outputs}"), format!("net.hidden={units}")];
        Overrides { set: [set(&flags).set, sizes.to_vec()].concat(), ..none() }
    };
    for outputs in [1, 24] {
        let hidden = 1024 - outputs;
        assert!(parse(XOR, "x.toml", &flags(hidden, outputs)).is_ok());
        let message = flag_error(&flags(hidden + 1, outputs));
        assert!(
            message.contains(
                "1025 units, hidden and output, on 65536 samples are 67174400 activations, more than 67108864; choose up to \
                 1024 units or a smaller task.samples"
            ),
            "{message}"
        );
    }
}

#[test]
fn comparisons_of_units_are_counted_and_many_are_told() {
    let (plan, _) = plan_with("", &set(&["net.hidden=4x3"]));
    let shape = &plan.programs[0].shape;
    // 6 pairs and 3, on 5 samples, at 2 steps and 8 a doubling.
    assert_eq!(build::comparisons(shape, 5, 8), 45.0 * 26.0);
    assert_eq!(build::comparisons(shape, 5, 0), 90.0);

    let told = |widths: &str| {
        let flags =
            Overrides { sweep: vec![format!("net.hidden={widths}")], ..set(&["train.steps=1048576"]) };
        let (_, warnings) = plan_with("", &flags);
        warnings.into_iter().filter(|warning| warning.starts_with("net.hidden")).collect::<Vec<_>>()
    };
    // On 4 samples, at 162 steps: 10⁹ are reached by 1,543,210 pairs, 1757 units.
    assert_eq!(told("2,1757"), [""; 0]);
    let many = told("1758,3,4000,1759");
    assert_eq!(many.len(), 1);
    assert!(many[0].starts_with("net.hidden: in 3 of 4 cells"), "{many:?}");
    assert!(many[0].contains("up to 5e9 comparisons"), "{many:?}");
    // 9870 + 120 + 10 pairs on 10,000 samples at 10 steps are 10⁹.
    let told = |steps: u32| {
        let flags = ["task.dataset=random", "task.samples=10000", "net.output=linear", "net.hidden=141x16x5"];
        plan_with("", &set(&[&flags[..], &[&format!("train.steps={steps}")]].concat())).1.len()
    };
    assert_eq!((told(2), told(3)), (0, 1));
}

#[test]
fn base_points_are_kept_once() {
    let values = format!("init.values=[{}]", ["0.5"; 9].join(","));
    let (plan, _) = plan_with("", &set(&[&values, "init.scale=0"]));
    assert!(plan.programs[0].points.is_some() && plan.base.values.is_none());
}

#[test]
fn swept_keys_are_quoted_in_a_frozen_spec() {
    let (plan, _) = plan_with("", &sweep(&["init.scale=1,2"]));
    let text = frozen::to_toml(&plan);
    assert!(text.contains("\n[sweep]\n\"init.scale\" = [1.0,2.0]\n"), "{text}");
}
