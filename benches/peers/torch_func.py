"""PyTorch's functional ensembling, as its tutorial has it: `functional_call`, `vmap(grad(loss))` over stacked
parameters, with `torch.compile` around the update.

Tried, in net-steps per second of processor time on AVX-512 (AMD Zen 4), one thread:
| | 2-2-1 | 2-8-1 | 2-32-1 | 2-16-16-1 | 4-16-1 | 16-16-1 |
| --- | --- | --- | --- | --- | --- | --- |
| compiled | 7.0e6 | 2.3e6 | 1.0e6 | 7.5e5 | 9.3e5 | 6.2e4 |
| not compiled | 2.5e6 | | 4.2e5 | 1.1e5 | 1.2e5 | 1.9e4 |
Four steps in one compiled call are no faster than one. Chunks: 2-2-1 4.0e6 at 512, 5.8e6 at 8192, 7.0e6 at 32768; 2-8-1
2.1e6 at 1024, 2.3e6 at 4096; 2-32-1 6.9e5 at 128, 1.0e6 at 512, 9.2e5 at 8192; 2-16-16-1 and 4-16-1 a tenth and a third
faster at 1024 than at 256; 16-16-1 the same at 64 and 512.
"""

import itertools
import time

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad, vmap

CHUNK = {"2-2-1": 32768, "2-8-1": 4096, "2-32-1": 1024, "2-16-16-1": 1024, "4-16-1": 1024, "16-16-1": 128}
FUNCTION = {"logistic": nn.Sigmoid, "tanh": nn.Tanh, "linear": nn.Identity}


class Trainer:
    """The same as `jax_devices.Trainer`, on PyTorch's own threads."""

    def __init__(self, workload, start, threads):
        torch.set_num_threads(threads)
        self.networks = start[0][0].shape[-1]
        self.chunk = min(CHUNK[workload.shape], self.networks)
        padded = -(-self.networks // self.chunk) * self.chunk
        inputs, targets = map(torch.from_numpy, map(np.ascontiguousarray, workload.data()))
        modules = []
        for (fan_in, out), name in zip(itertools.pairwise(workload.widths), workload.activations, strict=True):
            modules += [nn.Linear(fan_in, out, bias=workload.bias), FUNCTION[name]()]
        net = nn.Sequential(*modules)

        def loss(parameters):
            return ((functional_call(net, parameters, (inputs,)) - targets) ** 2).mean()

        gradients = vmap(grad(loss))

        def update(parameters):
            g = gradients(parameters)
            return {name: p - workload.lr * g[name] for name, p in parameters.items()}

        self.update = torch.compile(update)
        whole = {}
        for i, (w, b) in enumerate(start):
            for name, a in (("weight", w), ("bias", b)):
                if a is not None:
                    a = np.moveaxis(np.take(a, np.arange(padded) % self.networks, axis=-1), -1, 0)
                    whole[f"{2 * i}.{name}"] = torch.from_numpy(np.ascontiguousarray(a))
        split = {name: a.split(self.chunk) for name, a in whole.items()}
        self.start = [dict(zip(split, parts, strict=True)) for parts in zip(*split.values(), strict=True)]

    def compile(self, steps):
        """A function of nothing that trains for so many steps, and the seconds that compiling took."""
        began = time.perf_counter()
        with torch.no_grad():
            self.update(self.start[0])
        seconds = time.perf_counter() - began

        def run():
            trained = []
            with torch.no_grad():
                for parameters in self.start:
                    for _ in range(steps):
                        parameters = self.update(parameters)
                    trained.append(parameters)
            return trained

        return run, seconds

    def collect(self, trained):
        """What is trained, as the start is given: per layer weights [out][in][network] and biases [out][network]."""
        whole = {name: torch.cat([chunk[name] for chunk in trained]).numpy() for name in trained[0]}
        whole = {name: np.moveaxis(a, 0, -1)[..., : self.networks] for name, a in whole.items()}
        layers = sorted({int(name.split(".")[0]) for name in whole})
        return [(whole[f"{i}.weight"], whole.get(f"{i}.bias")) for i in layers]


def trainer(workload, start, threads):
    """What trains; see `Trainer`."""
    return Trainer(workload, start, threads)
