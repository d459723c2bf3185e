//! What runs must show for a statement to be true. Judges look at runs only: "exactly" and "stays" are bit for bit, and
//! "most" means that the lower end of the 95 % Wilson interval of the fraction is over one half.

use std::collections::BTreeSet;

use super::observed::Runs;
use crate::engine::{RunResult, Units};
use crate::inspect::hessian::{PointKind, classify};
use crate::measure::statistics::wilson;
use crate::measure::{Outcome, Standstill, Symmetry, outcome, standstill};

/// Decides a statement by the runs of the cells that it speaks of.
pub type Judge = fn(&[Runs<'_>]) -> Judgement;

/// What a judge says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Whether the statement is true.
    pub holds: bool,
    /// The figures that decide it.
    pub evidence: String,
}

fn judgement(holds: bool, evidence: String) -> Judgement {
    Judgement { holds, evidence }
}

/// All cells' seeds: cell and seed of every run.
fn every<'a, 'r>(cells: &'a [Runs<'r>]) -> impl Iterator<Item = (&'a Runs<'r>, usize)> {
    cells.iter().flat_map(|runs| (0..runs.results.len()).map(move |seed| (runs, seed)))
}

fn count(cells: &[Runs<'_>], holds: impl Fn(&Runs<'_>, usize) -> bool) -> (usize, usize) {
    (every(cells).filter(|&(runs, seed)| holds(runs, seed)).count(), every(cells).count())
}

/// Whether most runs do something, and the figures.
fn most((some, all): (usize, usize)) -> (bool, String) {
    let interval = wilson(some as u64, all as u64);
    let percent = |x: f64| format!("{:.1}", 100.0 * x);
    let (low, high) = interval.unwrap_or((0.0, 1.0));
    (low > 0.5, format!("{some} of {all} runs [{} to {} %]", percent(low), percent(high)))
}

/// Whether a run that is not solved might be with more steps.
fn still_moving(runs: &Runs<'_>, seed: usize) -> bool {
    matches!(standstill(&runs.results[seed]), Some(Standstill::Plateau | Standstill::Moving))
}

fn is_solved(run: &RunResult) -> bool {
    outcome(run) == Outcome::Solved
}

/// What each cell shows, in a list; cells that show the same share a place.
fn by_cell(cells: &[Runs<'_>], show: impl Fn(&Runs<'_>) -> String) -> String {
    let mut shown: Vec<(String, Vec<String>)> = Vec::new();
    for runs in cells {
        let (label, shows) = (runs.label(cells), show(runs));
        match shown.iter_mut().find(|(other, _)| *other == shows) {
            Some((_, labels)) => labels.push(label),
            None => shown.push((shows, vec![label])),
        }
    }
    let places: Vec<String> = shown
        .into_iter()
        .map(|(shows, labels)| {
            let labels = labels.join(", ");
            if labels.is_empty() { shows } else { format!("{labels}: {shows}") }
        })
        .collect();
    places.join("; ")
}

fn number(x: f64) -> String {
    if x == 0.0 {
        "0".into()
    } else if (1e-3..1e4).contains(&x.abs()) {
        let digits = (4 - x.abs().log10().floor() as i32).clamp(0, 7) as usize;
        format!("{x:.digits$}")
    } else {
        format!("{x:.1e}")
    }
}

/// In each cell all seeds give the same run: parameters bit for bit, and every measure.
pub fn seeds_are_identical(cells: &[Runs<'_>]) -> Judgement {
    let distinct = |runs: &Runs<'_>| {
        let last =
            runs.parameters.iter().map(|[_, last]| last.iter().map(|p| p.to_bits()).collect::<Vec<_>>());
        last.collect::<BTreeSet<_>>().len()
    };
    let same =
        |runs: &Runs<'_>| distinct(runs) == 1 && runs.results.iter().all(|run| *run == runs.results[0]);
    let evidence = by_cell(cells, |runs| {
        format!("{} distinct final networks of {} seeds", distinct(runs), runs.results.len())
    });
    judgement(!cells.is_empty() && cells.iter().all(same), evidence)
}

/// Some runs are solved and some are not.
pub fn some_solved_some_not(cells: &[Runs<'_>]) -> Judgement {
    let (solved, all) = count(cells, |runs, seed| is_solved(&runs.results[seed]));
    let (slow, _) = count(cells, still_moving);
    let rest = all - solved - slow;
    let evidence =
        format!("{solved} of {all} seeds solved; {slow} are still on a plateau or moving, {rest} at rest");
    judgement(0 < solved && solved < all, evidence)
}

/// Some runs are solved.
pub fn some_solved(cells: &[Runs<'_>]) -> Judgement {
    let (solved, all) = count(cells, |runs, seed| is_solved(&runs.results[seed]));
    judgement(solved > 0, format!("{solved} of {all} runs solved"))
}

/// Every run of every cell is solved.
pub fn all_solved(cells: &[Runs<'_>]) -> Judgement {
    let (solved, all) = count(cells, |runs, seed| is_solved(&runs.results[seed]));
    judgement(all > 0 && solved == all, solutions(cells))
}

/// No run is solved.
pub fn none_solved(cells: &[Runs<'_>]) -> Judgement {
    let (solved, all) = count(cells, |runs, seed| is_solved(&runs.results[seed]));
    let nearest = every(cells).map(|(runs, seed)| runs.results[seed].last.loss).fold(f64::INFINITY, f64::min);
    let evidence = format!("{solved} of {all} runs solved; lowest final loss {}", number(nearest));
    judgement(all > 0 && solved == 0, evidence)
}

fn solutions(cells: &[Runs<'_>]) -> String {
    by_cell(cells, |runs| {
        let solved = runs.results.iter().filter(|run| is_solved(run)).count();
        match (runs.results, runs.results[0].solve_step) {
            ([_], Some(step)) if solved == 1 => format!("solved at step {step}"),
            ([run], _) => format!("not solved, loss {}", number(run.last.loss)),
            _ => format!("{solved} of {} solved", runs.results.len()),
        }
    })
}

/// Largest spread at any measured step of any run; infinity for one that cannot be told.
fn largest_spread(runs: &Runs<'_>, seed: usize) -> f64 {
    let spread = |units: Option<Units>| match units {
        Some(units) if units.spread >= 0.0 => units.spread,
        _ => f64::INFINITY,
    };
    runs.measured(seed).iter().map(|measured| spread(measured.units)).fold(0.0, f64::max)
}

fn rows(cells: &[Runs<'_>]) -> usize {
    every(cells).map(|(runs, seed)| runs.measured(seed).len()).sum()
}

/// The units of every run have spread exactly 0 at every measured step, while its parameters move.
pub fn copies_stay_while_parameters_move(cells: &[Runs<'_>]) -> Judgement {
    let moves =
        |runs: &Runs<'_>, seed: usize| (0..runs.program.shape.parameters()).any(|p| runs.moved(seed, p));
    let (moving, all) = count(cells, moves);
    let spread = every(cells).map(|(runs, seed)| largest_spread(runs, seed)).fold(0.0, f64::max);
    let evidence = format!(
        "largest spread {} in {} rows of {all} runs in {} cells; parameters moved in {moving} of them",
        number(spread),
        rows(cells),
        cells.len()
    );
    judgement(all > 0 && spread == 0.0 && moving == all, evidence)
}

/// The units of every run have spread exactly 0 at every measured step.
pub fn copies_stay(cells: &[Runs<'_>]) -> Judgement {
    let all = every(cells).count();
    let spread = every(cells).map(|(runs, seed)| largest_spread(runs, seed)).fold(0.0, f64::max);
    let evidence = format!("largest spread {} in {} rows of {all} runs", number(spread), rows(cells));
    judgement(all > 0 && spread == 0.0, evidence)
}

/// In every run, units that start with spread 0 have another at some measured step.
pub fn units_part(cells: &[Runs<'_>]) -> Judgement {
    let (apart, all) = count(cells, |runs, seed| largest_spread(runs, seed) > 0.0);
    let spread = every(cells).map(|(runs, seed)| largest_spread(runs, seed)).fold(0.0, f64::max);
    let evidence =
        format!("in {apart} of {all} runs; largest spread {} in {} rows", number(spread), rows(cells));
    judgement(all > 0 && apart == all, evidence)
}

/// In every run, every hidden unit's weights from the inputs are equal at the start and all different at the end.
pub fn weights_of_a_unit_part(cells: &[Runs<'_>]) -> Judgement {
    let part = |runs: &Runs<'_>, seed: usize| {
        let inputs = runs.program.shape.inputs;
        let width = runs.program.shape.hidden[0];
        let [initial, last] = &runs.parameters[seed];
        (0..width).all(|unit| {
            let of = unit * inputs..(unit + 1) * inputs;
            let distinct = |all: &[f32]| all.iter().map(|p| p.to_bits()).collect::<BTreeSet<_>>().len();
            distinct(&initial[of.clone()]) == 1 && distinct(&last[of]) == inputs
        })
    };
    let (apart, all) = count(cells, part);
    let difference = every(cells).map(|(runs, seed)| {
        let units = runs.parameters[seed][1].chunks(runs.program.shape.inputs);
        let range = |unit: &[f32]| {
            let (low, high) = unit.iter().fold((f32::MAX, f32::MIN), |(l, h), &w| (l.min(w), h.max(w)));
            f64::from(high - low)
        };
        units.take(runs.program.shape.hidden[0]).map(range).fold(f64::INFINITY, f64::min)
    });
    let difference = difference.fold(f64::INFINITY, f64::min);
    let evidence = format!("in {apart} of {all} runs; they end at least {} apart", number(difference));
    judgement(all > 0 && apart == all, evidence)
}

/// At every measured step of every run there is one distinct unit.
pub fn one_distinct_unit(cells: &[Runs<'_>]) -> Judgement {
    let all = every(cells).count();
    let distinct = every(cells)
        .flat_map(|(runs, seed)| runs.measured(seed))
        .map(|measured| measured.units.map_or(u32::MAX, |units| units.distinct));
    let most = distinct.max().unwrap_or(0);
    let evidence = format!("at most {most} in {} rows of {all} runs in {} cells", rows(cells), cells.len());
    judgement(all > 0 && most == 1, evidence)
}

/// The loss is never under 1/6 by more than its rounding, at any measured step of any run.
pub fn loss_never_under_a_sixth(cells: &[Runs<'_>]) -> Judgement {
    /// Piecewise-linear units reach the floor.
    const ROUNDING: f64 = 1e-6;
    let all = every(cells).count();
    let lowest = every(cells)
        .flat_map(|(runs, seed)| runs.measured(seed))
        .map(|measured| measured.loss)
        .fold(f64::INFINITY, f64::min);
    let evidence = format!("lowest loss {lowest:.7} in {} rows of {all} runs; 1/6 is 0.1666667", rows(cells));
    judgement(all > 0 && lowest >= 1.0 / 6.0 - ROUNDING, evidence)
}

/// Every weight of every run is exactly 0 at the end.
pub fn weights_end_at_zero(cells: &[Runs<'_>]) -> Judgement {
    let (mut zero, mut all, mut largest) = (0, 0, 0.0f32);
    for (runs, seed) in every(cells) {
        let weights = runs.program.shape.is_weight();
        for (&p, _) in runs.parameters[seed][1].iter().zip(weights).filter(|(_, weight)| *weight) {
            all += 1;
            zero += usize::from(p == 0.0);
            largest = largest.max(p.abs());
        }
    }
    let evidence = format!("{zero} of {all} weights are 0; the largest is {}", number(largest.into()));
    judgement(all > 0 && zero == all, evidence)
}

/// The numbers of the weights that lead into layer `layer`, counted from the first hidden one.
fn weights_into(runs: &Runs<'_>, layer: usize) -> std::ops::Range<usize> {
    let layer = runs.program.shape.layers()[layer];
    layer.weights.map_or(0..0, |first| first..first + layer.inputs * layer.outputs)
}

/// Of runs that differ in their number of steps: in every one, weights into the output have moved from step 1 on, those
/// into the layer below from step 2 on, and those into the first of d hidden layers from step d + 1 on, not before.
pub fn layers_start_from_the_output_down(cells: &[Runs<'_>]) -> Judgement {
    let mut right = true;
    // First step by which weights into each layer have moved, output first; per number of hidden layers.
    let mut first: Vec<(usize, Vec<Option<u32>>)> = Vec::new();
    let mut sorted: Vec<&Runs<'_>> = cells.iter().collect();
    sorted.sort_by_key(|runs| runs.program.steps);
    for runs in sorted {
        let depth = runs.program.shape.hidden.len();
        let steps = runs.program.steps;
        let place = first.iter().position(|&(d, _)| d == depth).unwrap_or_else(|| {
            first.push((depth, vec![None; depth + 1]));
            first.len() - 1
        });
        for layer in 0..=depth {
            let below = depth - layer;
            let moved =
                |seed: &usize| weights_into(runs, layer).any(|parameter| runs.moved(*seed, parameter));
            let moving = (0..runs.results.len()).filter(moved).count();
            let expected = if steps > below as u32 { runs.results.len() } else { 0 };
            right &= moving == expected;
            if moving > 0 {
                first[place].1[below].get_or_insert(steps);
            }
        }
    }
    first.sort_by_key(|&(depth, _)| depth);
    let last = cells.iter().map(|runs| runs.program.steps).max().unwrap_or(0);
    let show = |step: Option<u32>| step.map_or_else(|| "never".to_string(), |step| step.to_string());
    let places: Vec<String> = first
        .iter()
        .map(|(depth, steps)| {
            let steps: Vec<String> = steps.iter().map(|&step| show(step)).collect();
            format!("d = {depth}: {}", steps.join(", "))
        })
        .collect();
    let evidence = format!("first steps of {last}, from the output down: {}", places.join("; "));
    judgement(!cells.is_empty() && right, evidence)
}

/// No weight of any run has moved.
pub fn no_weight_moves(cells: &[Runs<'_>]) -> Judgement {
    let (mut moved, mut all) = (0, 0);
    for (runs, seed) in every(cells) {
        let weights = runs.program.shape.is_weight();
        for parameter in (0..weights.len()).filter(|&parameter| weights[parameter]) {
            all += 1;
            moved += usize::from(runs.moved(seed, parameter));
        }
    }
    let (first, last) = steps(cells);
    let span = if first == last { format!("{last}") } else { format!("{first} to {last}") };
    let steps = if last == 1 { "step" } else { "steps" };
    judgement(all > 0 && moved == 0, format!("{moved} of {all} weights have moved after {span} {steps}"))
}

/// Fewest and most steps.
fn steps(cells: &[Runs<'_>]) -> (u32, u32) {
    let all = cells.iter().map(|runs| runs.program.steps);
    (all.clone().min().unwrap_or(0), all.max().unwrap_or(0))
}

/// In every run the weights into the output have moved and are equal, bit for bit.
pub fn output_weights_move_and_stay_equal(cells: &[Runs<'_>]) -> Judgement {
    let as_claimed = |runs: &Runs<'_>, seed: usize| {
        let weights = weights_into(runs, runs.program.shape.hidden.len());
        let last = &runs.parameters[seed][1];
        weights.clone().all(|w| runs.moved(seed, w) && last[w].to_bits() == last[weights.start].to_bits())
    };
    let (right, all) = count(cells, as_claimed);
    let (first, last) = steps(cells);
    let evidence = by_cell(cells, |runs| {
        let weights = weights_into(runs, runs.program.shape.hidden.len());
        let shown: Vec<String> = runs.parameters[0][1][weights].iter().map(|&w| number(w.into())).collect();
        shown.join(" and ")
    });
    let evidence = format!("in {right} of {all} runs of {first} to {last} steps; by steps {evidence}");
    judgement(all > 0 && right == all, evidence)
}

/// Of cells whose initial parameters differ in weights between inputs and hidden units: where one such weight alone is
/// not what it is in the first cell, loss and largest error at step 0 are those of the first cell, bit for bit.
pub fn one_hidden_weight_changes_nothing(cells: &[Runs<'_>]) -> Judgement {
    let (mut same, mut all) = (0, 0);
    let mut weights = BTreeSet::new();
    for activation in cells.iter().map(|runs| runs.program.shape.activation).collect::<BTreeSet<_>>() {
        let mut group = cells.iter().filter(|runs| runs.program.shape.activation == activation);
        let Some(base) = group.next() else { continue };
        let from = &base.parameters[0][0];
        for runs in group {
            let start = &runs.parameters[0][0];
            let changed: Vec<usize> =
                (0..start.len()).filter(|&p| start[p].to_bits() != from[p].to_bits()).collect();
            let [one] = changed[..] else { continue };
            let (before, after) = (&base.results[0].initial, &runs.results[0].initial);
            let bits = |x: f64, y: f64| x.to_bits() == y.to_bits();
            all += 1;
            same += usize::from(bits(before.loss, after.loss) && bits(before.error, after.error));
            weights.insert(one);
        }
    }
    let evidence = format!(
        "loss and largest error are the same to the bit in {same} of {all} changes of one of {} weights",
        weights.len()
    );
    judgement(all > 0 && same == all, evidence)
}

/// The initial parameters of every run are a stationary point of the loss, whose Hessian has a negative eigenvalue.
pub fn start_is_a_strict_saddle(cells: &[Runs<'_>]) -> Judgement {
    let point = |runs: &Runs<'_>| {
        let program = runs.program;
        let start: Vec<f64> = runs.parameters[0][0].iter().map(|&p| p.into()).collect();
        classify(&program.shape, &program.data, program.loss, &start)
    };
    let strict = |runs: &Runs<'_>| point(runs).is_some_and(|point| point.kind == PointKind::StrictSaddle);
    let evidence = by_cell(cells, |runs| match point(runs) {
        Some(point) => format!(
            "{}, gradient {}, lowest eigenvalue {}",
            if point.kind == PointKind::NotStationary { "not stationary" } else { point.kind.word() },
            number(point.gradient_norm),
            number(point.eigenvalues.first().copied().unwrap_or(0.0)),
        ),
        None => "not finite".into(),
    });
    judgement(!cells.is_empty() && cells.iter().all(strict), evidence)
}

/// Most runs are solved and end no longer symmetric.
pub fn most_break_and_are_solved(cells: &[Runs<'_>]) -> Judgement {
    let solved = |runs: &Runs<'_>, seed: usize| is_solved(&runs.results[seed]);
    let broken = |runs: &Runs<'_>, seed: usize| {
        let run = &runs.results[seed];
        run.diverge_step.is_none() && run.last.symmetry != Symmetry::Symmetric
    };
    let both = count(cells, |runs, seed| broken(runs, seed) && solved(runs, seed));
    let (holds, figures) = most(both);
    let (apart, _) = count(cells, broken);
    let (moving, _) = count(cells, still_moving);
    let evidence = format!("{figures}; {apart} end apart, {moving} are still on a plateau or moving");
    judgement(holds, evidence)
}

/// Units that start as copies part in most runs: the spread is not exactly 0 at some measured step. Whether they part does not
/// depend on how much of anything there is; how far they part does, and is told beside it.
pub fn most_part(cells: &[Runs<'_>]) -> Judgement {
    let parts = |runs: &Runs<'_>, seed: usize| {
        let spread = largest_spread(runs, seed);
        spread > 0.0 && spread.is_finite()
    };
    let (parted, all) = count(cells, parts);
    let (holds, figures) = most((parted, all));
    if parted == 0 {
        return judgement(holds, format!("{figures}; the spread is exactly 0 in all {} rows", rows(cells)));
    }
    let breaks = |runs: &Runs<'_>, seed: usize| {
        let apart = |symmetry: Symmetry| matches!(symmetry, Symmetry::Partial | Symmetry::Broken);
        runs.measured(seed).iter().any(|measured| apart(measured.symmetry))
    };
    let (broken, _) = count(cells, breaks);
    let (solved, _) = count(cells, |runs, seed| is_solved(&runs.results[seed]));
    let evidence = format!(
        "{figures}; {broken} go beyond the tolerance of what counts as symmetric, {solved} are solved"
    );
    judgement(holds, evidence)
}
