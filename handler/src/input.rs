//! Parameters that fit the operation's input shape (section 2 of the contract).
//!
//! Enters: an [`Operation`] and the event's `parameters`. Leaves: [`Bound`], the only thing that a client accepts.
//! Fails with `CrossRegion.InvalidParameters`, all faults in one report.

pub mod bind;
pub mod targets;
pub mod value;

use aws_smithy_schema::Schema;
use aws_smithy_schema::serde::{SerdeError, SerializableStruct, ShapeSerializer};
use bytes::Bytes;
use serde_json::{Map, Value as Json};

use crate::catalog::model::OperationTrait;
use crate::catalog::{self, Operation};
use crate::error::{Error, Fault, Faults, Kind};
use crate::idempotency::token::{self, Tokens};
use crate::spelling::Spelling;
use value::{Structure, Value};

/// Parameters that fit: made by [`bind`] alone.
#[derive(Debug, Clone)]
pub struct Bound {
    operation: &'static Operation,
    input: Structure,
    parameters: Map<String, Json>,
    /// The member that was filled with a token, because the caller left it out.
    filled: Option<&'static str>,
    /// The caller says that a repeat does no harm.
    is_declared_repeatable: bool,
    /// The whole body, in place of the member that would be one.
    body: Option<Bytes>,
}

/// Checks the parameters against the input shape and fills a missing idempotency token with a random one.
pub fn bind(operation: &'static Operation, parameters: Map<String, Json>) -> Result<Bound, Error> {
    bind_spelled(operation, parameters, Spelling::Model, Faults::default(), Tokens::Random)
}

/// As [`bind`], for parameters that came in some spelling: `faults` are those found when they were put under the
/// model's names, and further ones tell their paths in that spelling.
pub fn bind_spelled(
    operation: &'static Operation,
    parameters: Map<String, Json>,
    spelling: Spelling,
    mut faults: Faults,
    tokens: Tokens<'_>,
) -> Result<Bound, Error> {
    if operation.has(&OperationTrait::EventStreamInput) {
        let fault =
            Fault::new("action", "takes an event stream as input, which a Lambda function cannot send");
        return Err(Error::faults(Kind::InvalidParameters, vec![fault]));
    }
    let mut input = bind::input(operation, &parameters, spelling, &mut faults)?;
    if !faults.is_empty() {
        return Err(Error::faults(Kind::InvalidParameters, faults));
    }
    let filled = fill_token(operation, &parameters, &mut input, tokens);
    Ok(Bound { operation, input, parameters, filled, is_declared_repeatable: false, body: None })
}

impl Bound {
    pub fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// The value of a top-level member, if it was given.
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.input.member(name)
    }

    /// Whether the same request may be sent twice to the same Region: it only reads, it carries a token, or its
    /// caller says so.
    pub fn is_repeatable(&self) -> bool {
        let has_token = self.members().any(|(member, _)| token::is_token(member));
        self.operation.is_read_only || has_token || self.is_declared_repeatable
    }

    /// The same parameters of a call whose caller says, or does not say, that a repeat does no harm.
    #[must_use]
    pub fn declared_repeatable(self, is_declared_repeatable: bool) -> Self {
        Self { is_declared_repeatable, ..self }
    }

    /// Whether the token is ours, not the caller's.
    pub fn has_filled_token(&self) -> bool {
        self.filled.is_some()
    }

    /// The same parameters with that token, unless the caller gave one of his own or the operation takes none.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        match self.filled {
            Some(member) => self.with_text(member, token.to_owned()),
            None => self,
        }
    }

    /// The parameters as they came, for JMESPath expressions over the input.
    pub fn parameters(&self) -> &Map<String, Json> {
        &self.parameters
    }

    /// Top-level members with their values.
    pub fn members(&self) -> impl Iterator<Item = (&'static catalog::shape::Member, &Value)> {
        self.input.members()
    }

    /// The same parameters with one top-level string member set, for what an SDK derives from the others.
    #[must_use]
    pub fn with_text(mut self, name: &str, text: String) -> Self {
        self.input.set(name, Value::String(text));
        self
    }

    /// The same parameters with a body that is none of them: bytes of this program's own, which are not copied.
    #[must_use]
    pub fn with_body(self, body: Bytes) -> Self {
        Self { body: Some(body), ..self }
    }

    pub fn body(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }

    /// The same parameters without a top-level member.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.input.remove(name);
        self
    }
}

impl SerializableStruct for Bound {
    fn schema(&self) -> &Schema<'_> {
        &self.operation.input_schema
    }

    fn serialize_members(&self, serializer: &mut dyn ShapeSerializer) -> Result<(), SerdeError> {
        self.input.serialize_members(serializer)
    }
}

/// What every SDK does: a token that the caller left out is filled in. Leaves the member's name.
fn fill_token(
    operation: &Operation,
    parameters: &Map<String, Json>,
    input: &mut Structure,
    tokens: Tokens<'_>,
) -> Option<&'static str> {
    let member = token::member(operation).filter(|member| input.member(&member.name).is_none())?;
    input.set(&member.name, Value::String(tokens.token(operation, parameters)));
    Some(&member.name)
}
