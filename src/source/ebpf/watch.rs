//! Which interfaces have gone: rtnetlink's announcements, in the network namespace of the thread that began to listen.
//!
//! In: nothing. Out: ifIndexes that were removed or moved to another namespace. Rule: costs a system call a look, however many
//! taps there are; where announcements were lost it says so, and then each interface has to be asked for. Spec: rtnetlink(7).

use crate::sys::SysError;
use crate::sys::netlink::{Netlink, Protocol};
use crate::wire::netlink::header::messages;
use crate::wire::netlink::link::{DEL_LINK, Link};
use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

const RTNLGRP_LINK: u32 = 1;
const RECEIVE_BYTES: usize = 128 * 1024;
const SLOT: usize = 8 * 1024;

#[derive(Debug)]
pub(super) struct Watch {
    socket: Netlink,
    gone: BTreeSet<u32>,
    missed: bool,
}

impl Watch {
    pub(super) fn open() -> Result<Self, SysError> {
        let socket = Netlink::open(Protocol::Route, RECEIVE_BYTES)?;
        socket.join(RTNLGRP_LINK)?;
        Ok(Self { socket, gone: BTreeSet::new(), missed: false })
    }

    /// Takes in what was announced.
    pub(super) fn look(&mut self) {
        loop {
            let datagrams = match self.socket.receive(SLOT, Duration::ZERO) {
                Ok(datagrams) if datagrams.is_empty() => return,
                Ok(datagrams) => datagrams,
                Err(error) => {
                    self.missed = true;
                    // After an overrun the rest is still there.
                    if error.is_overrun() { continue } else { return }
                }
            };
            self.missed |= datagrams.truncated > 0;
            for message in datagrams.iter().flat_map(messages).flatten() {
                let link = Link::parse(message.payload).ok();
                // A bridge says so of a port that leaves it.
                let whole = |link: &Link<'_>| i32::from(link.family) == libc::AF_UNSPEC;
                if message.kind == DEL_LINK
                    && let Some(link) = link.filter(whole)
                {
                    self.gone.insert(link.index);
                }
            }
        }
    }

    /// An interface that has this ifIndex now is no older one.
    pub(super) fn forget(&mut self, if_index: u32) {
        self.look();
        self.gone.remove(&if_index);
    }

    /// What has gone since the last question, and whether there may be more.
    pub(super) fn take(&mut self) -> (BTreeSet<u32>, bool) {
        self.look();
        (std::mem::take(&mut self.gone), std::mem::take(&mut self.missed))
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
