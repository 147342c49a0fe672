//! Every operation's request beside the one that botocore's own client sends.
//!
//! `differential/requests.py` makes parameters from botocore's models, seeded, and catches what its clients would put
//! on the wire. The same parameters go through the whole handler as an event, and what it would put on the wire is
//! compared by meaning. What may differ stands in `differential/explained-requests.json`, rule by rule, each with its reason; a
//! rule that explains nothing any more fails a full-size run.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use handler::catalog::model::Protocol;
use handler::client::transport::Transport;
use serde::Deserialize;
use serde_json::{Map, Value};
use tests::Tally;
use tests::answering::{Answering, Last};
use tests::differential::{self, Open, Shard};
use tests::explained::{Difference, Rules};
use tests::wire::{self, Form, Request};

/// One line of the other side.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    service: String,
    operation: String,
    #[serde(default)]
    parameters: Map<String, Value>,
    /// botocore could not sign it.
    #[serde(default)]
    unsigned: bool,
    request: Option<Sent>,
    /// Why botocore sends no request.
    refused: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    method: String,
    url: String,
    headers: Map<String, Value>,
    body: String,
}

/// What became of one operation.
struct Outcome {
    name: String,
    differences: Vec<Difference>,
}

#[test]
fn every_operation() {
    let mut rules = Rules::read("requests");
    for (seed, mode) in differential::runs() {
        let mut tally = Tally::new(match mode.as_str() {
            "sample" => "requests of every operation, some members",
            "shallow" => "requests of every operation, top-level members",
            _ => "requests of every operation, all members",
        });
        for outcome in
            differential::outcomes("requests", seed, &mode, || Ours { open: None, last: Last::default() })
        {
            tally.case(format!("{} (seed {seed}, {mode})", outcome.name), rules.judge(&outcome.differences));
        }
        rules.report();
        tally.finish();
    }
    if tests::prove() {
        rules.all_used();
    }
}

/// Our side, with the service that is at hand.
struct Ours {
    open: Option<Open>,
    last: Last,
}

impl Shard<Line, Outcome> for Ours {
    async fn outcome(&mut self, line: Line) -> Outcome {
        let open = self.open.take().filter(|open| open.service.id() == line.service).unwrap_or_else(|| {
            let last = self.last.clone();
            let answering =
                Answering { status: 200, headers: Vec::new(), body: differential::ADDRESS.into(), last };
            Open::new(&line.service, Transport::replaced(answering.client()))
        });
        let answer = open.call(&line.operation, &Value::Object(line.parameters)).await;
        let protocol = open.service.metadata().protocol;
        let about = |what: &str, detail: String| Difference {
            service: line.service.clone(),
            operation: line.operation.clone(),
            protocol,
            what: what.to_owned(),
            detail,
        };
        let differences = match (&line.request, self.last.take()) {
            (Some(theirs), Some(ours)) => {
                let mut theirs = theirs.read();
                let mut found = Vec::new();
                if unchunk(&mut theirs) {
                    found.push(about("chunks", String::new()));
                }
                let compared = compare(protocol, &theirs, &ours, line.unsigned);
                found.extend(compared.into_iter().map(|(what, detail)| about(&what, detail)));
                found
            }
            (Some(_), None) => {
                let error = answer.err().map(|error| error.to_message()).unwrap_or_default();
                vec![about("refused by us", error)]
            }
            (None, Some(_)) => vec![about("refused by botocore", line.refused.clone().unwrap_or_default())],
            (None, None) => vec![about("refused by both", line.refused.clone().unwrap_or_default())],
        };
        self.open = Some(open);
        Outcome { name: format!("{}.{}", line.service, line.operation), differences }
    }
}

impl Sent {
    fn read(&self) -> Request {
        let (host, path, query) = wire::address(&self.url);
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (name.to_lowercase(), value.as_str().unwrap_or_default().to_owned()));
        let body = STANDARD.decode(&self.body).unwrap();
        Request { method: self.method.clone(), host, path, query, headers: headers.collect(), body }
    }
}

/// Of one request only: dates, ids, what names the client, and what follows from the rest.
const OWN_HEADERS: [&str; 9] = [
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "authorization",
    "content-length",
    "host",
    "user-agent",
    "x-amz-date",
    "x-amz-user-agent",
    "x-amz-content-sha256",
];

/// What differs, and how.
fn compare(protocol: Protocol, theirs: &Request, ours: &Request, unsigned: bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut differ = |what: String, theirs: &dyn std::fmt::Debug, ours: &dyn std::fmt::Debug| {
        found.push((what, format!("theirs {theirs:?}, ours {ours:?}")));
    };
    if theirs.method != ours.method {
        differ("method".to_owned(), &theirs.method, &ours.method);
    }
    if theirs.host != ours.host {
        differ("host".to_owned(), &theirs.host, &ours.host);
    }
    if path(theirs) != path(ours) {
        differ("path".to_owned(), &path(theirs), &path(ours));
    }
    let tokenless = |pairs: &[(String, String)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| (name.clone(), without_token(value))).collect()
    };
    let (their_query, our_query) = (tokenless(&theirs.query), tokenless(&ours.query));
    if !wire::same_pairs(&their_query, &our_query) {
        differ("query".to_owned(), &their_query, &our_query);
    }
    let names: std::collections::BTreeSet<&String> =
        theirs.headers.keys().chain(ours.headers.keys()).collect();
    for name in names.into_iter().filter(|name| !OWN_HEADERS.contains(&name.as_str())) {
        let (one, other) = (theirs.headers.get(name), ours.headers.get(name));
        // A checksum is of its own bytes, which may be laid out otherwise.
        if is_checksum(name) && one.is_some() && other.is_some() && theirs.body != ours.body {
            continue;
        }
        if unsigned && name == "x-amz-region-set" {
            continue;
        }
        let comparable =
            |value: Option<&String>| value.map(|value| without_token(&wire::plain(&spaced(value))));
        if comparable(one) != comparable(other) {
            differ(format!("header {name}"), &one, &other);
        }
    }
    if !unsigned && scope(theirs) != scope(ours) {
        differ("scope".to_owned(), &scope(theirs), &scope(ours));
    }
    let (one, other) = (without_token_bytes(&theirs.body), without_token_bytes(&ours.body));
    if let Err(difference) = wire::same_body(form(protocol, &one), &one, &other) {
        let what = if one.is_empty() && is_empty_root(&other) { "empty root" } else { "body" };
        found.push((what.to_owned(), difference));
    }
    found
}

fn is_checksum(header: &str) -> bool {
    header == "content-md5" || header.starts_with("x-amz-checksum-")
}

/// Every character that may stand for itself or be escaped, escaped alike.
fn path(request: &Request) -> String {
    let decoded: Vec<String> = request
        .path
        .split('/')
        .map(|segment| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().replace('/', "%2F"))
        .collect();
    decoded.join("/")
}

/// A list's elements may stand in quotes or not, and with a space between or not.
fn spaced(header: &str) -> String {
    let mut elements = vec![String::new()];
    let mut characters = header.chars();
    let mut is_quoted = false;
    while let Some(character) = characters.next() {
        match (character, elements.last_mut()) {
            ('"', _) => is_quoted = !is_quoted,
            ('\\', Some(element)) if is_quoted => element.extend(characters.next()),
            (',', _) if !is_quoted => elements.push(String::new()),
            (other, Some(element)) => element.push(other),
            (_, None) => {}
        }
    }
    elements.iter().map(|element| element.trim()).collect::<Vec<_>>().join(", ")
}

/// What the signature holds for: Region and service.
fn scope(request: &Request) -> Option<String> {
    let header = request.headers.get("authorization")?;
    let credential = header.split("Credential=").nth(1)?.split(',').next()?;
    let mut parts = credential.split('/').skip(2);
    Some(format!("{}/{}", parts.next()?, parts.next()?))
}

fn form(protocol: Protocol, body: &[u8]) -> Form {
    match protocol {
        Protocol::AwsJson1_0 | Protocol::AwsJson1_1 => Form::Json,
        Protocol::RestJson1 if body.starts_with(b"{") => Form::Json,
        Protocol::RestXml if body.starts_with(b"<") => Form::Xml,
        Protocol::AwsQuery | Protocol::Ec2Query => Form::Pairs,
        Protocol::RpcV2Cbor => Form::Cbor,
        Protocol::RestJson1 | Protocol::RestXml => Form::Bytes,
    }
}

fn is_empty_root(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    text.starts_with('<') && text.matches('<').count() == 2 && text.contains("></")
}

/// Both sides fill in random UUIDs.
fn without_token(text: &str) -> String {
    String::from_utf8_lossy(&without_token_bytes(text.as_bytes())).into_owned()
}

fn without_token_bytes(body: &[u8]) -> Vec<u8> {
    const ZEROS: &[u8] = b"00000000-0000-4000-8000-000000000000";
    let mut body = body.to_vec();
    let is_token = |at: &[u8]| {
        at[8] == b'-' && std::str::from_utf8(at).is_ok_and(|it| uuid::Uuid::parse_str(it).is_ok())
    };
    let tokens: Vec<usize> =
        body.windows(ZEROS.len()).enumerate().filter(|(_, it)| is_token(it)).map(|(at, _)| at).collect();
    for at in tokens {
        body[at..at + ZEROS.len()].copy_from_slice(ZEROS);
    }
    body
}

/// botocore sends streams in chunks, with the checksum behind them. Takes the request for what it carries.
fn unchunk(request: &mut Request) -> bool {
    let encoding = request.headers.get("content-encoding").cloned().unwrap_or_default();
    if !encoding.split(',').any(|it| it.trim() == "aws-chunked") {
        return false;
    }
    let mut body = Vec::new();
    let mut rest = request.body.as_slice();
    loop {
        let end = rest.windows(2).position(|it| it == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        rest = &rest[end + 2..];
        if length == 0 {
            break;
        }
        body.extend(&rest[..length]);
        rest = &rest[length + 2..];
    }
    for trailer in std::str::from_utf8(rest).unwrap().lines().filter(|line| !line.is_empty()) {
        let (name, value) = trailer.split_once(':').unwrap();
        request.headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    request.body = body;
    let left: Vec<&str> = encoding.split(',').map(str::trim).filter(|it| *it != "aws-chunked").collect();
    for name in ["content-encoding", "x-amz-trailer", "x-amz-decoded-content-length", "transfer-encoding"] {
        request.headers.remove(name);
    }
    if !left.is_empty() {
        request.headers.insert("content-encoding".to_owned(), left.join(", "));
    }
    true
}
