//! Specs that are too large, never end, nest without end, repeat themselves or are no text of ours.

use std::fs::{self, File};

use tempfile::tempdir;

use crate::child::{BOUND, SPEC, listing, run, spec, symbreak, watch, words};

/// One million numbers that differ, with commas between.
fn a_million() -> String {
    let numbers: Vec<String> = (1..=1_000_000).map(|n| format!("0.{n:07}")).collect();
    numbers.join(",")
}

#[test]
fn a_gigabyte_is_refused_before_it_is_read() {
    let place = tempdir().unwrap();
    File::create(place.path().join("s.toml")).unwrap().set_len(1 << 30).unwrap();
    // Of which the least that parsing takes is as much again.
    let ended = watch(&mut symbreak(place.path(), &["run", "s.toml", "--backend", "mock"]), 64 << 20);
    ended.refused(2, &["cannot read s.toml: it is larger than 32 MiB, the most that is read"]);
}

#[test]
fn the_largest_that_is_read_takes_bounded_memory() {
    let place = tempdir().unwrap();
    // What takes the parser most for its length.
    for text in ["\n", "[]\n", "a.", "[[a]]\n"] {
        fs::write(place.path().join("s.toml"), text.repeat((32 << 20) / text.len())).unwrap();
        let command = &mut symbreak(place.path(), &["run", "s.toml", "--backend", "mock"]);
        watch(command, 3 << 30).refused(2, &[]);
    }
}

#[cfg(unix)]
#[test]
fn a_device_without_an_end_is_refused() {
    let place = tempdir().unwrap();
    let ended = watch(&mut symbreak(place.path(), &["run", "/dev/zero", "--backend", "mock"]), 128 << 20);
    ended.refused(2, &["cannot read /dev/zero: it is larger than 32 MiB"]);
    words(place.path(), "run . --backend mock").refused(2, &["cannot read .: "]);
    words(place.path(), "run /dev/null --backend mock").refused(2, &["task.dataset: missing"]);
}

/// Somebody may write a spec on the fly; whoever does not is waited for, as programs wait that read pipes.
#[cfg(unix)]
#[test]
fn a_pipe_is_read_as_a_file_is() {
    let place = tempdir().unwrap();
    let pipe = place.path().join("s.toml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn(move || fs::write(pipe, SPEC).unwrap());
    words(place.path(), "run s.toml --backend mock --out out").done();
    writer.join().unwrap();
}

#[test]
fn nesting_without_end_is_refused() {
    let place = tempdir().unwrap();
    let deep = 100_000;
    for text in [
        format!("x = {}{}", "[".repeat(deep), "]".repeat(deep)),
        format!("x = {}", "{a=".repeat(deep)),
        format!("[{}a]\nx = 1", "a.".repeat(deep)),
        format!("a{} = 1", ".a".repeat(deep)),
    ] {
        spec(place.path(), text).refused(2, &["line 1 of s.toml: not valid TOML: "]);
    }
    let many: String = (0..100_000).map(|n| format!("[t{n}]\na = 1\n")).collect();
    spec(place.path(), many).refused(2, &["[t0] (line 1 of s.toml): unknown table"]);
    assert_eq!(listing(place.path()).len(), 1, "nothing is written");
}

#[test]
fn keys_given_twice_are_named_with_their_lines() {
    let place = tempdir().unwrap();
    for (text, message) in [
        (format!("{SPEC}seeds = 3\n"), "line 8 of s.toml: not valid TOML: duplicate key"),
        (format!("{SPEC}[train]\nlr = 1\n"), "line 8 of s.toml: not valid TOML: duplicate key"),
        (
            format!("{SPEC}[sweep]\n\"train.lr\" = 1\ntrain.lr = 2\n"),
            "train.lr (line 10 of s.toml): swept twice; first on line 9 of s.toml",
        ),
        (
            format!("{SPEC}[sweep]\n\"train.lr\" = [0.1, 0.2, 1e-1]\n"),
            "train.lr (line 9 of s.toml): the range has 0.1 twice",
        ),
    ] {
        spec(place.path(), text).refused(2, &[message]);
    }
}

#[test]
fn a_thousand_swept_keys_are_cells_like_others() {
    let place = tempdir().unwrap();
    let values = vec!["0.5"; 1601].join(", ");
    let head = format!("{SPEC}[net]\nhidden = [400]\n[init]\nvalues = [{values}]\n[sweep]\n");
    let swept = |range: &str| -> String {
        (0..1000).map(|n| format!("\"init.value.{n}\" = \"{range}\"\n")).collect()
    };
    spec(place.path(), format!("{head}{}", swept("1"))).done();
    let cells = fs::read_to_string(place.path().join("out/cells.csv")).unwrap();
    assert!(cells.starts_with("cell,init.value.0,init.value.1,") && cells.lines().count() == 2);
    // 2^1000 of them are refused, in a message that names a few.
    spec(place.path(), format!("{head}{}", swept("1,2"))).refused(
        2,
        &["the sweep has more than 10000000 cells: 2 of init.value.0 × 2 of init.value.1 × ", "and 995 more"],
    );
    // As what is wrong with a cell does.
    let bad = format!("{head}{}", swept("1")).replace("hidden = [400]", "hidden = [401]");
    spec(place.path(), bad).refused(2, &["(in the cell init.value.0 = 1.0, ", "and 995 more)"]);
}

#[test]
fn a_range_of_a_million_values_is_planned() {
    let place = tempdir().unwrap();
    let text = |range: String| format!("{SPEC}[sweep]\n\"train.lr\" = {range}\n");
    for range in [format!("[{}]", a_million()), format!("\"{}\"", a_million())] {
        fs::write(place.path().join("s.toml"), text(range)).unwrap();
        let arguments = ["run", "s.toml", "--backend", "mock", "--dry-run"];
        let ended = watch(&mut symbreak(place.path(), &arguments), 2 * BOUND);
        assert!(ended.done().contains("1000000 cells x 2 seeds = 2000000 runs"), "{ended:?}");
    }
    let twice = format!("[{}, 5e-2]", a_million());
    fs::write(place.path().join("s.toml"), text(twice)).unwrap();
    let ended = watch(&mut symbreak(place.path(), &["run", "s.toml", "--backend", "mock"]), 2 * BOUND);
    ended.refused(2, &["train.lr (line 9 of s.toml): the range has 0.05 twice"]);
}

#[test]
fn marks_and_line_ends_of_other_systems_are_read() {
    let results = |text: &str| {
        let place = tempdir().unwrap();
        spec(place.path(), text).done();
        fs::read(place.path().join("out/runs.csv")).unwrap()
    };
    let plain = results(SPEC);
    assert_eq!(results(&SPEC.replace('\n', "\r\n")), plain);
    assert_eq!(results(&format!("\u{feff}{SPEC}")), plain);
}

#[test]
fn what_is_no_utf_8_is_said_to_be_none() {
    let place = tempdir().unwrap();
    let utf_16: Vec<u8> = format!("\u{feff}{SPEC}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    spec(place.path(), utf_16).refused(2, &["cannot read s.toml: it is not UTF-8 (at byte 0)"]);
    spec(place.path(), SPEC.replace('\n', "\r"))
        .refused(2, &["line 1 of s.toml: not valid TOML: carriage return"]);
    spec(place.path(), SPEC.replace("xor", "x\0r")).refused(2, &["line 3 of s.toml: not valid TOML"]);
}

/// Names of files need not be Unicode on Unix.
#[cfg(unix)]
#[test]
fn arguments_that_are_no_unicode_are_results_or_refused() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let place = tempdir().unwrap();
    let odd = |text: &[u8]| OsString::from_vec(text.to_vec());
    fs::write(place.path().join(odd(b"\xff.toml")), SPEC).unwrap();
    for arguments in [
        vec![odd(b"run"), odd(b"\xff.toml")],
        vec![odd(b"run"), odd(b"xor-scale"), odd(b"--set"), odd(b"name=\xff")],
        vec![odd(b"presets"), odd(b"show"), odd(b"\xff")],
    ] {
        run(place.path(), &arguments).refused(2, &["invalid UTF-8 was detected in one or more arguments"]);
    }
    fs::write(place.path().join("s.toml"), SPEC).unwrap();
    let out = |more: &[&[u8]]| {
        let words = [&b"run"[..], b"s.toml", b"--backend", b"mock", b"--out", b"o\xff"];
        run(place.path(), &words.iter().chain(more).map(|word| odd(word)).collect::<Vec<_>>())
    };
    out(&[]).done();
    assert!(place.path().join(odd(b"o\xff/manifest.json")).exists());
    out(&[]).done();
    run(place.path(), &[odd(b"report"), odd(b"o\xff")]).refused(2, &["invalid UTF-8"]);
    run(place.path(), &[odd(b"plot"), odd(b"o\xff")]);
}
