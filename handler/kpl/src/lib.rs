//! The aggregated record of the Kinesis Producer Library: many user records in one record of a stream.
//!
//! Enters: user records, or the bytes of a stream's record. Leaves: those bytes, or the user records in them, which
//! borrow their payloads. To encode cannot fail. To decode fails in two ways: what is no aggregated record is none,
//! and its reader passes it on as it is; a record whose keys cannot be told is handed out with a [`Fault`] in place
//! of its keys, and the records after it as well.
//!
//! ```text
//! F3 89 9A C2 | AggregatedRecord, a protobuf message | MD5 of that message
//!
//! AggregatedRecord { repeated string partition_key_table = 1; repeated string explicit_hash_key_table = 2;
//!                    repeated Record records = 3; }
//! Record           { required uint64 partition_key_index = 1; optional uint64 explicit_hash_key_index = 2;
//!                    required bytes data = 3; repeated Tag tags = 4; }
//! Tag              { required string key = 1; optional string value = 2; }
//! ```
//!
//! What is read is what the Kinesis Client Library for Java reads: unknown fields and known ones of another wire type
//! are skipped, the last one of a field counts, the tables may stand anywhere, and a message that lacks a required
//! field is no aggregated record. There are two deliberate differences. A record with an index beyond its table makes
//! that library forget it and all that follow; and it takes an index modulo 2^32. Both are faults of that one record
//! here. A varint that overflows 64 bits, which no encoder writes, makes a record a plain one.
//!
//! Nothing here knows of AWS. The wire format is prost's; a generated message would own its payloads.

use bytes::BufMut;
use indexmap::IndexSet;
use md5::{Digest, Md5};
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, encoded_len_varint,
    skip_field,
};

/// What every aggregated record begins with.
pub const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];

/// Bytes of the checksum at the end.
const DIGEST: usize = 16;

/// Bytes of a field's key, as long as fields have numbers below 16.
const KEY: usize = 1;

const PARTITION_KEYS: u32 = 1;
const EXPLICIT_HASH_KEYS: u32 = 2;
const RECORDS: u32 = 3;

const PARTITION_KEY_INDEX: u32 = 1;
const EXPLICIT_HASH_KEY_INDEX: u32 = 2;
const DATA: u32 = 3;
const TAGS: u32 = 4;

const TAG_KEY: u32 = 1;
const TAG_VALUE: u32 = 2;

/// What a stream hashes a partition key to, if no explicit hash key stands in its place.
pub fn hash_of(partition_key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(partition_key).into())
}

/// What says to which shard a record belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys<'a> {
    pub partition_key: &'a str,
    /// A decimal number of 128 bits, in the words of whoever set it.
    pub explicit_hash_key: Option<&'a str>,
}

/// A word about a record, which the format carries and Kinesis does not look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag<'a> {
    pub key: &'a str,
    pub value: Option<&'a str>,
}

/// A user record on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    pub keys: Keys<'a>,
    pub data: &'a [u8],
    pub tags: &'a [Tag<'a>],
}

/// User records that become one record of a stream, in this order.
#[derive(Debug, Default)]
pub struct Aggregate<'a> {
    partition_keys: Table<'a>,
    explicit_hash_keys: Table<'a>,
    records: Vec<Indexed<'a>>,
    /// Of all fields of the message, in bytes.
    length: usize,
}

/// Each key once. The hasher is the standard library's, seeded at random: anybody may choose keys.
#[derive(Debug, Default)]
struct Table<'a>(IndexSet<&'a str>);

/// Where a key is in its table.
#[derive(Debug, Clone, Copy)]
struct Place {
    index: usize,
    /// Bytes that the key adds to the message: none, if it was there before.
    added: usize,
}

impl<'a> Table<'a> {
    /// Where the key is, or will be.
    fn place(&self, key: &str) -> Place {
        match self.0.get_index_of(key) {
            Some(index) => Place { index, added: 0 },
            None => Place { index: self.0.len(), added: delimited(key.len()) },
        }
    }

    fn add(&mut self, key: &'a str) -> Place {
        let (index, is_new) = self.0.insert_full(key);
        Place { index, added: if is_new { delimited(key.len()) } else { 0 } }
    }
}

/// A record, and where its keys are.
#[derive(Debug)]
struct Indexed<'a> {
    record: Record<'a>,
    partition_key: Place,
    explicit_hash_key: Option<Place>,
    /// Of the record's own message, in bytes.
    length: usize,
}

impl<'a> Indexed<'a> {
    fn new(record: Record<'a>, partition_key: Place, explicit_hash_key: Option<Place>) -> Self {
        let index = |place: Place| KEY + encoded_len_varint(place.index as u64);
        let length = index(partition_key)
            + explicit_hash_key.map_or(0, index)
            + delimited(record.data.len())
            + record.tags.iter().map(|tag| delimited(tag.length())).sum::<usize>();
        Self { record, partition_key, explicit_hash_key, length }
    }

    /// Bytes that it adds to the message, with its keys.
    fn added(&self) -> usize {
        self.partition_key.added
            + self.explicit_hash_key.map_or(0, |place| place.added)
            + delimited(self.length)
    }
}

impl<'a> Aggregate<'a> {
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// User records so far.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Bytes that [`Aggregate::encode`] writes.
    pub fn size(&self) -> usize {
        MAGIC.len() + self.length + DIGEST
    }

    /// Bytes that it would write with `record`, too.
    pub fn size_with(&self, record: &Record<'_>) -> usize {
        let partition_key = self.partition_keys.place(record.keys.partition_key);
        let explicit_hash_key = record.keys.explicit_hash_key.map(|key| self.explicit_hash_keys.place(key));
        self.size() + Indexed::new(*record, partition_key, explicit_hash_key).added()
    }

    pub fn push(&mut self, record: Record<'a>) {
        let partition_key = self.partition_keys.add(record.keys.partition_key);
        let explicit_hash_key = record.keys.explicit_hash_key.map(|key| self.explicit_hash_keys.add(key));
        let indexed = Indexed::new(record, partition_key, explicit_hash_key);
        self.length += indexed.added();
        self.records.push(indexed);
    }

    pub fn records(&self) -> impl ExactSizeIterator<Item = &Record<'a>> {
        self.records.iter().map(|indexed| &indexed.record)
    }

    /// Each payload is copied once, into the one allocation there is.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size());
        out.put_slice(&MAGIC);
        for key in &self.partition_keys.0 {
            put_bytes(PARTITION_KEYS, key.as_bytes(), &mut out);
        }
        for key in &self.explicit_hash_keys.0 {
            put_bytes(EXPLICIT_HASH_KEYS, key.as_bytes(), &mut out);
        }
        for indexed in &self.records {
            put_header(RECORDS, indexed.length, &mut out);
            put_integer(PARTITION_KEY_INDEX, indexed.partition_key.index, &mut out);
            if let Some(place) = indexed.explicit_hash_key {
                put_integer(EXPLICIT_HASH_KEY_INDEX, place.index, &mut out);
            }
            put_bytes(DATA, indexed.record.data, &mut out);
            for tag in indexed.record.tags {
                put_header(TAGS, tag.length(), &mut out);
                put_bytes(TAG_KEY, tag.key.as_bytes(), &mut out);
                if let Some(value) = tag.value {
                    put_bytes(TAG_VALUE, value.as_bytes(), &mut out);
                }
            }
        }
        let digest = Md5::digest(out.get(MAGIC.len()..).unwrap_or_default());
        out.put_slice(&digest);
        out
    }
}

impl Tag<'_> {
    fn length(&self) -> usize {
        delimited(self.key.len()) + self.value.map_or(0, |value| delimited(value.len()))
    }
}

/// Bytes of a field of `length` bytes, with its key and its length.
fn delimited(length: usize) -> usize {
    KEY + encoded_len_varint(length as u64) + length
}

fn put_header(field: u32, length: usize, out: &mut Vec<u8>) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(length as u64, out);
}

fn put_bytes(field: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_header(field, bytes.len(), out);
    out.put_slice(bytes);
}

fn put_integer(field: u32, value: usize, out: &mut Vec<u8>) {
    encode_key(field, WireType::Varint, out);
    encode_varint(value as u64, out);
}

/// An aggregated record: its checksum holds and its message is well formed.
#[derive(Debug)]
pub struct Aggregated<'a> {
    /// A key that is no text is a fault only of the records that name it.
    partition_keys: Vec<Result<&'a str, Fault>>,
    explicit_hash_keys: Vec<Result<&'a str, Fault>>,
    records: Vec<Parsed<'a>>,
}

/// A record's fields, and its whole message, in which its tags are.
#[derive(Debug)]
struct Parsed<'a> {
    partition_key: u32,
    explicit_hash_key: Option<u32>,
    data: &'a [u8],
    message: &'a [u8],
}

/// A user record on its way in.
#[derive(Debug, Clone, Copy)]
pub struct Unpacked<'a> {
    pub keys: Result<Keys<'a>, Fault>,
    pub data: &'a [u8],
    message: &'a [u8],
}

/// Why it cannot be told which keys or tags a record has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The partition key's index is beyond the table.
    PartitionKeyIndex,
    /// The explicit hash key's index is beyond the table.
    ExplicitHashKeyIndex,
    /// A key is not UTF-8.
    NotText,
    /// A tag is not UTF-8.
    TagNotText,
}

impl Fault {
    pub fn message(self) -> &'static str {
        match self {
            Self::PartitionKeyIndex => "the index of the partition key is beyond its table",
            Self::ExplicitHashKeyIndex => "the index of the explicit hash key is beyond its table",
            Self::NotText => "a key is not UTF-8",
            Self::TagNotText => "a tag is not UTF-8",
        }
    }
}

/// The aggregated record in `raw`; none where readers take it for a plain record.
pub fn decode(raw: &[u8]) -> Option<Aggregated<'_>> {
    let body = raw.strip_prefix(&MAGIC)?;
    let (message, digest) = body.split_at_checked(body.len().checked_sub(DIGEST)?)?;
    if message.is_empty() || Md5::digest(message).as_slice() != digest {
        return None;
    }
    let (mut partition_keys, mut explicit_hash_keys, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for field in Fields(message) {
        match field.ok()? {
            (PARTITION_KEYS, Field::Bytes(key)) => partition_keys.push(text(key, Fault::NotText)),
            (EXPLICIT_HASH_KEYS, Field::Bytes(key)) => explicit_hash_keys.push(text(key, Fault::NotText)),
            (RECORDS, Field::Bytes(record)) => records.push(Parsed::read(record)?),
            _ => {}
        }
    }
    Some(Aggregated { partition_keys, explicit_hash_keys, records })
}

impl<'a> Aggregated<'a> {
    /// In their order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Unpacked<'a>> {
        self.records.iter().map(|record| {
            let Parsed { data, message, .. } = *record;
            Unpacked { keys: self.keys(record), data, message }
        })
    }

    fn keys(&self, record: &Parsed<'_>) -> Result<Keys<'a>, Fault> {
        let partition_key = key_at(&self.partition_keys, record.partition_key, Fault::PartitionKeyIndex)?;
        let explicit_hash_key = record
            .explicit_hash_key
            .map(|index| key_at(&self.explicit_hash_keys, index, Fault::ExplicitHashKeyIndex))
            .transpose()?;
        Ok(Keys { partition_key, explicit_hash_key })
    }
}

impl<'a> Unpacked<'a> {
    /// In their order.
    pub fn tags(&self) -> Result<Vec<Tag<'a>>, Fault> {
        let tags = Fields(self.message).filter_map(|field| match field {
            Ok((TAGS, Field::Bytes(tag))) => read_tag(tag),
            _ => None,
        });
        let text = |bytes| text(bytes, Fault::TagNotText);
        tags.map(|(key, value)| Ok(Tag { key: text(key)?, value: value.map(text).transpose()? })).collect()
    }
}

fn text(bytes: &[u8], otherwise: Fault) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|_| otherwise)
}

fn key_at<'a>(table: &[Result<&'a str, Fault>], index: u32, beyond: Fault) -> Result<&'a str, Fault> {
    usize::try_from(index).ok().and_then(|index| table.get(index)).copied().unwrap_or(Err(beyond))
}

/// The index in half the room. What does not fit is beyond any table, before and after.
fn fitting(index: u64) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

impl<'a> Parsed<'a> {
    /// None where the message is malformed or lacks a required field.
    fn read(message: &'a [u8]) -> Option<Self> {
        let (mut partition_key, mut explicit_hash_key, mut data) = (None, None, None);
        for field in Fields(message) {
            match field.ok()? {
                (PARTITION_KEY_INDEX, Field::Integer(index)) => partition_key = Some(fitting(index)),
                (EXPLICIT_HASH_KEY_INDEX, Field::Integer(index)) => {
                    explicit_hash_key = Some(fitting(index));
                }
                (DATA, Field::Bytes(bytes)) => data = Some(bytes),
                (TAGS, Field::Bytes(tag)) => _ = read_tag(tag)?,
                _ => {}
            }
        }
        Some(Self { partition_key: partition_key?, explicit_hash_key, data: data?, message })
    }
}

/// Key and value; none where the message is malformed or lacks the key.
fn read_tag(message: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let (mut key, mut value) = (None, None);
    for field in Fields(message) {
        match field.ok()? {
            (TAG_KEY, Field::Bytes(bytes)) => key = Some(bytes),
            (TAG_VALUE, Field::Bytes(bytes)) => value = Some(bytes),
            _ => {}
        }
    }
    Some((key?, value))
}

/// The fields of a message. It ends after one that is malformed.
struct Fields<'a>(&'a [u8]);

enum Field<'a> {
    Integer(u64),
    Bytes(&'a [u8]),
    /// Of a wire type that the format has no field of.
    Other,
}

struct Malformed;

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Field<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = next_field(&mut self.0);
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or(Malformed))
    }
}

fn next_field<'a>(rest: &mut &'a [u8]) -> Option<(u32, Field<'a>)> {
    let (number, wire_type) = decode_key(rest).ok()?;
    let field = match wire_type {
        WireType::Varint => Field::Integer(decode_varint(rest).ok()?),
        WireType::LengthDelimited => {
            let length = usize::try_from(decode_varint(rest).ok()?).ok()?;
            let (bytes, after) = rest.split_at_checked(length)?;
            *rest = after;
            Field::Bytes(bytes)
        }
        _ => {
            skip_field(wire_type, number, rest, DecodeContext::default()).ok()?;
            Field::Other
        }
    };
    Some((number, field))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTOR: &str = "f3899ac20a03706b310a03706b3212033132331a0908001a0568656c6c6f1a0b080110001a05776f726c641a070800\
                          1a0300ff21cba7eb507096fff9f0067816c8ee085c";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn record<'a>(partition_key: &'a str, explicit_hash_key: Option<&'a str>, data: &'a [u8]) -> Record<'a> {
        Record { keys: Keys { partition_key, explicit_hash_key }, data, tags: &[] }
    }

    fn sealed(message: &[u8]) -> Vec<u8> {
        [&MAGIC, message, &Md5::digest(message)[..]].concat()
    }

    /// Partition key or fault, and data.
    type Read = (Result<String, Fault>, Vec<u8>);

    /// Every record, or nothing for a plain one.
    fn read(message: &[u8]) -> Option<Vec<Read>> {
        let raw = sealed(message);
        let aggregated = decode(&raw)?;
        let read = |it: Unpacked<'_>| (it.keys.map(|keys| keys.partition_key.to_owned()), it.data.to_vec());
        Some(aggregated.records().map(read).collect())
    }

    #[test]
    fn the_vector_byte_for_byte() {
        let records = [
            record("pk1", None, b"hello"),
            record("pk2", Some("123"), b"world"),
            record("pk1", None, b"\x00\xff!"),
        ];
        let mut aggregate = Aggregate::default();
        for record in records {
            let size = aggregate.size_with(&record);
            aggregate.push(record);
            assert_eq!(aggregate.size(), size);
        }
        assert_eq!(aggregate.encode(), bytes(VECTOR));

        let raw = bytes(VECTOR);
        let aggregated = decode(&raw).unwrap();
        let read: Vec<_> = aggregated.records().map(|it| (it.keys.unwrap(), it.data)).collect();
        assert_eq!(read, records.map(|it| (it.keys, it.data)));
    }

    #[test]
    fn sizes_are_told_before_and_hold_at_every_step_of_a_length() {
        let keys: Vec<String> = (0..200).map(|n| "k".repeat(n % 140) + &n.to_string()).collect();
        let data = vec![7; 20_000];
        let tags = [Tag { key: "a", value: None }, Tag { key: "b", value: Some("c") }];
        let mut aggregate = Aggregate::default();
        for (n, key) in keys.iter().enumerate() {
            let record = Record {
                keys: Keys { partition_key: key, explicit_hash_key: (n % 3 == 0).then_some(key) },
                data: &data[..[0, 1, 127, 128, 16_383, 16_384, 20_000][n % 7]],
                tags: &tags[..n % 3],
            };
            let size = aggregate.size_with(&record);
            aggregate.push(record);
            assert_eq!((size, size), (aggregate.size(), aggregate.encode().len()));
        }
        let raw = aggregate.encode();
        let aggregated = decode(&raw).unwrap();
        let mut read = 0;
        for (unpacked, record) in aggregated.records().zip(aggregate.records()) {
            assert_eq!((unpacked.keys.unwrap(), unpacked.data), (record.keys, record.data));
            assert_eq!(unpacked.tags().unwrap(), record.tags);
            read += 1;
        }
        assert_eq!(read, keys.len());
    }

    #[test]
    fn a_payload_is_a_part_of_the_bytes_it_came_in() {
        let raw = bytes(VECTOR);
        let aggregated = decode(&raw).unwrap();
        for it in aggregated.records() {
            assert!(raw.as_ptr_range().contains(&it.data.as_ptr()));
        }
    }

    #[test]
    fn what_readers_take_for_a_plain_record() {
        let raw = bytes(VECTOR);
        for length in 0..raw.len() {
            assert!(decode(&raw[..length]).is_none(), "{length}");
        }
        for at in 0..raw.len() {
            let mut raw = raw.clone();
            raw[at] ^= 1;
            assert!(decode(&raw).is_none(), "{at}");
        }
        assert!(decode(&sealed(b"")).is_none());
        assert!(decode(b"foreign").is_none());
        for (what, message) in [
            ("a record without an index", &b"\x0a\x01k\x1a\x03\x1a\x01d"[..]),
            ("a record without data", b"\x0a\x01k\x1a\x02\x08\x00"),
            ("data of another wire type", b"\x0a\x01k\x1a\x04\x08\x00\x18\x01"),
            ("a tag without a key", b"\x0a\x01k\x1a\x0a\x08\x00\x1a\x01d\x22\x03\x12\x01v"),
            ("field 0", b"\x0a\x01k\x00\x00"),
            ("wire type 6", b"\x0a\x01k\x2e\x00"),
            ("a group's end", b"\x0a\x01k\x2c"),
            ("a group without its end", b"\x0a\x01k\x2b"),
            ("a length beyond the end", b"\x0a\x05k"),
            ("a varint of eleven bytes", b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"),
        ] {
            assert_eq!(read(message), None, "{what}");
        }
    }

    #[test]
    fn what_readers_skip_and_which_field_counts() {
        let one = |key: &str, data: &[u8]| Some(vec![(Ok(key.to_owned()), data.to_vec())]);
        for (what, message, expected) in [
            ("an unknown field", &b"\x0a\x01k\x32\x02xx\x1a\x05\x08\x00\x1a\x01d"[..], one("k", b"d")),
            ("a group", b"\x0a\x01k\x2b\x08\x01\x2c\x1a\x05\x08\x00\x1a\x01d", one("k", b"d")),
            ("a table of another wire type", b"\x08\x05\x0a\x01k\x1a\x05\x08\x00\x1a\x01d", one("k", b"d")),
            ("a table at the end", b"\x1a\x05\x08\x00\x1a\x01d\x0a\x01k", one("k", b"d")),
            (
                "fields that stand twice",
                b"\x0a\x01k\x0a\x01l\x1a\x0a\x08\x00\x08\x01\x1a\x01d\x1a\x01e",
                one("l", b"e"),
            ),
            ("a key that nobody uses", b"\x0a\x01k\x0a\x01\xff\x1a\x05\x08\x00\x1a\x01d", one("k", b"d")),
            ("no records", b"\x0a\x01k", Some(vec![])),
        ] {
            assert_eq!(read(message), expected, "{what}");
        }
    }

    #[test]
    fn a_record_whose_keys_cannot_be_told_keeps_its_data_and_its_followers() {
        let data = |text: &[u8]| text.to_vec();
        let message = b"\x0a\x01k\x0a\x01\xff\x1a\x05\x08\x07\x1a\x01a\x1a\x07\x08\x00\x10\x00\x1a\x01b\x1a\x05\x08\x01\x1a\x01c\
                        \x1a\x09\x08\x80\x80\x80\x80\x10\x1a\x01d\x1a\x05\x08\x00\x1a\x01e";
        let expected = vec![
            (Err(Fault::PartitionKeyIndex), data(b"a")),
            (Err(Fault::ExplicitHashKeyIndex), data(b"b")),
            (Err(Fault::NotText), data(b"c")),
            (Err(Fault::PartitionKeyIndex), data(b"d")),
            (Ok("k".to_owned()), data(b"e")),
        ];
        assert_eq!(read(message), Some(expected));
    }

    #[test]
    fn a_tag_that_is_no_text_is_a_fault() {
        let raw = sealed(b"\x0a\x01k\x1a\x0a\x08\x00\x1a\x01d\x22\x03\x0a\x01\xff");
        let read: Vec<_> = decode(&raw).unwrap().records().map(|it| (it.data, it.tags())).collect();
        assert_eq!(read, [(&b"d"[..], Err(Fault::TagNotText))]);
    }

    #[test]
    fn the_hash_of_a_key_is_its_md5() {
        assert_eq!(hash_of(""), 0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e);
    }
}
