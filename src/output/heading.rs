//! What a column is called, holds and means, told once for each column that a file has whatever is swept: the heads of CSV
//! files, the schema of Parquet and `datapackage.json` are made of it.

use super::columns::Kind;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heading {
    /// As in the header row.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a row may lack it.
    pub optional: bool,
    /// Which values it may have, beyond those of its kind.
    pub allowed: Allowed,
    /// What it counts or is measured in; empty for pure numbers and words.
    pub unit: &'static str,
    /// What it means, in a sentence or two.
    pub about: &'static str,
}

/// Which values of its kind a column may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// All.
    Any,
    /// From 0 to 1.
    Share,
    /// One of these.
    Words(&'static [&'static str]),
}

impl Heading {
    /// Of a column that every row has.
    pub const fn new(name: &'static str, kind: Kind, about: &'static str) -> Heading {
        Heading { name, kind, optional: false, allowed: Allowed::Any, unit: "", about }
    }

    /// That some rows lack.
    pub const fn optional(self) -> Heading {
        Heading { optional: true, ..self }
    }

    /// That is from 0 to 1.
    pub const fn share(self) -> Heading {
        Heading { allowed: Allowed::Share, ..self }
    }

    /// That is one of these words.
    pub const fn one_of(self, words: &'static [&'static str]) -> Heading {
        Heading { allowed: Allowed::Words(words), ..self }
    }

    /// In this unit.
    pub const fn in_unit(self, unit: &'static str) -> Heading {
        Heading { unit, ..self }
    }
}

/// A time of training: "at step t" means after t updates.
pub const STEPS: &str = "optimizer updates";

/// The number of a cell, which several files have.
pub const CELL: Heading =
    Heading::new("cell", Kind::Whole, "Number of the cell: one value for every swept key; counted from 0.");

/// The number of a run, likewise.
pub const RUN: Heading = Heading::new("run", Kind::Whole, "Number of the run: cell × seeds + seed index.");

/// The seed index of a run, likewise.
pub const SEED: Heading = Heading::new(
    "seed",
    Kind::Whole,
    "Seed index within the cell; the same index has the same noise in every cell.",
);
