//! What is shown of a finished sweep: a table for people and the cells as JSON. Both are made from `cells.csv`,
//! so that a sweep that is shown again looks as it did the first time; and no more of it is kept in memory than is shown.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::ser::{Error as _, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json};

use super::append::Lines;
use super::manifest::Manifest;
use super::{OutputError, cells, failed};
use crate::measure::outcome::MOVING;
use crate::spec::{Grid, Value};

/// Rows of the table; the rest is in the file.
const SHOWN: usize = 60;

/// Columns of a terminal that the table must fit.
const WIDTH: u16 = 100;

/// What is kept of a `cells.csv`, field by field: of many cells the first ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells {
    path: PathBuf,
    columns: Vec<String>,
    /// The first [`SHOWN`].
    rows: Vec<Vec<String>>,
    /// All of them.
    count: u64,
    /// Whether some row has a test accuracy.
    tested: bool,
}

impl Cells {
    /// Reads the `cells.csv` of a directory.
    pub fn read(directory: &Path) -> Result<Cells, OutputError> {
        let path = directory.join(cells::FILE);
        let mut reader = csv::Reader::from_reader(Lines::open(&path).map_err(failed("read", &path))?);
        let columns = reader.headers().map_err(|error| damaged(&path, &error))?;
        let columns: Vec<String> = columns.iter().map(str::to_string).collect();
        let accuracy = columns.iter().position(|column| column == "accuracy_test_mean");
        let (mut rows, mut count, mut tested) = (Vec::new(), 0, false);
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).map_err(|error| damaged(&path, &error))? {
            if rows.len() < SHOWN {
                rows.push(record.iter().map(str::to_string).collect());
            }
            count += 1;
            tested |= accuracy.and_then(|at| record.get(at)).is_some_and(|field| !field.is_empty());
        }
        Ok(Cells { path, columns, rows, count, tested })
    }

    /// The object of a row: a missing value is null, and the values of swept keys have the types of the spec.
    fn object(&self, row: &csv::StringRecord, grid: &Grid) -> Map<String, Json> {
        let values = row.get(0).and_then(|text| values(grid, text)).unwrap_or_default();
        let fields = self.columns.iter().zip(row).enumerate().map(|(at, (column, text))| {
            // The swept keys come right after `cell`.
            let value = match at.checked_sub(1).and_then(|at| values.get(at)) {
                Some(value) => serde_json::to_value(value).unwrap_or(Json::Null),
                _ if text.is_empty() => Json::Null,
                _ => serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_string())),
            };
            (column.clone(), value)
        });
        fields.collect()
    }

    /// The field of a row under a column's name, empty if there is none.
    fn field<'a>(&self, row: &'a [String], column: &str) -> &'a str {
        let at = self.columns.iter().position(|name| name == column);
        at.and_then(|at| row.get(at)).map_or("", String::as_str)
    }
}

fn damaged(path: &Path, error: &csv::Error) -> OutputError {
    OutputError::Damaged { path: path.to_path_buf(), problem: error.to_string() }
}

/// The document of `run --json`: the manifest, plus `cells`. The cells are read while it is written.
pub fn document<'a>(manifest: &'a Manifest, cells: &'a Cells, grid: &'a Grid) -> impl Serialize + 'a {
    Document { manifest, cells: List { cells, grid } }
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    manifest: &'a Manifest,
    cells: List<'a>,
}

/// Every row of the file as an object.
struct List<'a> {
    cells: &'a Cells,
    grid: &'a Grid,
}

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let List { cells, grid } = self;
        let problem = |error: csv::Error| S::Error::custom(damaged(&cells.path, &error));
        let mut reader = csv::Reader::from_path(&cells.path).map_err(problem)?;
        let mut list = serializer.serialize_seq(usize::try_from(cells.count).ok())?;
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).map_err(problem)? {
            list.serialize_element(&cells.object(&record, grid))?;
        }
        list.end()
    }
}

/// The table and the notes under it.
pub fn text(manifest: &Manifest, cells: &Cells, grid: &Grid, directory: &Path) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    let mut head: Vec<&str> = if grid.swept().is_empty() { vec!["cell"] } else { Vec::new() };
    head.extend(grid.swept().iter().map(|key| short_name(key, grid.swept())));
    let keys = head.len();
    head.extend(["runs", "broken % [95 %]", "solved % [95 %]", "asym. %", "plateau", "diverged"]);
    head.extend(cells.tested.then_some("test acc. %"));
    table.set_header(head);
    for row in &cells.rows {
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
        line.extend(cells.tested.then(|| percent(field("accuracy_test_mean"))));
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
    let more = cells.count - cells.rows.len() as u64;
    if more > 0 {
        note(format!("… and {} in {}", counted(more, "more cell"), directory.join(cells::FILE).display()));
    }
    note(String::new());
    note(format!(
        "{} in {}: {} solved, {} stuck, {} diverged",
        counted(counts.runs_finished, "run"),
        counted(cells.count, "cell"),
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
        if found.sampled == 0 {
            note(format!(
                "repeated on {}: no run, so nothing is verified; a larger --verify repeats some",
                found.engine
            ));
        } else {
            note(format!(
                "repeated on {}: {} runs, {} agree, {} explained by rounding, {} unexplained",
                found.engine, found.sampled, found.agreed, found.explained, found.unexplained
            ));
        }
    }
    note(format!("results in {}", directory.display()));
}

/// `1 cell`, `2 cells`
fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::engine::Engine;
    use crate::engine::reference::ReferenceEngine;
    use crate::output::Options;
    use crate::output::manifest::{Counts, Verification};
    use crate::spec::{Overrides, parse};

    /// What is shown of a sweep of so many cells, of which the last has a test accuracy if `tested`.
    fn shown(cells: usize, tested: bool, counts: Counts) -> String {
        shown_of(cells, tested, |manifest| manifest.counts = counts)
    }

    fn shown_of(cells: usize, tested: bool, change: impl FnOnce(&mut Manifest)) -> String {
        let place = tempfile::tempdir().unwrap();
        let mut text = String::from("cell,runs,accuracy_test_mean\n");
        for cell in 0..cells {
            let accuracy = if tested && cell + 1 == cells { "0.25" } else { "" };
            writeln!(text, "{cell},7,{accuracy}").unwrap();
        }
        fs::write(place.path().join(cells::FILE), text).unwrap();
        let values: Vec<String> = (0..cells).map(|cell| format!("{}.123456789", cell)).collect();
        let sweep = match cells {
            1 => String::new(),
            _ => format!("[sweep]\n\"init.scale\" = [{}]\n", values.join(", ")),
        };
        let spec = format!("[task]\ndataset = \"xor\"\n{sweep}");
        let (plan, _) = parse(&spec, "x.toml", &Overrides::default()).unwrap();
        let on = ReferenceEngine::new(Some(1)).unwrap().description();
        let mut manifest = Manifest::new(&plan, on, Options::default(), &[]);
        change(&mut manifest);
        self::text(&manifest, &Cells::read(place.path()).unwrap(), &plan.grid, Path::new("there"))
    }

    #[test]
    fn a_verification_of_no_run_does_not_read_as_passed() {
        let shown = |sampled: u64| {
            let found = Verification { sampled, agreed: sampled, ..Verification::default() };
            shown_of(1, false, |manifest| manifest.verification = Some(found))
        };
        assert!(shown(0).contains(": no run, so nothing is verified; a larger --verify"), "{}", shown(0));
        assert!(shown(1).contains(": 1 runs, 1 agree, 0 explained"), "{}", shown(1));
    }

    #[test]
    fn sixty_cells_are_shown_and_the_others_counted() {
        let none = Counts::default();
        assert!(!shown(60, false, none).contains('…'));
        assert!(shown(61, false, none).contains("\n… and 1 more cell in there"));
        assert!(shown(63, false, none).contains("\n… and 3 more cells in there"));
    }

    #[test]
    fn a_cell_is_named_by_its_values_and_without_any_by_its_number() {
        let swept = shown(2, false, Counts::default());
        let row =
            |text: &str, at: usize| text.lines().nth(at).unwrap().split_whitespace().next().map(String::from);
        assert_eq!(
            (row(&swept, 0), row(&swept, 2)),
            (Some("scale".into()), Some("1.1235".into())),
            "{swept}"
        );
        let alone = shown(1, false, Counts::default());
        assert_eq!((row(&alone, 0), row(&alone, 1)), (Some("cell".into()), Some("0".into())), "{alone}");
    }

    #[test]
    fn one_cell_with_a_test_accuracy_gives_all_the_column() {
        assert!(!shown(3, false, Counts::default()).contains("test acc"));
        let tested = shown(3, true, Counts::default());
        assert!(tested.contains("test acc. %") && tested.contains(" 25.0\n"), "{tested}");
    }

    #[test]
    fn stuck_runs_are_told_apart() {
        let counts =
            Counts { stuck: 20, stuck_copies: 1, stuck_plateau: 2, stuck_moving: 4, ..Counts::default() };
        let text = shown(1, false, counts);
        assert!(
            text.contains("stuck: 1 with identical units, 13 at rest; more steps may change 2 that"),
            "{text}"
        );
        assert!(text.contains("on a plateau and 4 with a gradient"), "{text}");
        assert!(!shown(1, false, Counts::default()).contains("plateau and"));
    }

    #[test]
    fn a_cell_that_is_not_there_has_no_values() {
        let (plan, _) = parse(
            "[task]\ndataset = \"xor\"\n[sweep]\n\"init.scale\" = [1.0, 2.0]\n",
            "x.toml",
            &Overrides::default(),
        )
        .unwrap();
        assert_eq!(values(&plan.grid, "1"), Some(vec![Value::Number(2.0)]));
        for other in ["2", "3", "-1", "x", ""] {
            assert_eq!(values(&plan.grid, other), None, "{other}");
        }
    }
}
