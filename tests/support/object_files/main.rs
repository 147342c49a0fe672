//! The stand-in for S3 as a process of its own.
//!
//! Enters: a folder, a port, and buckets as `name=region`; then lines on standard input: `put BUCKET KEY FILE` makes a
//! file an object, `count` asks for the requests so far, `uploads BUCKET KEY` for uploads in progress, `sum BUCKET KEY`
//! for an object's size and checksum. Leaves: one line for each. Ends with its input.

use std::io::{BufRead, Write};
use std::path::Path;

use tests::object_files::{ObjectFiles, report};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, port, buckets @ ..] = arguments.as_slice() else {
        panic!("object-files FOLDER PORT BUCKET=REGION…");
    };
    let buckets: Vec<(&str, &str)> = buckets.iter().filter_map(|it| it.split_once('=')).collect();
    let port = port.parse().unwrap_or_else(|_| panic!("`{port}` is no port"));
    let server = ObjectFiles::serve(Path::new(folder), &buckets, port, Box::new(|_, _| None));
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["put", bucket, key, file] => {
                let headers = [("content-type", "text/plain"), ("x-amz-meta-team", "blue")];
                server.store().put_file(bucket, key, Path::new(file), &headers, Some("CRC64NVME"));
                _ = writeln!(out, "put");
            }
            ["count"] => report(&server),
            ["uploads", bucket, key] => {
                _ = writeln!(out, "{}", server.store().uploads(bucket, key).len());
            }
            ["sum", bucket, key] => {
                let made = server.store().object(bucket, key);
                let told = made.map_or("none".to_owned(), |made| {
                    format!("{} {}", made.size, made.checksum().unwrap_or_default())
                });
                _ = writeln!(out, "{told}");
            }
            ["remove", bucket, key] => {
                server.store().remove(bucket, key);
                _ = writeln!(out, "removed");
            }
            _ => _ = writeln!(out, "unknown"),
        }
        _ = out.flush();
    }
}
