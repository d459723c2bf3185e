//! The rate of f32 multiply-adds that the adapter reaches: what `symbreak bench` measures training against.

use std::time::Instant;

use bytemuck::{Pod, Zeroable};
use wgpu::BufferUsages;

use super::GpuEngine;
use crate::engine::EngineError;

const SHADER: &str = include_str!("../../../shaders/peak.wgsl");

/// Enough to fill every lane of a large GPU.
const WORKGROUPS: u32 = 4096;
/// Invocations of a workgroup, as the shader says.
const WORKGROUP: u32 = 64;
/// Long enough that starting a dispatch costs little.
const ROUNDS: u32 = 256;
/// Multiply-adds of a round of one invocation: 8 vectors of 4, twice.
const A_ROUND: u32 = 64;
/// One measurement takes at least this long, in seconds.
const SECONDS: f64 = 0.02;

/// Twin of `Request` in the shader.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Request {
    factor: f32,
    addend: f32,
    rounds: u32,
    reserved: u32,
}

/// f32 multiply-adds a second.
pub fn multiply_adds_per_second(engine: &mut GpuEngine) -> Result<f64, EngineError> {
    let pipeline = engine.pipeline("peak.wgsl", SHADER.into(), &[true])?;
    let gpu = engine.gpu()?;
    let request = Request { factor: 0.75, addend: 0.5, rounds: ROUNDS, reserved: 0 };
    let request = gpu.buffer("request", bytemuck::bytes_of(&request), BufferUsages::UNIFORM)?;
    let sums = vec![0u8; 4 * (WORKGROUPS * WORKGROUP) as usize];
    let sums = gpu.buffer("sums", &sums, BufferUsages::STORAGE)?;
    let bindings = gpu.bind(&pipeline, &[&request, &sums]);
    // The first dispatch compiles.
    gpu.dispatch(&pipeline, &bindings, 1);
    gpu.wait()?;
    let mut dispatches = 1u32;
    loop {
        let since = Instant::now();
        for _ in 0..dispatches {
            gpu.dispatch(&pipeline, &bindings, WORKGROUPS);
        }
        gpu.wait()?;
        let seconds = since.elapsed().as_secs_f64();
        if seconds >= SECONDS {
            let a_dispatch = f64::from(WORKGROUPS * WORKGROUP) * f64::from(ROUNDS * A_ROUND);
            return Ok(f64::from(dispatches) * a_dispatch / seconds);
        }
        dispatches *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shader_is_valid_and_its_request_has_the_hosts_layout() {
        let module = naga::front::wgsl::parse_str(SHADER).unwrap();
        let mut validator = naga::valid::Validator::new(
            naga::valid::ValidationFlags::all(),
            naga::valid::Capabilities::empty(),
        );
        validator.validate(&module).unwrap();
        let (_, request) = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some("Request")).unwrap();
        let naga::TypeInner::Struct { members, span } = &request.inner else { panic!("a struct") };
        assert_eq!(*span as usize, size_of::<Request>());
        let offsets: Vec<u32> = members.iter().map(|member| member.offset).collect();
        assert_eq!(offsets, [0, 4, 8, 12]);
        assert_eq!(SHADER.matches("fma(").count() as u32 * 4, A_ROUND);
    }
}
