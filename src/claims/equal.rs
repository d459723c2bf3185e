//! Claims about units that start equal.

use super::judges;
use super::{Claim, Experiment, Statement};

/// Claim 2.
pub static SAME_FOR_EVER: Claim = Claim {
    number: 2,
    text: "Equal weights: all units follow the same gradient and do the same thing for ever",
    statements: &[
        Statement {
            text: "from constant weights, on AND, spread is exactly 0 at every measured step while parameters move",
            given: &[("the start", "constant"), ("the task", "AND")],
            specs: EVERY_KIND,
            cells: &[("init.base", &["constant"]), ("task.dataset", &["and"])],
            judge: judges::copies_stay_while_parameters_move,
        },
        Statement {
            text: "from constant weights, on XOR, spread is exactly 0 at every measured step while parameters move",
            given: &[("the start", "constant"), ("the task", "XOR")],
            specs: EVERY_KIND,
            cells: &[("init.base", &["constant"]), ("task.dataset", &["xor"])],
            judge: judges::copies_stay_while_parameters_move,
        },
        Statement {
            text: "from copies, on AND, spread is exactly 0 at every measured step while parameters move",
            given: &[("the start", "copies"), ("the task", "AND")],
            specs: EVERY_KIND,
            cells: &[("init.base", &["copies"]), ("task.dataset", &["and"])],
            judge: judges::copies_stay_while_parameters_move,
        },
        Statement {
            text: "from copies, on XOR, spread is exactly 0 at every measured step while parameters move",
            given: &[("the start", "copies"), ("the task", "XOR")],
            specs: EVERY_KIND,
            cells: &[("init.base", &["copies"]), ("task.dataset", &["xor"])],
            judge: judges::copies_stay_while_parameters_move,
        },
    ],
};

/// Equal units over activations, losses, optimizers and depths.
static EVERY_KIND: &[&Experiment] = &[&EVERY_ACTIVATION, &EVERY_OPTIMIZER, &EVERY_LOSS, &EVERY_DEPTH];

static EVERY_ACTIVATION: Experiment = Experiment {
    name: "claim-equal-activations",
    traced: true,
    text: r#"
[task]
dataset = "xor"

[net]
hidden = [2]

[init]
scale = 0.0

[sweep]
"init.base" = "constant,copies"
"task.dataset" = "and,xor"
"net.activation" = "logistic,tanh,relu,leaky-relu,elu,softplus,gelu,silu,erf,sin,abs,linear"

[runs]
seeds = 10
"#,
};

static EVERY_OPTIMIZER: Experiment = Experiment {
    name: "claim-equal-optimizers",
    traced: true,
    text: r#"
[task]
dataset = "xor"

[net]
hidden = [2]

[init]
scale = 0.0

[train]
lr = 0.1
steps = 1000

[sweep]
"init.base" = "constant,copies"
"task.dataset" = "and,xor"
"train.optimizer" = "sgd,momentum,nesterov,rmsprop,adam"

[runs]
seeds = 10
"#,
};

static EVERY_LOSS: Experiment = Experiment {
    name: "claim-equal-losses",
    traced: true,
    text: r#"
[task]
dataset = "xor"

[net]
hidden = [3]

[init]
scale = 0.0

[train]
optimizer = "momentum"
lr = 0.1
steps = 1000

[sweep]
"init.base" = "constant,copies"
"task.dataset" = "and,xor"
"train.loss" = "mse,half-sse,bce"

[runs]
seeds = 10
"#,
};

static EVERY_DEPTH: Experiment = Experiment {
    name: "claim-equal-depths",
    traced: true,
    text: r#"
[task]
dataset = "xor"

[init]
scale = 0.0

[train]
steps = 1000

[sweep]
"init.base" = "constant,copies"
"task.dataset" = "and,xor"
"net.hidden" = "2x2,2x2x2"
"net.activation" = "logistic,tanh"

[runs]
seeds = 10
"#,
};

/// Claim 3.
pub static NON_ZERO: Claim = Claim {
    number: 3,
    text: "Equal non-zero weights are as bad as zero",
    statements: &[
        Statement {
            text: "from constant weights of 0.1, 0.5 and 1, spread stays exactly 0",
            given: &[("what is asked", "spread")],
            specs: &[&CONSTANTS],
            cells: &[],
            judge: judges::copies_stay,
        },
        Statement {
            text: "from these, XOR is not solved, by logistic, tanh or relu units",
            given: &[("what is asked", "solving XOR")],
            specs: &[&CONSTANTS],
            cells: &[],
            judge: judges::none_solved,
        },
    ],
};

static CONSTANTS: Experiment = Experiment {
    name: "claim-equal-constants",
    traced: true,
    text: r#"
[task]
dataset = "xor"

[net]
hidden = [2]

[init]
base = "constant"
scale = 0.0

[sweep]
"net.activation" = "logistic,tanh,relu"
"init.base_value" = "0.1,0.5,1"

[runs]
seeds = 1          # from constant weights, all seeds give the same run
"#,
};

/// Claim 10.
pub static ONE_UNIT: Claim = Claim {
    number: 10,
    text: "It amounts to one unit per layer",
    statements: &[
        Statement {
            text: "from equal units, there is 1 distinct unit in every row",
            given: &[("what is asked", "distinct units")],
            specs: &[&EVERY_ACTIVATION],
            cells: &[],
            judge: judges::one_distinct_unit,
        },
        Statement {
            text: "from equal units that are monotone, the MSE on XOR is never under 1/6",
            given: &[("what is asked", "the loss on XOR")],
            specs: &[&EVERY_ACTIVATION],
            // One gelu, silu, sin or abs unit is not monotone along its direction, and goes under it.
            cells: &[
                ("task.dataset", &["xor"]),
                (
                    "net.activation",
                    &["logistic", "tanh", "relu", "leaky-relu", "elu", "softplus", "erf", "linear"],
                ),
            ],
            judge: judges::loss_never_under_a_sixth,
        },
    ],
};

/// Claim 11.
pub static INPUTS: Claim = Claim {
    number: 11,
    text: "Different inputs break the symmetry",
    statements: &[
        Statement {
            text: "on x1 and not x2, from equal weights, the units part",
            given: &[("what is asked", "the units of a layer")],
            specs: &[&UNLIKE_INPUTS],
            cells: &[],
            judge: judges::units_part,
        },
        Statement {
            text: "on x1 and not x2, from equal weights, one unit's weights to different inputs part",
            given: &[("what is asked", "the weights of a unit")],
            specs: &[&UNLIKE_INPUTS],
            cells: &[],
            judge: judges::weights_of_a_unit_part,
        },
    ],
};

static UNLIKE_INPUTS: Experiment = Experiment {
    name: "claim-unlike-inputs",
    traced: true,
    text: r#"
[task]
dataset = "x1-and-not-x2"

[net]
hidden = [2]

[init]
base = "constant"
scale = 0.0

[sweep]
"net.activation" = "logistic,tanh"
"init.base_value" = "0.1,0.5,1"

[runs]
seeds = 1
"#,
};
