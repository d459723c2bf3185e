//! The text of CSV rows: floats that read back to the same bits, empty fields for what does not exist.

use std::fmt::{Display, Write};

use crate::spec::Plan;

/// Rows of a CSV file, built in memory.
#[derive(Debug, Default)]
pub struct Rows {
    text: String,
    in_row: bool,
}

impl Rows {
    /// A field from anything that prints without commas and quotes: whole numbers, booleans, words of ours.
    pub fn put(&mut self, value: impl Display) {
        self.separate();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{value}");
    }

    /// A float, in the shortest form that reads back to the same bits.
    pub fn float(&mut self, value: f64) {
        self.put(format_args!("{value:?}"));
    }

    /// A field of any text, quoted where CSV needs it.
    pub fn text(&mut self, text: &str) {
        if text.contains([',', '"', '\n', '\r']) {
            self.put(format_args!("\"{}\"", text.replace('"', "\"\"")));
        } else {
            self.put(text);
        }
    }

    /// A field that is empty for `None`.
    pub fn maybe(&mut self, value: Option<impl Display>) {
        match value {
            Some(value) => self.put(value),
            None => self.separate(),
        }
    }

    /// A float that is empty for `None`.
    pub fn maybe_float(&mut self, value: Option<f64>) {
        match value {
            Some(value) => self.float(value),
            None => self.separate(),
        }
    }

    /// The values of the swept keys of a cell, one field each.
    pub fn swept_values(&mut self, plan: &Plan, cell: usize) {
        for value in &plan.cells[cell].values {
            self.text(&value.to_string());
        }
    }

    /// Ends the row.
    pub fn end(&mut self) {
        self.text.push('\n');
        self.in_row = false;
    }

    /// Bytes built so far.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether nothing has been built.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What has been built.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Starts over with no rows.
    pub fn clear(&mut self) {
        self.text.clear();
        self.in_row = false;
    }

    fn separate(&mut self) {
        if self.in_row {
            self.text.push(',');
        }
        self.in_row = true;
    }
}

/// A header row: fixed columns, swept keys, more fixed columns.
pub fn header(before: &[&str], swept: &[String], after: &[&str]) -> Rows {
    let mut rows = Rows::default();
    let swept = swept.iter().map(String::as_str);
    for name in before.iter().copied().chain(swept).chain(after.iter().copied()) {
        rows.text(name);
    }
    rows.end();
    rows
}

#[cfg(test)]
mod tests {
    use super::Rows;

    #[test]
    fn floats_read_back_to_the_same_bits() {
        for x in [0.1, 1.0, 1e-300, -0.0, f64::MIN_POSITIVE / 8.0, f64::from(0.1f32), f64::INFINITY] {
            let mut rows = Rows::default();
            rows.float(x);
            let text = String::from_utf8(rows.as_bytes().to_vec()).unwrap();
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), x.to_bits(), "{text}");
        }
    }

    #[test]
    fn what_does_not_exist_is_empty_and_commas_are_quoted() {
        let mut rows = Rows::default();
        rows.maybe(None::<u32>);
        rows.maybe_float(Some(1e-6));
        rows.text("a,\"b\"");
        rows.maybe(Some(true));
        rows.maybe_float(None);
        rows.end();
        assert_eq!(rows.as_bytes(), b",1e-6,\"a,\"\"b\"\"\",true,\n");
    }
}
