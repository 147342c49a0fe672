//! libFuzzer's own mutations, of a part where a change of the whole would seldom leave anything to read.

use std::collections::BTreeSet;
use std::fmt::Write;

use fastrand::Rng;

/// Bytes that a part may grow by at once.
const GROWTH: usize = 256;

/// Words of a dictionary, beyond which none is used often enough.
const WORDS_KEPT: usize = 1_000;

/// What stands between the words of JSON, XML and a header.
const BETWEEN: &[u8] = b"{}[]<>\"':,=/&; \n";

/// Words of all formats, among them those at the edge of a type.
const WORDS: [&[u8]; 40] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b",",
    b":",
    b"null",
    b"true",
    b"false",
    b"-1",
    b"2147483648",
    b"9223372036854775808",
    b"1e999",
    b"0.1",
    b"\"NaN\"",
    b"Infinity",
    b"\\ud800",
    b"\\u0000",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xf0\x9f\xa6\x80",
    b"<",
    b">",
    b"</",
    b"/>",
    b"&lt;",
    b"&#0;",
    b"&x;",
    b"<![CDATA[",
    b"]]>",
    b"<!DOCTYPE a>",
    b"<?xml version=\"1.0\"?>",
    b"\xbf",
    b"\xff",
    b"\x9f",
    b"\xfb\x7f\xf8\0\0\0\0\0\0",
    b"1985-04-12T23:20:50.52Z",
    b"Tue, 29 Apr 2014 18:30:38 GMT",
    b"States.Timeout",
];

/// libFuzzer's mutations of all bytes.
pub fn whole(input: &[u8], limit: usize) -> Vec<u8> {
    let limit = limit.min(input.len() + GROWTH).max(1);
    let mut bytes = input.to_vec();
    bytes.resize(bytes.len().max(limit), 0);
    let size = libfuzzer_sys::fuzzer_mutate(&mut bytes, input.len().min(limit), limit);
    bytes.truncate(size);
    bytes
}

/// The same, every other time of one word alone.
pub fn text(input: &[u8], limit: usize, random: &mut Rng) -> Vec<u8> {
    if input.is_empty() || random.bool() {
        return whole(input, limit);
    }
    let is_between = |byte: &u8| BETWEEN.contains(byte);
    let at = random.usize(..input.len());
    let start = input[..at].iter().rposition(is_between).map_or(0, |before| before + 1);
    let end = input[at..].iter().position(is_between).map_or(input.len(), |length| at + length).max(start);
    let word = whole(&input[start..end], (end - start) + limit.saturating_sub(input.len()));
    [&input[..start], &word, &input[end..]].concat()
}

/// A dictionary of libFuzzer's: the words above, and those of the seeds.
pub fn dictionary(seeds: &[Vec<u8>]) -> String {
    let of_seeds = seeds.iter().flat_map(|seed| seed.split(|byte| !byte.is_ascii_alphanumeric()));
    let of_seeds: BTreeSet<&[u8]> = of_seeds.filter(|word| (3..=32).contains(&word.len())).collect();
    let mut dictionary = String::new();
    for word in WORDS.into_iter().chain(of_seeds).take(WORDS_KEPT) {
        dictionary.push('"');
        for byte in word {
            _ = write!(dictionary, "\\x{byte:02X}");
        }
        dictionary.push_str("\"\n");
    }
    dictionary
}
