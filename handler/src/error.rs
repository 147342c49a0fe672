//! The one place where a failure becomes what Step Functions sees: `errorType` and `errorMessage`.
//!
//! Enters: failures of every stage, each built by a constructor below. Leaves: [`Error`], which `lambda_runtime`
//! posts as `{errorType, errorMessage}`; the message is one JSON object on one line of at most
//! [`MESSAGE_LIMIT`] bytes. Lists that would not fit are dropped whole and named in `omitted`.
//! Names and paths are quoted, parameter values never.

use std::borrow::Cow;

use lambda_runtime::Diagnostic;
use serde_json::{Map, Value, json};

use crate::effect::Effect;

/// Bytes of `errorMessage`. Step Functions keeps 32,768 characters of a cause.
pub const MESSAGE_LIMIT: usize = 24_000;

/// Bytes of one human-readable sentence inside the message; a service may answer with a page.
const SENTENCE_LIMIT: usize = 8_000;

/// Names that belong to Step Functions, Lambda and us; no callee may drive our caller's retriers with them.
const RESERVED_PREFIXES: [&str; 3] = ["States.", "CrossRegion.", "Lambda."];

/// Characters of an error name that Step Functions accepts.
const NAME_LIMIT: usize = 256;

/// Error names of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    InvalidEvent,
    InvalidParameters,
    UnknownService,
    UnknownOperation,
    NotAllowed,
    EndpointUnresolved,
    Unreachable,
    OutcomeUnknown,
    DeadlineExceeded,
    AllTargetsFailed,
    NotReady,
    WaitFailed,
    Incomplete,
    InProgress,
    KeyReused,
    StateUncertain,
    NotRepeatable,
    StaleETag,
    SourceChanged,
    ChecksumMismatch,
    ResultTooLarge,
    MalformedResponse,
    RemoteError,
    Internal,
}

impl Kind {
    /// The name as Catch and Retry match it.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidEvent => "CrossRegion.InvalidEvent",
            Self::InvalidParameters => "CrossRegion.InvalidParameters",
            Self::UnknownService => "CrossRegion.UnknownService",
            Self::UnknownOperation => "CrossRegion.UnknownOperation",
            Self::NotAllowed => "CrossRegion.NotAllowed",
            Self::EndpointUnresolved => "CrossRegion.EndpointUnresolved",
            Self::Unreachable => "CrossRegion.Unreachable",
            Self::OutcomeUnknown => "CrossRegion.OutcomeUnknown",
            Self::DeadlineExceeded => "CrossRegion.DeadlineExceeded",
            Self::AllTargetsFailed => "CrossRegion.AllTargetsFailed",
            Self::NotReady => "CrossRegion.NotReady",
            Self::WaitFailed => "CrossRegion.WaitFailed",
            Self::Incomplete => "CrossRegion.Incomplete",
            Self::InProgress => "CrossRegion.InProgress",
            Self::KeyReused => "CrossRegion.KeyReused",
            Self::StateUncertain => "CrossRegion.StateUncertain",
            Self::NotRepeatable => "CrossRegion.NotRepeatable",
            Self::StaleETag => "CrossRegion.StaleETag",
            Self::SourceChanged => "CrossRegion.SourceChanged",
            Self::ChecksumMismatch => "CrossRegion.ChecksumMismatch",
            Self::ResultTooLarge => "CrossRegion.ResultTooLarge",
            Self::MalformedResponse => "CrossRegion.MalformedResponse",
            Self::RemoteError => "CrossRegion.RemoteError",
            Self::Internal => "CrossRegion.Internal",
        }
    }
}

/// Faults of one report. A payload of megabytes can hold a million, of which nobody reads more.
const FAULTS_KEPT: usize = 100;

/// One fault of a report that lists all faults of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON path into the event or the table, as in `parameters.Key.id`; empty for the document as a whole.
    pub path: String,
    /// What is wrong, lower case, without the value.
    pub message: String,
}

impl Fault {
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.path.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Faults as a stage finds them: the first [`FAULTS_KEPT`], and how many there were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    kept: Vec<Fault>,
    found: usize,
}

impl Faults {
    pub fn push(&mut self, fault: Fault) {
        self.found += 1;
        if !self.is_full() {
            self.kept.push(fault);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.found == 0
    }

    /// Further faults are only counted, so their messages need no care.
    pub fn is_full(&self) -> bool {
        self.kept.len() >= FAULTS_KEPT
    }
}

impl From<Vec<Fault>> for Faults {
    fn from(faults: Vec<Fault>) -> Self {
        let found = faults.len();
        Self { kept: faults.into_iter().take(FAULTS_KEPT).collect(), found }
    }
}

/// Whose name an error bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Ours,
    /// The service's: the name is that of the modelled shape.
    Modelled,
    /// The service's: the name is a code that the model does not know.
    Unmodelled,
    /// Of a function that the call ran.
    Callee,
}

/// Why the same call may go well at another target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// DNS, connection, TLS, or no time left before it.
    NeverSent,
    /// No usable answer, or a fault of the server that passes: 500, 502, 503, 504.
    Transient,
    /// Too many requests.
    Throttling,
}

/// A failure, with all that its message may say. Fields that are `None` are left out of the message.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    name: Cow<'static, str>,
    origin: Origin,
    pub message: String,
    pub effect: Effect,
    pub faults: Vec<Fault>,
    /// Beside it, `service` and `action` say which of its calls failed, if one did.
    pub procedure: Option<&'static str>,
    pub service: Option<String>,
    pub action: Option<String>,
    pub region: Option<String>,
    pub status_code: Option<u16>,
    /// The wire code, where the name is the modelled shape's or had to be replaced.
    pub code: Option<String>,
    pub request_id: Option<String>,
    pub attempts: Option<u32>,
    /// Modelled scalar members; names of withheld members map to null.
    pub fields: Map<String, Value>,
    /// The whole `errorMessage`, where it was written before.
    written: Option<String>,
    /// Absent where another target would say the same.
    pub trouble: Option<Trouble>,
    /// Targets that did not serve the call before this failure, as [`crate::drive::failover`] describes them.
    pub failed_targets: Vec<Value>,
}

impl Error {
    /// A failure under one of our own names, with `effect` none.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            name: Cow::Borrowed(kind.name()),
            origin: Origin::Ours,
            message: message.into(),
            effect: Effect::None,
            faults: Vec::new(),
            procedure: None,
            service: None,
            action: None,
            region: None,
            status_code: None,
            code: None,
            request_id: None,
            attempts: None,
            fields: Map::new(),
            written: None,
            trouble: None,
            failed_targets: Vec::new(),
        }
    }

    /// An error of a call that was made before, as it was told then.
    pub fn replayed(name: String, message: String) -> Self {
        let error = Self::new(Kind::Internal, "told before").with_effect(Effect::Done).renamed(name);
        Self { written: Some(message), ..error }
    }

    /// A failure that a stage found more than once: all faults in one report.
    pub fn faults(kind: Kind, faults: impl Into<Faults>) -> Self {
        let Faults { kept, found } = faults.into();
        let mut message = kept.first().map(ToString::to_string).unwrap_or_default();
        if found > 1 {
            message = format!("{message} (and {} more)", found - 1);
        }
        Self { faults: kept, ..Self::new(kind, message) }
    }

    /// A service's own error. `shape` is the modelled shape's name, `code` the wire code; a name that is not a
    /// callee's to use becomes `CrossRegion.RemoteError`.
    pub fn service(shape: Option<&'static str>, code: Option<&str>, message: impl Into<String>) -> Self {
        let mut error = Self::remote(shape.or(code).unwrap_or_default(), code, message);
        error.origin = if shape.is_some() { Origin::Modelled } else { Origin::Unmodelled };
        error
    }

    /// The error that a remote function reports, under the same rule.
    pub fn callee(name: Option<&str>, message: impl Into<String>) -> Self {
        let mut error = Self::remote(name.unwrap_or_default(), name, message);
        error.origin = Origin::Callee;
        error
    }

    fn remote(name: &str, code: Option<&str>, message: impl Into<String>) -> Self {
        let mut error = Self::new(Kind::RemoteError, message);
        if usable_name(name) {
            error.name = Cow::Owned(name.to_owned());
        }
        error.code = code.map(|code| clip(code, NAME_LIMIT).into_owned());
        error
    }

    /// The same under a name that this program gives it, not the service.
    #[must_use]
    pub fn renamed(mut self, name: String) -> Self {
        self.name = Cow::Owned(name);
        self
    }

    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The error name that Catch and Retry match.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same, said otherwise.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    #[must_use]
    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    #[must_use]
    pub fn with_trouble(mut self, trouble: Trouble) -> Self {
        self.trouble = Some(trouble);
        self
    }

    /// Tells of the answer what `cause` tells of it, which this error stands for.
    #[must_use]
    pub fn with_answer_of(mut self, cause: &Self) -> Self {
        self.status_code = cause.status_code;
        self.request_id.clone_from(&cause.request_id);
        self
    }

    /// Says which call failed, where a later stage has not said so already.
    #[must_use]
    pub fn for_call(mut self, service: &str, action: &str, region: &str) -> Self {
        self.service.get_or_insert_with(|| service.to_owned());
        self.action.get_or_insert_with(|| action.to_owned());
        self.region.get_or_insert_with(|| region.to_owned());
        self
    }

    /// Says which procedure failed, and where it acts unless it failed elsewhere.
    #[must_use]
    pub fn for_procedure(mut self, name: &'static str, region: &str) -> Self {
        self.procedure = Some(name);
        self.region.get_or_insert_with(|| region.to_owned());
        self
    }

    /// `errorMessage`: one JSON object on one line, within [`MESSAGE_LIMIT`] bytes.
    pub fn to_message(&self) -> String {
        if let Some(written) = &self.written {
            return written.clone();
        }
        let mut report = Map::new();
        report.insert("message".into(), clip(&self.message, SENTENCE_LIMIT).into());
        report.insert("effect".into(), json!(self.effect));
        let scalars = [
            ("procedure", self.procedure.map(Value::from)),
            ("service", self.service.as_deref().map(|name| clip(name, NAME_LIMIT).into())),
            ("action", self.action.as_deref().map(|name| clip(name, NAME_LIMIT).into())),
            ("region", self.region.as_deref().map(|name| clip(name, NAME_LIMIT).into())),
            ("statusCode", self.status_code.map(Value::from)),
            ("code", self.code.as_deref().map(Value::from)),
            ("requestId", self.request_id.as_deref().map(|id| clip(id, NAME_LIMIT).into())),
            ("attempts", self.attempts.map(Value::from)),
        ];
        report.extend(scalars.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        let faults: Vec<Value> = self.faults.iter().map(|fault| fault.to_string().into()).collect();
        let lists = [
            ("failedTargets", !self.failed_targets.is_empty(), json!(self.failed_targets)),
            ("fields", !self.fields.is_empty(), Value::Object(self.fields.clone())),
            ("faults", faults.len() > 1, Value::Array(faults)),
        ];
        let mut omitted = Vec::new();
        for (key, present, list) in lists {
            if !present {
                continue;
            }
            report.insert(key.to_owned(), list);
            if json!(report).to_string().len() > MESSAGE_LIMIT - 64 {
                report.remove(key);
                omitted.push(key);
            }
        }
        if !omitted.is_empty() {
            report.insert("omitted".to_owned(), json!(omitted));
        }
        Value::Object(report).to_string()
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

impl std::error::Error for Error {}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        Self { error_type: error.name.clone().into_owned(), error_message: error.to_message() }
    }
}

fn usable_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().count() <= NAME_LIMIT
        && !name.chars().any(char::is_control)
        && !RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The longest prefix of at most `bytes` bytes once written as JSON, cut between characters and marked as cut.
pub fn clip(text: &str, bytes: usize) -> Cow<'_, str> {
    let mut written = 0;
    for (at, character) in text.char_indices() {
        // Escapes make a control character six bytes of JSON.
        written += match character {
            '"' | '\\' | '\n' | '\r' | '\t' => 2,
            control if control < ' ' => 6,
            other => other.len_utf8(),
        };
        if written > bytes {
            return Cow::Owned(format!("{}…", text.get(..at).unwrap_or_default()));
        }
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callee_cannot_use_names_that_drive_retriers() {
        for name in
            ["States.Timeout", "CrossRegion.NotReady", "Lambda.ServiceException", "", &"x".repeat(257)]
        {
            let error = Error::service(None, Some(name), "no");
            assert_eq!(error.name(), "CrossRegion.RemoteError", "{name}");
        }
        assert_eq!(
            Error::service(Some("NoSuchEntityException"), Some("NoSuchEntity"), "").name(),
            "NoSuchEntityException"
        );
    }

    #[test]
    fn the_message_is_one_line_of_json_within_its_limit() {
        let faults =
            (0..5_000).map(|n| Fault::new(format!("parameters.M{n}"), "é".repeat(200))).collect::<Vec<_>>();
        let mut error = Error::faults(Kind::InvalidParameters, faults);
        error.fields.insert("Item".into(), Value::Null);
        error.message = "\n\"\u{1}é".repeat(10_000);
        // As an event spelled them that was refused.
        error = error.for_call(&"s".repeat(1_000_000), &"a".repeat(1_000_000), &"r".repeat(1_000_000));
        let message = error.to_message();
        assert!(message.len() <= MESSAGE_LIMIT, "{}", message.len());
        assert!(!message.contains('\n'));
        let parsed: Value = serde_json::from_str(&message).unwrap();
        assert_eq!(parsed["omitted"], json!(["faults"]));
        assert_eq!(parsed["fields"], json!({"Item": null}));
        assert_eq!(parsed["effect"], "none");
    }

    #[test]
    fn all_faults_are_listed() {
        let error = Error::faults(
            Kind::InvalidEvent,
            vec![Fault::new("region", "missing"), Fault::new("x", "unknown field")],
        );
        let parsed: Value = serde_json::from_str(&error.to_message()).unwrap();
        assert_eq!(parsed["message"], "region: missing (and 1 more)");
        assert_eq!(parsed["faults"], json!(["region: missing", "x: unknown field"]));
    }

    #[test]
    fn more_faults_than_anyone_reads_are_counted() {
        let mut faults = Faults::default();
        for n in 0..5_000 {
            faults.push(Fault::new(format!("f{n}"), "unknown field"));
        }
        let error = Error::faults(Kind::InvalidEvent, faults);
        assert_eq!(error.message, "f0: unknown field (and 4999 more)");
        assert_eq!(error.faults.len(), FAULTS_KEPT);
    }
}
