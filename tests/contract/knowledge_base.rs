//! `knowledgeBase.ingest` against a stand-in for a knowledge base: which jobs are started, which are joined, what is
//! said of them, and where it ends when an answer is lost, a job is in the way, or many want the same.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::{Value, json};
use tests::bedrock::{Bedrock, DATA_SOURCE, Fate, Job, KNOWLEDGE_BASE, OTHER_DATA_SOURCE};
use tests::invoked::{Function, REGION, report};
use tests::wire::Request;
use tests::{Tally, prove};

const SEED: u64 = 20_261_127;

fn function(bedrock: &Bedrock) -> Function {
    let bedrock = bedrock.clone();
    let table = json!([{"procedure": "knowledgeBase.ingest", "regions": [REGION]}]);
    Function::new(&table, move |request| bedrock.answer(request))
}

/// The whole data source as of a moment.
fn event(since: &str) -> Value {
    json!({
        "procedure": "knowledgeBase.ingest",
        "parameters": {"knowledgeBaseId": KNOWLEDGE_BASE, "dataSourceId": DATA_SOURCE, "since": since},
    })
}

fn with(mut event: Value, name: &str, value: Value) -> Value {
    event["parameters"][name] = value;
    event
}

/// What an invocation came to: a word, and the effect of an error.
async fn told(function: &Function, event: &Value) -> (String, String) {
    match function.invoke(event.clone()).await {
        Ok(_) => ("done".to_owned(), "done".to_owned()),
        Err(error) => {
            let effect = report(&error)["effect"].as_str().unwrap().to_owned();
            (error.name().trim_start_matches("CrossRegion.").to_owned(), effect)
        }
    }
}

async fn expect(function: &Function, event: &Value, name: &str, effect: &str) {
    assert_eq!(told(function, event).await, (name.to_owned(), effect.to_owned()));
}

fn calls(sent: &[Request]) -> Vec<&'static str> {
    let name = |request: &Request| match request.method.as_str() {
        "POST" => "list",
        "PUT" => "start",
        _ => "get",
    };
    sent.iter().map(name).collect()
}

#[tokio::test]
async fn a_job_is_started_waited_for_and_told() {
    let bedrock = Bedrock::default();
    let function = function(&bedrock);
    let event = with(event(&bedrock.moment()), "description", json!("nightly"));

    let error = function.invoke(event.clone()).await.unwrap_err();
    let sent = function.wire.take();
    assert_eq!(calls(&sent), ["list", "start"]);
    let path = format!("/knowledgebases/{KNOWLEDGE_BASE}/datasources/{DATA_SOURCE}/ingestionjobs");
    assert_eq!(sent.iter().map(|request| request.path.trim_end_matches('/')).collect::<Vec<_>>(), [&path; 2]);
    assert!(sent.iter().all(|request| request.host == format!("bedrock-agent.{REGION}.amazonaws.com")));
    let started: Value = serde_json::from_slice(&sent[1].body).unwrap();
    let token = started["clientToken"].as_str().unwrap();
    assert_eq!(
        started,
        json!({"clientToken": token, "description": format!("nightly cross-region-tasks {token}")})
    );
    assert_eq!(
        report(&error),
        json!({
            "message": "the job has not ended yet", "effect": "unknown", "attempts": 2, "region": REGION,
            "procedure": "knowledgeBase.ingest", "fields": {"ingestionJobId": "JOB0000000", "status": "STARTING"},
        })
    );
    assert_eq!(error.name(), "CrossRegion.NotReady");

    expect(&function, &event, "NotReady", "unknown").await;
    assert_eq!(calls(&function.wire.take()), ["list"], "a look is one request");

    bedrock.end("COMPLETE");
    let (result, invocation) = function.noted(event).await;
    let result = result.unwrap();
    assert_eq!(calls(&function.wire.take()), ["list", "get"]);
    let time = |name: &str| result["ingestionJob"][name].clone();
    assert_eq!(
        result,
        json!({
            "ingestionJob": {
                "knowledgeBaseId": KNOWLEDGE_BASE, "dataSourceId": DATA_SOURCE, "ingestionJobId": "JOB0000000",
                "description": started["description"], "status": "COMPLETE", "startedAt": time("startedAt"),
                "updatedAt": time("updatedAt"),
                "statistics": {
                    "numberOfDocumentsScanned": 12, "numberOfMetadataDocumentsScanned": 0,
                    "numberOfNewDocumentsIndexed": 3, "numberOfModifiedDocumentsIndexed": 0,
                    "numberOfMetadataDocumentsModified": 0, "numberOfDocumentsDeleted": 0,
                    "numberOfDocumentsFailed": 0, "numberOfDocumentsSkipped": 0,
                },
            },
            "joined": false,
            "$metadata": {"attempts": 2, "region": REGION},
        })
    );
    assert_eq!(time("startedAt"), "2025-11-24T16:00:00.250Z");
    let line: Value = serde_json::from_str(&invocation.line(false)).unwrap();
    assert_eq!((&line["procedure"], &line["effect"]), (&json!("knowledgeBase.ingest"), &json!("done")));
}

/// Whoever finds no job may find one a moment later: the service's memory of tokens, its one job at a time and the
/// description each keep the second from starting.
#[tokio::test]
async fn doubled_invocations_start_one_job() {
    for remembers_tokens in [true, false] {
        let bedrock = Bedrock::default();
        bedrock.state().remembers_tokens = remembers_tokens;
        let function = function(&bedrock);
        let event = event(&bedrock.moment());
        expect(&function, &event, "NotReady", "unknown").await;
        // As the second one saw it that began at the same time.
        bedrock.state().listing_lag_ms = 10_000;
        let (name, _) = told(&function, &event).await;
        assert_eq!(name, "NotReady");
        bedrock.state().listing_lag_ms = 0;
        expect(&function, &event, "NotReady", "unknown").await;
        assert_eq!(bedrock.state().jobs.len(), 1, "remembers tokens: {remembers_tokens}");
    }
}

/// Even where the service's clock is behind, tells whole seconds, and forgets tokens.
#[tokio::test]
async fn a_start_whose_answer_was_lost_is_found_again() {
    for (fate, name) in [(Fate::Lost, "InternalServerException"), (Fate::Garbled, "MalformedResponse")] {
        let bedrock = Bedrock::default();
        let function = function(&bedrock);
        let event = event(&bedrock.moment());
        bedrock.change(|state| {
            (state.fate, state.remembers_tokens, state.tells_seconds) = (fate, false, true);
            state.now_ms -= 2_000;
        });
        expect(&function, &event, name, "unknown").await;
        expect(&function, &event, "NotReady", "unknown").await;
        bedrock.end("COMPLETE");
        let result = function.invoke(event).await.unwrap();
        assert_eq!((bedrock.state().jobs.len(), &result["joined"]), (1, &json!(false)));
    }
}

#[tokio::test]
async fn a_job_that_began_before_is_waited_for_and_another_one_started() {
    let bedrock = Bedrock::default();
    let function = function(&bedrock);
    bedrock.begin(DATA_SOURCE);
    _ = bedrock.moment();
    let event = event(&bedrock.moment());
    let error = function.invoke(event.clone()).await.unwrap_err();
    let report = report(&error);
    assert_eq!((error.name(), &report["effect"]), ("CrossRegion.NotReady", &json!("none")));
    assert_eq!(report["fields"], json!({"ingestionJobId": "JOB0000000", "status": "STARTING"}));
    assert_eq!(calls(&function.wire.take()), ["list"]);

    // Each finds in its way what the one before it started.
    for status in ["COMPLETE", "FAILED", "STOPPED"] {
        _ = bedrock.moment();
        let event = with(event.clone(), "since", json!(bedrock.moment()));
        expect(&function, &event, "NotReady", "none").await;
        bedrock.end(status);
        expect(&function, &event, "NotReady", "unknown").await;
        assert_eq!(calls(&function.wire.take()), ["list", "list", "start"], "after {status}");
    }
}

#[tokio::test]
async fn a_job_that_is_being_stopped_is_in_the_way() {
    let bedrock = Bedrock::default();
    let function = function(&bedrock);
    bedrock.begin(DATA_SOURCE);
    bedrock.state().jobs[0].status = "STOPPING";
    _ = bedrock.moment();
    let event = event(&bedrock.moment());
    expect(&function, &event, "NotReady", "none").await;
    bedrock.end("STOPPED");
    expect(&function, &event, "NotReady", "unknown").await;
    assert_eq!(bedrock.state().jobs.len(), 2);
}

#[tokio::test]
async fn a_job_that_runs_is_joined_where_the_event_says_so() {
    let bedrock = Bedrock::default();
    let function = function(&bedrock);
    bedrock.begin(DATA_SOURCE);
    _ = bedrock.moment();
    let event = with(event(&bedrock.moment()), "join", json!("runningSince"));
    expect(&function, &event, "NotReady", "unknown").await;
    bedrock.end("COMPLETE");
    let result = function.invoke(event.clone()).await.unwrap();
    assert_eq!(
        (&result["joined"], &result["ingestionJob"]["ingestionJobId"]),
        (&json!(true), &json!("JOB0000000"))
    );
    // It had ended before: nothing is left to join.
    _ = bedrock.moment();
    let later = with(event, "since", json!(bedrock.moment()));
    expect(&function, &later, "NotReady", "unknown").await;
    assert_eq!(bedrock.state().jobs.len(), 2);
}

#[tokio::test]
async fn those_who_wait_for_a_job_share_the_next_one() {
    let bedrock = Bedrock::default();
    let function = function(&bedrock);
    bedrock.begin(DATA_SOURCE);
    _ = bedrock.moment();
    let events: Vec<Value> = (0..5).map(|_| event(&bedrock.moment())).collect();
    for event in &events {
        expect(&function, event, "NotReady", "none").await;
    }
    bedrock.end("COMPLETE");
    for event in &events {
        expect(&function, event, "NotReady", "unknown").await;
    }
    bedrock.end("COMPLETE");
    let mut joined = Vec::new();
    for event in events {
        let result = function.invoke(event).await.unwrap();
        assert_eq!(result["ingestionJob"]["ingestionJobId"], "JOB0000001");
        joined.push(result["joined"].as_bool().unwrap());
    }
    assert_eq!(joined, [false, true, true, true, true]);
    assert_eq!(bedrock.state().jobs.len(), 2);
}

#[tokio::test]
async fn what_is_in_the_way_of_a_start_is_waited_for() {
    let limit = "the account has the maximum number of concurrent ingestion jobs";
    let ongoing = "There is an ongoing KnowledgeBaseDocuments API request";
    for (status, code, message) in [
        (409, "ConflictException", "the maximum number of concurrent ingestion jobs per knowledge base is 1"),
        (402, "ServiceQuotaExceededException", limit),
        (400, "ValidationException", ongoing),
    ] {
        let bedrock = Bedrock::default();
        let function = function(&bedrock);
        if status == 409 {
            bedrock.begin(OTHER_DATA_SOURCE);
        } else {
            bedrock.state().fate = Fate::Refused(status, code, message);
        }
        let event = event(&bedrock.moment());
        let error = function.invoke(event.clone()).await.unwrap_err();
        assert_eq!(calls(&function.wire.take()), ["list", "start", "list"]);
        let report = report(&error);
        assert_eq!((error.name(), &report["effect"]), ("CrossRegion.NotReady", &json!("none")));
        assert_eq!((&report["code"], &report["statusCode"]), (&json!(code), &json!(status)));
        assert_eq!(report["message"], format!("no job can be started now: {message}"));
        bedrock.end("COMPLETE");
        expect(&function, &event, "NotReady", "unknown").await;
    }
}

/// Between the listing and the start, another execution starts a job: the start is refused, and its job counts.
#[tokio::test]
async fn a_job_that_came_between_is_joined() {
    let bedrock = Bedrock::default();
    let function = function(&bedrock);
    let event = event(&bedrock.moment());
    bedrock.begin(DATA_SOURCE);
    bedrock.state().listing_lag_ms = 1;
    let unseen = bedrock.clone();
    let looking =
        Function::new(&json!([{"procedure": "knowledgeBase.ingest", "regions": [REGION]}]), move |request| {
            let answer = unseen.answer(request);
            unseen.state().listing_lag_ms = 0;
            answer
        });
    expect(&looking, &event, "NotReady", "unknown").await;
    assert_eq!(calls(&looking.wire.take()), ["list", "start", "list"]);
    bedrock.end("COMPLETE");
    let result = function.invoke(event).await.unwrap();
    assert_eq!((&result["joined"], bedrock.state().jobs.len()), (&json!(true), 1));
}

#[tokio::test]
async fn a_job_that_failed_is_told_in_its_own_words() {
    let many: Vec<String> = (0..50).map(|at| format!("{at}: {}", "x".repeat(2_000))).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (status, reasons, message) in [
        ("FAILED", &["the bucket does not exist"][..], "the job failed: the bucket does not exist"),
        ("FAILED", &["one", "two", "three"], "the job failed: one (and 2 more)"),
        ("FAILED", &[], "the job failed: it gives no reason"),
        ("STOPPED", &[], "the job was stopped: it gives no reason"),
        ("FAILED", &many, ""),
    ] {
        let bedrock = Bedrock::default();
        let function = function(&bedrock);
        let event = event(&bedrock.moment());
        expect(&function, &event, "NotReady", "unknown").await;
        bedrock.end_with(status, reasons);
        let error = function.invoke(event.clone()).await.unwrap_err();
        let report = report(&error);
        assert_eq!((error.name(), &report["effect"]), ("CrossRegion.WaitFailed", &json!("unknown")));
        assert_eq!(report["fields"], json!({"ingestionJobId": "JOB0000000", "status": status}));
        if reasons.len() == 50 {
            assert_eq!(report["omitted"], json!(["faults"]));
            assert!(report["message"].as_str().unwrap().ends_with("(and 49 more)"));
        } else {
            assert_eq!(report["message"], message);
            assert_eq!(report.get("faults"), (reasons.len() > 1).then(|| json!(reasons)).as_ref());
        }
        // Looking again does not start again; a later moment does.
        expect(&function, &event, "WaitFailed", "unknown").await;
        assert_eq!(bedrock.state().jobs.len(), 1);
        let later = with(event, "since", json!(bedrock.moment()));
        expect(&function, &later, "NotReady", "unknown").await;
        assert_eq!(bedrock.state().jobs.len(), 2);
    }
}

#[tokio::test]
async fn a_complete_job_tells_which_documents_it_left_out() {
    let bedrock = Bedrock::default();
    let function = function(&bedrock);
    let event = event(&bedrock.moment());
    expect(&function, &event, "NotReady", "unknown").await;
    bedrock.state().jobs[0].failed_documents = 2;
    bedrock.end_with("COMPLETE", &["two documents are no text"]);
    let result = function.invoke(event).await.unwrap();
    let job = &result["ingestionJob"];
    assert_eq!(job["failureReasons"], json!(["two documents are no text"]));
    assert_eq!(job["statistics"]["numberOfDocumentsFailed"], 2);
}

/// A later start than the one that failed is the one that counts.
#[tokio::test]
async fn a_complete_job_outweighs_one_that_failed() {
    let bedrock = Bedrock::default();
    let function = function(&bedrock);
    let event = event(&bedrock.moment());
    expect(&function, &event, "NotReady", "unknown").await;
    bedrock.end_with("FAILED", &["no"]);
    bedrock.begin(DATA_SOURCE);
    expect(&function, &event, "NotReady", "unknown").await;
    bedrock.end("COMPLETE");
    let result = function.invoke(event).await.unwrap();
    assert_eq!(result["joined"], true);
}

#[tokio::test]
async fn a_service_that_refuses_keeps_its_own_name() {
    for (status, code) in [
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (429, "ThrottlingException"),
    ] {
        let bedrock = Bedrock::default();
        let function = function(&bedrock);
        bedrock.state().fate = Fate::Refused(status, code, "no");
        let error = function.invoke(event(&bedrock.moment())).await.unwrap_err();
        assert_eq!(calls(&function.wire.take()), ["list", "start"]);
        assert_eq!(
            report(&error),
            json!({
                "message": "no", "effect": "none", "procedure": "knowledgeBase.ingest", "service": "bedrock-agent",
                "action": "startIngestionJob", "region": REGION, "statusCode": status, "code": code, "attempts": 2,
            })
        );
    }
}

#[tokio::test]
async fn what_is_not_there_is_named_before_anything_is_started() {
    for (name, id) in [("knowledgeBaseId", "KB00000000"), ("dataSourceId", "DS00000000")] {
        let bedrock = Bedrock::default();
        let function = function(&bedrock);
        let error = function.invoke(with(event(&bedrock.moment()), name, json!(id))).await.unwrap_err();
        let report = report(&error);
        assert_eq!((error.name(), &report["effect"]), ("ResourceNotFoundException", &json!("none")));
        assert_eq!(report["action"], "listIngestionJobs");
        assert_eq!(calls(&function.wire.take()), ["list"]);
    }
}

/// It may be told as a conflict for a while, and is not there in the end.
#[tokio::test]
async fn a_knowledge_base_that_is_being_deleted_is_never_ingested() {
    let bedrock = Bedrock::default();
    let function = function(&bedrock);
    bedrock.state().is_being_deleted = true;
    let event = event(&bedrock.moment());
    let error = function.invoke(event.clone()).await.unwrap_err();
    let said = report(&error);
    assert_eq!((error.name(), &said["effect"]), ("CrossRegion.NotReady", &json!("none")));
    assert_eq!(said["message"], "no job can be started now: the knowledge base is being deleted");
    let gone = with(event, "knowledgeBaseId", json!("KB00000000"));
    expect(&function, &gone, "ResourceNotFoundException", "none").await;
    assert!(bedrock.state().jobs.is_empty());
}

#[tokio::test]
async fn a_job_that_vanishes_after_it_was_listed_was_there() {
    for (status, effect) in [("COMPLETE", "done"), ("FAILED", "unknown")] {
        let bedrock = Bedrock::default();
        let event = event(&bedrock.moment());
        bedrock.begin(DATA_SOURCE);
        bedrock.end(status);
        let vanishing = bedrock.clone();
        let function = Function::new(
            &json!([{"procedure": "knowledgeBase.ingest", "regions": [REGION]}]),
            move |request| {
                let answer = vanishing.answer(request);
                vanishing.state().jobs.clear();
                answer
            },
        );
        expect(&function, &event, "ResourceNotFoundException", effect).await;
    }
}

#[tokio::test]
async fn parameters_are_read_strictly() {
    let bedrock = Bedrock::default();
    let function = function(&bedrock);
    let event = json!({
        "procedure": "knowledgeBase.ingest",
        "parameters": {
            "knowledgebaseId": "SECRET", "dataSourceId": "", "since": "yesterday", "join": "any",
            "description": "x".repeat(145),
        },
    });
    let error = function.invoke(event).await.unwrap_err();
    assert_eq!(error.name(), "CrossRegion.InvalidParameters");
    assert_eq!(
        error.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "parameters.knowledgeBaseId: missing",
            "parameters.dataSourceId: must not be empty",
            "parameters.since: expected ISO 8601 with an offset",
            "parameters.join: `any` is none of `startedSince`, `runningSince`",
            "parameters.description: expected at most 144 characters, found 145",
            "parameters.knowledgebaseId: unknown field, did you mean `knowledgeBaseId`?",
        ]
    );
    assert!(function.wire.take().is_empty());
}

/// The longest description that is taken, with what comes behind it, is one that the service takes.
#[tokio::test]
async fn a_description_has_its_room() {
    let bedrock = Bedrock::default();
    let function = function(&bedrock);
    let event = with(event(&bedrock.moment()), "description", json!("é".repeat(144)));
    expect(&function, &event, "NotReady", "unknown").await;
    assert_eq!(bedrock.state().jobs[0].description.as_ref().unwrap().chars().count(), 200);
}

/// One moment, however it is written, is one piece of work; another data source or moment is another one.
#[tokio::test]
async fn the_same_moment_is_the_same_work() {
    let tokens = |events: Vec<Value>| async {
        let bedrock = Bedrock::default();
        let function = function(&bedrock);
        for event in events {
            expect(&function, &event, "NotReady", "unknown").await;
            bedrock.end("FAILED");
        }
        let state = bedrock.state();
        state.jobs.iter().map(|job| job.token.clone().unwrap()).collect::<Vec<_>>()
    };
    let one = tokens(vec![event("2030-01-01T00:00:00.500Z")]).await;
    assert_eq!(one, tokens(vec![event("2030-01-01T09:00:00.5+09:00")]).await);
    let many = tokens(vec![
        event("2030-01-01T00:00:00.500Z"),
        event("2030-01-01T00:00:00.501Z"),
        with(event("2030-01-01T00:00:00.500Z"), "dataSourceId", json!(OTHER_DATA_SOURCE)),
    ])
    .await;
    assert_eq!(many.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    assert_eq!(one[0], many[0]);
    // The form never changes: made by Python's `uuid.uuid5` over the same text.
    assert_eq!(one[0], "9af7ef07-3472-5e20-b420-58317384a87a");
}

/// Executions that come and go, look and are cut off, while jobs of theirs and of others end well or badly: nobody is
/// told of a job that began too early, none starts two jobs, and no look starts one where one counts.
#[test]
fn histories_agree_with_a_model() {
    let mut tally = Tally::new("histories of knowledgeBase.ingest");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for number in 0..if prove() { 3_000 } else { 80 } {
        let outcome = runtime.block_on(history(&mut Rng::with_seed(SEED ^ (number << 16))));
        tally.case(number, outcome);
    }
    tally.finish();
}

async fn history(rng: &mut Rng) -> Result<(), String> {
    let bedrock = Bedrock::default();
    let function = function(&bedrock);
    bedrock.change(|state| (state.remembers_tokens, state.tells_seconds) = (rng.bool(), rng.bool()));
    // Executions that still look, and when each began.
    let mut looking: BTreeMap<usize, (Value, i64)> = BTreeMap::new();
    let (mut began, mut ended) = (0, 0);
    while ended < 6 {
        if rng.u8(..4) == 0 && began < 6 {
            let since_ms = bedrock.state().now_ms;
            looking.insert(began, (event(&bedrock.moment()), since_ms));
            began += 1;
        }
        let is_busy = bedrock.state().jobs.iter().any(Job::is_under_way);
        match rng.u8(..16) {
            0 if !is_busy => bedrock.begin(if rng.bool() { DATA_SOURCE } else { OTHER_DATA_SOURCE }),
            1..=3 => bedrock.end(["COMPLETE", "COMPLETE", "FAILED"][rng.usize(..3)]),
            4 => bedrock.state().fate = [Fate::Lost, Fate::Garbled][rng.usize(..2)],
            _ => bedrock.state().now_ms += 5_000,
        }
        let Some((&who, (event, since_ms))) = looking.iter().nth(rng.usize(..looking.len().max(1))) else {
            continue;
        };
        let before = bedrock.state().jobs.len();
        let outcome = function.invoke(event.clone()).await;
        let state = bedrock.state();
        let counts = |id: &Value| {
            let job = state.jobs.iter().find(|job| *id == job.id).unwrap();
            job.started_ms >= *since_ms && job.data_source == DATA_SOURCE
        };
        if state.jobs.len() > before + 1 {
            return Err("two jobs for one look".to_owned());
        }
        match outcome {
            Ok(result) => {
                let id = &result["ingestionJob"]["ingestionJobId"];
                if !counts(id) || result["ingestionJob"]["status"] != "COMPLETE" {
                    return Err(format!("{who} is told of a job that does not count: {result}"));
                }
                looking.remove(&who);
                ended += 1;
            }
            Err(error) => {
                let said = report(&error);
                let id = &said["fields"]["ingestionJobId"];
                match (error.name(), said["effect"].as_str().unwrap()) {
                    ("CrossRegion.NotReady", "unknown") if counts(id) => {}
                    ("CrossRegion.NotReady", "none") if state.jobs.len() == before => {}
                    ("CrossRegion.WaitFailed", "unknown") if counts(id) => {
                        looking.remove(&who);
                        ended += 1;
                    }
                    ("InternalServerException" | "CrossRegion.MalformedResponse", "unknown") => {}
                    _ => return Err(format!("{who}: {error}: {said}")),
                }
            }
        }
        let own = state.jobs.iter().filter_map(|job| job.token.as_ref());
        let mut tokens: Vec<_> = own.collect();
        let all = tokens.len();
        tokens.sort();
        tokens.dedup();
        if tokens.len() < all {
            return Err("two jobs for one moment".to_owned());
        }
    }
    Ok(())
}
