//! One batch on the device: draw or upload, dispatch by dispatch to the last step, read back.

use std::sync::atomic::Ordering;
use std::time::Instant;

use wgpu::BufferUsages;

use super::layout::{self, Dispatch, Draw, Init, NONE, POISON, State, Words};
use super::shader::{self, Kernel, Kind, LOOP_ITERATIONS, WORKGROUP};
use super::{Gpu, GpuEngine};
use crate::engine::{
    Batch, EngineError, Measured, Parameters, Program, RunResult, Start, Trained, Units, Watch,
    measured_steps,
};
use crate::measure::Symmetry;
use crate::net::{Base, Noise};

/// How long the device should work between two looks of the host, in seconds.
const DISPATCH_SECONDS: f64 = 0.05;

/// The buffers of a batch.
struct Buffers {
    dispatch: wgpu::Buffer,
    runs: wgpu::Buffer,
    parameters: wgpu::Buffer,
    slots: wgpu::Buffer,
    states: wgpu::Buffer,
    data: wgpu::Buffer,
    measured: wgpu::Buffer,
    symmetry: wgpu::Buffer,
    traces: wgpu::Buffer,
    scratch: wgpu::Buffer,
}

pub fn train(engine: &mut GpuEngine, batch: &Batch<'_>, watch: &Watch<'_>) -> Result<Trained, EngineError> {
    if batch.runs.is_empty() {
        let parameters = batch.keep_parameters.then(|| Parameters { initial: Vec::new(), last: Vec::new() });
        return Ok(Trained { runs: Vec::new(), parameters });
    }
    let program = batch.program;
    let kernel = engine.kernel(program)?;
    let measured = measured_steps(program.steps);
    let networks = batch.runs.len();
    let traced = batch.runs.iter().filter(|run| run.traced).count();
    let buffers = allocate(&engine.gpu, batch, &kernel, measured.len(), traced)?;
    draw(engine, batch, &kernel, &buffers)?;
    let initial = match batch.keep_parameters {
        true => Some(read_parameters(&engine.gpu, &buffers, batch, &kernel)?),
        false => None,
    };

    let (train_name, measure_name) = match kernel.kind {
        Kind::Register => ("train_register.wgsl.jinja", "measure_register.wgsl.jinja"),
        Kind::Workgroup => ("train_workgroup.wgsl.jinja", "measure_workgroup.wgsl.jinja"),
    };
    let workgroup = kernel.kind == Kind::Workgroup;
    let mut train_storage = vec![false, true, true, true, false];
    let mut measure_storage = vec![false, false, true, true, false, true, true];
    if workgroup {
        train_storage.push(true);
        measure_storage.push(true);
    }
    let train = engine.pipeline(train_name, kernel.train.clone(), &train_storage)?;
    let measure = engine.pipeline(measure_name, kernel.measure.clone(), &measure_storage)?;
    let Buffers {
        dispatch,
        runs,
        parameters,
        slots,
        states,
        data,
        measured: measures,
        symmetry,
        traces,
        scratch,
    } = &buffers;
    let mut bind_train = vec![dispatch, runs, parameters, slots, states, data];
    let mut bind_measure = vec![dispatch, runs, parameters, measures, states, data, symmetry, traces];
    if workgroup {
        bind_train.push(scratch);
        bind_measure.push(scratch);
    }
    let gpu = &engine.gpu;
    let (bind_train, bind_measure) = (gpu.bind(&train, &bind_train), gpu.bind(&measure, &bind_measure));
    let workgroups = match kernel.kind {
        Kind::Register => (networks as u32).div_ceil(WORKGROUP),
        Kind::Workgroup => networks as u32,
    };
    let queue = |pipeline, bindings, target_step: u32, last: u32, measurement: usize| {
        let what = Dispatch {
            networks: networks as u32,
            target_step,
            last,
            measurement: measurement as u32,
            traced: traced as u32,
            ..Default::default()
        };
        gpu.queue.write_buffer(dispatch, 0, bytemuck::bytes_of(&what));
        gpu.dispatch(pipeline, bindings, workgroups);
    };

    // One more iteration than steps where a dispatch also checks the state it ends in.
    let bound = (LOOP_ITERATIONS / kernel.iterations_per_step).saturating_sub(1).max(1) as u32;
    let most = engine.options.steps_per_dispatch.unwrap_or(bound);
    let mut pace = Pace {
        steps: engine.options.steps_per_dispatch.unwrap_or(most.min(8)),
        queued: 0,
        since: Instant::now(),
    };
    let (mut at, mut reported) = (0u32, 0usize);
    for (m, &step) in measured.iter().enumerate() {
        while at < step {
            let steps = (step - at).min(most).min(pace.steps - pace.queued).max(1);
            at += steps;
            queue(&train, &bind_train, at, 0, 0);
            pace.queued += steps;
            if pace.queued >= pace.steps {
                gpu.wait()?;
                if engine.options.steps_per_dispatch.is_none() {
                    pace.tune(most);
                }
                pace.queued = 0;
                if watch.interrupted.load(Ordering::Relaxed) {
                    return Err(EngineError::Interrupted);
                }
                let finished = (f64::from(at) / f64::from(program.steps) * networks as f64 * 0.99) as usize;
                (watch.finished)(finished - reported);
                reported = finished;
            }
        }
        if step == program.steps {
            // The state after the last update is checked too.
            queue(&train, &bind_train, step, 1, 0);
        }
        queue(&measure, &bind_measure, step, 0, m);
    }
    gpu.wait()?;
    let runs = read_results(gpu, &buffers, batch, &measured, traced)?;
    let parameters = match initial {
        Some(initial) => Some(Parameters { initial, last: read_parameters(gpu, &buffers, batch, &kernel)? }),
        None => None,
    };
    (watch.finished)(networks - reported);
    Ok(Trained { runs, parameters })
}

/// Steps between two looks of the host, tuned to time.
struct Pace {
    steps: u32,
    queued: u32,
    since: Instant,
}

impl Pace {
    fn tune(&mut self, most: u32) {
        let seconds = self.since.elapsed().as_secs_f64().max(1e-6);
        let fitting = f64::from(self.queued) * DISPATCH_SECONDS / seconds;
        // Not eight times more at once: the first dispatches also pay for what happens once.
        self.steps = (fitting as u32).clamp(1, self.steps.saturating_mul(8)).min(most);
        self.since = Instant::now();
    }
}

fn allocate(
    gpu: &Gpu,
    batch: &Batch<'_>,
    kernel: &Kernel,
    measured: usize,
    traced: usize,
) -> Result<Buffers, EngineError> {
    let networks = batch.runs.len();
    let program = batch.program;
    let count = networks * program.shape.parameters();
    let mut slot = 0;
    let runs: Vec<layout::Run> = batch
        .runs
        .iter()
        .map(|run| layout::Run {
            seed: [run.seed as u32, (run.seed >> 32) as u32],
            base_value: run.base_value as f32,
            scale: run.scale as f32,
            bias_scale: run.bias_scale as f32,
            learning_rate: run.lr as f32,
            momentum: run.momentum as f32,
            weight_decay: run.weight_decay as f32,
            solved_limit: run.solved_limit as f32,
            symmetry_tolerance: run.symmetry_tolerance as f32,
            trace_slot: match run.traced {
                true => {
                    slot += 1;
                    slot - 1
                }
                false => NONE,
            },
            reserved: 0,
        })
        .collect();
    let poison = |words: usize| vec![POISON; words];
    let storage =
        |label: &str, words: &[u32]| gpu.buffer(label, bytemuck::cast_slice(words), BufferUsages::STORAGE);
    let mut data = program.data.x.clone();
    data.extend(&program.data.y);
    let measured_words = size_of::<layout::Measured>() / 4;
    Ok(Buffers {
        dispatch: gpu.buffer("dispatch", bytemuck::bytes_of(&Dispatch::default()), BufferUsages::UNIFORM)?,
        runs: gpu.buffer("runs", bytemuck::cast_slice(&runs), BufferUsages::STORAGE)?,
        parameters: match batch.start {
            Start::Given(values) => {
                let laid_out = to_device(values, networks, program, kernel);
                gpu.buffer("parameters", bytemuck::cast_slice(&laid_out), BufferUsages::STORAGE)?
            }
            Start::Drawn { .. } => storage("parameters", &poison(count))?,
        },
        slots: storage("slots", &poison(count * program.optimizer.slots()))?,
        states: storage("states", &poison(networks * size_of::<State>() / 4))?,
        data: gpu.buffer("data", bytemuck::cast_slice(&data), BufferUsages::STORAGE)?,
        measured: storage("measured", &poison(2 * networks * measured_words))?,
        symmetry: storage("symmetry", &poison(measured.div_ceil(16) * networks))?,
        traces: storage("traces", &poison(traced * measured * measured_words))?,
        scratch: storage("scratch", &poison(kernel.scratch * networks))?,
    })
}

/// From `[run][parameter]` to the kernel's layout.
fn to_device(values: &[f32], networks: usize, program: &Program, kernel: &Kernel) -> Vec<f32> {
    match kernel.kind {
        Kind::Workgroup => values.to_vec(),
        Kind::Register => transpose(values, networks, program.shape.parameters()),
    }
}

/// From `[rows][columns]` to `[columns][rows]`.
fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}

fn read_parameters(
    gpu: &Gpu,
    buffers: &Buffers,
    batch: &Batch<'_>,
    kernel: &Kernel,
) -> Result<Vec<f32>, EngineError> {
    let (networks, parameters) = (batch.runs.len(), batch.program.shape.parameters());
    let values = gpu.read::<f32>(&buffers.parameters, networks * parameters)?;
    Ok(match kernel.kind {
        Kind::Workgroup => values,
        Kind::Register => transpose(&values, parameters, networks),
    })
}

/// Initial parameters, cleared optimizer slots and states.
fn draw(
    engine: &mut GpuEngine,
    batch: &Batch<'_>,
    kernel: &Kernel,
    buffers: &Buffers,
) -> Result<(), EngineError> {
    let program = batch.program;
    let (networks, parameters) = (batch.runs.len() as u32, program.shape.parameters() as u32);
    let (network_stride, parameter_stride) = match kernel.kind {
        Kind::Register => (1, networks),
        Kind::Workgroup => (parameters, 1),
    };
    let (master, draw) = match batch.start {
        Start::Drawn { master } => (master, 1),
        Start::Given(_) => (0, 0),
    };
    let init = Init {
        key: [master as u32, (master >> 32) as u32],
        networks,
        parameters,
        network_stride,
        parameter_stride,
        base: match program.init.base {
            Base::Zero => 0,
            Base::Constant => 1,
            Base::Copies => 2,
        },
        noise: match program.init.noise {
            Noise::Uniform => 0,
            Noise::Normal => 1,
        },
        draw,
        slots: program.optimizer.slots() as u32,
        reserved: [0; 2],
    };
    let draws: Vec<Draw> = program
        .init
        .draws(&program.shape)
        .iter()
        .map(|d| Draw { orbit: d.orbit, weight: d.weight.into(), factor: d.factor, reserved: 0 })
        .collect();
    let pipeline = engine.pipeline("init.wgsl", shader::init(), &[false, true, true, true, false])?;
    let gpu = &engine.gpu;
    let uniform = gpu.buffer("init", bytemuck::bytes_of(&init), BufferUsages::UNIFORM)?;
    let draws = gpu.buffer("draws", bytemuck::cast_slice(&draws), BufferUsages::STORAGE)?;
    let bindings = gpu.bind(
        &pipeline,
        &[&uniform, &buffers.runs, &buffers.parameters, &buffers.slots, &buffers.states, &draws],
    );
    gpu.dispatch(&pipeline, &bindings, (networks * parameters).div_ceil(WORKGROUP));
    gpu.wait()
}

fn read_results(
    gpu: &Gpu,
    buffers: &Buffers,
    batch: &Batch<'_>,
    measured: &[u32],
    traced: usize,
) -> Result<Vec<RunResult>, EngineError> {
    let networks = batch.runs.len();
    let states = gpu.read::<State>(&buffers.states, networks)?;
    check_steps(&states, batch.program, measured.len(), &gpu.adapter.name)?;
    let measures = gpu.read::<layout::Measured>(&buffers.measured, 2 * networks)?;
    let symmetry = gpu.read::<u32>(&buffers.symmetry, measured.len().div_ceil(16) * networks)?;
    let traces = gpu.read::<layout::Measured>(&buffers.traces, traced * measured.len())?;
    let mut slot = 0;
    let mut results = Vec::with_capacity(networks);
    for (n, run) in batch.runs.iter().enumerate() {
        let state = states[n];
        let mut trace = Vec::new();
        if run.traced {
            for m in 0..measured.len() {
                trace.push(decode(&traces[m * traced + slot], gpu, n)?);
            }
            slot += 1;
        }
        let code = |m: usize| symmetry[m / 16 * networks + n] >> (2 * (m % 16)) & 3;
        results.push(RunResult {
            initial: decode(&measures[n], gpu, n)?,
            last: decode(&measures[networks + n], gpu, n)?,
            solve_step: (state.solve_step != NONE).then_some(state.solve_step),
            diverge_step: (state.diverge_step != NONE).then_some(state.diverge_step),
            steps: state.steps,
            // Two bits name four symmetries.
            symmetry: (0..measured.len()).map(|m| Symmetry::ALL[code(m) as usize]).collect(),
            trace,
        });
    }
    Ok(results)
}

fn decode(measured: &layout::Measured, gpu: &Gpu, n: usize) -> Result<Measured, EngineError> {
    let Some(&symmetry) = Symmetry::ALL.get(measured.symmetry as usize) else {
        return Err(EngineError::Device(format!(
            "{} returned no measurement for run {n} of the batch; try --backend cpu",
            gpu.adapter.name
        )));
    };
    Ok(Measured {
        loss: f64::from(measured.loss),
        error: f64::from(measured.error),
        gradient_norm: f64::from(measured.gradient_norm),
        units: (measured.distinct > 0).then(|| Units {
            spread: f64::from(measured.spread),
            gap: f64::from(measured.gap),
            distinct: measured.distinct,
        }),
        symmetry,
    })
}

/// Every run must have applied the steps it was sent for: some drivers end long loops early and say nothing.
fn check_steps(
    states: &[State],
    program: &Program,
    measured: usize,
    adapter: &str,
) -> Result<(), EngineError> {
    for (n, state) in states.iter().enumerate() {
        let expected = if state.diverge_step != NONE {
            state.diverge_step
        } else if program.stop_when_solved && state.solve_step != NONE {
            state.solve_step
        } else {
            program.steps
        };
        if state.steps != expected || state.measured != measured as u32 {
            return Err(EngineError::Device(format!(
                "{adapter} did {} of {expected} steps and {} of {measured} measurements of run {n} of the batch: its \
                 driver ends long loops early; nothing of this batch is kept; try --backend cpu",
                state.steps, state.measured
            )));
        }
    }
    Ok(())
}

pub fn random_words(
    engine: &mut GpuEngine,
    key: [u32; 2],
    counters: &[[u32; 4]],
) -> Result<Vec<[u32; 4]>, EngineError> {
    let pipeline = engine.pipeline("rng.wgsl", shader::rng(), &[false, true])?;
    let gpu = &engine.gpu;
    let request = Words { key, count: counters.len() as u32, reserved: 0 };
    let request = gpu.buffer("request", bytemuck::bytes_of(&request), BufferUsages::UNIFORM)?;
    let list = gpu.buffer("counters", bytemuck::cast_slice(counters), BufferUsages::STORAGE)?;
    let poison = vec![[POISON; 4]; counters.len()];
    let words = gpu.buffer("words", bytemuck::cast_slice(&poison), BufferUsages::STORAGE)?;
    let bindings = gpu.bind(&pipeline, &[&request, &list, &words]);
    gpu.dispatch(&pipeline, &bindings, (counters.len() as u32).div_ceil(WORKGROUP));
    gpu.read(&words, counters.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposing_twice_is_nothing() {
        let values: Vec<f32> = (0..6).map(|v| v as f32).collect();
        assert_eq!(transpose(&values, 2, 3), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(transpose(&transpose(&values, 2, 3), 3, 2), values);
    }
}
