//! What people expect of a program: help that fits a terminal, completions, manual pages, colours only where they are seen.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::tempdir;

fn symbreak(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_symbreak"));
    command.args(arguments).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env("NODEVICE_SELECT", "1");
    command
}

fn stdout(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// What is said of arguments that are wrong.
fn refusal(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = symbreak(arguments).output().unwrap();
    assert!(status.code() == Some(2) && stdout.is_empty(), "{arguments:?}: {status}");
    String::from_utf8(stderr).unwrap()
}

/// What there is, as `symbreak --help` lists it.
fn subcommands() -> Vec<String> {
    let help = stdout(symbreak(&["--help"]).env("COLUMNS", "1000"));
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let mut names: Vec<String> =
        listed.map(|line| line.split_whitespace().next().unwrap().to_string()).collect();
    names.retain(|name| name != "help");
    assert!(names.len() >= 14, "{names:?}");
    names
}

/// Whether a program is there.
fn is_there(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok()
}

#[test]
fn every_help_has_examples_that_fit_a_terminal() {
    for name in subcommands() {
        for columns in ["80", "100"] {
            let help = stdout(symbreak(&[&name, "--help"]).env("COLUMNS", columns));
            let (_, after) =
                help.split_once("Examples:\n").unwrap_or_else(|| panic!("{name} --help has no examples"));
            let examples: Vec<&str> = after.lines().take_while(|line| !line.is_empty()).collect();
            assert!(examples.len() >= 2, "{name}: {examples:?}");
            for line in &examples {
                assert!(
                    line.starts_with("  "),
                    "{name} --help at {columns} columns breaks an example:\n{after}"
                );
            }
            for line in help.lines() {
                assert!(line.chars().count() <= 100, "{name} --help: {line}");
            }
        }
    }
}

#[test]
fn what_is_no_subcommand_is_told_which_there_are() {
    // From plt, fit is two letters away and plot one.
    for (typed, meant) in [("shcema", "schema"), ("plt", "plot"), ("rnu", "run")] {
        let said = refusal(&[typed]);
        assert!(said.ends_with(&format!("; did you mean {meant}?\n")), "{said}");
        for name in subcommands() {
            assert!(said.contains(&name), "{said}");
        }
    }
    assert!(!refusal(&["frobnicate"]).contains("did you mean"));
}

#[test]
fn shells_complete_every_subcommand() {
    let place = tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = stdout(&mut symbreak(&["completions", shell]));
        for name in subcommands() {
            assert!(script.contains(&name), "{shell} knows no {name}");
        }
        assert!(
            script.contains("--save-params") || shell == "fish" && script.contains("save-params"),
            "{shell}"
        );
        let path = place.path().join(shell);
        fs::write(&path, &script).unwrap();
        if !["bash", "zsh", "fish"].contains(&shell) || !is_there(shell) {
            continue;
        }
        let checked = Command::new(shell).arg("-n").arg(&path).output().unwrap();
        assert!(checked.status.success() && checked.stderr.is_empty(), "{shell}: {checked:?}");
    }
    assert!(is_there("bash"), "the most common of the shells is not there to be asked");
    let script = |words: &[&str]| {
        let (last, before) = (words[words.len() - 1], words[words.len() - 2]);
        format!(
            "source '{}'; COMP_WORDS=({}); COMP_CWORD={}; _symbreak symbreak '{last}' '{before}'; echo \"${{COMPREPLY[@]}}\"",
            place.path().join("bash").display(),
            words.join(" "),
            words.len() - 1
        )
    };
    let complete = |words: &[&str]| stdout(Command::new("bash").args(["--norc", "-c", &script(words)]));
    assert_eq!(complete(&["symbreak", "comp"]), "completions\n");
    assert_eq!(complete(&["symbreak", "run", "--save"]), "--save-params\n");
    assert_eq!(complete(&["symbreak", "run", "--runs", "pa"]), "parquet\n");
    assert_eq!(complete(&["symbreak", "run", "xor"]), "xor-scale xor-copies\n");
    assert_eq!(complete(&["symbreak", "presets", "show", "sa"]), "saxe\n");
    // None fits, so that bash goes on to files.
    assert_eq!(complete(&["symbreak", "run", "mine"]), "\n");
    fs::write(place.path().join("scales.toml"), "").unwrap();
    let among = |words: &[&str]| {
        let script = format!("cd '{}'; {}", place.path().display(), script(words));
        stdout(Command::new("bash").args(["--norc", "-c", &script]))
    };
    for words in [
        &["run", "--set"][..],
        &["run", "--sweep"],
        &["run", "--seeds"],
        &["plot", "--x"],
        &["plot", "--where"],
        &["report", "--title"],
        &["bench", "--adapter"],
        &["slurm", "--time"],
    ] {
        assert_eq!(among(&[&["symbreak"], words, &["sca"]].concat()), "sca\n", "{words:?}");
    }
    assert_eq!(among(&["symbreak", "report", "--out", "sca"]), "scales.toml\n");
    let zsh = fs::read_to_string(place.path().join("zsh")).unwrap();
    for names in [":KEY=VALUE:", ":KEY=RANGE:", ":KEY:", ":DIR:_files -/'", ":FILE:_files'"] {
        assert!(zsh.contains(names), "{names}");
    }
    assert!(!zsh.contains(":_default'"), "an argument of which nobody knows what it is");
    let fish = fs::read_to_string(place.path().join("fish")).unwrap();
    assert!(
        fish.contains("-l set -d")
            && fish.lines().any(|line| line.contains("-l set -d") && line.ends_with(" -r -f"))
    );
}

#[test]
fn a_preset_may_be_misspelt() {
    let near = |name: &str| refusal(&["presets", "show", name]).rsplit_once("; ").unwrap().1.to_string();
    assert_eq!(near("xor-scal"), "did you mean xor-scale?\n");
    assert_eq!(near("xor"), "did you mean xor-scale or xor-copies?\n");
    assert_eq!(near("Slice"), "did you mean kolen-pollack-slice or kolen-pollack-slice-2?\n");
    let none = near("frobnicate");
    assert!(none.starts_with("there are xor-scale, "), "{none}");
    assert!(refusal(&["run", "xor"]).ends_with("; did you mean xor-scale or xor-copies?\n"));
    let said = refusal(&["presets", "xor-scale"]);
    assert!(said.contains("symbreak presets show xor-scale prints that one"), "{said}");
    for (typed, meant) in [("shwo", "show"), ("xor-scal", "xor-scale")] {
        let said = refusal(&["presets", typed]);
        assert!(
            said.contains("symbreak presets show PRESET") && said.ends_with(&format!("mean {meant}?\n")),
            "{said}"
        );
    }
}

#[test]
fn every_subcommand_has_a_manual_page() {
    let place = tempdir().unwrap();
    let directory = place.path().join("deep/man1");
    let written = stdout(symbreak(&["man", "--out"]).arg(&directory));
    let listed: Vec<&Path> = written.lines().map(Path::new).collect();
    assert_eq!(listed.len(), fs::read_dir(&directory).unwrap().count());
    let page = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
    let main = page("symbreak.1");
    assert_eq!(stdout(&mut symbreak(&["man"])), main);
    for name in subcommands() {
        assert!(main.contains(&format!("symbreak\\-{name}(1)")), "symbreak.1 does not name {name}");
        let page = page(&format!("symbreak-{name}.1"));
        assert!(page.contains(".TH symbreak-") && !page.contains(".SH EXTRA"), "{name}:\n{page}");
        let (_, examples) =
            page.split_once(".SH EXAMPLES\n.nf\n").unwrap_or_else(|| panic!("{name}:\n{page}"));
        let help = stdout(symbreak(&[&name, "--help"]).env("COLUMNS", "1000"));
        let (_, after) = help.split_once("Examples:\n").unwrap();
        let shown: Vec<&str> = after.lines().take_while(|line| !line.is_empty()).collect();
        let source: Vec<String> = examples
            .lines()
            .take_while(|line| *line != ".fi")
            .map(|line| format!("  {}", line.replace("\\-", "-").replace("\\*(Aq", "'")))
            .collect();
        assert_eq!(source, shown, "{name}");
        if let Some((_, status)) = help.split_once("Exit status: ") {
            assert!(page.contains(".SH \"EXIT STATUS\"\n") && !page.contains("Exit status"), "{name}");
            assert!(page.contains(&status.lines().next().unwrap()[..10]), "{name}");
        }
    }
    let description = |name: &str| {
        let page = page(name);
        let (_, after) = page.split_once(".SH DESCRIPTION\n").unwrap();
        after.split_once("\n.SH").unwrap().0.to_string()
    };
    // What stands before the examples in the help, and after them.
    assert!(description("symbreak-verify.1").contains("\n.PP\nEvery rung compares"));
    assert!(description("symbreak-run.1").contains("\n.PP\nRanges are comma\\-separated items"));
    assert!(page("symbreak-inspect.1").contains(".fi\n.PP\nWhat becomes of all\\-zero weights"));
    assert!(page("symbreak-slurm-status.1").contains("symbreak slurm status"));
    let mut checked = 0;
    for (program, arguments) in [
        ("groff", &["-K", "utf8", "-man", "-Tutf8", "-ww", "-z"][..]),
        ("mandoc", &["-T", "lint", "-W", "error"]),
        ("man", &["--warnings", "-l", "-Tutf8"]),
    ] {
        // That of macOS is another one.
        if !cfg!(target_os = "linux") || !is_there(program) && program != "mandoc" {
            continue;
        }
        for path in &listed {
            let Ok(said) = Command::new(program).args(arguments).arg(path).output() else { break };
            let complaints = String::from_utf8_lossy(&said.stderr).into_owned();
            assert!(
                said.status.success() && complaints.is_empty(),
                "{program} {}: {complaints}",
                path.display()
            );
            checked += 1;
        }
    }
    if checked == 0 {
        println!("SKIPPED: neither groff, man nor mandoc is there, so pages were not rendered");
    }
}

/// What is written to a terminal, by `script` of util-linux.
#[cfg(target_os = "linux")]
fn on_a_terminal(words: &str, no_color: bool) -> String {
    let program = env!("CARGO_BIN_EXE_symbreak");
    let mut command = Command::new("script");
    command.args(["-qefc", &format!("'{program}' {words}"), "/dev/null"]).stdin(Stdio::null());
    command.env("TERM", "xterm-256color").env_remove("CLICOLOR_FORCE").env_remove("NO_COLOR");
    if no_color {
        command.env("NO_COLOR", "1");
    }
    String::from_utf8_lossy(&command.output().expect("script, of util-linux").stdout).into_owned()
}

/// Whether a text sets colours or weights: ESC [ … m.
fn is_styled(text: &str) -> bool {
    let parameters = |c: char| c.is_ascii_digit() || c == ';';
    text.split("\u{1b}[").skip(1).any(|after| after.trim_start_matches(parameters).starts_with('m'))
}

#[test]
#[cfg(target_os = "linux")]
fn colours_are_for_terminals_and_for_those_who_want_them() {
    assert!(is_styled("a\u{1b}[1;4mb") && !is_styled("a\u{1b}[2Kb"));
    let place = tempdir().unwrap();
    let run = format!(
        "run xor-scale --seeds 3 --backend mock --set train.steps=3 --out '{}'",
        place.path().join("a").display()
    );
    for words in ["--help", "run --help", "run --frobnicate", "presets", "devices", &run] {
        let styled = on_a_terminal(words, false);
        assert!(styled.lines().count() > 1, "{words}: {styled}");
        // The control: where clap has something to style, it does.
        assert_eq!(
            is_styled(&styled),
            words.contains("help") || words.contains("frob"),
            "{words}: {styled:?}"
        );
        let plain = on_a_terminal(words, true);
        assert!(plain.lines().count() > 1 && !is_styled(&plain), "{words} with NO_COLOR: {plain:?}");
        let arguments: Vec<&str> = words.split_whitespace().map(|word| word.trim_matches('\'')).collect();
        let Output { stdout, stderr, .. } = symbreak(&arguments).output().unwrap();
        for text in [stdout, stderr] {
            assert!(!text.contains(&0x1b), "{words} in a pipe: {}", String::from_utf8_lossy(&text));
        }
    }
    // Of the bar on a terminal, too.
    let run = run.replace("/a'", "/b'");
    assert!(!is_styled(&on_a_terminal(&run, true)));
}

#[test]
fn presets_have_a_line_each() {
    let listed = stdout(&mut symbreak(&["presets"]));
    assert_eq!(listed.lines().count(), symbreak::spec::presets().len());
    for (line, preset) in listed.lines().zip(symbreak::spec::presets()) {
        assert!(line.starts_with(preset.name) && line.ends_with(preset.about), "{line}");
        assert!(preset.about.chars().count() > 10, "{line}");
    }
}
