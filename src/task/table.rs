//! Samples as they stand in a file, and what becomes of its target columns: values, or one-hot classes.

use std::collections::{HashMap, HashSet};

use super::input::MOST_NUMBERS;
use super::{Columns, Data, Encoding, Settings};

/// The samples of a file, split into inputs and targets.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    /// What messages call the file.
    pub file: String,
    /// Names of the columns; those of an array have none.
    pub names: Vec<String>,
    /// Line of each sample; those of an array have none.
    pub lines: Vec<u64>,
    /// Numbers per input.
    pub inputs: usize,
    /// Shape `[samples][inputs]`.
    pub x: Vec<f32>,
    /// Each target column's number in the file, and its fields.
    pub targets: Vec<(usize, Fields)>,
}

/// The fields of a target column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fields {
    Numbers(Vec<f64>),
    Names(Vec<String>),
}

/// The distinct classes of a target column, in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Classes {
    /// The column holds values.
    Values,
    Numbers(Vec<f64>),
    Names(Vec<String>),
}

impl Columns {
    /// The numbers of the target columns among those of the file; at least one column is left as an input.
    pub(super) fn of(&self, file: &str, names: &[String], width: usize) -> Result<Vec<usize>, Problem> {
        let columns = match self {
            Columns::Last(count) if *count >= width => {
                let message = match width {
                    0 | 1 => format!(
                        "{file} has {width} column, which leaves no input beside a target (in a CSV file commas separate \
                         columns)"
                    ),
                    _ => format!(
                        "{count} of the {width} columns of {file} are targets, which leaves no input; give at most {}",
                        width - 1
                    ),
                };
                return Err(Problem::Columns(message));
            }
            Columns::Last(count) => (width - count..width).collect(),
            Columns::Named(wanted) => {
                let of_name: HashMap<&String, usize> = names.iter().zip(0..).collect();
                let mut columns = Vec::with_capacity(wanted.len());
                let mut seen = HashSet::new();
                for name in wanted {
                    match of_name.get(name) {
                        Some(&column) if !seen.insert(column) => {
                            return Err(Problem::Columns(format!("{} is named twice", quoted(name))));
                        }
                        Some(&column) => columns.push(column),
                        None => return Err(Problem::Columns(no_column(file, name, names))),
                    }
                }
                columns
            }
        };
        if columns.len() == width {
            let message = format!("all {width} columns of {file} are targets, which leaves no input");
            return Err(Problem::Columns(message));
        }
        Ok(columns)
    }
}

fn no_column(file: &str, name: &str, names: &[String]) -> String {
    if names.is_empty() {
        return format!("the columns of {file} have no names; give the number of target columns");
    }
    let distance = |other: &&String| strsim::damerau_levenshtein(&name.to_lowercase(), &other.to_lowercase());
    // A long name is no typing mistake, and the distance takes quadratic time.
    let short = names.iter().filter(|other| name.len().max(other.len()) <= 60);
    let near = short.min_by_key(distance).filter(|other| distance(other) <= (name.len() / 3).max(1));
    let hint = near.map_or_else(String::new, |near| format!("; did you mean {}?", on_one_line(near)));
    format!("{file} has no column {}{hint}", quoted(name))
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Problem {
    /// With the choice of target columns.
    Columns(String),
    /// With what the file holds.
    Content(String),
}

impl Table {
    /// How a message names a field.
    fn place(&self, sample: usize, column: usize) -> String {
        match (self.lines.get(sample), self.names.get(column)) {
            (Some(line), Some(name)) => field(&self.file, *line, column, name),
            _ => format!("{}, row {sample}, column {column}, counted from 0", self.file),
        }
    }

    /// The classes of each target column; those of numbers are classes only if they are to be.
    pub fn classes(&self, settings: &Settings) -> Result<Vec<Classes>, String> {
        let classes_of = |(column, fields): &(usize, Fields)| {
            let (classes, first) = match fields {
                Fields::Numbers(_) if !settings.one_hot => return Ok(Classes::Values),
                Fields::Numbers(numbers) => {
                    let mut distinct = numbers.clone();
                    distinct.sort_by(f64::total_cmp);
                    distinct.dedup();
                    let first = format!("{:?}", distinct[0]);
                    (Classes::Numbers(distinct), first)
                }
                Fields::Names(names) => {
                    let mut distinct = names.clone();
                    distinct.sort_unstable();
                    distinct.dedup();
                    let first = quoted(&distinct[0]);
                    (Classes::Names(distinct), first)
                }
            };
            if classes.count() > 1 {
                return Ok(classes);
            }
            let name =
                self.names.get(*column).map_or_else(String::new, |name| format!(" ({})", quoted(name)));
            let number = if self.names.is_empty() { *column } else { column + 1 };
            Err(format!(
                "{}, column {number}{name}: expected two classes or more, found only {first}",
                self.file
            ))
        };
        self.targets.iter().map(classes_of).collect()
    }

    /// The samples; each target column gives a value, or a number for each of its `classes`: those of the file that is
    /// trained on, `trained`.
    pub fn data(&self, classes: &[Classes], targets: Encoding, trained: &str) -> Result<Data, String> {
        let outputs: usize = classes.iter().map(Classes::count).sum();
        let samples = self.x.len() / self.inputs;
        if samples * outputs > MOST_NUMBERS {
            return Err(format!(
                "{}: {samples} samples with {outputs} targets each are more than {MOST_NUMBERS} numbers; each class of a \
                 target column is a target",
                self.file
            ));
        }
        let mut y = Vec::with_capacity(samples * outputs);
        for sample in 0..samples {
            for ((column, fields), classes) in self.targets.iter().zip(classes) {
                let (found, class) = match (fields, classes) {
                    (Fields::Numbers(numbers), Classes::Values) => {
                        y.push(numbers[sample] as f32);
                        continue;
                    }
                    (Fields::Numbers(numbers), Classes::Numbers(classes)) => (
                        format!("{:?}", numbers[sample]),
                        classes.iter().position(|&class| class == numbers[sample]),
                    ),
                    (Fields::Names(names), Classes::Names(classes)) => {
                        (quoted(&names[sample]), classes.iter().position(|class| *class == names[sample]))
                    }
                    (Fields::Names(names), _) => (quoted(&names[sample]), None),
                    (Fields::Numbers(numbers), _) => (format!("{:?}", numbers[sample]), None),
                };
                let Some(class) = class else {
                    let place = self.place(sample, *column);
                    return Err(format!(
                        "{place}: expected {} of {trained}, found {found}",
                        classes.expected()
                    ));
                };
                y.extend((0..classes.count()).map(|other| targets.value(other == class)));
            }
        }
        Ok(Data { inputs: self.inputs, outputs, x: self.x.clone(), y })
    }
}

impl Classes {
    /// Targets that a column makes.
    fn count(&self) -> usize {
        match self {
            Classes::Values => 1,
            Classes::Numbers(classes) => classes.len(),
            Classes::Names(classes) => classes.len(),
        }
    }

    fn expected(&self) -> String {
        let list = |shown: Vec<String>| {
            let more = if self.count() > shown.len() { ", …" } else { "" };
            format!("one of the classes {}{more}", shown.join(", "))
        };
        match self {
            Classes::Values => "a number as in the column".to_string(),
            Classes::Numbers(classes) => {
                list(classes.iter().take(6).map(|class| format!("{class:?}")).collect())
            }
            Classes::Names(classes) => list(classes.iter().take(6).map(|class| quoted(class)).collect()),
        }
    }
}

/// A text as a message shows it: on one line, in quotes, cut after 60 characters.
pub(super) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("\"{}{more}\"", on_one_line(&short))
}

/// All of a text with its control characters escaped.
pub(super) fn on_one_line(text: &str) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect()
}

/// How a message names a field of a text file; `column` counts from 0, what is shown from 1.
pub(super) fn field(file: &str, line: u64, column: usize, name: &str) -> String {
    format!("{file}, line {line}, column {} ({})", column + 1, quoted(name))
}
