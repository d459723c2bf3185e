//! The plan: a fixed list of runs, each a pure function of its number.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde_json::Value as Json;

use super::Grid;
use super::key::Spec;
use crate::engine::{Program, Run};

/// The value of one key, as a spec gives it and as a column shows it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A number of the spec; keeps its f64 bits.
    Number(f64),
    /// A whole number.
    Integer(u64),
    /// true or false
    Flag(bool),
    /// A word: `logistic`, `8x8`, `full`.
    Word(String),
    /// A list of numbers.
    Numbers(Vec<f64>),
    /// Names.
    Words(Vec<String>),
}

impl Value {
    /// The number, if it is one with a fraction (even of 0).
    pub fn as_number(&self) -> Option<f64> {
        if let Value::Number(x) = self { Some(*x) } else { None }
    }

    /// The whole number, if it is one.
    pub fn as_integer(&self) -> Option<u64> {
        if let Value::Integer(n) = self { Some(*n) } else { None }
    }

    /// The flag, if it is one.
    pub fn as_flag(&self) -> Option<bool> {
        if let Value::Flag(flag) = self { Some(*flag) } else { None }
    }

    /// The list of numbers, if it is one.
    pub fn as_numbers(&self) -> Option<&[f64]> {
        if let Value::Numbers(numbers) = self { Some(numbers) } else { None }
    }

    /// The word, if it is one.
    pub fn as_word(&self) -> Option<&str> {
        if let Value::Word(word) = self { Some(word) } else { None }
    }
}

/// As in a column: numbers are the shortest text that reads back to the same bits.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(x) => write!(f, "{x:?}"),
            Value::Integer(n) => write!(f, "{n}"),
            Value::Flag(flag) => write!(f, "{flag}"),
            Value::Word(word) => f.write_str(word),
            Value::Numbers(numbers) => write!(f, "{numbers:?}"),
            Value::Words(words) => f.write_str(&words.join(" ")),
        }
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Json {
        match value {
            Value::Number(x) => Json::from(*x),
            Value::Integer(n) => Json::from(*n),
            Value::Flag(flag) => Json::from(*flag),
            Value::Word(word) => Json::from(word.as_str()),
            Value::Numbers(numbers) => Json::from(numbers.as_slice()),
            Value::Words(words) => Json::from(words.as_slice()),
        }
    }
}

/// What the runs of one point of the grid have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Index into [`Plan::programs`].
    pub program: usize,
    /// The settings of its runs; `seed` and `traced` are filled in per run, and `point` counts on from here where each
    /// seed has a point of its own.
    pub settings: Run,
    /// Whether each seed has a base point of its own.
    pub point_a_seed: bool,
}

impl Cell {
    /// The settings of its run of seed index `seed`.
    pub fn run(&self, seed: u64) -> Run {
        // As many points as seeds, or one for all.
        let point = if self.point_a_seed { self.settings.point + seed as u32 } else { self.settings.point };
        Run { seed, point, ..self.settings }
    }
}

/// What cells have in common that differ in settings of runs only.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    /// Index into [`Plan::programs`].
    pub program: u32,
    /// The first of their base points.
    pub point: u32,
}

/// What to run. Run number = cell × seeds + seed index. Cells, of which there may be millions, are computed when they are
/// asked for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// `name` of the spec; the result directory is `results/<name>`.
    pub name: String,
    /// The resolved spec, key by key in the order of the documentation, sweeps and runs included. A swept key
    /// stands in `sweep` only, and a key without a value (`criteria.solved_loss`) nowhere.
    pub resolved: serde_json::Value,
    /// The cells by their values.
    pub grid: Grid,
    /// The distinct programs of the cells.
    pub programs: Vec<Program>,
    /// Runs per cell.
    pub seeds: u64,
    /// Master seed.
    pub master: u64,
    /// What is not swept, but for `init.values`, which is in the programs.
    pub(super) base: Spec,
    /// By [`Grid::variant`].
    pub(super) variants: Vec<Variant>,
    /// Whether each seed has a base point of its own.
    pub(super) point_a_seed: bool,
}

impl Plan {
    /// All runs of all cells.
    pub fn runs(&self) -> u64 {
        self.grid.cells() * self.seeds
    }

    /// Cell `number`, which is under [`Grid::cells`].
    pub fn cell(&self, number: usize) -> Cell {
        let mut spec = self.base.clone();
        self.grid.set(&mut spec, number);
        let Variant { program, point } = self.variants[self.grid.variant(number)];
        let settings = Run { master: self.master, point, ..spec.settings() };
        Cell { program: program as usize, settings, point_a_seed: self.point_a_seed }
    }

    /// The program of cell `number`, an index into [`programs`](Plan::programs); quicker than by its [`cell`](Plan::cell).
    pub fn program(&self, number: usize) -> usize {
        self.variants[self.grid.variant(number)].program as usize
    }

    /// The settings of run `number`. For many runs, [`stretches`](Plan::stretches) does without the divisions.
    pub fn run(&self, number: u64) -> Run {
        self.cell((number / self.seeds) as usize).run(number % self.seeds)
    }

    /// The runs `numbers` cell by cell: each cell with the seeds that it has among them.
    pub fn stretches(&self, numbers: Range<u64>) -> impl Iterator<Item = (usize, Range<u64>)> {
        let mut next = numbers.start;
        std::iter::from_fn(move || {
            (next < numbers.end).then(|| {
                let (cell, seed) = (next / self.seeds, next % self.seeds);
                let end = self.seeds.min(seed + (numbers.end - next));
                next += end - seed;
                (cell as usize, seed..end)
            })
        })
    }

    /// [`hash`] of its spec.
    pub fn hash(&self) -> String {
        hash(&self.resolved)
    }

    /// How another resolved spec differs from this plan's, one line a key; names do not count.
    pub fn differences(&self, other: &serde_json::Value) -> Vec<String> {
        differences((other, "there"), (&self.resolved, "here"))
    }
}

/// BLAKE3, in hex, of everything in a resolved spec that decides results: all but its name. The content of files that it
/// names is in it as their hashes, so that none needs to be there.
pub fn hash(resolved: &Json) -> String {
    // One line a key, sorted, so that the order of keys in a file does not matter; but that of the sweeps does.
    let mut text = String::from("symbreak plan 1\n");
    for (key, value) in settings(resolved) {
        text += &format!("{key} = {value}\n");
    }
    text += &format!("sweep = {}\n", swept(resolved).join(","));
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// How two resolved specs, each with a word for where it is, differ, one line a key; names do not count.
pub fn differences(one: (&Json, &str), other: (&Json, &str)) -> Vec<String> {
    let ((one, at_one), (other, at_other)) = (one, other);
    let (first, second) = (settings(one), settings(other));
    let mut keys: Vec<&String> = first.keys().chain(second.keys()).collect();
    keys.sort();
    keys.dedup();
    let show = |value: Option<&Json>| value.map_or_else(|| "nothing".to_string(), shorten);
    let mut lines: Vec<String> = keys
        .into_iter()
        .filter(|key| first.get(*key) != second.get(*key))
        .map(|key| format!("{key}: {} {at_one}, {} {at_other}", show(first.get(key)), show(second.get(key))))
        .collect();
    let (first, second) = (swept(one).join(", "), swept(other).join(", "));
    if lines.is_empty() && first != second {
        lines.push(format!("order of the sweep: {first} {at_one}, {second} {at_other}"));
    }
    lines
}

/// Dotted names of the swept keys, slowest first.
fn swept(resolved: &Json) -> Vec<&str> {
    resolved["sweep"].as_object().map_or_else(Vec::new, |sweep| sweep.keys().map(String::as_str).collect())
}

/// What decides results, by dotted key. A swept key is an object with its values, so that it differs from a fixed one.
fn settings(resolved: &Json) -> BTreeMap<String, Json> {
    let mut settings = BTreeMap::new();
    for (table, keys) in resolved.as_object().into_iter().flatten() {
        for (key, value) in keys.as_object().into_iter().flatten() {
            if table == "sweep" {
                settings.insert(key.clone(), serde_json::json!({ "sweep": value }));
            } else {
                settings.insert(format!("{table}.{key}"), value.clone());
            }
        }
    }
    settings
}

/// A value on one short line.
fn shorten(value: &Json) -> String {
    match value.get("sweep").and_then(Json::as_array) {
        Some(values) => {
            let shown: Vec<String> = values.iter().take(4).map(Json::to_string).collect();
            let rest =
                if values.len() > 4 { format!(", … ({} values)", values.len()) } else { String::new() };
            format!("swept over {}{rest}", shown.join(", "))
        }
        None => value.to_string(),
    }
}
