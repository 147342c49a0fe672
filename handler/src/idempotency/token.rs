//! Idempotency tokens: which member takes one, and what it is filled with where the caller left it out.
//!
//! Enters: an operation, its parameters, and what the event says of the step that makes the call. Leaves: a lowercase
//! UUID, which fits the constraints of every token in the models. Nothing fails.
//!
//! A token of a step is a UUID of version 5 (RFC 9562) over the canonical text of
//! `[form, execution, state, entered time, map index, discriminator, Region, service, operation, digest of the
//! parameters]`: the same for each repetition of the step by Step Functions' Retry or by Lambda, another for the next
//! round of a loop, another Region, other parameters. Neither the task token nor the retry count is in it.

use serde_json::{Map, Value as Json, json};
use sha1::{Digest, Sha1};
use uuid::{Builder, Uuid};

use super::canonical;
use crate::catalog::model::MemberTrait;
use crate::catalog::shape::Member;
use crate::catalog::{self, Operation};

/// Versions the text that tokens are made of.
const FORM: &str = "cross-region-tasks/token/1";

/// The namespace of our UUIDs.
const NAMESPACE: Uuid = Uuid::from_u128(0xf28f_f00b_847b_5306_8d57_02ff_fc1a_2220);

/// The step that makes a call: what does not change when it is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The execution's ARN.
    pub execution: String,
    pub state: String,
    /// When the state was entered, as Step Functions writes it.
    pub entered_time: String,
    /// Which item of a Map.
    pub map_index: Option<u64>,
    /// What tells two calls apart where all of the above is the same.
    pub discriminator: Option<String>,
}

/// Where a token that the caller left out comes from.
#[derive(Debug, Clone, Copy)]
pub enum Tokens<'a> {
    /// As in every SDK: the attempts of one invocation share it.
    Random,
    /// All repetitions of the step share it, in that Region.
    Step(&'a Step, &'a str),
}

impl Tokens<'_> {
    /// The token of a call.
    pub fn token(self, operation: &Operation, parameters: &Map<String, Json>) -> String {
        let Self::Step(step, region) = self else { return Uuid::new_v4().to_string() };
        let mut text = step.text();
        if let Json::Array(parts) = &mut text {
            parts.insert(0, FORM.into());
            parts.extend([
                region.into(),
                operation.service.id().into(),
                operation.name.as_str().into(),
                canonical::digest(&Json::Object(parameters.clone())).into(),
            ]);
        }
        named(&text)
    }
}

impl Step {
    /// What tells this step from every other, as a list.
    pub fn text(&self) -> Json {
        json!([self.execution, self.state, self.entered_time, self.map_index, self.discriminator])
    }
}

/// The UUID of version 5 of a value's canonical text.
pub fn named(value: &Json) -> String {
    let mut hash = Sha1::new();
    hash.update(NAMESPACE.as_bytes());
    hash.update(canonical::text(value));
    let mut bytes = [0; 16];
    for (byte, hashed) in bytes.iter_mut().zip(hash.finalize()) {
        *byte = hashed;
    }
    Builder::from_sha1_bytes(bytes).into_uuid().to_string()
}

/// The member that is filled with a token, if the operation has one; no operation has two.
pub fn member(operation: &Operation) -> Option<&'static Member> {
    operation.input.map(catalog::members)?.iter().find(|member| is_token(member))
}

/// Whether the member of an input is a token. Some carry the trait and name what is created or meant, such as
/// Athena's `NamedQueryId`: filled where they may be left out, since the service makes up a name there, too, and the
/// caller's to give where they are required.
pub fn is_token(member: &Member) -> bool {
    let name = member.name.to_ascii_lowercase();
    let is_required = member.has(&MemberTrait::Required);
    member.has(&MemberTrait::IdempotencyToken)
        && (!is_required || name.ends_with("token") || name.ends_with("requestid"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::catalog::blob::SERVICES;

    fn step() -> Step {
        Step {
            execution: "arn:aws:states:ap-northeast-1:123456789012:execution:orders:17".to_owned(),
            state: "Create".to_owned(),
            entered_time: "2026-11-25T10:11:12.345Z".to_owned(),
            map_index: None,
            discriminator: None,
        }
    }

    fn token(step: &Step, region: &str, parameters: Json) -> String {
        let operation = catalog::service("bedrock-agent").unwrap().operation("StartIngestionJob").unwrap();
        let Json::Object(parameters) = parameters else { panic!("parameters are an object") };
        Tokens::Step(step, region).token(operation, &parameters)
    }

    /// The vectors were made by Python's `uuid.uuid5` over the same texts.
    #[test]
    fn the_form_never_changes() {
        let parameters = || json!({"knowledgeBaseId": "KB", "dataSourceId": "DS"});
        assert_eq!(token(&step(), "us-west-2", parameters()), "40d0854a-006b-5402-bc1a-c46db56f17e6");
        let third = Step { map_index: Some(3), discriminator: Some("é\"17".to_owned()), ..step() };
        assert_eq!(token(&third, "us-west-2", parameters()), "b8183f42-f2d5-540d-be92-e6df92e0c8b6");
        assert_eq!(token(&step(), "eu-west-1", json!({})), "4315bf01-4c9e-517c-a78a-84b597bbbd9e");
    }

    #[test]
    fn a_step_has_one_token_and_shares_it_with_no_other() {
        let parameters = || json!({"knowledgeBaseId": "KB", "dataSourceId": "DS"});
        let ours = token(&step(), "us-west-2", parameters());
        assert_eq!(ours, token(&step(), "us-west-2", json!({"dataSourceId": "DS", "knowledgeBaseId": "KB"})));

        let changed = |change: fn(&mut Step)| {
            let mut step = step();
            change(&mut step);
            token(&step, "us-west-2", parameters())
        };
        let tokens = BTreeSet::from([
            ours,
            changed(|it| it.execution.push('8')),
            changed(|it| it.state.push('2')),
            changed(|it| it.entered_time = "2026-11-25T10:11:12.346Z".to_owned()),
            changed(|it| it.map_index = Some(0)),
            changed(|it| it.map_index = Some(1)),
            changed(|it| it.discriminator = Some("0".to_owned())),
            token(&step(), "us-east-1", parameters()),
            token(&step(), "us-west-2", json!({"knowledgeBaseId": "KB", "dataSourceId": "D2"})),
        ]);
        assert_eq!(tokens.len(), 9);
    }

    #[test]
    fn without_a_step_a_token_is_random() {
        let operation = catalog::service("sfn").unwrap().operation("RedriveExecution").unwrap();
        let tokens: BTreeSet<_> = (0..3).map(|_| Tokens::Random.token(operation, &Map::new())).collect();
        assert_eq!(tokens.len(), 3);
    }

    /// Over every operation of every service: what carries the trait is filled, but for these, which are ids.
    #[test]
    fn every_token_of_the_catalog_is_known() {
        let (mut filled, mut ids) = (0, Vec::new());
        for entry in SERVICES {
            let service = catalog::service(entry.id).unwrap();
            for name in service.operation_names().map(str::to_owned).collect::<Vec<_>>() {
                let operation = service.operation(&name).unwrap();
                let members = operation.input.map(catalog::members).unwrap_or_default();
                let traits: Vec<_> =
                    members.iter().filter(|it| it.has(&MemberTrait::IdempotencyToken)).collect();
                assert!(traits.len() <= 1, "{}.{name}", entry.id);
                filled += usize::from(member(operation).is_some());
                let kept = traits.iter().filter(|it| !is_token(it));
                ids.extend(kept.map(|it| format!("{}.{name}.{}", entry.id, it.name)));
            }
        }
        let expected = [
            "athena.DeleteNamedQuery.NamedQueryId",
            "athena.StopQueryExecution.QueryExecutionId",
            "chime-sdk-messaging.ChannelFlowCallback.CallbackId",
            "elementalinference.AssociateFeed.associatedResourceName",
            "elementalinference.DisassociateFeed.associatedResourceName",
        ];
        assert_eq!((filled, ids), (1_501 - expected.len(), expected.map(str::to_owned).to_vec()));
    }
}
