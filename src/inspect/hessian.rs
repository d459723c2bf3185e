//! The Hessian of the loss over the whole task, without weight decay, its eigenvalues in f64, and what kind of
//! stationary point they say that parameters are at.

use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::engine::reference::Network;
use crate::net::{Loss, Shape, words};
use crate::task::Data;

/// Parameters up to which eigenvalues take seconds: their time goes with the cube (1000 take 1 to 2 s, 2000 ten).
pub const MAX_PARAMETERS: usize = 1000;

/// A point counts as stationary where the gradient norm is at most this times ‖H‖ · max(1, ‖parameters‖): about where
/// moving the parameters by this relative amount could make the gradient vanish. Parameters rounded to f32 pass.
pub const STATIONARY: f64 = 1e-6;

words! {
    /// What first and second derivatives say of a point.
    PointKind {
        /// Not stationary: the gradient leads on.
        NotStationary = "none",
        /// Stationary, every eigenvalue positive beyond the error.
        Minimum = "minimum",
        /// Stationary with an eigenvalue that is negative beyond the error (or several, up to a maximum): the loss falls
        /// along its direction.
        StrictSaddle = "strict saddle",
        /// Stationary, no eigenvalue negative beyond the error, some zero within it: second derivatives do not decide.
        Degenerate = "degenerate",
    }
}

/// The Hessian at a point.
#[derive(Clone, Debug, PartialEq)]
pub struct Hessian {
    /// Symmetric, in layout order, of the parameters that are there.
    pub matrix: DMatrix<f64>,
    /// How far rounding may have moved it, in the 2-norm, and so each eigenvalue: the asymmetry it had before it was made
    /// symmetric (each half comes by other operations), (samples + parameters)·ε of the terms that its entries are
    /// sums of, and as much for the eigenvalues.
    pub error: f64,
}

/// What is known of a point.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The verdict.
    pub kind: PointKind,
    /// The loss.
    pub loss: f64,
    /// L2 over the parameters that are there.
    pub gradient_norm: f64,
    /// The largest gradient norm of a stationary point here: [`STATIONARY`] · ‖H‖ · max(1, ‖parameters‖).
    pub tolerance: f64,
    /// Of the Hessian, ascending.
    pub eigenvalues: Vec<f64>,
    /// An eigenvalue within this of 0 counts as zero: the rounding of [`Hessian::error`] and, at a stationary point, the
    /// gradient norm, since a shift of the parameters that makes up for the gradient changes eigenvalues by about as much.
    pub zero: f64,
    /// A unit eigenvector of the lowest eigenvalue, in layout order, 0 for missing connections.
    pub lowest: Vec<f64>,
    /// How often a unit stands exactly at a kink of its activation function, over all samples: there the derivatives are
    /// those of one side.
    pub kinks_hit: usize,
}

impl Point {
    /// Eigenvalues that are negative, zero and positive beyond the error.
    pub fn signs(&self) -> [usize; 3] {
        let count = |keep: &dyn Fn(f64) -> bool| self.eigenvalues.iter().filter(|&&e| keep(e)).count();
        [count(&|e| e < -self.zero), count(&|e| e.abs() <= self.zero), count(&|e| e > self.zero)]
    }
}

/// The exact Hessian of the loss at `parameters` (in layout order), row by row; `None` where it is not finite. At kinks it
/// is that of the piece whose slope the contract names.
pub fn hessian(shape: &Shape, data: &Data, loss: Loss, parameters: &[f64]) -> Option<Hessian> {
    let mut network = Network::new(shape, data, loss);
    network.forward(parameters);
    network.backward(parameters);
    of_network(&network, data.samples(), parameters, &(0..parameters.len()).collect::<Vec<_>>())
}

/// Of the parameters `present` alone, after a forward and a backward pass.
fn of_network(network: &Network, samples: usize, parameters: &[f64], present: &[usize]) -> Option<Hessian> {
    let count = present.len();
    let row = |&p: &usize| {
        let mut direction = vec![0.0; parameters.len()];
        direction[p] = 1.0;
        network.hessian_times(parameters, &direction)
    };
    let rows: Vec<_> = present.par_iter().map(row).collect();
    let full = DMatrix::from_fn(count, count, |r, c| rows[r].product[present[c]]);
    let terms = DMatrix::from_fn(count, count, |r, c| rows[r].magnitude[present[c]]);
    let asymmetry = (&full - full.transpose()).norm();
    let error = asymmetry + 2.0 * (samples + count) as f64 * f64::EPSILON * terms.norm();
    let matrix = (&full + full.transpose()) * 0.5;
    (error.is_finite() && matrix.iter().all(|h| h.is_finite())).then_some(Hessian { matrix, error })
}

/// Eigenvalues of a symmetric matrix, ascending, and a unit eigenvector of the first; `None` if some entry is not finite.
fn decomposed(matrix: &DMatrix<f64>) -> Option<(Vec<f64>, Vec<f64>)> {
    let largest = matrix.amax();
    if !largest.is_finite() || matrix.iter().any(|h| h.is_nan()) {
        return None;
    }
    if largest == 0.0 {
        let mut first = vec![0.0; matrix.nrows()];
        first.iter_mut().take(1).for_each(|x| *x = 1.0);
        return Some((vec![0.0; matrix.nrows()], first));
    }
    // Entries of magnitude 1, so that squares of large ones do not overflow.
    let eigen = (matrix / largest).symmetric_eigen();
    let mut order: Vec<usize> = (0..matrix.nrows()).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[a].total_cmp(&eigen.eigenvalues[b]));
    let values = order.iter().map(|&i| eigen.eigenvalues[i] * largest).collect();
    let lowest =
        order.first().map_or_else(Vec::new, |&i| eigen.eigenvectors.column(i).iter().copied().collect());
    Some((values, lowest))
}

/// Eigenvalues of a symmetric matrix, ascending; `None` if some entry is not finite.
pub fn eigenvalues(matrix: &DMatrix<f64>) -> Option<Vec<f64>> {
    decomposed(matrix).map(|(values, _)| values)
}

/// What kind of point `parameters` (in layout order) are; `None` where the loss or a derivative is not finite. Takes time
/// with the cube of the parameters: see [`MAX_PARAMETERS`].
pub fn classify(shape: &Shape, data: &Data, loss: Loss, parameters: &[f64]) -> Option<Point> {
    classify_masked(shape, data, loss, parameters, &vec![false; parameters.len()])
}

/// As [`classify`], for a net some of whose connections are `missing`: their derivatives do not count.
pub fn classify_masked(
    shape: &Shape,
    data: &Data,
    loss: Loss,
    parameters: &[f64],
    missing: &[bool],
) -> Option<Point> {
    let mut network = Network::new(shape, data, loss);
    let outputs = network.forward(parameters);
    network.backward(parameters);
    let present: Vec<usize> = (0..parameters.len()).filter(|&p| !missing[p]).collect();
    let norm = |of: &[f64]| present.iter().map(|&p| of[p] * of[p]).sum::<f64>().sqrt();
    let gradient_norm = norm(network.gradient());
    let found = of_network(&network, data.samples(), parameters, &present)?;
    if !outputs.loss.is_finite() || !gradient_norm.is_finite() {
        return None;
    }
    let (eigenvalues, among_present) = decomposed(&found.matrix)?;
    let largest = eigenvalues.iter().fold(0.0, |l: f64, e| l.max(e.abs()));
    let tolerance = STATIONARY * largest * norm(parameters).max(1.0);
    let stationary = gradient_norm <= tolerance;
    let zero = found.error + if stationary { gradient_norm } else { 0.0 };
    let lowest_value = eigenvalues.first().copied().unwrap_or(0.0);
    let kind = if !stationary {
        PointKind::NotStationary
    } else if lowest_value < -zero {
        PointKind::StrictSaddle
    } else if lowest_value <= zero {
        PointKind::Degenerate
    } else {
        PointKind::Minimum
    };
    let mut lowest = vec![0.0; parameters.len()];
    present.iter().zip(among_present).for_each(|(&p, x)| lowest[p] = x);
    let loss = outputs.loss;
    let kinks_hit = network.kinks_hit();
    Some(Point { kind, loss, gradient_norm, tolerance, eigenvalues, zero, lowest, kinks_hit })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Activation, Readout};
    use crate::task::{Boolean, Encoding};
    use crate::verify::nets::{self, Coverage};

    fn net(hidden: &[usize], activation: Activation, output: Activation) -> Shape {
        Shape {
            inputs: 2,
            hidden: hidden.to_vec(),
            outputs: 1,
            activation,
            output,
            readout: Readout::Trained,
            bias: true,
            skip: false,
        }
    }

    fn task(function: Boolean) -> Data {
        Data::boolean(function, 2, Encoding::ZeroOne, Encoding::ZeroOne)
    }

    fn classic() -> Shape {
        net(&[2], Activation::Logistic, Activation::Logistic)
    }

    /// The largest difference between the Hessian and central differences of the gradient, over the largest entry.
    fn off(shape: &Shape, data: &Data, loss: Loss, parameters: &[f64], perturbed: bool) -> f64 {
        let mut found = hessian(shape, data, loss, parameters).unwrap();
        if perturbed {
            found.matrix[(0, 0)] += 1e-6 * (1.0 + found.matrix.amax());
        }
        let step = 1e-5;
        let at = |p: usize, by: f64| {
            let mut moved = parameters.to_vec();
            moved[p] += by;
            crate::engine::reference::gradient(shape, data, loss, &moved).1
        };
        let mut worst = 0.0f64;
        for p in 0..parameters.len() {
            let (up, down) = (at(p, step), at(p, -step));
            for q in 0..parameters.len() {
                let difference = (up[q] - down[q]) / (2.0 * step);
                worst = worst.max((found.matrix[(p, q)] - difference).abs());
            }
        }
        worst / (1.0 + found.matrix.amax())
    }

    #[test]
    fn agrees_with_central_differences_of_the_gradient_for_every_net_and_notices_a_wrong_entry() {
        for (i, program) in nets::programs(Coverage::Quick).iter().enumerate() {
            if program.shape.parameters() > 60 {
                continue;
            }
            let parameters: Vec<f64> =
                nets::parameters(&program.shape, 0.8, i as u64).iter().map(|&p| f64::from(p)).collect();
            let off = |perturbed| off(&program.shape, &program.data, program.loss, &parameters, perturbed);
            let what = format!(
                "{} {} {} {}",
                program.shape, program.shape.activation, program.shape.output, program.loss
            );
            assert!(off(false) < 2e-8, "{what}: {}", off(false));
            assert!(off(true) > 5e-7, "{what}: a wrong entry passes");
        }
    }

    #[test]
    fn agrees_under_cross_entropy_too() {
        let shape = Shape { outputs: 3, ..net(&[3], Activation::Tanh, Activation::Linear) };
        let y = vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.25, 0.25, 0.5, 0.0, 0.0, 1.0];
        let data = Data { outputs: 3, y, ..task(Boolean::Xor) };
        let parameters: Vec<f64> = nets::parameters(&shape, 0.8, 3).iter().map(|&p| f64::from(p)).collect();
        assert!(off(&shape, &data, Loss::CrossEntropy, &parameters, false) < 2e-8);
        assert!(off(&shape, &data, Loss::CrossEntropy, &parameters, true) > 5e-7);
    }

    /// Of a linear net without hidden layer under mse H = 2/S · Σ x̃ x̃ᵀ with x̃ = (x1, x2, 1), wherever it is. Over the truth
    /// table: ½ · [[2, 1, 2], [1, 2, 2], [2, 2, 4]].
    #[test]
    fn a_linear_regression_has_its_normal_matrix() {
        let shape = net(&[], Activation::Linear, Activation::Linear);
        let expected = DMatrix::from_row_slice(3, 3, &[1.0, 0.5, 1.0, 0.5, 1.0, 1.0, 1.0, 1.0, 2.0]);
        for parameters in [[0.0; 3], [0.3, -2.0, 7.0]] {
            let found = hessian(&shape, &task(Boolean::And), Loss::Mse, &parameters).unwrap();
            assert_eq!(found.matrix, expected);
        }
        // AND by least squares: o = x1/2 + x2/2 − 1/4, a minimum; elsewhere not even stationary.
        let kind =
            |parameters: &[f64]| classify(&shape, &task(Boolean::And), Loss::Mse, parameters).unwrap().kind;
        assert_eq!(kind(&[0.5, 0.5, -0.25]), PointKind::Minimum);
        assert_eq!(kind(&[0.5, 0.5, -0.2501]), PointKind::NotStationary);
    }

    /// f = a·b at x = 1, y = 1 under half-sse: H = [[b², 2ab − 1], [2ab − 1, a²]]. The origin is the saddle of eigenvalues
    /// ±1; on the curve ab = 1 one is a² + b² and one 0, though the minimum is global.
    #[test]
    fn the_deep_linear_net_of_one_unit_has_its_known_saddle_and_valley() {
        let shape = Shape { inputs: 1, bias: false, ..net(&[1], Activation::Linear, Activation::Linear) };
        let data = Data { inputs: 1, outputs: 1, x: vec![1.0], y: vec![1.0] };
        let at = |a: f64, b: f64| classify(&shape, &data, Loss::HalfSse, &[a, b]).unwrap();
        let origin = at(0.0, 0.0);
        assert_eq!((origin.kind, origin.gradient_norm), (PointKind::StrictSaddle, 0.0));
        assert!((origin.eigenvalues[0] + 1.0).abs() < 1e-15 && (origin.eigenvalues[1] - 1.0).abs() < 1e-15);
        // Downhill is a = b.
        assert!((origin.lowest[0] - origin.lowest[1]).abs() < 1e-15);
        let valley = at(2.0, 0.5);
        assert_eq!((valley.kind, valley.signs()), (PointKind::Degenerate, [0, 1, 1]));
        assert!((valley.eigenvalues[1] - 4.25).abs() < 1e-14);
        assert_eq!(at(2.0, 0.6).kind, PointKind::NotStationary);
    }

    /// XOR, 2-2-1, logistic, mse, at the origin: hidden activations and outputs are ½, ∂loss/∂z = ±1/16 and sums to 0 over
    /// the samples and over those with either input on, so the gradient is 0 and so is every second derivative between
    /// output weights and the layer below; φ''(0) = 0 takes those within the output. There remains the Gauss-Newton term
    /// 2/4 · 4 · (1/4)² · (½, ½, 1)(½, ½, 1)ᵀ: one eigenvalue 3/16, eight of 0. Of second order there is no way down.
    #[test]
    fn xor_at_zero_is_stationary_and_degenerate() {
        let point = classify(&classic(), &task(Boolean::Xor), Loss::Mse, &[0.0; 9]).unwrap();
        assert_eq!((point.kind, point.gradient_norm, point.loss), (PointKind::Degenerate, 0.0, 0.25));
        assert_eq!(point.signs(), [0, 8, 1]);
        assert!((point.eigenvalues[8] - 3.0 / 16.0).abs() < 1e-15);
        assert!(point.zero < 1e-13);
        // Its twin: AND at the same place is not even stationary.
        let and = classify(&classic(), &task(Boolean::And), Loss::Mse, &[0.0; 9]).unwrap();
        assert_eq!(and.kind, PointKind::NotStationary);
    }

    /// AND, all weights zero, the output bias at its optimum −ln 3: every output is ¼, ∂loss/∂z = ½·(o − y)·3/16. Between an
    /// output weight and a weight below, ∂²loss = φ'(0)·Σ x ∂loss/∂z = ¼·½·3/16·(¼ − ¾) = −3/256 for either input, 0 for the
    /// bias. For the difference of the two units that is all there is: eigenvalues ±√2·3/256 and 0.
    #[test]
    fn and_at_zero_weights_is_a_strict_saddle_where_the_output_bias_is_at_its_optimum() {
        let at = |bias: f64| {
            let mut parameters = [0.0; 9];
            parameters[8] = bias;
            classify(&classic(), &task(Boolean::And), Loss::Mse, &parameters).unwrap()
        };
        for bias in [-3f64.ln(), f64::from(-3f32.ln())] {
            let point = at(bias);
            assert_eq!(point.kind, PointKind::StrictSaddle, "{point:?}");
            let expected = -(2f64.sqrt()) * 3.0 / 256.0;
            assert!((point.eigenvalues[0] - expected).abs() < 1e-8, "{:?}", point.eigenvalues);
        }
        assert!((at(-3f64.ln()).eigenvalues[0] + 2f64.sqrt() * 3.0 / 256.0).abs() < 1e-16);
        assert_eq!(at(-3f64.ln() + 1e-3).kind, PointKind::NotStationary);
        // Without the pull between the layers there is no way down: a constant task at its optimum.
        let flat = Data { y: vec![0.25; 4], ..task(Boolean::And) };
        let mut parameters = [0.0; 9];
        parameters[8] = -3f64.ln();
        assert_eq!(classify(&classic(), &flat, Loss::Mse, &parameters).unwrap().kind, PointKind::Degenerate);
    }

    #[test]
    fn kinks_are_counted_and_take_the_side_of_the_stated_slope() {
        let shape = net(&[2], Activation::Relu, Activation::Linear);
        let point = classify(&shape, &task(Boolean::Xor), Loss::Mse, &[0.0; 9]).unwrap();
        // Both units on all four samples.
        assert_eq!(point.kinks_hit, 8);
        assert_eq!(classify(&classic(), &task(Boolean::Xor), Loss::Mse, &[0.0; 9]).unwrap().kinks_hit, 0);
    }

    #[test]
    fn what_is_missing_does_not_count_and_what_is_not_finite_has_no_kind() {
        let (shape, data) = (classic(), task(Boolean::And));
        let mut missing = [false; 9];
        missing[6] = true;
        let mut parameters = [0.0; 9];
        parameters[8] = -3f64.ln();
        let point = classify_masked(&shape, &data, Loss::Mse, &parameters, &missing).unwrap();
        assert_eq!((point.eigenvalues.len(), point.lowest[6]), (8, 0.0));
        parameters[0] = f64::NAN;
        assert_eq!(classify(&shape, &data, Loss::Mse, &parameters), None);
        assert_eq!(eigenvalues(&DMatrix::from_element(2, 2, f64::NAN)), None);
        assert_eq!(eigenvalues(&DMatrix::zeros(2, 2)), Some(vec![0.0, 0.0]));
    }

    #[test]
    fn large_numbers_do_not_overflow() {
        let values = eigenvalues(&DMatrix::from_row_slice(2, 2, &[0.0, 1e200, 1e200, 0.0])).unwrap();
        assert!((values[0] / -1e200 - 1.0).abs() < 1e-14 && (values[1] / 1e200 - 1.0).abs() < 1e-14);
    }
}
