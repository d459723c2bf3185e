//! `runs.parquet`: the rows of `runs.csv` with their types, and the manifest in the file's own metadata.
//!
//! A Parquet file is of use only when it is whole: what says where its columns are comes last. So the rows of a sweep that
//! is under way go to another file, [`SEGMENTS`], every window as a small Parquet file of its own with its length before it;
//! cut off at a window, it is what it was after that window. When all runs are in, [`write()`] reads the segments one after the
//! other and makes row groups of [`GROUP`] runs of them, counted from the first run of the directory: the bytes depend on
//! the rows, on [`Manifest::reproducible`] and on nothing else, however the sweep was cut up.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, LogicalType, Repetition, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer};
use parquet::data_type::DataType;
use parquet::errors::{ParquetError, Result as Parquet};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{ChunkReader, FileReader, Length, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use parquet::schema::types::{ColumnDescPtr, ColumnPath, Type, TypePtr};
use rayon::prelude::*;
use serde_json::Value as Json;

use super::append::{Appended, Content, open, settle};
use super::columns::{Column, Columns, Head, Kind, Values, heads};
use super::manifest::Manifest;
use super::{OutputError, failed};

/// The file's name.
pub const FILE: &str = "runs.parquet";
/// The same while it is written.
pub const NEW: &str = "runs.parquet.new";
/// The rows of a sweep that is under way.
pub const SEGMENTS: &str = "runs.parquet.unfinished";

/// The key of the manifest in the file's metadata.
pub const MANIFEST_KEY: &str = "symbreak.manifest";

/// Runs of a row group, but for the last. A group is in memory as a whole when it is written, and usually when it is read.
pub const GROUP: usize = 1 << 17;

/// Makes Parquet of columns.
#[derive(Clone, Debug)]
pub struct Format {
    heads: Vec<Head>,
    schema: TypePtr,
    properties: Arc<WriterProperties>,
}

impl Format {
    /// Of the runs of a resolved spec.
    ///
    /// # Errors
    /// Where Parquet cannot have such columns.
    pub fn new(spec: &Json) -> Result<Format, OutputError> {
        let heads = heads(spec);
        let fields = heads.iter().map(|head| Ok(Arc::new(field(head)?))).collect::<Parquet<_>>();
        let schema = fields
            .and_then(|fields| Type::group_type_builder("run").with_fields(fields).build())
            .map_err(|error| OutputError::Refused(format!("--runs parquet: {error}")))?;
        Ok(Format { properties: Arc::new(properties()), heads, schema: Arc::new(schema) })
    }

    /// Columns of no runs.
    pub fn empty(&self) -> Columns {
        Columns::new(&self.heads)
    }

    /// Columns of some runs as bytes to append to [`SEGMENTS`].
    ///
    /// # Errors
    /// Where they are not the columns of [`empty`](Self::empty).
    pub fn segment(&self, columns: &Columns) -> Result<Vec<u8>, OutputError> {
        let length = size_of::<u64>();
        let segment = || -> Parquet<Vec<u8>> {
            let mut bytes = vec![0; length];
            let mut file = self.file(&mut bytes)?;
            row_group(&mut file, columns)?;
            file.close()?;
            Ok(bytes)
        };
        let mut bytes = segment().map_err(|error| failed("write", Path::new(SEGMENTS))(plain(error)))?;
        let after = (bytes.len() - length) as u64;
        bytes[..length].copy_from_slice(&after.to_le_bytes());
        Ok(bytes)
    }

    fn file<W: Write + Send>(&self, to: W) -> Parquet<SerializedFileWriter<W>> {
        SerializedFileWriter::new(to, Arc::clone(&self.schema), Arc::clone(&self.properties))
    }
}

/// How a column stands in the schema.
fn field(head: &Head) -> Parquet<Type> {
    let (physical, logical) = match head.kind {
        Kind::Whole => (Physical::INT64, Some(LogicalType::integer(64, false))),
        Kind::Count => (Physical::INT32, Some(LogicalType::integer(32, false))),
        Kind::Float => (Physical::DOUBLE, None),
        Kind::Flag => (Physical::BOOLEAN, None),
        Kind::Word => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    let repetition = if head.optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    Type::primitive_type_builder(&head.name, physical)
        .with_logical_type(logical)
        .with_repetition(repetition)
        .build()
}

/// Numbers that count on take next to nothing as differences; measures are f32 by origin, so that of their eight bytes
/// three are mostly zero, and compress once they stand together. All else repeats: a dictionary.
fn properties() -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    let numbers = super::runs::BEFORE.map(|heading| (heading.name, Encoding::DELTA_BINARY_PACKED));
    let measures = super::runs::AFTER
        .into_iter()
        .filter(|heading| heading.kind == Kind::Float && !heading.name.starts_with("accuracy"))
        .map(|heading| (heading.name, Encoding::BYTE_STREAM_SPLIT));
    for (name, encoding) in numbers.into_iter().chain(measures) {
        let path = ColumnPath::from(name);
        properties =
            properties.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, encoding);
    }
    properties.build()
}

/// Writes runs as a whole file at `path`, which is there only when it is complete. The runs of all `sources` together are
/// those that `manifest` is of, in the order of their numbers. Gives its content as [`Manifest::files`] has it.
///
/// # Errors
/// Those of a source; where the file cannot be written; [`OutputError::Damaged`] where a source has other columns than its
/// spec. What was written so far is removed.
pub fn write(
    path: &Path,
    manifest: &Manifest,
    sources: impl Iterator<Item = Result<Columns, OutputError>>,
) -> Result<Content, OutputError> {
    let new = path.with_file_name(NEW);
    let written = write_new(&new, path, manifest, sources);
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

fn write_new(
    new: &Path,
    path: &Path,
    manifest: &Manifest,
    sources: impl Iterator<Item = Result<Columns, OutputError>>,
) -> Result<Content, OutputError> {
    let failed = |error| super::failed("write", new)(plain(error));
    let format = Format::new(&manifest.spec)?;
    let file = BufWriter::with_capacity(1 << 20, Appended::create(new.to_path_buf(), &[])?);
    let mut file = format.file(file).map_err(failed)?;
    let mut waiting = format.empty();
    for columns in sources {
        let columns = columns?;
        if !columns.have(&format.heads) {
            return Err(OutputError::Damaged {
                path: path.to_path_buf(),
                problem: "its rows come from a file with other columns than those of this spec".into(),
            });
        }
        waiting.append(columns);
        while waiting.rows() >= GROUP {
            row_group(&mut file, &waiting.take(GROUP)).map_err(failed)?;
        }
    }
    if waiting.rows() > 0 {
        row_group(&mut file, &waiting).map_err(failed)?;
    }
    let about = KeyValue::new(MANIFEST_KEY.to_string(), manifest.reproducible().to_string());
    file.append_key_value_metadata(about);
    let buffer = file.into_inner().map_err(failed)?;
    let file = buffer.into_inner().map_err(|error| super::failed("write", new)(error.into_error()))?;
    let content = file.content();
    file.publish(path)?;
    path.parent().map_or(Ok(()), settle)?;
    Ok(content)
}

/// Writes one row group; its columns are encoded on all cores.
fn row_group<W: Write + Send>(file: &mut SerializedFileWriter<W>, columns: &Columns) -> Parquet<()> {
    let properties = Arc::clone(file.properties());
    let encoded: Parquet<Vec<(Bytes, ColumnCloseResult)>> = file
        .schema_descr()
        .columns()
        .par_iter()
        .zip(columns.columns())
        .map(|(about, column)| encode(column, Arc::clone(about), Arc::clone(&properties)))
        .collect();
    let mut group = file.next_row_group()?;
    for (bytes, closed) in encoded? {
        group.append_column(&bytes, closed)?;
    }
    group.close()?;
    Ok(())
}

/// A column as it stands in a file, and what the file says of it.
fn encode(
    column: &Column,
    about: ColumnDescPtr,
    properties: Arc<WriterProperties>,
) -> Parquet<(Bytes, ColumnCloseResult)> {
    let mut to = TrackedWrite::new(Vec::new());
    let mut writer = get_column_writer(about, properties, Box::new(SerializedPageWriter::new(&mut to)));
    let present = column.present.as_deref();
    match (&mut writer, &column.values) {
        (ColumnWriter::Int64ColumnWriter(to), Values::Whole(values)) => {
            to.write_batch(values, present, None)?
        }
        (ColumnWriter::Int32ColumnWriter(to), Values::Count(values)) => {
            to.write_batch(values, present, None)?
        }
        (ColumnWriter::DoubleColumnWriter(to), Values::Float(values)) => {
            to.write_batch(values, present, None)?
        }
        (ColumnWriter::BoolColumnWriter(to), Values::Flag(values)) => {
            to.write_batch(values, present, None)?
        }
        (ColumnWriter::ByteArrayColumnWriter(to), Values::Word(values)) => {
            to.write_batch(values, present, None)?
        }
        (_, values) => {
            return Err(ParquetError::General(format!("{:?} for a column of another type", values.kind())));
        }
    };
    let closed = writer.close()?;
    Ok((to.into_inner()?.into(), closed))
}

/// The columns of a row group; they are decoded on all cores.
fn decode(group: &dyn RowGroupReader) -> Parquet<Columns> {
    let rows = group.metadata().num_rows() as usize;
    let column = |at: usize| {
        let optional = group.metadata().column(at).column_descr().max_def_level() > 0;
        let mut present = optional.then(Vec::new);
        let values = match group.get_column_reader(at)? {
            ColumnReader::Int64ColumnReader(from) => Values::Whole(all(from, rows, &mut present)?),
            ColumnReader::Int32ColumnReader(from) => Values::Count(all(from, rows, &mut present)?),
            ColumnReader::DoubleColumnReader(from) => Values::Float(all(from, rows, &mut present)?),
            ColumnReader::BoolColumnReader(from) => Values::Flag(all(from, rows, &mut present)?),
            ColumnReader::ByteArrayColumnReader(from) => Values::Word(all(from, rows, &mut present)?),
            _ => return Err(ParquetError::General("a column of a type that runs do not have".into())),
        };
        Ok(Column { present, values })
    };
    let columns: Parquet<Vec<Column>> = (0..group.num_columns()).into_par_iter().map(column).collect();
    Ok(Columns::of(columns?, rows))
}

/// The values of a column of `rows` rows.
fn all<D: DataType>(
    mut from: ColumnReaderImpl<D>,
    rows: usize,
    present: &mut Option<Vec<i16>>,
) -> Parquet<Vec<D::T>> {
    let mut values = Vec::new();
    let (read, ..) = from.read_records(rows, present.as_mut(), None, &mut values)?;
    if read == rows { Ok(values) } else { Err(ParquetError::EOF(format!("{read} rows of {rows}"))) }
}

/// A file that is opened anew for each part of it: handles of one opened file share their place, and could not be read on
/// several cores.
#[derive(Clone, Debug)]
struct Parts {
    path: PathBuf,
    bytes: u64,
}

impl Length for Parts {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for Parts {
    type T = BufReader<File>;

    fn get_read(&self, start: u64) -> Parquet<BufReader<File>> {
        let mut file = open(&self.path)?;
        file.seek(SeekFrom::Start(start))?;
        Ok(BufReader::new(file))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Parquet<Bytes> {
        let mut bytes = Vec::new();
        self.get_read(start)?.take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() == length {
            Ok(bytes.into())
        } else {
            Err(ParquetError::EOF("it is cut short".into()))
        }
    }
}

/// The runs of a finished file, row group by row group.
pub struct Groups {
    path: PathBuf,
    file: SerializedFileReader<Parts>,
    next: usize,
}

/// Opens a [`FILE`].
///
/// # Errors
/// Where it cannot be read, or is no Parquet.
pub fn read(path: &Path) -> Result<Groups, OutputError> {
    let bytes = fs::metadata(path).map_err(failed("read", path))?.len();
    let parts = Parts { path: path.to_path_buf(), bytes };
    let file = SerializedFileReader::new(parts).map_err(|error| unreadable(path, error))?;
    Ok(Groups { path: path.to_path_buf(), file, next: 0 })
}

impl Groups {
    /// Goes beyond the row groups that end at or before row `row`, where none has been read yet; gives the first row of the
    /// next.
    pub fn skip_to(&mut self, row: u64) -> u64 {
        let mut first = 0;
        for group in self.file.metadata().row_groups() {
            let rows = group.num_rows() as u64;
            if first + rows > row {
                break;
            }
            first += rows;
            self.next += 1;
        }
        first
    }

    /// The columns' names.
    pub fn names(&self) -> Vec<&str> {
        let schema = self.file.metadata().file_metadata().schema_descr();
        schema.columns().iter().map(|column| column.name()).collect()
    }
}

impl Iterator for Groups {
    type Item = Result<Columns, OutputError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.file.num_row_groups() {
            return None;
        }
        self.next += 1;
        let columns = self.file.get_row_group(self.next - 1).and_then(|group| decode(group.as_ref()));
        Some(columns.map_err(|error| unreadable(&self.path, error)))
    }
}

/// The runs of an unfinished sweep, segment by segment.
#[derive(Debug)]
pub struct Segments {
    path: PathBuf,
    file: BufReader<File>,
}

impl Segments {
    /// Opens a [`SEGMENTS`].
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn open(path: &Path) -> Result<Segments, OutputError> {
        let file = open(path).map_err(failed("read", path))?;
        Ok(Segments { path: path.to_path_buf(), file: BufReader::with_capacity(1 << 20, file) })
    }

    /// The bytes of the next segment.
    fn bytes(&mut self) -> io::Result<Option<Bytes>> {
        if self.file.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let mut length = [0; size_of::<u64>()];
        self.file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        let mut bytes = Vec::new();
        self.file.by_ref().take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == length {
            Ok(Some(bytes.into()))
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

impl Iterator for Segments {
    type Item = Result<Columns, OutputError>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = match self.bytes() {
            Ok(bytes) => bytes?,
            Err(error) => return Some(Err(failed("read", &self.path)(error))),
        };
        let columns = SerializedFileReader::new(bytes)
            .and_then(|file| file.get_row_group(0).and_then(|group| decode(group.as_ref())));
        Some(columns.map_err(|error| unreadable(&self.path, error)))
    }
}

/// The operating system's own error, if it is one.
fn plain(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        other => io::Error::other(other),
    }
}

/// A file that the operating system does not give, or that is not what this program writes.
fn unreadable(path: &Path, error: ParquetError) -> OutputError {
    match error {
        ParquetError::External(_) => failed("read", path)(plain(error)),
        other => OutputError::Damaged { path: path.to_path_buf(), problem: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns of `rows` runs of which nothing but their number is told.
    fn runs(format: &Format, from: usize, rows: usize) -> Columns {
        let columns = format.heads.iter().map(|head| {
            let present = head.optional.then(|| vec![0; rows]);
            let whole = if head.optional { 0 } else { rows };
            let values = match head.kind {
                Kind::Whole => Values::Whole((from..from + whole).map(|run| run as i64).collect()),
                Kind::Count => Values::Count(vec![0; whole]),
                Kind::Float => Values::Float(vec![0.0; whole]),
                Kind::Flag => Values::Flag(vec![false; whole]),
                Kind::Word => Values::Word(vec!["x".into(); whole]),
            };
            Column { present, values }
        });
        Columns::of(columns.collect(), rows)
    }

    /// A file with row groups of these lengths.
    fn file(path: &Path, groups: &[usize]) -> Groups {
        let format = Format::new(&Json::Null).unwrap();
        let mut writer = format.file(File::create(path).unwrap()).unwrap();
        let mut from = 0;
        for &rows in groups {
            row_group(&mut writer, &runs(&format, from, rows)).unwrap();
            from += rows;
        }
        writer.close().unwrap();
        read(path).unwrap()
    }

    #[test]
    fn row_groups_that_end_before_a_row_are_skipped() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(FILE);
        for (row, first, rows) in [
            (0, 0, Some(3)),
            (2, 0, Some(3)),
            (3, 3, Some(4)),
            (6, 3, Some(4)),
            (7, 7, Some(5)),
            (12, 12, None),
        ] {
            let mut groups = file(&path, &[3, 4, 5]);
            assert_eq!(groups.skip_to(row), first, "{row}");
            assert_eq!(groups.next().map(|columns| columns.unwrap().rows()), rows, "{row}");
        }
    }

    #[test]
    fn columns_are_encoded_as_suits_them() {
        let place = tempfile::tempdir().unwrap();
        let groups = file(&place.path().join(FILE), &[3]);
        let group = groups.file.metadata().row_group(0);
        for column in group.columns() {
            let name = column.column_path().string();
            let special = match name.as_str() {
                "run" | "cell" | "seed" => Some(Encoding::DELTA_BINARY_PACKED),
                _ if name.starts_with("accuracy") => None,
                _ if column.column_type() == Physical::DOUBLE => Some(Encoding::BYTE_STREAM_SPLIT),
                _ => None,
            };
            let encodings: Vec<Encoding> = column.encodings().collect();
            // Flags are of a bit each; no dictionary has less.
            let repeats = special.is_none() && column.column_type() != Physical::BOOLEAN;
            assert_eq!(encodings.contains(&Encoding::RLE_DICTIONARY), repeats, "{name}: {encodings:?}");
            for encoding in [Encoding::DELTA_BINARY_PACKED, Encoding::BYTE_STREAM_SPLIT] {
                assert_eq!(encodings.contains(&encoding), special == Some(encoding), "{name}: {encodings:?}");
            }
            assert_eq!(column.compression(), Compression::SNAPPY, "{name}");
        }
    }
}
