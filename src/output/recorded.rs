//! What `runs.csv` says of every run, read back.

use std::path::Path;

use super::{OutputError, failed, runs};
use crate::measure::{Outcome, Symmetry};

/// The columns of a run that do not depend on what is swept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recorded {
    /// Its cell.
    pub cell: usize,
    /// Its seed index.
    pub seed: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// At step 0.
    pub symmetry_initial: Symmetry,
    /// At the end; `None` if it diverged.
    pub symmetry: Option<Symmetry>,
    /// First step at which it was solved.
    pub solve_step: Option<u32>,
    /// First measured step at which it was no longer symmetric.
    pub break_step: Option<u32>,
    /// First step at which it had diverged.
    pub diverge_step: Option<u32>,
    /// At the end; `None` if it diverged.
    pub gradient_norm_final: Option<f64>,
    /// Updates applied.
    pub steps: u32,
}

/// Every row of the `runs.csv` of a directory.
///
/// # Errors
/// When there is none, or it is not what this program writes; the text names the line.
pub fn read(directory: &Path) -> Result<Vec<Recorded>, OutputError> {
    let path = directory.join(runs::FILE);
    if !path.exists() {
        return Err(OutputError::Refused(format!(
            "{} is not there; run the sweep with --runs csv, which is the default",
            path.display()
        )));
    }
    let damaged = |problem: String| OutputError::Damaged { path: path.clone(), problem };
    let file = std::fs::File::open(&path).map_err(failed("read", &path))?;
    let mut reader = csv::Reader::from_reader(std::io::BufReader::with_capacity(1 << 20, file));
    let head = reader.headers().map_err(|error| damaged(error.to_string()))?.clone();
    let column = |name: &str| {
        head.iter()
            .position(|column| column == name)
            .ok_or_else(|| damaged(format!("it has no column {name}")))
    };
    let names = [
        "cell",
        "seed",
        "outcome",
        "symmetry_initial",
        "symmetry",
        "solve_step",
        "break_step",
        "diverge_step",
        "gradient_norm_final",
        "steps",
    ];
    let mut at = [0; 10];
    for (place, name) in at.iter_mut().zip(names) {
        *place = column(name)?;
    }
    let mut all = Vec::new();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| damaged(error.to_string()))? {
        let row = row(&at.map(|at| record.get(at).unwrap_or_default()));
        let line = record.position().map_or(0, csv::Position::line);
        let row = row.map_err(|column| {
            let found = record.get(at[column]).unwrap_or_default();
            damaged(format!("line {line}: {} cannot be \"{found}\"", names[column]))
        })?;
        all.push(row);
    }
    Ok(all)
}

/// A row from its fields; else the number of the field that is wrong.
fn row(fields: &[&str; 10]) -> Result<Recorded, usize> {
    fn whole<T: std::str::FromStr>(fields: &[&str; 10], at: usize) -> Result<T, usize> {
        fields[at].parse().map_err(|_| at)
    }
    fn maybe<T: std::str::FromStr>(fields: &[&str; 10], at: usize) -> Result<Option<T>, usize> {
        if fields[at].is_empty() { Ok(None) } else { whole(fields, at).map(Some) }
    }
    let symmetry = |at: usize| Symmetry::from_word(fields[at]).ok_or(at);
    Ok(Recorded {
        cell: whole(fields, 0)?,
        seed: whole(fields, 1)?,
        outcome: Outcome::from_word(fields[2]).ok_or(2usize)?,
        symmetry_initial: symmetry(3)?,
        symmetry: if fields[4].is_empty() { None } else { Some(symmetry(4)?) },
        solve_step: maybe(fields, 5)?,
        break_step: maybe(fields, 6)?,
        diverge_step: maybe(fields, 7)?,
        gradient_norm_final: maybe(fields, 8)?,
        steps: whole(fields, 9)?,
    })
}
