//! Signatures of our requests, recomputed by another implementation.
//!
//! Requests are captured at the HTTP connector and handed to Python, where botocore recomputes SigV4 and a library
//! verifies SigV4A (`signing/recompute.py`). Paths, queries and header values hold what one layer or another treats in
//! its own way; one call of every service shows that each is signed under some name that holds together.

use std::collections::{BTreeMap, BTreeSet};

use aws_credential_types::Credentials;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use handler::catalog;
use handler::catalog::blob::SERVICES;
use handler::catalog::model::{Auth, MemberTrait};
use handler::catalog::shape::{Kind, Member, Shape};
use handler::client::auth;
use handler::endpoint::{self, Params, Resolved, Settings};
use serde_json::{Value, json};
use tests::Tally;
use tests::invoked::{Function, entry};
use tests::recording::Reply;
use tests::wire::{self, Request};

const KEY_ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

const SYMMETRIC: &str = "AWS4-HMAC-SHA256";
const ASYMMETRIC: &str = "AWS4-ECDSA-P256-SHA256";

const AWKWARD: [&str; 12] = [
    "plain",
    "a b+c",
    "%2F%20%",
    "a//b///c/",
    "./a/../b",
    "..",
    "日本/é/ü",
    "~-_.!*'()",
    "?q=1&r=2#f",
    ":@$,;=[]{}|^`\"<>\\",
    "a\u{7f}\u{1}\tb",
    "\u{1F600}",
];

fn credentials(token: Option<&str>) -> Credentials {
    let mut credentials = Credentials::builder()
        .access_key_id(KEY_ID)
        .secret_access_key(SECRET)
        .account_id(tests::calls::ACCOUNT)
        .provider_name("tests");
    credentials.set_session_token(token.map(ToOwned::to_owned));
    credentials.build()
}

/// A request and what its signature should say of itself.
struct Case {
    name: String,
    url: String,
    request: Request,
    scheme: &'static str,
    scope: Option<String>,
}

/// The one request of a call, which nobody answers.
async fn sent(event: Value, token: Option<&str>) -> Result<(String, Request), String> {
    let table = json!([entry(event["service"].as_str().unwrap(), &[event["action"].as_str().unwrap()])]);
    let function = Function::with(&table, credentials(token), |_| Reply::status(500, ""));
    let outcome = function.invoke(event).await;
    match function.wire.take_with_urls().pop() {
        Some(sent) => Ok(sent),
        None => Err(outcome.err().map(|error| error.to_message()).unwrap_or_default()),
    }
}

async fn case(event: Value, token: Option<&str>, scheme: &'static str, scope: &str) -> Case {
    let name = event.to_string();
    let (url, request) = sent(event, token).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    let scope = (scheme != "none").then(|| format!("{scope}/aws4_request"));
    Case { name, url, request, scheme, scope }
}

fn recompute(cases: &[Case]) -> Vec<Value> {
    let requests = cases.iter().map(|case| {
        let Request { method, headers, body, host, .. } = &case.request;
        let mut headers = headers.clone();
        headers.insert("host".to_owned(), host.clone());
        json!({"method": method, "url": case.url, "headers": headers, "body": STANDARD.encode(body)})
    });
    let credentials = json!({"accessKeyId": KEY_ID, "secretAccessKey": SECRET});
    let input = json!({"credentials": credentials, "requests": requests.collect::<Value>()});
    let verdicts = tests::python("conformance/signing/recompute.py", &input);
    let verdicts = verdicts.as_array().unwrap().clone();
    assert_eq!(verdicts.len(), cases.len());
    verdicts
}

fn judge(case: &Case, verdict: &Value) -> Result<(), String> {
    if let Some(fault) = verdict["fault"].as_str() {
        return Err(fault.to_owned());
    }
    if verdict["scheme"] != case.scheme {
        return Err(format!("scheme {}, not {}", verdict["scheme"], case.scheme));
    }
    match &case.scope {
        Some(scope) if verdict["scope"] != *scope => Err(format!("scope {}, not {scope}", verdict["scope"])),
        _ => Ok(()),
    }
}

fn finish(suite: &'static str, cases: &[Case]) {
    judge_all(Tally::new(suite), cases);
}

fn judge_all(mut tally: Tally, cases: &[Case]) {
    for (case, verdict) in cases.iter().zip(recompute(cases)) {
        tally.case(&case.name, judge(case, &verdict));
    }
    tally.finish();
}

fn call(service: &str, action: &str, parameters: Value) -> Value {
    json!({"service": service, "action": action, "parameters": parameters})
}

#[tokio::test]
async fn symmetric() {
    let mut cases = Vec::new();
    for token in [None, Some("FwoGZXIvYXdzEJr//////////wEaDEXAMPLE+/==")] {
        for text in AWKWARD {
            let s3 = "us-west-2/s3";
            let object = json!({"Bucket": "bucket", "Key": text});
            cases.push(case(call("s3", "getObject", object), token, SYMMETRIC, s3).await);
            let body = json!({"Bucket": "name.with.dots", "Key": text, "Body": text, "Tagging": "a=b%20c"});
            cases.push(case(call("s3", "putObject", body), token, SYMMETRIC, s3).await);
            let list =
                json!({"Bucket": "bucket", "Prefix": text, "Delimiter": "/", "ContinuationToken": "a+/="});
            cases.push(case(call("s3", "listObjectsV2", list), token, SYMMETRIC, s3).await);
            // In labels, slashes included, and as a list in the query: encoded twice in what is signed.
            let untag =
                json!({"resourceArn": format!("arn:aws:bedrock:::{text}"), "tagKeys": [text, "", "b"]});
            cases.push(
                case(call("bedrock-agent", "untagResource", untag), token, SYMMETRIC, "us-west-2/bedrock")
                    .await,
            );
            let invoke = json!({"FunctionName": "f", "Qualifier": text, "Payload": {"text": text}});
            cases.push(case(call("lambda", "invoke", invoke), token, SYMMETRIC, "us-west-2/lambda").await);
            let message = json!({"QueueUrl": "https://sqs.us-west-2.amazonaws.com/1/q", "MessageBody": text});
            cases.push(case(call("sqs", "sendMessage", message), token, SYMMETRIC, "us-west-2/sqs").await);
            let publish = json!({"TopicArn": "arn:aws:sns:us-west-2:1:t", "Message": text});
            cases.push(case(call("sns", "publish", publish), token, SYMMETRIC, "us-west-2/sns").await);
        }
        let iam = call("iam", "listRoles", json!({"PathPrefix": "/a b/"}));
        cases.push(case(iam, token, SYMMETRIC, "us-east-1/iam").await);
        let metadata =
            json!({"Bucket": "bucket", "Key": "k", "Metadata": {"a": "  two  spaces  ", "b": "x,y;z=\"q\""}});
        cases.push(case(call("s3", "putObject", metadata), token, SYMMETRIC, "us-west-2/s3").await);
        let archive = json!({"vaultName": "v", "body": {"$base64": "AAECAw=="}});
        cases.push(
            case(call("glacier", "uploadArchive", archive), token, SYMMETRIC, "us-west-2/glacier").await,
        );
        let location = call("s3", "getBucketLocation", json!({"Bucket": "bucket"}));
        cases.push(case(location, token, SYMMETRIC, "us-west-2/s3").await);
    }
    assert!(cases.iter().any(|case| case.request.headers.contains_key("x-amz-security-token")));
    finish("signatures, SigV4", &cases);
}

#[tokio::test]
async fn asymmetric() {
    let mut cases = Vec::new();
    let store = "arn:aws:cloudfront::123456789012:key-value-store/11112222-3333-4444-5555-666677778888";
    let point = "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap";
    let outpost =
        "arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-01234567890123456/accesspoint/reports";
    for token in [None, Some("FwoGZXIvYXdzEJr//////////wEaDEXAMPLE+/==")] {
        for text in AWKWARD.into_iter().filter(|text| *text != "..") {
            let service = "cloudfront-keyvaluestore";
            let put = json!({"KvsARN": store, "Key": text, "Value": text, "IfMatch": "E1"});
            cases.push(case(call(service, "putKey", put), token, ASYMMETRIC, service).await);
            let list = json!({"KvsARN": store, "NextToken": text});
            cases.push(case(call(service, "listKeys", list), token, ASYMMETRIC, service).await);
            let object = json!({"Bucket": point, "Key": text});
            cases.push(case(call("s3", "getObject", object), token, ASYMMETRIC, "s3").await);
            let object = json!({"Bucket": outpost, "Key": text, "Body": text});
            cases.push(case(call("s3", "putObject", object), token, ASYMMETRIC, "s3-outposts").await);
        }
        let events =
            json!({"EndpointId": "abcde.veo", "Entries": [{"Source": "s", "Detail": {"$json": {}}}]});
        cases.push(case(call("events", "putEvents", events), token, ASYMMETRIC, "events").await);
    }
    for case in &cases {
        assert_eq!(case.request.headers["x-amz-region-set"], "*", "{}", case.name);
    }
    finish("signatures, SigV4A", &cases);
}

/// The URL that a copy carries, and the copy.
#[tokio::test]
async fn presigned() {
    let mut cases = Vec::new();
    let rds = json!({"SourceRegion": "ap-northeast-1", "SourceDBSnapshotIdentifier": "arn:aws:rds:ap-northeast-1:1:snapshot:s", "TargetDBSnapshotIdentifier": "t", "Tags": [{"Key": "a b+c", "Value": "é&=/?%"}]});
    let ec2 = json!({"SourceRegion": "ap-northeast-1", "SourceSnapshotId": "snap-1", "Description": "~ a*b (日本)"});
    for token in [None, Some("FwoGZXIvYXdzEJr//////////wEaDEXAMPLE+/==")] {
        for (service, action, parameters) in
            [("rds", "copyDBSnapshot", rds.clone()), ("ec2", "copySnapshot", ec2.clone())]
        {
            let copy =
                case(call(service, action, parameters), token, SYMMETRIC, &format!("us-west-2/{service}"))
                    .await;
            let form = wire::pairs(std::str::from_utf8(&copy.request.body).unwrap());
            let (_, url) = form.iter().find(|(name, _)| name.eq_ignore_ascii_case("PreSignedUrl")).unwrap();
            let (host, path, query) = wire::address(url);
            assert_eq!(query.iter().any(|(name, _)| name == "X-Amz-Security-Token"), token.is_some());
            let request =
                Request { method: "GET".to_owned(), host, path, query, headers: [].into(), body: Vec::new() };
            cases.push(Case {
                name: format!("URL of {}", copy.name),
                url: url.clone(),
                request,
                scheme: SYMMETRIC,
                scope: Some(format!("ap-northeast-1/{service}/aws4_request")),
            });
            cases.push(copy);
        }
    }
    finish("signatures, presigned", &cases);
}

/// What needs no credentials goes without.
#[tokio::test]
async fn none() {
    let mut cases = Vec::new();
    for (service, action, parameters) in [
        ("cognito-identity", "getId", json!({"IdentityPoolId": "us-west-2:p"})),
        ("cognito-idp", "initiateAuth", json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "c"})),
        (
            "sts",
            "assumeRoleWithWebIdentity",
            json!({"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "s", "WebIdentityToken": "t"}),
        ),
        ("sso", "listAccounts", json!({"accessToken": "t"})),
        ("sso-oidc", "registerClient", json!({"clientName": "c", "clientType": "public"})),
    ] {
        cases.push(case(call(service, action, parameters), Some("token"), "none", "").await);
    }
    for case in &cases {
        let secrets = case.request.headers.keys().filter(|name| name.contains("security-token"));
        assert_eq!(secrets.count(), 0, "{}", case.name);
    }
    finish("signatures, none", &cases);
}

/// A token of another kind than AWS's signature has no source in a function: refused by name, before a socket opens.
#[tokio::test]
async fn refused() {
    let mut tally = Tally::new("signatures that a function cannot make");
    for (service, action, scheme) in
        [("codecatalyst", "getUserDetails", "bearer tokens"), ("sdb", "listDomains", "SigV2")]
    {
        let function = Function::new(&json!([entry(service, &[action])]), |_| Reply::empty());
        let error = function.invoke(call(service, action, json!({}))).await.unwrap_err();
        let told =
            format!("`{service}` takes {scheme} only in `{action}`, and a function's role signs by SigV4");
        let outcome = if !function.wire.take().is_empty() {
            Err("was sent".to_owned())
        } else if error.name() == "CrossRegion.NotAllowed" && error.message == told {
            Ok(())
        } else {
            Err(error.to_message())
        };
        tally.case(format!("{service} {action}"), outcome);
    }
    tally.finish();
}

/// All operations that are refused, and none besides: what takes bearer tokens and SigV4 is signed by SigV4.
#[test]
fn schemes_of_every_operation() {
    let mut tally = Tally::new("signatures, scheme of every operation");
    let mut refused = BTreeMap::<&str, usize>::new();
    let settings = Settings { region: "us-west-2", ..Settings::default() };
    for entry in SERVICES {
        let service = catalog::service(entry.id).unwrap();
        let rules = service.endpoints().unwrap();
        let params = settings.params(rules, Params::default());
        // Some rules need parameters of the operation; what they say of signing then is in the model, too.
        let endpoint =
            endpoint::resolve(rules, catalog::partitions().unwrap(), &params).unwrap_or_else(|_| Resolved {
                url: "https://example.com".to_owned(),
                headers: Vec::new(),
                properties: Vec::new(),
                auth_schemes: Vec::new(),
            });
        for name in service.operation_names() {
            let operation = service.operation(name).unwrap();
            let Ok(signing) = auth::choose(operation, "us-west-2", &endpoint) else {
                tally.skip("refused: bearer tokens or SigV2 only");
                *refused.entry(service.id()).or_default() += 1;
                continue;
            };
            let is_signed = !matches!(signing.scheme, Auth::Bearer | Auth::Sigv2);
            let outcome = if is_signed { Ok(()) } else { Err("is not signed") };
            tally.case(format!("{} {name}", service.id()), outcome);
        }
    }
    let expected = [("account-access-runtime", 2), ("codecatalyst", 38), ("sdb", 10)];
    assert_eq!(refused.into_iter().collect::<Vec<_>>(), expected);
    tally.finish();
}

/// What a value must hold, and no more.
fn required(shape: &Shape) -> Value {
    let member = |member: &Member| (member.name.clone(), required(member.target().unwrap()));
    match &shape.kind {
        Kind::Structure(members) => {
            members.iter().filter(|it| it.has(&MemberTrait::Required)).map(member).collect()
        }
        Kind::Union(members) => members.first().map(member).into_iter().collect(),
        Kind::List(element) => json!([required(element.target().unwrap())]),
        Kind::Map(_, element) => json!({"key": required(element.target().unwrap())}),
        Kind::Boolean => true.into(),
        Kind::Integer | Kind::Long | Kind::Float | Kind::Double => 1.into(),
        Kind::Timestamp => "2026-11-25T00:00:00Z".into(),
        Kind::Blob => json!({"$text": "text"}),
        Kind::String => "text".into(),
        Kind::Document => json!({}),
    }
}

/// One call of every service.
#[tokio::test]
async fn every_service() {
    let mut cases = Vec::new();
    let mut services = BTreeSet::new();
    let mut tally = Tally::new("signatures, one call of every service");
    for file in tests::names(&tests::root().join("handler/models")) {
        let Some(id) = file.strip_suffix(".json") else { continue };
        let Ok(service) = catalog::service(id) else { continue };
        if !services.insert(service.id().to_owned()) {
            continue;
        }
        let mut found = None;
        for name in service.operation_names() {
            let operation = service.operation(name).unwrap();
            let parameters = operation.input.map_or_else(|| json!({}), required);
            if let Ok((url, request)) = sent(call(service.id(), name, parameters), None).await
                && let Some(authorization) = request.headers.get("authorization")
            {
                let scheme = if authorization.starts_with(ASYMMETRIC) { ASYMMETRIC } else { SYMMETRIC };
                found = Some(Case { name: format!("{id} {name}"), url, request, scheme, scope: None });
                break;
            }
        }
        match found {
            Some(case) => cases.push(case),
            None => {
                tally.skip("takes bearer tokens or SigV2 only, or credentials of another kind than AWS's");
            }
        }
    }
    assert!(services.len() > 430 && cases.len() > 430, "{} of {}", cases.len(), services.len());
    judge_all(tally, &cases);
}

/// A verifier that finds nothing would pass everything.
#[tokio::test]
async fn what_is_changed_after_signing_is_found() {
    let point = "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap";
    let mut cases = Vec::new();
    for (bucket, scheme, scope) in [("bucket", SYMMETRIC, "us-west-2/s3"), (point, ASYMMETRIC, "s3")] {
        let event = call("s3", "putObject", json!({"Bucket": bucket, "Key": "k", "Body": "b"}));
        let changes: [fn(&mut Case); 5] = [
            |case| case.url = case.url.replace("/k", "/K"),
            |case| case.url.push_str("&a=b"),
            |case| case.request.method = "POST".to_owned(),
            |case| case.request.body = b"c".to_vec(),
            |case| _ = case.request.headers.insert("x-amz-checksum-crc32".to_owned(), "AAAA".to_owned()),
        ];
        for change in changes {
            let mut case = case(event.clone(), None, scheme, scope).await;
            change(&mut case);
            cases.push(case);
        }
    }
    for (case, verdict) in cases.iter().zip(recompute(&cases)) {
        assert!(judge(case, &verdict).is_err(), "{} {}", case.request.method, case.url);
    }
}
