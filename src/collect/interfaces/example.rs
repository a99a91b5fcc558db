//! For tests: interfaces, link messages and a netlink socket that follows a script.

use super::model::{Interface, Kind};
use super::transport::{Driver, Transport};
use crate::sys::SysError;
use crate::sys::ethtool::{LinkSettings, NAME_LEN};
use crate::sys::netlink::Datagrams;
use crate::wire::netlink::link::Link;
pub(super) use crate::wire::netlink::tests::datagrams;
use nix::errno::Errno;
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// An interface of this kind that is up and has a MAC made from its ifIndex.
pub(super) fn interface(index: u32, kind: Kind) -> Interface {
    let last = u8::try_from(index).unwrap();
    let mac = [2, 0, 0, 0, 0, last];
    let link =
        Link { flags: 1, operstate: Some(6), address: Some(&mac), ..link(index, &format!("i{index}")) };
    Interface { kind, ..Interface::from_link(&link).unwrap() }
}

/// An Ethernet link message.
pub(super) fn link(index: u32, name: &str) -> Link<'static> {
    Link { index, hardware: 1, name: Some(name.to_owned().into()), ..Link::default() }
}

/// What a scripted socket gives next.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// A datagram.
    Datagram(Vec<u8>),
    /// `ENOBUFS`.
    Overrun,
}

/// A socket that answers the expected requests in order, and gives what is in `waiting` to anybody. Sequence
/// numbers of answers are made those of the request.
#[derive(Debug, Default)]
pub(super) struct Script {
    conversations: VecDeque<(Vec<u8>, Vec<Reply>)>,
    pub(super) waiting: VecDeque<Reply>,
    arena: Vec<u8>,
    length: Vec<usize>,
}

impl Script {
    /// Adds a fixture's request with its answers.
    pub(super) fn expect(&mut self, fixture: &str) {
        let answers = datagrams(fixture, "<").into_iter().map(Reply::Datagram).collect();
        self.expect_answers(fixture, answers);
    }

    /// Adds a fixture's request with these answers.
    pub(super) fn expect_answers(&mut self, fixture: &str, answers: Vec<Reply>) {
        self.conversations.push_back((datagrams(fixture, ">").remove(0), answers));
    }

    /// True where everything expected was asked.
    pub(super) fn is_done(&self) -> bool {
        self.conversations.is_empty() && self.waiting.is_empty()
    }
}

const SEQUENCE: std::ops::Range<usize> = 8..12;

impl Transport for Script {
    fn send(&mut self, requests: &[u8]) -> Result<(), SysError> {
        let (mut expected, answers) = self.conversations.pop_front().expect("an unexpected request");
        expected[SEQUENCE].copy_from_slice(&requests[SEQUENCE]);
        assert_eq!(requests, expected);
        for mut reply in answers {
            if let Reply::Datagram(datagram) = &mut reply {
                let mut at = 0;
                while at < datagram.len() {
                    datagram[at..][SEQUENCE].copy_from_slice(&requests[SEQUENCE]);
                    at += u32::from_ne_bytes(datagram[at..at + 4].try_into().unwrap()).next_multiple_of(4)
                        as usize;
                }
            }
            self.waiting.push_back(reply);
        }
        Ok(())
    }

    fn receive(&mut self, slot: usize, _: Duration) -> Result<Datagrams<'_>, SysError> {
        self.length.clear();
        let mut truncated = 0;
        match self.waiting.pop_front() {
            None => {}
            Some(Reply::Overrun) => return Err(SysError::new("recvmmsg", "script", Errno::ENOBUFS)),
            Some(Reply::Datagram(datagram)) => {
                truncated = usize::from(datagram.len() > slot);
                self.length.push(if truncated > 0 { 0 } else { datagram.len() });
                self.arena = datagram;
                self.arena.resize(slot, 0);
            }
        }
        Ok(Datagrams::new(&self.arena, slot, &self.length, truncated))
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// A driver with given speeds and statistics by interface name, which counts how often it is asked.
#[derive(Debug, Default)]
pub(super) struct Drivers {
    pub(super) speeds: BTreeMap<String, LinkSettings>,
    pub(super) stats: Vec<(&'static str, u64)>,
    pub(super) asked: Vec<String>,
}

impl Driver for Drivers {
    fn link_settings(&mut self, name: &str) -> Result<LinkSettings, SysError> {
        self.asked.push(name.to_owned());
        let settings = self.speeds.get(name).copied();
        settings.ok_or_else(|| SysError::new("ETHTOOL_GLINKSETTINGS", name, Errno::EOPNOTSUPP))
    }

    fn stats_names(&mut self, name: &str) -> Result<Vec<[u8; NAME_LEN]>, SysError> {
        self.asked.push(format!("names {name}"));
        let padded = |name: &str| std::array::from_fn(|at| name.as_bytes().get(at).copied().unwrap_or(0));
        Ok(self.stats.iter().map(|(name, _)| padded(name)).collect())
    }

    fn stats(&mut self, name: &str, out: &mut Vec<u64>) -> Result<(), SysError> {
        self.asked.push(format!("values {name}"));
        out.clear();
        out.extend(self.stats.iter().map(|(_, value)| value));
        Ok(())
    }
}
