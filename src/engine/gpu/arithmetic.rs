//! How precise an adapter's own operations are: what its results differ in from those of another one.

use bytemuck::{Pod, Zeroable};
use serde::Serialize;
use wgpu::BufferUsages;

use super::GpuEngine;
use crate::engine::EngineError;
use crate::net::philox::philox;

const SHADER: &str = include_str!("../../../shaders/arithmetic.wgsl");

/// Invocations of a workgroup, as the shader says.
const WORKGROUP: u32 = 64;
const WORKGROUPS: u32 = 1024;

/// Twin of `Arguments` in the shader.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Arguments {
    a: f32,
    b: f32,
    c: f32,
    x: f32,
}

/// Twin of `Results` in the shader.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Results {
    sum: f32,
    product: f32,
    quotient: f32,
    root: f32,
    exponential: f32,
    fma: f32,
    product_and_sum: f32,
    reserved: f32,
}

/// What was found among 65,536 results of one operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rounding {
    /// The largest error in units of the last place of the exact result; 0.5 if all are correctly rounded.
    pub worst_ulp: f64,
    /// Fingerprint of all results: two adapters with the same one agree in every bit.
    pub bits: String,
}

/// What was found among 65,536 results of a · b + c, where it makes a difference how often they are rounded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MultiplyAdd {
    /// Share of those that were rounded once.
    pub rounds_once: f64,
    /// As of [`Rounding`].
    pub bits: String,
}

/// How an adapter calculates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Arithmetic {
    /// a + b
    pub sum: Rounding,
    /// a · b
    pub product: Rounding,
    /// a / b
    pub quotient: Rounding,
    /// √|a|
    pub root: Rounding,
    /// eˣ, for x from −80 to 8.
    pub exponential: Rounding,
    /// `fma(a, b, c)`
    pub fma: MultiplyAdd,
    /// `a * b + c`, which a compiler may make one operation.
    pub product_and_sum: MultiplyAdd,
}

/// Arguments of magnitudes between 2⁻⁸ and 2⁸.
fn arguments(n: u32) -> Arguments {
    let words = philox([0, 0], [n, 0, 0, 0]);
    // Sign and fraction as they come, an exponent of 16.
    let number = |word: u32| f32::from_bits((word & 0x807F_FFFF) | ((119 + ((word >> 23) & 15)) << 23));
    let (a, b) = (number(words[0]), number(words[1]));
    let x = words[2] as f32 / 4_294_967_296.0 * 88.0 - 80.0;
    Arguments { a, b, c: -(a * b), x }
}

/// The distance of a result from the exact one, in units of its last place as an f32.
fn ulp(found: f32, exact: f64) -> f64 {
    let exponent = exact.abs().log2().floor().max(-126.0);
    (f64::from(found) - exact).abs() / (exponent - 23.0).exp2()
}

impl GpuEngine {
    /// How precise the adapter's own operations are.
    pub fn arithmetic(&mut self) -> Result<Arithmetic, EngineError> {
        let pipeline = self.pipeline("arithmetic.wgsl", SHADER.into(), &[false, true])?;
        let gpu = self.gpu()?;
        let count = [WORKGROUPS * WORKGROUP, 0, 0, 0];
        let count = gpu.buffer("count", bytemuck::cast_slice(&count), BufferUsages::UNIFORM)?;
        let asked: Vec<Arguments> = (0..WORKGROUPS * WORKGROUP).map(arguments).collect();
        let arguments = gpu.buffer("arguments", bytemuck::cast_slice(&asked), BufferUsages::STORAGE)?;
        // Poisoned, so that what was not written shows.
        let poison = vec![f32::NAN; asked.len() * size_of::<Results>() / size_of::<f32>()];
        let results = gpu.buffer("results", bytemuck::cast_slice(&poison), BufferUsages::STORAGE)?;
        let bindings = gpu.bind(&pipeline, &[&count, &arguments, &results]);
        gpu.dispatch(&pipeline, &bindings, WORKGROUPS);
        let got = gpu.fetch(gpu.download::<Results>(&results, asked.len()))?;
        Ok(compare(&asked, &got))
    }
}

fn compare(asked: &[Arguments], got: &[Results]) -> Arithmetic {
    let bits = |found: fn(&Results) -> f32| {
        let mut hasher = blake3::Hasher::new();
        got.iter().for_each(|got| {
            hasher.update(&found(got).to_bits().to_le_bytes());
        });
        hasher.finalize().to_hex()[..8].to_string()
    };
    let rounding = |exact: fn(&Arguments) -> f64, found: fn(&Results) -> f32| {
        let errors = asked.iter().zip(got).map(|(asked, got)| ulp(found(got), exact(asked)));
        // NaN exceeds everything, and stays.
        let worse = |worst: f64, error| if worst.is_nan() || error <= worst { worst } else { error };
        let worst_ulp = errors.fold(0.0, worse);
        Rounding { worst_ulp, bits: bits(found) }
    };
    let multiply_add = |found: fn(&Results) -> f32| {
        let (mut all, mut once) = (0u32, 0u32);
        for (asked, got) in asked.iter().zip(got) {
            let rounded_once = asked.a.mul_add(asked.b, asked.c);
            if rounded_once != 0.0 {
                all += 1;
                once += u32::from(found(got) == rounded_once);
            }
        }
        MultiplyAdd { rounds_once: f64::from(once) / f64::from(all), bits: bits(found) }
    };
    Arithmetic {
        sum: rounding(|of| f64::from(of.a) + f64::from(of.b), |got| got.sum),
        product: rounding(|of| f64::from(of.a) * f64::from(of.b), |got| got.product),
        quotient: rounding(|of| f64::from(of.a) / f64::from(of.b), |got| got.quotient),
        root: rounding(|of| f64::from(of.a).abs().sqrt(), |got| got.root),
        exponential: rounding(|of| f64::from(of.x).exp(), |got| got.exponential),
        fma: multiply_add(|got| got.fma),
        product_and_sum: multiply_add(|got| got.product_and_sum),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a processor makes of it, rounding each operation.
    fn rounded(of: Arguments) -> Results {
        let Arguments { a, b, c, x } = of;
        Results {
            sum: a + b,
            product: a * b,
            quotient: a / b,
            root: a.abs().sqrt(),
            exponential: f64::from(x).exp() as f32,
            fma: a.mul_add(b, c),
            product_and_sum: a * b + c,
            reserved: 0.0,
        }
    }

    #[test]
    fn correct_rounding_is_half_a_unit_and_what_is_off_shows() {
        let asked: Vec<Arguments> = (0..5000).map(arguments).collect();
        let got: Vec<Results> = asked.iter().map(|&of| rounded(of)).collect();
        let found = compare(&asked, &got);
        for of in [&found.sum, &found.product, &found.quotient, &found.root, &found.exponential] {
            assert!((0.49..=0.5).contains(&of.worst_ulp), "{found:?}");
        }
        assert_eq!((found.fma.rounds_once, found.product_and_sum.rounds_once), (1.0, 0.0));

        let mut off = got.clone();
        off[17].root = off[17].root.next_up().next_up();
        off[18].exponential = f32::NAN;
        off[19].fma = 0.0;
        let other = compare(&asked, &off);
        assert!((1.5..=2.5).contains(&other.root.worst_ulp), "{other:?}");
        assert!(other.exponential.worst_ulp.is_nan(), "{other:?}");
        assert!((0.999..1.0).contains(&other.fma.rounds_once), "{other:?}");
        assert_ne!(other.root.bits, found.root.bits);
        assert_eq!(other.sum.bits, found.sum.bits);
    }

    #[test]
    fn the_shader_is_valid_and_its_structures_have_the_hosts_layout() {
        let module = naga::front::wgsl::parse_str(SHADER).unwrap();
        let mut validator = naga::valid::Validator::new(
            naga::valid::ValidationFlags::all(),
            naga::valid::Capabilities::empty(),
        );
        validator.validate(&module).unwrap();
        for (name, size) in [("Arguments", size_of::<Arguments>()), ("Results", size_of::<Results>())] {
            let (_, ty) = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some(name)).unwrap();
            let naga::TypeInner::Struct { members, span } = &ty.inner else { panic!("a structure") };
            assert_eq!(*span as usize, size);
            assert!(members.iter().enumerate().all(|(at, member)| member.offset == 4 * at as u32));
        }
    }
}
