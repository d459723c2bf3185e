//! Libraries that stand between the program and the system: they are built here from a page of Rust each.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// A library to be loaded before libc.
pub struct Preload {
    pub library: PathBuf,
    _place: TempDir,
}

/// Builds `tests/ruin/preload/NAME.rs`.
pub fn build(name: &str) -> Preload {
    let place = tempfile::tempdir().unwrap();
    let library = place.path().join(format!("lib{name}.so"));
    let compiler = std::env::var("RUSTC").unwrap_or("rustc".into());
    let built = Command::new(compiler)
        .args(["--edition", "2024", "--crate-type", "cdylib", "-D", "warnings", "-o"])
        .arg(&library)
        .arg(format!("{}/tests/ruin/preload/{name}.rs", env!("CARGO_MANIFEST_DIR")))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Preload { library, _place: place }
}
