//! Weaves mutants into a source file, so that one program holds them all.
//!
//! An expression with mutants becomes `(if on(3) { a - b } else if on(4) { a * b } else { a + b })`. Only one mutant is ever
//! on, so the changed branches hold the text as it was and only the last one holds further mutants: the text grows with the
//! depth of expressions, not exponentially. Functions return early, arms of a `match` get a guard.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use anyhow::{Context, Result};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::list::{Genre, Mutant};

/// A woven file.
pub struct Woven {
    pub text: String,
    /// Which bytes of the text are there for the sake of which mutant; several pieces for some.
    pub places: Vec<(usize, Range<usize>)>,
    /// Mutants for which there is no form: of what the compiler evaluates, where no variable can choose, and some values of
    /// functions that return `impl Trait`.
    pub left_out: BTreeSet<usize>,
}

/// Weaves `mutants` (number and mutant, all of this file) into `source`.
pub fn weave(source: &str, mutants: &[(usize, &Mutant)]) -> Result<Woven> {
    let file = syn::parse_file(source).context("cannot be parsed")?;
    let mut at = BTreeMap::<usize, Vec<Placed>>::new();
    for &(number, mutant) in mutants {
        let bytes = mutant.bytes(source);
        at.entry(bytes.start).or_default().push(Placed { number, mutant, bytes });
    }
    let mut weaver = Weaver { source, at, edits: Vec::new(), evaluated: false };
    weaver.visit_file(&file);
    let left_out = weaver.at.values().flatten().map(|placed| placed.number).collect();
    let (text, places) = apply(source, weaver.edits);
    Ok(Woven { text, places, left_out })
}

fn apply(source: &str, mut edits: Vec<Edit>) -> (String, Vec<(usize, Range<usize>)>) {
    edits.sort_by_key(|edit| (edit.at, edit.order));
    let (mut text, mut places, mut done) = (String::new(), Vec::new(), 0);
    for edit in edits {
        text.push_str(&source[done..edit.at]);
        done = edit.at;
        let start = text.len();
        text.push_str(&edit.text);
        places.extend(edit.number.map(|number| (number, start..text.len())));
    }
    text.push_str(&source[done..]);
    (text, places)
}

struct Placed<'a> {
    number: usize,
    mutant: &'a Mutant,
    bytes: Range<usize>,
}

/// Text inserted at a byte of the source, on account of a mutant if there is a number.
struct Edit {
    at: usize,
    order: isize,
    text: String,
    number: Option<usize>,
}

struct Weaver<'a> {
    source: &'a str,
    /// By the first byte of the span; what is woven is taken out.
    at: BTreeMap<usize, Vec<Placed<'a>>>,
    edits: Vec<Edit>,
    /// Whether the compiler evaluates what is being visited.
    evaluated: bool,
}

/// Whether a mutant is on.
fn on(number: usize) -> String {
    format!("crate::mutant::on({number})")
}

// At one place expressions end before others begin; the inner ones end first and begin last.
fn opens(whole: &Range<usize>) -> isize {
    -(whole.len() as isize)
}
fn closes(whole: &Range<usize>) -> isize {
    isize::MIN + whole.len() as isize
}
/// Before every expression that begins there.
const EARLY_RETURN: isize = isize::MIN / 2;

impl<'a> Weaver<'a> {
    fn take(&mut self, start: usize, genre: Genre) -> Vec<Placed<'a>> {
        let Some(placed) = self.at.get_mut(&start).filter(|_| !self.evaluated) else { return Vec::new() };
        let (taken, rest) =
            std::mem::take(placed).into_iter().partition(|placed| placed.mutant.genre == genre);
        *placed = rest;
        taken
    }

    fn insert(&mut self, at: usize, order: isize, text: impl Into<String>, number: Option<usize>) {
        self.edits.push(Edit { at, order, text: text.into(), number });
    }

    /// Chooses between the changed texts of an expression and the woven one.
    fn choose(&mut self, whole: Range<usize>, taken: Vec<Placed<'a>>) {
        if taken.is_empty() {
            return;
        }
        self.insert(whole.start, opens(&whole), "(", None);
        for Placed { number, mutant, bytes } in taken {
            let (before, after) =
                (&self.source[whole.start..bytes.start], &self.source[bytes.end..whole.end]);
            let text = format!("if {} {{ {before}{}{after} }} else ", on(number), mutant.replacement);
            self.insert(whole.start, opens(&whole), text, Some(number));
        }
        self.insert(whole.start, opens(&whole), "{ ", None);
        self.insert(whole.end, closes(&whole), " })", None);
    }

    fn evaluate(&mut self, evaluated: bool, visit: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.evaluated, evaluated);
        visit(self);
        self.evaluated = before;
    }

    /// Weaves the values that stand in place of a function's body, and what is in it.
    fn function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        if signature.constness.is_some() {
            return self.evaluate(true, |weaver| weaver.visit_block(body));
        }
        if let Some(first) = body.stmts.first() {
            let start = first.span().byte_range().start;
            match opaque(&signature.output) {
                // The box's lifetime can be told if there is only one.
                Some(_) if lifetimes(self.source, signature) > 1 => {}
                Some(bounds) => {
                    let taken = self.take(start, Genre::FnValue);
                    self.box_values(bounds, body, taken);
                }
                None => {
                    for Placed { number, mutant, .. } in self.take(start, Genre::FnValue) {
                        let text = format!("if {} {{ return {}; }} ", on(number), mutant.replacement);
                        self.insert(start, EARLY_RETURN, text, Some(number));
                    }
                }
            }
        }
        self.visit_block(body);
    }

    /// `impl Trait` stands for one type, that of the body: `Box<dyn Trait>` is one for all values.
    fn box_values(&mut self, bounds: Range<usize>, body: &syn::Block, taken: Vec<Placed<'a>>) {
        if taken.is_empty() {
            return;
        }
        let whole = body.span().byte_range();
        let start = format!("{{ let chosen: Box<dyn {} + '_> = ", &self.source[bounds]);
        self.insert(whole.start, EARLY_RETURN, start, None);
        for Placed { number, mutant, .. } in taken {
            let text = format!("if {} {{ Box::new({}) }} else ", on(number), mutant.replacement);
            self.insert(whole.start, EARLY_RETURN, text, Some(number));
        }
        self.insert(whole.start, EARLY_RETURN, "{ Box::new(", None);
        self.insert(whole.end, isize::MAX, ") }; chosen }", None);
    }
}

/// The bounds of a result `impl Trait`.
fn opaque(output: &syn::ReturnType) -> Option<Range<usize>> {
    match output {
        syn::ReturnType::Type(_, result) => match &**result {
            syn::Type::ImplTrait(result) => Some(result.bounds.span().byte_range()),
            _ => None,
        },
        syn::ReturnType::Default => None,
    }
}

/// How many lifetimes the arguments may have, at most.
fn lifetimes(source: &str, signature: &syn::Signature) -> usize {
    signature.generics.type_params().count()
        + signature
            .inputs
            .iter()
            .map(|input| source[input.span().byte_range()].matches(['&', '\'', '<']).count())
            .sum::<usize>()
}

/// Whether `let` stands in a chain of conditions, which no parentheses may enclose.
fn has_let(expression: &syn::Expr) -> bool {
    match expression {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Weaver<'_> {
    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        self.function(&node.sig, &node.block);
    }

    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        self.function(&node.sig, &node.block);
    }

    fn visit_trait_item_fn(&mut self, node: &'ast syn::TraitItemFn) {
        if let Some(body) = &node.default {
            self.function(&node.sig, body);
        }
    }

    fn visit_expr_binary(&mut self, node: &'ast syn::ExprBinary) {
        if !has_let(&node.left) && !has_let(&node.right) {
            let taken = self.take(node.op.span().byte_range().start, Genre::BinaryOperator);
            self.choose(node.span().byte_range(), taken);
        }
        visit::visit_expr_binary(self, node);
    }

    fn visit_expr_unary(&mut self, node: &'ast syn::ExprUnary) {
        let whole = node.span().byte_range();
        let taken = self.take(whole.start, Genre::UnaryOperator);
        self.choose(whole, taken);
        visit::visit_expr_unary(self, node);
    }

    fn visit_expr_struct(&mut self, node: &'ast syn::ExprStruct) {
        let starts: Vec<usize> = node.fields.iter().map(|field| field.span().byte_range().start).collect();
        let taken = starts.into_iter().flat_map(|start| self.take(start, Genre::StructField)).collect();
        self.choose(node.span().byte_range(), taken);
        visit::visit_expr_struct(self, node);
    }

    fn visit_arm(&mut self, node: &'ast syn::Arm) {
        let deleted = self.take(node.span().byte_range().start, Genre::MatchArm);
        let guard = node.guard.as_ref().map(|(_, guard)| guard.span().byte_range());
        if let Some(guard) = &guard {
            for Placed { number, mutant, .. } in self.take(guard.start, Genre::MatchArmGuard) {
                let text = match mutant.replacement.as_str() {
                    "true" => format!("{} || (", on(number)),
                    _ => format!("!{} && (", on(number)),
                };
                self.insert(guard.start, opens(guard) - 1, text, Some(number));
                self.insert(guard.end, closes(guard) + 1, ")", None);
            }
        }
        for Placed { number, .. } in deleted {
            match &guard {
                Some(guard) => {
                    self.insert(guard.start, opens(guard) - 2, format!("!{} && (", on(number)), Some(number));
                    self.insert(guard.end, closes(guard) + 2, ")", None);
                }
                None => {
                    let end = node.pat.span().byte_range().end;
                    self.insert(end, 0, format!(" if !{}", on(number)), Some(number));
                }
            }
        }
        visit::visit_arm(self, node);
    }

    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_generic_argument(&mut self, _: &'ast syn::GenericArgument) {}
    fn visit_variant(&mut self, _: &'ast syn::Variant) {}

    // Constants may hold closures, which run.
    fn visit_item_const(&mut self, node: &'ast syn::ItemConst) {
        self.evaluate(true, |weaver| weaver.visit_expr(&node.expr));
    }
    fn visit_item_static(&mut self, node: &'ast syn::ItemStatic) {
        self.evaluate(true, |weaver| weaver.visit_expr(&node.expr));
    }
    fn visit_impl_item_const(&mut self, node: &'ast syn::ImplItemConst) {
        self.evaluate(true, |weaver| weaver.visit_expr(&node.expr));
    }
    fn visit_expr_const(&mut self, node: &'ast syn::ExprConst) {
        self.evaluate(true, |weaver| weaver.visit_block(&node.block));
    }
    fn visit_expr_closure(&mut self, node: &'ast syn::ExprClosure) {
        self.evaluate(false, |weaver| weaver.visit_expr(&node.body));
    }
    fn visit_expr_repeat(&mut self, node: &'ast syn::ExprRepeat) {
        self.visit_expr(&node.expr);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::{Place, Span};

    /// A mutant of the first place where `of` stands.
    fn mutant(source: &str, of: &str, genre: Genre, replacement: &str) -> Mutant {
        let at = source.find(of).unwrap();
        let place = |at: usize| Place {
            line: source[..at].matches('\n').count() + 1,
            column: source[..at].chars().rev().take_while(|&c| c != '\n').count() + 1,
        };
        let span = Span { start: place(at), end: place(at + of.len()) };
        Mutant {
            file: "a.rs".into(),
            name: String::new(),
            genre,
            replacement: replacement.into(),
            span,
            function: None,
        }
    }

    fn woven(source: &str, mutants: &[Mutant]) -> String {
        let woven = weave(source, &mutants.iter().enumerate().collect::<Vec<_>>()).unwrap();
        assert!(woven.left_out.is_empty());
        syn::parse_file(&woven.text).unwrap();
        woven.text.replace("crate::mutant::on", "on")
    }

    #[test]
    fn operators_become_a_choice_and_nest() {
        let source = "fn f(a: u8) -> bool { a + 1 == 2 }";
        let mutants = [
            mutant(source, "==", Genre::BinaryOperator, "!="),
            mutant(source, "+", Genre::BinaryOperator, "-"),
        ];
        let text = "fn f(a: u8) -> bool { (if on(0) { a + 1 != 2 } else { (if on(1) { a - 1 } else { a + 1 }) == 2 }) }";
        assert_eq!(woven(source, &mutants), text);
    }

    #[test]
    fn bodies_return_early_and_arms_get_guards() {
        let source = "fn é(a: u8) -> u8 { match a { 0 => 1, b if b > 2 => 3, _ => 4 } }";
        let mutants = [
            mutant(source, "match a { 0 => 1, b if b > 2 => 3, _ => 4 }", Genre::FnValue, "7"),
            mutant(source, "0 => 1,", Genre::MatchArm, ""),
            mutant(source, "b > 2", Genre::MatchArmGuard, "true"),
            mutant(source, "b if b > 2 => 3,", Genre::MatchArm, ""),
        ];
        let text = "fn é(a: u8) -> u8 { if on(0) { return 7; } match a { 0 if !on(1) => 1, \
                    b if !on(3) && (on(2) || (b > 2)) => 3, _ => 4 } }";
        assert_eq!(woven(source, &mutants), text);
    }

    #[test]
    fn values_of_some_trait_are_boxed() {
        let source = "fn f(a: &[u8]) -> impl Iterator<Item = u8> { a.iter().map(|b| b + 1) }";
        let mutants = [
            mutant(source, "a.iter().map(|b| b + 1)", Genre::FnValue, "::std::iter::empty()"),
            mutant(source, "+", Genre::BinaryOperator, "-"),
        ];
        let text = "fn f(a: &[u8]) -> impl Iterator<Item = u8> { let chosen: Box<dyn Iterator<Item = u8> + '_> = \
                    if on(0) { Box::new(::std::iter::empty()) } else { Box::new({ a.iter().map(|b| \
                    (if on(1) { b - 1 } else { b + 1 })) }) }; chosen }";
        assert_eq!(woven(source, &mutants), text);
    }

    #[test]
    fn fields_go_and_constants_are_left_out() {
        let source = "fn f(b: S) -> S { S { x: -1, ..b } }\nconst C: u8 = 1 + 2;";
        let field = mutant(source, "x: -1,", Genre::StructField, "");
        let mut sign = mutant(source, "-1", Genre::UnaryOperator, "");
        sign.span.end.column -= 1;
        let text = "fn f(b: S) -> S { (if on(0) { S {  ..b } } else { S { x: (if on(1) { 1 } else { -1 }), ..b } }) }";
        assert!(woven(source, &[field, sign]).starts_with(text));
        let closure = "const F: fn(u8) -> u8 = |a| a + 1;";
        let sum = mutant(closure, "+", Genre::BinaryOperator, "-");
        assert_eq!(
            woven(closure, &[sum]),
            "const F: fn(u8) -> u8 = |a| (if on(0) { a - 1 } else { a + 1 });"
        );
        let constant = mutant(source, "+", Genre::BinaryOperator, "-");
        assert_eq!(weave(source, &[(0, &constant)]).unwrap().left_out, BTreeSet::from([0]));
    }
}
