//! A stand-in for a CloudFront KeyValueStore on real sockets: one store, with its ETag and its limits, and beside it the
//! objects of a bucket.
//!
//! Enters: what the store holds at first, and a hook that looks at each call, may write in between as somebody else
//! would, and says what becomes of the call. Leaves: an HTTP client that takes every call there, and the store with
//! its counts. Stricter than AWS where that shows more: it refuses a key that stands twice in a batch, the deletion of
//! a key that is not there, and any moment above the limit of the store. Fails by panicking, since only tests call it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use handler::client::transport::Transport;
use serde_json::{Value, json};

use crate::wire;

pub const ARN: &str = "arn:aws:cloudfront::123456789012:key-value-store/11112222-3333-4444-5555-666677778888";

/// Bytes of the store, and of one update.
const STORE_LIMIT: usize = 5 << 20;
const REQUEST_LIMIT: usize = 3_000_000;

/// Header with the host that a request was signed for.
const HOST: &str = "x-signed-host";

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Describe,
    List,
    Update,
    /// Of an object of S3.
    Read,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy)]
pub enum Fate {
    Served,
    /// After a while.
    Late(Duration),
    /// Instead of being carried out.
    Refused(u16, &'static str, &'static str),
    /// The connection is closed without an answer, before it is carried out or after.
    Unanswered {
        carried_out: bool,
    },
    /// Nothing is said until the client goes away.
    Silence {
        carried_out: bool,
    },
    /// Carried out, and answered with what no model knows.
    Garbled,
}

/// How a stale ETag is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    /// As AWS does.
    Validation,
    /// As ministack does.
    Conflict,
}

/// The store.
#[derive(Debug, Clone)]
pub struct Store {
    pub entries: BTreeMap<String, String>,
    /// By host and path, each with the Region that a request must be signed for.
    pub objects: BTreeMap<String, (String, Vec<u8>)>,
    pub stale: Stale,
    /// Keys that one update takes.
    pub batch_limit: usize,
    pub describes: usize,
    pub lists: usize,
    pub reads: usize,
    /// All updates that came, and those that were taken.
    pub updates: usize,
    pub taken: usize,
    /// The largest number of bytes that it ever had.
    pub peak: usize,
    /// What it held under each ETag, where that is kept.
    pub versions: Option<BTreeMap<String, BTreeMap<String, String>>>,
    pub bytes: usize,
    pub version: u64,
}

type Hook = Box<dyn FnMut(Call, &mut Store) -> Fate + Send>;

/// A running server; it ends with the process.
#[derive(Clone)]
pub struct Server {
    address: SocketAddr,
    store: Arc<Mutex<Store>>,
    hook: Arc<Mutex<Hook>>,
}

impl Store {
    pub fn holding(entries: BTreeMap<String, String>) -> Self {
        let bytes = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
        Self {
            entries,
            objects: BTreeMap::new(),
            stale: Stale::Validation,
            batch_limit: 50,
            describes: 0,
            lists: 0,
            reads: 0,
            updates: 0,
            taken: 0,
            peak: bytes,
            versions: None,
            bytes,
            version: 1,
        }
    }

    pub fn etag(&self) -> String {
        format!("E{}", self.version)
    }

    /// A write of somebody else's.
    pub fn change(&mut self, write: impl FnOnce(&mut BTreeMap<String, String>)) {
        write(&mut self.entries);
        self.bytes = self.entries.iter().map(|(key, value)| key.len() + value.len()).sum();
        self.written();
    }

    fn written(&mut self) {
        self.version += 1;
        self.peak = self.peak.max(self.bytes);
        let etag = self.etag();
        if let Some(versions) = &mut self.versions {
            versions.insert(etag, self.entries.clone());
        }
    }

    fn told(&self) -> Answer {
        let body = json!({
            "ItemCount": self.entries.len(), "TotalSizeInBytes": self.bytes,
            "KvsARN": ARN, "Created": 1_700_000_000, "Status": "READY",
        });
        Answer { status: 200, etag: Some(self.etag()), body: body.to_string().into_bytes() }
    }

    fn serve(&mut self, request: &Request) -> Answer {
        let is_signed_for = |algorithm: &str, scope: &str| {
            let authorization = request.header("authorization");
            authorization.starts_with(algorithm) && authorization.contains(scope)
        };
        let every_region = request.header("x-amz-region-set") == "*";
        if request.call != Call::Read && !(every_region && is_signed_for("AWS4-ECDSA-P256-SHA256 ", "")) {
            return refusal(403, "AccessDeniedException", "not signed for every Region");
        }
        match request.call {
            Call::Describe => {
                self.describes += 1;
                self.told()
            }
            Call::List => {
                self.lists += 1;
                self.page(request)
            }
            Call::Update => {
                self.updates += 1;
                self.update(request)
            }
            Call::Read => {
                self.reads += 1;
                let place = format!("{}{}", request.header(HOST), request.path);
                match self.objects.get(&place) {
                    Some((region, object))
                        if is_signed_for("AWS4-HMAC-SHA256 ", &format!("/{region}/s3/")) =>
                    {
                        Answer { status: 200, etag: Some("\"object\"".to_owned()), body: object.clone() }
                    }
                    _ => {
                        let body = b"<Error><Code>NoSuchKey</Code><Message>no</Message></Error>".to_vec();
                        Answer { status: 404, etag: None, body }
                    }
                }
            }
        }
    }

    fn page(&self, request: &Request) -> Answer {
        let query = |name: &str| request.query.iter().find(|(it, _)| it == name).map(|(_, value)| value);
        let most = query("MaxResults").map_or(10, |text| text.parse().unwrap()).clamp(1, 50);
        let after = query("NextToken").cloned();
        let from = match &after {
            Some(after) => std::ops::Bound::Excluded(after.as_str()),
            None => std::ops::Bound::Unbounded,
        };
        let mut rest = self.entries.range::<str, _>((from, std::ops::Bound::Unbounded));
        let items: Vec<_> = rest.by_ref().take(most).collect();
        let last = items.last().map(|(key, _)| (*key).clone());
        let items: Vec<_> = items.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        let mut body = json!({ "Items": items });
        if rest.next().is_some() {
            body["NextToken"] = json!(last);
        }
        Answer { status: 200, etag: None, body: body.to_string().into_bytes() }
    }

    fn update(&mut self, request: &Request) -> Answer {
        if request.header("if-match") != self.etag() {
            return match self.stale {
                Stale::Validation => {
                    refusal(400, "ValidationException", "Pre-Condition failed: the ETag is not current")
                }
                Stale::Conflict => {
                    refusal(409, "ConflictException", "The provided If-Match value does not match")
                }
            };
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let list = |name: &str| body[name].as_array().cloned().unwrap_or_default();
        let (puts, deletes) = (list("Puts"), list("Deletes"));
        let key = |item: &Value| item["Key"].as_str().unwrap().to_owned();
        let keys: BTreeSet<String> = puts.iter().chain(&deletes).map(key).collect();
        let count = puts.len() + deletes.len();
        if count > self.batch_limit || request.body.len() > REQUEST_LIMIT {
            return refusal(400, "ValidationException", "The number of keys exceeds the limit of an update");
        }
        if count == 0 || keys.len() != count {
            return refusal(400, "ValidationException", "No key, or a key that stands twice");
        }
        // All or nothing: judged before anything is changed.
        let mut bytes = self.bytes;
        for item in &deletes {
            let Some(value) = self.entries.get(&key(item)) else {
                return refusal(404, "ResourceNotFoundException", "No such key");
            };
            bytes -= key(item).len() + value.len();
        }
        for item in &puts {
            let (key, value) = (key(item), item["Value"].as_str().unwrap());
            if !(1..=512).contains(&key.len()) || value.len() > 1_024 {
                return refusal(400, "ValidationException", "A key or a value is too long");
            }
            bytes += value.len();
            match self.entries.get(&key) {
                Some(before) => bytes -= before.len(),
                None => bytes += key.len(),
            }
        }
        if bytes > STORE_LIMIT {
            return refusal(402, "ServiceQuotaExceededException", "The store is full");
        }
        for item in &deletes {
            self.entries.remove(&key(item));
        }
        for item in &puts {
            self.entries.insert(key(item), item["Value"].as_str().unwrap().to_owned());
        }
        self.bytes = bytes;
        self.taken += 1;
        self.written();
        self.told()
    }
}

impl Server {
    /// Listens on a free port of 127.0.0.1, and serves every call.
    pub fn start(store: Store) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            store: Arc::new(Mutex::new(store)),
            hook: Arc::new(Mutex::new(Box::new(|_, _| Fate::Served))),
        };
        let running = server.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let server = running.clone();
                std::thread::spawn(move || server.connection(connection));
            }
        });
        server
    }

    pub fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes of calls from here on.
    pub fn hook(&self, hook: impl FnMut(Call, &mut Store) -> Fate + Send + 'static) {
        *self.hook.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(hook);
    }

    /// A client whose every request goes here, whatever host it is for.
    pub fn client(&self) -> SharedHttpClient {
        let inner = Transport::default().client("http://127.0.0.1").unwrap();
        SharedHttpClient::new(Redirecting { address: self.address, inner })
    }

    fn connection(&self, connection: TcpStream) {
        _ = connection.set_nodelay(true);
        let mut reader = BufReader::new(connection.try_clone().unwrap());
        let mut writer = connection;
        while let Some(request) = Request::read(&mut reader) {
            let (fate, answer) = {
                let mut hook = self.hook.lock().unwrap_or_else(PoisonError::into_inner);
                let mut store = self.store();
                let fate = hook(request.call, &mut store);
                let is_carried_out = !matches!(
                    fate,
                    Fate::Refused(..)
                        | Fate::Unanswered { carried_out: false }
                        | Fate::Silence { carried_out: false }
                );
                (fate, is_carried_out.then(|| store.serve(&request)))
            };
            let answer = match fate {
                Fate::Unanswered { .. } => return,
                Fate::Silence { .. } => {
                    _ = reader.read(&mut [0]);
                    return;
                }
                Fate::Late(by) => {
                    std::thread::sleep(by);
                    answer
                }
                Fate::Refused(status, code, message) => Some(refusal(status, code, message)),
                Fate::Garbled => Some(Answer { status: 200, etag: None, body: b"<html>".to_vec() }),
                Fate::Served => answer,
            };
            if answer.is_none_or(|answer| answer.write(&mut writer).is_err()) {
                return;
            }
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.address)
    }
}

struct Request {
    call: Call,
    path: String,
    query: Vec<(String, String)>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Request {
    /// Nothing where the client went away.
    fn read(reader: &mut impl BufRead) -> Option<Self> {
        let mut line = String::new();
        let mut lines = std::iter::from_fn(|| {
            line.clear();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            Some(line.trim_end().to_owned())
        });
        let first = lines.next()?;
        let mut headers = BTreeMap::new();
        for line in lines.take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':')?;
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let mut words = first.split(' ');
        let (method, path) = (words.next()?, words.next()?);
        let (_, path, query) = wire::address(path);
        let call = match (method, path.starts_with("/key-value-stores/"), path.ends_with("/keys")) {
            (_, false, _) => Call::Read,
            ("GET", true, false) => Call::Describe,
            ("GET", true, true) => Call::List,
            _ => Call::Update,
        };
        Some(Self { call, path, query, headers, body })
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

struct Answer {
    status: u16,
    etag: Option<String>,
    body: Vec<u8>,
}

impl Answer {
    fn write(&self, writer: &mut impl std::io::Write) -> std::io::Result<()> {
        let Self { status, etag, body } = self;
        let mut text = format!("HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\n");
        if let Some(etag) = etag {
            _ = write!(text, "etag: {etag}\r\n");
        }
        _ = write!(text, "content-length: {}\r\n\r\n", body.len());
        writer.write_all(text.as_bytes())?;
        writer.write_all(body)
    }
}

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    let body = json!({ "__type": code, "Message": message }).to_string();
    Answer { status, etag: None, body: body.into_bytes() }
}

/// Takes every request to one address, after it was signed for another.
#[derive(Debug)]
struct Redirecting<T> {
    address: SocketAddr,
    inner: T,
}

impl HttpClient for Redirecting<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Redirecting { address: self.address, inner })
    }
}

impl HttpConnector for Redirecting<SharedHttpConnector> {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let uri = request.uri().to_owned();
        let rest = uri.split_once("://").map_or(uri.as_str(), |(_, rest)| rest);
        let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        request.headers_mut().insert(HOST, host.to_owned());
        request.set_uri(format!("http://{}{path}", self.address)).unwrap();
        self.inner.call(request)
    }
}
