//! Which network namespaces have died since something was learned of them.
//!
//! In: the kernel's announcements (`RTNLGRP_NSID`). Out: whether a number still means what it meant. Rule: the kernel
//! gives the number of a dead namespace to the next one, so what was learned before the death is never used after it;
//! where announcements were lost, everything learned before is doubted. Needs no privilege.

use crate::sys::SysError;
use crate::sys::netlink::{Netlink, Protocol};
use crate::wire::netlink::header::messages;
use crate::wire::netlink::nsid;
use std::collections::HashMap;
use std::time::Duration;

/// Room for some hundred announcements.
const RECEIVE_BUFFER: usize = 256 * 1024;
const ARENA: usize = 16 * 1024;
const SLOT: usize = 256;

/// The deaths, counted.
#[derive(Debug)]
pub(super) struct Deaths {
    socket: Netlink,
    count: u64,
    /// At which count a number died last.
    last: HashMap<u32, u64>,
    /// What was learned before this count is doubted.
    doubted: u64,
}

impl Deaths {
    pub(super) fn open() -> Result<Self, SysError> {
        let socket = Netlink::open_with_arena(Protocol::Route, RECEIVE_BUFFER, ARENA)?;
        socket.join(nsid::GROUP)?;
        Ok(Self { socket, count: 0, last: HashMap::new(), doubted: 0 })
    }

    /// Takes what was announced; returns how many have died.
    pub(super) fn read(&mut self) -> u64 {
        loop {
            match self.socket.receive(SLOT, Duration::ZERO) {
                Ok(datagrams) if datagrams.is_empty() => return self.count,
                Ok(datagrams) => {
                    for message in datagrams.iter().flat_map(messages).flatten() {
                        if message.kind == nsid::DEL_NSID
                            && let Ok(Some(number)) = nsid::parse(message.payload)
                        {
                            self.count += 1;
                            self.last.insert(number, self.count);
                        }
                    }
                }
                Err(error) => {
                    self.count += 1;
                    self.doubted = self.count;
                    self.last.clear();
                    if !error.is_overrun() {
                        return self.count;
                    }
                }
            }
        }
    }

    /// True while the number means what it meant when so many had died.
    pub(super) fn is_alive(&self, number: u32, learned: u64) -> bool {
        learned >= self.doubted && self.last.get(&number).is_none_or(|died| *died <= learned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_trusted_from_its_last_death_on_and_none_from_before_a_loss() {
        let mut deaths = Deaths::open().unwrap();
        deaths.count = 2;
        deaths.last = HashMap::from([(7, 2)]);
        assert_eq!([1, 2].map(|learned| deaths.is_alive(7, learned)), [false, true]);
        assert!(deaths.is_alive(8, 0));
        deaths.doubted = 3;
        assert_eq!([2, 3].map(|learned| deaths.is_alive(8, learned)), [false, true]);
    }
}
