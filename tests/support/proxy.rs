//! A proxy between a caller and a far side, on real sockets, that spoils what passes through it.
//!
//! Enters: a script of faults; request after request takes the next, and the last one stands for all that follow.
//! Leaves: an address, how many requests came, and how many the far side carried out: it does what it is asked as
//! soon as it has read the request, whatever becomes of the answer. Fails by panicking, since only tests call it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::faulty::{read_request, reset};

/// Between two bytes of an answer that trickles.
const TRICKLE: Duration = Duration::from_secs(2);

/// What becomes of one request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// None: the far side's answer.
    Pass,
    /// Before a byte is read.
    ResetAtOnce,
    /// Once the head is read.
    ResetBeforeBody,
    Reset,
    /// In good order, without an answer.
    Close,
    Silence,
    SlowHeaders,
    SlowBody,
    /// The far side's answer breaks off.
    HalfBody,
    StallInBody,
    Answer(Answer),
    /// Something else than HTTP, before anything is read.
    Garbage,
}

/// An answer of the proxy's own.
#[derive(Debug, Clone, Deserialize)]
pub struct Answer {
    pub status: u16,
    /// The error's code; without it the body is a page of something in between.
    pub code: Option<String>,
}

/// A fault, and whether the far side gets the request first.
#[derive(Debug, Clone)]
pub struct Step {
    pub fault: Fault,
    pub is_done: bool,
}

/// A running proxy with its far side; both end with the runtime that they were started on.
#[derive(Debug)]
pub struct Proxy {
    pub address: SocketAddr,
    seen: Arc<AtomicUsize>,
    done: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1. `answer` is the body with which the far side answers.
    pub async fn start(script: Vec<Step>, answer: &'static str) -> Self {
        let (seen, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let far = far_side(answer, Arc::clone(&done)).await;
        let (listener, address) = listen().await;
        let counter = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(pass(connection, script.clone(), Arc::clone(&counter), far));
            }
        });
        Self { address, seen, done }
    }

    /// Requests that reached the proxy, those included that were cut off.
    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    /// Requests that the far side carried out.
    pub fn done(&self) -> usize {
        self.done.load(Ordering::SeqCst)
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap_or_else(|error| panic!("{error}"));
    let address = listener.local_addr().unwrap_or_else(|error| panic!("{error}"));
    (listener, address)
}

/// The service: one request a connection.
async fn far_side(answer: &'static str, done: Arc<AtomicUsize>) -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let done = Arc::clone(&done);
            tokio::spawn(async move {
                if read_request(&mut connection).await.is_some() {
                    done.fetch_add(1, Ordering::SeqCst);
                    let reply = http(200, answer);
                    connection.write_all(reply.as_bytes()).await.unwrap_or_else(|error| panic!("{error}"));
                }
            });
        }
    });
    address
}

async fn pass(mut connection: TcpStream, script: Vec<Step>, seen: Arc<AtomicUsize>, far: SocketAddr) {
    loop {
        let number = seen.load(Ordering::SeqCst);
        let step = script.get(number).or(script.last()).unwrap_or_else(|| panic!("an empty script"));
        match step.fault {
            Fault::ResetAtOnce => {
                // There is a request as soon as there is something to read.
                if connection.peek(&mut [0]).await.is_ok_and(|count| count > 0) {
                    seen.fetch_add(1, Ordering::SeqCst);
                    reset(connection);
                }
                return;
            }
            Fault::Garbage => {
                _ = connection.write_all(b"220 mail.example.com ready\r\n").await;
                return;
            }
            Fault::ResetBeforeBody => {
                if connection.read(&mut [0; 64]).await.is_ok_and(|count| count > 0) {
                    seen.fetch_add(1, Ordering::SeqCst);
                    reset(connection);
                }
                return;
            }
            _ => {}
        }
        let Some(request) = read_request(&mut connection).await else { return };
        seen.fetch_add(1, Ordering::SeqCst);
        let answer = if step.is_done { forward(&request, far).await } else { Vec::new() };
        // A caller that went away is what some cases are about.
        if spoiled(&mut connection, &step.fault, &answer).await.is_err() {
            return;
        }
        match step.fault {
            Fault::Pass | Fault::Answer(_) => {}
            Fault::Reset => return reset(connection),
            _ => return,
        }
    }
}

/// Writes what the fault leaves of the answer.
async fn spoiled(connection: &mut TcpStream, fault: &Fault, answer: &[u8]) -> std::io::Result<()> {
    let body = answer.windows(4).position(|it| it == b"\r\n\r\n").map_or(0, |at| at + 4);
    let half = body + (answer.len() - body) / 2;
    match fault {
        Fault::Pass => connection.write_all(answer).await,
        Fault::Silence => std::future::pending().await,
        Fault::SlowHeaders => trickle(connection, answer).await,
        Fault::SlowBody => {
            connection.write_all(&answer[..body]).await?;
            trickle(connection, &answer[body..]).await
        }
        Fault::HalfBody => connection.write_all(&answer[..half]).await,
        Fault::StallInBody => {
            connection.write_all(&answer[..half]).await?;
            std::future::pending().await
        }
        Fault::Answer(Answer { status, code }) => {
            let body = code.as_ref().map_or_else(
                || "<html><body>no</body></html>".to_owned(),
                |code| format!(r#"{{"__type":"{code}","message":"no"}}"#),
            );
            connection.write_all(http(*status, &body).as_bytes()).await
        }
        Fault::Close | Fault::Reset | Fault::ResetAtOnce | Fault::ResetBeforeBody | Fault::Garbage => Ok(()),
    }
}

async fn trickle(connection: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes {
        connection.write_all(&[*byte]).await?;
        tokio::time::sleep(TRICKLE).await;
    }
    Ok(())
}

async fn forward(request: &[u8], far: SocketAddr) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut connection = TcpStream::connect(far).await.unwrap_or_else(|error| panic!("{error}"));
    connection.write_all(request).await.unwrap_or_else(|error| panic!("{error}"));
    connection.read_to_end(&mut answer).await.unwrap_or_else(|error| panic!("{error}"));
    answer
}

fn http(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} Told\r\nx-amzn-requestid: id\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
