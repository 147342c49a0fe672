//! What the environment says, read once at init.
//!
//! Enters: environment variables. Leaves: a [`Config`]. Fails with all faults of the variables, each under its name.
//!
//! Nothing else of the environment is read: no profiles, configuration files, CA bundles, proxies or endpoints of the
//! SDK's own. A loopback `AWS_ENDPOINT_URL` is the one exception inside Lambda, for tests on one machine.

use std::time::Duration;

use crate::custom_endpoint::CustomEndpoint;
use crate::error::{Error, Fault, Faults, Kind};
use crate::event::{ATTEMPTS_LIMIT, RetryChoice, RetryMode, TIME_LIMIT_MS, Timeouts};
use crate::idempotency::store::TableArn;

/// Bytes of a result, if `RESULT_LIMIT` does not say: Step Functions takes 262,144 of a whole state.
pub const DEFAULT_RESULT_LIMIT: usize = 240_000;

/// Bytes that Lambda hands back at most.
pub const LARGEST_RESULT: usize = 6_000_000;

/// Settings of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `OPERATION_TABLE`, still text.
    pub operation_table: Option<String>,
    /// `AWS_REGION`: where the function itself runs.
    pub region: String,
    /// `AWS_ENDPOINT_URL`: inside Lambda, only of this machine.
    pub endpoint_url: Option<CustomEndpoint>,
    pub is_inside_lambda: bool,
    /// `RESULT_LIMIT`, in bytes.
    pub result_limit: usize,
    /// `METRICS`: whether to write metrics.
    pub metrics: bool,
    /// `IDEMPOTENCY_TABLE`: the ARN of the table of records.
    pub idempotency_table: Option<TableArn>,
    /// Of events that do not say.
    pub defaults: Defaults,
}

/// How calls are made where the event does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Defaults {
    /// `CONNECT_TIMEOUT_MS`, `ATTEMPT_TIMEOUT_MS`
    pub timeouts: Timeouts,
    /// `RETRY_MODE`, `RETRY_MAX_ATTEMPTS`
    pub retry: RetryChoice,
}

impl Config {
    /// `variable` looks one up; a variable that is set to nothing counts as absent.
    pub fn from_env(variable: &impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let mut faults = Faults::default();
        let is_inside_lambda = ["AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME"]
            .iter()
            .any(|name| variable(name).is_some());
        let region = variable("AWS_REGION").unwrap_or_else(|| {
            faults.push(Fault::new("AWS_REGION", "missing"));
            String::new()
        });
        let endpoint_url = variable("AWS_ENDPOINT_URL").and_then(|text| match CustomEndpoint::parse(&text) {
            Ok(endpoint) => Some(endpoint).filter(|endpoint| !is_inside_lambda || endpoint.is_loopback()),
            Err(_) if is_inside_lambda => None,
            Err(message) => {
                faults.push(Fault::new("AWS_ENDPOINT_URL", message));
                None
            }
        });
        let result_limit = variable("RESULT_LIMIT").map_or(DEFAULT_RESULT_LIMIT, |text| {
            text.parse().ok().filter(|bytes| (1..=LARGEST_RESULT).contains(bytes)).unwrap_or_else(|| {
                faults.push(Fault::new("RESULT_LIMIT", format!("expected bytes from 1 to {LARGEST_RESULT}")));
                DEFAULT_RESULT_LIMIT
            })
        });
        let metrics = match variable("METRICS").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                faults.push(Fault::new("METRICS", "expected true or false"));
                false
            }
        };
        let idempotency_table = variable("IDEMPOTENCY_TABLE").and_then(|text| {
            let table = TableArn::parse(&text);
            table.map_err(|message| faults.push(Fault::new("IDEMPOTENCY_TABLE", message))).ok()
        });
        let defaults = Defaults::from_env(&variable, &mut faults);
        if !faults.is_empty() {
            return Err(Error::faults(Kind::Internal, faults));
        }
        let operation_table = variable("OPERATION_TABLE");
        Ok(Self {
            operation_table,
            region,
            endpoint_url,
            is_inside_lambda,
            result_limit,
            metrics,
            idempotency_table,
            defaults,
        })
    }
}

impl Defaults {
    fn from_env(variable: &impl Fn(&str) -> Option<String>, faults: &mut Faults) -> Self {
        let mut number = |name: &str, most: u64| {
            let text = variable(name)?;
            let number = text.parse().ok().filter(|number| (1..=most).contains(number));
            if number.is_none() {
                faults.push(Fault::new(name, format!("expected an integer from 1 to {most}")));
            }
            number
        };
        let timeouts = Timeouts {
            connect: number("CONNECT_TIMEOUT_MS", TIME_LIMIT_MS).map(Duration::from_millis),
            attempt: number("ATTEMPT_TIMEOUT_MS", TIME_LIMIT_MS).map(Duration::from_millis),
        };
        let max_attempts = number("RETRY_MAX_ATTEMPTS", ATTEMPTS_LIMIT).and_then(|it| u32::try_from(it).ok());
        let mode = variable("RETRY_MODE").and_then(|text| {
            RetryMode::parse(&text).map_err(|message| faults.push(Fault::new("RETRY_MODE", message))).ok()
        });
        let retry = RetryChoice { mode, max_attempts };
        if let Err(message) = retry.check() {
            faults.push(Fault::new("RETRY_MAX_ATTEMPTS", message));
        }
        Self { timeouts, retry }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Config::from_env(&variable).map_err(|error| error.faults.iter().map(ToString::to_string).collect())
    }

    const REGION: (&str, &str) = ("AWS_REGION", "ap-northeast-1");
    const LAMBDA: (&str, &str) = ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001");

    #[test]
    fn only_the_region_has_no_default() {
        let expected = Config {
            operation_table: None,
            region: "ap-northeast-1".to_owned(),
            endpoint_url: None,
            is_inside_lambda: false,
            result_limit: 240_000,
            metrics: false,
            idempotency_table: None,
            defaults: Defaults::default(),
        };
        assert_eq!(config(&[REGION]).unwrap(), expected);
        assert_eq!(
            config(&[REGION, ("METRICS", ""), ("RESULT_LIMIT", ""), ("OPERATION_TABLE", "")]).unwrap(),
            expected
        );
        assert_eq!(config(&[]).unwrap_err(), ["AWS_REGION: missing"]);
    }

    #[test]
    fn settings_are_read() {
        let variables = [REGION, ("OPERATION_TABLE", "[]"), ("RESULT_LIMIT", "6000000"), ("METRICS", "true")];
        let config = config(&variables).unwrap();
        assert_eq!(
            (config.operation_table.as_deref(), config.result_limit, config.metrics),
            (Some("[]"), 6_000_000, true)
        );
    }

    #[test]
    fn a_function_says_how_its_calls_are_made() {
        let variables = [
            REGION,
            ("RETRY_MODE", "safe"),
            ("RETRY_MAX_ATTEMPTS", "5"),
            ("CONNECT_TIMEOUT_MS", "250"),
            ("ATTEMPT_TIMEOUT_MS", "900000"),
        ];
        let Defaults { timeouts, retry } = config(&variables).unwrap().defaults;
        assert_eq!(retry, RetryChoice { mode: Some(RetryMode::Safe), max_attempts: Some(5) });
        assert_eq!(timeouts.connect, Some(Duration::from_millis(250)));
        assert_eq!(timeouts.attempt, Some(Duration::from_mins(15)));

        for (variables, fault) in [
            (&[("RETRY_MODE", "fast")][..], "RETRY_MODE: `fast` is none of `sdk`, `safe`, `none`"),
            (&[("RETRY_MAX_ATTEMPTS", "11")], "RETRY_MAX_ATTEMPTS: expected an integer from 1 to 10"),
            (&[("CONNECT_TIMEOUT_MS", "0")], "CONNECT_TIMEOUT_MS: expected an integer from 1 to 900000"),
            (&[("ATTEMPT_TIMEOUT_MS", "1s")], "ATTEMPT_TIMEOUT_MS: expected an integer from 1 to 900000"),
            (
                &[("RETRY_MODE", "none"), ("RETRY_MAX_ATTEMPTS", "2")],
                "RETRY_MAX_ATTEMPTS: mode `none` makes one attempt",
            ),
        ] {
            let variables: Vec<_> = variables.iter().copied().chain([REGION]).collect();
            assert_eq!(config(&variables).unwrap_err(), [fault]);
        }
    }

    #[test]
    fn all_faults_are_in_one_report() {
        let variables = [
            ("RESULT_LIMIT", "6000001"),
            ("METRICS", "yes"),
            ("AWS_ENDPOINT_URL", "http://example.com"),
            ("IDEMPOTENCY_TABLE", "records"),
        ];
        let faults = config(&variables).unwrap_err();
        assert_eq!(faults.len(), 5, "{faults:?}");
        for limit in ["0", "-1", "240k", "1e6", "99999999999999999999"] {
            let faults = config(&[REGION, ("RESULT_LIMIT", limit)]).unwrap_err();
            assert_eq!(faults, ["RESULT_LIMIT: expected bytes from 1 to 6000000"], "{limit}");
        }
    }

    #[test]
    fn inside_lambda_only_this_machine_may_stand_in_for_aws() {
        let inside = |url| config(&[REGION, LAMBDA, ("AWS_ENDPOINT_URL", url)]).unwrap();
        for url in
            ["http://127.0.0.1:4566", "http://localhost:4566", "http://[::1]:4566", "https://localhost"]
        {
            assert_eq!(inside(url).endpoint_url.unwrap(), CustomEndpoint::parse(url).unwrap());
        }
        for url in [
            "https://example.com",
            "http://127.0.0.1.evil.com",
            "http://127.0.0.1@evil.com",
            "http://10.0.0.1",
            "x",
        ] {
            assert_eq!(inside(url).endpoint_url, None, "{url}");
        }
        let outside = config(&[REGION, ("AWS_ENDPOINT_URL", "https://example.com")]).unwrap();
        assert_eq!(outside.endpoint_url.unwrap().host(), "example.com");
    }

    #[test]
    fn lambda_is_known_by_its_variables() {
        for inside in [LAMBDA, ("AWS_LAMBDA_FUNCTION_NAME", "f")] {
            assert!(config(&[REGION, inside]).unwrap().is_inside_lambda);
        }
    }
}
