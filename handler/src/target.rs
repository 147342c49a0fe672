//! Where a permitted call goes: endpoint rules, signer, and the second look at the table.
//!
//! Enters: [`Bound`] parameters, the [`Permit`], and the event's endpoint settings. Leaves: a [`Route`], the only
//! address that a client takes. Fails with `CrossRegion.EndpointUnresolved` in the rules' own words, and with
//! `CrossRegion.NotAllowed` where the rules lead to a host or a Region that the table does not permit.

use serde_json::Value as Json;

use crate::catalog::model::{Auth, MemberTrait, OperationTrait, ParamValue};
use crate::catalog::shape::Member;
use crate::catalog::{self, Operation};
use crate::client::Route;
use crate::client::auth;
use crate::client::role::Assumed;
use crate::custom_endpoint::CustomEndpoint;
use crate::endpoint::{self, Params, S3Settings, Settings};
use crate::error::{Error, Fault, Kind};
use crate::event::EndpointOptions;
use crate::expression::Expression;
use crate::input::Bound;
use crate::input::value::Value;
use crate::quirk;
use crate::table::{Destination, Permit};

/// What decides on the address besides the parameters.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub region: &'a str,
    /// The event's endpoint, or the local one of a test.
    pub endpoint: Option<&'a CustomEndpoint>,
    pub options: EndpointOptions,
    pub account_id: Option<&'a str>,
    /// In whose name, unless the function's own.
    pub assumed: Option<&'a Assumed>,
}

/// Resolves the endpoint and checks what came of it.
pub fn route(bound: &Bound, permit: Permit, wanted: Wanted<'_>) -> Result<Route, Error> {
    let mut resolved = resolve(bound, wanted)?;
    if let Some(address) = quirk::address(bound).filter(|_| wanted.endpoint.is_none()) {
        resolved.url = address;
    }
    permitted(bound, permit, wanted, resolved)
}

/// The same, to an address that the service named in place of the rules' own.
pub fn route_to(bound: &Bound, permit: Permit, wanted: Wanted<'_>, address: String) -> Result<Route, Error> {
    let resolved = endpoint::Resolved { url: address, ..resolve(bound, wanted)? };
    permitted(bound, permit, wanted, resolved)
}

fn permitted(
    bound: &Bound,
    permit: Permit,
    wanted: Wanted<'_>,
    resolved: endpoint::Resolved,
) -> Result<Route, Error> {
    let operation = bound.operation();
    let auth = auth::choose(operation, wanted.region, &resolved)?;
    if auth.normalizes_path() {
        refuse_dots(bound)?;
    }
    let host_prefix = host_prefix(bound, &resolved.url)?;
    permit.check_resolved(&Destination {
        url: &resolved.url,
        host_prefix: host_prefix.as_deref().unwrap_or_default(),
        signing_regions: if auth.scheme == Auth::None { &[] } else { &auth.regions },
        is_fixed_region: auth.scheme != Auth::None && is_fixed_region(operation, wanted, &auth.regions)?,
        dns_suffixes: &endpoint::dns_suffixes(operation.service.endpoints()?),
    })?;
    Ok(Route {
        endpoint: resolved,
        auth,
        region: wanted.region.to_owned(),
        host_prefix,
        permit,
        assumed: wanted.assumed.cloned(),
        session: None,
        presigned_for: None,
    })
}

/// Whether the service signs for this Region whatever Region is asked for, as IAM does for us-east-1: its rules,
/// without the parameters that may lead elsewhere, say the same for the Region asked for.
fn is_fixed_region(operation: &Operation, wanted: Wanted<'_>, regions: &[String]) -> Result<bool, Error> {
    if regions == [wanted.region] {
        return Ok(false);
    }
    let rules = operation.service.endpoints()?;
    let settings = Settings {
        region: wanted.region,
        fips: wanted.options.fips,
        dual_stack: wanted.options.dual_stack,
        ..Settings::default()
    };
    let plain = endpoint::resolve(rules, catalog::partitions()?, &settings.params(rules, Params::default()));
    Ok(plain.is_ok_and(|plain| {
        plain.auth_schemes.iter().any(|scheme| scheme.signing_region.as_slice() == regions)
    }))
}

fn resolve(bound: &Bound, wanted: Wanted<'_>) -> Result<endpoint::Resolved, Error> {
    let operation = bound.operation();
    let rules = operation.service.endpoints()?;
    let endpoint = wanted.endpoint.map(ToString::to_string);
    let settings = Settings {
        region: wanted.region,
        endpoint: endpoint.as_deref(),
        fips: wanted.options.fips,
        dual_stack: wanted.options.dual_stack,
        account_id: wanted.account_id,
        s3: S3Settings {
            accelerate: wanted.options.accelerate,
            path_style: wanted.options.path_style || quirk::is_path_style(bound, endpoint.as_deref()),
            ..S3Settings::default()
        },
        ..Settings::default()
    };
    let params = settings.params(rules, operation_params(bound)?);
    endpoint::resolve(rules, catalog::partitions()?, &params)
        .map_err(|error| Error::new(Kind::EndpointUnresolved, error.to_string()))
}

/// Static, member and operation context parameters.
pub fn operation_params(bound: &Bound) -> Result<Params, Error> {
    let mut params = Params::default();
    for it in &bound.operation().traits {
        match it {
            OperationTrait::StaticContextParam(name, value) => params.insert(name.clone(), value.clone()),
            OperationTrait::OperationContextParam(name, path) => {
                if let Some(value) = searched(path, bound)? {
                    params.insert(name.clone(), value);
                }
            }
            _ => {}
        }
    }
    for (member, value) in bound.members() {
        for it in &member.traits {
            // What the operation fixes is not a member's to change.
            if let MemberTrait::ContextParam(name) = it
                && params.value(name).is_none()
                && let Some(value) = param(value)
            {
                params.insert(name.clone(), value);
            }
        }
    }
    Ok(params)
}

fn param(value: &Value) -> Option<ParamValue> {
    match value {
        Value::String(text) => Some(ParamValue::Text(text.clone())),
        Value::Boolean(value) => Some(ParamValue::Bool(*value)),
        Value::List(_, items) => items
            .iter()
            .map(|item| match item {
                Value::String(text) => Some(text.clone()),
                _ => None,
            })
            .collect::<Option<_>>()
            .map(ParamValue::Texts),
        _ => None,
    }
}

/// A JMESPath over the parameters.
fn searched(path: &str, bound: &Bound) -> Result<Option<ParamValue>, Error> {
    let unreadable = |_| Error::new(Kind::Internal, format!("the model's path `{path}` cannot be read"));
    let expression = Expression::parse(path).map_err(unreadable)?;
    let found = expression.find(bound.parameters()).map_err(unreadable)?;
    Ok(match found.into_owned() {
        Json::String(text) => Some(ParamValue::Text(text)),
        Json::Bool(value) => Some(ParamValue::Bool(value)),
        Json::Array(items) => Some(ParamValue::Texts(
            items.iter().filter_map(|item| item.as_str().map(ToOwned::to_owned)).collect(),
        )),
        _ => None,
    })
}

/// A label of dots leads to another path than the operation's, as `..` for a resource leads to the API that holds it;
/// only S3 takes paths as they are.
fn refuse_dots(bound: &Bound) -> Result<(), Error> {
    let leads_away = |member: &Member, text: &str| {
        let is_dots = |segment: &str| matches!(segment, "." | "..");
        let is_greedy = bound.operation().uri.contains(&format!("{{{}+}}", member.name));
        is_dots(text) || is_greedy && text.split('/').any(is_dots)
    };
    let faults: Vec<Fault> = bound
        .members()
        .filter(|(member, _)| member.has(&MemberTrait::Label))
        .filter(|(member, value)| matches!(value, Value::String(text) if leads_away(member, text)))
        .map(|(member, _)| {
            Fault::new(
                format!("parameters.{}", member.name),
                "must not be `.` or `..`: it would be another path",
            )
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Error::faults(Kind::InvalidParameters, faults)) }
}

/// The operation's host prefix with its labels filled in. An IP address takes no prefix: it would be no address.
fn host_prefix(bound: &Bound, url: &str) -> Result<Option<String>, Error> {
    let Some(template) = bound.operation().traits.iter().find_map(|it| match it {
        OperationTrait::HostPrefix(template) => Some(template),
        _ => None,
    }) else {
        return Ok(None);
    };
    let is_address = url
        .parse::<http::Uri>()
        .ok()
        .and_then(|uri| {
            uri.host().map(|host| host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok())
        })
        .unwrap_or(false);
    if is_address {
        return Ok(None);
    }
    let mut prefix = template.clone();
    for (member, value) in bound.members().filter(|(member, _)| member.has(&MemberTrait::HostLabel)) {
        if let Value::String(text) = value {
            if !crate::region::is_host_label(text) {
                let fault = Fault::new(
                    format!("parameters.{}", member.name),
                    "must be a host label: letters, digits and inner hyphens, at most 63",
                );
                return Err(Error::faults(Kind::InvalidParameters, vec![fault]));
            }
            prefix = prefix.replace(&format!("{{{}}}", member.name), text);
        }
    }
    Ok(Some(prefix))
}
