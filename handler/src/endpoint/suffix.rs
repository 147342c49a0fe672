//! Which hosts a rule set can lead to, beside those of the partition.
//!
//! Enters: a rule set. Leaves: the fixed ends of its hosts, as in `on.aws`. Nothing fails. Hosts that end in a
//! partition's suffix or in the endpoint that the caller gave end in no literal, so they are not among these.

use super::model::{Expression, Rule, RuleSet};

/// The literal domains in which the hosts of a rule set end.
pub fn dns_suffixes(rules: &RuleSet) -> Vec<&str> {
    let mut suffixes = Vec::new();
    collect(&rules.rules, &mut suffixes);
    suffixes.sort_unstable();
    suffixes.dedup();
    suffixes
}

fn collect<'a>(rules: &'a [Rule], suffixes: &mut Vec<&'a str>) {
    for rule in rules {
        match rule {
            Rule::Tree(_, rules) => collect(rules, suffixes),
            Rule::Endpoint(_, template) => suffixes.extend(suffix(&template.url)),
            Rule::Error(..) => {}
        }
    }
}

/// The domain after the first label of what follows the last inserted part of the host: `on.aws` of
/// `https://{Id}.osm.{Region}.on.aws/path`. A host without inserted parts is taken without its first label, too.
fn suffix(url: &Expression) -> Option<&str> {
    let end = match url {
        Expression::Text(text) => text.strip_prefix("https://")?,
        Expression::Template(parts) => match (parts.first()?, parts.last()?) {
            (Expression::Text(first), Expression::Text(last)) if first.starts_with("https://") => last,
            _ => return None,
        },
        _ => return None,
    };
    let host = end.split('/').next()?;
    let (_, domain) = host.split_once('.')?;
    (domain.contains('.') && !domain.contains(':')).then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::super::model::EndpointTemplate;
    use super::*;

    fn text(text: &str) -> Expression {
        Expression::Text(text.to_owned())
    }

    fn endpoint(url: Expression) -> Rule {
        Rule::Endpoint(vec![], EndpointTemplate { url, headers: vec![], properties: vec![] })
    }

    #[test]
    fn literal_ends_of_hosts_are_found_at_any_depth() {
        let region = || Expression::Ref("Region".to_owned());
        let template = |parts: Vec<Expression>| endpoint(Expression::Template(parts));
        let rules = RuleSet {
            parameters: vec![],
            rules: vec![
                Rule::Tree(
                    vec![],
                    vec![
                        template(vec![text("https://graph."), region(), text(".on.aws/v1")]),
                        Rule::Tree(
                            vec![],
                            vec![template(vec![text("https://g."), region(), text(".on.aws")])],
                        ),
                    ],
                ),
                template(vec![text("https://"), region(), text(".signin.aws.amazon.com")]),
                template(vec![text("https://s3."), region(), text("."), region()]),
                template(vec![text("https://"), region(), text("/a.b.c")]),
                template(vec![region(), text("://"), region(), text(".x.example.com")]),
                endpoint(text("https://iam.amazonaws.com")),
                endpoint(text("http://localhost:8000")),
                endpoint(text("https://local.host.name:8000")),
                endpoint(region()),
                Rule::Error(vec![], text("https://no.such.endpoint")),
            ],
        };
        assert_eq!(dns_suffixes(&rules), ["amazonaws.com", "on.aws", "signin.aws.amazon.com"]);
    }
}
