//! For which Region a service's requests are signed, whatever Region was asked for.
//!
//! Enters: a rule set. Leaves: the Region that its rules name for every Region of the `aws` partition, if they do.
//! The rules are followed as far as a plain call in that partition goes: nothing is set but the Region, and a function
//! that this cannot know (parsing of ARNs and URLs) has no value. Where a rule cannot be followed, there is no answer.

use std::collections::BTreeMap;

use crate::model::{Condition, Expression, ParamValue, Rule, RuleSet};

/// Two Regions that no service is at home in.
const ELSEWHERE: [&str; 2] = ["ap-northeast-3", "eu-north-1"];

pub fn global_region(rules: &RuleSet) -> Option<String> {
    let mut found = ELSEWHERE.iter().map(|region| signing_region(rules, region));
    let first = found.next()??;
    (found.all(|other| other.as_deref() == Some(first.as_str())) && !ELSEWHERE.contains(&first.as_str()))
        .then_some(first)
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Bool(bool),
    Text(String),
    /// The result of `aws.partition`.
    Partition,
}

type Scope = BTreeMap<String, Value>;

fn signing_region(rules: &RuleSet, region: &str) -> Option<String> {
    let mut scope = Scope::new();
    for parameter in &rules.parameters {
        let value = match (parameter.built_in.as_str(), &parameter.default) {
            ("AWS::Region", _) => Value::Text(region.to_owned()),
            (_, Some(ParamValue::Bool(value))) => Value::Bool(*value),
            (_, Some(ParamValue::Text(value))) => Value::Text(value.clone()),
            _ => continue,
        };
        scope.insert(parameter.name.clone(), value);
    }
    first(&rules.rules, &scope)?.0
}

/// The end of a way through the rules, with the Region that it names.
struct End(Option<String>);

/// The end behind the first rule whose conditions hold. A tree that holds but leads nowhere is an end as well.
fn first(rules: &[Rule], scope: &Scope) -> Option<End> {
    rules.iter().find_map(|rule| match rule {
        Rule::Endpoint(conditions, endpoint) => holding(conditions, scope).map(|scope| {
            let schemes = endpoint.properties.iter().find(|(name, _)| name == "authSchemes");
            End(schemes.and_then(|(_, schemes)| region_of(schemes, &scope)))
        }),
        Rule::Error(conditions, _) => holding(conditions, scope).map(|_| End(None)),
        Rule::Tree(conditions, rules) => {
            holding(conditions, scope).map(|scope| first(rules, &scope).unwrap_or(End(None)))
        }
    })
}

fn region_of(schemes: &Expression, scope: &Scope) -> Option<String> {
    let Expression::Array(schemes) = schemes else { return None };
    let Expression::Object(fields) = schemes.first()? else { return None };
    let (_, region) = fields.iter().find(|(name, _)| name == "signingRegion")?;
    match value(region, scope)? {
        Value::Text(region) => Some(region),
        _ => None,
    }
}

/// The scope with what the conditions bind, if all of them hold.
fn holding(conditions: &[Condition], scope: &Scope) -> Option<Scope> {
    let mut scope = scope.clone();
    for Condition(expression, name) in conditions {
        let value = value(expression, &scope).filter(|value| *value != Value::Bool(false))?;
        if !name.is_empty() {
            scope.insert(name.clone(), value);
        }
    }
    Some(scope)
}

fn value(expression: &Expression, scope: &Scope) -> Option<Value> {
    match expression {
        Expression::Ref(name) => scope.get(name).cloned(),
        Expression::Bool(value) => Some(Value::Bool(*value)),
        Expression::Text(text) => Some(Value::Text(text.clone())),
        Expression::GetAttr(of, path) => match (value(of, scope)?, path.first()?.as_str()) {
            (Value::Partition, "name") => Some(Value::Text("aws".to_owned())),
            (Value::Partition, "implicitGlobalRegion") => Some(Value::Text("us-east-1".to_owned())),
            (Value::Partition, "supportsFIPS" | "supportsDualStack") => Some(Value::Bool(true)),
            _ => None,
        },
        Expression::Call(function, arguments) => call(function, arguments, scope),
        Expression::Int(_) | Expression::Template(_) | Expression::Array(_) | Expression::Object(_) => None,
    }
}

fn call(function: &str, arguments: &[Expression], scope: &Scope) -> Option<Value> {
    match (function, arguments) {
        ("isSet", [of]) => Some(Value::Bool(value(of, scope).is_some())),
        ("not", [of]) => match value(of, scope) {
            Some(Value::Bool(true)) => Some(Value::Bool(false)),
            Some(Value::Bool(false)) => Some(Value::Bool(true)),
            _ => None,
        },
        ("booleanEquals" | "stringEquals", [one, other]) => {
            Some(Value::Bool(value(one, scope).is_some() && value(one, scope) == value(other, scope)))
        }
        ("aws.partition", [_]) => Some(Value::Partition),
        ("isValidHostLabel", [_, _]) => Some(Value::Bool(true)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::botocore;

    fn global(rules: &str) -> Option<String> {
        let source: botocore::RuleSet = serde_json::from_str(&format!(
            r#"{{"version": "1.0", "parameters": {{"Region": {{"type": "string", "builtIn": "AWS::Region"}},
                "UseFIPS": {{"type": "boolean", "builtIn": "AWS::UseFIPS", "default": false}},
                "Endpoint": {{"type": "string", "builtIn": "SDK::Endpoint"}}}}, "rules": {rules}}}"#
        ))
        .unwrap();
        global_region(&crate::rules::rule_set(&source, "a test").unwrap())
    }

    fn endpoint(signing: &str) -> String {
        format!(
            r#"{{"type": "endpoint", "conditions": [], "endpoint": {{"url": "https://x",
                "properties": {{"authSchemes": [{{"name": "sigv4", "signingRegion": "{signing}"}}]}}}}}}"#
        )
    }

    #[test]
    fn a_fixed_signing_region_is_found_behind_the_conditions_of_a_plain_call() {
        let rules = format!(
            r#"[{{"type": "error", "conditions": [{{"fn": "isSet", "argv": [{{"ref": "Endpoint"}}]}}], "error": "no"}},
                {{"type": "tree", "conditions": [{{"fn": "aws.partition", "argv": [{{"ref": "Region"}}], "assign": "P"}},
                    {{"fn": "stringEquals", "argv": [{{"fn": "getAttr", "argv": [{{"ref": "P"}}, "name"]}}, "aws"]}},
                    {{"fn": "booleanEquals", "argv": [{{"ref": "UseFIPS"}}, false]}}], "rules": [{}]}}]"#,
            endpoint("us-west-2")
        );
        assert_eq!(global(&rules).as_deref(), Some("us-west-2"));
    }

    #[test]
    fn the_region_asked_for_is_no_fixed_one() {
        assert_eq!(global(&format!("[{}]", endpoint("{Region}"))), None);
        assert_eq!(
            global(r#"[{"type": "endpoint", "conditions": [], "endpoint": {"url": "https://x"}}]"#),
            None
        );
    }

    #[test]
    fn a_region_that_holds_for_one_place_only_is_not_fixed() {
        let rules = format!(
            r#"[{{"type": "tree", "conditions": [{{"fn": "stringEquals", "argv": [{{"ref": "Region"}}, "eu-north-1"]}}],
                 "rules": [{}]}}, {}]"#,
            endpoint("eu-west-1"),
            endpoint("us-east-1")
        );
        assert_eq!(global(&rules), None);
    }
}
