"""The share of runs that breaks symmetry against the perturbation scale, from cells.csv.

    python pandas_matplotlib.py DIR [FILE.png | FILE.svg | FILE.pdf]
"""

import itertools
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

directory, file = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "fraction.png"
cells = pd.read_csv(f"{directory}/cells.csv")

# A key has a dot in its name. A line for each activation is a line only if nothing else is swept.
swept = [column for column in cells.columns if "." in column]
if set(swept) != {"net.activation", "init.scale"}:
    sys.exit(
        f"{directory} sweeps {', '.join(swept) or 'no key'}, but this figure is of net.activation and init.scale alone: "
        "symbreak run xor-scale makes such a sweep, and so does symbreak run SPEC --set KEY=VALUE for every other key."
    )

# Scale 0 has no place on a log axis: it is drawn apart.
figure, (zero, log) = plt.subplots(1, 2, sharey=True, width_ratios=[1, 9], figsize=(8, 5), layout="constrained")
lines = cells.groupby("net.activation")
for place, (marker, (activation, line)) in enumerate(zip(itertools.cycle("o^sDv"), lines)):
    start = line[line["init.scale"] == 0]
    share = start["fraction_broken"]
    error = [share - start["fraction_broken_low"], start["fraction_broken_high"] - share]
    x = [place / len(lines)] * len(start)
    (drawn,) = zero.plot(x, share, marker, markersize=5)
    zero.errorbar(x, share, error, fmt="none", ecolor=drawn.get_color(), capsize=3)

    line = line[line["init.scale"] > 0].sort_values("init.scale")
    x = line["init.scale"]
    log.fill_between(x, line["fraction_broken_low"], line["fraction_broken_high"], alpha=0.2)
    log.plot(x, line["fraction_broken"], f"-{marker}", markersize=5, label=activation)

zero.set(xlim=(-0.7, 1.2), xticks=[0.25], xticklabels=["0"], ylabel="share of runs that breaks symmetry")
log.set(xscale="log", xlabel="perturbation scale (init.scale)", ylim=(-0.02, 1.02))
log.legend(title="activation")
figure.suptitle(f"{cells['runs'].sum():,} runs; bands: Wilson, 95 %", fontsize=10)
figure.savefig(file, dpi=150)
