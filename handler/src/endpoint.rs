//! Where a request goes and how it is signed, by the service's own endpoint rule set.
//!
//! Enters: a rule set, the partitions, and the parameters that the rules ask for; [`Settings`] fills in those
//! that come from the caller's configuration rather than from the operation. Leaves: [`Resolved`]. Fails with
//! [`EndpointError`]: mostly the text of a rule that says why there is no such endpoint. The evaluation does no
//! input or output and keeps no state. It follows the AWS endpoint rules engine, version 1.0, as botocore reads it.

mod function;
mod label;
pub mod partition;
mod rules;
mod suffix;
mod value;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value as Json;

use super::catalog::model::{self, Auth, ParamValue, Partition, RuleSet};

pub use self::label::is_host_label;
pub use self::suffix::dns_suffixes;

/// Finds the endpoint for one request.
pub fn resolve(
    rules: &RuleSet,
    partitions: &[Partition],
    params: &Params,
) -> Result<Resolved, EndpointError> {
    rules::resolve(rules, partitions, params)
}

/// An endpoint as the rules made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// Scheme, host, and the path that the operation's own path is appended to.
    pub url: String,
    /// Name and values, to be sent with the request.
    pub headers: Vec<(String, Vec<String>)>,
    /// All properties, `authSchemes` included.
    pub properties: Vec<(String, Json)>,
    /// `authSchemes`, in order of preference and without those that this handler does not know. Empty: the rules
    /// leave signing to the service's model.
    pub auth_schemes: Vec<AuthScheme>,
}

/// How to sign for this endpoint; what is `None` or empty comes from the service's model and the caller's Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthScheme {
    pub name: Auth,
    pub signing_name: Option<String>,
    pub signing_region: Option<String>,
    /// SigV4A only; `*` stands for every Region.
    pub signing_region_set: Vec<String>,
    pub disable_double_encoding: bool,
}

/// Why there is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointError {
    /// A rule refuses the combination of parameters. `text` is its own words, which quote parameters; `template` is
    /// the same with their names, and what is shown.
    Rule { text: String, template: String },
    /// A parameter that the rule set requires is not given.
    Missing(String),
    /// No rule speaks for these parameters.
    NoMatch,
    /// None of the authentication schemes of the endpoint is known.
    UnknownAuth(Vec<String>),
    /// The rule set contradicts itself, or a parameter has a type that the rules do not expect.
    Unsound(String),
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule { template, .. } => f.write_str(template),
            Self::Missing(name) => write!(f, "endpoint parameter `{name}` is required"),
            Self::NoMatch => f.write_str("no endpoint rule matches these parameters"),
            Self::UnknownAuth(names) => {
                write!(f, "endpoint asks for unknown authentication schemes: `{}`", names.join("`, `"))
            }
            Self::Unsound(fault) => write!(f, "endpoint rules cannot be evaluated: {fault}"),
        }
    }
}

impl std::error::Error for EndpointError {}

/// Values for the parameters of a rule set, by parameter name. Names that the rule set does not declare are ignored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params(BTreeMap<String, ParamValue>);

impl Params {
    pub fn insert(&mut self, name: impl Into<String>, value: ParamValue) {
        self.0.insert(name.into(), value);
    }

    pub fn value(&self, name: &str) -> Option<&ParamValue> {
        self.0.get(name)
    }
}

impl FromIterator<(String, ParamValue)> for Params {
    fn from_iter<T: IntoIterator<Item = (String, ParamValue)>>(values: T) -> Self {
        Self(values.into_iter().collect())
    }
}

/// What a caller configures whatever the operation: the source of the rule sets' built-in parameters.
///
/// S3's and STS's global endpoints are not among them: they are always off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings<'a> {
    pub region: &'a str,
    /// Replaces the service's own endpoint.
    pub endpoint: Option<&'a str>,
    pub fips: bool,
    pub dual_stack: bool,
    /// Account of the credentials, where they tell.
    pub account_id: Option<&'a str>,
    pub account_id_mode: AccountIdMode,
    pub s3: S3Settings,
}

/// Whether the account id may become part of the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AccountIdMode {
    #[default]
    Preferred,
    Required,
    Disabled,
}

/// What only S3 and S3 Control look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct S3Settings {
    pub accelerate: bool,
    pub path_style: bool,
    /// Whether an ARN of another Region leads there; `None` leaves it to the rules.
    pub use_arn_region: Option<bool>,
    pub disable_multi_region_access_points: bool,
}

impl Settings<'_> {
    /// The parameters of a request: those of the operation, then whatever built-in parameter they leave open.
    /// `operation` holds the static, member and operation context parameters by parameter name.
    pub fn params(&self, rules: &RuleSet, operation: Params) -> Params {
        let mut params = operation;
        for parameter in &rules.parameters {
            if params.value(&parameter.name).is_none()
                && let Some(value) = self.built_in(&parameter.built_in)
            {
                params.insert(parameter.name.as_str(), value);
            }
        }
        params
    }

    fn built_in(&self, name: &str) -> Option<ParamValue> {
        let flag = |value| Some(ParamValue::Bool(value));
        let text = |value: &str| ParamValue::Text(value.to_owned());
        match name {
            "AWS::Region" => Some(text(self.region)),
            "AWS::UseFIPS" => flag(self.fips),
            "AWS::UseDualStack" => flag(self.dual_stack),
            "AWS::Auth::AccountId" => self.account_id.map(text),
            "AWS::Auth::AccountIdEndpointMode" => Some(text(match self.account_id_mode {
                AccountIdMode::Preferred => "preferred",
                AccountIdMode::Required => "required",
                AccountIdMode::Disabled => "disabled",
            })),
            "AWS::S3::Accelerate" => flag(self.s3.accelerate),
            "AWS::S3::ForcePathStyle" => flag(self.s3.path_style),
            "AWS::S3::UseArnRegion" | "AWS::S3Control::UseArnRegion" => self.s3.use_arn_region.and_then(flag),
            "AWS::S3::DisableMultiRegionAccessPoints" => flag(self.s3.disable_multi_region_access_points),
            "AWS::S3::UseGlobalEndpoint" | "AWS::STS::UseGlobalEndpoint" => flag(false),
            "SDK::Endpoint" => self.endpoint.map(text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::model::Parameter;
    use super::*;

    fn parameter(name: &str, built_in: &str) -> Parameter {
        Parameter { name: name.into(), built_in: built_in.into(), required: false, default: None }
    }

    #[test]
    fn the_operation_comes_before_the_settings() {
        let parameters = vec![
            parameter("AccountId", "AWS::Auth::AccountId"),
            parameter("Bucket", ""),
            parameter("Region", "AWS::Region"),
        ];
        let rules = RuleSet { parameters, rules: Vec::new() };
        let settings =
            Settings { region: "us-west-2", account_id: Some("111122223333"), ..Settings::default() };
        let operation =
            Params::from_iter([("AccountId".to_owned(), ParamValue::Text("444455556666".into()))]);
        let params = settings.params(&rules, operation);
        assert_eq!(params.value("AccountId"), Some(&ParamValue::Text("444455556666".into())));
        assert_eq!(params.value("Region"), Some(&ParamValue::Text("us-west-2".into())));
        assert_eq!(params.value("Bucket"), None);
    }

    #[test]
    fn every_setting_reaches_its_built_in_parameter_and_no_other() {
        let s3 = |s3| Settings { s3, ..Settings::default() };
        let flags = [
            ("AWS::UseFIPS", Settings { fips: true, ..Settings::default() }),
            ("AWS::UseDualStack", Settings { dual_stack: true, ..Settings::default() }),
            ("AWS::S3::Accelerate", s3(S3Settings { accelerate: true, ..S3Settings::default() })),
            ("AWS::S3::ForcePathStyle", s3(S3Settings { path_style: true, ..S3Settings::default() })),
            (
                "AWS::S3::DisableMultiRegionAccessPoints",
                s3(S3Settings { disable_multi_region_access_points: true, ..S3Settings::default() }),
            ),
        ];
        for (set, settings) in &flags {
            for (name, _) in &flags {
                assert_eq!(settings.built_in(name), Some(ParamValue::Bool(name == set)), "{name} by {set}");
            }
            for global in ["AWS::S3::UseGlobalEndpoint", "AWS::STS::UseGlobalEndpoint"] {
                assert_eq!(settings.built_in(global), Some(ParamValue::Bool(false)));
            }
        }

        let settings = Settings {
            region: "eu-west-1",
            endpoint: Some("https://example.com"),
            account_id: Some("111122223333"),
            account_id_mode: AccountIdMode::Required,
            s3: S3Settings { use_arn_region: Some(false), ..S3Settings::default() },
            ..Settings::default()
        };
        let text = |value: &str| Some(ParamValue::Text(value.into()));
        for (name, value) in [
            ("AWS::Region", text("eu-west-1")),
            ("SDK::Endpoint", text("https://example.com")),
            ("AWS::Auth::AccountId", text("111122223333")),
            ("AWS::Auth::AccountIdEndpointMode", text("required")),
            ("AWS::S3::UseArnRegion", Some(ParamValue::Bool(false))),
            ("AWS::S3Control::UseArnRegion", Some(ParamValue::Bool(false))),
            ("AWS::Unheard::Of", None),
        ] {
            assert_eq!(settings.built_in(name), value, "{name}");
        }
        for unset in ["AWS::S3::UseArnRegion", "SDK::Endpoint", "AWS::Auth::AccountId"] {
            assert_eq!(Settings::default().built_in(unset), None, "{unset}");
        }
        assert_eq!(Settings::default().built_in("AWS::Auth::AccountIdEndpointMode"), text("preferred"));
    }

    #[test]
    fn errors_are_one_line_and_name_what_is_missing() {
        assert_eq!(
            EndpointError::Missing("Region".into()).to_string(),
            "endpoint parameter `Region` is required"
        );
        assert_eq!(
            EndpointError::Rule { text: "`a` is no ARN".into(), template: "`{Bucket}` is no ARN".into() }
                .to_string(),
            "`{Bucket}` is no ARN"
        );
        assert_eq!(
            EndpointError::UnknownAuth(vec!["sigv5".into(), "x".into()]).to_string(),
            "endpoint asks for unknown authentication schemes: `sigv5`, `x`"
        );
    }
}
