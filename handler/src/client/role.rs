//! Roles of other accounts, or of the own one, in whose name a call is made.
//!
//! Enters: `assumeRole` of the event. Leaves: [`AssumeRole`], the parameters of STS's operation of that name, and
//! [`Assumed`], the credentials that it answered with. Fails with faults of the event for what is no role of the
//! function's own partition, for credentials do not reach another one, and where the answer holds none.
//!
//! Who assumes, and for how long it is remembered, is `helper.rs`'s business; that a request is signed by the role of
//! its permit, and by no other, is checked where the request is made (`client/operation.rs`).

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Map, Value as Json, json};

use super::Answer;
use crate::error::{Error, Kind};
use crate::fields::Fields;
use crate::region::Regions;

/// The operation and its service.
pub const SERVICE: &str = "sts";
pub const OPERATION: &str = "AssumeRole";

/// Of a call that does not know its execution.
const DEFAULT_SESSION_NAME: &str = "cross-region-tasks";

/// Characters of a session's name.
const SESSION_NAME: std::ops::RangeInclusive<usize> = 2..=64;

/// Characters of an external id.
const EXTERNAL_ID: std::ops::RangeInclusive<usize> = 2..=1224;

/// The ARN of a role in the function's own partition. Only [`Role::parse`] makes one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Role(String);

impl Role {
    pub fn parse(text: &str, regions: &Regions) -> Result<Self, String> {
        let own = &regions.own_partition().id;
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "iam", "", account, resource] = parts[..] else { return Err(no_role(own)) };
        let name = resource.strip_prefix("role/").unwrap_or_default();
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_name =
            !name.is_empty() && !name.ends_with('/') && name.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_account || !is_name {
            return Err(no_role(own));
        }
        if partition != own {
            return Err(format!(
                "must be of partition `{own}`, in which this function runs: credentials do not reach another one"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The twelve digits of the role's account.
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }
}

fn no_role(partition: &str) -> String {
    format!("must be the ARN of a role, as in `arn:{partition}:iam::123456789012:role/name`")
}

/// As whom a call is made: `assumeRole` of the event.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AssumeRole {
    pub role: Role,
    pub session_name: String,
    external_id: Option<String>,
    tags: BTreeMap<String, String>,
}

/// An external id is shared between two parties, and tags are the user's own.
impl fmt::Debug for AssumeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssumeRole").field("role", &self.role).finish_non_exhaustive()
    }
}

impl AssumeRole {
    /// Reads the fields of `assumeRole`; `session_name` is that of an event that does not give its own.
    pub fn read(fields: &mut Fields<'_>, regions: &Regions, session_name: &str) -> Option<Self> {
        let role = fields.required_text("roleArn", |text| Role::parse(text, regions));
        let external_id = fields.text("externalId", |text| spelled(text, EXTERNAL_ID, "_+=,.@:/-"));
        let own_name = fields.text("sessionName", |text| spelled(text, SESSION_NAME, "_+=,.@-"));
        let tags = fields.texts_by_name("tags");
        Some(Self {
            role: role?,
            session_name: own_name.unwrap_or_else(|| session_name.to_owned()),
            external_id,
            tags: tags.unwrap_or_default(),
        })
    }

    /// Of STS's operation.
    pub fn parameters(&self) -> Map<String, Json> {
        let mut parameters = Map::new();
        parameters.insert("RoleArn".to_owned(), json!(self.role.as_str()));
        parameters.insert("RoleSessionName".to_owned(), json!(self.session_name));
        if let Some(external_id) = &self.external_id {
            parameters.insert("ExternalId".to_owned(), json!(external_id));
        }
        // Only on request: tags need `sts:TagSession` on both sides.
        if !self.tags.is_empty() {
            let tags = self.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
            parameters.insert("Tags".to_owned(), Json::Array(tags));
        }
        parameters
    }
}

/// Text of these lengths, of letters, digits and a few signs: STS would quote the value in its refusal.
fn spelled(text: &str, lengths: std::ops::RangeInclusive<usize>, signs: &str) -> Result<String, String> {
    let is_spelled = text.chars().all(|it| it.is_ascii_alphanumeric() || signs.contains(it));
    if is_spelled && lengths.contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(format!("must be {} to {} letters, digits and `{signs}`", lengths.start(), lengths.end()))
}

/// Tells in the logs of the role's account on whose behalf a call was made: execution and state, as far as they are
/// known, without the signs that a session's name may not have, cut to its length.
pub fn session_name(execution: Option<&str>, state: Option<&str>) -> String {
    // arn:aws:states:<region>:<account>:execution:<state machine>:<name>, and of an express one a further part.
    let execution = execution.map(|arn| arn.splitn(8, ':').nth(7).unwrap_or(arn));
    let told: Vec<&str> = [execution, state].into_iter().flatten().filter(|it| !it.is_empty()).collect();
    if told.is_empty() {
        return DEFAULT_SESSION_NAME.to_owned();
    }
    let is_allowed = |it: char| it.is_ascii_alphanumeric() || "_+=,.-".contains(it);
    let clean = |text: &str| text.chars().map(|it| if is_allowed(it) { it } else { '-' }).collect::<String>();
    let mut told: Vec<String> = told.into_iter().map(clean).collect();
    // The longer one gives way.
    while told.iter().map(|text| text.len() + 1).sum::<usize>() > SESSION_NAME.end() + 1 {
        if let Some(longest) = told.iter_mut().max_by_key(|text| text.len()) {
            longest.pop();
        }
    }
    format!("{:->width$}", told.join("@"), width = *SESSION_NAME.start())
}

/// A role, and the credentials to make calls in its name.
#[derive(Debug, Clone)]
pub struct Assumed {
    pub role: Role,
    pub credentials: Credentials,
}

/// The short-lived credentials that an answer holds, and when they expire.
pub fn credentials(answer: &Answer, action: &str) -> Result<(Credentials, SystemTime), Error> {
    let credentials = answer.members.get("Credentials");
    let text = |name: &str| credentials.and_then(|it| it.get(name)).and_then(Json::as_str);
    let expiry = text("Expiration")
        .and_then(|text| DateTime::from_str(text, Format::DateTimeWithOffset).ok())
        .and_then(|time| SystemTime::try_from(time).ok());
    match (text("AccessKeyId"), text("SecretAccessKey"), text("SessionToken"), expiry) {
        (Some(id), Some(secret), Some(token), Some(expiry)) => {
            let credentials = Credentials::new(id, secret, Some(token.to_owned()), Some(expiry), "session");
            Ok((credentials, expiry))
        }
        _ => {
            Err(Error::new(Kind::MalformedResponse, format!("the answer to `{action}` holds no credentials")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Faults;
    use crate::fields::read_object;
    use crate::json::Path;
    use crate::region::tests::regions;

    const ROLE: &str = "arn:aws:iam::123456789012:role/team/reader";

    fn read(value: Json) -> Result<AssumeRole, Vec<String>> {
        let mut faults = Faults::default();
        let read = read_object(value, Path::Root("assumeRole"), &mut faults, |it| {
            AssumeRole::read(it, &regions(), "own")
        });
        if faults.is_empty() {
            return Ok(read.flatten().unwrap());
        }
        let error = Error::faults(Kind::InvalidEvent, faults);
        Err(error.faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_role_is_of_the_own_partition() {
        let role = Role::parse(ROLE, &regions()).unwrap();
        assert_eq!((role.as_str(), role.account()), (ROLE, "123456789012"));
        for (text, message) in [
            ("arn:aws-cn:iam::123456789012:role/reader", "must be of partition `aws`"),
            ("arn:aws-us-gov:iam::123456789012:role/reader", "must be of partition `aws`"),
            ("reader", "must be the ARN of a role"),
            ("", "must be the ARN of a role"),
            ("arn:aws:iam::12345678901:role/reader", "must be the ARN of a role"),
            ("arn:aws:iam::12345678901x:role/reader", "must be the ARN of a role"),
            ("arn:aws:iam:us-west-2:123456789012:role/reader", "must be the ARN of a role"),
            ("arn:aws:sts::123456789012:assumed-role/reader/session", "must be the ARN of a role"),
            ("arn:aws:iam::123456789012:user/reader", "must be the ARN of a role"),
            ("arn:aws:iam::123456789012:role/", "must be the ARN of a role"),
            ("arn:aws:iam::123456789012:role/a b", "must be the ARN of a role"),
            ("arn:aws:iam::123456789012:role/a\n", "must be the ARN of a role"),
            (" arn:aws:iam::123456789012:role/a", "must be the ARN of a role"),
        ] {
            assert!(Role::parse(text, &regions()).unwrap_err().starts_with(message), "{text}");
        }
    }

    #[test]
    fn what_is_not_given_is_not_sent() {
        let asked = read(json!({ "roleArn": ROLE })).unwrap();
        assert_eq!(Json::Object(asked.parameters()), json!({ "RoleArn": ROLE, "RoleSessionName": "own" }));
        let asked = read(json!({ "roleArn": ROLE, "externalId": "a:b/1", "sessionName": "job@night",
            "tags": { "team": "blue", "cost": "" } }))
        .unwrap();
        assert_eq!(
            Json::Object(asked.parameters()),
            json!({ "RoleArn": ROLE, "RoleSessionName": "job@night", "ExternalId": "a:b/1",
                "Tags": [{ "Key": "cost", "Value": "" }, { "Key": "team", "Value": "blue" }] })
        );
    }

    #[test]
    fn faults_name_paths_and_no_values() {
        let faults =
            read(json!({ "externalId": "SECRET id", "sessionName": "S", "tags": { "a": 1, "b c": null },
            "roleARN": "SECRET" }))
            .unwrap_err();
        assert_eq!(
            faults,
            [
                "assumeRole.roleArn: missing",
                "assumeRole.externalId: must be 2 to 1224 letters, digits and `_+=,.@:/-`",
                "assumeRole.sessionName: must be 2 to 64 letters, digits and `_+=,.@-`",
                "assumeRole.tags.a: expected a string, found an integer",
                "assumeRole.tags[\"b c\"]: expected a string, found null",
                "assumeRole.roleARN: unknown field, did you mean `roleArn`?",
            ]
        );
    }

    #[test]
    fn an_external_id_is_never_printed() {
        let asked =
            read(json!({ "roleArn": ROLE, "externalId": "SECRET", "tags": { "a": "SECRET" } })).unwrap();
        assert!(!format!("{asked:?}").contains("SECRET"));
    }

    #[test]
    fn a_session_tells_execution_and_state() {
        let execution = |rest: &str| format!("arn:aws:states:ap-northeast-1:123456789012:{rest}");
        let long = "x".repeat(80);
        for (execution, state, name) in [
            (Some(execution("execution:nightly:run-17")), Some("Copy"), "run-17@Copy".to_owned()),
            (Some(execution("express:nightly:run-17:2f1b")), Some("Copy"), "run-17-2f1b@Copy".to_owned()),
            (Some(execution("execution:n:注文")), Some("Copy it! (all)"), "--@Copy-it---all-".to_owned()),
            (Some(execution("execution:n:a@b")), None, "a-b".to_owned()),
            (Some("run 17".to_owned()), Some(""), "run-17".to_owned()),
            (Some("x".to_owned()), None, "-x".to_owned()),
            (None, Some("Copy"), "Copy".to_owned()),
            (None, None, "cross-region-tasks".to_owned()),
            (Some(long.clone()), Some("Copy"), format!("{}@Copy", "x".repeat(59))),
            (Some(long.clone()), Some(&long), format!("{}@{}", "x".repeat(32), "x".repeat(31))),
            (Some(long.clone()), None, "x".repeat(64)),
        ] {
            let told = session_name(execution.as_deref(), state);
            assert_eq!(told, name);
            spelled(&told, SESSION_NAME, "_+=,.@-").unwrap();
        }
    }
}
