//! All objects whose keys begin alike.
//!
//! Enters: the prefix at the source, and what stands in its place at the target. Leaves: [`Tally`], and a manifest of as
//! many objects as the listing has pages. Fails as the first object does that cannot be copied, with its key among the
//! `fields`.
//!
//! Each object is copied as it would be by itself, and left alone where the target has it already. So another
//! attempt passes by what the one before it did, though not by objects of which neither S3's checksums nor their
//! `ETag`s tell that they are the same.

use std::sync::Mutex;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Map, Value as Json};

use super::object::{Copied, Object};
use super::side::Side;
use crate::client::typed::sent;
use crate::effect::Effect;
use crate::error::Error;

/// Objects under way at once, of which one is copied in parts.
const AT_ONCE: usize = 8;

/// What came of the objects so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub copied: u64,
    pub bytes: u64,
    /// Which the target had.
    pub unchanged: u64,
    /// Which were listed, and deleted before they were read.
    pub gone: u64,
    pub tags_left_behind: u64,
    pub aborted_uploads: u64,
    pub manifests: u64,
}

impl Tally {
    fn count(&mut self, copied: Option<&Copied>) {
        match copied {
            None => self.gone += 1,
            Some(Copied { path: None, .. }) => self.unchanged += 1,
            Some(copied) => {
                self.copied += 1;
                self.bytes += copied.size;
                self.tags_left_behind += u64::try_from(copied.source.tags).unwrap_or_default();
                self.aborted_uploads += u64::try_from(copied.aborted).unwrap_or_default();
            }
        }
    }
}

/// Copies every object under `prefix`, each as `any` would be under keys of its own. `place` stands in for the prefix;
/// `manifest` begins the keys of the pages of the manifest.
pub(super) async fn copy(
    any: &Object<'_>,
    (prefix, place): (&str, &str),
    manifest: Option<&str>,
    tally: &Mutex<Tally>,
) -> Result<(), Error> {
    let source = any.source;
    let mut token = None;
    loop {
        let request = source
            .client
            .list_objects_v2()
            .bucket(source.bucket)
            .prefix(prefix)
            .set_continuation_token(token.take());
        let page = source.read("listObjectsV2", sent!(request))?;
        let keys = page.contents().iter().filter_map(|listed| listed.key());
        let lines = stream::iter(keys).map(|key| async move {
            let to = format!("{place}{}", key.strip_prefix(prefix).unwrap_or(key));
            let object = Object { from: key, to: &to, ..*any };
            let copied = match object.copy(None).await {
                Ok(copied) => Some(copied),
                Err(error) if error.code.as_deref() == Some("NoSuchKey") => None,
                Err(mut error) => {
                    error.fields.insert("Key".to_owned(), key.into());
                    return Err(error);
                }
            };
            tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner).count(copied.as_ref());
            Ok(line(key, &to, copied.as_ref()))
        });
        let lines: Vec<Json> = lines.buffered(AT_ONCE).try_collect().await?;
        if let Some(manifest) = manifest {
            let number = {
                let mut tally = tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                tally.manifests += 1;
                tally.manifests
            };
            write_manifest(any.target, &format!("{manifest}{number:06}.jsonl"), &lines).await?;
        }
        match page.next_continuation_token().filter(|_| page.is_truncated() == Some(true)) {
            Some(next) => token = Some(next.to_owned()),
            None => return Ok(()),
        }
    }
}

fn line(key: &str, to: &str, copied: Option<&Copied>) -> Json {
    let gone = || Map::from_iter([("path".to_owned(), "gone".into())]);
    let mut line = copied.map_or_else(gone, Copied::result);
    line.insert("sourceKey".to_owned(), key.into());
    line.insert("targetKey".to_owned(), to.into());
    line.into()
}

async fn write_manifest(target: &Side<'_>, key: &str, lines: &[Json]) -> Result<(), Error> {
    let mut text = String::new();
    for line in lines {
        text.push_str(&line.to_string());
        text.push('\n');
    }
    let request = target
        .client
        .put_object()
        .bucket(target.bucket)
        .key(key)
        .content_type("application/x-ndjson")
        .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
        .body(ByteStream::from(text.into_bytes()));
    // Objects were copied by now, whatever becomes of the list of them.
    target.wrote("putObject", sent!(request)).map(drop).map_err(|error| error.with_effect(Effect::Unknown))
}
