//! Copies that the destination makes from another Region: RDS, Neptune, `DocumentDB` and EC2.
//!
//! The destination reads the source in the caller's name, so it wants a URL of the same call, signed for the source
//! Region. SDKs make it from `SourceRegion`, which RDS and its relatives do not even model; EC2 wants the
//! destination named beside it. A caller's own URL is left alone.

use crate::catalog::Operation;
use crate::input::Bound;
use crate::input::value::Value;
use crate::region::Region;

/// Calls that take a presigned URL, and its member.
const CALLS: [(&str, &str, &str); 10] = [
    ("docdb", "CopyDBClusterSnapshot", "PreSignedUrl"),
    ("docdb", "CreateDBCluster", "PreSignedUrl"),
    ("ec2", "CopySnapshot", "PresignedUrl"),
    ("neptune", "CopyDBClusterSnapshot", "PreSignedUrl"),
    ("neptune", "CreateDBCluster", "PreSignedUrl"),
    ("rds", "CopyDBClusterSnapshot", "PreSignedUrl"),
    ("rds", "CopyDBSnapshot", "PreSignedUrl"),
    ("rds", "CreateDBCluster", "PreSignedUrl"),
    ("rds", "CreateDBInstanceReadReplica", "PreSignedUrl"),
    ("rds", "StartDBInstanceAutomatedBackupsReplication", "PreSignedUrl"),
];

/// The Region to sign for and the member that takes the URL, if the call needs one.
pub fn source_region(bound: &Bound) -> Option<(String, &'static str)> {
    let member = url_member(bound)?;
    match (bound.member("SourceRegion"), bound.member(member)) {
        (Some(Value::String(region)), None) => Some((region.clone(), member)),
        _ => None,
    }
}

/// The call as it goes out, but for the URL: EC2 wants the destination named, the others do not know `SourceRegion` on
/// the wire.
pub fn prepared(bound: Bound, destination: &Region) -> Bound {
    match (url_member(&bound), bound.operation().service.id()) {
        (None, _) => bound,
        (Some(member), "ec2") if bound.member(member).is_some() => bound,
        (Some(_), "ec2") => bound.with_text("DestinationRegion", destination.to_string()),
        (Some(_), _) => bound.without("SourceRegion"),
    }
}

fn url_member(bound: &Bound) -> Option<&'static str> {
    let Operation { service, name, .. } = bound.operation();
    let call = CALLS.iter().find(|(id, operation, _)| *id == service.id() && operation == name);
    call.map(|(.., member)| *member)
}
