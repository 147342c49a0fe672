//! Wanted items that stand in an S3 object, as many as a store holds.
//!
//! Enters: `itemsFrom`, which says where the object is and how to read it. Leaves: the entries by key. Fails as the
//! reading of an object does, and with `CrossRegion.InvalidParameters`: a fault of an item names the line in which it
//! begins, never what stands there.
//!
//! The object is read whole, up to [`OBJECT_LIMIT`], and let go before anything else is done. Of its items no more are
//! kept than a store can hold, so that a function of 128 MB lives through any object.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::error::Category;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use super::csv::Records;
use super::items::{self, Items, Names, STORE_LIMIT};
use crate::drive::Pace;
use crate::effect::Effect;
use crate::error::{Error, Fault, Faults, Kind};
use crate::fields::{Fields, read_object, some_text};
use crate::json::{self, Path};
use crate::procedure::{Calls, Target};
use crate::region::{Region, Regions};

pub const SERVICE: &str = "s3";
pub const READ: &str = "GetObject";

/// Bytes of an object: three times what a store holds, for what stands around keys and values.
const OBJECT_LIMIT: usize = 16 << 20;

/// Items of an object. Each takes some hundred bytes of memory beside its own.
const ITEMS_LIMIT: usize = 200_000;

/// As the file has them from which CloudFront fills a store that it makes.
const IMPORTED: Names = ["key", "value"];

const PLACE: &str = "parameters.itemsFrom";

/// An object of items.
#[derive(Debug)]
pub struct Source {
    pub bucket: String,
    pub key: String,
    version: Option<String>,
    pub region: Region,
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// One array, or what CloudFront imports: `{"data": […]}`.
    Json,
    /// An item a line.
    JsonLines,
    /// With the names in its first line.
    Csv,
}

impl Source {
    pub fn read(fields: &mut Fields<'_>, regions: &Regions) -> Option<Self> {
        let bucket = fields.required_text("Bucket", some_text);
        let key = fields.required_text("Key", some_text);
        let version = fields.text("VersionId", some_text);
        let region = fields.required_text("region", |text| regions.parse(text));
        fields.require("format");
        let formats = [("json", Format::Json), ("jsonLines", Format::JsonLines), ("csv", Format::Csv)];
        let format = fields.choice("format", &formats);
        Some(Self { bucket: bucket?, key: key?, version, region: region?, format: format? })
    }

    /// Reads the object.
    pub(crate) async fn entries(
        &self,
        calls: &Calls<'_>,
        prefix: &str,
    ) -> Result<BTreeMap<String, String>, Error> {
        let mut parameters =
            Map::from_iter([("Bucket".to_owned(), json!(self.bucket)), ("Key".to_owned(), json!(self.key))]);
        parameters.extend(self.version.iter().map(|version| ("VersionId".to_owned(), json!(version))));
        let target = calls.target();
        let pace = Pace { body_limit: OBJECT_LIMIT, ..target.pace };
        let target = Target { region: &self.region, pace, ..target };
        let called = calls.call(SERVICE, READ, parameters, target).await.map_err(|error| {
            if error.name() == Kind::ResultTooLarge.name() {
                return refused(format!("the object has more than {OBJECT_LIMIT} bytes"));
            }
            error.with_effect(Effect::None)
        })?;
        let body = called.answer.body.map(|body| body.bytes).unwrap_or_default();
        parse(&body, self.format, prefix)
    }
}

fn parse(raw: &[u8], format: Format, prefix: &str) -> Result<BTreeMap<String, String>, Error> {
    if raw.starts_with("\u{feff}".as_bytes()) {
        return Err(refused("the object begins with a byte order mark"));
    }
    let text = std::str::from_utf8(raw).map_err(|error| {
        refused(format!("the object is not UTF-8: invalid byte at offset {}", error.valid_up_to()))
    })?;
    let mut lines = Lines { items: Items::below(prefix), faults: Faults::default() };
    match format {
        Format::Json => from_json(text, &mut lines)?,
        Format::JsonLines => from_json_lines(text, &mut lines),
        Format::Csv => from_csv(text, &mut lines)?,
    }
    lines.finish()
}

/// Items as they come, each from a line.
struct Lines<'p> {
    items: Items<'p>,
    faults: Faults,
}

impl Lines<'_> {
    fn read_json(&mut self, line: usize, text: &str) {
        let place = place(line);
        if let Some(item) = json::collect(text.as_bytes(), Path::Root(&place), &mut self.faults) {
            self.read(line, item);
        }
    }

    fn read(&mut self, line: usize, item: Json) {
        let is_imported = IMPORTED.iter().any(|name| item.get(name).is_some());
        let names = if is_imported { IMPORTED } else { items::NAMES };
        let items = &mut self.items;
        read_object(item, Path::Root(&place(line)), &mut self.faults, |fields| items.read(fields, names));
    }

    fn fault(&mut self, line: usize, message: &str) {
        self.faults.push(Fault::new(place(line), message));
    }

    /// Whether there is more than a store can hold, of which nothing has to be read any further.
    fn is_full(&self) -> bool {
        self.items.bytes > STORE_LIMIT || self.items.entries.len() > ITEMS_LIMIT
    }

    fn finish(mut self) -> Result<BTreeMap<String, String>, Error> {
        let Items { entries, bytes, .. } = self.items;
        if bytes > STORE_LIMIT {
            let message = format!("its items come to more than the {STORE_LIMIT} bytes of a store");
            self.faults.push(Fault::new(PLACE, message));
        } else if entries.len() > ITEMS_LIMIT {
            self.faults.push(Fault::new(PLACE, too_many()));
        }
        if self.faults.is_empty() {
            return Ok(entries);
        }
        Err(Error::faults(Kind::InvalidParameters, self.faults))
    }
}

fn from_json(text: &str, lines: &mut Lines<'_>) -> Result<(), Error> {
    /// What CloudFront imports.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Import<'t> {
        #[serde(borrow)]
        data: Elements<'t>,
    }
    let is_import = text.trim_start().starts_with('{');
    let parsed = if is_import {
        serde_json::from_str::<Import<'_>>(text).map(|import| import.data)
    } else {
        serde_json::from_str(text)
    };
    let Elements(elements) = parsed.map_err(|error| match error.classify() {
        // In its own words it would quote what it found.
        Category::Data if error.to_string().starts_with(&too_many()) => refused(too_many()),
        Category::Data => refused(format!(
            "expected an array of items, or an object whose only member `data` is one (line {} column {})",
            error.line(),
            error.column()
        )),
        _ => refused(format!("not JSON: {error}")),
    })?;
    let (mut line, mut before) = (1, 0);
    for element in elements {
        if lines.is_full() {
            break;
        }
        let at = element.get().as_ptr().addr() - text.as_ptr().addr();
        line += text.get(before..at).unwrap_or_default().matches('\n').count();
        before = at;
        lines.read_json(line, element.get());
    }
    Ok(())
}

/// The texts of an array's elements, no more than there may be.
struct Elements<'t>(Vec<&'t RawValue>);

impl<'de: 't, 't> Deserialize<'de> for Elements<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Vec<&'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = elements.next_element()? {
                    if texts.len() == ITEMS_LIMIT {
                        return Err(de::Error::custom(too_many()));
                    }
                    texts.push(text);
                }
                Ok(texts)
            }
        }

        deserializer.deserialize_seq(Each).map(Elements)
    }
}

fn from_json_lines(text: &str, lines: &mut Lines<'_>) {
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        if lines.is_full() {
            break;
        }
        // In its own words the parser would call it the first line.
        match serde_json::from_str::<IgnoredAny>(line) {
            Ok(_) => lines.read_json(at + 1, line),
            Err(error) => {
                let (said, column) = (error.to_string(), error.column());
                let what = said.rsplit_once(" at line ").map_or(said.as_str(), |(what, _)| what);
                lines.fault(at + 1, &format!("not JSON: {what} at column {column}"));
            }
        }
    }
}

fn from_csv(text: &str, lines: &mut Lines<'_>) -> Result<(), Error> {
    let mut records = Records::of(text);
    let header = records.next();
    let names = [items::NAMES, IMPORTED].into_iter().find(|names| {
        let first = header.as_ref().and_then(|(_, record)| record.as_ref().ok());
        first.is_some_and(|record| record.iter().eq(names.iter()))
    });
    let Some([key, value]) = names else {
        let [key, value] = items::NAMES;
        return Err(refused(format!("its first line must be `{key},{value}`")));
    };
    for (line, record) in records {
        if lines.is_full() {
            break;
        }
        match record.as_deref() {
            Ok([one, other]) => lines.read(line, json!({ key: one, value: other })),
            Ok(_) => lines.fault(line, "expected two fields"),
            Err(message) => lines.fault(line, message),
        }
    }
    Ok(())
}

fn place(line: usize) -> String {
    format!("{PLACE} line {line}")
}

fn too_many() -> String {
    format!("it holds more than {ITEMS_LIMIT} items")
}

fn refused(message: impl Into<String>) -> Error {
    Error::faults(Kind::InvalidParameters, vec![Fault::new(PLACE, message)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(format: Format, text: &str) -> Result<BTreeMap<String, String>, Vec<String>> {
        parse(text.as_bytes(), format, "c/").map_err(|error| {
            assert_eq!((error.name(), error.effect), ("CrossRegion.InvalidParameters", Effect::None));
            assert!(!error.to_message().contains("SECRET"), "{error}");
            error.faults.iter().map(ToString::to_string).collect()
        })
    }

    fn entries(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn every_format_says_the_same() {
        let expected = entries(&[("c/1", "é,\"\n"), ("c/2", "")]);
        for (format, text) in [
            (Format::Json, r#"[{"Key":"c/1","Value":"é,\"\n"},{"Key":"c/2","Value":""}]"#),
            (
                Format::Json,
                " {\"data\": [\n{\"key\":\"c/1\",\"value\":\"é,\\\"\\n\"},{\"key\":\"c/2\",\"value\":\"\"}]}\n",
            ),
            (
                Format::JsonLines,
                "{\"Key\":\"c/1\",\"Value\":\"é,\\\"\\n\"}\r\n\n{\"key\":\"c/2\",\"value\":\"\"}\n",
            ),
            (Format::Csv, "Key,Value\r\nc/1,\"é,\"\"\n\"\r\nc/2,\r\n"),
            (Format::Csv, "key,value\n\"c/2\",\"\"\nc/1,\"é,\"\"\n\""),
        ] {
            assert_eq!(read(format, text).unwrap(), expected, "{text}");
        }
        for (format, text) in [
            (Format::Json, "[]"),
            (Format::Json, r#"{"data":[]}"#),
            (Format::JsonLines, ""),
            (Format::Csv, "Key,Value"),
        ] {
            assert_eq!(read(format, text).unwrap(), BTreeMap::new(), "{text}");
        }
    }

    #[test]
    fn every_line_at_fault_is_named_and_none_is_shown() {
        let value = "SECRET".repeat(171);
        let text = [
            r#"{"Key":"c/1","Value":""}"#,
            r#"{"Key":"c/1","Value":""}"#,
            "",
            r#"{"Key":"SECRET","Value":""}"#,
            &format!(r#"{{"Key":"c/2","Value":"{value}"}}"#),
            r#"{"Key":"c/3","Value":7}"#,
            r#"{"Key":"c/4","value":"SECRET"}"#,
            r#"{"Key":"c/5","Value":"","Valu":1}"#,
            r#"{"Key":"c/6","Key":"c/7","Value":""}"#,
            r#"{"Key":"","Value":""}"#,
            r#"{"Key":"c/8" SECRET}"#,
            "7",
        ];
        let place = |line: usize, rest: &str| format!("parameters.itemsFrom line {line}{rest}");
        let faults = [
            place(2, ".Key: stands in the list already"),
            place(4, ".Key: does not begin with `keyPrefix`"),
            place(5, ".Value: expected 0 to 1024 bytes, found 1026"),
            place(6, ".Value: expected a string, found an integer"),
            place(7, ".key: missing"),
            place(7, ".Key: unknown field, did you mean `key`?"),
            place(8, ".Valu: unknown field, did you mean `Value`?"),
            place(9, ".Key: duplicate key"),
            place(10, ".Key: expected 1 to 512 bytes, found 0"),
            place(11, ": not JSON: expected `,` or `}` at column 14"),
            place(12, ": expected an object, found an integer"),
        ];
        assert_eq!(read(Format::JsonLines, &text.join("\n")).unwrap_err(), faults);
        let array = format!(
            "[{}]",
            text.iter()
                .filter(|it| !it.is_empty())
                .map(|it| it.replace(" SECRET", ""))
                .collect::<Vec<_>>()
                .join("\n,")
        );
        let expected = [
            "2.Key", "3.Key", "4.Value", "5.Value", "6.key", "6.Key", "7.Valu", "8.Key", "9.Key", "10.Value",
            "11:",
        ];
        for (fault, expected) in read(Format::Json, &array).unwrap_err().iter().zip(expected) {
            assert!(fault.starts_with(&format!("parameters.itemsFrom line {expected}")), "{fault}");
        }
    }

    #[test]
    fn lines_of_csv_are_counted_as_an_editor_does() {
        let text = "Key,Value\nc/1,\"\n\n\"\nc/1,\nSECRET,\nc/2\nc/3,a,b\nc/4,SEC\"RET\nc/5,\"SECRET";
        let faults = [
            "line 5.Key: stands in the list already",
            "line 6.Key: does not begin with `keyPrefix`",
            "line 7: expected two fields",
            "line 8: expected two fields",
            "line 9: a quote stands in a field that does not begin with one",
            "line 10: a quoted field does not end",
        ];
        assert_eq!(
            read(Format::Csv, text).unwrap_err(),
            faults.map(|fault| format!("parameters.itemsFrom {fault}"))
        );
    }

    #[test]
    fn an_object_that_is_not_what_it_should_be_is_refused_as_a_whole() {
        let mark = "\u{feff}[]";
        for (format, text, fault) in [
            (Format::Json, mark, "the object begins with a byte order mark"),
            (Format::Json, "", "not JSON: EOF while parsing a value at line 1 column 0"),
            (Format::Json, "[] []", "not JSON: trailing characters at line 1 column 4"),
            (
                Format::Json,
                "\"SECRET\"",
                "expected an array of items, or an object whose only member `data` is one (line 1 column 8)",
            ),
            (
                Format::Json,
                r#"{"data":"SECRET"}"#,
                "expected an array of items, or an object whose only member `data` is one (line 1 column 16)",
            ),
            (
                Format::Json,
                r#"{"SECRET":[]}"#,
                "expected an array of items, or an object whose only member `data` is one (line 1 column 9)",
            ),
            (Format::Csv, "", "its first line must be `Key,Value`"),
            (Format::Csv, "c/1,SECRET\n", "its first line must be `Key,Value`"),
            (Format::Csv, "Key,Value,SECRET\n", "its first line must be `Key,Value`"),
        ] {
            assert_eq!(read(format, text).unwrap_err(), [format!("parameters.itemsFrom: {fault}")], "{text}");
        }
        let error = parse(b"\xff", Format::Csv, "").unwrap_err();
        assert_eq!(error.message, "parameters.itemsFrom: the object is not UTF-8: invalid byte at offset 0");
    }

    #[test]
    fn no_more_is_kept_than_a_store_holds() {
        let lines = |count: usize, value: &str| {
            let line = |at| format!("{{\"Key\":\"c/{at}\",\"Value\":\"{value}\"}}\n");
            (0..count).map(line).collect::<String>()
        };
        let large = "x".repeat(1_000);
        assert_eq!(
            read(Format::JsonLines, &lines(6_000, &large)).unwrap_err(),
            ["parameters.itemsFrom: its items come to more than the 5242880 bytes of a store"]
        );
        assert_eq!(read(Format::JsonLines, &lines(ITEMS_LIMIT, "")).unwrap().len(), ITEMS_LIMIT);
        let many = ["parameters.itemsFrom: it holds more than 200000 items"];
        assert_eq!(read(Format::JsonLines, &lines(ITEMS_LIMIT + 9, "")).unwrap_err(), many);
        assert_eq!(read(Format::Json, &format!("[{}0]", "0,".repeat(1_000_000))).unwrap_err(), many);
        // What never ends would not become a store either.
        let commas = format!("Key,Value\n{}", ",".repeat(5_000_000));
        assert_eq!(
            read(Format::Csv, &commas).unwrap_err(),
            ["parameters.itemsFrom line 2: expected two fields"]
        );
    }
}
