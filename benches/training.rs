//! Training speed of the engines' parts, by criterion: `cargo bench`.

use std::sync::atomic::AtomicBool;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use symbreak::engine::cpu::CpuEngine;
use symbreak::engine::reference::ReferenceEngine;
use symbreak::engine::{Batch, Engine, Start, Watch};
use symbreak::spec::{Overrides, load};

/// One batch of the XOR preset, short enough to repeat.
fn train(criterion: &mut Criterion, name: &str, engine: &mut dyn Engine, seeds: u64, steps: u32) {
    let overrides = Overrides {
        set: vec!["init.scale=1.0".into(), "net.activation=logistic".into(), format!("train.steps={steps}")],
        seeds: Some(seeds),
        ..Overrides::default()
    };
    let (plan, _) = load("xor-scale", &overrides).expect("the preset is valid");
    let runs: Vec<_> = (0..plan.runs()).map(|number| plan.run(number)).collect();
    let start = Start::Drawn;
    let batch = Batch { program: &plan.programs[0], runs: &runs, start, keep_parameters: false };
    let interrupted = AtomicBool::new(false);
    let watch = Watch { interrupted: &interrupted, finished: &|_| () };
    let mut group = criterion.benchmark_group("train 2-2-1");
    // Elements are net-steps: one update of one network on its whole batch.
    group.throughput(Throughput::Elements(seeds * u64::from(steps))).sample_size(10);
    group.bench_function(name, |bencher| {
        bencher.iter(|| engine.train(&batch, &watch).expect("it trains"));
    });
    group.finish();
}

fn engines(criterion: &mut Criterion) {
    train(criterion, "cpu", &mut CpuEngine::new(None).expect("threads"), 4096, 1000);
    train(criterion, "reference", &mut ReferenceEngine::new(None).expect("threads"), 256, 1000);
}

criterion_group!(benches, engines);
criterion_main!(benches);
