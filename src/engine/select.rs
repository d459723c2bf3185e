//! Which engine does the work: the one place that knows them all.

use serde::Serialize;

use super::mock::MockEngine;
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
        /// Answers without training, for tests of everything around engines. `--adapter batch=N,fail=N` sets its runs
        /// per batch and the batch, counted from 0, at which its device is lost.
        Mock = "mock",
    }
}

/// Opens an engine. `adapter` is a part of an adapter's name; `threads` limits the host's threads.
pub fn open(
    backend: Backend,
    adapter: Option<&str>,
    threads: Option<usize>,
) -> Result<Box<dyn Engine>, EngineError> {
    // For the engines to come.
    let _ = threads;
    match backend {
        Backend::Auto | Backend::Gpu | Backend::Cpu | Backend::Reference => {
            Err(EngineError::NoDevice(format!("the {backend} engine is not built in yet")))
        }
        Backend::Mock => mock(adapter.unwrap_or("")),
    }
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
    /// `discrete GPU`, `integrated GPU`, `virtual GPU`, `software` or `processor`
    #[serde(rename = "type")]
    pub kind: String,
    /// What `--backend` calls its engine.
    pub backend: String,
    /// Driver and its version, if any.
    pub driver: String,
    /// What it can hold, by the names of its interface.
    pub limits: serde_json::Map<String, serde_json::Value>,
    /// Whether it is a GPU in name only.
    pub software: bool,
}

/// Every device that some engine can use.
pub fn devices() -> Vec<Device> {
    Vec::new()
}
