//! What a spec's text and the flags say, key by key, before it is known whether the whole makes sense.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Place, SpecError, escaped, nearest, printable, suggestion};
use super::key::{self, Key, Raw, TABLES};
use super::{Overrides, Value, range};

/// A key and the values it sweeps.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    pub key: &'static Key,
    pub values: Vec<Value>,
    pub place: Place,
}

/// Everything that was given. A key may be both fixed and swept; then the sweep counts.
#[derive(Default)]
pub(super) struct Given {
    /// By dotted name.
    pub fixed: BTreeMap<&'static str, (&'static Key, Value, Place)>,
    /// In the order in which cells nest them, slowest first.
    pub sweeps: Vec<Sweep>,
}

/// An item of a table with its key as it was written.
struct Entry<'a> {
    name: String,
    place: Place,
    value: &'a DeValue<'a>,
}

/// The items of a table in the order of the text; names get `prefix` in front.
fn entries<'a>(table: &'a DeTable<'a>, prefix: &str, source: &Source<'_>) -> impl Iterator<Item = Entry<'a>> {
    let mut items: Vec<_> = table.iter().collect();
    items.sort_by_key(|(name, _)| name.span().start);
    // Lazily, since finding a line takes time and the first bad entry is the last one looked at.
    items.into_iter().map(move |(name, value)| Entry {
        name: format!("{prefix}{}", name.get_ref()),
        place: source.place(name.span().start),
        value: value.get_ref(),
    })
}

/// The text of a spec and its name.
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn place(&self, offset: usize) -> Place {
        let before = self.text.as_bytes().iter().take(offset);
        Place::Line { file: escaped(self.file), line: before.filter(|&&byte| byte == b'\n').count() + 1 }
    }
}

impl Given {
    /// Reads the text of a spec.
    pub fn parse(text: &str, file: &str) -> Result<Given, SpecError> {
        let source = Source { file, text };
        let document = DeTable::parse(text).map_err(|error| SpecError {
            key: None,
            place: Some(source.place(error.span().map_or(0, |span| span.start))),
            message: format!("not valid TOML: {}", printable(error.message())),
        })?;
        let mut given = Given::default();
        for entry in entries(document.get_ref(), "", &source) {
            let Entry { name, place, value } = &entry;
            match value {
                DeValue::Table(table) if TABLES.contains(&name.as_str()) => {
                    for entry in entries(table, &format!("{name}."), &source) {
                        match entry.value {
                            DeValue::Table(single) if entry.name == "init.value" => {
                                for entry in entries(single, "init.value.", &source) {
                                    given.fix_entry(&entry)?;
                                }
                            }
                            _ => given.fix_entry(&entry)?,
                        }
                    }
                }
                DeValue::Table(table) if name == "sweep" => given.sweep_table(table, &source)?,
                _ if name == "sweep" || TABLES.contains(&name.as_str()) => {
                    let found = raw(value);
                    let message = format!("expected a table, found {}", found.found());
                    return Err(SpecError::of(name, place, message));
                }
                DeValue::Table(_) if key::find(name).is_err() => {
                    let near = nearest(name, TABLES.iter().copied().chain(["sweep"]));
                    let near = near.map(|table| format!("[{table}]"));
                    let message = format!("unknown table{}", suggestion(near.as_deref()));
                    return Err(SpecError::of(&format!("[{name}]"), place, message));
                }
                _ => given.fix_entry(&entry)?,
            }
        }
        Ok(given)
    }

    fn fix_entry(&mut self, entry: &Entry<'_>) -> Result<(), SpecError> {
        let error = |message| SpecError::of(&entry.name, &entry.place, message);
        let key = key::find(&entry.name).map_err(error)?;
        let value = key.kind.read(&raw(entry.value)).map_err(error)?;
        // TOML itself refuses a key given twice, but not `"init.scale"` beside `scale` in `[init]`.
        match self.fixed.insert(key.name, (key, value, entry.place.clone())) {
            None => Ok(()),
            Some((_, _, first)) => Err(error(format!("given twice; first on {first}"))),
        }
    }

    /// Reads `[sweep]`, whose keys may be written `"init.scale"` or `init.scale`.
    fn sweep_table(&mut self, table: &DeTable<'_>, source: &Source<'_>) -> Result<(), SpecError> {
        let mut flat = Vec::new();
        for (name, value) in table.iter() {
            match value.get_ref() {
                DeValue::Table(inner) if TABLES.contains(&name.get_ref().as_ref()) => {
                    for (leaf, value) in inner {
                        match value.get_ref() {
                            DeValue::Table(single) if join(name, leaf) == "init.value" => {
                                let entry = |n: &Spanned<_>| format!("init.value.{}", n.get_ref());
                                flat.extend(single.iter().map(|(n, value)| (entry(n), n, value)));
                            }
                            _ => flat.push((join(name, leaf), leaf, value)),
                        }
                    }
                }
                _ => flat.push((name.get_ref().to_string(), name, value)),
            }
        }
        flat.sort_by_key(|(_, name, _)| name.span().start);
        for (name, written, value) in flat {
            let place = source.place(written.span().start);
            let error = |message: String| SpecError::of(&name, &place, message);
            let key = sweepable(&name).map_err(error)?;
            if let Some(first) = self.sweeps.iter().find(|sweep| sweep.key.name == key.name) {
                return Err(error(format!("swept twice; first on {}", first.place)));
            }
            let values = range::read(&key.kind, &raw(value.get_ref())).map_err(error)?;
            self.sweeps.push(Sweep { key, values, place });
        }
        Ok(())
    }

    /// Applies the flags: each replaces what the text says of its key.
    pub fn apply(&mut self, overrides: &Overrides) -> Result<(), SpecError> {
        let mut set = BTreeMap::new();
        for text in &overrides.set {
            let place = Place::Flag("--set");
            let (name, value) = split(text, &place, "VALUE")?;
            let error = |message| SpecError::of(name, &place, message);
            if let Some(swept) = name.strip_prefix("sweep.") {
                return Err(error(format!("use --sweep {}={}", printable(swept), printable(value))));
            }
            let key = key::find(name).map_err(error)?;
            let value = read_flag(key, value).map_err(error)?;
            self.sweeps.retain(|sweep| sweep.key.name != key.name);
            self.fixed.insert(key.name, (key, value, place.clone()));
            set.insert(key.name, ());
        }
        let mut flags: Vec<&str> = Vec::new();
        for text in &overrides.sweep {
            let place = Place::Flag("--sweep");
            let (name, range) = split(text, &place, "RANGE")?;
            let error = |message| SpecError::of(name, &place, message);
            let key = sweepable(name).map_err(error)?;
            if flags.contains(&key.name) {
                return Err(error("swept twice; join the ranges with a comma".to_string()));
            }
            if set.contains_key(key.name) {
                return Err(error("given to --set, too; drop one of them".to_string()));
            }
            flags.push(key.name);
            let list = DeValue::parse(range.trim()).ok().filter(|value| value.get_ref().is_array());
            let range = list.map_or_else(|| Raw::Bare(range.to_string()), |list| raw(list.get_ref()));
            let sweep = Sweep { key, values: range::read(&key.kind, &range).map_err(error)?, place };
            match self.sweeps.iter_mut().find(|sweep| sweep.key.name == key.name) {
                Some(of_text) => *of_text = sweep,
                None => self.sweeps.push(sweep),
            }
        }
        for (name, flag, value) in
            [("runs.seeds", "--seeds", overrides.seeds), ("runs.seed", "--seed", overrides.seed)]
        {
            let place = Place::Flag(flag);
            let error = |message| SpecError::of(name, &place, message);
            if let Some(value) = value {
                let key = key::find(name).map_err(error)?;
                let value = key.kind.read(&Raw::Integer(value.into())).map_err(error)?;
                self.fixed.insert(key.name, (key, value, place.clone()));
            }
        }
        Ok(())
    }
}

fn join(table: &Spanned<toml::de::DeString<'_>>, leaf: &Spanned<toml::de::DeString<'_>>) -> String {
    format!("{}.{}", table.get_ref(), leaf.get_ref())
}

/// The key of that name, if cells may differ in it.
fn sweepable(name: &str) -> Result<&'static Key, String> {
    let key = key::find(name)?;
    if key.sweepable { Ok(key) } else { Err("cannot be swept".to_string()) }
}

/// The two sides of `KEY=VALUE`.
fn split<'a>(text: &'a str, place: &Place, what: &str) -> Result<(&'a str, &'a str), SpecError> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| SpecError::of(text, place, format!("expected KEY={what}, found no \"=\"")))?;
    Ok((name.trim(), value))
}

/// Reads the VALUE of `--set KEY=VALUE`: TOML, or a bare word, or widths as `8x8`.
fn read_flag(key: &Key, text: &str) -> Result<Value, String> {
    let toml = DeValue::parse(text.trim()).ok().map(|value| raw(value.get_ref()));
    match toml {
        // Quoted or bracketed: certainly meant as TOML.
        Some(value @ (Raw::Text(_) | Raw::List(_))) => key.kind.read(&value),
        // A bare 01 is a word to one key and a number to another, so the key decides. TOML also knows 1_000 and 0xff.
        value => key
            .kind
            .read(&Raw::Bare(text.to_string()))
            .or_else(|why| value.and_then(|value| key.kind.read(&value).ok()).ok_or(why)),
    }
}

/// The value that TOML wrote.
fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        // An integer beyond 128 bits is beyond every key's limit, as infinity is.
        DeValue::Integer(n) => {
            i128::from_str_radix(n.as_str(), n.radix()).map_or(Raw::Number(f64::INFINITY), Raw::Integer)
        }
        // TOML's floats are Rust's; should they ever differ, no key takes NaN.
        DeValue::Float(x) => Raw::Number(x.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Raw::Flag(*flag),
        DeValue::Array(items) => Raw::List(items.iter().map(|item| raw(item.get_ref())).collect()),
        DeValue::Datetime(_) => Raw::Other("a date or time"),
        DeValue::Table(_) => Raw::Other("a table"),
    }
}
