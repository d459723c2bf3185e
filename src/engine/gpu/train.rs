//! A batch on the device: draw or upload, dispatch by dispatch to the last step, read back.

use std::ops::{Index, Range};
use std::sync::atomic::Ordering;
use std::time::Instant;

use wgpu::BufferUsages;

use super::bindings::{self, Binding, Holds};
use super::device::Download;
use super::layout::{self, Dispatch, Draw, Init, NONE, POISON, State, Words};
use super::shader::{self, Kernel, Kind, WORKGROUP};
use super::{Gpu, GpuEngine, Prepared, closed};
use crate::engine::{
    Batch, EngineError, Measured, Parameters, Program, Run, RunResult, Start, Trained, Units, Watch,
    measured_steps,
};
use crate::measure::Symmetry;
use crate::net::init::{Drawing, ParameterDraw};
use crate::net::{Base, Noise, Optimizer};

/// How long the device should work between two looks of the host, in seconds.
const DISPATCH_SECONDS: f64 = 0.05;

/// Networks that are on the device at once at most: the rest of a batch follows while their results are read.
const PART: usize = 1 << 16;

/// The buffers of a part of a batch.
#[derive(Debug)]
pub struct Buffers {
    dispatch: wgpu::Buffer,
    /// In the order of [`Holds`].
    storage: Vec<wgpu::Buffer>,
}

impl Index<Holds> for Buffers {
    type Output = wgpu::Buffer;

    fn index(&self, holds: Holds) -> &wgpu::Buffer {
        &self.storage[holds as usize]
    }
}

impl Buffers {
    /// Buffers with room for so many networks: spare ones where they fit.
    fn take(
        job: &Job<'_>,
        spare: &mut Vec<Buffers>,
        networks: usize,
        traced: usize,
    ) -> Result<Buffers, EngineError> {
        let Job { gpu, prepared, ref measured, .. } = *job;
        let (program, kernel) = (&prepared.program, &prepared.kernel);
        let size = |&holds| bindings::bytes(holds, program, kernel, measured.len(), networks, traced) as u64;
        let sizes: Vec<u64> = Holds::ALL.iter().map(size).collect();
        let fits = |buffers: &Buffers| {
            buffers.storage.iter().zip(&sizes).all(|(buffer, &size)| buffer.size() >= size)
        };
        if let Some(at) = spare.iter().position(fits) {
            return Ok(spare.swap_remove(at));
        }
        // What does not fit is not kept: memory of the device is for what is at work.
        spare.clear();
        let storage = Holds::WORDS.iter().zip(sizes).map(|(label, size)| gpu.storage(label, size));
        let dispatch = gpu.uniform("dispatch", size_of::<Dispatch>() as u64);
        let buffers = Buffers { dispatch, storage: storage.collect() };
        gpu.healthy()?;
        Ok(buffers)
    }

    /// The bind group of a kernel.
    fn bind(&self, gpu: &Gpu, pipeline: &wgpu::ComputePipeline, bindings: &[Binding]) -> wgpu::BindGroup {
        let storage = bindings.iter().map(|&(holds, _)| &self[holds]);
        gpu.bind(pipeline, &std::iter::once(&self.dispatch).chain(storage).collect::<Vec<_>>())
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
    let init = engine.pipeline("init.wgsl", shader::init(), &bindings::INIT.map(|(_, written)| written))?;
    let GpuEngine { adapter, gpu, options, prepared, spare, .. } = engine;
    let gpu = gpu.as_ref().ok_or_else(|| closed(adapter))?;
    let kernel = &prepared[at].kernel;
    let measured = measured_steps(program.steps);
    let (bound, at_each_step) = kernel.steps_per_dispatch(measured.len());
    let most = options.steps_per_dispatch.unwrap_or(bound);
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
        let buffers = Buffers::take(job, spare, runs.len(), traced)?;
        gpu.clear(&[Holds::Measured, Holds::Traces, Holds::Slots].map(|holds| &buffers[holds]));
        let mut drawn = Vec::new();
        let write = |holds, bytes: &[u8]| gpu.queue.write_buffer(&buffers[holds], 0, bytes);
        write(Holds::Runs, bytemuck::cast_slice(&device_runs(&prepared.program, runs)));
        write(Holds::States, bytemuck::cast_slice(&vec![POISON; runs.len() * size_of::<State>() / 4]));
        let data = [&prepared.program.data.x[..], &prepared.program.data.y].concat();
        write(Holds::Data, bytemuck::cast_slice(&data));
        write(Holds::Schedule, bytemuck::cast_slice(&[&job.measured[..], &[NONE]].concat()));
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
            write(Holds::Parameters, bytemuck::cast_slice(&to_device(values, runs.len(), prepared)));
        }
        let Prepared { program, kernel, .. } = prepared;
        let train = buffers.bind(gpu, &prepared.train, &bindings::train(program, kernel));
        let measure = buffers.bind(gpu, &prepared.measure, &bindings::measure(kernel));
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
        let buffers = &self.buffers;
        Ended {
            last: self.job.batch.keep_parameters.then(|| self.parameters()),
            states: gpu.download(&buffers[Holds::States], networks),
            measured: gpu.download(&buffers[Holds::Measured], 2 * networks),
            symmetry: gpu.download(&buffers[Holds::Symmetry], measured.div_ceil(16) * networks),
            traces: gpu.download(&buffers[Holds::Traces], self.traced * measured),
            part: self,
        }
    }

    fn parameters(&self) -> Download<f32> {
        let count = self.job.prepared.program.shape.parameters();
        self.job.gpu.download(&self.buffers[Holds::Parameters], self.networks() * count)
    }

    /// Initial parameters and states.
    fn draw(&self) -> Result<(), EngineError> {
        let Job { gpu, prepared, batch, ref init, .. } = *self.job;
        let draw = matches!(batch.start, Start::Drawn) && !self.job.drawing.needs_host();
        let networks = self.networks() as u32;
        let what = Init {
            draw: draw.into(),
            ..init_settings(&prepared.program, &prepared.kernel, self.job.key, networks)
        };
        let draws = device_draws(&self.job.drawing);
        let uniform = gpu.buffer("init", bytemuck::bytes_of(&what), BufferUsages::UNIFORM)?;
        let draws = gpu.buffer("draws", bytemuck::cast_slice(&draws), BufferUsages::STORAGE)?;
        let bindings = gpu.bind(
            init,
            &[
                &uniform,
                &self.buffers[Holds::Runs],
                &self.buffers[Holds::Parameters],
                &self.buffers[Holds::States],
                &draws,
            ],
        );
        gpu.dispatch(init, &bindings, (networks * what.parameters).div_ceil(WORKGROUP));
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

/// What the dispatch that draws the parameters of `networks` networks on the device does.
pub fn init_settings(program: &Program, kernel: &Kernel, key: [u32; 2], networks: u32) -> Init {
    let parameters = program.shape.parameters() as u32;
    let (network_stride, parameter_stride) = match kernel.kind {
        Kind::Register(_) => (1, networks),
        Kind::Workgroup(_) => (parameters, 1),
    };
    Init {
        key,
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
        draw: 1,
        reserved: 0,
    }
}

/// How each parameter is drawn, as the device has it.
pub fn device_draws(drawing: &Drawing) -> Vec<Draw> {
    let draw = |draw: &ParameterDraw| Draw {
        orbit: draw.orbit,
        weight: draw.weight.into(),
        factor: draw.factor,
        output: draw.output.into(),
    };
    drawing.draws().iter().map(draw).collect()
}

/// The settings of runs as the device has them, each rounded once.
pub fn device_runs(program: &Program, runs: &[Run]) -> Vec<layout::Run> {
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
