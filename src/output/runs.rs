//! `runs.csv`: one row a run, by run number. Its columns are those of `runs.parquet` too, and [`row`] makes both.

use super::columns::Kind;
use super::rows::{Rows, header};
use crate::engine::RunResult;
use crate::measure::{Score, Share, outcome};
use crate::spec::{Plan, Value};

/// The file's name.
pub const FILE: &str = "runs.csv";

/// The columns before those of the swept keys, all [`Kind::Whole`] and always there.
pub const BEFORE: [&str; 3] = ["run", "cell", "seed"];

/// The columns after them: name, kind, and whether a run may lack it.
pub const AFTER: [(&str, Kind, bool); 19] = [
    ("outcome", Kind::Word, false),
    ("symmetry_initial", Kind::Word, false),
    ("symmetry", Kind::Word, true),
    ("solve_step", Kind::Count, true),
    ("break_step", Kind::Count, true),
    ("diverge_step", Kind::Count, true),
    ("loss_initial", Kind::Float, false),
    ("loss_final", Kind::Float, true),
    ("error_final", Kind::Float, true),
    ("gradient_norm_final", Kind::Float, true),
    ("spread_initial", Kind::Float, true),
    ("spread_final", Kind::Float, true),
    ("gap_final", Kind::Float, true),
    ("distinct_units", Kind::Count, true),
    ("steps", Kind::Count, false),
    ("verified", Kind::Flag, true),
    ("loss_test", Kind::Float, true),
    ("accuracy", Kind::Float, true),
    ("accuracy_test", Kind::Float, true),
];

/// The header row.
pub fn head(plan: &Plan) -> Rows {
    header(&BEFORE, plan.grid.swept(), &AFTER.map(|(name, ..)| name))
}

/// What takes the fields of a run one after the other, in the order of the columns.
pub trait Fields {
    /// A whole number.
    fn whole(&mut self, value: u64);
    /// A whole number that may be missing.
    fn maybe_whole(&mut self, value: Option<u32>);
    /// A float.
    fn float(&mut self, value: f64);
    /// A float that may be missing.
    fn maybe_float(&mut self, value: Option<f64>);
    /// Two floats that may be missing and are often the same.
    fn maybe_floats(&mut self, first: Option<f64>, second: Option<f64>);
    /// A word of ours.
    fn word(&mut self, word: &'static str);
    /// A word of ours that may be missing.
    fn maybe_word(&mut self, word: Option<&'static str>);
    /// true or false, or missing.
    fn maybe_flag(&mut self, flag: Option<bool>);
    /// The values of the swept keys.
    fn swept(&mut self, swept: &Swept<'_>);
    /// That was the last field of the run.
    fn end(&mut self);
}

/// The values of the swept keys in a cell.
#[derive(Clone, Debug)]
pub struct Swept<'a> {
    /// In the order of the keys.
    pub values: &'a [Value],
    /// As fields of CSV, made once for all runs of the cell.
    pub text: Rows,
}

impl Swept<'_> {
    /// Of these values.
    pub fn new(values: &[Value]) -> Swept<'_> {
        Swept { values, text: Rows::of_values(values) }
    }
}

/// Which run a row is of.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its number.
    pub number: u64,
    /// Its cell.
    pub cell: usize,
    /// Its seed index.
    pub seed: u64,
    /// The swept values of its cell.
    pub swept: &'a Swept<'a>,
}

/// The row of a run that left the symmetric state at `break_step`.
pub fn row(
    rows: &mut impl Fields,
    place: Place<'_>,
    result: &RunResult,
    break_step: Option<u32>,
    verified: Option<bool>,
    score: &Score,
) {
    // The end of a diverged run measures nothing.
    let last = result.diverge_step.is_none().then_some(&result.last);
    let units = last.and_then(|last| last.units);
    rows.whole(place.number);
    rows.whole(place.cell as u64);
    rows.whole(place.seed);
    rows.swept(place.swept);
    rows.word(outcome(result).word());
    rows.word(result.initial.symmetry.word());
    rows.maybe_word(last.map(|last| last.symmetry.word()));
    rows.maybe_whole(result.solve_step);
    rows.maybe_whole(break_step);
    rows.maybe_whole(result.diverge_step);
    rows.float(result.initial.loss);
    rows.maybe_float(last.map(|last| last.loss));
    rows.maybe_float(last.map(|last| last.error));
    rows.maybe_float(last.map(|last| last.gradient_norm));
    rows.maybe_float(result.initial.units.map(|units| units.spread));
    // With two units there is one distance.
    rows.maybe_floats(units.map(|units| units.spread), units.map(|units| units.gap));
    rows.maybe_whole(units.map(|units| units.distinct));
    rows.whole(result.steps.into());
    rows.maybe_flag(verified);
    let score = last.map(|_| score);
    rows.maybe_float(score.and_then(|score| score.loss_test));
    rows.maybe_float(score.and_then(|score| score.accuracy).map(Share::fraction));
    rows.maybe_float(score.and_then(|score| score.accuracy_test).map(Share::fraction));
    rows.end();
}
