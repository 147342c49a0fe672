//! An HTTP server on a real socket that answers as it is told, and fails as it is told.
//!
//! Enters: a script of replies; request after request takes the next, and the last one stands for all that follow.
//! Leaves: an address, and how many requests came. Fails by panicking, since only tests call it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// How the server treats one request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    #[serde(default = "ok")]
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub body: Body,
    #[serde(default)]
    pub length: Length,
    pub fault: Option<Fault>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Body {
    #[default]
    Empty,
    Text(String),
    Json(serde_json::Value),
    Base64(String),
    /// Between two texts, a text as often as a number says.
    Repeated(String, String, usize, String),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Length {
    #[default]
    True,
    /// No length is told: the body comes in chunks.
    Chunked,
    /// Half of the body is sent, then the connection is closed.
    TwiceTheTruth,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// Before a byte of the request is read.
    ResetAtOnce,
    /// Once the request is read.
    Reset,
    /// Once the request is read, in good order.
    Close,
    /// The request is read, and nothing is said.
    Silence,
    /// A byte of the headers now and then.
    SlowHeaders,
    /// Half of the body, and nothing more.
    StallInBody,
    /// The body again and again, without end.
    Endless,
}

fn ok() -> u16 {
    200
}

impl Body {
    fn bytes(&self) -> Vec<u8> {
        use base64::Engine;
        match self {
            Self::Empty => Vec::new(),
            Self::Text(text) => text.clone().into_bytes(),
            Self::Json(value) => value.to_string().into_bytes(),
            Self::Base64(text) => {
                base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_else(|it| panic!("{it}"))
            }
            Self::Repeated(before, unit, times, after) => {
                format!("{before}{}{after}", unit.repeat(*times)).into_bytes()
            }
        }
    }
}

/// A running server; it ends with the runtime that it was started on.
#[derive(Debug)]
pub struct Faulty {
    pub address: SocketAddr,
    seen: Arc<AtomicUsize>,
}

impl Faulty {
    /// Listens on a free port of 127.0.0.1.
    pub async fn start(script: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap_or_else(|error| panic!("{error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("{error}"));
        let seen = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, script.clone(), Arc::clone(&counter)));
            }
        });
        Self { address, seen }
    }

    /// Requests so far, those included that were cut off.
    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

/// An address at which nothing listens.
pub fn closed() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}"));
    listener.local_addr().unwrap_or_else(|error| panic!("{error}"))
}

/// An address at which nothing listens, and which nobody else gets as long as what is returned beside it is kept.
pub fn refusing() -> (SocketAddr, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap_or_else(|error| panic!("{error}"));
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap_or_else(|error| panic!("{error}"));
    (socket.local_addr().unwrap_or_else(|error| panic!("{error}")), socket)
}

/// An address that swallows connections: the listener's queue is full and nobody takes from it. It stays so as long
/// as what is returned beside it is kept.
pub async fn black_hole() -> (SocketAddr, impl Drop) {
    let socket = TcpSocket::new_v4().unwrap_or_else(|error| panic!("{error}"));
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap_or_else(|error| panic!("{error}"));
    let listener = socket.listen(0).unwrap_or_else(|error| panic!("{error}"));
    let address = listener.local_addr().unwrap_or_else(|error| panic!("{error}"));
    let mut kept = Vec::new();
    while let Ok(connected) =
        tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await
    {
        kept.push(connected.unwrap_or_else(|error| panic!("{error}")));
        assert!(kept.len() < 64, "the queue has no end");
    }
    (address, Hole { _listener: listener, _kept: kept })
}

struct Hole {
    _listener: TcpListener,
    _kept: Vec<TcpStream>,
}

impl Drop for Hole {
    fn drop(&mut self) {}
}

async fn serve(mut connection: TcpStream, script: Vec<Reply>, counter: Arc<AtomicUsize>) {
    loop {
        let number = counter.load(Ordering::SeqCst);
        let next = script.get(number).or(script.last()).unwrap_or_else(|| panic!("an empty script"));
        if next.fault == Some(Fault::ResetAtOnce) {
            counter.fetch_add(1, Ordering::SeqCst);
            return reset(connection);
        }
        if read_request(&mut connection).await.is_none() {
            return;
        }
        counter.fetch_add(1, Ordering::SeqCst);
        match next.fault {
            Some(Fault::Reset) => return reset(connection),
            Some(Fault::Close) => return,
            Some(Fault::Silence) => return std::future::pending().await,
            _ => {}
        }
        // A client that went away is what some cases are about.
        if write_reply(&mut connection, next).await.is_err() {
            return;
        }
    }
}

pub(crate) fn reset(connection: TcpStream) {
    connection.set_zero_linger().unwrap_or_else(|error| panic!("{error}"));
    drop(connection);
}

async fn write_reply(connection: &mut TcpStream, reply: &Reply) -> std::io::Result<()> {
    let body = reply.body.bytes();
    let chunked = reply.length == Length::Chunked || reply.fault == Some(Fault::Endless);
    let mut head = format!("HTTP/1.1 {} Told\r\n", reply.status);
    for (name, value) in &reply.headers {
        _ = write!(head, "{name}: {value}\r\n");
    }
    if chunked {
        head.push_str("transfer-encoding: chunked\r\n\r\n");
    } else {
        _ = write!(head, "content-length: {}\r\n\r\n", body.len());
    }
    if reply.fault == Some(Fault::SlowHeaders) {
        for byte in head.bytes() {
            connection.write_all(&[byte]).await?;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    } else {
        connection.write_all(head.as_bytes()).await?;
    }
    if reply.fault == Some(Fault::Endless) {
        loop {
            chunk(connection, &body).await?;
        }
    }
    let half = body.split_at(body.len() / 2).0;
    if reply.length == Length::TwiceTheTruth {
        connection.write_all(half).await?;
        return connection.shutdown().await;
    }
    if reply.fault == Some(Fault::StallInBody) {
        connection.write_all(half).await?;
        return std::future::pending().await;
    }
    if chunked {
        for part in body.chunks(65_536) {
            chunk(connection, part).await?;
        }
        return connection.write_all(b"0\r\n\r\n").await;
    }
    connection.write_all(&body).await
}

async fn chunk(connection: &mut TcpStream, part: &[u8]) -> std::io::Result<()> {
    connection.write_all(format!("{:x}\r\n", part.len()).as_bytes()).await?;
    connection.write_all(part).await?;
    connection.write_all(b"\r\n").await
}

/// Reads one request with its body; nothing where the client went away.
pub(crate) async fn read_request(connection: &mut TcpStream) -> Option<Vec<u8>> {
    let mut read = Vec::new();
    let mut buffer = vec![0; 16_384];
    loop {
        let count = connection.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        read.extend_from_slice(buffer.get(..count)?);
        let Some(end) = read.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(read.get(..end)?).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.and_then(|it| it.trim().parse().ok()).unwrap_or(0);
        if read.len() >= end + 4 + length {
            return Some(read);
        }
    }
}
