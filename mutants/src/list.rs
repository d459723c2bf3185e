//! The mutants as `cargo mutants --list --json` names them.

use std::ops::Range;

use serde::Deserialize;

/// One change of the sources.
#[derive(Clone, Debug, Deserialize)]
pub struct Mutant {
    /// Path from the root of the project.
    pub file: String,
    /// `FILE:LINE:COLUMN: what is changed, and in which function`
    pub name: String,
    pub genre: Genre,
    /// What stands in place of the span.
    pub replacement: String,
    pub span: Span,
    /// Where it stands, if in one.
    pub function: Option<Function>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Function {
    pub span: Span,
}

/// Kind of a change.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum Genre {
    /// The body of a function gives way to a value.
    FnValue,
    BinaryOperator,
    UnaryOperator,
    /// An arm of a `match` goes.
    MatchArm,
    /// The guard of an arm becomes `true` or `false`.
    MatchArmGuard,
    /// A field goes, so that the base of the structure gives it.
    StructField,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Span {
    pub start: Place,
    pub end: Place,
}

/// Line and column, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    fn offset(self, source: &str) -> usize {
        let start: usize = source.split_inclusive('\n').take(self.line - 1).map(str::len).sum();
        let rest = &source[start..];
        start + rest.char_indices().nth(self.column - 1).map_or(rest.len(), |(at, _)| at)
    }
}

impl Mutant {
    /// The bytes of `source`, the file, that are replaced.
    pub fn bytes(&self, source: &str) -> Range<usize> {
        self.span.start.offset(source)..self.span.end.offset(source)
    }

    /// The name less line and column, which shift with every edit.
    pub fn change(&self) -> String {
        let what = self.name.splitn(4, ':').nth(3).unwrap_or(&self.name);
        format!("{}:{what}", self.file)
    }

    /// Tells a mutant of a function's text from one of another text, wherever the function stands. `source` is the file.
    pub fn fingerprint(&self, source: &str) -> String {
        let whole = self.function.as_ref().map_or(self.span, |function| function.span);
        let lines: Vec<&str> = source.lines().collect();
        let text = lines[whole.start.line - 1..whole.end.line].join("\n");
        let line = self.span.start.line - whole.start.line;
        let told = format!("{text}\n{line}:{}: {}", self.span.start.column, self.change());
        blake3::hash(told.as_bytes()).to_hex()[..16].into()
    }
}
