//! From a [`Sheet`] to an SVG, by plotters.

use plotters::backend::SVGBackend;
use plotters::coord::CoordTranslate;
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, DashedPathElement, PathElement, Polygon, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform, IntoFont, RGBColor, ShapeStyle, WHITE};
use std::collections::BTreeMap;
use std::fmt::Write;

use super::axis::{Scale, Tick};
use super::palette::{GRID, INK, Marker, NOTHING, PALE_INK, Style};
use super::sheet::{Cells, ColorBar, Datum, Intervals, Layer, Panel, Sheet, Symbol};
use super::text::{self, FAMILY, wrap};
use super::{Figure, Mark, PlotError};

/// Width of every figure, in pixels.
pub const WIDTH: f64 = 680.0;
/// plotters places in whole units; so many make a pixel.
const UNITS: f64 = 10.0;
/// plotters takes a font to be so much larger than the size that it writes to the SVG.
const PLOTTERS_FONT: f64 = 1.24;

const MARGIN: f64 = 14.0;
const TITLE: f64 = 17.0;
const LABEL: f64 = 13.0;
const TICK: f64 = 12.5;
const CAPTION: f64 = 12.0;
/// Of text, from one baseline to the next, in font sizes.
const LEADING: f64 = 1.35;
const TICK_LENGTH: f64 = 5.0;
/// Longer words under an axis are cut.
const MOST_UPRIGHT: f64 = 130.0;

/// Censored points of several lines stand in a strip at the top of their panel, a row for each line: arrows at one place are
/// not told apart.
const STRIP_ROW: f64 = 9.0;
/// The ground of the strip.
pub const STRIP: RGBColor = RGBColor(242, 242, 242);

/// Height of the strip of censored points of so many lines, if they have one.
pub fn strip(lines: usize) -> Option<f64> {
    (lines > 1).then_some(lines as f64 * STRIP_ROW + 4.0)
}

/// Draws a sheet.
///
/// # Errors
/// What plotters says; drawing into memory has no reason to fail.
pub fn draw(sheet: &Sheet) -> Result<Figure, PlotError> {
    let layout = Layout::of(sheet);
    let (width, height) = (WIDTH, layout.height.ceil());
    let mut drawn = String::new();
    let mut under = String::new();
    let mut marks = Vec::new();
    {
        let size = ((width * UNITS) as u32, (height * UNITS) as u32);
        let area = SVGBackend::with_string(&mut drawn, size).into_drawing_area();
        let pen = Pen { area };
        let mut y = MARGIN;
        for line in &layout.title {
            pen.text(line, (MARGIN, y), TITLE, INK, (HPos::Left, VPos::Top))?;
            y += TITLE * LEADING;
        }
        legend(&pen, sheet, &layout)?;
        for (bar, at) in sheet.bars.iter().zip(&layout.bars) {
            color_bar(&pen, bar, *at)?;
        }
        for (panels, places) in sheet.rows.iter().zip(&layout.panels) {
            for (panel, place) in panels.iter().zip(places) {
                draw_panel(&pen, panel, place, &mut under, &mut marks)?;
            }
        }
        let mut y = layout.caption_top;
        for line in &layout.caption {
            pen.text(line, (MARGIN, y), CAPTION, PALE_INK, (HPos::Left, VPos::Top))?;
            y += CAPTION * LEADING;
        }
        pen.area.present().map_err(PlotError::drawing)?;
    }
    Ok(Figure {
        name: sheet.name.clone(),
        title: sheet.title.clone(),
        caption: sheet.caption.join(" "),
        alt: sheet.alt.clone(),
        svg: document(&sheet.alt, (width, height), &under, &drawn),
        width: width as u32,
        height: height as u32,
        marks,
    })
}

/// The SVG: a white card, what plotters has no element for, and what plotters drew, in its units.
fn document(alt: &str, (width, height): (f64, f64), under: &str, drawn: &str) -> String {
    // Its own outermost element is one line at the start and one at the end.
    let inner = drawn.split_once('\n').map_or("", |(_, rest)| rest);
    let inner = joined(inner.trim_end().strip_suffix("</svg>").unwrap_or(inner));
    let alt = alt.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{alt}\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n{under}\
         <g transform=\"scale({})\">\n{inner}</g>\n</svg>\n",
        1.0 / UNITS
    )
}

/// The elements that plotters wrote, with strokes of one look that follow each other as one path: a dashed line is an element
/// for each dash otherwise.
fn joined(inner: &str) -> String {
    const POINTS: &str = " points=\"";
    let mut text = String::with_capacity(inner.len());
    let mut open: Option<&str> = None;
    for line in inner.lines() {
        let stroke = line.strip_prefix("<polyline").and_then(|rest| rest.split_once(POINTS));
        if open.is_some() && stroke.map(|(look, _)| look) != open {
            text.push_str("\"/>\n");
            open = None;
        }
        match stroke {
            Some((look, points)) => {
                if open.is_none() {
                    let _ = write!(text, "<path{look} d=\"");
                    open = Some(look);
                }
                let _ = write!(text, "M{}", points.trim_end_matches(['"', '/', '>', ' ']));
            }
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    if open.is_some() {
        text.push_str("\"/>\n");
    }
    text
}

/// Where everything goes, in pixels.
struct Layout {
    title: Vec<String>,
    /// Of each entry of the legend, its left end and the middle of its line.
    legend: Vec<(f64, f64)>,
    bars: Vec<(f64, f64)>,
    panels: Vec<Vec<Place>>,
    caption: Vec<String>,
    caption_top: f64,
    height: f64,
}

/// Where a panel goes, in pixels.
struct Place {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x_ticks: Vec<Tick>,
    /// Whether their labels are read from bottom to top.
    upright: bool,
    /// Height that these take.
    x_tick_height: f64,
    y_ticks: Vec<Tick>,
    x_label: Vec<String>,
    y_label: Vec<String>,
    title: Vec<String>,
    /// Space that the labels of y ticks take.
    y_tick_width: f64,
}

const LEGEND_ROW: f64 = 20.0;
const SYMBOL: f64 = 30.0;
const BAR_WIDTH: f64 = 230.0;
const BAR_HEIGHT: f64 = 12.0;

impl Layout {
    fn of(sheet: &Sheet) -> Layout {
        let room = WIDTH - 2.0 * MARGIN;
        let title = wrap(&sheet.title, TITLE, room);
        let mut y = MARGIN + title.len() as f64 * TITLE * LEADING + 4.0;
        let mut legend = Vec::new();
        if !sheet.legend.is_empty() {
            let title_width = text::width(&sheet.legend_title, LABEL);
            let mut x = MARGIN + if title_width > 0.0 { title_width + 14.0 } else { 0.0 };
            for entry in &sheet.legend {
                let width = SYMBOL + 6.0 + text::width(&entry.label, LABEL);
                if x > MARGIN && x + width > WIDTH - MARGIN {
                    (x, y) = (MARGIN, y + LEGEND_ROW);
                }
                legend.push((x, y + LEGEND_ROW / 2.0));
                x += width + 18.0;
            }
            y += LEGEND_ROW + 4.0;
        }
        let mut bars = Vec::new();
        let mut x = MARGIN;
        for bar in &sheet.bars {
            let width = BAR_WIDTH.max(text::width(&bar.label, LABEL)) + 34.0;
            if x > MARGIN && x + width > WIDTH {
                (x, y) = (MARGIN, y + 52.0);
            }
            bars.push((x, y));
            x += width;
        }
        if !bars.is_empty() {
            y += 56.0;
        }
        let mut panels = Vec::new();
        for (number, row) in sheet.rows.iter().enumerate() {
            let places = places(sheet, number, row, y);
            y = places.iter().map(Place::end).fold(y, f64::max) + 10.0;
            panels.push(places);
        }
        let caption: Vec<String> = wrap(&sheet.caption.join(" "), CAPTION, room);
        let caption_top = y + 4.0;
        let height = caption_top + caption.len() as f64 * CAPTION * LEADING + MARGIN;
        Layout { title, legend, bars, panels, caption, caption_top, height }
    }
}

impl Place {
    /// The bottom of its lowest label.
    fn end(&self) -> f64 {
        self.bottom + TICK_LENGTH + self.x_tick_height + 4.0 + self.x_label.len() as f64 * LABEL * LEADING
    }
}

fn places(sheet: &Sheet, number: usize, row: &[Panel], top: f64) -> Vec<Place> {
    let widest = sheet.rows.iter().map(Vec::len).max().unwrap_or(1).max(1) as f64;
    let each = (WIDTH - 2.0 * MARGIN) / widest;
    let height = sheet.panel_height;
    let title_height = |lines: &[String]| lines.len() as f64 * LABEL * LEADING + 4.0;
    let titles: Vec<Vec<String>> = row.iter().map(|panel| title_lines(&panel.title, each - 40.0)).collect();
    let top = top + titles.iter().map(|lines| title_height(lines)).fold(0.0, f64::max);
    // Of all rows, so that their panels stand in line.
    let tick_width = |panel: &Panel| {
        let ticks = y_ticks(&panel.y.scale, height);
        ticks.iter().map(|tick| text::width(&tick.label, TICK)).fold(0.0, f64::max).min(0.35 * each)
    };
    let label_lines = |panel: &Panel| wrap(&panel.y.label, LABEL, height).len();
    let below = |column: usize| sheet.rows.iter().filter_map(move |row| row.get(column));
    let make = |(column, (panel, title)): (usize, (&Panel, Vec<String>))| {
        let start = MARGIN + column as f64 * each;
        let mut y_ticks = y_ticks(&panel.y.scale, height);
        // The strip is beyond all values.
        let end = 1.0 - strip_of(panel).unwrap_or(0.0) / height;
        y_ticks.retain(|tick| panel.y.scale.position(tick.at).is_some_and(|place| place <= end));
        let y_tick_width = below(column).map(&tick_width).fold(0.0, f64::max);
        let same_y = column > 0 && row[column - 1].y.label == panel.y.label;
        let y_label = if same_y { Vec::new() } else { wrap(&panel.y.label, LABEL, height) };
        let lines = if same_y { 0 } else { below(column).map(label_lines).max().unwrap_or(0) };
        let label_room = if lines == 0 { 0.0 } else { lines as f64 * LABEL * LEADING + 4.0 };
        let left = start + label_room + y_tick_width + TICK_LENGTH + 3.0;
        let right = start + each - 12.0;
        let next = sheet.rows.get(number + 1).and_then(|row| row.get(column));
        let same_x = next.is_some_and(|below| below.x.label == panel.x.label);
        let x_label = if same_x { Vec::new() } else { wrap(&panel.x.label, LABEL, right - left) };
        let (mut x_ticks, upright) = x_ticks(&panel.x.scale, right - left);
        if panel.x.scale == panel.y.scale {
            // The same things on both axes have the same marks: as many as there is room for on both.
            match x_ticks.len() < y_ticks.len() {
                true => y_ticks.clone_from(&x_ticks),
                false => x_ticks.clone_from(&y_ticks),
            }
        }
        let longest = x_ticks.iter().map(|tick| text::width(&tick.label, TICK)).fold(0.0, f64::max);
        Place {
            left,
            right,
            top,
            bottom: top + height,
            x_ticks,
            upright,
            x_tick_height: if upright { longest.min(MOST_UPRIGHT) + 2.0 } else { TICK * LEADING },
            y_ticks,
            x_label,
            y_label,
            title,
            y_tick_width,
        }
    };
    row.iter().zip(titles).enumerate().map(make).collect()
}

/// What does not fit into one line has a line for each of its parts, if these do.
fn title_lines(title: &str, room: f64) -> Vec<String> {
    let whole = wrap(title, LABEL, room);
    if whole.len() < 2 {
        whole
    } else {
        title.split(" · ").flat_map(|part| wrap(part, LABEL, room)).collect()
    }
}

/// Every word has a label, as far as lines of text have room; numbers are read off from fewer.
fn y_ticks(scale: &Scale, room: f64) -> Vec<Tick> {
    let each = if scale.is_of_words() { TICK * 1.2 } else { 34.0 };
    scale.ticks((room / each) as usize)
}

/// Ticks and whether their labels are upright: words that have no room side by side, since between words nobody can guess
/// the ones left out.
fn x_ticks(scale: &Scale, room: f64) -> (Vec<Tick>, bool) {
    if !scale.is_of_words() {
        return (ticks_that_fit(scale, room), false);
    }
    let all = scale.ticks((room / (TICK * 1.2)) as usize);
    let upright = !fit(scale, &all, room);
    (all, upright)
}

/// Whether labels have room side by side.
fn fit(scale: &Scale, ticks: &[Tick], room: f64) -> bool {
    let mut end = f64::NEG_INFINITY;
    ticks.iter().filter(|tick| !tick.label.is_empty()).all(|tick| {
        let middle = scale.position(tick.at).unwrap_or(0.0) * room;
        let half = text::width(&tick.label, TICK) / 2.0;
        let free = middle - half > end + 5.0;
        end = middle + half;
        free
    })
}

/// As many ticks as have room side by side for their labels.
fn ticks_that_fit(scale: &Scale, room: f64) -> Vec<Tick> {
    let most = (room / 30.0) as usize;
    (2..=most.max(2))
        .rev()
        .map(|most| scale.ticks(most))
        .find(|ticks| fit(scale, ticks, room))
        .unwrap_or_else(|| {
            // Too long for two of them: one is better than none.
            scale.ticks(2).into_iter().take(1).collect()
        })
}

/// Draws in pixels.
struct Pen<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

type At = (f64, f64);

fn units((x, y): At) -> (i32, i32) {
    ((x * UNITS).round() as i32, (y * UNITS).round() as i32)
}

fn stroke(color: RGBColor, width: f64) -> ShapeStyle {
    color.stroke_width((width * UNITS).round() as u32)
}

impl Pen<'_> {
    fn line(&self, points: &[At], color: RGBColor, width: f64) -> Result<(), PlotError> {
        let points: Vec<_> = points.iter().map(|at| units(*at)).collect();
        self.area.draw(&PathElement::new(points, stroke(color, width))).map_err(PlotError::drawing)
    }

    fn styled_line(&self, points: &[At], style: Style, width: f64) -> Result<(), PlotError> {
        let Some((dash, gap)) = style.dash else { return self.line(points, style.color, width) };
        let points: Vec<_> = points.iter().map(|at| units(*at)).collect();
        let (dash, gap) = ((dash * UNITS) as u32, (gap * UNITS) as u32);
        self.area
            .draw(&DashedPathElement::new(points, dash, gap, stroke(style.color, width)))
            .map_err(PlotError::drawing)
    }

    fn polygon(&self, points: &[At], color: RGBColor, opacity: f64) -> Result<(), PlotError> {
        let points: Vec<_> = points.iter().map(|at| units(*at)).collect();
        self.area.draw(&Polygon::new(points, color.mix(opacity).filled())).map_err(PlotError::drawing)
    }

    fn rectangle(&self, from: At, to: At, style: ShapeStyle) -> Result<(), PlotError> {
        self.area.draw(&Rectangle::new([units(from), units(to)], style)).map_err(PlotError::drawing)
    }

    /// Only its outline. plotters writes no width for that of a rectangle.
    fn frame(&self, from: At, to: At, color: RGBColor, width: f64) -> Result<(), PlotError> {
        self.line(&[from, (to.0, from.1), to, (from.0, to.1), from, (to.0, from.1)], color, width)
    }

    fn circle(&self, at: At, radius: f64, style: ShapeStyle) -> Result<(), PlotError> {
        self.area.draw(&Circle::new(units(at), radius * UNITS, style)).map_err(PlotError::drawing)
    }

    fn marker(&self, (x, y): At, style: Style) -> Result<(), PlotError> {
        let (r, color) = (3.6, style.color);
        match style.marker {
            Marker::None => Ok(()),
            Marker::Circle => self.circle((x, y), r, color.filled()),
            Marker::Ring => {
                self.circle((x, y), r, WHITE.filled())?;
                self.circle((x, y), r, stroke(color, 1.6))
            }
            Marker::Square => {
                self.rectangle((x - r * 0.9, y - r * 0.9), (x + r * 0.9, y + r * 0.9), color.filled())
            }
            Marker::Box => {
                let s = r * 0.95;
                self.polygon(&[(x - s, y - s), (x + s, y - s), (x + s, y + s), (x - s, y + s)], WHITE, 1.0)?;
                let corners =
                    [(x - s, y - s), (x + s, y - s), (x + s, y + s), (x - s, y + s), (x - s, y - s)];
                self.line(&corners, color, 1.6)
            }
            Marker::Triangle => self.polygon(
                &[(x, y - 1.25 * r), (x + 1.15 * r, y + 0.85 * r), (x - 1.15 * r, y + 0.85 * r)],
                color,
                1.0,
            ),
            Marker::Diamond => {
                let s = 1.3 * r;
                self.polygon(&[(x, y - s), (x + s, y), (x, y + s), (x - s, y)], color, 1.0)
            }
            Marker::Cross => {
                self.line(&[(x - r, y - r), (x + r, y + r)], color, 1.8)?;
                self.line(&[(x - r, y + r), (x + r, y - r)], color, 1.8)
            }
        }
    }

    /// An arrow that says: above here.
    fn arrow(&self, (x, y): At, color: RGBColor) -> Result<(), PlotError> {
        self.line(&[(x, y), (x, y - 11.0)], color, 1.6)?;
        self.polygon(&[(x, y - 15.0), (x + 4.0, y - 8.0), (x - 4.0, y - 8.0)], color, 1.0)?;
        self.line(&[(x - 4.0, y), (x + 4.0, y)], color, 1.6)
    }

    fn text(
        &self,
        text: &str,
        at: At,
        size: f64,
        color: RGBColor,
        (h, v): (HPos, VPos),
    ) -> Result<(), PlotError> {
        let style = (FAMILY, size * UNITS * PLOTTERS_FONT).into_font().color(&color).pos(Pos::new(h, v));
        self.area.draw(&Text::new(text.to_string(), units(at), style)).map_err(PlotError::drawing)
    }

    /// Read from bottom to top; `side` is the end of the text that is at the place.
    fn upward_text(&self, text: &str, at: At, size: f64, side: HPos) -> Result<(), PlotError> {
        let font = (FAMILY, size * UNITS * PLOTTERS_FONT).into_font().transform(FontTransform::Rotate270);
        let style = font.color(&INK).pos(Pos::new(side, VPos::Center));
        self.area.draw(&Text::new(text.to_string(), units(at), style)).map_err(PlotError::drawing)
    }
}

fn legend(pen: &Pen, sheet: &Sheet, layout: &Layout) -> Result<(), PlotError> {
    if let Some(&(_, y)) = layout.legend.first() {
        pen.text(&sheet.legend_title, (MARGIN, y), LABEL, INK, (HPos::Left, VPos::Center))?;
    }
    // Nothing joins words.
    let words = sheet.rows.iter().flatten().any(|panel| panel.x.scale.is_of_words());
    for (entry, &(x, y)) in sheet.legend.iter().zip(&layout.legend) {
        match entry.symbol {
            Symbol::Line(style) => {
                if !words {
                    pen.styled_line(&[(x, y), (x + SYMBOL, y)], style, 2.0)?;
                }
                pen.marker((x + SYMBOL / 2.0, y), style)?;
            }
            Symbol::Patch(color) => {
                pen.rectangle((x + 8.0, y - 6.0), (x + SYMBOL, y + 6.0), color.filled())?;
                pen.frame((x + 8.0, y - 6.0), (x + SYMBOL, y + 6.0), PALE_INK, 0.6)?;
            }
            Symbol::Censored => pen.arrow((x + SYMBOL / 2.0, y + 8.0), INK)?,
        }
        pen.text(&entry.label, (x + SYMBOL + 6.0, y), LABEL, INK, (HPos::Left, VPos::Center))?;
    }
    Ok(())
}

fn color_bar(pen: &Pen, bar: &ColorBar, (x, y): At) -> Result<(), PlotError> {
    const STRIPES: u32 = 64;
    pen.text(&bar.label, (x, y), LABEL, INK, (HPos::Left, VPos::Top))?;
    let (top, x) = (y + LABEL * LEADING, x + 8.0);
    let (bottom, stripe) = (top + BAR_HEIGHT, (BAR_WIDTH - 16.0) / f64::from(STRIPES));
    for i in 0..STRIPES {
        let color = (bar.colors)(f64::from(i) / f64::from(STRIPES - 1));
        let from = x + f64::from(i) * stripe;
        // Over the edge of the next one, so that no white shows between them.
        let to = (from + stripe + 0.5).min(x + BAR_WIDTH - 16.0);
        pen.rectangle((from, top), (to, bottom), color.filled())?;
    }
    pen.frame((x, top), (x + BAR_WIDTH - 16.0, bottom), PALE_INK, 0.8)?;
    for place in bar.levels.iter().filter_map(|level| bar.scale.as_ref()?.position(*level)) {
        let at = x + place * (BAR_WIDTH - 16.0);
        contour(pen, &[(at, top), (at, bottom)])?;
    }
    let Some(scale) = &bar.scale else {
        let [low, high] = &bar.ends;
        pen.text(low, (x, bottom + 5.0), TICK - 1.0, INK, (HPos::Left, VPos::Top))?;
        let end = x + BAR_WIDTH - 16.0;
        return pen.text(high, (end, bottom + 5.0), TICK - 1.0, INK, (HPos::Right, VPos::Top));
    };
    for tick in ticks_that_fit(scale, BAR_WIDTH - 16.0) {
        let Some(place) = scale.position(tick.at) else { continue };
        let at = x + place * (BAR_WIDTH - 16.0);
        if !tick.label.is_empty() {
            pen.line(&[(at, bottom), (at, bottom + 3.0)], PALE_INK, 0.8)?;
            pen.text(&tick.label, (at, bottom + 5.0), TICK - 1.0, INK, (HPos::Center, VPos::Top))?;
        }
    }
    Ok(())
}

fn draw_panel(
    pen: &Pen,
    panel: &Panel,
    place: &Place,
    under: &mut String,
    marks: &mut Vec<Mark>,
) -> Result<(), PlotError> {
    let Place { left, right, top, bottom, .. } = *place;
    let (ends_x, ends_y) = (units((left, right)), units((bottom, top)));
    let coordinates = Cartesian2d::<Scale, Scale>::new(
        panel.x.scale.clone(),
        panel.y.scale.clone(),
        (ends_x.0..ends_x.1, ends_y.0..ends_y.1),
    );
    let at = |x: f64, y: f64| -> Option<At> {
        panel.x.scale.position(x)?;
        panel.y.scale.position(y)?;
        let (x, y) = coordinates.translate(&(x, y));
        Some((f64::from(x) / UNITS, f64::from(y) / UNITS))
    };
    for (number, line) in place.title.iter().enumerate() {
        let y = top - 6.0 - (place.title.len() - 1 - number) as f64 * LABEL * LEADING;
        pen.text(line, ((left + right) / 2.0, y), LABEL, INK, (HPos::Center, VPos::Bottom))?;
    }
    let is_map = panel.layers.iter().any(|layer| matches!(layer, Layer::Cells(_)));
    if let Some(height) = strip_of(panel) {
        pen.rectangle((left, top), (right, top + height), STRIP.filled())?;
    }
    axes(pen, panel, place, is_map)?;
    bands(pen, &at, panel)?;
    let mut labels: Vec<(&str, At, HPos)> = Vec::new();
    let mut walls = 0;
    let mut serial = 0;
    let count = series_of(panel);
    for layer in &panel.layers {
        match layer {
            Layer::Series { points, style, intervals } => {
                series(pen, &at, points, (*style, *intervals, [serial, count]), panel, place, marks)?;
                serial += 1;
            }
            Layer::Bars { bars, color } => {
                for bar in bars {
                    let (Some(mut from), Some(mut to)) = (at(bar.x.0, bar.y.0), at(bar.x.1, bar.y.1)) else {
                        continue;
                    };
                    if bar.x.0 == bar.x.1 {
                        (from.0, to.0) = (from.0 - 6.0, to.0 + 6.0);
                    }
                    pen.rectangle((from.0, to.1), (to.0, from.1), color.filled())?;
                    if from.1 - to.1 > 2.0 {
                        pen.frame((from.0, to.1), (to.0, from.1), WHITE, 0.4)?;
                    }
                    let (x, y) = ((from.0 + to.0) / 2.0, to.1);
                    marks.push(Mark { x, y, cell: None, run: None, text: bar.text.clone() });
                }
            }
            Layer::Level { at: value } => {
                let Some(place) = panel.y.scale.position(*value) else { continue };
                let y = bottom - place * (bottom - top);
                pen.styled_line(&[(left, y), (right, y)], dashed(), 1.0)?;
            }
            Layer::Wall { at: value, label } => {
                let Some(place) = panel.x.scale.position(*value) else { continue };
                let x = left + place * (right - left);
                pen.styled_line(&[(x, top), (x, bottom)], dashed(), 1.0)?;
                let y = top + 10.0 + f64::from(walls) * 16.0;
                walls += 1;
                let room = text::width(label, TICK) + 8.0;
                let side = if x + room > right { (x - 5.0, HPos::Right) } else { (x + 5.0, HPos::Left) };
                labels.push((label, (side.0, y), side.1));
            }
            Layer::Cells(cells) => {
                map_cells(under, panel, place, cells);
                for (column, row, datum) in &cells.data {
                    let Some((x, y)) = at(*column as f64, *row as f64) else { continue };
                    marks.push(Mark { x, y, cell: datum.cell, run: datum.run, text: datum.text.clone() });
                }
            }
            Layer::Contours(lines) => {
                for line in lines {
                    let line: Vec<At> = line.iter().filter_map(|&(x, y)| at(x, y)).collect();
                    contour(pen, &line)?;
                }
            }
        }
    }
    for (label, place, side) in labels {
        label_on_white(pen, label, place, side)?;
    }
    Ok(())
}

/// A line that is seen on dark and on light.
fn contour(pen: &Pen, points: &[At]) -> Result<(), PlotError> {
    pen.line(points, WHITE, 2.6)?;
    pen.line(points, INK, 1.1)
}

/// Height of the strip that a panel has.
fn strip_of(panel: &Panel) -> Option<f64> {
    let censored =
        |layer: &Layer| matches!(layer, Layer::Series { points, .. } if points.iter().any(|p| p.censored));
    if panel.layers.iter().any(censored) { strip(series_of(panel)) } else { None }
}

fn series_of(panel: &Panel) -> usize {
    panel.layers.iter().filter(|layer| matches!(layer, Layer::Series { .. })).count()
}

fn dashed() -> Style {
    Style { color: PALE_INK, marker: Marker::None, dash: Some((5.0, 3.0)) }
}

fn label_on_white(pen: &Pen, label: &str, (x, y): At, side: HPos) -> Result<(), PlotError> {
    let width = text::width(label, TICK - 1.0);
    let start = if matches!(side, HPos::Right) { x - width } else { x };
    let (from, to) = ((start - 2.0, y - 7.0), (start + width + 2.0, y + 7.0));
    let corners = [from, (to.0, from.1), to, (from.0, to.1)];
    pen.polygon(&corners, WHITE, 0.92)?;
    pen.text(label, (x, y), TICK - 1.0, INK, (side, VPos::Center))
}

fn axes(pen: &Pen, panel: &Panel, place: &Place, is_map: bool) -> Result<(), PlotError> {
    let Place { left, right, top, bottom, .. } = *place;
    let (across, up) = (right - left, bottom - top);
    for (tick, vertical) in
        place.x_ticks.iter().map(|tick| (tick, true)).chain(place.y_ticks.iter().map(|tick| (tick, false)))
    {
        let scale = if vertical { &panel.x.scale } else { &panel.y.scale };
        let Some(share) = scale.position(tick.at) else { continue };
        let major = !tick.label.is_empty();
        let length = if major { TICK_LENGTH } else { TICK_LENGTH * 0.6 };
        if vertical {
            let x = left + share * across;
            if major && !is_map {
                pen.line(&[(x, top), (x, bottom)], GRID, 0.8)?;
            }
            pen.line(&[(x, bottom), (x, bottom + length)], INK, 1.0)?;
            if major && place.upright {
                let label = text::cut(&tick.label, TICK, MOST_UPRIGHT);
                pen.upward_text(&label, (x, bottom + TICK_LENGTH + 3.0), TICK, HPos::Right)?;
            } else if major {
                let y = bottom + TICK_LENGTH + 3.0;
                // A label at the very end would stick out of the panel, and out of the picture.
                let half = text::width(&tick.label, TICK) / 2.0;
                let x = x.min(WIDTH - 2.0 - half).max(half + 2.0);
                pen.text(&tick.label, (x, y), TICK, INK, (HPos::Center, VPos::Top))?;
            }
        } else {
            let y = bottom - share * up;
            if major && !is_map {
                pen.line(&[(left, y), (right, y)], GRID, 0.8)?;
            }
            pen.line(&[(left - length, y), (left, y)], INK, 1.0)?;
            if major {
                let label = text::cut(&tick.label, TICK, place.y_tick_width + 1.0);
                pen.text(&label, (left - TICK_LENGTH - 3.0, y), TICK, INK, (HPos::Right, VPos::Center))?;
            }
        }
    }
    pen.frame((left, top), (right, bottom), INK, 1.0)?;
    // The frame is interrupted where the axis jumps from 0 to its start.
    if let Some(gap) = panel.x.scale.gap() {
        let (from, to) = (left + gap.start * across, left + gap.end * across);
        for y in [top, bottom] {
            broken(pen, [(from, y), (to, y)])?;
        }
    }
    if let Some(gap) = panel.y.scale.gap() {
        let (from, to) = (bottom - gap.start * up, bottom - gap.end * up);
        for x in [left, right] {
            broken(pen, [(x, from), (x, to)])?;
        }
    }
    for (number, line) in place.x_label.iter().enumerate() {
        let y = bottom + TICK_LENGTH + place.x_tick_height + 5.0 + number as f64 * LABEL * LEADING;
        pen.text(line, ((left + right) / 2.0, y), LABEL, INK, (HPos::Center, VPos::Top))?;
    }
    let start = left - TICK_LENGTH - 3.0 - place.y_tick_width - 6.0;
    for (number, line) in place.y_label.iter().rev().enumerate() {
        let x = start - LABEL * LEADING / 2.0 - number as f64 * LABEL * LEADING;
        pen.upward_text(line, (x, (top + bottom) / 2.0), LABEL, HPos::Center)?;
    }
    Ok(())
}

/// Takes a piece out of the frame, with a slanted stroke at both its ends.
fn broken(pen: &Pen, [from, to]: [At; 2]) -> Result<(), PlotError> {
    pen.line(&[from, to], WHITE, 3.0)?;
    for (x, y) in [from, to] {
        pen.line(&[(x - 2.5, y + 4.0), (x + 2.5, y - 4.0)], INK, 1.0)?;
    }
    Ok(())
}

/// Zero is not joined to the values that have a logarithm, nor a word to a word, nor anything to a value that is not known.
fn connected(at: &dyn Fn(f64, f64) -> Option<At>, a: &Datum, b: &Datum, across: &Scale) -> bool {
    let known = at(a.x, a.y).is_some() && at(b.x, b.y).is_some();
    let zero_apart = across.gap().is_some() && a.x == 0.0;
    known && !a.censored && !b.censored && !zero_apart && !across.is_of_words()
}

/// The bands of all series, under all of their lines.
fn bands(pen: &Pen, at: &dyn Fn(f64, f64) -> Option<At>, panel: &Panel) -> Result<(), PlotError> {
    let count = series_of(panel);
    let opacity = if count > 3 { 0.12 } else { 0.2 };
    for layer in &panel.layers {
        let Layer::Series { points, style, intervals: Intervals::Band } = layer else { continue };
        for stretch in points.chunk_by(|a, b| connected(at, a, b, &panel.x.scale)) {
            let ends = |end: fn((f64, f64)) -> f64| {
                let end = move |p: &Datum| at(p.x, end(p.interval?));
                stretch.iter().filter_map(end).collect::<Vec<At>>()
            };
            let mut outline = ends(|interval| interval.0);
            outline.extend(ends(|interval| interval.1).into_iter().rev());
            if outline.len() > 2 && stretch.len() > 1 {
                pen.polygon(&outline, style.color, opacity)?;
            }
        }
    }
    Ok(())
}

fn series(
    pen: &Pen,
    at: &dyn Fn(f64, f64) -> Option<At>,
    points: &[Datum],
    (style, intervals, [serial, count]): (Style, Intervals, [usize; 2]),
    panel: &Panel,
    place: &Place,
    marks: &mut Vec<Mark>,
) -> Result<(), PlotError> {
    let Place { left, right, top, bottom, .. } = *place;
    // All points of a word stand at the same place, and would hide each other.
    let words = if let Scale::Slots(slots) = &panel.x.scale { slots.names.len() } else { 0 };
    let apart = if words > 0 { (0.8 * (right - left) / (words * count) as f64).min(11.0) } else { 0.0 };
    let aside = (serial as f64 - (count as f64 - 1.0) / 2.0) * apart;
    let at = |x: f64, y: f64| at(x, y).map(|(x, y)| (x + aside, y));
    let at: &dyn Fn(f64, f64) -> Option<At> = &at;
    for stretch in points.chunk_by(|a, b| connected(at, a, b, &panel.x.scale)) {
        let line: Vec<At> = stretch.iter().filter_map(|p| at(p.x, p.y)).collect();
        if line.len() > 1 {
            pen.styled_line(&line, style, 1.8)?;
        }
        if intervals == Intervals::Whisker || stretch.len() == 1 {
            for point in stretch {
                let Some((low, high)) = point.interval else { continue };
                let Some((x, y)) = at(point.x, point.y) else { continue };
                // What is beyond the picture ends at its edge; what has no upper end, in an arrow.
                let low = at(point.x, low).map_or(bottom, |(_, y)| y);
                pen.line(&[(x, low), (x, y)], style.color, 1.4)?;
                pen.line(&[(x - 3.0, low), (x + 3.0, low)], style.color, 1.4)?;
                if high == f64::INFINITY {
                    pen.arrow((x, y), style.color)?;
                } else {
                    let high = at(point.x, high).map_or(top, |(_, y)| y);
                    pen.line(&[(x, y), (x, high)], style.color, 1.4)?;
                    pen.line(&[(x - 3.0, high), (x + 3.0, high)], style.color, 1.4)?;
                }
            }
        }
    }
    // Of many points a few have a marker, elsewhere on every line.
    let every = if points.len() > 30 && words == 0 { points.len() / 7 } else { 1 };
    let first = serial * every / count;
    let zero_apart = panel.x.scale.gap().is_some();
    for (number, point) in points.iter().enumerate() {
        let Some((x, mut y)) = at(point.x, point.y) else { continue };
        if point.censored && strip(count).is_some() {
            y = top + 2.0 + STRIP_ROW * (serial as f64 + 0.5);
            pen.marker((x, y), style)?;
        } else if point.censored {
            pen.arrow((x.clamp(left + 4.0, right - 4.0), y), style.color)?;
        } else if number % every == first || number == 0 && zero_apart {
            pen.marker((x, y), style)?;
        }
        marks.push(Mark { x, y, cell: point.cell, run: point.run, text: point.text.clone() });
    }
    Ok(())
}

/// The rectangles of a map, those of a colour as one path in whole units of slots.
fn map_cells(under: &mut String, panel: &Panel, place: &Place, cells: &Cells) {
    let (Scale::Slots(x), Scale::Slots(y)) = (&panel.x.scale, &panel.y.scale) else { return };
    let Place { left, right, top, bottom, .. } = *place;
    let (across, up) = (right - left, bottom - top);
    let (x_ends, y_ends) = (|slot| x.ends(slot), |slot| y.ends(slot));
    let (wide, high) = (x_ends(0).1 - x_ends(0).0, y_ends(0).1 - y_ends(0).0);
    let mut paths: BTreeMap<(u8, u8, u8), String> = BTreeMap::new();
    for (row, colors) in cells.colors.chunks(cells.columns.max(1)).enumerate() {
        let bottom = y_ends(row).0 / high;
        let mut column = 0;
        while column < colors.len() {
            let RGBColor(r, g, b) = colors[column].unwrap_or(NOTHING);
            // Not across the gap after the slot of zero.
            let from = x_ends(column).0 / wide;
            let same = |&next: &usize| {
                colors[next] == colors[column]
                    && (x_ends(next).0 / wide - from - (next - column) as f64).abs() < 0.1
            };
            let end = (column + 1..colors.len()).take_while(same).count() + column + 1;
            let path = paths.entry((r, g, b)).or_default();
            let length = end - column;
            // Writing to a String cannot fail. Halves, where there is a gap, are exact.
            let _ = write!(path, "M{} {}h{length}v1h-{length}z", halves(from), halves(bottom));
            column = end;
        }
    }
    let _ = writeln!(
        under,
        "<g shape-rendering=\"crispEdges\" transform=\"matrix({} 0 0 {} {left} {bottom})\">",
        across * wide,
        -up * high
    );
    for ((r, g, b), path) in paths {
        let _ = writeln!(under, "<path fill=\"#{r:02x}{g:02x}{b:02x}\" d=\"{path}\"/>");
    }
    under.push_str("</g>\n");
}

fn halves(x: f64) -> f64 {
    (2.0 * x).round() / 2.0
}
