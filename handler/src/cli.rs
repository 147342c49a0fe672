//! The way in for a person: `bootstrap call` and `bootstrap show` (section 8 of the contract).
//!
//! Enters: arguments. Leaves: JSON on standard output, faults on standard error, and an exit code: 0 done, 1 the call
//! failed, 2 the arguments are wrong.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_types::DateTime;
use aws_types::region::Region;
use lexopt::{Arg, Parser, ValueExt};
use serde_json::{Map, Value as Json, json};

use crate::catalog::model::{MemberTrait, OperationTrait};
use crate::catalog::shape::{Kind, Shape};
use crate::catalog::{self, Operation};
use crate::client::Clients;
use crate::client::transport::Transport;
use crate::config::{Config, DEFAULT_RESULT_LIMIT, Defaults};
use crate::deadline::Deadline;
use crate::dispatch::Handler;
use crate::error::{Error, Kind as ErrorKind};
use crate::idempotency::store::{Record, Store, TableArn, Written};
use crate::idempotency::token;
use crate::output::value::timestamp;
use crate::telemetry::Invocation;

const USAGE: &str = "\
Calls any AWS API in any Region.

As a Lambda function this program is started by the Lambda service, with nothing on its command line.
For a person:

  bootstrap call --event FILE --table FILE [--region REGION]
      Runs one event with your own credentials. FILE may be - for standard input.
      --region is where the function would run; it decides on the partition. Default: your own Region.
      Prints the result, or {\"errorType\", \"errorMessage\"}.

  bootstrap show SERVICE [ACTION]
      Prints what is known of a service's actions, or of one: members with types, which of them are required,
      idempotency token, paginator, waiters.

  bootstrap record show ID --table ARN
  bootstrap record clear ID --table ARN
      Prints an idempotency record, or removes one that is uncertain, so that the call may be made again: only for
      who has found out that it was not made, or that a repetition does no harm. ID stands in the error's message.

Exit code: 0 done, 1 the call failed, 2 the arguments are wrong.
";

/// How long a call from the command line may take: as long as the longest Lambda function.
const PATIENCE: Duration = Duration::from_mins(15);

/// Runs a subcommand.
pub async fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match parse(arguments) {
        Ok(Command::Help) => print(USAGE),
        Ok(Command::Call { event, table, region }) => call(&event, &table, region).await,
        Ok(Command::Show { service, action }) => show(&service, action.as_deref()),
        Ok(Command::Record { id, table, clears }) => match TableArn::parse(&table) {
            Ok(table) => look_at_record(&id, table, clears).await,
            Err(fault) => usage(&format!("--table: {fault}")),
        },
        Err(fault) => usage(&fault),
    }
}

enum Command {
    Help,
    Call { event: String, table: String, region: Option<String> },
    Show { service: String, action: Option<String> },
    Record { id: String, table: String, clears: bool },
}

fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let mut parser = Parser::from_args(arguments);
    let said = |error: lexopt::Error| error.to_string();
    let mut words = Vec::new();
    let (mut event, mut table, mut region) = (None, None, None);
    while let Some(argument) = parser.next().map_err(said)? {
        let slot = match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help),
            Arg::Long("event") => &mut event,
            Arg::Long("table") => &mut table,
            Arg::Long("region") => &mut region,
            Arg::Value(word) => {
                words.push(word.string().map_err(said)?);
                continue;
            }
            other => return Err(other.unexpected().to_string()),
        };
        *slot = Some(parser.value().map_err(said)?.string().map_err(said)?);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match (words.as_slice(), event, table) {
        (["call"], Some(event), Some(table)) => Ok(Command::Call { event, table, region }),
        (["call"], ..) => Err("call needs --event and --table".to_owned()),
        (["show", service], None, None) => Ok(Command::Show { service: (*service).to_owned(), action: None }),
        (["show", service, action], None, None) => {
            Ok(Command::Show { service: (*service).to_owned(), action: Some((*action).to_owned()) })
        }
        (["record", verb @ ("show" | "clear"), id], None, Some(table)) => {
            Ok(Command::Record { id: (*id).to_owned(), table, clears: *verb == "clear" })
        }
        (["record", ..], ..) => Err("record needs show or clear, an id, and --table".to_owned()),
        (["help"], None, None) => Ok(Command::Help),
        ([], ..) => {
            Err("neither a subcommand nor a Lambda Runtime API (AWS_LAMBDA_RUNTIME_API) is given".to_owned())
        }
        _ => Err("these arguments do not fit any subcommand".to_owned()),
    }
}

async fn call(event: &str, table: &str, region: Option<String>) -> ExitCode {
    let (event, table) = match (read(event), read(table).and_then(text)) {
        (Ok(event), Ok(table)) => (event, table),
        (Err(fault), _) | (_, Err(fault)) => return usage(&fault),
    };
    let provider = ProviderConfig::default();
    let region = match region {
        Some(region) => Some(region),
        None => configured_region().await,
    };
    let Some(region) = region else { return usage("no Region is configured; give --region") };
    let environment = Config::from_env(&|name| std::env::var(name).ok()).ok();
    let outcome = async {
        let config = Config {
            operation_table: Some(table),
            region: region.clone(),
            endpoint_url: environment.as_ref().and_then(|config| config.endpoint_url.clone()),
            is_inside_lambda: false,
            result_limit: DEFAULT_RESULT_LIMIT,
            metrics: false,
            idempotency_table: environment.and_then(|config| config.idempotency_table),
            defaults: Defaults::default(),
        };
        let handler = Handler::new(config, own_clients(provider, region).await?)?;
        handler.handle(&event, Deadline::within(PATIENCE), &mut Invocation::default()).await
    }
    .await;
    match outcome {
        Ok(result) => print(&format!("{result}\n")),
        Err(error) => failed(&error),
    }
}

/// Clients with the person's own credentials.
async fn own_clients(provider: ProviderConfig, region: String) -> Result<Clients, Error> {
    let transport = Transport::default();
    let provider =
        provider.with_region(Some(Region::new(region))).with_http_client(transport.client("https:")?);
    let credentials = DefaultCredentialsChain::builder().configure(provider).build().await;
    Ok(Clients::new(SharedCredentialsProvider::new(credentials), transport))
}

/// Prints a record without its outcome, or clears it.
async fn look_at_record(id: &str, table: TableArn, clears: bool) -> ExitCode {
    let environment = Config::from_env(&|name| std::env::var(name).ok()).ok();
    let region = table.region().to_owned();
    let store = Store::new(table, environment.and_then(|config| config.endpoint_url));
    let deadline = Deadline::within(PATIENCE);
    let outcome = async {
        let clients = own_clients(ProviderConfig::default(), region).await?;
        let found = store.find(&clients, deadline, id).await?;
        let found = found.ok_or_else(|| Error::new(ErrorKind::Internal, "there is no such record"))?;
        if !clears {
            return Ok(describe_record(&found));
        }
        if !found.is_uncertain(SystemTime::now()) {
            let message = format!("the record is {}, not uncertain; it stays", found.status.word());
            return Err(Error::new(ErrorKind::Internal, message));
        }
        match store.delete(&clients, deadline, &found).await? {
            Written::Yes => Ok(json!({ "id": id, "cleared": true })),
            Written::No(_) => Err(Error::new(ErrorKind::InProgress, "the record has changed in this moment")),
        }
    };
    match outcome.await {
        Ok(shown) => print(&format!("{shown:#}\n")),
        Err(error) => failed(&error),
    }
}

fn describe_record(record: &Record) -> Json {
    json!({
        "id": record.id,
        "status": record.status.word(),
        "isUncertain": record.is_uncertain(SystemTime::now()),
        "began": milliseconds_since_1970(record.began_ms),
        "lease": milliseconds_since_1970(record.lease_ms),
        "expires": record.expires_s.map(|seconds| milliseconds_since_1970(seconds.saturating_mul(1_000))),
        "token": record.token,
    })
}

fn milliseconds_since_1970(time: u64) -> Json {
    timestamp(DateTime::from_millis(i64::try_from(time).unwrap_or(i64::MAX)))
}

/// From the environment, then from the profile. The SDK's own chain would ask the instance metadata service next.
async fn configured_region() -> Option<String> {
    let profile = ProfileFileRegionProvider::builder().build();
    let chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new()).or_else(profile);
    chain.region().await.map(|region| region.to_string())
}

fn show(service: &str, action: Option<&str>) -> ExitCode {
    let shown = catalog::service(service).and_then(|service| match action {
        Some(action) => service.operation(action).and_then(describe),
        None => Ok(json!({
            "service": service.id(),
            "serviceId": service.metadata().service_id,
            "actions": service.operation_names().map(catalog::name::camel_case).collect::<Vec<_>>(),
        })),
    });
    match shown {
        Ok(shown) => print(&format!("{shown:#}\n")),
        Err(error) => failed(&error),
    }
}

fn describe(operation: &'static Operation) -> Result<Json, Error> {
    let members = |shape: Option<&'static Shape>| -> Result<Json, Error> {
        let mut described = Map::new();
        for member in shape.map(catalog::members).unwrap_or_default() {
            let mut about = Map::from_iter([("type".to_owned(), Json::from(kind(member.target()?)))]);
            if member.has(&MemberTrait::Required) {
                about.insert("required".to_owned(), true.into());
            }
            if member.is_payload() {
                about.insert("body".to_owned(), true.into());
            }
            described.insert(member.name.clone(), about.into());
        }
        Ok(described.into())
    };
    let service = operation.service;
    let paginator = service.paginator(&operation.name)?;
    Ok(json!({
        "service": service.id(),
        "action": operation.action(),
        "parameters": members(operation.input)?,
        "result": members(operation.output)?,
        "errors": operation.errors().map(|shape| Ok(shape?.name())).collect::<Result<Vec<_>, Error>>()?,
        "idempotencyToken": token::member(operation).map(|member| &member.name),
        "readOnly": operation.is_read_only,
        "eventStreamInput": operation.has(&OperationTrait::EventStreamInput),
        "paginator": paginator.map(|it| json!({ "inputToken": it.input_token, "outputToken": it.output_token, "resultKey": it.result_key })),
        "waiters": service.waiters(&operation.name)?.iter().map(|it| &it.name).collect::<Vec<_>>(),
    }))
}

fn kind(shape: &Shape) -> String {
    match &shape.kind {
        Kind::Blob => "blob".to_owned(),
        Kind::Boolean => "boolean".to_owned(),
        Kind::Document => "any JSON".to_owned(),
        Kind::Double | Kind::Float => "number".to_owned(),
        Kind::Integer | Kind::Long => "integer".to_owned(),
        Kind::String => "string".to_owned(),
        Kind::Timestamp => "timestamp".to_owned(),
        Kind::List(element) => format!("list of {}", element.target().map(kind).unwrap_or_default()),
        Kind::Map(_, value) => format!("map of {}", value.target().map(kind).unwrap_or_default()),
        Kind::Structure(_) => format!("structure {}", shape.name()),
        Kind::Union(_) => format!("union {}", shape.name()),
    }
}

fn read(path: &str) -> Result<Vec<u8>, String> {
    if path == "-" {
        let mut bytes = Vec::new();
        return std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes)
            .map(|_| bytes)
            .map_err(|error| format!("standard input: {error}"));
    }
    std::fs::read(path).map_err(|error| format!("{path}: {error}"))
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_| "the table is not UTF-8".to_owned())
}

/// A reader that went away, as `head` does, is no failure.
fn print(text: &str) -> ExitCode {
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    ExitCode::SUCCESS
}

fn failed(error: &Error) -> ExitCode {
    print(&format!("{}\n", json!({ "errorType": error.name(), "errorMessage": error.to_message() })));
    ExitCode::from(1)
}

fn usage(fault: &str) -> ExitCode {
    eprint!("bootstrap: {fault}\n\n{USAGE}");
    ExitCode::from(2)
}
