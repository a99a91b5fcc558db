//! A sampled packet, and a dropped one, as a packet source hands them on.
//!
//! In: what the kernel gave a source. Out: values borrowed for the time of a call. Rules: what the kernel did not say
//! is `None` or [`End::Unknown`], never a guess; lengths are those on the wire, whatever was captured; losses are handed
//! on as what was added, never as totals.

use crate::wire::netlink::vpp;

/// Which way a packet crossed the interface whose sample it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Received.
    #[default]
    In,
    /// Sent by this host, or forwarded.
    Out,
}

/// One end of a packet's way through this host, as the kernel told it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// Not told.
    #[default]
    Unknown,
    /// The interface with this ifIndex.
    Interface(u32),
    /// This host itself sent or receives it.
    Host,
}

/// What the first byte of a packet belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkType {
    /// An Ethernet header.
    #[default]
    Ethernet,
    /// An IPv4 or IPv6 header: tunnels without a link layer.
    Ip,
    /// An IPv4 or IPv6 header; its Ethernet header of 14 bytes was on the wire and is not known.
    IpOfEthernet,
    /// Hardware of this kind, `ARPHRD_*` of `linux/if_arp.h`.
    Other(u16),
}

/// A VLAN tag that the hardware or the kernel took out of the frame; it stood after the two MAC addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlan {
    /// Identifier, such as 0x8100.
    pub tpid: u16,
    /// Priority, drop eligibility and VLAN number.
    pub tci: u16,
}

/// A sampled packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame<'a> {
    /// ifIndex of the data source.
    pub if_index: u32,
    /// It stands for this many packets.
    pub one_in: u32,
    /// Which way it crossed that interface.
    pub direction: Direction,
    /// Where it came from.
    pub input: End,
    /// Where it goes.
    pub output: End,
    /// What the packet begins with.
    pub link: LinkType,
    /// EtherType in host order, 0 where not told.
    pub protocol: u16,
    /// The link header, where the source has it apart from the rest; else empty.
    pub link_header: &'a [u8],
    /// The packet's beginning, behind `link_header`, as much as was asked for.
    pub bytes: &'a [u8],
    /// Bytes on the wire, link header and `vlan` included, checksum excluded. More than the MTU where the network card
    /// cuts or joins packets.
    pub wire_len: u32,
    /// A tag that belongs to the packet and is not in `bytes`.
    pub vlan: Option<Vlan>,
    /// Wall time of its arrival in nanoseconds since 1970.
    pub time: Option<u64>,
    /// Samples of this data source that were lost just before this one.
    pub lost: u32,
    /// Packets that the kernel has seen since the last frame of the same tap, where it counts them, without those that
    /// lost samples stand for; 0 where it has told them already. Wraps.
    pub seen: Option<u32>,
    /// Egress queue.
    pub queue: Option<u32>,
    /// Bytes in the egress queue.
    pub queue_depth: Option<u64>,
    /// Nanoseconds from ingress to egress.
    pub latency: Option<u64>,
    /// The tunnel that it came out of here; its header is no more in `bytes`.
    pub tunnel: Option<crate::wire::netlink::psample::TunnelKey>,
}

impl Frame<'_> {
    /// The same packet, whose bytes lie elsewhere: for who keeps it for longer than the call.
    pub fn with_bytes<'b>(&self, link_header: &'b [u8], bytes: &'b [u8]) -> Frame<'b> {
        let Self { if_index, one_in, direction, input, output, link, protocol, wire_len, .. } = *self;
        let Self { vlan, time, lost, seen, queue, queue_depth, latency, tunnel, .. } = *self;
        Frame {
            if_index,
            one_in,
            direction,
            input,
            output,
            link,
            protocol,
            link_header,
            bytes,
            wire_len,
            vlan,
            time,
            lost,
            seen,
            queue,
            queue_depth,
            latency,
            tunnel,
        }
    }
}

/// A packet that the kernel or a switch chip dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discard<'a> {
    /// ifIndex it came in by.
    pub input: Option<u32>,
    /// Code of the sFlow Dropped Packet Notification Structures.
    pub reason: u32,
    /// The kernel's name of the reason, without `SKB_DROP_REASON_`.
    pub reason_name: Option<&'a str>,
    /// Function that dropped it.
    pub symbol: Option<&'a str>,
    /// Group and name of a chip's trap.
    pub trap: Option<(&'a str, &'a str)>,
    /// What `bytes` begins with.
    pub link: LinkType,
    /// EtherType in host order, 0 where not told.
    pub protocol: u16,
    /// Its beginning.
    pub bytes: &'a [u8],
    /// Bytes on the wire, checksum excluded.
    pub wire_len: u32,
    /// Wall time of the drop in nanoseconds since 1970.
    pub time: Option<u64>,
}

/// Takes what a source has.
pub trait Sink {
    /// A sampled packet.
    fn packet(&mut self, frame: &Frame<'_>);
    /// A dropped packet.
    fn discard(&mut self, discard: &Discard<'_>);
    /// What VPP tells of itself or of an interface.
    fn vpp(&mut self, _told: &vpp::Message<'_>) {}
}

/// A closure takes packets, for who reads a source of packets alone.
impl<F: FnMut(&Frame<'_>)> Sink for F {
    fn packet(&mut self, frame: &Frame<'_>) {
        self(frame);
    }

    fn discard(&mut self, _: &Discard<'_>) {}
}
