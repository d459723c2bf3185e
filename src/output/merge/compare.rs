//! Runs that two directories have must be the same in both.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;

use super::inputs::{Part, name};
use super::table::{Table, fields};
use super::write;
use crate::output::columns::Columns;
use crate::output::manifest::{Manifest, RunsFile};
use crate::output::parquet::{self, Groups};
use crate::output::{OutputError, append, cells, curves, failed, params, runs, traces};

/// Compares what two parts hold of the runs `shared`, which both have: the rows of these runs, their traces and parameters, and
/// of `cells.csv` and `curves.csv` the rows that count the same runs. Gives the number of runs that no row speaks of.
///
/// # Errors
/// [`OutputError::Disagreement`] names the first run, or cell, and the column that differ; else where a file can't be read.
pub fn agree(first: &Part, second: &Part, shared: &Range<u64>) -> Result<u64, OutputError> {
    if first.range == second.range && first.manifest.files == second.manifest.files {
        return Ok(0);
    }
    let options = &first.manifest.options;
    let any = |_| true;
    match options.runs {
        RunsFile::Csv => rows(first, second, runs::FILE, "run", shared.clone(), any)?,
        RunsFile::Parquet => columns(first, second, shared)?,
        RunsFile::None => {}
    }
    if options.trace > 0 {
        rows(first, second, traces::FILE, "run", shared.clone(), any)?;
    }
    if options.save_params {
        for name in [params::INITIAL, params::FINAL] {
            parameters(first, second, name, shared)?;
        }
    }
    // A row of a cell counts the runs that a part has of it.
    let seeds = first.manifest.seeds;
    let of_cell = |range: &Range<u64>, cell: u64| {
        range.start.max(cell * seeds)..range.end.min((cell + 1).saturating_mul(seeds))
    };
    let same = |cell| of_cell(&first.range, cell) == of_cell(&second.range, cell);
    let numbers = shared.start / seeds..shared.end.div_ceil(seeds);
    for name in [cells::FILE, curves::FILE] {
        rows(first, second, name, "cell", numbers.clone(), same)?;
    }
    if options.runs != RunsFile::None {
        return Ok(0);
    }
    // Between the borders cells are whole in both.
    let silent = numbers.filter(|&cell| !same(cell)).map(|cell| {
        let runs = of_cell(shared, cell);
        runs.end - runs.start
    });
    Ok(silent.sum())
}

/// Compares the rows of a file, sorted by the number of a run or a cell: those whose number is one of `numbers` and is
/// `wanted`.
fn rows(
    first: &Part,
    second: &Part,
    file: &'static str,
    what: &'static str,
    numbers: Range<u64>,
    wanted: impl Fn(u64) -> bool,
) -> Result<(), OutputError> {
    let mut tables = [Table::open(&first.directory, file)?, Table::open(&second.directory, file)?];
    for table in &mut tables {
        table.seek(numbers.start)?;
    }
    let [one, other] = &mut tables;
    let columns = one.columns();
    let differ = |number: u64, how: &str| Err(disagreement(first, second, file, what, number, how));
    loop {
        let in_one = next(one, &numbers, &wanted)?;
        let in_other = next(other, &numbers, &wanted)?;
        match (in_one, in_other) {
            (None, None) => return Ok(()),
            (Some((number, row)), Some((other_number, other_row))) if number == other_number => {
                if row != other_row {
                    let (ours, theirs) = (fields(row), fields(other_row));
                    let at = ours.iter().zip(&theirs).position(|(ours, theirs)| ours != theirs);
                    return match at {
                        Some(at) => {
                            let column = columns.get(at).map_or("a column", String::as_str);
                            differ(
                                number,
                                &format!("{column} is {} and {}", shown(&ours[at]), shown(&theirs[at])),
                            )
                        }
                        None => differ(number, "the rows have different lengths"),
                    };
                }
            }
            (one, other) => {
                let number = one.into_iter().chain(other).map(|(number, _)| number).min().unwrap_or(0);
                return differ(number, "one has a row more");
            }
        }
    }
}

/// Compares the rows of `runs.parquet`.
fn columns(first: &Part, second: &Part, shared: &Range<u64>) -> Result<(), OutputError> {
    let (mut one, mut other) = (TypedRows::open(first, shared)?, TypedRows::open(second, shared)?);
    let mut from = shared.start;
    while from < shared.end {
        let count = (shared.end - from).min(one.fill()?).min(other.fill()?) as usize;
        let (ours, theirs) = (one.waiting.take(count), other.waiting.take(count));
        let pairs = ours.columns().iter().zip(theirs.columns()).enumerate();
        let differ = pairs.filter_map(|(at, (ours, theirs))| Some((ours.first_difference(theirs)?, at)));
        if let Some((row, at)) = differ.min() {
            let shown = |columns: &Columns| columns.columns()[at].text(row).unwrap_or("nothing".into());
            let how = format!("{} is {} and {}", one.groups.names()[at], shown(&ours), shown(&theirs));
            let run = from + row as u64;
            return Err(disagreement(first, second, parquet::FILE, "run", run, &how));
        }
        from += count as u64;
    }
    Ok(())
}

/// The rows of a `runs.parquet`, from a run on.
struct TypedRows {
    path: PathBuf,
    groups: Groups,
    waiting: Columns,
    /// Rows that come before.
    skipped: u64,
}

impl TypedRows {
    fn open(part: &Part, shared: &Range<u64>) -> Result<TypedRows, OutputError> {
        let path = part.directory.join(parquet::FILE);
        let mut groups = parquet::read(&path)?;
        let row = shared.start - part.range.start;
        let skipped = row - groups.skip_to(row);
        Ok(TypedRows { path, groups, waiting: Columns::default(), skipped })
    }

    /// Reads on if all that was read is taken, and tells how many rows are there, one at least.
    fn fill(&mut self) -> Result<u64, OutputError> {
        while self.waiting.rows() == 0 {
            let Some(columns) = self.groups.next() else {
                let problem = "it has fewer rows than there are runs".into();
                return Err(OutputError::Damaged { path: self.path.clone(), problem });
            };
            self.waiting = columns?;
            let before = self.skipped.min(self.waiting.rows() as u64);
            self.waiting.take(before as usize);
            self.skipped -= before;
        }
        Ok(self.waiting.rows() as u64)
    }
}

/// The next row that counts.
fn next<'t>(
    table: &'t mut Table,
    numbers: &Range<u64>,
    wanted: &impl Fn(u64) -> bool,
) -> Result<Option<(u64, &'t [u8])>, OutputError> {
    loop {
        match table.next_row()?.map(|(number, _)| number) {
            Some(number) if number >= numbers.end => return Ok(None),
            Some(number) if !wanted(number) => {}
            found => return Ok(found.map(|number| (number, table.row()))),
        }
    }
}

/// An empty field is nothing.
fn shown(field: &str) -> &str {
    if field.is_empty() { "nothing" } else { field }
}

/// Compares the parameters of runs.
fn parameters(
    first: &Part,
    second: &Part,
    file: &'static str,
    shared: &Range<u64>,
) -> Result<(), OutputError> {
    let width = write::width(&first.manifest) as u64 * size_of::<f32>() as u64;
    let open = |part: &Part| {
        let path = part.directory.join(file);
        let head = params::head(part.range.end - part.range.start, write::width(&part.manifest));
        let start = head.len() as u64 + (shared.start - part.range.start) * width;
        let opened = append::open(&path).and_then(|mut file| {
            file.seek(SeekFrom::Start(start))?;
            Ok(BufReader::with_capacity(1 << 20, file))
        });
        opened.map_err(failed("read", &path)).map(|reader| (reader, path))
    };
    let ((mut one, at_one), (mut other, at_other)) = (open(first)?, open(second)?);
    let (mut ours, mut theirs) = (vec![0; width as usize], vec![0; width as usize]);
    for run in shared.clone() {
        one.read_exact(&mut ours).map_err(failed("read", &at_one))?;
        other.read_exact(&mut theirs).map_err(failed("read", &at_other))?;
        if let Some(byte) = ours.iter().zip(&theirs).position(|(ours, theirs)| ours != theirs) {
            let how = format!("parameter {} is another", byte / size_of::<f32>());
            return Err(disagreement(first, second, file, "run", run, &how));
        }
    }
    Ok(())
}

fn disagreement(first: &Part, second: &Part, file: &str, what: &str, number: u64, how: &str) -> OutputError {
    let (one, other) = (&first.manifest, &second.manifest);
    let run = if what == "run" { number } else { number.saturating_mul(one.seeds) };
    let (by_one, by_other) = (engine(one, run), engine(other, run));
    let build = |manifest: &Manifest| manifest.git_hash.clone().unwrap_or_else(|| "unknown".into());
    let cause = if by_one != by_other {
        format!(
            "they were trained by different engines, {by_one} and {by_other}, which need not agree to the bit"
        )
    } else if one.git_hash != other.git_hash {
        format!("they were trained by builds from different commits, {} and {}", build(one), build(other))
    } else {
        format!(
            "both were trained by {by_one}, which gives the same bits wherever its driver and its hardware do, so one of \
             the two machines is another or is faulty"
        )
    };
    OutputError::Disagreement(format!(
        "{what} {number} is not the same in {} and {}: in {file} {how}; {cause}; name only one of them",
        first.directory.display(),
        second.directory.display()
    ))
}

/// Who trained a run.
fn engine(manifest: &Manifest, run: u64) -> String {
    let stint = manifest.trained_by.iter().find(|stint| (stint.from..stint.to).contains(&run));
    name(stint.map_or(&manifest.engine, |stint| &stint.engine))
}
