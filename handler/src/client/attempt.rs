//! The record of every attempt of one call, from which its `effect` follows.
//!
//! Enters: the SDK's hooks around each attempt. Leaves: how many attempts there were and what each came to. Nothing
//! fails.

use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connection::CaptureSmithyConnection;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use tokio::time::Instant;

use super::Shared;
use super::failure::is_beyond_limit;
use crate::effect::Effect;

/// Shared between the interceptor and the caller.
#[derive(Debug, Clone, Default)]
pub struct AttemptLog(Shared<Vec<Attempt>>);

#[derive(Debug, Clone, Copy)]
struct Attempt {
    started: Instant,
    ended: Option<Instant>,
    status: Option<u16>,
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

    /// What the last attempt was answered with, though its body may have stayed out.
    pub fn last_status(&self) -> Option<u16> {
        self.with(|attempts| attempts.last().and_then(|attempt| attempt.status))
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
            let started = Instant::now();
            attempts.push(Attempt { started, ended: None, status: None, effect: Effect::Unknown });
        });
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let status = context.response().map(|response| response.status().as_u16());
        let effect = match (status, context.output_or_error()) {
            // A refusal is certain, also where its body cannot be read; a server's fault is not.
            (Some(300..500), _) => Effect::None,
            (Some(200..300), Some(Ok(_))) => Effect::Done,
            // Read as far as it could be used.
            (Some(200..300), Some(Err(error))) if is_beyond_limit(error) => Effect::Done,
            // Among others 200 with an error in its body, and the page of something that stands in between.
            (Some(_), _) => Effect::Unknown,
            (None, _) if was_connected(cfg) => Effect::Unknown,
            (None, _) => Effect::None,
        };
        self.with(|attempts| {
            if let Some(attempt) = attempts.last_mut()
                && attempt.ended.is_none()
            {
                attempt.ended = Some(Instant::now());
                attempt.status = status;
                attempt.effect = effect;
            }
        });
        Ok(())
    }
}

/// Whether there was a connection on which the request may have left. The HTTP client tells as soon as it has one,
/// before it writes.
fn was_connected(cfg: &ConfigBag) -> bool {
    cfg.load::<CaptureSmithyConnection>().is_some_and(|connection| connection.get().is_some())
}
