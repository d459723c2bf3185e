//! A fit as tables for people, at most 100 columns wide.

use std::fmt::Write;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::regression::{Interval, Laws};
use super::survival::Median;
use super::{CellFit, Fit, Half};
use crate::inspect::text::short;

/// Columns of a terminal that tables must fit.
const WIDTH: u16 = 100;
/// Rows of the table of cells.
const ROWS: usize = 60;

/// The tables and figures of one group.
pub fn text(of: &Fit) -> String {
    let mut text = String::new();
    cells(&mut text, of);
    if of.runs_at_zero > 0 {
        line(&mut text, &format!(" ({} runs at scale 0 are set apart)", of.runs_at_zero));
    }
    let why = |name: &str| of.missing.get(name).map_or("", String::as_str);
    laws(&mut text, "time to solve", of.solve.as_ref().ok_or(why("solve")));
    if of.at_rest > 0 && of.solve.as_ref().is_some_and(|laws| laws.ever.is_none()) {
        let note = format!(
            "  {} runs in range are neither solved nor symmetric and hardly move: they count as still to be",
            of.at_rest
        );
        line(&mut text, &note);
        line(&mut text, "  solved and may never be; if they are many, go by the time to break");
    }
    laws(&mut text, "time to break", of.breaks.as_ref().ok_or(why("break")));
    line(&mut text, "");
    half(&mut text, "half are solved", of.half_solved.as_ref().ok_or(why("half_solved")));
    half(&mut text, "half are broken", of.half_broken.as_ref().ok_or(why("half_broken")));
    text
}

/// Adds a line. Writing to a String cannot fail.
fn line(text: &mut String, line: &str) {
    let _ = writeln!(text, "{}", line.trim_end());
}

fn cells(text: &mut String, of: &Fit) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header([
        "scale",
        "runs",
        "solved",
        "median steps [95 %]",
        "started sym.",
        "broke",
        "median steps [95 %]",
        "fit",
    ]);
    for cell in of.cells.iter().take(ROWS) {
        table.add_row(row(cell));
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for row in table.lines() {
        line(text, &row);
    }
    if of.cells.len() > ROWS {
        line(text, &format!(" … and {} more scales; --json has them all", of.cells.len() - ROWS));
    }
}

fn row(cell: &CellFit) -> Vec<String> {
    let median = |median: &Median| {
        let rough = |x: f64| short(format!("{x:.2e}").parse().unwrap_or(x));
        let end = |end: Option<f64>| end.map_or_else(|| "?".to_string(), rough);
        match median.median {
            Some(middle) => format!("{} [{}, {}]", rough(middle), end(median.low), end(median.high)),
            None if median.low.is_some() => format!("- [{}, ?]", end(median.low)),
            None => "-".to_string(),
        }
    };
    vec![
        short(cell.scale),
        cell.runs.to_string(),
        cell.solve.events.to_string(),
        median(&cell.solve),
        cell.started_symmetric.to_string(),
        cell.breaks.events.to_string(),
        median(&cell.breaks),
        if cell.in_range { "yes" } else { "" }.to_string(),
    ]
}

fn interval(of: &Interval) -> String {
    format!("{:.3} [{:.3}, {:.3}]", of.value, of.low, of.high)
}

fn laws(text: &mut String, name: &str, of: Result<&Laws, &str>) {
    let laws = match of {
        Ok(laws) => laws,
        Err(why) => return line(text, &format!("\n{name}: no law: {why}")),
    };
    line(
        text,
        &format!(
            "\n{name} over {} scales from {} to {}: {} runs, of those {} censored, {} seeds",
            laws.scales,
            short(laws.from),
            short(laws.to),
            laws.runs,
            laws.censored,
            laws.seeds
        ),
    );
    if let Some(ever) = &laws.ever {
        let note =
            format!("  it ever happens to a share {} of the runs; the laws are of these", interval(ever));
        line(text, &note);
    }
    line(text, &format!("  slope of ln T against ln scale: {} (95 %, over seeds)", interval(&laws.slope)));
    for law in &laws.laws {
        let formula = match law.law {
            "a + b log(1/r)" => format!("{} + {} ln(1/r)", short(law.constant), short(law.coefficient)),
            _ => format!("{} r^{}", short(law.constant), short(law.coefficient)),
        };
        let aic = law.delta_aic.map_or_else(|| "could not be fitted".into(), |aic| format!("AIC +{aic:.1}"));
        let formula = if law.delta_aic.is_some() { formula } else { String::new() };
        line(text, &format!("  {:<16}{aic:>20}   {formula}", law.law));
    }
    let verdict = match (laws.consistent, laws.best) {
        (true, "a + b log(1/r)") => "and fits better than any power law",
        (true, _) => "and its exponent is within the slope's interval",
        (false, "a + b log(1/r)") => "but another power law fits better",
        (false, _) => "but its exponent is outside the slope's interval",
    };
    line(text, &format!("  of the three laws {} fits best, {verdict}", laws.best));
}

fn half(text: &mut String, name: &str, of: Result<&Half, &str>) {
    match of {
        Err(why) => line(text, &format!("{name}: at no scale, {why}")),
        Ok(half) => {
            let end = |end: Option<f64>| end.map_or_else(|| "?".to_string(), short);
            let how = match (half.jumps, half.rises) {
                (true, _) => "the share jumps between these two scales",
                (false, true) => "95 %; more above",
                (false, false) => "95 %; fewer above",
            };
            let again = if half.crosses_again { "; crosses one half again higher up" } else { "" };
            let (low, high) = (end(half.low), end(half.high));
            line(text, &format!("{name} at scale {} [{low}, {high}] ({how}{again})", short(half.scale)));
        }
    }
}
