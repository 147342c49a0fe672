//! The HTTP side: requests read, operations told apart, answers written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;

use super::Shared;
use super::store::{Piece, Running};

/// A request without its body.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The API operation's name, as in `UploadPart`.
    pub operation: &'static str,
    pub bucket: String,
    pub key: String,
    pub query: BTreeMap<String, String>,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    method: String,
}

/// What goes back.
#[derive(Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Body,
}

#[derive(Debug)]
pub enum Body {
    Text(String),
    /// Pieces of files.
    Pieces(Vec<Piece>),
}

impl Default for Body {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.query.get(name)?.parse().ok()
    }

    /// The Region that the request is signed for.
    pub fn region(&self) -> Option<&str> {
        self.header("authorization")?.split("Credential=").nth(1)?.split('/').nth(2)
    }

    /// Whose credentials sign it.
    pub fn signer(&self) -> Option<&str> {
        self.header("authorization")?.split("Credential=").nth(1)?.split('/').next()
    }

    fn named(mut self) -> Self {
        let has = |name: &str| self.query.contains_key(name);
        let is_copy = self.headers.contains_key("x-amz-copy-source");
        self.operation = match (self.method.as_str(), self.key.is_empty()) {
            ("HEAD", false) => "HeadObject",
            ("GET", false) if has("uploadId") => "ListParts",
            ("GET", false) => "GetObject",
            ("GET", true) if has("uploads") => "ListMultipartUploads",
            ("GET", true) if has("list-type") => "ListObjectsV2",
            ("PUT", false) if has("partNumber") && is_copy => "UploadPartCopy",
            ("PUT", false) if has("partNumber") => "UploadPart",
            ("PUT", false) if is_copy => "CopyObject",
            ("PUT", false) => "PutObject",
            ("POST", false) if has("uploads") => "CreateMultipartUpload",
            ("POST", false) if has("uploadId") => "CompleteMultipartUpload",
            ("DELETE", false) if has("uploadId") => "AbortMultipartUpload",
            ("DELETE", false) => "DeleteObject",
            _ => "Unknown",
        };
        self
    }
}

impl Answer {
    pub fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub fn xml(body: String) -> Self {
        Self { status: 200, headers: vec![], body: Body::Text(body) }
    }

    pub fn refusal(status: u16, code: &str) -> Self {
        let text = format!("<Error><Code>{code}</Code><Message>{code}, said the stand-in</Message></Error>");
        Self { status, headers: vec![], body: Body::Text(text) }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }
}

/// As a code of [`super::Hook`]: the request is served, and then answered with an error all the same.
pub const AFTER: &str = "after it was done";

/// Serves a connection until it ends.
pub(super) fn serve(connection: &TcpStream, shared: &Shared) {
    _ = connection.set_nodelay(true);
    serve_each(connection, shared);
    // Another handle of it is kept for whoever stops the server.
    _ = connection.shutdown(Shutdown::Both);
}

fn serve_each(connection: &TcpStream, shared: &Shared) {
    let mut reader = BufReader::with_capacity(256 << 10, connection);
    while let Some(asked) = read_head(&mut reader) {
        if shared.is_over.load(Ordering::SeqCst) {
            return;
        }
        let length: u64 = asked.header("content-length").and_then(|it| it.parse().ok()).unwrap_or_default();
        if asked.header("expect").is_some()
            && (&*connection).write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_err()
        {
            return;
        }
        shared.asked.lock().unwrap().push(asked.operation.to_owned());
        let mut body = (&mut reader).take(length);
        let answer = match (shared.hook)(&asked, &shared.store) {
            None => shared.store.answer(&asked, &mut body),
            Some((status, AFTER)) => {
                shared.store.answer(&asked, &mut body);
                Answer::refusal(status, "InternalError")
            }
            Some((status, code)) => Answer::refusal(status, code),
        };
        // What was not read stands in the way of the next request.
        if std::io::copy(&mut body, &mut std::io::sink()).is_err() || body.limit() > 0 {
            return;
        }
        if write(connection, &asked, answer).is_err() {
            return;
        }
    }
}

fn read_head(reader: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers
            .entry(name.to_ascii_lowercase())
            .and_modify(|known: &mut String| *known = format!("{known},{}", value.trim()))
            .or_insert_with(|| value.trim().to_owned());
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (bucket, key) =
        path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    });
    let query = query.collect();
    Some(Asked { method, bucket: decoded(bucket), key: decoded(key), query, headers, operation: "" }.named())
}

pub(super) fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn write(mut connection: &TcpStream, asked: &Asked, answer: Answer) -> std::io::Result<()> {
    let length = match &answer.body {
        Body::Text(text) => text.len() as u64,
        Body::Pieces(pieces) => pieces.iter().map(|piece| piece.length).sum(),
    };
    let mut head = format!("HTTP/1.1 {} -\r\nx-amz-request-id: STANDIN\r\n", answer.status);
    for (name, value) in &answer.headers {
        _ = std::fmt::Write::write_fmt(&mut head, format_args!("{name}: {value}\r\n"));
    }
    if answer.status != 204 && !answer.headers.iter().any(|(name, _)| name == "content-length") {
        _ = std::fmt::Write::write_fmt(&mut head, format_args!("content-length: {length}\r\n"));
    }
    head.push_str("\r\n");
    if asked.operation == "HeadObject" {
        return connection.write_all(head.as_bytes());
    }
    match answer.body {
        Body::Text(text) => {
            head.push_str(&text);
            connection.write_all(head.as_bytes())
        }
        Body::Pieces(pieces) => {
            connection.write_all(head.as_bytes())?;
            for piece in pieces {
                let mut file = File::open(&piece.file.path)?;
                file.seek(SeekFrom::Start(piece.from))?;
                std::io::copy(&mut file.take(piece.length), &mut connection)?;
            }
            Ok(())
        }
    }
}

/// Writes a body to a file, decoded. Leaves the trailers.
pub(super) fn receive(
    asked: &Asked,
    body: &mut impl BufRead,
    file: &mut File,
    running: &mut Running,
) -> std::io::Result<BTreeMap<String, String>> {
    let is_chunked = asked.header("x-amz-content-sha256").is_some_and(|it| it.starts_with("STREAMING-"));
    let mut trailers = BTreeMap::new();
    if !is_chunked {
        pass(body, u64::MAX, file, running)?;
        return Ok(trailers);
    }
    loop {
        let mut line = String::new();
        body.read_line(&mut line)?;
        let size = line.trim_end().split(';').next().and_then(|it| u64::from_str_radix(it, 16).ok());
        let Some(size) = size else { return Err(std::io::ErrorKind::InvalidData.into()) };
        if size == 0 {
            break;
        }
        if pass(body, size, file, running)? != size {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        body.read_line(&mut String::new())?;
    }
    loop {
        let mut line = String::new();
        body.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { return Ok(trailers) };
        trailers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
}

fn pass(body: &mut impl BufRead, most: u64, file: &mut File, running: &mut Running) -> std::io::Result<u64> {
    let mut passed = 0;
    while passed < most {
        let bytes = body.fill_buf()?;
        let take = bytes.len().min(usize::try_from(most - passed).unwrap_or(usize::MAX));
        if take == 0 {
            break;
        }
        running.update(&bytes[..take]);
        file.write_all(&bytes[..take])?;
        body.consume(take);
        passed += take as u64;
    }
    Ok(passed)
}
