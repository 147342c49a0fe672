//! The three CRCs of S3, under the names by which the AWS SDK asks for them.
//!
//! Enters: bytes. Leaves: their checksum. Nothing fails.
//!
//! The SDK takes its CRCs from a crate of this name that holds tables for some twenty algorithms and chooses at run
//! time: 660 kB, a sixteenth of the binary, of which 40 are ever read. So the workspace puts this one in its place
//! (`[patch.crates-io]`), which hands the bytes to a crate for each of the three. What it does not have, nothing that is
//! linked here calls: a new release of the SDK that wants more does not compile.

use std::fmt;

/// An algorithm, by its name in the catalogue of CRCs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrcAlgorithm {
    /// CRC32, as zlib has it.
    Crc32IsoHdlc,
    /// CRC32C.
    Crc32Iscsi,
    /// CRC64NVME.
    Crc64Nvme,
}

/// A checksum in the making.
#[derive(Clone)]
pub struct Digest(State);

#[derive(Clone)]
enum State {
    Crc32(crc32fast::Hasher),
    Crc32c(u32),
    Crc64Nvme(crc64fast_nvme::Digest),
}

impl Digest {
    pub fn new(algorithm: CrcAlgorithm) -> Self {
        Self(match algorithm {
            CrcAlgorithm::Crc32IsoHdlc => State::Crc32(crc32fast::Hasher::new()),
            CrcAlgorithm::Crc32Iscsi => State::Crc32c(0),
            CrcAlgorithm::Crc64Nvme => State::Crc64Nvme(crc64fast_nvme::Digest::new()),
        })
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Crc32(hasher) => hasher.update(bytes),
            State::Crc32c(value) => *value = crc32c::crc32c_append(*value, bytes),
            State::Crc64Nvme(digest) => digest.write(bytes),
        }
    }

    /// The checksum so far; one of 32 bits in the lower half.
    pub fn finalize(&self) -> u64 {
        match &self.0 {
            State::Crc32(hasher) => hasher.clone().finalize().into(),
            State::Crc32c(value) => (*value).into(),
            State::Crc64Nvme(digest) => digest.sum64(),
        }
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Digest").finish_non_exhaustive()
    }
}

/// The checksum of these bytes.
pub fn checksum(algorithm: CrcAlgorithm, bytes: &[u8]) -> u64 {
    let mut digest = Digest::new(algorithm);
    digest.update(bytes);
    digest.finalize()
}

/// The checksum of some bytes and of `length` more behind them, from the checksum of each.
pub fn checksum_combine(algorithm: CrcAlgorithm, first: u64, second: u64, length: u64) -> u64 {
    let field = Field::of(algorithm);
    field.product(first, field.shift(length)) ^ second
}

/// Polynomials over GF(2) modulo that of a CRC. The highest bit stands for one, the lowest for the highest power.
#[derive(Clone, Copy)]
struct Field {
    polynomial: u64,
    one: u64,
}

impl Field {
    fn of(algorithm: CrcAlgorithm) -> Self {
        match algorithm {
            CrcAlgorithm::Crc32IsoHdlc => Self { polynomial: 0xEDB8_8320, one: 1 << 31 },
            CrcAlgorithm::Crc32Iscsi => Self { polynomial: 0x82F6_3B78, one: 1 << 31 },
            CrcAlgorithm::Crc64Nvme => Self { polynomial: 0x9A6C_9329_AC4B_C9B5, one: 1 << 63 },
        }
    }

    fn product(self, a: u64, mut b: u64) -> u64 {
        let mut sum = 0;
        let mut power = self.one;
        while power != 0 {
            if a & power != 0 {
                sum ^= b;
            }
            b = if b & 1 == 0 { b >> 1 } else { b >> 1 ^ self.polynomial };
            power >>= 1;
        }
        sum
    }

    /// What so many zero bytes multiply a checksum by.
    fn shift(self, mut bytes: u64) -> u64 {
        let mut shift = self.one;
        // Eight zero bits, squared as often as the length has binary places.
        let mut square = self.one >> 8;
        while bytes != 0 {
            if bytes & 1 != 0 {
                shift = self.product(shift, square);
            }
            square = self.product(square, square);
            bytes >>= 1;
        }
        shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [(CrcAlgorithm, u64); 3] = [
        (CrcAlgorithm::Crc32IsoHdlc, 0xCBF4_3926),
        (CrcAlgorithm::Crc32Iscsi, 0xE306_9283),
        (CrcAlgorithm::Crc64Nvme, 0xAE8B_1486_0A79_9888),
    ];

    #[test]
    fn the_catalogues_check_values() {
        for (algorithm, check) in ALL {
            assert_eq!(checksum(algorithm, b"123456789"), check, "{algorithm:?}");
            assert_eq!(checksum(algorithm, b""), 0);
        }
    }

    #[test]
    fn pieces_make_the_checksum_of_the_whole() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect();
        for (algorithm, _) in ALL {
            let whole = checksum(algorithm, &bytes);
            for cut in [0, 1, 7, 4_096, 65_537, bytes.len()] {
                let (first, second) = bytes.split_at(cut);
                let mut digest = Digest::new(algorithm);
                digest.update(first);
                digest.update(second);
                assert_eq!(digest.finalize(), whole, "{algorithm:?} at {cut}");
                let (one, other) = (checksum(algorithm, first), checksum(algorithm, second));
                let length = second.len() as u64;
                assert_eq!(checksum_combine(algorithm, one, other, length), whole, "{algorithm:?} at {cut}");
            }
        }
    }

    #[test]
    fn lengths_add_up_beyond_32_bits() {
        for (algorithm, check) in ALL {
            let behind = |first, length| checksum_combine(algorithm, first, 0, length);
            assert_eq!(behind(behind(check, 5 << 30), 7), behind(check, (5 << 30) + 7), "{algorithm:?}");
            assert_ne!(behind(check, 5 << 30), check);
        }
    }
}
