//! Writes requests: a header, the protocol's fixed part and attributes, any number of them in one buffer.
//!
//! The kernel takes several requests in one send and answers each, so a batch costs one system call. Padding is
//! zero. Spec: netlink(7); the requests themselves are in the module of the message that answers them.

use super::attribute::align;
use super::header::HEADER_LEN;

const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_ECHO: u16 = 0x8;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_REPLACE: u16 = 0x100;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;

/// A request that is being written at the end of a buffer. Finished when dropped out of use: lengths are kept
/// right after every step.
#[derive(Debug)]
pub struct Request<'a> {
    buffer: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Request<'a> {
    /// Asks for one object.
    pub fn get(buffer: &'a mut Vec<u8>, kind: u16, sequence: u32, fixed: &[u8]) -> Self {
        Self::start(buffer, kind, NLM_F_REQUEST, sequence, fixed)
    }

    /// Asks for one object of a kind that the kernel would only announce to those who listen.
    pub fn get_announced(buffer: &'a mut Vec<u8>, kind: u16, sequence: u32, fixed: &[u8]) -> Self {
        Self::start(buffer, kind, NLM_F_REQUEST | NLM_F_ECHO, sequence, fixed)
    }

    /// Asks for all objects.
    pub fn dump(buffer: &'a mut Vec<u8>, kind: u16, sequence: u32, fixed: &[u8]) -> Self {
        Self::start(buffer, kind, NLM_F_REQUEST | NLM_F_DUMP, sequence, fixed)
    }

    /// Asks for something to be done; the answer is an acknowledgement or an error.
    pub fn change(buffer: &'a mut Vec<u8>, kind: u16, sequence: u32, fixed: &[u8]) -> Self {
        Self::start(buffer, kind, NLM_F_REQUEST | NLM_F_ACK, sequence, fixed)
    }

    /// Asks for something to be made that is not there yet; the answer is as with [`Request::change`].
    pub fn create(buffer: &'a mut Vec<u8>, kind: u16, sequence: u32, fixed: &[u8]) -> Self {
        let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        Self::start(buffer, kind, flags, sequence, fixed)
    }

    /// The same, and the kernel tells what it has made before it acknowledges.
    pub fn create_told(buffer: &'a mut Vec<u8>, kind: u16, sequence: u32, fixed: &[u8]) -> Self {
        let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO;
        Self::start(buffer, kind, flags, sequence, fixed)
    }

    /// Asks for something that is there to be made another; the answer is as with [`Request::change`].
    pub fn replace(buffer: &'a mut Vec<u8>, kind: u16, sequence: u32, fixed: &[u8]) -> Self {
        Self::start(buffer, kind, NLM_F_REQUEST | NLM_F_ACK | NLM_F_REPLACE, sequence, fixed)
    }

    fn start(buffer: &'a mut Vec<u8>, kind: u16, flags: u16, sequence: u32, fixed: &[u8]) -> Self {
        let start = buffer.len();
        buffer.extend_from_slice(&[0; 4]);
        buffer.extend_from_slice(&kind.to_ne_bytes());
        buffer.extend_from_slice(&flags.to_ne_bytes());
        buffer.extend_from_slice(&sequence.to_ne_bytes());
        buffer.extend_from_slice(&[0; 4]);
        debug_assert_eq!(buffer.len() - start, HEADER_LEN);
        let mut request = Self { buffer, start };
        push(request.buffer, fixed);
        request.set_length();
        request
    }

    /// Adds one attribute, as [`push_attribute`] does.
    #[must_use]
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        push_attribute(self.buffer, kind, value);
        self.set_length();
        self
    }

    fn set_length(&mut self) {
        let length = u32::try_from(self.buffer.len() - self.start).unwrap_or(u32::MAX);
        if let Some(field) = self.buffer.get_mut(self.start..self.start + 4) {
            field.copy_from_slice(&length.to_ne_bytes());
        }
    }
}

/// Adds one attribute to a request, or to the value of another attribute. A value over 65,531 bytes cannot be written
/// and is cut.
pub fn push_attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    push(out, value.get(..usize::from(length) - 4).unwrap_or(value));
}

fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
    out.resize(out.len() + align(bytes.len()) - bytes.len(), 0);
}
