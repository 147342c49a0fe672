//! The values that endpoint rules compute with.
//!
//! Enters: parameters, literals and the results of functions. Leaves: attributes of structured values, and JSON
//! for an endpoint's properties. Nothing fails; what does not exist is `None`.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::model::{ParamValue, Partition};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Bool(bool),
    Int(i64),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    Partition(&'a Partition),
    Url(Url<'a>),
    Arn(Arn<'a>),
}

/// What `parseURL` makes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Url<'a> {
    pub scheme: &'static str,
    /// Host and port as given.
    pub authority: Cow<'a, str>,
    /// As given, so possibly empty.
    pub path: Cow<'a, str>,
    /// Begins and ends with a slash.
    pub normalized_path: String,
    pub is_ip: bool,
}

/// What `aws.parseArn` makes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Arn<'a> {
    pub partition: Cow<'a, str>,
    pub service: Cow<'a, str>,
    pub region: Cow<'a, str>,
    pub account_id: Cow<'a, str>,
    /// Components of the resource, split at colons and slashes on [`Arn::resource_id`].
    pub resource: Cow<'a, str>,
}

impl<'a> Value<'a> {
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// One step of a `getAttr` path: a name, or an index as `[0]`.
    pub fn attribute(&self, step: &str) -> Option<Self> {
        match (self, step) {
            (Self::Partition(partition), "name") => Some(Self::text(&partition.id)),
            (Self::Partition(partition), "dnsSuffix") => Some(Self::text(&partition.dns_suffix)),
            (Self::Partition(partition), "dualStackDnsSuffix") => {
                Some(Self::text(&partition.dual_stack_dns_suffix))
            }
            (Self::Partition(partition), "implicitGlobalRegion") => {
                Some(Self::text(&partition.implicit_global_region))
            }
            (Self::Partition(partition), "supportsFIPS") => Some(Self::Bool(partition.supports_fips)),
            (Self::Partition(partition), "supportsDualStack") => {
                Some(Self::Bool(partition.supports_dual_stack))
            }
            (Self::Url(url), "scheme") => Some(Self::text(url.scheme)),
            (Self::Url(url), "authority") => Some(Self::Text(url.authority.clone())),
            (Self::Url(url), "path") => Some(Self::Text(url.path.clone())),
            (Self::Url(url), "normalizedPath") => Some(Self::text(url.normalized_path.clone())),
            (Self::Url(url), "isIp") => Some(Self::Bool(url.is_ip)),
            (Self::Arn(arn), "partition") => Some(Self::Text(arn.partition.clone())),
            (Self::Arn(arn), "service") => Some(Self::Text(arn.service.clone())),
            (Self::Arn(arn), "region") => Some(Self::Text(arn.region.clone())),
            (Self::Arn(arn), "accountId") => Some(Self::Text(arn.account_id.clone())),
            (Self::Arn(arn), "resourceId") => Some(Self::List(arn.resource_id())),
            (Self::List(values), step) => values.get(index(step)?).cloned(),
            _ => None,
        }
    }

    /// The value as a property of an endpoint; structured results of functions have no such form.
    pub fn into_json(self) -> Option<Json> {
        match self {
            Self::Bool(value) => Some(Json::Bool(value)),
            Self::Int(value) => Some(Json::from(value)),
            Self::Text(value) => Some(Json::String(value.into_owned())),
            Self::List(values) => {
                values.into_iter().map(Self::into_json).collect::<Option<Vec<_>>>().map(Json::Array)
            }
            Self::Partition(_) | Self::Url(_) | Self::Arn(_) => None,
        }
    }
}

impl<'a> From<&'a ParamValue> for Value<'a> {
    fn from(value: &'a ParamValue) -> Self {
        match value {
            ParamValue::Bool(value) => Self::Bool(*value),
            ParamValue::Text(value) => Self::text(value),
            ParamValue::Texts(values) => Self::List(values.iter().map(Self::text).collect()),
        }
    }
}

impl<'a> Arn<'a> {
    fn resource_id(&self) -> Vec<Value<'a>> {
        const SEPARATORS: [char; 2] = [':', '/'];
        match &self.resource {
            Cow::Borrowed(resource) => resource.split(SEPARATORS).map(Value::text).collect(),
            Cow::Owned(resource) => {
                resource.split(SEPARATORS).map(|part| Value::text(part.to_owned())).collect()
            }
        }
    }
}

fn index(step: &str) -> Option<usize> {
    step.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_that_do_not_exist_are_none() {
        let list = Value::List(vec![Value::text("a"), Value::text("b")]);
        assert_eq!(list.attribute("[1]"), Some(Value::text("b")));
        for step in ["[2]", "[-1]", "[99999999999999999999999]", "[]", "[1", "1]", "1", "a", ""] {
            assert_eq!(list.attribute(step), None, "{step}");
        }
        assert_eq!(Value::text("a").attribute("[0]"), None);
        assert_eq!(Value::Bool(true).attribute("name"), None);
    }

    #[test]
    fn a_partition_shows_its_outputs() {
        let partition = Partition {
            id: "aws-x".into(),
            dns_suffix: "dns.x".into(),
            dual_stack_dns_suffix: "dual.x".into(),
            implicit_global_region: "x-east-1".into(),
            supports_dual_stack: true,
            supports_fips: false,
            region_regex: String::new(),
            regions: Vec::new(),
        };
        let value = Value::Partition(&partition);
        for (step, expected) in [
            ("name", Some(Value::text("aws-x"))),
            ("dnsSuffix", Some(Value::text("dns.x"))),
            ("dualStackDnsSuffix", Some(Value::text("dual.x"))),
            ("implicitGlobalRegion", Some(Value::text("x-east-1"))),
            ("supportsDualStack", Some(Value::Bool(true))),
            ("supportsFIPS", Some(Value::Bool(false))),
            ("regions", None),
        ] {
            assert_eq!(value.attribute(step), expected, "{step}");
        }
    }

    #[test]
    fn plain_values_become_json() {
        let list = Value::List(vec![Value::text("a"), Value::Int(-1), Value::Bool(true)]);
        assert_eq!(list.into_json(), Some(serde_json::json!(["a", -1, true])));
    }
}
