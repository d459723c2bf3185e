"""docs/drivers.md of what scripts/verify-drivers found.

    python3 scripts/drivers_table.py FOLDER [--quick] > docs/drivers.md
"""

import json
import pathlib
import sys

DRIVERS = ["llvmpipe", "lavapipe", "swiftshader"]
LIMITS = ["offered", "default"]


def number(x):
    """As short as three digits allow; null is what is no number."""
    if x is None:
        return "NaN"
    return "0" if x == 0 else f"{x:.3g}"


def verdict(rung):
    if not rung["passed"]:
        return "**failed**"
    return number(rung["worst"]) + ("" if rung["control_failed"] else ", **control missed**")


def main():
    folder = pathlib.Path(sys.argv[1])
    quick = "--quick" in sys.argv[2:]
    read = lambda name: json.loads((folder / name).read_text())
    found = {(driver, limits): read(f"{driver}.{limits}.json") for driver in DRIVERS for limits in LIMITS}
    devices = {driver: read(f"{driver}.devices.json") for driver in DRIVERS}
    adapters = {driver: next(d for d in devices[driver] if d["backend"] == "gpu") for driver in DRIVERS}

    print("# Drivers\n")
    print("The ladder of `symbreak verify" + (" --quick" if quick else "") + "` on every Vulkan driver that a processor can run;")
    print("`scripts/verify-drivers` runs it and writes this file. Compilers are of two lineages: Mesa's two drivers compile by LLVM,")
    print("SwiftShader by its own Reactor. Figures are the distance that comes nearest to its bound, so that drivers can be compared;")
    print("every rung also has a negative control, which was caught unless the table says otherwise.\n")
    print("| driver | adapter | version |")
    print("| --- | --- | --- |")
    for driver in DRIVERS:
        print(f"| {driver} | {adapters[driver]['name']} | {adapters[driver]['driver']} |")
    print("\nLimits: those that the adapter *offers*, or only the *default* ones that WebGPU promises everywhere.\n")
    heads = [f"{driver}, {limits}" for driver in DRIVERS for limits in LIMITS]
    print("| rung | bound | " + " | ".join(heads) + " |")
    print("| --- | --- |" + " --- |" * len(heads))
    for rung in found[DRIVERS[0], LIMITS[0]]:
        name = rung["rung"]
        of = [next(other for other in found[driver, limits] if other["rung"] == name) for driver in DRIVERS for limits in LIMITS]
        bounds = sorted({number(other["bound"]) for other in of})
        print(f"| {name} | {' or '.join(bounds)} | " + " | ".join(verdict(other) for other in of) + " |")
    failures = [
        f"- {driver}, {limits} limits, {rung['rung']}: {rung['where']}"
        for (driver, limits), rungs in found.items()
        for rung in rungs
        if not rung["passed"] or not rung["control_failed"]
    ]
    if failures:
        print("\n## What failed\n")
        print("\n".join(failures))


main()
