//! What can be wrong with a spec, and what is merely odd about it. Both name the key and where it was written.

use std::fmt;

/// Where a key got its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of a spec.
    Line {
        /// Name of the file or preset.
        file: String,
        /// Counted from 1.
        line: usize,
    },
    /// A flag of the command line: `--set`.
    Flag(&'static str),
    /// The resolved spec in a manifest.
    Manifest,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line { file, line } => write!(f, "line {line} of {file}"),
            Place::Flag(flag) => f.write_str(flag),
            Place::Manifest => f.write_str("manifest.json"),
        }
    }
}

/// Why there is no plan. Displays as one line: `net.activaton (line 7 of spec.toml): unknown key; did you mean
/// net.activation?`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// The dotted key, as it was written; none if the trouble is not one key's.
    pub key: Option<String>,
    /// Where it stands.
    pub place: Option<Place>,
    /// What is wrong, what was expected, and the nearest valid name if one is near.
    pub message: String,
}

impl SpecError {
    pub(crate) fn new(message: impl Into<String>) -> SpecError {
        SpecError { key: None, place: None, message: message.into() }
    }

    pub(super) fn of(key: &str, place: &Place, message: impl Into<String>) -> SpecError {
        SpecError { key: Some(printable(key)), place: Some(place.clone()), message: message.into() }
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.key, &self.place) {
            (Some(key), Some(place)) => write!(f, "{key} ({place}): {}", self.message),
            (Some(key), None) => write!(f, "{key}: {}", self.message),
            (None, Some(place)) => write!(f, "{place}: {}", self.message),
            (None, None) => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for SpecError {}

/// What a user may want to know about a plan that is valid all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A key was given that no cell uses.
    Unused {
        /// The dotted key.
        key: &'static str,
        /// Where it was given.
        place: Place,
        /// What would use it, or what decides instead.
        why: &'static str,
    },
    /// The noise is finer than the f32 grid around the base point.
    RoundedAway {
        /// Cells concerned.
        cells: usize,
        /// Cells of the plan.
        of: usize,
    },
    /// A setting means something else in single precision.
    Rounded {
        /// The dotted key.
        key: &'static str,
        /// What it is there.
        to: &'static str,
        /// Cells concerned.
        cells: usize,
        /// Cells of the plan.
        of: usize,
    },
    /// Some targets are negative, the output units never.
    Unreachable {
        /// Cells concerned.
        cells: usize,
        /// Cells of the plan.
        of: usize,
    },
    /// Layers are so wide that comparing their units takes long.
    Wide {
        /// Cells concerned.
        cells: usize,
        /// Cells of the plan.
        of: usize,
        /// Pairs of units compared on a sample, over all measured steps of a run, in the widest.
        comparisons: u64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Unused { key, place, why } => write!(f, "{key} ({place}): no cell uses it; {why}"),
            Warning::RoundedAway { cells, of } => write!(
                f,
                "init.scale: in {cells} of {of} cells it is under one f32 ulp of the base point, so part of the \
                 perturbation is rounded away"
            ),
            Warning::Rounded { key, to, cells, of } => write!(
                f,
                "{key}: in {cells} of {of} cells it is {to} in single precision, in which all engines but reference train"
            ),
            Warning::Unreachable { cells, of } => write!(
                f,
                "net.output: in {cells} of {of} cells the output units are never negative but some targets are, \
                 which puts those out of reach"
            ),
            Warning::Wide { cells, of, comparisons } => write!(
                f,
                "net.hidden: in {cells} of {of} cells looking for units that are alike takes long, up to {:.0e} comparisons of \
                 two units on a sample in a run: it looks at every pair of a layer on every sample at every measured step; \
                 fewer units, samples or train.steps take less",
                *comparisons as f64
            ),
        }
    }
}

/// As many as a message has room for.
pub(crate) fn first_few(mut all: Vec<String>) -> Vec<String> {
    const NAMED: usize = 5;
    let more = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    all
}

/// `text` on one line: control characters escaped, cut after 60 characters.
pub(super) fn printable(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => escaped(&text[..end]) + "…",
        None => escaped(text),
    }
}

/// All of `text` on one line: control characters escaped. For the names of files, which a reader needs whole.
pub(super) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Other people's names for our words; for suggestions only.
const SYNONYMS: &[(&str, &str)] = &[
    ("sigmoid", "logistic"),
    ("identity", "linear"),
    ("swish", "silu"),
    ("two-spirals", "spirals"),
    ("mux", "multiplexer"),
    ("autoencoder", "encoder"),
    ("teacher-student", "teacher"),
    ("xavier", "glorot"),
    ("kaiming", "he"),
    ("gaussian", "normal"),
    ("learning_rate", "lr"),
    ("epochs", "steps"),
];

/// The candidate that `given` was most likely meant to be, if one is near enough to be worth a guess.
pub(crate) fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A long text is no typing mistake, and the distance takes quadratic time.
    if given.len() > 60 {
        return None;
    }
    let given = given.to_lowercase();
    let meant = SYNONYMS.iter().find(|(theirs, _)| *theirs == given).map(|&(_, ours)| ours);
    let distance = |candidate: &str| match meant {
        Some(word) if word == candidate => 0,
        _ => strsim::damerau_levenshtein(&given, candidate),
    };
    let (best, candidate) = candidates.into_iter().map(|c| (distance(c), c)).min_by_key(|&(d, _)| d)?;
    (best <= (given.chars().count() / 3).max(1)).then_some(candidate)
}

/// `; did you mean X?`, or nothing.
pub(crate) fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_is_near_and_nothing_else() {
        let words = ["logistic", "tanh", "relu"];
        assert_eq!(nearest("tahn", words), Some("tanh"));
        assert_eq!(nearest("LOGISTIC", words), Some("logistic"));
        assert_eq!(nearest("sigmoid", words), Some("logistic"));
        assert_eq!(nearest("maxout", words), None);
        assert_eq!(nearest("", words), None);
        assert_eq!(nearest("tanh", []), None);
    }

    #[test]
    fn messages_stay_on_one_line() {
        assert_eq!(printable("a\nb\u{1b}"), "a\\nb\\u{1b}");
        assert_eq!(printable(&"x".repeat(61)), format!("{}…", "x".repeat(60)));
    }
}
