//! How alike the hidden units of single runs are at the end, pair by pair, from their saved parameters.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use npyz::NpyHeader;

use super::axis::{Scale, Slots, number};
use super::kind::Kind;
use super::maps::shade;
use super::palette::sequential;
use super::roles::{by_interest, said, spread};
use super::sheet::{Axis, Cells, ColorBar, Datum, Layer, Panel, Sheet, in_rows};
use super::sweep::{Row, Sweep};
use super::words::counted;
use super::{PlotError, Request};
use crate::engine::reference::Network;
use crate::output::append::open;
use crate::output::{OutputError, failed, params};
use crate::spec;

/// Panels at most.
const MOST_RUNS: usize = 6;
/// Units of a layer that are shown at most.
const MOST_UNITS: usize = 256;

/// A map of units × units for some runs.
pub fn sheets(sweep: &Sweep, request: &Request) -> Result<Vec<Sheet>, PlotError> {
    let kind = Kind::Similarity;
    let path = sweep.directory.join(params::FINAL);
    if !path.exists() {
        return Err(
            kind.unsuited(format!("{} is not there; run the sweep with --save-params", path.display()))
        );
    }
    let Some(manifest) = &sweep.manifest else {
        return Err(
            kind.unsuited("it needs the shape of the net, which manifest.json has, and that is not there")
        );
    };
    let plan = spec::from_resolved(&manifest.spec)?;
    let (rows, held) = runs_to_show(sweep, request)?;
    let mut saved = Saved::open(&path)?;
    let mut panels = Vec::new();
    let mut shown = 0;
    for (row, title) in rows {
        let number = match sweep.run {
            Some(run) => run,
            None => row.cell * plan.seeds + sweep.seed.unwrap_or(0),
        };
        let Some(place) = number.checked_sub(manifest.range().start).filter(|place| *place < saved.runs)
        else {
            continue;
        };
        if row.cell >= plan.grid.cells() {
            continue;
        }
        let program = &plan.programs[plan.program(row.cell as usize)];
        let parameters = saved.row(place)?;
        if parameters.len() != program.shape.parameters() {
            return Err(damaged(&path, "its width is not that of the net"));
        }
        let mut network = Network::new(&program.shape, &program.data, program.loss);
        network.forward(&parameters);
        let layers = program.shape.hidden.iter().enumerate().filter(|(_, width)| **width > 1);
        shown += 1;
        for (layer, &units) in layers {
            let of = if program.shape.hidden.len() > 1 {
                format!(" · layer {}", layer + 1)
            } else {
                String::new()
            };
            let title = format!("{title}{of}");
            panels.push(panel(network.hidden(layer), units, title, (row.cell, number)));
        }
    }
    if panels.is_empty() {
        return Err(kind.unsuited("no saved run of these cells has a hidden layer of two or more units"));
    }
    panels.truncate(MOST_RUNS);
    let title = format!("{}: how alike hidden units are at the end", sweep.name);
    let mut caption = vec![
        format!("{}, one of each cell shown: seed {}.", counted(shown, "run"), sweep.seed.unwrap_or(0)),
        "Similarity of two units: 1 − the largest difference of their activations over the samples of the task, relative to \
         the layer's largest activation (at least 1). 1 is an exact copy."
            .into(),
    ];
    caption.extend(held);
    let tolerance = plan.resolved["criteria"]["symmetry_tolerance"].as_f64();
    caption.extend(tolerance.map(|t| format!("Units count as copies from {} up.", number(1.0 - t))));
    caption.push("Choose runs with --where seed=N or a key.".into());
    caption.extend(sweep.settings_in_words());
    let count = panels.len();
    let rows = in_rows(panels);
    Ok(vec![Sheet {
        name: kind.word().into(),
        alt: format!("{title}. {} of units by units.", counted(count as u64, "map")),
        title,
        caption,
        legend_title: String::new(),
        legend: Vec::new(),
        bars: vec![ColorBar {
            label: "Similarity of two units".into(),
            scale: Some(Scale::Linear { low: 0.0, high: 1.0 }),
            ends: Default::default(),
            levels: Vec::new(),
            colors: sequential,
        }],
        panel_height: match rows.first().map_or(0, Vec::len) {
            1 => 430.0,
            2 => 250.0,
            _ => 160.0,
        },
        rows,
    }])
}

/// Cells and what to call them, and what all of them have in common.
type Chosen<'a> = (Vec<(&'a Row, String)>, Option<String>);

/// Some cells, along the key across; or the cell of the run that was asked for.
fn runs_to_show<'a>(sweep: &'a Sweep, request: &Request) -> Result<Chosen<'a>, PlotError> {
    let values = |row: &Row, skip: Option<usize>| -> Vec<String> {
        let keys = sweep.keys.iter().zip(&row.values).enumerate().filter(|(at, _)| Some(*at) != skip);
        keys.map(|(_, (key, slot))| said(key, *slot)).collect()
    };
    if let (Some(run), Some(manifest)) = (sweep.run, &sweep.manifest) {
        let cell = run / manifest.seeds.max(1);
        let row = sweep.rows.iter().find(|row| row.cell == cell).ok_or_else(|| {
            PlotError::Refused(format!("--where run={run}: it is of cell {cell}, which is not there"))
        })?;
        return Ok((vec![(row, values(row, None).join(", "))], None));
    }
    let across = match &request.x {
        Some(name) => Some(sweep.key("--x", name)?),
        None => by_interest(sweep).first().copied(),
    };
    // All other keys at their first value.
    let first = &sweep.rows[0];
    let held = |row: &&Row| {
        let mut others = row.values.iter().enumerate().filter(|(at, _)| Some(*at) != across);
        others.all(|(at, slot)| *slot == first.values[at])
    };
    let rows: Vec<&Row> = sweep.rows.iter().filter(held).collect();
    let called = |row: &Row| across.map_or_else(String::new, |at| said(&sweep.keys[at], row.values[at]));
    let shown = spread(rows.len(), MOST_RUNS).into_iter().map(|at| (rows[at], called(rows[at]))).collect();
    let others = values(first, across).join(", ");
    Ok((shown, (!others.is_empty()).then(|| format!("All have {others}."))))
}

/// `activations` of shape `[units][samples]`.
fn panel(activations: &[f64], units: usize, title: String, (cell, run): (u64, u64)) -> Panel {
    let samples = activations.len() / units;
    let unit = |i: usize| &activations[i * samples..(i + 1) * samples];
    let largest = activations.iter().fold(1.0, |m: f64, h| m.max(h.abs()));
    let units = units.min(MOST_UNITS);
    let (mut colors, mut data) = (Vec::new(), Vec::new());
    for i in 0..units {
        for j in 0..units {
            let far = unit(i).iter().zip(unit(j)).fold(0.0f64, |d, (a, b)| d.max((a - b).abs()));
            let alike = (activations.iter().all(|h| h.is_finite())).then(|| (1.0 - far / largest).max(0.0));
            colors.push(alike.map(|alike| sequential(shade(alike))));
            let text = match alike {
                Some(alike) => format!("units {} and {}: similarity {}", i + 1, j + 1, number(alike)),
                None => format!("units {} and {}: activations are not finite", i + 1, j + 1),
            };
            if units * units <= 2500 {
                data.push((j, i, Datum { cell: Some(cell), run: Some(run), text, ..Datum::default() }));
            }
        }
    }
    let names: Vec<String> = (1..=units).map(|unit| unit.to_string()).collect();
    let values: Vec<f64> = (1..=units).map(|unit| unit as f64).collect();
    let axis = || Axis {
        scale: Scale::Slots(Slots { names: names.clone(), values: values.clone() }),
        label: "Hidden unit".into(),
    };
    Panel { title, x: axis(), y: axis(), layers: vec![Layer::Cells(Cells { columns: units, colors, data })] }
}

/// Rows of float32 in a file.
struct Saved {
    file: BufReader<File>,
    path: std::path::PathBuf,
    start: u64,
    runs: u64,
    width: u64,
}

fn damaged(path: &std::path::Path, problem: impl ToString) -> PlotError {
    OutputError::Damaged { path: path.to_path_buf(), problem: problem.to_string() }.into()
}

impl Saved {
    fn open(path: &std::path::Path) -> Result<Saved, PlotError> {
        let mut file = BufReader::new(open(path).map_err(failed("read", path))?);
        let header = NpyHeader::from_reader(&mut file).map_err(|error| damaged(path, error))?;
        let &[runs, width] = header.shape() else {
            return Err(damaged(path, "it is not of shape (runs, parameters)"));
        };
        if header.dtype().descr() != "'<f4'" {
            return Err(damaged(path, "it does not hold float32"));
        }
        let start = file.stream_position().map_err(failed("read", path))?;
        let length = file.get_ref().metadata().map_err(failed("read", path))?.len();
        let wanted = runs.checked_mul(width).and_then(|numbers| numbers.checked_mul(4)?.checked_add(start));
        if wanted != Some(length) {
            return Err(damaged(path, "it does not have the length that its shape says"));
        }
        Ok(Saved { file, path: path.to_path_buf(), start, runs, width })
    }

    fn row(&mut self, number: u64) -> Result<Vec<f64>, PlotError> {
        let mut bytes = vec![0; 4 * self.width as usize];
        let at = self.start + number * 4 * self.width;
        let read = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(failed("read", &self.path))?;
        let float = |bytes: &[u8]| f64::from(f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        Ok(bytes.chunks_exact(4).map(float).collect())
    }
}
