//! The program as a child that is watched: how it ends, what it says, and how much memory it takes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The most memory that anything here may take, in bytes, unless it says otherwise.
pub const BOUND: u64 = 512 << 20;

/// Whoever has not ended by then hangs: the longest takes seconds on a slow machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// How a child ended.
#[derive(Debug)]
pub struct Ended {
    /// `None` if a signal ended it.
    pub status: Option<i32>,
    pub printed: String,
    pub said: String,
}

/// `symbreak` with these arguments in `place`.
pub fn symbreak(place: &Path, arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_symbreak"));
    command.current_dir(place).args(arguments).stdin(Stdio::null());
    command
}

/// The most memory that a child has had so far, if the system tells.
fn peak(child: &Child) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.trim().strip_suffix(" kB")?.parse::<u64>().unwrap())
}

/// Waits for its end. It fails if it takes more memory than `bound`, as the system tells it every few milliseconds (not all
/// systems do), or does not end at all.
pub fn watch(command: &mut Command, bound: u64) -> Ended {
    watch_while(command, bound, |_| {})
}

/// The same, with something that is done every few milliseconds.
pub fn watch_while(command: &mut Command, bound: u64, mut then: impl FnMut(&Child)) -> Ended {
    let [mut out, mut err] = [tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap()];
    let clone = |file: &File| Stdio::from(file.try_clone().unwrap());
    let mut child = command.stdout(clone(&out)).stderr(clone(&err)).spawn().unwrap();
    let started = Instant::now();
    let status = loop {
        let peak = peak(&child).unwrap_or(0);
        let ended = child.try_wait().unwrap();
        let too_long = ended.is_none() && started.elapsed() > PATIENCE;
        if too_long || peak > bound {
            let _ = child.kill();
            child.wait().unwrap();
            assert!(peak <= bound, "more than {} MiB: {command:?}", bound >> 20);
            panic!("it hangs: {command:?}");
        }
        if let Some(status) = ended {
            break status;
        }
        then(&child);
        sleep(Duration::from_millis(2));
    };
    let text = |file: &mut File| {
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Ended { status: status.code(), printed: text(&mut out), said: text(&mut err) }
}

/// Runs the program in `place`.
pub fn run(place: &Path, arguments: &[impl AsRef<OsStr>]) -> Ended {
    watch(&mut symbreak(place, arguments), BOUND)
}

/// The same with arguments that have no spaces in them.
pub fn words(place: &Path, words: &str) -> Ended {
    run(place, &words.split_whitespace().collect::<Vec<_>>())
}

impl Ended {
    /// It ended well.
    pub fn done(&self) -> &str {
        assert_eq!(self.status, Some(0), "{self:?}");
        assert!(!self.said.contains("error: "), "{self:?}");
        &self.printed
    }

    /// It ended with that status and one error, short enough to be read, that has all of these words.
    pub fn refused(&self, status: i32, words: &[&str]) {
        assert_eq!(self.status, Some(status), "{self:?}");
        let errors = self.said.lines().filter(|line| line.starts_with("error: ")).count();
        assert!(errors == 1 && self.printed.is_empty(), "{self:?}");
        assert!(self.said.len() < 1500, "a message of {} bytes: {self:?}", self.said.len());
        for word in words {
            assert!(self.said.contains(word), "{word:?} is not in: {}", self.said);
        }
    }
}

/// What is in a directory: files with their content, links with where they lead, everything else by its name.
pub fn listing(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let (path, kind) = {
            let entry = entry.unwrap();
            (entry.path(), entry.file_type().unwrap())
        };
        if kind.is_dir() {
            found.extend(listing(&path));
        }
        let content = match () {
            () if kind.is_symlink() => fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes(),
            () if kind.is_file() => fs::read(&path).unwrap(),
            () => Vec::new(),
        };
        found.insert(path, content);
    }
    found
}

/// A spec that is trained at once.
pub const SPEC: &str = "name = \"s\"\n[task]\ndataset = \"xor\"\n[train]\nsteps = 3\n[runs]\nseeds = 2\n";

/// Runs a spec of this text, without what is left of it where it should be refused.
pub fn spec(place: &Path, text: impl AsRef<[u8]>) -> Ended {
    fs::write(place.join("s.toml"), text).unwrap();
    words(place, "run s.toml --backend mock --out out")
}
