//! Every name that AWS users write for a service means exactly one, in the handler's own look-up.
//!
//! Each list is read where it is published: botocore's folders (which are the names of boto3, and but for three those
//! of the AWS CLI) and service ids (which are the package suffixes of the SDK for JavaScript v3, and with spaces
//! removed its client classes), Step Functions' documentation, and the reviewed table for what no rule gives. The
//! lists for JavaScript, versions 2 and 3, ship with aws-cdk-lib: `cdk/test/service-names.test.ts` holds the catalog's
//! index to them, and that index is held to be the handler's here.

use std::collections::{BTreeMap, BTreeSet};

use handler::catalog;
use handler::catalog::blob::NAMES;
use serde_json::Value;
use tests::Tally;

/// What the AWS CLI calls otherwise than botocore, besides `s3`, which is a command of its own.
const COMMANDS: [(&str, &str); 3] = [("configservice", "config"), ("deploy", "codedeploy"), ("s3api", "s3")];

fn means(name: &str, id: &str) -> Result<(), String> {
    match catalog::service(name) {
        Ok(service) if service.id() == id => Ok(()),
        Ok(service) => Err(format!("means {}, not {id}", service.id())),
        Err(error) => Err(error.message),
    }
}

/// In the forms that users write: as it is, in another case, with other separators.
fn spellings(name: &str) -> BTreeSet<String> {
    let hyphens = name.replace([' ', '_'], "-");
    BTreeSet::from([
        name.to_owned(),
        name.to_uppercase(),
        hyphens.to_lowercase(),
        hyphens.replace('-', ""),
        hyphens.replace('-', "_"),
    ])
}

fn aliases() -> Value {
    tests::json(&tests::root().join("handler/models/aliases.json"))
}

/// The spelling is settled for another service than the one that the list has it for.
fn is_settled(name: &str) -> bool {
    let plain: String = name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    aliases()["collisions"].get(&plain).is_some()
}

#[test]
fn boto3_the_cli_and_service_ids() {
    let mut tally = Tally::new("names of boto3, the AWS CLI, service ids");
    let data = tests::botocore().join("botocore/data");
    let mut services = 0;
    for folder in tests::names(&data) {
        let Some(version) = data
            .join(&folder)
            .is_dir()
            .then(|| tests::names(&data.join(&folder)).into_iter().max())
            .flatten()
        else {
            continue;
        };
        let model = tests::json(&data.join(&folder).join(version).join("service-2.json"));
        services += 1;
        for name in [folder.as_str(), model["metadata"]["serviceId"].as_str().unwrap()] {
            for spelling in spellings(name).into_iter().filter(|it| !is_settled(it)) {
                tally.case(&spelling, means(&spelling, &folder));
            }
        }
    }
    assert_eq!(services, 439);
    for (command, id) in COMMANDS {
        tally.case(command, means(command, id));
    }
    tally.finish();
}

/// The reviewed table: what no rule gives, and what the rules give twice.
#[test]
fn irregular_names_and_collisions() {
    let mut tally = Tally::new("names of the reviewed table");
    for kind in ["irregular", "collisions"] {
        for (name, entry) in aliases()[kind].as_object().unwrap() {
            tally.case(name, means(name, entry["id"].as_str().unwrap()));
        }
    }
    tally.finish();
}

#[test]
fn step_functions_integrations() {
    let mut tally = Tally::new("names of Step Functions' integrations");
    let list = tests::text(&tests::root().join("tests/data/step-functions.txt"));
    let mut known = BTreeMap::new();
    for name in list.lines().filter(|line| !line.starts_with('#')) {
        let (name, is_retired) = name.strip_prefix('-').map_or((name, false), |name| (name, true));
        let outcome = match catalog::service(name) {
            Err(_) if is_retired => Ok(()),
            Err(error) => Err(error.message),
            Ok(_) if is_retired => Err("is not retired".to_owned()),
            Ok(service) => match known.insert(service.id(), name) {
                None => means(&name.to_lowercase(), service.id()),
                Some(other) => Err(format!("{other} means the same service")),
            },
        };
        tally.case(name, outcome);
    }
    assert_eq!(known.len(), 366);
    tally.finish();
}

/// What aws-cdk-lib's lists are held to is what the function knows: no name more, none less.
#[test]
fn the_librarys_index() {
    let mut tally = Tally::new("names of the library's index");
    let index = tests::json(&tests::root().join("cdk/catalog/index.json"));
    let index = index["services"].as_object().unwrap();
    for (name, id) in index {
        tally.case(name, means(name, id.as_str().unwrap()));
    }
    let ours: BTreeSet<&str> = NAMES.iter().map(|(name, _)| *name).collect();
    assert_eq!(ours.len(), NAMES.len(), "a name stands twice");
    assert_eq!(ours, index.keys().map(String::as_str).collect());
    tally.finish();
}
