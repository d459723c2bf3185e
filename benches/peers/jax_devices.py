"""What both ways of JAX share: chunks of networks, split over one host device per core."""

import time

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec


class Trainer:
    """Trains `start` (a tree of arrays [...][network]) in chunks. `train(steps)` is a function that takes one chunk,
    a tree of arrays [...][network of the chunk], through so many steps.

    The last chunks are filled up with networks that were there before: they cost time and count for nothing.
    """

    def __init__(self, start, chunk, threads, train):
        devices = jax.devices()
        if len(devices) != threads:
            raise SystemExit(f"error: JAX has {len(devices)} devices, not one for each of {threads} threads")
        self.networks = jax.tree.leaves(start)[0].shape[-1]
        self.train = train
        self.mesh = Mesh(np.array(devices), ("core",))
        padded = -(-self.networks // (chunk * threads)) * chunk * threads

        def place(a):
            a = np.take(a, np.arange(padded) % self.networks, axis=-1)
            a = np.moveaxis(a.reshape(*a.shape[:-1], -1, chunk), -2, 0)
            sharding = NamedSharding(self.mesh, PartitionSpec("core"))
            return jax.device_put(jnp.asarray(np.ascontiguousarray(a)), sharding)

        self.start = jax.tree.map(place, start)

    def compile(self, steps):
        """A function of nothing that trains for so many steps, and the seconds that compiling took."""
        began = time.perf_counter()
        train = self.train(steps)
        spec = PartitionSpec("core")
        sharded = jax.shard_map(
            lambda chunks: lax.map(train, chunks), mesh=self.mesh, in_specs=spec, out_specs=spec, check_vma=False
        )
        compiled = jax.jit(sharded).lower(self.start).compile()
        seconds = time.perf_counter() - began
        return lambda: jax.block_until_ready(compiled(self.start)), seconds

    def collect(self, trained):
        """What a trained tree holds, as arrays [...][network]."""

        def gather(a):
            a = np.moveaxis(np.asarray(a), 0, -2)
            return a.reshape(*a.shape[:-2], -1)[..., : self.networks]

        return jax.tree.map(gather, trained)
