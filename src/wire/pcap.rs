//! Capture files: what `tcpdump -w` and Wireshark write, as a sequence of packets.
//!
//! In: the bytes of a file, all of them or as they come. Out: packets that borrow from them, or one error that names the
//! offset, after which the sequence ends; where it is that more bytes are wanted, reading goes on with those ([`Pause`]). Classic pcap in both byte orders with microseconds or nanoseconds
//! (draft-ietf-opsawg-pcap), and pcapng (`ng`).

mod ng;

use std::time::Duration;

/// A captured packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Since 1970, UTC.
    pub time: Duration,
    /// What the bytes start with: a LINKTYPE number of tcpdump.org.
    pub link_type: u32,
    /// What was captured, which may be less than was on the wire.
    pub bytes: &'a [u8],
}

/// Why a file cannot be read on. Offsets count bytes from the start of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PcapError {
    /// The first word is that of no known format.
    #[error("not a capture file: it starts with {0:#010x}")]
    Magic(u32),
    /// The file ends inside something.
    #[error("offset {offset}: the file is cut off, {wanted} bytes wanted, {left} left")]
    Truncated {
        /// Where that starts.
        offset: usize,
        /// Its size.
        wanted: usize,
        /// What is there.
        left: usize,
    },
    /// A pcapng block whose length cannot be.
    #[error("offset {offset}: a block of {length} bytes")]
    Block {
        /// Where the block starts.
        offset: usize,
        /// Its length word.
        length: u32,
    },
    /// A pcapng packet of an interface that was not described.
    #[error("offset {offset}: packet of unknown interface {interface}")]
    Interface {
        /// Where the block starts.
        offset: usize,
        /// The number it gives.
        interface: u32,
    },
}

/// The packets of a file, in file order.
pub fn packets(file: &[u8]) -> Result<Packets<'_>, PcapError> {
    let magic = Cursor::new(file, Order::Big).u32()?;
    let (order, nanoseconds) = match magic {
        0xA1B2_C3D4 => (Order::Big, false),
        0xA1B2_3C4D => (Order::Big, true),
        0xD4C3_B2A1 => (Order::Little, false),
        0x4D3C_B2A1 => (Order::Little, true),
        ng::SECTION => return Ok(Packets::new(Format::Ng(ng::Sections::new(file)), 0)),
        _ => return Err(PcapError::Magic(magic)),
    };
    let mut input = Cursor::new(file, order);
    input.bytes(20)?;
    // The upper bits hold the length of a frame check sequence.
    let link_type = input.u32()? & 0x0FFF_FFFF;
    Ok(Packets::new(Format::Classic { input, nanoseconds, link_type }, 0))
}

/// Iterator of `packets`.
#[derive(Debug)]
pub struct Packets<'a> {
    format: Format<'a>,
    /// Where the bytes that it was given begin in the file.
    begin: usize,
    failed: bool,
}

/// Each stands behind the last thing that was read whole.
#[derive(Debug)]
enum Format<'a> {
    Classic { input: Cursor<'a>, nanoseconds: bool, link_type: u32 },
    Ng(ng::Sections<'a>),
}

/// What is known of a file after a part of it.
#[derive(Debug)]
pub struct Pause {
    // Of no bytes.
    format: Format<'static>,
}

impl Pause {
    /// Goes on: `bytes` begin with the first one that was not done with.
    pub fn packets(self, bytes: &[u8]) -> Packets<'_> {
        let format = match self.format {
            Format::Classic { input, nanoseconds, link_type } => {
                Format::Classic { input: input.over(bytes), nanoseconds, link_type }
            }
            Format::Ng(sections) => Format::Ng(sections.over(bytes)),
        };
        let begin = format.at();
        Packets::new(format, begin)
    }
}

impl Format<'_> {
    fn at(&self) -> usize {
        match self {
            Self::Classic { input, .. } => input.at,
            Self::Ng(sections) => sections.at(),
        }
    }
}

impl<'a> Packets<'a> {
    fn new(format: Format<'a>, begin: usize) -> Self {
        Self { format, begin, failed: false }
    }

    /// Stops: with how many bytes it has done, and what to go on with.
    pub fn pause(self) -> (usize, Pause) {
        let done = self.format.at() - self.begin;
        let format = match self.format {
            Format::Classic { input, nanoseconds, link_type } => {
                Format::Classic { input: input.over(&[]), nanoseconds, link_type }
            }
            Format::Ng(sections) => Format::Ng(sections.over(&[])),
        };
        (done, Pause { format })
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, PcapError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = match &mut self.format {
            Format::Classic { input, .. } if input.is_empty() => return None,
            Format::Classic { input, nanoseconds, link_type } => {
                let mut ahead = input.clone();
                classic(&mut ahead, *nanoseconds, *link_type).inspect(|_| *input = ahead)
            }
            Format::Ng(sections) => sections.next_packet().transpose()?,
        };
        self.failed = next.is_err();
        Some(next)
    }
}

fn classic<'a>(input: &mut Cursor<'a>, nanoseconds: bool, link_type: u32) -> Result<Packet<'a>, PcapError> {
    let (seconds, fraction) = (input.u32()?, input.u32()?);
    let (captured, _on_the_wire) = (input.u32()?, input.u32()?);
    let fraction = u64::from(fraction) * if nanoseconds { 1 } else { 1000 };
    let time = Duration::from_secs(seconds.into()) + Duration::from_nanos(fraction);
    Ok(Packet { time, link_type, bytes: input.bytes(captured as usize)? })
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Big,
    Little,
}

/// A position in the file; words in the byte order of the machine that wrote it.
#[derive(Clone, Debug)]
struct Cursor<'a> {
    rest: &'a [u8],
    at: usize,
    order: Order,
}

impl<'a> Cursor<'a> {
    fn new(bytes: &'a [u8], order: Order) -> Self {
        Self { rest: bytes, at: 0, order }
    }

    /// The same place of the file, over these bytes.
    fn over<'b>(&self, bytes: &'b [u8]) -> Cursor<'b> {
        Cursor { rest: bytes, at: self.at, order: self.order }
    }

    fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8], PcapError> {
        let left = self.rest.len();
        let cut = PcapError::Truncated { offset: self.at, wanted: count, left };
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(cut)?;
        self.rest = rest;
        self.at += count;
        Ok(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], PcapError> {
        let cut = PcapError::Truncated { offset: self.at, wanted: N, left: self.rest.len() };
        self.bytes(N)?.try_into().map_err(|_| cut)
    }

    fn u16(&mut self) -> Result<u16, PcapError> {
        let bytes = self.chunk()?;
        Ok(match self.order {
            Order::Big => u16::from_be_bytes(bytes),
            Order::Little => u16::from_le_bytes(bytes),
        })
    }

    fn u32(&mut self) -> Result<u32, PcapError> {
        let bytes = self.chunk()?;
        Ok(match self.order {
            Order::Big => u32::from_be_bytes(bytes),
            Order::Little => u32::from_le_bytes(bytes),
        })
    }
}

#[cfg(test)]
mod tests;
