//! `s3.transfer` as whole invocations over real sockets, against stand-ins for S3 that keep objects in files.
//!
//! Two servers: one is AWS, with a bucket in each of two Regions; the other is an endpoint of its own, so that bytes
//! must pass through the function.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use handler::client::Clients;
use handler::client::transport::Transport;
use handler::config::Config;
use handler::custom_endpoint::CustomEndpoint;
use handler::deadline::Deadline;
use handler::dispatch::Handler;
use handler::effect::Effect;
use handler::error::Error;
use handler::telemetry::Invocation;
use serde_json::{Value, json};
use tests::invoked::{config, credentials};
use tests::object_files::{AFTER, Asked, ObjectFiles, Store};

const SOURCE: &str = "source-bucket";
const TARGET: &str = "target-bucket";
const KEY: &str = "in/a b+c/é?&.txt";
const MIB: usize = 1 << 20;

const HEADERS: [(&str, &str); 8] = [
    ("content-type", "text/csv; charset=utf-8"),
    ("cache-control", "max-age=60"),
    ("content-disposition", "attachment"),
    ("content-encoding", "gzip"),
    ("content-language", "ja"),
    ("expires", "Fri, 27 Nov 2026 00:00:00 GMT"),
    ("x-amz-website-redirect-location", "/elsewhere"),
    ("x-amz-meta-team", "blue"),
];

type Refuse = Box<dyn Fn(&Asked, &Store) -> Option<(u16, &'static str)> + Send + Sync>;

/// A function between AWS and another endpoint.
struct World {
    aws: ObjectFiles,
    other: ObjectFiles,
    handler: Handler,
    _folder: Folder,
}

struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

impl World {
    fn new() -> Self {
        Self::refusing(|_, _| None)
    }

    /// Both servers refuse what the hook says.
    fn refusing(
        hook: impl Fn(&Asked, &Store) -> Option<(u16, &'static str)> + Clone + Send + Sync + 'static,
    ) -> Self {
        let folder = std::env::temp_dir().join(format!("transfer-{}", uuid::Uuid::new_v4()));
        for name in ["aws", "other"] {
            std::fs::create_dir_all(folder.join(name)).unwrap();
        }
        let again: Refuse = Box::new(hook.clone());
        let buckets = [(SOURCE, "ap-northeast-1"), (TARGET, "us-west-2")];
        let aws = ObjectFiles::serve(&folder.join("aws"), &buckets, 0, Box::new(hook));
        let other = ObjectFiles::serve(&folder.join("other"), &buckets, 0, again);
        let table = json!([{
            "procedure": "s3.transfer",
            "regions": ["us-west-2", "ap-northeast-1", "eu-west-1"],
            "endpoints": [other.url()],
            "sources": [{"bucket": SOURCE, "keyPrefix": "in/"}, {"bucket": "no-such-bucket"}],
            "results": [{"bucket": TARGET, "keyPrefix": "out/"}, {"bucket": TARGET, "keyPrefix": "list/"}],
        }]);
        let config =
            Config { endpoint_url: Some(CustomEndpoint::parse(&aws.url()).unwrap()), ..config(&table) };
        let clients = Clients::new(SharedCredentialsProvider::new(credentials()), Transport::default());
        let handler = Handler::new(config, clients).unwrap();
        Self { aws, other, handler, _folder: Folder(folder) }
    }

    async fn run(&self, event: Value) -> Result<Value, Error> {
        self.run_within(Duration::from_mins(2), event).await
    }

    async fn run_within(&self, time: Duration, event: Value) -> Result<Value, Error> {
        let mut invocation = Invocation::default();
        let raw = event.to_string();
        let outcome = self.handler.handle(raw.as_bytes(), Deadline::within(time), &mut invocation).await;
        outcome.map(|result| serde_json::from_str(result.get()).unwrap())
    }

    /// From the other endpoint to AWS.
    fn streamed(&self) -> Value {
        let mut event = copied();
        event["parameters"]["source"]["endpoint"] = self.other.url().into();
        event
    }

    fn has_no_upload(&self) -> bool {
        self.aws.store().uploads(TARGET, "out/x").is_empty()
    }
}

/// Within AWS.
fn copied() -> Value {
    json!({
        "procedure": "s3.transfer",
        "region": "us-west-2",
        "retry": {"mode": "none"},
        "parameters": {
            "source": {"bucket": SOURCE, "key": KEY, "region": "ap-northeast-1"},
            "target": {"bucket": TARGET, "key": "out/x"},
        },
    })
}

fn bytes(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(length as u64);
    let mut bytes = vec![0; length];
    random.fill(&mut bytes);
    bytes
}

fn said(error: &Error) -> (&str, Effect) {
    (error.name(), error.effect)
}

fn count(asked: &[String], name: &str) -> usize {
    asked.iter().filter(|it| *it == name).count()
}

#[tokio::test]
async fn one_principal_lets_s3_copy_in_the_targets_region() {
    let world = World::new();
    let content = bytes(20 * MIB);
    world.aws.store().put(SOURCE, KEY, &content, &HEADERS, Some("CRC64NVME"));
    let result = world.run(copied()).await.unwrap();
    let made = world.aws.store().object(TARGET, "out/x").unwrap();
    assert!(made.bytes() == content && made.headers == HEADERS.map(|(a, b)| (a.into(), b.into())).into());
    assert_eq!(world.aws.asked(), ["HeadObject", "HeadObject", "CopyObject"]);
    assert_eq!(
        (&result["path"], &result["size"], &result["parts"], &result["ETag"]),
        (&json!("copy"), &json!(content.len()), &json!(0), &json!(made.etag))
    );
    assert_eq!(
        result["checksum"],
        json!({"algorithm": "CRC64NVME", "value": made.checksum(), "isOfSource": true, "isOfTarget": true})
    );
}

#[tokio::test]
async fn what_two_endpoints_have_passes_through_with_all_that_goes_with_it() {
    for (algorithm, length) in
        [(Some("CRC64NVME"), 1), (Some("CRC32"), MIB), (Some("CRC32C"), 16 * MIB), (None, 3 * MIB), (None, 0)]
    {
        let world = World::new();
        let content = bytes(length);
        world.other.store().put(SOURCE, KEY, &content, &HEADERS, algorithm);
        let result = world.run(world.streamed()).await.unwrap();
        let made = world.aws.store().object(TARGET, "out/x").unwrap();
        assert!(made.bytes() == content);
        assert_eq!(made.headers, HEADERS.map(|(a, b)| (a.into(), b.into())).into());
        assert_eq!(
            result["checksum"],
            json!({
                "algorithm": algorithm.unwrap_or("CRC64NVME"), "value": made.checksum(),
                "isOfSource": algorithm.is_some(), "isOfTarget": true,
            })
        );
        assert_eq!((&result["path"], &result["size"]), (&json!("stream"), &json!(length)));
    }
}

#[tokio::test]
async fn large_objects_go_in_parts_on_both_paths() {
    let world = World::new();
    let content = bytes(40 * MIB + 17);
    world.other.store().put(SOURCE, KEY, &content, &HEADERS, Some("CRC64NVME"));
    let result = world.run(world.streamed()).await.unwrap();
    let made = world.aws.store().object(TARGET, "out/x").unwrap();
    assert!(made.bytes() == content);
    assert_eq!(made.headers, HEADERS.map(|(a, b)| (a.into(), b.into())).into());
    assert_eq!((&result["parts"], &result["resumedParts"]), (&json!(3), &json!(0)));
    assert_eq!(
        result["checksum"],
        json!({"algorithm": "CRC64NVME", "value": made.checksum(), "isOfSource": true, "isOfTarget": true})
    );
    assert!(world.has_no_upload());

    let world = World::new();
    world.aws.store().put(SOURCE, KEY, &vec![7; 257 * MIB], &HEADERS, Some("CRC32C"));
    let result = world.run(copied()).await.unwrap();
    let (source, made) = (world.aws.store().object(SOURCE, KEY), world.aws.store().object(TARGET, "out/x"));
    assert_eq!(made.as_ref().unwrap().checksum(), source.unwrap().checksum());
    assert_eq!(made.unwrap().headers, HEADERS.map(|(a, b)| (a.into(), b.into())).into());
    assert_eq!((&result["path"], &result["parts"]), (&json!("copy"), &json!(2)));
    let asked = world.aws.asked();
    assert_eq!((count(&asked, "UploadPartCopy"), count(&asked, "UploadPart")), (2, 1));
    assert!(world.has_no_upload());
}

#[tokio::test]
async fn what_stands_there_already_is_left_alone() {
    let world = World::new();
    world.other.store().put(SOURCE, KEY, &bytes(MIB), &HEADERS, Some("CRC64NVME"));
    world.run(world.streamed()).await.unwrap();
    world.aws.asked();
    let mut event = world.streamed();
    event["parameters"]["target"]["ifNoneMatch"] = "*".into();
    let result = world.run(event).await.unwrap();
    assert_eq!(result["path"], "none");
    assert_eq!(world.aws.asked(), ["HeadObject"]);

    // The same bytes under other headers are another object.
    world.other.store().put(SOURCE, KEY, &bytes(MIB), &HEADERS[1..], Some("CRC64NVME"));
    assert_eq!(world.run(world.streamed()).await.unwrap()["path"], "stream");
}

/// Of an object of ten parts the first few arrive in time.
#[tokio::test]
async fn the_next_attempt_goes_on_with_the_same_upload() {
    let slow = Arc::new(AtomicUsize::new(1));
    let hook = {
        let slow = Arc::clone(&slow);
        move |asked: &Asked, _: &Store| {
            let is_late =
                asked.number::<u32>("partNumber").is_some_and(|number| (5..10_000).contains(&number));
            if is_late && slow.load(Ordering::SeqCst) == 1 {
                std::thread::sleep(Duration::from_secs(6));
            }
            None
        }
    };
    let world = World::refusing(hook);
    let content = bytes(145 * MIB);
    world.other.store().put(SOURCE, KEY, &content, &HEADERS, Some("CRC64NVME"));
    let error = world.run_within(Duration::from_secs(5), world.streamed()).await.unwrap_err();
    assert_eq!(said(&error), ("CrossRegion.Incomplete", Effect::Unknown), "{error}");
    slow.store(0, Ordering::SeqCst);
    let uploads = world.aws.store().uploads(TARGET, "out/x");
    assert_eq!(uploads.len(), 1);
    let before = uploads[0].1.iter().filter(|number| **number < 10_000).count();
    assert!(before >= 1, "{uploads:?}");
    world.aws.asked();

    let result = world.run(world.streamed()).await.unwrap();
    let resumed = usize::try_from(result["resumedParts"].as_u64().unwrap()).unwrap();
    assert!(resumed >= before && resumed < 10, "{result}");
    let asked = world.aws.asked();
    assert_eq!(count(&asked, "CreateMultipartUpload"), 0);
    assert_eq!(count(&asked, "UploadPart"), 10 - resumed);
    assert!(world.aws.store().object(TARGET, "out/x").unwrap().bytes() == content);
    assert!(world.has_no_upload());
}

#[tokio::test]
async fn parts_of_another_version_are_never_gone_on_with() {
    let world = World::refusing(|asked: &Asked, _: &Store| {
        let is_second = asked.number("partNumber") == Some(2_u32);
        (is_second && asked.operation == "UploadPart").then_some((503, "SlowDown"))
    });
    world.other.store().put(SOURCE, KEY, &bytes(20 * MIB), &HEADERS, None);
    let error = world.run(world.streamed()).await.unwrap_err();
    assert_eq!(said(&error), ("SlowDown", Effect::Unknown));
    assert!(error.message.contains("another attempt goes on from there"), "{}", error.message);
    let first = world.aws.store().uploads(TARGET, "out/x");
    assert_eq!(first.len(), 1);

    // It is small now, and the upload is another object's.
    let content = bytes(MIB);
    world.other.store().put(SOURCE, KEY, &content, &HEADERS, None);
    world.run(world.streamed()).await.unwrap();
    assert!(world.aws.store().object(TARGET, "out/x").unwrap().bytes() == content);

    // As large as before, of other bytes.
    let mut content = bytes(20 * MIB);
    content[5] ^= 1;
    world.other.store().put(SOURCE, KEY, &content, &HEADERS, None);
    world.run(world.streamed()).await.unwrap_err();
    assert_eq!(world.aws.store().uploads(TARGET, "out/x").len(), 2, "the first one is not so old");
    world.aws.store().age_uploads(Duration::from_hours(25));
    content[5] ^= 3;
    world.other.store().put(SOURCE, KEY, &content, &HEADERS, None);
    world.run(world.streamed()).await.unwrap_err();
    assert_eq!(world.aws.store().uploads(TARGET, "out/x").len(), 1, "both were abandoned");
}

#[tokio::test]
async fn uploads_of_somebody_else_are_left_alone() {
    let world = World::new();
    world.other.store().put(SOURCE, KEY, &bytes(20 * MIB), &HEADERS, None);
    let ask = |method: &'static str, query: String, body: Vec<u8>| {
        let url = world.aws.url();
        async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut socket = tokio::net::TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
            let head = format!(
                "{method} /{TARGET}/out/x?{query} HTTP/1.1\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            socket.write_all(head.as_bytes()).await.unwrap();
            socket.write_all(&body).await.unwrap();
            socket.shutdown().await.unwrap();
            let mut answer = String::new();
            socket.read_to_string(&mut answer).await.unwrap();
            answer
        }
    };
    for _ in 0..2 {
        ask("POST", "uploads=".to_owned(), vec![]).await;
    }
    let uploads = world.aws.store().uploads(TARGET, "out/x");
    let (theirs, empty) = (uploads[0].0.clone(), uploads[1].0.clone());
    ask("PUT", format!("partNumber=1&uploadId={theirs}"), vec![1; 100]).await;
    world.run(world.streamed()).await.unwrap();
    assert_eq!(world.aws.store().uploads(TARGET, "out/x").len(), 2);

    world.aws.store().age_uploads(Duration::from_hours(25));
    world.aws.store().remove(TARGET, "out/x");
    let result = world.run(world.streamed()).await.unwrap();
    let left = world.aws.store().uploads(TARGET, "out/x");
    assert_eq!(left.iter().map(|it| &it.0).collect::<Vec<_>>(), [&theirs], "not {empty}, which got no part");
    assert_eq!(result["abortedUploads"], 1);
}

#[tokio::test]
async fn a_source_that_changes_is_an_error_and_leaves_nothing() {
    for length in [MIB, 40 * MIB] {
        let reads = Arc::new(AtomicUsize::new(0));
        let world = World::refusing(move |asked: &Asked, store: &Store| {
            if asked.operation == "GetObject" && asked.bucket == SOURCE {
                // The first bytes are of one version, the others would be of another.
                let is_last = reads.fetch_add(1, Ordering::SeqCst) == usize::from(length > 16 * MIB);
                if is_last {
                    store.put(SOURCE, KEY, b"other", &HEADERS, Some("CRC64NVME"));
                }
            }
            None
        });
        world.other.store().put(SOURCE, KEY, &bytes(length), &HEADERS, Some("CRC64NVME"));
        let error = world.run(world.streamed()).await.unwrap_err();
        assert_eq!(said(&error), ("CrossRegion.SourceChanged", Effect::None), "{error}");
        assert!(error.message.starts_with("source: "), "{}", error.message);
        assert!(world.aws.store().object(TARGET, "out/x").is_none() && world.has_no_upload());
    }
    for (operation, length) in [("CopyObject", MIB), ("UploadPartCopy", 257 * MIB)] {
        let world = World::refusing(move |asked: &Asked, store: &Store| {
            if asked.operation == operation {
                store.put(SOURCE, KEY, b"other", &HEADERS, Some("CRC64NVME"));
            }
            None
        });
        world.aws.store().put(SOURCE, KEY, &vec![1; length], &HEADERS, Some("CRC64NVME"));
        let error = world.run(copied()).await.unwrap_err();
        assert_eq!(said(&error), ("CrossRegion.SourceChanged", Effect::None), "{error}");
        assert!(world.aws.store().object(TARGET, "out/x").is_none() && world.has_no_upload());
    }
}

#[tokio::test]
async fn bytes_that_are_not_the_sources_never_become_an_object() {
    for length in [MIB, 40 * MIB] {
        let world = World::new();
        world.other.store().put(SOURCE, KEY, &bytes(length), &HEADERS, Some("CRC64NVME"));
        world.other.store().corrupt(SOURCE, KEY);
        let error = world.run(world.streamed()).await.unwrap_err();
        assert_eq!(said(&error), ("CrossRegion.ChecksumMismatch", Effect::None), "{error}");
        assert!(world.aws.store().object(TARGET, "out/x").is_none() && world.has_no_upload());
    }
    let world = World::new();
    world.aws.store().put(SOURCE, KEY, &vec![1; 257 * MIB], &HEADERS, Some("CRC64NVME"));
    world.aws.store().corrupt(SOURCE, KEY);
    let error = world.run(copied()).await.unwrap_err();
    assert_eq!(said(&error), ("CrossRegion.ChecksumMismatch", Effect::None), "{error}");
    assert!(world.aws.store().object(TARGET, "out/x").is_none() && world.has_no_upload());
}

#[tokio::test]
async fn what_is_missing_or_elsewhere_has_a_name() {
    let world = World::new();
    for event in [copied(), world.streamed()] {
        let error = world.run(event).await.unwrap_err();
        assert_eq!(said(&error), ("NoSuchKey", Effect::None), "{error}");
        assert!(error.message.starts_with("source: "), "{}", error.message);
    }
    let mut event = copied();
    event["parameters"]["source"]["bucket"] = "no-such-bucket".into();
    assert_eq!(said(&world.run(event).await.unwrap_err()), ("NoSuchBucket", Effect::None));

    for length in [MIB, 40 * MIB] {
        world.other.store().put(SOURCE, KEY, &bytes(length), &HEADERS, None);
        let mut event = world.streamed();
        event["region"] = "eu-west-1".into();
        let error = world.run(event).await.unwrap_err();
        assert_eq!(said(&error), ("PermanentRedirect", Effect::None), "{error}");
        assert_eq!(error.message, "target: the bucket is in `us-west-2`, not in `eu-west-1`");
    }
    let mut event = copied();
    event["parameters"]["source"]["region"] = "eu-west-1".into();
    let error = world.run(event).await.unwrap_err();
    assert_eq!(error.message, "source: the bucket is in `ap-northeast-1`, not in `eu-west-1`");
}

#[tokio::test]
async fn a_refusal_on_one_side_says_the_side_and_leaves_nothing() {
    for (operation, side, length) in [
        ("HeadObject", "source", MIB),
        ("GetObject", "source", MIB),
        ("GetObject", "source", 40 * MIB),
        ("PutObject", "target", MIB),
        ("ListMultipartUploads", "target", 40 * MIB),
        ("CreateMultipartUpload", "target", 40 * MIB),
        ("UploadPart", "target", 40 * MIB),
        ("CompleteMultipartUpload", "target", 40 * MIB),
    ] {
        let bucket = if side == "source" { SOURCE } else { TARGET };
        let world = World::refusing(move |asked: &Asked, _: &Store| {
            let is_it = asked.bucket == bucket
                && (asked.operation == operation
                    || operation == "HeadObject" && asked.operation == "GetObject");
            is_it.then_some((403, "AccessDenied"))
        });
        world.other.store().put(SOURCE, KEY, &bytes(length), &HEADERS, None);
        let error = world.run(world.streamed()).await.unwrap_err();
        assert_eq!(said(&error), ("AccessDenied", Effect::None), "{operation}: {error}");
        assert!(error.message.starts_with(side), "{operation}: {}", error.message);
        assert!(world.aws.store().object(TARGET, "out/x").is_none() && world.has_no_upload(), "{operation}");
    }
}

#[tokio::test]
async fn an_upload_that_cannot_be_aborted_is_told() {
    let world = World::refusing(|asked: &Asked, _: &Store| {
        let is_part = asked.operation == "UploadPart" && asked.number("partNumber") == Some(2_u32);
        (is_part || asked.operation == "AbortMultipartUpload").then_some((403, "AccessDenied"))
    });
    world.other.store().put(SOURCE, KEY, &bytes(40 * MIB), &HEADERS, None);
    let error = world.run(world.streamed()).await.unwrap_err();
    assert_eq!(said(&error), ("AccessDenied", Effect::Unknown));
    assert!(error.message.contains("is still there"), "{}", error.message);
    assert!(!world.has_no_upload());
}

#[tokio::test]
async fn an_upload_that_vanishes_is_an_error_after_which_all_begins_anew() {
    let times = Arc::new(AtomicUsize::new(0));
    let world = World::refusing(move |asked: &Asked, store: &Store| {
        if asked.number("partNumber") == Some(2_u32) && times.fetch_add(1, Ordering::SeqCst) == 0 {
            store.abort_uploads();
        }
        None
    });
    let content = bytes(40 * MIB);
    world.other.store().put(SOURCE, KEY, &content, &HEADERS, None);
    let error = world.run(world.streamed()).await.unwrap_err();
    assert_eq!(said(&error), ("NoSuchUpload", Effect::None), "{error}");
    assert_eq!(world.run(world.streamed()).await.unwrap()["resumedParts"], 0);
    assert!(world.aws.store().object(TARGET, "out/x").unwrap().bytes() == content);
}

/// Done, and the answer lost: on each path the write is found to have taken place, also under a condition that it no
/// longer meets itself.
#[tokio::test]
async fn a_lost_answer_is_found_out_about() {
    for (operation, length, path) in [
        ("PutObject", MIB, "stream"),
        ("CompleteMultipartUpload", 40 * MIB, "stream"),
        ("CopyObject", MIB, "copy"),
    ] {
        for mode in ["none", "sdk"] {
            let times = Arc::new(AtomicUsize::new(0));
            let world = World::refusing(move |asked: &Asked, _: &Store| {
                let is_first = asked.operation == operation && times.fetch_add(1, Ordering::SeqCst) == 0;
                is_first.then_some((500, AFTER))
            });
            let content = bytes(length);
            let mut event = if path == "copy" { copied() } else { world.streamed() };
            let side = if path == "copy" { &world.aws } else { &world.other };
            side.store().put(SOURCE, KEY, &content, &HEADERS, Some("CRC64NVME"));
            event["retry"] = json!({"mode": mode});
            event["parameters"]["target"]["ifNoneMatch"] = "*".into();
            let result = world.run(event).await;
            let result = result.unwrap_or_else(|error| panic!("{operation} {mode}: {error}"));
            assert_eq!(result["path"], "none", "{operation} {mode}");
            assert!(world.aws.store().object(TARGET, "out/x").unwrap().bytes() == content);
            assert!(world.has_no_upload());
        }
    }
}

#[tokio::test]
async fn a_source_that_breaks_off_is_asked_again() {
    for length in [MIB, 40 * MIB] {
        let times = Arc::new(AtomicUsize::new(0));
        let world = World::refusing(move |asked: &Asked, _: &Store| {
            let is_first = asked.operation == "GetObject" && asked.bucket == SOURCE;
            (is_first && times.fetch_add(1, Ordering::SeqCst) < 2).then_some((503, "SlowDown"))
        });
        let content = bytes(length);
        world.other.store().put(SOURCE, KEY, &content, &HEADERS, Some("CRC64NVME"));
        world.run(world.streamed()).await.unwrap();
        assert!(world.aws.store().object(TARGET, "out/x").unwrap().bytes() == content);
    }
}

#[tokio::test]
async fn conditions_hold_or_nothing_is_written() {
    let world = World::new();
    let content = bytes(MIB);
    world.other.store().put(SOURCE, KEY, &content, &HEADERS, Some("CRC64NVME"));
    world.aws.store().put(TARGET, "out/x", b"before", &[], Some("CRC64NVME"));
    let before = world.aws.store().object(TARGET, "out/x").unwrap().etag;
    for (side, name, value) in
        [("target", "ifNoneMatch", "*"), ("target", "ifMatch", "\"0\""), ("source", "ifMatch", "\"0\"")]
    {
        let mut event = world.streamed();
        event["parameters"][side][name] = value.into();
        let error = world.run(event).await.unwrap_err();
        assert_eq!(said(&error), ("CrossRegion.StaleETag", Effect::None), "{side}.{name}: {error}");
        assert_eq!(world.aws.store().object(TARGET, "out/x").unwrap().etag, before);
    }
    let mut event = world.streamed();
    event["parameters"]["target"]["ifMatch"] = before.into();
    event["parameters"]["source"]["ifMatch"] = world.other.store().object(SOURCE, KEY).unwrap().etag.into();
    world.run(event).await.unwrap();
    assert!(world.aws.store().object(TARGET, "out/x").unwrap().bytes() == content);
}

/// Somebody writes the target between the look at it and the write.
#[tokio::test]
async fn a_condition_that_fails_at_the_last_moment_is_the_same_error() {
    for (operation, length) in
        [("PutObject", MIB), ("CompleteMultipartUpload", 40 * MIB), ("CopyObject", MIB)]
    {
        let world = World::refusing(move |asked: &Asked, store: &Store| {
            if asked.operation == operation {
                store.put(TARGET, "out/x", b"in between", &[], None);
            }
            None
        });
        let mut event = if operation == "CopyObject" { copied() } else { world.streamed() };
        for side in [&world.aws, &world.other] {
            side.store().put(SOURCE, KEY, &bytes(length), &HEADERS, Some("CRC64NVME"));
        }
        event["parameters"]["target"]["ifNoneMatch"] = "*".into();
        let error = world.run(event).await.unwrap_err();
        assert_eq!(said(&error), ("CrossRegion.StaleETag", Effect::None), "{operation}: {error}");
        assert!(world.aws.store().object(TARGET, "out/x").unwrap().bytes() == b"in between");
        assert!(world.has_no_upload());
    }
}

#[tokio::test]
async fn a_prefix_is_copied_object_by_object_with_a_manifest() {
    let world = World::new();
    world.aws.store().page.store(10, Ordering::Relaxed);
    world.other.store().page.store(10, Ordering::Relaxed);
    for number in 0..25 {
        let key = format!("in/many/{number:02}");
        world.other.store().put(SOURCE, &key, &bytes(1_000 + number), &HEADERS, Some("CRC64NVME"));
    }
    world.other.store().put(SOURCE, "in/many/large", &bytes(20 * MIB), &HEADERS, Some("CRC64NVME"));
    world.other.store().put(SOURCE, "in/elsewhere", b"no", &HEADERS, None);
    let mut event = world.streamed();
    event["parameters"]["source"] = json!({"bucket": SOURCE, "prefix": "in/many/", "region": "ap-northeast-1", "endpoint": world.other.url()});
    event["parameters"]["target"] = json!({"bucket": TARGET, "prefix": "out/2026/"});
    event["parameters"]["manifest"] = json!({"keyPrefix": "list/run-"});
    let result = world.run(event.clone()).await.unwrap();
    assert_eq!(
        (&result["copied"], &result["unchanged"], &result["manifest"]["objects"]),
        (&json!(26), &json!(0), &json!(3))
    );
    let keys = world.aws.store().keys(TARGET);
    assert_eq!(keys.iter().filter(|key| key.starts_with("out/2026/")).count(), 26);
    let listed: Vec<Value> = ["list/run-000001.jsonl", "list/run-000002.jsonl", "list/run-000003.jsonl"]
        .iter()
        .flat_map(|key| {
            let text = String::from_utf8(world.aws.store().object(TARGET, key).unwrap().bytes()).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
        })
        .collect();
    assert_eq!(listed.len(), 26);
    for line in &listed {
        let made = world.aws.store().object(TARGET, line["targetKey"].as_str().unwrap()).unwrap();
        assert_eq!((&line["ETag"], &line["checksum"]["isOfSource"]), (&json!(made.etag), &json!(true)));
    }
    world.other.store().put(SOURCE, "in/many/03", b"changed", &HEADERS, Some("CRC64NVME"));
    let result = world.run(event).await.unwrap();
    assert_eq!((&result["copied"], &result["unchanged"]), (&json!(1), &json!(25)));
}

#[tokio::test]
async fn one_object_that_fails_ends_a_prefix_under_its_key() {
    let world = World::refusing(|asked: &Asked, _: &Store| {
        (asked.operation == "PutObject" && asked.key == "out/3").then_some((403, "AccessDenied"))
    });
    for number in 0..5 {
        world.other.store().put(SOURCE, &format!("in/{number}"), b"x", &[], None);
    }
    let mut event = world.streamed();
    event["parameters"]["source"] =
        json!({"bucket": SOURCE, "prefix": "in/", "region": "ap-northeast-1", "endpoint": world.other.url()});
    event["parameters"]["target"] = json!({"bucket": TARGET, "prefix": "out/"});
    let error = world.run(event).await.unwrap_err();
    assert_eq!(error.name(), "AccessDenied");
    assert_eq!(error.fields["Key"], "in/3");
}

#[tokio::test]
async fn nothing_is_sent_that_the_table_does_not_list() {
    let world = World::new();
    let role = json!({"roleArn": "arn:aws:iam::111122223333:role/reader"});
    for (pointer, value, what) in [
        ("/parameters/source/bucket", json!("another-bucket"), "a source"),
        ("/parameters/source/key", json!("secret/x"), "a source"),
        ("/parameters/target/bucket", json!("another-bucket"), "a result"),
        ("/parameters/target/key", json!("in/x"), "a result"),
        ("/parameters/source/region", json!("us-east-1"), "Region `us-east-1`"),
        ("/parameters/target/endpoint", json!("https://example.com"), "an endpoint"),
        ("/parameters/source/assumeRole", role.clone(), "a role"),
        ("/parameters/target/assumeRole", role.clone(), "a role"),
    ] {
        let mut event = copied();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        event.pointer_mut(parent).unwrap()[name] = value;
        let error = world.run(event).await.unwrap_err();
        assert_eq!(said(&error), ("CrossRegion.NotAllowed", Effect::None), "{pointer}");
        assert!(error.message.contains(what), "{pointer}: {}", error.message);
    }
    assert!(world.aws.asked().is_empty() && world.other.asked().is_empty());
}

#[tokio::test]
async fn all_faults_of_the_parameters_are_in_one_report() {
    let world = World::new();
    let event = json!({"procedure": "s3.transfer", "region": "us-west-2", "parameters": {
        "source": {"bucket": "arn:aws:s3:::x", "key": "", "versionID": "1", "region": "us-west2"},
        "target": {"bucket": "b--usw2-az1--x-s3", "key": "k", "ifNoneMatch": "x"},
        "path": "copy", "abandonedAfterSeconds": -1,
    }});
    let error = world.run(event).await.unwrap_err();
    let faults: Vec<String> = error.faults.iter().map(ToString::to_string).collect();
    let expected = [
        "parameters.source.region: `us-west2` is no Region",
        "parameters.source.bucket: must be the name of a bucket",
        "parameters.source.key: expected 1 to 1024 bytes, found 0",
        "parameters.source.versionID: unknown field, did you mean `versionId`?",
        "parameters.target.ifNoneMatch: `x` is none of `*`",
        "parameters.target.bucket: directory buckets are not supported",
        "parameters.path: `copy` is none of `auto`, `stream`",
        "parameters.abandonedAfterSeconds: expected an integer from 0",
    ];
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (found, expected) in faults.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\nis not\n{expected}");
    }
    for (change, fault) in [
        (
            json!({"source": {"bucket": TARGET, "key": "k"}, "target": {"bucket": TARGET}}),
            "is the source itself",
        ),
        (
            json!({"source": {"bucket": TARGET, "prefix": "a"}, "target": {"bucket": TARGET, "prefix": "a/b"}}),
            "lies within the source",
        ),
        (
            json!({"source": {"bucket": SOURCE, "prefix": "a"}, "target": {"bucket": TARGET, "key": "k"}}),
            "has `key`",
        ),
        (json!({"source": {"bucket": SOURCE}, "target": {"bucket": TARGET}}), "missing, and so is `prefix`"),
    ] {
        let event = json!({"procedure": "s3.transfer", "region": "us-west-2", "parameters": change});
        let error = world.run(event).await.unwrap_err();
        assert_eq!(error.name(), "CrossRegion.InvalidParameters");
        assert!(error.message.contains(fault), "{}", error.message);
    }
    assert!(world.aws.asked().is_empty());
}
