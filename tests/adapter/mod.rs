//! The adapter that tests run on: hardware if there is any, else software.

use symbreak::engine::gpu::{GpuEngine, Options};

/// The first adapter, or `None` where there is none. `REQUIRE_GPU=1` turns its absence into a failure, so that a
/// machine which should have one cannot pass by skipping.
pub fn gpu() -> Option<GpuEngine> {
    gpu_with(Options::default())
}

/// The same with other options.
pub fn gpu_with(options: Options) -> Option<GpuEngine> {
    match GpuEngine::new(Options { software: true, ..options }) {
        Ok(engine) => Some(engine),
        Err(error) if std::env::var_os("REQUIRE_GPU").is_some_and(|value| value == "1") => {
            panic!("REQUIRE_GPU=1: {error}")
        }
        Err(_) => None,
    }
}
