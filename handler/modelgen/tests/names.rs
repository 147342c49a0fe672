//! Every name of Step Functions' SDK integrations means exactly one service.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

#[derive(Deserialize)]
struct Index {
    services: BTreeMap<String, String>,
}

#[test]
fn every_step_functions_integration_is_known_or_retired() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("../../cdk/catalog/index.json")).unwrap();
    let index: Index = serde_json::from_str(&text).unwrap();
    let names = std::fs::read_to_string(root.join("tests/step-functions.txt")).unwrap();
    let mut known = BTreeMap::new();
    for name in names.lines().filter(|line| !line.starts_with('#')) {
        let (name, is_retired) = name.strip_prefix('-').map_or((name, false), |name| (name, true));
        let id = index.services.get(&name.to_lowercase());
        assert_eq!(id.is_none(), is_retired, "{name}");
        if let Some(id) = id {
            assert_eq!(known.insert(id, name), None, "{name} and another integration both mean {id}");
        }
    }
    assert_eq!(known.len(), 366);
}
