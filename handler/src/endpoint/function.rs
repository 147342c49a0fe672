//! The functions that endpoint rules may call.
//!
//! Enters: a function's name and its evaluated arguments, `None` where one has no value. Leaves: the result, `None`
//! where the function has none for these arguments. Fails with [`EndpointError::Unsound`] on an unknown function and
//! on arguments that the function is not defined for; no published rule set makes it do so.
//!
//! Semantics and names are those of the AWS endpoint rules standard library, as botocore reads it. Text is taken more
//! strictly in two places, where a permissive reading would end in a request's host: labels are ASCII and nothing may
//! follow them, and a URL may hold neither user information, fragment, blanks nor control characters.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::EndpointError;
use super::label::is_host_label;
use super::model::Partition;
use super::partition::partition_or_default;
use super::value::{Arn, Url, Value};

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// Calls the function of that name.
pub(super) fn call<'a>(
    name: &str,
    arguments: &[Option<Value<'a>>],
    partitions: &'a [Partition],
) -> Result<Option<Value<'a>>, EndpointError> {
    use Value::{Bool, Int, List, Text};
    Ok(match (name, arguments) {
        ("isSet", [value]) => Some(Bool(value.is_some())),
        ("not", [Some(Bool(value))]) => Some(Bool(!value)),
        ("not", [None]) => Some(Bool(true)),
        ("booleanEquals", [Some(Bool(left)), Some(Bool(right))]) => Some(Bool(left == right)),
        ("stringEquals", [Some(Text(left)), Some(Text(right))]) => Some(Bool(left == right)),
        ("substring", [Some(Text(text)), Some(Int(start)), Some(Int(stop)), Some(Bool(reverse))]) => {
            part(text, |text| substring(text, *start, *stop, *reverse)).map(Text)
        }
        ("uriEncode", [Some(Text(text))]) => Some(Value::text(encode(text, RESERVED))),
        ("parseURL", [Some(Text(text))]) => parse_url(text).map(Value::Url),
        ("aws.parseArn", [Some(Text(text))]) => parse_arn(text).map(Value::Arn),
        ("uriEncode" | "parseURL" | "aws.parseArn", [None]) => None,
        ("isValidHostLabel", [Some(Text(text)), Some(Bool(dots))]) => Some(Bool(is_host_name(text, *dots))),
        ("aws.isVirtualHostableS3Bucket", [Some(Text(text)), Some(Bool(dots))]) => {
            Some(Bool(is_virtual_hostable(text, *dots)))
        }
        ("isValidHostLabel" | "aws.isVirtualHostableS3Bucket", [None, Some(Bool(_))]) => Some(Bool(false)),
        ("aws.partition", [Some(Text(region))]) => {
            partition_or_default(partitions, region).map(Value::Partition)
        }
        ("aws.partition", [None]) => partition_or_default(partitions, "").map(Value::Partition),
        ("coalesce", values) => values.iter().flatten().next().cloned(),
        ("ite", [Some(Bool(condition)), then, otherwise]) => {
            if *condition { then } else { otherwise }.clone()
        }
        ("split", [Some(Text(text)), Some(Text(delimiter)), Some(Int(limit))]) => {
            split(text, delimiter, *limit).map(List)
        }
        _ => return Err(EndpointError::Unsound(format!("`{name}` is not defined for these arguments"))),
    })
}

/// A part of a text, borrowed wherever the text is.
fn part<'a>(whole: &Cow<'a, str>, pick: impl FnOnce(&str) -> Option<&str>) -> Option<Cow<'a, str>> {
    match whole {
        Cow::Borrowed(whole) => pick(whole).map(Cow::Borrowed),
        Cow::Owned(whole) => pick(whole).map(|part| Cow::Owned(part.to_owned())),
    }
}

fn encode(text: &str, reserved: &'static AsciiSet) -> String {
    utf8_percent_encode(text, reserved).to_string()
}

fn substring(text: &str, start: i64, stop: i64, reverse: bool) -> Option<&str> {
    let (start, stop) = (usize::try_from(start).ok()?, usize::try_from(stop).ok()?);
    if start >= stop || stop > text.len() || !text.is_ascii() {
        return None;
    }
    if reverse { text.get(text.len() - stop..text.len() - start) } else { text.get(start..stop) }
}

/// Parts between delimiters; of a positive limit, at most that many, the last one holding the rest.
fn split<'a>(text: &Cow<'a, str>, delimiter: &str, limit: i64) -> Option<Vec<Value<'a>>> {
    let limit = match usize::try_from(limit).ok()? {
        0 => usize::MAX,
        limit => limit,
    };
    if delimiter.is_empty() {
        return None;
    }
    Some(match text {
        Cow::Borrowed(text) => text.splitn(limit, delimiter).map(Value::text).collect(),
        Cow::Owned(text) => text.splitn(limit, delimiter).map(|part| Value::text(part.to_owned())).collect(),
    })
}

/// A label, or several with dots between them where that is allowed.
fn is_host_name(text: &str, dots: bool) -> bool {
    if dots { text.split('.').all(is_host_label) } else { is_host_label(text) }
}

fn is_virtual_hostable(bucket: &str, dots: bool) -> bool {
    bucket.len() >= 3
        && !bucket.bytes().any(|byte| byte.is_ascii_uppercase())
        && !looks_like_ipv4(bucket)
        && is_host_name(bucket, dots)
}

/// Four groups of one to three digits, whatever their value: `999.1.1.1` is no usable host name either.
fn looks_like_ipv4(text: &str) -> bool {
    let is_group =
        |group: &str| (1..=3).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_digit());
    text.split('.').count() == 4 && text.split('.').all(is_group)
}

fn looks_like_ipv6(host: &str) -> bool {
    let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else { return false };
    let (address, _zone) = address.split_once('%').unwrap_or((address, ""));
    address.parse::<Ipv6Addr>().is_ok()
}

fn parse_url<'a>(text: &Cow<'a, str>) -> Option<Url<'a>> {
    if text.contains(|character: char| character.is_whitespace() || character.is_control()) {
        return None;
    }
    let (scheme, rest) = text.split_once("://")?;
    let scheme = ["https", "http"].into_iter().find(|known| scheme.eq_ignore_ascii_case(known))?;
    if rest.contains(['?', '#']) {
        return None;
    }
    let begin = text.len() - rest.len();
    let path_at = begin + rest.find('/').unwrap_or(rest.len());
    let authority = part(text, |text| text.get(begin..path_at))?;
    let path = part(text, |text| text.get(path_at..))?;
    let host = host(&authority)?;
    Some(Url {
        scheme,
        is_ip: looks_like_ipv4(host) || looks_like_ipv6(host),
        normalized_path: normalize(&path),
        authority,
        path,
    })
}

/// The host of an authority without user information, if its port is one.
fn host(authority: &str) -> Option<&str> {
    let host = if authority.starts_with('[') {
        authority.get(..=authority.find(']')?)?
    } else {
        authority.split(':').next()?
    };
    let port = authority.strip_prefix(host)?;
    let is_port = match port.strip_prefix(':') {
        Some(port) => {
            port.is_empty() || port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
        }
        None => port.is_empty(),
    };
    let is_host = !host.is_empty()
        && !authority.contains(['@', '\\'])
        && host.starts_with('[') == host.contains(['[', ']']);
    (is_host && is_port).then_some(host)
}

/// The path without empty and dot segments, encoded, with a slash at both ends.
fn normalize(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => _ = segments.pop(),
            _ => segments.push(segment),
        }
    }
    let mut normalized = String::from("/");
    for segment in segments {
        normalized.push_str(&encode(segment, RESERVED_IN_PATH));
        normalized.push('/');
    }
    normalized
}

fn parse_arn<'a>(text: &Cow<'a, str>) -> Option<Arn<'a>> {
    // `arn:partition:service:region:account:resource`; the resource keeps its own colons.
    let field = |index| part(text, |text| text.splitn(6, ':').nth(index));
    if !text.starts_with("arn:") {
        return None;
    }
    let arn = Arn {
        partition: field(1)?,
        service: field(2)?,
        region: field(3)?,
        account_id: field(4)?,
        resource: field(5)?,
    };
    let complete = !arn.partition.is_empty() && !arn.service.is_empty() && !arn.resource.is_empty();
    complete.then_some(arn)
}

#[cfg(test)]
#[expect(clippy::unnecessary_wraps, reason = "arguments and results are optional values")]
mod tests {
    use super::*;

    fn text(value: &str) -> Option<Value<'static>> {
        Some(Value::text(value.to_owned()))
    }

    fn flag(value: bool) -> Option<Value<'static>> {
        Some(Value::Bool(value))
    }

    fn ok<'a>(name: &str, arguments: &[Option<Value<'a>>]) -> Option<Value<'a>> {
        call(name, arguments, &[]).unwrap()
    }

    #[test]
    fn logic() {
        assert_eq!(ok("isSet", &[text("")]), flag(true));
        assert_eq!(ok("isSet", &[None]), flag(false));
        assert_eq!(ok("not", &[flag(false)]), flag(true));
        assert_eq!(ok("not", &[flag(true)]), flag(false));
        assert_eq!(ok("not", &[None]), flag(true));
        assert_eq!(ok("booleanEquals", &[flag(true), flag(true)]), flag(true));
        assert_eq!(ok("booleanEquals", &[flag(true), flag(false)]), flag(false));
        assert_eq!(ok("stringEquals", &[text("a"), text("a")]), flag(true));
        assert_eq!(ok("stringEquals", &[text("a"), text("A")]), flag(false));
        assert_eq!(ok("coalesce", &[None, text("b"), text("c")]), text("b"));
        assert_eq!(ok("coalesce", &[None, None]), None);
        assert_eq!(ok("ite", &[flag(true), text("a"), None]), text("a"));
        assert_eq!(ok("ite", &[flag(false), text("a"), None]), None);
    }

    #[test]
    fn wrong_arguments_and_unknown_functions_are_refused() {
        for (name, arguments) in [
            ("stringEquals", vec![None, text("a")]),
            ("stringEquals", vec![Some(Value::Int(1)), Some(Value::Int(1))]),
            ("booleanEquals", vec![text("true"), flag(true)]),
            ("substring", vec![None, Some(Value::Int(0)), Some(Value::Int(1)), flag(false)]),
            ("not", vec![text("")]),
            ("isSet", vec![]),
            ("ite", vec![None, text("a"), text("b")]),
            ("regexMatch", vec![text("a"), text("b")]),
        ] {
            let error = call(name, &arguments, &[]).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("endpoint rules cannot be evaluated: `{name}` is not defined for these arguments")
            );
        }
    }

    #[test]
    fn substrings() {
        let cases = [
            ("abcd", 0, 4, false, Some("abcd")),
            ("abcd", 1, 3, false, Some("bc")),
            ("abcd", 0, 1, true, Some("d")),
            ("abcd", 1, 4, true, Some("abc")),
            ("abcd", 0, 5, false, None),
            ("abcd", 0, 5, true, None),
            ("abcd", 2, 2, false, None),
            ("abcd", 3, 2, false, None),
            ("abcd", -1, 2, false, None),
            ("abcd", -3, -1, false, None),
            ("abcd", 0, i64::MAX, true, None),
            ("", 0, 1, false, None),
            ("abcdé", 0, 2, false, None),
            ("é", 0, 1, false, None),
            ("\u{7f}a", 0, 1, false, Some("\u{7f}")),
        ];
        for (value, start, stop, reverse, expected) in cases {
            let arguments = [text(value), Some(Value::Int(start)), Some(Value::Int(stop)), flag(reverse)];
            assert_eq!(
                ok("substring", &arguments),
                expected.and_then(text),
                "{value} {start} {stop} {reverse}"
            );
        }
    }

    #[test]
    fn splitting() {
        let split = |value, delimiter, limit| {
            ok("split", &[text(value), text(delimiter), Some(Value::Int(limit))]).and_then(Value::into_json)
        };
        assert_eq!(split("a--b--c", "--", 0), Some(serde_json::json!(["a", "b", "c"])));
        assert_eq!(split("a--b--c", "--", 1), Some(serde_json::json!(["a--b--c"])));
        assert_eq!(split("a--b--c", "--", 2), Some(serde_json::json!(["a", "b--c"])));
        assert_eq!(split("--a--", "--", 0), Some(serde_json::json!(["", "a", ""])));
        assert_eq!(split("", "--", 0), Some(serde_json::json!([""])));
        assert_eq!(split("abc", "", 0), None);
        assert_eq!(split("abc", "b", -1), None);
    }

    #[test]
    fn host_labels() {
        let (longest, too_long) = ("a".repeat(63), "a".repeat(64));
        for (value, dots, expected) in [
            ("a", false, true),
            ("us-east-1", false, true),
            ("0-A", false, true),
            (longest.as_str(), false, true),
            (too_long.as_str(), false, false),
            ("", false, false),
            ("", true, false),
            ("-a", false, false),
            ("a-", false, false),
            ("-", false, false),
            ("a_b", false, false),
            ("a.b", false, false),
            ("a.b", true, true),
            ("a..b", true, false),
            (".a", true, false),
            ("a.", true, false),
            ("a.-b", true, false),
            ("a\n", false, false),
            ("a b", true, false),
            ("é", false, false),
            ("a１", false, false),
            ("x.evil.com/#", true, false),
        ] {
            assert_eq!(
                ok("isValidHostLabel", &[text(value), flag(dots)]),
                flag(expected),
                "{value:?} {dots}"
            );
        }
        let labels = format!("{longest}.{longest}");
        assert_eq!(ok("isValidHostLabel", &[text(&labels), flag(true)]), flag(true));
        let labels = format!("a.{too_long}");
        assert_eq!(ok("isValidHostLabel", &[text(&labels), flag(true)]), flag(false));
        assert_eq!(ok("isValidHostLabel", &[None, flag(true)]), flag(false));
    }

    #[test]
    fn buckets_that_fit_a_host_name() {
        for (value, dots, expected) in [
            ("my-bucket", false, true),
            ("ab", false, false),
            ("abc", false, true),
            ("my.bucket", false, false),
            ("my.bucket", true, true),
            ("a.b", true, true),
            ("my..bucket", true, false),
            ("My-bucket", false, false),
            ("192.168.1.1", true, false),
            ("999.999.999.999", true, false),
            ("192.168.1", true, true),
            ("1921.168.1.1", true, true),
            ("my_bucket", true, false),
            ("bücket", true, false),
            ("", true, false),
        ] {
            let arguments = [text(value), flag(dots)];
            assert_eq!(ok("aws.isVirtualHostableS3Bucket", &arguments), flag(expected), "{value:?} {dots}");
        }
        assert_eq!(ok("aws.isVirtualHostableS3Bucket", &[None, flag(true)]), flag(false));
    }

    #[test]
    fn encoding() {
        assert_eq!(ok("uriEncode", &[text("a-b_c.d~e/f g+é%")]), text("a-b_c.d~e%2Ff%20g%2B%C3%A9%25"));
        assert_eq!(ok("uriEncode", &[text("")]), text(""));
        assert_eq!(ok("uriEncode", &[None]), None);
    }

    #[test]
    fn urls() {
        for (value, authority, path, normalized, is_ip) in [
            ("https://a.b", "a.b", "", "/", false),
            ("https://a.b/", "a.b", "/", "/", false),
            ("https://a.b:8443/x", "a.b:8443", "/x", "/x/", false),
            ("https://a.b:", "a.b:", "", "/", false),
            ("https://a/x//y/./z/../w/", "a", "/x//y/./z/../w/", "/x/y/w/", false),
            ("https://a/../..", "a", "/../..", "/", false),
            ("https://a/é%20", "a", "/é%20", "/%C3%A9%2520/", false),
            ("HTTPS://A.b", "A.b", "", "/", false),
            ("https://99_ab-.com", "99_ab-.com", "", "/", false),
            ("https://127.0.0.1:1/", "127.0.0.1:1", "/", "/", true),
            ("https://999.0.0.1", "999.0.0.1", "", "/", true),
            ("https://1.2.3", "1.2.3", "", "/", false),
            ("https://[::1]:443/x/", "[::1]:443", "/x/", "/x/", true),
            ("https://[fe80::1%25eth0]", "[fe80::1%25eth0]", "", "/", true),
        ] {
            let url = ok("parseURL", &[text(value)]).unwrap();
            assert_eq!(url.attribute("scheme"), text("https"), "{value}");
            assert_eq!(url.attribute("authority"), text(authority), "{value}");
            assert_eq!(url.attribute("path"), text(path), "{value}");
            assert_eq!(url.attribute("normalizedPath"), text(normalized), "{value}");
            assert_eq!(url.attribute("isIp"), flag(is_ip), "{value}");
            assert_eq!(url.attribute("query"), None, "{value}");
        }
        assert_eq!(ok("parseURL", &[text("http://a")]).unwrap().attribute("scheme"), text("http"));
    }

    #[test]
    fn no_urls() {
        for value in [
            "",
            "a.b",
            "//a.b",
            "https:a.b",
            "https:/a.b",
            "https://",
            "https:///x",
            "https://:443",
            "ftp://a",
            "abcde://nota#url",
            "https://a?",
            "https://a?b=c",
            "https://a/?b",
            "https://a#b",
            "https://a/#",
            "https://u@a",
            "https://u:p@a/x",
            "https://a:b",
            "https://a:65536",
            "https://a:+1",
            "https://a:1:2",
            "https://[::1",
            "https://::1]",
            "https://[::1]x",
            "https://a[::1]",
            "https://a b",
            " https://a",
            "https://a\n",
            "https://a/\u{0}",
            r"https://a\b",
        ] {
            assert_eq!(ok("parseURL", &[text(value)]), None, "{value:?}");
        }
        assert_eq!(ok("parseURL", &[None]), None);
    }

    #[test]
    fn arns() {
        let arn = ok("aws.parseArn", &[text("arn:aws:kinesis:us-east-1:123456789012:stream/a:b/")]).unwrap();
        for (step, value) in [
            ("partition", "aws"),
            ("service", "kinesis"),
            ("region", "us-east-1"),
            ("accountId", "123456789012"),
        ] {
            assert_eq!(arn.attribute(step), text(value), "{step}");
        }
        let parts = arn.attribute("resourceId").and_then(Value::into_json);
        assert_eq!(parts, Some(serde_json::json!(["stream", "a", "b", ""])));
        assert_eq!(arn.attribute("resource"), None);

        let arn = ok("aws.parseArn", &[Some(Value::text("arn:aws:s3:::bucket"))]).unwrap();
        assert_eq!(arn.attribute("region"), text(""));
        assert_eq!(arn.attribute("resourceId").and_then(|parts| parts.attribute("[0]")), text("bucket"));
        assert_eq!(arn.attribute("resourceId").and_then(|parts| parts.attribute("[1]")), None);
    }

    #[test]
    fn no_arns() {
        for value in [
            "",
            "arn",
            "arn:",
            "arn:aws:s3:::",
            "arn::s3:::b",
            "arn:aws::::b",
            "arn:aws:s3::b",
            "ARN:aws:s3:::b",
            " arn:aws:s3:::b",
            ":::::",
        ] {
            assert_eq!(ok("aws.parseArn", &[text(value)]), None, "{value:?}");
        }
        assert_eq!(ok("aws.parseArn", &[None]), None);
    }
}
