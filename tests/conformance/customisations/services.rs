//! Other services in whole invocations: answers that SDKs check or rewrite, and calls that are not signed.

use serde_json::{Value, json};
use tests::invoked::{Function, entry};
use tests::recording::Reply;

#[tokio::test]
async fn oauth_errors_explain_themselves() {
    let function = Function::new(&json!([entry("sso-oidc", &["createToken"])]), |_| {
        let body = json!({"error": "invalid_grant", "error_description": "the code has expired"});
        Reply::status(400, body.to_string()).with("x-amzn-errortype", "InvalidGrantException")
    });
    let parameters = json!({"clientId": "c", "clientSecret": "s", "grantType": "authorization_code"});
    let event = json!({"service": "sso-oidc", "action": "createToken", "parameters": parameters});
    let error = function.invoke(event).await.unwrap_err();
    assert_eq!((error.name(), error.message.as_str()), ("InvalidGrantException", "the code has expired"));
    assert_eq!(error.fields["error"], "invalid_grant");
    // Whoever asks for a token has none to sign with.
    assert!(!function.wire.take()[0].headers.contains_key("authorization"));
}

/// Operations that hand out credentials or end sessions are not signed, by their models or, as here, by none of theirs.
#[tokio::test]
async fn what_gives_credentials_is_not_signed() {
    for (service, action, parameters) in [
        ("cognito-identity", "getId", json!({"IdentityPoolId": "us-west-2:p"})),
        ("cognito-identity", "getOpenIdToken", json!({"IdentityId": "us-west-2:i"})),
        ("cognito-identity", "getCredentialsForIdentity", json!({"IdentityId": "us-west-2:i"})),
        (
            "cognito-identity",
            "unlinkIdentity",
            json!({"IdentityId": "us-west-2:i", "Logins": {}, "LoginsToRemove": []}),
        ),
        ("cognito-idp", "initiateAuth", json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "c"})),
        (
            "sts",
            "assumeRoleWithSAML",
            json!({"RoleArn": "arn:aws:iam::123456789012:role/r", "PrincipalArn": "arn:aws:iam::123456789012:saml-provider/p", "SAMLAssertion": "PHg+"}),
        ),
        (
            "sts",
            "assumeRoleWithWebIdentity",
            json!({"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "s", "WebIdentityToken": "t"}),
        ),
        ("sso", "listAccounts", json!({"accessToken": "t"})),
    ] {
        let function = Function::new(&json!([entry(service, &[action])]), |_| Reply::status(500, ""));
        let event = json!({"service": service, "action": action, "parameters": parameters});
        function.invoke(event).await.unwrap_err();
        let sent = function.wire.take();
        assert!(!sent[0].headers.contains_key("authorization"), "{service} {action}");
        assert!(!sent[0].headers.contains_key("x-amz-date"), "{service} {action}");
    }
}

/// As a label, `..` leads to another operation: the API instead of its resource.
#[tokio::test]
async fn a_label_of_dots_is_refused() {
    for (service, action, parameters, path) in [
        (
            "apigateway",
            "deleteResource",
            json!({"restApiId": "a", "resourceId": ".."}),
            "parameters.resourceId",
        ),
        (
            "apigateway",
            "deleteResource",
            json!({"restApiId": "..", "resourceId": "."}),
            "parameters.restApiId",
        ),
        ("lambda", "deleteFunction", json!({"FunctionName": "."}), "parameters.FunctionName"),
        ("iot-data", "publish", json!({"topic": ".."}), "parameters.topic"),
        (
            "cloudfront-keyvaluestore",
            "deleteKey",
            json!({"KvsARN": "arn:aws:cloudfront::123456789012:key-value-store/s", "Key": "..", "IfMatch": "E"}),
            "parameters.Key",
        ),
    ] {
        let function = Function::new(&json!([entry(service, &[action])]), |_| Reply::empty());
        let event = json!({"service": service, "action": action, "parameters": parameters});
        let error = function.invoke(event).await.unwrap_err();
        assert_eq!(error.name(), "CrossRegion.InvalidParameters", "{service} {action}");
        assert!(error.message.starts_with(path), "{}", error.message);
        assert!(function.wire.take().is_empty());
    }
    // Dots among other characters are a name like any other, and to S3 they are a key.
    for (service, action, parameters, path) in [
        ("lambda", "deleteFunction", json!({"FunctionName": "...a"}), "/2015-03-31/functions/...a"),
        ("s3", "deleteObject", json!({"Bucket": "bucket", "Key": ".."}), "/.."),
        ("s3", "deleteObject", json!({"Bucket": "bucket", "Key": "a/../b"}), "/a/../b"),
    ] {
        let function = Function::new(&json!([entry(service, &[action])]), |_| Reply::empty());
        let event = json!({"service": service, "action": action, "parameters": parameters});
        function.invoke(event).await.unwrap();
        assert_eq!(function.wire.take()[0].path, path);
    }
}

/// A search grows beyond what a URL may hold.
#[tokio::test]
async fn a_search_is_a_form() {
    let endpoint = "https://search-d-1.us-west-2.cloudsearch.amazonaws.com";
    let table = json!([{"service": "cloudsearchdomain", "actions": ["search"], "regions": ["us-west-2"], "endpoints": [endpoint]}]);
    let function = Function::new(&table, |_| Reply::ok("{}"));
    let parameters = json!({"query": "a b&é", "size": 3});
    let event = json!({"service": "cloudsearchdomain", "action": "search", "endpoint": endpoint, "parameters": parameters});
    function.invoke(event).await.unwrap();
    let sent = &function.wire.take()[0];
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("POST", "/2013-01-01/search"));
    assert!(sent.query.is_empty());
    assert_eq!(sent.headers["content-type"], "application/x-www-form-urlencoded");
    let form = tests::wire::pairs(std::str::from_utf8(&sent.body).unwrap());
    let expected = [("format", "sdk"), ("pretty", "true"), ("q", "a b&é"), ("size", "3")];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn what_a_queue_stored_is_what_was_sent() {
    let send = |digest: &str| {
        let body = json!({"MessageId": "1", "MD5OfMessageBody": digest}).to_string();
        Function::new(&json!([entry("sqs", &["sendMessage"])]), move |_| Reply::ok(body.clone()))
    };
    let event = |body: Value| json!({"service": "sqs", "action": "sendMessage", "parameters": {"QueueUrl": "https://sqs.us-west-2.amazonaws.com/1/q", "MessageBody": body}});
    send("5d41402abc4b2a76b9719d911017c592").invoke(event(json!("hello"))).await.unwrap();
    // JSON is its compact text, members sorted: `{"a":2,"b":1}`.
    send("620a7530f307c3f3f111d443a4109815").invoke(event(json!({"$json": {"b": 1, "a": 2}}))).await.unwrap();
    let error = send("5d41402abc4b2a76b9719d911017c592").invoke(event(json!("hellO"))).await.unwrap_err();
    assert_eq!(error.name(), "CrossRegion.MalformedResponse");
    let message: Value = serde_json::from_str(&error.to_message()).unwrap();
    assert_eq!(message["effect"], "done");
}

#[tokio::test]
async fn what_is_received_is_what_the_queue_stored() {
    for (digest, outcome) in
        [("5d41402abc4b2a76b9719d911017c592", true), ("5d41402abc4b2a76b9719d911017c593", false)]
    {
        let body =
            json!({"Messages": [{"MessageId": "1", "Body": "hello", "MD5OfBody": digest}]}).to_string();
        let function =
            Function::new(&json!([entry("sqs", &["receiveMessage"])]), move |_| Reply::ok(body.clone()));
        let event = json!({"service": "sqs", "action": "receiveMessage", "parameters": {"QueueUrl": "https://sqs.us-west-2.amazonaws.com/1/q"}});
        assert_eq!(function.invoke(event).await.is_ok(), outcome);
    }
}

#[tokio::test]
async fn each_message_of_a_batch_is_compared() {
    let right = json!({"Id": "1", "MessageId": "m1", "MD5OfMessageBody": "5d41402abc4b2a76b9719d911017c592"});
    for (second, outcome) in
        [("7d793037a0760186574b0282f2f435e7", true), ("7d793037a0760186574b0282f2f435e8", false)]
    {
        let body = json!({"Successful": [right, {"Id": "2", "MessageId": "m2", "MD5OfMessageBody": second}], "Failed": []});
        let function = Function::new(&json!([entry("sqs", &["sendMessageBatch"])]), move |_| {
            Reply::ok(body.to_string())
        });
        let entries = json!([{"Id": "1", "MessageBody": "hello"}, {"Id": "2", "MessageBody": "world"}]);
        let event = json!({"service": "sqs", "action": "sendMessageBatch", "parameters": {"QueueUrl": "https://sqs.us-west-2.amazonaws.com/1/q", "Entries": entries}});
        assert_eq!(function.invoke(event).await.is_ok(), outcome);
    }
}
