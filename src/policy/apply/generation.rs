//! Whether somebody else changed nftables' rules: by the number that grows with every transaction.
//!
//! In: nothing. Out: the number, of the namespace in which the socket was opened; `None` where the kernel does not tell
//! it (no nftables, no `CAP_NET_ADMIN`). Rule: it says nothing of legacy iptables and of ipset, so a number that stays
//! is no proof that all stayed; one that grew by our own transactions alone is one that only they were made.

use crate::sys::netlink::{Netlink, Protocol};
use crate::wire::netlink::header::{Outcome, messages};
use crate::wire::netlink::nft_generation::{ask, parse};
use std::time::Duration;

/// An answer, with the name of the process that wrote last.
const SLOT: usize = 256;
const ROOM: usize = 8 * 1024;

/// Asks for the number.
#[derive(Debug)]
pub(super) struct Generation {
    socket: Option<Netlink>,
    request: Vec<u8>,
    sequence: u32,
}

impl Generation {
    /// Of the network namespace of this thread.
    pub(super) fn here() -> Self {
        let socket = Netlink::open_with_arena(Protocol::Netfilter, ROOM, 4 * SLOT).ok();
        Self { socket, request: Vec::new(), sequence: 0 }
    }

    /// Nothing is known.
    pub(super) const fn unknown() -> Self {
        Self { socket: None, request: Vec::new(), sequence: 0 }
    }

    /// The number now.
    pub(super) fn read(&mut self) -> Option<u32> {
        let socket = self.socket.as_mut()?;
        self.sequence = self.sequence.wrapping_add(1);
        self.request.clear();
        ask(&mut self.request, self.sequence);
        socket.send(&self.request).ok()?;
        loop {
            // The kernel has answered before the send returned.
            let datagrams = socket.receive(SLOT, Duration::ZERO).ok().filter(|some| !some.is_empty())?;
            let mut answers = datagrams.iter().flat_map(messages).flatten();
            let Some(answer) = answers.find(|answer| answer.sequence == self.sequence) else { continue };
            return match answer.outcome() {
                Ok(Outcome::Data) => parse(answer.payload).ok()?,
                _ => None,
            };
        }
    }
}
