//! The spellings of a service that AWS users already write, so that none of them is turned away.
//!
//! Enters: the ids and service ids of all services, and the reviewed table `handler/models/aliases.json`. Leaves: for
//! each service its spellings, normalised (lower case; hyphens, spaces, underscores and dots removed), sorted. Each
//! spelling belongs to exactly one service. Fails on a collision that the table does not settle, and on an entry of the
//! table that has become superfluous.
//!
//! By rule: the id (botocore's folder, which is the name in boto3 and the AWS CLI), the service id (which is the
//! package suffix of the SDK for JavaScript v3, spaces written as hyphens), and the name in Step Functions' SDK
//! integrations, which follows the SDK for Java: the service id without a leading `AWS` or `Amazon` and without a
//! trailing `Service`. What no rule gives stands in the table.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::Error;
use crate::model::Metadata;

/// The reviewed table.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Spelling (as users write it) to id, for what no rule gives.
    #[serde(default)]
    pub irregular: BTreeMap<String, Entry>,
    /// Spelling (normalised) to id, for what the rules give to several services.
    #[serde(default)]
    pub collisions: BTreeMap<String, Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub id: String,
    pub reason: String,
}

pub fn normalised(name: &str) -> String {
    name.chars()
        .filter(|letter| !matches!(letter, '-' | ' ' | '_' | '.'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// The spellings of each service, by id.
pub fn aliases(services: &[Metadata], table: &Table) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let mut owners: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for service in services {
        for spelling in by_rule(service) {
            owners.entry(spelling).or_default().insert(&service.id);
        }
    }
    for (spelling, Entry { id, .. }) in &table.irregular {
        if !services.iter().any(|service| service.id == *id) {
            return Err(Error::unknown("service", id, "the table of aliases"));
        }
        let spelling = normalised(spelling);
        let owners = owners.entry(spelling.clone()).or_default();
        if !owners.insert(id) {
            return Err(Error::Collision(format!("the alias `{spelling}` of {id} is given by rule already")));
        }
    }

    let mut aliases: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (spelling, owners) in &owners {
        let mut ids = owners.iter();
        let owner = match (ids.next(), ids.next(), table.collisions.get(spelling)) {
            (Some(owner), None, None) => (*owner).to_owned(),
            (Some(_), Some(_), Some(settled)) if owners.contains(settled.id.as_str()) => settled.id.clone(),
            (_, Some(_), None) => {
                return Err(Error::Collision(format!(
                    "`{spelling}` could be any of {owners:?}: settle it in the table"
                )));
            }
            _ => {
                return Err(Error::Collision(format!(
                    "the table settles `{spelling}`, which is not in question"
                )));
            }
        };
        aliases.entry(owner).or_default().push(spelling.clone());
    }
    if let Some(spelling) = table.collisions.keys().find(|spelling| !owners.contains_key(*spelling)) {
        return Err(Error::Collision(format!("the table settles `{spelling}`, which nobody writes")));
    }
    Ok(aliases)
}

fn by_rule(service: &Metadata) -> [String; 3] {
    let service_id = normalised(&service.service_id);
    [normalised(&service.id), step_functions(&service_id), service_id]
}

fn step_functions(service_id: &str) -> String {
    let name =
        service_id.strip_prefix("amazon").or_else(|| service_id.strip_prefix("aws")).unwrap_or(service_id);
    name.strip_suffix("service").unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Protocol;

    fn service(id: &str, service_id: &str) -> Metadata {
        Metadata {
            id: id.to_owned(),
            aliases: Vec::new(),
            service_id: service_id.to_owned(),
            api_version: String::new(),
            protocol: Protocol::AwsJson1_1,
            target_prefix: String::new(),
            signing_name: String::new(),
            endpoint_prefix: String::new(),
            auth: Vec::new(),
            xml_namespace: String::new(),
            aws_query_compatible: false,
        }
    }

    fn table(json: &str) -> Table {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn rules_give_the_spellings_of_boto3_javascript_and_step_functions() {
        let services = [service("dms", "Database Migration Service"), service("stepfunctions", "SFN")];
        let aliases = aliases(&services, &Table::default()).unwrap();
        assert_eq!(aliases["dms"], ["databasemigration", "databasemigrationservice", "dms"]);
        assert_eq!(aliases["stepfunctions"], ["sfn", "stepfunctions"]);
    }

    #[test]
    fn the_table_adds_what_no_rule_gives() {
        let services = [service("codedeploy", "CodeDeploy")];
        let table = table(r#"{"irregular": {"deploy": {"id": "codedeploy", "reason": "AWS CLI"}}}"#);
        assert_eq!(aliases(&services, &table).unwrap()["codedeploy"], ["codedeploy", "deploy"]);
    }

    #[test]
    fn an_unlisted_collision_is_refused() {
        let services = [service("a", "Same Name"), service("b", "Same Name")];
        let error = aliases(&services, &Table::default()).unwrap_err();
        assert_eq!(error.to_string(), r#"`samename` could be any of {"a", "b"}: settle it in the table"#);
    }

    #[test]
    fn a_listed_collision_goes_to_its_winner() {
        let services = [service("a", "Same Name"), service("b", "Same Name")];
        let table = table(r#"{"collisions": {"samename": {"id": "b", "reason": "test"}}}"#);
        let aliases = aliases(&services, &table).unwrap();
        assert_eq!(aliases["a"], ["a"]);
        assert_eq!(aliases["b"], ["b", "samename"]);
    }

    #[test]
    fn superfluous_entries_are_refused() {
        let services = [service("a", "A Name")];
        for json in [
            r#"{"irregular": {"A-Name": {"id": "a", "reason": "test"}}}"#,
            r#"{"irregular": {"x": {"id": "gone", "reason": "test"}}}"#,
            r#"{"collisions": {"aname": {"id": "a", "reason": "test"}}}"#,
            r#"{"collisions": {"x": {"id": "a", "reason": "test"}}}"#,
        ] {
            assert!(aliases(&services, &table(json)).is_err(), "{json}");
        }
    }
}
