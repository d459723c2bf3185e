//! `datapackage.json`: what the files beside it hold, column by column, for programs that have never heard of this one.
//!
//! A [Data Package](https://datapackage.org/standard/data-package/) 2.0 whose tables have a
//! [Table Schema](https://datapackage.org/standard/table-schema/). Nothing of times is in it, so that it is the same to the byte
//! however a sweep came to be finished.

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::append::{Content, write_whole};
use super::columns::{Kind, swept_kind};
use super::heading::{Allowed, Heading};
use super::manifest::{Manifest, RunsFile};
use super::{OutputError, cells, curves, failed, params, parquet, runs, traces};
use crate::spec;

/// The file's name.
pub const FILE: &str = "datapackage.json";

/// Its name while it is written.
pub const NEW: &str = "datapackage.json.new";

/// Writes the description of a finished sweep into `directory`. Gives its content as [`Manifest::files`] has it.
///
/// # Errors
/// Where it cannot be written.
pub fn write(directory: &Path, manifest: &Manifest) -> Result<Content, OutputError> {
    let path = directory.join(FILE);
    let mut text =
        serde_json::to_string_pretty(&package(manifest)).map_err(|e| failed("write", &path)(e.into()))?;
    text.push('\n');
    write_whole(&path, text.as_bytes())?;
    Content::of(&path)
}

/// The description of a finished sweep.
pub fn package(manifest: &Manifest) -> Json {
    let Manifest { name, options, program_version, runs, cell_count, .. } = manifest;
    let swept = swept(&manifest.spec);
    let mut resources = vec![csv(
        cells::FILE,
        "One row a cell: what became of its runs.",
        schema(&cells::BEFORE, &swept, &cells::AFTER, &["cell"], None),
    )];
    let of_runs = schema(&runs::BEFORE, &swept, &runs::AFTER, &["run"], Some(("cell", cells::FILE)));
    let about_runs = "One row a run, by run number.";
    match options.runs {
        RunsFile::Csv => resources.push(csv(runs::FILE, about_runs, of_runs)),
        RunsFile::Parquet => resources.push(json!({
            "name": stem(parquet::FILE),
            "path": parquet::FILE,
            "type": "table",
            "format": "parquet",
            "mediatype": "application/vnd.apache.parquet",
            "description": about_runs,
            "schema": of_runs,
        })),
        RunsFile::None => {}
    }
    resources.push(csv(
        curves::FILE,
        "The counts over time: one row a cell and measured step.",
        schema(&curves::BEFORE, &swept, &curves::AFTER, &["cell", "step"], Some(("cell", cells::FILE))),
    ));
    if options.trace > 0 {
        let keys = &["run", "step"];
        let about =
            "The first runs of each cell at their measured steps: one row a run and step, until it diverges.";
        let parent = Some(("cell", cells::FILE));
        resources.push(csv(traces::FILE, about, schema(&traces::COLUMNS, &[], &[], keys, parent)));
    }
    if options.save_params {
        for (file, when) in [(params::INITIAL, "at step 0"), (params::FINAL, "at the end")] {
            resources.push(json!({
                "name": stem(file),
                "path": file,
                "format": "npy",
                "mediatype": "application/octet-stream",
                "description": format!(
                    "Parameters of every run {when}: float32, C order, shape (runs, parameters); per layer the weights [out][in] \
                     row by row, then the biases [out]; skip weights [out][in] last."
                ),
            }));
        }
    }
    json!({
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "title": name,
        "description": format!(
            "A sweep of small neural networks, {runs} runs in {cell_count} cells, by symbreak {program_version}. manifest.json \
             beside this file says how they were trained."
        ),
        "resources": resources,
    })
}

/// The resource of a CSV file.
fn csv(file: &str, about: &str, schema: Json) -> Json {
    json!({
        "name": stem(file),
        "path": file,
        "type": "table",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "description": about,
        "schema": schema,
    })
}

/// A file's name without what comes after the dot.
fn stem(file: &str) -> &str {
    file.split_once('.').map_or(file, |(stem, _)| stem)
}

/// The schema of a table with these columns. `keys` tell its rows apart, and a column may lead to a row of another file.
fn schema(
    before: &[Heading],
    swept: &[Json],
    after: &[Heading],
    keys: &[&str],
    parent: Option<(&str, &str)>,
) -> Json {
    let fields = before.iter().map(field).chain(swept.iter().cloned()).chain(after.iter().map(field));
    let mut schema = json!({
        "$schema": "https://datapackage.org/profiles/2.0/tableschema.json",
        "fields": fields.collect::<Vec<Json>>(),
        "missingValues": [""],
        "primaryKey": keys,
    });
    if let Some((column, file)) = parent {
        let reference = json!({ "resource": stem(file), "fields": [column] });
        schema["foreignKeys"] = json!([{ "fields": [column], "reference": reference }]);
    }
    schema
}

/// A column that is there whatever is swept.
fn field(heading: &Heading) -> Json {
    let Heading { name, kind, optional, allowed, unit, about } = *heading;
    let mut constraints = Map::new();
    if !optional {
        constraints.insert("required".into(), true.into());
    }
    match (allowed, kind) {
        (Allowed::Words(words), _) => {
            constraints.insert("enum".into(), words.into());
        }
        (Allowed::Share, _) => {
            constraints.insert("minimum".into(), 0.into());
            constraints.insert("maximum".into(), 1.into());
        }
        (Allowed::Any, Kind::Whole | Kind::Count) => {
            constraints.insert("minimum".into(), 0.into());
        }
        (Allowed::Any, _) => {}
    }
    let mut field = json!({ "name": name, "type": kind_word(kind), "description": about });
    if !unit.is_empty() {
        field["unit"] = unit.into();
    }
    if !constraints.is_empty() {
        field["constraints"] = constraints.into();
    }
    field
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Whole | Kind::Count => "integer",
        Kind::Float => "number",
        Kind::Flag => "boolean",
        Kind::Word => "string",
    }
}

/// The columns of the swept keys: of numbers the range, of words all that occur.
fn swept(resolved: &Json) -> Vec<Json> {
    let column = |(key, values): (&String, &Json)| {
        let kind = swept_kind(values);
        let values = || values.as_array().into_iter().flatten();
        let mut constraints = json!({ "required": true });
        match kind {
            Kind::Whole | Kind::Count | Kind::Float => {
                let by_size =
                    |a: &&Json, b: &&Json| a.as_f64().unwrap_or(0.0).total_cmp(&b.as_f64().unwrap_or(0.0));
                constraints["minimum"] = values().min_by(by_size).cloned().unwrap_or_default();
                constraints["maximum"] = values().max_by(by_size).cloned().unwrap_or_default();
            }
            Kind::Word => {
                let words =
                    values().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_string));
                constraints["enum"] = words.collect();
            }
            Kind::Flag => {}
        }
        let about = spec::about(key).unwrap_or("A key of the spec.");
        json!({ "name": key, "type": kind_word(kind), "description": about, "constraints": constraints })
    };
    resolved["sweep"].as_object().into_iter().flatten().map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::engine::mock::MockEngine;
    use crate::output::Options;
    use crate::spec::{Overrides, parse};

    #[test]
    fn files_are_named_and_lead_to_each_other() {
        let text =
            "[task]\ndataset = \"xor\"\n[sweep]\n\"init.scale\" = \"2,0.5\"\n\"net.bias\" = [true, false]\n";
        let (plan, _) = parse(text, "x.toml", &Overrides::default()).unwrap();
        let on = MockEngine::default().description();
        let described = |options: Options| {
            let package = package(&Manifest::new(&plan, on.clone(), options, &[]));
            let resources = package["resources"].as_array().unwrap().iter();
            let name = |resource: &Json| (resource["name"].to_string(), resource["path"].to_string());
            let names: Vec<_> = resources.map(name).collect();
            (package, names.into_iter().map(|(name, path)| name + " " + &path).collect::<Vec<_>>())
        };
        let (_, few) = described(Options { runs: RunsFile::None, ..Options::default() });
        assert_eq!(few, ["\"cells\" \"cells.csv\"", "\"curves\" \"curves.csv\""]);
        let (package, all) =
            described(Options { runs: RunsFile::Parquet, trace: 1, save_params: true, ..Options::default() });
        assert_eq!(
            all,
            [
                "\"cells\" \"cells.csv\"",
                "\"runs\" \"runs.parquet\"",
                "\"curves\" \"curves.csv\"",
                "\"traces\" \"traces.csv\"",
                "\"params_init\" \"params_init.npy\"",
                "\"params_final\" \"params_final.npy\"",
            ]
        );
        let to_cells =
            json!([{ "fields": ["cell"], "reference": { "resource": "cells", "fields": ["cell"] } }]);
        for at in 1..4 {
            assert_eq!(package["resources"][at]["schema"]["foreignKeys"], to_cells);
        }
        let cells = &package["resources"][0]["schema"];
        assert_eq!(cells["primaryKey"], json!(["cell"]));
        let swept = &cells["fields"].as_array().unwrap()[1..3];
        assert_eq!(swept[0]["name"], "init.scale");
        assert_eq!(swept[0]["constraints"], json!({ "required": true, "minimum": 0.5, "maximum": 2.0 }));
        assert_eq!(
            (&swept[1]["type"], &swept[1]["constraints"]),
            (&json!("boolean"), &json!({ "required": true }))
        );
    }

    #[test]
    fn a_column_has_what_is_known_of_it_and_nothing_empty() {
        let plain = Heading::new("x", Kind::Float, "An x.");
        let as_json = |constraints: Json| json!({ "name": "x", "type": "number", "description": "An x.", "constraints": constraints });
        assert_eq!(field(&plain), as_json(json!({ "required": true })));
        assert_eq!(
            field(&plain.optional()),
            json!({ "name": "x", "type": "number", "description": "An x." })
        );
        assert_eq!(field(&plain.share()), as_json(json!({ "required": true, "minimum": 0, "maximum": 1 })));
        let mut steps = as_json(json!({ "required": true, "minimum": 0 }));
        steps["type"] = "integer".into();
        steps["unit"] = "steps".into();
        assert_eq!(field(&Heading::new("x", Kind::Count, "An x.").in_unit("steps")), steps);
        let words = field(&Heading::new("x", Kind::Word, "An x.").one_of(&["a", "b"]));
        assert_eq!((&words["type"], &words["constraints"]["enum"]), (&json!("string"), &json!(["a", "b"])));
        assert_eq!(field(&Heading::new("x", Kind::Flag, "An x."))["type"], "boolean");
    }
}
