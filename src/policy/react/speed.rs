//! The speed of links, as counter samples tell it. In: a datagram. Out: ifIndex and bits a second. Rules: nothing is
//! allocated; a sample that cannot be read costs itself. Spec: sFlow v5 section 5.4, `if_counters`.

use crate::sflow::counters::interface::GenericInterface;
use crate::sflow::ids::Tag;
use crate::sflow::record::Record;
use crate::sflow::sample::{self, Compact, CountersHeader};
use crate::sflow::xdr::{DecodeError, Reader, Xdr};
use std::net::IpAddr;

/// Calls `each` with every interface whose counters are in the datagram.
///
/// # Errors
/// As of [`super::flows`].
pub fn speeds(datagram: &[u8], each: &mut impl FnMut(u32, u64)) -> Result<(), DecodeError> {
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
        let _ = counters(Tag::from_word(word), &mut Reader::new(body), each);
    }
    Ok(())
}

fn counters(tag: Tag, body: &mut Reader<'_>, each: &mut impl FnMut(u32, u64)) -> Result<(), DecodeError> {
    match tag {
        sample::COUNTERS => drop(CountersHeader::decode(body)?),
        sample::COUNTERS_COMPACT => drop(CountersHeader::decode_compact(body)?),
        _ => return Ok(()),
    }
    for _ in 0..body.u32()? {
        let (word, record) = body.element()?;
        if Tag::from_word(word) == GenericInterface::TAG {
            let counters = GenericInterface::decode(&mut Reader::new(record))?;
            each(counters.if_index, counters.if_speed);
        }
    }
    Ok(())
}
