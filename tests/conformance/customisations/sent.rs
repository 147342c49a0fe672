//! Calls that botocore's event handlers change on their way, sent by its clients and by the handler.
//!
//! Both are compared in method, host, path, query, body and the headers that say something of the call. What differs by
//! choice is left out: the user agent, ids of attempts, dates, lengths, signatures, by name; the media type of a
//! body for which botocore gives none; the slash behind a bucket that ends a path, which botocore leaves out.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tests::Tally;
use tests::invoked::{Function, REGION, entry};
use tests::python;
use tests::recording::Reply;
use tests::wire::{self, Form, Request};

/// Said by the way a client works, not by the call.
const OWN_HEADERS: [&str; 10] = [
    "accept-encoding",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "authorization",
    "content-length",
    "expect",
    "host",
    "user-agent",
    "x-amz-date",
    "x-amz-user-agent",
];

/// One call in both worlds; `ours` where the handler takes a parameter in another form.
pub struct Call {
    pub service: &'static str,
    pub operation: &'static str,
    pub parameters: Value,
    pub ours: Option<Value>,
    pub form: Form,
}

impl Call {
    pub fn new(service: &'static str, operation: &'static str, form: Form, parameters: Value) -> Self {
        Self { service, operation, parameters, ours: None, form }
    }

    /// The same with the handler's own parameters.
    pub fn but(mut self, ours: Value) -> Self {
        self.ours = Some(ours);
        self
    }
}

/// Sends all calls both ways and hands each pair to `compare`.
pub async fn compare(
    suite: &'static str,
    calls: Vec<Call>,
    compare: impl Fn(&Call, &Request, &Request) -> Result<(), String>,
) {
    let script = calls.iter().map(|call| {
        json!({"service": call.service, "operation": call.operation, "parameters": call.parameters, "region": REGION})
    });
    let expected = python("conformance/customisations/sends.py", &script.collect::<Value>());
    let expected: Vec<Request> = expected.as_array().unwrap().iter().map(request).collect();
    assert_eq!(expected.len(), calls.len());
    let mut tally = Tally::new(suite);
    for (call, expected) in calls.iter().zip(&expected) {
        let function =
            Function::new(&json!([entry(call.service, &[call.operation])]), |_| Reply::status(500, ""));
        let parameters = call.ours.as_ref().unwrap_or(&call.parameters);
        let event = json!({"service": call.service, "action": call.operation, "parameters": parameters});
        let refused = function.invoke(event).await.unwrap_err();
        let outcome = match function.wire.take().as_slice() {
            [sent] => compare(call, expected, sent),
            other => Err(format!("{} requests: {}", other.len(), refused.to_message())),
        };
        tally.case(format!("{} {} {}", call.service, call.operation, call.parameters), outcome);
    }
    tally.finish();
}

/// Everything but what differs by choice.
pub fn same(call: &Call, expected: &Request, found: &Request) -> Result<(), String> {
    equal("method", &expected.method, &found.method)?;
    equal("host", &expected.host, &found.host)?;
    let path = if call.service == "s3" { found.path.trim_end_matches('/') } else { &found.path };
    equal("path", &expected.path.as_str(), &path)?;
    equal("query", &expected.query, &found.query)?;
    let (expected_headers, mut found_headers) = (headers(expected), headers(found));
    if !expected_headers.contains_key("content-type") {
        found_headers.remove("content-type");
    }
    equal("headers", &expected_headers, &found_headers)?;
    wire::same_body(call.form, &expected.body, &found.body)
}

fn headers(request: &Request) -> BTreeMap<String, String> {
    let mut headers = request.headers.clone();
    headers.retain(|name, _| !OWN_HEADERS.contains(&name.as_str()));
    headers
}

pub fn equal<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, found: &T) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    Err(format!("{what}\n    botocore {expected:?}\n    ours     {found:?}"))
}

fn request(sent: &Value) -> Request {
    let text = |name: &str| sent[name].as_str().unwrap().to_owned();
    let (host, path, query) = wire::address(&text("url"));
    let headers = sent["headers"].as_object().unwrap().iter();
    let headers =
        headers.map(|(name, value)| (name.to_lowercase(), value.as_str().unwrap().to_owned())).collect();
    Request {
        method: text("method"),
        host,
        path,
        query,
        headers,
        body: STANDARD.decode(text("body")).unwrap(),
    }
}

#[tokio::test]
async fn requests() {
    let archive = json!({"vaultName": "v", "archiveDescription": "a b", "body": "base64:AAECAw=="});
    let key = "01234567890123456789012345678901";
    let calls = vec![
        Call::new("apigateway", "GetRestApis", Form::Json, json!({"limit": 1})),
        Call::new("apigateway", "CreateRestApi", Form::Json, json!({"name": "api"})),
        Call::new("glacier", "ListVaults", Form::Json, json!({})),
        Call::new("glacier", "ListVaults", Form::Json, json!({"accountId": "123456789012"})),
        Call::new("glacier", "UploadArchive", Form::Bytes, archive.clone())
            .but(json!({"vaultName": "v", "archiveDescription": "a b", "body": {"$base64": "AAECAw=="}})),
        Call::new(
            "glacier",
            "UploadMultipartPart",
            Form::Bytes,
            json!({"vaultName": "v", "uploadId": "u", "range": "bytes 0-3/*", "body": "base64:AAECAw=="}),
        )
        .but(json!({"vaultName": "v", "uploadId": "u", "range": "bytes 0-3/*", "body": {"$base64": "AAECAw=="}})),
        Call::new("route53", "GetHostedZone", Form::Xml, json!({"Id": "/hostedzone/Z1"})),
        Call::new("route53", "GetChange", Form::Xml, json!({"Id": "/change/C1"})),
        Call::new("route53", "ListResourceRecordSets", Form::Xml, json!({"HostedZoneId": "hostedzone/Z1"})),
        Call::new("route53", "GetReusableDelegationSet", Form::Xml, json!({"Id": "/delegationset/N1"})),
        Call::new("s3", "GetBucketLocation", Form::Xml, json!({"Bucket": "b"})),
        Call::new(
            "s3",
            "HeadObject",
            Form::Xml,
            json!({"Bucket": "b", "Key": "k", "SSECustomerAlgorithm": "AES256", "SSECustomerKey": key}),
        ),
        Call::new(
            "s3",
            "CopyObject",
            Form::Xml,
            json!({"Bucket": "b", "Key": "k", "CopySource": "s/o", "CopySourceSSECustomerAlgorithm": "AES256", "CopySourceSSECustomerKey": key}),
        ),
        Call::new("s3", "CopyObject", Form::Xml, json!({"Bucket": "b", "Key": "k", "CopySource": "s/日本/é"})),
        Call::new(
            "s3",
            "DeleteObjects",
            Form::Xml,
            json!({"Bucket": "b", "Delete": {"Objects": [{"Key": "line\rfeed\n<&>"}]}}),
        ),
        Call::new(
            "s3control",
            "GetBucket",
            Form::Xml,
            json!({"Bucket": "arn:aws:s3-outposts:us-west-2:111122223333:outpost/op-01234567890123456/bucket/reports"}),
        ),
        Call::new(
            "s3control",
            "GetAccessPoint",
            Form::Xml,
            json!({"Name": "arn:aws:s3-outposts:us-west-2:111122223333:outpost/op-01234567890123456/accesspoint/reports"}),
        ),
        Call::new("s3control", "GetAccessPoint", Form::Xml, json!({"AccountId": "111122223333", "Name": "reports"})),
        Call::new(
            "machinelearning",
            "Predict",
            Form::Json,
            json!({"MLModelId": "m", "Record": {}, "PredictEndpoint": "https://realtime.machinelearning.us-west-2.amazonaws.com"}),
        ),
        Call::new("timestream-write", "DescribeEndpoints", Form::Json, json!({})),
        Call::new("dynamodb", "DescribeEndpoints", Form::Json, json!({})),
        Call::new("events", "PutEvents", Form::Json, json!({"Entries": [{"Source": "s"}]})),
        Call::new("polly", "SynthesizeSpeech", Form::Json, json!({"OutputFormat": "mp3", "Text": "hello", "VoiceId": "Joanna"})),
    ];
    compare("customised requests", calls, same).await;
}
