//! What SDKs do for single services beyond their models, against what botocore's own clients send, and in whole
//! invocations.
//!
//! The list of it all is `customisations/list.json`; it names each handler that the pinned botocore registers and each
//! module that a generated crate has beside the common ones, and where it is done here or why not.

#[path = "customisations/copies.rs"]
mod copies;
#[path = "customisations/discovery.rs"]
mod discovery;
#[path = "customisations/list.rs"]
mod list;
#[path = "customisations/s3.rs"]
mod s3;
#[path = "customisations/sent.rs"]
mod sent;
#[path = "customisations/services.rs"]
mod services;
