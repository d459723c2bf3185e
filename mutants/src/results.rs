//! `mutants/results.csv`, a row per mutant, and `mutants/reasons.csv`, why some may live.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::list::Mutant;

#[derive(Serialize, Deserialize)]
struct Row {
    mutant: String,
    /// `caught`, `timeout`, `missed`, `undecided`, `unreached`, `refused` by the compiler, or `untried`.
    verdict: String,
    /// The test that caught it, or how many let it pass.
    by: String,
    /// Of the function's text and the change: what was found holds while they are the same.
    fingerprint: String,
}

#[derive(Deserialize)]
struct Reason {
    /// As in the results.
    fingerprint: String,
    reason: String,
}

/// How the mutants ended.
pub struct Results {
    path: PathBuf,
    /// In the order of the list.
    rows: Vec<Row>,
    at: BTreeMap<String, usize>,
    /// By fingerprint.
    reasons: BTreeMap<String, String>,
}

impl Results {
    /// Reads what earlier runs found of these mutants.
    pub fn read(root: &Path, mutants: &[Mutant]) -> Result<Results> {
        let path = root.join("mutants/results.csv");
        // A function may have the same change at several places, which are told apart by their order.
        let mut known = BTreeMap::<String, VecDeque<Row>>::new();
        if path.exists() {
            for row in csv::Reader::from_path(&path)?.deserialize() {
                let row: Row = row.with_context(|| format!("reading {}", path.display()))?;
                known.entry(row.fingerprint.clone()).or_default().push_back(row);
            }
        }
        let mut reasons = BTreeMap::new();
        let path_of_reasons = root.join("mutants/reasons.csv");
        for row in csv::Reader::from_path(&path_of_reasons)?.deserialize() {
            let row: Reason = row.with_context(|| format!("reading {}", path_of_reasons.display()))?;
            reasons.insert(row.fingerprint, row.reason);
        }
        let mut sources = BTreeMap::new();
        let mut rows = Vec::new();
        for mutant in mutants {
            if !sources.contains_key(&mutant.file) {
                let source = fs::read_to_string(root.join(&mutant.file))
                    .with_context(|| format!("reading {}", mutant.file))?;
                sources.insert(mutant.file.clone(), source);
            }
            let fingerprint = mutant.fingerprint(&sources[&mutant.file]);
            let (verdict, by) = match known.get_mut(&fingerprint).and_then(VecDeque::pop_front) {
                Some(row) => (row.verdict, row.by),
                None => ("untried".into(), String::new()),
            };
            rows.push(Row { mutant: mutant.name.clone(), verdict, by, fingerprint });
        }
        let at = mutants.iter().enumerate().map(|(at, mutant)| (mutant.name.clone(), at)).collect();
        Ok(Results { path, rows, at, reasons })
    }

    pub fn set(&mut self, mutant: &Mutant, verdict: &str, by: &str) {
        let row = &mut self.rows[self.at[&mutant.name]];
        (row.verdict, row.by) = (verdict.into(), by.into());
    }

    /// Whether it needs no more trials: it was caught, or there is a reason why it lives.
    pub fn is_settled(&self, mutant: &Mutant) -> bool {
        let row = self.row(mutant);
        matches!(row.verdict.as_str(), "caught" | "timeout" | "refused") || self.is_explained(row)
    }

    /// Whether an earlier run found no test that catches it.
    pub fn has_lived(&self, mutant: &Mutant) -> bool {
        matches!(self.row(mutant).verdict.as_str(), "missed" | "undecided" | "unreached")
    }

    /// How many mutants of each file each test has caught.
    pub fn kills(&self, mutants: &[Mutant]) -> BTreeMap<String, BTreeMap<String, usize>> {
        let mut kills = BTreeMap::<String, BTreeMap<String, usize>>::new();
        for (mutant, row) in mutants.iter().zip(&self.rows).filter(|(_, row)| row.verdict == "caught") {
            *kills.entry(mutant.file.clone()).or_default().entry(row.by.clone()).or_default() += 1;
        }
        kills
    }

    fn row(&self, mutant: &Mutant) -> &Row {
        &self.rows[self.at[&mutant.name]]
    }

    fn is_explained(&self, row: &Row) -> bool {
        matches!(row.verdict.as_str(), "missed" | "undecided" | "unreached")
            && self.reasons.contains_key(&row.fingerprint)
    }

    pub fn write(&self) -> Result<()> {
        // Whole or not at all.
        let new = self.path.with_extension("csv.new");
        let mut writer = csv::Writer::from_path(&new)?;
        for row in &self.rows {
            writer.serialize(row)?;
        }
        writer.flush()?;
        fs::rename(&new, &self.path).context("writing the results")
    }

    /// Prints counts. An error if a mutant lives without a reason, or was not tried.
    pub fn report(&self) -> Result<()> {
        let mut counts = BTreeMap::<&str, usize>::new();
        let mut unexplained = Vec::new();
        for row in &self.rows {
            let explained = self.is_explained(row);
            *counts.entry(if explained { "explained" } else { &row.verdict }).or_default() += 1;
            if !explained && !matches!(row.verdict.as_str(), "caught" | "timeout" | "refused") {
                unexplained.push(format!("{}: {} ({})", row.verdict, row.mutant, row.fingerprint));
            }
        }
        println!(
            "{}",
            counts.iter().map(|(verdict, count)| format!("{verdict} {count}")).collect::<Vec<_>>().join(", ")
        );
        for (fingerprint, reason) in &self.reasons {
            if !self.rows.iter().any(|row| row.fingerprint == *fingerprint && self.is_explained(row)) {
                println!("no such mutant lives any more: {fingerprint}, {reason}");
            }
        }
        if !unexplained.is_empty() {
            bail!(
                "{} mutants live without a reason in mutants/reasons.csv:\n{}",
                unexplained.len(),
                unexplained.join("\n")
            );
        }
        Ok(())
    }
}
