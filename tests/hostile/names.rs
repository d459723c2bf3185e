//! Names that are paths, or lead elsewhere.

use tempfile::tempdir;

use crate::child::{SPEC, listing, run, spec, words};

#[test]
fn a_sweep_is_called_by_no_path() {
    let above = tempdir().unwrap();
    let place = above.path().join("a/b");
    std::fs::create_dir_all(&place).unwrap();
    for (name, why) in [
        ("../evil", "it is a path"),
        ("a/b", "it is a path"),
        ("/tmp/evil", "it is a path"),
        ("..\\\\evil", "it is a path"),
        ("..", "it is a folder that is there already"),
        (".", "it is a folder that is there already"),
        ("", "it is empty"),
        ("-rf", "it would be taken for a flag"),
        ("a\\u0000b", "it has a control character"),
        ("a\\nb", "it has a control character"),
        (&"é".repeat(60), "it is longer than 100 bytes"),
    ] {
        let ended = spec(&place, SPEC.replace("\"s\"", &format!("\"{name}\"")));
        ended.refused(2, &["name (line 1 of s.toml): expected a plain folder name, found ", why]);
        let plain = name.replace("\\u0000", "\u{1}").replace("\\n", "\n").replace("\\\\", "\\");
        for words in [
            &["run", "xor-scale", "--backend", "mock"][..],
            &["slurm", "xor-scale", "--tasks", "2", "--dry-run"],
        ] {
            let set = format!("--set=name={plain}");
            run(&place, &[words, &[&set]].concat())
                .refused(2, &["name (--set): expected a plain folder name", why]);
        }
    }
    // Where it is the file's name that does not do.
    let odd = place.join(format!("{}.toml", "x".repeat(101)));
    std::fs::write(&odd, SPEC.replace("name = \"s\"\n", "")).unwrap();
    run(&place, &["run", odd.to_str().unwrap()])
        .refused(2, &["the file's name does not do as a folder name", "give a name"]);
    assert_eq!(listing(above.path()).len(), 4, "two folders and two specs");
}

#[test]
fn keys_and_presets_are_no_paths() {
    let place = tempdir().unwrap();
    for (line, message) in [
        (
            "run xor-scale --backend mock --set ../x=1",
            "../x (--set): unknown key; keys are written TABLE.NAME",
        ),
        ("run xor-scale --backend mock --sweep net/hidden=1,2", "unknown key; did you mean net.hidden?"),
        ("run xor-scale --backend mock --set sweep.train.lr=1", "use --sweep train.lr=1"),
        ("run xor-scale --backend mock --set train.lr", "expected KEY=VALUE, found no \"=\""),
        ("run ../xor-scale --backend mock", "cannot read ../xor-scale: "),
        ("run xor-scale/ --backend mock", "cannot read xor-scale/: "),
        ("presets show ../../etc/passwd", "no preset is called ../../etc/passwd; there are xor-scale"),
    ] {
        words(place.path(), line).refused(2, &[message]);
    }
    let swept = format!("{SPEC}[sweep]\n\"../../evil\" = \"1,2\"\n");
    spec(place.path(), swept).refused(2, &["../../evil (line 9 of s.toml): unknown key"]);
    let long = format!("{SPEC}[sweep]\n\"{}\" = \"1,2\"\n", "x".repeat(1 << 20));
    spec(place.path(), long).refused(2, &["(line 9 of s.toml): unknown key"]);
    assert_eq!(listing(place.path()).len(), 1, "nothing is written");
}
