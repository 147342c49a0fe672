//! What permits an operation of Amazon S3 on a directory bucket.
//!
//! Enters: an operation, its actions on other buckets, the partitions. Leaves: the actions on a directory bucket, and
//! whether the call opens a session: the endpoint rules of such a bucket say for which operations the session alone
//! authorises. Copies are authorised as if they opened one, by switching it off in the rules; the others have the same
//! action under another prefix. Nothing for operations that have none.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::Error;
use crate::handler::endpoint::{self, Params, Settings};
use crate::iam::{Map, Permission, Rule};
use crate::model::{Auth, MemberTrait, Operation, OperationTrait, ParamValue, Partition, Service};

/// The service whose rules know directory buckets.
const SERVICE: &str = "s3";
const PREFIX: &str = "s3express";
const SESSION: &str = "s3express:CreateSession";

/// The parameter of the rules by which an operation does without a session.
const NO_SESSION: &str = "DisableS3ExpressSessionAuth";

/// A bucket and a Region that the rules take for any of its kind.
const BUCKET: &str = "bucket--usw2-az1--x-s3";
const REGION: &str = "us-west-2";

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Directory {
    pub iam: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// The call opens a session first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub session: bool,
}

pub fn directory(
    service: &Service,
    operation: &Operation,
    permission: &Permission,
    map: &Map,
    partitions: &[Partition],
) -> Result<Option<Directory>, Error> {
    if service.metadata.id != SERVICE || !takes_bucket(service, operation) {
        return Ok(None);
    }
    let mut params = Params::from_iter([("Bucket".to_owned(), ParamValue::Text(BUCKET.to_owned()))]);
    let mut does_without = false;
    for known in &operation.6 {
        if let OperationTrait::StaticContextParam(name, value) = known {
            does_without |= name == NO_SESSION && *value == ParamValue::Bool(true);
            params.insert(name.as_str(), value.clone());
        }
    }
    let settings = Settings { region: REGION, ..Settings::default() };
    let resolved =
        endpoint::resolve(&service.endpoints, partitions, &settings.params(&service.endpoints, params))
            .map_err(|error| Error::unknown("endpoint", &error.to_string(), &operation.0))?;
    let session = resolved.auth_schemes.iter().any(|scheme| scheme.name == Auth::Sigv4S3Express);
    if session || does_without {
        return Ok(Some(Directory { iam: vec![SESSION.to_owned()], rules: Vec::new(), session }));
    }

    let iam: Option<BTreeSet<_>> =
        permission.actions.iter().flatten().map(|action| translated(map, action)).collect();
    let rules = permission.rules.iter().filter_map(|rule| {
        let add: Vec<_> = rule.add.iter().filter_map(|action| translated(map, action)).collect();
        (!add.is_empty()).then(|| Rule { add, ..rule.clone() })
    });
    Ok(iam.filter(|actions| !actions.is_empty()).map(|actions| Directory {
        iam: actions.into_iter().collect(),
        rules: rules.collect(),
        session: false,
    }))
}

fn takes_bucket(service: &Service, operation: &Operation) -> bool {
    crate::iam::input(service, operation)
        .iter()
        .any(|member| member.2.contains(&MemberTrait::ContextParam("Bucket".to_owned())))
}

/// The action of the same name for directory buckets.
fn translated(map: &Map, action: &str) -> Option<String> {
    let name = action.split_once(':').map_or(action, |(_, name)| name);
    let action = format!("{PREFIX}:{name}");
    map.exists(&action).then_some(action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::definition;
    use crate::unresolved::tests::partitions;
    use crate::{botocore, iam, rules, service};

    /// S3 with one operation, and rules that sign for a session unless it is switched off or the bucket itself is meant.
    fn found(name: &str, fixed: &str, members: &str, actions: &[&str]) -> Option<Directory> {
        let model: botocore::Model = serde_json::from_str(&format!(
            r#"{{"metadata": {{"protocol": "rest-xml", "signatureVersion": "s3", "serviceId": "S3", "endpointPrefix": "s3"}},
                "operations": {{"{name}": {{"http": {{"method": "PUT", "requestUri": "/{{Bucket}}"}}, "input": {{"shape": "In"}},
                    "staticContextParams": {{{fixed}}}}}}},
                "shapes": {{"In": {{"type": "structure", "members": {{{members}}}}}, "S": {{"type": "string"}}}}}}"#
        ))
        .unwrap();
        let scheme = |name: &str| {
            format!(
                r#"{{"url": "https://x", "properties": {{"authSchemes": [{{"name": "{name}", "signingName": "s3express"}}]}}}}"#
            )
        };
        let is_set = |name: &str| format!(r#"{{"fn": "isSet", "argv": [{{"ref": "{name}"}}]}}"#);
        let set: botocore::RuleSet = serde_json::from_str(&format!(
            r#"{{"version": "1.0", "parameters": {{"Bucket": {{"type": "string"}}, "UseS3ExpressControlEndpoint": {{"type": "boolean"}},
                    "DisableS3ExpressSessionAuth": {{"type": "boolean"}}}},
                "rules": [{{"type": "endpoint", "conditions": [{}], "endpoint": {plain}}},
                    {{"type": "endpoint", "conditions": [{}], "endpoint": {plain}}},
                    {{"type": "endpoint", "conditions": [{}], "endpoint": {}}}]}}"#,
            is_set("UseS3ExpressControlEndpoint"),
            is_set("DisableS3ExpressSessionAuth"),
            is_set("Bucket"),
            scheme("sigv4-s3express"),
            plain = scheme("sigv4"),
        ))
        .unwrap();
        let none = (botocore::Paginators::default(), botocore::Waiters::default());
        let set = rules::rule_set(&set, "a test").unwrap();
        let s3 = service::service("s3", &model, set, &none.0, &none.1).unwrap();
        let definition = definition(
            r#"{"s3express": {"privileges": {
                "CreateSession": {"privilege": "CreateSession", "access_level": "Write", "resource_types": {}},
                "PutBucketPolicy": {"privilege": "PutBucketPolicy", "access_level": "Write", "resource_types": {}},
                "TagResource": {"privilege": "TagResource", "access_level": "Tagging", "resource_types": {}}}, "resources": {}}}"#,
        );
        let table = iam::Table::default();
        let map = Map::new(&definition, &table, std::slice::from_ref(&s3)).unwrap();
        let rule = |action: &str| Rule {
            member: "Tags".to_owned(),
            add: vec![action.to_owned()],
            ..Rule::default()
        };
        let permission = Permission {
            actions: Some(actions.iter().map(|&action| action.to_owned()).collect()),
            rules: vec![rule("s3:TagResource"), rule("s3:PutBucketAcl")],
            ..Permission::default()
        };
        directory(&s3, &s3.operations[0], &permission, &map, &partitions()).unwrap()
    }

    const BUCKET: &str = r#""Bucket": {"shape": "S", "location": "uri", "locationName": "Bucket", "contextParam": {"name": "Bucket"}}"#;

    fn permitted(session: bool) -> Directory {
        Directory { iam: vec![SESSION.to_owned()], rules: Vec::new(), session }
    }

    #[test]
    fn objects_are_reached_in_a_session() {
        assert_eq!(found("PutObject", "", BUCKET, &["s3:PutObject"]), Some(permitted(true)));
    }

    #[test]
    fn copies_are_permitted_by_the_session_that_they_do_without() {
        let fixed = r#""DisableS3ExpressSessionAuth": {"value": true}"#;
        assert_eq!(
            found("CopyObject", fixed, BUCKET, &["s3:GetObject", "s3:PutObject"]),
            Some(permitted(false))
        );
    }

    #[test]
    fn the_bucket_itself_has_actions_of_another_prefix() {
        let fixed = r#""UseS3ExpressControlEndpoint": {"value": true}"#;
        let policy = found("PutBucketPolicy", fixed, BUCKET, &["s3:PutBucketPolicy"]).unwrap();
        assert_eq!((policy.iam, policy.session), (vec!["s3express:PutBucketPolicy".to_owned()], false));
        assert_eq!(policy.rules.len(), 1);
        assert_eq!(policy.rules[0].add, ["s3express:TagResource"]);
        assert_eq!(found("PutBucketCors", fixed, BUCKET, &["s3:PutBucketCORS"]), None);
    }

    #[test]
    fn what_takes_no_bucket_has_nothing_to_do_with_it() {
        let other = r#""Name": {"shape": "S", "location": "uri", "locationName": "Bucket"}"#;
        assert_eq!(found("PutIt", "", other, &["s3:PutIt"]), None);
    }
}
