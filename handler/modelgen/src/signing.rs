//! For which Region a service's requests are signed, whatever Region was asked for.
//!
//! Enters: a rule set, the partitions. Leaves: for each partition the Region that the rules name for every Region of it,
//! if they do. Where the rules need parameters of the call, there is no answer.

use std::collections::BTreeMap;

use crate::handler::endpoint::{self, Params, Settings};
use crate::model::{Partition, RuleSet};
use crate::unresolved;

/// By partition.
pub fn global_regions<'a>(rules: &RuleSet, partitions: &'a [Partition]) -> BTreeMap<&'a str, String> {
    partitions
        .iter()
        .filter_map(|partition| Some((partition.id.as_str(), global_region(rules, partitions, partition)?)))
        .collect()
}

fn global_region(rules: &RuleSet, partitions: &[Partition], own: &Partition) -> Option<String> {
    let mut found = unresolved::places(own).map(|region| signing_region(rules, partitions, region));
    let first = found.next()??;
    // Of a partition with one Region, nothing says what a second one would be signed for.
    let mut others = found.peekable();
    (others.peek().is_some() && others.all(|other| other.as_ref() == Some(&first))).then_some(first)
}

fn signing_region(rules: &RuleSet, partitions: &[Partition], region: &str) -> Option<String> {
    let params = Settings { region, ..Settings::default() }.params(rules, Params::default());
    let resolved = endpoint::resolve(rules, partitions, &params).ok()?;
    resolved.auth_schemes.into_iter().next()?.signing_region
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unresolved::tests::{partitions, rule_set};

    fn global(rules: &str) -> Vec<(String, String)> {
        let partitions = partitions();
        let found = global_regions(&rule_set(rules), &partitions);
        found.into_iter().map(|(partition, region)| (partition.to_owned(), region)).collect()
    }

    fn endpoint(conditions: &str, signing: &str) -> String {
        format!(
            r#"{{"type": "endpoint", "conditions": [{conditions}], "endpoint": {{"url": "https://x",
                "properties": {{"authSchemes": [{{"name": "sigv4", "signingRegion": "{signing}"}}]}}}}}}"#
        )
    }

    #[test]
    fn a_fixed_signing_region_is_found_for_each_partition() {
        let in_aws = r#"{"fn": "aws.partition", "argv": [{"ref": "Region"}], "assign": "P"},
            {"fn": "stringEquals", "argv": [{"fn": "getAttr", "argv": [{"ref": "P"}, "name"]}, "aws"]}"#;
        let rules = format!("[{}, {}]", endpoint(in_aws, "us-west-2"), endpoint("", "cn-north-1"));
        let told = |partition: &str, region: &str| (partition.to_owned(), region.to_owned());
        assert_eq!(global(&rules), [told("aws", "us-west-2"), told("aws-cn", "cn-north-1")]);
    }

    #[test]
    fn the_region_asked_for_is_no_fixed_one() {
        assert!(global(&format!("[{}]", endpoint("", "{Region}"))).is_empty());
        assert!(
            global(r#"[{"type": "endpoint", "conditions": [], "endpoint": {"url": "https://x"}}]"#)
                .is_empty()
        );
    }

    #[test]
    fn a_region_that_holds_for_one_place_only_is_not_fixed() {
        let there = r#"{"fn": "stringEquals", "argv": [{"ref": "Region"}, "us-west-2"]}"#;
        let rules = format!("[{}, {}]", endpoint(there, "eu-west-1"), endpoint("", "us-east-1"));
        assert!(!global(&rules).iter().any(|(partition, _)| partition == "aws"));
    }
}
