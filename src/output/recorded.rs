//! What `runs.csv` or `runs.parquet` says of every run, read back.

use std::path::{Path, PathBuf};

use super::append::Lines;
use super::columns::Column;
use super::{OutputError, failed, parquet, runs};
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
    pub loss_final: Option<f64>,
    /// At the end; `None` if it diverged.
    pub gradient_norm_final: Option<f64>,
    /// Updates applied.
    pub steps: u32,
}

/// The columns that these are of.
const COLUMNS: [&str; 11] = [
    "cell",
    "seed",
    "outcome",
    "symmetry_initial",
    "symmetry",
    "solve_step",
    "break_step",
    "diverge_step",
    "loss_final",
    "gradient_norm_final",
    "steps",
];

/// The files that may hold the rows of runs.
pub const FILES: [&str; 2] = [runs::FILE, parquet::FILE];

/// Every row of the `runs.csv` of a directory, or else of its `runs.parquet`.
///
/// # Errors
/// When there is neither, or it is not what this program writes; the text names the line.
pub fn read(directory: &Path) -> Result<Vec<Recorded>, OutputError> {
    let mut all = Vec::new();
    each(directory, |run| all.push(run))?;
    Ok(all)
}

/// The same row by row, for what need not have all of them in memory.
///
/// # Errors
/// Those of [`read`]; rows before the one that is wrong have been given.
pub fn each(directory: &Path, then: impl FnMut(Recorded)) -> Result<(), OutputError> {
    let (text, typed) = (directory.join(runs::FILE), directory.join(parquet::FILE));
    match (text.exists(), typed.exists()) {
        (true, _) => read_csv(text, then),
        (false, true) => read_parquet(typed, then),
        (false, false) => Err(OutputError::Refused(format!(
            "{} is not there, nor is {}; run the sweep with --runs csv, which is the default, or --runs parquet",
            text.display(),
            parquet::FILE
        ))),
    }
}

fn read_csv(path: PathBuf, mut then: impl FnMut(Recorded)) -> Result<(), OutputError> {
    let damaged = |problem: String| OutputError::Damaged { path: path.clone(), problem };
    let file = Lines::open(&path).map_err(failed("read", &path))?;
    let mut reader = csv::Reader::from_reader(std::io::BufReader::with_capacity(1 << 20, file));
    let head = reader.headers().map_err(|error| damaged(error.to_string()))?.clone();
    let column = |name: &str| {
        head.iter()
            .position(|column| column == name)
            .ok_or_else(|| damaged(format!("it has no column {name}")))
    };
    let mut at = [0; COLUMNS.len()];
    for (place, name) in at.iter_mut().zip(COLUMNS) {
        *place = column(name)?;
    }
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| damaged(error.to_string()))? {
        let row = row(&at.map(|at| record.get(at).unwrap_or_default()));
        let line = record.position().map_or(0, csv::Position::line);
        let row = row.map_err(|column| {
            let found = record.get(at[column]).unwrap_or_default();
            damaged(format!("line {line}: {} cannot be \"{found}\"", COLUMNS[column]))
        })?;
        then(row);
    }
    Ok(())
}

/// A row from its fields; else the number of the field that is wrong.
fn row(fields: &[&str; COLUMNS.len()]) -> Result<Recorded, usize> {
    fn whole<T: std::str::FromStr>(fields: &[&str; COLUMNS.len()], at: usize) -> Result<T, usize> {
        fields[at].parse().map_err(|_| at)
    }
    fn maybe<T: std::str::FromStr>(fields: &[&str; COLUMNS.len()], at: usize) -> Result<Option<T>, usize> {
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
        loss_final: maybe(fields, 8)?,
        gradient_norm_final: maybe(fields, 9)?,
        steps: whole(fields, 10)?,
    })
}

fn read_parquet(path: PathBuf, mut then: impl FnMut(Recorded)) -> Result<(), OutputError> {
    let damaged = |problem: String| OutputError::Damaged { path: path.clone(), problem };
    let groups = parquet::read(&path)?;
    let mut at = [0; COLUMNS.len()];
    for (place, name) in at.iter_mut().zip(COLUMNS) {
        *place = groups
            .names()
            .iter()
            .position(|column| *column == name)
            .ok_or_else(|| damaged(format!("it has no column {name}")))?;
    }
    let (mut count, mut end) = (0, 0);
    for group in groups {
        let group = group?;
        end += group.rows();
        rows(&at.map(|at| &group.columns()[at])).for_each(|run| {
            count += 1;
            then(run);
        });
        if count != end {
            return Err(damaged(format!("row {count} is not what this program writes")));
        }
    }
    Ok(())
}

/// The rows of [`COLUMNS`], up to the first that is not as it must be.
fn rows(columns: &[&Column; COLUMNS.len()]) -> impl Iterator<Item = Recorded> {
    let [mut cell, mut seed, mut solve, mut breaks, mut diverge, mut steps] =
        [0, 1, 5, 6, 7, 10].map(|at| columns[at].wholes());
    let [mut outcome, mut initial, mut last] = [2, 3, 4].map(|at| columns[at].words());
    let [mut loss, mut norm] = [8, 9].map(|at| columns[at].floats());
    std::iter::from_fn(move || {
        let step = |from: Option<Option<u64>>| from.map(|step| step.map(|step| step as u32));
        Some(Recorded {
            cell: cell.next()?? as usize,
            seed: seed.next()??,
            outcome: Outcome::from_word(outcome.next()??)?,
            symmetry_initial: Symmetry::from_word(initial.next()??)?,
            symmetry: match last.next()? {
                Some(word) => Some(Symmetry::from_word(word)?),
                None => None,
            },
            solve_step: step(solve.next())?,
            break_step: step(breaks.next())?,
            diverge_step: step(diverge.next())?,
            loss_final: loss.next()?,
            gradient_norm_final: norm.next()?,
            steps: steps.next()?? as u32,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "run,cell,seed,init.scale,outcome,symmetry_initial,symmetry,solve_step,break_step,diverge_step,\
                        loss_final,gradient_norm_final,steps\n";

    fn written(text: &str) -> Result<Vec<Recorded>, String> {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join(runs::FILE), text).unwrap();
        read(place.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_come_back_whatever_is_swept_and_empty_fields_are_none() {
        let rows = written(&format!(
            "{HEAD}0,0,0,\"8,8\",solved,symmetric,broken,12,8,,0.5,1e-3,100\n1,0,1,\"8,8\",diverged,none,,,,5,,,5\n"
        ));
        let [solved, diverged] = rows.unwrap()[..] else { panic!("two rows") };
        assert_eq!(
            (solved.outcome, solved.solve_step, solved.break_step),
            (Outcome::Solved, Some(12), Some(8))
        );
        assert_eq!((solved.symmetry, solved.gradient_norm_final), (Some(Symmetry::Broken), Some(1e-3)));
        assert_eq!((diverged.symmetry, diverged.gradient_norm_final, diverged.steps), (None, None, 5));
        assert_eq!((diverged.seed, diverged.diverge_step), (1, Some(5)));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let bad =
            written(&format!("{HEAD}0,0,0,1.0,solved,symmetric,broken,12,8,,,1e-3,many\n")).unwrap_err();
        assert!(bad.ends_with("runs.csv: line 2: steps cannot be \"many\""), "{bad}");
        let bad = written("run,cell\n0,0\n").unwrap_err();
        assert!(bad.ends_with("it has no column seed"), "{bad}");
        let none = read(Path::new("no/such/place")).unwrap_err().to_string();
        assert!(none.contains("--runs csv"), "{none}");
    }
}
