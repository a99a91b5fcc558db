//! What the kernel knows of the connections of sampled packets (`tcp { }`). In: packets that have a socket here or in a
//! container, copied until the batch ends. Out: the same packets, each with the state of its connection and the control
//! group of its socket where there are any. Rules: all questions of a batch go to the kernel at once and are answered at once, so no sample waits
//! for another batch, and none is lost for want of an answer; the memory of a batch is kept.

use crate::collect::sockets::{Answer, Place, Sockets, Wanted};
use crate::config::model::Tcp;
use crate::sample::connection::{self, Scope, tcp_record};
use crate::sample::flow::Packet;
use crate::sample::frame::Frame;
use crate::sample::guest::marks::Socket;
use crate::sample::local::Locals;
use crate::sflow::flow::socket::TcpInfo;
use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

/// Packets in one question.
const MOST: usize = 128;

/// A packet that is held, and where its bytes lie.
#[derive(Debug)]
struct Held {
    frame: Frame<'static>,
    link_header: usize,
    bytes: usize,
}

/// Packets of a batch whose connections are to be asked for.
#[derive(Debug)]
pub struct Annotator {
    settings: Tcp,
    sockets: Sockets,
    scope: Scope,
    places: HashMap<u32, Place>,
    held: Vec<Held>,
    memory: Vec<u8>,
    wanted: Vec<Wanted>,
    answers: Vec<Option<Answer>>,
}

impl Annotator {
    /// Opens what the kernel is asked through.
    pub fn new(root: &Path, settings: Tcp, places: HashMap<u32, Place>, now: Instant) -> Self {
        Self {
            sockets: Sockets::new(root, now),
            scope: Scope { tunnel: settings.tunnel, udp: settings.udp },
            settings,
            places,
            held: Vec::with_capacity(MOST),
            memory: Vec::new(),
            wanted: Vec::with_capacity(MOST),
            answers: Vec::with_capacity(MOST),
        }
    }

    /// What it was made with.
    pub fn settings(&self) -> &Tcp {
        &self.settings
    }

    /// Where the sockets of an interface's packets are; `None` where it is no more.
    pub fn set_place(&mut self, if_index: u32, place: Option<Place>) {
        match place {
            Some(place) => _ = self.places.insert(if_index, place),
            None => _ = self.places.remove(&if_index),
        }
    }

    /// Lets go of the network namespaces that no interface leads to any more.
    pub fn retain_namespaces(&mut self) {
        let places = &self.places;
        let leads = |number| places.values().any(|place| place.namespace == Some(number));
        self.sockets.namespaces().retain(leads);
    }

    /// What became of the questions, and what stands in the way of some.
    pub fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    /// Looks after what is open; returns when to call again.
    pub(super) fn check(&mut self, now: Instant) -> Option<Instant> {
        self.sockets.check(now)
    }

    /// Keeps the packet until [`Self::release`]; false where it has no connection to ask for.
    pub(super) fn hold(&mut self, packet: &Packet<'_>, locals: &Locals) -> bool {
        let frame = packet.frame;
        let own = Place { if_index: frame.if_index, ..Place::default() };
        let place = self.places.get(&frame.if_index).copied().unwrap_or(own);
        let found = match place.namespace {
            Some(_) => connection::of_guest(&packet.headers, self.scope, frame.direction),
            None => connection::of_host(&packet.headers, self.scope, &|ip| locals.contains_ip(ip)),
        };
        let Some(connection) = found else { return false };
        self.wanted.push(Wanted { connection, place });
        self.memory.extend_from_slice(frame.link_header);
        self.memory.extend_from_slice(frame.bytes);
        let (link_header, bytes) = (frame.link_header.len(), frame.bytes.len());
        self.held.push(Held { frame: frame.with_bytes(&[], &[]), link_header, bytes });
        true
    }

    /// True where no further packet may be held.
    pub(super) fn is_full(&self) -> bool {
        self.held.len() >= MOST
    }

    /// Asks for all connections, and hands the packets on in the order in which they came.
    pub(super) fn release(
        &mut self,
        now: Instant,
        mut emit: impl FnMut(&Frame<'_>, Option<&TcpInfo>, Option<Socket>),
    ) {
        if self.held.is_empty() {
            return;
        }
        self.sockets.lookup(&self.wanted, &mut self.answers, now);
        let mut rest = self.memory.as_slice();
        for ((held, wanted), answer) in self.held.iter().zip(&self.wanted).zip(&self.answers) {
            let (link_header, behind) = rest.split_at_checked(held.link_header).unwrap_or_default();
            let (bytes, behind) = behind.split_at_checked(held.bytes).unwrap_or_default();
            rest = behind;
            let state = answer.as_ref().and_then(|answer| answer.tcp.as_ref());
            let record = state.map(|state| tcp_record(state, wanted.connection.sent));
            let cgroup = answer.as_ref().and_then(|answer| answer.cgroup);
            let socket = cgroup.map(|cgroup| Socket { cgroup, sent: wanted.connection.sent });
            emit(&held.frame.with_bytes(link_header, bytes), record.as_ref(), socket);
        }
        self.held.clear();
        self.memory.clear();
        self.wanted.clear();
    }
}
