//! A received datagram as values, for `hsflowctl decode` and for tests; `encode` makes a datagram of it again.
//!
//! Every byte is accounted for: a record or sample with an unknown tag, or whose content does not end where its
//! length says, is kept as `Raw` with the reason and reading goes on behind it; bytes after the last sample are kept
//! in `trailing`; padding that is not zero is counted. Only a datagram that ends too early, or is not version 5, is an
//! error. Memory is bounded by the datagram's size, whatever its counts claim.

use super::counters::CounterRecord;
use super::datagram::Header;
use super::flow::FlowRecord;
use super::ids::Tag;
use super::json;
use super::realtime::{RtFlow, RtMetric};
use super::record::{Raw, Record, whole};
use super::sample::{self, Compact, CountersHeader, DiscardHeader, FlowHeader};
use super::xdr::{DecodeError, Full, Reader, Writer, Xdr};
use serde::Serialize;
use std::net::IpAddr;

/// A datagram of one sub-agent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Datagram {
    /// Who sends it; not always the address it came from.
    pub agent: IpAddr,
    /// Which part of the agent.
    pub sub_agent_id: u32,
    /// Counts the sub-agent's datagrams, from 1.
    pub sequence: u32,
    /// Milliseconds since the sub-agent started; wraps.
    pub uptime_ms: u32,
    /// In wire order.
    pub samples: Vec<Sample>,
    /// Bytes of padding that were not zero.
    pub dirty_padding: usize,
    /// What follows the last sample; nothing should.
    #[serde(serialize_with = "json::hex")]
    pub trailing: Vec<u8>,
}

/// A sample of any kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sample {
    /// Tags `0:1` and `0:3`.
    Flow(Framed<FlowHeader, FlowRecord>),
    /// Tags `0:2` and `0:4`.
    Counters(Framed<CountersHeader, CounterRecord>),
    /// Tag `0:5`.
    Discard(Framed<DiscardHeader, FlowRecord>),
    /// Tag `4300:1002`.
    RtMetric(RtMetric<'static>),
    /// Tag `4300:1003`.
    RtFlow(RtFlow<'static>),
    /// Unknown tag, or content and length disagree.
    Raw(Raw),
}

/// A sample with a header and records.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Framed<H, R> {
    /// Whether it came in the compact form. It is written so again if its numbers fit.
    pub compact: bool,
    /// Number, source and the like.
    #[serde(flatten)]
    pub header: H,
    /// In wire order.
    pub records: Vec<R>,
}

/// Decodes the payload of one UDP packet.
pub fn decode(bytes: &[u8]) -> Result<Datagram, DecodeError> {
    let mut input = Reader::new(bytes);
    let Header { agent, sub_agent_id, sequence, uptime_ms, samples } = Header::decode(&mut input)?;
    let mut datagram = Datagram {
        agent,
        sub_agent_id,
        sequence,
        uptime_ms,
        samples: Vec::new(),
        dirty_padding: 0,
        trailing: Vec::new(),
    };
    for _ in 0..samples {
        datagram.samples.push(Sample::decode(&mut input)?);
    }
    datagram.trailing = input.bytes(input.remaining())?.to_vec();
    datagram.dirty_padding = input.dirty_padding();
    Ok(datagram)
}

impl Datagram {
    /// Writes the datagram, without `trailing` and with clean padding.
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let header = Header {
            agent: self.agent,
            sub_agent_id: self.sub_agent_id,
            sequence: self.sequence,
            uptime_ms: self.uptime_ms,
            samples: u32::try_from(self.samples.len()).map_err(|_| Full)?,
        };
        header.encode(out)?;
        self.samples.iter().try_for_each(|sample| sample.encode(out))
    }
}

impl Sample {
    /// Reads one sample. Only a sample that does not fit into the remaining bytes is an error.
    pub fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (word, body) = input.element()?;
        let tag = Tag::from_word(word);
        let decoded = match tag {
            sample::FLOW => whole(body, input, |i| Framed::expanded(i, FlowRecord::decode).map(Self::Flow)),
            sample::FLOW_COMPACT => {
                whole(body, input, |i| Framed::compact(i, FlowRecord::decode).map(Self::Flow))
            }
            sample::COUNTERS => {
                whole(body, input, |i| Framed::expanded(i, CounterRecord::decode).map(Self::Counters))
            }
            sample::COUNTERS_COMPACT => {
                whole(body, input, |i| Framed::compact(i, CounterRecord::decode).map(Self::Counters))
            }
            sample::DISCARD => {
                whole(body, input, |i| Framed::expanded(i, FlowRecord::decode).map(Self::Discard))
            }
            RtMetric::TAG => whole(body, input, |i| RtMetric::decode(i).map(Self::RtMetric)),
            RtFlow::TAG => whole(body, input, |i| RtFlow::decode(i).map(Self::RtFlow)),
            _ => return Ok(Self::Raw(Raw { tag, bytes: body.to_vec(), reason: None })),
        };
        Ok(decoded
            .unwrap_or_else(|reason| Self::Raw(Raw { tag, bytes: body.to_vec(), reason: Some(reason) })))
    }

    /// Writes tag, length and body.
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        match self {
            Self::Flow(flow) => {
                flow.encode_either(out, sample::FLOW, sample::FLOW_COMPACT, FlowRecord::encode)
            }
            Self::Counters(counters) => {
                counters.encode_either(out, sample::COUNTERS, sample::COUNTERS_COMPACT, CounterRecord::encode)
            }
            Self::Discard(discard) => out.element(sample::DISCARD.word(), |out| {
                discard.header.encode(out)?;
                discard.encode_records(out, FlowRecord::encode)
            }),
            Self::RtMetric(metric) => out.element(RtMetric::TAG.word(), |out| metric.encode(out)),
            Self::RtFlow(flow) => out.element(RtFlow::TAG.word(), |out| flow.encode(out)),
            Self::Raw(raw) => raw.encode(out),
        }
    }
}

type EncodeRecord<R> = fn(&R, &mut Writer<'_>) -> Result<(), Full>;
type DecodeRecord<R> = fn(&mut Reader<'_>) -> Result<R, DecodeError>;

impl<H: Xdr, R> Framed<H, R> {
    fn expanded(input: &mut Reader<'_>, record: DecodeRecord<R>) -> Result<Self, DecodeError> {
        let header = H::decode(input)?;
        Ok(Self { compact: false, header, records: records(input, record)? })
    }

    fn encode_records(&self, out: &mut Writer<'_>, record: EncodeRecord<R>) -> Result<(), Full> {
        out.u32(u32::try_from(self.records.len()).map_err(|_| Full)?)?;
        self.records.iter().try_for_each(|entry| record(entry, out))
    }
}

impl<H: Compact, R> Framed<H, R> {
    fn compact(input: &mut Reader<'_>, record: DecodeRecord<R>) -> Result<Self, DecodeError> {
        let header = H::decode_compact(input)?;
        Ok(Self { compact: true, header, records: records(input, record)? })
    }

    fn encode_either(
        &self,
        out: &mut Writer<'_>,
        expanded: Tag,
        compact: Tag,
        record: EncodeRecord<R>,
    ) -> Result<(), Full> {
        let words = if self.compact { self.header.compact() } else { None };
        let tag = if words.is_some() { compact } else { expanded };
        out.element(tag.word(), |out| {
            match &words {
                Some(words) => words.as_ref().iter().try_for_each(|&word| out.u32(word))?,
                None => self.header.encode(out)?,
            }
            self.encode_records(out, record)
        })
    }
}

/// A count and that many records. Each takes at least 8 bytes, so a false count ends the loop early.
fn records<R>(input: &mut Reader<'_>, record: DecodeRecord<R>) -> Result<Vec<R>, DecodeError> {
    let count = input.u32()?;
    (0..count).map(|_| record(input)).collect()
}

#[cfg(test)]
mod tests;
