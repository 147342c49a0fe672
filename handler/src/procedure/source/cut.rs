//! What the formats of rows have in common: each looks at a text, as much as there is so far, and says what it begins
//! with.

use std::borrow::Cow;

/// What a text begins with, as its format has it. Bytes are those up to what comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Cut<'t> {
    /// A row as JSON.
    Value(&'t str, usize),
    /// A row of two fields with these names.
    Fields([&'static str; 2], [Cow<'t, str>; 2], usize),
    /// A row with what is wrong with it.
    Malformed(String, usize),
    /// No row.
    Nothing(usize),
    /// Something that may go on.
    More,
    /// The end of it all.
    End,
    /// Something after which nothing can be read, with what is wrong with it.
    Unreadable(String),
}
