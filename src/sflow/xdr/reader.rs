//! Reading XDR from a slice: every access is checked, every error names its offset, nothing is copied.
//!
//! Offsets count from the start of the slice that the reader was given: the datagram, or the body of one sample
//! or record. The C agent leaves stale bytes in its padding, so padding that is not zero is counted, not refused.

use serde::{Serialize, Serializer};

/// What made bytes unreadable, and where. Offsets are in bytes from the start of the datagram, or of the body
/// of the sample or record that carries the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The data ends before a value does.
    #[error("offset {offset}: {wanted} bytes wanted, {left} left")]
    Truncated {
        /// Where the value starts.
        offset: usize,
        /// Its size.
        wanted: usize,
        /// What is there.
        left: usize,
    },
    /// A list claims more entries than the remaining bytes can hold.
    #[error("offset {offset}: a list of {count} entries in {left} bytes")]
    Count {
        /// Where the count stands.
        offset: usize,
        /// What it claims.
        count: u32,
        /// Bytes that follow it.
        left: usize,
    },
    /// The data goes on after the last field.
    #[error("offset {offset}: {left} bytes after the last field")]
    Trailing {
        /// Where the fields end.
        offset: usize,
        /// Bytes that follow.
        left: usize,
    },
    /// A discriminant (address type, value type) that the specification does not name.
    #[error("offset {offset}: unknown type {value}")]
    Choice {
        /// Where it stands.
        offset: usize,
        /// What it is.
        value: u32,
    },
    /// A string is not UTF-8.
    #[error("offset {offset}: string is not UTF-8")]
    Text {
        /// Where its length word stands.
        offset: usize,
    },
    /// Not sFlow version 5.
    #[error("version {0}, not 5")]
    Version(u32),
}

impl Serialize for DecodeError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A cursor over received bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
    dirty: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0, dirty: 0 }
    }

    /// Bytes read so far.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Bytes of padding seen so far that were not zero.
    pub fn dirty_padding(&self) -> usize {
        self.dirty
    }

    /// Adds what an inner reader counted.
    pub(crate) fn add_dirty_padding(&mut self, bytes: usize) {
        self.dirty += bytes;
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(DecodeError::Truncated {
            offset: self.at,
            wanted: count,
            left: self.rest.len(),
        })?;
        self.rest = rest;
        self.at += count;
        Ok(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let offset = self.at;
        let left = self.rest.len();
        let bytes = self.bytes(N)?;
        bytes.try_into().map_err(|_| DecodeError::Truncated { offset, wanted: N, left })
    }

    /// One 32-bit word.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.chunk()?))
    }

    /// Two words, the high one first.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.chunk()?))
    }

    /// `N` bytes and their padding.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let bytes = self.chunk()?;
        self.padding(N)?;
        Ok(bytes)
    }

    /// A length word, that many bytes, and their padding. The padding may be missing at the very end: some
    /// agents leave it out of an element's length.
    pub fn opaque(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.u32()? as usize;
        let bytes = self.bytes(length)?;
        if !self.is_empty() {
            self.padding(length)?;
        }
        Ok(bytes)
    }

    /// A tag and the body that belongs to it.
    pub fn element(&mut self) -> Result<(u32, &'a [u8]), DecodeError> {
        let tag = self.u32()?;
        let length = self.u32()? as usize;
        let body = self.bytes(length)?;
        self.padding(length)?;
        Ok((tag, body))
    }

    /// Skips what fills `length` up to a multiple of 4.
    fn padding(&mut self, length: usize) -> Result<(), DecodeError> {
        let padding = self.bytes(length.wrapping_neg() % 4)?;
        self.dirty += padding.iter().filter(|&&b| b != 0).count();
        Ok(())
    }

    /// Everything must have been read; the count of padding bytes that were not zero.
    pub fn finish(self) -> Result<usize, DecodeError> {
        if self.rest.is_empty() {
            return Ok(self.dirty);
        }
        Err(DecodeError::Trailing { offset: self.at, left: self.rest.len() })
    }
}
