//! Where the result goes instead of back to the state machine: the event's field `resultTo`.
//!
//! Enters: the field as it stands. Leaves: a [`ResultTo`]. Faults are reported with their paths: a bucket that is none,
//! or that is reached in another way than by its name; a key that S3 does not take, or that somebody on the way may
//! take for another one; a Region that is none or is missing, since Regions are never defaulted. Buckets and keys may
//! come from state, so no fault repeats them.

use crate::fields::Fields;
use crate::region::{Region, Regions};

/// Bytes of a key, as S3 counts them.
const KEY_LIMIT: usize = 1_024;

/// Names with a meaning: directory buckets, whose sessions this function does not open for results, and aliases of
/// access points and table buckets, which lead to another bucket than they name.
const RESERVED_SUFFIXES: [&str; 5] = ["--x-s3", "-s3alias", "--ol-s3", "--table-s3", ".mrap"];

/// An object to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultTo {
    pub bucket: String,
    pub key: String,
    pub region: Region,
    pub when: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Always,
    /// Only what is larger than the function hands back, or than its record can keep.
    OverLimit,
}

/// Reads the field.
pub fn read(fields: &mut Fields<'_>, regions: &Regions) -> Option<ResultTo> {
    let bucket = fields.required_text("bucket", bucket);
    let key = fields.required_text("key", key);
    let region = fields.required_text("region", |text| regions.parse(text));
    let when = fields.choice("when", &[("always", When::Always), ("overLimit", When::OverLimit)]);
    Some(ResultTo { bucket: bucket?, key: key?, region: region?, when: when.unwrap_or(When::Always) })
}

fn bucket(text: &str) -> Result<String, String> {
    let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let is_name = (3..=63).contains(&text.len())
        && text.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, b'-' | b'.'))
        && is_edge(text.as_bytes().first())
        && is_edge(text.as_bytes().last())
        && !text.contains("..")
        && text.parse::<std::net::Ipv4Addr>().is_err();
    if !is_name {
        return Err("is no name of a bucket: 3 to 63 lower-case letters, digits, hyphens and dots".to_owned());
    }
    if RESERVED_SUFFIXES.iter().any(|suffix| text.ends_with(suffix)) {
        return Err("is a directory bucket or an alias: name a general purpose bucket itself".to_owned());
    }
    Ok(text.to_owned())
}

fn key(text: &str) -> Result<String, String> {
    if !(1..=KEY_LIMIT).contains(&text.len()) {
        return Err(format!("must have 1 to {KEY_LIMIT} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("must not hold control characters".to_owned());
    }
    // S3 takes keys as they are, and not everybody on the way does.
    if text.split('/').any(|part| matches!(part, "." | "..")) {
        return Err("must not hold `.` or `..` between slashes: it could be taken for another key".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::{Error, Faults, Kind};
    use crate::fields::read_object;
    use crate::json::Path;
    use crate::region::tests::regions;

    fn parse(field: Value) -> Result<ResultTo, Vec<String>> {
        let mut faults = Faults::default();
        let read = read_object(field, Path::Root("resultTo"), &mut faults, |fields| read(fields, &regions()))
            .flatten();
        match read {
            Some(read) if faults.is_empty() => Ok(read),
            _ => {
                let faults = Error::faults(Kind::InvalidEvent, faults).faults;
                Err(faults.iter().map(ToString::to_string).collect())
            }
        }
    }

    fn with(name: &str, value: Value) -> Result<ResultTo, Vec<String>> {
        let mut field = json!({"bucket": "results", "key": "out/a.json", "region": "us-west-2"});
        field[name] = value;
        parse(field)
    }

    #[test]
    fn every_field_is_read() {
        let expected = ResultTo {
            bucket: "results".to_owned(),
            key: "out/a.json".to_owned(),
            region: regions().parse("us-west-2").unwrap(),
            when: When::Always,
        };
        assert_eq!(with("when", json!("always")).unwrap(), expected);
        assert_eq!(
            with("when", json!("overLimit")).unwrap(),
            ResultTo { when: When::OverLimit, ..expected.clone() }
        );
        let field = json!({"bucket": "results", "key": "out/a.json", "region": "us-west-2"});
        assert_eq!(parse(field).unwrap(), expected);
    }

    #[test]
    fn all_faults_are_in_one_report() {
        assert_eq!(
            parse(json!({"region": "aws-global", "when": "sometimes", "prefix": "a"})).unwrap_err(),
            [
                "resultTo.bucket: missing",
                "resultTo.key: missing",
                "resultTo.region: `aws-global` is a pseudo-region; name the Region itself",
                "resultTo.when: `sometimes` is none of `always`, `overLimit`",
                "resultTo.prefix: unknown field",
            ]
        );
        assert_eq!(
            parse(json!({"bucket": "results", "key": "k"})).unwrap_err(),
            ["resultTo.region: missing"],
            "a Region is never defaulted"
        );
    }

    #[test]
    fn a_bucket_is_its_own_name() {
        for name in ["abc", "a.b-c.9", &"b".repeat(63)] {
            with("bucket", json!(name)).unwrap();
        }
        for name in [
            "",
            "ab",
            "Results",
            "-results",
            "results-",
            "re..sults",
            "re/sults",
            "re_sults",
            "évora",
            "192.168.0.1",
            "evil.com#",
            "arn:aws:s3:us-east-1:123456789012:accesspoint/a",
            &"b".repeat(64),
        ] {
            let faults = with("bucket", json!(name)).unwrap_err();
            assert!(faults[0].starts_with("resultTo.bucket: is no name of a bucket"), "{name}: {faults:?}");
        }
        for name in ["fast--usw2-az1--x-s3", "reports-1a2b3c-s3alias", "mfzwi23gnjvgw.mrap"] {
            let faults = with("bucket", json!(name)).unwrap_err();
            assert!(faults[0].contains("a directory bucket or an alias"), "{name}: {faults:?}");
        }
    }

    #[test]
    fn a_key_is_one_that_nobody_takes_for_another() {
        for name in ["a", "/a", "a//b", "a..b/...", "é ?#%2e%2e/&", &"k".repeat(1_024)] {
            with("key", json!(name)).unwrap();
        }
        for (name, fault) in [
            ("", "must have 1 to 1024 bytes"),
            (&"é".repeat(513), "must have 1 to 1024 bytes"),
            ("a\nb", "must not hold control characters"),
            ("..", "must not hold `.` or `..` between slashes"),
            ("out/../secret", "must not hold `.` or `..` between slashes"),
            ("./out", "must not hold `.` or `..` between slashes"),
        ] {
            let faults = with("key", json!(name)).unwrap_err();
            assert!(faults[0].starts_with(&format!("resultTo.key: {fault}")), "{name}: {faults:?}");
        }
    }
}
