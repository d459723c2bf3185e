//! A sweep as one page to read. It is made of the result files alone and needs nothing but a browser: no network, no font,
//! no other file.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`counts`] | how often what happened, cell by cell and run by run |
//! | [`words`] | the conclusion in words |
//! | [`along`] | of it, sentences on the cells along one key |
//! | [`times`] | of it, how long it takes |
//! | [`table`] | cells and runs, as far as a page should carry them |
//! | [`facts`] | what was run, what was checked, how to repeat it |
//!
//! `page.html`, `style.css` and `page.js` are what the page is written with. Names come from users' specs and files, so
//! the template escapes whatever it is given, and the page's own policy lets no other script run and nothing be loaded.

use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::plot::draw::WIDTH;
use crate::plot::png::png;
use crate::plot::sweep::Sweep;
use crate::plot::words::{capitalized, grouped, percent};
use crate::plot::{self, Figure, PlotError, Request};
use crate::spec::{self, Overrides, presets};

pub mod along;
pub mod counts;
pub mod facts;
pub mod table;
pub mod times;
pub mod words;

use counts::{Counted, Happened, Trials};
use table::Table;

/// SVG of a figure that a page carries as it is; a larger one becomes a PNG.
const MOST_SVG: usize = 1 << 20;

/// What `page.html` is filled in with.
#[derive(Serialize)]
struct Page<'a> {
    title: &'a str,
    question: Option<String>,
    swept: String,
    notices: Vec<String>,
    lead: String,
    /// Figure and what it counts.
    totals: Vec<(String, &'a str)>,
    findings: Vec<words::Finding>,
    caveats: Vec<String>,
    pictures: Vec<Picture>,
    table: Table,
    runs_left_out: Option<String>,
    has_runs: bool,
    // Of what only the manifest tells.
    facts: Option<Vec<facts::Fact>>,
    verification: Option<facts::Verified>,
    repeat: Option<facts::Repeat>,
    citation: Option<String>,
    directory: String,
    version: &'a str,
    css: &'a str,
    js: &'a str,
    nonce: String,
    data: String,
}

/// A figure, for the template.
#[derive(Serialize)]
struct Picture {
    name: String,
    title: String,
    alt: String,
    marks: usize,
    /// An SVG element.
    svg: Option<String>,
    /// A data URI.
    png: Option<String>,
}

/// The page of a result directory.
///
/// # Errors
/// Where the directory holds no sweep or its files cannot be read.
pub fn page(directory: &Path, title: Option<&str>) -> Result<String, PlotError> {
    let sweep = Sweep::open(directory, &[])?;
    let counted_cells = Counted::of(&sweep)?;
    let trials = Trials::of(&sweep, &counted_cells)?;
    let figures = match plot::figures(directory, &Request::default()) {
        Ok(figures) => figures,
        // A sweep with nothing to draw has its table.
        Err(PlotError::Refused(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
    let table = Table::of(&sweep, &counted_cells)?;
    let (runs, runs_left_out) = table::runs_of(&sweep, &table)?;
    let marks: Vec<Json> = figures.iter().map(marks).collect();
    let mut findings = words::findings(&sweep, &counted_cells, trials.as_ref())?;
    findings.extend(times::findings(&sweep, trials.as_ref())?);
    let caveats = caveats(&sweep, &counted_cells, trials.as_ref(), &findings);
    let manifest = sweep.manifest.as_ref();
    let data = json!({
        "runs": runs,
        "marks": marks,
        "directory": directory.display().to_string(),
    });
    let script = script_json(&data);
    let verification = manifest.map(facts::verification);
    let page = Page {
        title: title.unwrap_or(&sweep.name),
        question: about(&sweep),
        swept: words::question(&sweep),
        notices: facts::notices(directory, manifest),
        lead: words::lead(&counted_cells),
        totals: totals(&counted_cells),
        findings,
        caveats,
        pictures: figures.into_iter().map(picture).collect::<Result<Vec<_>, _>>()?,
        table,
        runs_left_out,
        has_runs: !data["runs"].is_null(),
        facts: manifest.map(|manifest| facts::facts(manifest, sweep.settings_in_words())),
        verification,
        repeat: manifest.map(facts::repeat),
        citation: manifest.map(facts::citation),
        directory: directory.display().to_string(),
        version: env!("CARGO_PKG_VERSION"),
        css: include_str!("style.css"),
        js: include_str!("page.js"),
        // Nobody who writes a name into the data can know it.
        nonce: blake3::hash(script.as_bytes()).to_hex().to_string(),
        data: script,
    };
    render(&page)
}

fn render(page: &Page<'_>) -> Result<String, PlotError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let mut syntax = SyntaxConfig::builder();
    // The delimiters are the default ones, which cannot collide.
    environment.set_syntax(syntax.trim_blocks(true).lstrip_blocks(true).build().expect("default delimiters"));
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let template = environment.template_from_str(include_str!("page.html"));
    let made = template.and_then(|template| template.render(Serde(page)));
    made.map_err(|error| PlotError::Drawing(format!("the page: {error:#}")))
}

/// What a preset asks, where it is that which was run: the same task from the same base point, over one of its keys.
fn about(sweep: &Sweep) -> Option<String> {
    let manifest = sweep.manifest.as_ref()?;
    let preset = presets().iter().find(|preset| preset.name == manifest.name)?;
    let (plan, _) = spec::parse(preset.text, preset.name, &Overrides::default()).ok()?;
    let (asked, run) = (&plan.resolved, &manifest.spec);
    let same = asked["task"] == run["task"] && asked["init"]["base"] == run["init"]["base"];
    let swept = plan.grid.swept();
    let asks = swept.is_empty() || swept.iter().any(|key| !run["sweep"][key].is_null());
    (same && asks).then(|| capitalized(preset.about))
}

/// What these figures do not say.
fn caveats(
    sweep: &Sweep,
    counted_cells: &Counted,
    trials: Option<&Trials>,
    findings: &[words::Finding],
) -> Vec<String> {
    let mut caveats = Vec::new();
    match counted_cells.headline {
        Some(Happened::Asymmetric) => caveats.push(
            "Of many units two are nearly always alike, so hardly a run breaks symmetry in the strict sense, that all units \
             differ. Asymmetric are runs that do not end with all units of a layer alike."
                .into(),
        ),
        Some(_) => caveats.push(
            "A run breaks symmetry if at its end all units of every hidden layer differ; it solves the task if at some step \
             its criterion holds."
                .into(),
        ),
        None if counted_cells.total(Happened::Diverged).count < counted_cells.runs() => {
            caveats.push("No hidden layer has two units that could be alike: there is no symmetry to break.".into());
        }
        None => {}
    }
    caveats.extend(sweep.manifest.as_ref().map(facts::warnings).unwrap_or_default());
    let [plateau, moving] = counted_cells.could_go_on;
    let parts: Vec<String> = [(plateau, "symmetric on a plateau"), (moving, "still moving")]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, how)| format!("{} {how}", were(*count)))
        .collect();
    if !parts.is_empty() {
        caveats.push(format!(
            "A run is watched up to its last step. Then {}, unsolved: with more steps, more may break symmetry or solve the \
             task.",
            parts.join(" and ")
        ));
    }
    if sweep.most_runs() < 5 {
        caveats.push(
            "With so few runs in a cell, the share of a cell says little; its interval says how little."
                .to_string(),
        );
    }
    let halves =
        findings.iter().flat_map(|finding| &finding.lines).any(|line| line.text.contains("Half of the runs"));
    let of_halves = match halves {
        true => ", and for a half-point Fieller's of a logistic curve in the logarithm of the key",
        false => "",
    };
    caveats.push(format!(
        "“95 %:” gives 95 % intervals: Wilson's for the share of a cell{of_halves}. Of many such intervals, one in twenty is \
         wrong."
    ));
    if halves && trials.is_some_and(|trials| !trials.paired) {
        caveats.push(
            "No file of runs is there, so intervals of half-points take all runs as independent.".into(),
        );
    }
    caveats
}

fn were(count: u64) -> String {
    if count == 1 { "1 run was".into() } else { format!("{} runs were", grouped(count)) }
}

fn totals(counted_cells: &Counted) -> Vec<(String, &'static str)> {
    let (runs, cells) = (counted_cells.runs(), counted_cells.cells.len() as u64);
    let share = |what| percent(counted_cells.total(what).value());
    let mut totals = vec![
        (grouped(runs), if runs == 1 { "run" } else { "runs" }),
        (grouped(cells), if cells == 1 { "cell" } else { "cells" }),
    ];
    if runs > 0 {
        let all = counted_cells.headline.into_iter().chain([Happened::Solved, Happened::Diverged]);
        totals.extend(all.map(|what| (share(what), what.plural())));
    }
    totals
}

/// The marks of a figure for the page's script: x, y, cell, run, text.
fn marks(figure: &Figure) -> Json {
    let round = |x: f64| (10.0 * x).round() / 10.0;
    figure
        .marks
        .iter()
        .map(|mark| json!([round(mark.x), round(mark.y), mark.cell, mark.run, mark.text]))
        .collect()
}

fn picture(figure: Figure) -> Result<Picture, PlotError> {
    let (mut svg, mut data) = (None, None);
    if figure.svg.len() > MOST_SVG {
        let bytes = png(&figure, 2 * WIDTH as u32)?;
        data = Some(format!("data:image/png;base64,{}", BASE64_STANDARD.encode(&bytes)));
    } else {
        svg = Some(figure.svg);
    }
    Ok(Picture {
        name: figure.name,
        title: figure.title,
        alt: figure.alt,
        marks: figure.marks.len(),
        svg,
        png: data,
    })
}

/// JSON that can stand in a script element: nothing in it ends the element or starts a comment.
fn script_json(data: &Json) -> String {
    data.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_cannot_end_its_script() {
        let text = script_json(&json!({ "a": "</script><!-- & \u{2028}" }));
        assert!(!text.contains(['<', '>', '&']), "{text}");
        let back: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(back["a"], "</script><!-- & \u{2028}");
    }
}
