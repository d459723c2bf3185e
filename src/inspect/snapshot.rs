//! Everything about a network at one step.

use serde::Serialize;

use super::hessian::{self, MAX_PARAMETERS};
use crate::engine::reference::Network;
use crate::engine::{DIVERGED, Program, Run};
use crate::measure::symmetry::{LayerSpread, classify};
use crate::net::noise::is_missing;

/// A network after `step` updates, over the whole task without noise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    /// Updates applied.
    pub step: u32,
    /// Without weight decay.
    pub loss: f64,
    /// Largest |output − target|.
    pub error: f64,
    /// L2 over all parameters that are there.
    pub gradient_norm: f64,
    /// Of the whole network; `None` of a diverged one.
    pub symmetry: Option<&'static str>,
    /// Of the layer with the smallest: its largest distance of a pair of units.
    pub spread: Option<f64>,
    /// Of that layer: its smallest distance of a pair.
    pub gap: Option<f64>,
    /// Of that layer: groups of units linked by distances at or under the tolerance.
    pub distinct_units: Option<u32>,
    /// The hidden layers, first to last.
    pub layers: Vec<LayerState>,
    /// By group of parameters, in layout order, what has moved.
    pub moved: Vec<Moved>,
    /// In layout order.
    pub parameters: Vec<Parameter>,
    /// Layer by layer.
    pub units: Vec<Unit>,
    /// In the order of the task.
    pub samples: Vec<Sample>,
    /// What first and second derivatives say.
    pub point: Option<Point>,
    /// Why there is no point.
    pub point_missing: Option<String>,
}

/// A hidden layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerState {
    /// `hidden1`
    pub name: String,
    /// Its units.
    pub width: usize,
    /// Largest distance of a pair; `None` of a single unit or a diverged network.
    pub spread: Option<f64>,
    /// Smallest distance of a pair.
    pub gap: Option<f64>,
    /// Groups of units linked by distances at or under the tolerance.
    pub distinct_units: Option<u32>,
    /// Whether all its units have the same weights in and out, bias and activations, bit for bit.
    pub exact_copies: bool,
}

/// What has moved of the weights or the biases of a layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moved {
    /// `hidden1.weight`, `output.bias`, `skip`
    pub name: String,
    /// Parameters whose bits are not those of step 0.
    pub moved: usize,
    /// Parameters in all.
    pub of: usize,
    /// First step after which one of them was not what it was at step 0.
    pub first_moved_step: Option<u32>,
    /// Whether they are all the same, bit for bit.
    pub all_equal: bool,
}

/// One parameter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Parameter {
    /// `hidden1.weight[0][1]`: to unit 0, from unit or input 1
    pub name: String,
    /// Its value.
    pub value: f64,
    /// ∂loss/∂value, over the whole task, without weight decay; 0 for a missing connection.
    pub gradient: f64,
    /// Whether its bits are not those of step 0.
    pub moved: bool,
    /// First step after which they were not.
    pub first_moved_step: Option<u32>,
    /// A connection that is not there (`noise.mask`).
    pub missing: bool,
}

/// One hidden unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unit {
    /// `hidden1`
    pub layer: String,
    /// Its number within the layer.
    pub unit: usize,
    /// Weights in.
    pub incoming: Vec<f64>,
    /// Its bias, where the net has biases.
    pub bias: Option<f64>,
    /// Weights out; those of a fixed readout are 1.
    pub outgoing: Vec<f64>,
    /// One a sample.
    pub activations: Vec<f64>,
    /// Units of a layer with the same number are linked by distances at or under the tolerance: copies, as measured.
    pub group: usize,
    /// The first unit of the layer before it with the same weights in and out, bias and activations, bit for bit.
    pub same_as: Option<usize>,
}

/// One sample of the task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// Numbers in.
    pub inputs: Vec<f64>,
    /// Wanted.
    pub targets: Vec<f64>,
    /// Found.
    pub outputs: Vec<f64>,
}

/// What first and second derivatives say: see [`hessian::Point`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// `none`, `minimum`, `strict saddle` or `degenerate`
    pub kind: &'static str,
    /// The largest gradient norm of a stationary point here.
    pub stationary_within: f64,
    /// Ascending.
    pub eigenvalues: Vec<f64>,
    /// An eigenvalue within this of 0 counts as zero.
    pub zero_within: f64,
    /// How many are under −`zero_within`.
    pub negative: usize,
    /// How many are zero.
    pub zero: usize,
    /// How many are over `zero_within`.
    pub positive: usize,
    /// A unit eigenvector of the lowest eigenvalue, in layout order.
    pub lowest_direction: Vec<f64>,
    /// How often a unit stands at a kink of its activation function: there derivatives are those of one side.
    pub kinks_hit: usize,
}

impl Snapshot {
    /// Of the network with `parameters` after `step` updates from `initial`; `first_moved` says when each first was another.
    pub(super) fn of(
        program: &Program,
        run: &Run,
        step: u32,
        initial: &[f64],
        parameters: &[f64],
        first_moved: &[Option<u32>],
    ) -> Snapshot {
        let shape = &program.shape;
        let mut network = Network::new(shape, &program.data, program.loss);
        let outputs = network.forward(parameters);
        network.backward(parameters);
        let is_weight = shape.is_weight();
        let missing: Vec<bool> = (0..parameters.len())
            .map(|p| {
                program.noise.mask
                    && is_weight[p]
                    && is_missing(run.master, run.seed, p as u32, run.mask as f32)
            })
            .collect();
        let names = shape.parameter_names();
        let parameter = |(p, name): (usize, String)| Parameter {
            name,
            value: parameters[p],
            gradient: if missing[p] { 0.0 } else { network.gradient()[p] },
            moved: parameters[p].to_bits() != initial[p].to_bits(),
            first_moved_step: first_moved[p],
            missing: missing[p],
        };
        let states: Vec<Parameter> = names.into_iter().enumerate().map(parameter).collect();
        let diverged = |x: f64| x.is_nan() || x.abs() > DIVERGED;
        let finite = !diverged(outputs.loss) && !parameters.iter().any(|&p| diverged(p));
        let tolerance = run.symmetry_tolerance;
        let units = units(program, &network, parameters, tolerance);
        let spreads: Vec<Option<LayerSpread>> = (shape.hidden.iter().enumerate())
            .map(|(l, &width)| {
                (finite && width >= 2).then(|| LayerSpread::of(network.hidden(l), width, tolerance))
            })
            .collect();
        let whole: Vec<LayerSpread> = spreads.iter().flatten().copied().collect();
        let (symmetry, tightest) = classify(&whole, tolerance);
        let layers = shape.hidden.iter().zip(&spreads).enumerate().map(|(l, (&width, spread))| {
            let name = format!("hidden{}", l + 1);
            let exact_copies =
                units.iter().all(|unit| unit.layer != name || unit.unit == 0 || unit.same_as == Some(0));
            LayerState {
                width,
                spread: spread.map(|layer| layer.spread),
                gap: spread.map(|layer| layer.gap),
                distinct_units: spread.map(|layer| layer.distinct),
                exact_copies,
                name,
            }
        });
        let (point, point_missing) = point(program, parameters, &missing);
        Snapshot {
            step,
            loss: outputs.loss,
            error: outputs.error,
            gradient_norm: states.iter().map(|p| p.gradient * p.gradient).sum::<f64>().sqrt(),
            symmetry: finite.then(|| symmetry.word()),
            spread: tightest.map(|units| units.spread),
            gap: tightest.map(|units| units.gap),
            distinct_units: tightest.map(|units| units.distinct),
            layers: layers.collect(),
            moved: moved(&states),
            parameters: states,
            samples: samples(program, &network),
            units,
            point,
            point_missing,
        }
    }
}

/// Groups are named by what stands before the first bracket; each lies in one stretch.
fn moved(parameters: &[Parameter]) -> Vec<Moved> {
    let group = |parameter: &Parameter| parameter.name.split('[').next().unwrap_or_default().to_string();
    let stretches = parameters.chunk_by(|a, b| group(a) == group(b));
    stretches
        .map(|stretch| Moved {
            name: group(&stretch[0]),
            moved: stretch.iter().filter(|parameter| parameter.moved).count(),
            of: stretch.len(),
            first_moved_step: stretch.iter().filter_map(|parameter| parameter.first_moved_step).min(),
            all_equal: stretch.iter().all(|other| other.value.to_bits() == stretch[0].value.to_bits()),
        })
        .collect()
}

fn units(program: &Program, network: &Network, parameters: &[f64], tolerance: f64) -> Vec<Unit> {
    let layers = program.shape.layers();
    let samples = program.data.samples();
    let mut all: Vec<Unit> = Vec::new();
    for (l, pair) in layers.windows(2).enumerate() {
        let (layer, next) = (&pair[0], &pair[1]);
        let h = network.hidden(l);
        let groups = groups(h, layer.outputs, tolerance);
        let first = all.len();
        for (u, &group) in groups.iter().enumerate() {
            let row = |w: usize| parameters[w + u * layer.inputs..w + (u + 1) * layer.inputs].to_vec();
            let out = |o: usize| next.weights.map_or(1.0, |w| parameters[w + o * next.inputs + u]);
            let mut unit = Unit {
                layer: format!("hidden{}", l + 1),
                unit: u,
                incoming: layer.weights.map_or_else(Vec::new, row),
                bias: layer.biases.map(|b| parameters[b + u]),
                outgoing: (0..next.outputs).map(out).collect(),
                activations: h[u * samples..(u + 1) * samples].to_vec(),
                group,
                same_as: None,
            };
            unit.same_as = all[first..].iter().position(|other| same(other, &unit));
            all.push(unit);
        }
    }
    all
}

/// Whether two units of a layer are the same, bit for bit.
fn same(a: &Unit, b: &Unit) -> bool {
    fn bits(unit: &Unit) -> impl Iterator<Item = u64> {
        let all = unit.incoming.iter().chain(&unit.bias).chain(&unit.outgoing).chain(&unit.activations);
        all.map(|x| x.to_bits())
    }
    bits(a).eq(bits(b))
}

/// By unit, the number of its group: units linked by distances at or under the tolerance, numbered as they come.
fn groups(h: &[f64], width: usize, tolerance: f64) -> Vec<usize> {
    let samples = h.len() / width;
    let unit = |u: usize| &h[u * samples..(u + 1) * samples];
    let largest = h.iter().fold(1.0, |m: f64, h| m.max(h.abs()));
    let distance = |a: usize, b: usize| {
        unit(a).iter().zip(unit(b)).fold(0.0f64, |d, (a, b)| d.max((a - b).abs())) / largest
    };
    let mut group = vec![usize::MAX; width];
    let mut count = 0;
    for start in 0..width {
        if group[start] != usize::MAX {
            continue;
        }
        let mut linked = vec![start];
        group[start] = count;
        while let Some(at) = linked.pop() {
            for (other, group) in group.iter_mut().enumerate() {
                if *group == usize::MAX && distance(at, other) <= tolerance {
                    *group = count;
                    linked.push(other);
                }
            }
        }
        count += 1;
    }
    group
}

fn samples(program: &Program, network: &Network) -> Vec<Sample> {
    let data = &program.data;
    let count = data.samples();
    let numbers = |of: &[f32], width: usize, s: usize| {
        of[s * width..(s + 1) * width].iter().map(|&x| f64::from(x)).collect()
    };
    let sample = |s: usize| Sample {
        inputs: numbers(&data.x, data.inputs, s),
        targets: numbers(&data.y, data.outputs, s),
        outputs: (0..data.outputs).map(|o| network.outputs()[o * count + s]).collect(),
    };
    (0..count).map(sample).collect()
}

fn point(program: &Program, parameters: &[f64], missing: &[bool]) -> (Option<Point>, Option<String>) {
    if parameters.len() > MAX_PARAMETERS {
        let why = format!(
            "{} parameters are more than the {MAX_PARAMETERS} of which eigenvalues take seconds",
            parameters.len()
        );
        return (None, Some(why));
    }
    let found = hessian::classify_masked(&program.shape, &program.data, program.loss, parameters, missing);
    let Some(found) = found else {
        return (None, Some("the loss or a derivative of it is not finite".to_string()));
    };
    let [negative, zero, positive] = found.signs();
    let point = Point {
        kind: found.kind.word(),
        stationary_within: found.tolerance,
        eigenvalues: found.eigenvalues,
        zero_within: found.zero,
        negative,
        zero,
        positive,
        lowest_direction: found.lowest,
        kinks_hit: found.kinks_hit,
    };
    (Some(point), None)
}

#[cfg(test)]
mod tests {
    use super::groups;
    use crate::measure::symmetry::LayerSpread;
    use crate::net::init::uniform;
    use crate::net::philox::{Stream, words};

    #[test]
    fn there_are_as_many_groups_as_the_measure_counts() {
        for seed in 0..200 {
            let h: Vec<f64> =
                (0..18).map(|i| f64::from(uniform(words(1, seed, Stream::Noise, i)[0]))).collect();
            for tolerance in [0.0, 0.2, 0.5, 1.0] {
                let distinct = LayerSpread::of(&h, 6, tolerance).distinct;
                assert_eq!(groups(&h, 6, tolerance).iter().max(), Some(&(distinct as usize - 1)));
            }
        }
        // Neighbours are linked, the ends through them; the third is another.
        assert_eq!(groups(&[0.0, 0.16, 0.9, 0.08], 4, 0.1), [0, 0, 1, 0]);
    }
}
