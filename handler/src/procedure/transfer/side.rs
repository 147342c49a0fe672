//! One side of a transfer: a bucket, reached through a client of its own.
//!
//! Enters: what is asked of the bucket. Leaves: the answer. Fails under S3's own names, which say the side; what only
//! reads never leaves an effect. A bucket that is in another Region than said is `PermanentRedirect`, as S3 has it,
//! and the message says where.

use std::collections::BTreeMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, ResponseChecksumValidation};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{ChecksumMode, ChecksumType};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Place;
use super::crc::{Algorithm, Crc, told};
use crate::client::attempt::AttemptLog;
use crate::client::typed::{Sent, sent};
use crate::effect::Effect;
use crate::error::{Error, Kind};
use crate::procedure::{Calls, Target};
use crate::region::Region;

/// As tables and models call it.
pub(super) const SERVICE: &str = "s3";

/// Where S3 tells in which Region a bucket is.
const BUCKET_REGION: &str = "x-amz-bucket-region";

/// What S3 answers to whoever asks the wrong Region.
const ELSEWHERE: [&str; 3] =
    ["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"];

/// A bucket and whoever may use it.
pub(super) struct Side<'a> {
    /// As the parameters call it.
    pub name: &'static str,
    pub bucket: &'a str,
    pub region: &'a Region,
    pub client: Client,
    pub calls: &'a Calls<'a>,
}

/// An object as it stands in a bucket.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub size: u64,
    pub etag: String,
    pub version: Option<String>,
    /// The checksum of the whole object that S3 keeps.
    pub whole: Option<Crc>,
    pub headers: Headers,
    pub tags: i32,
}

/// Sets of a request to the target what goes with the bytes.
macro_rules! with_headers {
    ($request:expr, $headers:expr) => {
        $request
            .set_content_type($headers.content_type.clone())
            .set_cache_control($headers.cache_control.clone())
            .set_content_disposition($headers.content_disposition.clone())
            .set_content_encoding($headers.content_encoding.clone())
            .set_content_language($headers.content_language.clone())
            .set_expires($headers.date())
            .set_website_redirect_location($headers.redirect.clone())
            .set_metadata(Some($headers.metadata.clone().into_iter().collect()))
    };
}
pub(super) use with_headers;

/// What goes with the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Headers {
    pub content_type: Option<String>,
    pub cache_control: Option<String>,
    pub content_disposition: Option<String>,
    pub content_encoding: Option<String>,
    pub content_language: Option<String>,
    /// To the letter: it may be no date.
    pub expires: Option<String>,
    pub redirect: Option<String>,
    pub metadata: BTreeMap<String, String>,
}

impl<'a> Side<'a> {
    pub async fn new(calls: &'a Calls<'a>, name: &'static str, place: &'a Place) -> Result<Self, Error> {
        let own = calls.target();
        let region = place.region.as_ref().unwrap_or(own.region);
        let target = Target { region, endpoint: place.endpoint.as_ref(), ..own };
        let typed = calls.typed(SERVICE, target, place.assume_role.as_ref()).await?;
        let config = Builder::from(&typed.config)
            .interceptor(typed.permits)
            .force_path_style(typed.options.path_style)
            .accelerate(typed.options.accelerate)
            // A bucket is a name here. What an ARN leads to, and sessions, are no one's to choose.
            .use_arn_region(false)
            .disable_multi_region_access_points(true)
            .disable_s3_express_session_auth(true)
            // Bytes are checked as they pass, range by range.
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        Ok(Self { name, bucket: &place.bucket, region, client: Client::from_conf(config.build()), calls })
    }

    /// Whatever became of a call that only reads.
    pub fn read<T, E>(&self, action: &str, sent: Sent<T, E>) -> Result<T, Error>
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        self.wrote(action, sent).map_err(|error| error.with_effect(Effect::None))
    }

    /// Whatever became of a call that writes.
    pub fn wrote<T, E>(&self, action: &str, sent: Sent<T, E>) -> Result<T, Error>
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let raw = sent.0.as_ref().err().and_then(|error| error.raw_response());
        let told = raw.and_then(|answer| answer.headers().get(BUCKET_REGION)).map(str::to_owned);
        self.calls.typed_call(sent).map_err(|error| self.explained(action, error, told.as_deref()))
    }

    /// Counts requests that ran inside of another one.
    pub fn note(&self, logs: Vec<AttemptLog>) {
        for log in logs {
            // The error, if there was one, is told by whoever saw it.
            _ = self.calls.typed_call::<_, GetObjectError>((Ok(()), log));
        }
    }

    /// The same error, saying the side and the call.
    pub fn explained(&self, action: &str, error: Error, bucket_region: Option<&str>) -> Error {
        let mut error = error.for_call(SERVICE, action, self.region.as_str());
        let code = error.code.as_deref().unwrap_or_default();
        let is_elsewhere = error.status_code == Some(301) || ELSEWHERE.contains(&code);
        if !is_elsewhere {
            error.message = format!("{}: {}", self.name, error.message);
            return error;
        }
        let found = bucket_region.and_then(|region| self.calls.region(region));
        let found = found.map_or("another Region".to_owned(), |region| format!("`{region}`"));
        error.message = format!("{}: the bucket is in {found}, not in `{}`", self.name, self.region);
        if error.name() == Kind::RemoteError.name() {
            return error.renamed("PermanentRedirect".to_owned());
        }
        error
    }

    /// The object at a key, unless there is none.
    pub async fn find(&self, key: &str) -> Result<Option<Standing>, Error> {
        match self.head(key, None, None).await {
            Ok(standing) => Ok(Some(standing)),
            Err(error) if error.status_code == Some(404) => Ok(None),
            Err(error) => Err(self.reason(key, None, error).await),
        }
    }

    /// The object at a key, which must be there.
    pub async fn look(
        &self,
        key: &str,
        version: Option<&str>,
        if_match: Option<&str>,
    ) -> Result<Standing, Error> {
        match self.head(key, version, if_match).await {
            Ok(standing) => Ok(standing),
            Err(error) if error.status_code == Some(412) => {
                let message = format!("{}: the object has another ETag than `ifMatch` names", self.name);
                Err(error.with_message(message).renamed(Kind::StaleETag.name().to_owned()))
            }
            Err(error) => Err(self.reason(key, version, error).await),
        }
    }

    async fn head(
        &self,
        key: &str,
        version: Option<&str>,
        if_match: Option<&str>,
    ) -> Result<Standing, Error> {
        let request = self
            .client
            .head_object()
            .bucket(self.bucket)
            .key(key)
            .set_version_id(version.map(str::to_owned))
            .set_if_match(if_match.map(str::to_owned))
            .checksum_mode(ChecksumMode::Enabled);
        let head = self.read("headObject", sent!(request))?;
        Standing::of(&head).map_err(|message| {
            let message = format!("{}: {message}", self.name);
            Error::new(Kind::MalformedResponse, message).for_call(SERVICE, "headObject", self.region.as_str())
        })
    }

    /// Answers to HEAD have no body that says why: to ask for the first byte fails for the same reason, and says it.
    async fn reason(&self, key: &str, version: Option<&str>, error: Error) -> Error {
        if !error.status_code.is_some_and(|status| (300..500).contains(&status)) {
            return error;
        }
        let request = self
            .client
            .get_object()
            .bucket(self.bucket)
            .key(key)
            .set_version_id(version.map(str::to_owned))
            .range("bytes=0-0");
        match self.read("getObject", sent!(request)) {
            Err(told) if told.status_code == error.status_code && told.code.is_some() => told,
            _ => error,
        }
    }
}

impl Standing {
    fn of(head: &HeadObjectOutput) -> Result<Self, String> {
        let size = head.content_length().and_then(|length| u64::try_from(length).ok());
        let (Some(size), Some(etag)) = (size, head.e_tag()) else {
            return Err("the answer holds no length or no ETag".to_owned());
        };
        if let Some(missing) = head.missing_meta().filter(|missing| *missing > 0) {
            return Err(format!("{missing} entries of the metadata cannot be told in headers"));
        }
        let is_whole = head.checksum_type() == Some(&ChecksumType::FullObject);
        let whole = || Algorithm::ALL.into_iter().find_map(|algorithm| told!(head, algorithm));
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let headers = Headers {
            content_type: owned(head.content_type()),
            cache_control: owned(head.cache_control()),
            content_disposition: owned(head.content_disposition()),
            content_encoding: owned(head.content_encoding()),
            content_language: owned(head.content_language()),
            expires: owned(head.expires_string()),
            redirect: owned(head.website_redirect_location()),
            metadata: head.metadata().cloned().unwrap_or_default().into_iter().collect(),
        };
        Ok(Self {
            size,
            etag: etag.to_owned(),
            version: owned(head.version_id()).filter(|version| version != "null"),
            whole: is_whole.then(whole).flatten(),
            headers,
            tags: head.tag_count().unwrap_or_default(),
        })
    }

    /// Whether the other one surely holds the same: size, headers and metadata, and either the same checksum of the
    /// whole or the same ETag. (An ETag is a hash of the content or, where it is none, of nothing that occurs twice.)
    pub fn is_same(&self, other: &Self) -> bool {
        let is_same_content =
            self.etag == other.etag || self.whole.is_some_and(|whole| other.whole == Some(whole));
        self.size == other.size && self.headers == other.headers && is_same_content
    }
}
