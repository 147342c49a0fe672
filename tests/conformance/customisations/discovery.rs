//! Addresses that come from a service or from the parameters, and what the operation table has to say about them.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tests::invoked::{Function, entry};
use tests::recording::Reply;
use tests::wire::Request;

const ADDRESS: &str = "ingest-cell7.timestream.us-west-2.amazonaws.com";

fn write() -> Value {
    json!({"service": "timestream-write", "action": "writeRecords", "parameters": {"DatabaseName": "d", "TableName": "t", "Records": []}})
}

fn both() -> Value {
    json!([entry("timestream-write", &["writeRecords"]), entry("timestream-write", &["describeEndpoints"])])
}

fn target(request: &Request) -> String {
    request.headers["x-amz-target"].rsplit('.').next().unwrap_or_default().to_owned()
}

fn named(address: &str, minutes: u64) -> Reply {
    Reply::ok(json!({"Endpoints": [{"Address": address, "CachePeriodInMinutes": minutes}]}).to_string())
}

#[tokio::test]
async fn an_address_is_asked_for_once() {
    let function = Function::new(&both(), |request| match target(request).as_str() {
        "DescribeEndpoints" => named(ADDRESS, 1440),
        _ => Reply::ok("{}"),
    });
    for _ in 0..3 {
        let result = function.invoke(write()).await.unwrap();
        assert_eq!(result["$metadata"]["endpoint"], format!("https://{ADDRESS}"));
    }
    let sent = function.wire.take();
    let hosts: Vec<&str> = sent.iter().map(|request| request.host.as_str()).collect();
    assert_eq!(hosts, ["ingest.timestream.us-west-2.amazonaws.com", ADDRESS, ADDRESS, ADDRESS]);
    assert_eq!(sent[0].headers["x-amz-api-version"], "2018-11-01");
    assert!(sent[1].headers["authorization"].contains("/us-west-2/timestream/aws4_request"));
}

#[tokio::test]
async fn an_address_that_has_expired_is_asked_for_again() {
    let function = Function::new(&both(), |request| match target(request).as_str() {
        "DescribeEndpoints" => named(ADDRESS, 0),
        _ => Reply::ok("{}"),
    });
    for _ in 0..2 {
        function.invoke(write()).await.unwrap();
    }
    assert_eq!(function.wire.take().len(), 4);
}

#[tokio::test]
async fn a_service_that_has_moved_is_asked_again_and_sent_to_once_more() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let function = Function::new(&both(), |request| match target(request).as_str() {
        "DescribeEndpoints" => match ASKED.fetch_add(1, Ordering::Relaxed) {
            0 => named(ADDRESS, 1440),
            _ => named("ingest-cell8.timestream.us-west-2.amazonaws.com", 1440),
        },
        _ if request.host == ADDRESS => {
            Reply::status(421, json!({"__type": "InvalidEndpointException", "Message": "moved"}).to_string())
        }
        _ => Reply::ok("{}"),
    });
    function.invoke(write()).await.unwrap();
    let sent: Vec<String> = function.wire.take().iter().map(target).collect();
    assert_eq!(sent, ["DescribeEndpoints", "WriteRecords", "DescribeEndpoints", "WriteRecords"]);
}

/// The address is the service's word, not the table's.
#[tokio::test]
async fn an_address_outside_aws_is_refused() {
    for address in
        ["evil.example", "amazonaws.com.evil.example", "http://ingest.timestream.us-west-2.amazonaws.com"]
    {
        let function = Function::new(&both(), move |_| named(address, 1440));
        let error = function.invoke(write()).await.unwrap_err();
        assert_eq!(error.name(), "CrossRegion.NotAllowed", "{address}");
        assert_eq!(function.wire.take().len(), 1, "{address}");
    }
}

#[tokio::test]
async fn asking_needs_an_entry_of_its_own() {
    let function =
        Function::new(&json!([entry("timestream-write", &["writeRecords"])]), |_| named(ADDRESS, 1));
    let error = function.invoke(write()).await.unwrap_err();
    assert_eq!(error.name(), "CrossRegion.NotAllowed");
    assert!(error.message.contains("describeEndpoints"), "{}", error.message);
    assert!(function.wire.take().is_empty());
}

#[tokio::test]
async fn an_endpoint_of_the_caller_is_final() {
    let endpoint = "https://vpce-1.ingest.timestream.us-west-2.vpce.amazonaws.com";
    let table = json!([{"service": "timestream-write", "actions": ["writeRecords"], "regions": ["us-west-2"], "endpoints": [endpoint]}]);
    let function = Function::new(&table, |_| Reply::ok("{}"));
    let mut event = write();
    event["endpoint"] = endpoint.into();
    function.invoke(event).await.unwrap();
    let sent = function.wire.take();
    assert_eq!(sent.len(), 1);
    assert_eq!(format!("https://{}", sent[0].host), endpoint);
}

/// DynamoDB could be asked, too; no SDK does unless it is told to.
#[tokio::test]
async fn where_it_is_not_required_nobody_asks() {
    let function = Function::new(&json!([entry("dynamodb", &["listTables"])]), |_| Reply::ok("{}"));
    function.invoke(json!({"service": "dynamodb", "action": "listTables"})).await.unwrap();
    assert_eq!(function.wire.take().len(), 1);
}

#[tokio::test]
async fn a_helper_that_fails_leaves_the_call_undone() {
    let function = Function::new(&both(), |_| {
        Reply::status(403, json!({"__type": "AccessDeniedException", "Message": "no"}).to_string())
    });
    let error = function.invoke(write()).await.unwrap_err();
    assert_eq!(error.name(), "AccessDeniedException");
    let message: Value = serde_json::from_str(&error.to_message()).unwrap();
    assert_eq!(message["effect"], "none");
    assert_eq!(message["message"], "`describeEndpoints`, which this call needs first, failed: no");
    assert_eq!(message["action"], "writeRecords");
}

/// A prediction goes where the parameters say, within what the table permits.
#[tokio::test]
async fn predictions_stay_within_aws_or_the_table() {
    let event = |address: &str| json!({"service": "machinelearning", "action": "predict", "parameters": {"MLModelId": "m", "Record": {}, "PredictEndpoint": address}});
    let function = Function::new(&json!([entry("machinelearning", &["predict"])]), |_| Reply::ok("{}"));
    for address in
        ["https://evil.example", "http://realtime.machinelearning.us-west-2.amazonaws.com", "x", ""]
    {
        let error = function.invoke(event(address)).await.unwrap_err();
        assert_eq!(error.name(), "CrossRegion.NotAllowed", "{address}");
        assert!(!error.message.contains("evil"), "{}", error.message);
    }
    assert!(function.wire.take().is_empty());

    let listed = json!([{"service": "machinelearning", "actions": ["predict"], "regions": ["us-west-2"], "endpoints": ["https://ml.example"]}]);
    let function = Function::new(&listed, |_| Reply::ok("{}"));
    function.invoke(event("https://ml.example")).await.unwrap();
    assert_eq!(function.wire.take()[0].host, "ml.example");
}
