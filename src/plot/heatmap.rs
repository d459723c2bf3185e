//! Any column over two keys, with contours.

use contour::ContourBuilder;

use super::axis::{Scale, number};
use super::fraction::{diverged_in_words, meaning_of_columns, measures};
use super::kind::Kind;
use super::maps::{Described, Map, color_scale, shade};
use super::palette::{NOTHING, sequential};
use super::sheet::{ColorBar, Entry, Layer, Sheet, Symbol};
use super::sweep::Sweep;
use super::words::{capitalized, counted, is_share, label, meaning, reading, value_of};
use super::{PlotError, Request};

/// Contours of more cells are no help to the eye.
const MOST_CONTOURED: usize = 64 * 64;

/// A map of each column: the one that was asked for, else those that say most.
pub fn sheets(sweep: &Sweep, request: &Request) -> Result<Vec<Sheet>, PlotError> {
    let columns = match &request.color {
        Some(name) => vec![sweep.column("--color", name)?],
        None => {
            let mut columns = measures(sweep)?;
            let [accuracy] = sweep.values(["accuracy_test_mean"]).unwrap_or_default();
            if accuracy.iter().any(|share| share.is_finite()) {
                columns.push("accuracy_test_mean".into());
            }
            columns
        }
    };
    columns.iter().map(|column| sheet(sweep, request, column)).collect()
}

fn sheet(sweep: &Sweep, request: &Request, column: &str) -> Result<Sheet, PlotError> {
    let kind = Kind::Heatmap;
    let map = Map::of(kind, sweep, request)?;
    let [values] = sweep.values([column])?;
    let shown = map.shown(sweep);
    let all: Vec<f64> = shown.iter().map(|at| values[*at]).collect();
    if all.iter().all(|value| !value.is_finite()) {
        return Err(
            kind.unsuited(format!("no cell has a value of {column}; choose another column with --color"))
        );
    }
    let share = is_share(column);
    let scale = if share { Scale::Linear { low: 0.0, high: 1.0 } } else { color_scale(&all) };
    let levels = levels(&scale, share, &all);
    let color = |at: usize| scale.position(values[at]).map(|place| sequential(shade(place)));
    let text =
        |at: usize| format!("{}, {}", reading(column, values[at], None), counted(sweep.rows[at].runs, "run"));
    let columns = map.columns();
    let mut drawn = Vec::new();
    let mut panels = Vec::new();
    for grid in map.grids(sweep) {
        // Between values, contours go by the place on the scale, as colours do.
        let places: Vec<f64> = grid
            .rows
            .iter()
            .map(|at| at.and_then(|at| scale.position(values[at])).unwrap_or(f64::NAN))
            .collect();
        let mut contours = Vec::new();
        for level in &levels {
            let found =
                contour_lines(&places, columns, scale.position(*level).unwrap_or(0.0), map.apart(sweep))?;
            if !found.is_empty() {
                drawn.push(*level);
                contours.push(Layer::Contours(found));
            }
        }
        panels.push(map.panel(sweep, &grid, color, text, contours));
    }
    drawn.sort_by(f64::total_cmp);
    drawn.dedup();
    let mut caption = Vec::new();
    if !drawn.is_empty() {
        let list: Vec<String> = drawn.iter().map(|level| number(*level)).collect();
        caption.push(format!(
            "Lines, marked on the colour bar: where it is {}, interpolated between cells.",
            list.join(", ")
        ));
    }
    caption.extend(meaning_of_columns(&[column.to_string()]));
    caption.extend(diverged_in_words(sweep, &shown, &[column.to_string()]));
    let missing = all.iter().any(|value| !value.is_finite());
    let there = all.into_iter().filter(|value| value.is_finite());
    let (low, high) = there.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
    let legend = Entry { label: "no value".into(), symbol: Symbol::Patch(NOTHING) };
    Ok(map.sheet(
        sweep,
        Described {
            name: format!("{}-{column}", kind.word()),
            title: meaning(column).unwrap_or_else(|| column.to_string()),
            caption,
            alt: format!("From {} to {}.", value_of(column, low), value_of(column, high)),
            legend: if missing { vec![legend] } else { Vec::new() },
            bars: vec![ColorBar {
                label: capitalized(&label(column)),
                scale: Some(scale),
                ends: Default::default(),
                levels: drawn,
                colors: sequential,
            }],
        },
        panels,
    ))
}

/// Values at which lines are drawn.
fn levels(scale: &Scale, share: bool, values: &[f64]) -> Vec<f64> {
    if share {
        return vec![0.1, 0.5, 0.9];
    }
    let there: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let inside = |level: &f64| there.iter().any(|x| x < level) && there.iter().any(|x| x >= level);
    scale
        .ticks(5)
        .into_iter()
        .filter(|tick| !tick.label.is_empty())
        .map(|tick| tick.at)
        .filter(inside)
        .collect()
}

/// Lines where values that are given in the middle of cells, from the bottom row up, are at `level`, in slots. They end at the
/// middle of the outermost cells, and where a value is missing; the first columns and rows, `left` and `bottom` many, have none.
fn contour_lines(
    values: &[f64],
    columns: usize,
    level: f64,
    [left, bottom]: [usize; 2],
) -> Result<Vec<Vec<(f64, f64)>>, PlotError> {
    let lines = values.len() / columns.max(1);
    if columns < 4 || lines < 4 || values.len() > MOST_CONTOURED {
        return Ok(Vec::new());
    }
    // A missing value counts as under every level there, and what lies outside of the grid, too: lines along these go.
    let found = ContourBuilder::new(columns, lines, true)
        .lines(values, &[level])
        .map_err(|error| PlotError::Drawing(error.to_string()))?;
    let (width, height) = (columns as f64, lines as f64);
    let missing = |x: f64, y: f64| {
        let near = |at: f64, count: usize| {
            let low = (at - 0.5).floor().max(0.0) as usize;
            [low, low + 1].into_iter().filter(move |at| *at < count)
        };
        near(y, lines).any(|row| near(x, columns).any(|column| values[row * columns + column].is_nan()))
    };
    let mut pieces = Vec::new();
    for ring in found.into_iter().flat_map(|line| line.geometry().0.clone()) {
        let mut piece: Vec<(f64, f64)> = Vec::new();
        for point in ring.0 {
            let (x, y) = (point.x, point.y);
            let edge =
                x < 0.5 + left as f64 || y < 0.5 + bottom as f64 || x > width - 0.5 || y > height - 0.5;
            if !x.is_finite() || !y.is_finite() || edge || missing(x, y) {
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece.push((x - 0.5, y - 0.5));
            }
        }
        pieces.push(piece);
    }
    pieces.retain(|piece| piece.len() > 1);
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contours_run_where_the_level_is() {
        // A ramp from left to right, value = column: the line of 1.5 is upright between columns 1 and 2.
        let ramp: Vec<f64> = (0..20).map(|at| f64::from(at % 5)).collect();
        let lines = contour_lines(&ramp, 5, 1.5, [0, 0]).unwrap();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].iter().all(|(x, _)| (x - 1.5).abs() < 1e-9), "{lines:?}");
        assert!(lines[0].iter().all(|(_, y)| (0.0..=3.0).contains(y)));
        assert!(contour_lines(&ramp, 5, 9.0, [0, 0]).unwrap().is_empty());
        // Not into a column that stands apart.
        assert!(contour_lines(&ramp, 5, 0.5, [1, 0]).unwrap().is_empty());
        assert_eq!(contour_lines(&ramp, 5, 0.5, [0, 0]).unwrap().len(), 1);
    }

    #[test]
    fn a_missing_value_cuts_the_line_and_is_no_cliff() {
        let mut ramp: Vec<f64> = (0..42).map(|at| f64::from(at % 6)).collect();
        ramp[3 * 6 + 2] = f64::NAN;
        let lines = contour_lines(&ramp, 6, 2.5, [0, 0]).unwrap();
        let points: Vec<(f64, f64)> = lines.concat();
        assert!(points.iter().all(|(x, y)| (x - 2.5).abs() < 1e-9 && (y - 3.0).abs() > 0.9), "{points:?}");
        assert!(points.len() >= 4);
    }
}
