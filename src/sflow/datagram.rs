//! Datagrams (sFlow v5 section 5.3): samples are queued and sent together.
//!
//! In: samples, each encoded straight into the buffer by a closure. Out: [`Unsent`] datagrams, handed to `send`, which
//! lets the [`Stream`] complete them. There is a queue for each thread that makes samples, and one stream for all of
//! them, because a collector counts the datagrams of a sub-agent. Rules: a sample that would bring the datagram to
//! the limit or over it makes what is queued go out first; one sample is never split, and alone it may exceed the
//! limit; a sample that does not fit even then is dropped whole and the queue goes on. Datagrams are numbered
//! from 1, without gaps. Nothing is allocated after `new`.

use super::ids::{DataSource, Tag};
use super::sample::{self, CountersHeader, DiscardHeader, FlowHeader, SampleWriter};
use super::xdr::{DecodeError, Full, Reader, Writer, Xdr};
use std::net::IpAddr;

/// Largest sample in bytes, with its tag and length. Longer ones are refused with `Full`.
pub const MAX_SAMPLE: usize = 9216;
/// Smallest and largest limit of a datagram, in bytes.
pub const LIMITS: std::ops::RangeInclusive<usize> = 200..=9000;

/// Length of the header with an IPv6 address; with an IPv4 address it is shorter.
const MAX_HEADER: usize = 40;
/// Room for the longest queue (one sample over the limit) and the sample that makes it go out.
const CAPACITY: usize = MAX_HEADER + 2 * MAX_SAMPLE;

/// How far the clocks of the threads' queues may be apart, in milliseconds: a poll has the time of its start all through.
const APART: u32 = 60_000;

/// Who sends datagrams, and how many there were.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    agent: IpAddr,
    sub_agent_id: u32,
    sequence: u32,
    /// Of the datagram sent last.
    uptime_ms: u32,
}

impl Stream {
    /// A stream whose next datagram is number 1.
    pub fn new(agent: IpAddr, sub_agent_id: u32) -> Self {
        Self { agent, sub_agent_id, sequence: 0, uptime_ms: 0 }
    }

    /// Changes the agent address. Then the datagrams count from 1 again, since a collector tells streams apart by this
    /// address. The same address changes nothing.
    pub fn set_agent(&mut self, agent: IpAddr) {
        if agent != self.agent {
            *self = Self::new(agent, self.sub_agent_id);
        }
    }

    /// The agent address of the stream.
    pub fn agent(&self) -> IpAddr {
        self.agent
    }

    /// The number of the datagram sent last, 0 before the first.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Gives a datagram its header with the next number; it is to be sent before any later one. Its uptime is not before
    /// that of the last one: to a collector that would be an agent that was started again.
    pub fn complete<'a>(&mut self, unsent: Unsent<'a>) -> &'a [u8] {
        let Unsent { buffer, samples, uptime_ms } = unsent;
        self.sequence = self.sequence.wrapping_add(1);
        if self.uptime_ms.wrapping_sub(uptime_ms) > APART {
            self.uptime_ms = uptime_ms;
        }
        let Self { agent, sub_agent_id, sequence, uptime_ms } = *self;
        let header = Header { agent, sub_agent_id, sequence, uptime_ms, samples };
        let start = MAX_HEADER - header_len(self.agent);
        let datagram = buffer.get_mut(start..).unwrap_or_default();
        let written = header.encode(&mut Writer::new(datagram));
        debug_assert_eq!(written, Ok(()), "the buffer starts with room for a header");
        datagram
    }
}

/// A datagram without a header: [`Stream::complete`] writes it.
#[derive(Debug)]
pub struct Unsent<'a> {
    /// Room for the longest header, and the samples.
    buffer: &'a mut [u8],
    samples: u32,
    uptime_ms: u32,
}

impl Unsent<'_> {
    /// The samples, as they will be sent.
    pub fn samples(&self) -> &[u8] {
        self.buffer.get(MAX_HEADER..).unwrap_or_default()
    }
}

/// Samples that wait to be sent together.
#[derive(Debug)]
pub struct Datagrams {
    /// Room for a header, and queued samples.
    buffer: Box<[u8]>,
    used: usize,
    samples: u32,
    /// Bytes of samples at which the datagram would be too long.
    limit: usize,
}

impl Datagrams {
    /// An empty queue. See [`Self::set_limit`].
    pub fn new(limit_bytes: usize, agent: IpAddr) -> Self {
        let buffer = vec![0; CAPACITY].into_boxed_slice();
        let mut datagrams = Self { buffer, used: MAX_HEADER, samples: 0, limit: 0 };
        datagrams.set_limit(limit_bytes, agent);
        datagrams
    }

    /// Changes the limit of a datagram that has this agent address, in bytes, brought into `LIMITS`; from the next sample on.
    pub fn set_limit(&mut self, limit_bytes: usize, agent: IpAddr) {
        self.limit = limit_bytes.clamp(*LIMITS.start(), *LIMITS.end()) + MAX_HEADER - header_len(agent);
    }

    /// Samples that wait for `flush` or for a full datagram.
    pub fn queued(&self) -> u32 {
        self.samples
    }

    /// Adds a counters sample. `sequence` counts the samples of `source`, from 1.
    pub fn add_counters(
        &mut self,
        uptime_ms: u32,
        source: DataSource,
        sequence: u32,
        write: impl FnOnce(&mut SampleWriter<'_, '_>) -> Result<(), Full>,
        send: &mut impl FnMut(Unsent<'_>),
    ) -> Result<(), Full> {
        let header = CountersHeader { sequence, source };
        self.add(uptime_ms, sample::COUNTERS, |out| sample::encode_body(out, &header, write), send)
    }

    /// Adds a flow sample.
    pub fn add_flow(
        &mut self,
        uptime_ms: u32,
        header: &FlowHeader,
        write: impl FnOnce(&mut SampleWriter<'_, '_>) -> Result<(), Full>,
        send: &mut impl FnMut(Unsent<'_>),
    ) -> Result<(), Full> {
        self.add(uptime_ms, sample::FLOW, |out| sample::encode_body(out, header, write), send)
    }

    /// Adds a discarded packet.
    pub fn add_discard(
        &mut self,
        uptime_ms: u32,
        header: &DiscardHeader,
        write: impl FnOnce(&mut SampleWriter<'_, '_>) -> Result<(), Full>,
        send: &mut impl FnMut(Unsent<'_>),
    ) -> Result<(), Full> {
        self.add(uptime_ms, sample::DISCARD, |out| sample::encode_body(out, header, write), send)
    }

    /// Adds a sample whose body `write` encodes: `RtMetric`, `RtFlow`, or one already encoded elsewhere.
    pub fn add(
        &mut self,
        uptime_ms: u32,
        tag: Tag,
        write: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>,
        send: &mut impl FnMut(Unsent<'_>),
    ) -> Result<(), Full> {
        let room =
            self.buffer.get_mut(self.used..).and_then(|room| room.get_mut(..MAX_SAMPLE)).ok_or(Full)?;
        let mut out = Writer::new(room);
        out.element(tag.word(), write)?;
        let sample = self.used..self.used + out.len();
        if self.samples > 0 && sample.end >= self.limit {
            self.flush(uptime_ms, send);
            self.buffer.copy_within(sample.clone(), self.used);
        }
        self.used += sample.len();
        self.samples += 1;
        Ok(())
    }

    /// Sends what is queued; nothing is sent when nothing is.
    pub fn flush(&mut self, uptime_ms: u32, send: &mut impl FnMut(Unsent<'_>)) {
        if self.samples == 0 {
            return;
        }
        let (samples, used) = (self.samples, self.used);
        (self.samples, self.used) = (0, MAX_HEADER);
        send(Unsent { buffer: self.buffer.get_mut(..used).unwrap_or_default(), samples, uptime_ms });
    }
}

fn header_len(agent: IpAddr) -> usize {
    if agent.is_ipv4() { 28 } else { MAX_HEADER }
}

/// The words before the samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) agent: IpAddr,
    pub(crate) sub_agent_id: u32,
    pub(crate) sequence: u32,
    pub(crate) uptime_ms: u32,
    pub(crate) samples: u32,
}

impl Header {
    pub(crate) fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.u32(5)?;
        self.agent.encode(out)?;
        [self.sub_agent_id, self.sequence, self.uptime_ms, self.samples]
            .iter()
            .try_for_each(|&word| out.u32(word))
    }

    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = input.u32()?;
        if version != 5 {
            return Err(DecodeError::Version(version));
        }
        Ok(Self {
            agent: IpAddr::decode(input)?,
            sub_agent_id: input.u32()?,
            sequence: input.u32()?,
            uptime_ms: input.u32()?,
            samples: input.u32()?,
        })
    }
}

#[cfg(test)]
mod tests;
