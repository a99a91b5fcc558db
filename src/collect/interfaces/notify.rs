//! Reading what nobody asked for: empties a socket of notifications, and finds the ethtool ones.
//!
//! In: a subscribed socket. Out: each message, and whether some were lost. A full socket says `ENOBUFS` once and
//! takes no more until it has been emptied, so it is always emptied.

use super::error::InterfaceError;
use super::transport::Transport;
use super::watch::Health;
use crate::sys::netlink::{Netlink, Protocol};
use crate::wire::netlink::header::{Message, Outcome, messages};
use crate::wire::netlink::{ParseError, ethtool, generic};
use std::time::Duration;

const SLOT: usize = 4096;
const MONITOR_BUFFER: usize = 1024 * 1024;
const WAIT: Duration = Duration::from_secs(1);

/// Hands every waiting message on; true where some were lost, cut or could not be read.
pub(super) fn drain<T: Transport>(
    socket: &mut T,
    health: &mut Health,
    mut each: impl FnMut(&Message<'_>) -> Result<(), ParseError>,
) -> Result<bool, InterfaceError> {
    let mut lost = false;
    loop {
        let datagrams = match socket.receive(SLOT, Duration::ZERO) {
            Err(error) if error.is_overrun() => {
                health.overruns += 1;
                lost = true;
                continue;
            }
            answer => answer?,
        };
        if datagrams.is_empty() {
            return Ok(lost);
        }
        health.truncated += datagrams.truncated as u64;
        lost |= datagrams.truncated > 0;
        for message in datagrams.iter().flat_map(messages) {
            if message.and_then(|message| each(&message)).is_err() {
                health.malformed += 1;
                lost = true;
            }
        }
    }
}

/// The ethtool notifications of [`ethtool::GROUP`].
#[derive(Debug)]
pub struct Monitor<T> {
    /// A socket that joined the group.
    pub socket: T,
    /// The message type of the ethtool family.
    pub family: u16,
}

impl Monitor<Netlink> {
    /// Finds and joins the group; `None` where this kernel has none (before 5.6).
    pub(super) fn open() -> Result<Option<Self>, InterfaceError> {
        let mut socket = Netlink::open(Protocol::Generic, MONITOR_BUFFER)?;
        let mut request = Vec::new();
        generic::get_family(&mut request, 1, ethtool::FAMILY);
        socket.send(&request)?;
        let datagrams = socket.receive(2 * SLOT, WAIT)?;
        let found = datagrams.iter().flat_map(messages).flatten().find_map(|message| {
            let answer = matches!(message.outcome(), Ok(Outcome::Data));
            let family = generic::Family::parse(message.payload).ok().filter(|_| answer)?;
            Some((family.id, family.group(ethtool::GROUP)?))
        });
        let Some((family, group)) = found else { return Ok(None) };
        socket.join(group)?;
        Ok(Some(Self { socket, family }))
    }
}

impl<T: Transport> Monitor<T> {
    /// Hands on the ifIndex of each interface whose link settings changed; true where some were lost.
    pub(super) fn drain(
        &mut self,
        health: &mut Health,
        mut each: impl FnMut(u32),
    ) -> Result<bool, InterfaceError> {
        let family = self.family;
        drain(&mut self.socket, health, |message| {
            if message.kind == family {
                ethtool::parse_link_change(message.payload)?.into_iter().for_each(&mut each);
            }
            Ok(())
        })
    }
}
