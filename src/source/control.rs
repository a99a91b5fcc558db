//! Questions to a part of the kernel over netlink and their answers, on a socket of their own.
//!
//! In: a request. Out: the payloads that answer it, or the errno that refused it. The kernel answers before the send
//! returns, and goes on with a dump whenever some of it is read: nothing here waits. Rule: what answers an older
//! request is passed over. Spec: netlink(7).

use crate::sys::SysError;
use crate::sys::netlink::{Netlink, Protocol};
use crate::wire::netlink::header::{Outcome, messages};
use nix::errno::Errno;
use std::fmt::Display;
use std::time::Duration;

/// A family with all its commands and groups fits, and what the kernel puts in one datagram of a dump.
const SLOT: usize = 32 * 1024;

/// A socket that asks, in the network namespace of the thread that opened it.
#[derive(Debug)]
pub(super) struct Control {
    socket: Netlink,
    request: Vec<u8>,
    sequence: u32,
}

impl Control {
    /// Opens the socket.
    pub(super) fn open(protocol: Protocol) -> Result<Self, SysError> {
        let socket = Netlink::open(protocol, 2 * SLOT)?;
        Ok(Self { socket, request: Vec::new(), sequence: 0 })
    }

    /// Sends the one request that `write` makes with the sequence number it is given, and hands on the payload of each
    /// message that answers it. `what` is the command, and what it is about, for the error.
    ///
    /// # Errors
    /// The kernel's refusal, or the socket's; `ETIMEDOUT` where there is no answer, or no end of it.
    pub(super) fn ask(
        &mut self,
        what: (&'static str, &dyn Display),
        write: impl FnOnce(&mut Vec<u8>, u32),
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), SysError> {
        let refusal = |errno| Err(SysError::new(what.0, what.1.to_string(), errno));
        // 0 is what nobody asked for.
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.request.clear();
        write(&mut self.request, self.sequence);
        self.socket.send(&self.request)?;
        loop {
            let datagrams = self.socket.receive(SLOT, Duration::ZERO)?;
            if datagrams.is_empty() {
                return refusal(Errno::ETIMEDOUT);
            }
            let answers = datagrams.iter().flat_map(messages).flatten();
            for message in answers.filter(|message| message.sequence == self.sequence) {
                match message.outcome() {
                    Ok(Outcome::Data) => {
                        each(message.payload);
                        if !message.is_part() {
                            return Ok(());
                        }
                    }
                    Ok(Outcome::Done(0) | Outcome::Error(0)) => return Ok(()),
                    Ok(Outcome::Done(errno) | Outcome::Error(errno)) => {
                        return refusal(Errno::from_raw(errno));
                    }
                    _ => {}
                }
            }
        }
    }
}
