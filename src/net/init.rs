//! Initial parameters: base point + scale × noise, drawn in f32 so that every engine starts from the same
//! numbers. Mirrors `shaders/init.wgsl`, as far as that goes: see [`Drawing::needs_host`].

use std::sync::Arc;

use nalgebra::DMatrix;

use super::noise::is_missing;
use super::philox::{self, Stream};
use super::{Shape, words};

words! {
    /// The symmetric point that noise is added to.
    Base {
        /// All parameters 0.
        Zero = "zero",
        /// Every weight c, every bias 0.
        Constant = "constant",
        /// Drawn from U(−r, r) per run, but invariant under every permutation of hidden units.
        Copies = "copies",
    }
}

words! {
    /// The distribution of the noise.
    Noise {
        /// U(−1, 1)
        Uniform = "uniform",
        /// N(0, 1)
        Normal = "normal",
    }
}

words! {
    /// What the weights' noise is multiplied by: a variance from the fans of the layer's own matrix.
    Gain {
        /// 1
        None = "none",
        /// variance 2 / (fan-in + fan-out): Glorot & Bengio 2010
        Glorot = "glorot",
        /// variance 2 / fan-in: He et al. 2015
        He = "he",
        /// variance 1 / fan-in: LeCun et al. 1998
        Lecun = "lecun",
        /// The noise of each weight matrix is a random orthogonal matrix (the longer side's vectors are orthonormal),
        /// uniform among them: Saxe, McClelland & Ganguli 2013
        Orthogonal = "orthogonal",
    }
}

/// The kinds that decide how parameters are drawn; the amounts are per-run settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Init {
    /// The symmetric point.
    pub base: Base,
    /// The distribution of the noise.
    pub noise: Noise,
    /// The factor on the weights' noise.
    pub gain: Gain,
}

/// How one parameter is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParameterDraw {
    /// The parameter whose base word this one shares under [`Base::Copies`]: the first of its orbit.
    pub orbit: u32,
    /// Weight (scale applies) or bias (bias_scale applies).
    pub weight: bool,
    /// Whether it feeds the output; of weights only.
    pub output: bool,
    /// Gain of this parameter's noise; 1 for biases.
    pub factor: f32,
}

impl Init {
    /// How each parameter of `shape` is drawn, in layout order.
    pub fn draws(&self, shape: &Shape) -> Vec<ParameterDraw> {
        let count = shape.parameters();
        let mut draws: Vec<ParameterDraw> = (0..count)
            .map(|p| ParameterDraw { orbit: p as u32, weight: true, output: false, factor: 1.0 })
            .collect();
        let layers = shape.layers();
        let last = layers.len() - 1;
        for (l, layer) in layers.iter().enumerate() {
            if let Some(w) = layer.weights {
                let factor = self.factor(layer.inputs, layer.outputs);
                for u in 0..layer.outputs {
                    for i in 0..layer.inputs {
                        // Orbits under permuting the units of each hidden layer: the index of a hidden
                        // unit drops out, the index of an input or output stays.
                        let row = if l == last { u } else { 0 };
                        let column = if l == 0 { i } else { 0 };
                        let p = w + u * layer.inputs + i;
                        draws[p].orbit = (w + row * layer.inputs + column) as u32;
                        draws[p].factor = factor;
                        draws[p].output = l == last;
                    }
                }
            }
            if let Some(b) = layer.biases {
                for u in 0..layer.outputs {
                    draws[b + u].weight = false;
                    draws[b + u].orbit = (b + if l == last { u } else { 0 }) as u32;
                }
            }
        }
        if let Some(s) = shape.skip_weights() {
            let factor = self.factor(shape.inputs, shape.outputs);
            for draw in &mut draws[s..] {
                (draw.factor, draw.output) = (factor, true);
            }
        }
        draws
    }

    /// The standard deviation that the gain asks for, over that of the plain noise.
    fn factor(&self, fan_in: usize, fan_out: usize) -> f32 {
        let variance = match self.gain {
            Gain::None | Gain::Orthogonal => return 1.0,
            Gain::Glorot => 2.0 / (fan_in + fan_out) as f64,
            Gain::He => 2.0 / fan_in as f64,
            Gain::Lecun => 1.0 / fan_in as f64,
        };
        match self.noise {
            // U(−1, 1) has variance 1/3.
            Noise::Uniform => (3.0 * variance).sqrt() as f32,
            Noise::Normal => variance.sqrt() as f32,
        }
    }
}

/// The per-run amounts of a draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amounts {
    /// Master seed: the key of the generator.
    pub master: u64,
    /// Seed index of the run.
    pub seed: u64,
    /// c of [`Base::Constant`], r of [`Base::Copies`].
    pub base_value: f32,
    /// Multiplies the noise of weights that feed hidden units.
    pub scale_hidden: f32,
    /// Multiplies the noise of weights that feed outputs.
    pub scale_output: f32,
    /// Multiplies the noise of biases.
    pub bias_scale: f32,
    /// Probability that a weight is missing.
    pub mask: f32,
    /// Which of the given base points, if there are any.
    pub point: u32,
}

/// Draws the initial parameters of runs that have shape and kinds in common.
#[derive(Clone, Debug)]
pub struct Drawing {
    init: Init,
    draws: Vec<ParameterDraw>,
    /// Base points `[point][parameter]` that stand in the place of the init's own.
    points: Option<Arc<Vec<f32>>>,
    /// Whether weights may be missing.
    mask: bool,
    /// Offset, rows and columns of the weight matrices, where they are drawn as a whole.
    matrices: Vec<(usize, usize, usize)>,
}

impl Drawing {
    /// For nets of `shape`; `points` of shape `[point][parameter]` are base points in place of the init's own.
    pub fn new(init: Init, shape: &Shape, points: Option<Arc<Vec<f32>>>, mask: bool) -> Drawing {
        let layers = shape.layers();
        let matrix = |layer: &super::Layer| Some((layer.weights?, layer.outputs, layer.inputs));
        let skip = shape.skip_weights().map(|offset| (offset, shape.outputs, shape.inputs));
        let matrices = layers.iter().filter_map(matrix).chain(skip);
        let matrices = matrices.filter(|_| init.gain == Gain::Orthogonal).collect();
        Drawing { init, draws: init.draws(shape), points, mask, matrices }
    }

    /// Whether this draws what the device's own code does not: matrices as a whole, given points, missing weights.
    pub fn needs_host(&self) -> bool {
        self.points.is_some() || self.mask || !self.matrices.is_empty()
    }

    /// How each parameter is drawn, in layout order.
    pub fn draws(&self) -> &[ParameterDraw] {
        &self.draws
    }

    /// Appends the initial parameters of one run, in layout order. Bit for bit the same on every call.
    pub fn draw(&self, amounts: Amounts, parameters: &mut Vec<f32>) {
        let Amounts { master, seed, base_value, scale_hidden, scale_output, bias_scale, mask, point } =
            amounts;
        let first = parameters.len();
        let points = self.points.as_ref().map(|points| &points[point as usize * self.draws.len()..]);
        for (p, draw) in self.draws.iter().enumerate() {
            let base = match (points, self.init.base) {
                (Some(point), _) => point[p],
                (None, Base::Zero) => 0.0,
                (None, Base::Constant) if draw.weight => base_value,
                (None, Base::Constant) => 0.0,
                (None, Base::Copies) => {
                    base_value * uniform(philox::words(master, seed, Stream::Base, draw.orbit)[0])
                }
            };
            let amount = match (draw.weight, draw.output) {
                (false, _) => bias_scale,
                (true, false) => scale_hidden * draw.factor,
                (true, true) => scale_output * draw.factor,
            };
            let noise =
                if self.matrices.is_empty() || !draw.weight { self.noise(master, seed, p) } else { 0.0 };
            parameters.push(base + amount * noise);
        }
        let drawn = &mut parameters[first..];
        for &(offset, rows, columns) in &self.matrices {
            let amount = if self.draws[offset].output { scale_output } else { scale_hidden };
            let noise = orthogonal(rows, columns, |i| {
                let words = philox::words(master, seed, Stream::Noise, (offset + i) as u32);
                normal(words[0], words[1])
            });
            for (parameter, noise) in drawn[offset..].iter_mut().zip(noise) {
                *parameter += amount * noise;
            }
        }
        if self.mask {
            for (p, parameter) in drawn.iter_mut().enumerate() {
                if self.draws[p].weight && is_missing(master, seed, p as u32, mask) {
                    *parameter = 0.0;
                }
            }
        }
    }

    fn noise(&self, master: u64, seed: u64, p: usize) -> f32 {
        let words = philox::words(master, seed, Stream::Noise, p as u32);
        match self.init.noise {
            Noise::Uniform => uniform(words[0]),
            Noise::Normal => normal(words[0], words[1]),
        }
    }
}

/// A random matrix of orthonormal columns, no more of them than rows, from the normal numbers `noise(0)`, `noise(1)`, … (row
/// by row): Q of a QR decomposition with the signs of R's diagonal, which makes it uniform (Mezzadri 2007).
pub(crate) fn orthonormal_columns(rows: usize, columns: usize, noise: impl Fn(usize) -> f32) -> DMatrix<f64> {
    let normals = DMatrix::from_fn(rows, columns, |i, j| f64::from(noise(i * columns + j)));
    let (q, r) = normals.qr().unpack();
    DMatrix::from_fn(rows, columns, |i, j| q[(i, j)] * r[(j, j)].signum())
}

/// A random orthogonal matrix, row by row, from the normal numbers `noise(0)`, `noise(1)`, …. In f64, rounded once.
fn orthogonal(rows: usize, columns: usize, noise: impl Fn(usize) -> f32) -> Vec<f32> {
    let frame = orthonormal_columns(rows.max(columns), rows.min(columns), noise);
    let at = |row: usize, column: usize| {
        (if rows >= columns { frame[(row, column)] } else { frame[(column, row)] }) as f32
    };
    (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))).map(|(r, c)| at(r, c)).collect()
}

/// A number in (−1, 1) from the upper 24 bits of a word; exact, so equal on every device.
pub fn uniform(word: u32) -> f32 {
    let odd = 2 * (word >> 8) as i32 + 1;
    (odd - (1 << 24)) as f32 * (1.0 / (1 << 24) as f32)
}

/// A standard normal number by Box & Muller (1958), from polynomials of our own: the built-in log and cos of
/// a shading language may be off by 2⁻¹¹.
#[inline(always)]
pub fn normal(radius: u32, angle: u32) -> f32 {
    (-2.0 * ln_unit(radius)).sqrt() * cos_turn(angle)
}

/// ln u for the odd multiple u of 2⁻²⁴ that the upper 23 bits of a word name, which f32 holds exactly: exponent
/// and mantissa apart, and ln m = 2 artanh((m − 1)/(m + 1)).
#[inline(always)]
fn ln_unit(word: u32) -> f32 {
    let bits = ((2 * (word >> 9) + 1) as f32).to_bits();
    // Shift the mantissa's range to [√½, √2), where the series is short and ln 1 is exactly 0.
    let shifted = bits.wrapping_sub(0x3F35_04F3);
    let exponent = (shifted as i32 >> 23) - 24;
    let m = f32::from_bits((shifted & 0x007F_FFFF) + 0x3F35_04F3);
    let s = (m - 1.0) / (m + 1.0);
    let u = s * s;
    let series = ((0.116_656_84 * u + 0.142_753_9) * u + 0.200_000_61) * u + 0.333_333_34;
    let ln_m = 2.0 * s + 2.0 * s * u * series;
    exponent as f32 * std::f32::consts::LN_2 + ln_m
}

/// cos(2π · word / 2³²): the quadrant from the top bits, exactly; a polynomial on ±π/4.
#[inline(always)]
fn cos_turn(word: u32) -> f32 {
    let quadrant = word.wrapping_add(0x2000_0000) >> 30;
    let rest = word.wrapping_sub(quadrant << 30) as i32;
    let r = rest as f32 * (std::f32::consts::TAU / 4_294_967_296.0);
    let u = r * r;
    let sin_series = ((0.000_002_724_996_5 * u - 0.000_198_400_87) * u + 0.008_333_332) * u - 0.166_666_67;
    let sin = r + r * u * sin_series;
    let cos = 1.0 - 0.5 * u
        + u * u * (((-2.730_094_5e-7 * u + 2.480_06e-5) * u - 0.001_388_888_8) * u + 0.041_666_668);
    // cos, −sin, −cos, sin: without a branch, so that many at once become vectors.
    let value = if quadrant & 1 == 0 { cos } else { sin };
    if (quadrant + 1) & 2 == 0 { value } else { -value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Activation, Readout};

    const AMOUNTS: Amounts = Amounts {
        master: 7,
        seed: 3,
        base_value: 0.5,
        scale_hidden: 0.0,
        scale_output: 0.0,
        bias_scale: 0.0,
        mask: 0.0,
        point: 0,
    };

    fn shape() -> Shape {
        Shape {
            inputs: 3,
            hidden: vec![4, 5],
            outputs: 2,
            activation: Activation::Tanh,
            output: Activation::Logistic,
            readout: Readout::Trained,
            bias: true,
            skip: true,
        }
    }

    fn drawn(init: Init, amounts: Amounts) -> Vec<f32> {
        let mut parameters = Vec::new();
        Drawing::new(init, &shape(), None, false).draw(amounts, &mut parameters);
        parameters
    }

    #[test]
    fn normals_are_accurate_to_a_few_ulp_of_f64_box_muller() {
        let mut worst = 0.0f64;
        for i in 0..200_000u32 {
            let [a, b, ..] = philox::words(1, 2, Stream::Noise, i);
            let radius = (-2.0 * (f64::from(2 * (a >> 9) + 1) / f64::from(1 << 24)).ln()).sqrt();
            let exact = radius * (std::f64::consts::TAU * f64::from(b) / 4_294_967_296.0).cos();
            worst = worst.max((f64::from(normal(a, b)) - exact).abs());
        }
        assert!(worst < 6e-7, "{worst}");
        for extreme in [0, 1, u32::MAX, u32::MAX - 1, 1 << 31] {
            for angle in [0, 1, u32::MAX, 1 << 29, 1 << 30, 1 << 31, 3 << 30] {
                assert!(normal(extreme, angle).is_finite());
            }
        }
    }

    #[test]
    fn uniforms_are_exact_and_inside_the_open_interval() {
        assert_eq!(uniform(0), -1.0 + 1.0 / (1 << 24) as f32);
        assert_eq!(uniform(u32::MAX), 1.0 - 1.0 / (1 << 24) as f32);
    }

    #[test]
    fn copies_are_invariant_under_permuting_hidden_units_and_free_elsewhere() {
        let init = Init { base: Base::Copies, noise: Noise::Uniform, gain: Gain::None };
        let values = drawn(init, AMOUNTS);
        let layers = shape().layers();
        let weight =
            |l: usize, u: usize, i: usize| values[layers[l].weights.unwrap() + u * layers[l].inputs + i];
        for u in 1..4 {
            for i in 0..3 {
                assert_eq!(weight(0, u, i), weight(0, 0, i));
            }
        }
        assert_ne!(weight(0, 0, 0), weight(0, 0, 1));
        for u in 0..5 {
            for i in 0..4 {
                assert_eq!(weight(1, u, i), weight(1, 0, 0));
            }
        }
        for o in 0..2 {
            for i in 0..5 {
                assert_eq!(weight(2, o, i), weight(2, o, 0));
            }
        }
        assert_ne!(weight(2, 0, 0), weight(2, 1, 0));
        let distinct: std::collections::HashSet<u32> = values.iter().map(|v| v.to_bits()).collect();
        // 3 + 1 first layer, 1 + 1 second, 2 + 2 output, 6 skip.
        assert_eq!(distinct.len(), 4 + 2 + 4 + 6);
        assert!(values.iter().all(|v| v.abs() <= 0.5));
    }

    #[test]
    fn every_parameter_is_told_how_it_is_drawn() {
        let shape = Shape { inputs: 2, hidden: vec![3], ..shape() };
        let init = Init { base: Base::Copies, noise: Noise::Uniform, gain: Gain::None };
        let draws = Drawing::new(init, &shape, None, false).draws().to_vec();
        let orbits: Vec<u32> = draws.iter().map(|draw| draw.orbit).collect();
        let hidden = [0, 1, 0, 1, 0, 1, 6, 6, 6];
        let output = [9, 9, 9, 12, 12, 12, 15, 16];
        assert_eq!(orbits, [&hidden[..], &output, &[17, 18, 19, 20]].concat());
        let weights: Vec<bool> = draws.iter().map(|draw| draw.weight).collect();
        assert_eq!(weights, shape.is_weight());
        let feeds_output: Vec<usize> = (0..21).filter(|&p| draws[p].weight && draws[p].output).collect();
        assert_eq!(feeds_output, [9, 10, 11, 12, 13, 14, 17, 18, 19, 20]);
    }

    #[test]
    fn a_device_draws_all_but_matrices_given_points_and_missing_weights() {
        let init = |gain| Init { base: Base::Zero, noise: Noise::Uniform, gain };
        let needs_host = |gain, points, mask| Drawing::new(init(gain), &shape(), points, mask).needs_host();
        let points = Some(Arc::new(vec![0.0; shape().parameters()]));
        assert!(!needs_host(Gain::He, None, false));
        assert!(needs_host(Gain::Orthogonal, None, false));
        assert!(needs_host(Gain::He, points, false));
        assert!(needs_host(Gain::He, None, true));
    }

    #[test]
    fn gains_set_the_variance_of_weights_only() {
        // Of layers of 4 inputs and 5 units, and of 5 inputs and 2 units.
        let gains = [
            (Gain::Glorot, [2.0 / 9.0, 2.0 / 7.0]),
            (Gain::He, [2.0 / 4.0, 2.0 / 5.0]),
            (Gain::Lecun, [1.0 / 4.0, 1.0 / 5.0]),
        ];
        for (gain, variances) in gains {
            for noise in [Noise::Uniform, Noise::Normal] {
                let init = Init { base: Base::Zero, noise, gain };
                let layers = &shape().layers()[1..];
                let (mut weights, mut biases) = ([0.0; 2], 0.0);
                let seeds = 4000;
                for seed in 0..seeds {
                    let v = drawn(init, Amounts { seed, scale_hidden: 1.0, scale_output: 1.0, ..AMOUNTS });
                    for (sum, layer) in weights.iter_mut().zip(layers) {
                        let (first, count) = (layer.weights.unwrap(), layer.inputs * layer.outputs);
                        *sum += v[first..first + count].iter().map(|&w| f64::from(w * w)).sum::<f64>()
                            / count as f64;
                        let first = layer.biases.unwrap();
                        biases += v[first..first + layer.outputs].iter().map(|b| b.abs()).sum::<f32>();
                    }
                }
                for (sum, variance) in weights.into_iter().zip(variances) {
                    let measured = sum / seeds as f64;
                    assert!(
                        (measured / variance - 1.0).abs() < 0.03,
                        "{gain} {noise}: {measured} {variance}"
                    );
                }
                assert_eq!(biases, 0.0);
            }
        }
    }

    #[test]
    fn every_entry_of_an_orthogonal_matrix_has_a_number_of_its_own() {
        let asked = std::cell::RefCell::new(Vec::new());
        let noise = |i: usize| {
            asked.borrow_mut().push(i);
            (i as f32 + 1.0).sin()
        };
        let frame = orthonormal_columns(4, 3, noise);
        asked.borrow_mut().sort_unstable();
        assert_eq!(asked.into_inner(), (0..12).collect::<Vec<_>>());
        // The first column is that of the numbers, of length 1: R's diagonal is positive.
        let first: Vec<f64> = (0..4).map(|row| f64::from((3.0 * row as f32 + 1.0).sin())).collect();
        let length = first.iter().map(|x| x * x).sum::<f64>().sqrt();
        for (row, x) in first.into_iter().enumerate() {
            assert!((frame[(row, 0)] - x / length).abs() < 1e-6, "{frame}");
        }
        // What is added to the base is the matrix, not its negative.
        let init = Init { base: Base::Zero, noise: Noise::Uniform, gain: Gain::Orthogonal };
        let amounts = Amounts { scale_hidden: 1.0, ..AMOUNTS };
        let drawn = drawn(init, amounts);
        let matrix = orthogonal(4, 3, |i| {
            let words = philox::words(amounts.master, amounts.seed, Stream::Noise, i as u32);
            normal(words[0], words[1])
        });
        assert_eq!(drawn[..12], matrix);
    }

    #[test]
    fn cosines_are_accurate_to_an_ulp() {
        let mut worst = 0.0f64;
        for i in 0..200_000u32 {
            let word = i.wrapping_mul(0x9E37_79B9);
            let exact = (std::f64::consts::TAU * f64::from(word) / 4_294_967_296.0).cos();
            worst = worst.max((f64::from(cos_turn(word)) - exact).abs());
        }
        assert!(worst < 1.2e-7, "{worst}");
    }

    #[test]
    fn orthogonal_matrices_are() {
        let init = Init { base: Base::Zero, noise: Noise::Uniform, gain: Gain::Orthogonal };
        let amounts = Amounts { scale_hidden: 2.0, scale_output: 3.0, ..AMOUNTS };
        let values = drawn(init, amounts);
        assert_ne!(values, drawn(init, Amounts { seed: 4, ..amounts }));
        let skip = (shape().skip_weights().unwrap(), 2, 3, 3.0);
        let layers = shape().layers();
        let layer =
            |l: usize, scale| (layers[l].weights.unwrap(), layers[l].outputs, layers[l].inputs, scale);
        for (offset, rows, columns, scale) in [layer(0, 2.0), layer(1, 2.0), layer(2, 3.0), skip] {
            let at = |r: usize, c: usize| f64::from(values[offset + r * columns + c] / scale);
            let short = rows.min(columns);
            for a in 0..short {
                for b in 0..short {
                    let dot: f64 = if rows >= columns {
                        (0..rows).map(|r| at(r, a) * at(r, b)).sum()
                    } else {
                        (0..columns).map(|c| at(a, c) * at(b, c)).sum()
                    };
                    assert!(
                        (dot - f64::from(u8::from(a == b))).abs() < 1e-6,
                        "{rows}×{columns} {a} {b} {dot}"
                    );
                }
            }
        }
    }

    #[test]
    fn given_points_are_the_base_and_missing_weights_start_at_zero() {
        let init = Init { base: Base::Constant, noise: Noise::Normal, gain: Gain::None };
        let count = shape().parameters();
        let points = Arc::new((0..2 * count).map(|p| 1.0 + p as f32).collect::<Vec<_>>());
        let mut values = Vec::new();
        let drawing = Drawing::new(init, &shape(), Some(points.clone()), false);
        drawing.draw(Amounts { point: 1, ..AMOUNTS }, &mut values);
        assert_eq!(values, points[count..]);
        let mut masked = Vec::new();
        let drawing = Drawing::new(init, &shape(), Some(points), true);
        drawing.draw(Amounts { point: 1, mask: 0.5, ..AMOUNTS }, &mut masked);
        let kept = values.iter().zip(&masked).filter(|(a, b)| a == b).count();
        assert!((count / 4..3 * count / 4 + 8).contains(&kept), "{kept} of {count}");
        for ((&value, &masked), weight) in values.iter().zip(&masked).zip(shape().is_weight()) {
            assert!(masked == value || (weight && masked == 0.0));
        }
    }

    #[test]
    fn scale_zero_is_exactly_the_base_point() {
        let init = Init { base: Base::Constant, noise: Noise::Normal, gain: Gain::He };
        for (v, weight) in drawn(init, AMOUNTS).into_iter().zip(shape().is_weight()) {
            assert_eq!(v, if weight { 0.5 } else { 0.0 });
        }
        let zero = Init { base: Base::Zero, ..init };
        assert!(drawn(zero, AMOUNTS).iter().all(|v| v.to_bits() == 0), "no negative zeros either");
    }
}
