//! CSV as RFC 4180 has it, read strictly.
//!
//! Enters: text. Leaves: its records, each with the line in which it begins. A record that is not well formed says what
//! is wrong with it, and the ones after it are read: a reader that guesses would take a lost quote for a value.

use std::borrow::Cow;

/// Fields of a record that are kept. Who reads two sees that there were more.
const KEPT: usize = 3;

/// The records of a text. Lines end in `\n` or `\r\n`; empty ones are none.
#[derive(Debug)]
pub struct Records<'t> {
    rest: &'t str,
    line: usize,
}

type Record<'t> = Result<Vec<Cow<'t, str>>, &'static str>;

impl<'t> Records<'t> {
    pub fn of(text: &'t str) -> Self {
        Self { rest: text, line: 1 }
    }

    fn record(&mut self) -> Record<'t> {
        let mut fields = Vec::new();
        loop {
            let (field, after) = match self.rest.strip_prefix('"') {
                Some(inside) => quoted(inside).ok_or("a quoted field does not end")?,
                None => plain(self.rest),
            };
            self.go_on_at(after);
            if fields.len() < KEPT {
                fields.push(field.ok_or("a quote stands in a field that does not begin with one")?);
            }
            let Some(next) = self.rest.strip_prefix(',') else { break };
            self.go_on_at(next);
        }
        match end_of_line(self.rest) {
            Some(next) => {
                self.go_on_at(next);
                Ok(fields)
            }
            None => Err("text stands after the quote that ends a field"),
        }
    }

    /// Nothing that was passed is looked at again.
    fn go_on_at(&mut self, rest: &'t str) {
        let passed = self.rest.len() - rest.len();
        let passed = self.rest.get(..passed).unwrap_or_default();
        self.line += passed.matches('\n').count();
        self.rest = rest;
    }

    fn skip_line(&mut self) {
        let (_, next) = self.rest.split_once('\n').unwrap_or_default();
        self.go_on_at(next);
    }
}

impl<'t> Iterator for Records<'t> {
    type Item = (usize, Record<'t>);

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(next) = end_of_line(self.rest).filter(|_| !self.rest.is_empty()) {
            self.go_on_at(next);
        }
        if self.rest.is_empty() {
            return None;
        }
        let line = self.line;
        let record = self.record();
        if record.is_err() {
            self.skip_line();
        }
        Some((line, record))
    }
}

/// What follows the end of a line, which the end of the text is, too.
fn end_of_line(rest: &str) -> Option<&str> {
    if rest.is_empty() {
        return Some(rest);
    }
    rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n'))
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

    fn records(text: &str) -> Vec<(usize, Result<Vec<String>, &'static str>)> {
        let owned = |fields: Vec<Cow<'_, str>>| fields.into_iter().map(Cow::into_owned).collect();
        Records::of(text).map(|(line, record)| (line, record.map(owned))).collect()
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
}
