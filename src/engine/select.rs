//! Which engine does the work: the one place that knows them all.

use serde::Serialize;

use super::cpu::CpuEngine;
use super::mock::MockEngine;
use super::reference::ReferenceEngine;
use super::{Engine, EngineError};
use crate::net::words;

words! {
    /// What `--backend` may say.
    Backend {
        /// A hardware GPU if there is one, else the processor. Never a software adapter.
        Auto = "auto",
        /// WGSL kernels through wgpu.
        Gpu = "gpu",
        /// f32, vectorized, on all cores.
        Cpu = "cpu",
        /// f64, scalar, the plainest code.
        Reference = "reference",
        /// Answers without training, for tests of everything around engines. `--adapter batch=N,fail=N` and so on sets
        /// its runs per batch and what goes wrong: see [`MockEngine`].
        Mock = "mock",
    }
}

/// Opens an engine. `adapter` is a part of an adapter's name; `threads` limits the host's threads.
pub fn open(
    backend: Backend,
    adapter: Option<&str>,
    threads: Option<usize>,
) -> Result<Box<dyn Engine>, EngineError> {
    match backend {
        Backend::Auto => match gpu(adapter, adapter.is_some()) {
            Err(EngineError::NoDevice(_)) if adapter.is_none() => open(Backend::Cpu, None, threads),
            engine_or_error => engine_or_error,
        },
        Backend::Gpu => gpu(adapter, true),
        Backend::Cpu => Ok(Box::new(CpuEngine::new(threads)?)),
        Backend::Reference => Ok(Box::new(ReferenceEngine::new(threads)?)),
        Backend::Mock => mock(adapter.unwrap_or("")),
    }
}

#[cfg(feature = "gpu")]
fn gpu(adapter: Option<&str>, software: bool) -> Result<Box<dyn Engine>, EngineError> {
    let options =
        super::gpu::Options { adapter: adapter.map(str::to_string), software, ..Default::default() };
    Ok(Box::new(super::gpu::GpuEngine::new(options)?))
}

#[cfg(not(feature = "gpu"))]
fn gpu(_: Option<&str>, _: bool) -> Result<Box<dyn Engine>, EngineError> {
    Err(EngineError::NoDevice("this program was built without the gpu feature; use --backend cpu".into()))
}

/// Opens an engine on every adapter whose name contains `adapter`, software ones included, with what the adapter offers or with
/// WebGPU's default limits alone.
///
/// # Errors
/// [`EngineError::NoDevice`] if there is none, or one cannot be opened.
pub fn open_adapters(
    adapter: Option<&str>,
    default_limits: bool,
) -> Result<Vec<Box<dyn Engine>>, EngineError> {
    #[cfg(feature = "gpu")]
    {
        let options = super::gpu::Options {
            adapter: adapter.map(str::to_string),
            software: true,
            default_limits,
            ..Default::default()
        };
        let engines = super::gpu::GpuEngine::all(options)?;
        Ok(engines.into_iter().map(|engine| Box::new(engine) as Box<dyn Engine>).collect())
    }
    #[cfg(not(feature = "gpu"))]
    gpu(adapter, default_limits).map(|engine| vec![engine])
}

/// Opens the engine that repeats runs of `backend` for `--verify`: another one, for an engine that is compared with
/// itself proves nothing.
pub fn open_checker(backend: &str, threads: Option<usize>) -> Result<Box<dyn Engine>, EngineError> {
    let other = match Backend::from_word(backend) {
        Some(Backend::Cpu) => Backend::Reference,
        Some(Backend::Mock) => Backend::Mock,
        _ => Backend::Cpu,
    };
    open(other, None, threads)
}

fn mock(settings: &str) -> Result<Box<dyn Engine>, EngineError> {
    let mut engine = MockEngine::default();
    for setting in settings.split(',').filter(|setting| !setting.is_empty()) {
        match setting.split_once('=').map(|(name, value)| (name, value.parse::<usize>())) {
            Some(("batch", Ok(runs))) => engine.runs_per_batch = runs,
            Some(("fail", Ok(call))) => engine.fail_at = Some(call),
            Some(("broken", Ok(call))) => engine.broken_at = Some(call),
            Some(("lose", Ok(call))) => engine.lose_at = Some(call),
            Some(("memory", Ok(runs))) => engine.memory = Some(runs),
            Some(("early", Ok(runs))) => engine.early = Some(runs),
            Some(("wrong", Ok(every))) => engine.wrong_every = Some(every.max(1) as u64),
            _ => return Err(EngineError::NoDevice(format!("the mock engine has no {setting}"))),
        }
    }
    Ok(Box::new(engine))
}

/// One machine that an engine can use, as `symbreak devices` lists it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Device {
    /// Name of the adapter or processor.
    pub name: String,
    /// `discrete GPU`, `integrated GPU`, `virtual GPU`, `software`, `other` or `processor`
    #[serde(rename = "type")]
    pub kind: String,
    /// What `--backend` calls its engine.
    pub backend: String,
    /// Driver and its version, if any.
    pub driver: String,
    /// What it can hold, by the names of its interface.
    pub limits: serde_json::Value,
    /// Whether it is a GPU in name only.
    pub software: bool,
    /// How precise its operations are, of adapters and if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arithmetic: Option<serde_json::Value>,
}

/// Every device that some engine can use: adapters, hardware first, then the processor. With `arithmetic` adapters calculate to
/// show how precisely they do.
///
/// # Errors
/// When the worker threads cannot be started, or an adapter that is to calculate fails.
pub fn devices(arithmetic: bool) -> Result<Vec<Device>, EngineError> {
    let mut devices = adapters();
    #[cfg(feature = "gpu")]
    if arithmetic && !devices.is_empty() {
        let options = super::gpu::Options { software: true, ..Default::default() };
        // Both in the order of the adapters.
        for (device, mut engine) in devices.iter_mut().zip(super::gpu::GpuEngine::all(options)?) {
            device.arithmetic = Some(serde_json::json!(engine.arithmetic()?));
        }
    }
    #[cfg(not(feature = "gpu"))]
    let _ = arithmetic;
    for backend in [Backend::Cpu, Backend::Reference] {
        let on = open(backend, None, None)?.description();
        devices.push(Device {
            name: on.adapter,
            kind: on.adapter_type,
            backend: on.backend,
            driver: on.driver,
            limits: serde_json::json!({ "threads": on.threads }),
            software: false,
            arithmetic: None,
        });
    }
    Ok(devices)
}

#[cfg(feature = "gpu")]
fn adapters() -> Vec<Device> {
    let device = |adapter: super::gpu::AdapterDescription| Device {
        name: adapter.name,
        kind: adapter.kind,
        backend: Backend::Gpu.word().into(),
        driver: format!("{} ({})", adapter.driver, adapter.interface),
        limits: serde_json::json!(adapter.limits),
        software: adapter.software,
        arithmetic: None,
    };
    super::gpu::adapters().into_iter().map(device).collect()
}

#[cfg(not(feature = "gpu"))]
fn adapters() -> Vec<Device> {
    Vec::new()
}
