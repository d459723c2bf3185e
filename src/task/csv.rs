//! Samples from a CSV file: a header row, then a row a sample.

use std::collections::HashMap;

use super::Settings;
use super::input::{MOST_NUMBERS, MOST_SAMPLES};
use super::table::{Fields, Problem, Table, field, on_one_line, quoted};

/// Reads the text of a file; `file` is what messages call it.
pub(super) fn read(file: &str, bytes: &[u8], settings: &Settings) -> Result<Table, Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let wrong = |message: String| Problem::Content(message);
    if let Err(error) = std::str::from_utf8(bytes) {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count();
        return Err(wrong(format!("{file}, line {line}: not UTF-8")));
    }
    // Fields are many times as large in memory, so that they are counted first.
    if bytes.iter().filter(|byte| b",\n\r".contains(byte)).count() > MOST_NUMBERS {
        return Err(wrong(format!("{file}: more than {MOST_NUMBERS} fields, the most that are read")));
    }
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let mut records = reader.records().map(|record| {
        let record = record.map_err(|error| wrong(format!("{file}: {error}")))?;
        let line = line_of(&record, bytes);
        Ok((line, record))
    });
    let Some(header) = records.next() else {
        return Err(wrong(format!(
            "{file}: it is empty; expected a row of column names, then rows of samples"
        )));
    };
    let (line, header) = header?;
    let names = names(file, line, &header).map_err(wrong)?;
    let width = names.len();
    let columns = settings.target_columns.of(file, &names, width)?;
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for record in records {
        let (line, record) = record?;
        if record.len() != width {
            let found = record.len();
            let message =
                format!("{file}, line {line}: expected {width} fields, as in the header, found {found}");
            return Err(wrong(message));
        }
        if rows.len() == MOST_SAMPLES {
            let message =
                format!("{file}, line {line}: more than {MOST_SAMPLES} samples, the most that are read");
            return Err(wrong(message));
        }
        rows.push(record);
        lines.push(line);
    }
    if rows.is_empty() {
        return Err(wrong(format!("{file}: no samples after the header, line {line}")));
    }
    let mut is_input = vec![true; width];
    columns.iter().for_each(|&column| is_input[column] = false);
    let mut x = Vec::with_capacity(rows.len() * (width - columns.len()));
    for (row, &line) in rows.iter().zip(&lines) {
        for column in (0..width).filter(|&column| is_input[column]) {
            let place = || field(file, line, column, &names[column]);
            let number = number(&row[column]).map_err(|why| wrong(format!("{}: {why}", place())))?;
            x.push(number as f32);
        }
    }
    let mut targets = Vec::with_capacity(columns.len());
    for &column in &columns {
        let fields = target(&rows, column, settings.one_hot).map_err(|(row, why)| {
            wrong(format!("{}: {why}", field(file, lines[row], column, &names[column])))
        })?;
        targets.push((column, fields));
    }
    Ok(Table { file: file.to_string(), inputs: width - columns.len(), names, lines, x, targets })
}

/// The line that a record starts on. The reader's own position is that of the empty lines before it.
fn line_of(record: &csv::StringRecord, bytes: &[u8]) -> u64 {
    let Some(position) = record.position() else { return 0 };
    let before = bytes.iter().skip(position.byte() as usize).take_while(|byte| b"\r\n".contains(byte));
    position.line() + before.filter(|&&byte| byte == b'\n').count() as u64
}

/// The names of the columns, which differ.
fn names(file: &str, line: u64, header: &csv::StringRecord) -> Result<Vec<String>, String> {
    if header.iter().all(|name| name.parse::<f64>().is_ok()) {
        let shown: Vec<&str> = header.iter().take(4).collect();
        return Err(format!(
            "{file}, line {line}: expected a header row of column names, found the numbers {}{}",
            shown.join(", "),
            if header.len() > shown.len() { ", …" } else { "" }
        ));
    }
    let names: Vec<String> = header.iter().map(str::to_string).collect();
    let mut columns = HashMap::with_capacity(names.len());
    for (column, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(format!(
                "{file}, line {line}, column {}: expected a column name, found nothing",
                column + 1
            ));
        }
        if let Some(first) = columns.insert(name, column) {
            let place = field(file, line, column, name);
            return Err(format!("{place}: column {} has the same name", first + 1));
        }
    }
    Ok(names)
}

/// A number that f32 can hold.
fn number(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        _ if text.is_empty() => Err("expected a number, found nothing".to_string()),
        Err(_) => Err(format!("expected a number, found {}", quoted(text))),
        Ok(number) if !(number as f32).is_finite() => {
            Err(format!("expected a finite number up to 3.4e38, found \"{text}\""))
        }
        Ok(number) => Ok(number),
    }
}

/// The fields of a target column: all numbers, or all names of classes. `one_hot` makes names of numbers that stand beside
/// names. An error has the number of the row.
fn target(rows: &[csv::StringRecord], column: usize, one_hot: bool) -> Result<Fields, (usize, String)> {
    let fields = || rows.iter().map(|row| &row[column]).enumerate();
    if let Some((row, _)) = fields().find(|(_, text)| text.is_empty()) {
        return Err((row, "expected a number or the name of a class, found nothing".to_string()));
    }
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    let first = is_number(&rows[0][column]);
    match fields().find(|(_, text)| is_number(text) != first) {
        Some((row, text)) if !one_hot => {
            let (expected, found) = if first {
                ("a number", quoted(text))
            } else {
                ("the name of a class", format!("the number {text}"))
            };
            Err((
                row,
                format!(
                    "expected {expected} as in the rows above, found {found}; task.classes = \"one-hot\" takes \
                     both for classes"
                ),
            ))
        }
        None if first => {
            let numbers = fields().map(|(row, text)| number(text).map_err(|why| (row, why)));
            Ok(Fields::Numbers(numbers.collect::<Result<_, _>>()?))
        }
        _ => Ok(Fields::Names(fields().map(|(_, text)| text.to_string()).collect())),
    }
}

/// Whether the columns of a file with held-out samples are those of the file that is trained on.
pub(super) fn check_header(table: &Table, trained: &Table) -> Result<(), String> {
    if table.names == trained.names {
        return Ok(());
    }
    let [found, wanted] = [table, trained].map(|table| on_one_line(&table.names.join(",")));
    Err(format!("{}, line 1: expected the columns of {}, {wanted}; found {found}", table.file, trained.file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{Columns, Data, Encoding};

    fn settings() -> Settings {
        Settings::default()
    }

    fn data(text: &str, settings: &Settings) -> Result<Data, String> {
        let message = |problem| match problem {
            Problem::Columns(message) => format!("columns: {message}"),
            Problem::Content(message) => message,
        };
        let table = read("a.csv", text.as_bytes(), settings).map_err(message)?;
        table.data(&table.classes(settings)?, settings.targets, "a.csv")
    }

    fn error(text: &str) -> String {
        data(text, &settings()).unwrap_err()
    }

    #[test]
    fn numbers_are_values_and_names_are_classes() {
        let values = data("a,b,y\n1,2,0.5\n-1e-3, 4 ,2\n", &settings()).unwrap();
        assert_eq!(values, Data { inputs: 2, outputs: 1, x: vec![1.0, 2.0, -1e-3, 4.0], y: vec![0.5, 2.0] });
        // Marks and line ends of other systems, quotes, empty lines.
        let text = "\u{feff}a,\"the, class\"\r\n1,b\r\n\r\n2,\"a\"\r\n3,c\r\n";
        let classes = data(text, &settings()).unwrap();
        assert_eq!((classes.inputs, classes.outputs), (1, 3));
        assert_eq!(classes.y, [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        let signs = Settings { targets: Encoding::PlusMinus, ..settings() };
        assert_eq!(data(text, &signs).unwrap().y[..3], [-1.0, 1.0, -1.0]);
        // Of numbers in the order of numbers, not of texts.
        let one_hot = Settings { one_hot: true, ..settings() };
        assert_eq!(data("a,y\n1,10\n2,9\n3,9.0\n", &one_hot).unwrap().y, [0.0, 1.0, 1.0, 0.0, 1.0, 0.0]);
        assert_eq!(data("a,y\n1,1\n2,x\n", &one_hot).unwrap().y, [1.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn target_columns_are_the_last_ones_or_named() {
        let text = "a,b,c\n1,2,3\n4,5,6\n";
        let last = Settings { target_columns: Columns::Last(2), ..settings() };
        let found = data(text, &last).unwrap();
        assert_eq!((found.x, found.y), (vec![1.0, 4.0], vec![2.0, 3.0, 5.0, 6.0]));
        let named = |names: &[&str]| {
            let names = names.iter().map(|name| name.to_string()).collect();
            data(text, &Settings { target_columns: Columns::Named(names), ..settings() })
        };
        let found = named(&["c", "a"]).unwrap();
        assert_eq!((found.x, found.y), (vec![2.0, 5.0], vec![3.0, 1.0, 6.0, 4.0]));
        assert_eq!(named(&["B "]).unwrap_err(), "columns: a.csv has no column \"B \"; did you mean b?");
        assert_eq!(named(&["species"]).unwrap_err(), "columns: a.csv has no column \"species\"");
        assert_eq!(named(&["a", "a"]).unwrap_err(), "columns: \"a\" is named twice");
        assert_eq!(
            named(&["a", "b", "c"]).unwrap_err(),
            "columns: all 3 columns of a.csv are targets, which leaves no input"
        );
        let all = Settings { target_columns: Columns::Last(3), ..settings() };
        assert_eq!(
            data(text, &all).unwrap_err(),
            "columns: 3 of the 3 columns of a.csv are targets, which leaves no input; give at most 2"
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, message) in [
            ("", "a.csv: it is empty; expected a row of column names, then rows of samples"),
            ("a,y\n", "a.csv: no samples after the header, line 1"),
            ("1,2\n3,4\n", "a.csv, line 1: expected a header row of column names, found the numbers 1, 2"),
            ("a,,y\n1,2,3\n", "a.csv, line 1, column 2: expected a column name, found nothing"),
            ("a,b,a\n1,2,3\n", "a.csv, line 1, column 3 (\"a\"): column 1 has the same name"),
            ("a,y\n1,2\n\n3\n", "a.csv, line 4: expected 2 fields, as in the header, found 1"),
            ("a,y\n1,2,3\n", "a.csv, line 2: expected 2 fields, as in the header, found 3"),
            ("a,y\n1,2\nx,2\n", "a.csv, line 3, column 1 (\"a\"): expected a number, found \"x\""),
            ("a,y\n1,2\n,2\n", "a.csv, line 3, column 1 (\"a\"): expected a number, found nothing"),
            (
                "a,y\nnan,2\n",
                "a.csv, line 2, column 1 (\"a\"): expected a finite number up to 3.4e38, found \"nan\"",
            ),
            (
                "a,y\n1,1e39\n",
                "a.csv, line 2, column 2 (\"y\"): expected a finite number up to 3.4e38, found \"1e39\"",
            ),
            (
                "a,y\n1,\n",
                "a.csv, line 2, column 2 (\"y\"): expected a number or the name of a class, found nothing",
            ),
            (
                "a,y\n1,2\n2,3.x\n",
                "a.csv, line 3, column 2 (\"y\"): expected a number as in the rows above, found \"3.x\"; task.classes = \
                 \"one-hot\" takes both for classes",
            ),
            (
                "a,y\n1,u\n2,3\n",
                "a.csv, line 3, column 2 (\"y\"): expected the name of a class as in the rows above, found the number 3; \
                 task.classes = \"one-hot\" takes both for classes",
            ),
            ("a,y\n1,u\n2,u\n", "a.csv, column 2 (\"y\"): expected two classes or more, found only \"u\""),
        ] {
            assert_eq!(error(text), message);
        }
        let message = match read("a.csv", b"a,y\n1,\xff\n", &settings()) {
            Err(Problem::Content(message)) => message,
            other => panic!("{other:?}"),
        };
        assert_eq!(message, "a.csv, line 2: not UTF-8");
    }
}
