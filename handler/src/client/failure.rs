//! What went wrong on the way, in the contract's names.
//!
//! Enters: the SDK's error and the record of attempts. Leaves: [`Error`] with the `effect` that the record justifies.
//! Nothing fails.

use std::error::Error as StdError;

use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};
use aws_smithy_runtime_api::client::interceptors::context;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::{ErrorKind, ProvideErrorKind};
use http_body_util::LengthLimitError;
use serde_json::{Map, Value as Json};

use super::attempt::AttemptLog;
use super::flow::Broken;
use super::guard::Refused;
use super::protocol::request_id;
use super::{Answer, Patience};
use crate::catalog::Operation;
use crate::effect::Effect;
use crate::error::{Error, Kind, Trouble};
use crate::output::limit;

/// The SDK's error before it is sorted out.
pub type SendError = SdkError<context::Error, HttpResponse>;

/// An answer that is an error, modelled or not.
#[derive(Debug, Clone)]
pub struct OperationError {
    /// Wire code and message.
    pub meta: ErrorMetadata,
    /// The modelled shape that the code stands for.
    pub shape: Option<&'static str>,
    pub fields: Map<String, Json>,
    pub status: u16,
    pub request_id: Option<String>,
    /// The model says that a repeat may help.
    pub retryable: Option<ErrorKind>,
}

impl std::fmt::Display for OperationError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.meta.code().unwrap_or("error without a code"))
    }
}

impl StdError for OperationError {}

impl ProvideErrorMetadata for OperationError {
    fn meta(&self) -> &ErrorMetadata {
        &self.meta
    }
}

impl ProvideErrorKind for OperationError {
    fn retryable_error_kind(&self) -> Option<ErrorKind> {
        self.retryable
    }

    fn code(&self) -> Option<&str> {
        self.meta.code()
    }
}

/// An answer that does not fit the model; a repeat would not either.
#[derive(Debug)]
pub struct Malformed(pub String);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Malformed {}

/// Keeps the SDK from repeating a call whose answer came, and cannot be used: it was too large, or is of another
/// form than the model says.
#[derive(Debug)]
pub struct FinalErrors;

impl ClassifyRetry for FinalErrors {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.output_or_error() {
            Some(Err(error)) if is_beyond_limit(error) || source::<Malformed>(error).is_some() => {
                RetryAction::RetryForbidden
            }
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "FinalErrors"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// In mode `safe`: what may have taken effect is not sent again.
#[derive(Debug)]
pub struct Ambiguous(pub AttemptLog);

impl ClassifyRetry for Ambiguous {
    fn classify_retry(&self, _: &InterceptorContext) -> RetryAction {
        match self.0.effect() {
            Effect::None => RetryAction::NoActionIndicated,
            Effect::Done | Effect::Unknown => RetryAction::RetryForbidden,
        }
    }

    fn name(&self) -> &'static str {
        "Ambiguous"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(FinalErrors.priority())
    }
}

/// Names the failure.
pub fn classify(error: SendError, operation: &Operation, log: &AttemptLog, patience: Patience) -> Error {
    let effect = log.effect();
    let causes = chain(&error);
    let is_malformed = source::<Malformed>(&error).is_some();
    let mut classified = match error {
        SdkError::ServiceError(error) => match error.into_err().downcast::<OperationError>() {
            Ok(error) => service_error(operation, error),
            Err(_) => internal("the error has another type"),
        },
        SdkError::ConstructionFailure(_) => construction(&causes),
        SdkError::TimeoutError(_) => timeout(log),
        SdkError::DispatchFailure(failure) => {
            let is_ours = failure.as_connector_error().is_some_and(ConnectorError::is_user);
            dispatch(&causes, is_ours, log)
        }
        SdkError::ResponseError(error) => {
            let error = response(operation, error.raw(), &causes, patience);
            // An answer that broke off is none, unless what came of it is a refusal.
            let is_refusal = error.status_code.is_some_and(|status| (300..500).contains(&status));
            let is_whole = is_malformed || error.name() == Kind::ResultTooLarge.name();
            if is_whole || is_refusal { error } else { error.with_trouble(Trouble::Transient) }
        }
        _ => internal("the SDK reported an error of a new kind"),
    };
    classified.effect = effect;
    classified.attempts = Some(log.attempts());
    classified.status_code = classified.status_code.or_else(|| log.last_status());
    classified
}

/// Names why a body that was left to the caller could not be read to its end.
pub fn broken(answer: &Answer, why: Broken) -> Error {
    let (cause, trouble) = match why {
        Broken::Off(cause) => (cause, Some(Trouble::Transient)),
        Broken::Changed(cause) => (cause, None),
    };
    let mut error = Error::new(Kind::MalformedResponse, format!("the answer cannot be read: {cause}"))
        .with_effect(Effect::Unknown);
    error.trouble = trouble;
    error.status_code = Some(answer.status);
    error.request_id.clone_from(&answer.request_id);
    error.attempts = Some(answer.attempts);
    error
}

/// Whether the body of an answer was read no further, because no result could hold it.
pub fn is_beyond_limit(error: &(dyn StdError + 'static)) -> bool {
    source::<LengthLimitError>(error).is_some()
}

pub fn internal(what: &str) -> Error {
    Error::new(Kind::Internal, what)
}

fn service_error(operation: &Operation, error: OperationError) -> Error {
    let trouble = trouble(operation, &error);
    let code = error.meta.code().filter(|code| !code.is_empty());
    let message = message_of(error.meta.message(), code, error.status);
    let mut classified = Error::service(error.shape, code, message);
    classified.status_code = Some(error.status);
    classified.request_id = error.request_id;
    classified.fields = error.fields;
    classified.trouble = trouble;
    classified
}

/// The service's own words, or what is said in their place.
pub(super) fn message_of(message: Option<&str>, code: Option<&str>, status: u16) -> String {
    match (message.filter(|message| !message.is_empty()), code) {
        (Some(message), _) => message.to_owned(),
        (None, Some(code)) => format!("the service answered {code} without a message"),
        (None, None) => format!("the answer has status {status} and no error code"),
    }
}

/// Whether another target may answer otherwise: the SDK's classes of errors that are worth a repeat, but for those of
/// its codes that other targets would answer with, too, or that tell of work in progress.
fn trouble(operation: &Operation, error: &OperationError) -> Option<Trouble> {
    // The answer to HEAD has no body, so its code is made up from its status.
    let code =
        error.meta.code().filter(|code| operation.method != "HEAD" || !THROTTLING_ERRORS.contains(code));
    match error.retryable {
        Some(ErrorKind::ThrottlingError) => Some(Trouble::Throttling),
        _ => trouble_of(code, error.status),
    }
}

/// The same of what every answer has.
pub(super) fn trouble_of(code: Option<&str>, status: u16) -> Option<Trouble> {
    let has_code_of = |codes: &[&str]| code.is_some_and(|code| codes.contains(&code));
    if has_code_of(THROTTLING_ERRORS) && !has_code_of(&NOT_THROTTLING) || status == 429 {
        return Some(Trouble::Throttling);
    }
    let is_transient = matches!(status, 500 | 502 | 503 | 504) || has_code_of(TRANSIENT_ERRORS);
    is_transient.then_some(Trouble::Transient)
}

/// Codes that the SDKs count as throttling: the first may be a quota that does not pass, the second says that an
/// earlier request of the same caller is being carried out, which elsewhere would be carried out once more.
const NOT_THROTTLING: [&str; 2] = ["LimitExceededException", "TransactionInProgressException"];

pub(super) fn construction(causes: &[String]) -> Error {
    if causes.iter().any(|cause| *cause == Refused.to_string()) {
        return Error::new(Kind::NotAllowed, Refused.to_string());
    }
    // What the binding stage lets pass and the SDK's serializers refuse, such as a label of dots.
    Error::new(
        Kind::InvalidParameters,
        format!("the request cannot be built: {}", causes.last().cloned().unwrap_or_default()),
    )
}

pub(super) fn timeout(log: &AttemptLog) -> Error {
    if log.effect() != Effect::None {
        return Error::new(Kind::OutcomeUnknown, "the request was sent and no usable answer came in time")
            .with_trouble(Trouble::Transient);
    }
    let attempts = log.attempts();
    let Some(status) = log.last_status() else {
        if attempts > 0 {
            return Error::new(Kind::Unreachable, "no connection came about in time, nothing was sent")
                .with_trouble(Trouble::NeverSent);
        }
        return Error::new(Kind::DeadlineExceeded, "the time ran out before the request was sent")
            .with_trouble(Trouble::NeverSent);
    };
    let message = format!(
        "the time ran out with nothing in flight, after {attempts} attempts of which the last was answered with \
         status {status}"
    );
    // The SDK repeats no other refusals.
    Error::new(Kind::DeadlineExceeded, message).with_trouble(Trouble::Throttling)
}

pub(super) fn dispatch(causes: &[String], is_ours: bool, log: &AttemptLog) -> Error {
    let cause = causes.last().cloned().unwrap_or_else(|| "no cause given".to_owned());
    if causes.iter().any(|cause| cause.contains("credentials")) {
        return Error::new(Kind::Internal, "no credentials could be loaded to sign the request");
    }
    if log.effect() != Effect::None {
        let message = format!("the request was sent and no usable answer came: {cause}");
        return Error::new(Kind::OutcomeUnknown, message).with_trouble(Trouble::Transient);
    }
    if is_ours || log.attempts() == 0 {
        return Error::new(Kind::Internal, format!("the request was not sent: {cause}"));
    }
    let message = format!("the endpoint cannot be reached, nothing was sent: {cause}");
    Error::new(Kind::Unreachable, message).with_trouble(Trouble::NeverSent)
}

fn response(operation: &Operation, answer: &HttpResponse, causes: &[String], patience: Patience) -> Error {
    let is_beyond_limit = causes.iter().any(|cause| cause == LENGTH_LIMIT);
    let mut error = if is_beyond_limit && answer.status().is_success() {
        limit::too_large(None, patience.body_limit)
    } else {
        let cause = causes.last().map(String::as_str).unwrap_or_default();
        Error::new(Kind::MalformedResponse, format!("the answer cannot be read: {cause}"))
    };
    error.status_code = Some(answer.status().as_u16());
    error.request_id = request_id(operation, answer);
    error
}

/// How `LengthLimitError` describes itself: the chain holds descriptions.
const LENGTH_LIMIT: &str = "length limit exceeded";

/// Descriptions from the outermost cause to the innermost. The SDK's chains hold no parameter values.
pub(super) fn chain(error: &(dyn StdError + 'static)) -> Vec<String> {
    causes(error).map(ToString::to_string).collect()
}

fn source<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    causes(error).find_map(|error| error.downcast_ref())
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}
