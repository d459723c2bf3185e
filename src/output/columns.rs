//! Rows of runs as typed columns, the form in which Parquet keeps them: the same fields as those of `runs.csv`, made by the
//! same code, but as numbers and words in place of text.

use bytes::Bytes;
use parquet::data_type::ByteArray;
use serde_json::Value as Json;

use super::heading::Heading;
use super::runs::{self, Fields, Swept};
use crate::spec::Value;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers of 64 bits.
    Whole,
    /// Whole numbers of 32 bits.
    Count,
    /// f64
    Float,
    /// true or false
    Flag,
    /// Text.
    Word,
}

/// What is known of a column before it has values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// As in the header of `runs.csv`.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether a run may lack it.
    pub optional: bool,
}

/// The columns of the runs of a resolved spec, in the order of `runs.csv`.
pub fn heads(spec: &Json) -> Vec<Head> {
    let fixed = |Heading { name, kind, optional, .. }: Heading| Head { name: name.into(), kind, optional };
    let swept = spec["sweep"].as_object().into_iter().flatten();
    let swept =
        swept.map(|(key, values)| Head { name: key.clone(), kind: swept_kind(values), optional: false });
    runs::BEFORE.into_iter().map(fixed).chain(swept).chain(runs::AFTER.into_iter().map(fixed)).collect()
}

/// The kind that all values of a swept key have; where they differ (`full` and numbers), that of their text.
pub(super) fn swept_kind(values: &Json) -> Kind {
    let kind = |value: &Json| match value {
        Json::Number(number) if number.is_f64() => Kind::Float,
        Json::Number(_) => Kind::Whole,
        Json::Bool(_) => Kind::Flag,
        _ => Kind::Word,
    };
    let mut kinds = values.as_array().into_iter().flatten().map(kind);
    let first = kinds.next().unwrap_or(Kind::Word);
    if kinds.all(|kind| kind == first) { first } else { Kind::Word }
}

/// Values that are there, in the types of Parquet, which knows unsigned numbers by their bits.
#[derive(Clone, Debug)]
pub enum Values {
    /// Of [`Kind::Whole`].
    Whole(Vec<i64>),
    /// Of [`Kind::Count`].
    Count(Vec<i32>),
    /// Of [`Kind::Float`]. There is one NaN.
    Float(Vec<f64>),
    /// Of [`Kind::Flag`].
    Flag(Vec<bool>),
    /// Of [`Kind::Word`], UTF-8.
    Word(Vec<ByteArray>),
}

impl Values {
    fn new(kind: Kind) -> Values {
        match kind {
            Kind::Whole => Values::Whole(Vec::new()),
            Kind::Count => Values::Count(Vec::new()),
            Kind::Float => Values::Float(Vec::new()),
            Kind::Flag => Values::Flag(Vec::new()),
            Kind::Word => Values::Word(Vec::new()),
        }
    }

    /// What they are.
    pub fn kind(&self) -> Kind {
        match self {
            Values::Whole(_) => Kind::Whole,
            Values::Count(_) => Kind::Count,
            Values::Float(_) => Kind::Float,
            Values::Flag(_) => Kind::Flag,
            Values::Word(_) => Kind::Word,
        }
    }

    fn append(&mut self, other: Values) {
        match (self, other) {
            (Values::Whole(ours), Values::Whole(theirs)) => ours.extend(theirs),
            (Values::Count(ours), Values::Count(theirs)) => ours.extend(theirs),
            (Values::Float(ours), Values::Float(theirs)) => ours.extend(theirs),
            (Values::Flag(ours), Values::Flag(theirs)) => ours.extend(theirs),
            (Values::Word(ours), Values::Word(theirs)) => ours.extend(theirs),
            (ours, theirs) => unreachable!("{:?} after {:?}", theirs.kind(), ours.kind()),
        }
    }

    /// Takes the first `count` off.
    fn take(&mut self, count: usize) -> Values {
        match self {
            Values::Whole(values) => Values::Whole(take(values, count)),
            Values::Count(values) => Values::Count(take(values, count)),
            Values::Float(values) => Values::Float(take(values, count)),
            Values::Flag(values) => Values::Flag(take(values, count)),
            Values::Word(values) => Values::Word(take(values, count)),
        }
    }
}

fn take<T>(values: &mut Vec<T>, count: usize) -> Vec<T> {
    let rest = values.split_off(count);
    std::mem::replace(values, rest)
}

/// One column of consecutive rows.
#[derive(Clone, Debug)]
pub struct Column {
    /// Where values may be missing, 1 for each row that has one and 0 for each that has none: Parquet's definition levels.
    pub present: Option<Vec<i16>>,
    /// Those that are there.
    pub values: Values,
}

impl Column {
    fn new(head: &Head) -> Column {
        Column { present: head.optional.then(Vec::new), values: Values::new(head.kind) }
    }

    /// Notes whether the next row has a value.
    fn note(&mut self, present: bool) {
        if let Some(levels) = &mut self.present {
            levels.push(present.into());
        }
    }

    /// Row by row, the whole number that is there; no row where it is a column of something else.
    pub fn wholes(&self) -> impl Iterator<Item = Option<u64>> {
        let (wholes, counts): (&[i64], &[i32]) = match &self.values {
            Values::Whole(values) => (values, &[]),
            Values::Count(values) => (&[], values),
            _ => (&[], &[]),
        };
        let counts = counts.iter().map(|&value| u64::from(value as u32));
        self.by_row(wholes.iter().map(|&value| value as u64).chain(counts))
    }

    /// Row by row, the float that is there; no row where it is a column of something else.
    pub fn floats(&self) -> impl Iterator<Item = Option<f64>> {
        let values: &[f64] = if let Values::Float(values) = &self.values { values } else { &[] };
        self.by_row(values.iter().copied())
    }

    /// Row by row, the flag that is there; no row where it is a column of something else.
    pub fn flags(&self) -> impl Iterator<Item = Option<bool>> {
        let values: &[bool] = if let Values::Flag(values) = &self.values { values } else { &[] };
        self.by_row(values.iter().copied())
    }

    /// Row by row, the word that is there; no row where it is a column of something else.
    pub fn words(&self) -> impl Iterator<Item = Option<&str>> {
        let values: &[ByteArray] = if let Values::Word(values) = &self.values { values } else { &[] };
        self.by_row(values.iter().map(|word| str::from_utf8(word.data()).unwrap_or("")))
    }

    /// The first row in which another column of the same rows and kind has something else, to the bit.
    pub fn first_difference(&self, other: &Column) -> Option<usize> {
        fn position<T: PartialEq>(
            ours: impl Iterator<Item = T>,
            theirs: impl Iterator<Item = T>,
        ) -> Option<usize> {
            ours.zip(theirs).position(|(ours, theirs)| ours != theirs)
        }
        let bits = |value: Option<f64>| value.map(f64::to_bits);
        match self.values.kind() {
            Kind::Whole | Kind::Count => position(self.wholes(), other.wholes()),
            Kind::Float => position(self.floats().map(bits), other.floats().map(bits)),
            Kind::Flag => position(self.flags(), other.flags()),
            Kind::Word => position(self.words(), other.words()),
        }
    }

    /// The text of what a row has, if that is something.
    pub fn text(&self, row: usize) -> Option<String> {
        match self.values.kind() {
            Kind::Whole | Kind::Count => self.wholes().nth(row)?.map(|value| value.to_string()),
            Kind::Float => self.floats().nth(row)?.map(|value| format!("{value:?}")),
            Kind::Flag => self.flags().nth(row)?.map(|value| value.to_string()),
            Kind::Word => self.words().nth(row)?.map(str::to_string),
        }
    }

    /// `values` with the gaps between them.
    fn by_row<T>(&self, mut values: impl Iterator<Item = T>) -> impl Iterator<Item = Option<T>> {
        let mut levels = self.present.as_deref().map(<[i16]>::iter);
        std::iter::from_fn(move || match &mut levels {
            None => values.next().map(Some),
            Some(levels) => match levels.next()? {
                1 => values.next().map(Some),
                _ => Some(None),
            },
        })
    }

    fn append(&mut self, other: Column) {
        if let (Some(ours), Some(theirs)) = (&mut self.present, other.present) {
            ours.extend(theirs);
        }
        self.values.append(other.values);
    }

    /// Takes the first `rows` rows off.
    fn take(&mut self, rows: usize) -> Column {
        let present = self.present.as_mut().map(|levels| take(levels, rows));
        let count = match &present {
            Some(levels) => levels.iter().filter(|&&level| level == 1).count(),
            None => rows,
        };
        Column { present, values: self.values.take(count) }
    }
}

/// The columns of consecutive runs.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    columns: Vec<Column>,
    rows: usize,
    /// The column that the next field goes to.
    at: usize,
}

impl Columns {
    /// Of no runs so far.
    pub fn new(heads: &[Head]) -> Columns {
        Columns { columns: heads.iter().map(Column::new).collect(), rows: 0, at: 0 }
    }

    /// Of `rows` runs.
    pub fn of(columns: Vec<Column>, rows: usize) -> Columns {
        Columns { columns, rows, at: 0 }
    }

    /// The number of runs.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Column by column.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether they are the columns that `heads` describes.
    pub fn have(&self, heads: &[Head]) -> bool {
        let is = |(column, head): (&Column, &Head)| {
            column.values.kind() == head.kind && column.present.is_some() == head.optional
        };
        self.columns.len() == heads.len() && self.columns.iter().zip(heads).all(is)
    }

    /// Adds further runs, of the same columns.
    pub fn append(&mut self, other: Columns) {
        self.rows += other.rows;
        for (ours, theirs) in self.columns.iter_mut().zip(other.columns) {
            ours.append(theirs);
        }
    }

    /// Takes the first `rows` runs off; there are as many.
    pub fn take(&mut self, rows: usize) -> Columns {
        self.rows -= rows;
        Columns::of(self.columns.iter_mut().map(|column| column.take(rows)).collect(), rows)
    }

    /// The column of the next field.
    fn next(&mut self) -> &mut Column {
        self.at += 1;
        &mut self.columns[self.at - 1]
    }

    fn put_whole(values: &mut Values, value: u64) {
        match values {
            Values::Whole(values) => values.push(value as i64),
            // What is counted in 32 bits comes from there.
            Values::Count(values) => values.push(value as u32 as i32),
            other => unreachable!("a whole number in a column of {:?}", other.kind()),
        }
    }

    fn put_word(values: &mut Values, word: Bytes) {
        match values {
            Values::Word(values) => values.push(word.into()),
            other => unreachable!("a word in a column of {:?}", other.kind()),
        }
    }

    fn put_float(values: &mut Values, value: f64) {
        match values {
            // Which of its many bit patterns a NaN has is up to the processor.
            Values::Float(values) => values.push(if value.is_nan() { f64::NAN } else { value }),
            other => unreachable!("a float in a column of {:?}", other.kind()),
        }
    }
}

impl Fields for Columns {
    fn whole(&mut self, value: u64) {
        Self::put_whole(&mut self.next().values, value);
    }

    fn maybe_whole(&mut self, value: Option<u32>) {
        let column = self.next();
        column.note(value.is_some());
        if let Some(value) = value {
            Self::put_whole(&mut column.values, value.into());
        }
    }

    fn float(&mut self, value: f64) {
        Self::put_float(&mut self.next().values, value);
    }

    fn maybe_float(&mut self, value: Option<f64>) {
        let column = self.next();
        column.note(value.is_some());
        if let Some(value) = value {
            Self::put_float(&mut column.values, value);
        }
    }

    fn maybe_floats(&mut self, first: Option<f64>, second: Option<f64>) {
        self.maybe_float(first);
        self.maybe_float(second);
    }

    fn word(&mut self, word: &'static str) {
        Self::put_word(&mut self.next().values, Bytes::from_static(word.as_bytes()));
    }

    fn maybe_word(&mut self, word: Option<&'static str>) {
        let column = self.next();
        column.note(word.is_some());
        if let Some(word) = word {
            Self::put_word(&mut column.values, Bytes::from_static(word.as_bytes()));
        }
    }

    fn maybe_flag(&mut self, flag: Option<bool>) {
        let column = self.next();
        column.note(flag.is_some());
        match (&mut column.values, flag) {
            (_, None) => {}
            (Values::Flag(values), Some(flag)) => values.push(flag),
            (other, Some(_)) => unreachable!("a flag in a column of {:?}", other.kind()),
        }
    }

    fn swept(&mut self, swept: &Swept<'_>) {
        for value in swept.values {
            match (&mut self.next().values, value) {
                (Values::Float(values), Value::Number(x)) => values.push(*x),
                (Values::Whole(values), Value::Integer(n)) => values.push(*n as i64),
                (Values::Flag(values), Value::Flag(flag)) => values.push(*flag),
                (values, other) => Self::put_word(values, other.to_string().into()),
            }
        }
    }

    fn end(&mut self) {
        debug_assert_eq!(self.at, self.columns.len());
        self.at = 0;
        self.rows += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(present: Option<&[i16]>, values: Values) -> Column {
        Column { present: present.map(<[i16]>::to_vec), values }
    }

    /// Rows of every kind, of which the second has no optional value.
    fn rows() -> Columns {
        let columns = vec![
            column(None, Values::Whole(vec![1, -1, 3])),
            column(Some(&[1, 0, 1]), Values::Count(vec![4, -1])),
            column(Some(&[1, 0, 1]), Values::Float(vec![0.0, f64::NAN])),
            column(Some(&[1, 0, 1]), Values::Flag(vec![true, false])),
            column(None, Values::Word(vec!["a".into(), "b".into(), "c".into()])),
        ];
        Columns::of(columns, 3)
    }

    #[test]
    fn rows_are_shown_with_their_gaps() {
        let rows = rows();
        let shown: Vec<Vec<Option<String>>> =
            rows.columns().iter().map(|column| (0..4).map(|row| column.text(row)).collect()).collect();
        let expected = [
            [Some("1"), Some("18446744073709551615"), Some("3"), None],
            [Some("4"), None, Some("4294967295"), None],
            [Some("0.0"), None, Some("NaN"), None],
            [Some("true"), None, Some("false"), None],
            [Some("a"), Some("b"), Some("c"), None],
        ];
        assert_eq!(shown, expected.map(|row| row.map(|text| text.map(String::from)).to_vec()));
        assert!(rows.columns()[3].flags().eq([Some(true), None, Some(false)]));
        assert_eq!(rows.columns()[0].flags().count(), 0);
    }

    #[test]
    fn the_first_other_row_of_a_column_is_found() {
        let (rows, mut others) = (rows(), self::rows());
        for (column, other) in rows.columns().iter().zip(others.columns()) {
            assert_eq!(column.first_difference(other), None);
        }
        others.columns = vec![
            column(None, Values::Whole(vec![1, -1, 4])),
            column(Some(&[1, 1, 1]), Values::Count(vec![4, 0, -1])),
            column(Some(&[1, 0, 1]), Values::Float(vec![-0.0, f64::NAN])),
            column(Some(&[1, 0, 1]), Values::Flag(vec![true, true])),
            column(None, Values::Word(vec!["a".into(), "".into(), "c".into()])),
        ];
        let found = rows.columns().iter().zip(others.columns());
        let found: Vec<_> = found.map(|(column, other)| column.first_difference(other)).collect();
        assert_eq!(found, [Some(2), Some(1), Some(0), Some(2), Some(1)]);
    }

    #[test]
    fn columns_have_the_kinds_and_the_gaps_of_their_heads() {
        let head = |kind, optional| Head { name: "x".into(), kind, optional };
        let heads = [
            head(Kind::Whole, false),
            head(Kind::Count, true),
            head(Kind::Float, true),
            head(Kind::Flag, true),
            head(Kind::Word, false),
        ];
        let rows = rows();
        assert!(rows.have(&heads) && Columns::new(&heads).have(&heads));
        assert!(!rows.have(&heads[..4]));
        assert!(!rows.have(&[&heads[..], &heads[..1]].concat()));
        for (at, other) in
            [(0, head(Kind::Count, false)), (1, head(Kind::Count, false)), (4, head(Kind::Word, true))]
        {
            let mut heads = heads.to_vec();
            heads[at] = other;
            assert!(!rows.have(&heads), "{at}");
        }
    }

    #[test]
    fn rows_are_put_and_taken_one_after_the_other() {
        let heads = [
            Head { name: "n".into(), kind: Kind::Whole, optional: false },
            Head { name: "x".into(), kind: Kind::Float, optional: true },
        ];
        let mut columns = Columns::new(&heads);
        for (whole, float) in [(1, Some(0.5)), (2, None), (3, Some(1.5))] {
            columns.whole(whole);
            columns.maybe_float(float);
            columns.end();
        }
        assert_eq!(columns.rows(), 3);
        let first = columns.take(2);
        assert_eq!((first.rows(), columns.rows()), (2, 1));
        assert!(first.columns()[1].floats().eq([Some(0.5), None]));
        columns.append(first);
        assert_eq!(columns.rows(), 3);
        assert!(columns.columns()[0].wholes().eq([Some(3), Some(1), Some(2)]));
    }
}
