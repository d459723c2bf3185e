//! The base points that `init.values` gives.

use std::fs::File;
use std::io::BufReader;

use npyz::NpyFile;

use super::error::escaped;
use super::key::Values;

/// One or more points, each in layout order. An npy file holds one point as a vector, or several as the rows of a matrix,
/// in f32 or f64. The message says what is wrong with it.
pub(super) fn read(values: &Values) -> Result<Vec<Vec<f32>>, String> {
    match values {
        Values::Numbers(numbers) => Ok(vec![numbers.iter().map(|&x| x as f32).collect()]),
        Values::File(path) => {
            let shown = escaped(path);
            let (shape, numbers) = read_npy(path).map_err(|why| format!("{shown}: {why}"))?;
            let width = match shape.as_slice() {
                [width] | [_, width] if *width > 0 && !numbers.is_empty() => *width,
                _ => {
                    return Err(format!(
                        "{shown}: expected one point or rows of points, found the shape {shape:?}"
                    ));
                }
            };
            Ok(numbers.chunks(width).map(<[f32]>::to_vec).collect())
        }
    }
}

/// The shape and the numbers, in C order, of an npy file of f32 or f64. The message says what is wrong with it.
pub(crate) fn read_npy(path: &str) -> Result<(Vec<usize>, Vec<f32>), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let file = NpyFile::new(BufReader::new(file)).map_err(|error| format!("not an npy file: {error}"))?;
    let shape: Vec<usize> = file.shape().iter().map(|&n| n as usize).collect();
    if file.order() != npyz::Order::C {
        return Err("the array is in Fortran order; numpy.ascontiguousarray changes that".to_string());
    }
    let bad = |error: std::io::Error| error.to_string();
    let numbers: Vec<f32> = match file.try_data::<f32>() {
        Ok(data) => data.collect::<Result<_, _>>().map_err(bad)?,
        Err(file) => match file.try_data::<f64>() {
            Ok(data) => data.map(|x| x.map(|x| x as f32)).collect::<Result<_, _>>().map_err(bad)?,
            Err(file) => {
                return Err(format!(
                    "expected numbers in float32 or float64, found {}",
                    file.dtype().descr()
                ));
            }
        },
    };
    match numbers.iter().position(|x| !x.is_finite()) {
        Some(at) => Err(format!("number {at} is {} in f32", numbers[at])),
        None => Ok((shape, numbers)),
    }
}
