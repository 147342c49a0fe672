//! Amazon S3 in whole invocations: sessions, buckets elsewhere, errors in answers of status 200, checksums, odd members.

use std::sync::atomic::{AtomicUsize, Ordering};

use handler::error::Error;
use serde_json::{Value, json};
use tests::invoked::{Function, entry};
use tests::recording::Reply;
use tests::wire::Request;

const EXPRESS: &str = "fast--usw2-az1--x-s3";

fn call(action: &str, parameters: Value) -> Value {
    json!({"service": "s3", "action": action, "parameters": parameters})
}

/// One call by a function that may make it.
async fn answered(action: &str, parameters: Value, reply: Reply) -> Result<Value, Error> {
    let function = Function::new(&json!([entry("s3", &[action])]), move |_| reply.clone());
    function.invoke(call(action, parameters)).await
}

fn message(error: &Error) -> Value {
    serde_json::from_str(&error.to_message()).unwrap()
}

fn is_session(request: &Request) -> bool {
    request.query.iter().any(|(name, _)| name == "session")
}

fn session(expiration: &str) -> Reply {
    Reply::ok(format!(
        "<CreateSessionResult><Credentials><AccessKeyId>ASIASESSION</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
         <SessionToken>token</SessionToken><Expiration>{expiration}</Expiration></Credentials></CreateSessionResult>"
    ))
}

fn express(table: &Value, expiration: &'static str) -> Function {
    Function::new(
        table,
        move |request| if is_session(request) { session(expiration) } else { Reply::empty() },
    )
}

#[tokio::test]
async fn a_session_is_opened_once_for_each_directory_bucket() {
    let table = json!([entry("s3", &["headObject"]), entry("s3", &["createSession"])]);
    let function = express(&table, "2099-01-01T00:00:00Z");
    for bucket in [EXPRESS, EXPRESS, "other--usw2-az1--x-s3", EXPRESS] {
        function.invoke(call("headObject", json!({"Bucket": bucket, "Key": "k"}))).await.unwrap();
    }
    let sent = function.wire.take();
    let sessions: Vec<bool> = sent.iter().map(is_session).collect();
    assert_eq!(sessions, [true, false, false, true, false, false]);
    for request in &sent {
        let (key, token) =
            if is_session(request) { ("AKIDEXAMPLE", None) } else { ("ASIASESSION", Some("token")) };
        let authorization = &request.headers["authorization"];
        assert!(authorization.contains(&format!("Credential={key}/")), "{authorization}");
        assert!(authorization.contains("/s3express/aws4_request"), "{authorization}");
        assert_eq!(request.headers.get("x-amz-s3session-token").map(String::as_str), token);
        assert!(!request.headers.contains_key("x-amz-security-token"));
        assert_eq!(request.host.split_once('.').unwrap().1, "s3express-usw2-az1.us-west-2.amazonaws.com");
    }
}

#[tokio::test]
async fn a_session_that_has_expired_is_not_used() {
    let table = json!([entry("s3", &["headObject"]), entry("s3", &["createSession"])]);
    let function = express(&table, "2020-01-01T00:00:00Z");
    for _ in 0..2 {
        function.invoke(call("headObject", json!({"Bucket": EXPRESS, "Key": "k"}))).await.unwrap();
    }
    assert_eq!(function.wire.take().len(), 4);
}

#[tokio::test]
async fn a_session_needs_an_entry_of_its_own() {
    let function = express(&json!([entry("s3", &["headObject"])]), "2099-01-01T00:00:00Z");
    let error =
        function.invoke(call("headObject", json!({"Bucket": EXPRESS, "Key": "k"}))).await.unwrap_err();
    assert_eq!(error.name(), "CrossRegion.NotAllowed");
    assert!(error.message.contains("createSession"), "{}", error.message);
    assert!(function.wire.take().is_empty());
}

#[tokio::test]
async fn a_session_without_credentials_is_a_malformed_answer() {
    let table = json!([entry("s3", &["headObject", "createSession"])]);
    let function = Function::new(&table, |_| Reply::ok("<CreateSessionResult/>"));
    let error =
        function.invoke(call("headObject", json!({"Bucket": EXPRESS, "Key": "k"}))).await.unwrap_err();
    assert_eq!(error.name(), "CrossRegion.MalformedResponse");
    assert_eq!(message(&error)["effect"], "none");
}

#[tokio::test]
async fn a_multi_region_access_point_needs_every_region_at_once() {
    let bucket = "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap";
    let event = call("headObject", json!({"Bucket": bucket, "Key": "k"}));
    let any = json!([{"service": "s3", "actions": ["headObject"], "regions": ["*"]}]);
    let function = Function::new(&any, |_| Reply::empty());
    let error = function.invoke(event.clone()).await.unwrap_err();
    assert_eq!(error.name(), "CrossRegion.NotAllowed");
    assert!(error.message.contains("`*global*`"), "{}", error.message);
    assert!(function.wire.take().is_empty());

    let function = Function::new(&json!([entry("s3", &["headObject"])]), |_| Reply::empty());
    function.invoke(event).await.unwrap();
    let sent = function.wire.take();
    assert_eq!(sent[0].host, "mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com");
    assert_eq!(sent[0].headers["x-amz-region-set"], "*");
    assert!(sent[0].headers["authorization"].starts_with("AWS4-ECDSA-P256-SHA256 "));
}

#[tokio::test]
async fn a_bucket_elsewhere_is_an_error_that_says_where() {
    let key = json!({"Bucket": "b", "Key": "k"});
    let body =
        |code: &str, more: &str| format!("<Error><Code>{code}</Code><Message>no</Message>{more}</Error>");
    let here = "<Region>eu-west-1</Region>";
    for (action, reply, name) in [
        ("getObject", Reply::status(301, body("PermanentRedirect", "")), "PermanentRedirect"),
        ("getObject", Reply::status(307, body("TemporaryRedirect", "")), "TemporaryRedirect"),
        (
            "getObject",
            Reply::status(400, body("IllegalLocationConstraintException", "")),
            "IllegalLocationConstraintException",
        ),
        ("headObject", Reply::status(301, ""), "PermanentRedirect"),
        ("headObject", Reply::status(307, ""), "TemporaryRedirect"),
        ("headObject", Reply::status(400, ""), "BadRequest"),
    ] {
        let reply = reply.with("x-amz-bucket-region", "eu-west-1").with("x-amz-request-id", "R1");
        let error = answered(action, key.clone(), reply).await.unwrap_err();
        assert_eq!(error.name(), name);
        assert!(error.message.ends_with("(the bucket is in `eu-west-1`)"), "{}", error.message);
        let message = message(&error);
        assert_eq!(message["fields"]["BucketRegion"], "eu-west-1");
        assert_eq!((&message["effect"], &message["requestId"]), (&json!("none"), &json!("R1")));
    }
    let malformed = Reply::status(400, body("AuthorizationHeaderMalformed", here));
    let error = answered("getObject", key.clone(), malformed).await.unwrap_err();
    assert_eq!(message(&error)["fields"]["BucketRegion"], "eu-west-1");
    // A service that is not redirecting says nothing of Regions.
    let plain = Reply::status(400, body("InvalidArgument", ""));
    assert!(message(&answered("getObject", key, plain).await.unwrap_err())["fields"].is_null());
}

/// Their answers have no body to read a code from.
#[tokio::test]
async fn errors_without_a_body_are_named_by_their_status() {
    let key = json!({"Bucket": "b", "Key": "k"});
    for (action, status, name) in [
        ("headObject", 304, "NotModified"),
        ("headObject", 403, "Forbidden"),
        ("headObject", 404, "NotFound"),
        ("headObject", 405, "MethodNotAllowed"),
        ("headObject", 412, "PreconditionFailed"),
        ("getObject", 304, "NotModified"),
    ] {
        let error = answered(action, key.clone(), Reply::status(status, "")).await.unwrap_err();
        assert_eq!(error.name(), name, "{action} {status}");
        assert_eq!(message(&error)["statusCode"], status);
        assert_eq!(message(&error)["effect"], "none");
    }
}

#[tokio::test]
async fn an_error_in_an_answer_of_status_200_is_an_error() {
    let body = "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchUpload</Code><Message>gone</Message></Error>";
    for (action, parameters) in [
        ("copyObject", json!({"Bucket": "b", "Key": "k", "CopySource": "s/o"})),
        ("completeMultipartUpload", json!({"Bucket": "b", "Key": "k", "UploadId": "u"})),
        ("listObjectsV2", json!({"Bucket": "b"})),
        ("putBucketVersioning", json!({"Bucket": "b", "VersioningConfiguration": {"Status": "Enabled"}})),
    ] {
        let error = answered(action, parameters, Reply::ok(body)).await.unwrap_err();
        assert_eq!(error.name(), "NoSuchUpload", "{action}");
        assert_eq!(message(&error)["statusCode"], 200);
    }
    // An object that looks like one is an object.
    let result = answered("getObject", json!({"Bucket": "b", "Key": "k"}), Reply::ok(body)).await.unwrap();
    assert_eq!(result["Body"], body);
}

#[tokio::test]
async fn an_internal_error_in_status_200_is_tried_again() {
    static ANSWERED: AtomicUsize = AtomicUsize::new(0);
    let function = Function::new(&json!([entry("s3", &["copyObject"])]), |_| {
        if ANSWERED.fetch_add(1, Ordering::Relaxed) == 0 {
            return Reply::ok("<Error><Code>InternalError</Code><Message>again</Message></Error>");
        }
        Reply::ok("<CopyObjectResult><ETag>e</ETag></CopyObjectResult>")
    });
    let mut event = call("copyObject", json!({"Bucket": "b", "Key": "k", "CopySource": "s/o"}));
    event["retry"] = json!({"mode": "sdk", "maxAttempts": 2});
    let result = function.invoke(event).await.unwrap();
    assert_eq!(result["CopyObjectResult"]["ETag"], "e");
    assert_eq!(result["$metadata"]["attempts"], 2);
}

#[tokio::test]
async fn expires_may_be_any_text() {
    for (text, time) in [
        ("Thu, 01 Jan 2026 00:00:00 GMT", json!("2026-01-01T00:00:00.000Z")),
        ("0", Value::Null),
        ("next tuesday", Value::Null),
        ("Thu, 99 Foo 2026", Value::Null),
    ] {
        for action in ["getObject", "headObject"] {
            let reply = Reply::empty().with("expires", text).with("etag", "e");
            let result = answered(action, json!({"Bucket": "b", "Key": "k"}), reply).await.unwrap();
            assert_eq!(result["ExpiresString"], text);
            assert_eq!(result["ETag"], "e");
            // A number counts as seconds for some clients, so either answer will do.
            if text != "0" {
                assert_eq!(result["Expires"], time, "{action} {text}");
            }
        }
    }
    let result = answered("getObject", json!({"Bucket": "b", "Key": "k"}), Reply::empty()).await.unwrap();
    assert!(result.get("ExpiresString").is_none());
}

#[tokio::test]
async fn what_arrives_is_what_is_stored() {
    let key = json!({"Bucket": "b", "Key": "k"});
    for (header, right) in [
        ("x-amz-checksum-crc32", "NhCmhg=="),
        ("x-amz-checksum-crc32c", "mnG7TA=="),
        ("x-amz-checksum-crc64nvme", "M3eFcAZSQlc="),
        ("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="),
        ("x-amz-checksum-sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="),
    ] {
        let reply = Reply::ok("hello").with(header, right);
        let result = answered("getObject", key.clone(), reply).await.unwrap();
        assert_eq!(result["Body"], "hello", "{header}");
        let error =
            answered("getObject", key.clone(), Reply::ok("hellO").with(header, right)).await.unwrap_err();
        assert_eq!(error.name(), "CrossRegion.MalformedResponse", "{header}");
        assert!(error.message.contains("does not match its bytes"), "{}", error.message);
    }
    // A checksum of checksums says nothing of the bytes.
    let parts = Reply::ok("hello").with("x-amz-checksum-crc32", "AAAAAA==-2");
    assert_eq!(answered("getObject", key, parts).await.unwrap()["Body"], "hello");
}

#[tokio::test]
async fn a_location_is_a_bare_element() {
    let parameters = json!({"Bucket": "b"});
    for (body, expected) in [
        (
            "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">eu-west-1</LocationConstraint>",
            json!("eu-west-1"),
        ),
        ("<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>", Value::Null),
    ] {
        let result = answered("getBucketLocation", parameters.clone(), Reply::ok(body)).await.unwrap();
        assert_eq!(result["LocationConstraint"], expected);
    }
}

/// Two members of the older notifications share an element.
#[tokio::test]
async fn no_event_of_an_older_notification_is_lost() {
    let events = |count: usize| {
        (1..=count).map(|at| format!("<Event>s3:Event{at}</Event>")).collect::<Vec<_>>().concat()
    };
    let body = |count: usize| {
        format!(
            "<NotificationConfiguration><QueueConfiguration>{0}<Queue>q</Queue></QueueConfiguration>\
             <TopicConfiguration>{0}<Topic>t</Topic></TopicConfiguration></NotificationConfiguration>",
            events(count)
        )
    };
    for (count, queue, topic) in [
        (1, json!({"Event": "s3:Event1", "Queue": "q"}), json!({"Events": ["s3:Event1"], "Topic": "t"})),
        (
            3,
            json!({"Event": "s3:Event1", "Events": ["s3:Event1", "s3:Event2", "s3:Event3"], "Queue": "q"}),
            json!({"Events": ["s3:Event1", "s3:Event2", "s3:Event3"], "Topic": "t"}),
        ),
    ] {
        let bucket = json!({"Bucket": "bucket"});
        let result = answered("getBucketNotification", bucket, Reply::ok(body(count))).await.unwrap();
        assert_eq!((&result["QueueConfiguration"], &result["TopicConfiguration"]), (&queue, &topic));
    }
}

#[tokio::test]
async fn a_bucket_is_created_where_the_request_goes() {
    for (region, parameters, expected) in [
        ("eu-west-1", json!({"Bucket": "b"}), Some("<LocationConstraint>eu-west-1</LocationConstraint>")),
        ("us-east-1", json!({"Bucket": "b"}), None),
        (
            "eu-west-1",
            json!({"Bucket": "b", "CreateBucketConfiguration": {"LocationConstraint": "EU"}}),
            Some("<LocationConstraint>EU</LocationConstraint>"),
        ),
    ] {
        let function = Function::new(&json!([entry("s3", &["createBucket"])]), |_| Reply::empty());
        let mut event = call("createBucket", parameters);
        event["region"] = region.into();
        function.invoke(event).await.unwrap();
        let body = String::from_utf8(function.wire.take()[0].body.clone()).unwrap();
        match expected {
            Some(expected) => assert!(body.contains(expected), "{body}"),
            None => assert_eq!(body, ""),
        }
    }
}

/// Without the bucket, the request would be one about all buckets, or about a bucket called like the key.
#[tokio::test]
async fn a_bucket_or_key_without_a_name_is_refused() {
    let function =
        Function::new(&json!([entry("s3", &["deleteObject", "deleteBucket"])]), |_| Reply::empty());
    for (action, parameters) in [
        ("deleteBucket", json!({"Bucket": ""})),
        ("deleteObject", json!({"Bucket": "", "Key": "k"})),
        ("deleteObject", json!({"Bucket": "b", "Key": ""})),
    ] {
        let error = function.invoke(call(action, parameters)).await.unwrap_err();
        assert_eq!(error.name(), "CrossRegion.InvalidParameters", "{}", error.message);
    }
    assert!(function.wire.take().is_empty());
}

/// XML cannot write these characters, yet S3 does, as references: its clients in Python ask for URL encoding instead.
#[tokio::test]
async fn keys_with_control_characters_are_listed() {
    let body =
        "<ListBucketResult><Contents><Key>a&#x1;b&#13;&#xD;&lt;\u{e9}</Key></Contents></ListBucketResult>";
    let result = answered("listObjectsV2", json!({"Bucket": "b"}), Reply::ok(body)).await.unwrap();
    assert_eq!(result["Contents"][0]["Key"], "a\u{1}b\r\r<\u{e9}");
}

/// What no header can hold is refused before anything is sent, in words that name no value.
#[tokio::test]
async fn metadata_outside_ascii_is_refused() {
    let function = Function::new(&json!([entry("s3", &["putObject"])]), |_| Reply::empty());
    let parameters = json!({"Bucket": "b", "Key": "k", "Metadata": {"title": "日本", "x": "line\nbreak"}});
    let error = function.invoke(call("putObject", parameters)).await.unwrap_err();
    assert_eq!(error.name(), "CrossRegion.InvalidParameters", "{}", error.message);
    assert!(!error.message.contains("日本"), "{}", error.message);
    assert_eq!(message(&error)["effect"], "none");
    assert!(function.wire.take().is_empty());
}
