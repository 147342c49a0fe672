//! Checksums of bytes that are read in pieces, in parallel and over several attempts.
//!
//! Enters: bytes, or a checksum as S3 tells it: base64 of the big-endian value. Leaves: [`Crc`], of which two of
//! neighbouring pieces make that of both. Nothing fails; text that is no checksum is none.

use aws_sdk_s3::types::ChecksumAlgorithm;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;

/// Of S3's algorithms those whose checksum of a whole object follows from those of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    /// What S3 uses where nobody says otherwise.
    Crc64Nvme,
}

/// The checksum of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crc {
    pub algorithm: Algorithm,
    value: u64,
}

/// A checksum in the making.
#[derive(Debug)]
pub(crate) struct Running {
    algorithm: Algorithm,
    digest: crc_fast::Digest,
}

/// The checksum of this algorithm among the members of an output of the SDK.
macro_rules! told {
    ($output:expr, $algorithm:expr) => {{
        let text = match $algorithm {
            $crate::procedure::transfer::crc::Algorithm::Crc32 => $output.checksum_crc32(),
            $crate::procedure::transfer::crc::Algorithm::Crc32c => $output.checksum_crc32_c(),
            $crate::procedure::transfer::crc::Algorithm::Crc64Nvme => $output.checksum_crc64_nvme(),
        };
        text.and_then(|text| $crate::procedure::transfer::crc::Crc::parse($algorithm, text))
    }};
}
pub(crate) use told;

impl Algorithm {
    pub const ALL: [Self; 3] = [Self::Crc64Nvme, Self::Crc32c, Self::Crc32];

    pub fn sdk(self) -> ChecksumAlgorithm {
        match self {
            Self::Crc32 => ChecksumAlgorithm::Crc32,
            Self::Crc32c => ChecksumAlgorithm::Crc32C,
            Self::Crc64Nvme => ChecksumAlgorithm::Crc64Nvme,
        }
    }

    fn crc(self) -> CrcAlgorithm {
        match self {
            Self::Crc32 => CrcAlgorithm::Crc32IsoHdlc,
            Self::Crc32c => CrcAlgorithm::Crc32Iscsi,
            Self::Crc64Nvme => CrcAlgorithm::Crc64Nvme,
        }
    }
}

impl Crc {
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        Self { algorithm, value: crc_fast::checksum(algorithm.crc(), bytes) }
    }

    /// As S3 writes it.
    pub fn parse(algorithm: Algorithm, text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        let value = match algorithm {
            Algorithm::Crc64Nvme => u64::from_be_bytes(bytes.try_into().ok()?),
            Algorithm::Crc32 | Algorithm::Crc32c => u32::from_be_bytes(bytes.try_into().ok()?).into(),
        };
        Some(Self { algorithm, value })
    }

    /// Of these bytes and `length` more, whose checksum is `next`.
    #[must_use]
    pub fn and(self, next: Self, length: u64) -> Self {
        let value = crc_fast::checksum_combine(self.algorithm.crc(), self.value, next.value, length);
        Self { value, ..self }
    }
}

/// As S3 writes it.
impl std::fmt::Display for Crc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = self.value.to_be_bytes();
        let written = match self.algorithm {
            Algorithm::Crc64Nvme => bytes.as_slice(),
            Algorithm::Crc32 | Algorithm::Crc32c => bytes.get(4..).unwrap_or_default(),
        };
        f.write_str(&STANDARD.encode(written))
    }
}

impl Running {
    pub fn new(algorithm: Algorithm) -> Self {
        Self { algorithm, digest: crc_fast::Digest::new(algorithm.crc()) }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
    }

    pub fn crc(&self) -> Crc {
        Crc { algorithm: self.algorithm, value: self.digest.finalize() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the catalogue of CRC algorithms: of the digits one to nine.
    #[test]
    fn values_are_those_of_the_catalogue() {
        for (algorithm, value) in [
            (Algorithm::Crc32, 0xcbf4_3926),
            (Algorithm::Crc32c, 0xe306_9283),
            (Algorithm::Crc64Nvme, 0xae8b_1486_0a79_9888),
        ] {
            let mut running = Running::new(algorithm);
            running.update(b"1234");
            running.update(b"56789");
            assert_eq!(running.crc(), Crc { algorithm, value });
            assert_eq!(Crc::of(algorithm, b"123456789"), running.crc());
        }
    }

    #[test]
    fn neighbours_make_one() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|it| u8::try_from(it * 7 % 251).unwrap()).collect();
        for algorithm in Algorithm::ALL {
            for cut in [0, 1, 17, 65_536, 99_999, 100_000] {
                let (first, second) = bytes.split_at(cut);
                let length = u64::try_from(second.len()).unwrap();
                let both = Crc::of(algorithm, first).and(Crc::of(algorithm, second), length);
                assert_eq!(both, Crc::of(algorithm, &bytes), "{algorithm:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn text_is_read_as_it_is_written() {
        for algorithm in Algorithm::ALL {
            let crc = Crc::of(algorithm, b"123456789");
            assert_eq!(Crc::parse(algorithm, &crc.to_string()), Some(crc));
        }
        assert_eq!(Crc::of(Algorithm::Crc32, b"123456789").to_string(), "y/Q5Jg==");
        for text in ["", "y/Q5Jg", "y/Q5Jg==-2", "AAAAAAA=", "AAAAAAAAAAAA"] {
            assert_eq!(Crc::parse(Algorithm::Crc32, text), None, "{text}");
        }
        assert_eq!(Crc::parse(Algorithm::Crc64Nvme, "y/Q5Jg=="), None);
    }
}
