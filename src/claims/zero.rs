//! Claims about weights that start at exactly zero.

use super::judges;
use super::{Claim, Experiment, Statement};

/// Claim 1.
pub static RESTARTS: Claim = Claim {
    number: 1,
    text: "Zero is fatal because restarts cannot differ; random restarts reveal local minima",
    statements: &[
        Statement {
            text: "from zero, every seed gives the same run to the bit",
            given: &[("the start", "zero")],
            specs: &[&SEEDS_FROM_ZERO],
            cells: &[],
            judge: judges::seeds_are_identical,
        },
        Statement {
            text: "at scale 1, XOR 2-2-1 is solved by some seeds and not by others",
            given: &[("the start", "scale 1")],
            specs: &[&super::escape::FROM_ZERO],
            cells: &[("init.scale", &["1.0"])],
            judge: judges::some_solved_some_not,
        },
    ],
};

static SEEDS_FROM_ZERO: Experiment = Experiment {
    name: "claim-seeds-from-zero",
    traced: false,
    text: r#"
[task]
dataset = "xor"

[net]
hidden = [2]

[init]
base = "zero"
scale = 0.0

[sweep]
"task.dataset" = "xor,and"

[runs]
seeds = 200
"#,
};

/// Claim 4.
pub static DELTA_RULE: Claim = Claim {
    number: 4,
    text: "The delta rule does not contain the weight, so zero is harmless",
    statements: &[
        Statement {
            text: "learned from zero: AND and OR without a hidden layer",
            given: &[("the hidden layer", "none"), ("the task", "AND and OR")],
            specs: &[&LEARNED_FROM_ZERO],
            cells: &[("net.hidden", &["none"]), ("task.dataset", &["and", "or"])],
            judge: judges::all_solved,
        },
        Statement {
            text: "learned from zero: AND and OR with a layer of logistic units",
            given: &[("the hidden layer", "logistic"), ("the task", "AND and OR")],
            specs: &[&LEARNED_FROM_ZERO],
            cells: &[
                ("net.hidden", &["2"]),
                ("net.activation", &["logistic"]),
                ("task.dataset", &["and", "or"]),
            ],
            judge: judges::all_solved,
        },
        Statement {
            text: "learned from zero: AND and OR with a layer of tanh units",
            given: &[("the hidden layer", "tanh"), ("the task", "AND and OR")],
            specs: &[&LEARNED_FROM_ZERO],
            cells: &[("net.hidden", &["2"]), ("net.activation", &["tanh"]), ("task.dataset", &["and", "or"])],
            judge: judges::all_solved,
        },
        Statement {
            text: "learned from zero: XOR without a hidden layer",
            given: &[("the hidden layer", "none"), ("the task", "XOR")],
            specs: &[&LEARNED_FROM_ZERO],
            cells: &[("net.hidden", &["none"]), ("task.dataset", &["xor"])],
            judge: judges::all_solved,
        },
        Statement {
            text: "learned from zero: XOR with a layer of logistic units",
            given: &[("the hidden layer", "logistic"), ("the task", "XOR")],
            specs: &[&LEARNED_FROM_ZERO],
            cells: &[("net.hidden", &["2"]), ("net.activation", &["logistic"]), ("task.dataset", &["xor"])],
            judge: judges::all_solved,
        },
        Statement {
            text: "learned from zero: XOR with a layer of tanh units",
            given: &[("the hidden layer", "tanh"), ("the task", "XOR")],
            specs: &[&LEARNED_FROM_ZERO],
            cells: &[("net.hidden", &["2"]), ("net.activation", &["tanh"]), ("task.dataset", &["xor"])],
            judge: judges::all_solved,
        },
    ],
};

static LEARNED_FROM_ZERO: Experiment = Experiment {
    name: "claim-learned-from-zero",
    traced: false,
    text: r#"
[task]
dataset = "and"

[init]
base = "zero"
scale = 0.0

[sweep]
"task.dataset" = "and,or,xor"
"net.hidden" = "none,2"
"net.activation" = "logistic,tanh"

[runs]
seeds = 1          # from zero, all seeds give the same run
"#,
};

/// Claim 5.
pub static MULTIPLIED: Claim = Claim {
    number: 5,
    text: "\"An update multiplies the weight, so a zero weight stays zero for ever\"",
    statements: &[
        Statement {
            text: "all weights are still exactly 0 after training: tanh on AND",
            given: &[("the hidden units", "tanh"), ("the task", "AND")],
            specs: &[&TRAINED_FROM_ZERO],
            cells: &[("net.activation", &["tanh"]), ("task.dataset", &["and"])],
            judge: judges::weights_end_at_zero,
        },
        Statement {
            text: "all weights are still exactly 0 after training: relu on AND",
            given: &[("the hidden units", "relu"), ("the task", "AND")],
            specs: &[&TRAINED_FROM_ZERO],
            cells: &[("net.activation", &["relu"]), ("task.dataset", &["and"])],
            judge: judges::weights_end_at_zero,
        },
        Statement {
            text: "all weights are still exactly 0 after training: logistic on AND",
            given: &[("the hidden units", "logistic"), ("the task", "AND")],
            specs: &[&TRAINED_FROM_ZERO],
            cells: &[("net.activation", &["logistic"]), ("task.dataset", &["and"])],
            judge: judges::weights_end_at_zero,
        },
        Statement {
            text: "all weights are still exactly 0 after training: logistic on XOR",
            given: &[("the hidden units", "logistic"), ("the task", "XOR")],
            specs: &[&TRAINED_FROM_ZERO],
            cells: &[("net.activation", &["logistic"]), ("task.dataset", &["xor"])],
            judge: judges::weights_end_at_zero,
        },
    ],
};

static TRAINED_FROM_ZERO: Experiment = Experiment {
    name: "claim-trained-from-zero",
    traced: false,
    text: r#"
[task]
dataset = "and"

[net]
hidden = [2]

[init]
base = "zero"
scale = 0.0

[sweep]
"task.dataset" = "and,xor"
"net.activation" = "tanh,relu,logistic"

[runs]
seeds = 1
"#,
};

/// Claim 6.
pub static LAYER_BY_LAYER: Claim = Claim {
    number: 6,
    text: "After the first update the output weights are not zero; after the next they feed the layer below",
    statements: &[
        Statement {
            text: "on AND, of d = 1, 2, 3 layers of logistic units, output weights first move at step 1, the layer \
                   below at step 2, the first at step d + 1",
            given: &[("the hidden units", "logistic")],
            specs: &[&FIRST_STEPS],
            cells: &[("net.activation", &["logistic"])],
            judge: judges::layers_start_from_the_output_down,
        },
        Statement {
            text: "on AND, of d = 1, 2, 3 layers of tanh units, output weights first move at step 1, the layer below \
                   at step 2, the first at step d + 1",
            given: &[("the hidden units", "tanh")],
            specs: &[&FIRST_STEPS],
            cells: &[("net.activation", &["tanh"])],
            judge: judges::layers_start_from_the_output_down,
        },
    ],
};

static FIRST_STEPS: Experiment = Experiment {
    name: "claim-first-steps",
    traced: false,
    text: r#"
[task]
dataset = "and"

[init]
base = "zero"
scale = 0.0

[sweep]
"net.hidden" = "2,2x2,2x2x2"
"net.activation" = "logistic,tanh"
"train.steps" = "1,2,3,4"

[runs]
seeds = 1
"#,
};

/// Claim 7.
pub static TANH_STOPS: Claim = Claim {
    number: 7,
    text: "tanh(0) = 0 stops everything, logistic(0) = 1/2 does not: the last layer moves, with all its weights equal",
    statements: &[
        Statement {
            text: "on AND, no weight ever moves with tanh units",
            given: &[("the hidden units", "tanh")],
            specs: &[&STEP_BY_STEP],
            cells: &[("net.activation", &["tanh"])],
            judge: judges::no_weight_moves,
        },
        Statement {
            text: "on AND, output weights move and stay equal bit for bit with logistic units",
            given: &[("the hidden units", "logistic")],
            specs: &[&STEP_BY_STEP],
            cells: &[("net.activation", &["logistic"])],
            judge: judges::output_weights_move_and_stay_equal,
        },
    ],
};

static STEP_BY_STEP: Experiment = Experiment {
    name: "claim-step-by-step",
    traced: false,
    text: r#"
[task]
dataset = "and"

[net]
hidden = [2]

[init]
base = "zero"
scale = 0.0

[sweep]
"net.activation" = "tanh,logistic"
"train.steps" = "1,2,3,10,100,1000,10000"

[runs]
seeds = 1
"#,
};

/// Claim 8.
pub static NO_GRADIENT: Claim = Claim {
    number: 8,
    text: "With several hidden layers no single weight changes the output: no gradient at all",
    statements: &[
        Statement {
            text: "two hidden layers at zero, AND: every weight's gradient is 0 with tanh units",
            given: &[("what is asked", "gradients with tanh units")],
            specs: &[&ONE_STEP],
            cells: &[("net.activation", &["tanh"])],
            judge: judges::no_weight_moves,
        },
        Statement {
            text: "two hidden layers at zero, AND: every weight's gradient is 0 with logistic units",
            given: &[("what is asked", "gradients with logistic units")],
            specs: &[&ONE_STEP],
            cells: &[("net.activation", &["logistic"])],
            judge: judges::no_weight_moves,
        },
        Statement {
            text: "changing one hidden weight alone leaves every output as it was",
            given: &[("what is asked", "one hidden weight changed alone")],
            specs: &[&ONE_WEIGHT],
            cells: &[],
            judge: judges::one_hidden_weight_changes_nothing,
        },
    ],
};

static ONE_STEP: Experiment = Experiment {
    name: "claim-one-step",
    traced: false,
    text: r#"
# One step of plain gradient descent moves exactly the parameters that have a gradient.
[task]
dataset = "and"

[net]
hidden = [2, 2]

[init]
base = "zero"
scale = 0.0

[train]
steps = 1

[sweep]
"net.activation" = "tanh,logistic"

[runs]
seeds = 1
"#,
};

static ONE_WEIGHT: Experiment = Experiment {
    name: "claim-one-weight",
    traced: false,
    text: r#"
# Parameters 0 to 3 are the weights from the inputs to the first hidden layer, 6 to 9 those to the second.
[task]
dataset = "and"

[net]
hidden = [2, 2]

[init]
values = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
scale = 0.0

[train]
steps = 1

[sweep]
"net.activation" = "tanh,logistic"
"init.value.0" = "0,1"
"init.value.1" = "0,1"
"init.value.2" = "0,1"
"init.value.3" = "0,1"
"init.value.6" = "0,1"
"init.value.7" = "0,1"
"init.value.8" = "0,1"
"init.value.9" = "0,1"

[runs]
seeds = 1
"#,
};

/// Claim 9.
pub static SADDLE: Claim = Claim {
    number: 9,
    text: "Zero is a saddle point: no direction to go",
    statements: &[
        Statement {
            text: "stationary with a negative eigenvalue of the Hessian: AND, zero weights, the output bias at its optimum",
            given: &[("the task", "AND")],
            specs: &[&BALANCED],
            cells: &[],
            judge: judges::start_is_a_strict_saddle,
        },
        Statement {
            text: "stationary with a negative eigenvalue of the Hessian: XOR, everything zero",
            given: &[("the task", "XOR")],
            specs: &[&XOR_AT_ZERO],
            cells: &[],
            judge: judges::start_is_a_strict_saddle,
        },
    ],
};

static BALANCED: Experiment = Experiment {
    name: "claim-zero-weights-balanced",
    traced: false,
    text: r#"
# With zero weights all outputs are logistic(output bias), best at the mean of the targets, 1/4: at ln(1/3).
[task]
dataset = "and"

[net]
hidden = [2]

[init]
values = [0, 0, 0, 0, 0, 0, 0, 0, -1.0986122886681098]
scale = 0.0

[train]
steps = 1

[sweep]
"net.activation" = "logistic,tanh"

[runs]
seeds = 1
"#,
};

static XOR_AT_ZERO: Experiment = Experiment {
    name: "claim-xor-at-zero",
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
steps = 1

[sweep]
"net.activation" = "logistic,tanh"

[runs]
seeds = 1
"#,
};
