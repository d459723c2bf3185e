//! Files of samples that hold none, or what is no number, or more than fits anywhere.

use std::fs::{self, File};
use std::path::Path;

use tempfile::{TempDir, tempdir};

use crate::child::{Ended, listing, symbreak, watch, words};

/// Trains on `content` as the CSV or npy file d.EXT.
fn trained(place: &Path, kind: &str, content: impl AsRef<[u8]>, more: &str) -> Ended {
    fs::write(place.join(format!("d.{kind}")), content).unwrap();
    spec(place, kind, &format!("d.{kind}"), more);
    // The most memory is that of the largest file, and of the fields of one.
    watch(&mut symbreak(place, &["run", "s.toml", "--backend", "mock", "--out", "out"]), 2 << 30)
}

fn spec(place: &Path, kind: &str, path: &str, more: &str) {
    let text = format!(
        "[task]\ndataset = \"{kind}\"\npath = {path:?}\n{more}\n[train]\nsteps = 3\n[runs]\nseeds = 2\n"
    );
    fs::write(place.join("s.toml"), text).unwrap();
}

fn place() -> TempDir {
    tempdir().unwrap()
}

#[test]
fn csv_files_are_refused_with_line_and_column() {
    let place = place();
    // What is wrong with numbers and with files as a whole is in the tests of the module; these are of the program.
    for (content, message) in [
        (&b""[..], "d.csv: it is empty; expected a row of column names, then rows of samples"),
        (b"a,y\r\n", "d.csv: no samples after the header, line 1"),
        (
            b"a,y\n1,2\nNaN,2\n",
            "d.csv, line 3, column 1 (\"a\"): expected a finite number up to 3.4e38, found \"NaN\"",
        ),
        (b"a,y\n1,2\n1,-inf\n", "d.csv, line 3, column 2 (\"y\"): expected a finite number up to 3.4e38"),
        (b"a,y\n1,1e400\n", "expected a finite number up to 3.4e38, found \"1e400\""),
        (b"a,y\n1,2\n\0,2\n", "d.csv, line 3, column 1 (\"a\"): expected a number, found \"\\u{0}\""),
        (b"\xff\xfea\0,\0y\0", "d.csv, line 1: not UTF-8"),
        (b"a,y\n1,\"2\n3,4\n", "d.csv, column 2 (\"y\"): expected two classes or more, found only \"2\\n3,4"),
    ] {
        trained(place.path(), "csv", content, "").refused(2, &["task.path (line 3 of s.toml): ", message]);
    }
    let header = format!("a,y\n{},1\n", "x".repeat(1 << 20));
    trained(place.path(), "csv", header, "")
        .refused(2, &["d.csv, line 2, column 1 (\"a\"): expected a number, found \"xxx"]);
    trained(place.path(), "csv", "a\n1\n", "").refused(2, &["task.target_columns: d.csv has 1 column"]);
    trained(place.path(), "csv", "a,y\n1,2\n", "test = 0.5")
        .refused(2, &["task.test (line 4 of s.toml): the task has one sample"]);
    trained(place.path(), "csv", "a,y\n1,2\n", "test = \"../none.csv\"")
        .refused(2, &["task.test (line 4 of s.toml): cannot read ../none.csv: "]);
    assert!(!place.path().join("out").exists());
    // Held out is all but one: that is a task.
    trained(place.path(), "csv", "a,y\n1,2\n3,4\n", "test = 0.9999").done();
}

#[test]
fn files_without_an_end_or_a_bound_are_refused() {
    let place = place();
    let limited = |kind: &str, path: &str| {
        spec(place.path(), kind, path, "");
        watch(&mut symbreak(place.path(), &["run", "s.toml", "--backend", "mock"]), 1200 << 20)
    };
    File::create(place.path().join("large")).unwrap().set_len(1 << 40).unwrap();
    for kind in ["csv", "npy"] {
        limited(kind, "large").refused(2, &["task.path (line 3 of s.toml): cannot read large: it is larger than 512 MiB, the most that is read"]);
        if cfg!(unix) {
            limited(kind, "/dev/zero").refused(2, &["cannot read /dev/zero: it is larger than 512 MiB"]);
        }
        limited(kind, ".").refused(2, &["cannot read .: "]);
        limited(kind, "d\0.csv").refused(2, &["d"]);
    }
    let point = "run xor-scale --backend mock --set init.values=large";
    words(place.path(), point)
        .refused(2, &["init.values (--set): cannot read large: it is larger than 512 MiB"]);
}

#[test]
fn tables_of_many_columns_rows_and_classes() {
    let place = place();
    let row =
        |count: usize, field: &dyn Fn(usize) -> String| (0..count).map(field).collect::<Vec<_>>().join(",");
    // More columns than parameters that a net may have; to look each of them up among the others would take for ever.
    let wide = format!("{}\n{}\n", row(1_000_000, &|n| format!("c{n}")), row(1_000_000, &|_| "1".into()));
    trained(place.path(), "csv", wide, "").refused(2, &["net.hidden: the network has ", "more than 1000000"]);
    let targets = format!("{}\n{}\n", row(200_000, &|n| format!("c{n}")), row(200_000, &|_| "1".into()));
    trained(place.path(), "csv", targets, "target_columns = 199999\n[net]\nhidden = [1]\n").done();
    fs::remove_dir_all(place.path().join("out")).unwrap();
    let names = format!("{}\n1,1\n", "x".repeat(1 << 20) + "," + &"y".repeat(1 << 20));
    trained(place.path(), "csv", names, "target_columns = \"z\"")
        .refused(2, &["task.target_columns (line 4 of s.toml): d.csv has no column \"z\""]);
    let long = format!("a,y\n{}", "1,2\n".repeat((1 << 20) + 1));
    trained(place.path(), "csv", long, "")
        .refused(2, &["d.csv, line 1048578: more than 1048576 samples, the most that are read"]);
    let commas = ",".repeat(1 << 27);
    trained(place.path(), "csv", commas, "")
        .refused(2, &["d.csv: more than 67108864 fields, the most that are read"]);
    let classes: String = (0..20_000).map(|n| format!("{n},k{n}\n")).collect();
    trained(place.path(), "csv", format!("a,y\n{classes}"), "").refused(
        2,
        &["d.csv: 20000 samples with 20000 targets each are more than 67108864 numbers; each class"],
    );
    assert_eq!(listing(place.path()).len(), 2, "nothing is written");
}

/// An npy file of version 1.
fn npy(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    while !(header.len() + 11).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), data].concat()
}

#[test]
fn arrays_that_promise_more_than_they_hold_are_refused() {
    let place = place();
    for (shape, data, message) in [
        ("(1099511627776, 2)", 32, "the file is shorter than its shape [1099511627776, 2] says"),
        ("(4294967296, 4294967296)", 32, "the file is shorter than its shape [4294967296, 4294967296] says"),
        ("(9223372036854775807, 2)", 32, "the file is shorter than its shape"),
        ("(4, 2)", 8, "d.npy: "),
        ("(99999999999999999999999, 2)", 8, "not an npy file: dimension cannot be larger than u64"),
        ("(-1, 2)", 8, "not an npy file: dimension cannot be negative"),
        ("(1000000000000, 0)", 8, "expected an array (samples, columns), found the shape [1000000000000, 0]"),
        ("(1,)*1000", 8, "not an npy file: "),
        (&"(".repeat(30_000), 8, "not an npy file: "),
    ] {
        let ended = trained(place.path(), "npy", npy("<f4", shape, &vec![0; data]), "");
        ended.refused(2, &["task.path (line 3 of s.toml): d.npy: ", message]);
        assert_eq!(ended.said.lines().count(), 1, "{}", ended.said);
    }
    let header = [&b"\x93NUMPY\x02\x00\xff\xff\xff\xff"[..], &[b' '; 100]].concat();
    trained(place.path(), "npy", header, "").refused(2, &["not an npy file: "]);
    trained(place.path(), "npy", npy("|V1000000000000", "(2, 2)", &[0; 16]), "")
        .refused(2, &["expected numbers in float32 or float64"]);
    let nan: Vec<u8> = [1.0f32, f32::NAN].iter().flat_map(|x| x.to_le_bytes()).collect();
    trained(place.path(), "npy", npy("<f4", "(1, 2)", &nan), "").refused(2, &["number 1 is NaN in f32"]);
    // The control: as many numbers as the header says.
    trained(place.path(), "npy", npy("<f4", "(4, 2)", &[0; 32]), "").done();
}
