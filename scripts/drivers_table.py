"""Prints docs/drivers.md of what scripts/verify-drivers found.

    python3 scripts/drivers_table.py FOLDER [--quick]
"""

import json
import pathlib
import re
import sys

DRIVERS = ["llvmpipe", "lavapipe", "swiftshader"]
LIMITS = ["offered", "default"]
OPERATIONS = {
    "sum": "a + b",
    "product": "a · b",
    "quotient": "a / b",
    "root": "√|a|",
    "exponential": "eˣ",
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


def listed(names):
    """a, b and c"""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def row(cells):
    # A bar would end the cell.
    print("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")


def main():
    folder = pathlib.Path(sys.argv[1])
    quick = "--quick" in sys.argv[2:]
    read = lambda name: json.loads((folder / name).read_text())
    found = {(driver, limits): read(f"{driver}.{limits}.json") for driver in DRIVERS for limits in LIMITS}
    devices = {driver: read(f"{driver}.devices.json") for driver in DRIVERS}
    adapters = {driver: next(d for d in devices[driver] if d["backend"] == "gpu") for driver in DRIVERS}

    print("# Drivers\n")
    print("The ladder of `symbreak verify" + (" --quick" if quick else "") + "` on every Vulkan driver that a processor can run.")
    of_one = "the same version" if adapters["llvmpipe"]["driver"] == adapters["lavapipe"]["driver"] else "two versions"
    print("`scripts/verify-drivers` ran it and wrote this file. The compilers are of two lineages: llvmpipe and lavapipe are Mesa's,")
    print(f"by LLVM, here of {of_one}; SwiftShader has one of its own.\n")
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
    same, different = [], []
    for rung in found[columns[0]]:
        of = [next(other for other in found[column] if other["rung"] == rung["rung"]) for column in columns]
        bounds = list(dict.fromkeys(number(other["bound"]) for other in of))
        verdicts = [verdict(other) for other in of]
        row([rung["rung"], " or ".join(bounds)] + verdicts)
        if len(set(verdicts)) > 1:
            different.append(rung["rung"])
        elif rung["passed"] and rung["control_failed"]:
            same.append(rung["rung"])
    if same:
        print("\nRungs whose row is the same number throughout show no difference between drivers; they are there to show that")
        print("they hold: " + listed(same) + ".")
    failures = [
        f"- {driver}, {limits} limits, {rung['rung']}: {rung['where']}"
        for (driver, limits), rungs in found.items()
        for rung in rungs
        if not rung["passed"] or not rung["control_failed"]
    ]
    if failures:
        print("\n## What failed\n")
        print("\n".join(failures))

    print("\n## Arithmetic\n")
    print("`symbreak devices --arithmetic` lets the adapter calculate 65,536 results of each operation in this table, in f32: a and")
    print("b have either sign and magnitudes from 2⁻⁸ to 2⁸, x lies between −80 and 8, and c is the product of a and b, rounded and")
    print("negated. Nothing else was tried: no subnormal numbers, overflow, infinities or NaN, no integers, conversions,")
    print("comparisons, min or max, and of functions only √ and eˣ, not 2ˣ, which `logistic` is made of. Figures are the largest")
    print("error in units of the last place (0.5 is correct rounding) or, of multiply-adds, how often they round once where it")
    print("would show: rounded twice, all are 0.\n")
    row(["operation"] + DRIVERS + ["bits"])
    row(["---"] * (2 + len(DRIVERS)))
    agree, differ = [], []
    for name, sign in OPERATIONS.items():
        of = [adapters[driver]["arithmetic"][name] for driver in DRIVERS]
        alike = {}
        for driver, operation in zip(DRIVERS, of):
            alike.setdefault(operation["bits"], []).append(driver)
        (agree if len(alike) == 1 else differ).append(sign)
        groups = "the same on all" if len(alike) == 1 else "the same within: " + "; ".join(map(listed, alike.values()))
        row([sign] + [precision(operation) for operation in of] + [groups])
    print()
    if differ and agree:
        print(f"Other bits were seen in {listed(differ)}; in the rest of what was tried none were.")
    elif differ:
        print("Other bits were seen in each.")
    else:
        print("No other bits were seen in what was tried.")
    if OPERATIONS["exponential"] in differ:
        print("Activations with an eˣ in them may therefore differ in their last bits, and training multiplies such differences.")
    if different:
        print("The ladder's figures differ in " + listed(different) + ".")
        print("How much of that comes from which operation is not shown.")
    print("WGSL allows eˣ an error of 3 + 2|x| ulp. No driver's tanh, log, sin, cos or erf is used: kernels have formulas of their")
    print("own.")

    # What applies to which driver, its version tells.
    mesa = {driver: re.search(r"Mesa (\d+)\S*", adapters[driver]["driver"]) for driver in DRIVERS}
    mesa = {driver: version for driver, version in mesa.items() if version}
    # The versions of tests/engines/loop_trap.rs.
    trapped = [
        f"{driver} ({version[0]})"
        for driver, version in mesa.items()
        if "llvmpipe" in adapters[driver]["name"] and int(version[1]) <= 22
    ]
    if mesa:
        print("\n## Known from elsewhere\n")
        print("This climb does not measure it:\n")
        print("- " + listed(list(mesa)) + ": Mesa's compilers take sums in another order, as WGSL allows: of a·b + c·d − y they may")
        print("  make fma(a, b, fma(c, d, −y)). The bounds of rung `forward` allow for it (src/verify/rounding.rs).")
    if trapped:
        print("- " + listed(trapped) + ": llvmpipe up to Mesa 22 ends every loop of an invocation after 65,535 iterations in all,")
        print("  without an error (tests/engines/loop_trap.rs shows the trap). Dispatches are shorter than that, and every invocation")
        print("  counts its steps (rung `steps-counted`).")


main()
