//! The shape of a network and the layout of its parameters.
//!
//! Parameters lie in one flat array: per layer the weights `[out][in]` row by row, then the biases `[out]`; the
//! skip weights `[output][input]` last. A fixed readout has no parameters.

use super::{Activation, words};

words! {
    /// What the output layer's weights are.
    Readout {
        /// Ordinary weights and a bias.
        Trained = "trained",
        /// Fixed at 1, no output bias: a committee machine.
        Sum = "sum",
    }
}

/// Everything about a network that decides how many parameters it has and what they do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Width of the input.
    pub inputs: usize,
    /// Widths of the hidden layers, first to last.
    pub hidden: Vec<usize>,
    /// Width of the output.
    pub outputs: usize,
    /// φ of the hidden units.
    pub activation: Activation,
    /// φ of the output units.
    pub output: Activation,
    /// Trained output weights, or all fixed at 1.
    pub readout: Readout,
    /// Whether layers have biases (a fixed readout never has).
    pub bias: bool,
    /// Whether the inputs also feed the outputs directly.
    pub skip: bool,
}

/// One layer of weights and where its parameters lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Units that feed this layer.
    pub inputs: usize,
    /// Units of this layer.
    pub outputs: usize,
    /// φ of this layer.
    pub activation: Activation,
    /// Offset of the weights `[outputs][inputs]`; `None` where all are fixed at 1.
    pub weights: Option<usize>,
    /// Offset of the biases `[outputs]`; `None` without biases.
    pub biases: Option<usize>,
}

impl Shape {
    /// The layers, first hidden to output; the last one is the output layer.
    pub fn layers(&self) -> Vec<Layer> {
        let mut layers = Vec::with_capacity(self.hidden.len() + 1);
        let (mut inputs, mut offset) = (self.inputs, 0);
        for &width in &self.hidden {
            let weights = offset;
            offset += width * inputs;
            let biases = self.bias.then_some(offset);
            offset += if self.bias { width } else { 0 };
            layers.push(Layer {
                inputs,
                outputs: width,
                activation: self.activation,
                weights: Some(weights),
                biases,
            });
            inputs = width;
        }
        let trained = self.readout == Readout::Trained;
        let weights = trained.then_some(offset);
        offset += if trained { self.outputs * inputs } else { 0 };
        let biases = (trained && self.bias).then_some(offset);
        layers.push(Layer { inputs, outputs: self.outputs, activation: self.output, weights, biases });
        layers
    }

    /// Offset of the skip weights `[outputs][inputs]`, if there are any.
    pub fn skip_weights(&self) -> Option<usize> {
        self.skip.then(|| self.parameters() - self.outputs * self.inputs)
    }

    /// Number of trained parameters.
    pub fn parameters(&self) -> usize {
        let skip = if self.skip { self.outputs * self.inputs } else { 0 };
        self.layers()
            .iter()
            .map(|layer| {
                layer.weights.map_or(0, |_| layer.outputs * layer.inputs)
                    + layer.biases.map_or(0, |_| layer.outputs)
            })
            .sum::<usize>()
            + skip
    }

    /// Which parameters are weights (the rest are biases), in layout order.
    pub fn is_weight(&self) -> Vec<bool> {
        let mut weight = vec![true; self.parameters()];
        for layer in self.layers() {
            if let Some(b) = layer.biases {
                weight[b..b + layer.outputs].fill(false);
            }
        }
        weight
    }

    /// Which parameters feed the output (the rest feed hidden units), in layout order. Skip weights do.
    pub fn feeds_output(&self) -> Vec<bool> {
        let mut output = vec![true; self.parameters()];
        let layers = self.layers();
        for layer in &layers[..layers.len() - 1] {
            if let Some(w) = layer.weights {
                output[w..w + layer.outputs * layer.inputs].fill(false);
            }
            if let Some(b) = layer.biases {
                output[b..b + layer.outputs].fill(false);
            }
        }
        output
    }

    /// The name of every parameter, in layout order: `hidden1.weight[0][1]`, `output.bias[0]`, `skip[0][1]`.
    pub fn parameter_names(&self) -> Vec<String> {
        let mut names = Vec::with_capacity(self.parameters());
        let layers = self.layers();
        for (l, layer) in layers.iter().enumerate() {
            let name = if l + 1 == layers.len() { "output".to_string() } else { format!("hidden{}", l + 1) };
            if layer.weights.is_some() {
                for u in 0..layer.outputs {
                    names.extend((0..layer.inputs).map(|i| format!("{name}.weight[{u}][{i}]")));
                }
            }
            if layer.biases.is_some() {
                names.extend((0..layer.outputs).map(|u| format!("{name}.bias[{u}]")));
            }
        }
        if self.skip {
            for o in 0..self.outputs {
                names.extend((0..self.inputs).map(|i| format!("skip[{o}][{i}]")));
            }
        }
        names
    }
}

/// `2-8x8-1`: inputs, hidden widths, outputs.
impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.inputs)?;
        for width in &self.hidden {
            write!(f, "-{width}")?;
        }
        write!(f, "-{}", self.outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(hidden: &[usize]) -> Shape {
        Shape {
            inputs: 2,
            hidden: hidden.to_vec(),
            outputs: 1,
            activation: Activation::Tanh,
            output: Activation::Logistic,
            readout: Readout::Trained,
            bias: true,
            skip: false,
        }
    }

    #[test]
    fn the_classic_xor_net_has_nine_parameters() {
        let names = shape(&[2]).parameter_names();
        assert_eq!(shape(&[2]).parameters(), 9);
        assert_eq!(names[0], "hidden1.weight[0][0]");
        assert_eq!(names[4], "hidden1.bias[0]");
        assert_eq!(names[6], "output.weight[0][0]");
        assert_eq!(names[8], "output.bias[0]");
    }

    #[test]
    fn names_weights_and_offsets_agree_on_every_kind_of_shape() {
        for hidden in [&[][..], &[3], &[2, 4], &[1, 1, 1]] {
            for (bias, skip, sum) in
                (0..8).map(|bits: u32| (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0 && !hidden.is_empty()))
            {
                let readout = if sum { Readout::Sum } else { Readout::Trained };
                let shape = Shape { bias, skip, readout, ..shape(hidden) };
                let names = shape.parameter_names();
                assert_eq!(names.len(), shape.parameters());
                for (name, weight) in names.iter().zip(shape.is_weight()) {
                    assert_eq!(name.contains("bias"), !weight, "{name}");
                }
                for (name, output) in names.iter().zip(shape.feeds_output()) {
                    assert_eq!(name.starts_with("hidden"), !output, "{name}");
                }
                if let Some(s) = shape.skip_weights() {
                    assert_eq!(names[s], "skip[0][0]");
                }
                for layer in shape.layers() {
                    if let Some(w) = layer.weights {
                        assert!(names[w].ends_with("weight[0][0]"));
                    }
                    if let Some(b) = layer.biases {
                        assert!(names[b].ends_with("bias[0]"));
                    }
                }
            }
        }
    }
}
