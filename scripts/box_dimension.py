#!/usr/bin/env python3
"""Box-counting dimension of the boundary between runs that diverge and runs that do not.

    python3 scripts/box_dimension.py results/fractal

Reads runs.csv of a sweep over two keys with one seed. A point of the grid lies on the boundary if a neighbour to its right or
below differs from it. The dimension is the slope of log(boxes that hold boundary points) against log(1 / size of a box), by
least squares over boxes of 1, 2, 4, … points up to an eighth of the grid.
"""

import csv
import math
import sys
from pathlib import Path


def grid(directory):
    """Rows of True where a run diverged, by the order of the swept values."""
    with open(Path(directory) / "runs.csv", newline="") as file:
        reader = csv.reader(file)
        header = next(reader)
        outcome = header.index("outcome")
        swept = range(header.index("seed") + 1, outcome)
        if len(swept) != 2:
            sys.exit(f"{directory}: expected two swept keys, found {len(swept)}")
        rows = {}
        for record in reader:
            first, second = (record[at] for at in swept)
            if second in rows.setdefault(first, {}):
                sys.exit(f"{directory}: expected one seed a point (--seeds 1)")
            rows[first][second] = record[outcome] == "diverged"
    return [list(row.values()) for row in rows.values()]


def boundary(rows):
    """Points whose neighbour to the right or below differs."""
    points = []
    for i, row in enumerate(rows):
        for j, here in enumerate(row):
            right = j + 1 < len(row) and row[j + 1] != here
            below = i + 1 < len(rows) and rows[i + 1][j] != here
            if right or below:
                points.append((i, j))
    return points


def main(directory):
    rows = grid(directory)
    points = boundary(rows)
    if not points:
        sys.exit(f"{directory}: all runs diverge, or none does: there is no boundary")
    counts = []
    size = 1
    while size <= min(len(rows), len(rows[0])) // 8:
        counts.append((math.log(1 / size), math.log(len({(i // size, j // size) for i, j in points}))))
        size *= 2
    if len(counts) < 3:
        sys.exit(f"{directory}: a grid of {len(rows)} × {len(rows[0])} points is too small; take 32 × 32 at least")
    mean_x = sum(x for x, _ in counts) / len(counts)
    mean_y = sum(y for _, y in counts) / len(counts)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in counts) / sum((x - mean_x) ** 2 for x, _ in counts)
    print(f"{len(rows)} × {len(rows[0])} points, {len(points)} on the boundary, box-counting dimension {slope:.2f}")


if len(sys.argv) != 2:
    sys.exit(__doc__)
main(sys.argv[1])
