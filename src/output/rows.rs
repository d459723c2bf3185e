//! The text of CSV rows: floats that read back to the same bits, empty fields for what does not exist.

use super::heading::Heading;
use super::runs::{Fields, Swept};
use crate::spec::Value;

/// Rows of a CSV file, built in memory.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Every field ends with a comma, the last of a row with a line break in its place.
    text: Vec<u8>,
}

impl Rows {
    /// The fields of a cell's swept values, for [`fields`](Rows::fields).
    pub fn of_values(values: &[Value]) -> Rows {
        let mut rows = Rows::default();
        for value in values {
            match value {
                Value::Number(number) => rows.float(*number),
                other => rows.text(&other.to_string()),
            }
        }
        rows
    }

    /// A whole number.
    pub fn whole(&mut self, value: u64) {
        self.plain(itoa::Buffer::new().format(value));
    }

    /// A float, in the shortest form that reads back to the same bits, of two that are equally near the one with the
    /// even last digit; with an exponent if it is under 1e-4 or from 1e16 on.
    pub fn float(&mut self, value: f64) {
        let size = value.abs();
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format(value);
        if size >= 1e16 {
            self.plain(&text.replacen('+', "", 1));
        } else if (1e-5..1e-4).contains(&size) {
            // 0.000012 -> 1.2e-5
            let digits = text.trim_start_matches(['-', '0', '.']);
            let (first, more) = digits.split_at(1);
            let (sign, point) = (if value < 0.0 { "-" } else { "" }, if more.is_empty() { "" } else { "." });
            for part in [sign, first, point, more] {
                self.text.extend_from_slice(part.as_bytes());
            }
            self.plain("e-5");
        } else {
            self.plain(text);
        }
    }

    /// A field of text that needs no quotes: words of ours.
    pub fn plain(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
        self.text.push(b',');
    }

    /// A field of any text, quoted where CSV needs it.
    pub fn text(&mut self, text: &str) {
        if text.contains([',', '"', '\n', '\r']) {
            self.plain(&format!("\"{}\"", text.replace('"', "\"\"")));
        } else {
            self.plain(text);
        }
    }

    /// A whole number that is empty for `None`.
    pub fn maybe_whole(&mut self, value: Option<u32>) {
        match value {
            Some(value) => self.whole(value.into()),
            None => self.plain(""),
        }
    }

    /// A float that is empty for `None`.
    pub fn maybe_float(&mut self, value: Option<f64>) {
        match value {
            Some(value) => self.float(value),
            None => self.plain(""),
        }
    }

    /// Two floats that are often the same.
    pub fn pair(&mut self, first: f64, second: f64) {
        let from = self.text.len();
        self.float(first);
        if first.to_bits() == second.to_bits() {
            self.text.extend_from_within(from..);
        } else {
            self.float(second);
        }
    }

    /// The fields of a row that is not ended.
    pub fn fields(&mut self, fields: &Rows) {
        self.text.extend_from_slice(&fields.text);
    }

    /// Ends the row, which has a field.
    pub fn end(&mut self) {
        if let Some(comma) = self.text.last_mut() {
            *comma = b'\n';
        }
    }

    /// What has been built.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }
}

impl Fields for Rows {
    fn whole(&mut self, value: u64) {
        self.whole(value);
    }

    fn maybe_whole(&mut self, value: Option<u32>) {
        self.maybe_whole(value);
    }

    fn float(&mut self, value: f64) {
        self.float(value);
    }

    fn maybe_float(&mut self, value: Option<f64>) {
        self.maybe_float(value);
    }

    fn maybe_floats(&mut self, first: Option<f64>, second: Option<f64>) {
        match (first, second) {
            (Some(first), Some(second)) => self.pair(first, second),
            (first, second) => {
                self.maybe_float(first);
                self.maybe_float(second);
            }
        }
    }

    fn word(&mut self, word: &'static str) {
        self.plain(word);
    }

    fn maybe_word(&mut self, word: Option<&'static str>) {
        self.plain(word.unwrap_or(""));
    }

    fn maybe_flag(&mut self, flag: Option<bool>) {
        self.plain(match flag {
            Some(true) => "true",
            Some(false) => "false",
            None => "",
        });
    }

    fn swept(&mut self, swept: &Swept<'_>) {
        self.fields(&swept.text);
    }

    fn end(&mut self) {
        self.end();
    }
}

/// A header row: fixed columns, swept keys, more fixed columns.
pub fn header(before: &[Heading], swept: &[String], after: &[Heading]) -> Rows {
    let mut rows = Rows::default();
    let names = |headings: &[Heading]| headings.iter().map(|heading| heading.name).collect::<Vec<_>>();
    for name in names(before).into_iter().chain(swept.iter().map(String::as_str)).chain(names(after)) {
        rows.text(name);
    }
    rows.end();
    rows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Rows;

    fn text(write: impl Fn(&mut Rows)) -> String {
        let mut rows = Rows::default();
        write(&mut rows);
        String::from_utf8(rows.as_bytes().to_vec()).unwrap()
    }

    fn float(value: f64) -> String {
        text(|rows| rows.float(value))
    }

    #[test]
    fn floats_have_one_form() {
        for (value, expected) in [
            (0.1, "0.1,"),
            (-0.0, "-0.0,"),
            (1.0, "1.0,"),
            (1e15, "1000000000000000.0,"),
            (1e16, "1e16,"),
            (-1.5e300, "-1.5e300,"),
            (1e-4, "0.0001,"),
            (9.5e-5, "9.5e-5,"),
            (-1e-5, "-1e-5,"),
            (1e-300, "1e-300,"),
            (f64::from(0.1f32), "0.10000000149011612,"),
            // Exactly 0.0144367218017578125.
            (0.014436721801757813, "0.014436721801757812,"),
            (f64::INFINITY, "inf,"),
            (f64::NEG_INFINITY, "-inf,"),
            (f64::NAN, "NaN,"),
        ] {
            assert_eq!(float(value), expected);
        }
    }

    /// The last digit before the exponent taken off: where two forms are equally near, the standard library takes the
    /// odd one at times.
    fn but_for_the_last_digit(text: &str) -> String {
        let (digits, exponent) = text.split_once('e').unwrap_or((text.trim_end_matches(','), ""));
        format!("{}_{exponent}", &digits[..digits.len() - 1])
    }

    proptest! {
        #[test]
        fn floats_read_back_to_the_same_bits(bits: u64, narrow: u32, digits in 1..9_999_999_i32, power in -12..3) {
            let decimal = f64::from(digits) * 10f64.powi(power);
            for value in [f64::from_bits(bits), f64::from(f32::from_bits(narrow)), decimal] {
                let standard = format!("{value:?},");
                prop_assert_eq!(but_for_the_last_digit(&float(value)), but_for_the_last_digit(&standard));
                if !value.is_nan() {
                    let read: f64 = float(value).trim_end_matches(',').parse().unwrap();
                    prop_assert_eq!(read.to_bits(), value.to_bits());
                }
            }
        }
    }

    #[test]
    fn two_floats_are_two_fields() {
        for (first, second) in [(0.5, 0.5), (0.5, 0.25), (0.0, -0.0)] {
            assert_eq!(text(|rows| rows.pair(first, second)), format!("{first:?},{second:?},"));
        }
    }

    #[test]
    fn what_does_not_exist_is_empty_and_commas_are_quoted() {
        let row = text(|rows| {
            rows.maybe_whole(None);
            rows.maybe_float(Some(1e-6));
            rows.text("a,\"b\"");
            rows.maybe_whole(Some(10));
            rows.plain("true");
            rows.maybe_float(None);
            rows.end();
        });
        assert_eq!(row, ",1e-6,\"a,\"\"b\"\"\",10,true,\n");
    }
}
