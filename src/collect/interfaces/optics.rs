//! Reading a port's transceiver.
//!
//! In: a port. Out: its [`Readings`], or why there are none. Rules: only blocks that the kind of module needs are read; a
//! block that can be done without and cannot be had costs only itself. Blocks come by ethtool's netlink messages, or
//! by the older ioctl where the kernel has none (before 5.13). Each takes 10 ms and more, and the kernel's lock of all network
//! configuration with it, so callers read one port at a time, on a thread of their own. Needs `CAP_NET_ADMIN`. Spec:
//! [`crate::wire::optics`], `linux/ethtool.h`.

mod eeprom;
pub mod record;
#[cfg(test)]
mod tests;

pub use eeprom::Kernel;

use crate::sys::SysError;
use crate::sys::errno::{EACCES, EOPNOTSUPP, EPERM};
use crate::wire::optics::{self, Block, Fault, Memory, NoOptics, Readings, Stop};

/// More than any module needs: four banks, and six pages beside them.
const MOST_BLOCKS: usize = 12;

/// Whose transceiver.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Port {
    /// ifIndex.
    pub index: u32,
    /// Name.
    pub name: String,
}

/// Where blocks come from.
pub trait Eeprom {
    /// Reads a block; blocks the thread while the bus is asked.
    ///
    /// # Errors
    /// The kernel's, or its driver's.
    fn read_block(&mut self, port: &Port, block: Block) -> Result<[u8; 128], SysError>;
}

/// Why a port has no readings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpticsError {
    /// The driver has no such operation: not a port for transceivers, most likely.
    #[error("its driver reads no transceivers")]
    Unsupported,
    /// No such device: the port is no more, or, as some drivers say it, its cage is empty.
    #[error("its driver finds no module")]
    Gone,
    /// A privilege is missing.
    #[error("reading transceivers needs CAP_NET_ADMIN, which the agent was started without: restart it")]
    Denied,
    /// There is nothing to measure.
    #[error("{0}")]
    NoOptics(NoOptics),
    /// The module's memory is broken.
    #[error("{0}")]
    Fault(Fault),
    /// The work ended in a panic, which the log has.
    #[error("a fault of the program, please report it")]
    Program,
    /// The memory cannot be read.
    #[error("{block}: {}", std::io::Error::from_raw_os_error(*.errno))]
    Read {
        /// Where.
        block: Block,
        /// The driver's answer.
        errno: i32,
    },
}

/// Reads what the port's transceiver measures.
///
/// # Errors
/// There is nothing to be had, or not now.
pub fn read(eeprom: &mut impl Eeprom, port: &Port) -> Result<Readings, OpticsError> {
    let mut memory = Memory::default();
    for _ in 0..MOST_BLOCKS {
        let (block, vital) = match optics::parse(&memory) {
            Ok(readings) => return Ok(readings),
            Err(Stop::NoOptics(reason)) => return Err(OpticsError::NoOptics(reason)),
            Err(Stop::Fault(fault)) => return Err(OpticsError::Fault(fault)),
            Err(Stop::Wanted { block, vital }) => (block, vital),
        };
        match eeprom.read_block(port, block) {
            Ok(bytes) => memory.put(block, Some(bytes)),
            Err(error) if vital || error.is_gone() => return Err(refused(&error, block)),
            Err(_) => memory.put(block, None),
        }
    }
    Err(OpticsError::Fault(Fault::NotReady))
}

fn refused(error: &SysError, block: Block) -> OpticsError {
    match error.errno {
        _ if error.is_gone() => OpticsError::Gone,
        // In the middle of a module it is one block that the driver cannot read.
        EOPNOTSUPP if block == Block::LOWER => OpticsError::Unsupported,
        EPERM | EACCES => OpticsError::Denied,
        errno => OpticsError::Read { block, errno },
    }
}
