//! The GPU engine: the WGSL kernels through wgpu. Nothing else in the crate names wgpu.

mod device;
mod layout;
mod peak;
pub mod shader;
mod train;

use std::collections::HashMap;

use super::{Batch, Description, Engine, EngineError, Placement, Program, Trained, Watch, measured_steps};
use device::Gpu;
pub use device::{AdapterDescription, adapters};
use shader::{Kernel, Kind, Target};

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
    /// Rewrites a shader (by its file name) before it is compiled: shows that a wrong one is caught.
    pub edit_shader: Option<fn(&str, String) -> String>,
}

/// The WGSL kernels on one adapter.
#[derive(Debug)]
pub struct GpuEngine {
    gpu: Gpu,
    options: Options,
    pipelines: HashMap<String, wgpu::ComputePipeline>,
}

impl GpuEngine {
    /// Opens the best adapter that the options allow: a hardware GPU before a software one.
    pub fn new(options: Options) -> Result<Self, EngineError> {
        Ok(GpuEngine { gpu: Gpu::open(&options)?, options, pipelines: HashMap::new() })
    }

    /// Opens every adapter that the options allow, hardware first.
    pub fn all(options: Options) -> Result<Vec<Self>, EngineError> {
        let gpus = Gpu::open_all(&options)?;
        let engine = |gpu| GpuEngine { gpu, options: options.clone(), pipelines: HashMap::new() };
        Ok(gpus.into_iter().map(engine).collect())
    }

    fn kernel(&self, program: &Program) -> Result<Kernel, EngineError> {
        let target = if self.gpu.adapter.software { Target::SOFTWARE } else { Target::HARDWARE };
        shader::kernel(program, target)
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
        let pipeline = self.gpu.compile(name, &source, storage)?;
        self.pipelines.insert(source, pipeline.clone());
        Ok(pipeline)
    }
}

/// Bytes that a run takes on the device, in the largest single buffer and in all.
fn bytes_per_run(program: &Program, kernel: &Kernel) -> (u64, u64) {
    let parameters = program.shape.parameters() as u64 * 4;
    let scratch = kernel.scratch as u64 * 4;
    let measured = 2 * size_of::<layout::Measured>() as u64;
    let symmetry = measured_steps(program.steps).len().div_ceil(16) as u64 * 4;
    let run = size_of::<layout::Run>() as u64;
    let largest = parameters.max(scratch).max(measured).max(symmetry);
    let slots = program.optimizer.slots() as u64;
    let all =
        parameters * (1 + slots) + scratch + measured + symmetry + run + size_of::<layout::State>() as u64;
    (largest, all)
}

impl Engine for GpuEngine {
    fn description(&self) -> Description {
        Description {
            backend: "gpu".into(),
            adapter: self.gpu.adapter.name.clone(),
            adapter_type: self.gpu.adapter.kind.clone(),
            driver: self.gpu.adapter.driver.clone(),
            threads: 1,
        }
    }

    fn placement(&self, program: &Program) -> Result<Placement, EngineError> {
        let kernel = self.kernel(program)?;
        let (largest, all) = bytes_per_run(program, &kernel);
        let most = (self.gpu.largest_binding / largest.max(1)).min(1 << 18);
        // A software adapter does some 10⁹ multiply-adds a second; a real one wants every lane filled, and
        // does not mind.
        let operations = program.data.samples() * 4 * (program.shape.parameters() + 10);
        let seconds_per_run = f64::from(program.steps.max(1)) * operations as f64 / 1e10;
        let wanted = if self.gpu.adapter.software { (4.0 / seconds_per_run) as u64 } else { 1 << 18 };
        let least = match kernel.kind {
            Kind::Register => 1024,
            Kind::Workgroup => 64,
        };
        let (name, unit) = match kernel.kind {
            Kind::Register => ("register", "one network per invocation"),
            Kind::Workgroup => ("workgroup", "one network per workgroup"),
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

    fn peak(&mut self) -> Result<Option<f64>, EngineError> {
        peak::multiply_adds_per_second(self).map(Some)
    }

    fn random_words(&mut self, key: [u32; 2], counters: &[[u32; 4]]) -> Result<Vec<[u32; 4]>, EngineError> {
        train::random_words(self, key, counters)
    }
}
