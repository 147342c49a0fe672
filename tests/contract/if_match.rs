//! Writes that are good for one version of a resource: which operations take an ETag, what is sent, and what becomes
//! of one that is stale, in every spelling of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use handler::catalog::blob::SERVICES;
use handler::catalog::{self, Operation};
use handler::drive::if_match::{member, told};
use handler::effect::Effect;
use handler::error::Error;
use serde_json::{Value, json};
use tests::invoked::{Function, entry};
use tests::recording::Reply;
use tests::wire::Request;

fn table() -> Value {
    json!([
        entry("s3", &["putObject", "getObject"]),
        entry("s3", &["headObject"]),
        entry("cloudfront", &["updateDistribution", "updateFunction"]),
        entry("cloudfront-keyvaluestore", &["putKey"]),
        entry("cloudfront-keyvaluestore", &["describeKeyValueStore"]),
        entry("iotsitewise", &["deleteAssetModel"]),
        entry("mediapackagev2", &["updateChannel"]),
        entry("pricing-plan-manager", &["cancelSubscription"]),
        entry("dynamodb", &["listTables"]),
    ])
}

fn put(if_match: Value) -> Value {
    json!({ "service": "s3", "action": "putObject", "ifMatch": if_match,
        "parameters": { "Bucket": "b", "Key": "k", "Body": "text" } })
}

fn put_key(if_match: Value) -> Value {
    json!({ "service": "cloudfront-keyvaluestore", "action": "putKey", "ifMatch": if_match,
        "parameters": { "KvsARN": STORE, "Key": "k", "Value": "v" } })
}

const STORE: &str = "arn:aws:cloudfront::111122223333:key-value-store/0123";

fn latest() -> Value {
    json!({ "describe": { "action": "describeKeyValueStore", "parameters": { "KvsARN": STORE } }, "overwrite": true })
}

fn latest_object() -> Value {
    json!({ "describe": { "action": "headObject", "parameters": { "Bucket": "b", "Key": "k" } }, "overwrite": true })
}

fn header(request: &Request) -> Option<&str> {
    request.headers.get("if-match").map(String::as_str)
}

fn xml(code: &str) -> String {
    format!("<Error><Code>{code}</Code><Message>no</Message></Error>")
}

fn message(error: &Error) -> Value {
    serde_json::from_str(&error.to_message()).unwrap()
}

/// All operations of a service.
fn operations(id: &str) -> Vec<&'static Operation> {
    let service = catalog::service(id).unwrap();
    service.operation_names().map(|name| service.operation(name).unwrap()).collect()
}

/// By the models alone. Who takes an ETag can be asked first by an operation of its service that reads.
#[test]
fn every_operation_with_such_a_member_takes_an_etag() {
    let mut found = BTreeMap::new();
    for entry in SERVICES {
        let operations = operations(entry.id);
        let takers = operations.iter().filter(|it| member(it).is_some()).count();
        if takers > 0 {
            assert!(operations.iter().any(|it| it.is_read_only && told(it).is_some()), "{}", entry.id);
            found.insert(entry.id, takers);
        }
    }
    let expected = [
        ("cloudfront", 51),
        ("cloudfront-keyvaluestore", 3),
        ("iotsitewise", 5),
        ("mediapackagev2", 4),
        ("pricing-plan-manager", 6),
        ("s3", 7),
    ];
    assert_eq!(found, BTreeMap::from(expected));
}

/// Twice the same header: whether given here or as a member of the parameters.
#[tokio::test]
async fn the_etag_goes_where_the_model_has_it() {
    let function = Function::new(&table(), |_| Reply::empty());
    function.invoke(put(json!({ "etag": "\"e-1\"" }))).await.unwrap();
    let mut event = put(Value::Null);
    event.as_object_mut().unwrap().remove("ifMatch");
    event["parameters"]["IfMatch"] = "\"e-1\"".into();
    function.invoke(event).await.unwrap();
    let sent = function.wire.take();
    assert_eq!(sent.iter().map(header).collect::<Vec<_>>(), [Some("\"e-1\""); 2]);

    let channel = json!({ "service": "mediapackagev2", "action": "updateChannel", "ifMatch": { "etag": "e-2" },
        "parameters": { "ChannelGroupName": "g", "ChannelName": "c" } });
    let function = Function::new(&table(), |_| Reply::ok("{}"));
    function.invoke(channel).await.unwrap();
    assert_eq!(function.wire.take()[0].headers["x-amzn-update-if-match"], "e-2");
}

#[tokio::test]
async fn a_stale_etag_has_one_name_and_is_never_sent_again() {
    let distribution = json!({ "service": "cloudfront", "action": "updateFunction", "ifMatch": { "etag": "e-1" },
        "parameters": { "Name": "f", "FunctionConfig": { "Comment": "", "Runtime": "cloudfront-js-2.0" },
            "FunctionCode": "" } });
    let model = json!({ "service": "iotsitewise", "action": "deleteAssetModel", "ifMatch": { "etag": "e-1" },
        "parameters": { "assetModelId": "a" } });
    let channel = json!({ "service": "mediapackagev2", "action": "updateChannel", "ifMatch": { "etag": "e-1" },
        "parameters": { "ChannelGroupName": "g", "ChannelName": "c" } });
    let subscription = json!({ "service": "pricing-plan-manager", "action": "cancelSubscription",
        "ifMatch": { "etag": "e-1" }, "parameters": { "arn": "a" } });
    let (object, key) = (put(json!({ "etag": "e-1" })), put_key(json!({ "etag": "e-1" })));
    let error = |status, code: &str| Reply::status(status, xml(code));
    let wrapped = |status, code: &str| {
        Reply::status(
            status,
            format!("<ErrorResponse>{}<RequestId>r-1</RequestId></ErrorResponse>", xml(code)),
        )
    };
    let json_error = |status, code: &str, more: &str| {
        Reply::status(status, format!("{{\"message\":\"Pre-Condition failed for it\"{more}}}"))
            .with("x-amzn-errortype", code)
    };
    let cases = [
        (&object, error(412, "PreconditionFailed"), "PreconditionFailed", 412),
        (&object, error(409, "ConditionalRequestConflict"), "ConditionalRequestConflict", 409),
        (&distribution, wrapped(412, "PreconditionFailed"), "PreconditionFailed", 412),
        (&distribution, wrapped(400, "InvalidIfMatchVersion"), "InvalidIfMatchVersion", 400),
        (&key, json_error(400, "ValidationException", ""), "ValidationException", 400),
        (&key, json_error(409, "ConflictException", ""), "ConflictException", 409),
        (&model, json_error(412, "PreconditionFailedException", ""), "PreconditionFailedException", 412),
        (
            &channel,
            json_error(409, "ConflictException", ",\"ConflictExceptionType\":\"CONFLICTING_OPERATION\""),
            "ConflictException",
            409,
        ),
        (&subscription, json_error(409, "ConflictException", ""), "ConflictException", 409),
    ];
    for (event, reply, code, status) in cases {
        let function = Function::new(&table(), move |_| reply.clone());
        let mut event = event.clone();
        event["retry"] = json!({ "mode": "sdk", "maxAttempts": 5 });
        let error = function.invoke(event).await.unwrap_err();
        assert_eq!((error.name(), error.effect), ("CrossRegion.StaleETag", Effect::None), "{code}");
        let told = message(&error);
        assert_eq!(
            (told["code"].as_str(), told["statusCode"].as_u64()),
            (Some(code), Some(status)),
            "{told}"
        );
        assert_eq!(function.wire.take().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn other_failures_keep_their_names() {
    let not_found = Reply::status(404, xml("NoSuchKey"));
    let invalid = Reply::status(400, "{\"message\":\"the key is too long\"}")
        .with("x-amzn-errortype", "ValidationException");
    let cases = [
        (put(json!({ "etag": "e-1" })), not_found, "NoSuchKey"),
        (put_key(json!({ "etag": "e-1" })), invalid, "ValidationException"),
    ];
    for (event, reply, name) in cases {
        let function = Function::new(&table(), move |_| reply.clone());
        assert_eq!(function.invoke(event).await.unwrap_err().name(), name);
    }
}

/// The first attempt may be what made the ETag stale.
#[tokio::test]
async fn a_stale_etag_after_an_unanswered_write_leaves_the_doubt() {
    let asked = AtomicUsize::new(0);
    let function = Function::new(&table(), move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::status(503, xml("SlowDown")),
        _ => Reply::status(412, xml("PreconditionFailed")),
    });
    let mut event = put(json!({ "etag": "e-1" }));
    event["retry"] = json!({ "mode": "sdk" });
    let error = function.invoke(event).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("CrossRegion.StaleETag", Effect::Unknown));
}

/// A store that others write to: it tells version after version, and takes a write under the fourth only.
fn contested(writes_needed: usize) -> Function {
    let version = AtomicUsize::new(0);
    Function::new(&table(), move |request| {
        if request.method == "HEAD" || request.method == "GET" {
            let version = version.fetch_add(1, Ordering::Relaxed) + 1;
            let told =
                json!({ "ItemCount": 0, "TotalSizeInBytes": 0, "KvsARN": STORE, "Created": 0 }).to_string();
            return Reply::ok(if request.method == "HEAD" { String::new() } else { told })
                .with("etag", format!("e-{version}"));
        }
        if header(request) == Some(&format!("e-{writes_needed}")) {
            let done = json!({ "ItemCount": 1, "TotalSizeInBytes": 2 }).to_string();
            return Reply::ok(if request.host.contains("s3") { String::new() } else { done })
                .with("etag", "e-new");
        }
        Reply::status(
            412,
            if request.host.contains("s3") { xml("PreconditionFailed") } else { "{}".to_owned() },
        )
    })
}

#[tokio::test]
async fn the_last_writer_asks_again_until_nobody_came_between() {
    for (event, method) in [(put_key(latest()), "GET"), (put(latest_object()), "HEAD")] {
        let function = contested(4);
        let result = function.invoke(event).await.unwrap();
        assert_eq!(result["ETag"], "e-new");
        let sent = function.wire.take();
        let told: Vec<_> = sent.iter().map(|it| (it.method.as_str(), header(it))).collect();
        let expected: Vec<_> = ["e-1", "e-2", "e-3", "e-4"]
            .iter()
            .flat_map(|etag| [(method, None), ("PUT", Some(*etag))])
            .collect();
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn asking_again_ends_with_the_time() {
    let function = contested(usize::MAX);
    let started = Instant::now();
    let error = function.invoke_within(Duration::from_secs(2), put(latest_object())).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("CrossRegion.StaleETag", Effect::None));
    assert!(started.elapsed() < Duration::from_millis(1_900), "{:?}", started.elapsed());
    let writes = function.wire.take().iter().filter(|it| it.method == "PUT").count();
    assert!((4..=16).contains(&writes), "{writes} writes in two seconds");
}

/// Also where it is over while the ETag is asked for once more.
#[tokio::test]
async fn what_was_stale_is_told_when_there_is_no_time_to_ask_again() {
    let asked = AtomicUsize::new(0);
    let function = Function::new(&table(), move |request| {
        if request.method == "PUT" {
            return Reply::status(412, xml("PreconditionFailed"));
        }
        if asked.fetch_add(1, Ordering::Relaxed) > 0 {
            std::thread::sleep(Duration::from_secs(1));
        }
        Reply::ok(String::new()).with("etag", "e-1")
    });
    let error = function.invoke_within(Duration::from_secs(1), put(latest_object())).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("CrossRegion.StaleETag", Effect::None));
}

#[tokio::test]
async fn what_became_of_an_earlier_write_is_not_forgotten() {
    let asked = AtomicUsize::new(0);
    let function = Function::new(&table(), move |request| {
        match (request.method.as_str(), asked.fetch_add(1, Ordering::Relaxed)) {
            ("HEAD", 0 | 3) => Reply::empty().with("etag", "e"),
            ("PUT", 1) => Reply::status(500, xml("InternalError")),
            ("PUT", 2) => Reply::status(412, xml("PreconditionFailed")),
            _ => Reply::status(403, xml("AccessDenied")),
        }
    });
    let mut event = put(latest_object());
    event["retry"] = json!({ "mode": "sdk" });
    let error = function.invoke(event).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("AccessDenied", Effect::Unknown));
}

#[tokio::test]
async fn asking_needs_an_entry_and_an_answer() {
    let function = Function::new(&json!([entry("s3", &["putObject"])]), |_| Reply::empty());
    let error = function.invoke(put(latest_object())).await.unwrap_err();
    assert_eq!(error.name(), "CrossRegion.NotAllowed");
    assert!(function.wire.take().is_empty());

    let function = Function::new(&table(), |_| Reply::status(404, ""));
    let error = function.invoke(put(latest_object())).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("NotFound", Effect::None));
    assert!(
        error.message.starts_with("`headObject`, which this call needs first, failed"),
        "{}",
        error.message
    );

    let function = Function::new(&table(), |_| Reply::empty());
    let error = function.invoke(put(latest_object())).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("CrossRegion.MalformedResponse", Effect::None));
    assert_eq!(function.wire.take().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_sent() {
    let describe = |action: &str, parameters: Value| {
        put(json!({ "describe": { "action": action, "parameters": parameters }, "overwrite": true }))
    };
    let mut twice = put(json!({ "etag": "e-1" }));
    twice["parameters"]["IfMatch"] = "e-2".into();
    let none = json!({ "service": "dynamodb", "action": "listTables", "ifMatch": { "etag": "e-1" } });
    let cases = [
        (none, "InvalidEvent", "ifMatch: `listTables` of `dynamodb` takes no ETag"),
        (describe("headObjekt", json!({})), "InvalidEvent", "ifMatch.describe.action: "),
        (
            describe("putObject", json!({})),
            "InvalidEvent",
            "ifMatch.describe.action: `putObject` does more than read",
        ),
        (
            describe("listBuckets", json!({})),
            "InvalidEvent",
            "ifMatch.describe.action: `listBuckets` of `s3` tells no ETag",
        ),
        (
            describe("headObject", json!({ "Bucket": "b", "Kee": "k" })),
            "InvalidParameters",
            "ifMatch.describe.parameters.Kee: unknown member, did you mean `Key`?",
        ),
        (twice, "InvalidParameters", "parameters.IfMatch: does not go with `ifMatch`"),
        (put(json!({})), "InvalidEvent", "ifMatch.etag: missing"),
        (put(json!({ "etag": "" })), "InvalidEvent", "ifMatch.etag: must not be empty"),
        (
            put(json!({ "etag": "e", "overwrite": true })),
            "InvalidEvent",
            "ifMatch.overwrite: goes with `describe`",
        ),
        (
            put(json!({ "describe": { "action": "headObject" } })),
            "InvalidEvent",
            "ifMatch.overwrite: must be true: what others wrote in the meantime is lost",
        ),
        (
            put(json!({ "etag": "e", "describe": { "action": "headObject" }, "overwrite": true })),
            "InvalidEvent",
            "ifMatch.etag: `describe` asks for the ETag: give one or the other",
        ),
    ];
    let function = Function::new(&table(), |_| Reply::empty());
    for (event, name, fault) in cases {
        let error = function.invoke(event).await.unwrap_err();
        assert_eq!(error.name(), format!("CrossRegion.{name}"));
        assert!(error.message.starts_with(fault), "{}", error.message);
    }
    assert!(function.wire.take().is_empty());
}

/// Names are those of the integrations, and so are the parameters of the operation to ask.
#[tokio::test]
async fn step_functions_own_spelling_goes_with_it() {
    let table =
        json!([entry("iotsitewise", &["deleteAssetModel"]), entry("iotsitewise", &["describeAssetModel"])]);
    let function = Function::new(&table, |request| {
        if request.method == "GET" { Reply::ok("{}").with("etag", "e-1") } else { Reply::ok("{}") }
    });
    let event = |described: &str| {
        json!({ "service": "iotsitewise", "action": "deleteAssetModel", "parameters": { "AssetModelId": "a" },
            "spelling": "stepFunctions", "ifMatch": { "overwrite": true,
                "describe": { "action": "describeAssetModel", "parameters": { described: "a" } } } })
    };
    let error = function.invoke(event("assetModelId")).await.unwrap_err();
    let fault = "ifMatch.describe.parameters.assetModelId: unknown member, did you mean `AssetModelId`";
    assert!(error.message.starts_with(fault), "{}", error.message);
    function.invoke(event("AssetModelId")).await.unwrap();
    let sent = function.wire.take();
    assert_eq!(sent.iter().map(header).collect::<Vec<_>>(), [None, Some("e-1")]);
}
