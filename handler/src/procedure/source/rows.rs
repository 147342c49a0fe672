//! Bytes cut into rows, in whatever pieces they come.
//!
//! Enters: the bytes of an object, piece by piece. Leaves: its rows, each as soon as its end was seen, and the line in
//! which it begins. What is not well formed is a fault of its line; after some faults, nobody can say where the next
//! row would begin, and it ends. Nothing is kept but the row that is not yet whole, which may have so many bytes and no
//! more: an object without end is not read into memory.

use std::borrow::Cow;

use serde_json::{Value as Json, json};

use super::csv::Table;
use super::cut::Cut;
use super::json_document::Document;
use super::json_lines::Lines;
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
    cutter: Cutter,
    /// Bytes of a row with the end of its line.
    limit: usize,
    text: String,
    /// Bytes at the end of what came that are a part of a character.
    part: Vec<u8>,
    /// Bytes of `text` that were handed out.
    read: usize,
    /// Bytes of the object before `text`.
    before: u64,
    /// Of the first byte that was not handed out.
    line: u64,
    is_last: bool,
    /// Why nothing of what comes is read.
    unreadable: Option<String>,
    is_over: bool,
}

#[derive(Debug)]
enum Cutter {
    Document(Document),
    Lines(Lines),
    Table(Table),
}

impl Cutter {
    fn cut<'t>(&mut self, text: &'t str, is_last: bool) -> Cut<'t> {
        match self {
            Self::Document(document) => document.cut(text, is_last),
            Self::Lines(lines) => lines.cut(text, is_last),
            Self::Table(table) => table.cut(text, is_last),
        }
    }
}

impl Splitter {
    /// `offset` is that of the first byte, `line` the number of its line.
    pub fn new(format: Format, limit: usize, offset: u64, line: u64) -> Self {
        let cutter = match format {
            Format::Json(member) => Cutter::Document(Document::new(member)),
            Format::JsonLines => Cutter::Lines(Lines::default()),
            Format::Csv(headers) => Cutter::Table(Table::new(headers)),
        };
        Self {
            cutter,
            limit,
            text: String::new(),
            part: Vec::new(),
            read: 0,
            before: offset,
            line,
            is_last: false,
            unreadable: None,
            is_over: false,
        }
    }

    /// Takes what came next.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.unreadable.is_some() {
            return;
        }
        self.before += self.read as u64;
        self.text.drain(..self.read);
        self.read = 0;
        let whole = if self.part.is_empty() {
            Cow::Borrowed(bytes)
        } else {
            self.part.extend_from_slice(bytes);
            Cow::Owned(std::mem::take(&mut self.part))
        };
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

    /// The next row that is well formed. What is not is told in `faults`.
    pub fn next(&mut self, parameter: &'static str, faults: &mut Faults) -> Step {
        while !self.is_over {
            let line = self.line;
            let rest = self.text.get(self.read..).unwrap_or_default();
            let cut = if self.offset() == 0 && rest.starts_with('\u{feff}') {
                Cut::Unreadable("the object begins with a byte order mark".to_owned())
            } else {
                self.cutter.cut(rest, self.is_last)
            };
            let (row, used) = match cut {
                Cut::Value(text, used) => {
                    (json::collect(text.as_bytes(), Path::Root(&place(parameter, line)), faults), used)
                }
                Cut::Fields([one, other], [first, second], used) => {
                    (Some(json!({ one: first, other: second })), used)
                }
                Cut::Malformed(message, used) => {
                    faults.push(Fault::new(place(parameter, line), message));
                    (None, used)
                }
                Cut::Nothing(used) => (None, used),
                Cut::More if self.unreadable.is_some() => return self.over(None, parameter, faults),
                Cut::More if rest.len() <= self.limit => return Step::More,
                Cut::More => return self.over(Some(self.too_long()), parameter, faults),
                Cut::End => return self.over(None, parameter, faults),
                Cut::Unreadable(message) => return self.over(Some(message), parameter, faults),
            };
            if used > self.limit && row.is_some() {
                return self.over(Some(self.too_long()), parameter, faults);
            }
            self.pass(used);
            if let Some(row) = row {
                return Step::Row(line, row);
            }
        }
        Step::End
    }

    /// Nothing more is handed out, for this reason or for that which came with the bytes, if there is one.
    fn over(&mut self, why: Option<String>, parameter: &'static str, faults: &mut Faults) -> Step {
        self.is_over = true;
        if let Some(message) = why.or(self.unreadable.take()) {
            faults.push(Fault::new(place(parameter, self.line), message));
        }
        Step::End
    }

    /// Of the next row, in the object.
    pub fn offset(&self) -> u64 {
        self.before + self.read as u64
    }

    /// The line of the next row.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Leaves so many bytes behind.
    fn pass(&mut self, bytes: usize) {
        let passed = self.text.get(self.read..).and_then(|rest| rest.get(..bytes)).unwrap_or_default();
        self.line += passed.bytes().filter(|&byte| byte == b'\n').count() as u64;
        self.read += bytes;
    }

    fn too_long(&self) -> String {
        format!("holds a row of more than {} bytes", self.limit)
    }

    fn is_not_text(&mut self, valid: usize) {
        let offset = self.before + (self.text.len() + valid) as u64;
        self.unreadable = Some(format!("the object is not UTF-8: invalid byte at offset {offset}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Kind};

    const CSV: Format = Format::Csv(&[["Key", "Value"], ["key", "value"]]);
    const JSON: Format = Format::Json("data");

    /// The rows with their lines and the faults, of a text that comes in pieces of so many bytes.
    fn split(format: Format, text: &[u8], piece: usize) -> (Vec<(u64, Json)>, Vec<String>) {
        let (mut splitter, mut faults) = (Splitter::new(format, 1_000, 0, 1), Faults::default());
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
            let (mut splitter, mut faults) = (Splitter::new(format, 1_000, 0, 1), Faults::default());
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
            let (mut splitter, mut faults) =
                (Splitter::new(Format::JsonLines, 1_000, 100, 5), Faults::default());
            let (mut places, mut pieces) = (Vec::new(), text.as_bytes().chunks(piece));
            loop {
                match splitter.next("itemsFrom", &mut faults) {
                    Step::Row(line, _) => places.push((line, splitter.line(), splitter.offset())),
                    Step::End => break,
                    Step::More => match pieces.next() {
                        Some(piece) => splitter.feed(piece),
                        None => splitter.end(),
                    },
                }
            }
            assert_eq!(places, [(5, 6, 109), (7, 8, 113), (8, 8, 114)]);
        }
    }
}
