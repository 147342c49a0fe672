//! Aggregated records of the Kinesis Producer Library: decoded, encoded again, decoded again.
//!
//! An input is the record of a stream. What changes is its message, whose checksum is set right after, without which
//! every change would end there; now and then the bytes themselves.

use std::alloc::System;

use fastrand::Rng;
use handler::procedure::kpl::{self, Aggregate, Fault, Keys, MAGIC, Record, Tag};
use libfuzzer_sys::Corpus;
use md5::{Digest, Md5};
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use crate::{Target, mutation};

/// Counts for the whole program, which tries one input at a time.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that may be allocated for each of the input, and beside. A record is six bytes or more, and its fields are 48
/// in a list that has room for up to twice as many.
const FACTOR: usize = 16;
const BESIDE: usize = 1_024;

/// Bytes of the checksum.
const DIGEST: usize = 16;

/// Of changes, how deep they go: the message, a record, a tag.
const DEPTH: u32 = 3;

/// Messages that no encoder of ours writes.
const FOREIGN: [&[u8]; 13] = [
    // A field and a group that nobody knows, tables at the end and of another wire type, fields that stand twice.
    b"\x0a\x01k\x32\x02xx\x1a\x05\x08\x00\x1a\x01d",
    b"\x0a\x01k\x2b\x08\x01\x2c\x1a\x05\x08\x00\x1a\x01d",
    b"\x1a\x05\x08\x00\x1a\x01d\x0a\x01k",
    b"\x08\x05\x0a\x01k\x1a\x05\x08\x00\x1a\x01d",
    b"\x0a\x01k\x0a\x01l\x1a\x0a\x08\x00\x08\x01\x1a\x01d\x1a\x01e",
    // Indices beyond their tables, and what is no text: a key that nobody uses, one that is used, a tag.
    b"\x0a\x01k\x1a\x05\x08\x07\x1a\x01a\x1a\x07\x08\x00\x10\x00\x1a\x01b\x1a\x09\x08\x80\x80\x80\x80\x10\x1a\x01d",
    b"\x0a\x01k\x0a\x01\xff\x1a\x05\x08\x00\x1a\x01d",
    b"\x0a\x01\xff\x1a\x05\x08\x00\x1a\x01d",
    b"\x0a\x01k\x1a\x0a\x08\x00\x1a\x01d\x22\x03\x0a\x01\xff",
    // No records; and no aggregated record: without an index, without a tag's key, a varint of eleven bytes.
    b"\x0a\x01k",
    b"\x0a\x01k\x1a\x03\x1a\x01d",
    b"\x0a\x01k\x1a\x0a\x08\x00\x1a\x01d\x22\x03\x12\x01v",
    b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00",
];

/// Keys, payload and tags.
type User<'a> = (Keys<'a>, &'a [u8], Vec<Tag<'a>>);

pub struct Kpl;

impl Target for Kpl {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let key = |partition_key, explicit_hash_key| Keys { partition_key, explicit_hash_key };
        let plain = |keys, data| Record { keys, data, tags: &[] };
        // The vector that `handler/kpl` is held to, byte for byte.
        let vector = [
            plain(key("pk1", None), b"hello"),
            plain(key("pk2", Some("123")), b"world"),
            plain(key("pk1", None), b"\x00\xff!"),
        ];
        let tags = [Tag { key: "", value: None }, Tag { key: "é", value: Some("") }];
        let hash = Some("340282366920938463463374607431768211455");
        let tagged = [
            Record { keys: key("", Some("0")), data: b"", tags: &tags },
            Record { keys: key("😀", hash), data: b"1", tags: &tags[..1] },
        ];
        // A length and an index take another byte from 128 on, a length from 16,384.
        let bytes = vec![b'.'; 16_384];
        let lengths = [127, 128, 16_383, 16_384].map(|length| vec![plain(key("k", None), &bytes[..length])]);
        let keys: Vec<String> = (0..130).map(|number| number.to_string()).collect();
        let indices = keys.iter().map(|text| plain(key(text, Some(text)), b"")).collect();
        let ours = [vector.to_vec(), tagged.to_vec(), indices].into_iter().chain(lengths);
        ours.map(|records| packed(&records).1).chain(FOREIGN.map(sealed)).collect()
    }

    fn tried(&self, input: &[u8]) -> Result<Corpus, String> {
        let (aggregated, allocated) = counted(|| kpl::decode(input));
        within_bounds("decode", allocated, input)?;
        let Some(aggregated) = aggregated else { return Ok(Corpus::Keep) };
        if message(input).is_none_or(|message| message.is_empty() || sealed(message) != input) {
            return Err("decoded what is not sealed".to_owned());
        }
        let mut users = Vec::new();
        for record in aggregated.records() {
            if !is_within(record.data, input) {
                return Err("a payload is not a part of the input".to_owned());
            }
            let (tags, allocated) = counted(|| record.tags());
            within_bounds("tags", allocated, input)?;
            users.push(record.keys.and_then(|keys| Ok((keys, record.data, tags?))));
        }
        // Without faults, the encoder has to be able to say the same.
        if let Ok(users) = users.into_iter().collect::<Result<Vec<_>, _>>() {
            said_again(&users)?;
        }
        Ok(Corpus::Keep)
    }

    fn mutated(&self, input: &[u8], limit: usize, random: &mut Rng) -> Vec<u8> {
        let Some(message) = message(input).filter(|_| random.u8(..16) > 0) else {
            return mutation::whole(input, limit);
        };
        sealed(&changed(message, limit.saturating_sub(input.len()), random, DEPTH))
    }
}

fn said_again(users: &[User<'_>]) -> Result<(), String> {
    if users.is_empty() {
        return Ok(());
    }
    let records: Vec<_> = users.iter().map(|(keys, data, tags)| Record { keys: *keys, data, tags }).collect();
    let (sizes, raw) = packed(&records);
    let is_told = sizes.iter().all(|(before, after)| before == after);
    if !is_told || sizes.last().is_none_or(|(_, last)| *last != raw.len()) {
        return Err(format!("sizes before and after each record: {sizes:?}, and {} bytes", raw.len()));
    }
    let aggregated = kpl::decode(&raw).ok_or("encoded what cannot be decoded")?;
    let again = aggregated.records().map(|it| Ok((it.keys?, it.data, it.tags()?)));
    match again.collect::<Result<Vec<_>, Fault>>() {
        Ok(again) if again == users => Ok(()),
        again => Err(format!("{users:?} became {again:?}")),
    }
}

/// The sizes that were told before and after each record, and the bytes.
fn packed(records: &[Record<'_>]) -> (Vec<(usize, usize)>, Vec<u8>) {
    let mut aggregate = Aggregate::default();
    let sizes = records.iter().map(|record| {
        let before = aggregate.size_with(record);
        aggregate.push(*record);
        (before, aggregate.size())
    });
    (sizes.collect(), aggregate.encode())
}

fn sealed(message: &[u8]) -> Vec<u8> {
    [&MAGIC, message, &Md5::digest(message)[..]].concat()
}

/// What the checksum is of, whether or not it holds.
fn message(raw: &[u8]) -> Option<&[u8]> {
    let body = raw.strip_prefix(&MAGIC)?;
    body.get(..body.len().checked_sub(DIGEST)?)
}

fn counted<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let region = Region::new(ALLOCATOR);
    let result = run();
    (result, region.change().bytes_allocated)
}

fn within_bounds(what: &str, allocated: usize, input: &[u8]) -> Result<(), String> {
    if allocated <= FACTOR * input.len() + BESIDE {
        return Ok(());
    }
    Err(format!("{what}: {allocated} bytes allocated for {}", input.len()))
}

fn is_within(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    part.is_empty() || whole.start <= part.start && part.end <= whole.end
}

/// A message with one of its fields changed, or one in it, within lengths that hold; every other time any bytes of it.
fn changed(message: &[u8], room: usize, random: &mut Rng, depth: u32) -> Vec<u8> {
    let mut fields = fields(message);
    if depth == 0 || fields.is_empty() || random.bool() {
        return mutation::whole(message, message.len() + room);
    }
    let at = random.usize(..fields.len());
    match random.u8(..16) {
        0 => drop(fields.remove(at)),
        1 if fields[at].len() <= room => fields.insert(random.usize(..=fields.len()), fields[at]),
        2 => fields.swap(at, 0),
        _ => {
            let field = changed_field(fields[at], room, random, depth);
            return [&fields[..at].concat(), &field, &fields[at + 1..].concat()[..]].concat();
        }
    }
    fields.concat()
}

fn changed_field(field: &[u8], room: usize, random: &mut Rng, depth: u32) -> Vec<u8> {
    let mut rest = field;
    let (Ok((number, WireType::LengthDelimited)), Ok(_)) = (decode_key(&mut rest), decode_varint(&mut rest))
    else {
        return mutation::whole(field, field.len() + room);
    };
    let content = changed(rest, room, random, depth - 1);
    let mut field = Vec::new();
    encode_key(number, WireType::LengthDelimited, &mut field);
    encode_varint(content.len() as u64, &mut field);
    field.extend(content);
    field
}

/// The last one is what is left, if it is no field.
fn fields(message: &[u8]) -> Vec<&[u8]> {
    let (mut fields, mut rest) = (Vec::new(), message);
    while !rest.is_empty() {
        let mut after = rest;
        let skipped = decode_key(&mut after).and_then(|(number, wire_type)| {
            skip_field(wire_type, number, &mut after, DecodeContext::default())
        });
        let length = if skipped.is_ok() { rest.len() - after.len() } else { rest.len() };
        let (field, others) = rest.split_at(length);
        fields.push(field);
        rest = others;
    }
    fields
}
