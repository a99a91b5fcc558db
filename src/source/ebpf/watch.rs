//! Which interfaces have gone, or lost filters: rtnetlink's announcements, in the network namespace of the thread that
//! began to listen.
//!
//! In: nothing. Out: ifIndexes that were removed or moved to another namespace, and those to be looked at. Rule: costs a system
//! call a look, however many taps there are; where announcements were lost it says so, and then each interface has to be
//! asked for. Spec: rtnetlink(7).

use crate::sys::SysError;
use crate::sys::netlink::{Netlink, Protocol};
use crate::wire::netlink::clsact;
use crate::wire::netlink::header::{Message, messages};
use crate::wire::netlink::link::{DEL_LINK, Link};
use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

const RTNLGRP_LINK: u32 = 1;
const RTNLGRP_TC: u32 = 4;
const RECEIVE_BYTES: usize = 128 * 1024;
const SLOT: usize = 8 * 1024;

#[derive(Debug)]
pub(super) struct Watch {
    socket: Netlink,
    news: News,
}

/// What was announced since the last question.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Interfaces that are no more.
    pub(super) gone: BTreeSet<u32>,
    /// Interfaces where somebody, maybe we, removed a filter or a qdisc.
    pub(super) changed: BTreeSet<u32>,
    /// There may be more of either.
    pub(super) missed: bool,
}

impl Watch {
    pub(super) fn open() -> Result<Self, SysError> {
        let socket = Netlink::open(Protocol::Route, RECEIVE_BYTES)?;
        socket.join(RTNLGRP_LINK)?;
        Ok(Self { socket, news: News::default() })
    }

    /// From now on also to filters.
    pub(super) fn follow_filters(&self) -> Result<(), SysError> {
        self.socket.join(RTNLGRP_TC)
    }

    /// Takes in what was announced.
    pub(super) fn look(&mut self) {
        loop {
            let datagrams = match self.socket.receive(SLOT, Duration::ZERO) {
                Ok(datagrams) if datagrams.is_empty() => return,
                Ok(datagrams) => datagrams,
                Err(error) => {
                    self.news.missed = true;
                    // After an overrun the rest is still there.
                    if error.is_overrun() { continue } else { return }
                }
            };
            self.news.missed |= datagrams.truncated > 0;
            datagrams.iter().flat_map(messages).flatten().for_each(|message| self.news.add(&message));
        }
    }

    /// An interface that has this ifIndex now is no older one.
    pub(super) fn forget(&mut self, if_index: u32) {
        self.look();
        self.news.gone.remove(&if_index);
    }

    /// What was announced since the last question.
    pub(super) fn take(&mut self) -> News {
        self.look();
        std::mem::take(&mut self.news)
    }
}

impl News {
    fn add(&mut self, message: &Message<'_>) {
        match message.kind {
            DEL_LINK => {
                let link = Link::parse(message.payload).ok();
                // A bridge says so of a port that leaves it.
                let whole = link.filter(|link| i32::from(link.family) == libc::AF_UNSPEC);
                self.gone.extend(whole.map(|link| link.index));
            }
            clsact::DEL_FILTER | clsact::DEL_QDISC => self.changed.extend(clsact::interface(message.payload)),
            _ => {}
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
