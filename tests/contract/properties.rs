//! Round trips: what goes in as parameters comes out as a result, in every protocol, for every kind of value.
//!
//! The model is an echo: one structure with a member of each kind, as input and as output. Parameters are bound and
//! serialised; the request's own body is then the answer that is read. Both directions could be wrong in the same way
//! here, which is why the protocol suites hold each against bytes of others. The query protocols write forms and read
//! XML, so they read what the REST protocol wrote.
//!
//! Full-size runs take fresh random values, others the same ones every time.

use std::cell::RefCell;
use std::sync::OnceLock;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use handler::catalog::{self, Operation};
use handler::client::transport::Transport;
use handler::error::Error;
use handler::input;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use serde_json::{Map, Value as Json, json};
use tests::answering::Answering;
use tests::suites::Case;
use tests::wire::{self, Request};
use tests::{Tally, calls, prove};

/// A value as a parameter, and as a result.
type Both = (Json, Json);

/// The members of an echo, and what is expected of it.
type Echoed = (Map<String, Json>, Json);

#[test]
fn json() {
    round_trips(&json!({"protocol": "json", "jsonVersion": "1.0", "targetPrefix": "Echo"}), Kinds::All);
    round_trips(&json!({"protocol": "json", "jsonVersion": "1.1", "targetPrefix": "Echo"}), Kinds::All);
}

#[test]
fn rest_json() {
    round_trips(&json!({"protocol": "rest-json"}), Kinds::All);
}

#[test]
fn cbor() {
    round_trips(&json!({"protocol": "smithy-rpc-v2-cbor", "targetPrefix": "Echo"}), Kinds::OfCbor);
}

#[test]
fn rest_xml() {
    round_trips(&json!({"protocol": "rest-xml"}), Kinds::OfXml);
}

#[test]
fn query_and_ec2_answers() {
    let writer = echo(&json!({"protocol": "rest-xml"}), Kinds::OfXml);
    let query = echo(&json!({"protocol": "query"}), Kinds::OfXml);
    let ec2 = echo(&json!({"protocol": "ec2"}), Kinds::OfXml);
    check("round trips, query and ec2 answers", everything(Kinds::OfXml), |(parameters, expected)| {
        let written = sign(writer, parameters)?;
        let text = String::from_utf8(written.body).unwrap();
        let inner = match (text.find('>'), text.rfind("</")) {
            (Some(start), Some(end)) if start < end => &text[start + 1..end],
            _ => "",
        };
        for (operation, body) in [
            (query, format!("<EchoResponse><EchoResult>{inner}</EchoResult></EchoResponse>")),
            (ec2, format!("<EchoResponse>{inner}</EchoResponse>")),
        ] {
            let answering = Answering { status: 200, body: body.into_bytes(), ..Answering::default() };
            same(&expected, &read(operation, answering)?)?;
        }
        Ok(())
    });
}

/// Members in headers, and a body that is a blob.
#[test]
fn headers_and_bodies() {
    for protocol in ["rest-json", "rest-xml"] {
        let operation = operation(&json!({"protocol": protocol}), &headers_model());
        check("round trips, headers and bodies", located(), |(parameters, expected)| {
            let sent = sign(operation, parameters)?;
            let headers = sent.headers.into_iter().filter(|(name, _)| name.starts_with("x-echo")).collect();
            let answering = Answering { status: 200, headers, body: sent.body, ..Answering::default() };
            same(&expected, &read(operation, answering)?)
        });
    }
}

/// Whatever stands in `parameters`, it is bound or refused with its faults.
#[test]
fn arbitrary_parameters() {
    for (service, action) in [
        ("dynamodb", "putItem"),
        ("dynamodb", "transactWriteItems"),
        ("kms", "encrypt"),
        ("sfn", "startExecution"),
        ("lambda", "createFunction"),
        ("bedrock-runtime", "converse"),
        ("apigateway", "putRestApi"),
        ("s3", "putObject"),
        ("s3", "putBucketLifecycleConfiguration"),
        ("route53", "changeResourceRecordSets"),
        ("sns", "publishBatch"),
        ("rds", "createDBCluster"),
        ("ec2", "runInstances"),
        ("eventbridgev2", "putEvents"),
    ] {
        let operation = catalog::service(service).and_then(|it| it.operation(action)).unwrap();
        let members = operation.input.map(catalog::members).unwrap_or_default();
        let names: Vec<String> = members.iter().map(|member| member.name.clone()).collect();
        let clients = calls::clients(Transport::default());
        check("arbitrary parameters", parameters(names), |parameters| {
            let refused = match input::bind(operation, parameters.clone()) {
                Err(error) => Some(error),
                Ok(_) => runtime().block_on(calls::sign(&clients, operation, parameters)).err(),
            };
            match refused.as_ref().map(Error::name) {
                None
                | Some(
                    "CrossRegion.InvalidParameters"
                    | "CrossRegion.EndpointUnresolved"
                    | "CrossRegion.NotAllowed",
                ) => Ok(()),
                Some(name) => Err(TestCaseError::fail(format!("{action}: {name}: {refused:?}"))),
            }
        });
    }
}

/// Which kinds a protocol can carry.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kinds {
    All,
    /// No documents.
    OfCbor,
    /// Neither documents nor null among the elements.
    OfXml,
}

fn round_trips(metadata: &Json, kinds: Kinds) {
    let operation = echo(metadata, kinds);
    check("round trips", everything(kinds), |(parameters, expected)| {
        let sent = sign(operation, parameters)?;
        let headers = [("smithy-protocol".to_owned(), "rpc-v2-cbor".to_owned())];
        let answering =
            Answering { status: 200, headers: headers.into(), body: sent.body, ..Answering::default() };
        same(&expected, &read(operation, answering)?)
    });
}

fn check<S: Strategy>(
    suite: &'static str,
    strategy: S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    // Counted as they run; the first that fails ends the run, and is told in its smallest form.
    let tally = RefCell::new(Tally::new(suite));
    let config = ProptestConfig {
        cases: if prove() { 5_000 } else { 150 },
        failure_persistence: None,
        rng_seed: if prove() { RngSeed::Random } else { RngSeed::Fixed(20_261_122) },
        ..ProptestConfig::default()
    };
    let counted = |value| {
        let outcome = test(value);
        tally.borrow_mut().case(suite, outcome.clone());
        outcome
    };
    TestRunner::new(config).run(&strategy, counted).unwrap_or_else(|failure| panic!("{failure}"));
    tally.into_inner().finish();
}

fn sign(operation: &'static Operation, parameters: Map<String, Json>) -> Result<Request, TestCaseError> {
    let clients = calls::clients(Transport::default());
    runtime().block_on(calls::sign(&clients, operation, parameters)).map_err(failed)
}

fn read(operation: &'static Operation, answering: Answering) -> Result<Json, TestCaseError> {
    let shown = String::from_utf8_lossy(&answering.body).into_owned();
    let clients = calls::clients(Transport::replaced(answering.client()));
    let required = json!({"Label": "x"});
    let parameters = if operation.uri.contains("Label") { required } else { json!({}) };
    let sent = calls::send(&clients, operation, parameters.as_object().cloned().unwrap_or_default());
    let answer = runtime()
        .block_on(sent)
        .map_err(|error| TestCaseError::fail(format!("{}\n    answer   {shown}", error.to_message())))?;
    let mut found = answer.members;
    if let Some(body) = answer.body {
        found.insert(body.member, STANDARD.encode(body.bytes).into());
    }
    Ok(Json::Object(found))
}

fn failed(error: Error) -> TestCaseError {
    TestCaseError::fail(error.to_message())
}

fn same(expected: &Json, found: &Json) -> Result<(), TestCaseError> {
    if wire::same_json(expected, found) {
        return Ok(());
    }
    Err(TestCaseError::fail(format!("\n    expected {expected}\n    found    {found}")))
}

fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap())
}

fn echo(metadata: &Json, kinds: Kinds) -> &'static Operation {
    let sparse = kinds != Kinds::OfXml;
    let mut shapes = json!({
        "Everything": {"type": "structure", "members": {
            "Text": {"shape": "Text"}, "Flag": {"shape": "Flag"}, "Int": {"shape": "Int"}, "Long": {"shape": "Long"},
            "Single": {"shape": "Single"}, "Double": {"shape": "Double"}, "When": {"shape": "When"},
            "WhenIso": {"shape": "WhenIso"}, "WhenSeconds": {"shape": "WhenSeconds"}, "Bytes": {"shape": "Bytes"},
            "Names": {"shape": "Names"}, "Numbers": {"shape": "Numbers"}, "Tree": {"shape": "Tree"},
            "Choice": {"shape": "Choice"}, "Blobs": {"shape": "Blobs"},
        }},
        "Text": {"type": "string"}, "Flag": {"type": "boolean"}, "Int": {"type": "integer"},
        "Long": {"type": "long"}, "Single": {"type": "float"}, "Double": {"type": "double"},
        "When": {"type": "timestamp"}, "WhenIso": {"type": "timestamp", "timestampFormat": "iso8601"},
        "WhenSeconds": {"type": "timestamp", "timestampFormat": "unixTimestamp"}, "Bytes": {"type": "blob"},
        "Names": {"type": "list", "member": {"shape": "Text"}},
        "Blobs": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Bytes"}},
        "Numbers": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Long"}},
        "Tree": {"type": "structure", "members": {
            "Name": {"shape": "Text"}, "Branches": {"shape": "Trees"}, "ByName": {"shape": "TreesByName"},
        }},
        "Trees": {"type": "list", "member": {"shape": "Tree"}},
        "TreesByName": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Tree"}},
        "Choice": {"type": "structure", "union": true, "members": {
            "Text": {"shape": "Text"}, "Tree": {"shape": "Tree"}, "Names": {"shape": "Names"},
        }},
    });
    if sparse {
        shapes["SparseNames"] = json!({"type": "list", "sparse": true, "member": {"shape": "Text"}});
        shapes["SparseNumbers"] =
            json!({"type": "map", "sparse": true, "key": {"shape": "Text"}, "value": {"shape": "Long"}});
        shapes["Everything"]["members"]["SparseNames"] = json!({"shape": "SparseNames"});
        shapes["Everything"]["members"]["SparseNumbers"] = json!({"shape": "SparseNumbers"});
    }
    if kinds == Kinds::All {
        shapes["Any"] = json!({"type": "structure", "document": true, "members": {}});
        shapes["Everything"]["members"]["Any"] = json!({"shape": "Any"});
    }
    operation(
        metadata,
        &json!({"shapes": shapes, "given": {
            "name": "Echo", "http": {"method": "POST", "requestUri": "/echo"},
            "input": {"shape": "Everything", "locationName": "Everything"}, "output": {"shape": "Everything"},
        }}),
    )
}

fn headers_model() -> Json {
    let header =
        |shape: &str, name: &str| json!({"shape": shape, "location": "header", "locationName": name});
    json!({
        "shapes": {
            "Located": {"type": "structure", "required": ["Label"], "payload": "Bytes", "members": {
                "Label": {"shape": "Text", "location": "uri", "locationName": "Label"},
                "Query": {"shape": "Text", "location": "querystring", "locationName": "q"},
                "Text": header("Text", "x-echo-text"), "Flag": header("Flag", "x-echo-flag"),
                "Int": header("Int", "x-echo-int"), "Long": header("Long", "x-echo-long"),
                "Double": header("Double", "x-echo-double"), "When": header("When", "x-echo-when"),
                "Bytes": {"shape": "Bytes"},
            }},
            "Text": {"type": "string"}, "Flag": {"type": "boolean"}, "Int": {"type": "integer"},
            "Long": {"type": "long"}, "Double": {"type": "double"}, "Bytes": {"type": "blob"},
            "When": {"type": "timestamp", "timestampFormat": "iso8601"},
        },
        "given": {
            "name": "Echo", "http": {"method": "PUT", "requestUri": "/echo/{Label}"},
            "input": {"shape": "Located"}, "output": {"shape": "Located"},
        },
    })
}

fn operation(metadata: &Json, model: &Json) -> &'static Operation {
    let suite = json!({"metadata": metadata, "shapes": model["shapes"]});
    let case = Case { name: "echo".to_owned(), suite, case: json!({"given": model["given"]}) };
    case.operation().unwrap_or_else(|error| panic!("{error}"))
}

/// Any of the members, null or absent.
fn members(known: Vec<(&'static str, BoxedStrategy<Both>)>) -> impl Strategy<Value = Echoed> {
    let each: Vec<_> = known
        .into_iter()
        .map(|(name, strategy)| {
            (option::of(strategy), any::<bool>()).prop_map(move |(value, is_null)| (name, value, is_null))
        })
        .collect();
    each.prop_map(|members| {
        let (mut given, mut expected) = (Map::new(), Map::new());
        for (name, value, is_null) in members {
            match value {
                Some((parameter, result)) => {
                    given.insert(name.to_owned(), parameter);
                    expected.insert(name.to_owned(), result);
                }
                None if is_null => drop(given.insert(name.to_owned(), Json::Null)),
                None => {}
            }
        }
        (given, Json::Object(expected))
    })
}

fn everything(kinds: Kinds) -> impl Strategy<Value = Echoed> {
    let mut known = vec![
        ("Text", text_member()),
        ("Flag", plain(any::<bool>())),
        ("Int", plain(any::<i32>())),
        ("Long", plain(any::<i64>())),
        ("Single", single()),
        ("Double", double()),
        ("When", timestamp()),
        ("WhenIso", timestamp()),
        ("WhenSeconds", timestamp()),
        ("Bytes", blob()),
        ("Names", listed(text())),
        ("Numbers", mapped(plain(any::<i64>()))),
        ("Blobs", mapped(blob())),
        ("Tree", tree()),
        ("Choice", choice()),
    ];
    if kinds != Kinds::OfXml {
        known.push(("SparseNames", listed(nullable(text()))));
        known.push(("SparseNumbers", mapped(nullable(plain(any::<i64>())))));
    }
    if kinds == Kinds::All {
        let any = any_json().prop_filter("null is an absent member", |it| !it.is_null());
        known.push(("Any", any.prop_map(|it| (it.clone(), it)).boxed()));
    }
    members(known)
}

/// What headers, path and query carry, and a body.
fn located() -> impl Strategy<Value = Echoed> {
    let header = "[!-~]([ -~]{0,20}[!-~])?".prop_map(|it: String| (json!(it), json!(it))).boxed();
    let known = vec![
        ("Text", header),
        ("Flag", plain(any::<bool>())),
        ("Int", plain(any::<i32>())),
        ("Long", plain(any::<i64>())),
        ("Double", double()),
        ("When", timestamp()),
    ];
    (members(known), "\\PC{1,12}", "\\PC{0,12}", vec(any::<u8>(), 0..60)).prop_map(
        |((mut given, mut expected), label, query, body)| {
            given.insert("Label".to_owned(), format!("l{label}").into());
            given.insert("Query".to_owned(), query.into());
            given.insert("Bytes".to_owned(), json!({"$base64": STANDARD.encode(&body)}));
            expected["Bytes"] = STANDARD.encode(&body).into();
            (given, expected)
        },
    )
}

fn plain<T: Into<Json> + std::fmt::Debug + Clone + 'static>(
    strategy: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Both> {
    strategy.prop_map(|it| (it.clone().into(), it.into())).boxed()
}

fn text() -> BoxedStrategy<Both> {
    plain("\\PC{0,12}")
}

/// Text, or JSON that is carried as text.
fn text_member() -> BoxedStrategy<Both> {
    let json = any_json().prop_map(|it| (json!({ "$json": it }), it.to_string().into()));
    prop_oneof![3 => text(), 1 => json].boxed()
}

fn number(finite: BoxedStrategy<f64>) -> BoxedStrategy<Both> {
    let special = prop_oneof![Just("NaN"), Just("Infinity"), Just("-Infinity")];
    prop_oneof![6 => plain(finite), 1 => plain(special)].boxed()
}

/// As few digits as tell it from its neighbours.
fn single() -> BoxedStrategy<Both> {
    use proptest::num::f32::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    let shortest = |it: f32| it.to_string().parse::<f64>().unwrap();
    number((POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO).prop_map(shortest).boxed())
}

fn double() -> BoxedStrategy<Both> {
    use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    number((POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO).boxed())
}

/// From 1716 to 2223, in milliseconds: beyond, a float of epoch seconds no longer holds them.
fn timestamp() -> BoxedStrategy<Both> {
    let both = |(ms, as_seconds): (i64, bool)| {
        let time = DateTime::from_millis(ms);
        let whole = DateTime::from_secs(time.secs()).fmt(Format::DateTime).unwrap();
        let iso = format!("{}.{:03}Z", whole.trim_end_matches('Z'), time.subsec_nanos() / 1_000_000);
        let given = if as_seconds && ms % 1000 == 0 { json!(ms / 1000) } else { json!(iso) };
        (given, json!(iso))
    };
    (-8_000_000_000_000..8_000_000_000_000_i64, any::<bool>()).prop_map(both).boxed()
}

fn blob() -> BoxedStrategy<Both> {
    let bytes = vec(any::<u8>(), 0..40).prop_map(|it| STANDARD.encode(it));
    prop_oneof![
        3 => bytes.clone().prop_map(|it| (json!(it), json!(it))),
        1 => bytes.prop_map(|it| (json!({ "$base64": it }), json!(it))),
        1 => "\\PC{0,12}".prop_map(|it| (json!({ "$text": it }), json!(STANDARD.encode(it)))),
        1 => any_json().prop_map(|it| (json!({ "$json": it }), json!(STANDARD.encode(it.to_string())))),
    ]
    .boxed()
}

fn nullable(strategy: BoxedStrategy<Both>) -> BoxedStrategy<Both> {
    prop_oneof![3 => strategy, 1 => Just((Json::Null, Json::Null))].boxed()
}

fn listed(element: BoxedStrategy<Both>) -> BoxedStrategy<Both> {
    vec(element, 0..4)
        .prop_map(|elements| {
            let (given, expected): (Vec<_>, Vec<_>) = elements.into_iter().unzip();
            (given.into(), expected.into())
        })
        .boxed()
}

fn mapped(value: BoxedStrategy<Both>) -> BoxedStrategy<Both> {
    btree_map("\\PC{1,8}", value, 0..4)
        .prop_map(|entries| {
            let (given, expected): (Map<_, _>, Map<_, _>) = entries
                .into_iter()
                .map(|(key, (given, expected))| ((key.clone(), given), (key, expected)))
                .unzip();
            (given.into(), expected.into())
        })
        .boxed()
}

fn tree() -> BoxedStrategy<Both> {
    let both = |(given, expected): Echoed| (Json::Object(given), expected);
    let leaf = members(vec![("Name", text())]).prop_map(both);
    leaf.prop_recursive(4, 24, 3, move |inner| {
        let known = vec![("Name", text()), ("Branches", listed(inner.clone())), ("ByName", mapped(inner))];
        members(known).prop_map(both)
    })
    .boxed()
}

fn choice() -> BoxedStrategy<Both> {
    let one = |name: &'static str, strategy: BoxedStrategy<Both>| {
        strategy.prop_map(move |(given, expected)| (json!({ name: given }), json!({ name: expected })))
    };
    prop_oneof![one("Text", text()), one("Tree", tree()), one("Names", listed(text()))].boxed()
}

fn any_json() -> BoxedStrategy<Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        proptest::num::f64::NORMAL.prop_map(Json::from),
        "\\PC{0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::from),
            btree_map("\\PC{0,8}", inner, 0..4).prop_map(|it| Json::Object(it.into_iter().collect())),
        ]
    })
    .boxed()
}

/// Any JSON under names that the operation knows, more often than under others, at every depth.
fn parameters(names: Vec<String>) -> BoxedStrategy<Map<String, Json>> {
    let common = ["S", "N", "L", "M", "B", "$json", "$base64", "$text", "Name", "Key", "Value", "Id"];
    let nested: Vec<String> = names.iter().cloned().chain(common.map(ToOwned::to_owned)).collect();
    let key = prop_oneof![9 => proptest::sample::select(nested), 1 => "\\PC{0,8}"].boxed();
    let value = any_json().prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::from),
            btree_map(key.clone(), inner, 0..4).prop_map(|it| Json::Object(it.into_iter().collect())),
        ]
    });
    btree_map(proptest::sample::select(names), value, 0..6).prop_map(|it| it.into_iter().collect()).boxed()
}
