//! Files that a user gives, read whole: one that is too large, or has no end, as `/dev/zero`, is refused before it takes all memory.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Most bytes of a file of samples, or of base points.
pub(crate) const MOST_BYTES: u64 = 512 << 20;

/// Most numbers of the samples of a file, inputs and targets together.
pub(crate) const MOST_NUMBERS: usize = 1 << 26;

/// Most samples of a file.
pub(crate) const MOST_SAMPLES: usize = 1 << 20;

/// The content of a file of at most `most` bytes, a whole number of MiB.
///
/// # Errors
/// Where the system cannot read it; [`ErrorKind::FileTooLarge`], with the limit, where there is more.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    all(File::open(path)?, most)
}

/// The same of a file that is open.
pub(crate) fn all(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // What is no regular file tells no length.
    let mut length = file.metadata()?.len();
    if length <= most {
        file.take(most + 1).read_to_end(&mut bytes)?;
        length = bytes.len() as u64;
    }
    if length > most {
        let message = format!("it is larger than {} MiB, the most that is read", most >> 20);
        return Err(io::Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_have_as_many_bytes_as_are_allowed_and_no_more() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a");
        let file = File::create(&path).unwrap();
        file.set_len(1 << 20).unwrap();
        assert_eq!(read(&path, 1 << 20).unwrap().len(), 1 << 20);
        file.set_len((1 << 20) + 1).unwrap();
        let error = read(&path, 1 << 20).unwrap_err();
        assert_eq!(error.to_string(), "it is larger than 1 MiB, the most that is read");
        assert_eq!(read(&path.join("b"), 1).unwrap_err().kind(), ErrorKind::NotADirectory);
    }
}
