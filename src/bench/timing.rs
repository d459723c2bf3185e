//! Sizes, warm-up, and repetitions in alternation over the engines, so that whatever else the machine is doing falls on
//! all of them alike.

use std::time::Instant;

use super::check::check;
use super::{Contender, Options, Purpose, Workload};
use crate::engine::{Batch, Engine, EngineError, Program, Start, Watch};
use crate::spec::Plan;
use crate::verify;

/// Steps of a run where none are asked for. Some 70 of them are measured steps.
pub const STEPS: u32 = 1000;

/// Networks at which a GPU path is compared with the processor.
pub const CROSSOVER: [u64; 5] = [1, 16, 256, 4096, 65_536];

/// One batch and how long it took.
#[derive(Clone, Debug)]
pub struct Timing {
    /// What was trained.
    pub workload: Workload,
    /// Index of the contender.
    pub contender: usize,
    /// The program of the batch.
    pub program: Program,
    /// Networks of the batch.
    pub networks: u64,
    /// What it was made for.
    pub purpose: Purpose,
    /// What the contender's first batch of this workload took longer than its second.
    pub compile_seconds: Option<f64>,
    /// Net-steps of the batch.
    pub net_steps: u64,
    /// One a repetition.
    pub seconds: Vec<f64>,
}

/// What became of a workload.
#[derive(Debug, Default)]
pub struct Timed {
    /// Its timings, the rates before the crossover.
    pub timings: Vec<Timing>,
    /// Engines that can't train it, and why.
    pub unsupported: Vec<String>,
    /// Engines that train it wrong, and where.
    pub wrong: Vec<String>,
}

/// Checks and times one workload on all contenders.
///
/// # Errors
/// What an engine fails with, other than that the workload is beyond it.
pub fn time(
    workload: &Workload,
    contenders: &mut [Contender],
    options: &Options<'_>,
) -> Result<Timed, EngineError> {
    let mut timed = Timed::default();
    let mut right: Vec<(usize, Option<f64>)> = Vec::new();
    for (c, contender) in contenders.iter_mut().enumerate() {
        let name = format!("{} on {} ({})", workload.shape, contender.on.backend, contender.on.adapter);
        match prepare(workload, contender, options) {
            Ok(Prepared::Right { compile_seconds }) => right.push((c, compile_seconds)),
            Ok(Prepared::Wrong(what)) => timed.wrong.push(format!("{name}: {what}")),
            Err(EngineError::Unsupported(why)) => timed.unsupported.push(format!("{name}: {why}")),
            Err(error) => return Err(error),
        }
    }
    let default = [STEPS];
    let steps = if options.steps.is_empty() { &default } else { options.steps };
    for &steps in steps {
        let mut sizes: Vec<(usize, Size)> = Vec::new();
        if options.networks.is_empty() {
            for &(c, _) in &right {
                sizes.push((c, size(workload, contenders[c].engine.as_mut(), steps, options)?));
            }
        }
        let few = few(&sizes, contenders, steps, 2.0 * options.seconds);
        let asked = right.iter().flat_map(|&(c, _)| options.networks.iter().map(move |&n| (c, n, steps)));
        let found = sizes.iter().map(|&(c, size)| (c, size.networks, size.steps));
        let rates = asked.chain(found).map(|(c, networks, steps)| (c, networks, steps, Purpose::Rate));
        let few = few.into_iter().map(|(c, networks)| (c, networks, steps, Purpose::Crossover));
        for (c, networks, steps, purpose) in rates.chain(few) {
            let compile_seconds = right.iter().find(|(r, _)| *r == c).and_then(|&(_, seconds)| seconds);
            timed.timings.push(Timing {
                workload: *workload,
                contender: c,
                program: plan(workload, 1, steps)?.programs.swap_remove(0),
                networks,
                purpose,
                compile_seconds,
                net_steps: 0,
                seconds: Vec::new(),
            });
        }
    }
    timed.timings.sort_by_key(|timing| timing.purpose == Purpose::Crossover);
    repeat(&mut timed.timings, contenders, options)?;
    Ok(timed)
}

enum Prepared {
    Right { compile_seconds: Option<f64> },
    Wrong(String),
}

/// Compiles what has to be compiled, and checks.
fn prepare(
    workload: &Workload,
    contender: &mut Contender,
    options: &Options<'_>,
) -> Result<Prepared, EngineError> {
    let engine = contender.engine.as_mut();
    let one = plan(workload, 1, 1)?;
    engine.placement(&one.programs[0])?;
    let (_, first) = train(engine, &one, options.watch)?;
    let (_, second) = train(engine, &one, options.watch)?;
    let checking =
        verify::Options { quick: true, threads: options.threads, interrupted: options.watch.interrupted };
    let found = check(engine, workload, checking)?;
    if !found.passed() {
        let what =
            format!("off by {:.2e} where {:.2e} is allowed: {}", found.worst, found.bound, found.place);
        return Ok(Prepared::Wrong(what));
    }
    let compiles = contender.on.backend == "gpu";
    Ok(Prepared::Right { compile_seconds: compiles.then_some((first - second).max(0.0)) })
}

/// Times every batch as often as asked, once round after the other; the first round warms up and does not count.
fn repeat(
    timings: &mut [Timing],
    contenders: &mut [Contender],
    options: &Options<'_>,
) -> Result<(), EngineError> {
    for round in 0..=options.repetitions {
        for timing in timings.iter_mut() {
            let contender = &mut contenders[timing.contender];
            if timing.purpose == Purpose::Rate {
                contender.look_for_peak()?;
            }
            let plan = plan(&timing.workload, timing.networks, timing.program.steps)?;
            let (net_steps, seconds) = train(contender.engine.as_mut(), &plan, options.watch)?;
            if round > 0 {
                timing.net_steps = net_steps;
                timing.seconds.push(seconds);
            }
        }
    }
    Ok(())
}

/// A size for a batch.
#[derive(Clone, Copy, Debug)]
struct Size {
    networks: u64,
    steps: u32,
    /// Networks of a good batch, at most.
    limit: u64,
    /// Net-steps a second, roughly.
    rate: f64,
}

/// Networks (a power of two) that keep an engine busy for about as long as asked: enough that more would not be faster,
/// and more steps where all that it takes at once are too few.
fn size(
    workload: &Workload,
    engine: &mut dyn Engine,
    steps: u32,
    options: &Options<'_>,
) -> Result<Size, EngineError> {
    let limit = engine.placement(&plan(workload, 1, steps)?.programs[0])?.runs_per_batch as u64;
    let limit = 1 << limit.max(1).ilog2();
    // The largest batch so far that was much faster, network by network, than one of a quarter of its size: smaller
    // ones leave vectors, threads or lanes empty.
    let (mut networks, mut filling, mut best) = (1, 1, 0.0);
    let rate = loop {
        let plan = plan(workload, networks, steps)?;
        let (net_steps, mut seconds) = train(engine, &plan, options.watch)?;
        if seconds < options.seconds {
            // The better of two, for one look may have been disturbed.
            seconds = seconds.min(train(engine, &plan, options.watch)?.1);
        }
        // A clock that has not moved is no division by zero.
        let rate = net_steps as f64 / seconds.max(1e-9);
        let faster = rate > 1.5 * best;
        if faster {
            filling = networks;
        }
        let enough = seconds > options.seconds * if faster { 20.0 } else { 0.3 };
        if enough || networks == limit {
            break rate;
        }
        best = f64::max(best, rate);
        networks = (4 * networks).min(limit);
    };
    let fitting = (rate * options.seconds / f64::from(steps)) as u64;
    let networks = fitting.max(filling).next_power_of_two().min(limit);
    let mut size = Size { networks, steps, limit, rate };
    let free = options.steps.is_empty();
    while free
        && networks as f64 * f64::from(size.steps) < rate * options.seconds / 3.0
        && size.steps < 100_000_000
    {
        size.steps *= 10;
    }
    Ok(size)
}

/// The batches that show from how many networks on a GPU path is worth it: on the processor with the most threads and
/// on every adapter, as far as none takes longer than `seconds`. None unless both are there.
fn few(sizes: &[(usize, Size)], contenders: &[Contender], steps: u32, seconds: f64) -> Vec<(usize, u64)> {
    let is = |c: usize, backend: &str| contenders[c].on.backend == backend;
    let cpu = sizes.iter().filter(|(c, _)| is(*c, "cpu")).max_by_key(|(c, _)| contenders[*c].on.threads);
    let gpus: Vec<_> = sizes.iter().filter(|(c, _)| is(*c, "gpu")).collect();
    let (Some(cpu), false) = (cpu, gpus.is_empty()) else { return Vec::new() };
    let compared: Vec<_> = gpus.into_iter().chain([cpu]).collect();
    let fits = |networks: u64| {
        let short = |size: &Size| networks as f64 * f64::from(steps) <= size.rate * seconds;
        compared.iter().all(|(_, size)| networks <= size.limit && short(size))
    };
    CROSSOVER
        .into_iter()
        .take_while(|&networks| fits(networks))
        .flat_map(|networks| compared.iter().map(move |(c, _)| (*c, networks)))
        .collect()
}

/// The specs of the workloads are part of the program and a test parses each, so what is wrong is a number.
fn plan(workload: &Workload, networks: u64, steps: u32) -> Result<Plan, EngineError> {
    workload.plan(networks, steps).map_err(|error| EngineError::Unsupported(error.to_string()))
}

/// Trains all runs of a plan as one batch: net-steps done, and seconds.
fn train(engine: &mut dyn Engine, plan: &Plan, watch: &Watch<'_>) -> Result<(u64, f64), EngineError> {
    let runs: Vec<_> = (0..plan.runs()).map(|number| plan.run(number)).collect();
    let start = Start::Drawn;
    let batch = Batch { program: &plan.programs[0], runs: &runs, start, keep_parameters: false };
    let since = Instant::now();
    let trained = engine.train(&batch, watch)?;
    let seconds = since.elapsed().as_secs_f64();
    if trained.runs.len() != runs.len() {
        return Err(EngineError::Device(format!("{} results of {} runs", trained.runs.len(), runs.len())));
    }
    Ok((trained.runs.iter().map(|run| u64::from(run.steps)).sum(), seconds))
}
