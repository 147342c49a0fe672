//! Answers to the calls of botocore's protocol suites, read on the way on which a service's are read.
//!
//! An input is readable: `200 output/json: AwsJson11Lists`, the status and the case whose operation was called; the
//! headers, a line each; an empty line; the body.

use fastrand::Rng;
use handler::catalog::Operation;
use handler::client::transport::Transport;
use handler::effect::Effect;
use libfuzzer_sys::Corpus;
use serde_json::Map;
use tests::answering::Answering;
use tests::{calls, suites};
use tokio::runtime::Runtime;

use crate::{Target, frames, judged, mutation, runtime};

const STATUSES: [u16; 14] = [200, 200, 200, 200, 201, 204, 299, 301, 304, 400, 403, 429, 500, 503];

/// Header lines of one input.
const HEADERS_KEPT: usize = 32;

/// The suites' names of what a target's name means, and whether their answers are event streams.
const TARGETS: [(&str, &[&str], bool); 7] = [
    ("aws-json", &["json"], false),
    ("rest-json", &["rest-json"], false),
    ("rest-xml", &["rest-xml"], false),
    ("aws-query", &["query"], false),
    ("ec2-query", &["ec2"], false),
    ("rpc-v2-cbor", &["smithy-rpc-v2-cbor"], false),
    ("event-stream", &["json", "rest-json", "rest-xml", "smithy-rpc-v2-cbor"], true),
];

pub struct Answers {
    runtime: Runtime,
    cases: Vec<Case>,
    has_events: bool,
}

struct Case {
    name: String,
    operation: &'static Operation,
    answer: Answering,
}

impl Answers {
    pub fn new(target: &str) -> Self {
        let (_, protocols, has_events) =
            *TARGETS.iter().find(|(name, ..)| *name == target).expect("FUZZ_TARGET is a target");
        let suites = suites::cases("output").into_iter();
        let suites = suites.filter(|it| protocols.contains(&it.protocol()) && it.has_events() == has_events);
        let cases = suites.filter_map(|case| {
            let (operation, answer) = (case.operation().ok()?, case.answering().ok()?);
            Some(Case { name: case.name, operation, answer })
        });
        let cases: Vec<Case> = cases.collect();
        assert!(!cases.is_empty(), "no case is left");
        Self { runtime: runtime(), cases, has_events }
    }
}

impl Target for Answers {
    fn seeds(&self) -> Vec<Vec<u8>> {
        self.cases.iter().map(|case| Input::of(case).bytes()).collect()
    }

    fn tried(&self, input: &[u8]) -> Result<Corpus, String> {
        let Some(input) = Input::parse(input) else { return Ok(Corpus::Reject) };
        let Some(case) = self.cases.iter().find(|case| case.name.as_bytes() == input.case) else {
            return Ok(Corpus::Reject);
        };
        let status = input.status;
        let clients = calls::clients(Transport::replaced(input.answer().client()));
        match self.runtime.block_on(calls::send(&clients, case.operation, Map::new())) {
            Ok(_) if !(200..300).contains(&status) => Err(format!("status {status} passed as a success")),
            Ok(_) => Ok(Corpus::Keep),
            Err(error) => {
                let expected: &[Effect] = match status {
                    200..300 => &[Effect::Unknown, Effect::Done],
                    300..500 => &[Effect::None],
                    _ => &[Effect::Unknown],
                };
                // What never was a request: a required member that becomes part of the path.
                if error.attempts.is_none() {
                    return Ok(Corpus::Reject);
                }
                if !expected.contains(&error.effect) {
                    return Err(format!("status {status} and effect {:?}: {error}", error.effect));
                }
                if error.status_code != Some(status) {
                    return Err(format!("status {status} became {:?}: {error}", error.status_code));
                }
                judged::well_formed(&error).map(|()| Corpus::Keep)
            }
        }
    }

    fn mutated(&self, input: &[u8], limit: usize, random: &mut Rng) -> Vec<u8> {
        let length = input.len();
        let Some(mut input) = Input::parse(input) else { return mutation::whole(input, limit) };
        let room = limit.saturating_sub(length);
        match random.u8(..32) {
            0..4 => input.status = STATUSES[random.usize(..STATUSES.len())],
            4..6 => input.case = self.cases[random.usize(..self.cases.len())].name.as_bytes(),
            6..8 => input.headers = Input::of(&self.cases[random.usize(..self.cases.len())]).headers,
            8 if !input.headers.is_empty() => drop(input.headers.remove(random.usize(..input.headers.len()))),
            9..14 if !input.headers.is_empty() => {
                let at = random.usize(..input.headers.len());
                let (name, value) = input.headers[at].clone();
                let value = mutation::text(value.as_bytes(), value.len() + room, random);
                input.headers[at] = (name, printable(&value));
            }
            _ if self.has_events => {
                input.body = frames::mutated(&input.body, input.body.len() + room, random);
            }
            _ => input.body = mutation::text(&input.body, input.body.len() + room, random),
        }
        input.bytes()
    }
}

/// An input, taken apart.
struct Input<'a> {
    status: u16,
    case: &'a [u8],
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl<'a> Input<'a> {
    fn of(case: &'a Case) -> Self {
        let Answering { status, headers, body, .. } = case.answer.clone();
        Self { status, case: case.name.as_bytes(), headers, body }
    }

    /// Nothing, if it is not an answer that an HTTP client can hand out.
    fn parse(input: &'a [u8]) -> Option<Self> {
        let (first, mut rest) = line(input)?;
        let (status, case) = first.split_at_checked(3)?;
        let status = std::str::from_utf8(status).ok()?.parse().ok().filter(|it| (200..600).contains(it))?;
        let mut headers = Vec::new();
        while let Some((header, after)) = line(rest) {
            rest = after;
            if header.is_empty() {
                break;
            }
            let colon = header.iter().position(|byte| *byte == b':')?;
            let name: String = header[..colon].iter().map(|it| char::from(it.to_ascii_lowercase())).collect();
            let is_name = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
            if colon == 0 || !name.chars().all(is_name) || headers.len() == HEADERS_KEPT {
                return None;
            }
            headers.push((name, printable(&header[colon + 1..])));
        }
        Some(Self { status, case: case.strip_prefix(b" ")?, headers, body: rest.to_vec() })
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} ", self.status).into_bytes();
        bytes.extend(self.case);
        bytes.push(b'\n');
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}:{value}\n").bytes());
        }
        bytes.push(b'\n');
        bytes.extend(&self.body);
        bytes
    }

    fn answer(self) -> Answering {
        Answering { status: self.status, headers: self.headers, body: self.body, ..Answering::default() }
    }
}

/// Up to the end of a line, and what follows.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn printable(value: &[u8]) -> String {
    value.iter().filter(|it| (b' '..=b'~').contains(*it)).map(|it| char::from(*it)).collect()
}
