//! Calls in the name of a role: who asks STS, how often, where, and what signs the call.
//!
//! Whole invocations over a wire that records; the wire answers as STS and as the services of the role's account.

use handler::effect::Effect;
use handler::error::Error;
use serde_json::{Value, json};
use tests::invoked::Function;
use tests::recording::Reply;
use tests::wire::Request;

const ROLE: &str = "arn:aws:iam::111122223333:role/reader";
const OTHER: &str = "arn:aws:iam::111122223333:role/writer";
const NEVER: &str = "2099-01-01T00:00:00Z";

/// The function's own credentials, as [`Function`] has them.
const OWN_KEY: &str = "AKIDEXAMPLE";

fn table(service: &str, actions: &[&str]) -> Value {
    json!([{ "service": service, "actions": actions, "regions": ["*", "*global*"], "roles": [ROLE, OTHER] }])
}

fn tables() -> Value {
    table("dynamodb", &["listTables"])
}

fn list() -> Value {
    json!({ "service": "dynamodb", "action": "listTables", "assumeRole": { "roleArn": ROLE } })
}

fn is_sts(request: &Request) -> bool {
    request.host.starts_with("sts.")
}

/// What STS was asked, decoded.
fn asked(request: &Request) -> Vec<(String, String)> {
    let body = String::from_utf8(request.body.clone()).unwrap();
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    body.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

fn credentials(key: &str, expiration: &str) -> Reply {
    Reply::ok(format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId>\
         <SecretAccessKey>SECRET-KEY</SecretAccessKey><SessionToken>SECRET-TOKEN</SessionToken>\
         <Expiration>{expiration}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    ))
}

/// STS names the credentials after the role; services answer nothing.
fn function(table: &Value, expiration: &'static str) -> Function {
    Function::new(table, move |request| {
        if !is_sts(request) {
            return if request.method == "HEAD" { Reply::empty() } else { Reply::ok("{}") };
        }
        let role = asked(request).into_iter().find(|(name, _)| name == "RoleArn").unwrap().1;
        credentials(&format!("ASIA{}", role.rsplit('/').next().unwrap().to_uppercase()), expiration)
    })
}

fn refusing(reply: Reply) -> Function {
    Function::new(&tables(), move |_| reply.clone())
}

fn signed_by(request: &Request) -> &str {
    let (_, rest) = request.headers["authorization"].split_once("Credential=").unwrap();
    rest.split('/').next().unwrap()
}

fn message(error: &Error) -> Value {
    serde_json::from_str(&error.to_message()).unwrap()
}

#[tokio::test]
async fn the_role_is_assumed_once_and_signs_every_call() {
    let function = function(&tables(), NEVER);
    for _ in 0..50 {
        function.invoke(list()).await.unwrap();
    }
    let sent = function.wire.take();
    assert_eq!(sent.iter().filter(|request| is_sts(request)).count(), 1);
    assert_eq!(sent.len(), 51);
    let (sts, calls) = sent.split_first().unwrap();
    assert_eq!(sts.host, "sts.us-west-2.amazonaws.com");
    assert!(sts.headers["authorization"].contains("/us-west-2/sts/aws4_request"));
    assert_eq!(signed_by(sts), OWN_KEY);
    for call in calls {
        assert_eq!(signed_by(call), "ASIAREADER");
        assert_eq!(call.headers["x-amz-security-token"], "SECRET-TOKEN");
    }
}

#[tokio::test]
async fn a_failover_target_has_its_own_role_or_the_events() {
    let function = Function::new(&tables(), |request| {
        if is_sts(request) {
            let role = asked(request).into_iter().find(|(name, _)| name == "RoleArn").unwrap().1;
            return credentials(&format!("ASIA{}", role.rsplit('/').next().unwrap().to_uppercase()), NEVER);
        }
        let serves = request.host.contains("eu-west-1");
        if serves { Reply::ok("{}") } else { Reply::status(503, "{}") }
    });
    let mut event = list();
    event["failover"] = json!({
        "targets": [{ "region": "us-east-1", "assumeRole": { "roleArn": OTHER } }, { "region": "eu-west-1" }],
    });
    let result = function.invoke(event).await.unwrap();
    assert_eq!(result["$metadata"]["region"], "eu-west-1");
    let calls: Vec<Request> = function.wire.take().into_iter().filter(|it| !is_sts(it)).collect();
    let signers: Vec<_> = calls.iter().map(signed_by).collect();
    assert_eq!(signers, ["ASIAREADER", "ASIAWRITER", "ASIAREADER"]);
}

#[tokio::test]
async fn a_session_tells_which_step_it_is_for() {
    let function = function(&tables(), NEVER);
    let mut event = list();
    event["invocation"] = json!({
        "execution": "arn:aws:states:ap-northeast-1:123456789012:execution:Machine:order-17",
        "state": "List tables", "enteredTime": "2026-11-25T10:11:12.345Z",
    });
    function.invoke(event).await.unwrap();
    let told = function.wire.take().iter().find(|it| is_sts(it)).map(asked).unwrap();
    let name = told.iter().find(|(name, _)| name == "RoleSessionName").unwrap();
    assert_eq!(name.1, "order-17@List-tables");
}

#[tokio::test]
async fn sts_is_told_what_the_event_says_and_no_more() {
    let function = function(&tables(), NEVER);
    function.invoke(list()).await.unwrap();
    let mut event = list();
    event["assumeRole"] =
        json!({ "roleArn": ROLE, "externalId": "id:1", "sessionName": "night", "tags": { "team": "blue" } });
    function.invoke(event).await.unwrap();
    let told: Vec<_> = function.wire.take().iter().filter(|it| is_sts(it)).map(asked).collect();
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let plain = [
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", ROLE),
        ("RoleSessionName", "cross-region-tasks"),
    ];
    assert_eq!(told[0], plain.iter().map(pair).collect::<Vec<_>>());
    let full = [
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", ROLE),
        ("RoleSessionName", "night"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "blue"),
        ("ExternalId", "id:1"),
    ];
    assert_eq!(told[1], full.iter().map(pair).collect::<Vec<_>>());
}

/// What one external id, name or tag was given is not for another.
#[tokio::test]
async fn credentials_are_kept_apart_by_all_that_they_depend_on() {
    let function = function(&tables(), NEVER);
    let ways = [
        json!({ "roleArn": ROLE }),
        json!({ "roleArn": OTHER }),
        json!({ "roleArn": ROLE, "externalId": "id-1" }),
        json!({ "roleArn": ROLE, "externalId": "id-2" }),
        json!({ "roleArn": ROLE, "sessionName": "night" }),
        json!({ "roleArn": ROLE, "tags": { "team": "blue" } }),
        json!({ "roleArn": ROLE, "tags": { "team": "red" } }),
    ];
    for _ in 0..3 {
        for way in &ways {
            let mut event = list();
            event["assumeRole"] = way.clone();
            function.invoke(event).await.unwrap();
        }
    }
    let sent = function.wire.take();
    assert_eq!(sent.iter().filter(|request| is_sts(request)).count(), ways.len());
    let signers: Vec<&str> = sent.iter().filter(|it| !is_sts(it)).map(signed_by).collect();
    let round =
        ["ASIAREADER", "ASIAWRITER", "ASIAREADER", "ASIAREADER", "ASIAREADER", "ASIAREADER", "ASIAREADER"];
    assert_eq!(signers, round.repeat(3));
}

/// Temporary credentials hold everywhere, so that another Region needs no second question; a call in the function's
/// own name after one in a role's is signed by the function, on the same connection.
#[tokio::test]
async fn one_answer_serves_every_region_and_nobody_else() {
    let mut table = tables();
    let mut own = table[0].clone();
    own.as_object_mut().unwrap().remove("roles");
    table.as_array_mut().unwrap().push(own);
    let function = function(&table, NEVER);
    for (region, role) in
        [("us-west-2", true), ("us-west-2", false), ("eu-west-1", true), ("us-west-2", true)]
    {
        let mut event = list();
        event["region"] = region.into();
        if !role {
            event.as_object_mut().unwrap().remove("assumeRole");
        }
        function.invoke(event).await.unwrap();
    }
    let sent = function.wire.take();
    let signers: Vec<&str> = sent.iter().map(signed_by).collect();
    assert_eq!(signers, [OWN_KEY, "ASIAREADER", OWN_KEY, "ASIAREADER", "ASIAREADER"]);
}

#[tokio::test]
async fn shortly_before_they_expire_they_are_asked_for_again() {
    let minutes = |minutes: u64| {
        let time = std::time::SystemTime::now() + std::time::Duration::from_mins(minutes);
        let text = aws_smithy_types::DateTime::from(time)
            .fmt(aws_smithy_types::date_time::Format::DateTime)
            .unwrap();
        &*text.leak()
    };
    for (left, questions) in [(minutes(6), 1), (minutes(4), 2), ("2001-01-01T00:00:00Z", 2)] {
        let function = function(&tables(), left);
        for _ in 0..2 {
            function.invoke(list()).await.unwrap();
        }
        let sent = function.wire.take();
        assert_eq!(sent.iter().filter(|request| is_sts(request)).count(), questions, "{left}");
    }
}

/// A function that meets a million roles keeps few of them.
#[tokio::test]
async fn what_is_kept_is_bounded() {
    let function = function(&tables(), NEVER);
    for round in 0..2 {
        for at in 0..200 {
            let mut event = list();
            event["assumeRole"] = json!({ "roleArn": ROLE, "sessionName": format!("job-{at}") });
            function.invoke(event).await.unwrap();
        }
        let sent = function.wire.take();
        assert_eq!(sent.iter().filter(|request| is_sts(request)).count(), 200, "round {round}");
    }
}

/// SigV4A has an identity of its own in the SDK.
#[tokio::test]
async fn signatures_for_every_region_are_the_roles_too() {
    let function = function(&table("s3", &["headObject"]), NEVER);
    let bucket = "arn:aws:s3::111122223333:accesspoint:mfzwi23gnjvgw.mrap";
    let event = json!({ "service": "s3", "action": "headObject", "assumeRole": { "roleArn": ROLE },
        "parameters": { "Bucket": bucket, "Key": "k" } });
    function.invoke(event).await.unwrap();
    let sent = function.wire.take();
    assert!(sent[1].headers["authorization"].starts_with("AWS4-ECDSA-P256-SHA256 Credential=ASIAREADER/"));
}

/// What a call needs first is asked for in the role's name, and what one role was told is not for another.
#[tokio::test]
async fn helper_calls_are_made_in_the_roles_name() {
    let table = json!([
        { "service": "s3", "actions": ["headObject"], "regions": ["us-west-2"], "roles": [ROLE, OTHER] },
        { "service": "s3", "actions": ["createSession"], "regions": ["us-west-2"], "roles": [ROLE, OTHER] },
    ]);
    let function = Function::new(&table, |request| {
        let role = asked(request).into_iter().find(|(name, _)| name == "RoleArn");
        match role {
            Some((_, role)) => credentials(if role == ROLE { "ASIAREADER" } else { "ASIAWRITER" }, NEVER),
            None if request.query.iter().any(|(name, _)| name == "session") => {
                let session = format!("SESSION-OF-{}", signed_by(request));
                Reply::ok(format!(
                    "<CreateSessionResult><Credentials><AccessKeyId>{session}</AccessKeyId><SecretAccessKey>s\
                     </SecretAccessKey><SessionToken>t</SessionToken><Expiration>{NEVER}</Expiration></Credentials>\
                     </CreateSessionResult>"
                ))
            }
            None => Reply::empty(),
        }
    });
    for role in [ROLE, OTHER, ROLE] {
        let event = json!({ "service": "s3", "action": "headObject", "assumeRole": { "roleArn": role },
            "parameters": { "Bucket": "bucket--usw2-az1--x-s3", "Key": "k" } });
        function.invoke(event).await.unwrap();
    }
    let sent = function.wire.take();
    let signers: Vec<&str> = sent.iter().map(signed_by).collect();
    let (reader, writer) = ("SESSION-OF-ASIAREADER", "SESSION-OF-ASIAWRITER");
    assert_eq!(signers, [OWN_KEY, "ASIAREADER", reader, OWN_KEY, "ASIAWRITER", writer, reader]);
}

/// The URL with which a service reads in the source Region is the role's, as the call is.
#[tokio::test]
async fn a_presigned_url_is_the_roles() {
    let function = Function::new(&table("rds", &["copyDBSnapshot"]), |request| {
        if is_sts(request) {
            credentials("ASIAREADER", NEVER)
        } else {
            Reply::ok("<CopyDBSnapshotResponse/>")
        }
    });
    let event = json!({ "service": "rds", "action": "copyDBSnapshot", "assumeRole": { "roleArn": ROLE }, "parameters": {
        "SourceDBSnapshotIdentifier": "arn:aws:rds:us-east-1:111122223333:snapshot:s", "SourceRegion": "us-east-1",
        "TargetDBSnapshotIdentifier": "t" } });
    function.invoke(event).await.unwrap();
    let sent = function.wire.take();
    let url = asked(&sent[1]).into_iter().find(|(name, _)| name == "PreSignedUrl").unwrap().1;
    assert!(url.contains("X-Amz-Credential=ASIAREADER%2F"), "{url}");
}

/// Some hosts carry the account: the role's, not the function's.
#[tokio::test]
async fn the_account_is_the_roles() {
    let function = function(&tables(), NEVER);
    function.invoke(list()).await.unwrap();
    let sent = function.wire.take();
    assert_eq!(sent[1].host, "111122223333.ddb.us-west-2.amazonaws.com");
}

#[tokio::test]
async fn a_refusal_keeps_its_name_and_leaves_the_call_undone() {
    let reply = Reply::status(
        403,
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized to perform: \
         sts:AssumeRole</Message></Error><RequestId>r-1</RequestId></ErrorResponse>",
    );
    let function = refusing(reply);
    let error = function.invoke(list()).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("AccessDenied", Effect::None));
    let message = message(&error);
    assert_eq!(
        message["message"],
        "the role cannot be assumed, so the call was not made: not authorized to perform: sts:AssumeRole"
    );
    let told = ["service", "action", "region", "effect", "requestId", "statusCode"]
        .map(|name| message[name].clone());
    assert_eq!(json!(told), json!(["sts", "assumeRole", "us-west-2", "none", "r-1", 403]));
    assert_eq!(function.wire.take().len(), 1);

    let mut event = list();
    event["spelling"] = "stepFunctions".into();
    assert_eq!(function.invoke(event).await.unwrap_err().name(), "Sts.StsException");
}

/// A refusal is not remembered: a role that was made a moment ago is found later.
#[tokio::test]
async fn a_refusal_is_not_remembered() {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let function = Function::new(&tables(), move |request| {
        if !is_sts(request) {
            return Reply::ok("{}");
        }
        match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => {
                Reply::status(403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>")
            }
            _ => credentials("ASIAREADER", NEVER),
        }
    });
    function.invoke(list()).await.unwrap_err();
    function.invoke(list()).await.unwrap();
}

/// Assuming a role changes nothing, so it is repeated though the call may be made only once.
#[tokio::test]
async fn sts_is_asked_again_where_it_fails_and_never_leaves_a_doubt() {
    let function = refusing(Reply::status(
        500,
        "<ErrorResponse><Error><Code>InternalFailure</Code></Error></ErrorResponse>",
    ));
    let error = function.invoke(list()).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("InternalFailure", Effect::None));
    assert_eq!(function.wire.take().len(), 3);

    let function = refusing(Reply::ok("<AssumeRoleResponse><AssumeRoleResult/></AssumeRoleResponse>"));
    let error = function.invoke(list()).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("CrossRegion.MalformedResponse", Effect::None));
    assert!(error.message.ends_with("the answer to `assumeRole` holds no credentials"), "{}", error.message);
}

#[tokio::test]
async fn the_table_lists_roles_or_nobody_is_asked() {
    let own = json!([{ "service": "dynamodb", "actions": ["listTables"], "regions": ["*"] }]);
    let apart = json!([
        { "service": "dynamodb", "actions": ["listTables"], "regions": ["us-west-2"], "roles": [OTHER] },
        { "service": "dynamodb", "actions": ["listTables"], "regions": ["us-east-1"], "roles": [ROLE] },
        { "service": "sts", "actions": ["assumeRole"], "regions": ["*"] },
    ]);
    for table in [own, apart] {
        let function = function(&table, NEVER);
        let error = function.invoke(list()).await.unwrap_err();
        assert_eq!(error.name(), "CrossRegion.NotAllowed");
        assert!(error.message.contains(&format!("role `{ROLE}`")), "{}", error.message);
        assert!(function.wire.take().is_empty());
    }
    let function = function(&tables(), NEVER);
    let mut event = list();
    event.as_object_mut().unwrap().remove("assumeRole");
    let error = function.invoke(event).await.unwrap_err();
    assert!(error.message.contains("no `assumeRole`"), "{}", error.message);
    assert!(function.wire.take().is_empty());
}
