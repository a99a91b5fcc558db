//! NFLOG: packets that a firewall rule chose, and how to ask for a group of them.
//!
//! ```text
//! family u8 │ version u8 │ group u16 │ NFULA_ attributes
//! ```
//! In: the payload of an `NFULNL_MSG_PACKET`. Out: [`Packet`]. The other way, [`bind`] and [`unbind`], for all protocol
//! families at once: binding to a family is only for rules that log to no group. Numbers here are in network byte
//! order, other than in the rest of netlink; the readers give them in the host's. Rules: as [`super`] has them. A batch
//! of several packets ends with an `NLMSG_DONE` that carries no error code but the group's header: [`is_packet`] tells
//! packets from it.
//!
//! Spec: `linux/netfilter/nfnetlink_log.h`, `nfnetlink.h`.

use super::attribute::{Attribute, Attributes, chunk_at};
use super::error::ParseError;
use super::header::Message;
use super::request::Request;
use std::borrow::Cow;
use std::time::Duration;

/// `NFNL_SUBSYS_ULOG`, in the upper half of a message's type.
const SUBSYSTEM: u16 = 4 << 8;
const MSG_PACKET: u16 = SUBSYSTEM;
const MSG_CONFIG: u16 = SUBSYSTEM | 1;
const HEADER_LEN: usize = 4;

const CFG_CMD_BIND: u8 = 1;
const CFG_CMD_UNBIND: u8 = 2;
const COPY_PACKET: u8 = 2;
const CFG_F_SEQ: u16 = 1;

/// How the kernel shall hand over the packets of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Bytes of each packet to copy, from the IP header on.
    pub copy: u32,
    /// Bytes of the kernel's buffer for one batch, from one page to 128 KiB: another number is ignored in silence.
    pub batch_bytes: u32,
    /// Hundredths of a second after which a batch is sent though it is not full.
    pub flush_after: u32,
    /// Packets in a batch. A rule may set less, not more.
    pub batch_packets: u32,
}

/// Asks for the packets of a group, numbered so that lost ones are seen. `EPERM` is the answer when another program
/// has the group.
pub fn bind(buffer: &mut Vec<u8>, sequence: u32, group: u16, settings: &Settings) {
    let [c0, c1, c2, c3] = settings.copy.to_be_bytes();
    let _ = config(buffer, sequence, group)
        .attribute(1, &[CFG_CMD_BIND])
        .attribute(2, &[c0, c1, c2, c3, COPY_PACKET, 0])
        .attribute(3, &settings.batch_bytes.to_be_bytes())
        .attribute(4, &settings.flush_after.to_be_bytes())
        .attribute(5, &settings.batch_packets.to_be_bytes())
        .attribute(6, &CFG_F_SEQ.to_be_bytes());
}

/// Gives a group back.
pub fn unbind(buffer: &mut Vec<u8>, sequence: u32, group: u16) {
    let _ = config(buffer, sequence, group).attribute(1, &[CFG_CMD_UNBIND]);
}

fn config(buffer: &mut Vec<u8>, sequence: u32, group: u16) -> Request<'_> {
    let [high, low] = group.to_be_bytes();
    Request::change(buffer, MSG_CONFIG, sequence, &[0, 0, high, low])
}

/// True for a message that [`Packet::parse`] reads.
pub fn is_packet(message: &Message<'_>) -> bool {
    message.kind == MSG_PACKET
}

/// One packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packet<'a> {
    /// `NFPROTO_*` of the rule: 2 IPv4, 5 netdev, 7 bridge, 10 IPv6.
    pub family: u8,
    /// The group it was sent to.
    pub group: u16,
    /// Where in the kernel: 0 pre-routing, 1 input, 2 forward, 3 output, 4 post-routing; of netdev rules 0 ingress,
    /// 1 egress.
    pub hook: Option<u8>,
    /// `EtherType` of the payload; 0 where the kernel did not know it.
    pub protocol: Option<u16>,
    /// Packet mark.
    pub mark: Option<u32>,
    /// When it was received, since the Unix epoch. Packets that this host sends have none.
    pub timestamp: Option<Duration>,
    /// ifIndex it came in by: of the bridge where its port is in `phys_in_index`.
    pub in_index: Option<u32>,
    /// ifIndex it will go out by.
    pub out_index: Option<u32>,
    /// ifIndex of the bridge port it came in by.
    pub phys_in_index: Option<u32>,
    /// ifIndex of the bridge port it will go out by.
    pub phys_out_index: Option<u32>,
    /// Link address of the sender.
    pub hw_address: Option<&'a [u8]>,
    /// The packet from its network header on, up to the bytes asked for.
    pub payload: Option<&'a [u8]>,
    /// The rule's text.
    pub prefix: Option<Cow<'a, str>>,
    /// User of the socket, for packets of this host.
    pub uid: Option<u32>,
    /// Group of the socket.
    pub gid: Option<u32>,
    /// Number in this group; a gap is a loss.
    pub sequence: Option<u32>,
    /// Number over all groups.
    pub global_sequence: Option<u32>,
    /// `ARPHRD_*` of the interface.
    pub hw_type: Option<u16>,
    /// Link header; of an Ethernet frame 14 bytes, without any VLAN tag that hardware took off.
    pub hw_header: Option<&'a [u8]>,
    /// Bytes of the link header, as the kernel counts them.
    pub hw_length: Option<u16>,
    /// Connection tracking's attributes (`CTA_`), undecoded, for who asked for them.
    pub connection: Option<&'a [u8]>,
    /// `enum ip_conntrack_info`.
    pub connection_info: Option<u32>,
    /// The VLAN tag that was taken off (kernel 4.19, bridge and netdev rules): TPID and TCI.
    pub vlan: Option<(u16, u16)>,
    /// Link header of bridge and netdev rules (kernel 4.19).
    pub l2_header: Option<&'a [u8]>,
}

impl<'a> Packet<'a> {
    /// Reads the payload of a packet message.
    pub fn parse(payload: &'a [u8]) -> Result<Self, ParseError> {
        let [family, _, group @ ..] = chunk_at::<HEADER_LEN>(payload, 0, "nfgenmsg")?;
        let mut packet = Self { family, group: u16::from_be_bytes(group), ..Self::default() };
        for attribute in Attributes::after(payload, HEADER_LEN, "nfgenmsg")? {
            packet.read(&attribute?)?;
        }
        Ok(packet)
    }

    fn read(&mut self, attribute: &Attribute<'a>) -> Result<(), ParseError> {
        match attribute.kind {
            1 => {
                let [p0, p1, hook] = attribute.bytes("NFULA_PACKET_HDR")?;
                (self.protocol, self.hook) = (Some(u16::from_be_bytes([p0, p1])), Some(hook));
            }
            2 => self.mark = Some(be32(attribute, "NFULA_MARK")?),
            3 => self.timestamp = timestamp(attribute)?,
            4 => self.in_index = Some(be32(attribute, "NFULA_IFINDEX_INDEV")?),
            5 => self.out_index = Some(be32(attribute, "NFULA_IFINDEX_OUTDEV")?),
            6 => self.phys_in_index = Some(be32(attribute, "NFULA_IFINDEX_PHYSINDEV")?),
            7 => self.phys_out_index = Some(be32(attribute, "NFULA_IFINDEX_PHYSOUTDEV")?),
            8 => self.hw_address = Some(hw_address(attribute)?),
            9 => self.payload = Some(attribute.value),
            10 => self.prefix = Some(attribute.text()),
            11 => self.uid = Some(be32(attribute, "NFULA_UID")?),
            12 => self.sequence = Some(be32(attribute, "NFULA_SEQ")?),
            13 => self.global_sequence = Some(be32(attribute, "NFULA_SEQ_GLOBAL")?),
            14 => self.gid = Some(be32(attribute, "NFULA_GID")?),
            15 => self.hw_type = Some(be16(attribute, "NFULA_HWTYPE")?),
            16 => self.hw_header = Some(attribute.value),
            17 => self.hw_length = Some(be16(attribute, "NFULA_HWLEN")?),
            18 => self.connection = Some(attribute.value),
            19 => self.connection_info = Some(be32(attribute, "NFULA_CT_INFO")?),
            20 => self.vlan = vlan(attribute)?,
            21 => self.l2_header = Some(attribute.value),
            _ => {}
        }
        Ok(())
    }

    /// The link header, from whichever attribute has it.
    pub fn link_header(&self) -> Option<&'a [u8]> {
        self.l2_header.or(self.hw_header).filter(|header| !header.is_empty())
    }
}

fn be16(attribute: &Attribute<'_>, field: &'static str) -> Result<u16, ParseError> {
    attribute.bytes(field).map(u16::from_be_bytes)
}

fn be32(attribute: &Attribute<'_>, field: &'static str) -> Result<u32, ParseError> {
    attribute.bytes(field).map(u32::from_be_bytes)
}

/// `seconds u64 │ microseconds u64`; `None` for a time that no clock shows.
fn timestamp(attribute: &Attribute<'_>) -> Result<Option<Duration>, ParseError> {
    let bytes = attribute.bytes::<16>("NFULA_TIMESTAMP")?;
    let (words, _) = bytes.as_chunks::<8>();
    let [seconds, micros] = [0, 1].map(|at| words.get(at).map_or(0, |word| u64::from_be_bytes(*word)));
    Ok(Duration::from_secs(seconds).checked_add(Duration::from_micros(micros)))
}

/// `length u16 │ pad u16 │ address 8`; a longer address is cut by the kernel.
fn hw_address<'a>(attribute: &Attribute<'a>) -> Result<&'a [u8], ParseError> {
    let [high, low, ..] = attribute.bytes::<12>("NFULA_HWADDR")?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let address = attribute.value.get(4..12).unwrap_or_default();
    Ok(address.get(..length).unwrap_or(address))
}

/// TPID and TCI; `None` where either is missing.
fn vlan(attribute: &Attribute<'_>) -> Result<Option<(u16, u16)>, ParseError> {
    let (mut tpid, mut tci) = (None, None);
    for attribute in attribute.nested() {
        let attribute = attribute?;
        match attribute.kind {
            1 => tpid = Some(be16(&attribute, "NFULA_VLAN_PROTO")?),
            2 => tci = Some(be16(&attribute, "NFULA_VLAN_TCI")?),
            _ => {}
        }
    }
    Ok(tpid.zip(tci))
}

#[cfg(test)]
mod tests;
