//! `knowledgeBase.ingest`: a data source ingested into its Amazon Bedrock knowledge base, as it was at a moment.
//!
//! Enters: knowledge base and data source, the moment (`since`), and which jobs count for it. Leaves: the job that did
//! it, complete, with its statistics. Fails with `CrossRegion.NotReady` as long as the job has not ended or cannot be
//! started, with `CrossRegion.WaitFailed` and the job's own reasons where it ended otherwise, and as the service does.
//!
//! Nothing is kept from one look to the next: each invocation lists the data source's newest jobs and decides by them
//! alone. So it may be repeated, doubled and cut off anywhere; whoever comes next finds what was begun.
//!
//! | the newest jobs | |
//! |---|---|
//! | one that counts is complete | the result |
//! | one that counts is under way | `NotReady`: it is waited for |
//! | the newest that counts failed or was stopped | `WaitFailed` |
//! | none counts, and one is under way | `NotReady`: a data source has one job at a time |
//! | none counts, and none is under way | a job is started |
//!
//! A job counts that was started for the same moment, which its description tells, and one that began at or after it,
//! whoever started it. The description, and not the time alone: AWS's clocks differ, and it may tell whole seconds only.
//! The same token goes into the request, so that of two at once that find no job one starts it.
//!
//! What AWS says where a job is in the way: `ConflictException` (the knowledge base's one job at a time, also of another
//! data source), `ServiceQuotaExceededException` (the account's jobs), and a `ValidationException` that speaks of an
//! "ongoing" request (documents that are put in directly). No reference tells them apart further.

use aws_sdk_bedrockagent::Client;
use aws_sdk_bedrockagent::config::Builder;
use aws_sdk_bedrockagent::types::{
    IngestionJob, IngestionJobSortBy, IngestionJobSortByAttribute, IngestionJobStatistics,
    IngestionJobStatus as Status, IngestionJobSummary, SortOrder,
};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Map, Value as Json, json};

use super::{Calls, Job};
use crate::catalog::name;
use crate::client::typed::sent;
use crate::effect::Effect;
use crate::error::{Error, Fault, Kind};
use crate::fields::{Fields, some_text};
use crate::idempotency::token;
use crate::output::value::timestamp;
use crate::region::Regions;
use crate::table::Named;

const SERVICE: &str = "bedrock-agent";
const LIST: &str = "ListIngestionJobs";
const START: &str = "StartIngestionJob";
const GET: &str = "GetIngestionJob";

/// Versions the text that tokens are made of.
const FORM: &str = "cross-region-tasks/ingestion/1";

/// Jobs that are looked at. One runs at a time and takes its time, so that the job of a moment is among them.
const NEWEST: i32 = 100;

/// Characters of a job's description.
const DESCRIPTION_LIMIT: usize = 200;

/// Brings a data source into its knowledge base.
#[derive(Debug)]
pub(crate) struct Ingest {
    knowledge_base: String,
    data_source: String,
    since: DateTime,
    join: Join,
    description: Option<String>,
}

/// Which jobs count beside those that were started for the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Join {
    /// Those that began at or after it: they read all that was in the data source then.
    StartedSince,
    /// Also those that were under way then, and may have read the data source before.
    RunningSince,
}

impl Job for Ingest {
    const NAME: &'static str = "knowledgeBase.ingest";
    const CALLS: &'static [(&'static str, &'static str)] =
        &[(SERVICE, LIST), (SERVICE, START), (SERVICE, GET)];

    fn read(fields: &mut Fields<'_>, _: &Regions) -> Option<Self> {
        let knowledge_base = fields.required_text("knowledgeBaseId", some_text);
        let data_source = fields.required_text("dataSourceId", some_text);
        let since = fields.required_text("since", |text| {
            DateTime::from_str(text, Format::DateTimeWithOffset)
                .map_err(|_| "expected ISO 8601 with an offset".to_owned())
        });
        let join = fields
            .choice("join", &[("startedSince", Join::StartedSince), ("runningSince", Join::RunningSince)]);
        let description = fields.text("description", own_part);
        Some(Self {
            knowledge_base: knowledge_base?,
            data_source: data_source?,
            since: since?,
            join: join.unwrap_or(Join::StartedSince),
            description,
        })
    }

    fn names(&self) -> Named<'_> {
        Named::default()
    }

    async fn run(&self, calls: &Calls<'_>) -> Result<Map<String, Json>, Error> {
        let source = Source { ingest: self, calls, token: self.token(calls.target().region.as_str()) };
        let standing = match source.standing().await? {
            Some(standing) => standing,
            None => match source.start().await {
                Ok(job) => return source.result(&job),
                // Somebody came between, maybe with a job that counts.
                Err(refusal) if is_in_the_way(&refusal) => {
                    let effect = refusal.effect;
                    let standing = source.standing().await.map_err(|error| error.with_effect(effect))?;
                    standing.ok_or_else(|| not_now(refusal))?
                }
                Err(error) => return Err(error),
            },
        };
        match standing {
            Standing::Ended(id, effect) => {
                let job = source.get(&id).await.map_err(|error| error.with_effect(effect))?;
                source.result(&job)
            }
            Standing::UnderWay(id, status) => Err(not_yet(&id, &status)),
            Standing::Blocked(id, status) => {
                let message =
                    "a job that began before `since` has not ended yet, and a data source has one at a time";
                Err(of_job(Error::new(Kind::NotReady, message), &id, &status))
            }
        }
    }
}

impl Ingest {
    /// The same for each repetition, and for everybody who wants the data source as of the same moment.
    fn token(&self, region: &str) -> String {
        let moment = json!([self.since.secs(), self.since.subsec_nanos()]);
        token::named(&json!([FORM, region, self.knowledge_base, self.data_source, moment]))
    }
}

/// A data source through the eyes of one procedure.
struct Source<'a> {
    ingest: &'a Ingest,
    calls: &'a Calls<'a>,
    token: String,
}

/// What the newest jobs come to, if they come to anything.
#[derive(Debug)]
enum Standing {
    /// The job that counts, and what it did.
    Ended(String, Effect),
    UnderWay(String, Status),
    /// A job that does not count keeps others from starting.
    Blocked(String, Status),
}

impl Source<'_> {
    async fn standing(&self) -> Result<Option<Standing>, Error> {
        let jobs = self.jobs().await?;
        let mut counting = jobs.iter().filter(|job| self.counts(job));
        let is_under_way = |job: &&IngestionJobSummary| !has_ended(&job.status);
        let told = |job: &IngestionJobSummary| (job.ingestion_job_id.clone(), job.status.clone());
        if let Some(job) = counting.clone().find(|job| job.status == Status::Complete) {
            return Ok(Some(Standing::Ended(job.ingestion_job_id.clone(), Effect::Done)));
        }
        if let Some((id, status)) = counting.clone().find(is_under_way).map(told) {
            return Ok(Some(Standing::UnderWay(id, status)));
        }
        if let Some(job) = counting.next() {
            return Ok(Some(Standing::Ended(job.ingestion_job_id.clone(), Effect::Unknown)));
        }
        Ok(jobs.iter().find(is_under_way).map(told).map(|(id, status)| Standing::Blocked(id, status)))
    }

    fn counts(&self, job: &IngestionJobSummary) -> bool {
        let Ingest { since, join, .. } = self.ingest;
        let was_under_way = || !has_ended(&job.status) || job.updated_at >= *since;
        self.is_own(job.description())
            || job.started_at >= *since
            || *join == Join::RunningSince && was_under_way()
    }

    fn is_own(&self, description: Option<&str>) -> bool {
        description.is_some_and(|it| it.ends_with(&marker(&self.token)))
    }

    async fn jobs(&self) -> Result<Vec<IngestionJobSummary>, Error> {
        let newest_first = IngestionJobSortBy::builder()
            .attribute(IngestionJobSortByAttribute::StartedAt)
            .order(SortOrder::Descending)
            .build()
            .map_err(|_| Error::new(Kind::Internal, "jobs cannot be sorted"))?;
        let request = self
            .client(LIST)
            .await?
            .list_ingestion_jobs()
            .knowledge_base_id(&self.ingest.knowledge_base)
            .data_source_id(&self.ingest.data_source)
            .sort_by(newest_first)
            .max_results(NEWEST);
        // Reading changes nothing, whatever became of it.
        let listed = self.calls.typed_call(sent!(request)).map_err(|error| error.with_effect(Effect::None));
        Ok(self.told(LIST, listed)?.ingestion_job_summaries)
    }

    async fn start(&self) -> Result<IngestionJob, Error> {
        let marker = marker(&self.token);
        let description = match &self.ingest.description {
            Some(own) => format!("{own} {marker}"),
            None => marker,
        };
        let request = self
            .client(START)
            .await?
            .start_ingestion_job()
            .knowledge_base_id(&self.ingest.knowledge_base)
            .data_source_id(&self.ingest.data_source)
            .client_token(&self.token)
            .description(description);
        let started = self.told(START, self.calls.typed_call(sent!(request)))?;
        started.ingestion_job.ok_or_else(|| malformed("the answer holds no job").with_effect(Effect::Unknown))
    }

    async fn get(&self, id: &str) -> Result<IngestionJob, Error> {
        let request = self
            .client(GET)
            .await?
            .get_ingestion_job()
            .knowledge_base_id(&self.ingest.knowledge_base)
            .data_source_id(&self.ingest.data_source)
            .ingestion_job_id(id);
        let found = self.told(GET, self.calls.typed_call(sent!(request)))?;
        found.ingestion_job.ok_or_else(|| malformed("the answer holds no job"))
    }

    /// One for each call: its patience is what is left of the time.
    async fn client(&self, operation: &str) -> Result<Client, Error> {
        let typed = self.told(operation, self.calls.typed(SERVICE, self.calls.target(), None).await)?;
        Ok(Client::from_conf(Builder::from(&typed.config).interceptor(typed.permits).build()))
    }

    fn told<T>(&self, operation: &str, outcome: Result<T, Error>) -> Result<T, Error> {
        let (action, region) = (name::camel_case(operation), self.calls.target().region.as_str());
        outcome.map_err(|error| error.for_call(SERVICE, &action, region))
    }

    /// What a job that counts says.
    fn result(&self, job: &IngestionJob) -> Result<Map<String, Json>, Error> {
        let (id, status) = (&job.ingestion_job_id, &job.status);
        if !has_ended(status) {
            return Err(not_yet(id, status));
        }
        if *status != Status::Complete {
            return Err(failed(job));
        }
        let is_joined = !self.is_own(job.description());
        Ok(Map::from_iter([
            ("ingestionJob".to_owned(), members(job).into()),
            ("joined".to_owned(), is_joined.into()),
        ]))
    }
}

/// What a description ends in.
fn marker(token: &str) -> String {
    format!("cross-region-tasks {token}")
}

/// A description with room for the marker behind it.
fn own_part(text: &str) -> Result<String, String> {
    let room = DESCRIPTION_LIMIT - 1 - marker(&uuid::Uuid::nil().to_string()).len();
    match text.chars().count() {
        0 => Err("must not be empty".to_owned()),
        length if length > room => Err(format!("expected at most {room} characters, found {length}")),
        _ => Ok(text.to_owned()),
    }
}

/// A status that is new to us is one to wait on.
fn has_ended(status: &Status) -> bool {
    matches!(status, Status::Complete | Status::Failed | Status::Stopped)
}

/// Whether nothing is wrong with the request but its time.
fn is_in_the_way(refusal: &Error) -> bool {
    match refusal.name() {
        "ConflictException" | "ServiceQuotaExceededException" => true,
        "ValidationException" => refusal.message.to_ascii_lowercase().contains("ongoing"),
        _ => false,
    }
}

fn not_now(refusal: Error) -> Error {
    let message = format!("no job can be started now: {}", refusal.message);
    let mut error = Error::new(Kind::NotReady, message).with_effect(refusal.effect).with_answer_of(&refusal);
    error.code = refusal.code;
    error
}

/// A part of what was asked for may be done.
fn not_yet(id: &str, status: &Status) -> Error {
    let error = Error::new(Kind::NotReady, "the job has not ended yet").with_effect(Effect::Unknown);
    of_job(error, id, status)
}

/// In the job's own words. A part of the documents may be in the knowledge base.
fn failed(job: &IngestionJob) -> Error {
    let reasons = job.failure_reasons().iter().map(|reason| Fault::new("", reason));
    let mut error = Error::faults(Kind::WaitFailed, reasons.collect::<Vec<_>>()).with_effect(Effect::Unknown);
    let reasons = std::mem::take(&mut error.message);
    let how = if job.status == Status::Stopped { "was stopped" } else { "failed" };
    let why = if reasons.is_empty() { "it gives no reason" } else { &reasons };
    error.message = format!("the job {how}: {why}");
    of_job(error, &job.ingestion_job_id, &job.status)
}

fn of_job(mut error: Error, id: &str, status: &Status) -> Error {
    error.fields = Map::from_iter([
        ("ingestionJobId".to_owned(), id.into()),
        ("status".to_owned(), status.as_str().into()),
    ]);
    error
}

/// Under the API's names, as a single call shows them.
fn members(job: &IngestionJob) -> Map<String, Json> {
    let optional = [
        ("description", job.description.clone().map(Json::from)),
        ("statistics", job.statistics.as_ref().map(statistics)),
        ("failureReasons", job.failure_reasons.clone().map(Json::from)),
        ("textReadyAt", job.text_ready_at.map(timestamp)),
    ];
    let mut members = Map::from_iter([
        ("knowledgeBaseId".to_owned(), job.knowledge_base_id.as_str().into()),
        ("dataSourceId".to_owned(), job.data_source_id.as_str().into()),
        ("ingestionJobId".to_owned(), job.ingestion_job_id.as_str().into()),
        ("status".to_owned(), job.status.as_str().into()),
        ("startedAt".to_owned(), timestamp(job.started_at)),
        ("updatedAt".to_owned(), timestamp(job.updated_at)),
    ]);
    members.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    members
}

fn statistics(of: &IngestionJobStatistics) -> Json {
    json!({
        "numberOfDocumentsScanned": of.number_of_documents_scanned,
        "numberOfMetadataDocumentsScanned": of.number_of_metadata_documents_scanned,
        "numberOfNewDocumentsIndexed": of.number_of_new_documents_indexed,
        "numberOfModifiedDocumentsIndexed": of.number_of_modified_documents_indexed,
        "numberOfMetadataDocumentsModified": of.number_of_metadata_documents_modified,
        "numberOfDocumentsDeleted": of.number_of_documents_deleted,
        "numberOfDocumentsFailed": of.number_of_documents_failed,
        "numberOfDocumentsSkipped": of.number_of_documents_skipped,
    })
}

fn malformed(message: &str) -> Error {
    Error::new(Kind::MalformedResponse, message)
}
