//! `struct nlmsghdr`: splits a datagram into messages, and tells data, end and errors apart.
//!
//! ```text
//! length u32 │ type u16 │ flags u16 │ sequence u32 │ port u32 │ payload, padded to 4
//! ```
//! A dump is many `NLM_F_MULTI` messages and one `NLMSG_DONE`, whose payload is the dump's error code: a dump that
//! is refused may end this way and not by `NLMSG_ERROR`. `NLM_F_DUMP_INTR` on any of them says that the table
//! changed meanwhile, so entries may be missing. Spec: netlink(7), `linux/netlink.h`.

use super::attribute::{Attributes, align, u16_at, u32_at};
use super::error::ParseError;
use std::borrow::Cow;

/// Bytes of `struct nlmsghdr`.
pub const HEADER_LEN: usize = 16;
/// `NLM_F_MULTI`.
const MULTI: u16 = 0x2;
/// `NLM_F_DUMP_INTR`: the dump was disturbed by a change.
pub const DUMP_INTR: u16 = 0x10;

/// `NLM_F_CAPPED`: of the request that is refused, only the header is repeated.
const CAPPED: u16 = 0x100;
/// `NLM_F_ACK_TLVS`: attributes follow.
const EXPLAINED: u16 = 0x200;
/// `NLMSGERR_ATTR_MSG`.
const WORDS: u16 = 1;

const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;

/// One message of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// `nlmsg_seq`: of the request that this answers, 0 in notifications.
    pub sequence: u32,
    /// `nlmsg_pid`.
    pub port: u32,
    /// What follows the header.
    pub payload: &'a [u8],
}

/// What a message means to whoever waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A message of the protocol's own type.
    Data,
    /// The end of a dump; 0, or the (positive) errno that ended it early.
    Done(i32),
    /// A refusal with its (positive) errno, or an acknowledgement where that is 0.
    Error(i32),
    /// Nothing to act on.
    Noop,
    /// The kernel lost messages (`NLMSG_OVERRUN`; today's kernels say `ENOBUFS` instead).
    Overrun,
}

impl<'a> Message<'a> {
    /// The kernel's own words for a refusal, where it has any: `NETLINK_EXT_ACK`.
    pub fn words(&self) -> Option<Cow<'a, str>> {
        if self.kind != NLMSG_ERROR || self.flags & EXPLAINED == 0 {
            return None;
        }
        let repeated = match self.flags & CAPPED {
            0 => usize::try_from(u32_at(self.payload, 4, "nlmsg_len").ok()?).ok()?,
            _ => HEADER_LEN,
        };
        let behind = 4_usize.checked_add(repeated).filter(|behind| *behind <= self.payload.len())?;
        let words = Attributes::after(self.payload, behind, "nlmsgerr").ok()?.find(WORDS).ok()??;
        Some(words.text())
    }

    /// True where the kernel says that the dump this belongs to is not consistent.
    pub fn interrupted(&self) -> bool {
        self.flags & DUMP_INTR != 0
    }

    /// True where more messages follow, up to one that ends them.
    pub fn is_part(&self) -> bool {
        self.flags & MULTI != 0
    }

    /// Tells data, end and error apart.
    pub fn outcome(&self) -> Result<Outcome, ParseError> {
        Ok(match self.kind {
            NLMSG_NOOP => Outcome::Noop,
            NLMSG_OVERRUN => Outcome::Overrun,
            NLMSG_ERROR => Outcome::Error(self.errno("NLMSG_ERROR")?),
            // Kernels before 2.6.20 and some protocols send the end without a code.
            NLMSG_DONE if self.payload.is_empty() => Outcome::Done(0),
            NLMSG_DONE => Outcome::Done(self.errno("NLMSG_DONE")?),
            _ => Outcome::Data,
        })
    }

    fn errno(&self, field: &'static str) -> Result<i32, ParseError> {
        Ok(u32_at(self.payload, 0, field)?.cast_signed().saturating_neg())
    }
}

/// The messages of one datagram. After an error there is nothing more: message borders are lost.
pub fn messages(datagram: &[u8]) -> Messages<'_> {
    Messages { datagram, offset: 0 }
}

/// Iterator made by [`messages`].
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    datagram: &'a [u8],
    offset: usize,
}

impl<'a> Messages<'a> {
    fn parse(&self, rest: &'a [u8]) -> Result<Message<'a>, ParseError> {
        let (offset, have) = (self.offset, rest.len());
        if have < HEADER_LEN {
            return Err(ParseError::Truncated { field: "nlmsghdr", offset, need: HEADER_LEN, have });
        }
        let length = u32_at(rest, 0, "nlmsg_len")? as usize;
        let payload = rest.get(HEADER_LEN..length).ok_or(ParseError::Length {
            field: "nlmsg_len",
            offset,
            length,
            have,
        })?;
        Ok(Message {
            kind: u16_at(rest, 4, "nlmsg_type")?,
            flags: u16_at(rest, 6, "nlmsg_flags")?,
            sequence: u32_at(rest, 8, "nlmsg_seq")?,
            port: u32_at(rest, 12, "nlmsg_pid")?,
            payload,
        })
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.datagram.get(self.offset..).filter(|rest| !rest.is_empty())?;
        let message = self.parse(rest);
        self.offset = match &message {
            Ok(message) => self.offset + align(HEADER_LEN + message.payload.len()),
            Err(_) => self.datagram.len(),
        };
        Some(message)
    }
}
