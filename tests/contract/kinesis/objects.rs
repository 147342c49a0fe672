//! `kinesis.putAggregated` from an S3 object: all of it or nothing of it, in answers that break off, and gone on with
//! where a call left off.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use handler::dispatch::Handler;
use handler::effect::Effect;
use handler::error::Error;
use serde_json::{Value, json};
use tests::buckets::{Buckets, End, Told};
use tests::invoked::{REGION, config, credentials, faults, handler, noted_within, report};
use tests::kinesis::{Fate, Kinesis, refusal};
use tests::prove;
use tests::readable::Readable;

use super::{NAME, TOKYO, count, event, one, sorted, users, with};

const HOST: &str = "exports.s3.ap-northeast-1.amazonaws.com";

/// A function that reads an object in Tokyo, and puts its records into a stream in Oregon.
struct Function {
    handler: Handler,
    kinesis: Kinesis,
    object: Arc<Mutex<Readable>>,
}

impl Function {
    fn over(kinesis: Kinesis, object: impl Into<Vec<u8>>) -> Self {
        let object = Arc::new(Mutex::new(Readable::new(HOST, TOKYO, object)));
        let table = json!([{
            "procedure": "kinesis.putAggregated", "regions": [REGION, TOKYO], "sources": [{"bucket": "exports"}],
        }]);
        let (streams, read) = (kinesis.clone(), Arc::clone(&object));
        let buckets = Buckets::new(&[], move |request| {
            let told = read.lock().unwrap().answer(request);
            told.unwrap_or_else(|| Told::from(streams.answer(request)))
        });
        Self { handler: handler(config(&table), credentials(), buckets.client()), kinesis, object }
    }

    async fn invoke(&self, event: Value) -> Result<Value, Error> {
        self.invoke_within(Duration::from_mins(1), event).await
    }

    async fn invoke_within(&self, time: Duration, event: Value) -> Result<Value, Error> {
        noted_within(&self.handler, time, event).await.0
    }

    fn consumed(&self) -> Vec<(String, Vec<u8>)> {
        sorted(self.kinesis.stream(REGION, NAME).consumed())
    }

    fn with_object<T>(&self, see: impl FnOnce(&mut Readable) -> T) -> T {
        see(&mut self.object.lock().unwrap())
    }

    fn asked(&self) -> Vec<(usize, Option<String>)> {
        self.with_object(|object| std::mem::take(&mut object.asked))
    }
}

fn put_all() -> Value {
    let from = json!({"Bucket": "exports", "Key": "records", "region": TOKYO, "format": "jsonLines"});
    event("putAggregated", json!({"StreamName": NAME, "recordsFrom": from}))
}

fn from(start: &Value) -> Value {
    let mut event = with(put_all(), "partial", json!(true));
    if !start.is_null() {
        event["parameters"]["recordsFrom"]["start"] = start.clone();
    }
    event
}

fn line(key: &str, data: &[u8]) -> String {
    json!({"PartitionKey": key, "Data": STANDARD.encode(data)}).to_string() + "\n"
}

fn lines(users: &[(String, Vec<u8>)]) -> String {
    users.iter().map(|(key, data)| line(key, data)).collect()
}

#[tokio::test]
async fn records_of_an_object_are_put_as_those_of_a_state() {
    let object = concat!(
        "{\"PartitionKey\":\"a\",\"Data\":{\"$text\":\"é\"}}\n\r\n",
        "{\"PartitionKey\":\"b\",\"Data\":{\"$json\":{\"n\":1}},\"ExplicitHashKey\":\"0\"}\n",
        "{\"PartitionKey\":\"c\",\"Data\":\"AP8=\",\"Tags\":[{\"Key\":\"t\"}]}",
    );
    let function = Function::over(one(1), object);
    let result = function.invoke(put_all()).await.unwrap();
    assert_eq!(["put", "records", "requests"].map(|it| count(&result, it)), [3, 1, 1]);
    assert_eq!(result.get("next"), None);
    let expected = [("a", "é".as_bytes()), ("b", br#"{"n":1}"#), ("c", b"\0\xff")];
    let expected: Vec<_> = expected.iter().map(|(key, data)| ((*key).to_owned(), data.to_vec())).collect();
    assert_eq!(function.consumed(), expected);
    // Once to look at it, once to put it: the same object.
    assert_eq!(function.asked(), [(0, None), (0, Some("\"one\"".to_owned()))]);
}

#[tokio::test]
async fn of_an_object_without_records_nothing_is_put() {
    let function = Function::over(one(1), "\n\n");
    let result = function.invoke(from(&Value::Null)).await.unwrap();
    assert_eq!(["put", "records", "requests"].map(|it| count(&result, it)), [0, 0, 0]);
    assert_eq!(result["next"], Value::Null);
}

#[tokio::test]
async fn nothing_is_put_of_an_object_of_which_something_never_could_be() {
    let mut object = lines(&users(30_000, &mut Rng::with_seed(1)));
    for fault in [
        "{\"PartitionKey\":\"SECRET\",\"Data\":\"!\"}\n",
        "{\"PartitionKey\":\"\",\"Data\":\"SECRET0=\",\"Extra\":1}\n",
        "SECRET\n",
        &line("SECRET", &vec![b'x'; 1 << 20]),
    ] {
        object.push_str(fault);
    }
    let function = Function::over(one(2), object);
    let error = function.invoke(from(&Value::Null)).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("CrossRegion.InvalidParameters", Effect::None));
    assert!(!error.to_message().contains("SECRET"), "{}", error.to_message());
    let faults = faults(&error);
    for (fault, expected) in faults.iter().zip([
        "30001.Data: ",
        "30002.PartitionKey: expected 1 to 256 characters, found 0",
        "30002.Extra: unknown field",
        "30003: not JSON: expected value at column 1",
        "30004.Data: is too large: ",
    ]) {
        assert!(fault.starts_with(&format!("parameters.recordsFrom line {expected}")), "{fault}");
    }
    assert_eq!(faults.len(), 5);
    assert_eq!(function.consumed(), []);
}

#[tokio::test]
async fn what_breaks_off_is_gone_on_with_where_it_broke() {
    let users = users(2_000, &mut Rng::with_seed(2));
    let function = Function::over(one(2), lines(&users));
    function.with_object(|object| {
        let whole = (usize::MAX, End::Whole);
        object.breaks =
            [(70_123, End::Broken), (0, End::Broken), (5, End::Broken), whole, (1, End::Broken)].into();
    });
    let result = function.invoke(put_all()).await.unwrap();
    assert_eq!(count(&result, "put"), 2_000);
    assert_eq!(function.consumed(), sorted(users));
    let one = || Some("\"one\"".to_owned());
    let expected = [(0, None), (70_123, one()), (70_123, one()), (70_128, one()), (0, one()), (1, one())];
    assert_eq!(function.asked(), expected);
}

#[tokio::test]
async fn an_object_that_breaks_off_without_end_is_given_up() {
    let function = Function::over(one(1), lines(&users(100, &mut Rng::with_seed(3))));
    function.with_object(|object| object.breaks = vec![(0, End::Broken); 3].into());
    let error = function.invoke(put_all()).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("CrossRegion.Unreachable", Effect::None));
    let report = report(&error);
    assert_eq!([&report["service"], &report["action"], &report["region"]], ["s3", "getObject", TOKYO]);
    assert_eq!(function.asked().len(), 3);
    assert_eq!(function.consumed(), []);
}

#[tokio::test]
async fn another_object_under_the_key_ends_it() {
    let function = Function::over(one(1), lines(&users(1_000, &mut Rng::with_seed(4))));
    // It is replaced while it is read: what is read is still the old one, until that breaks off.
    function.with_object(|object| {
        object.breaks = [(40_000, End::Broken)].into();
        object.replaced_by = Some("\"two\"".to_owned());
    });
    let error = function.invoke(put_all()).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("CrossRegion.SourceChanged", Effect::None));
    assert_eq!(function.consumed(), []);
    // And where an earlier call left off, too.
    let start = json!({"ETag": "\"one\"", "offset": 10, "line": 2});
    let error = function.invoke(from(&start)).await.unwrap_err();
    assert_eq!(error.name(), "CrossRegion.SourceChanged");
}

#[tokio::test]
async fn bytes_that_are_not_those_of_the_object_are_never_put() {
    let function = Function::over(one(1), lines(&users(1_000, &mut Rng::with_seed(5))));
    function.with_object(|object| object.crc32 = Some("AAAAAA==".to_owned()));
    let error = function.invoke(put_all()).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("CrossRegion.ChecksumMismatch", Effect::None));
    assert_eq!(function.consumed(), []);
    // The checksum is of all bytes, over however many answers they came.
    function.with_object(|object| {
        object.crc32 = None;
        object.breaks = [(9_999, End::Broken)].into();
    });
    function.invoke(put_all()).await.unwrap();
}

#[tokio::test]
async fn what_is_left_is_put_by_the_next_call_and_nothing_twice() {
    let rounds = if prove() { 100 } else { 10 };
    for round in 0..rounds {
        let mut rng = Rng::with_seed(round);
        let users = users(rng.usize(1..60_000), &mut rng);
        let function = Function::over(one(rng.u32(1..5)), lines(&users));
        let mut chance = rng.fork();
        function.kinesis.hook(move |action, parameters, streams| {
            if action != "PutRecords" {
                return Fate::Served;
            }
            let stream = streams.get_mut(&(REGION.to_owned(), NAME.to_owned())).unwrap();
            if chance.u8(..) < 20 {
                stream.split(stream.open()[0]);
            }
            let records = parameters["Records"].as_array().unwrap().len();
            let which = (0..records).filter(|_| chance.u8(..) < 30).collect();
            match chance.u8(..10) {
                0 => Fate::Answered(refusal("ResourceNotFoundException")),
                1..5 => Fate::Refused("KMSAccessDeniedException", which),
                _ => Fate::Served,
            }
        });
        let (mut start, mut put, mut calls) = (Value::Null, 0, 0);
        loop {
            calls += 1;
            assert!(calls < 1_000, "{round}: it comes to no end");
            match function.invoke(from(&start)).await {
                Ok(result) => {
                    put += count(&result, "put");
                    assert_eq!(result.get("error").is_some(), !result["next"].is_null(), "{round}: {result}");
                    start = result["next"].clone();
                    if start.is_null() {
                        break;
                    }
                }
                // It has put nothing, and so the same call is made again.
                Err(error) => assert_eq!(error.effect, Effect::None, "{round}: {error}"),
            }
        }
        assert_eq!(put, users.len(), "{round}");
        assert!(function.consumed() == sorted(users), "{round}");
    }
}

#[tokio::test]
async fn at_the_deadline_it_says_where_it_is() {
    let users = users(45_000, &mut Rng::with_seed(6));
    let function = Function::over(one(1), lines(&users));
    let result = function.invoke_within(Duration::from_secs(3), from(&Value::Null)).await.unwrap();
    assert_eq!(result["error"], "CrossRegion.Incomplete");
    let put = count(&result, "put");
    assert!(0 < put && put < users.len(), "{put}");
    assert_eq!(function.consumed().len(), put);
    // Without `partial` it is an error, after which nobody knows.
    let error = function.invoke_within(Duration::from_secs(3), put_all()).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("CrossRegion.Incomplete", Effect::Unknown));
}

/// All of its bytes are there at once, so that nothing ever waits.
#[tokio::test]
async fn a_long_object_is_left_at_the_deadline() {
    let object = lines(&users(300_000, &mut Rng::with_seed(8)));
    let function = Function::over(one(1), object);
    let started = Instant::now();
    let error = function.invoke_within(Duration::from_secs(1), from(&Value::Null)).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_millis(1_500), "{:?}", started.elapsed());
    assert_eq!((error.name(), error.effect), ("CrossRegion.Incomplete", Effect::None));
    assert_eq!(function.consumed(), []);
}

#[tokio::test]
async fn where_a_call_left_off_at_the_end_nothing_is_left() {
    let users = users(10, &mut Rng::with_seed(9));
    let object = lines(&users);
    let start = json!({"ETag": "\"one\"", "offset": object.len(), "line": 11});
    let function = Function::over(one(1), object);
    let result = function.invoke(from(&start)).await.unwrap();
    assert_eq!((&result["put"], &result["next"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn records_keep_their_order_over_all_parts_of_an_object() {
    let users = users(45_000, &mut Rng::with_seed(7));
    let function = Function::over(one(3), lines(&users));
    let ordered = with(with(put_all(), "ordered", json!(true)), "targetSize", json!(200_000));
    function.invoke(ordered).await.unwrap();
    let consumed = function.kinesis.stream(REGION, NAME).consumed();
    for key in 0..20 {
        let of_key = |all: &[(String, Vec<u8>)]| -> Vec<Vec<u8>> {
            all.iter().filter(|(it, _)| *it == format!("key-{key}")).map(|(_, data)| data.clone()).collect()
        };
        assert!(of_key(&consumed) == of_key(&users), "{key}");
    }
}

#[tokio::test]
async fn an_object_is_named_as_strictly_as_all_parameters() {
    let function = Function::over(one(1), "");
    let mut event = put_all();
    event["parameters"]["Records"] = json!([]);
    event["parameters"]["recordsFrom"]["format"] = json!("csv");
    event["parameters"]["recordsFrom"]["start"] = json!({"ETag": "", "offset": -1, "put": "!", "lines": 1});
    let error = function.invoke(event).await.unwrap_err();
    let faults = faults(&error);
    for (fault, expected) in faults.iter().zip([
        "parameters.Records: stands beside `recordsFrom`",
        "parameters.recordsFrom.start.ETag: must not be empty",
        "parameters.recordsFrom.start.offset: expected an integer from 0 to ",
        "parameters.recordsFrom.start.line: missing",
        "parameters.recordsFrom.start.put: is no base64",
        "parameters.recordsFrom.start.lines: unknown field, did you mean `line`?",
        "parameters.recordsFrom.format: `csv` is none of `jsonLines`",
    ]) {
        assert!(fault.starts_with(expected), "{fault}");
    }
    assert_eq!(faults.len(), 7);
    assert_eq!(function.asked(), []);
    // Only what the operation table lists is read.
    let mut event = put_all();
    event["parameters"]["recordsFrom"]["Bucket"] = json!("other");
    let error = function.invoke(event).await.unwrap_err();
    assert_eq!(error.name(), "CrossRegion.NotAllowed");
    assert_eq!(function.asked(), []);
}
