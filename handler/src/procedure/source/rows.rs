//! Bytes cut into rows, in whatever pieces they come.
//!
//! Enters: the bytes of an object, piece by piece. Leaves: its rows, each as soon as its end was seen, and the line in
//! which it begins. What is not well formed is a fault of its line; after some faults, nobody can say where the next
//! row would begin, and it ends. Nothing is kept but the row that is not yet whole, which may have so many bytes and no
//! more: an object without end is not read into memory.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::{Value as Json, json};

use super::csv::{self, Record};
use super::{Format, place};
use crate::error::{Fault, Faults};
use crate::json::{self, Path};

/// What there is next.
#[derive(Debug)]
pub enum Step {
    /// A row and its line.
    Row(u64, Json),
    /// Not before more has come.
    More,
    End,
}

/// What came and was not yet handed out.
#[derive(Debug)]
pub struct Splitter {
    format: Format,
    limit: usize,
    text: String,
    /// Bytes at the end of what came that are a part of a character.
    part: Vec<u8>,
    /// Bytes of `text` that were handed out.
    read: usize,
    /// Bytes behind these in which no line ends.
    searched: usize,
    /// Of the first byte that was not handed out.
    line: u64,
    /// Bytes before `text`.
    before: u64,
    is_last: bool,
    stage: Stage,
    /// The array is the member of an object.
    is_member: bool,
    /// Why nothing of what comes is read.
    unreadable: Option<String>,
}

/// What must come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    /// Of JSON: the name of the only member, a colon, the array, its first element or its end.
    Name,
    Colon,
    Array,
    First,
    Element,
    Comma,
    /// The end of the object around the array.
    Close,
    /// Of CSV: rows of fields with these names.
    Records([&'static str; 2]),
    /// Nothing but space.
    Rest,
    Over,
}

/// What was found at the beginning of what was not handed out.
enum Found {
    /// A row, or none of a line that holds none.
    Row(Option<Json>),
    More,
    End,
    /// With what is wrong, after which nothing is read.
    Fault(String),
}

impl Splitter {
    pub fn new(format: Format, limit: usize, line: u64) -> Self {
        Self {
            format,
            limit,
            text: String::new(),
            part: Vec::new(),
            read: 0,
            searched: 0,
            line,
            before: 0,
            is_last: false,
            stage: Stage::Begin,
            is_member: false,
            unreadable: None,
        }
    }

    /// Takes what came next.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.before += self.read as u64;
        self.text.drain(..self.read);
        self.read = 0;
        let whole = if self.part.is_empty() {
            Cow::Borrowed(bytes)
        } else {
            self.part.extend_from_slice(bytes);
            Cow::Owned(std::mem::take(&mut self.part))
        };
        if self.unreadable.is_some() {
            return;
        }
        let (text, rest) = match std::str::from_utf8(&whole) {
            Ok(text) => (text, [].as_slice()),
            Err(error) => {
                let (text, rest) = whole.split_at(error.valid_up_to());
                if error.error_len().is_some() {
                    self.is_not_text(text.len());
                }
                (std::str::from_utf8(text).unwrap_or_default(), rest)
            }
        };
        self.text.push_str(text);
        self.part.extend_from_slice(rest);
    }

    /// Nothing comes any more.
    pub fn end(&mut self) {
        self.is_last = true;
        if !self.part.is_empty() && self.unreadable.is_none() {
            self.is_not_text(0);
        }
    }

    /// Of the next row that is well formed. What is not is told in `faults`.
    pub fn next(&mut self, parameter: &'static str, faults: &mut Faults) -> Step {
        loop {
            let line = self.line;
            let place = || place(parameter, line);
            let fault = match self.find(&place, faults) {
                Found::Row(Some(row)) => return Step::Row(line, row),
                Found::Row(None) => continue,
                Found::More | Found::End if self.unreadable.is_some() => {
                    self.unreadable.take().unwrap_or_default()
                }
                Found::More if self.rest().len() > self.limit => self.too_long(),
                Found::End => return Step::End,
                Found::More => return Step::More,
                Found::Fault(message) => message,
            };
            faults.push(Fault::new(place(), fault));
            self.stage = Stage::Over;
        }
    }

    /// Bytes up to the next row.
    pub fn passed(&self) -> u64 {
        self.before + self.read as u64
    }

    /// The line of the next row.
    pub fn line(&self) -> u64 {
        self.line
    }

    fn rest(&self) -> &str {
        self.text.get(self.read..).unwrap_or_default()
    }

    /// Leaves so many bytes behind.
    fn pass(&mut self, bytes: usize) {
        let passed = self.rest().get(..bytes).unwrap_or_default();
        self.line += passed.bytes().filter(|&byte| byte == b'\n').count() as u64;
        self.read += bytes;
        self.searched = 0;
    }

    fn too_long(&self) -> String {
        format!("holds a row of more than {} bytes", self.limit)
    }

    fn is_not_text(&mut self, valid: usize) {
        let offset = self.before + (self.text.len() + valid) as u64;
        self.unreadable = Some(format!("the object is not UTF-8: invalid byte at offset {offset}"));
    }

    fn find(&mut self, place: &impl Fn() -> String, faults: &mut Faults) -> Found {
        if self.stage == Stage::Begin && self.before == 0 && self.read == 0 {
            if self.rest().is_empty() && !self.is_last {
                return Found::More;
            }
            if self.rest().starts_with('\u{feff}') {
                return Found::Fault("the object begins with a byte order mark".to_owned());
            }
        }
        match (self.stage, self.format) {
            (Stage::Over, _) => Found::End,
            (_, Format::JsonLines) => self.line_of_json(place, faults),
            (_, Format::Json(member)) => self.json(member, place, faults),
            (Stage::Records(names), Format::Csv(_)) => self.record(names, place, faults),
            (_, Format::Csv(headers)) => self.header(headers),
        }
    }

    fn line_of_json(&mut self, place: &impl Fn() -> String, faults: &mut Faults) -> Found {
        let searched = self.searched;
        let end = self.rest().get(searched..).and_then(|rest| rest.find('\n')).map(|at| searched + at);
        let (length, passed) = match end {
            Some(end) => (end, end + 1),
            None if !self.is_last => {
                self.searched = self.rest().len();
                return Found::More;
            }
            None if self.rest().is_empty() => return Found::End,
            None => (self.rest().len(), self.rest().len()),
        };
        let line = self.rest().get(..length).unwrap_or_default();
        if line.len() > self.limit {
            return Found::Fault(self.too_long());
        }
        let row = if line.trim().is_empty() {
            None
        } else {
            // In its own words the parser would call it the first line.
            match serde_json::from_str::<IgnoredAny>(line) {
                Ok(_) => json::collect(line.as_bytes(), Path::Root(&place()), faults),
                Err(error) => {
                    let message = format!("not JSON: {} at column {}", said(&error), error.column());
                    faults.push(Fault::new(place(), message));
                    None
                }
            }
        };
        self.pass(passed);
        Found::Row(row)
    }

    fn json(&mut self, member: &str, place: &impl Fn() -> String, faults: &mut Faults) -> Found {
        let rest = self.rest();
        let space = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        if space > 0 {
            self.pass(space);
            // The line of what follows is another one.
            return Found::Row(None);
        }
        let Some(next) = rest.chars().next() else {
            return match (self.is_last, self.stage) {
                (false, _) => Found::More,
                (true, Stage::Rest) => Found::End,
                (true, _) => Found::Fault("not JSON: it ends too early".to_owned()),
            };
        };
        self.stage = match (self.stage, next) {
            (Stage::Begin | Stage::Array, '[') => Stage::First,
            (Stage::Begin, '{') => {
                self.is_member = true;
                Stage::Name
            }
            (Stage::Colon, ':') => Stage::Array,
            (Stage::First | Stage::Comma, ']') if self.is_member => Stage::Close,
            (Stage::First | Stage::Comma, ']') | (Stage::Close, '}') => Stage::Rest,
            (Stage::Name, '"') | (Stage::First | Stage::Element, _) => {
                return self.value(member, place, faults);
            }
            (Stage::Comma, ',') => Stage::Element,
            (Stage::Begin | Stage::Name | Stage::Array, _) | (Stage::Close, ',') => return no_array(member),
            (Stage::Rest, _) => return Found::Fault("not JSON: more follows its end".to_owned()),
            (_, _) => return Found::Fault("not JSON: expected a comma, a colon or an end".to_owned()),
        };
        self.pass(next.len_utf8());
        Found::Row(None)
    }

    /// A value of JSON: the name of the only member, or a row.
    fn value(&mut self, member: &str, place: &impl Fn() -> String, faults: &mut Faults) -> Found {
        let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter::<IgnoredAny>();
        let next = values.next();
        let length = values.byte_offset();
        match next {
            Some(Err(error)) if self.is_last || !is_at_end(&error, self.rest()) => {
                return Found::Fault(format!("not JSON: {}", said(&error)));
            }
            // A number may go on.
            Some(Ok(_)) if length < self.rest().len() || self.is_last => {}
            _ => return Found::More,
        }
        let text = self.rest().get(..length).unwrap_or_default();
        let row = if self.stage == Stage::Name {
            if serde_json::from_str::<String>(text).ok().as_deref() != Some(member) {
                return no_array(member);
            }
            self.stage = Stage::Colon;
            None
        } else {
            let row = json::collect(text.as_bytes(), Path::Root(&place()), faults);
            self.stage = Stage::Comma;
            row
        };
        self.pass(length);
        Found::Row(row)
    }

    fn header(&mut self, headers: &'static [[&'static str; 2]]) -> Found {
        let wanted = headers.first().map(|names| names.join(",")).unwrap_or_default();
        let other = || Found::Fault(format!("its first line must be `{wanted}`"));
        let used = match csv::record(self.rest(), self.is_last) {
            None if !self.is_last => return Found::More,
            Some((used, Record::Empty)) => used,
            Some((used, Record::Fields(fields))) => {
                let names = headers.iter().find(|names| fields.iter().eq(names.iter()));
                let Some(names) = names else { return other() };
                self.stage = Stage::Records(*names);
                used
            }
            _ => return other(),
        };
        self.pass(used);
        Found::Row(None)
    }

    fn record(
        &mut self,
        [one, other]: [&'static str; 2],
        place: &impl Fn() -> String,
        faults: &mut Faults,
    ) -> Found {
        let Some((used, record)) = csv::record(self.rest(), self.is_last) else {
            return if self.is_last { Found::End } else { Found::More };
        };
        let row = match record {
            Record::Empty => None,
            Record::Fields(fields) => {
                let row = <[_; 2]>::try_from(fields)
                    .ok()
                    .map(|[first, second]| json!({ one: first, other: second }));
                if row.is_none() {
                    faults.push(Fault::new(place(), "expected two fields"));
                }
                row
            }
            Record::Malformed(message) => {
                faults.push(Fault::new(place(), message));
                None
            }
        };
        self.pass(used);
        Found::Row(row)
    }
}

fn no_array(member: &str) -> Found {
    let what = "expected an array of items, or an object whose only member";
    Found::Fault(format!("{what} `{member}` is one"))
}

/// Whether the parser had come to the end: what follows may make it well formed, such as a number after its sign.
fn is_at_end(error: &serde_json::Error, text: &str) -> bool {
    let lines = text.bytes().filter(|&byte| byte == b'\n').count() + 1;
    let last = text.rsplit('\n').next().map_or(0, str::len);
    (error.line(), error.column()) == (lines, last)
}

/// What the parser says, without where.
fn said(error: &serde_json::Error) -> String {
    let said = error.to_string();
    said.rsplit_once(" at line ").map_or(said.as_str(), |(what, _)| what).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Kind};

    const CSV: Format = Format::Csv(&[["Key", "Value"], ["key", "value"]]);
    const JSON: Format = Format::Json("data");

    /// The rows with their lines and the faults, of a text that comes in pieces of so many bytes.
    fn split(format: Format, text: &[u8], piece: usize) -> (Vec<(u64, Json)>, Vec<String>) {
        let (mut splitter, mut faults) = (Splitter::new(format, 1_000, 1), Faults::default());
        let (mut rows, mut pieces) = (Vec::new(), text.chunks(piece));
        loop {
            match splitter.next("itemsFrom", &mut faults) {
                Step::Row(line, value) => rows.push((line, value)),
                Step::End => break,
                Step::More => match pieces.next() {
                    Some(piece) => splitter.feed(piece),
                    None => splitter.end(),
                },
            }
        }
        let told = |fault: &Fault| fault.to_string().replace("parameters.itemsFrom ", "");
        let faults: Vec<_> = Error::faults(Kind::InvalidParameters, faults).faults.iter().map(told).collect();
        assert!(!faults.iter().any(|it| it.contains("SECRET")), "{faults:?}");
        (rows, faults)
    }

    /// The same in whatever pieces it comes.
    fn rows(format: Format, text: impl AsRef<[u8]>) -> (Vec<(u64, Json)>, Vec<String>) {
        let text = text.as_ref();
        let whole = split(format, text, text.len().max(1));
        for piece in 1..text.len().min(40) {
            assert_eq!(split(format, text, piece), whole, "{piece}");
        }
        whole
    }

    fn well(format: Format, text: &str) -> Vec<(u64, Json)> {
        let (rows, faults) = rows(format, text);
        assert_eq!(faults, Vec::<String>::new(), "{text}");
        rows
    }

    fn items(names: [&str; 2], lines: [u64; 2]) -> Vec<(u64, Json)> {
        let [key, value] = names;
        let item = |line, one: &str, other: &str| (line, json!({ key: one, value: other }));
        vec![item(lines[0], "c/1", "é,\"\n"), item(lines[1], "c/2", "")]
    }

    #[test]
    fn every_format_says_the_same() {
        let (own, imported) = (["Key", "Value"], ["key", "value"]);
        for (format, text, expected) in [
            (JSON, r#"[{"Key":"c/1","Value":"é,\"\n"},{"Key":"c/2","Value":""}]"#, items(own, [1, 1])),
            (
                JSON,
                " {\"data\": [\n{\"key\":\"c/1\",\"value\":\"é,\\\"\\n\"},\n\n{\"key\":\"c/2\",\"value\":\"\"}]}\n",
                items(imported, [2, 4]),
            ),
            (
                Format::JsonLines,
                "{\"Key\":\"c/1\",\"Value\":\"é,\\\"\\n\"}\r\n\n{\"Key\":\"c/2\",\"Value\":\"\"}",
                items(own, [1, 3]),
            ),
            (CSV, "\nKey,Value\r\nc/1,\"é,\"\"\n\"\r\nc/2,\r\n", items(own, [3, 5])),
            (CSV, "key,value\n\nc/1,\"é,\"\"\n\"\n\"c/2\",\"\"", items(imported, [3, 5])),
        ] {
            assert_eq!(well(format, text), expected, "{text}");
        }
        for (format, text) in [
            (JSON, "[]"),
            (JSON, " { \"data\" : [ ] } "),
            (JSON, r#"{"\u0064ata":[]}"#),
            (Format::JsonLines, ""),
            (Format::JsonLines, "\n \r\n\t"),
            (CSV, "Key,Value"),
            (CSV, "key,value\r\n"),
        ] {
            assert_eq!(well(format, text), [], "{text}");
        }
    }

    #[test]
    fn values_of_json_are_whole_where_they_end() {
        let expected: Vec<_> =
            [json!(12), json!("]"), json!(-1.5e3), json!(null), json!([{}]), json!(true), json!(7)]
                .map(|it| (1, it))
                .into();
        assert_eq!(well(JSON, r#"[12,"]",-1.5e3,null,[{}],true , 7]"#), expected);
        assert_eq!(well(Format::JsonLines, "12"), [(1, json!(12))]);
    }

    #[test]
    fn a_line_at_fault_is_named_and_the_next_is_read() {
        let (found, faults) = rows(Format::JsonLines, "{\"a\":1,\"a\":2}\n{\"a\" SECRET}\n7\n[\n\"SECRET\n8");
        assert_eq!(found, [(1, json!({"a": 2})), (3, json!(7)), (6, json!(8))]);
        assert_eq!(
            faults,
            [
                "line 1.a: duplicate key",
                "line 2: not JSON: expected `:` at column 6",
                "line 4: not JSON: EOF while parsing a list at column 1",
                "line 5: not JSON: EOF while parsing a string at column 7",
            ]
        );
        let text =
            "Key,Value\nc/1,\"\n\n\"\nc/2,a,b\nSECRET\nc/3,SEC\"RET\nc/4,\"a\"b\nc/5,\nc/6,\"SECRET\nc/7,";
        let (found, faults) = rows(CSV, text);
        let item = |line, key: &str, value: &str| (line, json!({"Key": key, "Value": value}));
        assert_eq!(found, [item(2, "c/1", "\n\n"), item(9, "c/5", ""), item(11, "c/7", "")]);
        assert_eq!(
            faults,
            [
                "line 5: expected two fields",
                "line 6: expected two fields",
                "line 7: a quote stands in a field that does not begin with one",
                "line 8: text stands after the quote that ends a field",
                "line 10: a quoted field does not end",
            ]
        );
    }

    #[test]
    fn where_nobody_can_say_what_comes_next_it_ends() {
        let no_array = "expected an array of items, or an object whose only member `data` is one";
        for (format, text, before, fault) in [
            (JSON, &b"\xef\xbb\xbf[]"[..], 0, "line 1: the object begins with a byte order mark"),
            (Format::JsonLines, b"\xef\xbb\xbf7", 0, "line 1: the object begins with a byte order mark"),
            (JSON, b"\n", 0, "line 2: not JSON: it ends too early"),
            (JSON, b"[1,", 1, "line 1: not JSON: it ends too early"),
            (JSON, b"[1\n,\n]", 1, "line 3: not JSON: expected value"),
            (JSON, b"[1 2]", 1, "line 1: not JSON: expected a comma, a colon or an end"),
            (JSON, b"[\"SECRET]", 0, "line 1: not JSON: EOF while parsing a string"),
            (JSON, b"[1] []", 1, "line 1: not JSON: more follows its end"),
            (JSON, b"\"SECRET\"", 0, &format!("line 1: {no_array}")),
            (JSON, br#"{"data":"SECRET"}"#, 0, &format!("line 1: {no_array}")),
            (JSON, br#"{"SECRET":[1]}"#, 0, &format!("line 1: {no_array}")),
            (JSON, br#"{"data":[1],"SECRET":2}"#, 1, &format!("line 1: {no_array}")),
            (JSON, b"{}", 0, &format!("line 1: {no_array}")),
            (CSV, b"", 0, "line 1: its first line must be `Key,Value`"),
            (CSV, b"c/1,SECRET\n", 0, "line 1: its first line must be `Key,Value`"),
            (CSV, b"Key,Value,SECRET\n", 0, "line 1: its first line must be `Key,Value`"),
            (CSV, b"Key,\"Value", 0, "line 1: its first line must be `Key,Value`"),
            (Format::JsonLines, b"1\n2\xff", 1, "line 2: the object is not UTF-8: invalid byte at offset 3"),
            (Format::JsonLines, b"1\n\xc3", 1, "line 2: the object is not UTF-8: invalid byte at offset 2"),
        ] {
            let (found, faults) = rows(format, text);
            let text = String::from_utf8_lossy(text);
            assert_eq!((found.len(), faults), (before, vec![fault.to_owned()]), "{text}");
        }
    }

    #[test]
    fn what_never_ends_is_not_kept() {
        for (format, begin) in
            [(Format::JsonLines, "[".to_owned()), (JSON, "[\"".to_owned()), (CSV, "Key,Value\n\"".to_owned())]
        {
            let (mut splitter, mut faults) = (Splitter::new(format, 1_000, 1), Faults::default());
            splitter.feed(begin.as_bytes());
            let mut fed = 0;
            while let Step::More = splitter.next("itemsFrom", &mut faults) {
                splitter.feed(&[b'a'; 100]);
                fed += 1;
                assert!(fed < 12, "{begin}");
            }
            let fault = Error::faults(Kind::InvalidParameters, faults).message;
            assert!(fault.ends_with(": holds a row of more than 1000 bytes"), "{fault}");
        }
        let text = format!("\"{}\"\n7", "a".repeat(1_000));
        let fault = "line 1: holds a row of more than 1000 bytes".to_owned();
        assert_eq!(rows(Format::JsonLines, text), (vec![], vec![fault]));
    }

    #[test]
    fn a_place_is_where_the_next_line_begins() {
        let text = "{\"é\":1}\n\n2\r\n3";
        for piece in 1..text.len() {
            let (mut splitter, mut faults) = (Splitter::new(Format::JsonLines, 1_000, 5), Faults::default());
            let (mut places, mut pieces) = (Vec::new(), text.as_bytes().chunks(piece));
            loop {
                match splitter.next("itemsFrom", &mut faults) {
                    Step::Row(line, _) => places.push((line, splitter.line(), splitter.passed())),
                    Step::End => break,
                    Step::More => match pieces.next() {
                        Some(piece) => splitter.feed(piece),
                        None => splitter.end(),
                    },
                }
            }
            assert_eq!(places, [(5, 6, 9), (7, 8, 13), (8, 8, 14)]);
        }
    }
}
