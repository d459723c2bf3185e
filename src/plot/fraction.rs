//! Shares against a swept key, with their intervals.

use super::axis::{Scale, is_log};
use super::kind::Kind;
use super::roles::{Line, Roles, across, axis, said, value, with_gaps};
use super::sheet::{Axis, Datum, Entry, Intervals, Layer, Panel, Sheet, Symbol};
use super::sweep::Sweep;
use super::words::{capitalized, counted, is_share, label, meaning, reading, value_of};
use super::{PlotError, Request};

/// Height of a panel.
const HEIGHT: f64 = 260.0;

/// The shares that break symmetry and solve the task, or another column, against a key.
pub fn sheets(sweep: &Sweep, request: &Request) -> Result<Vec<Sheet>, PlotError> {
    let kind = Kind::Fraction;
    let Some(x) = across(sweep, request.x.as_ref())? else {
        return Err(kind.unsuited("the sweep sweeps no key, so there is nothing to plot shares against"));
    };
    let color = request.color.as_ref().map(|name| sweep.key("--color", name)).transpose()?;
    let columns = match &request.y {
        Some(y) => vec![sweep.column("--y", y)?],
        None => measures(sweep)?,
    };
    let roles = Roles::of(sweep, &[x], color, true);
    let groups = roles.groups(sweep);
    let mut rows: Vec<Vec<Panel>> = vec![Vec::new(); groups.len()];
    for column in &columns {
        let [low, middle, high] = with_interval(sweep, column)?;
        if middle.iter().all(|y| !y.is_finite()) {
            return Err(
                kind.unsuited(format!("--y {column}: no cell has a value there; choose another column"))
            );
        }
        let y = y_axis(column, &middle);
        for (panels, (title, lines)) in rows.iter_mut().zip(&groups) {
            let layers = lines.iter().map(|line| series(sweep, x, line, column, [&low, &middle, &high]));
            let what = if columns.len() > 1 {
                capitalized(&meaning(column).unwrap_or_default())
            } else {
                String::new()
            };
            let title = [what, title.clone()].into_iter().filter(|part| !part.is_empty());
            panels.push(Panel {
                title: title.collect::<Vec<_>>().join(" · "),
                x: Axis { scale: axis(&sweep.keys[x]), label: capitalized(&label(&sweep.keys[x].name)) },
                y: y.clone(),
                layers: layers.collect(),
            });
        }
    }
    if columns.len() > 1 {
        rows.iter_mut().flatten().for_each(|panel| panel.y.label = "Share of runs".into());
    }
    let what: Vec<String> =
        columns.iter().map(|column| meaning(column).unwrap_or_else(|| column.clone())).collect();
    let across = meaning(&sweep.keys[x].name).unwrap_or_else(|| sweep.keys[x].name.clone());
    let title = format!("{}: {}, by {across}", sweep.name, what.join(" and "));
    let mut caption = vec![sweep.runs_in_words(roles.rows(sweep))];
    if columns.iter().any(|column| column.starts_with("fraction_")) {
        caption.push("Bands and whiskers: 95 % Wilson intervals.".into());
    }
    caption.extend(meaning_of_columns(&columns));
    caption.extend(diverged_in_words(sweep, &roles.places(sweep), &columns));
    caption.extend(roles.in_words(sweep));
    caption.extend(sweep.settings_in_words());
    let name = match &request.y {
        Some(y) => format!("{}-{y}", kind.word()),
        None => kind.word().to_string(),
    };
    let alt = format!(
        "{title}. {} plot with {}.{}",
        if sweep.keys[x].is_ordered() { "Line" } else { "Point" },
        counted((columns.len() * groups.len()) as u64, "panel"),
        ends(sweep, x, &columns)?
    );
    Ok(vec![Sheet {
        name,
        title,
        caption,
        alt,
        legend_title: roles.legend_title(sweep),
        legend: legend(&groups),
        bars: Vec::new(),
        rows,
        panel_height: HEIGHT,
    }])
}

/// The legend of lines, if there is more than one.
pub fn legend(groups: &[(String, Vec<Line>)]) -> Vec<Entry> {
    let lines = groups.first().map_or(&[][..], |(_, lines)| lines);
    let entry = |line: &Line| Entry { label: line.label.clone(), symbol: Symbol::Line(line.style) };
    if lines.len() > 1 { lines.iter().map(entry).collect() } else { Vec::new() }
}

/// The columns that say most: where wide layers are only partly broken, whether they are symmetric says more.
pub fn measures(sweep: &Sweep) -> Result<Vec<String>, PlotError> {
    let [broken, partial, symmetric] = sweep.values(["broken", "partial", "symmetric"])?;
    let sum = |column: &[f64]| column.iter().filter(|n| n.is_finite()).sum::<f64>();
    let (broken, partial, symmetric) = (sum(&broken), sum(&partial), sum(&symmetric));
    let mut columns = Vec::new();
    // A net without two units in a layer has no symmetry to break.
    if broken + partial + symmetric > 0.0 {
        columns.push(if partial > broken { "fraction_asymmetric" } else { "fraction_broken" }.to_string());
    }
    columns.push("fraction_solved".to_string());
    Ok(columns)
}

/// What the headline columns mean, in full.
pub fn meaning_of_columns(columns: &[String]) -> Option<String> {
    let said = |column: &String| match column.as_str() {
        "fraction_broken" => Some("broken: at the end all units of each hidden layer differ"),
        "fraction_asymmetric" => Some("not symmetric: at the end no hidden layer has all its units alike"),
        "fraction_escaped" => Some("escaped: started symmetric and does not end so"),
        "fraction_solved" => Some("solved: the criterion of the task held at some step"),
        _ => None,
    };
    let said: Vec<&str> = columns.iter().filter_map(said).collect();
    (!said.is_empty()).then(|| format!("{}.", capitalized(&said.join("; "))))
}

/// How many runs of the rows at `shown` diverged, where `columns` are shares: without that a share of 0 reads as if all of
/// them had ended the other way.
pub fn diverged_in_words(sweep: &Sweep, shown: &[usize], columns: &[String]) -> Option<String> {
    if !columns.iter().any(|column| column.starts_with("fraction_")) {
        return None;
    }
    // Files of others may lack the column.
    let [diverged] = sweep.values(["diverged"]).ok()?;
    let runs: f64 = shown.iter().map(|at| diverged[*at]).filter(|runs| *runs > 0.0).sum();
    let verb = if runs == 1.0 { "counts" } else { "count" };
    let as_what = if columns.len() == 2 { "as neither" } else { "only in the total" };
    (runs > 0.0).then(|| format!("{} diverged and {verb} {as_what}.", counted(runs as u64, "run")))
}

/// Low end, value and high end of a column; the ends are NaN where it has none.
fn with_interval(sweep: &Sweep, column: &str) -> Result<[Vec<f64>; 3], PlotError> {
    let (low, high) = (format!("{column}_low"), format!("{column}_high"));
    if sweep.columns.contains(&low) && sweep.columns.contains(&high) {
        return sweep.values([&low, column, &high]);
    }
    let [middle] = sweep.values([column])?;
    let nothing = vec![f64::NAN; middle.len()];
    Ok([nothing.clone(), middle, nothing])
}

fn y_axis(column: &str, values: &[f64]) -> Axis {
    let scale =
        if is_share(column) { share_scale() } else { Scale::of(values.iter().copied(), is_log(values)) };
    Axis { scale, label: capitalized(&label(column)) }
}

/// From 0 to 1, with a margin for the lines at its ends.
pub fn share_scale() -> Scale {
    Scale::Linear { low: -0.04, high: 1.04 }
}

fn series(sweep: &Sweep, x: usize, line: &Line, column: &str, [low, middle, high]: [&Vec<f64>; 3]) -> Layer {
    let key = &sweep.keys[x];
    let datum = |at: &usize| {
        let (row, y) = (&sweep.rows[*at], middle[*at]);
        let ends = (low[*at], high[*at]);
        let interval = (ends.0.is_finite() && ends.1.is_finite()).then_some(ends);
        let of = if line.said.is_empty() { String::new() } else { format!(", {}", line.said) };
        let text = format!(
            "{}{of}: {}, {}",
            said(key, row.values[x]),
            reading(column, y, interval),
            counted(row.runs, "run")
        );
        Datum { x: value(key, row.values[x]), y, interval, cell: Some(row.cell), text, ..Datum::default() }
    };
    let points = with_gaps(key, line.rows.iter().map(datum).collect());
    let intervals = if key.is_ordered() { Intervals::Band } else { Intervals::Whisker };
    Layer::Series { points, style: line.style, intervals }
}

/// To four digits.
pub fn short(x: f64) -> String {
    if x.is_finite() { super::axis::number(x) } else { "none".into() }
}

/// What the ends of the axis have, for the text of who cannot see the picture.
fn ends(sweep: &Sweep, x: usize, columns: &[String]) -> Result<String, PlotError> {
    let key = &sweep.keys[x];
    let mut text = String::new();
    for column in columns {
        let [values] = sweep.values([column.as_str()])?;
        let mean = |slot: usize| {
            let of = sweep.rows.iter().zip(&values).filter(|(row, y)| row.values[x] == slot && y.is_finite());
            let (sum, count) = of.fold((0.0, 0.0), |(sum, count), (_, y)| (sum + y, count + 1.0));
            sum / count
        };
        let last = key.names.len() - 1;
        let (first, at_last) = (&key.names[0], &key.names[last]);
        let means = [mean(0), mean(last)].map(|mean| value_of(column, mean));
        text += &format!(
            " {}: on average {} at {first} and {} at {at_last}.",
            capitalized(&meaning(column).unwrap_or_else(|| column.clone())),
            means[0],
            means[1]
        );
    }
    Ok(text)
}
