//! Which operations only read, so that a repeat in another Region does no harm.
//!
//! The models mark few of them. Enters: the services, the IAM map, the reviewed table
//! `handler/models/read_only_denied.json`. Leaves: service to operations, sorted. An operation only reads if the model
//! says so, or if it is named like a read *and* IAM calls each of its actions a read, or, where IAM does not know it
//! yet, a waiter of the model polls it; and if nobody denied it. Fails where the table denies what would not have been
//! allowed.

use std::collections::BTreeMap;

use crate::Error;
use crate::iam;
use crate::model::{OperationTrait, Service};

/// Service to operations that do not only read, each with the reason.
pub type Denied = BTreeMap<String, BTreeMap<String, String>>;

/// Service to operations.
pub type ReadOnly = BTreeMap<String, Vec<String>>;

/// What reads are called.
const VERBS: [&str; 12] = [
    "BatchDescribe",
    "BatchGet",
    "Describe",
    "Get",
    "Head",
    "List",
    "Lookup",
    "Query",
    "Scan",
    "Search",
    "Select",
    "TransactGet",
];

pub fn read_only(services: &[Service], map: &iam::Map, denied: &Denied) -> Result<ReadOnly, Error> {
    let mut all = ReadOnly::new();
    let mut used = 0;
    for service in services {
        let refused = denied.get(&service.metadata.id);
        let mut operations = Vec::new();
        for operation in &service.operations {
            let permission = map.permission(service, operation)?;
            let is_polled = || service.waiters.iter().any(|waiter| waiter.operation == operation.0);
            let reads = operation.6.contains(&OperationTrait::ReadOnly)
                || is_named_like_a_read(&operation.0)
                    && (map.only_reads(&permission) || permission.actions.is_none() && is_polled());
            let is_denied = refused.is_some_and(|refused| refused.contains_key(&operation.0));
            match (reads, is_denied) {
                (true, false) => operations.push(operation.0.clone()),
                (true, true) => used += 1,
                (false, _) => {}
            }
        }
        if !operations.is_empty() {
            all.insert(service.metadata.id.clone(), operations);
        }
    }
    let listed: usize = denied.values().map(BTreeMap::len).sum();
    if used != listed {
        return Err(Error::Collision(format!(
            "{} entries of read_only_denied.json deny nothing: {}",
            listed - used,
            { superfluous(services, map, denied)?.join(", ") }
        )));
    }
    Ok(all)
}

/// `Get` is a word of its own in `GetObject`, and none in `Getaway`.
pub fn is_named_like_a_read(operation: &str) -> bool {
    VERBS.iter().any(|verb| {
        operation.strip_prefix(verb).is_some_and(|rest| {
            rest.chars().next().is_none_or(|letter| letter.is_uppercase() || letter.is_numeric())
        })
    })
}

fn superfluous(services: &[Service], map: &iam::Map, denied: &Denied) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for (id, operations) in denied {
        let service = services.iter().find(|service| service.metadata.id == *id);
        for name in operations.keys() {
            let operation =
                service.and_then(|service| service.operations.iter().find(|operation| operation.0 == *name));
            let reads = match (service, operation) {
                (Some(service), Some(operation)) => {
                    operation.6.contains(&OperationTrait::ReadOnly)
                        || is_named_like_a_read(name) && map.only_reads(&map.permission(service, operation)?)
                }
                _ => false,
            };
            if !reads {
                found.push(format!("{id} {name}"));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_told_by_their_first_word() {
        for name in ["GetObject", "ListBuckets", "Query", "Scan", "BatchGetItem", "DescribeRegions", "Select"]
        {
            assert!(is_named_like_a_read(name), "{name}");
        }
        for name in ["PutObject", "Getaway", "ReceiveMessage", "BatchWriteItem", "Selection"] {
            assert!(!is_named_like_a_read(name), "{name}");
        }
    }
}
