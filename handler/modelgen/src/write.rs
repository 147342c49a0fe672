//! The form of the generated files: valid JSON, one fact a line, so that a newer model is a diff that can be read.
//!
//! Enters: anything that serializes. Leaves: text that ends in a newline, and that reads back to the same value.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{Partition, Rule, RuleSet, Service};

/// One line of JSON.
pub fn line<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    serde_json::to_string(value)
}

/// An array of one element a line.
pub fn lines<T: Serialize>(values: &[T]) -> Result<String, serde_json::Error> {
    let lines: Result<Vec<_>, _> = values.iter().map(line).collect();
    Ok(array(&lines?))
}

pub fn service(service: &Service) -> Result<String, serde_json::Error> {
    Ok(object(&[
        ("metadata", line(&service.metadata)?),
        ("operations", lines(&service.operations)?),
        ("shapes", lines(&service.shapes)?),
        ("paginators", lines(&service.paginators)?),
        ("waiters", lines(&service.waiters)?),
        ("endpoints", rule_set(&service.endpoints)?),
    ]) + "\n")
}

pub fn partitions(partitions: &[Partition]) -> Result<String, serde_json::Error> {
    Ok(lines(partitions)? + "\n")
}

/// An object of one field a line.
pub fn fields<T: Serialize>(fields: &BTreeMap<String, T>) -> Result<String, serde_json::Error> {
    let lines: Result<Vec<_>, _> =
        fields.iter().map(|(name, value)| Ok((name.as_str(), line(value)?))).collect();
    Ok(object(&lines?) + "\n")
}

fn rule_set(set: &RuleSet) -> Result<String, serde_json::Error> {
    Ok(object(&[("parameters", lines(&set.parameters)?), ("rules", rules(&set.rules)?)]))
}

fn rules(rules: &[Rule]) -> Result<String, serde_json::Error> {
    let lines: Result<Vec<_>, _> = rules.iter().map(rule).collect();
    Ok(array(&lines?))
}

/// A tree takes a line for its conditions and a line for each of its rules.
fn rule(source: &Rule) -> Result<String, serde_json::Error> {
    match source {
        Rule::Tree(conditions, children) => {
            Ok(format!("{{\"tree\":[{},{}]}}", line(conditions)?, rules(children)?))
        }
        leaf => line(leaf),
    }
}

/// An array of elements that are already JSON.
pub fn array(elements: &[String]) -> String {
    if elements.is_empty() { "[]".to_owned() } else { format!("[\n{}\n]", elements.join(",\n")) }
}

/// An object of fields that are already JSON.
pub fn object(fields: &[(&str, String)]) -> String {
    if fields.is_empty() {
        return "{}".to_owned();
    }
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{\n{}\n}}", fields.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::botocore;

    /// One of everything that has a line of its own.
    fn sample() -> Service {
        let model: botocore::Model = serde_json::from_str(
            r#"{"metadata": {"protocol": "rest-json", "signatureVersion": "v4", "serviceId": "Test"},
                "operations": {"Get": {"http": {"method": "GET", "requestUri": "/"}, "input": {"shape": "In"}}},
                "shapes": {"In": {"type": "structure", "members": {"A": {"shape": "Map"}}}, "S": {"type": "string"},
                           "Map": {"type": "map", "key": {"shape": "S"}, "value": {"shape": "S"}}}}"#,
        )
        .unwrap();
        let rules: botocore::RuleSet = serde_json::from_str(
            r#"{"version": "1.0", "parameters": {"Region": {"type": "string", "required": true}}, "rules": [
                {"type": "tree", "conditions": [{"fn": "isSet", "argv": [{"ref": "Region"}]}], "rules": [
                  {"type": "endpoint", "conditions": [], "endpoint": {"url": "https://{Region}"}}]},
                {"type": "error", "conditions": [], "error": "a \"quoted\" text"}]}"#,
        )
        .unwrap();
        let paginators =
            serde_json::from_str(r#"{"pagination": {"Get": {"input_token": "T", "output_token": "T"}}}"#)
                .unwrap();
        let waiters = serde_json::from_str(
            r#"{"waiters": {"Done": {"operation": "Get", "delay": 5, "maxAttempts": 2,
                "acceptors": [{"state": "success", "matcher": "status", "expected": 200}]}}}"#,
        )
        .unwrap();
        let rules = crate::rules::rule_set(&rules, "a test").unwrap();
        crate::service::service("test", &model, rules, &paginators, &waiters).unwrap()
    }

    #[test]
    fn what_is_written_reads_back_equal() {
        let text = service(&sample()).unwrap();
        assert_eq!(serde_json::from_str::<Service>(&text).unwrap(), sample());
    }

    #[test]
    fn every_operation_shape_and_rule_has_its_line() {
        let text = service(&sample()).unwrap();
        let starts = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(starts(r#"["Get","GET""#), 1);
        assert_eq!(starts(r#"["In",{"structure""#), 1);
        assert_eq!(starts(r#"{"tree":"#), 1);
        assert_eq!(starts(r#"{"endpoint":"#), 1);
        assert_eq!(starts(r#"{"error":"#), 1);
    }
}
