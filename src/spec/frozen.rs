//! From a plan to a TOML file that says everything: defaults, flags and swept values as they were resolved, so that neither
//! an edit of the user's file nor another default changes what is run.

use serde_json::Value as Json;

use super::build::to_json;
use super::key::{self, Spec};
use super::{Overrides, Plan, Warning, parse};

/// The text of a spec whose plan is this one. Files that the spec names are not in it, only their paths: where their
/// content has changed, [`Plan::hash`] differs. Keys that no cell uses are left out where they have their defaults.
pub fn to_toml(plan: &Plan) -> String {
    let everything = text(plan, |_, _| true);
    // The one place that knows which keys are idle is where plans are built.
    let warnings =
        parse(&everything, "spec.toml", &Overrides::default()).map_or(Vec::new(), |(_, warnings)| warnings);
    let idle: Vec<&str> = warnings
        .iter()
        .filter_map(|warning| if let Warning::Unused { key, .. } = warning { Some(*key) } else { None })
        .collect();
    text(plan, |name, value| !idle.contains(&name) || !is_default(name, value))
}

fn is_default(name: &str, value: &Json) -> bool {
    let default = key::find(name).ok().and_then(|key| Some(to_json(key, &key.get(&Spec::default())?)));
    default.as_ref() == Some(value)
}

/// The keys that are `wanted`, by dotted name and value.
fn text(plan: &Plan, wanted: impl Fn(&str, &Json) -> bool) -> String {
    let items = || plan.resolved.as_object().into_iter().flatten();
    let mut text = String::new();
    // Keys of no table come first: after the head of a table they would be its own.
    for (key, value) in items().filter(|(_, value)| !value.is_object()) {
        text += &format!("{key} = {}\n", toml(value));
    }
    for (table, keys) in items() {
        let Some(keys) = keys.as_object().filter(|keys| !keys.is_empty()) else { continue };
        text += &format!("\n[{table}]\n");
        for (key, value) in keys {
            match value {
                // What files held, for the hash.
                _ if key == "content" => {}
                // Dotted names of other tables.
                _ if table == "sweep" => text += &format!("\"{key}\" = {}\n", toml(value)),
                // init.value.N
                Json::Object(entries) => {
                    for (entry, value) in entries {
                        text += &format!("{key}.{entry} = {}\n", toml(value));
                    }
                }
                _ if wanted(&format!("{table}.{key}"), value) => {
                    text += &format!("{key} = {}\n", toml(value))
                }
                _ => {}
            }
        }
    }
    text
}

/// Numbers, words and lists are written alike in JSON and TOML, but for one character that TOML wants escaped.
fn toml(value: &Json) -> String {
    value.to_string().replace('\u{7f}', "\\u007F")
}

#[cfg(test)]
mod tests {
    use super::to_toml;
    use crate::spec::tests::same;
    use crate::spec::{Overrides, Plan, Warning, parse, presets};

    fn there_and_back(text: &str, name: &str, overrides: &Overrides) -> Plan {
        let (plan, given) = parse(text, name, overrides).unwrap();
        let frozen = to_toml(&plan);
        let (back, warnings) = parse(&frozen, "spec.toml", &Overrides::default())
            .unwrap_or_else(|error| panic!("{name}: {error}\n{frozen}"));
        same(&back, &plan);
        assert_eq!(back.hash(), plan.hash(), "{name}:\n{frozen}");
        // What was idle as the user wrote it he has been told of; nothing else is.
        let keys = |warnings: &[Warning]| -> Vec<String> {
            let key = |warning: &Warning| match warning {
                Warning::Unused { key, .. } => Some(key.to_string()),
                _ => None,
            };
            warnings.iter().filter_map(key).collect()
        };
        let (idle, was_idle) = (keys(&warnings), keys(&given));
        assert!(idle.iter().all(|key| was_idle.contains(key)), "{name}: {idle:?}");
        plan
    }

    #[test]
    fn every_preset_is_the_same_plan_when_it_is_frozen() {
        for preset in presets() {
            there_and_back(preset.text, preset.name, &Overrides::default());
        }
    }

    #[test]
    fn flags_are_frozen_in() {
        let preset = presets()[0];
        let overrides = Overrides {
            set: vec!["net.hidden=8x8".into(), "train.lr=0.1".into()],
            sweep: vec!["init.scale=0,log:1e-6:10:7".into(), "train.momentum=lin:0:0.9:4".into()],
            seeds: Some(3),
            seed: Some(u64::MAX),
        };
        let with = there_and_back(preset.text, preset.name, &overrides);
        let without = there_and_back(preset.text, preset.name, &Overrides::default());
        assert_ne!(with.hash(), without.hash());
    }

    #[test]
    fn swept_words_widths_entries_and_odd_names_come_back() {
        there_and_back(
            "name = \"a \\\"b\\\" c d é\"\n[task]\ndataset = \"parity\"\nbits = 4\n[net]\nbias = false\n\
             [criteria]\nsolved_loss = 1e-7\n[init]\nbase_value = 1e30\n[sweep]\n\"net.hidden\" = \"none,2,8x8\"\n\
             \"train.batch\" = \"full,4\"\n\"net.skip\" = \"false,true\"\n\"net.output\" = \"logistic,tanh\"\n\
             \"task.bits\" = \"2,3\"\n",
            "all",
            &Overrides::default(),
        );
        there_and_back(
            "name = \"slice\"\n[task]\ndataset = \"xor\"\n[net]\nhidden = [2]\n[init]\nscale = 0\n\
             values = [1, 2, 3, 4, 5, 6, 7, 8, 9.5]\nvalue.3 = 0.25\n[sweep]\n\"init.value.0\" = \"lin:-1:1:5\"\n",
            "slice",
            &Overrides::default(),
        );
    }

    #[test]
    fn a_data_file_is_named_and_a_change_in_it_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b\u{7f}.csv");
        std::fs::write(&path, "a,b,y\n1,2,u\n3,4,v\n5,6,u\n").unwrap();
        let text = format!(
            "name = \"t\"\n[task]\ndataset = \"csv\"\npath = {}\ntarget_columns = [\"y\"]\ntest = 0.4\n",
            super::toml(&path.to_str().unwrap().into())
        );
        let plan = there_and_back(&text, "t", &Overrides::default());
        std::fs::write(&path, "a,b,y\n1,2,u\n3,4,v\n5,7,u\n").unwrap();
        let (changed, _) = parse(&to_toml(&plan), "spec.toml", &Overrides::default()).unwrap();
        assert_ne!(changed.hash(), plan.hash());
    }
}
