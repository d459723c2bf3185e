//! Files that grow window by window, and files that appear whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{OutputError, failed};

/// A file that only grows. Each call of [`append`](Appended::append) hands its bytes to the operating system,
/// so that a killed process loses nothing that was appended.
#[derive(Debug)]
pub struct Appended {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Appended {
    /// A new file that starts with `head`; one of that name is emptied.
    pub fn create(path: PathBuf, head: &[u8]) -> Result<Appended, OutputError> {
        let file = File::create(&path).map_err(failed("create", &path))?;
        let mut appended = Appended { path, file, length: 0 };
        appended.append(head)?;
        Ok(appended)
    }

    /// An existing file, cut to its first `length` bytes.
    pub fn reopen(path: PathBuf, length: u64) -> Result<Appended, OutputError> {
        let mut file = OpenOptions::new().write(true).open(&path).map_err(failed("open", &path))?;
        file.set_len(length).map_err(failed("cut", &path))?;
        file.seek(SeekFrom::Start(length)).map_err(failed("open", &path))?;
        Ok(Appended { path, file, length })
    }

    /// Appends `bytes`.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        self.file.write_all(bytes).map_err(failed("write", &self.path))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Marks the file as in use until it is closed, for [`in_use`]. Where a file system has no locks, nothing is marked.
    pub fn mark(&self) {
        let _ = self.file.try_lock();
    }

    /// Length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Gives the complete file its final name.
    pub fn publish(self, to: &Path) -> Result<(), OutputError> {
        // Closed first: some systems don't rename open files.
        drop(self.file);
        fs::rename(&self.path, to).map_err(failed("create", to))
    }
}

/// Whether another process, or another part of this one, has marked the file as in use.
pub fn in_use(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Writes a whole file so that a reader sees the old one or the new one, never a part.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), OutputError> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    Appended::create(PathBuf::from(new), bytes)?.publish(path)
}
