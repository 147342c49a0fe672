//! The record of every attempt of one call, from which its `effect` follows.
//!
//! Enters: the SDK's hooks around each attempt. Leaves: how many attempts there were and what each came to. Nothing
//! fails.

use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use tokio::time::Instant;

use super::Shared;
use super::failure::never_sent;
use crate::effect::Effect;

/// Shared between the interceptor and the caller.
#[derive(Debug, Clone, Default)]
pub struct AttemptLog(Shared<Vec<Attempt>>);

#[derive(Debug, Clone, Copy)]
struct Attempt {
    started: Instant,
    ended: Option<Instant>,
    effect: Effect,
}

impl AttemptLog {
    pub fn attempts(&self) -> u32 {
        self.with(|attempts| u32::try_from(attempts.len()).unwrap_or(u32::MAX))
    }

    /// What all attempts together leave open, whatever the last one said.
    pub fn effect(&self) -> Effect {
        self.with(|attempts| attempts.iter().fold(Effect::None, |effect, it| effect.and(it.effect)))
    }

    /// Time spent between attempts.
    pub fn retry_delay(&self, call_started: Instant) -> Duration {
        self.with(|attempts| {
            let mut before = None;
            let mut total = Duration::ZERO;
            for attempt in attempts.iter() {
                let from = before.unwrap_or(call_started.max(attempt.started));
                total += attempt.started.saturating_duration_since(from);
                before = attempt.ended;
            }
            total
        })
    }

    fn with<T>(&self, read: impl FnOnce(&mut Vec<Attempt>) -> T) -> T {
        read(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

#[dyn_dispatch_hint]
impl Intercept for AttemptLog {
    fn name(&self) -> &'static str {
        "AttemptLog"
    }

    /// From here on the request may be out: until the attempt ends, nobody knows.
    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.with(|attempts| {
            attempts.push(Attempt { started: Instant::now(), ended: None, effect: Effect::Unknown });
        });
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let effect = match (
            context.response().map(|response| response.status().as_u16()),
            context.output_or_error(),
        ) {
            // Answered: a refusal is certain, a server fault is not.
            (Some(status), Some(Err(_))) if (300..500).contains(&status) => Effect::None,
            (Some(status), _) if status >= 500 => Effect::Unknown,
            (Some(_), Some(Ok(_))) => Effect::None,
            // 2xx that could not be read: done. 200 with an error body is sorted out by the error itself.
            (Some(_), Some(Err(error))) if error.is_operation_error() => Effect::Unknown,
            (Some(_), _) => Effect::Done,
            (None, Some(Err(error))) if error.as_connector_error().is_some_and(never_sent) => Effect::None,
            (None, _) => Effect::Unknown,
        };
        self.with(|attempts| {
            if let Some(attempt) = attempts.last_mut()
                && attempt.ended.is_none()
            {
                attempt.ended = Some(Instant::now());
                attempt.effect = effect;
            }
        });
        Ok(())
    }
}
