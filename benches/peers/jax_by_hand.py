"""JAX as an expert writes it for this: forward and backward by hand, the network index innermost.

Nets that fit go through `step`: arrays [unit][sample][network] and [out][in][network], and every sum over units or
samples spelled out as additions of slices, so that a whole step is elementwise and XLA vectorizes it over networks.
Together with `xla_cpu_small_while_loop_byte_threshold` the loop over steps becomes one LLVM function, with no dispatch
between its parts; so chunks are small enough for the first level of cache. 16-16-1 with its 272 samples goes through
`step_with_products`: the first layer of all networks of a chunk is one matrix product forward and one backward, and
what lies between runs over blocks of samples. Half of the chunks run on each core, as one host device a core: by
itself XLA trains on one.

Tried, in net-steps per second of processor time on AVX-512 (AMD Zen 4), on a machine that did other work as well:
| | 2-2-1 | 2-8-1 | 2-32-1 | 2-16-16-1 | 4-16-1 |
| --- | --- | --- | --- | --- | --- |
| `step`, chunks of 64 (2-16-16-1: 32), one function | 1.6e8 | 4.8e7 | 1.3e7 | 4.4e6 | 5.0e6 |
| and `xla_cpu_use_multi_output_fusion` | 1.5e8 | 4.5e7 | 1.0e7 | 5.4e6 | 1.1e6 |
| and `xla_cpu_enable_fast_math`, reciprocals for divisions | 1.3e8 | 4.4e7 | 1.3e7 | 4.6e6 | 3.4e6 |
| but vectors of 256 bits | 1.1e8 | 3.2e7 | 7.6e6 | 3.7e6 | 4.0e6 |
| step by step, chunks of 256 | 1.2e8 | 3.3e7 | 8.1e6 | 1.2e6 | 3.6e6 |
| step by step, chunks of 1024 | 7.2e7 | 2.1e7 | 6.0e6 | 7.8e5 | 2.4e6 |
| step by step, chunks of 4096 | 8.2e7 | 2.4e7 | 5.8e6 | 7.0e5 | 2.2e6 |
| an array per parameter, samples unrolled too | 1.6e8 | 4.5e7 | 1.1e7 | | 2.5e6 |
| an array per parameter, an axis of samples | 1.3e8 | 3.6e7 | 9.2e6 | over 100 s to compile | 1.6e6 |
| sums left to XLA as `sum(axis)`, step by step | 2.4e6 | | | 1.7e5 | |
- The best of each column is what is used.
- Chunks of 16 run at half the rate; 32, 48, 64 and 96 are within a tenth, but for 96 with 2-16-16-1 (a third slower).
- With an array per parameter: four steps unrolled and the old fusion emitters make no difference; logistic by `tanh` a
  fifth slower, by `rsqrt` squared half as fast. tanh by `exp`: a tenth to a fifth slower.
- 16-16-1: 1.7e5 to 1.9e5 as used; chunks of 16, 32, 48, 80, 96 and 128 1.2e5 to 1.4e5, blocks of 34 and 68 samples
  1.8e5 and 1.6e5. Sums over 272 samples left to XLA 1.1e5; spelled out 3.1e4, for XLA then computes tanh in several
  places; a product for each unit 6.6e4; no products, blocks of 16 samples, one function 1.3e5.
- One host device a core or one in all: the same per processor time, but only the first keeps all cores busy.
"""

import functools
import operator

import jax
import jax.numpy as jnp
from jax import lax

import jax_devices

CHUNK = {"2-2-1": 64, "2-8-1": 64, "2-32-1": 64, "2-16-16-1": 32, "4-16-1": 64, "16-16-1": 64}
BLOCK = 16
FUNCTION = {"logistic": jax.nn.sigmoid, "tanh": jnp.tanh, "linear": lambda z: z}
SLOPE = {"logistic": lambda h: h * (1 - h), "tanh": lambda h: 1 - h * h, "linear": jnp.ones_like}


def total(terms):
    """Their sum, spelled out."""
    return functools.reduce(operator.add, terms)


def step(workload, inputs, targets, layers):
    """One update of a chunk: weights [out][in][network], biases [out][network]."""
    samples = range(len(inputs))
    h = [inputs.T[:, :, None]]
    for (w, b), name in zip(layers, workload.activations, strict=True):
        z = total([b[:, None], *(w[:, i, None] * h[-1][i] for i in range(w.shape[1]))])
        h.append(FUNCTION[name](z))
    delta = (h[-1] - targets.T[:, :, None]) * (2 / targets.size) * SLOPE[workload.activations[-1]](h[-1])
    updated = []
    for k in reversed(range(len(layers))):
        w, b = layers[k]
        gradient = total([delta[:, None, s] * h[k][None, :, s] for s in samples])
        updated.append((w - workload.lr * gradient, b - workload.lr * total([delta[:, s] for s in samples])))
        if k > 0:
            back = total([w[o, :, None] * delta[o] for o in range(w.shape[0])])
            delta = back * SLOPE[workload.activations[k - 1]](h[k])
    return updated[::-1]


def step_with_products(workload, inputs, targets, layers):
    """One update of a chunk of nets with one hidden layer, one linear output and no biases: the weights of the hidden
    layer as [input][unit, network], those of the output as [unit][network]."""
    w, v = layers
    units, chunk = v.shape
    blocks = len(inputs) // BLOCK
    targets = targets.reshape(blocks, BLOCK, 1)

    def block(k, carried):
        # `z` [block][sample][unit][network] holds sums of the hidden units; block by block, deltas take their place.
        z, gradient = carried
        h = FUNCTION[workload.activations[0]](z[k])
        error = (total([h[:, i] * v[i] for i in range(units)]) - targets[k]) * (2 / targets.size)
        gradient = total([gradient, *(h[s] * error[s] for s in range(BLOCK))])
        delta = error[:, None] * v * SLOPE[workload.activations[0]](h)
        return lax.dynamic_update_index_in_dim(z, delta, k, 0), gradient

    z = (inputs @ w).reshape(blocks, BLOCK, units, chunk)
    delta, gradient = lax.fori_loop(0, blocks, block, (z, jnp.zeros_like(v)))
    return w - workload.lr * (inputs.T @ delta.reshape(len(inputs), -1)), v - workload.lr * gradient


def trainer(workload, start, threads):
    """What compiles the training for a number of steps; see `jax_devices.Trainer`."""
    inputs, targets = map(jnp.asarray, workload.data())

    def repeat(update, layers, steps):
        return lax.fori_loop(0, steps, lambda _, layers: update(workload, inputs, targets, layers), layers)

    def with_products(layers, steps):
        (w, _), (v, _) = layers
        units, fan_in, chunk = w.shape
        packed = (w.transpose(1, 0, 2).reshape(fan_in, -1), v[0])
        w, v = repeat(step_with_products, packed, steps)
        return [(w.reshape(fan_in, units, chunk).transpose(1, 0, 2), None), (v[None], None)]

    def train(steps):
        if workload.bias:
            return lambda layers: repeat(step, layers, steps)
        return lambda layers: with_products(layers, steps)

    return jax_devices.Trainer(start, CHUNK[workload.shape], threads, train)
