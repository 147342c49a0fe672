//! The aggregated format of the Kinesis Producer Library against two others, both ways: the library `aws-kinesis-agg`
//! and protobuf's own runtime; and against bytes that nobody would write.
//!
//! Random batches and records are drawn from seeds: 10,000 of each, and 100,000 in full-size runs. What the library
//! does otherwise is written out below and held to the letter, so that a further difference fails.

use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use handler::procedure::kpl::{self, Aggregate, Fault, Keys, MAGIC, Record, Tag};
use md5::{Digest, Md5};
use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use tests::{Tally, prove};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations are counted for the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Batches that one process of the other side is asked about.
const ROUND: usize = 10_000;

fn rounds() -> u64 {
    if prove() { 10 } else { 1 }
}

struct User {
    partition_key: String,
    explicit_hash_key: Option<String>,
    data: Vec<u8>,
}

fn users(rng: &mut Rng) -> Vec<User> {
    // The ends of each length that a varint steps at are among them.
    let length = |rng: &mut Rng| match rng.u32(0..40) {
        0 => *rng.choice(&[0, 127, 128, 16_383, 16_384]).unwrap(),
        _ => rng.usize(0..60),
    };
    let most = if rng.u32(0..50) == 0 { 300 } else { 12 };
    (0..rng.usize(1..=most))
        .map(|_| {
            let key = rng.usize(0..200);
            let hash = match rng.u32(0..4) {
                0 => Some(rng.u128(..).to_string()),
                1 => Some(
                    rng.choice(&["0", "1", "340282366920938463463374607431768211455"]).unwrap().to_string(),
                ),
                _ => None,
            };
            let partition_key = match rng.u32(0..30) {
                0 => "é😀".repeat(rng.usize(1..60)),
                1 => key.to_string(),
                _ => format!("key-{key}"),
            };
            let bytes = length(rng);
            let data = std::iter::repeat_with(|| rng.u8(..)).take(bytes).collect();
            User { partition_key, explicit_hash_key: hash, data }
        })
        .collect()
}

fn packed(users: &[User]) -> Vec<u8> {
    let mut aggregate = Aggregate::default();
    for User { partition_key, explicit_hash_key, data } in users {
        let keys = Keys { partition_key, explicit_hash_key: explicit_hash_key.as_deref() };
        aggregate.push(Record { keys, data, tags: &[] });
    }
    aggregate.encode()
}

/// A record as both sides tell it: keys, payload, place.
fn told(users: &[User]) -> Vec<(String, Option<String>, String)> {
    users
        .iter()
        .map(|user| {
            let key = user.explicit_hash_key.as_ref().map(|key| STANDARD.encode(key));
            (STANDARD.encode(&user.partition_key), key, STANDARD.encode(&user.data))
        })
        .collect()
}

#[test]
fn batches_are_packed_byte_for_byte_and_unpacked_record_for_record() {
    let _alone = alone();
    let mut tally = Tally::new("kpl-batches");
    let mut filled = 0;
    for round in 0..rounds() {
        let mut rng = Rng::with_seed(round);
        let batches: Vec<_> = (0..ROUND).map(|_| users(&mut rng)).collect();
        let ours: Vec<_> = batches.iter().map(|batch| packed(batch)).collect();
        let pack: Vec<Value> = batches
            .iter()
            .map(|batch| {
                batch
                    .iter()
                    .map(|it| json!([it.partition_key, it.explicit_hash_key, STANDARD.encode(&it.data)]))
                    .collect()
            })
            .collect();
        let unpack: Vec<_> = ours.iter().map(|raw| STANDARD.encode(raw)).collect();
        let theirs = tests::python("differential/kpl.py", &json!({"pack": pack, "unpack": unpack}));
        for (at, batch) in batches.iter().enumerate() {
            let outcome = same_bytes(&ours[at], &theirs["packed"][at])
                .and_then(|()| reads_ours(batch, &theirs["unpacked"][at], &mut filled))
                .and_then(|()| we_read(batch, &ours[at]));
            tally.case(format!("round {round}, batch {at}"), outcome);
        }
    }
    println!("{filled} records without an explicit hash key, to which the library gives the table's first");
    tally.finish();
    assert!(filled > 0);
}

fn same_bytes(ours: &[u8], theirs: &Value) -> Result<(), String> {
    if theirs.as_str() == Some(&STANDARD.encode(ours)) { Ok(()) } else { Err("packed otherwise".to_owned()) }
}

/// Difference 1: to records without an explicit hash key the library gives the first of the table, if there is one.
fn reads_ours(users: &[User], theirs: &Value, filled: &mut usize) -> Result<(), String> {
    let first = users.iter().find_map(|user| user.explicit_hash_key.as_ref()).map(|key| STANDARD.encode(key));
    let records = theirs.as_array().ok_or("the library takes it for a plain record")?;
    if records.len() != users.len() {
        return Err(format!("{} records, the library finds {}", users.len(), records.len()));
    }
    for (place, ((key, hash, data), theirs)) in told(users).into_iter().zip(records).enumerate() {
        *filled += usize::from(hash.is_none() && first.is_some());
        let expected = json!([key, hash.or_else(|| first.clone()), data, place]);
        if *theirs != expected {
            return Err(format!("record {place}: {expected}, the library finds {theirs}"));
        }
    }
    Ok(())
}

fn we_read(users: &[User], raw: &[u8]) -> Result<(), String> {
    let aggregated = kpl::decode(raw).ok_or("we take it for a plain record")?;
    let read = aggregated.records().map(|it| {
        let keys = it.keys.map_err(Fault::message)?;
        let hash = keys.explicit_hash_key.map(|key| STANDARD.encode(key));
        Ok((STANDARD.encode(keys.partition_key), hash, STANDARD.encode(it.data)))
    });
    let read: Result<Vec<_>, &str> = read.collect();
    if read? == told(users) { Ok(()) } else { Err("we read something else".to_owned()) }
}

/// A message that is put together by chance: mostly what the format has, sometimes what it has not.
struct Wire<'r> {
    rng: &'r mut Rng,
}

impl Wire<'_> {
    fn one_in(&mut self, many: u32) -> bool {
        self.rng.u32(0..many) == 0
    }

    fn varint(&mut self, mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        bytes.push(u8::try_from(value).unwrap());
        // One that is longer than it need be means the same.
        if self.one_in(60) {
            *bytes.last_mut().unwrap() |= 0x80;
            bytes.push(0);
        }
        bytes
    }

    fn field(&mut self, number: u64, wire: u64) -> Vec<u8> {
        self.varint(number << 3 | wire)
    }

    fn bytes(&mut self, number: u64, content: &[u8]) -> Vec<u8> {
        let length = if self.one_in(300) { content.len() as u64 + 1 } else { content.len() as u64 };
        [self.field(number, 2), self.varint(length), content.to_vec()].concat()
    }

    fn integer(&mut self, number: u64, value: u64) -> Vec<u8> {
        [self.field(number, 0), self.varint(value)].concat()
    }

    fn key(&mut self) -> Vec<u8> {
        match self.rng.u32(0..25) {
            0 => b"\xff".to_vec(),
            1 => Vec::new(),
            _ => self.rng.u8(b'0'..=b'9').to_string().into_bytes(),
        }
    }

    /// Of a number or a wire type that the format has not, or has elsewhere.
    fn stray(&mut self) -> Vec<u8> {
        let number = self.rng.u64(1..8);
        match self.rng.u32(0..8) {
            0 => [self.field(number, 1), vec![1; 8]].concat(),
            1 => [self.field(number, 5), vec![1; 4]].concat(),
            2 => [self.field(number, 3), self.integer(1, 1), self.field(number, 4)].concat(),
            3 => [self.field(number, 3), self.field(number + 1, 4)].concat(),
            4 => self.field(number, 3),
            5 => self.field(number, 6),
            6 => self.integer(number + 20, 7),
            _ => self.bytes(number + 20, b"xyz"),
        }
    }

    fn shuffled(&mut self, mut fields: Vec<Vec<u8>>, unlike: u32) -> Vec<u8> {
        if self.one_in(unlike) {
            let stray = self.stray();
            fields.push(stray);
        }
        if self.one_in(4) {
            self.rng.shuffle(&mut fields);
        }
        fields.concat()
    }

    fn tag(&mut self) -> Vec<u8> {
        let mut fields = Vec::new();
        if !self.one_in(15) {
            let key = self.key();
            fields.push(self.bytes(1, &key));
        }
        if !self.one_in(3) {
            let value = self.key();
            fields.push(self.bytes(2, &value));
        }
        self.shuffled(fields, 40)
    }

    fn index(&mut self) -> u64 {
        match self.rng.u32(0..30) {
            0 => self.rng.u64(..),
            1 => 1 << 32,
            2 => 5,
            _ => self.rng.u64(0..2),
        }
    }

    fn record(&mut self) -> Vec<u8> {
        let mut fields = Vec::new();
        if !self.one_in(50) {
            let index = self.index();
            fields.push(self.integer(1, index));
        }
        if self.one_in(3) {
            let index = self.index();
            fields.push(self.integer(2, index));
        }
        if !self.one_in(50) {
            let data = vec![self.rng.u8(..); self.rng.usize(0..5)];
            fields.push(self.bytes(3, &data));
        }
        while self.one_in(4) {
            let tag = self.tag();
            fields.push(self.bytes(4, &tag));
        }
        if self.one_in(20) {
            fields.push(self.integer(1, 0));
        }
        self.shuffled(fields, 60)
    }

    fn message(&mut self) -> Vec<u8> {
        let mut fields = Vec::new();
        for number in [1, 2] {
            for _ in 0..self.rng.u32(0..4) {
                let key = self.key();
                fields.push(self.bytes(number, &key));
            }
        }
        for _ in 0..self.rng.u32(0..5) {
            let record = self.record();
            fields.push(self.bytes(3, &record));
        }
        let mut message = self.shuffled(fields, 20);
        if self.one_in(20) {
            message.truncate(self.rng.usize(0..=message.len()));
        }
        if self.one_in(20) && !message.is_empty() {
            let at = self.rng.usize(0..message.len());
            message[at] = self.rng.u8(..);
        }
        message
    }
}

fn sealed(message: &[u8]) -> Vec<u8> {
    [&MAGIC, message, &Md5::digest(message)[..]].concat()
}

/// Of a record of a stream, sometimes one that is damaged after it was sealed, or none at all.
fn raw(rng: &mut Rng) -> Vec<u8> {
    let message = Wire { rng }.message();
    let mut raw = sealed(&message);
    match rng.u32(0..40) {
        0 => raw.truncate(rng.usize(0..raw.len())),
        1 => {
            let at = rng.usize(0..raw.len());
            raw[at] ^= 1 << rng.u32(0..8);
        }
        2 => raw = vec![rng.u8(..); rng.usize(0..30)],
        _ => {}
    }
    raw
}

/// How often what each of the others does is not what we do.
#[derive(Debug, Default)]
struct Explained {
    /// 1: the library gives the first explicit hash key of the table to a record that names none.
    filled: usize,
    /// 2: it stops at an index beyond a table.
    stopped: usize,
    /// 3: it takes a message that lacks a required field; protobuf for Java, and so the reference consumer, does not.
    lacking: usize,
    /// 4: it hands out keys that are no text.
    not_text: usize,
    /// 5: neither knows of varints beyond 64 bits what we say of them: that no encoder writes them.
    overflowing: usize,
}

#[test]
fn what_nobody_would_write_is_read_as_by_others() {
    let _alone = alone();
    let mut tally = Tally::new("kpl-records");
    let (mut explained, mut plain, mut faults) = (Explained::default(), 0, 0);
    for round in 0..rounds() {
        let mut rng = Rng::with_seed(1_000 + round);
        let raws: Vec<_> = (0..ROUND).map(|_| raw(&mut rng)).collect();
        let unpack: Vec<_> = raws.iter().map(|raw| STANDARD.encode(raw)).collect();
        let theirs = tests::python("differential/kpl.py", &json!({"pack": [], "unpack": unpack}));
        for (at, raw) in raws.iter().enumerate() {
            let (parsed, unpacked) = (&theirs["parsed"][at], &theirs["unpacked"][at]);
            plain += usize::from(parsed.is_null());
            let outcome = as_protobuf(raw, parsed, &mut faults, &mut explained)
                .and_then(|()| as_the_library(parsed, unpacked, &mut explained));
            tally.case(format!("round {round}, record {at} ({})", STANDARD.encode(raw)), outcome);
        }
    }
    println!(
        "{plain} plain records, {faults} records whose keys or tags cannot be told; explained: {explained:?}"
    );
    tally.finish();
    let Explained { filled, stopped, lacking, not_text, .. } = explained;
    assert!([filled, stopped, lacking, not_text, plain, faults].iter().all(|count| *count > 0));
}

fn text_at<'v>(table: &'v Value, place: &Value) -> Option<&'v str> {
    let place: usize = place.as_str()?.parse().ok()?;
    table.get(place)?.as_str()
}

fn is_text(base64: &str) -> bool {
    String::from_utf8(STANDARD.decode(base64).unwrap()).is_ok()
}

/// Nothing where an index is beyond the table or the key is no text.
fn key_at(table: &Value, place: &Value) -> Option<String> {
    text_at(table, place).filter(|key| is_text(key)).map(ToOwned::to_owned)
}

fn as_protobuf(
    raw: &[u8],
    parsed: &Value,
    faults: &mut usize,
    explained: &mut Explained,
) -> Result<(), String> {
    let ours = kpl::decode(raw);
    let (ours, parsed) = match (ours, parsed) {
        (None, Value::Null) => return Ok(()),
        (Some(ours), Value::Object(_)) => (ours, parsed),
        (None, _) if has_long_varint(raw) => {
            explained.overflowing += 1;
            return Ok(());
        }
        (ours, _) => {
            return Err(format!("we take it for plain: {}, protobuf reads {parsed}", ours.is_none()));
        }
    };
    let (keys, hashes) = (&parsed["partition_keys"], &parsed["explicit_hash_keys"]);
    let records = parsed["records"].as_array().unwrap();
    if ours.records().count() != records.len() {
        return Err(format!("we read {} records, protobuf {}", ours.records().count(), records.len()));
    }
    for (ours, theirs) in ours.records().zip(records) {
        let key = key_at(keys, &theirs[0]);
        let hash = if theirs[1].is_null() { Some(None) } else { key_at(hashes, &theirs[1]).map(Some) };
        let told = ours.keys.ok().map(|it| {
            (STANDARD.encode(it.partition_key), it.explicit_hash_key.map(|key| STANDARD.encode(key)))
        });
        *faults += usize::from(told.is_none());
        if told != key.zip(hash) || theirs[2] != STANDARD.encode(ours.data) {
            return Err(format!("we read {ours:?}, protobuf {theirs}"));
        }
        let tags = ours.tags().ok().map(|tags| tags.iter().map(told_tag).collect::<Value>());
        let texts = theirs[3].as_array().unwrap().iter().flat_map(|tag| tag.as_array().unwrap());
        let are_texts = texts.filter_map(Value::as_str).all(is_text);
        *faults += usize::from(!are_texts);
        if tags != are_texts.then(|| theirs[3].clone()) {
            return Err(format!("we read tags {tags:?}, protobuf {}", theirs[3]));
        }
    }
    Ok(())
}

fn told_tag(tag: &Tag<'_>) -> Value {
    json!([STANDARD.encode(tag.key), tag.value.map(|value| STANDARD.encode(value))])
}

/// Nine bytes that all say that another follows.
fn has_long_varint(raw: &[u8]) -> bool {
    raw.windows(9).any(|bytes| bytes.iter().all(|byte| *byte >= 0x80))
}

/// What the library makes of what protobuf has parsed.
fn as_the_library(parsed: &Value, unpacked: &Value, explained: &mut Explained) -> Result<(), String> {
    if parsed.is_null() {
        explained.lacking += usize::from(!unpacked.is_null());
        return Ok(());
    }
    let (keys, hashes) = (&parsed["partition_keys"], &parsed["explicit_hash_keys"]);
    let has_hashes = hashes.as_array().is_some_and(|hashes| !hashes.is_empty());
    let mut expected = Vec::new();
    for (place, record) in parsed["records"].as_array().unwrap().iter().enumerate() {
        let index = if record[1].is_null() { json!("0") } else { record[1].clone() };
        let hash = if has_hashes { text_at(hashes, &index).map(Some) } else { Some(None) };
        let Some((key, hash)) = text_at(keys, &record[0]).zip(hash) else {
            explained.stopped += 1;
            break;
        };
        explained.filled += usize::from(record[1].is_null() && has_hashes);
        explained.not_text += usize::from(!is_text(key));
        expected.push(json!([key, hash, record[2], place]));
    }
    if *unpacked == json!(expected) {
        Ok(())
    } else {
        Err(format!("{expected:?}, the library finds {unpacked}"))
    }
}

#[test]
fn no_input_panics_or_takes_more_than_a_constant_factor_of_itself() {
    /// An empty key is two bytes, and we keep a slice of 16 for it; a tag is four, and we tell it in 32; a record is six,
    /// and its fields are 48. A list has room for up to twice what is in it.
    const FACTOR: usize = 16;
    const BESIDE: usize = 4_096;
    let _alone = alone();
    let mut rng = Rng::with_seed(7);
    let mut worst = 0.0_f64;
    let cases = if prove() { 100_000 } else { 5_000 };
    for case in 0..cases {
        let message = match case % 4 {
            0 => {
                let bytes = rng.usize(0..200);
                std::iter::repeat_with(|| rng.u8(..)).take(bytes).collect()
            }
            // The costliest: nothing but keys, or nothing but records, or tags.
            1 => {
                let times = rng.usize(1..2_000);
                rng.choice([&b"\x0a\x00"[..], b"\x12\x00", b"\x1a\x04\x08\x00\x1a\x00"])
                    .unwrap()
                    .repeat(times)
            }
            2 => {
                let tags = b"\x22\x02\x0a\x00".repeat(rng.usize(1..3_000));
                let record = [b"\x08\x00\x1a\x00", &tags[..]].concat();
                let length = Wire { rng: &mut rng }.varint(record.len() as u64);
                [b"\x0a\x01k\x1a", &length[..], &record].concat()
            }
            _ => Wire { rng: &mut rng }.message(),
        };
        let raw = sealed(&message);
        // The harness allocates as well, now and then.
        let allocated = (0..2).map(|_| allocated_for(&raw)).min().unwrap_or_default();
        assert!(allocated <= FACTOR * raw.len() + BESIDE, "{allocated} bytes for {}", STANDARD.encode(&raw));
        if raw.len() > 2_000 {
            #[expect(clippy::cast_precision_loss, reason = "a quotient that is shown")]
            let factor = allocated as f64 / raw.len() as f64;
            worst = worst.max(factor);
        }
    }
    println!("{cases} inputs; at most {worst:.1} times the bytes of an input were allocated");
}

fn allocated_for(raw: &[u8]) -> usize {
    let region = Region::new(ALLOCATOR);
    if let Some(aggregated) = kpl::decode(raw) {
        for record in aggregated.records() {
            assert!(record.data.is_empty() || raw.as_ptr_range().contains(&record.data.as_ptr()));
            _ = record.tags();
        }
    }
    region.change().bytes_allocated
}
