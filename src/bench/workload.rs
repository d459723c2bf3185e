//! What is timed: networks and tasks, each a spec like any other. Settings are such that nothing diverges, for a run
//! that has diverged rests and takes no more time.

use crate::spec::{self, Overrides, Plan, SpecError};

/// A network with its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Widths, such as `2-8-1`.
    pub shape: &'static str,
    /// The task, in words.
    pub task: &'static str,
    spec: &'static str,
}

/// The workloads, smallest network first.
pub const WORKLOADS: &[Workload] = &[
    Workload {
        shape: "2-2-1",
        task: "xor, logistic",
        spec: "[task]\ndataset = \"xor\"\n[net]\nhidden = [2]\n",
    },
    Workload {
        shape: "2-8-1",
        task: "xor, logistic",
        spec: "[task]\ndataset = \"xor\"\n[net]\nhidden = [8]\n",
    },
    Workload {
        shape: "2-32-1",
        task: "xor, logistic",
        spec: "[task]\ndataset = \"xor\"\n[net]\nhidden = [32]\n",
    },
    Workload {
        shape: "2-16-16-1",
        task: "xor, tanh",
        spec: "[task]\ndataset = \"xor\"\n[net]\nhidden = [16, 16]\nactivation = \"tanh\"\n",
    },
    Workload {
        shape: "4-16-1",
        task: "parity of 4 bits, tanh",
        spec: "[task]\ndataset = \"parity\"\nbits = 4\n[net]\nhidden = [16]\nactivation = \"tanh\"\n",
    },
    // The net of Sohl-Dickstein (arXiv 2402.06184): as many samples as parameters, no biases, a linear output.
    Workload {
        shape: "16-16-1",
        task: "272 random samples, tanh, linear output, no biases",
        spec: "[task]\ndataset = \"random\"\n[net]\nhidden = [16]\nactivation = \"tanh\"\noutput = \"linear\"\n\
            bias = false\n[init]\nnoise = \"normal\"\ngain = \"lecun\"\n[train]\nlr = 0.05\n",
    },
];

impl Workload {
    /// Its plan: one cell of `networks` runs.
    ///
    /// # Errors
    /// Numbers that no spec takes.
    pub fn plan(&self, networks: u64, steps: u32) -> Result<Plan, SpecError> {
        let overrides = Overrides {
            set: vec![format!("train.steps={steps}")],
            seeds: Some(networks),
            ..Overrides::default()
        };
        spec::parse(self.spec, "bench.toml", &overrides).map(|(plan, _)| plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::cpu::CpuEngine;
    use crate::engine::{Batch, Engine, Start};
    use crate::verify::unwatched;

    #[test]
    fn specs_are_valid_without_a_warning_and_have_the_shape_they_are_called() {
        for workload in WORKLOADS {
            let (plan, warnings) = spec::parse(workload.spec, "bench.toml", &Overrides::default()).unwrap();
            assert_eq!(warnings, [], "{}", workload.shape);
            assert_eq!(plan.programs[0].shape.to_string(), workload.shape);
            let plan = workload.plan(5, 7).unwrap();
            assert_eq!((plan.runs(), plan.programs.len(), plan.programs[0].steps), (5, 1, 7));
        }
        let last = WORKLOADS[WORKLOADS.len() - 1].plan(1, 1).unwrap();
        assert_eq!((last.programs[0].data.samples(), last.programs[0].shape.parameters()), (272, 272));
    }

    #[test]
    fn nothing_diverges() {
        let mut engine = CpuEngine::new(Some(2)).unwrap();
        for workload in WORKLOADS {
            let plan = workload.plan(64, 1000).unwrap();
            let runs: Vec<_> = (0..64).map(|number| plan.run(number)).collect();
            let start = Start::Drawn;
            let batch = Batch { program: &plan.programs[0], runs: &runs, start, keep_parameters: false };
            let trained = engine.train(&batch, &unwatched()).unwrap();
            assert!(trained.runs.iter().all(|run| run.diverge_step.is_none()), "{}", workload.shape);
            assert!(trained.runs.iter().all(|run| run.last.loss < run.initial.loss), "{}", workload.shape);
        }
    }
}
