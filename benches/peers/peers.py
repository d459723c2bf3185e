#!/usr/bin/env python3
"""Times what else trains many small networks at once, on the networks of `symbreak bench`, and prints the same keys.

Each way is first held against a float64 loop; one that is wrong is not timed. `compare` runs this side by side with
symbreak.
"""

import argparse
import importlib
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time

from sizes import SIZES

MODULES = {"jax-vmap": "jax_vmap", "jax-by-hand": "jax_by_hand", "torch-func": "torch_func"}
CHECKED_STEPS = 20
CHECKED_NETWORKS = 128
# Of rounding in f32 in 20 steps; seen: up to 3e-6.
BOUND = 2e-5
WRONG = 3


def main():
    args = arguments()
    if args.child:
        print(json.dumps(measure(args)))
        return 0
    rows, status = [], 0
    for shape in args.shape:
        for backend in args.backend:
            if backend == "torch-func" and importlib.util.find_spec("torch") is None:
                why = "PyTorch is not installed; requirements-torch.txt pins it"
                print(f"SKIPPED {shape} {backend}: {why}", file=sys.stderr)
                continue
            row, failed = isolated(args, shape, backend)
            rows += row
            status = status or failed
    if args.json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            print(
                f"{row['shape']:<10}{row['backend']:<12}{row['net_steps_per_second']:.2e} net-steps/s "
                f"({row['networks']} networks, {row['steps']} steps, {row['cpu_seconds'] / row['seconds']:.2f} cores)"
            )
    return status


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)

    def names(allowed):
        def parse(text):
            for name in text.split(","):
                if name not in allowed:
                    raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(allowed)}")
            return text.split(",")

        return parse

    def count(text):
        if not text.isdecimal() or int(text) < 1:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
        return int(text)

    parser.add_argument("--shape", type=names(SIZES), default=list(SIZES), help="networks, comma-separated")
    parser.add_argument("--backend", type=names(MODULES), default=list(MODULES), help="ways, comma-separated")
    parser.add_argument("--networks", type=count, help="networks of a batch [default: by shape]")
    parser.add_argument("--steps", type=count, help="steps of a run [default: by shape]")
    parser.add_argument("--repetitions", type=count, default=5, help="how often each is timed [default: 5]")
    parser.add_argument("--threads", type=count, default=len(os.sched_getaffinity(0)), help="[default: one per core]")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def isolated(args, shape, backend):
    """Measures in a process of its own, whose environment can still be set before a library reads it."""
    environment = dict(os.environ)
    if backend.startswith("jax"):
        environment["JAX_PLATFORMS"] = "cpu"
        environment["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={args.threads} {xla_flags(backend, shape)}"
    command = [sys.executable, __file__, "--child", "--shape", shape, "--backend", backend]
    command += ["--repetitions", str(args.repetitions), "--threads", str(args.threads)]
    for name in ("networks", "steps"):
        if getattr(args, name):
            command += [f"--{name}", str(getattr(args, name))]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        print(f"error: {shape} {backend} failed with exit status {done.returncode}", file=sys.stderr)
        return [], WRONG if done.returncode == WRONG else 1
    return [json.loads(done.stdout.splitlines()[-1])], 0


def xla_flags(backend, shape):
    """What was fastest; `jax_by_hand` says what else was tried."""
    extra = []
    if backend == "jax-by-hand" and shape != "16-16-1":
        # The loop over steps as one function; with matrix products inside it is slower so.
        extra.append("xla_cpu_small_while_loop_byte_threshold=100000000")
    if backend == "jax-by-hand" and shape == "2-16-16-1":
        extra.append("xla_cpu_use_multi_output_fusion=true")
    flags = "--xla_cpu_prefer_vector_width=512"
    return f"{flags} --xla_backend_extra_options={','.join(extra)}" if extra else flags


def measure(args):
    # Here and below: only a child needs what the virtual environment has.
    from workload import WORKLOADS

    workload, backend = WORKLOADS[args.shape[0]], args.backend[0]
    networks, steps = args.networks or SIZES[workload.shape][0], args.steps or SIZES[workload.shape][1]
    start = workload.start(networks)
    trainer = importlib.import_module(MODULES[backend]).trainer(workload, start, args.threads)
    check(workload, backend, start, trainer)
    run, compile_seconds = trainer.compile(steps)
    run()
    timings = []
    for _ in range(args.repetitions):
        began = time.perf_counter(), time.process_time()
        run()
        timings.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    seconds = statistics.median(wall for wall, _ in timings)
    return {
        "shape": workload.shape,
        "backend": backend,
        "adapter": platform.processor() or platform.machine(),
        "adapter_type": "processor",
        "threads": args.threads,
        "networks": networks,
        "steps": steps,
        "seconds": seconds,
        "net_steps_per_second": networks * steps / seconds,
        "operations_per_net_step": None,
        "fraction_of_peak": None,
        "compile_seconds": compile_seconds,
        "seconds_low": min(wall for wall, _ in timings),
        "seconds_high": max(wall for wall, _ in timings),
        "cpu_seconds": statistics.median(cpu for _, cpu in timings),
    }


def check(workload, backend, start, trainer):
    """Ends the process unless 20 steps agree with the float64 loop, and disagree with one whose rate is 1 % off."""
    import numpy as np

    from workload import reference

    networks = start[0][0].shape[-1]
    some = np.unique(np.linspace(0, networks - 1, min(networks, CHECKED_NETWORKS)).astype(int))
    few = [(w[..., some], None if b is None else b[..., some]) for w, b in start]
    run, _ = trainer.compile(CHECKED_STEPS)
    trained = [(w[..., some], None if b is None else b[..., some]) for w, b in trainer.collect(run())]
    worst = furthest(trained, reference(workload, few, CHECKED_STEPS, workload.lr))
    control = furthest(trained, reference(workload, few, CHECKED_STEPS, workload.lr * 1.01))
    # Written so that NaN does not pass.
    if not worst <= BOUND:
        fail(f"{workload.shape} {backend} is wrong: {worst:.1e} off after {CHECKED_STEPS} steps, allowed {BOUND:.0e}")
    if not control > BOUND:
        fail(f"{workload.shape} {backend}: the check does not notice a learning rate that is 1 % off ({control:.1e})")


def furthest(got, want):
    """The largest |got - want| / max(1, |want|); NaN if any is."""
    import numpy as np

    worst = [0.0]
    for pair in zip(got, want, strict=True):
        for a, b in zip(*pair, strict=True):
            if (a is None) != (b is None) or (b is not None and a.shape != b.shape):
                fail("the trained parameters have another form than the reference's")
            if b is not None:
                worst.append(np.max(np.abs(a - b) / np.maximum(1, np.abs(b))))
    return float(np.max(worst))


def fail(message):
    print(f"error: {message}", file=sys.stderr)
    sys.exit(WRONG)


if __name__ == "__main__":
    sys.exit(main())
