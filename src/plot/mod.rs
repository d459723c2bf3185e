//! Pictures of a finished sweep, from its result files alone.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`kind`] | the kinds of figures and which of them suit a sweep |
//! | [`sweep`] | what a result directory holds, by key and column |
//! | [`roles`] | which key goes across, which is told apart by colour, which by panel, which is held fixed |
//! | `fraction`, `curves`, `times`, `losses`, `heatmap`, `maps`, `traces`, `similarity` | one kind each, but for the two maps |
//! | [`sheet`] | what a figure shows, in the units of the data |
//! | [`mod@draw`] | a sheet as SVG |
//! | [`png`] | an SVG as PNG |
//! | [`axis`], [`palette`], [`text`], [`words`] | places, colours, room for text, names of things |

use std::path::Path;

use crate::output::{self, OutputError, cells, params};
use crate::spec::SpecError;

pub mod axis;
mod curves;
pub mod draw;
pub mod fraction;
mod heatmap;
pub mod kind;
mod losses;
mod maps;
pub mod palette;
pub mod png;
pub mod roles;
pub mod sheet;
mod similarity;
pub mod sweep;
pub mod text;
mod times;
mod traces;
pub mod words;

pub use kind::Kind;
use sheet::Sheet;
use sweep::Sweep;

/// What figures are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Which kinds; empty for all that suit the sweep.
    pub kinds: Vec<Kind>,
    /// The key across.
    pub x: Option<String>,
    /// The column up; on maps the key up.
    pub y: Option<String>,
    /// The key that is told apart by colour; on a heat map the column that is.
    pub color: Option<String>,
    /// A key (or `cell`, `seed`, `run`) and the value that it is to have; of one key several are alternatives.
    pub filters: Vec<(String, String)>,
}

/// A picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Stem of its file.
    pub name: String,
    /// One line.
    pub title: String,
    /// What is shown, of how many runs, and what was left out. It stands in the picture, too.
    pub caption: String,
    /// What it is a picture of, for who does not see it.
    pub alt: String,
    /// A whole document.
    pub svg: String,
    /// In pixels of the SVG.
    pub width: u32,
    /// In pixels of the SVG.
    pub height: u32,
    /// Its points and cells; of a map of over 10,000 cells evenly spread ones.
    pub marks: Vec<Mark>,
}

/// A place of a picture that stands for something.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Pixels of the SVG from the left.
    pub x: f64,
    /// Pixels of the SVG from the top.
    pub y: f64,
    /// The cell that it shows.
    pub cell: Option<u64>,
    /// The run that it shows.
    pub run: Option<u64>,
    /// Its figures.
    pub text: String,
}

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// What was asked for is not there; the text says what is.
    #[error("{0}")]
    Refused(String),
    /// A kind that was asked for does not suit the sweep.
    #[error("--kind {kind}: {why}")]
    Unsuited {
        /// Which.
        kind: Kind,
        /// Why, and which flag changes it.
        why: String,
    },
    /// A result file cannot be read.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The spec in the manifest makes no plan here.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// Drawing failed.
    #[error("cannot draw: {0}")]
    Drawing(String),
}

impl PlotError {
    fn drawing(error: impl std::fmt::Display) -> PlotError {
        PlotError::Drawing(error.to_string())
    }
}

/// Files that pictures are made of, the manifest apart.
pub const FILES: [&str; 6] = [
    cells::FILE,
    output::curves::FILE,
    output::recorded::FILES[0],
    output::recorded::FILES[1],
    output::traces::FILE,
    params::FINAL,
];

/// The figures of a result directory, by default one of each kind that suits the sweep.
///
/// # Errors
/// Where the directory holds no sweep, a key or column is not there, or a kind that was asked for has nothing to show.
pub fn figures(directory: &Path, request: &Request) -> Result<Vec<Figure>, PlotError> {
    let sweep = Sweep::open(directory, &request.filters)?;
    sweep.check(request)?;
    Kind::check_flags(request)?;
    let mut figures = Vec::new();
    if request.kinds.is_empty() {
        let mut refused = None;
        for kind in Kind::ALL.iter().filter(|kind| kind.suits(&sweep)) {
            match kind.sheets(&sweep, request) {
                Ok(sheets) => figures.extend(drawn(&sheets)?),
                // It was nobody's wish.
                Err(PlotError::Unsuited { .. }) => {}
                // What was asked for may be of another kind: a column of traces, or a key for a map.
                Err(error @ PlotError::Refused(_)) => _ = refused.get_or_insert(error),
                Err(error) => return Err(error),
            }
        }
        if let (true, Some(error)) = (figures.is_empty(), refused) {
            return Err(error);
        }
        if figures.is_empty() {
            return Err(PlotError::Refused(format!(
                "{}: there is too little for a picture that nobody asked for; choose one with --kind: {}",
                directory.display(),
                Kind::list()
            )));
        }
    }
    for kind in &request.kinds {
        figures.extend(drawn(&kind.sheets(&sweep, request)?)?);
    }
    Ok(figures)
}

fn drawn(sheets: &[Sheet]) -> Result<Vec<Figure>, PlotError> {
    sheets.iter().map(draw::draw).collect()
}
