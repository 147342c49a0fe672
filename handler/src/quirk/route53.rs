//! Amazon Route 53 answers with ids such as `/hostedzone/Z1` and takes them without the prefix.

use serde_json::{Map, Value as Json};

use crate::catalog::Operation;
use crate::catalog::{self};

/// Shapes of ids, by the model's name.
const IDS: [&str; 3] = ["ResourceId", "DelegationSetId", "ChangeId"];

pub fn parameters(operation: &Operation, parameters: &mut Map<String, Json>) {
    for member in operation.input.map(catalog::members).unwrap_or_default() {
        let is_id = member.target().is_ok_and(|shape| IDS.contains(&shape.name()));
        if let Some(Json::String(id)) = parameters.get_mut(&member.name)
            && is_id
            && let Some((_, bare)) = id.rsplit_once('/')
        {
            *id = bare.to_owned();
        }
    }
}
