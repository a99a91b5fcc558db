//! Packet samples in a datagram, as detection needs them. In: a datagram. Out: a [`Flow`] for each flow sample that shows a
//! packet's header. Rules: nothing is copied or allocated, unlike in `sflow::decode`, because a flood of packets is a
//! flood of samples; a sample that cannot be read costs itself. Spec: sFlow v5 sections 5.3 and 5.4.

use crate::sflow::flow::packet::SampledHeader;
use crate::sflow::flow::socket::Entities;
use crate::sflow::ids::Tag;
use crate::sflow::record::Record;
use crate::sflow::sample::{self, Compact, FlowHeader};
use crate::sflow::xdr::{DecodeError, Reader, Xdr};
use crate::wire::frame::{self, Headers, Start};
use std::net::IpAddr;

/// A sampled packet.
#[derive(Clone, Copy, Debug)]
pub struct Flow<'a> {
    /// Data source, rate, ports.
    pub sample: FlowHeader,
    /// Bytes on the wire.
    pub bytes: u32,
    /// Its headers as far as they were shown.
    pub headers: Headers<'a>,
    /// The guests that sent and received it, where the agent knows.
    pub entities: Option<Entities>,
}

/// Calls `each` with the packet samples of a datagram; the others are passed over.
///
/// # Errors
/// It is not sFlow version 5, or a sample does not fit into it. Those before that were told.
pub fn flows<'a>(datagram: &'a [u8], each: &mut impl FnMut(&Flow<'a>)) -> Result<(), DecodeError> {
    let mut input = Reader::new(datagram);
    let version = input.u32()?;
    if version != 5 {
        return Err(DecodeError::Version(version));
    }
    IpAddr::decode(&mut input)?;
    // Sub-agent, sequence, uptime.
    input.bytes(12)?;
    for _ in 0..input.u32()? {
        let (word, body) = input.element()?;
        if let Ok(Some(flow)) = flow(Tag::from_word(word), &mut Reader::new(body)) {
            each(&flow);
        }
    }
    Ok(())
}

fn flow<'a>(tag: Tag, body: &mut Reader<'a>) -> Result<Option<Flow<'a>>, DecodeError> {
    let sample = match tag {
        sample::FLOW => FlowHeader::decode(body)?,
        sample::FLOW_COMPACT => FlowHeader::decode_compact(body)?,
        _ => return Ok(None),
    };
    let (mut shown, mut entities) = (None, None);
    for _ in 0..body.u32()? {
        let (word, record) = body.element()?;
        let mut record = Reader::new(record);
        match Tag::from_word(word) {
            SampledHeader::TAG => shown = Some(header(&mut record)?),
            Entities::TAG => entities = Some(Entities::decode(&mut record)?),
            _ => {}
        }
    }
    let whole = shown.and_then(|(protocol, bytes, header)| {
        let headers = frame::parse(Start::of_header_protocol(protocol)?, header);
        Some(Flow { sample, bytes, headers, entities })
    });
    Ok(whole)
}

fn header<'a>(record: &mut Reader<'a>) -> Result<(u32, u32, &'a [u8]), DecodeError> {
    let (protocol, bytes, _stripped) = (record.u32()?, record.u32()?, record.u32()?);
    Ok((protocol, bytes, record.opaque()?))
}

#[cfg(test)]
pub(crate) mod tests;
