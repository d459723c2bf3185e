//! What a result directory holds, by key and column.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::axis::number;
use super::words::{counted, grouped};
use super::{Kind, PlotError, Request};
use crate::output::append::Lines;
use crate::output::{Manifest, OutputError, Status, cells, traces};
use crate::spec::{Grid, Value, nearest, suggestion};

/// A sweep, as far as `cells.csv` tells, after the filters.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Where its files are.
    pub directory: PathBuf,
    /// Of the spec, else of the directory.
    pub name: String,
    /// If it is there and can be read; nothing but captions, known levels and parameters needs it.
    pub manifest: Option<Manifest>,
    /// Every column of `cells.csv`.
    pub columns: Vec<String>,
    /// The swept keys, slowest first, with the values that are left.
    pub keys: Vec<Key>,
    /// The cells that are left, in the order of the file.
    pub rows: Vec<Row>,
    /// `seed` that was asked for.
    pub seed: Option<u64>,
    /// `run` that was asked for.
    pub run: Option<u64>,
    /// The filters: keys and which of their values.
    chosen: Vec<(String, Vec<String>)>,
    /// Cells of the grid that `cells.csv` does not have, as far as the manifest tells.
    absent: u64,
}

/// A swept key.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// `init.scale`
    pub name: String,
    /// Its values for people: ascending if they are numbers, else in the order of the file.
    pub names: Vec<String>,
    /// Its values if all are numbers, else empty.
    pub numbers: Vec<f64>,
    /// Numbers of the grid that no cell is there of, as far as the manifest tells.
    absent: Vec<f64>,
}

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number.
    pub cell: u64,
    /// Its runs.
    pub runs: u64,
    /// For each key, which of its values.
    pub values: Vec<usize>,
    /// Its place among the rows of the file.
    at: usize,
}

fn damaged(path: &Path, problem: impl ToString) -> PlotError {
    OutputError::Damaged { path: path.to_path_buf(), problem: problem.to_string() }.into()
}

/// A reader of one of the files.
pub fn reader(path: &Path) -> Result<csv::Reader<Lines>, PlotError> {
    let file = Lines::open(path).map_err(crate::output::failed("read", path))?;
    Ok(csv::ReaderBuilder::new().buffer_capacity(1 << 20).from_reader(file))
}

/// The places of columns in a file.
///
/// # Errors
/// Where one is not there.
pub fn places<const N: usize>(
    reader: &mut csv::Reader<Lines>,
    path: &Path,
    names: [&str; N],
) -> Result<[usize; N], PlotError> {
    let head = reader.headers().map_err(|error| damaged(path, error))?;
    let mut places = [0; N];
    for (place, name) in places.iter_mut().zip(names) {
        let found = head.iter().position(|column| column == name);
        *place = found.ok_or_else(|| damaged(path, format!("it has no column {name}")))?;
    }
    Ok(places)
}

/// Row by row, the fields at `places` as numbers, NaN where a field is empty.
///
/// # Errors
/// Where a row is not CSV or a field is no number; the text names the line.
pub fn each_row<const N: usize>(
    mut reader: csv::Reader<Lines>,
    path: &Path,
    places: [usize; N],
    mut then: impl FnMut([f64; N]),
) -> Result<(), PlotError> {
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| damaged(path, error))? {
        let mut fields = [f64::NAN; N];
        for (field, place) in fields.iter_mut().zip(places) {
            *field = numeric(record.get(place).unwrap_or_default())
                .ok_or_else(|| not_a_number(path, &record, place))?;
        }
        then(fields);
    }
    Ok(())
}

/// An empty field is no number and no mistake.
fn numeric(field: &str) -> Option<f64> {
    if field.is_empty() { Some(f64::NAN) } else { field.parse().ok() }
}

fn not_a_number(path: &Path, record: &csv::StringRecord, place: usize) -> PlotError {
    let (line, field) =
        (record.position().map_or(0, csv::Position::line), record.get(place).unwrap_or_default());
    damaged(path, format!("line {line}: \"{field}\" is no number"))
}

impl Sweep {
    /// Reads the keys and cells of a directory, and keeps those that pass the filters.
    ///
    /// # Errors
    /// Where there is no `cells.csv`, it has no cells, or a filter names something that is not there.
    pub fn open(directory: &Path, filters: &[(String, String)]) -> Result<Sweep, PlotError> {
        let path = directory.join(cells::FILE);
        if !path.exists() {
            return Err(PlotError::Refused(format!(
                "{} has no {}; expected the result directory of a sweep, which symbreak run makes",
                directory.display(),
                cells::FILE
            )));
        }
        // What it says beyond the cells is not worth refusing a picture for.
        let manifest = Manifest::read(directory).ok().flatten();
        let mut file = reader(&path)?;
        let head = file.headers().map_err(|error| damaged(&path, error))?;
        let columns: Vec<String> = head.iter().map(str::to_string).collect();
        let runs = match columns.iter().position(|column| column == "runs") {
            Some(at) if columns[0] == "cell" => at,
            _ => {
                return Err(damaged(
                    &path,
                    "it is not the cells.csv of a sweep: it has no column cell or runs",
                ));
            }
        };
        let mut texts: Vec<Vec<String>> = vec![Vec::new(); runs - 1];
        let mut seen: Vec<HashMap<String, usize>> = vec![HashMap::new(); runs - 1];
        let mut rows = Vec::new();
        let mut record = csv::StringRecord::new();
        while file.read_record(&mut record).map_err(|error| damaged(&path, error))? {
            let field = |at: usize| record.get(at).unwrap_or_default();
            let whole = |at: usize| field(at).parse::<u64>().map_err(|_| not_a_number(&path, &record, at));
            let mut values = Vec::with_capacity(runs - 1);
            for key in 0..runs - 1 {
                let text = field(key + 1);
                let slot = match seen[key].get(text) {
                    Some(slot) => *slot,
                    None => {
                        seen[key].insert(text.to_string(), texts[key].len());
                        texts[key].push(text.to_string());
                        texts[key].len() - 1
                    }
                };
                values.push(slot);
            }
            rows.push(Row { cell: whole(0)?, runs: whole(runs)?, values, at: rows.len() });
        }
        if rows.is_empty() {
            return Err(PlotError::Refused(format!("{} has no cells yet", path.display())));
        }
        let grid = manifest.as_ref().and_then(|manifest| Grid::of(&manifest.spec).ok());
        let absent = grid.as_ref().map_or(0, |grid| grid.cells().saturating_sub(rows.len() as u64));
        let mut keys = Vec::new();
        for (at, (name, texts)) in columns[1..runs].iter().zip(&texts).enumerate() {
            let (mut key, order) = Key::of(name, texts);
            rows.iter_mut().for_each(|row| row.values[at] = order[row.values[at]]);
            key.absent = grid.as_ref().map_or_else(Vec::new, |grid| absent_numbers(grid, &key));
            keys.push(key);
        }
        let name = match &manifest {
            Some(manifest) => manifest.name.clone(),
            None => {
                let place = std::path::absolute(directory).unwrap_or_else(|_| directory.to_path_buf());
                place.file_name().map_or("sweep".into(), |name| name.to_string_lossy().into_owned())
            }
        };
        let directory = directory.to_path_buf();
        let (seed, run, chosen) = (None, None, Vec::new());
        let mut sweep = Sweep { directory, name, manifest, columns, keys, rows, seed, run, chosen, absent };
        sweep.filter(filters)?;
        Ok(sweep)
    }

    fn filter(&mut self, filters: &[(String, String)]) -> Result<(), PlotError> {
        let mut allowed: Vec<Option<Vec<usize>>> = vec![None; self.keys.len()];
        let mut cells: Vec<u64> = Vec::new();
        for (name, value) in filters {
            let whole = || {
                let message = format!("--where {name}={value}: expected a whole number");
                value.parse::<u64>().map_err(|_| PlotError::Refused(message))
            };
            match name.as_str() {
                "cell" => cells.push(whole()?),
                "seed" => self.seed = Some(whole()?),
                "run" => self.run = Some(whole()?),
                _ => {
                    let at = self.key("--where", name)?;
                    let slot = self.keys[at].slot(value).ok_or_else(|| {
                        let (all, near) = (&self.keys[at].names, self.keys[at].nearest(value));
                        PlotError::Refused(format!(
                            "--where {name}={value}: no cell has that value; there are {}{near}",
                            some_of(all)
                        ))
                    })?;
                    allowed[at].get_or_insert_default().push(slot);
                    // What nobody asked for is not missing.
                    self.keys[at].absent.clear();
                }
            }
            match self.chosen.iter_mut().find(|(chosen, _)| chosen == name) {
                Some((_, values)) => values.push(value.clone()),
                None => self.chosen.push((name.clone(), vec![value.clone()])),
            }
        }
        let keep = |row: &Row| {
            let passes = |(slots, slot): (&Option<Vec<usize>>, &usize)| {
                slots.as_ref().is_none_or(|slots| slots.contains(slot))
            };
            (cells.is_empty() || cells.contains(&row.cell)) && allowed.iter().zip(&row.values).all(passes)
        };
        self.rows.retain(keep);
        if self.rows.is_empty() {
            return Err(PlotError::Refused("--where leaves no cell; ask for less at once".into()));
        }
        self.forget_unused();
        Ok(())
    }

    /// Drops the values that no cell is left with.
    fn forget_unused(&mut self) {
        for (at, key) in self.keys.iter_mut().enumerate() {
            let mut used = vec![false; key.names.len()];
            self.rows.iter().for_each(|row| used[row.values[at]] = true);
            let mut next = 0;
            let order: Vec<usize> = used.iter().map(|used| (next, next += usize::from(*used)).0).collect();
            let mut flags = used.iter();
            key.names.retain(|_| flags.next() == Some(&true));
            let mut flags = used.iter();
            key.numbers.retain(|_| flags.next() == Some(&true));
            self.rows.iter_mut().for_each(|row| row.values[at] = order[row.values[at]]);
        }
    }

    /// The place of a key, by its name or by the part after the dot.
    ///
    /// # Errors
    /// Where the sweep does not sweep it.
    pub fn key(&self, flag: &str, name: &str) -> Result<usize, PlotError> {
        if let Some(at) = self.keys.iter().position(|key| key.name == name) {
            return Ok(at);
        }
        let short = |key: &&Key| key.name.rsplit('.').next() == Some(name);
        let mut same = self.keys.iter().filter(short);
        if let (Some(key), None) = (same.next(), same.next()) {
            return Ok(self.keys.iter().position(|other| other.name == key.name).unwrap_or(0));
        }
        let names: Vec<&str> = self.keys.iter().map(|key| key.name.as_str()).collect();
        let all = if names.is_empty() { "no key".into() } else { names.join(", ") };
        let near = suggestion(nearest(name, names));
        Err(PlotError::Refused(format!("{flag} {name}: the sweep has no such key; it sweeps {all}{near}")))
    }

    /// The name of a column of `cells.csv` that holds figures.
    ///
    /// # Errors
    /// Where there is none of that name.
    pub fn column(&self, flag: &str, name: &str) -> Result<String, PlotError> {
        let figures = &self.columns[(1 + self.keys.len()).min(self.columns.len())..];
        if figures.iter().any(|column| column == name) {
            return Ok(name.to_string());
        }
        let near = suggestion(nearest(name, figures.iter().map(String::as_str)));
        let all = figures.join(", ");
        Err(PlotError::Refused(format!("{flag} {name}: cells.csv has no such column; it has {all}{near}")))
    }

    /// Whether the names of a request are there at all.
    ///
    /// # Errors
    /// Where one is neither a key nor, if it could be one, a column of a file that the kinds asked for read.
    pub fn check(&self, request: &Request) -> Result<(), PlotError> {
        if let Some(x) = &request.x {
            self.key("--x", x)?;
        }
        let traced = match request.kinds.is_empty() {
            true => self.directory.join(traces::FILE).exists(),
            false => request.kinds.contains(&Kind::Traces),
        };
        for (flag, name) in [("--y", &request.y), ("--color", &request.color)] {
            let Some(name) = name else { continue };
            let of_traces: &[&str] = if traced && flag == "--y" { &super::traces::COLUMNS } else { &[] };
            if self.key(flag, name).is_ok()
                || self.column(flag, name).is_ok()
                || of_traces.contains(&name.as_str())
            {
                continue;
            }
            let (keys, columns) = self.columns[1..].split_at(self.keys.len());
            let keys = if keys.is_empty() { "no key".into() } else { keys.join(", ") };
            let mut all = format!("it sweeps {keys}; cells.csv has {}", columns.join(", "));
            if !of_traces.is_empty() {
                all += &format!("; {} has {}", traces::FILE, of_traces.join(", "));
            }
            let known = self.columns[1..].iter().map(String::as_str).chain(of_traces.iter().copied());
            let near = suggestion(nearest(name, known));
            return Err(PlotError::Refused(format!(
                "{flag} {name}: neither a key nor a column; {all}{near}"
            )));
        }
        Ok(())
    }

    /// Columns of `cells.csv` at the rows that are left, NaN where a value is missing.
    ///
    /// # Errors
    /// Where a column is not there or holds something else than numbers.
    pub fn values<const N: usize>(&self, names: [&str; N]) -> Result<[Vec<f64>; N], PlotError> {
        let path = self.directory.join(cells::FILE);
        let mut file = reader(&path)?;
        let at = places(&mut file, &path, names)?;
        let mut wanted = self.rows.iter().map(|row| row.at).peekable();
        let mut columns = [const { Vec::new() }; N];
        let mut line = 0;
        each_row(file, &path, at, |fields| {
            if wanted.peek() == Some(&line) {
                wanted.next();
                columns
                    .iter_mut()
                    .zip(fields)
                    .for_each(|(column, field): (&mut Vec<f64>, f64)| column.push(field));
            }
            line += 1;
        })?;
        // Somebody may have written the file anew meanwhile.
        if columns.iter().any(|column| column.len() != self.rows.len()) {
            return Err(damaged(&path, "it changed while it was read"));
        }
        Ok(columns)
    }

    /// The largest number of runs of a cell.
    pub fn most_runs(&self) -> u64 {
        self.rows.iter().map(|row| row.runs).max().unwrap_or(0)
    }

    /// The runs of all cells that are left.
    pub fn total_runs(&self) -> u64 {
        self.rows.iter().map(|row| row.runs).sum()
    }

    /// A key of the resolved spec, if the manifest is there and it is not swept.
    pub fn setting(&self, key: &str) -> Option<&Json> {
        let (table, leaf) = key.split_once('.')?;
        self.manifest.as_ref()?.spec.get(table)?.get(leaf)
    }

    /// The runs of some rows.
    pub fn runs_in<'a>(&self, rows: impl IntoIterator<Item = &'a Row>) -> u64 {
        rows.into_iter().map(|row| row.runs).sum()
    }

    /// `1,700 runs in 17 cells (100 each).` of the rows that are shown.
    pub fn runs_in_words<'a>(&self, rows: impl IntoIterator<Item = &'a Row>) -> String {
        let (mut runs, mut cells, mut least, mut most) = (0, 0, u64::MAX, 0);
        for row in rows {
            (runs, cells) = (runs + row.runs, cells + 1);
            (least, most) = (least.min(row.runs), most.max(row.runs));
        }
        let each = match (cells, least == most) {
            (0 | 1, _) => String::new(),
            (_, true) => format!(" ({} each)", grouped(most)),
            (_, false) => format!(" ({} to {} each)", grouped(least), grouped(most)),
        };
        format!("{} in {}{each}.", counted(runs, "run"), counted(cells, "cell"))
    }

    /// Where runs start: `from a constant 0.5`, `perturbation scale 0.1`; what is swept is left out.
    fn start_in_words(&self) -> Vec<String> {
        let amount = |key: &str| self.setting(key).and_then(Json::as_f64).map(number);
        let given = self.setting("init.values").is_some();
        let base = match self.setting("init.base").and_then(Json::as_str) {
            _ if given => Some("from given parameters".to_string()),
            Some("zero") => Some("from zero".into()),
            Some("constant") => {
                let value = amount("init.base_value").map_or_else(String::new, |value| format!(" {value}"));
                Some(format!("from a constant{value}"))
            }
            Some("copies") => {
                let range = amount("init.base_value").map(|r| format!(" (up to ±{r})"));
                Some(format!("from copies at a random point{}", range.unwrap_or_default()))
            }
            _ => None,
        };
        let scale = amount("init.scale").map(|scale| format!("perturbation scale {scale}"));
        base.into_iter().chain(scale).collect()
    }

    /// What was run, as far as the manifest tells, and what was asked for: sentences for the end of every caption.
    pub fn settings_in_words(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        if !self.chosen.is_empty() {
            let all = self.chosen.iter().map(|(name, values)| format!("{name} = {}", values.join(" or ")));
            sentences.push(format!("Only {}.", all.collect::<Vec<_>>().join(", ")));
        }
        let word = |key: &str| match self.setting(key)? {
            Json::String(word) => Some(word.clone()),
            Json::Number(n) => n.as_f64().map(number),
            // Widths.
            Json::Array(of) => Some(of.iter().map(Json::to_string).collect::<Vec<_>>().join("x")),
            other => Some(other.to_string()),
        };
        let mut parts: Vec<String> = Vec::new();
        parts.extend(word("task.dataset").map(|word| format!("task {word}")));
        match word("net.hidden") {
            // Nothing is activated there.
            Some(none) if none.is_empty() => parts.push("no hidden layer".into()),
            hidden => {
                parts.extend(hidden.map(|word| format!("hidden units {word}")));
                parts.extend(word("net.activation"));
            }
        }
        parts.extend(self.start_in_words());
        parts.extend(word("train.optimizer"));
        parts.extend(word("train.lr").map(|word| format!("learning rate {word}")));
        if let Some(steps) = self.setting("train.steps").and_then(Json::as_u64) {
            parts.push(counted(steps, "step"));
        }
        if !parts.is_empty() {
            sentences.push(format!("{}.", super::words::capitalized(&parts.join(", "))));
        }
        match self.manifest.as_ref().map(|manifest| manifest.status) {
            Some(Status::Unfinished) => {
                sentences.push("The sweep is not finished: these are the runs so far.".into())
            }
            Some(Status::Incomplete) => {
                sentences.push("Runs are missing: shards were left out of the merge.".into())
            }
            Some(Status::Finished) | None => {}
        }
        if self.absent > 0 {
            let verb = if self.absent == 1 { "is" } else { "are" };
            sentences.push(format!("Of the whole sweep {} {verb} missing.", counted(self.absent, "cell")));
        }
        sentences
    }
}

/// The values of a key's range that are not among its numbers.
fn absent_numbers(grid: &Grid, key: &Key) -> Vec<f64> {
    let Some(at) = grid.swept().iter().position(|name| *name == key.name) else { return Vec::new() };
    let number = |value: &Value| value.as_number().or_else(|| value.as_integer().map(|n| n as f64));
    let all = grid.range(at).iter().filter_map(number);
    all.filter(|x| key.numbers.binary_search_by(|other| other.total_cmp(x)).is_err()).collect()
}

/// The first of many.
fn some_of(names: &[String]) -> String {
    const SOME: usize = 12;
    match names.len() {
        0..=SOME => names.join(", "),
        more => format!("{} and {} more", names[..SOME].join(", "), more - SOME),
    }
}

impl Key {
    /// From the texts of its values; and where each of them goes.
    pub fn of(name: &str, texts: &[String]) -> (Key, Vec<usize>) {
        let numbers: Option<Vec<f64>> =
            texts.iter().map(|text| text.parse().ok().filter(|x: &f64| x.is_finite())).collect();
        let Some(numbers) = numbers else {
            let key =
                Key { name: name.into(), names: texts.to_vec(), numbers: Vec::new(), absent: Vec::new() };
            return (key, (0..texts.len()).collect());
        };
        let mut sorted: Vec<usize> = (0..numbers.len()).collect();
        sorted.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b]));
        let mut order = vec![0; sorted.len()];
        sorted.iter().enumerate().for_each(|(to, from)| order[*from] = to);
        let numbers: Vec<f64> = sorted.iter().map(|from| numbers[*from]).collect();
        let names = super::axis::numbers(&numbers);
        (Key { name: name.into(), names, numbers, absent: Vec::new() }, order)
    }

    /// Which value a text means: the same number, or the same number as it is shown, or the same word.
    fn slot(&self, text: &str) -> Option<usize> {
        let x = text.parse::<f64>().ok();
        let exact = self.numbers.iter().position(|number| Some(*number) == x);
        let shown = x.and_then(|x| self.names.iter().position(|name| *name == number(x)));
        exact.or(shown).or_else(|| self.names.iter().position(|name| name == text))
    }

    /// The value that was most likely meant.
    fn nearest(&self, text: &str) -> String {
        match text.parse::<f64>() {
            Ok(x) if x.is_finite() && !self.numbers.is_empty() => {
                let distance = |other: &&f64| (**other / 2.0 - x / 2.0).abs();
                let near = self.numbers.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
                near.map_or_else(String::new, |near| format!("; the nearest is {near:?}"))
            }
            _ => suggestion(nearest(text, self.names.iter().map(String::as_str))),
        }
    }

    /// All numbers of its grid, those too that no cell is there of.
    pub fn grid(&self) -> impl Iterator<Item = f64> {
        self.numbers.iter().chain(&self.absent).copied()
    }

    /// Whether its values have an order.
    pub fn is_ordered(&self) -> bool {
        !self.numbers.is_empty()
    }
}
