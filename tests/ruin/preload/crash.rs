//! Loaded before libc into a program: counts what it does to the files under a directory, and at the n-th time kills it,
//! or answers that it can't be done.
//!
//! | variable | what it says |
//! | --- | --- |
//! | `RUIN_UNDER` | the directory |
//! | `RUIN_AT` | n, counted from 0 |
//! | `RUIN_HOW` | `kill`; `half`: half of what is to be written, then kill; `full`: from then on nothing more fits; `readonly`: from then on nothing can be changed; `once`: an input/output error, that time only |
//! | `RUIN_LOG` | a file that gets a line for each time, and for what a loss of power would or would not take |

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::fs::{self, Metadata, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

unsafe extern "C" {
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn __errno_location() -> *mut c_int;
    fn getpid() -> c_int;
    fn kill(process: c_int, signal: c_int) -> c_int;
}

/// The next library after this one.
const NEXT: *mut c_void = -1isize as *mut c_void;
const O_CREAT: c_int = 0o100;
const O_TRUNC: c_int = 0o1000;
const O_ACCMODE: c_int = 3;
const EIO: c_int = 5;
const ENOSPC: c_int = 28;
const EROFS: c_int = 30;

/// Calls libc's function of this name and type.
macro_rules! real {
    ($name:ident: fn($($argument:ident: $type:ty),*) -> $answer:ty) => {{
        let name = concat!(stringify!($name), "\0").as_ptr().cast();
        // SAFETY: libc, which is loaded after this, has it; each use below names the signature in its manual page.
        let function: extern "C" fn($($type),*) -> $answer =
            unsafe { std::mem::transmute(dlsym(NEXT, name)) };
        function($($argument),*)
    }};
}

/// What is about to be done to a file.
#[derive(Clone, Copy, PartialEq)]
enum Deed {
    /// It is made or emptied.
    Create,
    /// An existing file is opened for writing.
    Open,
    Write,
    Cut,
    Sync,
    Rename,
    Unlink,
    MakeDirectory,
    RemoveDirectory,
}

static COUNT: AtomicUsize = AtomicUsize::new(0);

fn word(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// A path that is under the directory.
fn under(path: &Path) -> Option<PathBuf> {
    let directory = std::env::var_os("RUIN_UNDER")?;
    path.starts_with(directory).then(|| path.to_path_buf())
}

fn of_text(path: *const c_char) -> Option<PathBuf> {
    // SAFETY: whoever calls libc with a path gives a string that ends.
    under(Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes())))
}

fn of_descriptor(descriptor: c_int) -> Option<PathBuf> {
    under(&fs::read_link(format!("/proc/self/fd/{descriptor}")).ok()?)
}

fn log(line: String) {
    let file = OpenOptions::new().append(true).create(true).open(word("RUIN_LOG"));
    file.and_then(|mut file| file.write_all((line + "\n").as_bytes())).unwrap();
}

fn die() -> ! {
    // SAFETY: it is this process, and no memory.
    unsafe { kill(getpid(), 9) };
    loop {
        std::thread::park();
    }
}

/// What is to happen in place of a deed.
enum Fate {
    /// The deed.
    Done,
    /// The half of it, then the end.
    Half,
    /// This error.
    Error(c_int),
}

fn fate(deed: Deed, path: Option<&Path>) -> Fate {
    let Some(path) = path else { return Fate::Done };
    let now = COUNT.fetch_add(1, Ordering::SeqCst);
    let name = ["create", "open", "write", "cut", "sync", "rename", "unlink", "mkdir", "rmdir"][deed as usize];
    log(format!("{now} {name} {}", path.display()));
    let at: usize = word("RUIN_AT").parse().unwrap_or(usize::MAX);
    match word("RUIN_HOW").as_str() {
        "kill" if now == at => die(),
        "half" if now == at && deed == Deed::Write => Fate::Half,
        "half" if now == at => die(),
        "full" if now >= at && matches!(deed, Deed::Create | Deed::Write | Deed::MakeDirectory) => {
            Fate::Error(ENOSPC)
        }
        "readonly" if now >= at && deed != Deed::Sync => Fate::Error(EROFS),
        "once" if now == at => Fate::Error(EIO),
        _ => Fate::Done,
    }
}

fn failed(error: c_int) -> c_int {
    // SAFETY: libc gives a place of this thread's own.
    unsafe { *__errno_location() = error };
    -1
}

/// From here on a loss of power takes all of the file.
fn forget(file: Option<Metadata>) {
    if let Some(file) = file {
        log(format!("forget {}", file.ino()));
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn open64(path: *const c_char, flags: c_int, mode: c_int) -> c_int {
    if let Some(path) = of_text(path).filter(|_| flags & O_ACCMODE != 0) {
        let held = fs::metadata(&path).ok();
        let deed = if held.is_none() || flags & O_TRUNC != 0 { Deed::Create } else { Deed::Open };
        if deed == Deed::Open || flags & (O_CREAT | O_TRUNC) != 0 {
            if let Fate::Error(error) = fate(deed, Some(&path)) {
                return failed(error);
            }
            forget(held.filter(|_| deed == Deed::Create));
        }
    }
    real!(open64: fn(path: *const c_char, flags: c_int, mode: c_int) -> c_int)
}

#[unsafe(no_mangle)]
pub extern "C" fn write(descriptor: c_int, bytes: *const c_void, count: usize) -> isize {
    match fate(Deed::Write, of_descriptor(descriptor).as_deref()) {
        Fate::Done => real!(write: fn(descriptor: c_int, bytes: *const c_void, count: usize) -> isize),
        Fate::Error(error) => failed(error) as isize,
        Fate::Half => {
            let count = count / 2;
            real!(write: fn(descriptor: c_int, bytes: *const c_void, count: usize) -> isize);
            die()
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn ftruncate64(descriptor: c_int, length: i64) -> c_int {
    match fate(Deed::Cut, of_descriptor(descriptor).as_deref()) {
        Fate::Error(error) => failed(error),
        _ => real!(ftruncate64: fn(descriptor: c_int, length: i64) -> c_int),
    }
}

fn synced(descriptor: c_int, sync: impl Fn() -> c_int) -> c_int {
    let path = of_descriptor(descriptor);
    if let Fate::Error(error) = fate(Deed::Sync, path.as_deref()) {
        return failed(error);
    }
    let answer = sync();
    if let Some(file) = path.and_then(|path| fs::metadata(path).ok()) {
        log(format!("safe {} {}", file.ino(), file.len()));
    }
    answer
}

#[unsafe(no_mangle)]
pub extern "C" fn fsync(descriptor: c_int) -> c_int {
    synced(descriptor, || real!(fsync: fn(descriptor: c_int) -> c_int))
}

#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    synced(descriptor, || real!(fdatasync: fn(descriptor: c_int) -> c_int))
}

#[unsafe(no_mangle)]
pub extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    let (path, new) = (of_text(from), of_text(to));
    if let Fate::Error(error) = fate(Deed::Rename, path.as_deref()) {
        return failed(error);
    }
    if path != new {
        forget(new.and_then(|path| fs::metadata(path).ok()));
    }
    real!(rename: fn(from: *const c_char, to: *const c_char) -> c_int)
}

#[unsafe(no_mangle)]
pub extern "C" fn unlink(path: *const c_char) -> c_int {
    // What is not there is not removed.
    let there = of_text(path).filter(|path| path.exists());
    if let Fate::Error(error) = fate(Deed::Unlink, there.as_deref()) {
        return failed(error);
    }
    forget(there.and_then(|path| fs::metadata(path).ok()));
    real!(unlink: fn(path: *const c_char) -> c_int)
}

#[unsafe(no_mangle)]
pub extern "C" fn mkdir(path: *const c_char, mode: u32) -> c_int {
    match fate(Deed::MakeDirectory, of_text(path).as_deref()) {
        Fate::Error(error) => failed(error),
        _ => real!(mkdir: fn(path: *const c_char, mode: u32) -> c_int),
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn rmdir(path: *const c_char) -> c_int {
    match fate(Deed::RemoveDirectory, of_text(path).filter(|path| path.exists()).as_deref()) {
        Fate::Error(error) => failed(error),
        _ => real!(rmdir: fn(path: *const c_char) -> c_int),
    }
}
