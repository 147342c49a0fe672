//! Amazon S3 Control: the account of an Outposts ARN is the account that the call is about.

use serde_json::{Map, Value as Json};

use crate::catalog::Operation;

pub fn parameters(operation: &Operation, parameters: &mut Map<String, Json>) {
    if parameters.get("AccountId").is_some_and(|account| !account.is_null()) {
        return;
    }
    // A new access point has a name of its own choice.
    let members = if operation.name == "CreateAccessPoint" { &["Bucket"][..] } else { &["Bucket", "Name"] };
    let account = members.iter().find_map(|member| outposts_account(parameters.get(*member)?.as_str()?));
    if let Some(account) = account {
        let account = account.to_owned();
        parameters.insert("AccountId".to_owned(), account.into());
    }
}

/// `111122223333` of `arn:aws:s3-outposts:us-west-2:111122223333:outpost/op-1/bucket/b`.
fn outposts_account(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let is_outposts = parts.next() == Some("arn") && parts.nth(1) == Some("s3-outposts");
    parts.nth(1).filter(|account| is_outposts && !account.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_outposts_arn_has_the_account() {
        let bucket = "arn:aws:s3-outposts:us-west-2:111122223333:outpost/op-1/bucket/b";
        assert_eq!(outposts_account(bucket), Some("111122223333"));
        for other in
            ["b", "", "arn:aws:s3:us-west-2:111122223333:accesspoint/a", "arn:aws:s3-outposts:us-west-2"]
        {
            assert_eq!(outposts_account(other), None, "{other}");
        }
    }
}
