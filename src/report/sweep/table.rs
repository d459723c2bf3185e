//! The cells as rows of a table, and their runs as far as a page should carry them.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::counts::{Counted, Happened};
use crate::output::{parquet, recorded, runs};
use crate::plot::PlotError;
use crate::plot::axis::number;
use crate::plot::sweep::Sweep;
use crate::plot::words::{counted, grouped, meaning, percent};

/// Cells that a page has a row for.
pub const MOST_CELLS: usize = 2_000;
/// Runs that a page has the figures of.
pub const MOST_RUNS: usize = 20_000;

/// The table of cells.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// From left to right.
    pub columns: Vec<Column>,
    /// In the order of the file.
    pub rows: Vec<Row>,
    /// What is not there; empty if all is.
    pub left_out: Vec<String>,
}

/// Head of a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// What it shows.
    pub label: String,
    /// Its name in `cells.csv` or in the spec.
    pub name: String,
    /// Whether it is a number, which stands at the right.
    pub numeric: bool,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its number.
    pub cell: u64,
    /// One a column.
    pub fields: Vec<Field>,
}

/// What stands in a field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Field {
    /// For people.
    pub text: String,
    /// In small letters after it.
    pub note: String,
    /// What it is sorted by; null where nothing is there.
    pub sort: Option<f64>,
    /// How long its bar is, in percent; null for none.
    pub bar: Option<String>,
}

impl Field {
    fn plain(text: String, sort: f64) -> Field {
        Field { text, note: String::new(), sort: Some(sort), bar: None }
    }
}

/// Columns of `cells.csv` that are shown where some cell has a value: name, head, and whether it is a share.
const MORE: [(&str, &str, bool); 7] = [
    ("fraction_escaped", "leave symmetry", true),
    ("break_step_median", "median step of breaking", false),
    ("solve_step_median", "median step of solving", false),
    ("loss_final_median", "median final loss", false),
    ("loss_test_median", "median test loss", false),
    ("accuracy_mean", "mean accuracy", true),
    ("accuracy_test_mean", "mean test accuracy", true),
];

impl Table {
    /// Of the cells of a sweep.
    ///
    /// # Errors
    /// Where a column is not there.
    pub fn of(sweep: &Sweep, counts: &Counted) -> Result<Table, PlotError> {
        let mut columns: Vec<Column> = Vec::new();
        let mut add = |label: String, name: &str, numeric: bool| {
            columns.push(Column { label, name: name.to_string(), numeric });
        };
        for key in &sweep.keys {
            add(meaning(&key.name).unwrap_or_else(|| key.name.clone()), &key.name, key.is_ordered());
        }
        add("runs".into(), "runs", true);
        let diverged = counts.total(Happened::Diverged).count > 0;
        let mut shares: Vec<(Happened, &str)> = match counts.headline {
            Some(Happened::Broken) => vec![(Happened::Broken, "fraction_broken")],
            Some(_) => vec![(Happened::Asymmetric, "fraction_asymmetric")],
            None => Vec::new(),
        };
        shares.push((Happened::Solved, "fraction_solved"));
        if diverged {
            shares.push((Happened::Diverged, "diverged"));
        }
        shares.iter().for_each(|(what, name)| add(what.plural().into(), name, true));
        let values = sweep.values(MORE.map(|(name, ..)| name))?;
        let there: Vec<usize> =
            (0..MORE.len()).filter(|at| values[*at].iter().any(|value| !value.is_nan())).collect();
        there.iter().for_each(|at| add(MORE[*at].1.into(), MORE[*at].0, true));
        let row = |at: usize| {
            let cell = &sweep.rows[at];
            let mut fields: Vec<Field> = sweep
                .keys
                .iter()
                .zip(&cell.values)
                .map(|(key, slot)| Field::plain(key.names[*slot].clone(), *slot as f64))
                .collect();
            fields.push(Field::plain(grouped(cell.runs), cell.runs as f64));
            for (what, ..) in &shares {
                let share = counts.share(at, *what);
                fields.push(Field {
                    text: percent(share.value()),
                    note: share.ends_in_percent(),
                    sort: Some(share.value()).filter(|value| !value.is_nan()),
                    bar: Some(format!("{:.1}", 100.0 * share.value())).filter(|_| share.of > 0),
                });
            }
            for more in &there {
                let value = values[*more][at];
                let text = match value {
                    _ if value.is_nan() => "–".into(),
                    _ if MORE[*more].2 => percent(value),
                    _ => number(value),
                };
                fields.push(Field {
                    sort: Some(value).filter(|value| !value.is_nan()),
                    ..Field::plain(text, 0.0)
                });
            }
            Row { cell: cell.cell, fields }
        };
        let shown = sweep.rows.len().min(MOST_CELLS);
        let mut left_out = Vec::new();
        if shown < sweep.rows.len() {
            left_out.push(format!(
                "Here are the first {} of {}; cells.csv has them all.",
                grouped(shown as u64),
                counted(sweep.rows.len() as u64, "cell")
            ));
        }
        Ok(Table { columns, rows: (0..shown).map(row).collect(), left_out })
    }
}

/// The runs of the cells that have a row, for the page's script: by cell the fields of each run; and what is left out.
///
/// # Errors
/// Where the file of runs is not what this program writes.
pub fn runs_of(sweep: &Sweep, table: &Table) -> Result<(Json, Option<String>), PlotError> {
    let file = [runs::FILE, parquet::FILE].into_iter().find(|name| sweep.directory.join(name).exists());
    let Some(file) = file else {
        return Ok((Json::Null, Some("There is no file of runs here, so single runs are not shown.".into())));
    };
    let each = (MOST_RUNS / table.rows.len().max(1)).max(1);
    let mut cells: HashMap<u64, Vec<Json>> = table.rows.iter().map(|row| (row.cell, Vec::new())).collect();
    let mut left_out = 0u64;
    recorded::each(&sweep.directory, |run| match cells.get_mut(&(run.cell as u64)) {
        Some(shown) if shown.len() < each => shown.push(json!([
            run.seed,
            run.outcome.word(),
            run.symmetry.map(|symmetry| symmetry.word()),
            run.break_step,
            run.solve_step,
            run.diverge_step,
            run.loss_final.map(shortened),
        ])),
        _ => left_out += 1,
    })?;
    let note = (left_out > 0).then(|| {
        format!(
            "Of each cell that has a row the page carries {} at most; {file} has the other {}.",
            counted(each as u64, "run"),
            counted(left_out, "run")
        )
    });
    let seeds = sweep.manifest.as_ref().map(|manifest| manifest.seeds);
    let cells: serde_json::Map<String, Json> =
        cells.into_iter().map(|(cell, runs)| (cell.to_string(), runs.into())).collect();
    Ok((json!({ "seeds": seeds, "cells": cells }), note))
}

/// To five digits. What is no number becomes null in JSON.
fn shortened(x: f64) -> f64 {
    format!("{x:.4e}").parse().unwrap_or(x)
}
