//! For how long services remember an idempotency token, where AWS says so.
//!
//! Enters: an operation. Leaves: the time within which a repetition with the same token and parameters is not done
//! again. Nothing fails: what is not listed is not known, and an uncertain call is not repeated on hope.
//!
//! Reviewed against the API references of botocore 1.44.5, and Amazon ECS's page on idempotency. Listed is what they
//! state as a time that a token is valid; "up to" some time is no promise and is left out, and so is a time of minutes
//! that clocks may be apart, such as the ten of DynamoDB's `TransactWriteItems`.

use std::time::Duration;

use crate::catalog::Operation;

/// Service, operations, minutes.
const WINDOWS: [(&str, &[&str], u64); 14] = [
    (
        "appflow",
        &[
            "CreateConnectorProfile",
            "CreateFlow",
            "RegisterConnector",
            "StartFlow",
            "UpdateConnectorProfile",
            "UpdateConnectorRegistration",
            "UpdateFlow",
        ],
        8 * 60,
    ),
    ("batch", &["UpdateConsumableResource"], 8 * 60),
    ("cloudcontrol", &["CreateResource", "DeleteResource", "UpdateResource"], 36 * 60),
    (
        "connect",
        &["StartOutboundChatContact", "StartOutboundVoiceContact", "StartWebRTCContact"],
        7 * 24 * 60,
    ),
    ("dynamodb", &["ExportTableToPointInTime", "ImportTable"], 8 * 60),
    ("ecs", &["RunTask"], 24 * 60),
    ("eks", &["CreateCapability", "UpdateCapability"], 24 * 60),
    ("lambda", &["CheckpointDurableExecution"], 15),
    ("sagemaker", &["BatchAddClusterNodes", "CreateClusterExtension"], 8 * 60),
    ("supplychain", &["SendDataIntegrationEvent"], 8 * 60),
    ("timestream-query", &["CreateScheduledQuery"], 8 * 60),
    ("timestream-query", &["Query"], 4 * 60),
    (
        "verifiedpermissions",
        &["CreateIdentitySource", "CreatePolicy", "CreatePolicyStore", "CreatePolicyTemplate"],
        8 * 60,
    ),
    (
        "ds-data",
        &[
            "AddGroupMember",
            "CreateGroup",
            "CreateUser",
            "DeleteGroup",
            "DeleteUser",
            "DisableUser",
            "RemoveGroupMember",
            "UpdateGroup",
            "UpdateUser",
        ],
        8 * 60,
    ),
];

/// How long the service remembers a token of the operation, from its first use.
pub fn of(operation: &Operation) -> Option<Duration> {
    WINDOWS
        .iter()
        .find(|(service, names, _)| {
            *service == operation.service.id() && names.contains(&operation.name.as_str())
        })
        .map(|(_, _, minutes)| Duration::from_secs(minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;
    use crate::idempotency::token;

    #[test]
    fn what_is_listed_takes_a_token() {
        for (service, names, _) in WINDOWS {
            for name in names {
                let operation = catalog::service(service).unwrap().operation(name).unwrap();
                assert_eq!(operation.name, *name);
                assert_eq!(operation.service.id(), service);
                assert!(token::member(operation).is_some(), "{service}.{name}");
            }
        }
    }

    #[test]
    fn what_is_not_listed_is_not_known() {
        let operation = |name| catalog::service("dynamodb").unwrap().operation(name).unwrap();
        assert_eq!(of(operation("ImportTable")), Some(Duration::from_hours(8)));
        assert_eq!(of(operation("TransactWriteItems")), None);
    }
}
