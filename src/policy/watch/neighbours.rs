//! The kernel's neighbour table: which Ethernet address an IP address was heard from, of those that this host speaks with.
//!
//! In: rtnetlink, in the program's own namespace. Out: each entry, first all that are there, then as they come. Rule: an
//! entry that goes is nothing to tell, because the kernel forgets who is silent. Spec: rtnetlink(7).

use crate::sys::netlink::{Netlink, Protocol};
use crate::sys::readable::readable;
use crate::wire::netlink::header::messages;
use crate::wire::netlink::neighbour::{GROUP, NEW_NEIGHBOUR, Neighbour, dump};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::unix::AsyncFd;

/// Unread news; a part of a dump has up to 32 KiB.
const ROOM: usize = 1 << 20;
const SLOT: usize = 32 * 1024;

/// Hears of neighbours.
#[derive(Debug)]
pub(super) struct Neighbours {
    socket: Netlink,
    ready: AsyncFd<OwnedFd>,
}

impl Neighbours {
    /// Asks for all. Belongs to a tokio runtime.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub(super) fn open() -> io::Result<Self> {
        let socket = Netlink::open(Protocol::Route, ROOM).map_err(io::Error::other)?;
        socket.join(GROUP).map_err(io::Error::other)?;
        let neighbours = Self { ready: readable(&socket)?, socket };
        neighbours.ask();
        Ok(neighbours)
    }

    /// Waits until there are some; may be given up and asked again.
    pub(super) async fn next(&mut self) -> Vec<Neighbour> {
        loop {
            let all = match self.ready.readable().await {
                Ok(mut guard) => {
                    guard.clear_ready();
                    self.read()
                }
                Err(_) => return std::future::pending().await,
            };
            if !all.is_empty() {
                return all;
            }
        }
    }

    fn read(&mut self) -> Vec<Neighbour> {
        let (mut all, mut is_behind) = (Vec::new(), false);
        loop {
            match self.socket.receive(SLOT, Duration::ZERO) {
                Ok(datagrams) if datagrams.is_empty() => break,
                Ok(datagrams) => {
                    is_behind |= datagrams.truncated > 0;
                    let news = datagrams.iter().flat_map(messages).flatten();
                    let news = news.filter(|message| message.kind == NEW_NEIGHBOUR);
                    all.extend(news.filter_map(|message| Neighbour::parse(message.payload).ok().flatten()));
                }
                Err(error) if error.is_overrun() => is_behind = true,
                Err(_) => break,
            }
        }
        if is_behind {
            self.ask();
        }
        all
    }

    fn ask(&self) {
        let mut request = Vec::new();
        dump(&mut request, 1);
        if let Err(why) = self.socket.send(&request) {
            log::debug!(target: "guests", "neighbours: {why}");
        }
    }
}
