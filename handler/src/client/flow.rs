//! A body that is still on its way: an answer whose headers were read, and no more.
//!
//! Enters: the rest of an answer. Leaves: its bytes as they come, with what the answer said of their number. Fails
//! where it breaks off, and at its end where its checksum does not match.

use std::error::Error as StdError;

use aws_smithy_checksums::http::HttpChecksum;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::BodyExt;

use super::response_checksum::Expected;

/// What is left of an answer.
pub struct Flow {
    body: SdkBody,
    /// Bytes, where the answer says how many there are.
    pub length: Option<u64>,
    checksum: Option<(Expected, Box<dyn HttpChecksum>)>,
}

/// Why it cannot be read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// It broke off; a repeat may fare better.
    Off(String),
    /// It is another than the one that was sent.
    Changed(String),
}

impl Flow {
    pub fn new(body: SdkBody, length: Option<u64>, expected: Option<Expected>) -> Self {
        let checksum = expected.map(|expected| {
            let checksum = expected.algorithm.into_impl();
            (expected, checksum)
        });
        Self { body, length, checksum }
    }

    /// Goes on with the bytes of another answer, which begins where this one broke off.
    pub fn go_on_with(&mut self, rest: Self) {
        self.body = rest.body;
    }

    /// Without its checksum: of a part of an object it may be that of the whole.
    #[must_use]
    pub fn unchecked(self) -> Self {
        Self { checksum: None, ..self }
    }

    /// What came next; nothing at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        while let Some(frame) = self.body.frame().await {
            let Ok(bytes) = frame.map_err(|error| Broken::Off(cause(&*error)))?.into_data() else { continue };
            if bytes.is_empty() {
                continue;
            }
            if let Some((_, checksum)) = &mut self.checksum {
                checksum.update(&bytes);
            }
            return Ok(Some(bytes));
        }
        match self.checksum.take() {
            Some((expected, checksum)) => expected.compare(checksum).map(|()| None).map_err(Broken::Changed),
            None => Ok(None),
        }
    }
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flow").field("length", &self.length).finish_non_exhaustive()
    }
}

/// The innermost: the others say that an error happened.
fn cause(error: &(dyn StdError + 'static)) -> String {
    super::failure::chain(error).pop().unwrap_or_default()
}
