//! One writer a directory.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::append::{is_at, refuse_link, settle};
use super::{OutputError, failed};

/// The file's name.
pub const FILE: &str = "sweep.lock";

/// How often something is tried that another process may be in the middle of.
const ATTEMPTS: u32 = 50;

/// Says that this process writes into a directory, as long as it lives.
///
/// The operating system keeps the lock and lets it go when the process ends, however it ends: a file that a killed
/// process left behind stops nobody. Where a file system has no locks (some cluster file systems), the file itself
/// is the lock, and stale if its process was on this host and is gone.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    file: File,
}

/// Who holds a lock, for whoever wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    host: String,
}

impl Lock {
    /// Takes the lock of `directory`, which is made if it is missing.
    ///
    /// # Errors
    /// [`OutputError::Busy`] while another process, or another part of this one, holds it.
    pub fn take(directory: &Path) -> Result<Lock, OutputError> {
        let path = directory.join(FILE);
        let mut attempts = 0;
        loop {
            make(directory)?;
            refuse_link(&path)?;
            let (file, fresh) = match open(&path) {
                // Another process, which gave up its work there, removes a directory that is empty.
                Err(error) if error.kind() == ErrorKind::NotFound && attempts < ATTEMPTS => {
                    attempts += 1;
                    continue;
                }
                opened => opened.map_err(failed("create", &path))?,
            };
            match file.try_lock() {
                // Whoever held it may have removed the file before this one was locked: then it is not the lock.
                Ok(()) if !is_at(&file, &path) => {}
                Ok(()) => return Lock { path, file }.signed(),
                Err(TryLockError::WouldBlock) => return Err(busy(directory, holder(&path), "")),
                // No locks here.
                Err(TryLockError::Error(_)) if fresh => return Lock { path, file }.signed(),
                Err(TryLockError::Error(_)) => {
                    let holder = holder(&path);
                    if !holder.as_ref().is_some_and(Holder::is_gone) {
                        let advice = format!(
                            "; if that process is gone, remove {}, for this file system has no locks",
                            path.display()
                        );
                        return Err(busy(directory, holder, &advice));
                    }
                    fs::remove_file(&path).map_err(failed("remove", &path))?;
                }
            }
        }
    }

    /// With the name of this process in it.
    fn signed(mut self) -> Result<Lock, OutputError> {
        let me = Holder { pid: std::process::id(), host: host() };
        let written = serde_json::to_vec(&me)
            .map_err(std::io::Error::from)
            .and_then(|text| self.file.set_len(0).and_then(|()| self.file.write_all(&text)));
        match written {
            Ok(()) => Ok(self),
            Err(error) => Err(failed("write", &self.path)(error)),
        }
    }

    /// Whether the directory is still the one that was locked: it may be removed or replaced under a running sweep, whose
    /// files then are nowhere.
    ///
    /// # Errors
    /// [`OutputError::Gone`] if it is not.
    pub fn check(&self) -> Result<(), OutputError> {
        match self.path.parent() {
            Some(directory) if !self.is_in_place() => Err(OutputError::Gone(directory.to_path_buf())),
            _ => Ok(()),
        }
    }

    fn is_in_place(&self) -> bool {
        is_at(&self.file, &self.path)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed while it is held: whoever opened it meanwhile sees that it is not the lock any more.
        if self.is_in_place() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Holder {
    /// Whether it is known that this process is no more.
    fn is_gone(&self) -> bool {
        cfg!(target_os = "linux")
            && self.host == host()
            && !Path::new("/proc").join(self.pid.to_string()).exists()
    }
}

/// The file, and whether it was not there before.
fn open(path: &Path) -> std::io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.clone().create_new(true).open(path) {
        Ok(file) => Ok((file, true)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // It may be removed between the two calls.
            options.create(true).truncate(false).open(path).map(|file| (file, false))
        }
        Err(error) => Err(error),
    }
}

/// Makes a directory that outlives a loss of power, and those above it.
fn make(directory: &Path) -> Result<(), OutputError> {
    if directory.is_dir() {
        return Ok(());
    }
    let missing = |above: &&Path| !above.as_os_str().is_empty() && !above.exists();
    let missing: Vec<&Path> = directory.ancestors().take_while(missing).collect();
    fs::create_dir_all(directory).map_err(failed("create the directory", directory))?;
    missing.into_iter().filter_map(Path::parent).try_for_each(settle)
}

/// Who holds the lock, which is somebody: if the file does not say so yet, it will soon.
fn holder(path: &Path) -> Option<Holder> {
    let read = || serde_json::from_str::<Holder>(&fs::read_to_string(path).ok()?).ok();
    for _ in 0..ATTEMPTS {
        match read() {
            Some(holder) if !holder.is_gone() => return Some(holder),
            _ => thread::sleep(Duration::from_millis(5)),
        }
    }
    read()
}

fn host() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

fn busy(directory: &Path, holder: Option<Holder>, advice: &str) -> OutputError {
    let who = holder.map(|holder| format!(" ({} on {})", holder.pid, holder.host)).unwrap_or_default();
    OutputError::Busy(format!(
        "another process{who} is writing a sweep into {}; wait for it, or use --out DIR for another place{advice}",
        directory.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_and_others_are_told_who() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("a/b");
        let lock = Lock::take(&directory).unwrap();
        let Err(OutputError::Busy(said)) = Lock::take(&directory) else { panic!("taken twice") };
        assert!(said.contains(&format!("({} on {})", std::process::id(), host())), "{said}");
        if cfg!(target_os = "linux") {
            assert_eq!(host(), fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim_end());
        }
        drop(lock);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
        drop(Lock::take(&directory).unwrap());
    }

    #[test]
    fn what_a_killed_process_left_stops_nobody() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join(FILE), r#"{"pid":1,"host":"elsewhere"}"#).unwrap();
        assert!(Lock::take(place.path()).is_ok());
    }

    #[test]
    fn a_directory_that_is_gone_is_noticed() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("a");
        let lock = Lock::take(&directory).unwrap();
        assert!(lock.is_in_place() && lock.check().is_ok());
        fs::rename(&directory, place.path().join("b")).unwrap();
        assert!(!lock.is_in_place());
        assert!(matches!(lock.check(), Err(OutputError::Gone(gone)) if gone == directory));
        let other = Lock::take(&directory).unwrap();
        assert!(!lock.is_in_place() && other.is_in_place());
        drop(lock);
        assert!(other.is_in_place(), "only one's own file is removed");
    }

    #[test]
    fn a_holder_that_is_gone_makes_way_for_one_that_signs_late() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(FILE);
        let write = |pid| {
            let text = serde_json::to_string(&Holder { pid, host: host() }).unwrap();
            // Whole, as a reader may come at any time.
            fs::write(path.with_extension("new"), text).unwrap();
            fs::rename(path.with_extension("new"), &path).unwrap();
        };
        write(u32::MAX);
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(20));
                write(std::process::id());
            });
            assert_eq!(holder(&path).map(|holder| holder.pid), Some(std::process::id()));
        });
        assert_eq!(holder(&place.path().join("none")), None);
    }

    #[test]
    fn only_a_file_that_is_there_is_opened_a_second_time() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(FILE);
        assert!(open(&path).unwrap().1);
        assert!(!open(&path).unwrap().1);
        assert_eq!(open(&place.path().join("no/such")).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn without_locks_only_a_dead_neighbour_is_known_to_be_gone() {
        let of = |pid, host: String| Holder { pid, host }.is_gone();
        assert!(!of(std::process::id(), host()));
        assert!(!of(u32::MAX, "elsewhere".into()));
        assert_eq!(of(u32::MAX, host()), cfg!(target_os = "linux"));
    }
}
