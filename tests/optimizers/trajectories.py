"""Trajectories of optax's optimizers, in f64, for tests/optimizers.rs.

    pip install jax optax
    python tests/optimizers/trajectories.py > tests/optimizers/trajectories.json

Networks, gradients (by JAX) and updates (by optax) are written apart from this crate: parameters in its layout, per layer
the weights [out][in] row by row, then the biases.
"""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax

jax.config.update("jax_enable_x64", True)

STEPS = [1, 2, 10, 100]

OPTIMIZERS = {
    "sgd": lambda lr: optax.sgd(lr),
    "momentum": lambda lr: optax.sgd(lr, momentum=0.9),
    "nesterov": lambda lr: optax.sgd(lr, momentum=0.9, nesterov=True),
    "rmsprop": lambda lr: optax.rmsprop(lr, decay=0.9, eps=1e-8, initial_scale=0.0, eps_in_sqrt=False),
    "adam": lambda lr: optax.adam(lr, b1=0.9, b2=0.999, eps=1e-8),
}

XOR = ([[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]])
CLASSES = (
    [[0.5, -1.0, 0.25], [-0.75, 0.5, 1.0], [1.0, 0.25, -0.5], [0.0, -0.25, 0.75], [-1.0, 1.0, -0.25]],
    [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]],
)


def mse(z, y):
    return jnp.mean((jax.nn.sigmoid(z) - y) ** 2)


def bce(z, y):
    return jnp.mean(optax.sigmoid_binary_cross_entropy(z, y))


def cross_entropy(z, y):
    return jnp.mean(optax.softmax_cross_entropy(z, y))


NETS = [
    {"task": XOR, "widths": [2, 3, 1], "loss": "mse", "function": mse},
    {"task": XOR, "widths": [2, 4, 2, 1], "loss": "bce", "function": bce},
    {"task": CLASSES, "widths": [3, 4, 3], "loss": "cross-entropy", "function": cross_entropy},
]


def logits(parameters, widths, x):
    h, at = x, 0
    for layer, (fan_in, fan_out) in enumerate(zip(widths, widths[1:])):
        weights = parameters[at : at + fan_out * fan_in].reshape(fan_out, fan_in)
        at += fan_out * fan_in
        h = h @ weights.T + parameters[at : at + fan_out]
        at += fan_out
        if layer + 2 < len(widths):
            h = jnp.tanh(h)
    return h


def trajectory(net, optimizer, start):
    x, y = (jnp.asarray(part, dtype=jnp.float64) for part in net["task"])
    gradient = jax.jit(jax.grad(lambda p: net["function"](logits(p, net["widths"], x), y)))
    parameters = jnp.asarray(start)
    state = optimizer.init(parameters)
    seen = []
    for step in range(1, max(STEPS) + 1):
        updates, state = optimizer.update(gradient(parameters), state, parameters)
        parameters = optax.apply_updates(parameters, updates)
        if step in STEPS:
            seen.append({"step": step, "parameters": parameters.tolist()})
    return seen


def main():
    generator = np.random.default_rng(5)
    cases = []
    for net in NETS:
        count = sum((a + 1) * b for a, b in zip(net["widths"], net["widths"][1:]))
        # Numbers that f32 holds exactly, so that every engine starts from the same.
        start = np.round(generator.uniform(-1, 1, count) * 256) / 256
        for name, make in OPTIMIZERS.items():
            lr = 0.0625 if name in ("rmsprop", "adam") else 0.5
            cases.append(
                {
                    "widths": net["widths"],
                    "x": net["task"][0],
                    "y": net["task"][1],
                    "loss": net["loss"],
                    "optimizer": name,
                    "lr": lr,
                    "start": start.tolist(),
                    "after": trajectory(net, make(lr), start),
                }
            )
    document = {"jax": jax.__version__, "optax": optax.__version__, "cases": cases}
    print(json.dumps(document))


main()
