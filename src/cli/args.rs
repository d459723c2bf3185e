//! Arguments that several subcommands have.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueHint};

use super::{Failure, note};
use crate::engine::select::{self, Backend};
use crate::engine::{Engine, EngineError};
use crate::output::{Options, RunsFile};
use crate::spec::{self, Overrides, Plan};

/// What to run.
#[derive(Clone, Debug, Args)]
pub struct SpecArgs {
    /// What to run: the name of a preset, or a TOML file
    #[arg(value_name = "PRESET | SPEC.toml", value_hint = ValueHint::FilePath)]
    pub spec: String,

    /// Fix a key of the spec, even one that it sweeps (may be repeated)
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// Sweep a key over a range, such as init.scale=0,log:1e-6:10:25 (may be repeated)
    #[arg(long, value_name = "KEY=RANGE")]
    pub sweep: Vec<String>,

    /// Runs per cell
    #[arg(long, value_name = "N", value_parser = whole, allow_negative_numbers = true)]
    pub seeds: Option<u64>,

    /// Master seed, which all random numbers are drawn from
    #[arg(long, value_name = "S", value_parser = whole, allow_negative_numbers = true)]
    pub seed: Option<u64>,
}

impl SpecArgs {
    /// The plan, after its warnings have been noted.
    pub fn plan(&self) -> Result<Plan, Failure> {
        let overrides = Overrides {
            set: self.set.clone(),
            sweep: self.sweep.clone(),
            seeds: self.seeds,
            seed: self.seed,
        };
        let (plan, warnings) = spec::load(&self.spec, &overrides)?;
        for warning in &warnings {
            note(&format!("warning: {warning}"));
        }
        Ok(plan)
    }
}

/// What trains.
#[derive(Clone, Debug, Args)]
pub struct EngineArgs {
    /// Engine: auto takes a hardware GPU if there is one, else cpu; reference is f64 and slow
    #[arg(long, default_value = "auto", value_parser = backend())]
    pub backend: Backend,

    /// Use the adapter whose name contains TEXT (see `symbreak devices`)
    #[arg(long, value_name = "TEXT")]
    pub adapter: Option<String>,

    /// Worker threads on the host [default: one per core]
    #[arg(long, value_name = "N", value_parser = threads, allow_negative_numbers = true)]
    pub threads: Option<usize>,
}

impl EngineArgs {
    /// Opens the engine, and limits the threads that make rows.
    pub fn open(&self) -> Result<Box<dyn Engine>, EngineError> {
        if self.adapter.is_some() && matches!(self.backend, Backend::Cpu | Backend::Reference) {
            note(&format!("warning: --adapter is not used by --backend {}", self.backend));
        }
        let engine = select::open(self.backend, self.adapter.as_deref(), self.threads)?;
        if let Some(threads) = self.threads {
            // Rows are made on rayon's own threads. If it has some already, they do it.
            let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
        }
        Ok(engine)
    }
}

impl EngineArgs {
    /// The words that say the same, for another process.
    pub fn words(&self) -> Vec<String> {
        let EngineArgs { backend, adapter, threads } = self;
        let mut words = vec!["--backend".to_string(), backend.to_string()];
        if let Some(adapter) = adapter {
            words.push(format!("--adapter={adapter}"));
        }
        if let Some(threads) = threads {
            words.extend(["--threads".to_string(), threads.to_string()]);
        }
        words
    }
}

/// What is done about an engine, or a sweep, that goes wrong.
#[derive(Clone, Debug, Args)]
pub struct FaultArgs {
    /// If the engine fails for good, or cannot be opened, go on with this one
    #[arg(long, value_name = "BACKEND", value_parser = fallback())]
    pub fallback: Option<Backend>,

    /// Go on even if all runs of the first batch diverge, or their verification fails
    #[arg(long)]
    pub keep_going: bool,
}

impl FaultArgs {
    /// The words that say the same, for another process.
    pub fn words(&self) -> Vec<String> {
        let FaultArgs { fallback, keep_going } = self;
        let mut words = Vec::new();
        if let Some(fallback) = fallback {
            words.extend(["--fallback".to_string(), fallback.to_string()]);
        }
        words.extend(keep_going.then(|| "--keep-going".to_string()));
        words
    }
}

/// What is written and checked.
#[derive(Clone, Debug, Args)]
pub struct OutputArgs {
    /// Train this share of the runs again on another engine and compare outcome and symmetry
    #[arg(long, value_name = "FRACTION", default_value_t = 0.0, hide_default_value = true, value_parser = fraction,
        allow_negative_numbers = true)]
    pub verify: f64,

    /// Write traces.csv: the measures of the first N seeds of each cell at every measured step
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = whole, allow_negative_numbers = true)]
    pub trace: u64,

    /// Write params_init.npy and params_final.npy: the parameters of every run
    #[arg(long)]
    pub save_params: bool,

    /// What the row of each run goes to: runs.csv, runs.parquet or nothing
    #[arg(long, value_name = "FORMAT", default_value = "csv", value_parser = runs_file())]
    pub runs: RunsFile,
}

impl OutputArgs {
    /// As the files know them.
    pub fn options(&self) -> Options {
        Options { runs: self.runs, trace: self.trace, save_params: self.save_params, verify: self.verify }
    }
}

impl OutputArgs {
    /// The words that say the same, for another process.
    pub fn words(&self) -> Vec<String> {
        let OutputArgs { verify, trace, save_params, runs } = self;
        let mut words = Vec::new();
        if *verify > 0.0 {
            words.extend(["--verify".to_string(), verify.to_string()]);
        }
        if *trace > 0 {
            words.extend(["--trace".to_string(), trace.to_string()]);
        }
        if *save_params {
            words.push("--save-params".into());
        }
        let runs = match runs {
            RunsFile::Csv => return words,
            RunsFile::Parquet => "parquet",
            RunsFile::None => "none",
        };
        words.extend(["--runs".to_string(), runs.to_string()]);
        words
    }
}

fn backend() -> impl TypedValueParser<Value = Backend> {
    let values = Backend::ALL.iter().map(|backend| {
        // The mock is for the program's own tests.
        PossibleValue::new(backend.word()).hide(*backend == Backend::Mock)
    });
    PossibleValuesParser::new(values).try_map(|word| Backend::from_word(&word).ok_or("no such backend"))
}

/// The value of `--fallback`: an engine that needs no device.
fn fallback() -> impl TypedValueParser<Value = Backend> {
    PossibleValuesParser::new([Backend::Cpu, Backend::Reference].map(Backend::word))
        .try_map(|word| Backend::from_word(&word).ok_or("no such backend"))
}

fn runs_file() -> impl TypedValueParser<Value = RunsFile> {
    PossibleValuesParser::new(["csv", "parquet", "none"]).map(|word| match word.as_str() {
        "csv" => RunsFile::Csv,
        "parquet" => RunsFile::Parquet,
        _ => RunsFile::None,
    })
}

/// The value of `--threads`.
pub fn threads(text: &str) -> Result<usize, String> {
    /// More than any machine has cores; starting far more takes minutes and speeds nothing up.
    const MOST: usize = 1024;
    match text.parse() {
        Ok(threads) if (1..=MOST).contains(&threads) => Ok(threads),
        _ => Err(format!("expected a whole number from 1 to {MOST}")),
    }
}

/// A whole number, 0 or more.
pub fn whole(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "expected a whole number".into())
}

fn fraction(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(fraction) if (0.0..=1.0).contains(&fraction) => Ok(fraction),
        _ => Err("expected a number from 0 to 1".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::fraction;

    #[test]
    fn a_fraction_is_a_share() {
        assert_eq!(fraction("0.01"), Ok(0.01));
        for bad in ["-0.1", "1.1", "NaN", "inf", "half"] {
            assert!(fraction(bad).is_err(), "{bad}");
        }
    }
}
