//! Claims about what parts equal units.

use super::judges;
use super::{Claim, Experiment, Statement};

/// Claim 12.
pub static PERTURBATION: Claim = Claim {
    number: 12,
    text: "A small perturbation is enough",
    statements: &[
        Statement {
            text: "XOR: most runs break and are solved, at scale 1 from zero",
            given: &[("the start", "scale 1 from zero")],
            specs: &[&FROM_ZERO],
            cells: &[("init.scale", &["1.0"])],
            judge: judges::most_break_and_are_solved,
        },
        Statement {
            text: "XOR: most runs break and are solved, at scale 1e-2 from copies",
            given: &[("the start", "scale 1e-2 from copies")],
            specs: &[&FROM_COPIES],
            cells: &[("init.scale", &["0.01"])],
            judge: judges::most_break_and_are_solved,
        },
        Statement {
            text: "XOR: most runs break and are solved, at scale 1e-6 from copies",
            given: &[("the start", "scale 1e-6 from copies")],
            specs: &[&FROM_COPIES],
            cells: &[("init.scale", &["1e-6"])],
            judge: judges::most_break_and_are_solved,
        },
        Statement {
            text: "XOR: most runs break and are solved, at scale 1e-3 from zero, within the default 10,000 steps",
            given: &[("the start", "scale 1e-3 from zero")],
            specs: &[&FROM_ZERO],
            cells: &[("init.scale", &["0.001"])],
            judge: judges::most_break_and_are_solved,
        },
    ],
};

/// XOR from zero plus noise.
pub static FROM_ZERO: Experiment = Experiment {
    name: "claim-xor-from-zero",
    traced: false,
    text: r#"
[task]
dataset = "xor"

[net]
hidden = [2]

[init]
base = "zero"

[train]
steps = 10000

[sweep]
"init.scale" = "1e-3,1"
"#,
};

static FROM_COPIES: Experiment = Experiment {
    name: "claim-xor-from-copies",
    traced: false,
    text: r#"
[task]
dataset = "xor"

[net]
hidden = [2]

[init]
base = "copies"

[train]
steps = 10000

[sweep]
"init.scale" = "1e-6,1e-2"
"#,
};

/// Claim 13.
pub static OTHER_MEANS: Claim = Claim {
    number: 13,
    text: "What else breaks the symmetry (nobody said it)",
    statements: &[
        Statement {
            text: "from copies at scale 0, the units of most runs part by dropout of every second unit",
            given: &[("what is added", "dropout")],
            specs: &[&DROPOUT],
            cells: &[],
            judge: judges::most_part,
        },
        Statement {
            text: "from copies at scale 0, the units of most runs part by gradient noise of 0.01",
            given: &[("what is added", "gradient noise")],
            specs: &[&GRADIENT_NOISE],
            cells: &[],
            judge: judges::most_part,
        },
        Statement {
            text: "from copies at scale 0, the units of most runs part by random missing connections, every second one",
            given: &[("what is added", "random missing connections")],
            specs: &[&MISSING_CONNECTIONS],
            cells: &[],
            judge: judges::most_part,
        },
        Statement {
            text: "from copies at scale 0, the units of most runs part by the order of the data, sample by sample",
            given: &[("what is added", "data order")],
            specs: &[&DATA_ORDER],
            cells: &[],
            judge: judges::most_part,
        },
        Statement {
            text: "from copies at scale 0, the units of most runs part by momentum",
            given: &[("what is added", "momentum")],
            specs: &[&OPTIMIZERS],
            cells: &[("train.optimizer", &["momentum"])],
            judge: judges::most_part,
        },
        Statement {
            text: "from copies at scale 0, the units of most runs part by Adam",
            given: &[("what is added", "Adam")],
            specs: &[&OPTIMIZERS],
            cells: &[("train.optimizer", &["adam"])],
            judge: judges::most_part,
        },
    ],
};

static DROPOUT: Experiment = Experiment {
    name: "claim-copies-dropout",
    traced: true,
    text: r#"
[task]
dataset = "xor"

[net]
hidden = [2]

[init]
base = "copies"
scale = 0.0

[noise]
dropout = 0.5

[runs]
seeds = 100
"#,
};

static GRADIENT_NOISE: Experiment = Experiment {
    name: "claim-copies-gradient-noise",
    traced: true,
    text: r#"
[task]
dataset = "xor"

[net]
hidden = [2]

[init]
base = "copies"
scale = 0.0

[noise]
gradient = 0.01

[runs]
seeds = 100
"#,
};

static MISSING_CONNECTIONS: Experiment = Experiment {
    name: "claim-copies-missing-connections",
    traced: true,
    text: r#"
[task]
dataset = "xor"

[net]
hidden = [2]

[init]
base = "copies"
scale = 0.0

[noise]
mask = 0.5

[runs]
seeds = 100
"#,
};

static DATA_ORDER: Experiment = Experiment {
    name: "claim-copies-data-order",
    traced: true,
    text: r#"
[task]
dataset = "xor"

[net]
hidden = [2]

[init]
base = "copies"
scale = 0.0

[train]
batch = 1

[runs]
seeds = 100
"#,
};

static OPTIMIZERS: Experiment = Experiment {
    name: "claim-copies-optimizers",
    traced: true,
    text: r#"
[task]
dataset = "xor"

[net]
hidden = [2]

[init]
base = "copies"
scale = 0.0

[train]
lr = 0.1

[sweep]
"train.optimizer" = "momentum,adam"

[runs]
seeds = 100
"#,
};

/// Claim 14.
pub static RANDOM_BIASES: Claim = Claim {
    number: 14,
    text: "Zero weights with random biases also work (nobody said it)",
    statements: &[
        Statement {
            text: "XOR is solved by some runs from zero weights with biases of scale 1",
            given: &[("what is asked", "XOR at bias scale 1")],
            specs: &[&BIASES],
            cells: &[("init.bias_scale", &["1.0"])],
            judge: judges::some_solved,
        },
        Statement {
            text: "XOR is solved by some runs from zero weights with biases of scale 0.1",
            given: &[("what is asked", "XOR at bias scale 0.1")],
            specs: &[&BIASES],
            cells: &[("init.bias_scale", &["0.1"])],
            judge: judges::some_solved,
        },
        Statement {
            text: "weights start to move from the output layer downwards, one layer a step",
            given: &[("what is asked", "the first steps")],
            specs: &[&BIASES_FIRST_STEPS],
            cells: &[],
            judge: judges::layers_start_from_the_output_down,
        },
    ],
};

static BIASES: Experiment = Experiment {
    name: "claim-random-biases",
    traced: false,
    text: r#"
[task]
dataset = "xor"

[net]
hidden = [2]

[init]
base = "zero"
scale = 0.0

[train]
steps = 10000

[sweep]
"init.bias_scale" = "1,0.1"
"#,
};

static BIASES_FIRST_STEPS: Experiment = Experiment {
    name: "claim-random-biases-first-steps",
    traced: false,
    text: r#"
[task]
dataset = "xor"

[init]
base = "zero"
scale = 0.0
bias_scale = 1.0

[sweep]
"net.hidden" = "2,2x2,2x2x2"
"train.steps" = "1,2,3,4"

[runs]
seeds = 20
"#,
};
