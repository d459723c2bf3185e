//! A linear map with whitened inputs, of which the course of learning is known exactly: Saxe, McClelland & Ganguli, "Exact
//! solutions to the nonlinear dynamics of learning in deep linear neural networks" (arXiv 1312.6120).

use nalgebra::DMatrix;

use super::random::normal_of;
use super::{Data, Fault};
use crate::net::init::orthonormal_columns;
use crate::net::philox::Stream;

impl Data {
    /// Inputs with Σ x xᵀ = I over the samples, and targets y = W x. W = U S Vᵀ has `singular_values`, further ones are 0;
    /// U and V are random orthonormal frames. So Σ y xᵀ = W.
    ///
    /// # Errors
    /// With the key at fault: fewer samples than inputs cannot be white, and W has no more singular values than
    /// inputs or outputs.
    pub fn linear(
        samples: usize,
        inputs: usize,
        outputs: usize,
        singular_values: &[f64],
        seed: u64,
    ) -> Result<Data, Fault> {
        if samples < inputs {
            let message = format!(
                "{samples} samples of {inputs} features cannot have Σ x xᵀ = I; give {inputs} or more"
            );
            return Err(("task.samples", message));
        }
        let rank = singular_values.len();
        if rank > inputs.min(outputs) {
            let message = format!(
                "{rank} values, but a map from {inputs} features to {outputs} outputs has {} singular values; \
                 change task.features or task.outputs",
                inputs.min(outputs)
            );
            return Err(("task.singular_values", message));
        }
        let frame = |which: u64, rows: usize, columns: usize| {
            orthonormal_columns(rows, columns, |i| normal_of(Stream::Matrix, which, i as u32, seed))
        };
        let u = frame(0, outputs, rank);
        let v = frame(1, inputs, rank);
        let x = orthonormal_columns(samples, inputs, |i| {
            let (sample, column) = (i / inputs, i % inputs);
            normal_of(Stream::Inputs, sample as u64, column as u32, seed)
        });
        let map: DMatrix<f64> = u * DMatrix::from_diagonal(&singular_values.to_vec().into()) * v.transpose();
        let y = &x * map.transpose();
        // Column by column in memory: the transpose is sample by sample.
        let rows = |matrix: DMatrix<f64>| matrix.transpose().iter().map(|&number| number as f32).collect();
        Ok(Data { inputs, outputs, x: rows(x), y: rows(y) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Σ over samples of a bᵀ.
    fn correlation(a: &[f32], width: usize, b: &[f32], other: usize) -> DMatrix<f64> {
        let matrix = |values: &[f32], width| {
            DMatrix::from_row_iterator(values.len() / width, width, values.iter().map(|&v| f64::from(v)))
        };
        matrix(a, width).transpose() * matrix(b, other)
    }

    #[test]
    fn inputs_are_white_and_the_map_has_its_singular_values() {
        for (samples, inputs, outputs, values) in
            [(4, 4, 3, &[3.0, 2.0, 0.5][..]), (50, 6, 2, &[1.5]), (1024, 64, 5, &[5.0, 4.0, 3.0, 2.0, 1.0])]
        {
            let data = Data::linear(samples, inputs, outputs, values, 3).unwrap();
            assert_eq!((data.samples(), data.inputs, data.outputs), (samples, inputs, outputs));
            let white = correlation(&data.x, inputs, &data.x, inputs);
            assert!((white - DMatrix::identity(inputs, inputs)).amax() < 1e-6);
            let map = correlation(&data.y, outputs, &data.x, inputs);
            let mut found: Vec<f64> = map.singular_values().iter().copied().collect();
            found.sort_by(|a, b| b.total_cmp(a));
            for (at, found) in found.into_iter().enumerate() {
                let wanted = values.get(at).copied().unwrap_or(0.0);
                assert!((found - wanted).abs() < 1e-5, "{at}: {found} {wanted}");
            }
        }
        assert_ne!(Data::linear(4, 4, 3, &[1.0], 3), Data::linear(4, 4, 3, &[1.0], 4));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let (key, message) = Data::linear(3, 4, 1, &[1.0], 0).unwrap_err();
        assert_eq!(key, "task.samples");
        assert_eq!(message, "3 samples of 4 features cannot have Σ x xᵀ = I; give 4 or more");
        let (key, message) = Data::linear(9, 4, 1, &[1.0, 2.0], 0).unwrap_err();
        assert_eq!(key, "task.singular_values");
        assert!(
            message.starts_with("2 values, but a map from 4 features to 1 outputs has 1 singular values")
        );
    }
}
