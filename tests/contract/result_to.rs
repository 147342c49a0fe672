//! Results that go to S3: what is stored where, what is left for the state machine, and what is said when it cannot be
//! stored.
//!
//! Whole invocations; S3 is a stand-in that checks every checksum and takes an object only whole. Bodies come in
//! pieces, with a length and without, and break off or stall.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use handler::config::{Config, DEFAULT_RESULT_LIMIT};
use handler::dispatch::Handler;
use handler::effect::Effect;
use handler::error::Error;
use handler::idempotency::store::TableArn;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::buckets::{Buckets, End, Object, SILENT, Told, refusal};
use tests::invoked::{config, credentials, handler, noted_within};
use tests::recording::Reply;
use tests::wire::Request;

const HOME: &str = "ap-northeast-1";
const OTHER: &str = "us-west-2";
const LIMIT: usize = DEFAULT_RESULT_LIMIT;
const PART: usize = 8 << 20;
const NAME: &str = "results/out/a";

/// One function, and where its results go.
struct Function {
    handler: Handler,
    buckets: Buckets,
}

impl Function {
    fn over(buckets: Buckets) -> Self {
        Self::with(config(&table()), buckets)
    }

    fn with(config: Config, buckets: Buckets) -> Self {
        Self { handler: handler(config, credentials(), buckets.client()), buckets }
    }

    fn answering(service: impl Fn(&Request) -> Told + Send + Sync + 'static) -> Self {
        Self::over(Buckets::new(&[("results", HOME)], service))
    }

    async fn invoke(&self, event: Value) -> Result<Value, Error> {
        self.invoke_within(Duration::from_mins(1), event).await
    }

    async fn invoke_within(&self, time: Duration, event: Value) -> Result<Value, Error> {
        noted_within(&self.handler, time, event).await.0
    }

    /// The requests to the place of results, each a method and what of its query tells them apart.
    fn stored_by(&self) -> Vec<String> {
        let of_results = self.buckets.take().into_iter().filter(|it| it.host.starts_with("results."));
        let told = |request: Request| {
            let query: Vec<&str> =
                request.query.iter().map(|(name, _)| name.as_str()).filter(|name| *name != "x-id").collect();
            format!("{} {}", request.method, query.join("+")).trim_end().to_owned()
        };
        of_results.map(told).collect()
    }
}

/// Everything that these suites call, with a place for results in Tokyo.
fn table() -> Value {
    let entry = |service: &str, actions: &[&str]| {
        json!({
            "service": service, "actions": actions, "regions": [OTHER, "us-east-1"],
            "results": [{"bucket": "results", "keyPrefix": "out/", "region": HOME}],
        })
    };
    json!([
        entry("s3", &["getObject", "listObjectsV2"]),
        entry("dynamodb", &["getItem"]),
        entry("lambda", &["invoke"]),
    ])
}

fn to(when: &str) -> Value {
    json!({"bucket": "results", "key": "out/a", "region": HOME, "when": when})
}

fn object(when: &str) -> Value {
    json!({
        "service": "s3", "action": "getObject", "parameters": {"Bucket": "covers", "Key": "k"}, "resultTo": to(when),
    })
}

fn item(when: &str) -> Value {
    json!({
        "service": "dynamodb", "action": "getItem", "parameters": {"TableName": "t", "Key": {"id": {"S": "1"}}},
        "resultTo": to(when),
    })
}

/// An answer of DynamoDB with so many bytes of text.
fn item_of(bytes: usize) -> Told {
    let item = json!({"Item": {"text": {"S": "é".repeat(bytes / 2)}}});
    Told::pieces([item.to_string()]).with("x-amzn-requestid", "of-dynamodb")
}

/// Bytes that are not their own neighbours.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let step = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()
    };
    (0..size.div_ceil(8)).flat_map(step).take(size).collect()
}

fn in_pieces(bytes: &[u8], size: usize) -> Told {
    Told::pieces(bytes.chunks(size).map(<[u8]>::to_vec)).with("content-type", "video/mp4")
}

/// What is told of an object in place of it.
fn pointer(bytes: &[u8], content_type: &str) -> Value {
    json!({
        "bucket": "results", "key": "out/a", "size": bytes.len(), "contentType": content_type, "sha256": hex::encode(Sha256::digest(bytes)),
    })
}

fn told(error: &Error) -> Value {
    serde_json::from_str(&error.to_message()).unwrap()
}

#[tokio::test]
async fn a_result_without_a_body_is_stored_whole() {
    let function = Function::answering(|_| item_of(1_500_000));
    let result = function.invoke(item("overLimit")).await.unwrap();
    let Object { bytes, content_type } = function.buckets.object(NAME).unwrap();
    assert_eq!(content_type, "application/json");
    assert_eq!(result["resultTo"], pointer(&bytes, "application/json"));
    assert_eq!(result.as_object().unwrap().keys().collect::<Vec<_>>(), ["$metadata", "resultTo"]);
    assert_eq!(result["$metadata"]["requestId"], "of-dynamodb");

    // What is stored is what would have been answered.
    let stored: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(stored["Item"]["text"]["S"].as_str().unwrap().len(), 1_500_000);
    assert_eq!(stored["$metadata"], result["$metadata"]);
    assert_eq!(function.stored_by(), ["PUT"]);
}

#[tokio::test]
async fn a_result_within_the_limit_is_stored_only_where_it_always_is() {
    let function = Function::answering(|_| item_of(10));
    let inline = function.invoke(item("overLimit")).await.unwrap();
    assert_eq!(inline["Item"]["text"]["S"], "é".repeat(5));
    assert!(inline.get("resultTo").is_none());
    assert_eq!(function.buckets.objects(), 0);

    let result = function.invoke(item("always")).await.unwrap();
    let stored = function.buckets.object(NAME).unwrap();
    assert_eq!(result["resultTo"], pointer(&stored.bytes, "application/json"));
    assert_eq!(serde_json::from_slice::<Value>(&stored.bytes).unwrap(), inline);
}

#[tokio::test]
async fn the_limit_is_where_results_end_without_it() {
    // So many bytes of text make a result of exactly the limit.
    let around = Function::answering(|_| item_of(0));
    let around = around.invoke(item("overLimit")).await.unwrap().to_string().len();
    let room = LIMIT - around;
    for (bytes, is_stored) in [(room - room % 2, false), (room - room % 2 + 2, true)] {
        let function = Function::answering(move |_| item_of(bytes));
        let result = function.invoke(item("overLimit")).await.unwrap();
        assert_eq!(result.get("resultTo").is_some(), is_stored, "{bytes}");
        assert_eq!(function.buckets.objects(), usize::from(is_stored));
    }
}

#[tokio::test]
async fn a_body_is_stored_as_it_is_and_the_rest_of_the_output_is_left() {
    let function = Function::answering(|_| {
        Told::pieces(["{\"a\":", "1}"])
            .measured()
            .with("content-type", "application/json")
            .with("etag", "\"e\"")
            .with("x-amz-meta-owner", "ada")
    });
    let result = function.invoke(object("always")).await.unwrap();
    let expected = Object { bytes: b"{\"a\":1}".to_vec(), content_type: "application/json".to_owned() };
    assert_eq!(function.buckets.object(NAME), Some(expected));
    assert_eq!(result["resultTo"], pointer(b"{\"a\":1}", "application/json"));
    assert_eq!((&result["ETag"], &result["Metadata"]["owner"]), (&json!("\"e\""), &json!("ada")));
    assert_eq!((&result["ContentLength"], result.get("Body")), (&json!(7), None));
    assert_eq!(result["$metadata"]["region"], OTHER);
}

#[tokio::test]
async fn an_empty_body_is_an_empty_object_and_has_a_type() {
    let function = Function::answering(|_| Told::pieces([""]).measured());
    let result = function.invoke(object("always")).await.unwrap();
    assert_eq!(result["resultTo"], pointer(b"", "application/octet-stream"));
    let stored = function.buckets.object(NAME).unwrap();
    assert_eq!((stored.bytes.len(), stored.content_type.as_str()), (0, "application/octet-stream"));
}

#[tokio::test]
async fn a_long_body_is_uploaded_in_parts() {
    for (size, parts) in [(PART - 1, 0), (PART, 1), (2 * PART + 1, 3)] {
        // Pieces of which none ends where a part does, and one that is longer than any.
        for (is_measured, piece) in [(true, 1_000_003), (false, size)] {
            let body = noise(size);
            let sent = in_pieces(&body, piece);
            let sent = if is_measured { sent.measured() } else { sent };
            let function = Function::answering(move |_| sent.clone());
            let result = function.invoke(object("always")).await.unwrap();
            assert_eq!(result["resultTo"], pointer(&body, "video/mp4"), "{size} {piece}");
            let stored = function.buckets.object(NAME).unwrap();
            assert!(stored == Object { bytes: body, content_type: "video/mp4".to_owned() }, "{size} {piece}");
            let by = function.stored_by();
            let expected: Vec<&str> = match parts {
                0 => vec!["PUT"],
                _ => std::iter::once("POST uploads")
                    .chain(std::iter::repeat_n("PUT partNumber+uploadId", parts))
                    .chain(["POST uploadId"])
                    .collect(),
            };
            assert_eq!(by, expected, "{size} {piece}");
            assert_eq!(function.buckets.left_behind(), 0);
        }
    }
}

#[tokio::test]
async fn a_body_is_looked_at_before_it_is_stored_without_losing_what_was_read() {
    for is_measured in [true, false] {
        for (size, is_stored) in [(LIMIT / 2, false), (LIMIT + 1, true), (PART + LIMIT, true)] {
            let body = vec![b'a'; size];
            let sent = in_pieces(&body, 100_000);
            let sent = if is_measured { sent.measured() } else { sent };
            let function = Function::answering(move |_| sent.clone());
            let result = function.invoke(object("overLimit")).await.unwrap();
            if is_stored {
                assert_eq!(result["resultTo"], pointer(&body, "video/mp4"), "{size} {is_measured}");
                assert!(function.buckets.object(NAME).unwrap().bytes == body);
            } else {
                assert_eq!(result["Body"].as_str().map(str::len), Some(size));
                assert_eq!(function.buckets.objects(), 0);
            }
        }
    }
}

/// A quote takes two bytes of JSON.
#[tokio::test]
async fn a_body_that_is_larger_as_json_is_stored_as_it_was() {
    let body = "\"".repeat(LIMIT - 1);
    let sent = Told::pieces([body.clone()]).measured();
    let function = Function::answering(move |_| sent.clone());
    let result = function.invoke(object("overLimit")).await.unwrap();
    assert_eq!(result["resultTo"], pointer(body.as_bytes(), "application/octet-stream"));
    assert!(function.buckets.object(NAME).unwrap().bytes == body.as_bytes());
    assert_eq!((result.get("Body"), &result["ContentLength"]), (None, &json!(LIMIT - 1)));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_object() {
    for (size, when) in
        [(1_000, "always"), (1_000, "overLimit"), (PART + 1, "always"), (PART + 1, "overLimit")]
    {
        let sent = in_pieces(&noise(size), 1 << 20).ending(End::Broken).with("x-amz-request-id", "of-s3");
        let function = Function::answering(move |_| sent.clone());
        let error = function.invoke(object(when)).await.unwrap_err();
        assert_eq!((error.name(), error.effect), ("CrossRegion.MalformedResponse", Effect::Unknown));
        let report = told(&error);
        assert!(report["message"].as_str().unwrap().starts_with("the answer cannot be read: "), "{report}");
        assert_eq!((&report["service"], &report["action"]), (&json!("s3"), &json!("getObject")));
        assert_eq!((&report["region"], &report["requestId"]), (&json!(OTHER), &json!("of-s3")));
        assert_eq!((function.buckets.objects(), function.buckets.left_behind()), (0, 0));
        let is_multipart = size > PART;
        assert_eq!(
            function.stored_by().last().map(String::as_str),
            is_multipart.then_some("DELETE uploadId")
        );
    }
}

#[tokio::test]
async fn a_body_that_was_changed_on_its_way_is_no_object() {
    for size in [100, PART + 1] {
        let sent = in_pieces(&noise(size), 1 << 20).with("x-amz-checksum-crc32", "AAAAAA==");
        let function = Function::answering(move |_| sent.clone());
        let error = function.invoke(object("always")).await.unwrap_err();
        assert_eq!(error.message, "the answer cannot be read: its CRC32 does not match its bytes");
        assert_eq!((function.buckets.objects(), function.buckets.left_behind()), (0, 0));
    }
    // The control.
    let sent = Told::pieces(["123456789"])
        .with("x-amz-checksum-crc32", STANDARD.encode(0xCBF4_3926_u32.to_be_bytes()));
    let function = Function::answering(move |_| sent.clone());
    function.invoke(object("always")).await.unwrap();
}

#[tokio::test]
async fn a_read_that_breaks_off_begins_anew_at_the_next_target() {
    let body = noise(PART + 1);
    let whole = in_pieces(&body, 1 << 20);
    let function = Function::answering(move |request| {
        let is_first = request.host.contains(OTHER);
        if is_first { whole.clone().ending(End::Broken) } else { whole.clone() }
    });
    let mut event = object("always");
    event["failover"] = json!({"targets": [{"region": "us-east-1"}]});
    let result = function.invoke(event).await.unwrap();
    assert_eq!(result["$metadata"]["region"], "us-east-1");
    assert_eq!(result["$metadata"]["failedTargets"][0]["error"], "CrossRegion.MalformedResponse");
    assert!(function.buckets.object(NAME).unwrap().bytes == body);
    assert_eq!(function.buckets.left_behind(), 0);
}

/// What S3 says, whatever the size: the call is done all the same.
#[tokio::test]
async fn what_s3_refuses_is_its_own_error_of_a_call_that_is_done() {
    for (status, code) in [(403, "AccessDenied"), (503, "SlowDown"), (400, "InvalidRequest")] {
        for (size, action) in [(10, "putObject"), (PART, "createMultipartUpload")] {
            let sent = in_pieces(&noise(size), 1 << 20);
            let buckets = Buckets::new(&[("results", HOME)], move |_| sent.clone())
                .refusing(move |_| Some(refusal(status, code)));
            let function = Function::over(buckets);
            let mut event = object("always");
            // Not stored is not unserved: no other target is asked.
            event["failover"] =
                json!({"targets": [{"region": "us-east-1"}], "on": ["transient", "throttling"]});
            let error = function.invoke(event).await.unwrap_err();
            assert_eq!((error.name(), error.effect), (code, Effect::Done));
            let report = told(&error);
            assert_eq!(
                report["message"],
                format!("the call is done, but its result could not be stored in `resultTo`: {code} it is")
            );
            assert_eq!((&report["service"], &report["action"]), (&json!("s3"), &json!(action)));
            assert_eq!((&report["region"], &report["statusCode"]), (&json!(HOME), &json!(status)));
            assert_eq!((&report["requestId"], &report["code"]), (&json!("of-s3"), &json!(code)));
            assert_eq!(function.buckets.objects(), 0);
            assert!(!function.buckets.take().iter().any(|it| it.host.contains("us-east-1")));
        }
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there_or_elsewhere_is_told() {
    for (buckets, code, status) in [
        (&[("others", HOME)][..], "NoSuchBucket", 404),
        (&[("results", OTHER)][..], "PermanentRedirect", 301),
    ] {
        let function = Function::over(Buckets::new(buckets, |_| item_of(10)));
        let error = function.invoke(item("always")).await.unwrap_err();
        assert_eq!((error.name(), error.effect, error.status_code), (code, Effect::Done, Some(status)));
        assert_eq!(function.stored_by(), ["PUT"], "redirects are not followed");
    }
}

#[tokio::test]
async fn names_of_step_functions_own_spelling_are_those_of_s3() {
    let buckets =
        Buckets::new(&[("results", HOME)], |_| item_of(10)).refusing(|_| Some(refusal(403, "AccessDenied")));
    let mut event = item("always");
    event["spelling"] = "stepFunctions".into();
    let error = Function::over(buckets).invoke(event.clone()).await.unwrap_err();
    assert_eq!((error.name(), error.code.as_deref()), ("S3.AccessDeniedException", Some("AccessDenied")));

    let result = Function::answering(|_| item_of(10)).invoke(event).await.unwrap();
    assert_eq!(result.as_object().unwrap().keys().collect::<Vec<_>>(), ["resultTo"]);
}

type Which = fn(&Request) -> bool;

#[tokio::test]
async fn an_upload_that_fails_on_its_way_is_aborted() {
    let sent = in_pieces(&noise(PART + 1), 1 << 20);
    let is_second = |request: &Request| request.query.contains(&("partNumber".to_owned(), "2".to_owned()));
    let is_completing = |request: &Request| {
        request.method == "POST"
            && request.path.ends_with("out/a")
            && request.query.iter().any(|(name, _)| name == "uploadId")
    };
    for (which, action) in [(is_second as Which, "uploadPart"), (is_completing, "completeMultipartUpload")] {
        let sent = sent.clone();
        let buckets = Buckets::new(&[("results", HOME)], move |_| sent.clone())
            .refusing(move |request| which(request).then(|| refusal(403, "AccessDenied")));
        let function = Function::over(buckets);
        let error = function.invoke(object("always")).await.unwrap_err();
        assert_eq!((error.name(), error.action.as_deref()), ("AccessDenied", Some(action)));
        assert!(!error.message.contains("may remain"), "{}", error.message);
        assert_eq!((function.buckets.objects(), function.buckets.left_behind()), (0, 0));
    }
}

#[tokio::test]
async fn what_an_upload_leaves_behind_is_said() {
    let sent = in_pieces(&noise(PART), 1 << 20).ending(End::Broken);
    let buckets = Buckets::new(&[("results", HOME)], move |_| sent.clone())
        .refusing(|request| (request.method == "DELETE").then(|| refusal(403, "AccessDenied")));
    let function = Function::over(buckets);
    let error = function.invoke(object("always")).await.unwrap_err();
    assert!(
        error.message.ends_with("the parts that were uploaded may remain in the bucket"),
        "{}",
        error.message
    );
    assert_eq!(function.buckets.left_behind(), 1);
}

/// S3 may answer 200 to the last request of an upload, and fail.
#[tokio::test]
async fn an_upload_that_is_completed_without_an_object_is_not_done() {
    for told in [refusal(200, "InternalError"), Told::pieces(["<CompleteMultipartUploadResult/>"])] {
        let sent = in_pieces(&noise(PART), 1 << 20);
        let buckets = Buckets::new(&[("results", HOME)], move |_| sent.clone()).refusing(move |request| {
            let is_last =
                request.method == "POST" && request.query.iter().any(|(name, _)| name == "uploadId");
            is_last.then(|| told.clone())
        });
        let function = Function::over(buckets);
        let error = function.invoke(object("always")).await.unwrap_err();
        assert_eq!((error.effect, error.action.as_deref()), (Effect::Done, Some("completeMultipartUpload")));
        assert_eq!((function.buckets.objects(), function.buckets.left_behind()), (0, 0));
    }
}

#[tokio::test]
async fn time_that_runs_out_leaves_nothing_behind() {
    let time = Duration::from_secs(3);
    // The source stalls.
    for (size, when) in [(1_000, "overLimit"), (PART + 1, "always")] {
        let sent = in_pieces(&noise(size), 1 << 20).ending(End::Stalled);
        let function = Function::answering(move |_| sent.clone());
        let started = Instant::now();
        let error = function.invoke_within(time, object(when)).await.unwrap_err();
        assert_eq!((error.name(), error.effect), ("CrossRegion.OutcomeUnknown", Effect::Unknown));
        assert!(started.elapsed() < time, "{:?}", started.elapsed());
        assert_eq!((function.buckets.objects(), function.buckets.left_behind()), (0, 0));
    }
    // S3 stalls: what was called is done, and must not be called again for that.
    let stalls = |told: Told, which: &'static str| {
        Buckets::new(&[("results", HOME)], move |_| told.clone())
            .refusing(move |request| (request.method == which).then_some(SILENT))
    };
    for (told, which, event, effect) in [
        (item_of(10), "PUT", item("always"), Effect::Done),
        // Nobody has seen the end of this one.
        (in_pieces(&noise(PART), 1 << 20), "POST", object("always"), Effect::Unknown),
    ] {
        let function = Function::over(stalls(told, which));
        let started = Instant::now();
        let error = function.invoke_within(time, event).await.unwrap_err();
        assert!(started.elapsed() < time, "{:?}", started.elapsed());
        assert_eq!((error.name(), error.effect), ("CrossRegion.OutcomeUnknown", effect));
        assert_eq!((function.buckets.objects(), function.buckets.left_behind()), (0, 0));
    }
}

#[tokio::test]
async fn nothing_is_sent_unless_one_entry_lists_the_place() {
    let entry = |results: Value| json!({"service": "dynamodb", "actions": ["getItem"], "regions": [OTHER], "results": results});
    let refused = |table: Value, change: Value| async move {
        let buckets = Buckets::new(&[("results", HOME)], |_| item_of(10));
        let function = Function::with(config(&table), buckets);
        let mut event = item("always");
        event["resultTo"].as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let outcome = function.invoke(event).await;
        let sent = function.buckets.take().len();
        outcome.map(|_| sent).map_err(|error| {
            assert_eq!((error.name(), error.effect, sent), ("CrossRegion.NotAllowed", Effect::None, 0));
            error.message
        })
    };
    let unlisted =
        "the operation table does not list the bucket and key of `resultTo` for `GetItem` of `dynamodb`";
    let here = json!([{"bucket": "results", "keyPrefix": "out/", "region": HOME}]);
    assert_eq!(refused(json!([entry(here.clone())]), json!({})).await, Ok(2));

    for (what, results, change) in [
        ("no place", json!([]), json!({})),
        ("another bucket", here.clone(), json!({"bucket": "others"})),
        ("a bucket that begins alike", here.clone(), json!({"bucket": "results-of-others"})),
        ("a key that only begins alike", here.clone(), json!({"key": "output"})),
        ("a key above the prefix", here.clone(), json!({"key": "out"})),
        ("a key with another slash", here.clone(), json!({"key": "/out/a"})),
        ("a key in another case", here.clone(), json!({"key": "OUT/a"})),
        ("an escaped key", here.clone(), json!({"key": "out%2Fa"})),
    ] {
        let message = refused(json!([entry(results)]), change).await.unwrap_err();
        assert_eq!(message, unlisted, "{what}");
    }
    let elsewhere = refused(json!([entry(here.clone())]), json!({"region": OTHER})).await.unwrap_err();
    assert_eq!(
        elsewhere,
        "the operation table lists the bucket and key of `resultTo` for `GetItem` of `dynamodb` in another Region than \
         `us-west-2`"
    );
    // Without a Region of its own, a place is in the Regions of the entry.
    let anywhere = json!([{"bucket": "results", "keyPrefix": "out/"}]);
    assert!(refused(json!([entry(anywhere.clone())]), json!({})).await.is_err());
    let mut both = entry(anywhere);
    both["regions"] = json!([OTHER, HOME]);
    assert_eq!(refused(json!([both]), json!({})).await, Ok(2));
    // Entries are never put together.
    let other = json!({"service": "dynamodb", "actions": ["putItem"], "regions": [OTHER], "results": here});
    assert!(refused(json!([entry(json!([])), other]), json!({})).await.is_err());
    let mut away = entry(here);
    away["regions"] = json!(["us-east-1"]);
    assert!(refused(json!([entry(json!([])), away]), json!({})).await.is_err());
}

/// The place of a result is not what may be called there.
#[tokio::test]
async fn a_place_permits_no_call() {
    let function = Function::answering(|_| item_of(10));
    let put = json!({"service": "s3", "action": "putObject", "region": HOME, "parameters": {"Bucket": "results", "Key": "out/a"}});
    let error = function.invoke(put).await.unwrap_err();
    assert_eq!(error.name(), "CrossRegion.NotAllowed");
    let mut call = item("always");
    call["region"] = HOME.into();
    assert_eq!(function.invoke(call).await.unwrap_err().name(), "CrossRegion.NotAllowed");
    assert!(function.buckets.take().is_empty());
}

#[tokio::test]
async fn the_functions_own_role_stores_whoever_calls() {
    let role = "arn:aws:iam::111122223333:role/reader";
    let mut table = table();
    table[1]["roles"] = json!([role]);
    let buckets = Buckets::new(&[("results", HOME)], |request| {
        if request.host.starts_with("sts.") {
            return Reply::ok(
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAREADER</AccessKeyId>\
                 <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
                 <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
            )
            .into();
        }
        item_of(10)
    });
    let function = Function::with(config(&table), buckets);
    let mut event = item("always");
    event["assumeRole"] = json!({"roleArn": role});
    function.invoke(event).await.unwrap();
    let signed: Vec<(String, bool)> = function
        .buckets
        .take()
        .iter()
        .map(|it| {
            let service = it.headers["authorization"].split('/').nth(3).unwrap().to_owned();
            (service, it.headers["authorization"].contains("Credential=ASIAREADER/"))
        })
        .collect();
    let expected = [("sts", false), ("dynamodb", true), ("s3", false)];
    assert_eq!(signed, expected.map(|(service, is_role)| (service.to_owned(), is_role)));
}

#[tokio::test]
async fn pages_are_stored_merged_and_can_go_on() {
    let function = Function::answering(|request| {
        let is_first = !request.query.iter().any(|(name, _)| name == "continuation-token");
        let keys = format!("<Contents><Key>{}</Key></Contents>", "k".repeat(500)).repeat(1_000);
        let next = if is_first { "<NextContinuationToken>=</NextContinuationToken>" } else { "" };
        Told::pieces([format!(
            "<ListBucketResult><IsTruncated>{is_first}</IsTruncated>{next}{keys}</ListBucketResult>"
        )])
    });
    let list = |fields: Value| {
        let mut event = json!({
            "service": "s3", "action": "listObjectsV2", "parameters": {"Bucket": "covers"}, "resultTo": to("overLimit"),
        });
        event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        event
    };
    let stored = |function: &Function| {
        serde_json::from_slice::<Value>(&function.buckets.object(NAME).unwrap().bytes).unwrap()
    };

    let result = function.invoke(list(json!({"paginate": {}}))).await.unwrap();
    assert_eq!(stored(&function)["Contents"].as_array().unwrap().len(), 2_000);
    assert_eq!(result.as_object().unwrap().keys().collect::<Vec<_>>(), ["$metadata", "resultTo"]);
    assert_eq!((&result["$metadata"]["resume"], &result["$metadata"]["attempts"]), (&Value::Null, &json!(2)));

    let result = function.invoke(list(json!({"paginate": {"maxPages": 1, "partial": true}}))).await.unwrap();
    assert_eq!(stored(&function)["Contents"].as_array().unwrap().len(), 1_000);
    assert_eq!(result["$metadata"]["resume"], json!({"ContinuationToken": "="}));

    let select = json!({"paginate": {"maxPages": 1}, "select": "Contents[].Key"});
    let result = function.invoke(list(select)).await.unwrap();
    assert_eq!(stored(&function)["result"].as_array().unwrap().len(), 1_000);
    assert_eq!(result["resume"], json!({"ContinuationToken": "="}));
    assert_eq!(result.as_object().unwrap().keys().collect::<Vec<_>>(), ["$metadata", "resultTo", "resume"]);

    let select = json!({"paginate": {}, "select": "Contents[0].Key"});
    let result = function.invoke(list(select)).await.unwrap();
    assert!(
        result["result"].is_string() && result.get("resultTo").is_none(),
        "within the limit once selected"
    );
}

#[tokio::test]
async fn a_failed_functions_report_is_an_error_and_no_result() {
    let function = Function::answering(|_| {
        Told::pieces(["{\"errorType\":\"Broken\",\"errorMessage\":\"no\"}"])
            .with("x-amz-function-error", "Unhandled")
    });
    let mut event = json!({
        "service": "lambda", "action": "invoke", "parameters": {"FunctionName": "f"}, "resultTo": to("always"),
    });
    let error = function.invoke(event.clone()).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("Broken", Effect::Done));
    assert_eq!(function.buckets.objects(), 0);

    event["functionError"] = "return".into();
    let result = function.invoke(event).await.unwrap();
    assert_eq!((&result["FunctionError"], &result["resultTo"]["size"]), (&json!("Unhandled"), &json!(42)));
}

#[tokio::test]
async fn an_error_of_the_service_is_no_body() {
    let function = Function::answering(|_| refusal(404, "NoSuchKey"));
    let error = function.invoke(object("always")).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("NoSuchKey", Effect::None));
    assert_eq!(error.message, "NoSuchKey it is");
    assert_eq!((function.buckets.objects(), function.stored_by().len()), (0, 0));
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_sent() {
    let function = Function::answering(|_| item_of(10));
    let mut event = object("always");
    event["select"] = "Body".into();
    let error = function.invoke(event).await.unwrap_err();
    assert_eq!(error.name(), "CrossRegion.InvalidEvent");
    assert_eq!(error.message, "select: the body of `getObject` is stored as it comes in, unseen");
    assert!(function.buckets.take().is_empty());
}

#[tokio::test]
async fn the_result_of_a_procedure_is_stored_whole() {
    let cluster = "https://*.route53-recovery-cluster.us-east-1.amazonaws.com/v1";
    let table = json!([{
        "procedure": "routingControl.get", "regions": ["us-east-1"], "endpoints": [cluster],
        "results": [{"bucket": "results", "region": HOME}],
    }]);
    let answer = json!({"RoutingControlArn": "tokyo", "RoutingControlState": "On"}).to_string();
    let buckets = Buckets::new(&[("results", HOME)], move |_| Told::pieces([answer.clone()]));
    let function = Function::with(config(&table), buckets);
    let mut event = json!({
        "procedure": "routingControl.get", "region": "us-east-1", "resultTo": to("always"),
        "parameters": {"RoutingControlArns": ["tokyo"], "ClusterEndpoints": [
            {"Endpoint": "https://c1.route53-recovery-cluster.us-east-1.amazonaws.com/v1", "Region": "us-east-1"},
        ]},
    });
    let result = function.invoke(event.clone()).await.unwrap();
    let stored: Value = serde_json::from_slice(&function.buckets.object(NAME).unwrap().bytes).unwrap();
    assert_eq!(stored["$metadata"], result["$metadata"]);
    assert!(
        stored.to_string().contains("tokyo") && !result.to_string().contains("tokyo"),
        "{stored} {result}"
    );

    event["resultTo"]["bucket"] = "others".into();
    let error = function.invoke(event).await.unwrap_err();
    assert_eq!(
        error.message,
        "the operation table does not list the bucket and key of `resultTo` for `routingControl.get`"
    );
}

/// A table of records that holds what it is told, and keeps the condition of the first put.
#[derive(Clone, Default)]
struct Records(Arc<Mutex<BTreeMap<String, Value>>>);

impl Records {
    fn answer(&self, request: &Request) -> Told {
        let asked: Value = serde_json::from_slice(&request.body).unwrap();
        let mut records = self.0.lock().unwrap();
        if request.headers["x-amz-target"].ends_with("PutItem") {
            let id = asked["Item"]["id"]["S"].as_str().unwrap().to_owned();
            if let Some(known) = records.get(&id) {
                let failed = json!({"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "Item": known});
                return Told { status: 400, ..Told::pieces([failed.to_string()]) };
            }
            records.insert(id, asked["Item"].clone());
        } else {
            let record = records.get_mut(asked["Key"]["id"]["S"].as_str().unwrap()).unwrap();
            for name in asked["ExpressionAttributeNames"].as_object().unwrap().values() {
                let name = name.as_str().unwrap();
                if let Some(value) = asked["ExpressionAttributeValues"].get(format!(":{name}")) {
                    record[name] = value.clone();
                }
            }
        }
        Told::pieces(["{}"])
    }
}

/// Hexadecimal noise of a megabyte deflates to half of it, which no item holds, and is no more than this function hands
/// back.
#[tokio::test]
async fn a_result_that_no_record_can_hold_is_stored_and_replayed_as_the_same_pointer() {
    let text = hex::encode(noise(500_000));
    let item = json!({"Item": {"text": {"S": text}}}).to_string();
    let records = Records::default();
    let calls = Arc::new(Mutex::new(0));
    let (kept, counted) = (records.clone(), Arc::clone(&calls));
    let buckets = Buckets::new(&[("results", HOME)], move |request| {
        // The function's own Region, where nothing else is called.
        if request.host.contains(HOME) {
            return kept.answer(request);
        }
        *counted.lock().unwrap() += 1;
        Told::pieces([item.clone()])
    });
    let arn = TableArn::parse("arn:aws:dynamodb:ap-northeast-1:123456789012:table/records").unwrap();
    let config = Config { idempotency_table: Some(arn), result_limit: 6_000_000, ..config(&table()) };
    let function = Function::with(config, buckets);
    let mut event = self::item("overLimit");

    let unrecorded = function.invoke(event.clone()).await.unwrap();
    assert_eq!(
        unrecorded["Item"]["text"]["S"].as_str().map(str::len),
        Some(1_000_000),
        "it is within the limit"
    );

    event["idempotency"] = json!({"namespace": "Stack/Task", "key": "order-17"});
    let first = function.invoke(event.clone()).await.unwrap();
    let stored = function.buckets.object(NAME).unwrap();
    assert_eq!(first["resultTo"], pointer(&stored.bytes, "application/json"));
    assert!(stored.bytes.len() > 1_000_000);
    assert_eq!(function.invoke(event).await.unwrap(), first);
    assert_eq!(*calls.lock().unwrap(), 2, "the replay made no call");
    assert_eq!(records.0.lock().unwrap().len(), 1);
}
