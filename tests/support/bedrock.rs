//! A stand-in for one knowledge base of Amazon Bedrock: its data sources, their ingestion jobs, and a clock of its own.
//!
//! Enters: requests as they go to the socket. Leaves: AWS's answers, as its reference and its users tell them. Stricter
//! than AWS where that shows more: a member that it does not know is refused, and so is a request that is not signed for
//! the knowledge base's Region. Jobs go on and end when a test says so. Fails by panicking, since only tests call it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Value, json};

use crate::invoked::REGION;
use crate::recording::Reply;
use crate::wire::Request;

pub const KNOWLEDGE_BASE: &str = "KB12345678";
pub const DATA_SOURCE: &str = "DS12345678";

/// Of the same knowledge base.
pub const OTHER_DATA_SOURCE: &str = "DS87654321";

#[derive(Debug, Clone)]
pub struct Job {
    pub id: String,
    pub data_source: String,
    pub token: Option<String>,
    pub description: Option<String>,
    pub status: &'static str,
    pub started_ms: i64,
    pub updated_ms: i64,
    pub failure_reasons: Vec<String>,
    pub failed_documents: u64,
}

/// What becomes of the next start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Served,
    /// A job starts, and the answer is a server's fault.
    Lost,
    /// A job starts, and the answer cannot be read.
    Garbled,
    /// Instead of being carried out.
    Refused(u16, &'static str, &'static str),
}

#[derive(Debug)]
pub struct State {
    pub now_ms: i64,
    pub jobs: Vec<Job>,
    pub fate: Fate,
    /// The job of a token is told again, not started again.
    pub remembers_tokens: bool,
    /// Listings know only what was there so long ago.
    pub listing_lag_ms: i64,
    /// Times are told in whole seconds.
    pub tells_seconds: bool,
    pub is_being_deleted: bool,
}

/// Clones are the same knowledge base.
#[derive(Debug, Clone)]
pub struct Bedrock(Arc<Mutex<State>>);

impl Default for Bedrock {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            now_ms: 1_764_000_000_000,
            jobs: Vec::new(),
            fate: Fate::Served,
            remembers_tokens: true,
            listing_lag_ms: 0,
            tells_seconds: false,
            is_being_deleted: false,
        })))
    }
}

impl Bedrock {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
    }

    /// The moment, as Step Functions writes it, and then the clock goes on for a while.
    pub fn moment(&self) -> String {
        let mut state = self.state();
        let moment = told(state.now_ms);
        state.now_ms += 250;
        moment
    }

    /// A job of somebody else's.
    pub fn begin(&self, data_source: &str) {
        let mut state = self.state();
        state.start(data_source, None, None);
    }

    /// How every job under way ends, a minute later.
    pub fn end(&self, status: &'static str) {
        self.end_with(status, &[]);
    }

    pub fn end_with(&self, status: &'static str, failure_reasons: &[&str]) {
        let mut state = self.state();
        state.now_ms += 60_000;
        let now_ms = state.now_ms;
        for job in state.jobs.iter_mut().filter(|job| job.is_under_way()) {
            job.status = status;
            job.updated_ms = now_ms;
            job.failure_reasons = failure_reasons.iter().map(|&reason| reason.to_owned()).collect();
        }
    }

    pub fn answer(&self, request: &Request) -> Reply {
        let scope = format!("/{REGION}/bedrock/aws4_request");
        if !request.headers["authorization"].contains(&scope) {
            return refusal(403, "AccessDeniedException", "not signed for this Region and service");
        }
        let mut state = self.state();
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let ["knowledgebases", base, "datasources", source, "ingestionjobs", rest @ ..] = parts.as_slice()
        else {
            return refusal(404, "UnknownOperationException", "no such path");
        };
        let known = [DATA_SOURCE, OTHER_DATA_SOURCE];
        if *base != KNOWLEDGE_BASE || !known.contains(source) {
            return refusal(404, "ResourceNotFoundException", "no such knowledge base or data source");
        }
        match (request.method.as_str(), rest) {
            ("POST", []) => state.list(source, &body(request)),
            ("PUT", []) => state.started(source, &body(request)),
            ("GET", [id]) => {
                match state.jobs.iter().find(|job| job.id == *id && job.data_source == *source) {
                    Some(job) => Reply::ok(json!({"ingestionJob": state.shown(job, true)}).to_string()),
                    None => refusal(404, "ResourceNotFoundException", "no such job"),
                }
            }
            _ => refusal(404, "UnknownOperationException", "no such method"),
        }
    }
}

impl Job {
    pub fn is_under_way(&self) -> bool {
        matches!(self.status, "STARTING" | "IN_PROGRESS" | "STOPPING")
    }
}

impl State {
    fn start(&mut self, source: &str, token: Option<&str>, description: Option<&str>) -> Job {
        let job = Job {
            id: format!("JOB{:07}", self.jobs.len()),
            data_source: source.to_owned(),
            token: token.map(str::to_owned),
            description: description.map(str::to_owned),
            status: "STARTING",
            started_ms: self.now_ms,
            updated_ms: self.now_ms,
            failure_reasons: Vec::new(),
            failed_documents: 0,
        };
        self.jobs.push(job.clone());
        job
    }

    fn started(&mut self, source: &str, body: &Value) -> Reply {
        if let Some(unknown) = unknown(body, &["clientToken", "description"]) {
            return refusal(400, "ValidationException", &unknown);
        }
        let (token, description) = (body["clientToken"].as_str(), body["description"].as_str());
        if token.is_some_and(|it| !(33..=256).contains(&it.len()))
            || description.is_some_and(|it| !(1..=200).contains(&it.chars().count()))
        {
            return refusal(400, "ValidationException", "a member is too short or too long");
        }
        let fate = std::mem::replace(&mut self.fate, Fate::Served);
        if let Fate::Refused(status, code, message) = fate {
            return refusal(status, code, message);
        }
        let known = self.jobs.iter().find(|job| job.token.as_deref() == token && token.is_some());
        let known = known.filter(|_| self.remembers_tokens).cloned();
        if known.is_none() {
            if self.is_being_deleted {
                return refusal(409, "ConflictException", "the knowledge base is being deleted");
            }
            if self.jobs.iter().any(Job::is_under_way) {
                let message = "the maximum number of concurrent ingestion jobs per knowledge base is 1";
                return refusal(409, "ConflictException", message);
            }
        }
        let job = known.unwrap_or_else(|| self.start(source, token, description));
        match fate {
            Fate::Lost => refusal(500, "InternalServerException", "no answer"),
            Fate::Garbled => Reply::status(202, "<html>"),
            _ => Reply::status(202, json!({"ingestionJob": self.shown(&job, true)}).to_string()),
        }
    }

    fn list(&self, source: &str, body: &Value) -> Reply {
        if let Some(unknown) = unknown(body, &["filters", "maxResults", "nextToken", "sortBy"]) {
            return refusal(400, "ValidationException", &unknown);
        }
        assert_eq!(body["sortBy"], json!({"attribute": "STARTED_AT", "order": "DESCENDING"}));
        let most = usize::try_from(body["maxResults"].as_u64().unwrap_or(10)).unwrap();
        let known_until = self.now_ms - self.listing_lag_ms;
        let mut jobs: Vec<&Job> = self
            .jobs
            .iter()
            .filter(|job| job.data_source == source && job.started_ms <= known_until)
            .collect();
        jobs.sort_by_key(|job| std::cmp::Reverse(job.started_ms));
        let shown: Vec<Value> = jobs.iter().take(most).map(|job| self.shown(job, false)).collect();
        let mut listed = json!({"ingestionJobSummaries": shown});
        if jobs.len() > most {
            listed["nextToken"] = json!("more");
        }
        Reply::ok(listed.to_string())
    }

    /// A summary has no failure reasons.
    fn shown(&self, job: &Job, is_whole: bool) -> Value {
        let time = |ms: i64| told(if self.tells_seconds { ms - ms % 1_000 } else { ms });
        let has_ended = !job.is_under_way();
        let scanned = if has_ended { 12 } else { 0 };
        let mut shown = json!({
            "knowledgeBaseId": KNOWLEDGE_BASE, "dataSourceId": job.data_source, "ingestionJobId": job.id,
            "status": job.status, "startedAt": time(job.started_ms), "updatedAt": time(job.updated_ms),
            "statistics": {
                "numberOfDocumentsScanned": scanned, "numberOfNewDocumentsIndexed": 3,
                "numberOfDocumentsFailed": job.failed_documents,
            },
        });
        if let Some(description) = &job.description {
            shown["description"] = json!(description);
        }
        if is_whole && !job.failure_reasons.is_empty() {
            shown["failureReasons"] = json!(job.failure_reasons);
        }
        shown
    }
}

/// ISO 8601 with what there is of a second.
fn told(ms: i64) -> String {
    let time = DateTime::from_millis(ms);
    time.fmt(Format::DateTimeWithOffset).unwrap()
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn unknown(body: &Value, members: &[&str]) -> Option<String> {
    let known: BTreeSet<&str> = members.iter().copied().collect();
    let unknown = body.as_object().unwrap().keys().find(|name| !known.contains(name.as_str()));
    unknown.map(|name| format!("unknown member {name}"))
}

fn refusal(status: u16, code: &str, message: &str) -> Reply {
    Reply::status(status, json!({"message": message}).to_string()).with("x-amzn-errortype", code)
}
