//! A stand-in for S3 that keeps objects in files, for transfers that no store in memory could hold.
//!
//! Enters: buckets, each in a Region, and a folder. Leaves: a server on 127.0.0.1 that does what S3 documents of
//! `HeadObject`, `GetObject` (ranges, `If-Match`), `PutObject`, `CopyObject`, `ListObjectsV2` and multipart uploads
//! (conditions, listings, copied parts, checksums of parts and of the whole, which it computes and compares), with
//! `aws-chunked` bodies and trailers; and `301` where a request is signed for another Region than the bucket's. It
//! checks no signature and knows no permissions: [`Hook`] refuses what a test wants refused, and sees every request.
//!
//! What it is not: versions, tags, encryption, ACLs. An ETag is a hash of the content, but not MD5. A thread serves
//! each connection; bytes go from file to socket within the kernel, so that it is not the bottleneck.

mod http;
mod store;

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub use http::{AFTER, Answer, Asked};
pub use store::{Made, Store};

/// Looks at a request before it is served, and may change what is there, or refuse with a status and a code.
pub type Hook = Box<dyn Fn(&Asked, &Store) -> Option<(u16, &'static str)> + Send + Sync>;

/// A running server; stopped when it is dropped.
pub struct ObjectFiles {
    address: std::net::SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

pub(crate) struct Shared {
    store: Store,
    hook: Hook,
    /// The names of the operations that were asked for.
    asked: Mutex<Vec<String>>,
    connections: Mutex<Vec<TcpStream>>,
    is_over: AtomicBool,
}

impl ObjectFiles {
    /// Serves `buckets`, names with their Regions, out of files in `folder`.
    pub fn serve(folder: &Path, buckets: &[(&str, &str)], port: u16, hook: Hook) -> Self {
        let listener =
            TcpListener::bind(("127.0.0.1", port)).unwrap_or_else(|error| panic!("no port: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("no address: {error}"));
        let shared = Arc::new(Shared {
            store: Store::new(folder, buckets),
            hook,
            asked: Mutex::default(),
            connections: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if serving.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(connection) = connection else { continue };
                let serving = Arc::clone(&serving);
                if let Ok(kept) = connection.try_clone() {
                    serving.connections.lock().unwrap().push(kept);
                }
                std::thread::spawn(move || http::serve(&connection, &serving));
            }
        });
        Self { address, shared, accepting: Some(accepting) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// The names of the operations since this was last asked.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.asked.lock().unwrap())
    }
}

impl Drop for ObjectFiles {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes the one that accepts.
        drop(TcpStream::connect(self.address));
        for connection in self.shared.connections.lock().unwrap().drain(..) {
            _ = connection.shutdown(Shutdown::Both);
        }
        if let Some(accepting) = self.accepting.take() {
            _ = accepting.join();
        }
    }
}

/// One line per request, for whoever watches a process of it.
pub fn report(server: &ObjectFiles) {
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for name in server.asked() {
        *counts.entry(name).or_default() += 1;
    }
    let mut out = std::io::stdout().lock();
    _ = writeln!(out, "{}", serde_json::json!(counts));
    _ = out.flush();
}
