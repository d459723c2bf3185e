//! The base points that `init.values` gives.

use super::error::escaped;
use super::key::Values;
use crate::task::{input, npy};

/// Most points of a file.
const MOST_POINTS: usize = 1 << 24;

/// Points, and the file that they come from.
type Points = (Vec<Vec<f32>>, Option<(String, String)>);

/// One or more points, each in layout order. An npy file holds one point as a vector, or several as the rows of a matrix,
/// in f32 or f64; with the points come its path and the BLAKE3 of its content, in hex. The message says what is wrong with it.
pub(super) fn read(values: &Values) -> Result<Points, String> {
    match values {
        Values::Numbers(numbers) => Ok((vec![numbers.iter().map(|&x| x as f32).collect()], None)),
        Values::File(path) => {
            let shown = escaped(path);
            let bytes = input::read(path.as_ref(), input::MOST_BYTES)
                .map_err(|error| format!("cannot read {shown}: {error}"))?;
            let (shape, numbers) = npy::numbers(&bytes).map_err(|why| format!("{shown}: {why}"))?;
            let width = match shape.as_slice() {
                [rows, _] if *rows > MOST_POINTS => {
                    return Err(format!("{shown}: {rows} points, more than {MOST_POINTS}"));
                }
                [width] | [_, width] if !numbers.is_empty() => *width,
                _ => {
                    return Err(format!(
                        "{shown}: expected one point or rows of points, found the shape {shape:?}"
                    ));
                }
            };
            let hash = blake3::hash(&bytes).to_hex().to_string();
            Ok((numbers.chunks(width).map(<[f32]>::to_vec).collect(), Some((path.clone(), hash))))
        }
    }
}
