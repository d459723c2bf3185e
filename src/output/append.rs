//! Files that grow window by window, and files that appear whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use blake3::Hasher;
use serde::{Deserialize, Serialize};

use super::{OutputError, failed};
use crate::task::input;

/// What a file holds, told in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of them, in hex.
    pub blake3: String,
}

impl Content {
    /// Of a file, read from beginning to end.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of(path: &Path) -> Result<Content, OutputError> {
        let mut hasher = Hasher::new();
        let file = open(path).map_err(failed("read", path))?;
        hasher.update_reader(file).map_err(failed("read", path))?;
        Ok(Content { bytes: hasher.count(), blake3: hasher.finalize().to_hex().to_string() })
    }
}

/// A file that only grows, and says what it has been given: whoever reads it again can tell whether it still has that.
#[derive(Debug)]
pub struct Appended {
    path: PathBuf,
    file: File,
    length: u64,
    /// Of all bytes.
    whole: Hasher,
    /// Of those since the last mark, at this length.
    since: (u64, Hasher),
}

impl Appended {
    /// A new file that starts with `head`. One of that name is removed, so that of a link it is the link that goes and not what
    /// it leads to.
    pub fn create(path: PathBuf, head: &[u8]) -> Result<Appended, OutputError> {
        let file = fresh(&path).map_err(failed("create", &path))?;
        let mut appended =
            Appended { path, file, length: 0, whole: Hasher::new(), since: (0, Hasher::new()) };
        appended.append(head)?;
        Ok(appended)
    }

    /// The file that was read again up to a mark, without what came after it.
    pub fn reopen(again: Again) -> Result<Appended, OutputError> {
        let Again { path, length, whole, .. } = again;
        refuse_link(&path)?;
        let longer = OpenOptions::new().write(true).open(&path).map_err(failed("open", &path))?;
        longer.set_len(length).map_err(failed("cut", &path))?;
        let file = growing(&path).map_err(failed("open", &path))?;
        Ok(Appended { path, file, length, whole, since: (length, Hasher::new()) })
    }

    /// Appends `bytes`, which a killed process does not lose.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        self.write_all(bytes).map_err(failed("write", &self.path))
    }

    /// Waits until all bytes are where a loss of power does not reach them, and tells what came since the last mark.
    /// `bytes` is the length of the file, `blake3` that of the new bytes.
    ///
    /// # Errors
    /// [`OutputError::Damaged`] if others have removed, replaced or changed it: the sooner that is known, the less is lost.
    pub fn mark(&mut self) -> Result<Content, OutputError> {
        self.check()?;
        if self.length > self.since.0 {
            self.file.sync_data().map_err(failed("write", &self.path))?;
        }
        let (_, since) = std::mem::replace(&mut self.since, (self.length, Hasher::new()));
        Ok(Content { bytes: self.length, blake3: since.finalize().to_hex().to_string() })
    }

    fn check(&self) -> Result<(), OutputError> {
        let length = self.file.metadata().map_err(failed("read", &self.path))?.len();
        if length == self.length && is_at(&self.file, &self.path) {
            return Ok(());
        }
        let problem = "something else changed, removed or replaced it while the sweep was running".into();
        Err(OutputError::Damaged { path: self.path.clone(), problem })
    }

    /// What the whole file holds.
    pub fn content(&self) -> Content {
        Content { bytes: self.length, blake3: self.whole.finalize().to_hex().to_string() }
    }

    /// Gives the complete file its final name.
    ///
    /// # Errors
    /// Those of [`mark`](Self::mark).
    pub fn publish(self, to: &Path) -> Result<(), OutputError> {
        self.check()?;
        self.file.sync_all().map_err(failed("write", &self.path))?;
        // Closed first: some systems don't rename open files.
        drop(self.file);
        fs::rename(&self.path, to).map_err(failed("create", to))
    }
}

impl Write for Appended {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.length += count as u64;
        self.whole.update(&bytes[..count]);
        self.since.1.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// An appended file that is read again, mark by mark.
#[derive(Debug)]
pub struct Again {
    path: PathBuf,
    file: BufReader<File>,
    length: u64,
    whole: Hasher,
}

impl Again {
    /// `None` if there is no such file.
    pub fn open(path: PathBuf) -> Result<Option<Again>, OutputError> {
        match open(&path) {
            Ok(file) => {
                let file = BufReader::with_capacity(1 << 20, file);
                Ok(Some(Again { path, file, length: 0, whole: Hasher::new() }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    /// Reads on to the next mark: the hash of the file up to there if the bytes are those that were marked.
    pub fn matches(&mut self, mark: &Content) -> Result<Option<Hasher>, OutputError> {
        let Some(new) = mark.bytes.checked_sub(self.length) else { return Ok(None) };
        let (mut whole, mut since) = (self.whole.clone(), Hasher::new());
        let mut left = new;
        let mut buffer = vec![0; (1 << 20).min(new) as usize];
        while left > 0 {
            let part = &mut buffer[..(1 << 20).min(left) as usize];
            match self.file.read_exact(part) {
                Ok(()) => {
                    whole.update(part);
                    since.update(part);
                    left -= part.len() as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(failed("read", &self.path)(error)),
            }
        }
        Ok((since.finalize().to_hex().as_str() == mark.blake3).then_some(whole))
    }

    /// Goes beyond bytes that were read elsewhere.
    pub fn skip(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.whole.update(bytes);
    }

    /// Takes what [`matches`](Again::matches) has read for good.
    pub fn accept(&mut self, mark: &Content, whole: Hasher) {
        self.length = mark.bytes;
        self.whole = whole;
    }
}

/// Writes a whole file so that a reader sees the old one or the new one, never a part, even after a loss of power.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), OutputError> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    Appended::create(PathBuf::from(new), bytes)?.publish(path)?;
    path.parent().map_or(Ok(()), settle)
}

/// A file of a result directory, to be read. What is there in place of one and is no regular file may have no end, or keep
/// whoever opens it waiting for ever, as a pipe does.
pub fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    File::open(path)
}

/// A file of rows. Whoever reads it row by row holds one in memory, so that one that does not end is an error.
#[derive(Debug)]
pub struct Lines {
    file: File,
    /// Bytes since the last end of a line.
    since: usize,
}

impl Lines {
    /// More than a row takes that has a million fields.
    const LONGEST: usize = 32 << 20;

    /// Opens it, if it is a regular file.
    pub fn open(path: &Path) -> io::Result<Lines> {
        Ok(Lines { file: open(path)?, since: 0 })
    }
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.since = match buffer[..count].iter().rposition(|&byte| byte == b'\n') {
            Some(end) => count - end - 1,
            None => self.since + count,
        };
        if self.since > Lines::LONGEST {
            let problem = format!("a line has more than {} MiB", Lines::LONGEST >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        Ok(count)
    }
}

/// All of a file of a result directory.
pub fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    /// More than a manifest takes that names the values of [`MAX_CELLS`](crate::spec::MAX_CELLS) cells.
    const MOST_BYTES: u64 = 512 << 20;
    input::all(open(path)?, MOST_BYTES)
}

/// A new file, to be written at its end.
pub(super) fn fresh(path: &Path) -> io::Result<File> {
    let options = OpenOptions::new().append(true).create_new(true).clone();
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            options.open(path)
        }
        opened => opened,
    }
}

/// A link that somebody put where a file of ours should be leads to a file that is not ours to be cut or written to.
///
/// # Errors
/// [`OutputError::Refused`] where `path` is one.
pub fn refuse_link(path: &Path) -> Result<(), OutputError> {
    if path.is_symlink() {
        return Err(OutputError::Refused(format!(
            "{} is a symbolic link, and what it leads to would be changed; put the file itself there, use --force to start \
             over, or --out DIR for another place",
            path.display()
        )));
    }
    Ok(())
}

/// The file, to be written at its end wherever that is: if others cut it, it gets no hole, which would hide that.
fn growing(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).open(path)
}

/// Whether `path` leads to this open file.
#[cfg(unix)]
pub fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    matches!((file.metadata(), fs::metadata(path)), (Ok(a), Ok(b)) if (a.dev(), a.ino()) == (b.dev(), b.ino()))
}

/// Elsewhere open files are not replaced.
#[cfg(not(unix))]
pub fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Waits until the names in a directory are where a loss of power does not reach them.
pub fn settle(directory: &Path) -> Result<(), OutputError> {
    // Elsewhere a directory is no file that could be opened; its names are written with the files.
    if cfg!(unix) {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        File::open(directory).and_then(|opened| opened.sync_all()).map_err(failed("write", directory))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom};

    use tempfile::tempdir;

    use super::*;

    fn hash(bytes: &[u8]) -> String {
        blake3::hash(bytes).to_hex().to_string()
    }

    #[cfg(unix)]
    #[test]
    fn what_is_not_there_cannot_settle() {
        let place = tempdir().unwrap();
        assert!(settle(place.path()).is_ok() && settle(Path::new("")).is_ok());
        assert!(settle(&place.path().join("missing")).is_err());
    }

    #[test]
    fn marks_tell_what_came_since_the_last_one_and_contents_tell_all() {
        let place = tempdir().unwrap();
        let path = place.path().join("f");
        let mut file = Appended::create(path.clone(), b"head").unwrap();
        file.append(b" one").unwrap();
        assert_eq!(file.mark().unwrap(), Content { bytes: 8, blake3: hash(b"head one") });
        assert_eq!(file.mark().unwrap(), Content { bytes: 8, blake3: hash(b"") });
        file.append(b" two").unwrap();
        assert_eq!(file.mark().unwrap(), Content { bytes: 12, blake3: hash(b" two") });
        let content = Content { bytes: 12, blake3: hash(b"head one two") };
        assert_eq!(file.content(), content);
        assert_eq!(Content::of(&path).unwrap(), content);
        let to = place.path().join("g");
        file.publish(&to).unwrap();
        assert_eq!(fs::read(to).unwrap(), b"head one two");
        assert!(!path.exists());
    }

    #[test]
    fn what_others_do_to_a_growing_file_is_noticed() {
        let deeds: [fn(&Path); 4] = [
            |path| fs::remove_file(path).unwrap(),
            |path| OpenOptions::new().write(true).open(path).unwrap().set_len(2).unwrap(),
            |path| OpenOptions::new().append(true).open(path).unwrap().write_all(b"!").unwrap(),
            |path| {
                fs::copy(path, path.with_extension("copy")).unwrap();
                fs::rename(path.with_extension("copy"), path).unwrap();
            },
        ];
        for deed in deeds {
            let place = tempdir().unwrap();
            let path = place.path().join("f");
            let mut file = Appended::create(path.clone(), b"head").unwrap();
            file.mark().unwrap();
            deed(&path);
            assert!(matches!(file.mark(), Err(OutputError::Damaged { .. })));
            assert!(matches!(file.publish(&place.path().join("g")), Err(OutputError::Damaged { .. })));
        }
    }

    #[test]
    fn a_file_is_read_again_mark_by_mark_and_cut_after_the_last() {
        let place = tempdir().unwrap();
        let path = place.path().join("f");
        // Longer than what is read at once.
        let text: Vec<u8> = (0..(5 << 19) + 7).map(|i: u32| (i % 251) as u8).collect();
        fs::write(&path, &text).unwrap();
        let (first, second) = text.split_at(9);
        let mut again = Again::open(path.clone()).unwrap().unwrap();
        let mark = |length: usize, bytes: &[u8]| Content { bytes: length as u64, blake3: hash(bytes) };
        assert!(again.matches(&mark(9, b"else")).unwrap().is_none());

        let mut again = Again::open(path.clone()).unwrap().unwrap();
        let whole = again.matches(&mark(9, first)).unwrap().unwrap();
        again.accept(&mark(9, first), whole);
        // A mark that lies before the one that was taken.
        assert!(again.matches(&mark(8, first)).unwrap().is_none());
        let cut = &second[..second.len() - 3];
        let last = mark(text.len() - 3, cut);
        let whole = again.matches(&last).unwrap().unwrap();
        assert_eq!(whole.finalize().to_hex().as_str(), hash(&text[..text.len() - 3]));
        again.accept(&last, whole);
        assert!(again.matches(&mark(text.len() + 1, &text)).unwrap().is_none(), "it ends before");

        let mut file = Appended::reopen(again).unwrap();
        file.append(b"new").unwrap();
        let all = [&text[..text.len() - 3], b"new"].concat();
        assert_eq!(fs::read(&path).unwrap(), all);
        assert_eq!(file.content(), mark(all.len(), &all));
        assert_eq!(file.mark().unwrap(), mark(all.len(), b"new"));
    }

    #[test]
    fn what_was_read_elsewhere_counts() {
        let place = tempdir().unwrap();
        let path = place.path().join("f");
        fs::write(&path, b"head tail").unwrap();
        let mut again = Again::open(path).unwrap().unwrap();
        again.file.read_exact(&mut [0; 5]).unwrap();
        again.skip(b"head ");
        let whole = again.matches(&Content { bytes: 9, blake3: hash(b"tail") }).unwrap().unwrap();
        assert_eq!(whole.finalize().to_hex().as_str(), hash(b"head tail"));
    }

    #[test]
    fn no_file_is_none_and_no_regular_file_an_error() {
        let place = tempdir().unwrap();
        assert!(Again::open(place.path().join("f")).unwrap().is_none());
        assert!(matches!(Again::open(place.path().into()), Err(OutputError::File { .. })));
        assert!(open(place.path()).is_err());
    }

    /// What can be opened and not be read: the program's own memory, from address 0 on.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_cannot_be_read_is_an_error_and_no_change() {
        let mut again = Again::open("/proc/self/mem".into()).unwrap().unwrap();
        let mark = Content { bytes: 3, blake3: hash(b"abc") };
        assert!(matches!(again.matches(&mark), Err(OutputError::File { action: "read", .. })));
    }

    /// Reads all of a sparse file of `length` bytes with ends of lines `at`.
    fn lines(at: &[u64], length: u64) -> io::Result<u64> {
        let place = tempdir()?;
        let path = place.path().join("f");
        let mut file = File::create(&path)?;
        file.set_len(length)?;
        for &at in at {
            file.seek(SeekFrom::Start(at))?;
            file.write_all(b"\n")?;
        }
        io::copy(&mut Lines::open(&path)?, &mut io::sink())
    }

    #[test]
    fn lines_have_a_length() {
        let longest = Lines::LONGEST as u64;
        for at in [0, 5, 70_000] {
            assert_eq!(lines(&[at], at + 1 + longest).unwrap(), at + 1 + longest);
            assert!(lines(&[at], at + 2 + longest).unwrap_err().to_string().contains("more than 32 MiB"));
            assert!(lines(&[at, at + longest + (1 << 20)], at + 2 * longest).is_err());
        }
        assert_eq!(lines(&[longest, 2 * longest], 3 * longest).unwrap(), 3 * longest);
    }

    #[test]
    fn a_whole_file_takes_the_place_of_the_old_one() {
        let place = tempdir().unwrap();
        let path = place.path().join("f");
        for bytes in [&b"old and long"[..], b"new"] {
            write_whole(&path, bytes).unwrap();
            assert_eq!(read_whole(&path).unwrap(), bytes);
        }
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
