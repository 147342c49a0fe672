//! Which IAM actions permit an operation.
//!
//! Enters: the services, IAM's actions ([`crate::policy`]) and the reviewed table `iam.json`. Leaves, for each operation:
//! its actions, or the actions of similar name where nothing certain can be said. Every action exists in IAM. Fails on
//! an entry of the table that names what does not exist, or that says what the rules say already.
//!
//! In this order: the table; no action where the request carries no AWS signature; for API Gateway the HTTP method; the
//! action of the operation's name under the service's prefix; the actions whose documentation is the operation's own.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::model::{Auth, Kind, Member, Operation, OperationTrait, Service};
use crate::policy::{Access, Action, Definition};

/// The reviewed table. Each entry says why.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Table {
    /// Service to the prefix of its actions, where that is not the signing name.
    pub prefixes: BTreeMap<String, Prefix>,
    /// Services whose actions are HTTP methods, but for operations that have an action of their own name.
    pub methods: BTreeMap<String, Reason>,
    /// Services that no IAM action guards.
    pub unguarded: BTreeMap<String, Reason>,
    /// Services whose operations name roles that the caller does not pass on.
    #[serde(rename = "notPassed")]
    pub not_passed: BTreeMap<String, Reason>,
    /// Service to operation to actions.
    pub operations: BTreeMap<String, BTreeMap<String, Entry>>,
    /// What further depends on the parameters.
    pub parameters: Vec<Conditional>,
    /// Prefix to the action that tags given at creation need.
    pub tagging: BTreeMap<String, Tagging>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prefix {
    pub prefix: String,
    pub reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    pub reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub actions: Vec<String>,
    pub reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditional {
    pub service: String,
    pub operations: Vec<String>,
    pub rules: Vec<Rule>,
    pub reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tagging {
    pub action: String,
    /// Names that the input member with the tags may have.
    pub members: Vec<String>,
    pub reason: String,
}

/// What a parameter adds to the actions of its operation, where it is given, or where nobody can see whether it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Rule {
    /// Path of members; `[]` stands for any element of a list: `TransactItems[].Put`.
    pub member: String,
    /// Only where the text holds this.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub contains: String,
    /// Needed besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<String>,
    /// Needed in place of others.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub replace: BTreeMap<String, String>,
    /// The member names a role that is passed on: `iam:PassRole` is needed on that role.
    #[serde(skip_serializing_if = "is_false")]
    pub pass_role: bool,
    /// The member holds the tags of what is created: what is added is needed on that.
    #[serde(skip_serializing_if = "is_false")]
    pub tags: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// How it is known which actions permit an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// An action has the name of the operation.
    Name,
    /// An action's documentation is that of the operation.
    Documentation,
    /// The HTTP method is the action.
    Method,
    /// The table says so.
    Table,
    /// No action guards the operation.
    Unguarded,
}

/// What is known of one operation.
#[derive(Debug, Default)]
pub struct Permission {
    /// Empty where the operation needs none; absent where they cannot be derived.
    pub actions: Option<Vec<String>>,
    /// Where the actions are present.
    pub origin: Option<Origin>,
    /// Where the actions are absent.
    pub near: Vec<String>,
    pub rules: Vec<Rule>,
    pub dependent: Vec<String>,
}

pub struct Map<'a> {
    definition: &'a Definition,
    table: &'a Table,
}

/// How many near names are worth showing.
const NEAR: usize = 3;

impl<'a> Map<'a> {
    /// Checks the table against the services and against IAM.
    pub fn new(definition: &'a Definition, table: &'a Table, services: &[Service]) -> Result<Self, Error> {
        let map = Self { definition, table };
        map.check(services)?;
        Ok(map)
    }

    pub fn permission(&self, service: &Service, operation: &Operation) -> Result<Permission, Error> {
        let id = &service.metadata.id;
        let listed = self.table.operations.get(id).and_then(|operations| operations.get(&operation.0));
        let derived = match listed {
            Some(entry) => Some((Origin::Table, entry.actions.clone())),
            None => self.by_rule(service, operation),
        };
        let Some((origin, actions)) = derived else {
            return Ok(Permission { near: self.near(service, operation), ..Permission::default() });
        };

        let mut rules = self.listed_rules(id, &operation.0);
        let mut dependent = BTreeSet::new();
        for action in &actions {
            let known = self.known(action, id)?;
            dependent.extend(
                known.dependent.iter().filter(|other| self.definition.full(other).is_some()).cloned(),
            );
        }
        let tags = member_of(service, operation, |name| TAGS.contains(&name));
        self.tagging(service, operation, tags.as_deref(), &mut rules, &mut dependent);
        let passed = if dependent.contains("iam:PassRole") {
            roles(service, operation)
        } else {
            self.unlisted_roles(service, operation, &actions)
        };
        if !passed.is_empty() {
            if dependent.contains("iam:PassRole") {
                dependent.remove("iam:PassRole");
            }
            rules.extend(passed.into_iter().map(|member| Rule {
                member,
                pass_role: true,
                ..Rule::default()
            }));
        }
        for action in &actions {
            dependent.remove(action);
        }
        Ok(Permission {
            actions: Some(actions),
            origin: Some(origin),
            near: Vec::new(),
            rules,
            dependent: dependent.into_iter().collect(),
        })
    }

    /// Roles that are passed on though the actions list no `iam:PassRole`, as those of many younger services do not:
    /// what changes something and takes the ARN of a role takes it to act with it.
    fn unlisted_roles(&self, service: &Service, operation: &Operation, actions: &[String]) -> Vec<String> {
        let reads = actions.iter().all(|action| {
            self.definition.full(action).is_none_or(|it| matches!(it.access, Access::Read | Access::List))
        });
        if reads || self.table.not_passed.contains_key(&service.metadata.id) {
            return Vec::new();
        }
        let top = roles(service, operation).into_iter();
        top.filter(|member| !member.contains(['.', '[']) && member.to_lowercase().ends_with("rolearn"))
            .collect()
    }

    /// ARN formats of the resources that an action takes.
    pub fn resources(&self, action: &str) -> &[String] {
        self.definition.full(action).map_or(&[], |action| &action.resources)
    }

    /// Whether IAM knows the action.
    pub fn exists(&self, action: &str) -> bool {
        self.definition.full(action).is_some()
    }

    /// Whether every action of the operation reads or lists, and there is one.
    pub fn only_reads(&self, permission: &Permission) -> bool {
        permission.actions.as_ref().is_some_and(|actions| {
            !actions.is_empty()
                && actions.iter().all(|action| {
                    self.definition
                        .full(action)
                        .is_some_and(|action| matches!(action.access, Access::Read | Access::List))
                })
        })
    }

    fn by_rule(&self, service: &Service, operation: &Operation) -> Option<(Origin, Vec<String>)> {
        let id = &service.metadata.id;
        if self.table.unguarded.contains_key(id) || is_unsigned(service, operation) {
            return Some((Origin::Unguarded, Vec::new()));
        }
        let prefix = self.prefix(service);
        if let Some(action) = self.definition.action(prefix, &operation.0) {
            return Some((Origin::Name, vec![action.name.clone()]));
        }
        if self.table.methods.contains_key(id) {
            let method = self.definition.action(prefix, &operation.1);
            return method.map(|action| (Origin::Method, vec![action.name.clone()]));
        }
        let documented = self.definition.documented(prefix, &operation.0);
        let names = documented.into_iter().map(|action| action.name.clone()).collect::<Vec<_>>();
        (!names.is_empty()).then_some((Origin::Documentation, names))
    }

    fn prefix<'s>(&'s self, service: &'s Service) -> &'s str {
        self.table
            .prefixes
            .get(&service.metadata.id)
            .map_or(service.metadata.signing_name.as_str(), |entry| entry.prefix.as_str())
    }

    fn near(&self, service: &Service, operation: &Operation) -> Vec<String> {
        let mut scored: Vec<_> = self
            .definition
            .actions(self.prefix(service))
            .map(|action| {
                let name = action.name.split_once(':').map_or("", |(_, name)| name);
                (shared_words(name, &operation.0), &action.name)
            })
            .filter(|(shared, _)| *shared > 1)
            .collect();
        scored.sort_by(|one, other| {
            other.0.cmp(&one.0).then(one.1.len().cmp(&other.1.len())).then(one.1.cmp(other.1))
        });
        scored.into_iter().take(NEAR).map(|(_, name)| name.clone()).collect()
    }

    fn listed_rules(&self, id: &str, operation: &str) -> Vec<Rule> {
        self.table
            .parameters
            .iter()
            .filter(|entry| entry.service == id && entry.operations.iter().any(|name| name == operation))
            .flat_map(|entry| entry.rules.clone())
            .collect()
    }

    /// Tagging actions are needed only where tags are given.
    fn tagging(
        &self,
        service: &Service,
        operation: &Operation,
        tags: Option<&str>,
        rules: &mut Vec<Rule>,
        dependent: &mut BTreeSet<String>,
    ) {
        let mut add = BTreeMap::new();
        if let Some(tags) = tags {
            for action in dependent.iter() {
                if self.definition.full(action).is_some_and(|action| action.access == Access::Tagging) {
                    add.insert(action.clone(), tags.to_owned());
                }
            }
        }
        if let Some(entry) = self.table.tagging.get(self.prefix(service))
            && let Some(member) =
                member_of(service, operation, |name| entry.members.iter().any(|tags| tags == name))
            && CREATES.iter().any(|verb| operation.0.starts_with(verb))
        {
            add.insert(entry.action.clone(), member);
        }
        for (action, member) in add {
            dependent.remove(&action);
            rules.push(Rule { member, add: vec![action], tags: true, ..Rule::default() });
        }
    }

    fn known(&self, action: &str, place: &str) -> Result<&Action, Error> {
        self.definition.full(action).ok_or_else(|| Error::unknown("IAM action", action, place))
    }

    fn check(&self, services: &[Service]) -> Result<(), Error> {
        let by_id: BTreeMap<_, _> =
            services.iter().map(|service| (service.metadata.id.as_str(), service)).collect();
        let find = |id: &str| by_id.get(id).copied().ok_or_else(|| Error::unknown("service", id, "iam.json"));
        let operation_of = |service: &'_ Service, name: &str| {
            service
                .operations
                .iter()
                .position(|operation| operation.0 == name)
                .ok_or_else(|| Error::unknown("operation", name, &service.metadata.id))
        };
        for (id, entry) in &self.table.prefixes {
            find(id)?;
            if self.definition.actions(&entry.prefix).next().is_none() {
                return Err(Error::unknown("IAM prefix", &entry.prefix, id));
            }
        }
        for id in
            self.table.methods.keys().chain(self.table.unguarded.keys()).chain(self.table.not_passed.keys())
        {
            find(id)?;
        }
        for (id, operations) in &self.table.operations {
            let service = find(id)?;
            for (name, entry) in operations {
                let at = operation_of(service, name)?;
                for action in &entry.actions {
                    self.known(action, id)?;
                }
                let derived =
                    service.operations.get(at).and_then(|operation| self.by_rule(service, operation));
                if derived.is_some_and(|(_, actions)| actions == entry.actions) {
                    return Err(Error::Collision(format!(
                        "iam.json says of {id} {name} what the rules say already"
                    )));
                }
            }
        }
        for entry in &self.table.parameters {
            let service = find(&entry.service)?;
            for name in &entry.operations {
                let at = operation_of(service, name)?;
                for rule in &entry.rules {
                    for action in rule.add.iter().chain(rule.replace.keys()).chain(rule.replace.values()) {
                        self.known(action, &entry.service)?;
                    }
                    let found = service
                        .operations
                        .get(at)
                        .is_some_and(|operation| holds(service, operation, &rule.member));
                    if !found {
                        return Err(Error::unknown("member", &rule.member, name));
                    }
                }
            }
        }
        for entry in self.table.tagging.values() {
            self.known(&entry.action, "iam.json")?;
        }
        Ok(())
    }
}

/// Names of members that hold the tags of what is created.
const TAGS: [&str; 9] = [
    "Tags",
    "tags",
    "TagSpecifications",
    "TagSpecification",
    "TagList",
    "tagList",
    "TagSet",
    "tagSet",
    "ResourceTags",
];

/// Tags that stand in other inputs filter, or are the operation's very subject.
const CREATES: [&str; 12] = [
    "Create", "Put", "Run", "Register", "Start", "Import", "Copy", "Restore", "Allocate", "Request",
    "Publish", "Purchase",
];

/// A bearer token, or nothing, instead of AWS's signature.
fn is_unsigned(service: &Service, operation: &Operation) -> bool {
    let own = operation.6.iter().find_map(|known| match known {
        OperationTrait::Auth(schemes) => Some(schemes),
        _ => None,
    });
    own.unwrap_or(&service.metadata.auth).iter().all(|scheme| matches!(scheme, Auth::None | Auth::Bearer))
}

fn members<'a>(service: &'a Service, shape: &str) -> &'a [Member] {
    let kind = service
        .shapes
        .binary_search_by(|known| known.0.as_str().cmp(shape))
        .ok()
        .and_then(|at| service.shapes.get(at));
    match kind.map(|shape| &shape.1) {
        Some(Kind::Structure(members) | Kind::Union(members)) => members,
        _ => &[],
    }
}

/// The element of a list, if the shape is one.
fn element<'a>(service: &'a Service, shape: &str) -> Option<&'a str> {
    let at = service.shapes.binary_search_by(|known| known.0.as_str().cmp(shape)).ok()?;
    match &service.shapes.get(at)?.1 {
        Kind::List(member) => Some(&member.1),
        _ => None,
    }
}

/// The members of the operation's input.
pub fn input<'a>(service: &'a Service, operation: &Operation) -> &'a [Member] {
    operation.3.as_deref().map_or(&[], |input| members(service, input))
}

fn member_of(service: &Service, operation: &Operation, wanted: impl Fn(&str) -> bool) -> Option<String> {
    input(service, operation).iter().map(|member| &member.0).find(|name| wanted(name)).cloned()
}

/// Whether the input has a member at the path.
fn holds(service: &Service, operation: &Operation, path: &str) -> bool {
    let Some(mut shape) = operation.3.as_deref() else { return false };
    for step in path.split('.') {
        let (name, is_list) = step.strip_suffix("[]").map_or((step, false), |name| (name, true));
        let Some(member) = members(service, shape).iter().find(|member| member.0 == name) else {
            return false;
        };
        shape = &member.1;
        if is_list {
            match element(service, shape) {
                Some(inner) => shape = inner,
                None => return false,
            }
        }
    }
    true
}

/// How deep a role may hide in an input.
const DEPTH: usize = 4;

/// The paths of the input's members that name a role.
fn roles(service: &Service, operation: &Operation) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(input) = operation.3.as_deref() {
        gather_roles(service, input, "", &mut vec![input], &mut found);
    }
    found.sort();
    found
}

fn gather_roles<'a>(
    service: &'a Service,
    shape: &'a str,
    path: &str,
    above: &mut Vec<&'a str>,
    found: &mut Vec<String>,
) {
    for Member(name, target, _) in members(service, shape) {
        let mut path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let mut target = target.as_str();
        while let Some(inner) = element(service, target) {
            path.push_str("[]");
            target = inner;
        }
        if members(service, target).is_empty() {
            if names_role(name) {
                found.push(path);
            }
        } else if above.len() < DEPTH && !above.contains(&target) {
            above.push(target);
            gather_roles(service, target, &path, above, found);
            above.pop();
        }
    }
}

/// `Role`, `roleArn`, `executionRoleArn`, `IamRoleARNs`, `ServiceRole`; not `RoleSessionName`.
fn names_role(member: &str) -> bool {
    let lower = member.to_lowercase();
    let stem = lower.strip_suffix('s').unwrap_or(&lower);
    let stem = stem.strip_suffix("arn").unwrap_or(stem);
    stem.ends_with("role") && !lower.contains("linkedrole")
}

/// How many words of the one stand in the other.
fn shared_words(one: &str, other: &str) -> usize {
    let words = words(other);
    self::words(one).iter().filter(|word| words.contains(word)).count()
}

fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for letter in name.chars() {
        match words.last_mut() {
            Some(word) if !letter.is_uppercase() => word.push(letter),
            _ => words.push(letter.to_lowercase().to_string()),
        }
    }
    for word in &mut words {
        if word.len() > 3 && word.ends_with('s') {
            word.pop();
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RuleSet;
    use crate::policy::tests::definition;
    use crate::{botocore, service};

    /// `name:level:resource:dependent`, the last two of which may be empty.
    fn prefix(name: &str, actions: &[&str]) -> String {
        let privileges: Vec<_> = actions
            .iter()
            .map(|action| {
                let parts: Vec<_> = action.split('|').collect();
                let dependent = parts.get(3).filter(|name| !name.is_empty());
                format!(
                    r#""{0}": {{"privilege": "{0}", "access_level": "{1}", "api_documentation_link": "https://…/API_{2}.html",
                        "resource_types": {{"": {{"dependent_actions": [{3}]}}}}}}"#,
                    parts[0],
                    parts[1],
                    parts.get(2).copied().unwrap_or_default(),
                    dependent.map(|name| format!("\"{name}\"")).unwrap_or_default()
                )
            })
            .collect();
        format!(r#""{name}": {{"privileges": {{{}}}, "resources": {{}}}}"#, privileges.join(","))
    }

    /// A service `it` that signs for `it`, whose operation `name` has the given fields and input members.
    fn one(name: &str, fields: &str, members: &str) -> Service {
        let model: botocore::Model = serde_json::from_str(&format!(
            r#"{{"metadata": {{"protocol": "json", "signatureVersion": "v4", "endpointPrefix": "it"}},
                "operations": {{"{name}": {{"http": {{"method": "PATCH", "requestUri": "/"}}, "input": {{"shape": "In"}}{fields}}}}},
                "shapes": {{"In": {{"type": "structure", "members": {{{members}}}}}, "S": {{"type": "string"}},
                    "Deep": {{"type": "structure", "members": {{"TaskRoleArn": {{"shape": "S"}}, "Again": {{"shape": "Deep"}}}}}},
                    "Deeps": {{"type": "list", "member": {{"shape": "Deep"}}}},
                    "Tags": {{"type": "list", "member": {{"shape": "S"}}}}}}}}"#
        ))
        .unwrap();
        let rules = RuleSet { parameters: Vec::new(), rules: Vec::new() };
        let mut service = service::service(
            "it",
            &model,
            rules,
            &botocore::Paginators::default(),
            &botocore::Waiters::default(),
        )
        .unwrap();
        service.metadata.signing_name = "it".to_owned();
        service
    }

    fn permission(service: &Service, actions: &[&str], table: &str) -> Result<Permission, Error> {
        let definition =
            definition(&format!("{{{}, {}}}", prefix("it", actions), prefix("iam", &["PassRole|Write"])));
        let table: Table = serde_json::from_str(table).unwrap();
        Map::new(&definition, &table, std::slice::from_ref(service))?
            .permission(service, &service.operations[0])
    }

    fn actions(service: &Service, known: &[&str], table: &str) -> Option<Vec<String>> {
        permission(service, known, table).unwrap().actions
    }

    #[test]
    fn the_action_of_the_same_name_comes_first() {
        let service = one("GetIt", "", "");
        assert_eq!(actions(&service, &["GetIT|Read", "ReadIt|Read|GetIt"], "{}").unwrap(), ["it:GetIT"]);
    }

    #[test]
    fn else_the_action_that_documents_the_operation() {
        let service = one("Invoke", "", "");
        assert_eq!(actions(&service, &["InvokeFunction|Write|Invoke"], "{}").unwrap(), ["it:InvokeFunction"]);
    }

    #[test]
    fn a_prefix_of_its_own_is_used_where_the_table_says_so() {
        let service = one("PassRole", "", "");
        let table = r#"{"prefixes": {"it": {"prefix": "iam", "reason": "test"}}}"#;
        assert_eq!(actions(&service, &[], table).unwrap(), ["iam:PassRole"]);
    }

    #[test]
    fn a_service_of_http_methods_takes_the_method() {
        let service = one("UpdateIt", "", "");
        let table = r#"{"methods": {"it": {"reason": "test"}}}"#;
        assert_eq!(actions(&service, &["PATCH|Write"], table).unwrap(), ["it:PATCH"]);
        assert_eq!(actions(&service, &["PATCH|Write", "UpdateIt|Write"], table).unwrap(), ["it:UpdateIt"]);
    }

    #[test]
    fn unsigned_requests_need_no_action() {
        let service = one("GetIt", r#", "authtype": "none""#, "");
        assert!(actions(&service, &["GetIt|Read"], "{}").unwrap().is_empty());
    }

    #[test]
    fn what_is_not_known_is_left_open_with_near_names() {
        let service = one("GetSmallThing", "", "");
        let known = ["GetThing|Read", "GetLargeThing|Read", "DeleteOther|Write"];
        let found = permission(&service, &known, "{}").unwrap();
        assert_eq!(found.actions, None);
        assert_eq!(found.near, ["it:GetThing", "it:GetLargeThing"]);
    }

    #[test]
    fn the_table_must_name_what_exists() {
        let service = one("GetIt", "", r#""A": {"shape": "S"}"#);
        let known = ["GetIt|Read", "ReadIt|Read"];
        let table = |actions: &str| {
            format!(r#"{{"operations": {{"it": {{"GetIt": {{"actions": {actions}, "reason": "test"}}}}}}}}"#)
        };
        assert_eq!(actions(&service, &known, &table(r#"["it:ReadIt"]"#)).unwrap(), ["it:ReadIt"]);
        for (wrong, message) in [
            (table(r#"["it:Gone"]"#), "unknown IAM action `it:Gone` in it"),
            (table(r#"["it:GetIt"]"#), "iam.json says of it GetIt what the rules say already"),
            (
                r#"{"operations": {"gone": {"GetIt": {"actions": [], "reason": "test"}}}}"#.to_owned(),
                "unknown service `gone` in iam.json",
            ),
            (
                r#"{"operations": {"it": {"Gone": {"actions": [], "reason": "test"}}}}"#.to_owned(),
                "unknown operation `Gone` in it",
            ),
            (
                r#"{"parameters": [{"service": "it", "operations": ["GetIt"], "rules": [{"member": "B"}], "reason": "test"}]}"#
                    .to_owned(),
                "unknown member `B` in GetIt",
            ),
        ] {
            assert_eq!(permission(&service, &known, &wrong).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn roles_are_found_at_any_depth_and_replace_the_dependent_action() {
        let members =
            r#""RoleName": {"shape": "S"}, "Jobs": {"shape": "Deeps"}, "ServiceRole": {"shape": "S"}"#;
        let service = one("RunIt", "", members);
        let found = permission(&service, &["RunIt|Write||iam:PassRole"], "{}").unwrap();
        let roles: Vec<_> =
            found.rules.iter().filter(|rule| rule.pass_role).map(|rule| rule.member.as_str()).collect();
        assert_eq!(roles, ["Jobs[].TaskRoleArn", "ServiceRole"]);
        assert!(found.dependent.is_empty());
    }

    #[test]
    fn passing_a_role_stays_a_dependent_action_where_no_member_names_one() {
        let service = one("RunIt", "", "");
        let found = permission(&service, &["RunIt|Write||iam:PassRole"], "{}").unwrap();
        assert_eq!(found.dependent, ["iam:PassRole"]);
        assert!(found.rules.is_empty());
    }

    #[test]
    fn a_role_is_passed_on_by_what_changes_something_even_if_no_list_says_so() {
        let service = one("RunIt", "", r#""RoleArn": {"shape": "S"}, "RoleName": {"shape": "S"}"#);
        let passed = |access: &str, table: &str| -> Vec<String> {
            let found = permission(&service, &[&format!("RunIt|{access}")], table).unwrap();
            found.rules.into_iter().filter(|rule| rule.pass_role).map(|rule| rule.member).collect()
        };
        assert_eq!(passed("Write", "{}"), ["RoleArn"]);
        assert!(passed("Read", "{}").is_empty());
        assert!(passed("Write", r#"{"notPassed": {"it": {"reason": "test"}}}"#).is_empty());
    }

    #[test]
    fn tagging_is_needed_only_where_tags_are_given() {
        let service = one("CreateIt", "", r#""Tags": {"shape": "Tags"}"#);
        let found = permission(&service, &["CreateIt|Write||it:TagIt", "TagIt|Tagging"], "{}").unwrap();
        let rule = Rule {
            member: "Tags".to_owned(),
            add: vec!["it:TagIt".to_owned()],
            tags: true,
            ..Rule::default()
        };
        assert_eq!(found.rules, std::slice::from_ref(&rule));
        assert!(found.dependent.is_empty());

        let table = r#"{"tagging": {"it": {"action": "it:TagIt", "members": ["Tags"], "reason": "test"}}}"#;
        let found = permission(&service, &["CreateIt|Write", "TagIt|Tagging"], table).unwrap();
        assert_eq!(found.rules, [rule]);
    }

    #[test]
    fn tags_that_are_the_subject_are_no_creation() {
        let service = one("TagIt", "", r#""Tags": {"shape": "Tags"}"#);
        let table = r#"{"tagging": {"it": {"action": "it:TagIt", "members": ["Tags"], "reason": "test"}}}"#;
        assert!(permission(&service, &["TagIt|Tagging"], table).unwrap().rules.is_empty());
    }

    #[test]
    fn members_that_name_roles_are_told_from_others() {
        for name in ["Role", "roleArn", "ExecutionRoleArn", "ServiceRole", "roleARN", "TaskRoleArns"] {
            assert!(names_role(name), "{name}");
        }
        for name in ["RoleName", "RoleSessionName", "ServiceLinkedRoleArn", "Controller", "RoleAlias"] {
            assert!(!names_role(name), "{name}");
        }
    }
}
