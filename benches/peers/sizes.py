"""How much of each network is trained, the same on all sides."""

# By shape, networks and steps: some tenths of a second for symbreak, a few seconds for the slowest.
SIZES = {
    "2-2-1": (65536, 1000),
    "2-8-1": (16384, 1000),
    "2-32-1": (8192, 1000),
    "2-16-16-1": (4096, 500),
    "4-16-1": (4096, 500),
    "16-16-1": (1024, 200),
}
