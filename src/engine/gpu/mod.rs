//! The GPU engine: the WGSL kernels through wgpu. Nothing else in the crate names wgpu.

#[forbid(unsafe_code)]
mod arithmetic;
#[forbid(unsafe_code)]
pub mod bindings;
mod device;
mod layout;
#[forbid(unsafe_code)]
mod panics;
mod peak;
#[forbid(unsafe_code)]
mod portable;
#[forbid(unsafe_code)]
pub mod shader;
#[forbid(unsafe_code)]
mod train;

use std::collections::HashMap;
use std::time::Instant;

use super::{Batch, Description, Engine, EngineError, Placement, Program, Trained, Watch, measured_steps};
pub use arithmetic::Arithmetic;
use bindings::{Holds, written};
use device::{Adapter, Gpu};
pub use device::{AdapterDescription, adapters};
pub use portable::{Bound, Buffer, Portable, Stage, layouts, portable};
use shader::{Kernel, Kind, Registers, Target};

/// How the engine is opened.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Text that the adapter's name or driver must contain, without regard to case.
    pub adapter: Option<String>,
    /// Accept a software adapter even if it was not asked for by name.
    pub software: bool,
    /// Ask for WebGPU's default limits only, whatever the adapter offers.
    pub default_limits: bool,
    /// Fixed steps per dispatch in place of tuned ones, beyond the bound on loop iterations too: shows what
    /// a driver does with long loops.
    pub steps_per_dispatch: Option<u32>,
    /// Batches, counted from 0 over the life of the engine, in the middle of which the device is destroyed: shows what
    /// becomes of a sweep.
    pub lose_at: Vec<u64>,
    /// Rewrites a shader (by its file name) before it is compiled: shows that a wrong one is caught.
    pub edit_shader: Option<fn(&str, String) -> String>,
}

/// The WGSL kernels on one adapter.
#[derive(Debug)]
pub struct GpuEngine {
    adapter: Adapter,
    /// `None` where it was lost and could not be opened again.
    gpu: Option<Gpu>,
    options: Options,
    pipelines: HashMap<String, wgpu::ComputePipeline>,
    prepared: Vec<Prepared>,
    /// Buffers of batches that are done.
    spare: Vec<train::Buffers>,
    compile_seconds: f64,
    /// Batches begun so far.
    batches: u64,
}

/// What a program's runs need, with weight decay or without.
#[derive(Clone, Debug)]
struct Prepared {
    program: Program,
    decay: bool,
    kernel: Kernel,
    train: wgpu::ComputePipeline,
    measure: wgpu::ComputePipeline,
    /// Updates that the device applies a second, of all networks together, as last seen.
    net_steps_per_second: Option<f64>,
}

impl GpuEngine {
    /// Opens the best adapter that the options allow: a hardware GPU before a software one.
    pub fn new(options: Options) -> Result<Self, EngineError> {
        Ok(Self::on(Gpu::open(&options)?, options))
    }

    /// Opens every adapter that the options allow, hardware first.
    pub fn all(options: Options) -> Result<Vec<Self>, EngineError> {
        let gpus = Gpu::open_all(&options)?;
        Ok(gpus.into_iter().map(|gpu| Self::on(gpu, options.clone())).collect())
    }

    fn on(gpu: Gpu, options: Options) -> Self {
        GpuEngine {
            adapter: gpu.adapter.clone(),
            gpu: Some(gpu),
            options,
            pipelines: HashMap::new(),
            prepared: Vec::new(),
            spare: Vec::new(),
            compile_seconds: 0.0,
            batches: 0,
        }
    }

    /// Seconds spent so far on compiling shaders, the driver's work at a shader's first dispatch included.
    pub fn compile_seconds(&self) -> f64 {
        self.compile_seconds
    }

    /// The open device.
    fn gpu(&self) -> Result<&Gpu, EngineError> {
        self.gpu.as_ref().ok_or_else(|| closed(&self.adapter))
    }

    fn kernel(&self, program: &Program) -> Result<Kernel, EngineError> {
        let target = if self.adapter.description.software { Target::SOFTWARE } else { Target::HARDWARE };
        shader::kernel(program, target)
    }

    /// The place in `prepared` of a program's kernel and pipelines.
    fn prepare(&mut self, program: &Program, decay: bool) -> Result<usize, EngineError> {
        let known = |prepared: &Prepared| prepared.decay == decay && prepared.program == *program;
        if let Some(at) = self.prepared.iter().position(known) {
            return Ok(at);
        }
        let kernel = self.kernel(program)?;
        let (train, measure) = (kernel.train(program, decay), kernel.measure(program));
        let train_template = kernel.train_template(program);
        let train = self.pipeline(train_template, train, &written(&bindings::train(program, &kernel)))?;
        let measure =
            self.pipeline(kernel.measure_template(), measure, &written(&bindings::measure(&kernel)))?;
        let program = program.clone();
        self.prepared.push(Prepared { program, decay, kernel, train, measure, net_steps_per_second: None });
        Ok(self.prepared.len() - 1)
    }

    /// The compiled pipeline of a shader, from the cache if it was there.
    fn pipeline(
        &mut self,
        name: &str,
        source: String,
        storage: &[bool],
    ) -> Result<wgpu::ComputePipeline, EngineError> {
        let source = match self.options.edit_shader {
            Some(edit) => edit(name, source),
            None => source,
        };
        if let Some(pipeline) = self.pipelines.get(&source) {
            return Ok(pipeline.clone());
        }
        let started = Instant::now();
        let gpu = self.gpu()?;
        let pipeline = gpu.compile(name, &source, storage)?;
        gpu.warm_up(&pipeline, storage)?;
        self.compile_seconds += started.elapsed().as_secs_f64();
        self.pipelines.insert(source, pipeline.clone());
        Ok(pipeline)
    }
}

/// What there is to say of a device that could not be opened again.
fn closed(adapter: &Adapter) -> EngineError {
    EngineError::Lost(format!("{} was lost", adapter.description.name))
}

/// Bytes that a run takes on the device, in the largest single buffer and in all.
fn bytes_per_run(program: &Program, kernel: &Kernel) -> (u64, u64) {
    let measured = measured_steps(program.steps).len();
    let bytes =
        |&holds: &Holds, networks| bindings::bytes(holds, program, kernel, measured, networks, 0) as u64;
    let buffers = Holds::ALL.iter().map(|holds| bytes(holds, 1) - bytes(holds, 0));
    (buffers.clone().fold(0, u64::max), buffers.sum())
}

impl Engine for GpuEngine {
    fn description(&self) -> Description {
        Description {
            backend: "gpu".into(),
            adapter: self.adapter.description.name.clone(),
            adapter_type: self.adapter.description.kind.clone(),
            driver: self.adapter.description.driver.clone(),
            threads: 1,
        }
    }

    fn placement(&self, program: &Program) -> Result<Placement, EngineError> {
        let kernel = self.kernel(program)?;
        let (largest, all) = bytes_per_run(program, &kernel);
        let most = (self.adapter.largest_binding / largest.max(1)).min(1 << 18);
        // A software adapter does some 10⁹ multiply-adds a second; a real one wants every lane filled, and
        // does not mind.
        let samples = program.data.samples() as u32;
        let looks =
            if program.has_passes_of_its_own() { samples.div_ceil(program.steps_per_epoch()) } else { 0 };
        let operations =
            (program.batch.unwrap_or(samples) + looks) as usize * 4 * (program.shape.parameters() + 10);
        let seconds_per_run = f64::from(program.steps.max(1)) * operations as f64 / 1e10;
        let wanted = if self.adapter.description.software { (4.0 / seconds_per_run) as u64 } else { 1 << 18 };
        let least = match kernel.kind {
            Kind::Register(_) => 1024,
            Kind::Workgroup(_) => 64,
        };
        let (name, unit) = match kernel.kind {
            Kind::Register(Registers { networks: 2, .. }) => ("register", "two networks per invocation"),
            Kind::Register(_) => ("register", "one network per invocation"),
            Kind::Workgroup(_) => ("workgroup", "one network per workgroup"),
        };
        Ok(Placement {
            kernel: format!("{name} ({unit})"),
            reason: kernel.reason,
            bytes_per_run: all,
            runs_per_batch: (wanted.clamp(least, 1 << 18).next_multiple_of(64).min(most).max(1)) as usize,
        })
    }

    fn train(&mut self, batch: &Batch<'_>, watch: &Watch<'_>) -> Result<Trained, EngineError> {
        train::train(self, batch, watch)
    }

    fn reopen(&mut self) -> Result<(), EngineError> {
        // All of its memory first: that may be what was lacking.
        self.spare.clear();
        self.prepared.clear();
        self.pipelines.clear();
        self.gpu = None;
        self.gpu = Some(Gpu::again(&self.adapter, &self.options)?);
        Ok(())
    }

    fn peak(&mut self) -> Result<Option<f64>, EngineError> {
        peak::multiply_adds_per_second(self).map(Some)
    }

    fn random_words(&mut self, key: [u32; 2], counters: &[[u32; 4]]) -> Result<Vec<[u32; 4]>, EngineError> {
        train::random_words(self, key, counters)
    }
}
