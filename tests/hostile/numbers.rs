//! Numbers that are none, have no end, or are beyond all bounds.

use serde_json::Value as Json;
use tempfile::tempdir;

use crate::child::{SPEC, listing, run, spec, words};

/// Every key of a spec, as the schema lists them: dotted names.
fn keys() -> Vec<String> {
    let place = tempdir().unwrap();
    let schema: Json = serde_json::from_str(words(place.path(), "schema").done()).unwrap();
    let mut keys = Vec::new();
    for (table, of_table) in schema["properties"].as_object().unwrap() {
        for key in of_table["properties"].as_object().into_iter().flatten().map(|(key, _)| key) {
            if table != "sweep" {
                keys.push(format!("{table}.{key}"));
            }
        }
    }
    assert!(keys.len() > 50, "{keys:?}");
    keys
}

/// Whether a key takes any text, so that "nan" is the name of a file.
fn takes_texts(key: &str) -> bool {
    ["task.path", "task.test", "init.values", "task.target_columns"].contains(&key)
}

#[test]
fn no_key_takes_nan_or_infinity() {
    let place = tempdir().unwrap();
    for key in keys() {
        let (table, leaf) = key.split_once('.').unwrap();
        // Only the numbers of init.values have keys of their own.
        let leaf = if key == "init.value" { "value.0" } else { leaf };
        let key = format!("{table}.{leaf}");
        let head = if table == "task" { "" } else { "[task]\ndataset = \"xor\"\n" };
        for number in ["nan", "inf", "-inf", "1e999"] {
            let text = format!("{head}[{table}]\n{leaf} = {number}\n");
            let line = text.lines().count();
            let found = if number == "1e999" { "inf" } else { number };
            let place_of = format!("{key} (line {line} of s.toml): ");
            spec(place.path(), &text)
                .refused(2, &[&place_of, &format!("found {}", found.replace("nan", "NaN"))]);
            if takes_texts(&key) {
                continue;
            }
            for flag in ["--set", "--sweep"] {
                let ended = run(
                    place.path(),
                    &["run", "xor-scale", "--backend", "mock", flag, &format!("{key}={number}")],
                );
                ended.refused(2, &[&format!("{key} ({flag}): ")]);
            }
        }
    }
    assert_eq!(listing(place.path()).len(), 1, "nothing is written");
}

#[test]
fn no_flag_takes_them() {
    let place = tempdir().unwrap();
    for flag in ["--seeds", "--seed", "--threads", "--verify", "--trace", "--shard"] {
        for number in ["nan", "inf", "-inf", "1e400", "", "99999999999999999999", "0x10", "١"] {
            let ended =
                run(place.path(), &["run", "xor-scale", "--backend", "mock", &format!("{flag}={number}")]);
            ended.refused(2, &[flag, "expected"]);
        }
        // A value, not another flag.
        run(place.path(), &["run", "xor-scale", "--backend", "mock", flag, "-1"])
            .refused(2, &[flag, "expected"]);
    }
    for flag in ["--from", "--to"] {
        run(place.path(), &["fit", "out", flag, "-1"]).refused(2, &[flag, "'-1'"]);
    }
    for range in ["lin:0:inf:3", "lin:nan:1:3", "log:1:1e999:3", "lin:0:1:nan", "lin:0:1:1e30", "log:-1:1:3"]
    {
        let ended = run(
            place.path(),
            &["run", "xor-scale", "--backend", "mock", "--sweep", &format!("train.lr={range}")],
        );
        ended.refused(2, &["train.lr (--sweep): ", range]);
    }
    assert!(listing(place.path()).is_empty(), "nothing is written");
}

#[test]
fn nets_beyond_all_bounds_are_refused_with_their_size() {
    let place = tempdir().unwrap();
    let hidden = |widths: &str| spec(place.path(), format!("{SPEC}[net]\nhidden = {widths}\n"));
    hidden("[1000000]").refused(
        2,
        &["net.hidden (line 9 of s.toml): the network has 4000001 parameters, more than 1000000"],
    );
    let hundred = vec!["1000000"; 100].join(", ");
    hidden(&format!("[{hundred}]"))
        .refused(2, &["the network has 99000103000001 parameters, more than 1000000"]);
    let thousand = vec!["1000000"; 1000].join(", ");
    hidden(&format!("[{thousand}]")).refused(2, &["the network has 999001003000001 parameters"]);
    let expected = "expected up to 1000 widths from 1 to 1000000";
    for beyond in [
        "[1000000000000]",
        "[18446744073709551616]",
        "[340282366920938463463374607431768211456]",
        "[0]",
        "[-1]",
    ] {
        hidden(beyond).refused(2, &["net.hidden (line 9 of s.toml): ", expected]);
    }
    hidden(&format!("[{}]", vec!["1"; 1_000_000].join(","))).refused(2, &[expected]);
    // Many layers of one unit are few parameters.
    hidden(&format!("[{}]", vec!["1"; 1000].join(","))).done();
}

#[test]
fn tasks_beyond_all_bounds_are_refused() {
    let place = tempdir().unwrap();
    for (lines, message) in [
        (
            "dataset = \"random\"\nsamples = 0",
            "task.samples (line 3 of s.toml): expected a whole number from 1 to 65536, found 0",
        ),
        ("dataset = \"random\"\nsamples = 1000000000000", "expected a whole number from 1 to 65536"),
        (
            "dataset = \"encoder\"\nfeatures = 1000000000",
            "task.features (line 3 of s.toml): expected a whole number from 1 to 1000",
        ),
        (
            "dataset = \"parity\"\nbits = 64",
            "task.bits (line 3 of s.toml): expected a whole number from 1 to 16",
        ),
        (
            "dataset = \"teacher\"\nteacher = [1000000, 1000000]",
            "task.teacher (line 3 of s.toml): the teacher has 1000017000000 weights, more than 1000000",
        ),
        (
            "dataset = \"random\"\nsamples = 1\ntest = 0.5",
            "task.test (line 4 of s.toml): the task has one sample, which cannot be split",
        ),
        (
            "dataset = \"random\"\ntest = 1.0",
            "task.test (line 3 of s.toml): expected a number from 0 to under 1",
        ),
        (
            "dataset = \"random\"\nsamples = 65536\nfeatures = 1000\n[sweep]\n\"task.seed\" = \"lin:1:1000:1000\"",
            "task.dataset (line 2 of s.toml): the 5 data sets up to here have more than 268435456 numbers",
        ),
    ] {
        fs_spec(place.path(), &format!("[task]\n{lines}\n")).refused(2, &[message]);
    }
}

/// With room for a few data sets.
fn fs_spec(place: &std::path::Path, text: &str) -> crate::child::Ended {
    std::fs::write(place.join("s.toml"), text).unwrap();
    let mut command = crate::child::symbreak(place, &["run", "s.toml", "--backend", "mock", "--out", "out"]);
    crate::child::watch(&mut command, 3 << 30)
}
