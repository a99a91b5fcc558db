//! One sub-agent's stream of datagrams (sFlow v5 section 5.3): samples are queued and sent together.
//!
//! In: samples, each encoded straight into the buffer by a closure. Out: whole datagrams, handed to `send`. Rules:
//! a sample that would bring the datagram to the limit or over it makes what is queued go out first; one sample is
//! never split, and alone it may exceed the limit; a sample that does not fit even then is dropped whole and the
//! stream goes on. Datagrams are numbered from 1, without gaps. Nothing is allocated after `new`.

use super::ids::{DataSource, Tag};
use super::sample::{self, CountersHeader, DiscardHeader, FlowHeader, SampleWriter};
use super::xdr::{Full, Writer, Xdr};
use std::net::IpAddr;

/// Largest sample in bytes, with its tag and length. Longer ones are refused with `Full`.
pub const MAX_SAMPLE: usize = 9216;
/// Smallest and largest limit of a datagram, in bytes.
pub const LIMITS: std::ops::RangeInclusive<usize> = 200..=9000;

const MAX_HEADER: usize = 40;
/// Room for the longest queue (one sample over the limit) and the sample that makes it go out.
const CAPACITY: usize = MAX_HEADER + 2 * MAX_SAMPLE;

/// A stream of datagrams with one agent address, sub-agent number and sequence.
#[derive(Debug)]
pub struct Datagrams {
    /// Header and queued samples; the header's words are filled in when the datagram is sent.
    buffer: Box<[u8]>,
    used: usize,
    samples: u32,
    limit: usize,
    agent: IpAddr,
    sub_agent_id: u32,
    sequence: u32,
}

impl Datagrams {
    /// An empty stream whose next datagram is number 1. The limit in bytes is brought into `LIMITS`.
    pub fn new(agent: IpAddr, sub_agent_id: u32, limit_bytes: usize) -> Self {
        let mut datagrams = Self {
            buffer: vec![0; CAPACITY].into_boxed_slice(),
            used: header_len(agent),
            samples: 0,
            limit: 0,
            agent,
            sub_agent_id,
            sequence: 0,
        };
        datagrams.set_limit(limit_bytes);
        datagrams
    }

    /// Changes the limit, brought into `LIMITS`, from the next sample on.
    pub fn set_limit(&mut self, limit_bytes: usize) {
        self.limit = limit_bytes.clamp(*LIMITS.start(), *LIMITS.end());
    }

    /// Changes the agent address. Queued samples go out under the old one; then the datagrams count from 1 again,
    /// since a collector tells streams apart by this address. The same address changes nothing.
    pub fn set_agent(&mut self, agent: IpAddr, uptime_ms: u32, send: &mut impl FnMut(&[u8])) {
        if agent == self.agent {
            return;
        }
        self.flush(uptime_ms, send);
        self.agent = agent;
        self.used = header_len(agent);
        self.sequence = 0;
    }

    /// The agent address of the stream.
    pub fn agent(&self) -> IpAddr {
        self.agent
    }

    /// The number of the datagram sent last, 0 before the first.
    pub fn sequence(&self) -> u32 {
        self.sequence
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
        send: &mut impl FnMut(&[u8]),
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
        send: &mut impl FnMut(&[u8]),
    ) -> Result<(), Full> {
        self.add(uptime_ms, sample::FLOW, |out| sample::encode_body(out, header, write), send)
    }

    /// Adds a discarded packet.
    pub fn add_discard(
        &mut self,
        uptime_ms: u32,
        header: &DiscardHeader,
        write: impl FnOnce(&mut SampleWriter<'_, '_>) -> Result<(), Full>,
        send: &mut impl FnMut(&[u8]),
    ) -> Result<(), Full> {
        self.add(uptime_ms, sample::DISCARD, |out| sample::encode_body(out, header, write), send)
    }

    /// Adds a sample whose body `write` encodes: `RtMetric`, `RtFlow`, or one already encoded elsewhere.
    pub fn add(
        &mut self,
        uptime_ms: u32,
        tag: Tag,
        write: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>,
        send: &mut impl FnMut(&[u8]),
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
    pub fn flush(&mut self, uptime_ms: u32, send: &mut impl FnMut(&[u8])) {
        if self.samples == 0 {
            return;
        }
        self.sequence = self.sequence.wrapping_add(1);
        let mut out = Writer::new(&mut self.buffer);
        let header = Header {
            agent: self.agent,
            sub_agent_id: self.sub_agent_id,
            sequence: self.sequence,
            uptime_ms,
            samples: self.samples,
        };
        let written = header.encode(&mut out);
        debug_assert_eq!(
            (written, out.len()),
            (Ok(()), header_len(self.agent)),
            "the buffer starts with a header"
        );
        send(self.buffer.get(..self.used).unwrap_or_default());
        self.used = header_len(self.agent);
        self.samples = 0;
    }
}

fn header_len(agent: IpAddr) -> usize {
    if agent.is_ipv4() { 28 } else { MAX_HEADER }
}

/// The words before the samples.
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
}

#[cfg(test)]
mod tests;
