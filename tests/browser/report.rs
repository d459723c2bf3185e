//! The page on a sweep: what it shows is what the files say.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::{ask, assert_fit_for_everybody, directory, symbreak};

/// Some columns of a file, row by row.
fn columns<const N: usize>(file: &Path, names: [&str; N]) -> Vec<[String; N]> {
    let mut reader = csv::Reader::from_path(file).unwrap();
    let head = reader.headers().unwrap().clone();
    let places = names.map(|name| head.iter().position(|column| column == name).unwrap());
    reader.records().map(|row| row.unwrap()).map(|row| places.map(|at| row[at].to_string())).collect()
}

/// A sweep whose name and values are markup, as `cells.csv` and `runs.csv` alone tell it.
fn hostile(directory: &Path) {
    let evil = "<script>struck=1</script><img src=x onerror=struck=2>\"'</title>";
    let quoted = format!("\"{}\"", evil.replace('"', "\"\""));
    std::fs::create_dir_all(directory).unwrap();
    let cells = format!(
        "cell,{quoted},init.scale,runs,solved,stuck,diverged,broken,partial,symmetric,started_symmetric,escaped,\
         fraction_solved,fraction_solved_low,fraction_solved_high,fraction_broken,fraction_broken_low,fraction_broken_high,\
         fraction_asymmetric,fraction_asymmetric_low,fraction_asymmetric_high,fraction_escaped,fraction_escaped_low,\
         fraction_escaped_high,solve_step_median,solve_step_mean,break_step_median,loss_final_median,distinct_units_mean,\
         stuck_copies,stuck_plateau,stuck_moving,loss_test_median,accuracy_mean,accuracy_test_mean\n"
    );
    let row = |cell: u32, word: &str, scale: &str, broken: u32| {
        let share = f64::from(broken) / 8.0;
        format!(
            "{cell},{word},{scale},8,{broken},{},0,{broken},0,{},8,{broken},{share},0,1,{share},0,1,{share},0,1,{share},0,1,,,,\
             0.1,2,0,0,0,,,\n",
            8 - broken,
            8 - broken
        )
    };
    let text: String = [
        cells,
        row(0, &quoted, "0.1", 0),
        row(1, &quoted, "1", 7),
        row(2, "</td>&amp;", "0.1", 3),
        row(3, "</td>&amp;", "1", 8),
    ]
    .concat();
    std::fs::write(directory.join("cells.csv"), text).unwrap();
    let mut runs =
        "run,cell,seed,outcome,symmetry_initial,symmetry,solve_step,break_step,diverge_step,loss_final,\
                    gradient_norm_final,steps\n"
            .to_string();
    for cell in 0..4 {
        runs += &format!("{cell},{cell},0,solved,symmetric,broken,12,8,,0.5,1e-3,100\n");
    }
    std::fs::write(directory.join("runs.csv"), runs).unwrap();
}

#[test]
fn the_page_on_a_sweep_answers_pointer_and_keyboard() {
    let place = directory("report");
    let sweep = place.join("sweep");
    let small = ["--seeds", "24", "--set", "train.steps=600", "--sweep", "init.scale=0,log:0.1:10:5"];
    let fixed = ["--backend", "cpu", "--quiet", "--out", sweep.to_str().unwrap()];
    symbreak(&[&["run", "xor-scale"][..], &small, &fixed].concat());
    let page = symbreak(&["report", sweep.to_str().unwrap()]);
    let evil = place.join("evil");
    hostile(&evil);
    let title = "<script>struck=3</script>";
    let evil = symbreak(&["report", evil.to_str().unwrap(), "--title", title]);
    let question = json!({ "page": page.trim_end(), "hostile": evil.trim_end(), "directory": place });
    let Some(found) = ask("report.mjs", question) else { return };

    assert_eq!(found["complaints"], json!([]));
    assert_fit_for_everybody(&found["looks"], 8);

    let hover = &found["hover"];
    assert!(hover["shown"].as_str().is_some_and(|text| text.contains("24")), "{hover}");
    // At scale 0 both activations have the same share: their marks lie on each other, and both are told.
    assert_eq!(
        hover["shown"].as_str().unwrap().split("\n\n").collect::<Vec<_>>(),
        hover["expected"].as_array().unwrap()[..]
    );
    assert_eq!(hover["expected"].as_array().unwrap().len(), 2);
    assert_eq!(found["away"], Json::Null);
    assert!(found["led"]["cells"].as_array().unwrap().contains(&found["led"]["runs"][0]["after"]));

    let keys = &found["keys"];
    assert!(
        ["one", "two", "home", "end"]
            .iter()
            .all(|key| keys["texts"].as_array().unwrap().contains(&keys[key]))
    );
    assert_eq!((&keys["one"], &keys["gone"]), (&keys["home"], &Json::Null));
    assert!(keys["one"] != keys["two"] && keys["home"] != keys["end"], "{keys}");
    assert!(keys["cells"].as_array().unwrap().contains(&keys["focused"]), "{keys}");
    assert_eq!(keys["runs"][0]["after"], keys["focused"]);

    // Sorted by what cells.csv says; of equals the lower cell comes first.
    let cells = columns(&sweep.join("cells.csv"), ["cell", "fraction_solved"]);
    let mut by_share: Vec<(f64, u64)> =
        cells.iter().map(|[cell, share]| (share.parse().unwrap(), cell.parse().unwrap())).collect();
    let listed = |pairs: &[(f64, u64)]| Json::from(pairs.iter().map(|(_, cell)| *cell).collect::<Vec<u64>>());
    by_share.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let order = &found["order"];
    assert_eq!(order["up"]["cells"], listed(&by_share));
    by_share.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    assert_eq!(order["down"]["cells"], listed(&by_share));
    assert_ne!(order["up"]["cells"], order["down"]["cells"]);
    assert_eq!(order["word"]["cells"], order["before"]["cells"], "activations are the slowest key");
    assert_eq!(order["open"], json!([]));
    let heads: Vec<&str> = found["heads"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
    let solved = heads.iter().position(|head| *head == "solve the task").unwrap();
    for (which, way) in [("up", "ascending"), ("down", "descending")] {
        let sorts = order[which]["sorts"].as_array().unwrap();
        assert!(sorts.iter().enumerate().all(|(at, sort)| *sort == if at == solved { way } else { "none" }));
    }

    // The runs of a cell are those of runs.csv.
    let shown = &found["clicked"][0];
    assert_eq!((&shown["after"], &shown["expanded"]), (&json!(3), &json!("true")));
    assert_eq!(&found["pressed"], &found["clicked"]);
    assert_eq!(found["closed"], json!([]));
    let runs: Vec<[String; 5]> =
        columns(&sweep.join("runs.csv"), ["cell", "seed", "outcome", "symmetry", "break_step"])
            .into_iter()
            .filter(|[cell, ..]| cell == "3")
            .collect();
    let rows = shown["rows"].as_array().unwrap();
    assert_eq!((rows.len(), runs.len()), (24, 24));
    for (row, [_, seed, outcome, symmetry, step]) in rows.iter().zip(runs) {
        let step = if step.is_empty() { "–".into() } else { step };
        assert_eq!(json!(row.as_array().unwrap()[..4]), json!([seed, outcome, symmetry, step]));
    }

    let hostile = &found["hostile"];
    assert_eq!((&hostile["struck"], &hostile["title"]), (&Json::Null, &json!(title)));
    assert_eq!(hostile["runs"], 1);
}
