//! Pages in a real browser: headless Chromium, driven by Playwright from the scripts in `tests/browser`.
//!
//! Skipped where there is no Chromium, no Node.js or no `npm ci` was done in `tests/browser`, unless `REQUIRE_BROWSER` is
//! set; see `scripts/test`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

#[path = "browser/live.rs"]
mod live;
#[path = "browser/report.rs"]
mod report;

/// The program of one of these names that is on the path.
fn program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let suffix = std::env::consts::EXE_SUFFIX;
    let find = |name: &&str| {
        std::env::split_paths(&path)
            .map(|directory| directory.join(format!("{name}{suffix}")))
            .find(|file| file.is_file())
    };
    names.iter().find_map(find)
}

/// The browser: `CHROMIUM`, or the first of the usual names.
fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    named.or_else(|| program(&["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]))
}

/// What `tests/browser/SCRIPT` prints about pages, told what `question` asks and where the browser is. `None`, loudly, where
/// there is none.
fn ask(script: &str, mut question: Json) -> Option<Json> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let (browser, node) = (chromium(), program(&["node"]));
    let installed = scripts.join("node_modules/playwright-core").is_dir();
    let (Some(browser), Some(node), true) = (&browser, &node, installed) else {
        let lacks = format!(
            "no browser test: Chromium {}, Node.js {}, `npm ci` in tests/browser {}",
            if browser.is_some() { "found" } else { "lacking (or set CHROMIUM to it)" },
            if node.is_some() { "found" } else { "lacking" },
            if installed { "done" } else { "lacking" },
        );
        assert!(std::env::var_os("REQUIRE_BROWSER").is_none(), "{lacks}");
        println!("SKIPPED: {lacks}");
        return None;
    };
    question["executable"] = browser.display().to_string().into();
    let output =
        Command::new(node).arg(scripts.join(script)).arg(question.to_string()).output().expect("node starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}: {err}\n{out}");
    Some(serde_json::from_str(&out).unwrap_or_else(|error| panic!("{script}: {error}: {out}")))
}

/// An empty directory for the pages of one test, which stays there to be looked at.
fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser").join(name);
    if directory.exists() {
        std::fs::remove_dir_all(&directory).unwrap();
    }
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// What the program says, which must go well.
fn symbreak(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_symbreak")).args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Holds the pictures of a page, `[{picture, violations, overflows}]`, to what every page must be: nothing for axe-core to
/// find, nothing to scroll sideways for.
fn assert_fit_for_everybody(looks: &Json, count: usize) {
    let looks = looks.as_array().unwrap();
    assert_eq!(looks.len(), count);
    for look in looks {
        assert_eq!(look["violations"], serde_json::json!([]), "{}", look["picture"]);
        assert_eq!(look["overflows"], false, "{}", look["picture"]);
        assert!(Path::new(look["picture"].as_str().unwrap()).is_file(), "{look}");
    }
}
