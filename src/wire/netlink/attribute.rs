//! `struct nlattr`: an iterator over the attributes of a message, and typed access to their values.
//!
//! ```text
//! length u16 │ type u16 (bit 15 nested, bit 14 network byte order) │ value, padded to 4
//! ```
//! The length counts the header but not the padding. Spec: netlink(7), `linux/netlink.h`.

use super::error::ParseError;
use std::borrow::Cow;

const HEADER_LEN: usize = 4;
const TYPE_MASK: u16 = 0x3fff;

/// Rounds up to the next multiple of 4, as all of netlink is aligned.
pub const fn align(length: usize) -> usize {
    (length + 3) & !3
}

/// The attributes in one block.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    block: &'a [u8],
    at: usize,
    base: usize,
}

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// `nla_type` without the two flag bits.
    pub kind: u16,
    /// The value without padding.
    pub value: &'a [u8],
    /// Where the value starts, in bytes from the start of the message's payload.
    pub offset: usize,
}

impl<'a> Attributes<'a> {
    /// The attributes of a message whose own fixed header (named `field`) takes `header` bytes.
    pub fn after(payload: &'a [u8], header: usize, field: &'static str) -> Result<Self, ParseError> {
        let block = payload.get(align(header)..).ok_or(ParseError::Truncated {
            field,
            offset: 0,
            need: align(header),
            have: payload.len(),
        })?;
        Ok(Self { block, at: 0, base: align(header) })
    }

    /// The first attribute of this type.
    pub fn find(mut self, kind: u16) -> Result<Option<Attribute<'a>>, ParseError> {
        Iterator::find(&mut self, |attribute| {
            attribute.as_ref().map_or(true, |attribute| attribute.kind == kind)
        })
        .transpose()
    }

    fn parse(&self, rest: &'a [u8]) -> Result<Attribute<'a>, ParseError> {
        let (offset, have) = (self.base + self.at, rest.len());
        if have < HEADER_LEN {
            return Err(ParseError::Truncated { field: "nlattr", offset, need: HEADER_LEN, have });
        }
        let length = usize::from(u16_at(rest, 0, "nla_len")?);
        let value = rest.get(HEADER_LEN..length).ok_or(ParseError::Length {
            field: "nla_len",
            offset,
            length,
            have,
        })?;
        let kind = u16_at(rest, 2, "nla_type")? & TYPE_MASK;
        Ok(Attribute { kind, value, offset: offset + HEADER_LEN })
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.block.get(self.at..).filter(|rest| !rest.is_empty())?;
        let attribute = self.parse(rest);
        self.at = match &attribute {
            Ok(attribute) => self.at + align(HEADER_LEN + attribute.value.len()),
            Err(_) => self.block.len(),
        };
        Some(attribute)
    }
}

impl<'a> Attribute<'a> {
    /// The first `N` bytes; more are ignored, because kernels append.
    pub fn bytes<const N: usize>(&self, field: &'static str) -> Result<[u8; N], ParseError> {
        self.value.first_chunk().copied().ok_or(ParseError::Truncated {
            field,
            offset: self.offset,
            need: N,
            have: self.value.len(),
        })
    }

    /// An unsigned byte.
    pub fn u8(&self, field: &'static str) -> Result<u8, ParseError> {
        self.bytes(field).map(u8::from_ne_bytes)
    }

    /// 16 bits.
    pub fn u16(&self, field: &'static str) -> Result<u16, ParseError> {
        self.bytes(field).map(u16::from_ne_bytes)
    }

    /// 32 bits.
    pub fn u32(&self, field: &'static str) -> Result<u32, ParseError> {
        self.bytes(field).map(u32::from_ne_bytes)
    }

    /// Text up to the first NUL. Bytes that are no UTF-8 are replaced: the kernel lets names be any bytes.
    pub fn text(&self) -> Cow<'a, str> {
        let text = self.value.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(text)
    }

    /// The attributes inside this one.
    pub fn nested(&self) -> Attributes<'a> {
        Attributes { block: self.value, at: 0, base: self.offset }
    }
}

/// 16 bits at `offset` of a fixed header.
pub(super) fn u16_at(bytes: &[u8], offset: usize, field: &'static str) -> Result<u16, ParseError> {
    chunk_at(bytes, offset, field).map(u16::from_ne_bytes)
}

/// 32 bits at `offset` of a fixed header.
pub(super) fn u32_at(bytes: &[u8], offset: usize, field: &'static str) -> Result<u32, ParseError> {
    chunk_at(bytes, offset, field).map(u32::from_ne_bytes)
}

/// `N` bytes at `offset` of a fixed header.
pub(super) fn chunk_at<const N: usize>(
    bytes: &[u8],
    offset: usize,
    field: &'static str,
) -> Result<[u8; N], ParseError> {
    let rest = bytes.get(offset..).unwrap_or_default();
    rest.first_chunk().copied().ok_or(ParseError::Truncated { field, offset, need: N, have: rest.len() })
}
