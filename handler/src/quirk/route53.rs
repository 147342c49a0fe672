//! Amazon Route 53 answers with ids such as `/hostedzone/Z1` and takes them without the prefix.

use serde_json::{Map, Value as Json};

/// Members that hold such an id. Ids of other kinds stand under some of these names, too: they have no slash.
const IDS: [&str; 4] = ["DelegationSetId", "HostedZoneId", "HostedZoneIdMarker", "Id"];

pub fn parameters(parameters: &mut Map<String, Json>) {
    for member in IDS {
        if let Some(Json::String(id)) = parameters.get_mut(member)
            && let Some((_, bare)) = id.rsplit_once('/')
        {
            *id = bare.to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_lose_their_prefix_and_nothing_else_does() {
        let Json::Object(mut given) = json!({"Id": "/hostedzone/Z1", "HostedZoneId": "Z2", "Name": "a/b"})
        else {
            panic!();
        };
        parameters(&mut given);
        assert_eq!(json!(given), json!({"Id": "Z1", "HostedZoneId": "Z2", "Name": "a/b"}));
    }
}
