//! How fast the aggregated format is written and read, beside an MD5 of the same bytes.
//!
//! Enters: nothing. Leaves: one JSON object a size of payload: bytes of an aggregated record, and nanoseconds for one to be
//! packed, unpacked, and put through MD5, each the median of many. Nothing fails.

use std::hint::black_box;
use std::time::Instant;

use kpl::{Aggregate, Keys, Record};
use md5::{Digest, Md5};
use serde_json::json;

/// Bytes of all payloads of an aggregated record, about.
const AGGREGATE: usize = 25_000;
const TIMES: usize = 2_001;

fn main() {
    for payload in [20, 100, 200, 1_024, 4_096] {
        let mut rng = fastrand::Rng::with_seed(1);
        let users: Vec<(String, Vec<u8>)> = (0..AGGREGATE / payload)
            .map(|_| (format!("customer-{}", rng.u32(0..1_000)), vec![rng.u8(..); payload]))
            .collect();
        let raw = packed(&users);
        let result = json!({
            "payload": payload,
            "users": users.len(),
            "bytes": raw.len(),
            "pack_ns": median(|| packed(black_box(&users)).len()),
            "unpack_ns": median(|| unpacked(black_box(&raw))),
            "md5_ns": median(|| usize::from(Md5::digest(black_box(&raw))[0])),
        });
        println!("{result}");
    }
}

fn packed(users: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut aggregate = Aggregate::default();
    for (partition_key, data) in users {
        let keys = Keys { partition_key, explicit_hash_key: None };
        aggregate.push(Record { keys, data, tags: &[] });
    }
    aggregate.encode()
}

/// Looks at every key and every payload.
fn unpacked(raw: &[u8]) -> usize {
    let Some(aggregated) = kpl::decode(raw) else { return 0 };
    let looked_at =
        |it: kpl::Unpacked<'_>| it.keys.map_or(0, |keys| keys.partition_key.len()) + it.data.len();
    aggregated.records().map(looked_at).sum()
}

fn median(run: impl Fn() -> usize) -> u128 {
    let mut times: Vec<u128> = (0..TIMES)
        .map(|_| {
            let started = Instant::now();
            black_box(run());
            started.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    times[TIMES / 2]
}
