//! Speed of the parts around training, by criterion: `cargo bench --bench parts`. Each group says what an element is.

use std::hint::black_box;
use std::sync::atomic::AtomicBool;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use symbreak::engine::cpu::CpuEngine;
use symbreak::engine::{Batch, Engine, Start, Watch};
use symbreak::measure::{Score, symmetry::LayerSpread};
use symbreak::net::philox::{self, Stream};
use symbreak::net::{Activation, init};
use symbreak::output::{rows::Rows, runs};
use symbreak::spec::{Overrides, Plan, load};

fn plan(set: &[&str]) -> Plan {
    let set = set.iter().map(|flag| flag.to_string()).collect();
    let overrides = Overrides { set, seeds: Some(64), ..Overrides::default() };
    load("xor-copies", &overrides).expect("the preset is valid").0
}

/// An element is one block of four random words.
fn random_words(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("philox");
    group.throughput(Throughput::Elements(1000));
    group.bench_function("words", |bencher| {
        bencher
            .iter(|| (0..1000).fold(0, |sum, p| sum ^ philox::words(black_box(7), 3, Stream::Noise, p)[0]));
    });
    group.finish();
}

/// An element is one initial parameter.
fn initial_parameters(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("initial parameters of 2-32-1");
    for (base, noise) in [("zero", "uniform"), ("zero", "normal"), ("copies", "uniform")] {
        let (base, noise) = (format!("init.base={base}"), format!("init.noise={noise}"));
        let plan = plan(&["net.hidden=32", &base, &noise]);
        let program = &plan.programs[0];
        let drawing = program.drawing();
        let amounts = plan.run(0).amounts();
        group.throughput(Throughput::Elements(drawing.draws().len() as u64));
        group.bench_function(format!("{base}, {noise}"), |bencher| {
            let mut parameters = Vec::new();
            bencher.iter(|| {
                parameters.clear();
                drawing.draw(black_box(amounts), &mut parameters);
                black_box(&parameters);
            });
        });
    }
    group.finish();
}

/// An element is one net-step, of which 32 activations on each of 4 samples are the largest part.
fn activations(criterion: &mut Criterion) {
    let mut engine = CpuEngine::new(Some(1)).expect("threads");
    let interrupted = AtomicBool::new(false);
    let watch = Watch { interrupted: &interrupted, finished: &|_| () };
    let mut group = criterion.benchmark_group("train 2-32-1 on one thread");
    for &activation in Activation::ALL {
        let plan = plan(&["net.hidden=32", "train.steps=100", &format!("net.activation={activation}")]);
        let runs: Vec<_> = (0..64).map(|number| plan.run(number)).collect();
        let start = Start::Drawn;
        let batch = Batch { program: &plan.programs[0], runs: &runs, start, keep_parameters: false };
        group.throughput(Throughput::Elements(64 * 100));
        group.bench_function(activation.word(), |bencher| {
            bencher.iter(|| engine.train(&batch, &watch).expect("it trains"));
        });
    }
    group.finish();
}

/// An element is one pair of units, compared on 4 samples.
fn symmetry(criterion: &mut Criterion) {
    let units = 32;
    let activations: Vec<f64> = (0..4 * units as u32)
        .map(|i| f64::from(init::uniform(philox::words(1, 0, Stream::Noise, i)[0])))
        .collect();
    let mut group = criterion.benchmark_group("symmetry of 32 units");
    group.throughput(Throughput::Elements((units * (units - 1) / 2) as u64));
    group.bench_function("spread, gap, groups", |bencher| {
        bencher.iter(|| LayerSpread::of(black_box(&activations), units, 0.1));
    });
    group.finish();
}

/// An element is one row of runs.csv.
fn csv_rows(criterion: &mut Criterion) {
    let plan = plan(&["net.hidden=2", "train.steps=100", "net.activation=tanh"]);
    let runs: Vec<_> = (0..64).map(|number| plan.run(number)).collect();
    let interrupted = AtomicBool::new(false);
    let watch = Watch { interrupted: &interrupted, finished: &|_| () };
    let start = Start::Drawn;
    let batch = Batch { program: &plan.programs[0], runs: &runs, start, keep_parameters: false };
    let trained = CpuEngine::new(Some(1)).and_then(|mut engine| engine.train(&batch, &watch));
    let results = trained.expect("it trains").runs;
    let values = plan.grid.values(0);
    let swept = runs::Swept::new(&values);
    let mut group = criterion.benchmark_group("rows");
    group.throughput(Throughput::Elements(results.len() as u64));
    group.bench_function("runs.csv", |bencher| {
        bencher.iter(|| {
            let mut rows = Rows::default();
            for (seed, result) in (0..).zip(&results) {
                let place = runs::Place { number: seed, cell: 0, seed, swept: &swept };
                runs::row(&mut rows, place, result, None, None, &Score::default());
            }
            rows
        });
    });
    group.finish();
}

/// An element is one program: its choice of kernel and the WGSL of both its shaders.
#[cfg(feature = "gpu")]
fn shaders(criterion: &mut Criterion) {
    use symbreak::engine::gpu::shader::{Target, kernel};
    let mut group = criterion.benchmark_group("shaders");
    for hidden in ["2", "32", "64x64"] {
        let plan = plan(&[&format!("net.hidden={hidden}")]);
        group.bench_function(hidden, |bencher| {
            bencher.iter(|| kernel(black_box(&plan.programs[0]), Target::HARDWARE).expect("it fits"));
        });
    }
    group.finish();
}

#[cfg(not(feature = "gpu"))]
fn shaders(_: &mut Criterion) {}

criterion_group!(benches, random_words, initial_parameters, activations, symmetry, csv_rows, shaders);
criterion_main!(benches);
