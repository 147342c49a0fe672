//! The interpreter: walks a rule set from its first rule to the first that yields an endpoint or an error.
//!
//! Enters: a rule set, the partitions, the parameters. Leaves: the endpoint of the first rule whose conditions hold.
//! Fails as [`EndpointError`] says. A tree none of whose rules matches hands on to the rule that follows it. Names
//! bound by a condition live until the end of its rule, and no name is bound twice.

use serde_json::Value as Json;

use super::model::{Auth, Condition, EndpointTemplate, Expression, Partition, Rule, RuleSet};
use super::value::Value;
use super::{AuthScheme, EndpointError, Params, Resolved, function};

pub(super) fn resolve(
    rules: &RuleSet,
    partitions: &[Partition],
    params: &Params,
) -> Result<Resolved, EndpointError> {
    let mut scope = Scope { partitions, bound: Vec::with_capacity(rules.parameters.len() + 8) };
    for parameter in &rules.parameters {
        match params.value(&parameter.name).or(parameter.default.as_ref()) {
            Some(value) => scope.bound.push((&parameter.name, value.into())),
            None if parameter.required => return Err(EndpointError::Missing(parameter.name.clone())),
            None => {}
        }
    }
    scope.first_match(&rules.rules)?.ok_or(EndpointError::NoMatch)
}

struct Scope<'a> {
    partitions: &'a [Partition],
    /// Parameters, then what the conditions of the enclosing rules bound. Few enough to search one by one.
    bound: Vec<(&'a str, Value<'a>)>,
}

impl<'a> Scope<'a> {
    fn first_match(&mut self, rules: &'a [Rule]) -> Result<Option<Resolved>, EndpointError> {
        for rule in rules {
            let outer = self.bound.len();
            let outcome = self.apply(rule)?;
            self.bound.truncate(outer);
            if outcome.is_some() {
                return Ok(outcome);
            }
        }
        Ok(None)
    }

    fn apply(&mut self, rule: &'a Rule) -> Result<Option<Resolved>, EndpointError> {
        let (Rule::Endpoint(conditions, _) | Rule::Error(conditions, _) | Rule::Tree(conditions, _)) = rule;
        if !self.holds(conditions)? {
            return Ok(None);
        }
        match rule {
            Rule::Endpoint(_, template) => self.endpoint(template).map(Some),
            Rule::Error(_, text) => {
                Err(EndpointError::Rule { text: self.text(text)?, template: template(text) })
            }
            Rule::Tree(_, rules) => self.first_match(rules),
        }
    }

    fn holds(&mut self, conditions: &'a [Condition]) -> Result<bool, EndpointError> {
        for Condition(expression, name) in conditions {
            let value = match self.value(expression)? {
                None | Some(Value::Bool(false)) => return Ok(false),
                Some(value) => value,
            };
            if name.is_empty() {
                continue;
            }
            if self.lookup(name).is_some() {
                return Err(EndpointError::Unsound(format!("`{name}` is bound twice")));
            }
            self.bound.push((name, value));
        }
        Ok(true)
    }

    fn endpoint(&self, template: &'a EndpointTemplate) -> Result<Resolved, EndpointError> {
        let headers = template.headers.iter().map(|(name, values)| {
            let values = values.iter().map(|value| self.text(value)).collect::<Result<_, _>>()?;
            Ok((name.clone(), values))
        });
        let properties =
            template.properties.iter().map(|(name, value)| Ok((name.clone(), self.json(value)?)));
        let properties: Vec<(String, Json)> = properties.collect::<Result<_, EndpointError>>()?;
        Ok(Resolved {
            url: self.text(&template.url)?,
            headers: headers.collect::<Result<_, EndpointError>>()?,
            auth_schemes: auth_schemes(&properties)?,
            properties,
        })
    }

    fn value(&self, expression: &'a Expression) -> Result<Option<Value<'a>>, EndpointError> {
        Ok(match expression {
            Expression::Ref(name) => self.lookup(name).cloned(),
            Expression::Bool(value) => Some(Value::Bool(*value)),
            Expression::Int(value) => Some(Value::Int(*value)),
            Expression::Text(text) => Some(Value::text(text)),
            Expression::Template(_) => Some(Value::text(self.text(expression)?)),
            Expression::Array(items) => {
                let items = items.iter().map(|item| self.value(item)?.ok_or_else(|| no_value(item)));
                Some(Value::List(items.collect::<Result<_, _>>()?))
            }
            Expression::Object(_) => {
                return Err(EndpointError::Unsound("an object stands where none may".into()));
            }
            Expression::GetAttr(of, path) => {
                let whole = self.value(of)?;
                path.iter().try_fold(whole, |value, step| Some(value?.attribute(step))).flatten()
            }
            Expression::Call(name, arguments) => {
                let arguments = arguments.iter().map(|argument| self.value(argument));
                function::call(name, &arguments.collect::<Result<Vec<_>, _>>()?, self.partitions)?
            }
        })
    }

    fn text(&self, expression: &'a Expression) -> Result<String, EndpointError> {
        if let Expression::Template(parts) = expression {
            return parts.iter().map(|part| self.text(part)).collect();
        }
        match self.value(expression)? {
            Some(Value::Text(text)) => Ok(text.into_owned()),
            Some(_) => Err(EndpointError::Unsound(format!("{} is no text", describe(expression)))),
            None => Err(no_value(expression)),
        }
    }

    fn json(&self, expression: &'a Expression) -> Result<Json, EndpointError> {
        match expression {
            Expression::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            Expression::Object(members) => {
                members.iter().map(|(name, value)| Ok((name.clone(), self.json(value)?))).collect()
            }
            _ => {
                let value = self.value(expression)?.ok_or_else(|| no_value(expression))?;
                let no_property =
                    || EndpointError::Unsound(format!("{} is no property", describe(expression)));
                value.into_json().ok_or_else(no_property)
            }
        }
    }

    fn lookup(&self, name: &str) -> Option<&Value<'a>> {
        self.bound.iter().find(|(bound, _)| *bound == name).map(|(_, value)| value)
    }
}

fn no_value(expression: &Expression) -> EndpointError {
    EndpointError::Unsound(format!("{} has no value", describe(expression)))
}

/// A text with the names of its inserted parts, as rule sets write them: `{Bucket}`, `{bucketArn#region}`.
fn template(expression: &Expression) -> String {
    match expression {
        Expression::Text(text) => text.clone(),
        Expression::Template(parts) => parts.iter().map(template).collect(),
        Expression::Ref(name) => format!("{{{name}}}"),
        Expression::GetAttr(of, path) => match of.as_ref() {
            Expression::Ref(name) => format!("{{{name}#{}}}", path.join(".").replace(".[", "[")),
            _ => "{…}".to_owned(),
        },
        _ => "{…}".to_owned(),
    }
}

/// An expression as an error may show it: names, never values.
fn describe(expression: &Expression) -> String {
    match expression {
        Expression::Ref(name) => format!("`{name}`"),
        Expression::GetAttr(of, path) => format!("`{}` of {}", path.join("."), describe(of)),
        Expression::Call(name, _) => format!("the result of `{name}`"),
        _ => "a literal".to_owned(),
    }
}

fn auth_schemes(properties: &[(String, Json)]) -> Result<Vec<AuthScheme>, EndpointError> {
    let Some((_, schemes)) = properties.iter().find(|(name, _)| name == "authSchemes") else {
        return Ok(Vec::new());
    };
    let schemes = schemes.as_array().map(Vec::as_slice).unwrap_or_default();
    let known: Vec<AuthScheme> = schemes.iter().filter_map(auth_scheme).collect();
    if known.is_empty() && !schemes.is_empty() {
        let name = |scheme: &Json| scheme.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
        return Err(EndpointError::UnknownAuth(schemes.iter().map(name).collect()));
    }
    Ok(known)
}

/// A scheme of the rules, if its name is known; a namespace as in `aws.auth#sigv4` may come before it.
fn auth_scheme(scheme: &Json) -> Option<AuthScheme> {
    let text = |name: &str| scheme.get(name).and_then(Json::as_str).map(str::to_owned);
    let name = match scheme.get("name")?.as_str()?.rsplit('#').next()? {
        "sigv4" => Auth::Sigv4,
        "sigv4a" => Auth::Sigv4a,
        "sigv4-s3express" => Auth::Sigv4S3Express,
        "bearer" | "httpBearerAuth" => Auth::Bearer,
        "none" | "noAuth" => Auth::None,
        _ => return None,
    };
    let set = scheme.get("signingRegionSet").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    Some(AuthScheme {
        name,
        signing_name: text("signingName"),
        signing_region: text("signingRegion"),
        signing_region_set: set.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        disable_double_encoding: scheme.get("disableDoubleEncoding").and_then(Json::as_bool).unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::model::ParamValue;
    use super::*;

    /// A rule set of the given rules, with an optional `Region`, a required `Bucket` and `Flag`, false by default.
    fn outcome(rules: &Json, params: &[(&str, ParamValue)]) -> Result<Resolved, EndpointError> {
        let parameters = json!([
            {"name": "Bucket", "built_in": "", "required": true, "default": null},
            {"name": "Flag", "built_in": "", "required": true, "default": {"bool": false}},
            {"name": "Region", "built_in": "", "required": false, "default": null},
        ]);
        let rules: RuleSet =
            serde_json::from_value(json!({"parameters": parameters, "rules": rules})).unwrap();
        let params = params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        resolve(&rules, &[], &params)
    }

    fn bucket(name: &str) -> Vec<(&str, ParamValue)> {
        vec![("Bucket", ParamValue::Text(name.into()))]
    }

    fn endpoint(conditions: &Json, url: &Json) -> Json {
        json!({"endpoint": [conditions, {"url": url, "headers": [], "properties": []}]})
    }

    fn is_flag() -> Json {
        json!([[{"call": ["booleanEquals", [{"ref": "Flag"}, {"bool": true}]]}, ""]])
    }

    #[test]
    fn the_first_rule_that_holds_wins_and_defaults_apply() {
        let rules = json!([
            endpoint(&is_flag(), &json!({"text": "flag"})),
            endpoint(&json!([]), &json!({"ref": "Bucket"}))
        ]);
        assert_eq!(outcome(&rules, &bucket("b")).unwrap().url, "b");
        let params = [bucket("b"), vec![("Flag", ParamValue::Bool(true))]].concat();
        assert_eq!(outcome(&rules, &params).unwrap().url, "flag");
    }

    #[test]
    fn a_required_parameter_without_default_must_be_given() {
        let rules = json!([endpoint(&json!([]), &json!({"text": "x"}))]);
        assert_eq!(outcome(&rules, &[]), Err(EndpointError::Missing("Bucket".into())));
    }

    #[test]
    fn a_tree_without_a_match_hands_on_and_takes_its_names_with_it() {
        let bind = |of: &str| json!([[{"call": ["uriEncode", [{"ref": of}]]}, "encoded"]]);
        let tree = json!({"tree": [bind("Bucket"), [endpoint(&is_flag(), &json!({"ref": "encoded"}))]]});
        let after = endpoint(&bind("Bucket"), &json!({"template": [{"text": "after-"}, {"ref": "encoded"}]}));
        assert_eq!(outcome(&json!([tree, after]), &bucket("a/b")).unwrap().url, "after-a%2Fb");
        assert_eq!(outcome(&json!([tree]), &bucket("a/b")), Err(EndpointError::NoMatch));
        assert_eq!(outcome(&json!([]), &bucket("a/b")), Err(EndpointError::NoMatch));
    }

    #[test]
    fn no_name_is_bound_twice() {
        for name in ["Bucket", "encoded"] {
            let condition = json!([{"call": ["uriEncode", [{"ref": "Bucket"}]]}, name]);
            let rules = json!([endpoint(&json!([condition, condition]), &json!({"text": "x"}))]);
            let error = EndpointError::Unsound(format!("`{name}` is bound twice"));
            assert_eq!(outcome(&rules, &bucket("b")), Err(error));
        }
    }

    #[test]
    fn an_absent_value_fails_its_condition_but_an_empty_one_does_not() {
        let of = |expression: &Json| json!([endpoint(&json!([[expression, ""]]), &json!({"text": "x"}))]);
        assert_eq!(outcome(&of(&json!({"ref": "Region"})), &bucket("")), Err(EndpointError::NoMatch));
        let arn =
            json!({"getAttr": [{"call": ["aws.parseArn", [{"ref": "Bucket"}]]}, ["resourceId", "[1]"]]});
        assert_eq!(outcome(&of(&arn), &bucket("arn:aws:s3:::b")), Err(EndpointError::NoMatch));
        assert_eq!(outcome(&of(&arn), &bucket("none")), Err(EndpointError::NoMatch));
        assert_eq!(outcome(&of(&arn), &bucket("arn:aws:s3:::b/c")).unwrap().url, "x");
        assert_eq!(outcome(&of(&json!({"ref": "Bucket"})), &bucket("")).unwrap().url, "x");
    }

    #[test]
    fn an_error_rule_speaks_its_own_words() {
        let region = json!({"getAttr": [{"ref": "arn"}, ["region"]]});
        let text = json!({"template": [{"text": "no `"}, {"ref": "Bucket"}, {"text": "` in "}, region]});
        let arn = json!([{"call": ["aws.parseArn", [{"ref": "Bucket"}]]}, "arn"]);
        let rules = json!([{"error": [[arn], text]}]);
        assert_eq!(
            outcome(&rules, &bucket("arn:aws:s3:mars:1:b")),
            Err(EndpointError::Rule {
                text: "no `arn:aws:s3:mars:1:b` in mars".into(),
                template: "no `{Bucket}` in {arn#region}".into(),
            })
        );
    }

    #[test]
    fn what_cannot_be_written_out_is_an_error() {
        let no_value = |of: &str| Err(EndpointError::Unsound(format!("{of} has no value")));
        let rules = |url: &Json| json!([endpoint(&json!([]), url)]);
        assert_eq!(outcome(&rules(&json!({"ref": "Region"})), &bucket("b")), no_value("`Region`"));
        let suffix = json!({"template": [{"text": "x"}, {"getAttr": [{"ref": "url"}, ["authority"]]}]});
        assert_eq!(outcome(&rules(&suffix), &bucket("b")), no_value("`authority` of `url`"));
        let no_text = Err(EndpointError::Unsound("`Flag` is no text".into()));
        assert_eq!(outcome(&rules(&json!({"template": [{"ref": "Flag"}]})), &bucket("b")), no_text);
        assert!(outcome(&rules(&json!({"object": []})), &bucket("b")).is_err());
    }

    #[test]
    fn headers_and_properties_are_evaluated_at_every_depth() {
        let name = json!({"template": [{"text": "n-"}, {"ref": "Bucket"}]});
        let template = json!({
            "url": {"text": "https://x"},
            "headers": [["x-one", [{"ref": "Bucket"}, name]]],
            "properties": [
                ["backend", {"text": "B"}],
                ["authSchemes", {"array": [
                    {"object": [["name", {"text": "sigv9"}]]},
                    {"object": [
                        ["name", {"text": "aws.auth#sigv4a"}],
                        ["signingName", name],
                        ["signingRegionSet", {"array": [{"text": "*"}]}],
                        ["disableDoubleEncoding", {"bool": true}],
                    ]},
                    {"object": [["name", {"text": "sigv4"}], ["signingRegion", {"ref": "Bucket"}]]},
                ]}],
            ],
        });
        let found = outcome(&json!([{"endpoint": [[], template]}]), &bucket("b")).unwrap();
        assert_eq!(found.headers, [("x-one".to_owned(), vec!["b".to_owned(), "n-b".to_owned()])]);
        assert_eq!(found.properties[0], ("backend".to_owned(), json!("B")));
        assert_eq!(found.properties[1].1[1]["signingName"], "n-b");
        let sigv4a = AuthScheme {
            name: Auth::Sigv4a,
            signing_name: Some("n-b".into()),
            signing_region: None,
            signing_region_set: vec!["*".into()],
            disable_double_encoding: true,
        };
        let sigv4 = AuthScheme {
            name: Auth::Sigv4,
            signing_name: None,
            signing_region: Some("b".into()),
            signing_region_set: Vec::new(),
            disable_double_encoding: false,
        };
        assert_eq!(found.auth_schemes, [sigv4a, sigv4]);
    }

    #[test]
    fn an_endpoint_that_nobody_can_sign_for_is_an_error() {
        let schemes = json!({"array": [{"object": [["name", {"text": "sigv9"}]]}]});
        let template = json!({"url": {"text": "x"}, "headers": [], "properties": [["authSchemes", schemes]]});
        let error = outcome(&json!([{"endpoint": [[], template]}]), &bucket("b"));
        assert_eq!(error, Err(EndpointError::UnknownAuth(vec!["sigv9".into()])));
    }
}
