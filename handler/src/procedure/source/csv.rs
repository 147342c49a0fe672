//! CSV as RFC 4180 has it, read strictly.
//!
//! Enters: text, as much as there is so far. Leaves: the record that it begins with, once its end is there. A record
//! that is not well formed says what is wrong with it and ends with its line, so that the ones after it can be read: a
//! reader that guesses would take a lost quote for a value. Without the first line that must be, nothing is read.

use std::borrow::Cow;

use super::cut::Cut;

/// Records of two fields, of which the first tells their names.
#[derive(Debug)]
pub struct Table {
    /// The names that there may be.
    headers: &'static [[&'static str; 2]],
    names: Option<[&'static str; 2]>,
}

impl Table {
    pub fn new(headers: &'static [[&'static str; 2]]) -> Self {
        Self { headers, names: None }
    }

    pub fn cut<'t>(&mut self, text: &'t str, is_last: bool) -> Cut<'t> {
        let another = |headers: &[[&str; 2]]| {
            let wanted = headers.first().map(|names| names.join(",")).unwrap_or_default();
            Cut::Unreadable(format!("its first line must be `{wanted}`"))
        };
        match (record(text, is_last), self.names) {
            (None, _) if !is_last => Cut::More,
            (None, Some(_)) => Cut::End,
            (Some((used, Record::Empty)), _) => Cut::Nothing(used),
            (Some((used, Record::Malformed(message))), Some(_)) => Cut::Malformed(message.to_owned(), used),
            (Some((used, Record::Fields(fields))), Some(names)) => match <[_; 2]>::try_from(fields) {
                Ok(fields) => Cut::Fields(names, fields, used),
                Err(_) => Cut::Malformed("expected two fields".to_owned(), used),
            },
            (Some((used, Record::Fields(fields))), None) => {
                self.names = self.headers.iter().find(|names| fields.iter().eq(names.iter())).copied();
                if self.names.is_some() { Cut::Nothing(used) } else { another(self.headers) }
            }
            (None | Some(_), None) => another(self.headers),
        }
    }
}

/// Fields of a record that are kept. Who reads two sees that there were more.
const KEPT: usize = 3;

/// What a text begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record<'t> {
    /// A line with nothing in it, which is no record.
    Empty,
    Fields(Vec<Cow<'t, str>>),
    Malformed(&'static str),
}

/// The first record, and its bytes with the end of its line, `\n` or `\r\n`. Nothing where it may go on, which it may
/// unless the text `is_last`, and nothing where there is none.
pub fn record(text: &str, is_last: bool) -> Option<(usize, Record<'_>)> {
    if text.is_empty() {
        return None;
    }
    let mut fields = Vec::new();
    let mut rest = text;
    let malformed = loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(inside) => match quoted(inside) {
                Some(found) => found,
                None if is_last => break Some("a quoted field does not end"),
                None => return None,
            },
            None => plain(rest),
        };
        rest = after;
        match field {
            Some(field) if fields.len() < KEPT => fields.push(field),
            Some(_) => {}
            None => break Some("a quote stands in a field that does not begin with one"),
        }
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None if rest.is_empty() || line_end(rest) > 0 => break None,
            None => break Some("text stands after the quote that ends a field"),
        }
    };
    let end = match malformed {
        Some(_) => rest.find('\n').map_or(rest.len(), |at| at + 1),
        None => line_end(rest),
    };
    let used = text.len() - rest.len() + end;
    if used == text.len() && !is_last && !text.ends_with('\n') {
        return None;
    }
    let is_empty = malformed.is_none() && used == line_end(text);
    let record = malformed.map_or(Record::Fields(fields), Record::Malformed);
    Some((used, if is_empty { Record::Empty } else { record }))
}

/// Bytes of the end of a line.
fn line_end(rest: &str) -> usize {
    ["\n", "\r\n"].iter().find(|end| rest.starts_with(**end)).map_or(0, |end| end.len())
}

/// A field without quotes, and what follows it. No field where there is a quote in it.
fn plain(rest: &str) -> (Option<Cow<'_, str>>, &str) {
    let end = rest.find([',', '\n']).unwrap_or(rest.len());
    let (field, after) = rest.split_at(end);
    // `\r` belongs to the end of the line, and nowhere else.
    let (field, after) = match field.strip_suffix('\r') {
        Some(shorter) if after.starts_with('\n') => rest.split_at(shorter.len()),
        _ => (field, after),
    };
    ((!field.contains('"')).then_some(Cow::Borrowed(field)), after)
}

/// A field whose opening quote was read, and what follows the closing one.
fn quoted(inside: &str) -> Option<(Option<Cow<'_, str>>, &str)> {
    let mut field = Cow::Borrowed("");
    let mut rest = inside;
    loop {
        let (part, after) = rest.split_once('"')?;
        if field.is_empty() {
            field = Cow::Borrowed(part);
        } else {
            field.to_mut().push_str(part);
        }
        match after.strip_prefix('"') {
            Some(next) => {
                field.to_mut().push('"');
                rest = next;
            }
            None => return Some((Some(field), after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All records with their lines.
    fn records(mut text: &str) -> Vec<(usize, Result<Vec<String>, &'static str>)> {
        let (mut records, mut line) = (Vec::new(), 1);
        while let Some((used, found)) = record(text, true) {
            match found {
                Record::Empty => {}
                Record::Malformed(message) => records.push((line, Err(message))),
                Record::Fields(fields) => {
                    records.push((line, Ok(fields.into_iter().map(Cow::into_owned).collect())));
                }
            }
            line += text[..used].matches('\n').count();
            text = &text[used..];
        }
        assert_eq!(text, "");
        records
    }

    fn fields(record: &[&str]) -> Vec<String> {
        record.iter().map(|&field| field.to_owned()).collect()
    }

    #[test]
    fn records_are_what_the_rfc_says() {
        for (text, expected) in [
            ("", vec![]),
            ("\n\r\n\n", vec![]),
            ("a,b", vec![(1, Ok(fields(&["a", "b"])))]),
            ("a,b\r\nc,d\n", vec![(1, Ok(fields(&["a", "b"]))), (2, Ok(fields(&["c", "d"])))]),
            ("\n\na,b\n\nc,d", vec![(3, Ok(fields(&["a", "b"]))), (5, Ok(fields(&["c", "d"])))]),
            (
                "a,\n,b\n,",
                vec![(1, Ok(fields(&["a", ""]))), (2, Ok(fields(&["", "b"]))), (3, Ok(fields(&["", ""])))],
            ),
            ("a b , c\t", vec![(1, Ok(fields(&["a b ", " c\t"])))]),
            (
                "\"a\",\"b,\"\"\r\nc\"\nd,e",
                vec![(1, Ok(fields(&["a", "b,\"\r\nc"]))), (3, Ok(fields(&["d", "e"])))],
            ),
            ("\"\",\"\"\"\"", vec![(1, Ok(fields(&["", "\""])))]),
            ("a,b\r", vec![(1, Ok(fields(&["a", "b\r"])))]),
            ("a,b,c,d,e", vec![(1, Ok(fields(&["a", "b", "c"])))]),
        ] {
            assert_eq!(records(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_told_and_the_next_line_is_read() {
        let next = (2, Ok(fields(&["c", "d"])));
        for (text, fault) in [
            ("a\"b,c\nc,d", "a quote stands in a field that does not begin with one"),
            ("\"a\"b,c\nc,d", "text stands after the quote that ends a field"),
            ("\"a\" ,c\nc,d", "text stands after the quote that ends a field"),
        ] {
            assert_eq!(records(text), [(1, Err(fault)), next.clone()], "{text:?}");
        }
        // Where a quote does not end, nobody knows where the record does.
        let open = "a quoted field does not end";
        assert_eq!(records("a,b\n\"c,d"), [(1, Ok(fields(&["a", "b"]))), (2, Err(open))]);
        assert_eq!(records("a,\"b\nc,d"), [(1, Err(open)), next]);
    }

    #[test]
    fn a_record_is_told_once_its_end_is_there() {
        for text in ["a,b\n", "a,b\r\n", "\"a\"\"\n,\",b\r\n", "\r\n", "a\"b,c\n", "\"a\"b\n"] {
            let whole = record(text, true);
            assert_eq!(whole.as_ref().map(|(used, _)| *used), Some(text.len()), "{text:?}");
            for length in 0..text.len() {
                assert_eq!(record(&text[..length], false), None, "{text:?} {length}");
            }
            assert_eq!(record(text, false), whole);
            assert_eq!(record(&format!("{text}x"), false), whole);
        }
    }
}
