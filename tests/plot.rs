//! Pictures of result directories: what is in them, what they refuse, and that no file makes the program panic.

#[allow(dead_code, reason = "each test file uses its part")]
mod made_up;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use made_up::{all_files, engine, mixed_plan, shard_into, sweep_into};
use predicates::str::contains;
use resvg::tiny_skia::Pixmap;
use symbreak::output::merge::{Allowed, merge};
use symbreak::plot::png::png;
use symbreak::plot::{Figure, Kind, Request, figures};
use symbreak::spec::Shard;
use tempfile::{TempDir, tempdir};

fn symbreak(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("symbreak").unwrap();
    command.args(arguments);
    command
}

/// A sweep of the real engine, small enough to take no time.
fn swept(arguments: &[&str]) -> (TempDir, PathBuf) {
    let place = tempdir().unwrap();
    let directory = place.path().join("sweep");
    let fixed = ["--backend", "cpu", "--threads", "1", "--quiet", "--out", directory.to_str().unwrap()];
    symbreak(&["run"]).args(arguments).args(fixed).assert().success();
    (place, directory)
}

fn xor(more: &[&str]) -> (TempDir, PathBuf) {
    let small =
        ["xor-scale", "--seeds", "20", "--set", "train.steps=300", "--sweep", "init.scale=0,log:0.1:10:5"];
    swept(&[&small[..], more].concat())
}

fn of(kinds: &[Kind]) -> Request {
    Request { kinds: kinds.to_vec(), ..Request::default() }
}

fn named<'a>(figures: &'a [Figure], name: &str) -> &'a Figure {
    figures.iter().find(|figure| figure.name == name).unwrap_or_else(|| panic!("{name}"))
}

/// Every figure is well-formed, its marks are inside, and its picture is neither blank nor the same at another width.
fn check(figure: &Figure) {
    let Figure { name, width, height, marks, .. } = figure;
    for mark in marks {
        let inside =
            (0.0..=f64::from(*width)).contains(&mark.x) && (0.0..=f64::from(*height)).contains(&mark.y);
        assert!(inside && !mark.text.is_empty(), "{name}: {mark:?}");
    }
    for text in [&figure.title, &figure.caption, &figure.alt] {
        assert!(!text.is_empty() && !text.contains("NaN"), "{name}: {text}");
    }
    let pixels = Pixmap::decode_png(&png(figure, 480).unwrap()).unwrap();
    assert_eq!(pixels.width(), 480);
    let mut colors: Vec<[u8; 3]> = pixels.pixels().iter().map(|p| [p.red(), p.green(), p.blue()]).collect();
    colors.sort_unstable();
    colors.dedup();
    assert!(colors.len() > 20, "{name} is nearly blank");
}

#[test]
fn every_kind_is_drawn_of_a_sweep_that_has_it() {
    let (_place, directory) = xor(&["--trace", "1", "--save-params"]);
    let drawn = figures(&directory, &Request::default()).unwrap();
    let names: Vec<&str> = drawn.iter().map(|figure| figure.name.as_str()).collect();
    assert_eq!(names, ["fraction", "curves", "times", "losses", "traces", "similarity"]);
    drawn.iter().for_each(check);
    let fraction = named(&drawn, "fraction");
    assert!(fraction.svg.contains("Perturbation scale (init.scale)"));
    assert!(fraction.caption.contains("240 runs in 12 cells (20 each)"), "{}", fraction.caption);
    // 2 panels of 12 cells.
    assert_eq!(fraction.marks.len(), 24);
    assert!(named(&drawn, "losses").svg.contains("1/6: floor"));

    let slice = [
        "kolen-pollack-slice-2",
        "--sweep",
        "init.value.5=lin:-8:8:17",
        "--sweep",
        "init.value.7=lin:-8:8:17",
    ];
    let (_place, slice) = swept(&slice);
    let drawn = figures(&slice, &Request::default()).unwrap();
    named(&drawn, "convergence");
    // Nothing diverges there.
    assert!(drawn.iter().all(|figure| figure.name != "trainability"));
    drawn.iter().for_each(check);

    let rates = ["train.lr_hidden=log:0.1:1000:12", "train.lr_output=log:0.01:10:12"];
    let fractal = ["fractal", "--set", "train.steps=60", "--sweep", rates[0], "--sweep", rates[1]];
    let (_place, fractal) = swept(&fractal);
    let drawn = figures(&fractal, &Request::default()).unwrap();
    assert!(named(&drawn, "trainability").caption.contains("trained without diverging"));
    drawn.iter().for_each(check);

    let map = ["xor-scale", "--seeds", "5", "--set", "train.steps=300", "--set", "net.activation=tanh"];
    let map =
        [&map[..], &["--sweep", "init.scale=0,log:0.1:10:5", "--sweep", "train.lr=log:0.1:10:5"]].concat();
    let (_place, map) = swept(&map);
    let drawn = figures(&map, &of(&[Kind::Heatmap])).unwrap();
    drawn.iter().for_each(check);
    let solved = named(&drawn, "heatmap-fraction_solved");
    assert!(solved.svg.contains("Learning rate (train.lr)"));
    let lines = solved.caption.split("Lines, marked on the colour bar: where it is ").nth(1).unwrap();
    let levels = lines.split(", interpolated").next().unwrap().split(", ").count();
    // The bar comes before the axes and these before the contours; each line has an outline.
    let bar = solved.svg.split("Learning rate (train.lr)").next().unwrap();
    assert_eq!(bar.matches("stroke-width=\"26\"").count(), levels);
}

#[test]
fn other_numbers_make_another_picture() {
    let (_place, directory) = xor(&[]);
    let before = figures(&directory, &Request::default()).unwrap();
    let change = |name: &str, from: &str, to: &str| {
        let path = directory.join(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let after = figures(&directory, &Request::default()).unwrap();
        fs::write(&path, text).unwrap();
        let differ = |(a, b): &(&Figure, &Figure)| a.svg != b.svg;
        before.iter().zip(&after).filter(differ).map(|(a, _)| a.name.clone()).collect::<Vec<_>>()
    };
    let cells = fs::read_to_string(directory.join("cells.csv")).unwrap();
    let row = cells.lines().nth(3).unwrap();
    // fraction_solved of one cell.
    let mut fields: Vec<&str> = row.split(',').collect();
    let at = cells.lines().next().unwrap().split(',').position(|column| column == "fraction_solved").unwrap();
    fields[at] = if fields[at] == "0.5" { "0.25" } else { "0.5" };
    assert_eq!(change("cells.csv", row, &fields.join(",")), ["fraction"]);
    let runs = fs::read_to_string(directory.join("runs.csv")).unwrap();
    let solved = runs.lines().find(|line| line.contains(",solved,")).unwrap();
    assert_eq!(change("runs.csv", solved, &solved.replace(",solved,", ",stuck,")), ["losses"]);
}

#[test]
fn the_manifest_is_not_needed() {
    let (_place, directory) = xor(&[]);
    fs::remove_file(directory.join("manifest.json")).unwrap();
    let drawn = figures(&directory, &Request::default()).unwrap();
    assert!(drawn.len() >= 4);
    drawn.iter().for_each(check);
    assert!(drawn[0].title.starts_with("sweep: "), "{}", drawn[0].title);
}

#[test]
fn runs_in_parquet_make_the_same_pictures() {
    let (_place, text) = xor(&[]);
    let (_other, typed) = xor(&["--runs", "parquet"]);
    assert_eq!(figures(&text, &Request::default()).unwrap(), figures(&typed, &Request::default()).unwrap());
}

#[test]
fn shards_put_together_make_the_same_pictures() {
    let place = tempdir().unwrap();
    let (plan, options) = (mixed_plan(), all_files());
    let whole = place.path().join("whole");
    sweep_into(&whole, &plan, &mut engine(1000), options, false).unwrap();
    let shards: Vec<PathBuf> = (1..=3)
        .map(|index| {
            let directory = place.path().join(format!("{index}"));
            shard_into(&directory, &plan, &mut engine(5), options, Shard { index, of: 3 }).unwrap();
            directory
        })
        .collect();
    let merged = place.path().join("merged");
    merge(&shards, &merged, Allowed::default()).unwrap();
    let all = of(&[Kind::Fraction, Kind::Curves, Kind::Losses, Kind::Traces]);
    let pictures = figures(&whole, &all).unwrap();
    assert_eq!(pictures, figures(&merged, &all).unwrap());
    pictures.iter().for_each(check);
}

#[test]
fn files_are_named_and_disturb_nothing() {
    let (_place, directory) = xor(&[]);
    let place = directory.to_str().unwrap();
    let printed = symbreak(&["plot", place, "--kind", "fraction", "--kind", "losses"]).assert().success();
    let printed = String::from_utf8(printed.get_output().stdout.clone()).unwrap();
    let files: Vec<&Path> = printed.lines().map(Path::new).collect();
    assert_eq!(files.len(), 4);
    for (file, name) in files.iter().zip(["fraction.svg", "fraction.png", "losses.svg", "losses.png"]) {
        assert_eq!(*file, directory.join("plots").join(name));
        assert!(file.is_file());
    }
    // A finished sweep with pictures is still shown, not refused.
    let again =
        ["xor-scale", "--seeds", "20", "--set", "train.steps=300", "--sweep", "init.scale=0,log:0.1:10:5"];
    let fixed = ["--backend", "cpu", "--quiet", "--out", place];
    symbreak(&["run"]).args(again).args(fixed).assert().success().stdout(contains("results in"));
    let elsewhere = directory.join("else");
    let out = ["--out", elsewhere.to_str().unwrap(), "--format", "svg"];
    symbreak(&["plot", place, "--kind", "fraction"]).args(out).assert().success();
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1);
    assert_eq!(fs::read(elsewhere.join("fraction.svg")).unwrap(), fs::read(files[0]).unwrap());
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let (_place, directory) = xor(&[]);
    let place = directory.to_str().unwrap();
    let empty = directory.join("plots");
    fs::create_dir(&empty).unwrap();
    for (arguments, said) in [
        (&[empty.to_str().unwrap()][..], "has no cells.csv; expected the result directory of a sweep"),
        (
            &[place, "--x", "init.scal"],
            "--x init.scal: the sweep has no such key; it sweeps net.activation, init.scale; did you mean init.scale?",
        ),
        (
            &[place, "--y", "fraction_solvd"],
            "--y fraction_solvd: neither a key nor a column; it sweeps net.activation, init.scale; cells.csv has runs, ",
        ),
        (&[place, "--y", "fraction_solvd"], "; did you mean fraction_solved?\n"),
        (&[place, "--kind", "losses", "--y", "solved"], "--y would do nothing: --kind losses uses --color"),
        (
            &[place, "--kind", "times", "--kind", "losses", "--y", "solved"],
            "--y would do nothing: --kind times uses --x, --color; --kind losses uses --color",
        ),
        (&[place, "--kind", "losses", "--color", "gap"], "--color gap: neither a key nor a column"),
        (&[place, "--color", "net.activaton"], "did you mean net.activation?"),
        (
            &[place, "--where", "net.activation=tahn"],
            "no cell has that value; there are logistic, tanh; did you mean tanh?",
        ),
        (&[place, "--where", "init.scale=0.3"], "the nearest is 0.3162277660168"),
        (&[place, "--where", "init.scale"], "expected KEY=VALUE"),
        (&[place, "--where", "seed=x"], "expected a whole number"),
        (&[place, "--kind", "heat"], "possible values: fraction, heatmap"),
        (&[place, "--kind", "traces"], "traces.csv is not there; run the sweep with --trace 1"),
        (&[place, "--kind", "similarity"], "run the sweep with --save-params"),
        (
            &[place, "--kind", "heatmap", "--x", "init.scale", "--y", "init.scale"],
            "--x and --y are both init.scale",
        ),
        (
            &[place, "--kind", "heatmap", "--color", "accuracy_test_mean"],
            "no cell has a value of accuracy_test_mean",
        ),
        (&[place, "--kind", "fraction", "--y", "accuracy_test_mean"], "no cell has a value there"),
        (
            &[place, "--kind", "curves", "--y", "loss_final_median"],
            "curves.csv has symmetric, partial, broken, solved, diverged",
        ),
        (
            &[place, "--kind", "fraction", "--where", "seed=1"],
            "--where seed and run are for traces and similarity",
        ),
        (&[place, "--format", "jpg"], "possible values: svg, png"),
        (&[place, "--width", "9"], "9 is not in 100..=8192"),
    ] {
        let failed = symbreak(&["plot"]).args(arguments).assert().code(2).stderr(contains(said));
        assert!(failed.get_output().stdout.is_empty());
    }
    fs::remove_file(directory.join("runs.csv")).unwrap();
    symbreak(&["plot", place, "--kind", "losses"]).assert().code(2).stderr(contains("--runs csv"));
    let blocked = directory.join("cells.csv/plots");
    let out = ["--out", blocked.to_str().unwrap()];
    symbreak(&["plot", place, "--kind", "fraction"]).args(out).assert().code(1).stderr(contains("--out DIR"));
}

/// The files that others could have written, or that a sweep of odd numbers leaves.
#[test]
fn no_file_makes_it_panic() {
    let head = "cell,a.x,a.y,runs,solved,stuck,diverged,broken,partial,symmetric,started_symmetric,escaped,fraction_solved,\
                fraction_solved_low,fraction_solved_high,fraction_broken,fraction_broken_low,fraction_broken_high,\
                solve_step_median,accuracy_test_mean,loss_final_median\n";
    let row = |cell: u32, x: &str, y: &str, figures: &str| format!("{cell},{x},{y},{figures}\n");
    let nothing = "0,,,,,,,,,,,,,,,,,";
    let full = "3,1,1,1,3,0,0,3,3,0.33,0.1,0.9,1,0.2,1,17,,0.25";
    let grid = |figures: &str| -> String {
        (0..16).map(|cell| row(cell, &(cell / 4).to_string(), &format!("1e{}", cell % 4), figures)).collect()
    };
    let tables = [
        String::new(),
        head.to_string(),
        head.to_string() + &row(0, "1", "2", full),
        head.to_string() + &row(0, "1", "2", nothing),
        head.to_string() + &grid(nothing),
        head.to_string() + &grid(full),
        head.to_string() + &grid("3,3,0,0,3,0,0,3,3,1,1,1,1,1,1,0,0,0"),
        head.to_string() + &grid("3,0,3,0,0,0,3,3,0,0,0,0,0,0,0,,,1e308"),
        head.to_string() + &grid("3,NaN,NaN,NaN,NaN,NaN,NaN,3,0,NaN,NaN,NaN,NaN,NaN,NaN,NaN,NaN,inf"),
        head.to_string() + &grid("3,1,1,1,-1,-1,-1,3,0,-5,9,-9,1e308,-1e308,1e308,-1e308,-3,-1e308"),
        head.to_string() + &row(0, "<&\"'>", "ünïcode 𝔘", full) + &row(1, "", "é", full),
        head.to_string() + &row(0, "1e308", "-1e308", full) + &row(1, "-1e308", "1e308", full),
        head.to_string()
            + &row(0, "5e-324", "0", full)
            + &row(1, "1e308", "5e-324", full)
            + &row(2, "0", "1", full),
        head.to_string() + "0,1\n",
        head.to_string() + &row(0, "1", "2", "three,1"),
        head.replace("runs", "ruins"),
        "\u{feff}cell,runs\n0,5\n".into(),
        "cell,runs\n0,5\n".into(),
        "\0\0\0".into(),
        format!(
            "{}{}",
            head,
            row(0, &"long".repeat(500), "2", full) + &row(1, &"words ".repeat(200), "3", full)
        ),
    ];
    let run_head = "run,cell,seed,outcome,symmetry_initial,symmetry,solve_step,break_step,diverge_step,loss_final,\
                    gradient_norm_final,steps\n";
    let runs = [
        String::new(),
        run_head.to_string(),
        run_head.to_string()
            + "0,0,0,solved,symmetric,broken,3,2,,0.25,0.1,10\n0,1,0,diverged,symmetric,,,,4,,,4\n",
        run_head.to_string()
            + "0,0,0,stuck,symmetric,broken,0,0,,NaN,0.1,0\n0,1,0,stuck,none,none,,,,inf,,0\n",
        run_head.to_string()
            + "0,0,0,stuck,symmetric,symmetric,,,,0.0,0.1,7\n0,99,0,stuck,none,none,,,,-1,,0\n",
    ];
    let curves = "cell,step,runs,symmetric,partial,broken,solved,diverged\n0,0,3,0,0,3,0,0\n0,1,0,0,0,0,0,0\n1,NaN,,,,,,\n";
    let traces = "run,cell,seed,step,loss,spread,gap,distinct_units,gradient_norm\n0,0,0,0,NaN,,,,\n0,0,0,5,1e300,0,,,0\n";
    let place = tempdir().unwrap();
    fs::write(place.path().join("curves.csv"), curves).unwrap();
    fs::write(place.path().join("traces.csv"), traces).unwrap();
    let mut drawn = 0;
    for (number, cells) in tables.iter().enumerate() {
        fs::write(place.path().join("cells.csv"), cells).unwrap();
        for runs in &runs {
            fs::write(place.path().join("runs.csv"), runs).unwrap();
            for kind in Kind::ALL {
                for color in [None, Some("loss_final_median".to_string())] {
                    let color = color.filter(|_| kind.flags().contains(&"--color"));
                    let request = Request { color, ..of(&[*kind]) };
                    match figures(place.path(), &request) {
                        Ok(figures) => {
                            figures.iter().for_each(check);
                            drawn += figures.len();
                        }
                        Err(error) => assert!(!error.to_string().is_empty(), "{number} {kind}"),
                    }
                }
            }
            let _ = figures(place.path(), &Request::default());
        }
    }
    assert!(drawn > 100, "{drawn}");
}

/// Runs that were not watched for long enough pull the median up, and fewer than half of them is an arrow.
#[test]
fn censored_runs_count() {
    let (_place, directory) = xor(&[]);
    let of_times = |steps: &str| {
        let request =
            Request { filters: vec![("net.activation".into(), "tanh".into())], ..of(&[Kind::Times]) };
        let figure = figures(&directory, &request).unwrap().remove(0);
        let texts: Vec<String> = figure
            .marks
            .into_iter()
            .map(|mark| mark.text)
            .filter(|text| text.contains("step to solve"))
            .collect();
        (texts.iter().filter(|text| text.contains(steps)).count(), figure.caption)
    };
    let (over, caption) = of_times("over 300");
    assert!(over > 0 && caption.contains("Arrow: fewer than half"), "{over} {caption}");
    let runs = fs::read_to_string(directory.join("runs.csv")).unwrap();
    let head: Vec<&str> = runs.lines().next().unwrap().split(',').collect();
    let solve = head.iter().position(|column| *column == "solve_step").unwrap();
    let solved = runs.lines().enumerate().map(|(line, text)| {
        let mut fields: Vec<&str> = text.split(',').collect();
        if line > 0 {
            fields[solve] = "9";
        }
        fields.join(",") + "\n"
    });
    fs::write(directory.join("runs.csv"), solved.collect::<String>()).unwrap();
    assert_eq!(of_times("over 300").0, 0);
    assert_eq!(of_times("median step to solve: 9 ").0, 6);
}

/// Few runs start symmetric where noise is large: the caption says how many, and what rests on too few is left out.
#[test]
fn times_to_break_rest_on_runs_that_start_symmetric() {
    let mut cells = String::from("cell,init.scale,runs\n");
    let mut runs = String::from(
        "run,cell,seed,outcome,symmetry_initial,symmetry,solve_step,break_step,diverge_step,loss_final,gradient_norm_final,\
         steps\n",
    );
    for (cell, (scale, symmetric)) in [(0.1, 20), (1.0, 12), (10.0, 9), (100.0, 0)].into_iter().enumerate() {
        cells += &format!("{cell},{scale},20\n");
        for seed in 0..20 {
            let (start, step) = if seed < symmetric { ("symmetric", "7") } else { ("broken", "") };
            runs += &format!("{},{cell},{seed},solved,{start},broken,9,{step},,0,0,50\n", 20 * cell + seed);
        }
    }
    let place = tempdir().unwrap();
    fs::write(place.path().join("cells.csv"), cells).unwrap();
    fs::write(place.path().join("runs.csv"), runs).unwrap();
    let figure = figures(place.path(), &of(&[Kind::Times])).unwrap().remove(0);
    check(&figure);
    let count = |what: &str| figure.marks.iter().filter(|mark| mark.text.contains(what)).count();
    assert_eq!((count("step to break"), count("step to solve")), (2, 4));
    let caption = &figure.caption;
    assert!(caption.contains("of the 12 to 20 runs of a cell that start symmetric."), "{caption}");
    assert!(
        caption.contains("No time to break is shown of 1 cell of which fewer than 10 runs start symmetric."),
        "{caption}"
    );
}

/// A map of many cells stays small, and says which of its values it draws.
#[test]
fn many_cells_make_no_large_file() {
    let map = |side: usize| {
        let place = tempdir().unwrap();
        let mut cells = String::from("cell,a.x,a.y,runs,broken,partial,symmetric,fraction_solved\n");
        for cell in 0..side * side {
            let noise = f64::from((cell as u32).wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24);
            cells += &format!("{cell},{},{},1,0,0,0,{noise}\n", cell / side, cell % side);
        }
        fs::write(place.path().join("cells.csv"), cells).unwrap();
        let request = Request { color: Some("fraction_solved".into()), ..of(&[Kind::Heatmap]) };
        figures(place.path(), &request).unwrap().remove(0)
    };
    let figure = map(142);
    let texts: usize = figure.marks.iter().map(|mark| mark.text.len() + 40).sum();
    assert!(figure.svg.len() + texts < 2_000_000, "{} {texts}", figure.svg.len());
    assert!((2_500..=10_000).contains(&figure.marks.len()), "{}", figure.marks.len());
    let figure = map(700);
    assert!(figure.svg.len() < 10_000_000, "{}", figure.svg.len());
    assert!((2_500..=10_000).contains(&figure.marks.len()), "{}", figure.marks.len());
    assert!(figure.caption.contains("Drawn are 640 of the 700 values of a.x."), "{}", figure.caption);
}

/// Shares with diverged runs do not read as if those had ended the other way.
#[test]
fn diverged_runs_are_counted_in_the_caption() {
    let cells = "cell,train.lr,net.hidden,runs,diverged,broken,partial,symmetric,fraction_solved,fraction_broken\n\
                 0,0.1,2,10,0,8,0,2,0.5,0.8\n1,1,2,10,3,7,0,0,0.5,0.7\n2,0.1,4,10,0,8,0,2,0.5,0.8\n3,1,4,10,1,9,0,0,0.5,0.9\n";
    let place = tempdir().unwrap();
    fs::write(place.path().join("cells.csv"), cells).unwrap();
    let caption = |request: &Request| figures(place.path(), request).unwrap().remove(0).caption;
    let both = caption(&of(&[Kind::Fraction]));
    assert!(both.contains("4 runs diverged and count as neither."), "{both}");
    let only = vec![("net.hidden".to_string(), "4".to_string())];
    let one = caption(&Request { filters: only, y: Some("fraction_solved".into()), ..of(&[Kind::Fraction]) });
    assert!(one.contains("1 run diverged and counts only in the total."), "{one}");
    let map = caption(&of(&[Kind::Heatmap]));
    assert!(map.contains("4 runs diverged and count only in the total."), "{map}");
    let none = vec![("train.lr".to_string(), "0.1".to_string())];
    let none = caption(&Request { filters: none, ..of(&[Kind::Fraction]) });
    assert!(!none.contains("diverged"), "{none}");
}

#[test]
fn captions_say_where_runs_start() {
    let caption = |directory: &Path| figures(directory, &of(&[Kind::Fraction])).unwrap().remove(0).caption;
    let (_place, directory) = xor(&[]);
    assert!(caption(&directory).contains("hidden units 2, from zero, momentum"), "{}", caption(&directory));
    for (base, said) in [
        ("init.base=constant", "from a constant 0.5, perturbation scale 0.25, momentum"),
        ("init.base=copies", "from copies at a random point (up to ±0.5), perturbation scale 0.25, momentum"),
    ] {
        let small = ["xor-scale", "--seeds", "5", "--set", "train.steps=20", "--sweep", "train.lr=1,2"];
        let (_place, directory) = swept(&[&small[..], &["--set", base, "--set", "init.scale=0.25"]].concat());
        assert!(caption(&directory).contains(said), "{}", caption(&directory));
    }
}

/// Titles and captions are of the panels that are drawn, and of levels that are on their axes.
#[test]
fn without_hidden_units_nothing_is_said_of_them() {
    let small = ["xor-scale", "--seeds", "20", "--set", "train.steps=300", "--set", "net.activation=tanh"];
    let no_hidden = ["--set", "net.hidden=none", "--sweep", "init.scale=0,log:0.1:10:3", "--trace", "1"];
    let (_place, directory) = swept(&[&small[..], &no_hidden].concat());
    let drawn = figures(&directory, &of(&[Kind::Traces, Kind::Losses])).unwrap();
    drawn.iter().for_each(check);
    assert!(drawn[0].title.contains(": loss of single runs"), "{}", drawn[0].title);
    for figure in &drawn {
        assert!(figure.caption.contains("Task xor, no hidden layer, from zero, "), "{}", figure.caption);
        for word in ["pread", "copies", "alike", "hidden units", "tanh", "1/8"] {
            let texts = [&figure.caption, &figure.alt, &figure.svg];
            assert!(texts.iter().all(|text| !text.contains(word)), "{}: {word}", figure.name);
        }
    }
    let (_place, directory) = xor(&[]);
    let only = vec![("init.scale".to_string(), "0".to_string())];
    let losses = figures(&directory, &Request { filters: only, ..of(&[Kind::Losses]) }).unwrap().remove(0);
    assert!(losses.alt.contains("1/4: ") && !losses.alt.contains("1/8: "), "{}", losses.alt);
}

/// Lines and bands do not run over cells of the grid that are not there.
#[test]
fn missing_cells_are_gaps() {
    let (_place, directory) = xor(&[]);
    let path = directory.join("cells.csv");
    let whole = fs::read_to_string(&path).unwrap();
    let drawn = |without: &dyn Fn(&str) -> bool| {
        let left: Vec<&str> = whole.lines().filter(|line| !without(line)).collect();
        fs::write(&path, left.join("\n") + "\n").unwrap();
        let request = Request { y: Some("fraction_solved".into()), ..of(&[Kind::Fraction]) };
        let figure = figures(&directory, &request).unwrap().remove(0);
        // Markers of two lines are circles and rectangles.
        (figure.svg.matches("<polygon").count(), figure.caption)
    };
    let (bands, caption) = drawn(&|_| false);
    assert!(bands == 2 && !caption.contains("missing"), "{bands} {caption}");
    let is = |line: &str, word: &str| line.split(',').skip(1).collect::<Vec<_>>().starts_with(&[word, "1.0"]);
    let (bands, caption) = drawn(&|line| is(line, "tanh"));
    assert!(bands == 3 && caption.contains("Of the whole sweep 1 cell is missing."), "{bands} {caption}");
    let both = |line: &str| is(line, "tanh") || is(line, "logistic");
    let (bands, caption) = drawn(&both);
    assert!(bands == 4 && caption.contains("Of the whole sweep 2 cells are missing."), "{bands} {caption}");
    // Without the manifest nobody knows of the values that no cell has.
    fs::remove_file(directory.join("manifest.json")).unwrap();
    assert_eq!(drawn(&both).0, 2);
}

/// A name for each of many words, and no line that joins them.
#[test]
fn words_are_all_named_and_not_joined() {
    let words =
        ["logistic", "tanh", "relu", "leaky-relu", "softplus", "swish", "identity", "sin", "arctan", "erf"];
    let mut cells = String::from("cell,net.activation,train.optimizer,runs,fraction_solved\n");
    for (cell, word) in words.iter().enumerate() {
        for (number, optimizer) in ["sgd", "adam"].iter().enumerate() {
            cells += &format!("{},{word},{optimizer},10,0.{cell}{number}\n", 2 * cell + number);
        }
    }
    let place = tempdir().unwrap();
    fs::write(place.path().join("cells.csv"), cells).unwrap();
    let request = |kind| Request {
        x: Some("net.activation".into()),
        y: (kind == Kind::Fraction).then(|| "fraction_solved".into()),
        color: Some(if kind == Kind::Fraction { "train.optimizer" } else { "fraction_solved" }.into()),
        ..of(&[kind])
    };
    for kind in [Kind::Fraction, Kind::Heatmap] {
        let figure = figures(place.path(), &request(kind)).unwrap().remove(0);
        check(&figure);
        for word in words {
            assert!(figure.svg.contains(&format!("\n{word}\n")), "{kind}: {word}");
        }
        // Lines of data are the widest.
        assert!(!figure.svg.contains("stroke-width=\"18\""), "{kind}");
        let mut places: Vec<i64> = figure.marks.iter().map(|mark| (10.0 * mark.x) as i64).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), if kind == Kind::Fraction { 20 } else { 10 });
    }
}

/// Columns of traces are none of cells.csv, and are drawn where traces are asked for, or no kind is.
#[test]
fn every_column_of_traces_is_drawn() {
    let (_place, directory) = xor(&["--trace", "1"]);
    for column in ["loss", "spread", "gap", "distinct_units", "gradient_norm"] {
        let request = |kinds: &[Kind]| Request { y: Some(column.into()), ..of(kinds) };
        let figure = figures(&directory, &request(&[Kind::Traces])).unwrap().remove(0);
        assert!(figure.title.contains(&format!(": {column} of single runs")), "{}", figure.title);
        check(&figure);
        assert_eq!(*named(&figures(&directory, &request(&[])).unwrap(), "traces"), figure);
        let refused = figures(&directory, &request(&[Kind::Fraction])).unwrap_err().to_string();
        assert!(refused.contains(&format!("--y {column}: neither a key nor a column")), "{refused}");
    }
}

/// Of four keys two are along the axes and one makes panels: the numbers of a map are of the cells that are left.
#[test]
fn maps_count_what_they_draw() {
    let mut cells = String::from("cell,a.x,a.y,a.p,a.q,runs,solved,solve_step_median\n");
    for cell in 0..36 {
        let (q, p) = (cell % 2, cell / 2 % 2);
        let step = if q == 0 { 10 + cell } else { 1_000_000 };
        cells += &format!("{cell},{},{},{p},{q},1,1,{step}\n", cell / 12, cell / 4 % 3);
    }
    let place = tempdir().unwrap();
    fs::write(place.path().join("cells.csv"), cells).unwrap();
    let figure = figures(place.path(), &of(&[Kind::Convergence])).unwrap().remove(0);
    check(&figure);
    assert!(
        figure.caption.starts_with("18 runs in 18 cells (1 each). 18 runs solved."),
        "{}",
        figure.caption
    );
    assert!(figure.alt.ends_with("18 of 18 runs are solved."), "{}", figure.alt);
    let color = Some("solve_step_median".into());
    let heat = figures(place.path(), &Request { color, ..of(&[Kind::Heatmap]) }).unwrap().remove(0);
    assert!(heat.alt.ends_with("From 10 to 44."), "{}", heat.alt);
}

/// Many lines have their censored points in rows, one under the other.
#[test]
fn censored_points_of_many_lines_are_told_apart() {
    let mut cells = String::from("cell,init.scale,train.lr,runs\n");
    let mut runs = String::from(
        "run,cell,seed,outcome,symmetry_initial,symmetry,solve_step,break_step,diverge_step,loss_final,gradient_norm_final,\
         steps\n",
    );
    for cell in 0..25 {
        let (scale, rate) = (cell / 5, cell % 5);
        cells += &format!("{cell},1e{scale},{rate},10\n");
        let (outcome, step) = if scale > rate { ("solved", "9") } else { ("stuck", "") };
        for seed in 0..10 {
            runs += &format!("{},{cell},{seed},{outcome},none,none,{step},,,0,0,50\n", 10 * cell + seed);
        }
    }
    let place = tempdir().unwrap();
    fs::write(place.path().join("cells.csv"), cells).unwrap();
    fs::write(place.path().join("runs.csv"), runs).unwrap();
    let figure = figures(place.path(), &of(&[Kind::Times])).unwrap().remove(0);
    check(&figure);
    assert!(
        figure.caption.contains("Grey strip, a row for each line: fewer than half"),
        "{}",
        figure.caption
    );
    let censored = figure.marks.iter().filter(|mark| mark.text.contains("over 50"));
    let mut places: Vec<(i64, i64)> = censored.map(|mark| (mark.x as i64, mark.y as i64)).collect();
    let reached = figure.marks.iter().filter(|mark| !mark.text.contains("over 50")).map(|mark| mark.y as i64);
    assert!(reached.min().unwrap() > places.iter().map(|place| place.1).max().unwrap());
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 15);
}

/// A mark names the values of all keys that its place stands for.
#[test]
fn marks_name_every_key() {
    let (_place, directory) = xor(&["--sweep", "train.lr=2,4", "--trace", "1"]);
    let kinds = [Kind::Fraction, Kind::Curves, Kind::Times, Kind::Traces, Kind::Heatmap, Kind::Losses];
    for figure in figures(&directory, &of(&kinds)).unwrap() {
        for key in ["perturbation scale = ", "learning rate = ", "activation = "] {
            // What is the same, or put together, in all of a picture stands in its caption.
            let in_caption = match figure.name.as_str() {
                "losses" => !key.starts_with("activation"),
                "curves" | "traces" => key.starts_with("activation"),
                _ => false,
            };
            if !in_caption {
                let named = |mark: &symbreak::plot::Mark| mark.text.contains(key);
                assert!(figure.marks.iter().all(named), "{}: {key}: {:?}", figure.name, figure.marks.first());
            }
        }
    }
}

#[test]
fn values_that_are_nearly_equal_are_told_apart() {
    let mut cells = String::from("cell,init.scale,net.activation,runs,fraction_solved\n");
    for (cell, scale) in ["1", "1.0000001", "1.0000002"].iter().enumerate() {
        for (number, word) in ["tanh", "relu", "sin"].iter().enumerate() {
            cells += &format!("{},{scale},{word},10,0.5\n", 3 * cell + number);
        }
    }
    let place = tempdir().unwrap();
    fs::write(place.path().join("cells.csv"), cells).unwrap();
    let request = Request {
        x: Some("net.activation".into()),
        y: Some("fraction_solved".into()),
        filters: ["tanh", "sin"].map(|word| ("net.activation".to_string(), word.to_string())).to_vec(),
        ..of(&[Kind::Fraction])
    };
    let figure = figures(place.path(), &request).unwrap().remove(0);
    for label in ["1", "1.0000001", "1.0000002"] {
        assert!(figure.svg.contains(&format!("\n{label}\n")), "{label}");
    }
    assert!(figure.caption.contains("Only net.activation = tanh or sin."), "{}", figure.caption);
}

#[test]
fn a_single_cell_stands_over_its_perturbation_scale() {
    let place = tempdir().unwrap();
    let cells = "cell,net.activation,init.scale,runs,fraction_solved\n0,tanh,0.1,10,0.5\n";
    fs::write(place.path().join("cells.csv"), cells).unwrap();
    let request = Request { y: Some("fraction_solved".into()), ..of(&[Kind::Fraction]) };
    let figure = figures(place.path(), &request).unwrap().remove(0);
    assert!(figure.svg.contains("Perturbation scale (init.scale)"));
    let request = Request { color: Some("fraction_solved".into()), ..of(&[Kind::Heatmap]) };
    let refused = figures(place.path(), &request).unwrap_err().to_string();
    let said =
        "two keys of two or more values each; there is net.activation of 1 value, init.scale of 1 value";
    assert!(refused.contains(said), "{refused}");
}

/// Unit i stands as far to the right as up, and the same units are named on both axes.
#[test]
fn similarity_has_the_same_units_on_both_axes() {
    let wide = ["xor-scale", "--seeds", "2", "--set", "train.steps=9", "--set", "net.activation=tanh"];
    let wide =
        [&wide[..], &["--set", "net.hidden=64", "--sweep", "init.scale=0,1", "--save-params"]].concat();
    let (_place, directory) = swept(&wide);
    let figure = figures(&directory, &of(&[Kind::Similarity])).unwrap().remove(0);
    let labels = |anchor: &str| -> Vec<u32> {
        let texts =
            figure.svg.split("<text ").filter(|text| text.contains(anchor) && text.contains("\"125\""));
        texts.filter_map(|text| text.lines().nth(1)?.parse().ok()).collect()
    };
    // Two panels side by side, each with its ticks.
    let (across, up) = (labels("text-anchor=\"middle\""), labels("text-anchor=\"end\""));
    assert!(across.len() >= 4 && across == up, "{across:?} {up:?}");
    assert!(across.iter().all(|unit| unit % 10 == 0), "{across:?}");
}

const ROWS: [&str; 4] = [
    "0.0,10,0,0,10,0.0,0.0,0.28",
    "0.1,10,5,0,5,0.5,0.24,0.76",
    "1.0,10,10,0,0,0.9,0.6,0.98",
    "10.0,10,10,0,0,,,",
];

/// The whole SVG of a sweep that never changes.
#[test]
fn a_picture_looks_as_it_did() {
    let place = tempdir().unwrap();
    let mut cells = String::from(
        "cell,init.scale,runs,broken,partial,symmetric,fraction_solved,fraction_solved_low,fraction_solved_high\n",
    );
    for (cell, row) in ROWS.iter().enumerate() {
        cells += &format!("{cell},{row}\n");
    }
    fs::create_dir(place.path().join("small")).unwrap();
    fs::write(place.path().join("small/cells.csv"), cells).unwrap();
    let request = Request { y: Some("fraction_solved".into()), ..of(&[Kind::Fraction]) };
    let figure = figures(&place.path().join("small"), &request).unwrap().remove(0);
    insta::assert_snapshot!("fraction.svg", figure.svg);
}
