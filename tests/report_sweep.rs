//! The page on a sweep as a file: what it says of finished, unfinished and incomplete sweeps, what it leaves out, and that it
//! needs nothing and disturbs nothing. In a browser it is looked at by `tests/browser.rs`.

#[allow(dead_code, reason = "each test file uses its part")]
mod made_up;

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use made_up::{all_files, engine, mixed_plan, shard_into, sweep_into};
use symbreak::output::merge::{Allowed, merge};
use symbreak::report::sweep::page;
use symbreak::report::sweep::table::{MOST_CELLS, MOST_RUNS};
use symbreak::spec::Shard;
use tempfile::tempdir;

fn symbreak(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("symbreak").unwrap();
    command.args(arguments);
    command
}

/// Nothing in it makes a browser load anything.
fn assert_self_contained(page: &str) {
    for attribute in ["src=\"", "href=\"", "url(", "@import", "srcset="] {
        for (at, _) in page.match_indices(attribute) {
            let value = &page[at + attribute.len()..];
            assert!(
                value.starts_with('#') || value.starts_with("data:"),
                "{attribute}{}",
                &value[..40.min(value.len())]
            );
        }
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_finished_sweep_is_shown_with_what_was_run_and_stays_what_it_was() {
    let place = tempdir().unwrap();
    let directory = place.path().join("sweep");
    let out = directory.to_str().unwrap();
    let run = [
        "run",
        "xor-scale",
        "--seeds",
        "10",
        "--set",
        "train.steps=100",
        "--backend",
        "cpu",
        "--quiet",
        "--out",
        out,
    ];
    symbreak(&run).assert().success();
    let printed = symbreak(&["report", out]).assert().success().get_output().stdout.clone();
    let path = directory.join("report.html");
    assert_eq!(String::from_utf8(printed).unwrap().trim_end(), path.to_str().unwrap());
    let text = fs::read_to_string(&path).unwrap();
    assert_self_contained(&text);
    let manifest = fs::read_to_string(directory.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    for part in [
        manifest["plan_hash"].as_str().unwrap(),
        manifest["adapter"].as_str().unwrap(),
        "how much random noise must initial weights have",
        "symbreak run spec.toml --backend cpu",
        "No run was repeated on another engine",
        "learning rate",
    ] {
        assert!(text.contains(part), "{part}");
    }
    // The spec that it shows makes the same plan.
    let spec =
        text.split("aria-label=\"The whole spec\"><code>").nth(1).unwrap().split("</code>").next().unwrap();
    let spec =
        spec.replace("&quot;", "\"").replace("&#x27;", "'").replace("&amp;", "&").replace("&#x2f;", "/");
    let (plan, _) = symbreak::spec::parse(&spec, "spec.toml", &Default::default()).unwrap();
    assert_eq!(plan.hash(), manifest["plan_hash"].as_str().unwrap());
    // A sweep that is finished is still finished with a page beside it, and --force leaves the page alone, but
    // says that it is of other results.
    let told = |words: &[&str]| {
        let run = symbreak(words).assert().success();
        String::from_utf8_lossy(&run.get_output().stderr).into_owned()
    };
    assert_eq!(told(&run), "");
    let warning = told(&[&run[..], &["--force"]].concat());
    assert!(warning.contains("still of the earlier results") && warning.contains("report.html"), "{warning}");
    assert!(path.exists());
    let other = place.path().join("new/other.html");
    let arguments = ["report", out, "--out", other.to_str().unwrap(), "--title", "Mine & <yours>"];
    symbreak(&arguments).assert().success();
    assert!(fs::read_to_string(other).unwrap().contains("<h1>Mine &amp; &lt;yours&gt;</h1>"));
}

#[test]
fn what_is_missing_is_said_first() {
    let place = tempdir().unwrap();
    let plan = mixed_plan();
    let shards: Vec<_> = [1, 3]
        .map(|part| {
            let directory = place.path().join(part.to_string());
            let shard = Shard { index: part, of: 3 };
            shard_into(&directory, &plan, &mut engine(11), all_files(), shard).unwrap();
            directory
        })
        .to_vec();
    let shard = page(&shards[0], None).unwrap();
    assert!(shard.contains("This is shard 1&#x2f;3 of the sweep: 26 of 78 runs."), "shard");
    let merged = place.path().join("merged");
    merge(&shards, &merged, Allowed { missing: true, ..Allowed::default() }).unwrap();
    let text = page(&merged, None).unwrap();
    assert!(
        text.contains(
            "Parts of the sweep are missing: 52 of 78 runs are in. Not there are the runs 26 to 51."
        )
    );
    // Without a manifest there is less to say, but it is said.
    fs::remove_file(merged.join("manifest.json")).unwrap();
    let bare = page(&merged, None).unwrap();
    assert!(
        bare.contains("There is no manifest.json that can be read") && !bare.contains("What was run</h2>")
    );
    assert!(bare.contains("Of 52 runs in") && bare.contains("<table"));
    for page in [shard, text, bare] {
        assert_self_contained(&page);
    }
}

#[test]
fn a_sweep_that_was_put_down_is_shown_as_far_as_it_came() {
    let place = tempdir().unwrap();
    let plan = mixed_plan();
    let mut ends_early = engine(11);
    ends_early.interrupt_at = Some(2);
    assert!(sweep_into(place.path(), &plan, &mut ends_early, all_files(), false).is_err());
    let text = page(place.path(), None).unwrap();
    assert!(text.contains("The sweep is not finished: ") && text.contains("of 78 runs are in"));
}

/// A made-up `cells.csv` with `cells` cells of `runs` runs each, and the runs.
fn large(directory: &Path, cells: usize, runs: usize) {
    let mut text = String::from(
        "cell,init.scale,runs,broken,partial,symmetric,solved,diverged,stuck_plateau,stuck_moving,fraction_escaped,break_step_median,\
         solve_step_median,loss_final_median,loss_test_median,accuracy_mean,accuracy_test_mean,stuck,fraction_solved,\
         fraction_solved_low,fraction_solved_high,fraction_broken,fraction_broken_low,fraction_broken_high\n",
    );
    let mut rows = String::from(
        "run,cell,seed,outcome,symmetry_initial,symmetry,solve_step,break_step,diverge_step,loss_initial,loss_final,\
         gradient_norm_final,steps\n",
    );
    for cell in 0..cells {
        text += &format!(
            "{cell},{},{runs},{runs},0,0,0,0,0,0,1,10,,0.25,,,,{runs},0,0,1,1,0,1\n",
            cell as f64 / 7.0
        );
        for seed in 0..runs {
            rows += &format!(
                "{},{cell},{seed},stuck,symmetric,broken,,10,,1,0.25,1e-3,100\n",
                cell * runs + seed
            );
        }
    }
    fs::write(directory.join("cells.csv"), text).unwrap();
    fs::write(directory.join("runs.csv"), rows).unwrap();
}

#[test]
fn a_large_sweep_makes_no_large_page_and_says_what_it_leaves_out() {
    let place = tempdir().unwrap();
    large(place.path(), 100_000, 1);
    let text = page(place.path(), None).unwrap();
    assert!(text.len() < 8 << 20, "{}", text.len());
    assert_eq!(text.matches("<tr data-cell=").count(), MOST_CELLS);
    assert!(text.contains("Here are the first 2,000 of 100,000 cells; cells.csv has them all."));
    assert!(text.contains("runs.csv has the other 98,000 runs."));
    // Few cells of many runs.
    large(place.path(), 10, 5_000);
    let text = page(place.path(), None).unwrap();
    let note = format!("the page carries {} runs at most; runs.csv has the other 30,000 runs.", "2,000");
    assert!(text.contains(&note) && text.len() < 4 << 20, "{}", text.len());
    assert_eq!(MOST_RUNS, 20_000);
}

#[test]
fn what_is_no_sweep_is_refused() {
    let place = tempdir().unwrap();
    let refused = symbreak(&["report", place.path().to_str().unwrap()]).assert().code(2);
    let error = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(error.contains("cells.csv"), "{error}");
    symbreak(&["report"]).assert().code(2);
    symbreak(&["report", "--live", "--title", "x"]).assert().code(2);
    fs::write(place.path().join("cells.csv"), "cell,runs,broken\n0,1,many\n").unwrap();
    symbreak(&["report", place.path().to_str().unwrap()]).assert().code(1);
}
