//! An answer's members as JSON, under the model's names.
//!
//! Enters: a shape and the SDK's deserializer for the answer. Leaves: JSON: timestamps as ISO 8601 in UTC with
//! milliseconds, blobs as base64, 64-bit integers exact, NaN and infinities as strings. Fails where the answer does
//! not fit the shape.

use aws_smithy_schema::Schema;
use aws_smithy_schema::prelude::STRING;
use aws_smithy_schema::serde::{SerdeError, ShapeDeserializer};
use aws_smithy_types::date_time::Format;
use aws_smithy_types::{DateTime, Document, Number};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json};

use crate::catalog::shape::{Kind, Member, Shape};
use crate::catalog::{self};

/// Members of a structure whose schema the caller gives (an operation's output, an error).
pub fn structure(
    shape: &'static Shape,
    schema: &Schema<'_>,
    deserializer: &mut dyn ShapeDeserializer,
) -> Result<Map<String, Json>, SerdeError> {
    let members = catalog::members(shape);
    let mut read = Map::new();
    deserializer.read_struct(schema, &mut |member_schema, deserializer| {
        let Some(member) = member_schema.member_index().and_then(|at| members.get(at)) else {
            return deserializer.skip_value();
        };
        if deserializer.is_null() {
            return deserializer.read_null();
        }
        let value = member_value(member, deserializer)?;
        let known = read.get(&member.name).cloned();
        match known.and_then(|first| Some((first, list_of(member, members)?))) {
            Some((first, list)) => {
                let all = read.entry(list.name.clone()).or_insert_with(|| Json::Array(vec![first]));
                all.as_array_mut().into_iter().for_each(|all| all.push(value.clone()));
            }
            None => drop(read.insert(member.name.clone(), value)),
        }
        Ok(())
    })?;
    Ok(read)
}

/// Two members of S3's older notifications share an element, one for the first value, one for all of them: the SDK
/// reads every one as the member that the model has first.
fn list_of(member: &Member, members: &'static [Member]) -> Option<&'static Member> {
    let element = |it: &Member| it.schema.xml_name().map_or(it.name.as_str(), |name| name.value()).to_owned();
    members.iter().find(|it| {
        it.name != member.name
            && it.schema.xml_flattened()
            && it.schema.xml_name().is_some()
            && element(it) == element(member)
    })
}

fn member_value(
    member: &'static Member,
    deserializer: &mut dyn ShapeDeserializer,
) -> Result<Json, SerdeError> {
    let target = member.target().map_err(|error| SerdeError::custom(error.to_string()))?;
    if matches!(target.kind, Kind::Timestamp)
        && let Some(header) = member.header()
    {
        return header_timestamp(header, member.schema, deserializer);
    }
    value(target, member.schema, deserializer)
}

/// Services write other formats into headers than their models say. What cannot be read at all is an error, but for
/// `Expires`: HTTP allows any text there (RFC 9111, section 5.3), and S3 hands out whatever a client once stored.
fn header_timestamp(
    header: &str,
    schema: &Schema<'_>,
    deserializer: &mut dyn ShapeDeserializer,
) -> Result<Json, SerdeError> {
    let error = match deserializer.read_timestamp(schema) {
        Ok(time) => return Ok(timestamp(time)),
        Err(error) => error,
    };
    let text = deserializer.read_string(&STRING)?;
    let formats = [Format::DateTimeWithOffset, Format::HttpDate, Format::EpochSeconds];
    match formats.into_iter().find_map(|format| DateTime::from_str(&text, format).ok()) {
        Some(time) => Ok(timestamp(time)),
        None if header.eq_ignore_ascii_case("expires") => Ok(text.into()),
        None => Err(error),
    }
}

fn value(
    shape: &'static Shape,
    schema: &Schema<'_>,
    deserializer: &mut dyn ShapeDeserializer,
) -> Result<Json, SerdeError> {
    Ok(match &shape.kind {
        Kind::Boolean => deserializer.read_boolean(schema)?.into(),
        Kind::Integer => deserializer.read_integer(schema)?.into(),
        Kind::Long => deserializer.read_long(schema)?.into(),
        Kind::Float => float(deserializer.read_float(schema)?),
        Kind::Double => double(deserializer.read_double(schema)?),
        Kind::String => deserializer.read_string(schema)?.into(),
        Kind::Blob => STANDARD.encode(deserializer.read_blob(schema)?).into(),
        Kind::Timestamp => timestamp(deserializer.read_timestamp(schema)?),
        Kind::Document => document(deserializer.read_document(schema)?),
        Kind::List(element) => list(element, schema, deserializer)?,
        Kind::Map(_, member) => map(member, schema, deserializer)?,
        Kind::Structure(_) | Kind::Union(_) => structure(shape, shape.schema(), deserializer)?.into(),
    })
}

/// Null stays where a service put it, whether or not the model calls the collection sparse: places in a list count.
fn list(
    element: &'static Member,
    schema: &Schema<'_>,
    deserializer: &mut dyn ShapeDeserializer,
) -> Result<Json, SerdeError> {
    let mut items = Vec::new();
    deserializer.read_list(schema, &mut |deserializer| {
        if deserializer.is_null() {
            deserializer.read_null()?;
            items.push(Json::Null);
            return Ok(());
        }
        items.push(member_value(element, deserializer)?);
        Ok(())
    })?;
    Ok(items.into())
}

fn map(
    member: &'static Member,
    schema: &Schema<'_>,
    deserializer: &mut dyn ShapeDeserializer,
) -> Result<Json, SerdeError> {
    let mut entries = Map::new();
    deserializer.read_map(schema, &mut |key, deserializer| {
        if deserializer.is_null() {
            deserializer.read_null()?;
            entries.insert(key, Json::Null);
            return Ok(());
        }
        entries.insert(key, member_value(member, deserializer)?);
        Ok(())
    })?;
    Ok(entries.into())
}

/// ISO 8601 in UTC with milliseconds; a year that ISO 8601 cannot write is given in epoch seconds.
///
/// Most protocols carry epoch seconds as floats, which miss a millisecond by a fraction of a microsecond: what is cut
/// off is cut from whole microseconds.
pub fn timestamp(time: DateTime) -> Json {
    let micros = (time.subsec_nanos() + 500) / 1_000;
    let (secs, millis) =
        if micros < 1_000_000 { (time.secs(), micros / 1_000) } else { (time.secs().saturating_add(1), 0) };
    match DateTime::from_secs(secs).fmt(Format::DateTime) {
        Ok(whole) => format!("{}.{millis:03}Z", whole.trim_end_matches('Z')).into(),
        Err(_) => time.secs().into(),
    }
}

/// A 32-bit float keeps its own shortest digits: 0.1, not 0.10000000149.
fn float(value: f32) -> Json {
    if value.is_finite() {
        value.to_string().parse::<f64>().map_or(Json::Null, double)
    } else {
        double(f64::from(value))
    }
}

fn double(value: f64) -> Json {
    match serde_json::Number::from_f64(value) {
        Some(number) => number.into(),
        None if value.is_nan() => "NaN".into(),
        None if value > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}

fn document(value: Document) -> Json {
    match value {
        Document::Null => Json::Null,
        Document::Bool(value) => value.into(),
        Document::Number(Number::PosInt(value)) => value.into(),
        Document::Number(Number::NegInt(value)) => value.into(),
        Document::Number(Number::Float(value)) => double(value),
        Document::String(text) => text.into(),
        Document::Array(items) => items.into_iter().map(document).collect(),
        Document::Object(members) => {
            members.into_iter().map(|(name, value)| (name, document(value))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_have_milliseconds_in_utc() {
        assert_eq!(timestamp(DateTime::from_secs(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(DateTime::from_secs_and_nanos(-1, 999_000_000)), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_float_that_just_misses_its_millisecond_still_means_it() {
        let from = |seconds| timestamp(DateTime::from_secs_f64(seconds));
        assert_eq!(from(1_700_000_000.123), "2023-11-14T22:13:20.123Z");
        assert_eq!(from(-17_009_124.857), "1969-06-18T03:14:35.143Z");
        assert_eq!(timestamp(DateTime::from_secs_and_nanos(59, 999_999_999)), "1970-01-01T00:01:00.000Z");
        assert_eq!(timestamp(DateTime::from_secs_and_nanos(59, 999_900_000)), "1970-01-01T00:00:59.999Z");
    }

    #[test]
    fn floats_keep_their_own_digits() {
        assert_eq!(float(0.1).to_string(), "0.1");
        assert_eq!(double(f64::NEG_INFINITY), "-Infinity");
    }
}
