//! A datagram as detection reads it. In: a datagram. Out: its number and date, and a [`Sample`] of each packet sample that
//! shows a header and of each interface whose counters are in it. Rules: nothing is copied or allocated, unlike in
//! `sflow::decode`, because a flood of packets is a flood of samples; a sample that cannot be read costs itself. Spec:
//! sFlow v5 sections 5.3 and 5.4.

use super::flow::{Flow, flow};
use crate::sflow::counters::interface::GenericInterface;
use crate::sflow::datagram::Header;
use crate::sflow::ids::Tag;
use crate::sflow::record::Record;
use crate::sflow::sample::{self, Compact, CountersHeader};
use crate::sflow::xdr::{DecodeError, Reader, Xdr};

/// A datagram whose samples are not read yet.
#[derive(Debug)]
pub struct Datagram<'a> {
    header: Header,
    rest: Reader<'a>,
}

/// What detection learns of a sample.
#[derive(Clone, Copy, Debug)]
pub enum Sample<'s, 'a> {
    /// A packet.
    Flow(&'s Flow<'a>),
    /// The speed of a link, as counters tell it.
    Speed {
        /// The interface's ifIndex.
        if_index: u32,
        /// 0 is not known.
        bits_per_sec: u64,
    },
}

impl<'a> Datagram<'a> {
    /// # Errors
    /// It is not sFlow version 5, or its header is cut off.
    pub fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut rest = Reader::new(bytes);
        Ok(Self { header: Header::decode(&mut rest)?, rest })
    }

    /// Counts the agent's datagrams, from 1.
    pub const fn sequence(&self) -> u32 {
        self.header.sequence
    }

    /// Milliseconds since the agent started; wraps.
    pub const fn uptime_ms(&self) -> u32 {
        self.header.uptime_ms
    }

    /// Calls `each` with what samples tell; those of other kinds are passed over.
    ///
    /// # Errors
    /// A sample does not fit into the datagram. Those before that were told.
    pub fn samples(mut self, each: &mut impl FnMut(Sample<'_, 'a>)) -> Result<(), DecodeError> {
        for _ in 0..self.header.samples {
            let (word, body) = self.rest.element()?;
            let (tag, mut body) = (Tag::from_word(word), Reader::new(body));
            match tag {
                sample::FLOW | sample::FLOW_COMPACT => {
                    if let Ok(Some(flow)) = flow(tag, &mut body) {
                        each(Sample::Flow(&flow));
                    }
                }
                sample::COUNTERS | sample::COUNTERS_COMPACT => drop(counters(tag, &mut body, each)),
                _ => {}
            }
        }
        Ok(())
    }
}

fn counters<'a>(
    tag: Tag,
    body: &mut Reader<'_>,
    each: &mut impl FnMut(Sample<'_, 'a>),
) -> Result<(), DecodeError> {
    if tag == sample::COUNTERS {
        CountersHeader::decode(body)
    } else {
        CountersHeader::decode_compact(body)
    }?;
    for _ in 0..body.u32()? {
        let (word, record) = body.element()?;
        if Tag::from_word(word) == GenericInterface::TAG {
            let link = GenericInterface::decode(&mut Reader::new(record))?;
            each(Sample::Speed { if_index: link.if_index, bits_per_sec: link.if_speed });
        }
    }
    Ok(())
}
