//! The table of records: what an item holds, and the conditional writes that keep two attempts apart.
//!
//! Enters: a [`Record`], or the change of one. Leaves: whether the write took place, and, where its condition did not
//! hold, the record that stands there. Fails with `CrossRegion.Unreachable` where the table did not answer or was
//! throttled, and with `CrossRegion.Internal` where it refuses: missing, of another key schema, not permitted. Both
//! have the effect `none`; what becomes of a call that was made is for [`super::record`] to say.
//!
//! The table comes from the function's environment, never from an event. Its partition key is the string `id`.
//!
//! INVARIANT: every write but the first has the condition that the record is still the one that its writer knows: its
//! `owner`, its `status`. An attempt that outlived its lease can neither overwrite nor delete what came after it.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use crate::client::Clients;
use crate::client::guard::TypedGuard;
use crate::client::typed;
use crate::config::LARGEST_RESULT;
use crate::custom_endpoint::CustomEndpoint;
use crate::deadline::Deadline;
use crate::error::{Error, Kind};

/// The partition key.
const ID: &str = "id";
const STATUS: &str = "status";
/// Which attempt may write.
const OWNER: &str = "owner";
/// Of the call: Region, operation and parameters.
const CALL: &str = "call";
/// Of what a repetition must have in common with the first time.
const PAYLOAD: &str = "payload";
const TOKEN: &str = "token";
/// Milliseconds since 1970, of the first put.
const BEGAN: &str = "began";
/// Milliseconds since 1970, up to which the owner may still be at work.
const LEASE: &str = "lease";
/// Seconds since 1970: the table's TTL attribute. Only a record that is completed has it.
const EXPIRATION: &str = "expiration";
/// What came of the call: a result, an error, or a result that was too large to keep.
const OUTCOME: &str = "outcome";
/// The error's name.
const ERROR: &str = "error";
/// The result or the error's message, deflated.
const BODY: &str = "body";
/// Bytes of the result that was not kept.
const SIZE: &str = "size";

/// Bytes of a compressed body. An item holds 400 KB with everything that is in it.
const BODY_LIMIT: usize = 390_000;

/// `zlib`'s own default.
const COMPRESSION: u8 = 6;

const ATTEMPTS: u32 = 4;
const CONNECT: Duration = Duration::from_secs(1);
const ATTEMPT: Duration = Duration::from_secs(3);

/// What the typed client is for.
const OPERATIONS: [&str; 4] = ["DeleteItem", "GetItem", "PutItem", "UpdateItem"];

/// The table that the function was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableArn {
    arn: String,
    region: String,
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    InProgress,
    Completed,
    /// The call may have been made, and nobody knows what came of it.
    Uncertain,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The result, byte for byte.
    Result(String),
    /// Done, and answered with an error.
    Error { name: String, message: String },
    /// Done, with a result of so many bytes.
    NotKept(usize),
}

/// One item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub id: String,
    pub status: Status,
    pub owner: String,
    pub call: String,
    pub payload: String,
    pub token: String,
    pub began_ms: u64,
    pub lease_ms: u64,
    pub expires_s: Option<u64>,
    pub outcome: Option<Outcome>,
}

/// What became of a conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    Yes,
    /// Another record stands there, or none.
    No(Option<Box<Record>>),
}

/// The table and its client, which is made at the first call that needs it.
#[derive(Debug)]
pub struct Store {
    table: TableArn,
    local: Option<CustomEndpoint>,
    client: OnceLock<Client>,
}

impl TableArn {
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            ["arn", partition, "dynamodb", region, account, table]
                if ![partition, region, account].iter().any(|part| part.is_empty())
                    && table
                        .strip_prefix("table/")
                        .is_some_and(|name| !name.is_empty() && !name.contains('/')) =>
            {
                Ok(Self { arn: text.to_owned(), region: (*region).to_owned() })
            }
            _ => Err("expected the ARN of a DynamoDB table".to_owned()),
        }
    }

    pub fn region(&self) -> &str {
        &self.region
    }
}

impl Store {
    /// `local`: a server of this machine that stands in for AWS.
    pub fn new(table: TableArn, local: Option<CustomEndpoint>) -> Self {
        Self { table, local, client: OnceLock::new() }
    }

    /// Puts a first record: where there is none, or one that expired.
    pub async fn put(
        &self,
        clients: &Clients,
        deadline: Deadline,
        record: &Record,
        now_s: u64,
    ) -> Result<Written, Error> {
        let request = self
            .client(clients)?
            .put_item()
            .table_name(&self.table.arn)
            .set_item(Some(item(record)))
            .condition_expression(
                "attribute_not_exists(#id) OR (#status = :completed AND #expiration < :now)",
            )
            .set_expression_attribute_names(Some(names(&[ID, STATUS, EXPIRATION])))
            .expression_attribute_values(":completed", Status::Completed.value())
            .expression_attribute_values(":now", number(now_s))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send();
        let outcome = within(deadline, request).await?;
        written(outcome, |error| match error {
            PutItemError::ConditionalCheckFailedException(failed) => Some(failed.item.clone()),
            _ => None,
        })
    }

    /// Makes `record` the one that stands in the place of `known`, which it was made from.
    pub async fn replace(
        &self,
        clients: &Clients,
        deadline: Deadline,
        known: &Record,
        record: &Record,
    ) -> Result<Written, Error> {
        let item = item(record);
        let changing = [STATUS, OWNER, LEASE, EXPIRATION, OUTCOME, ERROR, BODY, SIZE];
        let (mut sets, mut removes) = (Vec::new(), Vec::new());
        for name in changing {
            if item.contains_key(name) {
                sets.push(format!("#{name} = :{name}"));
            } else {
                removes.push(format!("#{name}"));
            }
        }
        let mut values: HashMap<String, AttributeValue> = item
            .into_iter()
            .filter(|(name, _)| changing.contains(&name.as_str()))
            .map(|(name, value)| (format!(":{name}"), value))
            .collect();
        values.extend(known.fence());
        let request = self
            .client(clients)?
            .update_item()
            .table_name(&self.table.arn)
            .key(ID, text(&record.id))
            .update_expression(format!("SET {} REMOVE {}", sets.join(", "), removes.join(", ")))
            .condition_expression(FENCE)
            .set_expression_attribute_names(Some(names(&changing)))
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send();
        let outcome = within(deadline, request).await?;
        written(outcome, |error| match error {
            UpdateItemError::ConditionalCheckFailedException(failed) => Some(failed.item.clone()),
            _ => None,
        })
    }

    /// Removes the record, if it still is the one that is known.
    pub async fn delete(
        &self,
        clients: &Clients,
        deadline: Deadline,
        known: &Record,
    ) -> Result<Written, Error> {
        let request = self
            .client(clients)?
            .delete_item()
            .table_name(&self.table.arn)
            .key(ID, text(&known.id))
            .condition_expression(FENCE)
            .set_expression_attribute_names(Some(names(&[STATUS, OWNER])))
            .set_expression_attribute_values(Some(HashMap::from(known.fence())))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send();
        let outcome = within(deadline, request).await?;
        written(outcome, |error| match error {
            DeleteItemError::ConditionalCheckFailedException(failed) => Some(failed.item.clone()),
            _ => None,
        })
    }

    /// The record of that id, for an operator.
    pub async fn find(
        &self,
        clients: &Clients,
        deadline: Deadline,
        id: &str,
    ) -> Result<Option<Record>, Error> {
        let request = self
            .client(clients)?
            .get_item()
            .table_name(&self.table.arn)
            .key(ID, text(id))
            .consistent_read(true)
            .send();
        match within(deadline, request).await? {
            Ok(output) => output.item.map(|item| read(&item)).transpose(),
            Err(error) => Err(failure(&error)),
        }
    }

    fn client(&self, clients: &Clients) -> Result<&Client, Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let url = self.local.as_ref().map(ToString::to_string);
        let config = typed::config(clients, clients.credentials().clone(), &self.table.region, url)?
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(
                TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build(),
            );
        let config = aws_sdk_dynamodb::config::Builder::from(&config.build()).interceptor(TypedGuard::new(
            "DynamoDB",
            &OPERATIONS,
            self.table.region.clone(),
        ));
        Ok(self.client.get_or_init(|| Client::from_conf(config.build())))
    }
}

/// That the record is still the one that its writer knows.
const FENCE: &str = "#owner = :known_owner AND #status = :known_status";

impl Record {
    /// Whether the call may have been made, with nobody at work who could tell.
    pub fn is_uncertain(&self, now: SystemTime) -> bool {
        match self.status {
            Status::Uncertain => true,
            Status::InProgress => u128::from(self.lease_ms) < since_1970(now).as_millis(),
            Status::Completed => false,
        }
    }

    fn fence(&self) -> [(String, AttributeValue); 2] {
        [(":known_owner".to_owned(), text(&self.owner)), (":known_status".to_owned(), self.status.value())]
    }
}

impl Status {
    pub fn word(self) -> &'static str {
        match self {
            Self::InProgress => "INPROGRESS",
            Self::Completed => "COMPLETED",
            Self::Uncertain => "UNCERTAIN",
        }
    }

    fn value(self) -> AttributeValue {
        text(self.word())
    }
}

impl Outcome {
    /// The same, as far as an item can hold it.
    #[must_use]
    pub fn kept(self) -> Self {
        match self {
            Self::Result(text) if !holds(&text) => Self::NotKept(text.len()),
            other => other,
        }
    }
}

fn item(record: &Record) -> HashMap<String, AttributeValue> {
    let mut item = HashMap::from([
        (ID.to_owned(), text(&record.id)),
        (STATUS.to_owned(), record.status.value()),
        (OWNER.to_owned(), text(&record.owner)),
        (CALL.to_owned(), text(&record.call)),
        (PAYLOAD.to_owned(), text(&record.payload)),
        (TOKEN.to_owned(), text(&record.token)),
        (BEGAN.to_owned(), number(record.began_ms)),
        (LEASE.to_owned(), number(record.lease_ms)),
    ]);
    if let Some(expires) = record.expires_s {
        item.insert(EXPIRATION.to_owned(), number(expires));
    }
    match &record.outcome {
        None => {}
        Some(Outcome::Result(body)) => {
            item.insert(OUTCOME.to_owned(), text("result"));
            item.insert(BODY.to_owned(), AttributeValue::B(Blob::new(deflated(body))));
        }
        Some(Outcome::Error { name, message }) => {
            item.insert(OUTCOME.to_owned(), text("error"));
            item.insert(ERROR.to_owned(), text(name));
            item.insert(BODY.to_owned(), AttributeValue::B(Blob::new(deflated(message))));
        }
        Some(Outcome::NotKept(size)) => {
            item.insert(OUTCOME.to_owned(), text("notKept"));
            item.insert(SIZE.to_owned(), AttributeValue::N(size.to_string()));
        }
    }
    item
}

/// Fails where something else than this handler wrote the item.
fn read(item: &HashMap<String, AttributeValue>) -> Result<Record, Error> {
    let foreign = || Error::new(Kind::Internal, "the table of records holds an item that is no record");
    let text = |name: &str| item.get(name).and_then(|it| it.as_s().ok()).cloned();
    let number =
        |name: &str| item.get(name).and_then(|it| it.as_n().ok()).and_then(|it| it.parse::<u64>().ok());
    let body = || {
        let bytes = item.get(BODY)?.as_b().ok()?;
        let text = miniz_oxide::inflate::decompress_to_vec_with_limit(bytes.as_ref(), LARGEST_RESULT).ok()?;
        String::from_utf8(text).ok()
    };
    let outcome = match text(OUTCOME).as_deref() {
        None => None,
        Some("result") => Some(Outcome::Result(body().ok_or_else(foreign)?)),
        Some("error") => Some(Outcome::Error {
            name: text(ERROR).ok_or_else(foreign)?,
            message: body().ok_or_else(foreign)?,
        }),
        Some("notKept") => {
            Some(Outcome::NotKept(number(SIZE).and_then(|it| usize::try_from(it).ok()).ok_or_else(foreign)?))
        }
        Some(_) => return Err(foreign()),
    };
    let status = [Status::InProgress, Status::Completed, Status::Uncertain]
        .into_iter()
        .find(|status| text(STATUS).as_deref() == Some(status.word()));
    Ok(Record {
        id: text(ID).ok_or_else(foreign)?,
        status: status.ok_or_else(foreign)?,
        owner: text(OWNER).ok_or_else(foreign)?,
        call: text(CALL).ok_or_else(foreign)?,
        payload: text(PAYLOAD).ok_or_else(foreign)?,
        token: text(TOKEN).ok_or_else(foreign)?,
        began_ms: number(BEGAN).ok_or_else(foreign)?,
        lease_ms: number(LEASE).ok_or_else(foreign)?,
        expires_s: number(EXPIRATION),
        outcome,
    })
}

/// Whether an item can hold the result.
pub fn holds(result: &str) -> bool {
    // What deflating cannot make larger than an item needs not be deflated to be known.
    result.len() <= BODY_LIMIT / 2 || deflated(result).len() <= BODY_LIMIT
}

fn deflated(text: &str) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec(text.as_bytes(), COMPRESSION)
}

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// `#name` for each name: many of DynamoDB's words are reserved.
fn names(known: &[&str]) -> HashMap<String, String> {
    known.iter().map(|name| (format!("#{name}"), (*name).to_owned())).collect()
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// How long a write may take that comes after the call: some of what is kept back for the answer is its own.
const LAST_MOMENT: Duration = Duration::from_millis(200);

async fn within<T>(deadline: Deadline, request: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout(deadline.remaining().max(LAST_MOMENT), Box::pin(request))
        .await
        .map_err(|_| unreachable("no answer in time"))
}

type Found = Option<HashMap<String, AttributeValue>>;

/// `found` tells a condition that did not hold, with the item that stands there.
fn written<T, E: ProvideErrorMetadata>(
    sent: Result<T, SdkError<E>>,
    found: impl FnOnce(&E) -> Option<Found>,
) -> Result<Written, Error> {
    let Err(error) = sent else { return Ok(Written::Yes) };
    match error.as_service_error().and_then(found) {
        Some(item) => Ok(Written::No(item.map(|item| read(&item).map(Box::new)).transpose()?)),
        None => Err(failure(&error)),
    }
}

const THROTTLED: [&str; 4] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionConflictException",
];

fn failure<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Error {
    let code = error.code().filter(|_| error.as_service_error().is_some());
    let is_refusal = error.raw_response().is_some_and(|answer| answer.status().is_client_error());
    match code {
        Some(code) if THROTTLED.contains(&code) => unreachable(code),
        Some(code) if is_refusal => Error::new(
            Kind::Internal,
            format!("the table of idempotency records refuses ({code}), so the call was not made"),
        ),
        Some(code) => unreachable(code),
        None => unreachable("no usable answer"),
    }
}

fn unreachable(why: &str) -> Error {
    Error::new(
        Kind::Unreachable,
        format!("the table of idempotency records cannot be asked ({why}), so the call was not made"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(outcome: Option<Outcome>) -> Record {
        Record {
            id: "i".to_owned(),
            status: Status::Completed,
            owner: "o".to_owned(),
            call: "c".to_owned(),
            payload: "p".to_owned(),
            token: "t".to_owned(),
            began_ms: 1,
            lease_ms: 2,
            expires_s: Some(3),
            outcome,
        }
    }

    #[test]
    fn an_item_holds_the_whole_record() {
        for outcome in [
            None,
            Some(Outcome::Result("{\"é\":1}".to_owned())),
            Some(Outcome::Error { name: "NoSuchKey".to_owned(), message: "{}".to_owned() }),
            Some(Outcome::NotKept(1_000_000)),
        ] {
            let record = record(outcome);
            assert_eq!(read(&item(&record)).unwrap(), record);
        }
    }

    #[test]
    fn a_result_that_no_item_can_hold_is_known_by_its_size() {
        let mut state = 1_u64;
        let noise: String = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!("{state:x}")
        })
        .take(60_000)
        .collect();
        let size = noise.len();
        assert_eq!(Outcome::Result(noise).kept(), Outcome::NotKept(size));
        let plain = Outcome::Result("a".repeat(LARGEST_RESULT));
        assert_eq!(plain.clone().kept(), plain);
        assert_eq!(read(&item(&record(Some(plain.clone())))).unwrap().outcome, Some(plain));
    }

    #[test]
    fn what_is_no_record_is_not_taken_for_one() {
        let mut foreign = item(&record(None));
        foreign.insert(STATUS.to_owned(), text("DONE"));
        assert!(read(&foreign).is_err());
        assert!(read(&HashMap::new()).is_err());
    }

    #[test]
    fn a_table_is_an_arn() {
        let arn = "arn:aws:dynamodb:ap-northeast-1:123456789012:table/records";
        assert_eq!(TableArn::parse(arn).unwrap().region, "ap-northeast-1");
        for wrong in [
            "records",
            "arn:aws:s3:::records",
            "arn:aws:dynamodb::123456789012:table/records",
            "arn:aws:dynamodb:ap-northeast-1:123456789012:table/",
            "arn:aws:dynamodb:ap-northeast-1:123456789012:table/records/index/i",
            "arn:aws:dynamodb:ap-northeast-1:123456789012:table/records:x",
        ] {
            assert!(TableArn::parse(wrong).is_err(), "{wrong}");
        }
    }
}
