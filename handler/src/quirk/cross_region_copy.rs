//! Copies that the destination makes from another Region: RDS, Neptune, `DocumentDB` and EC2.
//!
//! The destination reads the source in the caller's name, so it wants a URL of the same call, signed for the source
//! Region. SDKs make it from `SourceRegion`, which RDS and its relatives do not even model; EC2 wants the
//! destination named beside it. A caller's own URL is left alone.

use serde_json::{Map, Value as Json};

use crate::catalog::Operation;
use crate::input::Bound;
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
pub fn source_region(
    operation: &Operation,
    parameters: &Map<String, Json>,
) -> Option<(String, &'static str)> {
    let (_, _, member) = CALLS
        .iter()
        .find(|(service, name, _)| *service == operation.service.id() && *name == operation.name)?;
    let given = parameters.get(*member).is_some_and(|url| !url.is_null());
    let region = parameters.get("SourceRegion")?.as_str()?;
    (!given).then(|| (region.to_owned(), *member))
}

/// The call as it goes out: EC2 wants the destination named, the others do not know `SourceRegion` on the wire.
pub fn prepared(bound: Bound, destination: &Region) -> Bound {
    match bound.operation().service.id() {
        "ec2" => bound.with_text("DestinationRegion", destination.to_string()),
        _ => bound.without("SourceRegion"),
    }
}
