//! What is made to be looked at, a page or a picture, in one file.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::append::fresh;
use super::results::FILES;
use super::{OutputError, failed, lock, manifest};

/// Writes it, and the directories on the way to it. It is whole or not there: a file that was there before stays until
/// the new one takes its place.
///
/// # Errors
/// Where the operating system says no, and [`OutputError::Refused`] where something other than a file is there: a device
/// would be gone, and what a link leads to is not ours; and where it is a file of a sweep.
pub fn write(path: &Path, content: &[u8]) -> Result<(), OutputError> {
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(OutputError::Refused(format!(
            "{} is there and is no regular file; choose another place with --out",
            path.display()
        )));
    }
    let of_a_sweep =
        path.file_name().is_some_and(|name| FILES.iter().chain([&lock::FILE]).any(|file| name == *file));
    if of_a_sweep && path.with_file_name(manifest::FILE).exists() {
        return Err(OutputError::Refused(format!(
            "{} is a file of the sweep that is there; choose another place with --out",
            path.display()
        )));
    }
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed("create", directory))?;
    }
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".partial");
    let unfinished = Path::new(&unfinished);
    fresh(unfinished).and_then(|mut file| file.write_all(content)).map_err(failed("write", unfinished))?;
    fs::rename(unfinished, path).map_err(failed("create", path))
}
