//! Operations that may do a part of what they are asked, and say which part they left.
//!
//! The models do not tell, so this is a reviewed list: a row an operation, from its page in the API reference. The
//! generator holds every name of it against the models.

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    pub service: &'static str,
    pub operation: &'static str,
    /// The parameter that holds what is to be done.
    pub request: &'static str,
    pub left: Left,
}

/// How an answer names what was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// This member has the form of the parameter.
    Again(&'static str),
    /// `Successful` and `Failed` name entries by `Id`. A `SenderFault` would be one again.
    ById,
    /// For each entry one at the same place of `answers`, with an `ErrorCode` where it was not done; `failed` counts
    /// those. Of the codes, these pass.
    ByPlace { answers: &'static str, failed: &'static str, passing: &'static [&'static str] },
}

pub const BATCHES: [Batch; 9] = [
    Batch {
        service: "dynamodb",
        operation: "BatchGetItem",
        request: "RequestItems",
        left: Left::Again("UnprocessedKeys"),
    },
    Batch {
        service: "dynamodb",
        operation: "BatchWriteItem",
        request: "RequestItems",
        left: Left::Again("UnprocessedItems"),
    },
    Batch {
        service: "events",
        operation: "PutEvents",
        request: "Entries",
        left: Left::ByPlace {
            answers: "Entries",
            failed: "FailedEntryCount",
            passing: &["InternalFailure", "InternalException", "ThrottlingException"],
        },
    },
    Batch {
        service: "firehose",
        operation: "PutRecordBatch",
        request: "Records",
        left: Left::ByPlace {
            answers: "RequestResponses",
            failed: "FailedPutCount",
            passing: &["InternalFailure", "ServiceUnavailableException"],
        },
    },
    Batch {
        service: "kinesis",
        operation: "PutRecords",
        request: "Records",
        left: Left::ByPlace {
            answers: "Records",
            failed: "FailedRecordCount",
            passing: &["InternalFailure", "ProvisionedThroughputExceededException"],
        },
    },
    Batch {
        service: "sns",
        operation: "PublishBatch",
        request: "PublishBatchRequestEntries",
        left: Left::ById,
    },
    Batch { service: "sqs", operation: "ChangeMessageVisibilityBatch", request: "Entries", left: Left::ById },
    Batch { service: "sqs", operation: "DeleteMessageBatch", request: "Entries", left: Left::ById },
    Batch { service: "sqs", operation: "SendMessageBatch", request: "Entries", left: Left::ById },
];

/// The row of an operation.
pub fn find(service: &str, operation: &str) -> Option<&'static Batch> {
    BATCHES.iter().find(|batch| batch.service == service && batch.operation == operation)
}
