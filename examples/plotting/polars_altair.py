"""The share of runs that breaks symmetry against the perturbation scale, from cells.csv.

    python polars_altair.py DIR [FILE.png | FILE.svg | FILE.html]
"""

import sys

import altair as alt
import polars as pl

directory, file = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "fraction.png"
cells = pl.read_csv(f"{directory}/cells.csv")

# A key has a dot in its name. A line for each activation is a line only if nothing else is swept.
swept = [column for column in cells.columns if "." in column]
if set(swept) != {"net.activation", "init.scale"}:
    sys.exit(
        f"{directory} sweeps {', '.join(swept) or 'no key'}, but this figure is of net.activation and init.scale alone: "
        "symbreak run xor-scale makes such a sweep, and so does symbreak run SPEC --set KEY=VALUE for every other key."
    )

# A dot in a name means something to Vega.
cells = cells.rename({"init.scale": "scale", "net.activation": "activation"})

share = alt.Y("fraction_broken:Q", title="share of runs that breaks symmetry", scale=alt.Scale(domain=[0, 1]))
low, high = alt.Y("fraction_broken_low:Q", title=""), alt.Y2("fraction_broken_high:Q")
# Legends of the same values become one.
activations = alt.Scale(domain=cells["activation"].unique(maintain_order=True).to_list())
color, shape = alt.Color("activation:N", scale=activations), alt.Shape("activation:N", scale=activations)

# Scale 0 has no place on a log axis: it is drawn apart.
zero = alt.Chart(cells.filter(pl.col("scale") == 0)).encode(
    x=alt.X("scale:O", title="", axis=alt.Axis(labelAngle=0, format="d")), xOffset="activation:N", color=color
)
zero = zero.mark_rule().encode(low, high) + zero.mark_point(filled=True, size=60, opacity=1).encode(share, shape)

log = alt.Chart(cells.filter(pl.col("scale") > 0)).encode(
    x=alt.X("scale:Q", scale=alt.Scale(type="log", nice=False), title="perturbation scale (init.scale)", axis=alt.Axis(format="~g")),
    color=color,
)
low, share = (y.axis(labels=False, ticks=False, title=None) for y in (low, share))
log = (
    log.mark_area(opacity=0.2).encode(low, high)
    + log.mark_line().encode(share)
    + log.mark_point(filled=True, size=60, opacity=1).encode(share, shape)
)

title = f"{cells['runs'].sum():,} runs; bands: Wilson, 95 %"
chart = alt.hconcat(zero.properties(width=60, height=320), log.properties(width=520, height=320), title=title)
chart.resolve_scale(y="shared").save(file, **({"scale_factor": 2} if file.endswith(".png") else {}))
