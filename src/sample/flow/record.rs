//! The records of a flow sample.
//!
//! In: a packet, its path, what else is known of it. Out: records, the sampled header first: the order means
//! nothing, but Wireshark loses its way behind a record that it does not know. Then the C agent's order. Rules: what the source did not tell has no record; a number that its record has no room for is the largest one
//! that fits. VLANs (1001): a frame is seen on one wire, and the VLAN told is that of this side; that of the other
//! side is all ones, which the specification's erratum makes "unknown".
//!
//! Spec: sFlow v5 section 5.4, sFlow Transit Delay Structures.

use super::{Packet, Path, tunnel};
use crate::sample::frame::Direction;
use crate::sflow::flow::forwarding::ExtendedSwitch;
use crate::sflow::flow::kernel::{EgressQueue, QueueDepth, Timestamp, TransitDelay};
use crate::sflow::flow::socket::{Entities, TcpInfo};
use crate::sflow::record::Record;
use crate::sflow::sample::SampleWriter;
use crate::sflow::unknown::gauge32;
use crate::sflow::xdr::Full;
use crate::wire::ethernet::Tag;

/// An unknown VLAN or priority.
const UNKNOWN: u32 = u32::MAX;

/// What is known of a packet that is not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known<'a> {
    /// The guests that sent and receive it.
    pub entities: Option<Entities>,
    /// The state of its connection.
    pub tcp: Option<&'a TcpInfo>,
}

/// Encodes all records, with at most `header_bytes` bytes of the packet, and never more than 256.
pub fn encode(
    packet: &Packet<'_>,
    path: Path,
    known: Known<'_>,
    header_bytes: usize,
    out: &mut SampleWriter<'_, '_>,
) -> Result<(), Full> {
    let frame = packet.frame;
    packet.header.encode(header_bytes, out)?;
    add(out, known.entities)?;
    if let Some(tcp) = known.tcp {
        out.record(tcp)?;
    }
    add(out, frame.queue.map(|queue| EgressQueue { queue }))?;
    add(out, frame.queue_depth.map(|depth| QueueDepth { depth: gauge32(Some(depth)) }))?;
    add(out, frame.latency.map(|delay| TransitDelay { delay: gauge32(Some(delay)) }))?;
    add(out, frame.time.map(|nanoseconds| Timestamp { nanoseconds }))?;
    add(out, vlan(packet))?;
    tunnel::encode_removed(frame.tunnel.as_ref(), out)?;
    tunnel::encode_carried(packet, path, header_bytes, out)
}

/// Adds a record if there is one.
pub(super) fn add<R: Record>(out: &mut SampleWriter<'_, '_>, record: Option<R>) -> Result<(), Full> {
    record.map_or(Ok(()), |record| out.record(&record))
}

/// The outermost tag, on the side that the frame was seen on.
fn vlan(packet: &Packet<'_>) -> Option<ExtendedSwitch> {
    let apart = packet.frame.vlan.map(|vlan| Tag(u32::from(vlan.tpid) << 16 | u32::from(vlan.tci)));
    let tag = apart.or_else(|| packet.headers.ethernet?.tags().next())?;
    let (here, other) = ((tag.vlan(), tag.priority()), (UNKNOWN, UNKNOWN));
    let ((src_vlan, src_priority), (dst_vlan, dst_priority)) = match packet.frame.direction {
        Direction::In => (here, other),
        Direction::Out => (other, here),
    };
    Some(ExtendedSwitch { src_vlan, src_priority, dst_vlan, dst_priority })
}
