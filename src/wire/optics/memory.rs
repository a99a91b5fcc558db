//! A module's memory as far as it was read: blocks of 128 bytes, addressed as the kernel's ethtool messages do.
//!
//! In: blocks, as they come. Out: bytes by the numbers that the specifications give them; [`Stop`] for what is not there.
//! Rule: a block that cannot be had is noted as such, so that nobody asks for it twice.

use std::collections::BTreeMap;

/// Bytes of a block.
pub const BLOCK_LEN: usize = 128;
const UPPER: u8 = 128;

/// Which block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    /// On the module's bus: 0x50, or 0x51 for the diagnostics of an SFP.
    pub address: u8,
    /// Of pages that there are several of.
    pub bank: u8,
    /// Of the upper half.
    pub page: u8,
    /// First byte: 0 or 128.
    pub offset: u8,
}

impl Block {
    /// The lower half, which every module has.
    pub const LOWER: Self = Self { address: 0x50, bank: 0, page: 0, offset: 0 };
    /// The lower half of an SFP's second address.
    pub const DIAGNOSTICS: Self = Self { address: 0x51, ..Self::LOWER };

    /// The upper half with this page.
    pub const fn upper(page: u8) -> Self {
        Self { page, offset: UPPER, ..Self::LOWER }
    }

    /// The upper half with this page of this bank.
    pub const fn banked(bank: u8, page: u8) -> Self {
        Self { bank, ..Self::upper(page) }
    }
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::LOWER => f.write_str("its lower memory"),
            Self::DIAGNOSTICS => f.write_str("its diagnostics (A2h)"),
            Self { bank: 0, page, .. } => write!(f, "its page {page:02x}h"),
            Self { bank, page, .. } => write!(f, "its page {page:02x}h of bank {bank}"),
        }
    }
}

/// The blocks that were read.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    blocks: BTreeMap<Block, Option<[u8; BLOCK_LEN]>>,
}

/// Why there are no readings, or not yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// This block has to be read first.
    Wanted {
        /// Which.
        block: Block,
        /// Without it there is nothing; else less.
        vital: bool,
    },
    /// There is nothing to measure, and nothing wrong.
    NoOptics(NoOptics),
    /// The memory cannot be what it says.
    Fault(Fault),
}

/// Why a module measures no light.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoOptics {
    /// Copper, with or without electronics.
    #[error("it is a copper cable or module, which has no optics")]
    Copper,
    /// Not in its memory.
    #[error("it does not measure anything")]
    NoDiagnostics,
    /// Its diagnostics are behind a switch that belongs to the driver (SFF-8472 byte 92, bit 2).
    #[error("its diagnostics need a change of address, which no driver does")]
    AddressChange,
    /// A kind of module that has no memory map known here.
    #[error("it is of kind 0x{0:02x} (SFF-8024), which has no known readings")]
    Identifier(u8),
}

/// What is wrong with a module's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bytes do not add up.
    #[error("{block} is broken: checksum {name} is 0x{stored:02x}, its bytes add up to 0x{computed:02x}")]
    Checksum {
        /// Where.
        block: Block,
        /// As the specification calls it.
        name: &'static str,
        /// As it is there.
        stored: u8,
        /// As it should be.
        computed: u8,
    },
    /// Nobody answers on the bus, or nothing was ever written there.
    #[error("{block} is blank: every byte is 0x{byte:02x}")]
    Blank {
        /// Where.
        block: Block,
        /// Each byte.
        byte: u8,
    },
    /// It has just been plugged in.
    #[error("it is not ready to be read")]
    NotReady,
    /// Calibration constants that are no numbers, or make readings that nothing can have.
    #[error("its calibration of {0} makes no sense")]
    Calibration(&'static str),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Memory {
    /// Notes a block, or that it cannot be had.
    pub fn put(&mut self, block: Block, bytes: Option<[u8; BLOCK_LEN]>) {
        self.blocks.insert(block, bytes);
    }

    /// A block without which there is nothing.
    pub(super) fn vital(&self, block: Block) -> Result<View<'_>, Stop> {
        let missing = Stop::Wanted { block, vital: true };
        let bytes = self.blocks.get(&block).and_then(Option::as_ref).ok_or(missing)?;
        Ok(View { block, bytes }.written()?)
    }

    /// A block that tells more; `None` where it cannot be had.
    pub(super) fn optional(&self, block: Block) -> Result<Option<View<'_>>, Stop> {
        let bytes = self.blocks.get(&block).ok_or(Stop::Wanted { block, vital: false })?;
        Ok(bytes.as_ref().map(|bytes| View { block, bytes }))
    }
}

/// A block whose bytes are counted as the specifications do: those of an upper half from 128 on.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    block: Block,
    bytes: &'a [u8; BLOCK_LEN],
}

impl<'a> View<'a> {
    /// Itself, where it is more than one byte again and again.
    pub(super) fn written(self) -> Result<Self, Fault> {
        let [byte, ..] = *self.bytes;
        if matches!(byte, 0 | 0xff) && self.bytes.iter().all(|other| *other == byte) {
            return Err(Fault::Blank { block: self.block, byte });
        }
        Ok(self)
    }

    pub(super) fn byte(self, at: usize) -> u8 {
        self.bytes.get(at % BLOCK_LEN).copied().unwrap_or_default()
    }

    pub(super) fn bit(self, at: usize, bit: u8) -> bool {
        self.byte(at) >> bit & 1 == 1
    }

    pub(super) fn u16(self, at: usize) -> u16 {
        u16::from_be_bytes([self.byte(at), self.byte(at + 1)])
    }

    pub(super) fn i16(self, at: usize) -> i16 {
        self.u16(at).cast_signed()
    }

    pub(super) fn f32(self, at: usize) -> f32 {
        f32::from_be_bytes([0, 1, 2, 3].map(|place| self.byte(at + place)))
    }

    /// Itself, where the byte behind these is their sum.
    pub(super) fn summed(self, name: &'static str, first: usize, sum_at: usize) -> Result<Self, Fault> {
        let computed = (first..sum_at).fold(0_u8, |sum, at| sum.wrapping_add(self.byte(at)));
        let stored = self.byte(sum_at);
        if stored == computed {
            Ok(self)
        } else {
            Err(Fault::Checksum { block: self.block, name, stored, computed })
        }
    }
}
