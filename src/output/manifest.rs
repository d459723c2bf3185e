//! `manifest.json`: what was run, on what, and what came of it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::append::{Content, read_whole, write_whole};
use super::{OutputError, cells, failed};
use crate::engine::{Description, RunResult, measured_steps};
use crate::measure::{Outcome, Standstill, Symmetry, outcome, standstill};
use crate::spec::{Plan, Shard};

/// The file's name.
pub const FILE: &str = "manifest.json";

/// Its name while it is written.
pub const UNFINISHED: &str = "manifest.json.new";

/// Version of the layout of result directories.
pub const SCHEMA_VERSION: u32 = 2;

/// What kind of file the rows of runs go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunsFile {
    /// `runs.csv`
    #[default]
    Csv,
    /// `runs.parquet`
    Parquet,
    /// No rows of runs are kept.
    None,
}

impl RunsFile {
    /// As `--runs` takes it.
    pub fn word(self) -> &'static str {
        match self {
            RunsFile::Csv => "csv",
            RunsFile::Parquet => "parquet",
            RunsFile::None => "none",
        }
    }
}

/// What the user wants to be written and checked, beyond the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// `--runs`
    pub runs: RunsFile,
    /// `--trace`: seeds of each cell whose measured steps are kept
    pub trace: u64,
    /// `--save-params`
    pub save_params: bool,
    /// `--verify`: share of the runs repeated on another engine
    pub verify: f64,
}

/// Whether all runs are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// They are.
    Finished,
    /// They are not: interrupted, failed, killed or still running.
    Unfinished,
    /// Merged from shards of which some were missing.
    Incomplete,
}

/// Runs with consecutive numbers, and who trained them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stint {
    /// The first.
    pub from: u64,
    /// The first that is not one of them any more.
    pub to: u64,
    /// The engine.
    #[serde(flatten)]
    pub engine: Description,
    /// Commit that the program was built from, if that was known.
    #[serde(default)]
    pub git_hash: Option<String>,
}

impl Stint {
    /// Adds a stint to others that end before it. The number of threads changes no result, so that of the first of several is
    /// kept.
    pub fn add(self, stints: &mut Vec<Stint>) {
        match stints.last_mut() {
            Some(last) if last.to == self.from && last.is_by(&self) => last.to = self.to,
            _ => stints.push(self),
        }
    }

    fn is_by(&self, other: &Stint) -> bool {
        let engine = Description { threads: other.engine.threads, ..self.engine.clone() };
        engine == other.engine && self.git_hash == other.git_hash
    }
}

/// Commit that this program was built from, if that was known.
pub fn git_hash() -> Option<String> {
    option_env!("SYMBREAK_GIT_HASH").map(str::to_string)
}

/// Counts of runs, of a cell or of the whole sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All of them.
    pub runs_finished: u64,
    /// By outcome.
    pub solved: u64,
    /// By outcome.
    pub stuck: u64,
    /// By outcome.
    pub diverged: u64,
    /// By symmetry at the end, without diverged runs.
    pub symmetric: u64,
    /// By symmetry at the end, without diverged runs.
    pub partial: u64,
    /// By symmetry at the end, without diverged runs.
    pub broken: u64,
    /// Stuck runs, by [`Standstill`].
    pub stuck_copies: u64,
    /// Stuck runs, by [`Standstill`].
    pub stuck_plateau: u64,
    /// Stuck runs, by [`Standstill`].
    pub stuck_moving: u64,
}

impl Counts {
    /// Counts one run.
    pub fn add(&mut self, result: &RunResult) {
        self.runs_finished += 1;
        match outcome(result) {
            Outcome::Solved => self.solved += 1,
            Outcome::Stuck => self.stuck += 1,
            Outcome::Diverged => {
                self.diverged += 1;
                return;
            }
        }
        match standstill(result) {
            Some(Standstill::Copies) => self.stuck_copies += 1,
            Some(Standstill::Plateau) => self.stuck_plateau += 1,
            Some(Standstill::Moving) => self.stuck_moving += 1,
            Some(Standstill::Rest) | None => {}
        }
        match result.last.symmetry {
            Symmetry::Symmetric => self.symmetric += 1,
            Symmetry::Partial => self.partial += 1,
            Symmetry::Broken => self.broken += 1,
            Symmetry::None => {}
        }
    }

    /// Adds the counts of further runs.
    pub fn merge(&mut self, other: &Counts) {
        self.runs_finished += other.runs_finished;
        self.solved += other.solved;
        self.stuck += other.stuck;
        self.diverged += other.diverged;
        self.symmetric += other.symmetric;
        self.partial += other.partial;
        self.broken += other.broken;
        self.stuck_copies += other.stuck_copies;
        self.stuck_plateau += other.stuck_plateau;
        self.stuck_moving += other.stuck_moving;
    }
}

/// What `--verify` found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The engine that repeated the runs; of a merge all of them, separated by commas.
    pub engine: String,
    /// Runs repeated.
    pub sampled: u64,
    /// Runs whose outcome and symmetry were the same.
    pub agreed: u64,
    /// Runs whose labels differ for a reason that is understood: rounding decides them.
    pub explained: u64,
    /// Runs whose labels differ for no known reason.
    pub unexplained: u64,
    /// The first of those, by number.
    pub unexplained_runs: Vec<u64>,
}

impl Verification {
    /// Unexplained runs that are listed by number.
    const LISTED: usize = 100;

    /// Adds what was found in further runs.
    pub fn merge(&mut self, other: &Verification) {
        // More than one, where another engine took over what they checked.
        for engine in other.engine.split(", ") {
            if !self.engine.split(", ").any(|known| known == engine) {
                let comma = if self.engine.is_empty() { "" } else { ", " };
                self.engine = format!("{}{comma}{engine}", self.engine);
            }
        }
        self.sampled += other.sampled;
        self.agreed += other.agreed;
        self.explained += other.explained;
        self.unexplained += other.unexplained;
        self.unexplained_runs.extend(&other.unexplained_runs);
        self.unexplained_runs.truncate(Self::LISTED);
    }

    /// The first few unexplained runs, for a message.
    pub fn examples(&self) -> String {
        const FEW: usize = 10;
        let runs: Vec<String> = self.unexplained_runs.iter().take(FEW).map(u64::to_string).collect();
        let more = if self.unexplained > FEW as u64 { ", …" } else { "" };
        format!("{}{more}", runs.join(", "))
    }

    /// At most 1 unexplained run in 1000.
    pub fn passed(&self) -> bool {
        self.unexplained * 1000 <= self.sampled
    }
}

/// One program of the sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramNote {
    /// `2-8x8-1`: inputs, hidden widths, outputs
    pub shape: String,
    /// φ of the hidden units.
    pub activation: String,
    /// Trained parameters of a net.
    pub parameters: usize,
    /// Updates per run.
    pub steps: u32,
    /// The kernel that trained it.
    pub kernel: String,
}

/// The content of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA_VERSION`]
    pub schema_version: u32,
    /// `name` of the spec
    pub name: String,
    /// Whether all runs are in.
    pub status: Status,
    /// Of this program.
    pub program_version: String,
    /// Commit that the program was built from that started it, if that was known.
    pub git_hash: Option<String>,
    /// The resolved spec.
    pub spec: Json,
    /// Hash of the plan.
    pub plan_hash: String,
    /// What was asked for beyond the plan.
    pub options: Options,
    /// The engine that trained: backend, adapter, adapter_type, driver, threads. Of a merge that of the first run.
    #[serde(flatten)]
    pub engine: Description,
    /// The backend that was to take over if the engine fails; null for none. Whether it did is in `trained_by`.
    pub fallback: Option<String>,
    /// Which runs of the plan these are; null for all.
    pub shard: Option<Shard>,
    /// Who trained which of them, as far as that is known: more than one engine or build after `--fallback`, `--resume` or a
    /// merge.
    pub trained_by: Vec<Stint>,
    /// In an incomplete merge the runs that are missing, as pairs: the first, and the first that is there again.
    pub missing: Vec<(u64, u64)>,
    /// All runs of the plan.
    pub runs: u64,
    /// Cells of the plan. (`cells` itself is the list that `--json` adds.)
    pub cell_count: u64,
    /// Runs per cell.
    pub seeds: u64,
    /// What came of the runs.
    pub counts: Counts,
    /// The distinct programs.
    pub programs: Vec<ProgramNote>,
    /// By the number of steps of a run, the steps at which it is measured.
    pub measured_steps: BTreeMap<u32, Vec<u32>>,
    /// What `--verify` found; null where it was not asked for.
    pub verification: Option<Verification>,
    /// When the sweep was started, in seconds since 1970; of a merge the first of its shards.
    pub started_at: u64,
    /// Seconds that the engine trained, over all sessions of a resumed sweep and all shards of a merged one.
    pub training_seconds: f64,
    /// Seconds from start to end, over all sessions of a resumed sweep. Of a merge the sum over its shards, whether they ran
    /// at the same time or not; merging takes none.
    pub total_seconds: f64,
    /// What the finished files beside this one hold, by name.
    pub files: BTreeMap<String, Content>,
}

impl Manifest {
    /// Of a sweep that is about to start; `kernels` holds the kernel of each program.
    pub fn new(plan: &Plan, engine: Description, options: Options, kernels: &[String]) -> Manifest {
        let programs = plan.programs.iter().zip(kernels).map(|(program, kernel)| ProgramNote {
            shape: program.shape.to_string(),
            activation: program.shape.activation.to_string(),
            parameters: program.shape.parameters(),
            steps: program.steps,
            kernel: kernel.clone(),
        });
        let steps = plan.programs.iter().map(|program| (program.steps, measured_steps(program.steps)));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Manifest {
            schema_version: SCHEMA_VERSION,
            name: plan.name.clone(),
            status: Status::Unfinished,
            program_version: env!("CARGO_PKG_VERSION").into(),
            git_hash: git_hash(),
            spec: plan.resolved.clone(),
            plan_hash: plan.hash(),
            options,
            engine,
            fallback: None,
            shard: None,
            trained_by: Vec::new(),
            missing: Vec::new(),
            runs: plan.runs(),
            cell_count: plan.grid.cells(),
            seeds: plan.seeds,
            counts: Counts::default(),
            programs: programs.collect(),
            measured_steps: steps.collect(),
            verification: None,
            started_at: now,
            training_seconds: 0.0,
            total_seconds: 0.0,
            files: BTreeMap::new(),
        }
    }

    /// The part that is the same whenever the same runs are trained on the same engine: nothing of times, of threads, or of
    /// how the sweep was cut up and put together.
    pub fn reproducible(&self) -> Json {
        const KEYS: [&str; 19] = [
            "schema_version",
            "name",
            "program_version",
            "git_hash",
            "spec",
            "plan_hash",
            "backend",
            "adapter",
            "adapter_type",
            "driver",
            "shard",
            "runs",
            "cell_count",
            "seeds",
            "counts",
            "programs",
            "measured_steps",
            "verification",
            "missing",
        ];
        let mut content = serde_json::to_value(self).unwrap_or_default();
        if let Some(object) = content.as_object_mut() {
            object.retain(|key, _| KEYS.contains(&key.as_str()));
        }
        content
    }

    /// Numbers of the runs that this is the manifest of.
    pub fn range(&self) -> Range<u64> {
        self.shard.map_or(0..self.runs, |shard| shard.of_runs(self.runs))
    }

    /// Whether the files in `directory` are as long as they were when they were finished, and `cells.csv`, which is what is
    /// shown of a sweep, holds the same bytes.
    ///
    /// # Errors
    /// [`OutputError::Damaged`] where one is not or does not.
    pub fn check(&self, directory: &Path) -> Result<(), OutputError> {
        for (name, content) in &self.files {
            let path = directory.join(name);
            let found = std::fs::metadata(&path).map_err(failed("read", &path))?.len();
            if found != content.bytes {
                let problem = format!("it has {found} bytes, not the {} that were written", content.bytes);
                return Err(OutputError::Damaged { path, problem });
            }
            if name == cells::FILE && Content::of(&path)? != *content {
                let problem = "it holds other bytes than were written".into();
                return Err(OutputError::Damaged { path, problem });
            }
        }
        Ok(())
    }

    /// Of a sweep that is not being written any more: those of the files `names` of `directory` that are there and are not what was
    /// written, as warnings. Files that cannot be read are none of them: whoever needs one will say so.
    pub fn changed(&self, directory: &Path, names: &[&str]) -> Vec<String> {
        if self.status == Status::Unfinished {
            return Vec::new();
        }
        let is_written = |path: &Path, name: &str| {
            let Some(written) = self.files.get(name) else { return false };
            // The length is quicker to tell.
            let found = std::fs::metadata(path).map_or(0, |found| found.len());
            found == written.bytes && Content::of(path).map_or(true, |found| found == *written)
        };
        let changed = names.iter().filter_map(|name| {
            let path = directory.join(name);
            let is_changed = path.is_file() && !is_written(&path, name);
            is_changed.then(|| {
                format!(
                    "{} is not the file that the sweep wrote, by its length or BLAKE3 in {FILE}: it was changed or replaced, \
                     and what is told here is of what it holds now",
                    path.display()
                )
            })
        });
        changed.collect()
    }

    /// Writes it into `directory`, whole.
    pub fn write(&self, directory: &Path) -> Result<(), OutputError> {
        let path = directory.join(FILE);
        let sealed =
            serde_json::to_value(self).and_then(|content| serde_json::to_string_pretty(&sealed(content)));
        let mut text = sealed.map_err(|e| failed("write", &path)(e.into()))?;
        text.push('\n');
        write_whole(&path, text.as_bytes())
    }

    /// Reads the manifest of `directory`; `None` if there is none.
    pub fn read(directory: &Path) -> Result<Option<Manifest>, OutputError> {
        let path = directory.join(FILE);
        let text = match read_whole(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        let damaged = |problem: String| OutputError::Damaged { path: path.clone(), problem };
        let content: Json = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        let version = &content["schema_version"];
        if *version != SCHEMA_VERSION {
            return Err(damaged(format!(
                "its schema_version is {version}, this program writes and reads {SCHEMA_VERSION}"
            )));
        }
        if sealed(content.clone()) != content {
            return Err(damaged("it is not what was written, for its checksum is another one".into()));
        }
        let manifest = serde_json::from_value(content).map_err(|error| damaged(error.to_string()))?;
        Ok(Some(manifest))
    }
}

/// The content of a manifest with its checksum at the end: BLAKE3 of all the rest as JSON without spaces.
fn sealed(mut content: Json) -> Json {
    if let Some(object) = content.as_object_mut() {
        object.shift_remove("checksum");
        let text = Json::Object(object.clone()).to_string();
        object.insert("checksum".into(), blake3::hash(text.as_bytes()).to_hex().as_str().into());
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::mock::MockEngine;
    use crate::engine::{Engine, Measured, Units};
    use crate::spec::{Overrides, parse};

    #[test]
    fn every_kind_of_stuck_run_is_counted_apart() {
        use Symmetry::{Broken, Partial, Symmetric};
        let mut counts = Counts::default();
        for (times, symmetry, spread, gradient_norm) in [
            (1, Symmetric, 0.0, 0.0),
            (2, Symmetric, 0.1, 0.0),
            (3, Broken, 0.1, 1.0),
            (5, Partial, 0.1, 0.0),
        ] {
            let at = Measured {
                loss: 0.25,
                error: 0.5,
                gradient_norm,
                units: Some(Units { spread, gap: spread, distinct: 1 }),
                symmetry,
            };
            let run = RunResult {
                initial: at,
                last: at,
                solve_step: None,
                diverge_step: None,
                steps: 1,
                symmetry: vec![symmetry; 2],
                trace: Vec::new(),
            };
            (0..times).for_each(|_| counts.add(&run));
        }
        let expected = Counts {
            runs_finished: 11,
            stuck: 11,
            symmetric: 3,
            broken: 3,
            partial: 5,
            stuck_copies: 1,
            stuck_plateau: 2,
            stuck_moving: 3,
            ..Counts::default()
        };
        assert_eq!(counts, expected);
    }

    #[test]
    fn what_was_verified_adds_up_and_a_few_runs_are_named() {
        let found = |first: u64, unexplained: u64| Verification {
            engine: "reference".into(),
            sampled: 100,
            agreed: 60,
            explained: 40 - unexplained,
            unexplained,
            unexplained_runs: (first..first + unexplained).collect(),
        };
        let mut all = found(0, 4);
        all.merge(&found(50, 6));
        assert_eq!((all.sampled, all.agreed, all.explained, all.unexplained), (200, 120, 70, 10));
        assert_eq!(all.examples(), "0, 1, 2, 3, 50, 51, 52, 53, 54, 55");
        all.merge(&found(90, 1));
        assert_eq!(all.examples(), "0, 1, 2, 3, 50, 51, 52, 53, 54, 55, …");
    }

    fn manifest() -> Manifest {
        let (plan, _) = parse("[task]\ndataset = \"xor\"\n", "x.toml", &Overrides::default()).unwrap();
        Manifest::new(&plan, MockEngine::default().description(), Options::default(), &[])
    }

    #[test]
    fn lengths_are_checked_and_cells_to_the_byte() {
        let place = tempfile::tempdir().unwrap();
        let here = place.path();
        let mut manifest = manifest();
        for name in ["runs.csv", cells::FILE] {
            std::fs::write(here.join(name), "abc").unwrap();
            manifest.files.insert(name.into(), Content::of(&here.join(name)).unwrap());
        }
        manifest.check(here).unwrap();
        std::fs::write(here.join("runs.csv"), "abd").unwrap();
        manifest.check(here).unwrap();
        let told = |text: &str| manifest.check(here).unwrap_err().to_string().contains(text);
        std::fs::write(here.join(cells::FILE), "abd").unwrap();
        assert!(told("cells.csv: it holds other bytes than were written"));
        std::fs::write(here.join(cells::FILE), "abc").unwrap();
        std::fs::write(here.join("runs.csv"), "ab").unwrap();
        assert!(told("runs.csv: it has 2 bytes, not the 3"));
    }

    #[test]
    fn no_manifest_is_none_and_what_is_no_file_an_error() {
        let place = tempfile::tempdir().unwrap();
        assert!(Manifest::read(place.path()).unwrap().is_none());
        assert!(Manifest::read(&place.path().join("none")).unwrap().is_none());
        manifest().write(place.path()).unwrap();
        assert_eq!(
            Manifest::read(place.path()).unwrap(),
            Some(manifest()).map(|now| Manifest {
                started_at: Manifest::read(place.path()).unwrap().unwrap().started_at,
                ..now
            })
        );
        std::fs::remove_file(place.path().join(FILE)).unwrap();
        std::fs::create_dir(place.path().join(FILE)).unwrap();
        assert!(Manifest::read(place.path()).is_err());
    }

    #[test]
    fn the_commit_is_the_one_that_was_built() {
        assert_eq!(git_hash().as_deref(), option_env!("SYMBREAK_GIT_HASH"));
        if let Some(hash) = git_hash() {
            let of_git = hash.chars().take_while(char::is_ascii_hexdigit).count();
            assert!(of_git >= 7, "{hash}");
        }
    }
}
