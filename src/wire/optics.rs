//! What a pluggable transceiver measures of itself: SFP (SFF-8472), QSFP (SFF-8436, SFF-8636), and CMIS (QSFP-DD, OSFP).
//!
//! In: [`Memory`], the blocks of the module's memory that were read so far. Out: [`Readings`], or [`Stop`]: which block is
//! needed next, that the module has no optics to measure, or what is wrong with its memory. So only blocks that are needed
//! are read, each of which takes the bus 10 ms and more. Rules: a monitor that the module does not have is `None`; nothing
//! is believed of a block whose checksum is wrong or that is all ones. Spec: SFF-8472 rev 12.4, SFF-8636 rev 2.10a,
//! OIF-CMIS 5.2, identifiers in SFF-8024.

mod cmis;
pub mod memory;
mod sff8472;
mod sff8636;
#[cfg(test)]
pub(crate) mod tests;
mod unit;

pub use memory::{Block, Fault, Memory, NoOptics, Stop};

/// What a module measures now, and between which limits it should be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readings {
    /// Supply voltage in millivolts.
    pub voltage_mv: Option<u32>,
    /// Thousandths of a degree Celsius.
    pub temperature_mc: Option<i32>,
    /// By place, from lane 1 on; at least one.
    pub lanes: Vec<Lane>,
    /// What is wrong, though the rest can be used.
    pub flaw: Option<Fault>,
}

/// One lane: a laser, and the light of the one at the other end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    /// Current of the laser in microamperes.
    pub bias_ua: Option<u32>,
    /// Light that leaves.
    pub tx: Power,
    /// Light that arrives.
    pub rx: Power,
    /// Of the laser, in nanometres.
    pub wavelength_nm: Option<u32>,
}

/// An optical power in microwatts, and its alarm limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Power {
    /// Now; 0 is no light.
    pub now_uw: Option<u32>,
    /// Below it the module raises an alarm.
    pub min_uw: Option<u32>,
    /// Above it the module raises an alarm.
    pub max_uw: Option<u32>,
}

/// Reads what there is.
///
/// # Errors
/// [`Stop`] says which block is needed, or why there is nothing to be had.
pub fn parse(memory: &Memory) -> Result<Readings, Stop> {
    let lower = memory.vital(Block::LOWER)?;
    match lower.byte(0) {
        sff8472::SOLDERED | sff8472::SFP | sff8472::DWDM_SFP => sff8472::parse(memory, lower),
        sff8636::QSFP | sff8636::QSFP_PLUS | sff8636::QSFP28 => sff8636::parse(memory, lower),
        identifier if cmis::IDENTIFIERS.contains(&identifier) => cmis::parse(memory, lower),
        identifier => Err(Stop::NoOptics(NoOptics::Identifier(identifier))),
    }
}
