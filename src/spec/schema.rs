//! What a spec may hold, as a JSON Schema: with it an editor completes keys and words, shows what they mean and marks what is
//! wrong. It is made of the table of keys, as are the messages of the program.

use serde_json::{Map, Value as Json, json};

use super::build::to_json;
use super::key::{
    ABOUT_ENTRIES, FRACTION, KEYS, Key, Kind, LARGEST, MAX_LAYERS, MAX_WIDTH, SIGNED, Spec, TABLES,
};
use super::range::MAX_CELLS;

/// The schema, of draft 2020-12. It describes specs as they are documented, with tables or dotted keys; of checks across keys
/// it knows one, that there is a data set.
pub fn schema() -> Json {
    let mut properties = Map::new();
    // Patterns, for editors to take but not to propose: `"net.hidden" = 4` is the rare way to write it.
    let mut quoted = Map::new();
    for key in KEYS.iter().filter(|key| key.table().is_empty()) {
        properties.insert(key.leaf().into(), described(key, value(&key.kind)));
    }
    for &table in TABLES {
        let keys = KEYS.iter().filter(|key| key.table() == table);
        let mut keys: Map<String, Json> =
            keys.map(|key| (key.leaf().into(), described(key, value(&key.kind)))).collect();
        for leaf in keys.keys() {
            let same = json!({ "$ref": format!("#/properties/{table}/properties/{leaf}") });
            quoted.insert(format!("^{table}\\.{leaf}$"), same);
        }
        if table == "init" {
            keys.insert("value".into(), entries(value(&SIGNED)));
        }
        properties.insert(table.into(), closed(keys));
    }
    properties["init"]["patternProperties"] = json!({ format!("^value\\.{ENTRY}$"): value(&SIGNED) });
    quoted.insert(format!("^init\\.value\\.{ENTRY}$"), value(&SIGNED));
    properties.insert("sweep".into(), sweep());
    let mut schema = closed(properties);
    schema["patternProperties"] = quoted.into();
    let has_dataset = json!([
        { "properties": { "task": { "required": ["dataset"] } }, "required": ["task"] },
        { "required": ["task.dataset"] },
    ]);
    schema["anyOf"] = has_dataset.clone();
    if let Json::Array(places) = &mut schema["anyOf"] {
        places.push(json!({ "properties": { "sweep": { "anyOf": has_dataset } }, "required": ["sweep"] }));
    }
    let numeric = KEYS.iter().map(|key| &key.kind).chain([&SIGNED]);
    schema["$defs"] = numeric
        .filter_map(|kind| Some((numbers(kind)?.to_string(), items(kind))))
        .collect::<Map<_, _>>()
        .into();
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "symbreak spec",
        "description": "A sweep of small neural networks. Everything has a default but task.dataset.",
    });
    if let (Some(schema), Json::Object(head)) = (schema.as_object_mut(), head) {
        let body = std::mem::replace(schema, head);
        schema.extend(body);
    }
    schema
}

/// A table with these keys and no others.
fn closed(properties: Map<String, Json>) -> Json {
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// `init.value`, or its ranges: entries by number.
fn entries(of: Json) -> Json {
    json!({
        "type": "object",
        "description": ABOUT_ENTRIES,
        "patternProperties": { format!("^{ENTRY}$"): of },
        "additionalProperties": false,
    })
}

/// The number of a parameter.
const ENTRY: &str = "(0|[1-9][0-9]{0,6})";

/// `[sweep]`, where keys are written `"init.scale"` or `init.scale`.
fn sweep() -> Json {
    let sweepable = || KEYS.iter().filter(|key| key.sweepable);
    let ranged = |key: &Key| {
        let value = json!({ "$ref": format!("#/properties/{}/properties/{}", key.table(), key.leaf()) });
        json!({ "description": key.about, "anyOf": range(&key.kind, &value) })
    };
    let entry = || json!({ "description": ABOUT_ENTRIES, "anyOf": range(&SIGNED, &value(&SIGNED)) });
    let mut properties: Map<String, Json> =
        sweepable().map(|key| (key.name.to_string(), ranged(key))).collect();
    for &table in TABLES {
        let same = |key: &Key| json!({ "$ref": format!("#/properties/sweep/properties/{}", key.name) });
        let keys = sweepable().filter(|key| key.table() == table);
        let mut keys: Map<String, Json> = keys.map(|key| (key.leaf().to_string(), same(key))).collect();
        if table == "init" {
            keys.insert("value".into(), entries(entry()));
        }
        if !keys.is_empty() {
            properties.insert(table.into(), closed(keys));
        }
        if table == "init" {
            properties["init"]["patternProperties"] = json!({ format!("^value\\.{ENTRY}$"): entry() });
        }
    }
    let mut sweep = closed(properties);
    sweep["description"] =
        "Keys and the range of each: every combination is a cell. A range is a list of values, or a text of \
        comma-separated items, each a value, lin:LO:HI:N or log:LO:HI:N, both ends included."
            .into();
    sweep["patternProperties"] = json!({ format!("^init\\.value\\.{ENTRY}$"): entry() });
    sweep
}

/// What a key accepts, with what it means and its default.
fn described(key: &Key, mut schema: Json) -> Json {
    let about = match key.unused_because {
        "" => key.about.to_string(),
        why => format!("{} Not used by every sweep: {why}.", key.about),
    };
    schema["description"] = about.into();
    if let Some(default) = key.get(&Spec::default()) {
        schema["default"] = to_json(key, &default);
    }
    schema
}

/// What a key accepts, outside of `[sweep]`.
fn value(kind: &Kind) -> Json {
    let text = || json!({ "type": "string" });
    let list_from = |low: f64| {
        let items = json!({ "type": "number", "minimum": low, "maximum": LARGEST });
        json!({ "type": "array", "items": items, "minItems": 1 })
    };
    let any_of = |schemas: &[Json]| json!({ "anyOf": schemas });
    match kind {
        Kind::Number { low, high, closed: true, .. } => {
            json!({ "type": "number", "minimum": low, "maximum": high })
        }
        Kind::Number { low, high, closed: false, .. } => {
            json!({ "type": "number", "minimum": low, "exclusiveMaximum": high })
        }
        // TOML has no larger ones.
        Kind::Integer { low, high: u64::MAX } => json!({ "type": "integer", "minimum": low }),
        Kind::Integer { low, high } => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Word { words } => json!({ "type": "string", "enum": words }),
        Kind::Widths => {
            let width = json!({ "type": "integer", "minimum": 1, "maximum": MAX_WIDTH });
            any_of(&[
                json!({ "type": "array", "items": width, "maxItems": MAX_LAYERS }),
                width,
                json!({ "type": "string", "pattern": format!("^(?:{})$", item(kind)) }),
            ])
        }
        Kind::Batch => any_of(&[
            json!({ "type": "string", "enum": ["full"] }),
            json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }),
        ]),
        Kind::Values => any_of(&[list_from(-LARGEST), text()]),
        Kind::Amounts => list_from(0.0),
        Kind::Columns => any_of(&[
            json!({ "type": "integer", "minimum": 1, "maximum": 1_000_000 }),
            text(),
            json!({ "type": "array", "items": text(), "minItems": 1 }),
        ]),
        Kind::Test => any_of(&[value(&FRACTION), json!({ "type": "string", "minLength": 1 })]),
        Kind::Text => text(),
        Kind::Name => {
            json!({ "type": "string", "pattern": "^(?!\\.{1,2}$)[^-/\\\\\\x00-\\x1f][^/\\\\\\x00-\\x1f]{0,99}$" })
        }
    }
}

/// What a range of a key may be: a text of items, a list of values and of such texts, or one value.
fn range(kind: &Kind, value: &Json) -> Json {
    let text = numbers(kind).map_or_else(|| items(kind), |name| json!({ "$ref": format!("#/$defs/{name}") }));
    let but = |types: &[&str]| {
        let mut value = value.clone();
        value["not"] = json!({ "type": types });
        value
    };
    // Where any text is a value, that of a range still is more than any text.
    let takes_text = matches!(kind, Kind::Columns | Kind::Test);
    let item = if takes_text { but(&["string"]) } else { value.clone() };
    // A list is one of values, even where a value may be a list.
    let alone = match kind {
        Kind::Widths | Kind::Columns | Kind::Test => but(&["array", "string"]),
        _ => value.clone(),
    };
    let list =
        json!({ "type": "array", "items": { "anyOf": [item, text] }, "minItems": 1, "uniqueItems": true });
    json!([text, list, alone])
}

/// What the schema calls ranges of such numbers, which many keys have in common.
fn numbers(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Number { low, .. } if *low < 0.0 => Some("numbers"),
        Kind::Number { closed: true, .. } => Some("amounts"),
        Kind::Number { closed: false, .. } => Some("fractions"),
        Kind::Integer { low: 0, .. } => Some("integers"),
        Kind::Integer { .. } => Some("counts"),
        _ => None,
    }
}

/// The text of a range. The pattern has that of an item once, for a reference back in it counts groups.
fn items(kind: &Kind) -> Json {
    json!({ "type": "string", "pattern": format!(r"^(?:\s*(?:{})\s*(?:,(?!\s*$)|$))+$", item(kind)) })
}

/// The items of a range as text, as a regular expression.
fn item(kind: &Kind) -> String {
    const NUMBER: &str = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)";
    const EXPONENT: &str = "(?:[eE][-+]?[0-9]+)";
    const NOT_ZERO: &str = "(?=[+0.]*[1-9])";
    let zero = format!(r"-(?:0+(?:\.0*)?|\.0+){EXPONENT}?");
    let amount = format!(r"\+?{NUMBER}{EXPONENT}?");
    // What an exponent makes of a number is beyond a pattern.
    let fraction = format!(r"\+?(?:{NUMBER}{EXPONENT}|0+(?:\.[0-9]*)?|\.[0-9]+)");
    let whole = format!(r"\+?(?:{NUMBER}{EXPONENT}|[0-9]+(?:\.0*)?|\.0+)");
    match kind {
        Kind::Number { low, .. } if *low < 0.0 => {
            let number = format!("[-+]?{NUMBER}{EXPONENT}?");
            format!("{number}|{}", spaced(&number, &format!("{NOT_ZERO}{amount}")))
        }
        Kind::Number { closed, .. } => {
            let number = if *closed { amount } else { fraction };
            let (or_zero, positive) = (format!("(?:{number}|{zero})"), format!("{NOT_ZERO}{number}"));
            format!("{or_zero}|{}", spaced(&or_zero, &positive))
        }
        // The values between the ends are rounded, and so are the ends.
        Kind::Integer { low: 0, .. } => {
            format!(
                "{whole}|{zero}|{}",
                spaced(&format!("(?:{amount}|{zero})"), &format!("{NOT_ZERO}{amount}"))
            )
        }
        Kind::Integer { .. } => {
            let positive = format!("{NOT_ZERO}{amount}");
            format!("{NOT_ZERO}{whole}|{}", spaced(&positive, &positive))
        }
        Kind::Flag => "true|false".into(),
        Kind::Word { words } => words.join("|"),
        Kind::Widths => "none|[1-9][0-9]{0,6}(?: *x *[1-9][0-9]{0,6})*".into(),
        Kind::Batch => r"full|\+?0*[1-9][0-9]*".into(),
        Kind::Values | Kind::Amounts | Kind::Columns | Kind::Test | Kind::Text | Kind::Name => {
            r"(?!(?:lin|log):)[^,\s](?:[^,]*[^,\s])?".into()
        }
    }
}

/// `lin:LO:HI:N` and `log:LO:HI:N` with such ends. N is 1 only where the ends are the same; here they have to be spelt the
/// same, too.
fn spaced(linear: &str, logarithmic: &str) -> String {
    let of = |word: &str, end: &str, group: u32| {
        let several = format!(r"{end}\s*:\s*\+?0*(?:[2-9]|[1-9][0-9]{{1,6}}|{MAX_CELLS})");
        format!(r"{word}:\s*({end})\s*:\s*(?:{several}|\{group}\s*:\s*\+?0*1)")
    };
    format!("{}|{}", of("lin", linear, 1), of("log", logarithmic, 2))
}
