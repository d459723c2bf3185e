//! A batch on the device: draw or upload, dispatch by dispatch to the last step, read back.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Instant;

use wgpu::BufferUsages;

use super::device::Download;
use super::layout::{self, Dispatch, Draw, Init, NONE, POISON, State, Words};
use super::shader::{self, Kernel, Kind, LOOP_ITERATIONS, WORKGROUP};
use super::{Gpu, GpuEngine, Prepared, closed};
use crate::engine::{
    Batch, EngineError, Measured, Parameters, Program, Run, RunResult, Start, Trained, Units, Watch,
    measured_steps,
};
use crate::measure::Symmetry;
use crate::net::init::Drawing;
use crate::net::{Base, Noise, Optimizer};

/// How long the device should work between two looks of the host, in seconds.
const DISPATCH_SECONDS: f64 = 0.05;

/// Networks that are on the device at once at most: the rest of a batch follows while their results are read.
const PART: usize = 1 << 16;

/// The buffers of a part of a batch.
#[derive(Debug)]
pub struct Buffers {
    dispatch: wgpu::Buffer,
    runs: wgpu::Buffer,
    parameters: wgpu::Buffer,
    slots: wgpu::Buffer,
    states: wgpu::Buffer,
    data: wgpu::Buffer,
    schedule: wgpu::Buffer,
    measured: wgpu::Buffer,
    symmetry: wgpu::Buffer,
    traces: wgpu::Buffer,
    scratch: wgpu::Buffer,
    order: wgpu::Buffer,
}

/// Bytes of the order of samples of one run.
pub fn order_bytes(program: &Program, kernel: &Kernel) -> u64 {
    match kernel.kind {
        Kind::Register(_) if program.batch.is_some() => 4 * program.data.samples() as u64,
        // Part of its scratch.
        Kind::Register(_) | Kind::Workgroup(_) => 0,
    }
}

impl Buffers {
    /// Bytes of each, in the order of the fields.
    fn sizes(job: &Job<'_>, networks: usize, traced: usize) -> [u64; 12] {
        let (program, measured) = (&job.prepared.program, job.measured.len());
        let parameters = networks * program.shape.parameters();
        [
            size_of::<Dispatch>(),
            networks * size_of::<layout::Run>(),
            4 * parameters,
            4 * parameters * program.optimizer.slots(),
            networks * size_of::<State>(),
            4 * (program.data.x.len() + program.data.y.len()),
            4 * (measured + 1),
            2 * networks * size_of::<layout::Measured>(),
            4 * measured.div_ceil(16) * networks,
            traced * measured * size_of::<layout::Measured>(),
            4 * job.prepared.kernel.scratch * networks,
            order_bytes(program, &job.prepared.kernel) as usize * networks,
        ]
        .map(|bytes| bytes as u64)
    }

    fn all(&self) -> [&wgpu::Buffer; 12] {
        let Buffers { dispatch, runs, parameters, slots, states, data, .. } = self;
        let Buffers { schedule, measured, symmetry, traces, scratch, order, .. } = self;
        [
            dispatch, runs, parameters, slots, states, data, schedule, measured, symmetry, traces, scratch,
            order,
        ]
    }

    /// Buffers of at least these sizes: spare ones where they fit.
    fn take(gpu: &Gpu, spare: &mut Vec<Buffers>, sizes: [u64; 12]) -> Result<Buffers, EngineError> {
        let fits =
            |buffers: &Buffers| buffers.all().iter().zip(sizes).all(|(buffer, size)| buffer.size() >= size);
        if let Some(at) = spare.iter().position(fits) {
            return Ok(spare.swap_remove(at));
        }
        // What does not fit is not kept: memory of the device is for what is at work.
        spare.clear();
        let storage = |label: &str, at: usize| gpu.storage(label, sizes[at]);
        let buffers = Buffers {
            dispatch: gpu.uniform("dispatch", sizes[0]),
            runs: storage("runs", 1),
            parameters: storage("parameters", 2),
            slots: storage("slots", 3),
            states: storage("states", 4),
            data: storage("data", 5),
            schedule: storage("schedule", 6),
            measured: storage("measured", 7),
            symmetry: storage("symmetry", 8),
            traces: storage("traces", 9),
            scratch: storage("scratch", 10),
            order: storage("order", 11),
        };
        gpu.healthy()?;
        Ok(buffers)
    }
}

/// What all parts of a batch have in common.
struct Job<'a> {
    gpu: &'a Gpu,
    prepared: &'a Prepared,
    init: wgpu::ComputePipeline,
    drawing: Drawing,
    batch: &'a Batch<'a>,
    /// The master seed that all runs of a batch have.
    key: [u32; 2],
    measured: Vec<u32>,
    /// Steps of one dispatch at most.
    most: u32,
    /// Whether every measured step ends a dispatch.
    at_each_step: bool,
    /// Whether the device is to be destroyed on the way, by [`Options::lose_at`](super::Options::lose_at).
    lose: bool,
}

/// A part of a batch that is on the device.
struct Part<'a> {
    job: &'a Job<'a>,
    range: Range<usize>,
    traced: usize,
    buffers: Buffers,
    train: wgpu::BindGroup,
    measure: wgpu::BindGroup,
    initial: Option<Download<f32>>,
}

/// A part that has nothing left to do, with its results on their way.
struct Ended<'a> {
    part: Part<'a>,
    last: Option<Download<f32>>,
    states: Download<State>,
    measured: Download<layout::Measured>,
    symmetry: Download<u32>,
    traces: Download<layout::Measured>,
}

pub fn train(engine: &mut GpuEngine, batch: &Batch<'_>, watch: &Watch<'_>) -> Result<Trained, EngineError> {
    let program = batch.program;
    let lose = engine.options.lose_at.contains(&engine.batches);
    engine.batches += 1;
    let decay = batch.runs.iter().any(|run| run.weight_decay as f32 != 0.0);
    let at = engine.prepare(program, decay)?;
    let init = engine.pipeline("init.wgsl", shader::init(), &[false, true, true, false])?;
    let GpuEngine { adapter, gpu, options, prepared, spare, .. } = engine;
    let gpu = gpu.as_ref().ok_or_else(|| closed(adapter))?;
    let kernel = &prepared[at].kernel;
    let measured = measured_steps(program.steps);
    // Many measurements on many samples are too long for one dispatch.
    let measurements = kernel.iterations_per_measurement * (measured.len() as u64 + 1);
    let at_each_step = measurements > LOOP_ITERATIONS / 4;
    let measurements = if at_each_step { 2 * kernel.iterations_per_measurement } else { measurements };
    let bound = LOOP_ITERATIONS.saturating_sub(measurements + kernel.iterations_per_dispatch)
        / kernel.iterations_per_step;
    let most = options.steps_per_dispatch.unwrap_or(bound.max(1) as u32);
    let drawing = program.drawing();
    let master = batch.runs.first().map_or(0, |run| run.master);
    let key = [master as u32, (master >> 32) as u32];
    let job =
        Job { gpu, prepared: &prepared[at], init, drawing, batch, key, measured, most, at_each_step, lose };
    let mut pace = Pace { rate: job.prepared.net_steps_per_second, fixed: options.steps_per_dispatch };
    let mut trained = Trained {
        runs: Vec::with_capacity(batch.runs.len()),
        parameters: batch.keep_parameters.then(|| Parameters { initial: Vec::new(), last: Vec::new() }),
    };
    let mut ended: Option<Ended<'_>> = None;
    for first in (0..batch.runs.len()).step_by(PART) {
        let part = Part::begin(&job, spare, first..batch.runs.len().min(first + PART))?;
        let mut before = ended.take();
        let now = part.go(&mut pace, watch, &mut || {
            if let Some(before) = before.take() {
                spare.push(before.collect(&mut trained)?);
            }
            Ok(())
        })?;
        ended = Some(now);
    }
    if let Some(last) = ended {
        spare.push(last.collect(&mut trained)?);
    }
    prepared[at].net_steps_per_second = pace.rate;
    Ok(trained)
}

/// How many steps make a dispatch of [`DISPATCH_SECONDS`].
struct Pace {
    /// Updates a second of all networks together.
    rate: Option<f64>,
    fixed: Option<u32>,
}

impl Pace {
    fn steps(&self, networks: usize, most: u32) -> u32 {
        self.fixed.unwrap_or_else(|| match self.rate {
            None => most.min(8),
            Some(rate) => ((DISPATCH_SECONDS * rate / networks as f64) as u32).clamp(1, most),
        })
    }

    /// Learns from a dispatch.
    fn learn(&mut self, networks: usize, steps: u32, seconds: f64) {
        self.rate = Some(networks as f64 * f64::from(steps) / seconds.max(1e-6));
    }
}

impl<'a> Part<'a> {
    /// Queues the upload, the draw of the initial parameters and the first measurement.
    fn begin(job: &'a Job<'a>, spare: &mut Vec<Buffers>, range: Range<usize>) -> Result<Self, EngineError> {
        let Job { gpu, prepared, batch, .. } = *job;
        let runs = &batch.runs[range.clone()];
        let traced = runs.iter().filter(|run| run.traced).count();
        let buffers = Buffers::take(gpu, spare, Buffers::sizes(job, runs.len(), traced))?;
        gpu.clear(&[&buffers.measured, &buffers.traces, &buffers.slots]);
        let mut drawn = Vec::new();
        let write = |buffer: &wgpu::Buffer, bytes: &[u8]| gpu.queue.write_buffer(buffer, 0, bytes);
        write(&buffers.runs, bytemuck::cast_slice(&device_runs(&prepared.program, runs)));
        write(&buffers.states, bytemuck::cast_slice(&vec![POISON; runs.len() * size_of::<State>() / 4]));
        let data = [&prepared.program.data.x[..], &prepared.program.data.y].concat();
        write(&buffers.data, bytemuck::cast_slice(&data));
        write(&buffers.schedule, bytemuck::cast_slice(&[&job.measured[..], &[NONE]].concat()));
        let count = prepared.program.shape.parameters();
        let given = match batch.start {
            Start::Given(values) => Some(&values[range.start * count..range.end * count]),
            Start::Drawn if job.drawing.needs_host() => {
                runs.iter().for_each(|run| job.drawing.draw(run.amounts(), &mut drawn));
                Some(&drawn[..])
            }
            Start::Drawn => None,
        };
        if let Some(values) = given {
            write(&buffers.parameters, bytemuck::cast_slice(&to_device(values, runs.len(), prepared)));
        }
        let Buffers { dispatch, runs, parameters, slots, states, data, .. } = &buffers;
        let Buffers { schedule, measured, symmetry, traces, scratch, order, .. } = &buffers;
        let (train, measure) = match prepared.kernel.kind {
            Kind::Register(_) => (
                [dispatch, runs, parameters, slots, states, data, schedule, symmetry, order]
                    [..if prepared.program.has_passes_of_its_own() { 9 } else { 8 }]
                    .to_vec(),
                vec![dispatch, runs, parameters, measured, data, traces],
            ),
            Kind::Workgroup(_) => (
                vec![dispatch, runs, parameters, slots, states, data, scratch],
                vec![dispatch, runs, parameters, measured, states, data, symmetry, traces, scratch],
            ),
        };
        let train = gpu.bind(&prepared.train, &train);
        let measure = gpu.bind(&prepared.measure, &measure);
        let mut part = Part { job, range, traced, buffers, train, measure, initial: None };
        part.draw()?;
        part.initial = batch.keep_parameters.then(|| part.parameters());
        part.measure(0);
        Ok(part)
    }

    fn networks(&self) -> usize {
        self.range.len()
    }

    fn dispatch(
        &self,
        pipeline: &wgpu::ComputePipeline,
        bindings: &wgpu::BindGroup,
        workgroups: usize,
        what: Dispatch,
    ) -> wgpu::SubmissionIndex {
        let what = Dispatch {
            key: self.job.key,
            networks: self.networks() as u32,
            traced: self.traced as u32,
            steps: self.job.prepared.program.steps,
            ..what
        };
        self.job.gpu.queue.write_buffer(&self.buffers.dispatch, 0, bytemuck::bytes_of(&what));
        self.job.gpu.dispatch(pipeline, bindings, workgroups as u32)
    }

    /// Queues the measurement at the `m`th measured step.
    fn measure(&self, m: usize) {
        let networks = self.networks();
        let workgroups = match self.job.prepared.kernel.kind {
            Kind::Register(_) => networks.div_ceil(WORKGROUP as usize),
            Kind::Workgroup(_) => networks,
        };
        let ends = m == 0 || m + 1 == self.job.measured.len();
        let what = Dispatch {
            target_step: self.job.measured[m],
            measurement: m as u32,
            traced_only: u32::from(!ends),
            ..Default::default()
        };
        self.dispatch(&self.job.prepared.measure, &self.measure, workgroups, what);
    }

    /// Queues training to a step.
    fn train(&self, target_step: u32, last: bool) -> wgpu::SubmissionIndex {
        let networks = self.networks();
        let workgroups = match self.job.prepared.kernel.kind {
            Kind::Register(dimensions) => networks.div_ceil(dimensions.networks * WORKGROUP as usize),
            Kind::Workgroup(_) => networks,
        };
        let what = Dispatch { target_step, last: last.into(), ..Default::default() };
        self.dispatch(&self.job.prepared.train, &self.train, workgroups, what)
    }

    /// Queues everything to the last step and the download of the results, waiting for each dispatch while the next
    /// one is at work. Calls `meanwhile` once the device has its first dispatch.
    fn go(
        self,
        pace: &mut Pace,
        watch: &Watch<'_>,
        meanwhile: &mut dyn FnMut() -> Result<(), EngineError>,
    ) -> Result<Ended<'a>, EngineError> {
        let Job { gpu, prepared, ref measured, most, at_each_step, .. } = *self.job;
        let in_training = matches!(prepared.kernel.kind, Kind::Register(_));
        let (networks, steps) = (self.networks(), prepared.program.steps);
        let mut queued: Option<(wgpu::SubmissionIndex, u32)> = None;
        let mut since = Instant::now();
        let (mut at, mut reported) = (0, 0);
        // Steps that end a dispatch, and where the host measures: all measured ones where the kernel that trains does
        // not measure, or where there are traces.
        let measures = |m: usize| !in_training || self.traced > 0 || m + 1 == measured.len();
        let stops = measured.iter().enumerate().skip(1).filter(|&(m, _)| at_each_step || measures(m));
        let mut unseen = 0;
        for (m, &step) in stops {
            while at < step {
                let taken =
                    (step - at).min(pace.steps(networks, most).saturating_sub(unseen).max(1)).min(most);
                at += taken;
                unseen += taken;
                let submission = self.train(at, false);
                if unseen < pace.steps(networks, most) && at < steps {
                    continue;
                }
                let before = queued.replace((submission, unseen));
                unseen = 0;
                if self.job.lose {
                    gpu.device.destroy();
                }
                meanwhile()?;
                if let Some((submission, taken)) = before {
                    gpu.wait_for(submission)?;
                    pace.learn(networks, taken, since.elapsed().as_secs_f64());
                    since = Instant::now();
                }
                if watch.interrupted.load(Ordering::Relaxed) {
                    return Err(EngineError::Interrupted);
                }
                let finished = (f64::from(at) / f64::from(steps) * networks as f64 * 0.99) as usize;
                (watch.finished)(finished - reported);
                reported = finished;
            }
            if !in_training && step == steps {
                // The state after the last update is checked too.
                self.train(step, true);
            }
            if measures(m) {
                self.measure(m);
            }
        }
        if steps == 0 && in_training {
            self.train(0, true);
        }
        meanwhile()?;
        (watch.finished)(networks - reported);
        Ok(self.end())
    }

    fn end(self) -> Ended<'a> {
        let (gpu, networks, measured) = (self.job.gpu, self.networks(), self.job.measured.len());
        let Buffers { states, measured: measures, symmetry, traces, .. } = &self.buffers;
        Ended {
            last: self.job.batch.keep_parameters.then(|| self.parameters()),
            states: gpu.download(states, networks),
            measured: gpu.download(measures, 2 * networks),
            symmetry: gpu.download(symmetry, measured.div_ceil(16) * networks),
            traces: gpu.download(traces, self.traced * measured),
            part: self,
        }
    }

    fn parameters(&self) -> Download<f32> {
        let count = self.job.prepared.program.shape.parameters();
        self.job.gpu.download(&self.buffers.parameters, self.networks() * count)
    }

    /// Initial parameters and states.
    fn draw(&self) -> Result<(), EngineError> {
        let Job { gpu, prepared, batch, ref init, .. } = *self.job;
        let program = &prepared.program;
        let (networks, parameters) = (self.networks() as u32, program.shape.parameters() as u32);
        let (network_stride, parameter_stride) = match prepared.kernel.kind {
            Kind::Register(_) => (1, networks),
            Kind::Workgroup(_) => (parameters, 1),
        };
        let draw = match batch.start {
            Start::Drawn if !self.job.drawing.needs_host() => 1,
            Start::Drawn | Start::Given(_) => 0,
        };
        let what = Init {
            key: self.job.key,
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
            reserved: 0,
        };
        let draws = self.job.drawing.draws().iter().map(|draw| Draw {
            orbit: draw.orbit,
            weight: draw.weight.into(),
            factor: draw.factor,
            output: draw.output.into(),
        });
        let draws: Vec<Draw> = draws.collect();
        let uniform = gpu.buffer("init", bytemuck::bytes_of(&what), BufferUsages::UNIFORM)?;
        let draws = gpu.buffer("draws", bytemuck::cast_slice(&draws), BufferUsages::STORAGE)?;
        let bindings = gpu.bind(
            init,
            &[&uniform, &self.buffers.runs, &self.buffers.parameters, &self.buffers.states, &draws],
        );
        gpu.dispatch(init, &bindings, (networks * parameters).div_ceil(WORKGROUP));
        Ok(())
    }
}

impl Ended<'_> {
    /// Waits for the results and appends them; the buffers are free again.
    fn collect(self, trained: &mut Trained) -> Result<Buffers, EngineError> {
        let Ended { mut part, last, states, measured, symmetry, traces } = self;
        let Job { gpu, prepared, batch, .. } = *part.job;
        let (runs, networks, first) = (&batch.runs[part.range.clone()], part.networks(), part.range.start);
        let steps = &part.job.measured;
        let states = gpu.fetch(states)?;
        check_steps(&states, part.job, first)?;
        let measured = gpu.fetch(measured)?;
        let symmetry = gpu.fetch(symmetry)?;
        let traces = gpu.fetch(traces)?;
        let last_m = steps.len() - 1;
        let decode = |measured: &layout::Measured, m: usize, n: usize| decode(measured, m, gpu, first + n);
        let mut slot = 0;
        for (n, run) in runs.iter().enumerate() {
            let state = states[n];
            let mut trace = Vec::new();
            if run.traced {
                for m in 0..steps.len() {
                    trace.push(decode(&traces[m * part.traced + slot], m, n)?);
                }
                slot += 1;
            }
            let initial = decode(&measured[n], 0, n)?;
            let last = decode(&measured[networks + n], last_m, n)?;
            let code = |m: usize| symmetry[m / 16 * networks + n] >> (2 * (m % 16)) & 3;
            // Two bits name four symmetries. The first and the last are those of the measurements: another shader's
            // last bit may differ.
            let mut symmetry: Vec<Symmetry> =
                (0..state.measured as usize).map(|m| Symmetry::ALL[code(m) as usize]).collect();
            // Where it rests, a run stays what it is.
            symmetry.resize(steps.len(), last.symmetry);
            symmetry[0] = initial.symmetry;
            symmetry[last_m] = last.symmetry;
            trained.runs.push(RunResult {
                initial,
                last,
                solve_step: (state.solve_step != NONE).then_some(state.solve_step),
                diverge_step: (state.diverge_step != NONE).then_some(state.diverge_step),
                steps: state.steps,
                symmetry,
                trace,
            });
        }
        if let (Some(kept), Some(initial), Some(last)) = (&mut trained.parameters, part.initial.take(), last)
        {
            kept.initial.extend(from_device(gpu.fetch(initial)?, networks, prepared));
            kept.last.extend(from_device(gpu.fetch(last)?, networks, prepared));
        }
        Ok(part.buffers)
    }
}

/// The settings of runs as the device has them, each rounded once.
fn device_runs(program: &Program, runs: &[Run]) -> Vec<layout::Run> {
    // ln β, so that βᵗ stays precise for β near 1; of 0 a logarithm that leaves nothing.
    let fall = |beta: f64| beta.ln().max(-200.0) as f32;
    let square = |run: &Run| if program.optimizer == Optimizer::Rmsprop { run.rho } else { run.beta2 };
    let mut slots = 0..;
    let device = |run: &Run| layout::Run {
        seed: [run.seed as u32, (run.seed >> 32) as u32],
        base_value: run.base_value as f32,
        scale_hidden: run.amounts().scale_hidden,
        scale_output: run.amounts().scale_output,
        bias_scale: run.bias_scale as f32,
        rate_hidden: (run.lr * run.lr_hidden) as f32,
        rate_output: (run.lr * run.lr_output) as f32,
        momentum: run.momentum as f32,
        weight_decay: run.weight_decay as f32,
        mean_share: (1.0 - run.beta1) as f32,
        square_share: (1.0 - square(run)) as f32,
        mean_fall: fall(run.beta1),
        square_fall: fall(run.beta2),
        epsilon: run.epsilon as f32,
        dropout: run.dropout as f32,
        kept: (1.0 / (1.0 - run.dropout)) as f32,
        gradient_noise: run.gradient_noise as f32,
        input_noise: run.input_noise as f32,
        mask: run.mask as f32,
        solved_limit: run.solved_limit as f32,
        symmetry_tolerance: run.symmetry_tolerance as f32,
        trace_slot: if run.traced { slots.next().unwrap_or(NONE) } else { NONE },
        reserved: 0,
    };
    runs.iter().map(device).collect()
}

/// From `[run][parameter]` to the kernel's layout.
fn to_device(values: &[f32], networks: usize, prepared: &Prepared) -> Vec<f32> {
    match prepared.kernel.kind {
        Kind::Workgroup(_) => values.to_vec(),
        Kind::Register(_) => transpose(values, networks, prepared.program.shape.parameters()),
    }
}

/// And back.
fn from_device(values: Vec<f32>, networks: usize, prepared: &Prepared) -> Vec<f32> {
    match prepared.kernel.kind {
        Kind::Workgroup(_) => values,
        Kind::Register(_) => transpose(&values, prepared.program.shape.parameters(), networks),
    }
}

/// From `[rows][columns]` to `[columns][rows]`.
fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}

fn decode(measured: &layout::Measured, m: usize, gpu: &Gpu, n: usize) -> Result<Measured, EngineError> {
    let symmetry = Symmetry::ALL.get(measured.symmetry as usize);
    let Some(&symmetry) = symmetry.filter(|_| measured.mark == m as u32 + 1) else {
        return Err(EngineError::Device(format!(
            "{} returned no measurement for run {n} of the batch; try --backend cpu",
            gpu.name()
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

/// Every run must have applied the steps it was sent for, and been measured on the way: some drivers end long loops
/// early and say nothing. `first` is the number in the batch of the first of `states`.
fn check_steps(states: &[State], job: &Job<'_>, first: usize) -> Result<(), EngineError> {
    let (program, adapter) = (&job.prepared.program, job.gpu.name());
    let all = job.measured.len();
    for (n, state) in states.iter().enumerate() {
        let rests = state.diverge_step != NONE || program.stop_when_solved && state.solve_step != NONE;
        let expected = if state.diverge_step != NONE {
            state.diverge_step
        } else if rests {
            state.solve_step
        } else {
            program.steps
        };
        // The kernel that measures while it trains stops measuring where a run comes to rest.
        let measured = match job.prepared.kernel.kind {
            Kind::Register(_) if rests => job.measured.partition_point(|&step| step <= expected),
            _ => all,
        };
        if state.steps != expected || state.measured as usize != measured {
            return Err(EngineError::Device(format!(
                "{adapter} did {} of {expected} steps and {} of {measured} measurements of run {} of the batch: its \
                 driver ends long loops early; nothing of this batch is kept; try --backend cpu",
                state.steps,
                state.measured,
                first + n
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
    let gpu = engine.gpu()?;
    let request = Words { key, count: counters.len() as u32, reserved: 0 };
    let request = gpu.buffer("request", bytemuck::bytes_of(&request), BufferUsages::UNIFORM)?;
    let list = gpu.buffer("counters", bytemuck::cast_slice(counters), BufferUsages::STORAGE)?;
    let poison = vec![[POISON; 4]; counters.len()];
    let words = gpu.buffer("words", bytemuck::cast_slice(&poison), BufferUsages::STORAGE)?;
    let bindings = gpu.bind(&pipeline, &[&request, &list, &words]);
    gpu.dispatch(&pipeline, &bindings, (counters.len() as u32).div_ceil(WORKGROUP));
    gpu.fetch(gpu.download(&words, counters.len()))
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
