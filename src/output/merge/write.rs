//! The files of a merge.
//!
//! Rows are copied as they are, part by part. Only a cell that is cut by a border between parts has its rows made anew, from
//! what the parts have kept of it. Memory is bounded by two of these.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use super::inputs::Part;
use super::table::{Table, pour};
use crate::output::append::{Appended, Content, open};
use crate::output::columns::Columns;
use crate::output::journal::OpenCell;
use crate::output::manifest::{Manifest, RunsFile};
use crate::output::parquet;
use crate::output::partial::{self, PartialCell};
use crate::output::rows::Rows;
use crate::output::{OutputError, cells, curves, failed, package, params, runs, traces};
use crate::spec::Grid;

/// Bytes of rows that are written at a time.
const CHUNK: usize = 1 << 20;

/// Writes into `place` all files but the manifest, which is to be `manifest`, of disjoint parts, one at least, in the order of
/// their runs. Gives what they hold by name; they are where a loss of power does not reach them.
///
/// # Errors
/// Where a file can't be read or written; [`OutputError::Damaged`] where one is not what this program writes.
pub fn files(
    parts: &[&Part],
    grid: &Grid,
    manifest: &Manifest,
    place: &Path,
) -> Result<BTreeMap<&'static str, Content>, OutputError> {
    let options = &manifest.options;
    let mut files = BTreeMap::new();
    match options.runs {
        RunsFile::Csv => {
            files.insert(runs::FILE, concatenated(parts, runs::FILE, place)?.mark()?);
        }
        RunsFile::Parquet => {
            let path = place.join(parquet::FILE);
            files.insert(parquet::FILE, parquet::write(&path, manifest, typed_rows(parts))?);
        }
        RunsFile::None => {}
    }
    if options.trace > 0 {
        files.insert(traces::FILE, concatenated(parts, traces::FILE, place)?.mark()?);
    }
    if options.save_params {
        for name in [params::INITIAL, params::FINAL] {
            files.insert(name, parameters(parts, manifest, name, place)?.mark()?);
        }
    }
    let mut cells = Cells {
        grid,
        manifest,
        rows: start(parts, cells::FILE, place)?,
        curves: start(parts, curves::FILE, place)?,
        open: None,
    };
    for part in parts {
        cells.add(part)?;
    }
    cells.close()?;
    files.insert(cells::FILE, cells.rows.mark()?);
    files.insert(curves::FILE, cells.curves.mark()?);
    files.insert(package::FILE, package::write(place, manifest)?);
    Ok(files)
}

/// How many parameters a run has.
pub fn width(manifest: &Manifest) -> usize {
    // With --save-params they are as many in every program.
    manifest.programs.first().map_or(0, |program| program.parameters)
}

/// A new file with the head that it has in all parts.
fn start(parts: &[&Part], name: &'static str, place: &Path) -> Result<Appended, OutputError> {
    let mut head: Option<Table> = None;
    for part in parts {
        let table = Table::open(&part.directory, name)?;
        match &head {
            Some(first) if first.head() != table.head() => {
                let message =
                    format!("its columns are not those of {}", parts[0].directory.join(name).display());
                return Err(table.damaged(message));
            }
            Some(_) => {}
            None => head = Some(table),
        }
    }
    Appended::create(place.join(name), head.as_ref().map_or(&[], Table::head))
}

/// The rows of all parts, one after the other.
fn concatenated(parts: &[&Part], name: &'static str, place: &Path) -> Result<Appended, OutputError> {
    let mut file = start(parts, name, place)?;
    for part in parts {
        Table::open(&part.directory, name)?.pour(&mut file)?;
    }
    Ok(file)
}

/// The rows of all parts, row group by row group.
fn typed_rows(parts: &[&Part]) -> impl Iterator<Item = Result<Columns, OutputError>> {
    parts.iter().flat_map(|part| {
        let (groups, error) = match parquet::read(&part.directory.join(parquet::FILE)) {
            Ok(groups) => (Some(groups), None),
            Err(error) => (None, Some(Err(error))),
        };
        error.into_iter().chain(groups.into_iter().flatten())
    })
}

/// The parameters of all parts, one after the other: as many rows as there are runs.
fn parameters(
    parts: &[&Part],
    manifest: &Manifest,
    name: &'static str,
    place: &Path,
) -> Result<Appended, OutputError> {
    let width = width(manifest);
    let mut file = Appended::create(place.join(name), &params::head(manifest.counts.runs_finished, width))?;
    for part in parts {
        let path = part.directory.join(name);
        let rows = part.range.end - part.range.start;
        let head = params::head(rows, width).len() as u64;
        let opened = open(&path).and_then(|mut file| {
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(head))?;
            Ok((length, file))
        });
        let (length, mut from) = opened.map_err(failed("read", &path))?;
        if length != head + rows * (width * size_of::<f32>()) as u64 {
            let problem = format!("it is not an array of {rows} rows of {width} parameters");
            return Err(OutputError::Damaged { path, problem });
        }
        pour(&mut from, &path, &mut file)?;
    }
    Ok(file)
}

/// The cells that a range of runs has a part of, and not all.
fn cut(range: &Range<u64>, seeds: u64) -> Vec<u64> {
    let (first, last) = (range.start / seeds, (range.end - 1) / seeds);
    let is_cut = |cell: u64| range.start > cell * seeds || range.end - cell * seeds < seeds;
    let mut cells = vec![first, last];
    cells.dedup();
    cells.retain(|&cell| is_cut(cell));
    cells
}

/// `cells.csv` and `curves.csv` while they are put together.
struct Cells<'a> {
    grid: &'a Grid,
    manifest: &'a Manifest,
    rows: Appended,
    curves: Appended,
    /// A cell that may have further runs in the next part.
    open: Option<(u64, OpenCell)>,
}

impl Cells<'_> {
    /// Adds a part whose runs come after those before.
    fn add(&mut self, part: &Part) -> Result<(), OutputError> {
        let seeds = self.manifest.seeds;
        let cut = cut(&part.range, seeds);
        let mut partial = partial_cells(part, &cut, seeds)?.into_iter().peekable();
        let (first, last) = (part.range.start / seeds, (part.range.end - 1) / seeds);
        if let Some(begun) = partial.next_if(|partial| partial.cell as u64 == first) {
            match &mut self.open {
                Some((cell, tallies)) if *cell == first => tallies.merge(begun.tallies),
                _ => {
                    self.close()?;
                    self.open = Some((first, begun.tallies));
                }
            }
            if first == last {
                return Ok(());
            }
        }
        self.close()?;
        copy(part, cells::FILE, &cut, &mut self.rows)?;
        copy(part, curves::FILE, &cut, &mut self.curves)?;
        self.open = partial.next().map(|partial| (partial.cell as u64, partial.tallies));
        Ok(())
    }

    /// Writes the cell that is open.
    fn close(&mut self) -> Result<(), OutputError> {
        let Some((cell, mut tallies)) = self.open.take() else { return Ok(()) };
        let cell = cell as usize;
        let swept = Rows::of_values(&self.grid.values(cell));
        let measured = self.grid.steps(cell).and_then(|steps| self.manifest.measured_steps.get(&steps));
        let Some(measured) = measured else {
            return Err(OutputError::Refused(format!(
                "the manifests tell no measured steps for cell {cell}; train the shards again"
            )));
        };
        let (mut rows, mut curve) = (Rows::default(), Rows::default());
        tallies.write(&mut rows, &mut curve, cell, &swept, measured);
        self.rows.append(rows.as_bytes())?;
        self.curves.append(curve.as_bytes())
    }
}

/// What a part has kept of the cells that it has a part of.
fn partial_cells(part: &Part, cut: &[u64], seeds: u64) -> Result<Vec<PartialCell>, OutputError> {
    if cut.is_empty() {
        return Ok(Vec::new());
    }
    let path = part.directory.join(partial::FILE);
    let file = open(&path).map_err(failed("read", &path))?;
    let damaged = |problem: String| OutputError::Damaged { path: path.clone(), problem };
    let mut cells = Vec::new();
    for line in BufReader::with_capacity(CHUNK, file).split(b'\n') {
        let line = line.map_err(failed("read", &path))?;
        let cell: PartialCell = serde_json::from_slice(&line).map_err(|error| damaged(error.to_string()))?;
        cells.push(cell);
    }
    // Each with as many runs as are in the part.
    let runs =
        |cell: u64| part.range.end.min((cell + 1).saturating_mul(seeds)) - part.range.start.max(cell * seeds);
    let expected = cut.iter().map(|&cell| (cell, runs(cell)));
    if !cells.iter().map(|partial| (partial.cell as u64, partial.tallies.runs())).eq(expected) {
        return Err(damaged("its cells are not those at the borders of the shard".into()));
    }
    Ok(cells)
}

/// Appends the rows of a part but for those of the cells that are cut.
fn copy(part: &Part, name: &'static str, cut: &[u64], to: &mut Appended) -> Result<(), OutputError> {
    let mut table = Table::open(&part.directory, name)?;
    let mut chunk = Vec::with_capacity(CHUNK);
    while let Some((cell, row)) = table.next_row()? {
        if cut.contains(&cell) {
            continue;
        }
        chunk.extend_from_slice(row);
        if chunk.len() >= CHUNK {
            to.append(&chunk)?;
            chunk.clear();
        }
    }
    to.append(&chunk)
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn cells_at_the_ends_of_a_range_may_be_cut() {
        for (range, expected) in [
            (0..10, vec![]),
            (10..30, vec![]),
            (0..1, vec![0]),
            (3..7, vec![0]),
            (3..10, vec![0]),
            (3..20, vec![0]),
            (10..21, vec![2]),
            (9..11, vec![0, 1]),
            (9..41, vec![0, 4]),
        ] {
            assert_eq!(cut(&range, 10), expected, "{range:?}");
        }
    }
}
