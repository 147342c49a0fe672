//! `keyValueStore.sync` against a stand-in for a store on real sockets: how many requests there are, what becomes of
//! others' writes, and where it ends when it is refused, unanswered, killed or out of time.
//!
//! What is random is drawn from seeds; full-size runs take more of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aws_credential_types::provider::SharedCredentialsProvider;
use fastrand::Rng;
use handler::client::Clients;
use handler::client::transport::Transport;
use handler::deadline::Deadline;
use handler::dispatch::Handler;
use handler::effect::Effect;
use handler::error::Error;
use handler::procedure::key_value_store::difference::{Change, Difference, Mode, What};
use handler::telemetry::Invocation;
use proptest::collection::btree_map;
use proptest::prelude::*;
use serde_json::{Value, json};
use tests::invoked::{config, credentials, faults, report};
use tests::key_value_store::{ARN, Call, Fate, Server, Stale, Store};
use tests::{Tally, prove};

const SEED: u64 = 20_261_125;
const MINUTE: Duration = Duration::from_mins(1);
const STORE_LIMIT: usize = 5 << 20;

type Entries = BTreeMap<String, String>;

/// What a store is to hold.
struct Wanted {
    entries: Entries,
    mode: Mode,
    prefix: String,
}

impl Wanted {
    /// Beside what the store holds.
    fn beside(&self, store: &Entries) -> Difference {
        let mut difference = Difference::new(self.mode, self.prefix.as_str());
        for (key, value) in &self.entries {
            assert!(difference.want(key, value));
            assert!(!difference.want(key, ""), "wanted twice");
        }
        look(&mut difference, store);
        difference
    }
}

fn look(difference: &mut Difference, store: &Entries) {
    difference.look_again();
    for (key, value) in store {
        difference.saw(key, value).unwrap();
    }
}

fn handler(server: &Server) -> Handler {
    permitting(server, &["us-east-1", "*global*"])
}

fn permitting(server: &Server, regions: &[&str]) -> Handler {
    with_table(server, &json!([{"procedure": "keyValueStore.sync", "regions": regions}]))
}

fn with_table(server: &Server, table: &Value) -> Handler {
    let config = config(table);
    let transport = Transport::replaced(server.client());
    Handler::new(config, Clients::new(SharedCredentialsProvider::new(credentials()), transport)).unwrap()
}

fn event(mode: &str, wanted: &Entries) -> Value {
    let items: Vec<Value> = wanted.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    json!({
        "procedure": "keyValueStore.sync", "region": "us-east-1", "retry": {"mode": "none"},
        "parameters": {"KvsARN": ARN, "mode": mode, "Items": items},
    })
}

fn with(mut event: Value, name: &str, value: Value) -> Value {
    event["parameters"][name] = value;
    event
}

async fn invoke(handler: &Handler, event: &Value, time: Duration) -> Result<Value, Error> {
    let (raw, mut invocation) = (event.to_string(), Invocation::default());
    let outcome = handler.handle(raw.as_bytes(), Deadline::within(time), &mut invocation).await;
    outcome.map(|text| serde_json::from_str(text.get()).unwrap())
}

/// One invocation of a fresh function.
fn run(server: &Server, event: &Value) -> Result<Value, Error> {
    run_within(server, event, MINUTE)
}

fn run_within(server: &Server, event: &Value, time: Duration) -> Result<Value, Error> {
    runtime().block_on(invoke(&handler(server), event, time))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn entries(range: std::ops::Range<usize>, value: &str) -> Entries {
    range.map(|at| (format!("covers/{at:06}"), format!("{value}{at}"))).collect()
}

fn count(result: &Value, name: &str) -> usize {
    usize::try_from(result[name].as_u64().unwrap()).unwrap()
}

fn bytes(store: &Entries) -> usize {
    store.iter().map(|(key, value)| key.len() + value.len()).sum()
}

/// Carries changes out in steps of `size`, and tells the largest number of bytes on the way.
fn carried_out(store: &mut Entries, difference: &mut Difference, changes: &[Change], size: usize) -> usize {
    let mut peak = bytes(store);
    for batch in changes.chunks(size) {
        for what in difference.told(batch) {
            match what {
                What::Put { key, value } => _ = store.insert(key.to_owned(), value.to_owned()),
                What::Delete { key } => assert!(store.remove(key).is_some()),
            }
        }
        difference.done(batch);
        peak = peak.max(bytes(store));
    }
    peak
}

/// What the store is to hold in the end, said in another way than by changes.
fn aim(store: &Entries, wanted: &Wanted) -> Entries {
    let stays = |key: &String| wanted.mode == Mode::Merge || !key.starts_with(&wanted.prefix);
    let kept = store.iter().filter(|(key, _)| stays(key));
    kept.chain(&wanted.entries).map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn some_entries() -> impl Strategy<Value = Entries> {
    btree_map("[ab]/[a-cé]{1,2}", "[xé]{0,5}", 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if prove() { 20_000 } else { 500 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn changes_lead_to_what_is_wanted_and_never_above_both_ends(
        store in some_entries(),
        entries in some_entries(),
        exclusive: bool,
        prefix in prop::sample::select(vec!["", "a/", "b/a"]),
        size in 1..60_usize,
        twice: bool,
    ) {
        let entries: Entries = entries.into_iter().filter(|(key, _)| key.starts_with(prefix)).collect();
        let mode = if exclusive { Mode::Exclusive } else { Mode::Merge };
        let wanted = Wanted { entries, mode, prefix: prefix.to_owned() };
        let mut difference = wanted.beside(&store);
        if twice {
            // A listing that somebody else wrote into: first with another value.
            difference.look_again();
            for key in store.keys() {
                difference.saw(key, "?").unwrap();
            }
            for (key, value) in &store {
                difference.saw(key, value).unwrap();
            }
        }
        let changes = difference.changes();
        let expected = aim(&store, &wanted);
        let keys: BTreeSet<&String> = store.keys().chain(expected.keys()).collect();
        let differing = keys.iter().filter(|key| store.get(**key) != expected.get(**key)).count();
        prop_assert_eq!(changes.len(), differing);
        let mut reached = store.clone();
        let peak = carried_out(&mut reached, &mut difference, &changes, size);
        prop_assert_eq!(&reached, &expected);
        prop_assert!(peak <= bytes(&store).max(bytes(&expected)));
        let growth: i64 = changes.iter().map(|change| i64::from(change.growth)).sum();
        prop_assert_eq!(i64::try_from(bytes(&store)).unwrap() + growth, i64::try_from(bytes(&expected)).unwrap());
        // Looked at once more, there is nothing left to do, and each key is counted once.
        look(&mut difference, &reached);
        prop_assert_eq!(difference.changes(), vec![]);
        let gone = store.keys().filter(|key| !reached.contains_key(*key)).count();
        prop_assert_eq!((difference.put(), difference.deleted()), (differing - gone, gone));
    }
}

#[test]
fn no_more_requests_than_the_changes_and_the_listing_take() {
    let server = Server::start(Store::holding(Entries::new()));
    let handler = handler(&server);
    let wanted = entries(0..20_000, "2026-11-25T00:00:00Z ");
    let mut changed = wanted.clone();
    for (at, value) in changed.values_mut().enumerate() {
        if at % 100 == 0 {
            value.push('!');
        }
    }
    println!("| run | seconds | describe | list | update | put | deleted | unchanged | conflicts |");
    for (name, wanted, requests, keys) in [
        ("20,000 keys into an empty store", &wanted, [1, 1, 400], [20_000, 0, 0]),
        ("1 % changed", &changed, [1, 400, 4], [200, 0, 19_800]),
        ("nothing changed", &changed, [1, 400, 0], [0, 0, 20_000]),
    ] {
        let before = server.store().etag();
        let started = Instant::now();
        let result = runtime().block_on(invoke(&handler, &event("exclusive", wanted), MINUTE * 3)).unwrap();
        let mut store = server.store();
        let sent = [store.describes, store.lists, store.updates];
        let took = started.elapsed().as_secs_f32();
        println!("| {name} | {took:.1} | {sent:?} | {result} |");
        assert_eq!(sent, requests, "{name}");
        assert_eq!(["put", "deleted", "unchanged"].map(|it| count(&result, it)), keys, "{name}");
        assert_eq!(count(&result, "batches"), requests[2]);
        assert_eq!(count(&result, "conflicts"), 0);
        assert_eq!(result["$metadata"]["attempts"], requests.iter().sum::<usize>());
        assert_eq!(result["ETag"], store.etag());
        assert_eq!(result["ETag"] == before, requests[2] == 0, "{name}");
        assert!(store.entries == *wanted, "{name}");
        (store.describes, store.lists, store.updates) = (0, 0, 0);
    }
}

#[test]
fn the_prefix_bounds_what_is_deleted_and_merging_deletes_nothing() {
    let store =
        |keys: &[&str]| keys.iter().map(|key| ((*key).to_owned(), "v".to_owned())).collect::<Entries>();
    let held = store(&["a", "covers", "covers/1", "covers/2", "coverz", "é"]);
    for (mode, prefix, wanted, left) in [
        ("exclusive", None, &["covers/3"][..], &["covers/3"][..]),
        ("exclusive", Some("covers/"), &["covers/3"], &["a", "covers", "covers/3", "coverz", "é"]),
        ("exclusive", Some("covers/"), &[], &["a", "covers", "coverz", "é"]),
        ("merge", None, &["b"], &["a", "b", "covers", "covers/1", "covers/2", "coverz", "é"]),
        ("merge", Some("covers/"), &["covers/1"], &["a", "covers", "covers/1", "covers/2", "coverz", "é"]),
    ] {
        let server = Server::start(Store::holding(held.clone()));
        let mut event = event(mode, &store(wanted));
        if let Some(prefix) = prefix {
            event = with(event, "keyPrefix", json!(prefix));
        }
        let result = run(&server, &event).unwrap();
        assert_eq!(server.store().entries, store(left), "{mode} {prefix:?}");
        let gone = held.keys().filter(|key| !left.contains(&key.as_str())).count();
        assert_eq!(count(&result, "deleted"), gone);
    }
}

#[test]
fn a_stale_etag_in_either_spelling_is_answered_by_another_look() {
    for stale in [Stale::Validation, Stale::Conflict] {
        for (mode, left) in [("merge", true), ("exclusive", false)] {
            let server = Server::start(Store { stale, ..Store::holding(entries(0..70, "old ")) });
            let mut updates = 0;
            server.hook(move |call, store| {
                updates += usize::from(call == Call::Update);
                // Before the second batch somebody adds a key and undoes one of the first batch.
                if call == Call::Update && updates == 2 {
                    store.change(|entries| {
                        entries.insert("covers/theirs".to_owned(), "theirs".to_owned());
                        entries.insert("covers/000000".to_owned(), "theirs".to_owned());
                    });
                }
                Fate::Served
            });
            let wanted = entries(0..70, "new ");
            let result = run(&server, &event(mode, &wanted)).unwrap();
            let store = server.store();
            assert_eq!(store.entries.contains_key("covers/theirs"), left, "{mode} {stale:?}");
            let ours = store.entries.iter().filter(|(key, _)| *key != "covers/theirs");
            assert!(ours.eq(&wanted));
            assert_eq!([store.describes, store.updates, store.taken], [2, 3, 2]);
            assert_eq!(["conflicts", "batches", "put"].map(|it| count(&result, it)), [1, 2, 70]);
            assert_eq!(result["ETag"], store.etag());
        }
    }
}

#[test]
fn an_update_whose_answer_was_lost_is_not_written_twice() {
    let server = Server::start(Store::holding(Entries::new()));
    let mut is_first = true;
    server.hook(move |call, _| {
        if call == Call::Update && std::mem::take(&mut is_first) {
            return Fate::Unanswered { carried_out: true };
        }
        Fate::Served
    });
    let wanted = entries(0..50, "");
    let mut event = event("exclusive", &wanted);
    event["retry"] = json!({"mode": "sdk", "maxAttempts": 3});
    let result = run(&server, &event).unwrap();
    let store = server.store();
    assert_eq!(store.entries, wanted);
    assert_eq!((store.taken, store.etag()), (1, "E2".to_owned()));
    // What was not acknowledged is found in the store.
    assert_eq!(["put", "unchanged", "conflicts"].map(|it| count(&result, it)), [0, 50, 1]);
}

#[test]
fn what_is_too_large_is_named_before_anything_is_written() {
    let server = Server::start(Store::holding(entries(0..3, "")));
    let key = |length: usize| "k".repeat(length);
    let items = json!([
        {"Key": key(512), "Value": "v".repeat(1_024)},
        {"Key": key(513), "Value": ""},
        {"Key": "é".repeat(257), "Value": "SECRET"},
        {"Key": "a", "Value": "SECRET".repeat(171)},
        {"Key": "", "Value": ""},
        {"Key": "a", "Value": ""},
        {"Key": "b"},
        {"Key": "b", "Value": 1},
        "SECRET",
    ]);
    let event = with(with(event("merge", &Entries::new()), "Items", items), "keyPrefix", json!("k"));
    let error = run(&server, &event).unwrap_err();
    assert_eq!(error.name(), "CrossRegion.InvalidParameters");
    let faults = [
        "parameters.Items[1].Key: expected 1 to 512 bytes, found 513",
        "parameters.Items[2].Key: expected 1 to 512 bytes, found 514",
        "parameters.Items[3].Value: expected 0 to 1024 bytes, found 1026",
        "parameters.Items[3].Key: does not begin with `keyPrefix`",
        "parameters.Items[4].Key: expected 1 to 512 bytes, found 0",
        "parameters.Items[5].Key: does not begin with `keyPrefix`",
        "parameters.Items[5].Key: stands in the list already",
        "parameters.Items[6].Value: missing",
        "parameters.Items[6].Key: does not begin with `keyPrefix`",
        "parameters.Items[7].Value: expected a string, found an integer",
        "parameters.Items[7].Key: does not begin with `keyPrefix`",
        "parameters.Items[7].Key: stands in the list already",
        "parameters.Items[8]: expected an object, found a string",
    ];
    assert_eq!(report(&error)["faults"], json!(faults));
    assert!(!error.to_message().contains("SECRET"));
    let store = server.store();
    assert_eq!([store.describes, store.lists, store.updates], [0, 0, 0]);
}

#[test]
fn a_store_that_would_be_too_large_is_not_begun() {
    let large: Entries = (0..4_000).map(|at| (format!("{at:06}"), "v".repeat(1_000))).collect();
    let server = Server::start(Store::holding(large));
    let more: Entries = (0..2_000).map(|at| (format!("a{at:05}"), "v".repeat(1_000))).collect();
    let error = run(&server, &event("merge", &more)).unwrap_err();
    let message = "parameters.Items: the store would hold 6036000 bytes, and holds at most 5242880";
    assert_eq!((error.name(), error.message.as_str()), ("CrossRegion.InvalidParameters", message));
    assert_eq!(error.effect, Effect::None);
    // Described once more: the listing was of that version.
    let seen = |store: &Store| [store.describes, store.lists, store.updates];
    assert_eq!(seen(&server.store()), [2, 80, 0]);

    // A sum of two versions says nothing: the store shrinks while it is listed.
    let mut lists = 0;
    server.hook(move |call, store| {
        lists += usize::from(call == Call::List);
        if call == Call::List && lists == 80 {
            store.change(|entries| entries.retain(|key, _| key.as_str() < "002000"));
        }
        Fate::Served
    });
    let result = run(&server, &event("merge", &more)).unwrap();
    assert_eq!((count(&result, "conflicts"), count(&result, "put")), (1, 2_000));
}

#[test]
fn a_full_store_is_replaced_without_ever_being_larger() {
    let full = |first: char| -> Entries {
        (0..5_090).map(|at| (format!("{first}{at:05}"), "v".repeat(1_024))).collect()
    };
    let held = full('b');
    let held_bytes = bytes(&held);
    assert!(held_bytes < STORE_LIMIT && held_bytes + 50 * 1_030 > STORE_LIMIT);
    let server = Server::start(Store::holding(held));
    // Keys that come before those that go, so that no order by key would do.
    let wanted = full('a');
    let result = run(&server, &event("exclusive", &wanted)).unwrap();
    let store = server.store();
    assert!(store.entries == wanted && store.peak == held_bytes);
    assert_eq!(count(&result, "batches"), 10_180_usize.div_ceil(50));
}

#[test]
fn batches_are_halved_where_the_store_takes_fewer() {
    let server = Server::start(Store { batch_limit: 32, ..Store::holding(Entries::new()) });
    let wanted = entries(0..200, "");
    let result = run(&server, &event("exclusive", &wanted)).unwrap();
    let store = server.store();
    assert_eq!(store.entries, wanted);
    // One of 50 that was refused, then 8 of 25.
    assert_eq!([store.updates, store.taken, store.describes], [9, 8, 1]);
    assert_eq!(["batches", "conflicts"].map(|it| count(&result, it)), [8, 0]);
}

#[test]
fn a_dry_run_tells_and_writes_nothing() {
    let server = Server::start(Store::holding(entries(0..120, "old ")));
    let wanted = entries(60..180, "old ");
    let planned = run(&server, &with(event("exclusive", &wanted), "dryRun", json!(true))).unwrap();
    assert_eq!(server.store().updates, 0);
    assert_eq!(planned["ETag"], "E1");
    let done = run(&server, &event("exclusive", &wanted)).unwrap();
    for name in ["put", "deleted", "unchanged", "batches", "TotalSizeInBytes"] {
        assert_eq!(planned[name], done[name], "{name}");
    }
    assert_eq!((&planned["dryRun"], &done["dryRun"]), (&json!(true), &json!(false)));
    assert_eq!((count(&done, "put"), count(&done, "deleted"), count(&done, "batches")), (60, 60, 3));
}

#[test]
fn the_effect_is_what_is_known_of_the_writes() {
    let refused = Fate::Refused(403, "AccessDeniedException", "no");
    let broken = Fate::Refused(500, "InternalServerException", "no");
    let reset = Fate::Unanswered { carried_out: false };
    let mut tally = Tally::new("effects of keyValueStore.sync");
    for (call, number, fate, name, effect) in [
        (Call::Describe, 1, refused, "AccessDeniedException", "none"),
        (
            Call::Describe,
            1,
            Fate::Refused(404, "ResourceNotFoundException", "no"),
            "ResourceNotFoundException",
            "none",
        ),
        // Reading changes nothing, whatever becomes of it.
        (Call::Describe, 1, broken, "InternalServerException", "none"),
        (Call::List, 1, reset, "CrossRegion.OutcomeUnknown", "none"),
        (Call::List, 2, Fate::Garbled, "CrossRegion.MalformedResponse", "none"),
        (Call::Update, 1, refused, "AccessDeniedException", "none"),
        (Call::Update, 1, broken, "InternalServerException", "unknown"),
        (Call::Update, 1, reset, "CrossRegion.OutcomeUnknown", "unknown"),
        (Call::Update, 1, Fate::Garbled, "CrossRegion.MalformedResponse", "unknown"),
        // A part of it is done.
        (Call::Update, 2, refused, "AccessDeniedException", "unknown"),
        (
            Call::Update,
            2,
            Fate::Refused(402, "ServiceQuotaExceededException", "no"),
            "ServiceQuotaExceededException",
            "unknown",
        ),
        (Call::Update, 2, reset, "CrossRegion.OutcomeUnknown", "unknown"),
    ] {
        let server = Server::start(Store::holding(entries(0..60, "old ")));
        let mut seen = 0;
        server.hook(move |this, _| {
            seen += usize::from(this == call);
            if this == call && seen == number { fate } else { Fate::Served }
        });
        let error = run(&server, &event("exclusive", &entries(0..120, "new "))).unwrap_err();
        let report = report(&error);
        let taken = server.store().taken;
        let outcome = match () {
            () if error.name() != name || report["effect"] != effect => Err(format!("{error} {report}")),
            () if effect == "none" && taken > 0 => Err("something was written".to_owned()),
            () if report["procedure"] != "keyValueStore.sync" => Err("names no procedure".to_owned()),
            () if report["service"] != "cloudfront-keyvaluestore" => Err("names no service".to_owned()),
            () => Ok(()),
        };
        tally.case(format!("{call:?} {number} {fate:?}"), outcome);
    }
    tally.finish();
}

#[test]
fn at_the_deadline_it_stops_and_another_attempt_goes_on() {
    let server = Server::start(Store::holding(entries(0..10, "old ")));
    server.hook(|call, _| match call {
        Call::Update => Fate::Late(Duration::from_millis(150)),
        _ => Fate::Served,
    });
    let wanted = entries(0..1_000, "new ");
    let event = event("exclusive", &wanted);
    let mut stopped = 0;
    loop {
        let before = server.store().taken;
        let error = match run_within(&server, &event, Duration::from_secs(2)) {
            Ok(result) => {
                assert_eq!(result["ETag"], server.store().etag());
                break;
            }
            Err(error) => error,
        };
        assert_eq!(error.name(), "CrossRegion.Incomplete");
        let effect = if server.store().taken == before { error.effect } else { Effect::Unknown };
        assert_eq!(error.effect, effect);
        stopped += 1;
        assert!(stopped < 50, "it does not go on");
    }
    assert!(stopped > 0, "20 batches at 150 ms do not fit into 2 seconds");
    assert_eq!(server.store().entries, wanted);

    // Time for the listing is what an attempt needs at least.
    server.hook(
        |call, _| if call == Call::List { Fate::Late(Duration::from_millis(500)) } else { Fate::Served },
    );
    let error = run_within(&server, &event, Duration::from_secs(1)).unwrap_err();
    assert_eq!((error.name(), error.effect), ("CrossRegion.Incomplete", Effect::None));
    assert_eq!(error.message, "the time was over before anything was written");
}

#[test]
fn three_at_once_that_want_different_things_end_in_what_one_of_them_wanted() {
    for round in 0..if prove() { 40 } else { 4 } {
        let store = Store { versions: Some(BTreeMap::new()), ..Store::holding(entries(0..200, "old ")) };
        let server = Server::start(store);
        server.hook(|_, _| Fate::Late(Duration::from_millis(1)));
        let wants = [entries(0..180, "a"), entries(60..260, "b"), entries(100..350, "c")];
        let results = at_once(&server, wants.iter().map(|wanted| event("exclusive", wanted)));
        let store = server.store();
        assert!(wants.contains(&store.entries), "round {round}: a mixture is left");
        for (result, wanted) in results.iter().zip(&wants) {
            // Each had it as it wanted, under the ETag that it tells.
            let etag = result["ETag"].as_str().unwrap();
            assert!(store.versions.as_ref().unwrap()[etag] == *wanted, "round {round}");
        }
        let batches: usize = results.iter().map(|result| count(result, "batches")).sum();
        let conflicts: usize = results.iter().map(|result| count(result, "conflicts")).sum();
        assert_eq!((batches, batches + conflicts), (store.taken, store.updates), "round {round}");
        println!(
            "| three at once, overlapping | {} | {} | {} | {conflicts} |",
            store.describes, store.lists, store.updates
        );
    }
}

#[test]
fn three_at_once_that_want_different_keys_all_have_them() {
    for round in 0..if prove() { 40 } else { 4 } {
        let server = Server::start(Store::holding(entries(0..10, "old ")));
        server.hook(|_, _| Fate::Late(Duration::from_millis(1)));
        let of = |letter: char| -> Entries {
            (0..150).map(|at| (format!("{letter}/{at}"), "v".to_owned())).collect()
        };
        let wants = [of('a'), of('b'), of('c')];
        let prefixed =
            |(wanted, prefix): (&Entries, &str)| with(event("exclusive", wanted), "keyPrefix", json!(prefix));
        let events = [event("merge", &wants[0]), prefixed((&wants[1], "b/")), prefixed((&wants[2], "c/"))];
        let results = at_once(&server, events.into_iter());
        let all: Entries = wants.into_iter().flatten().chain(entries(0..10, "old ")).collect();
        let store = server.store();
        assert!(store.entries == all, "round {round}");
        let conflicts: usize = results.iter().map(|result| count(result, "conflicts")).sum();
        // No write in vain: all that were taken are the nine that there had to be.
        assert_eq!((store.taken, store.updates), (9, 9 + conflicts), "round {round}");
        println!(
            "| three at once, disjoint | {} | {} | {} | {conflicts} |",
            store.describes, store.lists, store.updates
        );
    }
}

/// Functions that run beside each other; all of them succeed.
fn at_once(server: &Server, events: impl Iterator<Item = Value>) -> Vec<Value> {
    std::thread::scope(|scope| {
        let running: Vec<_> = events.map(|event| scope.spawn(move || run(server, &event))).collect();
        running
            .into_iter()
            .map(|it| it.join().unwrap().unwrap_or_else(|error| panic!("{error}: {}", error.to_message())))
            .collect()
    })
}

#[test]
fn killed_at_any_point_it_ends_exact() {
    let rounds: u64 = if prove() { 200 } else { 12 };
    let mut tally = Tally::new("keyValueStore.sync killed at random points");
    in_parallel(rounds, &mut tally, |round| {
        let mut rng = Rng::with_seed(SEED + round);
        let server = Server::start(Store::holding(entries(300..900, "old ")));
        let wanted = entries(0..600, "new ");
        let event = event("exclusive", &wanted);
        let mut kills = 0;
        loop {
            // Describing, twelve pages and at most 24 updates.
            let at = if kills < 6 { rng.usize(1..=37) } else { usize::MAX };
            let carried_out = rng.bool();
            let killed = Arc::new(AtomicBool::new(false));
            let (flag, mut calls) = (Arc::clone(&killed), 0);
            server.hook(move |_, _| {
                calls += 1;
                if calls != at {
                    return Fate::Served;
                }
                flag.store(true, Ordering::SeqCst);
                Fate::Silence { carried_out }
            });
            // The function is gone with all that it knew: the next attempt is a fresh one.
            let outcome = runtime().block_on(async {
                let handler = handler(&server);
                tokio::select! {
                    outcome = invoke(&handler, &event, MINUTE) => Some(outcome),
                    () = is_set(&killed) => None,
                }
            });
            let Some(outcome) = outcome else {
                kills += 1;
                continue;
            };
            let result = outcome.map_err(|error| error.to_message())?;
            let store = server.store();
            if store.entries != wanted || result["ETag"] != store.etag() {
                return Err(format!("not exact after {kills} kills: {result}"));
            }
            return Ok(());
        }
    });
    tally.finish();
}

async fn is_set(flag: &AtomicBool) {
    while !flag.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Cases that wait more than they compute, each with its number.
fn in_parallel(cases: u64, tally: &mut Tally, case: impl Fn(u64) -> Result<(), String> + Sync) {
    let case = &case;
    for first in (0..cases).step_by(8) {
        std::thread::scope(|scope| {
            let running: Vec<_> =
                (first..cases.min(first + 8)).map(|it| (it, scope.spawn(move || case(it)))).collect();
            for (number, outcome) in running {
                tally.case(number, outcome.join().unwrap_or_else(|_| Err("panicked".to_owned())));
            }
        });
    }
}

/// Functions that sync and fail, and somebody else who writes: every version of the store is explained by the one
/// before it, every success is true, and no error says `none` after a write.
#[test]
fn histories_agree_with_a_model() {
    let mut tally = Tally::new("histories of keyValueStore.sync");
    in_parallel(if prove() { 500 } else { 48 }, &mut tally, |number| {
        let mut rng = Rng::with_seed(SEED ^ (number << 20));
        let some = |rng: &mut Rng, most: usize| -> Entries {
            let count = rng.usize(0..=most);
            (0..count)
                .map(|_| {
                    (format!("{}/{}", ["a", "b"][rng.usize(..2)], rng.u8(..90)), "v".repeat(rng.usize(..3)))
                })
                .collect()
        };
        let held = some(&mut rng, 160);
        let versions = Some(BTreeMap::from([("E1".to_owned(), held.clone())]));
        let stale = if rng.bool() { Stale::Validation } else { Stale::Conflict };
        let batch_limit = if rng.bool() { 50 } else { 20 };
        let server = Server::start(Store { versions, stale, batch_limit, ..Store::holding(held) });
        let theirs: Arc<std::sync::Mutex<BTreeSet<String>>> = Arc::default();
        for step in 0..4 {
            let prefix = ["", "a/", "b/"][rng.usize(..3)];
            let entries: Entries =
                some(&mut rng, 160).into_iter().filter(|(key, _)| key.starts_with(prefix)).collect();
            let mode = if rng.bool() { Mode::Exclusive } else { Mode::Merge };
            let wanted = Wanted { entries, mode, prefix: prefix.to_owned() };
            let (mut chance, their) = (rng.fork(), Arc::clone(&theirs));
            // The last step has peace.
            let odds = if step == 3 { 0 } else { 12 };
            server.hook(move |_, store| {
                if chance.u32(..100) < odds {
                    let key = format!("{}/{}", ["a", "b"][chance.usize(..2)], chance.u8(..90));
                    store.change(|entries| {
                        if chance.bool() {
                            entries.insert(key, "theirs".to_owned());
                        } else {
                            entries.remove(&key);
                        }
                    });
                    their.lock().unwrap().insert(store.etag());
                }
                let carried_out = chance.bool();
                match chance.u32(..100) {
                    at if at >= odds / 2 => Fate::Served,
                    0 => Fate::Refused(403, "AccessDeniedException", "no"),
                    1 => Fate::Refused(500, "InternalServerException", "no"),
                    2 => Fate::Refused(429, "TooManyRequestsException", "no"),
                    3 => Fate::Garbled,
                    _ => Fate::Unanswered { carried_out },
                }
            });
            let mut event = event(if mode == Mode::Merge { "merge" } else { "exclusive" }, &wanted.entries);
            if !prefix.is_empty() {
                event = with(event, "keyPrefix", json!(prefix));
            }
            if rng.bool() {
                event["retry"] = json!({"mode": "sdk", "maxAttempts": 2});
            }
            let before: u64 = server.store().etag()[1..].parse().unwrap();
            let outcome = run(&server, &event);
            let store = server.store();
            let theirs = theirs.lock().unwrap();
            judge(&store, &theirs, before, &wanted, &outcome)
                .map_err(|message| format!("step {step}: {message}"))?;
            if step == 3 && outcome.is_err() {
                return Err("nothing was wrong, and it failed".to_owned());
            }
        }
        Ok(())
    });
    tally.finish();
}

/// What is wrong with an invocation that began at version `before`.
fn judge(
    store: &Store,
    theirs: &BTreeSet<String>,
    before: u64,
    wanted: &Wanted,
    outcome: &Result<Value, Error>,
) -> Result<(), String> {
    let versions = store.versions.as_ref().unwrap();
    let now: u64 = store.etag()[1..].parse().unwrap();
    let mut ours = 0;
    for at in before..now {
        let (one, next) = (&versions[&format!("E{at}")], &versions[&format!("E{}", at + 1)]);
        if theirs.contains(&format!("E{}", at + 1)) {
            continue;
        }
        ours += 1;
        for key in one.keys().chain(next.keys()).collect::<BTreeSet<_>>() {
            if one.get(key) == next.get(key) {
                continue;
            }
            let is_explained = match next.get(key) {
                Some(value) => wanted.entries.get(key) == Some(value),
                None => {
                    wanted.mode == Mode::Exclusive
                        && key.starts_with(&wanted.prefix)
                        && !wanted.entries.contains_key(key)
                }
            };
            if !is_explained {
                return Err(format!("`{key}` was changed in version {}", at + 1));
            }
        }
    }
    match outcome {
        Ok(result) => {
            let etag = result["ETag"].as_str().unwrap();
            let number = |etag: &str| etag[1..].parse::<u64>().unwrap();
            // What was listed while somebody else wrote, and led to no write, may never have been there at once.
            let is_whole = theirs.iter().all(|their| number(their) <= number(etag))
                || count(result, "batches") > 0 && count(result, "conflicts") == 0;
            let at = &versions[etag];
            if is_whole && *at != aim(at, wanted) {
                return Err("a success, and the store is not as wanted".to_owned());
            }
            Ok(())
        }
        Err(error) if error.effect == Effect::None && ours > 0 => Err("`none` after a write".to_owned()),
        Err(error) if error.effect == Effect::Done => Err("a failure that is done".to_owned()),
        Err(_) => Ok(()),
    }
}

#[test]
fn without_every_region_in_the_table_nothing_is_sent() {
    let server = Server::start(Store::holding(Entries::new()));
    let handler = permitting(&server, &["*"]);
    let event = event("merge", &entries(0..1, ""));
    let error = runtime().block_on(invoke(&handler, &event, MINUTE)).unwrap_err();
    assert_eq!((error.name(), error.effect), ("CrossRegion.NotAllowed", Effect::None));
    assert!(error.message.contains("`*global*`"), "{}", error.message);
    assert_eq!(server.store().describes, 0);
}

const EXPORTS: &str = "exports.s3.us-west-2.amazonaws.com/releases";

/// A store beside an object in Oregon, and a function that may read it.
fn beside(held: Entries, object: impl Into<Vec<u8>>) -> (Server, Handler) {
    let objects = BTreeMap::from([(EXPORTS.to_owned(), ("us-west-2".to_owned(), object.into()))]);
    let server = Server::start(Store { objects, ..Store::holding(held) });
    let regions = ["us-east-1", "us-west-2", "*global*"];
    let sources = json!([{"bucket": "exports", "keyPrefix": "rel"}]);
    let table = json!([{"procedure": "keyValueStore.sync", "regions": regions, "sources": sources}]);
    let handler = with_table(&server, &table);
    (server, handler)
}

fn from(format: &str) -> Value {
    let items_from = json!({"Bucket": "exports", "Key": "releases", "region": "us-west-2", "format": format});
    let mut event = with(event("exclusive", &Entries::new()), "itemsFrom", items_from);
    event["parameters"].as_object_mut().unwrap().remove("Items");
    event
}

fn synced(handler: &Handler, event: &Value) -> Result<Value, Error> {
    runtime().block_on(invoke(handler, event, MINUTE))
}

#[test]
fn an_object_holds_more_than_a_state_could() {
    let wanted = entries(0..20_000, "2026-11-25T00:00:00Z ");
    let line = |(key, value): (&String, &String)| format!("{}\n", json!({"Key": key, "Value": value}));
    let csv = |(key, value): (&String, &String)| format!("\"{key}\",{value}\r\n");
    let imported: Vec<Value> =
        wanted.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    for (format, object) in [
        ("json", json!({ "data": imported }).to_string()),
        ("jsonLines", wanted.iter().map(line).collect()),
        ("csv", format!("Key,Value\r\n{}", wanted.iter().map(csv).collect::<String>())),
    ] {
        assert!(object.len() > 262_144);
        let (server, handler) = beside(entries(0..19_990, "2026-11-25T00:00:00Z "), object);
        let result = synced(&handler, &from(format)).unwrap();
        let store = server.store();
        assert!(store.entries == wanted, "{format}");
        assert_eq!([store.reads, store.describes, store.lists, store.updates], [1, 1, 400, 1], "{format}");
        assert_eq!(["put", "deleted", "unchanged"].map(|it| count(&result, it)), [10, 0, 19_990]);
        assert_eq!(result["$metadata"]["attempts"], 403);
    }
}

#[test]
fn what_is_wrong_with_an_object_is_told_before_the_store_is_looked_at() {
    let lines = "Key,Value\ncovers/1,SECRET\nSECRET\ncovers/1,\n";
    let faults = ["line 3: expected two fields", "line 4.Key: stands in the list already"];
    let value = "SECRET".repeat(171);
    let items = [
        "{\"Key\":\"c/1\",\"Value\":\"\"}",
        "{\"Key\":\"SECRET\",\"Value\":\"\"}",
        &format!("{{\"Key\":\"c/2\",\"Value\":\"{value}\"}}"),
        "{\"Key\":\"c/4\",\"value\":\"SECRET\"}",
        "{\"key\":\"c/5\",\"value\":\"\",\"valu\":1}",
        "{\"Key\":\"\",\"Value\":\"\"}",
        "7",
        "{\"Key\":\"c/6\" SECRET}",
    ];
    let of_items = [
        "line 2.Key: does not begin with `keyPrefix`",
        "line 3.Value: expected 0 to 1024 bytes, found 1026",
        "line 4.key: missing",
        "line 4.Key: unknown field, did you mean `key`?",
        "line 5.valu: unknown field, did you mean `value`?",
        "line 6.Key: expected 1 to 512 bytes, found 0",
        "line 7: expected an object, found an integer",
        "line 8: not JSON: expected `,` or `}` at column 14",
    ];
    for (format, object, prefix, faults) in
        [("csv", lines.to_owned(), "c", &faults[..]), ("jsonLines", items.join("\n"), "c/", &of_items)]
    {
        let (server, handler) = beside(Entries::new(), object);
        let error = synced(&handler, &with(from(format), "keyPrefix", json!(prefix))).unwrap_err();
        assert_eq!((error.name(), error.effect), ("CrossRegion.InvalidParameters", Effect::None));
        let report = report(&error);
        assert!(!report.to_string().contains("SECRET"));
        let faults: Vec<_> = faults.iter().map(|it| format!("parameters.itemsFrom {it}")).collect();
        assert_eq!(report["faults"], json!(faults));
        let store = server.store();
        assert_eq!([store.reads, store.describes, store.updates], [1, 0, 0]);
    }
}

#[test]
fn no_more_is_kept_than_a_store_holds() {
    let lines = |count: usize, value: &str| {
        let line = |at| format!("{{\"Key\":\"c/{at}\",\"Value\":\"{value}\"}}\n");
        (0..count).map(line).collect::<String>()
    };
    for (object, fault) in [
        (lines(6_000, &"x".repeat(1_000)), "its items come to more than the 5242880 bytes of a store"),
        (lines(200_009, ""), "it holds more than 200000 items"),
    ] {
        let (server, handler) = beside(Entries::new(), object);
        let error = synced(&handler, &from("jsonLines")).unwrap_err();
        assert_eq!(error.message, format!("parameters.itemsFrom: {fault}"));
        assert_eq!(server.store().describes, 0);
    }
}

#[test]
fn an_object_that_cannot_be_read_ends_it_under_the_name_that_s3_gives() {
    let (server, handler) = beside(Entries::new(), "");
    server.store().objects.clear();
    let error = synced(&handler, &from("csv")).unwrap_err();
    let report = report(&error);
    assert_eq!(
        (error.name(), &report["effect"], &report["service"]),
        ("NoSuchKey", &json!("none"), &json!("s3"))
    );
    assert_eq!((&report["action"], &report["region"]), (&json!("getObject"), &json!("us-west-2")));
    // Its time is over while it reads: nothing was written, and another attempt may do it.
    server.hook(|_, _| Fate::Silence { carried_out: false });
    let error = runtime().block_on(invoke(&handler, &from("csv"), Duration::from_secs(1))).unwrap_err();
    assert_eq!((error.name(), error.effect), ("CrossRegion.Incomplete", Effect::None));
}

#[test]
fn only_listed_objects_are_read() {
    let (server, handler) = beside(Entries::new(), "Key,Value");
    let changed = |name: &str, value: &str| {
        let mut event = from("csv");
        event["parameters"]["itemsFrom"][name] = json!(value);
        event
    };
    for (event, part) in [
        (changed("Bucket", "other"), "a source"),
        (changed("Key", "secrets"), "a source"),
        (changed("region", "eu-west-1"), "Region `eu-west-1`"),
    ] {
        let error = synced(&handler, &event).unwrap_err();
        assert_eq!(error.name(), "CrossRegion.NotAllowed");
        assert!(error.message.contains(&format!("does not list {part} that")), "{}", error.message);
    }
    // Sources of one entry and Regions of another are never put together.
    let apart = json!([
        {"procedure": "keyValueStore.sync", "regions": ["us-east-1", "*global*"], "sources": [{"bucket": "exports"}]},
        {"procedure": "keyValueStore.sync", "regions": ["us-east-1", "us-west-2", "*global*"]},
    ]);
    let error = synced(&with_table(&server, &apart), &from("csv")).unwrap_err();
    assert!(error.message.starts_with("no single entry"), "{}", error.message);
    let seen = |store: &Store| [store.reads, store.describes];
    assert_eq!(seen(&server.store()), [0, 0]);
    synced(&handler, &from("csv")).unwrap();
    assert_eq!(seen(&server.store()), [1, 1]);
}

#[test]
fn a_source_is_read_as_strictly_as_all_parameters() {
    let (server, handler) = beside(Entries::new(), "");
    let mut event = from("tsv");
    let source = event["parameters"]["itemsFrom"].as_object_mut().unwrap();
    let bucket = source.remove("Bucket").unwrap();
    source.insert("Bukket".to_owned(), bucket);
    event["parameters"]["itemsFrom"]["region"] = json!("aws-global");
    event["parameters"]["Items"] = json!([]);
    let error = synced(&handler, &event).unwrap_err();
    assert_eq!(error.name(), "CrossRegion.InvalidParameters");
    let faults = faults(&error);
    for (fault, expected) in faults.iter().zip([
        "parameters.itemsFrom.Bucket: missing",
        "parameters.itemsFrom.region: ",
        "parameters.itemsFrom.format: `tsv` is none of `json`, `jsonLines`, `csv`",
        "parameters.itemsFrom.Bukket: unknown field, did you mean `Bucket`?",
        "parameters.Items: stands beside `itemsFrom`",
    ]) {
        assert!(fault.starts_with(expected), "{fault}");
    }
    assert_eq!(faults.len(), 5);
    assert_eq!(server.store().reads, 0);
}
