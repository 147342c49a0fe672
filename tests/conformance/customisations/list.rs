//! The list of what SDKs do beyond the models holds everything that the pinned botocore and the generated crates do.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[expect(dead_code, reason = "for readers of the file")]
    docs: Vec<String>,
    botocore: Vec<Entry>,
    crates: Vec<Entry>,
}

/// One customisation: done in a file, or not done for a reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Events and handlers of botocore as `event: handler`, where `*` ends an event; modules of generated crates.
    names: Vec<String>,
    does: String,
    #[serde(rename = "where")]
    place: Option<String>,
    why: Option<String>,
}

fn list() -> List {
    serde_json::from_str(include_str!("list.json")).unwrap()
}

#[test]
fn every_handler_of_botocore_is_listed() {
    let list = list();
    let listed: Vec<&String> = list.botocore.iter().flat_map(|entry| &entry.names).collect();
    let registered = tests::python("conformance/customisations/handlers.py", &Value::Null);
    let registered: BTreeSet<String> = registered
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| format!("{}: {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
        .collect();
    assert!(registered.len() > 100, "{}", registered.len());
    let missing: Vec<&String> =
        registered.iter().filter(|name| !listed.iter().any(|listed| covers(listed, name))).collect();
    assert!(missing.is_empty(), "botocore does what the list does not know: {missing:#?}");
    let stale: Vec<_> =
        listed.iter().filter(|listed| !registered.iter().any(|name| covers(listed, name))).collect();
    assert!(stale.is_empty(), "botocore no longer does: {stale:#?}");
    println!("customisations: {} handlers of botocore in {} entries", registered.len(), list.botocore.len());
}

fn covers(listed: &str, name: &str) -> bool {
    match listed.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => listed == name,
    }
}

/// Beside the modules that every generated crate has.
#[test]
fn every_module_of_a_generated_crate_is_listed() {
    // Of this machine's platform: nobody has fetched what the others need.
    let host = Command::new("rustc").args(["--print", "host-tuple"]).output().unwrap();
    let host = String::from_utf8(host.stdout).unwrap();
    let metadata = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--filter-platform",
            host.trim(),
        ])
        .current_dir(tests::root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let mut modules = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if name.starts_with("aws-sdk-") && name != "aws-sdk-sts" {
            let manifest = Path::new(package["manifest_path"].as_str().unwrap());
            let names = tests::names(&manifest.parent().unwrap().join("src"));
            let names = names.iter().filter_map(|name| name.strip_suffix(".rs").map(ToOwned::to_owned));
            modules.push(names.collect::<BTreeSet<_>>());
        }
    }
    assert_eq!(modules.len(), 5);
    let common = modules.iter().skip(1).fold(modules[0].clone(), |common, more| &common & more);
    let list = list();
    let listed: BTreeSet<String> = list.crates.iter().flat_map(|entry| &entry.names).cloned().collect();
    let own: BTreeSet<String> =
        modules.iter().flatten().filter(|name| !common.contains(*name)).cloned().collect();
    assert_eq!(own, listed);
}

#[test]
fn every_entry_says_where_or_why() {
    let list = list();
    for entry in list.botocore.iter().chain(&list.crates) {
        assert!(!entry.does.is_empty(), "{:?}", entry.names);
        match (&entry.place, &entry.why) {
            (Some(place), None) => assert!(tests::root().join(place).is_file(), "{place}"),
            (None, Some(why)) => assert!(!why.is_empty(), "{:?}", entry.names),
            _ => panic!("{:?}: either `where` or `why`", entry.names),
        }
    }
}
