//! Snapshots as tables for people, at most 100 columns wide. What does not fit is cut with a note; the JSON has all.

use std::fmt::Write;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::Inspection;
use super::snapshot::{LayerState, Moved, Point, Snapshot};

/// Columns of a terminal that tables must fit.
const WIDTH: u16 = 100;
/// Rows of a table of parameters, units or samples.
const ROWS: usize = 40;
/// Columns of numbers beside one another.
const NUMBERS: usize = 8;

/// All snapshots, then which layers moved when.
pub fn text(found: &Inspection) -> String {
    let mut text = String::new();
    for snapshot in &found.snapshots {
        block(&mut text, snapshot);
    }
    movements(&mut text, &found.snapshots);
    text
}

/// Adds a line. Writing to a String cannot fail.
fn line(text: &mut String, line: &str) {
    let _ = writeln!(text, "{}", line.trim_end());
}

fn block(text: &mut String, of: &Snapshot) {
    let rule = format!("── step {} ", of.step);
    line(text, &format!("\n{rule}{}", "─".repeat((WIDTH as usize).saturating_sub(rule.chars().count()))));
    let [loss, error, norm] = [of.loss, of.error, of.gradient_norm].map(short);
    line(text, &format!("loss {loss}   error {error}   gradient norm {norm}   {}", symmetry(of)));
    for layer in &of.layers {
        line(text, &layer_line(layer));
    }
    let groups: Vec<String> = of.moved.iter().map(moved).collect();
    wrapped(text, "moved", &groups, "; ");
    match (&of.point, &of.point_missing) {
        (Some(point), _) => point_lines(text, point, of),
        (None, why) => line(text, &format!("point: unknown: {}", why.as_deref().unwrap_or("not looked at"))),
    }
    text.push('\n');
    parameters(text, of);
    if !of.units.is_empty() {
        text.push('\n');
        units(text, of);
    }
    text.push('\n');
    samples(text, of);
}

fn symmetry(of: &Snapshot) -> &'static str {
    match of.symmetry {
        Some("none") => "no layer of two or more units",
        Some(word) => word,
        None => "diverged",
    }
}

fn layer_line(layer: &LayerState) -> String {
    let width = layer.width;
    let what = match (layer.spread, layer.gap, layer.distinct_units) {
        _ if width == 1 => "1 unit".to_string(),
        _ if layer.exact_copies => {
            format!(
                "{width} units, all the same bit for bit (weights in and out, bias, activations): spread 0"
            )
        }
        (Some(spread), Some(gap), Some(distinct)) => {
            let (spread, gap) = (short(spread), short(gap));
            format!("{width} units, {distinct} distinct: spread {spread}, gap {gap}")
        }
        _ => format!("{width} units"),
    };
    format!("{}: {what}", layer.name)
}

fn moved(group: &Moved) -> String {
    let count = match group.moved {
        0 => "none".to_string(),
        moved => format!("{moved} of {}", group.of),
    };
    let first = group.first_moved_step.map_or_else(String::new, |step| format!(", first at step {step}"));
    let equal = if group.of > 1 && group.all_equal { ", all equal" } else { "" };
    format!("{} {count}{first}{equal}", group.name)
}

fn point_lines(text: &mut String, point: &Point, of: &Snapshot) {
    let (norm, within) = (short(of.gradient_norm), short(point.stationary_within));
    let kind = match point.kind {
        "none" => format!("none: the gradient norm {norm} is over {within}, so the gradient leads on"),
        kind => format!("{kind}: the gradient norm {norm} is within {within}"),
    };
    line(text, &format!("point: {kind}"));
    let list = |values: &[f64]| -> String {
        match values {
            [first @ .., last] if values.len() > NUMBERS => {
                let shown: Vec<String> = first[..NUMBERS - 2].iter().map(|&e| short(e)).collect();
                format!("{} … {}", shown.join(" "), short(*last))
            }
            few => few.iter().map(|&e| short(e)).collect::<Vec<_>>().join(" "),
        }
    };
    let (negative, rest) = point.eigenvalues.split_at(point.negative);
    let (_, positive) = rest.split_at(point.zero);
    let mut parts = Vec::new();
    for (count, word, values) in
        [(point.negative, "negative", negative), (point.positive, "positive", positive)]
    {
        parts.push(if count == 0 {
            format!("0 {word}")
        } else {
            format!("{count} {word}: {}", list(values))
        });
    }
    parts.insert(1, format!("{} zero within {}", point.zero, short(point.zero_within)));
    wrapped(text, "Hessian", &parts, "; ");
    if point.kind == "strict saddle" {
        let mut order: Vec<usize> = (0..point.lowest_direction.len()).collect();
        let size = |p: usize| point.lowest_direction[p].abs();
        order.sort_by(|&a, &b| size(b).total_cmp(&size(a)));
        let shown = order.iter().take(6).filter(|&&p| size(p) > 1e-9);
        let parts: Vec<String> = shown
            .map(|&p| format!("{} {}", of.parameters[p].name, short(point.lowest_direction[p])))
            .collect();
        let more = if order.iter().filter(|&&p| size(p) > 1e-9).count() > parts.len() { ", …" } else { "" };
        wrapped(text, "downhill", &[parts, vec![more.to_string()]].concat(), ", ");
    }
    if point.kinks_hit > 0 {
        let times = if point.kinks_hit == 1 { "a unit stands" } else { "units stand" };
        let note = format!(
            "kinks: {times} exactly at the kink of the activation function ({} times over all samples); derivatives",
            point.kinks_hit
        );
        line(text, &note);
        line(text, "       there are of the side whose slope is used, and say nothing of the other");
    }
}

/// `name: part; part; …` in lines of at most [`WIDTH`] columns, the later ones set in.
fn wrapped(text: &mut String, name: &str, parts: &[String], between: &str) {
    let mut now = format!("{name}: ");
    let mut fresh = true;
    for part in parts.iter().filter(|part| !part.trim_matches([',', ' ']).is_empty() || part.contains('…'))
    {
        let joint = if fresh { "" } else { between };
        if !fresh && now.chars().count() + joint.len() + part.chars().count() > WIDTH as usize {
            line(text, &(now + between));
            now = " ".repeat(name.len() + 2) + part;
        } else {
            now += joint;
            now += part.trim_start_matches([',', ' ']);
        }
        fresh = false;
    }
    line(text, &now);
}

/// A table without lines; the first column is words, the next `numbers` are numbers, what is left is words. No cell is broken
/// over lines: of what is too wide, the last columns of numbers are left out, with a note.
fn table(text: &mut String, numbers: usize, mut head: Vec<String>, mut rows: Vec<Vec<String>>) {
    let mut left_out = 0;
    let lines = loop {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(head.clone());
        rows.iter().for_each(|row| {
            table.add_row(row.clone());
        });
        let columns = (numbers - left_out).min(head.len() - 1);
        for column in table.column_iter_mut().skip(1).take(columns) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let lines: Vec<String> = table.lines().collect();
        let fits = lines.iter().all(|row| row.trim_end().chars().count() <= WIDTH as usize);
        if fits || columns <= 1 {
            break lines;
        }
        left_out += 1;
        head.remove(columns);
        for row in rows.iter_mut().filter(|row| row.len() > columns) {
            row.remove(columns);
        }
    };
    for row in lines {
        line(text, &row);
    }
    if left_out > 0 {
        line(text, &format!(" … and {left_out} more columns; --json has them all"));
    }
}

/// Says that `what` goes on.
fn cut(text: &mut String, all: usize, shown: usize, what: &str) {
    if all > shown {
        line(text, &format!(" … and {} more {what}; --json has them all", all - shown));
    }
}

fn parameters(text: &mut String, of: &Snapshot) {
    let head = ["parameter", "value", "gradient", "moved since step 0"].map(str::to_string);
    let row = |parameter: &super::snapshot::Parameter| {
        let moved = match (parameter.missing, parameter.moved, parameter.first_moved_step) {
            (true, ..) => "missing".to_string(),
            (_, false, None) => "no".to_string(),
            (_, false, Some(step)) => format!("back (moved at step {step})"),
            (_, true, step) => step.map_or_else(|| "yes".to_string(), |step| format!("from step {step} on")),
        };
        vec![parameter.name.clone(), short(parameter.value), short(parameter.gradient), moved]
    };
    table(text, 2, head.to_vec(), of.parameters.iter().take(ROWS).map(row).collect());
    cut(text, of.parameters.len(), ROWS, "parameters");
}

fn units(text: &mut String, of: &Snapshot) {
    // Layers differ in width, so numbers of a kind share a column: 3 weights in and 2 out at most, and activations in the
    // rest.
    let width = |of: &dyn Fn(&super::snapshot::Unit) -> usize, units: &[super::snapshot::Unit]| {
        units.iter().map(of).max().unwrap_or(0)
    };
    let units = &of.units[..of.units.len().min(ROWS)];
    let (inputs, outputs) =
        (width(&|unit| unit.incoming.len(), units), width(&|unit| unit.outgoing.len(), units));
    let samples = width(&|unit| unit.activations.len(), units);
    let biased = units.iter().any(|unit| unit.bias.is_some());
    let (shown_in, shown_out) = (inputs.min(3), outputs.min(2));
    let shown_samples = samples.min(NUMBERS - shown_in - shown_out);
    let mut head = vec!["unit".to_string()];
    head.extend((0..shown_in).map(|i| format!("in {i}")));
    head.extend(biased.then(|| "bias".to_string()));
    head.extend((0..shown_out).map(|o| format!("out {o}")));
    head.extend((0..shown_samples).map(|s| format!("h({s})")));
    head.push("copies".to_string());
    let field = |numbers: &[f64], at: usize| numbers.get(at).map_or_else(|| "-".to_string(), |&x| short(x));
    let row = |unit: &super::snapshot::Unit| {
        let mut row = vec![format!("{}[{}]", unit.layer, unit.unit)];
        row.extend((0..shown_in).map(|i| field(&unit.incoming, i)));
        row.extend(biased.then(|| unit.bias.map_or_else(|| "-".to_string(), short)));
        row.extend((0..shown_out).map(|o| field(&unit.outgoing, o)));
        row.extend((0..shown_samples).map(|s| field(&unit.activations, s)));
        let like = |other: &&super::snapshot::Unit| {
            other.layer == unit.layer && other.group == unit.group && other.unit < unit.unit
        };
        row.push(match (unit.same_as, of.units.iter().find(like)) {
            (Some(first), _) => format!("= {first}"),
            (None, Some(first)) => format!("~ {}", first.unit),
            (None, None) => "-".to_string(),
        });
        row
    };
    table(text, head.len() - 2, head, units.iter().map(row).collect());
    cut(text, of.units.len(), ROWS, "units");
    let mut hidden = Vec::new();
    for (all, shown, what) in [
        (inputs, shown_in, "weights in"),
        (outputs, shown_out, "weights out"),
        (samples, shown_samples, "activations"),
    ] {
        if all > shown {
            hidden.push(format!("{shown} of {all} {what}"));
        }
    }
    if !hidden.is_empty() {
        line(text, &format!(" (the first {}; --json has them all)", hidden.join(", ")));
    }
    if units.iter().any(|unit| unit.same_as.is_some() || unit.group < unit.unit) {
        line(
            text,
            " copies: = the same as that unit bit for bit, ~ within the tolerance of it or linked to it",
        );
    }
}

fn samples(text: &mut String, of: &Snapshot) {
    let Some(first) = of.samples.first() else { return };
    let (inputs, outputs) = (first.inputs.len().min(4), first.targets.len().min(3));
    let mut head = vec!["sample".to_string()];
    head.extend((0..inputs).map(|i| format!("x{}", i + 1)));
    for o in 0..outputs {
        let suffix = if first.targets.len() == 1 { String::new() } else { format!(" {o}") };
        head.extend([format!("target{suffix}"), format!("output{suffix}")]);
    }
    let row = |(s, sample): (usize, &super::snapshot::Sample)| {
        let mut row = vec![s.to_string()];
        row.extend(sample.inputs.iter().take(inputs).map(|&x| short(x)));
        for (target, output) in sample.targets.iter().zip(&sample.outputs).take(outputs) {
            row.extend([short(*target), short(*output)]);
        }
        row
    };
    table(text, head.len(), head, of.samples.iter().take(ROWS).enumerate().map(row).collect());
    cut(text, of.samples.len(), ROWS, "samples");
    if first.inputs.len() > inputs || first.targets.len() > outputs {
        let shown = format!(
            "{inputs} of {} inputs, {outputs} of {} outputs",
            first.inputs.len(),
            first.targets.len()
        );
        line(text, &format!(" (the first {shown}; --json has them all)"));
    }
}

/// Which groups of parameters had moved by which step.
fn movements(text: &mut String, snapshots: &[Snapshot]) {
    let [_, .., last] = snapshots else { return };
    line(text, "\nmoved since step 0, by step");
    let shown = &snapshots[snapshots.len().saturating_sub(NUMBERS)..];
    let mut head = vec!["".to_string()];
    head.extend(shown.iter().map(|snapshot| format!("step {}", snapshot.step)));
    let row = |(g, group): (usize, &Moved)| {
        let mut row = vec![group.name.clone()];
        row.extend(shown.iter().map(|snapshot| format!("{} of {}", snapshot.moved[g].moved, group.of)));
        row
    };
    table(text, head.len(), head, last.moved.iter().enumerate().map(row).collect());
}

/// Four digits; an exact zero is `0`.
pub fn short(x: f64) -> String {
    if x == 0.0 {
        return "0".to_string();
    }
    let rounded: f64 = format!("{x:.3e}").parse().unwrap_or(x);
    if (1e-3..1e5).contains(&rounded.abs()) || !rounded.is_finite() {
        format!("{rounded}")
    } else {
        format!("{rounded:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_zero_is_exact() {
        for (x, expected) in [
            (0.0, "0"),
            (0.5, "0.5"),
            (-0.123456, "-0.1235"),
            (1e-20, "1e-20"),
            (-1.23456e-5, "-1.235e-5"),
            (99_999.0, "1e5"),
            (1234.56, "1235"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(short(x), expected);
        }
    }
}
