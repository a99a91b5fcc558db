//! A packet sample, as detection needs it. In: the body of a flow sample. Out: a [`Flow`], where it shows a packet's header.
//! Spec: sFlow v5 sections 5.3 and 5.4.

use super::datagram::{Datagram, Sample};
use crate::sflow::flow::packet::SampledHeader;
use crate::sflow::ids::Tag;
use crate::sflow::record::Record;
use crate::sflow::sample::{self, Compact, FlowHeader};
use crate::sflow::xdr::{DecodeError, Reader, Xdr};
use crate::wire::frame::{self, Headers, Start};

/// A sampled packet.
#[derive(Clone, Copy, Debug)]
pub struct Flow<'a> {
    /// Data source, rate, ports.
    pub sample: FlowHeader,
    /// Bytes on the wire.
    pub bytes: u32,
    /// Its headers as far as they were shown.
    pub headers: Headers<'a>,
}

/// Calls `each` with the packet samples of a datagram; the others are passed over.
///
/// # Errors
/// As of [`Datagram`].
pub fn flows<'a>(datagram: &'a [u8], each: &mut impl FnMut(&Flow<'a>)) -> Result<(), DecodeError> {
    Datagram::new(datagram)?.samples(&mut |sample| {
        if let Sample::Flow(flow) = sample {
            each(flow);
        }
    })
}

/// Of a flow sample of either form.
pub(super) fn flow<'a>(tag: Tag, body: &mut Reader<'a>) -> Result<Option<Flow<'a>>, DecodeError> {
    let sample =
        if tag == sample::FLOW { FlowHeader::decode(body) } else { FlowHeader::decode_compact(body) }?;
    let mut shown = None;
    for _ in 0..body.u32()? {
        let (word, record) = body.element()?;
        if Tag::from_word(word) == SampledHeader::TAG {
            shown = Some(header(&mut Reader::new(record))?);
        }
    }
    let whole = shown.and_then(|(protocol, bytes, header)| {
        let headers = frame::parse(Start::of_header_protocol(protocol)?, header);
        Some(Flow { sample, bytes, headers })
    });
    Ok(whole)
}

fn header<'a>(record: &mut Reader<'a>) -> Result<(u32, u32, &'a [u8]), DecodeError> {
    let (protocol, bytes, _stripped) = (record.u32()?, record.u32()?, record.u32()?);
    Ok((protocol, bytes, record.opaque()?))
}

#[cfg(test)]
pub(crate) mod tests;
