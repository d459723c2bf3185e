//! What a figure shows, before it is drawn: panels of layers in the units of the data.

use plotters::style::RGBColor;

use super::axis::Scale;
use super::palette::Style;

/// A figure to be drawn.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Stem of the file's name.
    pub name: String,
    /// One line over everything.
    pub title: String,
    /// Sentences under everything.
    pub caption: Vec<String>,
    /// For people who do not see it: what kind of picture, and what can be read off it.
    pub alt: String,
    /// What the lines or swatches tell apart.
    pub legend_title: String,
    /// Lines and swatches.
    pub legend: Vec<Entry>,
    /// What colours say, from low to high.
    pub bars: Vec<ColorBar>,
    /// Row by row; rows may differ in length.
    pub rows: Vec<Vec<Panel>>,
    /// Of each panel, in pixels, without its labels.
    pub panel_height: f64,
}

/// A line of the legend.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it stands for.
    pub label: String,
    /// How that looks.
    pub symbol: Symbol,
}

/// What stands before a legend's text.
#[derive(Clone, Copy, Debug)]
pub enum Symbol {
    /// A line with its marker.
    Line(Style),
    /// A patch.
    Patch(RGBColor),
    /// A point that lies above where it is drawn.
    Censored,
}

/// A strip of colours with its values.
#[derive(Clone, Debug)]
pub struct ColorBar {
    /// What the values are.
    pub label: String,
    /// Which value is where; `None` where only the two ends have values.
    pub scale: Option<Scale>,
    /// What to write at its ends where there is no scale.
    pub ends: [String; 2],
    /// Values that contours are drawn at.
    pub levels: Vec<f64>,
    /// Colour by place, 0 to 1.
    pub colors: fn(f64) -> RGBColor,
}

/// One coordinate system.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Over it; may be empty.
    pub title: String,
    /// Left to right.
    pub x: Axis,
    /// Bottom to top.
    pub y: Axis,
    /// From back to front.
    pub layers: Vec<Layer>,
}

/// One axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Which value is where.
    pub scale: Scale,
    /// What the values are.
    pub label: String,
}

/// One value with what belongs to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Datum {
    /// Across.
    pub x: f64,
    /// Up.
    pub y: f64,
    /// Ends of its interval.
    pub interval: Option<(f64, f64)>,
    /// Whether the value is above `y`, which is as far as anybody looked.
    pub censored: bool,
    /// Its cell.
    pub cell: Option<u64>,
    /// Its run.
    pub run: Option<u64>,
    /// Its figures.
    pub text: String,
}

/// Things of one kind in a panel.
#[derive(Clone, Debug)]
pub enum Layer {
    /// Points, their line where neighbours in the list are both there, and their intervals.
    Series {
        /// Ascending in x.
        points: Vec<Datum>,
        /// Of all of them.
        style: Style,
        /// How intervals are shown.
        intervals: Intervals,
    },
    /// Upright rectangles.
    Bars {
        /// One after the other.
        bars: Vec<Bar>,
        /// Of all of them.
        color: RGBColor,
    },
    /// A line across at a value of y; the caption says what it is, since lines of data cross all places for a label.
    Level {
        /// The value.
        at: f64,
    },
    /// A line up at a value of x.
    Wall {
        /// The value.
        at: f64,
        /// What it is.
        label: String,
    },
    /// A coloured rectangle for each pair of slots of both axes.
    Cells(Cells),
    /// Lines of equal value, in slots of both axes.
    Contours(Vec<Vec<(f64, f64)>>),
}

/// Panels in rows of up to three; the last row may have fewer than the others.
pub fn in_rows(panels: Vec<Panel>) -> Vec<Vec<Panel>> {
    let each_row = match panels.len() {
        1 => 1,
        2 | 4 => 2,
        _ => 3,
    };
    let mut rows: Vec<Vec<Panel>> = Vec::new();
    for panel in panels {
        match rows.last_mut() {
            Some(row) if row.len() < each_row => row.push(panel),
            _ => rows.push(vec![panel]),
        }
    }
    rows
}

/// How the intervals of a series look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intervals {
    /// A band around the line.
    Band,
    /// A whisker at each point.
    Whisker,
}

/// An upright rectangle.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// Left and right.
    pub x: (f64, f64),
    /// Bottom and top.
    pub y: (f64, f64),
    /// Its figures.
    pub text: String,
}

/// The rectangles of a map.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    /// Slots of x.
    pub columns: usize,
    /// From the bottom row up, each from left to right; `None` where the map has a hole.
    pub colors: Vec<Option<RGBColor>>,
    /// Column, row, and what belongs there; `x` and `y` of the datum are not used.
    pub data: Vec<(usize, usize, Datum)>,
}
