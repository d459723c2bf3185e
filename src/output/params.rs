//! `params_init.npy` and `params_final.npy`: float32, C order, shape (runs, parameters).

use npyz::{DType, TypeStr, WriteOptions, WriterBuilder};

use super::OutputError;
use crate::spec::Plan;

/// Parameters at step 0.
pub const INITIAL: &str = "params_init.npy";
/// Parameters at the end.
pub const FINAL: &str = "params_final.npy";

/// How many parameters every run of the plan has; an error if its programs differ in shape.
pub fn width(plan: &Plan) -> Result<usize, OutputError> {
    let shape = &plan.programs[0].shape;
    match plan.programs.iter().map(|program| &program.shape).find(|other| !same_layout(other, shape)) {
        None => Ok(shape.parameters()),
        Some(other) => Err(OutputError::Refused(format!(
            "--save-params needs one shape of net per sweep, but this one has {shape} and {other}{}; \
             sweep the net's keys in sweeps of their own",
            if shape.to_string() == other.to_string() { " with other biases, skips or readout" } else { "" }
        ))),
    }
}

/// Whether the same parameters lie at the same places; activations do not matter.
fn same_layout(a: &crate::net::Shape, b: &crate::net::Shape) -> bool {
    a.parameter_names() == b.parameter_names()
}

/// The header of a file for so many runs of so many parameters.
pub fn head(runs: u64, width: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    // "<f4" is a type string that npyz knows, and writing to memory does not fail.
    if let Ok(float32) = "<f4".parse::<TypeStr>() {
        let _ = WriteOptions::new_header_only()
            .dtype(DType::Plain(float32))
            .shape(&[runs, width as u64])
            .writer(&mut bytes)
            .write_header_only();
    }
    bytes
}
