//! Calls any AWS API in any Region on behalf of a Step Functions state machine.
//!
//! The map of the house, in the order in which a request walks through it; [`dispatch`] reads top to bottom:
//!
//! | stage | leaves | fails with |
//! |---|---|---|
//! | [`event`] | the envelope, strictly read | `InvalidEvent` |
//! | [`catalog`] | which API is meant | `UnknownService`, `UnknownOperation` |
//! | [`table`] | a permit | `NotAllowed` |
//! | [`input`] | parameters that fit the input shape | `InvalidParameters` |
//! | [`target`] | where it goes, permitted once more | `EndpointUnresolved`, `NotAllowed` |
//! | [`client`] | the service's answer | the service's error, `Unreachable`, `OutcomeUnknown`, … |
//! | [`output`] | the result within its size, or where it is stored | `ResultTooLarge`, what S3 says |
//!
//! Each stage takes the value that only the stage before can build. Beside the way: [`drive`] makes single calls at one
//! target and calls again, [`procedure`] holds jobs of more than one call, [`helper`] makes the calls that another call
//! needs first, [`error`] makes every failure what Step Functions sees, [`spelling`] knows the names of its own
//! integrations, [`effect`] says whether the call took place, [`quirk`] holds what SDKs do for single services,
//! [`telemetry`] writes the one log line, [`lambda`] and [`cli`] are the two ways in.

pub mod catalog;
pub mod cli;
pub mod client;
pub mod config;
pub mod custom_endpoint;
pub mod deadline;
pub mod dispatch;
pub mod drive;
pub mod effect;
pub mod endpoint;
pub mod error;
pub mod event;
pub mod expression;
mod fields;
pub mod helper;
pub mod idempotency;
pub mod input;
pub mod json;
pub mod lambda;
pub mod output;
pub mod pauses;
pub mod procedure;
pub mod quirk;
pub mod region;
pub mod spelling;
pub mod suggest;
pub mod table;
pub mod target;
pub mod telemetry;
