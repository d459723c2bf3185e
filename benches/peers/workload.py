"""The networks and tasks of `symbreak bench`, their starts, and a plain float64 loop that every peer is held against."""

import itertools
from dataclasses import dataclass

import numpy as np

SAMPLES_RANDOM = 272


@dataclass(frozen=True)
class Workload:
    """A network, its task and how it is trained: full-batch gradient descent on the mean squared error."""

    shape: str
    widths: tuple[int, ...]
    activations: tuple[str, ...]  # of each layer after the inputs: "logistic", "tanh" or "linear"
    bias: bool
    lr: float

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs [samples][inputs] and targets [samples][outputs], float32."""
        if self.widths[0] == 16:
            rng = np.random.default_rng(16)
            draw = rng.standard_normal((SAMPLES_RANDOM, 17)).astype(np.float32)
            return draw[:, :16], draw[:, 16:]
        inputs = np.array(list(itertools.product([0, 1], repeat=self.widths[0])), np.float32)
        return inputs, inputs.sum(1, keepdims=True) % 2

    def start(self, networks: int) -> list[tuple[np.ndarray, np.ndarray | None]]:
        """Random parameters: per layer weights [out][in][network] and biases [out][network] or None, float32."""
        rng = np.random.default_rng(7)
        layers = []
        for fan_in, out in itertools.pairwise(self.widths):
            if self.bias:
                weights = rng.uniform(-1, 1, (out, fan_in, networks)).astype(np.float32)
                layers.append((weights, rng.uniform(-1, 1, (out, networks)).astype(np.float32)))
            else:
                weights = rng.standard_normal((out, fan_in, networks)) / np.sqrt(fan_in)
                layers.append((weights.astype(np.float32), None))
        return layers


LOGISTIC = ("logistic", "logistic")
WORKLOADS = {
    w.shape: w
    for w in (
        Workload("2-2-1", (2, 2, 1), LOGISTIC, True, 0.5),
        Workload("2-8-1", (2, 8, 1), LOGISTIC, True, 0.5),
        Workload("2-32-1", (2, 32, 1), LOGISTIC, True, 0.5),
        Workload("2-16-16-1", (2, 16, 16, 1), ("tanh", "tanh", "logistic"), True, 0.5),
        Workload("4-16-1", (4, 16, 1), ("tanh", "logistic"), True, 0.5),
        # At a rate of 0.5 many of these diverge.
        Workload("16-16-1", (16, 16, 1), ("tanh", "linear"), False, 0.05),
    )
}


def reference(workload: Workload, layers, steps: int, lr: float):
    """`layers` after `steps` updates, in float64 and by the formulas."""
    function = {"logistic": lambda z: 1 / (1 + np.exp(-z)), "tanh": np.tanh, "linear": lambda z: z}
    slope = {"logistic": lambda h: h * (1 - h), "tanh": lambda h: 1 - h * h, "linear": np.ones_like}
    inputs, targets = (a.astype(np.float64) for a in workload.data())
    layers = [(w.astype(np.float64), None if b is None else b.astype(np.float64)) for w, b in layers]
    networks = layers[0][0].shape[-1]
    shown = np.broadcast_to(inputs.T[:, :, None], (*inputs.T.shape, networks))
    for _ in range(steps):
        h = [shown]  # [unit][sample][network]
        for (w, b), name in zip(layers, workload.activations, strict=True):
            z = np.einsum("oin,isn->osn", w, h[-1])
            h.append(function[name](z if b is None else z + b[:, None]))
        delta = (h[-1] - targets.T[:, :, None]) * (2 / targets.size) * slope[workload.activations[-1]](h[-1])
        updated = []
        for i in reversed(range(len(layers))):
            w, b = layers[i]
            gradient = np.einsum("osn,isn->oin", delta, h[i])
            updated.append((w - lr * gradient, None if b is None else b - lr * delta.sum(1)))
            if i > 0:
                delta = np.einsum("oin,osn->isn", w, delta) * slope[workload.activations[i - 1]](h[i])
        layers = updated[::-1]
    return layers
