//! What is shown of a finished sweep: a table for people and the cells as JSON. Both are made from `cells.csv`,
//! so that a sweep that is shown again looks as it did the first time.

use std::fmt::Write;
use std::path::Path;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Map, Value as Json};

use super::manifest::Manifest;
use super::{OutputError, cells};
use crate::measure::outcome::MOVING;
use crate::spec::{Grid, Value};

/// Rows of the table; the rest is in the file.
const SHOWN: usize = 60;

/// Columns of a terminal that the table must fit.
const WIDTH: u16 = 100;

/// The content of a `cells.csv`, field by field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Cells {
    /// Reads the `cells.csv` of a directory.
    pub fn read(directory: &Path) -> Result<Cells, OutputError> {
        let path = directory.join(cells::FILE);
        let damaged =
            |error: csv::Error| OutputError::Damaged { path: path.clone(), problem: error.to_string() };
        let mut reader = csv::Reader::from_path(&path).map_err(damaged)?;
        let columns = reader.headers().map_err(damaged)?.iter().map(str::to_string).collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            rows.push(record.map_err(damaged)?.iter().map(str::to_string).collect());
        }
        Ok(Cells { columns, rows })
    }

    /// A list of objects with the columns of the file; a missing value is null, and the values of swept keys
    /// have the types of the spec.
    pub fn json(&self, grid: &Grid) -> Json {
        let object = |row: &Vec<String>| {
            let values = row.first().and_then(|text| values(grid, text)).unwrap_or_default();
            let fields = self.columns.iter().zip(row).enumerate().map(|(at, (column, text))| {
                // The swept keys come right after `cell`.
                let value = match at.checked_sub(1).and_then(|at| values.get(at)) {
                    Some(value) => serde_json::to_value(value).unwrap_or(Json::Null),
                    _ if text.is_empty() => Json::Null,
                    _ => serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.clone())),
                };
                (column.clone(), value)
            });
            Json::Object(fields.collect::<Map<_, _>>())
        };
        Json::Array(self.rows.iter().map(object).collect())
    }

    /// The field of a row under a column's name, empty if there is none.
    fn field<'a>(&self, row: &'a [String], column: &str) -> &'a str {
        let at = self.columns.iter().position(|name| name == column);
        at.and_then(|at| row.get(at)).map_or("", String::as_str)
    }
}

/// The document of `run --json`: the manifest, plus `cells`.
pub fn document(manifest: &Manifest, cells: &Cells, grid: &Grid) -> Json {
    let mut document = serde_json::to_value(manifest).unwrap_or_default();
    if let Some(object) = document.as_object_mut() {
        object.insert("cells".into(), cells.json(grid));
    }
    document
}

/// The table and the notes under it.
pub fn text(manifest: &Manifest, cells: &Cells, grid: &Grid, directory: &Path) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    let mut head: Vec<&str> = if grid.swept().is_empty() { vec!["cell"] } else { Vec::new() };
    head.extend(grid.swept().iter().map(|key| short_name(key, grid.swept())));
    let keys = head.len();
    head.extend(["runs", "broken % [95 %]", "solved % [95 %]", "asym. %", "plateau", "diverged"]);
    let tested = cells.rows.iter().any(|row| !cells.field(row, "accuracy_test_mean").is_empty());
    head.extend(tested.then_some("test acc. %"));
    table.set_header(head);
    for row in cells.rows.iter().take(SHOWN) {
        let field = |column: &str| cells.field(row, column);
        let interval = |what: &str| {
            let part = |end: &str| percent(field(&format!("fraction_{what}{end}")));
            format!("{} [{}, {}]", part(""), part("_low"), part("_high"))
        };
        let mut line: Vec<String> = match values(grid, field("cell")) {
            Some(values) if keys == values.len() => values.iter().map(short_value).collect(),
            _ => vec![field("cell").to_string()],
        };
        line.push(field("runs").into());
        line.push(interval("broken"));
        line.push(interval("solved"));
        line.push(percent(field("fraction_asymmetric")));
        line.push(field("stuck_plateau").into());
        line.push(field("diverged").into());
        line.extend(tested.then(|| percent(field("accuracy_test_mean"))));
        table.add_row(line);
    }
    for column in table.column_iter_mut().skip(keys) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = String::new();
    for line in table.lines() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", line.trim_end());
    }
    notes(&mut text, manifest, cells, directory);
    text
}

fn notes(text: &mut String, manifest: &Manifest, cells: &Cells, directory: &Path) {
    let counts = &manifest.counts;
    let mut note = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    if cells.rows.len() > SHOWN {
        let more = cells.rows.len() - SHOWN;
        note(format!("… and {more} more cells in {}", directory.join(cells::FILE).display()));
    }
    note(String::new());
    note(format!(
        "{} runs in {} cells: {} solved, {} stuck, {} diverged",
        counts.runs_finished,
        cells.rows.len(),
        counts.solved,
        counts.stuck,
        counts.diverged
    ));
    note(format!(
        "at the end: {} broken, {} partial, {} symmetric",
        counts.broken, counts.partial, counts.symmetric
    ));
    if counts.stuck > 0 {
        let rest = counts.stuck - counts.stuck_copies - counts.stuck_plateau - counts.stuck_moving;
        note(format!(
            "stuck: {} with identical units, {rest} at rest; more steps may change {} that are still",
            counts.stuck_copies, counts.stuck_plateau
        ));
        note(format!(
            "       symmetric on a plateau and {} with a gradient norm above {MOVING:?}",
            counts.stuck_moving
        ));
    }
    if let Some(found) = &manifest.verification {
        note(format!(
            "repeated on {}: {} runs, {} agree, {} explained by rounding, {} unexplained",
            found.engine, found.sampled, found.agreed, found.explained, found.unexplained
        ));
    }
    note(format!("results in {}", directory.display()));
}

/// The swept values of a cell by the text of its number.
fn values(grid: &Grid, cell: &str) -> Option<Vec<Value>> {
    let cell: usize = cell.parse().ok()?;
    ((cell as u64) < grid.cells()).then(|| grid.values(cell))
}

/// A fraction in percent, `-` where there is none.
fn percent(fraction: &str) -> String {
    fraction.parse::<f64>().map_or_else(|_| "-".into(), |fraction| format!("{:.1}", 100.0 * fraction))
}

/// A swept key without its table, unless another has the same name.
fn short_name<'a>(key: &'a str, swept: &[String]) -> &'a str {
    let last = |key: &'a str| key.rsplit('.').next().unwrap_or(key);
    let same = swept.iter().filter(|other| other.rsplit('.').next() == Some(last(key))).count();
    if same == 1 { last(key) } else { key }
}

/// A value to five digits; the file has them all.
fn short_value(value: &Value) -> String {
    match value {
        Value::Number(x) => {
            format!("{x:.4e}").parse().map_or_else(|_| value.to_string(), |x: f64| format!("{x:?}"))
        }
        _ => value.to_string(),
    }
}
