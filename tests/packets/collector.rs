//! A collector that keeps up with a flood: it decodes each datagram as it comes, counts samples by what they say, and
//! notes every fault of the stream: a gap, a number out of order, anything that our decoder does not know.

use crate::support::make_room;
use hsflow::sflow::decode::{Datagram, Framed, Sample, decode};
use hsflow::sflow::flow::FlowRecord;
use hsflow::sflow::flow::packet::SampledHeader;
use hsflow::sflow::ids::DataSource;
use hsflow::sflow::sample::FlowHeader;
use std::collections::{BTreeMap, HashMap};
use std::net::UdpSocket;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A flow sample as received.
pub(crate) type Flow = Framed<FlowHeader, FlowRecord>;

/// So many flow samples are kept whole.
const KEPT: usize = 100_000;
const ROOM: usize = 64 << 20;
/// How long the thread outlives the collector at most.
const LINGER: Duration = Duration::from_millis(100);

/// What flow samples are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    /// ifIndex of the data source.
    pub(crate) source: u32,
    /// 1 in so many.
    pub(crate) rate: u32,
    pub(crate) input: u32,
    pub(crate) output: u32,
    /// As the header record says.
    pub(crate) frame_length: u32,
}

/// What has come so far.
#[derive(Default)]
pub(crate) struct Tally {
    /// Samples of each kind.
    pub(crate) kinds: BTreeMap<Kind, u64>,
    /// The last header of each data source, by ifIndex.
    pub(crate) last: BTreeMap<u32, FlowHeader>,
    /// The first flow samples, whole.
    pub(crate) flows: Vec<Flow>,
    /// All flow samples.
    pub(crate) total: u64,
    /// What should not be; the first few.
    pub(crate) faults: Vec<String>,
    streams: HashMap<(std::net::IpAddr, u32), u32>,
    numbers: HashMap<(bool, DataSource), u32>,
}

/// The header record of a sample.
pub(crate) fn header(flow: &Flow) -> Option<&SampledHeader<'static>> {
    flow.records.iter().find_map(|record| match record {
        FlowRecord::SampledHeader(header) => Some(header),
        _ => None,
    })
}

impl Tally {
    /// Samples of a data source.
    pub(crate) fn of(&self, source: u32) -> u64 {
        self.count(|kind| kind.source == source)
    }

    /// Samples whose kind is `wanted`.
    pub(crate) fn count(&self, wanted: impl Fn(&Kind) -> bool) -> u64 {
        self.kinds.iter().filter(|(kind, _)| wanted(kind)).map(|(_, count)| count).sum()
    }

    /// Drops that the last sample of a data source tells.
    pub(crate) fn drops(&self, source: u32) -> u64 {
        self.last.get(&source).map_or(0, |header| header.drops.into())
    }

    fn fault(&mut self, what: String) {
        if self.faults.len() < 20 {
            self.faults.push(what);
        }
    }

    fn take(&mut self, datagram: Datagram) {
        let stream = self.streams.entry((datagram.agent, datagram.sub_agent_id)).or_default();
        let expected = *stream + 1;
        *stream = datagram.sequence;
        if datagram.sequence != expected {
            self.fault(format!("datagram {} where {expected} was due", datagram.sequence));
        }
        if !datagram.trailing.is_empty() || datagram.dirty_padding > 0 {
            self.fault(format!("bytes that mean nothing: {datagram:?}"));
        }
        for sample in datagram.samples {
            match sample {
                Sample::Flow(flow) => self.flow(flow),
                Sample::Counters(counters) => {
                    self.number(false, counters.header.source, counters.header.sequence);
                }
                other => self.fault(format!("{other:?}")),
            }
        }
    }

    fn number(&mut self, flow: bool, source: DataSource, number: u32) {
        let last = self.numbers.entry((flow, source)).or_default();
        let expected = *last + 1;
        *last = number;
        if number != expected {
            self.fault(format!("sample {number} of {source} where {expected} was due"));
        }
    }

    fn flow(&mut self, flow: Flow) {
        let head = flow.header;
        self.number(true, head.source, head.sequence);
        if let Some(before) = self.last.insert(head.source.index, head) {
            let back = |was: u32, is: u32| is.wrapping_sub(was) > i32::MAX as u32;
            if back(before.sample_pool, head.sample_pool) || back(before.drops, head.drops) {
                self.fault(format!("pool or drops go back: {before:?} {head:?}"));
            }
        }
        if flow.records.iter().any(|record| matches!(record, FlowRecord::Raw(_))) {
            self.fault(format!("unknown record: {flow:?}"));
        }
        self.total += 1;
        let kind = Kind {
            source: head.source.index,
            rate: head.sampling_rate,
            input: head.input.value,
            output: head.output.value,
            frame_length: header(&flow).map_or(0, |header| header.frame_length),
        };
        *self.kinds.entry(kind).or_default() += 1;
        if self.flows.len() < KEPT {
            self.flows.push(flow);
        }
    }
}

/// Listens on loopback from its making until it is dropped.
pub(crate) struct Collector {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    tally: Mutex<Tally>,
    changed: Condvar,
}

impl Collector {
    /// On a free port of 127.0.0.1.
    pub(crate) fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        make_room(&socket, ROOM);
        let port = socket.local_addr().unwrap().port();
        socket.set_read_timeout(Some(LINGER)).unwrap();
        let shared = Arc::new(Shared::default());
        let alive = Arc::downgrade(&shared);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            loop {
                let received = socket.recv(&mut buffer);
                let Some(shared) = alive.upgrade() else { return };
                let Ok(length) = received else { continue };
                let mut tally = shared.lock();
                match decode(&buffer[..length]) {
                    Ok(datagram) => tally.take(datagram),
                    Err(error) => tally.fault(error.to_string()),
                }
                drop(tally);
                shared.changed.notify_all();
            }
        });
        Self { port, shared }
    }

    /// The line for a configuration.
    pub(crate) fn line(&self) -> String {
        format!("collector {{ ip = 127.0.0.1 udpport = {} }}", self.port)
    }

    /// Looks at what has come.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Tally) -> T) -> T {
        look(&self.shared.lock())
    }

    /// Waits until `enough` finds something in what has come, or the time is over.
    pub(crate) fn try_wait<T>(
        &self,
        limit: Duration,
        mut enough: impl FnMut(&Tally) -> Option<T>,
    ) -> Option<T> {
        let mut found = None;
        let (tally, _) = self
            .shared
            .changed
            .wait_timeout_while(self.shared.lock(), limit, |tally| {
                found = enough(tally);
                found.is_none()
            })
            .unwrap_or_else(PoisonError::into_inner);
        drop(tally);
        found
    }

    /// Waits until `enough` finds something in what has come.
    #[track_caller]
    pub(crate) fn wait<T>(&self, what: &str, limit: Duration, enough: impl FnMut(&Tally) -> Option<T>) -> T {
        self.try_wait(limit, enough).unwrap_or_else(|| {
            let seen = self.look(|tally| format!("{} samples came: {:#?}", tally.total, tally.kinds));
            panic!("not within {limit:?}: {what}; {seen}")
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Tally> {
        // a test that panicked while it looked has not damaged it
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
