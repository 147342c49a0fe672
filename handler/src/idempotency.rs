//! Invoked twice, done once: tokens that the repetitions of a step share, and records of what was done.
//!
//! Enters: a call that is about to be made. Leaves: the token that a service tells repetitions by ([`token`]), and,
//! where the event asks for it, the outcome of the first time ([`record`], kept by [`store`]). Fails with
//! `CrossRegion.InProgress`, `KeyReused` and `StateUncertain`; where the table of records cannot be asked, with
//! `CrossRegion.Unreachable` or `Internal` and the effect `none`, since nothing is sent without a record.
//!
//! What is guaranteed, and what is not, stands in `handler/IDEMPOTENCY.md`.

pub mod canonical;
pub mod record;
pub mod store;
pub mod token;
pub mod window;
