//! Requests compared by what they mean: two serializers agree though they order members, escape text or space
//! elements differently.
//!
//! Enters: two requests, or two bodies of a known form. Leaves: nothing where they mean the same, else a sentence on
//! the first difference. Order counts where it carries meaning: in lists, not among members or query parameters.

use std::collections::BTreeMap;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use ciborium::Value as Cbor;
use serde_json::Value as Json;

/// A request as it goes to the socket.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub host: String,
    /// Percent-encoding as sent.
    pub path: String,
    /// Decoded names and values, sorted by name.
    pub query: Vec<(String, String)>,
    /// Names in lower case; several values are joined by commas.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// How a body is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Json,
    Xml,
    Pairs,
    Cbor,
    Bytes,
}

impl Request {
    /// Panics where the request is none: the SDK's own type holds whole URLs and valid headers.
    pub fn sent(request: &HttpRequest) -> Self {
        let (host, path, query) = address(request.uri());
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in request.headers() {
            let name = name.to_ascii_lowercase();
            headers
                .entry(name)
                .and_modify(|all| *all = format!("{all},{value}"))
                .or_insert_with(|| value.to_owned());
        }
        let body = request.body().bytes().unwrap_or_else(|| panic!("a body that streams cannot be compared"));
        Self { method: request.method().to_owned(), host, path, query, headers, body: body.to_vec() }
    }
}

/// Host, path and query of an absolute URL, or of a bare path.
pub fn address(url: &str) -> (String, String, Vec<(String, String)>) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, rest) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    (host.to_owned(), path.to_owned(), pairs(query))
}

/// Decoded `name=value` pairs, sorted by name. A plus is a plus: no AWS service reads it as a space.
pub fn pairs(text: &str) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = text
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect();
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    pairs
}

/// The order of a map's entries means nothing: the numbers that a form gives them become their keys.
fn by_key(pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    let keys: BTreeMap<String, String> = pairs
        .iter()
        .filter_map(|(name, value)| Some((name.strip_suffix(".key")?.to_owned(), value.clone())))
        .filter(|(entry, _)| entry.rsplit('.').next().is_some_and(|number| number.parse::<u32>().is_ok()))
        .collect();
    let named = |name: &str| {
        let (mut entry, mut named) = (String::new(), String::new());
        for part in name.split_inclusive('.') {
            entry.push_str(part);
            let key = keys.get(entry.trim_end_matches('.'));
            named.push_str(&key.map_or_else(|| part.to_owned(), |key| format!("[{key}].")));
        }
        named
    };
    let mut pairs: Vec<_> = pairs.iter().map(|(name, value)| (named(name), value.clone())).collect();
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    pairs
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Whether two bodies mean the same.
pub fn same_body(form: Form, expected: &[u8], found: &[u8]) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let differ = |expected: &dyn std::fmt::Display, found: &dyn std::fmt::Display| {
        Err(format!("body\n    expected {expected}\n    found    {found}"))
    };
    match form {
        Form::Bytes => differ(&String::from_utf8_lossy(expected), &String::from_utf8_lossy(found)),
        Form::Json => match (serde_json::from_slice::<Json>(expected), serde_json::from_slice::<Json>(found))
        {
            (Ok(expected), Ok(found)) if same_json(&expected, &found) => Ok(()),
            _ => differ(&String::from_utf8_lossy(expected), &String::from_utf8_lossy(found)),
        },
        Form::Pairs => {
            let (expected, found) = (String::from_utf8_lossy(expected), String::from_utf8_lossy(found));
            // Of a form, unlike of a URL, it is part of the media type that a plus is a space.
            let read = |form: &str| by_key(pairs(&form.replace('+', "%20")));
            if same_pairs(&read(&expected), &read(&found)) { Ok(()) } else { differ(&expected, &found) }
        }
        Form::Xml => {
            let (expected, found) = (String::from_utf8_lossy(expected), String::from_utf8_lossy(found));
            match (tree(&expected), tree(&found)) {
                (Ok(one), Ok(other)) if one == other => Ok(()),
                _ => differ(&expected, &found),
            }
        }
        Form::Cbor => {
            let (expected, found) = (cbor(expected), cbor(found));
            if expected == found { Ok(()) } else { differ(&format!("{expected:?}"), &format!("{found:?}")) }
        }
    }
}

/// Whether two sorted lists of pairs mean the same.
pub fn same_pairs(one: &[(String, String)], other: &[(String, String)]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| one.0 == other.0 && plain(&one.1) == plain(&other.1))
}

/// Fractions by value: `1e300` and `1e+300` are one number, and so are `0.5` and `0.50`.
pub fn plain(text: &str) -> String {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let is_fraction = is_number
        && text.contains(['.', 'e', 'E'])
        && text.starts_with(|it: char| it == '-' || it.is_ascii_digit());
    match text.parse::<f64>() {
        Ok(number) if is_fraction => number.to_string(),
        _ => text.to_owned(),
    }
}

/// Numbers by value: `1` and `1.0` are the same to every JSON reader.
pub fn same_json(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => {
            one == other || one.as_f64() == other.as_f64() && !(one.is_i64() && other.is_i64())
        }
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_json(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|other| same_json(value, other)))
        }
        _ => one == other,
    }
}

/// A CBOR item with sorted maps, whole floats of one width and no tags on timestamps.
fn cbor(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() {
        return None;
    }
    let value: Cbor = ciborium::from_reader(bytes).ok()?;
    Some(shown(&value))
}

fn shown(value: &Cbor) -> String {
    match value {
        Cbor::Map(entries) => {
            let mut entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{}: {}", shown(key), shown(value))).collect();
            entries.sort();
            format!("{{{}}}", entries.join(", "))
        }
        Cbor::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        // A timestamp may be written as a whole number of seconds or as a float.
        Cbor::Tag(1, inner) => match inner.as_ref() {
            Cbor::Integer(seconds) => format!("time {}", i128::from(*seconds)),
            Cbor::Float(seconds) => format!("time {seconds}"),
            other => format!("time {other:?}"),
        },
        Cbor::Float(value) => format!("float {value:?}"),
        other => format!("{other:?}"),
    }
}

/// An element without the prefixes and white space that mean nothing. Siblings of one name keep their order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Element {
    name: (String, String),
    attributes: Vec<(String, String, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn is_entry(&self) -> bool {
        self.name.1 == "entry"
            || self.children.len() == 2 && self.children.first().is_some_and(|key| key.name.1 == "key")
    }
}

fn tree(text: &str) -> Result<Element, roxmltree::Error> {
    Ok(element(roxmltree::Document::parse(text)?.root_element()))
}

fn element(node: roxmltree::Node<'_, '_>) -> Element {
    let mut attributes: Vec<_> = node
        .attributes()
        .map(|it| {
            (it.namespace().unwrap_or_default().to_owned(), it.name().to_owned(), it.value().to_owned())
        })
        .collect();
    attributes.sort();
    let mut children: Vec<Element> =
        node.children().filter(roxmltree::Node::is_element).map(element).collect();
    let is_leaf = children.is_empty();
    // The order of a map's entries means nothing.
    children.sort_by(|one, other| {
        let by_name = one.name.cmp(&other.name);
        if one.is_entry() && other.is_entry() { by_name.then_with(|| one.cmp(other)) } else { by_name }
    });
    let text: String = node.children().filter_map(|it| if it.is_text() { it.text() } else { None }).collect();
    Element {
        name: (node.tag_name().namespace().unwrap_or_default().to_owned(), node.tag_name().name().to_owned()),
        attributes,
        // White space between elements is layout; in a leaf it is the value.
        text: if is_leaf { plain(&text) } else { text.trim().to_owned() },
        children,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(form: Form, one: &str, other: &str) -> bool {
        same_body(form, one.as_bytes(), other.as_bytes()).is_ok()
    }

    #[test]
    fn what_means_the_same_is_the_same() {
        assert!(same(Form::Json, r#"{"a": 1, "b": [1]}"#, r#"{"b":[1.0],"a":1}"#));
        assert!(same(Form::Pairs, "a=b%20c&d=", "d&a=b+c"));
        assert!(same(
            Form::Pairs,
            "m.entry.1.key=a&m.entry.1.value=1&m.entry.2.key=b&m.entry.2.value.x=2",
            "m.entry.1.key=b&m.entry.1.value.x=2&m.entry.2.key=a&m.entry.2.value=1"
        ));
        assert!(same(
            Form::Xml,
            "<a xmlns='u'><b/>\n<c>1</c></a>",
            "<x:a xmlns:x='u'><x:c>1</x:c><x:b></x:b></x:a>"
        ));
    }

    #[test]
    fn what_means_another_thing_is_not() {
        assert!(!same(Form::Json, "[1, 2]", "[2, 1]"));
        assert!(!same(Form::Json, r#"{"a": 9007199254740993}"#, r#"{"a": 9007199254740992}"#));
        assert!(!same(Form::Json, r#"{"a": null}"#, "{}"));
        assert!(!same(Form::Pairs, "a=b%2Bc", "a=b%20c"));
        assert!(!same(Form::Pairs, "a=1", "a=1&a=1"));
        assert!(!same(Form::Pairs, "l.1=a&l.2=b", "l.1=b&l.2=a"));
        assert!(!same(
            Form::Pairs,
            "m.1.key=a&m.1.value=1&m.2.key=b&m.2.value=2",
            "m.1.key=a&m.1.value=2&m.2.key=b&m.2.value=1"
        ));
        assert!(!same(Form::Xml, "<a><b>1</b><b>2</b></a>", "<a><b>2</b><b>1</b></a>"));
        assert!(!same(Form::Xml, "<a> </a>", "<a></a>"));
        assert!(!same(Form::Xml, "<a xmlns='u'/>", "<a/>"));
        assert!(!same(Form::Cbor, "\u{1}", ""));
    }
}
