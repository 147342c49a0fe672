//! Whole invocations that make more than one call, or look at more than one answer: pages, waits, what batches left,
//! and what is selected of all that.
//!
//! The wire answers as the services do; how each of their paginators and waiters is read is the differentials' to say.

use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use handler::config::DEFAULT_RESULT_LIMIT;
use handler::effect::Effect;
use handler::error::Error;
use handler::expression::Expression;
use serde_json::{Value, json};
use tests::invoked::{Function, entry};
use tests::recording::Reply;
use tests::wire::Request;

/// The name and its faults, or its message.
fn refused(outcome: Result<Value, Error>) -> (String, String) {
    let error = outcome.unwrap_err();
    (error.name().to_owned(), error.message)
}

fn query<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// A bucket of `pages` with `keys` each.
fn bucket(pages: usize, keys: usize, delay: Duration) -> Function {
    Function::new(&json!([entry("s3", &["listObjectsV2"])]), move |request| {
        std::thread::sleep(delay);
        let at: usize =
            query(request, "continuation-token").map_or(0, |token| token.trim_matches('=').parse().unwrap());
        let mut contents = String::new();
        for key in at * keys..(at + 1) * keys {
            _ = write!(
                contents,
                "<Contents><Key>folder/{key:07}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
                 <ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>0</Size>\
                 <StorageClass>STANDARD</StorageClass></Contents>"
            );
        }
        let next = if at + 1 < pages {
            format!(
                "<IsTruncated>true</IsTruncated><NextContinuationToken>={}=</NextContinuationToken>",
                at + 1
            )
        } else {
            "<IsTruncated>false</IsTruncated>".to_owned()
        };
        Reply::ok(format!(
            "<ListBucketResult><Name>b</Name><Prefix/><KeyCount>{keys}</KeyCount>{next}{contents}</ListBucketResult>"
        ))
    })
}

fn list(fields: Value) -> Value {
    let mut event = json!({"service": "s3", "action": "listObjectsV2", "parameters": {"Bucket": "b"}});
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    event
}

#[tokio::test]
async fn ten_thousand_keys_are_ten_requests() {
    let function = bucket(10, 1_000, Duration::ZERO);
    let event = list(json!({"paginate": {}, "select": "Contents[].Key"}));
    let result = function.invoke(event).await.unwrap();
    assert_eq!(function.wire.take().len(), 10);
    let names: Vec<&str> =
        result["result"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!((names.len(), names[0], names[9_999]), (10_000, "folder/0000000", "folder/0009999"));
    assert!(names.is_sorted());
    assert_eq!(result["resume"], Value::Null);
}

#[tokio::test]
async fn pages_that_were_asked_for_end_well_and_can_go_on() {
    let function = bucket(5, 10, Duration::ZERO);
    let result = function.invoke(list(json!({"paginate": {"maxPages": 2}}))).await.unwrap();
    assert_eq!(result["Contents"].as_array().unwrap().len(), 20);
    assert_eq!(result["$metadata"]["resume"], json!({"ContinuationToken": "=2="}));
    assert_eq!(result["$metadata"]["attempts"], 2);
    // What tells of one page alone, as `KeyCount` does, is left out.
    assert_eq!(result.as_object().unwrap().keys().collect::<Vec<_>>(), ["$metadata", "Contents", "Prefix"]);

    let mut event = list(json!({"paginate": {}}));
    event["parameters"]["ContinuationToken"] = result["$metadata"]["resume"]["ContinuationToken"].clone();
    let rest = function.invoke(event).await.unwrap();
    assert_eq!(rest["Contents"].as_array().unwrap().len(), 30);
    assert_eq!(rest["Contents"][0]["Key"], "folder/0000020");
    assert_eq!(rest["$metadata"]["resume"], Value::Null);

    for (items, pages) in [(1, 1), (10, 1), (11, 2), (50, 5), (51, 5)] {
        function.wire.take();
        let result = function.invoke(list(json!({"paginate": {"maxItems": items}}))).await.unwrap();
        let read = result["Contents"].as_array().unwrap().len();
        assert_eq!((function.wire.take().len(), read), (pages, pages * 10), "maxItems {items}");
        assert_eq!(result["$metadata"]["resume"].is_null(), pages == 5);
    }
}

#[tokio::test]
async fn what_is_too_large_is_cut_between_pages_and_only_on_request() {
    let function = bucket(100, 100, Duration::ZERO);
    let (name, message) = refused(function.invoke(list(json!({"paginate": {}}))).await);
    assert_eq!(name, "CrossRegion.Incomplete");
    assert!(message.contains("too large"), "{message}");
    let asked = function.wire.take().len();
    assert!(asked < 20, "{asked} pages were read of which a dozen fit");

    for select in [None, Some("{all: Contents}")] {
        let mut event = list(json!({"paginate": {"partial": true}}));
        if let Some(select) = select {
            event["select"] = select.into();
        }
        let result = function.invoke(event).await.unwrap();
        let (contents, resume) = match select {
            None => (&result["Contents"], &result["$metadata"]["resume"]),
            Some(_) => (&result["result"]["all"], &result["resume"]),
        };
        let (size, keys) = (result.to_string().len(), contents.as_array().unwrap().len());
        let page = contents.to_string().len() / (keys / 100);
        assert!(
            size <= DEFAULT_RESULT_LIMIT && size + page > DEFAULT_RESULT_LIMIT,
            "{size} with pages of {page}"
        );
        assert_eq!(*resume, json!({"ContinuationToken": format!("={}=", keys / 100)}));
    }

    let function = bucket(2, 2_000, Duration::ZERO);
    for partial in [false, true] {
        let event = list(json!({"paginate": {"partial": partial}}));
        assert_eq!(refused(function.invoke(event).await).0, "CrossRegion.ResultTooLarge");
    }
}

#[tokio::test]
async fn time_ends_between_pages_and_tells_where() {
    let function = bucket(1_000, 2, Duration::from_millis(150));
    let time = Duration::from_secs(2);
    let (name, message) = refused(function.invoke_within(time, list(json!({"paginate": {}}))).await);
    assert_eq!(name, "CrossRegion.Incomplete");
    assert!(message.starts_with("the time ended with page "), "{message}");
    function.wire.take();

    let result = function.invoke_within(time, list(json!({"paginate": {"partial": true}}))).await.unwrap();
    let pages = function.wire.take().len();
    assert!((3..=12).contains(&pages), "{pages}");
    assert_eq!(result["Contents"].as_array().unwrap().len(), pages * 2);
    assert_eq!(result["$metadata"]["resume"], json!({"ContinuationToken": format!("={pages}=")}));
}

#[tokio::test]
async fn a_token_that_comes_back_ends_in_an_error() {
    for cycle in [1, 3] {
        let next = AtomicUsize::new(0);
        let table = json!([entry("dynamodb", &["listTables"])]);
        let function = Function::new(&table, move |_| {
            let token = next.fetch_add(1, Ordering::Relaxed) % cycle;
            Reply::ok(json!({"TableNames": ["t"], "LastEvaluatedTableName": format!("t{token}")}).to_string())
        });
        let event = json!({"service": "dynamodb", "action": "listTables", "paginate": {"partial": true}});
        let error = function.invoke(event).await.unwrap_err();
        assert_eq!((error.name(), error.effect), ("CrossRegion.MalformedResponse", Effect::Done));
        assert_eq!(function.wire.take().len(), cycle + 1);
    }
}

#[tokio::test]
async fn pages_and_resume_are_spelled_as_the_event_is() {
    let table = json!([entry("rds", &["describeDBClusters"]), entry("dynamodb", &["scan"])]);
    let function = Function::new(&table, |request| {
        if !request.host.starts_with("rds") {
            let key = json!({"id": {"B": "AP8="}, "n": {"NULL": true}});
            return Reply::ok(json!({"Items": [], "Count": 0, "LastEvaluatedKey": key}).to_string());
        }
        let marker = if String::from_utf8_lossy(&request.body).contains("Marker=") {
            ""
        } else {
            "<Marker>m</Marker>"
        };
        Reply::ok(format!(
            "<DescribeDBClustersResponse><DescribeDBClustersResult>{marker}<DBClusters><DBCluster>\
             <DBClusterIdentifier>c</DBClusterIdentifier></DBCluster></DBClusters></DescribeDBClustersResult>\
             </DescribeDBClustersResponse>"
        ))
    });
    let event = json!({"service": "rds", "action": "describeDBClusters", "spelling": "stepFunctions", "paginate": {},
                       "select": "DbClusters[].DbClusterIdentifier"});
    assert_eq!(function.invoke(event).await.unwrap(), json!({"result": ["c", "c"], "resume": null}));

    let scan = json!({"service": "dynamodb", "action": "scan", "spelling": "stepFunctions",
                      "parameters": {"TableName": "t"}, "paginate": {"maxPages": 1}});
    let result = function.invoke(scan.clone()).await.unwrap();
    let key = json!({"id": {"B": {"$base64": "AP8="}}, "n": {"Nul": true}});
    assert_eq!(result["$metadata"], json!({"resume": {"ExclusiveStartKey": key}}));
    let mut next = scan;
    next["parameters"]["ExclusiveStartKey"] = key;
    function.wire.take();
    // The same key again: it was sent as it came, and is now refused as one that leads nowhere.
    next["paginate"] = json!({});
    assert_eq!(refused(function.invoke(next).await).0, "CrossRegion.MalformedResponse");
    let sent = json!({"id": {"B": "AP8="}, "n": {"NULL": true}});
    assert_eq!(body(&function.wire.take()[0])["ExclusiveStartKey"], sent);
}

#[tokio::test]
async fn what_an_operation_does_not_have_is_refused_before_anything_is_sent() {
    let table = json!([entry("dynamodb", &["describeTable", "deleteTable", "listTables"])]);
    let function = Function::new(&table, |_| Reply::ok("{}"));
    for (action, fields, message) in [
        ("describeTable", json!({"paginate": {}}), "paginate: `describeTable` does not answer in pages"),
        (
            "deleteTable",
            json!({"waitFor": {"waiter": "tableNotExists"}}),
            "waitFor: `deleteTable` does more than read, and each look would do it again",
        ),
        (
            "describeTable",
            json!({"waitFor": {"waiter": "tableExist"}}),
            "waitFor.waiter: `describeTable` has no waiter `tableExist`, did you mean `tableExists` or `tableNotExists`?",
        ),
        (
            "listTables",
            json!({"waitFor": {"waiter": "x"}}),
            "waitFor.waiter: `listTables` has no waiters; give `path` and `success`",
        ),
        ("describeTable", json!({"select": "Table["}), "select: not JMESPath: "),
        (
            "describeTable",
            json!({"retryUnprocessed": true}),
            "retryUnprocessed: `describeTable` does not name what it left; ",
        ),
    ] {
        let mut event = json!({"service": "dynamodb", "action": action, "parameters": {"TableName": "t"}});
        event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let (name, said) = refused(function.invoke(event).await);
        assert_eq!(name, "CrossRegion.InvalidEvent");
        assert!(said.starts_with(message), "{said}");
    }
    assert!(function.wire.take().is_empty());
}

/// A table that is there from the third look on, and has been gone since the sixth.
fn table() -> Function {
    let looks = AtomicUsize::new(0);
    Function::new(&json!([entry("dynamodb", &["describeTable"])]), move |_| {
        let status = match looks.fetch_add(1, Ordering::Relaxed) {
            0..2 => "CREATING",
            2..5 => "ACTIVE",
            _ => {
                let gone = json!({"__type": "com.amazonaws.dynamodb#ResourceNotFoundException", "message": "SECRET"});
                return Reply::status(400, gone.to_string()).with("x-amzn-requestid", "r-1");
            }
        };
        Reply::ok(json!({"Table": {"TableStatus": status}}).to_string())
    })
}

fn describe(fields: Value) -> Value {
    let mut event =
        json!({"service": "dynamodb", "action": "describeTable", "parameters": {"TableName": "t"}});
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    event
}

#[tokio::test]
async fn a_wait_is_one_look_an_invocation() {
    let function = table();
    for look in 0..7 {
        let event = describe(json!({"waitFor": {"waiter": "tableExists"}}));
        let outcome = function.invoke(event).await;
        assert_eq!(function.wire.take().len(), 1);
        if (2..5).contains(&look) {
            assert_eq!(outcome.unwrap()["Table"]["TableStatus"], "ACTIVE");
        } else {
            let error = outcome.unwrap_err();
            assert_eq!((error.name(), error.effect), ("CrossRegion.NotReady", Effect::Done));
            assert!(!error.to_message().contains("SECRET"));
        }
    }
    let event = describe(json!({"waitFor": {"waiter": "TableNotExists"}}));
    let gone = function.invoke(event.clone()).await.unwrap();
    assert_eq!(gone["$metadata"]["httpStatusCode"], 400);
    assert_eq!(gone["$metadata"]["requestId"], "r-1");
    assert_eq!(gone["$metadata"]["endpoint"], "https://123456789012.ddb.us-west-2.amazonaws.com");
    assert_eq!(gone.as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn a_short_wait_looks_more_often_within_its_time() {
    let function = table();
    let event = describe(
        json!({"waitFor": {"waiter": "tableExists", "pollWithin_ms": 5_000}, "select": "Table.TableStatus"}),
    );
    assert_eq!(function.invoke(event).await.unwrap(), "ACTIVE");
    assert_eq!(function.wire.take().len(), 3);
    let event = describe(
        json!({"waitFor": {"path": "Table.TableStatus", "success": ["GONE"], "pollWithin_ms": 250}}),
    );
    assert_eq!(refused(function.invoke(event).await).0, "CrossRegion.NotReady");
    assert_eq!(function.wire.take().len(), 2);
}

#[tokio::test]
async fn a_path_of_ones_own_looks_at_the_result_as_it_is_spelled() {
    let table = json!([entry("rds", &["describeDBClusters"]), entry("s3", &["getObject"])]);
    let function = Function::new(&table, |request| {
        if request.host.contains("s3") {
            return Reply::ok(r#"{"state": "done"}"#).with("content-type", "application/json");
        }
        Reply::ok(
            "<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters><DBCluster><Status>failing</Status>\
             </DBCluster></DBClusters></DescribeDBClustersResult></DescribeDBClustersResponse>",
        )
    });
    let clusters = |path: &str, success: Value, failure: Value| {
        json!({"service": "rds", "action": "describeDBClusters", "spelling": "stepFunctions",
               "waitFor": {"path": path, "success": success, "failure": failure}})
    };
    let status = "DbClusters[0].Status";
    let result = function.invoke(clusters(status, json!(["available", "failing"]), json!([]))).await.unwrap();
    assert_eq!(result["DbClusters"][0]["Status"], "failing");
    let (name, message) =
        refused(function.invoke(clusters(status, json!(["available"]), json!(["failing"]))).await);
    assert_eq!(name, "CrossRegion.WaitFailed");
    assert_eq!(
        message,
        "what is waited for never comes: `DbClusters[0].Status` has one of the values of `failure`"
    );
    assert!(function.invoke(clusters("DBClusters[0].Status", json!([null]), json!([]))).await.is_ok());
    let error = function.invoke(clusters("length(x)", json!([1]), json!([]))).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("CrossRegion.InvalidEvent", Effect::Done));

    let object = json!({"service": "s3", "action": "getObject", "parameters": {"Bucket": "b", "Key": "k"},
                        "waitFor": {"path": "Body.state", "success": ["done"]}});
    assert_eq!(function.invoke(object).await.unwrap()["Body"], json!({"state": "done"}));
}

#[tokio::test]
async fn what_a_batch_left_is_sent_again_until_nothing_is_left() {
    let calls = AtomicUsize::new(0);
    let table = json!([entry("kinesis", &["putRecords"])]);
    let function = Function::new(&table, move |request| {
        let records = body(request)["Records"].as_array().unwrap().len();
        // Throttled as a whole, the second time.
        let call = calls.fetch_add(1, Ordering::Relaxed);
        if call == 1 {
            let error = json!({"__type": "ProvisionedThroughputExceededException", "message": "slow down"});
            return Reply::status(400, error.to_string());
        }
        let answers: Vec<Value> = (0..records)
            .map(|at| match (at == 0 || call > 3, at) {
                (true, _) => json!({"SequenceNumber": format!("{call}"), "ShardId": "s"}),
                (_, 2) if call == 0 => json!({"ErrorCode": "ValidationError", "ErrorMessage": "m"}),
                _ => json!({"ErrorCode": "InternalFailure", "ErrorMessage": "m"}),
            })
            .collect();
        Reply::ok(json!({"FailedRecordCount": 1, "Records": answers, "EncryptionType": "NONE"}).to_string())
    });
    let records: Vec<Value> =
        (0..6).map(|at| json!({"Data": {"$text": format!("{at}")}, "PartitionKey": "p"})).collect();
    let event = json!({"service": "kinesis", "action": "putRecords", "retryUnprocessed": true,
                       "parameters": {"StreamName": "s", "Records": records}});
    let result = function.invoke(event).await.unwrap();
    let sent: Vec<usize> = function
        .wire
        .take()
        .iter()
        .map(|request| body(request)["Records"].as_array().unwrap().len())
        .collect();
    // Six; four of which may pass; the same again, since that call was throttled; then one less each time.
    assert_eq!(sent, [6, 4, 4, 3, 2]);
    let numbers: Vec<&Value> =
        result["Records"].as_array().unwrap().iter().map(|it| &it["SequenceNumber"]).collect();
    assert_eq!(numbers, [&json!("0"), &json!("2"), &Value::Null, &json!("3"), &json!("4"), &json!("4")]);
    assert_eq!((&result["FailedRecordCount"], &result["EncryptionType"]), (&json!(1), &json!("NONE")));
    assert_eq!(result["Records"][2]["ErrorCode"], "ValidationError");
}

#[tokio::test]
async fn what_remains_at_the_deadline_is_in_the_result() {
    let table = json!([entry("dynamodb", &["batchWriteItem", "batchGetItem"])]);
    let function = Function::new(&table, |request| {
        Reply::ok(json!({"UnprocessedItems": body(request)["RequestItems"]}).to_string())
    });
    let items = json!({"t": [{"PutRequest": {"Item": {"id": {"B": "AP8="}}}}]});
    let event = |retry: bool| {
        json!({"service": "dynamodb", "action": "batchWriteItem", "retryUnprocessed": retry,
               "parameters": {"RequestItems": items}})
    };
    let result = function.invoke_within(Duration::from_secs(2), event(true)).await.unwrap();
    assert_eq!(result["UnprocessedItems"], items);
    assert!(function.wire.take().len() > 2);
    function.invoke(event(false)).await.unwrap();
    assert_eq!(function.wire.take().len(), 1);
}

#[tokio::test]
async fn an_effect_that_nobody_knows_is_told() {
    for (status, expected) in [(500, Some("CrossRegion.OutcomeUnknown")), (403, None)] {
        let calls = AtomicUsize::new(0);
        let function = Function::new(&json!([entry("sns", &["publishBatch"])]), move |_| {
            if calls.fetch_add(1, Ordering::Relaxed) > 0 {
                return Reply::status(
                    status,
                    "<ErrorResponse><Error><Code>Broken</Code></Error></ErrorResponse>",
                );
            }
            Reply::ok(
                "<PublishBatchResponse><PublishBatchResult><Successful><member><Id>b</Id></member></Successful><Failed>\
                 <member><Id>a</Id><Code>c</Code><SenderFault>false</SenderFault></member></Failed></PublishBatchResult>\
                 </PublishBatchResponse>",
            )
        });
        let entries: Vec<Value> = ["a", "b"].iter().map(|id| json!({"Id": id, "Message": "m"})).collect();
        let event = json!({"service": "sns", "action": "publishBatch", "retryUnprocessed": true,
                           "parameters": {"TopicArn": "arn:aws:sns:us-west-2:123456789012:t", "PublishBatchRequestEntries": entries}});
        let outcome = function.invoke(event).await;
        assert_eq!(function.wire.take().len(), 2);
        match expected {
            Some(_) => assert_eq!(outcome.unwrap_err().effect, Effect::Unknown),
            None => assert_eq!(outcome.unwrap()["Failed"][0]["Id"], "a"),
        }
    }
}

#[tokio::test]
async fn what_is_selected_is_the_result() {
    let function = bucket(1, 3_000, Duration::ZERO);
    // Applied before the size is looked at.
    assert_eq!(refused(function.invoke(list(json!({}))).await).0, "CrossRegion.ResultTooLarge");
    assert_eq!(function.invoke(list(json!({"select": "length(Contents)"}))).await.unwrap(), 3_000);
    let region = function.invoke(list(json!({"select": r#""$metadata".region"#}))).await.unwrap();
    assert_eq!(region, "us-west-2");
    assert_eq!(function.invoke(list(json!({"select": "Nothing"}))).await.unwrap(), Value::Null);
    let error = function.invoke(list(json!({"select": "length(Nothing)"}))).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("CrossRegion.InvalidEvent", Effect::Done));
    assert!(error.message.starts_with("select: "), "{}", error.message);
}

/// The construct refuses the same ones at synth.
#[test]
fn expressions_are_those_of_the_construct() {
    let list = tests::json(&tests::root().join("tests/data/expressions.json"));
    for (name, is_taken) in [("taken", true), ("refused", false)] {
        for text in list[name].as_array().unwrap() {
            let expression = Expression::parse(text.as_str().unwrap());
            assert_eq!(expression.is_ok(), is_taken, "{text}: {expression:?}");
        }
    }
}
