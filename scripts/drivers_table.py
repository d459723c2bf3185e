"""docs/drivers.md of what scripts/verify-drivers found.

    python3 scripts/drivers_table.py FOLDER [--quick] > docs/drivers.md
"""

import json
import pathlib
import sys

DRIVERS = ["llvmpipe", "lavapipe", "swiftshader"]
LIMITS = ["offered", "default"]
OPERATIONS = {
    "sum": "a + b",
    "product": "a · b",
    "quotient": "a / b",
    "root": "√a",
    "exponential": "eˣ, x from −80 to 8",
    "fma": "fma(a, b, c)",
    "product_and_sum": "a · b + c",
}


def number(x):
    """As short as three digits allow; null is what is no number."""
    if x is None:
        return "NaN"
    return "0" if x == 0 else f"{x:.3g}"


def verdict(rung):
    if not rung["passed"]:
        return "**failed**"
    return number(rung["worst"]) + ("" if rung["control_failed"] else ", **control missed**")


def precision(operation):
    if "worst_ulp" in operation:
        return number(operation["worst_ulp"]) + " ulp"
    return f"once in {100 * operation['rounds_once']:.3g} %"


def row(cells):
    print("| " + " | ".join(cells) + " |")


def main():
    folder = pathlib.Path(sys.argv[1])
    quick = "--quick" in sys.argv[2:]
    read = lambda name: json.loads((folder / name).read_text())
    found = {(driver, limits): read(f"{driver}.{limits}.json") for driver in DRIVERS for limits in LIMITS}
    devices = {driver: read(f"{driver}.devices.json") for driver in DRIVERS}
    adapters = {driver: next(d for d in devices[driver] if d["backend"] == "gpu") for driver in DRIVERS}

    print("# Drivers\n")
    print("The ladder of `symbreak verify" + (" --quick" if quick else "") + "` on every Vulkan driver that a processor can run.")
    print("`scripts/verify-drivers` ran it and wrote this file. The compilers are of two lineages: llvmpipe and lavapipe are two")
    print("versions of Mesa's, by LLVM; SwiftShader has one of its own.\n")
    row(["driver", "adapter", "version"])
    row(["---"] * 3)
    for driver in DRIVERS:
        row([driver, adapters[driver]["name"], adapters[driver]["driver"]])

    print("\n## The ladder\n")
    print("Each figure is the distance that comes nearest to its bound, so that drivers can be compared. Every rung has a negative")
    print("control, which was caught unless the table says otherwise. Limits: those that the adapter *offers*, or only the *default*")
    print("ones that WebGPU promises everywhere.\n")
    columns = [(driver, limits) for driver in DRIVERS for limits in LIMITS]
    row(["rung", "bound"] + [f"{driver}, {limits}" for driver, limits in columns])
    row(["---"] * (2 + len(columns)))
    for rung in found[columns[0]]:
        of = [next(other for other in found[column] if other["rung"] == rung["rung"]) for column in columns]
        bounds = list(dict.fromkeys(number(other["bound"]) for other in of))
        row([rung["rung"], " or ".join(bounds)] + [verdict(other) for other in of])
    failures = [
        f"- {driver}, {limits} limits, {rung['rung']}: {rung['where']}"
        for (driver, limits), rungs in found.items()
        for rung in rungs
        if not rung["passed"] or not rung["control_failed"]
    ]
    if failures:
        print("\n## What failed\n")
        print("\n".join(failures))

    print("\n## Why figures differ\n")
    print("`symbreak devices --arithmetic` lets the adapter calculate 65,536 results of each operation: the largest error in units of")
    print("the last place (0.5 is correct rounding), and how often a multiply-add that shows it rounds once.\n")
    row(["operation"] + DRIVERS + ["bits"])
    row(["---"] * (2 + len(DRIVERS)))
    agree, differ = [], []
    for name, sign in OPERATIONS.items():
        of = [adapters[driver]["arithmetic"][name] for driver in DRIVERS]
        same = len({operation["bits"] for operation in of}) == 1
        (agree if same else differ).append(sign)
        alike = {}
        for driver, operation in zip(DRIVERS, of):
            alike.setdefault(operation["bits"], []).append(driver)
        groups = "the same on all" if same else "the same within: " + "; ".join(" and ".join(group) for group in alike.values())
        row([sign] + [precision(operation) for operation in of] + [groups])
    print()
    if differ:
        print("What differs is therefore " + ", ".join(differ) + ": everything else that kernels ask of a driver has the same bits.")
        print("Activations with an exponential in them differ in their last bits, and training multiplies that, within the rungs' bounds.")
    else:
        print("All operations have the same bits, so figures differ only where compilers order them differently.")
    print("WGSL allows eˣ an error of 3 + 2|x| ulp; the kernels' tanh, log, sin, cos and erf are their own, of these operations.")
    print("\nMore differences do not show in that table:\n")
    print("- Mesa's compilers take sums in another order, as WGSL allows: of a·b + c·d − y they may make fma(a, b, fma(c, d, −y)). The")
    print("  bounds of rung `forward` allow for it (src/verify/rounding.rs).")
    print("- llvmpipe 22.3.6 ends every loop of an invocation after 65,535 iterations in all, without an error. Dispatches are shorter")
    print("  than that, and every invocation counts its steps (rung `steps-counted`; tests/engines/loop_trap.rs shows the trap).")
    print("- lavapipe 25.0.7 takes several times as long as llvmpipe 22.3.6 to compile kernels with barriers, the first time: 7.5")
    print("  against 1 s of processor time for a net of 40 hidden units. It keeps them on disk.")


main()
