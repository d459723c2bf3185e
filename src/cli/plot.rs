//! `symbreak plot`: pictures of a result directory.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::{BAD_ARGUMENTS, DONE, FAILED, Failure, print, warn_of_changes};
use crate::output::page;
use crate::plot::draw::WIDTH;
use crate::plot::png::{WIDEST, png};
use crate::plot::{self, Figure, Kind, PlotError, Request};

/// Where figures go, in the result directory.
pub const PLACE: &str = "plots";

/// Arguments of `symbreak plot`.
#[derive(Debug, Args)]
#[command(after_help = "\
Reads cells.csv, and what each kind needs besides: runs.csv or runs.parquet, curves.csv, traces.csv, params_final.npy. Writes SVG \
and PNG files to DIR/plots and prints their names. Without --kind it draws every kind that suits the sweep. The font is part \
of the program.

A key across (--x), a column up (--y), a key told apart by colour (--color); on maps two keys (--x, --y), and on a heat map \
the column that is coloured (--color). Some kinds use fewer: curves and traces --y and --color, times --x and --color, losses \
--color, convergence and trainability --x and --y, similarity --x. Further keys make panels; what is held fixed, left out or put together stands in the \
caption.

Examples:
  symbreak plot results/xor-scale
  symbreak plot results/xor-scale --kind fraction --y fraction_solved
  symbreak plot results/omnigrok --kind heatmap --color accuracy_test_mean
  symbreak plot results/kolen-pollack --where train.lr=2 --format png")]
pub struct PlotArgs {
    /// The result directory of a sweep
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// What to draw (may be repeated) [default: what suits the sweep]
    #[arg(long = "kind", value_name = "KIND", value_parser = kind())]
    kinds: Vec<Kind>,

    /// The key across [default: the perturbation scale, else the key of most values]
    #[arg(long, value_name = "KEY")]
    x: Option<String>,

    /// The column up; on maps the key up
    #[arg(long, value_name = "COLUMN | KEY")]
    y: Option<String>,

    /// The key told apart by colour; on a heat map the column
    #[arg(long, value_name = "KEY | COLUMN")]
    color: Option<String>,

    /// Only cells with this value of a swept key; of one key several are alternatives; also cell, and for single runs seed and run
    #[arg(long = "where", value_name = "KEY=VALUE", value_parser = filter)]
    filters: Vec<(String, String)>,

    /// Where the files go [default: DIR/plots]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// What to write
    #[arg(long, value_name = "FORMATS", value_delimiter = ',', default_value = "svg,png", value_parser = format())]
    format: Vec<Format>,

    /// Width of PNG files in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 2 * WIDTH as u32, value_parser = clap::value_parser!(u32).range(100..=i64::from(WIDEST)))]
    width: u32,
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Svg,
    Png,
}

fn format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(["svg", "png"])
        .map(|word| if word == "svg" { Format::Svg } else { Format::Png })
}

fn kind() -> impl TypedValueParser<Value = Kind> {
    let values = Kind::ALL.iter().map(|kind| PossibleValue::new(kind.word()).help(kind.about()));
    PossibleValuesParser::new(values).try_map(|word| Kind::from_word(&word).ok_or("no such kind"))
}

fn filter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => {
            Ok((key.trim().into(), value.trim().into()))
        }
        _ => Err("expected KEY=VALUE, such as net.activation=tanh".into()),
    }
}

impl From<PlotError> for Failure {
    fn from(error: PlotError) -> Failure {
        match error {
            PlotError::Refused(_) | PlotError::Unsuited { .. } => {
                Failure::new(BAD_ARGUMENTS, error.to_string())
            }
            PlotError::Output(error) => error.into(),
            PlotError::Spec(error) => error.into(),
            PlotError::Drawing(_) => Failure::new(FAILED, error.to_string()),
        }
    }
}

/// Draws, writes, and prints what was written.
pub fn run(args: &PlotArgs) -> Result<u8, Failure> {
    let request = Request {
        kinds: args.kinds.clone(),
        x: args.x.clone(),
        y: args.y.clone(),
        color: args.color.clone(),
        filters: args.filters.clone(),
    };
    let figures = plot::figures(&args.directory, &request)?;
    warn_of_changes(&args.directory, &plot::FILES);
    let place = args.out.clone().unwrap_or_else(|| args.directory.join(PLACE));
    fs::create_dir_all(&place).map_err(|error| {
        let advice = "; choose another place with --out DIR";
        Failure::new(FAILED, format!("cannot create {}: {error}{advice}", place.display()))
    })?;
    let mut written = String::new();
    for figure in &figures {
        for format in &args.format {
            let (ending, bytes) = content(figure, *format, args.width)?;
            let path = place.join(format!("{}.{ending}", figure.name));
            page::write(&path, &bytes)?;
            written += &format!("{}\n", path.display());
        }
    }
    print(&written)?;
    Ok(DONE)
}

fn content(figure: &Figure, format: Format, width: u32) -> Result<(&'static str, Vec<u8>), Failure> {
    Ok(match format {
        Format::Svg => ("svg", figure.svg.clone().into_bytes()),
        Format::Png => ("png", png(figure, width)?),
    })
}
