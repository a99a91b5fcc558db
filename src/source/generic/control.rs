//! Questions to generic netlink and their answers, on a socket of their own.
//!
//! In: a request. Out: the payloads that answer it, or the errno that refused it. The kernel answers before the send
//! returns: nothing here waits. Rule: what answers an older request is passed over.

use crate::sys::SysError;
use crate::sys::netlink::{Netlink, Protocol};
use crate::wire::netlink::header::{Outcome, messages};
use nix::errno::Errno;
use std::time::Duration;

/// A family with all its commands and groups fits.
const SLOT: usize = 16 * 1024;
const RECEIVE_BYTES: usize = 64 * 1024;

/// A socket that asks.
#[derive(Debug)]
pub(in crate::source) struct Control {
    socket: Netlink,
    request: Vec<u8>,
    sequence: u32,
}

impl Control {
    /// Opens the socket.
    pub(in crate::source) fn new() -> Result<Self, SysError> {
        let socket = Netlink::open(Protocol::Generic, RECEIVE_BYTES)?;
        Ok(Self { socket, request: Vec::new(), sequence: 0 })
    }

    /// Sends the one request that `write` makes with the sequence number it is given, and hands on what answers it.
    /// `what` is the command, and what it is about, for the error.
    ///
    /// # Errors
    /// The kernel's refusal, or the socket's.
    pub(in crate::source) fn ask(
        &mut self,
        what: (&'static str, &str),
        write: impl FnOnce(&mut Vec<u8>, u32),
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), SysError> {
        self.sequence = self.sequence.wrapping_add(1);
        self.request.clear();
        write(&mut self.request, self.sequence);
        self.socket.send(&self.request)?;
        let mut refusal = Ok(());
        loop {
            let datagrams = self.socket.receive(SLOT, Duration::ZERO)?;
            if datagrams.is_empty() {
                return refusal;
            }
            let answers = datagrams.iter().flat_map(messages).flatten();
            for message in answers.filter(|message| message.sequence == self.sequence) {
                match message.outcome() {
                    Ok(Outcome::Data) => each(message.payload),
                    Ok(Outcome::Error(errno @ 1..)) => {
                        refusal = Err(SysError::new(what.0, what.1, Errno::from_raw(errno)));
                    }
                    _ => {}
                }
            }
        }
    }
}
