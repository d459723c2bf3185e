//! A CSV file of a result directory, read row by row: its first column is a number, and rows are sorted by it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::output::append::{Appended, open};
use crate::output::{OutputError, failed};

/// Bytes that are read, and copied, at a time.
const CHUNK: usize = 1 << 20;

/// An open file, at the beginning of a row.
#[derive(Debug)]
pub struct Table {
    path: PathBuf,
    reader: BufReader<File>,
    length: u64,
    head: Vec<u8>,
    row: Vec<u8>,
}

impl Table {
    /// Opens the file `name` of a directory, and reads its head.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn open(directory: &Path, name: &str) -> Result<Table, OutputError> {
        let path = directory.join(name);
        let opened = open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (length, file) = opened.map_err(failed("read", &path))?;
        let reader = BufReader::with_capacity(CHUNK, file);
        let mut table = Table { path, reader, length, head: Vec::new(), row: Vec::new() };
        table.read_row()?;
        table.head = std::mem::take(&mut table.row);
        Ok(table)
    }

    /// The head, with its line break.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Names of the columns.
    pub fn columns(&self) -> Vec<String> {
        fields(&self.head)
    }

    /// The next row, with its line break, and its number.
    ///
    /// # Errors
    /// Where it cannot be read, or is no row.
    pub fn next_row(&mut self) -> Result<Option<(u64, &[u8])>, OutputError> {
        self.read_row()?;
        if self.row.is_empty() {
            return Ok(None);
        }
        match number(&self.row) {
            Some(number) => Ok(Some((number, &self.row))),
            None => Err(self.damaged("it has a row that does not begin with a number".into())),
        }
    }

    /// The row that was read last.
    pub fn row(&self) -> &[u8] {
        &self.row
    }

    /// Goes to the first row whose number is not under `number`.
    ///
    /// # Errors
    /// Those of [`next_row`](Table::next_row).
    pub fn seek(&mut self, number: u64) -> Result<(), OutputError> {
        // The row begins in this stretch, which begins with a row.
        let (mut low, mut high) = (self.head.len() as u64, self.length);
        while high - low > CHUNK as u64 {
            let middle = low + (high - low) / 2;
            self.go(middle)?;
            let skipped = self.read_row()? as u64;
            self.read_row()?;
            match self::number(&self.row) {
                Some(found) if found < number => low = middle + skipped,
                Some(_) => high = middle,
                // The last row, or a line break in a field.
                None => break,
            }
        }
        self.go(low)?;
        let mut at = low;
        while let Some((found, row)) = self.next_row()? {
            if found >= number {
                break;
            }
            at += row.len() as u64;
        }
        self.go(at)
    }

    /// Appends all rows that are left to another file.
    ///
    /// # Errors
    /// Where one can't be read or the other not written.
    pub fn pour(mut self, to: &mut Appended) -> Result<(), OutputError> {
        pour(&mut self.reader, &self.path, to)
    }

    /// What is wrong with the file.
    pub fn damaged(&self, problem: String) -> OutputError {
        OutputError::Damaged { path: self.path.clone(), problem }
    }

    fn go(&mut self, to: u64) -> Result<(), OutputError> {
        self.reader.seek(SeekFrom::Start(to)).map(|_| ()).map_err(failed("read", &self.path))
    }

    /// Reads to the end of the row, and tells its length; 0 at the end of the file.
    fn read_row(&mut self) -> Result<usize, OutputError> {
        self.row.clear();
        loop {
            let read = self.reader.read_until(b'\n', &mut self.row).map_err(failed("read", &self.path))?;
            // A line break between quotes is a part of a field.
            let quotes = self.row.iter().filter(|&&byte| byte == b'"').count();
            if read == 0 || quotes % 2 == 0 {
                return Ok(self.row.len());
            }
        }
    }
}

/// Appends everything that is left in `from`, the file at `path`, to another file.
///
/// # Errors
/// Where one can't be read or the other not written.
pub fn pour(from: &mut impl Read, path: &Path, to: &mut Appended) -> Result<(), OutputError> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => to.append(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed("read", path)(error)),
        }
    }
}

/// The fields of a row.
pub fn fields(row: &[u8]) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(row);
    let record = reader.byte_records().next().and_then(Result::ok).unwrap_or_default();
    record.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect()
}

/// The number that a row begins with.
fn number(row: &[u8]) -> Option<u64> {
    let end = row.iter().position(|&byte| byte == b',')?;
    std::str::from_utf8(&row[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Three rows for each even number, of very different lengths.
    fn written(directory: &Path, pairs: u64) {
        let mut text = String::from("run,\"a,b\"\n");
        for number in (0..2 * pairs).step_by(2) {
            for row in 0..3 {
                text += &format!("{number},{row}{}\n", "x".repeat((number % 97) as usize));
            }
        }
        fs::write(directory.join("t.csv"), text).unwrap();
    }

    #[test]
    fn seeking_finds_the_first_row_of_a_number() {
        let place = tempfile::tempdir().unwrap();
        // Larger than what is searched row by row, and smaller.
        for pairs in [100_000, 10, 0] {
            written(place.path(), pairs);
            let mut table = Table::open(place.path(), "t.csv").unwrap();
            assert_eq!(table.columns(), ["run", "a,b"]);
            for number in [0, 1, 2, 7, 18, 19, 40_001, 77_776, 199_997, 199_998, 199_999, 5_000_000] {
                table.seek(number).unwrap();
                let next = number.next_multiple_of(2);
                match table.next_row().unwrap() {
                    Some((found, row)) => {
                        assert_eq!(found, next);
                        assert!(row.starts_with(format!("{next},0").as_bytes()), "the first of three");
                    }
                    None => assert!(next >= 2 * pairs, "{number}"),
                }
            }
        }
    }

    #[test]
    fn seeking_reads_little_of_what_it_passes() {
        let place = tempfile::tempdir().unwrap();
        // 5 MB of the number 2 between 1 MB of others; a row near the beginning is none.
        let line = |number: u64, row: u64| format!("{number},{row},{}\n", "x".repeat(90));
        let mut text = String::from("run,row,x\n0,0,a\nnone,0,b\n");
        for (number, rows) in [(1, 10_000), (2, 50_000), (3, 10_000)] {
            text.extend((0..rows).map(|row| line(number, row)));
        }
        fs::write(place.path().join("t.csv"), text).unwrap();
        let mut table = Table::open(place.path(), "t.csv").unwrap();
        for number in [2, 3] {
            table.seek(number).unwrap();
            assert_eq!(table.next_row().unwrap(), Some((number, line(number, 0).as_bytes())));
        }
        table.seek(4).unwrap();
        assert_eq!(table.next_row().unwrap(), None);
        let error = table.seek(0).and_then(|()| table.next_row().map(|_| ())).and_then(|()| table.seek(1));
        assert!(error.unwrap_err().to_string().contains("does not begin with a number"));
    }

    #[test]
    fn a_signal_cuts_nothing_off_and_other_errors_are_told() {
        struct Signalled(Vec<io::Result<&'static [u8]>>);
        impl Read for Signalled {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                let next = self.0.pop().unwrap_or(Ok(&[]))?;
                to[..next.len()].copy_from_slice(next);
                Ok(next.len())
            }
        }
        let place = tempfile::tempdir().unwrap();
        let poured = |kind: io::ErrorKind| {
            let mut to = Appended::create(place.path().join("to"), &[]).unwrap();
            let mut from = Signalled(vec![Ok(b"def"), Err(kind.into()), Ok(b"abc")]);
            let poured = pour(&mut from, Path::new("from"), &mut to);
            to.mark().unwrap();
            (poured.map_err(|error| error.to_string()), fs::read(place.path().join("to")).unwrap())
        };
        assert_eq!(poured(io::ErrorKind::Interrupted), (Ok(()), b"abcdef".to_vec()));
        let (error, written) = poured(io::ErrorKind::NotConnected);
        assert!(error.unwrap_err().contains("from"));
        assert_eq!(written, b"abc");
    }

    #[test]
    fn line_breaks_in_fields_end_no_row_and_what_is_no_row_is_an_error() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("t.csv"), "run,a\n0,\"x\n1,\"\n2,y\nz,0\n").unwrap();
        let mut table = Table::open(place.path(), "t.csv").unwrap();
        assert_eq!(table.next_row().unwrap(), Some((0, &b"0,\"x\n1,\"\n"[..])));
        assert_eq!(table.next_row().unwrap(), Some((2, &b"2,y\n"[..])));
        assert!(table.next_row().unwrap_err().to_string().contains("does not begin with a number"));
    }
}
