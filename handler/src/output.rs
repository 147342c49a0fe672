//! What Step Functions gets back (section 3 of the contract).
//!
//! Enters: an answer read by the client. Leaves: the result JSON within the size limit. Fails with
//! `CrossRegion.ResultTooLarge`, `effect: "done"`.

pub mod body;
pub mod limit;
pub mod value;
