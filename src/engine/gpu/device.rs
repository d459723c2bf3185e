//! Adapters, the device, buffers and pipelines.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Options;
use super::panics::caught;
use crate::engine::EngineError;

/// How long a wait for the device is, until it is looked at whether the device has been silent for [`SILENCE`] of them. A
/// process that was stopped meanwhile has lost one wait, not all.
const WAIT: Duration = Duration::from_secs(1);

/// Waits without an answer after which a device counts as lost: ten minutes. What is waited for is a dispatch or two, which
/// are meant to take 0.05 s each. The longest that were seen are first ones, in which a driver compiles: 30 s, on a
/// software adapter of a busy machine.
const SILENCE: u32 = 600;

/// An adapter as it is shown to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterDescription {
    /// Its own name.
    pub name: String,
    /// `discrete GPU`, `integrated GPU`, `virtual GPU`, `software` or `other`.
    pub kind: String,
    /// The interface it is reached through: `vulkan`, `metal`, `dx12`.
    pub interface: String,
    /// Driver and version.
    pub driver: String,
    /// What it can take.
    pub limits: AdapterLimits,
    /// Whether a processor does the work.
    pub software: bool,
}

/// The limits that matter here.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AdapterLimits {
    /// Largest storage buffer that a shader sees, in bytes.
    pub max_storage_buffer_binding_size: u64,
    /// Memory of a workgroup, in bytes.
    pub max_compute_workgroup_storage_size: u32,
    /// Invocations of a workgroup.
    pub max_compute_invocations_per_workgroup: u32,
    /// Workgroups per dimension of a dispatch.
    pub max_compute_workgroups_per_dimension: u32,
}

/// Every adapter that can compute, hardware first.
pub fn adapters() -> Vec<AdapterDescription> {
    enumerate().into_iter().map(|(_, description)| description).collect()
}

fn enumerate() -> Vec<(wgpu::Adapter, AdapterDescription)> {
    // Only the interfaces that compute needs: probing window systems and GL prints to stderr.
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        flags: wgpu::InstanceFlags::empty(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let mut adapters: Vec<_> = pollster::block_on(instance.enumerate_adapters(backends))
        .into_iter()
        .filter(|adapter| {
            adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
        })
        .map(|adapter| {
            let description = describe(&adapter);
            (adapter, description)
        })
        .collect();
    let rank = |kind: &str| {
        ["discrete GPU", "integrated GPU", "virtual GPU", "other", "software"].iter().position(|&k| k == kind)
    };
    adapters.sort_by_key(|(_, description)| rank(&description.kind));
    adapters
}

fn describe(adapter: &wgpu::Adapter) -> AdapterDescription {
    let info = adapter.get_info();
    let limits = adapter.limits();
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => "discrete GPU",
        wgpu::DeviceType::IntegratedGpu => "integrated GPU",
        wgpu::DeviceType::VirtualGpu => "virtual GPU",
        wgpu::DeviceType::Cpu => "software",
        wgpu::DeviceType::Other => "other",
    };
    AdapterDescription {
        name: info.name,
        kind: kind.into(),
        interface: info.backend.to_string(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().into(),
        limits: AdapterLimits {
            max_storage_buffer_binding_size: limits.max_storage_buffer_binding_size,
            max_compute_workgroup_storage_size: limits.max_compute_workgroup_storage_size,
            max_compute_invocations_per_workgroup: limits.max_compute_invocations_per_workgroup,
            max_compute_workgroups_per_dimension: limits.max_compute_workgroups_per_dimension,
        },
        software: info.device_type == wgpu::DeviceType::Cpu,
    }
}

/// What went wrong on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    /// It is gone; why, if that was said.
    Lost(String),
    /// It did not answer.
    Silent,
    /// It had too little memory.
    Memory,
    /// It or its driver refused something.
    Other(String),
}

impl Fault {
    /// Of an error that wgpu reports.
    fn of(error: &wgpu::Error) -> Fault {
        match error {
            wgpu::Error::OutOfMemory { .. } => Fault::Memory,
            wgpu::Error::Validation { .. } | wgpu::Error::Internal { .. } => Fault::Other(error.to_string()),
        }
    }

    /// Of a loss, with the reason that wgpu gives: where memory runs out in the middle of something, it gives the
    /// whole device up.
    fn of_loss(reason: &str) -> Fault {
        if reason.to_lowercase().contains("out of memory") {
            Fault::Memory
        } else {
            Fault::Lost(reason.to_string())
        }
    }

    /// Puts it in the place of `cause` if that was none. What comes first tells the cause, but on a lost device
    /// everything else fails, too, and may be heard of earlier.
    fn explains(self, cause: &mut Option<Fault>) {
        let other = |fault: &Fault| matches!(fault, Fault::Other(_));
        if cause.as_ref().is_none_or(|known| other(known) && !other(&self)) {
            *cause = Some(self);
        }
    }

    fn error(self, adapter: &str) -> EngineError {
        match self {
            Fault::Lost(why) if why.is_empty() => EngineError::Lost(format!("{adapter} was lost")),
            Fault::Lost(why) => EngineError::Lost(format!("{adapter} was lost: {why}")),
            Fault::Silent => EngineError::Lost(format!(
                "{adapter} did not answer for {} s",
                u64::from(SILENCE) * WAIT.as_secs()
            )),
            Fault::Memory => EngineError::Memory(format!("{adapter} is out of memory")),
            Fault::Other(what) => EngineError::Device(format!("{adapter} failed: {what}")),
        }
    }
}

/// What is opened, and opened again.
#[derive(Clone, Debug)]
pub struct Adapter {
    pub description: AdapterDescription,
    /// Largest storage buffer of its devices, in bytes.
    pub largest_binding: u64,
    /// What tells it from others of the same name.
    identity: wgpu::AdapterInfo,
}

/// An open device.
#[derive(Debug)]
pub struct Gpu {
    pub adapter: Adapter,
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    /// What went wrong on the device, if anything did.
    fault: Arc<Mutex<Option<Fault>>>,
}

impl Drop for Gpu {
    fn drop(&mut self) {
        if self.cause() == Some(Fault::Silent) {
            // The queue is given up, not closed, as long as somebody holds it: wgpu would wait for it without end.
            std::mem::forget(self.queue.clone());
        }
    }
}

impl Gpu {
    /// The first adapter that the options allow.
    pub fn open(options: &Options) -> Result<Gpu, EngineError> {
        let mut allowed = Self::allowed(options)?;
        let (adapter, description) = allowed.swap_remove(0);
        Self::open_adapter(adapter, description, options)
    }

    /// Every adapter that the options allow.
    pub fn open_all(options: &Options) -> Result<Vec<Gpu>, EngineError> {
        let allowed = Self::allowed(options)?;
        allowed
            .into_iter()
            .map(|(adapter, description)| Self::open_adapter(adapter, description, options))
            .collect()
    }

    /// The adapters that the options allow, at least one.
    fn allowed(options: &Options) -> Result<Vec<(wgpu::Adapter, AdapterDescription)>, EngineError> {
        let mut found = enumerate();
        let names: Vec<String> =
            found.iter().map(|(_, a)| format!("{} ({}, {})", a.name, a.kind, a.driver)).collect();
        let wanted = options.adapter.as_ref().map(|text| text.to_lowercase());
        found.retain(|(_, a)| match &wanted {
            Some(text) => format!("{} {} {}", a.name, a.driver, a.interface).to_lowercase().contains(text),
            None => options.software || !a.software,
        });
        if found.is_empty() { Err(no_device(options, &names)) } else { Ok(found) }
    }

    fn open_adapter(
        adapter: wgpu::Adapter,
        description: AdapterDescription,
        options: &Options,
    ) -> Result<Gpu, EngineError> {
        let offered = adapter.limits();
        let mut limits = wgpu::Limits::default();
        if !options.default_limits {
            limits.max_storage_buffer_binding_size = offered.max_storage_buffer_binding_size;
            limits.max_buffer_size = offered.max_buffer_size;
        }
        let largest_binding = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("symbreak"),
            required_limits: limits,
            ..Default::default()
        }))
        .map_err(|e| {
            EngineError::NoDevice(format!("{} cannot be opened: {e}; try --backend cpu", description.name))
        })?;
        let fault = Arc::new(Mutex::new(None));
        let note = |fault: &Arc<Mutex<Option<Fault>>>| {
            let fault = Arc::clone(fault);
            move |what: Fault| {
                // A poisoned lock means that a fault is there already.
                if let Ok(mut cause) = fault.lock() {
                    what.explains(&mut cause);
                }
            }
        };
        let on_error = note(&fault);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| on_error(Fault::of(&error))));
        let on_loss = note(&fault);
        device.set_device_lost_callback(move |_, reason| on_loss(Fault::of_loss(&reason)));
        let adapter = Adapter { description, largest_binding, identity: adapter.get_info() };
        Ok(Gpu { adapter, device, queue, fault })
    }

    /// The same adapter, opened again.
    pub fn again(adapter: &Adapter, options: &Options) -> Result<Gpu, EngineError> {
        let Adapter { description, identity, .. } = adapter;
        let same = |(adapter, _): &(wgpu::Adapter, _)| adapter.get_info() == *identity;
        let Some((adapter, description)) = enumerate().into_iter().find(same) else {
            return Err(EngineError::NoDevice(format!("{} is not there any more", description.name)));
        };
        Self::open_adapter(adapter, description, options)
    }

    /// Of its adapter.
    pub fn name(&self) -> &str {
        &self.adapter.description.name
    }

    /// An error if anything went wrong on the device so far.
    pub fn healthy(&self) -> Result<(), EngineError> {
        self.cause().map_or(Ok(()), |fault| Err(fault.error(self.name())))
    }

    fn cause(&self) -> Option<Fault> {
        self.fault.lock().map(|fault| fault.clone()).unwrap_or_else(|_| Some(Fault::Other("unknown".into())))
    }

    /// Notes that something went wrong, and says what the cause was.
    fn failed(&self, fault: Fault) -> EngineError {
        if let Ok(mut cause) = self.fault.lock() {
            fault.clone().explains(&mut cause);
        }
        self.cause().unwrap_or(fault).error(self.name())
    }

    /// Compiles a shader whose binding 0 is a uniform buffer and whose others are storage buffers, `true`
    /// where the shader writes.
    pub fn compile(
        &self,
        name: &str,
        source: &str,
        storage: &[bool],
    ) -> Result<wgpu::ComputePipeline, EngineError> {
        let described = wgpu::ShaderModuleDescriptor {
            label: Some(name),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        };
        let checks =
            wgpu::ShaderRuntimeChecks { force_loop_bounding: false, ..wgpu::ShaderRuntimeChecks::checked() };
        #[allow(unsafe_code, reason = "spares the loops a counter that ends them; they end by themselves")]
        // SAFETY: every loop of every shader ends: its counter runs up to a number that is fixed before the loop, or,
        // in the outer loop of the register kernels, each turn but the last takes `t` at least a step nearer to its end.
        // Reads and writes stay checked.
        let module = unsafe { self.device.create_shader_module_trusted(described, checks) };
        let entry = |binding: u32, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform)];
        entries.extend(storage.iter().enumerate().map(|(i, &written)| {
            entry(i as u32 + 1, wgpu::BufferBindingType::Storage { read_only: !written })
        }));
        let bindings = self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(name),
            entries: &entries,
        });
        let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(name),
            bind_group_layouts: &[Some(&bindings)],
            ..Default::default()
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(name),
            layout: Some(&layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: Default::default(),
            cache: None,
        });
        self.healthy()?;
        Ok(pipeline)
    }

    /// A storage buffer of `bytes` zeros. Never empty: a binding needs some bytes.
    pub fn storage(&self, label: &str, bytes: u64) -> wgpu::Buffer {
        self.empty(label, bytes, wgpu::BufferUsages::STORAGE)
    }

    /// A uniform buffer of `bytes` zeros.
    pub fn uniform(&self, label: &str, bytes: u64) -> wgpu::Buffer {
        self.empty(label, bytes, wgpu::BufferUsages::UNIFORM)
    }

    fn empty(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes.max(64).next_multiple_of(4),
            usage: usage | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        })
    }

    /// A buffer with contents.
    pub fn buffer(
        &self,
        label: &str,
        contents: &[u8],
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer, EngineError> {
        let buffer = self.empty(label, contents.len() as u64, usage);
        if !contents.is_empty() {
            self.queue.write_buffer(&buffer, 0, contents);
        }
        self.healthy()?;
        Ok(buffer)
    }

    /// Runs a pipeline once on buffers of its own, for drivers that compile at the first dispatch. `storage` as in
    /// [`Gpu::compile`]. The shader must return at once where its uniform buffer holds zeros.
    pub fn warm_up(&self, pipeline: &wgpu::ComputePipeline, storage: &[bool]) -> Result<(), EngineError> {
        // Room for one item of the largest kind.
        let item = size_of::<super::layout::Run>() as u64;
        let uniform = self.uniform("uniform", item);
        let (read, written) = (self.storage("read", item), self.storage("written", item));
        let mut buffers = vec![&uniform];
        buffers.extend(storage.iter().map(|&writes| if writes { &written } else { &read }));
        self.dispatch(pipeline, &self.bind(pipeline, &buffers), 1);
        self.wait()
    }

    /// The buffers as the bind group of a pipeline, in the order of their bindings.
    pub fn bind(&self, pipeline: &wgpu::ComputePipeline, buffers: &[&wgpu::Buffer]) -> wgpu::BindGroup {
        let entries: Vec<_> = buffers
            .iter()
            .enumerate()
            .map(|(i, buffer)| wgpu::BindGroupEntry {
                binding: i as u32,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        })
    }

    /// Queues one dispatch of `workgroups`, folded into two dimensions where one is too short.
    pub fn dispatch(
        &self,
        pipeline: &wgpu::ComputePipeline,
        bindings: &wgpu::BindGroup,
        workgroups: u32,
    ) -> wgpu::SubmissionIndex {
        const MOST: u32 = 65_535;
        let rows = workgroups.div_ceil(MOST);
        let columns = workgroups.div_ceil(rows.max(1));
        let mut encoder = self.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, bindings, &[]);
            pass.dispatch_workgroups(columns, rows, 1);
        }
        self.queue.submit([encoder.finish()])
    }

    /// Queues the filling of buffers with zeros.
    pub fn clear(&self, buffers: &[&wgpu::Buffer]) {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        buffers.iter().for_each(|buffer| encoder.clear_buffer(buffer, 0, None));
        self.queue.submit([encoder.finish()]);
    }

    /// Waits for everything that was queued.
    pub fn wait(&self) -> Result<(), EngineError> {
        self.wait_until(None)
    }

    /// Waits for one submission and those before it.
    pub fn wait_for(&self, submission: wgpu::SubmissionIndex) -> Result<(), EngineError> {
        self.wait_until(Some(submission))
    }

    fn wait_until(&self, submission: Option<wgpu::SubmissionIndex>) -> Result<(), EngineError> {
        for _ in 0..SILENCE {
            let until = wgpu::PollType::Wait { submission_index: submission.clone(), timeout: Some(WAIT) };
            match caught(|| self.device.poll(until)) {
                Ok(Err(wgpu::PollError::Timeout)) => self.healthy()?,
                Ok(Ok(_)) => return self.healthy(),
                // A lost device takes no work, so there is none to wait for.
                Ok(Err(wgpu::PollError::WrongSubmissionIndex(..))) => {
                    return Err(self.failed(Fault::Lost("it takes no work any more".into())));
                }
                Err(panic) => return Err(self.failed(Fault::of_loss(&panic))),
            }
        }
        Err(self.failed(Fault::Silent))
    }

    /// Queues the download of the first `count` items of a buffer as it will be then.
    pub fn download<T: bytemuck::Pod>(&self, buffer: &wgpu::Buffer, count: usize) -> Download<T> {
        let bytes = (count * size_of::<T>()) as u64;
        if bytes == 0 {
            return Download { staged: None, item: PhantomData };
        }
        let staging = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("staging"),
            size: bytes,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, bytes);
        let submission = self.queue.submit([encoder.finish()]);
        staging.map_async(wgpu::MapMode::Read, .., |_| ());
        Download { staged: Some((staging, submission)), item: PhantomData }
    }

    /// What a download brought, once it is there.
    pub fn fetch<T: bytemuck::Pod>(&self, download: Download<T>) -> Result<Vec<T>, EngineError> {
        let Some((staging, submission)) = download.staged else { return Ok(Vec::new()) };
        self.wait_for(submission)?;
        let view = staging
            .get_mapped_range(..)
            .map_err(|e| self.failed(Fault::Other(format!("results cannot be read: {e}"))))?;
        Ok(bytemuck::pod_collect_to_vec(&view))
    }
}

/// Items on their way from the device.
#[derive(Debug)]
pub struct Download<T> {
    /// `None` where there are no items.
    staged: Option<(wgpu::Buffer, wgpu::SubmissionIndex)>,
    item: PhantomData<T>,
}

fn no_device(options: &Options, found: &[String]) -> EngineError {
    let have =
        if found.is_empty() { "there is none".to_string() } else { format!("there is {}", found.join("; ")) };
    EngineError::NoDevice(match &options.adapter {
        Some(text) => format!("no adapter matches --adapter {text:?}: {have}"),
        None if found.is_empty() => {
            "no adapter that can compute was found: install a GPU driver with Vulkan, \
            or a software one (Debian and Ubuntu: apt-get install mesa-vulkan-drivers; Fedora: dnf install \
            mesa-vulkan-drivers; macOS and Windows bring theirs), or use --backend cpu"
                .into()
        }
        None => format!("no hardware GPU: {have}; use --adapter to take it all the same, or --backend cpu"),
    })
}
