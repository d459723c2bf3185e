//! `runs.csv`: one row a run, by run number. Its columns are those of `runs.parquet` too, and [`row`] makes both.

use super::columns::Kind;
use super::heading::{CELL, Heading, RUN, SEED, STEPS};
use super::rows::{Rows, header};
use crate::engine::RunResult;
use crate::measure::{Outcome, Score, Share, Symmetry, outcome};
use crate::spec::{Plan, Value};

/// The file's name.
pub const FILE: &str = "runs.csv";

/// The columns before those of the swept keys, all [`Kind::Whole`].
pub const BEFORE: [Heading; 3] = [RUN, CELL, SEED];

/// The columns after them.
pub const AFTER: [Heading; 19] = [
    Heading::new(
        "outcome",
        Kind::Word,
        "solved: the criterion held at some step; diverged: a number grew beyond bounds, whether it was solved before or \
         not; stuck: neither.",
    )
    .one_of(Outcome::WORDS),
    Heading::new("symmetry_initial", Kind::Word, SYMMETRY).one_of(Symmetry::WORDS),
    Heading::new("symmetry", Kind::Word, SYMMETRY_FINAL).one_of(Symmetry::WORDS).optional(),
    Heading::new("solve_step", Kind::Count, "First step at which the criterion of a solution held.")
        .in_unit(STEPS)
        .optional(),
    Heading::new(
        "break_step",
        Kind::Count,
        "First measured step at which a run that started symmetric no longer is; it may return.",
    )
    .in_unit(STEPS)
    .optional(),
    Heading::new(
        "diverge_step",
        Kind::Count,
        "First step at which the loss or a parameter is not finite or exceeds 1e30; the run rests there.",
    )
    .in_unit(STEPS)
    .optional(),
    Heading::new("loss_initial", Kind::Float, "Loss over the whole task at step 0, without weight decay."),
    Heading::new(
        "loss_final",
        Kind::Float,
        "Loss over the whole task at the end, without weight decay; a diverged run has none.",
    )
    .optional(),
    Heading::new("error_final", Kind::Float, "Largest |output − target| at the end.").optional(),
    Heading::new(
        "gradient_norm_final",
        Kind::Float,
        "L2 norm of the gradient over all parameters at the end, without weight decay.",
    )
    .optional(),
    Heading::new("spread_initial", Kind::Float, SPREAD).optional(),
    Heading::new("spread_final", Kind::Float, SPREAD).optional(),
    Heading::new("gap_final", Kind::Float, GAP).optional(),
    Heading::new("distinct_units", Kind::Count, DISTINCT_UNITS).in_unit("units").optional(),
    Heading::new("steps", Kind::Count, "Updates applied.").in_unit(STEPS),
    Heading::new(
        "verified",
        Kind::Flag,
        "Whether another engine came to the same outcome and symmetry; empty where that was not looked at.",
    )
    .optional(),
    Heading::new("loss_test", Kind::Float, "Loss over the held-out samples at the end.").optional(),
    Heading::new("accuracy", Kind::Float, "Share of the task's samples that are classified right at the end.")
        .share()
        .optional(),
    Heading::new("accuracy_test", Kind::Float, "Share of the held-out samples that are classified right at the end.")
        .share()
        .optional(),
];

const SYMMETRY: &str = "At step 0. symmetric: all units of some hidden layer of two or more are copies of each other, their \
    activations no further apart than criteria.symmetry_tolerance; partial: not all of any such layer, but some two are; \
    broken: no two are; none: there is no such layer.";

const SYMMETRY_FINAL: &str = "At the end; words as in symmetry_initial. A diverged run has none.";

/// What three files have.
pub(super) const SPREAD: &str = "Largest distance of two units of the hidden layer that is most alike: the largest difference of \
    their activations over the samples, relative to the layer's largest activation or 1.";
pub(super) const GAP: &str = "Smallest such distance.";
pub(super) const DISTINCT_UNITS: &str =
    "Groups of units of that layer, linked by distances at or under criteria.symmetry_tolerance.";

/// The header row.
pub fn head(plan: &Plan) -> Rows {
    header(&BEFORE, plan.grid.swept(), &AFTER)
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
