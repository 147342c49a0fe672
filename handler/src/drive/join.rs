//! How the values of several answers become one.
//!
//! Enters: a value, and the same member of a later answer. Leaves: both in one: the elements of lists one after the
//! other, the entries of maps and structures together. What is neither stays what it was first, but for counts and
//! text that the caller wants joined. Nothing fails.

use serde_json::{Map, Number, Value as Json};

/// What becomes of a value that is no collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalars {
    /// The first one stays.
    Keep,
    /// Numbers are added up.
    Sum,
    /// Numbers are added up, text is continued.
    SumAndContinue,
}

/// Adds `later` to `value`.
pub fn join(value: &mut Json, later: Json, scalars: Scalars) {
    match (value, later) {
        (Json::Array(items), Json::Array(more)) => items.extend(more),
        (Json::Object(members), Json::Object(more)) => members_joined(members, more),
        (Json::Number(number), Json::Number(more)) if scalars != Scalars::Keep => {
            *number = sum(number, &more);
        }
        (Json::String(text), Json::String(more)) if scalars == Scalars::SumAndContinue => {
            text.push_str(&more);
        }
        (value @ Json::Null, later) => *value = later,
        _ => {}
    }
}

/// Below the top, a number or a text says something about its neighbours, not about how much there is.
fn members_joined(members: &mut Map<String, Json>, more: Map<String, Json>) {
    for (name, later) in more {
        match members.get_mut(&name) {
            Some(value) => join(value, later, Scalars::Keep),
            None => {
                members.insert(name, later);
            }
        }
    }
}

fn sum(one: &Number, other: &Number) -> Number {
    let exact = one.as_i64().zip(other.as_i64()).and_then(|(one, other)| one.checked_add(other));
    let float = one.as_f64().zip(other.as_f64()).and_then(|(one, other)| Number::from_f64(one + other));
    exact.map(Number::from).or(float).unwrap_or_else(|| one.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn joined(mut value: Json, later: Json, scalars: Scalars) -> Json {
        join(&mut value, later, scalars);
        value
    }

    #[test]
    fn collections_go_on() {
        assert_eq!(joined(json!([1]), json!([2, 3]), Scalars::Keep), json!([1, 2, 3]));
        let pages =
            (json!({"a": [1], "n": 1, "s": {"x": 1}}), json!({"a": [2], "b": [3], "n": 2, "s": {"y": 2}}));
        let both = json!({"a": [1, 2], "b": [3], "n": 1, "s": {"x": 1, "y": 2}});
        assert_eq!(joined(pages.0, pages.1, Scalars::SumAndContinue), both);
    }

    #[test]
    fn scalars_are_joined_on_request() {
        for (scalars, number, text) in
            [(Scalars::Keep, 1, "a"), (Scalars::Sum, 3, "a"), (Scalars::SumAndContinue, 3, "ab")]
        {
            assert_eq!(joined(json!(1), json!(2), scalars), number);
            assert_eq!(joined(json!("a"), json!("b"), scalars), text);
        }
        let large = joined(json!(9_007_199_254_740_993_i64), json!(1), Scalars::Sum);
        assert_eq!(large, json!(9_007_199_254_740_994_i64));
        assert_eq!(joined(json!(0.5), json!(1), Scalars::Sum), json!(1.5));
        assert_eq!(joined(json!(true), json!(false), Scalars::Sum), true);
    }
}
