//! Ranges: which values a swept key takes. Comma-separated items, each a value, `lin:LO:HI:N` or `log:LO:HI:N`;
//! or a TOML array of values.

use std::collections::HashSet;

use super::Value;
use super::error::printable;
use super::key::{Kind, Raw};

/// More cells than this are refused, and so is any single range of more values.
pub const MAX_CELLS: u64 = 10_000_000;

/// The distinct values of a range, in order. The message says what is wrong with it.
pub(super) fn read(kind: &Kind, raw: &Raw) -> Result<Vec<Value>, String> {
    let mut values = Vec::new();
    match raw {
        Raw::Bare(text) | Raw::Text(text) => read_text(kind, text, &mut values)?,
        Raw::List(items) => {
            for item in items {
                match item {
                    // In quotes or not, an item of a list means what it means between commas.
                    Raw::Bare(text) | Raw::Text(text) => read_text(kind, text, &mut values)?,
                    _ => values.push(kind.read(item)?),
                }
            }
        }
        Raw::Other(_) => {
            return Err(format!("expected a range such as \"0,lin:1:2:5\", found {}", raw.found()));
        }
        _ => values.push(kind.read(raw)?),
    }
    if values.is_empty() {
        return Err("the range is empty".to_string());
    }
    let mut seen = HashSet::with_capacity(values.len());
    match values.iter().find(|value| !seen.insert(identity(value))) {
        Some(twice) => Err(format!("the range has {twice} twice")),
        None => Ok(values),
    }
}

/// What makes two values of one key the same.
fn identity(value: &Value) -> (u64, &str) {
    match value {
        Value::Number(x) => (x.to_bits(), ""),
        Value::Integer(n) => (*n, ""),
        Value::Flag(flag) => (u64::from(*flag), ""),
        Value::Word(word) => (0, word),
        // In a range each is one name.
        Value::Words(words) => (0, words.first().map_or("", String::as_str)),
        // Not of a key that can be swept.
        Value::Numbers(_) => (0, ""),
    }
}

fn read_text(kind: &Kind, text: &str, values: &mut Vec<Value>) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("the range is empty".to_string());
    }
    for item in text.split(',').map(str::trim) {
        if item.is_empty() {
            return Err(format!("the range \"{}\" has an empty item", printable(text)));
        }
        match item.split_once(':') {
            Some((spacing @ ("lin" | "log"), rest)) => {
                spaced(kind, spacing == "log", rest, values)
                    .map_err(|why| format!("\"{}\": {why}", printable(item)))?;
            }
            Some((word, _)) if kind.is_numeric() => {
                return Err(format!("expected lin:LO:HI:N or log:LO:HI:N, found \"{}:…\"", printable(word)));
            }
            _ => values.push(kind.read(&Raw::Bare(item.to_string()))?),
        }
    }
    Ok(())
}

/// Appends the values of `LO:HI:N`.
fn spaced(kind: &Kind, log: bool, text: &str, values: &mut Vec<Value>) -> Result<(), String> {
    if !kind.is_numeric() {
        return Err(format!("lin: and log: are for numbers, but this key is {}", kind.expected()));
    }
    let parts: Vec<&str> = text.split(':').map(str::trim).collect();
    let &[low, high, count] = parts.as_slice() else {
        return Err("expected three parts, LO:HI:N".to_string());
    };
    let end = |text: &str| match text.parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(x),
        _ => Err(format!("expected a finite number, found \"{}\"", printable(text))),
    };
    let (low, high) = (end(low)?, end(high)?);
    let room = MAX_CELLS - (values.len() as u64).min(MAX_CELLS);
    let count = match count.parse::<u64>() {
        Ok(count) if (1..=room).contains(&count) => count,
        _ => {
            let found = printable(count);
            return Err(format!("expected for N a whole number from 1 to {room}, found \"{found}\""));
        }
    };
    if log && low <= 0.0 {
        return Err("log: needs LO > 0".to_string());
    }
    if low > high {
        return Err("LO must not be above HI".to_string());
    }
    if count == 1 && low != high {
        return Err("one value cannot include both ends; N must be 2 or more".to_string());
    }
    for i in 0..count {
        let mut x = point(log, low, high, i, count);
        if let Kind::Integer { .. } = kind {
            x = x.round();
        }
        // Printing picks the shortest text that reads back to the same f64.
        values.push(kind.read(&Raw::Bare(format!("{x:?}")))?);
    }
    Ok(())
}

/// Point `i` of `count` from `low` to `high`. The ends are exact; the points between are rounded to 14 digits, so
/// that they print as 0.1 rather than 0.10000000000000002 and are the same on every system.
fn point(log: bool, low: f64, high: f64, i: u64, count: u64) -> f64 {
    if i == 0 {
        return low;
    }
    if i + 1 == count {
        return high;
    }
    let t = i as f64 / (count - 1) as f64;
    let between = |a: f64, b: f64| a * (1.0 - t) + b * t;
    let x =
        if log { libm::pow(10.0, between(libm::log10(low), libm::log10(high))) } else { between(low, high) };
    // What rounding leaves over of a zero.
    if x.abs() < 1e-14 * low.abs().max(high.abs()) && !log {
        return 0.0;
    }
    // A float that Rust prints, it reads.
    format!("{x:.13e}").parse().unwrap_or(x).clamp(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::key;
    use proptest::prelude::*;

    fn kind(name: &str) -> &'static Kind {
        &key::find(name).unwrap().kind
    }

    fn range(name: &str, text: &str) -> Result<Vec<Value>, String> {
        read(kind(name), &Raw::Bare(text.to_string()))
    }

    fn shown(name: &str, text: &str) -> String {
        let values = range(name, text).unwrap();
        values.iter().map(Value::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn items_and_spacings() {
        assert_eq!(shown("init.scale", "0,log:1e-3:10:5"), "0.0 0.001 0.01 0.1 1.0 10.0");
        assert_eq!(shown("init.scale", " lin:0:1:11 "), "0.0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1.0");
        assert_eq!(shown("init.scale", "log:1:100:4"), "1.0 4.6415888336128 21.544346900319 100.0");
        assert_eq!(shown("init.scale", "lin:0.1:0.1:1"), "0.1");
        assert_eq!(shown("init.base_value", "lin:-0.2:0.4:4"), "-0.2 0.0 0.2 0.4");
        assert_eq!(shown("init.base_value", "-0.0"), "0.0");
        assert_eq!(shown("train.steps", "log:10:1e4:4,7,2e2"), "10 100 1000 10000 7 200");
        assert_eq!(shown("net.activation", "logistic, tanh"), "logistic tanh");
        assert_eq!(shown("net.hidden", "none,2,8x8"), "none 2 8x8");
        assert_eq!(shown("net.bias", "true,false"), "true false");
        assert_eq!(shown("task.inputs", "01,pm1"), "01 pm1");
    }

    #[test]
    fn lists() {
        let list = |name, items: Vec<Raw>| read(kind(name), &Raw::List(items));
        assert_eq!(
            list("net.hidden", vec![Raw::Integer(2), Raw::Text("8x8".to_string()), Raw::List(vec![])]),
            Ok(vec![
                Value::Word("2".to_string()),
                Value::Word("8x8".to_string()),
                Value::Word("none".to_string())
            ])
        );
        assert_eq!(
            list("train.lr", vec![Raw::Integer(1), Raw::Number(0.5)]),
            Ok(vec![Value::Number(1.0), Value::Number(0.5)])
        );
        assert_eq!(list("train.lr", vec![]), Err("the range is empty".to_string()));
    }

    #[test]
    fn what_is_wrong_with_a_range_is_said() {
        let error = |name, text| range(name, text).unwrap_err();
        assert_eq!(error("init.scale", ""), "the range is empty");
        assert_eq!(error("init.scale", "1,,2"), "the range \"1,,2\" has an empty item");
        assert_eq!(error("init.scale", "1,2,1e0"), "the range has 1.0 twice");
        assert_eq!(error("init.base_value", "0,-0.0"), "the range has 0.0 twice");
        assert_eq!(error("init.scale", "log:0:1:5"), "\"log:0:1:5\": log: needs LO > 0");
        assert_eq!(error("init.scale", "lin:2:1:5"), "\"lin:2:1:5\": LO must not be above HI");
        assert_eq!(
            error("init.scale", "lin:1:2:1"),
            "\"lin:1:2:1\": one value cannot include both ends; N must be 2 or more"
        );
        assert_eq!(
            error("init.scale", "lin:1:2:0"),
            "\"lin:1:2:0\": expected for N a whole number from 1 to 10000000, found \"0\""
        );
        assert_eq!(
            error("init.scale", "0,lin:1:2:10000000"),
            "\"lin:1:2:10000000\": expected for N a whole number from 1 to 9999999, found \"10000000\""
        );
        assert_eq!(error("init.scale", "lin:1:2"), "\"lin:1:2\": expected three parts, LO:HI:N");
        assert_eq!(
            error("init.scale", "lin:1:inf:3"),
            "\"lin:1:inf:3\": expected a finite number, found \"inf\""
        );
        assert_eq!(error("init.scale", "geo:1:2:3"), "expected lin:LO:HI:N or log:LO:HI:N, found \"geo:…\"");
        assert_eq!(
            error("init.scale", "lin:-1:1:3"),
            "\"lin:-1:1:3\": expected a number from 0 to 3.4e38, found -1.0"
        );
        assert_eq!(error("train.steps", "lin:1:2:5"), "the range has 1 twice");
        assert_eq!(
            error("net.bias", "lin:0:1:2"),
            "\"lin:0:1:2\": lin: and log: are for numbers, but this key is true or false"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,30}", spaced in "(lin|log):[-+0-9e.]{0,9}:[-+0-9e.]{0,9}:[0-9]{0,4}") {
            for key in key::KEYS {
                let _ = range(key.name, &text);
                let _ = range(key.name, &spaced);
            }
        }

        #[test]
        fn printed_values_read_back_to_the_same_bits(values in prop::collection::hash_set(0u64..0x47ef_ffff_e000_0000, 1..20)) {
            let values: Vec<Value> = values.into_iter().map(|bits| Value::Number(f64::from_bits(bits))).collect();
            let text = values.iter().map(Value::to_string).collect::<Vec<_>>().join(",");
            prop_assert_eq!(range("init.scale", &text), Ok(values));
        }

        #[test]
        fn spacings_include_both_ends_and_rise(
            low in 1e-30f64..1e30, factor in 1.001f64..1e8, count in 2u64..200, log: bool,
        ) {
            let high = low * factor;
            let word = if log { "log" } else { "lin" };
            let values = range("init.scale", &format!("{word}:{low:?}:{high:?}:{count}")).unwrap();
            let numbers: Vec<f64> = values.iter().filter_map(Value::as_number).collect();
            prop_assert_eq!(numbers.len() as u64, count);
            prop_assert_eq!((numbers[0], numbers[numbers.len() - 1]), (low, high));
            for (i, pair) in numbers.windows(2).enumerate() {
                prop_assert!(pair[0] < pair[1]);
                let t = (i + 1) as f64 / (count - 1) as f64;
                let exact = if log { low * factor.powf(t) } else { low + (high - low) * t };
                prop_assert!((pair[1] / exact - 1.0).abs() < 1e-12);
            }
        }
    }
}
