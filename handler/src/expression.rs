//! JMESPath: expressions of events and of the models, over JSON.
//!
//! Enters: the text of an expression. Leaves: an [`Expression`], and what it finds. Fails where the text is no
//! JMESPath (<https://jmespath.org/specification.html>), is longer or deeper than [`LENGTH_LIMIT`] and [`DEPTH_LIMIT`],
//! and where a function gets a value of a type that it does not take.
//!
//! An expression is compiled once and kept across invocations. Most of the models' are dotted names, which need no
//! compiler and are looked up in place.
//!
//! Where JSON and the crate differ: numbers pass through as they are, 64-bit integers exact, but comparisons and
//! arithmetic (`==`, `<`, `sum`, `sort_by`, …) see doubles, which tell integers apart up to 2^53 only. Keys of objects
//! are sorted, as in all of our results, and `keys()` and `values()` go by that order.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jmespath::ast::Ast;
use jmespath::{ErrorReason, JmespathError, Rcvar, Variable};
use serde_json::{Map, Value as Json};

/// Bytes of an expression. The parser recurses, so what it recurses into is bounded.
pub const LENGTH_LIMIT: usize = 2_048;

/// Characters of an expression that may make its syntax tree deeper: brackets, dots, operators.
pub const DEPTH_LIMIT: usize = 256;

/// Expressions kept. They come from state machines' definitions, so there are few; from state, there may be many.
const KEPT: usize = 64;

/// A compiled expression.
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

struct Compiled {
    text: String,
    search: Search,
}

enum Search {
    /// Names one below the other.
    Dotted(Vec<String>),
    Full(jmespath::Expression<'static>),
}

impl Expression {
    /// Compiles the text, or finds it compiled.
    pub fn parse(text: &str) -> Result<Self, String> {
        static COMPILED: Mutex<Option<HashMap<String, Expression>>> = Mutex::new(None);
        let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        let compiled = compiled.get_or_insert_default();
        if let Some(known) = compiled.get(text) {
            return Ok(known.clone());
        }
        let expression = Self(Arc::new(Compiled { text: text.to_owned(), search: compile(text)? }));
        if compiled.len() >= KEPT {
            compiled.clear();
        }
        compiled.insert(text.to_owned(), expression.clone());
        Ok(expression)
    }

    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// What the expression finds; null where it finds nothing.
    pub fn find<'a>(&self, root: &'a Map<String, Json>) -> Result<Cow<'a, Json>, String> {
        match &self.0.search {
            Search::Dotted(names) => Ok(dotted(names, root).map_or(Cow::Owned(Json::Null), Cow::Borrowed)),
            Search::Full(expression) => {
                search(expression, variable(Json::Object(root.clone()))).map(Cow::Owned)
            }
        }
    }

    /// The same, of a value that nobody needs afterwards: nothing is copied.
    pub fn take(&self, root: Json) -> Result<Json, String> {
        match &self.0.search {
            Search::Dotted(names) => Ok(names.iter().fold(root, |value, name| match value {
                Json::Object(mut members) => members.remove(name).unwrap_or(Json::Null),
                _ => Json::Null,
            })),
            Search::Full(expression) => search(expression, variable(root)),
        }
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`", self.text())
    }
}

/// What stands at the end of the names.
pub fn dotted<'a>(names: &[String], root: &'a Map<String, Json>) -> Option<&'a Json> {
    let (first, rest) = names.split_first()?;
    rest.iter().try_fold(root.get(first)?, |value, name| value.get(name))
}

fn compile(text: &str) -> Result<Search, String> {
    if text.len() > LENGTH_LIMIT {
        return Err(format!("an expression has at most {LENGTH_LIMIT} bytes"));
    }
    if depth(text) > DEPTH_LIMIT {
        return Err(format!("an expression has at most {DEPTH_LIMIT} brackets, dots and operators"));
    }
    if text.split('.').all(is_name) {
        return Ok(Search::Dotted(text.split('.').map(ToOwned::to_owned).collect()));
    }
    match jmespath::compile(text) {
        Ok(expression) if matches!(expression.as_ast(), Ast::Expref { .. }) => {
            Err("not JMESPath: `&` makes an argument of a function, not a value".to_owned())
        }
        Ok(expression) => Ok(Search::Full(expression)),
        Err(error) => Err(format!("not JMESPath: at character {}, {}", error.offset + 1, said(&error))),
    }
}

fn is_name(text: &str) -> bool {
    let mut letters = text.bytes();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'_')
}

/// An upper bound of how deep the syntax tree gets. What stands in quotes counts, too: text like that is rare, and this
/// is no second lexer.
fn depth(text: &str) -> usize {
    text.bytes().filter(|byte| b"([{!&|.<>=".contains(byte)).count()
}

fn search(expression: &jmespath::Expression<'static>, root: Variable) -> Result<Json, String> {
    let root = Rcvar::new(root);
    let found = expression.search_in(&root)?;
    // What was found is then nobody else's, and moves.
    drop(root);
    json(found)
}

trait SearchIn {
    fn search_in(&self, root: &Rcvar) -> Result<Rcvar, String>;
}

impl SearchIn for jmespath::Expression<'static> {
    /// `Expression::search` takes what can be serialized, and would copy it.
    fn search_in(&self, root: &Rcvar) -> Result<Rcvar, String> {
        let mut context = jmespath::Context::new(self.as_str(), &jmespath::DEFAULT_RUNTIME);
        jmespath::interpret(root, self.as_ast(), &mut context).map_err(|error| said(&error))
    }
}

/// The crate's reason on one line; its own text draws a picture of the place.
fn said(error: &JmespathError) -> String {
    match &error.reason {
        ErrorReason::Parse(reason) => reason.trim().replace('\n', " "),
        ErrorReason::Runtime(reason) => reason.to_string(),
    }
}

fn variable(value: Json) -> Variable {
    match value {
        Json::Null => Variable::Null,
        Json::Bool(value) => Variable::Bool(value),
        Json::Number(number) => Variable::Number(number),
        Json::String(text) => Variable::String(text),
        Json::Array(items) => {
            Variable::Array(items.into_iter().map(|item| Rcvar::new(variable(item))).collect())
        }
        Json::Object(members) => Variable::Object(
            members.into_iter().map(|(name, value)| (name, Rcvar::new(variable(value)))).collect(),
        ),
    }
}

fn json(value: Rcvar) -> Result<Json, String> {
    Ok(match Rcvar::try_unwrap(value).unwrap_or_else(|shared| (*shared).clone()) {
        Variable::Null => Json::Null,
        Variable::Bool(value) => value.into(),
        Variable::Number(number) => number.into(),
        Variable::String(text) => text.into(),
        Variable::Array(items) => items.into_iter().map(json).collect::<Result<_, _>>()?,
        Variable::Object(members) => Json::Object(
            members
                .into_iter()
                .map(|(name, value)| Ok((name, json(value)?)))
                .collect::<Result<_, String>>()?,
        ),
        Variable::Expref(_) => {
            return Err("`&` makes an argument of a function, not a value".to_owned());
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(text: &str, root: Json) -> Result<Json, String> {
        let expression = Expression::parse(text)?;
        let Json::Object(members) = &root else { panic!("an object") };
        let found = expression.find(members).map(Cow::into_owned);
        assert_eq!(found, expression.take(root));
        found
    }

    #[test]
    fn dotted_names_are_looked_up_as_jmespath_does() {
        let root = json!({"a": {"b": [1], "c": null}, "d": "text"});
        for text in ["a", "a.b", "a.c", "a.b.c", "d.e", "x", "x.y"] {
            let full = found(&format!("({text})"), root.clone()).unwrap();
            assert_eq!(found(text, root.clone()).unwrap(), full, "{text}");
        }
    }

    #[test]
    fn what_is_found_is_exact() {
        let root = json!({"n": [9_007_199_254_740_993_i64, -1, 0.1], "z": 1, "a": {"é": [{}]}});
        assert_eq!(found("[n, a]", root.clone()).unwrap(), json!([root["n"], root["a"]]));
        assert_eq!(
            found("@ | {z: z, b: n[0]}", root).unwrap().to_string(),
            r#"{"b":9007199254740993,"z":1}"#
        );
    }

    /// As the page on the contract says.
    #[test]
    fn comparisons_see_doubles() {
        let root = json!({"n": [9_007_199_254_740_993_i64, 9_007_199_254_740_992_i64]});
        assert_eq!(found("n[0] == n[1]", root.clone()).unwrap(), true);
        assert_eq!(found("sum(n)", root).unwrap(), json!(18_014_398_509_481_984.0));
        assert_eq!(found("keys(@)", json!({"b": 1, "a": 2})).unwrap(), json!(["a", "b"]));
    }

    #[test]
    fn what_is_no_jmespath_is_told_with_its_place() {
        for (text, message) in [
            ("", "not JMESPath: at character 1, "),
            ("a[", "not JMESPath: at character 3, "),
            ("a..b", "not JMESPath: at character 3, "),
            ("'a", "not JMESPath: at character 1, "),
            ("&a", "not JMESPath: `&` makes"),
        ] {
            let error = Expression::parse(text).unwrap_err();
            assert!(error.starts_with(message) && !error.contains('\n'), "{text}: {error}");
        }
        assert!(found("[&a]", json!({})).unwrap_err().starts_with("`&` makes"));
        assert!(!found("length(a)", json!({})).unwrap_err().contains('\n'));
    }

    #[test]
    fn no_expression_is_too_deep_for_the_stack() {
        for part in
            ["(", "[", "{a:", "!", "a.", "a[0].", "a||", "a|", "[?a", "[*]", "a==", "not_null(a,", "`[", "&"]
        {
            for times in [DEPTH_LIMIT / 4, DEPTH_LIMIT - 1, DEPTH_LIMIT, LENGTH_LIMIT / part.len(), 1 << 20] {
                let text = format!("{}a", part.repeat(times));
                if let Ok(expression) = Expression::parse(&text) {
                    let _ = expression.take(json!({"a": {"a": [1]}}));
                }
                _ = Expression::parse(&part.repeat(times));
            }
        }
    }
}
