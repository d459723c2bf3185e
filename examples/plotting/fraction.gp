# The share of runs that breaks symmetry against the perturbation scale, from cells.csv of the preset xor-scale.
#   gnuplot -c fraction.gp DIR [FILE.png | FILE.svg]
cells = ARG1 . "/cells.csv"

# The line of the names. A line for each activation is a line only if no other key is swept.
set datafile separator "\n"
names = ""
stats cells using (names eq "" ? strlen(names = strcol(1)) : 0) nooutput
if (strstrt(names, "cell,net.activation,init.scale,runs,") != 1 && strstrt(names, "cell,init.scale,net.activation,runs,") != 1) {
    keys = strstrt(names, "cell,runs,") == 1 ? "no key" : names[6:strstrt(names, ",runs,") - 1]
    print ARG1 . " sweeps " . keys . ", but this figure is of net.activation and init.scale alone: " \
        . "symbreak run xor-scale makes such a sweep, and so does symbreak run SPEC --set KEY=VALUE for every other key."
    exit status 1
}

file = ARGC > 1 ? ARG2 : "fraction.png"
if (file[strlen(file) - 2:] eq "svg") { set terminal svg size 900,560 } else { set terminal pngcairo size 1200,750 fontscale 1.2 }
set output file

set datafile separator ","
set datafile missing NaN
activations = ""
seen(name) = strstrt(" " . activations . " ", " " . name . " ") ? 0 : strlen(activations = activations . " " . name)
stats cells using "runs":(seen(strcol("net.activation"))) nooutput
# The value of a column in the rows of one activation, where the scale is 0 or is not.
at_zero(i, name) = strcol("net.activation") eq word(activations, i) && column("init.scale") == 0 ? column(name) : NaN
above(i, name) = strcol("net.activation") eq word(activations, i) && column("init.scale") > 0 ? column(name) : NaN

stats cells using "runs" nooutput
set multiplot title sprintf("%d runs; bands: Wilson, 95 %%", STATS_sum)
set tmargin at screen 0.92
set bmargin at screen 0.12
set yrange [-0.02:1.02]
set style fill transparent solid 0.2 noborder

# Scale 0 has no place on a log axis: it is drawn apart.
set lmargin at screen 0.09
set rmargin at screen 0.17
set xrange [-1:1]
set xtics ("0" 0)
set ylabel "share of runs that breaks symmetry"
unset key
plot for [i = 1:words(activations)] cells using ((2 * i - 1) * 0.6 / words(activations) - 0.6):(at_zero(i, "fraction_broken")): \
    (at_zero(i, "fraction_broken_low")):(at_zero(i, "fraction_broken_high")) \
    with yerrorbars linetype i pointtype 5 + 2 * i pointsize 1.3

set lmargin at screen 0.19
set rmargin at screen 0.97
set logscale x
set xrange [*:*] noextend
set xtics auto
set format x "10^{%L}"
set xlabel "perturbation scale (init.scale)"
unset ylabel
set format y ""
set key bottom right Left reverse title "activation"
plot for [i = 1:words(activations)] cells using (above(i, "init.scale")): \
    (above(i, "fraction_broken_low")):(above(i, "fraction_broken_high")) \
    with filledcurves linetype i notitle, \
    for [i = 1:words(activations)] cells using (above(i, "init.scale")):(above(i, "fraction_broken")) \
    with linespoints linetype i linewidth 2 pointtype 5 + 2 * i pointsize 1.3 title word(activations, i)
