//! Back from the resolved spec of a manifest to its plan.

use serde_json::Value as Json;

use super::document::{Given, Sweep};
use super::error::{Place, SpecError};
use super::key::{self, Raw};
use super::{Plan, build, range};

/// The plan whose [`Plan::resolved`] this is. Files that the spec names are read again; where they have changed,
/// [`Plan::hash`] may differ from that of the manifest.
///
/// # Errors
/// Where it holds a key or a value that this program does not know: it is another version's, or was written by hand.
pub fn from_resolved(resolved: &Json) -> Result<Plan, SpecError> {
    let mut given = Given { sweeps: sweeps(resolved)?, ..Given::default() };
    for (table, content) in resolved.as_object().into_iter().flatten() {
        match content {
            Json::Object(_) if table == "sweep" => {}
            Json::Object(keys) => {
                for (leaf, value) in keys {
                    match value {
                        // Says what files held, for the hash.
                        _ if leaf == "content" => {}
                        // init.value.N
                        Json::Object(entries) => {
                            for (entry, value) in entries {
                                fix(&mut given, &format!("{table}.{leaf}.{entry}"), value)?;
                            }
                        }
                        _ => fix(&mut given, &format!("{table}.{leaf}"), value)?,
                    }
                }
            }
            value => fix(&mut given, table, value)?,
        }
    }
    // Warnings were given when the sweep was run.
    build::plan(given, "").map(|(plan, _)| plan)
}

/// What it sweeps.
pub(super) fn sweeps(resolved: &Json) -> Result<Vec<Sweep>, SpecError> {
    let ranges = resolved["sweep"].as_object().into_iter().flatten();
    ranges
        .map(|(name, values)| {
            let error = |why| SpecError::of(name, &Place::Manifest, why);
            let key = key::find(name).map_err(error)?;
            let values = range::read(&key.kind, &raw(values)).map_err(error)?;
            Ok(Sweep { key, values, place: Place::Manifest })
        })
        .collect()
}

fn fix(given: &mut Given, name: &str, value: &Json) -> Result<(), SpecError> {
    let error = |why| SpecError::of(name, &Place::Manifest, why);
    let key = key::find(name).map_err(error)?;
    let value = key.kind.read(&raw(value)).map_err(error)?;
    given.fixed.insert(key.name, (key, value, Place::Manifest));
    Ok(())
}

fn raw(json: &Json) -> Raw {
    match json {
        Json::String(text) => Raw::Text(text.clone()),
        Json::Bool(flag) => Raw::Flag(*flag),
        Json::Array(items) => Raw::List(items.iter().map(raw).collect()),
        Json::Number(number) => match (number.as_i128(), number.as_f64()) {
            (Some(n), _) => Raw::Integer(n),
            (None, Some(x)) => Raw::Number(x),
            (None, None) => Raw::Other("a number beyond 64 bits"),
        },
        Json::Null => Raw::Other("null"),
        Json::Object(_) => Raw::Other("a table"),
    }
}

#[cfg(test)]
mod tests {
    use crate::spec::tests::same;
    use crate::spec::{Grid, Overrides, from_resolved, parse, presets};

    fn there_and_back(text: &str, name: &str) {
        let (plan, _) = parse(text, name, &Overrides::default()).unwrap();
        // As it is in a manifest.
        let written = serde_json::to_string_pretty(&plan.resolved).unwrap();
        let back = from_resolved(&serde_json::from_str(&written).unwrap()).unwrap();
        same(&back, &plan);
        assert_eq!(back.hash(), plan.hash());
        let grid = Grid::of(&serde_json::from_str(&written).unwrap()).unwrap();
        assert_eq!((grid.swept(), grid.cells()), (plan.grid.swept(), plan.grid.cells()));
        for number in 0..grid.cells() as usize {
            assert_eq!(grid.values(number), plan.grid.values(number));
            assert_eq!(grid.steps(number), Some(plan.programs[plan.program(number)].steps));
        }
    }

    #[test]
    fn every_preset_comes_back_from_its_manifest() {
        for preset in presets() {
            there_and_back(preset.text, preset.name);
        }
    }

    #[test]
    fn swept_words_widths_batches_entries_and_long_numbers_come_back() {
        there_and_back(
            "name = \"all\"\n[task]\ndataset = \"parity\"\nbits = 4\n[net]\nbias = false\n[criteria]\nsolved_loss = 1e-7\n\
             [init]\nbase_value = 0.1\n[runs]\nseed = 18446744073709551615\nseeds = 3\n[sweep]\n\
             \"net.hidden\" = \"none,2,8x8\"\n\"train.batch\" = \"full,4\"\n\"net.skip\" = \"false,true\"\n\
             \"init.scale\" = \"0,log:1e-6:10:7\"\n\"net.output\" = \"logistic,tanh\"\n\"task.bits\" = \"2,3\"\n",
            "all",
        );
        there_and_back(
            "name = \"slice\"\n[task]\ndataset = \"xor\"\n[init]\nscale = 0\nvalues = [1, 2, 3, 4, 5, 6, 7, 8, 9.5]\n\
             value.3 = 0.25\n[sweep]\n\"init.value.0\" = \"lin:-1:1:5\"\n",
            "slice",
        );
    }

    #[test]
    fn tasks_come_back_and_their_files_are_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "a,b,y\n1,2,u\n3,4,v\n5,6,u\n").unwrap();
        let text = format!(
            "name = \"t\"\n[task]\ndataset = \"csv\"\npath = '{}'\ntarget_columns = [\"y\"]\ntest = 0.4\nteacher = [3, 2]\n\
             singular_values = [2, 1]\n",
            path.display()
        );
        there_and_back(&text, "t");
        let (plan, _) = parse(&text, "t", &Overrides::default()).unwrap();
        std::fs::write(&path, "a,b,y\n1,2,u\n3,4,v\n5,7,u\n").unwrap();
        assert_ne!(from_resolved(&plan.resolved).unwrap().hash(), plan.hash());
        // Which cell is which is known without them.
        std::fs::remove_file(&path).unwrap();
        assert!(from_resolved(&plan.resolved).is_err());
        assert_eq!(Grid::of(&plan.resolved).unwrap().cells(), 1);
        assert_eq!(crate::spec::plan::hash(&plan.resolved), plan.hash());
    }

    #[test]
    fn what_this_program_does_not_know_is_named() {
        let (plan, _) = parse(presets()[0].text, "a", &Overrides::default()).unwrap();
        let mut resolved = plan.resolved.clone();
        resolved["net"]["widths"] = 3.into();
        let error = from_resolved(&resolved).unwrap_err().to_string();
        assert!(error.starts_with("net.widths (manifest.json): unknown key"), "{error}");
        let mut resolved = plan.resolved.clone();
        resolved["train"]["lr"] = "fast".into();
        assert!(from_resolved(&resolved).unwrap_err().to_string().contains("train.lr (manifest.json)"));
        let mut resolved = plan.resolved;
        resolved["train"]["steps"] = serde_json::Value::Null;
        assert!(from_resolved(&resolved).is_err());
    }
}
