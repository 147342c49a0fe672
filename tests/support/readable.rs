//! An object of S3 that is read: whole or from a byte on, if it is still the one that is asked for, in answers that come
//! in pieces and may break off.
//!
//! Enters: the object, and how the answers to come break off. Leaves: answers, and what each request asked for. Fails by
//! panicking where a request is none of `GetObject`, or is signed for another Region than the object's.

use std::collections::VecDeque;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::buckets::{End, Told, crc32, refusal};
use crate::wire::Request;

/// Clones are other objects.
#[derive(Debug, Clone)]
pub struct Readable {
    pub bytes: Vec<u8>,
    pub etag: String,
    /// Bytes of a piece.
    pub piece: usize,
    /// For the answers to come: after how many bytes they break off, and how.
    pub breaks: VecDeque<(usize, End)>,
    /// Of the object that it is replaced by once the next answer has begun.
    pub replaced_by: Option<String>,
    /// Of each request, the first byte and the ETag that it asked for.
    pub asked: Vec<(usize, Option<String>)>,
    /// Told in place of the object's own.
    pub crc32: Option<String>,
    host: &'static str,
    region: &'static str,
}

impl Readable {
    pub fn new(host: &'static str, region: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            etag: "\"one\"".to_owned(),
            piece: 1_000,
            breaks: VecDeque::new(),
            replaced_by: None,
            asked: Vec::new(),
            crc32: None,
            host,
            region,
        }
    }

    /// Nothing where the request is for something else.
    pub fn answer(&mut self, request: &Request) -> Option<Told> {
        if request.host != self.host {
            return None;
        }
        assert_eq!(request.method, "GET");
        let scope = format!("/{}/s3/aws4_request", self.region);
        assert!(request.headers["authorization"].contains(&scope), "signed for the Region of the object");
        let if_match = request.headers.get("if-match").cloned();
        let range = request.headers.get("range").map(|range| {
            let from = range.strip_prefix("bytes=").and_then(|it| it.strip_suffix('-')).unwrap();
            from.parse::<usize>().unwrap()
        });
        let from = range.unwrap_or(0);
        self.asked.push((from, if_match.clone()));
        if if_match.is_some_and(|wanted| wanted != self.etag) {
            return Some(refusal(412, "PreconditionFailed"));
        }
        if range.is_some_and(|from| from >= self.bytes.len()) {
            return Some(refusal(416, "InvalidRange"));
        }
        let (most, end) = self.breaks.pop_front().unwrap_or((usize::MAX, End::Whole));
        let rest = &self.bytes[from..];
        let pieces = rest[..most.min(rest.len())].chunks(self.piece).map(Bytes::copy_from_slice);
        let told = Told { status: if range.is_some() { 206 } else { 200 }, ..Told::pieces(pieces) };
        let etag = self.etag.clone();
        if let Some(next) = self.replaced_by.take() {
            self.etag = next;
        }
        let told = told.with("etag", etag).with("content-length", rest.len().to_string()).ending(end);
        // S3 tells a checksum of the whole object only.
        Some(match range {
            Some(_) => told,
            None => told.with("x-amz-checksum-crc32", self.crc32.clone().unwrap_or_else(|| self.own_crc32())),
        })
    }

    fn own_crc32(&self) -> String {
        STANDARD.encode(crc32(&self.bytes).to_be_bytes())
    }
}
