//! What the CDK library knows of every operation: `cdk/catalog`.
//!
//! Enters: the services with their IAM map and the list of those operations that only read. Leaves: `index.json`, which
//! says what each spelling means, and one file per service with the Regions that it signs for and those that it is not
//! in, its operations, the shapes that their inputs reach, and its waiters; one operation or shape a line. What is false or empty is left out, so that the package stays small.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::batch::{self, BATCHES, Left};
use crate::directory_bucket::{self, Directory};
use crate::iam::{Map, Rule};
use crate::model::{
    Kind, Member, MemberTrait, Operation, OperationTrait, Partition, Service, Shape, ShapeTrait,
};
use crate::{Coverage, Error, signing, unresolved, write};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own in the file")]
struct Entry<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
    /// Absent where they cannot be derived; empty where none is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    iam: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    near: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    resources: BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dependent: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<Rule>,
    /// On a directory bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<Directory>,
    #[serde(skip_serializing_if = "is_false")]
    read_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    paginator: bool,
    /// It says what it left undone.
    #[serde(skip_serializing_if = "is_false")]
    batch: bool,
    #[serde(skip_serializing_if = "is_false")]
    event_input: bool,
    #[serde(skip_serializing_if = "is_false")]
    discovery: bool,
}

#[derive(Serialize)]
struct InputShape<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Fields<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<InputMember<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<InputMember<'a>>,
    #[serde(skip_serializing_if = "is_false")]
    union: bool,
    #[serde(skip_serializing_if = "is_false")]
    sparse: bool,
}

/// Members in the order of the model.
struct Fields<'a>(Vec<(&'a str, InputMember<'a>)>);

impl Serialize for Fields<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, member)| (name, member)))
    }
}

#[derive(Serialize)]
struct InputMember<'a> {
    shape: &'a str,
    #[serde(skip_serializing_if = "is_false")]
    required: bool,
    /// A blob that is the whole HTTP body.
    #[serde(skip_serializing_if = "is_false")]
    payload: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wait {
    operation: String,
    delay: u32,
    max_attempts: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What each spelling means.
pub fn index(version: &str, coverage: &Coverage, services: &[Service]) -> Result<String, Error> {
    let mut spellings = BTreeMap::new();
    for service in services {
        for alias in &service.metadata.aliases {
            spellings.insert(alias.as_str(), service.metadata.id.as_str());
        }
    }
    let fields: Vec<_> = spellings.iter().map(|(alias, id)| (*alias, text(id))).collect();
    let fields: Result<Vec<_>, Error> = fields.into_iter().map(|(alias, id)| Ok((alias, id?))).collect();
    Ok(write::object(&[
        ("botocore", text(version)?),
        ("coverage", text(coverage)?),
        ("services", write::object(&fields?)),
    ]) + "\n")
}

pub fn service(
    service: &Service,
    map: &Map,
    read_only: &[String],
    partitions: &[Partition],
) -> Result<String, Error> {
    check_batches(service)?;
    let mut operations = Vec::new();
    let mut names = Vec::new();
    for operation in &service.operations {
        names.push(camel_case(&operation.0));
        operations.push(text(&entry(service, operation, map, read_only, partitions)?)?);
    }
    let operations: Vec<_> = names.iter().map(String::as_str).zip(operations).collect();

    let mut shapes = Vec::new();
    for shape in inputs(service) {
        shapes.push((shape.0.as_str(), text(&input_shape(service, shape))?));
    }

    let mut names = Vec::new();
    let mut waiters = Vec::new();
    for waiter in &service.waiters {
        names.push(camel_case(&waiter.name));
        let operation = camel_case(&waiter.operation);
        waiters.push(text(&Wait { operation, delay: waiter.delay, max_attempts: waiter.max_attempts })?);
    }
    let waiters: Vec<_> = names.iter().map(String::as_str).zip(waiters).collect();

    let metadata = &service.metadata;
    let mut fields = vec![
        ("id", text(&metadata.id)?),
        ("serviceId", text(&metadata.service_id)?),
        ("signingName", text(&metadata.signing_name)?),
    ];
    let global = signing::global_regions(&service.endpoints, partitions);
    if !global.is_empty() {
        fields.push(("globalRegions", text(&global)?));
    }
    let unresolved = unresolved::unresolved(service, partitions)?;
    if !unresolved.is_empty() {
        fields.push(("unresolved", text(&unresolved)?));
    }
    fields.push(("operations", write::object(&operations)));
    fields.push(("shapes", write::object(&shapes)));
    fields.push(("waiters", write::object(&waiters)));
    Ok(write::object(&fields) + "\n")
}

fn text<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    write::line(value).map_err(|source| Error::Json("cdk/catalog".to_owned(), source))
}

/// The way users of the SDKs for JavaScript write it.
fn camel_case(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn entry<'a>(
    service: &'a Service,
    operation: &'a Operation,
    map: &Map,
    read_only: &[String],
    partitions: &[Partition],
) -> Result<Entry<'a>, Error> {
    let permission = map.permission(service, operation)?;
    let directory = directory_bucket::directory(service, operation, &permission, map, partitions)?;
    let mut resources = BTreeMap::new();
    // Tags go to what is created, of which the other actions tell the format.
    let conditional = permission
        .rules
        .iter()
        .filter(|rule| !rule.tags)
        .flat_map(|rule| rule.add.iter().chain(rule.replace.values()));
    let on_directory = directory.iter().flat_map(|directory| &directory.iam);
    for action in permission.actions.iter().flatten().chain(conditional).chain(on_directory) {
        resources.insert(action.clone(), map.resources(action).to_vec());
    }
    Ok(Entry {
        name: &operation.0,
        input: operation.3.as_deref(),
        iam: permission.actions,
        near: permission.near,
        resources,
        dependent: permission.dependent,
        rules: permission.rules,
        directory,
        read_only: read_only.contains(&operation.0),
        token: token(service, operation),
        paginator: service.paginators.iter().any(|paginator| paginator.operation == operation.0),
        batch: batch::find(&service.metadata.id, &operation.0).is_some(),
        event_input: operation.6.contains(&OperationTrait::EventStreamInput),
        discovery: operation.6.contains(&OperationTrait::EndpointDiscovery { required: true }),
    })
}

/// The member that takes an idempotency token. Some members carry the trait but name what is created: those are filled
/// only where they may be left out.
fn token<'a>(service: &'a Service, operation: &Operation) -> Option<&'a str> {
    let Some(Kind::Structure(members)) =
        operation.3.as_deref().and_then(|input| find(service, input)).map(|shape| &shape.1)
    else {
        return None;
    };
    members
        .iter()
        .find(|Member(name, _, traits)| {
            let is_name =
                !name.to_lowercase().ends_with("token") && !name.to_lowercase().ends_with("requestid");
            traits.contains(&MemberTrait::IdempotencyToken)
                && !(is_name && traits.contains(&MemberTrait::Required))
        })
        .map(|member| member.0.as_str())
}

fn find<'a>(service: &'a Service, name: &str) -> Option<&'a Shape> {
    let at = service.shapes.binary_search_by(|shape| shape.0.as_str().cmp(name)).ok()?;
    service.shapes.get(at)
}

/// Every name in the list of batches is one of the model's.
fn check_batches(service: &Service) -> Result<(), Error> {
    const LIST: &str = "the list of batches";
    for row in BATCHES.iter().filter(|row| row.service == service.metadata.id) {
        let operation = service.operations.iter().find(|operation| operation.0 == row.operation);
        let operation = operation.ok_or_else(|| Error::unknown("operation", row.operation, LIST))?;
        let outputs: &[&str] = match &row.left {
            Left::Again(left) => &[left],
            Left::ById => &["Successful", "Failed"],
            Left::ByPlace { answers, failed, .. } => &[answers, failed],
        };
        let has = |shape: &Option<String>, name: &str| {
            let kind = shape.as_deref().and_then(|shape| find(service, shape)).map(|shape| &shape.1);
            matches!(kind, Some(Kind::Structure(members)) if members.iter().any(|member| member.0 == name))
        };
        let inputs = [row.request].into_iter().map(|name| (name, has(&operation.3, name)));
        let outputs = outputs.iter().map(|name| (*name, has(&operation.4, name)));
        if let Some((name, _)) = inputs.chain(outputs).find(|(_, is_known)| !is_known) {
            return Err(Error::unknown("member", name, LIST));
        }
    }
    Ok(())
}

/// The shapes that inputs reach, sorted.
fn inputs(service: &Service) -> Vec<&Shape> {
    let mut waiting: Vec<&str> =
        service.operations.iter().filter_map(|operation| operation.3.as_deref()).collect();
    let mut reached = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        if !reached.insert(name) {
            continue;
        }
        match find(service, name).map(|shape| &shape.1) {
            Some(Kind::Structure(members) | Kind::Union(members)) => {
                waiting.extend(members.iter().map(|member| member.1.as_str()));
            }
            Some(Kind::List(element)) => waiting.push(&element.1),
            Some(Kind::Map(_, value)) => waiting.push(&value.1),
            _ => {}
        }
    }
    reached.into_iter().filter_map(|name| find(service, name)).collect()
}

fn input_shape<'a>(service: &Service, shape: &'a Shape) -> InputShape<'a> {
    let (mut members, mut member, mut value) = (None, None, None);
    let kind = match &shape.1 {
        Kind::Structure(fields) | Kind::Union(fields) => {
            members = Some(Fields(
                fields.iter().map(|field| (field.0.as_str(), input_member(service, field))).collect(),
            ));
            "structure"
        }
        Kind::List(element) => {
            member = Some(input_member(service, element));
            "list"
        }
        Kind::Map(_, element) => {
            value = Some(input_member(service, element));
            "map"
        }
        Kind::Blob => "blob",
        Kind::Boolean => "boolean",
        Kind::Document => "document",
        Kind::Double => "double",
        Kind::Float => "float",
        Kind::Integer => "integer",
        Kind::Long => "long",
        Kind::String => "string",
        Kind::Timestamp => "timestamp",
    };
    InputShape {
        kind,
        members,
        member,
        value,
        union: matches!(shape.1, Kind::Union(_)),
        sparse: shape.2.contains(&ShapeTrait::Sparse),
    }
}

fn input_member<'a>(service: &Service, Member(_, target, traits): &'a Member) -> InputMember<'a> {
    let is_blob = find(service, target).is_some_and(|shape| shape.1 == Kind::Blob);
    InputMember {
        shape: target,
        required: traits.contains(&MemberTrait::Required),
        payload: is_blob && traits.contains(&MemberTrait::Payload),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::policy::tests::definition;
    use crate::{botocore, iam, rules};

    fn sample() -> Service {
        let model: botocore::Model = serde_json::from_str(
            r#"{"metadata": {"protocol": "rest-json", "signatureVersion": "v4", "serviceId": "It", "endpointPrefix": "it"},
                "operations": {
                    "PutIt": {"http": {"method": "PUT", "requestUri": "/"}, "input": {"shape": "In"}, "output": {"shape": "Out"}},
                    "StreamIt": {"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "Events"},
                                 "endpointdiscovery": {"required": true}}},
                "shapes": {
                    "In": {"type": "structure", "required": ["Id"], "payload": "Body", "members": {
                        "Id": {"shape": "S", "idempotencyToken": true}, "ClientToken": {"shape": "S", "idempotencyToken": true},
                        "Body": {"shape": "B"}, "More": {"shape": "Map"}}},
                    "Map": {"type": "map", "key": {"shape": "K"}, "value": {"shape": "In"}},
                    "Events": {"type": "structure", "members": {"E": {"shape": "E"}}}, "E": {"type": "structure", "eventstream": true},
                    "Out": {"type": "structure"}, "S": {"type": "string"}, "K": {"type": "string"}, "B": {"type": "blob"}}}"#,
        )
        .unwrap();
        let set: botocore::RuleSet =
            serde_json::from_str(r#"{"version": "1.0", "parameters": {}, "rules": []}"#).unwrap();
        let paginators =
            serde_json::from_str(r#"{"pagination": {"PutIt": {"input_token": "T", "output_token": "T"}}}"#)
                .unwrap();
        let waiters = serde_json::from_str(
            r#"{"waiters": {"ItExists": {"operation": "PutIt", "delay": 5, "maxAttempts": 2, "acceptors": []}}}"#,
        )
        .unwrap();
        let set = rules::rule_set(&set, "a test").unwrap();
        crate::service::service("it", &model, set, &paginators, &waiters).unwrap()
    }

    fn written() -> (String, Value) {
        let definition = definition(
            r#"{"it": {"privileges": {"PutIt": {"privilege": "PutIt", "access_level": "Write",
                "resource_types": {"thing": {"dependent_actions": []}}}}, "resources": {"thing": {"arn": "arn:it"}}}}"#,
        );
        let table = iam::Table::default();
        let it = sample();
        let map = Map::new(&definition, &table, std::slice::from_ref(&it)).unwrap();
        let text = service(&it, &map, &["PutIt".to_owned()], &unresolved::tests::partitions()).unwrap();
        let value = serde_json::from_str(&text).unwrap();
        (text, value)
    }

    #[test]
    fn operations_say_what_holds_and_nothing_else() {
        let (_, value) = written();
        assert_eq!(
            value["operations"]["putIt"],
            json!({"name": "PutIt", "input": "In", "iam": ["it:PutIt"], "resources": {"it:PutIt": ["arn:it"]},
                   "readOnly": true, "token": "ClientToken", "paginator": true})
        );
        assert_eq!(
            value["operations"]["streamIt"],
            json!({"name": "StreamIt", "input": "Events", "eventInput": true, "discovery": true})
        );
    }

    #[test]
    fn only_shapes_of_inputs_are_written() {
        let (_, value) = written();
        let names: Vec<_> = value["shapes"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["B", "E", "Events", "In", "Map", "S"]);
        assert_eq!(value["shapes"]["In"]["members"]["Id"], json!({"shape": "S", "required": true}));
        assert_eq!(value["shapes"]["In"]["members"]["Body"], json!({"shape": "B", "payload": true}));
        assert_eq!(value["shapes"]["Map"], json!({"type": "map", "value": {"shape": "In"}}));
        assert_eq!(value["shapes"]["E"], json!({"type": "structure", "members": {}, "union": true}));
    }

    #[test]
    fn waiters_are_written_as_javascript_users_write_them() {
        let (_, value) = written();
        assert_eq!(
            value["waiters"],
            json!({"itExists": {"operation": "putIt", "delay": 5, "maxAttempts": 2}})
        );
    }

    #[test]
    fn each_operation_and_shape_has_its_line() {
        let (text, _) = written();
        assert!(text.lines().any(|line| line.starts_with(r#""putIt":{"name":"PutIt""#)));
        assert!(text.lines().any(|line| line.starts_with(r#""In":{"type":"structure""#)));
        assert!(text.ends_with("}\n"));
    }
}
