//! Endpoint rule sets, from their published JSON to the typed tree.
//!
//! Enters: a rule set of version 1.0. Leaves: the same tree, with template strings split into their parts and paths
//! into their segments, so that nothing is parsed when a request is on its way. Fails on another version and on a
//! template that does not close.

use crate::Error;
use crate::botocore;
use crate::model::{Condition, EndpointTemplate, Expression, ParamValue, Parameter, Rule, RuleSet};

/// `place` names the service in an error.
pub fn rule_set(source: &botocore::RuleSet, place: &str) -> Result<RuleSet, Error> {
    if source.version != "1.0" {
        return Err(Error::unknown("rule set version", &source.version, place));
    }
    let mut parameters: Vec<_> = source
        .parameters
        .iter()
        .map(|(name, parameter)| Parameter {
            name: name.clone(),
            built_in: parameter.built_in.clone().unwrap_or_default(),
            required: parameter.required,
            default: parameter.default.as_ref().map(literal),
        })
        .collect();
    parameters.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(RuleSet { parameters, rules: all(&source.rules, place, rule)? })
}

pub fn literal(source: &botocore::Literal) -> ParamValue {
    match source {
        botocore::Literal::Bool(value) => ParamValue::Bool(*value),
        botocore::Literal::Text(value) => ParamValue::Text(value.clone()),
        botocore::Literal::Texts(values) => ParamValue::Texts(values.clone()),
    }
}

fn all<S, T>(
    sources: &[S],
    place: &str,
    one: impl Fn(&S, &str) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    sources.iter().map(|source| one(source, place)).collect()
}

fn rule(source: &botocore::Rule, place: &str) -> Result<Rule, Error> {
    Ok(match source {
        botocore::Rule::Endpoint { conditions, endpoint } => {
            Rule::Endpoint(all(conditions, place, condition)?, template_of(endpoint, place)?)
        }
        botocore::Rule::Error { conditions, error } => {
            Rule::Error(all(conditions, place, condition)?, expression(error, place)?)
        }
        botocore::Rule::Tree { conditions, rules } => {
            Rule::Tree(all(conditions, place, condition)?, all(rules, place, rule)?)
        }
    })
}

fn condition(source: &botocore::Condition, place: &str) -> Result<Condition, Error> {
    Ok(Condition(call(&source.function, &source.argv, place)?, source.assign.clone()))
}

fn template_of(source: &botocore::RuleEndpoint, place: &str) -> Result<EndpointTemplate, Error> {
    let mut headers = Vec::new();
    for (name, values) in &source.headers {
        headers.push((name.clone(), all(values, place, expression)?));
    }
    let mut properties = Vec::new();
    for (name, value) in &source.properties {
        properties.push((name.clone(), expression(value, place)?));
    }
    Ok(EndpointTemplate { url: expression(&source.url, place)?, headers, properties })
}

fn expression(source: &botocore::Expression, place: &str) -> Result<Expression, Error> {
    Ok(match source {
        botocore::Expression::Bool(value) => Expression::Bool(*value),
        botocore::Expression::Int(value) => Expression::Int(*value),
        botocore::Expression::Text(value) => template(value, place)?,
        botocore::Expression::Array(values) => Expression::Array(all(values, place, expression)?),
        botocore::Expression::Call { function, argv } => call(function, argv, place)?,
        botocore::Expression::Ref { name } => Expression::Ref(name.clone()),
        botocore::Expression::Object(fields) => {
            let mut object = Vec::new();
            for (name, value) in fields {
                object.push((name.clone(), expression(value, place)?));
            }
            Expression::Object(object)
        }
    })
}

fn call(function: &str, argv: &[botocore::Expression], place: &str) -> Result<Expression, Error> {
    if function == "getAttr" {
        let [of, botocore::Expression::Text(attribute)] = argv else {
            return Err(Error::unknown("use of function", function, place));
        };
        return Ok(Expression::GetAttr(Box::new(expression(of, place)?), path(attribute)));
    }
    Ok(Expression::Call(function.to_owned(), all(argv, place, expression)?))
}

/// Splits `a{B}c{d#e}` into its parts. `{{` and `}}` stand for the braces themselves.
fn template(text: &str, place: &str) -> Result<Expression, Error> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(at);
        plain.push_str(before);
        if let Some(after) = after.strip_prefix("{{") {
            plain.push('{');
            rest = after;
        } else if let Some(after) = after.strip_prefix("}}") {
            plain.push('}');
            rest = after;
        } else if let Some((name, after)) = after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            if !plain.is_empty() {
                parts.push(Expression::Text(std::mem::take(&mut plain)));
            }
            parts.push(match name.split_once('#') {
                Some((name, attribute)) => {
                    Expression::GetAttr(Box::new(Expression::Ref(name.to_owned())), path(attribute))
                }
                None => Expression::Ref(name.to_owned()),
            });
            rest = after;
        } else {
            return Err(Error::unknown("template", text, place));
        }
    }
    plain.push_str(rest);

    if parts.is_empty() {
        return Ok(Expression::Text(plain));
    }
    if !plain.is_empty() {
        parts.push(Expression::Text(plain));
    }
    Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::Template(parts) })
}

/// `resourceId[0]` is the segments `resourceId` and `[0]`.
fn path(text: &str) -> Vec<String> {
    let mut segments = Vec::new();
    for part in text.split('.') {
        let mut rest = part;
        while let Some(at) = rest.get(1..).and_then(|tail| tail.find('[')) {
            let (segment, tail) = rest.split_at(at + 1);
            segments.push(segment.to_owned());
            rest = tail;
        }
        segments.push(rest.to_owned());
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Expression {
        template(text, "a test").unwrap()
    }

    fn reference(name: &str) -> Expression {
        Expression::Ref(name.to_owned())
    }

    fn text(value: &str) -> Expression {
        Expression::Text(value.to_owned())
    }

    #[test]
    fn templates_are_split_at_their_references() {
        assert_eq!(
            parts("https://{Bucket}.s3.{PartitionResult#dnsSuffix}"),
            Expression::Template(vec![
                text("https://"),
                reference("Bucket"),
                text(".s3."),
                Expression::GetAttr(Box::new(reference("PartitionResult")), vec!["dnsSuffix".to_owned()]),
            ])
        );
    }

    #[test]
    fn a_template_of_one_reference_is_that_reference() {
        assert_eq!(parts("{Region}"), reference("Region"));
    }

    #[test]
    fn doubled_braces_are_text() {
        assert_eq!(parts("a{{b}}"), text("a{b}"));
    }

    #[test]
    fn an_open_brace_is_refused() {
        assert!(template("https://{Region", "a test").is_err());
    }

    #[test]
    fn paths_are_split_at_dots_and_indexes() {
        assert_eq!(path("resourceId[0]"), ["resourceId", "[0]"]);
        assert_eq!(path("[1]"), ["[1]"]);
        assert_eq!(path("a.b[2].c"), ["a", "b", "[2]", "c"]);
    }

    #[test]
    fn a_path_in_a_template_may_hold_an_index() {
        assert_eq!(
            parts("{Arn#resourceId[1]}"),
            Expression::GetAttr(Box::new(reference("Arn")), vec!["resourceId".to_owned(), "[1]".to_owned()])
        );
    }

    #[test]
    fn a_rule_of_each_kind_is_read() {
        let source: botocore::RuleSet = serde_json::from_str(
            r#"{"version": "1.0",
                "parameters": {"Region": {"builtIn": "AWS::Region", "required": false, "type": "string"},
                               "Fips": {"default": false, "required": true, "type": "boolean", "documentation": "…"}},
                "rules": [{"type": "tree", "conditions": [{"fn": "aws.partition", "argv": [{"ref": "Region"}], "assign": "P"}],
                  "rules": [
                    {"type": "endpoint", "conditions": [], "endpoint": {"url": {"ref": "Endpoint"}, "headers": {"h": ["{Region}"]},
                     "properties": {"authSchemes": [{"name": "sigv4"}]}}},
                    {"type": "error", "conditions": [], "error": "no"}]}]}"#,
        )
        .unwrap();
        let set = rule_set(&source, "a test").unwrap();
        assert_eq!(set.parameters[0].default, Some(ParamValue::Bool(false)));
        assert_eq!(set.parameters[1].built_in, "AWS::Region");
        assert_eq!(
            set.rules,
            [Rule::Tree(
                vec![Condition(
                    Expression::Call("aws.partition".to_owned(), vec![reference("Region")]),
                    "P".to_owned()
                )],
                vec![
                    Rule::Endpoint(
                        vec![],
                        EndpointTemplate {
                            url: reference("Endpoint"),
                            headers: vec![("h".to_owned(), vec![reference("Region")])],
                            properties: vec![(
                                "authSchemes".to_owned(),
                                Expression::Array(vec![Expression::Object(vec![(
                                    "name".to_owned(),
                                    text("sigv4")
                                )])])
                            )],
                        }
                    ),
                    Rule::Error(vec![], text("no")),
                ]
            )]
        );
    }
}
