//! Differences that are meant: read from `differential/explained-….json`.
//!
//! Enters: a difference. Leaves: whether a rule explains it, and how often each did. Fails by panicking on a malformed
//! file, and where a rule explains nothing.

use std::fmt;

use handler::catalog::model::Protocol;
use serde::Deserialize;

/// One thing in which two requests differ.
#[derive(Debug)]
pub struct Difference {
    pub service: String,
    pub operation: String,
    pub protocol: Protocol,
    /// `host`, `path`, `query`, `header x-y`, `body`, `scope`, `refused by us`, …
    pub what: String,
    pub detail: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.what, self.detail)
    }
}

/// All rules, with how often each was needed.
#[derive(Debug)]
pub struct Rules(Vec<(Rule, usize)>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    what: String,
    /// Empty: all.
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    operations: Vec<String>,
    #[serde(default)]
    protocols: Vec<Protocol>,
    /// Text that the detail holds.
    #[serde(default)]
    detail: String,
    reason: String,
}

impl Rules {
    /// The rules of `differential/explained-<name>.json`.
    pub fn read(name: &str) -> Self {
        let file = crate::root().join(format!("tests/differential/explained-{name}.json"));
        let rules: Vec<Rule> =
            serde_json::from_value(crate::json(&file)).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self(rules.into_iter().map(|rule| (rule, 0)).collect())
    }

    /// One case: well if every difference is explained.
    pub fn judge(&mut self, differences: &[Difference]) -> Result<(), String> {
        let unexplained: Vec<String> =
            differences.iter().filter(|it| !self.explain(it)).map(ToString::to_string).collect();
        if unexplained.is_empty() { Ok(()) } else { Err(unexplained.join("; ")) }
    }

    fn explain(&mut self, difference: &Difference) -> bool {
        let Some((_, uses)) = self.0.iter_mut().find(|(rule, _)| rule.covers(difference)) else {
            return false;
        };
        *uses += 1;
        true
    }

    /// One line a rule, past the test harness's capture.
    pub fn report(&self) {
        use std::io::Write;
        for (rule, uses) in self.0.iter().filter(|(_, uses)| *uses > 0) {
            _ = writeln!(std::io::stdout(), "  {uses} × {}: {}", rule.what, rule.reason);
        }
    }

    pub fn all_used(&self) {
        let idle: Vec<&str> =
            self.0.iter().filter(|(_, uses)| *uses == 0).map(|(rule, _)| rule.reason.as_str()).collect();
        assert!(idle.is_empty(), "rules that explain nothing: {idle:?}");
    }
}

impl Rule {
    fn covers(&self, difference: &Difference) -> bool {
        let names = |list: &[String], name: &String| list.is_empty() || list.contains(name);
        self.what == difference.what
            && names(&self.services, &difference.service)
            && names(&self.operations, &difference.operation)
            && (self.protocols.is_empty() || self.protocols.contains(&difference.protocol))
            && difference.detail.contains(&self.detail)
    }
}
