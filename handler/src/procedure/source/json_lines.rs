//! JSON Lines: a value a line.
//!
//! Enters: text, as much as there is so far. Leaves: its first line, once its end is there. Lines of nothing but blanks
//! are none. What is no JSON is told with its column.

use serde::de::IgnoredAny;

use super::cut::Cut;

#[derive(Debug, Default)]
pub struct Lines {
    /// Bytes of the text in which no line ends: a long one comes in many pieces.
    searched: usize,
}

impl Lines {
    pub fn cut<'t>(&mut self, text: &'t str, is_last: bool) -> Cut<'t> {
        let end = text.get(self.searched..).and_then(|rest| rest.find('\n')).map(|at| self.searched + at);
        let (line, used) = match end.and_then(|end| text.split_at_checked(end)) {
            Some((line, _)) => (line, line.len() + 1),
            None if !is_last => {
                self.searched = text.len();
                return Cut::More;
            }
            None if text.is_empty() => return Cut::End,
            None => (text, text.len()),
        };
        self.searched = 0;
        if line.trim().is_empty() {
            return Cut::Nothing(used);
        }
        // In its own words the reader of JSON would call it the first line.
        match serde_json::from_str::<IgnoredAny>(line) {
            Ok(_) => Cut::Value(line, used),
            Err(error) => {
                Cut::Malformed(format!("not JSON: {} at column {}", said(&error), error.column()), used)
            }
        }
    }
}

/// What the reader of JSON says, without where.
pub fn said(error: &serde_json::Error) -> String {
    let said = error.to_string();
    said.rsplit_once(" at line ").map_or(said.as_str(), |(what, _)| what).to_owned()
}
