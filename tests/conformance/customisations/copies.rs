//! Copies across Regions, whose URL for the source Region must be the one that botocore would have signed.

use serde_json::{Value, json};
use tests::invoked::{Function, entry};
use tests::recording::Reply;
use tests::wire::{self, Form};

use crate::sent::{Call, compare, equal};

const SNAPSHOT: &str = "arn:aws:rds:ap-northeast-1:123456789012:cluster-snapshot:s";

#[tokio::test]
async fn requests() {
    let snapshot = |more: Value| {
        let mut parameters =
            json!({"SourceDBClusterSnapshotIdentifier": SNAPSHOT, "TargetDBClusterSnapshotIdentifier": "t"});
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parameters
    };
    let from = json!({"SourceRegion": "ap-northeast-1"});
    let form = Form::Pairs;
    let replica = json!({"DBInstanceIdentifier": "r", "SourceDBInstanceIdentifier": "arn:aws:rds:ap-northeast-1:123456789012:db:d", "SourceRegion": "ap-northeast-1"});
    let automated = json!({"SourceDBInstanceArn": "arn:aws:rds:ap-northeast-1:123456789012:db:d", "SourceRegion": "ap-northeast-1"});
    let instance = json!({"SourceDBSnapshotIdentifier": "arn:aws:rds:ap-northeast-1:123456789012:snapshot:s", "TargetDBSnapshotIdentifier": "t", "KmsKeyId": "k", "Tags": [{"Key": "a b", "Value": "é&="}], "SourceRegion": "ap-northeast-1"});
    let cluster = |engine: &str| json!({"DBClusterIdentifier": "c", "Engine": engine, "KmsKeyId": "k", "SourceRegion": "ap-northeast-1"});
    let ec2 = json!({"SourceRegion": "ap-northeast-1", "SourceSnapshotId": "snap-1", "Description": "a b/é", "Encrypted": true});
    let calls = vec![
        Call::new("rds", "CopyDBClusterSnapshot", form, snapshot(from.clone())),
        Call::new("rds", "CopyDBClusterSnapshot", form, snapshot(json!({}))),
        Call::new(
            "rds",
            "CopyDBClusterSnapshot",
            form,
            snapshot(json!({"SourceRegion": "ap-northeast-1", "PreSignedUrl": "https://own.example/?a=b"})),
        ),
        Call::new("rds", "CopyDBSnapshot", form, instance),
        Call::new("rds", "CreateDBCluster", form, cluster("aurora-mysql")),
        Call::new("rds", "CreateDBInstanceReadReplica", form, replica),
        Call::new("rds", "StartDBInstanceAutomatedBackupsReplication", form, automated),
        Call::new("neptune", "CopyDBClusterSnapshot", form, snapshot(from.clone())),
        Call::new("neptune", "CreateDBCluster", form, cluster("neptune")),
        Call::new("docdb", "CopyDBClusterSnapshot", form, snapshot(from)),
        Call::new("docdb", "CreateDBCluster", form, cluster("docdb")),
        Call::new("ec2", "CopySnapshot", form, ec2.clone()),
        Call::new(
            "ec2",
            "CopySnapshot",
            form,
            json!({"SourceRegion": "ap-northeast-1", "SourceSnapshotId": "snap-1", "PresignedUrl": "https://own.example/"}),
        ),
    ];
    compare("copies across Regions", calls, |_, expected, found| {
        equal("method", &expected.method, &found.method)?;
        equal("host", &expected.host, &found.host)?;
        // A space is a plus in the forms of Python.
        equal("body", &parameters(&expected.body, "%20"), &parameters(&found.body, "+"))
    })
    .await;
}

/// The form, with the URL of a copy taken apart.
fn parameters(body: &[u8], plus: &str) -> Vec<(String, String)> {
    let pairs = wire::pairs(&std::str::from_utf8(body).unwrap().replace('+', plus));
    let pairs = pairs.into_iter().map(|(name, value)| {
        let value = if name.eq_ignore_ascii_case("PreSignedUrl") { taken_apart(&value) } else { value };
        (name, value)
    });
    pairs.collect()
}

/// Host, path and query, without signature and date.
fn taken_apart(url: &str) -> String {
    let (host, path, query) = wire::address(url);
    let scheme = url.split("://").next().unwrap_or_default();
    let query: Vec<String> = query
        .into_iter()
        .map(|(name, value)| match name.as_str() {
            "X-Amz-Signature" => format!("{name} of {} digits", value.len()),
            "X-Amz-Date" => format!("{name} of {} characters", value.len()),
            "X-Amz-Credential" => {
                let parts: Vec<&str> = value.split('/').collect();
                format!("{name}={} {:?}", parts[0], &parts[2..])
            }
            _ => format!("{name}={value}"),
        })
        .collect();
    format!("{scheme} {host} {path} {}", query.join(" "))
}

/// The URL is good in the source Region, so one entry of the table must list it beside the destination.
#[tokio::test]
async fn the_source_region_is_listed_too() {
    let event = json!({"service": "ec2", "action": "copySnapshot", "parameters": {"SourceRegion": "ap-northeast-1", "SourceSnapshotId": "snap-1"}});
    let of = |regions: Value| json!({"service": "ec2", "actions": ["copySnapshot"], "regions": regions});
    for table in [
        json!([of(json!(["us-west-2"]))]),
        json!([of(json!(["us-west-2"])), of(json!(["ap-northeast-1"]))]),
        json!([of(json!(["us-west-2", "us-east-1"]))]),
    ] {
        let function = Function::new(&table, |_| Reply::empty());
        let error = function.invoke(event.clone()).await.unwrap_err();
        assert_eq!(error.name(), "CrossRegion.NotAllowed", "{table}");
        assert!(error.message.contains("`ap-northeast-1`"), "{}", error.message);
        assert!(function.wire.take().is_empty());
    }
    let function =
        Function::new(&json!([of(json!(["us-west-2", "ap-northeast-1"]))]), |_| Reply::status(500, ""));
    function.invoke(event.clone()).await.unwrap_err();
    assert_eq!(function.wire.take().len(), 1);

    for region in ["x.evil.com/#", "cn-north-1", "aws-global", ""] {
        let mut event = event.clone();
        event["parameters"]["SourceRegion"] = region.into();
        let function = Function::new(&json!([entry("ec2", &["copySnapshot"])]), |_| Reply::empty());
        let error = function.invoke(event).await.unwrap_err();
        assert_eq!(error.name(), "CrossRegion.InvalidParameters", "{region}");
        assert!(function.wire.take().is_empty());
    }
}
