//! What a misspelled name was probably meant to be.
//!
//! Enters: a name nobody knows, and the known ones. Leaves: the nearest known names, and the words that offer them.
//! Nothing fails.

use std::borrow::Cow;

/// Names offered at most.
const OFFERED: usize = 3;

/// Characters of a user's name that a message repeats.
const SHOWN: usize = 64;

/// Bytes of a name that is taken for the beginning of a longer one.
const SHORTEST_BEGINNING: usize = 4;

/// The known names that differ little from `name`, nearest first. Case does not count.
pub fn nearest(name: &str, known: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    let wanted = name.to_ascii_lowercase();
    let mut near: Vec<(usize, String)> = known
        .into_iter()
        .filter_map(|candidate| {
            let candidate = candidate.into();
            let distance = distance(&wanted, &candidate.to_ascii_lowercase())?;
            Some((distance, candidate))
        })
        .collect();
    near.sort();
    near.truncate(OFFERED);
    near.into_iter().map(|(_, name)| name).collect()
}

/// The end of a message: `, did you mean …?`, or nothing where nothing is near.
pub fn did_you_mean(near: &[String]) -> String {
    match near {
        [] => String::new(),
        [only] => format!(", did you mean `{only}`?"),
        [first @ .., last] => {
            let first = first.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            format!(", did you mean {first} or `{last}`?")
        }
    }
}

/// A user's name as a message repeats it: a name may be megabytes.
pub fn shown(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(SHOWN) {
        Some((at, _)) => Cow::Owned(format!("{}…", name.get(..at).unwrap_or_default())),
        None => Cow::Borrowed(name),
    }
}

/// How far a known name is from what was written, if it may have been meant: typing errors in up to a third of it, or
/// an end that was left off (`list` for `listTables`).
fn distance(wanted: &str, candidate: &str) -> Option<usize> {
    if wanted.len() >= SHORTEST_BEGINNING
        && let Some(end) = candidate.strip_prefix(wanted)
    {
        return Some(end.len());
    }
    let allowed = (candidate.len() / 3).max(1);
    // A name of another length is farther away; a megabyte must not be compared to learn that.
    if wanted.len().abs_diff(candidate.len()) > allowed {
        return None;
    }
    Some(strsim::osa_distance(wanted, candidate)).filter(|distance| *distance <= allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [&str; 5] = ["region", "service", "action", "retry", "retryUnprocessed"];

    #[test]
    fn the_nearest_name_comes_first() {
        assert_eq!(nearest("regoin", FIELDS), ["region"]);
        assert_eq!(nearest("Service", FIELDS), ["service"]);
        assert_eq!(nearest("retri", FIELDS), ["retry"]);
        assert_eq!(nearest("retr", FIELDS), ["retry", "retryUnprocessed"]);
        assert_eq!(
            nearest("getObjct", ["getObjectAcl", "getObject", "putItem"]),
            ["getObject", "getObjectAcl"]
        );
    }

    #[test]
    fn nothing_is_offered_for_a_name_unlike_all() {
        assert!(nearest("colour", FIELDS).is_empty());
        assert!(nearest("", FIELDS).is_empty());
        assert!(nearest(&"region".repeat(1_000_000), FIELDS).is_empty());
    }

    #[test]
    fn offers_read_as_a_sentence_ends() {
        let offer =
            |near: &[&str]| did_you_mean(&near.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(offer(&[]), "");
        assert_eq!(offer(&["a"]), ", did you mean `a`?");
        assert_eq!(offer(&["a", "b", "c"]), ", did you mean `a`, `b` or `c`?");
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(shown("s3"), "s3");
        assert_eq!(shown(&"é".repeat(1_000)), format!("{}…", "é".repeat(64)));
    }
}
