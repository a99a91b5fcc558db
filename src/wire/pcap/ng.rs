//! pcapng (draft-ietf-opsawg-pcapng): sections of blocks, of which three kinds matter here.
//!
//! Section headers give the byte order, interface descriptions the link type and the unit of time, enhanced packet
//! blocks the packets. All other blocks are skipped by their length.

use super::{Cursor, Order, Packet, PcapError};
use std::time::Duration;

/// Block type of a section header; it reads the same in both byte orders.
pub(super) const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

const OPTION_TIME_UNIT: u16 = 9;
const OPTION_TIME_OFFSET: u16 = 14;

/// The blocks of a file and what the current section said of its interfaces.
#[derive(Debug)]
pub(super) struct Sections<'a> {
    input: Cursor<'a>,
    interfaces: Vec<Interface>,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: u32,
    units_per_second: u64,
    offset_seconds: u64,
}

impl<'a> Sections<'a> {
    pub(super) fn new(file: &'a [u8]) -> Self {
        Self { input: Cursor::new(file, Order::Little), interfaces: Vec::new() }
    }

    /// The same place of the file, over these bytes.
    pub(super) fn over(self, bytes: &[u8]) -> Sections<'_> {
        Sections { input: self.input.over(bytes), interfaces: self.interfaces }
    }

    /// Where the next block begins.
    pub(super) fn at(&self) -> usize {
        self.input.at
    }

    /// The next packet; `None` at the end of the file.
    pub(super) fn next_packet(&mut self) -> Result<Option<Packet<'a>>, PcapError> {
        while !self.input.is_empty() {
            let before = self.input.clone();
            let start = before.at;
            let (kind, mut body) = self.block().inspect_err(|_| self.input = before)?;
            match kind {
                SECTION => self.interfaces.clear(),
                INTERFACE => self.interfaces.push(interface(&mut body)?),
                ENHANCED_PACKET => return self.packet(start, &mut body).map(Some),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Type and body of the next block: type, length, body, and the length again.
    fn block(&mut self) -> Result<(u32, Cursor<'a>), PcapError> {
        let offset = self.input.at;
        let kind = self.input.u32()?;
        if kind == SECTION {
            self.input.order = byte_order(self.input.clone())?;
        }
        let length = self.input.u32()?;
        let inner = length.checked_sub(12).filter(|inner| inner.is_multiple_of(4));
        let inner = inner.ok_or(PcapError::Block { offset, length })? as usize;
        let body = Cursor { rest: self.input.bytes(inner)?, at: offset + 8, order: self.input.order };
        if self.input.u32()? != length {
            return Err(PcapError::Block { offset, length });
        }
        Ok((kind, body))
    }

    fn packet(&self, start: usize, body: &mut Cursor<'a>) -> Result<Packet<'a>, PcapError> {
        let number = body.u32()?;
        let unknown = PcapError::Interface { offset: start, interface: number };
        let interface = self.interfaces.get(number as usize).ok_or(unknown)?;
        let units = u64::from(body.u32()?) << 32 | u64::from(body.u32()?);
        let (captured, _on_the_wire) = (body.u32()?, body.u32()?);
        let bytes = body.bytes(captured as usize)?;
        Ok(Packet { time: interface.time(units), link_type: interface.link_type, bytes })
    }
}

impl Interface {
    fn time(&self, units: u64) -> Duration {
        let part =
            u128::from(units % self.units_per_second) * 1_000_000_000 / u128::from(self.units_per_second);
        let seconds = (units / self.units_per_second).saturating_add(self.offset_seconds);
        // A part of a second in nanoseconds always fits.
        Duration::new(seconds, u32::try_from(part).unwrap_or(0))
    }
}

/// The word behind a section header's length tells the order of all words in the section.
fn byte_order(mut input: Cursor<'_>) -> Result<Order, PcapError> {
    input.order = Order::Big;
    input.u32()?;
    match input.u32()? {
        0x1A2B_3C4D => Ok(Order::Big),
        0x4D3C_2B1A => Ok(Order::Little),
        magic => Err(PcapError::Magic(magic)),
    }
}

fn interface(body: &mut Cursor<'_>) -> Result<Interface, PcapError> {
    let link_type = body.u16()?.into();
    body.bytes(6)?;
    let mut described = Interface { link_type, units_per_second: 1_000_000, offset_seconds: 0 };
    while !body.is_empty() {
        let (code, length) = (body.u16()?, usize::from(body.u16()?));
        let value = body.bytes(length)?;
        body.bytes(length.wrapping_neg() % 4)?;
        match (code, value) {
            (0, _) => break,
            (OPTION_TIME_UNIT, &[unit]) => described.units_per_second = units_per_second(unit),
            (OPTION_TIME_OFFSET, value) => {
                let mut value = Cursor { rest: value, at: body.at, order: body.order };
                let (first, second) = (value.u32()?, value.u32()?);
                let (high, low) = match value.order {
                    Order::Big => (first, second),
                    Order::Little => (second, first),
                };
                described.offset_seconds = u64::from(high) << 32 | u64::from(low);
            }
            _ => {}
        }
    }
    Ok(described)
}

/// The exponent of a power of 10, or of 2 where the highest bit is set; microseconds where it cannot be.
fn units_per_second(unit: u8) -> u64 {
    let base: u64 = if unit & 0x80 == 0 { 10 } else { 2 };
    base.checked_pow((unit & 0x7F).into()).unwrap_or(1_000_000)
}
