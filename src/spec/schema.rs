//! What a spec may hold, as a JSON Schema: with it an editor completes keys and words, shows what they mean and marks what is
//! wrong. It is made of the table of keys, as are the messages of the program.

use serde_json::{Map, Value as Json, json};

use super::build::to_json;
use super::key::{
    ABOUT_ENTRIES, FRACTION, KEYS, Key, Kind, LARGEST, MAX_LAYERS, MAX_WIDTH, SIGNED, Spec, TABLES,
};

/// The schema, of draft 2020-12. It describes specs as they are documented, with tables or dotted keys; of checks across keys
/// it knows none.
pub fn schema() -> Json {
    let mut properties = Map::new();
    for key in KEYS.iter().filter(|key| key.table().is_empty()) {
        properties.insert(key.leaf().into(), described(key, value(&key.kind)));
    }
    for &table in TABLES {
        let keys = KEYS.iter().filter(|key| key.table() == table);
        let mut keys: Map<String, Json> =
            keys.map(|key| (key.leaf().into(), described(key, value(&key.kind)))).collect();
        if table == "init" {
            keys.insert("value".into(), entries(value(&SIGNED)));
        }
        properties.insert(table.into(), closed(keys));
    }
    properties.insert("sweep".into(), sweep());
    let mut schema = closed(properties);
    schema["$defs"] = json!({ "numbers": items(&SIGNED) });
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
    let numbers = |low: f64| {
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
                json!({ "type": "string", "pattern": format!("^{}$", item(kind)) }),
            ])
        }
        Kind::Batch => any_of(&[
            json!({ "type": "string", "enum": ["full"] }),
            json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }),
        ]),
        Kind::Values => any_of(&[numbers(-LARGEST), text()]),
        Kind::Amounts => numbers(0.0),
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

/// What a range of a key may be: a text of items, a list of values and of such texts, or one `value`.
fn range(kind: &Kind, value: &Json) -> Json {
    let text = match kind.is_numeric() {
        true => json!({ "$ref": "#/$defs/numbers" }),
        false => items(kind),
    };
    json!([text, { "type": "array", "items": { "anyOf": [value, text] }, "minItems": 1 }, value])
}

/// The text of a range.
fn items(kind: &Kind) -> Json {
    json!({ "type": "string", "pattern": format!("^ *{0} *(, *{0} *)*$", item(kind)) })
}

/// The items of a range as text, as a regular expression.
fn item(kind: &Kind) -> String {
    const NUMBER: &str = r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?";
    let spaced = format!("(lin|log): *{NUMBER} *: *{NUMBER} *: *[1-9][0-9]*");
    match kind {
        Kind::Number { .. } | Kind::Integer { .. } => format!("({NUMBER}|{spaced})"),
        Kind::Flag => "(true|false)".into(),
        Kind::Word { words } => format!("({})", words.join("|")),
        Kind::Widths => "(none|[1-9][0-9]{0,6}( *x *[1-9][0-9]{0,6})*)".into(),
        Kind::Batch => "(full|[1-9][0-9]*)".into(),
        Kind::Values | Kind::Amounts | Kind::Columns | Kind::Test | Kind::Text | Kind::Name => "[^,]+".into(),
    }
}
