//! A page to look at, in one file.

use std::fs;
use std::path::Path;

use super::{OutputError, failed};

/// Writes a page, and the directories on the way to it. It is whole or not there: a page that was there before stays until
/// the new one takes its place.
///
/// # Errors
/// Where the operating system says no.
pub fn write(path: &Path, text: &str) -> Result<(), OutputError> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed("create", directory))?;
    }
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".partial");
    let unfinished = Path::new(&unfinished);
    fs::write(unfinished, text).map_err(failed("write", unfinished))?;
    fs::rename(unfinished, path).map_err(failed("create", path))
}
