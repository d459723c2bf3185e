//! Tries the mutants that cargo-mutants names. It would build the project anew for each one, which takes days for three
//! thousand; here all are compiled into one program and chosen while it runs, and only the tests that reach a mutant are run
//! for it. `mutants/results.csv` keeps how each one ended, `mutants/reasons.csv` why those may live that no test catches.
//!
//!     cargo mutants --list --json … > LIST; symbreak-mutants LIST TREE [--minutes N] [--shard K/N] [--again] [--name PART] [--patience SECONDS]

mod build;
mod list;
mod results;
mod trial;
mod weave;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use list::Mutant;
use results::Results;
use trial::{Trials, Verdict};

struct Options {
    list: PathBuf,
    /// Where the woven project lies.
    tree: PathBuf,
    minutes: u64,
    /// Every `of`-th mutant from `shard` on, both from 1.
    shard: usize,
    of: usize,
    /// Also those that were caught before.
    again: bool,
    /// Only mutants whose name has this part.
    name: String,
    /// How long the tests of one mutant may take in all, by their times without one.
    patience: Duration,
    /// Names of the integration tests, all of `tests/` that need no GPU.
    tests: Vec<String>,
}

fn options() -> Result<Options> {
    let mut options = Options {
        list: PathBuf::new(),
        tree: PathBuf::new(),
        minutes: 24 * 60,
        shard: 1,
        of: 1,
        again: false,
        name: String::new(),
        patience: Duration::from_secs(60 * 60),
        tests: Vec::new(),
    };
    let mut rest = Vec::new();
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--minutes" => options.minutes = value()?.parse().context("--minutes")?,
            "--shard" => {
                let value = value()?;
                let (shard, of) = value.split_once('/').context("--shard K/N")?;
                (options.shard, options.of) = (shard.parse()?, of.parse()?);
            }
            "--again" => options.again = true,
            "--name" => options.name = value()?,
            "--patience" => {
                options.patience = Duration::from_secs(value()?.parse().context("--patience")?);
            }
            "--test" => options.tests.push(value()?),
            _ if argument.starts_with("--") => bail!("unknown option {argument}"),
            _ => rest.push(PathBuf::from(argument)),
        }
    }
    if options.of == 0 || options.shard == 0 || options.shard > options.of {
        bail!("--shard K/N: K is from 1 to N");
    }
    [options.list, options.tree] =
        <[PathBuf; 2]>::try_from(rest).map_err(|_| anyhow::anyhow!("expected LIST and TREE"))?;
    Ok(options)
}

/// Longer tests than this are left out: there are shorter ones of the same.
const LONGEST_TEST: Duration = Duration::from_secs(90);

fn main() -> Result<()> {
    let options = options()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no folder above")?;
    let mutants: Vec<Mutant> =
        serde_json::from_str(&fs::read_to_string(&options.list)?).context("the list of mutants")?;
    let deadline = Instant::now() + Duration::from_secs(60 * options.minutes);
    // Many tests wait rather than calculate.
    let workers = 2 * std::thread::available_parallelism().map_or(1, |cores| cores.get());

    // Should a file be wrong, nobody waits for that.
    let mut results = Results::read(root, &mutants)?;
    let built = build::build(root, &options.tree, &mutants, &options.tests)?;
    let tests = trial::record(&built.executables, &options.tree, LONGEST_TEST, workers)?;
    let all: Duration = tests.iter().map(|test| test.took).sum();
    println!("{} tests, {:.0} s one after the other", tests.len(), all.as_secs_f64());

    for &number in &built.refused {
        results.set(&mutants[number], "refused", "");
    }
    let (alone, mut woven): (Vec<usize>, Vec<usize>) = (0..mutants.len())
        .skip(options.shard - 1)
        .step_by(options.of)
        .filter(|number| !built.refused.contains(number))
        .filter(|&number| mutants[number].name.contains(&options.name))
        .filter(|&number| options.again || !results.is_settled(&mutants[number]))
        .partition(|number| built.left_out.contains(number));
    // Those that lived take longest.
    woven.sort_by_key(|&number| results.has_lived(&mutants[number]));
    println!("{} of {} mutants to try, {} more alone", woven.len(), mutants.len(), alone.len());
    let results = Mutex::new(results);
    let told = |number: usize, verdict| {
        let mutant: &Mutant = &mutants[number];
        let (word, by) = match verdict {
            Verdict::Caught(test) => ("caught", test),
            Verdict::TimedOut(test) => ("timeout", test),
            Verdict::Missed(tests) => ("missed", format!("{tests} tests")),
            Verdict::Undecided(tests) => ("undecided", format!("{tests} tests")),
            Verdict::Unreached => ("unreached", String::new()),
            Verdict::Refused => ("refused", String::new()),
        };
        if !matches!(word, "caught" | "timeout" | "refused") {
            println!("{word}: {}", mutant.name);
        }
        let mut results = results.lock().expect("no worker panics");
        results.set(mutant, word, &by);
        // What is found stays found, should the rest be cut short.
        if let Err(error) = results.write() {
            eprintln!("{error:#}");
        }
    };
    let kills = Mutex::new(results.lock().expect("no worker panics").kills(&mutants));
    let (mutants, tests, tree, patience) = (&mutants, &tests, &options.tree, options.patience);
    let trials = Trials { mutants, tests, kills, tree, workers, patience, deadline };
    trials.all(&woven, told)?;
    // Most show in the library's own tests, which are built in a fraction of the time.
    let mut left = alone;
    for tests in [&[], &options.tests[..]] {
        let mut living = Vec::new();
        for number in left.into_iter().take_while(|_| Instant::now() < deadline) {
            let verdict = match build::build_alone(root, tree, &mutants[number], tests)? {
                Some(executables) => trials.alone(number, &executables)?,
                None => Verdict::Refused,
            };
            let lives = !matches!(verdict, Verdict::Caught(_) | Verdict::TimedOut(_) | Verdict::Refused);
            if lives && tests.is_empty() {
                living.push(number);
            } else {
                told(number, verdict);
            }
        }
        left = living;
    }
    let results = results.into_inner().expect("no worker panics");
    results.write()?;
    results.report()
}
