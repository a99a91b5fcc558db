//! NET_DM: packets that the kernel or a switch chip dropped, and how to have them reported.
//!
//! In: the payload of a message of the `NET_DM` family. Out: [`Alert`], [`trap_counts`] or [`lost`], by the message's
//! command. The other way, [`configure`], [`start`] and [`stop`], each acknowledged: `EBUSY` says that the reports run
//! already, `EAGAIN` that they are in the asked state. Rules: as [`super`] has them. The packet starts at its link
//! header; what its drop means is decided in [`discard`].
//!
//! Spec: `linux/net_dropmon.h`; packets instead of counts since kernel 5.4, `REASON` since 5.18.

pub mod codes;
pub mod discard;

use super::attribute::{Attribute, Attributes};
use super::error::ParseError;
use super::generic;
use super::request::Request;
use std::borrow::Cow;

/// Name of the family.
pub const FAMILY: &str = "NET_DM";
/// Name of its group of alerts. Joining it needs `CAP_SYS_ADMIN` since kernel 6.7 and in later releases of older ones.
pub const GROUP: &str = "events";

const CMD_ALERT: u8 = 1;
const CMD_CONFIG: u8 = 2;
const CMD_START: u8 = 3;
const CMD_STOP: u8 = 4;
const CMD_PACKET_ALERT: u8 = 5;
const CMD_STATS_GET: u8 = 8;
const CMD_STATS_NEW: u8 = 9;

const ALERT_MODE: u16 = 1;
const TRUNC_LEN: u16 = 9;
const QUEUE_LEN: u16 = 11;
const SW_DROPS: u16 = 20;
const HW_DROPS: u16 = 21;
const ALERT_MODE_PACKET: u8 = 1;

/// Whose drops are to be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources {
    /// The kernel's own.
    pub software: bool,
    /// Those of switch chips.
    pub hardware: bool,
}

/// Asks for packets, cut to so many bytes (0: whole), with a queue of so many for each processor. Only while stopped.
pub fn configure(buffer: &mut Vec<u8>, family: u16, sequence: u32, cut: u32, queue: u32) {
    let _ = command(buffer, family, sequence, CMD_CONFIG)
        .attribute(ALERT_MODE, &[ALERT_MODE_PACKET])
        .attribute(TRUNC_LEN, &cut.to_ne_bytes())
        .attribute(QUEUE_LEN, &queue.to_ne_bytes());
}

/// Starts the reports.
pub fn start(buffer: &mut Vec<u8>, family: u16, sequence: u32, sources: Sources) {
    switch(buffer, family, sequence, CMD_START, sources);
}

/// Stops the reports, for all listeners.
pub fn stop(buffer: &mut Vec<u8>, family: u16, sequence: u32, sources: Sources) {
    switch(buffer, family, sequence, CMD_STOP, sources);
}

/// Asks how many packets did not fit into the queues: see [`lost`].
pub fn get_lost(buffer: &mut Vec<u8>, family: u16, sequence: u32) {
    let _ = Request::get(buffer, family, sequence, &[CMD_STATS_GET, 1, 0, 0]);
}

fn switch(buffer: &mut Vec<u8>, family: u16, sequence: u32, number: u8, sources: Sources) {
    let mut request = command(buffer, family, sequence, number);
    if sources.software {
        request = request.attribute(SW_DROPS, &[]);
    }
    if sources.hardware {
        request = request.attribute(HW_DROPS, &[]);
    }
    let _ = request;
}

fn command(buffer: &mut Vec<u8>, family: u16, sequence: u32, number: u8) -> Request<'_> {
    Request::change(buffer, family, sequence, &[number, 1, 0, 0])
}

/// One dropped packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alert<'a> {
    /// Address of the code that dropped it.
    pub pc: Option<u64>,
    /// The same as function, offset and length: `tcp_v4_rcv+0x4f/0xd50`.
    pub symbol: Option<Cow<'a, str>>,
    /// ifIndex it came in by.
    pub in_index: Option<u32>,
    /// Name of that interface.
    pub in_name: Option<Cow<'a, str>>,
    /// Nanoseconds since the Unix epoch.
    pub timestamp: Option<u64>,
    /// `EtherType`.
    pub protocol: Option<u16>,
    /// The packet from its link header on.
    pub payload: Option<&'a [u8]>,
    /// Bytes of the packet before it was cut.
    pub original_length: Option<u32>,
    /// Who dropped it.
    pub origin: Option<Origin>,
    /// Group of the trap, of hardware drops.
    pub trap_group: Option<Cow<'a, str>>,
    /// Name of the trap, of hardware drops.
    pub trap: Option<Cow<'a, str>>,
    /// Cookie of the flow rule that dropped it.
    pub cookie: Option<&'a [u8]>,
    /// Why, of software drops: the kernel's name without `SKB_DROP_REASON_`.
    pub reason: Option<Cow<'a, str>>,
}

/// Who dropped a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The kernel.
    Software,
    /// A switch chip.
    Hardware,
}

impl<'a> Alert<'a> {
    /// Reads a message's payload; `None` where it is not about a packet.
    pub fn parse(payload: &'a [u8]) -> Result<Option<Self>, ParseError> {
        let Some(attributes) = of_command(payload, CMD_PACKET_ALERT)? else { return Ok(None) };
        let mut alert = Self::default();
        for attribute in attributes {
            alert.read(&attribute?)?;
        }
        Ok(Some(alert))
    }

    fn read(&mut self, attribute: &Attribute<'a>) -> Result<(), ParseError> {
        match attribute.kind {
            2 => self.pc = Some(u64(attribute, "NET_DM_ATTR_PC")?),
            3 => self.symbol = Some(attribute.text()),
            4 => self.read_port(attribute)?,
            5 => self.timestamp = Some(u64(attribute, "NET_DM_ATTR_TIMESTAMP")?),
            6 => self.protocol = Some(attribute.u16("NET_DM_ATTR_PROTO")?),
            7 => self.payload = Some(attribute.value),
            10 => self.original_length = Some(attribute.u32("NET_DM_ATTR_ORIG_LEN")?),
            14 => {
                self.origin = match attribute.u16("NET_DM_ATTR_ORIGIN")? {
                    0 => Some(Origin::Software),
                    1 => Some(Origin::Hardware),
                    _ => None,
                }
            }
            15 => self.trap_group = Some(attribute.text()),
            16 => self.trap = Some(attribute.text()),
            22 => self.cookie = Some(attribute.value),
            23 => self.reason = Some(attribute.text()),
            _ => {}
        }
        Ok(())
    }

    fn read_port(&mut self, port: &Attribute<'a>) -> Result<(), ParseError> {
        for attribute in port.nested() {
            let attribute = attribute?;
            match attribute.kind {
                0 => self.in_index = Some(attribute.u32("NET_DM_ATTR_PORT_NETDEV_IFINDEX")?),
                1 => self.in_name = Some(attribute.text()),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The drops of a chip by trap name, of a message in the mode that only counts; empty for other messages.
pub fn trap_counts(payload: &[u8]) -> Result<Vec<(Cow<'_, str>, u32)>, ParseError> {
    let mut counts = Vec::new();
    let Some(attributes) = of_command(payload, CMD_ALERT)? else { return Ok(counts) };
    let Some(entries) = attributes.find(17)? else { return Ok(counts) };
    for entry in entries.nested() {
        let (mut name, mut count) = (Cow::default(), 0);
        for attribute in entry?.nested() {
            let attribute = attribute?;
            match attribute.kind {
                16 => name = attribute.text(),
                19 => count = attribute.u32("NET_DM_ATTR_HW_TRAP_COUNT")?,
                _ => {}
            }
        }
        counts.push((name, count));
    }
    Ok(counts)
}

/// How many packets were dropped but could not be reported, since the module was loaded: software, hardware. `None`
/// for messages that do not answer [`get_lost`].
pub fn lost(payload: &[u8]) -> Result<Option<[u64; 2]>, ParseError> {
    let Some(attributes) = of_command(payload, CMD_STATS_NEW)? else { return Ok(None) };
    let mut lost = [0; 2];
    for (kind, total) in [12, 13].into_iter().zip(&mut lost) {
        let Some(stats) = attributes.clone().find(kind)? else { continue };
        if let Some(dropped) = stats.nested().find(0)? {
            *total = u64(&dropped, "NET_DM_ATTR_STATS_DROPPED")?;
        }
    }
    Ok(Some(lost))
}

/// The attributes of a message with this command.
fn of_command(payload: &[u8], number: u8) -> Result<Option<Attributes<'_>>, ParseError> {
    let attributes = Attributes::after(payload, generic::HEADER_LEN, "genlmsghdr")?;
    Ok(Some(attributes).filter(|_| payload.first() == Some(&number)))
}

fn u64(attribute: &Attribute<'_>, field: &'static str) -> Result<u64, ParseError> {
    attribute.bytes(field).map(u64::from_ne_bytes)
}

#[cfg(test)]
mod tests;
