//! How well a trained network does: on held-out samples, and as a classifier.
//!
//! Scores are of the final f32 parameters, computed in f64 by the reference's own forward pass: the same for every engine
//! that comes to the same parameters.

use crate::engine::Program;
use crate::engine::reference::Network;
use crate::task::Data;

/// The scores of one run. What its task does not have is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// The program's loss on the held-out samples; `None` also where it is beyond f64.
    pub loss_test: Option<f64>,
    /// Samples of the task that it classifies.
    pub accuracy: Option<Share>,
    /// Held-out samples that it classifies.
    pub accuracy_test: Option<Share>,
}

/// A share of some samples, as whole numbers: sums of them do not depend on an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Samples on their own class's side.
    pub correct: u32,
    /// All of them.
    pub of: u32,
}

impl Share {
    /// From 0 to 1.
    pub fn fraction(self) -> f64 {
        f64::from(self.correct) / f64::from(self.of)
    }
}

/// What classes a task's targets name.
#[derive(Clone, Debug, PartialEq)]
enum Classes {
    /// Each sample's class is the place of its 1 among the outputs; it is found where that output is strictly the largest.
    OneHot(Vec<usize>),
    /// One output, two targets: whether each sample has the larger one. It is found where the output is strictly on that
    /// side of their midpoint.
    Sides { midpoint: f64, upper: Vec<bool> },
}

impl Classes {
    /// The classes of a task, if its targets are classes: exactly one 1 a sample and else 0 throughout or −1 throughout, or
    /// exactly two values of one output.
    fn of(data: &Data) -> Option<Classes> {
        if data.outputs > 1 {
            return Classes::one_hot(data);
        }
        let low = data.y.iter().copied().reduce(f32::min)?;
        let high = data.y.iter().copied().reduce(f32::max)?;
        (low < high).then(|| Classes::sides(data, low, high)).flatten()
    }

    /// The classes of held-out samples of a task that has `self`.
    fn of_test(&self, data: &Data, trained: &Data) -> Option<Classes> {
        match self {
            Classes::OneHot(_) => Classes::one_hot(data),
            Classes::Sides { .. } => {
                let low = trained.y.iter().copied().reduce(f32::min)?;
                let high = trained.y.iter().copied().reduce(f32::max)?;
                Classes::sides(data, low, high)
            }
        }
    }

    fn one_hot(data: &Data) -> Option<Classes> {
        let other = data.y.iter().copied().find(|&y| y != 1.0)?;
        if other != 0.0 && other != -1.0 {
            return None;
        }
        let class = |row: &[f32]| {
            let class = row.iter().position(|&y| y == 1.0)?;
            let others = row.iter().enumerate().filter(|&(output, _)| output != class);
            others.map(|(_, &y)| y).all(|y| y == other).then_some(class)
        };
        data.y.chunks(data.outputs).map(class).collect::<Option<_>>().map(Classes::OneHot)
    }

    fn sides(data: &Data, low: f32, high: f32) -> Option<Classes> {
        let side = |&y: &f32| (y == low || y == high).then_some(y == high);
        let upper = data.y.iter().map(side).collect::<Option<_>>()?;
        Some(Classes::Sides { midpoint: f64::from(low) / 2.0 + f64::from(high) / 2.0, upper })
    }

    /// How many samples have their class by these outputs, shape `[output][sample]`.
    fn share(&self, outputs: &[f64]) -> Share {
        let (correct, of) = match self {
            Classes::OneHot(classes) => {
                let samples = classes.len();
                let is_found = |&(sample, &class): &(usize, &usize)| {
                    let own = outputs[class * samples + sample];
                    let others = outputs.iter().skip(sample).step_by(samples).enumerate();
                    // A NaN is larger than nothing.
                    others.filter(|&(output, _)| output != class).all(|(_, &other)| own > other)
                };
                (classes.iter().enumerate().filter(is_found).count(), samples)
            }
            Classes::Sides { midpoint, upper } => {
                let sides = outputs.iter().zip(upper);
                let found = sides.filter(|&(&o, &upper)| if upper { o > *midpoint } else { o < *midpoint });
                (found.count(), upper.len())
            }
        };
        Share { correct: correct as u32, of: of as u32 }
    }
}

/// Scores the runs of one program. Clones have room of their own.
#[derive(Clone, Debug)]
pub struct Scorer {
    /// With the task, where it has classes.
    task: Option<(Network, Classes)>,
    /// With the held-out samples, if there are any.
    test: Option<(Network, Option<Classes>)>,
    parameters: Vec<f64>,
}

impl Scorer {
    /// Whether runs of the program have scores.
    pub fn has_scores(program: &Program) -> bool {
        program.test.is_some() || Classes::of(&program.data).is_some()
    }

    /// `None` where no run of the program has a score.
    pub fn new(program: &Program) -> Option<Scorer> {
        let classes = Classes::of(&program.data);
        if classes.is_none() && program.test.is_none() {
            return None;
        }
        let network = |data: &Data| Network::new(&program.shape, data, program.loss);
        let test = program.test.as_ref().map(|test| {
            let of_test = classes.as_ref().and_then(|classes| classes.of_test(test, &program.data));
            (network(test), of_test)
        });
        let task = classes.map(|classes| (network(&program.data), classes));
        Some(Scorer { task, test, parameters: Vec::with_capacity(program.shape.parameters()) })
    }

    /// The scores of a run that ended with `parameters`, in layout order.
    pub fn score(&mut self, parameters: &[f32]) -> Score {
        // Only a no of `go_on` ends it early.
        self.score_while(parameters, || true).expect("whole passes")
    }

    /// The same, or `None` as soon as `go_on` says no: the passes of a large network take long.
    pub fn score_while(&mut self, parameters: &[f32], go_on: impl Fn() -> bool) -> Option<Score> {
        self.parameters.clear();
        self.parameters.extend(parameters.iter().map(|&p| f64::from(p)));
        let mut score = Score::default();
        if let Some((network, classes)) = &mut self.task {
            network.forward_while(&self.parameters, &go_on)?;
            score.accuracy = Some(classes.share(network.outputs()));
        }
        if let Some((network, classes)) = &mut self.test {
            let loss = network.forward_while(&self.parameters, &go_on)?.loss;
            score.loss_test = loss.is_finite().then_some(loss);
            score.accuracy_test = classes.as_ref().map(|classes| classes.share(network.outputs()));
        }
        Some(score)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::net::{Activation, Loss, Readout, Shape};
    use crate::task::{Boolean, Encoding};

    fn data(outputs: usize, y: &[f32]) -> Data {
        Data { inputs: 1, outputs, x: vec![0.0; y.len() / outputs], y: y.to_vec() }
    }

    #[test]
    fn classes_are_what_they_are_said_to_be() {
        let classes = |outputs, y: &[f32]| Classes::of(&data(outputs, y));
        assert_eq!(classes(2, &[1.0, 0.0, 0.0, 1.0]), Some(Classes::OneHot(vec![0, 1])));
        assert_eq!(classes(3, &[-1.0, 1.0, -1.0]), Some(Classes::OneHot(vec![1])));
        assert_eq!(classes(2, &[1.0, 0.0, -1.0, 1.0]), None, "two words for no");
        assert_eq!(classes(2, &[1.0, 1.0, 0.0, 1.0]), None, "two classes at once");
        assert_eq!(classes(2, &[0.0, 0.0]), None);
        assert_eq!(classes(2, &[1.0, 0.5]), None);
        let sides = Classes::Sides { midpoint: 0.5, upper: vec![false, true, true] };
        assert_eq!(classes(1, &[-1.0, 2.0, 2.0]), Some(sides));
        assert_eq!(classes(1, &[1.0, 1.0]), None, "one value");
        assert_eq!(classes(1, &[1.0, 2.0, 3.0]), None, "three values");
        let trained = data(1, &[0.0, 1.0]);
        let of_test = |y: &[f32]| Classes::of(&trained).unwrap().of_test(&data(1, y), &trained);
        assert_eq!(of_test(&[1.0]), Some(Classes::Sides { midpoint: 0.5, upper: vec![true] }));
        assert_eq!(of_test(&[0.5]), None);
    }

    #[test]
    fn ties_and_what_is_no_number_are_wrong() {
        let one_hot = Classes::OneHot(vec![0, 1, 1, 0]);
        // Outputs [output][sample].
        let share = one_hot.share(&[0.9, 0.1, 0.5, f64::NAN, 0.8, 0.2, 0.5, 0.0]);
        assert_eq!(share, Share { correct: 2, of: 4 });
        let sides = Classes::Sides { midpoint: 0.5, upper: vec![true, true, false, false] };
        assert_eq!(sides.share(&[0.5 + 1e-12, 0.5, 0.5, f64::NAN]), Share { correct: 1, of: 4 });
        assert_eq!(Share { correct: 1, of: 4 }.fraction(), 0.25);
    }

    fn program(data: Data, test: Option<Data>) -> Program {
        let shape = Shape {
            inputs: data.inputs,
            hidden: Vec::new(),
            outputs: data.outputs,
            activation: Activation::Tanh,
            output: Activation::Linear,
            readout: Readout::Trained,
            bias: true,
            skip: false,
        };
        let mut program = Program::new(shape, Arc::new(data));
        program.test = test.map(Arc::new);
        program
    }

    #[test]
    fn a_linear_unit_on_and() {
        let and = Data::boolean(Boolean::And, 2, Encoding::ZeroOne, Encoding::ZeroOne);
        // o = x1 + x2 − 0.9: −0.9, 0.1, 0.1, 1.1; AND is found. On OR it is wrong where one input is true.
        let or = Data::boolean(Boolean::Or, 2, Encoding::ZeroOne, Encoding::ZeroOne);
        let mut scorer = Scorer::new(&program(and.clone(), Some(or))).unwrap();
        let score = scorer.score(&[1.0, 1.0, -0.9]);
        assert_eq!(score.accuracy, Some(Share { correct: 4, of: 4 }));
        assert_eq!(score.accuracy_test, Some(Share { correct: 2, of: 4 }));
        let loss = (0.9f64.powi(2) + 2.0 * 0.9f64.powi(2) + 0.1f64.powi(2)) / 4.0;
        assert!((score.loss_test.unwrap() - loss).abs() < 1e-6, "{score:?}");
        // Room that was used before changes nothing.
        assert_ne!(scorer.score(&[-1.0, 1.0, 0.0]), score);
        assert_eq!(scorer.score(&[1.0, 1.0, -0.9]), score);
        assert_eq!(scorer.score(&[1e30, 1e30, 1e30]).loss_test.map(f64::is_finite), Some(true));
        let alone = Scorer::new(&program(and, None)).unwrap().score(&[0.0; 3]);
        assert_eq!((alone.loss_test, alone.accuracy_test), (None, None));
        assert_eq!(alone.accuracy, Some(Share { correct: 3, of: 4 }), "all on the lower side");
    }

    #[test]
    fn values_have_no_accuracy_but_a_loss() {
        let data = |seed| Data::random(5, 2, 3, seed);
        assert!(Scorer::new(&program(data(0), None)).is_none());
        let mut program = program(data(0), Some(data(1)));
        program.loss = Loss::HalfSse;
        let score = Scorer::new(&program).unwrap().score(&[0.0; 9]);
        let expected = data(1).y.iter().map(|&y| f64::from(y).powi(2)).sum::<f64>() / 2.0;
        assert_eq!((score.accuracy, score.accuracy_test), (None, None));
        assert!((score.loss_test.unwrap() - expected).abs() < 1e-9);
    }
}
