//! How much of the catalog is known to only read, as `handler/FAILOVER.md` publishes it.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use modelgen::model::{OperationTrait, Service};
use modelgen::read_only::{Denied, ReadOnly, is_named_like_a_read};

fn committed<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    serde_json::from_str(&modelgen::read_text(&path).unwrap()).unwrap()
}

#[test]
fn the_published_coverage_is_that_of_the_models() {
    let listed: ReadOnly = committed("models/read_only.json");
    let denied: Denied = committed("models/read_only_denied.json");
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut count = |row| *counts.entry(row).or_default() += 1;
    let index: serde_json::Value = committed("../cdk/catalog/index.json");
    let ids: BTreeSet<&str> =
        index["services"].as_object().unwrap().values().map(|id| id.as_str().unwrap()).collect();
    for id in ids {
        let service: Service = committed(&format!("models/{id}.json"));
        for operation in &service.operations {
            let is_marked = operation.6.contains(&OperationTrait::ReadOnly);
            let is_listed = listed.get(id).is_some_and(|names| names.contains(&operation.0));
            let is_denied = denied.get(id).is_some_and(|names| names.contains_key(&operation.0));
            assert!(!(is_listed && is_denied), "{id} {}", operation.0);
            count("in the models");
            match (is_listed, is_denied) {
                (true, _) => {
                    count("only read");
                    count(if is_marked {
                        "… because the model says so"
                    } else {
                        "… because of the name, and IAM calls every action that they need a read"
                    });
                }
                (_, true) => count("named like a read or so marked, denied by review"),
                _ if is_named_like_a_read(&operation.0) => {
                    count(
                        "named like a read, not taken for one: IAM's action is unknown or is none of reading",
                    );
                }
                _ => {}
            }
        }
    }
    let page = modelgen::read_text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../FAILOVER.md")).unwrap();
    let rows: Vec<String> =
        counts.iter().map(|(row, count)| format!("| {row} | {} |", grouped(*count))).collect();
    let missing: Vec<&String> = rows.iter().filter(|row| !page.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "`handler/FAILOVER.md` should say {missing:#?}");
}

/// `19796` is `19,796`.
fn grouped(count: usize) -> String {
    if count < 1_000 { count.to_string() } else { format!("{},{:03}", count / 1_000, count % 1_000) }
}
