//! The kernel's two ways to a transceiver's memory.
//!
//! In: a port and a block. Out: its 128 bytes. Rule: netlink first, which knows pages and banks; where it has no such
//! operation the older ioctl, which has one flat range of bytes: what a page is there depends on the kind of module.
//! Spec: Documentation/networking/ethtool-netlink.rst, `struct ethtool_eeprom` in `linux/ethtool.h`.

use super::{Eeprom, Port};
use crate::collect::interfaces::error::InterfaceError;
use crate::collect::interfaces::query::{Query, Question};
use crate::sys::SysError;
use crate::sys::errno::EOPNOTSUPP;
use crate::sys::ethtool::Ethtool;
use crate::sys::netlink::{Netlink, Protocol};
use crate::wire::netlink::module_eeprom::{self, Place};
use crate::wire::netlink::{ethtool, generic};
use crate::wire::optics::Block;
use nix::errno::Errno;

const RECEIVE_BYTES: usize = 64 * 1024;
const GET_FAMILY: Question = Question { name: "CTRL_CMD_GETFAMILY", slot: 8192, batch: 1 };
const GET_EEPROM: Question = Question { name: "ETHTOOL_MSG_MODULE_EEPROM_GET", slot: 4096, batch: 1 };
/// What the ioctl gives of a module with CMIS: pages 00h, 01h, 02h, 10h and 11h behind the lower memory.
const FLAT_CMIS: u32 = 768;

/// The kernel of the network namespace in which it was opened.
#[derive(Debug)]
pub struct Kernel {
    query: Query<Netlink>,
    /// The ethtool family; none before Linux 5.6.
    family: Option<u16>,
    ethtool: Ethtool,
}

impl Kernel {
    /// Opens both.
    ///
    /// # Errors
    /// There are no such sockets.
    pub fn open() -> Result<Self, SysError> {
        let mut query = Query::new(Netlink::open(Protocol::Generic, RECEIVE_BYTES)?);
        let mut family = None;
        let write =
            |buffer: &mut Vec<u8>, sequence, ()| generic::get_family(buffer, sequence, ethtool::FAMILY);
        // Without an answer the ioctl is left.
        let _ = query.ask(&GET_FAMILY, &[()], write, |(), answer| {
            let found = answer.ok().and_then(|message| generic::Family::parse(message.payload).ok());
            family = found.map(|found| found.id);
        });
        Ok(Self { query, family, ethtool: Ethtool::open()? })
    }

    fn by_netlink(&mut self, port: &Port, block: Block) -> Result<[u8; 128], SysError> {
        let refused = |errno| Err(SysError::new(GET_EEPROM.name, port.name.as_str(), errno));
        let Some(family) = self.family else { return refused(Errno::EOPNOTSUPP) };
        let Block { address, bank, page, offset } = block;
        let place = Place { address, bank, page, offset };
        let write = |buffer: &mut Vec<u8>, sequence, index| {
            module_eeprom::get(buffer, sequence, family, index, place);
        };
        let mut read = refused(Errno::EIO);
        let asked = self.query.ask(&GET_EEPROM, &[port.index], write, |_, answer| {
            read = match answer.map(|message| module_eeprom::parse(message.payload)) {
                Ok(Ok(bytes)) => Ok(bytes),
                Ok(Err(_)) => refused(Errno::EPROTO),
                Err(errno) => refused(Errno::from_raw(errno)),
            };
        });
        match asked {
            Ok(()) => read,
            Err(InterfaceError::Sys(error)) => Err(error),
            Err(InterfaceError::Refused { errno, .. }) => refused(Errno::from_raw(errno)),
            Err(InterfaceError::Silent { .. }) => refused(Errno::ETIMEDOUT),
        }
    }

    fn by_ioctl(&self, port: &Port, block: Block) -> Result<[u8; 128], SysError> {
        let length = self.ethtool.module_len(&port.name)?;
        let offset = flat(block, length);
        let offset = offset.filter(|offset| offset + 128 <= length);
        let beyond = || SysError::new("ETHTOOL_GMODULEEEPROM", port.name.as_str(), Errno::EINVAL);
        self.ethtool.module_bytes(&port.name, offset.ok_or_else(beyond)?)
    }
}

impl Eeprom for Kernel {
    fn read_block(&mut self, port: &Port, block: Block) -> Result<[u8; 128], SysError> {
        match self.by_netlink(port, block) {
            Err(error) if error.errno == EOPNOTSUPP => self.by_ioctl(port, block),
            answer => answer,
        }
    }
}

/// Where the ioctl has a block; `None` where it has none.
fn flat(block: Block, length: u32) -> Option<u32> {
    match block {
        Block::LOWER => Some(0),
        Block::DIAGNOSTICS => Some(256),
        Block { address: 0x50, bank: 0, page: 0x11, .. } if length == FLAT_CMIS => Some(640),
        Block { address: 0x50, bank: 0, page: page @ 0..=3, .. } => Some(128 + 128 * u32::from(page)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::errno::EPERM;

    #[test]
    fn pages_lie_one_behind_the_other_in_the_flat_range() {
        let at = |block, length| flat(block, length);
        assert_eq!((at(Block::LOWER, 256), at(Block::DIAGNOSTICS, 512)), (Some(0), Some(256)));
        assert_eq!((at(Block::upper(0), 640), at(Block::upper(3), 640)), (Some(128), Some(512)));
        assert_eq!((at(Block::upper(2), 768), at(Block::upper(0x11), 768)), (Some(384), Some(640)));
        assert_eq!((at(Block::upper(0x11), 640), at(Block::banked(1, 0x11), 768)), (None, None));
    }

    #[test]
    fn a_driver_without_transceivers_is_told_from_an_interface_that_is_not_there() {
        let mut kernel = Kernel::open().unwrap();
        let mut errno = |index, name: &str| {
            let port = Port { index, name: name.to_owned() };
            kernel.read_block(&port, Block::LOWER).unwrap_err()
        };
        let loopback = errno(1, "lo").errno;
        if loopback == EPERM {
            return eprintln!("SKIP: reading transceivers needs CAP_NET_ADMIN");
        }
        assert_eq!(loopback, EOPNOTSUPP);
        assert!(errno(0x7fff_fff0, "nosuchport0").is_gone());
    }
}
